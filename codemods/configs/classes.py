"""A class of the project that Keras saves: its bases, its constructor, its ``get_config``, its arguments."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from functools import cached_property

from codemods.analysis.keras_objects import KerasObject, KerasObjects, Kind
from codemods.analysis.module import Function, Module
from codemods.configs.arguments import UNKNOWN, Given, Held, KerasArguments, Site
from codemods.configs.constructors import Constructor, How, Kept, stores
from codemods.configs.methods import Config, ConfigMethod

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


# What a base gives back, and a constructor has to take.
_KEYS = {
    Kind.LAYER: ("name", "trainable", "dtype"),
    Kind.MODEL: ("name", "trainable", "dtype"),
    Kind.LOSS: ("name", "reduction"),
    Kind.METRIC: ("name", "dtype"),
}
# Bases that are made to be derived from, of which some store the arguments by themselves and some don't.
_HALF_MADE = ("Base", "Abstract", "Preprocessing")
Place = tuple[str, str, int]


def place_of(module: Module, node: ast.ClassDef) -> Place:
    """Return what a class is known by, however often its module is read."""
    return module.path, module.qualname(node), node.lineno


class KerasClass:
    """A class of the project that Keras saves by its constructor's arguments.

    Attributes:
        objects: the project's objects.
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
        self.kind = found.kind
        self.lineage = objects.lineage(found.module, found.node)
        self.library = ""
        self.known = True
        self._given: dict[str, Given] = {}
        for module, node in self.lineage:
            for base in node.bases:
                name = module.resolve(base.value if isinstance(base, ast.Subscript) else base)
                if name is not None and name.startswith(("keras.", "tensorflow.")):
                    self.library = self.library or name
                    self.known &= not name.rpartition(".")[2].startswith(_HALF_MADE)
                elif name is None or not name.startswith(("abc.", "typing.", "builtins.object")):
                    self.known &= objects.definition(module, name) is not None

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

    @property
    def base_keys(self) -> tuple[str, ...]:
        """What any base of Keras of its kind gives back."""
        return () if self.base in {Base.ABSTRACT, Base.EMPTY} else _KEYS.get(self.kind, ())

    # Its methods. --------------------------------------------------------------------------------

    def own(self, method: str) -> Function | None:
        """Return a method that the class itself defines."""
        return _method(self.node, method)

    def inherited(self, method: str, below: ast.ClassDef | None = None) -> tuple[Module, ast.ClassDef, Function] | None:
        """Return a method as the class has it: its own, or one of the project's classes above.

        Args:
            method: its name.
            below: a class of the lineage; only those above it are looked at.
        """
        start = 0 if below is None else 1 + next(n for n, (_, node) in enumerate(self.lineage) if node is below)
        for module, node in self.lineage[start:]:
            found = _method(node, method)
            if found is not None:
                return module, node, found
        return None

    @cached_property
    def constructor(self) -> Constructor | None:
        """Its constructor, its own or an inherited one."""
        found = self.inherited("__init__")
        return Constructor(*found) if found is not None else None

    def constructor_above(self, constructor: Constructor) -> Constructor | None:
        """Return the constructor of the project that another one calls as its base's."""
        found = self.inherited("__init__", below=constructor.owner)
        return Constructor(*found) if found is not None else None

    @cached_property
    def config(self) -> Config | None:
        """What its ``get_config`` gives back, that of Keras aside; None where the project defines none."""
        found = self.inherited("get_config")
        config: Config | None = None
        while found is not None:
            module, node, method = found
            inner = ConfigMethod(module, method).config()
            config = inner if config is None else config.merge(inner)
            if not inner.inherits:
                return Config(config.values, False, config.clear)
            found = self.inherited("get_config", below=node)
        return config

    @property
    def restores_itself(self) -> bool:
        """Whether a ``from_config`` of the project does more than make its objects and call the constructor."""
        found = self.inherited("from_config")
        if found is None:
            return False
        code = [ast.unparse(node) for node in found[2].body if not isinstance(node, ast.Expr)]
        lines = (line for block in code[:-1] for line in block.splitlines())
        made = ("config = config.copy()", "config[", "if config[", "    config[")
        return code[-1] != "return cls(**config)" or not all(line.startswith(made) for line in lines)

    # Its arguments. ------------------------------------------------------------------------------

    @cached_property
    def parameters(self) -> list[ast.arg]:
        """The arguments that the class has to give back: those that its base of Keras doesn't."""
        constructor = self.constructor
        if constructor is None:
            return []
        # The weights come back from the file itself.
        loaded = {"weights"} if self.kind in {Kind.LAYER, Kind.MODEL} else set()
        given_back = {*self.base_keys, *loaded}.difference(self.twice)
        return [
            each
            for each in constructor.parameters
            if each.arg not in given_back and not self._by_library(constructor, each.arg)
        ]

    @cached_property
    def twice(self) -> tuple[str, ...]:
        """What the constructor hands to a base of Keras by itself, and the base gives back as well."""
        constructor = self.constructor
        if constructor is None or constructor.super_call is None or self.constructor_above(constructor):
            return ()
        if self.base in {Base.ABSTRACT, Base.EMPTY}:
            return ()
        every = self.base is Base.OTHER and self.kind is Kind.LAYER
        return tuple(
            place
            for place, kept in constructor.handed
            if isinstance(place, str)
            and (kept is None or kept.parameter != place)
            and (every or place in self.base_keys)
        )

    def _by_library(self, constructor: Constructor, parameter: str) -> bool:
        """Tell whether a base of Keras is handed an argument, and gives it back."""
        if self.base not in {Base.OTHER, Base.SEQUENTIAL} or not constructor.hands_on(parameter):
            return False
        inner = self.constructor_above(constructor)
        if inner is None or constructor.super_call is None:
            return True
        return any(parameter == each.arg for each in inner.parameters) and self._by_library(inner, parameter)

    @property
    def is_abstract(self) -> bool:
        """Whether objects are only seen to be made of other classes, which are derived from it."""
        above = {place_of(*each) for each in self.lineage}
        family = self.objects.family(self.module, self.node)
        return not self.sites and any(place_of(*each) not in above for each in family)

    @cached_property
    def sites(self) -> list[Site]:
        """The calls that make objects with the constructor."""
        constructor = self.constructor
        if constructor is None:
            return []
        found = list(self.objects.call_sites(constructor.module, constructor.function))
        above = {place_of(*each) for each in self.lineage}
        for module, node in self.objects.family(constructor.module, constructor.owner):
            if place_of(module, node) not in above and _method(node, "__init__") is None:
                found += self._calls(module, node)
        if constructor.owner is not self.node:
            found += self._calls(self.module, self.node)
        return found

    def _calls(self, module: Module, node: ast.ClassDef) -> Iterator[Site]:
        name = f"{module.id}.{module.qualname(node)}"
        for other in self.objects.modules(module, node.name):
            for call in other.find_all(ast.Call):
                if other.resolve(call.func) == name:
                    yield other, call

    @cached_property
    def _arguments(self) -> KerasArguments:
        return KerasArguments(self.objects)

    def given(self, parameter: ast.arg) -> Given:
        """Return what is given for an argument, its default aside."""
        constructor = self.constructor
        assert constructor is not None
        if parameter.arg not in self._given:
            self._given[parameter.arg] = self._arguments.given(
                constructor.module, constructor.function, self.sites, parameter
            )
        return self._given[parameter.arg]

    def held(self, parameter: ast.arg) -> frozenset[Held]:
        """Return what an argument may be: what is given, its default, what its annotation says."""
        constructor = self.constructor
        assert constructor is not None
        given = self.given(parameter)
        found = set(given.held)
        default = constructor.defaults.get(parameter.arg)
        if default is not None and given.left_out:
            found |= self._arguments.held(constructor.module, default)
        annotated = self._arguments.annotated(parameter.annotation)
        if annotated is not UNKNOWN:
            found = {annotated if each is UNKNOWN else each for each in found or {annotated}}
        return frozenset(found or {UNKNOWN})

    def is_lost(self, parameter: ast.arg) -> bool:
        """Tell whether an object isn't the same without an argument: it is given, or has no default."""
        constructor = self.constructor
        assert constructor is not None
        return constructor.required(parameter.arg) or self.given(parameter).somewhere

    @property
    def is_named(self) -> bool:
        """Whether a call gives the object a name."""
        return any(keyword.arg == "name" for _, call in self.sites for keyword in call.keywords)

    @property
    def gives_varargs(self) -> bool:
        """Whether a call gives more by position than the constructor names."""
        constructor = self.constructor
        return constructor is not None and any(len(call.args) > constructor.positional for _, call in self.sites)

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

    @property
    def is_cell(self) -> bool:
        """Whether it is the cell of a recurrent layer."""
        constructor = self.constructor
        attributes = constructor.attributes if constructor is not None else {}
        return "state_size" in attributes or self.inherited("state_size") is not None

    # What keeps them. ----------------------------------------------------------------------------

    def kept(self, parameter: str) -> dict[str, Kept]:
        """Return the attributes that hold an argument when the constructor is done."""
        methods = {each.name for _, node in self.lineage for each in node.body if isinstance(each, _FUNCTIONS)}
        constructor = self.constructor
        found = dict(self._kept(constructor, parameter)) if constructor is not None else {}
        names = [name for name in (parameter, f"_{parameter}", *found) if name in found and name not in methods]
        return {name: found[name] for name in names}

    def _kept(self, constructor: Constructor, parameter: str) -> Iterator[tuple[str, Kept]]:
        for name, kept in constructor.attributes.items():
            if kept is not None and kept.parameter == parameter:
                yield name, kept
        inner = self.constructor_above(constructor)
        if inner is None or constructor.super_call is None:
            return
        names = [each.arg for each in inner.parameters]
        for place, handed in constructor.handed:
            if handed is None or handed.parameter != parameter or handed.how is not How.SAME:
                continue
            there = place if isinstance(place, str) else names[place] if place < len(names) else ""
            for name, kept in self._kept(inner, there):
                if not name.startswith("__") and name not in constructor.attributes:
                    yield name, kept

    def changes(self, attribute: str) -> bool:
        """Tell whether an attribute is assigned, or what it holds is changed, elsewhere than in a constructor."""
        for module, node in self.objects.family(self.module, self.node):
            for each in stores(module, node, attribute):
                function = module.function(each)
                if function is None or function.name != "__init__":
                    return True
        return any(
            not isinstance(other.ctx, ast.Load)
            and ast.unparse(other.value) != "self"
            and self.objects.instance(self.module, other.value) is None
            for other in self.module.attributes.get(attribute, ())
        )

    def is_called(self, attribute: str) -> bool:
        """Tell whether a method calls what an attribute holds, or one of the things that it holds."""
        for module, node in self.lineage:
            for use in module.attributes.get(attribute, ()):
                if node in module.ancestors(use) and isinstance(use.ctx, ast.Load) and _called(module, use):
                    return True
        return False


def has_method(node: ast.ClassDef, name: str) -> bool:
    """Tell whether a class itself defines a method."""
    return _method(node, name) is not None


def _method(node: ast.ClassDef, name: str) -> Function | None:
    return next((each for each in node.body if isinstance(each, _FUNCTIONS) and each.name == name), None)


def _called(module: Module, use: ast.expr) -> bool:
    """Tell whether an attribute is called, by itself, by index or as a loop's variable."""
    parent = module.parent(use)
    if isinstance(parent, ast.Subscript) and parent.value is use:
        return _called(module, parent)
    if isinstance(parent, ast.Call) and parent.func is use:
        return True
    for around in module.ancestors(use):
        if isinstance(around, (ast.For, ast.comprehension)) and use in ast.walk(around.iter):
            names = {each.id for each in ast.walk(around.target) if isinstance(each, ast.Name)}
            block = module.parent(around) if isinstance(around, ast.comprehension) else around
            return block is not None and any(
                isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in names
                for each in ast.walk(block)
            )
        if isinstance(around, ast.stmt):
            return False
    return False
