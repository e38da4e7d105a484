"""The codemod `reduce-callback-logs`."""

import csv
import io

import pytest

from codemods.engine.codemod import Severity, Status
from codemods.reduce_callback_logs import (
    CUSTOM_CALLBACK,
    MAY_BE_NONE,
    REPLICA_BOOLEANS,
    SEVERAL_RESULTS,
    SHARE_OF_BATCH,
    SHARED_LOGS,
    STRATEGY_OUT_OF_REACH,
    UNKNOWN_LOGS,
    UNNAMED_LOGS,
)
from codemods.verify.run import Runner
from tests.tools import Check

check = Check("reduce_callback_logs")

HEAD = """\
import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(1)
model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
per_example = tf.keras.losses.MeanSquaredError(reduction="none")
x = tf.ones([4, 2])
y = tf.reshape(tf.range(4.0), [4, 1])
tensorboard = tf.keras.callbacks.TensorBoard("logs")
tensorboard.set_model(model)
csv_logger = tf.keras.callbacks.CSVLogger("log.csv")
history = tf.keras.callbacks.History()
history.set_model(model)
"""
TWO_DEVICES = """\
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
tensorboard = tf.keras.callbacks.TensorBoard("logs")
tensorboard.set_model(model)
rows = tf.data.Dataset.from_tensor_slices(tf.reshape(tf.range(6.0), [3, 2])).batch(3)
batches = strategy.experimental_distribute_dataset(rows)
"""


def changed(program: str, *, unsafe: bool = False) -> str:
    """Return the lines that a program gains."""
    after = check.transformed(HEAD + program, unsafe=unsafe)
    return "\n".join(line for line in after.splitlines() if line not in (HEAD + program).splitlines())


# Values that are reduced. ------------------------------------------------------------------------


def test_batch_in_a_dict_display(snapshot):
    check.transformed(
        """\
        import tensorflow as tf

        tensorboard = tf.keras.callbacks.TensorBoard("logs")
        loss_fn = tf.keras.losses.MeanSquaredError(reduction=tf.keras.losses.Reduction.NONE)


        def train(model, dataset):
            tensorboard.set_model(model)
            for epoch in range(3):
                for x, y in dataset:
                    loss = loss_fn(y, model(x))
                tensorboard.on_epoch_end(
                    epoch,
                    logs={
                        # what the model is trained on
                        "loss": loss,  # one for each example
                        "epoch": epoch,
                    },
                )
        """.replace("\n        ", "\n").lstrip(),
        snapshot,
        severity=Severity.ERROR,
    )


def test_tabs_aliases_and_parentheses(snapshot):
    check.transformed(
        "import tensorflow.compat.v2 as tf2\n"
        "from tensorflow.keras import callbacks as cb\n"
        "from tensorflow.keras.losses import mse\n"
        "\n"
        "def train(net, x, y):\n"
        "\tnet = tf2.keras.Sequential()\n"
        "\tboard = cb.TensorBoard('logs')\n"
        "\tfor epoch in range(3):\n"
        "\t\tboard.on_epoch_end(epoch, {'a': (mse(y,\n"
        "\t\t\tnet(x))), 'b': mse(y, net(x)),})\n",
        snapshot,
    )


def test_a_module_that_names_the_first_version():
    program = (
        "import tensorflow.compat.v1 as tf\n\nboard = tf.keras.callbacks.TensorBoard('logs')\n"
        "for epoch in range(3):\n    board.on_epoch_end(epoch, {'loss': tf.square(y - x)})\n"
    )
    reduced = check.transformed(program)
    assert "{'loss': tf.reduce_mean(tf.cast(tf.square(y - x), tf.float32))}" in reduced
    check.noop(reduced)
    check.transformed(reduced.replace("tf.float32))", "tf.float32), reduction_indices=[1])"))


def test_import_is_added_where_tensorflow_has_no_name(snapshot):
    check.transformed(
        "from tensorflow.keras.callbacks import TensorBoard\n"
        "import numpy as np\n"
        "\n"
        "board = TensorBoard('logs')\n"
        "board.on_epoch_end(0, {'loss': np.array([1.0, 2.0])})\n",
        snapshot,
    )


def test_dict_that_only_callbacks_see_is_changed_where_it_is_made(snapshot):
    check.transformed(
        HEAD
        + """\
logs = {"loss": per_example(y, model(x)), "text": "a"}
logs["accuracy"] = tf.equal(y, 1.0)
for callback in [tensorboard, csv_logger]:
    callback.on_epoch_end(0, logs)
""",
        snapshot,
        severity=Severity.ERROR,
    )


def test_dict_that_is_used_later_is_copied(snapshot):
    check.transformed(
        HEAD
        + """\
logs = {"loss": per_example(y, model(x)), "lr": 0.1}
tensorboard.on_epoch_end(0, logs)
print(logs["loss"].shape)
""",
        snapshot,
    )


def test_dict_that_a_function_returns_is_copied(snapshot):
    check.transformed(
        HEAD
        + """\
@tf.function
def step(x, y):
    return {"loss": per_example(y, model(x)), "n": 4}


tensorboard.on_epoch_end(0, step(x, y))
""",
        snapshot,
    )


def test_dict_of_replicas_is_reduced_in_a_comprehension(snapshot):
    check.transformed(
        TWO_DEVICES
        + """\
def replica_step(x):
    return {"mean": tf.reduce_mean(x), "max": tf.reduce_max(x)}


for index, batch in enumerate(batches):
    logs = strategy.run(replica_step, args=(batch,))
    tensorboard.on_epoch_end(index, logs)
""",
        snapshot,
        severity=Severity.ERROR,
    )


def test_long_dict_stands_on_lines_of_its_own(snapshot):
    check.transformed(
        TWO_DEVICES
        + """\
def train_step(batch):
\treturn strategy.run(lambda x: {"loss": tf.reduce_mean(x), "n": 3}, args=(batch,))


def train():
\tfor index, batch in enumerate(batches):
\t\tlogs = train_step(batch)
\t\ttensorboard.on_epoch_end(index, logs)
\t\tprint(logs)
""",
        snapshot,
    )


def test_attribute_of_self(snapshot):
    check.transformed(
        """\
import tensorflow as tf


class Trainer:
    def __init__(self, model):
        self.model = model
        self.strategy = tf.distribute.MirroredStrategy()
        self.callback = tf.keras.callbacks.TensorBoard("logs")
        self.total = tf.keras.metrics.Mean()

    def replica_step(self, x):
        return tf.reduce_sum(x)

    def run(self, x):
        loss = self.strategy.run(self.replica_step, args=(x,))
        self.callback.on_epoch_end(0, {"loss": loss, "total": self.total.result()})
""",
        snapshot,
    )


def test_scaled_loss_is_summed(snapshot):
    check.transformed(
        TWO_DEVICES
        + """\
@tf.function
def step(x):
    def replica_step(x):
        return tf.nn.compute_average_loss(tf.reduce_sum(x, axis=1), global_batch_size=3)

    return strategy.run(replica_step, args=(x,))


for batch in batches:
    tensorboard.on_epoch_end(0, {"loss": step(batch)})
""",
        snapshot,
    )


def test_integers_and_booleans_are_cast():
    line = changed('tensorboard.on_epoch_end(0, {"n": tf.constant([1, 2]), "b": y > 1.0, "l": [1, 2]})\n')
    assert '"n": tf.reduce_mean(tf.cast(tf.constant([1, 2]), tf.float32))' in line
    assert '"b": tf.reduce_mean(tf.cast(y > 1.0, tf.float32))' in line
    assert '"l": tf.reduce_mean(tf.cast([1, 2], tf.float32))' in line


def test_half_precision_is_cast():
    line = changed(
        'tf.keras.mixed_precision.set_global_policy("mixed_float16")\n'
        'tensorboard.on_epoch_end(0, {"loss": per_example(y, model(x))})\n'
    )
    assert "tf.reduce_mean(tf.cast(per_example(y, model(x)), tf.float32))" in line


def test_list_that_a_loop_fills():
    line = changed(
        "losses = []\n"
        "for batch in range(3):\n"
        "    losses.append(float(model(x)[0, 0]))\n"
        'tensorboard.on_epoch_end(0, {"loss": losses, "last": losses[-1]})\n'
    )
    assert '{"loss": tf.reduce_mean(losses), "last": losses[-1]}' in line


def test_sum_of_batches_over_steps():
    line = changed(
        "total = 0.0\n"
        "for batch in range(3):\n"
        "    total += per_example(y, model(x))\n"
        'tensorboard.on_epoch_end(0, {"loss": total / 3})\n'
    )
    assert '{"loss": tf.reduce_mean(total / 3)}' in line


def test_value_of_which_nothing_is_known_is_a_warning():
    program = 'def end(epoch, loss):\n    tensorboard.on_epoch_end(epoch, {"loss": loss})\n'
    after = check.transformed(HEAD + program, severity=Severity.WARNING)
    assert '{"loss": tf.reduce_mean(tf.cast(loss, tf.float32))}' in after


def test_hook_that_reads_no_logs_is_a_note():
    check.transformed(
        HEAD + 'tensorboard.on_batch_end(0, {"loss": per_example(y, model(x))})\n', severity=Severity.NOTE
    )


def test_monitored_value_is_an_error_and_others_a_note():
    result = check.run(HEAD + 'tf.keras.callbacks.EarlyStopping("loss").on_epoch_end(0, {"loss": y, "other": y})\n')
    assert [finding.severity for _, finding in result.findings] == [Severity.ERROR, Severity.NOTE]


def test_checkpoint_that_formats_gets_a_float():
    line = changed('tf.keras.callbacks.ModelCheckpoint("{loss:.2f}.keras").on_epoch_end(0, {"loss": y})\n')
    assert '{"loss": float(tf.reduce_mean(y))}' in line


def test_scalar_tensor_for_a_csv_logger_becomes_a_float():
    line = changed('csv_logger.on_epoch_end(0, {"loss": tf.reduce_sum(y), "text": "a", "n": 3, "x": None})\n')
    assert '{"loss": float(tf.reduce_sum(y)), "text": "a", "n": 3, "x": None}' in line


@pytest.mark.parametrize("callback", ["csv_logger", "history"])
def test_callback_that_takes_vectors_is_unsafe(callback):
    program = HEAD + f'{callback}.on_epoch_end(0, {{"loss": y}})\n'
    result = check.run(program)
    assert [finding.status for _, finding in result.findings] == [Status.UNSAFE]
    assert result.text == program
    assert "tf.reduce_mean(y)" in check.transformed(program, unsafe=True)


def test_python_number_for_early_stopping_is_unsafe():
    program = (
        'stop = tf.keras.callbacks.EarlyStopping("loss")\n'
        'def end(epoch, loss):\n    stop.on_epoch_end(epoch, {"loss": loss})\n'
    )
    assert "tf.cast(loss, tf.float32)" in changed(program, unsafe=True)


def test_subclass_that_hands_the_logs_on_is_its_base():
    line = changed(
        "class Board(tf.keras.callbacks.TensorBoard):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        print(epoch)\n"
        "        super().on_epoch_end(epoch, logs)\n"
        'Board("logs").on_epoch_end(0, {"loss": y})\n'
    )
    assert 'on_epoch_end(0, {"loss": tf.reduce_mean(y)})' in line


def test_callback_of_another_module():
    after = check.transformed(
        {
            "train.py": "import tensorflow as tf\n"
            "from setup import board, compute\n"
            'board.on_epoch_end(0, {"loss": compute(tf.ones([2]))})\n',
            "setup.py": "import tensorflow as tf\n"
            'board = tf.keras.callbacks.TensorBoard("logs")\n'
            "def compute(x):\n    return tf.square(x)\n",
        }
    )
    assert "tf.reduce_mean(compute(tf.ones([2])))" in after


# What is left alone. -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "0.5",
        "'text'",
        "None",
        "float(loss)",
        "loss.numpy().item()",
        "tf.reduce_mean(loss)",
        "tf.math.reduce_sum(loss, axis=None)",
        "np.mean(loss)",
        "loss.numpy().mean()",
        "tf.keras.metrics.Mean().result()",
        "tf.keras.losses.MeanSquaredError()(y, model(x))",
        "2 * tf.reduce_mean(loss) / 3 + len([1])",
        "sum([tf.reduce_mean(loss)]) / 1",
        "round(0.123, 2)",
        "model.optimizer.learning_rate",
        "tf.Variable(0.0)",
        "model.losses[0]",
        "tf.cast(tf.reduce_max(loss), tf.float64)",
        "0.5 if y is None else tf.size(loss)",
        "f'{loss}'",
    ],
)
def test_scalar_text_and_none_stay(value):
    check.noop(HEAD + "loss = per_example(y, model(x))\n" + f'tensorboard.on_epoch_end(0, {{"v": {value}}})\n')


def test_value_that_was_reduced_before():
    check.noop(
        HEAD
        + "loss = per_example(y, model(x))\n"
        + "loss = tf.reduce_mean(loss)\n"
        + 'tensorboard.on_epoch_end(0, {"loss": loss})\n'
    )


def test_parameter_that_every_call_gives_a_number():
    check.noop(
        HEAD
        + "def end(epoch, loss):\n"
        + '    tensorboard.on_epoch_end(epoch, {"loss": loss})\n'
        + "end(0, 0.5)\nend(1, loss=float(y[0, 0]))\n"
    )


def test_functions_that_return_scalars():
    check.noop(
        HEAD
        + "@tf.function\n"
        + "def step(x):\n"
        + "    loss = per_example(y, model(x))\n"
        + "    return tf.reduce_mean(loss), {'n': tf.size(loss)}\n"
        + "loss, others = step(x)\n"
        + 'tensorboard.on_epoch_end(0, {"loss": loss, **others})\n'
    )


def test_what_strategy_reduce_returned():
    check.noop(
        TWO_DEVICES
        + "def f(x):\n    return tf.reduce_mean(x)\n"
        + "for batch in batches:\n"
        + "    loss = strategy.reduce('SUM', strategy.run(f, args=(batch,)), axis=None)\n"
        + "    tensorboard.on_epoch_end(0, {'loss': loss})\n"
    )


def test_dicts_of_metric_results():
    check.noop(
        HEAD
        + "tensorboard.on_epoch_end(0, {m.name: m.result() for m in model.metrics})\n"
        + "tensorboard.on_epoch_end(1, model.evaluate(x, y, return_dict=True))\n"
        + "fitted = model.fit(x, y)\n"
        + "tensorboard.on_epoch_end(2, {k: v[-1] for k, v in fitted.history.items()})\n"
    )


def test_scalar_tensor_through_a_callback_list_is_converted_by_keras():
    check.noop(
        HEAD
        + "callbacks = tf.keras.callbacks.CallbackList([csv_logger], model=model)\n"
        + 'callbacks.on_epoch_end(0, {"loss": tf.reduce_mean(y)})\n'
    )


def test_callbacks_of_other_libraries():
    check.noop(
        "import tensorflow as tf\n"
        "from other.callbacks import TensorBoard\n"
        'TensorBoard("logs").on_epoch_end(0, {"loss": tf.ones([2])})\n'
        "def run(history):\n    history.on_batch_end()\n"
        "def train(callback, loss):\n    callback.on_epoch_end(0, {'loss': tf.ones([2])})\n"
    )


def test_hooks_without_logs():
    check.noop(
        HEAD
        + "class Data(tf.keras.utils.Sequence):\n"
        + "    def on_epoch_end(self):\n        pass\n"
        + "Data().on_epoch_end()\n"
        + "tensorboard.on_epoch_end(0)\n"
        + "tensorboard.on_epoch_end(0, None)\n"
    )


def test_super_and_inner_callbacks():
    check.noop(
        HEAD
        + "class Board(tf.keras.callbacks.TensorBoard):\n"
        + "    def on_epoch_end(self, epoch, logs=None):\n"
        + "        logs = dict(logs or {}, extra=tf.ones([2]))\n"
        + "        super().on_epoch_end(epoch, logs)\n"
        + "class Both(tf.keras.callbacks.Callback):\n"
        + "    def on_epoch_end(self, epoch, logs=None):\n"
        + "        tensorboard.on_epoch_end(epoch, logs)\n"
    )


def test_custom_callback_that_reads_no_logs_or_gets_scalars():
    check.noop(
        HEAD
        + "class Mine(tf.keras.callbacks.Callback):\n"
        + "    def on_epoch_end(self, epoch, logs=None):\n        print(logs['loss'])\n"
        + 'Mine().on_epoch_end(0, {"loss": tf.reduce_mean(y)})\n'
        + 'def end(loss):\n    Mine().on_epoch_end(0, {"loss": loss})\n'
    )


def test_something_else_called_tf():
    check.noop("import other as tf\ntf.keras.callbacks.TensorBoard('l').on_epoch_end(0, {'a': tf.ones([2])})\n")


# What is refused. --------------------------------------------------------------------------------


def test_custom_callback_that_reads_the_batch():
    check.refused(
        HEAD
        + "class Mine(tf.keras.callbacks.Callback):\n"
        + "    def on_epoch_end(self, epoch, logs=None):\n        print(np.max(logs['loss']))\n"
        + 'Mine().on_epoch_end(0, {"loss": y})\n',
        CUSTOM_CALLBACK,
    )


def test_lambda_callback():
    check.refused(
        HEAD
        + "shown = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs))\n"
        + 'shown.on_epoch_end(0, {"loss": y})\n',
        CUSTOM_CALLBACK,
    )


def test_logs_that_are_out_of_sight():
    check.refused(HEAD + "def end(epoch, logs):\n    tensorboard.on_epoch_end(epoch, logs)\n", UNKNOWN_LOGS)


def test_key_that_may_be_missing_among_scalars():
    check.refused(
        HEAD
        + 'logs = {"a": 1}\n'
        + "if len(model.layers) > 1:\n"
        + '    logs["loss"] = y\n'
        + "print(logs)\n"
        + "tensorboard.on_epoch_end(0, logs)\n",
        UNNAMED_LOGS,
    )


def test_loss_and_metrics_in_one_list():
    ending = 'tensorboard.on_epoch_end(0, {"val_loss": model.evaluate(x, y)})\n'
    compiled = HEAD.replace('model.compile("sgd", "mse")', 'model.compile("sgd", "mse", metrics=["mae"])')
    assert compiled != HEAD
    check.refused(compiled + ending, SEVERAL_RESULTS)


def test_the_loss_of_a_model_without_metrics_is_a_number():
    check.noop(HEAD + 'tensorboard.on_epoch_end(0, {"loss": model.train_on_batch(x, y)})\n')


def test_sum_that_each_replica_scales():
    check.refused(
        TWO_DEVICES
        + "def f(x):\n    return tf.reduce_sum(x) * (1.0 / 3)\n"
        + "for batch in batches:\n"
        + "    tensorboard.on_epoch_end(0, {'loss': strategy.run(f, args=(batch,))})\n",
        SHARE_OF_BATCH,
    )


def test_strategy_that_another_function_keeps():
    check.refused(
        HEAD
        + "def step(x):\n"
        + "    strategy = tf.distribute.MirroredStrategy()\n"
        + "    return strategy.run(tf.square, args=(x,))\n"
        + 'tensorboard.on_epoch_end(0, {"loss": step(x)})\n',
        STRATEGY_OUT_OF_REACH,
    )


def test_booleans_of_replicas():
    check.refused(
        TWO_DEVICES
        + "def f(x):\n    return x > 1.0\n"
        + "for batch in batches:\n"
        + "    tensorboard.on_epoch_end(0, {'right': strategy.run(f, args=(batch,))})\n",
        REPLICA_BOOLEANS,
    )


def test_value_that_may_be_none_for_a_callback_that_takes_none():
    check.refused(
        HEAD
        + 'stop = tf.keras.callbacks.EarlyStopping("loss")\n'
        + 'stop.on_epoch_end(0, {"loss": y if len(model.layers) > 1 else None})\n',
        MAY_BE_NONE,
    )


def test_logs_that_the_callback_adds_to():
    check.refused(
        HEAD
        + 'logs = {"loss": y}\n'
        + 'tf.keras.callbacks.ReduceLROnPlateau("loss").on_epoch_end(0, logs)\n'
        + "print(logs)\n",
        SHARED_LOGS,
    )


# Under TensorFlow. -------------------------------------------------------------------------------


@pytest.mark.tensorflow
def test_tensorboard_records_the_means(runner: Runner) -> None:
    program = (
        HEAD
        + """\
for epoch in range(2):
    loss = per_example(y, model(x))
    logs = {"loss": loss, "n": tf.constant([1, 2]), "right": y > 0.5, "list": [0.25, 0.5], "one": loss[0]}
    tensorboard.on_epoch_end(epoch, logs)
    print(loss.shape, float(tf.reduce_mean(loss)))
"""
    )
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert "Expected scalar shape" in before.stderr
    assert after.exit == 0, after.stderr
    mean = after.stdout.split()[-1]
    assert [float(v) for v in after.values("epoch_loss")] == pytest.approx([float(mean)] * 2)
    for tag, value in (("n", 1.5), ("right", 0.75), ("list", 0.375)):
        assert [float(v) for v in after.values(f"epoch_{tag}")] == [value] * 2
    assert "(4,)" in after.stdout


@pytest.mark.tensorflow
def test_replicas_with_unequal_batches(runner: Runner) -> None:
    program = (
        TWO_DEVICES
        + """\
def replica_step(x):
    rows = tf.reduce_sum(x, axis=1)
    average = tf.nn.compute_average_loss(rows, global_batch_size=3)
    return {"unknown": rows, "rows": tf.reshape(rows, [-1]), "n": tf.constant([1, 2]), "average": average}


@tf.function
def step(x):
    return strategy.run(replica_step, args=(x,))


for batch in batches:
    tensorboard.on_epoch_end(0, step(batch))
"""
    )
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert before.exit != 0
    assert after.exit == 0, after.stderr
    for tag, value in (("unknown", 5.0), ("rows", 5.0), ("n", 1.5), ("average", 5.0)):
        assert [float(v) for v in after.values(f"epoch_{tag}")] == [value]


@pytest.mark.tensorflow
def test_csv_logger_writes_floats(runner: Runner) -> None:
    program = (
        HEAD
        + """\
csv_logger.set_model(model)
csv_logger.on_train_begin()
mean = tf.keras.metrics.Mean()
for epoch in range(2):
    mean.update_state(epoch)
    csv_logger.on_epoch_end(epoch, {"loss": mean.result(), "text": "a"})
csv_logger.on_train_end()
print(open("log.csv").read())
"""
    )
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert "Cannot iterate over a scalar tensor" in before.stderr
    rows = list(csv.DictReader(io.StringIO(after.stdout.strip())))
    assert [(row["loss"], row["text"]) for row in rows] == [("0.0", "a"), ("0.5", "a")]


@pytest.mark.tensorflow
def test_callbacks_that_compare_decide_by_the_mean(runner: Runner) -> None:
    program = (
        HEAD
        + """\
import os

stop = tf.keras.callbacks.EarlyStopping("loss")
plateau = tf.keras.callbacks.ReduceLROnPlateau("loss", patience=1)
checkpoint = tf.keras.callbacks.ModelCheckpoint("{epoch}-{loss:.1f}.keras", "loss", save_best_only=True)
for callback in (stop, plateau, checkpoint):
    callback.set_model(model)
    callback.on_train_begin()
for epoch in range(2):
    for callback in (stop, plateau, checkpoint):
        callback.on_epoch_end(epoch, {"loss": tf.square(y) + epoch})
print(sorted(name for name in os.listdir() if name.endswith("keras")), model.stop_training)
"""
    )
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert before.exit != 0
    assert after.stdout == "['1-3.5.keras'] True\n", after.stderr


@pytest.mark.tensorflow
def test_callback_list(runner: Runner) -> None:
    program = (
        HEAD
        + """\
callbacks = tf.keras.callbacks.CallbackList([tensorboard, csv_logger], add_history=True, model=model)
callbacks.on_train_begin()
logs = {"loss": tf.square(y), "rate": 0.5}
callbacks.on_epoch_end(0, logs)
callbacks.on_train_end()
print(logs["loss"].shape, open("log.csv").read().split()[1], model.history.history["loss"])
"""
    )
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert "Expected scalar shape" in before.stderr
    assert [float(v) for v in after.values("epoch_loss")] == [3.5]
    assert after.stdout.startswith("(4, 1) 0,3.5,0.5"), after.stderr
