"""A v1 writer, from its creation to its last use, and the `with` that closes it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from codemods.analysis.endings import Endings
from codemods.analysis.module import Module
from codemods.analysis.places import asks_for_main, has_comment
from codemods.analysis.writers import METHODS, Creation, creation, creations, use_of
from codemods.closing.kept import flushes
from codemods.closing.refusals import CELLS, CONDITIONAL, ESCAPES, KEPT_BY_OBJECT, OTHER_BLOCK, SUSPENDED, UNNAMED
from codemods.closing.uses import (
    DEFINITIONS,
    LOOPS,
    OPS,
    WRITING,
    Uses,
    abrupt,
    block_of,
    check_scope,
    closed_name,
    collect_uses,
    ends_cell,
    index_of,
    is_close,
    is_handed_over,
    may_be_closed,
    mentioning,
    out_of_sight,
    own_nodes,
)
from codemods.engine.codemod import (
    Edit,
    Finding,
    InsertAfter,
    InsertBefore,
    Move,
    NoFindingError,
    RefusedError,
    Remove,
    Replace,
    Severity,
    Wrap,
)
from codemods.sessions.training import recording_runs

_V1_OPS = ("tensorflow.summary.", "tensorflow.compat.v1.summary.")
_WIDTH = 100  # a longer line is not made


@dataclass(frozen=True)
class Lease:
    """The time in which a writer is in use.

    Attributes:
        statement: the statement that creates it.
        names: the names that hold it; none if it is used in an expression, or not at all.
        call: the call that creates it, if it is the only one of the statement.
        block: the block that the statement stands in.
        first: the index of the first statement that is to be in the `with`.
        last: that of the last one.
        closes: statements that close it, which the `with` does as well.
    """

    statement: ast.stmt
    names: tuple[str, ...]
    call: ast.Call | None
    block: Sequence[ast.stmt]
    first: int
    last: int
    closes: tuple[ast.stmt, ...] = ()

    @property
    def index(self) -> int:
        """Where in its block the statement stands."""
        return self.block.index(self.statement)


def graph_mode_finding(module: Module, created: Creation) -> Iterator[Finding]:
    """Yield what is to be said about a v1 writer that is never closed."""
    message = "Without `close()` a v1 writer loses up to ten of its last events, at a normal end too"
    try:
        lease = lease_of(module, created)
    except NoFindingError:
        return
    except RefusedError as error:
        target = _target(module, created) if error.refusal is KEPT_BY_OBJECT else None
        edits = flushes(module, target) if target is not None else None
        if edits:
            yield Finding(
                created.call, f"{message}; it is flushed behind the loops that write to it", Severity.ERROR, edits
            )
        elif edits is None:
            yield Finding(created.call, message, Severity.ERROR, refusal=error.refusal, detail=error.detail)
        return
    remedy = "it is closed" if lease.last < lease.first else "a `with` closes it after its last use, whatever happens"
    yield Finding(created.call, f"{message}; {remedy}", Severity.ERROR)


def lease_of(module: Module, created: Creation) -> Lease:
    """Return the time in which a v1 writer is in use, or raise."""
    call, statement = created.call, module.statement(created.call)
    parent = module.parent(call)
    if isinstance(parent, ast.withitem):
        raise NoFindingError
    block = block_of(module, statement)
    found = _unheld(module, created, block)
    if found is not None:
        return found
    targets = _targets(module, statement, call)
    if targets is None:
        if is_handed_over(module, call) or may_be_closed(module, None):
            raise NoFindingError
        raise RefusedError(CONDITIONAL if isinstance(parent, (ast.IfExp, ast.BoolOp)) else ESCAPES)
    if not all(isinstance(target, ast.Name) for target in targets):
        raise _kept(module, created, [target for target in targets if not isinstance(target, ast.Name)])
    return _held(module, created, cast("list[ast.Name]", targets), block)


def _unheld(module: Module, created: Creation, block: Sequence[ast.stmt]) -> Lease | None:
    """Return the time in which a v1 writer is in use that a statement creates and doesn't keep."""
    call, statement = created.call, module.statement(created.call)
    parent, index = module.parent(call), block.index(statement)
    if parent is statement and isinstance(statement, ast.Expr):
        if created.graph is None:
            raise NoFindingError
        return Lease(statement, (), call, block, index + 1, index)
    if isinstance(parent, ast.Attribute) and parent.attr in METHODS:
        if parent.attr not in WRITING:
            raise NoFindingError
        if module.parent(module.parent(parent) or parent) is not statement or not isinstance(statement, ast.Expr):
            raise RefusedError(UNNAMED)
        return Lease(statement, (), call, block, index, index)
    return None


def _held(module: Module, created: Creation, names: list[ast.Name], block: Sequence[ast.stmt]) -> Lease:
    """Return the time in which v1 writers are in use that names hold."""
    statement = module.statement(created.call)
    index = block.index(statement)
    uses = Uses()
    for name in names:
        collect_uses(module, name, block, uses)
    if uses.functions and not any(uses.effects.get(place) in uses.functions for place in uses.places):
        raise out_of_sight(module, uses.functions[0].body[0], names[0].id)
    waiting = any(made.graph is not None for made in creations(module) if module.statement(made.call) is statement)
    endings = Endings(module, uses.effects.get)
    if not endings.may_wait(block[index + 1 :], waiting) and not (
        "write" in uses.effects.values() and "save" not in uses.effects.values()
    ):
        raise NoFindingError
    check_scope(module, created, names, uses)
    if any(index_of(module, block, place) is None and uses.effects.get(place) == "save" for place in uses.places):
        raise NoFindingError  # closed by the code around the block
    used = [place for place in uses.places if not is_close(module, place)]
    indexes = [index_of(module, block, place) for place in used]
    if any(found is None or found <= index for found in indexes):
        raise RefusedError(OTHER_BLOCK)
    found = sorted(cast("list[int]", indexes))
    single = created.call if _fits(statement) and len(names) == 1 else None
    texts = tuple(name.id for name in names)
    if not found:
        # Where the program's summaries are going to be run, the writer is open.
        found = [_last_run(module, block, index)]
    if found == [index]:
        return Lease(statement, texts, single, block, index + 1, index)
    first, last = index + 1, found[-1]
    between = block[first : found[0]]
    if any(isinstance(node, (*DEFINITIONS, ast.Import, ast.ImportFrom)) for node in between):
        first, single = found[0], None  # what is defined or imported in between stays where it is
    inside = block[first : last + 1]
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own_nodes(inside)):
        raise RefusedError(SUSPENDED)
    if module.path.endswith(".ipynb") and any(map(ends_cell, block[index : last + 1])):
        raise RefusedError(CELLS)
    closes = tuple(
        node
        for node in block[last + 1 :]
        if isinstance(node, ast.Expr) and closed_name(module, node) in texts and not has_comment(module, node)
    )
    return Lease(statement, texts, single, block, first, last, closes)


def _fits(statement: ast.stmt) -> bool:
    """Tell whether an assignment stays on one line when it becomes the head of a `with`."""
    width = cast("int", statement.end_col_offset) + len("with  as :") - len(" = ")
    return isinstance(statement, ast.Assign) and statement.lineno == statement.end_lineno and width <= _WIDTH


def _last_run(module: Module, block: Sequence[ast.stmt], index: int) -> int:
    """Return the index of the last statement of a block that is going to use a writer that nothing uses yet.

    It is the one with the runs that are to record the summaries of the graph; where that can't be told, the last
    loop that runs a session, in a module that has summaries.
    """
    places = (index_of(module, block, run) for run in recording_runs(module))
    recording = [place for place in places if place is not None and place > index]
    if recording:
        return max(recording)
    summaries = (module.resolve(call.func) or "" for call in module.find_all(ast.Call))
    if not any(name.startswith(_V1_OPS) and name.rpartition(".")[2] in OPS for name in summaries):
        return index
    loops = [
        number
        for number, statement in enumerate(block)
        if number > index
        and isinstance(statement, LOOPS)
        and any(isinstance(node, ast.Attribute) and node.attr in {"run", "eval"} for node in ast.walk(statement))
    ]
    return max(loops, default=index)


def _targets(module: Module, statement: ast.stmt, call: ast.Call) -> list[ast.expr] | None:
    """Return what an assignment binds to v1 writers; None where the statement does something else."""
    match statement:
        case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)) if call in values:
            made = [creation(module, value) for value in values]
            if len(targets) == len(values) and all(each is not None and each.version == 1 for each in made):
                return list(targets)
            return None
        case ast.Assign([target], value) | ast.AnnAssign(target=target, value=value) if value is call:
            return [target]
    return None


def _kept(module: Module, created: Creation, targets: Sequence[ast.expr]) -> Exception:
    """Return what is to be said about a writer that an attribute or a container holds."""
    for target in targets:
        name = target.attr if isinstance(target, ast.Attribute) else None
        if may_be_closed(module, name):
            return NoFindingError()
        if name is None:
            continue
        uses = [(other, use) for other in mentioning(module, name) for use in other.attributes.get(name, ())]
        if any(is_handed_over(other, use) for other, use in uses):
            return NoFindingError()
        written = [(other, use) for other, use in uses if use_of(other, use) in WRITING]
        if all(_flushed_after(other, use) for other, use in written) and (written or created.graph is None):
            return NoFindingError()
    return RefusedError(KEPT_BY_OBJECT)


def _target(module: Module, created: Creation) -> ast.Attribute | None:
    """Return the one attribute of ``self`` that a writer is assigned to."""
    match module.parent(created.call):
        case ast.Assign([ast.Attribute(ast.Name("self")) as target]):
            return target
    return None


def _flushed_after(module: Module, use: ast.Attribute) -> bool:
    """Tell whether a ``flush()`` of the same writer stands behind a use in the same block."""
    statement = module.statement(use)
    block = module.block(statement)
    text = f"{ast.unparse(use)}.flush()"
    return any(isinstance(node, ast.Expr) and ast.unparse(node) == text for node in block[block.index(statement) + 1 :])


def common_ends(leases: Sequence[Lease]) -> dict[ast.stmt, int]:
    """Return where the use of each writer ends, so that one block holds another as a whole."""
    ends = {lease.statement: lease.last for lease in leases}
    for _ in leases:
        for one in leases:
            for other in leases:
                if one.block is other.block and one.index < other.index <= ends[one.statement]:
                    ends[one.statement] = max(ends[one.statement], ends[other.statement])
    return ends


Leased = tuple[Lease, Finding]


def grouped(leases: Sequence[Leased]) -> list[list[Leased]]:
    """Return the writers, those together that are created one after the other and are in use as long."""
    groups: list[list[Leased]] = []
    for lease, finding in leases:
        before = groups[-1][-1][0] if groups else None
        if (
            before is not None
            and before.block is lease.block
            and before.index + 1 == lease.index
            and before.first <= before.last
            and lease.first <= lease.last
            and before.names
            and lease.names
        ):
            groups[-1].append((lease, finding))
        else:
            groups.append([(lease, finding)])
    return groups


def enclosing(module: Module, leases: Sequence[Lease]) -> tuple[Edit, ...]:
    """Return the edits that close some writers after their last use."""
    lease = leases[0]
    if not lease.names:
        return _unnamed(module, lease)
    if lease.last < lease.first:
        return (InsertAfter(lease.statement, "\n".join(f"{name}.close()" for name in lease.names)),)
    names = [name for each in leases for name in each.names]
    first, last = max(each.first for each in leases), max(each.last for each in leases)
    block = lease.block
    inside: Sequence[ast.stmt] = block[first : last + 1]
    edits: list[Edit] = [Remove(close) for each in leases for close in each.closes]
    closing = "\n".join(f"{name}.close()" for name in names)
    edits += [InsertBefore(node, closing) for node in abrupt(module, inside)]
    if len(leases) == 1 and lease.call is not None:
        head = ("with ", Move(lease.call), f" as {names[0]}:")
        return (Wrap(inside[0], inside[-1], head, instead=lease.statement), *edits)
    match inside:
        case [ast.If(orelse=[]) as main] if asks_for_main(main.test):
            inside = main.body
    return (Wrap(inside[0], inside[-1], f"with {', '.join(names)}:"), *edits)


def _unnamed(module: Module, lease: Lease) -> tuple[Edit, ...]:
    call = cast("ast.Call", lease.call)
    if lease.last < lease.first:
        return (Replace(call, (Move(call), ".close()")),)
    used = {node.id for node in module.find_all(ast.Name)}
    name = next(each for each in ("writer", "summary_writer", "file_writer", "v1_writer") if each not in used)
    code = ("with ", Move(call), f" as {name}:\n    ", Move(lease.statement, (Replace(call, name),)))
    return InsertBefore(lease.statement, code), Remove(lease.statement)
