"""Move the creation of a writer out of the loops and scopes of host code."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from codemods.analysis.dataflow import (
    Reach,
    Timing,
    bindings_in,
    definition,
    mutated,
    names_read,
    reach,
    timing,
    within,
)
from codemods.analysis.endings import importing
from codemods.analysis.files import constant_text, touching
from codemods.analysis.module import Module
from codemods.analysis.places import short, start
from codemods.analysis.writers import METHODS, Creation, creations, use_of
from codemods.engine.codemod import (
    Code,
    Edit,
    Finding,
    InsertAfter,
    InsertBefore,
    Move,
    NodeEdit,
    NoFindingError,
    RefusedError,
    Remove,
    Replace,
    Severity,
    Unwrap,
)
from codemods.hoisting.levels import Level, levels
from codemods.hoisting.refusals import (
    ARGUMENT_INSIDE,
    ESCAPES,
    GRAPH_MODE,
    LOOP_DEPENDENT,
    NEEDS_GRAPH,
    OUT_OF_SIGHT,
    REBOUND,
    SUSPENDED,
    TOUCHES_FOLDER,
    UNFLUSHED,
    USED_AFTER_CLOSE,
    USED_BEFORE,
)
from codemods.hoisting.site import LOOPS, Site, assignment, fresh, instead_of_closing, lines

_ABRUPT = frozenset({"os._exit", "os.abort", "os.kill", "signal.raise_signal"})
_SAVING = (
    "save",
    "load",
    "restore",
    "log",
    "info",
    "debug",
    "warning",
    "write",
    "append",
    "set_",
    "add",
    "format",
)


@dataclass(frozen=True)
class Hoist:
    """What it takes to move a creation out of a block.

    Attributes:
        level: the block.
        needed: the statements that compute its arguments, in their order.
        closes: the statements that close the writer in a loop.
    """

    level: Level
    needed: tuple[ast.stmt, ...]
    closes: tuple[ast.Expr, ...]


def out_of_blocks(module: Module, site: Site, taken: set[str]) -> Iterator[Finding]:
    """Yield what is to be said about a writer in loops and scopes of host code."""
    hoists: list[Hoist] = []
    for level in levels(module, site):
        found = _attempt(module, site, level)
        if isinstance(found, Hoist):
            hoists.append(found)
            continue
        if found is not None:
            yield Finding(
                site.creation.call,
                _harm(site, level),
                _severity(site, level),
                refusal=found.refusal,
                detail=found.detail,
            )
        break
    if hoists:
        severity = max(_severity(site, hoist.level) for hoist in hoists)
        loops = [hoist.level for hoist in hoists if hoist.level.is_loop]
        edits = _edits(module, site, hoists[-1], taken)
        message = f"{_harm(site, loops[0] if loops else hoists[-1].level)}; {_remedy(hoists[-1])}"
        yield Finding(site.creation.call, message, severity, edits)


def _attempt(module: Module, site: Site, level: Level) -> Hoist | RefusedError | None:
    """Return the way out of a block, or why there is none; None where none is wanted."""
    try:
        return _hoist(module, site, level)
    except NoFindingError:
        return None
    except RefusedError as error:
        return error


def _severity(site: Site, level: Level) -> Severity:
    return Severity.ERROR if level.is_loop and site.creation.version == 1 else Severity.NOTE


def _harm(site: Site, level: Level) -> str:
    if not level.is_loop:
        return "The writer is created in the scope of a strategy, which has no effect on it"
    if site.creation.version == 1:
        return (
            "Each turn of the loop opens one more event file in the same folder, and of two that are opened "
            "within a second the later truncates the earlier"
        )
    return "Each turn of the loop opens one more event file in the same folder"


def _remedy(hoist: Hoist) -> str:
    if not hoist.level.is_loop:
        return "it is created before the scope"
    closing = ", and closed behind it" if hoist.closes else ""
    return f"the writer is created once, before the loop{closing}"


def _hoist(module: Module, site: Site, level: Level) -> Hoist:
    """Return what it takes to move a creation out of a block, or raise."""
    reached = reach(module, level.region)
    needed: dict[ast.stmt, None] = {}
    _check_folder_argument(module, site, level, reached, needed)
    if level.blocked is not None:
        raise RefusedError(level.blocked)
    for created in site.group:
        _check_graph(module, created, level)
        for argument in created.arguments:
            if argument is not created.folder:
                found = _computed(module, site, argument, level, reached)
                if found is None:
                    raise RefusedError(LOOP_DEPENDENT if level.is_loop else ARGUMENT_INSIDE)
                needed.update(dict.fromkeys(found))
    if level.is_loop and any(
        isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith))
        for node in ast.walk(level.node)
    ):
        raise RefusedError(SUSPENDED)
    closes = _check_uses(module, site, level, reached)
    if level.is_loop and site.creation.version == 2 and not closes and _is_lost_at_the_end(module):
        raise RefusedError(UNFLUSHED)
    _check_files(module, site, level, reached)
    return Hoist(level, tuple(sorted(needed, key=lambda statement: statement.lineno)), closes)


def _is_lost_at_the_end(module: Module) -> bool:
    """Tell whether a program ends with a default writer unflushed, which the loop's next used to replace."""
    calls = list(module.find_all(ast.Call))
    return any(module.resolve(call.func) in _ABRUPT for call in calls) and any(
        isinstance(call.func, ast.Attribute) and call.func.attr == "set_as_default" for call in calls
    )


def _check_folder_argument(
    module: Module, site: Site, level: Level, reached: Reach, needed: dict[ast.stmt, None]
) -> None:
    for created in site.group:
        if created.folder is None or not created.spelled_out:
            raise NoFindingError
        if created.graph is not None and not level.is_loop:
            raise NoFindingError
        found = _computed(module, site, created.folder, level, reached)
        if found is None:
            if level.is_loop:
                raise NoFindingError  # a folder of its own for each turn, as far as can be told
            raise RefusedError(ARGUMENT_INSIDE)
        needed.update(dict.fromkeys(found))


def _check_graph(module: Module, created: Creation, level: Level) -> None:
    """Refuse where the graph that the writer records may be another one before the block."""
    graph = created.graph
    if graph is None:
        return
    known = isinstance(graph, ast.Attribute) and graph.attr == "graph" and isinstance(graph.value, ast.Name)
    builds = any(
        (module.resolve(node.func) or "").startswith(("tensorflow.", "keras."))
        for node in ast.walk(level.node)
        if isinstance(node, ast.Call) and node is not created.call
    )
    if builds or not (known or isinstance(graph, ast.Name)):
        raise RefusedError(NEEDS_GRAPH)


def _computed(module: Module, site: Site, expression: ast.expr, level: Level, reached: Reach) -> list[ast.stmt] | None:
    """Return the statements that must move along for an expression to have its value before a block.

    None where it can't have the same value there.
    """
    needed: list[ast.stmt] = []
    expressions = [expression]
    for part in expressions:
        when = timing(module, part)
        if when is Timing.OPAQUE or (when is Timing.FRESH and level.is_loop):
            return None
        for name in names_read([part]):
            owner = module.scope(name).lookup(name.id)
            if owner is not None and isinstance(owner.node, ast.expr):
                continue  # bound by a comprehension of its own
            if not bindings_in(module, name, level.region):
                continue
            statement = assignment(module, site, name)
            if statement is None:
                return None
            if statement not in needed:
                needed.append(statement)
                expressions.append(cast("ast.expr", statement.value))
    return None if mutated(module, reached, expressions) else needed


def _check_files(module: Module, site: Site, level: Level, reached: Reach) -> None:
    """Refuse where code that may touch the folder would be passed."""
    for created in site.group:
        folder = constant_text(module, created.folder)
        call = touching(reached, folder)
        if call is not None:
            raise RefusedError(TOUCHES_FOLDER, f"{TOUCHES_FOLDER.sentence}: `{short(call)}`")
        if reached.endless:
            raise RefusedError(OUT_OF_SIGHT, "more code would be passed over than the tool looks into")
        if reached.unseen:
            raise RefusedError(OUT_OF_SIGHT, f"{OUT_OF_SIGHT.sentence}: `{short(reached.unseen[0])}`")
        names = {name.id for name in names_read([cast("ast.expr", created.folder)])}
        made = {found.call for found in creations(module)}
        for root in level.region:
            for node in ast.walk(root):
                if not isinstance(node, ast.Call) or node in made or module.resolve(node.func) is not None:
                    continue
                given = {
                    name.id
                    for argument in [*node.args, *(keyword.value for keyword in node.keywords)]
                    for name in names_read([argument])
                    if not isinstance(module.parent(name), ast.Attribute)
                } & {name for name in names if not _is_imported(module, created, name)}
                method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                if given and definition(module, node.func) is None and not method.startswith(_SAVING):
                    raise RefusedError(OUT_OF_SIGHT, f"{OUT_OF_SIGHT.sentence}: `{short(node)}`")


def _is_imported(module: Module, created: Creation, name: str) -> bool:
    scope = module.scope(created.call).lookup(name)
    return scope is not None and any(binding.imported for binding in scope.bindings[name])


def _check_uses(module: Module, site: Site, level: Level, reached: Reach) -> tuple[ast.Expr, ...]:
    """Return the statements that close the writer in a loop; raise where its life is not the block's."""
    if not site.targets:
        return _check_inner_use(module, site, level)
    closes: list[ast.Expr] = []
    for target in site.targets:
        uses = _uses(module, target)
        if isinstance(target, ast.Name):
            scope = module.scope(target).lookup(target.id)
            assert scope is not None
            bound: list[ast.AST] = [b.node for b in scope.bindings[target.id] if b.node is not target]
        else:
            bound = [use for use in uses if not isinstance(use.ctx, ast.Load) and use is not target]
            if _made_inside(module, target, level):
                raise RefusedError(ARGUMENT_INSIDE)
            if _stored_elsewhere(module, target):
                raise RefusedError(REBOUND)
        loads = [use for use in uses if isinstance(use.ctx, ast.Load)]
        _check_binding(module, level, target, bound, loads)
        if not level.is_loop:
            _check_passed(module, site, level, loads, bool(bound))
            if any(use_of(module, load) == "init" for load in loads):
                raise RefusedError(GRAPH_MODE)
            continue
        closes += _check_life(module, site, level, loads)
    return tuple(closes)


def _uses(module: Module, target: ast.Name | ast.Attribute) -> Sequence[ast.Name | ast.Attribute]:
    """Return every place that names what holds a writer; for an attribute, on any object."""
    if isinstance(target, ast.Attribute):
        return [node for node in module.find_all(ast.Attribute) if node.attr == target.attr]
    scope = module.scope(target).lookup(target.id)
    return module.uses(scope, target.id) if scope is not None else []


def _made_inside(module: Module, target: ast.Attribute, level: Level) -> bool:
    """Tell whether the object whose attribute holds the writer is made inside the block."""
    return any(bindings_in(module, name, level.region) for name in names_read([target]))


def _stored_elsewhere(module: Module, target: ast.Attribute) -> bool:
    """Tell whether a module that this one imports, or that imports it, puts something in the same attribute."""
    project = module.project
    if project is None:
        return False
    imported = set(project.imports.anywhere(module.path)) - {module.path}
    paths = {*importing(module, target.attr), *imported.intersection(project.mentioning(target.attr))}
    others = [other for path in paths if (other := project.module(path)) is not None]
    return any(isinstance(node.ctx, ast.Store) for other in others for node in other.attributes.get(target.attr, ()))


def _check_inner_use(module: Module, site: Site, level: Level) -> tuple[ast.Expr, ...]:
    """Check a call that stands inside an expression."""
    parent = module.parent(site.creation.call)
    if site.is_context:
        if site.creation.version != 1:
            raise NoFindingError
        statement = cast("ast.With", site.statement)
        if len(statement.items) > 1 or not isinstance(statement.items[0].optional_vars, ast.Name):
            raise RefusedError(ESCAPES)
        name = statement.items[0].optional_vars
        scope = module.scope(name).lookup(name.id)
        if scope is None or len(scope.bindings[name.id]) != 1:
            raise RefusedError(REBOUND)
        loads = [use for use in module.uses(scope, name.id) if isinstance(use.ctx, ast.Load)]
        if level.is_loop and any(use_of(module, load) in {None, "close"} for load in loads):
            raise RefusedError(ESCAPES)
        return ()
    if isinstance(parent, ast.Attribute) and parent.attr in METHODS:
        if parent.attr == "init":
            raise RefusedError(GRAPH_MODE)
        return ()
    if level.is_loop:
        raise RefusedError(ESCAPES)
    return ()


def _check_binding(
    module: Module,
    level: Level,
    target: ast.Name | ast.Attribute,
    bound: Sequence[ast.AST],
    loads: Sequence[ast.expr],
) -> None:
    """Refuse where something else that the same name holds would be seen in another place."""
    if not bound:
        return
    if isinstance(target, ast.Attribute) or any(within(node, [level.node]) for node in bound):
        raise RefusedError(REBOUND)
    home = module.scope(target)
    if any(module.scope(node) is not home for node in (*bound, *loads)):
        raise RefusedError(REBOUND)
    if not level.is_loop:
        return
    # If the loop makes no turn, the name keeps what it was bound to before.
    around = [node for node in module.ancestors(level.node) if isinstance(node, LOOPS)]
    if not any(start(node)[0] < level.node.lineno or within(node, around) for node in bound):
        return
    for load in loads:
        if within(load, [level.node]):
            continue
        # What is bound between the loop and the use makes the use none of the loop's.
        end = cast("int", level.node.end_lineno)
        behind = load.lineno > end
        anew = [node for node in bound if (start(node)[0] > end if behind else within(node, around))]
        if (behind or within(load, around)) and not any(_dominated(module, load, node) for node in anew):
            raise RefusedError(REBOUND)


def _dominated(module: Module, load: ast.AST, binding: ast.AST) -> bool:
    """Tell whether a binding stands on every way to a use."""
    statement = module.statement(binding)
    block = module.block(statement)
    path = {module.statement(load), *module.ancestors(load)}
    onward = [index for index, node in enumerate(block) if node in path]
    return bool(onward) and block.index(statement) < onward[0]


def _check_passed(module: Module, site: Site, level: Level, loads: Sequence[ast.expr], bound: bool) -> None:
    """Refuse where the code that is passed uses what the name held before."""
    passed = [node for node in level.region if node is not site.statement]
    if any(within(load, passed) for load in loads) and bound:
        raise RefusedError(USED_BEFORE)


def _check_life(
    module: Module, site: Site, level: Level, loads: Sequence[ast.Name | ast.Attribute]
) -> Iterator[ast.Expr]:
    """Yield the statements that close the writer in a loop; refuse where it isn't the turn's own."""
    created = site.statement
    closed_at: list[ast.Expr] = []
    for load in loads:
        method = use_of(module, load)
        inside = within(load, [level.node])
        if method in {"init", "reopen"}:
            raise RefusedError(GRAPH_MODE if method == "init" else USED_AFTER_CLOSE)
        if not inside:
            other = module.function(load) is not module.function(created)
            if other and method in {None, "close"}:
                raise RefusedError(ESCAPES)
            continue
        if (load.lineno, load.col_offset) < (created.lineno, created.col_offset):
            raise RefusedError(USED_BEFORE)
        if method is None:
            raise RefusedError(ESCAPES)
        if method == "close":
            statement = module.statement(load)
            if (
                not isinstance(statement, ast.Expr)
                or statement.value is not module.parent(cast("ast.AST", module.parent(load)))
                or module.function(load) is not module.function(created)
                or (inner := module.enclosing(statement, *LOOPS)) is None
                or not within(created, [inner])
            ):
                raise RefusedError(USED_AFTER_CLOSE)
            closed_at.append(statement)
    for statement in closed_at:
        for load in loads:
            after = within(load, [level.node]) and (load.lineno, load.col_offset) > (
                cast("int", statement.end_lineno),
                cast("int", statement.end_col_offset),
            )
            if after and use_of(module, load) not in {"close", "flush"}:
                raise RefusedError(USED_AFTER_CLOSE)
    yield from closed_at


def _edits(module: Module, site: Site, hoist: Hoist, taken: set[str]) -> tuple[Edit, ...]:
    block = hoist.level.node
    if site.is_context:
        return _around(module, site, hoist)
    if site.targets:
        moved = [*hoist.needed, site.statement]
        code = lines([Move(statement) for statement in moved])
        rest: list[Edit] = [Remove(statement) for statement in moved]
        if isinstance(block, ast.With) and set(block.body) <= set(moved):
            return (Unwrap(block),)  # nothing else is in the scope
    else:
        name = fresh(module, "writer", taken)
        created = Move(site.creation.call)
        code = (*lines([Move(statement) for statement in hoist.needed]), f"{name} = ", created)
        rest = [*(Remove(statement) for statement in hoist.needed), Replace(site.creation.call, name)]
    edits: list[Edit] = [InsertBefore(block, code), *rest]
    for target in site.targets:
        text = ast.unparse(target)
        closes = [close for close in hoist.closes if _closed(close) == text]
        if closes:
            loads = [load for load in _uses(module, target) if isinstance(load.ctx, ast.Load)]
            edits += instead_of_closing(module, site, text, closes, loads)
            edits.append(InsertAfter(block, f"{text}.close()"))
    return tuple(edits)


def _closed(close: ast.Expr) -> str:
    """Return the text of what a ``writer.close()`` closes."""
    return ast.unparse(cast("ast.Attribute", cast("ast.Call", close.value).func).value)


def _around(module: Module, site: Site, hoist: Hoist) -> tuple[Edit, ...]:
    """Return the edits that put ``with FileWriter(...) as w:`` around the block instead of inside it."""
    statement = cast("ast.With", site.statement)
    name = cast("ast.Name", statement.items[0].optional_vars).id
    block = hoist.level.node
    inner: list[NodeEdit] = [Unwrap(statement), *(Remove(needed) for needed in hoist.needed)]
    last = statement.body[-1]
    if hoist.level.is_loop and not isinstance(last, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
        inner.append(InsertAfter(last, f"{name}.flush()"))
    code: Code = (
        *lines([Move(needed) for needed in hoist.needed]),
        "with ",
        Move(site.creation.call),
        f" as {name}:\n    ",
        Move(block, tuple(inner)),
    )
    return InsertBefore(block, code), Remove(block)
