"""Tests of add-get-config."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools import Check

from codemods.analysis.project import Project
from codemods.configs.emit import (
    BASE,
    CHANGED,
    NAME_TAKEN,
    NO_SUPER,
    NOT_KEPT,
    NOT_STORABLE,
    OWN_FROM_CONFIG,
    POSITIONAL,
    SEQUENTIAL,
    UNBUILT_CELL,
    UNKNOWN_ARGUMENT,
    UNNAMED,
)
from codemods.engine.codemod import Refusal, Severity
from codemods.engine.notebook import Notebook
from codemods.engine.result import Settings
from codemods.engine.rewrite import rewrite
from codemods.verify.run import Runner

check = Check("add_get_config")

NEWLINE = "\n"
HEAD = "import tensorflow as tf\n\n\n"
CALL = """
    def call(self, inputs):
        return inputs
"""
DENSE = "tf.keras.layers.Dense(4)"
OWN_DENSE = f"Own({DENSE})"
LAYER = "tf.keras.layers.Layer"


def kept(arguments: str, *statements: str, kwargs: bool = True) -> str:
    """A constructor."""
    signature, handed = (f"{arguments}, **kwargs", "**kwargs") if kwargs else (arguments, "")
    body = "".join(f"        {statement}\n" for statement in statements)
    return f"    def __init__(self, {signature}):\n        super().__init__({handed})\n{body}"


INNER = kept("inner", "self.inner = inner")


def program(init: str, made: str = OWN_DENSE, *, after: str = CALL, base: str = LAYER) -> str:
    """A class with a constructor, and a model with an object of it, which is saved."""
    model = f'model = tf.keras.Sequential([tf.keras.Input((4,)), {made}])\nmodel.save("own.keras")\n'
    return f"{HEAD}class Own({base}):\n{init.rstrip()}\n{after}\n\n{model}"


# What is changed. --------------------------------------------------------------------------------


def test_layers_lists_and_dicts_of_layers_are_made_again(snapshot):
    names = ("first", "branches", "heads", "last")
    init = kept(
        "first, branches, heads, last=None, scale=1.0", *(f"self.{n} = {n}" for n in names), "self._scale = scale"
    )
    made = f'Own({DENSE}, [{DENSE}], {{"a": {DENSE}}}, scale=2.0), Own({DENSE}, ({DENSE},), None, {DENSE})'
    check.transformed(program(init, made), snapshot, severity=Severity.ERROR)


def test_getters_of_keras_restore_what_serialize_stores(snapshot):
    init = kept(
        "units, activation=None, kernel_initializer='ones', regularizer=None, other=None",
        "self.units = int(units)",
        "self.activation = tf.keras.activations.get(activation)",
        "self.init = tf.keras.initializers.get(kernel_initializer)",
        "self.regularizer = tf.keras.regularizers.get(regularizer)",
        "self.other = None if other is None else tf.keras.activations.get(other)",
    )
    check.transformed(program(init, "Own(3, activation=tf.nn.relu)"), snapshot)


@pytest.mark.parametrize(
    ("statements", "stored"),
    [
        (["self.size = size"], "self.size"),
        (["self._size = size"], "self._size"),
        (["self.kernel = size"], "self.kernel"),
        (["self.size = tuple(size)"], "self.size"),
        (["self.size = size or 3"], "self.size"),
        (["self.size = 3 if size is None else size"], "self.size"),
        (["self.size = size if size is not None else int(3)"], "self.size"),
        (["if size is None:", "    size = 3", "self.size = size"], "self.size"),
        (["if size:", "    self.size = int(size)", "else:", "    self.size = 3"], "self.size"),
        (["self.size = (size, size) if isinstance(size, int) else size"], "self.size"),
        (["if isinstance(size, int):", "    size = [size]", "self.size = size"], "self.size"),
        (["self.size = self.also = size"], "self.size"),
        (["self.size, self.other = size, 1"], "self.size"),
        (["self.size: int = size"], "self.size"),
        (["value = size", "self.size = value"], "self.size"),
        (["with tf.name_scope('own'):", "    self.size = size"], "self.size"),
        (
            ['kwargs.setdefault("name", "own")', "self.size = size", "self.more = [1]", "self.more.append(2)"],
            "self.size",
        ),
        (["self.dense = tf.keras.layers.Dense(size)", "self.size = size"], "self.size"),
        (["self.size = np.asarray(size, dtype='float32')"], "self.size.tolist()"),
        (["self.size = tf.constant(size, tf.float32)"], "self.size.numpy().tolist()"),
        (["self.size = size", "self.size = tf.cast(self.size, tf.float32)"], "self.size.numpy().tolist()"),
    ],
)
def test_attributes_keep_an_argument_in_many_ways(statements: list[str], stored: str):
    init = kept("size", *statements)
    text = program(init, "Own(4, dtype=tf.float32)").replace(HEAD, "import numpy as np\n" + HEAD)
    assert f'        config.update({{"size": {stored}}})\n' in check.transformed(text)


@pytest.mark.parametrize(
    ("given", "stored", "restored"),
    [
        ("tf.nn.relu", "activations.serialize(self.x)", "activations.deserialize"),
        ("tf.keras.activations.gelu", "activations.serialize(self.x)", "activations.deserialize"),
        ("double", "activations.serialize(self.x)", "activations.deserialize"),
        (
            "'relu' if big else tf.nn.relu",
            "activations.serialize(tf.keras.activations.get(self.x))",
            "activations.deserialize",
        ),
        (
            "tf.nn.relu if big else unknown.act",
            "activations.serialize(tf.keras.activations.get(self.x))",
            "activations.deserialize",
        ),
        ("tf.keras.initializers.Zeros()", "initializers.serialize(self.x)", "initializers.deserialize"),
        ("tf.keras.regularizers.l2(0.1)", "regularizers.serialize(self.x)", "regularizers.deserialize"),
        ("tf.keras.losses.Huber()", "losses.serialize(self.x)", "losses.deserialize"),
        ("tf.keras.losses.mse", "losses.serialize(self.x)", "losses.deserialize"),
        ("tf.keras.metrics.Mean()", "metrics.serialize(self.x)", "metrics.deserialize"),
        ("tf.keras.optimizers.Adam(0.1)", "optimizers.serialize(self.x)", "optimizers.deserialize"),
        ("build()", "layers.serialize(self.x)", "layers.deserialize"),
        ("BLOCK", "layers.serialize(self.x)", "layers.deserialize"),
        ("np.ones(4)", "utils.serialize_keras_object(self.x)", "utils.deserialize_keras_object"),
        ("np.ones((4, 4)).mean(axis=0)", "utils.serialize_keras_object(self.x)", "utils.deserialize_keras_object"),
        ("tf.constant([1.0])", "utils.serialize_keras_object(self.x)", "utils.deserialize_keras_object"),
    ],
)
def test_objects_are_stored_by_the_module_of_keras_they_are_of(given: str, stored: str, restored: str):
    before = f"""\
import numpy as np
{HEAD}def double(x):
    return x * 2


def build():
    return {DENSE}


big = True
BLOCK = tf.keras.Sequential([{DENSE}])
"""
    text = program(kept("x", "self.x = x"), f"Own({given})").replace(HEAD, before)
    after = check.transformed(text)
    assert f'{{"x": tf.keras.{stored}}}' in after.replace("\n                ", "").replace(",\n            ", "")
    assert f'config["x"] = tf.keras.{restored}(config["x"])\n        return cls(**config)\n' in after


def test_constructors_gain_kwargs_in_their_own_layout(snapshot):
    check.transformed(
        HEAD
        + """\
class Own(tf.keras.layers.Layer):
\tdef __init__(
\t\tself,
\t\trate,  # of the dropout
\t\tname=None,  # in the summary
\t):
\t\tsuper(Own, self).__init__(
\t\t\tname=name,  # as it is
\t\t)
\t\tself.rate = rate

\tdef call(self, inputs):
\t\treturn inputs
\t# end of Own


class Net(tf.keras.Model):
\tdef __init__(self):
\t\tsuper().__init__()
\t\tself.own = Own(0.5)

\tdef call(self, inputs):
\t\treturn self.own(inputs)


net = Net()
net(tf.ones((1, 4)))
net.save('net.keras')
outer = tf.keras.Sequential([tf.keras.Input((4,)), Own(0.1)])
outer.save('own.keras')
""",
        snapshot,
    )


STYLES = [
    # ``update`` with a dict, and with names.
    ["config = super().get_config()", "config.update({'k': self.k,  # the factor", "})", "return config"],
    ["config = super().get_config()", "config.update(k=self.k)", "return config"],
    # The way of old.
    [
        "config = {'k': self.k}",
        "base_config = super(Own, self).get_config()",
        "return dict(list(base_config.items()) + list(config.items()))",
    ],
    ["return {**super().get_config(), 'k': self.k}"],
    ["return dict(super().get_config(), k=self.k)"],
    ["return super().get_config() | {'k': self.k}"],
    ["config = super().get_config()", "config['k'] = self.k", "return config"],
    # Nothing of its own.
    ["return super().get_config()"],
    ["config: dict = super().get_config()", "return config"],
    # Nothing of its base's, or that by its name.
    ["return {'k': self.k}"],
    ["config = tf.keras.layers.Layer.get_config(self)", "config.update(k=self.k)", "return config"],
]


def test_each_style_of_get_config_is_completed_in_its_own_way(snapshot):
    classes = "".join(
        f"class Own{number}(tf.keras.layers.Layer):\n{kept('k=1.0, b=0.0', 'self.k = k', 'self.b = b')}{CALL}\n"
        f"    def get_config(self):\n        {(NEWLINE + 8 * ' ').join(style).replace('Own', f'Own{number}')}\n\n\n"
        for number, style in enumerate(STYLES)
    )
    made = ", ".join(f"Own{number}(2.0, b=1.0)" for number in range(len(STYLES)))
    text = f'{HEAD}{classes}model = tf.keras.Sequential([{made}])\nmodel.save("own.keras")\n'
    check.transformed(text, snapshot, severity=Severity.ERROR)


def test_long_lines_of_a_get_config_are_broken_up(snapshot):
    names = [f"{first}_of_the_{second}" for first in ("rate", "size", "scale") for second in ("encoder", "decoder")]
    init = kept(", ".join(f"{name}=1" for name in names), *(f"self.{name} = {name}" for name in names))
    forgetful = [
        "return super().get_config()",
        "config = super().get_config()\n        config.update({'%s': self.%s})\n        return config"
        % (2 * (names[0],)),
    ]
    classes = [
        f"class Own{n}({LAYER}):\n{init}{CALL}\n    def get_config(self):\n        {body}\n\n\n"
        for n, body in enumerate(forgetful)
    ]
    check.transformed(HEAD + "".join(classes), snapshot, severity=Severity.WARNING)


def test_objects_in_a_get_config_are_serialized(snapshot):
    init = kept(
        "inner, blocks, act",
        "self.inner = inner",
        "self.blocks = list(blocks)",
        "self.act = tf.keras.activations.get(act)",
    )
    config = """
    def get_config(self):
        return {
            **super().get_config(),
            "inner": self.inner,
            "blocks": self.blocks,  # in their order
            "act": self.act,
        }
"""
    check.transformed(program(init, f"Own({DENSE}, [{DENSE}], 'relu')", after=CALL + config), snapshot)


def test_initializers_in_a_get_config_are_serialized_for_h5():
    init = kept("start", "self.start = tf.keras.initializers.get(start)")
    config = CALL + "\n    def get_config(self):\n        return {**super().get_config(), 'start': self.start}\n"
    text = program(init, "Own('ones')", after=config)
    check.noop(text)
    after = check.transformed(text.replace("own.keras", "own.h5"))
    assert "'start': tf.keras.initializers.serialize(self.start)}" in after


def test_models_losses_metrics_schedules_and_parts_of_layers(snapshot):
    check.transformed(PARTS + TRAINED, snapshot)


def test_base_of_the_project_is_completed_with_what_is_derived_from_it(snapshot):
    files = {
        "nets/blocks.py": """\
from .base import Block


class Gated(Block):
    def __init__(self, units, gate, name="gated"):
        super().__init__(units, name=name)
        self.gate = gate

    def call(self, inputs):
        return self.gate(inputs)


class Wide(Block):
    def __init__(self, units, factor=2, **kwargs):
        super().__init__(units, **kwargs)
        self.factor = factor
""",
        "nets/base.py": """\
from tensorflow.keras.layers import Layer


class Block(Layer):
    def __init__(self, units, name=None):
        super().__init__(name=name)
        self.units = units
""",
        "nets/__init__.py": "",
        "train.py": """\
import tensorflow as tf

from nets.blocks import Gated, Wide

model = tf.keras.Sequential([tf.keras.Input((4,)), Gated(3, tf.nn.tanh), Wide(4, factor=3)])
model.save("gated.keras")
""",
    }
    check.transformed(files, snapshot)
    base = dict(sorted(files.items(), key=lambda file: file[0] != "nets/base.py"))
    assert "def __init__(self, units, name=None, **kwargs):\n        super().__init__(name=name, **kwargs)" in (
        check.transformed(base)
    )


def test_wrapper_makes_its_own_layer_itself(snapshot):
    init = kept("layer, norm", "self.norm = norm").replace("__init__(**", "__init__(layer, **")
    check.transformed(program(init, f"Own({DENSE}, {DENSE})", base="tf.keras.layers.Wrapper"), snapshot)


def test_model_that_is_given_a_name_keeps_it_under_keras_2():
    text = f"{HEAD}class Net(tf.keras.Model):\n{kept('n', 'self.n = n')}{CALL}\n\nnet = Net(3, name='net')\n"
    after = check.transformed(text + "net.save('net.keras')\n")
    assert "config.update({'name': self.name, 'n': self.n})" in after


def test_of_two_definitions_the_one_that_is_saved_is_completed():
    first, _, rest = program(INNER).partition("class Own")
    text = f"{first}class Own{rest.partition('model =')[0]}class Own{rest}"
    after = check.transformed(text)
    assert after.count("def get_config") == 1
    assert after.index("def get_config") > after.rindex("class Own")


def test_lists_are_copied_for_h5_files():
    init = kept("sizes, names, inner", "self.sizes = sizes", "self.names = names", "self.inner = inner")
    text = program(init, f"Own([1, 2], {{'a': 1}}, {DENSE})")
    assert "self.sizes," in check.transformed(text)
    after = check.transformed(text.replace("own.keras", "own.h5"))
    assert all(code in after for code in ("list(self.sizes)", "dict(self.names)"))


def test_forgotten_argument_of_a_class_that_is_not_saved_is_a_warning():
    config = CALL + "\n    def get_config(self):\n        return {**super().get_config()}\n"
    text = program(kept("n=3", "self.n = n"), "Own()", after=config)
    check.transformed(text.replace('model.save("own.keras")', ""), severity=Severity.WARNING)


def test_registered_class_is_completed_without_a_save():
    text = program(kept("fn", "self.fn = fn"), "Own(tf.nn.relu)").replace('model.save("own.keras")', "")
    check.noop(text)
    check.transformed(
        text.replace("class Own", "@tf.keras.utils.register_keras_serializable()\nclass Own"), severity=Severity.WARNING
    )


@pytest.mark.parametrize(
    "saved",
    [
        "tf.keras.models.save_model(model, 'own.h5')",
        "model.fit(x, y, callbacks=[tf.keras.callbacks.ModelCheckpoint('best.keras')])",
        "text = model.to_json()",
        "other = tf.keras.models.clone_model(model)",
        "config = model.get_config()",
        "model.save('folder')",
        f"config = {OWN_DENSE}.get_config()",
    ],
)
def test_ways_to_save(saved: str):
    check.transformed(program(INNER).replace('model.save("own.keras")', saved), severity=Severity.ERROR)


def test_notebook_cells_are_one_program():
    cells = [
        "import tensorflow as tf",
        f"%matplotlib inline\nclass Own({LAYER}):\n{INNER}{CALL}".rstrip(),
        f'model = tf.keras.Sequential([tf.keras.Input((4,)), {OWN_DENSE}])\nmodel.save("own.keras")',
    ]
    cells_of = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
    data = json.dumps({"cells": cells_of, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()
    notebook = Notebook.parse(Path("own.ipynb"), data)
    files = Project.of({"own.ipynb": notebook.text})
    result = rewrite(notebook.text, "own.ipynb", Settings(("add-get-config",)), files)
    sources = [cell["source"] for cell in json.loads(notebook.render(result.text))["cells"]]
    assert [sources[0], sources[2]] == [cells[0], cells[2]]
    assert sources[1].startswith("%matplotlib inline\nclass Own")
    assert "def get_config(self):" in sources[1]


# What is refused. --------------------------------------------------------------------------------

GIVEN_TWO = f"Own({DENSE}, 3)"


@pytest.mark.parametrize(
    ("refusal", "init", "made"),
    [
        (NOT_KEPT, kept("inner, n", "self.inner = inner", "self.d = tf.keras.layers.Dense(n)"), GIVEN_TWO),
        (NOT_KEPT, kept("inner, n", "self.inner = inner", "self.d = n * 2"), GIVEN_TWO),
        (NOT_KEPT, kept("inner, n", "self.inner = inner", "for self.d in range(n): pass"), GIVEN_TWO),
        (NOT_KEPT, kept("inner, n", "self.inner = inner", "self.d = max(n, 2)", "self.d += 1"), GIVEN_TWO),
        (NOT_KEPT, kept("inner, n", "self.inner = inner", "if n:", "    self.d = n", "else:", "    pass"), GIVEN_TWO),
        (NAME_TAKEN, kept("inner, n", "self.inner = inner", "self.n = tf.keras.layers.Dense(n)"), GIVEN_TWO),
        (NAME_TAKEN, kept("inner, n", "self.inner = inner", "n = n + 1", "self.n = n"), GIVEN_TWO),
        (NAME_TAKEN, kept("inner, n", "self.inner = inner", "self.n = n", "self.n.append(1)"), GIVEN_TWO),
        (NAME_TAKEN, kept("inner, n", "self.inner = inner", "self.n = n", "n.append(1)"), GIVEN_TWO),
        (NAME_TAKEN, kept("inner, n", "self.inner = inner", "self.n = n", "n[0] = 1"), GIVEN_TWO),
        (NAME_TAKEN, kept("inner, n", "self.inner = inner", "self.n = n", "self.n *= 2"), GIVEN_TWO),
        (NAME_TAKEN, kept("inner, n", "self.inner = inner", "self.n = n if n > 3 else n + 1"), GIVEN_TWO),
        (
            NOT_KEPT,
            '    def __init__(self, fn, name="a"):\n        super().__init__(name=name + "_b")\n        self.fn = fn\n',
            "Own(tf.nn.relu, name='c')",
        ),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), "Own(lambda x: x)"),
        (NOT_STORABLE, kept("fn", "self.fn = tf.keras.activations.get(fn)"), "Own(tf.math.sin)"),
        (NOT_STORABLE, kept("fn", "self.fn = tf.keras.activations.get(fn)"), "Own(tf.nn.silu)"),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), "Own(tf.keras.layers.Dense)"),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), "Own(tf.Variable([1.0]))"),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), f"Own({DENSE}), Own(tf.nn.relu)"),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), f"Own([{DENSE}, tf.nn.relu])"),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), f"Own([{DENSE}]), Own({DENSE})"),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), f"Own([{DENSE}]), Own({{}})"),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), f"Own('dense'), Own({DENSE})"),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), "Own(Settings())"),
        (POSITIONAL, kept("*inner", "self.inner = inner"), OWN_DENSE),
        (POSITIONAL, kept("inner, /", "self.inner = inner"), OWN_DENSE),
        (NO_SUPER, "    def __init__(self, inner):\n        self.inner = inner\n", OWN_DENSE),
        (NO_SUPER, "    def __init__(self, inner):\n        if inner:\n            super().__init__()\n", OWN_DENSE),
        (UNKNOWN_ARGUMENT, kept("inner", "self.inner = inner", "self.k = kwargs.pop('k', 1)"), OWN_DENSE),
        (UNKNOWN_ARGUMENT, kept("inner", "self.inner = inner", "self.d = make(**kwargs)"), OWN_DENSE),
    ],
)
def test_argument_that_cannot_be_given_back_is_refused(refusal: Refusal, init: str, made: str):
    settings = "class Settings:\n    size = 3\n\n\n"
    check.refused(program(init, made).replace(HEAD, HEAD + settings), refusal)


@pytest.mark.parametrize(
    "method",
    ["self.n = inputs.shape[-1]", "self.n += 1", "self.n.append(1)", "self.n[0] = 1", "del self.n"],
)
def test_attribute_that_changes_later_is_refused(method: str):
    build = f"{CALL}\n    def build(self, inputs):\n        {method}\n"
    init = kept("inner, n", "self.inner = inner", "self.n = n")
    check.refused(program(init, GIVEN_TWO, after=build), CHANGED)


def test_attribute_that_is_set_from_outside_is_refused():
    text = program(kept("inner, n", "self.inner = inner", "self.n = n"), GIVEN_TWO)
    check.refused(text + "\nmodel.layers[-1].n = 4\n", CHANGED)


@pytest.mark.parametrize("called", ["self.fn(inputs)", "[each(inputs) for each in self.fn]", "self.fn[0](inputs)"])
def test_function_of_which_nothing_is_known_is_refused(called: str):
    call = f"\n    def call(self, inputs):\n        return {called}\n"
    init = kept("inner, fn", "self.inner = inner", "self.fn = fn")
    text = program(init, f"Own({DENSE}, helpers.pick())", after=call)
    check.refused(text.replace("import tensorflow", "import helpers\nimport tensorflow", 1), UNKNOWN_ARGUMENT)


def test_cell_without_build_is_refused_for_keras_3():
    init = kept("units, act=tf.nn.tanh", "self.state_size = units", "self.units = units", "self.act = act")
    text = program(init, "tf.keras.layers.RNN(Own(3))")
    check.refused(text, UNBUILT_CELL)
    check.transformed(text.replace("    def call", "    def build(self, shape):\n        pass\n\n    def call"))


def test_sequential_subclass_is_refused():
    init = kept("n", "self.n = n", "self.add(tf.keras.layers.Dense(n))", kwargs=False)
    check.refused(program(init, "Own(3)", base="tf.keras.Sequential"), SEQUENTIAL)


def test_arrays_in_h5_files_are_refused():
    text = program(kept("mean", "self.mean = mean"), "Own(np.ones(4))").replace(HEAD, "import numpy as np\n" + HEAD)
    check.refused(text.replace("own.keras", "own.h5"), NOT_STORABLE)


def test_name_that_the_constructor_gives_its_base_is_refused_beside_a_get_config():
    config = CALL + "\n    def get_config(self):\n        return {**super().get_config(), 'n': self.n}\n"
    init = '    def __init__(self, n):\n        super().__init__(name="own")\n        self.n = n\n'
    check.refused(program(init, "Own(3)", after=config), BASE)


def test_from_config_that_does_more_is_refused_without_a_get_config():
    own = "\n    @classmethod\n    def from_config(cls, config):\n        return cls(make(config))\n"
    check.refused(program(INNER, after=CALL + own), OWN_FROM_CONFIG)


def test_name_that_is_taken_in_the_file_is_refused():
    text = program(INNER, "Own(Dense(4))", base="Layer").replace("tf.keras.", "")
    imports = "from tensorflow.keras import Input, Sequential\nfrom tensorflow.keras.layers import Dense, Layer\n"
    text = text.replace("import tensorflow as tf\n", imports)
    check.refused(text + "layers = 3\n", UNNAMED)
    assert "from tensorflow.keras import Input, Sequential, layers\n" in check.transformed(text)


# What is left alone. -----------------------------------------------------------------------------

COMPLETE = "{**super().get_config(), 'inner': tf.keras.layers.serialize(self.inner)}"
GET_CONFIG = f"{CALL}\n    def get_config(self):\n        return {COMPLETE}\n"
FROM_CONFIG = f"""{GET_CONFIG}
    @classmethod
    def from_config(cls, config):
        return cls(tf.keras.layers.deserialize(config.pop("inner")), **config)
"""


@pytest.mark.parametrize(
    ("init", "made"),
    [
        (kept("units, rate=0.5", "self.units = units", "self.rate = rate"), "Own(3, rate=0.1)"),
        (kept("units", "self.d = tf.keras.layers.Dense(units)"), "Own(3)"),
        (kept("sizes, names=()", "self.n = len(sizes)"), "Own([1, (2, 3)], names={'a': None})"),
        (kept("act='relu'", "self.act = tf.keras.activations.get(act)"), "Own('tanh', name='own')"),
        (kept("units", "self.units = units"), "Own(unknown.units)"),
        (kept("*sizes", "self.sizes = sizes"), "Own()"),
        ("    def __init__(self, units, trainable=True, name=None, dtype=None):\n"
         "        super().__init__(trainable=trainable, name=name, dtype=dtype)\n", "Own(3)"),
        ("    def build(self, shape):\n        self.w = 1\n", "Own(dtype='float16')"),
        ("    def __init__(self, **options):\n        super().__init__(**options)\n", "Own(name='own')"),
    ],
)  # fmt: skip
def test_simple_layers_are_restored_by_keras_itself(init: str, made: str):
    check.noop(program(init, made))


@pytest.mark.parametrize("methods", [FROM_CONFIG, FROM_CONFIG.replace(COMPLETE, "{'inner': self.inner}")])
def test_complete_get_config_needs_nothing(methods: str):
    check.noop(program(INNER, after=methods))


@pytest.mark.parametrize(
    "body",
    [
        "config = super().get_config()\n        config.update(self.options)\n        return config",
        "return {name: getattr(self, name) for name in self.fields}",
        "config = {}\n        if self.n:\n            config['n'] = self.n\n        return config",
        "return {**super().get_config(), **vars(self)}",
        "return make_config(self)",
        "config = super().get_config()\n        fill(config)\n        return config",
    ],
)
def test_get_config_that_cannot_be_read_is_left_alone(body: str):
    config = f"{CALL}\n    def get_config(self):\n        {body}\n"
    check.noop(program(kept("n, m", "self.n = n", "self.m = m"), "Own(3, 4)", after=config))


@pytest.mark.parametrize(
    "instead",
    [
        "",
        "model.save_weights('own.weights.h5')",
        "tf.train.Checkpoint(model=model).save('own')",
        "image.save('own.keras')",
        "model.fit(x, y, callbacks=[tf.keras.callbacks.ModelCheckpoint('w', save_weights_only=True)])",
    ],
)
def test_classes_that_nothing_saves_are_left_alone(instead: str):
    check.noop(program(INNER).replace('model.save("own.keras")', instead))


def test_subclassed_model_in_h5_is_left_alone_since_it_cannot_be_loaded():
    text = f"{HEAD}class Net(tf.keras.Model):\n{kept('n', 'self.n = n')}{CALL}\n\nnet = Net(3)\nnet.save('net.h5')\n"
    check.noop(text)
    check.transformed(text.replace("net.h5", "net.keras"))


@pytest.mark.parametrize("base", ["other.Layer", "nn.Module", "object", "Unknown"])
def test_classes_of_other_libraries_are_left_alone(base: str):
    text = program(INNER, base=base)
    check.noop(
        text.replace("import tensorflow as tf\n", "import other\nfrom torch import nn\nimport tensorflow as tf\n")
    )


def test_class_with_an_unknown_base_is_left_alone():
    text = program(INNER, base=f"Mixin, {LAYER}")
    check.noop(text.replace("import tensorflow as tf\n", "import tensorflow as tf\nfrom mixins import Mixin\n"))


def test_bases_of_keras_that_may_store_arguments_or_not_are_left_alone():
    check.noop(program(INNER, base="tf.keras.layers.experimental.preprocessing.PreprocessingLayer"))
    check.noop(program(INNER, base="tf.keras.layers.AbstractRNNCell"))
    text = program(INNER, base=f"{LAYER}, Generic[T]").replace("import", "from typing import Generic\nimport", 1)
    check.transformed(text)


def test_callbacks_and_plain_classes_are_not_saved():
    for base in ("tf.keras.callbacks.Callback", "tf.Module", "tf.keras.utils.Sequence"):
        check.noop(program(INNER, f"{DENSE}])\nown = Own(3)\nprint([own", base=base))


@pytest.mark.parametrize("base", ["tf.Module", "tf.keras.utils.Sequence", "tf.keras.callbacks.Callback", "Exception"])
def test_what_is_no_part_of_a_model_is_left_alone(base: str):
    check.noop(program(INNER, f"{DENSE}])\nown = Own({DENSE})\nprint([own", base=base))


def test_layer_that_is_only_tried_out_is_left_alone():
    check.noop(HEAD + f"class Own({LAYER}):\n{INNER}{CALL}\n\nprint({OWN_DENSE}(tf.ones((1, 2))))\n")


def test_own_functions_that_are_called_save_are_left_alone():
    check.noop(program(INNER).replace("model.save(", "import storage\n\nstorage.save(model, "))


def test_dataclasses_are_left_alone():
    text = program("    units: int = 3\n", "Own(3)").replace("class Own", "@dataclasses.dataclass\nclass Own")
    check.noop("import dataclasses\n" + text)


def test_weights_come_back_from_the_file():
    config = CALL + "\n    def get_config(self):\n        return super().get_config()\n"
    check.noop(program(kept("weights=None", "self.load = weights"), "Own(weights='imagenet')", after=config))


def test_argument_that_the_base_of_keras_gives_back_is_not_forgotten():
    init = "    def __init__(self, units, **kwargs):\n        super().__init__(units, **kwargs)\n"
    check.noop(program(init, "Own(3)", base="tf.keras.layers.Dense"))
    named = "    def __init__(self, units=3, **kwargs):\n        super().__init__(units=units, **kwargs)\n"
    check.noop(program(named, "Own(units=4)", base="tf.keras.layers.Dense"))
    free = "    def __init__(self, *args, **kwargs):\n        super().__init__(*args, **kwargs)\n"
    check.noop(program(free, "Own(3)", base="tf.keras.layers.Dense"))


def test_initializers_that_are_made_with_their_defaults_need_nothing():
    init = "    def __init__(self, low=0.0):\n        self.low = low\n\n    def __call__(self, shape):\n        pass"
    made = "tf.keras.layers.Dense(4, kernel_initializer=Own())"
    check.noop(program(init, made, base="tf.keras.initializers.Initializer", after=""))
    check.transformed(
        program(init, made.replace("Own()", "Own(1.0)"), base="tf.keras.initializers.Initializer", after="")
    )


def test_what_several_bases_are_given_is_not_forgotten():
    text = f"""{HEAD}class Drop:
    def __init__(self, rate):
        self.rate = rate

    def get_config(self):
        return {{"rate": self.rate}}


class Own(Drop, tf.keras.layers.Dense):
    def __init__(self, units, rate, **kwargs):
        Drop.__init__(self, rate)
        tf.keras.layers.Dense.__init__(self, units, **kwargs)

    def get_config(self):
        return {{**tf.keras.layers.Dense.get_config(self), **Drop.get_config(self)}}


model = tf.keras.Sequential([tf.keras.Input((4,)), Own(3, 0.5)])
model.save("own.keras")
"""
    check.noop(text)


def test_abstract_base_that_only_derived_classes_complete_is_left_alone():
    config = CALL + "\n    def get_config(self):\n        return super().get_config()\n"
    derived = (
        "class Real(Own):\n    def __init__(self, **kwargs):\n        super().__init__(max, **kwargs)\n\n\nmodel ="
    )
    text = program(kept("fn", "self.fn = fn"), "Real()", after=config).replace("model =", derived)
    check.noop(text.replace('model.save("own.keras")', ""))


@pytest.mark.parametrize(
    ("asked", "changed"),
    [("tensorflow==2.15.0", False), ("tensorflow>=2.4,<2.16", False), ("tensorflow>=2.16", True), ("numpy", True)],
)
def test_what_only_keras_3_needs_is_for_programs_with_keras_3(asked: str, changed: bool):
    init = kept("n", "self.n = n", kwargs=False)
    text = f"{HEAD}class Net(tf.keras.Model):\n{init}{CALL}\n\nnet = Net(3)\nnet(1)\nnet.save('net.keras')\n"
    files = {"net.py": text, "requirements.txt": asked}
    result = rewrite(text, "net.py", Settings(("add-get-config",)), Project.of(files))
    assert (result.text != text) is changed
    assert bool(result.findings) is changed


def test_folders_need_nothing_under_keras_2():
    files = {"own.py": program(INNER).replace("own.keras", "own"), "requirements.txt": "tensorflow==2.12"}
    check.noop(files)
    files["own.py"] = program(INNER)
    check.transformed(files)


# Under TensorFlow. -------------------------------------------------------------------------------

PARTS = """\
import tensorflow as tf


class Scale(tf.keras.layers.Layer):
    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


class Residual(tf.keras.layers.Layer):
    def __init__(self, inner, branches=(), activation=tf.nn.relu, size=None, **kwargs):
        super(Residual, self).__init__(**kwargs)
        self.inner = inner
        self.branches = list(branches)
        self._activation = tf.keras.activations.get(activation)
        self.size = size or 2

    def call(self, inputs):
        found = self.inner(inputs)
        for branch in self.branches:
            found = found + branch(inputs)
        return self._activation(inputs + found) * self.size


class Normalize(tf.keras.layers.Layer):
    def __init__(self, mean, **kwargs):
        super().__init__(**kwargs)
        self.mean = mean

    def call(self, inputs):
        return inputs - self.mean


class Amplified(tf.keras.layers.Dense):
    def __init__(self, units, gain=1.0):
        super().__init__(units, activation="tanh")
        self.gain = gain

    def call(self, inputs):
        return super().call(inputs) * self.gain


class Forgetful(tf.keras.layers.Layer):
    def __init__(self, low, high=9.0, **kwargs):
        super().__init__(**kwargs)
        self.low, self.high = low, high

    def call(self, inputs):
        return tf.clip_by_value(inputs, self.low, self.high)

    def get_config(self):
        config = super().get_config()
        config.update({"low": self.low})
        return config


class Net(tf.keras.Model):
    def __init__(self, units, encoder=None, rate=1.0):
        super().__init__()
        self.units = units
        self.encoder = encoder
        self.rate = float(rate)
        self.dense = tf.keras.layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs if self.encoder is None else self.encoder(inputs)) * self.rate


class Plain(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


class Ridge(tf.keras.regularizers.Regularizer):
    def __init__(self, strength=0.5):
        self.strength = strength

    def __call__(self, weights):
        return self.strength * tf.reduce_sum(weights)


class Filled(tf.keras.initializers.Initializer):
    def __init__(self, value):
        self._value = value

    def __call__(self, shape, dtype=None, **kwargs):
        return tf.fill(shape, tf.cast(self._value, dtype or tf.float32))


class Warmup(tf.keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, width, steps=4000):
        super().__init__()
        self.width = width
        self.width = tf.cast(self.width, tf.float32)
        self.steps = steps

    def __call__(self, step):
        return tf.math.rsqrt(self.width) * tf.cast(step + 1, tf.float32) / self.steps


class Power(tf.keras.losses.Loss):
    def __init__(self, exponent=2.0, name="power"):
        super().__init__(name=name)
        self.exponent = exponent

    def call(self, y_true, y_pred):
        return tf.reduce_mean(tf.abs(y_true - y_pred) ** self.exponent, axis=-1)


class Above(tf.keras.metrics.Mean):
    def __init__(self, threshold, **kwargs):
        super().__init__(name="above", **kwargs)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(tf.cast(y_pred > self.threshold, tf.float32))


"""
TRAINED = """\
x = tf.reshape(tf.range(8.0), (2, 4)) / 4.0 - 1.0
Dense = tf.keras.layers.Dense
KNOWN = {name: value for name, value in globals().items() if isinstance(value, type)}
TRIED = {
    "scale": lambda: chain(Scale(3.0)),
    "residual": lambda: chain(Residual(Dense(4), [Dense(4), Scale(2.0)], size=3)),
    "array": lambda: chain(Normalize(tf.constant([1.0, 2.0, 3.0, 0.1]))),
    "derived": lambda: chain(Amplified(3, gain=2.0)),
    "forgetful": lambda: chain(Forgetful(-0.5, high=0.5)),
    "model": lambda: Net(2, rate=3),
    "nested model": lambda: Net(2, encoder=tf.keras.Sequential([tf.keras.Input((4,)), Dense(3)])),
    "no arguments": lambda: Plain(),
    "parts": lambda: chain(Dense(1, kernel_regularizer=Ridge(0.1), kernel_initializer=Filled(2.0))),
    "training": lambda: trained(chain(Dense(1))),
}


def chain(*layers):
    return tf.keras.Sequential([tf.keras.Input((4,)), *layers])


def trained(model):
    model.compile(tf.keras.optimizers.SGD(Warmup(16, steps=10)), Power(3.0), metrics=[Above(0.1)])
    model.fit(x, tf.ones((2, 1)), verbose=0)
    return model


def told(model):
    found = [model(x).numpy().tolist(), [float(loss) for loss in model.losses]]
    if getattr(model, "optimizer", None) is not None:
        found.append(model.evaluate(x, tf.ones((2, 1)), verbose=0))
        model.fit(x, tf.ones((2, 1)), verbose=0)
        found.append(model(x).numpy().tolist())
    return found


for name, build in TRIED.items():
    tf.keras.utils.set_random_seed(1)
    try:
        model = build()
        model(x)
        model.save("tried.keras")
        loaded = tf.keras.models.load_model("tried.keras", custom_objects=KNOWN)
        print(name, "same" if told(model) == told(loaded) else "different")
    except (TypeError, ValueError, NotImplementedError) as error:
        print(name, type(error).__name__)
"""
OTHER_WAYS = """\
x = tf.reshape(tf.range(8.0), (2, 4)) / 4.0 - 1.0
inputs = tf.keras.Input((4,))
inner = tf.keras.layers.Dense(4, kernel_initializer=Filled(2.0))
outputs = Residual(Residual(inner, activation="tanh", name="first"), size=0)(inputs)
model = tf.keras.Model(inputs, Residual(tf.keras.layers.Dense(4))(outputs))
known = {"Residual": Residual, "Filled": Filled}
expected = model(x).numpy().tolist()
text = model.to_json()
model.save("own.h5")
with tf.keras.utils.custom_object_scope(known):
    made = [
        tf.keras.models.load_model("own.h5"),
        tf.keras.models.model_from_json(text),
        tf.keras.models.clone_model(model),
    ]
for each in made:
    each.set_weights(model.get_weights())
    print(each(x).numpy().tolist() == expected, each.layers[1].inner.name)
"""
# What each does before, with Keras 2 and with Keras 3.
BEFORE = {
    "scale": ("same", "TypeError"),
    "residual": ("NotImplementedError", "NotImplementedError"),
    "array": ("NotImplementedError", "NotImplementedError"),
    "derived": ("TypeError", "TypeError"),
    "forgetful": ("different", "different"),
    "model": ("same", "NotImplementedError"),
    "nested model": ("TypeError", "NotImplementedError"),
    "no arguments": ("same", "TypeError"),
    "parts": ("NotImplementedError", "NotImplementedError"),
    "training": ("NotImplementedError", "NotImplementedError"),
}


def told(runner: Runner, text: str) -> dict[str, str]:
    """Run the program of all parts; return what became of each."""
    result = runner.run_source({"main.py": text}, "main.py")
    assert result.ok, result.exception
    lines = (line.rpartition(" ") for line in result.stdout.splitlines())
    return {name: what for name, _, what in lines}


@pytest.mark.tensorflow
def test_what_was_saved_is_restored(runner: Runner) -> None:
    before = told(runner, PARTS + TRAINED)
    assert before in ({name: each[keras] for name, each in BEFORE.items()} for keras in (0, 1))
    after = check.transformed(PARTS + TRAINED)
    assert told(runner, after) == dict.fromkeys(BEFORE, "same")


@pytest.mark.tensorflow
def test_what_is_saved_in_other_ways_is_restored(runner: Runner) -> None:
    assert runner.run_source({"main.py": PARTS + OTHER_WAYS}, "main.py").exception is not None
    result = runner.run_source({"main.py": check.transformed(PARTS + OTHER_WAYS)}, "main.py")
    assert result.ok, result.exception
    assert result.stdout == "True first\n" * 3


@pytest.mark.tensorflow
def test_wrong_get_configs_are_found_out(runner: Runner) -> None:
    after = check.transformed(PARTS + TRAINED)
    wrong = after.replace('"size": self.size', '"size": 2').replace('"high": self.high', '"high": self.low')
    wrong = wrong.replace("tf.keras.layers.deserialize(layer) for", "Dense(4) for")
    assert wrong.count("Dense(4) for") == 1
    found = told(runner, wrong)
    assert {name for name, what in found.items() if what != "same"} == {"residual", "forgetful"}
