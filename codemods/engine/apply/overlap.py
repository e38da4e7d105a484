"""Which rewrites exclude each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from codemods.analysis.places import end, start
from codemods.engine.codemod import AddArgument, AddImport, Edit, Move, Remove, Rename, Replace, Rewrite, Unwrap, Wrap

Position = tuple[int, int]
_EXCLUSIVE = (Remove, Replace, Unwrap)


def _span(node: ast.AST) -> tuple[Position, Position]:
    """Return where a node begins, with its decorators, and where it ends."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([(each.lineno - 1, 0) for each in decorators[:1]] + [start(node)]), end(node)


def _nodes(edit: Edit) -> Iterator[tuple[ast.AST, bool]]:
    """Yield each node that an edit names, and whether it lays claim to all that is inside."""
    if isinstance(edit, AddImport):
        return
    yield edit.node, isinstance(edit, _EXCLUSIVE) and not isinstance(edit, Unwrap)
    if isinstance(edit, Wrap) and edit.instead is not None:
        yield edit.instead, True
    for move in moved_by(edit):
        yield move.node, True


def moved_by(edit: Edit) -> Iterator[Move]:
    """Yield what an edit carries into new code, at any depth."""
    code = next((found for name in ("code", "value", "head") if (found := getattr(edit, name, None))), None)
    for part in code if isinstance(code, tuple) else ():
        if isinstance(part, Move):
            yield part
            for inner in part.edits:
                yield from moved_by(inner)


def overlap(one: Rewrite, other: Rewrite) -> bool:
    """Tell whether two rewrites change the same code, so that only one can be made in a pass."""
    runs = [edit for edit in one.edits if isinstance(edit, Wrap)]
    other_runs = [edit for edit in other.edits if isinstance(edit, Wrap)]
    if any(a.node.lineno <= end(b.last)[0] and b.node.lineno <= end(a.last)[0] for a in runs for b in other_runs):
        return True
    for edit in one.edits:
        for node, exclusive in _nodes(edit):
            first, last = _span(node)
            for other_edit in other.edits:
                for other_node, other_exclusive in _nodes(other_edit):
                    if not (exclusive or other_exclusive):
                        if node is other_node and _same(edit, other_edit):
                            return True
                        continue
                    other_first, other_last = _span(other_node)
                    inside = other_first <= first and last <= other_last
                    around = first <= other_first and other_last <= last
                    if (other_exclusive and inside) or (exclusive and around):
                        return True
    return False


def _same(one: Edit, other: Edit) -> bool:
    """Tell whether two edits of one node would do the same twice."""
    if isinstance(one, AddArgument) and isinstance(other, AddArgument):
        return one.name is not None and one.name == other.name
    return type(one) is type(other) and isinstance(one, (Unwrap, Rename))
