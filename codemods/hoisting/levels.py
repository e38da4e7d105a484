"""The loops and scopes around a creation that it can be moved out of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.analysis.dataflow import bindings_in, names_read
from codemods.analysis.module import Module
from codemods.analysis.strategies import is_scope
from codemods.analysis.writers import creations
from codemods.engine.codemod import Refusal
from codemods.hoisting.refusals import CONDITIONAL, IN_TRY, INSIDE_WITH
from codemods.hoisting.site import LOOPS, Site, always_evaluated

_NEUTRAL = frozenset({
    "tensorflow.GradientTape", "tensorflow.device", "tensorflow.compat.v1.device",
    "tensorflow.summary.record_if", "tensorflow.profiler.experimental.Trace",
})  # fmt: skip


@dataclass(frozen=True)
class Level:
    """One block that the creation can be moved out of.

    Attributes:
        node: the block; the creation goes to just before it.
        region: the code that the creation then passes.
        blocked: what stands between the creation and the block's own body that keeps it there.
    """

    node: ast.stmt
    region: tuple[ast.AST, ...]
    blocked: Refusal | None

    @property
    def is_loop(self) -> bool:
        """Tell whether it is a loop; else it is a strategy's scope."""
        return isinstance(self.node, LOOPS)


def levels(module: Module, site: Site) -> Iterator[Level]:
    """Yield the loops and scopes around a creation, innermost first."""
    node: ast.AST = site.statement
    passed: list[ast.AST] = [site.statement]
    blocked: Refusal | None = None if always_evaluated(module, site) else CONDITIONAL
    for parent in module.ancestors(site.statement):
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Module)):
            return
        if isinstance(node, ast.stmt) and not isinstance(node, ast.ExceptHandler):
            block = module.block(node)
            passed += block[: block.index(node)]
        match parent:
            case ast.For() | ast.While() | ast.AsyncFor() if node in parent.body:
                if _turns_once(module, site, parent):
                    return
                if _is_lazy(module, site, parent):
                    return
                yield Level(parent, (parent,), blocked)
                passed.append(parent)
            case ast.With() | ast.AsyncWith():
                contexts = [item.context_expr for item in parent.items]
                passed += [*contexts, *(item.optional_vars for item in parent.items if item.optional_vars)]
                scopes = [is_scope(module, context) for context in contexts]
                if any(scopes) and all(
                    scope or _is_neutral(module, context) for scope, context in zip(scopes, contexts, strict=True)
                ):
                    yield Level(parent, tuple(passed), blocked)
                elif not any(scopes) and not all(_is_neutral(module, context) for context in contexts):
                    blocked = blocked or INSIDE_WITH
                elif any(scopes):
                    return
            case ast.Try() if node in parent.body and not parent.handlers:
                pass
            case ast.Try() | ast.ExceptHandler():
                blocked = blocked or IN_TRY
            case ast.If() | ast.Match() | ast.match_case():
                blocked = blocked or CONDITIONAL
            case _:
                pass
        node = parent


def _is_neutral(module: Module, context: ast.expr) -> bool:
    """Tell whether a ``with`` has no bearing on a writer that is created in it."""
    if not isinstance(context, ast.Call):
        return False
    name = module.resolve(context.func)
    if name is not None:
        return name in _NEUTRAL or name.startswith("tqdm.")
    return isinstance(context.func, ast.Attribute) and _is_writer(module, context.func.value)


def _is_writer(module: Module, node: ast.expr) -> bool:
    made = {created.call for created in creations(module)}
    if isinstance(node, ast.Name):
        bindings = module.bindings(node)
        return bool(bindings) and all(binding.value in made for binding in bindings)
    return node in made


def _turns_once(module: Module, site: Site, loop: ast.stmt) -> bool:
    """Tell whether a loop is left for good once the writer is created."""
    node: ast.stmt = site.statement
    while node is not loop:
        block = module.block(node)
        for statement in block[block.index(node) + 1 :]:
            if isinstance(statement, (ast.Return, ast.Raise)):
                return True
            if isinstance(statement, ast.Break):
                return module.enclosing(statement, *LOOPS) is loop
        parent = module.parent(node)
        while parent is not None and not isinstance(parent, ast.stmt):
            parent = module.parent(parent)
        assert parent is not None
        node = parent
    return False


def _is_lazy(module: Module, site: Site, loop: ast.stmt) -> bool:
    """Tell whether a condition lets the writer be created in one turn only, as in ``if writer is None``."""
    held = {ast.unparse(target) for target in site.targets}
    for around in module.ancestors(site.statement):
        if around is loop:
            break
        if not isinstance(around, ast.If):
            continue
        parts = list(ast.walk(around.test))
        if any(isinstance(part, ast.expr) and ast.unparse(part) in held for part in parts):
            return True
        once = isinstance(around.test, ast.UnaryOp) or (
            isinstance(around.test, ast.Compare)
            and all(isinstance(op, (ast.Eq, ast.Is, ast.IsNot, ast.In, ast.NotIn)) for op in around.test.ops)
        )
        varies = any(bindings_in(module, name, [loop]) for name in names_read([around.test])) or any(
            isinstance(part, (ast.Attribute, ast.Call)) for part in parts
        )
        if once and varies and not any(isinstance(part, ast.Mod) for part in parts):
            return True
    return False
