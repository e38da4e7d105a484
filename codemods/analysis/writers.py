"""What makes a summary writer, and what a program does with one.

https://www.tensorflow.org/api_docs/python/tf/summary/create_file_writer
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.analysis.dataflow import definition, reach
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

METHODS = frozenset({
    "as_default", "set_as_default", "flush", "close", "init", "reopen", "get_logdir", "add_summary",
    "add_graph", "add_event", "add_meta_graph", "add_run_metadata", "add_session_log",
})  # fmt: skip
"""What a writer can be asked to do."""

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


def use_of(module: Module, load: ast.expr) -> str | None:
    """Return the writer's method that is called, or how else it is used; None if it may be kept."""
    parent = module.parent(load)
    if isinstance(parent, ast.Attribute):
        call = module.parent(parent)
        called = isinstance(call, ast.Call) and call.func is parent
        return parent.attr if called and parent.attr in METHODS else None
    if isinstance(parent, ast.Compare) or (isinstance(parent, (ast.If, ast.IfExp, ast.While)) and parent.test is load):
        return "test"
    if isinstance(parent, ast.BoolOp):
        return use_of(module, parent)
    if isinstance(parent, ast.keyword):
        parent = module.parent(parent)
    if isinstance(parent, ast.Call) and parent.func is not load:
        name = module.resolve(parent.func) or ""
        if name.startswith(("tensorflow.summary.", "tensorflow.contrib.summary.", "builtins.print")):
            return "argument"
        found = definition(module, parent.func)
        if found is not None and not keeps(*found):
            return "argument"
    return None


def keeps(module: Module, function: ast.AST) -> bool:
    """Tell whether a function of the project may close or keep what it is given."""
    if not isinstance(function, ast.FunctionDef):
        return True
    inner = reach(module, [function])
    if inner.unseen:
        return True
    for _, node in inner.walk():
        if isinstance(node, ast.Attribute) and (node.attr == "close" or not isinstance(node.ctx, ast.Load)):
            return True
        if isinstance(node, (ast.Yield, ast.YieldFrom, ast.Global, ast.Nonlocal, ast.Lambda)):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"append", "add"}:
            return True
    returned = [node for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    parameters = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    return any(isinstance(node.value, ast.Name) and node.value.id in parameters for node in returned)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
