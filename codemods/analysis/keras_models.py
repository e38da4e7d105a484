"""Which expressions are Keras models, where these are made, and whether they have their weights yet."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codemods.analysis.keras_objects import KerasObjects, Kind, argument, parameters
from codemods.analysis.module import Binding, Function, Module
from codemods.analysis.places import start
from codemods.analysis.reaching import reaching

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SEQUENTIAL = frozenset({"keras.Sequential", "keras.models.Sequential"})
_FUNCTIONAL = frozenset({"keras.Model", "keras.models.Model", "keras.Functional", "keras.models.Functional"})
_RESTORED = frozenset({
    "keras.models.load_model", "keras.saving.load_model", "keras.models.clone_model",
    "keras.models.model_from_json", "keras.models.model_from_config",
    *(f"{model}.from_config" for model in _SEQUENTIAL | _FUNCTIONAL),
})  # fmt: skip
_INPUTS = frozenset({"keras.Input", "keras.layers.Input", "keras.InputLayer", "keras.layers.InputLayer"})
_SHAPES = frozenset({"input_shape", "input_dim", "batch_input_shape", "batch_shape"})
_BUILDING = frozenset({
    "build", "fit", "predict", "evaluate", "train_on_batch", "predict_on_batch", "test_on_batch", "fit_generator",
})  # fmt: skip
_FILES = ("save", "save_weights", "load_weights")
_DEPTH = 12


@dataclass(frozen=True)
class Origin:
    """What makes a model.

    Attributes:
        module: the module it stands in.
        node: the call that makes it, or what else shows that it is a model.
        built: the model has its weights from the start.
    """

    module: Module
    node: ast.AST
    built: bool


class KerasModels:
    """Which expressions of a project are Keras models."""

    def __init__(self, objects: KerasObjects) -> None:
        """Remember the project's objects."""
        self._objects = objects

    def origins(self, module: Module, node: ast.expr | None, depth: int = 0) -> list[Origin]:
        """Return all that may make a model; nothing where it may be anything else, or can't be told."""
        if node is None or depth > _DEPTH:
            return []
        depth += 1
        if isinstance(node, (ast.NamedExpr, ast.Await)):
            return self.origins(module, node.value, depth)
        if isinstance(node, ast.IfExp):
            return self._all(module, [node.body, node.orelse], depth)
        if isinstance(node, ast.Call):
            return self._made(module, node, depth)
        if isinstance(node, ast.Name):
            return self._bound(module, reaching(module, node), depth)
        if isinstance(node, ast.Attribute):
            return self._attribute(module, node, depth)
        return []

    def built(self, module: Module, node: ast.expr) -> bool:
        """Tell whether a model has its weights where it is used: from the start, or by a call before."""
        found = self.origins(module, node)
        if found and all(origin.built for origin in found):
            return True
        scope = module.scope(node).lookup(node.id) if isinstance(node, ast.Name) else None
        uses = module.uses(scope, node.id) if scope is not None and isinstance(node, ast.Name) else []
        return any(
            (use.lineno, use.col_offset) < (node.lineno, node.col_offset)
            and module.function(use) is module.function(node)
            and _builds(module, use)
            for use in uses
        )

    def _all(self, module: Module, nodes: Sequence[ast.expr | None], depth: int) -> list[Origin]:
        real = [node for node in nodes if not (isinstance(node, ast.Constant) and node.value is None)]
        found = [self.origins(module, node, depth) for node in real]
        return [origin for each in found for origin in each] if all(found) else []

    def _made(self, module: Module, call: ast.Call, depth: int) -> list[Origin]:
        name = module.resolve(call.func)
        if name in _SEQUENTIAL:
            return [Origin(module, call, self._has_input(module, call))]
        if name in _FUNCTIONAL:
            return [Origin(module, call, bool(call.args or call.keywords))]
        if name is not None and (name in _RESTORED or _is_application(name)):
            return [Origin(module, call, True)]
        found = self._objects.definition(module, name)
        if found is None and name is None and isinstance(call.func, ast.Attribute):
            found = self._objects.bound_method(module, call.func)
        if found is None:
            return []
        if isinstance(found[1], ast.ClassDef):
            return [Origin(module, call, False)] if self._plain(found[0], found[1]) else []
        return self._all(found[0], list(_returned(found[1])), depth)

    def _plain(self, module: Module, node: ast.ClassDef) -> bool:
        """Tell whether a class is a model of Keras that is saved and loaded as Keras does it."""
        found = self._objects.object(module, node)
        return found is not None and found.kind is Kind.MODEL and not self._objects.defines(found, *_FILES)

    def _bound(self, module: Module, bindings: list[Binding], depth: int) -> list[Origin]:
        found: list[Origin] = []
        for binding in bindings:
            if isinstance(binding.value, ast.Constant) and binding.value.value is None and len(bindings) > 1:
                continue
            place = _place(module, binding)
            if place is not None:
                made = self._unpacked(module, *place, depth)
            elif isinstance(binding.node, ast.arg):
                made = self._given(module, binding.node, depth)
            else:
                made = self.origins(module, binding.value, depth)
            if not made:
                return []
            found += made
        return found

    def _unpacked(self, module: Module, call: ast.Call, index: int, depth: int) -> list[Origin]:
        """One of the values that a function of the project returns."""
        found = self._objects.definition(module, module.resolve(call.func))
        if found is None or isinstance(found[1], ast.ClassDef):
            return []
        values = list(_returned(found[1]))
        whole = [value for value in values if isinstance(value, ast.Tuple) and index < len(value.elts)]
        if len(whole) < len(values):
            return []
        return self._all(found[0], [value.elts[index] for value in whole], depth)

    def _given(self, module: Module, parameter: ast.arg, depth: int) -> list[Origin]:
        function = module.function(parameter)
        if function is None or parameter not in parameters(function):
            return []
        owner = module.parent(function)
        if isinstance(owner, ast.ClassDef) and parameter is parameters(function)[0]:
            return [Origin(module, owner, False)] if self._plain(module, owner) else []
        annotated = module.resolve(parameter.annotation)
        if annotated in _FUNCTIONAL | _SEQUENTIAL:
            return [Origin(module, parameter, False)]
        found: list[Origin] = []
        for where, call in self._objects.call_sites(module, function):
            made = self.origins(where, argument(module, function, call, parameter), depth)
            if not made:
                return []
            found += made
        return found

    def _attribute(self, module: Module, node: ast.Attribute, depth: int) -> list[Origin]:
        owner = self._objects.instance(module, node.value)
        if owner is None:
            return []
        if node.attr == "model" and any(
            (owner[0].resolve(b) or "").startswith("keras.callbacks.") for b in owner[1].bases
        ):
            return [Origin(module, node, True)]
        values = [
            each.value
            for each in ast.walk(owner[1])
            if isinstance(each, (ast.Assign, ast.AnnAssign)) and _assigns(each, node.attr)
        ]
        return self._all(owner[0], values, depth)

    # Built. ------------------------------------------------------------------------------------

    def _has_input(self, module: Module, call: ast.Call) -> bool:
        """Tell whether a Sequential model is told the shape of its input."""
        layers = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "layers"), None)
        if isinstance(layers, (ast.List, ast.Tuple)) and layers.elts:
            return self._gives_shape(module, layers.elts[0])
        parent = module.parent(call)
        if layers is not None or not isinstance(parent, ast.Assign) or not isinstance(parent.targets[0], ast.Name):
            return False
        target = parent.targets[0]
        scope = module.scope(target).lookup(target.id)
        for use in module.uses(scope, target.id) if scope is not None else ():
            add = module.parent(use)
            added = module.parent(add) if isinstance(add, ast.Attribute) and add.attr == "add" else None
            if start(use) > start(call) and isinstance(added, ast.Call) and added.args:
                return self._gives_shape(module, added.args[0])
        return False

    def _gives_shape(self, module: Module, layer: ast.expr) -> bool:
        if not isinstance(layer, ast.Call):
            return bool(made := self.origins(module, layer)) and all(origin.built for origin in made)
        name = module.resolve(layer.func)
        return name in _INPUTS or any(keyword.arg in _SHAPES for keyword in layer.keywords)


def _is_application(name: str) -> bool:
    """Tell whether a name is one of the functions of ``keras.applications`` that make a model."""
    return name.startswith("keras.applications.") and name.rpartition(".")[2][:1].isupper()


def _place(module: Module, binding: Binding) -> tuple[ast.Call, int] | None:
    """Return the call whose result a name is unpacked from, and the name's place."""
    target = module.parent(binding.node)
    statement = module.parent(target) if isinstance(target, ast.Tuple) else None
    if not isinstance(target, ast.Tuple) or not isinstance(statement, ast.Assign):
        return None
    starred = any(isinstance(each, ast.Starred) for each in target.elts)
    if not isinstance(statement.value, ast.Call) or starred or not isinstance(binding.node, ast.Name):
        return None
    return statement.value, target.elts.index(binding.node)


def _returned(function: Function) -> Iterator[ast.expr | None]:
    """Yield what a function returns; a generator's is unknown."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Return):
            yield node.value
        elif isinstance(node, (ast.Yield, ast.YieldFrom)):
            yield None
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
            pending += ast.iter_child_nodes(node)


def _assigns(statement: ast.Assign | ast.AnnAssign, attribute: str) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return any(
        isinstance(target, ast.Attribute) and target.attr == attribute and ast.unparse(target.value) == "self"
        for target in targets
    )


def _builds(module: Module, use: ast.Name) -> bool:
    """Tell whether a use of a model calls it, or a method that does."""
    parent = module.parent(use)
    if isinstance(parent, ast.Attribute) and parent.attr in _BUILDING:
        use_of, parent = parent, module.parent(parent)
        return isinstance(parent, ast.Call) and parent.func is use_of
    return isinstance(parent, ast.Call) and parent.func is use
