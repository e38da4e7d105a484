"""Which assignments of a name reach a use of it."""

from __future__ import annotations

import ast
from typing import cast

from codemods.analysis.module import Binding, Module, Scope
from codemods.analysis.places import start


def reaching(module: Module, name: ast.Name) -> list[Binding]:
    """Return the bindings of a name that can be the one in force where it is used."""
    bindings = module.bindings(name)
    scope = module.scope(name).lookup(name.id)
    home = module.function(name)
    if scope is None or len(bindings) < 2 or not _in_comprehension_of(module, name, scope):
        return bindings
    use = start(name)
    here = [binding for binding in bindings if module.function(binding.node) is home]
    elsewhere = [binding for binding in bindings if module.function(binding.node) is not home]
    around = {name, *module.ancestors(name)}
    before = [binding for binding in here if _end(module, binding) <= use]
    killer = max(
        (binding for binding in before if _dominates(module, binding, around)),
        key=lambda binding: _end(module, binding),
        default=None,
    )
    since = _end(module, killer) if killer is not None else (0, 0)
    found = [binding for binding in before if _end(module, binding) >= since]
    inside = set(module.ancestors(killer.node)) if killer is not None else set()
    loops = [node for node in around if isinstance(node, (ast.For, ast.AsyncFor, ast.While)) and node not in inside]
    found += [
        binding
        for binding in here
        if binding not in found
        and any(loop in module.ancestors(binding.node) for loop in loops)
        and not (killer is not None and _end(module, binding) < since)
    ]
    return found + elsewhere or bindings


def _in_comprehension_of(module: Module, name: ast.Name, scope: Scope) -> bool:
    """Return whether a name stands in a scope itself, or in a comprehension there."""
    inner = module.scope(name)
    while inner is not scope and isinstance(inner.node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        inner = cast("Scope", inner.parent)
    return inner is scope


def _end(module: Module, binding: Binding) -> tuple[int, int]:
    """Return where a binding takes effect: behind its statement, or at the head of its block."""
    node = binding.node
    if isinstance(node, (ast.arg, ast.alias, ast.ExceptHandler, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return start(node)
    statement = module.statement(node)
    if isinstance(statement, (ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.If, ast.While)):
        return start(node)
    return cast("int", statement.end_lineno), cast("int", statement.end_col_offset)


def _dominates(module: Module, binding: Binding, around: set[ast.AST]) -> bool:
    node = binding.node
    if isinstance(node, ast.arg):
        return True
    if isinstance(node, ast.ExceptHandler):
        return False
    statement = module.statement(node)
    if isinstance(statement, (ast.For, ast.AsyncFor, ast.With, ast.AsyncWith)):
        return statement in around
    parent = module.parent(statement)
    while isinstance(parent, (ast.With, ast.AsyncWith)) and parent not in around and not _may_suppress(parent):
        statement, parent = parent, module.parent(parent)
    if parent not in around or isinstance(node, ast.NamedExpr):
        return False
    # A branch holds for its own statements only.
    block = module.block(statement)
    return isinstance(parent, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef)) or any(
        other in around for other in block
    )


def _may_suppress(block: ast.With | ast.AsyncWith) -> bool:
    """Tell whether a ``with`` lets the code behind it run though its body has raised."""
    return any("suppress" in (text := ast.unparse(item.context_expr)) or "raises" in text for item in block.items)
