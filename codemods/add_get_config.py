"""Give custom Keras classes the `get_config` that saving and loading them asks for.

A saved model holds for each of its parts what `get_config` says, and makes it anew by calling the constructor
with just that. What Keras does by itself, and where it fails:

- A layer without `get_config` is saved with its arguments as long as these are numbers, texts, lists of them.
  A function, a layer, an array among them: ``NotImplementedError``, when it is saved, cloned or turned to JSON.
  (A default that is such a thing is enough under Keras 3.)
- A subclassed model with arguments: Keras 2 does as with layers, and loses them all without a word where one
  isn't plain. Keras 3 raises ``NotImplementedError`` for an argument without a default; others come back as
  their defaults, without a word.
- Regularizers and learning rate schedules without `get_config` can't be saved at all. Losses, metrics,
  initializers, constraints, and layers derived from `Dense` and the like come back with their defaults, or
  raise ``TypeError`` for an argument that has none.
- A `get_config` that forgets an argument: the same.
- A constructor without `**kwargs` can't take the `name`, `trainable` and `dtype` that Keras gives back:
  ``TypeError: unexpected keyword argument``. Keras 2 sees to that where there is no `get_config`, Keras 3
  doesn't, not even for a model without any arguments.
- A `super().__init__(name="encoder", **kwargs)` gets the name twice.

`get_config` gets the constructor's own arguments, from the attributes that keep them: as they are, or as
`int(units)`, `tuple(size)`, `size or 3` keep them. Keras objects are stored by `serialize`, in lists too, and
made again in a `from_config`; where the constructor calls `tf.keras.activations.get` or its like, that does it. A
constructor without `**kwargs` gains them. What the constructor itself hands to its base is taken out.

Left alone: classes that Keras restores as they are, classes that nothing is seen to save, turn to JSON, clone or
register (unless their `get_config` forgets something), weights saved without their model, subclassed models in
`.h5` (which can't be loaded), callbacks; for programs that run with Keras 2, what only Keras 3 needs, and
SavedModel folders.

Refused: an argument that no attribute keeps or whose name another attribute bears; an attribute that changes
later; lambdas, classes, functions that Keras doesn't find by name (`tf.nn.silu` under Keras 3, `tf.math.sin`),
objects of other classes; positional arguments; a constructor that doesn't call its base's.

https://keras.io/guides/serialization_and_saving/
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codemods.analysis.constructors import Constructor, How, Kept, stores
from codemods.analysis.keras_arguments import ARRAY, NONE, PLAIN, TENSOR, UNKNOWN, Held
from codemods.analysis.keras_classes import Base, KerasClass, stored_plainly
from codemods.analysis.keras_configs import Config, ConfigMethod, saved
from codemods.analysis.keras_objects import Form, KerasObject, KerasObjects, Kind
from codemods.analysis.module import Module
from codemods.analysis.path_ends import quote
from codemods.analysis.project import Project
from codemods.analysis.target import runs_keras_3
from codemods.engine.codemod import (
    AddArgument,
    AddImport,
    AddItem,
    AddKeywords,
    Codemod,
    Edit,
    Example,
    Finding,
    InsertAfter,
    InsertBefore,
    Move,
    Refusal,
    Replace,
    Severity,
)

NOT_KEPT = Refusal("not-kept", "no attribute keeps an argument of the constructor")
NAME_TAKEN = Refusal("attribute-taken", "an attribute bears the name of an argument, and holds something else")
CHANGED = Refusal("attribute-changes", "the attribute that keeps an argument is changed later")
NOT_STORABLE = Refusal("not-storable", "Keras has no way to store an argument")
UNKNOWN_ARGUMENT = Refusal("unknown-argument", "nothing tells what an argument is, and whether it can be stored")
POSITIONAL = Refusal("positional-arguments", "the constructor takes arguments by position, and Keras gives names")
NO_SUPER = Refusal("no-super-call", "the constructor doesn't call its base's in one place, to hand `**kwargs` on")
BASE = Refusal("base-arguments", "the base gives back arguments that the constructor sets itself")
SEQUENTIAL = Refusal("sequential-subclass", "Keras makes a Sequential model from its layers, without the constructor")
OWN_FROM_CONFIG = Refusal(
    "own-from-config", "the class has a `from_config` that does more than to call the constructor"
)
UNNAMED = Refusal("unnamed-keras", "the file has no name for Keras that could be used")

_WIDTH = 88
_MARKS = (b"Layer", b"Model", b"keras", b"tensorflow")

BEFORE = '''\
import tensorflow as tf


class Residual(tf.keras.layers.Layer):
    def __init__(self, inner, activation=tf.nn.relu):
        super().__init__()
        self.inner = inner
        self._activation = tf.keras.activations.get(activation)

    def call(self, inputs):
        return self._activation(inputs + self.inner(inputs))


model = tf.keras.Sequential([tf.keras.Input((4,)), Residual(tf.keras.layers.Dense(4))])
model.save("residual.keras")
'''  # fmt: skip
AFTER = '''\
import tensorflow as tf


class Residual(tf.keras.layers.Layer):
    def __init__(self, inner, activation=tf.nn.relu, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner
        self._activation = tf.keras.activations.get(activation)

    def call(self, inputs):
        return self._activation(inputs + self.inner(inputs))

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "inner": tf.keras.layers.serialize(self.inner),
                "activation": tf.keras.activations.serialize(self._activation),
            }
        )
        return config

    @classmethod
    def from_config(cls, config):
        config = config.copy()
        config["inner"] = tf.keras.layers.deserialize(config["inner"])
        return cls(**config)


model = tf.keras.Sequential([tf.keras.Input((4,)), Residual(tf.keras.layers.Dense(4))])
model.save("residual.keras")
'''  # fmt: skip
FORGETFUL = '''\
import tensorflow as tf


class Focal(tf.keras.losses.Loss):
    def __init__(self, gamma=2.0, alpha=0.25, name="focal", **kwargs):
        super().__init__(name=name, **kwargs)
        self.gamma = gamma
        self.alpha = alpha

    def call(self, y_true, y_pred):
        error = tf.abs(y_true - y_pred)
        return tf.reduce_mean(self.alpha * error**self.gamma, axis=-1)

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}


model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])
model.compile("sgd", Focal(alpha=0.5))
model.save("focal.keras")
'''  # fmt: skip
NOWHERE = '''\
import tensorflow as tf


class Classifier(tf.keras.Model):
    def __init__(self, units, classes):
        super().__init__()
        self.hidden = tf.keras.layers.Dense(units)
        self.classes = tf.keras.layers.Dense(classes)

    def call(self, inputs):
        return self.classes(self.hidden(inputs))


model = Classifier(8, 2)
model(tf.ones((1, 4)))
model.save("classifier.keras")
'''  # fmt: skip


class AddGetConfig(Codemod):
    """Completes the classes that Keras saves by their constructors' arguments."""

    triggers = (b"__init__", b"get_config", b"Regularizer", b"LearningRateSchedule")
    refusals = (
        NOT_KEPT, NAME_TAKEN, CHANGED, NOT_STORABLE, UNKNOWN_ARGUMENT, POSITIONAL, NO_SUPER, BASE, SEQUENTIAL,
        OWN_FROM_CONFIG, UNNAMED,
    )  # fmt: skip
    examples = (
        Example(BEFORE, AFTER),
        Example(FORGETFUL, FORGETFUL.replace('"gamma": self.gamma}', '"gamma": self.gamma, "alpha": self.alpha}')),
        Example(NOWHERE, refusal=NOT_KEPT),
    )

    def concerns(self, data: bytes) -> bool:
        """Tell by its bytes whether a file may define a class that Keras saves."""
        return super().concerns(data) and b"class " in data and any(mark in data for mark in _MARKS)

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the classes that Keras can't save, or not restore."""
        project = module.project or Project.of({module.path: module.text})
        objects = KerasObjects(project)
        for node in module.find_all(ast.ClassDef):
            found = objects.object(module, node)
            if found is not None:
                finding = _Class(KerasClass(objects, found)).finding()
                if finding is not None:
                    yield finding


@dataclass(frozen=True)
class _Trouble:
    """What is wrong with a class.

    Attributes:
        forgotten: the arguments that aren't given back.
        lost: one of them is given, or has no default: what is restored isn't what was saved.
        config: it needs a ``get_config`` of its own.
        kwargs: its constructor needs ``**kwargs``.
        twice: what its constructor hands to its base by itself, and would get a second time.
        message: what TensorFlow does.
    """

    message: str
    forgotten: tuple[ast.arg, ...] = ()
    lost: bool = True
    config: bool = False
    kwargs: bool = False
    twice: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Item:
    """One entry of a ``get_config``, and how it is restored, as code; None where the constructor does it."""

    key: str
    value: str
    restored: str | None = None


class _RefusedError(Exception):
    def __init__(self, refusal: Refusal, detail: str | None = None) -> None:
        super().__init__()
        self.refusal = refusal
        self.detail = detail


class _Class:
    """One class: what is wrong with it, and what is to be done."""

    def __init__(self, klass: KerasClass) -> None:
        self.klass = klass
        self.module = klass.module
        self.node = klass.node
        self.name = klass.found.name
        self.mark = quote(klass.module)
        self.imports: list[Edit] = []

    def finding(self) -> Finding | None:
        """Return what there is to say about the class."""
        klass = self.klass
        if not klass.known or not klass.library or self._is_dataclass():
            return None
        if klass.restores_itself and klass.config is not None:
            return None
        trouble = self._trouble()
        severity = self._severity(trouble) if trouble is not None else None
        if trouble is None or severity is None:
            return None
        try:
            edits = self._edits(trouble)
        except _RefusedError as error:
            return Finding(self.node, trouble.message, severity, refusal=error.refusal, detail=error.detail)
        done = [
            "`**kwargs`" if trouble.kwargs else "",
            "`get_config`" if trouble.config else "",
            ", ".join(f"`{each.arg}`" for each in trouble.forgotten) if not trouble.config else "",
        ]
        return Finding(self.node, f"{trouble.message}; add {' and '.join(filter(None, done))}", severity, tuple(edits))

    def _is_dataclass(self) -> bool:
        names = [
            self.module.resolve(each.func if isinstance(each, ast.Call) else each) for each in self.node.decorator_list
        ]
        return any(name is not None and name.startswith(("dataclasses.", "attr.", "attrs.")) for name in names)

    # What is wrong. ------------------------------------------------------------------------------

    def _trouble(self) -> _Trouble | None:
        klass = self.klass
        constructor, config = klass.constructor, klass.config
        if constructor is None:
            if klass.base is Base.ABSTRACT and config is None:
                return _Trouble(self._raises("saving it raises NotImplementedError"), config=True)
            return None
        if config is None:
            return self._without_config(constructor) if constructor.owner is self.node else None
        mine = self.node in (constructor.owner, klass.config_owner)
        return self._with_config(constructor, config) if config.clear and mine else None

    def _raises(self, what: str) -> str:
        return f"`{self.name}` has no `get_config`: {what}"

    def _without_config(self, constructor: Constructor) -> _Trouble | None:
        klass, keras_3 = self.klass, runs_keras_3(self.module)
        own = tuple(klass.parameters)
        given = {each: klass.given(each) for each in own}
        needed = [each for each in own if given[each][1] or constructor.required(each.arg)]
        message = ""
        if klass.base is Base.ABSTRACT:
            message = self._raises("saving it raises NotImplementedError")
        elif klass.base is Base.LAYER:
            bad = self._not_stored(constructor, keras_3)
            if bad is not None:
                message = self._raises(f"Keras can't store {bad} by itself, and saving it raises NotImplementedError")
        elif klass.base is Base.MODEL and keras_3:
            default = self._not_stored(constructor, keras_3)
            if any(constructor.required(each.arg) for each in own) or default is not None:
                message = self._raises("Keras 3 can't save a model with such arguments (NotImplementedError)")
            elif needed:
                message = self._raises(f"Keras 3 gives it back with the default of `{needed[0].arg}`")
        elif klass.base is Base.MODEL:
            bad = self._not_stored(constructor, keras_3)
            if bad is not None:
                message = self._raises(f"Keras can't store {bad}, and gives it back without any of its arguments")
        elif needed and klass.base is not Base.SEQUENTIAL:
            required = any(constructor.required(each.arg) for each in needed)
            how = "raises TypeError" if required else "is silently made with the default"
            message = self._raises(f"`{needed[0].arg}` isn't stored, and what is loaded {how}")
        config = bool(message)
        twice = self._twice(constructor)
        kwargs = self._wants_kwargs(constructor, inherits=True, config=config, keras_3=keras_3)
        if kwargs or not constructor.hands_on_kwargs:
            twice = twice if kwargs else ()
        if not message and kwargs:
            message = self._without_kwargs(keras_3)
        elif not message and twice:
            message = self._raises(f"its constructor gets `{twice[0]}` a second time when it is loaded (TypeError)")
        if not message and klass.base is Base.SEQUENTIAL and (needed or constructor.kwargs is None):
            message = f"`{self.name}` can't be loaded: Keras makes it without its arguments"
        config = config or bool(twice)
        return _Trouble(message, own if config else (), True, config, kwargs, twice) if message else None

    def _without_kwargs(self, keras_3: bool) -> str:
        keys = sorted(self.klass.base_keys, key=("name", "trainable", "dtype", "reduction").index)
        listed = ", ".join(f"`{key}`" for key in keys[:-1]) + f" and `{keys[-1]}`" if keys else "what its base"
        who = (
            "Keras 3 gives"
            if self.klass.base in {Base.LAYER, Base.MODEL} and self.klass.config is None
            else "Keras gives"
        )
        del keras_3
        return f"the constructor of `{self.name}` can't take {listed}, which {who} back when it is loaded (TypeError)"

    def _not_stored(self, constructor: Constructor, defaults: bool) -> str | None:
        """Return an argument that Keras doesn't store by itself."""
        klass = self.klass
        for each in constructor.parameters:
            held = klass.held(each) if defaults else klass.given(each)[0]
            if not stored_plainly(held):
                return f"`{each.arg}`"
        if not stored_plainly(klass.extra()):
            return "one of its arguments"
        if constructor.varargs is not None and any(
            len(call.args) > len(constructor.parameters) for _, call in klass.sites
        ):
            return f"`*{constructor.varargs}`"
        return None

    def _twice(self, constructor: Constructor) -> tuple[str, ...]:
        """Return what the constructor hands to a base of Keras by itself, which the base also gives back."""
        klass = self.klass
        if klass.kind not in {Kind.LAYER, Kind.MODEL, Kind.LOSS, Kind.METRIC} or len(klass.lineage) > 1:
            return ()
        named = {place: kept for place, kept in constructor.handed.items() if isinstance(place, str)}
        own = [place for place, kept in named.items() if kept is None or kept.parameter != place]
        every = klass.base is Base.OTHER and klass.kind is Kind.LAYER
        return tuple(place for place in own if every or place in klass.base_keys)

    def _wants_kwargs(self, constructor: Constructor, *, inherits: bool, config: bool, keras_3: bool) -> bool:
        """Tell whether a constructor can't take what its base of Keras gives back."""
        klass = self.klass
        if constructor.kwargs is not None or not inherits or klass.base in {Base.ABSTRACT, Base.EMPTY, Base.SEQUENTIAL}:
            return False
        if klass.base is Base.LAYER and not (config or keras_3):
            return False
        if klass.base is Base.MODEL and not keras_3:
            return False
        if klass.base is Base.OTHER and klass.kind in {Kind.LAYER, Kind.MODEL, Kind.OPTIMIZER}:
            return True
        names = {each.arg for each in constructor.parameters}
        wanted = klass.base_keys - ({"name"} if klass.config is None and not config else set())
        return not wanted <= names

    def _with_config(self, constructor: Constructor, config: Config) -> _Trouble | None:
        klass, keras_3 = self.klass, runs_keras_3(self.module)
        missing = [
            each
            for each in klass.parameters
            if each.arg not in config.values and not (config.inherits and each.arg in klass.base_keys)
        ]
        if not config.inherits:
            missing = [each for each in missing if each.arg not in klass.base_keys]
        lost = [each for each in missing if klass.given(each)[1] or constructor.required(each.arg)]
        spare = [each for each in missing if each not in lost and self._surely_plain(each)]
        kwargs = constructor.owner is self.node and self._wants_kwargs(
            constructor, inherits=config.inherits, config=True, keras_3=keras_3
        )
        own = klass.own("get_config") is not None
        forgotten = tuple(each for each in missing if each in lost or each in spare)
        if lost:
            required = any(constructor.required(each.arg) for each in lost)
            how = "raises TypeError" if required else "is silently made with the default"
            message = f"`get_config` of `{self.name}` forgets `{lost[0].arg}`: what is loaded {how}"
        elif kwargs:
            message = self._without_kwargs(keras_3)
        elif forgotten and own:
            message = f"`get_config` of `{self.name}` forgets `{forgotten[0].arg}`, should it ever be given"
        else:
            return None
        return _Trouble(message, forgotten, bool(lost) or kwargs, not own and bool(forgotten), kwargs)

    def _surely_plain(self, parameter: ast.arg) -> bool:
        """Tell whether an argument that nobody gives is a number, a text or the like, and kept as it is."""
        if PLAIN not in self.klass.held(parameter) or not stored_plainly(self.klass.held(parameter)):
            return False
        try:
            return self._item(parameter) is not None
        except _RefusedError:
            return False

    # How bad it is. ------------------------------------------------------------------------------

    def _severity(self, trouble: _Trouble) -> Severity | None:
        """Return what is at stake; None where the class is nowhere seen to be saved."""
        klass = self.klass
        objects = klass.objects
        stock = objects.project.once("saved classes", lambda: saved(objects, self.module))
        family = klass.objects.family(self.module, self.node)
        derived = [KerasObject(module, node, klass.kind) for module, node in family]
        below = [each for each in derived if self._is_derived(each)]
        forms = frozenset().union(*(stock.of(each) for each in [klass.found, *below]))
        if self._relevant(forms):
            return Severity.ERROR if trouble.lost else Severity.WARNING
        own = klass.own("get_config") is not None
        if own or self._relevant(stock.unseen) or klass.objects.registrations(klass.found):
            return Severity.WARNING
        return None

    def _is_derived(self, found: KerasObject) -> bool:
        lineage = KerasClass(self.klass.objects, found).lineage
        return any(node is self.node for _, node in lineage[1:])

    def _relevant(self, forms: frozenset[Form]) -> frozenset[Form]:
        """Return the forms that ask for a ``get_config``."""
        useless = set() if runs_keras_3(self.module) else {Form.FOLDER}
        if self.klass.kind is Kind.MODEL and self.klass.inherited("call") is not None:
            useless.add(Form.H5)
        return forms - useless

    # What is to be done. -------------------------------------------------------------------------

    def _edits(self, trouble: _Trouble) -> list[Edit]:
        klass, constructor = self.klass, self.klass.constructor
        if klass.restores_itself:
            raise _RefusedError(OWN_FROM_CONFIG)
        if klass.base is Base.SEQUENTIAL:
            raise _RefusedError(SEQUENTIAL)
        if constructor is not None and constructor.by_position:
            raise _RefusedError(POSITIONAL)
        if constructor is not None and constructor.varargs is not None and trouble.config:
            raise _RefusedError(POSITIONAL)
        edits: list[Edit] = []
        if trouble.kwargs:
            edits += self._kwargs_edits()
        if trouble.config:
            items = [self._item(each) for each in trouble.forgotten]
            edits += [InsertAfter(self._last_method(), self._code(items, trouble.twice)), *self._restoring(items)]
        elif klass.config is not None and trouble.forgotten:
            items = [self._item(each) for each in trouble.forgotten]
            edits += [*self._completed(items), *self._restoring(items)]
        return [*self.imports, *edits]

    def _kwargs_edits(self) -> Iterator[Edit]:
        constructor = self.klass.constructor
        assert constructor is not None
        call = constructor.super_call
        if call is None or any(keyword.arg is None for keyword in call.keywords):
            raise _RefusedError(NO_SUPER)
        if "kwargs" in self.module.inner_scope(constructor.function).bindings:
            raise _RefusedError(NO_SUPER)
        if self.klass.config is not None and self._twice(constructor):
            raise _RefusedError(BASE)
        yield AddKeywords(constructor.function, "kwargs")
        yield AddArgument(call, "**", "kwargs")

    def _last_method(self) -> ast.stmt:
        methods = [each for each in self.node.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
        return methods[-1] if methods else self.node.body[-1]

    # The arguments. ------------------------------------------------------------------------------

    def _item(self, parameter: ast.arg) -> _Item:
        """Return how an argument is stored."""
        name = parameter.arg
        attribute, kept = self._attribute(name)
        held = self.klass.held(parameter)
        bad = next((each for each in held if each.what == "other"), None)
        if bad is not None and kept.how is not How.PLAIN:
            raise _RefusedError(NOT_STORABLE, f"`{name}` may be {bad.why}, which Keras has no way to store")
        here = f"self.{attribute}"
        if kept.how is How.PLAIN:
            return _Item(name, here)
        if kept.how is How.GOTTEN:
            return _Item(name, f"{self._keras(kept.via)}.serialize({here})")
        if kept.how in {How.ARRAY, How.TENSOR}:
            if not kept.via and not held <= {PLAIN, UNKNOWN}:
                raise _RefusedError(NOT_STORABLE, f"`{name}` may be of a type that a list doesn't give back")
            if kept.how is How.ARRAY:
                return _Item(name, f"{here}.tolist()")
            return _Item(name, f"{here}.numpy().tolist()")
        return self._as_it_is(name, here, attribute, held)

    def _as_it_is(self, name: str, here: str, attribute: str, held: set[Held]) -> _Item:
        """Return how an argument is stored that is kept as it is given."""
        kinds = held - {NONE}
        if kinds <= {PLAIN, UNKNOWN}:
            if UNKNOWN in kinds and self._is_called(attribute):
                raise _RefusedError(UNKNOWN_ARGUMENT, f"`{name}` is called, and nothing tells what it is")
            return _Item(name, here)
        if len(kinds) > 1 or kinds & {ARRAY, TENSOR}:
            why = "is an array or tensor" if len(kinds) == 1 else "may be one of several kinds"
            raise _RefusedError(NOT_STORABLE, f"`{name}` {why}, which `get_config` can't give back as it is")
        (kind,) = kinds
        keras = self._keras(kind.part)
        code = f"config[{self.mark}{name}{self.mark}]"
        each = "layer" if kind.part == "layers" else "each"
        if kind.many == "list":
            value = f"[{keras}.serialize({each}) for {each} in {here}]"
            restored = f"[{keras}.deserialize({each}) for {each} in {code}]"
        elif kind.many == "dict":
            value = f"{{key: {keras}.serialize({each}) for key, {each} in {here}.items()}}"
            restored = f"{{key: {keras}.deserialize({each}) for key, {each} in {code}.items()}}"
        else:
            value, restored = f"{keras}.serialize({here})", f"{keras}.deserialize({code})"
        if NONE in held:
            value, restored = f"{here} and {value}", f"{code} and {restored}"
        return _Item(name, value, restored)

    def _attribute(self, parameter: str) -> tuple[str, Kept]:
        """Return the attribute that keeps an argument."""
        constructor = self.klass.constructor
        assert constructor is not None
        found = dict(self._kept(constructor, parameter))
        methods = {
            each.name for _, node in self.klass.lineage for each in node.body if isinstance(each, ast.FunctionDef)
        }
        names = [name for name in (parameter, f"_{parameter}", *found) if name in found and name not in methods]
        if not names:
            taken = parameter in constructor.attributes
            what = f"`self.{parameter}` holds something else" if taken else f"no attribute keeps `{parameter}`"
            raise _RefusedError(NAME_TAKEN if taken else NOT_KEPT, what)
        for name in names:
            if not self._changes(name):
                return name, found[name]
        raise _RefusedError(CHANGED, f"`self.{names[0]}` is changed after the constructor has set it")

    def _kept(self, constructor: Constructor, parameter: str) -> Iterator[tuple[str, Kept]]:
        """Yield the attributes that hold an argument, those of a base's constructor that is handed it, too."""
        for name, kept in constructor.attributes.items():
            if kept is not None and kept.parameter == parameter:
                yield name, kept
        inner = self.klass._constructor_above(constructor.owner)
        if inner is None:
            return
        for place, handed in constructor.handed.items():
            if handed is None or handed.parameter != parameter or handed.how is not How.SAME:
                continue
            names = [each.arg for each in inner.parameters]
            name_there = place if isinstance(place, str) else names[place] if place < len(names) else None
            if name_there in names:
                assert isinstance(name_there, str)
                for name, kept in self._kept(inner, name_there):
                    yield name, Kept(parameter, kept.how, kept.via)

    def _changes(self, attribute: str) -> bool:
        """Tell whether an attribute is assigned or changed elsewhere than in a constructor."""
        family = self.klass.objects.family(self.module, self.node)
        for module, node in family:
            for each in stores(module, node, attribute):
                function = module.function(each)
                if function is None or function.name != "__init__":
                    return True
        return any(
            not isinstance(other.ctx, ast.Load)
            and ast.unparse(other.value) != "self"
            and self.klass.objects.instance(self.module, other.value) is None
            for other in self.module.attributes.get(attribute, ())
        )

    def _is_called(self, attribute: str) -> bool:
        return any(
            isinstance(parent := self.module.parent(node), ast.Call) and parent.func is node
            for node in self.module.attributes.get(attribute, ())
        )

    # The code. -----------------------------------------------------------------------------------

    def _keras(self, part: str) -> str:
        """Return the file's name for a module of Keras."""
        scope = self.module.inner_scope(self.module.tree)
        inner = self.module.scope(self.node)
        for wanted, rest in ((f"keras.{part}", ""), ("keras", f".{part}"), ("tensorflow", f".keras.{part}")):
            for name, bindings in scope.bindings.items():
                meanings = {self.module.meaning(each) for each in bindings}
                if meanings == {wanted} and inner.lookup(name) is scope:
                    return name + rest
        root = _root(self.klass.lineage[-1][0])
        last = part.rpartition(".")[2]
        if inner.lookup(last) is not None:
            raise _RefusedError(UNNAMED)
        imported = AddImport(".".join([root, *part.split(".")[:-1]]), last)
        if imported not in self.imports:
            self.imports.append(imported)
        return last

    def _code(self, items: Sequence[_Item], twice: Sequence[str]) -> str:
        """Return the methods that are added."""
        base = self._super()
        inherits = self.klass.base not in {Base.ABSTRACT, Base.EMPTY} or self.klass.config is not None
        lines = ["", "def get_config(self):"]
        if not inherits:
            lines += [f"    {line}" for line in self._call("return ", "", items, "")]
        else:
            lines.append(f"    config = {base}.get_config()")
            lines += [f"    config.pop({self.mark}{key}{self.mark}, None)" for key in twice]
            if items:
                lines += [f"    {line}" for line in self._call("config.update", "(", items, ")")]
            lines.append("    return config")
        return "\n".join(lines)

    def _restoring(self, items: Sequence[_Item]) -> Iterator[Edit]:
        """Yield the edits that make the objects anew that were serialized."""
        lines = [f"config[{self.mark}{item.key}{self.mark}] = {item.restored}" for item in items if item.restored]
        if not lines:
            return
        lines = ["config = config.copy()", *lines]
        found = self.klass.own("from_config")
        if found is not None:
            yield InsertBefore(found.body[-1], "\n".join(lines))
            return
        code = ["", "@classmethod", "def from_config(cls, config):", *(f"    {line}" for line in lines)]
        yield InsertAfter(self._last_method(), "\n".join([*code, "    return cls(**config)"]))

    def _super(self) -> str:
        constructor = self.klass.constructor
        call = constructor.super_call if constructor is not None else None
        base = call.func.value if call is not None and isinstance(call.func, ast.Attribute) else None
        own = constructor is not None and constructor.owner is self.node
        return self.module.source(base) if own and isinstance(base, ast.Call) else "super()"

    def _call(self, head: str, opening: str, items: Sequence[_Item], closing: str) -> list[str]:
        """Return a dict of the items, on one line or on several."""
        entries = [f"{self.mark}{item.key}{self.mark}: {item.value}" for item in items]
        line = f"{head}{opening}{{{', '.join(entries)}}}{closing}"
        if len(line) + 8 <= _WIDTH:
            return [line]
        listed = [f"    {entry}," for entry in entries]
        if not opening:
            return [f"{head}{{", *listed, "}"]
        return [f"{head}{opening}", "    {", *(f"    {entry}" for entry in listed), "    }", closing]

    def _completed(self, items: Sequence[_Item]) -> Iterator[Edit]:
        """Yield the edits of a ``get_config`` that forgets something."""
        found = self.klass.own("get_config")
        assert found is not None
        method = ConfigMethod(self.module, found)
        display, call, stored = method.display(), method.keywords(), method.stored()
        if display is not None:
            yield from (AddItem(display, f"{self.mark}{item.key}{self.mark}", item.value) for item in items)
        elif call is not None:
            yield from (AddArgument(call, item.key, item.value) for item in items)
        elif stored is not None:
            statement, name = stored
            lines = [f"{name}[{self.mark}{item.key}{self.mark}] = {item.value}" for item in items]
            yield InsertAfter(statement, "\n".join(lines))
        else:
            value = method.returned[0].value
            assert value is not None
            entries = [f"{self.mark}{item.key}{self.mark}: {item.value}" for item in items]
            yield Replace(value, ("{**", Move(value), f", {', '.join(entries)}}}"))


def _root(module: Module) -> str:
    """Return the package that a module imports Keras' classes from."""
    for bindings in module.inner_scope(module.tree).bindings.values():
        for each in bindings:
            for root in ("tf_keras", "keras"):
                if each.imported is not None and f"{each.imported}.".startswith(f"{root}."):
                    return root
    return "tensorflow.keras"
