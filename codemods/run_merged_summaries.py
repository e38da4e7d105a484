"""Run the summaries of a TensorFlow 1 graph with the training, and record what they return.

In graph mode `tf.summary.scalar("loss", loss)` only adds an operation to the graph. It computes nothing until a
`session.run` fetches it, and what it returns then comes to the disk only through `FileWriter.add_summary`. A program
that lacks one of these trains without a word, and its event file holds the graph and nothing else (error).

What is missing is added: `merge_all()` behind the last summary of the graph (before it, it would return None, or the
summaries so far), the merged operation among the fetches of the `session.run` that trains, and `add_summary` with what
it returns. It is never run by itself: a run of its own would draw dropout and the next batch a second time.
Fetching one operation more changes nothing in the training: with a seed, the weights are the same bit by bit.

The step is a number that counts on: the global step or a counter of the code's own, the variable of the loop, the epoch
times the length of the inner loop plus the index; where there is none, a new counter. Loops that follow one another in
one training, without an initialization between them, share one that counts on through all.

https://www.tensorflow.org/api_docs/python/tf/compat/v1/summary/merge_all
https://www.tensorflow.org/api_docs/python/tf/compat/v1/summary/FileWriter

What is kept: the training, its fetches and feeds, and what they are bound to. `op.run()` and `tensor.eval()` become the
`session.run` that they call. Summaries of a collection are merged by its key. Of several runs the one that ends a step
fetches them, if it feeds all that they need; of several writers the one for the training gets them.

Left alone: summaries that are run, that other code gets hold of, or that TensorFlow saves by itself, as a
Supervisor, an Estimator and `MonitoredTrainingSession(checkpoint_dir=...)` do; a module that only builds a graph.

Refused: a summary of what the training run isn't seen to feed or compute, or that another run draws; a summary in a
branch of `tf.cond`; summaries that may not be defined at all (`merge_all()` returns None then, which a run rejects)
or that each turn of the loop defines anew; summaries of which some are run by themselves, or are recorded by hand;
several graphs, runs, loops, merges, writers or workers of which none is the one for the training; no writer, a closed
one, or one that may be missing; no step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from codemods.analysis.module import Module
from codemods.analysis.project import Project
from codemods.engine.codemod import Codemod, Example, Finding
from codemods.sessions.refusals import NOT_FED, REFUSALS
from codemods.sessions.training import may_train, training

NEVER_MERGED = """\
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

x = tf.placeholder(tf.float32, [None, 2])
y = tf.placeholder(tf.float32, [None, 1])
weights = tf.get_variable("weights", [2, 1])
loss = tf.reduce_mean(tf.square(tf.matmul(x, weights) - y))
tf.summary.scalar("loss", loss)
train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)


def train(batches, epochs):
    with tf.Session() as sess, tf.summary.FileWriter("logs", sess.graph) as writer:
        sess.run(tf.global_variables_initializer())
        for epoch in range(epochs):
            for i, (features, targets) in enumerate(batches):
                _, error = sess.run([train_op, loss], feed_dict={x: features, y: targets})
            print(epoch, error)
"""
MERGED = """\
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

x = tf.placeholder(tf.float32, [None, 2])
y = tf.placeholder(tf.float32, [None, 1])
weights = tf.get_variable("weights", [2, 1])
loss = tf.reduce_mean(tf.square(tf.matmul(x, weights) - y))
tf.summary.scalar("loss", loss)
merged = tf.summary.merge_all()
train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)


def train(batches, epochs):
    with tf.Session() as sess, tf.summary.FileWriter("logs", sess.graph) as writer:
        sess.run(tf.global_variables_initializer())
        step = 0
        for epoch in range(epochs):
            for i, (features, targets) in enumerate(batches):
                _, error, summary = sess.run([train_op, loss, merged], feed_dict={x: features, y: targets})
                writer.add_summary(summary, step)
                step += 1
            print(epoch, error)
"""
"""A counter of its own, since `i` starts over with each epoch."""
ONLY_MERGED = """\
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

loss = tf.get_variable("loss", [], initializer=tf.ones_initializer())
train_step = tf.train.AdamOptimizer(0.1).minimize(loss)
tf.summary.scalar("loss", loss)
merged = tf.summary.merge_all()

sess = tf.InteractiveSession()
tf.global_variables_initializer().run()
writer = tf.summary.FileWriter("logs")
for i in range(100):
    train_step.run()
writer.close()
"""
RUN = ONLY_MERGED.replace(
    "    train_step.run()\n",
    "    _, summary = sess.run([train_step, merged])\n    writer.add_summary(summary, i)\n",
)
VALIDATION = """\
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

loss = tf.get_variable("loss", [], initializer=tf.ones_initializer())
train_op = tf.train.AdamOptimizer(0.1).minimize(loss)
accuracy = tf.placeholder(tf.float32, [])
tf.summary.scalar("validation/accuracy", accuracy)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    with tf.summary.FileWriter("logs") as writer:
        for step in range(100):
            sess.run(train_op)
"""


class RunMergedSummaries(Codemod):
    """Fetches the merged summaries in the training run, and records them."""

    triggers = (b"FileWriter", b"Session", b"merge_all", b"sess")
    pattern = re.compile(rb"\.(run|eval)\b")
    refusals = REFUSALS
    examples = (
        Example(NEVER_MERGED, after=MERGED),
        Example(ONLY_MERGED, after=RUN),
        Example(VALIDATION, refusal=NOT_FED),
    )

    def concerns_in(self, project: Project, path: str) -> bool:
        """Tell whether a file, or what it is used with, may define summaries."""
        return may_train(project, path)

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the run that trains without the graph's summaries."""
        found = training(module)
        if found is not None:
            yield from found.findings()
