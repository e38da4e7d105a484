"""How code at one place can name a definition that stands elsewhere in the project."""

from __future__ import annotations

import ast
import builtins
import enum
from dataclasses import dataclass

from codemods.analysis.imports import ImportGraph
from codemods.analysis.module import Binding, Function, Module, Scope
from codemods.engine.codemod import AddImport


class Obstacle(enum.Enum):
    """Why a definition can't be named at a place."""

    OUT_OF_REACH = "it is defined inside a function or under a condition"
    TAKEN = "its name means something else there"
    CYCLE = "its module imports this one"
    SCRIPT = "importing its module would run a script that has no main guard"
    UNKNOWN_PATH = "it can't be told by which name its module is imported"


@dataclass(frozen=True)
class Reference:
    """What to write for a definition.

    Attributes:
        code: the expression.
        module: the module to import from first, as the import names it; None if nothing is missing.
        name: the name to import from it.
    """

    code: str
    module: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Place:
    """A node of a module, where something is to be named."""

    module: Module
    node: ast.AST


@dataclass(frozen=True)
class Definition:
    """What is to be named: a class or function, with its module."""

    module: Module
    node: ast.ClassDef | Function

    @property
    def qualname(self) -> str:
        """The dotted name inside the module."""
        return self.module.qualname(self.node)


def refer(graph: ImportGraph, place: Place, target: Definition, loaded: frozenset[str]) -> Reference | Obstacle:
    """Return how an expression at a place can name a definition.

    Args:
        graph: the project's imports.
        place: where the expression is to stand.
        target: the definition.
        loaded: the modules that have run by then, which can be imported without running anything.
    """
    seen = _visible(place, target)
    if seen is not None:
        return Reference(seen)
    here, owner = place.module, target.module
    parents = owner.ancestors(target.node)
    if owner is here or not all(isinstance(around, (ast.ClassDef, ast.Module)) for around in parents):
        return Obstacle.OUT_OF_REACH
    first = target.qualname.partition(".")[0]
    if len(owner.inner_scope(owner.tree).bindings.get(first, ())) != 1:
        return Obstacle.OUT_OF_REACH
    if here.scope(place.node).lookup(first) is not None or hasattr(builtins, first):
        return Obstacle.TAKEN
    module = importable(graph, here, owner, loaded)
    return module if isinstance(module, Obstacle) else Reference(target.qualname, module, first)


def importable(graph: ImportGraph, here: Module, owner: Module, loaded: frozenset[str]) -> str | Obstacle:
    """Return the name by which a module can import another without harm."""
    if owner.path.endswith(".ipynb"):
        return Obstacle.SCRIPT
    if here.path in graph.closure(owner.path):
        return Obstacle.CYCLE
    if any(graph.runs(path) for path in graph.closure(owner.path) - loaded):
        return Obstacle.SCRIPT
    return graph.spelling(here, owner.path) or Obstacle.UNKNOWN_PATH


def _visible(place: Place, target: Definition) -> str | None:
    """Return the expression by which a definition is already known at a place."""
    inner = place.module.scope(place.node)
    scope: Scope | None = inner
    while scope is not None:
        for name, bindings in scope.bindings.items():
            if len(bindings) == 1 and inner.lookup(name) is scope:
                code = _by_binding(place, scope, bindings[0], target)
                if code is not None:
                    return code
        scope = scope.parent
    return None


def _by_binding(place: Place, scope: Scope, binding: Binding, target: Definition) -> str | None:
    """Return the expression for a definition that begins with a name bound at a place."""
    here, node = place.module, binding.node
    if not isinstance(node, (ast.alias, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    meaning = here.meaning(binding)
    if meaning is None or not _holds(place, scope, node):
        return None
    qualified = f"{target.module.id}.{target.qualname}"
    if meaning == qualified:
        return binding.name if node is target.node or isinstance(node, ast.alias) else None
    if isinstance(node, ast.ClassDef) and qualified.startswith(meaning + "."):
        return binding.name + qualified.removeprefix(meaning)
    if not isinstance(node, ast.alias) or here.project is None:
        return None
    plain = node.asname is None and isinstance(here.parent(node), ast.Import)
    path, rest = here.project.find(node.name if plain else binding.imported or "", here.path)
    name = node.name if plain else binding.name
    return f"{name}.{target.qualname}" if path == target.module.path and not rest else None


def _holds(place: Place, scope: Scope, node: ast.AST) -> bool:
    """Return whether a binding is in force at a place: made before it, and on every way to it."""
    here = place.module
    parent = here.parent(here.statement(node))
    imported = isinstance(node, ast.alias)  # who imports under a condition has seen to its name
    if not imported and parent is not scope.node and parent not in set(here.ancestors(place.node)):
        return False
    same = here.function(place.node) is (scope.node if scope.parent is not None else None)
    return not same or node.lineno < place.node.lineno  # type: ignore[attr-defined]


def tensorflow_name(module: Module, node: ast.AST, *, v1: bool = True) -> tuple[str, tuple[AddImport, ...]]:
    """Return a module's name for TensorFlow at a node, with the import that it needs.

    Args:
        module: the module.
        node: where the name is to stand.
        v1: TensorFlow's API of version 1 will do.
    """
    wanted = {"tensorflow", "tensorflow.compat.v2", *(["tensorflow.compat.v1"] if v1 else [])}
    scope = module.scope(node)
    outer: Scope | None = scope
    while outer is not None:
        for name, bindings in outer.bindings.items():
            imported = {binding.imported for binding in bindings}
            # A name for one of two versions is none that an analysis makes anything of.
            if len(imported) == 1 and imported <= wanted and scope.lookup(name) is outer:
                return name, ()
        outer = outer.parent
    if scope.lookup("tf") is None:
        return "tf", (AddImport("tensorflow as tf"),)
    return "tensorflow", (AddImport("tensorflow"),)
