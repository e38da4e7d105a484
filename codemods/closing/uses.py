"""What is done with a writer, wherever it is passed to."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from codemods.analysis.dataflow import Timing, bindings_in, definition, names_read, timing
from codemods.analysis.endings import ABRUPT, Effect, importers
from codemods.analysis.module import Function, Module
from codemods.analysis.places import short
from codemods.analysis.writers import Creation, use_of
from codemods.closing.refusals import EACH_TURN, ESCAPES, REBOUND
from codemods.engine.codemod import NoFindingError, RefusedError

OPS = frozenset({"scalar", "histogram", "image", "text", "audio", "write", "graph", "trace_export"})
LOOPS = (ast.For, ast.While, ast.AsyncFor)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
WRITING = ("add_summary", "add_graph", "add_event", "add_meta_graph", "add_run_metadata", "add_session_log")
_SAVING = ("flush", "close")
_LIBRARIES = ("tensorflow.", "keras.", "contextlib.", "atexit.", "tf_slim.", "tensorpack.")
_STACKS = frozenset({"enter_context", "callback", "push"})


@dataclass
class Uses:
    """What is done with a writer, wherever it is passed to.

    Attributes:
        effects: what each node that uses the writer does.
        places: the nodes at which the code around the creation uses it.
        functions: the functions around them that use it themselves.
    """

    effects: dict[ast.AST, Effect] = field(default_factory=dict)
    places: list[ast.AST] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)


def is_close(module: Module, place: ast.AST) -> bool:
    """Tell whether a use of a name closes the writer that it holds."""
    return isinstance(place, ast.Name) and use_of(module, place) == "close"


def block_of(module: Module, statement: ast.stmt) -> list[ast.stmt]:
    """Return the block of a statement; raise where its statements may not run."""
    if isinstance(statement, (ast.If, ast.While, *DEFINITIONS)) or isinstance(module.parent(statement), ast.ClassDef):
        raise RefusedError(ESCAPES)
    return module.block(statement)


def is_handed_over(module: Module, node: ast.AST) -> bool:
    """Tell whether a writer is handed to code that flushes or closes it."""
    parent = module.parent(node)
    if isinstance(parent, ast.keyword):
        parent = module.parent(parent)
    if isinstance(parent, (ast.List, ast.Tuple)):
        parent = module.parent(parent)
    if isinstance(parent, ast.Call) and parent.func is not node:
        name = module.resolve(parent.func) or ""
        return name.startswith(_LIBRARIES) or (isinstance(parent.func, ast.Attribute) and parent.func.attr in _STACKS)
    return isinstance(parent, ast.withitem)


def mentioning(module: Module, word: str) -> Iterator[Module]:
    """Yield a module, and those that import it and hold a word."""
    yield module
    yield from importers(module, word)


def may_be_closed(module: Module, name: str | None) -> bool:
    """Tell whether some code closes what may be a writer, of a name if one is given."""
    for other in mentioning(module, "close"):
        for closing in other.attributes.get("close", ()):
            last = ast.unparse(closing.value).rpartition(".")[2]
            if last == name or (name is None and ("writer" in last.lower() or last in {"w", "v", "value"})):
                return True
    return False


def collect_uses(module: Module, name: ast.Name, block: Sequence[ast.stmt], uses: Uses) -> None:
    """Note what is done with the writer that a name holds, or raise."""
    scope = module.scope(name).lookup(name.id)
    assert scope is not None
    everything = module.uses(scope, name.id)
    bound = [use for use in everything if not isinstance(use.ctx, ast.Load) and use is not name]
    bound += [binding.node for binding in scope.bindings[name.id] if not isinstance(binding.node, ast.Name)]  # type: ignore[misc]
    loads = [use for use in everything if isinstance(use.ctx, ast.Load)]
    following = _next_binding(module, name, bound, block)
    if bound and following is None:
        closed = any(use_of(module, load) == "close" for load in loads)
        raise NoFindingError if closed else RefusedError(REBOUND)
    if following is not None:
        start = module.statement(name).lineno
        loads = [load for load in loads if start <= load.lineno <= following]
    home = module.function(name)
    if home is not None and scope.node is module.tree:
        if may_be_closed(module, name.id):
            raise NoFindingError
        raise RefusedError(ESCAPES, f"{ESCAPES.sentence}: `{name.id}` is global")
    for load in loads:
        _follow(module, load, uses, name.id)
        function = module.function(load)
        if function is home:
            uses.places.append(load)
        else:
            _collect_calls(module, cast("Function", function), home, uses, name.id)


def _next_binding(module: Module, name: ast.Name, bound: Sequence[ast.AST], block: Sequence[ast.stmt]) -> int | None:
    """Return the line before which a name means this writer, where the block binds it one after the other."""
    statements = [module.statement(node) for node in bound if isinstance(node, ast.Name)]
    if len(statements) != len(bound) or any(node not in block for node in statements):
        return None
    scope = module.scope(name).lookup(name.id)
    assert scope is not None
    loads = [use for use in module.uses(scope, name.id) if isinstance(use.ctx, ast.Load)]
    first = min(node.lineno for node in [*statements, module.statement(name)])
    home = module.function(name)
    if any(module.function(load) is not home or load.lineno <= first for load in loads):
        return None
    later = [node.lineno for node in statements if node.lineno > name.lineno]
    return min(later, default=1 + max([name.lineno, *(load.lineno for load in loads)]))


def _follow(module: Module, load: ast.expr, uses: Uses, name: str) -> None:
    """Note what one use does, or raise where the writer gets out of sight."""
    if any(isinstance(node, ast.Lambda) for node in up_to_function(module, load)):
        raise out_of_sight(module, load, name)
    use = use_of(module, load)
    if use in _SAVING:
        uses.effects[load] = "save"
        return
    if use in WRITING:
        uses.effects[load] = "write"
        return
    if use in {"test", "get_logdir"}:
        return
    parent = module.parent(load)
    if isinstance(parent, ast.Attribute):
        if parent.attr in _SAVING:
            raise NoFindingError  # ``atexit.register(writer.close)``
        raise out_of_sight(module, load, name)
    if is_handed_over(module, load):
        raise NoFindingError
    given = parent.arg if isinstance(parent, ast.keyword) else None
    call = module.parent(parent) if isinstance(parent, ast.keyword) else parent
    if not isinstance(call, ast.Call) or call.func is load:
        raise out_of_sight(module, load, name)
    if module.resolve(call.func) == "builtins.print":
        return
    where, function = definition(module, call.func) or (None, None)
    if where is None or not isinstance(function, ast.FunctionDef) or isinstance(where.parent(function), ast.ClassDef):
        raise out_of_sight(module, load, name)
    parameter = _parameter(function, call, load, given)
    if parameter is None or not _is_plain(function):
        raise out_of_sight(module, load, name)
    if call in uses.effects:
        return
    uses.effects[call] = function
    for inner in where.uses(where.inner_scope(function), parameter):
        if not isinstance(inner.ctx, ast.Load) or where.function(inner) is not function:
            raise out_of_sight(module, load, name)
        if inner not in uses.effects:
            _follow(where, inner, uses, parameter)


def up_to_function(module: Module, node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is around a node, as far as its function."""
    for around in module.ancestors(node):
        if isinstance(around, DEFINITIONS):
            return
        yield around


def _parameter(function: ast.FunctionDef, call: ast.Call, load: ast.expr, given: str | None) -> str | None:
    """Return the parameter that gets an argument of a call."""
    positional = [*function.args.posonlyargs, *function.args.args]
    if given is not None:
        return next((each.arg for each in [*positional, *function.args.kwonlyargs] if each.arg == given), None)
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    index = call.args.index(load)
    return positional[index].arg if index < len(positional) else None


def _is_plain(function: Function) -> bool:
    """Tell whether a function does its work when it is called, and no other time."""
    return (
        isinstance(function, ast.FunctionDef)
        and not function.decorator_list
        and not any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own_nodes(function.body))
    )


def out_of_sight(module: Module, load: ast.AST, name: str) -> Exception:
    """Return what to raise for a writer that other code gets hold of."""
    if may_be_closed(module, name):
        return NoFindingError()
    return RefusedError(ESCAPES, f"{ESCAPES.sentence}: `{short(module.statement(load))}`")


def _collect_calls(module: Module, function: Function, home: Function | None, uses: Uses, name: str) -> None:
    """Note the calls of a function that uses the writer of the code around it."""
    if function in uses.functions:
        return
    uses.functions.append(function)
    if isinstance(module.parent(function), ast.ClassDef) or not _is_plain(function):
        raise out_of_sight(module, function.body[0], name)
    references = [use for use in module.uses(module.scope(function), function.name) if use.ctx.__class__ is ast.Load]
    for reference in references:
        call = module.parent(reference)
        if not isinstance(call, ast.Call) or not (call.func is reference or is_main(module, call)):
            raise out_of_sight(module, reference, name)
        uses.effects[call] = function
        caller = module.function(reference)
        if caller is home:
            uses.places.append(call)
        else:
            _collect_calls(module, cast("Function", caller), home, uses, name)
    if not references:
        raise out_of_sight(module, function.body[0], name)


def is_main(module: Module, call: ast.Call) -> bool:
    """Tell whether a call runs the main function that it is given."""
    return (module.resolve(call.func) or "") in {
        "absl.app.run",
        "tensorflow.app.run",
        "tensorflow.compat.v1.app.run",
    }


def check_scope(module: Module, created: Creation, names: Sequence[ast.Name], uses: Uses) -> None:
    """Refuse a writer that other modules see, or that each turn of a loop creates in the same folder."""
    scope = module.scope(names[0])
    if scope.node is module.tree:
        shared = {*(name.id for name in names), *(function.name for function in uses.functions)}
        if any(_refers(other, module, shared) for other in importers(module, *shared)):
            raise RefusedError(ESCAPES, f"{ESCAPES.sentence}: another module imports it")
    loop = next((node for node in up_to_function(module, created.call) if isinstance(node, LOOPS)), None)
    folder = created.folder
    if loop is None or folder is None or _leaves_loop(module, created, loop):
        return
    varies = timing(module, folder) is not Timing.FIXED or any(
        bindings_in(module, name, [loop]) for name in names_read([folder])
    )
    if not varies:
        raise RefusedError(EACH_TURN)


def _leaves_loop(module: Module, created: Creation, loop: ast.AST) -> bool:
    """Tell whether the loop is left in the turn that creates the writer."""
    block = module.block(module.statement(created.call))
    return isinstance(block[-1], (ast.Return, ast.Break, ast.Raise)) and loop in module.ancestors(block[-1])


def _refers(other: Module, module: Module, names: set[str]) -> bool:
    for statement in other.find_all(ast.ImportFrom):
        base = "." * statement.level + (statement.module or "")
        named = any(alias.name in names or alias.name == "*" for alias in statement.names)
        if named and other.project is not None and other.project.find(base, other.path)[0] == module.path:
            return True
    found = (node for name in names for node in other.attributes.get(name, ()))
    return any(other.resolve(node) == f"{module.id}.{node.attr}" for node in found)


def index_of(module: Module, block: Sequence[ast.stmt], node: ast.AST) -> int | None:
    """Return the index of the statement of a block that a node is in."""
    path = {node, *module.ancestors(node)}
    return next((index for index, statement in enumerate(block) if statement in path), None)


def own_nodes(statements: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of some code, those of inner functions and classes left out."""
    pending = list(statements)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (*DEFINITIONS, ast.Lambda)):
            pending += ast.iter_child_nodes(node)


def ends_cell(statement: ast.stmt) -> bool:
    """Tell whether a statement is the mark that stands behind each cell of a notebook."""
    match statement:
        case ast.Expr(ast.Constant(str() as text)) | ast.Expr(ast.Tuple([ast.Constant(str() as text), *_])):
            return text.startswith("__notebook__")
    return False


def closed_name(module: Module, statement: ast.Expr) -> str | None:
    """Return the name that a ``name.close()`` statement closes."""
    match statement.value:
        case ast.Call(ast.Attribute(ast.Name(name), "close"), [], []):
            return name
    return None


def abrupt(module: Module, statements: Sequence[ast.stmt]) -> Iterator[ast.Expr]:
    """Yield the statements, outside of inner functions, that end the program without leaving any block."""
    for node in own_nodes(statements):
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and module.resolve(call.func) in ABRUPT:
            yield cast("ast.Expr", node)
