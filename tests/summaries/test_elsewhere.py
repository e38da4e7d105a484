"""Helpers that compute and write in one module, for traced code of others: both modules are rewritten in one run."""

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from codemods.engine.discover import discover
from codemods.engine.journal import Journal
from codemods.engine.result import FileResult, FileStatus, Settings
from codemods.engine.run import run, run_on_text, write
from codemods.engine.undo import last, undo
from codemods.verify.compare import compare
from codemods.verify.run import Runner

NAME = "move-summaries-to-host"
MAIN = "main.py"
LOSSES = """\
import tensorflow as tf


def compute_loss(y, p, step):
    \"\"\"Return the loss.\"\"\"
    error = y - p
    loss = tf.reduce_mean(error**2)
    # how far off
    tf.summary.scalar("loss", loss, step=step)
    tf.summary.histogram("error", error, step=step)  # one for each example
    return loss
"""
TRAINING = """\
import tensorflow as tf

from losses import compute_loss

weight = tf.Variable(2.0)
writer = tf.summary.create_file_writer("logs")


@tf.function
def train_step(x, y, step):
    with tf.GradientTape() as tape:
        loss = compute_loss(y, x * weight, step)
    weight.assign_sub(0.1 * tape.gradient(loss, weight))
    return loss


with writer.as_default():
    for i in range(3):
        loss = train_step(tf.constant([1.0, 2.0]), tf.constant([3.0, 5.0]), tf.constant(i, tf.int64))
"""
HEAD = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")
xs = tf.constant([1.0, 2.0])


"""
MEAN = """\
import tensorflow as tf


def mean_of(x, step):
    mean = tf.reduce_mean(x)
    tf.summary.scalar("mean", mean, step=step)
    return mean
"""
LOOP = """

with writer.as_default():
    for i in range(2):
        print(float(f(xs * i, tf.constant(i, tf.int64))))
"""


def program(text: str, more: str = "", **modules: str) -> dict[str, str]:
    """Return a program whose main module has a head and a loop that calls `f`."""
    imports, _, code = textwrap.dedent(text).lstrip("\n").partition("\n\n\n")
    head = HEAD.replace("\n\nwriter", f"\n\n{imports}\n\nwriter", 1)
    return {MAIN: f"{head}{code.rstrip()}\n{LOOP}{more}", **{f"{name}.py": code for name, code in modules.items()}}


USE = """
    from helpers import mean_of


    @tf.function
    def f(x, step):
        return mean_of(x, step) * 2
"""
METHOD = "import tensorflow as tf\n\n\nclass Base:\n" + textwrap.indent(
    MEAN.partition("\n\n\n")[2].replace("mean_of(x,", "mean_of(self, x,"), "    "
)
CLASS = """
    from helpers import Base


    class Trainer(Base):
        @tf.function
        def run(self, x, step):
            return self.mean_of(x, step) * 2


    trainer = Trainer()


    def f(x, step):
        return trainer.run(x, step) + trainer.mean_of(x, step)
"""
SAME: Mapping[str, dict[str, str]] = {
    "a loss of another module": {MAIN: TRAINING, "losses.py": LOSSES},
    "callers in two modules and on the host, in expressions and under another name": {
        **program(
            """
            import helpers
            from other import g


            @tf.function
            def f(x, step):
                return helpers.mean_of(x, step=step) + helpers.mean_of(x * 2, step)
            """,
            more="        print(float(g(xs, tf.constant(i, tf.int64))), float(helpers.mean_of(xs, i)))\n",
            helpers=MEAN,
            other="import tensorflow\n\nfrom helpers import mean_of as average\n\n\n@tensorflow.function\n"
            "def g(x, step):\n    total = tensorflow.zeros([])\n    total += average(x, step)\n    return total\n",
        ),
    },
    "one level after another, through three modules": program(
        """
        from middle import both


        @tf.function
        def f(x, step):
            mean, largest = both(x, step)
            return mean + largest
        """,
        middle="import tensorflow as tf\n\nfrom helpers import mean_of\n\n\ndef both(x, step):\n"
        '    mean = mean_of(x, step)\n    largest = tf.reduce_max(x)\n    tf.summary.scalar("largest", largest, step)\n'
        "    return mean, largest\n",
        helpers=MEAN,
    ),
    "a package that passes the helper on, and the names of its module that the summary needs": {
        MAIN: HEAD.replace("\n\nwriter", "\n\nfrom pkg.training import Trainer\n\nwriter", 1)
        + "trainer = Trainer()\n"
        + LOOP.replace("f(xs * i, tf.constant(i, tf.int64))", "trainer.step(xs)"),
        "pkg/__init__.py": "from .losses import compute_loss\n",
        "pkg/losses.py": 'import tensorflow as tf\n\nTAG = "loss"\n\n\ndef compute_loss(x, weight, step):\n'
        "    loss = tf.reduce_mean(x * weight)\n    tf.summary.scalar(TAG, loss, step=step)\n    return loss\n",
        "pkg/training.py": textwrap.dedent("""\
            import tensorflow as tf

            from . import compute_loss


            class Trainer:
                def __init__(self):
                    self.weight = tf.Variable(1.0)
                    self.steps = tf.Variable(0, dtype=tf.int64)

                @tf.function
                def step(self, x):
                    loss = compute_loss(x, self.weight, self.steps)
                    self.weight.assign_sub(loss)
                    self.steps.assign_add(1)
                    return loss
            """),
    },
    "a writer of the helper's module, several values, a loop and arguments that are computed": program(
        """
        from helpers import means_of


        @tf.function
        def f(x, i):
            one, two = means_of({"one": x, "two": x * x}, tf.cast(i, tf.int64))
            return one + two
        """,
        helpers='import tensorflow as tf\n\nhelp_writer = tf.summary.create_file_writer("logs/helpers")\n\n\n'
        "def means_of(values, step):\n  means = []\n  for name, value in values.items():\n"
        "    mean = tf.reduce_mean(value)\n    with help_writer.as_default():\n"
        "      tf.summary.scalar(name, mean, step=step)\n    means.append(mean)\n  return means[0], means[1]\n",
    ),
    "constants that say what is to be written": program(
        """
        from helpers import mean_of


        @tf.function
        def f(x, step):
            total = mean_of(x, True, step)
            total = total + mean_of(x * 2, log=False)
            return total + mean_of(x)
        """,
        helpers="import tensorflow as tf\n\n\ndef mean_of(x, log=False, step=None):\n    mean = tf.reduce_mean(x)\n"
        "    if log:\n        # what it is\n        tf.summary.scalar(\n            'mean',\n            # a scalar\n"
        "            mean,\n            step=step,\n        )\n    return mean\n",
    ),
    "a helper that prints when it is traced, which a number of Python makes happen for each step": {
        name: text.replace("tf.constant(i, tf.int64)", "i").replace(
            "    tf.summary", '    print("traced")\n    tf.summary'
        )
        for name, text in program(USE, helpers=MEAN).items()
    },
    "a method of a class that another module derives from": program(CLASS, helpers=METHOD),
    "replicas": program(
        """
        from helpers import mean_of


        strategy = tf.distribute.MirroredStrategy(["CPU:0"])


        @tf.function
        def f(x, step):
            return strategy.reduce("sum", strategy.run(replica, args=(x, step)), axis=None)


        def replica(x, step):
            mean = mean_of(x, step)
            return mean
        """,
        helpers=MEAN,
    ),
}
UNSAFE = program(
    USE,
    helpers=MEAN.replace("    tf.summary", "    if mean > 1.0:\n        tf.summary"),
)
REFUSED: Mapping[str, tuple[str, dict[str, str]]] = {
    "the helper is used as a value": ("helper", program(USE + "\n\n    average = mean_of", helpers=MEAN)),
    "a name scope that would be entered twice": (
        "name-scope",
        program(USE, helpers=MEAN.replace("    tf.summary", '    with tf.name_scope("means"):\n        tf.summary')),
    ),
    "the caller imports it in the function": (
        "names",
        program(
            "import math\n\n\n@tf.function\ndef f(x, s):\n    from helpers import mean_of\n\n    return mean_of(x, s)",
            helpers=MEAN,
        ),
    ),
    "a random number is drawn before it": (
        "helper-call",
        program(USE.replace("mean_of(x, step) * 2", "tf.random.uniform([]) + mean_of(x, step)"), helpers=MEAN),
    ),
    "a method that a library's class may have": (
        "helper-call",
        program(CLASS.replace("(Base)", "(tf.Module, Base)"), helpers=METHOD),
    ),
    "a method in whose place an attribute is put": (
        "helper-call",
        program(
            CLASS.replace("\n    trainer =", "\n    Trainer.mean_of = tf.reduce_mean\n    trainer ="), helpers=METHOD
        ),
    ),
    "a method of an object": (
        "helper-elsewhere",
        program(CLASS.replace("self.mean_of", "Base().mean_of"), helpers=METHOD),
    ),
    "another module hands it to a strategy": (
        "helper-elsewhere",
        program(
            """
            from helpers import mean_of


            strategy = tf.distribute.MirroredStrategy(["CPU:0"])


            @tf.function
            def f(x, step):
                return strategy.run(mean_of, args=(x, step))
            """,
            helpers=MEAN,
        ),
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*.py"))}


def found(folder: Path, *paths: str, unsafe: bool = False, jobs: int = 1, **settings: object) -> list[FileResult]:
    asked = Settings((NAME,), unsafe, **settings)  # type: ignore[arg-type]
    return list(run(discover(paths or ["."], cwd=folder), asked, jobs=jobs, cwd=folder))


def fixed(folder: Path, *paths: str, unsafe: bool = False) -> list[FileResult]:
    journal = Journal.around(folder).begin("fix")
    return list(write(found(folder, *paths, unsafe=unsafe), cwd=folder, record=journal.record))


def reasons(results: list[FileResult]) -> set[str | None]:
    return {finding.reason for result in results for finding in result.findings}


@pytest.mark.parametrize("name", SAME, ids=lambda name: name.replace(" ", "_"))
def test_rewrite(name: str, folder: Path, snapshot: SnapshotAssertion) -> None:
    put(folder, SAME[name])
    results = fixed(folder)
    assert reasons(results) == {None}
    assert "".join(result.patch.decode() for result in results) == snapshot
    once = texts(folder)
    assert not [finding for result in fixed(folder) for finding in result.findings]
    assert texts(folder) == once


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, folder: Path) -> None:
    reason, files = REFUSED[name]
    put(folder, files)
    assert reasons(fixed(folder)) == {reason}
    assert texts(folder) == files


def test_what_changes_tags_is_unsafe(folder: Path) -> None:
    put(folder, UNSAFE)
    assert [f.status.value for result in fixed(folder) for f in result.findings] == ["unsafe"]
    assert texts(folder) == UNSAFE
    fixed(folder, unsafe=True)
    assert "_traced_mean_of(x)" in texts(folder)[MAIN]


def test_an_unsafe_rewrite_keeps_no_other_one_back(folder: Path) -> None:
    both = USE.replace("import mean_of", "import largest_of, mean_of").replace(
        "return ", "return largest_of(x, step) + "
    )
    files = program(both, helpers=UNSAFE["helpers.py"] + MEAN.partition("\n")[2].replace("mean", "largest"))
    put(folder, {**files, "helpers.py": files["helpers.py"].replace("reduce_largest", "reduce_max")})
    assert sorted(f.status.value for result in fixed(folder) for f in result.findings) == [
        "fixable",
        "fixable",
        "unsafe",
    ]
    assert "_traced_largest_of(x)" in texts(folder)[MAIN]
    assert "_traced_mean_of" not in texts(folder)[MAIN]


def test_a_fix_that_needs_another_file_is_none_of_its_own(folder: Path) -> None:
    put(folder, {MAIN: TRAINING, "losses.py": LOSSES})
    assert [(r.path, bool(r.needs), bool(r.fixes)) for r in found(folder, fixes=True)] == [
        ("losses.py", False, True),
        (MAIN, True, False),
    ]


def test_what_fails_verification_is_left_out_of_both_files(folder: Path) -> None:
    put(folder, {MAIN: TRAINING, "losses.py": LOSSES})
    results = found(folder, excluded=frozenset({("losses.py", 0), ("losses.py", 1)}))
    assert {finding.reason for result in results for finding in result.findings} == {"verification-failed"}
    assert not any(result.change for result in results)
    one = found(folder, excluded=frozenset({(MAIN, 0)}))
    assert reasons(one) == {"helper-elsewhere", "verification-failed"}
    assert not any(result.change for result in one)


def test_what_was_split_before_is_taken_apart_by_a_caller_that_comes_later(folder: Path) -> None:
    put(folder, {MAIN: TRAINING, "losses.py": LOSSES})
    fixed(folder)
    once = texts(folder)
    put(folder, {MAIN: TRAINING})
    assert {result.path for result in fixed(folder) if result.findings} == {MAIN}
    assert texts(folder) == once


def test_a_name_scope_of_what_was_split_before_is_not_entered_once_less(folder: Path) -> None:
    helper = MEAN.replace("    tf.summary", '    with tf.name_scope("means"):\n        tf.summary')
    helper = helper.replace("tf.reduce_mean(x)", "_traced_mean_of(x)")
    helper += '\n\ndef _traced_mean_of(x):\n    with tf.name_scope("means"):\n        return tf.reduce_mean(x)\n'
    files = program(USE, helpers=helper)
    put(folder, files)
    assert reasons(fixed(folder)) == {"name-scope"}
    assert texts(folder) == files


def test_tabs_of_one_file_become_the_indent_of_the_other(folder: Path) -> None:
    helper = MEAN.replace("    ", "\t").replace(
        'scalar("mean", mean, step=step)', 'scalar(\n\t\t"mean", mean, step=step)'
    )
    put(folder, program(USE, helpers=helper))
    fixed(folder)
    assert '    tf.summary.scalar(\n        "mean", mean, step=step)\n' in texts(folder)[MAIN]


@pytest.mark.parametrize("given", [[MAIN], ["losses.py"]])
def test_one_of_the_files_alone_is_left_as_it_is(given: list[str], folder: Path) -> None:
    put(folder, SAME["a loss of another module"])
    assert reasons(fixed(folder, *given)) == ({"helper-elsewhere"} if given == ["losses.py"] else set())
    assert texts(folder) == SAME["a loss of another module"]


def test_standard_input_is_alone(folder: Path) -> None:
    put(folder, {MAIN: TRAINING, "losses.py": LOSSES})
    for name, text in ((MAIN, TRAINING), ("losses.py", LOSSES)):
        _, after = run_on_text(folder / name, text.encode(), Settings((NAME,)), name)
        assert after.decode() == text


@pytest.mark.parametrize("comment", ["ignore", f"ignore[{NAME}]"])
def test_a_helper_is_not_split_for_a_call_that_is_suppressed(comment: str, folder: Path) -> None:
    files = {MAIN: TRAINING.replace("weight, step)", f"weight, step)  # tf-codemods: {comment}"), "losses.py": LOSSES}
    put(folder, files)
    assert reasons(fixed(folder)) == {"helper-elsewhere"}
    assert texts(folder) == files


def test_a_call_stays_if_the_helper_is_suppressed(folder: Path) -> None:
    files = {MAIN: TRAINING, "losses.py": "# tf-codemods: ignore-file\n" + LOSSES}
    put(folder, files)
    assert reasons(fixed(folder)) == set()
    assert texts(folder) == files


def test_many_processes_do_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(
        folder,
        {f"{number}/{name}": text for number in range(3) for files in SAME.values() for name, text in files.items()},
    )
    put(folder, {f"{number}/pyproject.toml": "" for number in range(3)})
    monkeypatch.setattr("codemods.engine.run._CHUNK", 1)
    monkeypatch.setattr("codemods.engine.run._WORTH_A_POOL", 1)
    one, many = found(folder), found(folder, jobs=3)
    assert one == many
    assert any(result.needs for result in one)


@pytest.mark.parametrize("name", [MAIN, "losses.py"])
def test_a_file_that_cannot_be_written_leaves_a_program_that_runs(name: str, folder: Path) -> None:
    put(folder, {MAIN: TRAINING, "losses.py": LOSSES})
    (folder / name).chmod(0o400)
    statuses = {result.path: result.status for result in fixed(folder)}
    (folder / name).chmod(0o600)
    after = texts(folder)
    assert statuses[MAIN] is FileStatus.FAILED
    assert after[MAIN] == TRAINING
    assert (after["losses.py"] == LOSSES) == (name == "losses.py")


def test_the_helper_is_written_first(folder: Path) -> None:
    put(folder, {MAIN: TRAINING, "losses.py": LOSSES})
    results = write(found(folder), cwd=folder)
    assert next(results).path == "losses.py"
    results.close()  # type: ignore[attr-defined]
    assert texts(folder)[MAIN] == TRAINING


@pytest.mark.parametrize("edited", [None, MAIN, "losses.py"])
def test_undo(edited: str | None, folder: Path) -> None:
    put(folder, {MAIN: TRAINING, "losses.py": LOSSES})
    fixed(folder)
    once = texts(folder)
    if edited:
        (folder / edited).write_text(once[edited] + "\n# mine\n")
    journal = Journal.around(folder)
    chosen = last(journal.runs())
    assert chosen
    statuses = {result.path: result.status for result in undo(chosen, journal, folder)}
    expected = {None: set(), MAIN: {MAIN, "losses.py"}, "losses.py": {"losses.py"}}[edited]
    assert {path for path, status in statuses.items() if status is FileStatus.FAILED} == expected
    assert (texts(folder)[MAIN] == TRAINING) == (edited != MAIN)
    if edited is None:
        list(undo(journal.runs()[-1], journal, folder))
        assert texts(folder) == once


def test_a_notebook_that_calls_a_helper(folder: Path) -> None:
    put(folder, {"losses.py": LOSSES})
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": text.strip()}
        for text in re.split(r"\n\n\n", TRAINING)
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (folder / "main.ipynb").write_text(json.dumps(notebook))
    assert reasons(fixed(folder)) == {None}
    rewritten = json.loads((folder / "main.ipynb").read_text())
    sources = ["".join(cell["source"]) for cell in rewritten["cells"]]
    assert "from losses import _traced_compute_loss" in sources[0]
    assert "_traced_compute_loss(y, x * weight)" in sources[1]
    assert not [finding for result in fixed(folder) for finding in result.findings]


def compared(runner: Runner, folder: Path, files: Mapping[str, str], change: Callable[[str], str] = str) -> str:
    put(folder / "before", files)
    put(folder / "after", {**files, "pyproject.toml": ""})
    fixed(folder / "after")
    (folder / "after" / MAIN).write_text(change((folder / "after" / MAIN).read_text()))
    before, after = (runner.run(folder / side / MAIN, root=folder / side) for side in ("before", "after"))
    assert before.events
    assert before.ok, before.exception
    return compare(before, after).kind


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", SAME)
def test_the_events_are_the_same(name: str, runner: Runner, folder: Path) -> None:
    assert compared(runner, folder, SAME[name]) == "same"


@pytest.mark.tensorflow
def test_a_helper_that_still_writes_is_caught(runner: Runner, folder: Path) -> None:
    wrong = compared(
        runner,
        folder,
        SAME["a loss of another module"],
        lambda text: text.replace("loss, error = _traced_compute_loss", "from losses import compute_loss as c; c"),
    )
    assert wrong == "different"
