"""Writers that an object keeps: behind which of its methods' loops what they have written is flushed.

Any method may be called again, and a closed writer drops what it is given: so they are flushed, and stay open.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from codemods.analysis.dataflow import reach
from codemods.analysis.endings import Effect, Endings, importers, leaves
from codemods.analysis.module import Function, Module
from codemods.analysis.places import loops
from codemods.analysis.writers import use_of
from codemods.closing.uses import WRITING
from codemods.engine.codemod import Edit, InsertAfter, InsertBefore

_RUNNING = frozenset({"run", "eval", "partial_run"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def flushes(module: Module, target: ast.Attribute) -> tuple[Edit, ...] | None:
    """Return the edits that flush a v1 writer behind the loops that write to it; None where these can't be told.

    Args:
        module: the module.
        target: the attribute of ``self`` that the writer is assigned to.
    """
    writer = _Writer(module, target)
    methods = writer.methods() if writer.is_own else None
    if not methods:
        return None
    edits: list[Edit] = []
    for method, places in methods.items():
        if Endings(module, writer.effects.get).may_wait(method.body, waiting=False):
            found = _behind(module, method, places, f"{ast.unparse(target)}.flush()")
            if found is None:
                return None
            edits += found
    return tuple(edits)


class _Writer:
    def __init__(self, module: Module, target: ast.Attribute) -> None:
        self.module = module
        self.name = target.attr
        self.owner = module.enclosing(target, ast.ClassDef)
        uses = [use for use in module.attributes[target.attr] if self._is_mine(use)]
        self.is_own = isinstance(self.owner, ast.ClassDef) and self._is_held_once(target, uses)
        self.effects: dict[ast.AST, Effect] = {}
        for use in uses:
            method = use_of(module, use)
            if method == "add_graph":
                continue  # once, and what is flushed later puts it on disk as well
            if method in WRITING:
                self.effects[use] = "write"
            elif method == "flush":
                self.effects[use] = "save"
            elif method not in ("get_logdir", "test") and use is not target:
                self.is_own = False  # it gets out of sight

    def _is_mine(self, use: ast.Attribute) -> bool:
        """Tell whether an attribute may be the writer: not that of another class that isn't derived from this one."""
        if not isinstance(use.value, ast.Name) or use.value.id != "self":
            return True
        around = self.module.enclosing(use, ast.ClassDef)
        return (
            not isinstance(around, ast.ClassDef) or around is self.owner or bool(around.bases and self._is_base(around))
        )

    def _is_base(self, other: ast.ClassDef) -> bool:
        assert isinstance(self.owner, ast.ClassDef)
        return any(ast.unparse(base).rpartition(".")[2] == self.owner.name for base in other.bases)

    def _is_held_once(self, target: ast.Attribute, uses: Sequence[ast.Attribute]) -> bool:
        """Tell whether only the methods of its class use the writer, and nothing takes its place."""
        direct = all(
            self.module.parent(self.module.function(use) or use) is self.owner and ast.unparse(use.value) == "self"
            for use in uses
        )
        stored = [use for use in uses if not isinstance(use.ctx, ast.Load)]
        return direct and stored == [target] and not any(importers(self.module, f".{self.name}"))

    def methods(self) -> dict[Function, list[ast.AST]] | None:
        """Return the methods that are to flush it, with the places where they write; None where they can't be told.

        One that writes for a single step is called by the loop over the steps, and that is where it is flushed.
        """
        found: dict[Function, list[ast.AST]] = {}
        waiting = [node for node, effect in self.effects.items() if effect == "write"]
        seen: set[Function] = set()
        for place in waiting:  # which grows
            method = self.module.function(place)
            if method is None or not _is_plain(method):
                return None
            if any(map(self._trains, loops(self.module, place))):
                found.setdefault(method, []).append(place)
                continue
            calls = [] if method in seen else self._calls(method)
            if calls is None:
                return None
            seen.add(method)
            for call in calls:
                if self.module.parent(self.module.function(call) or call) is self.owner:
                    self.effects[call] = "write"
                    waiting.append(call)
                elif loops(self.module, call):
                    return None
            if not calls or not all(call in self.effects for call in calls):
                found.setdefault(method, []).append(place)
        return found

    def _trains(self, loop: ast.AST) -> bool:
        return any(
            isinstance(node, ast.Attribute) and node.attr in _RUNNING for _, node in reach(self.module, [loop]).walk()
        )

    def _calls(self, method: Function) -> list[ast.Call] | None:
        """Return the calls of a method; None where there are none, or not all can be seen."""
        if any(importers(self.module, f".{method.name}")):
            return None
        found = []
        for use in self.module.attributes.get(method.name, ()):
            if self.module.resolve(use) is not None:
                continue  # a function of a library
            call = self.module.parent(use)
            if not isinstance(call, ast.Call) or call.func is not use:
                return None
            found.append(call)
        return found or None


def _is_plain(method: Function) -> bool:
    yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(method))
    return isinstance(method, ast.FunctionDef) and not method.decorator_list and not yields


def _behind(module: Module, method: Function, places: Sequence[ast.AST], code: str) -> list[Edit] | None:
    """Return the edits that run some code behind the last of some places of a method, and before each way out."""
    block: list[ast.stmt] = method.body
    while True:
        holding = [each for each in block if any(each in (place, *module.ancestors(place)) for place in places)]
        last = holding[-1]
        if not isinstance(last, (ast.With, ast.AsyncWith)) or len(holding) > 1:
            break
        block = last.body
    edits: list[Edit] = []
    for node in _own([method.body[0], *method.body[1:]]):
        if node.lineno <= (last.end_lineno or 0) and (
            isinstance(node, (ast.Return, ast.Raise)) or leaves(module, node)
        ):
            if any(node in module.ancestors(place) for place in places):
                return None
            if any(place.lineno < node.lineno for place in places) or loops(module, node):  # type: ignore[attr-defined]
                edits.append(InsertBefore(node, code))
    if isinstance(last, (ast.Return, ast.Raise)):
        return None
    return [*edits, InsertAfter(last, code)]


def _own(statements: Sequence[ast.AST]) -> Iterator[ast.stmt]:
    """Yield the statements of a function, without those of the functions inside."""
    for node in statements:
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
            yield from _own(list(ast.iter_child_nodes(node)))
