"""Where an import that is missing goes."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from typing import cast

from codemods.engine.codemod import AddImport, InsertAfter, InsertBefore, NodeEdit, Replace

_IMPORT_WIDTH = 88  # a longer import is split in two


def importing(tree: ast.Module, lines: Sequence[str], imports: Sequence[AddImport], before: int) -> list[NodeEdit]:
    """Return the edits that import what isn't there, behind the top-level imports above a line."""
    above = [statement for statement in tree.body if cast("int", statement.end_lineno) < before]
    found = [statement for statement in above if isinstance(statement, (ast.Import, ast.ImportFrom))]
    there = {name for statement in found for name in _imported(statement)}
    named = {(edit.module, edit.name): edit for edit in imports}
    wanted = [edit for key, edit in named.items() if key not in there]
    edits: list[NodeEdit] = []
    new: list[str] = []
    for module in dict.fromkeys(edit.module for edit in wanted):
        mine = [edit for edit in wanted if edit.module == module]
        new += [_import_line(edit) for edit in mine if edit.name is None or edit.comment is not None]
        names = [edit.name for edit in mine if edit.name is not None and edit.comment is None]
        if names:
            longer = _longer(lines, found, module, names)
            edits += longer
            new += [] if longer else [f"from {module} import {', '.join(names)}"]
    if not new:
        return edits
    code = "\n".join(new)
    if found:
        standard = [statement for statement in found if _is_standard(statement)]
        # The standard library's imports come first.
        own = standard and all(edit.module.partition(".")[0] in sys.stdlib_module_names for edit in wanted)
        return [*edits, InsertAfter(standard[-1] if own else found[-1], code)]
    first = tree.body[0]
    if ast.get_docstring(tree, clean=False) is not None:
        return [*edits, InsertAfter(first, "\n" + code)]
    return [*edits, InsertBefore(first, code)]


def _longer(
    lines: Sequence[str], found: Sequence[ast.Import | ast.ImportFrom], module: str, names: Sequence[str]
) -> list[NodeEdit]:
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


def _imported(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str | None]]:
    """Yield what an import imports under its own name, as an ``AddImport`` says it."""
    for alias in statement.names:
        written = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
        if isinstance(statement, ast.Import):
            yield written, None
        else:
            yield "." * statement.level + (statement.module or ""), written


def _is_standard(statement: ast.Import | ast.ImportFrom) -> bool:
    names = [statement.module or "."] if isinstance(statement, ast.ImportFrom) else [a.name for a in statement.names]
    return all(name.partition(".")[0] in sys.stdlib_module_names for name in names)


def _import_line(edit: AddImport) -> str:
    line = f"from {edit.module} import {edit.name}" if edit.name else f"import {edit.module}"
    return line if edit.comment is None else f"{line}  # {edit.comment}"
