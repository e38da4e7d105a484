"""run-merged-summaries: the summaries of a TensorFlow 1 graph are fetched with the training, and recorded."""

import pytest

from codemods.engine.codemod import Severity
from codemods.sessions.refusals import (
    BY_HAND,
    CLOSED,
    EMBEDDED,
    IN_LOOP,
    IN_SUBGRAPH,
    MAY_BE_NONE,
    MAYBE_NO_WRITER,
    NO_STEP,
    NO_WRITER,
    NOT_FED,
    OUT_OF_REACH,
    RUN_IN_PART,
    SEVERAL_GRAPHS,
    SEVERAL_LOOPS,
    SEVERAL_MERGES,
    SEVERAL_RUNS,
    SEVERAL_WRITERS,
)
from codemods.verify.compare import compare
from codemods.verify.run import Runner
from tests.tools import Check

check = Check("run_merged_summaries")

HEAD = """\
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
tf.set_random_seed(3)
data = [np.full((4, 2), i, "f") for i in range(4)]
"""
GRAPH = """\
x = tf.placeholder(tf.float32, [None, 2])
w = tf.get_variable("w", [2, 1])
loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - 1))
tf.summary.scalar("loss", loss)
train_op = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
"""
MERGED = "merged = tf.summary.merge_all()\n"
START = """\
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    writer = tf.summary.FileWriter("logs", sess.graph)
"""
WRITER = '    writer = tf.summary.FileWriter("logs", sess.graph)\n'
END = "    writer.close()\n"


def indented(text: str, depth: int = 1) -> str:
    return "".join(" " * 4 * depth + line if line.strip() else line for line in text.splitlines(keepends=True))


def program(turn: str, *, graph: str = GRAPH, head: str = "for i in range(4):", before: str = "") -> str:
    """A program that trains in a loop; ``turn`` is what each turn does."""
    return HEAD + graph + START + indented(before) + indented(head + "\n" + indented(turn)) + END


# What is fetched, and what the result is bound to. ---------------------------------------------------


FETCHES = {
    "one, dropped": "sess.run(train_op, {x: data[i]})\n",
    "two, dropped": "sess.run([train_op, loss], feed_dict={x: data[i]})\n",
    "one, kept": "nothing = sess.run(train_op, {x: data[i]})\nprint(nothing)\n",
    "unpacked": "_, error = sess.run([train_op, loss], feed_dict={x: data[i]})\nprint(error)\n",
    "unpacked from a tuple": "(_, error) = sess.run((train_op, loss), feed_dict={x: data[i]})\nprint(error)\n",
    "a list, kept": "results = sess.run([train_op, loss], feed_dict={x: data[i]})\nprint(len(results))\n",
    "an item": "error = sess.run([train_op, loss], feed_dict={x: data[i]})[1]  # the loss\nprint(error)\n",
    "added up": "total += sess.run([train_op, loss], feed_dict={x: data[i]})[1]\n",
    "a dict": "got = sess.run({'op': train_op, 'loss': loss}, {x: data[i]})\nprint(got['loss'])\n",
    "a dict that goes on": "got = sess.run({'op': train_op, 'loss': loss}, {x: data[i]})\nprint(sorted(got))\n",
    "by its name": "sess.run(fetches=train_op, feed_dict={x: data[i]})\n",
    "with options": "sess.run(train_op, {x: data[i]}, options=tf.RunOptions())\n",
    "an operation's own run": "train_op.run(feed_dict={x: data[i]})\n",
    "an operation's own run, with the session": "train_op.run({x: data[i]}, sess)\n",
    "a name in use": "for _ in 'ab':\n    print(_)\nsess.run(train_op, {x: data[i]})\nsummary = i\n",
}  # fmt: skip


@pytest.mark.parametrize("name", FETCHES)
def test_the_result_keeps_its_form(snapshot, name):
    before = "total = 0\n" if "total" in FETCHES[name] else ""
    check.transformed(program(FETCHES[name], before=before), snapshot, severity=Severity.ERROR)


def test_comments_and_lines_stay(snapshot):
    turn = """\
# one step
_, error = sess.run(
    [
        train_op,  # train
        loss  # look
    ],
    feed_dict={
        x: data[i],  # a batch
    },
)  # done
"""
    check.transformed(program(turn), snapshot)


def test_tabs_stay(snapshot):
    text = program("sess.run(train_op, {x: data[i]})\n").replace("    ", "\t")
    assert "\t\twriter.add_summary(summary, i)\n" in check.transformed(text)


def test_names_are_those_of_the_file():
    text = program("sess.run(train_op, {x: data[i]})\n").replace(
        "import tensorflow.compat.v1 as tf", "import tensorflow as tf"
    )
    text = text.replace("tf.", "tf.compat.v1.").replace("tf.compat.v1.reduce", "tf.reduce")
    assert "merged = tf.compat.v1.summary.merge_all()\n" in check.transformed(text)
    text = program("sess.run(train_op, {x: data[i]})\n").replace("tf.summary.", "summary.")
    text = text.replace("as tf\n", "as tf\nfrom tensorflow.compat.v1 import summary\n")
    after = check.transformed(text)
    assert "merged = summary.merge_all()\n" in after
    assert "_, summary_value = sess.run([train_op, merged]" in after


def test_tensorflow_1_itself():
    text = program("sess.run(train_op, {x: data[i]})\n").replace(
        "import tensorflow.compat.v1 as tf", "import tensorflow as tf"
    )
    assert "writer.add_summary(summary, i)\n" in check.transformed(text)


# The step. -------------------------------------------------------------------------------------------

RUN = "sess.run(train_op, {x: data[i % 4]})\n"
STEPS = {
    "the variable of the loop": (RUN, "for i in range(4):", "", "i"),
    "an enumeration": (RUN, "for i, batch in enumerate(data):", "", "i"),
    "a bar": (RUN, "for i in tqdm.tqdm(range(4)):", "import tqdm\n", "i"),
    "epochs and turns": ("for i in range(4):\n" + indented(RUN), "for epoch in range(2):", "", "epoch * 4 + i"),
    "epochs from one": (
        "for i in range(1, 5):\n" + indented(RUN), "for epoch in range(1, 3):", "", "(epoch - 1) * 4 + i"
    ),
    "a length": (
        "for i in range(len(data) // 2):\n" + indented(RUN),
        "for epoch in range(2):",
        "",
        "epoch * (len(data) // 2) + i",
    ),
    "a counter of the code's own": (RUN + "i += 1\n", "while i < 4:", "i = 0\n", "i"),
    "a counter through epochs": (
        "for batch in data:\n" + indented(RUN + "i += 1\n"), "for epoch in range(2):", "i = 0\n", "i"
    ),
    "a counter that starts over": (
        "i = 0\nwhile i < 4:\n" + indented(RUN + "i += 1\n"), "for epoch in range(2):", "", "step"
    ),
    "a stride": ("for i in range(0, 8, 2):\n" + indented(RUN), "for epoch in range(2):", "", "step"),
    "an index that is bound again": (RUN + "i = 0\n", "for i in range(4):", "", "step"),
    "a length that changes": (
        "n = len(data)\nfor i in range(n):\n" + indented(RUN), "for epoch in range(2):", "", "step"
    ),
    "values": (RUN.replace("[i % 4]", "[0]"), "for rate in [0.1, 0.2]:", "", "step"),
    "backwards": (RUN, "for i in reversed(range(4)):", "", "step"),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_the_step_counts_on(name):
    turn, head, before, expected = STEPS[name]
    after = check.transformed(program(turn, head=head, before=before))
    assert f"writer.add_summary(summary, {expected})\n" in after
    assert ("step = 0\n" in after) == ("step += 1\n" in after) == (expected == "step")


def test_the_global_step_that_is_fetched_already(snapshot):
    graph = GRAPH.replace("minimize(loss)", "minimize(loss, global_step=tf.train.get_or_create_global_step())")
    graph += "global_step = tf.train.get_global_step()\n"
    turn = "_, count = sess.run([train_op, global_step], {x: data[0]})\nprint(count)\n"
    check.transformed(program(turn, graph=graph, head="for batch in data:"), snapshot)
    turn = "sess.run(train_op, {x: data[0]})\ncount = tf.train.global_step(sess, global_step)\n"
    after = check.transformed(program(turn, graph=graph, head="for batch in data:"))
    assert "global_step)\n        writer.add_summary(summary, count)\n" in after


# Where they are merged. ------------------------------------------------------------------------------


def test_behind_the_last_summary_of_them_all(snapshot):
    graph = """\
x = tf.placeholder(tf.float32, [None, 2])


def layer(x, size, name):
    with tf.variable_scope(name):
        w = tf.get_variable("w", [2, size])
        with tf.name_scope("summaries"):
            tf.summary.histogram("w", w)  # what it learns
        return tf.matmul(x, w)


loss = tf.reduce_mean(tf.square(layer(layer(x, 2, "one"), 1, "two") - 1))
with tf.name_scope("losses"):
    # the loss
    tf.summary.scalar("loss", loss)  # the last one

train_op = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
for variable in tf.trainable_variables():
    tf.summary.histogram(variable.op.name, variable)
"""
    check.transformed(program("sess.run(train_op, {x: data[i]})\n", graph=graph), snapshot)


CLASS = """\
class Model:
    def __init__(self):
        self.build()
        self.sess = tf.Session()
        self.sess.run(tf.global_variables_initializer())
        self.writer = tf.summary.FileWriter("logs", self.sess.graph)

    def build(self):
        self.x = tf.placeholder(tf.float32, [None, 2])
        w = tf.get_variable("w", [2, 1])
        self.loss = tf.reduce_mean(tf.square(tf.matmul(self.x, w) - 1))
        tf.summary.scalar("loss", self.loss)
        self.train_op = tf.train.GradientDescentOptimizer(0.01).minimize(self.loss)

    def train(self, batches):
        for epoch in range(2):
            for batch in batches:
                _, error = self.sess.run([self.train_op, self.loss], feed_dict={self.x: batch})
            print(epoch, error)


model = Model()
model.train(data)
model.writer.close()
"""
BUILD = HEAD + "def build():\n" + indented(GRAPH + "return x, loss, train_op\n")
PLACES = {
    "in the class": HEAD + CLASS,
    "of a model that is handed in": HEAD
    + CLASS.partition("        self.sess")[0]
    + "\n    def build"
    + CLASS.partition("def build")[2].partition("\n    def train")[0]
    + "\n\ndef train(model):\n"
    + indented(START)
    + "        for i in range(4):\n            sess.run(model.train_op, {model.x: data[i]})\n"
    + indented(END)
    + "\n\ntrain(Model())\n",
    "at the top, for a function": HEAD
    + GRAPH
    + "\n\ndef train():\n"
    + indented(START + "    for i in range(4):\n        sess.run(train_op, {x: data[i]})\n" + END)
    + "\n\ntrain()\n",
    "where the graph is built": BUILD
    + "\n\ndef train():\n    x, loss, train_op = build()\n"
    + indented(START + "    for i in range(4):\n        sess.run(train_op, {x: data[i]})\n" + END)
    + "\n\nif __name__ == '__main__':\n    train()\n",
    "before the training, built elsewhere": BUILD
    + "\n\ndef train(sess, x, train_op, writer):\n    for i in range(4):\n        sess.run(train_op, {x: data[i]})\n"
    + "\n\ndef main(_):\n    x, loss, train_op = build()\n"
    + indented(START)
    + "        train(sess, x, train_op, writer)\n"
    + indented(END)
    + "\n\ntf.app.run()\n",
    "in its graph": HEAD
    + "other = tf.Graph()\nwith other.as_default():\n    tf.summary.scalar('other', tf.constant(1.0))\n"
    + "graph = tf.Graph()\nwith graph.as_default():\n"
    + indented(GRAPH + "init = tf.global_variables_initializer()\n")
    + START.replace("Session()", "Session(graph=graph)").replace("tf.global_variables_initializer()", "init")
    + "    for i in range(4):\n        sess.run(train_op, {x: data[i]})\n"
    + END,
    "anew for each graph": HEAD
    + "for fold in range(2):\n    tf.reset_default_graph()\n"
    + indented(GRAPH + START.replace('"logs"', 'f"logs/{fold}"'))
    + "        for i in range(4):\n            sess.run(train_op, {x: data[i]})\n"
    + indented(END),
}


@pytest.mark.parametrize("name", PLACES)
def test_they_are_merged(snapshot, name):
    check.transformed(PLACES[name], snapshot)


def test_the_graph_is_built_in_another_module(snapshot):
    model = HEAD.partition("tf.set")[0] + "def build():\n" + indented(GRAPH + "return x, loss, train_op\n")
    train = HEAD + "from model import build\n\nx, loss, train_op = build()\n" + START
    train += "    for i in range(4):\n        sess.run(train_op, {x: data[i]})\n" + END
    check.transformed({"train.py": train, "model.py": model}, snapshot)
    check.noop({"model.py": model, "train.py": train})


def test_a_monitored_session_has_them_merged_before(snapshot):
    graph = (
        GRAPH.replace("tf.placeholder(tf.float32, [None, 2])", "tf.constant(data[1])")
        + "tf.train.create_global_step()\n"
    )
    text = (
        HEAD + graph + 'writer = tf.summary.FileWriter("logs")\nwith tf.train.MonitoredTrainingSession() as session:\n'
    )
    text += "    while not session.should_stop():\n        session.run(train_op)\n" + END
    check.transformed(text, snapshot)


def test_collections_are_merged_by_their_key(snapshot):
    graph = GRAPH.replace('"loss", loss)', '"loss", loss, collections=["train"])')
    graph += 'tf.summary.histogram("w", w, collections=["validation"])\n'
    check.transformed(program("sess.run(train_op, {x: data[i]})\n", graph=graph), snapshot)
    graph = GRAPH.replace('"loss", loss)', '"loss", loss, collections=["train", tf.GraphKeys.SUMMARIES])')
    assert "merge_all()" in check.transformed(program("sess.run(train_op, {x: data[i]})\n", graph=graph))


def test_a_merge_that_comes_too_early_goes_behind_the_last(snapshot):
    graph = "# all of them\n" + MERGED + GRAPH
    turn = "_, text = sess.run([train_op, merged], {x: data[i]})\nwriter.add_summary(text, i)\n"
    check.transformed(program(turn, graph=graph), snapshot)
    half = GRAPH.replace("train_op", 'merged = tf.summary.merge_all()\ntf.summary.histogram("w", w)\ntrain_op')
    assert "w)\nmerged =" in check.transformed(program(turn, graph=half))


# Which run. ------------------------------------------------------------------------------------------


def test_the_run_that_trains_not_the_one_that_looks(snapshot):
    turn = """\
sess.run(train_op, {x: data[i]})
if i % 2 == 0:
    print(sess.run(loss, {x: data[0]}))
"""
    check.transformed(program(turn), snapshot)


def test_both_runs_of_which_each_turn_makes_one(snapshot):
    turn = """\
if i % 2:
    _, error = sess.run([train_op, loss], {x: data[i]})
    print(error)
else:
    sess.run(train_op, {x: data[i]})
"""
    check.transformed(program(turn), snapshot)


def test_the_run_that_feeds_all_that_the_summaries_need(snapshot):
    graph = """\
x = tf.placeholder(tf.float32, [None, 2])
z = tf.placeholder(tf.float32, [None, 2])
fake = tf.matmul(z, tf.get_variable("generator", [2, 2]))
critic = tf.get_variable("critic", [2, 1])
d_loss = tf.reduce_mean(tf.matmul(fake, critic)) - tf.reduce_mean(tf.matmul(x, critic))
g_loss = -tf.reduce_mean(tf.matmul(fake, critic))
tf.summary.scalar("d_loss", d_loss)
tf.summary.scalar("g_loss", g_loss)
d_train = tf.train.AdamOptimizer(0.01).minimize(d_loss, var_list=[critic])
g_train = tf.train.AdamOptimizer(0.01).minimize(g_loss, var_list=tf.trainable_variables()[:1])
"""
    turn = """\
feed = {z: data[1]}
feed[x] = data[i]
for _ in range(2):
    sess.run(d_train, feed)
_, d = sess.run([d_train, d_loss], feed)
_, g = sess.run([g_train, g_loss], {z: data[1]})
"""
    check.transformed(program(turn, graph=graph), snapshot)


def test_summaries_of_other_graphs_are_none_of_it():
    graph = GRAPH + 'numbers = tf.data.Dataset.range(3).map(lambda x: tf.summary.scalar("x", x))\n'
    graph += '\n\n@tf.function\ndef doubled(x):\n    tf.summary.scalar("x", x)\n    return x * 2\n\n\ndoubled(loss)\n'
    assert '"loss", loss)\nmerged = tf' in check.transformed(program(TRAIN, graph=graph))


def test_a_function_makes_the_feed_dict():
    graph = GRAPH.replace("w =", "rate = tf.placeholder(tf.float32, [])\nw =").replace("0.01", "rate")
    graph += 'tf.summary.scalar("rate", rate)\n\n\ndef feed(batch):\n    return {x: batch, rate: 0.01}\n\n\n'
    after = check.transformed(program("sess.run(train_op, feed_dict=feed(data[i]))\n", graph=graph))
    assert "sess.run([train_op, merged], feed_dict=feed(data[i]))\n" in after


# The writer. -----------------------------------------------------------------------------------------


def test_a_writer_without_a_name_gets_one(snapshot):
    text = program("sess.run(train_op, {x: data[i]})\n").replace("writer = ", "").replace(END, "    print('done')\n")
    check.transformed(text, snapshot)
    closed = text.replace("sess.graph)", "sess.graph).close()")
    assert check.transformed(closed) == check.transformed(text)


def test_the_writer_for_the_training_of_two():
    text = program("sess.run(train_op, {x: data[i]})\n").replace("writer", "train_writer")
    text = text.replace("    train_writer =", '    test_writer = tf.summary.FileWriter("test")\n    train_writer =')
    assert "train_writer.add_summary(summary, i)\n" in check.transformed(text)


# Merged, or fetched, already. ------------------------------------------------------------------------

HALF = {
    "merged": "_, error = sess.run([train_op, loss], {x: data[i]})\n",
    "fetched": "_, error, text = sess.run([train_op, loss, merged], {x: data[i]})\n",
    "fetched, dropped": "_, _, error = sess.run([train_op, merged, loss], {x: data[i]})\n",
    "fetched, dropped at once": "sess.run([train_op, merged, loss], {x: data[i]})\n",
    "fetched, in a list": "got = sess.run([train_op, merged], {x: data[i]})\nprint(got[0])\n",
    "given without a run": "sess.run(train_op, {x: data[i]})\nif i % 2 == 0:\n    writer.add_summary(merged, i)\n",
}


@pytest.mark.parametrize("name", HALF)
def test_what_is_missing_is_added(snapshot, name):
    check.transformed(program(HALF[name], graph=GRAPH + MERGED), snapshot)


def test_an_attribute_holds_what_is_merged():
    text = HEAD + CLASS.replace(
        "loss)\n        self.train", "loss)\n        self.op = tf.summary.merge_all()\n        self.train"
    )
    assert "[self.train_op, self.loss, self.op]" in check.transformed(text)


# Left alone. -----------------------------------------------------------------------------------------

DONE = "_, text = sess.run([train_op, merged], {x: data[i]})\nwriter.add_summary(text, i)\n"
TRAIN = "sess.run(train_op, {x: data[i]})\n"
LEFT_ALONE = {
    "they are run and recorded": program(DONE, graph=GRAPH + MERGED),
    "they are run for every tenth step": program(
        TRAIN + "if i % 10 == 0:\n    writer.add_summary(sess.run(merged, {x: data[i]}), i)\n", graph=GRAPH + MERGED
    ),
    "each is run by itself": program(
        "_, text = sess.run([train_op, scalar], {x: data[i]})\nwriter.add_summary(text, i)\n",
        graph=GRAPH.replace("tf.summary", "scalar = tf.summary"),
    ),
    "there are none": program(TRAIN, graph=GRAPH.replace('tf.summary.scalar("loss", loss)\n', "")),
    "a session saves them": HEAD
    + GRAPH
    + 'with tf.train.MonitoredTrainingSession(checkpoint_dir="logs") as sess:\n    for i in range(4):\n        '
    + TRAIN,
    "a hook saves them": program(TRAIN, graph=GRAPH + "hook = tf.train.SummarySaverHook(1, summary_op=loss)\n"),
    "a supervisor saves them": program(TRAIN, graph=GRAPH + 'supervisor = tf.train.Supervisor(logdir="logs")\n'),
    "other code gets hold of them": program(
        TRAIN, graph=GRAPH + MERGED + "import helpers\nhelpers.watch(merged)\n"
    ),
    "other code gets hold of one": program(
        TRAIN, graph=GRAPH.replace("tf.summary.scalar(", "helpers.watch(tf.summary.scalar(").replace(
            '"loss", loss)', '"loss", loss))') + "import helpers\n"
    ),
    "summaries of version 2": program(TRAIN).replace("tf.summary.scalar(", "tf2.summary.scalar(").replace(
        "as tf\n", "as tf\nimport tensorflow as tf2\n"
    ),
    "no summaries of TensorFlow": program(TRAIN).replace("tf.summary.scalar(", "board.summary.scalar(").replace(
        "as tf\n", "as tf\nimport board\n"
    ),
    "nothing is run": HEAD + GRAPH + 'writer = tf.summary.FileWriter("logs")\n',
    "only the variables are initialized": HEAD + GRAPH + START + END,
    "the function with the summaries is never called": program(
        TRAIN, graph=GRAPH.replace("tf.summary.scalar", "def log(loss):\n    tf.summary.scalar")
    ),
    "a collection that nothing collects": program(TRAIN, graph=GRAPH.replace('s", loss)', 's", loss, collections=[])')),
    "it runs a process": "import subprocess\nfrom board import summary, Session\n\nsubprocess.run('ls')\n",
    "it evaluates a model of torch": "from torch import nn, summary\nFileWriter = None\nnn.Linear(1, 1).eval()\n",
    "a suppressed finding": program(TRAIN.replace("\n", "  # tf-codemods: ignore\n")),
    "eager code": "import tensorflow as tf\n"
    'writer = tf.summary.create_file_writer("logs")\nwith writer.as_default():\n    for i in range(3):\n'
    '        tf.summary.scalar("i", i, step=i)\nSession = merge_all = None\n',
    "a module that only builds the graph": HEAD + "def build():\n" + indented(GRAPH + "return train_op\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_left_alone(name):
    check.noop(LEFT_ALONE[name])


# Refused. --------------------------------------------------------------------------------------------

PLACEHOLDER = 'accuracy = tf.placeholder(tf.float32, [])\ntf.summary.scalar("accuracy", accuracy)\n'
REFUSED = {
    "a placeholder that isn't fed": (NOT_FED, program(TRAIN, graph=GRAPH + PLACEHOLDER)),
    "another batch than the training's": (
        NOT_FED,
        program(
            TRAIN,
            graph=GRAPH
            + "batches = tf.data.make_one_shot_iterator(tf.data.Dataset.from_tensors(data[0]).repeat())\n"
            + 'tf.summary.scalar("validation", tf.reduce_mean(batches.get_next()))\n',
        ),
    ),
    "a metric that running updates": (
        NOT_FED,
        program(TRAIN, graph=GRAPH + 'mean, update = tf.metrics.mean(loss)\ntf.summary.scalar("mean", update)\n'),
    ),
    "too early, and not fed": (
        NOT_FED,
        program(DONE, graph=GRAPH + MERGED + PLACEHOLDER),
    ),
    "a branch of the graph": (
        IN_SUBGRAPH,
        program(
            TRAIN,
            graph=GRAPH
            + 'def positive():\n    tf.summary.scalar("positive", loss)\n    return loss\n\n\n'
            + "chosen = tf.cond(loss > 0, positive, lambda: loss)\n",
        ),
    ),
    "a branch without a name": (
        IN_SUBGRAPH,
        program(TRAIN, graph=GRAPH + 'tf.cond(loss > 0, lambda: tf.summary.scalar("a", 1.0), lambda: "")\n'),
    ),
    "under a condition": (
        MAY_BE_NONE,
        program(TRAIN, graph=GRAPH.replace("tf.summary", "if len(data) > 9:\n    tf.summary")),
    ),
    "for things that may not be there": (
        MAY_BE_NONE,
        program(TRAIN, graph=GRAPH.replace("tf.summary", "for each in filter(None, data):\n    tf.summary")),
    ),
    "behind a return": (
        MAY_BE_NONE,
        program(
            TRAIN,
            graph=GRAPH.replace(
                'tf.summary.scalar("loss", loss)\n',
                'def log(on):\n    if not on:\n        return\n    tf.summary.scalar("loss", loss)\n\n\nlog(False)\n',
            ),
        ),
    ),
    "in the loop": (
        IN_LOOP,
        program(
            '_, error = sess.run([train_op, loss], {x: data[i]})\ntf.summary.scalar("error", error)\n',
            graph=GRAPH.replace('tf.summary.scalar("loss", loss)\n', ""),
        ),
    ),
    "another graph": (
        SEVERAL_GRAPHS,
        program(TRAIN, graph=GRAPH.replace("tf.summary", "with tf.Graph().as_default():\n    tf.summary")),
    ),
    "a graph that is thrown away": (
        SEVERAL_GRAPHS,
        program(TRAIN, graph='tf.summary.scalar("one", 1.0)\ntf.reset_default_graph()\n' + GRAPH),
    ),
    "no run trains, and two run": (
        SEVERAL_RUNS,
        program(
            "sess.run(loss, {x: data[i]})\nsess.run(w)\nsess.run([loss, w], {x: data[0]})\n",
            graph=GRAPH.replace("train_op = tf.train.GradientDescentOptimizer(0.01).minimize(loss)\n", ""),
        ),
    ),
    "two loops": (
        SEVERAL_LOOPS,
        program(TRAIN).replace(END, "    for i in range(3):\n        sess.run(train_op, {x: data[i]})\n" + END),
    ),
    "two functions": (
        SEVERAL_LOOPS,
        HEAD
        + GRAPH
        + "".join(
            f"\n\ndef {name}():\n" + indented(START + "    for i in range(4):\n        " + TRAIN + END) + f"{name}()\n"
            for name in ("first", "second")
        ),
    ),
    "two collections": (
        SEVERAL_MERGES,
        program(
            TRAIN,
            graph=GRAPH.replace('"loss", loss)', '"loss", loss, collections=["a"])')
            + 'tf.summary.histogram("w", w, collections=["b"])\n',
        ),
    ),
    "a collection that is handed in": (
        SEVERAL_MERGES,
        program(TRAIN, graph=GRAPH.replace('"loss", loss)', '"loss", loss, collections=open("keys"))')),
    ),
    "some are run by themselves": (
        RUN_IN_PART,
        program(
            "_, text = sess.run([train_op, scalar], {x: data[i]})\nwriter.add_summary(text, i)\n",
            graph=GRAPH.replace("tf.summary", "scalar = tf.summary") + 'tf.summary.histogram("w", w)\n',
        ),
    ),
    "by hand, the same": (
        BY_HAND,
        program(
            "_, error = sess.run([train_op, loss], {x: data[i]})\n"
            'value = tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=error)])\n'
            "writer.add_summary(value, i)\n"
        ),
    ),
    "by hand, with names that can't be told": (
        BY_HAND,
        program(
            "_, error = sess.run([train_op, loss], {x: data[i]})\n"
            "value = tf.Summary()\nvalue.value.add(tag=str(i), simple_value=error)\nwriter.add_summary(value, i)\n"
        ),
    ),
    "out of reach": (
        OUT_OF_REACH,
        BUILD
        + "\n\ndef epoch(sess, x, train_op, writer):\n    for i in range(4):\n        "
        + TRAIN
        + "\n\ndef main():\n    x, loss, train_op = build()\n"
        + indented(START)
        + "        for _ in range(3):\n            epoch(sess, x, train_op, writer)\n"
        + indented(END)
        + "\n\nmain()\n",
    ),
    "too early, and read at once": (
        OUT_OF_REACH,
        program(DONE, graph=MERGED + "print(merged)\n" + GRAPH),
    ),
    "in a condition": (EMBEDDED, program("if i and sess.run([train_op, loss], {x: data[i]})[1] > 2:\n    break\n")),
    "in a comprehension": (
        EMBEDDED,
        program("print([sess.run([train_op, loss], {x: each})[1] for each in data])\n"),
    ),
    "behind another call": (EMBEDDED, program("print(input(), sess.run([train_op, loss], {x: data[i]}))\n")),
    "no loop": (
        NO_STEP,
        HEAD + GRAPH + START + "    for _ in range(2):\n        train(sess)\n" + END
        + "\n\ndef train(sess):\n    sess.run(train_op, {x: data[0]})\n",
    ),
    "no writer": (NO_WRITER, program(TRAIN).replace(WRITER, "").replace(END, "")),
    "two writers": (
        SEVERAL_WRITERS,
        program(TRAIN).replace("    writer =", '    other = tf.summary.FileWriter("other")\n    writer ='),
    ),
    "perhaps no writer": (
        MAYBE_NO_WRITER,
        program(TRAIN).replace(WRITER, "    writer = None\n    if data:\n    " + WRITER).replace(END, ""),
    ),
    "a closed writer": (CLOSED, program(TRAIN, before="writer.close()\n")),
    "a writer that its `with` has closed": (
        CLOSED,
        program(TRAIN).replace("    writer = tf.summary.FileWriter(\"logs\", sess.graph)\n",
        "    with tf.summary.FileWriter(\"logs\", sess.graph) as writer:\n        print(writer)\n").replace(END, ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    refusal, text = REFUSED[name]
    check.refused(text, refusal)


# Under TensorFlow. -----------------------------------------------------------------------------------

RUNS = {
    **{name: program(turn, before="total = 0\n") for name, turn in FETCHES.items()},
    **{name: program(HALF[name], graph=GRAPH + MERGED) for name in ("merged", "fetched", "fetched, dropped")},
    **PLACES,
}
SEVERAL = ("one, dropped", "a list, kept", "a dict", "an operation's own run", "fetched, dropped")


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", [*SEVERAL, *PLACES])
def test_the_training_is_the_same_and_each_step_is_recorded(runner: Runner, name: str) -> None:
    text = RUNS[name]
    before, after = runner.run_source(text), runner.run_source(check.transformed(text))
    assert after.ok, after.exception
    assert not before.steps("loss")
    steps = after.steps("loss")
    per_run = {"in the class": 8}.get(name, 4)
    assert steps == list(range(per_run)) * (2 if name == "anew for each graph" else 1)
    verdict = compare(before, after, runner.run_source(text))
    assert verdict.kind == "repaired", verdict.lines


@pytest.mark.tensorflow
def test_a_run_of_their_own_would_draw_the_next_batch(runner: Runner) -> None:
    batches = "tf.data.make_one_shot_iterator(tf.data.Dataset.from_tensor_slices(np.stack(data)).repeat()).get_next()"
    graph = GRAPH.replace("tf.placeholder(tf.float32, [None, 2])", f"tf.nn.dropout({batches}, rate=0.5, seed=1)")
    text = program("_, error = sess.run([train_op, loss])\nprint(error)\n", graph=graph)
    good = check.transformed(text)
    wrong = good.replace(
        "_, error, summary = sess.run([train_op, loss, merged])",
        "summary = sess.run(merged)\n        _, error = sess.run([train_op, loss])",
    )
    assert wrong != good
    runs = [runner.run_source(text), runner.run_source(text)]
    assert compare(runs[0], runner.run_source(good), runs[1]).kind == "repaired"
    assert compare(runs[0], runner.run_source(wrong), runs[1]).kind == "different"


@pytest.mark.tensorflow
def test_a_merge_too_early_raises(runner: Runner) -> None:
    text = program(DONE, graph=MERGED + GRAPH)
    before, after = runner.run_source(text), runner.run_source(check.transformed(text))
    assert before.exception is not None
    assert "None" in before.exception
    assert after.steps("loss") == [0, 1, 2, 3]
