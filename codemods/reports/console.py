"""Where reports are printed: streams that may have no colours, and lack characters."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

import click

from codemods.engine import diff
from codemods.engine.result import FileResult, FileStatus, Settings
from codemods.reports import terminal
from codemods.reports.grouped import visible

_INTERRUPTED = 128 + signal.SIGINT
_FAILED = 2
_NAMED = 10


def say(text: str, stream: TextIO) -> None:
    """Print a styled text and a newline."""
    text = text if _in_colour(stream) else click.unstyle(text)
    encoding = stream.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), stream, color=True)


def report(
    results: Sequence[FileResult],
    settings: Settings,
    *,
    written: bool,
    quiet: bool,
    log: TextIO,
    patches: bool = False,
    groups: bool = False,
    undo: str | None = None,
) -> None:
    """Print what a run has found and done.

    Args:
        results: those of the run.
        settings: what the user asked for.
        written: the changes were written, rather than shown.
        quiet: leave out the findings.
        log: where to print all but the patches.
        patches: print these to standard output, each after the findings that it answers.
        groups: list at the end what became of the findings of each codemod.
        undo: the command that puts back what was written.
    """
    for result in results:
        if not quiet:
            for paragraph in terminal.findings(result, written=written, unsafe=settings.unsafe):
                say(paragraph, log)
        if patches:
            _print_patch(result)
    if groups and not quiet:
        for paragraph in terminal.groups(results, unsafe=settings.unsafe):
            say(paragraph, log)
    for paragraph in terminal.failures(results, skipped=not quiet):
        say(paragraph, log)
    if undo and not quiet:
        say(f"`{undo}` puts back what was changed.", log)
    say(terminal.tally(results, written=written, unsafe=settings.unsafe), log)


@contextlib.contextmanager
def guarded(written: Sequence[FileResult] = ()) -> Iterator[None]:
    """Say what was done when the user stops the program, or the system does, and end it.

    Args:
        written: the files that were written so far; it may grow meanwhile.
    """
    try:
        yield
    except KeyboardInterrupt:
        say(f"Interrupted; {_done(written)}.", sys.stderr)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        raise  # which ends it without a word
    except OSError as error:
        missing = "the working directory" if isinstance(error, FileNotFoundError) else "standard output"
        place = missing if error.filename is None else os.fsdecode(error.filename)
        say(f"Error: {place}: {error.strerror or error}; {_done(written)}.", sys.stderr)
        sys.exit(_FAILED)


def _done(written: Sequence[FileResult]) -> str:
    done = [visible(result.path) for result in written if result.status is FileStatus.CHANGED]
    if not done:
        return "no file was written"
    more = f" and {len(done) - _NAMED} more" if len(done) > _NAMED else ""
    return f"{terminal.count(len(done), 'file')} written: {', '.join(done[:_NAMED])}{more}"


def progress(results: Iterator[FileResult], total: int) -> Iterator[FileResult]:
    """Show how much is left: a bar on a terminal, a line for each tenth elsewhere."""
    if sys.stderr.isatty():
        with click.progressbar(results, total, label="Analysing", show_pos=True, file=sys.stderr) as bar:
            yield from bar
        return
    for number, result in enumerate(results, 1):
        if number * 10 // total > (number - 1) * 10 // total:
            say(f"{number} of {total} files analysed", sys.stderr)
        yield result


def _print_patch(result: FileResult) -> None:
    if result.patch and _in_colour(sys.stdout):
        say(terminal.coloured(diff.text(result.patch, result.encoding)), sys.stdout)
    else:
        sys.stdout.buffer.write(result.patch)
        sys.stdout.buffer.flush()


def _in_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
