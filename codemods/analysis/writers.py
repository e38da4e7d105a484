"""What makes a summary writer, and what a program does with one.

https://www.tensorflow.org/api_docs/python/tf/summary/create_file_writer
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.analysis.module import Module

CREATORS = {
    "tensorflow.summary.create_file_writer": 2,
    "tensorflow.summary.create_file_writer_v2": 2,
    "tensorflow.contrib.summary.create_file_writer": 2,
    "tensorflow.compat.v1.summary.FileWriter": 1,
    "tensorflow.summary.FileWriter": 1,
    "tensorflow.python.summary.writer.writer.FileWriter": 1,
}
"""The calls that open an event file, and the version of the summaries that they write."""

_GRAPH_ARGUMENTS = frozenset({"graph", "graph_def", "session"})


@dataclass(frozen=True)
class Creation:
    """One call that opens an event file.

    Attributes:
        call: the call.
        version: 1 for ``FileWriter``, which writes a session's summaries; 2 for ``create_file_writer``.
    """

    call: ast.Call
    version: int

    @property
    def folder(self) -> ast.expr | None:
        """The argument that names the folder; None where it can't be told."""
        first = self.call.args[0] if self.call.args else _keyword(self.call, "logdir")
        return None if isinstance(first, ast.Starred) else first

    @property
    def graph(self) -> ast.expr | None:
        """The graph or session that a v1 writer is given."""
        if self.version != 1:
            return None
        if len(self.call.args) > 1 and not is_none(self.call.args[1]):
            return self.call.args[1]
        given = [_keyword(self.call, name) for name in sorted(_GRAPH_ARGUMENTS)]
        return next((value for value in given if value is not None and not is_none(value)), None)

    @property
    def arguments(self) -> list[ast.expr]:
        """The values of all arguments."""
        return [*self.call.args, *(keyword.value for keyword in self.call.keywords)]

    @property
    def spelled_out(self) -> bool:
        """Tell whether no argument is unpacked from a list or a dict."""
        return not any(isinstance(value, ast.Starred) for value in self.call.args) and all(
            keyword.arg for keyword in self.call.keywords
        )


def creation(module: Module, node: ast.AST | None) -> Creation | None:
    """Return what a node creates, if it is a call that opens an event file."""
    if not isinstance(node, ast.Call):
        return None
    version = CREATORS.get(module.resolve(node.func) or "")
    return None if version is None else Creation(node, version)


def creations(module: Module) -> Iterator[Creation]:
    """Yield the calls of a module that open an event file, in the order of the source."""
    for call in module.find_all(ast.Call):
        found = creation(module, call)
        if found is not None:
            yield found


def names_held_by(statement: ast.stmt) -> list[ast.expr]:
    """Return the targets that an assignment binds, one by one; nothing for another statement."""
    if isinstance(statement, ast.Assign):
        targets = list(statement.targets)
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return []
    found: list[ast.expr] = []
    for target in targets:
        found += target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
    return found


def is_none(node: ast.expr) -> bool:
    """Tell whether an expression is ``None``."""
    return isinstance(node, ast.Constant) and node.value is None


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
