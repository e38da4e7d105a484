"""The codemods there are: every module directly under ``codemods`` is one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache

import codemods
from codemods.engine.codemod import Codemod


class UnknownCodemodError(ValueError):
    """A name that no codemod has; the message says which there are."""


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
    if name not in names():
        raise UnknownCodemodError(f"there is no codemod {name!r}; there are {', '.join(names())}")
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
        if name not in names():
            raise UnknownCodemodError(f"there is no codemod {name!r}; there are {', '.join(names())}")
    return tuple(name for name in names() if (not select or name in select) and name not in ignore)
