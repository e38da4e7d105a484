"""Tests of add-custom-objects."""

from __future__ import annotations

import pytest
from tools import Check

from codemods.add_custom_objects import (
    DICT_ELSEWHERE,
    FUNCTION_IN_H5,
    IMPORT_CYCLE,
    IMPORT_UNKNOWN,
    LAMBDA_LAYER,
    NAME_TAKEN,
    OUT_OF_REACH,
    SAME_NAME,
    SAVED_MODEL_FOLDER,
    SCRIPT_IMPORT,
    SUBCLASSED_H5,
    TRACED_FUNCTION,
    UNKNOWN_MODEL,
    UNNAMED_FUNCTION,
    UNPACKED_ARGUMENTS,
)
from codemods.engine.codemod import Severity
from codemods.verify.run import Runner

check = Check("add_custom_objects")

LAYERS = """\
import tensorflow as tf


class Scale(tf.keras.layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Net(tf.keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = tf.keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


def steep(x):
    return x * 3.0


def my_loss(y_true, y_pred):
    return tf.reduce_mean(tf.square(y_true - y_pred))


"""
MODEL = "model = tf.keras.Sequential([tf.keras.Input((4,)), Scale(3.0), tf.keras.layers.Dense(1)])\n"


# What is added. -----------------------------------------------------------------------------------


def test_layer_and_loss_of_the_same_module(snapshot):
    text = check.transformed(
        LAYERS
        + MODEL
        + """\
model.compile("sgd", loss=my_loss)
model.save("m.keras")
loaded = tf.keras.models.load_model("m.keras")
frozen = tf.keras.models.load_model("m.keras", compile=False)
""",
        snapshot,
        severity=Severity.ERROR,
    )
    assert 'load_model("m.keras", custom_objects={"Scale": Scale, "my_loss": my_loss})' in text
    assert 'load_model("m.keras", compile=False, custom_objects={"Scale": Scale})' in text


def test_builder_in_another_module_of_a_package_imports_relatively(snapshot):
    check.transformed(
        {
            "shop/predict.py": """\
import argparse

from tensorflow.keras.models import load_model as lm

from .config import PATH
from .layers import steep


def predict(rows):
\tmodel = lm(
\t\tPATH,  # the best so far
\t\tcompile=True,
\t)
\treturn model.predict(rows)
""",
            "shop/__init__.py": "",
            "shop/config.py": 'import os\n\nPATH = os.path.join("models", "best.h5")\n',
            "shop/layers.py": LAYERS + "class Shift(Scale):\n    pass\n\n\nclass Unused(Scale):\n    pass\n",
            "shop/model.py": """\
import tensorflow as tf

from .layers import Scale, Shift, my_loss


def tower(x, depth):
    for _ in range(depth):
        x = Shift()(x)
    return x


def build(depth=2):
    inputs = tf.keras.Input((4,))
    x = tower(Scale()(inputs), depth)
    model = tf.keras.Model(inputs, x)
    model.compile("sgd", loss=my_loss)
    return model
""",
            "shop/train.py": """\
import tensorflow as tf

from .config import PATH
from .model import build


def main(x, y):
    model = build()
    model.fit(x, y, callbacks=[tf.keras.callbacks.ModelCheckpoint(filepath=PATH, save_best_only=True)])
""",
        },
        snapshot,
    )


def test_method_of_a_trainer_saves_what_it_was_given(snapshot):
    check.transformed(
        {
            "serve.py": """\
import os
import keras

HOME = os.environ["HOME"]
net = keras.saving.load_model(os.path.join(HOME, "net.keras"))
""",
            "nets/layers.py": LAYERS,
            "nets/trainer.py": """\
import os


class Trainer:
    def __init__(self, model, loss, folder):
        self.model = model
        self.folder = folder
        self.model.compile(optimizer="adam", loss=loss)

    def run(self, data):
        self.model.fit(data)
        self.model.save(os.path.join(self.folder, "net.keras"))
""",
            "train.py": """\
import os
import keras
from nets.layers import Scale, my_loss
from nets.trainer import Trainer


def main():
    trainer = Trainer(keras.Sequential([Scale()]), my_loss, os.environ["HOME"])
    trainer.run(None)


if __name__ == "__main__":
    main()
""",
        },
        snapshot,
    )


def test_dicts_that_are_there_are_filled_in(snapshot):
    check.transformed(
        LAYERS
        + MODEL
        + """\
model.compile("sgd", loss=my_loss)
model.save("m.keras")
a = tf.keras.models.load_model("m.keras", custom_objects={"Scale": Scale})
b = tf.keras.models.load_model("m.keras", {
    "my_loss": my_loss,  # the loss
}, True)
c = tf.keras.models.load_model("m.keras", custom_objects=None)
d = tf.keras.models.load_model("m.keras", custom_objects=dict(Scale=Scale))
objects = {}
e = tf.keras.models.load_model("m.keras", custom_objects=objects)
f = tf.keras.models.load_model("m.keras", custom_objects=objects)
""",
        snapshot,
    )


def test_registered_class_whose_module_is_not_imported(snapshot):
    check.transformed(
        {
            "predict.py": 'import keras\n\nmodel = keras.models.load_model("m.keras")\n',
            "layers.py": LAYERS.replace(
                "class Scale", '@tf.keras.utils.register_keras_serializable("Shop")\nclass Scale'
            ),
            "train.py": "import tensorflow as tf\nfrom layers import Scale\n" + MODEL + 'model.save("m.keras")\n',
        },
        snapshot,
    )


def test_registered_where_it_was_saved_but_not_where_it_is_loaded(snapshot):
    check.transformed(
        {
            "predict.py": LAYERS + 'model = tf.keras.models.load_model("m.keras")\n',
            "train.py": LAYERS.replace(
                "class Scale", '@tf.keras.utils.register_keras_serializable("Shop")\nclass Scale'
            )
            + MODEL
            + 'model.save("m.keras")\n',
        },
        snapshot,
    )


def test_json_config_and_layer_config(snapshot):
    check.transformed(
        LAYERS
        + MODEL
        + """\
with open("m.json", "w") as file:
    file.write(model.to_json())
with open("m.json") as file:
    a = tf.keras.models.model_from_json(file.read())
text = model.to_json()
b = tf.keras.models.model_from_json(text)
c = tf.keras.Sequential.from_config(model.get_config())
d = tf.keras.layers.deserialize(tf.keras.layers.serialize(Scale(2.0)))
""",
        snapshot,
    )


def test_names_that_the_module_has_are_used(snapshot):
    check.transformed(
        {
            "predict.py": """\
import tensorflow as tf
import nets.layers
from nets import layers as parts
from nets.losses import my_loss as loss_of_the_shop


def load():
    return tf.keras.models.load_model("m.keras")
""",
            "nets/layers.py": LAYERS,
            "nets/losses.py": LAYERS,
            "train.py": "import tensorflow as tf\nfrom nets.layers import Scale\n"
            + "from nets.losses import my_loss\n"
            + MODEL
            + 'model.compile(loss=my_loss)\nmodel.save("m.keras")\n',
        },
        snapshot,
    )


def test_no_save_in_sight_takes_what_is_imported_for_nothing_else():
    text = check.transformed(
        {
            "predict.py": "import sys\nfrom keras.models import load_model\nfrom layers import Scale\n\n"
            "model = load_model(sys.argv[1])\n",
            "layers.py": LAYERS,
        }
    )
    assert 'custom_objects={"Scale": Scale})' in text


def test_own_class_with_a_builtin_name_is_passed_where_the_model_holds_it():
    program = LAYERS.replace("Scale", "Attention") + MODEL.replace("Scale", "Attention")
    text = check.transformed(program + 'model.save("m.h5")\ntf.keras.models.load_model("m.h5")\n')
    assert '"m.h5", custom_objects={"Attention": Attention})' in text


def test_schedule_metric_regularizer_and_nested_layer_are_found():
    text = check.transformed("""\
import tensorflow as tf
from tensorflow.keras import layers

class Warmup(tf.keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1

class Hits(tf.keras.metrics.Metric):
    pass

class Ridge(tf.keras.regularizers.Regularizer):
    pass

class Inner(layers.Layer):
    pass

class Outer(layers.Layer):
    def __init__(self, inner):
        self.inner = inner
        self.private = Hidden()

    def get_config(self):
        return {"inner": layers.serialize(self.inner)}

class Hidden(layers.Layer):
    pass

x = inputs = tf.keras.Input((3,))
x = layers.Dense(3, kernel_regularizer=Ridge())(x)
x = layers.TimeDistributed(Outer(Inner()))(x)
model = tf.keras.Model(inputs=inputs, outputs=[x])
model.compile(optimizer=tf.keras.optimizers.Adam(Warmup()), metrics={"a": [Hits()]})
tf.keras.models.save_model(model, filepath="m.keras")
tf.keras.models.load_model("m.keras")
""")
    added = text.rpartition("load_model(")[2]
    assert all(f'"{name}": {name}' in added for name in ("Warmup", "Hits", "Ridge", "Inner", "Outer"))
    assert "Hidden" not in added


@pytest.mark.parametrize("path", ['f"m_{kind}.keras"', '"m_" + kind + ".keras"', '"m_%s.h5" % kind', 'kind + ".h5"'])
def test_suffix_behind_what_isnt_known(path: str):
    code = f'for kind in ("a", "b"):\n    model.save({path})\n    tf.keras.models.load_model({path})\n'
    assert "custom_objects={" in check.transformed(LAYERS + MODEL + code)


def test_two_models_under_one_variable_are_told_apart():
    text = check.transformed(
        LAYERS
        + MODEL
        + 'model.save("a.keras")\n'
        + "model = tf.keras.Sequential([tf.keras.layers.Dense(1)])\nmodel.save('b.keras')\n"
        + "tf.keras.models.load_model('a.keras')\ntf.keras.models.load_model('b.keras')\n"
    )
    assert text.count("custom_objects") == 1


def test_long_dict_is_broken_up_in_the_way_of_the_call(snapshot):
    check.transformed(
        LAYERS.replace("my_loss", "mean_of_the_squared_differences").replace("Scale", "ScaleByAFactor")
        + MODEL.replace("Scale", "ScaleByAFactor")
        + """\
model.compile("sgd", loss=mean_of_the_squared_differences)
model.save("m.keras")


def load(path="m.keras"):
    first = tf.keras.models.load_model(path)
    return tf.keras.models.load_model(
        "m.keras",
        safe_mode=True,
    )
""",
        snapshot,
    )


# What is refused. ---------------------------------------------------------------------------------


def test_saved_model_folder_is_refused():
    for name in ("model", "model/", "model.tf"):
        check.refused(
            LAYERS + MODEL + f'model.save("{name}")\ntf.keras.models.load_model("{name}")\n',
            SAVED_MODEL_FOLDER,
        )
    check.refused(
        "import sys\n"
        + LAYERS
        + MODEL
        + "p = sys.argv[1]\nmodel.save(p, save_format='tf')\ntf.keras.models.load_model(p)\n",
        SAVED_MODEL_FOLDER,
    )


def test_subclassed_model_in_h5_is_refused():
    check.refused(LAYERS + 'model = Net()\nmodel.save("m.h5")\ntf.keras.models.load_model("m.h5")\n', SUBCLASSED_H5)


def test_activation_function_in_h5_is_refused():
    check.refused(
        LAYERS
        + "model = tf.keras.Sequential([tf.keras.layers.Dense(1, activation=steep)])\n"
        + 'model.save("m.h5")\ntf.keras.models.load_model("m.h5")\n',
        FUNCTION_IN_H5,
    )


def test_lambda_layer_beside_a_custom_one_is_refused():
    program = LAYERS + MODEL.replace("Scale(3.0)", "Scale(3.0), tf.keras.layers.Lambda(lambda x: x)")
    check.refused(program + 'model.save("m.keras")\ntf.keras.models.load_model("m.keras")\n', LAMBDA_LAYER)


def test_loss_without_a_name_is_refused():
    check.refused(
        LAYERS + MODEL + "model.compile(loss=lambda a, b: a - b)\n"
        'model.save("m.keras")\ntf.keras.models.load_model("m.keras")\n',
        UNNAMED_FUNCTION,
    )


def test_loss_that_is_a_tf_function_is_refused_in_keras_files():
    program = LAYERS.replace("def my_loss", "@tf.function\ndef my_loss") + MODEL + "model.compile(loss=my_loss)\n"
    check.refused(program + 'model.save("m.keras")\ntf.keras.models.load_model("m.keras")\n', TRACED_FUNCTION)
    check.transformed(program + 'model.save("m.h5")\ntf.keras.models.load_model("m.h5")\n')


def test_two_classes_of_one_name_are_refused():
    check.refused(
        {
            "predict.py": LAYERS.replace("* self", "+ self") + 'tf.keras.models.load_model("m.keras")\n',
            "train.py": LAYERS + MODEL + 'model.save("m.keras")\n',
        },
        SAME_NAME,
    )
    check.refused(
        {
            "predict.py": 'import keras\nkeras.models.load_model("m.keras")\n',
            "a.py": LAYERS,
            "b.py": LAYERS,
            "train.py": "import a, b, keras\nkeras.Sequential([a.Scale(), b.Scale()]).save('m.keras')\n",
        },
        SAME_NAME,
    )


def test_own_and_builtin_layer_of_one_name_in_h5_are_refused():
    program = LAYERS.replace("Scale", "Dense") + MODEL.replace("Scale", "Dense")
    check.refused(program + 'model.save("m.h5")\ntf.keras.models.load_model("m.h5")\n', SAME_NAME)


def test_class_in_a_function_or_under_a_condition_is_refused():
    local = """\
import keras


def train():
    class Scale(keras.layers.Layer):
        pass

    keras.Sequential([Scale()]).save("m.keras")


def load():
    return keras.models.load_model("m.keras")
"""
    check.refused(local, OUT_OF_REACH)
    check.refused(local.replace("def train():", "if keras.config:"), OUT_OF_REACH)
    check.refused(
        LAYERS
        + "def focal(gamma):\n    def loss(a, b):\n        return gamma\n    return loss\n\n"
        + MODEL
        + "model.compile(loss=focal(2))\nmodel.save('m.keras')\ntf.keras.models.load_model('m.keras')\n",
        OUT_OF_REACH,
    )


def test_name_that_means_something_else_is_refused():
    check.refused(
        {
            "predict.py": 'import keras\n\ndef load(Scale):\n    return keras.models.load_model("m.keras")\n',
            "layers.py": LAYERS,
            "train.py": "import tensorflow as tf\nfrom layers import Scale\n" + MODEL + 'model.save("m.keras")\n',
        },
        NAME_TAKEN,
    )


def test_import_that_would_close_a_circle_is_refused():
    check.refused(
        {
            "loading.py": 'import keras\n\ndef load():\n    return keras.models.load_model("m.keras")\n',
            "layers.py": "import loading\n" + LAYERS,
            "train.py": "import tensorflow as tf\nfrom layers import Scale\n" + MODEL + 'model.save("m.keras")\n',
        },
        IMPORT_CYCLE,
    )


def test_import_of_a_script_is_refused_unless_it_has_a_main_guard():
    program = {
        "predict.py": 'import keras\n\nmodel = keras.models.load_model("m.keras")\n',
        "train.py": LAYERS + MODEL + 'model.save("m.keras")\n',
    }
    check.refused(program, SCRIPT_IMPORT)
    body = (MODEL + 'model.save("m.keras")\n').replace("model", "    model", 1).replace("\nmodel", "\n    model")
    check.transformed({**program, "train.py": LAYERS + 'if __name__ == "__main__":\n' + body})


def test_module_that_cannot_be_named_is_refused():
    check.refused(
        {
            "app/predict.py": 'import keras\n\nmodel = keras.models.load_model("m.keras")\n',
            "lib-old/layers.py": LAYERS,
            "lib-old/train.py": "import tensorflow as tf\nfrom layers import Scale\n"
            + MODEL
            + 'model.save("m.keras")\n',
        },
        IMPORT_UNKNOWN,
    )


def test_neighbours_that_change_sys_path_tell_nothing_about_it():
    program = {
        "tools/predict.py": 'import keras\n\nmodel = keras.models.load_model("m.keras")\n',
        "nets/layers.py": LAYERS,
        "tools/train.py": "import sys\n\nsys.path.append('..')\nimport tensorflow as tf\n"
        "from nets.layers import Scale\n" + MODEL + 'model.save("m.keras")\n',
    }
    check.refused(program, IMPORT_UNKNOWN)
    train = program["tools/train.py"].replace("import sys\n\nsys.path.append('..')\n", "")
    assert "from nets.layers import Scale\n" in check.transformed({**program, "tools/train.py": train})


def test_module_of_a_folder_is_named_as_its_importers_name_it():
    text = check.transformed(
        {
            "nets/loading.py": 'import keras\n\ndef load():\n    return keras.models.load_model("m.keras")\n',
            "nets/layers.py": LAYERS,
            "train.py": "import tensorflow as tf\nfrom nets.loading import load\n"
            + "from nets.layers import Scale\n"
            + MODEL
            + 'model.save("m.keras")\nload()\n',
        }
    )
    assert "from nets.layers import Scale\n" in text


def test_unpacked_arguments_are_refused():
    check.refused(
        LAYERS + MODEL + 'model.save("m.keras")\n'
        "def load(**options):\n    return tf.keras.models.load_model('m.keras', **options)\n",
        UNPACKED_ARGUMENTS,
    )


def test_dict_that_is_used_elsewhere_is_refused():
    check.refused(
        LAYERS + MODEL + 'model.save("m.keras")\nobjects = {}\nprint(objects)\n'
        "tf.keras.models.load_model('m.keras', custom_objects=objects)\n",
        DICT_ELSEWHERE,
    )


def test_unknown_file_in_a_program_that_uses_its_layers_is_refused():
    check.refused(
        "import sys\n"
        + LAYERS
        + MODEL
        + "model.save_weights('w.weights.h5')\ntf.keras.models.load_model(sys.argv[1])\n",
        UNKNOWN_MODEL,
    )


# What is left alone. ------------------------------------------------------------------------------


def test_model_of_builtin_parts_needs_nothing():
    check.noop(
        LAYERS + "model = tf.keras.Sequential([tf.keras.layers.Dense(1)])\nmodel.compile('sgd', 'mse')\n"
        "model.save('m.keras')\ntf.keras.models.load_model('m.keras')\n"
    )


def test_file_that_the_project_does_not_save_is_none_of_its_models():
    check.noop(LAYERS + MODEL + "model.save('m.keras')\ntf.keras.models.load_model('vgg.h5')\n")


def test_project_without_custom_objects_needs_nothing():
    check.noop("import keras\nmodel = keras.models.load_model('m.keras')\n")


def test_scope_around_the_load_supplies_the_names():
    for scope in (
        "tf.keras.utils.custom_object_scope({'Scale': Scale})",
        "tf.keras.utils.CustomObjectScope({'Scale': Scale})",
        "tf.keras.saving.custom_object_scope(every())",
    ):
        check.noop(
            LAYERS + MODEL + f"model.save('m.keras')\nwith {scope}:\n    tf.keras.models.load_model('m.keras')\n"
        )


def test_scope_around_the_call_of_the_loading_function_supplies_the_names():
    check.noop(
        LAYERS
        + MODEL
        + "model.save('m.keras')\n\ndef load():\n    return tf.keras.models.load_model('m.keras')\n\n"
        + "with tf.keras.utils.custom_object_scope({'Scale': Scale}):\n    load()\n"
    )


def test_scope_around_the_save_only_supplies_nothing():
    check.transformed(
        LAYERS
        + MODEL
        + "with tf.keras.utils.custom_object_scope({'Scale': Scale}):\n    model.save('m.keras')\n"
        + "tf.keras.models.load_model('m.keras')\n"
    )


def test_global_table_supplies_the_names():
    for line in (
        "tf.keras.utils.get_custom_objects()['Scale'] = Scale",
        "tf.keras.utils.get_custom_objects().update({'Scale': Scale})",
        "tf.keras.saving.get_custom_objects().update(Scale=Scale)",
    ):
        check.noop(LAYERS + line + "\n" + MODEL + "model.save('m.keras')\ntf.keras.models.load_model('m.keras')\n")


def test_registered_and_imported_class_loads_by_itself():
    for decorator in (
        "@tf.keras.utils.register_keras_serializable()",
        "@tf.keras.saving.register_keras_serializable(package='Shop', name='S')",
        "@register",
    ):
        program = LAYERS.replace("class Scale", decorator + "\nclass Scale")
        program = program.replace(
            "as tf\n", "as tf\n\nregister = tf.keras.utils.register_keras_serializable('Shop')\n", 1
        )
        check.noop(program + MODEL + "model.save('m.keras')\ntf.keras.models.load_model('m.keras')\n")


def test_registered_by_the_entry_script_that_calls_the_loader():
    check.noop(
        {
            "loading.py": 'import keras\n\ndef load():\n    return keras.models.load_model("m.keras")\n',
            "layers.py": LAYERS.replace("class Scale", "@tf.keras.utils.register_keras_serializable()\nclass Scale"),
            "main.py": "import tensorflow as tf\nfrom layers import Scale\nfrom loading import load\n"
            + MODEL
            + 'model.save("m.keras")\nload()\n',
        }
    )


def test_complete_dict_is_left_alone():
    program = LAYERS + MODEL + "model.compile(loss=my_loss)\nmodel.save('m.keras')\n"
    for objects in ("{'Scale': Scale, 'my_loss': my_loss}", "dict(Scale=Scale, my_loss=my_loss)", "every()"):
        check.noop(program + f"tf.keras.models.load_model('m.keras', custom_objects={objects})\n")
    check.noop(
        program + "objects = {Scale.__name__: Scale}\nobjects['my_loss'] = my_loss\n"
        "tf.keras.models.load_model('m.keras', custom_objects=objects)\n"
    )


def test_losses_are_not_needed_without_compile():
    check.noop(
        LAYERS + "model = tf.keras.Sequential([tf.keras.layers.Dense(1)])\nmodel.compile('sgd', my_loss)\n"
        "model.save('m.keras')\ntf.keras.models.load_model('m.keras', compile=False)\n"
    )


def test_load_model_of_other_libraries_is_left_alone():
    check.noop(
        LAYERS + MODEL + "import mlflow\nimport joblib\n\ndef load_model(path):\n    return path\n\n"
        "model.save('m.keras')\nload_model('m.keras')\nmlflow.keras.load_model('m.keras')\njoblib.load('m.keras')\n"
    )


def test_weights_and_clones_need_no_names():
    check.noop(
        LAYERS + MODEL + "model.save_weights('m.weights.h5')\nmodel.load_weights('m.weights.h5')\n"
        "copy = tf.keras.models.clone_model(model)\n"
    )


def test_from_config_of_a_wrapping_layer_is_left_alone():
    check.noop("""\
import tensorflow as tf


class Wrapped(tf.keras.layers.Layer):
    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    @classmethod
    def from_config(cls, config):
        return cls(tf.keras.layers.deserialize(config.pop("inner")), **config)
""")


def test_own_class_with_a_builtin_name_is_not_passed_on_a_guess():
    check.noop(
        {
            "predict.py": "import sys\nimport keras\nfrom parts import Attention\n\n"
            "model = keras.models.load_model(sys.argv[1], custom_objects={})\n",
            "parts.py": LAYERS.replace("Scale", "Attention"),
        }
    )


def test_images_that_are_saved_are_no_models():
    check.noop(
        LAYERS + "from PIL import Image\nimage = Image.open('a.png')\nimage.save('m.keras')\n"
        "tf.keras.models.load_model('m.keras', custom_objects={})\n"
    )


# Under TensorFlow. ----------------------------------------------------------------------------------

PARTS = """\
import tensorflow as tf


class Scale(tf.keras.layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Attention(Scale):
    pass


class Net(tf.keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = tf.keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


class Trained(tf.keras.Model):
    def train_step(self, data):
        return super().train_step(data)


class Ridge(tf.keras.regularizers.Regularizer):
    def __call__(self, weights):
        return 0.1 * tf.reduce_sum(tf.square(weights))

    def get_config(self):
        return {}


class Fixed(tf.keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.01

    def get_config(self):
        return {}


class Distance(tf.keras.losses.Loss):
    def call(self, y_true, y_pred):
        return tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)


def swish(x):
    return x * 3.0


def my_loss(y_true, y_pred):
    return tf.reduce_mean(tf.square(y_true - y_pred))


def my_metric(y_true, y_pred):
    return tf.reduce_mean(tf.abs(y_true - y_pred))
"""
TRAIN = """\
import tensorflow as tf
from parts import *

tf.keras.utils.set_random_seed(1)
x = tf.reshape(tf.range(12.0), (3, 4)) / 10.0
y = tf.ones((3, 1))


def chain(*layers, model=tf.keras.Model):
    inputs = outputs = tf.keras.Input((4,))
    for layer in layers:
        outputs = layer(outputs)
    return model(inputs, outputs)


def main():
    model = MODEL
    model.compile(COMPILE)
    model.fit(x, y, epochs=1, verbose=0)
    model.save("FILE")
    print("predicted", model.predict(x, verbose=0).tolist())


if __name__ == "__main__":
    main()
"""
PREDICT = """\
import tensorflow as tf
from tensorflow.keras.models import load_model

model = load_model("FILE")
x = tf.reshape(tf.range(12.0), (3, 4)) / 10.0
print("predicted", model.predict(x, verbose=0).tolist())
"""
BOTH = """\
import runpy

runpy.run_path("train.py", run_name="__main__")
runpy.run_path("predict.py", run_name="__main__")
"""
MODELS = {
    "layer": ("tf.keras.Sequential([Scale(3.0), tf.keras.layers.Dense(1)])", "'sgd', 'mean_squared_error'"),
    "builtin name": ("chain(Attention(2.0), tf.keras.layers.Dense(1))", "'sgd', 'mean_squared_error'"),
    "train_step": ("chain(Scale(), tf.keras.layers.Dense(1), model=Trained)", "'sgd', 'mean_squared_error'"),
    "regularizer": (
        "chain(tf.keras.layers.Dense(1, kernel_regularizer=Ridge()))", "'sgd', 'mean_squared_error'",
    ),
    "training": (
        "chain(tf.keras.layers.Dense(1))",
        "tf.keras.optimizers.SGD(Fixed()), loss=my_loss, metrics=[my_metric]",
    ),
    "loss class": ("chain(Scale(), tf.keras.layers.Dense(1))", "'sgd', loss=Distance()"),
}  # fmt: skip
ONLY_KERAS = {
    "subclassed": ("Net()", "'sgd', 'mean_squared_error'"),
    "activation": ("chain(tf.keras.layers.Dense(1, activation=swish))", "'sgd', 'mean_squared_error'"),
}
PROGRAMS = [
    *((name, *model, f"m.{form}") for name, model in MODELS.items() for form in ("keras", "h5")),
    *((name, *model, "m.keras") for name, model in ONLY_KERAS.items()),
]


# Keras 2 imports the module that a .keras file names for these, if it can be imported; Keras 3 doesn't.
FOUND_BY_KERAS_2 = {("regularizer", "m.keras"), ("subclassed", "m.keras")}


@pytest.mark.tensorflow
@pytest.mark.parametrize(("name", "model", "compiled", "file"), PROGRAMS)
def test_load_that_raised_predicts_what_was_saved(
    runner: Runner, name: str, model: str, compiled: str, file: str
) -> None:
    files = {
        "predict.py": PREDICT.replace("FILE", file),
        "train.py": TRAIN.replace("MODEL", model).replace("COMPILE", compiled).replace("FILE", file),
        "parts.py": PARTS,
        "main.py": BOTH,
    }
    after = check.transformed(files)
    before = runner.run_source(files, "main.py")
    result = runner.run_source({**files, "predict.py": after}, "main.py")
    assert result.ok, result.exception
    saved, loaded = result.stdout.splitlines()
    assert saved == loaded
    unchanged = before.exception is None and len(set(before.stdout.splitlines())) == 1
    assert not unchanged or (name, file) in FOUND_BY_KERAS_2


@pytest.mark.tensorflow
def test_registered_class_loads_once_its_module_is_imported(runner: Runner) -> None:
    train = TRAIN.replace("MODEL", "chain(Scale(3.0), tf.keras.layers.Dense(1))").replace("FILE", "m.keras")
    files = {
        "predict.py": PREDICT.replace("FILE", "m.keras"),
        "train.py": train.replace("COMPILE", "'sgd', 'mean_squared_error'"),
        "parts.py": PARTS.replace("class Scale", '@tf.keras.utils.register_keras_serializable("Shop")\nclass Scale'),
        "main.py": "import subprocess, sys\n\nfor name in ('train.py', 'predict.py'):\n"
        "    done = subprocess.run([sys.executable, name], stdout=subprocess.PIPE, text=True, check=True)\n"
        "    print(done.stdout.splitlines()[-1])\n",
    }
    after = check.transformed(files)
    assert runner.run_source(files, "main.py").exception is not None
    result = runner.run_source({**files, "predict.py": after}, "main.py")
    assert result.ok, result.exception
    saved, loaded = result.stdout.splitlines()
    assert saved == loaded


@pytest.mark.tensorflow
def test_copy_of_a_registered_class_loads_by_its_registered_name(runner: Runner) -> None:
    decorated = PARTS.replace("class Scale", '@tf.keras.utils.register_keras_serializable("Shop")\nclass Scale')
    train = TRAIN.replace("MODEL", "chain(Scale(3.0), tf.keras.layers.Dense(1))").replace("FILE", "m.keras")
    train = train.replace("COMPILE", "'sgd', 'mean_squared_error'")
    files = {
        "predict.py": PARTS + PREDICT.replace("FILE", "m.keras"),
        "train.py": train.replace("import tensorflow as tf\nfrom parts import *\n", decorated),
        "main.py": "import subprocess, sys\n\nfor name in ('train.py', 'predict.py'):\n"
        "    done = subprocess.run([sys.executable, name], stdout=subprocess.PIPE, text=True, check=True)\n"
        "    print(done.stdout.splitlines()[-1])\n",
    }
    after = check.transformed(files)
    assert '"Shop>Scale": Scale' in after
    assert runner.run_source(files, "main.py").exception is not None
    result = runner.run_source({**files, "predict.py": after}, "main.py")
    assert result.ok, result.exception
    saved, loaded = result.stdout.splitlines()
    assert saved == loaded


SHOP = {
    "shop/serving.py": """\
import os

import tensorflow as tf

from . import settings


class Server:
    def __init__(self, folder=settings.FOLDER):
        self.model = tf.keras.models.load_model(os.path.join(folder, settings.NAME))
        with open(settings.PLAN) as plan:
            self.fresh = tf.keras.models.model_from_json(plan.read())

    def answer(self, rows):
        return self.model.predict(rows, verbose=0).tolist()
""",
    "shop/__init__.py": "",
    "shop/settings.py": 'FOLDER = "out"\nNAME = "best.keras"\nPLAN = "out/plan.json"\n',
    "shop/nets/__init__.py": "",
    "shop/nets/parts.py": PARTS,
    "shop/nets/builders.py": """\
import tensorflow as tf

from . import parts

BLOCKS = {"scale": parts.Scale, "attention": parts.Attention}


def block(kind, **options):
    def apply(x):
        return BLOCKS[kind](**options)(x)

    return apply


class Builder:
    def __init__(self, kinds, act):
        self.kinds = kinds
        self.act = act

    def build(self):
        x = inputs = tf.keras.Input((4,))
        for kind in self.kinds:
            x = block(kind, factor=2.0)(x)
        x = tf.keras.layers.Dense(1, activation=self.act)(x)
        return tf.keras.Model(inputs, x)
""",
    "shop/training.py": """\
import os

import tensorflow as tf

from shop import settings
from shop.nets.builders import Builder
from shop.nets.parts import my_loss, my_metric, swish


def callbacks(folder):
    path = os.path.join(folder, settings.NAME)
    return [tf.keras.callbacks.ModelCheckpoint(path, monitor="loss", save_best_only=True)]


def train(x, y, folder=settings.FOLDER):
    os.makedirs(folder, exist_ok=True)
    model = Builder(["scale", "attention"], act=swish).build()
    model.compile("sgd", loss=my_loss, metrics=[my_metric])
    with open(settings.PLAN, "w") as plan:
        plan.write(model.to_json())
    model.fit(x, y, epochs=1, verbose=0, callbacks=callbacks(folder))
    return model.predict(x, verbose=0).tolist()
""",
    "main.py": """\
import tensorflow as tf

from shop.serving import Server
from shop.training import train

tf.keras.utils.set_random_seed(1)
x = tf.reshape(tf.range(12.0), (3, 4)) / 10.0
print(train(x, tf.ones((3, 1))))
print(Server().answer(x))
""",
}


def test_package_with_a_builder_a_table_of_blocks_and_a_checkpoint(snapshot):
    check.transformed(SHOP, snapshot)


@pytest.mark.tensorflow
def test_package_serves_what_it_trained(runner: Runner) -> None:
    after = check.transformed(SHOP)
    assert runner.run_source(SHOP, "main.py").exception is not None
    result = runner.run_source({**SHOP, "shop/serving.py": after}, "main.py")
    assert result.ok, result.exception
    trained, served = result.stdout.splitlines()
    assert trained == served


def test_a_save_that_lacks_its_suffix_under_keras_3_is_still_the_one() -> None:
    files = {"program.py": 'import tensorflow as tf\n\nmodel = tf.keras.models.load_model("scaled.keras")\n'}
    saving = '\n\ntf.keras.Sequential([tf.keras.Input((4,)), Scale(3.0)]).save("scaled")\n'
    layer = (
        "import tensorflow as tf\n\n\nclass Scale(tf.keras.layers.Layer):\n"
        "    def call(self, inputs):\n        return inputs * 2\n"
    )
    files |= {"scale.py": layer, "train.py": "import tensorflow as tf\n\nfrom scale import Scale" + saving}
    assert 'load_model("scaled.keras", custom_objects={"Scale": Scale})' in check.transformed(files)
    check.noop({**files, "requirements.txt": "tensorflow==2.12\n"})
