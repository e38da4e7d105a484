"""Create a summary writer once, outside of the loop, traced function or strategy scope it stands in.

A call of `create_file_writer` or `FileWriter` opens an event file at once.

In a loop, each turn opens one more file in the same folder. With `tf.summary` nothing is lost by that,
and the rewrite is a matter of form (note). A v1 `FileWriter` names its file after the second in which it
is opened: two of them in one folder within one second share a file, and the later truncates the earlier
(error).

In a function that TensorFlow traces, a writer that only a local name holds is gone as soon as the trace
is done: the first call raises `NotFoundError: Resource ... SummaryWriterInterface does not exist`
(error). Created before the function, it is kept, and the function records what it was written to record.

In `with strategy.scope():` the place of the writer changes nothing: one worker opens one file, inside or
outside, and several workers open one each, inside or outside. The writer is moved because it isn't part
of what the scope is about, the variables (note).

https://www.tensorflow.org/api_docs/python/tf/summary/create_file_writer
https://www.tensorflow.org/api_docs/python/tf/compat/v1/summary/FileWriter

What is kept: the events, with their folder, tag, step and value, and every other result. Fewer event
files are written. The writer is created with the arguments it had; statements that only compute these are
moved along. A `close()` in the loop becomes one behind the loop, and a `flush()` where it stood, so that
what was on disk at that point still is; after `with writer.as_default():`, which flushes by itself, the
`flush()` is left out. A loop that makes no turn leaves an event file without events where there was none.
The graph that a v1 writer is given is recorded once, not once a turn.

A writer whose folder depends on the loop (a fold, a run, a timestamp) is right as it is, and left alone.
So is a writer in a name scope, a variable scope or a graph, and one that a traced function keeps in an
attribute or a list: it works.

Nothing that may touch the folder (`rmtree`, `makedirs`, a look whether it exists, code out of sight that
is given it) is passed over: that is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from codemods.analysis.dataflow import (
    Reach,
    Timing,
    bindings_in,
    definition,
    mutated,
    names_read,
    reach,
    timing,
    within,
)
from codemods.analysis.files import constant_text, touching
from codemods.analysis.module import Function, Module
from codemods.analysis.places import start
from codemods.analysis.strategies import is_scope
from codemods.analysis.tracing import is_keras_class, traced_functions
from codemods.analysis.writers import METHODS, Creation, creations, names_held_by, use_of
from codemods.engine.codemod import (
    Code,
    Codemod,
    Edit,
    Example,
    Finding,
    InsertAfter,
    InsertBefore,
    Move,
    NodeEdit,
    NoFindingError,
    Refusal,
    RefusedError,
    Remove,
    Replace,
    Severity,
    Unwrap,
)

LOOP_DEPENDENT = Refusal("loop-dependent", "an argument other than the folder is computed inside the loop")
ARGUMENT_INSIDE = Refusal("argument-inside", "an argument is computed inside, by code that can't be moved along")
NOT_YET_KNOWN = Refusal("not-yet-known", "an argument isn't known yet where the function is defined")
TOUCHES_FOLDER = Refusal("touches-folder", "code that would be passed over may remove, make or look for the folder")
OUT_OF_SIGHT = Refusal("out-of-sight", "code that would be passed over can't be read, and may touch the folder")
CONDITIONAL = Refusal("conditional", "the writer is created under a condition")
IN_TRY = Refusal("in-try", "an exception at its creation is caught around it")
INSIDE_WITH = Refusal("inside-with", "the writer is created in another context, which it may depend on")
NEEDS_GRAPH = Refusal(
    "needs-graph", "the writer records the graph or session that it is given, as it is at that moment"
)
GRAPH_MODE = Refusal("graph-mode", "the writer is an operation of a graph, which a session has to run")
REBOUND = Refusal("rebound", "the name that holds the writer is bound elsewhere too")
USED_BEFORE = Refusal("used-before", "the loop uses the writer of the turn before")
USED_AFTER_CLOSE = Refusal("used-after-close", "the writer is closed where it may be used again")
ESCAPES = Refusal("escapes", "the writer is handed to other code, which may keep or close it")
SUSPENDED = Refusal("suspended", "the loop yields or awaits, and other code runs between its turns")
UNFLUSHED = Refusal(
    "unflushed", "the program ends abruptly, and what each new writer of the loop puts on disk would be lost"
)

LOOPS = (ast.For, ast.While, ast.AsyncFor)
_NEUTRAL = frozenset({
    "tensorflow.GradientTape", "tensorflow.device", "tensorflow.compat.v1.device",
    "tensorflow.summary.record_if", "tensorflow.profiler.experimental.Trace",
})  # fmt: skip
_ABRUPT = frozenset({"os._exit", "os.abort", "os.kill", "signal.raise_signal"})
_SAVING = (
    "save",
    "load",
    "restore",
    "log",
    "info",
    "debug",
    "warning",
    "write",
    "append",
    "set_",
    "add",
    "format",
)

EVERY_TURN = """\
import tensorflow as tf

for epoch in range(3):
    writer = tf.summary.create_file_writer("logs/train")
    with writer.as_default():
        tf.summary.scalar("loss", 1 / (epoch + 1), step=epoch)
    writer.close()
"""
ONCE = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs/train")
for epoch in range(3):
    with writer.as_default():
        tf.summary.scalar("loss", 1 / (epoch + 1), step=epoch)
writer.close()
"""
AT_EACH_TRACE = """\
import tensorflow as tf


@tf.function
def train_step(x, step):
    writer = tf.summary.create_file_writer("logs")
    with writer.as_default():
        tf.summary.scalar("x", x, step=step)


train_step(tf.constant(1.0), tf.constant(0, tf.int64))
"""
BEFORE_THE_FUNCTION = """\
import tensorflow as tf


writer = tf.summary.create_file_writer("logs")


@tf.function
def train_step(x, step):
    with writer.as_default():
        tf.summary.scalar("x", x, step=step)


train_step(tf.constant(1.0), tf.constant(0, tf.int64))
"""
FOLDER_REMOVED = """\
import shutil

import tensorflow as tf

for epoch in range(3):
    shutil.rmtree("logs", ignore_errors=True)
    writer = tf.summary.create_file_writer("logs")
    with writer.as_default():
        tf.summary.scalar("epoch", epoch, step=epoch)
"""


@dataclass(frozen=True)
class Site:
    """Where a writer is created.

    Attributes:
        creation: the call.
        statement: the statement that it is part of.
        targets: the names or attributes that hold the writer; none for a call inside an expression.
        group: the creations that one assignment makes together.
    """

    creation: Creation
    statement: ast.stmt
    targets: tuple[ast.Name | ast.Attribute, ...] = ()
    group: tuple[Creation, ...] = ()

    @property
    def is_context(self) -> bool:
        """Tell whether it is ``with FileWriter(...) as w:``, which closes the writer at its end."""
        return isinstance(self.statement, ast.With) and any(
            item.context_expr is self.creation.call for item in self.statement.items
        )


class HoistFileWriter(Codemod):
    """Moves the creation of a writer to just before the block that it stands in."""

    triggers = (b"create_file_writer", b"FileWriter")
    refusals = (
        LOOP_DEPENDENT,
        ARGUMENT_INSIDE,
        NOT_YET_KNOWN,
        TOUCHES_FOLDER,
        OUT_OF_SIGHT,
        CONDITIONAL,
        IN_TRY,
        INSIDE_WITH,
        NEEDS_GRAPH,
        GRAPH_MODE,
        REBOUND,
        USED_BEFORE,
        USED_AFTER_CLOSE,
        ESCAPES,
        SUSPENDED,
        UNFLUSHED,
    )
    examples = (
        Example(EVERY_TURN, after=ONCE),
        Example(AT_EACH_TRACE, after=BEFORE_THE_FUNCTION),
        Example(FOLDER_REMOVED, refusal=TOUCHES_FOLDER),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the writers that are created in a loop, a traced function or a strategy's scope."""
        done: set[ast.stmt] = set()
        taken: set[str] = set()
        for created in creations(module):
            site = _site(module, created)
            if site is None or (site.targets and site.statement in done):
                continue
            done.add(site.statement)
            function = _traced_function(module, site.statement)
            if function is not None:
                yield from _out_of_function(module, site, function, taken)
            else:
                yield from _out_of_blocks(module, site, taken)


# The place. ------------------------------------------------------------------------------------------


def _site(module: Module, created: Creation) -> Site | None:
    """Return where a writer is created; None where that is no place of interest."""
    statement = module.statement(created.call)
    value = getattr(statement, "value", None)
    targets = names_held_by(statement)
    if targets and (value is created.call or isinstance(value, ast.Tuple)):
        made = {found.call: found for found in creations(module) if module.statement(found.call) is statement}
        calls = [created.call] if value is created.call else cast("ast.Tuple", value).elts
        if all(call in made for call in calls) and all(
            isinstance(target, (ast.Name, ast.Attribute)) for target in targets
        ):
            group = tuple(made[cast("ast.Call", call)] for call in calls)
            return Site(created, statement, tuple(cast("list[ast.Name | ast.Attribute]", targets)), group)
    if isinstance(statement, (ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return None
    if (deferred := module.enclosing(created.call, ast.Lambda)) and within(deferred, [statement]):
        return None
    return Site(created, statement, (), (created,))


def _always_evaluated(module: Module, site: Site) -> bool:
    """Tell whether the statement creates the writer exactly once, each time it is run."""
    for node in module.ancestors(site.creation.call):
        if node is site.statement:
            return True
        if not isinstance(
            node,
            (ast.Attribute, ast.Call, ast.keyword, ast.Tuple, ast.List, ast.Dict, ast.withitem, ast.Starred),
        ):
            return False
    return False


def _traced_function(module: Module, node: ast.AST) -> Function | None:
    """Return the function around a node that TensorFlow traces, or that only a traced one names."""
    explicit = {traced.function for traced in traced_functions(module)}
    outermost: Function | None = None
    for function in module.ancestors(node):
        if isinstance(function, ast.Lambda):
            return None
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_traced(
            module, function, explicit, frozenset()
        ):
            outermost = function
    return outermost


def _is_traced(module: Module, function: Function, explicit: set[Function], seen: frozenset[ast.AST]) -> bool:
    if function in explicit:
        return True
    parent = module.parent(function)
    if isinstance(parent, ast.ClassDef):
        steps = {"train_step", "test_step", "predict_step"}
        if function.name in steps and is_keras_class(module, parent):
            return True
        uses: list[ast.AST] = [
            node
            for node in module.find_all(ast.Attribute)
            if node.attr == function.name and isinstance(node.value, ast.Name) and node.value.id == "self"
        ]
    else:
        scope = module.scope(function)
        uses = [use for use in module.uses(scope, function.name) if isinstance(use.ctx, ast.Load)]
    # A helper that host code calls as well has its writer's life there.
    around = [module.function(use) for use in uses]
    return bool(around) and all(
        caller not in seen and caller is not None and _is_traced(module, caller, explicit, seen | {function})
        for caller in around
    )


# Out of loops and scopes. -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Level:
    """One block that the creation can be moved out of.

    Attributes:
        node: the block; the creation goes to just before it.
        region: the code that the creation then passes.
        blocked: what stands between the creation and the block's own body that keeps it there.
    """

    node: ast.stmt
    region: tuple[ast.AST, ...]
    blocked: Refusal | None

    @property
    def is_loop(self) -> bool:
        """Tell whether it is a loop; else it is a strategy's scope."""
        return isinstance(self.node, LOOPS)


@dataclass(frozen=True)
class Hoist:
    """What it takes to move a creation out of a block.

    Attributes:
        level: the block.
        needed: the statements that compute its arguments, in their order.
        closes: the statements that close the writer in a loop.
    """

    level: Level
    needed: tuple[ast.stmt, ...]
    closes: tuple[ast.Expr, ...]


def _levels(module: Module, site: Site) -> Iterator[Level]:
    """Yield the loops and scopes around a creation, innermost first."""
    node: ast.AST = site.statement
    passed: list[ast.AST] = [site.statement]
    blocked: Refusal | None = None if _always_evaluated(module, site) else CONDITIONAL
    for parent in module.ancestors(site.statement):
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Module)):
            return
        if isinstance(node, ast.stmt) and not isinstance(node, ast.ExceptHandler):
            block = module.block(node)
            passed += block[: block.index(node)]
        match parent:
            case ast.For() | ast.While() | ast.AsyncFor() if node in parent.body:
                if _turns_once(module, site, parent):
                    return
                if _is_lazy(module, site, parent):
                    return
                yield Level(parent, (parent,), blocked)
                passed.append(parent)
            case ast.With() | ast.AsyncWith():
                contexts = [item.context_expr for item in parent.items]
                passed += [*contexts, *(item.optional_vars for item in parent.items if item.optional_vars)]
                scopes = [is_scope(module, context) for context in contexts]
                if any(scopes) and all(
                    scope or _is_neutral(module, context) for scope, context in zip(scopes, contexts, strict=True)
                ):
                    yield Level(parent, tuple(passed), blocked)
                elif not any(scopes) and not all(_is_neutral(module, context) for context in contexts):
                    blocked = blocked or INSIDE_WITH
                elif any(scopes):
                    return
            case ast.Try() if node in parent.body and not parent.handlers:
                pass
            case ast.Try() | ast.ExceptHandler():
                blocked = blocked or IN_TRY
            case ast.If() | ast.Match() | ast.match_case():
                blocked = blocked or CONDITIONAL
            case _:
                pass
        node = parent


def _is_neutral(module: Module, context: ast.expr) -> bool:
    """Tell whether a ``with`` has no bearing on a writer that is created in it."""
    if not isinstance(context, ast.Call):
        return False
    name = module.resolve(context.func)
    if name is not None:
        return name in _NEUTRAL or name.startswith("tqdm.")
    return isinstance(context.func, ast.Attribute) and _is_writer(module, context.func.value)


def _is_writer(module: Module, node: ast.expr) -> bool:
    made = {created.call for created in creations(module)}
    if isinstance(node, ast.Name):
        bindings = module.bindings(node)
        return bool(bindings) and all(binding.value in made for binding in bindings)
    return node in made


def _turns_once(module: Module, site: Site, loop: ast.stmt) -> bool:
    """Tell whether a loop is left for good once the writer is created."""
    node: ast.stmt = site.statement
    while node is not loop:
        block = module.block(node)
        for statement in block[block.index(node) + 1 :]:
            if isinstance(statement, (ast.Return, ast.Raise)):
                return True
            if isinstance(statement, ast.Break):
                return module.enclosing(statement, *LOOPS) is loop
        parent = module.parent(node)
        while parent is not None and not isinstance(parent, ast.stmt):
            parent = module.parent(parent)
        assert parent is not None
        node = parent
    return False


def _is_lazy(module: Module, site: Site, loop: ast.stmt) -> bool:
    """Tell whether a condition lets the writer be created in one turn only, as in ``if writer is None``."""
    held = {ast.unparse(target) for target in site.targets}
    for around in module.ancestors(site.statement):
        if around is loop:
            break
        if not isinstance(around, ast.If):
            continue
        parts = list(ast.walk(around.test))
        if any(isinstance(part, ast.expr) and ast.unparse(part) in held for part in parts):
            return True
        once = isinstance(around.test, ast.UnaryOp) or (
            isinstance(around.test, ast.Compare)
            and all(isinstance(op, (ast.Eq, ast.Is, ast.IsNot, ast.In, ast.NotIn)) for op in around.test.ops)
        )
        varies = any(bindings_in(module, name, [loop]) for name in names_read([around.test])) or any(
            isinstance(part, (ast.Attribute, ast.Call)) for part in parts
        )
        if once and varies and not any(isinstance(part, ast.Mod) for part in parts):
            return True
    return False


def _out_of_blocks(module: Module, site: Site, taken: set[str]) -> Iterator[Finding]:
    """Yield what is to be said about a writer in loops and scopes of host code."""
    hoists: list[Hoist] = []
    for level in _levels(module, site):
        found = _attempt(module, site, level)
        if isinstance(found, Hoist):
            hoists.append(found)
            continue
        if found is not None:
            yield Finding(
                site.creation.call,
                _harm(site, level),
                _severity(site, level),
                refusal=found.refusal,
                detail=found.detail,
            )
        break
    if hoists:
        severity = max(_severity(site, hoist.level) for hoist in hoists)
        loops = [hoist.level for hoist in hoists if hoist.level.is_loop]
        edits = _edits(module, site, hoists[-1], taken)
        message = f"{_harm(site, loops[0] if loops else hoists[-1].level)}; {_remedy(hoists[-1])}"
        yield Finding(site.creation.call, message, severity, edits)


def _attempt(module: Module, site: Site, level: Level) -> Hoist | RefusedError | None:
    """Return the way out of a block, or why there is none; None where none is wanted."""
    try:
        return _hoist(module, site, level)
    except NoFindingError:
        return None
    except RefusedError as error:
        return error


def _severity(site: Site, level: Level) -> Severity:
    return Severity.ERROR if level.is_loop and site.creation.version == 1 else Severity.NOTE


def _harm(site: Site, level: Level) -> str:
    if not level.is_loop:
        return "The writer is created in the scope of a strategy, which has no effect on it"
    if site.creation.version == 1:
        return (
            "Each turn of the loop opens one more event file in the same folder, and of two that are opened "
            "within a second the later truncates the earlier"
        )
    return "Each turn of the loop opens one more event file in the same folder"


def _remedy(hoist: Hoist) -> str:
    if not hoist.level.is_loop:
        return "it is created before the scope"
    closing = ", and closed behind it" if hoist.closes else ""
    return f"the writer is created once, before the loop{closing}"


def _hoist(module: Module, site: Site, level: Level) -> Hoist:
    """Return what it takes to move a creation out of a block, or raise."""
    reached = reach(module, level.region)
    needed: dict[ast.stmt, None] = {}
    _check_folder_argument(module, site, level, reached, needed)
    if level.blocked is not None:
        raise RefusedError(level.blocked)
    for created in site.group:
        _check_graph(module, created, level)
        for argument in created.arguments:
            if argument is not created.folder:
                found = _computed(module, site, argument, level, reached)
                if found is None:
                    raise RefusedError(LOOP_DEPENDENT if level.is_loop else ARGUMENT_INSIDE)
                needed.update(dict.fromkeys(found))
    if level.is_loop and any(
        isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith))
        for node in ast.walk(level.node)
    ):
        raise RefusedError(SUSPENDED)
    closes = _check_uses(module, site, level, reached)
    if level.is_loop and site.creation.version == 2 and not closes and _is_lost_at_the_end(module):
        raise RefusedError(UNFLUSHED)
    _check_files(module, site, level, reached)
    return Hoist(level, tuple(sorted(needed, key=lambda statement: statement.lineno)), closes)


def _is_lost_at_the_end(module: Module) -> bool:
    """Tell whether a program ends with a default writer unflushed, which the loop's next used to replace."""
    calls = list(module.find_all(ast.Call))
    return any(module.resolve(call.func) in _ABRUPT for call in calls) and any(
        isinstance(call.func, ast.Attribute) and call.func.attr == "set_as_default" for call in calls
    )


def _check_folder_argument(
    module: Module, site: Site, level: Level, reached: Reach, needed: dict[ast.stmt, None]
) -> None:
    for created in site.group:
        if created.folder is None or not created.spelled_out:
            raise NoFindingError
        if created.graph is not None and not level.is_loop:
            raise NoFindingError
        found = _computed(module, site, created.folder, level, reached)
        if found is None:
            if level.is_loop:
                raise NoFindingError  # a folder of its own for each turn, as far as can be told
            raise RefusedError(ARGUMENT_INSIDE)
        needed.update(dict.fromkeys(found))


def _check_graph(module: Module, created: Creation, level: Level) -> None:
    """Refuse where the graph that the writer records may be another one before the block."""
    graph = created.graph
    if graph is None:
        return
    known = isinstance(graph, ast.Attribute) and graph.attr == "graph" and isinstance(graph.value, ast.Name)
    builds = any(
        (module.resolve(node.func) or "").startswith(("tensorflow.", "keras."))
        for node in ast.walk(level.node)
        if isinstance(node, ast.Call) and node is not created.call
    )
    if builds or not (known or isinstance(graph, ast.Name)):
        raise RefusedError(NEEDS_GRAPH)


def _computed(module: Module, site: Site, expression: ast.expr, level: Level, reached: Reach) -> list[ast.stmt] | None:
    """Return the statements that must move along for an expression to have its value before a block.

    None where it can't have the same value there.
    """
    needed: list[ast.stmt] = []
    expressions = [expression]
    for part in expressions:
        when = timing(module, part)
        if when is Timing.OPAQUE or (when is Timing.FRESH and level.is_loop):
            return None
        for name in names_read([part]):
            owner = module.scope(name).lookup(name.id)
            if owner is not None and isinstance(owner.node, ast.expr):
                continue  # bound by a comprehension of its own
            if not bindings_in(module, name, level.region):
                continue
            statement = _assignment(module, site, name)
            if statement is None:
                return None
            if statement not in needed:
                needed.append(statement)
                expressions.append(cast("ast.expr", statement.value))
    return None if mutated(module, reached, expressions) else needed


def _assignment(module: Module, site: Site, name: ast.Name) -> ast.Assign | ast.AnnAssign | None:
    """Return the one assignment of a name, if it is made on the way to the creation and can go with it."""
    bindings = module.bindings(name)
    if len(bindings) != 1 or bindings[0].value is None or not isinstance(bindings[0].node, ast.Name):
        return None
    statement = module.statement(bindings[0].node)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or len(names_held_by(statement)) != 1:
        return None
    value = statement.value
    # A list or a dict that is made anew each time may be filled each time.
    if isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
        return None
    block = module.block(statement)
    path = [site.statement, *module.ancestors(site.statement)]
    onward = [node for node in block if node in path]
    return statement if onward and block.index(statement) < block.index(onward[0]) else None


def _check_files(module: Module, site: Site, level: Level, reached: Reach) -> None:
    """Refuse where code that may touch the folder would be passed."""
    for created in site.group:
        folder = constant_text(module, created.folder)
        call = touching(reached, folder)
        if call is not None:
            raise RefusedError(TOUCHES_FOLDER, f"{TOUCHES_FOLDER.sentence}: `{_short(call)}`")
        if reached.endless:
            raise RefusedError(OUT_OF_SIGHT, "more code would be passed over than the tool looks into")
        if reached.unseen:
            raise RefusedError(OUT_OF_SIGHT, f"{OUT_OF_SIGHT.sentence}: `{_short(reached.unseen[0])}`")
        names = {name.id for name in names_read([cast("ast.expr", created.folder)])}
        made = {found.call for found in creations(module)}
        for root in level.region:
            for node in ast.walk(root):
                if not isinstance(node, ast.Call) or node in made or module.resolve(node.func) is not None:
                    continue
                given = {
                    name.id
                    for argument in [*node.args, *(keyword.value for keyword in node.keywords)]
                    for name in names_read([argument])
                    if not isinstance(module.parent(name), ast.Attribute)
                } & {name for name in names if not _is_imported(module, created, name)}
                method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                if given and definition(module, node.func) is None and not method.startswith(_SAVING):
                    raise RefusedError(OUT_OF_SIGHT, f"{OUT_OF_SIGHT.sentence}: `{_short(node)}`")


def _is_imported(module: Module, created: Creation, name: str) -> bool:
    scope = module.scope(created.call).lookup(name)
    return scope is not None and any(binding.imported for binding in scope.bindings[name])


def _short(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:57] + "..."


# What the program does with the writer. ----------------------------------------------------------------


def _check_uses(module: Module, site: Site, level: Level, reached: Reach) -> tuple[ast.Expr, ...]:
    """Return the statements that close the writer in a loop; raise where its life is not the block's."""
    if not site.targets:
        return _check_inner_use(module, site, level)
    closes: list[ast.Expr] = []
    for target in site.targets:
        uses = _uses(module, target)
        if isinstance(target, ast.Name):
            scope = module.scope(target).lookup(target.id)
            assert scope is not None
            bound: list[ast.AST] = [b.node for b in scope.bindings[target.id] if b.node is not target]
        else:
            bound = [use for use in uses if not isinstance(use.ctx, ast.Load) and use is not target]
            if _made_inside(module, target, level):
                raise RefusedError(ARGUMENT_INSIDE)
        loads = [use for use in uses if isinstance(use.ctx, ast.Load)]
        _check_binding(module, level, target, bound, loads)
        if not level.is_loop:
            _check_passed(module, site, level, loads, bool(bound))
            if any(use_of(module, load) == "init" for load in loads):
                raise RefusedError(GRAPH_MODE)
            continue
        closes += _check_life(module, site, level, loads)
    return tuple(closes)


def _uses(module: Module, target: ast.Name | ast.Attribute) -> Sequence[ast.Name | ast.Attribute]:
    """Return every place that names what holds a writer; for an attribute, on any object."""
    if isinstance(target, ast.Attribute):
        return [node for node in module.find_all(ast.Attribute) if node.attr == target.attr]
    scope = module.scope(target).lookup(target.id)
    return module.uses(scope, target.id) if scope is not None else []


def _made_inside(module: Module, target: ast.Attribute, level: Level) -> bool:
    """Tell whether the object whose attribute holds the writer is made inside the block."""
    return any(bindings_in(module, name, level.region) for name in names_read([target]))


def _check_inner_use(module: Module, site: Site, level: Level) -> tuple[ast.Expr, ...]:
    """Check a call that stands inside an expression."""
    parent = module.parent(site.creation.call)
    if site.is_context:
        if site.creation.version != 1:
            raise NoFindingError
        statement = cast("ast.With", site.statement)
        if len(statement.items) > 1 or not isinstance(statement.items[0].optional_vars, ast.Name):
            raise RefusedError(ESCAPES)
        name = statement.items[0].optional_vars
        scope = module.scope(name).lookup(name.id)
        if scope is None or len(scope.bindings[name.id]) != 1:
            raise RefusedError(REBOUND)
        loads = [use for use in module.uses(scope, name.id) if isinstance(use.ctx, ast.Load)]
        if level.is_loop and any(use_of(module, load) in {None, "close"} for load in loads):
            raise RefusedError(ESCAPES)
        return ()
    if isinstance(parent, ast.Attribute) and parent.attr in METHODS:
        if parent.attr == "init":
            raise RefusedError(GRAPH_MODE)
        return ()
    if level.is_loop:
        raise RefusedError(ESCAPES)
    return ()


def _check_binding(
    module: Module,
    level: Level,
    target: ast.Name | ast.Attribute,
    bound: Sequence[ast.AST],
    loads: Sequence[ast.expr],
) -> None:
    """Refuse where something else that the same name holds would be seen in another place."""
    if not bound:
        return
    if isinstance(target, ast.Attribute) or any(within(node, [level.node]) for node in bound):
        raise RefusedError(REBOUND)
    home = module.scope(target)
    if any(module.scope(node) is not home for node in (*bound, *loads)):
        raise RefusedError(REBOUND)
    if not level.is_loop:
        return
    # If the loop makes no turn, the name keeps what it was bound to before.
    around = [node for node in module.ancestors(level.node) if isinstance(node, LOOPS)]
    if not any(node.lineno < level.node.lineno or within(node, around) for node in bound):  # type: ignore[attr-defined]
        return
    for load in loads:
        if within(load, [level.node]):
            continue
        # What is bound between the loop and the use makes the use none of the loop's.
        end = cast("int", level.node.end_lineno)
        behind = load.lineno > end
        anew = [node for node in bound if (node.lineno > end if behind else within(node, around))]  # type: ignore[attr-defined]
        if (behind or within(load, around)) and not any(_dominated(module, load, node) for node in anew):
            raise RefusedError(REBOUND)


def _dominated(module: Module, load: ast.AST, binding: ast.AST) -> bool:
    """Tell whether a binding stands on every way to a use."""
    statement = module.statement(binding)
    block = module.block(statement)
    path = {module.statement(load), *module.ancestors(load)}
    onward = [index for index, node in enumerate(block) if node in path]
    return bool(onward) and block.index(statement) < onward[0]


def _check_passed(module: Module, site: Site, level: Level, loads: Sequence[ast.expr], bound: bool) -> None:
    """Refuse where the code that is passed uses what the name held before."""
    passed = [node for node in level.region if node is not site.statement]
    if any(within(load, passed) for load in loads) and bound:
        raise RefusedError(USED_BEFORE)


def _check_life(
    module: Module, site: Site, level: Level, loads: Sequence[ast.Name | ast.Attribute]
) -> Iterator[ast.Expr]:
    """Yield the statements that close the writer in a loop; refuse where it isn't the turn's own."""
    created = site.statement
    closed_at: list[ast.Expr] = []
    for load in loads:
        method = use_of(module, load)
        inside = within(load, [level.node])
        if method in {"init", "reopen"}:
            raise RefusedError(GRAPH_MODE if method == "init" else USED_AFTER_CLOSE)
        if not inside:
            other = module.function(load) is not module.function(created)
            if other and method in {None, "close"}:
                raise RefusedError(ESCAPES)
            continue
        if (load.lineno, load.col_offset) < (created.lineno, created.col_offset):
            raise RefusedError(USED_BEFORE)
        if method is None:
            raise RefusedError(ESCAPES)
        if method == "close":
            statement = module.statement(load)
            if (
                not isinstance(statement, ast.Expr)
                or statement.value is not module.parent(cast("ast.AST", module.parent(load)))
                or module.function(load) is not module.function(created)
                or (inner := module.enclosing(statement, *LOOPS)) is None
                or not within(created, [inner])
            ):
                raise RefusedError(USED_AFTER_CLOSE)
            closed_at.append(statement)
    for statement in closed_at:
        for load in loads:
            after = within(load, [level.node]) and (load.lineno, load.col_offset) > (
                cast("int", statement.end_lineno),
                cast("int", statement.end_col_offset),
            )
            if after and use_of(module, load) not in {"close", "flush"}:
                raise RefusedError(USED_AFTER_CLOSE)
    yield from closed_at


# Edits. ---------------------------------------------------------------------------------------------


def _edits(module: Module, site: Site, hoist: Hoist, taken: set[str]) -> tuple[Edit, ...]:
    block = hoist.level.node
    if site.is_context:
        return _around(module, site, hoist)
    if site.targets:
        moved = [*hoist.needed, site.statement]
        code = _lines([Move(statement) for statement in moved])
        rest: list[Edit] = [Remove(statement) for statement in moved]
        if isinstance(block, ast.With) and set(block.body) <= set(moved):
            return (Unwrap(block),)  # nothing else is in the scope
    else:
        name = _fresh(module, "writer", taken)
        created = Move(site.creation.call)
        code = (*_lines([Move(statement) for statement in hoist.needed]), f"{name} = ", created)
        rest = [*(Remove(statement) for statement in hoist.needed), Replace(site.creation.call, name)]
    edits: list[Edit] = [InsertBefore(block, code), *rest]
    for target in site.targets:
        text = ast.unparse(target)
        closes = [close for close in hoist.closes if _closed(close) == text]
        if closes:
            loads = [load for load in _uses(module, target) if isinstance(load.ctx, ast.Load)]
            edits += _instead_of_closing(module, site, text, closes, loads)
            edits.append(InsertAfter(block, f"{text}.close()"))
    return tuple(edits)


def _closed(close: ast.Expr) -> str:
    """Return the text of what a ``writer.close()`` closes."""
    return ast.unparse(cast("ast.Attribute", cast("ast.Call", close.value).func).value)


def _lines(moves: Sequence[Move]) -> tuple[str | Move, ...]:
    return tuple(part for move in moves for part in (move, "\n"))


def _around(module: Module, site: Site, hoist: Hoist) -> tuple[Edit, ...]:
    """Return the edits that put ``with FileWriter(...) as w:`` around the block instead of inside it."""
    statement = cast("ast.With", site.statement)
    name = cast("ast.Name", statement.items[0].optional_vars).id
    block = hoist.level.node
    inner: list[NodeEdit] = [Unwrap(statement), *(Remove(needed) for needed in hoist.needed)]
    last = statement.body[-1]
    if hoist.level.is_loop and not isinstance(last, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
        inner.append(InsertAfter(last, f"{name}.flush()"))
    code: Code = (
        *_lines([Move(needed) for needed in hoist.needed]),
        "with ",
        Move(site.creation.call),
        f" as {name}:\n    ",
        Move(block, tuple(inner)),
    )
    return InsertBefore(block, code), Remove(block)


def _instead_of_closing(
    module: Module, site: Site, text: str, closes: Sequence[ast.Expr], loads: Sequence[ast.expr]
) -> Iterator[NodeEdit]:
    """Yield the edits that keep on disk what a ``close()`` put there."""
    for close in closes:
        flushed = site.creation.version == 2 and all(
            within(load, closes) or _is_left_before(module, load, close) for load in loads
        )
        if flushed and len(module.block(close)) > 1 and not _commented(module, close):
            yield Remove(close)
        else:
            yield Replace(close, f"{text}.flush()")


def _is_left_before(module: Module, load: ast.expr, close: ast.Expr) -> bool:
    """Tell whether a use is the head of a ``with writer.as_default():``, which flushes when it is left."""
    around = module.statement(load)
    return isinstance(around, ast.With) and not within(close, [around])


def _commented(module: Module, statement: ast.stmt) -> bool:
    line = module.lines[cast("int", statement.end_lineno) - 1].encode()
    above = module.lines[statement.lineno - 2].strip() if statement.lineno > 1 else ""
    return b"#" in line[cast("int", statement.end_col_offset) :] or above.startswith("#")


def _fresh(module: Module, name: str, taken: set[str]) -> str:
    """Return a name that the module doesn't use, and remember it."""
    used = {node.id for node in module.find_all(ast.Name)} | {node.arg for node in module.find_all(ast.arg)}
    used |= {node.name for node in module.find_all(ast.FunctionDef)}
    used |= {node.name for node in module.find_all(ast.ClassDef)}
    used |= {(node.asname or node.name).partition(".")[0] for node in module.find_all(ast.alias)} | taken
    candidates = [name, *([f"summary_{name}"] if name == "writer" else [])]
    candidates += [f"{name}_{number}" for number in range(2, len(used) + 3)]
    found = next(candidate for candidate in candidates if candidate not in used)
    taken.add(found)
    return found


# Out of traced functions. -------------------------------------------------------------------------------


def _out_of_function(module: Module, site: Site, function: Function, taken: set[str]) -> Iterator[Finding]:
    """Yield what is to be said about a writer that is created while TensorFlow traces a function."""
    message = (
        f"The writer is created while TensorFlow traces `{function.name}`, and is gone when that ends: "
        "its summaries raise NotFoundError or are lost"
    )
    try:
        edits = _function_edits(module, site, function, taken)
    except NoFindingError:
        return
    except RefusedError as error:
        yield Finding(site.creation.call, message, Severity.ERROR, refusal=error.refusal, detail=error.detail)
        return
    yield Finding(site.creation.call, f"{message}; it is created before the function", Severity.ERROR, edits)


def _function_edits(module: Module, site: Site, function: Function, taken: set[str]) -> tuple[Edit, ...]:
    if any(created.version == 1 or created.folder is None for created in site.group):
        raise NoFindingError
    if any(isinstance(target, ast.Attribute) for target in site.targets):
        raise NoFindingError  # kept by its object, it works
    place = _place(module, function)
    names = [cast("ast.Name", target) for target in site.targets]
    loads = {name.id: _local_loads(module, site, function, name) for name in names}
    if not _always_evaluated(module, site):
        raise RefusedError(CONDITIONAL)
    if not names and not isinstance(module.parent(site.creation.call), ast.Attribute):
        raise RefusedError(ESCAPES)
    for around in module.ancestors(site.statement):
        if around is function:
            break
        if isinstance(around, ast.Try) and around.handlers:
            raise RefusedError(IN_TRY)
    needed: dict[ast.stmt, None] = {}
    for created in site.group:
        for argument in created.arguments:
            needed.update(dict.fromkeys(_available(module, site, argument, function, place)))
        call = touching(reach(module, _afterwards(module, place)), constant_text(module, created.folder))
        if call is not None:
            raise RefusedError(TOUCHES_FOLDER, f"{TOUCHES_FOLDER.sentence}: `{_short(call)}`")
    edits: list[Edit] = []
    moves = []
    for statement in sorted(needed, key=lambda node: node.lineno):
        (held,) = names_held_by(statement)
        assert isinstance(held, ast.Name)
        if _clashes(module, place, held.id, taken):
            raise RefusedError(REBOUND, f"`{held.id}` means something else before the function")
        taken.add(held.id)
        moves.append(Move(statement))
        edits.append(Remove(statement))
    if not names:
        name = _fresh(module, "writer", taken)
        edits.append(Replace(site.creation.call, name))
        return InsertBefore(place, (*_lines(moves), f"{name} = ", Move(site.creation.call))), *edits
    inner: list[NodeEdit] = []
    for target in names:
        if not _clashes(module, place, target.id, taken):
            taken.add(target.id)
            closes = _closes(module, loads[target.id])
            edits += _instead_of_closing(module, site, target.id, closes, loads[target.id])
            continue
        name = _fresh(module, f"{function.name}_{target.id}".lstrip("_"), taken)
        closes = _closes(module, loads[target.id])
        inner.append(Replace(target, name))
        for load in loads[target.id]:
            if not within(load, closes):
                edits.append(Replace(load, name))
        edits += [Replace(close, f"{name}.flush()") for close in closes]
    moves.append(Move(site.statement, tuple(inner)))
    return InsertBefore(place, _lines(moves)), Remove(site.statement), *edits


def _place(module: Module, function: Function) -> ast.stmt:
    """Return the statement before which a function's writer goes: the function, or its class."""
    place: Function | ast.ClassDef = function
    while isinstance(parent := module.parent(place), ast.ClassDef):
        place = parent
    return place


def _local_loads(module: Module, site: Site, function: Function, name: ast.Name) -> list[ast.Name]:
    """Return the uses of a local name that holds the writer; raise where something else keeps it alive."""
    scope = module.scope(name).lookup(name.id)
    if scope is None or not within(name, [function]) or scope.node is module.tree or not within(scope.node, [function]):
        raise NoFindingError  # a global or an outer variable keeps it, and it works
    if len(scope.bindings[name.id]) != 1:
        raise RefusedError(REBOUND)
    loads = [use for use in module.uses(scope, name.id) if isinstance(use.ctx, ast.Load)]
    for load in loads:
        method = use_of(module, load)
        if method is None:
            raise NoFindingError if isinstance(module.parent(load), ast.Call) else RefusedError(ESCAPES)
        if method in {"init", "reopen"}:
            raise RefusedError(GRAPH_MODE)
    closes = _closes(module, loads)
    for close in closes:
        if any(start(load) > start(close) and not within(load, closes) for load in loads):
            raise RefusedError(USED_AFTER_CLOSE)
    return loads


def _closes(module: Module, loads: Sequence[ast.expr]) -> list[ast.Expr]:
    found = [module.statement(load) for load in loads if use_of(module, load) == "close"]
    if not all(isinstance(statement, ast.Expr) for statement in found):
        raise RefusedError(USED_AFTER_CLOSE)
    return cast("list[ast.Expr]", found)


def _available(module: Module, site: Site, argument: ast.expr, function: Function, place: ast.stmt) -> list[ast.stmt]:
    """Return the statements that must move along for an argument to be had before a function."""
    needed: list[ast.stmt] = []
    expressions = [argument]
    home = module.scope(place)
    for part in expressions:
        if timing(module, part) is Timing.OPAQUE:
            raise RefusedError(ARGUMENT_INSIDE)
        for name in names_read([part]):
            owner = module.scope(name).lookup(name.id)
            if owner is None or isinstance(owner.node, ast.expr):
                continue
            bindings = owner.bindings[name.id]
            if owner.node is function or _opened_inside(module, owner.node, function):
                statement = _assignment(module, site, name)
                if statement is None:
                    raise RefusedError(ARGUMENT_INSIDE, f"{ARGUMENT_INSIDE.sentence}: `{name.id}`")
                if statement not in needed:
                    needed.insert(0, statement)
                    expressions.append(cast("ast.expr", statement.value))
                continue
            if len(bindings) != 1 or (
                owner is home
                and not isinstance(bindings[0].node, ast.arg)
                and not _stands_before(module, bindings[0].node, place)
            ):
                raise RefusedError(NOT_YET_KNOWN, f"{NOT_YET_KNOWN.sentence}: `{name.id}`")
            looked_up = isinstance(module.parent(name), (ast.Attribute, ast.Subscript)) and not _is_called(module, name)
            if looked_up and not (isinstance(bindings[0].node, ast.arg) or isinstance(bindings[0].value, ast.Call)):
                # Flags are parsed, and settings made, when the program runs.
                raise RefusedError(NOT_YET_KNOWN, f"{NOT_YET_KNOWN.sentence}: `{name.id}`")
    if mutated(module, reach(module, _afterwards(module, place)), expressions):
        raise RefusedError(NOT_YET_KNOWN)
    return needed


def _opened_inside(module: Module, node: ast.AST, function: Function) -> bool:
    """Tell whether a scope is opened inside a function."""
    return function in module.ancestors(node)


def _is_called(module: Module, name: ast.Name) -> bool:
    """Tell whether a name is the head of a function's dotted name, as in ``os.path.join(...)``."""
    node: ast.AST = name
    while isinstance(parent := module.parent(node), ast.Attribute):
        node = parent
    return isinstance(parent, ast.Call) and parent.func is node


def _stands_before(module: Module, binding: ast.AST, place: ast.stmt) -> bool:
    """Tell whether a binding is always made before a definition in the same scope."""
    statement = module.statement(cast("ast.AST", module.parent(binding)) if isinstance(binding, ast.alias) else binding)
    block = module.block(statement)
    path = [place, *module.ancestors(place)]
    onward = [node for node in block if node in path]
    return bool(onward) and block.index(statement) < block.index(onward[0])


def _afterwards(module: Module, place: ast.stmt) -> list[ast.AST]:
    """Return the code that may run between a function's definition and its first call."""
    top = next(statement for statement in module.tree.body if statement is place or place in ast.walk(statement))
    return list(module.tree.body[module.tree.body.index(top) :])


def _clashes(module: Module, place: ast.stmt, name: str, taken: set[str]) -> bool:
    """Tell whether a name that was local means something in the scope around a function."""
    scope = module.scope(place)
    if name in taken or name in scope.bindings:
        return True
    home = scope.lookup(name)
    if home is not None and module.uses(home, name):
        return True
    # A read of the bare name by other code would now find the writer.
    return scope.node is module.tree and any(
        module.scope(use).lookup(name) is None for use in module.find_all(ast.Name) if use.id == name
    )
