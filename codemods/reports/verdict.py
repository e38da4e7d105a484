"""What a program did before and after a rewrite, side by side: for people, for programs, for a pull request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from click import style

from codemods.reports.terminal import WIDTH, count, wrapped
from codemods.verify.observation import Observation
from codemods.verify.proof import Proof, ending

VERSION = 1
_LABEL = 12
_COLUMN = (WIDTH - _LABEL) // 2
_COLOURS = {"same": "green", "repaired": "green", "different": "red", "inconclusive": "yellow"}
_TRACEBACK = 6
_NAMED = 4
_IN_TABLE = ("summaries: ", "event files: ")


def render(proof: Proof) -> str:
    """Return the report for people."""
    parts = [_heading(proof)]
    if proof.before:
        parts.append("\n".join(_table(proof.before, proof.after)))
    lines = [wrapped(f"  {label:<{_LABEL - 2}}{text}", " " * _LABEL) for label, text in _lines(proof)]
    if lines:
        parts.append("\n".join(lines))
    run = proof.after or proof.before
    if run and not run.ok and run.stderr.strip():
        last = [line for line in run.stderr.strip().splitlines() if line.strip(" ~^")][-_TRACEBACK:]
        parts.append(
            "\n".join(["  The last lines that it wrote to standard error:", *(f"    {line}" for line in last)])
        )
    return "\n\n".join([*parts, verdict(proof)])


def verdict(proof: Proof) -> str:
    """Return the verdict as a line."""
    kind = style(proof.verdict.kind, fg=_COLOURS[proof.verdict.kind], bold=True)
    if proof.obstacle:
        return wrapped(f"{kind}: the program could not be run to its end: {proof.obstacle}", "  ")
    return f"{kind}: {_meaning(proof)}"


def to_dict(proof: Proof) -> dict[str, Any]:
    """Return the report for programs, whose keys are a promise."""
    return {
        "verdict": proof.verdict.kind,
        "obstacle": proof.obstacle,
        "script": proof.program.name,
        "arguments": list(proof.program.args),
        "python": proof.program.python,
        "same": list(proof.verdict.same),
        "different": list(proof.verdict.different),
        "repaired": list(proof.verdict.repaired),
        "notes": list(proof.verdict.notes),
        "rewritten": [
            {"path": path, "findings": findings, "loaded": path not in proof.unused}
            for path, findings in proof.rewritten
        ],
        "before": _run(proof.before),
        "after": _run(proof.after),
    }


def render_json(proof: Proof) -> str:
    """Return the report for programs as text."""
    return json.dumps({"version": VERSION, **to_dict(proof)}, indent=2)


def markdown(proof: Proof) -> str:
    """Return the report as a section of a migration's report."""
    parts = ["## Verification", f"`{proof.program.command}`: **{proof.verdict.kind}**"]
    if proof.obstacle:
        parts[-1] += f", the program could not be run to its end: {proof.obstacle}"
    if proof.before and proof.after:
        rows = (f"| {label} | {old} | {new} |" for label, old, new in _rows(proof.before, proof.after))
        parts.append("\n".join(["| | before | after |", "| --- | --- | --- |", *rows]))
    parts.append("\n".join(f"- {label}: {text}" for label, text in _lines(proof)))
    return "\n\n".join(filter(None, parts)) + "\n"


def _heading(proof: Proof) -> str:
    used = [f"{path} ({count(number, 'finding')})" for path, number in proof.rewritten if path not in proof.unused]
    rewritten = f"with a rewrite of {_some(used)}, " if used else ""
    return wrapped(f"{style(proof.program.command, bold=True)}, {rewritten}under {proof.program.python}", "  ")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _meaning(proof: Proof) -> str:
    match proof.verdict.kind:
        case "same" if proof.before is None:
            return "nothing is rewritten, so there is nothing to run"
        case "same" if proof.after is None:
            return "the program loads none of the files that are rewritten, so it was not run with them"
        case "same":
            return "the program does the same before and after the rewrite"
        case "repaired":
            return "the program does all that it did, and what it failed to do before"
        case "different":
            return "the program does something else after the rewrite"
    return "the program is not deterministic; its tags, steps and counts are the same"


def _lines(proof: Proof) -> Iterator[tuple[str, str]]:
    """Yield what was compared, the most important first, each with its kind."""
    found = proof.verdict
    for kind, lines in (("differs", found.different), ("repaired", found.repaired), ("note", found.notes)):
        yield from ((kind, line) for line in lines if not line.startswith(_IN_TABLE))
    if proof.unused:
        files = f"{count(len(proof.unused), 'rewritten file')} that the program does not load"
        yield "note", f"this says nothing of {files}: {_some(proof.unused)}"
    yield from (("same", line) for line in found.same if not line.startswith("0 "))


def _table(before: Observation, after: Observation | None) -> Iterator[str]:
    yield style(f"  {'':<{_LABEL - 2}}{'before':<{_COLUMN}}{'after' if after else ''}".rstrip(), bold=True)
    for label, old, new in _rows(before, after):
        yield f"  {label:<{_LABEL - 2}}{_cut(old):<{_COLUMN}}{_cut(new)}".rstrip()


def _rows(before: Observation, after: Observation | None) -> Iterator[tuple[str, str, str]]:
    old, new = _told(before), _told(after) if after else {}
    for label in old:
        if old[label] or new.get(label):
            yield label, old[label] or "none", (new[label] or "none") if new else ""


def _told(run: Observation) -> dict[str, str]:
    """What a run did, in a few words for each thing."""
    calls = (
        (run.summaries.traced, "traced"),
        (run.summaries.host, "on the host"),
        (run.summaries.dropped, "without a writer"),
    )
    files = count(run.event_files, "file")
    return {
        "end": ending(run).removeprefix("ended with "),
        "events": f"{len(run.events):,} in {files}" if run.events else "",
        "summaries": ", ".join(f"{number:,} {how}" for number, how in calls if number),
        "variables": "not observed" if run.variables is None else str(len(run.variables) or ""),
        "saved": ", ".join(item.path for item in run.saved),
        "output": count(len(run.stdout.splitlines()), "line") if run.stdout else "",
        "a step": "" if run.step_seconds is None else f"{run.step_seconds * 1000:.3g} ms",
        "in all": f"{run.seconds:.1f} s",
    }


def _run(run: Observation | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "exit": run.exit,
        "exception": run.exception,
        "events": len(run.events),
        "event_files": run.event_files,
        "traced": run.summaries.traced,
        "host": run.summaries.host,
        "dropped": run.summaries.dropped,
        "variables": None if run.variables is None else len(run.variables),
        "saved": [item.path for item in run.saved],
        "output_lines": len(run.stdout.splitlines()),
        "step_seconds": run.step_seconds,
        "seconds": run.seconds,
    }


def _cut(text: str) -> str:
    return text if len(text) < _COLUMN else f"{text[: _COLUMN - 3]}…"
