"""Functions that only write summaries: a call of one moves to the host as a summary does, and they stay as they are."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from codemods.analysis.module import Function, Module
from codemods.analysis.tracing import Reference, Traced, called, called_object, is_traced, passed, traced_functions
from codemods.summaries.emit import Emitter, does_nothing
from codemods.summaries.gather import LoopBody
from codemods.summaries.loops import TENSOR, VARIABLE, are_variables, is_collection, is_name_of
from codemods.summaries.moves import Move, RefusedError
from codemods.summaries.ops import Summary, summary_at
from codemods.summaries.plan import NAME_SCOPES, TracedBody
from codemods.summaries.refusals import ARGUMENT, NAME_SCOPE, STEP

_DATA = "data"  # recorded, or a collection of what is recorded
_TEST = "test"
_STEP = "step"
_HOST = "host"  # a tag, a writer, an object: the host has it

_NAMES = "names"  # of variables or layers, and nothing else of them
_VIEWS = frozenset({"items", "values", "keys"})
# Operations that give the same bits on the host as in a graph.
_EXACT = frozenset(f"tensorflow.{name}" for name in (
    "cast", "reshape", "expand_dims", "squeeze", "transpose", "concat", "stack", "convert_to_tensor", "identity",
    "stop_gradient", "reduce_max", "reduce_min", "equal", "constant", "shape", "size",
))  # fmt: skip
_EXACT_NODES = (
    ast.Name, ast.Attribute, ast.Constant, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Dict, ast.Compare,
    ast.UnaryOp, ast.BoolOp, ast.keyword, ast.expr_context, ast.cmpop, ast.unaryop, ast.boolop,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Helper:
    """A function that does nothing but write summaries.

    Attributes:
        body: its body.
        moves: its summaries.
        roles: what its parameters are for.
        collections: the parameters that its loops go over, with what they take from them.
    """

    body: Body
    moves: tuple[Move, ...]
    roles: Mapping[str, str]
    collections: Mapping[str, str]

    def role(self, argument: str) -> str:
        """Return what an argument is for; a keyword that ``**values`` takes is called ``values.keyword``."""
        return self.roles[argument.partition(".")[0]]

    @property
    def name(self) -> str:
        """What it is called."""
        return self.body.function.name

    @property
    def every_move(self) -> Iterator[tuple[Body, Move]]:
        """Its summaries and those of the helpers that it calls, each with the body it stands in."""
        for move in self.moves:
            yield self.body, move
            if isinstance(move.summary, HelperCall):
                yield from move.summary.helper.every_move


@dataclass(frozen=True)
class HelperCall(Summary):
    """A call of a helper, which moves like a summary.

    Attributes:
        helper: what is called.
    """

    helper: Helper

    @property
    def data(self) -> dict[str, ast.expr]:
        """The arguments whose values are recorded."""
        return {name: value for name, value in self.arguments.items() if self.helper.role(name) == _DATA}

    @property
    def step(self) -> ast.expr | None:
        """The argument that is the step, if one is."""
        return next((value for name, value in self.arguments.items() if self.helper.role(name) == _STEP), None)

    @property
    def tag(self) -> ast.expr | None:
        """Nothing: the helper knows it."""
        return None

    @property
    def has_writer(self) -> bool:
        """Whether each of its summaries has a writer of its own."""
        return all(move.has_writer for move in self.helper.moves)

    @property
    def conditional(self) -> bool:
        """Whether a condition on a tensor may stand around a summary."""
        return any(move.unsafe for move in self.helper.moves)

    @property
    def heavy(self) -> bool:
        """Whether one of its summaries costs milliseconds when it is written eagerly."""
        return any(move.summary.heavy for move in self.helper.moves)

    @property
    def scoped(self) -> bool:
        """Whether name scopes become part of a tag."""
        return any(move.summary.scoped for move in self.helper.moves)


class Body(LoopBody):
    """A function in which calls of helpers move too.

    Attributes:
        returns_parameters: callers compute what they pass where they pass it, so that it has to come back.
    """

    returns_parameters = False

    def _data(self, move: Move, node: ast.expr) -> None:
        if self.returns_parameters and isinstance(node, ast.Name) and node.id in self.parameters:
            move.values[node] = self._shared(move, self._value(move, node))
        else:
            super()._data(move, node)

    def _arguments(self, move: Move) -> None:
        call = move.summary
        if not isinstance(call, HelperCall):
            super()._arguments(move)
            return
        for name, argument in call.arguments.items():
            if call.helper.role(name) == _HOST:
                self._host(move, argument, frozen_is_refused=True)
                self._changing(move, argument)
        for name, argument in call.data.items():
            given = isinstance(argument, ast.Name) and argument.id in self.parameters
            if name in call.helper.collections:
                definition = self._definition(argument)
                if are_variables(definition):
                    if call.helper.collections[name] != _NAMES and self.effects_after(call.statement):
                        raise RefusedError(STEP, f"`{self.module.source(argument)}` may change after the call")
                    self._host(move, argument)
                    continue
                if call.helper.collections[name] != TENSOR or not (given or is_collection(definition)):
                    raise RefusedError(ARGUMENT, f"what `{self.module.source(argument)}` holds can't be seen")
            self._data(move, argument)
        if call.step is not None:
            self._step(move)
        self._outer_state(move, call)

    def _outer_state(self, move: Move, call: HelperCall) -> None:
        """Refuse a helper that reads by itself what the function changes after the call."""
        later = self.effects_after(call.statement)
        for body, inner in call.helper.every_move:
            name = body.function.name
            again = body.module is not self.module or len(body.references) > 1
            if again and opens_scope(body.module, inner.contexts):
                raise RefusedError(NAME_SCOPE, f"`{name}` opens a name scope, which TensorFlow numbers in a graph")
            move.frozen = move.frozen or inner.frozen
            if later and any(body.may_be_variable(node) is not False for node in _read(body, inner)):
                raise RefusedError(STEP, f"`{name}` reads a variable by itself, which may change after the call")
            if inner.summary.step is None and not isinstance(inner.summary, HelperCall):
                self._default_step(move)
                if move.default_step is not None:
                    raise RefusedError(STEP, "the default step may change after the call")

    def _base_name(self, move: Move, node: ast.expr) -> str:
        if isinstance(move.summary, HelperCall):
            name = next(name for name, argument in move.summary.arguments.items() if argument is node)
            return name.rpartition(".")[2]
        return super()._base_name(move, node)


def opens_scope(module: Module, blocks: Iterable[ast.stmt]) -> bool:
    """Tell whether one of some blocks is a name scope that TensorFlow numbers when it is entered again."""
    calls = [item.context_expr for block in blocks if isinstance(block, ast.With) for item in block.items]
    return any(
        isinstance(call, ast.Call)
        and module.resolve(call.func) in NAME_SCOPES
        and not any(isinstance(name, ast.Constant) and str(name.value).endswith("/") for name in call.args[:1])
        for call in calls
    )


def _read(body: TracedBody, move: Move) -> Iterator[ast.expr]:
    """Yield what a helper's summary reads at the time when it is written, its parameters aside."""
    summary = move.summary
    read = [*summary.data.values(), *([summary.step] if summary.step is not None else ())]
    read += [block.test for block in move.contexts if isinstance(block, ast.If)]
    read += [block.iter for block in move.contexts if isinstance(block, ast.For)]
    for node in (node for expression in read for node in ast.walk(expression)):
        if (
            isinstance(node, (ast.Name, ast.Attribute))
            and not isinstance(body.module.parent(node), ast.Attribute)
            and not (isinstance(node, ast.Name) and (node.id in body.parameters or node.id in move.targets))
            and not (isinstance(node, ast.Attribute) and node.attr in _VIEWS)
            and not (body.module.resolve(node) or "").startswith(("tensorflow.", "builtins."))
            and not body.is_python(node)
        ):
            yield node


# Which functions are helpers. ----------------------------------------------------------------------


class Helpers:
    """The helpers that a module calls, and the functions of the module that are helpers."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self._known: dict[ast.AST, Helper | None] = {}

    @cached_property
    def traced(self) -> dict[Function, Traced]:
        """The functions that the program asks TensorFlow to trace."""
        return {item.function: item for item in traced_functions(self.module)}

    @cached_property
    def reached(self) -> set[ast.AST]:
        """The functions of the module that its traced ones hold or call, through others of the module."""
        return self.called_from(self.traced)

    def called_from(self, functions: Iterable[ast.AST]) -> set[ast.AST]:
        """Return some functions of the module and those that they hold or call, through others of the module."""
        found: set[ast.AST] = set()
        todo = list(functions)
        while todo:
            function = todo.pop()
            if function in found:
                continue
            found.add(function)
            for node in ast.walk(function):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    todo.append(node)
                elif isinstance(node, ast.Call):
                    one = called(self.module, node, here=True) or called_object(self.module, node)
                    todo += [one[1]] if one is not None and one[0] is self.module else []
        return found

    def summary(self, call: ast.Call, module: Module | None = None) -> Summary | None:
        """Return a call that stands as a statement of its own, of a summary or of a helper."""
        module = module or self.module
        found = summary_at(module, call)
        return found if found is not None else self._call(module, call)

    def called(self, calls: Iterable[ast.Call]) -> dict[Helper, list[ast.Call]]:
        """Return the helpers that some calls are of, with these calls."""
        found: dict[Helper, list[ast.Call]] = {}
        for call in calls:
            summary = self.summary(call)
            if isinstance(summary, HelperCall):
                found.setdefault(summary.helper, []).append(call)
        return found

    def of(self, function: Function, module: Module | None = None) -> Helper | None:
        """Return a function as a helper, None if it does anything but write summaries."""
        if function not in self._known:
            self._known[function] = None  # where it calls itself
            with contextlib.suppress(RefusedError):
                self._known[function] = self._made(module or self.module, function)
        return self._known[function]

    def replaced(self, helper: Helper) -> bool:
        """Tell whether traced code uses a helper only by calls that can be looked at by themselves."""
        for reference in helper.body.references:
            module, call = reference.module, reference.call
            if call is None:
                return False
            if not is_traced(module, call):
                continue
            function = module.function(call)
            helpers = self if module is self.module else Helpers(module)
            if function is None or helpers.summary(call) is None:
                return False
            around = helpers.of(function)
            if function not in helpers.reached and (around is None or not helpers.replaced(around)):
                return False
        return True

    def _call(self, module: Module, call: ast.Call) -> HelperCall | None:
        statement = module.parent(call)
        found = called(module, call) if isinstance(statement, ast.Expr) else None
        helper = self.of(found[1], found[0]) if found is not None else None
        if helper is None or not isinstance(statement, ast.Expr):
            return None
        assert isinstance(call.func, (ast.Name, ast.Attribute))
        reference = Reference(module, call.func, call)
        function = helper.body.function
        given = {name: passed(function, reference, parameter) for name, parameter in helper.body.parameters.items()}
        arguments = {name: argument for name, argument in given.items() if argument is not None}
        others = [k for k in call.keywords if k.arg and k.arg not in given] if function.args.kwarg is not None else []
        if len(arguments) + len(others) != len(call.args) + len(call.keywords):
            return None  # unpacked from a list or a dict
        arguments |= {f"{function.args.kwarg.arg}.{other.arg}": other.value for other in others if function.args.kwarg}
        summaries = [move.summary for move in helper.moves]
        kind = next((summary.kind for summary in summaries if summary.heavy), summaries[0].kind)
        return HelperCall(statement, call, kind, arguments, helper)

    def _made(self, module: Module, function: Function) -> Helper | None:
        owner = module.parent(function)
        body = Body(module, Traced(function, owner if isinstance(owner, ast.ClassDef) else None, {}))
        body.given_lists = True  # each call is looked at for that
        calls = sorted((n for n in body.nodes if isinstance(n, ast.Call)), key=lambda n: (n.lineno, n.col_offset))
        summaries = [found for call in calls if (found := self.summary(call, module)) is not None]
        if not summaries or function.args.vararg or function in self.traced:
            return None
        statements = function.body[ast.get_docstring(function, clean=False) is not None :]
        if not all(_may_only_write(s, {summary.statement for summary in summaries}) for s in statements):
            return None  # seen at once, before any other module is looked at
        body.check_definition()
        moves = [body.move(summary) for summary in summaries]
        emitter = Emitter(body, moves)
        computed = [node for move in moves for node in (*move.values, *move.loop_values)]
        if any(move.gathered for move in emitter.moves):
            return None
        if not all(map(emitter.only_writes, statements)) or not all(_exact(module, node) for node in computed):
            return None
        roles = {name: _role(body, moves, name) for name in body.parameters}
        if function.args.kwarg is not None and roles[function.args.kwarg.arg] != _DATA:
            return None
        collections = {name: kind for name in roles if (kind := _gone_over(body, name)) is not None}
        return Helper(body, tuple(moves), roles, collections)


def _may_only_write(statement: ast.stmt, summaries: set[ast.Expr]) -> bool:
    """Tell whether a statement looks as if it wrote summaries, gave a name to what they write, or flushed a writer."""
    if isinstance(statement, (ast.With, ast.If, ast.For)):
        parts = [*statement.body, *getattr(statement, "orelse", ())]
        return all(_may_only_write(part, summaries) for part in parts)
    called = statement.value.func if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) else None
    flushes = isinstance(called, ast.Attribute) and called.attr in {"flush", "close"}
    return flushes or statement in summaries or isinstance(statement, ast.Assign) or does_nothing(statement)


def _exact(module: Module, node: ast.expr) -> bool:
    """Tell whether an expression has the same value on the host, bit for bit."""
    return all(
        (module.resolve(part.func) or "") in _EXACT if isinstance(part, ast.Call) else isinstance(part, _EXACT_NODES)
        for part in ast.walk(node)
    )


def _role(body: TracedBody, moves: list[Move], parameter: str) -> str:
    """Return what a helper's parameter is for.

    Raises:
        RefusedError: it is for two things that don't go together.
    """
    roles = {_role_of(body, moves, use) for use in body.module.uses(body.scope, parameter)}
    if _HOST in roles and not roles <= {_HOST, _TEST}:
        raise RefusedError(ARGUMENT)
    return _HOST if not roles or _HOST in roles else _STEP if _STEP in roles else _DATA


def _role_of(body: TracedBody, moves: list[Move], use: ast.Name) -> str:
    around = body.module.parent(use)
    if isinstance(around, ast.Attribute) and around.attr not in _VIEWS:
        return _HOST
    for move in moves:
        for name, argument in move.summary.arguments.items():
            if use not in set(ast.walk(argument)):
                continue
            if isinstance(move.summary, HelperCall):
                return move.summary.helper.role(name)
            return _STEP if name == "step" else _DATA if name in move.summary.data else _HOST
        if any(use in set(ast.walk(block.test)) for block in move.contexts if isinstance(block, ast.If)):
            return _TEST
        if any(use in set(ast.walk(block.iter)) for block in move.contexts if isinstance(block, ast.For)):
            return _DATA
    return _HOST


def _gone_over(body: TracedBody, parameter: str) -> str | None:
    """Return what a loop takes from a parameter that it goes over; None where no loop does."""
    kinds = set()
    for use in body.module.uses(body.scope, parameter):
        loop = body.module.statement(use)
        if isinstance(loop, ast.For) and use in ast.walk(loop.iter):
            element = _element(loop, use)
            uses = body.module.uses(body.scope, element.id) if isinstance(element, ast.Name) else []
            named = [is_name_of(body.module, each) for each in uses if isinstance(each.ctx, ast.Load)]
            kinds.add(_NAMES if named and all(named) else VARIABLE if any(named) else TENSOR)
    return next(iter(kinds)) if len(kinds) < 2 and kinds else VARIABLE if kinds else None


def _element(loop: ast.For, iterable: ast.Name) -> ast.expr:
    """Return the part of a loop's target that stands for an element of one of the iterables that it goes over."""
    call, target = loop.iter, loop.target
    if isinstance(call, ast.Call) and isinstance(target, ast.Tuple) and iterable in call.args:
        # zip(one, other), or enumerate(one)
        return target.elts[call.args.index(iterable) - len(call.args)]
    return target
