"""Find what is to blame: the least set of things to leave out until all is well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def least(items: Sequence[T], enough: Callable[[frozenset[T]], bool]) -> frozenset[T]:
    """Returns a set that is enough, and isn't without any one of its items.

    This is `ddmin` of Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002): one item
    among n is found with at most 2 log n questions. It asks for no order and no independence of the items: where
    one makes sense only with another, both remain together.

    Args:
        items: all of them are enough, none of them isn't.
        enough: asked about sets that are neither empty nor all; it may be asked about a set twice.
    """
    rest = list(items)
    parts = 2
    while len(rest) > 1:
        size = -(-len(rest) // parts)
        chunks = [rest[start : start + size] for start in range(0, len(rest), size)]
        others = [[item for item in rest if item not in chunk] for chunk in chunks if len(chunks) > 2]
        for number, candidate in enumerate([*chunks, *others]):
            if enough(frozenset(candidate)):
                rest = candidate
                parts = 2 if number < len(chunks) else max(2, len(chunks) - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(rest), 2 * parts)
    return frozenset(rest)
