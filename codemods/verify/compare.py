"""Compare what a program did before and after its rewrite."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from codemods.verify.observation import Event, Observation, Saved, Variable

Kind = Literal["same", "repaired", "different", "inconclusive"]

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


@dataclass(frozen=True)
class Verdict:
    """What the comparison came to.

    Attributes:
        kind: `same`; `repaired` (the original raised, lost events, or recorded none at all in a folder, and the
            rewrite does all that it did, and the rest); `different`; `inconclusive` (the original doesn't do the
            same twice).
        same: what is the same.
        different: what differs, each with the first place where it does.
        repaired: what the original failed to do.
        notes: what else a reader should know.
    """

    kind: Kind
    same: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """The verdict for a reader, the most important first."""
        return [*self.different, *self.repaired, *self.notes, *self.same]

    def to_dict(self) -> dict[str, Any]:
        """Returns the verdict as values that `json` can write."""
        return asdict(self)


def compare(before: Observation, after: Observation, before_again: Observation | None = None) -> Verdict:
    """Compares two runs, bit for bit.

    Args:
        before: what the original program did.
        after: what the rewritten program did.
        before_again: what the original did in a second run. Where it isn't the same as `before`, the program
            isn't deterministic: values are left out, and tags, steps and counts are compared. Lines of output
            that differ between these two are compared without their numbers.

    Returns:
        The verdict. It is `repaired` only if the original raised, dropped summaries or lost events, and every
        event, variable and line of its own is there again; if a step stood still that now runs; or if events are
        in a folder that the original recorded nothing in.
    """
    if before.escaped or after.escaped:
        names = ", ".join(before.escaped or after.escaped)
        return Verdict("inconclusive", notes=(f"modules were imported from outside of the copy: {names}",))
    if before.exit is None:
        return Verdict("inconclusive", notes=("the original did not end within the time limit",))
    if before_again is None:
        return _verdict(before, after)
    notes = []
    if before.stdout != before_again.stdout:
        before, after, note = _without_unsteady_lines(before, after, before_again)
        before_again = replace(before_again, stdout=before.stdout)
        notes.append(note)
    verdicts = [_verdict(run, after, notes) for run in (before, before_again)]
    # An original that loses other events each time is repaired if none of either run is missing.
    if all(verdict.kind in {"same", "repaired"} for verdict in verdicts):
        return next((verdict for verdict in verdicts if verdict.kind == "repaired"), verdicts[0])
    unsteady = _unsteady(before, before_again)
    if not unsteady:
        return verdicts[0]
    verdict = _verdict(_without_values(before), _without_values(after), [*unsteady, *notes])
    return verdict if verdict.kind == "different" else replace(verdict, kind="inconclusive")


def _verdict(before: Observation, after: Observation, notes: Sequence[str] = ()) -> Verdict:
    comparison = _Comparison(before, after)
    comparison.compare()
    kind: Kind = "same"
    if comparison.different:
        kind = "different"
    elif comparison.repaired:
        kind = "repaired"
    return Verdict(
        kind,
        tuple(comparison.same),
        tuple(comparison.different),
        tuple(comparison.repaired),
        (*notes, *comparison.notes),
    )


class _Comparison:
    def __init__(self, before: Observation, after: Observation) -> None:
        self.before, self.after = before, after
        self.same: list[str] = []
        self.different: list[str] = []
        self.repaired: list[str] = []
        self.notes: list[str] = []
        # The original stopped before its end: what it did is the beginning of what it should have done.
        self.stopped = not before.ok and after.ok
        # Only a program that is known to lose events may gain some.
        self.loses = (
            self.stopped
            or before.abrupt
            or before.lost > after.lost
            or before.summaries.dropped > after.summaries.dropped
        )

    def compare(self) -> None:
        self._end()
        self._events()
        self._variables()
        self._saved()
        self._stdout()
        before, after = self.before.summaries, self.after.summaries
        if (before.traced, before.host) != (after.traced, after.host):
            self.notes.append(
                f"summaries: {before.traced} traced and {before.host} written on the host before, "
                f"{after.traced} and {after.host} after"
            )
        if self.before.event_files != self.after.event_files:
            self.notes.append(f"event files: {self.before.event_files} before, {self.after.event_files} after")

    def _end(self) -> None:
        before, after = _ending(self.before), _ending(self.after)
        if before == after:
            self.same.append(before)
            if not self.before.ok:
                self.notes.append("neither run came to its end: only what they did until then is compared")
        elif self.stopped:
            self.repaired.append(f"{before}, now runs")
        else:
            self.different.append(f"{before} before, {after} after")

    def _events(self) -> None:
        before, after = _series(self.before.events), _series(self.after.events)
        found = len(self.different)
        gained = 0
        for (folder, tag), old in before.items():
            new = after.get((folder, tag), [])
            where = f"{folder}: {_named(old[0])}"
            if old == new:
                continue
            if not new:
                self.different.append(f"{where}: {_events(len(old))} before, none after")
            elif self.loses and _is_part(old, new):
                gained += len(new) - len(old)
            elif _was_frozen(old, new):
                self.repaired.append(
                    f"{where}: the step stood at {old[0].step}, now runs from {new[0].step} to {new[-1].step}"
                )
            else:
                self.different.append(f"{where}: {_first_difference(old, new)}")
        folders = {folder for folder, _ in before}
        silent: Counter[str] = Counter()
        for (folder, tag), new in after.items():
            if (folder, tag) not in before:
                if self.loses:
                    gained += len(new)
                elif folder not in folders:
                    silent[folder] += len(new)
                else:
                    self.different.append(f"{folder}: {_named(new[0])}: none before, {_events(len(new))} after")
        if gained:
            self.repaired.append(f"{_events(gained)} recorded that {'was' if gained == 1 else 'were'} lost before")
        self.repaired += [
            f"{folder}: {_events(number)} where nothing was recorded" for folder, number in silent.items()
        ]
        if len(self.different) == found:
            self.same.append(f"{_events(len(self.before.events))} with folder, tag, step, kind and value")

    def _variables(self) -> None:
        before, after = self.before.variables, self.after.variables
        if before is None or after is None:
            if (before is None) == (after is None) or self.stopped:
                self.notes.append("the variables could not be observed")
            else:
                self.different.append("the variables could be observed in one of the runs only")
            return
        if self.stopped:
            # It would have gone on training: the values are those of an earlier moment.
            before = tuple(_without_value(variable) for variable in before)
            after = tuple(_without_value(variable) for variable in after[: len(before)])
        if before == after:
            self.same.append(_count(len(before), "variable") + (" as far as the original ran" if self.stopped else ""))
            return
        for number, (old, new) in enumerate(zip(before, after, strict=False)):
            if old != new:
                self.different.append(f"variable {number}: {_shown(old)} before, {_shown(new)} after")
                return
        self.different.append(f"{len(before)} variables before, {len(after)} after")

    def _saved(self) -> None:
        before = {item.path: _sorted(item) for item in self.before.saved}
        after = {item.path: _sorted(item) for item in self.after.saved}
        found = len(self.different)
        for path, old in before.items():
            new = after.get(path)
            if new is None:
                self.different.append(f"{path}: saved before, not after")
            elif old != new and not self.stopped:
                self.different.append(f"{path}: {_saved_difference(old, new)}")
        more = [path for path in after if path not in before]
        if more and self.stopped:
            self.repaired.append(f"saved now: {', '.join(more)}")
        elif more:
            self.different.append(f"saved after, not before: {', '.join(more)}")
        if before and len(self.different) == found:
            self.same.append(f"saved: {', '.join(before)}")

    def _stdout(self) -> None:
        before, after = self.before.stdout, self.after.stdout
        if before == after:
            self.same.append(f"{_count(len(before.splitlines()), 'line')} of output")
            return
        if self.stopped and after.startswith(before):
            self.same.append(f"{_count(len(before.splitlines()), 'line')} of output, as far as the original ran")
            return
        old, new = before.splitlines(), after.splitlines()
        for number, (left, right) in enumerate(zip(old, new, strict=False)):
            if left != right:
                self.different.append(f"output, line {number + 1}: {left!r} before, {right!r} after")
                return
        lengths = f"{_count(len(old), 'line')} before, {len(new)} after"
        self.different.append(f"output: {'the newline at the end differs' if old == new else lengths}")


def _unsteady(first: Observation, second: Observation) -> list[str]:
    """What the original did differently in its second run."""
    comparison = _Comparison(first, second)
    comparison.loses = comparison.stopped = False
    comparison.compare()
    return [f"the original is not deterministic: {line}" for line in comparison.different + comparison.repaired]


def _without_values(run: Observation) -> Observation:
    return replace(
        run,
        events=tuple(replace(event, value="", digest="") for event in run.events),
        variables=None if run.variables is None else tuple(map(_without_value, run.variables)),
        saved=tuple(replace(item, variables=tuple(map(_without_value, item.variables))) for item in run.saved),
    )


def _without_value(variable: Variable) -> Variable:
    return replace(variable, digest=None, first=())


def _without_unsteady_lines(
    before: Observation, after: Observation, again: Observation
) -> tuple[Observation, Observation, str]:
    """Takes the numbers out of the lines that differ between two runs of the original."""
    old, new, other = (run.stdout.split("\n") for run in (before, after, again))
    if len(old) != len(other):
        note = "output: not as many lines twice, not compared"
        return replace(before, stdout=""), replace(after, stdout=""), note
    unsteady = {number for number, line in enumerate(old) if line != other[number]}

    def masked(run: Observation, lines: Sequence[str]) -> Observation:
        kept = (_NUMBER.sub("#", line) if n in unsteady else line for n, line in enumerate(lines))
        return replace(run, stdout="\n".join(kept))

    note = f"output: {_count(len(unsteady), 'line')} not the same twice, compared without numbers"
    return masked(before, old), masked(after, new), note


def _series(events: Sequence[Event]) -> dict[tuple[str, str], list[Event]]:
    """The events by folder and tag, which is how TensorBoard shows them; records without a tag by kind."""
    series: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        series[event.folder, event.tag or f"({event.kind})"].append(event)
    return series


def _is_part(part: Sequence[Event], whole: Sequence[Event]) -> bool:
    """Whether all of `part` is in `whole`, in its order."""
    rest = iter(whole)
    return all(event in rest for event in part)


def _was_frozen(old: Sequence[Event], new: Sequence[Event]) -> bool:
    """Whether only the steps differ: one and the same before, counted up from there after."""
    steps = [event.step for event in new]
    return (
        len(old) == len(new) > 1
        and len({event.step for event in old}) == 1
        and steps[0] == old[0].step
        and all(left < right for left, right in itertools.pairwise(steps))
        and [replace(event, step=0) for event in old] == [replace(event, step=0) for event in new]
    )


def _first_difference(old: Sequence[Event], new: Sequence[Event]) -> str:
    counts = "" if len(old) == len(new) else f"{_events(len(old))} before, {len(new)} after; "
    for number, (left, right) in enumerate(zip(old, new, strict=False)):
        if left != right:
            return f"{counts}event {number}: {_told(left)} before, {_told(right)} after"
    longer, when = (old, "before") if len(old) > len(new) else (new, "after")
    return f"{counts}{_told(longer[min(len(old), len(new))])} only {when}"


def _told(event: Event) -> str:
    detail = event.value if event.kind == "scalar" else f"{event.kind} {event.value} [{event.digest}]"
    return f"step {event.step} {detail}".strip()


def _named(event: Event) -> str:
    return repr(event.tag) if event.tag else event.kind


def _ending(run: Observation) -> str:
    if run.exit is None:
        return "did not end within the time limit"
    if run.exception is not None:
        return f"ended with {run.exception}"
    if run.exit < 0:
        return f"was ended by signal {-run.exit}"
    return f"ended with status {run.exit}"


def _shown(variable: Variable) -> str:
    first = f" [{', '.join(variable.first)}, ...]" if variable.first else ""
    return f"{variable.name} {variable.dtype}{list(variable.shape)}{first}"


def _sorted(item: Saved) -> Saved:
    return replace(item, variables=tuple(sorted(item.variables, key=lambda variable: variable.name)))


def _saved_difference(old: Saved, new: Saved) -> str:
    if old.kind != new.kind:
        return f"{old.kind} before, {new.kind} after"
    if old.signatures != new.signatures:
        return f"signatures {list(old.signatures)} before, {list(new.signatures)} after"
    changed = Counter(old.variables) - Counter(new.variables) or Counter(new.variables) - Counter(old.variables)
    return f"{_shown(next(iter(changed)))} is not the same"


def _events(number: int) -> str:
    return _count(number, "event")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
