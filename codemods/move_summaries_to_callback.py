"""Write the summaries of a Keras training step in a callback that `fit` is given.

What it does: a `tf.summary` call in `train_step`, `test_step` or `call` of a Keras model becomes an assignment to a
variable, where it stood; a callback of its own, which `fit` is given, writes the value when the batch has ended.

Why: `fit` traces the step, so the summary becomes part of a graph, with the writer that was the default at the first
trace. Where there was none, TensorFlow drops it without a word. With `jit_compile=True`, and under Keras 3 on a GPU
without being asked to, `fit` compiles the step with XLA, which can't write summaries, and raises.

What stays the same: log folder, tag, step, kind and value of every event, bit for bit, and the weights. A step that
the training goes on to change, such as `self.optimizer.iterations` before `apply_gradients`, is kept as it was where
the summary stood. Nothing is added to what the step returns, so `History`, the progress bar, `evaluate` and the other
callbacks get what they got; to return the values would add them to each, to TensorBoard's own events too, and under
Keras 3 replace the results of the metrics by those of the last batch. The variables belong to the callback: they are
neither among the model's weights nor in what is saved of it. `train_on_batch` has no callbacks: a model that is also
trained by it, or by a loop of one's own, is refused.

What is repaired: with `jit_compile=True` the training no longer raises; where no writer is the default, the events are
recorded with the only writer in reach.

What is unsafe: Keras puts the name of the model before the tag of a summary in `call`, `net/loss` under Keras 2, and
`net_1/loss` in the graphs of Keras 3; in a callback it is `loss`. And TensorBoard(update_freq="batch") under Keras 2
records the logs of each batch only where another callback, or the progress bar, hears of the batches.

Where all calls of `fit` are seen in the file of the class, they are given the callback. Otherwise the class gets a
`fit` that adds it, so that no other file has to change.

What is refused: conditions that may change during the training; `steps_per_execution`, with which a callback hears of
the last step of several only; a distribution strategy; a model that is trained without `fit`; a `call` that is also
called by hand, or exported: a variable of a callback is no part of what is exported.

https://www.tensorflow.org/guide/keras/customizing_what_happens_in_fit
https://www.tensorflow.org/api_docs/python/tf/keras/callbacks/Callback
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from codemods.analysis.module import Module
from codemods.engine.codemod import Codemod, Example, Finding, Rewrite, Severity
from codemods.summaries.callback import CallbackCode
from codemods.summaries.fitting import Step, fit_in_sight, step_around
from codemods.summaries.keeping import REFUSALS, STEPS_PER_EXECUTION, Keeping, Kept
from codemods.summaries.moves import RefusedError
from codemods.summaries.ops import summary_at, summary_name
from codemods.summaries.refusals import NO_WRITER, RESULT_USED, UNPACKED

_BEFORE = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        with writer.as_default():
            tf.summary.scalar("gradient_norm", tf.linalg.global_norm(gradients), step=self.optimizer.iterations)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss}


net = Net()
net.compile("sgd", "mse")
net.fit(x, y, epochs=3)
"""
_AFTER = """\
import functools

import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


class NetSummaries(tf.keras.callbacks.Callback):
    \"\"\"Records what the steps of `Net` compute, when each batch has ended.\"\"\"

    def __init__(self):
        super().__init__()
        self.gradient_norm = tf.Variable(0.0, trainable=False)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)

    def on_train_batch_end(self, batch, logs=None):
        with writer.as_default():
            tf.summary.scalar("gradient_norm", self.gradient_norm, step=self.step)


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    @functools.cached_property
    def summaries(self):
        return NetSummaries()

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.summaries.step.assign(self.optimizer.iterations)
        self.summaries.gradient_norm.assign(tf.cast(tf.linalg.global_norm(gradients), tf.float32))
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss}


net = Net()
net.compile("sgd", "mse")
net.fit(x, y, epochs=3, callbacks=[net.summaries])
"""
_CALL = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(1)

    def call(self, x):
        outputs = self.dense(x)
        tf.summary.scalar("mean", tf.reduce_mean(outputs), step=self.optimizer.iterations)
        return outputs


net = Net()
net.compile("sgd", "mse")
with writer.as_default():
    net.fit(x, y, epochs=3)
"""
_CALL_AFTER = """\
import functools

import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


class NetSummaries(tf.keras.callbacks.Callback):
    \"\"\"Records what the steps of `Net` compute, when each batch has ended.\"\"\"

    def __init__(self):
        super().__init__()
        self.mean = tf.Variable(0.0, trainable=False)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)

    def on_train_batch_end(self, batch, logs=None):
        tf.summary.scalar("mean", self.mean, step=self.step)

    on_test_batch_end = on_predict_batch_end = on_train_batch_end


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(1)

    @functools.cached_property
    def summaries(self):
        return NetSummaries()

    def call(self, x):
        outputs = self.dense(x)
        self.summaries.step.assign(self.optimizer.iterations)
        self.summaries.mean.assign(tf.cast(tf.reduce_mean(outputs), tf.float32))
        return outputs


net = Net()
net.compile("sgd", "mse")
with writer.as_default():
    net.fit(x, y, epochs=3, callbacks=[net.summaries])
"""
_SEVERAL = _BEFORE.replace('net.compile("sgd", "mse")', 'net.compile("sgd", "mse", steps_per_execution=50)')


class MoveSummariesToCallback(Codemod):
    """Moves ``tf.summary`` calls out of the steps that ``fit`` runs."""

    triggers = (b"train_step", b"test_step", b"call")
    pattern = re.compile(rb"summary(?!\s*\()")
    refusals = (RESULT_USED, UNPACKED, *REFUSALS)
    examples = (
        Example(_BEFORE, _AFTER),
        Example(_CALL, _CALL_AFTER, unsafe=True),
        Example(_SEVERAL, refusal=STEPS_PER_EXECUTION),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield a finding for each summary in a step of a Keras model."""
        groups: dict[ast.ClassDef, list[tuple[ast.Call, Step]]] = {}
        for call in module.find_all(ast.Call):
            step = step_around(module, call) if summary_name(module, call) is not None else None
            if step is not None and (step.function.name != "call" or fit_in_sight(module, call)):
                groups.setdefault(step.owner, []).append((call, step))
        for owner, calls in groups.items():
            keeping = Keeping(module, owner)
            if not keeping.training.eager:
                yield from _findings(keeping, calls)

    def rewrites(self, module: Module, findings: Sequence[Finding]) -> Iterable[Rewrite]:
        """Return one rewrite for each class: all its summaries together."""
        groups: dict[ast.ClassDef, list[Finding]] = {}
        for finding in findings:
            step = step_around(module, finding.node)
            assert step is not None
            groups.setdefault(step.owner, []).append(finding)
        for owner, group in groups.items():
            keeping = Keeping(module, owner)
            try:
                kept = [_keep(keeping, finding.node) for finding in group]
                edits = CallbackCode(keeping, kept).edits()
            except RefusedError:
                continue  # the engine reports it
            yield Rewrite(tuple(group), tuple(edits))


def _keep(keeping: Keeping, call: ast.AST) -> Kept:
    module = keeping.module
    assert isinstance(call, ast.Call)
    step, summary = step_around(module, call), summary_at(module, call)
    assert step is not None
    if summary is None:
        used = not isinstance(module.parent(call), ast.Expr)
        raise RefusedError(RESULT_USED if used else UNPACKED)
    return keeping.keep(step, summary)


def _findings(keeping: Keeping, calls: Sequence[tuple[ast.Call, Step]]) -> Iterator[Finding]:
    obstacles = {step: _refusal(functools.partial(keeping.check, step)) for _, step in calls}
    found = [(call, step, obstacles[step] or _plan(keeping, call)) for call, step in calls]
    kept = [plan for _, _, plan in found if isinstance(plan, Kept)]
    in_loops = _refusal(CallbackCode(keeping, kept).edits) if kept else None
    for call, step, plan in found:
        if isinstance(plan, Kept) and in_loops is not None and plan.loops:
            plan = in_loops
        yield _fixable(keeping, plan) if isinstance(plan, Kept) else _refused(keeping, call, step, plan)


def _plan(keeping: Keeping, call: ast.Call) -> Kept | RefusedError:
    try:
        return _keep(keeping, call)
    except RefusedError as error:
        return error


def _refusal(attempt: Callable[[], object]) -> RefusedError | None:
    try:
        attempt()
    except RefusedError as error:
        return error
    return None


def _fixable(keeping: Keeping, kept: Kept) -> Finding:
    name = kept.step.function.name
    severity, fault = Severity.WARNING, _in_graph(name)
    if keeping.compiled:
        severity, fault = Severity.ERROR, _compiled(name)
    elif kept.lost is not None:
        severity, fault = Severity.ERROR, _lost(name)
    given = "`fit` is given" if keeping.direct([kept.step]) else "the class gives to `fit`"
    todo = (
        f"a callback that {given} records the value at the end of the batch; nothing is added to the logs, "
        "so `History` and the progress bar stay as they are"
    )
    return Finding(kept.summary.call, f"{fault}; {todo}", severity, unsafe=kept.unsafe)


def _refused(keeping: Keeping, call: ast.Call, step: Step, error: RefusedError) -> Finding:
    name = step.function.name
    severity, message = Severity.WARNING, _in_graph(name)
    if error.refusal is NO_WRITER:
        severity, message = Severity.ERROR, _lost(name)
    elif keeping.compiled:
        severity, message = Severity.ERROR, _compiled(name)
    return Finding(call, message, severity, refusal=error.refusal, detail=error.detail)


def _in_graph(name: str) -> str:
    return (
        f"`fit` traces `{name}`: the summary becomes part of a graph, with the writer of its first trace, "
        "which under Keras 3 can't be compiled for a GPU"
    )


def _lost(name: str) -> str:
    return f"no writer is the default when `fit` traces `{name}`, and TensorFlow drops the summary without a word"


def _compiled(name: str) -> str:
    return f"`fit` compiles `{name}` with XLA, which can't write summaries: it raises as soon as a writer is active"
