"""The places where a program runs its graph: `session.run`, `operation.run`, `tensor.eval`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from codemods.analysis.module import Module
from codemods.analysis.places import loops
from codemods.engine.codemod import RefusedError
from codemods.sessions.flow import Flow, v1_name
from codemods.sessions.refusals import SEVERAL_LOOPS, SEVERAL_RUNS

SESSIONS = frozenset({
    "Session", "InteractiveSession", "get_default_session", "train.MonitoredTrainingSession",
    "train.MonitoredSession", "train.SingularMonitoredSession",
})  # fmt: skip
MONITORED = frozenset({"train.MonitoredTrainingSession", "train.MonitoredSession", "train.SingularMonitoredSession"})
_SESSION_METHODS = frozenset({"managed_session", "prepare_or_wait_for_session", "prepare_session"})
_LIKE_SESSIONS = re.compile(r"(?i)(self\.)?_*(\w+_)?(sess|session)\d*")
_TRAINING_METHODS = frozenset({"minimize", "apply_gradients", "create_train_op", "get_updates"})
_ASSIGNING = re.compile(r"(assign|scatter)(_\w+)?")
_LIKE_TRAINING = re.compile(
    r"(?i)_*(\w+_)?(train|training|optim|optimi[sz]er?|minimi[sz]er?|solver|update|apply_gradients)(_?(ops?|steps?|tensor))?\d*"
    r"|_*train(_?ops?|_?steps?)?_\w+"
)
_GROUPS = frozenset({"group", "tuple", "identity", "no_op", "control_flow_ops.with_dependencies"})
_PREPARING = re.compile(
    r"(global|local)_variables_initializer|tables_initializer|initialize_\w+|variables_initializer|no_op"
)


@dataclass(eq=False)
class Run:
    """One place that runs a part of the graph.

    Attributes:
        module: where it stands.
        call: the call.
        fetches: the expression that says what is run.
        feed: the expression that says what is fed, if anything.
        session: the session as the code calls it; None where the default session is meant.
        method: ``run`` of a session; ``op.run`` and ``eval`` of what is to be run.
    """

    module: Module
    call: ast.Call
    fetches: ast.expr
    feed: ast.expr | None
    session: ast.expr | None
    method: str

    @cached_property
    def statement(self) -> ast.stmt:
        """The statement that it stands in."""
        return self.module.statement(self.call)

    @property
    def fetched(self) -> list[ast.expr]:
        """The expressions that are fetched, those of displays one by one."""
        return list(_leaves(self.fetches))


def runs(flow: Flow) -> Iterator[Run]:
    """Yield the places of a module that run the graph, in the order of the source."""
    module = flow.module
    found: list[ast.Attribute] = [*module.attributes.get("run", ()), *module.attributes.get("eval", ())]
    found.sort(key=_position)
    for node in found:
        call = module.parent(node)
        if isinstance(call, ast.Call) and call.func is node and module.resolve(node) is None:
            run = _run(flow, node, call)
            if run is not None:
                yield run


def _position(node: ast.Attribute) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _run(flow: Flow, function: ast.Attribute, call: ast.Call) -> Run | None:
    if any(isinstance(each, ast.Starred) for each in call.args) or any(not each.arg for each in call.keywords):
        return None
    module = flow.module
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if function.attr == "run" and is_session(flow, function.value):
        fetches = call.args[0] if call.args else given.get("fetches")
        feed = call.args[1] if len(call.args) > 1 else given.get("feed_dict")
        return None if fetches is None else Run(module, call, fetches, feed, function.value, "run")
    if given.keys() - {"feed_dict", "session"} or len(call.args) > 2:
        return None
    # An object that is only called like a training is one if it is given what only operations are.
    sure = rank(flow, function.value)
    if function.attr == "run" and not (sure in (1, 3) or (given and sure)):
        return None
    if function.attr == "eval" and not (given or _of_graph(flow, function.value)):
        return None
    feed = call.args[0] if call.args else given.get("feed_dict")
    session = call.args[1] if len(call.args) > 1 else given.get("session")
    return Run(module, call, function.value, feed, session, "op.run" if function.attr == "run" else "eval")


def is_session(flow: Flow, node: ast.expr) -> bool:
    """Tell whether an expression is a session."""
    made = [
        v1_name(module, origin.func) in SESSIONS
        or module.resolve(origin.func) == "keras.backend.get_session"
        or (isinstance(origin.func, ast.Attribute) and origin.func.attr in _SESSION_METHODS)
        for module, origin in flow.origins(flow.module, node)
        if isinstance(origin, ast.Call)
    ]
    return all(made) if made else _LIKE_SESSIONS.fullmatch(ast.unparse(node)) is not None


def _of_graph(flow: Flow, node: ast.expr) -> bool:
    """Tell whether an expression is seen to be a tensor of the graph."""
    return any(
        isinstance(origin, ast.Call) and v1_name(module, origin.func) is not None
        for module, origin in flow.origins(flow.module, node)
    )


def rank(flow: Flow, node: ast.expr) -> int:
    """Return how sure it is that running an expression trains: 3 for what an optimizer made, 0 for nothing."""
    return max((_rank_of_leaf(flow, leaf) for leaf in _leaves(node)), default=0)


def _rank_of_leaf(flow: Flow, leaf: ast.expr) -> int:
    origins = flow.origins(flow.module, leaf)
    best = max((_rank(flow, *place, 0) for place in origins), default=0)
    # What code out of sight has made is known by its name.
    unknown = any(isinstance(origin, ast.Call) and module.resolve(origin.func) is None for module, origin in origins)
    unknown = unknown or any(_is_foreign(*place) for place in origins)
    return best or (_like_training(leaf) if unknown else 0)


def _is_foreign(module: Module, node: ast.AST) -> bool:
    name = module.resolve(node.func) if isinstance(node, ast.Call) else None
    return name is not None and not name.startswith(("tensorflow.", "builtins.", "keras."))


def _like_training(node: ast.AST) -> int:
    text = node.arg if isinstance(node, ast.arg) else ast.unparse(node) if isinstance(node, ast.expr) else ""
    return 2 if _LIKE_TRAINING.fullmatch(text.rpartition(".")[2]) else 0


def _rank(flow: Flow, module: Module, node: ast.AST, depth: int) -> int:
    if depth > 8:
        return 0
    if isinstance(node, (ast.List, ast.Tuple, ast.Dict)):
        inner = [place for leaf in _leaves(node) for place in flow.origins(module, leaf)]
        return max((_rank(flow, *place, depth + 1) for place in inner), default=0)
    if isinstance(node, ast.Call):
        name = v1_name(module, node.func) or ""
        method = node.func.attr if isinstance(node.func, ast.Attribute) else name
        if method in _TRAINING_METHODS:
            return 3
        if _ASSIGNING.fullmatch(name or method):
            return 1
        if name in _GROUPS or method == "with_dependencies":
            parts: list[ast.AST] = [*node.args, *(k.value for k in node.keywords), *_dependencies(module, node)]
            inner = [place for part in parts for place in flow.origins(module, part)]
            return max((_rank(flow, *place, depth + 1) for place in inner), default=0)
        return 0
    return _like_training(node)


def _dependencies(module: Module, node: ast.AST) -> Iterator[ast.expr]:
    """Yield what ``with tf.control_dependencies(...)`` around a node makes it wait for."""
    for around in module.ancestors(node):
        for item in around.items if isinstance(around, ast.With) else ():
            call = item.context_expr
            if isinstance(call, ast.Call) and v1_name(module, call.func) == "control_dependencies":
                yield from call.args


def prepares(flow: Flow, run: Run) -> bool:
    """Tell whether a run only initializes something."""
    origins = [place for leaf in run.fetched for place in flow.origins(run.module, leaf)]
    for module, node in origins:
        if isinstance(node, ast.Call) and _is_group(module, node):
            origins += [place for each in node.args for place in flow.origins(module, each)]  # while it is gone through
    origins = [each for each in origins if not _is_group(*each)]
    return bool(origins) and all(
        (isinstance(node, ast.Call) and _PREPARING.fullmatch(v1_name(module, node.func) or "") is not None)
        or (isinstance(node, ast.Attribute) and node.attr in ("initializer", "initialize"))
        or (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "make_initializer"
        )
        for module, node in origins
    )


def _is_group(module: Module, node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and v1_name(module, node.func) == "group"


def together(flow: Flow, able: Sequence[Run]) -> list[Run]:
    """Return the one of some runs that each turn of the training makes, or those of which it makes one, or raise."""
    module = flow.module
    able = [run for run in able if loops(module, run.call)] or able
    if len({loop for run in able for loop in loops(module, run.call)[-1:]}) > 1:
        raise RefusedError(SEVERAL_LOOPS)
    # It ends a step: it is in no inner loop, under no condition, and behind others.
    chosen = min(able, key=lambda run: (len(loops(module, run.call)), _is_conditional(run), -run.call.lineno))
    found = [chosen]
    for run in able:
        if all(_excludes(run, other) for other in found):
            found.append(run)
    if len(able) > len(found) and not any(rank(flow, run.fetches) for run in able):
        raise RefusedError(SEVERAL_RUNS)
    return sorted(found, key=lambda run: run.call.lineno)


def _is_conditional(run: Run) -> bool:
    for around in run.module.ancestors(run.call):
        if isinstance(around, (ast.For, ast.AsyncFor, ast.While, ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
        if isinstance(around, (ast.If, ast.ExceptHandler, ast.Match)):
            return True
    return False


def _excludes(one: Run, other: Run) -> bool:
    """Tell whether two runs stand in different branches of one ``if``."""
    module = one.module
    if one is other or loops(module, one.call) != loops(module, other.call):
        return False
    mine, others = {one.call, *module.ancestors(one.call)}, {other.call, *module.ancestors(other.call)}
    return any(
        isinstance(around, ast.If)
        and around in others
        and any(each in mine for each in around.body) != any(each in others for each in around.body)
        for around in mine
    )


def place_of(flow: Flow, run: Run, call: ast.Call) -> list[int | str] | None:
    """Return where among a run's fetches the value of a call stands, by index or key; None if it isn't one of them."""
    displays: list[tuple[list[int | str], ast.expr]] = [([], run.fetches)]
    match run.fetches:
        case ast.List(elements) | ast.Tuple(elements):
            displays = [([index], each) for index, each in enumerate(elements)]
        case ast.Dict(keys, values):
            pairs = zip(keys, values, strict=True)
            displays = [([key.value], each) for key, each in pairs if _is_text(key)]  # type: ignore[union-attr]
    for place, each in displays:
        if any(origin is call for _, origin in flow.origins(run.module, each)):
            return place
    return None


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def fed(flow: Flow, run: Run) -> set[ast.AST]:
    """Return the sources that a run is sure to feed."""
    found: set[ast.AST] = set()
    displays = flow.origins(run.module, run.feed) if run.feed is not None else []
    keys = [_keys(flow, module, node) for module, node in displays]
    if keys and all(each is not None for each in keys):
        found = set.intersection(*(each for each in keys if each is not None))
    if isinstance(run.feed, ast.Name):  # ``feed[x] = batch``
        for use in run.module.find_all(ast.Subscript):
            stored = isinstance(use.ctx, ast.Store) and isinstance(use.value, ast.Name) and use.value.id == run.feed.id
            if stored and _is_before(run.module, use, run.statement):
                found |= flow.needs(run.module, use.slice)
    return found


def _keys(flow: Flow, module: Module, node: ast.AST) -> set[ast.AST] | None:
    match node:
        case ast.Dict(keys):
            named = [key for key in keys if key is not None]
            return {source for key in named for source in flow.needs(module, key)}
        case ast.Call(function, [ast.Call(zipped, [names, *_])]) if (
            module.resolve(function) == "builtins.dict" and module.resolve(zipped) == "builtins.zip"
        ):
            return flow.needs(module, names)
    return None


def _is_before(module: Module, node: ast.AST, statement: ast.stmt) -> bool:
    """Tell whether a statement with a node has been run wherever another is reached."""
    mine = module.statement(node)
    around = {statement, *module.ancestors(statement)}
    return mine.lineno < statement.lineno and any(each in around for each in module.block(mine))


def _leaves(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, (ast.List, ast.Tuple)):
        for element in node.elts:
            yield from _leaves(element.value if isinstance(element, ast.Starred) else element)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _leaves(value)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):  # ``[train_op] + losses``
        yield from _leaves(node.left)
        yield from _leaves(node.right)
    elif isinstance(node, ast.expr):
        yield node
