"""Who calls whom, across a project, from summaries that are small enough to keep.

A summary is one walk over a module's tree, without scopes: it says by which dotted name a function
is used, and from where. Names that two modules share may be taken for one another, so what it says
is "may be called by".
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codemods.analysis.module import children
from codemods.analysis.names import canonical

if TYPE_CHECKING:
    from codemods.analysis.module import Module
    from codemods.analysis.project import Project

FUNCTION = "tensorflow.function"
_REPLICA_METHODS = frozenset({"run", "experimental_run_v2", "call_for_each_replica", "experimental_run"})
_DATASET_METHODS = frozenset({"map", "filter", "flat_map", "interleave", "reduce", "scan"})
_KERAS_METHODS = frozenset({"call", "train_step", "test_step", "predict_step", "compute_loss", "update_state"})
_EAGER = frozenset({"tensorflow.py_function", "tensorflow.numpy_function", "tensorflow.compat.v1.py_func"})
_TRACING = frozenset(
    {
        "tensorflow.function",
        "tensorflow.vectorized_map",
        "tensorflow.autograph.to_graph",
        "tensorflow.compat.v1.wrap_function",
    }
)


@dataclass(frozen=True)
class Use:
    """One place that names a function.

    Attributes:
        function: the qualified name, inside the module, of the function it stands in; None outside of any.
        dotted: the name with its import put in (``pkg.mod.f``); None for an attribute of an object.
        receiver: the class whose ``self`` it is an attribute of.
        traces: it is handed to TensorFlow, which traces it.
        calls: it is called there.
    """

    function: str | None
    dotted: str | None
    receiver: str | None
    traces: bool
    calls: bool


@dataclass
class Summary:
    """What other modules must know of one to follow calls.

    Attributes:
        uses: the places that name a function, by its last name.
        traced: functions that TensorFlow traces by themselves, by their qualified names in the module.
        bases: the dotted names of each class's bases.
    """

    uses: dict[str, list[Use]] = field(default_factory=dict)
    traced: set[str] = field(default_factory=set)
    bases: dict[str, tuple[str, ...]] = field(default_factory=dict)


def summarize(tree: ast.Module, defined: frozenset[str]) -> Summary:
    """Return a module's summary.

    Args:
        tree: the module.
        defined: the names of the project's functions; no other is recorded.
    """
    return _Walk(tree, defined).summary


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield all statements; expressions are not looked into."""
    todo: list[ast.stmt | ast.ExceptHandler | ast.match_case] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.stmt):
            yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo.extend(getattr(node, name, ()))


class _Walk:
    def __init__(self, tree: ast.Module, defined: frozenset[str]) -> None:
        self.summary = Summary()
        self.defined = defined
        self.imports: dict[str, str] = {}
        self.aliases: dict[str, ast.expr] = {}
        for node in _statements(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.imports[alias.asname or name] = name
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                for alias in node.names:
                    joint = "" if base.endswith(".") else "."
                    self.imports[alias.asname or alias.name] = f"{base}{joint}{alias.name}"
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.aliases[node.targets[0].id] = node.value
        for child in tree.body:
            self.visit(child, tree, None, None, None)

    def dotted(self, node: ast.AST | None) -> str | None:
        """Return a name with its import put in; None for what hangs on an object."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        if node.id not in self.imports:
            return None if parts else node.id
        return canonical(".".join([self.imports[node.id], *reversed(parts)]))

    def visit(
        self, node: ast.AST, parent: ast.AST, call: ast.Call | None, function: str | None, owner: str | None
    ) -> None:
        """Record a node and what is in it.

        Args:
            node: the node.
            parent: the node around it.
            call: the call that it is an argument of.
            function: the qualified name of the function around it.
            owner: the qualified name of the class around that.
        """
        if isinstance(node, ast.Constant):
            return
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self.use(node, parent, call, function, owner)
            return
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = ".".join(part for part in (self.inside(function, owner, parent), node.name) if part)
            for part in children(node):
                if part not in node.body:
                    self.visit(part, node, None, function, owner)
            if isinstance(node, ast.ClassDef):
                self.summary.bases[name] = tuple(filter(None, map(self.dotted, node.bases)))
                for part in node.body:
                    self.visit(part, node, None, function, name)
            else:
                if any(self.makes_traced(decorator) for decorator in node.decorator_list):
                    self.summary.traced.add(name)
                for part in node.body:
                    self.visit(part, node, None, name, owner)
            return
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            self.use(node, parent, call, function, owner)
        if isinstance(node, ast.Call):
            self.visit(node.func, node, None, function, owner)
            for argument in node.args:
                self.visit(argument, node, node, function, owner)
            for given in node.keywords:
                self.visit(given.value, node, node, function, owner)
            return
        inner = call if isinstance(node, ast.Lambda) else None
        for child in children(node):
            self.visit(child, node, inner, function, owner)

    def inside(self, function: str | None, owner: str | None, parent: ast.AST) -> str | None:
        return owner if isinstance(parent, ast.ClassDef) else function

    def use(
        self,
        node: ast.Attribute | ast.Name,
        parent: ast.AST,
        call: ast.Call | None,
        function: str | None,
        owner: str | None,
    ) -> None:
        name = node.attr if isinstance(node, ast.Attribute) else node.id
        if isinstance(node, ast.Name):
            name = self.imports.get(node.id, node.id).rpartition(".")[2]
        if name not in self.defined:
            return
        is_self = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
        traces = call is not None and self.hands_over(call)
        # Who is given a function may call it; what holds for the giver holds for the function then.
        given = call is not None and self.dotted(call.func) not in _EAGER
        calls = given or (isinstance(parent, ast.Call) and parent.func is node)
        dotted = self.dotted(node)
        if dotted is not None and dotted.startswith(("tensorflow.", "keras.")):
            return
        self.summary.uses.setdefault(name, []).append(Use(function, dotted, owner if is_self else None, traces, calls))

    def makes_traced(self, node: ast.expr, depth: int = 0) -> bool:
        if self.dotted(node) == FUNCTION:
            return True
        if isinstance(node, ast.Call):
            name = self.dotted(node.func)
            return name == FUNCTION or (
                name == "functools.partial" and bool(node.args) and self.makes_traced(node.args[0], depth)
            )
        return (
            isinstance(node, ast.Name)
            and node.id in self.aliases
            and depth < 4  # a name may be bound to what is made from it
            and self.makes_traced(self.aliases[node.id], depth + 1)
        )

    def hands_over(self, call: ast.Call) -> bool:
        """Tell whether a call traces the functions it is given."""
        name = self.dotted(call.func)
        if name in _TRACING or self.makes_traced(call.func):
            return True
        if name is not None or not isinstance(call.func, ast.Attribute):
            return False
        known = self.origin(call.func.value)
        receiver = ast.unparse(call.func.value).lower()
        if call.func.attr in _REPLICA_METHODS:
            return known == "tensorflow" or (known is None and ("strategy" in receiver or "distribut" in receiver))
        if call.func.attr in _DATASET_METHODS:
            return known == "tensorflow" or (known is None and ("dataset" in receiver or receiver.endswith("ds")))
        return False

    def origin(self, node: ast.expr, depth: int = 0) -> str | None:
        """Return the library that made an object, "" for this project's own; None if that isn't known."""
        while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
            if isinstance(node, ast.Call) and (name := self.dotted(node.func)) is not None:
                return name.partition(".")[0] if "." in name else ""
            node = node.func if isinstance(node, ast.Call) else node.value
        if isinstance(node, ast.Name):
            if node.id in self.imports:
                return self.imports[node.id].partition(".")[0]
            if node.id in self.aliases and depth < 4:
                value = self.aliases[node.id]
                return self.origin(value, depth + 1) if isinstance(value, (ast.Call, ast.Attribute, ast.Name)) else None
        return None


# Following calls. ----------------------------------------------------------------------------------


class CallGraph:
    """The summaries of a project's modules, made as they are asked for."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.summaries: dict[str, Summary | None] = {}
        self.known: dict[tuple[str, str], bool] = {}

    def changed(self, path: str) -> None:
        """Forget what is known, since a module has another text now."""
        self.summaries.pop(path, None)
        self.known.clear()

    def summary(self, path: str) -> Summary | None:
        """Return a module's summary, None if it can't be read."""
        if path not in self.summaries:
            tree = self.project.tree(path)
            self.summaries[path] = summarize(tree, self.project.function_names) if tree is not None else None
        return self.summaries[path]

    def is_traced(self, module: Module, qualname: str) -> bool:
        """Tell whether a function of a module may run while TensorFlow builds a graph."""
        start = (module.path, qualname)
        if start in self.known:
            return self.known[start]
        seen = {start}
        todo = deque([start])  # nearest first: what traces a function is seldom far away
        while todo:
            path, name = todo.popleft()
            if self.known.get((path, name)) or self._is_root(path, name):
                self.known[start] = True
                return True
            for caller in self._callers(path, name):
                if caller is None:
                    self.known[start] = True
                    return True
                if caller not in seen and self.known.get(caller) is not False:
                    seen.add(caller)
                    todo.append(caller)
        self.known.update(dict.fromkeys(seen, False))
        return False

    def _is_root(self, path: str, qualname: str) -> bool:
        summary = self.summary(path)
        if summary is None:
            return False
        outer = qualname
        while outer:  # a function inside a traced one is traced with it
            if outer in summary.traced:
                return True
            outer = outer.rpartition(".")[0]
        owner, _, name = qualname.rpartition(".")
        return (
            name in _KERAS_METHODS
            and owner in summary.bases
            and any(base.startswith("keras.") or base == "tensorflow.Module" for _, base in self.ancestors(path, owner))
        )

    def _callers(self, path: str, qualname: str) -> Iterator[tuple[str, str] | None]:
        """Yield the functions that use one; None for a use that traces it."""
        owner, _, name = qualname.rpartition(".")
        here = self.summary(path)
        method = here is not None and owner in here.bases
        if name.startswith("__") and name != "__call__":
            return
        word = f".{name}" if method else name
        paths = [path, *(other for other in self.project.mentioning(word) if other != path)]
        for other in paths:
            summary = self.summary(other)
            for use in summary.uses.get(name, ()) if summary is not None else ():
                if not self._may_mean(use, other, path, qualname, method):
                    continue
                if use.traces:
                    yield None
                elif use.function is not None and use.calls:
                    yield other, use.function

    def _may_mean(self, use: Use, where: str, path: str, qualname: str, method: bool) -> bool:
        owner = qualname.rpartition(".")[0]
        if method:
            if use.receiver is not None and (where, use.receiver) != (path, owner):
                related = {(p, n) for p, n in self.ancestors(where, use.receiver)} | {
                    (p, n) for p, n in self.ancestors(path, owner)
                }
                return (path, owner) in related or (where, use.receiver) in related
            return use.dotted is None
        if use.dotted is None:
            return False
        if where == path and "." not in use.dotted:
            return True
        found, rest = self.project.find(use.dotted, where)
        return found == path or (found is not None and found.endswith("__init__.py") and bool(rest))

    def ancestors(self, path: str, qualname: str, depth: int = 0) -> set[tuple[str, str]]:
        """Return a class's bases and theirs: (path, qualified name), with an empty path for a library's."""
        summary = self.summary(path)
        found: set[tuple[str, str]] = set()
        for base in summary.bases.get(qualname, ()) if summary is not None and depth < 10 else ():
            where, rest = (
                (path, base) if summary is not None and base in summary.bases else self.project.find(base, path)
            )
            if where is None:
                found.add(("", base))
                continue
            here = self.summary(where)
            if here is not None and rest not in here.bases:  # re-exported by a package
                where, rest = self._defining(rest) or (where, rest)
            found.add((where, rest))
            found |= self.ancestors(where, rest, depth + 1)
        return found

    def _defining(self, name: str) -> tuple[str, str] | None:
        last = name.rpartition(".")[2]
        for path in self.project.mentioning(f"class {last}"):
            summary = self.summary(path)
            if summary is not None and last in summary.bases:
                return path, last
        return None
