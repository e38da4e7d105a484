"""The number that counts on with every turn of a training loop, as the code of the loop can name it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codemods.analysis.dataflow import bindings_in, names_read
from codemods.analysis.module import Function, Module
from codemods.analysis.places import Frame, Loop, frame, loops
from codemods.sessions.flow import Flow, Place, argument, v1_name
from codemods.sessions.runs import Run, is_session

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_GLOBAL_STEPS = frozenset({"train.get_global_step", "train.get_or_create_global_step", "train.create_global_step"})
_COUNTING = ("minimize", "apply_gradients", "create_train_op", "optimize_loss")
_LIKE_STEPS = re.compile(r"(?i)(\w*_)?(step|steps|iter|iteration|iterations|it|i|t|n_iter|batch_count|counter)\d*")
_LIKE_EPOCHS = re.compile(r"(?i)(\w+_)?epoch(_?(id|idx|index|no|num|number|i|\d))?")
_BARS = ("tqdm.", "tqdm")
_NAMES = ("step", "summary_step", "training_step")


@dataclass(frozen=True)
class Step:
    """The step of a summary.

    Attributes:
        code: the expression.
        after: the statement behind the run from which on it can be written; None for the run itself.
        counter: the loop before which a new counter has to be set to zero.
    """

    code: str
    after: ast.stmt | None = None
    counter: Loop | None = None


@dataclass(frozen=True)
class _Level:
    """One of the loops around a run, by its counter.

    Attributes:
        loop: the loop; None for one around the call of the run's function.
        name: the name that counts its turns.
        start: where that begins, if it is a constant.
        length: the number of turns.
    """

    loop: Loop | None
    name: str | None = None
    start: int | None = None
    length: ast.expr | str | None = None


def step(flow: Flow, run: Run, around: Sequence[Loop], *, local: bool) -> Step | None:
    """Return the step of what a run records; None where no number is seen to count on.

    Args:
        flow: the program.
        run: the run.
        around: the loops of the training, innermost first.
        local: each call of the function that the run stands in is a training of its own.
    """
    outer = [] if local else _outer(flow, run.module, frame(run.module, run.call))
    counters = list(_counters(run, around, outer))
    return (
        _fetched(flow, run)
        or next((Step(name) for name in counters if _LIKE_STEPS.fullmatch(name.rpartition(".")[2])), None)
        or _by_loops(run, around, outer)
        or next(map(Step, counters), None)
        or _global_step(run)
        or _new(run, around, outer)
        or (Step("0") if _runs_once(flow, run.module, run.call) else None)
    )


def steps_through(flow: Flow, places: Sequence[tuple[Run, Sequence[Loop]]], *, local: bool) -> list[Step | None]:
    """Return the steps of what runs record in loops that follow one another: a number that no loop starts anew.

    Args:
        flow: the program.
        places: the runs, each with the loops around it, innermost first.
        local: each call of the function that they stand in is a training of its own.
    """
    module = places[0][0].module
    outer = [] if local else _outer(flow, module, frame(module, places[0][0].call))
    fetched = [_fetched(flow, run) for run, _ in places]
    if all(fetched):
        return fetched
    counters = [list(_counters(run, around, outer)) for run, around in places]
    loops_around = [around[-1] for _, around in places]
    for name in counters[0]:
        if all(name in each for each in counters) and not _starts_anew(module, name, loops_around):
            return [Step(name) for _ in places]
    reads = [_global_step(run) for run, _ in places]
    return reads if all(reads) else [_new(*places[0], outer) for _ in places]


def _starts_anew(module: Module, name: str, outermost: Sequence[Loop]) -> bool:
    """Tell whether anything but some loops binds a counter behind the first of them."""
    scope = module.scope(outermost[0]).lookup(name)
    return scope is None or any(
        binding.node.lineno > outermost[0].lineno  # type: ignore[attr-defined]
        and not any(loop in module.ancestors(binding.node) for loop in outermost)
        for binding in scope.bindings[name]
    )


def is_repeated(flow: Flow, run: Run) -> bool:
    """Tell whether the function that a run stands in may be called several times."""
    return _outer(flow, run.module, frame(run.module, run.call)) != []


# The global step. ------------------------------------------------------------------------------------


def is_global_step(flow: Flow, module: Module, node: ast.expr) -> bool:
    """Tell whether an expression is the variable that counts the steps of an optimizer."""
    places = flow.origins(module, node)
    counting = _counting(flow)
    default = any(_is_default(*place) for place in counting)
    return bool(places) and all(place in counting or (default and _is_default(*place)) for place in places)


def _counting(flow: Flow) -> set[Place]:
    """Return what makes the variables that optimizers add to, or that a training op called `global_step` does."""
    given: list[tuple[Module, ast.expr]] = []
    for module in flow.modules:
        for name in (*_COUNTING, "assign_add", "assign"):
            for use in module.attributes.get(name, ()):
                call = module.parent(use)
                if not isinstance(call, ast.Call) or call.func is not use:
                    continue
                if name in _COUNTING:
                    given += [(module, each.value) for each in call.keywords if each.arg == "global_step"]
                    given += [(module, each) for each in call.args[1:2]]
                else:
                    counted = call.args[0] if v1_name(module, use) is not None and call.args else use.value
                    given += [(module, counted)] if _last(counted) == "global_step" else []
    return {place for module, each in given for place in flow.origins(module, each)}


def _is_default(module: Module, node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and v1_name(module, node.func) in _GLOBAL_STEPS


def _last(node: ast.expr) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def _fetched(flow: Flow, run: Run) -> Step | None:
    """Return the value of the global step that the code fetches with the run, or right beside it."""
    module, statement = run.module, run.statement
    match statement, run.fetches:
        case ast.Assign([ast.Tuple(targets) | ast.List(targets)], value), ast.List(elements) | ast.Tuple(elements):
            if value is run.call and len(targets) == len(elements):
                for target, element in zip(targets, elements, strict=True):
                    if isinstance(target, ast.Name) and target.id != "_" and is_global_step(flow, module, element):
                        return Step(target.id)
    block = module.block(statement)
    place = block.index(statement)
    for number, other in enumerate(block):
        match other:
            case ast.Assign([ast.Name(name)], ast.Call() as call) if _reads_global_step(flow, module, call):
                if number < place or not any(map(_may_leave, block[place + 1 : number])):
                    return Step(name, other if number > place else None)
    return None


def _may_leave(statement: ast.stmt) -> bool:
    return any(isinstance(node, (ast.Continue, ast.Break, ast.Return, ast.Raise)) for node in ast.walk(statement))


def _reads_global_step(flow: Flow, module: Module, call: ast.Call) -> bool:
    if v1_name(module, call.func) == "train.global_step":
        return True
    reads = isinstance(call.func, ast.Attribute) and call.func.attr == "run" and is_session(flow, call.func.value)
    return reads and len(call.args) == 1 and is_global_step(flow, module, call.args[0])


def _global_step(run: Run) -> Step | None:
    """Return a read of the global step, where the code can name it."""
    module = run.module
    if run.method != "run" or run.session is None:
        return None
    for name in ("minimize", "apply_gradients"):
        for use in module.attributes.get(name, ()):
            call = module.parent(use)
            for keyword in call.keywords if isinstance(call, ast.Call) else ():
                if keyword.arg == "global_step" and _is_visible(module, keyword.value, run):
                    return Step(f"{module.source(run.session)}.run({module.source(keyword.value)})")
    return None


def _is_visible(module: Module, node: ast.expr, run: Run) -> bool:
    """Tell whether an expression means at a run what it means at its own place."""
    if isinstance(node, ast.Name):
        scope = module.scope(node).lookup(node.id)
        return (
            scope is not None and module.scope(run.call).lookup(node.id) is scope and len(scope.bindings[node.id]) == 1
        )
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return module.enclosing(node, ast.ClassDef) is module.enclosing(run.call, ast.ClassDef)
    return False


# What the loops count. ---------------------------------------------------------------------------------


def _counters(run: Run, around: Sequence[Loop], outer: Sequence[_Level] | None) -> Iterator[str]:
    """Yield the code's own counters that every turn of the run's loop adds to, and that no loop sets back."""
    module, here = run.module, frame(run.module, run.call)
    repeated = not around or outer != []
    every = loops(module, run.call)
    for node in module.find_all(ast.AugAssign):
        if frame(module, node) is not here or loops(module, node) != every or not isinstance(node.op, ast.Add):
            continue
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, int) and node.value.value > 0):
            continue
        if _is_conditional(module, node) or not isinstance(node.target, (ast.Name, ast.Attribute)):
            continue
        if _keeps_counting(module, node.target, around, repeated=repeated):
            yield ast.unparse(node.target)


def _keeps_counting(
    module: Module, target: ast.Name | ast.Attribute, around: Sequence[Loop], *, repeated: bool
) -> bool:
    """Tell whether nothing sets a counter back while the training goes on."""
    here = frame(module, target)
    if isinstance(target, ast.Name):
        scope = module.scope(target).lookup(target.id)
        assert scope is not None
        if repeated and scope.node is here:
            return False
        others = [binding.node for binding in scope.bindings[target.id] if binding.node is not target]
        values = [binding.value for binding in scope.bindings[target.id] if binding.node is not target]
    else:
        uses = [each for each in module.attributes[target.attr] if not isinstance(each.ctx, ast.Load)]
        uses.remove(target)
        others = list(uses)
        values = [getattr(module.parent(use), "value", None) for use in uses]
        if any(frame(module, use) is here or isinstance(module.parent(use), ast.AugAssign) for use in uses):
            return False
    floats = any(isinstance(value, ast.Constant) and not isinstance(value.value, int) for value in values)
    return bool(others) and not floats and not any(loop in around for other in others for loop in loops(module, other))


def _is_conditional(module: Module, node: ast.AST) -> bool:
    """Tell whether not every turn of the innermost loop around a node comes to it."""
    for around in module.ancestors(node):
        if isinstance(around, (ast.For, ast.AsyncFor, ast.While, *_FUNCTIONS)):
            return False
        if isinstance(around, (ast.If, ast.ExceptHandler, ast.Match)):
            return True
    return False


def _by_loops(run: Run, around: Sequence[Loop], outer: Sequence[_Level] | None) -> Step | None:
    """Return the number of the turn, from the counters of the loops around a run."""
    module = run.module
    if outer is None:
        return None
    levels = [*outer, *(_level(module, loop) for loop in reversed(around))]
    # A run that drops its result may bind the underscore.
    if not levels or any(level.name in (None, "_") for level in levels) or len(levels) > 2:
        return None
    if any(_is_bound_again(level, around[-1] if around else frame(module, run.call)) for level in levels):
        return None
    inner = levels[-1]
    if len(levels) == 1:
        return Step(str(inner.name))
    first, length = levels[0], inner.length
    text = length if isinstance(length, str) else _simple(module, length, around[-1]) if length is not None else None
    if text is None:
        return None
    turn = f"({first.name} - {first.start})" if first.start else first.name
    return Step(f"{turn} * {text} + {inner.name}")


def _outer(flow: Flow, module: Module, here: Frame) -> list[_Level] | None:
    """Return the loops around the calls of a function, outermost first; None where they can't be told."""
    if not isinstance(here, _FUNCTIONS):
        return []
    calls = list(flow.calls(module, here))
    if any(_is_handed_over(other, use) for other, use in flow.mentions(module, here)):
        return None  # to threads, as a rule
    if not calls:
        names = [here.name, *(each.arg for each in [*here.args.posonlyargs, *here.args.args])]
        return None if any(map(_LIKE_EPOCHS.fullmatch, names)) else []
    if len(calls) > 1:
        return None
    other, call = calls[0]
    around = [loop for loop in loops(other, call) if not _is_head(loop, call)]
    above = _outer(flow, other, frame(other, call)) if frame(other, call) is not here else None
    if above is None:
        return None
    levels = [_given(module, here, call, _level(other, loop)) for loop in reversed(around)]
    return [*(_Level(None) for _ in above), *levels]


def _is_handed_over(module: Module, node: ast.AST) -> bool:
    """Tell whether a function is given to code that may call it any number of times; `app.run` calls it once."""
    parent = module.parent(node)
    call = module.parent(parent) if isinstance(parent, ast.keyword) else parent
    if not isinstance(call, ast.Call) or call.func is node:
        return False
    return v1_name(module, call.func) != "app.run" and module.resolve(call.func) != "absl.app.run"


def _is_head(loop: Loop, node: ast.AST) -> bool:
    """Tell whether a node is in what a loop goes over, which is computed once."""
    return not isinstance(loop, ast.While) and node in ast.walk(loop.iter)


def _given(module: Module, function: Function, call: ast.Call, level: _Level) -> _Level:
    """Return a loop around the call of a function, by the parameter that is given its counter."""
    parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    for parameter in parameters:
        value = argument(module, function, call, parameter.arg)
        if isinstance(value, ast.Name) and value.id == level.name:
            return _Level(None, parameter.arg, level.start)
    return _Level(None)


def _level(module: Module, loop: Loop) -> _Level:
    if isinstance(loop, ast.While):
        return _Level(loop)
    counted = loop.iter
    if isinstance(counted, ast.Call) and (module.resolve(counted.func) or "").startswith(_BARS) and counted.args:
        if (module.resolve(counted.func) or "").endswith("trange"):
            return _range(loop, loop.target, counted.args)
        counted = counted.args[0]
    match counted, loop.target:
        case ast.Call(function, arguments), target if _counts(module, function):
            return _range(loop, target, arguments)
        case ast.Call(function, [each, *start]), ast.Tuple([ast.Name(name), *_]):
            if module.resolve(function) == "builtins.enumerate":
                first = _constant(start[0]) if start else _constant_keyword(counted)
                length = f"len({ast.unparse(each)})"
                known = any(ast.unparse(node) == length for node in module.find_all(ast.Call))
                return _Level(
                    loop, name, first, length if known and isinstance(each, (ast.Name, ast.Attribute)) else None
                )
        case ast.Call(function, arguments), ast.Name(name):
            if module.resolve(function) == "itertools.count":
                return _Level(loop, name, _constant(arguments[0]) if arguments else 0)
    return _Level(loop)


def _counts(module: Module, function: ast.expr) -> bool:
    name = module.resolve(function)
    return name in ("builtins.range", "six.moves.range", "six.moves.xrange") or (
        name is None and isinstance(function, ast.Name) and function.id == "xrange"
    )


def _range(loop: Loop, target: ast.expr, arguments: Sequence[ast.expr]) -> _Level:
    if not isinstance(target, ast.Name) or not 1 <= len(arguments) <= 2:
        return _Level(loop)  # with a stride, the counter doesn't count turns
    start = _constant(arguments[0]) if len(arguments) == 2 else 0
    stop = arguments[-1]
    length: ast.expr | str | None = stop if start == 0 else None
    if start == 1:  # ``range(1, n + 1)``
        last = _constant(stop)
        match stop:
            case ast.BinOp(left, ast.Add(), ast.Constant(1)):
                length = left
            case _ if last is not None:
                length = str(last - 1)
    return _Level(loop, target.id, start, length)


def _constant(node: ast.expr) -> int | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else None


def _constant_keyword(call: ast.Call) -> int | None:
    return _constant(call.keywords[0].value) if call.keywords else 0


def _simple(module: Module, node: ast.expr, loop: Loop) -> str | None:
    """Return the text of a number of turns, if it is the same in each turn of a loop, and not long."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and module.resolve(inner.func) not in ("builtins.len", "builtins.int"):
            return None
        if isinstance(inner, (ast.IfExp, ast.Lambda, ast.NamedExpr, ast.Await)):
            return None
    if any(bindings_in(module, name, [loop]) for name in names_read([node])):
        return None
    text = module.source(node)
    if "\n" in text or len(text) > 40:
        return None
    return f"({text})" if isinstance(node, (ast.BinOp, ast.UnaryOp)) else text


def _is_bound_again(level: _Level, body: ast.AST) -> bool:
    """Tell whether the body of the loops binds a counter besides."""
    nodes = ast.walk(level.loop or body)
    stores = [n for n in nodes if isinstance(n, ast.Name) and n.id == level.name and not isinstance(n.ctx, ast.Load)]
    return len(stores) != (level.loop is not None)


# A new counter. ----------------------------------------------------------------------------------------


def _new(run: Run, around: Sequence[Loop], outer: Sequence[_Level] | None) -> Step | None:
    module = run.module
    if not around or outer != []:
        return None
    scope = module.scope(run.call)
    name = next((each for each in _NAMES if not module.is_used(scope, each)), None)
    return None if name is None else Step(name, counter=around[-1])


def _runs_once(flow: Flow, module: Module, node: ast.AST) -> bool:
    """Tell whether a program comes to a node once only."""
    here = frame(module, node)
    if loops(module, node) or (isinstance(here, _FUNCTIONS) and _outer(flow, module, here) != []):
        return False
    calls = list(flow.calls(module, here)) if isinstance(here, _FUNCTIONS) else []
    return isinstance(here, ast.Module) or here.name == "main" or any(_runs_once(flow, *call) for call in calls)
