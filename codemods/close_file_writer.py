"""Close summary writers, so that the last events are on disk whichever way the program ends.

A v1 `FileWriter` hands its events to a thread, and nothing waits for that thread at the end of the
program: without `close()`, or a `flush()` after the last event, up to ten events are lost at a normal end,
and often all of a short run (error). FileWriter is a context manager: the statements from its creation to
its last use go into a `with` block, which closes it however they are left, by `break`, `return`, an
exception or `sys.exit()`. Before an `os._exit()` in the block, which leaves no block, `close()` is called.
A writer that an attribute of `self` holds gets a `flush()` behind each loop of a method that runs a session and
writes to it, and before a `return`, `raise` or exit there: the method may be called again, and a closed writer
drops what it is given.

A `tf.summary` writer loses nothing at a normal end, nor on an exception, and one that is used in short
`with writer.as_default():` blocks never does, since leaving the block flushes: these are left alone. Only
in a program that ends by `os._exit()`, by a signal that it doesn't turn into an exception, or by a job
scheduler, what is buffered is lost (warning). There, a writer that is the default for good
(`set_as_default()`), or for a whole loop, gets a `flush()` at the end of each turn of the outermost loop
that writes; the former is also closed at the end, where no summary can follow: one would raise
`NotFoundError`, since a closed writer stays the default.

https://www.tensorflow.org/api_docs/python/tf/compat/v1/summary/FileWriter
https://www.tensorflow.org/api_docs/python/tf/summary/SummaryWriter

What is kept: the events, with their folder, tag, step and value, and every other result. They are all on
disk. A `close()` that the `with` makes superfluous is taken away.

A writer that is closed, also before each `return`, `raise` and exit, is left alone, and so is one that is
handed to TensorFlow, whose hooks and supervisors flush or close it. A writer that other code gets hold of, that
an object keeps whose loops over the steps are elsewhere, or that is used outside of the block in which it is
created is refused: who uses it last can't be seen. In a notebook, a writer that is used in several cells is
refused, since they are run in any order, and more than once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from codemods.analysis.module import Module
from codemods.analysis.writers import creation, creations
from codemods.closing.defaults import eager_findings
from codemods.closing.leases import common_ends, enclosing, graph_mode_finding, grouped, lease_of
from codemods.closing.refusals import KEPT_BY_OBJECT, REFUSALS
from codemods.engine.codemod import Codemod, Example, Finding, Rewrite

NEVER_CLOSED = """\
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

x = tf.placeholder(tf.float32, [])
tf.summary.scalar("x", x)
merged = tf.summary.merge_all()

with tf.Session() as sess:
    writer = tf.summary.FileWriter("logs", sess.graph)
    for step in range(5):
        writer.add_summary(sess.run(merged, {x: step}), step)
    print("done")
"""
CLOSED = """\
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

x = tf.placeholder(tf.float32, [])
tf.summary.scalar("x", x)
merged = tf.summary.merge_all()

with tf.Session() as sess:
    with tf.summary.FileWriter("logs", sess.graph) as writer:
        for step in range(5):
            writer.add_summary(sess.run(merged, {x: step}), step)
    print("done")
"""
ENDS_ABRUPTLY = """\
import os

import tensorflow as tf

writer = tf.summary.create_file_writer("logs")
writer.set_as_default()
for epoch in range(3):
    tf.summary.scalar("loss", 1 / (epoch + 1), step=epoch)
os._exit(0)
"""
FLUSHED = """\
import os

import tensorflow as tf

writer = tf.summary.create_file_writer("logs")
writer.set_as_default()
for epoch in range(3):
    tf.summary.scalar("loss", 1 / (epoch + 1), step=epoch)
    writer.flush()
writer.close()
os._exit(0)
"""
IN_AN_OBJECT = """\
import tensorflow.compat.v1 as tf


class Logger:
    def __init__(self, folder):
        self.writer = tf.summary.FileWriter(folder)

    def log(self, summary, step):
        self.writer.add_summary(summary, step)
"""


class CloseFileWriter(Codemod):
    """Puts the use of a v1 writer into a ``with``, and flushes a v2 writer in a program that ends abruptly."""

    triggers = (b"create_file_writer", b"FileWriter")
    refusals = REFUSALS
    examples = (
        Example(NEVER_CLOSED, after=CLOSED),
        Example(ENDS_ABRUPTLY, after=FLUSHED),
        Example(IN_AN_OBJECT, refusal=KEPT_BY_OBJECT),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the writers whose events may not come to the disk."""
        done: set[ast.stmt] = set()
        for created in creations(module):
            statement = module.statement(created.call)
            if created.version == 1 and statement not in done:
                done.add(statement)
                yield from graph_mode_finding(module, created)
        yield from eager_findings(module)

    def rewrites(self, module: Module, findings: Sequence[Finding]) -> Iterator[Rewrite]:
        """Return the edits; v1 writers that are created one after the other share a ``with``."""
        leases = []
        for finding in findings:
            created = creation(module, finding.node)
            if created is None or created.version == 2 or finding.edits:
                yield Rewrite((finding,), finding.edits)
            else:
                leases.append((lease_of(module, created), finding))
        ends = common_ends([lease for lease, _ in leases])
        for group in grouped(leases):
            members = tuple(replace(lease, last=ends[lease.statement]) for lease, _ in group)
            yield Rewrite(tuple(finding for _, finding in group), enclosing(module, members))
