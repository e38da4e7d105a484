"""The report for programs: one JSON object, whose keys are a promise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from codemods.engine import diff
from codemods.engine.codemod import Codemod
from codemods.engine.result import FileResult, FileStatus, LocatedFinding, Tally

VERSION = 1


def render(results: Sequence[FileResult], verification: Mapping[str, Any] | None = None) -> str:
    """Return the report of a run.

    Args:
        results: those of the run.
        verification: what the program of ``--verify`` has shown of it.
    """
    report: dict[str, Any] = {
        "version": VERSION,
        "summary": asdict(Tally.of(results)),
        "findings": [_finding(finding) for result in results for finding in result.findings],
        "changes": [
            {"path": result.path, "diff": diff.text(result.patch, result.encoding)}
            for result in results
            if result.patch
        ],
        "failures": [
            {"path": result.path, "reason": result.reason, "detail": result.detail}
            for result in results
            if result.status is FileStatus.FAILED
        ],
    }
    if verification:
        report["verification"] = verification
    return json.dumps(report, indent=2)


def catalogue(codemods: Sequence[Codemod]) -> str:
    """Return the list of codemods."""
    return json.dumps([{"name": codemod.name, "summary": codemod.summary} for codemod in codemods], indent=2)


def _finding(finding: LocatedFinding) -> dict[str, Any]:
    return {
        "path": finding.path,
        "cell": finding.cell,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "codemod": finding.codemod,
        "status": finding.status.value,
        "severity": str(finding.severity),
        "message": finding.message,
        "reason": finding.reason,
        "detail": finding.detail,
    }
