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
`int(units)`, `tuple(size)`, `size or 3` keep them. Layers, lists of layers, losses, functions and arrays are
stored by `serialize`, and made again in a `from_config`; where the constructor calls
`tf.keras.activations.get` or its like, that does it. A constructor without `**kwargs` gains them. What a
constructor hands to its base by itself is taken out. A `get_config` that is there is completed in its own way.

Kept: what the program does until it saves. What is loaded computes what was saved; where it holds classes or
functions of the program, the load asks for `custom_objects`, which add-custom-objects passes.

Left alone: classes that Keras restores as they are; classes that nothing is seen to save, turn to JSON, clone,
ask for its configuration or register (unless their `get_config` forgets something); subclassed models in `.h5`
files, which can't be loaded whatever they say; callbacks; `get_config` methods with conditions or loops; for
programs that run with Keras 2, what only Keras 3 needs, and SavedModel folders, which that makes without.

Refused: an argument that no attribute keeps, or whose name another attribute bears; an attribute that changes
later; lambdas, classes, objects of classes that aren't Keras', functions that Keras doesn't find by their name
(`tf.math.sin`, and `tf.nn.silu` since Keras 3); arrays in `.h5` files; arguments by position, or out of
`**kwargs`; a constructor that doesn't call its base's; subclasses of Sequential, which Keras makes without their
constructor's arguments; RNN cells without a `build`, which Keras 3 loads without the weights of their layers.

https://keras.io/guides/serialization_and_saving/
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache

from codemods.analysis.keras_objects import Form, KerasObjects, Kind
from codemods.analysis.module import Module
from codemods.analysis.project import Project
from codemods.analysis.target import runs_keras_3
from codemods.configs.classes import KerasClass, has_method, place_of
from codemods.configs.emit import NOT_KEPT, REFUSALS, Completion
from codemods.configs.saved import saved, saved_anywhere
from codemods.configs.trouble import Judge, Trouble
from codemods.engine.codemod import Codemod, Example, Finding, RefusedError, Severity

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

# A class that says it is to be saved: by a method, or where anything is registered by its decorators.
_CONFIGURED = re.compile(rb"(\bdef[\s\\]+get_config\b)")
_REGISTERED = re.compile(
    rb"(\bdef[\s\\]+get_config\b)|^[ \t]*@[\s\S]*?^[ \t]*(?=(class)\b|def\b|async\b)", re.MULTILINE
)


class AddGetConfig(Codemod):
    """Completes the classes that Keras saves by their constructors' arguments."""

    triggers = (b"__init__", b"get_config", b"Regularizer", b"LearningRateSchedule")
    pattern = re.compile(rb"\bclass\s+\w+\s*\([^)]")
    refusals = REFUSALS
    examples = (
        Example(BEFORE, AFTER),
        Example(FORGETFUL, FORGETFUL.replace('"gamma": self.gamma}', '"gamma": self.gamma, "alpha": self.alpha}')),
        Example(NOWHERE, refusal=NOT_KEPT),
    )

    def concerns_in(self, project: Project, path: str) -> bool:
        """Tell whether a file may hold a class that is saved, or that says it is."""
        said = _REGISTERED if project.mentioning("register_keras_serializable") else _CONFIGURED
        return bool(project.matching(said, [path])) or path in saved_anywhere(project).paths

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the classes that Keras can't save, or not restore."""
        project = module.project or Project.of({module.path: module.text})
        places = saved_anywhere(project).places
        # Who writes a get_config, or registers a class, wants it to be saved.
        asked = [
            node
            for node in module.find_all(ast.ClassDef)
            if node.decorator_list or has_method(node, "get_config") or place_of(module, node) in places
        ]
        if not asked:
            return
        objects = KerasObjects(project, project.imports.together(module.path))
        keras_3 = cache(lambda: runs_keras_3(module))
        for node in asked:
            forms, below = saved(project, module.path).of(place_of(module, node))
            if not (forms or below or node.decorator_list or has_method(node, "get_config")):
                continue
            found = objects.object(module, node)
            if found is not None and not _is_dataclass(module, node):
                finding = _finding(KerasClass(objects, found), forms, below, keras_3)
                if finding is not None:
                    yield finding


def _finding(
    klass: KerasClass, forms: frozenset[Form], below: frozenset[Form], keras_3: Callable[[], bool]
) -> Finding | None:
    """Return what there is to say about a class.

    Args:
        klass: the class.
        forms: the forms in which its objects are saved.
        below: the forms in which objects are saved that hand its constructor what Keras gives back.
        keras_3: tells whether its module runs with Keras 3.
    """
    if not klass.known or not klass.library or (klass.restores_itself and klass.config is not None):
        return None
    if klass.kind is Kind.MODEL and klass.inherited("call") is not None:
        forms -= {Form.H5}  # there, a subclassed model can't be loaded whatever it says
    wanted = klass.own("get_config") is not None or bool(klass.objects.registrations(klass.found))
    if not (forms or below or wanted):
        return None
    if not keras_3():
        forms, below = forms - {Form.FOLDER}, below - {Form.FOLDER}
    judge = Judge(klass, keras_3=keras_3(), forms=forms)
    trouble = judge.trouble() if forms or wanted else None
    if trouble is None and below:
        trouble = judge.handing_on()
    if trouble is None:
        return None
    saved_so = forms or (below and not trouble.config)
    severity = Severity.ERROR if trouble.lost and saved_so else Severity.WARNING
    try:
        edits = Completion(judge, trouble).edits()
    except RefusedError as error:
        return Finding(klass.node, trouble.message, severity, refusal=error.refusal, detail=error.detail)
    return Finding(klass.node, f"{trouble.message}; {_done(trouble)}", severity, tuple(edits))


def _done(trouble: Trouble) -> str:
    """Return what is done about it."""
    added = ["`**kwargs`"] * trouble.kwargs + ["`get_config`"] * trouble.config
    if not trouble.config and trouble.forgotten:
        added.append(", ".join(f"`{each.arg}`" for each in trouble.forgotten))
    done = [f"add {' and '.join(added)}"] * bool(added)
    if trouble.raw:
        done.append(f"serialize {', '.join(f'`{each.arg}`' for each in trouble.raw)}")
    return ", ".join(done)


def _is_dataclass(module: Module, node: ast.ClassDef) -> bool:
    called = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    return any((module.resolve(each) or "").startswith(("dataclasses.", "attr.", "attrs.")) for each in called)
