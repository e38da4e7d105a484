"""The codemod `set-callback-model`."""

import csv
import io
import json
from pathlib import Path

import pytest

from codemods.analysis.project import Project
from codemods.driving.place import (
    INSIDE_CALLBACK,
    MAY_BE_MISSING,
    MODEL_LATER,
    NO_EPOCH,
    NO_MODEL,
    NO_OPTIMIZER,
    OUT_OF_SIGHT,
    SEVERAL_MODELS,
    SEVERAL_NAMES,
    UNNAMED,
)
from codemods.engine.codemod import Severity
from codemods.engine.notebook import Notebook
from codemods.engine.result import Settings
from codemods.engine.rewrite import rewrite
from codemods.set_callback_model import NEEDS_PARAMS, PASSED_ON, UNKNOWN_CALLBACK
from codemods.verify.run import Runner
from tests.tools import Check

check = Check("set_callback_model")

COMPILED = """\
import tensorflow as tf

tf.keras.utils.set_random_seed(1)
x, y = tf.ones([4, 2]), tf.ones([4, 1])
model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile(optimizer="sgd", loss="mse")
board = tf.keras.callbacks.TensorBoard("logs")
"""
UNCOMPILED = """\
import tensorflow as tf

tf.keras.utils.set_random_seed(1)
x, y = tf.ones([4, 2]), tf.ones([4, 1])
model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
optimizer = tf.keras.optimizers.SGD(0.1)
board = tf.keras.callbacks.TensorBoard("logs")
"""
STEP = """\


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(y - model(x, training=True)))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


"""
LOOP = """\
for epoch in range(3):
    board.on_epoch_end(epoch, {"loss": epoch + 0.5})
"""
TRAINED = """\
for epoch in range(3):
    board.on_epoch_end(epoch, {"loss": step(x, y)})
"""


def made(callback: str) -> str:
    """Return a compiled program with another callback in place of TensorBoard."""
    return COMPILED.replace('tf.keras.callbacks.TensorBoard("logs")', callback)


def own(*lines: str) -> str:
    """Return a compiled program whose callback is of a class with these lines."""
    body = "\n".join(f"    {line}" for line in lines)
    return made("Mine()").replace("board =", f"\n\nclass Mine(tf.keras.callbacks.Callback):\n{body}\n\n\nboard =")


# Where it goes. ------------------------------------------------------------------------------------


def test_before_the_loop_above_its_comment(snapshot):
    check.transformed(COMPILED + "\n# Train.\n" + LOOP, snapshot, severity=Severity.ERROR)


def test_before_the_first_hook_that_is_called(snapshot):
    check.transformed(COMPILED + "board.on_train_begin()\n" + LOOP + "board.on_train_end()\n", snapshot)


def test_a_model_that_is_not_compiled_gets_its_optimizer(snapshot):
    check.transformed(UNCOMPILED + STEP + TRAINED, snapshot)


def test_several_callbacks_give_the_model_its_optimizer_once(snapshot):
    plateau = 'plateau = tf.keras.callbacks.ReduceLROnPlateau("loss")\n'
    check.transformed(
        UNCOMPILED + plateau + STEP + TRAINED + "    plateau.on_epoch_end(epoch, {'loss': 1.0})\n", snapshot
    )


def test_a_list_of_callbacks_in_a_function_that_is_given_all(snapshot):
    check.transformed(
        """\
import tensorflow as tf


def train(net, optimizer, callbacks, batches):
    for epoch in range(3):
        for x, y in batches:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(y - net(x, training=True)))
            optimizer.apply_gradients(zip(tape.gradient(loss, net.trainable_weights), net.trainable_weights))
        for callback in callbacks: callback.on_epoch_end(epoch, {"loss": loss})


train(build(), tf.keras.optimizers.Adam(), [tf.keras.callbacks.TensorBoard("logs")], data)
""",
        snapshot,
    )


def test_attributes_of_a_trainer(snapshot):
    check.transformed(
        """\
import tensorflow as tf


class Trainer:
    def __init__(self, model, log_dir):
        self.model = model
        self.optimizer = tf.keras.optimizers.Adam()
        self.board = tf.keras.callbacks.TensorBoard(log_dir)

    def step(self, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.model(x, training=True))
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    def train(self, data, epochs):
        for epoch in range(epochs):
            for x in data:
                loss = self.step(x)
            self._end(epoch, loss)

    def _end(self, epoch, loss):
        self.board.on_epoch_end(epoch, {"loss": loss})
""",
        snapshot,
    )


def test_a_function_for_each_epoch_is_followed_to_the_loop_that_calls_it(snapshot):
    check.transformed(
        COMPILED
        + """\


def end(callback, epoch):
    callback.on_epoch_end(epoch, {"loss": 0.5})


def main():
    for epoch in range(3):
        end(board, epoch)


main()
""",
        snapshot,
    )


def test_a_training_that_is_called_twice_starts_twice(snapshot):
    check.transformed(
        COMPILED
        + """\


def train(net, callback, epochs):
    for epoch in range(epochs):
        callback.on_epoch_end(epoch, {"loss": 0.5})
    callback.on_train_end()


train(model, board, 1)
train(model, board, epochs=2)
""",
        snapshot,
    )


def test_a_model_and_a_callback_for_each_fold(snapshot):
    check.transformed(
        """\
from tensorflow import keras

for fold in range(2):
\tmodel = keras.Sequential([keras.layers.Dense(1)])
\tmodel.compile("sgd", "mse")
\tstop = keras.callbacks.EarlyStopping("loss")
\tfor epoch in range(3):
\t\tstop.on_epoch_end(epoch, {"loss": 0.5})  # may stop
""",
        snapshot,
    )


def test_a_callback_that_may_be_missing_gets_its_model_where_it_is_made(snapshot):
    program = COMPILED.replace("board = ", "board = None\nif x.shape:\n    board = ")
    check.transformed(
        program
        + 'for epoch in range(3):\n    if board is not None:\n        board.on_epoch_end(epoch, {"loss": 0.5})\n',
        snapshot,
    )


def test_a_callback_list(snapshot):
    check.transformed(
        COMPILED
        + """\
callbacks = tf.keras.callbacks.CallbackList([board], add_history=True)
for epoch in range(3):
    callbacks.on_epoch_end(epoch, {"loss": 0.5})
""",
        snapshot,
    )


def test_only_those_that_have_no_model_yet(snapshot):
    check.transformed(
        COMPILED
        + """\
stop = tf.keras.callbacks.EarlyStopping("loss")
board.set_model(model)
for epoch in range(3):
    for callback in [board, stop]:
        callback.on_epoch_end(epoch, {"loss": 0.5})
""",
        snapshot,
    )


def test_the_attribute_that_keras_3_does_not_let_be_set(snapshot):
    check.transformed(COMPILED + "board.model = model  # for the logs\n" + LOOP, snapshot)


def test_the_head_of_each_epoch_where_the_callback_takes_the_time(snapshot):
    program = made('tf.keras.callbacks.TensorBoard("logs", write_steps_per_second=True)')
    check.transformed(
        program
        + """\
epoch = 0
while epoch < 3:
    for batch in range(2):
        board.on_train_batch_end(batch, {"loss": 0.5})
    board.on_epoch_end(epoch, {"loss": 0.5})
    epoch += 1
""",
        snapshot,
    )


def test_hooks_of_the_projects_own_that_cannot_do_without_logs(snapshot):
    check.transformed(
        own(
            "def on_train_begin(self, logs=None):",
            "    self.seen = list(logs)",
            "def on_epoch_end(self, epoch, logs=None):",
            "    self.seen.append(self.model.count_params())",
        )
        + LOOP,
        snapshot,
    )


def test_a_loop_variable_keeps_what_it_means_elsewhere(snapshot):
    check.transformed(
        COMPILED
        + """\
callback = "mine"
for epoch in range(3):
    [one.on_epoch_end(epoch, {"loss": 0.5}) for one in (board,)]
one = 1
print(callback)
""",
        snapshot,
    )


def test_callbacks_that_are_added_to_a_list_in_an_outer_loop(snapshot):
    check.transformed(
        COMPILED.partition("board =")[0]
        + """\
callbacks = []
for fold in range(2):
    callbacks.append(tf.keras.callbacks.TensorBoard(f"logs/{fold}"))
    for epoch in range(3):
        for callback in callbacks:
            callback.on_epoch_end(epoch, {"loss": 0.5})
""",
        snapshot,
    )


def test_a_model_that_trains_itself(snapshot):
    check.transformed(
        """\
import tensorflow as tf


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(1)
        self.board = tf.keras.callbacks.TensorBoard("logs")

    def run(self, x, y):
        for epoch in range(3):
            self.board.on_epoch_end(epoch, {"loss": self.train_on_batch(x, y)})


net = Net()
net.compile("sgd", "mse")
net.run(tf.ones([4, 2]), tf.ones([4, 1]))
""",
        snapshot,
    )


def test_what_breaks_only_when_training_goes_wrong_is_a_warning():
    check.transformed(
        made("tf.keras.callbacks.TerminateOnNaN()") + 'board.on_train_batch_end(0, {"loss": 0.5})\n',
        severity=Severity.WARNING,
    )


def test_an_optimizer_for_a_model_that_is_set_already():
    text = check.transformed(UNCOMPILED + STEP + "board.set_model(model)\n" + TRAINED)
    assert "\nmodel.optimizer = optimizer\nboard.set_model(model)\nfor" in text


def test_a_schedule_is_recorded_under_keras_2_where_the_model_has_its_optimizer():
    program = UNCOMPILED.replace("0.1", "tf.keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.9)")
    check.transformed(program + STEP + "board.set_model(model)\n" + TRAINED, unsafe=True)


def test_cells_of_a_notebook():
    cells = [COMPILED, "# Train.\n" + LOOP]
    notebook = {
        "cells": [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    parsed = Notebook.parse(Path("a.ipynb"), json.dumps(notebook).encode())
    settings = Settings((check.codemod.name,))
    result = rewrite(parsed.text, "a.ipynb", settings, Project.of({"a.ipynb": parsed.text}))
    cell = json.loads(parsed.render(result.text))["cells"][1]["source"]
    assert "".join(cell) == "board.set_model(model)\nboard.on_train_begin()\n# Train.\n" + LOOP


# Left alone. ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        "board.set_model(model)\n",
        "for one in [board]:\n    one.set_model(model)\n",
        "def setup():\n    board.set_model(model)\n",
    ],
)
def test_a_model_that_is_set_anywhere(before):
    check.noop(COMPILED + before + LOOP)


def test_callbacks_that_fit_is_given_as_well():
    check.noop(COMPILED + "model.fit(x, y, callbacks=[board])\n" + LOOP)


@pytest.mark.parametrize("arguments", ["[board], model=model", "[board], False, False, model", "*given"])
def test_a_callback_list_with_its_model(arguments):
    check.noop(
        COMPILED
        + f"callbacks = tf.keras.callbacks.CallbackList({arguments})\n"
        + 'callbacks.on_epoch_end(0, {"loss": 0.5})\n'
    )


def test_a_callback_list_whose_members_have_their_model():
    check.noop(
        COMPILED
        + "board.set_model(model)\ncallbacks = tf.keras.callbacks.CallbackList([board])\n"
        + 'callbacks.on_epoch_end(0, {"loss": 0.5})\n'
    )


def test_epochs_without_logs_need_no_model():
    check.noop(COMPILED + "board.on_epoch_end(0)\nboard.on_epoch_end(1, {})\nboard.on_epoch_end(2, logs=None)\n")


@pytest.mark.parametrize(
    "callback",
    [
        "tf.keras.callbacks.LambdaCallback(on_epoch_end=print)",
        "tf.keras.callbacks.RemoteMonitor()",
        "tf.keras.callbacks.Callback()",
        "torch.Callback()",
        "make()",
    ],
)
def test_callbacks_that_need_no_model_or_are_none_of_keras(callback):
    check.noop(made(callback) + LOOP)


def test_a_class_of_the_projects_own_that_does_not_read_its_model():
    check.noop(own("def on_epoch_end(self, epoch, logs=None):", "    print(epoch, logs)") + LOOP)


def test_a_class_that_asks_whether_it_has_a_model():
    check.noop(
        own(
            "def on_epoch_end(self, epoch, logs=None):",
            "    if self.model is not None:",
            "        self.model.save('m')",
        )
        + LOOP
    )


def test_a_class_that_sees_to_its_model_itself():
    program = own("def set_model(self, model):", "    pass", "def on_epoch_end(self, epoch, logs=None):", "    print()")
    check.noop(program.replace("Callback)", "TensorBoard)") + LOOP)


def test_hooks_that_call_those_of_the_base_class():
    check.noop(own("def on_epoch_end(self, epoch, logs=None):", "    super().on_epoch_end(epoch, {'loss': 1.0})"))


def test_hooks_of_other_objects():
    check.noop(
        COMPILED.replace("board = tf.keras.callbacks.TensorBoard", "board = Board")
        + "class Board:\n    def on_epoch_end(self, epoch, logs):\n        print(self.model)\n"
        + LOOP
    )


def test_a_callback_that_a_caller_out_of_sight_gives():
    check.noop(
        "import tensorflow as tf\n\n\n"
        + "def end(model, board: tf.keras.callbacks.TensorBoard):\n"
        + '    board.on_epoch_end(0, {"loss": 0.5})\n'
    )


def test_another_module_that_sets_the_model():
    check.noop(
        {
            "train.py": COMPILED + "\n\ndef train():\n" + "".join(f"    {line}\n" for line in LOOP.splitlines()),
            "main.py": "from train import board, model, train\n\nboard.set_model(model)\ntrain()\n",
        }
    )


def test_a_helper_of_the_project_that_sets_the_model():
    check.noop(
        {
            "train.py": COMPILED + "import helpers\n\nhelpers.prepare(board, model)\n" + LOOP,
            "helpers.py": "def prepare(callback, model):\n    callback.set_model(model)\n",
        }
    )


def test_a_model_of_unknown_origin_that_is_set_may_be_compiled():
    check.noop(
        "import tensorflow as tf\n\n\ndef train(model):\n"
        + '    board = tf.keras.callbacks.TensorBoard("logs")\n    board.set_model(model)\n'
        + '    board.on_epoch_end(0, {"loss": 0.5})\n'
    )


@pytest.mark.parametrize(
    "call",
    [
        "on_epoch_begin(0)",
        "on_train_batch_begin(0)",
        'on_batch_end(0, {"loss": 0.5})',
        'on_test_batch_end(0, {"loss": 0.5})',
        "on_predict_begin()",
    ],
)
def test_hooks_of_tensorboard_that_do_nothing_with_the_model(call):
    check.noop(COMPILED + f"board.{call}\n")


@pytest.mark.parametrize("hook", ["on_train_begin", "on_train_end", "on_predict_end"])
def test_hooks_of_early_stopping_that_do_nothing_with_the_model(hook):
    check.noop(made('tf.keras.callbacks.EarlyStopping("loss")') + f"board.{hook}()\n")


@pytest.mark.parametrize(
    "fit",
    ["callbacks = [board]\nmodel.fit(x, y, callbacks=callbacks)\n", "model.evaluate(x, y, callbacks=[board])\n",
     "def warm_up(callback):\n    model.fit(x, y, callbacks=[callback])\n\n\nwarm_up(board)\n"],
)  # fmt: skip
def test_every_way_to_give_a_callback_to_fit(fit):
    check.noop(COMPILED + fit + LOOP)


@pytest.mark.parametrize(
    "compiled",
    [
        "model.compile(optimizer=optimizer)\n",
        "model.optimizer = optimizer\n",
        'def prepare(net):\n    net.compile("sgd")\n\n\nprepare(model)\n',
        "print(model.optimizer.learning_rate)\n",
    ],
)
def test_a_model_that_is_set_and_has_its_optimizer(compiled):
    check.noop(UNCOMPILED + compiled + STEP + "board.set_model(model)\n" + TRAINED)


def test_a_model_that_compiles_itself():
    program = """\
class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.compile("sgd")


net = Net()
board.set_model(net)
"""
    check.noop(UNCOMPILED + program + LOOP)


def test_the_history_that_fit_returns():
    check.noop(COMPILED + 'history = model.fit(x, y)\nhistory.on_epoch_end(0, {"loss": 0.5})\n')


def test_a_progress_bar_that_needs_no_model():
    check.noop(made("tf.keras.callbacks.ProgbarLogger()") + LOOP)


def test_hooks_that_are_defined_and_not_called():
    check.noop(own("def on_epoch_end(self, epoch, logs=None):", "    self.model.save('m.keras')"))


def test_a_module_of_the_same_name():
    check.noop(COMPILED.replace("import tensorflow as tf", "import mine as tf") + LOOP)


def test_hooks_in_text_and_comments():
    check.noop('import tensorflow as tf\n\n# board.on_epoch_end(0, {"loss": 1})\nprint("on_train_begin")\n')


# Refused. ------------------------------------------------------------------------------------------


def test_no_model():
    program = COMPILED.replace("model = ", "models = [").replace("Dense(1)])", "Dense(1)])]")
    check.refused(program.replace("model.compile", "models[0].compile") + LOOP, NO_MODEL)


@pytest.mark.parametrize(
    "other",
    [
        "critic = tf.keras.Sequential([tf.keras.layers.Dense(1)])\n",
        "base = tf.keras.applications.MobileNetV2()\n",
        "teacher = tf.keras.models.load_model('teacher.keras')\n",
        "from nets import critic\ncritic.load_weights('critic.weights.h5')\n",
    ],
)
def test_two_models(other):
    check.refused(COMPILED + other + LOOP, SEVERAL_MODELS)


@pytest.mark.parametrize("asked", ["stopper.model.stop_training", "model.stop_training"])
def test_a_loop_that_asks_whether_to_stop(asked):
    made = "stopper = tf.keras.callbacks.EarlyStopping('loss')\n"
    asks = "    stopper.on_epoch_end(epoch, {'loss': 0.5})\n    if ASKED:\n        break\n".replace("ASKED", asked)
    assert "\nstopper.set_model(model)\n" in check.transformed(COMPILED + made + LOOP + asks)
    told = check.transformed(COMPILED.replace("model.compile", "print") + made + "for epoch in range(3):\n" + asks)
    assert "\nmodel.stop_training = False\nstopper.set_model(model)\nstopper.on_train_begin()\nfor" in told
    check.noop(told)


@pytest.mark.parametrize("other", ["discriminator", "teacher_model", "net2"])
def test_what_may_be_a_second_model(other):
    check.refused(COMPILED + f"{other} = make()\n" + LOOP, SEVERAL_MODELS)


def test_a_model_without_a_name_that_is_trained_beside():
    check.refused(COMPILED + LOOP + "    gan.combined.train_on_batch(x, y)\n", SEVERAL_MODELS)


def test_a_model_that_is_made_behind_the_loop():
    head, _, end = COMPILED.partition("model =")
    model, _, board = end.partition("board =")
    check.refused(f"{head}board ={board}{LOOP}model ={model}", MODEL_LATER)


def test_a_model_that_is_set_in_the_loop_only():
    check.refused(
        made('tf.keras.callbacks.BackupAndRestore("backup")')
        + 'for epoch in range(3):\n    board.set_model(model)\n    board.on_epoch_end(epoch, {"loss": 0.5})\n',
        SEVERAL_NAMES,
    )


def test_a_model_that_is_made_in_the_loop():
    check.refused(
        "import tensorflow as tf\n\n"
        + 'board = tf.keras.callbacks.TensorBoard("logs")\n'
        + "for epoch in range(3):\n    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])\n"
        + "    model.compile('sgd')\n"
        + '    board.on_epoch_end(epoch, {"loss": 0.5})\n',
        MODEL_LATER,
    )


def test_a_model_that_is_made_under_a_condition():
    check.refused(COMPILED.replace("model = ", "if len(x):\n    model = ") + LOOP, MODEL_LATER)


def test_no_optimizer_that_is_seen_to_train_the_model():
    check.refused(UNCOMPILED + LOOP, NO_OPTIMIZER)


def test_two_optimizers():
    check.refused(UNCOMPILED + "other = tf.keras.optimizers.Adam()\n" + STEP + TRAINED, NO_OPTIMIZER)


def test_an_optimizer_that_trains_something_else():
    check.refused(UNCOMPILED + STEP.replace("model.trainable", "[scale] + layer.trainable") + TRAINED, NO_OPTIMIZER)


def test_a_model_from_a_file_may_have_its_optimizer():
    loaded = 'tf.keras.models.load_model("m.keras")'
    program = COMPILED.replace("tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])", loaded)
    program = program.replace('model.compile(optimizer="sgd", loss="mse")\n', "")
    check.refused(program + LOOP, NO_OPTIMIZER)
    check.noop(program + "board.set_model(model)\n" + LOOP)


def test_a_callback_that_is_made_in_one_branch_of_an_expression():
    program = made('tf.keras.callbacks.TensorBoard("logs") if len(x) else None')
    check.refused(program + 'if board:\n    board.on_epoch_end(0, {"loss": 0.5})\n', MAY_BE_MISSING)


def test_callbacks_that_are_added_behind_the_first_loop():
    program = COMPILED + "callbacks = [board]\n" + LOOP.replace("board.", "for one in callbacks:\n        one.")
    stop = 'callbacks.append(tf.keras.callbacks.EarlyStopping("loss"))\n'
    check.refused(program + stop + LOOP.replace("board.", "for one in callbacks:\n        one."), MAY_BE_MISSING)


def test_a_callback_without_a_name():
    check.refused(COMPILED + 'callbacks = [board]\ncallbacks[0].on_epoch_end(0, {"loss": 0.5})\n', UNNAMED)


def test_some_that_have_their_model_and_others_without_a_name():
    check.refused(
        COMPILED
        + 'board.set_model(model)\ncallbacks = [board, tf.keras.callbacks.EarlyStopping("loss")]\n'
        + 'for callback in callbacks:\n    callback.on_epoch_end(0, {"loss": 0.5})\n',
        SEVERAL_NAMES,
    )


def test_a_function_that_nothing_in_sight_calls():
    check.refused(COMPILED + '\n\ndef end(epoch):\n    board.on_epoch_end(epoch, {"loss": 0.5})\n', OUT_OF_SIGHT)


def test_a_function_that_calls_itself():
    end = 'def end(epoch):\n    board.on_epoch_end(epoch, {"loss": 0.5})\n    if epoch < 3:\n        end(epoch + 1)\n'
    check.refused(COMPILED + f"\n\n{end}\n\nend(0)\n", OUT_OF_SIGHT)


def test_a_lambda():
    check.refused(COMPILED + 'end = lambda epoch: board.on_epoch_end(epoch, {"loss": 0.5})\n', OUT_OF_SIGHT)


def test_a_callback_that_code_out_of_sight_is_given():
    check.refused(COMPILED + "import helpers\n\nhelpers.prepare(board)\n" + LOOP, PASSED_ON)


def test_callbacks_that_cannot_be_seen():
    check.refused(
        COMPILED
        + "callbacks = tf.keras.callbacks.CallbackList(make(), add_history=True)\n"
        + 'callbacks.on_epoch_end(0, {"loss": 0.5})\n',
        UNKNOWN_CALLBACK,
    )


def test_a_callback_that_reads_what_only_fit_sets():
    check.refused(
        own(
            "def on_train_begin(self, logs=None):",
            "    self.bar = make(self.params['epochs'])",
            "def on_epoch_end(self, epoch, logs=None):",
            "    self.bar.add(self.model.stop_training)",
        )
        + LOOP,
        NEEDS_PARAMS,
    )


@pytest.mark.parametrize(
    "loop",
    [
        "board.on_epoch_end(0, {'loss': 0.5})\n",
        "for epoch in range(3):\n    epoch += 1\n    board.on_epoch_end(epoch, {'loss': 0.5})\n",
        "for epoch in range(3):\n    for batch in range(2):\n        board.on_epoch_end(-epoch, {'loss': 0.5})\n",
    ],
)
def test_epochs_that_are_not_counted_by_a_loop(loop):
    check.refused(made('tf.keras.callbacks.TensorBoard("logs", write_steps_per_second=True)') + loop, NO_EPOCH)


def test_a_callback_that_drives_another():
    check.refused(
        own(
            "def __init__(self):",
            "    self.inner = tf.keras.callbacks.TensorBoard('logs')",
            "def on_epoch_end(self, epoch, logs=None):",
            "    self.inner.on_epoch_end(epoch, logs)",
        ),
        INSIDE_CALLBACK,
    )


# Together with the logs. -----------------------------------------------------------------------------

MEAN, EACH = "tf.reduce_mean(tf.square(y - model(x, training=True)))", "tf.square(y - model(x, training=True))[:, 0]"
VECTOR = UNCOMPILED + STEP.replace(MEAN, EACH) + TRAINED


def both(*names: str) -> str:
    text = VECTOR
    for name in names:
        text = rewrite(text, "program.py", Settings(tuple(name.split()))).text
    return text


def test_any_order_with_reduce_callback_logs_gives_the_same():
    text = both("set-callback-model reduce-callback-logs")
    assert (
        text == both("set-callback-model", "reduce-callback-logs") == both("reduce-callback-logs", "set-callback-model")
    )
    assert "set_model" in text
    assert "tf.reduce_mean(step(x, y))" in text


# Where it is to be proved as well. -------------------------------------------------------------------

SHAPES = {
    "trainer": """\
import tensorflow as tf


class Trainer:
    def __init__(self, model, board):
        self.model = model
        self.optimizer = tf.keras.optimizers.SGD(0.1)
        self.board = board

    @tf.function
    def step(self, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.model(x, training=True))
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    def train(self, x, epochs):
        for epoch in range(epochs):
            self.step(x)
            self._end(epoch)

    def _end(self, epoch):
        self.board.on_epoch_end(epoch, {"loss": epoch + 0.5})


net = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
Trainer(net, tf.keras.callbacks.TensorBoard("logs")).train(tf.ones([4, 2]), 3)
""",
    "main": """\
import keras
import tensorflow as tf


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)


def step(net, adam, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(x))
    adam.minimize(loss, net.trainable_variables, tape) if keras.__version__ < "3" else adam.apply(
        tape.gradient(loss, net.trainable_variables), net.trainable_variables
    )


def train(epochs):
    for epoch in range(epochs):
        step(model, optimizer, tf.ones([4, 2]))
        for callback in callbacks:
            callback.on_epoch_end(epoch, logs={"loss": epoch + 0.5})


if __name__ == "__main__":
    model, optimizer = Net(), keras.optimizers.Adam()
    callbacks = [keras.callbacks.TensorBoard("logs"), keras.callbacks.ReduceLROnPlateau("loss")]
    train(3)
""",
    "from-a-caller": """\
import tensorflow as tf


def build():
    inputs = tf.keras.Input((2,))
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(1)(inputs))
    model.compile(optimizer="sgd", loss="mse")
    return model


def end(callbacks, epoch):
    callbacks.on_epoch_end(epoch, {"loss": epoch + 0.5})


def main():
    model = build()
    callbacks = tf.keras.callbacks.CallbackList([tf.keras.callbacks.TensorBoard("logs")], add_history=True)
    for epoch in range(3):
        end(callbacks, epoch)
    print(model.history.history)


main()
""",
    "phases": """\
import tensorflow as tf


def train(model, callback, epochs):
    for epoch in epochs:
        callback.on_epoch_end(epoch, {"loss": epoch + 0.5})
    callback.on_train_end()


network = tf.keras.Sequential([tf.keras.layers.Dense(1)])
network.compile("sgd", "mse")
board = tf.keras.callbacks.TensorBoard("logs")
train(network, board, [0])
train(network, board, [1, 2])
""",
}


# Under TensorFlow. -----------------------------------------------------------------------------------


@pytest.mark.tensorflow
def test_tensorboard_records_the_epochs(runner: Runner) -> None:
    before, after = runner.run_source(COMPILED + LOOP), runner.run_source(check.transformed(COMPILED + LOOP))
    assert "'NoneType' object has no attribute 'optimizer'" in before.stderr
    assert after.exit == 0, after.stderr
    assert [float(value) for value in after.values("epoch_loss")] == [0.5, 1.5, 2.5]


@pytest.mark.tensorflow
def test_a_custom_loop_that_is_not_compiled(runner: Runner) -> None:
    program = UNCOMPILED + STEP + TRAINED + "model.save('m.keras')\ntf.keras.models.load_model('m.keras')\n"
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert before.exit != 0
    assert after.exit == 0, after.stderr
    losses = [float(value) for value in after.values("epoch_loss")]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)


@pytest.mark.tensorflow
def test_a_custom_loop_whose_loss_is_a_vector(runner: Runner) -> None:
    after = runner.run_source(both("set-callback-model reduce-callback-logs"))
    assert runner.run_source(VECTOR).exit != 0
    assert after.exit == 0, after.stderr
    assert len(after.values("epoch_loss")) == 3


@pytest.mark.tensorflow
def test_callbacks_of_every_kind(runner: Runner) -> None:
    program = (
        UNCOMPILED
        + """\
import os

callbacks = [
    board,
    tf.keras.callbacks.EarlyStopping("loss", restore_best_weights=True),
    tf.keras.callbacks.ReduceLROnPlateau("loss", patience=1),
    tf.keras.callbacks.ModelCheckpoint("{epoch}.keras"),
    tf.keras.callbacks.CSVLogger("log.csv"),
    tf.keras.callbacks.BackupAndRestore("backup"),
    tf.keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
    tf.keras.callbacks.History(),
    tf.keras.callbacks.TerminateOnNaN(),
    tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print("epoch", epoch)),
]
"""
        + STEP
        + """\
for epoch in range(2):
    loss = float(step(x, y))
    for callback in callbacks:
        callback.on_train_batch_end(0, {"loss": loss})
    for callback in callbacks:
        callback.on_epoch_end(epoch, {"loss": 0.5})
for callback in callbacks:
    callback.on_train_end()
print(model.stop_training, sorted(name for name in os.listdir() if name.endswith(".keras")))
print(model.history.history, len(open("log.csv").readlines()))
"""
    )
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert before.exit != 0
    assert after.exit == 0, after.stderr
    assert "epoch 0\nepoch 1\nTrue ['1.keras', '2.keras']\n{'loss': [0.5, 0.5]" in after.stdout
    assert [float(value) for value in after.values("epoch_loss")] == [0.5, 0.5]


@pytest.mark.tensorflow
def test_csv_logger_opens_its_file(runner: Runner) -> None:
    program = made('tf.keras.callbacks.CSVLogger("log.csv")') + LOOP + 'print(open("log.csv").read())\n'
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert before.exit != 0
    rows = list(csv.DictReader(io.StringIO(after.stdout.strip())))
    assert [row["loss"] for row in rows] == ["0.5", "1.5", "2.5"]


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "program",
    [
        made('tf.keras.callbacks.TensorBoard("logs", write_steps_per_second=True)') + LOOP,
        made('tf.keras.callbacks.TensorBoard("logs", update_freq="batch")') + LOOP + "board.on_train_end()\n",
        COMPILED + "board.on_train_begin()\n" + LOOP + "board.on_train_end()\n",
        COMPILED
        + 'callbacks = tf.keras.callbacks.CallbackList([board, tf.keras.callbacks.EarlyStopping("loss")])\n'
        + LOOP.replace("board", "callbacks")
        + "callbacks.on_train_end()\n",
        COMPILED
        + "def train(callback):\n    "
        + LOOP.replace("board", "callback").replace("\n", "\n    ").rstrip()
        + "\n\n\ntrain(board)\n",
        COMPILED.replace("board = ", "board = None\nif len(x):\n    board = ")
        + LOOP.replace("    board", "    if board:\n        board"),
    ],
    ids=["steps-per-second", "batches", "begun", "list", "function", "condition"],
)
def test_programs_that_raised_record_their_epochs(runner: Runner, program: str) -> None:
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert "AttributeError" in before.stderr
    assert after.exit == 0, after.stderr
    assert [float(value) for value in after.values("epoch_loss")] == [0.5, 1.5, 2.5]


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", SHAPES)
def test_programs_of_every_shape_record_their_epochs(runner: Runner, name: str) -> None:
    before, after = runner.run_source(SHAPES[name]), runner.run_source(check.transformed(SHAPES[name]))
    assert "AttributeError" in before.stderr
    assert after.exit == 0, after.stderr
    assert sorted(float(value) for value in after.values("epoch_loss")) == [0.5, 1.5, 2.5]


@pytest.mark.tensorflow
def test_checkpoints_by_batches_know_their_epoch(runner: Runner) -> None:
    program = (
        made('tf.keras.callbacks.ModelCheckpoint("{epoch}.keras", save_freq=2)')
        + """\
import os

for epoch in range(2):
    for batch in range(4):
        board.on_train_batch_end(batch, {"loss": 0.5})
    board.on_epoch_end(epoch, {"loss": 0.5})
print(sorted(name for name in os.listdir() if name.endswith(".keras")))
"""
    )
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert "_current_epoch" in before.stderr
    assert after.stdout == "['1.keras', '2.keras']\n", after.stderr


@pytest.mark.tensorflow
def test_a_model_that_is_set_but_not_compiled(runner: Runner) -> None:
    program = UNCOMPILED + STEP + "board.set_model(model)\n" + TRAINED
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert after.exit == 0, after.stderr
    assert len(after.values("epoch_loss")) == 3
    if before.exit == 0:  # Keras 2
        assert before.values("epoch_loss") == after.values("epoch_loss")
        assert {event.tag for event in before.events} == {event.tag for event in after.events}


@pytest.mark.tensorflow
def test_the_attribute_model(runner: Runner) -> None:
    program = COMPILED + "board.model = model\n" + LOOP
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert before.exit != 0
    assert [float(value) for value in after.values("epoch_loss")] == [0.5, 1.5, 2.5]


def test_a_module_that_only_speaks_of_the_same_words_sets_no_model() -> None:
    program = """\
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
board = tf.keras.callbacks.TensorBoard("logs")
for epoch in range(3):
    board.on_epoch_end(epoch, {"loss": 1.0})
"""
    other = "def start(board, model):  # not of program.py\n    board.set_model(model)\n"
    assert "board.set_model(model)\n" in check.transformed({"program.py": program, "other.py": other})
    check.noop({"program.py": program, "other.py": "from program import board\n\n\n" + other})
