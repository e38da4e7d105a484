"""Workflow commands, and that nothing in a file can forge one."""

from dataclasses import replace

from codemods.engine.codemod import Severity
from codemods.engine.result import FileResult, FileStatus, LocatedFinding, Settings
from codemods.reports.github import command, render
from tests.reports.test_terminal import FINDING, REFUSED

PROPERTIES = "file=train.py,line=9,col=5,endLine=9,endColumn=9,title=move-summaries-to-host"


def lines(*results: FileResult, written: bool = False) -> list[str]:
    return list(render(results, Settings(()), written=written))


def line(finding: LocatedFinding) -> str:
    return lines(FileResult(finding.path, FileStatus.CHANGED, (finding,)))[0]


def test_a_finding_is_a_command_of_its_severity() -> None:
    assert line(FINDING) == f"::error {PROPERTIES}::train.py:9:5: {FINDING.message}; can be fixed"
    assert line(replace(FINDING, severity=Severity.WARNING)).startswith(f"::warning {PROPERTIES}::")
    assert line(REFUSED) == (
        f"::notice {PROPERTIES}::train.py:9:5: {REFUSED.message}; left alone (no-writer): no writer is in reach"
    )


def test_several_lines_have_no_columns() -> None:
    assert line(replace(FINDING, end_line=12)).startswith("::error file=train.py,line=9,endLine=12,title=move-")


def test_a_notebook_is_a_json_file() -> None:
    found = line(replace(FINDING, path="a.ipynb", cell=3, json_lines=(70, 70)))
    assert found.startswith("::error file=a.ipynb,line=70,endLine=70,title=move-")
    assert "::a.ipynb:cell 3:9:5: " in found


def test_nothing_in_a_name_or_a_message_ends_the_command() -> None:
    found = line(replace(FINDING, path="a,b:c\n::error::%.py", message="50 %\r\n::stop-commands::x"))
    assert found.startswith("::error file=a%2Cb%3Ac%0A%3A%3Aerror%3A%3A%25.py,line=9,")
    assert found.endswith("50 %25%0D%0A::stop-commands::x; can be fixed")
    assert "\n" not in found
    assert "\r" not in found


def test_failures_are_errors_and_the_numbers_come_last() -> None:
    failed = FileResult("old.py", FileStatus.FAILED, reason="syntax", detail="line 3: invalid syntax")
    assert lines(failed) == [
        "::error file=old.py,title=syntax::old.py: line 3: invalid syntax",
        "1 file: 0 to change, 0 unchanged, 1 failed, 0 skipped\nno findings",
    ]


def test_what_was_made_is_said_so() -> None:
    result = FileResult("train.py", FileStatus.CHANGED, (FINDING,))
    assert lines(result, written=True)[0].endswith("; fixed")
    assert lines(replace(result, status=FileStatus.FAILED), written=True)[0].endswith("; can be fixed")


def test_a_command_without_findings() -> None:
    assert command("notice", "same: it does", title="verify") == "::notice title=verify::same: it does"
