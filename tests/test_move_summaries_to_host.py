"""The codemod `move-summaries-to-host`."""

import json
import textwrap

import pytest

from codemods.engine.codemod import Refusal, Severity, Status
from codemods.engine.result import Settings
from codemods.engine.run import run_on_text
from codemods.move_summaries_to_host import MoveSummariesToHost
from codemods.summaries import lift, refusals
from codemods.verify.compare import compare
from codemods.verify.run import Runner
from tests.tools import Check

check = Check("move_summaries_to_host")

HEAD = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")
xs = tf.constant([[1.0, 2.0], [3.0, 5.0]])


"""
BARE = """\
import tensorflow as tf

xs = tf.constant([[1.0, 2.0], [3.0, 5.0]])


"""
MODEL = """\
import tensorflow as tf

tf.keras.utils.set_random_seed(1)
writer = tf.summary.create_file_writer("logs")
optimizer = tf.keras.optimizers.SGD(0.05)
model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
xs = tf.random.stateless_normal((8, 3), seed=(1, 2))
ys = tf.reduce_sum(xs, axis=1, keepdims=True)
dataset = tf.data.Dataset.from_tensor_slices((xs, ys)).batch(4)


def loss_of(x, y):
    return tf.reduce_mean((model(x, training=True) - y) ** 2)


"""
CALL = """

with writer.as_default():
    for i in range(2):
        y = f(xs, tf.constant(i, tf.int64))
"""
MANY_CALLS = """

with writer.as_default():
    print([f(xs, tf.constant(i, tf.int64)).numpy() for i in range(2)])
"""


def program(body: str, head: str = HEAD) -> str:
    """Return a program of a usual head and a body that may be indented with its test."""
    if "create_file_writer(folder)" in body or "no writer anywhere" in body:
        head = BARE
    return head + textwrap.dedent(body).lstrip("\n")


# The forms: behind the call, or in a wrapper. -----------------------------------------------------

FORMS = {
    "behind_the_only_call": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m
        """
    + textwrap.indent(CALL, " " * 8),
    "behind_a_call_whose_result_is_not_used": """
        @tf.function
        def f(x, step):
            lo, hi = tf.reduce_min(x), tf.reduce_max(x)
            tf.summary.scalar("high", hi, step=step)
            tf.summary.scalar("spread", hi - lo, step=step)
            return lo, hi


        with writer.as_default():
            for i in range(2):
                f(xs, tf.constant(i, tf.int64))
        """,
    "wrapper_for_a_call_in_an_expression": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m
        """
    + textwrap.indent(MANY_CALLS, " " * 8),
    "wrapper_for_two_calls": """
        @tf.function
        def f(x, step):
            tf.summary.histogram("values", x * 2, step)
            return {"mean": tf.reduce_mean(x)}


        with writer.as_default():
            y = f(xs, tf.constant(0, tf.int64))
            print(f(xs, tf.constant(1, tf.int64))["mean"].numpy())
        """,
    "wrapper_for_an_augmented_assignment": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        total = 0.0
        with writer.as_default():
            for i in range(2):
                total += f(xs, tf.constant(i, tf.int64))
        print(float(total))
        """,
    "wrapper_for_a_chained_assignment": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        with writer.as_default():
            a = b = f(xs, tf.constant(0, tf.int64))
        print(float(a), float(b))
        """,
    "wrapper_of_a_function_with_every_kind_of_parameter": """
        @tf.function
        def f(x, /, step: int, *rest: tf.Tensor, tag: str = "mean", **options: int) -> tf.Tensor:
            m = tf.reduce_mean(x)
            tf.summary.scalar(tag, m, step=step)
            return m + 1


        with writer.as_default():
            y = f(xs, 1)
            print(f(xs, 2, xs, tag="other", q=1).numpy())
        """,
    "method_called_on_self": """
        class Trainer:
            def __init__(self):
                self.writer = tf.summary.create_file_writer("logs/trainer")
                self.step = tf.Variable(0, dtype=tf.int64)

            @tf.function
            def train(self, x):
                m = tf.reduce_mean(x)
                with self.writer.as_default():
                    tf.summary.scalar("mean", m, step=self.step)
                self.step.assign_add(1)
                return m

            def run(self):
                for _ in range(2):
                    m = self.train(xs)


        Trainer().run()
        """,
    "method_called_on_an_object": """
        class Trainer:
            def __init__(self, name):
                self.name = name

            @tf.function
            def train(self, x, step):
                m = tf.reduce_mean(x)
                tf.summary.scalar(f"{self.name}/mean", m, step=step)
                return m


        a, b = Trainer("a"), Trainer("b")
        with writer.as_default():
            for i in range(2):
                a.train(xs, tf.constant(i, tf.int64))
                b.train(xs, tf.constant(i, tf.int64))
        """,
    "function_inside_a_function": """
        def main():
            writer = tf.summary.create_file_writer("logs/main")

            @tf.function
            def f(x, step):
                tf.summary.scalar("mean", tf.reduce_mean(x), step=step)

            with writer.as_default():
                for i in range(3):
                    f(xs, tf.constant(i, tf.int64))
                f(xs, tf.constant(9, tf.int64))


        main()
        """,
    "traced_by_an_assignment": """
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m * 2


        fast = tf.function(f, reduce_retracing=True)
        with writer.as_default():
            for i in range(2):
                y = fast(xs, tf.constant(i, tf.int64))
        """,
    "traced_by_an_assignment_to_its_own_name": """
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m + 1, step=step)
            return m


        f = tf.function(f)
        """
    + textwrap.indent(CALL, " " * 8),
    "traced_in_the_constructor": """
        class Trainer:
            def __init__(self):
                self.writer = tf.summary.create_file_writer("logs/trainer")
                self.train = tf.function(self._train)

            def _train(self, x, step):
                m = tf.reduce_mean(x)
                with self.writer.as_default():
                    tf.summary.scalar("mean", m, step=step)
                return m + 1

            def run(self):
                for i in range(2):
                    m = self.train(xs, tf.constant(i, tf.int64))


        Trainer().run()
        """,
    "two_functions_that_use_the_same_names": """
        @tf.function
        def f(x, step):
            loss = tf.reduce_mean(x)
            tf.summary.scalar("f", loss, step=step)


        @tf.function
        def g(x, step):
            loss = tf.reduce_sum(x)
            tf.summary.scalar("g", loss, step=step)


        loss = 5.0
        with writer.as_default():
            f(xs, tf.constant(0, tf.int64))
            g(xs, tf.constant(0, tf.int64))
        print(loss)
        """,
}


@pytest.mark.parametrize("name", FORMS)
def test_form(name, snapshot):
    check.transformed(program(FORMS[name]), snapshot)


# What is returned: the values as they were where the summaries stood. -------------------------------

VALUES = {
    "value_bound_again_later": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            m = m * 2
            tf.summary.scalar("twice", m, step=step)
            m = m * 2
            return m
        """
    + textwrap.indent(CALL, " " * 8),
    "variable_changed_later": """
        v = tf.Variable(1.0)


        @tf.function
        def f(x, step):
            tf.summary.scalar("before", v, step=step)
            v.assign_add(1.0)
            tf.summary.scalar("after", v, step=step)
            return x
        """
    + textwrap.indent(CALL, " " * 8),
    "name_deleted_later": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            y = m + 1
            del m
            return y
        """
    + textwrap.indent(CALL, " " * 8),
    "random_data_is_drawn_where_it_was": """
        @tf.function
        def f(x, step):
            tf.summary.histogram("noise", tf.random.uniform((5,), seed=1), step=step)
            return tf.reduce_sum(x + tf.random.normal(tf.shape(x), seed=2))
        """
    + textwrap.indent(MANY_CALLS, " " * 8),
    "constants_are_not_returned": """
        @tf.function
        def f(step):
            tf.summary.scalar("one", 1.0, step=step)
            tf.summary.text("note", "hello", step=step)


        with writer.as_default():
            f(tf.constant(3, tf.int64))
        """,
    "a_parameter_is_written_as_it_is": """
        @tf.function
        def f(x, rate, step):
            tf.summary.scalar("rate", rate, step=step)
            tf.summary.scalar("step", step, step=step)
            return x * rate


        with writer.as_default():
            print([f(xs, 0.5 * i, i).numpy().sum() for i in range(2)])
        """,
    "a_parameter_with_a_signature_is_returned": """
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32), tf.TensorSpec([], tf.int64)])
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            tf.summary.histogram("x", x, step=step)
            return m


        with writer.as_default():
            for i in range(2):
                y = f([[0.1, 0.2]], i)
        """,
    "the_same_tag_three_times": """
        @tf.function
        def f(x, step):
            tf.summary.scalar("loss", tf.reduce_sum(x), step=step)
            tf.summary.scalar("loss", tf.reduce_mean(x), step=step)
            tf.summary.scalar("loss", tf.reduce_max(x), step=step)
            return x
        """
    + textwrap.indent(CALL, " " * 8),
    "tags_that_are_no_names": """
        @tf.function
        def f(x, step):
            tf.summary.scalar("sum", tf.reduce_sum(x), step=step)
            tf.summary.scalar("class", tf.reduce_mean(x), step=step)
            tf.summary.scalar("tf", tf.reduce_max(x), step=step)
            tf.summary.scalar("2nd order", tf.reduce_max(x) + 3, step=step)
            tf.summary.scalar("a/b c-d", tf.reduce_max(x) + 4, step=step)
            return x
        """
    + textwrap.indent(CALL, " " * 8),
    "a_name_that_the_caller_uses_otherwise": """
        @tf.function
        def f(x, step):
            m = tf.reduce_sum(x)
            tf.summary.scalar("m", m, step=step)
            return x


        def main():
            m = 5
            with writer.as_default():
                y = f(xs, tf.constant(0, tf.int64))
            print(m)


        main()
        """,
    "a_dict_that_holds_the_value": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            s = tf.reduce_sum(x)
            tf.summary.scalar("m", m, step=step)
            tf.summary.scalar("s", s, step=step)
            return {"m": m}


        with writer.as_default():
            out = f(xs, tf.constant(0, tf.int64))
        print(sorted(out), float(out["m"]))
        """,
    "a_tuple_kept_as_one": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("m", m, step=step)
            tf.summary.scalar("n", m + 1, step=step)
            return m, x


        with writer.as_default():
            out = f(xs, tf.constant(0, tf.int64))
        print(len(out))
        """,
    "targets_with_a_star": """
        @tf.function
        def f(x, step):
            tf.summary.scalar("sum", tf.reduce_sum(x) * 2, step=step)
            return x[0], x[1], x[0] + 1


        with writer.as_default():
            a, *rest = f(xs, tf.constant(0, tf.int64))
        print(a.numpy(), len(rest))
        """,
    "nested_targets": """
        @tf.function
        def f(x, step):
            tf.summary.scalar("sum", tf.reduce_sum(x) * 2, step=step)
            return x[0], (x[1], x[0] + 1)


        with writer.as_default():
            a, (b, c) = f(xs, tf.constant(0, tf.int64))
        print(a.numpy(), b.numpy(), c.numpy())
        """,
    "return_inside_a_tape": """
        v = tf.Variable(2.0)


        @tf.function
        def f(x, step):
            with tf.GradientTape() as tape:
                m = tf.reduce_sum(x * v)
                tf.summary.scalar("m", m + 1, step=step)
                return m
        """
    + textwrap.indent(CALL, " " * 8),
    "a_value_that_an_inner_function_uses": """
        @tf.function
        def f(x, step):
            m = tf.reduce_sum(x)
            tf.summary.scalar("m", m, step=step)

            def shifted(z):
                return z + m

            return shifted(x)
        """
    + textwrap.indent(CALL, " " * 8),
    "every_kind_of_summary": """
        @tf.function
        def f(x, step):
            tf.summary.scalar("s", tf.reduce_sum(x), step, "description")
            tf.summary.histogram("h", x + 1, step, 10)
            tf.summary.image("i", x[None, :, :, None] / 5.0, step, 1)
            tf.summary.audio("a", x[None, :, :1], 8000, step, 1)
            tf.summary.text("t", tf.as_string(x), step)
            tf.summary.write("w", x, step)
            return x
        """
    + textwrap.indent(CALL, " " * 8),
    "lists_of_tensors": """
        @tf.function
        def f(x, step):
            a = tf.reduce_mean(x)
            tf.summary.histogram("l", [a, a * 2], step=step)
            tf.summary.text("words", ["a", "b"], step=step)
            return x
        """
    + textwrap.indent(CALL, " " * 8),
    "metric_results": """
        mean = tf.keras.metrics.Mean()


        @tf.function
        def f(x, step):
            mean.update_state(x)
            tf.summary.scalar("mean", mean.result(), step=step)
            mean.reset_state()
            return x
        """
    + textwrap.indent(CALL, " " * 8),
}


@pytest.mark.parametrize("name", VALUES)
def test_value(name, snapshot):
    check.transformed(program(VALUES[name]), snapshot)


# Steps. ------------------------------------------------------------------------------------------

TRAINING = {
    "iterations_before_the_update": """
        @tf.function
        def train(x, y):
            with tf.GradientTape() as tape:
                loss = loss_of(x, y)
                tf.summary.scalar("loss", loss, step=optimizer.iterations)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return loss


        with writer.as_default():
            for x, y in dataset:
                loss = train(x, y)
        print(float(loss))
        """,
    "iterations_after_the_update": """
        @tf.function
        def train(x, y):
            with tf.GradientTape() as tape:
                loss = loss_of(x, y)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            with writer.as_default():
                tf.summary.scalar("loss", loss, step=optimizer.iterations)
                tf.summary.histogram("kernel", model.trainable_variables[0], step=optimizer.iterations)


        for x, y in dataset:
            train(x, y)
        """,
    "iterations_on_both_sides_and_computed": """
        @tf.function
        def train(x, y):
            loss = loss_of(x, y)
            tf.summary.scalar("before", loss, step=optimizer.iterations)
            gradients = tf.gradients(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            tf.summary.scalar("after", loss, step=optimizer.iterations)
            tf.summary.scalar("next", loss, step=optimizer.iterations + 1)
            return loss


        with writer.as_default():
            print([float(train(x, y)) for x, y in dataset])
        """,
    "a_local_name_for_the_iterations": """
        @tf.function
        def train(x, y):
            step = optimizer.iterations
            with tf.GradientTape() as tape:
                loss = loss_of(x, y)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            tf.summary.scalar("loss", loss, step=step)
            return loss


        with writer.as_default():
            for x, y in dataset:
                loss = train(x, y)
        """,
    "weights_and_gradients_before_the_update": """
        @tf.function
        def train(x, y):
            with tf.GradientTape() as tape:
                loss = loss_of(x, y)
            gradients = tape.gradient(loss, model.trainable_variables)
            tf.summary.histogram("gradients/kernel", gradients[0], step=optimizer.iterations)
            tf.summary.histogram("kernel", model.trainable_variables[0], step=optimizer.iterations)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return loss


        with writer.as_default():
            for x, y in dataset:
                loss = train(x, y)
        """,
    "the_default_step_is_the_iterations": """
        tf.summary.experimental.set_step(optimizer.iterations)


        @tf.function
        def train(x, y):
            with tf.GradientTape() as tape:
                loss = loss_of(x, y)
            tf.summary.scalar("loss", loss)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return loss


        with writer.as_default():
            for x, y in dataset:
                loss = train(x, y)
        """,
}
STEPS = {
    "an_argument_beside_an_operator": """
        @tf.function
        def f(x, step):
            tf.summary.scalar("first", x[0, 0], step=step * 10)
            return x


        with writer.as_default():
            for i in range(2):
                y = f(xs, i + 1)
        """,
    "python_numbers_no_longer_retrace": """
        @tf.function
        def f(x, epoch, i):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=epoch * 3 + i)
            return x


        with writer.as_default():
            for epoch in range(2):
                for i in range(3):
                    y = f(xs, epoch, i)
        """,
    "computed_at_the_call": """
        @tf.function
        def f(x, step):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=tf.cast(step, tf.int64))
            return x


        with writer.as_default():
            for i in tf.range(3):
                y = f(xs, step=i)
        """,
    "variable_changed_by_the_caller": """
        global_step = tf.Variable(0, dtype=tf.int64)


        @tf.function
        def f(x):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=global_step)
            return x


        with writer.as_default():
            for _ in range(3):
                y = f(xs)
                global_step.assign_add(1)
        """,
    "variable_changed_by_a_helper": """
        global_step = tf.Variable(0, dtype=tf.int64)


        def count():
            global_step.assign_add(1)


        @tf.function
        def f(x):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=global_step)
            count()
            return x


        with writer.as_default():
            for _ in range(3):
                y = f(xs)
        """,
    "variable_changed_twice": """
        global_step = tf.Variable(0, dtype=tf.int64)


        @tf.function
        def f(x):
            global_step.assign_add(1)
            tf.summary.scalar("one", tf.reduce_mean(x), step=global_step)
            global_step.assign_add(1)
            tf.summary.scalar("two", tf.reduce_sum(x), step=global_step)
            return x


        with writer.as_default():
            for _ in range(3):
                y = f(xs)
        """,
    "the_step_is_what_the_call_gives_back": """
        @tf.function
        def f(x, step):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            return step + 1


        step = tf.constant(0, tf.int64)
        with writer.as_default():
            for _ in range(3):
                step = f(xs, step)
        """,
    "default_step_of_the_block": """
        @tf.function
        def f(x, i):
            with writer.as_default(step=i):
                tf.summary.scalar("mean", tf.reduce_mean(x))
                tf.summary.scalar("sum", tf.reduce_sum(x))
            return x


        for i in range(3):
            y = f(xs, i)
        """,
    "default_step_is_a_variable": """
        writer.set_as_default()
        tf.summary.experimental.set_step(tf.Variable(0, dtype=tf.int64))


        @tf.function
        def f(x):
            tf.summary.scalar("mean", tf.reduce_mean(x))
            return x


        for i in range(3):
            tf.summary.experimental.get_step().assign(i)
            y = f(xs)
        """,
    "python_numbers_that_decide_what_is_drawn_stay": """
        tf.random.set_seed(3)


        @tf.function
        def f(x, step):
            loss = tf.reduce_sum(x * tf.random.normal((2, 2)))
            tf.summary.scalar("loss", loss, step=step)
            return loss


        with writer.as_default():
            for step in range(3):
                loss = f(xs, step)
                print(float(loss))
        """,
    "a_count_of_the_object_that_decides_what_is_drawn_stays": """
        tf.random.set_seed(3)


        class Trainer:
            def __init__(self):
                self.count = 0

            @tf.function
            def f(self, x, step):
                loss = tf.reduce_sum(tf.nn.dropout(x, 0.5))
                tf.summary.scalar("loss", loss, step=step)
                return loss

            def run(self):
                for _ in range(3):
                    print(float(self.f(xs, self.count)))
                    self.count += 1


        with writer.as_default():
            Trainer().run()
        """,
}


@pytest.mark.parametrize("name", STEPS)
def test_step(name, snapshot):
    check.transformed(program(STEPS[name]), snapshot)


def test_numbers_of_another_module_that_decide_what_is_drawn_stay():
    drawing, _, calling = program(STEPS["python_numbers_that_decide_what_is_drawn_stay"]).partition("with writer")
    main = f"import tensorflow as tf\nfrom lib import f, writer, xs\n\nwith writer{calling}"
    text = check.transformed({"lib.py": drawing, "main.py": main})
    assert "loss = _traced_f(x, step)" in text


@pytest.mark.parametrize("name", TRAINING)
def test_training(name, snapshot):
    check.transformed(program(TRAINING[name], MODEL), snapshot)


# Blocks around the summaries. ----------------------------------------------------------------------

BLOCKS = {
    "record_if_of_a_tensor": """
        @tf.function
        def f(x, step):
            even = tf.equal(step % 2, 0)
            with tf.summary.record_if(even):
                tf.summary.scalar("even", x[0, 0], step=step)
            with tf.summary.record_if(tf.reduce_any(x > 4)):
                m = tf.reduce_mean(x)
                tf.summary.scalar("mean", m, step=step)
            return m


        with writer.as_default():
            for i in range(3):
                y = f(xs, tf.constant(i, tf.int64))
        """,
    "own_writer": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            with writer.as_default():
                tf.summary.scalar("mean", m, step=step)
                tf.summary.scalar("sum", m * 4, step=step)
            return m


        for i in range(2):
            y = f(xs, tf.constant(i, tf.int64))
        """,
    "two_writers_one_in_the_other": """
        other = tf.summary.create_file_writer("logs/other")


        @tf.function
        def f(x, step):
            with writer.as_default():
                tf.summary.scalar("a", tf.reduce_mean(x), step=step)
                with other.as_default():
                    tf.summary.scalar("b", tf.reduce_mean(x) + 1, step=step)
                tf.summary.scalar("c", tf.reduce_mean(x) + 2, step=step)
            return x


        for i in range(2):
            y = f(xs, tf.constant(i, tf.int64))
        """,
    "work_in_the_writer_block_stays": """
        @tf.function
        def f(x, step):
            with writer.as_default():
                y = x + 1
                tf.summary.scalar("sum", tf.reduce_sum(y), step=step)
                z = y * 2
            return z


        for i in range(2):
            y = f(xs, tf.constant(i, tf.int64))
        """,
    "a_tape_and_a_writer_in_one_with": """
        @tf.function
        def f(x, step):
            with tf.GradientTape() as tape, writer.as_default():
                tape.watch(x)
                m = tf.reduce_mean(x * x)
                tf.summary.scalar("mean", m, step=step)
            return tape.gradient(m, x)


        for i in range(2):
            y = f(xs, tf.constant(i, tf.int64))
        """,
    "a_flush_goes_along": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            with writer.as_default():
                tf.summary.scalar("mean", m, step=step)
                writer.flush()
            return m


        for i in range(2):
            y = f(xs, tf.constant(i, tf.int64))
        """,
    "name_scopes_go_along": """
        @tf.function
        def f(x, step):
            with tf.name_scope("statistics"):
                m = tf.reduce_mean(x)
                # how large
                tf.summary.scalar("mean", m, step=step)  # on average
                y = x - m
            with writer.as_default(), tf.name_scope("more/of_them"):
                tf.summary.scalar("sum", tf.reduce_sum(x), step=step)
                tf.summary.write("raw", x, step=step)
            return y
        """
    + textwrap.indent(CALL, " " * 8),
    "summaries_that_scopes_do_not_name_beside_others": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            with tf.name_scope("statistics"):
                tf.summary.write("raw", m, step=step)
                tf.summary.scalar("mean", m, step=step)
            return m
        """
    + textwrap.indent(CALL, " " * 8),
    "annotations_in_quotes": """
        @tf.function
        def f(x, step) -> "dict[str, tf.Tensor]":
            tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            return {"x": x}


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """,
    "keys_of_a_dict": """
        @tf.function
        def f(x, step):
            sums = {"b": tf.reduce_sum(x), "a": tf.reduce_max(x)}
            for key in sorted(sums):
                tf.summary.scalar(key, sums[key], step=step)
            for key, value in sorted(sums.items()):
                tf.summary.scalar("root/" + key, tf.sqrt(value), step=step)
            return sums["a"]


        with writer.as_default():
            y = f(xs, 1)
        """,
    "keys_of_a_dict_that_is_returned_under_another_name": """
        @tf.function
        def f(x, step):
            sums = {"b": tf.reduce_sum(x), "a": tf.reduce_max(x)}
            for key in sorted(sums):
                tf.summary.scalar(key, tf.sqrt(sums[key]), step=step)
            return sums["a"] + 1, sums


        with writer.as_default():
            y = f(xs, 1)[0] + f(xs, 2)[1]["a"]
        """,
    "what_a_function_gives_that_an_object_keeps_is_returned": """
        class Learner:
            def __init__(self):
                self.weight = tf.Variable(0.5)
                self._train = tf.function(self._train_impl)
                self._log = tf.function(self._log_impl)

            def _train_impl(self, x):
                loss = tf.reduce_sum(x) * self.weight
                tf.summary.scalar("weight", self.weight, step=1)
                self.weight.assign_sub(0.1)
                tf.summary.scalar("loss", loss, step=1)
                return loss, x

            def _log_impl(self, x):
                tf.summary.scalar("largest", tf.reduce_max(x), step=1)

            def train(self, x):
                return self._train(x)  # the loss first

            def log(self, x):
                return self._log(x)


        learner = Learner()
        with writer.as_default():
            print(float(learner.train(xs)[0]), learner.log(xs))
        """,
    "lists_beside_the_variables": """
        variables = tf.keras.Sequential([tf.keras.layers.Dense(2)])
        variables.build((None, 4))


        @tf.function
        def f(x, step):
            grads = [x * 2, x * 3]
            grads, norm = tf.clip_by_global_norm(grads, 1.0)
            for variable, grad in zip(variables.trainable_variables, grads):
                tf.summary.histogram("grad/" + str(len(variable.shape)), grad, step=step)
            return x


        with writer.as_default():
            y = f(xs, 1)
        """,
    "what_changes_later_on_the_same_line": """
        count = tf.Variable(0, dtype=tf.int64)


        @tf.function
        def f(x):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=count); count.assign_add(1); return x


        with writer.as_default():
            y = f(xs)
        """,
    "a_call_that_shares_its_line": """
        @tf.function
        def f(x, step):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=step); return x


        writer.set_as_default()
        for i in range(2): y = f(xs, i); print("y")  # each
        """,
    "an_object_sets_the_default_when_it_is_made": """
        class Trainer:
            def __init__(self):
                self.scale = tf.Variable(2.0)
                writer.set_as_default()

            @tf.function
            def step(self, x, step):
                tf.summary.scalar("mean", self.scale * tf.reduce_mean(x), step=step)
                return x

            def train(self):
                for i in range(2):
                    self.step(xs, i)


        Trainer().train()
        """,
    "record_if_goes_along": """
        @tf.function
        def f(x, step):
            with tf.summary.record_if(lambda: tf.equal(step % 2, 0)):
                tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            return x
        """
    + textwrap.indent(CALL, " " * 8),
    "python_conditions_go_along": """
        DEBUG = True


        @tf.function
        def f(x, step, mode="train", extra=None):
            m = tf.reduce_mean(x)
            if DEBUG:
                # in debug mode
                tf.summary.scalar("mean", m, step=step)
            if mode == "train":
                tf.summary.scalar("train", m, step=step)
            else:
                tf.summary.scalar("test", m, step=step)
            if extra is not None:
                tf.summary.scalar("extra", tf.reduce_sum(extra), step=step)
            return m


        with writer.as_default():
            y = f(xs, tf.constant(0, tf.int64))
            y = f(xs, tf.constant(1, tf.int64), "test", extra=xs)
        """,
    "a_value_computed_under_a_python_condition": """
        @tf.function
        def f(x, step, debug=False):
            with tf.GradientTape() as tape:
                tape.watch(x)
                m = tf.reduce_mean(x * x)
                if debug:
                    with writer.as_default():
                        tf.summary.scalar("twice", m * 2, step=step)
            return tape.gradient(m, x)


        y = f(xs, tf.constant(0, tf.int64))
        y = f(xs, tf.constant(1, tf.int64), debug=True)
        """,
    "a_writer_that_may_be_none": """
        class Trainer:
            def __init__(self, logs=None):
                self.writer = tf.summary.create_file_writer(logs) if logs else None

            @tf.function
            def train(self, x, step):
                m = tf.reduce_mean(x)
                if self.writer is not None:
                    with self.writer.as_default():
                        tf.summary.scalar("mean", m, step=step)
                return m

            def run(self):
                for i in range(2):
                    m = self.train(xs, tf.constant(i, tf.int64))


        Trainer("logs/trainer").run()
        Trainer().run()
        """,
}


@pytest.mark.parametrize("name", BLOCKS)
def test_block(name, snapshot):
    check.transformed(program(BLOCKS[name]), snapshot)


STILL_NEEDED = """
        @tf.function
        def f(x, to, step, flag=False):
            mean = tf.reduce_mean(x)
            with to.as_default():
                tf.summary.scalar("mean", mean, step=step)
                if flag:
                    for i in range(int(flag)):
                        for j, each in enumerate([x, x]):
                            tf.summary.histogram(f"{i}/{j}", each, step=step)
            return mean


        for i in range(2):
            y = f(xs, writer, tf.constant(i, tf.int64), flag=i == 0)
        """


def test_a_parameter_that_a_summary_needs_which_stays_is_kept():
    result = check.run(program(STILL_NEEDED))
    assert "def _traced_f(x, to, step, flag=False):" in result.text
    assert {f.refusal.code for _, f in result.findings if f.refusal} == {refusals.LOOP.code}


# How the file is written. --------------------------------------------------------------------------

LAYOUT = {
    "comments_among_parameters_and_arguments": """
        def double(
            x,
            step,  # counts
        ):
            y = 2 * tf.reduce_mean(x)
            # twice the mean
            tf.summary.scalar("double", y, step=step)
            return y


        @tf.function
        def f(x, step):
            y = double(
                x,  # all of it
                step,
            )
            return y  # as it is


        with writer.as_default():
            for i in range(2):
                y = f(xs, i)  # the call
        """,
    "comments": """
        # before
        @tf.function  # traced
        # between
        def f(x, step):  # head
            # first
            m = tf.reduce_mean(x)
            # about the summary
            tf.summary.scalar("mean", m, step=step)  # why
            # about the return
            return m


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))  # the call
                # behind the call
        """,
    "comments_and_docstring_of_a_wrapped_function": '''
        # before
        @tf.function  # traced
        def f(x, step):  # head
            """Return the mean.

            And record it.
            """
            # first
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)  # why
            return m
        '''
    + textwrap.indent(MANY_CALLS, " " * 8),
    "calls_over_several_lines": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar(
                "sum",
                # the data
                tf.reduce_sum(
                    x * 2,  # doubled
                    axis=None,
                ),
                step=step,
            )  # behind
            tf.summary.histogram(
                data=x + 1,  # all of it
                # the tag
                name="values",
                step=step,
            )
            return m


        with writer.as_default():
            for i in range(2):
                y = f(
                    xs,
                    step=tf.constant(i, tf.int64),
                )
        """,
    "two_spaces": """
        @tf.function
        def f(x, step):
          m = tf.reduce_mean(x)
          with writer.as_default():
            tf.summary.scalar("mean", m + 1, step=step)


        for i in range(2):
          f(xs, tf.constant(i, tf.int64))
        """,
    "tabs": """
        @tf.function
        def f(x, step):
        \tm = tf.reduce_mean(x)
        \twith writer.as_default():
        \t\ttf.summary.scalar("mean", m + 1, step=step)
        \treturn m


        for i in range(2):
        \ty = f(xs, tf.constant(i, tf.int64))
        """,
    "names_imported_from_tensorflow": """
        from tensorflow import function as traced
        from tensorflow import summary as s
        from tensorflow.summary import scalar


        @traced
        def f(x, step):
            s.scalar("sum", tf.reduce_sum(x), step=step)
            scalar("mean", tf.reduce_mean(x), step=step)
            return x
        """
    + textwrap.indent(CALL, " " * 8),
    "another_name_for_the_operation_and_the_decorator": """
        import functools

        import tensorflow.compat.v2 as tf2

        record = tf2.summary.scalar


        @functools.partial(tf2.function, autograph=False)
        def f(x, step):
            record("mean", tf2.reduce_mean(x), step=step)
            return x
        """
    + textwrap.indent(CALL, " " * 8),
}


@pytest.mark.parametrize("name", LAYOUT)
def test_layout(name, snapshot):
    check.transformed(program(LAYOUT[name]), snapshot)


# What is lost or raises today, and is repaired. ------------------------------------------------------

REPAIRED = {
    "no_writer_is_the_default": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        for i in range(2):
            y = f(xs, tf.constant(i, tf.int64))
        """,
    "the_only_writer_is_made_beside_the_call": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.histogram("values", x + m, step=step)
            return m


        def main(folder):
            w = tf.summary.create_file_writer(folder)
            for i in range(2):
                y = f(tf.ones((2, 2)), i)


        main("logs/main")
        """,
    "compiled_by_xla": """
        @tf.function(jit_compile=True)
        def f(x, step):
            y = x * 2
            tf.summary.scalar("sum", tf.reduce_sum(y), step=step)
            return y
        """
    + textwrap.indent(CALL, " " * 8),
    "a_global_step_is_fixed_at_the_trace": """
        count = 0


        @tf.function
        def f(x):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=count)
            return m


        with writer.as_default():
            for _ in range(3):
                y = f(xs)
                count += 1
        """,
    "the_default_step_is_fixed_at_the_trace": """
        @tf.function
        def f(x):
            tf.summary.scalar("mean", tf.reduce_mean(x))
            return x


        for i in range(3):
            with writer.as_default(step=i):
                y = f(xs)
        """,
    "an_attribute_is_fixed_at_the_trace": """
        class Trainer:
            def __init__(self):
                self.step = 0

            @tf.function
            def train(self, x):
                m = tf.reduce_mean(x)
                tf.summary.scalar("mean", m, step=self.step)
                return m

            def run(self):
                with writer.as_default():
                    for _ in range(3):
                        m = self.train(xs)
                        self.step += 1


        Trainer().run()
        """,
    "a_writer_that_is_gone": """
        @tf.function
        def f(x, step):
            tf.summary.scalar("first", x[0, 0], step=step)
            return x


        for run in range(2):
            w = tf.summary.create_file_writer(f"logs/{run}")
            with w.as_default():
                for i in range(2):
                    y = f(xs, tf.constant(i, tf.int64))
        """,
}
SEVERITIES = {
    "no_writer_is_the_default": Severity.ERROR,
    "the_only_writer_is_made_beside_the_call": Severity.ERROR,
    "compiled_by_xla": Severity.ERROR,
    "a_global_step_is_fixed_at_the_trace": Severity.ERROR,
    "the_default_step_is_fixed_at_the_trace": Severity.ERROR,
    "an_attribute_is_fixed_at_the_trace": Severity.ERROR,
    "a_writer_that_is_gone": Severity.WARNING,  # it works, as long as the first writer lives
}


@pytest.mark.parametrize("name", REPAIRED)
def test_repaired(name, snapshot):
    check.transformed(program(REPAIRED[name]), snapshot, severity=SEVERITIES[name])


@pytest.mark.parametrize("name", ["behind_the_only_call", "traced_by_an_assignment"])
def test_what_works_and_breaks_later_is_a_warning(name):
    check.transformed(program(FORMS[name]), severity=Severity.WARNING)


def messages(text: str) -> str:
    return " ".join(finding.message for _, finding in check.run(text).findings)


def test_the_message_says_that_nothing_is_recorded():
    assert "drops the summary without a word" in messages(program(REPAIRED["no_writer_is_the_default"]))


def test_the_message_says_that_the_function_is_traced_again_and_again():
    text = program(FORMS["behind_the_only_call"]).replace("tf.constant(i, tf.int64)", "i")
    assert "a Python number, for each of which TensorFlow traces `f` again" in messages(text)


def test_the_message_says_what_a_histogram_costs_on_the_host():
    assert "3 to 5 ms" in messages(program(FORMS["wrapper_for_two_calls"]))
    assert "3 to 5 ms" not in messages(program(FORMS["behind_the_only_call"]))


# What is rewritten only with --unsafe. ---------------------------------------------------------------

UNSAFE = {
    "a_condition_on_a_tensor": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            if m > 1.0:
                tf.summary.scalar("large", m, step=step)
            return m
        """
    + textwrap.indent(CALL, " " * 8),
    "a_condition_that_may_be_one": """
        @tf.function
        def f(x, step, record):
            m = tf.reduce_mean(x)
            if record:
                tf.summary.scalar("mean", m, step=step)
            return m


        with writer.as_default():
            y = f(xs, tf.constant(0, tf.int64), tf.constant(True))
        """,
    "a_flag_whose_default_is_a_bool_and_that_is_given_a_tensor": """
        @tf.function
        def f(x, step, record=True):
            m = tf.reduce_mean(x)
            if record:
                tf.summary.scalar("mean", m, step=step)
            return m


        with writer.as_default():
            y = f(xs, tf.constant(0, tf.int64), tf.constant(True))
        """,
}


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe(name, snapshot):
    result = check.run(program(UNSAFE[name]))
    assert result.text == program(UNSAFE[name])
    assert {finding.status for _, finding in result.findings} == {Status.UNSAFE}
    check.transformed(program(UNSAFE[name]), snapshot, unsafe=True)


# What is refused. ------------------------------------------------------------------------------------

FUNCTION = """
    @tf.function
    def f(x, step):
        m = tf.reduce_mean(x)
        tf.summary.scalar("mean", m, step=step)
        return m


"""
REFUSED: dict[str, tuple[Refusal, str]] = {
    "its result is assigned": (
        refusals.RESULT_USED,
        """
        @tf.function
        def f(x, step):
            written = tf.summary.scalar("mean", x[0, 0], step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "its result is returned": (
        refusals.RESULT_USED,
        """
        @tf.function
        def f(x, step):
            return tf.summary.scalar("mean", x[0, 0], step=step)
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "its arguments are unpacked": (
        refusals.UNPACKED,
        """
        names = ("mean",)


        @tf.function
        def f(x, step):
            tf.summary.scalar(*names, data=x[0, 0], step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a dataset maps over it": (
        lift.HELPER,
        """
        def record(x):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=1)
            return x


        with writer.as_default():
            for x in tf.data.Dataset.from_tensors(xs).map(record):
                print(x.numpy())
        """,
    ),
    "Keras calls the metric that it stands in": (
        refusals.KERAS_METHOD,
        """
        class Error(tf.keras.metrics.Mean):
            def update_state(self, values, sample_weight=None):
                tf.summary.scalar("error", tf.reduce_mean(values), step=1)
                return super().update_state(values)


        net = tf.keras.Sequential([tf.keras.layers.Dense(1)])
        net.compile("sgd", "mse", metrics=[Error()])
        net.fit(xs, xs)
        """,
    ),
    "a step of a Keras model that nothing is seen to call": (
        refusals.KERAS_METHOD,
        """
        class Net(tf.keras.Model):
            @tf.function
            def train_step(self, data):
                tf.summary.scalar("mean", tf.reduce_mean(data), step=1)
                return {"mean": tf.reduce_mean(data)}
        """,
    ),
    "the call of a loss, which Keras reduces": (
        refusals.KERAS_METHOD,
        """
        class Loss(tf.keras.losses.Loss):
            def call(self, y_true, y_pred):
                loss = tf.reduce_mean((y_true - y_pred) ** 2, axis=-1)
                tf.summary.scalar("mean", tf.reduce_mean(loss), step=1)
                return loss


        loss = Loss()


        @tf.function
        def f(x):
            return loss(x, x * 2)


        y = f(xs)
        """,
    ),
    "the update of a metric": (
        refusals.KERAS_METHOD,
        """
        class Metric(tf.keras.metrics.Mean):
            def update_state(self, values):
                tf.summary.scalar("mean", tf.reduce_mean(values), step=1)
                return super().update_state(values)


        metric = Metric()


        @tf.function
        def f(x):
            metric.update_state(x)
            return x


        y = f(xs)
        """,
    ),
    "a regularizer that Keras is given": (
        refusals.KERAS_METHOD,
        """
        class Regularizer(tf.keras.regularizers.Regularizer):
            def __call__(self, weights):
                tf.summary.scalar("mean", tf.reduce_mean(weights), step=1)
                return tf.reduce_sum(weights ** 2)


        layer = tf.keras.layers.Dense(1, kernel_regularizer=Regularizer())
        """,
    ),
    "modules in a list": (
        lift.HELPER,
        """
        class Block(tf.Module):
            def __call__(self, x):
                tf.summary.scalar("mean", tf.reduce_mean(x), step=1)
                return x


        class Net(tf.Module):
            def __init__(self):
                super().__init__()
                self.blocks = [Block(), Block()]

            @tf.function
            def __call__(self, x):
                for block in self.blocks:
                    x = block(x)
                return x


        y = Net()(xs)
        """,
    ),
    "a layer that its model gives out again": (
        refusals.KERAS_CALL,
        """
        class Layer(tf.keras.layers.Layer):
            def call(self, x):
                tf.summary.scalar("mean", tf.reduce_mean(x), step=1)
                return x


        class Net(tf.keras.Model):
            def __init__(self):
                super().__init__()
                self.inner = Layer(name="inner")

            def call(self, x):
                return self.inner(x)


        net = Net()


        @tf.function
        def f(x):
            return net.get_layer("inner")(net(x))


        y = f(xs)
        """,
    ),
    "the call of a Keras model": (
        refusals.KERAS_CALL,
        """
        class Net(tf.keras.Model):
            @tf.function
            def call(self, x):
                tf.summary.scalar("mean", tf.reduce_mean(x), step=1)
                return x
        """,
    ),
    "a decorator that isn't known": (
        refusals.DECORATOR,
        """
        from project import timed


        @timed
        @tf.function
        def f(x, step):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a property": (
        refusals.DECORATOR,
        """
        class Values:
            @property
            @tf.function
            def mean(self):
                m = tf.reduce_mean(xs)
                tf.summary.scalar("mean", m, step=1)
                return m
        """,
    ),
    "a generator": (
        refusals.GENERATOR,
        """
        @tf.function
        def f(x, step):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            yield x
        """,
    ),
    "a coroutine": (
        refusals.GENERATOR,
        """
        @tf.function
        async def f(x, step):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
        """,
    ),
    "a function that calls itself": (
        refusals.RECURSIVE,
        """
        @tf.function
        def f(x, step):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            return f(x + 1, step - 1)
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "get_concrete_function": (
        refusals.FUNCTION_USED,
        FUNCTION
        + """
    with writer.as_default():
        concrete = f.get_concrete_function(xs, tf.constant(1, tf.int64))
    """,
    ),
    "handed to map": (
        refusals.FUNCTION_USED,
        FUNCTION
        + """
    with writer.as_default():
        print(list(map(f, [xs], [0])))
    """,
    ),
    "kept in a dict": (
        refusals.FUNCTION_USED,
        FUNCTION
        + """
    steps = {"train": f}
    with writer.as_default():
        print(steps["train"](xs, 1).numpy())
    """,
    ),
    "a step of Keras calls the helper": (
        refusals.KERAS_METHOD,
        """
        class Net(tf.keras.Model):
            def call(self, x):
                return 2 * x

            def train_step(self, x):
                return {"loss": mean_of(self(x))}


        def mean_of(x):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=1)
            return m


        net = Net()
        net.compile("sgd")
        with writer.as_default():
            net.fit(xs, verbose=0)
        """,
    ),
    "a helper whose summary's result is used": (
        refusals.RESULT_USED,
        """
        def record(m, step):
            done = tf.summary.scalar("mean", m, step=step)
            tf.summary.scalar("again", m, step=step)
            return done


        @tf.function
        def f(x, step):
            record(tf.reduce_mean(x), step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "functions that call one another": (
        refusals.RECURSIVE,
        """
        def one(x, n: int):
            if n == 0:
                return x
            y = other(x, n - 1)
            tf.summary.scalar("sum", tf.reduce_sum(y), step=n)
            return y


        def other(x, n: int):
            return one(x + 1, n)


        @tf.function
        def f(x, step):
            return one(x, 2)
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "one of two functions of a name": (
        lift.CALL_SITE,
        """
        if len(xs) > 1:

            def loss(x, step):
                value = tf.reduce_sum(x)
                tf.summary.scalar("sum", value, step=step)
                return value

        else:

            def loss(x, step):
                return tf.reduce_mean(x)


        @tf.function
        def f(x, step):
            return loss(x, step) * 2
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "traced code calls it in a comprehension": (
        lift.CALL_SITE,
        """
        def value(x, step):
            v = x[0, 0]
            tf.summary.scalar("value", v, step=step)
            return v


        @tf.function
        def f(x, step):
            return [value(x * n, step) for n in range(3)]
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "several workers": (
        lift.SEVERAL_WORKERS,
        """
        strategy = tf.distribute.MultiWorkerMirroredStrategy()


        def f(x, step):
            tf.summary.scalar("value", x[0, 0], step=step)


        @tf.function
        def run(x, step):
            strategy.run(f, args=(x, step))


        with writer.as_default():
            run(xs, tf.constant(1, tf.int64))
        """,
    ),
    "called by the method that overrides it": (
        refusals.OVERRIDDEN,
        """
        class Base:
            @tf.function
            def train(self, x, step):
                m = tf.reduce_mean(x)
                tf.summary.scalar("mean", m, step=step)
                return m


        class Middle(Base):
            pass


        class Special(Middle):
            @tf.function
            def train(self, x, step):
                return super().train(x, step) + 1


        with writer.as_default():
            y = Special().train(xs, tf.constant(1, tf.int64))
        """,
    ),
    "exported with its object": (
        refusals.EXPORTED,
        """
        class Scorer(tf.Module):
            @tf.function
            def score(self, x):
                with writer.as_default():
                    tf.summary.scalar("mean", tf.reduce_mean(x), step=1)
                return x


        scorer = Scorer()
        y = scorer.score(xs)
        tf.saved_model.save(scorer, "export")
        """,
    ),
    "a return in a loop": (
        refusals.SEVERAL_RETURNS,
        """
        @tf.function
        def f(x, step):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            for i in range(3):
                if i == 2:
                    return x
            return x + 1
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "returns of different structure": (
        refusals.RETURNS_DIFFER,
        """
        @tf.function
        def f(x, step, both=False):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            if both:
                return m, x
            return x, m, x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a program without a writer": (
        refusals.NO_WRITER,
        """
        # no writer anywhere
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        y = f(xs, 1)
        """,
    ),
    "two writers and none the default": (
        refusals.LOST,
        """
        other = tf.summary.create_file_writer("logs/other")


        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        y = f(xs, 1)
        """,
    ),
    "calls with and without a writer": (
        refusals.SEVERAL_WRITERS,
        FUNCTION
        + """
    with writer.as_default():
        y = f(xs, tf.constant(0, tf.int64))
    y = f(xs, tf.constant(1, tf.int64))
    """,
    ),
    "the default is set for good after the first call": (
        refusals.SEVERAL_WRITERS,
        FUNCTION
        + """
    y = f(xs, tf.constant(0, tf.int64))
    writer.set_as_default()
    y = f(xs, tf.constant(1, tf.int64))
    """,
    ),
    "each object sets its own": (
        refusals.WRITER_UNKNOWN,
        """
    class Trainer:
        def __init__(self, folder):
            tf.summary.create_file_writer(folder).set_as_default()

        @tf.function
        def step(self, x):
            tf.summary.scalar("mean", tf.reduce_mean(x), step=1)

        def train(self):
            self.step(xs)


    for folder in ("logs/a", "logs/b"):
        Trainer(folder).train()
    """,
    ),
    "called from nowhere": (refusals.WRITER_UNKNOWN, FUNCTION),
    "called by a lambda": (
        refusals.WRITER_UNKNOWN,
        FUNCTION
        + """
    g = lambda i: f(xs, i)
    with writer.as_default():
        y = g(1)
    """,
    ),
    "called in another thread": (
        refusals.WRITER_UNKNOWN,
        "import threading\n\n\n"
        + textwrap.dedent(FUNCTION)
        + textwrap.dedent("""
    def work():
        y = f(xs, 0)


    with writer.as_default():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """),
    ),
    "the default is set by another function": (
        refusals.WRITER_UNKNOWN,
        FUNCTION
        + """
    def setup():
        writer.set_as_default()


    setup()
    y = f(xs, 0)
    """,
    ),
    "the default is set on an exit stack": (
        refusals.WRITER_UNKNOWN,
        "import contextlib\n\n\n"
        + textwrap.dedent(FUNCTION)
        + textwrap.dedent("""
    with contextlib.ExitStack() as stack:
        stack.enter_context(writer.as_default())
        y = f(xs, 0)
    """),
    ),
    "the default is set by a context manager of the project": (
        refusals.WRITER_UNKNOWN,
        "import contextlib\n\n\n"
        + textwrap.dedent(FUNCTION)
        + textwrap.dedent("""
    @contextlib.contextmanager
    def recording():
        with writer.as_default():
            yield


    with recording():
        y = f(xs, 0)
    """),
    ),
    "the writer is made inside": (
        refusals.WRITER_IN_GRAPH,
        """
        @tf.function
        def f(x, step):
            w = tf.summary.create_file_writer("logs/inside")
            with w.as_default():
                tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "the writer is made in the with": (
        refusals.WRITER_IN_GRAPH,
        """
        @tf.function
        def f(x, step):
            with tf.summary.create_file_writer("logs/inside").as_default():
                tf.summary.scalar("mean", tf.reduce_mean(x), step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "the writer is closed inside": (
        refusals.WRITER_CLOSED,
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
    ),
    "a tag that is a name scope of one that stays": (
        refusals.NAME_SCOPE,
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x, name="scope")
            with tf.name_scope("scope"):
                tf.summary.scalar("mean", m, step=step)
            return m
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a name scope that is entered twice": (
        refusals.NAME_SCOPE,
        """
        @tf.function
        def f(x, step):
            with tf.name_scope("scope"):
                m = tf.reduce_mean(x)
            with tf.name_scope("scope"):
                tf.summary.scalar("mean", m, step=step)
            return m
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a name scope around the call": (
        refusals.CALLER_SCOPE,
        FUNCTION
        + """
    with writer.as_default(), tf.name_scope("outer"):
        y = f(xs, 0)
    """,
    ),
    "a name scope around the caller": (
        refusals.CALLER_SCOPE,
        FUNCTION
        + """
    def run():
        y = f(xs, 0)


    with writer.as_default(), tf.name_scope("outer"):
        run()
    """,
    ),
    "a loop of Python whose tag counts on under a condition": (
        refusals.LOOP,
        """
        @tf.function
        def f(x, step):
            total = 0.0
            for i in range(2):
                total += x[0, i]
                if i == 1:
                    tf.summary.scalar(f"total/{i}", total, step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a condition on a tensor inside one of Python": (
        refusals.CONDITION,
        """
        @tf.function
        def f(x, step, debug=False):
            m = tf.reduce_mean(x)
            if debug:
                if m > 1.0:
                    tf.summary.scalar("mean", m, step=step)
            return m
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a condition of Python inside one on a tensor": (
        refusals.TENSOR_CONDITION,
        """
        @tf.function
        def f(x, step, debug=False):
            m = tf.reduce_mean(x)
            if m > 1.0:
                if debug:
                    tf.summary.scalar("mean", m, step=step)
            return m
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a histogram in a loop of the graph": (
        refusals.GRAPH_LOOP,
        """
        @tf.function
        def f(x, step):
            for i in tf.range(2):
                tf.summary.histogram("value", x[0, :i], step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a try statement": (
        refusals.TRY,
        """
        @tf.function
        def f(x, step):
            try:
                tf.summary.scalar("value", x[0, 0], step=step)
            finally:
                print("traced")
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a context manager that isn't known": (
        refusals.CONTEXT,
        """
        from project import timer


        @tf.function
        def f(x, step):
            with timer("summary"):
                tf.summary.scalar("value", x[0, 0], step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a match statement": (
        refusals.CONTEXT,
        """
        @tf.function
        def f(x, step, mode="train"):
            match mode:
                case "train":
                    tf.summary.scalar("value", x[0, 0], step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a value made in one branch": (
        refusals.BRANCH,
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            if m > 1.0:
                excess = m - 1.0
                tf.summary.scalar("excess", excess, step=step)
            return m
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a tag computed inside": (
        refusals.TAG,
        """
        @tf.function
        def f(x, step):
            name = "value" + str(x.shape)
            tf.summary.scalar(name, x[0, 0], step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a tag that changes after the trace": (
        refusals.TAG_FROZEN,
        """
        phase = "train"


        @tf.function
        def f(x, step):
            tf.summary.scalar(phase + "/value", x[0, 0], step=step)
            return x


        with writer.as_default():
            y = f(xs, tf.constant(0, tf.int64))
            phase = "test"
            y = f(xs, tf.constant(1, tf.int64))
        """,
    ),
    "a step that the function counts up itself": (
        refusals.STEP,
        """
        count = 0


        @tf.function
        def f(x):
            global count
            tf.summary.scalar("value", x[0, 0], step=count)
            count += 1
            return x


        with writer.as_default():
            y = f(xs)
        """,
    ),
    "a step computed inside": (
        refusals.STEP,
        """
        @tf.function
        def f(x, step):
            step = step + len(x.shape)
            tf.summary.scalar("value", x[0, 0], step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "the default step is set inside": (
        refusals.STEP_SET,
        """
        @tf.function
        def f(x, step):
            tf.summary.experimental.set_step(step)
            tf.summary.scalar("value", x[0, 0])
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "a lambda inside": (
        refusals.NESTED,
        """
        @tf.function
        def f(x, step):
            write = lambda z: tf.summary.scalar("value", z, step=step)
            write(x[0, 0])
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "data as a function": (
        refusals.ARGUMENT,
        """
        @tf.function
        def f(x, step):
            tf.summary.write("value", lambda: x, step=step)
            return x
        """
        + textwrap.indent(CALL, " " * 8),
    ),
    "the writer's block calls a layer that writes": (
        refusals.WRITER_BLOCK,
        """
        class Layer(tf.keras.layers.Layer):
            def call(self, x, step):
                tf.summary.scalar("first", x[0, 0], step=step)
                return x


        layer, other = Layer(), Layer()


        @tf.function
        def f(x, step):
            with writer.as_default():
                tf.summary.scalar("last", x[1, 1], step=step)
                layer(x, step)
            return x


        y = f(xs, tf.constant(1, tf.int64))
        """,
    ),
    "the function is also called untraced": (
        refusals.WRAPPED_SHARED,
        """
        def f(x, step):
            tf.summary.scalar("value", x[0, 0], step=step)
            return x


        fast = tf.function(f)
        with writer.as_default():
            y = fast(xs, tf.constant(0, tf.int64))
            y = f(xs, 1)
        """,
    ),
    "kept in an attribute and called twice": (
        refusals.WRAPPED_BOUND,
        """
        class Trainer:
            def __init__(self):
                self.train = tf.function(self._train)

            def _train(self, x, step):
                tf.summary.scalar("value", x[0, 0], step=step)
                return x

            def run(self):
                a = self.train(xs, tf.constant(0, tf.int64))
                b = self.train(xs, tf.constant(1, tf.int64))


        with writer.as_default():
            Trainer().run()
        """,
    ),
    "the wrapper's name is taken": (
        refusals.NAMES,
        "_traced_f = 3\n\n\n"
        + textwrap.dedent(FUNCTION)
        + textwrap.dedent("""
    with writer.as_default():
        print(f(xs, 1).numpy(), _traced_f)
    """),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    refusal, body = REFUSED[name]
    text = program(body)
    result = check.run(text)
    found = {finding.refusal.code if finding.refusal else finding.status for _, finding in result.findings}
    assert refusal.code in found
    assert found <= {refusal.code, refusals.KERAS_CALL.code}
    assert result.text == text


def test_every_refusal_is_tested():
    declared = {refusal.code for refusal in MoveSummariesToHost.refusals}
    assert declared - {refusal.code for refusal, _ in REFUSED.values()} == {lift.ELSEWHERE.code}


@pytest.mark.parametrize(
    "name", ["a program without a writer", "two writers and none the default", "exported with its object"]
)
def test_what_is_lost_or_raises_is_an_error_though_refused(name):
    _, body = REFUSED[name]
    assert {finding.severity for _, finding in check.run(program(body)).findings} == {Severity.ERROR}


def test_one_summary_moves_and_one_is_refused(snapshot):
    text = program(
        """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            try:
                tf.summary.scalar("first", x[0, 0], step=step)
            finally:
                print("traced")
            return m
        """
        + textwrap.indent(CALL, " " * 8)
    )
    result = check.run(text)
    assert [finding.refusal for _, finding in result.findings] == [None, refusals.TRY]
    assert result.text.count("tf.summary.scalar") == 2


# What is left alone. ---------------------------------------------------------------------------------

NOT_TRACED = {
    "written on the host": """
        with writer.as_default():
            for i in range(2):
                tf.summary.scalar("mean", tf.reduce_mean(xs), step=i)
        """,
    "written by a function of the host": """
        def record(value, step):
            with writer.as_default():
                tf.summary.scalar("mean", value, step=step)


        record(1.0, 0)
        """,
    "written behind a traced function": """
        @tf.function
        def f(x):
            return tf.reduce_mean(x)


        with writer.as_default():
            y = f(xs)
            tf.summary.scalar("mean", y, step=0)
        """,
    "written by the caller of a traced function": """
        @tf.function
        def f(x):
            return tf.reduce_mean(x)


        def evaluate(x, step):
            y = f(x)
            tf.summary.scalar("mean", y, step=step)
            return y


        with writer.as_default():
            evaluate(xs, 0)
        """,
    "handed to a function that runs it with numpy_function": """
        def on_the_host(write, *values):
            def inner(*arrays):
                with writer.as_default():
                    write(*arrays)

            return tf.numpy_function(inner, values, [])


        def record(x):
            tf.summary.scalar("mean", x.mean(), step=1)


        @tf.function
        def f(x):
            on_the_host(record, x)
            return x
        """,
    "run by an object of the project that is called a strategy": """
        class Strategy:
            def run(self, function, args=()):
                return function(*args)


        def trade(x):
            tf.summary.scalar("gain", tf.reduce_sum(x), step=1)


        @tf.function
        def f(x):
            return x * 2


        strategy = Strategy()
        with writer.as_default():
            strategy.run(trade, args=(f(xs),))
        """,
    "written by a helper under py_function": """
        def record(x):
            with writer.as_default():
                tf.summary.scalar("mean", tf.reduce_mean(x), step=1)


        @tf.function
        def f(x):
            tf.py_function(record, [x], [])
            return x
        """,
    "a helper of the same name as something traced": """
        class Host:
            def log(self, x):
                tf.summary.scalar("mean", tf.reduce_mean(x), step=1)


        class Traced:
            def log(self, x):
                return x

            @tf.function
            def f(self, x):
                return self.log(x)


        with writer.as_default():
            Host().log(Traced().f(xs))
        """,
    "written by a helper that only the host calls": """
        def record(value, step):
            tf.summary.scalar("mean", value, step=step)


        @tf.function
        def f(x):
            return tf.reduce_mean(x)


        with writer.as_default():
            record(f(xs), 0)
        """,
    "no summary in the traced function": """
        @tf.function
        def f(x):
            return x + 1
        """,
    "written by a Keras callback": """
        class Recorder(tf.keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                with writer.as_default():
                    tf.summary.scalar("loss", logs["loss"], step=epoch)

            def on_train_batch_end(self, batch, logs=None):
                tf.summary.scalar("batch_loss", logs["loss"], step=batch)
        """,
    "written by a function handed to LambdaCallback": """
        def record(epoch, logs):
            tf.summary.scalar("loss", logs["loss"], step=epoch)


        callback = tf.keras.callbacks.LambdaCallback(on_epoch_end=record)
        """,
    "a module that another library calls": """
        import functools

        from environments import simulate


        class Agent(tf.Module):
            def __call__(self, observation):
                self.write(float(tf.reduce_mean(observation)))
                return observation

            def write(self, mean):
                tf.summary.scalar("mean", mean, step=1)


        agent = Agent()
        simulate(functools.partial(agent))
    """,
    "objects that only the host calls": """
        class Layer(tf.keras.layers.Layer):
            def call(self, x):
                tf.summary.scalar("layer", tf.reduce_mean(x), step=0)
                return x


        class Module(tf.Module):
            def __call__(self, x):
                tf.summary.scalar("module", tf.reduce_mean(x), step=0)
                return x


        layer, module = Layer(), Module()
        with writer.as_default():
            print(module(layer(xs)))
    """,
    "call and train_step of a class that isn't one of Keras": """
        class Trainer:
            def call(self, x):
                tf.summary.scalar("mean", x, step=1)

            def train_step(self, x):
                tf.summary.scalar("mean", x, step=1)
        """,
    "py_function runs Python on the host": """
        def record(m, step):
            with writer.as_default():
                tf.summary.scalar("mean", m, step=step)


        @tf.function
        def f(x, step):
            tf.py_function(record, [tf.reduce_mean(x), step], [])
            return x
        """,
    "numpy_function runs Python on the host": """
        def record(m):
            with writer.as_default():
                tf.summary.scalar("mean", m, step=0)


        @tf.function
        def f(x):
            tf.numpy_function(record, [tf.reduce_mean(x)], [])
            return x
        """,
    "custom_gradient traces nothing": """
        @tf.custom_gradient
        def square(x):
            tf.summary.scalar("x", x, step=1)
            return x * x, lambda dy: 2 * x * dy
        """,
    "main is run by app.run": """
        def main(argv):
            with writer.as_default():
                tf.summary.scalar("one", 1.0, step=1)


        tf.compat.v1.app.run(main)
        """,
    "main is run by absl": """
        from absl import app


        def main(argv):
            with writer.as_default():
                tf.summary.scalar("one", 1.0, step=1)


        app.run(main)
        """,
    "a generator that a dataset reads": """
        def numbers():
            for i in range(3):
                with writer.as_default():
                    tf.summary.scalar("number", float(i), step=i)
                yield i


        dataset = tf.data.Dataset.from_generator(numbers, tf.int64)
        """,
    "map_structure calls on the host": """
        def record(x):
            with writer.as_default():
                tf.summary.scalar("first", x[0, 0], step=1)
            return x


        tf.nest.map_structure(record, [xs])
        """,
    "a pool of threads maps": """
        from concurrent.futures import ThreadPoolExecutor


        def record(i):
            with writer.as_default():
                tf.summary.scalar("number", float(i), step=i)


        with ThreadPoolExecutor() as pool:
            list(pool.map(record, range(3)))
        """,
    "a series of pandas maps": """
        import pandas as pd


        def record(x):
            with writer.as_default():
                tf.summary.scalar("number", x, step=1)
            return x


        data = pd.Series([1.0])
        data.map(record)
        """,
    "another library's dataset maps": """
        import datasets


        def record(row):
            with writer.as_default():
                tf.summary.scalar("number", row["x"], step=1)
            return row


        ds = datasets.load_dataset("numbers")
        ds.map(record)
        """,
    "a strategy that isn't one of TensorFlow": """
        from trading import Momentum


        def record(x):
            with writer.as_default():
                tf.summary.scalar("price", x, step=1)


        strategy = Momentum()
        strategy.run(record)
        """,
    "a traced function of the same name in another class": """
        class Traced:
            @tf.function
            def train(self, x):
                return x


        class Plain:
            def train(self, x):
                with writer.as_default():
                    tf.summary.scalar("first", x[0, 0], step=1)


        Traced().train(xs)
        Plain().train(xs)
        """,
}
NOT_TENSORFLOWS = {
    "another library's function": """
        from functions_framework import function


        @function
        def f(x):
            tf.summary.scalar("mean", x, step=1)
        """,
    "a decorator of another compiler": """
        import jax


        @jax.jit
        def f(x):
            tf.summary.scalar("mean", x, step=1)
        """,
    "a writer of PyTorch": """
        from torch.utils.tensorboard import SummaryWriter

        board = SummaryWriter()


        @tf.function
        def f(x):
            board.add_scalar("mean", 1.0, 2)
            return x
        """,
    "a writer of tensorboardX": """
        import tensorboardX

        summary = tensorboardX.SummaryWriter()


        @tf.function
        def f(x):
            summary.add_scalar("mean", 1.0, 2)
            return x
        """,
    "a run of Weights & Biases": """
        import wandb


        @tf.function
        def f(x):
            wandb.log({"mean": 1.0})
            return x
        """,
    "a summary of MLflow": """
        import mlflow


        @tf.function
        def f(x):
            mlflow.tensorflow.summary.scalar("mean", x, step=1)
            return x
        """,
    "a function that only makes a summary's text": """
        @tf.function
        def f(x):
            tf.print("tf.summary.scalar", tf.reduce_mean(x))
            return x
        """,
    "an object called summary": """
        from project import summary


        @tf.function
        def f(x):
            summary.scalar("mean", x, step=1)
            return x
        """,
    "an attribute called summary": """
        class Trainer:
            @tf.function
            def train(self, x):
                self.summary.scalar("mean", x, step=1)
                return x
        """,
    "a parameter called tf": """
        def make(tf):
            @tf.function
            def f(x):
                tf.summary.scalar("mean", x, step=1)
                return x

            return f
        """,
    "a class called tf": """
        class tf:
            function = staticmethod(lambda f: f)
            summary = None


        @tf.function
        def f(x):
            tf.summary.scalar("mean", x, step=1)
            return x
        """,
    "the summary of a model": """
        @tf.function
        def f(model, x):
            model.summary()
            return model(x)
        """,
    "summaries of TensorFlow 1": """
        @tf.function
        def f(x):
            tf.compat.v1.summary.scalar("mean", tf.reduce_mean(x))
            return x
        """,
    "summaries of TensorFlow 1 by their short name": """
        import tensorflow.compat.v1 as tf1


        @tf.function
        def f(x):
            tf1.summary.histogram("values", x)
            return x
        """,
    "a graph of TensorFlow 1": """
        import tensorflow.compat.v1 as tf1

        with tf1.Graph().as_default(), tf1.Session() as session:
            tf1.summary.scalar("one", tf1.constant(1.0))
            merged = tf1.summary.merge_all()
        """,
    "other parts of tf.summary": """
        @tf.function
        def f(x):
            tf.summary.should_record_summaries()
            return x


        tf.summary.trace_on(graph=True)
        with writer.as_default():
            f(xs)
            tf.summary.trace_export("f", step=0)
        tf.summary.flush(writer)
        """,
    "named in a text and in a comment": """
        @tf.function
        def f(x):
            # tf.summary.scalar("mean", x, step=1)
            return tf.strings.join(["tf.summary.scalar('mean', x)"])
        """,
    "the operation is only named": """
        OPERATIONS = {"scalar": tf.summary.scalar}


        @tf.function
        def f(x):
            return x
        """,
}
SUPPRESSED = {
    "on its line": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)  # tf-codemods: ignore
            return m
        """
    + textwrap.indent(CALL, " " * 8),
    "by its name": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)  # tf-codemods: ignore[move-summaries-to-host]
            return m
        """
    + textwrap.indent(CALL, " " * 8),
    "in the whole file": """
        # tf-codemods: ignore-file
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m
        """
    + textwrap.indent(CALL, " " * 8),
}


@pytest.mark.parametrize("name", NOT_TRACED)
def test_what_is_not_traced_is_left_alone(name):
    check.noop(program(NOT_TRACED[name]))


@pytest.mark.parametrize("name", NOT_TENSORFLOWS)
def test_what_is_not_a_summary_of_tensorflow_is_left_alone(name):
    check.noop(program(NOT_TENSORFLOWS[name]))


@pytest.mark.parametrize("name", SUPPRESSED)
def test_what_is_suppressed_is_left_alone(name):
    check.noop(program(SUPPRESSED[name]))


# Helpers: functions that traced code calls, and that write. -------------------------------------------------

HELPERS = {
    "a_helper_that_only_writes": """
        def log_metrics(m, step):
            \"\"\"Record how it goes.\"\"\"
            # the mean
            tf.summary.scalar("mean", m, step=step)
            with tf.name_scope("more/"):
                tf.summary.histogram("values", tf.reshape(m, [-1]), step=step)


        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            log_metrics(m, step)  # as it is now
            m += 1
            log_metrics(m * 2, step=step)
            return m


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
            log_metrics(y, 9)
        """,
    "a_helper_that_writes_a_dictionary": """
        def log(prefix, metrics, step):
            for name, value in metrics.items():
                tf.summary.scalar(f"{prefix}/{name}", value, step=step)


        @tf.function
        def f(x, step):
            metrics = {"lo": tf.reduce_min(x), "hi": tf.reduce_max(x)}
            log("train", metrics, step)
            log("other", {"mean": tf.reduce_mean(x)}, step)


        with writer.as_default():
            for i in range(2):
                f(xs, i)
        """,
    "a_dictionary_that_is_filled_again_later": """
        def log(metrics, step):
            tf.summary.scalar("low", metrics["low"], step=step)
            for name, value in metrics.items():
                tf.summary.scalar("all/" + name, value, step=step)
            return


        @tf.function
        def f(x, step):
            metrics = {"low": tf.reduce_min(x)}
            metrics["high"] = tf.reduce_max(x)
            log(metrics, step)
            metrics["low"] = tf.reduce_mean(x)
            return metrics


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
            print(y["low"].numpy())
        """,
    "a_helper_that_calls_a_helper": """
        def log_one(name, value, step):
            tf.summary.scalar(name, value, step)


        def log_all(lo, hi, step):
            log_one("lo", lo, step)
            log_one("hi", hi, step)


        @tf.function
        def f(x, step):
            log_all(tf.reduce_min(x), tf.reduce_max(x), step)
            return x


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """,
    "a_helper_of_an_object_with_any_keywords": """
        class Logger:
            def __init__(self, prefix):
                self.prefix = prefix

            def scalars(self, step, **values):
                for name, value in values.items():
                    tf.summary.scalar(self.prefix + name, value, step=step)


        logger = Logger("train/")


        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            logger.scalars(step, mean=m, top=tf.reduce_max(x))
            return m


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """,
    "a_method_that_only_writes": """
        class Trainer:
            def __init__(self):
                self.writer = tf.summary.create_file_writer("logs")
                self.step = tf.Variable(0, dtype=tf.int64)
                self.w = tf.Variable([1.0, 2.0])

            def _log(self, loss, gradients):
                with self.writer.as_default():
                    tf.summary.scalar("loss", loss, step=self.step)
                    for name, g in zip(["w"], gradients):
                        tf.summary.histogram(name, g, step=self.step)

            @tf.function
            def train(self, x):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_sum(x * self.w)
                gradients = tape.gradient(loss, [self.w])
                self.w.assign_sub(0.1 * gradients[0])
                self.step.assign_add(1)
                self._log(loss, gradients)
                return loss


        trainer = Trainer()
        for _ in range(2):
            print(trainer.train(xs).numpy())
        """,
}


@pytest.mark.parametrize("name", HELPERS)
def test_helpers(name, snapshot):
    check.transformed(program(HELPERS[name]), snapshot)


def test_a_helper_of_another_module_is_called_behind_the_call(snapshot):
    helper = "import tensorflow as tf\n\n\ndef log(value, step):\n    tf.summary.scalar('value', value, step)\n"
    main = program("""
        import logs


        @tf.function
        def f(x, step):
            y = x * 2
            logs.log(tf.reduce_mean(y), step)
            return y


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """)
    check.transformed({"main.py": main, "logs.py": helper}, snapshot)
    check.noop({"logs.py": helper, "main.py": main})


def test_a_helper_of_another_module_that_reads_a_variable_before_it_changes_is_refused():
    helper = """\
import tensorflow as tf

count = tf.Variable(0, dtype=tf.int64)


def log(value):
    tf.summary.scalar("value", value, step=count)
"""
    main = program("""
        from logs import count, log


        @tf.function
        def f(x):
            log(x[0, 0])
            count.assign_add(1)
            return x


        with writer.as_default():
            y = f(xs)
        """)
    check.refused({"main.py": main, "logs.py": helper}, refusals.STEP)


TWO_DEVICES = """

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
"""
LIFTED = {
    "a_helper_that_computes_and_writes": """
        def loss_and_log(x, y):
            error = model(x, training=True) - y
            loss = tf.reduce_mean(error ** 2)
            # before the update
            tf.summary.scalar("loss", loss, step=optimizer.iterations)
            tf.summary.histogram("error", error, step=optimizer.iterations)
            return loss


        @tf.function
        def train_step(x, y):
            with tf.GradientTape() as tape:
                loss = loss_and_log(x, y)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return loss


        with writer.as_default():
            for x, y in dataset:
                print(train_step(x, y).numpy())
        """,
    "a_helper_called_at_several_places_and_levels": """
        def half(x, name, step):
            h = x / 2
            tf.summary.scalar(name, tf.reduce_sum(h), step=step)
            return h


        def both(x, step):
            h = half(x, "first", step)
            return h + half(h, "second", step)


        @tf.function
        def f(x, step):
            return both(x, step) * 2


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
                print(y.numpy())
        """,
    "a_helper_whose_tuple_is_taken_apart_or_not": """
        def range_of(x, step):
            lo, hi = tf.reduce_min(x), tf.reduce_max(x)
            tf.summary.scalar("range", hi - lo, step=step)
            return lo, hi


        @tf.function
        def f(x, step):
            lo, hi = range_of(x, step)
            top = range_of(x * 2, step)[1]
            return {"lo": lo, "hi": hi, "top": top}


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """,
    "helpers_of_a_base_class": """
        class Base:
            def __init__(self):
                self.writer = tf.summary.create_file_writer("logs")
                self.step = tf.Variable(0, dtype=tf.int64)

            def _log(self, name, value):
                if value is not None:
                    with self.writer.as_default():
                        # beside the loss
                        tf.summary.scalar(name, value, step=self.step)

            def loss(self, x):
                value = tf.reduce_mean(x)
                self._log("loss", value)
                return value


        class Child(Base):
            @tf.function
            def train(self, x):
                loss = self.loss(x)
                self._log("twice", loss * 2)
                self.step.assign_add(1)
                return loss

            def run(self):
                for _ in range(2):
                    value = self.train(xs)
                return value


        print(Child().run().numpy())
        """,
    "helpers_that_go_over_gradients_and_variables": """
        def log_gradients(gradients, variables, step):
            for g, v in zip(gradients, variables):
                if g is not None:
                    tf.summary.histogram("gradients/" + v.name, g, step=step)


        def log_weights(variables, step):
            for v in variables:
                tf.summary.histogram("weights/" + v.name, v, step=step)


        @tf.function
        def train_step(x, y, step):
            with tf.GradientTape() as tape:
                loss = loss_of(x, y)
            gradients = tape.gradient(loss, model.trainable_variables)
            log_gradients(gradients, model.trainable_variables, step)
            log_weights(model.trainable_variables, step)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return loss


        with writer.as_default():
            for i, (x, y) in enumerate(dataset):
                train_step(x, y, tf.constant(i, tf.int64))
        """,
    "a_helper_with_defaults_and_a_dictionary": """
        def losses(x, step, prefix="train/", *, scale=2.0):
            out = {"a": tf.reduce_mean(x) * scale, "b": tf.reduce_max(x)}
            for name, value in out.items():
                tf.summary.scalar(prefix + name, value, step=step)
            return out["a"] + out["b"]


        @tf.function
        def f(x, step):
            return losses(x, step) + losses(x, step, "other/", scale=3.0)


        with writer.as_default():
            for i in range(2):
                y = f(xs, i)
        """,
    "a_function_inside_the_traced_one": """
        @tf.function
        def f(x, step):
            def inner(z):
                tf.summary.scalar("value", z[0, 0] * 2, step=step)
                return z

            return inner(x)


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
        """,
    "a_traced_function_called_by_another": """
        @tf.function
        def f(x, step):
            m = tf.reduce_mean(x)
            tf.summary.scalar("mean", m, step=step)
            return m


        @tf.function
        def outer(x, step):
            return f(x, step) + 1


        with writer.as_default():
            for i in range(2):
                y = outer(xs, tf.constant(i, tf.int64))
        """,
    "a_helper_that_reads_a_variable_before_it_changes": """
        count = tf.Variable(0, dtype=tf.int64)


        def log(value):
            tf.summary.scalar("value", value, step=count)


        @tf.function
        def f(x):
            # the first of all
            log(x[0, 0])
            count.assign_add(1)
            return x


        with writer.as_default():
            for _ in range(2):
                y = f(xs)
        """,
    "a_helper_that_the_host_calls_too": """
        def double_mean(x, step):
            \"\"\"Return twice the mean.\"\"\"
            m = 2 * tf.reduce_mean(x)
            tf.summary.scalar("double", m, step=step)  # on both ways
            tf.summary.histogram("values", x, step=step)
            return m


        @tf.function
        def f(x, step):
            return double_mean(x + 1, step) / 2


        with writer.as_default():
            for i in range(2):
                y = f(xs, tf.constant(i, tf.int64))
            print(double_mean(xs, 5).numpy(), y.numpy())
        """,
    "replicas_in_a_traced_function": """
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        with strategy.scope():
            count = tf.Variable(0, dtype=tf.int64, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)


        def step_fn(values):
            loss = tf.reduce_mean(values)
            tf.summary.scalar("loss", loss, step=count)
            count.assign_add(1)
            return loss


        @tf.function
        def distributed_step(values):
            per_replica_losses = strategy.run(step_fn, args=(values,))
            return strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica_losses, axis=None)


        @tf.function
        def evaluate(values):
            def eval_fn(v):
                loss = tf.reduce_sum(v)
                tf.summary.scalar("eval", loss * 2, step=count)
                return loss

            return strategy.reduce("SUM", strategy.run(eval_fn, args=(values,)), axis=None)


        @tf.function
        def test(values):
            return strategy.run(lone, args=(values, tf.constant(4, tf.int64)))


        def lone(v, step):
            tf.summary.histogram("values", v, step=step)
            count.assign_add(1)


        values = strategy.experimental_distribute_values_from_function(
            lambda context: tf.fill([2], 1.0 + tf.cast(context.replica_id_in_sync_group, tf.float32))
        )
        total = 0.0
        with writer.as_default():
            for _ in range(3):
                total += distributed_step(values)
            print(float(total), float(evaluate(values)))
            test(values)
        """,
    "replicas_in_host_code": """
        strategy = tf.distribute.get_strategy()


        @tf.function
        def traced(x, step):
            loss = tf.reduce_mean(x)
            tf.summary.scalar("traced", loss, step=step)
            return loss


        def eager(x, step):
            tf.summary.scalar("eager", tf.reduce_sum(x), step=step)


        with writer.as_default():
            for i in range(2):
                loss = strategy.run(traced, args=(xs, tf.constant(i, tf.int64)))
                strategy.run(eager, args=(xs, i))
        """,
}


def lifted(name: str) -> str:
    """Return a program of LIFTED, with two devices where it has replicas."""
    text = program(LIFTED[name], MODEL if "model" in LIFTED[name] else HEAD)
    return text.replace("\n\n", TWO_DEVICES, 1) if "CPU:1" in text else text


@pytest.mark.parametrize("name", LIFTED)
def test_lifted(name, snapshot):
    check.transformed(lifted(name), snapshot)


def test_replicas_by_the_name_that_run_had():
    after = check.transformed(
        lifted("replicas_in_a_traced_function").replace("strategy.run", "strategy.experimental_run_v2")
    )
    assert after.count("strategy.experimental_local_results(") == 4


def test_what_a_helper_of_another_module_computes_is_rewritten_in_both():
    helper = """\
import tensorflow as tf


def double(x, step):
    y = x * 2
    tf.summary.histogram("double", y, step)
    return y
"""
    main = program("""
        from helpers import double


        @tf.function
        def f(x, step):
            return double(x, step) + 1


        with writer.as_default():
            y = f(xs, tf.constant(1, tf.int64))
        """)
    assert "\n\ndef _traced_double(x):\n" in check.transformed({"helpers.py": helper, "main.py": main})
    assert "from helpers import _traced_double\n" in check.transformed({"main.py": main, "helpers.py": helper})


def test_a_function_that_another_module_hands_to_a_strategy_is_refused():
    helper = """\
import tensorflow as tf


def double(x, step):
    y = x * 2
    tf.summary.histogram("double", y, step)
    return y
"""
    main = program("""
        from helpers import double

        strategy = tf.distribute.MirroredStrategy(["CPU:0"])


        with writer.as_default():
            y = strategy.run(double, args=(xs, tf.constant(1, tf.int64)))
        """)
    check.refused({"helpers.py": helper, "main.py": main}, lift.ELSEWHERE)
    check.noop({"main.py": main, "helpers.py": helper})


MOVED = {
    **{
        name: program(text)
        for table in (FORMS, VALUES, STEPS, BLOCKS, LAYOUT, REPAIRED, HELPERS)
        for name, text in table.items()
    },
    **{name: program(text, MODEL) for name, text in TRAINING.items()},
    **{name: lifted(name) for name in LIFTED},
}


@pytest.mark.parametrize("name", MOVED)
def test_what_is_rewritten_is_left_alone(name):
    check.noop(check.transformed(MOVED[name]))


# Several modules, and notebooks. -----------------------------------------------------------------------

STEPS_MODULE = """\
import tensorflow as tf

writer = tf.summary.create_file_writer("logs")


@tf.function
def f(x, step):
    m = tf.reduce_mean(x)
    tf.summary.scalar("mean", m + 1, step=step)
    return m


def once():
    with writer.as_default():
        y = f(tf.ones((2, 2)), 9)
    return y
"""
CALLERS = {
    "by its name": "from steps import f, writer\n\nwith writer.as_default():\n    y = f(tf.ones((2, 2)), 1)\n",
    "under another name": "from steps import f as g, writer\n\nwith writer.as_default():\n    y = g(tf.ones(2), 1)\n",
    "by its module": "import steps\n\nwith steps.writer.as_default():\n    y = steps.f(tf.ones((2, 2)), 1)\n",
    "by a star": "from steps import *\n\nwith writer.as_default():\n    y = f(tf.ones((2, 2)), 1)\n",
}


@pytest.mark.parametrize("name", CALLERS)
def test_the_signature_is_kept_for_callers_in_other_modules(name):
    files = {"steps.py": STEPS_MODULE, "main.py": "import tensorflow as tf\n" + CALLERS[name]}
    after = check.transformed(files)
    assert "def f(x, step):" in after
    assert "def _traced_f(x):" in after
    assert check.run({"main.py": files["main.py"], "steps.py": after}).text == files["main.py"]


def test_a_function_that_nothing_else_calls_changes_its_signature():
    after = check.transformed({"steps.py": STEPS_MODULE, "main.py": "from steps import once\n\nonce()\n"})
    assert "def f(x):" in after
    assert "_traced_f" not in after


def test_a_function_listed_in_all_keeps_its_signature():
    assert "def f(x, step):" in check.transformed('__all__ = ["f"]\n' + STEPS_MODULE)


def test_a_function_used_as_a_value_in_another_module_is_refused():
    check.refused({"steps.py": STEPS_MODULE, "main.py": "import steps\n\ntrain = steps.f\n"}, refusals.FUNCTION_USED)


def test_two_modules_with_functions_of_one_name():
    other = STEPS_MODULE.replace("mean", "other").replace("reduce_other", "reduce_sum")
    main = "import tensorflow as tf\nimport a\nimport b\n\nwith a.writer.as_default():\n    print(a.f(tf.ones(3), 1))\n"
    assert "_traced_f" in check.transformed({"a.py": STEPS_MODULE, "b.py": other, "main.py": main})
    assert "_traced_f" not in check.transformed({"b.py": other, "a.py": STEPS_MODULE, "main.py": main})


def test_a_method_overridden_in_another_module_keeps_its_signature_or_is_refused():
    base = """\
import tensorflow as tf


class Base:
    @tf.function
    def train(self, x, step):
        m = tf.reduce_mean(x)
        tf.summary.scalar("mean", m, step=step)
        return m

    def run(self, x):
        with self.writer.as_default():
            y = self.train(x, 1)
        return y
"""
    child = "from base import Base\n\n\nclass Child(Base):\n    def train(self, x, step):\n        return x\n"
    assert "def train(self, x):" in check.transformed({"base.py": base})
    result = check.run({"base.py": base, "child.py": child})
    assert "def train(self, x, step):" in result.text


def notebook(*cells: str) -> bytes:
    """Return a notebook of code cells."""
    content = [
        {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {},
            "outputs": [],
            "source": cell.splitlines(keepends=True),
        }
        for cell in cells
    ]
    return json.dumps({"cells": content, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


def test_the_call_stands_in_another_cell(tmp_path):
    data = notebook(
        HEAD.strip(),
        textwrap.dedent(FUNCTION).strip(),
        "%%time\nwith writer.as_default():\n    for i in range(2):\n        y = f(xs, i)",
    )
    result, after = run_on_text(tmp_path / "a.ipynb", data, Settings(("move-summaries-to-host",)), "a.ipynb")
    assert [finding.cell for finding in result.findings] == [1]
    head, function, call = ("".join(cell["source"]) for cell in json.loads(after)["cells"])
    assert head == HEAD.strip()
    assert function == "@tf.function\ndef f(x):\n    m = tf.reduce_mean(x)\n    return m"
    assert call == (
        "%%time\nwith writer.as_default():\n    for i in range(2):\n"
        '        y = f(xs)\n        tf.summary.scalar("mean", y, step=i)'
    )


def test_a_function_that_a_later_cell_defines_again_keeps_its_signature(tmp_path):
    cell = textwrap.dedent(FUNCTION).strip()
    call = "with writer.as_default():\n    y = f(xs, 1)"
    data = notebook(HEAD.strip(), cell, call, cell.replace("mean", "sum"), call)
    _, after = run_on_text(tmp_path / "a.ipynb", data, Settings(("move-summaries-to-host",)), "a.ipynb")
    cells = ["".join(cell["source"]) for cell in json.loads(after)["cells"]]
    assert cells[2] == cells[4] == call
    assert all("def f(x, step):" in cells[index] for index in (1, 3))


# Under TensorFlow. -------------------------------------------------------------------------------------

RUN = (
    *TRAINING, *STEPS, *BLOCKS, *HELPERS, *LIFTED,
    "behind_the_only_call", "behind_a_call_whose_result_is_not_used", "wrapper_for_two_calls", "method_called_on_self",
    "wrapper_of_a_function_with_every_kind_of_parameter", "method_called_on_an_object", "traced_by_an_assignment",
    "value_bound_again_later", "variable_changed_later", "random_data_is_drawn_where_it_was", "metric_results",
    "a_parameter_is_written_as_it_is", "a_parameter_with_a_signature_is_returned", "targets_with_a_star",
    "a_value_that_an_inner_function_uses", "every_kind_of_summary", "lists_of_tensors",
)  # fmt: skip


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", RUN)
def test_records_the_same(name: str, runner: Runner) -> None:
    before = runner.run_source(MOVED[name])
    assert before.ok, before.stderr
    assert before.events
    verdict = compare(before, runner.run_source(check.transformed(MOVED[name])))
    assert verdict.kind == "same", verdict.lines


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", REPAIRED)
def test_repairs(name: str, runner: Runner) -> None:
    before = runner.run_source(MOVED[name])
    verdict = compare(before, runner.run_source(check.transformed(MOVED[name])))
    assert verdict.kind == "repaired", verdict.lines


@pytest.mark.tensorflow
def test_a_mean_in_place_of_the_value_of_the_first_replica_is_seen(runner: Runner) -> None:
    text = lifted("replicas_in_a_traced_function")
    local, mean = (
        "strategy.experimental_local_results(per_replica_losses)[0]",
        'strategy.reduce("MEAN", per_replica_losses, axis=None)',
    )
    wrong = check.transformed(text).replace(local, mean)
    assert mean in wrong
    assert compare(runner.run_source(text), runner.run_source(wrong)).kind == "different"


@pytest.mark.tensorflow
def test_a_condition_on_a_tensor_loses_its_prefix(runner: Runner) -> None:
    text = program(UNSAFE["a_condition_on_a_tensor"])
    before, after = runner.run_source(text), runner.run_source(check.transformed(text, unsafe=True))
    assert after.steps("large") == before.steps("cond/large") == [0, 1], after.stderr
    assert after.values("large") == before.values("cond/large")


def test_a_writer_that_another_module_replaces():
    trainer, _, _ = program(OBJECT_WITH_WRITER).partition("trainer = ")
    main = (
        "import tensorflow as tf\nfrom lib import Trainer, xs\n\ntrainer = Trainer()\nfor i in range(2):\n"
        "    trainer.train(xs, i)\n    trainer.w = tf.summary.create_file_writer('logs/other')\n"
    )
    result = check.run({"lib.py": trainer, "main.py": main})
    assert {finding.status for _, finding in result.findings} == {Status.UNSAFE}


OBJECT_WITH_WRITER = """
    class Trainer:
        def __init__(self):
            self.w = writer

        @tf.function
        def train(self, x, step):
            m = tf.reduce_mean(x)
            with self.w.as_default():
                tf.summary.scalar("mean", m, step=tf.cast(step, tf.int64))
            return m


    trainer = Trainer()
    """
