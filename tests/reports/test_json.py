"""The keys and values that programs rely on."""

import json
from dataclasses import replace

from codemods.engine.diff import unified
from codemods.engine.result import FileResult, FileStatus
from codemods.reports.json import render
from tests.reports.test_terminal import FINDING, REFUSED

PATCH = unified("train.py", "é\n".encode("latin-1"), "è\n".encode("latin-1"))
RESULTS = [
    FileResult("train.py", FileStatus.CHANGED, (FINDING, REFUSED), PATCH, "latin-1"),
    FileResult("old.py", FileStatus.FAILED, reason="syntax", detail="line 3: invalid syntax"),
    FileResult("r.ipynb", FileStatus.SKIPPED, reason="not-python", detail="its language is R"),
]


def test_the_report_has_the_keys_of_the_contract_and_no_others() -> None:
    report = json.loads(render(RESULTS))
    assert list(report) == ["version", "summary", "findings", "changes", "failures"]
    assert report["version"] == 1
    assert report["summary"] == {
        "files": 3,
        "changed": 1,
        "unchanged": 0,
        "failed": 1,
        "skipped": 1,
        "fixable": 1,
        "unsafe": 0,
        "refused": 1,
    }
    assert report["findings"][0] == {
        "path": "train.py",
        "cell": None,
        "line": 9,
        "column": 5,
        "end_line": 9,
        "end_column": 9,
        "codemod": "move-summaries-to-host",
        "status": "fixable",
        "severity": "error",
        "message": FINDING.message,
        "reason": None,
        "detail": None,
    }
    assert report["findings"][1]["reason"] == "no-writer"
    assert report["changes"] == [
        {"path": "train.py", "diff": "--- a/train.py\n+++ b/train.py\n@@ -1,1 +1,1 @@\n-é\n+è\n"}
    ]
    assert report["failures"] == [{"path": "old.py", "reason": "syntax", "detail": "line 3: invalid syntax"}]


def test_the_summary_keeps_the_order_of_the_contract() -> None:
    names = ["files", "changed", "unchanged", "failed", "skipped", "fixable", "unsafe", "refused"]
    assert list(json.loads(render([]))["summary"]) == names


def test_a_path_that_is_no_text_does_no_harm() -> None:
    path = b"\xff.py".decode("utf-8", "surrogateescape")
    report = render([FileResult(path, FileStatus.CHANGED, (replace(FINDING, path=path),), PATCH)])
    assert json.loads(report)["findings"][0]["path"] == path
    assert report.isascii()
