"""Which expressions are distribution strategies, and which blocks their scopes.

https://www.tensorflow.org/api_docs/python/tf/distribute
"""

from __future__ import annotations

import ast
import re

from codemods.analysis.dataflow import definition
from codemods.analysis.module import Module

_CLASS = re.compile(
    r"tensorflow\.(compat\.v1\.|contrib\.)?(distribute|tpu)\.(experimental\.)?(\w*Strategy\w*|get_strategy)"
)


def is_scope(module: Module, node: ast.expr) -> bool:
    """Tell whether an expression is ``strategy.scope()`` of something known to be a strategy."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "scope"
        and is_strategy(module, node.func.value)
    )


def replicated(module: Module, call: ast.Call) -> ast.expr | None:
    """Return the function that ``strategy.run(function, args=(...), kwargs={...})`` runs in each replica."""
    method = call.func
    if not isinstance(method, ast.Attribute) or method.attr not in {"run", "experimental_run_v2"}:
        return None
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    function = call.args[0] if call.args else given.pop("fn", None)
    if len(call.args) > 3 or not given.keys() <= {"args", "kwargs", "options"}:
        return None
    return function if seems_strategy(module, method.value) else None


def seems_strategy(module: Module, node: ast.expr) -> bool:
    """Tell whether an expression is a strategy, or is called one and not seen to be anything else."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    made = [b.value for b in module.bindings(node)] if isinstance(node, ast.Name) else []
    classes = [module.resolve(value.func) or "" for value in made if isinstance(value, ast.Call)]
    others = any(name.rpartition(".")[2][:1].isupper() for name in classes)
    return is_strategy(module, node) or ("strategy" in name.lower() and not others)


def is_strategy(module: Module, node: ast.AST | None, depth: int = 0) -> bool:
    """Tell whether an expression is known to be a strategy: by what made it, or by its annotation."""
    if depth > 6 or node is None:
        return False
    if isinstance(node, ast.IfExp):
        return is_strategy(module, node.body, depth) and is_strategy(module, node.orelse, depth)
    if isinstance(node, ast.Call):
        if _names_strategy(module, node.func):
            return True
        found = definition(module, node.func)
        return found is not None and _returns_strategy(*found, depth + 1)
    if isinstance(node, ast.Name):
        bindings = [binding for binding in module.bindings(node) if not _is_none(binding.value)]
        return bool(bindings) and all(
            is_strategy(module, binding.value, depth + 1)
            or (isinstance(binding.node, ast.arg) and _annotated(module, binding.node.annotation))
            for binding in bindings
        )
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        owner = module.enclosing(node, ast.ClassDef)
        stored = [
            statement.value
            for statement in (ast.walk(owner) if owner is not None else ())
            if isinstance(statement, ast.Assign)
            and any(
                isinstance(target, ast.Attribute) and ast.unparse(target) == ast.unparse(node)
                for target in statement.targets
            )
        ]
        return bool(stored) and all(is_strategy(module, value, depth + 1) for value in stored)
    return False


def _names_strategy(module: Module, node: ast.expr) -> bool:
    return _CLASS.fullmatch(module.resolve(node) or "") is not None


def _annotated(module: Module, node: ast.expr | None) -> bool:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _CLASS.fullmatch(node.value.replace("tf.", "tensorflow.", 1)) is not None
    return node is not None and _names_strategy(module, node)


def _returns_strategy(module: Module, function: ast.AST, depth: int) -> bool:
    if not isinstance(function, ast.FunctionDef):
        return False
    if _annotated(module, function.returns):
        return True
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    return bool(returned) and all(is_strategy(module, value, depth) for value in returned)


def _is_none(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
