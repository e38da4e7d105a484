"""Tests of what TensorFlow traces, and of who refers to it."""

from __future__ import annotations

import ast

import pytest

from codemods.analysis.module import Module
from codemods.analysis.project import Project
from codemods.analysis.tracing import is_keras_class, is_traced, references, traced_functions


def module_of(text: str, **others: str) -> Module:
    """Return the module `main` of a project."""
    files = {"main.py": "import tensorflow as tf\n\n" + text, **{f"{name}.py": other for name, other in others.items()}}
    module = Project.of(files).module("main.py")
    assert module is not None
    return module


def marked(module: Module) -> ast.Call:
    """Return the call of `mark`."""
    return next(c for c in module.find_all(ast.Call) if isinstance(c.func, ast.Name) and c.func.id == "mark")


@pytest.mark.parametrize(
    "text",
    [
        "@tf.function\ndef f(x): pass\n",
        "@tf.function()\ndef f(x): pass\n",
        "@tf.function(jit_compile=True)\ndef f(x): pass\n",
        "@tf.function(None, [])\ndef f(x): pass\n",
        "from tensorflow import function as fn\n@fn\ndef f(x): pass\n",
        "import tensorflow.compat.v2 as tf2\n@tf2.function\ndef f(x): pass\n",
        "fn = tf.function\n@fn\ndef f(x): pass\n",
        "fast = tf.function(jit_compile=True)\n@fast\ndef f(x): pass\n",
        "import functools\n@functools.partial(tf.function, autograph=False)\ndef f(x): pass\n",
        "def f(x): pass\ng = tf.function(f)\n",
        "def f(x): pass\nf = tf.function(f)\n",
        "def f(x): pass\ng = tf.function(func=f)\n",
        "def f(x): pass\ng = tf.function(autograph=False)(f)\n",
        "@staticmethod\n@tf.function\ndef f(x): pass\n",
    ],
)
def test_the_program_asks_for_it(text: str) -> None:
    assert [traced.function.name for traced in traced_functions(module_of(text))] == ["f"]


@pytest.mark.parametrize(
    "text",
    [
        "def f(x): pass\n",
        "from other import function\n@function\ndef f(x): pass\n",
        "def function(f): return f\n@function\ndef f(x): pass\n",
        "@tf.custom_gradient\ndef f(x): pass\n",
        "@tf.autograph.experimental.do_not_convert\ndef f(x): pass\n",
        "def f(x): pass\ng = tf.identity(f)\n",
        "from other import g\nf = tf.function(g)\n",
    ],
)
def test_nothing_asks_for_it(text: str) -> None:
    assert list(traced_functions(module_of(text))) == []


def test_options_that_are_on_or_not_known_to_be_off() -> None:
    text = "@tf.function(jit_compile={})\ndef f(x): pass\n"
    assert [
        next(traced_functions(module_of(text.format(value)))).option("jit_compile")
        for value in ("True", "False", "None", "JIT")
    ] == [True, False, False, True]


@pytest.mark.parametrize(
    "text",
    [
        "@tf.function\ndef f(x):\n    mark()\n",
        "@tf.function\ndef f(x):\n    def g():\n        mark()\n    g()\n",
        "def g():\n    mark()\n\n@tf.function\ndef f(x):\n    g()\n",
        "def h():\n    mark()\n\ndef g():\n    h()\n\n@tf.function\ndef f(x):\n    g()\n",
        "def f(x):\n    mark()\n\ng = tf.function(f)\n",
        "g = tf.function(lambda x: mark())\n",
        "class Net(tf.keras.Model):\n    def call(self, x):\n        mark()\n",
        "class L(tf.keras.layers.Layer):\n    def call(self, x): self.part()\n\n    def part(self):\n        mark()\n",
        "class Base(tf.keras.Model): pass\n\nclass Net(Base):\n    def train_step(self, x):\n        mark()\n",
        "def f(x):\n    mark()\n\ntf.data.Dataset.range(3).map(f)\n",
    ],
)
def test_runs_while_a_graph_is_built(text: str) -> None:
    module = module_of(text)
    assert is_traced(module, marked(module))


@pytest.mark.parametrize(
    "text",
    [
        "mark()\n",
        "def f(x):\n    mark()\n\nf(1)\n",
        "@tf.function\ndef f(x): pass\n\ndef g():\n    mark()\n    f(1)\n",
        "def g():\n    mark()\n\n@tf.function\ndef f(x):\n    tf.py_function(g, [], [])\n",
        "class Net:\n    def call(self, x):\n        mark()\n",
        "class Recorder(tf.keras.callbacks.Callback):\n    def on_epoch_end(self, epoch, logs=None):\n        mark()\n",
        "def main(argv):\n    mark()\n\ntf.compat.v1.app.run(main)\n",
        "def f(x):\n    mark()\n\ntf.nest.map_structure(f, [1])\n",
        "class Other:\n    def map(self, f): f(1)\n\ndef f(x):\n    mark()\n\ndata = Other()\ndata.map(f)\n",
    ],
)
def test_runs_on_the_host(text: str) -> None:
    module = module_of(text)
    assert not is_traced(module, marked(module))


def test_a_helper_in_a_module_that_a_traced_function_imports() -> None:
    main = "import tensorflow as tf\nfrom helpers import helper\n\n@tf.function\ndef f(x):\n    helper()\n"
    files = {"main.py": main, "helpers.py": "def helper():\n    mark()\n\ndef other():\n    print()\n"}
    module = Project.of(files).module("helpers.py")
    assert module is not None
    assert is_traced(module, marked(module))


FUNCTION = "@tf.function\ndef f(x): pass\n"


@pytest.mark.parametrize(
    "other",
    [
        "import main\nmain.f(1)\n",
        "from main import f\nf(1)\n",
        "from main import f as g\ng(1)\n",
        "import main as m\nm.f(1)\n",
        "from main import *\nf(1)\n",
    ],
)
def test_calls_in_other_modules(other: str) -> None:
    module = module_of(FUNCTION, other=other)
    found = list(references(module, "f", next(traced_functions(module)).function, method=False))
    assert [(reference.module.id, reference.call is not None) for reference in found] == [("other", True)]


@pytest.mark.parametrize(
    "other", ["def f(x): pass\nf(1)\n", "from third import f\nf(1)\n", "import third\nthird.f(1)\n"]
)
def test_calls_of_another_function_of_the_name(other: str) -> None:
    module = module_of(FUNCTION, other=other, third="def f(x): pass\n")
    assert list(references(module, "f", next(traced_functions(module)).function, method=False)) == []


def test_uses_that_are_no_calls() -> None:
    module = module_of(FUNCTION + "f(1)\ng = f\nf.get_concrete_function()\n")
    found = references(module, "f", next(traced_functions(module)).function, method=False)
    assert [reference.call is not None for reference in found] == [True, False, False]


@pytest.mark.parametrize(
    ("bases", "expected"),
    [("tf.keras.Model", True), ("tf.Module", False), ("Base", True), ("object", False), ("Other", False)],
)
def test_classes_of_keras(bases: str, expected: bool) -> None:
    text = f"class Base(tf.keras.layers.Layer): pass\n\nclass Other: pass\n\nclass Net({bases}): pass\n"
    module = module_of(text)
    net = next(klass for klass in module.find_all(ast.ClassDef) if klass.name == "Net")
    assert is_keras_class(module, net) is expected


def test_a_global_statement_that_nothing_binds_is_no_crash():
    module = Module("global writer\nclass Logger:\n    def f(self):\n        self.w = writer.summary.FileWriter(d)\n")
    assert [module.resolve(call.func) for call in module.find_all(ast.Call)] == [None]
