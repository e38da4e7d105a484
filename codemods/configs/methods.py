"""What a ``get_config`` of the project gives back, and where it can say more."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from codemods.analysis.module import Function, Module

_COPYING = frozenset({"builtins.dict", "builtins.list", "copy.copy", "copy.deepcopy", "collections.OrderedDict"})


@dataclass
class Config:
    """What a ``get_config`` gives back.

    Attributes:
        values: what it says of its own, by key.
        inherits: it holds what the base's ``get_config`` gives back.
        clear: all of it is seen.
    """

    values: dict[str, ast.expr] = field(default_factory=dict)
    inherits: bool = False
    clear: bool = True

    def merge(self, other: Config) -> Config:
        """Return what is in one or the other."""
        return Config({**self.values, **other.values}, self.inherits or other.inherits, self.clear and other.clear)


_UNCLEAR = Config(clear=False)


class ConfigMethod:
    """A ``get_config`` of the project."""

    def __init__(self, module: Module, function: Function) -> None:
        """Remember the method."""
        self.module = module
        self.function = function
        self.nodes = [node for statement in function.body for node in ast.walk(statement)]
        self.returned = [node for node in self.nodes if isinstance(node, ast.Return)]
        self._busy: set[str] = set()

    def config(self) -> Config:
        """Return what it gives back."""
        found = Config(clear=bool(self.returned))
        for node in self.returned:
            found = found.merge(self._of(node.value))
        branching = (ast.For, ast.While, ast.Try, ast.If, ast.Match, ast.DictComp, ast.Lambda)
        return found.merge(_UNCLEAR) if any(isinstance(node, branching) for node in self.nodes) else found

    def _of(self, node: ast.expr | None) -> Config:
        if isinstance(node, ast.Dict):
            return self._display(node)
        if isinstance(node, ast.Name):
            return self._variable(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.Add)):
            return self._of(node.left).merge(self._of(node.right))
        if not isinstance(node, ast.Call):
            return _UNCLEAR
        if is_super(self.module, node, "get_config"):
            return Config(inherits=True)
        name = self.module.resolve(node.func)
        if name in _COPYING:
            return self._given(node)
        if name is None and isinstance(node.func, ast.Attribute) and node.func.attr in {"items", "copy"}:
            return self._of(node.func.value)
        return _UNCLEAR

    def _display(self, node: ast.Dict) -> Config:
        found = Config()
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                found = found.merge(self._of(value))
            elif isinstance(key, ast.Constant) and isinstance(key.value, str):
                found = found.merge(Config({key.value: value}))
            else:
                found = found.merge(_UNCLEAR)
        return found

    def _given(self, call: ast.Call) -> Config:
        """Return what the arguments of ``dict`` or ``update`` put into it."""
        found = Config()
        for each in call.args:
            found = found.merge(self._of(each))
        for keyword in call.keywords:
            found = found.merge(
                self._of(keyword.value) if keyword.arg is None else Config({keyword.arg: keyword.value})
            )
        return found

    def _variable(self, name: ast.Name) -> Config:
        """Return what is in a local dict at the end."""
        if name.id in self._busy:
            return Config()
        scope = self.module.inner_scope(self.function)
        if self.module.scope(name).lookup(name.id) is not scope:
            return _UNCLEAR
        self._busy.add(name.id)
        found = Config()
        for binding in scope.bindings[name.id]:
            found = found.merge(self._of(binding.value) if binding.value is not None else _UNCLEAR)
        for use in self.module.uses(scope, name.id):
            if isinstance(use.ctx, ast.Load):
                found = found.merge(self._use(use))
        self._busy.discard(name.id)
        return found

    def _use(self, use: ast.Name) -> Config:
        """Return what a use of a dict puts into it."""
        parent = self.module.parent(use)
        if isinstance(parent, ast.Subscript):
            key = parent.slice.value if isinstance(parent.slice, ast.Constant) else None
            statement = self.module.parent(parent)
            if isinstance(statement, ast.Assign) and parent in statement.targets and isinstance(key, str):
                return Config({key: statement.value})
            return Config() if isinstance(parent.ctx, ast.Load) else _UNCLEAR
        if isinstance(parent, ast.Attribute):
            call = self.module.parent(parent)
            if parent.attr == "update" and isinstance(call, ast.Call):
                return self._given(call)
            return Config() if parent.attr in {"items", "copy", "get", "keys", "values"} else _UNCLEAR
        # Whoever else gets it may put something into it.
        copied = isinstance(parent, ast.Call) and self.module.resolve(parent.func) in _COPYING
        updated = (
            isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and parent.func.attr == "update"
        )
        return Config() if copied or updated or isinstance(parent, (ast.Return, ast.Dict, ast.BinOp)) else _UNCLEAR

    # Where more can be said. ---------------------------------------------------------------------

    def display(self) -> ast.Dict | None:
        """Return the dict display that holds what the class says of its own."""
        found = [node for node in self.nodes if isinstance(node, ast.Dict)]
        own = [node for node in found if any(isinstance(key, ast.Constant) for key in node.keys)]
        inner = {value for node in found for each in node.values for value in ast.walk(each)}
        outer = [node for node in own or found if node not in inner]
        return outer[-1] if outer else None

    def keywords(self) -> ast.Call | None:
        """Return the call of ``dict`` or ``update`` that names what the class says of its own."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and node.keywords and all(k.arg is not None for k in node.keywords):
                update = isinstance(node.func, ast.Attribute) and node.func.attr == "update"
                if update or self.module.resolve(node.func) == "builtins.dict":
                    return node
        return None

    def stored(self) -> tuple[ast.stmt, str] | None:
        """Return the last statement that puts an item into the dict, or makes it, and the dict's name."""
        found: tuple[ast.stmt, str] | None = None
        for node in self.nodes:
            if isinstance(node, ast.AnnAssign) or (isinstance(node, ast.Assign) and len(node.targets) == 1):
                target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
                owner = target.value if isinstance(target, ast.Subscript) else target
                if isinstance(owner, ast.Name) and (found is None or node.lineno > found[0].lineno):
                    found = node, owner.id
        return found


def is_super(module: Module, call: ast.Call, method: str) -> bool:
    """Tell whether a call is that of a base's method: ``super().get_config()``, ``Base.get_config(self)``."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != method:
        return False
    base = call.func.value
    if isinstance(base, ast.Call):
        return module.resolve(base.func) == "builtins.super"
    return len(call.args) == 1 and isinstance(call.args[0], ast.Name) and isinstance(base, (ast.Name, ast.Attribute))
