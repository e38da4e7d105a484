"""Put one number, not a batch of values, into the logs of a callback that is driven by hand.

A loop that calls `callback.on_epoch_end(epoch, logs)` itself must hand over what `fit` would: numbers.
What a callback does with a tensor of several values in its logs:

- TensorBoard raises `Expected scalar shape, saw shape: (4,)`. (A scalar tensor is fine: the loss that a
  Keras loss object returns has shape `()` already, and is left alone.)
- EarlyStopping, ReduceLROnPlateau and ModelCheckpoint(save_best_only=True) raise `The truth value of an
  array with more than one element is ambiguous`; under Keras 3 ModelCheckpoint saves every epoch instead,
  the worse ones too.
- ModelCheckpoint("{loss:.2f}") raises `unsupported format string passed to numpy.ndarray.__format__`.
- CSVLogger raises `Cannot iterate over a scalar tensor` for a scalar tensor, and writes a vector as a list.
- What `strategy.run` returned is one value for each replica, which every callback but History rejects.

Each value that isn't known to be a scalar goes through `tf.reduce_mean`. Integers and booleans, and values
whose type isn't known, are cast first: `tf.reduce_mean` of integers truncates, of booleans raises, and of
half-precision numbers overflows. What `strategy.run` returned goes through `strategy.reduce`, over the
examples (`axis=0`) where each replica holds several, so that replicas with fewer examples weigh less; where
the rank isn't known, flattened, which is right for both; a loss
that `tf.nn.compute_average_loss` has scaled is summed, which is the mean over the global batch. A value for
CSVLogger, or for the file name of ModelCheckpoint, becomes a `float`.

Numbers, metric results, full reductions, text and None stay as they are. So do the program's own dict
and its values where anything but callbacks uses them: the callback is then given a copy.

`unsafe`: a callback that takes vectors today (CSVLogger, History, ProgbarLogger) gets the mean in their
place; and a value of which nothing is known, where it may be a Python number, is rounded to single precision.

Refused: a callback of the project's own whose hook reads the logs; logs that can't be seen; the list of
loss and metrics that `evaluate` returns, whose mean says nothing; a sum that may be scaled by the global
batch size; a strategy that can't be named at the call; logs that the callback itself adds to and the program
reads later.

https://www.tensorflow.org/api_docs/python/tf/keras/callbacks/Callback
https://www.tensorflow.org/api_docs/python/tf/distribute/Strategy#reduce
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from codemods.analysis.callbacks import HOOKS, Driven, driven_hooks
from codemods.analysis.module import Module
from codemods.analysis.naming import tensorflow_name
from codemods.analysis.shapes import Shapes
from codemods.analysis.values import Value
from codemods.engine.codemod import (
    Codemod,
    Edit,
    Example,
    Finding,
    InsertBefore,
    Move,
    Refusal,
    Replace,
    Severity,
)

_LINE = 88  # a new dict that would make a longer line is spread over several

CUSTOM_CALLBACK = Refusal(
    "custom-callback",
    "the callback's own code reads the logs, and may want the values that a mean would take away",
)
UNKNOWN_LOGS = Refusal("unknown-logs", "what the logs hold can't be seen here; it may be text, None or another dict")
UNNAMED_LOGS = Refusal(
    "unnamed-logs",
    "some of the logs need a reduction and others not, and the dict can't be written out here",
)
SEVERAL_RESULTS = Refusal(
    "several-results",
    "`evaluate` and `train_on_batch` return the loss and the metrics in one list, whose mean says nothing; "
    "pick one, or ask for `return_dict=True`",
)
SHARE_OF_BATCH = Refusal(
    "share-of-batch",
    "each replica scales its sum by a number that may be the size of the global batch: then the replicas' "
    "values are to be summed, otherwise averaged",
)
STRATEGY_OUT_OF_REACH = Refusal(
    "strategy-out-of-reach", "the strategy that ran the function has no name where the callback is called"
)
REPLICA_BOOLEANS = Refusal(
    "replica-booleans", "`strategy.reduce` raises for booleans; cast them in the function that it runs"
)
MAY_BE_NONE = Refusal("may-be-none", "the value may be None, which the callback takes and `tf.reduce_mean` not")
SHARED_LOGS = Refusal(
    "shared-logs",
    "the callback adds the learning rate to the dict, and the program reads the dict elsewhere, so that it "
    "can neither be copied nor changed",
)

PER_EXAMPLE = """\
import tensorflow as tf


def train(model, dataset, optimizer):
    loss_fn = tf.keras.losses.MeanSquaredError(reduction="none")
    tensorboard = tf.keras.callbacks.TensorBoard("logs")
    tensorboard.set_model(model)
    for epoch in range(3):
        for x, y in dataset:
            with tf.GradientTape() as tape:
                loss = loss_fn(y, model(x, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        tensorboard.on_epoch_end(epoch, {"loss": loss})
"""
PER_REPLICA = """\
import tensorflow as tf

strategy = tf.distribute.MirroredStrategy()
tensorboard = tf.keras.callbacks.TensorBoard("logs")


def replica_step(x):
    return tf.reduce_mean(x * x)


@tf.function
def train_step(x):
    return strategy.run(replica_step, args=(x,))


def train(model, batches):
    tensorboard.set_model(model)
    for epoch, x in enumerate(batches):
        loss = train_step(x)
        tensorboard.on_epoch_end(epoch, logs={"loss": loss})
"""
OWN_CALLBACK = """\
import tensorflow as tf


class Percentiles(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print(sorted(logs["loss"].numpy())[-1])


def report(epoch, y, predictions):
    Percentiles().on_epoch_end(epoch, {"loss": tf.square(y - tf.reshape(predictions, [-1]))})
"""


class ReduceCallbackLogs(Codemod):
    """Finds values in the logs of callbacks driven by hand that aren't known to be scalars."""

    triggers = tuple(hook.encode() for hook in HOOKS)
    # Called on something, not defined; what stands between may be a line's end, in a notebook's JSON too.
    pattern = re.compile(rb"\.(?:[\s\\\",]|\\n)*(?:%s)\b" % b"|".join(triggers))
    refusals = (
        CUSTOM_CALLBACK,
        UNKNOWN_LOGS,
        UNNAMED_LOGS,
        SEVERAL_RESULTS,
        SHARE_OF_BATCH,
        STRATEGY_OUT_OF_REACH,
        REPLICA_BOOLEANS,
        MAY_BE_NONE,
        SHARED_LOGS,
    )
    examples = (
        Example(
            before=PER_EXAMPLE,
            after=PER_EXAMPLE.replace('{"loss": loss}', '{"loss": tf.reduce_mean(loss)}'),
        ),
        Example(
            before=PER_REPLICA,
            after=PER_REPLICA.replace(
                '{"loss": loss}',
                '{"loss": strategy.reduce(tf.distribute.ReduceOp.MEAN, loss, axis=None)}',
            ),
        ),
        Example(before=OWN_CALLBACK, refusal=CUSTOM_CALLBACK),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield a finding for each value, or for logs that can only be reduced as a whole."""
        shapes = Shapes(module)
        calls = list(driven_hooks(module, shapes))
        private: dict[ast.expr, Driven] = {}
        for driven in calls:
            values = _values(module, driven.logs, [other.logs for other in calls])
            if values is None:
                yield from _copied(module, shapes, driven)
            for node in values or ():
                before = private.get(node)
                uses = (*before.uses, *driven.uses) if before is not None else driven.uses
                private[node] = replace(driven, uses=uses)
        for node, driven in private.items():
            yield from _in_place(module, shapes, node, driven)


# Where the values stand. ---------------------------------------------------------------------------


def _values(module: Module, logs: ast.expr, all_logs: Sequence[ast.expr]) -> list[ast.expr] | None:
    """Return the expressions that make up logs which only callbacks see; None where there are others.

    A spread ``**other`` of a display counts as one expression.
    """
    if isinstance(logs, ast.Dict):
        return list(logs.values)
    if isinstance(logs, ast.DictComp):
        return [logs.value]
    if isinstance(logs, ast.Call) and module.resolve(logs.func) == "builtins.dict" and not logs.args:
        return [keyword.value for keyword in logs.keywords]
    if isinstance(logs, ast.Name):
        return _own_values(module, logs, all_logs)
    return None


def _own_values(module: Module, logs: ast.Name, all_logs: Sequence[ast.expr]) -> list[ast.expr] | None:
    scope = module.scope(logs).lookup(logs.id)
    if scope is None or module.scope(logs) is not scope or not isinstance(scope.node, (ast.Module, ast.FunctionDef)):
        return None
    if isinstance(scope.node, ast.Module) and scope.node is not module.tree:
        return None
    values: list[ast.expr] = []
    for binding in scope.bindings[logs.id]:
        display = binding.value
        statement = module.parent(binding.node)
        if not isinstance(display, (ast.Dict, ast.DictComp, ast.Call)) or not isinstance(
            statement, (ast.Assign, ast.AnnAssign)
        ):
            return None
        if isinstance(statement, ast.Assign) and len(statement.targets) > 1:
            return None
        found = _values(module, display, ())
        if found is None:
            return None
        values += found
    for use in module.uses(scope, logs.id):
        if not isinstance(use.ctx, ast.Load) or use in all_logs:
            continue
        item = module.parent(use)
        statement = module.parent(item) if item is not None else None
        if not (isinstance(item, ast.Subscript) and isinstance(statement, ast.Assign) and statement.targets == [item]):
            return None
        values.append(statement.value)
    return values


def _key(module: Module, node: ast.expr) -> str | None:
    """Return the constant key under which an expression stands in its logs."""
    parent = module.parent(node)
    key: ast.expr | None = None
    if isinstance(parent, ast.Dict):
        key = parent.keys[parent.values.index(node)]
    elif isinstance(parent, ast.keyword):
        return parent.arg
    elif isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Subscript):
        key = parent.targets[0].slice
    return str(key.value) if isinstance(key, ast.Constant) else None


def _is_spread(module: Module, node: ast.expr) -> bool:
    parent = module.parent(node)
    if isinstance(parent, ast.Dict):
        return parent.keys[parent.values.index(node)] is None
    return isinstance(parent, ast.keyword) and parent.arg is None


# What becomes of a value. --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Verdict:
    """What is to be done with a value: code around it, or a refusal."""

    severity: Severity
    before: str = ""
    after: str = ""
    refusal: Refusal | None = None
    unsafe: str | None = None


def _verdict(module: Module, value: Value, key: str | None, driven: Driven, tensorflow: str) -> _Verdict | None:
    """Return what is to be done with a value, None where it is left as it is."""
    uses = driven.uses
    raising = [use for use in uses if use.raises and (key is None or use.raises.match(key))]
    taking = [use for use in uses if use.takes]
    custom = any(use.custom for use in uses)
    floats = any(use.floats and (key is None or use.floats.match(key)) for use in uses)
    if value.kind == "results":
        return _Verdict(Severity.WARNING, refusal=SEVERAL_RESULTS) if raising else None
    if value.kind not in ("replicas", "unknown") and not value.numeric:
        return None
    if value.scalar:
        needed = floats and (value.kind in ("tensor", "variable"))
        if not needed or (value.kind == "tensor" and not taking):
            return None  # only CSVLogger and its like can't take a scalar tensor
        return _Verdict(Severity.ERROR, "float(", ")", MAY_BE_NONE if value.optional else None)
    several = value.batch or value.kind == "replicas"
    if custom:
        return _Verdict(Severity.WARNING, refusal=CUSTOM_CALLBACK) if several else None
    severity = Severity.NOTE
    if raising:
        severity = Severity.ERROR if several else Severity.WARNING
    elif taking and not value.batch:
        severity = Severity.WARNING
    tolerant = any(not use.tensorboard for use in (*raising, *taking))
    if value.optional and tolerant:
        return _Verdict(severity, refusal=MAY_BE_NONE)
    code = _reduction(module, value, driven.call, tensorflow)
    if isinstance(code, Refusal):
        return _Verdict(severity, refusal=code)
    before, after = code
    if floats:
        before, after = "float(" + before, after + ")"
    unsafe = None
    if taking and not (raising and several):
        unsafe = f"{taking[0].name} takes several values today, and gets their mean in their place"
    elif not several and tolerant and not (value.kind == "tensor" and value.dtype == "float"):
        unsafe = "a Python number in its place would be rounded to single precision, and become a tensor"
    return _Verdict(severity, before, after, unsafe=unsafe)


def _as_list(value: Value) -> Value:
    """Return a tuple of numbers as what TensorFlow sees in it."""
    if value.kind != "tuple":
        return value
    parts = [part for _, part in value.items] + ([value.element] if value.element is not None else [])
    if not parts or not all(part.numeric for part in parts):
        return value
    dtypes = {part.dtype for part in parts}
    return Value("list", 1, None, dtypes.pop() if len(dtypes) == 1 else None)


def _reduction(module: Module, value: Value, call: ast.Call, tensorflow: str) -> tuple[str, str] | Refusal:
    """Return the code before and behind a value that makes it one number."""
    mean, cast = (f"{tensorflow}.reduce_mean(", ")"), (f"{tensorflow}.cast(", f", {tensorflow}.float32)")
    if value.kind != "replicas":
        return mean if value.dtype == "float" else (mean[0] + cast[0], cast[1] + mean[1])
    if value.dtype == "bool":
        return REPLICA_BOOLEANS
    if value.share == "maybe":
        return SHARE_OF_BATCH
    strategy = _reachable(module, value.strategy, call)
    if strategy is None:
        return STRATEGY_OUT_OF_REACH
    op = "SUM" if value.share == "yes" else "MEAN"
    before = f"{strategy}.reduce({tensorflow}.distribute.ReduceOp.{op}, "
    if value.high == 0:
        return before, ", axis=None)"
    if value.low == 0:
        # Flat on each replica, one value or many of them count alike, however many there are.
        return f"{before}{strategy}.run({tensorflow}.reshape, args=(", ", [-1])), axis=0)"
    after = ", axis=0)"
    return (before, after) if value.high == 1 else (mean[0] + before, after + mean[1])


def _reachable(module: Module, strategy: ast.expr | None, call: ast.Call) -> str | None:
    """Return how a strategy is written at a call, if it means the same there."""
    if strategy is None or module.parent(strategy) is None:
        return None
    root: ast.expr = strategy
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name):
        return None
    here, there = module.scope(call).lookup(root.id), module.scope(strategy).lookup(root.id)
    if here is None or there is None:
        return None
    if here is there:
        return module.source(strategy)
    same = module.enclosing(call, ast.ClassDef) is module.enclosing(strategy, ast.ClassDef) is not None
    methods = root.id == "self" and root is not strategy
    return module.source(strategy) if same and methods else None


# The findings. -------------------------------------------------------------------------------------


def _in_place(module: Module, shapes: Shapes, node: ast.expr, driven: Driven) -> Iterator[Finding]:
    """Yield the finding of a value that stands in logs which only callbacks see."""
    if _is_spread(module, node):
        yield from _copied(module, shapes, replace(driven, logs=node))
        return
    tensorflow, imports = tensorflow_name(module, driven.call)
    value = _as_list(shapes.value(node))
    key = _key(module, node)
    verdict = _verdict(module, value, key, driven, tensorflow)
    if verdict is None:
        return
    code = (verdict.before, Move(node), verdict.after)
    message = _message(driven, value, verdict, key)
    yield _finding(node, message, verdict, [Replace(node, code)], imports)


def _copied(module: Module, shapes: Shapes, driven: Driven) -> Iterator[Finding]:
    """Yield the finding of logs that the program has other uses for: the callback gets a copy."""
    logs = driven.logs
    value = shapes.value(logs)
    if value.kind in ("none", "bottom"):
        return
    if value.kind != "dict" or (not value.items and value.element is None):
        if value.kind == "unknown" and not _given_by_keras(module, logs) and not _only_custom(driven):
            yield Finding(
                logs,
                f"{_names(driven)} raises where one of these logs isn't a scalar",
                Severity.NOTE,
                refusal=UNKNOWN_LOGS,
            )
        return
    tensorflow, imports = tensorflow_name(module, driven.call)
    replaced = _overridden(module, logs)
    items = [(str(key), _as_list(item)) for key, item in value.items if key not in replaced]
    rest = [("", _as_list(value.element))] if value.element is not None else []
    verdicts = [
        (key, item, verdict)
        for key, item in (*items, *rest)
        if item is not None
        and (verdict := _verdict(module, item, key or None, driven, tensorflow)) is not None
        and not (item.kind == "unknown" and rest)
    ]
    if not verdicts:
        return
    worst = max(verdicts, key=lambda found: (found[2].refusal is not None, found[2].severity))
    verdict = worst[2]
    if verdict.refusal is None and any(use.adds for use in driven.uses):
        verdict = replace(verdict, refusal=SHARED_LOGS)
    edits = _copy(module, driven, value, verdicts)
    if verdict.refusal is None and not edits:
        verdict = replace(verdict, refusal=UNNAMED_LOGS)
    unsafe = next((found[2].unsafe for found in verdicts if found[2].unsafe), None)
    verdict = replace(verdict, unsafe=unsafe)
    message = _message(driven, worst[1], verdict, worst[0] or None)
    yield _finding(logs, message, verdict, edits, imports)


def _overridden(module: Module, logs: ast.expr) -> set[object]:
    """Return the keys of a spread ``**logs`` that the display gives other values."""
    display = module.parent(logs)
    if not isinstance(display, ast.Dict):
        return set()
    behind = display.keys[display.values.index(logs) + 1 :]
    return {key.value for key in behind if isinstance(key, ast.Constant)}


def _copy(module: Module, driven: Driven, value: Value, verdicts: Sequence[tuple[str, Value, _Verdict]]) -> list[Edit]:
    """Return the edits that give the callback a dict with the values reduced, none if it can't be written."""
    logs = driven.logs
    total = len(value.items) + (value.element is not None)
    ways = {(verdict.before, verdict.after) for _, _, verdict in verdicts}
    if len(verdicts) == total and len(ways) == 1:
        before, after = ways.pop()
        opening, between, closing = _layout(module, logs, len(before) + len(module.source(logs)) + 60)
        loop = f"{opening}name: {before}value{after}{between or ' '}for name, value in "
        return [Replace(logs, (loop, Move(logs), f".items(){closing}"))]
    if _is_spread(module, logs) or not all(
        key in dict(value.items) and key not in value.uncertain for key, _, _ in verdicts
    ):
        return []
    edits: list[Edit] = []
    name = module.source(logs)
    if not isinstance(logs, (ast.Name, ast.Attribute)):
        name = "logs"
        statement = module.statement(driven.call)
        others = [argument for argument in driven.call.args if argument is not logs]
        if (
            module.parent(driven.call) is not statement
            or not isinstance(statement, ast.Expr)
            or module.scope(logs).lookup(name) is not None
            or not all(isinstance(other, (ast.Name, ast.Constant)) for other in others)
        ):
            return []
        edits.append(InsertBefore(statement, (f"{name} = ", Move(logs))))
    quote = "'" if module.text.count("'") > module.text.count('"') else '"'
    parts = [
        f"{quote}{key}{quote}: {verdict.before}{name}[{quote}{key}{quote}]{verdict.after}"
        for key, _, verdict in verdicts
    ]
    parts.insert(0, f"**{name}")
    opening, between, closing = _layout(module, logs, sum(map(len, parts)))
    comma = "," if between else ""
    return [*edits, Replace(logs, opening + f",{between or ' '}".join(parts) + comma + closing)]


def _layout(module: Module, node: ast.expr, length: int) -> tuple[str, str, str]:
    """Return how a new dict opens, separates its parts and closes: on lines of their own if it is long."""
    if node.col_offset + length <= _LINE:
        return "{", "", "}"
    line = module.lines[module.statement(node).lineno - 1]
    inner = "\t" if line.startswith("\t") else "    "
    return f"{{\n{inner}", f"\n{inner}", "\n}"


def _given_by_keras(module: Module, logs: ast.expr) -> bool:
    """Return whether logs are those that a hook of the project's own callback was given."""
    function = module.function(logs)
    return (
        isinstance(logs, ast.Name)
        and function is not None
        and isinstance(module.parent(function), ast.ClassDef)
        and function.name.startswith("on_")
        and any(isinstance(binding.node, ast.arg) for binding in module.bindings(logs))
    )


def _only_custom(driven: Driven) -> bool:
    return any(use.custom for use in driven.uses) or not any(use.raises for use in driven.uses)


def _names(driven: Driven) -> str:
    return ", ".join(dict.fromkeys(use.name for use in driven.uses if use.name))


def _finding(
    node: ast.expr, message: str, verdict: _Verdict, edits: Iterable[Edit], imports: tuple[Edit, ...]
) -> Finding:
    if verdict.refusal is not None:
        return Finding(node, message, verdict.severity, refusal=verdict.refusal)
    needs = not verdict.before.startswith("float(") or "reduce" in verdict.before
    return Finding(node, message, verdict.severity, (*edits, *(imports if needs else ())), unsafe=verdict.unsafe)


def _message(driven: Driven, value: Value, verdict: _Verdict, key: str | None) -> str:
    name = f"`{key}`" if key else "a value"
    if value.scalar:
        callback = next(use.name for use in driven.uses if use.floats)
        return f"{callback} raises `Cannot iterate over a scalar tensor` or can't format it: {name} becomes a `float`"
    if value.kind == "replicas":
        what = f"{name} is what `strategy.run` returned, a value for each replica"
    elif value.kind == "results":
        what = f"{name} is the list of the loss and the metrics"
    elif value.batch:
        what = f"{name} holds several values"
    else:
        what = f"{name} isn't known to be a scalar"
    raising = [use for use in driven.uses if use.raises and (key is None or use.raises.match(key))]
    taking = [use for use in driven.uses if use.takes]
    first = next((use for use in raising if use.tensorboard), (*raising, *taking, *driven.uses)[0])
    if first.tensorboard:
        effect = "raises `Expected scalar shape` for anything but a scalar"
    elif raising:
        effect = "compares or formats it as one number"
    elif taking:
        effect = "records it as it is"
    elif any(use.custom for use in driven.uses):
        effect = "reads it in code of its own"
    else:
        effect = "doesn't read it here"
    how = "" if verdict.refusal else ", and its mean takes its place"
    return f"{what}; {first.name or 'a callback'} {effect}{how}"
