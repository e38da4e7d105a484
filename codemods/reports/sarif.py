"""The report for code scanning: SARIF 2.1.0, as GitHub, GitLab, Azure and editors read it.

A notebook is a JSON file to them, so a place in it is named by the lines of that file, and by its cell beside.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from click import unstyle

import codemods
from codemods.engine import registry
from codemods.engine.result import FileResult, FileStatus, Fix, LocatedFinding, Settings, Tally
from codemods.engine.rewrite import UNUSED_SUPPRESSION
from codemods.reports import markdown, terminal

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {FileStatus.FAILED: "error", FileStatus.SKIPPED: "note"}
_URL = re.compile(r"^https://\S+$", re.MULTILINE)


def render(
    results: Sequence[FileResult],
    settings: Settings,
    *,
    written: bool,
    verification: Mapping[str, Any] | None = None,
) -> str:
    """Return the report of a run.

    Args:
        results: those of the run; places are those before it.
        settings: what the user asked for.
        written: the changes were written, and so none is left to be made.
        verification: what the program of ``--verify`` has shown of it.
    """
    rules = [_rule(name) for name in settings.codemods]
    rules.append({"id": UNUSED_SUPPRESSION.code, "shortDescription": _message(UNUSED_SUPPRESSION.sentence)})
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    properties: dict[str, Any] = {"summary": asdict(Tally.of(results))}
    if verification:
        properties["verification"] = verification
    run = {
        "tool": {"driver": {"name": "tf-codemods", "version": codemods.__version__, "rules": rules}},
        "invocations": [
            {
                "executionSuccessful": all(result.status is not FileStatus.FAILED for result in results),
                "toolExecutionNotifications": [_notification(result) for result in results if result.reason],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "results": [
            {"ruleIndex": numbers[finding.codemod], **_result(finding, result, settings, written)}
            for result in results
            for finding in result.findings
        ],
        "properties": properties,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(name: str) -> dict[str, Any]:
    codemod = registry.load(name)
    rule = {
        "id": name,
        "shortDescription": _message(codemod.summary),
        "help": {"text": unstyle(terminal.explanation(codemod)), "markdown": markdown.explanation(codemod)},
    }
    address = _URL.search(codemod.document)
    return {**rule, "helpUri": address.group()} if address else rule


def _notification(result: FileResult) -> dict[str, Any]:
    """Return why a file was not done."""
    return {
        "level": _LEVELS[result.status],
        "descriptor": {"id": result.reason},
        "message": _message(f"{result.path}: {result.detail}"),
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(result.path)}}],
    }


def _result(finding: LocatedFinding, result: FileResult, settings: Settings, written: bool) -> dict[str, Any]:
    made = written and result.status is not FileStatus.FAILED
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _artifact(finding.path), "region": _region(finding)}
    }
    properties: dict[str, Any] = {"status": finding.status.value, "reason": finding.reason, "detail": finding.detail}
    if finding.cell is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": f"cell {finding.cell}", "kind": "cell"}]
        properties |= {"cell": finding.cell, "line": finding.line, "endLine": finding.end_line}
    report = {
        "ruleId": finding.codemod,
        "level": str(finding.severity),
        "message": _message(f"{finding.message}; {terminal.outcome(finding, made=made, unsafe=settings.unsafe)}"),
        "locations": [location],
        "properties": properties,
    }
    fixes = [] if made else [_fix(fix, result.path) for fix in result.fixes if finding.number in fix.findings]
    return {**report, "fixes": fixes} if fixes else report


def _region(finding: LocatedFinding) -> dict[str, Any]:
    if finding.json_lines:
        return {"startLine": finding.json_lines[0], "endLine": finding.json_lines[1]}
    return {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.end_line,
        "endColumn": finding.end_column,
        "snippet": {"text": "\n".join(_snippet(finding))},
    }


def _snippet(finding: LocatedFinding) -> Iterator[str]:
    """Yield the lines of the code that is meant, without what stands around it in the first and the last."""
    last = len(finding.excerpt) - 1
    for number, line in enumerate(finding.excerpt):
        start = finding.column - 1 if number == 0 else 0
        yield line[start : finding.end_column - 1 if number == last else None]


def _fix(fix: Fix, path: str) -> dict[str, Any]:
    replacements = [
        {
            "deletedRegion": {
                "startLine": replacement.line,
                "startColumn": replacement.column,
                "endLine": replacement.end_line,
                "endColumn": replacement.end_column,
            },
            "insertedContent": {"text": replacement.text},
        }
        for replacement in fix.replacements
    ]
    return {"artifactChanges": [{"artifactLocation": _artifact(path), "replacements": replacements}]}


def _artifact(path: str) -> dict[str, str]:
    return {"uri": quote(os.fsencode(path)), "uriBaseId": "%SRCROOT%"}


def _message(text: str) -> dict[str, str]:
    return {"text": text}
