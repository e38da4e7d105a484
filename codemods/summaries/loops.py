"""Which loops around summaries are Python's own, and what their variables are."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from codemods.analysis.dataflow import MUTATORS
from codemods.analysis.module import Module
from codemods.analysis.shapes import Shapes
from codemods.analysis.tracing import returned_part

PYTHON = "python"  # numbers, names, dictionary keys: the same on the host
TENSOR = "tensor"  # values that the function computes
VARIABLE = "variable"  # variables and layers of an object that the host has

_VARIABLES = frozenset({
    "trainable_variables", "trainable_weights", "variables", "weights", "non_trainable_variables", "layers",
})  # fmt: skip


def loop_targets(
    module: Module, loop: ast.For, is_local: Callable[[ast.Name], bool], *, lists: bool = False
) -> Mapping[str, str] | None:
    """Return what each variable of a loop is; None where the loop isn't known to be one of Python.

    Args:
        module: the loop's module.
        loop: a loop in a traced function.
        is_local: tells whether a name is bound by that function.
        lists: parameters that the loop goes over are lists or dicts.
    """
    targets = _Targets(module, is_local, lists)
    return targets.found if not loop.orelse and targets.match(loop.target, loop.iter) else None


@dataclass
class _Targets:
    module: Module
    is_local: Callable[[ast.Name], bool]
    lists: bool
    found: dict[str, str] = field(default_factory=dict)

    def match(self, target: ast.expr, iterable: ast.expr) -> bool:
        """Enter what the names of a target are, for the elements of an iterable."""
        if isinstance(iterable, ast.Call):
            return not iterable.keywords and self.match_call(target, iterable)
        if isinstance(iterable, ast.Attribute) and iterable.attr in _VARIABLES:
            return self.name(target, VARIABLE)
        if isinstance(iterable, ast.Name) and self.is_local(iterable):
            value = _only_value(self.module, iterable)
            if isinstance(value, ast.Attribute):
                return value.attr in _VARIABLES and self.name(target, VARIABLE)
            if self.lists and self.given(iterable):
                return self.name(target, self.kind(target))
            if self.is_dict(iterable) and self.entries(iterable) is not None:
                return self.name(target, PYTHON)
            return (_is_gradient(value) or isinstance(value, (ast.ListComp, ast.List))) and self.name(target, TENSOR)
        if isinstance(iterable, (ast.List, ast.Tuple)):
            return all(self.element(target, element) for element in iterable.elts)
        return False

    def match_call(self, target: ast.expr, call: ast.Call) -> bool:
        name = self.module.resolve(call.func)
        parts = target.elts if isinstance(target, ast.Tuple) else None
        if name == "builtins.zip" and parts is not None and len(parts) == len(call.args):
            pairs = list(zip(parts, call.args, strict=True))
            # Beside a list there can be no dataset, and Python can't go over a tensor of a graph.
            known = [not self.given(argument) and self.match(part, argument) for part, argument in pairs]
            return (self.lists or any(known)) and all(
                found or ((self.given(argument) or any(known)) and self.beside(part, argument))
                for found, (part, argument) in zip(known, pairs, strict=True)
            )
        if name == "builtins.enumerate" and parts is not None and len(parts) == 2 and call.args:
            return self.name(parts[0], PYTHON) and self.match(parts[1], call.args[0])
        if name in {"builtins.sorted", "builtins.list"} and len(call.args) == 1:
            whole = call.args[0]
            items = whole.func if isinstance(whole, ast.Call) else None
            owner = items.value if isinstance(items, ast.Attribute) and items.attr in {"items", "keys"} else whole
            return self.is_dict(owner) and self.match(target, whole)
        if name == "builtins.range" and all(isinstance(argument, ast.Constant) for argument in call.args):
            return self.name(target, PYTHON)
        if not isinstance(call.func, ast.Attribute):
            return False
        held = self.entries(call.func.value)
        if held is None:
            return False
        if call.func.attr == "items" and parts is not None and len(parts) == 2:
            return self.name(parts[0], PYTHON) and self.name(parts[1], held)
        kind = {"values": held, "keys": PYTHON}.get(call.func.attr)
        return kind is not None and self.name(target, kind)

    def entries(self, owner: ast.expr) -> str | None:
        """Return what a dict holds: values of the function, or objects that the host has; None if it isn't one."""
        if not isinstance(owner, (ast.Name, ast.Attribute)):
            return None
        local = isinstance(owner, ast.Name) and self.is_local(owner)
        if local and self.given(owner):
            return TENSOR
        if self.is_dict(owner):
            return TENSOR if local else None if self.grows(owner) else VARIABLE
        return None

    def is_dict(self, node: ast.expr) -> bool:
        return self.shapes.value(node).kind == "dict"

    @cached_property
    def shapes(self) -> Shapes:
        return Shapes(self.module)

    def grows(self, owner: ast.Name | ast.Attribute) -> bool:
        """Tell whether code that may run after the dict is made changes what is in it."""
        name = _last(owner)
        filled = [node for node in self.module.find_all(ast.Subscript) if not isinstance(node.ctx, ast.Load)]
        changed = [node for node in self.module.find_all(ast.Attribute) if node.attr in MUTATORS]
        places: list[ast.Subscript | ast.Attribute] = [*filled, *changed]
        for node in places:
            function = self.module.function(node)
            made = isinstance(function, ast.FunctionDef) and function.name == "__init__"
            if _last(node.value) == name and not made:
                return True
        return False

    def element(self, target: ast.expr, element: ast.expr) -> bool:
        if isinstance(target, ast.Tuple):
            inner = element.elts if isinstance(element, (ast.Tuple, ast.List)) else []
            return len(inner) == len(target.elts) and all(map(self.element, target.elts, inner))
        if isinstance(element, ast.Starred):
            return False
        return self.name(target, PYTHON if isinstance(element, ast.Constant) else TENSOR)

    def beside(self, target: ast.expr, iterable: ast.expr) -> bool:
        """Enter what the elements are of something that a list is gone over with."""
        if not isinstance(iterable, ast.Name) or not self.is_local(iterable):
            return False
        once = any(_is_iterator(self.module, b.value) for b in self.module.bindings(iterable))
        return not once and self.name(target, self.kind(target))

    def name(self, target: ast.expr, kind: str) -> bool:
        """Enter one name; a name that is sometimes a tensor counts as one."""
        if not isinstance(target, ast.Name):
            return False
        self.found[target.id] = kind if self.found.get(target.id, kind) == kind else TENSOR
        return True

    def kind(self, target: ast.expr) -> str:
        """Return what the elements of a parameter are: what has a name is a variable or a layer."""
        uses = self.module.uses(self.module.scope(target), target.id) if isinstance(target, ast.Name) else []
        return VARIABLE if self.lists and any(is_name_of(self.module, use) for use in uses) else TENSOR

    def given(self, node: ast.expr) -> bool:
        """Tell whether an expression is a parameter of the function, which nothing else is assigned to."""
        return (
            isinstance(node, ast.Name)
            and self.is_local(node)
            and all(isinstance(binding.node, ast.arg) for binding in self.module.bindings(node))
        )


def is_name_of(module: Module, use: ast.Name) -> bool:
    """Tell whether ``use`` stands in ``use.name``."""
    around = module.parent(use)
    return isinstance(around, ast.Attribute) and around.attr == "name"


def _last(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", None)


def _is_iterator(module: Module, value: ast.expr | None) -> bool:
    """Tell whether a value can be gone over but once, and not be returned."""
    if isinstance(value, ast.Call):
        return (module.resolve(value.func) or "").startswith("builtins.")
    return isinstance(value, ast.GeneratorExp)


def _only_value(module: Module, name: ast.Name) -> ast.expr | None:
    bindings = module.bindings(name)
    if len(bindings) != 1:
        return None
    value = bindings[0].value or returned_part(module, bindings[0].node)
    return _only_value(module, value) if isinstance(value, ast.Name) else value


def is_collection(value: ast.expr) -> bool:
    """Tell whether an expression makes a list or a dict, which Python takes apart."""
    return _is_gradient(value) or isinstance(value, (ast.Dict, ast.DictComp, ast.List, ast.Tuple, ast.ListComp))


def are_variables(value: ast.expr) -> bool:
    """Tell whether an expression is a list of variables or layers that an object has."""
    return isinstance(value, ast.Attribute) and value.attr in _VARIABLES


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
