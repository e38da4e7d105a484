"""The shapes of code with summaries in it: one small program each, which runs under TensorFlow as it is."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

HEAD = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")
xs = tf.constant([[1.0, 2.0], [3.0, 5.0]])


"""


@dataclass(frozen=True)
class Shape:
    """A program, and what the codemod does with it.

    Attributes:
        body: the program behind its usual head.
        outcome: what its runs before and after the rewrite show: ``same``, ``repaired``, or ``unsafe``
            where tags lose what TensorFlow puts before them; or the code of a refusal.
    """

    body: str
    outcome: str = "same"

    @property
    def program(self) -> str:
        """The whole program."""
        return HEAD + textwrap.dedent(self.body).lstrip("\n")


RETURNS: Mapping[str, Shape] = {
    "a return in each branch of a condition on a tensor": Shape("""
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            if m > 3.0:
                return m * 2
            return m + 1


        with writer.as_default():
            for i in range(3):
                y = f(xs * (i + 1), tf.constant(i, tf.int64))
                print(float(y))
        """),
    "returns of two values, the call in an expression": Shape("""
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            with writer.as_default():
                tf.summary.scalar("mean", m, step=step)
                tf.summary.scalar("largest", tf.reduce_max(x), step=step)
            if m > 3.0:
                return m * 2, x
            else:
                return m + 1, x


        print([float(f(xs * (i + 1), tf.constant(i, tf.int64))[0]) for i in range(3)])
        """),
    "an early return under a condition of Python": Shape("""
        @tf.function
        def f(x, step, training=True):
            m = tf.reduce_mean(x)
            if not training:  # only predict
                return m * 2

            # the total is what counts
            total = tf.reduce_sum(x) * m
            tf.summary.scalar("mean", m, step=step)
            tf.summary.scalar("total", total, step=step)
            tf.summary.scalar("largest", tf.reduce_max(x), step=step)
            return total  # all of it


        with writer.as_default():
            for i in range(3):
                y = f(xs * (i + 1), tf.constant(i, tf.int64))
                z = f(xs * (i + 1), tf.constant(i, tf.int64), training=False)
                print(float(y), float(z))
        """),
    "an early return under a condition on a tensor": Shape(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            if m > 3.0:
                return m * 2
            tf.summary.scalar("mean", m, step=step)
            tf.summary.scalar("largest", tf.reduce_max(x), step=step)
            return m + 1


        with writer.as_default():
            for i in range(3):
                y = f(xs * (i + 1), tf.constant(i, tf.int64))
                print(float(y))
        """,
        "unsafe",
    ),
    "branches of Python that record and return for themselves": Shape("""
        @tf.function
        def f(x, step, mode="train"):
            m = tf.reduce_mean(x)
            if mode == "train":
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    loss = tf.reduce_sum(x**2)
                tf.summary.scalar("loss", loss, step=step)
                return loss, m
            elif mode == "test":
                tf.summary.scalar("test/loss", m, step=step)
                return m, m
            return m, m + 1


        with writer.as_default():
            for i in range(3):
                y = f(xs, tf.constant(i, tf.int64))
                print(float(y[1]), float(f(xs, tf.constant(i, tf.int64), mode="test")[0]), float(f(xs, 9, mode="")[0]))
        """),
    "a procedure that returns early": Shape("""
        @tf.function
        def f(x, step, training: bool = True):
            if training:
                total = tf.reduce_sum(x)
                tf.summary.scalar("total", total, step=step)
            else:
                return
            tf.summary.scalar("mean", tf.reduce_mean(x), step=step)


        with writer.as_default():
            for i in range(3):
                f(xs, tf.constant(i, tf.int64))
                f(xs, tf.constant(i, tf.int64), training=False)
        """),
    "a return that isn't reached in every run": Shape("""
        @tf.function
        def f(x, step, verbose=True):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            if verbose:
                return m


        with writer.as_default():
            for i in range(3):
                y = f(xs, tf.constant(i, tf.int64))
                print(y is None)
        """),
    "an early return of Python before a condition on a tensor": Shape(
        """
        @tf.function
        def f(x, step, training=True):
            m = tf.reduce_mean(x)
            if not training:
                return {"mean": m}
            if m > 3.0:
                tf.summary.scalar("large", m, step=step)
            return {"mean": m}


        with writer.as_default():
            for i in range(3):
                y = f(xs * (i + 1), tf.constant(i, tf.int64))
                print(float(y["mean"]))
        """,
        "unsafe",
    ),
    "a value made under Python's condition, returned under a tensor's": Shape(
        """
        @tf.function
        def f(x, step, debug=True):
            m = tf.reduce_mean(x)
            if debug:
                tf.summary.scalar("mean", m + 1, step=step)
            if m > 3.0:
                return m
            return m + 1


        with writer.as_default():
            for i in range(3):
                y = f(xs * (i + 1), tf.constant(i, tf.int64))
        """,
        "several-returns",
    ),
    "a value made behind an early return under a tensor's condition": Shape(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            if m > 3.0:
                return m
            rest = 3.0 - m
            tf.summary.scalar("rest", rest, step=step)
            return rest


        with writer.as_default():
            for i in range(3):
                y = f(xs * (i + 1), tf.constant(i, tf.int64))
        """,
        "branch-only-value",
    ),
    "a return in a loop": Shape(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            for i in range(3):
                if i == 2:
                    return m
            return m


        with writer.as_default():
            y = f(xs, tf.constant(0, tf.int64))
        """,
        "several-returns",
    ),
    "returns of different structure": Shape(
        """
        @tf.function
        def f(x, step, both=False):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            if both:
                return m, x
            return tf.reduce_sum(x)


        with writer.as_default():
            y = f(xs, tf.constant(0, tf.int64))
        """,
        "returns-differ",
    ),
}

SHAPES: Mapping[str, Shape] = {**RETURNS}
