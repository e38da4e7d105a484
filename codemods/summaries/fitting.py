"""Which models Keras trains, and by which calls: what stands in ``train_step`` runs under ``fit``.

https://www.tensorflow.org/guide/keras/customizing_what_happens_in_fit
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from codemods.analysis.module import Function, Module
from codemods.analysis.shapes import Shapes, library_bases
from codemods.analysis.tracing import ancestors, class_named

STEPS = {"train_step": ("fit",), "test_step": ("fit", "evaluate"), "call": ("fit", "evaluate", "predict")}
"""The methods of a model that Keras calls for each batch, and the methods that make it do so."""

_BY_HAND = {
    "train_step": ("train_on_batch", "train_step", "train_function"),
    "test_step": ("test_on_batch", "test_step", "test_function"),
    "call": ("train_on_batch", "test_on_batch", "predict_on_batch", "call", "__call__"),
}
_RESTORING = frozenset({"load_model", "clone_model", "from_config", "model_from_json"})


@dataclass(frozen=True)
class Step:
    """A method that Keras calls for each batch.

    Attributes:
        function: the method.
        owner: the model's class.
    """

    function: Function
    owner: ast.ClassDef


def step_around(module: Module, node: ast.AST) -> Step | None:
    """Return the ``train_step``, the ``test_step`` or the ``call`` of a Keras model that a node stands in."""
    for around in module.ancestors(node):
        owner = module.parent(around)
        if (
            isinstance(around, (ast.FunctionDef, ast.AsyncFunctionDef))
            and around.name in STEPS
            and isinstance(owner, ast.ClassDef)
            and any(map(_is_model, library_bases(module, f"{module.id}.{module.qualname(owner)}")))
        ):
            return Step(around, owner)
    return None


def _is_model(name: str) -> bool:
    return name in {"keras.Model", "keras.Sequential", "keras.Functional"} or name.startswith("keras.models.")


def fit_in_sight(module: Module, node: ast.AST) -> bool:
    """Tell whether a node stands in a step of a model that is seen to be trained by ``fit``."""
    step = step_around(module, node)
    return step is not None and bool(Training(module, step.owner).calls)


@dataclass
class Call:
    """A call of a model's method.

    Attributes:
        module: the module it stands in.
        node: the call.
        receiver: the model.
        sure: the model is known to be of the class; otherwise it may be of another.
    """

    module: Module
    node: ast.Call
    receiver: ast.expr
    sure: bool

    @property
    def method(self) -> str:
        """The name of the method."""
        return self.node.func.attr if self.node.func is not self.receiver else "__call__"  # type: ignore[attr-defined]


@dataclass(eq=False)
class Training:
    """The calls by which a project may train the models of a class.

    Attributes:
        module: the module of the class.
        owner: the class.
    """

    module: Module
    owner: ast.ClassDef
    _shapes: dict[Module, Shapes] = field(default_factory=dict)

    @cached_property
    def calls(self) -> list[Call]:
        """The calls of ``fit`` and the like; none, where not one of ``fit`` is known to be meant for the class."""
        found = list(self._calls("fit", "evaluate", "predict"))
        return found if any(call.sure and call.method == "fit" for call in found) else []

    @property
    def runs(self) -> bool:
        """Whether Keras may run the steps of the class's models: nothing tells that no call is meant for them."""
        return any(self._calls("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"))

    def by_hand(self, step: str) -> Iterator[Call]:
        """Yield the calls that run a step without any callback."""
        yield from (call for call in self._calls(*_BY_HAND[step]) if not _is_super(call))
        if step == "call":
            for module in self.modules:
                yield from self._called(module)

    def _called(self, module: Module) -> Iterator[Call]:
        """Yield the calls of a model itself, but for one in each step, which is Keras' turn."""
        receivers = {module.source(call.receiver) for call in self.calls if call.module is module}
        seen: set[ast.AST] = set()
        for node in module.find_all(ast.Call):
            if not isinstance(node.func, (ast.Name, ast.Attribute)):
                continue
            sure = self._is_meant(module, node.func)
            if sure or (sure is None and module.source(node.func) in receivers):
                step = step_around(module, node)
                repeated = module.enclosing(node, ast.For, ast.While, ast.Lambda, ast.ListComp, ast.GeneratorExp)
                if step is None or step.function.name == "call" or step.function in seen or repeated is not None:
                    yield Call(module, node, node.func, bool(sure))
                if step is not None:
                    seen.add(step.function)

    @property
    def modules(self) -> list[Module]:
        """The modules that have a part in the training, that of the class first."""
        return list(dict.fromkeys([self.module, *(call.module for call in self.calls)]))

    def shapes(self, module: Module) -> Shapes:
        """Return what tells what the expressions of a module are."""
        return self._shapes.setdefault(module, Shapes(module))

    def compiled(self, option: str) -> Iterator[ast.expr]:
        """Yield what is given for an option of ``compile``, wherever it may be meant for the class."""
        for call in self._calls("compile"):
            yield from (keyword.value for keyword in call.node.keywords if keyword.arg == option)

    @property
    def eager(self) -> bool:
        """Whether `compile` asks for steps that aren't traced, wherever the class is compiled."""
        asked = [{keyword.arg: keyword.value for keyword in call.node.keywords} for call in self._calls("compile")]
        values = [options.get("run_eagerly") for options in asked]
        return bool(values) and all(isinstance(value, ast.Constant) and value.value is True for value in values)

    def _calls(self, *methods: str) -> Iterator[Call]:
        project = self.module.project
        paths = project.mentioning(*(f".{name}" for name in methods)) if project is not None else []
        others = [m for path in paths if project and path != self.module.path and (m := project.module(path))]
        for module in [self.module, *others]:
            connected = module is self.module or any(
                word in module.text for word in (self.owner.name, self.module.id.rpartition(".")[2])
            )
            for attribute in (node for name in methods for node in module.attributes.get(name, ())):
                call = module.parent(attribute)
                if isinstance(call, ast.Call) and call.func is attribute:
                    sure = self._is_meant(module, attribute.value)
                    if sure or (sure is None and connected):
                        yield Call(module, call, attribute.value, bool(sure))

    def _is_meant(self, module: Module, receiver: ast.expr) -> bool | None:
        """Tell whether an expression is a model of the class; None where that can't be told."""
        if isinstance(receiver, ast.Call) and module.resolve(receiver.func) == "builtins.super":
            return False
        holder = module.enclosing(receiver, ast.ClassDef)
        if holder is not None and isinstance(receiver, ast.Name) and receiver.id == "self":
            return self._derives(module, f"{module.id}.{module.qualname(holder)}")
        value = self.shapes(module).value(receiver)
        if value.kind in {"unknown", "bottom"}:
            return False if _is_library(module, receiver) else None
        found = set()
        for instance in value.instances:
            made = instance.call.func if instance.call is not None else None
            restored = isinstance(made, (ast.Name, ast.Attribute)) and (
                (instance.module.resolve(made) or "").rpartition(".")[2] in _RESTORING
            )
            known = instance.known and not restored
            found.add(self._derives(instance.module, instance.name) if known else None)
        return (found.pop() if len(found) == 1 else None) if found else False

    def _derives(self, module: Module, name: str) -> bool:
        identity = f"{self.module.id}.{self.module.qualname(self.owner)}"
        definition = class_named(module, name)
        return name == identity or (definition is not None and identity in ancestors(*definition))


def _is_super(call: Call) -> bool:
    return isinstance(call.receiver, ast.Call) and call.module.resolve(call.receiver.func) == "builtins.super"


def _is_library(module: Module, node: ast.expr) -> bool:
    """Tell whether an expression is something of another library, or what a call of one returns."""
    if isinstance(node, ast.Name):
        values = [binding.value for binding in module.bindings(node)]
        if values and all(isinstance(value, ast.Call) for value in values):
            return all(value is not None and _is_library(module, value) for value in values)
    name = module.resolve(node.func if isinstance(node, ast.Call) else node)
    if name is None or name.startswith(("keras.", "tensorflow.", f"{module.id}.")):
        return False
    return module.project is None or module.project.find(name, module.path)[0] is None
