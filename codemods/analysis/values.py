"""What is known about a value: its kind, its rank, the kind of its numbers."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

from codemods.analysis.module import Module

Kind = Literal[
    "bottom", "number", "tensor", "variable", "array", "list", "numeric", "replicas",
    "text", "none", "dict", "tuple", "results", "instance", "function", "unknown",
]  # fmt: skip
DType = Literal["float", "int", "bool"]
_NUMERIC = frozenset({"number", "tensor", "variable", "array", "list", "numeric"})


@dataclass(frozen=True)
class Value:
    """What is known about the value of an expression.

    Attributes:
        kind: ``numeric`` is a number, tensor, array or list of numbers, not known which; ``replicas`` is
            what ``strategy.run`` returns; ``results`` is the loss and metrics that ``evaluate`` returns.
        low: the least rank it can have; for ``replicas``, on each replica.
        high: the greatest rank it can have, None if that isn't known.
        dtype: the kind of its numbers; None where that isn't known, also for half precision.
        items: the known items of a dict, by key, and of a tuple.
        element: what the elements of a list, and the other values of a dict, are.
        instances: for an instance, the calls that construct it.
        function: for a function, its definition.
        module: for a function, where it is defined.
        strategy: for ``replicas``, the strategy's expression.
        share: it is this replica's share of a mean over all of them: their sum is the mean.
        summed: it is a sum over all elements.
        optional: it may be None as well.
        uncertain: for a dict, the known keys that may be missing.
    """

    kind: Kind
    low: int = 0
    high: int | None = None
    dtype: DType | None = None
    items: tuple[tuple[object, Value], ...] = ()
    element: Value | None = None
    instances: tuple[Instance, ...] = ()
    function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None = None
    module: Module | None = None
    strategy: ast.expr | None = None
    share: Literal["yes", "maybe"] | None = None
    summed: bool = False
    optional: bool = False
    uncertain: frozenset[object] = frozenset()

    @property
    def numeric(self) -> bool:
        """It is a number or holds numbers."""
        return self.kind in _NUMERIC

    @property
    def scalar(self) -> bool:
        """It is known to be one number."""
        return self.numeric and self.high == 0

    @property
    def batch(self) -> bool:
        """It is known to hold several numbers, or one in a dimension."""
        return self.numeric and self.low > 0


@dataclass(frozen=True)
class Instance:
    """One construction of an object.

    Attributes:
        name: the qualified name of its class.
        call: the constructor's call; None where only the class is known.
        module: the module that the call stands in.
        known: False for one more object of which nothing is known.
    """

    name: str
    call: ast.Call | None
    module: Module
    known: bool = True

    def argument(self, name: str, position: int | None = None) -> ast.expr | None:
        """Return the argument that the constructor is given, None if it is left to its default."""
        if self.call is None:
            return None
        for keyword in self.call.keywords:
            if keyword.arg == name:
                return keyword.value
        if position is not None and position < len(self.call.args):
            return self.call.args[position]
        return None

    @property
    def plain(self) -> bool:
        """The constructor's arguments are all in sight."""
        return (
            self.call is not None
            and not any(isinstance(argument, ast.Starred) for argument in self.call.args)
            and all(keyword.arg is not None for keyword in self.call.keywords)
        )


BOTTOM = Value("bottom")
UNKNOWN = Value("unknown")
TEXT = Value("text")
NONE = Value("none")
RESULTS = Value("results")


def number(dtype: DType | None = None) -> Value:
    """Return a Python or NumPy number."""
    return Value("number", 0, 0, dtype)


def tensor(low: int = 0, high: int | None = None, dtype: DType | None = None) -> Value:
    """Return a tensor with bounds on its rank."""
    return Value("tensor", low, high, dtype)


def join(one: Value, other: Value) -> Value:
    """Return what is known of a value that is the one or the other."""
    if one.kind == "bottom" or one == other:
        return other
    if other.kind == "bottom":
        return one
    if "none" in (one.kind, other.kind):
        return replace(other if one.kind == "none" else one, optional=True)
    optional = one.optional or other.optional
    if one.instances or other.instances:
        return _either_instance(one, other)
    if one.numeric and other.numeric:
        return Value(
            one.kind if one.kind == other.kind else "numeric",
            min(one.low, other.low),
            None if one.high is None or other.high is None else max(one.high, other.high),
            one.dtype if one.dtype == other.dtype else None,
            element=join(one.element, other.element) if one.element and other.element else None,
            share=one.share if one.share == other.share else "maybe",
            optional=optional,
        )
    if one.kind != other.kind or one.kind == "function":
        return UNKNOWN
    if one.kind == "replicas":
        same = _text(one.strategy) == _text(other.strategy)
        inner = join(replace(one, kind="tensor"), replace(other, kind="tensor"))
        return replace(inner, kind="replicas", strategy=one.strategy) if same else UNKNOWN
    if one.kind in ("dict", "tuple") and [key for key, _ in one.items] == [key for key, _ in other.items]:
        items = [(key, join(a, b)) for (key, a), (_, b) in zip(one.items, other.items, strict=True)]
        element = either(one.element, other.element)
        return replace(one, items=tuple(items), element=element, uncertain=one.uncertain | other.uncertain)
    if one.kind == "dict":
        values = [value for _, value in (*one.items, *other.items)]
        rest = [value for value in (one.element, other.element) if value is not None]
        return Value("dict", element=reduce(join, [*values, *rest], BOTTOM))
    return replace(one, optional=optional) if one.kind in ("text", "results") else UNKNOWN


def _text(node: ast.expr | None) -> str:
    return ast.unparse(node) if node is not None else ""


def either(one: Value | None, other: Value | None) -> Value | None:
    """Return what holds for both of two values that may be missing."""
    return join(one or BOTTOM, other or BOTTOM) if one or other else None


def _either_instance(one: Value, other: Value) -> Value:
    instances = dict.fromkeys((*one.instances, *other.instances))
    if one.kind != other.kind:
        some = next(iter(instances))
        instances[Instance("", None, some.module, known=False)] = None
    return Value("instance", instances=tuple(instances), optional=one.optional or other.optional)
