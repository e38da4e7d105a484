"""Who calls whom, across a project, from summaries that are small enough to keep.

A summary is one walk over a module's tree, without scopes: it says by which dotted name a function
is used, and from where. Names that two modules share may be taken for one another, so what it says
is "may be called by".
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

from codemods.analysis.module import Function, children, statements
from codemods.analysis.names import canonical
from codemods.analysis.texts import CALLED

if TYPE_CHECKING:
    from codemods.analysis.module import Module
    from codemods.analysis.project import Project

FUNCTION = "tensorflow.function"
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_REPLICA_METHODS = frozenset({"run", "experimental_run_v2", "call_for_each_replica", "experimental_run"})
_DATASET_METHODS = frozenset({"map", "filter", "flat_map", "interleave", "reduce", "scan"})
_KERAS_METHODS = frozenset({"call", "train_step", "test_step", "predict_step", "compute_loss", "update_state"})
EAGER = frozenset({"tensorflow.py_function", "tensorflow.numpy_function", "tensorflow.compat.v1.py_func"})
_TRACING = frozenset(
    {
        "tensorflow.function",
        "tensorflow.vectorized_map",
        "tensorflow.autograph.to_graph",
        "tensorflow.compat.v1.wrap_function",
    }
)


class Use(NamedTuple):
    """One place that calls a function, or hands it to a call.

    Attributes:
        function: the qualified name, inside the module, of the function it stands in; None outside of any.
        dotted: the name with its import put in (``pkg.mod.f``); None for an attribute of an object.
        receiver: the class whose ``self`` it is an attribute of, or whose ``super()``.
        above: it is one of ``super()``.
        traces: it is handed to TensorFlow, which traces it.
    """

    function: str | None
    dotted: str | None
    receiver: str | None
    above: bool
    traces: bool


@dataclass
class Summary:
    """What other modules must know of one to follow calls.

    Attributes:
        uses: the places that call a function or hand it on, by its last name.
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


class _Walk:
    def __init__(self, tree: ast.Module, defined: frozenset[str]) -> None:
        self.summary = Summary()
        self.defined = defined
        self.imports: dict[str, str] = {}
        self.aliases: dict[str, ast.expr] = {}
        for node in statements(tree):
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
        self.block(tree.body, None, None)

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

    def block(self, nodes: Iterable[ast.AST], function: str | None, owner: str | None) -> None:
        """Record the calls and definitions in some code.

        Args:
            nodes: the code.
            function: the qualified name of the function around it.
            owner: the qualified name of the class around that.
        """
        pending = list(nodes)
        for node in pending:  # which grows
            kind = type(node)
            if kind in _DEFINITIONS:
                self.define(cast("Function | ast.ClassDef", node), function, function, owner)
                continue
            if kind is ast.Call:
                self.call(cast("ast.Call", node), function, owner)
            pending += children(node)

    def define(
        self, node: Function | ast.ClassDef, around: str | None, function: str | None, owner: str | None
    ) -> None:
        name = f"{around}.{node.name}" if around else node.name
        inner = set(node.body)
        self.block((part for part in children(node) if part not in inner), function, owner)
        if isinstance(node, ast.ClassDef):
            self.summary.bases[name] = tuple(filter(None, map(self.dotted, node.bases)))
            for part in node.body:
                if isinstance(part, _DEFINITIONS):
                    self.define(part, name, function, name)
                else:
                    self.block([part], function, name)
        else:
            if any(self.makes_traced(decorator) for decorator in node.decorator_list):
                self.summary.traced.add(name)
            self.block(node.body, name, owner)

    def call(self, call: ast.Call, function: str | None, owner: str | None) -> None:
        """Record what is called, and the functions that are handed over."""
        self.use(call.func, None, function, owner)
        for argument in call.args:
            self.use(argument, call, function, owner)
        for given in call.keywords:
            self.use(given.value, call, function, owner)

    def use(self, node: ast.AST, given_to: ast.Call | None, function: str | None, owner: str | None) -> None:
        while given_to is not None and isinstance(node, ast.Lambda):
            node = node.body
        receiver: str | None = None
        above = False
        if isinstance(node, ast.Attribute):
            name = node.attr
            above = isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "super"
            if above or (isinstance(node.value, ast.Name) and node.value.id == "self"):
                receiver = owner
        elif isinstance(node, ast.Name):
            name = self.imports.get(node.id, node.id).rpartition(".")[2]
        else:
            return
        if name not in self.defined:
            return
        dotted = self.dotted(node)
        if dotted is not None and dotted.startswith(("tensorflow.", "keras.")):
            return
        traces = given_to is not None and self.hands_over(given_to)
        # Who is given a function may call it; what holds for the giver holds for the function then.
        if not traces and (function is None or (given_to is not None and self.dotted(given_to.func) in EAGER)):
            return
        self.summary.uses.setdefault(name, []).append(Use(function, dotted, receiver, above, traces))

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
        if call.func.attr not in _REPLICA_METHODS | _DATASET_METHODS:
            return False
        known = self.origin(call.func.value)
        receiver = ast.unparse(call.func.value).lower()
        if call.func.attr in _REPLICA_METHODS:
            return known == "tensorflow" or (known is None and ("strategy" in receiver or "distribut" in receiver))
        return known == "tensorflow" or (known is None and ("dataset" in receiver or receiver.endswith("ds")))

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
        self.known = {}

    def summary(self, path: str) -> Summary | None:
        """Return a module's summary, None if it can't be read."""
        if path not in self.summaries:
            tree = self.project.tree(path)
            self.summaries[path] = summarize(tree, self.project.texts.function_names) if tree is not None else None
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
            and any(base.startswith("keras.") for _, base in self.ancestors(path, owner))
        )

    def _callers(self, path: str, qualname: str) -> Iterator[tuple[str, str] | None]:
        """Yield the functions that use one; None for a use that traces it."""
        owner, _, name = qualname.rpartition(".")
        here = self.summary(path)
        method = here is not None and owner in here.bases
        if method and name == "__call__":
            yield from self._object_callers(path, owner)
        if name.startswith("__") and name != "__call__":
            return
        using = self.project.texts.holding(f".{name}", CALLED) if method else self.project.importing(path, name)
        for other in [path, *(other for other in using if other != path)]:
            summary = self.summary(other)
            for use in summary.uses.get(name, ()) if summary is not None else ():
                if self._may_mean(use, other, path, qualname, method):
                    yield None if use.traces or use.function is None else (other, use.function)

    def _object_callers(self, path: str, owner: str) -> Iterator[tuple[str, str] | None]:
        """Yield the functions that call an object of a class, or hand it on; None where TensorFlow may call it."""
        from codemods.analysis.objects import gets_traced, object_calls  # which needs this module itself

        module = self.project.module(path)
        klass = module.definition(owner) if module is not None else None
        handed_on = any(
            base.startswith("keras.") or base == "tensorflow.Module" for _, base in self.ancestors(path, owner)
        )
        for found in object_calls(module, klass) if module is not None and isinstance(klass, ast.ClassDef) else ():
            function = found.module.function(found.node)
            if found.call is None and handed_on and gets_traced(found):
                yield None
            elif function is not None:
                yield found.module.path, found.module.qualname(function)

    def _may_mean(self, use: Use, where: str, path: str, qualname: str, method: bool) -> bool:
        owner = qualname.rpartition(".")[0]
        if method:
            if use.receiver is not None and use.above:
                return (path, owner) in self.ancestors(where, use.receiver)
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
        found, rest = self.project.find_here(use.dotted, where)
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
