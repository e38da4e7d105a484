"""Summaries of a function that traced code calls: the callers write them, one level nearer to the host."""

from __future__ import annotations

import ast
import contextlib
import itertools
from collections.abc import Collection, Sequence
from functools import cached_property

from codemods.analysis.module import Function, Module, Scope
from codemods.analysis.places import end
from codemods.analysis.tracing import Reference, Traced, is_traced, passed
from codemods.engine import codemod as edit
from codemods.engine.codemod import CannotEditError, Edit, Refusal, Rewrite
from codemods.summaries.body import NotHereError
from codemods.summaries.emit import Emitter, does_nothing
from codemods.summaries.helpers import Body, Helpers, opens_scope
from codemods.summaries.moves import RefusedError
from codemods.summaries.ops import Summary
from codemods.summaries.refusals import LOOP, NAME_SCOPE, RECURSIVE, RESULT_USED, UNPACKED

HELPER = Refusal("helper", "it stands in a function that is traced as part of another, or in a way that isn't followed")
ELSEWHERE = Refusal(
    "helper-elsewhere", "traced code of another module calls the function, and the two can't be rewritten together"
)
CALL_SITE = Refusal("helper-call", "traced code calls the function where what it returns can't be taken apart")
SEVERAL_WORKERS = Refusal(
    "several-workers", "under a strategy of several workers each of them would write what only the first one does"
)
REFUSALS = (HELPER, ELSEWHERE, CALL_SITE, SEVERAL_WORKERS)

_SEVERAL_WORKERS = (
    "MultiWorkerMirroredStrategy", "CollectiveAllReduceStrategy", "ParameterServerStrategy", "multi_worker_mirrored",
)  # fmt: skip
_SIMPLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return)
_READ = (ast.Name, ast.Attribute, ast.Constant, ast.BinOp, ast.UnaryOp)
_STRAIGHT = (ast.Call, ast.keyword, ast.BinOp, ast.UnaryOp, ast.Tuple, ast.List, ast.Dict, ast.Subscript, ast.Starred)


def lifted(helpers: Helpers, traced: Traced, calls: Sequence[ast.Call]) -> tuple[tuple[Edit, ...], bool]:
    """Return the edits by which the callers of a function write its summaries, and whether these are lost today.

    Args:
        helpers: those of the module.
        traced: the function, which need not be traced by itself.
        calls: all its summaries.

    Raises:
        RefusedError: that can't be done.
    """
    helper = helpers.of(traced.function)
    if helper is not None:
        _check_calls(helpers, helper.body)
        with contextlib.suppress(NotHereError):
            lift = _Lift(helper.body, helper.moves)
            return tuple(lift.edits()), lift.lost
    for returns_parameters in (False, True):
        body = Body(helpers.module, traced)
        body.check_definition()
        _check_calls(helpers, body, split=True)
        body.returns_parameters = returns_parameters
        moves = [body.move(_statement(helpers, call)) for call in calls]
        if any(move.gathered for move in moves):
            raise RefusedError(
                LOOP, f"`{traced.name}` writes in a loop, and its callers would have to take lists apart"
            )
        with contextlib.suppress(NotHereError):
            lift = _Lift(body, moves)
            return tuple(lift.edits()), lift.lost
    raise RefusedError(CALL_SITE)


def _statement(helpers: Helpers, call: ast.Call) -> Summary:
    summary = helpers.summary(call)
    if summary is None:
        raise RefusedError(UNPACKED if isinstance(helpers.module.parent(call), ast.Expr) else RESULT_USED)
    return summary


def calls_of_others(module: Module, traced: Traced) -> list[Reference]:
    """Return where traced code of other modules refers to a function."""
    found = Body(module, traced).references
    return [r for r in found if r.module is not module and (r.replicated or is_traced(r.module, r.node))]


def _check_calls(helpers: Helpers, body: Body, *, split: bool = False) -> None:
    """Refuse a function that isn't only called, or that more modules than its own would have to be changed for.

    Args:
        helpers: those of its module.
        body: the function.
        split: it can be split in two, so that the other modules call the part that computes.
    """
    below = helpers.called_from([body.function])
    if _defined_again(body):
        raise RefusedError(
            CALL_SITE, f"`{body.traced.name}` is defined more than once, and a call may mean another one"
        )
    for reference in body.references:
        if reference.call is None:
            raise RefusedError(HELPER, body.used(reference))
        if reference.module is body.module and body.module.function(reference.node) in below:
            raise RefusedError(RECURSIVE)
        traced = reference.replicated or is_traced(reference.module, reference.node)
        if traced and reference.module is not body.module and not (split and _may_be_split(body, reference)):
            alone = body.module.project is None or body.module.project.plan is None
            hint = "; both files have to be rewritten in one run" if split and alone else ""
            raise RefusedError(ELSEWHERE, f"{ELSEWHERE.sentence} ({body.where(reference)}){hint}")
        if reference.replicated and _several_workers(body):
            raise RefusedError(SEVERAL_WORKERS)


def may_be_split(module: Module, function: Function) -> bool:
    """Tell whether other modules can call a part of a function by a name beside its own."""
    owner = module.parent(function)
    if not isinstance(owner, ast.ClassDef):
        return owner is module.tree
    method = not function.name.startswith("__") and function.name != "call" and not function.decorator_list
    return method and module.parent(owner) is module.tree


def _may_be_split(body: Body, reference: Reference) -> bool:
    """Tell whether another module, which is rewritten in the same run, can call a part of a function instead."""
    module, traced = body.module, body.traced
    return (
        not reference.replicated
        and module.project is not None
        and module.project.plan is not None
        and may_be_split(module, traced.function)
        and traced.decorator is None
        and traced.target is None
    )


def _defined_again(body: Body) -> bool:
    """Tell whether the name of a function may mean another one where it is called."""
    module, function, traced = body.module, body.function, body.traced
    if traced.owner is not None:
        return [getattr(statement, "name", None) for statement in traced.owner.body].count(function.name) > 1
    same = traced.target is not None and traced.name == function.name
    return len(module.scope(function).bindings.get(function.name, ())) > 1 + same


def _several_workers(body: Body) -> bool:
    project = body.module.project
    elsewhere = project.mentioning(*_SEVERAL_WORKERS) if project is not None else []
    here = any(word in body.module.text for word in _SEVERAL_WORKERS)
    return here or not body.imported.isdisjoint(elsewhere)


def applied(module: Module, edits: Sequence[Edit]) -> Module:
    """Return a module as it is after some edits, in the same project.

    Raises:
        RefusedError: they can't be made.
    """
    # Here, since most modules have nothing to lift, and LibCST takes longer to import than they take.
    from codemods.engine.apply import apply

    try:
        text, _ = apply(module.text, module.tree, [Rewrite((), tuple(edits))])
        return Module(text, module.path, module.project)
    except (CannotEditError, SyntaxError) as error:
        raise RefusedError(CALL_SITE, f"the code can't be edited there: {error}") from error


class _Lift(Emitter):
    def edits(self) -> list[Edit]:
        """Return the edits.

        Raises:
            NotHereError: a call stands where its values, or its arguments, can't be used.
        """
        self._collect()
        host = [r for r in self.body.references if not r.replicated and not is_traced(r.module, r.node)]
        if self._traced_by_itself:
            self._check_scopes()
            run = [r for r in self.body.references if r.replicated and not is_traced(r.module, r.node)]
            self.lost = bool(host or run) and self._lost([*host, *run])
        calls = [r for r in self.body.references if r not in host and r.module is self.module]
        others = len(calls) + len(host) < len(self.body.references)
        if others and any(opens_scope(self.module, move.contexts) for move in self.moves):
            raise RefusedError(NAME_SCOPE, "traced code of another module would enter the name scope twice")
        if not self.body.references:
            raise RefusedError(HELPER)  # Keras calls the `update_state` of a metric, and nothing that is seen
        calls.sort(key=lambda each: end(each.call) if each.call is not None else (0, 0))  # as they are made
        kept = bool(host) or others or self.body.shared or self._public_or_rebound()
        if self._writes_only and not any(reference.replicated for reference in calls):
            edits = [one for reference in calls for one in self._in_place(reference)]
            return edits if kept or self._stays else [*edits, edit.Remove(self.body.function)]
        self.split = kept
        found = [self._at_call(reference) for reference in calls]
        if self.returned.lacking and self.returned.length is not None and len({flat for _, flat in found}) > 1:
            self.may_be_flat = False
            self._named.clear()
            self._results.clear()
            found = [self._at_call(reference) for reference in calls]
        flat = any(flat for _, flat in found)
        if self.split and calls and self.returned.lacking and self.returned.length is not None and not flat:
            raise NotHereError  # the wrapper needs it
        edits = [*self._inside(), *(one for edits, _ in found for one in edits)]
        if self.split:
            return [*edits, *self._wrapper(self.lost)]
        return [*edits, *self._without_parameters(calls[0]), *self._return_edits(flat)]

    split = False  # the host keeps a function of the same name
    lost = False  # no writer is the default where the host runs the function

    @property
    def _traced_by_itself(self) -> bool:
        return self.body.traced.decorator is not None or self.body.traced.target is not None

    @property
    def _statements(self) -> list[ast.stmt]:
        """The function's body without its docstring."""
        function = self.body.function
        body = function.body[ast.get_docstring(function, clean=False) is not None :]
        return [statement for statement in body if not does_nothing(statement)]

    @cached_property
    def _writes_only(self) -> bool:
        """Whether nothing is left of the function without its summaries."""
        return all(map(self.only_writes, self._statements))

    @property
    def _stays(self) -> bool:
        """Whether the function stays though no code is seen to call it: a public method, or one with a comment."""
        function, lines = self.body.function, self.module.lines
        public = self.body.traced.owner is not None and (function.name == "__call__" or function.name[0] != "_")
        head = lines[function.lineno - 1 : function.body[0].lineno - 1]
        return public or any("#" in line for line in head) or lines[function.lineno - 2].lstrip().startswith("#")

    def _check_exported(self) -> None:
        if self._traced_by_itself or self.body.layer_call:
            super()._check_exported()

    def _call_edits(self, reference: Reference) -> tuple[edit.NodeEdit, ...]:
        node = reference.node
        name = (
            f"{self.module.source(reference.receiver)}.{self._inner_name}"
            if reference.receiver is not None
            else self._inner_name
        )
        inside = set(ast.walk(reference.call)) if reference.call is not None else set()
        results = (edit.Replace(call, result) for call, result in self._results.items() if call in inside)
        return (*super()._call_edits(reference), *([edit.Replace(node, name)] if self.split else []), *results)

    @cached_property
    def _results(self) -> dict[ast.Call, str]:
        """The calls that stand in the arguments of another of the function, with the names of their results."""
        return {}

    def _in_place(self, reference: Reference) -> list[Edit]:
        """Return the edits that put the body of the function in the place of a call."""
        statement = self._statement(reference)
        scope = self.module.scope(statement)
        own = self.body.scope.bindings.keys() - self.body.parameters.keys()
        if not isinstance(statement, ast.Expr) or any(self.module.is_used(scope, name) for name in own):
            raise NotHereError
        self._arguments: dict[str, str] = {}
        parts: list[str | edit.Move] = []
        for inner in self._statements:
            names = [node for node in ast.walk(inner) if isinstance(node, ast.Name)]
            texts = {name: self._host_name(name, reference, statement) for name in names}
            changed = [name for name, text in texts.items() if text != name.id]
            if any(isinstance(a, ast.JoinedStr) for name in changed for a in self.module.ancestors(name)):
                raise NotHereError
            parts += [edit.Move(inner, tuple(edit.Replace(name, texts[name]) for name in changed)), "\n"]
        values = [f"{name} = {argument}\n" for argument, name in self._arguments.items()]
        return [edit.Replace(statement, (*values, *parts))]

    def _argument(self, name: str, reference: Reference, statement: ast.stmt) -> str:
        if not self._writes_only:
            return super()._argument(name, reference, statement)
        argument = passed(self.body.function, reference, self.body.parameters[name])
        uses = self.module.uses(self.body.scope, name)
        tested = any(isinstance(self.module.statement(use), (ast.If, ast.For)) for use in uses)
        if argument is None or isinstance(argument, (ast.Name, ast.Attribute, ast.Constant)) or not tested:
            with contextlib.suppress(NotHereError):
                return super()._argument(name, reference, statement)
        if argument is None or "\n" in (text := self.module.source(argument)):
            raise NotHereError
        if len(uses) == 1 and self.module.parent(self.module.statement(uses[0])) is self.body.function:
            return text
        if text not in self._arguments:
            self._arguments[text] = self._free_name(name, self.module.scope(statement))
        return self._arguments[text]

    def _at_call(self, reference: Reference) -> tuple[list[Edit], bool]:
        try:
            return self._called(reference, self._statement(reference), self.lost)
        except NotHereError:
            return self._before_statement(reference), False

    def _before_statement(self, reference: Reference) -> list[Edit]:
        """Return the edits that take a call out of the expression it stands in."""
        call = reference.call
        assert call is not None
        self._check_call(reference)
        statement = self.module.statement(call)
        others = [r.call for r in self.body.references if r.call is not None and r.call is not call]
        stored = {n.attr for n in self.body.nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
        stored |= self.body.scope.globals | self.body.scope.nonlocals
        if not comes_first(self.module, statement, call, others, stored):
            raise NotHereError
        scope = self.module.scope(statement)
        self._check_targets(scope)
        result = self._free_name(self._result(reference), scope)
        hosts = {
            name: result if place is None else f"{result}[{place!r}]" for name, place in self.returned.there.items()
        }
        hosts |= {value.name: self._free_name(value.name, scope) for value in self.returned.lacking}
        extra = [hosts[value.name] for value in self.returned.lacking]
        targets = ", ".join(extra if self.returned.nothing else [result, *extra])
        block = self._block(hosts, self.lost, statement, reference)
        code = (f"{targets} = " if targets else "", edit.Move(call, self._call_edits(reference)), "\n", *block)
        before, result = edit.InsertBefore(statement, code), "None" if self.returned.nothing else result
        if any(call in ast.walk(each.call) for each in self.body.references if each.call not in {None, call}):
            self._results[call] = result
            return [before]
        return [before, edit.Replace(call, result)]

    def _free_name(self, name: str, scope: Scope) -> str:
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        free = next(
            candidate
            for candidate in itertools.chain([name], numbered)
            if (scope, candidate) not in self._named and not self.module.is_used(scope, candidate)
        )
        self._named.add((scope, free))
        return free

    @cached_property
    def _named(self) -> set[tuple[Scope, str]]:
        """The names that calls have been given for what they return."""
        return set()

    def _result(self, reference: Reference) -> str:
        """Return what a caller may call the result of the function."""
        names = self.returned.names
        name = names[0] if len(names) == 1 and self.returned.length is None else "result"
        return f"per_replica_{name}" if reference.replicated else name


def comes_first(
    module: Module, statement: ast.stmt, call: ast.Call, others: Sequence[ast.Call], stored: Collection[str]
) -> bool:
    """Tell whether a call may as well be made before its statement: nothing else is done before it.

    Args:
        module: their module.
        statement: the statement.
        call: the call.
        others: calls that are taken out before it.
        stored: names and attributes that the call may change.
    """
    around = list(itertools.takewhile(lambda node: node is not statement, module.ancestors(call)))
    if not isinstance(statement, _SIMPLE) or not all(isinstance(node, _STRAIGHT) for node in around):
        return False
    inside = {node for each in (call, *others) for node in ast.walk(each)}
    targets = {node for target in getattr(statement, "targets", ()) for node in ast.walk(target)}
    before = [
        node
        for node in ast.walk(statement)
        if isinstance(node, ast.expr)
        and node not in inside | targets
        and node not in around
        and (node.lineno, node.col_offset) < (call.lineno, call.col_offset)
    ]
    return all(
        isinstance(node, _READ) and getattr(node, "attr", getattr(node, "id", "")) not in stored for node in before
    )
