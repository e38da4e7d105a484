"""Where code can stand that must run once, before some other code: which loops, which blocks, which names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import cast

from codemods.analysis.module import Function, Module

Frame = ast.Module | Function
Loop = ast.For | ast.AsyncFor | ast.While
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def start(node: ast.AST) -> tuple[int, int]:
    """Return where a node begins; of two statements on one line, the later one begins later."""
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def end(node: ast.AST) -> tuple[int, int]:
    """Return where a node ends."""
    return getattr(node, "end_lineno", None) or 0, getattr(node, "end_col_offset", None) or 0


def frame(module: Module, node: ast.AST) -> Frame:
    """Return the function, or the module, that a node runs in."""
    return module.function(node) or module.tree


def loops(module: Module, node: ast.AST) -> list[Loop]:
    """Return the loops around a node in its frame, innermost first."""
    found: list[Loop] = []
    for ancestor in module.ancestors(node):
        if isinstance(ancestor, _FUNCTIONS):
            break
        if isinstance(ancestor, _LOOPS):
            found.append(ancestor)
    return found


def before(module: Module, nodes: Sequence[ast.AST], made: Iterable[ast.AST]) -> ast.stmt:
    """Return the statement to put code before, so that it runs before some nodes of one frame.

    It is the outermost loop around them all that nothing in ``made`` stands in; without a loop, the first
    statement with one of them.
    """
    chains = [_statements(module, node) for node in nodes]
    blocks = [[id(module.block(statement)) for statement in chain] for chain in chains]
    common = next((block for block in reversed(blocks[0]) if all(block in other for other in blocks)), blocks[0][0])
    firsts = [chain[block.index(common)] for chain, block in zip(chains, blocks, strict=True)]
    best = min(firsts, key=lambda statement: (statement.lineno, statement.col_offset))
    made = list(made)
    for ancestor in _statements(module, best)[::-1]:
        if any(ancestor in module.ancestors(node) for node in made):
            break
        if isinstance(ancestor, _LOOPS):
            best = ancestor
    return best


def _statements(module: Module, node: ast.AST) -> list[ast.stmt]:
    """Return the statements of a frame around a node, outermost first, its own last."""
    found = [module.statement(node)]
    for ancestor in module.ancestors(found[0]):
        if isinstance(ancestor, (*_FUNCTIONS, ast.ClassDef)):
            break
        if isinstance(ancestor, ast.stmt):
            found.append(ancestor)
    return found[::-1]


def runs_before(module: Module, nodes: Iterable[ast.AST], anchor: ast.stmt) -> bool:
    """Tell whether, wherever a statement is reached, one of some nodes of its frame has been run."""
    wanted = {module.statement(node) for node in nodes}
    for statement in _statements(module, anchor):
        block = module.block(statement)
        if any(_surely(earlier, wanted) for earlier in block[: block.index(statement)]):
            return True
        if statement in wanted and statement is not anchor:
            return True  # the head of a loop or a ``with``
    return False


def surely_runs(module: Module, block: Iterable[ast.stmt], nodes: Iterable[ast.AST]) -> bool:
    """Tell whether a block runs one of some nodes, whichever branches it takes."""
    wanted = {module.statement(node) for node in nodes}
    return any(_surely(statement, wanted) for statement in block)


def _surely(statement: ast.stmt, wanted: set[ast.stmt]) -> bool:
    if isinstance(statement, ast.If):
        if asks_for_main(statement.test):  # what needs it is run as a script, or not at all
            return any(_surely(each, wanted) for each in statement.body)
        branches = (statement.body, statement.orelse)
        return all(any(_surely(each, wanted) or _leaves(each) for each in branch) for branch in branches)
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return statement in wanted or any(_surely(each, wanted) for each in statement.body)
    if isinstance(statement, ast.Try):
        ways = [[*statement.body, *statement.orelse], *(handler.body for handler in statement.handlers)]
        sure = all(any(_surely(each, wanted) or _leaves(each) for each in way) for way in ways)
        return sure or any(_surely(each, wanted) for each in statement.finalbody)
    return statement in wanted and not isinstance(statement, _LOOPS)


def _leaves(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.Return, ast.Raise, ast.Continue, ast.Break))


def asks_for_main(test: ast.expr) -> bool:
    """Tell whether a condition asks whether the module is run as a script."""
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def has_comment(module: Module, statement: ast.stmt) -> bool:
    """Tell whether a comment stands behind a statement, or directly above it."""
    line = module.lines[cast("int", statement.end_lineno) - 1].encode()
    above = module.lines[statement.lineno - 2].strip() if statement.lineno > 1 else ""
    return b"#" in line[cast("int", statement.end_col_offset) :] or above.startswith("#")


def short(node: ast.AST) -> str:
    """Return code as a sentence can quote it: its first line, and no more than 60 characters."""
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= 60 else text[:57] + "..."
