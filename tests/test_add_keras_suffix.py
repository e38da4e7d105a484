"""Tests of add-keras-suffix."""

from __future__ import annotations

import pytest
from tools import Check

from codemods.add_keras_suffix import (
    LAMBDA,
    NAME_TAKEN,
    NO_CONFIG,
    NO_FOLDER,
    OUT_OF_REACH,
    READ_ELSEWHERE,
    SERVED,
    TWO_KINDS,
    UNBUILT,
    UNKNOWN_ENDING,
    UNPACKED,
    UNSUPPORTED,
)
from codemods.engine.codemod import Severity
from codemods.engine.result import Settings
from codemods.engine.rewrite import rewrite
from codemods.verify.run import Runner

check = Check("add_keras_suffix")

HEAD = "import os\nfrom pathlib import Path\n\nimport tensorflow as tf\n\n"
MODEL = "model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])\n"
CHECKPOINT = "tf.keras.callbacks.ModelCheckpoint"


def program(code: str, model: str = MODEL) -> str:
    return HEAD + model + code


# What is changed. --------------------------------------------------------------------------------


def test_saves_and_loads_in_one_module(snapshot):
    check.transformed(
        program("""\
model.save("final")
tf.keras.models.save_model(model, 'other/')  # by hand
model.save_weights("weights.ckpt")
again = tf.keras.models.load_model("final", compile=False)
other = tf.keras.models.load_model(
    'other',
    compile=False,
)
model.load_weights("weights.ckpt").expect_partial()
"""),
        snapshot,
        severity=Severity.ERROR,
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ('"final"', '"final.keras"'),
        ('"./final/"', '"./final.keras"'),
        ("'final.tf'", "'final.keras'"),
        ('"v1.2"', '"v1.2.keras"'),
        ("r'final'", "r'final.keras'"),
        ('"""final"""', '"""final.keras"""'),
        ('("fi" "nal")', '("fi" "nal.keras")'),
        ('Path("final")', 'Path("final.keras")'),
        ('str(Path("final"))', 'str(Path("final.keras"))'),
        ('"gs://bucket/final"', '"gs://bucket/final.keras"'),
        ('"/tmp/final"', '"/tmp/final.keras"'),
    ],
)
def test_spellings_of_a_path(path: str, expected: str):
    code = f"model.save({path})\nagain = tf.keras.models.load_model({path})\n"
    assert check.transformed(program(code)) == program(code.replace(path, expected))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ('"w"', '"w.weights.h5"'),
        ('"w.h5"', '"w.weights.h5"'),
        ('"w.hdf5"', '"w.weights.h5"'),
        ('"w.weights"', '"w.weights.h5"'),
        ('"w.weights.hdf5"', '"w.weights.h5"'),
        ('"w.ckpt"', '"w.weights.h5"'),
        ('"w.keras"', '"w.weights.h5"'),
    ],
)
def test_spellings_of_a_weights_path(path: str, expected: str):
    code = f"model.save_weights({path})\nmodel.load_weights({path})\n"
    assert check.transformed(program(code)) == program(code.replace(path, expected))


def test_paths_that_end_with_a_number(snapshot):
    check.transformed(
        program("""\
import time

for epoch in range(3):
    model.save(f"model_{epoch}")
    model.save("plus_" + str(epoch))
    model.save("percent_%d" % epoch)
    model.save("format_{}".format(epoch))
    model.save_weights(f'spec_{epoch:02d}')
model.save(f"at_{int(time.time())}")
again = tf.keras.models.load_model(f"model_{2}")
last = tf.keras.models.load_model("plus_2")
"""),
        snapshot,
    )


def test_numbers_that_are_counted_up_or_given():
    code = """\
class Keeper(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.save_weights(f"hook_{epoch}")


def keep(step: int):
    model.save(f"given_{step}")


step = 0
while step < 3:
    step += 1
    model.save(f"counted_{step}")
"""
    after = code.replace("{epoch}", "{epoch}.weights.h5").replace("{step}", "{step}.keras")
    assert check.transformed(program(code)) == program(after)


def test_constants_that_several_calls_share_are_edited_once(snapshot):
    check.transformed(
        program("""\
MODEL_PATH = "final"
WEIGHTS: str = 'final_weights'


def train():
    print("saving to", MODEL_PATH)
    model.save(MODEL_PATH, overwrite=True)
    model.save_weights(WEIGHTS)


def predict():
    again = tf.keras.models.load_model(MODEL_PATH)
    again.load_weights(WEIGHTS)
    return again
"""),
        snapshot,
    )


def test_attributes_of_a_class(snapshot):
    check.transformed(
        HEAD
        + """\
class Trainer:
    def __init__(self, units):
        self.path = "best"
        self.model = self.build(units)

    def build(self, units):
        inputs = tf.keras.Input((4,))
        return tf.keras.Model(inputs, tf.keras.layers.Dense(units)(inputs))

    def save(self):
        self.model.save(self.path)

    def restore(self):
        self.model = tf.keras.models.load_model(self.path)
""",
        snapshot,
    )


def test_checkpoints(snapshot):
    check.transformed(
        program(f"""\
callbacks = [
    {CHECKPOINT}("best", monitor="loss", save_best_only=True),
    {CHECKPOINT}(filepath="ckpt/epoch_{{epoch:02d}}-{{loss:.2f}}", period=1),
    {CHECKPOINT}(os.path.join("ckpt", "w_{{epoch}}.h5"), save_weights_only=True),
    {CHECKPOINT}("old.hdf5"),
    {CHECKPOINT}("positional", "loss", 0, False, True),
]
model.compile("sgd", "mean_squared_error")
model.fit(tf.ones((4, 4)), tf.ones((4, 1)), epochs=2, callbacks=callbacks)
model.load_weights("ckpt/w_2.h5")
best = tf.keras.models.load_model("best")
"""),
        snapshot,
    )


def test_folders_that_keras_2_made_are_made(snapshot):
    check.transformed(
        """\
import sys

import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])


def save(folder):
\timport os
\t# the model
\tmodel.save('saved/final')
\tmodel.save_weights(os.path.join(folder, "run", 'w'))
\tmodel.save(f"{folder}/epochs/last")


def restore():
\treturn tf.keras.models.load_model('saved/final')
""",
        snapshot,
    )


def test_folder_is_made_once_where_the_program_makes_it():
    code = """\
os.makedirs("saved", exist_ok=True)
model.save("saved/a")
out = Path("out")
out.mkdir()
model.save(out / "b")
PATH = "deep/er/c"
os.makedirs(os.path.dirname(PATH), exist_ok=True)
model.save(PATH)
model.save(os.path.join(os.path.dirname(__file__), "d"))
"""
    after = code.replace('/a"', '/a.keras"').replace('"b"', '"b.keras"').replace('/c"', '/c.keras"')
    after = after.replace('"d"', '"d.keras"')
    assert check.transformed(program(code)) == program(after)


def test_temporary_folders_are_there():
    code = """\
import tempfile

with tempfile.TemporaryDirectory() as folder:
    model.save(os.path.join(folder, "final"))
    again = tf.keras.models.load_model(os.path.join(folder, "final"))
"""
    assert check.transformed(program(code)) == program(code.replace('"final"', '"final.keras"'))


def test_save_format_alone_is_dropped():
    text = check.transformed(program('model.save("final.keras", save_format="keras")\n'), severity=Severity.NOTE)
    assert text == program('model.save("final.keras")\n')
    text = check.transformed(program('model.save_weights("w.weights.h5", True, "h5")\n'), severity=Severity.ERROR)
    assert text == program('model.save_weights("w.weights.h5", True)\n')


TRAIN = "import tensorflow as tf\n\nfrom nets import build\n\nmodel = build()\nmodel.save('final')\n"
NETS = """\
import tensorflow as tf


def build():
    return tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])
"""
PREDICT = "from tensorflow.keras.models import load_model as lm\n\nmodel = lm('final', compile=False)\n"


def test_both_sides_of_a_file_decide_the_same():
    files = {"train.py": TRAIN, "predict.py": PREDICT, "nets.py": NETS}
    assert check.transformed(files) == TRAIN.replace("'final'", "'final.keras'")
    predict = {"predict.py": PREDICT, "train.py": TRAIN, "nets.py": NETS}
    assert check.transformed(predict) == PREDICT.replace("'final'", "'final.keras'")


def test_neither_side_is_changed_where_one_cannot_be():
    reader = PREDICT + "import sys\n\nother = lm('final', options=sys.argv)\n"
    check.refused({"train.py": TRAIN, "predict.py": reader, "nets.py": NETS}, UNSUPPORTED)
    check.noop({"predict.py": reader, "train.py": TRAIN, "nets.py": NETS})


def test_load_follows_a_save_that_has_its_suffix_already():
    files = {"predict.py": PREDICT, "train.py": TRAIN.replace("'final'", "'final.keras'"), "nets.py": NETS}
    assert check.transformed(files) == PREDICT.replace("'final'", "'final.keras'")


def test_constant_that_another_module_loads_by():
    train = TRAIN.replace("model = build()", "PATH = 'final'\nmodel = build()").replace("save('final')", "save(PATH)")
    predict = "import tensorflow as tf\n\nfrom train import PATH\n\nmodel = tf.keras.models.load_model(PATH)\n"
    files = {"train.py": train, "predict.py": predict, "nets.py": NETS}
    assert check.transformed(files) == train.replace("'final'", "'final.keras'")
    check.noop({"predict.py": predict, "train.py": train, "nets.py": NETS})


def test_models_are_known_by_how_they_are_made(snapshot):
    check.transformed(
        HEAD
        + """\
class Net(tf.keras.Model):
    def call(self, x):
        return x

    def keep(self):
        self.save_weights("self")


class Keeper(tf.keras.callbacks.Callback):
    def on_train_end(self, logs=None):
        self.model.save("callback")


def annotated(model: tf.keras.Model):
    model.save("annotated")


def passed(it):
    it.save("passed")


net = Net()
net(tf.ones((1, 4)))
net.save("subclass")
passed(net)


def setup():
    encoder = tf.keras.models.clone_model(net)
    return encoder, "adam"


encoder, optimizer = setup()
encoder.save("unpacked")
base = tf.keras.applications.MobileNetV2(weights=None) if net else tf.keras.models.clone_model(net)
base.save("application")
""",
        snapshot,
    )


# What is refused. --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "asked"),
    [('"final"', "os.path.exists(path)"), ('Path("saved") / "final"', "path.exists()")],
)
def test_a_model_that_is_loaded_if_it_is_there(path: str, asked: str):
    code = (
        f"path = {path}\nif {asked}:\n    model = tf.keras.models.load_model(path)\nelse:\n"
        "    model.fit(x, y)\n    model.save(path)\n"
    )
    assert 'final.keras"\nif ' in check.transformed(program(code))
    weights = code.replace("tf.keras.models.load_model(", "model.load_weights(").replace(".save(", ".save_weights(")
    check.refused(program(weights.replace("model = ", "")), READ_ELSEWHERE)
    check.refused(program(code.replace("exists", "isdir" if "os" in asked else "is_dir")), READ_ELSEWHERE)


@pytest.mark.parametrize(
    "reader",
    [
        'tf.saved_model.load("final")',
        'tf.lite.TFLiteConverter.from_saved_model("final")',
        'tf.keras.layers.TFSMLayer("./final", call_endpoint="serve")',
        'os.path.exists("final")',
        'os.listdir("final/variables")',
        'import shutil\nshutil.make_archive("archive", "zip", "final")',
        'open(os.path.join("final", "saved_model.pb"), "rb")',
        'os.system("saved_model_cli show --dir final --all")',
        'Path("final").exists()',
        "def convert(folder):\n    return tf.saved_model.load(folder)",
        'from tools import upload\nupload("final")',
        'os.makedirs("final", exist_ok=True)',
        'import glob\nglob.glob("fin*")',
        'os.listdir(".")',
    ],
)
def test_path_that_other_code_reads(reader: str):
    check.refused(program(f'model.save("final")\n{reader}\n'), READ_ELSEWHERE)


@pytest.mark.parametrize("pattern", ["*.py", "images/*.png", "**/*.json"])
def test_pattern_that_names_other_files(pattern: str):
    text = check.transformed(program(f'import glob\n\nmodel.save("final")\nprint(glob.glob("{pattern}"))\n'))
    assert 'model.save("final.keras")' in text


def test_path_that_another_module_reads():
    serve = "import tensorflow as tf\n\nserved = tf.saved_model.load('final')\n"
    check.refused({"train.py": TRAIN, "serve.py": serve, "nets.py": NETS}, READ_ELSEWHERE)


def test_latest_checkpoint_of_the_folder():
    code = """\
path = "training/cp.ckpt"
folder = os.path.dirname(path)
keep = tf.keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
latest = tf.train.latest_checkpoint(folder)
model.load_weights(latest)
"""
    check.refused(program(code), READ_ELSEWHERE)
    check.refused(program('model.save_weights("cp/w")\nlatest = tf.train.latest_checkpoint("cp")\n'), READ_ELSEWHERE)


def test_shared_constant_that_is_used_otherwise():
    check.refused(program('PATH = "final"\nmodel.save(PATH)\nname = PATH + "_history"\n'), READ_ELSEWHERE)
    check.refused(program('PATH = "final"\nmodel.save(PATH)\nassets = os.path.join(PATH, "assets")\n'), READ_ELSEWHERE)


@pytest.mark.parametrize(
    "code",
    [
        'def keep(path):\n    model.save(path)\n\n\nkeep("final")\n',
        'path = "a" if model else "b"\nmodel.save(path)\n',
        'path = "a"\npath = "b"\nmodel.save(path)\n',
        'a = b = "final"\nmodel.save(a)\n',
        'PATHS = ["final"]\n\n\nclass Config:\n    path = "final"\n\n\nmodel.save(Config.path)\n',
    ],
)
def test_path_that_comes_from_elsewhere(code: str):
    check.refused(program(code), OUT_OF_REACH)


def test_path_from_another_module_is_out_of_reach():
    train = TRAIN.replace("'final'", "settings.PATH").replace("from nets", "import settings\nfrom nets")
    check.refused({"train.py": train, "settings.py": "PATH = 'final'\n", "nets.py": NETS}, OUT_OF_REACH)


WEIGHTS = """\
def keep(folder):
    model.save_weights(f"{folder}/w.h5")


def restore(folder):
    model.load_weights(LOADED)


def keep_all(folder):
    keep(folder)
"""


def test_weights_that_load_as_they_are_must_be_those_that_are_saved():
    check.refused(program(WEIGHTS.replace("LOADED", 'f"{folder}/w.h5"')), OUT_OF_REACH)


def test_weights_of_the_same_name_in_another_program():
    save = program('model.save_weights("w.h5")\n')
    load = program('model.load_weights("w.h5")\n')
    check.refused({"one/train.py": save, "two/predict.py": load}, OUT_OF_REACH)
    check.noop({"two/predict.py": load, "one/train.py": save})
    both = program('model.save("w.h5")\nmodel.load_weights("w.h5")\n')
    assert check.transformed({"one/train.py": save, "one/predict.py": load}) == save.replace("w.h5", "w.weights.h5")
    assert check.transformed({"one/predict.py": load, "train.py": save}) == load.replace("w.h5", "w.weights.h5")
    check.noop({"two/predict.py": both})


def test_path_whose_ending_cannot_be_told():
    check.refused(program('def keep(name):\n    model.save(f"models/{name}")\n'), UNKNOWN_ENDING)
    check.refused(program('def keep(path):\n    model.save(path, save_format="tf")\n'), UNKNOWN_ENDING)


def test_model_and_weights_under_one_path():
    check.refused(program('model.save("final")\nmodel.save_weights("final")\n'), TWO_KINDS)
    check.refused(program('model.save_weights("w")\nagain = tf.keras.models.load_model("w")\n'), TWO_KINDS)


@pytest.mark.parametrize(
    "code",
    [
        'model.save("final", include_optimizer=False)',
        'model.save("final", signatures=None)',
        'model.save("final", True, True)',
        f'keep = {CHECKPOINT}("best", period=5)',
        f'keep = {CHECKPOINT}("best", options=None)',
        'model.save_weights("w")\nmodel.load_weights("w", by_name=True)',
        'model.save_weights("w")\nstatus = model.load_weights("w")',
    ],
)
def test_arguments_that_keras_3_does_not_take(code: str):
    check.refused(program(code + "\n"), UNSUPPORTED)


def test_arguments_that_are_unpacked():
    check.refused(program('options = {}\nmodel.save("final", **options)\n'), UNPACKED)


def test_name_that_another_file_has():
    check.refused(program('model.save("m")\nmodel.save("m.keras")\n'), NAME_TAKEN)
    check.refused(program('model.save_weights("w")\nmodel.save_weights("w.h5")\n'), NAME_TAKEN)
    check.refused(program('model.save_weights("w")\nmodel.load_weights("w.weights.h5")\n'), NAME_TAKEN)


def test_numbered_folder_is_for_serving():
    check.refused(program('model.save("serving/1")\n'), SERVED)


WITH_ARGUMENTS = """\
class Net(tf.keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = tf.keras.layers.Dense(units)

    def call(self, x):
        return self.dense(x)


"""
CONFIG = "    def get_config(self):\n        return {}\n\n    def call(self, x):"


def test_class_with_arguments_needs_get_config():
    code = 'model = Net(3)\nmodel(tf.ones((1, 4)))\nmodel.save("final")\n'
    check.refused(program(code, WITH_ARGUMENTS), NO_CONFIG)
    check.transformed(program(code, WITH_ARGUMENTS.replace("    def call(self, x):", CONFIG)))
    layers = WITH_ARGUMENTS.replace("tf.keras.Model", "tf.keras.layers.Layer")
    wrap = 'model = tf.keras.Sequential([Net(ARG)])\nmodel.save("final")\n'
    check.refused(program(wrap.replace("ARG", "tf.keras.layers.Dense(1)"), layers), NO_CONFIG)
    check.transformed(program(wrap.replace("ARG", "3"), layers))


def test_lambda_layer_is_saved_but_not_loaded():
    model = "model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Lambda(lambda x: x * 2)])\n"
    check.refused(program('model.save("final")\nagain = tf.keras.models.load_model("final")\n', model), LAMBDA)
    check.transformed(program('model.save("final")\n', model))


def test_weights_for_a_model_that_is_not_built():
    fresh = 'model.save_weights("w")\nfresh = tf.keras.Sequential([tf.keras.layers.Dense(1)])\n'
    check.refused(program(fresh + 'fresh.load_weights("w")\n'), UNBUILT)
    check.transformed(program(fresh + 'fresh.build((None, 4))\nfresh.load_weights("w")\n'))


def test_folder_that_cannot_be_made_before_the_save():
    check.refused(program('kept = [model.save("saved/final") for _ in range(2)]\n'), NO_FOLDER)
    check.refused(program('import names\n\nmodel.save(f"{names.new()}/final")\n'), NO_FOLDER)


# What is left alone. -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        'model.save("final.keras")',
        'model.save("final.h5")',
        'model.save("final", zipped=False)',
        'model.save("hf://user/final")',
        'model.export("final")',
        'model.save_weights("w.weights.h5")',
        'model.save_weights("w", max_shard_size=1)',
        f'keep = {CHECKPOINT}("best_{{epoch}}.keras")',
        f'keep = {CHECKPOINT}("best.h5")',
        'tf.saved_model.save(model, "final")',
        'tf.train.Checkpoint(model=model).save("final")',
        "def keep(path):\n    model.save(path)",
        'def keep(path="final"):\n    model.save(path)',
        "import sys\n\nmodel.save(sys.argv[1])",
    ],
)
def test_saves_that_keras_3_takes_or_that_say_nothing(code: str):
    check.noop(program(code + "\n"))


def test_load_whose_save_is_out_of_sight():
    check.noop(program('again = tf.keras.models.load_model("final")\nagain.load_weights("w")\n'))
    check.noop(program('again = tf.keras.models.load_model("old")\nmodel.save("final.keras")\n'))
    check.noop(program('model.load_weights("w.h5")\nmodel.save_weights("w.weights.h5")\n'))


@pytest.mark.parametrize(
    "model",
    [
        "from nets import model\n",
        "import torch\n\nmodel = torch.nn.Linear(2, 2)\n",
        "from sklearn.linear_model import Ridge\n\nmodel = Ridge()\n",
        "from PIL import Image\n\nmodel = Image.open('a')\n",
        "model = tf.train.Checkpoint()\n",
        "def make(model):\n    return model\n\n\nmodel = make(3)\n",
        "model = tf.keras.Sequential() if os.name else object()\n",
        "class Net(tf.keras.Model):\n    def save(self, path):\n        pass\n\n\nmodel = Net()\n",
        "class Net:\n    def __init__(self):\n        self.inner = tf.keras.Sequential()\n\n\nmodel = Net()\n",
    ],
)
def test_objects_that_are_not_seen_to_be_keras_models(model: str):
    check.noop(program('model.save("final")\n', model))


def test_another_librarys_checkpoint():
    check.noop("from lightning import ModelCheckpoint\n\nkeep = ModelCheckpoint('best')\n")
    check.noop("class ModelCheckpoint:\n    pass\n\n\nkeep = ModelCheckpoint('best')\n")


@pytest.mark.parametrize(
    "code",
    [
        'import numpy as np\n\nnp.save("final", [1])',
        'import torch\n\ntorch.save(model, "final")',
        'import joblib\n\njoblib.dump(model, "final")',
        'import mlflow\n\nmlflow.keras.save_model(model, "final")',
        'from torchkit import load_model\n\nother = load_model("final")',
        'saver = tf.compat.v1.train.Saver()\nsaver.save(None, "final")',
        'tokenizer = tf.keras.preprocessing.text.Tokenizer()\ntokenizer.save("final")',
        'history = model.fit([1])\nhistory.save("final")',
    ],
)
def test_what_other_things_save(code: str):
    check.noop(program(code + "\n"))


@pytest.mark.parametrize(
    "code",
    [
        'for each in [model]:\n    each.save("final")',
        'models = {"a": model}\nmodels["a"].save("final")',
        'def made():\n    yield model\n\n\nmade().save("final")',
        'def made(n):\n    if n:\n        return model\n    return n\n\n\nmade(1).save("final")',
        'def made():\n    return model, 1\n\n\nkept, number = made()\nnumber.save("final")',
        'def keep(it):\n    it.save("final")\n\n\nkeep(model)\nkeep(3)',
        'class Keeper:\n    def keep(self):\n        self.model.save("final")',
        'class Keeper:\n    model = None\n\n    def keep(self, model):\n        model.save("final")',
    ],
)
def test_models_that_cannot_be_followed(code: str):
    check.noop(program(code + "\n"))


@pytest.mark.parametrize(
    "code",
    [
        "model.save()",
        'paths = ["final"]\nmodel.save(*paths)',
        'options = {"filepath": "final"}\nmodel.save(**options)',
        'text = "model.save(\'final\')"  # model.save("final")',
        'save = model.save\nsave("final")',
        'model.save(os.environ["MODEL"])',
        f'only = bool(model)\nkeep = {CHECKPOINT}("best", save_weights_only=only)',
    ],
)
def test_calls_that_show_no_path(code: str):
    check.noop(program(code + "\n"))


@pytest.mark.parametrize("asked", ["tensorflow==2.15.1", "tensorflow<2.16", "keras<3"])
def test_projects_with_keras_2(asked: str):
    check.noop({"src/train.py": program('model.save("final")\n'), "requirements.txt": asked + "\n"})


def test_program_beside_one_with_keras_2():
    text = program('model.save("final")\n')
    old = {"old/train.py": text, "old/requirements.txt": "tensorflow==2.15.1\n"}
    assert check.transformed({"train.py": text, **old}) == text.replace('"final"', '"final.keras"')
    check.noop({**old, "train.py": text})


def test_programs_with_tf_keras():
    check.noop("import tf_keras as keras\n\nmodel = keras.Sequential()\nmodel.save('final')\n")
    check.noop("import os\n\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\n" + program('model.save("final")\n'))


@pytest.mark.parametrize(("target", "changed"), [("2.15", False), ("2.16", True), ("2.21.0", True)])
def test_target_that_the_user_names(target: str, changed: bool):
    text = program('model.save("final")\n')
    result = rewrite(text, "train.py", Settings(("add-keras-suffix",), target=target))
    assert (result.text != text) is changed
    assert bool(result.findings) is changed


# Under TensorFlow. -------------------------------------------------------------------------------

WHOLE = """\
import os

import tensorflow as tf

tf.keras.utils.set_random_seed(1)
x = tf.reshape(tf.range(8.0), (2, 4))
CHECKPOINTS = "ckpt/w_{epoch:02d}.ckpt"


def build():
    model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mean_squared_error")
    return model


class Plain(tf.keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = tf.keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


model = build()
callbacks = [
    tf.keras.callbacks.ModelCheckpoint("best/model", monitor="loss", save_best_only=True),
    tf.keras.callbacks.ModelCheckpoint(CHECKPOINTS, save_weights_only=True),
]
model.fit(x, tf.ones((2, 1)), epochs=2, verbose=0, callbacks=callbacks)
model.save("saved/final/", save_format="tf")
model.save_weights(os.path.join("saved", "weights.h5"))
plain = Plain()
print(plain(x).numpy().tolist())
plain.save_weights("plain")
for turn in range(2):
    model.save(f"turn_{turn}")

print(model.predict(x, verbose=0).tolist())
print(tf.keras.models.load_model("best/model").predict(x, verbose=0).tolist())
print(tf.keras.models.load_model("saved/final").predict(x, verbose=0).tolist())
print(tf.keras.models.load_model("turn_1").predict(x, verbose=0).tolist())
again = build()
again.load_weights(os.path.join("saved", "weights.h5"))
print(again.predict(x, verbose=0).tolist())
again = build()
again.load_weights("ckpt/w_02.ckpt").expect_partial()
print(again.predict(x, verbose=0).tolist())
other = Plain()
other(x)
other.load_weights("plain")
print(other(x).numpy().tolist())
"""


@pytest.mark.tensorflow
def test_saves_raise_before_and_load_after(runner: Runner) -> None:
    after = check.transformed(WHOLE)
    before = runner.run_source({"main.py": WHOLE}, "main.py")
    result = runner.run_source({"main.py": after}, "main.py")
    assert result.ok, result.exception
    plain, *trained, loaded = result.stdout.splitlines()
    assert loaded == plain
    assert len(trained) == 6
    assert set(trained) == {trained[0]}
    if before.ok:
        assert before.stdout == result.stdout
    else:
        assert before.exception is not None


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "save",
    [
        'model.save("a")',
        'model.save("deep/er/a")',
        'model.save_weights("deep/w")',
        'model.save(Path("deep") / "p", save_format="tf")',
        'model.save_weights("w.weights.h5", save_format="h5")',
        "tf.keras.callbacks.ModelCheckpoint('c')",
        "tf.keras.callbacks.ModelCheckpoint('c', save_weights_only=True)",
    ],
)
def test_each_save_raises_under_keras_3_only_and_works_after(runner: Runner, save: str) -> None:
    text = program(f"print(tf.__version__)\n{save}\n")
    before = runner.run_source({"main.py": text}, "main.py")
    assert before.ok is before.stdout.startswith("2.15")
    after = runner.run_source({"main.py": check.transformed(text)}, "main.py")
    assert after.ok, after.exception
