"""Which parts of a project Keras saves by name, and which of them a saved model holds.

A saved model names its layers, losses and so on; what isn't Keras' own has to be handed to the load.
:class:`KerasObjects` follows the model from where it is saved back to where it is built, through
variables, parameters, attributes and functions of the project, and collects the project's own objects.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from codemods.analysis.keras_names import BUILTIN
from codemods.analysis.module import Binding, Function, Module
from codemods.analysis.paths import ANYTHING, FilePath, parameters_read, paths, template, variable
from codemods.analysis.project import Project
from codemods.analysis.reaching import reaching

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEPTH = 40
_CALL_SITES = 20


class Kind(enum.Enum):
    """What a class is to Keras."""

    LAYER = "layer"
    MODEL = "model"
    LOSS = "loss"
    METRIC = "metric"
    OPTIMIZER = "optimizer"
    REGULARIZER = "regularizer"
    INITIALIZER = "initializer"
    CONSTRAINT = "constraint"
    FUNCTION = "function"


_BASES = (
    ("keras.layers.", Kind.LAYER),
    ("keras.engine.base_layer.Layer", Kind.LAYER),
    ("keras.Layer", Kind.LAYER),
    ("keras.Model", Kind.MODEL),
    ("keras.models.", Kind.MODEL),
    ("keras.Sequential", Kind.MODEL),
    ("keras.losses.", Kind.LOSS),
    ("keras.Loss", Kind.LOSS),
    ("keras.metrics.", Kind.METRIC),
    ("keras.Metric", Kind.METRIC),
    ("keras.optimizers.", Kind.OPTIMIZER),
    ("keras.Optimizer", Kind.OPTIMIZER),
    ("keras.regularizers.", Kind.REGULARIZER),
    ("keras.Regularizer", Kind.REGULARIZER),
    ("keras.initializers.", Kind.INITIALIZER),
    ("keras.Initializer", Kind.INITIALIZER),
    ("keras.constraints.", Kind.CONSTRAINT),
)
# Methods that put their arguments into the object that they are called on.
_FILLING = frozenset({"add", "append", "extend", "insert", "update", "setdefault", "appendleft"})
_LOADERS = ("load_model", "model_from_json", "from_config", "deserialize", "model_from_config")


@dataclass(frozen=True)
class Given:
    """An argument where it is given."""

    module: Module
    node: ast.expr
    frame: Frame | None


@dataclass(frozen=True)
class Frame:
    """The call that a function's body is looked at for."""

    owner: Module
    function: Function
    module: Module
    call: ast.Call
    parent: Frame | None = None

    def given(self, parameter: ast.arg) -> Given | None:
        """Return what the call gives for a parameter; None if it is another function's."""
        frame: Frame | None = self
        while frame is not None:
            if parameter in parameters(frame.function):
                node = argument(frame.owner, frame.function, frame.call, parameter)
                if node is None:
                    default = default_of(frame.function, parameter)
                    return None if default is None else Given(frame.owner, default, None)
                return Given(frame.module, node, frame.parent)
            frame = frame.parent
        return None


@dataclass(frozen=True, eq=False)
class KerasObject:
    """A class or function of the project that Keras saves by its name."""

    module: Module
    node: ast.ClassDef | Function
    kind: Kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KerasObject) and self._place == other._place

    def __hash__(self) -> int:
        return hash(self._place)

    @property
    def _place(self) -> tuple[str, str, int]:
        # Not the node: a large project's modules may be read again.
        return self.module.path, self.qualname, self.node.lineno

    @property
    def name(self) -> str:
        """What Keras calls it: ``__name__``."""
        return self.node.name

    @property
    def qualname(self) -> str:
        """The dotted name inside its module."""
        return self.module.qualname(self.node)

    @property
    def builtin(self) -> bool:
        """Whether it bears the name of one of Keras' own objects."""
        return self.name in BUILTIN


@dataclass
class Contents:
    """What a model holds.

    Attributes:
        structure: the project's objects that the model itself is made of.
        training: those that only its training needs: losses, metrics, optimizers.
        root: the project's class that the model is an instance of.
        keras: whether anything of Keras was seen at all.
        builtins: Keras' own names that the model uses.
        lambdas, training_lambdas: a ``lambda`` is given to Keras, for the model or its training only.
        wrapped: the project's functions in ``Lambda`` layers.
        wraps_code: a ``Lambda`` layer wraps something that has no name.
        complete: all of it was seen.
    """

    structure: dict[KerasObject, None] = field(default_factory=dict)
    training: dict[KerasObject, None] = field(default_factory=dict)
    root: KerasObject | None = None
    keras: bool = False
    builtins: set[str] = field(default_factory=set)
    lambdas: bool = False
    training_lambdas: bool = False
    wrapped: dict[KerasObject, None] = field(default_factory=dict)
    wraps_code: bool = False
    complete: bool = True

    def merge(self, other: Contents) -> None:
        """Add what another model holds."""
        self.structure.update(other.structure)
        self.training.update(other.training)
        self.wrapped.update(other.wrapped)
        self.builtins |= other.builtins
        self.keras |= other.keras
        self.lambdas |= other.lambdas
        self.training_lambdas |= other.training_lambdas
        self.wraps_code |= other.wraps_code
        self.complete &= other.complete


class Form(enum.Enum):
    """In which form a model is kept."""

    KERAS = "keras"
    H5 = "h5"
    FOLDER = "folder"
    JSON = "json"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Save:
    """A place where a model is saved.

    Attributes:
        module: the module it stands in.
        call: the call that saves, or the checkpoint callback that does.
        model: the model; None where a callback saves the one that is trained.
        path: the file.
        form: the form of the file.
        frame: the call that the function around it is looked at for.
        objects: the project, to follow the model.
    """

    module: Module
    call: ast.Call
    model: ast.expr | None
    path: FilePath
    form: Form
    frame: Frame | None
    objects: KerasObjects

    @cached_property
    def contents(self) -> Contents:
        """What the model holds; without anything of Keras where it is no model at all."""
        models = [self.model] if self.model is not None else self.objects.fitted_with(self.module, self.call)
        found = Contents(keras=self.model is None, complete=bool(models))
        for model in models:
            held = self.objects.contents(self.module, model, self.frame)
            found.root = held.root
            found.merge(held)
        return found


@dataclass(frozen=True)
class Registration:
    """How an object is made known to Keras by name, and the module whose import does it."""

    path: str
    name: str | None


class KerasObjects:
    """What a project saves with Keras."""

    def __init__(self, project: Project, within: Container[str] | None = None) -> None:
        """Remember the project; its modules are read when they are needed.

        Args:
            project: the project.
            within: the paths of the modules to be searched; all of the project's if None.
        """
        self.project = project
        self._within = within
        self._sites: dict[ast.AST, list[tuple[Module, ast.Call]]] = {}
        self._spread: dict[ast.Call, list[Save]] = {}
        self._reaching: dict[ast.Name, list[Binding]] = {}

    # Classes. ----------------------------------------------------------------------------------

    def kind(self, module: Module, node: ast.ClassDef, depth: int = 0) -> Kind | None:
        """Return what a class is to Keras, None if nothing."""
        for base in node.bases:
            if isinstance(base, ast.Subscript):
                base = base.value
            name = module.resolve(base)
            kind = library_kind(name)
            found = self.definition(module, name)
            if kind is None and found is not None and isinstance(found[1], ast.ClassDef) and depth < 20:
                kind = self.kind(found[0], found[1], depth + 1)
            if kind is not None:
                return kind
        return None

    def object(self, module: Module, node: ast.ClassDef | Function) -> KerasObject | None:
        """Return a definition as what Keras saves by name; a class that isn't Keras' is None."""
        if isinstance(node, ast.ClassDef):
            kind = self.kind(module, node)
            return KerasObject(module, node, kind) if kind is not None else None
        return KerasObject(module, node, Kind.FUNCTION)

    def definition(self, module: Module, name: str | None) -> tuple[Module, Function | ast.ClassDef] | None:
        """Return the definition that a qualified name means; this module's own as it stands here."""
        if name is None:
            return None
        if name.startswith(module.id + "."):
            node = module.definition(name.removeprefix(module.id + "."))
            if node is not None:
                return module, node
        return self.project.definition(name)

    def defines(self, found: KerasObject, *methods: str) -> bool:
        """Return whether a class, or a class of the project that it is derived from, has a method."""
        return any(self.method(found.module, found.node, name) for name in methods)

    def method(self, module: Module, node: ast.AST, name: str, depth: int = 0) -> tuple[Module, Function] | None:
        """Return a method of a class of the project, its own or an inherited one."""
        if not isinstance(node, ast.ClassDef) or depth > 20:
            return None
        for statement in node.body:
            if isinstance(statement, _FUNCTIONS) and statement.name == name:
                return module, statement
        for base in node.bases:
            found = self.definition(module, module.resolve(base))
            if found is not None:
                inherited = self.method(*found, name, depth + 1)
                if inherited is not None:
                    return inherited
        return None

    def lineage(self, module: Module, node: ast.AST) -> list[tuple[Module, ast.ClassDef]]:
        """Return a class with those of the project that it is derived from, in the order they are looked through."""
        found: list[tuple[Module, ast.ClassDef]] = []
        pending: list[tuple[Module, ast.AST]] = [(module, node)]
        while pending:
            owner, each = pending.pop(0)
            if not isinstance(each, ast.ClassDef) or any(_same(owner, each, *other) for other in found):
                continue
            found.append((owner, each))
            above = (self.definition(owner, owner.resolve(base)) for base in each.bases)
            pending[:0] = [base for base in above if base is not None]
        return found

    def family(self, module: Module, node: ast.ClassDef) -> list[tuple[Module, ast.ClassDef]]:
        """Return a class with those it is derived from and those derived from it, in the project."""
        found: list[tuple[Module, ast.ClassDef]] = []
        pending: list[tuple[Module, ast.ClassDef]] = [(module, node)]
        while pending:
            owner, each = pending.pop()
            if any(_same(owner, each, *other) for other in found):
                continue
            found.append((owner, each))
            for base in each.bases:
                above = self.definition(owner, owner.resolve(base))
                if above is not None and isinstance(above[1], ast.ClassDef):
                    pending.append((above[0], above[1]))
        for other in self.modules(module, node.name):
            for each in other.find_all(ast.ClassDef):
                for base in each.bases:
                    above = self.definition(other, other.resolve(base))
                    if above is not None and _same(module, node, *above):
                        found.append((other, each))
        return found

    def modules(self, here: Module, *words: str) -> Iterator[Module]:
        """Yield the modules that hold any of some words, the given one as it stands now."""
        if any(word in here.text for word in words):
            yield here
        yield from self._others(here, self.project.mentioning(*words))

    def _others(self, here: Module, paths: Iterable[str]) -> Iterator[Module]:
        for path in paths:
            if path != here.path and (self._within is None or path in self._within):
                module = self.project.module(path)
                if module is not None:
                    yield module

    def registrations(self, found: KerasObject) -> list[Registration]:
        """Return how an object is registered with Keras: by decorators, or by a call elsewhere."""
        registered = [
            Registration(found.module.path, name)
            for decorator in found.node.decorator_list
            for name in self._registered_name(found.module, decorator, found.name)
        ]
        for module in self.modules(found.module, "register_keras_serializable"):
            given = module.once("given", partial(_calls_by_argument, module))
            for call in given.get(f"{found.module.id}.{found.qualname}", ()):
                names = self._registered_name(module, call.func, found.name)
                registered += [Registration(module.path, name) for name in names]
        return registered

    def _registered_name(self, module: Module, node: ast.expr, name: str) -> Iterator[str | None]:
        """Yield the name under which a decorator registers, None if it can't be told."""
        if isinstance(node, ast.Name):
            values = [b.value for b in module.bindings(node) if b.value is not None]
            if len(values) == 1 and isinstance(values[0], ast.Call):
                node = values[0]
        target = node.func if isinstance(node, ast.Call) else node
        resolved = module.resolve(target)
        if resolved == "functools.partial" and isinstance(node, ast.Call) and node.args:
            resolved = module.resolve(node.args[0])
            node = ast.Call(node.args[0], node.args[1:], node.keywords)
        if resolved is None:
            return
        if resolved.startswith("keras.") and resolved.endswith(".register_keras_serializable"):
            given = arguments_by_name(node, ("package", "name")) if isinstance(node, ast.Call) else {}
            package = constant_text(module, given.get("package")) if "package" in given else "Custom"
            own = given.get("name")
            named = name if own is None or _is_none(own) else constant_text(module, own)
            yield f"{package}>{named}" if package is not None and named is not None else None
            return
        found = self.definition(module, resolved)
        if found is not None and "register_keras_serializable" in found[0].source(found[1]):
            yield None

    # Calls. ------------------------------------------------------------------------------------

    def call_sites(self, module: Module, function: Function) -> list[tuple[Module, ast.Call]]:
        """Return the calls of a function in the project; for ``__init__`` those of its class."""
        if function not in self._sites:
            self._sites[function] = list(self._find_sites(module, function))[:_CALL_SITES]
        return self._sites[function]

    def _calling(self, here: Module, name: str, method: bool) -> Iterator[Module]:
        """Yield the modules in which a name of a module may be called, that one as it stands now."""
        if name in here.text:
            yield here
        having = None if method else set(self.project.importing(here.path, name))
        calling = self.project.calling(name)
        yield from self._others(here, (path for path in calling if having is None or path in having))

    def _find_sites(self, module: Module, function: Function) -> Iterator[tuple[Module, ast.Call]]:
        parent = module.parent(function)
        owner = parent if isinstance(parent, ast.ClassDef) else None
        target: ast.AST = owner if owner is not None and function.name == "__init__" else function
        name = owner.name if owner is not None and function.name == "__init__" else function.name
        for other in self._calling(module, name, owner is not None and target is function):
            words = _spellings(other, name)
            for call in other.find_all(ast.Call):
                if _called(call) not in words:
                    continue
                resolved = other.resolve(call.func)
                found = self.definition(other, resolved)
                if found is not None and _same(module, target, *found):
                    yield other, call
                elif resolved is None and owner is not None and target is function:
                    base = call.func.value if isinstance(call.func, ast.Attribute) else None
                    if base is not None and self._may_be(other, base, module, owner):
                        yield other, call  # a method of an instance

    def _may_be(self, here: Module, node: ast.expr, module: Module, owner: ast.ClassDef) -> bool:
        """Return whether an expression may be an instance of a class."""
        found = _Trace(self).instance(here, node)
        return found is None or any(_same(module, owner, *each) for each in self.family(*found))

    def reaching(self, module: Module, name: ast.Name) -> list[Binding]:
        """Return the bindings of a name that can be the one in force where it is used, found out once."""
        if name not in self._reaching:
            self._reaching[name] = reaching(module, name)
        return self._reaching[name]

    def frames(
        self, module: Module, node: ast.AST, texts: Sequence[ast.expr] | None = None, depth: int = 0
    ) -> list[Frame | None]:
        """Return the calls for which the function around a node runs; None stands for no known call.

        Args:
            module: the module.
            node: something in the function.
            texts: expressions in the function: only calls that their texts depend on are told apart.
            depth: how many calls were followed already.
        """
        function = module.function(node)
        if function is None or depth > 2 or not parameters(function):
            return [None]
        asked = [] if texts is None else parameters_read(module, texts)
        if texts is not None and not asked:
            return [None]
        # A parameter of a function further out is the argument of some call further up.
        own = texts is not None and all(each in parameters(function) for each in asked)
        found: list[Frame | None] = []
        for where, call in self.call_sites(module, function):
            if function in where.ancestors(call):
                continue
            above = [argument(module, function, call, each) for each in asked]
            parents = self.frames(where, call, [each for each in above if each] if own else None, depth + 1)
            found += [Frame(module, function, where, call, parent) for parent in parents]
        return found[:_CALL_SITES] or [None]

    def instance(self, module: Module, node: ast.expr) -> tuple[Module, ast.ClassDef] | None:
        """Return the class of the project that an expression is an instance of, where that is plain."""
        return _Trace(self).instance(module, node)

    def bound_method(self, module: Module, node: ast.Attribute) -> tuple[Module, Function] | None:
        """Return the method of the project that ``self.build`` or ``builder.build`` is."""
        return _Trace(self).bound_method(module, node, None)

    # Models. -----------------------------------------------------------------------------------

    def contents(self, module: Module, node: ast.expr, frame: Frame | None = None) -> Contents:
        """Return what a model (or another Keras object, or its configuration) holds.

        Args:
            module: the module the expression stands in.
            node: the expression.
            frame: the call that the function around it is looked at for.
        """
        trace = _Trace(self)
        trace.expression(module, node, _Use.VALUE, False, frame)
        found = trace.contents
        found.root = trace.root
        for each in found.structure:
            found.training.pop(each, None)
        return found

    def contents_together(self, given: Iterable[tuple[Module, ast.expr]]) -> Contents:
        """Return what some models hold, all together.

        A function is looked at once, for all that it may be given anywhere, and not for each of its calls:
        that may find more, and takes much less time.

        Args:
            given: the models, each with the module it stands in.
        """
        trace = _Trace(self, by_call=False)
        for module, node in given:
            trace.expression(module, node, _Use.VALUE, False, None)
        return trace.contents

    def saves(self, here: Module) -> list[Save]:
        """Return the places where the project saves models to files, once for each path.

        Args:
            here: a module as it stands now; the others are read from the project.
        """
        modules = self.modules(here, "save", "ModelCheckpoint", "to_json")
        return [save for module in modules for save in self.saves_in(module)]

    def saves_in(self, module: Module) -> Iterator[Save]:
        """Yield the places where a module saves models to files, once for each path."""
        for call in saving_calls(module):
            distinct: dict[tuple[FilePath, Form], Save] = {}
            for save in self._save(module, call, False):
                distinct.setdefault((save.path, save.form), save)
            yield from distinct.values()

    def spread(self, save: Save) -> list[Save]:
        """Return a save for each call that the function around it runs for, where it saves to that path."""
        if save.call not in self._spread:
            self._spread[save.call] = list(self._save(save.module, save.call, True))
        return [each for each in self._spread[save.call] if (each.path, each.form) == (save.path, save.form)]

    def _save(self, module: Module, call: ast.Call, every_call: bool) -> Iterator[Save]:
        saving = _saving(module, call)
        if saving is None:
            return
        model, path, save_format = saving
        to_json = _called(call) == "to_json"
        for frame in self.frames(module, call, None if every_call else [path] if path is not None else []):
            for each in paths(module, path, frame):
                file = each if model is not None else template(each)
                form = Form.JSON if to_json else form_of(file, save_format)
                yield Save(module, call, model, file, form, frame, self)

    def fitted_with(self, module: Module, checkpoint: ast.Call) -> list[ast.expr]:
        """Return the models (of this module) that are trained with a checkpoint callback."""
        found: list[ast.expr] = []
        for call in module.find_all(ast.Call):
            if isinstance(call.func, ast.Attribute) and call.func.attr in {"fit", "fit_generator"}:
                given = {k.arg: k.value for k in call.keywords}.get("callbacks")
                if given is not None:
                    trace = _Trace(self)
                    trace.expression(module, given, _Use.VALUE, False, None)
                    if checkpoint in trace.nodes:
                        found.append(call.func.value)
        return found


def _calls_by_argument(module: Module) -> dict[str | None, list[ast.Call]]:
    """Return a module's calls by what their first argument means."""
    found: dict[str | None, list[ast.Call]] = {}
    for call in module.find_all(ast.Call):
        if call.args:
            found.setdefault(module.resolve(call.args[0]), []).append(call)
    return found


def saving_calls(module: Module) -> Iterator[ast.Call]:
    """Yield the calls of a module that may save models to files."""
    words = {"save", "to_json", *_spellings(module, "save_model"), *_spellings(module, "ModelCheckpoint")}
    for call in module.find_all(ast.Call):
        if _called(call) in words and _saving(module, call) is not None:
            yield call


def _saving(module: Module, call: ast.Call) -> tuple[ast.expr | None, ast.expr | None, ast.expr | None] | None:
    """Return the model that a call saves, the file and its format, each if given; None if it saves none."""
    word = _called(call)
    name = module.resolve(call.func)
    kind = name.rpartition(".")[2] if name is not None and name.startswith("keras.") else None
    given = arguments_by_name(call, ("filepath",))
    model: ast.expr | None = None
    if word in {"save", "to_json"} and name is None and isinstance(call.func, ast.Attribute):
        model = call.func.value
    elif kind == "save_model":
        given = arguments_by_name(call, ("model", "filepath"))
        model = given.get("model")
    elif kind != "ModelCheckpoint" or _is_true(given.get("save_weights_only")):
        return None
    path = _file_written(module, call) if word == "to_json" else given.get("filepath")
    if path is None and word != "to_json":
        return None
    return model, path, given.get("save_format")


def library_kind(name: str | None) -> Kind | None:
    """Return what a class of Keras (or what TensorFlow exports of it) is."""
    if name is None:
        return None
    for short in ("losses", "metrics", "optimizers", "initializers"):
        if name.startswith(f"tensorflow.{short}."):
            name = "keras." + name.removeprefix("tensorflow.")
    return next((kind for prefix, kind in _BASES if name.startswith(prefix)), None)


def form_of(path: FilePath, save_format: ast.expr | None = None) -> Form:
    """Return the form that Keras saves a path in."""
    suffix = path.suffix
    if suffix in {".h5", ".hdf5", ".he5"}:
        return Form.H5
    if suffix == ".keras":
        return Form.KERAS
    if isinstance(save_format, ast.Constant):
        return {"h5": Form.H5, "keras": Form.KERAS}.get(str(save_format.value), Form.FOLDER)
    if suffix is None:
        return Form.UNKNOWN
    return Form.FOLDER


def argument(owner: Module, function: Function, call: ast.Call, parameter: ast.arg) -> ast.expr | None:
    """Return what a call gives for a parameter of a function, None if it leaves it to the default."""
    for keyword in call.keywords:
        if keyword.arg == parameter.arg:
            return keyword.value
    positional = [*function.args.posonlyargs, *function.args.args]
    if parameter not in positional:
        return None
    index = positional.index(parameter)
    if isinstance(owner.parent(function), ast.ClassDef) and not _is_static(function):
        index -= 1
    if 0 <= index < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args[: index + 1]):
        return call.args[index]
    return None


def parameters(function: Function) -> list[ast.arg]:
    """Return the named parameters of a function."""
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def _is_static(function: Function) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in function.decorator_list)


def default_of(function: Function, parameter: ast.arg) -> ast.expr | None:
    """Return the default of a parameter, None if it has none."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if parameter in positional:
        index = positional.index(parameter) - (len(positional) - len(arguments.defaults))
        return arguments.defaults[index] if index >= 0 else None
    if parameter in arguments.kwonlyargs:
        return arguments.kw_defaults[arguments.kwonlyargs.index(parameter)]
    return None


def _same(module: Module, node: ast.AST, other_module: Module, other: ast.AST) -> bool:
    """Return whether two definitions are one, even if its module was read twice."""
    return node is other or (
        module.path == other_module.path and module is not other_module and ast.dump(node) == ast.dump(other)
    )


def _called(call: ast.Call) -> str:
    """Return the last name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _spellings(module: Module, name: str) -> set[str]:
    """Return the names by which a module may know something of another name."""
    found = {name}
    for alias, bindings in module.inner_scope(module.tree).bindings.items():
        for binding in bindings:
            value = binding.value
            last = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
            if name in {last, (binding.imported or "").rpartition(".")[2]}:
                found.add(alias)
    return found


def arguments_by_name(call: ast.Call, names: Sequence[str]) -> dict[str, ast.expr]:
    """Return a call's arguments by name, the positional ones under the names given."""
    found = dict(zip(names, call.args, strict=False))
    return {**found, **{k.arg: k.value for k in call.keywords if k.arg is not None}}


def constant_text(module: Module, node: ast.expr | None) -> str | None:
    found = paths(module, node)
    if len(found) == 1 and len(found[0].parts) == 1 and isinstance(found[0].parts[0], str):
        return found[0].parts[0]
    return None


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _file_written(module: Module, call: ast.Call) -> ast.expr | None:
    """Return the path of the file that the ``with open(...)`` around a call opens."""
    for around in module.ancestors(call):
        if isinstance(around, (ast.With, ast.AsyncWith)):
            for item in around.items:
                opened = item.context_expr
                if isinstance(opened, ast.Call) and opened.args:
                    return opened.args[0]
        elif isinstance(around, ast.Call) and isinstance(around.func, ast.Attribute):
            return around.func.value if around.func.attr == "write_text" else None
    return None


# Following a value back. ---------------------------------------------------------------------------


class _Use(enum.Enum):
    VALUE = 1
    CALLED = 2
    OBJECT = 3
    """Given to Keras, which keeps a function by its name."""


class _Trace:
    """Follows an expression back to all that makes up its value."""

    def __init__(self, objects: KerasObjects, *, by_call: bool = True) -> None:
        self.objects = objects
        self.by_call = by_call
        self.contents = Contents()
        self.root: KerasObject | None = None
        self.nodes: set[ast.AST] = set()
        self._seen: set[tuple[object, ...]] = set()
        self._depth = 0
        self._at_root = True  # nothing of Keras was seen yet: what comes first is the model itself

    def expression(self, module: Module, node: ast.expr | None, use: _Use, training: bool, frame: Frame | None) -> None:
        key = (node, use, training, frame)
        if node is None or key in self._seen or self._depth > _DEPTH:
            return
        self._seen.add(key)
        self.nodes.add(node)
        self._depth += 1
        if isinstance(node, ast.Call):
            self.call(module, node, use, training, frame)
        elif isinstance(node, ast.Name):
            self.name(module, node, use, training, frame)
        elif isinstance(node, ast.Attribute):
            self.attribute(module, node, use, training, frame)
        elif isinstance(node, ast.Lambda):
            if use is _Use.OBJECT and training:
                self.contents.training_lambdas = True
            elif use is _Use.OBJECT:
                self.contents.lambdas = True
            else:
                self.expression(module, node.body, _Use.VALUE, training, frame)
        else:
            for part in _values(node):
                self.expression(module, part, use, training, frame)
        self._depth -= 1

    # Calls. ------------------------------------------------------------------------------------

    def call(self, module: Module, node: ast.Call, use: _Use, training: bool, frame: Frame | None) -> None:
        name = module.resolve(node.func)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if name is not None and name.startswith(("keras.", "tensorflow.losses.", "tensorflow.optimizers.")):
            self.library(module, node, name, training, frame)
            return
        found = self.objects.definition(module, name)
        if found is None and name is None and isinstance(node.func, ast.Attribute):
            found = self.bound_method(module, node.func, frame)
        if found is not None and isinstance(found[1], ast.ClassDef):
            self.definition(*found, _Use.CALLED, training)
            kind = self.objects.kind(found[0], found[1])
            for each in given:
                self.expression(module, each, _Use.VALUE if kind is None else _Use.OBJECT, training, frame)
            return
        if found is not None and isinstance(found[1], _FUNCTIONS):
            inner = Frame(found[0], found[1], module, node, frame) if self.by_call else None
            self.function(found[0], found[1], use, training, inner)
            for each in given:
                self.expression(module, each, _Use.VALUE, training, frame)
            return
        if name == "functools.partial":
            for each in given:
                self.expression(module, each, use, training, frame)
            return
        if name is None:
            self.expression(module, node.func, _Use.CALLED, training, frame)
        elif not name.startswith(("builtins.", "tensorflow.", "numpy.", "json.", "copy.", "os.", "functools.")):
            self.contents.complete = False
        passing = name is not None and name.startswith("builtins.")
        for each in given:
            self.expression(module, each, use if passing else _Use.VALUE, training, frame)

    def library(self, module: Module, node: ast.Call, name: str, training: bool, frame: Frame | None) -> None:
        """A call of Keras: what it is given, it keeps."""
        last = name.rpartition(".")[2]
        self._at_root = False
        self.contents.keras = True
        self.contents.builtins.add(last)
        use = _Use.OBJECT
        if name == "keras.layers.Lambda":
            code = node.args[0] if node.args else {k.arg: k.value for k in node.keywords}.get("function")
            found = self.objects.definition(module, module.resolve(code))
            if found is not None and isinstance(found[1], _FUNCTIONS):
                self.contents.wrapped[KerasObject(*found, Kind.FUNCTION)] = None
            else:
                self.contents.wraps_code = True
            return
        if name.startswith(("keras.callbacks.", "keras.datasets.", "keras.preprocessing.", "keras.utils.")):
            use = _Use.VALUE
        for keyword in node.keywords:
            if not (last in _LOADERS and keyword.arg not in {None, "custom_objects"}):
                self.expression(module, keyword.value, use, training, frame)
        for each in node.args:
            self.expression(module, each, use, training, frame)

    def function(self, module: Module, function: Function, use: _Use, training: bool, frame: Frame | None) -> None:
        """What a function of the project returns."""
        if frame is None:
            key = ("function", function, use, training)
            if key in self._seen:
                return
            self._seen.add(key)
        depth, parent = 0, frame.parent if frame is not None else None
        while parent is not None:
            depth += 1
            if parent.function is function or depth > _DEPTH:
                return
            parent = parent.parent
        pending: list[ast.AST] = list(function.body)
        while pending:
            node = pending.pop(0)
            if isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom)):
                self.expression(module, node.value, use, training, frame)
            if not isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
                pending += ast.iter_child_nodes(node)

    def bound_method(self, module: Module, node: ast.Attribute, frame: Frame | None) -> tuple[Module, Function] | None:
        """Return the method of the project that ``self.build`` or ``builder.build`` is."""
        owner = self.instance(module, node.value)
        if owner is None:
            return None
        for where, each in self.objects.family(*owner):
            found = self.objects.method(where, each, node.attr)
            if found is not None:
                return found
        return None

    def instance(self, module: Module, node: ast.expr) -> tuple[Module, ast.ClassDef] | None:
        """Return the class of the project that an expression is an instance of, where that is plain."""
        if isinstance(node, ast.Name):
            function = module.function(node)
            owner = module.parent(function) if function is not None else None
            bindings = module.bindings(node)
            if len(bindings) == 1 and isinstance(owner, ast.ClassDef) and function is not None:
                arguments = [*function.args.posonlyargs, *function.args.args]
                if arguments and bindings[0].node is arguments[0] and not _is_static(function):
                    return module, owner
            values = [binding.value for binding in bindings if binding.value is not None]
            if len(values) == 1 == len(bindings):
                return self.instance(module, values[0])
        if isinstance(node, ast.Call):
            found = self.objects.definition(module, module.resolve(node.func))
            if found is not None and isinstance(found[1], ast.ClassDef):
                return found[0], found[1]
        return None

    # Names. ------------------------------------------------------------------------------------

    def name(self, module: Module, node: ast.Name, use: _Use, training: bool, frame: Frame | None) -> None:
        bindings = self.objects.reaching(module, node)
        if not bindings:
            self.qualified(module, module.resolve(node), use, training)
            return
        for binding in bindings:
            if isinstance(binding.node, (*_FUNCTIONS, ast.ClassDef)):
                self.definition(module, binding.node, use, training, frame)
            elif binding.imported is not None:
                self.qualified(module, module.resolve(node), use, training)
            elif isinstance(binding.node, ast.arg):
                self.parameter(module, binding.node, use, training, frame)
            elif binding.value is not None:
                self.expression(module, binding.value, use, training, frame)
            else:
                for source in _sources(module, binding.node):
                    self.expression(module, source, use, training, frame)
        self.effects(module, node, training, frame)

    def effects(self, module: Module, node: ast.Name, training: bool, frame: Frame | None) -> None:
        """What else is put into a variable: ``model.add(...)``, ``model.compile(...)``, ``v[k] = ...``."""
        scope = module.scope(node).lookup(node.id)
        if scope is None:
            return
        origin = {binding.node for binding in self.objects.reaching(module, node)}
        for other in module.uses(scope, node.id):
            if not isinstance(other.ctx, ast.Load) or not any(
                b.node in origin for b in self.objects.reaching(module, other)
            ):
                continue
            self.effect(module, other, training, frame)

    def effect(self, module: Module, node: ast.expr, training: bool, frame: Frame | None) -> None:
        parent = module.parent(node)
        if isinstance(parent, ast.Attribute) and isinstance(parent.ctx, ast.Load):
            call = module.parent(parent)
            if isinstance(call, ast.Call) and call.func is parent:
                if parent.attr == "compile":
                    self.compiled(module, call, frame)
                elif parent.attr in _FILLING:
                    for each in [*call.args, *(keyword.value for keyword in call.keywords)]:
                        self.expression(module, each, _Use.OBJECT, training, frame)
            elif parent.attr in {"layers", "model"}:
                self.effect(module, parent, training, frame)
        elif isinstance(parent, (ast.Attribute, ast.Subscript)) and isinstance(parent.ctx, ast.Store):
            statement = module.statement(parent)
            if isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
                self.expression(module, statement.value, _Use.OBJECT, training, frame)
        elif isinstance(parent, ast.Subscript) and parent.value is node:
            self.effect(module, parent, training, frame)
        call = module.parent(parent) if isinstance(parent, ast.keyword) else parent
        if isinstance(call, ast.Call) and call.func is not node:
            found = self.objects.definition(module, module.resolve(call.func))
            if found is None and isinstance(call.func, ast.Attribute) and module.resolve(call.func) is None:
                found = self.bound_method(module, call.func, frame)
            if found is not None and isinstance(found[1], _FUNCTIONS):
                self.passed(node, Frame(found[0], found[1], module, call, frame), training)

    def passed(self, node: ast.expr, frame: Frame, training: bool) -> None:
        """A variable given to a function, which may put more into it."""
        owner, function = frame.owner, frame.function
        for parameter in parameters(function):
            if argument(owner, function, frame.call, parameter) is node:
                inner = frame if self.by_call else None
                key = ("passed", inner, parameter, training)
                if key in self._seen or self._depth > _DEPTH:
                    return
                self._seen.add(key)
                self._depth += 1
                for use in owner.uses(owner.inner_scope(function), parameter.arg):
                    if isinstance(use.ctx, ast.Load):
                        self.effect(owner, use, training, inner)
                self._depth -= 1

    def compiled(self, module: Module, call: ast.Call, frame: Frame | None) -> None:
        for each in [*call.args, *(keyword.value for keyword in call.keywords)]:
            self.expression(module, each, _Use.OBJECT, True, frame)

    def parameter(self, module: Module, parameter: ast.arg, use: _Use, training: bool, frame: Frame | None) -> None:
        given = frame.given(parameter) if frame is not None else None
        if given is not None:
            self.expression(given.module, given.node, use, training, given.frame)
            return
        function = module.function(parameter)
        if function is None or parameter not in parameters(function):
            return
        owner = module.parent(function)
        if isinstance(owner, ast.ClassDef) and parameter is parameters(function)[0] and not _is_static(function):
            self.definition(module, owner, use, training)
            return
        sites = self.objects.call_sites(module, function)
        for where, call in sites:
            given_here = argument(module, function, call, parameter)
            if given_here is not None:
                self.expression(where, given_here, use, training, None)
        default = default_of(function, parameter)
        if default is not None:
            self.expression(module, default, use, training, None)
        if not sites:
            self.contents.complete = False

    def attribute(self, module: Module, node: ast.Attribute, use: _Use, training: bool, frame: Frame | None) -> None:
        resolved = module.resolve(node)
        if resolved is not None:
            self.qualified(module, resolved, use, training)
            return
        owner = self.instance(module, node.value)
        if owner is None:
            self.expression(module, node.value, _Use.VALUE, training, frame)
            return
        for where, each in self.objects.family(*owner):
            self.assigned(where, each, node.attr, use, training)
        for other in module.find_all(ast.Attribute):
            same = other.attr == node.attr and isinstance(other.ctx, ast.Load)
            if same and self.instance(module, other.value) == owner:
                self.effect(module, other, training, frame)

    def assigned(self, module: Module, owner: ast.ClassDef, name: str, use: _Use, training: bool) -> None:
        """What the methods of a class assign to an attribute of its instances, and put into it."""
        for other in module.once(("named", owner), partial(_by_name, owner)).get(name, ()):
            if isinstance(other, ast.Attribute):
                if self.instance(module, other.value) != (module, owner):
                    continue
                if isinstance(other.ctx, ast.Store):
                    for source in _sources(module, other):
                        self.expression(module, source, use, training, None)
                else:
                    self.effect(module, other, training, None)
            elif module.parent(other) in owner.body:
                for source in _sources(module, other):
                    self.expression(module, source, use, training, None)

    def qualified(self, module: Module, name: str | None, use: _Use, training: bool) -> None:
        if name is None:
            self.contents.complete = False
            return
        if name.startswith("keras."):
            self.contents.keras = True
            self.contents.builtins.add(name.rpartition(".")[2])
            return
        found = self.objects.definition(module, name)
        if found is not None:
            self.definition(*found, use, training)
            return
        value = variable(module, name)
        if value is not None:
            self.expression(*value, use, training, None)

    # Definitions. ------------------------------------------------------------------------------

    def definition(self, module: Module, node: ast.AST, use: _Use, training: bool, frame: Frame | None = None) -> None:
        if isinstance(node, _FUNCTIONS):
            if use is _Use.CALLED:
                self.function(module, node, _Use.VALUE, training, frame)
            elif use is _Use.OBJECT:
                self.add(KerasObject(module, node, Kind.FUNCTION), training)
            return
        if not isinstance(node, ast.ClassDef):
            return
        found = self.objects.object(module, node)
        if found is not None:
            self.add(found, training)
            self.inside(found, training)

    def add(self, found: KerasObject, training: bool) -> None:
        self.contents.keras = True
        if self._at_root and found.kind is Kind.MODEL:
            self.root = found
        self._at_root = False
        (self.contents.training if training else self.contents.structure)[found] = None

    def inside(self, found: KerasObject, training: bool) -> None:
        """What an object's own configuration holds: what ``get_config`` tells, what its bases are given."""
        key = ("inside", found, training)
        if key in self._seen:
            return
        self._seen.add(key)
        module = found.module
        config = self.objects.method(module, found.node, "get_config")
        owner = config[0].enclosing(config[1], ast.ClassDef) if config is not None else None
        if config is not None and owner is not None:
            for node in ast.walk(config[1]):
                own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
                if own and isinstance(node, ast.Attribute) and config[0].resolve(node) is None:
                    self.assigned(config[0], owner, node.attr, _Use.OBJECT, training)
        for node in ast.walk(found.node):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            base = ast.unparse(node.func.value)
            if node.func.attr == "__init__" and base.startswith("super("):
                for each in [*node.args, *(keyword.value for keyword in node.keywords)]:
                    self.expression(module, each, _Use.OBJECT, training, None)
            elif node.func.attr == "compile" and found.kind is Kind.MODEL and base in {"self", "super()"}:
                self.compiled(module, node, None)


def _by_name(owner: ast.ClassDef) -> dict[str, list[ast.Name | ast.Attribute]]:
    """Return the names, and the attributes of names, in a class, in the order of ``ast.walk``."""
    found: dict[str, list[ast.Name | ast.Attribute]] = {}
    for node in ast.walk(owner):
        if isinstance(node, ast.Name):
            found.setdefault(node.id, []).append(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.setdefault(node.attr, []).append(node)
    return found


def _values(node: ast.expr) -> Iterator[ast.expr | None]:
    """Yield the parts of an expression that its value may hold."""
    if isinstance(node, ast.Dict):
        yield from node.values
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        yield from node.elts
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.BoolOp):
        yield from node.values
    elif isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    elif isinstance(node, (ast.Starred, ast.Subscript, ast.Await, ast.NamedExpr, ast.UnaryOp)):
        yield node.operand if isinstance(node, ast.UnaryOp) else node.value
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
        yield node.elt
        yield from (generator.iter for generator in node.generators)
    elif isinstance(node, ast.DictComp):
        yield node.value
        yield from (generator.iter for generator in node.generators)


def _sources(module: Module, node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions that a name or attribute in a target gets its value from."""
    for around in module.ancestors(node):
        if isinstance(around, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            if around.value is not None:
                yield around.value
            return
        if isinstance(around, (ast.For, ast.AsyncFor, ast.comprehension)):
            yield around.iter
            return
        if isinstance(around, ast.withitem):
            yield around.context_expr
            return
        if isinstance(around, ast.stmt):
            return


__all__ = ["ANYTHING", "Contents", "Form", "Frame", "KerasObject", "KerasObjects", "Kind", "Save", "form_of"]
