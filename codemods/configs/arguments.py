"""What the arguments of Keras objects are to Keras, which stores some by itself and others not at all."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from codemods.analysis.keras_objects import KerasObjects, Kind, argument, default_of, parameters
from codemods.analysis.module import Function, Module
from codemods.analysis.paths import variable
from codemods.analysis.reaching import reaching

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Site = tuple[Module, ast.Call]
_DEPTH = 12
_SITES = 12
# TensorFlow's functions that Keras 2 and Keras 3 know by the same name, and compute alike.
_ACTIVATIONS = frozenset(
    f"tensorflow.{name}"
    for name in (
        "tanh", "sigmoid", "math.tanh", "math.sigmoid", "math.softplus", "math.softsign", "nn.elu", "nn.gelu",
        "nn.leaky_relu", "nn.relu", "nn.relu6", "nn.selu", "nn.sigmoid", "nn.softplus", "nn.softsign", "nn.tanh",
    )
)  # fmt: skip
_PARTS = {
    Kind.LAYER: "layers",
    Kind.MODEL: "layers",
    Kind.LOSS: "losses",
    Kind.METRIC: "metrics",
    Kind.OPTIMIZER: "optimizers",
    Kind.REGULARIZER: "regularizers",
    Kind.INITIALIZER: "initializers",
    Kind.CONSTRAINT: "constraints",
}
_PLAIN_CALLS = frozenset({
    "builtins.int", "builtins.float", "builtins.str", "builtins.bool", "builtins.len", "builtins.round",
    "numpy.float64", "os.getenv", "os.environ.get",
})  # fmt: skip
_TENSORS = frozenset({"constant", "convert_to_tensor", "cast", "zeros", "ones", "range", "linspace", "eye", "fill"})
_ARRAY_METHODS = frozenset({"astype", "numpy", "reshape", "copy", "transpose"})
_PLAIN_METHODS = frozenset({"item", "tolist", "format", "join", "strip", "lower", "upper", "as_list"})
_PLAIN_ANNOTATIONS = frozenset({
    "int", "float", "str", "bool", "None", "Optional", "Union", "List", "Tuple", "Sequence", "Dict", "list", "tuple",
    "dict", "Literal", "Iterable", "typing", "collections", "abc", "Text",
})  # fmt: skip


@dataclass(frozen=True)
class Held:
    """What an argument may be.

    Attributes:
        what: ``plain`` (numbers, texts, lists of them), ``none``, ``empty`` (a list or dict), ``keras`` (an
            object of Keras), ``function`` (one that Keras knows by name), ``array``, ``tensor``, ``other``
            (Keras can't store it), ``unknown``.
        part: for an object or function of Keras, the module whose ``serialize`` stores it, such as ``layers``.
        many: ``list``, ``tuple`` or ``dict`` where it is seen to be one of these, full of such things.
        why: for ``other``, what it is, in words.
    """

    what: str
    part: str = ""
    many: str = ""
    why: str = ""


@dataclass(frozen=True)
class Given:
    """What calls give for a parameter.

    Attributes:
        held: what they give.
        somewhere: one of them gives something.
        left_out: one of them leaves it to the default, or none is seen.
    """

    held: frozenset[Held]
    somewhere: bool
    left_out: bool


PLAIN = Held("plain")
NONE = Held("none")
UNKNOWN = Held("unknown")
ARRAY = Held("array")
TENSOR = Held("tensor")


def kinds(held: Iterable[Held]) -> set[str]:
    """Return what some things are."""
    return {each.what for each in held}


def _other(why: str) -> Held:
    return Held("other", why=why)


class KerasArguments:
    """Tells what is given to Keras objects."""

    def __init__(self, objects: KerasObjects) -> None:
        """Remember the project's objects."""
        self.objects = objects
        self._busy: set[ast.AST] = set()
        self._known: dict[ast.AST, set[Held]] = {}
        self._cuts = 0

    def given(self, owner: Module, function: Function, sites: Sequence[Site], parameter: ast.arg) -> Given:
        """Return what calls of a function give for one of its parameters.

        Args:
            owner: the module of the function.
            function: the function.
            sites: its calls, each with its module.
            parameter: the parameter.
        """
        held: set[Held] = set()
        given = left_out = False
        for module, call in sites:
            node = argument(owner, function, call, parameter)
            if node is not None:
                held |= self.held(module, node)
                given = True
                continue
            left_out = True
            if any(isinstance(each, ast.Starred) for each in call.args) or any(k.arg is None for k in call.keywords):
                held.add(UNKNOWN)
        return Given(frozenset(held), given, left_out or not sites)

    def held(self, module: Module, node: ast.expr | None) -> set[Held]:
        """Return all that an expression may be."""
        if node is None:
            return {UNKNOWN}
        if node in self._known:
            return self._known[node]
        if node in self._busy or len(self._busy) > _DEPTH:
            self._cuts += 1
            return {UNKNOWN}
        cuts = self._cuts
        self._busy.add(node)
        found = set(self._held(module, node))
        self._busy.discard(node)
        if cuts == self._cuts:  # what is cut short holds for this walk only
            self._known[node] = found
        return found

    def annotated(self, annotation: ast.expr | None) -> Held:
        """Return what the annotation of a parameter says that it is."""
        if annotation is None:
            return UNKNOWN
        names = [each for each in ast.walk(annotation) if isinstance(each, (ast.Name, ast.Attribute))]
        words = {each.id if isinstance(each, ast.Name) else each.attr for each in names}
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            words = {annotation.value}
        return PLAIN if words and words <= _PLAIN_ANNOTATIONS else UNKNOWN

    def _held(self, module: Module, node: ast.expr) -> Iterator[Held]:
        if isinstance(node, ast.Constant):
            yield self._constant(node)
        elif isinstance(node, (ast.JoinedStr, ast.Compare)):
            yield PLAIN
        elif isinstance(node, ast.UnaryOp):
            yield from {PLAIN} if isinstance(node.op, ast.Not) else self.held(module, node.operand)
        elif isinstance(node, ast.BinOp):
            yield self._operation(self.held(module, node.left) | self.held(module, node.right))
        elif isinstance(node, ast.IfExp):
            yield from self.held(module, node.body) | self.held(module, node.orelse)
        elif isinstance(node, ast.BoolOp):
            for each in node.values:
                yield from self.held(module, each)
        elif isinstance(node, (ast.List, ast.Tuple, ast.ListComp)):
            parts = [node.elt] if isinstance(node, ast.ListComp) else node.elts
            kind = "tuple" if isinstance(node, ast.Tuple) else "list"
            yield self._many(kind, [held for part in parts for held in self.held(module, part)])
        elif isinstance(node, ast.Dict):
            yield self._many("dict", [held for part in node.values for held in self.held(module, part)])
        elif isinstance(node, (ast.Set, ast.SetComp, ast.GeneratorExp)):
            yield _other("a set or generator")
        elif isinstance(node, ast.Lambda):
            yield _other("a lambda, which has no name to be found by")
        elif isinstance(node, (ast.NamedExpr, ast.Starred, ast.Await)):
            yield from self.held(module, node.value)
        elif isinstance(node, ast.Call):
            yield from self._called(module, node)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            yield from self._named(module, node)
        else:
            yield UNKNOWN

    def _constant(self, node: ast.Constant) -> Held:
        if node.value is None:
            return NONE
        return PLAIN if isinstance(node.value, (str, int, float)) else _other("a value that JSON doesn't know")

    def _operation(self, operands: set[Held]) -> Held:
        for each in operands:
            if each.what in {"array", "tensor"} or each.many:
                return each
        return PLAIN if kinds(operands) <= {"plain"} else UNKNOWN

    def _many(self, kind: str, elements: list[Held]) -> Held:
        parts = {each for each in elements if each.what not in {"plain", "none", "empty"}}
        if not parts:
            return Held("plain" if elements else "empty", many=kind)
        if parts == {UNKNOWN}:
            return UNKNOWN
        first = next(iter(parts))
        if len(parts) == 1 and len(set(elements)) == 1 and first.what == "keras" and not first.many:
            return replace(first, many=kind)
        bad = next((each for each in parts if each.what == "other"), None)
        return bad or _other("a collection of various things")

    # Names. ------------------------------------------------------------------------------------

    def _named(self, module: Module, node: ast.Name | ast.Attribute) -> Iterator[Held]:
        bindings = reaching(module, node) if isinstance(node, ast.Name) else []
        plain = [each for each in bindings if isinstance(each.node, ast.arg) or each.value is not None]
        if bindings and len(plain) == len(bindings):
            for each in plain:
                if isinstance(each.node, ast.arg):
                    yield from self._parameter(module, each.node)
                else:
                    yield from self.held(module, each.value)
            return
        name = module.resolve(node)
        if name is None:
            yield from self._attribute(module, node) if isinstance(node, ast.Attribute) else {UNKNOWN}
            return
        found = self.objects.definition(module, name)
        if found is not None:
            yield (
                _other(f"the class `{found[1].name}` itself")
                if isinstance(found[1], ast.ClassDef)
                else Held("function", "activations")
            )
            return
        value = variable(module, name)
        if value is not None:
            yield from self.held(*value)
        else:
            yield self._library(name)

    def _library(self, name: str) -> Held:
        """Return what a name of a library is, which isn't called."""
        package, _, last = name.rpartition(".")
        if name in _ACTIVATIONS or (package == "keras.activations"):
            return Held("function", "activations")
        if package in {"keras.losses", "keras.metrics"} and last[:1].islower():
            return Held("function", package.removeprefix("keras."))
        if name.startswith(("tensorflow.", "keras.")):
            return _other(f"`{name.replace('tensorflow.', 'tf.').replace('keras.', 'tf.keras.')}`")
        if name.startswith("numpy.") and last not in {"pi", "e", "inf", "nan"}:
            return _other(f"`{name}`")
        return PLAIN if name.startswith(("math.", "numpy.", "sys.")) else UNKNOWN

    def _parameter(self, module: Module, parameter: ast.arg) -> Iterator[Held]:
        function = module.function(parameter)
        if function is None or parameter not in parameters(function):
            yield UNKNOWN
            return
        sites = self.objects.call_sites(module, function)[:_SITES]
        given = self.given(module, function, sites, parameter)
        default = default_of(function, parameter) if given.left_out else None
        yield from given.held | (self.held(module, default) if default is not None else set()) or {UNKNOWN}

    def _attribute(self, module: Module, node: ast.Attribute) -> Iterator[Held]:
        owner = self.objects.instance(module, node.value)
        if owner is None:
            yield UNKNOWN
            return
        found = False
        for each in ast.walk(owner[1]):
            targets = (
                each.targets
                if isinstance(each, ast.Assign)
                else [each.target]
                if isinstance(each, ast.AnnAssign)
                else []
            )
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr == node.attr:
                    found = True
                    yield from self.held(owner[0], each.value)  # type: ignore[attr-defined]
        if not found:
            yield UNKNOWN

    # Calls. ------------------------------------------------------------------------------------

    def _called(self, module: Module, call: ast.Call) -> Iterator[Held]:
        name = module.resolve(call.func)
        found = self.objects.definition(module, name)
        if found is None and name is None and isinstance(call.func, ast.Attribute):
            found = self.objects.bound_method(module, call.func)
        if found is not None:
            yield from self._project(*found)
        elif name is None:
            yield from self._method(module, call)
        elif name in {"builtins.list", "builtins.tuple", "builtins.sorted", "builtins.dict", "copy.deepcopy"}:
            empty = Held("empty", many="dict" if name == "builtins.dict" else "list")
            yield from self.held(module, call.args[0]) if call.args else {empty}
        elif name in _PLAIN_CALLS or name.startswith(("math.", "os.path.")):
            yield PLAIN
        elif name in {"builtins.min", "builtins.max", "builtins.sum", "builtins.abs"}:
            yield self._operation({held for each in call.args for held in self.held(module, each)})
        elif name.startswith("numpy."):
            yield ARRAY
        elif name.startswith("keras."):
            yield self._keras(name)
        elif name.startswith("tensorflow."):
            last = name.rpartition(".")[2]
            yield TENSOR if last in _TENSORS else _other(f"what `{ast.unparse(call.func)}` makes")
        elif name.startswith(("functools.partial", "pathlib.", "builtins.", "operator.")):
            yield _other(f"what `{ast.unparse(call.func)}` makes")
        else:
            yield UNKNOWN

    def _project(self, module: Module, node: ast.AST) -> Iterator[Held]:
        """Return what a class or function of the project makes."""
        if isinstance(node, ast.ClassDef):
            kind = self.objects.kind(module, node)
            yield Held("keras", _PARTS[kind]) if kind is not None else _other(f"an object of `{node.name}`")
            return
        assert isinstance(node, _FUNCTIONS)
        found: set[Held] = set()
        pending: list[ast.AST] = list(node.body)
        while pending:
            each = pending.pop()
            if isinstance(each, ast.Return):
                found |= self.held(module, each.value)
            if not isinstance(each, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
                pending += ast.iter_child_nodes(each)
        yield from found or {UNKNOWN}

    def _method(self, module: Module, call: ast.Call) -> Iterator[Held]:
        if not isinstance(call.func, ast.Attribute):
            yield UNKNOWN
            return
        if call.func.attr in _PLAIN_METHODS:
            yield PLAIN
            return
        owner = self.held(module, call.func.value)
        if ARRAY in owner or call.func.attr in _ARRAY_METHODS:
            yield ARRAY
        else:
            yield UNKNOWN

    def _keras(self, name: str) -> Held:
        """Return what a class or function of Keras makes."""
        package, _, last = name.rpartition(".")
        part = package.removeprefix("keras.").partition(".")[0]
        if last == "get":
            return Held("function", part) if part == "activations" else Held("keras", part)
        if name in {"keras.Sequential", "keras.Model", "keras.layers.Layer"} or part in {"models", "applications"}:
            return Held("keras", "layers")
        if name in {"keras.layers.Input", "keras.Input"}:
            return _other("a tensor of Keras")
        if package == "keras.optimizers.schedules":
            return Held("keras", "optimizers.schedules")
        return Held("keras", part) if part in set(_PARTS.values()) else UNKNOWN
