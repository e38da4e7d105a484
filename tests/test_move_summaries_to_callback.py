"""Tests of ``move-summaries-to-callback``."""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from tools import Check

from codemods.analysis.project import Project
from codemods.engine.codemod import Refusal, Severity, Status
from codemods.engine.notebook import Notebook
from codemods.engine.result import Settings
from codemods.engine.rewrite import rewrite
from codemods.summaries import keeping, refusals
from codemods.verify.compare import compare
from codemods.verify.run import Runner

check = Check("move_summaries_to_callback")

HEAD = """\
import numpy as np
import tensorflow as tf

xs = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
ys = np.random.default_rng(1).normal(size=(8, 1)).astype("float32")
writer = tf.summary.create_file_writer("logs")


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(y - self(x, training=True)))
"""
APPLY = """\
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
"""
RETURN = """\
        return {"loss": loss}
"""
TRAIN = """\

net = Net()
net.compile("sgd", "mse")
"""
FIT = "history = net.fit(xs, ys, batch_size=2, epochs=2, verbose=2, shuffle=False)\n"
SCALAR = 'tf.summary.scalar("batch_loss", loss, step=self.optimizer.iterations)\n'
CALL = """\
        outputs = self.dense(x)
        tf.summary.scalar("mean", tf.reduce_mean(outputs), step=self.optimizer.iterations)
        return outputs
"""
TEST_STEP = """
    def test_step(self, data):
        x, y = data
        loss = tf.reduce_mean(tf.abs(y - self(x, training=False)))
        tf.summary.scalar("error", loss, step=self.optimizer.iterations)
        return {"loss": loss}
"""


MADE = "        self.dense = tf.keras.layers.Dense(1)\n"
LOGS = "        self.logs = True\n        self.writer = writer\n"
FLAG = """\
if self.logs and self.writer is not None:
    with self.writer.as_default():
        tf.summary.scalar("batch_loss", loss, step=self.optimizer.iterations)
        tf.summary.scalar("twice", 2 * loss, step=self.optimizer.iterations)
else:
    with writer.as_default():
        tf.summary.scalar("without", loss, step=self.optimizer.iterations)
"""
LOOPS = """\
with writer.as_default():
    tf.summary.scalar("batch_loss", loss, step=self.optimizer.iterations)
    for variable, gradient in zip(self.trainable_variables, gradients):
        if gradient is None:
            continue
        tf.summary.histogram(variable.name, variable, step=self.optimizer.iterations)
        tf.summary.histogram(f"{variable.name}/gradient", gradient, step=self.optimizer.iterations)
    for index in range(2):
        tf.summary.scalar("part", x[0, index], step=self.optimizer.iterations)
for layer in self.layers:
    with writer.as_default():
        for weight in layer.weights:
            tf.summary.scalar(f"{layer.name}/{weight.name}", tf.reduce_mean(weight), step=self.optimizer.iterations)
"""


def program(after: str = "", fit: str = FIT, *, before: str = "", more: str = "", train: str = TRAIN) -> str:
    """Return a program whose ``train_step`` has some code before and after the optimizer's turn."""
    one, two = (textwrap.indent(textwrap.dedent(code), " " * 8) for code in (before, after))
    return f"{HEAD}{one}{APPLY}{two}{RETURN}{more}\n{train}{fit}"


def around(code: str, writer: str = "writer") -> str:
    """Return code in a block that makes a writer the default."""
    return f"with {writer}.as_default():\n" + textwrap.indent(code, "    ")


# What is rewritten. ---------------------------------------------------------------------------------


def test_a_writer_around_fit_stays_the_default_one(snapshot: SnapshotAssertion) -> None:
    check.transformed(program(SCALAR, around(FIT)), snapshot, severity=Severity.WARNING)


def test_a_writer_inside_the_step_goes_along_and_the_step_before_the_optimizer_is_kept(
    snapshot: SnapshotAssertion,
) -> None:
    code = SCALAR + 'tf.summary.histogram("outputs/weights", self.dense.kernel, self.optimizer.iterations, buckets=5)\n'
    check.transformed(program(before=around(code)), snapshot)


def test_a_writer_that_is_set_for_good_is_flushed_at_the_end(snapshot: SnapshotAssertion) -> None:
    check.transformed(program(SCALAR, "writer.set_as_default()\n" + FIT), snapshot)


def test_the_only_writer_is_used_where_none_is_the_default(snapshot: SnapshotAssertion) -> None:
    check.transformed(program(SCALAR), snapshot, severity=Severity.ERROR)


def test_a_step_that_is_compiled_is_an_error() -> None:
    train = TRAIN.replace('"mse"', '"mse", jit_compile=True')
    check.transformed(program(around(SCALAR), train=train), severity=Severity.ERROR)


def test_evaluation_gets_the_callback_too(snapshot: SnapshotAssertion) -> None:
    fit = FIT.replace("epochs", "validation_data=(xs, ys), epochs") + "net.evaluate(xs, ys, 4, verbose=0)\n"
    check.transformed(program(SCALAR, around(fit), more=TEST_STEP), snapshot)


def test_every_kind_of_summary(snapshot: SnapshotAssertion) -> None:
    code = """\
    with self.writer.as_default(step=self.global_step):
        tf.summary.scalar("1. Losses/1. Total", loss)
        tf.summary.histogram("gradients", gradients[0])
        tf.summary.image("inputs", tf.reshape(x, [-1, 3, 1, 1]), max_outputs=2)
        tf.summary.text("loss", tf.strings.as_string(loss), description="as text")
        tf.summary.audio("sound", tf.reshape(x, [-1, 3, 1]), 16000)
    self.global_step.assign_add(1)
    """
    counted = (
        MADE
        + "        self.writer = writer\n"
        + "        self.global_step = tf.Variable(0, dtype=tf.int64, trainable=False)\n"
    )
    check.transformed(program(code).replace(MADE, counted), snapshot)


def test_conditions_that_hold_for_the_training_go_along(snapshot: SnapshotAssertion) -> None:
    check.transformed(program(FLAG).replace(MADE, MADE + LOGS), snapshot)


def test_loops_keep_a_value_for_each_turn(snapshot: SnapshotAssertion) -> None:
    check.transformed(program(LOOPS), snapshot)


def test_loops_before_the_optimizer_keep_the_step_once(snapshot: SnapshotAssertion) -> None:
    code = """\
    with writer.as_default():
        # one for each
        for number, part in enumerate([loss, 2 * loss]):
            tf.summary.scalar(f"part{number}", part, step=self.optimizer.iterations)
    """
    check.transformed(program(before=code), snapshot)


def test_callbacks_that_are_there_stay(snapshot: SnapshotAssertion) -> None:
    fits = """\
stop = tf.keras.callbacks.EarlyStopping("loss")
several = [stop]
net.fit(
    xs,
    ys,
    callbacks=[
        stop,
        tf.keras.callbacks.CSVLogger("log.csv"),  # for the plots
    ],
)
net.fit(
    xs,
    ys,
    callbacks=[  # all of them
        # before it is too late
        stop
    ],
)
net.fit(xs, ys, 4, callbacks=several)
net.fit(xs, ys, callbacks=several + [stop])
net.fit(xs, ys, callbacks=stop)
net.fit(xs, ys, callbacks=[])
net.fit(xs, ys, callbacks=None)
net.fit(xs, ys, 2, 1, 0, [stop])
"""
    check.transformed(program(around(SCALAR), fits), snapshot)


def test_models_by_any_name(snapshot: SnapshotAssertion) -> None:
    fits = """\
class Trainer:
    def __init__(self):
        self.net = build()

    def run(self):
        self.net.fit(xs, ys)


def build():
    net = Net()
    net.compile("sgd")
    return net


def train(model, epochs):
    return model.fit(xs, ys, epochs=epochs)


Trainer().run()
train(build(), 3)
scaler = StandardScaler()
scaler.fit(xs)
"""
    text = program(around(SCALAR), fits).replace(
        "import numpy", "from sklearn.preprocessing import StandardScaler\n\nimport numpy"
    )
    check.transformed(text, snapshot)


def test_a_fit_in_another_module_is_given_the_callback_by_the_class(snapshot: SnapshotAssertion) -> None:
    text = program(around(SCALAR), train="", fit="")
    train = "from nets import Net, xs, ys\n\nnet = Net()\nnet.compile('sgd')\nnet.fit(xs, ys)\n"
    check.transformed({"nets.py": text, "train.py": train}, snapshot)


@pytest.mark.parametrize(
    "fit",
    [
        "def build(hp):\n    return Net()\n\n\nimport tuner\ntuner.search(build)\nbuild(0).fit(xs, ys)\n",
        "options = dict(callbacks=[])\nnet.fit(xs, ys, **options)\n",
        "tf.keras.models.load_model('net.keras').fit(xs, ys)\nnet.fit(xs, ys)\n",
        "def train(callbacks=None):\n    net.fit(xs, ys, callbacks=callbacks)\n",
        "def build():\n    return Net()\n\n\nbuild().fit(xs, ys)\n",
        "net.fit(xs, ys)\n\n\ndef tune(model):\n    model.fit(xs, ys)\n",
    ],
    ids=["a tuner", "unpacked options", "a loaded model", "callbacks that may be none", "no name", "any model"],
)
def test_the_class_adds_the_callback_where_a_fit_can_not_be_given_it(fit: str) -> None:
    text = check.transformed(program(around(SCALAR), fit))
    assert "def fit(self, *args, callbacks=None, **kwargs):" in text
    assert text.endswith(fit)


def test_functional_models_and_derived_classes() -> None:
    train = """
class Deep(Net):
    pass


net = Deep()
net.compile("sgd")
"""
    assert "callbacks=[net.summaries]" in check.transformed(program(around(SCALAR), train=train))


NAMES = {
    "keras": ("tf.keras.Model", "import keras\n", "keras.Model", "keras.callbacks.Callback"),
    "the base's own import": (
        "tf.keras.Model",
        "from keras import Model\n",
        "Model",
        "from keras.callbacks import Callback",
    ),
    "tensorflow's": ("tf.keras.Model", "from tensorflow.keras.models import Model\n", "Model", "tf.keras.callbacks."),
    "what is imported": (
        "tf.keras.Model",
        "from tensorflow.keras.callbacks import Callback as Base\n",
        "tf.keras.Model",
        "class NetSummaries(Base):",
    ),
}


@pytest.mark.parametrize(("old", "extra", "new", "found"), NAMES.values(), ids=NAMES.keys())
def test_the_callbacks_base_is_named_as_the_file_names_keras(old: str, extra: str, new: str, found: str) -> None:
    text = (
        program(around(SCALAR))
        .replace(old, new)
        .replace("import tensorflow as tf\n", "import tensorflow as tf\n" + extra)
    )
    assert found in check.transformed(text)


def test_a_class_in_a_class_finds_its_callback() -> None:
    text = program(around(SCALAR)).replace("Net()", "Nets.Net()")
    start, end = text.index("class Net("), text.index("\n\nnet = ")
    text = f"{text[:start]}class Nets:\n{textwrap.indent(text[start:end], '    ')}{text[end:]}"
    assert "\n\n\nclass NetSummaries(" in check.transformed(text)


def test_a_file_without_blank_lines_gets_some_around_what_is_new(snapshot: SnapshotAssertion) -> None:
    text = """\
import tensorflow as tf
class Logged(tf.keras.Sequential):
    def train_step(self, data):
        logs = super().train_step(data)
        with writer.as_default():
            tf.summary.scalar("loss", logs["loss"], step=self.optimizer.iterations)
        return logs
writer = tf.summary.create_file_writer("logs")
net = Logged([tf.keras.layers.Dense(1)])
net.fit(tf.ones((4, 2)), tf.ones((4, 1)))
"""
    check.transformed(text, snapshot)


def test_lines_at_the_foot_of_a_writers_block_stay(snapshot: SnapshotAssertion) -> None:
    code = "".join(
        f"    {line}\n"
        for line in ("with writer.as_default():", f"    {SCALAR.rstrip()}", "    # of the batch", "    ")
    )
    text = program(before=code).replace("        # of the batch\n", "        # of the batch\n            \n")
    check.transformed(text, snapshot)


def test_cells_of_a_notebook_change_alone() -> None:
    text = program(around(SCALAR))
    sources = [
        text[: text.index("class")],
        text[text.index("class") : text.index("net = ")],
        TRAIN.lstrip(),
        "%time\n" + FIT,
    ]
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source.splitlines(True)}
        for source in sources
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    parsed = Notebook.parse(Path("a.ipynb"), json.dumps(notebook).encode())
    settings = Settings((check.codemod.name,))
    result = rewrite(parsed.text, "a.ipynb", settings, Project.of({"a.ipynb": parsed.text}))
    after = ["".join(cell["source"]) for cell in json.loads(parsed.render(result.text))["cells"]]
    assert after[1].startswith("class NetSummaries(")
    assert after[2] == sources[2]
    assert after[3] == "%time\n" + FIT.replace("shuffle=False", "shuffle=False, callbacks=[net.summaries]")


def test_tabs_comments_and_decorators_stay(snapshot: SnapshotAssertion) -> None:
    code = """\
    # what the optimizer has seen
    with writer.as_default():  # on disk
        # of this batch
        tf.summary.scalar("batch_loss", loss, step=self.optimizer.iterations)  # not the mean
    """
    text = program(code).replace("class Net", "# the net\n@tf.keras.utils.register_keras_serializable()\nclass Net")
    text = text.replace("    def train_step", "    @tf.function\n    def train_step").replace("    ", "\t")
    check.transformed(text, snapshot)


def test_names_that_are_taken_are_left_to_their_owners() -> None:
    text = (
        program(around(SCALAR))
        .replace("self.dense", "self.summaries")
        .replace("import numpy", "NetSummaries = 1\nimport numpy")
    )
    text = check.transformed(text)
    assert "class NetSummaries_2(" in text
    assert "callbacks=[net.summaries_2]" in text


def test_what_stays_keeps_its_block() -> None:
    code = SCALAR + 'while self.built:\n    tf.summary.histogram("g", loss, step=self.optimizer.iterations)\n'
    result = check.run(program(around(code)))
    assert [finding.status for _, finding in result.findings] == [Status.FIXABLE, Status.REFUSED]
    assert "        with writer.as_default():\n            self.summaries.batch_loss.assign" in result.text


def test_two_steps_of_one_class_share_the_callback() -> None:
    text = check.transformed(
        program(
            around(SCALAR),
            FIT,
            more=TEST_STEP.replace("        tf.s", "        with writer.as_default():\n            tf.s"),
        )
    )
    assert text.count("class NetSummaries") == 1
    assert "self.error" in text


def test_tensorboard_hears_of_the_batches_where_it_did_not() -> None:
    text = program(
        SCALAR, FIT.replace("2, sh", "0, callbacks=[tf.keras.callbacks.TensorBoard('b', update_freq=1)], sh")
    )
    check.transformed(text, unsafe=True)


def test_what_keeps_a_call_does_not_keep_a_step() -> None:
    text = in_call(program(SCALAR, around(FIT + "net(xs)\n")))
    result = check.run(text)
    assert [finding.status for _, finding in result.findings] == [Status.REFUSED, Status.FIXABLE]
    assert "callbacks=[net.summaries]" in result.text


def in_call(text: str) -> str:
    """Return a program with a summary in the model's ``call``."""
    return text.replace("        return self.dense(x)\n", CALL)


def test_a_summary_in_call_is_recorded_wherever_keras_calls_it(snapshot: SnapshotAssertion) -> None:
    fit = around(FIT + "net.evaluate(xs, ys)\nnet.predict(xs, verbose=0)\n")
    check.transformed(in_call(program(fit=fit)), snapshot, unsafe=True)


def test_summaries_in_call_and_in_steps_share_the_callback(snapshot: SnapshotAssertion) -> None:
    check.transformed(in_call(program(SCALAR, around(FIT), more=TEST_STEP)), snapshot, unsafe=True)


# What is refused. -----------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Refusal, str]] = {
    "no fit": (keeping.NO_FIT, program(around(SCALAR), fit="net(xs)\n")),
    "trained by hand": (keeping.BY_HAND, program(around(SCALAR), FIT + "net.train_on_batch(xs, ys)\n")),
    "a loop of one's own": (keeping.BY_HAND, program(around(SCALAR), FIT + "net.train_step((xs, ys))\n")),
    "several steps at once": (
        keeping.STEPS_PER_EXECUTION,
        program(around(SCALAR), train=TRAIN.replace('"mse"', '"mse", steps_per_execution=4')),
    ),
    "several steps by a setting": (
        keeping.STEPS_PER_EXECUTION,
        program(around(SCALAR), train=TRAIN.replace('"mse"', '**{"steps_per_execution": 4}')),
    ),
    "several replicas": (
        keeping.STRATEGY,
        program(
            around(SCALAR),
            "strategy = tf.distribute.MirroredStrategy()\nwith strategy.scope():\n    net = Net()\n" + FIT,
        ),
    ),
    "a fit of its own": (
        keeping.OWN_FIT,
        program(
            around(SCALAR),
            "net.fit(xs, ys, **options)\n",
            more="\n    def fit(self, *args, **kwargs):\n        return super().fit(*args, **kwargs)\n",
        ),
    ),
    "an evaluation out of reach": (
        keeping.NOT_GIVEN,
        program(
            fit="net.fit(xs, ys, **options)\nnet.evaluate(xs, ys)\n",
            more=TEST_STEP.replace("        tf.s", "        with writer.as_default():\n            tf.s"),
        ),
    ),
    "a condition": (keeping.CONDITIONAL, program("if self.built:\n" + textwrap.indent(around(SCALAR), "    "))),
    "a flag that changes": (
        keeping.COMPUTED,
        program("self.logs = False\nif self.logs:\n" + textwrap.indent(around(SCALAR), "    ")),
    ),
    "a condition of a step that may run eagerly": (
        keeping.CONDITIONAL,
        program(FLAG, train=TRAIN.replace('"mse"', '"mse", run_eagerly=DEBUG')).replace(MADE, MADE + LOGS),
    ),
    "a while loop": (keeping.CONDITIONAL, program(around("while loss is None:\n    " + SCALAR))),
    "a step that changes in the loop": (
        keeping.LOOP,
        program(around("for part in [loss]:\n    " + SCALAR + "    self.optimizer.apply([part])\n")),
    ),
    "a step of the loop": (
        keeping.LOOP,
        program(around("for number, part in enumerate([loss]):\n    tf.summary.scalar('a', part, step=number)\n")),
    ),
    "a loop that may be of the graph": (
        keeping.LOOP,
        program(around("for part in loss:\n    " + SCALAR)).replace("    def train", "    @tf.function\n    def train"),
    ),
    "texts in a loop": (
        keeping.LOOP,
        program(around("for part in ['a']:\n    " + SCALAR.replace("scalar", "text").replace("loss,", "part,"))),
    ),
    "options in a loop": (
        keeping.LOOP,
        program(
            around(
                "for part in [loss]:\n    " + SCALAR.replace("scalar", "histogram").replace("step", "buckets=5, step")
            )
        ),
    ),
    "loops that record at different steps": (
        keeping.LOOP,
        program(
            before=around("for part in [loss]:\n    " + SCALAR),
            after=around("for part in [loss]:\n    " + SCALAR.replace("batch", "after")),
        ),
    ),
    "an early return": (keeping.CONDITIONAL, program("if not self.built:\n    return {}\n" + around(SCALAR))),
    "another kind": (
        keeping.KIND,
        program(around('tf.summary.write("loss", loss, step=self.optimizer.iterations)\n')),
    ),
    "a histogram that is compiled": (
        keeping.COMPILED,
        program(around(SCALAR.replace("scalar", "histogram")), train=TRAIN.replace('"mse"', '"mse", jit_compile=True')),
    ),
    "a tag of the step": (
        keeping.COMPUTED,
        program(around('name = "a"\n' + SCALAR.replace('"batch_loss"', "name"))),
    ),
    "the default step": (
        keeping.DEFAULT_STEP,
        program('tf.summary.scalar("loss", loss)\n', "tf.summary.experimental.set_step(3)\n" + around(FIT)),
    ),
    "TensorBoard's writer now and then": (
        keeping.UPDATE_FREQ,
        program(SCALAR, 'net.fit(xs, ys, callbacks=[tf.keras.callbacks.TensorBoard("logs", update_freq=10)])\n'),
    ),
    "a call of the model itself": (keeping.BY_HAND, in_call(program(fit=around(FIT + "net(xs)\n")))),
    "two calls in a step": (
        keeping.BY_HAND,
        in_call(program(before="again = self(x, training=True)\n", fit=around(FIT))),
    ),
    "a model that is exported": (
        keeping.EXPORTED,
        in_call(program(fit=around(FIT) + "tf.saved_model.save(net, 'saved')\n")),
    ),
    "a model that Keras 2 may export": (keeping.EXPORTED, in_call(program(fit=around(FIT) + "net.save(folder)\n"))),
    "predictions out of reach": (
        keeping.NOT_GIVEN,
        in_call(program(fit=around(FIT) + "net.predict(xs, **options)\n")),
    ),
    "recorded now and then": (
        refusals.CONTEXT,
        program(around(SCALAR), "with tf.summary.record_if(lambda: net.optimizer.iterations % 2 == 0):\n    " + FIT),
    ),
    "a name scope around fit": (
        refusals.CALLER_SCOPE,
        program(around(SCALAR), 'with tf.name_scope("run"):\n    ' + FIT),
    ),
    "a base that has a fit": (
        keeping.OWN_FIT,
        program(around(SCALAR), "net.fit(xs, ys, **options)\n").replace(
            "class Net(tf.keras.Model)",
            "class Base(tf.keras.Model):\n    def fit(self, x):\n        pass\n\n\nclass Net(Base)",
        ),
    ),
    "a name scope": (refusals.CONTEXT, program(around('with tf.name_scope("losses"):\n    ' + SCALAR))),
    "a function inside": (
        refusals.NESTED,
        program("def log():\n" + textwrap.indent(around(SCALAR), "    ") + "log()\n"),
    ),
    "no writer": (
        refusals.NO_WRITER,
        program(SCALAR).replace('writer = tf.summary.create_file_writer("logs")\n', ""),
    ),
    "one writer after another": (
        refusals.SEVERAL_WRITERS,
        program(SCALAR, 'other = tf.summary.create_file_writer("b")\n' + around(FIT) + around(FIT, "other")),
    ),
    "a writer that is made again": (
        refusals.SEVERAL_WRITERS,
        program(around(SCALAR), FIT + 'writer = tf.summary.create_file_writer("again")\n' + FIT),
    ),
    "a writer for each turn, and one model": (
        refusals.SEVERAL_WRITERS,
        program(
            SCALAR,
            "for fold in range(2):\n    mine = tf.summary.create_file_writer(str(fold))\n"
            + textwrap.indent(around(FIT, "mine"), "    "),
        ),
    ),
    "a list of callbacks that is no list": (
        keeping.NOT_GIVEN,
        program(around(SCALAR), "net.fit(xs, ys, callbacks=tf.keras.callbacks.CallbackList([], model=net))\n"),
    ),
    "no name for TensorFlow": (
        keeping.COMPUTED,
        program(around(SCALAR))
        .replace("import tensorflow as tf", "from tensorflow import keras, summary\nimport tools as tf")
        .replace("tf.keras", "keras")
        .replace("tf.summary", "summary"),
    ),
    "a library that only the step knows": (
        keeping.COMPUTED,
        program(around(SCALAR.replace("tf.", "tf2."))).replace(
            "        x, y = data", "        import tensorflow as tf2\n\n        x, y = data", 1
        ),
    ),
    "a writer of the step": (
        refusals.WRITER_IN_GRAPH,
        program("mine = self.writers[0]\n" + around(SCALAR, "mine")),
    ),
    "a result that is used": (refusals.RESULT_USED, program(around("done = " + SCALAR))),
    "arguments that are unpacked": (
        refusals.UNPACKED,
        program(around('tf.summary.scalar(**{"name": "loss", "data": loss, "step": 1})\n')),
    ),
}


@pytest.mark.parametrize(("refusal", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(refusal: Refusal, text: str) -> None:
    check.refused(text, refusal)


# What is left alone. --------------------------------------------------------------------------------

HOST_LOOP = """

@tf.function
def train_step(x, step):
    tf.summary.scalar("loss", tf.reduce_mean(x), step=step)


for step in tf.range(3, dtype=tf.int64):
    with writer.as_default():
        train_step(xs, step)
"""
NOOPS: dict[str, str | dict[str, str]] = {
    "a step without summaries": program(),
    "a summary of the model": program("self.summary()\n"),
    "a function called train_step": program() + HOST_LOOP,
    "a step that runs eagerly": program(around(SCALAR), train=TRAIN.replace('"mse"', '"mse", run_eagerly=True')),
    "a class that is no model": program(SCALAR).replace("tf.keras.Model", "object"),
    "a model of torch": program(SCALAR)
    .replace("tf.keras.Model", "torch.nn.Module")
    .replace("import numpy", "import torch\nimport numpy"),
    "summaries of another library": program(SCALAR.replace("tf.summary", "self.board")),
    "summaries of version 1": program(SCALAR.replace("tf.summary", "tf.compat.v1.summary")),
    "a layer": program(SCALAR).replace("tf.keras.Model", "tf.keras.layers.Layer"),
    "a call without fit": in_call(program(fit="net.train_on_batch(xs, ys)\n")),
    "a callback": program(
        fit="class Log(tf.keras.callbacks.Callback):\n    def on_train_batch_end(self, batch, logs=None):\n"
        '        tf.summary.scalar("loss", logs["loss"], step=batch)\n\n\nnet.fit(xs, ys, callbacks=[Log()])\n'
    ),
    "a local tf": program(SCALAR).replace("import tensorflow as tf", "from project import tf"),
    "host code": program(fit=FIT + 'with writer.as_default():\n    tf.summary.scalar("loss", 0.5, step=1)\n'),
    "a method of another name": program(SCALAR).replace("def train_step", "def my_step"),
    "a compute_loss": program().replace(
        "def call(self, x):",
        'def compute_loss(self, x):\n        tf.summary.scalar("a", 1.0, step=1)\n\n    def call(self, x):',
    ),
    "the constructor, which nothing traces": program().replace(
        MADE, MADE + "        " + 'tf.summary.scalar("units", self.dense.units, step=0)\n'
    ),
    "a loop of the model's own, in host code": program(
        more="\n    def train(self, batches):\n        for step, batch in enumerate(batches):\n"
        "            logs = self.train_on_batch(*batch, return_dict=True)\n            with writer.as_default():\n"
        '                tf.summary.scalar("loss", logs["loss"], step=step)\n'
    ),
    "a fit of its own that records what the other returns": program(
        more="\n    def fit(self, *args, **kwargs):\n        history = super().fit(*args, **kwargs)\n"
        "        with writer.as_default():\n"
        '            tf.summary.scalar("last", history.history["loss"][-1], step=0)\n        return history\n'
    ),
    "a writer that the step only flushes": program("writer.flush()\n"),
    "a trace of the training": program(
        fit='tf.summary.trace_on(profiler_outdir="logs")\n' + FIT + "tf.summary.trace_off()\n"
    ),
    "values that the callback of Keras records": program(
        "self.norm.update_state(tf.linalg.global_norm(gradients))\n", FIT
    ).replace(MADE, MADE + '        self.norm = tf.keras.metrics.Mean("norm")\n'),
    "a callback of a function": program(
        fit="def record(batch, logs):\n    with writer.as_default():\n"
        '        tf.summary.scalar("loss", logs["loss"], step=batch)\n\n\n'
        "net.fit(xs, ys, callbacks=[tf.keras.callbacks.LambdaCallback(on_batch_end=record)])\n"
    ),
    "a callback with a step of its own": program(
        fit="class Log(tf.keras.callbacks.Callback):\n    def train_step(self, step):\n"
        '        tf.summary.scalar("loss", 0.5, step=step)\n\n\nnet.fit(xs, ys, callbacks=[Log()])\n'
    ),
    "a metric that records": program(
        fit="class Error(tf.keras.metrics.Mean):\n    def update_state(self, values, sample_weight=None):\n"
        '        tf.summary.scalar("error", tf.reduce_mean(values), step=0)\n'
        '        return super().update_state(values)\n\n\nnet.compile("sgd", "mse", metrics=[Error()])\n' + FIT
    ),
    "a module that is no model": program(around(SCALAR)).replace("tf.keras.Model", "tf.Module"),
    "a model of PyTorch Lightning": "import lightning\nimport tensorflow as tf\n\n\n"
    "class Net(lightning.LightningModule):\n    def train_step(self, data):\n"
    '        tf.summary.scalar("loss", 0.5, step=self.global_step)\n\n\nnet = Net()\nnet.fit(data)\n',
    "a trainer that has a model": program(
        fit="class Trainer:\n    def __init__(self, model):\n        self.model = model\n\n"
        "    def train_step(self, step):\n        loss = self.model.train_on_batch(xs, ys)\n"
        '        with writer.as_default():\n            tf.summary.scalar("loss", loss, step=step)\n\n\n'
        "Trainer(net).train_step(1)\n"
    ),
    "a model of the project's own keras": {
        "program.py": program(around(SCALAR))
        .replace("import tensorflow as tf", "import tensorflow as tf\nimport nets")
        .replace("tf.keras.Model", "nets.Model"),
        "nets.py": "class Model:\n    def fit(self, *args, **kwargs):\n        self.train_step(args)\n",
    },
}


@pytest.mark.parametrize("text", NOOPS.values(), ids=NOOPS.keys())
def test_left_alone(text: str | dict[str, str]) -> None:
    check.noop(text)


# Beside the other codemods. -------------------------------------------------------------------------

BOTH = ("move-summaries-to-callback", "move-summaries-to-host")


@pytest.mark.parametrize("text", [program(around(SCALAR)), *(text for _, text in REFUSED.values())])
def test_a_summary_under_fit_is_reported_once(text: str) -> None:
    result = rewrite(text, "program.py", Settings(BOTH), Project.of({"program.py": text}))
    here = [(finding.node.lineno, finding.status) for _, finding in result.findings]  # type: ignore[attr-defined]
    assert here
    if "net.fit" in text:
        assert len(set(here)) == len(here)
    else:
        assert {status for _, status in here} == {Status.REFUSED}


def test_in_any_order_it_comes_to_the_same() -> None:
    text = program(around(SCALAR)) + HOST_LOOP
    together = rewrite(text, "program.py", Settings(BOTH), Project.of({"program.py": text})).text
    for order in (BOTH, BOTH[::-1]):
        found = text
        for name in order:
            found = rewrite(found, "program.py", Settings((name,)), Project.of({"program.py": found})).text
        assert found == together


# Under TensorFlow. ----------------------------------------------------------------------------------

EXACT = """\
tf.config.optimizer.set_experimental_options(
    {"arithmetic_optimization": False, "remapping": False, "constant_folding": False}
)
tf.keras.utils.set_random_seed(0)
"""
ENDING = """\
print(history.history, net.evaluate(xs, ys, verbose=0))
for weight in net.get_weights():
    print(weight.tobytes().hex())
"""
KINDS = """\
with writer.as_default(step=self.optimizer.iterations):
    tf.summary.scalar("a/b", loss)
    tf.summary.histogram("h", gradients[0], buckets=4)
    tf.summary.image("i", tf.reshape(x, [-1, 3, 1, 1]), max_outputs=2)
    tf.summary.image("u", tf.cast(tf.reshape(x * 10, [-1, 3, 1, 1]), tf.uint8))
    tf.summary.text("t", tf.strings.as_string(loss), description="what")
    tf.summary.audio("s", tf.reshape(x, [-1, 3, 1]), 16000)
"""
BOARD = FIT.replace("epochs", "callbacks=[tf.keras.callbacks.TensorBoard('logs', update_freq='batch')], epochs")
VALIDATED = FIT.replace("epochs", "validation_data=(xs, ys), epochs")
PROGRAMS = {
    "around": (program(SCALAR, around(VALIDATED + ENDING), more=TEST_STEP), 8 + 2 * 4 + 1),
    "inside, before the optimizer": (program(before=around(SCALAR), fit=FIT + FIT + ENDING), 16),
    "kinds": (program(KINDS, FIT + ENDING), 8 * 6),
    "loops": (program(LOOPS, FIT + ENDING), 4 * 2 * (1 + 2 * 2 + 2 + 2)),
    "flags": (program(FLAG, FIT).replace(MADE, MADE + LOGS), 16),
    "set for good": (program(SCALAR, "writer.set_as_default()\n" + FIT), 8),
    "TensorBoard's writer": (program(SCALAR, BOARD.replace("verbose=2, ", "")), 8 + 8),
    "the class gives it": (
        program(before=around(SCALAR), fit=FIT.replace("epochs", "**{}, epochs") + 'net.save("net.keras")\n' + ENDING),
        8,
    ),
}


@pytest.mark.tensorflow
@pytest.mark.parametrize(("text", "events"), PROGRAMS.values(), ids=PROGRAMS.keys())
def test_the_same_is_recorded(runner: Runner, text: str, events: int) -> None:
    text = text.replace("\nclass", f"\n{EXACT}\n\nclass", 1)
    before, after = runner.run_source(text), runner.run_source(check.transformed(text))
    assert after.exit == 0, after.stderr
    verdict = compare(before, after)
    assert verdict.kind == "same", verdict.lines
    assert after.summaries.host >= events
    assert not after.summaries.traced


@pytest.mark.tensorflow
def test_a_summary_in_call_loses_the_models_name_only(runner: Runner) -> None:
    fit = around(VALIDATED + "net.predict(xs, 4, verbose=0)\n" + ENDING)
    text = in_call(program(SCALAR, fit, more=TEST_STEP)).replace("\nclass", f"\n{EXACT}\n\nclass", 1)
    before, after = runner.run_source(text), runner.run_source(check.transformed(text, unsafe=True))
    assert after.exit == 0, after.stderr
    named = [replace(event, tag=event.tag.rpartition("/")[2]) for event in before.events]
    assert sorted(named, key=str) == sorted(after.events, key=str)
    assert (before.stdout, before.variables) == (after.stdout, after.variables)


@pytest.mark.tensorflow
def test_what_was_lost_is_recorded(runner: Runner) -> None:
    text = program(SCALAR).replace("\nclass", f"\n{EXACT}\n\nclass", 1)
    lost, recorded = runner.run_source(text), runner.run_source(text.replace(FIT, around(FIT)))
    after = runner.run_source(check.transformed(text))
    assert not lost.events
    assert compare(lost, after).kind == "repaired"
    assert after.events == recorded.events


@pytest.mark.tensorflow
def test_a_step_that_is_read_too_late_is_found_out(runner: Runner) -> None:
    text = program(before=around(SCALAR)).replace("\nclass", f"\n{EXACT}\n\nclass", 1)
    wrong = check.transformed(text).replace("step=self.step", "step=self.model.optimizer.iterations")
    verdict = compare(runner.run_source(text), runner.run_source(wrong))
    assert verdict.kind == "different"
    assert "step 0" in verdict.different[0]
