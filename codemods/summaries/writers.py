"""Which summary writer is the default at a place, and which one could be used there.

The default writer belongs to the thread: a ``with writer.as_default():`` around a call counts for
all that the call does, ``set_as_default`` for all that follows.

https://www.tensorflow.org/api_docs/python/tf/summary/SummaryWriter
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.analysis.endings import importers
from codemods.analysis.module import Function, Module, Scope
from codemods.analysis.places import start
from codemods.analysis.tracing import passed, references

CREATE = "tensorflow.summary.create_file_writer"
NOOP = "tensorflow.summary.create_noop_writer"
NONE = ""  # no writer is the default
SET = "set_as_default"  # the one that was set for good
UNKNOWN = "?"
SEVERAL = "*"  # one after the other


@dataclass(frozen=True)
class Writer:
    """A file writer that a module creates and keeps under a name.

    Attributes:
        call: the call that creates it.
        target: the ``ast.Name`` or attribute that holds it.
    """

    call: ast.Call
    target: ast.expr


def writers(module: Module) -> list[Writer]:
    """Return the file writers that a module creates; one without a name has None for a target."""
    found = []
    for call in module.find_all(ast.Call):
        if module.resolve(call.func) == CREATE:
            statement = module.statement(call)
            target = None
            if isinstance(statement, (ast.Assign, ast.AnnAssign)) and _is_writer(module, statement.value):
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                target = targets[0] if len(targets) == 1 else None
            found.append(Writer(call, target if target is not None else call))
    return found


def _is_writer(module: Module, value: ast.expr | None) -> bool:
    """Tell whether an expression makes a writer, whatever its conditions: a file writer, or one that writes nothing."""
    if isinstance(value, ast.IfExp):
        return _is_writer(module, value.body) and _is_writer(module, value.orelse)
    return isinstance(value, ast.Call) and module.resolve(value.func) in {CREATE, NOOP}


def replaced(module: Module, writer: ast.expr) -> bool:
    """Tell whether what a name or attribute holds is replaced by a writer that lives elsewhere too.

    A graph goes on to write to the first one then. Where the first one is gone with its name, the
    graph raises.
    """
    if isinstance(writer, ast.Name):
        bindings = [binding for binding in module.bindings(writer) if binding.imported is None]
        if any(isinstance(binding.node, ast.arg) for binding in bindings):
            return False
        if any(isinstance(module.statement(binding.node), (ast.For, ast.AsyncFor)) for binding in bindings):
            return True
        values = [(module, binding.value) for binding in bindings] + _stored_elsewhere(module, writer.id)
    elif isinstance(writer, ast.Attribute):
        owner = module.enclosing(writer, ast.ClassDef)
        stores = [node for node in module.attributes.get(writer.attr, ()) if isinstance(node.ctx, ast.Store)]
        stores = [node for node in stores if not _of_self(node) or module.enclosing(node, ast.ClassDef) is owner]
        values = [(module, getattr(module.parent(store), "value", None)) for store in stores]
        elsewhere = _stored_elsewhere(module, writer.attr)
        values += elsewhere
        if not elsewhere and all(
            (function := module.function(store)) and function.name == "__init__" for store in stores
        ):
            return False  # each object has its own
    else:
        return False
    given = [(where, value) for where, value in values if not (isinstance(value, ast.Constant) and value.value is None)]
    return len(given) > 1 and not all(_is_writer(where, value) for where, value in given)


def _stored_elsewhere(module: Module, name: str) -> list[tuple[Module, ast.expr | None]]:
    """Return what modules that import this one put under a name of it, or of its objects."""
    return [
        (other, getattr(other.parent(node), "value", None))
        for other in importers(module)
        for node in other.attributes.get(name, ())
        if isinstance(node.ctx, ast.Store) and not _of_self(node)
    ]


def _of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def as_default(node: ast.expr) -> ast.expr | None:
    """Return the writer in ``writer.as_default(...)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "as_default":
        return node.func.value
    return None


def writer_items(module: Module, statement: ast.With | ast.AsyncWith) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the context expression and the writer of each item that makes a writer the default."""
    for item in statement.items:
        writer = as_default(item.context_expr)
        if writer is not None and not _is_graph(module, writer):
            yield item.context_expr, writer


def _is_graph(module: Module, node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return (module.resolve(node.func) or "").rpartition(".")[2] in {
            "Graph",
            "get_default_graph",
            "Session",
        }
    if isinstance(node, ast.Attribute):
        return node.attr == "graph"
    if isinstance(node, ast.Name):
        values = [binding.value for binding in module.bindings(node)]
        return bool(values) and all(isinstance(v, ast.Call) and _is_graph(module, v) for v in values)
    return False


def default_writers(module: Module, node: ast.AST, seen: frozenset[ast.AST] = frozenset()) -> set[str]:
    """Return every writer that may be the default where host code at a node runs.

    Returns:
        The source of the writers' expressions, with ``NONE``, ``SET``, ``SEVERAL`` and ``UNKNOWN`` among them.
    """
    function = module.function(node)
    for ancestor in module.ancestors(node):
        if ancestor is function:
            break
        if isinstance(ancestor, ast.Lambda):
            return {UNKNOWN}
        if isinstance(ancestor, ast.With):
            items = list(writer_items(module, ancestor))
            if items:
                writer = items[-1][1]
                return {SEVERAL if _differs(module, writer, function) else _identity(module, writer)}
    if _set_before(module, node, function):
        return {SET}
    if function is None:
        return {NONE}
    if function in seen:
        return set()
    found: set[str] = set()
    parent = module.parent(function)
    for reference in references(module, function.name, function, isinstance(parent, ast.ClassDef)):
        if reference.call is not None:
            found |= default_writers(reference.module, reference.call, seen | {function})
        elif _runs_main(reference.module, reference.node):
            found |= {NONE}
        else:
            found.add(UNKNOWN)
    if found == {NONE} and isinstance(parent, ast.ClassDef) and _sets_when_made(module, parent):
        return {SET}
    return found or {UNKNOWN}


def _sets_when_made(module: Module, owner: ast.ClassDef) -> bool:
    """Tell whether a class sets a writer as the default when an object of it is made, which happens once."""
    made = next((part for part in owner.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"), None)
    sets = made is not None and any(
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Attribute)
        and statement.value.func.attr == "set_as_default"
        for statement in made.body
    )
    project = module.project
    if not sets or (project is not None and project.mentioning(owner.name) not in ([], [module.path])):
        return False
    uses = list(module.names.get(owner.name, ()))
    call = module.parent(uses[0]) if len(uses) == 1 else None
    if not isinstance(call, ast.Call) or call.func is not uses[0]:
        return False
    around = module.function(call)
    again = any(
        isinstance(node, (ast.For, ast.While, ast.comprehension, ast.Lambda)) for node in module.ancestors(call)
    )
    return not again and (around is None or around.name == "main")


def _differs(module: Module, writer: ast.expr, function: Function | None) -> bool:
    """Tell whether it isn't always the same writer that an expression means, while the others live on."""
    if replaced(module, writer):
        return True
    parameter = next((b.node for b in module.bindings(writer)), None) if isinstance(writer, ast.Name) else None
    if not isinstance(parameter, ast.arg) or function is None or module.function(parameter) is not function:
        return False
    found = references(module, function.name, function, isinstance(module.parent(function), ast.ClassDef))
    given = {r.module.source(value) for r in found if (value := passed(function, r, parameter)) is not None}
    return len(given) > 1


def _identity(module: Module, writer: ast.expr) -> str:
    """Return what a writer is known by: for a global one its module's name and its own."""
    if isinstance(writer, ast.Name):
        bindings = module.bindings(writer)
        scope = module.scope(writer).lookup(writer.id)
        if bindings and scope is module.inner_scope(module.tree) and bindings[0].imported is None:
            return f"{module.id}.{writer.id}"
    return module.resolve(writer) or module.source(writer)


def hidden_default(module: Module) -> bool:
    """Tell whether a writer may be made the default in a way that isn't followed.

    ``set_as_default`` in another function, ``as_default`` that is no item of a ``with``, and context
    managers of the project's own are such ways.
    """
    project = module.project
    paths = project.mentioning("set_as_default", "as_default") if project is not None else []
    others = [m for path in paths if project is not None and path != module.path and (m := project.module(path))]
    return any(_hides_default(other) for other in [module, *others])


def _hides_default(module: Module) -> bool:
    if any(isinstance(module.parent(node), ast.Call) for node in module.attributes.get("set_as_default", ())):
        return True
    items = {item.context_expr for block in module.find_all(ast.With) for item in block.items}
    for node in module.attributes.get("as_default", ()):
        call = module.parent(node)
        if call not in items and not _is_graph(module, node.value):
            return True
    for yielding in module.find_all(ast.Yield):
        for block in module.ancestors(yielding):
            if isinstance(block, ast.With) and any(writer_items(module, block)):
                return True
    return False


def several_defaults(module: Module) -> bool:
    """Tell whether a module sets several writers as the default for good."""
    setters = {module.source(node.value) for node in module.attributes.get("set_as_default", ())}
    return len(setters) > 1


def _runs_main(module: Module, node: ast.AST) -> bool:
    call = module.parent(node)
    return isinstance(call, ast.Call) and module.resolve(call.func) in {
        "absl.app.run", "tensorflow.compat.v1.app.run", "tensorflow.app.run",
    }  # fmt: skip


def _set_before(module: Module, node: ast.AST, function: ast.AST | None) -> bool:
    return any(
        isinstance(module.parent(setter), ast.Call)
        and module.function(setter) is function
        and start(setter) < start(node)
        for setter in module.attributes.get("set_as_default", ())
    )


def in_name_scope(
    module: Module, node: ast.AST, scopes: frozenset[str], seen: frozenset[ast.AST] = frozenset()
) -> bool:
    """Tell whether host code at a node may run inside a name scope, its callers' ones counted."""
    function = module.function(node)
    for around in module.ancestors(node):
        if around is function:
            break
        if isinstance(around, ast.With) and any(
            isinstance(item.context_expr, ast.Call) and module.resolve(item.context_expr.func) in scopes
            for item in around.items
        ):
            return True
    if function is None or function in seen:
        return False
    if any("with_name_scope" in module.source(decorator) for decorator in function.decorator_list):
        return True
    parent = module.parent(function)
    found = references(module, function.name, function, isinstance(parent, ast.ClassDef))
    return any(r.call is not None and in_name_scope(r.module, r.call, scopes, seen | {function}) for r in found)


def _one_writer(module: Module, target: ast.Name, scope: Scope) -> bool:
    """Tell whether a name means one file writer, or in its place one that writes nothing."""
    return all(_is_writer(module, binding.value) for binding in scope.bindings[target.id])


def _either_way(module: Module, target: ast.Name, block: ast.AST) -> bool:
    """Tell whether both branches of a condition make a writer of a name."""
    return isinstance(block, ast.If) and all(
        any(module.statement(binding.node) in branch for binding in module.bindings(target))
        for branch in (block.body, block.orelse)
    )


def visible_writer(module: Module, place: ast.AST, owner: ast.ClassDef | None) -> tuple[str | None, int]:
    """Return the name of the only writer that can be used at a place, and how many there are.

    Args:
        module: the module of the place.
        place: the statement behind which the writer is to be used.
        owner: the class whose ``self`` is at hand there.
    """
    every = writers(module)
    if len(every) != 1:
        return None, len(every)
    target = every[0].target
    statement = module.statement(target)
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
        holder = module.enclosing(target, ast.ClassDef)
        return (module.source(target) if owner is not None and holder is owner else None), 1
    if not isinstance(target, ast.Name) or any(
        isinstance(a, (ast.For, ast.While, ast.If, ast.Try, ast.ExceptHandler))
        and a not in set(module.ancestors(place))
        and not _either_way(module, target, a)
        for a in module.ancestors(statement)
    ):
        return None, 1
    scope = module.scope(target).lookup(target.id)
    here = module.scope(place).lookup(target.id)
    inner = module.inner_scope(place).lookup(target.id) if isinstance(place, ast.FunctionDef) else here
    if scope is None or not _one_writer(module, target, scope) or here is not scope or inner is not scope:
        return None, 1
    if scope is not scope.root and start(statement) > start(place):
        return None, 1
    if module.function(place) is None and start(statement) > start(place):
        return None, 1
    return target.id, 1
