"""File writers that nothing writes to: what holds them, and where they are sure to be there and open.

https://www.tensorflow.org/api_docs/python/tf/summary/SummaryWriter
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.analysis.endings import importers
from codemods.analysis.in_reach import parameter_for
from codemods.analysis.module import Module
from codemods.analysis.places import Loop, frame, runs_before, surely_runs
from codemods.analysis.shapes import Shapes
from codemods.analysis.writers import Creation

_DEFAULT = frozenset({"as_default", "set_as_default"})
_SILENT = _DEFAULT | {"flush", "close"}
_WRITES_NOTHING = sys.stdlib_module_names | {"tensorflow", "keras", "tf_keras", "numpy", "tqdm"}

Holder = ast.Name | ast.Attribute | ast.arg


@dataclass(frozen=True, eq=False)
class IdleWriter:
    """A file writer that nothing writes to.

    Attributes:
        created: the call that makes it.
        holders: the names, attributes of ``self`` and parameters that hold it, the first of which it is made for.
        uses: what is done with it, none of which records anything.
    """

    created: Creation
    holders: tuple[Holder, ...]
    uses: tuple[ast.expr, ...]

    @property
    def words(self) -> set[str]:
        """The words of its name and of its folder's."""
        folder = [ast.unparse(argument) for argument in self.created.arguments]
        return set(re.findall("[a-z]+", " ".join([text_of(self.holders[0]), *folder]).lower()))


def text_of(holder: Holder) -> str:
    """Return how something that holds a writer is written."""
    return holder.arg if isinstance(holder, ast.arg) else ast.unparse(holder)


def idle_writer(module: Module, created: Creation) -> IdleWriter | None:
    """Return a writer that nothing uses; None where anything does, or may."""
    first = _held_by(module, created.call)
    holders = [first] if first is not None else []
    uses: list[ast.expr] = []
    for holder in holders:  # which grows
        loads = _loads(module, holder)
        if loads is None:
            return None
        for load in loads:
            other = _held_by(module, load)
            if other is not None:
                holders += [other] if other not in holders else []
            elif _method(module, load) in _SILENT:
                uses.append(load)
            else:
                return None
    by_default = any(_method(module, use) in _DEFAULT for use in uses)
    if not holders or (by_default and not _imports_nothing_that_writes(module)):
        return None
    return IdleWriter(created, tuple(holders), tuple(uses))


def _loads(module: Module, holder: Holder) -> list[ast.expr] | None:
    """Return where what a name holds is read; None where other modules may read it."""
    if isinstance(holder, ast.Attribute):
        project = module.project
        if project is not None and set(project.mentioning(f".{holder.attr}")) - {module.path}:
            return None
        return [node for node in module.attributes[holder.attr] if not isinstance(node.ctx, ast.Store)]
    name = holder.arg if isinstance(holder, ast.arg) else holder.id
    scope = module.scope(holder).lookup(name)
    if scope is None or (scope.parent is None and any(importers(module, name))):
        return None
    return [use for use in module.uses(scope, name) if not isinstance(use.ctx, ast.Store)]


def _held_by(module: Module, load: ast.expr) -> Holder | None:
    """Return what is made to hold a writer: a name, an attribute, the parameter of a function that is given it."""
    parent = module.parent(load)
    match parent:
        case ast.Assign([(ast.Name() | ast.Attribute()) as target]) | ast.AnnAssign(
            (ast.Name() | ast.Attribute()) as target
        ):
            return target
    call = module.parent(parent) if isinstance(parent, ast.keyword) else parent
    return parameter_for(module, call, load) if isinstance(call, ast.Call) and call.func is not load else None


def _method(module: Module, use: ast.expr) -> str:
    """Return the method of a writer that is called for nothing but its effect; empty for any other use."""
    attribute = module.parent(use)
    call = module.parent(attribute) if isinstance(attribute, ast.Attribute) else None
    if not isinstance(attribute, ast.Attribute) or not isinstance(call, ast.Call) or call.func is not attribute:
        return ""
    return attribute.attr if isinstance(module.parent(call), (ast.Expr, ast.withitem)) else ""


def _imports_nothing_that_writes(module: Module) -> bool:
    """Tell whether no library that a module imports may write to the default writer."""
    imports: Iterator[ast.Import | ast.ImportFrom] = module.find_all(ast.Import, ast.ImportFrom)
    for node in imports:
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        if not {name.partition(".")[0] for name in names} <= _WRITES_NOTHING:
            return False
    return True


def holder_at(module: Module, writer: IdleWriter, node: ast.AST) -> Holder | None:
    """Return what holds a writer where a node stands: a global variable, if nothing nearer does."""
    nearest = sorted(writer.holders, key=lambda holder: isinstance(holder, ast.Name))
    return next((holder for holder in nearest if _is_seen_from(module, holder, node)), None)


def _is_seen_from(module: Module, holder: Holder, node: ast.AST) -> bool:
    if not isinstance(holder, ast.Attribute):
        return module.scope(node).lookup(text_of(holder)) is module.scope(holder).lookup(text_of(holder))
    method = module.function(node)
    owner = module.parent(method) if method is not None else None
    if method is None or owner is None or owner is not module.enclosing(holder, ast.ClassDef):
        return False
    first = next(iter([*method.args.posonlyargs, *method.args.args]), None)
    return first is not None and ast.unparse(holder.value) == first.arg


def is_made(module: Module, writer: IdleWriter, after: ast.stmt) -> bool:
    """Tell whether what holds a writer is sure to hold it where a statement is run, and never holds anything else."""
    holder = holder_at(module, writer, after)
    if isinstance(holder, ast.arg):
        function = module.function(holder)
        calls = Shapes(module).calls(function) if function is not None else None
        return calls is not None and len(calls) == 1
    assert holder is not None
    stores: list[ast.AST]
    if isinstance(holder, ast.Attribute):
        stores = [node for node in module.attributes[holder.attr] if isinstance(node.ctx, ast.Store)]
    else:
        stores = [binding.node for binding in module.bindings(holder)]
    home = frame(module, holder)
    if len(stores) != 1:
        return False
    if home is frame(module, after):
        return runs_before(module, [holder], after)
    constructed = isinstance(holder, ast.Name) or getattr(home, "name", "") == "__init__"
    return constructed and surely_runs(module, home.body, [holder])


def may_be_closed(module: Module, writer: IdleWriter, loop: Loop) -> bool:
    """Tell whether a writer is closed in a loop, or before it."""
    closes = [use for use in writer.uses if _method(module, use) == "close"]
    here = frame(module, loop)
    return any(
        loop in module.ancestors(use) or (frame(module, use) is here and use.lineno < loop.lineno) for use in closes
    )


def is_default(module: Module, writer: IdleWriter, after: ast.stmt) -> bool:
    """Tell whether a writer is the default behind a statement."""
    for use in writer.uses:
        method, place = _method(module, use), module.statement(use)
        if method == "as_default" and isinstance(place, ast.With) and place in module.ancestors(after):
            return True
        if (
            method == "set_as_default"
            and frame(module, place) is frame(module, after)
            and runs_before(module, [use], after)
        ):
            return True
    return False
