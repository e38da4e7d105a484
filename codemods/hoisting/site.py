"""Where a file writer is created, and what its new place asks for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from codemods.analysis.dataflow import within
from codemods.analysis.module import Module
from codemods.analysis.places import has_comment
from codemods.analysis.writers import Creation, creations, names_held_by
from codemods.engine.codemod import Move, NodeEdit, Remove, Replace

LOOPS = (ast.For, ast.While, ast.AsyncFor)


@dataclass(frozen=True)
class Site:
    """Where a writer is created.

    Attributes:
        creation: the call.
        statement: the statement that it is part of.
        targets: the names or attributes that hold the writer; none for a call inside an expression.
        group: the creations that one assignment makes together.
    """

    creation: Creation
    statement: ast.stmt
    targets: tuple[ast.Name | ast.Attribute, ...] = ()
    group: tuple[Creation, ...] = ()

    @property
    def is_context(self) -> bool:
        """Tell whether it is ``with FileWriter(...) as w:``, which closes the writer at its end."""
        return isinstance(self.statement, ast.With) and any(
            item.context_expr is self.creation.call for item in self.statement.items
        )


def site_of(module: Module, created: Creation) -> Site | None:
    """Return where a writer is created; None where that is no place of interest."""
    statement = module.statement(created.call)
    value = getattr(statement, "value", None)
    targets = names_held_by(statement)
    if targets and (value is created.call or isinstance(value, ast.Tuple)):
        made = {found.call: found for found in creations(module) if module.statement(found.call) is statement}
        calls = [created.call] if value is created.call else cast("ast.Tuple", value).elts
        if all(call in made for call in calls) and all(
            isinstance(target, (ast.Name, ast.Attribute)) for target in targets
        ):
            group = tuple(made[cast("ast.Call", call)] for call in calls)
            return Site(created, statement, tuple(cast("list[ast.Name | ast.Attribute]", targets)), group)
    if isinstance(statement, (ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return None
    if (deferred := module.enclosing(created.call, ast.Lambda)) and within(deferred, [statement]):
        return None
    return Site(created, statement, (), (created,))


def always_evaluated(module: Module, site: Site) -> bool:
    """Tell whether the statement creates the writer exactly once, each time it is run."""
    for node in module.ancestors(site.creation.call):
        if node is site.statement:
            return True
        if not isinstance(
            node,
            (ast.Attribute, ast.Call, ast.keyword, ast.Tuple, ast.List, ast.Dict, ast.withitem, ast.Starred),
        ):
            return False
    return False


def assignment(module: Module, site: Site, name: ast.Name) -> ast.Assign | ast.AnnAssign | None:
    """Return the one assignment of a name, if it is made on the way to the creation and can go with it."""
    bindings = module.bindings(name)
    if len(bindings) != 1 or bindings[0].value is None or not isinstance(bindings[0].node, ast.Name):
        return None
    statement = module.statement(bindings[0].node)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or len(names_held_by(statement)) != 1:
        return None
    value = statement.value
    # A list or a dict that is made anew each time may be filled each time.
    if isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
        return None
    block = module.block(statement)
    path = [site.statement, *module.ancestors(site.statement)]
    onward = [node for node in block if node in path]
    return statement if onward and block.index(statement) < block.index(onward[0]) else None


def instead_of_closing(
    module: Module, site: Site, text: str, closes: Sequence[ast.Expr], loads: Sequence[ast.expr]
) -> Iterator[NodeEdit]:
    """Yield the edits that keep on disk what a ``close()`` put there."""
    for close in closes:
        block = module.block(close)
        before = block[block.index(close) - 1] if block[0] is not close else None
        flushed = (isinstance(before, ast.Expr) and ast.unparse(before) == f"{text}.flush()") or (
            site.creation.version == 2
            and all(within(load, closes) or _is_left_before(module, load, close) for load in loads)
        )
        if flushed and len(block) > 1 and not has_comment(module, close):
            yield Remove(close)
        else:
            yield Replace(close, f"{text}.flush()")


def _is_left_before(module: Module, load: ast.expr, close: ast.Expr) -> bool:
    """Tell whether a use is the head of a ``with writer.as_default():``, which flushes when it is left."""
    around = module.statement(load)
    return isinstance(around, ast.With) and not within(close, [around])


def lines(moves: Sequence[Move]) -> tuple[str | Move, ...]:
    """Return the code that has moved statements on lines of their own."""
    return tuple(part for move in moves for part in (move, "\n"))


def fresh(module: Module, name: str, taken: set[str]) -> str:
    """Return a name that the module doesn't use, and remember it."""
    used = {node.id for node in module.find_all(ast.Name)} | {node.arg for node in module.find_all(ast.arg)}
    used |= {node.name for node in module.find_all(ast.FunctionDef)}
    used |= {node.name for node in module.find_all(ast.ClassDef)}
    used |= {(node.asname or node.name).partition(".")[0] for node in module.find_all(ast.alias)} | taken
    candidates = [name, *([f"summary_{name}"] if name == "writer" else [])]
    candidates += [f"{name}_{number}" for number in range(2, len(used) + 3)]
    found = next(candidate for candidate in candidates if candidate not in used)
    taken.add(found)
    return found
