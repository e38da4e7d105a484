"""The shapes of code with summaries in it: one small program each, which runs under TensorFlow as it is."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

HEAD = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")
xs = tf.constant([[1.0, 2.0], [3.0, 5.0]])


"""
MODEL = """\
import tensorflow as tf

tf.keras.utils.set_random_seed(1)
writer = tf.summary.create_file_writer("logs")
optimizer = tf.keras.optimizers.SGD(0.05)
model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
inputs = tf.random.stateless_normal((8, 3), seed=(1, 2))
dataset = tf.data.Dataset.from_tensor_slices((inputs, tf.reduce_sum(inputs, axis=1, keepdims=True))).batch(4)


"""
WITHOUT_WRITER = HEAD.replace('writer = tf.summary.create_file_writer("logs")\n', "")


@dataclass(frozen=True)
class Shape:
    """A program, and what the codemod does with it.

    Attributes:
        body: the program behind its usual head.
        outcome: what its runs before and after the rewrite show: ``same``, ``repaired``, or ``unsafe``
            where tags lose what TensorFlow puts before them; or the code of a refusal.
        head: what it starts with.
    """

    body: str
    outcome: str = "same"
    head: str = HEAD

    @property
    def program(self) -> str:
        """The whole program."""
        return self.head + textwrap.dedent(self.body).lstrip("\n")


BASICS: Mapping[str, Shape] = {
    "one call, with the summary written behind it": Shape(
        """
        @tf.function
        def train_step(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(x) - y) ** 2)
                tf.summary.scalar("loss", loss, step=optimizer.iterations)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return loss


        with writer.as_default():
            for x, y in dataset:
                loss = train_step(x, y)
        """,
        head=MODEL,
    ),
    "several calls, with a function of the same name around them": Shape("""
        @tf.function
        def f(x, step):
            tf.summary.histogram("values", x * 2, step)
            return {"mean": tf.reduce_mean(x)}


        with writer.as_default():
            y = f(xs, tf.constant(0, tf.int64))
            print(float(f(xs, tf.constant(1, tf.int64))["mean"]))
        """),
    "no writer is the default when the function is traced": Shape(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        for i in range(3):
            y = f(xs, tf.constant(i, tf.int64))
        """,
        "repaired",
    ),
    "a step that is fixed at the first trace": Shape(
        """
        @tf.function
        def f(x):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        with writer.as_default():
            for step in range(3):
                y = f(xs)
        """,
        "repaired",
    ),
    "a step that is a Python number, traced for each": Shape("""
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        with writer.as_default():
            for step in range(3):
                y = f(xs, step)
        """),
    "a condition on a tensor": Shape(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            if m > 3.0:
                tf.summary.scalar("large", m, step=step)
            return m


        with writer.as_default():
            for i in range(3):
                y = f(xs * (i + 1), tf.constant(i, tf.int64))
        """,
        "unsafe",
    ),
    "tf.cond, of lambdas and of functions": Shape(
        """
        count = tf.Variable(0, dtype=tf.int64)


        @tf.function
        def f(x):
            m = tf.reduce_mean(x)
            tf.cond(
                m > 3.0,
                true_fn=lambda: tf.summary.scalar("large", m, step=count),
                false_fn=lambda: tf.summary.scalar("small", m, step=count),
            )

            def write():
                tf.summary.scalar("mean", m, step=count)
                tf.summary.scalar("sum", m * 4, step=count)
                return True

            tf.cond(tf.equal(count % 2, 0), write, lambda: False)
            count.assign_add(1)
            return m


        with writer.as_default():
            for i in range(3):
                y = f(xs * (i + 1))
        """,
        "unsafe",
    ),
    "a comprehension, and a conditional expression": Shape("""
        @tf.function
        def f(x, step, record=True):
            metrics = {"mean": tf.reduce_mean(x), "sum": tf.reduce_sum(x)}
            [tf.summary.scalar(f"all/{name}", value, step=step) for name, value in metrics.items()]
            tf.summary.histogram("values", x, step=step) if record else None
            return metrics["mean"]


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """),
    "a value made in one branch of a tensor's condition": Shape(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            if m > 3.0:
                excess = m - 3.0
                tf.summary.scalar("excess", excess, step=step)
            return m


        with writer.as_default():
            for i in range(3):
                y = f(xs * (i + 1), tf.constant(i, tf.int64))
        """,
        "branch-only-value",
    ),
    "record_if, a name scope, and summaries of other kinds": Shape("""
        @tf.function
        def f(x, step):
            with tf.summary.record_if(lambda: True), tf.name_scope("values"):
                tf.summary.histogram("all", x, step=step)
                tf.summary.image("picture", x[tf.newaxis, :, :, tf.newaxis], step=step)
                tf.summary.text("words", tf.strings.as_string(x[0]), step=step)
            return x


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """),
    "record_if that asks for a variable, inside and around the call": Shape("""
        count = tf.Variable(0, dtype=tf.int64)


        @tf.function
        def f(x):
            tf.summary.scalar("around", tf.reduce_mean(x), step=count)
            with tf.summary.record_if(lambda: tf.equal(count % 3, 0)):
                tf.summary.scalar("inside", tf.reduce_sum(x), step=count)
            count.assign_add(1)
            return x


        def main():
            for i in range(4):
                y = f(xs)


        with writer.as_default(), tf.summary.record_if(lambda: tf.equal(count % 2, 0)):
            main()
        """),
    "record_if that asks for a variable, and no writer": Shape(
        """
        count = tf.Variable(0, dtype=tf.int64)


        @tf.function
        def f(x):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=count)
            count.assign_add(1)
            return x


        with tf.summary.record_if(lambda: tf.equal(count % 2, 0)):
            y = f(xs)
        """,
        "step",
    ),
    "a name scope that is entered twice": Shape(
        """
        @tf.function
        def f(x, step):
            with tf.name_scope("values"):
                m = tf.reduce_mean(x)
            with tf.name_scope("values"):
                tf.summary.scalar("mean", m, step=step)
            return m


        with writer.as_default():
            y = f(xs, tf.constant(0, tf.int64))
        """,
        "name-scope",
    ),
    "gradients in a loop of Python": Shape(
        """
        @tf.function
        def train_step(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(x) - y) ** 2)
            gradients = tape.gradient(loss, model.trainable_variables)
            for i, gradient in enumerate(gradients):
                tf.summary.histogram(f"gradient_{i}", gradient, step=optimizer.iterations)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return loss


        with writer.as_default():
            for x, y in dataset:
                loss = train_step(x, y)
        """,
        head=MODEL,
    ),
    "a helper that only writes": Shape("""
        def record(values, step):
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)


        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            record({"mean": m, "sum": tf.reduce_sum(x)}, step)
            return m


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """),
    "a helper that computes and writes": Shape("""
        def mean_of(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        @tf.function
        def f(x, step):
            return mean_of(x, step) * 2


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
                print(float(y))
        """),
    "replicas of a strategy": Shape("""
        strategy = tf.distribute.MirroredStrategy(["cpu:0"])


        def replica_step(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        @tf.function
        def f(x, step):
            means = strategy.run(replica_step, args=(x, step))
            return strategy.reduce(tf.distribute.ReduceOp.MEAN, means, axis=None)


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """),
    "an object that is exported, its value is returned anyway": Shape(
        """
        class Scorer(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([2, 2])])
            def score(self, x):
                m = tf.reduce_mean(x)
                with writer.as_default():
                    tf.summary.scalar("mean", m, step=1)
                return m


        scorer = Scorer()
        y = scorer.score(xs)
        tf.saved_model.save(scorer, "export")
        """,
        "repaired",
    ),
    "an object that is exported, and would return more": Shape(
        """
        class Scorer(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([2, 2])])
            def score(self, x):
                with writer.as_default():
                    tf.summary.scalar("mean", tf.reduce_mean(x), step=1)
                return x


        scorer = Scorer()
        y = scorer.score(xs)
        tf.saved_model.save(scorer, "export")
        """,
        "exported",
    ),
    "two writers, and none of them is the default": Shape(
        """
        other = tf.summary.create_file_writer("logs/other")


        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        y = f(xs, tf.constant(0, tf.int64))
        """,
        "writer-to-choose",
    ),
    "a writer that is made in the function": Shape(
        """
        @tf.function
        def f(x, step):
            w = tf.summary.create_file_writer("logs/inside")
            with w.as_default():
                tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            return x


        y = f(xs, tf.constant(0, tf.int64))
        """,
        "writer-in-graph",
    ),
}

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
    "two early returns, and values under names of their own": Shape("""
        @tf.function
        def f(x, step, a=False, b=None):
            m = tf.reduce_mean(x)
            if a:
                return m
            twice = m * 2
            if b is not None:
                return twice
            tf.summary.scalar("mean", twice, step=step)
            tf.summary.scalar("total", tf.reduce_sum(x), step=step)
            return twice


        with writer.as_default():
            for i in range(3):
                y = f(xs * (i + 1), tf.constant(i, tf.int64)) + f(xs, tf.constant(i, tf.int64), b=1)
                print(float(y), float(f(xs, tf.constant(i, tf.int64), True)))
        """),
    "returns of lists taken apart": Shape("""
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            parts = tf.unstack(x)
            tf.summary.scalar("mean", m, step=step)
            if m > 3.0:
                return *parts, m
            return *parts, m + 1


        with writer.as_default():
            for i in range(3):
                y = f(xs * (i + 1), tf.constant(i, tf.int64))
                print(len(y))
        """),
}

LOOPS: Mapping[str, Shape] = {
    "a loop over a dataset": Shape("""
        ds = tf.data.Dataset.from_tensor_slices(tf.range(6, dtype=tf.float32)).batch(2)
        count = tf.Variable(0, dtype=tf.int64)


        @tf.function
        def train_epoch(dataset):
            for x in dataset:
                loss = tf.reduce_mean(x) * 2
                count.assign_add(1)
                tf.summary.scalar("loss", loss, step=count)
                tf.summary.scalar("largest", tf.reduce_max(x), step=count)


        with writer.as_default():
            for epoch in range(2):
                train_epoch(ds)
        """),
    "a loop over a dataset that counts its steps, with the writer in it": Shape("""
        ds = tf.data.Dataset.from_tensor_slices(tf.range(6, dtype=tf.float32)).batch(2)
        loss = 7.0


        @tf.function
        def train_epoch():
            last = tf.constant(0.0)
            for step, x in enumerate(ds):
                loss = tf.reduce_mean(x) * 2
                with writer.as_default():
                    tf.summary.scalar("loss", loss, step=step)  # every step
                    writer.flush()
                last = loss
            return last


        print(loss, float(train_epoch()), float(train_epoch()))
        """),
    "an epoch of a class, over the dataset that it was given": Shape("""
        class Trainer:
            def __init__(self, dataset, debug):
                self.dataset = dataset
                self.debug = debug
                self.optimizer = tf.keras.optimizers.SGD(0.1)
                self.weights = tf.Variable([1.0, 1.0])
                self.optimizer.build([self.weights])
                self.mean = tf.keras.metrics.Mean()

            @tf.function
            def train_epoch(self, epoch):
                self.mean.reset_state()
                for x in self.dataset:
                    with tf.GradientTape() as tape:
                        loss = tf.reduce_mean((x * self.weights) ** 2)
                    gradients = tape.gradient(loss, [self.weights])
                    self.optimizer.apply_gradients(zip(gradients, [self.weights]))
                    self.mean.update_state(loss)
                    tf.summary.scalar("batch_loss", loss, step=self.optimizer.iterations)
                    if self.debug:
                        tf.summary.scalar("largest", tf.reduce_max(x), step=epoch)
                tf.summary.scalar("epoch_loss", self.mean.result(), step=epoch)
                return self.mean.result()


        trainer = Trainer(tf.data.Dataset.from_tensor_slices(tf.ones((6, 2))).batch(2), True)
        with writer.as_default():
            for epoch in range(2):
                loss = trainer.train_epoch(tf.constant(epoch, tf.int64))
                print(float(loss))
        """),
    "every second step of a dataset": Shape(
        """
        ds = tf.data.Dataset.from_tensor_slices(tf.range(6, dtype=tf.float32)).batch(2)
        count = tf.Variable(0, dtype=tf.int64)


        @tf.function
        def train_epoch(dataset):
            loss = tf.constant(0.0)
            for x in dataset:
                loss = tf.reduce_mean(x) * 2
                if count % 2 == 0:
                    with writer.as_default():
                        tf.summary.scalar("loss", loss, step=count)
                        with tf.name_scope("metrics"):
                            tf.summary.scalar("largest", tf.reduce_max(x), step=count)
                count.assign_add(1)
            return loss


        print(float(train_epoch(ds)))
        """,
        "unsafe",
    ),
    "a loop over tf.range": Shape(
        """
        @tf.function
        def f(x, n):
            total = 0.0
            for i in tf.range(n):
                total += tf.reduce_sum(x) * 0.5
                tf.summary.scalar("total", total, step=tf.cast(i, tf.int64))
            return total


        with writer.as_default():
            for epoch in range(2):
                y = f(xs, tf.constant(3))
                print(float(y))
        """,
        "unsafe",
    ),
    "while, in a method": Shape(
        """
        class Solver:
            def __init__(self):
                self.iteration = tf.Variable(0, dtype=tf.int64)
                self.writer = tf.summary.create_file_writer("logs/solver")

            @tf.function
            def solve(self, x, limit):
                \"\"\"Halves until it is small.\"\"\"
                error = tf.reduce_sum(x)
                while error > limit:
                    error = error / 2.0
                    with self.writer.as_default():
                        tf.summary.scalar("error", error, step=self.iteration)
                    self.iteration.assign_add(1)
                return error

            def run(self):
                error = self.solve(xs, tf.constant(1.0))
                again = self.solve(xs, tf.constant(0.5))
                print(float(error), float(again))


        Solver().run()
        """,
        "unsafe",
    ),
    "a loop with break, and a second loop": Shape(
        """
        @tf.function
        def f(x, n, training=True):
            if not training:
                return x
            for i in tf.range(n):
                low = tf.reduce_sum(x) * tf.cast(i, tf.float32)
                tf.summary.scalar("low", low, step=tf.cast(i, tf.int64))
                if low > 15.0:
                    break
                tf.summary.scalar("high", low + 1, step=tf.cast(i, tf.int64))
            for j in tf.range(n):
                tf.summary.scalar("mark", 1.0, step=tf.cast(j, tf.int64))
            return x


        with writer.as_default():
            y = f(xs, tf.constant(4))
            z = f(xs, tf.constant(4), False)
        """,
        "unsafe",
    ),
    "a loop of Python that does more": Shape("""
        TURNS = 2


        @tf.function
        def f(x, step):
            for i in range(TURNS):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    loss = tf.reduce_sum(x * x)
                x = x - 0.1 * tape.gradient(loss, x)
                tf.summary.scalar("loss", loss, step=step)
                tf.summary.histogram("x", x, step=step * 2 + 1)
            tf.summary.scalar("final", tf.reduce_sum(x), step=step)
            return x


        with writer.as_default():
            for step in range(2):
                y = f(xs, tf.constant(step, tf.int64))
        """),
    "a loop of Python whose variable is in the tag": Shape("""
        @tf.function
        def f(x, step):
            for i in range(3):
                x = x * 0.5
                tf.summary.histogram(f"layer_{i}", x, step=step)
            return x


        with writer.as_default():
            for step in range(2):
                y = f(xs, tf.constant(step, tf.int64))
        """),
    "a histogram in a loop of the graph": Shape(
        """
        @tf.function
        def f(x, n):
            for i in tf.range(n):
                tf.summary.histogram("values", x[0, :i], step=tf.cast(i, tf.int64))
            return x


        with writer.as_default():
            y = f(xs, tf.constant(2))
        """,
        "graph-loop",
    ),
    "a loop of the graph, compiled by XLA": Shape(
        """
        @tf.function(jit_compile=True)
        def f(x, n):
            for i in tf.range(n):
                tf.summary.scalar("value", x[0, 0], step=tf.cast(i, tf.int64))
            return x


        with writer.as_default():
            y = f(xs, tf.constant(2))
        """,
        "graph-loop",
    ),
    "a loop over a dataset in a loop of the graph": Shape(
        """
        ds = tf.data.Dataset.from_tensor_slices(tf.range(6, dtype=tf.float32)).batch(2)
        count = tf.Variable(0, dtype=tf.int64)


        @tf.function
        def f(epochs):
            total = 0.0
            for epoch in tf.range(epochs):
                for x in ds:
                    total += tf.reduce_sum(x)
                    tf.summary.scalar("batch", total, step=count)
                    count.assign_add(1)
                tf.summary.scalar("epoch", total, step=tf.cast(epoch, tf.int64))
            return total


        with writer.as_default():
            y = f(tf.constant(2))
        """,
        "unsafe",
    ),
    "a loop of Python over gradients in every second step": Shape(
        """
        @tf.function
        def train_step(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(x) - y) ** 2)
            gradients = tape.gradient(loss, model.trainable_variables)
            if tf.equal(optimizer.iterations % 2, 0):
                tf.summary.scalar("loss", loss, step=optimizer.iterations)
                for i, (gradient, variable) in enumerate(zip(gradients, model.trainable_variables)):
                    tf.summary.histogram(f"gradient_{i}", gradient, step=optimizer.iterations)
                    tf.summary.scalar(f"norm_{i}", tf.norm(variable), step=optimizer.iterations)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return loss


        with writer.as_default():
            for x, y in dataset.repeat(2):
                loss = train_step(x, y)
        """,
        "unsafe",
        head=MODEL,
    ),
    "gradients that may be None, under conditions of both kinds": Shape(
        """
        @tf.function
        def train_step(x, y, record=True):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(x) - y) ** 2)
            gradients = tape.gradient(loss, model.trainable_variables)
            if record:
                for i, gradient in enumerate(gradients):
                    tf.summary.histogram(f"gradient_{i}", gradient, step=optimizer.iterations)
            if optimizer.iterations % 2 == 0:
                for gradient, variable in zip(gradients, model.trainable_variables):
                    if gradient is not None:
                        tf.summary.histogram("second", gradient, step=optimizer.iterations)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return loss


        with writer.as_default():
            for i, (x, y) in enumerate(dataset):
                loss = train_step(x, y, record=i < 1)
        """,
        "unsafe",
        head=MODEL,
    ),
    "a loop of Python in another, over the weights of layers": Shape(
        """
        @tf.function
        def train_step(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(x) - y) ** 2)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            for i, layer in enumerate(model.layers):
                for j, weight in enumerate(layer.trainable_weights):
                    tf.summary.histogram(f"weight_{i}_{j}", weight, step=optimizer.iterations)
            return loss


        with writer.as_default():
            for x, y in dataset:
                loss = train_step(x, y)
        """,
        head=MODEL,
    ),
    "a loop over the layers of an object": Shape("""
        class Net(tf.Module):
            def __init__(self):
                super().__init__()
                self.layers = [tf.keras.layers.Dense(2, kernel_initializer="ones") for _ in range(2)]

            @tf.function
            def run(self, x, step):
                for i, layer in enumerate(self.layers):
                    x = layer(x)
                    tf.summary.histogram(f"layer_{i}", x, step=step)
                    tf.summary.scalar(f"sum/{layer.units}_{i}", tf.reduce_sum(x), step=step)
                return x


        net = Net()
        with writer.as_default():
            for i in range(2):
                y = net.run(xs, tf.constant(i, tf.int64))
        """),
    "dictionaries of losses and of metrics, on an object that is called from outside": Shape("""
        class Trainer:
            def __init__(self):
                self.weights = tf.Variable([1.0, 2.0])
                self.metrics = {"mean": tf.keras.metrics.Mean(), "sum": tf.keras.metrics.Sum()}

            def losses(self, x):
                error = x * self.weights
                return {"square": tf.reduce_mean(error**2), "absolute": tf.reduce_mean(tf.abs(error))}

            @tf.function
            def train(self, x, step):
                losses = self.losses(x)
                for name, value in losses.items():
                    tf.summary.scalar("loss/" + name, value, step=step)
                total = tf.add_n(list(losses.values()))
                for metric in self.metrics.values():
                    metric.update_state(total)
                for name, metric in self.metrics.items():
                    tf.summary.scalar(name, metric.result(), step=step)
                tf.summary.scalar("norm", tf.norm(self.weights), step=step)
                return total


        trainer = Trainer()
        with writer.as_default():
            for step in range(2):
                result = trainer.train(xs, tf.constant(step, tf.int64))
                print(float(result), len([name for name in trainer.metrics]))
        """),
    "norms of weights, on an object that is called from outside": Shape("""
        class Trainer:
            def __init__(self):
                self.model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(2)])

            @tf.function
            def run(self, x):
                outputs = self.model(x)
                for variable in self.model.trainable_variables:
                    tf.summary.scalar("norm/" + variable.name, tf.norm(variable) * tf.reduce_sum(x), step=0)
                return outputs


        def main():
            norm, trainer = 5, Trainer()
            outputs = trainer.run(xs)
            print(norm, outputs.shape)


        with writer.as_default():
            main()
        """),
    "a loop whose variable has the wrapper's name for a result": Shape("""
        @tf.function
        def double(x):
            results = [x, x * 2]
            for number, result in enumerate(results):
                tf.summary.scalar(f"result_{number}", tf.reduce_sum(result), step=0)
            return tf.add_n(results)


        with writer.as_default():
            print(float(tf.reduce_sum(double(xs) + double(xs))))
        """),
    "a dictionary that the function fills": Shape(
        """
        values = {}


        @tf.function
        def f(x, step):
            values["x"] = tf.reduce_sum(x)
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)


        with writer.as_default():
            f(xs, tf.constant(0, tf.int64))
        """,
        "tag-in-graph",
    ),
    "run eagerly": Shape("""
        tf.config.run_functions_eagerly(True)
        ds = tf.data.Dataset.from_tensor_slices(tf.range(6, dtype=tf.float32)).batch(2)
        weight = tf.Variable(1.0)


        @tf.function
        def f(dataset, epoch):
            for x in dataset:
                tf.summary.scalar("weight", weight, step=epoch)
                weight.assign_add(tf.reduce_sum(x))


        with writer.as_default():
            for epoch in range(2):
                f(ds, epoch)
        """),
}

WRITERS: Mapping[str, Shape] = {
    "a short name for the writer, and flush under a condition": Shape("""
        class Trainer:
            def __init__(self):
                self.summary_writer = tf.summary.create_file_writer("logs/trainer")
                self.step = tf.Variable(0, dtype=tf.int64)

            @tf.function
            def train(self, x, every=2):
                w = self.summary_writer
                m = tf.reduce_mean(x)
                with w.as_default():
                    tf.summary.scalar("mean", m, step=self.step)
                if self.step % every == 0:
                    w.flush()
                self.step.assign_add(1)
                return m

            def run(self):
                for _ in range(3):
                    m = self.train(xs)


        Trainer().run()
        """),
    "init and flush in the function": Shape("""
        @tf.function
        def f(x, step):
            writer.init()
            with writer.as_default() as w:
                tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
                tf.summary.flush()
            tf.summary.flush(writer)
            return x


        for i in range(2):
            y = f(xs, tf.constant(i, tf.int64))
        """),
    "close in the only run": Shape("""
        @tf.function
        def f(x, step):
            with writer.as_default():
                tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            writer.close()
            return x


        def main():
            y = f(xs, tf.constant(0, tf.int64))


        main()
        """),
    "close, and the function runs again": Shape(
        """
        @tf.function
        def f(x, step):
            with writer.as_default():
                tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            writer.close()
            return x


        for i in range(2):
            y = f(xs, tf.constant(i, tf.int64))
        """,
        "writer-closed",
    ),
    "a writer that writes nothing, in the place of one of two": Shape(
        """
        def train(recording):
            if recording:
                w = tf.summary.create_file_writer("logs/run")
            else:
                w = tf.summary.create_noop_writer()

            @tf.function
            def f(x, step):
                m = tf.reduce_mean(x)
                tf.summary.scalar("mean", m, step=step)
                return m

            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))


        train(True)
        """,
        "repaired",
        WITHOUT_WRITER,
    ),
    "a writer as an argument, one of several by name": Shape("""
        writers = {"train": writer, "test": tf.summary.create_file_writer("logs/test")}


        @tf.function
        def f(x, step, w):
            m = tf.reduce_mean(x)
            with w.as_default():
                tf.summary.scalar("mean", m, step=step)
            return m


        @tf.function
        def g(x, step, name="train"):
            m = tf.reduce_mean(x)
            with writers[name].as_default():
                tf.summary.scalar("mean", m, step=step)
            return m


        for i in range(2):
            y = f(xs, tf.constant(i, tf.int64), writer)
            z = g(xs, tf.constant(i, tf.int64)) + g(xs, tf.constant(i, tf.int64), name="test")
        """),
    "a writer that may be missing": Shape("""
        class Trainer:
            def __init__(self, w=None):
                self.w = w

            @tf.function
            def train(self, x, step):
                m = tf.reduce_mean(x)
                if self.w is not None:
                    with self.w.as_default():
                        tf.summary.scalar("mean", m, step=step)
                return m


        with_writer, without = Trainer(writer), Trainer()
        for i in range(2):
            y = with_writer.train(xs, tf.constant(i, tf.int64))
            z = without.train(xs, tf.constant(i, tf.int64))
        """),
    "a new writer for each run": Shape(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        for run in range(2):
            w = tf.summary.create_file_writer(f"logs/{run}")
            with w.as_default():
                for i in range(2):
                    y = f(xs, tf.constant(i, tf.int64))
        """,
        "repaired",
    ),
    "a writer for training and one for tests, told apart by a flag": Shape("""
        test_writer = tf.summary.create_file_writer("logs/test")


        @tf.function
        def f(x, step, training):
            m = tf.reduce_mean(x)
            if training:
                m = m * 2
            tf.summary.scalar("mean", m, step=step)
            return m


        for i in range(2):
            with writer.as_default():
                y = f(xs, tf.constant(i, tf.int64), True)
            with test_writer.as_default():
                y = f(xs, tf.constant(i, tf.int64), training=False)
        """),
    "a writer for training and one for tests, and one trace": Shape(
        """
        test_writer = tf.summary.create_file_writer("logs/test")


        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        for i in range(2):
            with writer.as_default():
                y = f(xs, tf.constant(i, tf.int64))
            with test_writer.as_default():
                y = f(xs * 3, tf.constant(i, tf.int64))
        """,
        "unsafe",
    ),
    "a call without a writer before": Shape(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        y = f(xs, tf.constant(0, tf.int64))
        with writer.as_default():
            y = f(xs, tf.constant(1, tf.int64))
        """,
        "several-writers",
    ),
    "writers in turn, all of them alive": Shape(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        for w in [writer, tf.summary.create_file_writer("logs/other")]:
            with w.as_default():
                y = f(xs, tf.constant(0, tf.int64))
        """,
        "unsafe",
    ),
    "a function that is given one writer after the other": Shape(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        def run(w):
            with w.as_default():
                y = f(xs, tf.constant(0, tf.int64))


        other = tf.summary.create_file_writer("logs/other")
        run(writer)
        run(other)
        """,
        "unsafe",
    ),
    "an attribute that is given another writer": Shape(
        """
        class Trainer:
            def __init__(self):
                self.w = writer

            @tf.function
            def train(self, x, step):
                m = tf.reduce_mean(x)
                with self.w.as_default():
                    tf.summary.scalar("mean", m, step=step)
                return m


        trainer = Trainer()
        for i in range(2):
            y = trainer.train(xs, tf.constant(i, tf.int64))
            trainer.w = tf.summary.create_file_writer("logs/other")
        """,
        "unsafe",
    ),
}

CALLS: Mapping[str, Shape] = {
    "names of TensorFlow that are imported one by one": Shape(
        """
        from tensorflow import Variable, constant, function, int64, summary

        writer = summary.create_file_writer("logs")
        count = Variable(0, dtype=int64)


        @function
        def f(x):
            summary.scalar("mean", x * 2, step=count)
            count.assign_add(1)
            return x


        with writer.as_default():
            for i in range(2):
                y = f(constant(2.0))
        """,
        head="",
    ),
    "a function in a block of the module": Shape("""
        if __name__:

            @tf.function
            def f(x, step):
                m = tf.reduce_mean(x)
                tf.summary.scalar("mean", m, step=step)
                return m

            with writer.as_default():
                print([float(f(xs, i)) for i in range(2)])
        """),
    "a method that is looked up by a computed name": Shape("""
        class Trainer:
            @tf.function
            def train_gan(self, x, step):
                m = tf.reduce_mean(x)
                tf.summary.scalar("mean", m, step=step)
                return m

            def run(self):
                with writer.as_default():
                    y = self.train_gan(xs, tf.constant(0, tf.int64))
                    for kind in ("gan",):
                        train = getattr(self, f"train_{kind}")
                        print(float(train(xs, tf.constant(1, tf.int64))))


        Trainer().run()
        """),
    "arguments from lists and dicts": Shape("""
        @tf.function
        def f(x, step, scale=2.0):
            m = tf.reduce_mean(x) * scale
            tf.summary.scalar("mean", m, step=step)
            return m


        positional, named = (xs, tf.constant(0, tf.int64)), {"x": xs, "step": tf.constant(1, tf.int64)}
        with writer.as_default():
            print(float(f(*positional)), float(f(**named)), float(f(**named, scale=3.0)))
        """),
    "parameters of every kind": Shape("""
        @tf.function
        def f(x, /, *rest, step, tag="mean", **others):
            m = tf.reduce_mean(x) * others["scale"]
            tf.summary.scalar(tag, m, step=step)
            return m


        @tf.function
        def g(*inputs, step):
            m = tf.reduce_sum(inputs[0])
            tf.summary.scalar("sum", m, step=step)
            return m


        with writer.as_default():
            for i in range(2):
                y = f(xs, xs, step=tf.constant(i, tf.int64), scale=2.0)
                z = g(xs, step=tf.constant(i, tf.int64))
        """),
    "static methods and class methods": Shape("""
        class Values:
            scale = 2.0

            @staticmethod
            @tf.function
            def mean(x, step):
                m = tf.reduce_mean(x)
                tf.summary.scalar("mean", m, step=step)
                return m

            @classmethod
            @tf.function
            def total(cls, x, step):
                \"\"\"Returns the sum.\"\"\"
                s = tf.reduce_sum(x) * cls.scale
                tf.summary.scalar("total", s, step=step)
                return s


        class Others(Values):
            scale = 3.0


        with writer.as_default():
            for i in range(2):
                y = Values.mean(xs, tf.constant(i, tf.int64))
                print(float(Values.total(xs, tf.constant(i, tf.int64)) + Others.total(xs, tf.constant(i, tf.int64))))
        """),
    "methods that override one another": Shape("""
        class Base:
            @tf.function
            def train(self, x, step):
                m = tf.reduce_mean(x)
                with writer.as_default():
                    tf.summary.scalar("base", m, step=step)
                return m

            def run(self):
                for i in range(2):
                    y = self.train(xs, tf.constant(i, tf.int64))
                    print(float(y))


        class Special(Base):
            @tf.function
            def train(self, x, step):
                m = tf.reduce_sum(x)
                with writer.as_default():
                    tf.summary.scalar("special", m, step=step)
                return m


        Base().run()
        Special().run()
        """),
    "a method that calls the one it overrides": Shape("""
        class Base:
            @tf.function
            def train(self, x, step):
                return tf.reduce_mean(x)


        class Special(Base):
            @tf.function
            def train(self, x, step):
                m = super().train(x, step) + 1.0
                with writer.as_default():
                    tf.summary.scalar("mean", m, step=step)
                return m


        for trainer in (Base(), Special()):
            print(float(trainer.train(xs, tf.constant(3, tf.int64))))
        """),
    "a summary in the method that another one overrides and calls": Shape(
        """
        class Base:
            @tf.function
            def train(self, x, step):
                m = tf.reduce_mean(x)
                with writer.as_default():
                    tf.summary.scalar("mean", m, step=step)
                return m


        class Special(Base):
            @tf.function
            def train(self, x, step):
                return Base.train(self, x, step) + 1.0


        print(float(Special().train(xs, tf.constant(1, tf.int64))))
        """,
        "overridden",
    ),
    "a function that is made by another": Shape("""
        def make(scale):
            @tf.function
            def train(x, step):
                m = tf.reduce_mean(x) * scale
                tf.summary.scalar("mean", m, step=step)
                return m

            @tf.function
            def test(x, step):
                tf.summary.scalar("total", tf.reduce_sum(x), step=step)

            return train, test


        def main():
            train, test = make(2.0)
            with writer.as_default():
                for i in range(2):
                    y = train(xs, tf.constant(i, tf.int64))
                    test(xs, tf.constant(i, tf.int64))


        main()
        """),
    "a function that an object keeps, made in a method": Shape(
        """
        count = tf.Variable(0, dtype=tf.int64)


        class Trainer:
            def __init__(self):
                self.train = self._make()

            def _make(self):
                @tf.function
                def train(x, step):
                    tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
                    count.assign_add(1)
                    return x

                return train

            def run(self):
                for i in range(2):
                    y = self.train(xs, count)


        Trainer().run()
        """,
        "repaired",
    ),
    "a partial, and another name": Shape("""
        import functools


        @tf.function
        def f(x, step, scale):
            m = tf.reduce_mean(x) * scale
            tf.summary.scalar("mean", m, step=step)
            return m


        double = functools.partial(f, scale=2.0)
        train = f
        with writer.as_default():
            for i in range(2):
                y = double(xs, tf.constant(i, tf.int64))
                z = train(xs, tf.constant(i, tf.int64), 3.0)
        """),
    "a helper that is told by a constant what to record": Shape("""
        def report(x, step, training):
            mean = tf.reduce_mean(x)
            if training:
                tf.summary.scalar("train/mean", mean, step=step)
            else:
                # Larger than before.
                tf.summary.scalar("test/mean", mean * 2, step=step)
            return mean


        @tf.function
        def train(x, step):
            return report(x, step, True)


        @tf.function
        def test(x, step):
            return report(x, step, training=False)


        with writer.as_default():
            for i in range(2):
                one = train(xs, tf.constant(i, tf.int64))
                two = test(xs, tf.constant(i, tf.int64))
        """),
    "a helper whose result another call of it is given": Shape("""
        def double(x, step):
            x = x * 2
            tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            return x


        @tf.function
        def f(x, step):
            x = double(double(x, step), step)
            return double(double(x, step), step)


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """),
    "random numbers, in a trace for each tag": Shape("""
        tf.random.set_seed(3)


        @tf.function
        def f(x, step, name):
            m = tf.reduce_mean(x + tf.random.normal([2, 2]))
            tf.summary.scalar(name, m, step=step)
            return m


        with writer.as_default():
            for i in range(2):
                print(float(f(xs, tf.constant(i, tf.int64), "one")), float(f(xs, tf.constant(i, tf.int64), "two")))
        """),
    "a function that is handed on": Shape(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        with writer.as_default():
            print([float(y) for y in map(f, [xs], [tf.constant(0, tf.int64)])])
        """,
        "function-object-used",
    ),
    "compiled by XLA": Shape(
        """
        @tf.function(jit_compile=True)
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            if m > 3.0:
                return m
            return m + 1


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """,
        "repaired",
    ),
}

OBJECTS: Mapping[str, Shape] = {
    "a layer that a training step calls by its model": Shape(
        """
        class Layer(tf.keras.layers.Layer):
            def call(self, x):
                y = tf.nn.relu(x)
                tf.summary.scalar("active", tf.reduce_mean(y), step=optimizer.iterations)
                return y


        class Net(tf.keras.Model):
            def __init__(self):
                super().__init__()
                self.hidden = tf.keras.layers.Dense(4)
                self.layer = Layer()
                self.last = tf.keras.layers.Dense(1)

            def call(self, x):
                return self.last(self.layer(self.hidden(x)))


        net = Net()


        @tf.function
        def train_step(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((net(x) - y) ** 2)
            gradients = tape.gradient(loss, net.trainable_variables)
            optimizer.apply_gradients(zip(gradients, net.trainable_variables))
            return loss


        with writer.as_default():
            for x, y in dataset:
                loss = train_step(x, y)
        """,
        "unsafe",
        head=MODEL,
    ),
    "a model whose call is told by a flag to record": Shape(
        """
        class Net(tf.keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = tf.keras.layers.Dense(1)

            def call(self, x, training=False):
                y = self.dense(x)
                if training:
                    tf.summary.histogram("outputs", y, step=optimizer.iterations)
                return y


        class Trainer:
            def __init__(self, net):
                self.net = net

            @tf.function
            def train(self, x, y):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((self.net(x, training=True) - y) ** 2)
                gradients = tape.gradient(loss, self.net.trainable_variables)
                optimizer.apply_gradients(zip(gradients, self.net.trainable_variables))
                return loss

            @tf.function
            def test(self, x, y):
                return tf.reduce_mean((self.net(x, training=False) - y) ** 2)


        trainer = Trainer(Net())
        with writer.as_default():
            for x, y in dataset:
                loss = trainer.train(x, y)
                print(float(trainer.test(x, y)) >= 0)
        """,
        "unsafe",
        head=MODEL,
    ),
    "two layers of a class": Shape(
        """
        class Layer(tf.keras.layers.Layer):
            def call(self, x):
                tf.summary.scalar("mean", tf.reduce_mean(x), step=0)
                return x


        one, two = Layer(name="one"), Layer(name="two")


        @tf.function
        def f(x):
            return two(one(x) * 2)


        with writer.as_default():
            y = f(xs)
        """,
        "keras-call",
    ),
    "a layer in a list of layers": Shape(
        """
        class Layer(tf.keras.layers.Layer):
            def call(self, x):
                tf.summary.scalar("mean", tf.reduce_mean(x), step=0)
                return x


        net = tf.keras.Sequential([Layer(name="layer")], name="net")


        @tf.function
        def f(x):
            return net(x)


        with writer.as_default():
            y = f(xs)
        """,
        "keras-call",
    ),
    "the training step of a model, called by hand": Shape(
        """
        class Net(tf.keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = tf.keras.layers.Dense(1)

            def call(self, x):
                return self.dense(x)

            @tf.function
            def train_step(self, data):
                x, y = data
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((self(x) - y) ** 2)
                gradients = tape.gradient(loss, self.trainable_variables)
                tf.summary.scalar("loss", loss, step=optimizer.iterations)
                optimizer.apply_gradients(zip(gradients, self.trainable_variables))
                return {"loss": loss}


        net = Net()
        with writer.as_default():
            for data in dataset:
                net.train_step(data)
        """,
        head=MODEL,
    ),
    "a module of TensorFlow that is traced itself": Shape("""
        class Scale(tf.Module):
            def __init__(self):
                super().__init__()
                self.count = tf.Variable(0, dtype=tf.int64)

            @tf.function
            def __call__(self, x):
                x = x * 2
                tf.summary.scalar("mean", tf.reduce_mean(x), step=self.count)
                self.count.assign_add(1)
                return x


        scale = Scale()
        with writer.as_default():
            if tf.reduce_sum(scale(xs)) > 1:
                print(scale(xs).numpy())
        """),
    "two modules of TensorFlow in a traced function": Shape("""
        class Scale(tf.Module):
            def __init__(self, factor, name=None):
                super().__init__(name=name)
                self.factor = factor

            def __call__(self, x, step):
                x = x * self.factor
                tf.summary.scalar(self.name, tf.reduce_mean(x), step=step)
                return x


        one, two = Scale(2.0, "one"), Scale(3.0, name="two")


        @tf.function
        def f(x, step):
            return two(one(x, step), step)


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """),
    "a loss that is an object of its own": Shape("""
        class Loss:
            def __init__(self, weight):
                self.weight = weight

            def __call__(self, x, step):
                loss = self.weight * tf.reduce_mean(x ** 2)
                tf.summary.scalar("loss", loss, step=step)
                return loss


        class Training:
            def __init__(self, loss):
                self.loss = loss

            @tf.function
            def step(self, x, step):
                return self.loss(x, step)


        training = Training(Loss(0.5))
        with writer.as_default():
            for i in range(2):
                print(float(training.step(xs, tf.constant(i, tf.int64))))
        """),
}
STEPS: Mapping[str, Shape] = {
    "a step that the constructor is given": Shape("""
        class Trainer:
            def __init__(self, step):
                self.step = step

            def advance(self):
                advance(self)

            @tf.function
            def train(self, x):
                tf.summary.scalar("mean", tf.reduce_mean(x), step=self.step)
                self.advance()
                return x


        def advance(trainer):
            trainer.step.assign_add(1)


        trainer = Trainer(tf.Variable(0, dtype=tf.int64))
        with writer.as_default():
            for i in range(3):
                y = trainer.train(xs)
        """),
    "steps in a checkpoint, a dict and a property": Shape("""
        checkpoint = tf.train.Checkpoint(step=tf.Variable(0, dtype=tf.int64))
        state = {"step": tf.Variable(5, dtype=tf.int64)}


        class Trainer:
            def __init__(self):
                self._counter = tf.Variable(7, dtype=tf.int64)

            @property
            def counter(self):
                return self._counter

            @tf.function
            def train(self, x):
                tf.summary.scalar("checkpoint", tf.reduce_mean(x), step=checkpoint.step)
                tf.summary.scalar("dict", tf.reduce_mean(x), step=state["step"] + 1)
                tf.summary.scalar("property", tf.reduce_mean(x), step=self.counter)
                checkpoint.step.assign_add(1)
                state["step"].assign_add(1)
                self.counter.assign_add(1)
                return x


        trainer = Trainer()
        with writer.as_default():
            for i in range(3):
                y = trainer.train(xs)
        """),
    "a step of a kind that can't be seen": Shape("""
        def counter():
            return tf.Variable(0, dtype=tf.int64)


        step = counter()


        def advance(variable):
            variable.assign_add(1)


        @tf.function
        def f(x, number):
            tf.summary.scalar("variable", tf.reduce_mean(x), step=step)
            tf.summary.scalar("number", tf.reduce_mean(x), step=number)
            advance(step)
            return x


        numbers = {i: i for i in range(3)}
        with writer.as_default():
            for i in range(3):
                y = f(xs, numbers[i])
        """),
    "a step that changes by casts and by functions that TensorFlow is given": Shape("""
        a, b, c, d, e = (tf.Variable(0, dtype=tf.int64) for _ in range(5))


        def bump():
            return b.assign_add(1)


        @tf.function
        def f(x):
            step = tf.cast(a, tf.int64)
            tf.summary.scalar("cast", tf.reduce_mean(x), step=step)
            tf.summary.scalar("inline", tf.reduce_mean(x), step=tf.cast(a, tf.int64))
            a.assign_add(1)
            return x


        @tf.function
        def g(x):
            tf.summary.scalar("branch", tf.reduce_mean(x), step=b)
            y = tf.cond(tf.reduce_sum(x) > 0.0, bump, lambda: tf.constant(0, tf.int64))
            return x


        @tf.function
        def h(x):
            tf.summary.scalar("structure", tf.reduce_mean(x), step=c)
            tf.nest.map_structure(lambda v: v.assign_add(1), [c])
            return x


        @tf.function
        def k(x):
            tf.summary.scalar("old", tf.reduce_mean(x), step=d)
            tf.compat.v1.assign_add(d, 1)
            return x


        with writer.as_default():
            for i in range(3):
                y = f(xs)
                y = g(xs)
                y = h(xs)
                y = k(xs)
        """),
}

SECTIONS: Mapping[str, Mapping[str, Shape]] = {
    "The basics": BASICS,
    "Returns": RETURNS,
    "Loops": LOOPS,
    "Writers": WRITERS,
    "Functions and calls": CALLS,
    "Steps": STEPS,
    "Objects that are called": OBJECTS,
}
SHAPES: Mapping[str, Shape] = {name: shape for section in SECTIONS.values() for name, shape in section.items()}
