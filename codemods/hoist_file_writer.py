"""Create a summary writer once, outside of the loop, traced function or strategy scope it stands in.

A call of `create_file_writer` or `FileWriter` opens an event file at once.

In a loop, each turn opens one more file in the same folder. With `tf.summary` nothing is lost by that,
and the rewrite is a matter of form (note). A v1 `FileWriter` names its file after the second in which it
is opened: two of them in one folder within one second share a file, and the later truncates the earlier
(error).

In a function that TensorFlow traces, a writer that only a local name holds is gone as soon as the trace
is done: the first call raises `NotFoundError: Resource ... SummaryWriterInterface does not exist`
(error). Created before the function, it is kept, and the function records what it was written to record.

In `with strategy.scope():` the place of the writer changes nothing: one worker opens one file, inside or
outside, and several workers open one each, inside or outside. The writer is moved because it isn't part
of what the scope is about, the variables (note).

https://www.tensorflow.org/api_docs/python/tf/summary/create_file_writer
https://www.tensorflow.org/api_docs/python/tf/compat/v1/summary/FileWriter

What is kept: the events, with their folder, tag, step and value, and every other result. Fewer event
files are written. The writer is created with the arguments it had; statements that only compute these are
moved along. A `close()` in the loop becomes one behind the loop, and a `flush()` where it stood, so that
what was on disk at that point still is; after `with writer.as_default():`, which flushes by itself, the
`flush()` is left out. A loop that makes no turn leaves an event file without events where there was none.
The graph that a v1 writer is given is recorded once, not once a turn.

A writer whose folder depends on the loop (a fold, a run, a timestamp) is right as it is, and left alone.
So is a writer in a name scope, a variable scope or a graph, and one that a traced function keeps in an
attribute or a list: it works.

Nothing that may touch the folder (`rmtree`, `makedirs`, a look whether it exists, code out of sight that
is given it) is passed over: that is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from codemods.analysis.module import Module
from codemods.analysis.writers import creations
from codemods.engine.codemod import Codemod, Example, Finding
from codemods.hoisting.blocks import out_of_blocks
from codemods.hoisting.functions import out_of_function, traced_function
from codemods.hoisting.refusals import REFUSALS, TOUCHES_FOLDER
from codemods.hoisting.site import site_of

EVERY_TURN = """\
import tensorflow as tf

for epoch in range(3):
    writer = tf.summary.create_file_writer("logs/train")
    with writer.as_default():
        tf.summary.scalar("loss", 1 / (epoch + 1), step=epoch)
    writer.close()
"""
ONCE = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs/train")
for epoch in range(3):
    with writer.as_default():
        tf.summary.scalar("loss", 1 / (epoch + 1), step=epoch)
writer.close()
"""
AT_EACH_TRACE = """\
import tensorflow as tf


@tf.function
def train_step(x, step):
    writer = tf.summary.create_file_writer("logs")
    with writer.as_default():
        tf.summary.scalar("x", x, step=step)


train_step(tf.constant(1.0), tf.constant(0, tf.int64))
"""
BEFORE_THE_FUNCTION = """\
import tensorflow as tf


writer = tf.summary.create_file_writer("logs")


@tf.function
def train_step(x, step):
    with writer.as_default():
        tf.summary.scalar("x", x, step=step)


train_step(tf.constant(1.0), tf.constant(0, tf.int64))
"""
FOLDER_REMOVED = """\
import shutil

import tensorflow as tf

for epoch in range(3):
    shutil.rmtree("logs", ignore_errors=True)
    writer = tf.summary.create_file_writer("logs")
    with writer.as_default():
        tf.summary.scalar("epoch", epoch, step=epoch)
"""


class HoistFileWriter(Codemod):
    """Moves the creation of a writer to just before the block that it stands in."""

    triggers = (b"create_file_writer", b"FileWriter")
    refusals = REFUSALS
    examples = (
        Example(EVERY_TURN, after=ONCE),
        Example(AT_EACH_TRACE, after=BEFORE_THE_FUNCTION),
        Example(FOLDER_REMOVED, refusal=TOUCHES_FOLDER),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the writers that are created in a loop, a traced function or a strategy's scope."""
        done: set[ast.stmt] = set()
        taken: set[str] = set()
        for created in creations(module):
            site = site_of(module, created)
            if site is None or (site.targets and site.statement in done):
                continue
            done.add(site.statement)
            function = traced_function(module, site.statement)
            if function is not None:
                yield from out_of_function(module, site, function, taken)
            else:
                yield from out_of_blocks(module, site, taken)
