"""Which loops around summaries are Python's own, and what their variables are."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from codemods.analysis.module import Module

PYTHON = "python"  # numbers, names, dictionary keys: the same on the host
TENSOR = "tensor"  # values that the function computes
VARIABLE = "variable"  # variables and layers of an object that the host has

_VARIABLES = frozenset({
    "trainable_variables", "trainable_weights", "variables", "weights", "non_trainable_variables", "layers",
})  # fmt: skip


def loop_targets(module: Module, loop: ast.For, is_local: Callable[[ast.Name], bool]) -> Mapping[str, str] | None:
    """Return what each variable of a loop is; None where the loop isn't known to be one of Python.

    Args:
        module: the loop's module.
        loop: a loop in a traced function.
        is_local: tells whether a name is bound by that function.
    """
    found: dict[str, str] = {}
    if loop.orelse or not _match(module, loop.target, loop.iter, is_local, found):
        return None
    return found


def _match(
    module: Module, target: ast.expr, iterable: ast.expr, is_local: Callable[[ast.Name], bool], found: dict[str, str]
) -> bool:
    """Enter what the names of a target are, for the elements of an iterable."""
    name = module.resolve(iterable.func) if isinstance(iterable, ast.Call) else None
    parts = target.elts if isinstance(target, ast.Tuple) else None
    if isinstance(iterable, ast.Call) and not iterable.keywords:
        if name == "builtins.zip" and parts is not None and len(parts) == len(iterable.args):
            pairs = list(zip(parts, iterable.args, strict=True))
            # Beside a list there can be no dataset, and Python can't go over a tensor of a graph.
            given = [isinstance(a, ast.Name) and is_local(a) and _is_parameter(module, a) for _, a in pairs]
            return not all(given) and all(
                _name(part, TENSOR, found) if unknown else _match(module, part, argument, is_local, found)
                for (part, argument), unknown in zip(pairs, given, strict=True)
            )
        if name == "builtins.enumerate" and parts is not None and len(parts) == 2 and iterable.args:
            return _name(parts[0], PYTHON, found) and _match(module, parts[1], iterable.args[0], is_local, found)
        if name == "builtins.range" and all(isinstance(argument, ast.Constant) for argument in iterable.args):
            return _name(target, PYTHON, found)
        method = iterable.func.attr if isinstance(iterable.func, ast.Attribute) else ""
        owner = iterable.func.value if isinstance(iterable.func, ast.Attribute) else None
        if (
            isinstance(owner, ast.Name)
            and is_local(owner)
            and (isinstance(_only_value(module, owner), (ast.Dict, ast.DictComp)) or _is_parameter(module, owner))
        ):
            if method == "items" and parts is not None and len(parts) == 2:
                return _name(parts[0], PYTHON, found) and _name(parts[1], TENSOR, found)
            if method in {"values", "keys"}:
                return _name(target, TENSOR if method == "values" else PYTHON, found)
        return False
    if isinstance(iterable, ast.Attribute) and iterable.attr in _VARIABLES:
        return _name(target, VARIABLE, found)
    if isinstance(iterable, ast.Name) and is_local(iterable):
        value = _only_value(module, iterable)
        if isinstance(value, ast.Attribute):
            return value.attr in _VARIABLES and _name(target, VARIABLE, found)
        if _is_gradient(value) or isinstance(value, (ast.ListComp, ast.List)):
            return _name(target, TENSOR, found)
        return False
    if isinstance(iterable, (ast.List, ast.Tuple)):
        return all(_element(target, element, found) for element in iterable.elts)
    return False


def _element(target: ast.expr, element: ast.expr, found: dict[str, str]) -> bool:
    if isinstance(target, ast.Tuple):
        inner = element.elts if isinstance(element, (ast.Tuple, ast.List)) else []
        return len(inner) == len(target.elts) and all(
            _element(part, value, found) for part, value in zip(target.elts, inner, strict=True)
        )
    if isinstance(element, ast.Starred):
        return False
    return _name(target, PYTHON if isinstance(element, ast.Constant) else TENSOR, found)


def _name(target: ast.expr, kind: str, found: dict[str, str]) -> bool:
    """Enter one name; a name that is sometimes a tensor counts as one."""
    if not isinstance(target, ast.Name):
        return False
    found[target.id] = kind if found.get(target.id, kind) == kind else TENSOR
    return True


def _is_parameter(module: Module, name: ast.Name) -> bool:
    return all(isinstance(binding.node, ast.arg) for binding in module.bindings(name))


def _only_value(module: Module, name: ast.Name) -> ast.expr | None:
    bindings = module.bindings(name)
    return bindings[0].value if len(bindings) == 1 else None


def is_collection(value: ast.expr) -> bool:
    """Tell whether an expression makes a list or a dict, which Python takes apart."""
    return _is_gradient(value) or isinstance(value, (ast.Dict, ast.DictComp, ast.List, ast.Tuple, ast.ListComp))


def _is_gradient(value: ast.expr | None) -> bool:
    """Tell whether a value is ``tape.gradient(loss, variables)`` of several variables."""
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr == "gradient"
        and len(value.args) == 2
        and isinstance(value.args[1], (ast.Attribute, ast.List, ast.Name))
        and (not isinstance(value.args[1], ast.Attribute) or value.args[1].attr in _VARIABLES)
    )
