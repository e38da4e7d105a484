"""Close summary writers, so that the last events are on disk whichever way the program ends.

A v1 `FileWriter` hands its events to a thread, and nothing waits for that thread at the end of the
program: without `close()`, or a `flush()` after the last event, up to ten events are lost at a normal end,
and often all of a short run (error). FileWriter is a context manager: the statements from its creation to
its last use go into a `with` block, which closes it however they are left, by `break`, `return`, an
exception or `sys.exit()`. Before an `os._exit()` in the block, which leaves no block, `close()` is called.

A `tf.summary` writer loses nothing at a normal end, nor on an exception, and one that is used in short
`with writer.as_default():` blocks never does, since leaving the block flushes: these are left alone. Only
in a program that ends by `os._exit()`, by a signal that it doesn't turn into an exception, or by a job
scheduler, what is buffered is lost (warning). There, a writer that is the default for good
(`set_as_default()`), or for a whole loop, gets a `flush()` at the end of each turn of the outermost loop
that writes; the former is also closed at the end, where no summary can follow: one would raise
`NotFoundError`, since a closed writer stays the default.

https://www.tensorflow.org/api_docs/python/tf/compat/v1/summary/FileWriter
https://www.tensorflow.org/api_docs/python/tf/summary/SummaryWriter

What is kept: the events, with their folder, tag, step and value, and every other result. They are all on
disk. A `close()` that the `with` makes superfluous is taken away.

A writer that is closed is left alone, and so is one that is handed to TensorFlow, whose hooks and
supervisors flush or close it. A writer that an object keeps, that other code gets hold of, or that is used
outside of the block in which it is created is refused: who uses it last can't be seen. In a notebook, a
writer that is used in several cells is refused, since they are run in any order, and more than once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from codemods.analysis.dataflow import Timing, bindings_in, definition, names_read, reach, timing
from codemods.analysis.endings import ABRUPT, Abrupt, Effect, Endings, abrupt_end, importers
from codemods.analysis.module import Function, Module
from codemods.analysis.writers import METHODS, Creation, creation, creations, use_of
from codemods.engine.codemod import (
    Codemod,
    Edit,
    Example,
    Finding,
    InsertAfter,
    InsertBefore,
    Move,
    NoFindingError,
    Refusal,
    RefusedError,
    Remove,
    Replace,
    Rewrite,
    Severity,
    Wrap,
)
from codemods.sessions.training import recording_runs

KEPT_BY_OBJECT = Refusal("kept-by-object", "an object keeps the writer, and when it is used last can't be seen")
ESCAPES = Refusal("escapes", "other code gets hold of the writer, and when it is used last can't be seen")
REBOUND = Refusal("rebound", "the name that holds the writer is bound elsewhere too")
CONDITIONAL = Refusal("conditional", "the writer is created under a condition")
OTHER_BLOCK = Refusal("other-block", "the writer is used outside of the block in which it is created")
SUSPENDED = Refusal("suspended", "a generator uses the writer, and may never be run to its end")
EACH_TURN = Refusal(
    "each-turn", "each turn of the loop opens another writer in the same folder: it is to be created once, before"
)
CELLS = Refusal("several-cells", "the writer is used in several cells of a notebook, which are run in any order")
LOOP_ELSEWHERE = Refusal("loop-elsewhere", "the loop that writes isn't in the function that sets the writer")
UNNAMED = Refusal("unnamed", "no name holds the writer")

LOOPS = (ast.For, ast.While, ast.AsyncFor)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_WRITING = ("add_summary", "add_graph", "add_event", "add_meta_graph", "add_run_metadata", "add_session_log")
_SAVING = ("flush", "close")
_LIBRARIES = ("tensorflow.", "keras.", "contextlib.", "atexit.", "tf_slim.", "tensorpack.")
_STACKS = frozenset({"enter_context", "callback", "push"})
_MAY_WRITE = frozenset({"fit", "train", "evaluate", "as_default", "set_as_default"})
_WIDTH = 100  # a longer line is not made
_V1_OPS = ("tensorflow.summary.", "tensorflow.compat.v1.summary.")
_OPS = frozenset({"scalar", "histogram", "image", "text", "audio", "write", "graph", "trace_export"})

NEVER_CLOSED = """\
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

x = tf.placeholder(tf.float32, [])
tf.summary.scalar("x", x)
merged = tf.summary.merge_all()

with tf.Session() as sess:
    writer = tf.summary.FileWriter("logs", sess.graph)
    for step in range(5):
        writer.add_summary(sess.run(merged, {x: step}), step)
    print("done")
"""
CLOSED = """\
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

x = tf.placeholder(tf.float32, [])
tf.summary.scalar("x", x)
merged = tf.summary.merge_all()

with tf.Session() as sess:
    with tf.summary.FileWriter("logs", sess.graph) as writer:
        for step in range(5):
            writer.add_summary(sess.run(merged, {x: step}), step)
    print("done")
"""
ENDS_ABRUPTLY = """\
import os

import tensorflow as tf

writer = tf.summary.create_file_writer("logs")
writer.set_as_default()
for epoch in range(3):
    tf.summary.scalar("loss", 1 / (epoch + 1), step=epoch)
os._exit(0)
"""
FLUSHED = """\
import os

import tensorflow as tf

writer = tf.summary.create_file_writer("logs")
writer.set_as_default()
for epoch in range(3):
    tf.summary.scalar("loss", 1 / (epoch + 1), step=epoch)
    writer.flush()
writer.close()
os._exit(0)
"""
IN_AN_OBJECT = """\
import tensorflow.compat.v1 as tf


class Logger:
    def __init__(self, folder):
        self.writer = tf.summary.FileWriter(folder)

    def log(self, summary, step):
        self.writer.add_summary(summary, step)
"""


class CloseFileWriter(Codemod):
    """Puts the use of a v1 writer into a ``with``, and flushes a v2 writer in a program that ends abruptly."""

    triggers = (b"create_file_writer", b"FileWriter")
    refusals = (
        KEPT_BY_OBJECT,
        ESCAPES,
        REBOUND,
        CONDITIONAL,
        OTHER_BLOCK,
        SUSPENDED,
        EACH_TURN,
        CELLS,
        LOOP_ELSEWHERE,
        UNNAMED,
    )
    examples = (
        Example(NEVER_CLOSED, after=CLOSED),
        Example(ENDS_ABRUPTLY, after=FLUSHED),
        Example(IN_AN_OBJECT, refusal=KEPT_BY_OBJECT),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the writers whose events may not come to the disk."""
        done: set[ast.stmt] = set()
        for created in creations(module):
            statement = module.statement(created.call)
            if created.version == 1 and statement not in done:
                done.add(statement)
                yield from _graph_mode_finding(module, created)
        yield from _eager_findings(module)

    def rewrites(self, module: Module, findings: Sequence[Finding]) -> Iterator[Rewrite]:
        """Return the edits; v1 writers that are created one after the other share a ``with``."""
        leases = []
        for finding in findings:
            created = creation(module, finding.node)
            if created is None or created.version == 2:
                yield Rewrite((finding,), finding.edits)
            else:
                leases.append((_lease(module, created), finding))
        ends = _common_ends([lease for lease, _ in leases])
        for group in _groups(leases):
            members = tuple(replace(lease, last=ends[lease.statement]) for lease, _ in group)
            yield Rewrite(tuple(finding for _, finding in group), _enclosing(module, members))


# v1: from the creation to the last use. ------------------------------------------------------------------


@dataclass
class _Uses:
    """What is done with a writer, wherever it is passed to.

    Attributes:
        effects: what each node that uses the writer does.
        places: the nodes at which the code around the creation uses it.
        functions: the functions around them that use it themselves.
    """

    effects: dict[ast.AST, Effect] = field(default_factory=dict)
    places: list[ast.AST] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)


@dataclass(frozen=True)
class _Lease:
    """The time in which a writer is in use.

    Attributes:
        statement: the statement that creates it.
        names: the names that hold it; none if it is used in an expression, or not at all.
        call: the call that creates it, if it is the only one of the statement.
        block: the block that the statement stands in.
        first: the index of the first statement that is to be in the `with`.
        last: that of the last one.
        closes: statements that close it, which the `with` does as well.
    """

    statement: ast.stmt
    names: tuple[str, ...]
    call: ast.Call | None
    block: Sequence[ast.stmt]
    first: int
    last: int
    closes: tuple[ast.stmt, ...] = ()

    @property
    def index(self) -> int:
        """Where in its block the statement stands."""
        return self.block.index(self.statement)


def _graph_mode_finding(module: Module, created: Creation) -> Iterator[Finding]:
    message = "Without `close()` a v1 writer loses up to ten of its last events, at a normal end too"
    try:
        lease = _lease(module, created)
    except NoFindingError:
        return
    except RefusedError as error:
        yield Finding(created.call, message, Severity.ERROR, refusal=error.refusal, detail=error.detail)
        return
    remedy = "it is closed" if lease.last < lease.first else "a `with` closes it after its last use, whatever happens"
    yield Finding(created.call, f"{message}; {remedy}", Severity.ERROR)


def _lease(module: Module, created: Creation) -> _Lease:
    """Return the time in which a v1 writer is in use, or raise."""
    call, statement = created.call, module.statement(created.call)
    parent = module.parent(call)
    if isinstance(parent, ast.withitem):
        raise NoFindingError
    block = _block(module, statement)
    found = _unheld(module, created, block)
    if found is not None:
        return found
    targets = _targets(module, statement, call)
    if targets is None:
        if _is_handed_over(module, call) or _may_be_closed(module, None):
            raise NoFindingError
        raise RefusedError(CONDITIONAL if isinstance(parent, (ast.IfExp, ast.BoolOp)) else ESCAPES)
    if not all(isinstance(target, ast.Name) for target in targets):
        raise _kept(module, created, [target for target in targets if not isinstance(target, ast.Name)])
    return _held(module, created, cast("list[ast.Name]", targets), block)


def _unheld(module: Module, created: Creation, block: Sequence[ast.stmt]) -> _Lease | None:
    """Return the time in which a v1 writer is in use that a statement creates and doesn't keep."""
    call, statement = created.call, module.statement(created.call)
    parent, index = module.parent(call), block.index(statement)
    if parent is statement and isinstance(statement, ast.Expr):
        if created.graph is None:
            raise NoFindingError
        return _Lease(statement, (), call, block, index + 1, index)
    if isinstance(parent, ast.Attribute) and parent.attr in METHODS:
        if parent.attr not in _WRITING:
            raise NoFindingError
        if module.parent(module.parent(parent) or parent) is not statement or not isinstance(statement, ast.Expr):
            raise RefusedError(UNNAMED)
        return _Lease(statement, (), call, block, index, index)
    return None


def _held(module: Module, created: Creation, names: list[ast.Name], block: Sequence[ast.stmt]) -> _Lease:
    """Return the time in which v1 writers are in use that names hold."""
    statement = module.statement(created.call)
    index = block.index(statement)
    uses = _Uses()
    for name in names:
        _collect(module, name, block, uses)
    if uses.functions and not any(uses.effects.get(place) in uses.functions for place in uses.places):
        raise _out_of_sight(module, uses.functions[0].body[0], names[0].id)
    waiting = any(made.graph is not None for made in creations(module) if module.statement(made.call) is statement)
    endings = Endings(module, uses.effects.get)
    if not endings.may_wait(block[index + 1 :], waiting) and not (
        "write" in uses.effects.values() and "save" not in uses.effects.values()
    ):
        raise NoFindingError
    _check_scope(module, created, names, uses)
    if any(_index(module, block, place) is None and uses.effects.get(place) == "save" for place in uses.places):
        raise NoFindingError  # closed by the code around the block
    used = [place for place in uses.places if not _is_close(module, place)]
    indexes = [_index(module, block, place) for place in used]
    if any(found is None or found <= index for found in indexes):
        raise RefusedError(OTHER_BLOCK)
    found = sorted(cast("list[int]", indexes))
    single = created.call if _fits(statement) and len(names) == 1 else None
    texts = tuple(name.id for name in names)
    if not found:
        # Where the program's summaries are going to be run, the writer is open.
        found = [_last_run(module, block, index)]
    if found == [index]:
        return _Lease(statement, texts, single, block, index + 1, index)
    first, last = index + 1, found[-1]
    between = block[first : found[0]]
    if any(isinstance(node, (*_DEFINITIONS, ast.Import, ast.ImportFrom)) for node in between):
        first, single = found[0], None  # what is defined or imported in between stays where it is
    inside = block[first : last + 1]
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _own(inside)):
        raise RefusedError(SUSPENDED)
    if module.path.endswith(".ipynb") and any(map(_ends_cell, block[index : last + 1])):
        raise RefusedError(CELLS)
    closes = tuple(
        node
        for node in block[last + 1 :]
        if isinstance(node, ast.Expr) and _closed(module, node) in texts and not _has_comment(module, node)
    )
    return _Lease(statement, texts, single, block, first, last, closes)


def _fits(statement: ast.stmt) -> bool:
    """Tell whether an assignment stays on one line when it becomes the head of a `with`."""
    width = cast("int", statement.end_col_offset) + len("with  as :") - len(" = ")
    return isinstance(statement, ast.Assign) and statement.lineno == statement.end_lineno and width <= _WIDTH


def _last_run(module: Module, block: Sequence[ast.stmt], index: int) -> int:
    """Return the index of the last statement of a block that is going to use a writer that nothing uses yet.

    It is the one with the runs that are to record the summaries of the graph; where that can't be told, the last
    loop that runs a session, in a module that has summaries.
    """
    places = (_index(module, block, run) for run in recording_runs(module))
    recording = [place for place in places if place is not None and place > index]
    if recording:
        return max(recording)
    summaries = (module.resolve(call.func) or "" for call in module.find_all(ast.Call))
    if not any(name.startswith(_V1_OPS) and name.rpartition(".")[2] in _OPS for name in summaries):
        return index
    loops = [
        number
        for number, statement in enumerate(block)
        if number > index
        and isinstance(statement, LOOPS)
        and any(isinstance(node, ast.Attribute) and node.attr in {"run", "eval"} for node in ast.walk(statement))
    ]
    return max(loops, default=index)


def _is_close(module: Module, place: ast.AST) -> bool:
    return isinstance(place, ast.Name) and use_of(module, place) == "close"


def _block(module: Module, statement: ast.stmt) -> list[ast.stmt]:
    if isinstance(statement, (ast.If, ast.While, *_DEFINITIONS)) or isinstance(module.parent(statement), ast.ClassDef):
        raise RefusedError(ESCAPES)
    return module.block(statement)


def _targets(module: Module, statement: ast.stmt, call: ast.Call) -> list[ast.expr] | None:
    """Return what an assignment binds to v1 writers; None where the statement does something else."""
    match statement:
        case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)) if call in values:
            made = [creation(module, value) for value in values]
            if len(targets) == len(values) and all(each is not None and each.version == 1 for each in made):
                return list(targets)
            return None
        case ast.Assign([target], value) | ast.AnnAssign(target=target, value=value) if value is call:
            return [target]
    return None


def _is_handed_over(module: Module, node: ast.AST) -> bool:
    """Tell whether a writer is handed to code that flushes or closes it."""
    parent = module.parent(node)
    if isinstance(parent, ast.keyword):
        parent = module.parent(parent)
    if isinstance(parent, (ast.List, ast.Tuple)):
        parent = module.parent(parent)
    if isinstance(parent, ast.Call) and parent.func is not node:
        name = module.resolve(parent.func) or ""
        return name.startswith(_LIBRARIES) or (isinstance(parent.func, ast.Attribute) and parent.func.attr in _STACKS)
    return isinstance(parent, ast.withitem)


def _kept(module: Module, created: Creation, targets: Sequence[ast.expr]) -> Exception:
    """Return what is to be said about a writer that an attribute or a container holds."""
    for target in targets:
        name = target.attr if isinstance(target, ast.Attribute) else None
        if _may_be_closed(module, name):
            return NoFindingError()
        if name is None:
            continue
        uses = [(other, use) for other in _around(module, name) for use in other.attributes.get(name, ())]
        if any(_is_handed_over(other, use) for other, use in uses):
            return NoFindingError()
        written = [(other, use) for other, use in uses if use_of(other, use) in _WRITING]
        if all(_flushed_after(other, use) for other, use in written) and (written or created.graph is None):
            return NoFindingError()
    return RefusedError(KEPT_BY_OBJECT)


def _around(module: Module, word: str) -> Iterator[Module]:
    """Yield a module, and those that import it and hold a word."""
    yield module
    yield from importers(module, word)


def _may_be_closed(module: Module, name: str | None) -> bool:
    """Tell whether some code closes what may be a writer, of a name if one is given."""
    for other in _around(module, "close"):
        for closing in other.attributes.get("close", ()):
            last = ast.unparse(closing.value).rpartition(".")[2]
            if last == name or (name is None and ("writer" in last.lower() or last in {"w", "v", "value"})):
                return True
    return False


def _flushed_after(module: Module, use: ast.Attribute) -> bool:
    """Tell whether a ``flush()`` of the same writer stands behind a use in the same block."""
    statement = module.statement(use)
    block = module.block(statement)
    text = f"{ast.unparse(use)}.flush()"
    return any(isinstance(node, ast.Expr) and ast.unparse(node) == text for node in block[block.index(statement) + 1 :])


# What is done with a writer.


def _collect(module: Module, name: ast.Name, block: Sequence[ast.stmt], uses: _Uses) -> None:
    """Note what is done with the writer that a name holds, or raise."""
    scope = module.scope(name).lookup(name.id)
    assert scope is not None
    everything = module.uses(scope, name.id)
    bound = [use for use in everything if not isinstance(use.ctx, ast.Load) and use is not name]
    bound += [binding.node for binding in scope.bindings[name.id] if not isinstance(binding.node, ast.Name)]  # type: ignore[misc]
    loads = [use for use in everything if isinstance(use.ctx, ast.Load)]
    following = _next_binding(module, name, bound, block)
    if bound and following is None:
        closed = any(use_of(module, load) == "close" for load in loads)
        raise NoFindingError if closed else RefusedError(REBOUND)
    if following is not None:
        start = module.statement(name).lineno
        loads = [load for load in loads if start <= load.lineno <= following]
    home = module.function(name)
    if home is not None and scope.node is module.tree:
        if _may_be_closed(module, name.id):
            raise NoFindingError
        raise RefusedError(ESCAPES, f"{ESCAPES.sentence}: `{name.id}` is global")
    for load in loads:
        _follow(module, load, uses, name.id)
        function = module.function(load)
        if function is home:
            uses.places.append(load)
        else:
            _collect_calls(module, cast("Function", function), home, uses, name.id)


def _next_binding(module: Module, name: ast.Name, bound: Sequence[ast.AST], block: Sequence[ast.stmt]) -> int | None:
    """Return the line before which a name means this writer, where the block binds it one after the other."""
    statements = [module.statement(node) for node in bound if isinstance(node, ast.Name)]
    if len(statements) != len(bound) or any(node not in block for node in statements):
        return None
    scope = module.scope(name).lookup(name.id)
    assert scope is not None
    loads = [use for use in module.uses(scope, name.id) if isinstance(use.ctx, ast.Load)]
    first = min(node.lineno for node in [*statements, module.statement(name)])
    home = module.function(name)
    if any(module.function(load) is not home or load.lineno <= first for load in loads):
        return None
    later = [node.lineno for node in statements if node.lineno > name.lineno]
    return min(later, default=1 + max([name.lineno, *(load.lineno for load in loads)]))


def _follow(module: Module, load: ast.expr, uses: _Uses, name: str) -> None:
    """Note what one use does, or raise where the writer gets out of sight."""
    if any(isinstance(node, ast.Lambda) for node in _up_to_function(module, load)):
        raise _out_of_sight(module, load, name)
    use = use_of(module, load)
    if use in _SAVING:
        uses.effects[load] = "save"
        return
    if use in _WRITING:
        uses.effects[load] = "write"
        return
    if use in {"test", "get_logdir"}:
        return
    parent = module.parent(load)
    if isinstance(parent, ast.Attribute):
        if parent.attr in _SAVING:
            raise NoFindingError  # ``atexit.register(writer.close)``
        raise _out_of_sight(module, load, name)
    if _is_handed_over(module, load):
        raise NoFindingError
    given = parent.arg if isinstance(parent, ast.keyword) else None
    call = module.parent(parent) if isinstance(parent, ast.keyword) else parent
    if not isinstance(call, ast.Call) or call.func is load:
        raise _out_of_sight(module, load, name)
    if module.resolve(call.func) == "builtins.print":
        return
    where, function = definition(module, call.func) or (None, None)
    if where is None or not isinstance(function, ast.FunctionDef) or isinstance(where.parent(function), ast.ClassDef):
        raise _out_of_sight(module, load, name)
    parameter = _parameter(function, call, load, given)
    if parameter is None or not _is_plain(function):
        raise _out_of_sight(module, load, name)
    if call in uses.effects:
        return
    uses.effects[call] = function
    for inner in where.uses(where.inner_scope(function), parameter):
        if not isinstance(inner.ctx, ast.Load) or where.function(inner) is not function:
            raise _out_of_sight(module, load, name)
        if inner not in uses.effects:
            _follow(where, inner, uses, parameter)


def _up_to_function(module: Module, node: ast.AST) -> Iterator[ast.AST]:
    for around in module.ancestors(node):
        if isinstance(around, _DEFINITIONS):
            return
        yield around


def _parameter(function: ast.FunctionDef, call: ast.Call, load: ast.expr, given: str | None) -> str | None:
    """Return the parameter that gets an argument of a call."""
    positional = [*function.args.posonlyargs, *function.args.args]
    if given is not None:
        return next((each.arg for each in [*positional, *function.args.kwonlyargs] if each.arg == given), None)
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    index = call.args.index(load)
    return positional[index].arg if index < len(positional) else None


def _is_plain(function: Function) -> bool:
    """Tell whether a function does its work when it is called, and no other time."""
    return (
        isinstance(function, ast.FunctionDef)
        and not function.decorator_list
        and not any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _own(function.body))
    )


def _out_of_sight(module: Module, load: ast.AST, name: str) -> Exception:
    if _may_be_closed(module, name):
        return NoFindingError()
    text = ast.unparse(module.statement(load)).partition("\n")[0]
    return RefusedError(ESCAPES, f"{ESCAPES.sentence}: `{text if len(text) <= 60 else text[:57] + '...'}`")


def _collect_calls(module: Module, function: Function, home: Function | None, uses: _Uses, name: str) -> None:
    """Note the calls of a function that uses the writer of the code around it."""
    if function in uses.functions:
        return
    uses.functions.append(function)
    if isinstance(module.parent(function), ast.ClassDef) or not _is_plain(function):
        raise _out_of_sight(module, function.body[0], name)
    references = [use for use in module.uses(module.scope(function), function.name) if use.ctx.__class__ is ast.Load]
    for reference in references:
        call = module.parent(reference)
        if not isinstance(call, ast.Call) or not (call.func is reference or _is_main(module, call)):
            raise _out_of_sight(module, reference, name)
        uses.effects[call] = function
        caller = module.function(reference)
        if caller is home:
            uses.places.append(call)
        else:
            _collect_calls(module, cast("Function", caller), home, uses, name)
    if not references:
        raise _out_of_sight(module, function.body[0], name)


def _is_main(module: Module, call: ast.Call) -> bool:
    """Tell whether a call runs the main function that it is given."""
    return (module.resolve(call.func) or "") in {
        "absl.app.run",
        "tensorflow.app.run",
        "tensorflow.compat.v1.app.run",
    }


def _check_scope(module: Module, created: Creation, names: Sequence[ast.Name], uses: _Uses) -> None:
    """Refuse a writer that other modules see, or that each turn of a loop creates in the same folder."""
    scope = module.scope(names[0])
    if scope.node is module.tree:
        shared = {*(name.id for name in names), *(function.name for function in uses.functions)}
        if any(_refers(other, module, shared) for other in importers(module, *shared)):
            raise RefusedError(ESCAPES, f"{ESCAPES.sentence}: another module imports it")
    loop = next((node for node in _up_to_function(module, created.call) if isinstance(node, LOOPS)), None)
    folder = created.folder
    if loop is None or folder is None or _leaves_loop(module, created, loop):
        return
    varies = timing(module, folder) is not Timing.FIXED or any(
        bindings_in(module, name, [loop]) for name in names_read([folder])
    )
    if not varies:
        raise RefusedError(EACH_TURN)


def _leaves_loop(module: Module, created: Creation, loop: ast.AST) -> bool:
    """Tell whether the loop is left in the turn that creates the writer."""
    block = module.block(module.statement(created.call))
    return isinstance(block[-1], (ast.Return, ast.Break, ast.Raise)) and loop in module.ancestors(block[-1])


def _refers(other: Module, module: Module, names: set[str]) -> bool:
    for statement in other.find_all(ast.ImportFrom):
        base = "." * statement.level + (statement.module or "")
        named = any(alias.name in names or alias.name == "*" for alias in statement.names)
        if named and other.project is not None and other.project.find(base, other.path)[0] == module.path:
            return True
    found = (node for name in names for node in other.attributes.get(name, ()))
    return any(other.resolve(node) == f"{module.id}.{node.attr}" for node in found)


def _index(module: Module, block: Sequence[ast.stmt], node: ast.AST) -> int | None:
    """Return the index of the statement of a block that a node is in."""
    path = {node, *module.ancestors(node)}
    return next((index for index, statement in enumerate(block) if statement in path), None)


def _own(statements: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of some code, those of inner functions and classes left out."""
    pending = list(statements)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
            pending += ast.iter_child_nodes(node)


def _ends_cell(statement: ast.stmt) -> bool:
    """Tell whether a statement is the mark that stands behind each cell of a notebook."""
    match statement:
        case ast.Expr(ast.Constant(str() as text)) | ast.Expr(ast.Tuple([ast.Constant(str() as text), *_])):
            return text.startswith("__notebook__")
    return False


def _closed(module: Module, statement: ast.Expr) -> str | None:
    """Return the name that a ``name.close()`` statement closes."""
    match statement.value:
        case ast.Call(ast.Attribute(ast.Name(name), "close"), [], []):
            return name
    return None


def _has_comment(module: Module, statement: ast.stmt) -> bool:
    line = module.lines[cast("int", statement.end_lineno) - 1].encode()
    above = module.lines[statement.lineno - 2].strip() if statement.lineno > 1 else ""
    return b"#" in line[cast("int", statement.end_col_offset) :] or above.startswith("#")


# v1: the edits. ------------------------------------------------------------------------------------------


def _common_ends(leases: Sequence[_Lease]) -> dict[ast.stmt, int]:
    """Return where the use of each writer ends, so that one block holds another as a whole."""
    ends = {lease.statement: lease.last for lease in leases}
    for _ in leases:
        for one in leases:
            for other in leases:
                if one.block is other.block and one.index < other.index <= ends[one.statement]:
                    ends[one.statement] = max(ends[one.statement], ends[other.statement])
    return ends


_Leased = tuple[_Lease, Finding]


def _groups(leases: Sequence[_Leased]) -> list[list[_Leased]]:
    """Return the writers, those together that are created one after the other and are in use as long."""
    groups: list[list[_Leased]] = []
    for lease, finding in leases:
        before = groups[-1][-1][0] if groups else None
        if (
            before is not None
            and before.block is lease.block
            and before.index + 1 == lease.index
            and before.first <= before.last
            and lease.first <= lease.last
            and before.names
            and lease.names
        ):
            groups[-1].append((lease, finding))
        else:
            groups.append([(lease, finding)])
    return groups


def _enclosing(module: Module, leases: Sequence[_Lease]) -> tuple[Edit, ...]:
    """Return the edits that close some writers after their last use."""
    lease = leases[0]
    if not lease.names:
        return _unnamed(module, lease)
    if lease.last < lease.first:
        return (InsertAfter(lease.statement, "\n".join(f"{name}.close()" for name in lease.names)),)
    names = [name for each in leases for name in each.names]
    first, last = max(each.first for each in leases), max(each.last for each in leases)
    block = lease.block
    inside: Sequence[ast.stmt] = block[first : last + 1]
    edits: list[Edit] = [Remove(close) for each in leases for close in each.closes]
    closing = "\n".join(f"{name}.close()" for name in names)
    edits += [InsertBefore(node, closing) for node in _abrupt(module, inside)]
    if len(leases) == 1 and lease.call is not None:
        head = ("with ", Move(lease.call), f" as {names[0]}:")
        return (Wrap(inside[0], inside[-1], head, instead=lease.statement), *edits)
    match inside:
        case [ast.If(orelse=[]) as main] if _asks_for_main(main.test):
            inside = main.body
    return (Wrap(inside[0], inside[-1], f"with {', '.join(names)}:"), *edits)


def _unnamed(module: Module, lease: _Lease) -> tuple[Edit, ...]:
    call = cast("ast.Call", lease.call)
    if lease.last < lease.first:
        return (Replace(call, (Move(call), ".close()")),)
    used = {node.id for node in module.find_all(ast.Name)}
    name = next(each for each in ("writer", "summary_writer", "file_writer", "v1_writer") if each not in used)
    code = ("with ", Move(call), f" as {name}:\n    ", Move(lease.statement, (Replace(call, name),)))
    return InsertBefore(lease.statement, code), Remove(lease.statement)


def _abrupt(module: Module, statements: Sequence[ast.stmt]) -> Iterator[ast.Expr]:
    """Yield the statements, outside of inner functions, that end the program without leaving any block."""
    for node in _own(statements):
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and module.resolve(call.func) in ABRUPT:
            yield cast("ast.Expr", node)


def _asks_for_main(test: ast.expr) -> bool:
    return ast.unparse(test) == "__name__ == '__main__'"


# v2: a program that ends abruptly. -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Default:
    """A v2 writer that is the default for some time.

    Attributes:
        call: the call that makes it so.
        writer: how the code calls it; None where it is created in the same expression.
        flush: the call that flushes it.
        flush_any: the call that flushes whatever writer is the default; None where the code has no name for it.
        region: the `with` around the time; None where it lasts for good.
    """

    call: ast.Call
    writer: ast.Name | ast.Attribute | None
    flush: str | None
    flush_any: str | None
    region: ast.With | None


def _eager_findings(module: Module) -> Iterator[Finding]:
    defaults = list(_defaults(module))
    end = abrupt_end(module) if defaults else None
    if end is None:
        return
    for default in defaults:
        what = "the default writer" if default.region is None else "a writer whose `with` is around the whole loop"
        message = f"The program may end abruptly ({end.reason}), and {what} then loses what it hasn't flushed"
        try:
            edits = _flushing(module, default, end)
        except NoFindingError:
            continue
        except RefusedError as error:
            yield Finding(default.call, message, Severity.WARNING, refusal=error.refusal, detail=error.detail)
            continue
        closed = any(".close()" in str(getattr(edit, "code", "")) for edit in edits)
        remedy = "it is flushed at the end of each turn" + (", and closed at the end" if closed else "")
        yield Finding(default.call, f"{message}; {remedy}", Severity.WARNING, edits)


def _defaults(module: Module) -> Iterator[_Default]:
    for name in ("set_as_default", "as_default"):
        for node in module.attributes.get(name, ()):
            call = module.parent(node)
            made = _created(module, node.value)
            if not isinstance(call, ast.Call) or call.func is not node or made is None:
                continue
            writer = node.value if isinstance(node.value, (ast.Name, ast.Attribute)) else None
            maker = made.call.func
            flush_any = f"{ast.unparse(maker.value)}.flush()" if isinstance(maker, ast.Attribute) else None
            flush = f"{ast.unparse(writer)}.flush()" if writer is not None else flush_any
            around = module.parent(module.parent(call) or call)
            if name == "set_as_default" and isinstance(module.parent(call), ast.Expr):
                yield _Default(call, writer, flush, flush_any, None)
            elif name == "as_default" and isinstance(around, ast.With):
                yield _Default(call, writer, flush, flush_any, around)


def _created(module: Module, node: ast.expr) -> Creation | None:
    """Return the v2 creation that an expression is, or that its name holds."""
    values: list[ast.expr | None] = [node]
    if isinstance(node, ast.Name):
        values = [binding.value for binding in module.bindings(node)]
    elif isinstance(node, ast.Attribute):
        stored = [use for use in module.attributes[node.attr] if isinstance(use.ctx, ast.Store)]
        values = [getattr(module.parent(use), "value", None) for use in stored]
    found = [creation(module, value) for value in values]
    made = found[0] if len(found) == 1 else None
    return made if made is not None and made.version == 2 else None


def _flushing(module: Module, default: _Default, end: Abrupt) -> tuple[Edit, ...]:
    """Return the edits that flush and close a default writer in a program that ends abruptly, or raise."""
    statement = module.statement(default.call)
    if any(isinstance(node, LOOPS) for node in _up_to_function(module, statement)):
        raise NoFindingError
    function = module.function(statement)
    if _is_asked(module, default, {"init"}):
        raise NoFindingError  # an operation of a graph
    body: Sequence[ast.stmt] = (function or module.tree).body
    if default.region is not None:
        body = default.region.body
        if function is not None and _called_in_loop(module, function):
            raise NoFindingError
        if not end.at_any_time and not _ends_inside(module, body):
            raise NoFindingError
    loops = [
        node
        for node in _own(body)
        if isinstance(node, LOOPS)
        and node.lineno > statement.lineno
        and not any(isinstance(around, LOOPS) for around in _up_to_function(module, node))
        and _may_write(module, [node])
    ]
    if not loops and default.region is not None:
        raise NoFindingError
    if not loops:
        raise RefusedError(LOOP_ELSEWHERE)
    waiting = [loop for loop in loops if not _is_flushed(module, default, loop)]
    if not waiting:
        raise NoFindingError
    if default.flush is None:
        raise RefusedError(UNNAMED)
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _own(body)):
        raise RefusedError(SUSPENDED)
    if module.path.endswith(".ipynb") and function is None and default.region is None:
        raise RefusedError(CELLS)
    edits: list[Edit] = []
    for loop in waiting:
        last = loop.body[-1]
        leaving = isinstance(last, (ast.Return, ast.Raise, ast.Break, ast.Continue))
        edits.append(InsertBefore(last, default.flush) if leaving else InsertAfter(last, default.flush))
    closing = default.flush if default.writer is None else f"{ast.unparse(default.writer)}.close()"
    ends = [node for node in _abrupt(module, body) if node.lineno > statement.lineno]
    edits += [InsertBefore(node, closing) for node in ends if not _is_preceded(module, node, default)]
    if ends or default.region is not None or _is_asked(module, default, {"close"}):
        return tuple(edits)
    last_loop = max(loops, key=lambda loop: loop.lineno)
    place = _end_of_writing(module, default, last_loop)
    if place is not None:
        return (*edits, InsertAfter(place, closing))
    if any(isinstance(node, ast.Break) and module.enclosing(node, *LOOPS) is last_loop for node in _own([last_loop])):
        edits.append(InsertAfter(last_loop, default.flush))
    if function is not None and default.flush_any is not None:
        edits += [InsertBefore(node, default.flush_any) for node in _abrupt(module, module.tree.body)]
    return tuple(edits)


def _is_asked(module: Module, default: _Default, methods: set[str]) -> bool:
    if default.writer is None:
        return False
    text = ast.unparse(default.writer)
    return any(ast.unparse(node.value) == text for name in methods for node in module.attributes.get(name, ()))


def _called_in_loop(module: Module, function: Function) -> bool:
    """Tell whether a function is seen, or may be thought, to be called again and again."""
    if isinstance(module.parent(function), ast.ClassDef):
        uses: list[ast.AST] = [*module.attributes.get(function.name, ())]
    else:
        uses = [*module.uses(module.scope(function), function.name)]
    return any(isinstance(node, LOOPS) for use in uses for node in _up_to_function(module, use))


def _ends_inside(module: Module, body: Sequence[ast.stmt]) -> bool:
    return any(
        isinstance(node, ast.Call) and other.resolve(node.func) in ABRUPT for other, node in reach(module, body).walk()
    )


def _may_write(module: Module, nodes: Sequence[ast.AST], *, unseen: bool = False) -> bool:
    """Tell whether some code writes summaries to the default writer.

    Args:
        module: the module.
        nodes: the code.
        unseen: what is to be thought of code that is out of sight.
    """
    reached = reach(module, nodes)
    if unseen and (reached.unseen or reached.endless):
        return True
    for other, node in reached.walk():
        if isinstance(node, ast.Call):
            base, _, name = (other.resolve(node.func) or "").rpartition(".")
            if base == "tensorflow.summary" and name in _OPS:
                return True
            if unseen and isinstance(node.func, ast.Attribute) and node.func.attr in _MAY_WRITE:
                return True
    return False


def _is_flushed(module: Module, default: _Default, loop: ast.AST) -> bool:
    """Tell whether the turns of a loop flush the writer, or write in a `with` of its own."""
    text = ast.unparse(default.writer) if default.writer is not None else None
    for other, node in reach(module, [loop]).walk():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if other.resolve(node.func) == "tensorflow.summary.flush":
                return True
            if node.func.attr in {"flush", "as_default"} and ast.unparse(node.func.value) == text:
                return True
    return False


def _is_preceded(module: Module, statement: ast.stmt, default: _Default) -> bool:
    """Tell whether the writer is flushed or closed right before a statement."""
    block = module.block(statement)
    before = block[: block.index(statement)][-1:]
    text = ast.unparse(default.writer) if default.writer is not None else ""
    return any(ast.unparse(node) in {f"{text}.close()", f"{text}.flush()", default.flush} for node in before)


def _end_of_writing(module: Module, default: _Default, loop: ast.stmt) -> ast.stmt | None:
    """Return the last statement that may write to a writer, if none after it does, nor other code later on."""
    if not isinstance(default.writer, ast.Name):
        return None
    block = module.block(loop)
    later = block[block.index(loop) + 1 :]
    writing = [node for node in later if _may_write(module, [node], unseen=True)]
    place = writing[-1] if writing else loop
    function = module.function(loop)
    owner = module.scope(default.writer).lookup(default.writer.id)
    if isinstance(place, ast.Return) or owner is None or owner.node is not (function or module.tree):
        return None
    return place if _nothing_follows(module, block[-1], frozenset()) else None


def _nothing_follows(module: Module, statement: ast.stmt, seen: frozenset[Function]) -> bool:
    """Tell whether no code that comes after a statement, which is the last of its block, may write."""
    for around in _up_to_function(module, statement):
        if isinstance(around, LOOPS):
            return False
        if isinstance(around, ast.stmt) and not isinstance(around, ast.ExceptHandler):
            block = module.block(around)
            if _may_write(module, block[block.index(around) + 1 :], unseen=True):
                return False
        if isinstance(around, ast.Try) and _may_write(module, around.finalbody, unseen=True):
            return False
    function = module.function(statement)
    if function is None:
        return not any(importers(module))
    if function in seen or isinstance(module.parent(function), ast.ClassDef) or function.decorator_list:
        return False
    uses = [use for use in module.uses(module.scope(function), function.name) if isinstance(use.ctx, ast.Load)]
    call = module.parent(uses[0]) if len(uses) == 1 else None
    if not isinstance(call, ast.Call) or not (call.func is uses[0] or _is_main(module, call)):
        return False
    caller = module.statement(call)
    block = module.block(caller)
    return not _may_write(module, block[block.index(caller) + 1 :], unseen=True) and _nothing_follows(
        module, block[-1], seen | {function}
    )
