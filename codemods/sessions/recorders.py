"""The `FileWriter` that a training loop can give its summaries to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from codemods.analysis.dataflow import Timing, bindings_in, names_read, timing
from codemods.analysis.module import Module, Scope
from codemods.analysis.places import frame, loops, runs_before
from codemods.analysis.writers import creations
from codemods.engine.codemod import Edit, Move, Refusal, Replace, Wrap
from codemods.sessions.flow import Flow
from codemods.sessions.refusals import CLOSED, MAYBE_NO_WRITER, NO_WRITER, SEVERAL_WRITERS
from codemods.sessions.runs import Run
from codemods.sessions.summaries import Summaries

_KEPT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_OTHERS = ("test", "val", "eval", "dev")
_NAMES = ("writer", "summary_writer", "file_writer")


@dataclass(frozen=True)
class Recorder:
    """A writer, as the code at a run can name it.

    Attributes:
        text: its name.
        nodes: what binds the name.
        sure: it is bound wherever the run is reached.
        edits: what has to be done to give it the name.
        apart: the loops and the function of which each turn, or call, opens another one in a folder of its own.
    """

    text: str
    nodes: tuple[ast.AST, ...] = ()
    sure: bool = True
    edits: tuple[Edit, ...] = ()
    apart: frozenset[ast.AST] = frozenset()


def recorder(flow: Flow, summaries: Summaries, run: Run) -> Recorder | Refusal:
    """Return the writer for what a run records, or why there is none."""
    found = [*_names(flow, run), *_attributes(flow, summaries, run)]
    found = found or list(_unnamed(run))
    if len(found) > 1:
        training = [each for each in found if "train" in each.text.lower()]
        others = [each for each in found if not any(word in each.text.lower() for word in _OTHERS)]
        found = training if len(training) == 1 else others
    if not found:
        return NO_WRITER
    if len(found) > 1:
        return SEVERAL_WRITERS
    if not found[0].sure:
        return MAYBE_NO_WRITER
    if _is_closed(run, found[0]):
        return CLOSED
    return replace(found[0], apart=frozenset(_apart(run, found[0])))


def _apart(run: Run, writer: Recorder) -> Iterator[ast.AST]:
    module, here = run.module, frame(run.module, run.call)
    for node in writer.nodes:
        calls = [each for each in creations(module) if each.call in ast.walk(module.statement(node))]
        for folder in [each.folder for each in calls if each.folder is not None and frame(module, each.call) is here]:
            names = names_read([folder])
            for loop in loops(module, node):
                if timing(module, folder) is Timing.FRESH or any(bindings_in(module, name, [loop]) for name in names):
                    yield loop
            if any(isinstance(each.node, ast.arg) for name in names for each in module.bindings(name)):
                yield here


def _names(flow: Flow, run: Run) -> Iterator[Recorder]:
    module = run.module
    scope: Scope | None = module.scope(run.call)
    seen: set[str] = set()
    while scope is not None:
        for name, bindings in () if isinstance(scope.node, ast.ClassDef) else scope.bindings.items():
            if name in seen or any(binding.imported for binding in bindings):
                continue
            seen.add(name)
            made = [[_is_writer(*place) for place in flow.bound(module, binding)] for binding in bindings]
            if any(True in each for each in made):
                nodes = tuple(binding.node for binding in bindings)
                sure = all(each and all(each) for each in made) and _is_bound(module, nodes, run)
                yield Recorder(name, nodes, sure)
        scope = scope.parent


def _is_writer(module: Module, node: ast.AST) -> bool:
    return any(created.call is node and created.version == 1 for created in creations(module))


def _is_bound(module: Module, nodes: tuple[ast.AST, ...], run: Run) -> bool:
    """Tell whether a name is bound wherever the run is reached."""
    here = frame(module, run.call)
    if any(isinstance(node, ast.arg) for node in nodes):
        return True
    mine = [node for node in nodes if frame(module, node) is here]
    if mine:
        return runs_before(module, mine, run.statement)
    return all(
        not isinstance(around, (ast.If, ast.Try)) or _guards(around)
        for node in nodes
        for around in module.ancestors(node)
    )


def _guards(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _attributes(flow: Flow, summaries: Summaries, run: Run) -> Iterator[Recorder]:
    """Yield the writers that ``self`` holds."""
    module, function = run.module, run.module.function(run.call)
    owner = module.parent(function) if function is not None else None
    if not isinstance(owner, ast.ClassDef):
        return
    stores: dict[str, list[ast.Attribute]] = {}
    for node in ast.walk(owner):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            stores.setdefault(node.attr, []).append(node)
    for name, nodes in stores.items():
        made = [[_is_writer(*place) for place in flow.assigned(module, node)] for node in nodes]
        if any(True in each for each in made):
            sure = all(each and all(each) for each in made) and any(
                _comes_before(summaries, module, node, run) for node in nodes
            )
            yield Recorder(f"self.{name}", tuple(nodes), sure)


def _comes_before(summaries: Summaries, module: Module, node: ast.AST, run: Run) -> bool:
    here = frame(module, run.call)
    arrivals = summaries.arrivals(module, node, (module, here))
    return any(
        sure and (statement is None or runs_before(module, [statement], run.statement)) for statement, sure in arrivals
    )


def _unnamed(run: Run) -> Iterator[Recorder]:
    """Yield a writer that is created for the graph alone, and given no name."""
    module = run.module
    chain = {run.statement, *module.ancestors(run.statement)}
    for created in creations(module):
        statement = module.statement(created.call)
        block = module.block(statement)
        later = [each for each in block[block.index(statement) + 1 :] if each in chain]
        if created.version == 1 and later and _is_all(module, statement, created.call):
            name = next((each for each in _NAMES if not module.is_used(module.scope(statement), each)), None)
            if name is not None:
                edits = tuple(_naming(module, statement, created.call, later[0], name))
                yield Recorder(name, edits=edits)


def _is_all(module: Module, statement: ast.stmt, call: ast.Call) -> bool:
    """Tell whether a statement does nothing but create a writer, and perhaps close it."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "close":
        value = value.func.value
    return value is call


def _naming(module: Module, statement: ast.stmt, call: ast.Call, last: ast.stmt, name: str) -> Iterator[Edit]:
    """Yield the edits that keep a writer open from its creation to the end of a statement of the same block."""
    block = module.block(statement)
    first = block[block.index(statement) + 1]
    if module.path.endswith(".ipynb"):  # the statements may be in several cells
        yield Replace(statement, (f"{name} = ", Move(call)))
    elif any(isinstance(node, _KEPT) for node in block[block.index(first) : block.index(last)]):
        yield Replace(statement, (f"{name} = ", Move(call)))
        yield Wrap(last, last, f"with {name}:")
    else:
        yield Wrap(first, last, ("with ", Move(call), f" as {name}:"), instead=statement)


def _is_closed(run: Run, writer: Recorder) -> bool:
    """Tell whether a writer may be closed when the run is made."""
    module = run.module
    around = set(module.ancestors(run.call))
    for node in writer.nodes:
        if isinstance(module.parent(node), ast.withitem) and module.statement(node) not in around:
            return True
    # In a loop that the writer is older than, what closes it comes before the next turn's run.
    turns = [
        loop for loop in loops(module, run.call) if not any(loop in module.ancestors(node) for node in writer.nodes)
    ]
    for use in module.attributes.get("close", ()):
        if ast.unparse(use.value) != writer.text or frame(module, use) is not frame(module, run.call):
            continue
        leaves = isinstance(module.block(module.statement(use))[-1], (ast.Return, ast.Break, ast.Raise))
        if not leaves and (use.lineno < run.call.lineno or any(loop in module.ancestors(use) for loop in turns)):
            return True
    return False
