"""What a migration leaves for its pull request."""

from codemods.engine.result import FileResult, FileStatus
from codemods.reports.markdown import render
from codemods.reports.terminal import ADVICE
from tests.reports.test_terminal import FINDING, REFUSED, UNSAFE, result


def test_findings_are_grouped_by_codemod_and_outcome() -> None:
    failed = FileResult("old.py", FileStatus.FAILED, reason="syntax", detail="line 3: invalid syntax")
    assert render([result(FINDING, UNSAFE, REFUSED), result(FINDING), failed], unsafe=False).splitlines() == [
        "# tf-codemods report",
        "",
        "3 files: 2 changed, 0 unchanged, 1 failed, 0 skipped  ",
        "4 findings: 2 fixed, 1 unsafe (not made without --unsafe), 1 refused",
        "",
        "## move-summaries-to-host",
        "",
        "**changed**",
        "",
        "- `train.py:9:5`",
        "- `train.py:9:5`",
        "",
        "**not made without --unsafe**: the tag changes",
        "",
        "- `train.py:9:5`",
        "",
        "**refused (no-writer)**: no writer is in reach",
        "",
        "- `train.py:9:5`",
        "",
        "## Failed",
        "",
        "- `old.py` (syntax): line 3: invalid syntax. " + ADVICE["syntax"],
    ]


def test_what_could_not_be_written_says_why() -> None:
    failed = FileResult("train.py", FileStatus.FAILED, (FINDING,), reason="write", detail="it is read-only")
    assert "**not written**: it is read-only\n\n- `train.py:9:5`" in render([failed], unsafe=False)
