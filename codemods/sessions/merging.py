"""Where the summaries of a graph can be merged, so that the runs can name the result."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codemods.analysis.places import Frame, Loop, frame, loops, runs_before
from codemods.engine.codemod import Edit, InsertAfter, InsertBefore, Move, RefusedError, Replace
from codemods.sessions.emit import fresh
from codemods.sessions.flow import Flow, is_v1, v1_name
from codemods.sessions.graphs import made_default
from codemods.sessions.reach import names
from codemods.sessions.refusals import EMBEDDED, IN_LOOP, OUT_OF_REACH, SEVERAL_GRAPHS
from codemods.sessions.runs import MONITORED, Run
from codemods.sessions.steps import is_repeated
from codemods.sessions.summaries import Merge, Summaries, Summary

NAMES = ("merged", "merged_summaries", "summary_op", "merged_summary_op")
"""What merged summaries may be called."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_FRAMES = (*_FUNCTIONS, ast.Module)


@dataclass(frozen=True)
class Merged:
    """The merged summaries.

    Attributes:
        text: how the runs name them.
        edits: what has to be done for that.
        given: the argument of an `add_summary` that is the operation itself, and is to be its result.
    """

    text: str
    edits: tuple[Edit, ...] = ()
    given: ast.expr | None = None


class Merging:
    """Looks for the place of a `merge_all`."""

    def __init__(self, flow: Flow, summaries: Summaries) -> None:
        """Remember the program."""
        self.flow = flow
        self.module = flow.module
        self.summaries = summaries

    def merge(self, run: Run, group: Sequence[Summary], key: str, around: Sequence[Loop]) -> Merged:
        """Merge some summaries where all are defined, and a run can name the result, or raise.

        Args:
            run: the run.
            group: the summaries.
            key: the code of the collection that they are in.
            around: the loops of the training, innermost first.
        """
        code = f"{self.base(group)}.merge_all({self._quoted(key)})"
        local = self.summaries.statements(group, frame(self.module, run.call))
        if local:
            anchor = self.anchor(local, run, frame(self.module, run.call))
            return self._behind(anchor, fresh(self.module, NAMES, run.call, anchor), code)
        method = self._in_class(run, group)
        if method is not None:
            name = next((each for each in NAMES if not any(self.flow.stored(each))), None)
            if name is None:
                raise RefusedError(OUT_OF_REACH)
            return self._behind(method, f"self.{name}", code)
        outer = next(self._around_function(run, group), None)
        if outer is not None:
            return self._behind(outer, fresh(self.module, NAMES, run.call, outer), code)
        return self._before(run, code, around)

    def use(self, runs: Sequence[Run], merge: Merge) -> Merged:
        """Take summaries that are merged already, or raise where the runs can't name them."""
        run, uses = runs[0], self.summaries.uses(merge)
        here = frame(self.module, run.call)
        if not any(sure for _, sure in self.summaries.arrivals(merge.module, merge.call, (self.module, here))):
            raise RefusedError(OUT_OF_REACH)
        given = uses.recorded[0][1] if uses.recorded else None
        if given is not None and (
            len(uses.recorded) > 1
            or len(runs) > 1
            or given not in self.module
            or loops(self.module, given) != loops(self.module, run.call)
            or not runs_before(self.module, [run.statement], self.module.statement(given))
        ):
            raise RefusedError(EMBEDDED)
        statement = merge.module.statement(merge.call)
        nameless = isinstance(statement, ast.Expr) and merge.module is self.module
        if nameless and frame(self.module, statement) in (here, self.module.tree):
            name = fresh(self.module, NAMES, run.call, statement)
            return Merged(name, (Replace(statement, (f"{name} = ", Move(merge.call))),), given)
        name = next(names(self.flow, uses, run), "")
        if not name:
            raise RefusedError(OUT_OF_REACH)
        return Merged(name, given=given)

    def _behind(self, anchor: ast.stmt, name: str, code: str) -> Merged:
        return Merged(name, (InsertAfter(anchor, f"{name} = {code}"),))

    def _quoted(self, key: str) -> str:
        """Return the code of a key, in the quotes that the module has for it."""
        double = f'"{key[1:-1]}"'
        return double if key.startswith("'") and double in self.module.text else key

    def base(self, group: Sequence[Summary] = ()) -> str:
        """Return what the module calls TensorFlow's summaries, as some summaries do if it can be."""
        mine = [each.call for each in group if each.module is self.module]
        for call in [*mine, *self.module.find_all(ast.Call)]:
            name = v1_name(self.module, call.func) or ""
            if name.startswith("summary.") and isinstance(call.func, ast.Attribute):
                root = next(each for each in ast.walk(call.func.value) if isinstance(each, ast.Name))
                if all(frame(self.module, each.node) is self.module.tree for each in self.module.bindings(root)):
                    return self.module.source(call.func.value)
        for name, bindings in self.module.inner_scope(self.module.tree).bindings.items():
            imported = {binding.imported for binding in bindings}
            if imported == {"tensorflow.compat.v1"} or (imported == {"tensorflow"} and is_v1(self.module)):
                return f"{name}.summary"
            if imported == {"tensorflow"}:
                return f"{name}.compat.v1.summary"
        raise RefusedError(OUT_OF_REACH)

    # Places. -------------------------------------------------------------------------------------------

    def anchor(self, statements: Sequence[ast.stmt], run: Run, home: Frame) -> ast.stmt:
        """Return the statement of a frame behind which all of some statements have been run, on the way to a run."""
        chain: set[ast.AST] = set()
        if home is frame(self.module, run.call):
            chain = {run.statement, *self.module.ancestors(run.statement)}
        climbed: list[ast.stmt] = []
        for statement in statements:
            node: ast.AST = statement
            while (parent := self.module.parent(node)) is not None:
                if parent is home or parent in chain or _has_default(parent):
                    break
                node = parent
            climbed.append(self.module.statement(node))
        anchor = max(climbed, key=lambda each: each.lineno)
        if anchor in chain or (chain and anchor.lineno > run.call.lineno):
            raise RefusedError(IN_LOOP)
        parents = {self.module.parent(each) for each in climbed}
        if len(parents) > 1 and not all(parent is home or parent in chain for parent in parents):
            raise RefusedError(SEVERAL_GRAPHS)
        return anchor

    def _anchor_of_all(self, run: Run, group: Sequence[Summary], home: Frame) -> ast.stmt | None:
        """Return such a statement for summaries that all come to be defined in a frame, before a run elsewhere."""
        local = [self.summaries.statements([each], home) for each in group]
        if not all(local):
            return None
        anchor = self.anchor([statement for found in local for statement in found], run, home)
        calls = [statement for statement, _ in self.summaries.arrivals(self.module, run.call, (self.module, home))]
        if None in calls and isinstance(home, ast.Module):
            # Other modules call the function too, and don't run what is guarded.
            guarded = any(isinstance(around, ast.stmt) for around in self.module.ancestors(anchor))
            return anchor if not guarded and set(calls) == {None} else None
        last = anchor.end_lineno or anchor.lineno
        return anchor if all(statement is None or statement.lineno > last for statement in calls) else None

    def _in_class(self, run: Run, group: Sequence[Summary]) -> ast.stmt | None:
        """Return the statement of another method of a run's class behind which all summaries are defined."""
        here = frame(self.module, run.call)
        owner = self.module.parent(here)
        if not isinstance(owner, ast.ClassDef) or not _has_self(here):
            return None
        own = [self.module.function(each.call) for each in group if each.module is self.module]
        methods = [each for each in owner.body if isinstance(each, _FUNCTIONS) and each is not here and _has_self(each)]
        methods.sort(key=lambda each: (-own.count(each), each.name != "__init__"))
        anchors = (self._anchor_of_all(run, group, method) for method in methods)
        return next((anchor for anchor in anchors if anchor is not None), None)

    def _around_function(self, run: Run, group: Sequence[Summary]) -> Iterator[ast.stmt]:
        """Yield such statements of the code around a run's function, whose names the function sees."""
        function = self.module.function(run.call)
        for home in self.module.ancestors(function) if function is not None else ():
            anchor = self._anchor_of_all(run, group, home) if isinstance(home, _FRAMES) else None
            if anchor is not None:
                yield anchor

    def _before(self, run: Run, code: str, around: Sequence[Loop]) -> Merged:
        """Merge the summaries right before the training, when they have been defined by other code."""
        if (
            not around
            or is_repeated(self.flow, run)
            or any("finalize" in each.attributes for each in self.flow.callers)
        ):
            raise RefusedError(OUT_OF_REACH)
        place: ast.stmt = around[-1]
        graphs = any("as_default" in other.attributes for other in self.flow.callers)
        for module, made in self.flow.origins(self.module, run.session) if run.session is not None else ():
            if isinstance(made, ast.Call) and v1_name(module, made.func) in MONITORED:
                # Such a session finalizes its graph.
                place = module.statement(made)
                if frame(module, made) is not frame(self.module, run.call) or graphs:
                    raise RefusedError(OUT_OF_REACH)
        name = fresh(self.module, NAMES, run.call)
        line = f"{name} = {code}"
        if graphs:
            if run.session is None:
                raise RefusedError(OUT_OF_REACH)
            line = f"with {self.module.source(run.session)}.graph.as_default():\n    {line}"
        return Merged(name, (InsertBefore(place, line),))


def _has_default(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any(made_default(item) is not None for item in node.items)


def _has_self(function: ast.AST) -> bool:
    return (
        isinstance(function, _FUNCTIONS)
        and bool(function.args.args)
        and function.args.args[0].arg == "self"
        and not function.decorator_list
    )
