"""`verify`, and `--verify` of `fix` and `migrate`, as a shell and a person see them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPOILT = """
import builtins
import sys

builtins.old = builtins.new = print
old("a")
builtins.new = lambda text: print(text, "!")
old("b")
builtins.new = print
old("c", *sys.argv[1:])
"""
KEPT = SPOILT.replace('old("a")', 'new("a")').replace('old("c"', 'new("c"')
RIGHT = "old = 1\nprint(old)\n"


def tool(*arguments: str, select: str = "rename-old") -> subprocess.CompletedProcess[str]:
    """Run the program with the fake codemods; Python programs need no TensorFlow."""
    name, *rest = arguments
    return subprocess.run(
        [sys.executable, str(ROOT / "tests/fakes"), name, "--select", select, "--python", sys.executable, *rest],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


# verify ------------------------------------------------------------------------------------------


def test_the_same(project: Path) -> None:
    (project / "main.py").write_text(RIGHT)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    done = tool("verify", "main.py")
    assert done.returncode == 0
    heading, table, same, verdict = done.stdout.split("\n\n")
    assert " ".join(heading.split()) == f"main.py, with a rewrite of main.py (2 findings), under {sys.executable}"
    assert table.splitlines()[1].split() == ["end", "status", "0", "status", "0"]
    assert same.split() == ["same", "ended", "with", "status", "0", "same", "1", "line", "of", "output"]
    assert verdict == "same: the program does the same before and after the rewrite\n"
    assert done.stderr == "running main.py as it is\nrunning main.py rewritten\n"
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def test_a_difference_is_shown_first(project: Path) -> None:
    (project / "main.py").write_text(SPOILT)
    done = tool("verify", "main.py")
    assert done.returncode == 1
    assert "  differs   output, line 2: 'b' before, 'b !' after\n  same " in done.stdout
    assert done.stdout.endswith("different: the program does something else after the rewrite\n")


def test_a_repair(project: Path) -> None:
    (project / "main.py").write_text("import builtins\nbuiltins.new = print\nold('a')\n")
    done = tool("verify", "main.py")
    assert done.returncode == 0
    assert "repaired  ended with NameError: name 'old' is not defined" in done.stdout
    assert done.stdout.endswith("repaired: the program does all that it did, and what it failed to do before\n")


def test_arguments_are_passed_on(project: Path) -> None:
    (project / "main.py").write_text(f"import sys\n{RIGHT}print(sys.argv[1:])\n")
    done = tool("verify", "main.py", "--format", "json", "--", "--format", "text", "-x")
    report = json.loads(done.stdout)
    assert (report["arguments"], report["after"]["output_lines"]) == (["--format", "text", "-x"], 2)


def test_json(project: Path) -> None:
    (project / "main.py").write_text(SPOILT)
    (project / "other.py").write_text("old = 1\n")
    done = tool("verify", "main.py", "--format", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report.pop("before").pop("seconds") > 0
    assert report.pop("after") | {"seconds": 0} == {
        "exit": 0,
        "exception": None,
        "events": 0,
        "event_files": 0,
        "traced": 0,
        "host": 0,
        "dropped": 0,
        "variables": 0,
        "saved": [],
        "output_lines": 3,
        "step_seconds": None,
        "seconds": 0,
    }
    assert report == {
        "version": 1,
        "verdict": "different",
        "obstacle": None,
        "script": "main.py",
        "arguments": [],
        "python": sys.executable,
        "same": ["ended with status 0", "0 events with folder, tag, step, kind and value", "0 variables"],
        "different": ["output, line 2: 'b' before, 'b !' after"],
        "repaired": [],
        "notes": [],
        "rewritten": [
            {"path": "main.py", "findings": 3, "loaded": True},
            {"path": "other.py", "findings": 1, "loaded": False},
        ],
    }


def test_a_notebook(project: Path) -> None:
    cell = {"cell_type": "code", "metadata": {}, "source": ["%matplotlib inline\n", "old = 1\n", "print(old)"]}
    notebook = {"cells": [{**cell, "outputs": [], "execution_count": None}], "metadata": {}}
    (project / "main.ipynb").write_text(json.dumps({**notebook, "nbformat": 4, "nbformat_minor": 5}))
    done = tool("verify", "main.ipynb")
    assert done.returncode == 0
    assert "with a rewrite of main.ipynb (2 findings)" in " ".join(done.stdout.split())
    assert "1 line of output" in done.stdout


def test_two_runs_that_fail_alike_are_no_proof(project: Path) -> None:
    (project / "main.py").write_text(f"{RIGHT}raise ValueError('no data')\n")
    done = tool("verify", "main.py")
    assert done.returncode == 2
    assert f'    File "{project}/main.py", line 3, in <module>\n' in done.stdout
    last = " ".join(done.stdout.split("\n\n")[-1].split())
    assert last == (
        "inconclusive: the program could not be run to its end: it ended with ValueError: no data, with the rewrite "
        "and without; only what it did until then could be compared"
    )


def test_nothing_to_rewrite(project: Path) -> None:
    (project / "main.py").write_text("print(1)\n")
    done = tool("verify", "main.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n\nsame: nothing is rewritten, so there is nothing to run\n")


def test_quiet(project: Path) -> None:
    (project / "main.py").write_text(RIGHT)
    done = tool("verify", "main.py", "--quiet")
    assert done.stdout == "same: the program does the same before and after the rewrite\n"
    assert done.stderr == ""


def test_a_script_that_cannot_be_parsed(project: Path) -> None:
    (project / "main.py").write_text("old(\n")
    done = tool("verify", "main.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("main.py: failed (syntax): line 1: ")


def test_a_file_that_cannot_be_parsed_is_named(project: Path) -> None:
    (project / "main.py").write_text(RIGHT)
    (project / "bad.py").write_text("old(\n")
    done = tool("verify", "main.py")
    assert done.returncode == 0
    assert done.stderr.startswith("bad.py: failed (syntax): line 1: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("missing.py",), "there is no script missing.py"), (("main.py", "--timeout", "0"), "--timeout")],
)
def test_wrong_usage(project: Path, arguments: tuple[str, ...], said: str) -> None:
    (project / "main.py").write_text(RIGHT)
    done = tool("verify", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


# fix --verify and migrate --verify ---------------------------------------------------------------


def test_fix_leaves_out_what_fails(project: Path) -> None:
    (project / "main.py").write_text(SPOILT)
    done = tool("fix", "main.py", "--verify", "main.py x")
    assert done.returncode == 0
    assert (project / "main.py").read_text() == KEPT
    assert "left alone (verification-failed): main.py x does something else with it: output, line 2: " in done.stdout
    assert "3 findings: 2 fixed, 0 unsafe, 1 refused\n" in done.stdout
    assert done.stdout.endswith("\n\nsame: the program does the same before and after the rewrite\n")


def test_fix_in_json(project: Path) -> None:
    (project / "main.py").write_text(SPOILT)
    report = json.loads(tool("fix", "--verify", f"{sys.executable} main.py", "--format", "json").stdout)
    assert [finding["reason"] for finding in report["findings"]] == [None, "verification-failed", None]
    assert report["verification"]["verdict"] == "same"
    assert report["verification"]["rewritten"] == [{"path": "main.py", "findings": 2, "loaded": True}]


def test_migrate_reports_what_fails(project: Path) -> None:
    (project / "repo").mkdir()
    (project / "repo/main.py").write_text(SPOILT)
    done = tool("migrate", "repo", "--allow-dirty", "--report", "report.md", "--verify", "main.py")
    assert done.returncode == 0
    assert (project / "repo/main.py").read_text() == KEPT
    report = (project / "report.md").read_text()
    assert "**refused (verification-failed)**: main.py does something else with it: " in report
    assert "\n## Verification\n\n`main.py`: **same**\n\n| | before | after |\n" in report


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_is_written_where_the_program_cannot_run(project: Path, form: str) -> None:
    text = f"{RIGHT}raise ValueError('no data')\n"
    (project / "main.py").write_text(text)
    done = tool("fix", "--verify", "main.py", "--format", form)
    assert done.returncode == 2
    assert (project / "main.py").read_text() == text
    assert "ValueError: no data" in done.stdout
    assert done.stderr.endswith("No file was written, since the program could not be run.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-", "--verify", "main.py"), "--verify needs files, not standard input"),
        (("--verify", "python -m main"), "names no script"),
        (("--verify", "missing.py"), "there is no script missing.py"),
        (("../outside.py", ".", "--verify", "main.py"), "../outside.py is outside of "),
    ],
)
def test_wrong_usage_of_the_option(project: Path, arguments: tuple[str, ...], said: str) -> None:
    (project / "main.py").write_text(RIGHT)
    (project.parent / "outside.py").write_text(RIGHT)
    done = tool("fix", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert (project / "main.py").read_text() == RIGHT


# TensorFlow. -------------------------------------------------------------------------------------

LOST = """
import tensorflow as tf

weight = tf.Variable(1.0)
writer = tf.summary.create_file_writer("logs")


@tf.function
def train(step):
    weight.assign_sub(0.1)
    tf.summary.scalar("weight", weight, step=step)
    return weight * 2.0


for step in range(3):
    print(float(train(tf.constant(step, tf.int64))))
writer.close()
"""


@pytest.mark.tensorflow
def test_summaries_that_were_lost_are_recorded(project: Path) -> None:
    (project / "train.py").write_text(LOST)
    done = tool("verify", "train.py", select="move-summaries-to-host")
    assert done.returncode == 0
    assert "repaired  3 events recorded that were lost before" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("repaired: ")
