"""A v2 writer that is the default in a program that ends abruptly."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codemods.analysis.dataflow import reach
from codemods.analysis.endings import ABRUPT, Abrupt, abrupt_end, importers
from codemods.analysis.module import Function, Module
from codemods.analysis.writers import Creation, creation
from codemods.closing.refusals import CELLS, LOOP_ELSEWHERE, SUSPENDED, UNNAMED
from codemods.closing.uses import LOOPS, OPS, abrupt, is_main, own_nodes, up_to_function
from codemods.engine.codemod import Edit, Finding, InsertAfter, InsertBefore, NoFindingError, RefusedError, Severity

_MAY_WRITE = frozenset({"fit", "train", "evaluate", "as_default", "set_as_default"})


@dataclass(frozen=True)
class _Default:
    """A v2 writer that is the default for some time.

    Attributes:
        call: the call that makes it so.
        writer: how the code calls it; None where it is created in the same expression.
        flush: the call that flushes it.
        flush_any: the call that flushes whatever writer is the default; None where the code has no name for it.
        region: the `with` around the time; None where it lasts for good.
    """

    call: ast.Call
    writer: ast.Name | ast.Attribute | None
    flush: str | None
    flush_any: str | None
    region: ast.With | None


def eager_findings(module: Module) -> Iterator[Finding]:
    """Yield the v2 writers that are the default of a program that ends abruptly, and are not flushed before."""
    defaults = list(_defaults(module))
    end = abrupt_end(module) if defaults else None
    if end is None:
        return
    for default in defaults:
        what = "the default writer" if default.region is None else "a writer whose `with` is around the whole loop"
        message = f"The program may end abruptly ({end.reason}), and {what} then loses what it hasn't flushed"
        try:
            edits = _flushing(module, default, end)
        except NoFindingError:
            continue
        except RefusedError as error:
            yield Finding(default.call, message, Severity.WARNING, refusal=error.refusal, detail=error.detail)
            continue
        closed = any(".close()" in str(getattr(edit, "code", "")) for edit in edits)
        remedy = "it is flushed at the end of each turn" + (", and closed at the end" if closed else "")
        yield Finding(default.call, f"{message}; {remedy}", Severity.WARNING, edits)


def _defaults(module: Module) -> Iterator[_Default]:
    for name in ("set_as_default", "as_default"):
        for node in module.attributes.get(name, ()):
            call = module.parent(node)
            made = _created(module, node.value)
            if not isinstance(call, ast.Call) or call.func is not node or made is None:
                continue
            writer = node.value if isinstance(node.value, (ast.Name, ast.Attribute)) else None
            maker = made.call.func
            flush_any = f"{ast.unparse(maker.value)}.flush()" if isinstance(maker, ast.Attribute) else None
            flush = f"{ast.unparse(writer)}.flush()" if writer is not None else flush_any
            around = module.parent(module.parent(call) or call)
            if name == "set_as_default" and isinstance(module.parent(call), ast.Expr):
                yield _Default(call, writer, flush, flush_any, None)
            elif name == "as_default" and isinstance(around, ast.With):
                yield _Default(call, writer, flush, flush_any, around)


def _created(module: Module, node: ast.expr) -> Creation | None:
    """Return the v2 creation that an expression is, or that its name holds."""
    values: list[ast.expr | None] = [node]
    if isinstance(node, ast.Name):
        values = [binding.value for binding in module.bindings(node)]
    elif isinstance(node, ast.Attribute):
        stored = [use for use in module.attributes[node.attr] if isinstance(use.ctx, ast.Store)]
        values = [getattr(module.parent(use), "value", None) for use in stored]
    found = [creation(module, value) for value in values]
    made = found[0] if len(found) == 1 else None
    return made if made is not None and made.version == 2 else None


def _flushing(module: Module, default: _Default, end: Abrupt) -> tuple[Edit, ...]:
    """Return the edits that flush and close a default writer in a program that ends abruptly, or raise."""
    statement = module.statement(default.call)
    if any(isinstance(node, LOOPS) for node in up_to_function(module, statement)):
        raise NoFindingError
    function = module.function(statement)
    if _is_asked(module, default, {"init"}):
        raise NoFindingError  # an operation of a graph
    body: Sequence[ast.stmt] = (function or module.tree).body
    if default.region is not None:
        body = default.region.body
        if function is not None and _called_in_loop(module, function):
            raise NoFindingError
        if not end.at_any_time and not _ends_inside(module, body):
            raise NoFindingError
    loops = [
        node
        for node in own_nodes(body)
        if isinstance(node, LOOPS)
        and node.lineno > statement.lineno
        and not any(isinstance(around, LOOPS) for around in up_to_function(module, node))
        and _may_write(module, [node])
    ]
    if not loops and default.region is not None:
        raise NoFindingError
    if not loops:
        raise RefusedError(LOOP_ELSEWHERE)
    waiting = [loop for loop in loops if not _is_flushed(module, default, loop)]
    if not waiting:
        raise NoFindingError
    if default.flush is None:
        raise RefusedError(UNNAMED)
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own_nodes(body)):
        raise RefusedError(SUSPENDED)
    if module.path.endswith(".ipynb") and function is None and default.region is None:
        raise RefusedError(CELLS)
    edits: list[Edit] = []
    for loop in waiting:
        last = loop.body[-1]
        leaving = isinstance(last, (ast.Return, ast.Raise, ast.Break, ast.Continue))
        edits.append(InsertBefore(last, default.flush) if leaving else InsertAfter(last, default.flush))
    closing = default.flush if default.writer is None else f"{ast.unparse(default.writer)}.close()"
    ends = [node for node in abrupt(module, body) if node.lineno > statement.lineno]
    edits += [InsertBefore(node, closing) for node in ends if not _is_preceded(module, node, default)]
    if ends or default.region is not None or _is_asked(module, default, {"close"}):
        return tuple(edits)
    last_loop = max(loops, key=lambda loop: loop.lineno)
    place = _end_of_writing(module, default, last_loop)
    if place is not None:
        return (*edits, InsertAfter(place, closing))
    if any(
        isinstance(node, ast.Break) and module.enclosing(node, *LOOPS) is last_loop for node in own_nodes([last_loop])
    ):
        edits.append(InsertAfter(last_loop, default.flush))
    if function is not None and default.flush_any is not None:
        edits += [InsertBefore(node, default.flush_any) for node in abrupt(module, module.tree.body)]
    return tuple(edits)


def _is_asked(module: Module, default: _Default, methods: set[str]) -> bool:
    if default.writer is None:
        return False
    text = ast.unparse(default.writer)
    return any(ast.unparse(node.value) == text for name in methods for node in module.attributes.get(name, ()))


def _called_in_loop(module: Module, function: Function) -> bool:
    """Tell whether a function is seen, or may be thought, to be called again and again."""
    if isinstance(module.parent(function), ast.ClassDef):
        uses: list[ast.AST] = [*module.attributes.get(function.name, ())]
    else:
        uses = [*module.uses(module.scope(function), function.name)]
    return any(isinstance(node, LOOPS) for use in uses for node in up_to_function(module, use))


def _ends_inside(module: Module, body: Sequence[ast.stmt]) -> bool:
    return any(
        isinstance(node, ast.Call) and other.resolve(node.func) in ABRUPT for other, node in reach(module, body).walk()
    )


def _may_write(module: Module, nodes: Sequence[ast.AST], *, unseen: bool = False) -> bool:
    """Tell whether some code writes summaries to the default writer.

    Args:
        module: the module.
        nodes: the code.
        unseen: what is to be thought of code that is out of sight.
    """
    reached = reach(module, nodes)
    if unseen and (reached.unseen or reached.endless):
        return True
    for other, node in reached.walk():
        if isinstance(node, ast.Call):
            base, _, name = (other.resolve(node.func) or "").rpartition(".")
            if base == "tensorflow.summary" and name in OPS:
                return True
            if unseen and isinstance(node.func, ast.Attribute) and node.func.attr in _MAY_WRITE:
                return True
    return False


def _is_flushed(module: Module, default: _Default, loop: ast.AST) -> bool:
    """Tell whether the turns of a loop flush the writer, or write in a `with` of its own."""
    text = ast.unparse(default.writer) if default.writer is not None else None
    for other, node in reach(module, [loop]).walk():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if other.resolve(node.func) == "tensorflow.summary.flush":
                return True
            if node.func.attr in {"flush", "as_default"} and ast.unparse(node.func.value) == text:
                return True
    return False


def _is_preceded(module: Module, statement: ast.stmt, default: _Default) -> bool:
    """Tell whether the writer is flushed or closed right before a statement."""
    block = module.block(statement)
    before = block[: block.index(statement)][-1:]
    text = ast.unparse(default.writer) if default.writer is not None else ""
    return any(ast.unparse(node) in {f"{text}.close()", f"{text}.flush()", default.flush} for node in before)


def _end_of_writing(module: Module, default: _Default, loop: ast.stmt) -> ast.stmt | None:
    """Return the last statement that may write to a writer, if none after it does, nor other code later on."""
    if not isinstance(default.writer, ast.Name):
        return None
    block = module.block(loop)
    later = block[block.index(loop) + 1 :]
    writing = [node for node in later if _may_write(module, [node], unseen=True)]
    place = writing[-1] if writing else loop
    function = module.function(loop)
    owner = module.scope(default.writer).lookup(default.writer.id)
    if isinstance(place, ast.Return) or owner is None or owner.node is not (function or module.tree):
        return None
    return place if _nothing_follows(module, block[-1], frozenset()) else None


def _nothing_follows(module: Module, statement: ast.stmt, seen: frozenset[Function]) -> bool:
    """Tell whether no code that comes after a statement, which is the last of its block, may write."""
    for around in up_to_function(module, statement):
        if isinstance(around, LOOPS):
            return False
        if isinstance(around, ast.stmt) and not isinstance(around, ast.ExceptHandler):
            block = module.block(around)
            if _may_write(module, block[block.index(around) + 1 :], unseen=True):
                return False
        if isinstance(around, ast.Try) and _may_write(module, around.finalbody, unseen=True):
            return False
    function = module.function(statement)
    if function is None:
        return not any(importers(module))
    if function in seen or isinstance(module.parent(function), ast.ClassDef) or function.decorator_list:
        return False
    uses = [use for use in module.uses(module.scope(function), function.name) if isinstance(use.ctx, ast.Load)]
    call = module.parent(uses[0]) if len(uses) == 1 else None
    if not isinstance(call, ast.Call) or not (call.func is uses[0] or is_main(module, call)):
        return False
    caller = module.statement(call)
    block = module.block(caller)
    return not _may_write(module, block[block.index(caller) + 1 :], unseen=True) and _nothing_follows(
        module, block[-1], seen | {function}
    )
