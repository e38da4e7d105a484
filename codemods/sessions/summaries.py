"""The summaries that a program defines in a graph, what merges them, and what becomes of both."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from codemods.analysis.endings import importing
from codemods.analysis.imports import is_main_guard
from codemods.analysis.module import Function, Module
from codemods.analysis.places import Frame, frame
from codemods.sessions.flow import Flow, Place, v1_calls, v1_name
from codemods.sessions.uses import Uses

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_KINDS = frozenset(f"summary.{kind}" for kind in ("scalar", "histogram", "image", "audio", "text", "tensor_summary"))
_SAVERS = frozenset({
    "train.Supervisor", "train.SummarySaverHook", "contrib.slim.learning.train", "contrib.training.train",
    "contrib.learn.Experiment",
})  # fmt: skip
_SAVING = re.compile(rb"get_collection|Supervisor|SummarySaverHook|slim|contrib|estimator|MonitoredTrainingSession")
_SUMMARY = re.compile(rb"summary")
_WORKERS = frozenset({"train.Server", "train.ClusterSpec", "train.replica_device_setter"})
_MAIN = frozenset({"app.run", "absl.app.run"})
_VARIABLES = ("variables", "trainable_weights", "weights", "compute_gradients", "gradients")


Arrival = tuple[ast.stmt | None, bool]
"""A statement by which something comes to be run, and whether that is sure."""

UNKNOWN = "?"
"""The key of a collection that can't be told."""


@dataclass(frozen=True, eq=False)
class Summary:
    """One call that defines a summary.

    Attributes:
        module: where it stands.
        call: the call.
        key: the code of the collection that it is put into; empty for that of all summaries, None for none.
    """

    module: Module
    call: ast.Call
    key: str | None

    @property
    def tag(self) -> str | None:
        """Its name, if that is constant."""
        return _constant(self.call.args[0] if self.call.args else _keyword(self.call, "name"))

    @property
    def data(self) -> ast.expr | None:
        """The tensor that is summarized."""
        if len(self.call.args) > 1:
            return self.call.args[1]
        names = ("tensor", "values", "data")
        return next((keyword.value for keyword in self.call.keywords if keyword.arg in names), None)


@dataclass(frozen=True, eq=False)
class Merge:
    """One call of `merge_all` (with the key of its collection) or `merge` (with None)."""

    module: Module
    call: ast.Call
    key: str | None


class Summaries:
    """All summaries and merges of the modules that a program is made of."""

    def __init__(self, flow: Flow) -> None:
        """Remember the program."""
        self.flow = flow
        self._uses: dict[Summary | Merge, Uses] = {}
        self._arrived: dict[tuple[ast.AST, ast.AST], list[Arrival]] = {}

    @cached_property
    def _calls(self) -> list[tuple[str, Module, ast.Call]]:
        modules = [module for module in self.flow.loaded(self.flow.holding(_SUMMARY)) if "summary" in module.text]
        return [(name, module, call) for module in modules for name, call in v1_calls(module)]

    @cached_property
    def all(self) -> list[Summary]:
        """The summaries."""
        found = [Summary(module, call, self._key(module, call)) for name, module, call in self._calls if name in _KINDS]
        mine = [each for each in found if each.module.path in self.flow.imported]
        # Else those of the one program that imports this module, and builds the graph itself.
        return mine or (found if len(importing(self.flow.module)) == 1 else [])

    def _key(self, module: Module, call: ast.Call) -> str | None:
        given = _keyword(call, "collections")
        places = self.flow.origins(module, given) if given is not None else []
        if len(places) != 1:
            return UNKNOWN if places else ""
        where, found = places[0]
        if isinstance(found, ast.Constant) and found.value is None:
            return ""
        if not isinstance(found, (ast.List, ast.Tuple)):
            return UNKNOWN
        if any(_is_default(where, each) for each in found.elts):
            return ""
        return _code(where, found.elts[0]) if found.elts else None

    @cached_property
    def merges(self) -> list[Merge]:
        """The merges."""
        found = []
        for name, module, call in self._calls:
            if name == "summary.merge_all":
                key = call.args[0] if call.args else _keyword(call, "key")
                found.append(Merge(module, call, "" if key is None or _is_default(module, key) else _code(module, key)))
            elif name == "summary.merge":
                found.append(Merge(module, call, None))
        return found

    def members(self, merge: Merge, defined: Sequence[Summary]) -> list[Summary]:
        """Return those of some summaries that a merge merges; all of them where that can't be told."""
        if merge.key is not None:
            return [each for each in defined if each.key == merge.key] or list(defined)
        given = merge.call.args[0] if merge.call.args else _keyword(merge.call, "inputs")
        calls = {
            origin
            for module, display in (self.flow.origins(merge.module, given) if given is not None else ())
            for item in (display.elts if isinstance(display, (ast.List, ast.Tuple)) else ())
            for _, origin in self.flow.origins(module, item)
        }
        found = [each for each in defined if each.call in calls]
        return found if found and len(found) == len(calls) else list(defined)

    def tags_by_hand(self) -> list[str | None]:
        """Return the tags of summaries that the code makes of numbers; None for one that isn't constant."""
        found: list[str | None] = []
        for name, _, call in self._calls:
            if name == "Summary.Value":
                found.append(_constant(_keyword(call, "tag")))
        for module in self.flow.callers:
            for use in module.attributes.get("add", ()):
                adding = module.parent(use)
                if isinstance(adding, ast.Call) and _keyword(adding, "simple_value") is not None:
                    found.append(_constant(_keyword(adding, "tag")))
        return found

    @property
    def several_workers(self) -> bool:
        """Whether several processes run the program together."""
        return any(name in _WORKERS for module in self.flow.callers for name, _ in v1_calls(module))

    @cached_property
    def are_saved(self) -> bool:
        """Whether TensorFlow saves the summaries by itself, or the program takes them from their collection."""
        # Most programs don't mention what does so, and their modules needn't be looked at.
        modules = (self.flow.loaded([path]) for path in self.flow.reaching(self.flow.holding(_SAVING)))
        return any(module.once("saves summaries", partial(_are_saved, module)) for (module,) in filter(None, modules))

    def uses(self, each: Summary | Merge) -> Uses:
        """Return what is done with what a call makes."""
        if each not in self._uses:
            self._uses[each] = Uses(self.flow, each.module, each.call)
        return self._uses[each]

    # When they are defined. --------------------------------------------------------------------------

    def arrivals(self, module: Module, node: ast.AST, here: Place) -> list[Arrival]:
        """Return the statements of a frame by which a node comes to be run, and whether that is sure.

        Args:
            module: the module of the node.
            node: what is to be run.
            here: the frame, with its module.

        Returns:
            None in place of a statement for what runs before the frame is entered.
        """
        key = node, here[1]
        if key not in self._arrived:
            self._arrived[key] = []  # for functions that call one another
            self._arrived[key] = self._arrivals(module, node, here)
        return self._arrived[key]

    def _arrivals(self, module: Module, node: ast.AST, here: Place) -> list[Arrival]:
        sure = _is_sure(module, node)
        function = module.function(node)
        if (function or module.tree) is here[1]:
            return [(module.statement(node), sure)]
        if function is None:
            return [(None, sure)]
        if any(isinstance(around, ast.Lambda) for around in module.ancestors(node)):
            return []
        found = [
            (statement, calls and sure and surely)
            for other, caller, calls in self.callers(module, function)
            for statement, surely in self.arrivals(other, caller, here)
        ]
        owner = module.parent(function)
        if not found and isinstance(owner, ast.ClassDef) and owner in here[0].ancestors(here[1]):
            return [(None, sure and function.name == "__init__")]
        return found

    def _is_single(self, module: Module, function: Function) -> bool:
        """Tell whether no other class has a method of a function's name, which a call may mean as well."""
        if not isinstance(module.parent(function), ast.ClassDef):
            return True
        named = [
            each
            for other in self.flow.callers
            if function.name in other.text
            for each in other.find_all(ast.FunctionDef)
            if each.name == function.name and isinstance(other.parent(each), ast.ClassDef) and not _is_abstract(each)
        ]
        return len(named) == 1

    def _looked_up(self, module: Module, function: Function) -> list[tuple[Module, ast.AST]]:
        """Return the places that look up a property; those of the constructor, if it makes sure of it there."""
        found: list[tuple[Module, ast.AST]] = [
            (other, use)
            for other in self.flow.callers
            for use in other.attributes.get(function.name, ())
            if isinstance(use.ctx, ast.Load) and not _is_called(other, use)
        ]
        first = [
            (other, use)
            for other, use in found
            if (around := other.function(use)) is not None
            and around.name == "__init__"
            and other.parent(around) is module.parent(function)
        ]
        return first or found

    def statements(self, group: Iterable[Summary], home: Frame) -> list[ast.stmt]:
        """Return the statements of a frame of the program's module by which some summaries come to be defined."""
        here = self.flow.module, home
        found = [statement for each in group for statement, _ in self.arrivals(each.module, each.call, here)]
        return [statement for statement in found if statement is not None]

    def callers(self, module: Module, function: Function) -> Iterator[tuple[Module, ast.AST, bool]]:
        """Yield the places by which a function comes to be run, and whether it surely is."""
        single = self._is_single(module, function)
        yield from ((other, call, single or _is_made(other, call)) for other, call in self.flow.calls(module, function))
        for other, use in self.flow.mentions(module, function):
            if not _is_called(other, use):
                yield other, use, False  # it is handed over, or kept
        if function.decorator_list and isinstance(module.parent(function), ast.ClassDef):
            yield from ((*place, True) for place in self._looked_up(module, function))
        for other, call in self._main_calls:
            if _runs(other, call, module, function):
                yield other, call, True

    @cached_property
    def _main_calls(self) -> list[tuple[Module, ast.Call]]:
        calls = [(module, call) for module in self.flow.callers for call in module.find_all(ast.Call)]
        return [(m, call) for m, call in calls if (v1_name(m, call.func) or m.resolve(call.func)) in _MAIN]


def _is_abstract(function: Function) -> bool:
    """Tell whether a method does nothing, for others to take its place."""
    return all(isinstance(each, (ast.Raise, ast.Pass)) or _is_text(each) for each in function.body)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_made(module: Module, call: ast.Call) -> bool:
    """Tell whether a call constructs an object."""
    return not isinstance(call.func, ast.Attribute) or module.resolve(call.func) is not None


def _is_called(module: Module, node: ast.AST) -> bool:
    call = module.parent(node)
    return isinstance(call, ast.Call) and call.func is node


def has_summaries(module: Module) -> bool:
    """Tell whether a module defines summaries of a graph."""
    return "summary" in module.text and any(name in _KINDS for name, _ in v1_calls(module))


def _are_saved(module: Module) -> bool:
    """Tell whether TensorFlow saves a module's summaries by itself, or the module takes them from their collection."""
    for use in [*module.attributes.get("get_collection", ()), *module.attributes.get("get_collection_ref", ())]:
        call = module.parent(use)
        if isinstance(call, ast.Call) and any(_is_default(module, each) for each in call.args):
            return True
    for name, call in v1_calls(module):
        if name in _SAVERS or name.startswith(("estimator.", "contrib.tpu.")):
            return True
        if name == "train.MonitoredTrainingSession" and _saves(call):
            return True
    return any((module.resolve(call.func) or "").startswith("tf_slim.learning") for call in module.find_all(ast.Call))


def _runs(other: Module, call: ast.Call, module: Module, function: Function) -> bool:
    """Tell whether a call of `app.run` runs a function."""
    main = call.args[0] if call.args else _keyword(call, "main")
    if main is None:
        return other is module and function.name == "main"
    return other.resolve(main) == f"{module.id}.{module.qualname(function)}"


def _is_sure(module: Module, node: ast.AST) -> bool:
    """Tell whether a function, or a module, that is run comes to a node."""
    here = frame(module, node)
    inner = node
    for around in module.ancestors(node):
        if around is here:
            break
        if isinstance(around, ast.If) and not is_main_guard(around):
            return False
        if isinstance(around, (ast.IfExp, ast.BoolOp, ast.Lambda, ast.While, ast.ExceptHandler, ast.Match)):
            return False
        if (
            isinstance(around, (ast.For, ast.comprehension))
            and inner is not around.iter
            and not _has_items(module, around.iter)
        ):
            return False
        if isinstance(around, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
            return False
        inner = around
    return not (isinstance(here, _FUNCTIONS) and any(_leaves_before(module, here, node)))


def _leaves_before(module: Module, here: Frame, node: ast.AST) -> Iterator[bool]:
    line = node.lineno  # type: ignore[attr-defined]
    for other in ast.walk(here):
        if isinstance(other, ast.Return) and other.lineno < line and module.function(other) is here:
            yield True


def _has_items(module: Module, node: ast.expr, depth: int = 0) -> bool:
    """Tell whether a loop over something has at least one turn."""
    match node:
        case ast.Starred(value):
            return _has_items(module, value, depth)
        case ast.List(elements) | ast.Tuple(elements):
            return bool(elements)
        case ast.Dict(keys):
            return bool(keys)
        case ast.Call(ast.Attribute(value, "items" | "values" | "keys")):
            return _has_items(module, value, depth)
        case ast.Call(function, arguments):
            if module.resolve(function) in ("builtins.range", "six.moves.range", "six.moves.xrange"):
                return not arguments or not isinstance(arguments[-1], ast.Constant) or bool(arguments[-1].value)
            if module.resolve(function) in ("builtins.zip", "builtins.enumerate", "builtins.list", "builtins.sorted"):
                return bool(arguments) and all(_has_items(module, each, depth) for each in arguments)
            return isinstance(function, ast.Attribute) and function.attr.endswith(_VARIABLES)
        case ast.Attribute():
            return node.attr.endswith(_VARIABLES)
        case ast.Name():
            values = [_bound_value(module, binding.node, binding.value) for binding in module.bindings(node)]
            if not values or depth > 4:
                return False
            return all(value is not None and _has_items(module, value, depth + 1) for value in values)
    return False


def _bound_value(module: Module, node: ast.AST, value: ast.expr | None) -> ast.expr | None:
    parent = module.parent(node)
    if value is None and isinstance(parent, ast.Tuple):  # ``gradients, variables = zip(*...)``
        assignment = module.parent(parent)
        return assignment.value if isinstance(assignment, ast.Assign) else None
    return value


def _constant(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _code(module: Module, node: ast.expr) -> str:
    """Return the code of a collection's key, if it means the same wherever it stands."""
    if isinstance(node, ast.Constant):
        return f"{node.value!r}"
    if isinstance(node, ast.Name):
        scope = module.scope(node).lookup(node.id)
        return node.id if scope is not None and scope.node is module.tree else UNKNOWN
    return ast.unparse(node) if module.resolve(node) is not None else UNKNOWN


def _is_default(module: Module, node: ast.expr) -> bool:
    return v1_name(module, node) == "GraphKeys.SUMMARIES" or (
        isinstance(node, ast.Constant) and node.value == "summaries"
    )


def _saves(call: ast.Call) -> bool:
    """Tell whether a `MonitoredTrainingSession` saves summaries."""
    folder = call.args[2] if len(call.args) > 2 else _keyword(call, "checkpoint_dir")
    folder = _keyword(call, "summary_dir") if folder is None or _is_nothing(folder) else folder
    steps, seconds = _keyword(call, "save_summaries_steps"), _keyword(call, "save_summaries_secs")
    off = (steps is not None and _is_nothing(steps)) and (seconds is None or _is_nothing(seconds))
    return folder is not None and not _is_nothing(folder) and not off


def _is_nothing(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
