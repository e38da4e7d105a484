"""Which loops train a model by hand, and which of them counts the epochs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from codemods.analysis.dataflow import reach
from codemods.analysis.module import Module
from codemods.analysis.places import Loop, start

LOOPS = (ast.For, ast.AsyncFor, ast.While)
_TRAINING = frozenset({"apply_gradients", "minimize", "train_on_batch", "train_step", "GradientTape"})
_PROGRESS = re.compile(r"tqdm\.(\w+\.)*tqdm|rich\.progress\.track")
_RANGES = re.compile(r"builtins\.range|numpy\.arange|tqdm\.(\w+\.)*trange")
_EPOCH = re.compile(r"epoch", re.IGNORECASE)
_STEPS = re.compile(r"step|iter|batch", re.IGNORECASE)


@dataclass(eq=False)
class Training:
    """A loop that trains a model by hand.

    Attributes:
        module: the module it stands in.
        loop: the loop.
    """

    module: Module
    loop: Loop

    @cached_property
    def reached(self) -> list[tuple[Module, ast.AST]]:
        """What it may run, each node with its module: its own code and the project's functions."""
        return list(reach(self.module, [self.loop]).walk())

    @cached_property
    def trains(self) -> bool:
        """Whether it trains at all."""
        return any(_trains(node) for _, node in self.reached)

    @cached_property
    def depth(self) -> int:
        """How many loops that train stand in one another here, this one counted."""
        inner = [
            Training(where, node) for where, node in self.reached if isinstance(node, LOOPS) and node is not self.loop
        ]
        return 1 + max((one.depth for one in inner if one.trains), default=0)

    @cached_property
    def step(self) -> str | None:
        """The number of each turn, as a step of a summary; None where it has none that is known to be an integer."""
        if not isinstance(self.loop, ast.For):
            return self.counter.id if self.counter is not None else None
        counted = self.loop.iter
        while isinstance(counted, ast.Call) and counted.args and _PROGRESS.fullmatch(self._name(counted)):
            counted = counted.args[0]
        name = self._name(counted)
        target = self.loop.target
        if name == "builtins.enumerate" and isinstance(target, ast.Tuple):
            target = target.elts[0]
        elif not _RANGES.fullmatch(name) and name != "tensorflow.range":
            return None
        if not isinstance(target, ast.Name) or target.id == "_" or self._is_changed(target):
            return None
        return f"int({target.id})" if name == "tensorflow.range" else target.id

    @cached_property
    def counter(self) -> ast.Name | None:
        """What a ``while`` loop adds one to, once in each turn, if it starts with an integer."""
        for statement in self.loop.body if isinstance(self.loop, ast.While) else ():
            match statement:
                case ast.AugAssign(ast.Name() as target, ast.Add(), ast.Constant(1)):
                    pass
                case ast.Assign([ast.Name(name) as target], ast.BinOp(ast.Name(added), ast.Add(), ast.Constant(1))):
                    if name != added:
                        continue
                case _:
                    continue
            starts = [binding for binding in self.module.bindings(target) if binding.node is not target]
            if starts and not self._is_changed(target) and all(self._is_integer(one.value) for one in starts):
                return target
        return None

    def _is_integer(self, value: ast.expr | None) -> bool:
        match value:
            case ast.Constant(number):
                return type(number) is int
            case ast.Call():
                return self._name(value) == "builtins.int"
        return False

    def _name(self, node: ast.expr) -> str:
        return self.module.resolve(node.func) or "" if isinstance(node, ast.Call) else ""

    def _is_changed(self, target: ast.Name) -> bool:
        """Tell whether the loop gives a variable another value."""
        inside = set(ast.walk(self.loop)) - {target}
        return any(binding.node in inside for binding in self.module.bindings(target))

    @property
    def named(self) -> bool:
        """Whether it says that it counts epochs."""
        head = (self.loop.test,) if isinstance(self.loop, ast.While) else (self.loop.target, self.loop.iter)
        words = [getattr(node, "id", getattr(node, "attr", "")) for part in head for node in ast.walk(part)]
        return any(map(_EPOCH.search, [*words, self.step or ""]))

    @property
    def counts_epochs(self) -> bool:
        """Whether it counts epochs: by its name, or since it holds the loop over the batches."""
        if self.step is None:
            return False
        return self.named or (self.depth == 2 and not _STEPS.search(self.step))

    def agrees(self, places: Iterable[ast.stmt]) -> bool:
        """Tell whether the number of a turn is the same behind some statements of it."""
        counter = self.counter
        return counter is None or len({start(place) < start(counter) for place in places}) == 1


def _trains(node: ast.AST) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr in _TRAINING) or (
        isinstance(node, ast.Name) and node.id == "GradientTape"
    )


def _loops(module: Module) -> Iterator[Loop]:
    return module.find_all(*LOOPS)


def trainings(module: Module) -> list[Training]:
    """Return the loops of a module that train a model by hand."""
    return [one for loop in _loops(module) if (one := Training(module, loop)).trains]


def epochs(found: list[Training]) -> list[Training]:
    """Return those of some loops that count epochs, without those that run inside another of them."""
    counting = [one for one in found if one.counts_epochs]
    named = [one for one in counting if one.named] or counting
    inside = {node for one in named for _, node in one.reached if node is not one.loop}
    return [one for one in named if one.loop not in inside]
