"""Rewrites that are wrong on purpose: each is caught, and named. And right ones, which pass."""

import textwrap

import pytest

from codemods.verify.compare import compare
from codemods.verify.run import Runner

pytestmark = pytest.mark.tensorflow

START = """
import os
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")
weight = tf.Variable([1.0, 2.0])
iterations = tf.Variable(0, dtype=tf.int64)
"""

BEFORE = (
    START
    + """
@tf.function
def train(x):
    loss = tf.reduce_sum((weight - x) ** 2)
    tf.summary.scalar("loss", loss, step=iterations)
    loss = loss / 3.0
    weight.assign_sub(0.1 * (weight - x))
    iterations.assign_add(1)
    return loss

with writer.as_default():
    for turn in range(5):
        print(float(train(tf.random.normal([2]))))
"""
)

RIGHT = (
    START
    + """
@tf.function
def train(x):
    loss = tf.reduce_sum((weight - x) ** 2)
    summary_loss, step = loss, tf.identity(iterations)
    loss = loss / 3.0
    weight.assign_sub(0.1 * (weight - x))
    iterations.assign_add(1)
    return loss, summary_loss, step

with writer.as_default():
    for turn in range(5):
        loss, summary_loss, step = train(tf.random.normal([2]))
        tf.summary.scalar("loss", summary_loss, step=step)
        print(float(loss))
"""
)

WRONG = {
    "moved past a reassignment": (
        ("summary_loss, step = loss,", "step ="),
        ("return loss, summary_loss, step", "return loss, loss, step"),
        "logs: 'loss': event 0: step 0",
    ),
    "a step off by one": (
        ("return loss, summary_loss, step", "return loss, summary_loss, tf.identity(iterations)"),
        "before, step 1",
    ),
    "a changed tag": (('"loss", summary', '"cond/loss", summary'), "'loss': 5 events before, none after"),
    "the last bit of a value": (
        ("summary_loss, step=step", "summary_loss * 1.0000001, step=step"),
        "logs: 'loss': event",
    ),
    "a lost event": (
        ("    tf.summary", "    if turn: tf.summary"),
        "logs: 'loss': 5 events before, 4 after; event 0: step 0",
    ),
    "another folder": (('"logs"', '"logs/train"'), "logs: 'loss': 5 events before, none after"),
    "another kind": (("summary.scalar", "summary.histogram"), "logs: 'loss': event 0: step 0"),
    "events lost at the end": (
        ("with writer.as_default():", "writer.set_as_default()\nif True:"),
        ("print(float(loss))", "print(float(loss))\n        if turn == 4: os._exit(0)"),
        "none after",
    ),
    "another training": (("0.1 *", "0.1000001 *"), "variable 0: Variable:0 float32[2]"),
    "other random numbers": (("with writer.as", "tf.random.normal([])\nwith writer.as"), "output, line 1"),
    "other output": (("print(float(loss))", "print(loss.numpy())"), "output, line 1"),
    "it raises": (
        ("step=step)", "step=int(step) + missing)"),
        "NameError: name 'missing' is not defined after",
    ),
}


def test_the_right_rewrite_is_the_same(runner: Runner) -> None:
    before = runner.run_source(BEFORE)
    assert before.steps("loss") == [0, 1, 2, 3, 4]
    verdict = compare(before, runner.run_source(RIGHT), runner.run_source(BEFORE))
    assert verdict.kind == "same", verdict.lines
    assert "5 events with folder, tag, step, kind and value" in verdict.same
    assert verdict.notes == ("summaries: 1 traced and 0 written on the host before, 0 and 5 after",)


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_rewrite_is_different(runner: Runner, case: tuple[object, ...]) -> None:
    *edits, line = case
    source = RIGHT
    for old, new in edits:  # type: ignore[misc]
        assert old in source
        source = source.replace(old, new)
    verdict = compare(runner.run_source(BEFORE), runner.run_source(source))
    assert verdict.kind == "different", verdict.lines
    assert any(line in text for text in verdict.different), verdict.different


REPAIRS = {
    "no writer was the default": (
        BEFORE.replace("with writer.as_default():", "if True:"),
        RIGHT,
        ("5 events recorded that were lost before",),
    ),
    "jit_compile": (
        BEFORE.replace("@tf.function", "@tf.function(jit_compile=True)"),
        RIGHT.replace("@tf.function", "@tf.function(jit_compile=True)"),
        ("ended with InvalidArgumentError", "5 events recorded that were lost before"),
    ),
    "export": (
        textwrap.dedent("""
            import tensorflow as tf
            writer = tf.summary.create_file_writer("logs")
            class Net(tf.Module):
                def __init__(self):
                    self.weight = tf.Variable(2.0)
                @tf.function(input_signature=[tf.TensorSpec([])])
                def __call__(self, x):
                    y = self.weight * x
                    with writer.as_default():
                        tf.summary.scalar("y", y, step=0)
                    return y
            net = Net()
            print(float(net(tf.constant(3.0))))
            tf.saved_model.save(net, "saved")
        """),
        textwrap.dedent("""
            import tensorflow as tf
            writer = tf.summary.create_file_writer("logs")
            class Net(tf.Module):
                def __init__(self):
                    self.weight = tf.Variable(2.0)
                @tf.function(input_signature=[tf.TensorSpec([])])
                def __call__(self, x):
                    return self.weight * x
            net = Net()
            y = net(tf.constant(3.0))
            with writer.as_default():
                tf.summary.scalar("y", y, step=0)
            print(float(y))
            tf.saved_model.save(net, "saved")
        """),
        ("ended with AssertionError: Tried to export a function", "saved now: saved"),
    ),
    "a writer that os._exit robs of its events": (
        START + "writer.set_as_default()\nfor i in range(5):\n    tf.summary.scalar('a', i, step=i)\nos._exit(0)\n",
        START
        + "with writer.as_default():\n  for i in range(5):\n    tf.summary.scalar('a', i, step=i)\n"
        + "os._exit(0)\n",
        ("5 events recorded that were lost before",),
    ),
    "a step that is frozen in the trace": (
        START
        + """
now = 0
@tf.function
def record(x):
    tf.summary.scalar("x", x, step=now)

with writer.as_default():
    for now in range(3):
        record(tf.constant(2.0))
""",
        START + "with writer.as_default():\n  for now in range(3):\n    tf.summary.scalar('x', 2.0, step=now)\n",
        ("logs: 'x': the step stood at 0, now runs from 0 to 2",),
    ),
    "a v1 writer that is not closed": (
        textwrap.dedent("""
            import tensorflow.compat.v1 as tf
            tf.disable_v2_behavior()
            value = tf.placeholder(tf.float32)
            tf.summary.scalar("value", value)
            merged = tf.summary.merge_all()
            writer = tf.summary.FileWriter("logs")
            with tf.Session() as session:
                for step in range(25):
                    writer.add_summary(session.run(merged, {value: step}), step)
            import os
            os._exit(0)
        """),
        textwrap.dedent("""
            import tensorflow.compat.v1 as tf
            tf.disable_v2_behavior()
            value = tf.placeholder(tf.float32)
            tf.summary.scalar("value", value)
            merged = tf.summary.merge_all()
            writer = tf.summary.FileWriter("logs")
            with tf.Session() as session:
                for step in range(25):
                    writer.add_summary(session.run(merged, {value: step}), step)
            writer.close()
            import os
            os._exit(0)
        """),
        (" recorded that were lost before",),
    ),
}


@pytest.mark.parametrize("case", REPAIRS.values(), ids=REPAIRS.keys())
def test_a_repair_is_named(runner: Runner, case: tuple[str, str, tuple[str, ...]]) -> None:
    before, after, lines = case
    repaired = runner.run_source(after)
    verdict = compare(runner.run_source(before), repaired)
    assert verdict.kind == "repaired", (verdict.lines, repaired.stderr)
    for line in lines:
        assert any(line in text for text in verdict.repaired), verdict.repaired
