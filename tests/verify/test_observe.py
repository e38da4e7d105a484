"""What is seen of a run."""

import json
import sys
import textwrap
import time
from pathlib import Path

import pytest

from codemods.verify.compare import compare
from codemods.verify.observation import Observation
from codemods.verify.run import Runner, notebook_source, run

tensorflow = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def plain() -> Runner:
    """A runner for programs without TensorFlow, which is never imported."""
    return Runner(sys.executable, fork=False)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(textwrap.dedent(text), encoding="utf-8")


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p.relative_to(root)): (p.stat().st_mtime_ns, p.read_bytes()) for p in root.rglob("*") if p.is_file()}


# Programs of any kind


def test_output_status_and_arguments(plain: Runner) -> None:
    seen = plain.run_source("import sys\nprint(sys.argv[1:], __name__, __file__)\nsys.exit(3)", args=["--rate", "0.1"])
    assert seen.stdout == "['--rate', '0.1'] __main__ <root>/main.py\n"
    assert (seen.exit, seen.exception, seen.abrupt, seen.ok) == (3, None, False, False)
    assert Observation.from_dict(json.loads(json.dumps(seen.to_dict()))) == seen


def test_an_uncaught_exception(plain: Runner) -> None:
    seen = plain.run_source("raise ValueError('no step\\nset')")
    assert (seen.exit, seen.exception) == (1, "ValueError: no step")
    assert seen.stderr.endswith("ValueError: no step\nset\n")


def test_a_syntax_error(plain: Runner) -> None:
    seen = plain.run_source("def f(:\n")
    assert seen.exit == 1
    assert seen.exception is not None
    assert seen.exception.startswith("SyntaxError: invalid syntax")


def test_a_signal(plain: Runner) -> None:
    seen = plain.run_source("import os, signal\nprint('here')\nos.kill(os.getpid(), signal.SIGKILL)")
    assert (seen.exit, seen.abrupt, seen.variables, seen.stdout) == (-9, True, None, "here\n")


def test_os_exit(plain: Runner) -> None:
    seen = plain.run_source("import os\nprint('here')\nos._exit(4)")
    assert (seen.exit, seen.abrupt, seen.variables, seen.stdout) == (4, True, (), "here\n")


def test_threads_are_waited_for(plain: Runner) -> None:
    source = "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()"
    assert plain.run_source(source).stdout == "late\n"


def test_the_time_limit_ends_a_program_and_what_it_started(plain: Runner, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    child = f"import time, pathlib; time.sleep(2); pathlib.Path({str(sign)!r}).touch()"
    source = f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(60)"
    started = time.monotonic()
    seen = plain.run_source(source, timeout=1)
    assert seen.exit is None
    assert time.monotonic() - started < 5
    time.sleep(2)
    assert not sign.exists()


def test_random_numbers_and_hashes_are_the_same_twice(plain: Runner) -> None:
    source = """
import random, numpy
print(random.random(), numpy.random.rand(), numpy.random.default_rng().random(), hash("a"), {"b", "c", "d"})
print(object())
"""
    assert plain.run_source(source).stdout == plain.run_source(source).stdout


def test_progress_bars_end_as_on_a_terminal(plain: Runner) -> None:
    source = "print('\\r1/2 - 0s 3ms/step - loss: 0.5\\r2/2 - 1s 14ms/step - loss: 0.25')"
    assert plain.run_source(source).stdout == "2/2 - <time> <time>/step - loss: 0.25\n"


def test_the_project_is_a_copy_of_the_same_name(plain: Runner, tmp_path: Path) -> None:
    root = tmp_path / "pkg"
    write(
        root,
        {
            "__init__.py": "",
            "net.py": "NAME = 'net'",
            "data.txt": "text",
            "link": "",
            ".git/config": "",
            "venv/pyvenv.cfg": "",
            "bin/train.py": """
                import os, sys
                sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
                from pkg import net
                print(net.NAME, net.__file__)
                print(open("data.txt").read(), open("link").read(), sorted(os.listdir()))
                open("data.txt", "w").write("changed")
                os.remove("net.py")
            """,
        },
    )
    (root / "link").unlink()
    (root / "link").symlink_to("data.txt")
    before = tree(root)
    seen = plain.run(root / "bin/train.py", root=root)
    assert seen.stdout == (
        "net <root>/bin/../../pkg/net.py\ntext text ['__init__.py', 'bin', 'data.txt', 'link', 'net.py']\n"
    )
    assert seen.ok
    assert seen.escaped == ()
    assert tree(root) == before


def test_links_and_large_files(plain: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codemods.verify.run.LINK_OVER", 10)
    root = tmp_path / "project"
    write(
        tmp_path,
        {
            "outside/far.txt": "far",
            "project/data.bin": "a large file",
            "project/weights.h5": "another large file",
            "project/sub/near.txt": "near",
            "project/main.py": """
                import os
                for name in ("sub/up", "sub/full", "folder/near.txt", "sub/far.txt", "data.bin"):
                    print(name, open(name).read(), os.path.realpath(name).startswith(os.getcwd()))
                open("sub/full", "w").write("changed")
                open("weights.h5", "w").write("changed")
                open("data.bin", "w").write("changed")
            """,
        },
    )
    (root / "sub/up").symlink_to("../sub/near.txt")
    (root / "sub/full").symlink_to(root / "sub/near.txt")
    (root / "folder").symlink_to("sub")
    (root / "sub/far.txt").symlink_to("../../outside/far.txt")
    before = tree(tmp_path)
    seen = plain.run(root / "main.py", root=root)
    assert seen.stdout.splitlines() == [
        "sub/up near True",
        "sub/full near True",
        "folder/near.txt near True",
        "sub/far.txt far False",
        "data.bin a large file False",
    ]
    assert (seen.exception or "").startswith("PermissionError: verify does not write into the project")
    assert tree(tmp_path) == before


def test_the_overlay_takes_the_place_of_files(plain: Runner, tmp_path: Path) -> None:
    write(tmp_path, {"main.py": "import lib\nprint(lib.X)", "lib.py": "X = 1"})
    overlay = {"lib.py": b"X = 2", "new/main.py": b"print('new')"}
    assert plain.run(tmp_path / "main.py", root=tmp_path, overlay=overlay).stdout == "2\n"
    assert plain.run(tmp_path / "new/main.py", root=tmp_path, overlay=overlay).stdout == "new\n"
    assert tree(tmp_path).keys() == {"main.py", "lib.py"}


def test_the_working_directory(plain: Runner, tmp_path: Path) -> None:
    write(tmp_path, {"sub/main.py": "import os\nprint(os.getcwd())\nimport near", "sub/near.py": ""})
    assert plain.run(tmp_path / "sub/main.py", root=tmp_path).stdout == "<root>\n"
    assert plain.run(tmp_path / "sub/main.py", root=tmp_path, cwd=tmp_path / "sub").stdout == "<root>/sub\n"


def test_absolute_paths_into_the_project_are_not_written(plain: Runner, tmp_path: Path) -> None:
    for act in ("open({0!r}, 'w')", "os.remove({0!r})", "shutil.rmtree({1!r})", "os.mkdir({1!r} + '/logs')"):
        write(
            tmp_path,
            {"main.py": f"import os, shutil\n{act.format(str(tmp_path / 'd'), str(tmp_path))}", "d": ""},
        )
        before = tree(tmp_path)
        seen = plain.run(tmp_path / "main.py", root=tmp_path)
        assert seen.exception is not None
        assert seen.exception.startswith("PermissionError")
        assert tree(tmp_path) == before


def test_modules_of_the_project_itself_are_noticed(plain: Runner, tmp_path: Path) -> None:
    write(
        tmp_path,
        {"main.py": f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport near", "near.py": ""},
    )
    assert plain.run(tmp_path / "main.py", root=tmp_path).escaped == ("near",)


def test_pythonpath_leads_into_the_copy(plain: Runner, tmp_path: Path) -> None:
    write(tmp_path, {"main.py": "import near\nprint(near.__file__)", "src/near.py": ""})
    seen = plain.run(tmp_path / "main.py", root=tmp_path, env={"PYTHONPATH": str(tmp_path / "src")})
    assert (seen.stdout, seen.escaped) == ("<root>/src/near.py\n", ())


def test_what_can_not_be_run(plain: Runner, tmp_path: Path) -> None:
    write(tmp_path, {"a/main.py": "", "b.ipynb": "{}"})
    with pytest.raises(FileNotFoundError, match=r"no such script: .*missing\.py"):
        plain.run(tmp_path / "missing.py", root=tmp_path)
    with pytest.raises(ValueError, match="is not inside"):
        plain.run(tmp_path / "a/main.py", root=tmp_path / "b")
    with pytest.raises(ValueError, match="not a notebook"):
        plain.run(tmp_path / "b.ipynb", root=tmp_path)
    with pytest.raises(FileNotFoundError):
        run(tmp_path / "a/main.py", root=tmp_path, python=str(tmp_path / "python"))


def cell(source: str, kind: str = "code") -> dict[str, object]:
    return {"cell_type": kind, "source": source.splitlines(keepends=True), "outputs": [], "metadata": {}}


def test_a_notebook_is_run_without_its_magics(plain: Runner, tmp_path: Path) -> None:
    cells = [
        cell("# A title", "markdown"),
        cell("!pip install tensorflow\n%load_ext tensorboard\nx = 1"),
        cell("%%bash\nexit 3"),
        cell("%%time\nfor i in range(2):\n    %timeit x\n    x += i\nfiles = !ls\nx?"),
        cell('text = """\n%not a magic\n"""'),
        cell("display(x, text, files)"),
    ]
    (tmp_path / "book.ipynb").write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    seen = plain.run(tmp_path / "book.ipynb", root=tmp_path)
    assert (seen.stdout, seen.ok) == ("2 \n%not a magic\n []\n", True), seen.stderr
    assert tree(tmp_path).keys() == {"book.ipynb"}


def test_notebook_cells_can_be_one_string() -> None:
    data = json.dumps({"cells": [{"cell_type": "code", "source": "a = 1\nb = 2"}]}).encode()
    assert notebook_source(data).endswith("\n\na = 1\nb = 2\n")


# Programs with TensorFlow

MODEL = """
import datetime, tempfile
import numpy as np
import tensorflow as tf

writer = tf.summary.create_file_writer("logs/" + datetime.datetime.now().strftime("%Y%m%d-%H%M%S.%f"))
other = tf.summary.create_file_writer(tempfile.mkdtemp())
model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2), tf.keras.layers.Dropout(0.5)])
model.compile("adam", "mse")

def main():
    local = tf.Variable(1 / 3)
    model.fit(tf.random.normal([8, 3]), np.random.rand(8, 2), batch_size=4, epochs=2, verbose=2)
    with writer.as_default():
        tf.summary.scalar("third", local, step=-1)
        tf.summary.histogram("kernel", model.weights[0], step=1)
    with other.as_default(step=7):
        tf.summary.text("text", "hello")
        tf.summary.image("image", np.zeros((1, 2, 2, 3)))
        tf.summary.audio("audio", np.zeros((1, 4, 1), np.float32), 8000)
        tf.summary.write("raw", [1.0, 2.0])
    tf.summary.scalar("nowhere", 1.0, step=0)
    model.save("model.keras")
    model.save_weights("model.weights.h5")
    tf.saved_model.save(model, "saved")
    tf.train.Checkpoint(model=model).save("checkpoints/c")

main()
"""


@tensorflow
def test_a_fork_sees_what_a_process_of_its_own_sees(runner: Runner) -> None:
    forked = runner.run_source(MODEL)
    alone = Runner(runner.python, fork=False).run_source(MODEL)
    assert forked.ok, forked.stderr
    for name in ("events", "variables", "saved", "stdout", "summaries", "event_files"):
        assert getattr(forked, name) == getattr(alone, name), name


@tensorflow
def test_all_there_is_to_see(runner: Runner) -> None:
    seen = runner.run_source(MODEL)
    third, kernel, *others = seen.events
    assert (third.folder, third.tag, third.step, third.kind) == (
        "logs/<time>-<time>.<time>",
        "third",
        -1,
        "scalar",
    )
    assert third.value == "0.333333343"
    assert (kernel.tag, kernel.step, kernel.kind) == ("kernel", 1, "histogram")
    assert {(e.folder, e.step) for e in others} == {("<tmp>/tmpscratch1", 7)}
    assert [(e.tag, e.kind) for e in others] == [
        ("text", "text"),
        ("image", "image"),
        ("audio", "audio"),
        ("raw", "tensor"),
    ]
    assert others[0].value == "'hello'"
    assert (seen.summaries.host, seen.summaries.dropped, seen.event_files) == (6, 1, 2)

    assert seen.variables is not None
    kernels = [v for v in seen.variables if v.shape == (3, 2) and v.name.endswith("dense/kernel:0")]
    assert kernels[0].digest is not None
    local = [v for v in seen.variables if v.first == ("0.33333334",)]
    assert [(v.shape, v.dtype) for v in local] == [((), "float32")], "a local variable of main() is seen"
    assert all(v.digest for v in seen.variables)

    saved = {s.path: s for s in seen.saved}
    assert saved.keys() == {"model.keras", "model.weights.h5", "saved", "checkpoints/c-1.index"}
    assert [s.kind for s in seen.saved] == [
        {"model.keras": "keras", "model.weights.h5": "h5", "saved": "saved_model"}.get(s.path, "checkpoint")
        for s in seen.saved
    ]
    assert "serving_default" in saved["saved"].signatures
    for item in seen.saved:
        assert kernels[0].digest in {v.digest for v in item.variables}, item.path


@tensorflow
def test_importing_tensorflow_starts_nothing(runner: Runner) -> None:
    source = """
from tensorflow.python.eager import context
import tensorflow as tf
print(context._context is None or context._context._context_handle is None)
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
print(len(tf.config.list_logical_devices()), tf.distribute.MirroredStrategy().num_replicas_in_sync)
"""
    assert runner.run_source(source).stdout == "True\n2 2\n"
    assert Runner(runner.python, fork=False).run_source(source).stdout == "True\n2 2\n"


@tensorflow
def test_the_runner_outlives_its_programs(runner: Runner) -> None:
    assert runner.run_source("import os\nos.kill(os.getpid(), 9)").exit == -9
    assert runner.run_source("import time\ntime.sleep(60)", timeout=0.5).exit is None
    assert runner.run_source("import ctypes\nctypes.string_at(0)").exit == -11
    assert runner.run_source("import tensorflow as tf\nprint(int(tf.constant(1) + 1))").stdout == "2\n"


@tensorflow
def test_a_program_in_its_own_process_sets_what_tensorflow_reads_at_import(runner: Runner) -> None:
    source = """
import os
os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
import sys
print("tensorflow" in sys.modules)
import tensorflow as tf
tf.Variable(1.0)
"""
    seen = Runner(runner.python, fork=False).run_source(source)
    assert seen.stdout == "False\n"
    assert seen.variables is not None
    assert [v.first for v in seen.variables] == [("1.0",)]


WRITES = """
import os, sys
import tensorflow as tf
writer = tf.summary.create_file_writer("logs")
writer.set_as_default()
for step in range(3):
    tf.summary.scalar("a", step, step=step)
"""


@tensorflow
@pytest.mark.parametrize(
    ("end", "steps"),
    [
        ("", [0, 1, 2]),
        ("sys.exit(0)", [0, 1, 2]),
        ("raise ValueError", [0, 1, 2]),
        ("os._exit(0)", []),
        ("writer.flush(); os._exit(0)", [0, 1, 2]),
        ("os.kill(os.getpid(), 9)", []),
    ],
)
def test_only_what_is_on_disk_counts(runner: Runner, end: str, steps: list[int]) -> None:
    seen = runner.run_source(WRITES + end)
    assert seen.steps("a") == steps
    assert seen.event_files == 1


@tensorflow
def test_graph_mode(runner: Runner) -> None:
    source = """
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
x = tf.random.normal([2])
w = tf.get_variable("w", [2])
never = tf.get_variable("never", [2])
train = tf.assign_add(w, x)
tf.summary.scalar("first", w[0])
tf.summary.histogram("all", w)
merged = tf.summary.merge_all()
with tf.Session() as session:
    writer = tf.summary.FileWriter("logs", session.graph)
    session.run(w.initializer)
    for step in range(3):
        session.run(train)
        writer.add_summary(session.run(merged), step)
print("closed")
writer.close()
"""
    seen = runner.run_source(source)
    assert seen.ok, seen.stderr
    assert seen.steps("first") == [0, 1, 2]
    assert [e.kind for e in seen.events[:2]] == ["graph", "meta_graph"]
    assert {e.kind for e in seen.events if e.tag == "all"} == {"histogram"}
    assert seen.lost == 0
    assert seen.variables is not None
    assert [(v.name, v.shape, v.digest is None) for v in seen.variables] == [
        ("w:0", (2,), False),
        ("never:0", (2,), True),
    ]
    assert runner.run_source(source).events == seen.events


@tensorflow
def test_fit_with_the_tensorboard_callback_is_the_same_twice(runner: Runner) -> None:
    source = """
import tensorflow as tf
model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2)])
model.compile("adam", "mse", metrics=["mae"])
x, y = tf.random.normal([64, 3]), tf.random.normal([64, 2])
data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(64).batch(8)
callback = tf.keras.callbacks.TensorBoard("logs", histogram_freq=1, update_freq=1)
model.fit(data, validation_data=data, epochs=2, callbacks=[callback])
"""
    first, second = runner.run_source(source), runner.run_source(source)
    assert first.ok, first.stderr
    assert first.steps("epoch_loss", "logs/train") == [0, 1]
    assert compare(first, second).lines == compare(first, first).lines
    assert compare(first, second).kind == "same"


@tensorflow
def test_generators_that_nobody_seeded(runner: Runner) -> None:
    source = """
import tensorflow as tf
print(tf.random.get_global_generator().normal([1]).numpy())
print(tf.random.Generator.from_non_deterministic_state().normal([1]).numpy())
"""
    seen = runner.run_source(source)
    assert seen.ok, seen.stderr
    assert runner.run_source(source).stdout == seen.stdout


@tensorflow
def test_variables_that_are_gone_give_way_to_new_ones(runner: Runner) -> None:
    source = """
import tensorflow as tf
for value in range(5):
    big = tf.Variable(tf.fill([100 << 20], float(value)))
tf.Variable(7.0)
"""
    seen = runner.run_source(source)
    assert seen.ok, seen.stderr
    assert seen.variables is not None
    assert [v.first[:1] for v in seen.variables] == [(), (), (), ("3.0",), ("4.0",), ("7.0",)]


@tensorflow
def test_a_monitored_session(runner: Runner) -> None:
    source = """
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
step = tf.train.get_or_create_global_step()
w = tf.get_variable("w", [], initializer=tf.zeros_initializer())
train = tf.group(step.assign_add(1), w.assign_add(0.5))
tf.summary.scalar("now", w)
with tf.train.MonitoredTrainingSession(checkpoint_dir="run", save_summaries_steps=1) as session:
    for _ in range(3):
        session.run(train)
"""
    seen = runner.run_source(source)
    assert seen.ok, seen.stderr
    assert seen.steps("now")
    assert seen.variables is not None
    # The session reads what it records while it trains, so two runs need not record the same.
    assert {(v.name, v.first) for v in seen.variables} == {("global_step:0", ("3",)), ("w:0", ("1.5",))}


@tensorflow
def test_summaries_of_a_graph_that_are_never_recorded_are_counted_as_dropped(runner: Runner) -> None:
    seen = runner.run_source(
        """\
import tensorflow.compat.v1 as tf
tf.disable_eager_execution()
recorded = tf.summary.image("image", tf.zeros([1, 2, 2, 1]))
tf.summary.scalar("never", 1.0)
with tf.Session() as session, tf.summary.FileWriter("logs") as writer:
    writer.add_summary(session.run(recorded), 0)
"""
    )
    assert seen.ok, seen.exception
    assert seen.summaries.dropped == 1


@tensorflow
def test_unflushed_v1_events_are_counted_as_lost(runner: Runner) -> None:
    source = """
import os
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
tf.summary.scalar("a", tf.constant(1.0))
merged = tf.summary.merge_all()
writer = tf.summary.FileWriter("logs")
with tf.Session() as session:
    for step in range(25):
        writer.add_summary(session.run(merged), step)
os._exit(0)
"""
    seen = runner.run_source(source)
    assert seen.lost == 25 - len(seen.steps("a")) > 0


@tensorflow
def test_folders_are_told_apart_in_the_order_of_their_writers(runner: Runner) -> None:
    source = """
import time
import tensorflow as tf
for value in (1.0, 2.0):
    with tf.summary.create_file_writer(f"logs/{time.time_ns()}").as_default():
        tf.summary.scalar("a", value, step=0)
"""
    seen = runner.run_source(source)
    assert [(e.folder, e.value) for e in seen.events] == [("logs/<time>", "1"), ("logs/<time> (2)", "2")]
    assert runner.run_source(source).events == seen.events


@tensorflow
def test_an_absolute_folder_elsewhere(runner: Runner, tmp_path: Path) -> None:
    source = f"""
import tensorflow as tf
with tf.summary.create_file_writer({str(tmp_path / "logs")!r}).as_default():
    tf.summary.scalar("a", 1.0, step=0)
"""
    assert runner.run_source(source).steps("a") == [0]
    assert runner.run_source(source).steps("a") == [0], "the first run's events are not counted again"


@tensorflow
def test_event_files_that_were_there_are_not_counted(runner: Runner, tmp_path: Path) -> None:
    write(tmp_path, {"main.py": WRITES, "logs/events.out.tfevents.1.old": "old"})
    seen = runner.run(tmp_path / "main.py", root=tmp_path)
    assert (seen.steps("a"), seen.event_files) == ([0, 1, 2], 1)


@tensorflow
def test_autograph_has_the_source_of_a_notebook(runner: Runner, tmp_path: Path) -> None:
    cells = [
        cell("%matplotlib inline\nimport tensorflow as tf"),
        cell("@tf.function\ndef f(x):\n    if x > 0:\n        return x\n    return -x"),
        cell("print(int(f(tf.constant(-3))))"),
    ]
    (tmp_path / "my book.ipynb").write_text(json.dumps({"cells": cells}))
    seen = runner.run(tmp_path / "my book.ipynb", root=tmp_path)
    assert seen.stdout == "3\n", seen.stderr


@tensorflow
def test_strategies_and_datasets_with_threads_run_in_a_fork(runner: Runner) -> None:
    source = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    v = tf.Variable(0.0, aggregation=tf.VariableAggregation.SUM)
data = tf.data.Dataset.range(8).shuffle(8).map(lambda x: x + 1, tf.data.AUTOTUNE).batch(4).prefetch(2)
@tf.function
def step(x):
    v.assign_add(tf.cast(tf.reduce_sum(x), tf.float32))
for batch in strategy.experimental_distribute_dataset(data):
    strategy.run(step, [batch])
print(float(v.read_value()))
"""
    seen = runner.run_source(source)
    assert seen.stdout == "36.0\n", seen.stderr
    assert seen.variables is not None
    assert [v.first for v in seen.variables].count(("36.0",)) == 2, "one for each replica"
