"""The facade that codemods ask about one module: its tree, its scopes, and what its names mean."""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from codemods.analysis.names import canonical

if TYPE_CHECKING:
    from codemods.analysis.project import Project

Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_POSITION = attrgetter("lineno", "col_offset")
_SCOPES = (*_FUNCTIONS, ast.ClassDef, ast.Lambda, *_COMPREHENSIONS)
NodeT = TypeVar("NodeT", bound=ast.AST)
FoundT = TypeVar("FoundT")


@dataclass(frozen=True)
class Binding:
    """One place that binds a name.

    Attributes:
        name: the name bound.
        node: the node that binds it: an import's alias, an ``ast.Name`` in store context, a function
            or class definition, an ``ast.arg``, an exception handler, ...
        value: what ``name = value`` assigns, where that is the whole statement; otherwise None.
        imported: for an import, the qualified name as it is written (relative dots included).
    """

    name: str
    node: ast.AST
    value: ast.expr | None = None
    imported: str | None = None


@dataclass(eq=False)
class Scope:
    """The names that a module, function, class, lambda or comprehension binds."""

    node: ast.AST
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    uses: dict[str, list[ast.Name]] = field(default_factory=dict)

    @property
    def root(self) -> Scope:
        """The module's scope."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def lookup(self, name: str) -> Scope | None:
        """Return the scope that a name read here belongs to, None for a builtin or unknown name."""
        if name in self.globals:
            return self.root if name in self.root.bindings else None
        if name in self.bindings and name not in self.nonlocals:
            return self
        scope = self.parent
        while scope is not None:
            # A class body is not seen from the functions inside it.
            if name in scope.bindings and not isinstance(scope.node, ast.ClassDef) and name not in scope.nonlocals:
                return scope
            if name in scope.globals:
                return self.root if name in self.root.bindings else None
            scope = scope.parent
        return None


class Module:
    """One module's source with its meaning; nodes are those of :mod:`ast`.

    Attributes:
        path: where it is, relative to its project's root, with ``/``.
        text: its source.
        tree: its ``ast`` tree.
        project: the project it belongs to, which resolves imports from other modules.
    """

    def __init__(self, text: str, path: str = "<module>.py", project: Project | None = None) -> None:
        """Parse the source.

        Raises:
            SyntaxError: it is not Python.
            RecursionError: it is nested too deeply.
        """
        self.text = text
        self.path = path
        self.project = project
        self.tree = ast.parse(text)
        self._found: dict[tuple[type, ...], list[ast.AST]] = {}
        self._meanings: dict[ast.AST | None, set[str | None]] = {}
        self._once: dict[Hashable, object] = {}
        self._changes = 0

    @cached_property
    def id(self) -> str:
        """The dotted form of the path, which prefixes the qualified names of what is defined here."""
        return module_id(self.path)

    def once(self, what: Hashable, find: Callable[[], FoundT]) -> FoundT:
        """Return what is found out about the module, once for as long as no module of the project changes.

        Args:
            what: its name, with the nodes that it is about.
            find: finds it out.
        """
        self._look_out()
        if what not in self._once:
            self._once[what] = find()
        return cast("FoundT", self._once[what])

    def _look_out(self) -> None:
        """Forget what may depend on other modules if one of them has changed."""
        changes = self.project.changes if self.project is not None else 0
        if changes != self._changes:
            self._meanings.clear()
            self._once.clear()
            self._changes = changes

    # The tree. ---------------------------------------------------------------------------------

    @cached_property
    def _walked(self) -> tuple[list[ast.AST], dict[ast.AST, ast.AST], dict[type, list[ast.AST]]]:
        """The nodes, in the order of ``ast.walk``, the parent of each, and those of each kind."""
        nodes: list[ast.AST] = [self.tree]
        parents: dict[ast.AST, ast.AST] = {}
        kinds: defaultdict[type, list[ast.AST]] = defaultdict(list)
        for node in nodes:  # which grows
            kind = node.__class__
            kinds[kind].append(node)
            if _FIELDS[kind]:
                found = children(node)
                nodes += found
                for child in found:
                    parents[child] = node
        return nodes, parents, kinds

    @property
    def _nodes(self) -> list[ast.AST]:
        return self._walked[0]

    @property
    def _parents(self) -> dict[ast.AST, ast.AST]:
        return self._walked[1]

    @cached_property
    def attributes(self) -> dict[str, list[ast.Attribute]]:
        """The module's attribute accesses by the attribute's name."""
        found: defaultdict[str, list[ast.Attribute]] = defaultdict(list)
        for node in cast("list[ast.Attribute]", self._walked[2].get(ast.Attribute, [])):
            found[node.attr].append(node)
        return dict(found)

    def __contains__(self, node: ast.AST) -> bool:
        """Tell whether a node is one of this module's."""
        return node in self._parents

    def find_all(self, *kinds: type[NodeT]) -> Iterator[NodeT]:
        """Yield the nodes of some kinds (leaf classes of :mod:`ast`) in the order of the source."""
        if kinds not in self._found:
            if len(kinds) == 1 and "lineno" in kinds[0]._attributes:
                found = sorted(self._walked[2].get(kinds[0], ()), key=_POSITION)
            else:
                exact = set(kinds)
                found = [node for node in self._nodes if type(node) in exact]
                found.sort(key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)))
            self._found[kinds] = found
        return (cast("NodeT", node) for node in self._found[kinds])

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node directly around a node; None for the module."""
        return self._parents.get(node)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around a node, innermost first, the module last."""
        while (parent := self._parents.get(node)) is not None:
            yield parent
            node = parent

    def enclosing(self, node: ast.AST, *kinds: type[NodeT]) -> NodeT | None:
        """Return the innermost node of some kinds around a node."""
        return next((ancestor for ancestor in self.ancestors(node) if isinstance(ancestor, kinds)), None)

    def statement(self, node: ast.AST) -> ast.stmt:
        """Return the statement that a node is, or is part of."""
        while not isinstance(node, ast.stmt):
            node = self._parents[node]
        return node

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """Return the list of statements that a statement stands in."""
        parent = self._parents[statement]
        for name in ("body", "orelse", "finalbody", "handlers"):
            statements = getattr(parent, name, None)
            if isinstance(statements, list) and statement in statements:
                return cast("list[ast.stmt]", statements)
        for case in getattr(parent, "cases", ()):
            if statement in case.body:
                return cast("list[ast.stmt]", case.body)
        raise AssertionError("a statement stands in no block")

    def function(self, node: ast.AST) -> Function | None:
        """Return the innermost function definition around a node (lambdas don't count)."""
        return cast("Function | None", self.enclosing(node, *_FUNCTIONS))

    def source(self, node: ast.AST) -> str:
        """Return a node's source text, as it is written."""
        lines = self.lines
        start, end = node.lineno - 1, node.end_lineno - 1  # type: ignore[attr-defined]
        first, last = node.col_offset, node.end_col_offset  # type: ignore[attr-defined]
        if start == end:
            line: bytes = lines[start].encode()
            return line[first:last].decode()
        return "".join([
            lines[start].encode()[first:].decode(),
            *lines[start + 1 : end],
            lines[end].encode()[:last].decode(),
        ])  # fmt: skip

    @cached_property
    def lines(self) -> list[str]:
        """The source's lines as Python counts them, newlines kept."""
        return split_lines(self.text)

    # Scopes. -----------------------------------------------------------------------------------

    @cached_property
    def _visited(self) -> _Scopes:
        declares = "global" in self.text or "nonlocal" in self.text
        return _Scopes(self.tree, declares)

    @property
    def _scopes(self) -> dict[ast.AST, Scope]:
        return self._visited.scopes

    def scope(self, node: ast.AST) -> Scope:
        """Return the scope in which a node is evaluated (for a definition: the one that binds it)."""
        while node not in self._visited.scope_of:
            node = self._parents[node]
        return self._visited.scope_of[node]

    def inner_scope(self, node: ast.AST) -> Scope:
        """Return the scope that a function, class, lambda, comprehension or the module opens."""
        return self._scopes[node]

    def bindings(self, name: ast.Name) -> list[Binding]:
        """Return every place that binds what a name means here; empty for builtins and unknown names."""
        scope = self.scope(name).lookup(name.id)
        return scope.bindings[name.id] if scope is not None else []

    def uses(self, scope: Scope, name: str) -> list[ast.Name]:
        """Return every ``ast.Name`` in the module, load or store, that means a name of a scope."""
        found = []
        for other in self._scopes.values():
            names = other.uses.get(name)
            if names and (other.lookup(name) or other) is scope:
                found += names
        return sorted(found, key=lambda node: (node.lineno, node.col_offset))

    @cached_property
    def names(self) -> dict[str, list[ast.Name]]:
        """The module's names by their spelling, whatever they mean."""
        found: defaultdict[str, list[ast.Name]] = defaultdict(list)
        for node in cast("list[ast.Name]", self._walked[2].get(ast.Name, [])):
            found[node.id].append(node)
        return dict(found)

    def is_used(self, scope: Scope, name: str) -> bool:
        """Tell whether a name is bound or read in a scope, or read from inside it."""
        if name in scope.bindings or name in scope.uses:
            return True
        inner = (other for other in self._scopes.values() if name in other.uses)
        return any(
            (found := other.lookup(name)) is scope or (found is None and scope.parent is None) for other in inner
        )

    # Names. ------------------------------------------------------------------------------------

    def resolve(self, node: ast.AST | None) -> str | None:
        """Return the qualified name that an expression means, in its canonical spelling.

        Imports, aliases (``summary = tf.summary``), re-exports by other modules of the project and
        definitions are followed. None where it isn't a name, isn't known, or could mean several things.

        Args:
            node: an expression, such as ``tf.summary.scalar``; a call is not followed.
        """
        found = self.candidates(node)
        return next(iter(found)) if len(found) == 1 else None

    def candidates(self, node: ast.AST | None) -> set[str | None]:
        """Return every qualified name that an expression may mean, None among them if one is unknown."""
        self._look_out()
        if node not in self._meanings:
            self._meanings[node] = self._candidates(node, frozenset())
        return self._meanings[node]

    def meaning(self, binding: Binding) -> str | None:
        """Return the qualified name that a name has by one of its bindings; None if it can't be told."""
        found = self._bound([binding], frozenset())
        return next(iter(found)) if len(found) == 1 else None

    def _candidates(self, node: ast.AST | None, seen: frozenset[Binding]) -> set[str | None]:
        if isinstance(node, ast.Attribute):
            return {self._member(base, node.attr) for base in self._candidates(node.value, seen)}
        if not isinstance(node, ast.Name):
            return {None}
        scope = self.scope(node).lookup(node.id)
        if scope is None:
            return {self._unbound(node.id)}
        return self._bound(scope.bindings[node.id], seen)

    def _bound(self, bindings: list[Binding], seen: frozenset[Binding]) -> set[str | None]:
        found: set[str | None] = set()
        for binding in bindings:
            if binding in seen:
                continue
            if binding.imported is not None:
                found.add(self._imported(binding.imported))
            elif isinstance(binding.node, (*_FUNCTIONS, ast.ClassDef)):
                found.add(f"{self.id}.{self.qualname(binding.node)}")
            elif binding.value is not None:
                found |= self._candidates(binding.value, seen | {binding})
            else:
                found.add(None)
        return found or {None}

    def _member(self, base: str | None, name: str) -> str | None:
        return None if base is None else self._imported(f"{base}.{name}")

    def _imported(self, name: str) -> str | None:
        if self.project is not None:
            resolved = self.project.resolve(name, self.path)
            if resolved is not None:
                return resolved
        return canonical(name) if not name.startswith(".") else None

    def _unbound(self, name: str) -> str | None:
        if hasattr(builtins, name):
            return f"builtins.{name}"
        stars = {binding.imported for binding in self._scopes[self.tree].bindings.get("*", ())}
        for star in stars:
            if star is not None and self.project is not None:
                found = self.project.resolve(f"{star}.{name}", self.path)
                if found is not None:
                    return found
        libraries = [star for star in stars if star and canonical(star + ".").startswith(("tensorflow.", "keras."))]
        return self._imported(f"{libraries[0]}.{name}") if len(libraries) == 1 else None

    def exported(self, name: str) -> str | None:
        """Return what a top-level name of this module means to those who import it."""
        bindings = self._scopes[self.tree].bindings.get(name)
        if bindings is None:
            return self._unbound(name) if "*" in self._scopes[self.tree].bindings else None
        found = self._bound(bindings, frozenset())
        if len(found) == 1 and None not in found:
            return next(iter(found))
        return f"{self.id}.{name}"  # a plain variable of this module

    def qualname(self, node: ast.AST) -> str:
        """Return the dotted name of a definition inside its module, like ``__qualname__``."""
        names = [cast("str", node.name)]  # type: ignore[attr-defined]
        names += [a.name for a in self.ancestors(node) if isinstance(a, (*_FUNCTIONS, ast.ClassDef))]
        return ".".join(reversed(names))

    def definition(self, qualname: str) -> Function | ast.ClassDef | None:
        """Return the definition of a dotted name inside this module."""
        return self._definitions.get(qualname)

    @cached_property
    def _definitions(self) -> dict[str, Function | ast.ClassDef]:
        found = self.find_all(*_FUNCTIONS, ast.ClassDef)
        return {self.qualname(node): cast("Function | ast.ClassDef", node) for node in found}


# Fields that hold no node, and those whose nodes are no code of their own: all names and operations share them.
_PLAIN = frozenset({
    "ctx", "op", "ops", "id", "attr", "arg", "asname", "module", "level", "kind", "conversion", "simple", "is_async",
    "kwd_attrs", "rest", "tag", "type_comment",
})  # fmt: skip
_LEAVES = (ast.Constant, ast.Global, ast.Nonlocal, ast.alias)
_FIELDS: dict[type, tuple[str, ...]] = {
    kind: () if kind in _LEAVES else tuple(name for name in kind._fields if name not in _PLAIN)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly in a node but for operators: several times as fast as ``ast.iter_child_nodes``."""
    found: list[ast.AST] = []
    for name in _FIELDS[type(node)]:
        value = getattr(node, name, None)
        if value.__class__ is list:
            found += value if None not in value else [each for each in value if each is not None]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


_STATEMENTS: tuple[type[ast.AST], ...] = (*ast.stmt.__subclasses__(), ast.ExceptHandler, ast.match_case)
_BLOCKS = {
    kind: tuple(name for name in ("body", "orelse", "finalbody", "handlers", "cases") if name in kind._fields)
    for kind in _STATEMENTS
}


def statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield all statements; expressions are not looked into."""
    todo: list[ast.stmt | ast.ExceptHandler | ast.match_case] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.stmt):
            yield node
        for name in _BLOCKS[type(node)]:
            todo += getattr(node, name)


def module_id(path: str) -> str:
    """Return the dotted form of a module's path."""
    return path.removesuffix(".py").removesuffix(".ipynb").replace("/", ".").removesuffix(".__init__")


def split_lines(text: str) -> list[str]:
    """Split at the newlines that Python knows (``str.splitlines`` knows more), keeping them."""
    if "\r" not in text:
        parts = text.split("\n")
        return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
    marked = text.replace("\r\n", "\0").replace("\r", "\r\1").replace("\n", "\n\1").replace("\0", "\r\n\1")
    parts = marked.split("\1")
    return parts if parts[-1] else parts[:-1]


def _declarations(body: Sequence[ast.AST]) -> Iterator[ast.Global | ast.Nonlocal]:
    """Yield the ``global`` and ``nonlocal`` statements of a function's own body."""
    for node in body:
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            yield node
        elif isinstance(node, (ast.stmt, ast.ExceptHandler)) and not isinstance(node, _SCOPES):
            yield from _declarations(list(ast.iter_child_nodes(node)))


class _Scopes:
    """Collects the bindings of every scope in one pass.

    Args:
        tree: the module.
        declares: it may hold ``global`` or ``nonlocal``.
    """

    def __init__(self, tree: ast.Module, declares: bool) -> None:
        self.declares = declares
        self.scopes: dict[ast.AST, Scope] = {}
        self.scope_of: dict[ast.AST, Scope] = {}
        self.current = self.scopes[tree] = Scope(tree, None)
        self.scope_of[tree] = self.current
        for statement in tree.body:
            self.visit(statement)

    def visit(self, node: ast.AST) -> None:
        self.scope_of[node] = self.current
        visitor = _VISITORS.get(type(node))
        if visitor is not None:
            visitor(self, node)
        else:
            for child in children(node):
                self.visit(child)

    def generic_visit(self, node: ast.AST) -> None:
        for child in children(node):
            self.visit(child)

    def bind(self, name: str, node: ast.AST, value: ast.expr | None = None, imported: str | None = None) -> None:
        scope = self.current
        while isinstance(scope.node, _COMPREHENSIONS) and isinstance(node, ast.NamedExpr) and scope.parent:
            scope = scope.parent
        if name in scope.globals:
            scope = scope.root
        elif name in scope.nonlocals:
            outer = scope.parent
            while outer is not None and (isinstance(outer.node, ast.ClassDef) or name not in outer.bindings):
                outer = outer.parent
            scope = outer or scope
        scope.bindings.setdefault(name, []).append(Binding(name, node, value, imported))

    def inside(self, node: ast.AST) -> Scope:
        self.scopes[node] = Scope(node, self.current)
        return self.scopes[node]

    def visit_Name(self, node: ast.Name) -> None:
        self.current.uses.setdefault(node.id, []).append(node)
        if not isinstance(node.ctx, ast.Load):
            self.bind(node.id, node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.assign(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.assign(node.target, node.value)
        elif not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.current.uses.setdefault(node.target.id, []).append(node.target)
        self.bind(node.target.id, node, node.value)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.current.uses.setdefault(target.id, []).append(target)
            self.bind(target.id, target, value)
        else:
            self.visit(target)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self.bind(alias.asname, alias, imported=alias.name)
            else:
                top = alias.name.partition(".")[0]
                self.bind(top, alias, imported=top)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.bind("*", alias, imported=base)
            else:
                separator = "" if base.endswith(".") and not node.module else "."
                self.bind(alias.asname or alias.name, alias, imported=f"{base}{separator}{alias.name}")

    def visit_Global(self, node: ast.Global) -> None:
        self.current.globals.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.current.nonlocals.update(node.names)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name, node)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name:
            self.bind(node.name, node)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self.bind(node.name, node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.bind(node.rest, node)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.define(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.define(node)

    def define(self, node: Function) -> None:
        self.bind(node.name, node)
        for decorator in node.decorator_list:
            self.visit(decorator)
        self.annotations(node)
        self.enter(node, node.args, node.body)

    def annotations(self, node: Function) -> None:
        if node.returns is not None:
            self.visit(node.returns)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.enter(node, node.args, [node.body])

    def enter(self, node: ast.AST, arguments: ast.arguments, body: list[ast.stmt] | list[ast.expr]) -> None:
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None:
                self.visit(default)
        outer, self.current = self.current, self.inside(node)
        every = [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ]
        for argument in every:
            if argument is not None:
                self.scope_of[argument] = self.current
                self.bind(argument.arg, argument)
        # ``global`` counts for the whole body, wherever it stands.
        for declaration in _declarations(body) if self.declares else ():
            self.visit(declaration)
        for part in body:
            self.visit(part)
        self.current = outer

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bind(node.name, node)
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(part)
        outer, self.current = self.current, self.inside(node)
        for statement in node.body:
            self.visit(statement)
        self.current = outer

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)
        outer, self.current = self.current, self.inside(node)
        for index, generator in enumerate(node.generators):
            self.visit(generator.target)
            if index:
                self.visit(generator.iter)
            for condition in generator.ifs:
                self.visit(condition)
        if isinstance(node, ast.DictComp):
            self.visit(node.key)
            self.visit(node.value)
        else:
            self.visit(node.elt)
        self.current = outer

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension  # noqa: N815


_VISITORS: dict[type, Callable[[_Scopes, Any], None]] = {
    getattr(ast, name.removeprefix("visit_")): visitor
    for name, visitor in vars(_Scopes).items()
    if name.startswith("visit_")
}
