"""Prove a rewrite on the user's own program, and leave out what doesn't stand the proof."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codemods.engine import source
from codemods.engine.discover import Discovery
from codemods.engine.result import FileResult, Settings
from codemods.engine.run import run
from codemods.verify.blame import least
from codemods.verify.compare import Verdict, compare
from codemods.verify.observation import Observation
from codemods.verify.program import Program, ProgramError

SAME, DIFFERENT, NOT_RUN = 0, 1, 2
Group = tuple[str, tuple[int, ...]]
"""Findings that are rewritten together: their file's path, and their numbers in it."""


@dataclass(frozen=True)
class Proof:
    """What the runs of a program have shown of a rewrite.

    Attributes:
        program: the program.
        verdict: what the comparison came to.
        before: what the original did; None if nothing was rewritten, and so nothing run.
        after: what the rewritten program did; None if it wasn't run, since the original showed that it couldn't be
            or that none of the rewritten files is loaded.
        rewritten: the files that the rewrite changed, and the number of findings in each that it answers.
        unused: those of them that the program did not load, of which the runs say nothing.
        obstacle: why the program could not be run to an end that shows anything, and what to do about it.
    """

    program: Program
    verdict: Verdict
    before: Observation | None = None
    after: Observation | None = None
    rewritten: tuple[tuple[str, int], ...] = ()
    unused: tuple[str, ...] = ()
    obstacle: str | None = None

    @property
    def status(self) -> int:
        """The exit status: 0 where nothing is known to be worse, 1 for a difference, 2 where it could not run."""
        if self.obstacle:
            return NOT_RUN
        return DIFFERENT if self.verdict.kind == "different" else SAME


class Trials:
    """Runs of one program: the original once or twice, and each rewrite once."""

    def __init__(
        self,
        program: Program,
        cwd: Path,
        announce: Callable[[str], None],
        execute: Callable[[Mapping[str, bytes]], Observation] | None = None,
    ) -> None:
        """Prepares the runs; nothing is run yet.

        Args:
            program: the program.
            cwd: the folder that the results' paths are relative to.
            announce: is told what is run next.
            execute: runs the program with some files replaced; as it runs by itself if None.
        """
        self._program = program
        self._cwd = cwd
        self._announce = announce
        self._execute = execute or program.run

    @functools.cached_property
    def _before(self) -> Observation:
        self._announce(f"running {self._program.command} as it is")
        return self._execute({})

    @functools.cached_property
    def _again(self) -> Observation:
        self._announce(f"running {self._program.command} as it is once more, to see if it does the same")
        return self._execute({})

    def prove(self, results: Sequence[FileResult], what: str = "rewritten") -> Proof:
        """Runs the program before and after a rewrite, and compares what it did.

        Args:
            results: the rewrite.
            what: how it is called for the reader.
        """
        overlay = self._overlay(results)
        if not overlay:
            return Proof(self._program, Verdict("same"))
        proof = Proof(
            self._program,
            Verdict("inconclusive"),
            self._before,
            rewritten=tuple((r.path, r.change.answered) for r in results if r.change is not None),
        )
        obstacle = self._obstacle(self._before)
        if obstacle:
            return replace(proof, obstacle=obstacle)
        if (
            self._before.loaded is not None
            and not self._before.started
            and overlay.keys().isdisjoint(self._before.loaded)
        ):
            return replace(proof, verdict=Verdict("same"), unused=tuple(path for path, _ in proof.rewritten))
        self._announce(f"running {self._program.command} {what}")
        after = self._execute(overlay)
        verdict = compare(self._before, after)
        if verdict.kind != "same":
            verdict = compare(self._before, after, self._again)
        loaded = {*(self._before.loaded or ()), *(after.loaded or ())}
        unused = [r.path for r in results if r.change is not None and self._inside(r) not in loaded]
        proof = replace(proof, verdict=verdict, after=after, unused=tuple(unused if loaded else ()))
        obstacle = self._obstacle(after) if after.escaped else None
        if verdict.kind == "same" and not after.ok:
            obstacle = f"it {ending(after)}, with the rewrite and without{self._advice(after)}"
        if obstacle:
            verdict = replace(verdict, kind="inconclusive")
        return replace(proof, verdict=verdict, obstacle=obstacle)

    def settle(self, results: Sequence[FileResult], settings: Settings) -> tuple[list[FileResult], Proof]:
        """Finds the findings whose rewrite makes the program do something else, and leaves them out.

        Args:
            results: the rewrite.
            settings: those it was made with.

        Returns:
            The rewrite without them (they are refused, as `verification-failed`), and what the runs have shown of it.
        """
        proof = self.prove(results)
        if proof.status != DIFFERENT:
            return list(results), proof
        groups = [(result.path, group) for result in results for group in result.groups]
        proofs = {frozenset[Group](): proof}
        remake = _Remake(results, settings, self._cwd)

        def proven(left_out: frozenset[Group]) -> Proof:
            if left_out not in proofs:
                what = f"with {len(groups) - len(left_out)} of {len(groups)} rewrites"
                proofs[left_out] = self.prove(remake(left_out), what)
            return proofs[left_out]

        wrong = least(groups, lambda left_out: proven(left_out).status == SAME)
        # Each of them alone, beside all the others that are right, made the difference that is shown.
        reasons = {group: _reason(proven(wrong - {group})) for group in wrong}
        return [_explained(result, reasons) for result in remake(wrong)], proven(wrong)

    def _overlay(self, results: Sequence[FileResult]) -> dict[str, bytes]:
        changed = [result for result in results if result.change is not None]
        return {self._inside(r): source.read(self._cwd / r.path).render(r.change.text) for r in changed if r.change}

    def _inside(self, result: FileResult) -> str:
        path, root = (self._cwd / result.path).resolve(), self._program.root.resolve()
        if not path.is_relative_to(root):
            raise ProgramError(f"{result.path} is outside of {root}, the project of {self._program.name}")
        return path.relative_to(root).as_posix()

    def _obstacle(self, run: Observation) -> str | None:
        """Why nothing can be learnt from a run."""
        if run.exit is None:
            return f"it did not end within {self._program.timeout:g} seconds; give it less to do, or a longer --timeout"
        if run.escaped:
            return (
                f"it imports {', '.join(run.escaped)} from {self._program.root} itself and not from the copy; "
                "an installed package may lead there"
            )
        if run.exception == "ModuleNotFoundError: No module named 'tensorflow'":
            return f"it {ending(run)}{self._advice(run)}"
        return None

    def _advice(self, run: Observation) -> str:
        if (run.exception or "").startswith("ModuleNotFoundError"):
            return f"; name its interpreter by --python, this was {self._program.python}"
        return "; only what it did until then could be compared"


class _Remake:
    """Makes a rewrite again, without some of its findings."""

    def __init__(self, results: Sequence[FileResult], settings: Settings, cwd: Path) -> None:
        self._results = results
        self._settings = settings
        self._cwd = cwd
        self._known: dict[tuple[frozenset[str], frozenset[tuple[str, int]]], list[FileResult]] = {}
        # Files that count on one another are rewritten in one run.
        linked = {path for r in results for path in (*r.helps, *(needed for needed, _ in r.needs))}
        self._linked = frozenset(r.path for r in results if r.needs or r.helps or r.path in linked)

    def __call__(self, left_out: frozenset[Group]) -> list[FileResult]:
        together = {self._linked if path in self._linked else frozenset({path}) for path, _ in left_out}
        again = {result.path: result for paths in together for result in self._made(paths, left_out)}
        return [again.get(result.path, result) for result in self._results]

    def _made(self, paths: frozenset[str], left_out: frozenset[Group]) -> list[FileResult]:
        without = frozenset((path, number) for path, group in left_out if path in paths for number in group)
        if (paths, without) not in self._known:
            settings = replace(self._settings, excluded=self._settings.excluded | without)
            files = Discovery([self._cwd / path for path in sorted(paths)], [])
            self._known[paths, without] = list(run(files, settings, cwd=self._cwd))
        return self._known[paths, without]


def ending(run: Observation) -> str:
    """How a run ended, in words that follow its name."""
    if run.exit is None:
        return "did not end in time"
    if run.exception is not None:
        return f"ended with {run.exception.rstrip('.')}"
    return f"was ended by signal {-run.exit}" if run.exit < 0 else f"ended with status {run.exit}"


def _reason(proof: Proof) -> str:
    lines = proof.verdict.different or ((proof.obstacle,) if proof.obstacle else ())
    return f"{proof.program.command} does something else with it: {lines[0]}"


def _explained(result: FileResult, reasons: dict[Group, str]) -> FileResult:
    """Says of each finding that was left out what the program did with it."""
    said = {number: reason for (path, group), reason in reasons.items() if path == result.path for number in group}
    findings = (
        replace(finding, detail=said[finding.number]) if finding.number in said else finding
        for finding in result.findings
    )
    return replace(result, findings=tuple(findings))
