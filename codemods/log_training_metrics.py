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
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.analysis.endings import importers
from codemods.analysis.in_reach import parameter_for
from codemods.analysis.module import Module
from codemods.analysis.naming import tensorflow_name
from codemods.analysis.path_ends import quote
from codemods.analysis.places import Loop, frame, runs_before, surely_runs
from codemods.analysis.shapes import Shapes
from codemods.analysis.tracing import is_traced
from codemods.analysis.writers import Creation, creations
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
        idle = [_idle(module, one) for one in created]
        writers = [writer for writer in idle if writer is not None]
        if len(writers) < len(idle):
            return
        loops = trainings(module)
        if not loops or any(_records(where, node) for loop in loops for where, node in loop.reached):
            return
        plans = _plans(module, writers, loops)
        for writer in writers:
            message = f"Nothing is ever written by `{_text(writer.holders[0])}`, and its event file stays empty"
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
    return summary_name(module, node) is not None or (module.resolve(node.func) or "").startswith("tensorboard.")


# The writer. -----------------------------------------------------------------------------------------------


_Holder = ast.Name | ast.Attribute | ast.arg


@dataclass(frozen=True, eq=False)
class _Writer:
    """A file writer that nothing writes to.

    Attributes:
        created: the call that makes it.
        holders: the names, attributes of ``self`` and parameters that hold it, the first of which it is made for.
        uses: what is done with it, none of which records anything.
    """

    created: Creation
    holders: tuple[_Holder, ...]
    uses: tuple[ast.expr, ...]

    @property
    def words(self) -> set[str]:
        """The words of its name and of its folder's."""
        folder = [ast.unparse(argument) for argument in self.created.arguments]
        return set(re.findall("[a-z]+", " ".join([_text(self.holders[0]), *folder]).lower()))


def _text(holder: _Holder) -> str:
    return holder.arg if isinstance(holder, ast.arg) else ast.unparse(holder)


def _idle(module: Module, created: Creation) -> _Writer | None:
    """Return a writer that nothing uses; None where anything does, or may."""
    first = _held_by(module, created.call)
    holders = [first] if first is not None else []
    uses: list[ast.expr] = []
    for holder in holders:  # which grows
        loads = _loads(module, holder)
        if loads is None:
            return None
        for load in loads:
            other = _held_by(module, load)
            if other is not None:
                holders += [other] if other not in holders else []
            elif _method(module, load) in _SILENT:
                uses.append(load)
            else:
                return None
    by_default = any(_method(module, use) in _DEFAULT for use in uses)
    if not holders or (by_default and not _imports_nothing_that_writes(module)):
        return None
    return _Writer(created, tuple(holders), tuple(uses))


def _loads(module: Module, holder: _Holder) -> list[ast.expr] | None:
    """Return where what a name holds is read; None where other modules may read it."""
    if isinstance(holder, ast.Attribute):
        project = module.project
        if project is not None and set(project.mentioning(f".{holder.attr}")) - {module.path}:
            return None
        return [node for node in module.attributes[holder.attr] if not isinstance(node.ctx, ast.Store)]
    name = holder.arg if isinstance(holder, ast.arg) else holder.id
    scope = module.scope(holder).lookup(name)
    if scope is None or (scope.parent is None and any(importers(module, name))):
        return None
    return [use for use in module.uses(scope, name) if not isinstance(use.ctx, ast.Store)]


def _held_by(module: Module, load: ast.expr) -> _Holder | None:
    """Return what is made to hold a writer: a name, an attribute, the parameter of a function that is given it."""
    parent = module.parent(load)
    match parent:
        case ast.Assign([(ast.Name() | ast.Attribute()) as target]) | ast.AnnAssign(
            (ast.Name() | ast.Attribute()) as target
        ):
            return target
    call = module.parent(parent) if isinstance(parent, ast.keyword) else parent
    return parameter_for(module, call, load) if isinstance(call, ast.Call) and call.func is not load else None


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


def _plans(module: Module, writers: list[_Writer], loops: list[Training]) -> dict[_Writer, _Plan] | Refusal:
    """Return what each writer is given to write, or why none is."""
    hosted = [one for one in loops if not is_traced(module, one.loop)]
    counting = epochs(hosted)
    if not counting:
        return NO_EPOCH if hosted else TRACED
    seen = [one for one in counting if all(_holder(module, writer, one.loop) is not None for writer in writers)]
    if len(seen) != 1:
        return SEVERAL_LOOPS if seen else OUT_OF_REACH
    if any(_WORKERS.fullmatch(module.resolve(call.func) or "") for call in module.find_all(ast.Call)):
        return SEVERAL_WORKERS
    epoch = seen[0]
    groups = Scalars(module, Shapes(module), epoch).groups()
    if not groups:
        return NO_SCALAR
    for writer in writers:
        made = all(_is_made(module, writer, after) for after, _ in groups)
        if not made or _may_be_closed(module, writer, epoch.loop):
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


def _chosen(writers: list[_Writer], scalar: Scalar) -> _Writer | None:
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
    module: Module, writer: _Writer, epoch: Training, after: ast.stmt, scalars: dict[str, Scalar]
) -> Iterator[Edit]:
    """Yield what writes some scalars behind a statement."""
    holder = _holder(module, writer, after)
    assert holder is not None
    summary, imports = _summary(module, writer, after)
    lines = [
        f"{summary}.scalar({one.key or _quoted(module, tag)}, {_source(module, one)}, step={epoch.step})"
        for tag, one in scalars.items()
    ]
    if not _is_default(module, writer, after):
        lines = [f"with {_text(holder)}.as_default():", *(f"    {line}" for line in lines)]
    yield InsertAfter(after, "\n".join(lines))
    yield from imports


def _holder(module: Module, writer: _Writer, node: ast.AST) -> _Holder | None:
    """Return what holds a writer where a node stands: a global variable, if nothing nearer does."""
    nearest = sorted(writer.holders, key=lambda holder: isinstance(holder, ast.Name))
    return next((holder for holder in nearest if _is_seen_from(module, holder, node)), None)


def _is_seen_from(module: Module, holder: _Holder, node: ast.AST) -> bool:
    if not isinstance(holder, ast.Attribute):
        return module.scope(node).lookup(_text(holder)) is module.scope(holder).lookup(_text(holder))
    method = module.function(node)
    owner = module.parent(method) if method is not None else None
    if method is None or owner is None or owner is not module.enclosing(holder, ast.ClassDef):
        return False
    first = next(iter([*method.args.posonlyargs, *method.args.args]), None)
    return first is not None and ast.unparse(holder.value) == first.arg


def _is_made(module: Module, writer: _Writer, after: ast.stmt) -> bool:
    """Tell whether what holds a writer is sure to hold it where a statement is run, and never holds anything else."""
    holder = _holder(module, writer, after)
    if isinstance(holder, ast.arg):
        function = module.function(holder)
        calls = Shapes(module).calls(function) if function is not None else None
        return calls is not None and len(calls) == 1
    assert holder is not None
    stores: list[ast.AST]
    if isinstance(holder, ast.Attribute):
        stores = [node for node in module.attributes[holder.attr] if isinstance(node.ctx, ast.Store)]
    else:
        stores = [binding.node for binding in module.bindings(holder)]
    home = frame(module, holder)
    if len(stores) != 1:
        return False
    if home is frame(module, after):
        return runs_before(module, [holder], after)
    constructed = isinstance(holder, ast.Name) or getattr(home, "name", "") == "__init__"
    return constructed and surely_runs(module, home.body, [holder])


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
