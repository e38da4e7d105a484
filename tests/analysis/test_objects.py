"""Where the objects of a class are called."""

import ast

import pytest

from codemods.analysis.module import Module
from codemods.analysis.objects import made_once, object_calls
from codemods.analysis.project import Project


def module_of(text: str, **others: str) -> Module:
    files = {"net.py": text, **{f"{name}.py": content for name, content in others.items()}}
    module = Project.of(files).module("net.py")
    assert module is not None
    return module


def calls(text: str, **others: str) -> list[str]:
    """Return the calls of the first class's objects, those out of sight as ``?``."""
    module = module_of(text, **others)
    found = object_calls(module, next(module.find_all(ast.ClassDef)))
    return [each.module.source(each.call) if each.call is not None else "?" for each in found]


NET = "class Net:\n    def __call__(self, x): pass\n\n"
HOLDER = "class T:\n    def __init__(self, net): self.net = net\n    def f(self): self.net(1)\n\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("net = Net()\nnet(1)\nother(2)\n", ["net(1)"]),
        ("a, b = Net(), Net()\na(1)\nb(2)\n", ["a(1)", "b(2)"]),
        ("def train(net):\n    net(1)\n\ntrain(Net())\n", ["net(1)"]),
        ("def make():\n    return Net()\n\nnet = make()\nnet(1)\nnet.__call__(2)\n", ["net(1)", "net.__call__(2)"]),
        (f"{HOLDER}T(Net())\n", ["self.net(1)"]),
        ("class T:\n    def __init__(self): self.net = Net()\n    def f(self): self.net(1)\n", ["self.net(1)"]),
        ("class Wide(Net):\n    def f(self): self(2)\n\nwide = Wide()\nwide(1)\n", ["wide(1)", "self(2)"]),
        ("nets = [Net()]\n", ["?"]),
        ("net = Net()\nregister(net)\n", ["?"]),
        ("net = Net()\nnet.fit(x)\n", ["?"]),
        ("net = Net() if flag else Other()\nnet(1)\n", ["?"]),
        ("def train(net):\n    net(1)\n\ntrain(Net())\ntrain(load())\n", ["?"]),
        ("isinstance(x, Net)\n", []),
    ],
)  # fmt: skip
def test_calls(code: str, expected: list[str]) -> None:
    assert calls(NET + code) == expected


def test_calls_in_another_module() -> None:
    assert calls(NET, train="from net import Net\nnet = Net()\nnet(1)\n") == ["net(1)"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("net = Net()\n", True),
        ("def main():\n    net = Net()\n\nmain()\n", True),
        ("class T:\n    def __init__(self): self.net = Net()\n\nT()\n", True),
        ("class T:\n    def __init__(self): self.net = Net()\n\nT()\nT()\n", False),
        ("net, other = Net(), Net()\n", False),
        ("nets = [Net() for _ in range(2)]\n", False),
        ("class Wide(Net): pass\n\nnet = Net()\n", False),
        ("make = Net\n", False),
    ],
)
def test_made_once(code: str, expected: bool) -> None:
    module = module_of(NET + code)
    assert made_once(module, next(module.find_all(ast.ClassDef))) is expected
