"""Where a function returns, and which of its values are there then."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator, Sequence

from codemods.analysis.module import Function, Module

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_OTHERS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)

Exit = ast.Return | None
"""A return statement, or the end of the function's body (None)."""


class Made(enum.Enum):
    """Whether what a statement makes is there when a function returns."""

    ALWAYS = enum.auto()
    NEVER = enum.auto()
    PERHAPS = enum.auto()


def exits(function: Function) -> list[Exit]:
    """Return every place where a function returns, its end last, if a run can reach it."""
    found = sorted(_returns(function.body), key=lambda statement: statement.lineno)
    return [*found, None] if goes_on(function.body) else [*found]


def _returns(block: Sequence[ast.AST]) -> Iterator[ast.Return]:
    for node in block:
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(node, _OTHERS):
            yield from _returns(list(ast.iter_child_nodes(node)))


def goes_on(block: Sequence[ast.stmt]) -> bool:
    """Tell whether a run may come to the end of a block."""
    return all(map(_goes_on, block))


def _goes_on(statement: ast.stmt) -> bool:
    match statement:
        case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
            return False
        case ast.With() | ast.AsyncWith():
            return goes_on(statement.body)
        case ast.If():
            return goes_on(statement.body) or goes_on(statement.orelse)
        case ast.Try():
            ways = [[*statement.body, *statement.orelse], *(handler.body for handler in statement.handlers)]
            return goes_on(statement.finalbody) and any(map(goes_on, ways))
    return True


def made(module: Module, function: Function, statement: ast.stmt, leaving: Exit) -> Made:
    """Tell whether what is made by a statement, or right before it, is there at an exit of its function."""
    ours = _way(module, function, statement)
    theirs = _way(module, function, leaving) if leaving is not None else [(function.body, len(function.body))]
    common = max(i for i, ((one, _), (other, _)) in enumerate(zip(ours, theirs, strict=False)) if one is other)
    if any(isinstance(block[index], (*_LOOPS, ast.Try)) for block, index in ours[:common]):
        return Made.PERHAPS
    (block, here), (_, there) = ours[common], theirs[common]
    if there < here:
        return Made.NEVER
    if there == here:
        if common == len(ours) - 1:
            return Made.ALWAYS
        return Made.NEVER if isinstance(block[here], ast.If) else Made.PERHAPS
    inner = ours[common + 1 :]
    around = [block[index] for block, index in ours[common:-1]]
    if all(_leads_through(node, branch) for node, (branch, _) in zip(around, inner, strict=True)):
        return Made.ALWAYS
    simple = all(isinstance(node, (ast.With, ast.AsyncWith, ast.If)) for node in around)
    return Made.NEVER if simple and any(not goes_on(branch[i:]) for branch, i in inner) else Made.PERHAPS


def _leads_through(node: ast.stmt, branch: list[ast.stmt]) -> bool:
    """Tell whether all that goes on behind a block has come through one of its branches."""
    if isinstance(node, ast.If):
        return not goes_on(node.orelse if branch is node.body else node.body)
    return isinstance(node, (ast.With, ast.AsyncWith))


def _way(module: Module, function: Function, statement: ast.stmt) -> list[tuple[list[ast.stmt], int]]:
    """Return the blocks around a statement, outermost first, with the place of what holds it in each."""
    found: list[tuple[list[ast.stmt], int]] = []
    node: ast.AST | None = statement
    while node is not None and node is not function:
        if isinstance(node, ast.stmt):
            block = module.block(node)
            found.append((block, block.index(node)))
        node = module.parent(node)
    return found[::-1]


def early(module: Module, statement: ast.stmt) -> Iterator[tuple[ast.stmt, bool | None]]:
    """Yield what stands before a statement in its block and may return, the nearest first.

    Yields:
        A statement, and for an ``if`` of which one branch leaves and the other goes on whether that
        is its body; None for everything else.
    """
    block = module.block(statement)
    yield from _early(block[: block.index(statement)])


def _early(statements: Sequence[ast.stmt]) -> Iterator[tuple[ast.stmt, bool | None]]:
    for statement in reversed(statements):
        if isinstance(statement, (ast.With, ast.AsyncWith)):
            yield from _early(statement.body)
        elif any(True for _ in _returns([statement])):
            stays = None
            if isinstance(statement, ast.If):
                branches = {True: statement.body, False: statement.orelse}
                left = [which for which, branch in branches.items() if any(True for _ in _returns(branch))]
                stays = not left[0] if len(left) == 1 and not goes_on(branches[left[0]]) else None
            yield statement, stays
