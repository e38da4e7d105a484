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
    SEVERAL_WORKERS,
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
TRAIN = "sess.run(train_op, {x: data[i]})\n"
SECOND = "    for i in range(3):\n        sess.run(train_op, {x: data[i]})\n"


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


def test_a_single_step_is_the_first():
    after = check.transformed(HEAD + GRAPH + START + "    print(sess.run([train_op, loss], {x: data[0]})[1])\n" + END)
    assert "    writer.add_summary(summary, 0)\n    print(results[1])\n" in after


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
CALLED_BY_A_THIRD = (
    CLASS.replace("self.build()\n        self.sess", "self.sess")
    .replace("    def build", "    def run(self):\n        self.prepare()\n        self.train(data)\n\n    def prepare")
    .replace("model.train(data)", "model.run()")
    .replace("        self.sess = tf.Session()\n        self.sess.run(tf.global_variables_initializer())\n", "")
    .replace('        self.writer = tf.summary.FileWriter("logs", self.sess.graph)\n', "")
    .replace(
        "minimize(self.loss)\n",
        """minimize(self.loss)
        self.sess = tf.Session()
        self.sess.run(tf.global_variables_initializer())
        self.writer = tf.summary.FileWriter("logs", self.sess.graph)
""",
    )
    .replace("def __init__(self):\n", "def __init__(self):\n        self.loss = None\n")
)
BASE_CLASS = """\
class Base:
    def __init__(self):
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.x = tf.placeholder(tf.float32, [None, 2])
            self.build()
            self.init = tf.global_variables_initializer()

    def build(self):
        raise NotImplementedError

    def fit(self, batches):
        with tf.Session(graph=self.graph) as sess:
            sess.run(self.init)
            writer = tf.summary.FileWriter("logs", self.graph)
            for i, batch in enumerate(batches):
                sess.run(self.train_op, {self.x: batch})
            writer.close()


class Net(Base):
    def build(self):
        w = tf.get_variable("w", [2, 1])
        loss = tf.reduce_mean(tf.square(tf.matmul(self.x, w) - 1))
        tf.summary.scalar("loss", loss)
        self.train_op = tf.train.GradientDescentOptimizer(0.01).minimize(loss)


Net().fit(data)
"""
PROPERTIES = """\
import functools


class Model:
    def __init__(self, x):
        self.x = x
        self.loss
        self.train_op

    @functools.cached_property
    def loss(self):
        loss = tf.reduce_mean(tf.square(tf.matmul(self.x, tf.get_variable("w", [2, 1])) - 1))
        tf.summary.scalar("loss", loss)
        return loss

    @functools.cached_property
    def train_op(self):
        return tf.train.GradientDescentOptimizer(0.01).minimize(self.loss)


x = tf.placeholder(tf.float32, [None, 2])
model = Model(x)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    writer = tf.summary.FileWriter("logs", sess.graph)
    for i in range(4):
        sess.run(model.train_op, {x: data[i]})
        print(sess.run(model.loss, {x: data[i]}))
    writer.close()
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
    "in a method of two that are called by a third": HEAD + CALLED_BY_A_THIRD,
    "in the constructor of a base class, and in its graph": HEAD + BASE_CLASS,
    "behind properties that are looked up first": HEAD + PROPERTIES,
    "in its graph": HEAD
    + "other = tf.Graph()\nwith other.as_default():\n    tf.summary.scalar('other', tf.constant(1.0))\n"
    + "graph = tf.Graph()\nwith graph.as_default():\n"
    + indented(GRAPH + "init = tf.global_variables_initializer()\n")
    + START.replace("Session()", "Session(graph=graph)").replace("tf.global_variables_initializer()", "init")
    + "    for i in range(4):\n        sess.run(train_op, {x: data[i]})\n"
    + END,
    "in two loops": program(TRAIN).replace(END, SECOND.replace("train_op, {", "[train_op, loss], {") + END),
    "in two loops with a counter": program(TRAIN + "step += 1\n", before="step = 1\n").replace(
        END, SECOND.replace("for i in range(3):", "while step < 6:").replace("[i]", "[0]") + "        step += 1\n" + END
    ),
    "in two loops, of which the second starts the counter anew": program(
        TRAIN + "step += 1\n", before="step = 1\n"
    ).replace(END, "    step = 0\n" + SECOND + "        step += 1\n" + END),
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


def test_who_holds_what_is_merged_names_it():
    train = (
        HEAD
        + "import model\nfrom model import build\n\nbuilt = build()\n"
        + START
        + "    for i in range(4):\n        sess.run(FETCH)\n"
        + END
    )
    build = "import collections\nimport tensorflow.compat.v1 as tf\n\n"
    build += "Ops = collections.namedtuple('Ops', 'train summaries')\n"
    build += "\n\ndef build():\n" + indented(GRAPH + MERGED).replace(
        "placeholder(tf.float32, [None, 2])", "ones([1, 2])"
    )
    for returned, fetch, expected in [
        ('return {"train": train_op, "summaries": merged}\n', 'built["train"]', '[built["train"], built["summaries"]]'),
        ("return Ops(train=train_op, summaries=merged)\n", "built.train", "[built.train, built.summaries]"),
    ]:
        files = {"train.py": train.replace("FETCH", fetch), "model.py": build + indented(returned)}
        assert f"_, summary = sess.run({expected})\n" in check.transformed(files)
    top = (
        "import tensorflow.compat.v1 as tf\n"
        + GRAPH.replace("placeholder(tf.float32, [None, 2])", "ones([1, 2])")
        + MERGED
    )
    files = {"train.py": train.replace("built = build()\n", "").replace("FETCH", "model.train_op"), "model.py": top}
    assert "sess.run([model.train_op, model.merged])\n" in check.transformed(files)
    whole = "import tensorflow.compat.v1 as tf\n" + CLASS.partition("        self.sess")[0]
    whole += "\n    def build" + CLASS.partition("def build")[2].partition("\n    def train")[0]
    whole = whole.replace(
        "loss)\n        self.train", "loss)\n        self.op = tf.summary.merge_all()\n        self.train"
    )
    files = {
        "train.py": train.replace("build", "Model").replace("FETCH", "built.train_op, {built.x: data[i]}"),
        "model.py": whole,
    }
    assert "sess.run([built.train_op, built.op], {built.x: data[i]})\n" in check.transformed(files)


def test_the_training_is_in_a_module_beside_the_one_that_builds_the_graph():
    model = "import tensorflow.compat.v1 as tf\n\n\ndef build():\n" + indented(GRAPH + "return x, train_op\n")
    train = "import tensorflow.compat.v1 as tf\n\n\ndef train(sess, x, train_op, writer, data):\n"
    train += "    for i, batch in enumerate(data):\n        sess.run(train_op, {x: batch})\n"
    main = HEAD + "from model import build\nfrom train import train\n\nx, train_op = build()\n" + START
    main += "    train(sess, x, train_op, writer, data)\n" + END
    after = check.transformed({"train.py": train, "model.py": model, "main.py": main})
    assert "    merged = tf.summary.merge_all()\n    for i" in after
    check.noop({"main.py": main, "model.py": model, "train.py": train})


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


def test_numbers_that_are_drawn_for_a_summary_only():
    graph = GRAPH + 'tf.summary.histogram("noise", tf.random_normal([3]))\n'
    assert "merge_all()" in check.transformed(program(TRAIN, graph=graph))


def test_a_merge_for_the_training_beside_one_that_is_run():
    graph = GRAPH.replace("tf.summary", "loss_summary = tf.summary")
    graph += "train_op_ = tf.summary.merge([loss_summary])\ndev_op = tf.summary.merge([loss_summary])\n"
    turn = "sess.run(train_op, {x: data[i]})\nwriter.add_summary(sess.run(dev_op, {x: data[0]}), i)\n"
    assert "_, summary = sess.run([train_op, train_op_], {x: data[i]})\n" in check.transformed(
        program(turn, graph=graph)
    )


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


def test_a_writer_for_each_epoch():
    head = 'for epoch in range(2):\n    writer = tf.summary.FileWriter(f"logs/{epoch}")\n    for i in range(4):'
    after = check.transformed(program(indented(TRAIN) + "writer.close()\n", head=head).replace(WRITER, ""))
    assert "writer.add_summary(summary, epoch * 4 + i)\n" in after


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
    "they are evaluated": program(
        TRAIN + "writer.add_summary(merged.eval({x: data[i]}), i)\n", graph=GRAPH + MERGED
    ),
    "they are merged in each turn": program(
        "_, text = sess.run([train_op, tf.summary.merge_all()], {x: data[i]})\nwriter.add_summary(text, i)\n"
    ),
    "the fetches are made before": program(
        "_, text = sess.run(fetches, {x: data[i]})\nwriter.add_summary(text, i)\n",
        graph=GRAPH + MERGED + "fetches = [train_op, merged]\n",
    ),
    "the fetches are added up": program(
        "text = sess.run([train_op] + [merged], {x: data[i]})[1]\nwriter.add_summary(text, i)\n", graph=GRAPH + MERGED
    ),
    "some of them are run in each turn": program(
        "fetches = [train_op]\nif i % 2:\n    fetches.append(merged)\n"
        "writer.add_summary(sess.run(fetches, {x: data[i]})[-1], i)\n",
        graph=GRAPH + MERGED,
    ),
    "the results are handed over": program(
        "show(sess.run([train_op, merged], {x: data[i]}))\n", graph="from show import show\n" + GRAPH + MERGED
    ),
    "a function of the run is handed over": program(
        "step({x: data[i]})\n",
        graph="import functools\n" + GRAPH,
        before="step = functools.partial(sess.run, train_op)\n",
    ),
    "an object runs something": program(
        "train.run()\n", graph=GRAPH.replace("train_op", "optimizer") + "import jobs\ntrain = jobs.Train()\n"
    ),
    "an Estimator trains": HEAD
    + "def model(features):\n"
    + indented(GRAPH + "return tf.estimator.EstimatorSpec('train', loss=loss, train_op=train_op)\n")
    + START
    + "    for i in range(4):\n        sess.run(model(data), {})\n"
    + END,
    "a suppressed finding": program(TRAIN.replace("\n", "  # tf-codemods: ignore\n")),
    "eager code": "import tensorflow as tf\n"
    'writer = tf.summary.create_file_writer("logs")\nwith writer.as_default():\n    for i in range(3):\n'
    '        tf.summary.scalar("i", i, step=i)\nSession = merge_all = None\n',
    "they are kept in a dict by their names": program(
        "sess.run(train_op, {x: data[i]})\nfor text in sess.run([ops[name] for name in ops], {x: data[i]}):\n"
        "    writer.add_summary(text, i)\n",
        graph=GRAPH.replace("tf.summary", 'ops = {}\nops["loss"] = tf.summary'),
    ),
    "what is returned is kept in a dict": program(
        "sess.run(train_op, {x: data[i]})\nwriter.add_summary(sess.run(ops['all'], {x: data[i]}), i)\n",
        graph=GRAPH + "\n\ndef merge():\n    return tf.summary.merge_all()\n\n\nops = {}\nops['all'] = merge()\n",
    ),
    "the collection is taken": program(
        "texts = sess.run([train_op, *ops], {x: data[i]})[1:]\n",
        graph=GRAPH + "ops = tf.get_collection(tf.GraphKeys.SUMMARIES)\n",
    ),
    "a merge of them all is left over": program(
        "_, text = sess.run([train_op, op], {x: data[i]})\nwriter.add_summary(text, i)\n",
        graph=GRAPH.replace("tf.summary", "loss_summary = tf.summary")
        + "op = tf.summary.merge([loss_summary])\n"
        + MERGED,
    ),
    "the validation's are recorded, the training's looked at": program(
        "_, text = sess.run([train_op, merged], {x: data[i]})\nprint(len(text))\n", graph=GRAPH + MERGED
    ),
    "a summary is made by hand": program(
        "_, value = sess.run([train_op, loss], {x: data[i]})\n"
        "text = tf.Summary(value=[tf.Summary.Value(tag='loss', simple_value=value)])\nwriter.add_summary(text, i)\n",
        graph=GRAPH.replace('tf.summary.scalar("loss", loss)\n', ""),
    ),
    "a function runs the merged ones": program(
        "step(i)\n",
        graph=GRAPH + MERGED,
        before="def step(i):\n    _, text = sess.run([train_op, merged], {x: data[i]})\n"
        "    writer.add_summary(text, i)\n",
    ),
    "a callable of the session fetches them": program(
        "_, text = step(data[i])\nwriter.add_summary(text, i)\n",
        graph=GRAPH + MERGED,
        before="step = sess.make_callable([train_op, merged], [x])\n",
    ),
    "they are run in part, feed by feed": program(
        "handle = sess.partial_run_setup([train_op, merged], [x])\n"
        "text = sess.partial_run(handle, merged, {x: data[i]})\nwriter.add_summary(text, i)\n"
        "sess.run(train_op, {x: data[i]})\n",
        graph=GRAPH + MERGED,
    ),
    "a summary that is written as a protocol buffer": program(
        "_, text = sess.run([train_op, merged], {x: data[i]})\n"
        "writer.add_event(tf.Event(step=i, summary=tf.Summary.FromString(text)))\n",
        graph=GRAPH + MERGED,
    ),
    "it restores a model that it didn't build": HEAD
    + START
    + "    saver = tf.train.import_meta_graph('model.meta')\n    for i in range(4):\n"
    + "        sess.run('train_op', {'x:0': data[i]})\n"
    + END,
    "a module that only builds the graph": HEAD + "def build():\n" + indented(GRAPH + "return train_op\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_left_alone(name):
    check.noop(LEFT_ALONE[name])


RECORDED = {
    **{name: program(turn, before="total = 0\n") for name, turn in FETCHES.items()},
    **{name: program(turn, graph=GRAPH + MERGED) for name, turn in HALF.items()},
    **PLACES,
}


@pytest.mark.parametrize("name", RECORDED)
def test_a_program_that_records_them_is_left_alone_whatever_its_form(name):
    check.noop(check.transformed(RECORDED[name]))


def test_another_module_runs_them():
    base = "import tensorflow.compat.v1 as tf\n\n\nclass Base:\n    def log(self):\n"
    base += "        self.merged = tf.summary.merge_all()\n        self.writer = tf.summary.FileWriter('logs')\n"
    base += "\n    def train(self):\n        self.log()\n        self.epoch()\n"
    model = "import tensorflow.compat.v1 as tf\nfrom base import Base\n\n\nclass Model(Base):\n"
    model += indented(
        "def __init__(self):\n" + indented(GRAPH.replace("x =", "self.x =").replace("(x,", "(self.x,"))
    ).replace("train_op =", "self.train_op =")
    model += "        self.sess = tf.Session()\n\n    def epoch(self):\n        for i in range(4):\n"
    model += "            _, text = self.sess.run([self.train_op, self.merged], {self.x: i})\n"
    model += "            self.writer.add_summary(text, i)\n"
    check.noop({"model.py": model, "base.py": base})


def test_an_evaluation_of_a_model_is_no_training():
    model = (
        "import tensorflow.compat.v1 as tf\n\n\ndef build(training):\n    x = tf.placeholder(tf.float32, [None, 2])\n"
    )
    model += (
        '    loss = tf.reduce_mean(x)\n    if training:\n        tf.summary.scalar("loss", loss)\n    return x, loss\n'
    )
    evaluate = HEAD + "from model import build\n\nx, loss = build(False)\n" + START
    check.noop(
        {
            "evaluate.py": evaluate + "    for i in range(4):\n        print(sess.run(loss, {x: data[i]}))\n" + END,
            "model.py": model,
        }
    )


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
    "a loop that starts anew": (
        SEVERAL_LOOPS,
        program(TRAIN).replace(END, "    sess.run(tf.global_variables_initializer())\n" + SECOND + END),
    ),
    "a loop of another session": (
        SEVERAL_LOOPS,
        program(TRAIN).replace(END, "    sess = tf.Session()\n" + SECOND + END),
    ),
    "a loop under a condition": (
        SEVERAL_LOOPS,
        program(TRAIN).replace(END, "    if len(data) > 4:\n" + indented(SECOND) + END),
    ),
    "two loops that the writer has no name for": (
        SEVERAL_LOOPS,
        program(TRAIN).replace("writer = ", "").replace(END, SECOND),
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
    "two merges": (
        SEVERAL_MERGES,
        program(
            TRAIN,
            graph=GRAPH.replace("tf.summary", "loss_summary = tf.summary")
            + "one = tf.summary.merge([loss_summary])\ntwo = tf.summary.merge([loss_summary])\n",
        ),
    ),
    "several workers": (
        SEVERAL_WORKERS,
        program(TRAIN).replace("tf.Session()", "tf.Session(tf.train.Server({}).target)"),
    ),
    "a subclass may define none": (
        MAY_BE_NONE,
        HEAD
        + BASE_CLASS
        + "\n\nclass Other(Base):\n    def build(self):\n        w = tf.get_variable('w', [2, 1])\n"
        + "        self.train_op = tf.train.AdamOptimizer().minimize(tf.reduce_mean(tf.matmul(self.x, w)))\n",
    ),
    "merged under a condition": (
        OUT_OF_REACH,
        program(TRAIN, graph=GRAPH + "if len(data) > 9:\n    merged = tf.summary.merge_all()\n"),
    ),
    "drawn, and looked at": (
        NOT_FED,
        program(
            TRAIN + "print(sess.run(noise))\n",
            graph=GRAPH + 'noise = tf.random_normal([3])\ntf.summary.histogram("noise", noise)\n',
        ),
    ),
    "a function that is called through a table": (
        NOT_FED,
        program(
            TRAIN,
            graph=PLACEHOLDER.replace("tf.summary", "\n\ndef net():\n    tf.summary") + "\n\nnets = [net]\n" + GRAPH,
        ),
    ),
    "threads": (
        NO_STEP,
        HEAD
        + "import threading\n"
        + GRAPH
        + "sess = tf.Session()\nwriter = tf.summary.FileWriter('logs')\n\n\ndef work():\n"
        + indented("for i in range(4):\n    " + TRAIN)
        + "\n\nthreading.Thread(target=work).start()\n",
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
    **{name: program(FETCHES[name]) for name in ("a list, kept", "a dict", "an operation's own run")},
    "fetched, dropped": program(HALF["fetched, dropped"], graph=GRAPH + MERGED),
    "in a monitored session": HEAD
    + GRAPH.replace("tf.placeholder(tf.float32, [None, 2])", "tf.constant(data[1])")
    + 'writer = tf.summary.FileWriter("logs")\nwith tf.train.MonitoredTrainingSession() as sess:\n'
    + "    for i in range(4):\n        sess.run(train_op)\n"
    + END,
    **{
        name: PLACES[name]
        for name in PLACES
        if name.startswith(("in the class", "in the constructor", "before", "anew")) or name == "in two loops"
    },
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", RUNS)
def test_the_training_is_the_same_and_each_step_is_recorded(runner: Runner, name: str) -> None:
    before, after = runner.run_source(RUNS[name]), runner.run_source(check.transformed(RUNS[name]))
    assert after.ok, after.exception
    assert not before.steps("loss")
    steps = list(range(8 if name == "in the class" else 7 if name == "in two loops" else 4))
    assert after.steps("loss") == steps * (2 if name == "anew for each graph" else 1)
    verdict = compare(before, after)
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
    before = runner.run_source(text)
    assert compare(before, runner.run_source(good)).kind == "repaired"
    assert compare(before, runner.run_source(wrong)).kind == "different"


@pytest.mark.tensorflow
def test_a_merge_too_early_raises(runner: Runner) -> None:
    text = program(DONE, graph=MERGED + GRAPH)
    before, after = runner.run_source(text), runner.run_source(check.transformed(text))
    assert before.exception is not None
    assert "None" in before.exception
    assert after.steps("loss") == [0, 1, 2, 3]
