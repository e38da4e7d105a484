"""Write summaries on the host, from values that the traced function returns.

What it does: a `tf.summary` call inside a function that TensorFlow traces becomes part of a graph.
The codemod lets the function return the value instead, and writes the summary where Python runs:
behind the call, where there is one call and the block can follow it, and otherwise in a function of
the same name and signature that calls the traced one.

Why: a graph keeps the writer that was the default when it was traced. Where there was none,
TensorFlow drops the summary without a word, on every later call too, even under a writer. A second
writer never gets anything. A step that is a Python number is fixed at the first trace, or makes
TensorFlow trace the function again for every step (about 200 times slower). With `jit_compile=True`
the function raises, since XLA has no kernel for writing summaries; what is exported with a writer in
it fails with `untracked resource`.

What stays the same: log folder, tag, step, kind and value of every event, bit for bit, what the
program computes and what it prints. The value recorded is the one at the point where the summary
stood: it is computed there and returned, and a variable that changes later, such as
`optimizer.iterations` before `apply_gradients`, is returned as it was. Name scopes and `record_if`
go along. Run before and after with the rounding-changing passes of the graph optimizer off to
compare bit for bit: with them on, a function that returns one value more may round one addition
differently in the last bit.

What is repaired: events that were dropped are recorded, with the only writer in reach; steps that
were fixed at the trace count on; `jit_compile=True` no longer raises.

In several places the function may return: each `return` gets the value, and None where it isn't made.
In a loop that does more than write summaries each turn adds its values to a list, or to a
`tf.TensorArray` where the loop may become part of the graph, and the host goes over these. An array
holds scalars only, as the shape of anything else may change from turn to turn; XLA can't compile it.

In a comprehension, in `tf.cond`, or in `... if ... else None`, with nothing else in it and its result
unused: the host has a loop or a condition for it.

In a function that traced code calls: one that only writes summaries stays as it is, and is called
behind the traced call. One that computes as well returns the values to the code that calls it, and so
on up to the traced function; where the host calls it too, the traced part is called `_traced_NAME`, and
what has the old name calls it and writes. It is also split like that where traced code of another module
calls it, which then imports `_traced_NAME` and writes: both files have to be in the run. In replicas,
under `strategy.run`, the values come back from the first one by `experimental_local_results`, since no
other writes; a mean would be another number.

In an object that traced code calls, as `module(x)`: its `__call__` is such a function. So is `call` of a
Keras layer or model, where a training step of the program's own calls it: what it returns more is taken
apart where the layer is called. That is refused as `keras-call` where a call may be out of sight (in
`Sequential`, under `fit`, in what is saved), and for a class of several layers, whose tags would be one.

What is unsafe: under a condition on a tensor TensorFlow puts `cond/` before the tag, numbered by all
conditions before it, and also behind an early `return` under such a condition; in a loop it puts
`while/` there, unless the loop goes over a dataset; Keras puts the names of model and layer before the tags
of a layer, `net/layer/` in Keras 2 and `net_1/layer_1/` in Keras 3. On the host the tag is what the code says.
Called under several writers, a graph goes on to write to that of its first trace: what a test step has to
say ends up in the folder of the training. On the host each call writes to the writer around it. Where a
constant keeps the calls from sharing a trace, as `training=True`, they do so today, and nothing changes.

What it costs: a scalar written on the host costs 0.2 to 0.3 ms a call, a histogram or an image 3 to
5 ms. It is not faster than in the graph. To write every hundredth step only, put the block under
`if step % 100 == 0:`.

Some articles say that a summary in a training step keeps a Keras model from being saved, and cure
it by writing with `step=optimizer.iterations` behind the call. It does not, as long as the step is
no part of what is saved, and that cure moves every step by one; here the step is returned as it was.

https://www.tensorflow.org/api_docs/python/tf/summary
https://www.tensorflow.org/guide/function
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from codemods.analysis.module import Function, Module
from codemods.analysis.objects import runs_on_host
from codemods.analysis.places import start
from codemods.analysis.tracing import Reference, Traced, is_traced
from codemods.engine.codemod import Codemod, Edit, Example, Finding, Refusal, Rewrite, Severity
from codemods.summaries.elsewhere import Split, Taken, calls_elsewhere, split, split_elsewhere
from codemods.summaries.emit import Emitter, Placement
from codemods.summaries.fitting import fit_in_sight
from codemods.summaries.helpers import Body, HelperCall, Helpers
from codemods.summaries.lift import ELSEWHERE, HELPER, applied, calls_of_others, lifted
from codemods.summaries.lift import REFUSALS as LIFT_REFUSALS
from codemods.summaries.moves import Move, RefusedError
from codemods.summaries.ops import summary_name
from codemods.summaries.plan import TracedBody
from codemods.summaries.refusals import (
    BRANCH,
    EXPORTED,
    KERAS_METHOD,
    LOST,
    NAME_SCOPE,
    NESTED,
    NO_WRITER,
    REFUSALS,
    RESULT_USED,
    UNPACKED,
)
from codemods.summaries.spread import Spread, spread
from codemods.summaries.writers import writer_items

_BEFORE = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x))
        tf.summary.scalar("loss", loss, step=optimizer.iterations)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


with writer.as_default():
    for x, y in dataset:
        loss = train_step(x, y)
"""
_AFTER = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x))
        iterations = tf.identity(optimizer.iterations)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss, iterations


with writer.as_default():
    for x, y in dataset:
        loss, iterations = train_step(x, y)
        tf.summary.scalar("loss", loss, step=iterations)
"""
_LOST_BEFORE = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


@tf.function
def evaluate(x, step):
    tf.summary.histogram("outputs", model(x), step=step)


for step, x in enumerate(dataset):
    evaluate(x, step)
"""
_LOST_AFTER = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


@tf.function
def evaluate(x):
    outputs = model(x)
    return outputs


for step, x in enumerate(dataset):
    outputs = evaluate(x)
    with writer.as_default():
        tf.summary.histogram("outputs", outputs, step=step)
"""
_CONDITION = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


@tf.function
def train_step(x):
    loss = compute_loss(x)
    if loss > 1.0:
        tf.summary.scalar("large_loss", loss, step=optimizer.iterations)
    return loss


with writer.as_default():
    for x in dataset:
        loss = train_step(x)
"""
_CONDITION_AFTER = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


@tf.function
def train_step(x):
    loss = compute_loss(x)
    record = loss > 1.0
    return loss, record


with writer.as_default():
    for x in dataset:
        loss, record = train_step(x)
        if record:
            tf.summary.scalar("large_loss", loss, step=optimizer.iterations)
"""
_BRANCH = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


@tf.function
def train_step(x):
    loss = compute_loss(x)
    if loss > 1.0:
        excess = loss - 1.0
        with writer.as_default():
            tf.summary.scalar("excess", excess, step=optimizer.iterations)
    return loss
"""


class MoveSummariesToHost(Codemod):
    """Moves ``tf.summary`` calls out of traced functions."""

    triggers = (b"summary", b"function")
    # Neither `model.summary()`, nor `tf.summary.merge_all`, nor a word of a sentence; or a traced function,
    # which may call one of another module that writes summaries.
    pattern = re.compile(
        rb"summary(?:_v2|_ops_v2)?\b"
        rb"(?!\s*\(|\s*\.\s*(?!(?:scalar|histogram|image|audio|text|write|graph|trace_export|mesh)\b)\w"
        rb"| (?!(?:as|import|if|else|and|or|for|in|is|not)\b)[A-Za-z])"
        rb"|(?<=\w)\.function\b|import[^\n]*\bfunction\b"
    )
    refusals = (*LIFT_REFUSALS, *REFUSALS)
    examples = (
        Example(_BEFORE, _AFTER),
        Example(_LOST_BEFORE, _LOST_AFTER),
        Example(_CONDITION, _CONDITION_AFTER, unsafe=True),
        Example(_BRANCH, refusal=BRANCH),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield a finding for each summary in traced code."""
        yield from _found(module)

    def rewrites(self, module: Module, findings: Sequence[Finding]) -> Iterable[Rewrite]:
        """Return one rewrite for each traced function: all its summaries together.

        Summaries that a traced function calls come first, one step nearer to the host in each pass.
        """
        helpers = Helpers(module)
        lift = next((finding for finding in findings if finding.edits), None)
        if lift is not None:
            together = {finding.node for finding in _found(module) if finding.edits == lift.edits}
            if together <= {finding.node for finding in findings}:
                return [Rewrite(tuple(findings), lift.edits)]
        return _placements(module, findings, helpers)


def _placements(module: Module, findings: Sequence[Finding], helpers: Helpers) -> Iterator[Rewrite]:
    wanted = {finding.node: finding for finding in findings}
    for item in helpers.traced.values():
        body = Body(module, item)
        calls = [node for node in module.find_all(ast.Call) if node in wanted and node in body.own]
        if calls:
            try:
                placement, _ = _placement(body, calls, helpers)
            except RefusedError:
                continue  # the engine reports it: what is left of the function can't be rewritten
            yield Rewrite(tuple(wanted[call] for call in calls), tuple(placement.edits))


def _found(module: Module) -> list[Finding]:
    helpers = Helpers(module)
    groups = _groups(module, helpers)
    refused: dict[Function | None, RefusedError] = {}
    found: list[Finding] = []
    steps: list[list[Finding]] = []
    for call, part, needs in _calls_to_split(module, helpers):
        try:
            steps.append(_taken(module, helpers, call, part, needs))
        except RefusedError as error:
            found.append(_refused(module, call, error.refusal, error.detail))
        if steps and _is_safe(steps[-1]):
            return steps[-1]
    for call in (call for calls in groups.values() for call in calls):
        statements = spread(module, call)
        if statements is not None:
            with contextlib.suppress(RefusedError):  # then it says what is wrong with the expression
                steps.append(_spread(module, helpers, statements))
            if steps and _is_safe(steps[-1]):
                return steps[-1]
    for function, calls in groups.items():
        if function is not None and _is_called(helpers, function):
            try:
                steps.append(_lifted(module, helpers, function, calls, calls))
            except RefusedError as error:
                refused[function] = error
            if steps and _is_safe(steps[-1]):
                return steps[-1]
    if steps:
        return steps[0]
    for function, calls in groups.items():
        traced = helpers.traced.get(function) if function is not None else None
        if traced is not None and function not in refused:
            found += _findings(module, traced, calls, helpers)
        else:
            reason = refused.get(function, RefusedError(HELPER))
            found += [_refused(module, call, reason.refusal, reason.detail, traced) for call in calls]
    stays = {finding.node for finding in found if finding.refusal is not None}
    for helper, uses in helpers.called(call for calls in groups.values() for call in calls).items():
        if not stays.isdisjoint(uses) and helper.body.module is module:
            # The helper can't move as a whole, but perhaps what it writes can.
            with contextlib.suppress(RefusedError):
                inside = [move.summary.call for move in helper.moves]
                return _lifted(module, helpers, helper.body.function, inside, uses)
    return found


def _is_safe(found: Sequence[Finding]) -> bool:
    """Tell whether a step is made without ``--unsafe`` too; one that isn't would keep the others back."""
    return all(finding.unsafe is None for finding in found if finding.edits)


def _is_called(helpers: Helpers, function: Function) -> bool:
    """Tell whether a function is run by traced code, or in replicas, and not just by the host."""
    traced = helpers.traced.get(function)
    if traced is None:
        return True
    return any(
        r.replicated or (r.call and is_traced(r.module, r.call)) for r in Body(helpers.module, traced).references
    )


def _lifted(
    module: Module, helpers: Helpers, function: Function, calls: Sequence[ast.Call], nodes: Collection[ast.Call]
) -> list[Finding]:
    """Return all findings, with a step that brings the summaries of one function nearer to the host.

    Args:
        module: the module.
        helpers: its helpers.
        function: the function.
        calls: its summaries.
        nodes: what is found instead: the summaries, or the calls of the function.

    Raises:
        RefusedError: they can't be brought to the host.
    """
    owner = module.parent(function)
    traced = helpers.traced.get(function) or Traced(function, owner if isinstance(owner, ast.ClassDef) else None, {})
    edits, lost = lifted(helpers, traced, calls)
    others = calls_of_others(module, traced)
    with _edited(module, edits) as after:
        found, results = _later(module, helpers, after, nodes)
        taken = _taken_by(others)
    here = any(r.module is module and is_traced(r.module, r.node) for r in Body(module, traced).references)
    if not results and here:
        raise RefusedError(KERAS_METHOD)  # where another codemod finds it
    helps: tuple[str, ...] = ()
    if others and not here:
        results = [finding for _, finding in taken]
        helps = tuple(sorted({path for path, _ in taken}))
    each = results or [_in_replicas(traced, lost)]
    if len(each) != len(nodes):
        each = each[:1] * len(nodes)
    unsafe = next((finding.unsafe for finding in results if finding.unsafe), None)
    if Body(module, traced).layer_call and any((one := helpers.summary(call)) and one.scoped for call in calls):
        unsafe = (
            "in a graph Keras puts the names of the model and the layer before the tag; "
            "on the host the tag is what the code says"
        )
    if unsafe is not None:
        found = [each if _by_itself(module, each, helpers) else replace(each, unsafe=unsafe) for each in found]
    return found + [
        replace(finding, node=call, edits=edits, unsafe=unsafe, needs=(), helps=helps)
        for call, finding in zip(nodes, each, strict=True)
    ]


def _spread(module: Module, helpers: Helpers, statements: Spread) -> list[Finding]:
    """Return all findings, with a step that says by statements what an expression does.

    Raises:
        RefusedError: the summaries in it can't be brought to the host all the same.
    """
    with _edited(module, statements.edits) as after:
        found, results = _later(module, helpers, after, statements.calls)
    if len(results) != len(statements.calls):
        raise RefusedError(RESULT_USED)
    unsafe = next((finding.unsafe for finding in results if finding.unsafe), None)
    results.sort(key=lambda finding: start(finding.node))
    return found + [
        replace(finding, node=call, edits=statements.edits, unsafe=unsafe, needs=(), helps=())
        for call, finding in zip(statements.calls, results, strict=True)
    ]


def _calls_to_split(module: Module, helpers: Helpers) -> Iterator[tuple[ast.Call, Split, tuple[str, ...]]]:
    """Yield the calls in traced code of functions of other modules that are split, or will be in this run."""
    for call, there, function in calls_elsewhere(module):
        found = split_elsewhere(there, function) if helpers.summary(call) is None else None
        if found is not None and not Taken(module, call, found[0]).writes_nothing:
            yield call, *found


def _taken(module: Module, helpers: Helpers, call: ast.Call, part: Split, needs: tuple[str, ...]) -> list[Finding]:
    """Return all findings, with a step by which a call of a function of another module writes its summaries itself.

    Args:
        module: the module.
        helpers: its helpers.
        call: the call.
        part: the function, split.
        needs: the modules that have to be rewritten in this run, for it to be that.

    Raises:
        RefusedError: they can't be brought to the host.
    """
    edits = tuple(Taken(module, call, part).edits())
    with _edited(module, edits, *([part.module] if needs else [])) as after:
        found, results = _later(module, helpers, after, [call])
    if not results:
        raise RefusedError(KERAS_METHOD)  # where another codemod finds it
    unsafe = next((finding.unsafe for finding in results if finding.unsafe), None)
    return [*found, replace(results[0], node=call, edits=edits, unsafe=unsafe, needs=needs, helps=())]


def _taken_by(others: Sequence[Reference]) -> list[tuple[str, Finding]]:
    """Return what becomes of the calls of a function that was split in those other modules that can take it apart."""
    calls = {reference.call: reference.module for reference in others}
    every = [
        (module.path, finding)
        for module in dict.fromkeys(calls.values())
        for finding in _found(module)
        if calls.get(finding.node) is module  # type: ignore[call-overload]
    ]
    good = [(path, finding) for path, finding in every if finding.refusal is None]
    if others and not good:
        stays = next((finding for _, finding in every), None)
        if stays is None or stays.refusal is None:
            raise RefusedError(ELSEWHERE)
        raise RefusedError(stays.refusal, stays.detail)
    return sorted(good, key=lambda item: item[1].unsafe is not None)


@contextlib.contextmanager
def _edited(module: Module, edits: Sequence[Edit], *others: Module) -> Iterator[Module]:
    """See a module as it is after some edits, and others as they will be."""
    project = module.project
    assert project is not None
    before = [there for other in others if (there := project.module(other.path)) is not None]
    after = applied(module, edits)
    state = project.state
    for each in (*others, after):
        project.add(each)
    try:
        yield after
    finally:
        project.restore((*before, module), state)


def _later(
    module: Module, helpers: Helpers, after: Module, nodes: Collection[ast.Call]
) -> tuple[list[Finding], list[Finding]]:
    """Return the findings of a module that its edits leave as they are, and those that they make of some calls.

    Raises:
        RefusedError: one of these can't be brought to the host.
    """
    results = {finding.node: finding for finding in _found(after)}
    known = {key: call for call, key in _keys(after, Helpers(after)).items()}
    found: list[Finding] = []
    for call, key in _keys(module, helpers).items():
        finding = results.pop(known[key], None) if key in known and call not in nodes else None
        if finding is not None:
            found.append(replace(finding, node=call, edits=()))
    stays = next((finding for finding in results.values() if finding.refusal is not None), None)
    if stays is not None and stays.refusal is not None:
        raise RefusedError(stays.refusal, stays.detail)
    return found, list(results.values())


def _by_itself(module: Module, finding: Finding, helpers: Helpers) -> bool:
    """Tell whether a summary can move, if it can at all, while one that its function calls for stays."""
    function = module.function(finding.node)
    traced = helpers.traced.get(function) if function is not None else None
    if traced is None or finding.refusal is not None or finding.unsafe or not isinstance(finding.node, ast.Call):
        return True
    return all(each.refusal is None for each in _findings(module, traced, [finding.node], helpers))


def _in_replicas(traced: Traced, lost: bool) -> Finding:
    """Return the finding for a summary of a function that the host runs in replicas."""
    name, severity = traced.name, Severity.NOTE
    fault = f"`{name}` runs in every replica, and only the first one writes"
    if lost:
        severity = Severity.ERROR
        fault = f"no writer is the default when `{name}` is traced, and TensorFlow drops the summary without a word"
    elif traced.decorator is not None or traced.target is not None:
        severity = Severity.WARNING
        fault = f"`{name}` keeps the writer of its first trace in its graph, whatever writer is the default later"
    todo = f"`{name}` returns the value, and the host code behind `strategy.run` writes it"
    return Finding(traced.function, f"{fault}; {todo}", severity)


def _keys(module: Module, helpers: Helpers) -> dict[ast.Call, tuple[str, str, int]]:
    """Return what each summary is known by when the module is edited: its function, its text, the how manieth."""
    counts: Counter[tuple[str, str]] = Counter()
    keys = {}
    groups = _groups(module, helpers)
    for call, *_ in _calls_to_split(module, helpers):
        groups.setdefault(module.function(call), []).append(call)
    for function, calls in groups.items():
        name = module.qualname(function) if function is not None else ""
        for call in calls:
            text = module.source(call)
            keys[call] = (name, text, counts[name, text])
            counts[name, text] += 1
    return keys


def _groups(module: Module, helpers: Helpers) -> dict[Function | None, list[ast.Call]]:
    """Return the calls in traced code that write summaries, themselves or by a helper, for each function."""
    groups: dict[Function | None, list[ast.Call]] = {}
    for call in module.find_all(ast.Call):
        function = module.function(call)
        if summary_name(module, call) is None and not (
            isinstance(module.parent(call), ast.Expr)
            and function in helpers.reached
            and helpers.summary(call) is not None
        ):
            continue
        if function not in helpers.traced and not is_traced(module, call):
            continue
        if summary_name(module, call) is not None and fit_in_sight(module, call):
            continue  # it goes to a callback
        if function is not None and function not in helpers.traced and runs_on_host(module, function):
            continue
        if split(module, function) is not None and function not in helpers.reached:
            continue  # the other modules that call it see to that
        helper = helpers.of(function) if function is not None and function not in helpers.traced else None
        if helper is None or not helpers.replaced(helper):
            groups.setdefault(function, []).append(call)
    return groups


def _placement(body: Body, calls: Sequence[ast.Call], helpers: Helpers) -> tuple[Placement, list[Move]]:
    moves = [body.move(summary) for call in calls if (summary := helpers.summary(call)) is not None]
    return Emitter(body, moves).place(), moves


def _findings(module: Module, traced: Traced, calls: Sequence[ast.Call], helpers: Helpers) -> Iterator[Finding]:
    body = Body(module, traced)
    good: list[ast.Call] = []
    refused: list[tuple[ast.Call, RefusedError]] = []
    try:
        body.check()
    except RefusedError as error:
        refused = [(call, error) for call in calls]
        calls = []
    for call in calls:
        obstacle = _obstacle(body, call, helpers)
        if obstacle is None:
            good.append(call)
        else:
            refused.append((call, obstacle))
    if refused and good:
        # What stays keeps the function from being compiled, or takes other names once its neighbours are gone.
        stays = next((e for _, e in refused if e.refusal is NAME_SCOPE), refused[0][1])
        if stays.refusal is NAME_SCOPE or traced.option("jit_compile", "experimental_compile"):
            line = refused[0][0].lineno
            together = RefusedError(stays.refusal, f"the summary on line {line} has to stay, and this one with it")
            refused += [(call, together) for call in good]
            good = []
    if good:
        try:
            placement, moves = _placement(body, good, helpers)
        except RefusedError as error:
            refused += [(call, error) for call in good]
        else:
            yield from (_fixable(body, move, placement) for move in moves)
    yield from (_refused(module, call, error.refusal, error.detail, traced) for call, error in refused)


def _obstacle(body: Body, call: ast.Call, helpers: Helpers) -> RefusedError | None:
    """Return why one summary can't be moved, None if it can."""
    module = body.module
    try:
        if call not in body.own:
            raise RefusedError(NESTED)
        summary = helpers.summary(call)
        if summary is None:
            used = not isinstance(module.parent(call), ast.Expr)
            raise RefusedError(RESULT_USED if used else UNPACKED)
        Body(module, body.traced).move(summary)
    except RefusedError as error:
        return error
    return None


def _writers_around(module: Module, call: ast.Call) -> Iterator[ast.expr]:
    """Yield the writers that blocks inside the function make the default."""
    for around in module.ancestors(call):
        if isinstance(around, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        if isinstance(around, ast.With):
            yield from (writer for _, writer in writer_items(module, around))


def _fixable(body: TracedBody, move: Move, placement: Placement) -> Finding:
    name, kind = body.traced.name, move.summary.kind
    place = f"a function `{name}` around it" if placement.wrapper else "the host code behind its call"
    what = f"calls `{move.summary.helper.name}`" if isinstance(move.summary, HelperCall) else "writes it"
    todo = f"`{name}` returns the value, and {place} {what}"
    if move.summary.heavy:
        todo += f"; one {kind} costs 3 to 5 ms on the host, so write it every N steps if that is too slow"
    severity, fault = Severity.ERROR, ""
    if placement.lost:
        fault = f"no writer is the default when `{name}` is traced, and TensorFlow drops the summary without a word"
    elif body.traced.option("jit_compile", "experimental_compile"):
        fault = f"`{name}` is compiled by XLA, which can't write summaries: it raises as soon as a writer is active"
    elif kind == "trace_export":
        fault = f"`trace_export` writes nothing while `{name}` is traced"
    elif body.exported and body.exports and move.writer is not None:
        fault = f"`{name}` holds the writer in its graph, and exporting its object fails with `untracked resource`"
    elif move.other_writer:
        fault = f"`{name}` writes to the writer of its first trace, though it runs under several"
    elif move.frozen:
        fault = f"the step or the flag is fixed when `{name}` is first traced, and stays what it was"
    else:
        severity = Severity.WARNING
        fault = f"`{name}` keeps the writer of its first trace in its graph, whatever writer is the default later"
        if body.python_step(move):
            fault = f"the step is a Python number, for each of which TensorFlow traces `{name}` again"
    return Finding(move.summary.call, f"{fault}; {todo}", severity, unsafe=move.unsafe)


def _refused(
    module: Module, call: ast.Call, refusal: Refusal, detail: str | None = None, traced: Traced | None = None
) -> Finding:
    jit = traced is not None and traced.option("jit_compile", "experimental_compile")
    name = f"`{traced.name}`" if traced is not None else f"`{getattr(module.function(call), 'name', 'it')}`"
    severity, message = Severity.ERROR, f"{name} is compiled by XLA, which can't write summaries"
    if refusal in (NO_WRITER, LOST):
        message = f"no writer is the default when {name} is traced, and TensorFlow drops the summary without a word"
    elif refusal is EXPORTED and any(_writers_around(module, call)):
        message = f"{name} holds the writer in its graph, and exporting its object fails with `untracked resource`"
    elif not jit:
        severity = Severity.WARNING
        message = f"this summary becomes part of the graph of {name}, with the writer of its first trace"
    return Finding(call, message, severity, refusal=refusal, detail=detail)
