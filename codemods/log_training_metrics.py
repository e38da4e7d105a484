"""Write what a training loop prints in each epoch to the file writer that nothing uses.

`create_file_writer` opens an event file at once, and TensorFlow writes into it what a `tf.summary` call records while
the writer is the default. A loop that computes its loss, prints it, and never calls `tf.summary.scalar` leaves an
event file with a version number in it, and TensorBoard shows nothing.

The scalars that the loop prints, logs or adds to a list once an epoch, and the Keras metrics that it updates, are
written in a `with writer.as_default():` block behind the place where they are told, with the number of the epoch as
the step: the variable of a `for` loop over numbers, or what a `while` loop adds one to in each turn. A value is
recorded as it is, not as it is shown (`loss`, for `float(loss)` and `loss.numpy()`; `accuracy.result()`, for
`accuracy.result() * 100`). Its tag is the name of the metric, else of its variable; what has neither, or is only
called `avg`, `mean` and the like, is called by the words before it. What nothing prints is taken from the sums over
the batches.

`unsafe`, always: events are added. The training, the output and all other results stay as they are, bit for bit. The
block stands in host code and is run once an epoch, where a scalar takes 0.2 to 0.3 ms.

Left alone: a writer that anything uses; a program with summaries, which another codemod may bring to the writer; a
writer of TensorFlow 1; a writer beside `fit`, which takes callbacks; counts, times, and what is told for each batch.

Of two writers, one of which bears `train` in its name or its folder's and the other `val`, `test` or `eval`, each
gets the scalars that bear the same.

Refused: several other writers, or several loops over epochs; a loop that has no number for the epoch; one that
TensorFlow traces, or that each of several workers runs; a writer that may not have been made, may be closed, or has
no name there; no scalar that is told once an epoch, or two by one name.

https://www.tensorflow.org/tensorboard/get_started
https://www.tensorflow.org/api_docs/python/tf/summary/scalar
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.analysis.module import Module
from codemods.analysis.naming import tensorflow_name
from codemods.analysis.path_ends import quote
from codemods.analysis.shapes import Shapes
from codemods.analysis.tracing import is_traced
from codemods.analysis.writers import creations
from codemods.engine.codemod import Codemod, Edit, Example, Finding, InsertAfter, Refusal, Severity
from codemods.epochs.loops import Training, epochs, trainings
from codemods.epochs.values import Scalar, Scalars
from codemods.epochs.writers import IdleWriter, holder_at, idle_writer, is_default, is_made, may_be_closed, text_of
from codemods.summaries.ops import summary_name

SEVERAL_WRITERS = Refusal("several-writers", "there are several writers that nothing uses, and it can't be told which")
SEVERAL_LOOPS = Refusal("several-loops", "several loops count epochs, which would be recorded as one training")
NO_EPOCH = Refusal("no-epoch", "no loop that trains is seen to count epochs by an integer")
OUT_OF_REACH = Refusal("out-of-reach", "the writer has no name where the loop over the epochs stands")
MAY_BE_MISSING = Refusal("may-be-missing", "the writer isn't sure to have been made, and to be open, in the loop")
TRACED = Refusal("traced", "TensorFlow traces the loop, and a writer is for code that it doesn't")
SEVERAL_WORKERS = Refusal("several-workers", "each of several workers runs the loop, and would write its own events")
NO_SCALAR = Refusal("no-scalar", "the loop is not seen to print or to accumulate a scalar once an epoch")
SAME_NAME = Refusal("same-name", "two scalars of the loop have the same name")

_GRAPH_MODE = frozenset({
    "tensorflow.compat.v1.disable_eager_execution", "tensorflow.compat.v1.disable_v2_behavior",
    "tensorflow.compat.v1.Session", "tensorflow.compat.v1.InteractiveSession",
})  # fmt: skip
# With a default writer and a step, TensorFlow 1's summaries are written by the writers of 2.
_RECORDING = re.compile(r"tensorboard\.|tensorflow\.compat\.v1\.summary\.[a-z]")
_TRAINING = frozenset({"train", "training"})
_VALIDATION = frozenset({"val", "valid", "validation", "test", "testing", "eval", "evaluation", "dev"})
_WORKERS = re.compile(r"tensorflow\.distribute\.(experimental\.)?MultiWorkerMirroredStrategy|horovod\..*")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

PRINTED = """\
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
optimizer = tf.keras.optimizers.SGD(0.1)
summary_writer = tf.summary.create_file_writer("logs")


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(y - model(x)))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


for epoch in range(5):
    loss = train_step(tf.ones([4, 2]), tf.ones([4, 1]))
    print(f"Epoch {epoch + 1}, Loss: {loss.numpy()}")
"""
METRICS = """\
import tensorflow as tf


def train(model, optimizer, batches, epochs):
    writer = tf.summary.create_file_writer("logs")
    train_loss = tf.keras.metrics.Mean(name="train_loss")
    train_accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="train_accuracy")
    for epoch in range(epochs):
        train_loss.reset_state()
        train_accuracy.reset_state()
        for x, y in batches:
            with tf.GradientTape() as tape:
                logits = model(x, training=True)
                loss = tf.keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            train_loss(loss)
            train_accuracy(y, logits)
        print("epoch %d: %.3f, %.1f%%" % (epoch, train_loss.result(), train_accuracy.result() * 100))
"""
TWO_WRITERS = PRINTED.replace(
    'writer("logs")\n', 'writer("logs/a")\nother_writer = tf.summary.create_file_writer("logs/b")\n'
)


class LogTrainingMetrics(Codemod):
    """Finds file writers that nothing uses, in modules with a training loop of their own."""

    triggers = (b"create_file_writer",)
    refusals = (
        SEVERAL_WRITERS,
        SEVERAL_LOOPS,
        NO_EPOCH,
        OUT_OF_REACH,
        MAY_BE_MISSING,
        TRACED,
        SEVERAL_WORKERS,
        NO_SCALAR,
        SAME_NAME,
    )
    examples = (
        Example(
            PRINTED,
            after=PRINTED
            + '    with summary_writer.as_default():\n        tf.summary.scalar("loss", loss, step=epoch)\n',
            unsafe=True,
        ),
        Example(
            METRICS,
            after=METRICS
            + "        with writer.as_default():\n"
            + '            tf.summary.scalar("train_loss", train_loss.result(), step=epoch)\n'
            + '            tf.summary.scalar("train_accuracy", train_accuracy.result(), step=epoch)\n',
            unsafe=True,
        ),
        Example(TWO_WRITERS, refusal=SEVERAL_WRITERS),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the writers that nothing uses, where a loop trains a model by hand."""
        created = [one for one in creations(module) if one.version == 2]
        if not created or _is_elsewhere(module):
            return
        idle = [idle_writer(module, one) for one in created]
        writers = [writer for writer in idle if writer is not None]
        if len(writers) < len(idle):
            return
        loops = trainings(module)
        if not loops or any(_records(where, node) for loop in loops for where, node in loop.reached):
            return
        plans = _plans(module, writers, loops)
        for writer in writers:
            message = f"Nothing is ever written by `{text_of(writer.holders[0])}`, and its event file stays empty"
            if isinstance(plans, Refusal):
                yield Finding(writer.created.call, message, Severity.WARNING, refusal=plans)
                continue
            tags = ", ".join(f"`{tag}`" for tag in plans[writer].tags)
            yield Finding(
                writer.created.call,
                f"{message}; it gets the loop's {tags} once an epoch",
                Severity.WARNING,
                plans[writer].edits,
                unsafe=f"events are added: {tags}, with the number of the epoch as the step",
            )


def _is_elsewhere(module: Module) -> bool:
    """Tell whether a module has summaries already, or builds a graph for a session, in which nothing is written."""
    calls = list(module.find_all(ast.Call))
    return any(_records(module, call) or module.resolve(call.func) in _GRAPH_MODE for call in calls)


def _records(module: Module, node: ast.AST) -> bool:
    """Tell whether a node is a call that writes a summary, or may do so."""
    if not isinstance(node, ast.Call):
        return False
    return summary_name(module, node) is not None or bool(_RECORDING.match(module.resolve(node.func) or ""))


# What is written, and where. ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """The scalars that are written, and the edits that do it."""

    tags: tuple[str, ...]
    edits: tuple[Edit, ...]


def _plans(module: Module, writers: list[IdleWriter], loops: list[Training]) -> dict[IdleWriter, _Plan] | Refusal:
    """Return what each writer is given to write, or why none is."""
    hosted = [one for one in loops if not is_traced(module, one.loop)]
    counting = epochs(hosted)
    if not counting:
        return NO_EPOCH if hosted else TRACED
    seen = [one for one in counting if all(holder_at(module, writer, one.loop) is not None for writer in writers)]
    if len(seen) != 1:
        return SEVERAL_LOOPS if seen else OUT_OF_REACH
    if any(_WORKERS.fullmatch(module.resolve(call.func) or "") for call in module.find_all(ast.Call)):
        return SEVERAL_WORKERS
    epoch = seen[0]
    groups = Scalars(module, Shapes(module), epoch).groups()
    if not groups:
        return NO_SCALAR
    if not epoch.agrees(after for after, _ in groups):
        return NO_EPOCH
    for writer in writers:
        made = all(is_made(module, writer, after) for after, _ in groups)
        if not made or may_be_closed(module, writer, epoch.loop):
            return MAY_BE_MISSING
    scalars = [scalar for _, group in groups for scalar in group]
    counts = Counter(scalar.tag for scalar in scalars)
    tags = {one: one.label or one.tag if counts[one.tag] > 1 else one.tag for one in scalars}
    if len(set(tags.values())) < len(tags):
        return SAME_NAME
    chosen = {scalar: _chosen(writers, scalar) for scalar in scalars}
    if set(chosen.values()) != set(writers):
        return SEVERAL_WRITERS
    plans = {}
    for writer in writers:
        mine = [(after, {tags[one]: one for one in group if chosen[one] is writer}) for after, group in groups]
        edits = [edit for after, group in mine if group for edit in _written(module, writer, epoch, after, group)]
        plans[writer] = _Plan(tuple(tag for _, group in mine for tag in group), tuple(dict.fromkeys(edits)))
    return plans


def _chosen(writers: list[IdleWriter], scalar: Scalar) -> IdleWriter | None:
    """Return the writer that a scalar is for: one of two, by whether it is of the training or of a validation."""
    if len(writers) == 1:
        return writers[0]
    words = set(re.findall("[a-z]+", f"{scalar.tag} {scalar.label} {scalar.text}".lower().replace("_", " ")))
    validated = bool(words & _VALIDATION)
    found = [
        one
        for one in writers
        if bool(one.words & _VALIDATION) is validated and bool(one.words & _TRAINING) is not validated
    ]
    return found[0] if len(found) == 1 and not (validated and words & _TRAINING) else None


def _written(
    module: Module, writer: IdleWriter, epoch: Training, after: ast.stmt, scalars: dict[str, Scalar]
) -> Iterator[Edit]:
    """Yield what writes some scalars behind a statement."""
    holder = holder_at(module, writer, after)
    assert holder is not None
    summary, imports = _summary(module, writer, after)
    lines = [
        f"{summary}.scalar({one.key or _quoted(module, tag)}, {_source(module, one)}, step={epoch.step})"
        for tag, one in scalars.items()
    ]
    if not is_default(module, writer, after):
        lines = [f"with {text_of(holder)}.as_default():", *(f"    {line}" for line in lines)]
    yield InsertAfter(after, "\n".join(lines))
    yield from imports


def _summary(module: Module, writer: IdleWriter, after: ast.stmt) -> tuple[str, tuple[Edit, ...]]:
    """Return how the module of the summary operations is called behind a statement, with the import that it needs."""
    function = writer.created.call.func
    if isinstance(function, ast.Attribute):
        root = next(node for node in ast.walk(function) if isinstance(node, ast.Name))
        if module.scope(after).lookup(root.id) is module.scope(root).lookup(root.id):
            return module.source(function.value), ()
    name, imports = tensorflow_name(module, after, v1=False)
    return f"{name}.summary", imports


def _quoted(module: Module, text: str) -> str:
    return f"{quote(module)}{text}{quote(module)}"


def _source(module: Module, scalar: Scalar) -> str:
    """Return the code of a scalar, with the quotation marks that the module prefers."""
    return scalar.text if quote(module) in scalar.text else scalar.text.replace("'", quote(module))
