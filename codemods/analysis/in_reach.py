"""Which Keras models and optimizers code can name at a place, and which of them belong together."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce

from codemods.analysis.module import Binding, Function, Module, Scope
from codemods.analysis.places import Frame, frame
from codemods.analysis.reaching import reaching
from codemods.analysis.shapes import Shapes, definition, library_bases
from codemods.analysis.values import BOTTOM, Instance, Value, join

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_ONLY_MODELS = frozenset({
    "save_weights", "load_weights", "get_layer", "train_on_batch", "test_on_batch", "predict_on_batch",
    "compute_loss", "compiled_loss", "compiled_metrics", "reset_metrics", "stop_training", "fit_generator",
})  # fmt: skip
_TRAINED = frozenset({"trainable_variables", "trainable_weights"})
_LIKE_MODELS = re.compile(
    r"(\w*_)?(model|net|network|discriminator|critic|actor|encoder|decoder|teacher|student)\d*|generator", re.IGNORECASE
)
_VARIABLES = frozenset({"trainable_variables", "trainable_weights", "variables", "weights"})
_APPLYING = frozenset({"apply_gradients", "minimize", "apply"})
_DEPTH = 4


@dataclass(frozen=True, eq=False)
class Named:
    """An object that a name, or an attribute of ``self``, holds.

    Attributes:
        text: how it is written.
        places: the expressions that mean it, in order.
        made: the nodes that bind it.
        owner: the frame that binds it; None for an attribute.
        is_given: it is a parameter.
        is_imported: it is imported.
        value: what is known of it.
    """

    text: str
    places: tuple[ast.expr, ...]
    made: tuple[ast.AST, ...]
    owner: Frame | None
    value: Value
    is_given: bool = False
    is_imported: bool = False

    @property
    def sites(self) -> frozenset[ast.AST]:
        """The calls that make it."""
        return frozenset(instance.call for instance in self.value.instances if instance.call is not None)


class Reach:
    """What code can name in one frame."""

    def __init__(self, module: Module, shapes: Shapes, here: Frame) -> None:
        """Collect the names; nothing is looked at closer yet."""
        self.module = module
        self.shapes = shapes
        self.frame = here
        names = list(self._names())
        mine = [named for named in names if named.owner is here]
        self._named = [*mine, *self._attributes(), *(named for named in names if named.owner is not here)]

    def models(self) -> list[Named]:
        """Return the Keras models, each once."""
        return self._distinct(lambda named: self._is(named, is_model, self._acts_as_model))

    def optimizers(self) -> list[Named]:
        """Return the optimizers, each once."""
        return self._distinct(lambda named: self._is(named, is_optimizer, self._acts_as_optimizer))

    def _names(self) -> Iterator[Named]:
        seen: set[str] = set()
        scope: Scope | None = self.module.inner_scope(self.frame)
        while scope is not None:
            if isinstance(scope.node, (ast.Module, *_FUNCTIONS)):
                for name, bindings in scope.bindings.items():
                    if name not in seen:
                        yield self._name(name, scope, bindings, scope.node)
                seen |= set(scope.bindings)
            scope = scope.parent

    def _name(self, name: str, scope: Scope, bindings: list[Binding], owner: Frame) -> Named:
        # Each from the start, for there is a bound to how far one answer goes.
        value = reduce(join, (Shapes(self.module).binding(binding) for binding in bindings), BOTTOM)
        if name == "self" and isinstance(owner, _FUNCTIONS):
            value = self._self(owner) or value
        places = tuple(self.module.uses(scope, name))
        made = tuple(binding.node for binding in bindings if not isinstance(binding.node, (ast.arg, ast.alias)))
        given = any(isinstance(binding.node, ast.arg) for binding in bindings)
        imported = any(isinstance(binding.node, ast.alias) for binding in bindings)
        return Named(name, places, made, owner, value, given, imported)

    def _attributes(self) -> Iterator[Named]:
        owner = self.module.parent(self.frame)
        if not isinstance(owner, ast.ClassDef) or not isinstance(self.frame, _FUNCTIONS):
            return
        parameters = [*self.frame.args.posonlyargs, *self.frame.args.args]
        if not parameters or parameters[0].arg != "self":
            return
        found: dict[str, list[ast.Attribute]] = {}
        for node in ast.walk(owner):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                found.setdefault(node.attr, []).append(node)
        for name, nodes in found.items():
            stores = [node for node in nodes if isinstance(node.ctx, ast.Store)]
            if stores:
                made = tuple(node for node in stores if frame(self.module, node) is self.frame)
                assigned = [one for node in stores if (one := _assigned(self.module, node)) is not None]
                value = reduce(join, (Shapes(self.module).value(one) for one in assigned), BOTTOM)
                yield Named(f"self.{name}", tuple(nodes), made, None, value)

    def _self(self, function: Function) -> Value | None:
        """Return what ``self`` is in a method: one of the objects that its class is seen to make."""
        owner = self.module.parent(function)
        if not isinstance(owner, ast.ClassDef):
            return None
        name = f"{self.module.id}.{self.module.qualname(owner)}"
        calls = [call for call in self.module.find_all(ast.Call) if self.module.resolve(call.func) == name]
        made = [Instance(name, call, self.module) for call in calls]
        return Value("instance", instances=tuple(made or [Instance(name, None, self.module)]))

    def _is(self, named: Named, known: Callable[[Value], bool], acts: Callable[[Named], bool]) -> bool:
        if named.value.kind in ("unknown", "bottom", "none"):
            return acts(named)
        return known(named.value)

    def _acts_as_model(self, named: Named) -> bool:
        """Tell whether an object of which nothing is known is used as only a Keras model is."""
        read: set[str] = set()
        for place in self.flow(named.places):
            parent = self.module.parent(place)
            if isinstance(parent, ast.Attribute):
                read.add(parent.attr)
            elif isinstance(parent, ast.Call) and parent.func is place:
                read.add("__call__")
        return bool(
            read & _ONLY_MODELS
            or ("__call__" in read and read & _TRAINED)
            or ("compile" in read and read & {"fit", "evaluate", "predict", "summary"})
        )

    def _acts_as_optimizer(self, named: Named) -> bool:
        parents = map(self.module.parent, self.flow(named.places))
        return any(isinstance(one, ast.Attribute) and one.attr in ("apply_gradients", "minimize") for one in parents)

    def flow(self, places: tuple[ast.expr, ...]) -> list[ast.expr]:
        """Return the expressions that mean an object, also in the functions of the module that it is given to."""
        found = list(places)
        seen = set(found)
        for place in found:
            call = self.module.parent(place)
            if isinstance(call, ast.keyword):
                call = self.module.parent(call)
            parameter = parameter_for(self.module, call, place) if isinstance(call, ast.Call) else None
            if parameter is not None:
                inner = self.module.uses(self.module.scope(parameter), parameter.arg)
                found += [use for use in inner if use not in seen]
                seen |= set(inner)
        return found

    # The same object. --------------------------------------------------------------------------------

    def _distinct(self, wanted: Callable[[Named], bool]) -> list[Named]:
        found: list[Named] = []
        for named in self._named:
            if wanted(named) and not any(self.same(named, other) for other in found):
                found.append(named)
        return found

    def same(self, one: Named, other: Named) -> bool:
        """Tell whether two names are seen to mean the same object."""
        if one.sites or other.sites:
            return bool(one.sites & other.sites)
        return self._origin(one) == self._origin(other)

    def _origin(self, named: Named) -> str:
        """Return the name that a name, or an attribute, is only another name of."""
        for _ in range(_DEPTH):
            values = {
                value.id if isinstance(value, ast.Name) else ""
                for node in named.places
                if isinstance(node.ctx, ast.Store)  # type: ignore[attr-defined]
                for value in [_assigned(self.module, node)]
            }
            if len(values) != 1 or not (name := values.pop()):
                break
            other = next((one for one in self._named if one.text == name), None)
            if other is None:
                break
            named = other
        return named.text

    def means(self, node: ast.expr, named: Named) -> bool:
        """Tell whether an expression means an object that has a name here."""
        if node in self.flow(named.places):
            return True
        found = self.shapes.value(node).instances
        return bool(found) and {instance.call for instance in found} <= named.sites

    def strays(self, model: Named) -> bool:
        """Tell whether code of the frame trains a model that has no name here, or has what may be one."""
        for named in self._named:
            if named.value.kind == "unknown" and _LIKE_MODELS.fullmatch(named.text.removeprefix("self.")):
                defined = any(isinstance(node, (*_FUNCTIONS, ast.ClassDef)) for node in named.made)
                near = named.owner in (self.frame, None) and not (defined or named.is_imported)
                if near and not self.same(named, model):
                    return True
        for name in _ONLY_MODELS | _TRAINED:
            for node in self.module.attributes.get(name, ()):
                root = node.value
                while isinstance(root, (ast.Attribute, ast.Subscript, ast.Call)):
                    if self.means(root, model) or self._is_of_callback(root):
                        break
                    root = root.func if isinstance(root, ast.Call) else root.value
                known = self.shapes.value(node.value)
                other = not known.instances or is_model(known)
                mine = self.means(root, model) or self._is_of_callback(root)
                if other and frame(self.module, node) is self.frame and not mine:
                    return True
        return False

    def _is_of_callback(self, node: ast.expr) -> bool:
        """Tell whether an expression is the model of a callback: the one that it is given."""
        if not isinstance(node, ast.Attribute) or node.attr != "model":
            return False
        names = {
            base for one in self.shapes.value(node.value).instances for base in library_bases(one.module, one.name)
        }
        return bool(names) and all(name.startswith("keras.callbacks.") for name in names)

    # Models and their optimizers. ----------------------------------------------------------------------

    def has_optimizer(self, model: Named, until: ast.stmt) -> bool:
        """Tell whether a model is compiled, or given an optimizer, before code of the frame has come to an end."""
        modules = {self.module, *(instance.module for instance in model.value.instances)}
        for module in modules:
            for node in [*module.attributes.get("compile", ()), *module.attributes.get("optimizer", ())]:
                if module is self.module:
                    late = frame(module, node) is self.frame and node.lineno > (until.end_lineno or 0)
                    if not late and self.means(node.value, model):
                        return True
                else:
                    instances = Shapes(module).value(node.value).instances
                    if {instance.call for instance in instances} & model.sites:
                        return True
        return any(_sets_own_optimizer(instance.module, instance.name) for instance in model.value.instances)

    def asks_to_stop(self, model: Named) -> bool:
        """Tell whether code of the frame reads the `stop_training` of a model that only callbacks set."""
        uses = self.module.attributes.get("stop_training", ())
        return all(isinstance(use.ctx, ast.Load) for use in uses) and any(
            frame(self.module, use) is self.frame and (self.means(use.value, model) or self._is_of_callback(use.value))
            for use in uses
        )

    def trains(self, optimizer: Named, model: Named) -> bool:
        """Tell whether an optimizer is seen to be used with the variables of this model, and of no other."""
        owners: list[ast.expr] = []
        for name in _APPLYING:
            for node in self.module.attributes.get(name, ()):
                call = self.module.parent(node)
                if isinstance(call, ast.Call) and call.func is node and self.means(node.value, optimizer):
                    owners += self._owners_of_variables([*call.args, *(keyword.value for keyword in call.keywords)])
        return bool(owners) and all(self.means(owner, model) for owner in owners)

    def _owners_of_variables(self, nodes: list[ast.expr], depth: int = 0) -> Iterator[ast.expr]:
        for root in nodes:
            for node in ast.walk(root):
                if isinstance(node, ast.Attribute) and node.attr in _VARIABLES:
                    yield node.value
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and depth < _DEPTH:
                    values = [
                        value
                        for binding in reaching(self.module, node)
                        if isinstance(binding.node, ast.Name)
                        for value in [_assigned(self.module, binding.node)]
                        if value is not None
                    ]
                    yield from self._owners_of_variables(values, depth + 1)


def parameter_for(module: Module, call: ast.Call, given: ast.expr) -> ast.arg | None:
    """Return the parameter of a function of the module that an argument is for."""
    target = definition(module, module.resolve(call.func))
    method = False
    function = target[1] if target is not None and target[0] is module else None
    if function is None and isinstance(call.func, ast.Attribute):
        owner = module.enclosing(call, ast.ClassDef)
        if owner is not None and isinstance(call.func.value, ast.Name) and call.func.value.id == "self":
            found = [part for part in owner.body if isinstance(part, _FUNCTIONS) and part.name == call.func.attr]
            function, method = (found[0] if found else None), True
    if isinstance(function, ast.ClassDef):
        inits = [part for part in function.body if isinstance(part, _FUNCTIONS) and part.name == "__init__"]
        function, method = (inits[0] if inits else None), True
    if not isinstance(function, _FUNCTIONS):
        return None
    positional = [*function.args.posonlyargs, *function.args.args][1 if method else 0 :]
    for keyword in call.keywords:
        if keyword.value is given:
            return next((one for one in [*positional, *function.args.kwonlyargs] if one.arg == keyword.arg), None)
    if given in call.args and not any(isinstance(argument, ast.Starred) for argument in call.args):
        index = call.args.index(given)
        return positional[index] if index < len(positional) else None
    return None


def is_model(value: Value) -> bool:
    """Tell whether a value is known to be a Keras model."""
    return _all_bases(value, _is_model_class)


def is_optimizer(value: Value) -> bool:
    """Tell whether a value is known to be a Keras optimizer."""
    return _all_bases(value, _is_optimizer_class)


def _all_bases(value: Value, wanted: Callable[[str], bool]) -> bool:
    return bool(value.instances) and all(
        instance.known and any(map(wanted, library_bases(instance.module, instance.name)))
        for instance in value.instances
    )


def _is_model_class(name: str) -> bool:
    return name in ("keras.Model", "keras.Sequential", "keras.Functional") or name.startswith("keras.models.")


def _is_optimizer_class(name: str) -> bool:
    if name.startswith("keras.mixed_precision."):
        return name.endswith("LossScaleOptimizer")
    return name.startswith("keras.optimizers.") and not name.startswith("keras.optimizers.schedules.")


def _assigned(module: Module, node: ast.AST) -> ast.expr | None:
    """Return what the statement that binds a name assigns."""
    statement = module.statement(node)
    return statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None


def _sets_own_optimizer(module: Module, name: str) -> bool:
    """Tell whether a model's class compiles itself, or sets its optimizer."""
    found = definition(module, name)
    return found is not None and any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
        and (node.attr == "compile" or (node.attr == "optimizer" and isinstance(node.ctx, ast.Store)))
        for node in ast.walk(found[1])
    )
