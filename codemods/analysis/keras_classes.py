"""What keeps Keras from saving an object of a class, or from making it again from what was saved."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from functools import cached_property

from codemods.analysis.constructors import Constructor
from codemods.analysis.keras_arguments import NONE, PLAIN, UNKNOWN, Held, KerasArguments
from codemods.analysis.keras_configs import Config, ConfigMethod
from codemods.analysis.keras_objects import KerasObject, KerasObjects, Kind
from codemods.analysis.module import Function, Module

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LAYERS = frozenset({"keras.layers.Layer", "keras.Layer", "keras.engine.base_layer.Layer"})
_MODELS = frozenset({"keras.Model", "keras.models.Model"})
_SEQUENTIAL = frozenset({"keras.Sequential", "keras.models.Sequential"})
_EMPTY = frozenset({"Initializer", "Constraint"})
_ABSTRACT = frozenset({"Regularizer", "LearningRateSchedule"})


class Base(enum.Enum):
    """What the class of Keras does that a class of the project is derived from."""

    LAYER = "stores the arguments by itself, as far as they are plain"
    MODEL = "does so too, under Keras 2 only"
    SEQUENTIAL = "stores its layers, and makes an object without arguments"
    ABSTRACT = "has no get_config"
    EMPTY = "has a get_config that tells nothing"
    OTHER = "stores its own arguments"


# What a base gives back that a constructor has to take.
_BASE_KEYS = {
    Kind.LOSS: frozenset({"name", "reduction"}),
    Kind.METRIC: frozenset({"name", "dtype"}),
}
_LAYER_KEYS = frozenset({"name", "trainable", "dtype"})


class KerasClass:
    """A class of the project that Keras saves by its constructor's arguments.

    Attributes:
        found: the class.
        lineage: the class and those of the project that it is derived from, nearest first.
        library: the qualified name of the class of Keras that it is derived from.
        known: all its bases are seen.
    """

    def __init__(self, objects: KerasObjects, found: KerasObject) -> None:
        """Look at a class."""
        assert isinstance(found.node, ast.ClassDef)
        self.objects = objects
        self.found = found
        self.module = found.module
        self.node = found.node
        self.lineage: list[tuple[Module, ast.ClassDef]] = []
        self.library = ""
        self.known = True
        self._follow(found.module, found.node)

    def _follow(self, module: Module, node: ast.ClassDef) -> None:
        if any(node is each for _, each in self.lineage) or len(self.lineage) > 20:
            return
        self.lineage.append((module, node))
        for base in node.bases:
            name = module.resolve(base)
            above = self.objects.definition(module, name)
            if above is not None and isinstance(above[1], ast.ClassDef):
                self._follow(above[0], above[1])
            elif name is not None and name.startswith(("keras.", "tensorflow.")):
                self.library = self.library or name
            elif name not in {"abc.ABC", "builtins.object"}:
                self.known = False

    @property
    def kind(self) -> Kind:
        """What it is to Keras."""
        return self.found.kind

    @cached_property
    def base(self) -> Base:
        """What its base of Keras does."""
        last = self.library.rpartition(".")[2]
        if self.library in _LAYERS:
            return Base.LAYER
        if self.library in _MODELS:
            return Base.MODEL
        if self.library in _SEQUENTIAL:
            return Base.SEQUENTIAL
        if last in _ABSTRACT:
            return Base.ABSTRACT
        return Base.EMPTY if last in _EMPTY else Base.OTHER

    # Its methods. --------------------------------------------------------------------------------

    def own(self, method: str) -> Function | None:
        """Return a method that the class itself defines."""
        return next((each for each in self.node.body if isinstance(each, _FUNCTIONS) and each.name == method), None)

    def inherited(self, method: str) -> tuple[Module, ast.ClassDef, Function] | None:
        """Return a method as the class has it, its own or one of the project's classes above."""
        for module, node in self.lineage:
            for each in node.body:
                if isinstance(each, _FUNCTIONS) and each.name == method:
                    return module, node, each
        return None

    @cached_property
    def constructor(self) -> Constructor | None:
        """Its constructor, its own or an inherited one."""
        found = self.inherited("__init__")
        return Constructor(*found) if found is not None else None

    @cached_property
    def above(self) -> KerasClass | None:
        """The class of the project that it is directly derived from."""
        if len(self.lineage) < 2:
            return None
        found = self.objects.object(*self.lineage[1])
        return KerasClass(self.objects, found) if found is not None else None

    @cached_property
    def config(self) -> Config | None:
        """What its ``get_config`` gives back, the base's of Keras aside; None where the project has none."""
        found = self.inherited("get_config")
        if found is None:
            return None
        config = ConfigMethod(found[0], found[2]).config()
        if not config.inherits:
            return config
        outer = KerasClass(self.objects, KerasObject(found[0], found[1], self.kind)).above
        inner = outer.config if outer is not None else None
        return config.merge(inner) if inner is not None else config

    @property
    def config_owner(self) -> ast.ClassDef | None:
        """The class of the project that defines its ``get_config``."""
        found = self.inherited("get_config")
        return found[1] if found is not None else None

    @cached_property
    def base_keys(self) -> frozenset[str]:
        """What the base of Keras gives back that a constructor without ``**kwargs`` would have to name."""
        if self.kind in {Kind.LAYER, Kind.MODEL}:
            return _LAYER_KEYS
        return _BASE_KEYS.get(self.kind, frozenset())

    @property
    def restores_itself(self) -> bool:
        """Whether a ``from_config`` of the project does more than to call the constructor."""
        found = self.inherited("from_config")
        if found is None:
            return False
        code = [ast.unparse(node) for node in found[2].body if not isinstance(node, ast.Expr)]
        made = code[-1] == "return cls(**config)"
        return not made or not all(line.startswith(("config = config.copy()", "config[")) for line in code[:-1])

    # Its arguments. ------------------------------------------------------------------------------

    @cached_property
    def parameters(self) -> list[ast.arg]:
        """The arguments that the class itself has to give back: those that its base of Keras doesn't."""
        constructor = self.constructor
        if constructor is None:
            return []
        return [each for each in constructor.parameters if not self._by_library(constructor, each.arg)]

    def _by_library(self, constructor: Constructor, parameter: str) -> bool:
        """Tell whether a base of Keras is given an argument, and gives it back."""
        if self.base in {Base.ABSTRACT, Base.EMPTY} or not constructor.hands_on(parameter):
            return False
        own = next(node for _, node in self.lineage if node is constructor.owner)
        above = [each for each in self.lineage if each[1] is not own]
        inner = self._constructor_above(own) if above else None
        if inner is None:
            return self.base is Base.OTHER or parameter in self.base_keys or self.base is Base.SEQUENTIAL
        if any(parameter == each.arg for each in inner.parameters):
            outer = KerasClass(self.objects, KerasObject(inner.module, inner.owner, self.kind))
            return outer._by_library(inner, parameter)
        return inner.hands_on_kwargs and parameter in self.base_keys

    def _constructor_above(self, owner: ast.ClassDef) -> Constructor | None:
        """Return the constructor of the project that ``super().__init__`` means in a class."""
        index = next(n for n, (_, node) in enumerate(self.lineage) if node is owner)
        for module, node in self.lineage[index + 1 :]:
            for each in node.body:
                if isinstance(each, _FUNCTIONS) and each.name == "__init__":
                    return Constructor(module, node, each)
        return None

    @cached_property
    def sites(self) -> list[tuple[Module, ast.Call]]:
        """The calls that make objects with the constructor."""
        constructor = self.constructor
        if constructor is None:
            return []
        found = list(self.objects.call_sites(constructor.module, constructor.function))
        for module, node in self.objects.family(constructor.module, constructor.owner):
            if node is constructor.owner or any(node is each for _, each in self.lineage[1:]):
                continue
            named = any(isinstance(each, _FUNCTIONS) and each.name == "__init__" for each in node.body)
            if not named:
                found += self._calls(module, node)
        return found

    def _calls(self, module: Module, node: ast.ClassDef) -> Iterator[tuple[Module, ast.Call]]:
        name = f"{module.id}.{module.qualname(node)}"
        for other in self.objects.modules(module, node.name):
            for call in other.find_all(ast.Call):
                if other.resolve(call.func) == name:
                    yield other, call

    @cached_property
    def _arguments(self) -> KerasArguments:
        return KerasArguments(self.objects)

    def given(self, parameter: ast.arg) -> tuple[set[Held], bool]:
        """Return what is given for an argument, its default not counted, and whether anything is."""
        constructor = self.constructor
        assert constructor is not None
        return self._arguments.given(constructor.function, self.sites, constructor.module, parameter)

    def held(self, parameter: ast.arg) -> set[Held]:
        """Return what an argument may be: what is given, its default, what its annotation says."""
        constructor = self.constructor
        assert constructor is not None
        found, _ = self.given(parameter)
        default = constructor.defaults.get(parameter.arg)
        if default is not None:
            found = found | self._arguments.held(constructor.module, default)
        annotated = self._arguments.annotated(constructor.module, parameter.annotation)
        if annotated is not UNKNOWN:
            found = {annotated if each is UNKNOWN else each for each in found or {annotated}}
        return found or {UNKNOWN}

    def extra(self) -> set[Held]:
        """Return what calls give by keywords that the constructor doesn't name."""
        constructor = self.constructor
        named = {each.arg for each in constructor.parameters} if constructor is not None else set()
        return {
            held
            for module, call in self.sites
            for keyword in call.keywords
            if keyword.arg is not None and keyword.arg not in named
            for held in self._arguments.held(module, keyword.value)
        }


def stored_plainly(held: set[Held]) -> bool:
    """Tell whether Keras stores a layer's argument by itself, as far as is known."""
    return held <= {PLAIN, NONE, UNKNOWN}
