"""Wrong rewrites are found among right ones, by the runs of the program alone."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codemods.engine.codemod import Status
from codemods.engine.discover import discover
from codemods.engine.result import FileResult, FileStatus, Settings
from codemods.engine.rewrite import rewrite
from codemods.engine.run import run
from codemods.verify.program import Program, program
from codemods.verify.proof import Trials
from codemods.verify.run import Runner

PLAIN = """
import builtins

builtins.old = builtins.new = print
old("a")
builtins.new = lambda text: print(text, "!")
old("b")
builtins.new = print
old("c")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def plain(project: Path) -> Callable[..., Program]:
    """Writes a program that needs no TensorFlow."""

    def write(text: str, *args: str, timeout: float = 60) -> Program:
        (project / "main.py").write_text(text)
        return program("main.py", args, python=sys.executable, timeout=timeout)

    return write


def rewritten(project: Path, *names: str) -> tuple[list[FileResult], Settings]:
    settings = Settings(names)
    return list(run(discover(["."], cwd=project), settings, cwd=project)), settings


def trials(found: Program, said: list[str] | None = None) -> Trials:
    return Trials(found, Path.cwd(), [].append if said is None else said.append)


def lines(results: list[FileResult], status: Status) -> list[int]:
    return [f.line for result in results for f in result.findings if f.status is status]


# Proving. ----------------------------------------------------------------------------------------


def test_a_program_that_does_the_same_runs_twice(project: Path, plain: Callable[..., Program], fake: str) -> None:
    found = plain("import sys\nold = 1\nprint(old, sys.argv[1:])\n", "--rate", "2")
    said: list[str] = []
    proof = trials(found, said).prove(rewritten(project, fake)[0])
    assert (proof.verdict.kind, proof.status, proof.obstacle) == ("same", 0, None)
    assert proof.before is not None
    assert proof.before.stdout == "1 ['--rate', '2']\n"
    assert proof.rewritten == (("main.py", 2),)
    assert said == ["running main.py --rate 2 as it is", "running main.py --rate 2 rewritten"]
    assert (project / "main.py").read_text().count("old") == 2


def test_a_program_that_does_something_else_runs_once_more(
    project: Path, plain: Callable[..., Program], fake: str
) -> None:
    said: list[str] = []
    proof = trials(plain(PLAIN), said).prove(rewritten(project, fake)[0])
    assert (proof.verdict.kind, proof.status) == ("different", 1)
    assert proof.verdict.different == ("output, line 2: 'b' before, 'b !' after",)
    assert len(said) == 3


def test_a_program_that_never_does_the_same_is_inconclusive(
    project: Path, plain: Callable[..., Program], fake: str
) -> None:
    # Not a number, so that the lines don't become the same without them.
    found = plain("import os\nold = os.urandom(8).hex().translate({48 + i: 103 + i for i in range(10)})\nprint(old)\n")
    proof = trials(found).prove(rewritten(project, fake)[0])
    assert proof.verdict.kind in {"inconclusive", "different"}
    assert any("not the same twice" in note or "not deterministic" in note for note in proof.verdict.notes)


def test_nothing_is_run_where_nothing_is_rewritten(project: Path, plain: Callable[..., Program], fake: str) -> None:
    said: list[str] = []
    proof = trials(plain("print(1)\n"), said).prove(rewritten(project, fake)[0])
    assert (proof.verdict.kind, proof.status, proof.before, said) == ("same", 0, None, [])


def test_a_program_that_loads_nothing_that_is_rewritten_runs_once(
    project: Path, plain: Callable[..., Program], fake: str
) -> None:
    (project / "other.py").write_text("old = 1\n")
    said: list[str] = []
    proof = trials(plain("print(1)\n"), said).prove(rewritten(project, fake)[0])
    assert (proof.verdict.kind, proof.after, proof.unused, len(said)) == ("same", None, ("other.py",), 1)


def test_what_a_program_starts_may_load_what_is_rewritten(
    project: Path, plain: Callable[..., Program], fake: str
) -> None:
    (project / "other.py").write_text(PLAIN)
    found = plain("import subprocess, sys\nprint(subprocess.check_output([sys.executable, 'other.py']))\n")
    proof = trials(found).prove(rewritten(project, fake)[0])
    assert (proof.verdict.kind, proof.status) == ("different", 1)


def test_a_file_that_is_not_loaded_is_named(project: Path, plain: Callable[..., Program], fake: str) -> None:
    (project / "other.py").write_text("old = 1\n")
    (project / "used.py").write_text("old = 1\n")
    proof = trials(plain("import used\n")).prove(rewritten(project, fake)[0])
    assert (proof.verdict.kind, proof.unused) == ("same", ("other.py",))


def test_two_runs_that_fail_alike_prove_nothing(project: Path, plain: Callable[..., Program], fake: str) -> None:
    proof = trials(plain("old = 1\nraise SystemExit(3)\n")).prove(rewritten(project, fake)[0])
    assert (proof.verdict.kind, proof.status) == ("inconclusive", 2)
    assert proof.obstacle is not None
    assert proof.obstacle.startswith("it ended with status 3, with the rewrite and without; ")


def test_a_missing_module_is_the_interpreters(project: Path, plain: Callable[..., Program], fake: str) -> None:
    proof = trials(plain("import no_such_module\nold = 1\n")).prove(rewritten(project, fake)[0])
    assert proof.status == 2
    assert proof.obstacle is not None
    assert f"by --python, this was {sys.executable}" in proof.obstacle


def test_a_program_that_does_not_end_is_not_run_again(project: Path, plain: Callable[..., Program], fake: str) -> None:
    said: list[str] = []
    found = plain("import time\nold = time.sleep(60)\n", timeout=1)
    proof = trials(found, said).prove(rewritten(project, fake)[0])
    assert (proof.verdict.kind, proof.status, len(said)) == ("inconclusive", 2, 1)
    assert proof.obstacle == "it did not end within 1 seconds; give it less to do, or a longer --timeout"


def test_a_rewrite_that_does_not_end_is_different(project: Path, plain: Callable[..., Program], fake: str) -> None:
    found = plain("import builtins, time\nbuiltins.old, builtins.new = abs, time.sleep\nold(30)\n", timeout=5)
    proof = trials(found).prove(rewritten(project, fake)[0])
    assert proof.verdict.different[0] == "ended with status 0 before, did not end within the time limit after"


# Leaving out. ------------------------------------------------------------------------------------


def test_the_one_that_is_wrong_is_left_out_among_its_likes(
    project: Path, plain: Callable[..., Program], fake: str
) -> None:
    results, proof = trials(plain(PLAIN)).settle(*rewritten(project, fake))
    assert (lines(results, Status.FIXABLE), lines(results, Status.REFUSED)) == ([5, 9], [7])
    (result,) = results
    assert result.findings[1].reason == "verification-failed"
    assert result.findings[1].detail == ("main.py does something else with it: output, line 2: 'b' before, 'b !' after")
    assert result.change is not None
    assert result.change.text == PLAIN.replace('old("a")', 'new("a")').replace('old("c")', 'new("c")')
    assert (proof.verdict.kind, proof.rewritten) == ("same", (("main.py", 2),))


def test_what_is_right_is_kept_whole(project: Path, plain: Callable[..., Program], fake: str) -> None:
    found = plain("old = 1\nprint(old)\n")
    given, settings = rewritten(project, fake)
    results, proof = trials(found).settle(given, settings)
    assert (results, proof.verdict.kind) == (given, "same")


def test_where_all_is_wrong_nothing_is_left(project: Path, plain: Callable[..., Program], fake: str) -> None:
    found = plain("import builtins\nbuiltins.old, builtins.new = print, repr\nold(1)\nold(2)\n")
    results, proof = trials(found).settle(*rewritten(project, fake))
    assert [result.status for result in results] == [FileStatus.UNCHANGED]
    assert (lines(results, Status.REFUSED), proof.rewritten) == ([3, 4], ())


def test_what_makes_sense_together_only_is_left_out_together(
    project: Path, plain: Callable[..., Program], fake: str
) -> None:
    # Neither without the other: a name that is bound, and read.
    found = plain("old = 1\nprint(old, sorted({'old', 'new'} & globals().keys()))\n")
    results, proof = trials(found).settle(*rewritten(project, fake))
    assert (lines(results, Status.REFUSED), proof.rewritten) == ([1, 2], ())


def test_it_looks_into_all_files(project: Path, plain: Callable[..., Program], fake: str) -> None:
    (project / "first.py").write_text("import builtins\nbuiltins.old = builtins.new = print\nold('a')\n")
    (project / "second.py").write_text(
        "import builtins\nbuiltins.new = repr\nold('b')\nbuiltins.new = print\nold('c')\n"
    )
    results, proof = trials(plain("import first, second\nold('d')\n")).settle(*rewritten(project, fake))
    refused = [(r.path, f.line) for r in results for f in r.findings if f.status is Status.REFUSED]
    assert refused == [("second.py", 3)]
    assert proof.rewritten == (("first.py", 1), ("main.py", 1), ("second.py", 1))


def test_a_repair_is_kept_beside_what_is_wrong(project: Path, plain: Callable[..., Program], fake: str) -> None:
    # The rewrite of the last line is what lets the program end; that of the first is wrong.
    found = plain(
        "import builtins, sys\nbuiltins.old, builtins.new = print, repr\nold('a')\n"
        "builtins.old, builtins.new = sys.missing if len(sys.argv) > 9 else (lambda x: 1 / 0), print\nold('b')\n"
    )
    results, proof = trials(found).settle(*rewritten(project, fake))
    assert (lines(results, Status.FIXABLE), lines(results, Status.REFUSED)) == ([5], [3])
    assert proof.verdict.kind == "repaired"


def test_nothing_is_blamed_where_the_program_cannot_run(
    project: Path, plain: Callable[..., Program], fake: str
) -> None:
    found = plain("old = 1\nraise SystemExit(3)\n")
    given, settings = rewritten(project, fake)
    results, proof = trials(found).settle(given, settings)
    assert proof.status == 2
    assert results == given


def test_findings_that_share_edits_are_one(project: Path) -> None:
    summaries = "    tf.summary.scalar('a', x, step=0)\n    tf.summary.scalar('b', x, step=0)\n"
    text = "import tensorflow as tf\nwriter = tf.summary.create_file_writer('logs')\n" + "".join(
        f"@tf.function\ndef {name}(x):\n{summaries}    return x\nprint({name}(1.0))\n" for name in ("one", "two")
    )
    settings = Settings(("move-summaries-to-host",))
    whole = rewrite(text, "main.py", settings)
    assert whole.groups == ((0, 1), (2, 3))
    part = rewrite(text, "main.py", settings, excluded={0, 1})
    assert part.groups == ((2, 3),)
    assert [finding.status for _, finding in part.findings] == [Status.REFUSED] * 2 + [Status.FIXABLE] * 2
    assert part.text.startswith(text[: text.index("@tf.function\ndef two")])
    assert part.text != text


# TensorFlow. -------------------------------------------------------------------------------------

SUMMARIES = """
import tensorflow as tf

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
writer = tf.summary.create_file_writer("logs")
each = strategy.run(lambda: tf.distribute.get_replica_context().replica_id_in_sync_group + 1)
with writer.as_default():
    for step in range(2):
        value = tf.constant(float(step))
        tf.summary.scalar("right/first", value, step=step)
        tf.summary.scalar("step", value, step=step)
        tf.summary.scalar("right/second", value, step=step)
        tf.summary.scalar("past", value, step=step)
        value = value + 1.0
        tf.summary.scalar("tag", value, step=step)
        tf.summary.scalar("replica", strategy.reduce("SUM", each, axis=None), step=step)
        tf.summary.scalar("right/last", value, step=step)
"""


@pytest.mark.tensorflow
def test_each_wrong_rewrite_is_found_among_right_ones_and_named(project: Path, runner: Runner, fake: str) -> None:
    script = project / "main.py"
    script.write_text(SUMMARIES)
    results, settings = rewritten(project, "spoil-summaries")
    assert len(lines(results, Status.FIXABLE)) == 7
    found = program("main.py", python=runner.python, timeout=60)
    runs = Trials(found, project, [].append, lambda overlay: runner.run(script, root=project, overlay=overlay))
    (result,), proof = runs.settle(results, settings)
    assert proof.verdict.kind == "same"
    said = "main.py does something else with it: logs: "
    assert [(f.message.split()[2], f.detail) for f in result.findings if f.status is Status.REFUSED] == [
        ("step", f"{said}'step': event 0: step 0 0 before, step 1 0 after"),
        ("past", f"{said}'past': event 0: step 0 0 before, step 0 1 after"),
        ("tag", f"{said}'tag': 2 events before, none after"),
        ("replica", f"{said}'replica': event 0: step 0 3 before, step 0 1 after"),
    ]
    assert result.patch.count(b"\n+") == 4  # a header, and a line for each that is right
