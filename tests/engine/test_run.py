"""What a run makes of files of every kind, in one process and in several."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from codemods.engine import registry
from codemods.engine import run as running
from codemods.engine.codemod import Severity, Status
from codemods.engine.discover import discover
from codemods.engine.result import FileResult, FileStatus, Settings, Tally
from codemods.engine.run import run, run_on_text, write

OLD = "x = old()\n"
# Python 3.12 warns that the pool has threads of its own by the time it replaces a worker.
REPLACED = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def eager_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few files are worth a pool, of chunks of a few."""
    if threading.active_count() > 1:
        pytest.skip("the fake codemod is not seen by processes that are spawned")
    monkeypatch.setattr(running, "_WORTH_A_POOL", 0)
    monkeypatch.setattr(running, "_CHUNK", 30)


def results(folder: Path, settings: Settings, jobs: int = 1) -> dict[str, FileResult]:
    return {result.path: result for result in run(discover(["."], cwd=folder), settings, jobs=jobs)}


@pytest.fixture
def settings(fake: str) -> Settings:
    return Settings((fake,))


def one(folder: Path, settings: Settings, data: bytes, name: str = "a.py") -> FileResult:
    (folder / name).write_bytes(data)
    return results(folder, settings)[name]


def notebook(*sources: str, **metadata: object) -> bytes:
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
        for source in sources
    ]
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}).encode()


# One file. ---------------------------------------------------------------------------------------


def test_a_file_without_a_trigger_is_unchanged(folder: Path, settings: Settings) -> None:
    assert one(folder, settings, b"x = 1\n") == FileResult("a.py", FileStatus.UNCHANGED)


def test_an_empty_file_is_unchanged(folder: Path, settings: Settings) -> None:
    assert one(folder, settings, b"").status is FileStatus.UNCHANGED


def test_a_finding_has_its_place_and_a_change_its_patch(folder: Path, settings: Settings) -> None:
    result = one(folder, settings, b"x = 1\ny = old()\n")
    (finding,) = result.findings
    assert (finding.path, finding.cell) == ("a.py", None)
    assert (finding.line, finding.column, finding.end_line, finding.end_column) == (2, 5, 2, 8)
    assert (finding.status, finding.severity, finding.excerpt) == (
        Status.FIXABLE,
        Severity.ERROR,
        ("y = old()",),
    )
    assert result.status is FileStatus.CHANGED
    assert result.patch.endswith(b"-y = old()\n+y = new()\n")


def test_columns_count_characters(folder: Path, settings: Settings) -> None:
    (finding,) = one(folder, settings, "é = 'ü', old()\n".encode()).findings
    assert (finding.column, finding.end_column) == (10, 13)


def test_the_column_of_a_comment_that_suppresses_nothing_counts_characters(folder: Path, settings: Settings) -> None:
    (finding,) = one(folder, settings, "é = 'ü'  # tf-codemods: ignore[rename-old]\n".encode()).findings
    assert (finding.codemod, finding.column, finding.end_column) == ("unused-suppression", 10, 43)


def test_a_finding_in_a_notebook_is_in_a_cell(folder: Path, settings: Settings) -> None:
    result = one(folder, settings, notebook("x = 1", "%matplotlib inline\ny = old()"), "a.ipynb")
    (finding,) = result.findings
    assert (finding.cell, finding.line, finding.column) == (1, 2, 5)
    assert result.status is FileStatus.CHANGED


def test_refused_and_unsafe_findings_change_nothing(folder: Path, settings: Settings) -> None:
    result = one(folder, settings, b"old_unsafe()\nold_refused()\n")
    assert result.status is FileStatus.UNCHANGED
    assert [(f.status, f.reason, f.detail) for f in result.findings] == [
        (Status.UNSAFE, None, "the tag changes"),
        (Status.REFUSED, "too-old", "nobody knows what it does"),
    ]


def test_unsafe_rewrites_are_made_when_asked_for(folder: Path, fake: str) -> None:
    result = one(folder, Settings((fake,), unsafe=True), b"old_unsafe()\n")
    assert result.patch.endswith(b"+new_unsafe()\n")


def test_findings_below_the_severity_are_left_out(folder: Path, fake: str) -> None:
    settings = Settings((fake,), severity=Severity.WARNING)
    result = one(folder, settings, b"old()\nold_unsafe()\nold_refused()\n")
    assert [f.severity for f in result.findings] == [Severity.ERROR, Severity.WARNING]


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b'import tensorflow\nprint "old"\n', "syntax", "line 2: "),
        (b'print "nothing of ours"\n', "syntax", "line 1: "),
        (b"x = 1\n  y = old\n", "syntax", "line 2: unexpected indent"),
        ("# é\nold()\n".encode("latin-1"), "decode", "line 1: "),
        ("x = 'é'\n".encode("latin-1"), "decode", "line 1: "),
        (b"# coding: klingon\nold()\n", "decode", "line 1: "),
        (b"old()\0\n", "decode", "NUL"),
        (b"old_crash()\n", "internal", "now"),
        (b"old = [" + b"1, " * 400_000 + b"]\n", "too-large", "1,200,009 bytes"),
        (b"old = (" + b" + ".join([b"1"] * 200_000) + b")\n", "nesting", "nested too deeply"),
        (b"old = (" + b" + ".join([b"1"] * 5_000) + b")\n", "nesting", "nested too deeply"),
    ],
    ids=[
        "Python 2",
        "Python 2 without a trigger",
        "indent",
        "latin-1",
        "latin-1 without a trigger",
        "unknown encoding",
        "NUL",
        "crash",
        "table",
        "deep",
        "deep for LibCST",
    ],
)
def test_a_file_that_cant_be_done_fails_with_the_reason(
    folder: Path, settings: Settings, data: bytes, reason: str, detail: str
) -> None:
    result = one(folder, settings, data)
    assert (result.status, result.reason) == (FileStatus.FAILED, reason)
    assert result.detail is not None
    assert detail in result.detail
    assert (folder / "a.py").read_bytes() == data


@pytest.mark.parametrize(
    "data",
    [
        "# -*- coding: latin-1 -*-\nx = 'é', old()\n".encode("latin-1"),
        b"\xef\xbb\xbfx = old()\r\n",
        b"x = old()",
        b"x = (" + b" + ".join([b"old()"] * 300) + b")\n",
        b"if x:\n\told()\n\x0c\n",
    ],
    ids=[
        "latin-1 with a cookie",
        "BOM and CRLF",
        "no final newline",
        "300 edits",
        "tabs",
    ],
)
def test_odd_files_that_are_valid_are_rewritten(folder: Path, settings: Settings, data: bytes) -> None:
    result = one(folder, settings, data)
    assert (result.status, result.detail) == (FileStatus.CHANGED, None)
    assert [r.status for r in write([result])] == [FileStatus.CHANGED]
    assert (folder / "a.py").read_bytes() == data.replace(b"old", b"new")


@pytest.mark.parametrize(
    "deep",
    [b"x = (" + b" + ".join([b"1"] * 3_000) + b")\n", b"x = y" + b".f()" * 3_000 + b"\n"],
    ids=["terms", "calls"],
)
def test_a_deep_expression_is_no_obstacle_or_is_named(folder: Path, settings: Settings, deep: bytes) -> None:
    result = one(folder, settings, b"old()\n" + deep)
    # Releases of Python differ in how deep they go, whatever the limit.
    assert result.status is FileStatus.CHANGED or result.reason == "nesting"


def test_a_large_table_without_a_trigger_is_not_parsed(folder: Path, settings: Settings) -> None:
    data = b"x = [" + b"1, " * 2_000_000 + b"]\n"
    assert one(folder, settings, data).status is FileStatus.UNCHANGED


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b'{"cells": [', FileStatus.FAILED, "notebook"),
        (b'{"cells": [ "old"', FileStatus.FAILED, "notebook"),
        (notebook("old", language_info={"name": "R"}), FileStatus.SKIPPED, "not-python"),
        (notebook("print 'old'"), FileStatus.FAILED, "syntax"),
    ],
    ids=["broken", "broken with a trigger", "R", "Python 2"],
)
def test_a_notebook_that_cant_be_done(
    folder: Path, settings: Settings, data: bytes, status: FileStatus, reason: str
) -> None:
    result = one(folder, settings, data, "a.ipynb")
    assert (result.status, result.reason) == (status, reason)


def test_a_file_that_asks_to_be_left_alone_is_skipped(folder: Path, settings: Settings) -> None:
    result = one(folder, settings, b"# tf-codemods: ignore-file\nold()\n")
    assert (result.status, result.reason, result.findings) == (FileStatus.SKIPPED, "ignored", ())


def test_a_file_that_is_gone_fails(folder: Path, settings: Settings) -> None:
    (folder / "a.py").write_text(OLD)
    found = discover(["."], cwd=folder)
    (folder / "a.py").unlink()
    assert [(r.status, r.reason) for r in run(found, settings)] == [(FileStatus.FAILED, "read")]


def test_a_pipe_is_skipped_and_has_its_place_among_the_files(folder: Path, settings: Settings) -> None:
    for name in ("a.py", "c.py"):
        (folder / name).write_text("")
    os.mkfifo(folder / "b.py")
    found = results(folder, settings)
    assert list(found) == ["a.py", "b.py", "c.py"]
    assert found["b.py"].status is FileStatus.SKIPPED


def test_warnings_about_the_users_code_are_not_printed(
    folder: Path, settings: Settings, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    for data in (b"x = '\\d'\n", b"x = old('\\d') is 1\n"):
        one(folder, settings, data)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_modules_see_each_other_as_they_were_at_the_start(folder: Path, settings: Settings) -> None:
    for name in "abc":
        (folder / f"{name}.py").write_text(OLD)
    planned = list(run(discover(["."], cwd=folder), settings))
    assert (folder / "a.py").read_text() == OLD
    assert [r.status for r in write(planned)] == [FileStatus.CHANGED] * 3


@pytest.mark.parametrize("name", [".py", "..py", "\udcff.py", "a b.py", "a.b.py", "with\n.py", "class.py", "sub/.py"])
def test_a_file_may_have_any_name(folder: Path, name: str) -> None:
    program = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


@tf.function
def double(x):
    tf.summary.scalar("x", x, step=0)
    return 2 * x


with writer.as_default():
    double(1.0)
"""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(program)
    assert results(folder, Settings(registry.names()))[name].status is FileStatus.CHANGED


# Standard input. ---------------------------------------------------------------------------------


def test_text_that_is_given_is_rewritten_in_its_own_encoding(folder: Path, settings: Settings) -> None:
    data = "# coding: latin-1\r\nx = 'é', old()".encode("latin-1")
    result, output = run_on_text(folder / "a.py", data, settings, "-")
    assert (result.path, result.status) == ("-", FileStatus.CHANGED)
    assert output == data.replace(b"old", b"new")


def test_text_that_cant_be_parsed_comes_back(folder: Path, settings: Settings) -> None:
    result, output = run_on_text(folder / "a.py", b"old(\n", settings, "-")
    assert (result.status, output) == (FileStatus.FAILED, b"old(\n")


# Writing. ----------------------------------------------------------------------------------------


def test_a_file_that_was_changed_meanwhile_is_left_as_it_is_now(folder: Path, settings: Settings) -> None:
    result = one(folder, settings, OLD.encode())
    (folder / "a.py").write_text("y = old()\n")
    (after,) = write([result])
    assert (after.status, after.reason, after.patch) == (FileStatus.FAILED, "changed", b"")
    assert (folder / "a.py").read_text() == "y = old()\n"


def test_a_read_only_file_fails_and_the_others_are_written(folder: Path, settings: Settings) -> None:
    for name in "abc":
        (folder / f"{name}.py").write_text(OLD)
    (folder / "b.py").chmod(0o444)
    after = list(write(results(folder, settings).values()))
    assert [r.reason for r in after] == [None, "write", None]
    assert [(folder / f"{name}.py").read_text() for name in "abc"] == ["x = new()\n", OLD, "x = new()\n"]


def test_an_interrupt_waits_for_the_file_at_hand(folder: Path, settings: Settings) -> None:
    for name in "abc":
        (folder / f"{name}.py").write_text(OLD)
    planned = list(results(folder, settings).values())
    written = []

    def interrupt() -> None:
        for result in write(planned):
            written.append(result.path)
            if result.path == "b.py":
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert written == ["a.py", "b.py"]
    assert [(folder / f"{name}.py").read_text() for name in "abc"] == ["x = new()\n"] * 2 + [OLD]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# Many files. -------------------------------------------------------------------------------------


def tree(folder: Path) -> None:
    texts = [
        "",
        "x = 1\n",
        OLD,
        "old_refused()\n",
        "old(\n",
        "old_crash()\n",
        "# tf-codemods: ignore-file\nold()\n",
    ]
    for number in range(70):
        (folder / f"m{number:02}.py").write_text(texts[number % len(texts)])


@pytest.mark.usefixtures("eager_pool")
def test_many_processes_find_the_same_in_the_same_order(folder: Path, settings: Settings) -> None:
    tree(folder)
    alone, together = results(folder, settings), results(folder, settings, jobs=3)
    assert list(alone.items()) == list(together.items())
    assert list(alone) == sorted(alone)
    assert [r.change for r in alone.values()] == [r.change for r in together.values()]


@REPLACED
@pytest.mark.usefixtures("eager_pool")
def test_a_worker_that_dies_costs_the_file_it_died_of(folder: Path, settings: Settings) -> None:
    tree(folder)
    for name in ("m10.py", "m11.py", "m40.py"):
        (folder / name).write_text("old_death()\n")
    found = results(folder, settings, jobs=2)
    died = [(path, r.detail) for path, r in found.items() if r.reason == "worker-died"]
    detail = "the process that analysed it died: signal SIGKILL"
    assert died == [("m10.py", detail), ("m11.py", detail), ("m40.py", detail)]
    assert list(found) == sorted(found)
    assert found["m02.py"].status is FileStatus.CHANGED


@REPLACED
@pytest.mark.usefixtures("eager_pool")
def test_a_file_that_takes_too_long_is_given_up(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "TIME_LIMIT", 1.0)
    (folder / "a.py").write_text(OLD + "#" * 30)
    (folder / "b.py").write_text("old_hang()\n")
    (folder / "c.py").write_text(OLD)
    found = results(folder, settings, jobs=2)
    assert [r.reason for r in found.values()] == [None, "timeout", None]


@pytest.mark.usefixtures("eager_pool")
def test_a_run_that_is_given_up_leaves_no_process(folder: Path, settings: Settings) -> None:
    tree(folder)
    started: Iterator[FileResult] = run(discover(["."], cwd=folder), settings, jobs=2)
    next(started)
    assert children()
    started.close()
    assert not children()


def children() -> list[str]:
    done = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "comm="], capture_output=True, check=False)
    return [name for name in done.stdout.decode().split() if name.startswith("py")]


def test_processes_that_are_spawned_find_the_same(folder: Path) -> None:
    tree(folder)
    program = f"""
import sys, threading
sys.argv = ["tf-codemods", "diff", ".", "--select", "rename-old", "--format", "json", "--jobs", sys.argv[1]]
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
import codemods
codemods.__path__.append({str(Path(__file__).parents[1] / "fakes")!r})
from codemods.engine import run
if __name__ == "__main__":
    run._WORTH_A_POOL, run._CHUNK = 0, 30
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    from cli import main
    main()
"""
    (folder / "program").write_text(program)
    one, two = (
        subprocess.run([sys.executable, "program", jobs], capture_output=True, check=False, cwd=folder)
        for jobs in ("1", "2")
    )
    assert (one.returncode, one.stdout, one.stderr) == (two.returncode, two.stdout, two.stderr)
    assert json.loads(one.stdout)["summary"]["changed"] == 10


def test_the_tally_adds_up(folder: Path, settings: Settings) -> None:
    tree(folder)
    assert Tally.of(results(folder, settings).values()) == Tally(
        files=70, changed=10, unchanged=30, failed=20, skipped=10, fixable=10, unsafe=0, refused=10
    )
