"""The report for GitHub Actions: workflow commands that annotate the lines of a pull request.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codemods.engine.codemod import Severity
from codemods.engine.result import FileResult, FileStatus, LocatedFinding, Settings
from codemods.reports import terminal
from codemods.reports.grouped import place

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def render(results: Sequence[FileResult], settings: Settings, *, written: bool) -> Iterator[str]:
    """Yield a command for each finding and each file that failed, and then the numbers.

    Args:
        results: those of the run; places are those before it.
        settings: what the user asked for.
        written: changes were written, rather than shown.
    """
    for result in results:
        made = written and result.status is not FileStatus.FAILED
        for finding in result.findings:
            outcome = terminal.outcome(finding, made=made, unsafe=settings.unsafe)
            message = f"{place(finding)}: {finding.message}; {outcome}"
            yield command(_COMMANDS[finding.severity], message, **_position(finding), title=finding.codemod)
        if result.status is FileStatus.FAILED:
            yield command("error", f"{result.path}: {result.detail}", file=result.path, title=result.reason or "")
    yield terminal.tally(results, written=written, unsafe=settings.unsafe)


def command(name: str, message: str, **properties: str | int) -> str:
    """Return a workflow command; nothing in its values can end it or start another one."""
    listed = ",".join(f"{key}={_escaped(str(value), _PROPERTY)}" for key, value in properties.items())
    return f"::{name} {listed}::{_escaped(message, _DATA)}"


def _position(finding: LocatedFinding) -> dict[str, str | int]:
    """Return where to annotate: GitHub takes columns on one line only, and a notebook is a JSON file to it."""
    line, end_line = finding.json_lines or (finding.line, finding.end_line)
    if line == end_line and not finding.json_lines:
        columns = {"col": finding.column, "endLine": end_line, "endColumn": finding.end_column}
        return {"file": finding.path, "line": line, **columns}
    return {"file": finding.path, "line": line, "endLine": end_line}


def _escaped(text: str, characters: dict[str, str]) -> str:
    return "".join(characters.get(character, character) for character in text)
