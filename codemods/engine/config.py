"""What a project asks for in ``[tool.tf-codemods]`` of its ``pyproject.toml``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codemods.engine import registry

_VERSION = re.compile(r"\d+(\.\d+){0,2}")


class ConfigError(ValueError):
    """A configuration that can't be followed; the message names the file and the key."""


@dataclass(frozen=True)
class Config:
    """A project's wishes.

    Attributes:
        select: names of the codemods to run; all where empty.
        ignore: names of those to leave out.
        exclude: patterns of files to leave alone, as in a ``.gitignore``.
        unsafe: make the rewrites that change behaviour too.
        target: the TensorFlow version that the code is for.
        file: where it is written; the patterns are relative to its folder.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    unsafe: bool = False
    target: str | None = None
    file: Path | None = None


def find(paths: Sequence[Path]) -> Config:
    """Return the configuration for some paths: of the nearest file, from their common folder upward.

    A ``pyproject.toml`` that says nothing of this tool is passed over.

    Args:
        paths: absolute paths.

    Raises:
        ConfigError: the file is no TOML, or asks for something that isn't there.
    """
    common = _common_folder(paths)
    for folder in (common, *common.parents):
        file = folder / "pyproject.toml"
        if file.is_file() and (table := _table(file)) is not None:
            return _config(file, table)
    return Config()


def load(file: Path) -> Config:
    """Return the configuration in a file that was named.

    Raises:
        ConfigError: as for :func:`find`, or there is none in it.
    """
    table = _table(file)
    if table is None:
        raise ConfigError(f"{file}: there is no table [tool.tf-codemods] in it")
    return _config(file, table)


def _common_folder(paths: Sequence[Path]) -> Path:
    folders = [path if path.is_dir() else path.parent for path in paths]
    first, *others = folders
    for folder in (first, *first.parents):
        if all(other.is_relative_to(folder) for other in others):
            return folder
    return first


def _table(file: Path) -> dict[str, Any] | None:
    try:
        data = file.read_bytes()
        if b"tf-codemods" not in data and b"tf_codemods" not in data:
            return None
        tools = _parse(data.decode()).get("tool", {})
        table = tools.get("tf-codemods")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from error
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{file}: this is not valid TOML: {error}") from error
    if "tf_codemods" in tools:
        raise ConfigError(f"{file}: the table is called [tool.tf-codemods], not [tool.tf_codemods]")
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f"{file}: tool.tf-codemods must be a table")
    return table


def _parse(text: str) -> dict[str, Any]:
    # Here, since few runs have a configuration to read.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _config(file: Path, table: dict[str, Any]) -> Config:
    for key, value in table.items():
        if key not in _CHECKS:
            meant = registry.nearest(key, list(_CHECKS))
            raise ConfigError(f"{file}: [tool.tf-codemods] has the unknown key {key!r}; {meant}")
        wrong = _CHECKS[key](value)
        if wrong:
            raise ConfigError(f"{file}: [tool.tf-codemods] {key} {wrong}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return Config(**values, file=file)


# Each returns what is wrong with a value, if anything is. -----------------------------------------


def _list_of_text(value: object) -> str | None:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return None
    return f"must be a list of strings, not {value!r}"


def _names(value: Any) -> str | None:
    wrong = _list_of_text(value)
    if wrong is None:
        try:
            registry.select(value)
        except registry.UnknownCodemodError as error:
            return f"is wrong: {error}"
    return wrong


def _flag(value: object) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {value!r}"


def is_version(text: str) -> bool:
    """Tell whether a text is a TensorFlow version such as "2.21"."""
    return _VERSION.fullmatch(text) is not None


def _version(value: object) -> str | None:
    if isinstance(value, str) and is_version(value):
        return None
    return f'must be a TensorFlow version such as "2.21", not {value!r}'


_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "select": _names,
    "ignore": _names,
    "exclude": _list_of_text,
    "unsafe": _flag,
    "target": _version,
}
