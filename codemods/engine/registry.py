"""The codemods there are: every module directly under ``codemods`` is one."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache

import codemods
from codemods.engine.codemod import Codemod


class UnknownCodemodError(ValueError):
    """A name that no codemod has; the message says which was meant, or which there are."""


@cache
def names() -> tuple[str, ...]:
    """Return the names of all codemods, sorted, without importing them."""
    modules = (info for info in pkgutil.iter_modules(codemods.__path__) if not info.ispkg)
    return tuple(sorted(info.name.replace("_", "-") for info in modules if info.name != "__main__"))


@cache
def load(name: str) -> Codemod:
    """Return the codemod of a name.

    Raises:
        UnknownCodemodError: there is none.
    """
    _check(name)
    module = importlib.import_module(f"codemods.{name.replace('-', '_')}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Codemod) and value.__module__ == module.__name__
    ]
    (codemod,) = found
    return codemod()


def select(select: Sequence[str] = (), ignore: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the codemods to run, in their fixed order.

    Args:
        select: names to run; all where empty.
        ignore: names to leave out.

    Raises:
        UnknownCodemodError: a name in either is not a codemod's.
    """
    for name in (*select, *ignore):
        _check(name)
    return tuple(name for name in names() if (not select or name in select) and name not in ignore)


def nearest(name: str, known: Sequence[str]) -> str:
    """Return which of the names that are known may be meant by one that isn't, as the end of a sentence."""
    near = difflib.get_close_matches(name.lower().replace("_", "-"), known, 1, 0.5)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def _check(name: str) -> None:
    if name not in names():
        raise UnknownCodemodError(f"there is no codemod {name!r}; {nearest(name, names())}")
