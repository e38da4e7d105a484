"""Write what a training loop prints in each epoch to the file writer that nothing uses.

`create_file_writer` opens an event file at once, and TensorFlow writes into it what a `tf.summary` call records while
the writer is the default. A loop that computes its loss, prints it, and never calls `tf.summary.scalar` leaves an
event file with a version number in it, and TensorBoard shows nothing.

The scalars that the loop prints, logs or adds to a list once an epoch, and the Keras metrics that it updates, are
written in a `with writer.as_default():` block behind the place where they are told, with the number of the epoch as
the step. A value is recorded as it is, not as it is shown (`loss`, for `float(loss)` and `loss.numpy()`;
`accuracy.result()`, for `accuracy.result() * 100`). Its tag is the name of the metric, else of its variable; what has
neither is called by the words before it. What nothing prints is taken from the sums over the batches.

`unsafe`, always: events are added. The training, the output and all other results stay as they are, bit for bit. The
block stands in host code and is run once an epoch, where a scalar takes 0.2 to 0.3 ms.

Left alone: a writer that anything uses; a program with summaries, which another codemod may bring to the writer; a
writer of TensorFlow 1; a writer beside `fit`, which takes callbacks; counts, times, and what is told for each batch.

Refused: several writers or several loops over epochs; a loop that has no number for the epoch; one that TensorFlow
traces, or that each of several workers runs; a writer that may not have been made, may be closed, or has no name
there; no scalar that is told once an epoch, or two by one name.

https://www.tensorflow.org/tensorboard/get_started
https://www.tensorflow.org/api_docs/python/tf/summary/scalar
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.analysis.endings import importers
from codemods.analysis.module import Module
from codemods.analysis.naming import tensorflow_name
from codemods.analysis.path_ends import quote
from codemods.analysis.places import Loop, frame, runs_before, surely_runs
from codemods.analysis.shapes import Shapes
from codemods.analysis.tracing import is_traced
from codemods.analysis.writers import Creation, creations, names_held_by
from codemods.engine.codemod import Codemod, Edit, Example, Finding, InsertAfter, Refusal, Severity
from codemods.epochs.loops import Training, epochs, trainings
from codemods.epochs.values import Scalar, Scalars
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

_DEFAULT = frozenset({"as_default", "set_as_default"})
_SILENT = _DEFAULT | {"flush", "close"}
_WRITES_NOTHING = sys.stdlib_module_names | {"tensorflow", "keras", "tf_keras", "numpy", "tqdm"}
_GRAPH_MODE = frozenset({
    "tensorflow.compat.v1.disable_eager_execution", "tensorflow.compat.v1.disable_v2_behavior",
    "tensorflow.compat.v1.Session", "tensorflow.compat.v1.InteractiveSession",
})  # fmt: skip
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
        idle = [_idle(module, one) for one in created]
        writers = [writer for writer in idle if writer is not None]
        if len(writers) < len(idle):
            return
        loops = trainings(module)
        if not loops or any(_records(where, node) for loop in loops for where, node in loop.reached):
            return
        for writer in writers:
            message = f"Nothing is ever written by `{writer.handle}`, and its event file stays empty"
            found = SEVERAL_WRITERS if len(writers) > 1 else _plan(module, writer, loops)
            if isinstance(found, Refusal):
                yield Finding(writer.created.call, message, Severity.WARNING, refusal=found)
                continue
            tags = ", ".join(f"`{tag}`" for tag in found.tags)
            yield Finding(
                writer.created.call,
                f"{message}; the loop's {tags} are written once an epoch",
                Severity.WARNING,
                found.edits,
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
    return summary_name(module, node) is not None or (module.resolve(node.func) or "").startswith("tensorboard.")


# The writer. -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Writer:
    """A file writer that nothing writes to.

    Attributes:
        created: the call that makes it.
        target: the name, or the attribute of ``self``, that holds it.
        uses: what is done with it, none of which records anything.
    """

    created: Creation
    target: ast.Name | ast.Attribute
    uses: tuple[ast.Name | ast.Attribute, ...]

    @property
    def handle(self) -> str:
        """How it is called."""
        return ast.unparse(self.target)


def _idle(module: Module, created: Creation) -> _Writer | None:
    """Return a writer that nothing uses; None where anything does, or may."""
    statement = module.statement(created.call)
    held = names_held_by(statement)
    if len(held) != 1 or module.parent(created.call) is not statement:
        return None
    match held[0]:
        case ast.Name(name) as target:
            scope = module.scope(target).lookup(name)
            if scope is None or (scope.parent is None and any(importers(module, name))):
                return None
            uses: list[ast.Name | ast.Attribute] = list(module.uses(scope, name))
        case ast.Attribute(ast.Name(), name) as target:
            project = module.project
            if project is not None and set(project.mentioning(f".{name}")) - {module.path}:
                return None
            uses = list(module.attributes[name])
        case _:
            return None
    methods = {_method(module, use) for use in uses if not isinstance(use.ctx, ast.Store)}
    if not methods <= _SILENT or (methods & _DEFAULT and not _imports_nothing_that_writes(module)):
        return None
    return _Writer(created, target, tuple(uses))


def _method(module: Module, use: ast.expr) -> str:
    """Return the method of a writer that is called for nothing but its effect; empty for any other use."""
    attribute = module.parent(use)
    call = module.parent(attribute) if isinstance(attribute, ast.Attribute) else None
    if not isinstance(attribute, ast.Attribute) or not isinstance(call, ast.Call) or call.func is not attribute:
        return ""
    return attribute.attr if isinstance(module.parent(call), (ast.Expr, ast.withitem)) else ""


def _imports_nothing_that_writes(module: Module) -> bool:
    """Tell whether no library that a module imports may write to the default writer."""
    imports: Iterator[ast.Import | ast.ImportFrom] = module.find_all(ast.Import, ast.ImportFrom)
    for node in imports:
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        if not {name.partition(".")[0] for name in names} <= _WRITES_NOTHING:
            return False
    return True


# What is written, and where. ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """The scalars that are written, and the edits that do it."""

    tags: tuple[str, ...]
    edits: tuple[Edit, ...]


def _plan(module: Module, writer: _Writer, loops: list[Training]) -> _Plan | Refusal:
    """Return what a writer is given to write, or why it isn't."""
    hosted = [one for one in loops if not is_traced(module, one.loop)]
    counting = epochs(hosted)
    if not counting:
        return NO_EPOCH if hosted else TRACED
    seen = [one for one in counting if _is_seen_from(module, writer, one.loop)]
    if len(seen) != 1:
        return SEVERAL_LOOPS if seen else OUT_OF_REACH
    if any(_WORKERS.fullmatch(module.resolve(call.func) or "") for call in module.find_all(ast.Call)):
        return SEVERAL_WORKERS
    epoch = seen[0]
    groups = Scalars(module, Shapes(module), epoch).groups()
    if not groups:
        return NO_SCALAR
    if _may_be_closed(module, writer, epoch.loop) or not all(_is_made(module, writer, after) for after, _ in groups):
        return MAY_BE_MISSING
    scalars = [scalar for _, group in groups for scalar in group]
    seen_tags = Counter(scalar.tag for scalar in scalars)
    names = [scalar.label or scalar.tag if seen_tags[scalar.tag] > 1 else scalar.tag for scalar in scalars]
    if len(set(names)) < len(names):
        return SAME_NAME
    tags = dict(zip(scalars, names, strict=True))
    edits: list[Edit] = []
    for after, group in groups:
        summary, imports = _summary(module, writer, after)
        lines = [
            f"{summary}.scalar({_quoted(module, tags[one])}, {_source(module, one)}, step={epoch.step})"
            for one in group
        ]
        if not _is_default(module, writer, after):
            lines = [f"with {writer.handle}.as_default():", *(f"    {line}" for line in lines)]
        edits += [InsertAfter(after, "\n".join(lines)), *imports]
    return _Plan(tuple(names), tuple(dict.fromkeys(edits)))


def _is_seen_from(module: Module, writer: _Writer, node: ast.AST) -> bool:
    """Tell whether a writer has its name at a node."""
    if isinstance(writer.target, ast.Name):
        name = writer.target.id
        return module.scope(node).lookup(name) is module.scope(writer.target).lookup(name)
    method = module.function(node)
    owner = module.parent(method) if method is not None else None
    if owner is None or owner is not module.enclosing(writer.target, ast.ClassDef):
        return False
    assert isinstance(method, _FUNCTIONS)
    first = next(iter([*method.args.posonlyargs, *method.args.args]), None)
    return first is not None and ast.unparse(writer.target.value) == first.arg


def _is_made(module: Module, writer: _Writer, after: ast.stmt) -> bool:
    """Tell whether a writer is sure to have been made where a statement is run, and nothing else has its name."""
    if sum(isinstance(use.ctx, ast.Store) for use in writer.uses) != 1:
        return False
    home = frame(module, writer.target)
    if home is frame(module, after):
        return runs_before(module, [writer.target], after)
    constructed = isinstance(writer.target, ast.Name) or getattr(home, "name", "") == "__init__"
    return constructed and surely_runs(module, home.body, [writer.target])


def _may_be_closed(module: Module, writer: _Writer, loop: Loop) -> bool:
    """Tell whether a writer is closed in a loop, or before it."""
    closes = [use for use in writer.uses if _method(module, use) == "close"]
    here = frame(module, loop)
    return any(
        loop in module.ancestors(use) or (frame(module, use) is here and use.lineno < loop.lineno) for use in closes
    )


def _is_default(module: Module, writer: _Writer, after: ast.stmt) -> bool:
    """Tell whether a writer is the default behind a statement."""
    for use in writer.uses:
        method, place = _method(module, use), module.statement(use)
        if method == "as_default" and isinstance(place, ast.With) and place in module.ancestors(after):
            return True
        if (
            method == "set_as_default"
            and frame(module, place) is frame(module, after)
            and runs_before(module, [use], after)
        ):
            return True
    return False


def _summary(module: Module, writer: _Writer, after: ast.stmt) -> tuple[str, tuple[Edit, ...]]:
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
