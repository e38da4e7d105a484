"""Which summaries a training lacks, where they are merged, and which of its runs is to fetch them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from codemods.analysis.module import Module
from codemods.analysis.places import Frame, Loop, frame, loops, runs_before
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
    Replace,
    Severity,
)
from codemods.sessions.emit import Emission, Record, Taking, fresh
from codemods.sessions.flow import Flow, is_v1, v1_name
from codemods.sessions.reach import names
from codemods.sessions.recorders import recorder
from codemods.sessions.refusals import (
    BY_HAND,
    EMBEDDED,
    IN_LOOP,
    IN_SUBGRAPH,
    MAY_BE_NONE,
    NO_STEP,
    NOT_FED,
    OUT_OF_REACH,
    RUN_IN_PART,
    SEVERAL_GRAPHS,
    SEVERAL_LOOPS,
    SEVERAL_MERGES,
    SEVERAL_RUNS,
    SEVERAL_WORKERS,
)
from codemods.sessions.runs import MONITORED, Run, fed, is_session, prepares, rank, runs
from codemods.sessions.steps import Step, is_repeated, step
from codemods.sessions.summaries import UNKNOWN, Merge, Summaries, Summary, has_summaries

DROPPED = "The merged summaries are run, and what they return is dropped"
EARLY = (
    "`merge_all()` stands before summaries of its graph: it merges what is defined so far, and is None if nothing is"
)
LOST = "Summaries of the graph are never run, and nothing of them is recorded"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_FRAMES = (*_FUNCTIONS, ast.Module)
_DEPTH = 8
# The words of a module that may define summaries of a graph.
_OPS = (
    *(f"summary.{kind}" for kind in ("scalar", "histogram", "image", "audio", "text", "tensor_summary")),
    *("v1.summary", "import summary"),
)
_V1 = ("v1", "Session", "placeholder", "FileWriter", "merge_all", "get_variable", "contrib")
_MERGED = ("merged", "merged_summaries", "summary_op", "merged_summary_op")
_BRANCHES = frozenset({"cond", "while_loop", "case", "switch_case", "map_fn", "foldl", "foldr", "scan"})
_OTHER_GRAPHS = frozenset({"function", "wrap_function", "map", "flat_map", "filter", "interleave", "reduce"})
"""What runs a function in a graph of its own, whose summaries `merge_all` doesn't see."""


@dataclass
class _Plan:
    """What is done about one run, or about several of which each turn makes exactly one.

    Attributes:
        runs: the runs.
        merged: how they name the merged summaries.
        edits: what has to be done for that.
        local: each call of their function builds the graph.
        given: where the code gives `add_summary` the operation itself.
        around: the loops of the training, innermost first.
    """

    runs: list[Run]
    merged: str = ""
    edits: list[Edit] = field(default_factory=list)
    local: bool = False
    given: ast.expr | None = None
    around: list[Loop] = field(default_factory=list)


def training(module: Module) -> Training | None:
    """Return the training of a module, if it runs a graph that may have summaries."""
    if not module.attributes.keys() & {"run", "eval"} or not _may_have_summaries(module):
        return None
    flow = Flow(module)
    found = list(runs(flow))
    preparing = [run for run in found if prepares(flow, run)]
    return Training(flow, found, preparing) if len(found) > len(preparing) else None


def _may_have_summaries(module: Module) -> bool:
    """Tell whether a module, one that it imports, or one that is imported beside it defines summaries of a graph."""
    project = module.project
    if project is None or has_summaries(module):
        return has_summaries(module)
    paths = project.once("modules with v1 summaries", lambda: frozenset(_with_summaries(project)))
    if not paths:
        return False
    above = [module.path, *project.imports.importers(module.path)]
    return any(paths & project.imports.closure(path) for path in above)


def _with_summaries(project: Project) -> Iterator[str]:
    for path in set(project.mentioning(*_OPS)) & set(project.mentioning(*_V1)):
        module = project.module(path)
        if module is not None and has_summaries(module):
            yield path


def recording_runs(module: Module) -> Iterator[ast.AST]:
    """Yield the runs of a module that are to record what they don't record yet."""
    found = training(module)
    for finding in found.findings() if found is not None else ():
        yield from [finding.node] if finding.refusal is None else []


class Training:
    """The training of one module, and the summaries of the graph that it runs."""

    def __init__(self, flow: Flow, found: list[Run], preparing: list[Run]) -> None:
        """Remember the program.

        Args:
            flow: what its values are made of.
            found: the places where the module runs the graph.
            preparing: those that only initialize something; there are others.
        """
        self.flow = flow
        self.module = flow.module
        self.runs = [run for run in found if run not in preparing]
        self.preparing = preparing
        self.summaries = Summaries(flow)

    def findings(self) -> Iterator[Finding]:
        """Yield what there is to say, at most one finding."""
        if not self.summaries.all or self.summaries.are_saved:
            return
        candidates = self._candidates()
        here = frame(self.module, candidates[0].call)
        defined = [
            each
            for each in self.summaries.all
            if each.key is not None and self._arrivals(each, here) and not self._is_built_by(each, _OTHER_GRAPHS)
        ]
        every: list[Summary | Merge] = [*defined, *self.summaries.merges]
        kinds = {each.call: self.summaries.uses(each).kinds for each in every}
        if not defined or any("escapes" in found for found in kinds.values()):
            return
        if not rank(self.flow, candidates[0].fetches) and not all(each.module is self.module for each in defined):
            return  # nothing trains here: a model's summaries are those of its training
        merges = [each for each in self.summaries.merges if each.module is self.module or self._arrivals(each, here)]
        fetched = [each for each in self.summaries.merges if "fetched" in kinds[each.call]]
        late = [each for each in defined if not kinds[each.call] and self._is_late(each, merges)]
        alone = [each for each in defined if kinds[each.call] & {"fetched", "recorded"}]
        if late:
            yield self._moved(merges[0], late)
        elif not fetched and len(alone) < len(defined):
            yield self._lost(candidates, defined, merges, in_part=bool(alone))
        elif fetched:
            dropped = list(self._dropped([merge.call for merge in fetched]))
            # Who has merged some on purpose wants them run as well.
            merges = [each for each in merges if each not in fetched and each.key != ""]
            yield from dropped or [self._lost(candidates, defined, merges) for _ in merges[:1]]

    def _lost(
        self, candidates: list[Run], defined: list[Summary], merges: list[Merge], *, in_part: bool = False
    ) -> Finding:
        """Return the finding of summaries that no run fetches.

        Args:
            candidates: the runs that may be the training.
            defined: the summaries.
            merges: what merges them already.
            in_part: some of them are run by themselves.
        """
        try:
            if in_part and not merges:
                raise RefusedError(RUN_IN_PART)
            tags = {each.tag for each in defined}
            if any(tag is None or tag in tags for tag in self.summaries.tags_by_hand()):
                raise RefusedError(BY_HAND)
            if self.summaries.several_workers:
                raise RefusedError(SEVERAL_WORKERS)
            here = frame(self.module, candidates[0].call)
            if any(frame(self.module, run.call) is not here for run in candidates):
                raise RefusedError(SEVERAL_LOOPS)
            plan = self._plan(candidates, defined, merges, here)
            edits = tuple(self._edits(plan))
        except RefusedError as error:
            return Finding(candidates[-1].call, LOST, Severity.ERROR, refusal=error.refusal, detail=error.detail)
        remedy = f"the run that trains fetches `{plan.merged}`, and `add_summary` records it"
        return Finding(plan.runs[0].call, f"{LOST}; {remedy}", Severity.ERROR, edits)

    def _arrivals(self, each: Summary | Merge, here: Frame) -> list[tuple[ast.stmt | None, bool]]:
        return self.summaries.arrivals(each.module, each.call, (self.module, here))

    def _local(self, group: list[Summary], here: Frame) -> list[ast.stmt]:
        """Return the statements of a frame by which some summaries come to be defined."""
        found = [statement for each in group for statement, _ in self._arrivals(each, here)]
        return [statement for statement in found if statement is not None]

    def _candidates(self) -> list[Run]:
        """Return the runs that train, as far as can be told by what they fetch."""
        ranks = {run: rank(self.flow, run.fetches) for run in self.runs}
        best = max(ranks.values())
        if best > 0:
            return [run for run in self.runs if ranks[run] == best]
        return [run for run in self.runs if loops(self.module, run.call)] or self.runs

    # What is merged too early, and what is run and dropped. ------------------------------------------------

    def _is_late(self, summary: Summary, merges: list[Merge]) -> bool:
        """Tell whether a summary is only defined when the others have been merged."""
        if len(merges) != 1:
            return False
        (merge,) = merges
        if merge.key != summary.key or merge.key is None or merge.module is not self.module:
            return False
        home = frame(self.module, merge.call)
        return any(each.lineno > merge.call.lineno for each in self._local([summary], home))

    def _moved(self, merge: Merge, late: list[Summary]) -> Finding:
        """Return the finding of a merge that is to stand behind the last summary."""
        statement = self.module.statement(merge.call)
        home = frame(self.module, statement)
        fetching = [run for run in self.runs if self._fetches(run, merge.call) is not None]
        try:
            if any(self._missing(run, late) for run in fetching):
                raise RefusedError(NOT_FED)
            anchor = self._anchor(self._local(late, home), (fetching or self.runs)[0], home)
            held = self.summaries.uses(merge).holders
            beside = self.module.block(statement) is self.module.block(anchor)
            if not beside or len(held) != 1 or self._is_read_until(anchor, held[0][1], home):
                raise RefusedError(OUT_OF_REACH)
        except RefusedError as error:
            return Finding(merge.call, EARLY, Severity.ERROR, refusal=error.refusal)
        edits = (Remove(statement), InsertAfter(anchor, (Move(statement),)))
        return Finding(merge.call, f"{EARLY}; it goes behind the last of them", Severity.ERROR, edits)

    def _is_read_until(self, anchor: ast.stmt, holder: ast.AST, home: Frame) -> bool:
        """Tell whether the name of the merged summaries is read by code of a frame up to a statement."""
        if not isinstance(holder, (ast.Name, ast.Attribute)):
            return True
        uses = self.module.names[holder.id] if isinstance(holder, ast.Name) else self.module.attributes[holder.attr]
        last = anchor.end_lineno or anchor.lineno
        return any(
            isinstance(use.ctx, ast.Load) and use.lineno <= last and frame(self.module, use) is home for use in uses
        )

    def _dropped(self, calls: list[ast.Call]) -> Iterator[Finding]:
        """Yield the run that fetches the merged summaries, and drops what they return."""
        found = [run for run in self.runs if any(self._fetches(run, call) is not None for call in calls)]
        paths = {run: next(path for call in calls if (path := self._fetches(run, call)) is not None) for run in found}
        taken = {run: Taking(run, path) for run, path in paths.items()}
        if not found or not all(taking.is_dropped for taking in taken.values()):
            return
        try:
            plan = _Plan(self._together(found))
            if len(plan.runs) < len(found):
                raise RefusedError(SEVERAL_RUNS)
            plan.around = loops(self.module, plan.runs[0].call)
            edits = tuple(self._edits(plan, taken))
        except RefusedError as error:
            yield Finding(found[0].call, DROPPED, Severity.ERROR, refusal=error.refusal, detail=error.detail)
            return
        yield Finding(plan.runs[0].call, f"{DROPPED}; `add_summary` records it", Severity.ERROR, edits)

    def _fetches(self, run: Run, call: ast.Call) -> list[int | str] | None:
        """Return where among a run's fetches the value of a call stands; None if it isn't fetched as such."""
        displays: list[tuple[list[int | str], ast.expr]] = [([], run.fetches)]
        match run.fetches:
            case ast.List(elements) | ast.Tuple(elements):
                displays = [([index], each) for index, each in enumerate(elements)]
            case ast.Dict(keys, values):
                pairs = zip(keys, values, strict=True)
                displays = [([text], each) for key, each in pairs if (text := _text(key)) is not None]
        for path, each in displays:
            if any(origin is call for _, origin in self.flow.origins(self.module, each)):
                return path
        return None

    # Which summaries, which runs. -------------------------------------------------------------------------

    def _plan(self, candidates: list[Run], defined: list[Summary], merges: list[Merge], here: Frame) -> _Plan:
        defined = self._of_graph(candidates[0], defined, here)
        if any(self._is_built_by(each, _BRANCHES) for each in defined):
            raise RefusedError(IN_SUBGRAPH)
        groups: dict[str | None, list[Summary]] = {}
        for each in defined:
            groups.setdefault(each.key, []).append(each)
        if UNKNOWN in groups:
            raise RefusedError(SEVERAL_MERGES)
        if merges:
            named = {merge.key: merge for merge in merges}
            if len(named) < len(merges):
                raise RefusedError(SEVERAL_MERGES)
            groups = {key: self.summaries.members(merge, defined) for key, merge in named.items()}
        able = {key: [run for run in candidates if not self._missing(run, group)] for key, group in groups.items()}
        key = self._key([key for key, found in able.items() if found], groups, candidates)
        plan = _Plan(self._together(able[key]))
        local = self._local(groups[key], here)
        around = loops(self.module, plan.runs[0].call)
        plan.local = bool(local)
        plan.around = [loop for loop in around if not any(loop in self.module.ancestors(each) for each in local)]
        if around and not plan.around:
            raise RefusedError(IN_LOOP)
        defining = groups[key] if key is not None else []  # what `merge` is given is there
        if defining and not any(sure for each in defining for _, sure in self._arrivals(each, here)):
            raise RefusedError(MAY_BE_NONE)
        if merges:
            if not any(sure for _, sure in self._arrivals(named[key], here)):
                raise RefusedError(OUT_OF_REACH)
            self._use(plan, named[key])
            plan.given = self._given(plan, named[key])
        else:
            self._merge(plan, groups[key], str(key), here)
        return plan

    def _missing(self, run: Run, group: list[Summary]) -> set[ast.AST]:
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

    def _key(
        self, able: list[str | None], groups: dict[str | None, list[Summary]], candidates: list[Run]
    ) -> str | None:
        """Return the key of the summaries that are for the training."""
        if not able:
            missing = set().union(*(self._missing(candidates[-1], group) for group in groups.values()))
            texts = sorted({ast.unparse(node) for node in missing if isinstance(node, (ast.expr, ast.arg))}, key=len)
            short = texts and len(texts[0]) < 80
            raise RefusedError(NOT_FED, f"{NOT_FED.sentence}: `{texts[0]}`" if short else None)
        if len(able) > 1:
            training = [key for key in able if "train" in (key or "").lower()]
            others = [key for key in able if not any(word in (key or "").lower() for word in ("test", "val", "eval"))]
            able = training if len(training) == 1 else others
        if len(able) != 1:
            raise RefusedError(SEVERAL_MERGES)
        return able[0]

    def _together(self, able: list[Run]) -> list[Run]:
        """Return the run that each turn of the training makes once, or those of which it makes one."""
        if len({loop for run in able for loop in loops(self.module, run.call)[-1:]}) > 1:
            raise RefusedError(SEVERAL_LOOPS)
        chosen = min(able, key=self._weight)
        together = [chosen]
        for run in able:
            if all(self._excludes(run, other) for other in together):
                together.append(run)
        if not any(rank(self.flow, run.fetches) for run in able) and len(able) > len(together):
            raise RefusedError(SEVERAL_RUNS)
        return sorted(together, key=lambda run: run.call.lineno)

    def _weight(self, run: Run) -> tuple[int, bool, int]:
        """Return how far a run is from ending each step: in an inner loop, under a condition, before others."""
        return len(loops(self.module, run.call)), self._is_conditional(run), -run.call.lineno

    def _is_conditional(self, run: Run) -> bool:
        for around in self.module.ancestors(run.call):
            if isinstance(around, (ast.For, ast.AsyncFor, ast.While, *_FUNCTIONS)):
                return False
            if isinstance(around, (ast.If, ast.ExceptHandler, ast.Match)):
                return True
        return False

    def _excludes(self, one: Run, other: Run) -> bool:
        """Tell whether two runs stand in different branches of one ``if``."""
        if one is other or loops(self.module, one.call) != loops(self.module, other.call):
            return False
        mine, others = {one.call, *self.module.ancestors(one.call)}, {other.call, *self.module.ancestors(other.call)}
        return any(
            isinstance(around, ast.If)
            and around in others
            and any(each in mine for each in around.body) != any(each in others for each in around.body)
            for around in mine
        )

    # Graphs. ----------------------------------------------------------------------------------------------

    def _of_graph(self, run: Run, defined: list[Summary], here: Frame) -> list[Summary]:
        """Return the summaries of the graph that a run is of."""
        first = min((statement.lineno for statement in self._local(defined, here)), default=run.call.lineno)
        for call in self.module.find_all(ast.Call):
            between = first < call.lineno < run.call.lineno and frame(self.module, call) is here
            if between and v1_name(self.module, call.func) == "reset_default_graph":
                raise RefusedError(SEVERAL_GRAPHS)
        if not any(
            v1_name(other, call.func) == "Graph" for other in self.flow.modules for call in other.find_all(ast.Call)
        ):
            return defined
        mine = self._graph_of_session(run)
        found = [each for each in defined if self._graph_of_summary(each) is mine]
        if not found or (len(found) < len(defined) and mine is None):
            raise RefusedError(SEVERAL_GRAPHS)
        return found

    def _graph_of_session(self, run: Run) -> ast.AST | None:
        """Return the call that makes a session's graph; None for the first default graph."""
        for module, made in self.flow.origins(self.module, run.session) if run.session is not None else ():
            if isinstance(made, ast.Call) and v1_name(module, made.func) is not None:
                given = next((keyword.value for keyword in made.keywords if keyword.arg == "graph"), None)
                if given is not None:
                    return next((origin for _, origin in self.flow.origins(module, given)), None)
                return self._graph_at(module, made, 0)
        return self._graph_at(self.module, run.call, 0)

    def _graph_of_summary(self, summary: Summary) -> ast.AST | None:
        return self._graph_at(summary.module, summary.call, 0)

    def _graph_at(self, module: Module, node: ast.AST, depth: int) -> ast.AST | None:
        """Return the graph that is the default at a place, by the code around it or around its function's calls."""
        found = self._graph_around(module, node)
        function = module.function(node)
        if found is not None or function is None or depth > _DEPTH:
            return found
        callers = self.summaries.callers(module, function)
        graphs = (self._graph_at(other, caller, depth + 1) for other, caller, _ in callers)
        return next((graph for graph in graphs if graph is not None), None)

    def _graph_around(self, module: Module, node: ast.AST) -> ast.AST | None:
        for around in module.ancestors(node):
            for item in around.items if isinstance(around, ast.With) else ():
                graph = _made_default(item)
                for other, origin in self.flow.origins(module, graph) if graph is not None else ():
                    if isinstance(origin, ast.Call) and v1_name(other, origin.func) == "Graph":
                        return origin
        return None

    def _is_built_by(self, summary: Summary, makers: frozenset[str]) -> bool:
        """Tell whether a summary is defined by a function that one of some makers runs to build a part of the graph."""
        module = summary.module
        for around in module.ancestors(summary.call):
            uses: list[ast.AST] = [around] if isinstance(around, ast.Lambda) else []
            if isinstance(around, _FUNCTIONS):
                uses += [*module.uses(module.scope(around), around.name), *around.decorator_list]
            if any(_maker(module, use) in makers for use in uses):
                return True
        return False

    # The merged summaries. --------------------------------------------------------------------------------

    def _merge(self, plan: _Plan, group: list[Summary], key: str, here: Frame) -> None:
        """Plan to merge some summaries, where all are defined and the runs can name the result."""
        run = plan.runs[0]
        code = f"{self._base(group)}.merge_all({self._quoted(key)})"
        local = self._local(group, here)
        if local:
            anchor = self._anchor(local, run, here)
            plan.merged = fresh(self.module, _MERGED, run.call, anchor)
            plan.edits.append(InsertAfter(anchor, f"{plan.merged} = {code}"))
            return
        method = self._in_class(group, run, here)
        if method is not None:
            name = next((each for each in _MERGED if each not in self.module.attributes), None)
            if name is None:
                raise RefusedError(OUT_OF_REACH)
            plan.merged = f"self.{name}"
            plan.edits.append(InsertAfter(method, f"{plan.merged} = {code}"))
            return
        outer = next((each for each in self._outer(group, run)), None)
        if outer is not None:
            plan.merged = fresh(self.module, _MERGED, run.call, outer)
            plan.edits.append(InsertAfter(outer, f"{plan.merged} = {code}"))
            return
        self._merge_before(plan, code)

    def _quoted(self, key: str) -> str:
        """Return the code of a key, in the quotes that the module has for it."""
        double = f'"{key[1:-1]}"'
        return double if key.startswith("'") and double in self.module.text else key

    def _outer(self, group: list[Summary], run: Run) -> Iterator[ast.stmt]:
        """Yield the statements of the code around a run's function behind which all summaries are defined.

        The function is called later only, and sees the names of that code.
        """
        function = self.module.function(run.call)
        frames = (
            [] if function is None else [each for each in self.module.ancestors(function) if isinstance(each, _FRAMES)]
        )
        for each in frames:
            local = [self._local([summary], each) for summary in group]
            if all(local):
                anchor = self._anchor([statement for found in local for statement in found], run, each)
                if self._precedes(anchor, run, each):
                    yield anchor

    def _precedes(self, anchor: ast.stmt, run: Run, home: Frame) -> bool:
        """Tell whether wherever code of another frame comes to a run, it has done a statement."""
        calls = self.summaries.arrivals(self.module, run.call, (self.module, home))
        if any(statement is None for statement, _ in calls) and isinstance(home, ast.Module):
            guarded = any(isinstance(around, ast.stmt) for around in self.module.ancestors(anchor))
            return not guarded and not any(statement is not None for statement, _ in calls)
        last = anchor.end_lineno or anchor.lineno
        return all(statement is None or statement.lineno > last for statement, _ in calls)

    def _in_class(self, group: list[Summary], run: Run, here: Frame) -> ast.stmt | None:
        """Return the statement of another method of a run's class behind which all summaries are defined."""
        owner = self.module.parent(here)
        if not isinstance(owner, ast.ClassDef) or not _has_self(here):
            return None
        own = [self.module.function(each.call) for each in group if each.module is self.module]
        methods = [each for each in owner.body if isinstance(each, _FUNCTIONS) and each is not here and _has_self(each)]
        for method in sorted(methods, key=lambda each: (-own.count(each), each.name != "__init__")):
            local = [self._local([each], method) for each in group]
            if all(local):
                anchor = self._anchor([statement for found in local for statement in found], run, method)
                return anchor if self._precedes(anchor, run, method) else None
        return None

    def _merge_before(self, plan: _Plan, code: str) -> None:
        """Plan to merge the summaries right before the training."""
        run = plan.runs[0]
        if not plan.around or is_repeated(self.flow, run):
            raise RefusedError(OUT_OF_REACH)
        place: ast.stmt = plan.around[-1]
        graphs = [each for other in self.flow.callers for each in other.attributes.get("as_default", ())]
        for module, made in self.flow.origins(self.module, run.session) if run.session is not None else ():
            if isinstance(made, ast.Call) and v1_name(module, made.func) in MONITORED:
                # Such a session finalizes its graph.
                place = module.statement(made)
                if frame(module, made) is not frame(self.module, run.call) or graphs:
                    raise RefusedError(OUT_OF_REACH)
        if any("finalize" in other.attributes for other in self.flow.callers):
            raise RefusedError(OUT_OF_REACH)
        plan.merged = fresh(self.module, _MERGED, run.call)
        line = f"{plan.merged} = {code}"
        if graphs and run.session is not None:
            line = f"with {self.module.source(run.session)}.graph.as_default():\n    {line}"
        plan.edits.append(InsertBefore(place, line))

    def _anchor(self, statements: list[ast.stmt], run: Run, here: Frame) -> ast.stmt:
        """Return the statement of a frame behind which all of some statements have been run, on the way to a run."""
        chain = {run.statement, *self.module.ancestors(run.statement)} if here in self._frames(run) else set()
        climbed: list[ast.stmt] = []
        for statement in statements:
            node: ast.AST = statement
            while (parent := self.module.parent(node)) is not None:
                if parent is here or parent in chain or _is_default_graph(parent):
                    break
                node = parent
            climbed.append(self.module.statement(node))
        anchor = max(climbed, key=lambda each: each.lineno)
        if anchor in chain or (chain and frame(self.module, run.call) is here and anchor.lineno > run.call.lineno):
            raise RefusedError(IN_LOOP)
        parents = {self.module.parent(each) for each in climbed}
        if len(parents) > 1 and not all(parent is here or parent in chain for parent in parents):
            raise RefusedError(SEVERAL_GRAPHS)
        return anchor

    def _frames(self, run: Run) -> list[ast.AST]:
        return [frame(self.module, run.call)]

    def _base(self, group: list[Summary]) -> str:
        """Return what the module calls TensorFlow's summaries."""
        mine = [each.call for each in group if each.module is self.module]
        for call in [*mine, *self.module.find_all(ast.Call)]:
            name = v1_name(self.module, call.func) or ""
            if name.startswith("summary.") and isinstance(call.func, ast.Attribute):
                roots = [each for each in ast.walk(call.func.value) if isinstance(each, ast.Name)]
                if all(frame(self.module, each.node) is self.module.tree for each in self.module.bindings(roots[0])):
                    return self.module.source(call.func.value)
        for name, bindings in self.module.inner_scope(self.module.tree).bindings.items():
            imported = {binding.imported for binding in bindings}
            if imported == {"tensorflow.compat.v1"} or (imported == {"tensorflow"} and is_v1(self.module)):
                return f"{name}.summary"
            if imported == {"tensorflow"}:
                return f"{name}.compat.v1.summary"
        raise RefusedError(OUT_OF_REACH)

    def _use(self, plan: _Plan, merge: Merge) -> None:
        """Plan to fetch summaries that are merged already."""
        run = plan.runs[0]
        statement = merge.module.statement(merge.call)
        if isinstance(statement, ast.Expr) and statement.value is merge.call and merge.module is self.module:
            home = frame(self.module, statement)
            if home in (frame(self.module, run.call), self.module.tree):
                plan.merged = fresh(self.module, _MERGED, run.call, statement)
                plan.edits.append(Replace(statement, f"{plan.merged} = {self.module.source(merge.call)}"))
                return
        found = next(names(self.flow, self.summaries.uses(merge), run), None)
        if found is None:
            raise RefusedError(OUT_OF_REACH)
        plan.merged = found

    def _given(self, plan: _Plan, merge: Merge) -> ast.expr | None:
        """Return where `add_summary` is given the merged operation, which is what it is to be given the result of."""
        uses = self.summaries.uses(merge).recorded
        if not uses:
            return None
        run, (_, node) = plan.runs[0], uses[0]
        inside = node in self.module and loops(self.module, node) == loops(self.module, run.call)
        if (
            len(uses) > 1
            or len(plan.runs) > 1
            or not inside
            or not runs_before(self.module, [run.statement], self.module.statement(node))
        ):
            raise RefusedError(EMBEDDED)
        return node

    # The edits. -------------------------------------------------------------------------------------------

    def _edits(self, plan: _Plan, taken: dict[Run, Taking] | None = None) -> Iterator[Edit]:
        """Yield the edits of a plan.

        Args:
            plan: the plan.
            taken: where its runs fetch the merged summaries already; None if they don't.
        """
        yield from plan.edits
        counter: Step | None = None
        for run in plan.runs:
            record: Record | ast.expr
            if plan.given is not None:
                record = plan.given
            else:
                record = self._record(plan, run)
                counter = record.step
                if run is plan.runs[0]:
                    yield from record.edits
            if taken is not None and isinstance(record, Record):
                yield from taken[run].edits(record)
            else:
                yield from Emission(run, plan.merged, self._session(run), record).edits()
        if counter is not None and counter.counter is not None:
            yield InsertBefore(counter.counter, f"{counter.code} = 0")

    def _record(self, plan: _Plan, run: Run) -> Record:
        found = recorder(self.flow, self.summaries, plan.runs[0])
        if isinstance(found, Refusal):
            raise RefusedError(found)
        # Where each turn of a loop has a writer of its own, and initializes all, it is a training of its own.
        anew = {loop for each in self.preparing for loop in loops(self.module, each.call)} & found.apart
        around = [loop for loop in plan.around if loop not in anew]
        counted = step(self.flow, run, around, local=plan.local or frame(self.module, run.call) in found.apart)
        if counted is None:
            raise RefusedError(NO_STEP)
        return Record(found.text, counted, found.edits)

    def _session(self, run: Run) -> str:
        """Return what the code at a run calls its session."""
        if run.session is not None:
            return self.module.source(run.session)
        for around in self.module.ancestors(run.call):
            for item in around.items if isinstance(around, ast.With) else ():
                graph = _made_default(item)
                held = graph if graph is not None else item.optional_vars
                if isinstance(held, ast.Name) and is_session(self.flow, held):
                    return held.id
        scope = self.module.scope(run.call)
        while True:
            for name, bindings in scope.bindings.items():
                made = [place for binding in bindings for place in self.flow.bound(self.module, binding)]
                calls = [(module, node) for module, node in made if isinstance(node, ast.Call)]
                if calls and all(v1_name(module, call.func) == "InteractiveSession" for module, call in calls):
                    return name
            if scope.parent is None:
                break
            scope = scope.parent
        base = self._base([])
        if base.endswith(".summary"):
            return f"{base.removesuffix('.summary')}.get_default_session()"
        raise RefusedError(OUT_OF_REACH)


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _maker(module: Module, node: ast.AST) -> str | None:
    """Return the last name of what a function is handed to, or decorated with."""
    parent = module.parent(node)
    parent = module.parent(parent) if isinstance(parent, ast.keyword) else parent
    maker: ast.AST | None = None
    if isinstance(parent, _FUNCTIONS):
        maker = node.func if isinstance(node, ast.Call) else node
    elif isinstance(parent, ast.Call) and parent.func is not node:
        maker = parent.func
        if isinstance(maker, ast.Attribute) and module.resolve(maker) is None:
            return maker.attr
    name = v1_name(module, maker) or module.resolve(maker) or ""
    return name.rpartition(".")[2] if name.startswith("tensorflow.") or v1_name(module, maker) else None


def _has_self(function: ast.AST) -> bool:
    return (
        isinstance(function, _FUNCTIONS)
        and bool(function.args.args)
        and function.args.args[0].arg == "self"
        and not function.decorator_list
    )


def _made_default(item: ast.withitem) -> ast.expr | None:
    """Return the graph or session that an item of a ``with`` makes the default, if it does."""
    call = item.context_expr
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "as_default":
        return call.func.value
    return None


def _is_default_graph(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any(_made_default(item) is not None for item in node.items)
