"""What people read, without its colours."""

from dataclasses import replace

import click
import pytest

from codemods.engine import registry
from codemods.engine.codemod import Severity, Status
from codemods.engine.result import FileResult, FileStatus, LocatedFinding
from codemods.reports import terminal

FINDING = LocatedFinding(
    path="train.py",
    cell=None,
    line=9,
    column=5,
    end_line=9,
    end_column=9,
    codemod="move-summaries-to-host",
    status=Status.FIXABLE,
    severity=Severity.ERROR,
    message="no writer is the default when the function is traced, and TensorFlow drops the summary without a word",
    reason=None,
    detail=None,
    excerpt=("    call(x)",),
)
UNSAFE = replace(FINDING, status=Status.UNSAFE, detail="the tag changes", severity=Severity.WARNING)
REFUSED = replace(
    FINDING, status=Status.REFUSED, reason="no-writer", detail="no writer is in reach", severity=Severity.NOTE
)


def result(*findings: LocatedFinding, status: FileStatus = FileStatus.CHANGED) -> FileResult:
    return FileResult("train.py", status, findings)


def text(finding: LocatedFinding, *, written: bool = False, unsafe: bool = False) -> str:
    (paragraph,) = terminal.findings(result(finding), written=written, unsafe=unsafe)
    return click.unstyle(paragraph)


def test_a_finding_shows_its_place_its_code_and_what_will_be_done() -> None:
    assert text(FINDING) == (
        "train.py:9:5: error[move-summaries-to-host] no writer is the default when the function is traced,\n"
        "  and TensorFlow drops the summary without a word\n"
        "  |\n"
        "9 |     call(x)\n"
        "  |     ^^^^\n"
        "  |\n"
        "  = can be fixed\n"
    )


def test_a_place_in_a_notebook_names_the_cell() -> None:
    assert text(replace(FINDING, path="nb.ipynb", cell=3)).startswith("nb.ipynb:cell 3:9:5: error[")


def test_no_terminal_obeys_what_stands_in_a_file_or_in_its_name() -> None:
    shown = text(replace(FINDING, path="a\n\x1b[2J.py", message="it is \x1b", excerpt=("\x0c\t'\x1b[31m'\x7f",)))
    assert shown.startswith("a␊␛[2J.py:9:5: error[move-summaries-to-host] it is ␛\n")
    assert "9 | ␌\t'␛[31m'␡\n" in shown
    assert terminal.coloured("+x = '\x1b[2J'\r") == click.style("+x = '␛[2J'", fg="green")
    (failed,) = terminal.failures([FileResult("\x07.py", FileStatus.FAILED, reason="read", detail="x")], skipped=False)
    assert click.unstyle(failed).startswith("␇.py: failed (read): x\n")


def test_a_path_is_not_broken_at_its_spaces() -> None:
    path = "a b " * 40 + "c.py"
    assert text(replace(FINDING, path=path)).startswith(f"{path}:9:5:\n  error[")


def test_carets_stand_under_the_code_behind_tabs_and_wide_characters() -> None:
    shown = text(replace(FINDING, column=4, end_column=6, excerpt=("\t界x界e\u0301",)))
    assert "9 | \t界x界e\u0301\n  | \t   ^^^\n" in shown


def test_each_line_of_the_code_is_underlined() -> None:
    several = replace(FINDING, line=9, end_line=11, end_column=2, excerpt=("    call(", "        x,", ")"))
    assert text(several).splitlines()[2:-1] == [
        "   |",
        " 9 |     call(",
        "   |     ^^^^^",
        "10 |         x,",
        "   |         ^^",
        "11 | )",
        "   | ^",
        "   |",
    ]


def test_the_middle_of_long_code_is_left_out() -> None:
    long = replace(FINDING, line=9, end_line=108, end_column=2, excerpt=tuple("x" * 100))
    lines = text(long).splitlines()
    assert len(lines) < 20
    assert "..." in lines
    assert "108 | x" in lines


@pytest.mark.parametrize(
    ("finding", "written", "unsafe", "outcome"),
    [
        (FINDING, False, False, "can be fixed"),
        (FINDING, True, False, "fixed"),
        (replace(FINDING, detail="it costs 3 ms"), False, False, "can be fixed: it costs 3 ms"),
        (UNSAFE, False, False, "unsafe, so only with --unsafe: the tag changes"),
        (UNSAFE, True, False, "unsafe, so only with --unsafe: the tag changes"),
        (UNSAFE, False, True, "can be fixed, unsafely: the tag changes"),
        (UNSAFE, True, True, "fixed, unsafely: the tag changes"),
        (REFUSED, True, True, "left alone (no-writer): no writer is in reach"),
    ],
)
def test_the_outcome_is_told(finding: LocatedFinding, written: bool, unsafe: bool, outcome: str) -> None:
    assert text(finding, written=written, unsafe=unsafe).splitlines()[-1].strip() == f"= {outcome}"


def test_what_could_not_be_written_is_not_called_fixed() -> None:
    failed = result(FINDING, status=FileStatus.FAILED)
    (paragraph,) = terminal.findings(failed, written=True, unsafe=False)
    assert "= can be fixed" in click.unstyle(paragraph)
    assert terminal.tally([failed], written=True, unsafe=False).splitlines() == [
        "1 file: 0 changed, 0 unchanged, 1 failed, 0 skipped",
        "1 finding: 0 fixed, 0 unsafe, 0 refused, 1 not written",
    ]


def test_a_failure_is_named_with_its_reason_and_what_to_do() -> None:
    failed = FileResult("old.py", FileStatus.FAILED, reason="decode", detail="line 3: not valid utf-8")
    skipped = FileResult("r.ipynb", FileStatus.SKIPPED, reason="not-python", detail="its language is R")
    shown = [click.unstyle(text) for text in terminal.failures([failed, skipped], skipped=True)]
    assert shown == [
        "old.py: failed (decode): line 3: not valid utf-8\n"
        "  Give it the coding cookie of its encoding in the first line, or save it as UTF-8.",
        "r.ipynb: skipped (not-python): its language is R",
    ]
    assert len(list(terminal.failures([failed, skipped], skipped=False))) == 1


def test_the_tally_counts_files_and_findings() -> None:
    results = [
        result(FINDING, UNSAFE),
        result(REFUSED, status=FileStatus.UNCHANGED),
        result(status=FileStatus.SKIPPED),
    ]
    assert terminal.tally(results, written=False, unsafe=False).splitlines() == [
        "3 files: 1 to change, 1 unchanged, 0 failed, 1 skipped",
        "3 findings: 1 fixable, 1 unsafe (not made without --unsafe), 1 refused",
    ]
    assert terminal.tally(results, written=True, unsafe=True).splitlines() == [
        "3 files: 1 changed, 1 unchanged, 0 failed, 1 skipped",
        "3 findings: 1 fixed, 1 unsafe (made), 1 refused",
    ]


def test_without_findings_the_tally_says_so() -> None:
    assert terminal.tally([], written=False, unsafe=False).endswith("\nno findings")


def test_groups_tell_what_was_changed_before_what_was_refused() -> None:
    shown = "".join(terminal.groups([result(FINDING, REFUSED), result(FINDING)], unsafe=False))
    assert click.unstyle(shown).splitlines() == [
        "move-summaries-to-host, changed, 2 places",
        "  train.py:9:5",
        "  train.py:9:5",
        "move-summaries-to-host, refused (no-writer), 1 place: no writer is in reach",
        "  train.py:9:5",
    ]


def test_a_patch_keeps_its_text_under_the_colours() -> None:
    patch = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    assert terminal.coloured(patch) != patch
    assert click.unstyle(terminal.coloured(patch)) == patch


def test_an_explanation_has_the_document_the_examples_and_the_refusals(fake: str) -> None:
    shown = click.unstyle(terminal.explanation(registry.load(fake)))
    assert shown.startswith("rename-old\n\nRename what is called old.")
    assert "    -old()\n    +new()\n" in shown
    assert "An example, made with --unsafe only" in shown
    assert "An example that is left alone (too-old)\n\n    old_refused()\n" in shown
    assert shown.endswith("What it refuses\n\n  too-old: nobody knows what it does")
    assert all(line == line.rstrip() for line in shown.splitlines())


def test_the_document_is_wrapped_but_not_its_lists_code_and_addresses(
    fake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence, item, address = (
        "word " * 30 + "end.",
        "- item " * 20 + "end",
        "https://example.org/" + "a" * 100,
    )
    document = f"Title.\n\n{sentence}\nOne more.\n\n{item}\n\n    {item}\n\n{address}"
    monkeypatch.setattr(type(registry.load(fake)), "document", document)
    lines = click.unstyle(terminal.explanation(registry.load(fake))).splitlines()
    assert any(line.endswith("word end. One more.") for line in lines)
    assert item in lines
    assert f"    {item}" in lines
    assert address in lines


def test_the_catalogue_is_a_table_of_a_hundred_columns() -> None:
    codemods = [registry.load(name) for name in registry.names()]
    lines = terminal.catalogue(codemods).splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(registry.names())
    assert all(len(line) <= terminal.WIDTH for line in lines)
