"""Where an import that is missing goes."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from codemods.engine.codemod import AddImport, InsertAfter, InsertBefore, NodeEdit, Replace

_IMPORT_WIDTH = 88  # a longer import is split in two


_Import = ast.Import | ast.ImportFrom


def importing(tree: ast.Module, lines: Sequence[str], imports: Mapping[AddImport, int]) -> Iterator[NodeEdit]:
    """Yield the edits that import what isn't there, behind the top-level imports above the line given for each."""
    new: dict[tuple[_Import | None, bool], list[str]] = {}
    for module in dict.fromkeys(edit.module for edit in imports):
        before = min(line for edit, line in imports.items() if edit.module == module)
        above = [statement for statement in tree.body if cast("int", statement.end_lineno) < before]
        found = [statement for statement in above if isinstance(statement, (ast.Import, ast.ImportFrom))]
        there = {name for statement in found for name in _imported(statement)}
        named = {edit.name: edit for edit in imports if edit.module == module and (module, edit.name) not in there}
        code = [_import_line(edit) for edit in named.values() if edit.name is None or edit.comment is not None]
        names = [edit.name for edit in named.values() if edit.name is not None and edit.comment is None]
        if names:
            longer = _longer(lines, found, module, names)
            yield from longer
            code += [] if longer else [f"from {module} import {', '.join(names)}"]
        if code:
            new.setdefault(_place(lines, found, module), []).extend(code)
    for (beside, first), code in new.items():
        text = "\n".join(code)
        if beside is not None:
            future = isinstance(beside, ast.ImportFrom) and beside.module == "__future__"
            yield InsertBefore(beside, text + "\n\n") if first else InsertAfter(beside, "\n" * future + text)
        elif ast.get_docstring(tree, clean=False) is not None:
            yield InsertAfter(tree.body[0], "\n" + text)
        else:
            yield InsertBefore(tree.body[0], text)


def _place(lines: Sequence[str], found: Sequence[_Import], module: str) -> tuple[_Import | None, bool]:
    """Return the import to put another beside, None if there is none, and whether the other goes first."""
    if not found:
        return None, False
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return found[-1], False
    # The standard library's imports come first, in a group of their own.
    standard = [statement for statement in found if _is_standard(statement)]
    if standard:
        return standard[-1], False
    heading = "".join(lines[found[0].lineno - 2 : found[0].lineno - 1]).strip()
    return (found[-1], False) if heading else (found[0], True)


def _longer(lines: Sequence[str], found: Sequence[_Import], module: str, names: Sequence[str]) -> list[NodeEdit]:
    """Return the edit that adds names to an import of one line that is there, where it stays short."""
    for statement in found:
        line = lines[statement.lineno - 1].rstrip("\r\n")
        written = ast.unparse(statement)
        longer = ", ".join([written, *names])
        if (
            isinstance(statement, ast.ImportFrom)
            and written.startswith(f"from {module} import ")
            and line == written
            and not written.endswith("*")
            and len(longer) <= max(_IMPORT_WIDTH, len(line))
        ):
            return [Replace(statement, longer)]
    return []


def _imported(statement: _Import) -> Iterator[tuple[str, str | None]]:
    """Yield what an import imports under its own name, as an ``AddImport`` says it."""
    for alias in statement.names:
        written = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
        if isinstance(statement, ast.Import):
            yield written, None
        else:
            yield "." * statement.level + (statement.module or ""), written


def _is_standard(statement: _Import) -> bool:
    names = [statement.module or "."] if isinstance(statement, ast.ImportFrom) else [a.name for a in statement.names]
    return all(name.partition(".")[0] in sys.stdlib_module_names for name in names)


def _import_line(edit: AddImport) -> str:
    line = f"from {edit.module} import {edit.name}" if edit.name else f"import {edit.module}"
    return line if edit.comment is None else f"{line}  # {edit.comment}"
