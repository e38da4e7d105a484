"""Which summaries a training lacks, and which of its runs are to fetch and record them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from codemods.analysis.dataflow import bindings_in, names_read
from codemods.analysis.module import Module
from codemods.analysis.places import Loop, frame, loops
from codemods.analysis.project import Project
from codemods.engine.codemod import (
    Edit,
    Finding,
    InsertAfter,
    InsertBefore,
    Move,
    Refusal,
    RefusedError,
    Remove,
    Severity,
)
from codemods.sessions.emit import Emission, Record, Taking
from codemods.sessions.flow import Flow, v1_name
from codemods.sessions.graphs import Graphs, is_elsewhere, made_default
from codemods.sessions.merging import Merged, Merging
from codemods.sessions.recorders import Recorder, recorder
from codemods.sessions.refusals import (
    BY_HAND,
    IN_LOOP,
    MAY_BE_NONE,
    NO_STEP,
    NOT_FED,
    OUT_OF_REACH,
    RUN_IN_PART,
    SEVERAL_LOOPS,
    SEVERAL_MERGES,
    SEVERAL_RUNS,
    SEVERAL_WORKERS,
)
from codemods.sessions.runs import Run, fed, is_session, place_of, prepares, rank, runs, together
from codemods.sessions.steps import step, steps_through
from codemods.sessions.summaries import UNKNOWN, Merge, Summaries, Summary, has_summaries

LOST = "Summaries of the graph are never run, and nothing of them is recorded"
DROPPED = "The merged summaries are run, and what they return is dropped"
EARLY = (
    "`merge_all()` stands before summaries of its graph: it merges what is defined so far, and is None if nothing is"
)
# The words of a module that may define summaries of a graph.
_OPS = (
    *(f"summary.{kind}" for kind in ("scalar", "histogram", "image", "audio", "text", "tensor_summary")),
    *("v1.summary", "import summary"),
)
_V1 = ("v1", "Session", "placeholder", "FileWriter", "merge_all", "get_variable", "contrib")
_OTHERS = ("test", "val", "eval")


def training(module: Module) -> Training | None:
    """Return the training of a module, if it runs a graph with summaries that nothing saves by itself."""
    if not module.attributes.keys() & {"run", "eval"} or not _may_have_summaries(module):
        return None
    flow = Flow(module)
    summaries = Summaries(flow)
    if not summaries.all or summaries.are_saved:
        return None
    found = list(runs(flow))
    preparing = [run for run in found if prepares(flow, run)]
    return Training(flow, summaries, found, preparing) if len(found) > len(preparing) else None


def recording_runs(module: Module) -> Iterator[ast.AST]:
    """Yield the runs of a module that are to record what they don't record yet."""
    found = training(module)
    for finding in found.findings() if found is not None else ():
        yield from [finding.node] if finding.refusal is None else []


def may_train(project: Project, path: str) -> bool:
    """Tell, by a look at a module's bytes and its imports, whether it may run a graph that has summaries."""
    return b"summary" in project.texts.data(path) or any(_likely(project, path))


def _may_have_summaries(module: Module) -> bool:
    """Tell whether a module, one that it imports, or one that is imported beside it defines summaries of a graph."""
    project = module.project
    if project is None or has_summaries(module):
        return has_summaries(module)
    return any(
        project.once(("v1 summaries", path), partial(_defines_summaries, project, path))
        for path in _likely(project, module.path)
    )


def _likely(project: Project, path: str) -> Iterator[str]:
    """Yield the modules that may define summaries of the graph that a module runs."""
    likely = project.once(
        "may define v1 summaries", lambda: set(project.mentioning(*_OPS)) & set(project.mentioning(*_V1))
    )
    for above in (path, *project.imports.importers(path)) if likely else ():
        yield from sorted(likely & project.imports.closure(above))


def _defines_summaries(project: Project, path: str) -> bool:
    module = project.module(path)
    return module is not None and has_summaries(module)


@dataclass(frozen=True)
class _Turn:
    """What a turn of the training does.

    Attributes:
        runs: the run that it makes, or those of which it makes exactly one.
        around: the loops of the training, innermost first.
        builds: each call of the function that trains builds the graph.
    """

    runs: list[Run]
    around: list[Loop]
    builds: bool = False


class Training:
    """The training of one module, and the summaries of the graph that it runs."""

    def __init__(self, flow: Flow, summaries: Summaries, found: Sequence[Run], preparing: Sequence[Run]) -> None:
        """Remember the program.

        Args:
            flow: what its values are made of.
            summaries: those of the graph.
            found: the places where the module runs the graph.
            preparing: those that only initialize something; there are others.
        """
        self.flow = flow
        self.module = flow.module
        self.runs = [run for run in found if run not in preparing]
        self.preparing = preparing
        self.summaries = summaries
        self.merging = Merging(flow, self.summaries)
        self.candidates = self._candidates()
        self.here = frame(self.module, self.candidates[0].call)

    def _candidates(self) -> list[Run]:
        """Return the runs that train, as far as can be told by what they fetch."""
        ranks = {run: rank(self.flow, run.fetches) for run in self.runs}
        best = max(ranks.values())
        if best > 0:
            return [run for run in self.runs if ranks[run] == best]
        return [run for run in self.runs if loops(self.module, run.call)] or self.runs

    def findings(self) -> Iterator[Finding]:
        """Yield what there is to say, at most one finding."""
        defined = [each for each in self.summaries.all if each.key is not None and self._arrives(each)]
        defined = [each for each in defined if not is_elsewhere(each)]
        every: list[Summary | Merge] = [*defined, *self.summaries.merges]
        kinds = {each.call: self.summaries.uses(each).kinds for each in every}
        if not defined or any("escapes" in found for found in kinds.values()):
            return
        if not rank(self.flow, self.candidates[0].fetches) and any(each.module is not self.module for each in defined):
            return  # nothing trains here: a model's summaries are those of its training
        merges = [each for each in self.summaries.merges if each.module is self.module or self._arrives(each)]
        merges = [each for each in merges if "merged" not in kinds[each.call]]  # into another
        fetched = [each for each in self.summaries.merges if "fetched" in kinds[each.call]]
        late = [each for each in defined if not kinds[each.call] and self._is_late(each, merges)]
        alone = [each for each in defined if kinds[each.call] & {"fetched", "recorded"}]
        if late:
            yield self._moved(merges[0], late)
        elif not fetched and len(alone) < len(defined):
            yield self._lost(defined, merges, alone)
        elif fetched:
            dropped = list(self._dropped([merge.call for merge in fetched]))
            # Who has merged some on purpose wants them run as well.
            merges = [each for each in merges if each not in fetched and each.key != ""]
            yield from dropped or [self._lost(defined, merges) for _ in merges[:1]]

    def _arrives(self, each: Summary | Merge) -> bool:
        return bool(self.summaries.arrivals(each.module, each.call, (self.module, self.here)))

    # What no run fetches. ----------------------------------------------------------------------------------

    def _lost(self, defined: list[Summary], merges: list[Merge], alone: Sequence[Summary] = ()) -> Finding:
        """Return the finding of summaries that no run fetches.

        Args:
            defined: the summaries.
            merges: what merges them already.
            alone: those of them that are run by themselves.
        """
        try:
            if alone and not merges:
                never = [f"`{each.tag}`" for each in defined if each.tag and each not in alone]
                raise RefusedError(
                    RUN_IN_PART, f"{RUN_IN_PART.sentence} (never: {', '.join(never)})" if never else None
                )
            tags = {each.tag for each in defined}
            if any(tag is None or tag in tags for tag in self.summaries.tags_by_hand()):
                raise RefusedError(BY_HAND)
            if self.summaries.several_workers:
                raise RefusedError(SEVERAL_WORKERS)
            if any(frame(self.module, run.call) is not self.here for run in self.candidates):
                raise RefusedError(SEVERAL_LOOPS)
            turns, merged = self._plan(defined, merges)
            edits = (*merged.edits, *self._fetching(turns, merged))
        except RefusedError as error:
            return Finding(self.candidates[-1].call, LOST, Severity.ERROR, refusal=error.refusal, detail=error.detail)
        remedy = f"the run that trains fetches `{merged.text}`, and `add_summary` records it"
        return Finding(turns[0].runs[0].call, f"{LOST}; {remedy}", Severity.ERROR, edits)

    def _plan(self, defined: list[Summary], merges: list[Merge]) -> tuple[list[_Turn], Merged]:
        """Return which runs are to fetch which summaries, or raise."""
        defined = Graphs(self.flow, self.summaries).of(self.candidates[0], defined)
        named = {merge.key: merge for merge in merges}
        if len(named) < len(merges) or any(each.key == UNKNOWN for each in defined):
            raise RefusedError(SEVERAL_MERGES)
        groups = {key: self.summaries.members(merge, defined) for key, merge in named.items()} or {
            each.key: [other for other in defined if other.key == each.key] for each in defined
        }
        able = {key: [run for run in self.candidates if not self._missing(run, group)] for key, group in groups.items()}
        key = self._key([key for key, found in able.items() if found], groups)
        turns = self._turns(able[key], groups[key])
        if key is not None and not any(map(self._is_sure, groups[key])):
            raise RefusedError(MAY_BE_NONE)
        if merges:
            return turns, self.merging.use([run for turn in turns for run in turn.runs], named[key])
        return turns, self.merging.merge(turns[0].runs[0], groups[key], str(key), turns[0].around)

    def _is_sure(self, each: Summary) -> bool:
        arrivals = self.summaries.arrivals(each.module, each.call, (self.module, self.here))
        return any(sure for _, sure in arrivals)

    def _missing(self, run: Run, group: Sequence[Summary]) -> set[ast.AST]:
        """Return what some summaries need that a run neither feeds nor computes."""
        needed: set[ast.AST] = set()
        for each in group:
            if each.data is not None:
                needed |= self.flow.needs(each.module, each.data)
        missing = needed - fed(self.flow, run) - self.flow.computes(self.module, run.fetches)
        if any(map(self.flow.is_random, missing)):
            others = [self.flow.needs(self.module, each.fetches) for each in self.runs if each is not run]
            missing -= {each for each in missing - set().union(*others) if self.flow.is_random(each)}
        return missing

    def _key(self, able: list[str | None], groups: dict[str | None, list[Summary]]) -> str | None:
        """Return the key of the summaries that are for the training."""
        if not able:
            missing = set().union(*(self._missing(self.candidates[-1], group) for group in groups.values()))
            texts = sorted((ast.unparse(each) for each in missing if isinstance(each, (ast.expr, ast.arg))), key=len)
            short = texts and len(texts[0]) < 80
            raise RefusedError(NOT_FED, f"{NOT_FED.sentence}: `{texts[0]}`" if short else None)
        if len(able) > 1:
            mine = [key for key in able if "train" in (key or "").lower()]
            others = [key for key in able if not any(word in (key or "").lower() for word in _OTHERS)]
            able = mine if len(mine) == 1 else others
        if len(able) != 1:
            raise RefusedError(SEVERAL_MERGES)
        return able[0]

    def _turns(self, able: list[Run], group: Sequence[Summary] = ()) -> list[_Turn]:
        """Return the turn of each loop that trains: of one, or of those that follow one another in a training."""
        outermost = list(dict.fromkeys(loop for run in able for loop in loops(self.module, run.call)[-1:]))
        if len(outermost) < 2:
            return [self._turn(together(self.flow, able), group)]
        if not self._go_on(outermost, able) or any(
            each.lineno > outermost[0].lineno for each in self.summaries.statements(group, self.here)
        ):
            raise RefusedError(SEVERAL_LOOPS)
        inside = [[run for run in able if loop in self.module.ancestors(run.call)] for loop in outermost]
        return [self._turn(together(self.flow, mine), group) for mine in inside]

    def _go_on(self, outermost: Sequence[Loop], able: Sequence[Run]) -> bool:
        """Tell whether loops of one block are one training: nothing starts it anew, or opens another session."""
        block = self.module.block(outermost[0])
        prepared = any(each.call.lineno > outermost[0].lineno for each in self.preparing)
        if prepared or any(self.module.block(loop) is not block for loop in outermost):
            return False
        if not all(rank(self.flow, run.fetches) for run in able):
            return False
        sessions = [run.session for run in able if run.session is not None]
        between = block[block.index(outermost[0]) : block.index(outermost[-1]) + 1]
        if any(bindings_in(self.module, name, between) for name in names_read(sessions)):
            return False
        return len({run.session and self.module.source(run.session) for run in able}) == 1

    def _turn(self, found: list[Run], group: Sequence[Summary]) -> _Turn:
        """Return the turn that makes some runs, in the loops that the graph isn't built in."""
        local = self.summaries.statements(group, self.here)
        every = loops(self.module, found[0].call)
        around = [loop for loop in every if not any(loop in self.module.ancestors(each) for each in local)]
        if every and not around:
            raise RefusedError(IN_LOOP)
        return _Turn(found, around, builds=bool(local))

    # What is merged too early, and what is run and dropped. ------------------------------------------------

    def _is_late(self, summary: Summary, merges: list[Merge]) -> bool:
        """Tell whether a summary is only defined when the others have been merged."""
        match merges:
            case [Merge(module, call, key)] if key == summary.key and module is self.module:
                statements = self.summaries.statements([summary], frame(module, call))
                return any(each.lineno > call.lineno for each in statements)
        return False

    def _moved(self, merge: Merge, late: list[Summary]) -> Finding:
        """Return the finding of a merge that is to stand behind the last summary."""
        statement = self.module.statement(merge.call)
        home = frame(self.module, statement)
        fetching = [run for run in self.runs if place_of(self.flow, run, merge.call) is not None]
        try:
            if any(self._missing(run, late) for run in fetching):
                raise RefusedError(NOT_FED)
            local = self.summaries.statements(late, home)
            anchor = self.merging.anchor(local, (fetching or self.runs)[0], home)
            beside = self.module.block(statement) is self.module.block(anchor)
            if not beside or self._is_read_until(anchor, merge):
                raise RefusedError(OUT_OF_REACH)
        except RefusedError as error:
            return Finding(merge.call, EARLY, Severity.ERROR, refusal=error.refusal)
        edits = (Remove(statement), InsertAfter(anchor, (Move(statement),)))
        return Finding(merge.call, f"{EARLY}; it goes behind the last of them", Severity.ERROR, edits)

    def _is_read_until(self, anchor: ast.stmt, merge: Merge) -> bool:
        """Tell whether code of the same frame reads what is merged up to a statement."""
        match self.summaries.uses(merge).holders:
            case [(_, ast.Name(name))]:
                found: Sequence[ast.Name | ast.Attribute] = self.module.names[name]
            case [(_, ast.Attribute(attr=name))]:
                found = self.module.attributes[name]
            case _:
                return True
        last, home = anchor.end_lineno or anchor.lineno, frame(self.module, anchor)
        early = (use for use in found if isinstance(use.ctx, ast.Load) and use.lineno <= last)
        return any(frame(self.module, use) is home for use in early)

    def _dropped(self, calls: list[ast.Call]) -> Iterator[Finding]:
        """Yield the run that fetches the merged summaries, and drops what they return."""
        places = {run: [place_of(self.flow, run, call) for call in calls] for run in self.runs}
        taken = {run: Taking(run, each) for run, found in places.items() for each in found if each is not None}
        if not taken or not all(taking.is_dropped for taking in taken.values()):
            return
        first = next(iter(taken))
        try:
            turns = self._turns(list(taken))
            if sum(len(turn.runs) for turn in turns) < len(taken):
                raise RefusedError(SEVERAL_RUNS)
            records = self._records(turns)
            edits = list(_counting(records))
            for run, record in records.items():
                edits += taken[run].edits(record)
        except RefusedError as error:
            yield Finding(first.call, DROPPED, Severity.ERROR, refusal=error.refusal, detail=error.detail)
            return
        yield Finding(first.call, f"{DROPPED}; `add_summary` records it", Severity.ERROR, tuple(edits))

    # The edits. --------------------------------------------------------------------------------------------

    def _fetching(self, turns: list[_Turn], merged: Merged) -> Iterator[Edit]:
        """Yield the edits that fetch merged summaries in each run of some turns, and record them."""
        if merged.given is not None:
            for run in turns[0].runs:
                yield from Emission(run, merged.text, self._session(run), merged.given).edits()
            return
        records = self._records(turns)
        yield from _counting(records)
        for run, record in records.items():
            yield from Emission(run, merged.text, self._session(run), record).edits()

    def _records(self, turns: list[_Turn]) -> dict[Run, Record]:
        """Return what records the summaries of each run of some turns."""
        recorders = [self._recorder(turn) for turn in turns]
        first = recorders[0]
        places = []
        for turn, found in zip(turns, recorders, strict=True):
            if len(turns) > 1 and found.edits:  # it has no name yet
                raise RefusedError(SEVERAL_LOOPS)
            # Where each turn of a loop has a writer of its own, and initializes all, it is a training of its own.
            anew = {loop for each in self.preparing for loop in loops(self.module, each.call)} & found.apart
            places += [(run, [loop for loop in turn.around if loop not in anew]) for run in turn.runs]
        local = turns[0].builds or self.here in first.apart
        if len(turns) > 1:
            steps = steps_through(self.flow, places, local=local)
        else:
            steps = [step(self.flow, run, around, local=local) for run, around in places]
        records = {}
        for (run, _), counted in zip(places, steps, strict=True):
            if counted is None:
                raise RefusedError(NO_STEP if len(turns) == 1 else SEVERAL_LOOPS)
            records[run] = Record(first.text, counted, first.edits)
        return records

    def _recorder(self, turn: _Turn) -> Recorder:
        found = recorder(self.flow, self.summaries, turn.runs[0])
        if isinstance(found, Refusal):
            raise RefusedError(found)
        return found

    def _session(self, run: Run) -> str:
        """Return what the code at a run calls its session."""
        if run.session is not None:
            return self.module.source(run.session)
        for around in self.module.ancestors(run.call):
            for item in around.items if isinstance(around, ast.With) else ():
                held = made_default(item) or item.optional_vars
                if isinstance(held, ast.Name) and is_session(self.flow, held):
                    return held.id
        scope = self.module.scope(run.call)
        while scope is not None:
            for name, bindings in scope.bindings.items():
                made = [place for binding in bindings for place in self.flow.bound(self.module, binding)]
                calls = [v1_name(module, node.func) for module, node in made if isinstance(node, ast.Call)]
                if calls and set(calls) == {"InteractiveSession"}:
                    return name
            scope = scope.parent  # type: ignore[assignment]
        base = self.merging.base()
        if not base.endswith(".summary"):
            raise RefusedError(OUT_OF_REACH)
        return f"{base.removesuffix('.summary')}.get_default_session()"


def _counting(records: dict[Run, Record]) -> Iterator[Edit]:
    """Yield the edits that the first record needs: the writer gets a name, the counter its start."""
    record = next(iter(records.values()))
    yield from record.edits
    if record.step.counter is not None:
        yield InsertBefore(record.step.counter, f"{record.step.code} = 0")
