"""The codemod `pass-callbacks-to-fit`."""

import json
from pathlib import Path

import pytest

from codemods.analysis.project import Project
from codemods.engine.codemod import Severity
from codemods.engine.notebook import Notebook
from codemods.engine.result import Settings
from codemods.engine.rewrite import rewrite
from codemods.pass_callbacks_to_fit import (
    MAY_BE_MISSING,
    OUT_OF_REACH,
    REPEATED,
    SAME_KIND,
    SEVERAL_FITS,
    UNKNOWN_CALLBACKS,
    UNKNOWN_MODEL,
    UNPACKED,
    WOULD_RAISE,
)
from codemods.verify.run import Runner
from tests.tools import Check

check = Check("pass_callbacks_to_fit")

HEAD = """\
import tensorflow as tf
from tensorflow.keras.callbacks import BackupAndRestore, CSVLogger, EarlyStopping, LearningRateScheduler
from tensorflow.keras.callbacks import ModelCheckpoint, TensorBoard

"""
MODEL = """\
tf.keras.utils.set_random_seed(1)
x, y = tf.ones([4, 2]), tf.ones([4, 1])
model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
"""
BOARD = 'board = TensorBoard("logs")\n'
EARLY = 'early = EarlyStopping("loss")\n'
FIT = "model.fit(x, y, epochs=3, verbose=0)\n"
COMPILED = HEAD + MODEL
PLAIN = COMPILED + BOARD + FIT


# What is passed. -------------------------------------------------------------------------------------


def test_a_callback_that_is_made_and_forgotten(snapshot):
    check.transformed(PLAIN, snapshot, severity=Severity.ERROR)


def test_a_callback_that_steers_the_training_loses_nothing_today():
    check.transformed(COMPILED + EARLY + FIT, severity=Severity.WARNING)


def test_several_callbacks_in_the_order_they_are_made(snapshot):
    check.transformed(
        COMPILED + 'saved, early = ModelCheckpoint("m.keras"), EarlyStopping("loss")\n' + BOARD + FIT, snapshot
    )


def test_none_and_an_empty_list_give_way(snapshot):
    check.transformed(
        COMPILED
        + f"def one():\n    {BOARD}    return model.fit(x, y, callbacks=None)\n\n\n"
        + f"def two():\n    {BOARD}    return model.fit(x, y, callbacks=[])\n",
        snapshot,
    )


def test_a_list_over_several_lines_keeps_its_form_and_its_comments(snapshot):
    check.transformed(
        COMPILED
        + BOARD
        + EARLY
        + """\
history = model.fit(
    x,
    y,
    callbacks=[
        early,  # stop in time
        CSVLogger("log.csv")
        # the last
    ],
)
""",
        snapshot,
    )


def test_tabs_and_comments_behind_the_arguments(snapshot):
    check.transformed(
        "import tensorflow.keras as keras\n\n\n"
        "def train(x):\n"
        "\tmodel = keras.Sequential([keras.layers.Dense(1)])\n"
        "\tboard = keras.callbacks.TensorBoard(\n\t\t'logs',  # the folder\n\t)\n"
        "\tmodel.fit(\n\t\tx,  # the data\n\t\tepochs=3  # enough\n\t)\n",
        snapshot,
    )


def test_a_list_that_a_name_holds(snapshot):
    check.transformed(
        COMPILED + BOARD + f"callbacks = [{EARLY[8:-1]}]\n" + FIT.replace("e=0", "e=0, callbacks=callbacks"), snapshot
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("callbacks=callbacks", "callbacks=[*callbacks, board]"),
        ("callbacks=callbacks + [CSVLogger('log.csv')]", "callbacks=callbacks + [CSVLogger('log.csv'), board]"),
        ("callbacks=CSVLogger('log.csv')", "callbacks=[CSVLogger('log.csv'), board]"),
        ("callbacks=make()", "callbacks=[*make(), board]"),
        ("None, 3, 0, callbacks", "None, 3, 0, [*callbacks, board]"),
        ("**options", "**options, callbacks=[board]"),
    ],
)
def test_callbacks_in_every_form(given, expected):
    program = (
        COMPILED
        + "def make():\n    return [CSVLogger('log.csv')]\n\n\n"
        + "options = dict(epochs=3)\ncallbacks = [EarlyStopping('loss')]\n"
    )
    result = check.transformed(f"{program}{BOARD}model.fit(x, y, {given})\nprint(callbacks)\n")
    assert f"model.fit(x, y, {expected})\n" in result


def test_data_that_is_unpacked_from_a_tuple_in_sight():
    result = check.transformed(COMPILED + BOARD + "data = (x, y)\nmodel.fit(*data, epochs=3)\n")
    assert "model.fit(*data, epochs=3, callbacks=[board])" in result


def test_a_list_that_is_filled_and_forgotten(snapshot):
    check.transformed(
        COMPILED
        + f"callbacks = []\nif len(x) > 3:\n    callbacks.append({BOARD[8:-1]})\n{EARLY}callbacks.append(early)\n"
        + FIT,
        snapshot,
    )


def test_callbacks_that_a_function_of_another_module_makes():
    program = HEAD + "from made import make\n\n" + MODEL + "callbacks = make()\n" + FIT
    made = (
        HEAD
        + "\ndef make():\n    found = [TensorBoard('logs')]\n"
        + "    found.append(EarlyStopping('loss'))\n    return found\n"
    )
    assert "verbose=0, callbacks=callbacks)" in check.transformed({"program.py": program, "made.py": made})


def test_attributes_of_a_trainer(snapshot):
    check.transformed(
        HEAD
        + """\

class Trainer:
    def __init__(self, folder):
        self.model = tf.keras.applications.MobileNetV2(weights=None)
        self.model.compile("adam", "sparse_categorical_crossentropy")
        self.early = EarlyStopping("loss")
        self.board = TensorBoard(folder)

    def train(self, data):
        return self.model.fit(data, epochs=3, callbacks=[self.early])


if __name__ == "__main__":
    Trainer("logs").train(load())
""",
        snapshot,
    )


def test_a_function_that_is_given_the_model_by_another_module():
    train = HEAD + "\ndef train(model, data):\n    " + BOARD + "    return model.fit(data, epochs=3)\n"
    build = (
        "import keras\n\n\ndef build():\n    net = keras.Input((2,))\n"
        "    return keras.Model(net, keras.layers.Dense(1)(net))\n"
    )
    main = "from build import build\nfrom train import train\n\ntrain(build(), data)\n"
    result = check.transformed({"train.py": train, "build.py": build, "main.py": main})
    assert "model.fit(data, epochs=3, callbacks=[board])" in result


def test_a_callback_of_the_module_for_a_function_that_is_called_once(snapshot):
    check.transformed(
        COMPILED + BOARD + "\n\ndef main():\n    " + FIT + '\n\nif __name__ == "__main__":\n    main()\n', snapshot
    )


def test_a_callback_of_either_branch(snapshot):
    check.transformed(
        COMPILED
        + f"if len(x) > 3:\n    {BOARD}else:\n    {BOARD.replace('logs', 'few')}"
        + f"try:\n    {FIT}finally:\n    model.save('m.keras')\n",
        snapshot,
    )


def test_a_model_and_its_callback_for_each_fold(snapshot):
    loop = "".join(f"    {line}\n" for line in (MODEL + 'board = TensorBoard(f"logs/{fold}")\n' + FIT).splitlines())
    check.transformed(HEAD + "for fold in range(5):\n" + loop, snapshot)


def test_a_callback_of_the_projects_own_beside_an_estimator():
    program = (
        "import keras\nfrom mine import Progress\nfrom sklearn.preprocessing import StandardScaler\n\n"
        "scaler = StandardScaler()\nx = scaler.fit(data).transform(data)\n"
        "model = keras.Sequential([keras.layers.Dense(1)])\nprogress = Progress(every=3)\nmodel.fit(x, epochs=3)\n"
    )
    mine = (
        "import keras\n\n\nclass Progress(keras.callbacks.Callback):\n"
        "    def __init__(self, every):\n        super().__init__()\n        self.every = every\n"
    )
    result = check.transformed({"program.py": program, "mine.py": mine}, severity=Severity.WARNING)
    assert "model.fit(x, epochs=3, callbacks=[progress])" in result


def test_several_files_that_a_model_is_saved_to():
    best = 'best = ModelCheckpoint("best.keras", "loss", save_best_only=True)\n'
    result = check.transformed(COMPILED + best + 'last = ModelCheckpoint("last.keras")\n' + FIT)
    assert "callbacks=[best, last]" in result


def test_a_metric_that_the_model_has_may_be_monitored():
    program = COMPILED.replace('"mse")', '"mse", metrics=[tf.keras.metrics.RootMeanSquaredError()])')
    check.transformed(program + 'early = EarlyStopping("root_mean_squared_error")\n' + FIT)


def test_a_notebook_with_its_callback_in_a_cell_of_its_own():
    cells = [COMPILED, "%load_ext tensorboard\n" + BOARD, "# Train.\n" + FIT]
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
    settings = Settings((check.codemod.name,))
    result = rewrite(parsed.text, "a.ipynb", settings, Project.of({"a.ipynb": parsed.text}))
    sources = ["".join(cell["source"]) for cell in json.loads(parsed.render(result.text))["cells"]]
    assert sources == [*cells[:2], "# Train.\nmodel.fit(x, y, epochs=3, verbose=0, callbacks=[board])\n"]


# Left alone. -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        "board.set_model(model)\nboard.on_epoch_end(0, {'loss': 1.0})\n",
        "callbacks = tf.keras.callbacks.CallbackList([board], model=model)\n",
        "train(board)\n",
        "print(board)\n",
        "del board\n",
        "model.evaluate(x, y, callbacks=[board])\n",
        "class Trainer:\n    callback = board\n",
        "every = {'board': board}\n",
        "def later():\n    return board\n",
        "every = [value for value in globals().values() if isinstance(value, TensorBoard)]\n",
    ],
)
def test_a_callback_that_anything_uses(use):
    check.noop(COMPILED + BOARD + use + FIT)


@pytest.mark.parametrize("given", ["[board]", "board", "[EarlyStopping('loss'), board]", "callbacks"])
def test_a_callback_that_fit_is_given(given):
    check.noop(COMPILED + BOARD + f"callbacks = [board]\nmodel.fit(x, y, callbacks={given})\n")


def test_a_callback_that_another_module_imports():
    check.noop(
        {"program.py": PLAIN, "other.py": "from program import board, model\n\nmodel.fit(data, callbacks=[board])\n"}
    )


def test_an_attribute_that_is_read_elsewhere():
    trainer = (
        HEAD + "\nclass Trainer:\n    def __init__(self):\n        self.board = TensorBoard('logs')\n\n"
        "    def train(self, data):\n        model = tf.keras.Sequential([tf.keras.layers.Dense(1)])\n"
        "        model.fit(data)\n"
    )
    check.noop({"program.py": trainer, "other.py": "def folder(trainer):\n    return trainer.board.log_dir\n"})
    check.noop(trainer + "\n\ndef folder(trainer):\n    return getattr(trainer, 'board').log_dir\n")
    check.noop(
        trainer.replace("Trainer:", "Trainer(Base):").replace("\nclass", "from elsewhere import Base\n\n\nclass")
    )


def test_a_callback_that_puts_itself_where_fit_finds_it():
    check.noop(
        COMPILED
        + "every = []\n\n\nclass Mine(tf.keras.callbacks.Callback):\n"
        + "    def __init__(self):\n        super().__init__()\n        every.append(self)\n\n\n"
        + "mine = Mine()\nmodel.fit(x, y, callbacks=every)\n"
    )


def test_a_function_that_keeps_the_callback_it_makes():
    check.noop(
        COMPILED
        + f"every = []\n\n\ndef make():\n    {BOARD}    every.append(board)\n    return board\n\n\nmade = make()\n"
        "model.fit(x, y, callbacks=every)\n"
    )


def test_a_list_whose_callbacks_are_given_one_by_one():
    check.noop(COMPILED + BOARD + EARLY + "callbacks = [board, early]\nmodel.fit(x, y, callbacks=[early, board])\n")


@pytest.mark.parametrize(
    "estimator",
    [
        "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression()\n",
        "class Estimator:\n    def fit(self, x, y, epochs, verbose):\n        pass\n\n\nmodel = Estimator()\n",
        "model = tf.keras.preprocessing.text.Tokenizer()\n",
        "import autokeras as ak\nmodel = ak.ImageClassifier(max_trials=3)\n",
    ],
)
def test_fit_of_what_is_no_keras_model(estimator):
    check.noop(HEAD + estimator + BOARD + FIT)


def test_a_program_that_calls_no_fit():
    check.noop(COMPILED + BOARD + "model.train_on_batch(x, y)\n")
    check.noop(COMPILED + BOARD + 'print("model.fit(x, y)")  # model.fit(x, y)\n')


def test_a_callback_of_another_library():
    check.noop(PLAIN.replace("tensorflow.keras.callbacks import M", "mine.callbacks import M"))
    check.noop("from pytorch_lightning.callbacks import EarlyStopping\n" + MODEL + EARLY + FIT)


def test_what_is_no_callback():
    check.noop(COMPILED + "history = tf.keras.callbacks.CallbackList([])\nfirst, *rest = [1, 2]\n" + FIT)
    check.noop(COMPILED + "names = ['board']\nnames.append('early')\nsteps = [1, 2]\n" + FIT)


def test_a_second_name_for_a_callback_that_is_used():
    check.noop(COMPILED + "board = callback = TensorBoard('logs')\nmodel.fit(x, y, callbacks=[board])\n")


def test_a_class_attribute_and_a_global_that_a_function_sets():
    check.noop(COMPILED + f"class Settings:\n    {BOARD}\n\n" + FIT)
    check.noop(COMPILED + f"def setup():\n    global board\n    {BOARD}\n\nsetup()\n" + FIT)


# Refused. ----------------------------------------------------------------------------------------------


def test_several_fits():
    check.refused(PLAIN + FIT, SEVERAL_FITS)
    check.refused(COMPILED + BOARD + f"if len(x):\n    {FIT}else:\n    {FIT}", SEVERAL_FITS)
    check.refused(PLAIN + "other = load()\nother.fit(x, y, epochs=3)\n", SEVERAL_FITS)


@pytest.mark.parametrize(
    "fit",
    [
        f"for epoch in range(3):\n    {FIT}",
        f"while len(x):\n    {FIT}",
        "histories = [model.fit(x, y) for _ in range(3)]\n",
        "train = lambda: model.fit(x, y)\n",
        f"def train():\n    {FIT}\n\ntrain()\ntrain()\n",
        f"def train():\n    {FIT}\n\nfor fold in range(3):\n    train()\n",
        f"def train():\n    {FIT}\n\nprint(train)\n",
    ],
)
def test_a_fit_that_may_be_run_several_times(fit):
    check.refused(COMPILED + BOARD + fit, REPEATED)


def test_a_function_that_another_module_may_call_often():
    program = COMPILED + BOARD + f"\n\ndef train():\n    {FIT}"
    check.refused(
        {"program.py": program, "main.py": "import program\n\nfor fold in range(3):\n    program.train()\n"}, REPEATED
    )


@pytest.mark.parametrize(
    "made",
    [
        f"if len(x):\n    {BOARD}",
        f"for folder in ['logs']:\n    {BOARD}",
        f"try:\n    {BOARD}except ImportError:\n    print('no board')\n",
        f"board = None\nif len(x):\n    {BOARD}",
        "board = TensorBoard('logs') if len(x) else None\n",
    ],
)
def test_a_callback_that_may_not_have_been_made(made):
    check.refused(COMPILED + made + FIT, MAY_BE_MISSING)


def test_a_callback_that_is_made_behind_fit():
    check.refused(COMPILED + FIT + BOARD, MAY_BE_MISSING)
    check.refused(COMPILED + f"callbacks = []\n{FIT}callbacks.append(TensorBoard('logs'))\n", MAY_BE_MISSING)
    check.refused(COMPILED + f"def train():\n    {FIT}\n\ntrain()\n{BOARD}", MAY_BE_MISSING)


def test_a_callback_that_is_forgotten_where_it_is_made():
    check.refused(
        COMPILED
        + f"def callbacks():\n    {BOARD}    {EARLY}    return [early]\n\n\nmodel.fit(x, y, callbacks=callbacks())\n",
        OUT_OF_REACH,
    )


def test_a_model_that_can_not_be_told():
    check.refused(
        COMPILED + "from elsewhere import Net\n\nif len(x):\n    model = Net()\n" + BOARD + FIT, UNKNOWN_MODEL
    )
    check.refused(HEAD + f"\ndef train(model, x, y):\n    {BOARD}    {FIT}", UNKNOWN_MODEL)
    check.refused(
        COMPILED.replace(
            "model = ",
            "class Net(tf.keras.Model):\n    def fit(self, *data):\n        pass\n\n\nmodel = Net()\nother = ",
        )
        + BOARD
        + FIT,
        UNKNOWN_MODEL,
    )


@pytest.mark.parametrize("given", ["**options", "*data", "**{'callbacks': [CSVLogger('log.csv')]}"])
def test_callbacks_that_may_be_unpacked(given):
    check.refused(COMPILED + BOARD + f"model.fit({given})\n", UNPACKED)


@pytest.mark.parametrize(
    ("made", "given"),
    [
        (BOARD, "callbacks"),
        (BOARD, "[early] if len(x) else None"),
        (BOARD, "tf.keras.callbacks.CallbackList([])"),
        ("every = [TensorBoard('logs'), Elsewhere()]\n", "None"),
    ],
)
def test_callbacks_that_can_not_be_told(made, given):
    head = COMPILED + "from elsewhere import Elsewhere\n\n\n"
    check.refused(
        head + f"def train(callbacks=None):\n    {made}    model.fit(x, y, callbacks={given})\n", UNKNOWN_CALLBACKS
    )


def test_a_callback_that_may_replace_another():
    check.refused(PLAIN.replace("e=0", "e=0, callbacks=[TensorBoard('logs')]"), SAME_KIND)
    check.refused(COMPILED + BOARD + BOARD.replace("board =", "other =") + FIT, SAME_KIND)
    check.refused(COMPILED + "callbacks = [TensorBoard('logs')]\n" + EARLY + FIT, SAME_KIND)
    check.refused(
        COMPILED + "callbacks = [TensorBoard('logs')]\nmodel.fit(x, y, callbacks=[EarlyStopping('loss')])\n", SAME_KIND
    )


def test_a_callback_that_would_end_the_training():
    check.refused(COMPILED + 'saved = ModelCheckpoint("{epoch}-{val_loss:.2f}.keras")\n' + FIT, WOULD_RAISE)
    check.refused(COMPILED + 'early = EarlyStopping("val_accuracy")\n' + FIT, WOULD_RAISE)
    decay = "tf.keras.optimizers.SGD(tf.keras.optimizers.schedules.ExponentialDecay(0.1, 9, 0.9))"
    rate = "rate = LearningRateScheduler(lambda epoch: 0.1)\n"
    check.refused(COMPILED.replace('"sgd"', decay) + rate + FIT, WOULD_RAISE)


@pytest.mark.parametrize(
    "hook",
    [
        "def on_epoch_end(self, epoch):\n        print(epoch)",
        "def on_train_begin(self, logs, model):\n        print(model)",
        "def on_epoch_end(self, epoch, logs=None):\n        print(logs['val_loss'])",
    ],
)
def test_a_callback_of_the_projects_own_that_would_end_the_training(hook):
    own = f"class Own(tf.keras.callbacks.Callback):\n    {hook}\n\n\nown = Own()\n"
    check.refused(COMPILED + own + FIT, WOULD_RAISE)


# Under TensorFlow. ---------------------------------------------------------------------------------------

EVERY = (
    COMPILED
    + """\
import os

callbacks = [TensorBoard("logs"), CSVLogger("log.csv"), BackupAndRestore("backup"), ModelCheckpoint("{epoch}.keras")]
history = model.fit(x, y, epochs=3, verbose=0)
print(history.history["loss"], [weight.tobytes() for weight in model.get_weights()])
print(sorted(name for name in os.listdir() if name.endswith(".keras")))
"""
)
STEERED = (
    COMPILED
    + EARLY
    + """\
rate = LearningRateScheduler(lambda epoch: 0.0)


class Count(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print("epoch", epoch)


count = Count()


def train():
    return model.fit(x, y, epochs=9, verbose=0, callbacks=[count])


print(len(train().history["loss"]))
"""
)


@pytest.mark.tensorflow
def test_what_callbacks_are_to_keep_is_kept_and_the_training_is_the_same(runner: Runner) -> None:
    before, after = runner.run_source(EVERY), runner.run_source(check.transformed(EVERY))
    assert not before.events
    assert before.stdout.endswith("\n[]\n"), before.stderr
    assert after.stdout == before.stdout.replace("\n[]", "\n['1.keras', '2.keras', '3.keras']"), after.stderr
    assert {event.step for event in after.events if event.tag == "epoch_loss"} == {0, 1, 2}
    wrong = runner.run_source(EVERY.replace("verbose=0", "verbose=0, callbacks=callbacks[1:]"))
    assert wrong.events != after.events


@pytest.mark.tensorflow
def test_callbacks_that_steer_the_training_do(runner: Runner) -> None:
    before, after = runner.run_source(STEERED), runner.run_source(check.transformed(STEERED))
    assert before.stdout.endswith("epoch 8\n9\n"), before.stderr
    assert after.stdout == "epoch 0\nepoch 1\n2\n", after.stderr


@pytest.mark.tensorflow
def test_callbacks_that_are_refused_would_have_raised(runner: Runner) -> None:
    saved = COMPILED + 'saved = ModelCheckpoint("{epoch}-{val_loss:.2f}.keras")\n' + FIT
    assert runner.run_source(saved).exit == 0
    assert "val_loss" in (runner.run_source(saved.replace("e=0", "e=0, callbacks=[saved]")).exception or "")
