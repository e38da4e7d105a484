"""Pass a callback that is made and never used to the `fit` beside it.

A callback does nothing by itself: Keras calls the callbacks that `fit` is given, and no others. Without that,
TensorBoard opens no event file, ModelCheckpoint and BackupAndRestore save nothing, CSVLogger writes no line, all
without a word (an `error`: what they were to keep is lost), and EarlyStopping, ReduceLROnPlateau and
LearningRateScheduler leave the training as it is (a `warning`).

A callback, or a list of callbacks, that is bound to a name or to an attribute of `self`, which nothing reads, is
passed to the one `fit` of a Keras model beside it: as `callbacks=[callback]`, behind the callbacks that `fit` has
already, or as `callbacks=callbacks` for a list. Keras then calls it, as it is documented to: TensorBoard,
ModelCheckpoint and CSVLogger leave the numbers of the training the same, bit for bit; EarlyStopping may end it
earlier, the schedulers change its learning rate.

Left alone: a callback that anything uses (driven by hand, put into a list that is passed, handed to a function,
returned, imported by another module), or whose constructor hands the new object on; `fit` of what isn't a Keras
model; a program without `fit`.

Refused: several `fit`, or one that runs several times after the callback is made; one that is called where the
callback has no name, or may not have been made; a model or callbacks that can't be told; a `fit` that has a callback
of the same kind; a callback that would end the training with an exception: LearningRateScheduler raises under Keras 3
where the optimizer has a schedule, ModelCheckpoint where the name of its file tells a `val_loss` that nothing
computes, EarlyStopping under Keras 3 where it monitors a metric that the model doesn't have, one of the project's
own where its hooks don't take what Keras gives them.

https://www.tensorflow.org/api_docs/python/tf/keras/Model#fit
https://www.tensorflow.org/guide/keras/writing_your_own_callbacks
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Literal

from codemods.analysis.callback_needs import HOOKS, callback_base, classes_of
from codemods.analysis.fits import Fit, Fits
from codemods.analysis.module import Module
from codemods.analysis.places import Frame, frame, loops, runs_before, surely_runs
from codemods.analysis.shapes import Shapes
from codemods.analysis.unused_callbacks import Unused, fills, itself, unused_callbacks
from codemods.analysis.values import Instance, join
from codemods.engine.codemod import (
    AddArgument,
    AddItem,
    Codemod,
    Example,
    Finding,
    Move,
    Refusal,
    Replace,
    Severity,
)

SEVERAL_FITS = Refusal("several-fits", "there are several `fit`, and it can't be told which is meant")
REPEATED = Refusal("repeated", "`fit` may be run several times after the callback is made, which serves one training")
OUT_OF_REACH = Refusal("out-of-reach", "`fit` is called where the callback has no name")
MAY_BE_MISSING = Refusal("may-be-missing", "the callback isn't sure to have been made where `fit` is called")
UNKNOWN_MODEL = Refusal("unknown-model", "it can't be told that the object whose `fit` is called is a Keras model")
UNPACKED = Refusal("unpacked", "`fit` may be given callbacks among the arguments that are unpacked")
UNKNOWN_CALLBACKS = Refusal("unknown-callbacks", "it can't be told what callbacks these are")
SAME_KIND = Refusal(
    "same-kind",
    "`fit` would have several callbacks of this kind, or lists of them; one may be meant to replace the other",
)
WOULD_RAISE = Refusal("would-raise", "the callback would end the training with an exception")

_KEEPING = frozenset({
    "TensorBoard", "ModelCheckpoint", "CSVLogger", "BackupAndRestore", "RemoteMonitor", "OrbaxCheckpoint",
})  # fmt: skip
# Of these, a training may well have several that differ in their arguments.
_MANY = frozenset({"Callback", "ModelCheckpoint", "CSVLogger", "LambdaCallback", "RemoteMonitor"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BETWEEN_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])")
_COMPREHENSIONS = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DEPTH = 4

FORGOTTEN = """\
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
board = tf.keras.callbacks.TensorBoard("logs")
model.fit(tf.ones([4, 2]), tf.ones([4, 1]), epochs=3)
"""
ONE_OF_TWO = """\
import tensorflow as tf


def train(x, y):
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    early = tf.keras.callbacks.EarlyStopping("loss")
    checkpoint = tf.keras.callbacks.ModelCheckpoint("model.keras")
    return model.fit(x, y, epochs=30, callbacks=[early])
"""
TWICE = """\
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
board = tf.keras.callbacks.TensorBoard("logs")
model.fit(tf.zeros([4, 2]), tf.zeros([4, 1]))
model.fit(tf.ones([4, 2]), tf.ones([4, 1]))
"""


class PassCallbacksToFit(Codemod):
    """Finds Keras callbacks that nothing uses, in modules that call ``fit``."""

    triggers = (b"fit", b"fit_generator")
    pattern = re.compile(rb"\.fit(_generator)?\s*\(")
    refusals = (
        SEVERAL_FITS,
        REPEATED,
        OUT_OF_REACH,
        MAY_BE_MISSING,
        UNKNOWN_MODEL,
        UNPACKED,
        UNKNOWN_CALLBACKS,
        SAME_KIND,
        WOULD_RAISE,
    )
    examples = (
        Example(FORGOTTEN, after=FORGOTTEN.replace("epochs=3", "epochs=3, callbacks=[board]")),
        Example(ONE_OF_TWO, after=ONE_OF_TWO.replace("[early]", "[early, checkpoint]")),
        Example(TWICE, refusal=SEVERAL_FITS),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the callbacks that nothing uses, where there is a ``fit`` for them."""
        if not Fits.calls(module):
            return
        shapes = Shapes(module)
        every = unused_callbacks(module, shapes)
        if not every:
            return
        fits = Fits(module, shapes).all()
        chosen = [(unused, _fit_for(module, shapes, unused, fits)) for unused in every]
        for unused, fit in chosen:
            if fit is None:
                continue
            others = [other for other, same in chosen if same is fit and other is not unused]
            edit = fit if isinstance(fit, Refusal) else _edit(module, shapes, unused, others, fit)
            kinds = " and ".join(sorted({i.name.rpartition(".")[2] for i in unused.instances if i.known}))
            kept = any(callback_base(instance) in _KEEPING for instance in unused.instances)
            severity = Severity.ERROR if kept else Severity.WARNING
            message = f"`{unused.handle}` ({kinds}) is never given to `fit`, and Keras calls no other callbacks"
            if isinstance(edit, Refusal):
                yield Finding(unused.value, message, severity, refusal=edit)
            else:
                yield Finding(unused.value, f"{message}; `fit` gets it as one of its `callbacks`", severity, (edit,))


# Which ``fit`` it is for. ------------------------------------------------------------------------------


def _fit_for(module: Module, shapes: Shapes, unused: Unused, fits: Sequence[Fit]) -> Fit | Refusal | None:
    """Return the ``fit`` beside some callbacks; None where there is none of a Keras model at all."""
    home = frame(module, unused.made[0])
    beside = [fit for fit in fits if frame(module, fit.call) is home]
    beside = beside or [fit for fit in fits if _is_seen_from(module, unused, fit.call)]
    if not beside:
        return OUT_OF_REACH if any(fit.sure for fit in fits) else None
    alike = [fit for fit in beside if fit.alike]
    if len(alike) > 1:
        return SEVERAL_FITS
    fit = next(iter(alike or beside))
    if not fit.sure:
        return UNKNOWN_MODEL
    return _before(module, shapes, unused, home, fit.call) or fit


def _is_seen_from(module: Module, unused: Unused, call: ast.Call) -> bool:
    """Tell whether, where a call stands, callbacks have the name that they are bound to."""
    method = module.function(call)
    owner = module.enclosing(call, ast.ClassDef)
    if unused.owner is None:  # methods get by with what their object has
        return owner is None and module.scope(call).lookup(unused.handle) is unused.scope
    return method is not None and owner is unused.owner and unused.handle.startswith(f"{itself(method)}.")


def _before(
    module: Module, shapes: Shapes, unused: Unused, home: Frame, node: ast.AST, depth: int = 0
) -> Refusal | None:
    """Return why callbacks may not have been made where a node runs, or it may run more than once since."""
    here = frame(module, node)
    around = [loop for loop in loops(module, node) if loop not in module.ancestors(unused.made[0])]
    inner = module.enclosing(node, *_COMPREHENSIONS)
    if around or (inner is not None and frame(module, inner) is here):
        return REPEATED
    if here is home:
        late = any(part.lineno > module.statement(node).lineno for part in unused.made)  # type: ignore[attr-defined]
        return MAY_BE_MISSING if late or not runs_before(module, unused.made, module.statement(node)) else None
    if isinstance(here, ast.Module):
        assert not isinstance(home, ast.Module)
        made = home.name == "__init__" and surely_runs(module, home.body, unused.made)
        return None if made else MAY_BE_MISSING
    calls = shapes.calls(here)
    inside = set(ast.walk(here))  # where a method of this name is another object's
    outside = [call for call in calls or () if call not in inside]
    if calls is None or len(outside) != 1 or depth > _DEPTH:
        return REPEATED
    return _before(module, shapes, unused, home, outside[0], depth + 1)


def _edit(
    module: Module, shapes: Shapes, unused: Unused, others: Sequence[Unused], fit: Fit
) -> AddArgument | AddItem | Replace | Refusal:
    """Return what gives some callbacks to a ``fit``, or why they can't be given to it.

    Args:
        module: the module.
        shapes: what its expressions are.
        unused: the callbacks.
        others: what else the ``fit`` is to be given.
        fit: the ``fit``.
    """
    if fit.hidden:
        return UNPACKED
    given = _Given(module, shapes, fit)
    if given.form is None or not all(instance.known for instance in unused.instances):
        return UNKNOWN_CALLBACKS
    if unused.optional:
        return MAY_BE_MISSING
    listed = unused.listed or any(other.listed for other in others)
    alternatives = listed and (others or given.form != "nothing")
    if alternatives or _kinds(unused) & given.kinds.union(*map(_kinds, others)):
        return SAME_KIND
    if any(_would_raise(module, instance, fit) for instance in unused.instances):
        return WOULD_RAISE
    whole = unused.handle if unused.listed else f"[{unused.handle}]"
    if fit.callbacks is None:
        return AddArgument(fit.call, "callbacks", whole)
    if given.form == "nothing":
        return Replace(fit.callbacks, whole)
    if given.display is not None and _may_stand(module, unused, fit, given.display):
        return AddItem(given.display, None, unused.handle)
    start = "[" if given.form == "one" else "[*"
    return Replace(fit.callbacks, (start, Move(fit.callbacks), f", {unused.handle}]"))


def _may_stand(module: Module, unused: Unused, fit: Fit, display: ast.List) -> bool:
    """Tell whether a callback may stand in a list: in the argument itself, or behind where the callback is made."""
    if fit.call in module.ancestors(display):
        return True
    statement, made = module.statement(display), unused.made
    return frame(module, made[0]) is frame(module, statement) and runs_before(module, made, statement)


class _Given:
    """The callbacks that a ``fit`` has already.

    Attributes:
        form: how they are given; None where that can't be told.
        kinds: of what kind they are.
    """

    def __init__(self, module: Module, shapes: Shapes, fit: Fit) -> None:
        """Look at the argument."""
        found = shapes.value(fit.callbacks)
        self.form: Literal["nothing", "one", "list"] | None = None
        parts: list[ast.expr] = []
        if found.kind == "none":
            self.form = "nothing"
        elif found.kind in ("tuple", "list") and not found.optional:
            self.form = "list"
            found = shapes.element(found)
        elif found.instances and not found.optional and all(map(_is_callback, found.instances)):
            self.form = "one"
        elif isinstance(fit.callbacks, ast.BinOp) and isinstance(fit.callbacks.op, ast.Add):
            parts = [fit.callbacks.right, fit.callbacks.left]
            self.form = "list" if any(isinstance(part, ast.List) for part in parts) else None
            found = reduce(join, (shapes.element(shapes.value(part)) for part in parts))
        self.kinds = {_kind(instance) for instance in found.instances}
        given = next((part for part in parts if isinstance(part, ast.List)), fit.callbacks)
        self.display = self._display(module, given)

    def _display(self, module: Module, given: ast.expr | None) -> ast.List | None:
        """Return the list display that the argument is, or that a name holds which nothing else reads."""
        if isinstance(given, ast.List) or not isinstance(given, ast.Name):
            return given if isinstance(given, ast.List) else None
        bindings = module.bindings(given)
        scope = module.scope(given).lookup(given.id)
        value = bindings[0].value if len(bindings) == 1 else None
        if scope is None or scope is not module.scope(given) or not isinstance(value, ast.List):
            return None
        loads = [use for use in module.uses(scope, given.id) if isinstance(use.ctx, ast.Load) and use is not given]
        return value if all(fills(module, use) for use in loads) else None


def _is_callback(instance: Instance) -> bool:
    return instance.known and callback_base(instance) not in (None, "CallbackList")


def _kinds(unused: Unused) -> set[str]:
    return {_kind(instance) for instance in unused.instances}


def _kind(instance: Instance) -> str:
    """Return what two callbacks have in common of which one makes the other superfluous."""
    base = callback_base(instance) if instance.known else None
    if base in _MANY:
        return f"{instance.name} {ast.unparse(instance.call) if instance.call is not None else ''}"
    return base or instance.name


def _would_raise(module: Module, instance: Instance, fit: Fit) -> bool:
    """Tell whether a callback raises in a training that runs without it."""
    own = [node for _, node in classes_of(instance.module, instance.name)]
    if any(_would_raiseitself(node, fit) for node in own):
        return True
    match callback_base(instance):
        case "LearningRateScheduler":
            names = (module.resolve(call.func) or "" for call in module.find_all(ast.Call))
            return any(name.startswith("keras.optimizers.schedules.") for name in names)
        case "ModelCheckpoint":
            path = instance.argument("filepath", 0)
            return not fit.validates and any("{val_" in text for text in _texts(instance.module, path))
        case "EarlyStopping":
            monitor, mode = instance.argument("monitor", 0), instance.argument("mode", 4)
            metric = next(_texts(instance.module, monitor), "loss").removeprefix("val_")
            return metric != "loss" and mode is None and not _may_report(module, metric)
    return False


def _would_raiseitself(node: ast.ClassDef, fit: Fit) -> bool:
    """Tell whether a callback's own code raises: it takes other arguments than Keras gives, or wants a validation."""
    for part in ast.walk(node):
        match part:
            case ast.FunctionDef(name, arguments) if name in HOOKS and part in node.body and not arguments.vararg:
                parameters = [*arguments.posonlyargs, *arguments.args]
                given = 3 if "batch" in name or "epoch" in name else 2
                if not len(parameters) - len(arguments.defaults) <= given <= len(parameters):
                    return True
            case ast.Subscript(slice=ast.Constant(str() as key)) if key.startswith("val_") and not fit.validates:
                return True
    return False


def _texts(module: Module, node: ast.expr | None) -> Iterator[str]:
    """Yield the texts in an expression, or in what a name is bound to once."""
    bindings = module.bindings(node) if isinstance(node, ast.Name) else []
    node = bindings[0].value if len(bindings) == 1 else node
    for part in ast.walk(node) if node is not None else ():
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _may_report(module: Module, metric: str) -> bool:
    """Tell whether a model may have a metric: one that is compiled here has it if anything else here names it."""
    if "compile" not in module.attributes:
        return True
    for node in module.find_all(ast.Constant, ast.Name, ast.Attribute):
        word = getattr(
            node, "value" if isinstance(node, ast.Constant) else "id" if isinstance(node, ast.Name) else "attr"
        )
        if isinstance(word, str) and metric in (word, _BETWEEN_WORDS.sub("_", word).lower()):
            call = module.enclosing(node, ast.Call)
            if call is None or not (module.resolve(call.func) or "").startswith("keras.callbacks."):
                return True
    return False
