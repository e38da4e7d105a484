"""Summaries in an expression that stands for itself, which is said by statements before they move.

``[tf.summary.scalar(name, value) for name, value in metrics.items()]`` is a loop, and
``tf.cond(test, lambda: tf.summary.scalar(...), lambda: False)`` a condition, which TensorFlow makes the same graph of.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from codemods.analysis.module import Module
from codemods.engine import codemod as edit
from codemods.engine.codemod import Edit
from codemods.summaries.ops import summary_name

_NOTHING = frozenset({"tensorflow.no_op", "tensorflow.constant"})
Part = str | edit.Move


@dataclass(frozen=True)
class Spread:
    """An expression as statements.

    Attributes:
        edits: what puts them there.
        calls: the summaries in it.
    """

    edits: tuple[Edit, ...]
    calls: tuple[ast.Call, ...]


def spread(module: Module, call: ast.Call) -> Spread | None:
    """Return a summary's expression as statements; None where it is a statement itself, or is used."""
    statement = module.statement(call)
    if isinstance(statement, ast.Expr) and statement.value is call:
        condition = _condition_of(module, call)
        if condition is None:
            return None
        statement = condition
    if not isinstance(statement, ast.Expr):
        return None
    spreader = _Spreader(module)
    parts = spreader.statements(statement.value, 0)
    if parts is None:
        return None
    return Spread((edit.Replace(statement, tuple(parts)), *spreader.gone), tuple(spreader.calls))


def _condition_of(module: Module, call: ast.Call) -> ast.Expr | None:
    """Return the ``tf.cond`` whose branch is the function around a call."""
    function = module.function(call)
    uses = module.uses(module.scope(function), function.name) if function is not None else []
    around = module.statement(uses[0]) if len(uses) == 1 else None
    return around if isinstance(around, ast.Expr) and isinstance(around.value, ast.Call) else None


class _Spreader:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.calls: list[ast.Call] = []
        self.gone: list[Edit] = []

    def statements(self, node: ast.expr, depth: int) -> list[Part] | None:
        """Return what an expression does as statements; None where it may do more than write summaries."""
        indent = "    " * depth
        if isinstance(node, ast.ListComp):
            return self.loop(node, depth)
        if isinstance(node, ast.IfExp):
            body, orelse = (self.branch(way, depth + 1) for way in (node.body, node.orelse))
            return self.condition(node.test, body, orelse, depth)
        if not isinstance(node, ast.Call):
            return None
        if summary_name(self.module, node) is not None:
            self.calls.append(node)
            return [indent, edit.Move(node), "\n"]
        if self.module.resolve(node.func) != "tensorflow.cond":
            return None
        given = dict(zip(("pred", "true_fn", "false_fn"), node.args, strict=False))
        given |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        if given.keys() != {"pred", "true_fn", "false_fn"}:
            return None
        body, orelse = (self.function(given[name], depth + 1) for name in ("true_fn", "false_fn"))
        return self.condition(given["pred"], body, orelse, depth)

    def loop(self, node: ast.ListComp, depth: int) -> list[Part] | None:
        module = self.module
        parts: list[Part] = []
        scope = module.scope(module.statement(node))
        for generator in node.generators:
            names = [name for name in ast.walk(generator.target) if isinstance(name, ast.Name)]
            if generator.is_async or any(module.is_used(scope, name.id) for name in names):
                return None
            indent = "    " * depth
            parts += [f"{indent}for ", edit.Move(generator.target), " in ", edit.Move(generator.iter), ":\n"]
            depth += 1
            for test in generator.ifs:
                parts += ["    " * depth, "if ", edit.Move(test), ":\n"]
                depth += 1
        inside = self.statements(node.elt, depth)
        return [*parts, *inside] if inside else None

    def condition(
        self, test: ast.expr, body: list[Part] | None, orelse: list[Part] | None, depth: int
    ) -> list[Part] | None:
        if body is None or orelse is None or not (body or orelse):
            return None
        indent = "    " * depth
        if not body:
            return [f"{indent}if not (", edit.Move(test), "):\n", *orelse]
        other = [f"{indent}else:\n", *orelse] if orelse else []
        return [f"{indent}if ", edit.Move(test), ":\n", *body, *other]

    def branch(self, node: ast.expr, depth: int) -> list[Part] | None:
        """Return what an expression does whose result isn't used, which may be nothing."""
        nothing = isinstance(node, ast.Constant) or (
            isinstance(node, ast.Call)
            and self.module.resolve(node.func) in _NOTHING
            and all(isinstance(argument, ast.Constant) for argument in node.args)
        )
        return [] if nothing else self.statements(node, depth)

    def function(self, node: ast.expr, depth: int) -> list[Part] | None:
        """Return what a branch of ``tf.cond`` does: a lambda, or a function of its own."""
        if isinstance(node, ast.Lambda):
            return self.branch(node.body, depth)
        bindings = self.module.bindings(node) if isinstance(node, ast.Name) else []
        function = bindings[0].node if len(bindings) == 1 else None
        if not isinstance(function, ast.FunctionDef) or function.decorator_list or ast.unparse(function.args):
            return None
        if len(self.module.uses(self.module.scope(function), function.name)) != 1:
            return None
        self.gone.append(edit.Remove(function))
        return self.block(function.body, depth)

    def block(self, body: Sequence[ast.stmt], depth: int) -> list[Part] | None:
        parts: list[Part] = []
        for statement in body:
            value = statement.value if isinstance(statement, (ast.Expr, ast.Return)) else None
            last = isinstance(statement, ast.Return) and statement is body[-1]
            if not (isinstance(statement, (ast.Expr, ast.Pass)) or last):
                return None
            found = self.branch(value, depth) if value is not None else []
            if found is None:
                return None
            parts += found
        return parts
