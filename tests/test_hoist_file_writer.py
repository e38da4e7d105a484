"""The codemod `hoist-file-writer`."""

import pytest

from codemods.engine.codemod import Severity
from codemods.hoisting.refusals import (
    ARGUMENT_INSIDE,
    CONDITIONAL,
    ESCAPES,
    GRAPH_MODE,
    IN_TRY,
    INSIDE_WITH,
    LOOP_DEPENDENT,
    NEEDS_GRAPH,
    NOT_YET_KNOWN,
    OUT_OF_SIGHT,
    REBOUND,
    SUSPENDED,
    TOUCHES_FOLDER,
    UNFLUSHED,
    USED_AFTER_CLOSE,
    USED_BEFORE,
)
from codemods.verify.compare import compare
from codemods.verify.run import Runner
from tests.tools import Check

check = Check("hoist_file_writer")


# Loops. -------------------------------------------------------------------------------------------


def test_loop(snapshot):
    check.transformed(
        """\
import tensorflow as tf

log_dir = "logs"

# Train.
for epoch in range(3):
    # One writer.
    writer = tf.summary.create_file_writer(log_dir)  # opens a file
    loss = train(epoch) if False else 1.0
    with writer.as_default():
        tf.summary.scalar("loss", loss, step=epoch)
    writer.close()

print("done")


def train(epoch):
    return epoch
""",
        snapshot,
        severity=Severity.NOTE,
    )


def test_nested_loops_are_passed_both(snapshot):
    check.transformed(
        """\
import os
import tensorflow as tf

def main(base, epochs, batches):
	for epoch in range(epochs):
		for batch in batches:
			log_dir = os.path.join(base, "train")
			writer = tf.summary.create_file_writer(
				log_dir,
				max_queue=5,
			)
			with writer.as_default(step=epoch):
				tf.summary.scalar("a", batch)
		print(epoch)
""",
        snapshot,
    )


def test_inner_loop_only_where_the_folder_depends_on_the_fold(snapshot):
    check.transformed(
        """\
from tensorflow import summary

for fold in range(2):
    log_dir = f"logs/{fold}"
    for epoch in range(3):
        writer = summary.create_file_writer(log_dir)
        with writer.as_default():
            summary.scalar("a", 1.0, step=epoch)
""",
        snapshot,
    )


def test_writer_without_a_name_is_given_one(snapshot):
    check.transformed(
        """\
import tensorflow as tf

def train(ds, logdir):
    writer = None
    for epoch in range(3):
        for x in ds:
            pass
        with tf.summary.create_file_writer(logdir + "/train").as_default():
            tf.summary.scalar("a", 1.0, step=epoch)
        with tf.summary.create_file_writer(logdir + "/test").as_default():
            tf.summary.scalar("a", 2.0, step=epoch)
""",
        snapshot,
    )


def test_name_that_a_later_loop_binds_again():
    text = check.transformed(
        """\
import tensorflow as tf

for epoch in range(3):
    writer = tf.summary.create_file_writer("a")
    writer.flush()
for epoch in range(3):
    writer = tf.summary.create_file_writer("b")
    writer.flush()
"""
    )
    assert text.count("\nwriter = ") == 2


def test_two_writers_in_one_assignment(snapshot):
    check.transformed(
        """\
import tensorflow.compat.v2 as tf

while True:
    train_writer, test_writer = tf.summary.create_file_writer("a"), tf.summary.create_file_writer("b")
    with train_writer.as_default():
        tf.summary.scalar("a", 1.0, step=0)
    with test_writer.as_default():
        tf.summary.scalar("a", 1.0, step=0)
    train_writer.close()
    test_writer.close()
    if tf.random.uniform(()) > 0.5:
        break
else:
    print("never")
""",
        snapshot,
    )


def test_close_in_finally_becomes_a_flush(snapshot):
    check.transformed(
        """\
import tensorflow as tf

for epoch in range(3):
    writer = tf.summary.create_file_writer("logs")
    try:
        with writer.as_default():
            tf.summary.scalar("a", 1.0, step=epoch)
    finally:
        writer.close()
""",
        snapshot,
    )


def test_default_writer_is_flushed_where_it_was_closed(snapshot):
    check.transformed(
        """\
import tensorflow as tf

for epoch in range(3):
    writer = tf.summary.create_file_writer("logs")
    writer.set_as_default()
    tf.summary.scalar("a", 1.0, step=epoch)
    writer.close()  # at the end of the epoch
""",
        snapshot,
    )


def test_flush_before_the_close_is_not_doubled():
    program = """\
import tensorflow as tf

for epoch in range(3):
    writer = tf.compat.v1.summary.FileWriter("logs")
    writer.add_summary(tf.compat.v1.Summary(), epoch)
    writer.flush()
    writer.close()
"""
    assert check.transformed(program).count("flush()") == 1


def test_attribute(snapshot):
    check.transformed(
        """\
import tensorflow as tf

class Trainer:
    def __init__(self, log_dir):
        self.log_dir = log_dir

    def train(self):
        for epoch in range(3):
            self.writer = tf.summary.create_file_writer(self.log_dir)
            self.log(epoch)

    def log(self, epoch):
        with self.writer.as_default():
            tf.summary.scalar("a", 1.0, step=epoch)
""",
        snapshot,
    )


V1 = """\
import tensorflow as tf

x = tf.compat.v1.placeholder(tf.float32, [])
tf.compat.v1.summary.scalar("x", x)
merged = tf.compat.v1.summary.merge_all()
with tf.compat.v1.Session() as sess:
    for epoch in range(3):
        writer = tf.compat.v1.summary.FileWriter("logs")
        writer.add_summary(sess.run(merged, {x: epoch}), epoch)
        writer.close()
"""


def test_v1_loop(snapshot):
    check.transformed(V1, snapshot, severity=Severity.ERROR)


def test_v1_spelled_as_in_tensorflow_1_with_the_graph(snapshot):
    check.transformed(
        """\
import tensorflow as tf

def train(merged, epochs):
    with tf.Session() as sess:
        for epoch in range(epochs):
            writer = tf.summary.FileWriter("logs", sess.graph)
            writer.add_summary(sess.run(merged), epoch)
""",
        snapshot,
        severity=Severity.ERROR,
    )


def test_v1_context_goes_around_the_loop(snapshot):
    check.transformed(
        """\
import tensorflow.compat.v1 as tf

def train(sess, merged):
    total = 0

    # All epochs.
    for epoch in range(3):
        total += epoch
        with tf.summary.FileWriter("logs") as writer:
            # One summary.
            writer.add_summary(sess.run(merged), epoch)
    return total
""",
        snapshot,
        severity=Severity.ERROR,
    )


# Scopes. ------------------------------------------------------------------------------------------


def test_scope_with_what_the_arguments_need(snapshot):
    check.transformed(
        """\
import os
from datetime import datetime

import tensorflow as tf

strategy = tf.distribute.MirroredStrategy()
with strategy.scope():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    # Where to log.
    stamp = datetime.now().strftime("%Y%m%d")
    log_dir = os.path.join("logs", stamp)
    optimizer = tf.keras.optimizers.SGD()
    writer = tf.summary.create_file_writer(log_dir)
""",
        snapshot,
        severity=Severity.NOTE,
    )


def test_scope_that_holds_nothing_else_goes(snapshot):
    check.transformed(
        """\
import tensorflow as tf

def make(strategy: tf.distribute.Strategy):
    with strategy.scope():
        writer = tf.summary.create_file_writer("logs")
    return writer
""",
        snapshot,
    )


def test_v1_scope(snapshot):
    check.transformed(
        """\
import tensorflow as tf

strategy = tf.distribute.MirroredStrategy()

with strategy.scope():
    x = tf.compat.v1.placeholder(tf.float32, [None])
    summary_writer = tf.compat.v1.summary.FileWriter('./logs')
    tf.compat.v1.summary.scalar('loss', tf.reduce_mean(x))
""",
        snapshot,
        severity=Severity.NOTE,
    )


def test_loop_around_a_scope_is_passed_too(snapshot):
    check.transformed(
        """\
import tensorflow as tf

for epoch in range(2):
    with tf.distribute.get_strategy().scope():
        writer = tf.summary.create_file_writer("logs")
        with writer.as_default():
            tf.summary.scalar("a", 1.0, step=epoch)
""",
        snapshot,
    )


# Traced functions. ----------------------------------------------------------------------------------


def test_traced_function(snapshot):
    check.transformed(
        """\
import tensorflow as tf

LOGS = "logs"


@tf.function
def train_step(x, step):
    writer = tf.summary.create_file_writer(LOGS)
    with writer.as_default():
        tf.summary.scalar("x", x, step=step)
    writer.close()


@tf.function(jit_compile=False)
def test_step(x, step):
    log_dir = LOGS + "/test"
    writer = tf.summary.create_file_writer(log_dir)
    with writer.as_default():
        tf.summary.scalar("x", x, step=step)


def plain(x, step):
    with tf.summary.create_file_writer("plain").as_default():
        tf.summary.scalar("x", x, step=step)


traced = tf.function(plain)
""",
        snapshot,
        severity=Severity.ERROR,
    )


def test_traced_method_and_nested_function(snapshot):
    check.transformed(
        """\
import functools
import tensorflow as tf

graph = functools.partial(tf.function, autograph=False)


class Trainer:
    @graph
    def step(self, x, step):
        writer = tf.summary.create_file_writer("logs")
        with writer.as_default():
            tf.summary.scalar("x", x, step=step)


def train(log_dir):
    @graph
    def step(x, step):
        helper(x, step)

    def helper(x, step):
        w = tf.summary.create_file_writer(log_dir)
        with w.as_default():
            tf.summary.scalar("x", x, step=step)

    step(tf.constant(1.0), tf.constant(0, tf.int64))
""",
        snapshot,
        severity=Severity.ERROR,
    )


# Refusals. -----------------------------------------------------------------------------------------

LOOP = """\
import os, shutil, tempfile
import tensorflow as tf
{before}
for epoch in range(3):
    {head}
    writer = tf.summary.create_file_writer({arguments})
    with writer.as_default():
        tf.summary.scalar("a", 1.0, step=epoch)
    {tail}
{after}
"""


def loop(before="", head="pass", arguments='"logs"', tail="pass", after=""):
    return LOOP.format(before=before, head=head, arguments=arguments, tail=tail, after=after)


REFUSED = {
    "removed": (loop(head='shutil.rmtree("logs", ignore_errors=True)'), TOUCHES_FOLDER),
    "removed behind": (loop(tail='tf.io.gfile.rmtree("logs")'), TOUCHES_FOLDER),
    "parent removed": (loop(head='shutil.rmtree("logs")', arguments='"logs/train"'), TOUCHES_FOLDER),
    "made": (loop('d = "logs"', head="os.makedirs(d)", arguments="d"), TOUCHES_FOLDER),
    "looked for": (loop(head='os.path.exists("logs") or print()'), TOUCHES_FOLDER),
    "by a path": (loop(head="path.mkdir()", arguments="str(path)", before="path = object()"), TOUCHES_FOLDER),
    "in a function": (
        loop("def fresh():\n    shutil.rmtree('logs')\n", head="fresh()"),
        TOUCHES_FOLDER,
    ),
    "in a method": (
        loop("class T:\n    def reset(self):\n        os.remove('logs/x')\n\nt = T()", head="t.reset()"),
        TOUCHES_FOLDER,
    ),
    "another process": (
        loop("import subprocess", head='subprocess.run(["rm", "-r", "logs"])'),
        TOUCHES_FOLDER,
    ),
    "out of sight": (loop("from .helpers import prepare", head="prepare()"), OUT_OF_SIGHT),
    "unknown package": (loop("from helpers import prepare", tail="prepare()"), OUT_OF_SIGHT),
    "given the folder": (loop("d = 'logs'\nt = object()", "t.prepare(d)", "d"), OUT_OF_SIGHT),
    "other argument": (loop(arguments='"logs", filename_suffix=f".{epoch}"'), LOOP_DEPENDENT),
    "used before": (loop(head="if epoch: writer.flush()"), USED_BEFORE),
    "bound twice in the loop": (loop(tail="writer = None"), REBOUND),
    "deleted": (loop(tail="del writer"), REBOUND),
    "something else after no turn": (loop("writer = None", after="print(writer)"), REBOUND),
    "closed in an inner loop": (loop(tail="for _ in range(2): writer.close()"), USED_AFTER_CLOSE),
    "kept": (loop("kept = []", tail="kept.append(writer)"), ESCAPES),
    "handed out of sight": (loop("use = len", tail="use(writer)"), ESCAPES),
    "closed by a helper": (loop("def done(w):\n    w.close()\n", tail="done(writer)"), ESCAPES),
    "default writers of a program that ends abruptly": (
        loop(tail="writer.set_as_default()", after="os._exit(0)"),
        UNFLUSHED,
    ),
    "graph mode": (loop(tail="writer.init()"), GRAPH_MODE),
    "condition": (
        """\
import tensorflow as tf

for epoch in range(30):
    if epoch % 10 == 0:
        writer = tf.summary.create_file_writer("logs")
        with writer.as_default():
            tf.summary.scalar("a", 1.0, step=epoch)
""",
        CONDITIONAL,
    ),
    "caught": (
        """\
import tensorflow as tf

for epoch in range(3):
    try:
        writer = tf.summary.create_file_writer("logs")
    except OSError:
        print("no logs")
""",
        IN_TRY,
    ),
    "graph context": (
        """\
import tensorflow as tf

for trial in range(3):
    with tf.Graph().as_default():
        writer = tf.compat.v1.summary.FileWriter("logs")
        writer.close()
""",
        INSIDE_WITH,
    ),
    "graph that grows": (
        """\
import tensorflow as tf

with tf.compat.v1.Session() as sess:
    for trial in range(3):
        tf.constant(trial)
        writer = tf.compat.v1.summary.FileWriter("logs", sess.graph)
        writer.close()
""",
        NEEDS_GRAPH,
    ),
    "generator": (
        """\
import tensorflow as tf

def train():
    for epoch in range(3):
        with tf.summary.create_file_writer("logs").as_default():
            tf.summary.scalar("a", 1.0, step=epoch)
        yield epoch
""",
        SUSPENDED,
    ),
    "passed on": (
        """\
import tensorflow as tf

def train(log):
    for epoch in range(3):
        x = log(tf.summary.create_file_writer("logs"), epoch)
""",
        ESCAPES,
    ),
    "scope whose argument is made by order": (
        """\
import random
import tensorflow as tf

strategy = tf.distribute.OneDeviceStrategy("cpu:0")
with strategy.scope():
    name = str(random.random())
    writer = tf.summary.create_file_writer("logs/" + name)
""",
        ARGUMENT_INSIDE,
    ),
    "scope with a condition": (
        """\
import sys
import tensorflow as tf

strategy = tf.distribute.OneDeviceStrategy("cpu:0")
with strategy.scope():
    if sys.argv:
        writer = tf.summary.create_file_writer("logs")
""",
        CONDITIONAL,
    ),
    "scope that removes the folder": (
        """\
import shutil
import tensorflow as tf

strategy = tf.distribute.OneDeviceStrategy("cpu:0")
with strategy.scope():
    shutil.rmtree("logs", ignore_errors=True)
    writer = tf.summary.create_file_writer("logs")
""",
        TOUCHES_FOLDER,
    ),
    "traced with a parameter": (
        """\
import tensorflow as tf

@tf.function
def step(x, log_dir):
    writer = tf.summary.create_file_writer(log_dir)
    with writer.as_default():
        tf.summary.scalar("x", x, step=0)
""",
        ARGUMENT_INSIDE,
    ),
    "traced method with its own folder": (
        """\
import tensorflow as tf

class Model(tf.keras.Model):
    def train_step(self, data):
        writer = tf.summary.create_file_writer(self.log_dir)
        with writer.as_default():
            tf.summary.scalar("x", 1.0, step=0)
""",
        ARGUMENT_INSIDE,
    ),
    "traced with a flag": (
        """\
from absl import flags
import tensorflow as tf

FLAGS = flags.FLAGS

@tf.function
def step(x):
    writer = tf.summary.create_file_writer(FLAGS.log_dir)
    with writer.as_default():
        tf.summary.scalar("x", x, step=0)
""",
        NOT_YET_KNOWN,
    ),
    "traced, folder known later": (
        """\
import tensorflow as tf

@tf.function
def step(x):
    writer = tf.summary.create_file_writer(log_dir)
    with writer.as_default():
        tf.summary.scalar("x", x, step=0)

log_dir = "logs"
step(tf.constant(1.0))
""",
        NOT_YET_KNOWN,
    ),
    "traced, folder emptied before the first call": (
        """\
import shutil
import tensorflow as tf

@tf.function
def step(x):
    writer = tf.summary.create_file_writer("logs")
    with writer.as_default():
        tf.summary.scalar("x", x, step=0)

shutil.rmtree("logs", ignore_errors=True)
step(tf.constant(1.0))
""",
        TOUCHES_FOLDER,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    check.refused(*REFUSED[name])


# Left alone. ----------------------------------------------------------------------------------------

LEFT_ALONE = {
    "outside of any block": "import tensorflow as tf\nwriter = tf.summary.create_file_writer('logs')\n",
    "one folder for each turn": loop(arguments='f"logs/{epoch}"'),
    "one folder for each turn, by name": loop(head='d = os.path.join("logs", str(epoch))', arguments="d"),
    "one folder for each moment": loop(
        "import datetime", head="d = datetime.datetime.now().isoformat()", arguments="d"
    ),
    "a fresh folder": loop(arguments="tempfile.mkdtemp()"),
    "a folder by a function that reads the clock": loop(
        "import time\ndef run_dir():\n    return 'logs/' + str(time.time())\n", arguments="run_dir()"
    ),
    "a folder taken from a list": loop("dirs = ['a', 'b', 'c']", arguments="dirs.pop()"),
    "a folder counted up": loop("n = 0", head="n += 1", arguments='f"logs/{n}"'),
    "a folder set on an object": loop("class C: pass\nc = C()", head='c.dir = f"logs/{epoch}"', arguments="c.dir"),
    "a folder set by a method": loop(
        "class C:\n    def turn(self, n):\n        self.dir = f'logs/{n}'\nc = C()", "c.turn(epoch)", "c.dir"
    ),
    "a folder set in a dict": loop("c = {}", head='c["dir"] = f"logs/{epoch}"', arguments='c["dir"]'),
    "a folder known to nobody": loop("from elsewhere import run_dir", arguments="run_dir()"),
    "arguments unpacked": loop("options = {'logdir': 'logs'}", arguments="**options"),
    "created once, when missing": """\
import tensorflow as tf

writer = None
for epoch in range(3):
    if writer is None:
        writer = tf.summary.create_file_writer("logs")
""",
    "created in the first turn": """\
import tensorflow as tf

for epoch in range(3):
    if epoch == 0:
        writer = tf.summary.create_file_writer("logs")
""",
    "created in the last turn": """\
import tensorflow as tf

while True:
    writer = tf.summary.create_file_writer("logs")
    break
""",
    "another library's writer": """\
from torch.utils.tensorboard import SummaryWriter
from tensorboardX import FileWriter

for epoch in range(3):
    writer = SummaryWriter("logs")
    other = FileWriter("logs")
""",
    "a local object of that name": """\
tf = make()
for epoch in range(3):
    writer = tf.summary.create_file_writer("logs")
""",
    "a writer for each of several folders": """\
import tensorflow as tf

writers = {}
for name in ["train", "test"]:
    writers[name] = tf.summary.create_file_writer(f"logs/{name}")
others = [tf.summary.create_file_writer(name) for name in ["a", "b"]]
""",
    "the else of a loop runs once": """\
import tensorflow as tf

for epoch in range(3):
    pass
else:
    writer = tf.summary.create_file_writer("logs")
""",
    "a function called in a loop": """\
import tensorflow as tf

for epoch in range(3):
    def log():
        writer = tf.summary.create_file_writer("logs")
        return writer
""",
    "created later, by a lambda": """\
import tensorflow as tf

for epoch in range(3):
    make = lambda: tf.summary.create_file_writer("logs")
""",
    "a folder named by the context": """\
import tensorflow as tf

for folder in ["a", "b"]:
    with tf.device("cpu:0") as device:
        writer = tf.summary.create_file_writer(device + folder)
""",
    "a scope of something unknown": """\
import tensorflow as tf

def train(strategy, registry):
    with strategy.scope():
        writer = tf.summary.create_file_writer("logs")
    with registry.scope():
        other = tf.summary.create_file_writer("logs")
""",
    "name scope, variable scope, graph": """\
import tensorflow as tf

with tf.name_scope("a"), tf.compat.v1.variable_scope("b"), tf.Graph().as_default() as graph:
    writer = tf.compat.v1.summary.FileWriter("logs", graph)
with tf.device("cpu:0"):
    other = tf.summary.create_file_writer("logs")
""",
    "a v1 writer with its graph in a scope": """\
import tensorflow as tf

strategy = tf.distribute.MirroredStrategy()
with strategy.scope():
    loss = tf.constant(1.0)
    writer = tf.compat.v1.summary.FileWriter("logs", tf.compat.v1.get_default_graph())
""",
    "a scope within a graph": """\
import tensorflow as tf

strategy = tf.distribute.MirroredStrategy()
with strategy.scope(), tf.Graph().as_default():
    writer = tf.compat.v1.summary.FileWriter("logs")
""",
    "kept by its object in a traced function": """\
import tensorflow as tf

class Trainer:
    @tf.function
    def step(self, x):
        if self.writer is None:
            self.writer = tf.summary.create_file_writer("logs")
        with self.writer.as_default():
            tf.summary.scalar("x", x, step=0)
""",
    "kept by a global in a traced function": """\
import tensorflow as tf

@tf.function
def step(x):
    global writer
    writer = tf.summary.create_file_writer("logs")
""",
    "kept by a list in a traced function": """\
import tensorflow as tf

writers = []

@tf.function
def step(x):
    writer = tf.summary.create_file_writer("logs")
    writers.append(writer)
""",
    "a helper of host code": """\
import tensorflow as tf

def log(x):
    with tf.summary.create_file_writer("logs").as_default():
        tf.summary.scalar("x", x, step=0)

@tf.function
def step(x):
    return x + 1

log(step(tf.constant(1.0)))
""",
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_left_alone(name):
    check.noop(LEFT_ALONE[name])


# Under TensorFlow. ------------------------------------------------------------------------------------

SAME = {
    "loop": """\
import tensorflow as tf

for fold in range(2):
    for epoch in range(3):
        log_dir = f"logs/{fold}"
        writer = tf.summary.create_file_writer(log_dir)
        with writer.as_default():
            tf.summary.scalar("a", epoch * 0.5, step=epoch)
        writer.close()
        print(fold, epoch)
""",
    "default writer": """\
import tensorflow as tf

for epoch in range(3):
    writer = tf.summary.create_file_writer("logs", max_queue=2, flush_millis=1000, name="w")
    writer.set_as_default(step=epoch)
    tf.summary.scalar("a", epoch * 0.5)
    tf.summary.flush(writer)
    writer.close()
""",
    "no name": """\
import tensorflow as tf

for epoch in range(3):
    with tf.summary.create_file_writer("logs/a").as_default(), tf.summary.record_if(epoch != 1):
        tf.summary.scalar("a", epoch * 0.5, step=epoch)
    with tf.summary.create_file_writer("logs/b").as_default() as writer:
        tf.summary.histogram("b", [1.0, 2.0], step=epoch)
""",
    "break, continue, finally and an exception": """\
import tensorflow as tf

try:
    for epoch in range(9):
        if epoch == 1:
            continue
        writer = tf.summary.create_file_writer("logs")
        try:
            with writer.as_default():
                tf.summary.scalar("a", epoch * 0.5, step=epoch)
                if epoch == 4:
                    raise ValueError("four")
        finally:
            writer.close()
except ValueError as error:
    print(error)
""",
    "events on disk at each turn": """\
import glob
import os
import tensorflow as tf

for epoch in range(3):
    writer = tf.summary.create_file_writer("logs")
    writer.set_as_default()
    tf.summary.scalar("a", epoch * 0.5, step=epoch)
    writer.close()
os._exit(0)
""",
    "scope": """\
import os
import tensorflow as tf

strategy = tf.distribute.OneDeviceStrategy("cpu:0")
with strategy.scope():
    v = tf.Variable(1.0)
    log_dir = os.path.join("logs", "train")
    w = tf.Variable(2.0)
    writer = tf.summary.create_file_writer(log_dir)
with writer.as_default():
    tf.summary.scalar("v", v + w, step=0)
""",
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", SAME)
def test_same_events(runner: Runner, name: str) -> None:
    after = check.transformed(SAME[name])
    verdict = compare(runner.run_source(SAME[name]), runner.run_source(after))
    assert verdict.kind == "same", verdict.lines


V1_LOOP = """\
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
x = tf.placeholder(tf.float32, [])
tf.summary.scalar("x", x)
merged = tf.summary.merge_all()
with tf.Session() as sess:
    for epoch in range(4):
        writer = tf.summary.FileWriter("logs", sess.graph)
        writer.add_summary(sess.run(merged, {x: epoch}), epoch)
        writer.close()
"""

REPAIRED = {
    "v1 loop": (V1_LOOP, 4),
    "v1 context": (
        V1_LOOP.replace(
            'writer = tf.summary.FileWriter("logs", sess.graph)',
            'with tf.summary.FileWriter("logs") as writer:',
        )
        .replace("        writer.add", "            writer.add")
        .replace("        writer.close()\n", ""),
        4,
    ),
    "traced": (
        """\
import tensorflow as tf

@tf.function
def step(x, n):
    writer = tf.summary.create_file_writer("logs")
    with writer.as_default():
        tf.summary.scalar("x", x, step=n)
    writer.close()
    return x

for n in range(3):
    step(tf.constant(1.0), tf.constant(n, tf.int64))
""",
        3,
    ),
    "traced default writer, renamed": (
        """\
import tensorflow as tf

writer = "taken"

def helper(x, n):
    writer = tf.summary.create_file_writer("logs")
    writer.set_as_default()
    tf.summary.scalar("x", x, step=n)

class Model(tf.Module):
    @tf.function
    def step(self, x, n):
        with tf.summary.create_file_writer("logs/a").as_default():
            tf.summary.scalar("x", x, step=n)

@tf.function
def step(x, n):
    helper(x, n)

for n in range(3):
    step(tf.constant(1.0), tf.constant(n, tf.int64))
    Model().step(tf.constant(1.0), tf.constant(n, tf.int64))
""",
        6,
    ),
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", REPAIRED)
def test_repaired_events(runner: Runner, name: str) -> None:
    program, events = REPAIRED[name]
    after = check.transformed(program, severity=Severity.ERROR)
    result = runner.run_source(after)
    assert result.exit == 0, result.exception
    assert sum(event.kind == "scalar" for event in result.events) == events
    verdict = compare(runner.run_source(program), result)
    assert verdict.kind == "repaired", verdict.lines


@pytest.mark.tensorflow
def test_v1_in_a_scope_records_the_same(runner: Runner) -> None:
    program = V1_LOOP.replace("merged = ", "strategy = tf.distribute.OneDeviceStrategy('cpu:0')\nmerged = ")
    program = program.replace(
        "    for epoch",
        "    with strategy.scope():\n        writer = tf.summary.FileWriter('logs')\n    for epoch",
    ).replace('        writer = tf.summary.FileWriter("logs", sess.graph)\n', "")
    program = program.replace("        writer.close()", "    writer.close()")
    after = check.transformed(program, severity=Severity.NOTE)
    verdict = compare(runner.run_source(program), runner.run_source(after))
    assert verdict.kind == "same", verdict.lines


def test_attribute_that_another_module_binds_too():
    trainer = """\
import tensorflow as tf


class Trainer:
    def __init__(self):
        self.writer = tf.summary.create_file_writer("logs")

    def log(self, step):
        with self.writer.as_default():
            tf.summary.scalar("step", step, step=step)
"""
    main = """\
import tensorflow as tf

from trainer import Trainer

trainer = Trainer()
for step in range(2):
    trainer.log(step)
    trainer.writer = tf.summary.create_file_writer("logs/more")
"""
    check.refused({"main.py": main, "trainer.py": trainer}, REBOUND)
