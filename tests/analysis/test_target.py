"""Tests of which Keras a file is for."""

from __future__ import annotations

import pytest

from codemods.analysis.project import Project
from codemods.analysis.target import runs_keras_3

POETRY = "[tool.poetry.dependencies]\npython = '^3.10'\n"


def keras_3(files: dict[str, str], path: str = "src/train.py", target: str | None = None) -> bool:
    project = Project.of({path: "import tensorflow as tf\n", **files})
    project.target = target
    module = project.module(path)
    assert module is not None
    return runs_keras_3(module)


def test_it_is_the_newest_where_nothing_is_asked_for():
    assert keras_3({})
    assert keras_3({"requirements.txt": "numpy\nrequests<3\n"})


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("tensorflow", True),
        ("tensorflow>=2.4", True),
        ("tensorflow[and-cuda]>=2.4  # with CUDA", True),
        ("tensorflow~=2.15", True),
        ("tensorflow==2.16.*", True),
        ("tensorflow!=2.16.0", True),
        ("tensorflow==2.17.0rc1", True),
        ("tf-nightly", True),
        ("keras>=3", True),
        ("tensorflow==2.15.1", False),
        ("TensorFlow_cpu == 2.15.1 ; python_version > '3.9'", False),
        ("tensorflow-gpu<=2.10", False),
        ("tensorflow>=2.4,<2.16", False),
        ("tensorflow~=2.15.0", False),
        ("tensorflow==2.15.*", False),
        ("tensorflow (<2.16)", False),
        ("keras<3", False),
        ("keras==2.15.0\ntensorflow", False),
        ("# tensorflow==1.15\ntensorflow", True),
    ],
)
def test_requirements(asked: str, expected: bool):
    assert keras_3({"requirements.txt": f"numpy\n{asked}\n"}) is expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements-train.txt", "tensorflow<2.16\n"),
        ("pyproject.toml", '[project]\ndependencies = ["numpy", "tensorflow<2.16"]\n'),
        ("pyproject.toml", '[project.optional-dependencies]\ntrain = ["tensorflow<2.16"]\n'),
        ("pyproject.toml", '[dependency-groups]\ntrain = ["tensorflow==2.13", {include-group = "dev"}]\n'),
        ("pyproject.toml", POETRY + "tensorflow = '~2.15'\n"),
        ("pyproject.toml", POETRY + "tensorflow = '2.15.0'\n"),
        ("pyproject.toml", POETRY + "tensorflow = {version = '<2.16', extras = ['and-cuda']}\n"),
        ("Pipfile", '[packages]\ntensorflow = "==2.15.1"\n'),
        ("Pipfile.lock", '{"default": {"tensorflow": {"hashes": ["a"], "version": "==2.15.1"}}}'),
        ("poetry.lock", '[[package]]\nname = "tensorflow"\nversion = "2.15.1"\n'),
        ("uv.lock", '[[package]]\nname = "numpy"\n\n[[package]]\nname = "keras"\nversion = "2.15.0"\n'),
        ("setup.cfg", "[options]\ninstall_requires =\n    numpy\n    tensorflow<2.16\n"),
        ("setup.cfg", "[options.extras_require]\ntrain = tensorflow<2.16\n"),
        ("setup.py", "from setuptools import setup\n\nsetup(install_requires=['numpy', 'tensorflow<2.16'])\n"),
    ],
)
def test_project_files(name: str, text: str):
    assert not keras_3({name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[project\n"),
        ("pyproject.toml", '[tool.other]\nabout = "tensorflow<2"\n'),
        ("setup.cfg", "tensorflow<2\n"),
        ("setup.py", "setup(install_requires=['tensorflow<2']\n"),
        ("docs.txt", "tensorflow<2\n"),
        ("environment.toml", '[project]\ndependencies = ["tensorflow<2"]\n'),
    ],
)
def test_files_that_ask_for_nothing(name: str, text: str):
    assert keras_3({name: text})


def test_the_nearest_folder_that_asks_counts():
    assert not keras_3({"requirements.txt": "tensorflow>=2.16\n", "src/requirements.txt": "tensorflow<2.16\n"})
    assert not keras_3({"requirements.txt": "tensorflow<2.16\n", "src/requirements.txt": "numpy\n"})
    assert keras_3({"requirements.txt": "tensorflow\n", "other/requirements.txt": "tensorflow<2.16\n"})


def test_a_lock_beside_a_range_counts():
    lock = '[[package]]\nname = "tensorflow"\nversion = "2.15.1"\n'
    assert not keras_3({"requirements.txt": "tensorflow>=2.4\n", "poetry.lock": lock})


def test_what_the_user_says_stands_above_the_project():
    assert keras_3({"requirements.txt": "tensorflow<2.16\n"}, target="2.16")
    assert not keras_3({"requirements.txt": "tensorflow\n"}, target="2.15")
    assert not keras_3({}, target="2")
    assert keras_3({}, target="3")


def test_programs_with_tf_keras_stay_with_keras_2():
    assert not keras_3({"src/train.py": "import tf_keras as keras\n"}, target="2.21")
    assert not keras_3({"src/train.py": "import os\n\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\nimport tensorflow\n"})
    assert not keras_3({"src/train.py": "import settings\n", "src/settings.py": "import tf_keras\n"})
    assert not keras_3({"src/train.py": "import tensorflow\n", "main.py": "import tf_keras\nfrom src import train\n"})
    assert keras_3({"src/train.py": "import tensorflow\n", "old.py": "import tf_keras\n"})
