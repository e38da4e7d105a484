"""What code scanning reads: places, levels, rules, and fixes that can be applied."""

import json
from pathlib import Path
from typing import Any

import pytest

from codemods.analysis.module import split_lines
from codemods.engine.discover import discover
from codemods.engine.result import FileResult, Settings
from codemods.engine.run import run
from codemods.reports import sarif

RULE = {"ruleId": "rename-old", "ruleIndex": 0}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def settings(fake: str) -> Settings:
    return Settings((fake,), fixes=True)


def results(settings: Settings) -> list[FileResult]:
    return list(run(discover(["."], cwd=Path.cwd()), settings))


def report(settings: Settings, *, written: bool = False) -> dict[str, Any]:
    document = json.loads(sarif.render(results(settings), settings, written=written))
    assert (document["version"], len(document["runs"])) == ("2.1.0", 1)
    return document["runs"][0]


def fixed(text: str, result: dict[str, Any]) -> str:
    """Apply a fix as SARIF means it."""
    (fix,) = result["fixes"]
    (change,) = fix["artifactChanges"]
    assert change["artifactLocation"] == result["locations"][0]["physicalLocation"]["artifactLocation"]
    lines = split_lines(text)

    def offset(line: int, column: int) -> int:
        return sum(map(len, lines[: line - 1])) + column - 1

    for replacement in reversed(change["replacements"]):
        region = replacement["deletedRegion"]
        start = offset(region["startLine"], region["startColumn"])
        end = offset(region["endLine"], region["endColumn"])
        text = text[:start] + replacement["insertedContent"]["text"] + text[end:]
    return text


def test_a_finding_is_a_result_with_its_place_its_level_and_its_fix(folder: Path, settings: Settings) -> None:
    (folder / "a b.py").write_text("x = 1\né = old()\n")
    (result,) = report(settings)["results"]
    artifact = {"uri": "a%20b.py", "uriBaseId": "%SRCROOT%"}
    assert result == {
        **RULE,
        "level": "error",
        "message": {"text": "TensorFlow has a new one; it is called instead; can be fixed"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": artifact,
                    "region": {
                        "startLine": 2,
                        "startColumn": 5,
                        "endLine": 2,
                        "endColumn": 8,
                        "snippet": {"text": "old"},
                    },
                }
            }
        ],
        "properties": {"status": "fixable", "reason": None, "detail": None},
        "fixes": [
            {
                "artifactChanges": [
                    {
                        "artifactLocation": artifact,
                        "replacements": [
                            {
                                "deletedRegion": {"startLine": 2, "startColumn": 1, "endLine": 3, "endColumn": 1},
                                "insertedContent": {"text": "é = new()\n"},
                            }
                        ],
                    }
                ]
            }
        ],
    }


@pytest.mark.parametrize(
    "data",
    [
        b"old()",
        b"\xef\xbb\xbfold()\r\n",
        b"# coding: latin-1\n'\xe9', old()\n",
        b"x = 1\r\nold()\nx = 2",
    ],
    ids=["no-newline", "bom-crlf", "latin-1", "mixed"],
)
def test_a_fix_fits_the_text_whatever_its_lines_and_its_encoding(folder: Path, settings: Settings, data: bytes) -> None:
    (folder / "a.py").write_bytes(data)
    (result,) = report(settings)["results"]
    text = data.decode("latin-1" if b"latin" in data else "utf-8-sig")
    assert fixed(text, result) == text.replace("old", "new")


def test_each_of_several_fixes_stands_alone(folder: Path, settings: Settings) -> None:
    (folder / "a.py").write_text("old(1)\nold(2)\nold(3)\n")
    texts = [fixed("old(1)\nold(2)\nold(3)\n", result) for result in report(settings)["results"]]
    assert texts == ["new(1)\nold(2)\nold(3)\n", "old(1)\nnew(2)\nold(3)\n", "old(1)\nold(2)\nnew(3)\n"]


def test_a_notebook_is_a_json_file(folder: Path, settings: Settings) -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["old()"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["%time x\n", "\n", "y = [old,\n", " 1]"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": "x = 1\nold_refused()"},
    ]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)
    (folder / "a.ipynb").write_text(text)
    first, second = report(settings)["results"]
    lines = text.splitlines()
    for result, code in ((first, "y = [old"), (second, "old_refused")):
        region = result["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] == region["endLine"]
        assert code in lines[region["startLine"] - 1]
    assert first["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "cell 0", "kind": "cell"}]
    assert (first["properties"]["cell"], first["properties"]["line"]) == (0, 3)
    assert fixed(text, first) == text.replace("[old,", "[new,")


def test_what_is_refused_or_unsafe_has_its_reason_and_no_fix(folder: Path, settings: Settings) -> None:
    (folder / "a.py").write_text("old_refused()\nold_unsafe()\n")
    refused, unsafe = report(settings)["results"]
    assert (refused["level"], unsafe["level"]) == ("note", "warning")
    assert refused["properties"] == {
        "status": "refused",
        "reason": "too-old",
        "detail": "nobody knows what it does",
    }
    assert unsafe["properties"]["status"] == "unsafe"
    assert "fixes" not in refused
    assert "fixes" not in unsafe
    (_, made) = report(Settings(settings.codemods, unsafe=True, fixes=True))["results"]
    assert fixed("old_refused()\nold_unsafe()\n", made) == "old_refused()\nnew_unsafe()\n"


def test_what_is_written_is_not_offered_again(folder: Path, settings: Settings) -> None:
    (folder / "a.py").write_text("old()\n")
    (result,) = report(settings, written=True)["results"]
    assert result["message"]["text"].endswith("; fixed")
    assert "fixes" not in result


def test_the_rules_are_the_catalogue(folder: Path, settings: Settings) -> None:
    (folder / "a.py").write_text("x = 1  # tf-codemods: ignore[rename-old]\n")
    found = report(settings)
    rename, unused = found["tool"]["driver"]["rules"]
    assert rename["shortDescription"] == {"text": "Rename what is called old"}
    assert rename["helpUri"] == "https://www.tensorflow.org/"
    assert "too-old: nobody knows what it does" in rename["help"]["text"]
    assert "\x1b" not in rename["help"]["text"]
    assert "- `too-old`: nobody knows what it does" in rename["help"]["markdown"]
    assert "```diff\n--- a/example.py\n" in rename["help"]["markdown"]
    (result,) = found["results"]
    assert (result["ruleIndex"], result["ruleId"], unused["id"]) == (1, "unused-suppression", "unused-suppression")


def test_a_file_that_failed_is_a_notification(folder: Path, settings: Settings) -> None:
    (folder / "a.py").write_text("old(\n")
    (folder / "old.ipynb").write_text(
        '{"cells": [], "nbformat": 4, "metadata": {"kernelspec": {"language": "R"}}, "old": 1}'
    )
    found = report(settings)
    (invocation,) = found["invocations"]
    assert invocation["executionSuccessful"] is False
    failed, skipped = invocation["toolExecutionNotifications"]
    assert (failed["level"], failed["descriptor"], skipped["level"]) == ("error", {"id": "syntax"}, "note")
    assert failed["message"]["text"].startswith("a.py: line 1: ")
    assert failed["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a.py"
    assert found["properties"]["summary"]["failed"] == 1


def test_a_path_that_is_no_text_is_percent_encoded(folder: Path, settings: Settings) -> None:
    (folder / "\udcff%:.py").write_text("old()\n")
    (result,) = report(settings)["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "%FF%25%3A.py"
