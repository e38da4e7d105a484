"""The summary operations: what they are called, and which argument is what."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from codemods.analysis.module import Module

_SIGNATURES: Mapping[str, tuple[str, ...]] = {
    "tensorflow.summary.scalar": ("name", "data", "step", "description"),
    "tensorflow.summary.histogram": ("name", "data", "step", "buckets", "description"),
    "tensorflow.summary.image": ("name", "data", "step", "max_outputs", "description"),
    "tensorflow.summary.audio": (
        "name", "data", "sample_rate", "step", "max_outputs", "encoding", "description",
    ),
    "tensorflow.summary.text": ("name", "data", "step", "description"),
    "tensorflow.summary.write": ("tag", "tensor", "step", "metadata", "name"),
    "tensorflow.summary.graph": ("graph_data",),
    "tensorflow.summary.trace_export": ("name", "step", "profiler_outdir"),
    "tensorboard.plugins.mesh.summary.mesh": (
        "name", "vertices", "faces", "colors", "config_dict", "display_name", "step", "description",
    ),
    "tensorboard.plugins.mesh.summary_v2.mesh": (
        "name", "vertices", "faces", "colors", "config_dict", "display_name", "step", "description",
    ),
}  # fmt: skip
_KINDS = frozenset(name.rpartition(".")[2] for name in _SIGNATURES)
_DATA = frozenset({"data", "tensor", "vertices", "faces", "colors"})
_HEAVY = frozenset({"histogram", "image", "audio", "mesh"})


@dataclass(frozen=True)
class Summary:
    """One call of a summary operation that stands as a statement of its own.

    Attributes:
        statement: the statement.
        call: the call.
        kind: ``scalar``, ``histogram``, ...
        arguments: by parameter name.
    """

    statement: ast.Expr
    call: ast.Call
    kind: str
    arguments: Mapping[str, ast.expr]

    @property
    def data(self) -> dict[str, ast.expr]:
        """The arguments whose values are recorded."""
        return {name: value for name, value in self.arguments.items() if name in _DATA}

    @property
    def step(self) -> ast.expr | None:
        """The step; None for the default step."""
        step = self.arguments.get("step")
        return None if isinstance(step, ast.Constant) and step.value is None else step

    @property
    def tag(self) -> ast.expr | None:
        """The name it is recorded under."""
        return self.arguments.get("tag", self.arguments.get("name"))

    @property
    def conditional(self) -> bool:
        """Whether a condition on a tensor may stand around what it writes, out of sight."""
        return False

    @property
    def has_writer(self) -> bool:
        """Whether it makes a writer the default by itself."""
        return False

    @property
    def heavy(self) -> bool:
        """Whether writing it eagerly costs milliseconds."""
        return self.kind in _HEAVY

    @property
    def scoped(self) -> bool:
        """Whether name scopes become part of its tag."""
        return self.kind not in {"write", "graph", "trace_export"}


def summary_name(module: Module, call: ast.Call) -> str | None:
    """Return the qualified name of the summary operation that is called; None if it is none."""
    if isinstance(call.func, ast.Attribute) and call.func.attr not in _KINDS:
        return None
    name = module.resolve(call.func)
    return name if name in _SIGNATURES else None


def summary_at(module: Module, call: ast.Call) -> Summary | None:
    """Return a summary call as a statement; None where its result is used or its arguments are unpacked."""
    name = summary_name(module, call)
    statement = module.parent(call)
    if name is None or not isinstance(statement, ast.Expr):
        return None
    if any(isinstance(arg, ast.Starred) for arg in call.args) or any(k.arg is None for k in call.keywords):
        return None
    arguments = dict(zip(_SIGNATURES[name], call.args, strict=False))
    arguments.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg})
    return Summary(statement, call, name.rpartition(".")[2], arguments)
