"""What the tensors and operations of a graph are made of, through names, attributes, arguments and returns.

https://www.tensorflow.org/guide/intro_to_graphs
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import cast

from codemods.analysis.dataflow import definition
from codemods.analysis.endings import importing
from codemods.analysis.module import Binding, Function, Module
from codemods.analysis.reaching import reaching

Place = tuple[Module, ast.AST]
"""A node with its module."""

_Key = tuple[object, int | None]  # an index or a key, and the number of items if that is known

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_V1 = "tensorflow.compat.v1."
_ONLY_V1 = (
    "Session", "InteractiveSession", "placeholder", "get_variable", "global_variables_initializer", "layers",
    "get_default_graph", "reset_default_graph", "FileWriter", "merge_all", "set_random_seed", "contrib", "app",
)  # fmt: skip
_FED = frozenset({"placeholder", "sparse_placeholder", "sparse.placeholder"})
_KERAS_FED = frozenset({"keras.Input", "keras.layers.Input", "keras.backend.placeholder"})
_STORED = frozenset({
    "Variable", "get_variable", "get_local_variable", "placeholder_with_default", "constant",
    "train.get_global_step", "train.get_or_create_global_step", "train.create_global_step",
})  # fmt: skip
_RANDOM = re.compile(r"random\.\w+|(nn\.|layers\.)?dropout|random_\w+|truncated_normal|multinomial|image\.random_\w+")
_DRAWING = re.compile(
    rf"{_RANDOM.pattern}|metrics\.\w+"
    r"|train\.(batch|shuffle_batch|maybe_batch|\w+_producer)(_join)?|(numpy|py)_func(tion)?|[Pp]rint"
    r"|(scatter|assign|count_up)(_\w+)?|contrib\.metrics\.\w+"
)
_DRAWING_METHODS = frozenset({
    "get_next", "dequeue", "dequeue_many", "dequeue_up_to", "read", "read_up_to", "enqueue", "enqueue_many",
    "assign", "assign_add", "assign_sub", "minimize", "apply_gradients", "update_state",
})  # fmt: skip
_SETTINGS = re.compile(
    r"(?i)(self\.)?_?(flags|args|arguments|opts?|options|conf|config|cfg|hparams|hps?|params|settings)"
)
_LIBRARIES = ("tensorflow.", "keras.", "builtins.", "numpy.", "threading.")
_DEPTH = 60
_NOTHING = 1 << 30


def v1_name(module: Module, node: ast.AST | None) -> str | None:
    """Return what a name means below TensorFlow 1, such as ``summary.scalar``; None if it means something else.

    ``import tensorflow as tf`` counts in a module that uses what TensorFlow 2 has only in ``compat.v1``.
    """
    names = module.candidates(node)
    if len(names) > 1:
        return _common_v1_name(module, names)
    name = next(iter(names))
    if name is None or not name.startswith("tensorflow."):
        return None
    if name.startswith(_V1):
        return name.removeprefix(_V1)
    return name.removeprefix("tensorflow.") if is_v1(module) else None


def _common_v1_name(module: Module, names: set[str | None]) -> str | None:
    texts = {str(name) for name in names}
    v1 = {text.removeprefix(_V1) for text in texts if text.startswith(_V1)}
    plain = {text.removeprefix("tensorflow.") for text in texts if not text.startswith(_V1)}
    if len(v1 | plain) != 1 or any(not text.startswith("tensorflow.") for text in texts):
        return None
    return (v1 | plain).pop() if v1 or is_v1(module) else None


def v1_calls(module: Module) -> list[tuple[str, ast.Call]]:
    """Return a module's calls of functions of TensorFlow 1, each with the function's name."""
    return module.once("v1 calls", lambda: list(_v1_calls(module)))


def _v1_calls(module: Module) -> Iterator[tuple[str, ast.Call]]:
    for call in module.find_all(ast.Call):
        name = v1_name(module, call.func)
        if name is not None:
            yield name, call


def is_v1(module: Module) -> bool:
    """Tell whether a module's ``tensorflow`` is TensorFlow 1."""
    return module.once("is v1", lambda: _is_v1(module))


def _is_v1(module: Module) -> bool:
    return any(
        (name := module.resolve(node)) is not None and name.startswith("tensorflow.") and not name.startswith(_V1)
        for word in _ONLY_V1
        for node in module.attributes.get(word, ())
    )


class Flow:
    """Follows what graph code passes around, in all modules of a program."""

    def __init__(self, module: Module) -> None:
        """Remember where to start; other modules are read when they are asked for."""
        self.module = module
        # The project may forget modules, and read them again as others; here each is the same all along.
        self._modules: dict[str, Module] = {module.path: module}
        self._origins: dict[tuple[ast.AST, bool], list[Place]] = {}
        self._active: dict[ast.AST, int] = {}  # what is being looked up, with its depth
        self._met = _NOTHING  # the least depth of what was met while it was being looked up
        self._returns: dict[Function, list[ast.expr]] = {}
        self._whole = True
        self._computed: dict[ast.AST, frozenset[ast.AST] | None] = {}

    @cached_property
    def modules(self) -> list[Module]:
        """The module, and those that it imports, itself or through others."""
        return self.loaded(self.imported)

    @cached_property
    def imported(self) -> list[str]:
        """The paths of these."""
        return self._imported_by([self.module.path])

    @cached_property
    def callers(self) -> list[Module]:
        """Those modules, and the ones that import this module, with all that these import."""
        return self.loaded(self.calling)

    @cached_property
    def calling(self) -> list[str]:
        """The paths of these."""
        return self._imported_by([self.module.path, *importing(self.module)])

    def _imported_by(self, paths: Sequence[str]) -> list[str]:
        project = self.module.project
        closures = [project.imports.closure(path) for path in paths] if project is not None else []
        return list(dict.fromkeys([*paths, *sorted(frozenset().union(*closures))]))

    def loaded(self, paths: Iterable[str]) -> list[Module]:
        """Return the modules of some paths."""
        return [module for path in paths if (module := self._module(path)) is not None]

    def holding(self, words: re.Pattern[bytes]) -> list[str]:
        """Return the paths of the callers that hold any of some words, however they stand there."""
        texts = self.module.project.texts if self.module.project is not None else None
        found = {path for path in self.calling if texts is not None and words.search(texts.data(path))}
        if words.search(self.module.text.encode(errors="replace")):  # as it stands now
            found.add(self.module.path)
        return [path for path in self.calling if path in found]

    def reaching(self, paths: Sequence[str]) -> list[str]:
        """Return the paths of the callers that may have something from any of some modules, these first."""
        project = self.module.project
        if project is None or not paths:
            return list(paths)
        others = (path for path in self.calling if path not in paths)
        return [*paths, *(path for path in others if not project.imports.closure(path).isdisjoint(paths))]

    def _module(self, path: str | None) -> Module | None:
        if path is not None and path not in self._modules and self.module.project is not None:
            module = self.module.project.module(path)
            if module is not None:
                self._modules[path] = module
        return self._modules.get(path or "")

    def _definition(self, module: Module, node: ast.expr) -> Place | None:
        """Return the function or class of the project that a name means."""
        found = definition(module, node)
        if found is None:
            return None
        owner = self._module(found[0].path) or found[0]
        if owner is found[0] or not isinstance(found[1], (*_FUNCTIONS, ast.ClassDef)):
            return found
        same = owner.definition(found[0].qualname(found[1]))
        return None if same is None else (owner, same)

    # Where a value comes from. -----------------------------------------------------------------------

    def origins(self, module: Module, node: ast.AST) -> list[Place]:
        """Return the expressions that may have made a value: calls, displays, and names that nothing is known of."""
        key = node, self._whole
        if key not in self._origins:
            if node in self._active:
                self._met = min(self._met, self._active[node])
                return []
            met, self._met = self._met, _NOTHING
            depth = self._active[node] = len(self._active)
            found = list(dict.fromkeys(self._look_up(module, node)))
            del self._active[node]
            is_part, self._met = self._met < depth, min(met, self._met)
            if is_part:
                return found  # of a circle: it may be incomplete
            self._origins[key] = found
        return self._origins[key]

    def _within(self, module: Module, node: ast.AST) -> list[Place]:
        """Return the origins inside of a function: its parameters, and its calls of others, are not followed."""
        whole, self._whole = self._whole, False
        try:
            return self.origins(module, node)
        finally:
            self._whole = whole

    def _look_up(self, module: Module, node: ast.AST) -> Iterator[Place]:
        match node:
            case ast.Name():
                bindings = reaching(module, node)
                for binding in bindings:
                    yield from self.bound(module, binding)
                if not bindings:
                    yield module, node
            case ast.Attribute():
                yield from self._attribute(module, node)
            case ast.Subscript(value, ast.Constant(key)):
                stored = [
                    place
                    for use in module.find_all(ast.Subscript)
                    if not isinstance(use.ctx, ast.Load) and ast.unparse(use) == ast.unparse(node)
                    for place in self.assigned(module, use)
                ]
                yield from stored or self._selected(self.origins(module, value), [(key, None)])
            case ast.Call() if self._whole:
                returned = list(self._returned(module, node))
                for place in returned:
                    yield from self.origins(*place)
                if not returned:
                    yield module, node
            case ast.IfExp(_, body, orelse):
                yield from self.origins(module, body)
                yield from self.origins(module, orelse)
            case ast.NamedExpr(_, value):
                yield from self.origins(module, value)
            case _:
                yield module, node

    def _returned(self, module: Module, call: ast.Call) -> Iterator[Place]:
        """Yield what a call of a function of the project returns."""
        function = self.function(module, call.func)
        if function is not None:
            yield from ((function[0], value) for value in self._values(function[1]))

    def _values(self, function: Function) -> list[ast.expr]:
        """Return what a function returns."""
        if function not in self._returns:
            self._returns[function] = list(_returns(function))
        return self._returns[function]

    def bound(self, module: Module, binding: Binding) -> Iterator[Place]:
        """Yield what a name is bound to by one of its bindings."""
        node = binding.node
        if binding.value is not None:
            yield from self.origins(module, binding.value)
        elif isinstance(node, ast.arg):
            yield from self.given(module, node)
        elif isinstance(node, ast.alias):
            yield from self._imported(module, binding)
        elif isinstance(node, ast.Name):
            yield from self.assigned(module, node)
        else:
            yield module, node

    def assigned(self, module: Module, target: ast.expr) -> Iterator[Place]:
        """Yield what a target of an assignment, a loop or a ``with`` is bound to."""
        path: list[_Key] = []
        node: ast.AST = target
        parent = module.parent(node)
        exact = True
        while isinstance(parent, (ast.Tuple, ast.List, ast.Starred)):
            if isinstance(parent, ast.Starred) or any(isinstance(each, ast.Starred) for each in parent.elts):
                exact = False
            else:
                path.insert(0, (parent.elts.index(node), len(parent.elts)))  # type: ignore[arg-type]
            node, parent = parent, module.parent(parent)
        match parent:
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                places = self.origins(module, value)
                yield from self._selected(places, path) if exact else places
            case ast.AugAssign():
                yield module, parent
            case ast.For(iter=value) | ast.AsyncFor(iter=value) | ast.comprehension(iter=value):
                yield from self.origins(module, value)
            case ast.withitem(context_expr=ast.Call(ast.Attribute(value, "as_default"), [], [])):
                yield from self.origins(module, value)
            case ast.withitem(context_expr=value):
                yield from self.origins(module, value)
            case _:
                yield module, target

    def _selected(self, places: Sequence[Place], path: Sequence[_Key]) -> list[Place]:
        """Return what is at some indexes and keys of displays; the whole where that can't be told."""
        for key, count in path:
            found: list[Place] = []
            for module, node in places:
                returned = list(self._returned(module, node)) if isinstance(node, ast.Call) else []
                for other, whole in [each for place in returned for each in self.origins(*place)] or [(module, node)]:
                    if count is not None and isinstance(whole, ast.Tuple) and len(whole.elts) != count:
                        continue  # it is returned to others
                    value = _item(other, whole, key)
                    found += [(other, whole)] if value is None else self.origins(other, value)
            places = found
        return list(places)

    def _attribute(self, module: Module, node: ast.Attribute) -> Iterator[Place]:
        name = module.resolve(node)
        if name is not None:
            project = module.project
            owner, rest = project.find(name, module.path) if project is not None else (None, "")
            other = self._module(owner)
            bindings = other.inner_scope(other.tree).bindings.get(rest, ()) if other is not None else ()
            for binding in bindings:
                assert other is not None
                yield from self.bound(other, binding)
            if not bindings:
                yield module, node
            return
        stored = [(module, each) for each in self.own(module, node)] or list(self.stored(node.attr, module))
        for other, target in stored:
            yield from self.assigned(other, target)
        if stored:
            return
        values = [(other, value) for other, function in self._methods(node.attr) for value in self._values(function)]
        values += [  # a field of a tuple with names
            (other, keyword.value)
            for other, made in self.origins(module, node.value)
            if isinstance(made, ast.Call)
            for keyword in made.keywords
            if keyword.arg == node.attr
        ]
        for place in values:
            yield from self.origins(*place)
        if not values:
            yield module, node

    def own(self, module: Module, node: ast.Attribute) -> list[ast.Attribute]:
        """Return the places where the class around an attribute of ``self`` binds it to something."""
        owner = module.enclosing(node, ast.ClassDef)
        if owner is None or not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            return []
        return [
            use
            for use in module.attributes[node.attr]
            if not isinstance(use.ctx, ast.Load)
            and module.enclosing(use, ast.ClassDef) is owner
            and not _is_none(getattr(module.parent(use), "value", None))
        ]

    def stored(self, name: str, seen_from: Module | None = None) -> Iterator[tuple[Module, ast.Attribute]]:
        """Yield the places that bind an attribute of ``self``."""
        for module in self.modules if seen_from in (None, *self.modules) else self.callers:
            for use in module.attributes.get(name, ()):
                if not isinstance(use.ctx, ast.Load):
                    yield module, use

    def _methods(self, name: str) -> list[tuple[Module, Function]]:
        return self._methods_by_name.get(name, [])

    @cached_property
    def _methods_by_name(self) -> dict[str, list[tuple[Module, Function]]]:
        found: dict[str, list[tuple[Module, Function]]] = {}
        for module in self.modules:
            for function in module.find_all(ast.FunctionDef):
                if isinstance(module.parent(function), ast.ClassDef):
                    found.setdefault(function.name, []).append((module, function))
        return found

    def function(self, module: Module, node: ast.expr) -> tuple[Module, Function] | None:
        """Return the function of the project that is called by an expression."""
        found = self._definition(module, node)
        if found is not None:
            return (found[0], found[1]) if isinstance(found[1], _FUNCTIONS) else None
        if isinstance(node, ast.Attribute) and module.resolve(node) is None:
            methods = self._methods(node.attr)
            return methods[0] if len(methods) == 1 else None
        return None

    def _imported(self, module: Module, binding: Binding) -> Iterator[Place]:
        project = module.project
        path, rest = project.find(binding.imported or "", module.path) if project is not None else (None, "")
        other = self._module(path)
        bindings = other.inner_scope(other.tree).bindings.get(rest, ()) if other is not None else ()
        for each in bindings:
            assert other is not None
            yield from self.bound(other, each)
        if not bindings:
            yield module, binding.node

    def given(self, module: Module, parameter: ast.arg) -> Iterator[Place]:
        """Yield what a function's parameter is given."""
        function = module.enclosing(parameter, *_FUNCTIONS, ast.Lambda) if self._whole else None
        found = False
        if isinstance(function, _FUNCTIONS):
            for other, call in self.calls(module, function):
                value = argument(module, function, call, parameter.arg)
                if value is not None:
                    found = True
                    yield from self.origins(module if value in module else other, value)
        if not found:
            yield module, parameter

    def calls(self, module: Module, function: Function) -> Iterator[tuple[Module, ast.Call]]:
        """Yield the calls of a function, or of the class whose constructor it is."""
        owner = module.parent(function)
        if not isinstance(owner, ast.ClassDef) or function.name == "__init__":
            yield from self._calls.get(owner if isinstance(owner, ast.ClassDef) else function, ())
            return
        for other in self.callers:
            for use in other.attributes.get(function.name, ()):
                call = other.parent(use)
                method = isinstance(call, ast.Call) and call.func is use and other.resolve(use) is None
                if method and not self._is_library_object(other, use.value):
                    yield other, cast("ast.Call", call)

    @cached_property
    def _calls(self) -> dict[ast.AST, list[tuple[Module, ast.Call]]]:
        """The calls of each function and class of the project, by its definition."""
        calls: dict[ast.AST, list[tuple[Module, ast.Call]]] = {}
        for module in self.callers:
            for call in module.find_all(ast.Call):
                found = self._definition(module, call.func) if _last(call.func) is not None else None
                if found is not None:
                    calls.setdefault(found[1], []).append((module, call))
        return calls

    def mentions(self, module: Module, function: Function) -> Iterator[tuple[Module, ast.Name | ast.Attribute]]:
        """Yield the places that name a function which is no method."""
        if isinstance(module.parent(function), ast.ClassDef):
            return
        yield from ((module, use) for use in module.uses(module.scope(function), function.name))
        name = f"{module.id}.{module.qualname(function)}"
        for other in self.callers:
            for use in [*other.names.get(function.name, ()), *other.attributes.get(function.name, ())]:
                if other is not module and other.resolve(use) == name:
                    yield other, use

    def _is_library_object(self, module: Module, node: ast.expr) -> bool:
        """Tell whether an object is seen to be made by a library, so that its methods are none of the project's."""
        made = [
            other.resolve(origin.func) if isinstance(origin, ast.Call) else None
            for other, origin in self.origins(module, node)
        ]
        return bool(made) and all(name is not None and name.startswith(_LIBRARIES) for name in made)

    # What a value is computed from. --------------------------------------------------------------------

    def needs(self, module: Module, node: ast.AST) -> set[ast.AST]:
        """Return all that a value may be computed from: what is fed, what is drawn anew, what nothing is known of."""
        found: set[ast.AST] = set()
        seen: set[ast.AST] = set()
        pending: list[Place] = [(module, node)]
        while pending:
            for other, origin in self.origins(*pending.pop()):
                if origin not in seen:
                    seen.add(origin)
                    own, parts = self._made_of(other, origin)
                    found |= own
                    pending += [(other, part) for part in parts]
        return found

    def computes(self, module: Module, node: ast.AST) -> frozenset[ast.AST]:
        """Return that which a value is sure to be computed from."""
        found = set(self._certain(module, node, 0) or ())
        seen: set[ast.AST] = set()
        while parameters := {each for each in found if isinstance(each, ast.arg)} - seen:
            for parameter in parameters:
                found |= self._given_certainly(parameter)
            seen |= parameters
        return frozenset(found)

    def _given_certainly(self, parameter: ast.arg) -> frozenset[ast.AST]:
        """Return what every argument that a parameter is seen to get is computed from."""
        module = next(each for each in self.callers if parameter in each)
        function = module.function(parameter)
        values = [
            self._certain(module if value in module else other, value, 0)
            for other, call in (self.calls(module, function) if function is not None else ())
            if (value := argument(module, function, call, parameter.arg)) is not None  # type: ignore[arg-type]
        ]
        known = [value for value in values if value is not None]
        return frozenset.intersection(*known) if known else frozenset()

    def _certain(self, module: Module, node: ast.AST, depth: int) -> frozenset[ast.AST] | None:
        """Return what a value is sure to be computed from; None inside of a circle."""
        if node not in self._computed:
            self._computed[node] = None
            found = [self._certain_parts(*place, depth) for place in self._within(module, node)]
            known = [each for each in found if each is not None]
            self._computed[node] = frozenset.intersection(*known) if known else None
        return self._computed[node]

    def _certain_parts(self, module: Module, origin: ast.AST, depth: int) -> frozenset[ast.AST] | None:
        if isinstance(origin, ast.Call) and depth < _DEPTH:
            function = self.function(module, origin.func)
            returned = [self._certain(*place, depth + 1) for place in self._returned(module, origin)]
            known = [each for each in returned if each is not None]
            if function is not None and known:
                common = frozenset.intersection(*known)
                return self._with_arguments(module, origin, *function, common, depth)
        own, parts = self._made_of(module, origin)
        found = set(own)
        if depth < _DEPTH:
            for part in parts:
                found |= self._certain(module, part, depth + 1) or frozenset()
        return frozenset(found)

    def _with_arguments(
        self, module: Module, call: ast.Call, owner: Module, function: Function, sources: frozenset[ast.AST], depth: int
    ) -> frozenset[ast.AST]:
        """Return sources that a call gives, those of its arguments in the place of the parameters."""
        found: set[ast.AST] = set()
        for each in sources:
            value = None
            if isinstance(each, ast.arg) and owner.function(each) is function:
                value = argument(owner, function, call, each.arg)
            if value is None:
                found.add(each)
            else:
                found |= self._certain(owner if value in owner else module, value, depth + 1) or frozenset()
        return frozenset(found)

    def _made_of(self, module: Module, node: ast.AST) -> tuple[set[ast.AST], list[ast.AST]]:
        """Return the sources that an expression is itself, and the expressions that it is computed from."""
        if isinstance(node, ast.Call):
            kind = self.kind(module, node)
            if kind in ("fed", "stored"):
                return ({node} if kind == "fed" else set()), []
            parts: list[ast.AST] = [*node.args, *(keyword.value for keyword in node.keywords)]
            if isinstance(node.func, ast.Attribute) and module.resolve(node.func) is None:
                parts.append(node.func.value)
            elif isinstance(node.func, ast.Call):
                parts.append(node.func)
            return ({node} if kind == "drawn" else set()), parts
        if isinstance(node, (ast.Name, ast.Attribute, ast.arg)):
            return (set() if self._is_setting(module, node) else {self._identity(module, node)}), []
        if isinstance(node, ast.AugAssign):
            values = module.bindings(node.target) if isinstance(node.target, ast.Name) else []
            return set(), [node.value, *(binding.value for binding in values if binding.value is not None)]
        return set(), list(_expressions(node)) if isinstance(node, ast.expr) and not isinstance(
            node, ast.Lambda
        ) else []

    def kind(self, module: Module, call: ast.Call) -> str | None:
        """Return whether a call makes something that is fed, drawn anew at each run, or stored."""
        name = v1_name(module, call.func)
        if name in _FED or module.resolve(call.func) in _KERAS_FED:
            return "fed"
        if name in _STORED:
            return "stored"
        method = isinstance(call.func, ast.Attribute) and module.resolve(call.func) is None
        if (name is not None and _DRAWING.fullmatch(name)) or (method and call.func.attr in _DRAWING_METHODS):  # type: ignore[attr-defined]
            return "drawn"
        return None

    def is_random(self, node: ast.AST) -> bool:
        """Tell whether a source only draws numbers, which nobody misses."""
        if not isinstance(node, ast.Call):
            return False
        module = next(each for each in self.callers if node in each)
        return _RANDOM.fullmatch(v1_name(module, node.func) or "") is not None

    def _is_setting(self, module: Module, node: ast.AST) -> bool:
        """Tell whether something of which nothing is known is a number of a program's settings, or a library's."""
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return isinstance(node, ast.arg) and node.arg in ("self", "cls")
        name = module.resolve(node)
        if name is not None:
            return True
        return isinstance(node, ast.Attribute) and _SETTINGS.fullmatch(ast.unparse(node.value)) is not None

    def _identity(self, module: Module, node: ast.AST) -> ast.AST:
        """Return one node for all that mean the same unknown thing."""
        if isinstance(node, ast.Attribute):
            return next(use for use in module.attributes[node.attr])
        return node


def argument(module: Module, function: Function, call: ast.Call, name: str) -> ast.expr | None:
    """Return what a call gives to a parameter: an argument, or the parameter's default."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    names = [each.arg for each in positional]
    if name in names:
        index = names.index(name)
        static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in function.decorator_list)
        place = index - (isinstance(module.parent(function), ast.ClassDef) and not static)
        if 0 <= place < len(call.args) and not any(isinstance(each, ast.Starred) for each in call.args[: place + 1]):
            return call.args[place]
        late = index - (len(positional) - len(arguments.defaults))
        spread = any(isinstance(each, ast.Starred) for each in call.args) or any(not each.arg for each in call.keywords)
        return arguments.defaults[late] if late >= 0 and not spread else None
    return None


def _item(module: Module, node: ast.AST, key: object) -> ast.expr | None:
    match node:
        case ast.Tuple(elements) | ast.List(elements) if isinstance(key, int):
            if not any(isinstance(each, ast.Starred) for each in elements) and -len(elements) <= key < len(elements):
                return elements[key]
        case ast.Dict(keys, values):
            for each, value in zip(keys, values, strict=True):
                if isinstance(each, ast.Constant) and each.value == key:
                    return value
        case ast.Call(function, [], keywords) if module.resolve(function) == "builtins.dict":
            return next((keyword.value for keyword in keywords if keyword.arg == key), None)
    return None


def _returns(function: Function) -> Iterator[ast.expr]:
    """Yield what a function returns."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
            pending += ast.iter_child_nodes(node)


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        else:
            yield from _expressions(child)


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _last(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None
