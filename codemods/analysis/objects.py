"""Where the objects of a class are called: ``layer(x)`` runs ``call`` of a Keras layer, ``__call__`` of all else.

The objects are followed from where they are made, through names, attributes, parameters and what functions return.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from codemods.analysis.module import Function, Module
from codemods.analysis.shapes import Shapes
from codemods.analysis.strategies import replicated
from codemods.analysis.tracing import (
    REPEATING,
    Reference,
    ancestors,
    called,
    class_named,
    handed_to_host,
    is_keras_class,
    is_traced,
    references,
    runs_once,
)

_CALLING = frozenset({
    "fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch", "save", "export", "summary",
    "train_step", "test_step", "predict_step", "build_from_config", "compute_output_shape", "compute_output_spec",
})  # fmt: skip
_KEEPING = frozenset(
    {"tensorflow.train.Checkpoint", "tensorflow.train.CheckpointManager", "tensorflow.saved_model.save"}
)
_ASKING = frozenset({"builtins.isinstance", "builtins.print", "builtins.super", "builtins.hasattr", "builtins.type"})


def object_calls(module: Module, owner: ast.ClassDef) -> list[Reference]:
    """Return the calls of a class's objects; one without a call where an object gets out of sight.

    Args:
        module: the module of the class.
        owner: the class.
    """
    if module.project is None:
        return list(_Objects(module, owner).calls())
    return module.project.once(
        f"calls of {module.path}:{module.qualname(owner)}", lambda: list(_Objects(module, owner).calls())
    )


def gets_traced(lost: Reference) -> bool:
    """Tell whether an object gets out of sight where TensorFlow may call it: in a call of a library's, or in a list."""
    module = lost.module
    node: ast.AST = lost.node
    around = module.parent(node)
    while isinstance(around, ast.keyword) or (isinstance(around, ast.Call) and around.func is node):
        node, around = around, module.parent(around)  # from the class to the object that it makes
    if isinstance(around, ast.Call):
        return (module.resolve(around.func) or "").startswith(("keras.", "tensorflow.")) or (
            replicated(module, around) is not None
        )
    return isinstance(around, (ast.List, ast.Tuple, ast.Dict, ast.ListComp))


def callers(module: Module, function: Function) -> Iterable[Reference]:
    """Return every place that names a function, or that calls an object whose class has it as its ``__call__``."""
    owner = module.parent(function)
    if isinstance(owner, ast.ClassDef) and is_call(module, function):
        return object_calls(module, owner)
    return references(module, function.name, function, isinstance(owner, ast.ClassDef))


def is_call(module: Module, function: Function) -> bool:
    """Tell whether calling an object runs a method of its class."""
    owner = module.parent(function)
    return isinstance(owner, ast.ClassDef) and (
        function.name == "__call__" or (function.name == "call" and is_keras_class(module, owner))
    )


def runs_on_host(module: Module, function: Function) -> bool:
    """Tell whether a function is only run by host code, or by what others make of it with ``tf.numpy_function``."""
    owner = module.parent(function)
    found = list(callers(module, function))
    if not found:  # Keras calls its methods itself
        return not (isinstance(owner, ast.ClassDef) and is_keras_class(module, owner))
    return all(
        handed_to_host(each.module, each.node)
        if each.call is None
        else not each.replicated and not is_traced(each.module, each.node)
        for each in found
    )


def made_once(module: Module, owner: ast.ClassDef, depth: int = 0) -> bool:
    """Tell whether a program is seen to make one object of a class at most, and none of a class derived from it."""
    made = constructions(module, owner)
    call = made[0].call if len(made) == 1 else None
    if call is None or depth > 4 or any(derived(module, owner)):
        return False
    where, function = made[0].module, made[0].module.function(call)
    if any(isinstance(around, REPEATING) for around in where.ancestors(call)):
        return False
    around = where.parent(function) if function is not None else None
    if function is not None and function.name == "__init__" and isinstance(around, ast.ClassDef):
        return made_once(where, around, depth + 1)
    return function is None or runs_once(references(where, function.name, function, isinstance(around, ast.ClassDef)))


def constructions(module: Module, owner: ast.ClassDef) -> list[Reference]:
    """Return the uses of a class that make objects, or that may do so."""
    found = references(module, owner.name, owner, method=False)
    return [each for each in found if not _only_names(each.module, each.node)]


def _only_names(module: Module, node: ast.expr) -> bool:
    """Tell whether a class is a base there, an annotation, or what an object is compared with."""
    around = module.parent(node)
    if isinstance(around, ast.ClassDef):
        return node in around.bases
    if isinstance(around, ast.Call) and around.func is not node:
        return module.resolve(around.func) in _ASKING
    return isinstance(around, (ast.arg, ast.FunctionDef, ast.alias)) or (
        isinstance(around, ast.AnnAssign) and around.annotation is node
    )


def derived(module: Module, owner: ast.ClassDef) -> Iterator[tuple[Module, ast.ClassDef]]:
    """Yield the classes of the project that derive from a class."""
    project = module.project
    paths = project.mentioning(owner.name) if project is not None else []
    others = [m for path in paths if path != module.path and project and (m := project.module(path))]
    identity = f"{module.id}.{module.qualname(owner)}"
    for other in (module, *others):
        for klass in other.find_all(ast.ClassDef):
            if klass is not owner and identity in ancestors(other, klass):
                yield other, klass


class _Objects:
    def __init__(self, module: Module, owner: ast.ClassDef) -> None:
        self.module = module
        self.owner = owner
        self.identity = f"{module.id}.{module.qualname(owner)}"
        self.methods = {part.name for part in owner.body if isinstance(part, ast.FunctionDef)}
        self.seen: set[ast.AST] = set()
        self.shapes: dict[Module, Shapes] = {}

    def calls(self) -> Iterator[Reference]:
        """Yield the calls, from where the objects are made, and by their own methods."""
        classes = [(self.module, self.owner), *derived(self.module, self.owner)]
        for module, klass in classes:
            for made in constructions(module, klass):
                yield from self.value(made.module, made.call) if made.call is not None else [made]
        for module, klass in classes:
            for method in klass.body:
                yield from self.receiver(module, method, sure=True)
        for name in ancestors(self.module, self.owner):
            base = class_named(self.module, name)
            for method in base[1].body if base is not None else ():
                yield from self.receiver(base[0], method, sure=False) if base is not None else ()

    def receiver(self, module: Module, method: ast.stmt, *, sure: bool) -> Iterator[Reference]:
        """Yield the calls by a method of the object that it is called on."""
        if isinstance(method, ast.FunctionDef) and method.args.args and method.args.args[0].arg == "self":
            for use in module.uses(module.inner_scope(method), "self"):
                for each in self.value(module, use):
                    yield each if sure else Reference(each.module, each.node, None)

    def value(self, module: Module, node: ast.expr) -> Iterator[Reference]:
        """Yield the calls of the object that an expression is."""
        if node in self.seen:
            return
        self.seen.add(node)
        around = module.parent(node)
        if isinstance(around, ast.keyword):
            around = module.parent(around)
        if isinstance(around, ast.Call) and around.func is node:
            yield self.call(module, node, around)
        elif isinstance(around, ast.Attribute):
            call = module.parent(around)
            if around.attr in {"call", "__call__"}:
                called_there = isinstance(call, ast.Call) and call.func is around
                yield Reference(module, around, call if called_there and isinstance(call, ast.Call) else None)
            elif around.attr in _CALLING and around.attr not in self.methods:
                yield Reference(module, around, None)
        elif isinstance(around, ast.Call):
            yield from self.given(module, around, node)
        elif isinstance(around, ast.Assign) and len(around.targets) == 1 and around.value is node:
            yield from self.stored(module, around.targets[0])
        elif isinstance(around, ast.Tuple) and (target := _beside(module, around, node)) is not None:
            yield from self.stored(module, target)
        elif isinstance(around, ast.AnnAssign) and around.value is node:
            yield from self.stored(module, around.target)
        elif isinstance(around, ast.Return):
            yield from self.returned(module, around)
        elif not isinstance(around, (ast.Expr, ast.Compare, ast.If)):
            yield self.lost(module, node)

    def call(self, module: Module, node: ast.expr, call: ast.Call) -> Reference:
        """Return a call; one that may be of another object counts as out of sight."""
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return self.lost(module, node)
        own = isinstance(node, ast.Name) and node.id == "self"
        return Reference(module, node, call if own or self.meant(module, node) else None, instance=True)

    def lost(self, module: Module, node: ast.expr) -> Reference:
        """Return a place where an object gets out of sight."""
        names = (part for part in ast.walk(node) if isinstance(part, (ast.Name, ast.Attribute)))
        return Reference(module, next(names), None)

    def given(self, module: Module, call: ast.Call, node: ast.expr) -> Iterator[Reference]:
        """Yield the calls of an object by the function that it is given to."""
        if module.resolve(call.func) in _KEEPING | _ASKING:
            return
        found = called(module, call)
        klass = class_named(module, module.resolve(call.func) or "")
        if klass is not None:
            inits = [part for part in klass[1].body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
            found = (klass[0], inits[0]) if inits else None
        parameter = _parameter(found[1], call, node) if found is not None else None
        if found is None or parameter is None:
            yield self.lost(module, node)
        elif parameter not in self.seen:
            self.seen.add(parameter)
            for use in found[0].uses(found[0].inner_scope(found[1]), parameter.arg):
                yield from self.value(found[0], use)

    def stored(self, module: Module, target: ast.expr) -> Iterator[Reference]:
        """Yield the calls of what a name or an attribute holds."""
        uses: Iterable[Reference] = [self.lost(module, target)]
        if isinstance(target, ast.Name):
            uses = references(module, target.id, target, method=False)
        elif isinstance(target, ast.Attribute):
            uses = references(module, target.attr, target, method=True)
        for use in uses:
            meant = self.meant(use.module, use.node)
            if meant is None or use.node is target:
                yield Reference(use.module, use.node, None)
            elif meant:
                yield from self.value(use.module, use.node)

    def returned(self, module: Module, statement: ast.Return) -> Iterator[Reference]:
        """Yield the calls of what a function returns."""
        function = module.function(statement)
        assert function is not None
        for use in references(module, function.name, function, isinstance(module.parent(function), ast.ClassDef)):
            yield from self.value(use.module, use.call) if use.call is not None else [use]

    def meant(self, module: Module, node: ast.expr) -> bool | None:
        """Tell whether an expression is an object of the class; None where that can't be told."""
        if module not in self.shapes:
            self.shapes[module] = Shapes(module)
        value = self.shapes[module].value(node)
        if value.kind in {"unknown", "bottom"}:
            return None
        found: set[bool | None] = set()
        for instance in value.instances:
            definition = class_named(instance.module, instance.name)
            mine = instance.name == self.identity or (
                definition is not None and self.identity in ancestors(*definition)
            )
            found.add(mine if instance.known else None)
        return (found.pop() if len(found) == 1 else None) if found else False


def _beside(module: Module, values: ast.Tuple, value: ast.expr) -> ast.expr | None:
    """Return the target of one of several values, in ``one, other = value, another``."""
    assign = module.parent(values)
    targets = assign.targets[0] if isinstance(assign, ast.Assign) and len(assign.targets) == 1 else None
    if not isinstance(targets, ast.Tuple) or len(targets.elts) != len(values.elts):
        return None
    starred = any(isinstance(part, ast.Starred) for part in (*targets.elts, *values.elts))
    return None if starred else targets.elts[values.elts.index(value)]


def _parameter(function: Function, call: ast.Call, given: ast.expr) -> ast.arg | None:
    """Return the parameter that an argument of a call is for."""
    positional = [*function.args.posonlyargs, *function.args.args]
    method = positional and positional[0].arg in {"self", "cls"}
    if given in call.args and not any(isinstance(argument, ast.Starred) for argument in call.args):
        index = call.args.index(given) + bool(method)
        return positional[index] if index < len(positional) else None
    names = [keyword.arg for keyword in call.keywords if keyword.value is given]
    return next((one for one in [*positional, *function.args.kwonlyargs] if one.arg in names), None)
