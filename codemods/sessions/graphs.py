"""Which graph a summary is in, and which one a session runs."""

from __future__ import annotations

import ast

from codemods.analysis.module import Module
from codemods.analysis.places import frame
from codemods.engine.codemod import RefusedError
from codemods.sessions.flow import Flow, v1_calls, v1_name
from codemods.sessions.refusals import IN_SUBGRAPH, SEVERAL_GRAPHS
from codemods.sessions.runs import Run
from codemods.sessions.summaries import Summaries, Summary

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BRANCHES = frozenset({"cond", "while_loop", "case", "switch_case", "map_fn", "foldl", "foldr", "scan"})
_OTHER_GRAPHS = frozenset({"function", "wrap_function", "map", "flat_map", "filter", "interleave", "reduce"})
_DEPTH = 8


class Graphs:
    """The graphs of a program."""

    def __init__(self, flow: Flow, summaries: Summaries) -> None:
        """Remember the program."""
        self.flow = flow
        self.module = flow.module
        self.summaries = summaries

    def of(self, run: Run, defined: list[Summary]) -> list[Summary]:
        """Return those of some summaries that are in the graph of a run, or raise where that can't be told."""
        here = frame(self.module, run.call)
        first = min((each.lineno for each in self.summaries.statements(defined, here)), default=run.call.lineno)
        for call in self.module.find_all(ast.Call):
            between = first < call.lineno < run.call.lineno and frame(self.module, call) is here
            if between and v1_name(self.module, call.func) == "reset_default_graph":
                raise RefusedError(SEVERAL_GRAPHS)
        if any(_is_built_by(each, _BRANCHES) for each in defined):
            raise RefusedError(IN_SUBGRAPH)
        if not any(name == "Graph" for other in self.flow.modules for name, _ in v1_calls(other)):
            return defined
        mine = self._of_session(run)
        found = [each for each in defined if self._at(each.module, each.call) is mine]
        if not found or (len(found) < len(defined) and mine is None):
            raise RefusedError(SEVERAL_GRAPHS)
        return found

    def _of_session(self, run: Run) -> ast.AST | None:
        """Return the call that makes a session's graph; None for the first default graph."""
        for module, made in self.flow.origins(self.module, run.session) if run.session is not None else ():
            if isinstance(made, ast.Call) and v1_name(module, made.func) is not None:
                given = next((keyword.value for keyword in made.keywords if keyword.arg == "graph"), None)
                if given is not None:
                    return next((origin for _, origin in self.flow.origins(module, given)), None)
                return self._at(module, made)
        return self._at(self.module, run.call)

    def _at(self, module: Module, node: ast.AST, depth: int = 0) -> ast.AST | None:
        """Return the graph that is the default at a place, by the code around it or around its function's calls."""
        for around in module.ancestors(node):
            for item in around.items if isinstance(around, ast.With) else ():
                graph = made_default(item)
                for other, origin in self.flow.origins(module, graph) if graph is not None else ():
                    if isinstance(origin, ast.Call) and v1_name(other, origin.func) == "Graph":
                        return origin
        function = module.function(node)
        if function is None or depth > _DEPTH:
            return None
        callers = self.summaries.callers(module, function)
        graphs = (self._at(other, caller, depth + 1) for other, caller, _ in callers)
        return next((graph for graph in graphs if graph is not None), None)


def made_default(item: ast.withitem) -> ast.expr | None:
    """Return the graph or session that an item of a ``with`` makes the default, if it does."""
    call = item.context_expr
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "as_default":
        return call.func.value
    return None


def is_elsewhere(summary: Summary) -> bool:
    """Tell whether a summary is in the graph of a `tf.function` or a dataset, which `merge_all` doesn't see."""
    return _is_built_by(summary, _OTHER_GRAPHS)


def _is_built_by(summary: Summary, makers: frozenset[str]) -> bool:
    """Tell whether a summary is defined by a function that one of some makers runs to build a part of the graph."""
    module = summary.module
    for around in module.ancestors(summary.call):
        uses: list[ast.AST] = [around] if isinstance(around, ast.Lambda) else []
        if isinstance(around, _FUNCTIONS):
            uses += [*module.uses(module.scope(around), around.name), *around.decorator_list]
        if any(_maker(module, use) in makers for use in uses):
            return True
    return False


def _maker(module: Module, node: ast.AST) -> str | None:
    """Return the last name of what a function is handed to, or decorated with."""
    parent = module.parent(node)
    parent = module.parent(parent) if isinstance(parent, ast.keyword) else parent
    maker: ast.AST | None = None
    if isinstance(parent, _FUNCTIONS):
        maker = node.func if isinstance(node, ast.Call) else node
    elif isinstance(parent, ast.Call) and parent.func is not node:
        maker = parent.func
        if isinstance(maker, ast.Attribute) and module.resolve(maker) is None:
            return maker.attr
    name = v1_name(module, maker) or module.resolve(maker) or ""
    return name.rpartition(".")[2] if name.startswith("tensorflow.") or v1_name(module, maker) else None
