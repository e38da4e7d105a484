"""What a program does with an operation of its graph, wherever it is passed to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from codemods.analysis.module import Module
from codemods.sessions.flow import Flow, Place, argument, v1_name

Holder = ast.Name | ast.Attribute | ast.arg
"""What holds a value: a name, an attribute, a parameter."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_AROUND = (ast.IfExp, ast.NamedExpr, ast.Starred, ast.List, ast.Tuple, ast.Dict, ast.keyword)
_LOOKING = (ast.Compare, ast.If, ast.BoolOp, ast.UnaryOp, ast.FormattedValue, ast.Assert, ast.Expr, ast.Lambda)
_LOOKERS = frozenset({"builtins.print", "builtins.len", "builtins.isinstance", "builtins.type", "builtins.str"})
_COPIERS = frozenset({"builtins.list", "builtins.tuple", "builtins.set", "builtins.dict", "types.SimpleNamespace"})
_COLLECTING = frozenset({"append", "extend", "insert", "add"})


class Uses:
    """Follows what a call makes.

    Attributes:
        kinds: what is done with it: it is `fetched`, `merged` or `recorded`, or it `escapes`, which may be any of them.
        recorded: the arguments of `add_summary` that are the operation itself.
        holders: the names, attributes and parameters that hold it.
    """

    def __init__(self, flow: Flow, module: Module, call: ast.Call) -> None:
        """Follow it through the program.

        Args:
            flow: what the program's values are made of.
            module: the module of the call.
            call: the call.
        """
        self.flow = flow
        self.call = call
        self.kinds: set[str] = set()
        self.recorded: list[tuple[Module, ast.expr]] = []
        self.holders: list[tuple[Module, Holder]] = []
        self._seen: set[ast.AST] = set()
        self._follow(module, call, alone=True)

    def _follow(self, module: Module, node: ast.expr, *, alone: bool) -> None:
        """Note what is done with an expression that is the operation, or that has it among others."""
        if node in self._seen:
            return
        self._seen.add(node)
        inner: ast.AST = node
        parent = module.parent(inner)
        while isinstance(parent, _AROUND):
            alone = alone and isinstance(parent, (ast.IfExp, ast.NamedExpr, ast.keyword))
            if isinstance(parent, ast.NamedExpr):
                self._bind(module, parent.target, alone=alone)
            inner, parent = parent, module.parent(parent)
        match parent:
            case ast.Call() if inner is not parent.func:
                self._give(module, parent, node, inner, alone=alone)
            case ast.Return():
                self._return(module, parent, alone=alone)
            case ast.Assign(targets):
                for target in targets:
                    self._bind(module, target, alone=alone)
            case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
                self._bind(module, target, alone=alone and isinstance(parent, ast.AnnAssign))
            case ast.Attribute(attr=name):
                if alone and name in ("run", "eval"):
                    self.kinds.add("fetched")
                elif not alone and name not in _COLLECTING:
                    self._follow(module, parent, alone=False)
            case ast.Subscript() if inner is parent.value and isinstance(parent.ctx, ast.Load):
                self._follow(module, parent, alone=False)
            case _ if not isinstance(parent, _LOOKING):
                self.kinds.add("escapes")

    def _bind(self, module: Module, target: ast.expr, *, alone: bool) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            chosen = [each for each in _leaves(target) if self._is_among(self.flow.assigned(module, each))]
            for each in chosen:
                self._bind(module, each, alone=True)
            if not chosen:
                self.kinds.add("escapes")
        elif isinstance(target, (ast.Name, ast.Attribute)):
            if alone:
                self.holders.append((module, target))
            for other, load in self._loads(module, target):
                self._follow(other, load, alone=alone)
        else:
            self.kinds.add("escapes")

    def _is_among(self, places: Iterator[Place]) -> bool:
        return any(origin is self.call for _, origin in places)

    def _loads(self, module: Module, target: Holder) -> Iterator[tuple[Module, ast.expr]]:
        if isinstance(target, ast.Attribute):
            for other in self.flow.callers:
                for found in other.attributes.get(target.attr, ()):
                    own = self.flow.own(other, found)
                    if isinstance(found.ctx, ast.Load) and other.resolve(found) is None and (not own or target in own):
                        yield other, found
            return
        name = target.id if isinstance(target, ast.Name) else target.arg
        scope = module.scope(target).lookup(name)
        for use in module.uses(scope, name) if scope is not None else ():
            if isinstance(use.ctx, ast.Load):
                yield module, use
        if scope is not None and scope.node is module.tree:
            for other in self.flow.callers:
                for load in _imported(other, name) if other is not module else ():
                    if other.resolve(load) == f"{module.id}.{name}":
                        yield other, load

    def _return(self, module: Module, statement: ast.Return, *, alone: bool) -> None:
        """Follow a value to the calls of the function that returns it."""
        function = module.function(statement)
        calls = list(self.flow.calls(module, function)) if function is not None else []
        for other, call in calls:
            self._follow(other, call, alone=alone)
        if function is not None and any("property" in ast.unparse(each) for each in function.decorator_list):
            for other in self.flow.callers:
                for use in other.attributes.get(function.name, ()):
                    self._follow(other, use, alone=alone)
        elif not calls:
            self.kinds.add("escapes")

    def _give(self, module: Module, call: ast.Call, node: ast.expr, inner: ast.AST, *, alone: bool) -> None:
        """Note what a call does with an argument."""
        method = call.func if isinstance(call.func, ast.Attribute) and module.resolve(call.func) is None else None
        name = v1_name(module, call.func) or module.resolve(call.func)
        if method is not None and method.attr in ("run", "partial_run", "make_callable"):
            if self._may_be(module, node):
                self.kinds.add("fetched")
        elif method is not None and method.attr == "add_summary":
            self.kinds.add("recorded")
            self.recorded.append((module, node))
        elif method is not None and method.attr in _COLLECTING and isinstance(method.value, (ast.Name, ast.Attribute)):
            self._bind(module, method.value, alone=False)
        elif name == "summary.merge":
            self.kinds.add("merged")
        elif name in _COPIERS or self._is_record(module, call):
            self._follow(module, call, alone=False)
        elif name not in _LOOKERS:
            self._enter(module, call, node, inner, alone=alone)

    def _is_record(self, module: Module, call: ast.Call) -> bool:
        """Tell whether a call makes a tuple with names of what it is given."""
        made = [origin for _, origin in self.flow.origins(module, call.func)]
        return bool(made) and all(
            isinstance(origin, ast.Call) and module.resolve(origin.func) == "collections.namedtuple" for origin in made
        )

    def _may_be(self, module: Module, node: ast.expr) -> bool:
        """Tell whether an expression that picks something may have picked the operation."""
        origins = [origin for _, origin in self.flow.origins(module, node)] if node is not self.call else []
        return not origins or any(origin is self.call or not isinstance(origin, ast.Call) for origin in origins)

    def _enter(self, module: Module, call: ast.Call, node: ast.expr, inner: ast.AST, *, alone: bool) -> None:
        """Follow an argument into a function of the project."""
        given = inner.value if isinstance(inner, ast.keyword) else inner
        owner, function = self.flow.function(module, call.func) or (None, None)
        if owner is not None and function is not None:
            every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            for parameter in every:
                if argument(owner, function, call, parameter.arg) in (given, node):
                    if alone:
                        self.holders.append((owner, parameter))
                    for other, load in self._loads(owner, parameter):
                        self._follow(other, load, alone=alone)
                    return
        self.kinds.add("escapes")


def _imported(module: Module, name: str) -> Iterator[ast.expr]:
    """Yield what may mean a name of another module."""
    yield from module.attributes.get(name, ())
    bound = [alias.asname or name for alias in module.find_all(ast.alias) if alias.name == name]
    yield from (load for each in [name, *bound] for load in module.names.get(each, ()))


def _leaves(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, (ast.Tuple, ast.List)):
        for each in target.elts:
            yield from _leaves(each)
    else:
        yield target.value if isinstance(target, ast.Starred) else target
