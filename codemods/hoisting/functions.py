"""Move the creation of a writer out of a function that TensorFlow traces."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import cast

from codemods.analysis.dataflow import Timing, mutated, names_read, reach, timing, within
from codemods.analysis.files import constant_text, touching
from codemods.analysis.module import Function, Module
from codemods.analysis.places import short, start
from codemods.analysis.tracing import is_keras_class, traced_functions
from codemods.analysis.writers import names_held_by, use_of
from codemods.engine.codemod import (
    Edit,
    Finding,
    InsertBefore,
    Move,
    NodeEdit,
    NoFindingError,
    RefusedError,
    Remove,
    Replace,
    Severity,
)
from codemods.hoisting.refusals import (
    ARGUMENT_INSIDE,
    CONDITIONAL,
    ESCAPES,
    GRAPH_MODE,
    IN_TRY,
    NOT_YET_KNOWN,
    REBOUND,
    TOUCHES_FOLDER,
    USED_AFTER_CLOSE,
)
from codemods.hoisting.site import Site, always_evaluated, assignment, fresh, instead_of_closing, lines


def traced_function(module: Module, node: ast.AST) -> Function | None:
    """Return the function around a node that TensorFlow traces, or that only a traced one names."""
    explicit = {traced.function for traced in traced_functions(module)}
    outermost: Function | None = None
    for function in module.ancestors(node):
        if isinstance(function, ast.Lambda):
            return None
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_traced(
            module, function, explicit, frozenset()
        ):
            outermost = function
    return outermost


def _is_traced(module: Module, function: Function, explicit: set[Function], seen: frozenset[ast.AST]) -> bool:
    if function in explicit:
        return True
    parent = module.parent(function)
    if isinstance(parent, ast.ClassDef):
        steps = {"train_step", "test_step", "predict_step"}
        if function.name in steps and is_keras_class(module, parent):
            return True
        uses: list[ast.AST] = [
            node
            for node in module.find_all(ast.Attribute)
            if node.attr == function.name and isinstance(node.value, ast.Name) and node.value.id == "self"
        ]
    else:
        scope = module.scope(function)
        uses = [use for use in module.uses(scope, function.name) if isinstance(use.ctx, ast.Load)]
    # A helper that host code calls as well has its writer's life there.
    around = [module.function(use) for use in uses]
    return bool(around) and all(
        caller not in seen and caller is not None and _is_traced(module, caller, explicit, seen | {function})
        for caller in around
    )


def out_of_function(module: Module, site: Site, function: Function, taken: set[str]) -> Iterator[Finding]:
    """Yield what is to be said about a writer that is created while TensorFlow traces a function."""
    message = (
        f"The writer is created while TensorFlow traces `{function.name}`, and is gone when that ends: "
        "its summaries raise NotFoundError or are lost"
    )
    try:
        edits = _function_edits(module, site, function, taken)
    except NoFindingError:
        return
    except RefusedError as error:
        yield Finding(site.creation.call, message, Severity.ERROR, refusal=error.refusal, detail=error.detail)
        return
    yield Finding(site.creation.call, f"{message}; it is created before the function", Severity.ERROR, edits)


def _function_edits(module: Module, site: Site, function: Function, taken: set[str]) -> tuple[Edit, ...]:
    if any(created.version == 1 or created.folder is None for created in site.group):
        raise NoFindingError
    if any(isinstance(target, ast.Attribute) for target in site.targets):
        raise NoFindingError  # kept by its object, it works
    place = _place(module, function)
    names = [cast("ast.Name", target) for target in site.targets]
    loads = {name.id: _local_loads(module, site, function, name) for name in names}
    if not always_evaluated(module, site):
        raise RefusedError(CONDITIONAL)
    if not names and not isinstance(module.parent(site.creation.call), ast.Attribute):
        raise RefusedError(ESCAPES)
    for around in module.ancestors(site.statement):
        if around is function:
            break
        if isinstance(around, ast.Try) and around.handlers:
            raise RefusedError(IN_TRY)
    needed: dict[ast.stmt, None] = {}
    for created in site.group:
        for argument in created.arguments:
            needed.update(dict.fromkeys(_available(module, site, argument, function, place)))
        call = touching(reach(module, _afterwards(module, place)), constant_text(module, created.folder))
        if call is not None:
            raise RefusedError(TOUCHES_FOLDER, f"{TOUCHES_FOLDER.sentence}: `{short(call)}`")
    edits: list[Edit] = []
    moves = []
    for statement in sorted(needed, key=lambda node: node.lineno):
        (held,) = names_held_by(statement)
        assert isinstance(held, ast.Name)
        if _clashes(module, place, held.id, taken):
            raise RefusedError(REBOUND, f"`{held.id}` means something else before the function")
        taken.add(held.id)
        moves.append(Move(statement))
        edits.append(Remove(statement))
    if not names:
        name = fresh(module, "writer", taken)
        edits.append(Replace(site.creation.call, name))
        return InsertBefore(place, (*lines(moves), f"{name} = ", Move(site.creation.call))), *edits
    inner: list[NodeEdit] = []
    for target in names:
        if not _clashes(module, place, target.id, taken):
            taken.add(target.id)
            closes = _closes(module, loads[target.id])
            edits += instead_of_closing(module, site, target.id, closes, loads[target.id])
            continue
        name = fresh(module, f"{function.name}_{target.id}".lstrip("_"), taken)
        closes = _closes(module, loads[target.id])
        inner.append(Replace(target, name))
        for load in loads[target.id]:
            if not within(load, closes):
                edits.append(Replace(load, name))
        edits += [Replace(close, f"{name}.flush()") for close in closes]
    moves.append(Move(site.statement, tuple(inner)))
    return InsertBefore(place, lines(moves)), Remove(site.statement), *edits


def _place(module: Module, function: Function) -> ast.stmt:
    """Return the statement before which a function's writer goes: the function, or its class."""
    place: Function | ast.ClassDef = function
    while isinstance(parent := module.parent(place), ast.ClassDef):
        place = parent
    return place


def _local_loads(module: Module, site: Site, function: Function, name: ast.Name) -> list[ast.Name]:
    """Return the uses of a local name that holds the writer; raise where something else keeps it alive."""
    scope = module.scope(name).lookup(name.id)
    if scope is None or not within(name, [function]) or scope.node is module.tree or not within(scope.node, [function]):
        raise NoFindingError  # a global or an outer variable keeps it, and it works
    if len(scope.bindings[name.id]) != 1:
        raise RefusedError(REBOUND)
    loads = [use for use in module.uses(scope, name.id) if isinstance(use.ctx, ast.Load)]
    for load in loads:
        method = use_of(module, load)
        if method is None:
            raise NoFindingError if isinstance(module.parent(load), ast.Call) else RefusedError(ESCAPES)
        if method in {"init", "reopen"}:
            raise RefusedError(GRAPH_MODE)
    closes = _closes(module, loads)
    for close in closes:
        if any(start(load) > start(close) and not within(load, closes) for load in loads):
            raise RefusedError(USED_AFTER_CLOSE)
    return loads


def _closes(module: Module, loads: Sequence[ast.expr]) -> list[ast.Expr]:
    found = [module.statement(load) for load in loads if use_of(module, load) == "close"]
    if not all(isinstance(statement, ast.Expr) for statement in found):
        raise RefusedError(USED_AFTER_CLOSE)
    return cast("list[ast.Expr]", found)


def _available(module: Module, site: Site, argument: ast.expr, function: Function, place: ast.stmt) -> list[ast.stmt]:
    """Return the statements that must move along for an argument to be had before a function."""
    needed: list[ast.stmt] = []
    expressions = [argument]
    home = module.scope(place)
    for part in expressions:
        if timing(module, part) is Timing.OPAQUE:
            raise RefusedError(ARGUMENT_INSIDE)
        for name in names_read([part]):
            owner = module.scope(name).lookup(name.id)
            if owner is None or isinstance(owner.node, ast.expr):
                continue
            bindings = owner.bindings[name.id]
            if owner.node is function or _opened_inside(module, owner.node, function):
                statement = assignment(module, site, name)
                if statement is None:
                    raise RefusedError(ARGUMENT_INSIDE, f"{ARGUMENT_INSIDE.sentence}: `{name.id}`")
                if statement not in needed:
                    needed.insert(0, statement)
                    expressions.append(cast("ast.expr", statement.value))
                continue
            if len(bindings) != 1 or (
                owner is home
                and not isinstance(bindings[0].node, ast.arg)
                and not _stands_before(module, bindings[0].node, place)
            ):
                raise RefusedError(NOT_YET_KNOWN, f"{NOT_YET_KNOWN.sentence}: `{name.id}`")
            looked_up = isinstance(module.parent(name), (ast.Attribute, ast.Subscript)) and not _is_called(module, name)
            if looked_up and not (isinstance(bindings[0].node, ast.arg) or isinstance(bindings[0].value, ast.Call)):
                # Flags are parsed, and settings made, when the program runs.
                raise RefusedError(NOT_YET_KNOWN, f"{NOT_YET_KNOWN.sentence}: `{name.id}`")
    if mutated(module, reach(module, _afterwards(module, place)), expressions):
        raise RefusedError(NOT_YET_KNOWN)
    return needed


def _opened_inside(module: Module, node: ast.AST, function: Function) -> bool:
    """Tell whether a scope is opened inside a function."""
    return function in module.ancestors(node)


def _is_called(module: Module, name: ast.Name) -> bool:
    """Tell whether a name is the head of a function's dotted name, as in ``os.path.join(...)``."""
    node: ast.AST = name
    while isinstance(parent := module.parent(node), ast.Attribute):
        node = parent
    return isinstance(parent, ast.Call) and parent.func is node


def _stands_before(module: Module, binding: ast.AST, place: ast.stmt) -> bool:
    """Tell whether a binding is always made before a definition in the same scope."""
    statement = module.statement(cast("ast.AST", module.parent(binding)) if isinstance(binding, ast.alias) else binding)
    block = module.block(statement)
    path = [place, *module.ancestors(place)]
    onward = [node for node in block if node in path]
    return bool(onward) and block.index(statement) < block.index(onward[0])


def _afterwards(module: Module, place: ast.stmt) -> list[ast.AST]:
    """Return the code that may run between a function's definition and its first call."""
    top = next(statement for statement in module.tree.body if statement is place or place in ast.walk(statement))
    return list(module.tree.body[module.tree.body.index(top) :])


def _clashes(module: Module, place: ast.stmt, name: str, taken: set[str]) -> bool:
    """Tell whether a name that was local means something in the scope around a function."""
    scope = module.scope(place)
    if name in taken or name in scope.bindings:
        return True
    home = scope.lookup(name)
    if home is not None and module.uses(home, name):
        return True
    # A read of the bare name by other code would now find the writer.
    return scope.node is module.tree and any(
        module.scope(use).lookup(name) is None for use in module.find_all(ast.Name) if use.id == name
    )
