"""Put back what a run has changed, where its files are still as it left them."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from codemods.engine import diff, source
from codemods.engine.interrupt import one_by_one
from codemods.engine.journal import Entry, Journal, Recorder, Run
from codemods.engine.result import FileResult, FileStatus
from codemods.engine.source import PythonFile, SourceError


def last(runs: Sequence[Run]) -> Run | None:
    """Return the run to undo where none is named: the last one that still stands, and that didn't itself undo."""
    return next((run for run in reversed(runs) if run.undoes is None and not run.undone), None)


def undo(run: Run, journal: Journal, cwd: Path) -> Iterator[FileResult]:
    """Put back the files of a run, and yield what became of each.

    This is recorded as a run of its own, and so can be undone like any other. An interrupt waits for the file at hand.
    A file that others need is put back behind them, and only if they were.

    Args:
        run: the run.
        journal: where it is recorded.
        cwd: the folder that paths are shown relative to.

    Raises:
        KeyboardInterrupt: the user has asked to stop.
        SourceError: the journal can't be read.
    """
    later = [each for each in journal.runs() if each.number > run.number and not each.undone]
    recorder = journal.begin("undo", undoes=run.number)
    whole = True
    left: set[str] = set()
    put_back = functools.partial(_put_back, run=run, later=later, left=left, recorder=recorder, cwd=cwd)
    entries = run.entries[::-1] if any(entry.needs for entry in run.entries) else run.entries
    for result in one_by_one(entries, put_back):
        whole = whole and result.status is not FileStatus.FAILED
        yield result
    if whole:
        # Where that can't be written the next undo finds all as it was, and tries again.
        with contextlib.suppress(SourceError):
            journal.mark(run.number, undone=True)
            if run.undoes is not None:
                journal.mark(run.undoes, undone=False)


def _put_back(
    entry: Entry, run: Run, later: Sequence[Run], left: set[str], recorder: Recorder, cwd: Path
) -> FileResult:
    needing = [other.path for other in run.entries if entry.path in other.needs]
    path = recorder.journal.tree / entry.path
    shown = Path(os.path.relpath(path, cwd)).as_posix()
    try:
        data = _current(path, recorder.journal.tree)
        if data == entry.before:
            return FileResult(shown, FileStatus.UNCHANGED)
        if source.digest(data) != entry.after:
            raise SourceError("edited", _by_whom(entry, data, run, later))
        if stays := left.intersection(needing):
            raise SourceError("needed", f"{min(stays)}, which counts on its change, was left alone")
        document = source.read(path, entry.before)
        record = functools.partial(recorder.record, needs=[recorder.journal.tree / other for other in needing])
        source.write(path, entry.before, expected=data, record=record)
    except SourceError as error:
        left.add(entry.path)
        return FileResult(shown, FileStatus.FAILED, reason=error.reason, detail=error.detail)
    encoding = document.encoding if isinstance(document, PythonFile) else "utf-8"
    return FileResult(shown, FileStatus.CHANGED, patch=diff.unified(shown, data, entry.before), encoding=encoding)


def _current(path: Path, tree: Path) -> bytes:
    """Return the bytes of a file that a journal names.

    Raises:
        SourceError: it is gone, or the path leads out of the tree.
    """
    if not path.is_relative_to(tree) or os.path.realpath(path) != str(path):
        raise SourceError("moved", "a link is in its place")
    if not path.exists():
        raise SourceError("moved", "it isn't there any more")
    return source.load(path)


def _by_whom(entry: Entry, data: bytes, run: Run, later: Sequence[Run]) -> str:
    digest = source.digest(data)
    for other in reversed(later):
        if any(each.path == entry.path and each.after == digest for each in other.entries):
            return f"run {other.number} has changed it after run {run.number}; undo that first"
    return f"it was changed after run {run.number}"
