"""The runs that can be undone, and what became of the files when one was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from click import style

from codemods.engine.journal import Run
from codemods.engine.result import FileResult, FileStatus, Tally
from codemods.reports.grouped import visible
from codemods.reports.terminal import count

_NAMED = 3
_WORDS = {FileStatus.CHANGED: "put back", FileStatus.UNCHANGED: "as it was already", FileStatus.FAILED: "left alone"}


def listing(runs: Sequence[Run], form: str) -> str:
    """Return the list of runs: the last one first for people, in their order for programs.

    Args:
        runs: the oldest first.
        form: ``text`` or ``json``.
    """
    if form == "json":
        return json.dumps([_values(run) for run in runs], indent=2)
    return "\n".join(map(_line, reversed(runs))) or "no runs"


def _line(run: Run) -> str:
    when = datetime.fromtimestamp(run.time).astimezone().strftime("%Y-%m-%d %H:%M")
    what = run.command if run.undoes is None else f"{run.command} {run.undoes}"
    paths = ", ".join(visible(entry.path) for entry in run.entries[:_NAMED])
    more = f" and {len(run.entries) - _NAMED} more" if len(run.entries) > _NAMED else ""
    undone = " (undone)" if run.undone else ""
    files = f"{count(len(run.entries), 'file')}: {paths}{more}{undone}"
    return f"{style(f'{run.number:>4}', bold=True)}  {when}  {what:<8} {files}"


def _values(run: Run) -> dict[str, Any]:
    return {
        "run": run.number,
        "command": run.command,
        "time": datetime.fromtimestamp(run.time, timezone.utc).isoformat(timespec="seconds"),
        "undoes": run.undoes,
        "undone": run.undone,
        "files": [entry.path for entry in run.entries],
    }


def undone(results: Sequence[FileResult], *, quiet: bool) -> Iterator[str]:
    """Yield what became of each file, and the numbers.

    Args:
        results: those of undoing a run.
        quiet: name only the files that were left alone.
    """
    for result in results:
        path = visible(result.path)
        if result.status is FileStatus.FAILED:
            yield f"{path}: {style('left alone', fg='red', bold=True)} ({result.reason}): {result.detail}"
        elif not quiet:
            yield f"{path}: {_WORDS[result.status]}"
    tally = Tally.of(results)
    yield (
        f"{count(tally.files, 'file')}: {tally.changed} put back, {tally.unchanged} as they were already, "
        f"{tally.failed} left alone"
    )
