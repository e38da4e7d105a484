"""The edits that fetch the merged summaries in a run, and record what it returns."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from codemods.analysis.module import Module
from codemods.engine.codemod import AddItem, Edit, InsertAfter, InsertBefore, Move, NodeEdit, RefusedError, Replace
from codemods.sessions.refusals import EMBEDDED, OUT_OF_REACH
from codemods.sessions.runs import Run
from codemods.sessions.steps import Step

_SUMMARY = ("summary", "summary_value", "merged_summary", "summary_str")
_RESULTS = ("results", "fetched", "outputs", "run_results")
_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
_MAYBE = (ast.IfExp, ast.BoolOp, ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)


def fresh(module: Module, names: Iterable[str], *places: ast.AST) -> str:
    """Return a name that means nothing yet at some places."""
    scopes = [module.scope(place) for place in places]
    for name in names:
        if not any(module.is_used(scope, name) for scope in scopes):
            return name
    raise RefusedError(OUT_OF_REACH)


@dataclass(frozen=True)
class Record:
    """The call of `add_summary` that is missing.

    Attributes:
        writer: the writer.
        step: the step.
        edits: what has to be done to give the writer its name.
    """

    writer: str
    step: Step
    edits: tuple[Edit, ...] = ()

    def code(self, summary: str) -> str:
        """Return the statements that record a summary."""
        line = f"{self.writer}.add_summary({summary}, {self.step.code})"
        return f"{line}\n{self.step.code} += 1" if self.step.counter is not None else line


class Emission:
    """The edits that fetch the merged summaries in one run."""

    def __init__(self, run: Run, merged: str, session: str, record: Record | ast.expr) -> None:
        """Remember what the code is to name.

        Args:
            run: the run.
            merged: the merged summaries.
            session: the session.
            record: how they are recorded, or the argument of an `add_summary` whose place they take.
        """
        self.run = run
        self.module = run.module
        self.merged = merged
        self.session = session
        self.record = record

    def edits(self) -> Iterator[Edit]:
        """Yield the edits, or raise where the run's result can't be had apart."""
        run, statement = self.run, self.run.statement
        if not isinstance(statement, _SIMPLE):
            raise RefusedError(EMBEDDED)
        summary = fresh(self.module, _SUMMARY, run.call)
        match statement:
            case ast.Expr() if statement.value is run.call:
                yield Replace(statement, (*self._dropping(summary), *self._new_run(flat=True), self._last()))
            case ast.Assign([ast.Name() as target]) if statement.value is run.call and self._is_looked_up(target):
                assert isinstance(run.fetches, ast.Dict)
                assert run.fetches.keys[0] is not None
                quote = self.module.source(run.fetches.keys[0])[-1]
                yield AddItem(run.fetches, f"{quote}summary{quote}", self.merged)
                summary = f"{target.id}[{quote}summary{quote}]"
            case ast.Assign([ast.Tuple(targets) | ast.List(targets) as target]) if (
                statement.value is run.call and _is_one_by_one(targets, run.fetches)
            ):
                yield AddItem(target, None, summary)
                yield from self._with_merged(flat=True)
            case ast.Assign([target]) if statement.value is run.call:
                bare = isinstance(target, ast.Tuple) and not self.module.source(target).startswith("(")
                yield Replace(target, ("(", Move(target), f"), {summary}") if bare else (Move(target), f", {summary}"))
                yield from self._with_merged(flat=False)
            case _:
                yield from self._before(summary)
                return
        yield from recording(self.record, statement, summary)

    def _before(self, summary: str) -> Iterator[Edit]:
        """Yield the edits that make the run in a statement of its own."""
        if not _comes_first(self.module, self.run):
            raise RefusedError(EMBEDDED)
        results = fresh(self.module, _RESULTS, self.run.call)
        head = (f"{results}, {summary} = ", *self._new_run(flat=False))
        if isinstance(self.record, Record):
            head = (*head, f"\n{self.record.code(summary)}")
        else:
            yield Replace(self.record, summary)
        yield InsertBefore(self.run.statement, head)
        yield Replace(self.run.call, results)

    def _dropping(self, summary: str) -> tuple[str]:
        """Return the target of an assignment that keeps of several results the last."""
        if self._reads_underscore():
            return (f"{summary} = ",)
        fetches = self.run.fetches
        several = isinstance(fetches, (ast.List, ast.Tuple)) and len(fetches.elts) > 1
        return (f"{'*_' if several else '_'}, {summary} = ",)

    def _last(self) -> str:
        return "[-1]" if self._reads_underscore() else ""

    def _reads_underscore(self) -> bool:
        return any(isinstance(name.ctx, ast.Load) for name in self.module.names.get("_", ()))

    def _is_looked_up(self, target: ast.Name) -> bool:
        """Tell whether a dict of results is only asked for single ones."""
        fetches = self.run.fetches
        if (
            not isinstance(fetches, ast.Dict)
            or not fetches.keys
            or any(_text(key) in (None, "summary") for key in fetches.keys)
        ):
            return False
        scope = self.module.scope(target).lookup(target.id)
        uses = self.module.uses(scope, target.id) if scope is not None else []
        for use in uses:
            parent = self.module.parent(use)
            if isinstance(use.ctx, ast.Load) and not (
                isinstance(parent, ast.Subscript) and parent.value is use and _text(parent.slice) is not None
            ):
                return False
        return self.run.method == "run"

    # The run itself. ---------------------------------------------------------------------------------

    def _new_run(self, *, flat: bool) -> tuple[str | Move, ...]:
        run = self.run
        if run.method == "run":
            return (Move(run.call, tuple(self._fetches(flat=flat))),)
        feed = (", feed_dict=", Move(run.feed)) if run.feed is not None else ()
        return (f"{self.session}.run([", Move(run.fetches), f", {self.merged}]", *feed, ")")

    def _with_merged(self, *, flat: bool) -> Iterator[Edit]:
        if self.run.method == "run":
            yield from self._fetches(flat=flat)
        else:
            yield Replace(self.run.call, self._new_run(flat=flat))

    def _fetches(self, *, flat: bool) -> Iterator[NodeEdit]:
        """Yield the edit that adds the merged summaries to the fetches: beside each of them, or beside all."""
        fetches = self.run.fetches
        if flat and isinstance(fetches, (ast.List, ast.Tuple)):
            yield AddItem(fetches, None, self.merged)
        else:
            yield Replace(fetches, ("[", Move(fetches), f", {self.merged}]"))


class Taking:
    """The result of a run that fetches the merged summaries already, and drops what they return."""

    def __init__(self, run: Run, path: Sequence[int | str]) -> None:
        """Remember the place of the merged summaries among the fetches.

        Args:
            run: the run.
            path: an index or a key; nothing if they are all that is fetched.
        """
        self.run = run
        self.module = run.module
        self.path = path

    @property
    def is_dropped(self) -> bool:
        """Whether no code reads the result."""
        statement, name = self.run.statement, self._name()
        if isinstance(statement, ast.Expr) and statement.value is self.run.call:
            return True
        if name is None:
            return False
        scope = self.module.scope(name).lookup(name.id)
        loads = [use for use in self.module.uses(scope, name.id) if isinstance(use.ctx, ast.Load)] if scope else []
        if self.path and self._is_whole():
            return all(self._asks_for_another(load) for load in loads)
        return not loads

    def _name(self) -> ast.Name | None:
        """Return the name that is bound to the result, or to all results."""
        match self.run.statement:
            case ast.Assign([ast.Name() as name], value) if value is self.run.call:
                return name
            case ast.Assign([ast.Tuple(targets) | ast.List(targets)], value) if value is self.run.call:
                if self.path and _is_one_by_one(targets, self.run.fetches):
                    found = targets[int(self.path[0])]
                    return found if isinstance(found, ast.Name) else None
        return None

    def _is_whole(self) -> bool:
        return isinstance(self.run.statement, ast.Assign) and isinstance(self.run.statement.targets[0], ast.Name)

    def _asks_for_another(self, load: ast.Name) -> bool:
        parent = self.module.parent(load)
        return (
            isinstance(parent, ast.Subscript)
            and isinstance(parent.slice, ast.Constant)
            and parent.slice.value != self.path[0]
        )

    def edits(self, record: Record) -> Iterator[Edit]:
        """Yield the edits that record the result."""
        statement, name = self.run.statement, self._name()
        summary = name.id if name is not None else fresh(self.module, _SUMMARY, self.run.call)
        if name is None:
            yield Replace(statement, (f"{self._targets(summary)} = ", Move(self.run.call)))
        elif self.path and self._is_whole():
            summary = f"{name.id}[{self.path[0]!r}]"
        elif name.id == "_":
            summary = fresh(self.module, _SUMMARY, self.run.call)
            yield Replace(name, summary)
        yield from recording(record, statement, summary)

    def _targets(self, summary: str) -> str:
        if not self.path:
            return summary
        fetches = self.run.fetches
        if not isinstance(fetches, (ast.List, ast.Tuple)):
            raise RefusedError(EMBEDDED)
        names = ["_"] * len(fetches.elts)
        names[int(self.path[0])] = summary
        return ", ".join(names)


def recording(record: Record | ast.expr, statement: ast.stmt, summary: str) -> Iterator[Edit]:
    """Yield the edit that records a summary behind the statement that fetches it."""
    if isinstance(record, Record):
        yield InsertAfter(record.step.after or statement, record.code(summary))
    else:
        yield Replace(record, summary)


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_one_by_one(targets: Sequence[ast.expr], fetches: ast.expr) -> bool:
    """Tell whether the targets of an assignment are bound to the fetches one by one."""
    return (
        isinstance(fetches, (ast.List, ast.Tuple))
        and len(fetches.elts) == len(targets)
        and not any(isinstance(each, ast.Starred) for each in [*targets, *fetches.elts])
    )


def _comes_first(module: Module, run: Run) -> bool:
    """Tell whether a statement comes to a run on every way, and calls nothing before it."""
    around: set[ast.AST] = {run.call}
    for node in module.ancestors(run.call):
        if node is run.statement:
            break
        if isinstance(node, _MAYBE):
            return False
        around.add(node)
    inner = set(ast.walk(run.call))
    calls = (node for node in ast.walk(run.statement) if isinstance(node, ast.Call) and node not in around | inner)
    place = (run.call.lineno, run.call.col_offset)
    return all((call.lineno, call.col_offset) > place for call in calls)
