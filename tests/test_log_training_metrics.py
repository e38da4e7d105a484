"""The codemod `log-training-metrics`."""

import json
from pathlib import Path

import pytest

from codemods.analysis.project import Project
from codemods.engine.codemod import Severity
from codemods.engine.notebook import Notebook
from codemods.engine.result import Settings
from codemods.engine.rewrite import rewrite
from codemods.log_training_metrics import (
    MAY_BE_MISSING,
    NO_EPOCH,
    NO_SCALAR,
    OUT_OF_REACH,
    SAME_NAME,
    SEVERAL_LOOPS,
    SEVERAL_WORKERS,
    SEVERAL_WRITERS,
    TRACED,
)
from codemods.verify.run import Runner
from tests.tools import Check

check = Check("log_training_metrics")

HEAD = """\
import time

import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(1)
xs, ys = tf.random.normal([8, 2]), tf.random.normal([8, 1])
batches = tf.data.Dataset.from_tensor_slices((xs, ys)).batch(4)
model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
optimizer = tf.keras.optimizers.SGD(0.1)
loss_fn = tf.keras.losses.MeanSquaredError(reduction="sum")
train_loss = tf.keras.metrics.Mean(name="train_loss")
error = tf.keras.metrics.MeanAbsoluteError()
"""
WRITER = 'writer = tf.summary.create_file_writer("logs")\n'
STEP = """

@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        predicted = model(x, training=True)
        loss = loss_fn(y, predicted)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


"""
PROGRAM = HEAD + WRITER + STEP
LOOP = """\
for epoch in range(3):
    loss = step(xs, ys)
    print(f"Epoch {epoch + 1}, Loss: {loss.numpy()}")
"""


def loop(*told: str, inner: str = "loss = step(x, y)", head: str = "") -> str:
    """Return a loop over epochs and batches, with what it tells at the end of an epoch."""
    lines = [*filter(None, [head]), "for x, y in batches:", f"    {inner}", *told]
    return "for epoch in range(3):\n" + "".join(f"    {line}\n" for line in lines)


def written(program: str) -> list[str]:
    """Return the arguments of the summaries that a program is given."""
    lines = map(str.strip, check.transformed(program, unsafe=True).splitlines())
    return [line.removeprefix("tf.summary.scalar") for line in lines if line.startswith("tf.summary.scalar")]


# What is written. ----------------------------------------------------------------------------------------


def test_the_loss_that_is_printed(snapshot):
    check.transformed(PROGRAM + LOOP, snapshot, unsafe=True, severity=Severity.WARNING)


def test_nothing_is_written_unasked():
    result = check.run(PROGRAM + LOOP)
    assert result.text == PROGRAM + LOOP
    assert [finding.unsafe for _, finding in result.findings] == [
        "events are added: `loss`, with the number of the epoch as the step"
    ]


@pytest.mark.parametrize(
    "told",
    [
        'print("epoch", epoch, "loss", loss)',
        'print("epoch %d: %.4f" % (epoch, loss))',
        'print("epoch {}: {:.4f}".format(epoch, float(loss)))',
        'tf.print("loss:", loss)',
        'print("Loss " + str(loss.numpy()))',
        'logging.info("epoch %d loss %.4f", epoch, loss)',
        'logger.info(f"epoch {epoch} loss {loss:.4f}")',
        'text = "%(loss).3f" % {"loss": loss}',
        "bar.set_postfix(total=loss.numpy())",
        'bar.set_postfix({"total": loss.numpy()})',
        "history.append(float(loss))",
        "history.writerow([epoch, float(loss)])",
        'bar.log({"epoch": epoch, "total": float(loss)})',
        'history["total"].append(loss)',
        'if epoch % 2: print("loss", loss)',
    ],
)
def test_every_way_to_tell_a_value(told):
    program = PROGRAM + "import logging\n\nlogger, history, bar = make()\n" + loop(told)
    assert written(program) == ['("loss", loss, step=epoch)']


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ('print(f"{loss:.3f} RMSE: {loss ** 0.5:.3f}")',
         ['("loss", loss, step=epoch)', '("RMSE", loss ** 0.5, step=epoch)']),
        ('print("mean loss", np.mean(losses))', ['("mean loss", np.mean(losses), step=epoch)']),
        ('print(np.mean(losses))', ['("losses", np.mean(losses), step=epoch)']),
        ('e = sum(losses) / 2; print(f"[{epoch}] [energy: {e:.2f}]")', ['("energy", e, step=epoch)']),
        ('print(f"{epoch}: {100 * train_loss.result():.1f}%")', ['("train_loss", train_loss.result(), step=epoch)']),
        ('print("loss %.3f" % unseen(loss), "rate", float(optimizer.learning_rate))',
         ['("learning_rate", optimizer.learning_rate, step=epoch)']),
        ('found = unseen(loss); print("%.3f" % found)', ['("found", float(found), step=epoch)']),
        ('found = unseen(loss); print(f"{found:.3f}")', ['("found", found, step=epoch)']),
        ('logs = unseen(loss); print(f"{logs[\'error\']:.3f}")', ['("error", logs["error"], step=epoch)']),
        ('meter.update(loss); print(f"all {meter.avg:.3f}")', ['("all", meter.avg, step=epoch)']),
        ('avg = sum(losses) / 2; print(f"Epoch {epoch}, loss: {avg:.4f}")', ['("loss", avg, step=epoch)']),
        ('mean = np.mean(losses); print("Epoch", epoch, "loss", mean)', ['("loss", mean, step=epoch)']),
        ('mean = np.mean(losses); print(mean)', ['("mean", mean, step=epoch)']),
        ('avg_loss = np.mean(losses); print("loss", avg_loss)', ['("avg_loss", avg_loss, step=epoch)']),
    ],
)  # fmt: skip
def test_values_and_the_names_they_have(told, expected):
    meter = "class Meter:\n    def update(self, value):\n        self.avg = value\n\n\nmeter = Meter()\n"
    program = PROGRAM + meter + loop(*told.split("; "), head="losses = []", inner="losses.append(loss := step(x, y))")
    assert written(program) == expected


def test_metrics_are_written_before_they_are_reset(snapshot):
    inner = "train_loss(step(x, y)); error.update_state(y, model(x))"
    told = 'print(f"Loss: {train_loss.result():.3f}")'
    check.transformed(
        PROGRAM + loop(told, "train_loss.reset_state()", "error.reset_state()", inner=inner), snapshot, unsafe=True
    )


def test_a_metric_that_only_the_traced_function_updates(snapshot):
    program = PROGRAM.replace("    return loss\n", "    train_loss.update_state(loss)\n    error(y, predicted)\n")
    check.transformed(
        program + loop("mae = error.result()", "error.reset_state()", inner="step(x, y)"), snapshot, unsafe=True
    )


def test_sums_that_nothing_prints():
    summed = {"head": "total, seen = 0.0, 0", "inner": "total += step(x, y)"}
    assert written(PROGRAM + loop("seen += 1", **summed)) == ['("total", total, step=epoch)']
    assert written(PROGRAM + loop("mean = total / 2", **summed)) == ['("mean", mean, step=epoch)']


def test_values_that_stay_are_written_together_and_others_where_they_are_known(snapshot):
    check.transformed(
        PROGRAM
        + loop(
            'print("train", float(loss))',
            "result = train_loss.result()",
            'print("result", result)',
            "train_loss.reset_state()",
            "for x, y in batches:",
            "    train_loss.update_state(loss_fn(y, model(x)))",
            'print("validation", train_loss.result())',
            inner="loss = step(x, y); train_loss(loss)",
        ),
        snapshot,
        unsafe=True,
    )


def test_the_items_of_a_dict_and_what_only_a_list_holds(snapshot):
    check.transformed(
        PROGRAM
        + "history, metrics = {'checked': []}, {'loss': train_loss, 'error': error}\n"
        + loop(
            "history['checked'].append(float(loss_fn(ys, model(xs))))",
            "for name, metric in metrics.items():",
            "    print(name, metric.result().numpy())",
            "    metric.reset_state()",
            inner="train_loss(step(x, y)); error(y, model(x))",
        ),
        snapshot,
        unsafe=True,
    )


def test_a_metric_of_the_epochs_in_which_it_is_computed():
    checked = ["if epoch % 2:", "    check(error)", "    print(error.result())"]
    result = check.transformed(PROGRAM + "from elsewhere import check\n\n" + loop(*checked), unsafe=True)
    assert result.endswith(
        "        print(error.result())\n        with writer.as_default():\n"
        '            tf.summary.scalar("error", error.result(), step=epoch)\n'
    )


def test_conditions_that_a_value_needs_and_others(snapshot):
    check.transformed(
        PROGRAM
        + loop(
            "if epoch % 2 == 0:",
            "    checked = loss_fn(ys, model(xs))",
            '    print("loss", loss, "checked", checked)',
            "if loss < 0.1:",
            '    print("done at", loss)',
            "    break",
        ),
        snapshot,
        unsafe=True,
    )


def test_a_value_is_written_before_the_loop_is_left(snapshot):
    check.transformed(
        PROGRAM + loop("loss = float(loss)", "best = loss", "if loss < 0.1:", "    break", 'print("loss", loss)'),
        snapshot,
        unsafe=True,
    )


def test_a_trainer_with_tabs_and_single_quotes(snapshot):
    check.transformed(
        """\
from tensorflow import keras, summary


class Trainer:
	def __init__(self, model, folder):
		self.model = model
		self.writer = summary.create_file_writer(folder)
		self.loss = keras.metrics.Mean('loss')

	def train(self, batches, epochs):
		for number in range(1, epochs + 1):
			for x, y in batches:
				self.loss(self.model.train_on_batch(x, y))
			# What it is like now.
			print('%d: %.3f' % (number, self.loss.result()))  # so far

			self.loss.reset_state()
		self.writer.close()
""",
        snapshot,
        unsafe=True,
    )


def test_the_word_for_tensorflow_where_only_the_writers_function_is_imported():
    result = check.transformed(
        "from tensorflow.summary import create_file_writer\n\n"
        + WRITER.replace("tf.summary.", "")
        + "for epoch in range(3):\n    loss, mae = net.train_on_batch(xs, ys)\n    print(f'{loss:.3f}')\n",
        unsafe=True,
    )
    assert "\nimport tensorflow as tf\n" in result
    assert '        tf.summary.scalar("loss", loss, step=epoch)\n' in result


@pytest.mark.parametrize(
    ("around", "told"),
    [
        ("with writer.as_default():\n{}", 'print("loss", loss)'),
        ("writer.set_as_default()\n{}", 'print("loss", loss)'),
        ("{}", 'with writer.as_default():\n        print("loss", loss)'),
    ],
)
def test_a_writer_that_is_the_default_already(around, told):
    training = loop(told)
    indented = "".join(f"    {line}\n" for line in training.splitlines()) if "with" in around else training
    result = check.transformed(PROGRAM + around.format(indented), unsafe=True)
    assert result.count("as_default()") == 1
    assert 'tf.summary.scalar("loss", loss, step=epoch)' in result


@pytest.mark.parametrize(
    ("head", "step"),
    [
        ("for epoch in tqdm(range(3)):", "epoch"),
        ("for epoch in trange(3):", "epoch"),
        ("for number, rate in enumerate(epochs):", "number"),
        ("for epoch in tf.range(3):", "int(epoch)"),
        ("for i in range(2, EPOCHS):", "i"),
        ("for i in range(3):", "i"),
    ],
)
def test_numbers_of_epochs(head, step):
    program = PROGRAM.replace("import time", "import time\n\nfrom tqdm import tqdm, trange")
    assert written(program + loop('print("loss", loss)').replace("for epoch in range(3):", head)) == [
        f'("loss", loss, step={step})'
    ]


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("epoch = 0\nwhile epoch < 3:", ["print(epoch, 'loss', loss)", "epoch += 1"]),
        ("epoch = 0\nwhile epoch < 3:", ["epoch = epoch + 1", "print(epoch, 'loss', loss)"]),
        ("epoch = int(first)\nwhile loss > 0.1:", ["print('loss', loss)", "epoch += 1"]),
        ("epoch = 0\nwhile True:", ["print('loss', loss)", "epoch += 1", "if epoch == 3:", "    break"]),
    ],
)
def test_while_loops_that_count(head, told):
    program = loop(*told).replace("for epoch in range(3):", head)
    assert written(PROGRAM + "first, loss = '0', 1.0\n" + program) == ['("loss", loss, step=epoch)']


def test_the_number_of_the_epoch_changes_between_two_values():
    told = ["print('loss', loss)", "epoch += 1", "loss = loss_fn(ys, model(xs))", "print('checked', float(loss) ** 2)"]
    program = loop(*told).replace("for epoch in range(3):", "epoch = 0\nwhile epoch < 3:")
    check.refused(PROGRAM + program, NO_EPOCH)


def test_a_writer_for_the_training_and_one_for_the_validation(snapshot):
    program = PROGRAM.replace(
        WRITER,
        WRITER.replace("writer =", "train_writer =")
        + WRITER.replace("writer =", "other =").replace("logs", "logs/test"),
    )
    told = 'print(f"loss {loss:.3f}, test loss {checked:.3f}, train loss {train_loss.result():.3f}")'
    check.transformed(
        program + loop("checked = loss_fn(ys, model(xs))", told, inner="loss = step(x, y); train_loss(loss)"),
        snapshot,
        unsafe=True,
    )


def test_a_writer_that_is_handed_on_to_the_loop(snapshot):
    check.transformed(
        """\
import tensorflow as tf


class Trainer:
    def __init__(self, net, log):
        self.net = net
        self.log = log

    def train(self, batches, *, unused=None):
        for epoch in range(3):
            for x, y in batches:
                loss, mae = self.net.train_on_batch(x, y)
            print(f"{loss:.3f}")


def main(net, batches):
    writer = tf.summary.create_file_writer("logs")
    Trainer(net, log=writer).train(batches)
    writer.close()
""",
        snapshot,
        unsafe=True,
    )


def test_a_function_for_each_epoch():
    program = PROGRAM + (
        "def one_epoch():\n    for x, y in batches:\n        loss = step(x, y)\n    return loss\n\n\n"
        "def main():\n    writer = tf.summary.create_file_writer('logs')\n    for i in range(3):\n"
        "        loss = one_epoch()\n        print(loss)\n\n\nmain()\n"
    )
    assert written(program.replace(WRITER, "")) == ['("loss", loss, step=i)']


def test_a_notebook():
    cells = [HEAD, WRITER, "%tensorboard --logdir logs\n" + STEP, LOOP]
    notebook = {
        "cells": [
            {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": cell}
            for cell in cells
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    parsed = Notebook.parse(Path("a.ipynb"), json.dumps(notebook).encode())
    settings = Settings((check.codemod.name,), unsafe=True)
    result = rewrite(parsed.text, "a.ipynb", settings, Project.of({"a.ipynb": parsed.text}))
    sources = ["".join(cell["source"]) for cell in json.loads(parsed.render(result.text))["cells"]]
    added = '    with writer.as_default():\n        tf.summary.scalar("loss", loss, step=epoch)'
    assert [*sources[:3], sources[3].rstrip()] == [*cells[:3], LOOP + added]


# Left alone. -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        "with writer.as_default():\n    tf.summary.scalar('loss', 1.0, step=0)\n",
        "with writer.as_default(), tf.summary.record_if(True):\n    tf.summary.text('run', 'first', step=0)\n",
        "log(writer)\n",
        "def log(to):\n    return to\n\n\nlog(writer)\n",
        "writers = [writer]\n",
        "default = writer.as_default()\n",
        "def get():\n    return writer\n",
        "from tensorboard.plugins.hparams import api as hp\nhp.hparams({})\n",
        "import tf_agents\nwriter.set_as_default()\n",
    ],
)
def test_a_writer_that_anything_uses(use):
    check.noop(PROGRAM + use + LOOP)


def test_a_program_with_summaries_that_lack_a_writer():
    check.noop(
        PROGRAM.replace(
            "    return loss", "    tf.summary.scalar('loss', loss, step=optimizer.iterations)\n    return loss"
        )
        + LOOP
    )


def test_a_function_of_another_module_that_writes():
    step = (
        "import tensorflow as tf\n\n\ndef step(x, y):\n    tf.summary.scalar('loss', 1.0, step=0)\n"
        "    return model.train_on_batch(x, y)\n"
    )
    program = "import tensorflow as tf\nfrom steps import step\n\n" + WRITER + LOOP
    check.noop({"program.py": program, "steps.py": step})


def test_a_writer_that_another_module_uses():
    check.noop({"program.py": PROGRAM + LOOP, "other.py": "from program import writer\n\nwriter.as_default()\n"})
    trainer = (
        "import tensorflow as tf\n\n\nclass Trainer:\n    def train(self):\n"
        "        self.writer = tf.summary.create_file_writer('logs')\n        for epoch in range(3):\n"
        "            loss, mae = net.train_on_batch(xs, ys)\n            print(f'{loss:.3f}')\n"
    )
    check.transformed(trainer, unsafe=True)
    check.noop({"program.py": trainer, "other.py": "def log(trainer):\n    return trainer.writer\n"})


def test_writers_of_tensorflow_1():
    check.noop(PROGRAM.replace("tf.summary.create_file_writer", "tf.compat.v1.summary.FileWriter") + LOOP)
    check.noop(PROGRAM + "tf.compat.v1.disable_eager_execution()\n" + LOOP)


def test_writers_of_others():
    check.noop(PROGRAM.replace("tf.summary.create_file_writer", "create_file_writer") + LOOP)
    check.noop(
        "from torch.utils.tensorboard import SummaryWriter\n"
        + PROGRAM.replace(WRITER, "writer = SummaryWriter()\n")
        + LOOP
    )
    check.noop(PROGRAM.replace(WRITER, "writer = tf.summary.create_noop_writer()\n") + LOOP)


def test_a_program_without_a_training_loop():
    check.noop(HEAD + WRITER + "model.compile(optimizer, 'mse')\nmodel.fit(xs, ys, epochs=3)\n")
    check.noop(HEAD + WRITER + "for epoch in range(3):\n    loss = loss_fn(ys, model(xs))\n    print(loss)\n")
    check.noop(HEAD + "# writer = tf.summary.create_file_writer('logs')\n" + STEP + LOOP)


@pytest.mark.parametrize(
    "written",
    [
        "writer.set_as_default()\ntf.summary.experimental.set_step(0)\ntf.summary.trace_on()\n",
        "writer.set_as_default(step=1)\ntf.compat.v1.summary.scalar('loss', 1.0)\n",
        "tf.summary.image('inputs', tf.zeros([1, 2, 2, 1]), step=0)\n",
        "from tensorboard.plugins.mesh import summary as mesh\nmesh.mesh('points', vertices=xs)\n",
    ],
    ids=["a trace", "of version 1", "of another kind", "of a plugin"],
)
def test_a_program_that_records_something_already(written):
    check.noop(PROGRAM + written + LOOP + ("tf.summary.trace_export('step', 0)\n" if "trace" in written else ""))


@pytest.mark.parametrize(
    "made",
    [
        "board = tf.keras.callbacks.TensorBoard('logs')\n",
        "import tensorboardX\nwriter = tensorboardX.SummaryWriter('logs')\n",
        "import wandb\nwriter = wandb.init(project='logs')\n",
        "def create_file_writer(folder):\n    return open(folder)\n\n\nwriter = create_file_writer('logs')\n",
        "create = tf.summary.create_file_writer  # for later\n",
        "if False:\n    import summary as tf\nwriter = tf.summary.open('logs')\n",
    ],
    ids=["a callback", "tensorboardX", "wandb", "the project's own", "the function only", "another method"],
)
def test_a_loop_that_tells_beside_what_is_no_writer(made):
    check.noop(PROGRAM.replace(WRITER, made) + LOOP)


def test_a_writer_that_another_function_of_the_program_is_given_by_an_object():
    check.noop(PROGRAM + "import types\n\ntools = types.SimpleNamespace(writer=writer)\n" + LOOP)
    check.noop(PROGRAM + "tools = {'writer': writer}\n" + LOOP)


def test_training_of_another_library():
    loop = "for epoch in range(3):\n    loss = network(xs)\n    loss.backward()\n    print('loss', loss.item())\n"
    check.noop("import torch\n\nnetwork = torch.nn.Linear(2, 1)\n" + HEAD + WRITER + loop)


@pytest.mark.parametrize(
    "use",
    [
        "atexit.register(writer.close)\n",
        "with contextlib.ExitStack() as stack:\n    stack.enter_context(writer.as_default())\n",
        "threading.Thread(target=log, args=[writer]).start()\n",
        "globals()['writers'] = {'train': writer}\n",
        "del writer\n",
    ],
)
def test_a_writer_that_is_handed_over(use):
    check.noop(PROGRAM + "import atexit, contextlib, threading\n\nlog = print\n" + use + LOOP)


def test_a_loop_that_evaluates():
    check.noop(HEAD + WRITER + "for epoch in range(3):\n    print('loss', model.evaluate(xs, ys))\n")
    check.noop(HEAD + WRITER + "for x, y in batches:\n    error.update_state(y, model(x))\nprint(error.result())\n")


# Refused. ----------------------------------------------------------------------------------------------------


def test_several_writers():
    check.refused(PROGRAM + WRITER.replace("writer =", "other =") + LOOP, SEVERAL_WRITERS)
    train, test = (WRITER.replace("writer =", f"{name} =") for name in ("train", "test"))
    check.refused(PROGRAM.replace(WRITER, train + test) + LOOP, SEVERAL_WRITERS)


def test_several_loops():
    check.refused(PROGRAM + LOOP + LOOP, SEVERAL_LOOPS)


@pytest.mark.parametrize(
    "head",
    [
        "for epoch in epochs:",
        "while True:",
        "while epoch < 3:",
        "epoch = 0.0\nwhile epoch < 3:\n    epoch += 1",
        "epoch = 0\nwhile epoch < 3:\n    epoch += 1\n    epoch %= 3",
        "epoch = first()\nwhile epoch < 3:\n    epoch += 1",
        "for _ in range(3):",
        "for step in range(3):",
        "for epoch in range(3):\n    epoch += 1",
    ],
)
def test_a_loop_that_counts_no_epochs(head):
    program = PROGRAM.replace("def step", "def train").replace("step(", "train(")
    check.refused(program + LOOP.replace("for epoch in range(3):", head).replace("step(", "train("), NO_EPOCH)


def test_a_writer_of_another_function():
    check.refused(HEAD + STEP + f"def main():\n    {WRITER}\n\n" + LOOP, OUT_OF_REACH)
    check.refused(HEAD + STEP + f"class Log:\n    def __init__(self):\n        self.{WRITER}\n\n" + LOOP, OUT_OF_REACH)


@pytest.mark.parametrize(
    "made",
    [
        f"if len(xs):\n    {WRITER}",
        f"writer = None\n{WRITER}",
        f"try:\n    {WRITER}except OSError:\n    print('no log')\n",
        f"{WRITER}writer.close()\n",
    ],
)
def test_a_writer_that_may_not_be_open(made):
    check.refused(HEAD + made + STEP + LOOP, MAY_BE_MISSING)


def test_a_writer_that_is_made_behind_the_loop_or_closed_in_it_or_given_to_it_twice():
    train = "def train(to):\n" + "".join(f"    {line}\n" for line in LOOP.splitlines())
    check.refused(PROGRAM + train + "train(writer)\ntrain(writer)\n", MAY_BE_MISSING)
    check.refused(HEAD + STEP + LOOP + WRITER, MAY_BE_MISSING)
    check.refused(PROGRAM + LOOP + "    writer.close()\n", MAY_BE_MISSING)


def test_a_loop_that_tensorflow_traces():
    loop = (
        "@tf.function\ndef train():\n    for epoch in tf.range(3):\n        loss = step(xs, ys)\n"
        "        tf.print(loss)\n\n\ntrain()\n"
    )
    check.refused(PROGRAM + loop, TRACED)


def test_several_workers():
    check.refused(PROGRAM + "strategy = tf.distribute.MultiWorkerMirroredStrategy()\n" + LOOP, SEVERAL_WORKERS)
    check.refused(PROGRAM + "import horovod.tensorflow as hvd\n\nhvd.init()\n" + LOOP, SEVERAL_WORKERS)


@pytest.mark.parametrize(
    "told",
    [
        "pass",
        'print("epoch", epoch, "of", 3)',
        'print(f"{(epoch + 1) / 3:.1%}")',
        'print("took %.2f" % (time.time() - start))',
        'print(f"{xs}", model.weights, unseen(loss))',
        'print("rank", tf.rank(xs))',
        'print("%d" % loss, unseen(loss))',
        'print("loss", tf.square(xs))',
        "history.append(loss_fn)",
        'print(f"{loss_fn(ys, model(xs)):.3f}")',
    ],
)
def test_what_is_no_scalar_of_an_epoch(told):
    check.refused(PROGRAM + loop(told, head="start = time.time()"), NO_SCALAR)


def test_what_is_told_for_each_batch():
    check.refused(PROGRAM + loop(inner="print(float(step(x, y)))"), NO_SCALAR)


def test_two_scalars_of_one_name():
    check.refused(PROGRAM + loop("print(loss)", "loss = loss_fn(ys, model(xs))", "print(loss)"), SAME_NAME)


# Under TensorFlow. ---------------------------------------------------------------------------------------------

WHOLE = (
    PROGRAM.replace(
        "xs, ys =",
        """\
strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
tf.distribute.experimental_set_strategy(strategy)
xs, ys =""",
    )
    + """\
class Trainer:
    @tf.function
    def step(self, x, y):
        return strategy.reduce("SUM", strategy.run(step, args=(x, y)), axis=None)

    def train(self):
        for epoch in range(3):
            for x, y in strategy.experimental_distribute_dataset(batches):
                loss = self.step(x, y)
                train_loss(loss)
                error(y, model(x))
            if epoch % 2:
                print(f"{epoch}: {train_loss.result():.6f} rate {optimizer.learning_rate.numpy():.1f}")
            train_loss.reset_state()
            error.reset_state()
            print("last", float(loss), "mean", np.mean([loss, loss]))


Trainer().train()
"""
)


@pytest.mark.tensorflow
def test_events_are_added_and_nothing_else_is_changed(runner: Runner) -> None:
    text = check.transformed(WHOLE, unsafe=True)
    before, after = runner.run_source(WHOLE), runner.run_source(text)
    assert after.exit == 0, after.stderr
    assert (before.stdout, before.variables) == (after.stdout, after.variables)
    assert not [event for event in before.events if event.tag]
    tags = {"train_loss", "error", "learning_rate", "loss", "mean"}
    assert {(event.tag, event.step) for event in after.events if event.tag} == {
        (tag, n) for tag in tags for n in range(3)
    }
    assert f"1: {float(after.values('train_loss')[1]):.6f} rate" in before.stdout
    late = text.replace("train_loss.result(), step", "0.0, step")
    assert runner.run_source(late).values("train_loss") != after.values("train_loss")
