"""What is dismissed without being parsed has nothing to be found in it."""

from __future__ import annotations

import pytest

from codemods.analysis.project import Project
from codemods.engine import registry
from codemods.engine.codemod import Example

EXAMPLES = [(name, example) for name in registry.names() for example in registry.load(name).examples]


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_no_file_with_a_finding_is_dismissed(name: str, example: Example) -> None:
    project = Project.of({"program.py": example.before})
    module = project.module("program.py")
    assert module is not None
    found = [each for each in registry.names() if list(registry.load(each).find(module))]
    assert name in found
    for each in found:
        assert registry.load(each).concerns(example.before.encode())
        assert registry.load(each).concerns_in(project, "program.py")


def test_a_class_that_another_module_saves_is_not_dismissed() -> None:
    project = Project.of({
        "layers.py": "import keras\nclass Scale(keras.layers.Layer):\n    def __init__(self, by):\n"
        "        super().__init__()\n        self.by = by\n",
        "train.py": "import keras\nimport layers\nmodel = keras.Sequential([layers.Scale(2)])\n"
        "model.fit(1, 2)\nmodel.save('a.h5')\n",
        "other.py": "class Other(dict):\n    def __init__(self):\n        pass\n",
    })  # fmt: skip
    codemod = registry.load("add-get-config")
    assert codemod.concerns_in(project, "layers.py")
    assert not codemod.concerns_in(project, "other.py")


def test_a_run_in_a_program_whose_summaries_another_module_defines_is_not_dismissed() -> None:
    project = Project.of({
        "model.py": "import tensorflow.compat.v1 as tf\ndef build():\n    tf.summary.scalar('a', 1.0)\n",
        "train.py": "import model\ndef train(sess, op):\n    model.build()\n    sess.run(op)\n",
        "other.py": "def train(sess, op):\n    sess.run(op)\n",
    })  # fmt: skip
    codemod = registry.load("run-merged-summaries")
    assert codemod.concerns_in(project, "train.py")
    assert not codemod.concerns_in(project, "other.py")
