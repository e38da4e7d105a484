"""How the code at a run can name an operation that is made elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from codemods.analysis.module import Module, Scope
from codemods.analysis.places import frame, runs_before
from codemods.sessions.flow import Flow
from codemods.sessions.runs import Run
from codemods.sessions.uses import Uses


def names(flow: Flow, uses: Uses, run: Run) -> Iterator[str]:
    """Yield the expressions that are an operation at a run, the plainest first.

    Args:
        flow: what the program's values are made of.
        uses: the operation, with what holds it.
        run: the run.
    """
    for name, places in _bound(flow, run):
        origins = [origin for _, origin in places]
        if origins and all(origin is uses.call for origin in origins):
            yield name
    owner = run.module.enclosing(run.call, ast.ClassDef)
    for module, holder in uses.holders:
        if isinstance(holder, ast.Attribute) and owner is not None and module.enclosing(holder, ast.ClassDef) is owner:
            yield f"self.{holder.attr}"
    yield from _beside(flow, uses, run)
    for name, places in _bound(flow, run):
        if len(places) == 1:
            yield from _inside(flow, uses, name, *places[0])


def _bound(flow: Flow, run: Run) -> Iterator[tuple[str, list[tuple[Module, ast.AST]]]]:
    """Yield the names that are bound whenever a run is reached, each with what they may be."""
    module = run.module
    scope: Scope | None = module.scope(run.call)
    here = frame(module, run.call)
    while scope is not None:
        for name, bindings in () if isinstance(scope.node, ast.ClassDef) else scope.bindings.items():
            local = [each.node for each in bindings if frame(module, each.node) is here and scope.node is here]
            made = [node for node in local if not isinstance(node, (ast.arg, ast.alias))]
            if name != "_" and (not made or runs_before(module, made, run.statement)):
                yield name, [place for binding in bindings for place in flow.bound(module, binding)]
        scope = scope.parent


def _beside(flow: Flow, uses: Uses, run: Run) -> Iterator[str]:
    """Yield the attributes of the object, or the module, that holds what the run fetches too."""
    for leaf in run.fetched:
        if not isinstance(leaf, ast.Attribute):
            continue
        text = run.module.source(leaf.value)
        resolved = run.module.resolve(leaf) or ""
        beside = {(module, module.enclosing(each, ast.ClassDef)) for module, each in flow.stored(leaf.attr)}
        for module, holder in uses.holders:
            owner = module.enclosing(holder, ast.ClassDef)
            if isinstance(holder, ast.Attribute) and owner is not None and (module, owner) in beside:
                yield f"{text}.{holder.attr}"
            elif isinstance(holder, ast.Name) and resolved == f"{module.id}.{leaf.attr}":
                yield f"{text}.{holder.id}"


def _inside(flow: Flow, uses: Uses, name: str, module: Module, node: ast.AST) -> Iterator[str]:
    """Yield the item or the field of an object that is an operation."""
    pairs: list[tuple[str, ast.expr]] = []
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        pairs = [(f'["{key}"]', each) for key, each in zip(keys, node.values, strict=True) if isinstance(key, str)]
    elif isinstance(node, ast.Call):
        pairs = [(f".{keyword.arg}", keyword.value) for keyword in node.keywords if keyword.arg]
    for suffix, value in pairs:
        if [origin for _, origin in flow.origins(module, value)] == [uses.call]:
            yield name + suffix
