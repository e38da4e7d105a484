"""Tests of add-get-config."""

from __future__ import annotations

import pytest
from tools import Check

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

check = Check("add_get_config")

HEAD = "import tensorflow as tf\n\n\n"
CALL = """
    def call(self, inputs):
        return inputs
"""


def layer(init: str, made: str, *, after: str = CALL, base: str = "tf.keras.layers.Layer") -> str:
    """A layer with a constructor, a model with it that is saved."""
    code = f"class Own({base}):\n{init.rstrip()}\n{after}"
    return HEAD + code + f'\n\nmodel = tf.keras.Sequential([tf.keras.Input((4,)), {made}])\nmodel.save("own.keras")\n'


def kept(arguments: str, *statements: str, kwargs: bool = True) -> str:
    """A constructor."""
    signature, handed = (f"{arguments}, **kwargs", "**kwargs") if kwargs else (arguments, "")
    body = "".join(f"        {statement}\n" for statement in statements)
    return f"    def __init__(self, {signature}):\n        super().__init__({handed})\n{body}"


# What is changed. --------------------------------------------------------------------------------


def test_layers_and_lists_of_layers_are_serialized_and_made_again(snapshot):
    init = kept(
        "first, branches, heads, scale=1.0",
        *(f"self.{n} = {n}" for n in ("first", "branches", "heads")),
        "self._scale = scale",
    )
    made = 'Own(tf.keras.layers.Dense(4), [tf.keras.layers.Dense(4)], {"a": tf.keras.layers.Dense(1)}, scale=2.0)'
    check.transformed(layer(init, made), snapshot, severity=Severity.ERROR)


def test_getters_of_keras_restore_what_serialize_stores(snapshot):
    init = kept(
        "units, activation=None, kernel_initializer='ones', regularizer=None",
        "self.units = int(units)",
        "self.activation = tf.keras.activations.get(activation)",
        "self.init = tf.keras.initializers.get(kernel_initializer)",
        "self.regularizer = tf.keras.regularizers.get(regularizer)",
    )
    check.transformed(layer(init, "Own(3, activation=tf.nn.relu)"), snapshot)


@pytest.mark.parametrize(
    ("statements", "stored"),
    [
        (["self.size = size"], "self.size"),
        (["self._size = size"], "self._size"),
        (["self.size = tuple(size)"], "self.size"),
        (["self.size = size or 3"], "self.size"),
        (["self.size = 3 if size is None else size"], "self.size"),
        (["if size is None:", "    size = 3", "self.size = size"], "self.size"),
        (["self.size = (size, size) if isinstance(size, int) else size"], "self.size"),
        (["self.size = self.also = size"], "self.size"),
        (["self.size, self.other = size, 1"], "self.size"),
        (["self.size: int = size"], "self.size"),
        (["value = size", "self.size = value"], "self.size"),
        (["self.size = tf.constant(size, tf.float32)"], "self.size.numpy().tolist()"),
        (["self.size = size", "self.size = tf.cast(self.size, tf.float32)"], "self.size.numpy().tolist()"),
    ],
)
def test_attributes_keep_an_argument_in_many_ways(statements: list[str], stored: str):
    init = kept("size, act", *statements, "self.act = tf.keras.activations.get(act)")
    expected = f'config.update(\n            {{\n                "size": {stored},'
    assert expected in check.transformed(layer(init, "Own(4, tf.nn.relu)")) or f'{{"size": {stored},' in (
        check.transformed(layer(init, "Own(4, tf.nn.relu)"))
    )


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


# What is refused. --------------------------------------------------------------------------------

LAYER_GIVEN = "Own(tf.keras.layers.Dense(4), 3)"


@pytest.mark.parametrize(
    ("refusal", "init", "made"),
    [
        (NOT_KEPT, kept("inner, n", "self.inner = inner", "self.d = tf.keras.layers.Dense(n)"), LAYER_GIVEN),
        (NOT_KEPT, kept("inner, n", "self.inner = inner", "self.d = n * 2"), LAYER_GIVEN),
        (NAME_TAKEN, kept("inner, n", "self.inner = inner", "self.n = tf.keras.layers.Dense(n)"), LAYER_GIVEN),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), "Own(lambda x: x)"),
        (NOT_STORABLE, kept("fn", "self.fn = tf.keras.activations.get(fn)"), "Own(tf.math.sin)"),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), "Own(tf.keras.layers.Dense)"),
        (NOT_STORABLE, kept("fn", "self.fn = fn"), "Own(tf.Variable([1.0]))"),
        (POSITIONAL, kept("*inner", "self.inner = inner"), "Own(tf.keras.layers.Dense(4))"),
        (POSITIONAL, kept("inner, /", "self.inner = inner"), "Own(tf.keras.layers.Dense(4))"),
        (NO_SUPER, "    def __init__(self, inner):\n        self.inner = inner\n", "Own(tf.keras.layers.Dense(4))"),
    ],
)
def test_argument_that_cannot_be_given_back_is_refused(refusal: Refusal, init: str, made: str):
    check.refused(layer(init, made), refusal)


@pytest.mark.parametrize(
    "method",
    [
        "self.n = inputs.shape[-1]",
        "self.n += 1",
        "self.n.append(1)",
        "self.n[0] = 1",
        "for self.n in range(3): pass",
    ],
)
def test_attribute_that_changes_later_is_refused(method: str):
    build = f"{CALL}\n    def build(self, inputs):\n        {method}\n"
    init = kept("inner, n", "self.inner = inner", "self.n = n")
    check.refused(layer(init, LAYER_GIVEN, after=build), CHANGED)


def test_attribute_that_is_set_from_outside_is_refused():
    text = layer(kept("inner, n", "self.inner = inner", "self.n = n"), LAYER_GIVEN)
    check.refused(text + "\nmodel.layers[-1].n = 4\n", CHANGED)


def test_function_of_which_nothing_is_known_is_refused():
    called = "\n    def call(self, inputs):\n        return self.fn(self.inner(inputs))\n"
    init = kept("inner, fn", "self.inner = inner", "self.fn = fn")
    made = "Own(tf.keras.layers.Dense(4), helpers.pick())"
    text = layer(init, made, after=called).replace("import tensorflow", "import helpers\nimport tensorflow", 1)
    check.refused(text, UNKNOWN_ARGUMENT)


def test_cell_without_build_is_refused_for_keras_3():
    init = kept("units, act=tf.nn.tanh", "self.state_size = units", "self.units = units", "self.act = act")
    text = layer(init, "tf.keras.layers.RNN(Own(3))")
    check.refused(text, UNBUILT_CELL)
    check.transformed(text.replace("    def call", "    def build(self, shape):\n        pass\n\n    def call"))


def test_sequential_subclass_is_refused():
    init = kept("n", "self.n = n", "self.add(tf.keras.layers.Dense(n))", kwargs=False)
    check.refused(layer(init, "Own(3)", base="tf.keras.Sequential"), SEQUENTIAL)


def test_name_that_the_constructor_gives_its_base_is_refused_beside_a_get_config():
    config = CALL + "\n    def get_config(self):\n        return {**super().get_config(), 'n': self.n}\n"
    init = '    def __init__(self, n):\n        super().__init__(name="own")\n        self.n = n\n'
    check.refused(layer(init, "Own(3)", after=config), BASE)


def test_from_config_that_does_more_is_refused_without_a_get_config():
    own = "\n    @classmethod\n    def from_config(cls, config):\n        return cls(make(config))\n"
    check.refused(
        layer(kept("inner", "self.inner = inner"), "Own(tf.keras.layers.Dense(4))", after=CALL + own), OWN_FROM_CONFIG
    )


def test_name_that_is_taken_in_the_file_is_refused():
    text = layer(kept("inner", "self.inner = inner"), "Own(Dense(4))", base="Layer")
    text = text.replace(
        "import tensorflow as tf\n",
        "from tensorflow.keras import Input, Sequential\nfrom tensorflow.keras.layers import Dense, Layer\n",
    )
    text = text.replace("tf.keras.", "")
    check.refused(text + "layers = 3\n", UNNAMED)
    assert "from tensorflow.keras import Input, Sequential, layers\n" in check.transformed(text)


# What is left alone. -----------------------------------------------------------------------------


def test_simple_layers_are_restored_by_keras_itself():
    check.noop(layer(kept("units, rate=0.5", "self.units = units", "self.rate = rate"), "Own(3, rate=0.1)"))


def test_complete_get_config_needs_nothing():
    config = CALL + "\n    def get_config(self):\n        return {**super().get_config(), 'inner': self.inner}\n"
    check.noop(layer(kept("inner", "self.inner = inner"), "Own(3)", after=config))


def test_classes_that_nothing_saves_are_left_alone():
    text = layer(kept("inner", "self.inner = inner"), "Own(tf.keras.layers.Dense(4))")
    check.noop(text.replace('model.save("own.keras")', 'model.save_weights("own.weights.h5")'))


def test_classes_of_other_libraries_are_left_alone():
    text = layer(kept("inner", "self.inner = inner"), "Own(tf.keras.layers.Dense(4))", base="other.Layer")
    check.noop(text.replace("import tensorflow as tf\n", "import other\nimport tensorflow as tf\n"))
