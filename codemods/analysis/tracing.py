"""Which functions TensorFlow traces, who refers to them, and from where.

``tf.function`` runs Python once for each trace; what stands in a traced function, or in a function
that one calls, runs while a graph is built. All else is host code, which TensorFlow runs eagerly.

https://www.tensorflow.org/guide/function
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from codemods.analysis.callgraph import EAGER
from codemods.analysis.module import Function, Module
from codemods.analysis.paths import MANY, paths
from codemods.analysis.strategies import replicated

FUNCTION = "tensorflow.function"
REPEATING = (
    ast.For, ast.AsyncFor, ast.While, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Traced:
    """A function that TensorFlow traces because the program asks for it.

    Attributes:
        function: its definition.
        owner: the class it is a method of.
        options: the keyword arguments given to ``tf.function``.
        target: for ``f = tf.function(g)`` the ``f``; None for a decorated function.
        wrapped: for ``f = tf.function(g)`` the ``g`` in it.
        decorator: the decorator that makes it traced.
    """

    function: Function
    owner: ast.ClassDef | None
    options: Mapping[str, ast.expr]
    target: ast.expr | None = None
    wrapped: ast.expr | None = None
    decorator: ast.expr | None = None

    @property
    def name(self) -> str:
        """The name that callers use."""
        if self.target is None:
            return self.function.name
        return self.target.attr if isinstance(self.target, ast.Attribute) else ast.unparse(self.target)

    def option(self, *names: str) -> bool:
        """Tell whether one of some options is on, or not known to be off."""
        values = [self.options[name] for name in names if name in self.options]
        return any(not (isinstance(value, ast.Constant) and not value.value) for value in values)


@dataclass(frozen=True)
class Reference:
    """One place that names a traced function.

    Attributes:
        module: the module it stands in.
        node: the name.
        call: the call that runs the function there, None if it is used in another way.
        indirect: the function got there as a value: returned by the function around it, under another
            name, or in a ``functools.partial``.
        partials: those that it got there in, the first one first.
        replicated: that is ``strategy.run(function, ...)``, and not a call of the function itself.
        instance: that is a call of an object whose class has the function as its ``__call__``.
    """

    module: Module
    node: ast.Name | ast.Attribute
    call: ast.Call | None
    replicated: bool = False
    indirect: bool = False
    partials: tuple[ast.Call, ...] = ()
    instance: bool = False

    @property
    def receiver(self) -> ast.expr | None:
        """What a method is called on."""
        if self.instance:
            return self.node
        return self.node.value if isinstance(self.node, ast.Attribute) else None


def tracing_options(module: Module, node: ast.expr, depth: int = 0) -> Mapping[str, ast.expr] | None:
    """Return the options of an expression that makes a function traced; None if it isn't one.

    ``tf.function``, ``tf.function(jit_compile=True)``, ``functools.partial(tf.function, ...)`` and
    names bound to one of them are.
    """
    if module.resolve(node) == FUNCTION:
        return {}
    if isinstance(node, ast.Call):
        name = module.resolve(node.func)
        given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        if name == FUNCTION and (not node.args or _is_none(node.args[0])) and "func" not in given:
            return given | ({"input_signature": node.args[1]} if len(node.args) > 1 else {})
        if name == "functools.partial" and node.args and module.resolve(node.args[0]) == FUNCTION:
            return given
    if isinstance(node, ast.Name) and depth < 4:
        bindings = module.bindings(node)
        if len(bindings) == 1 and bindings[0].value is not None:
            return tracing_options(module, bindings[0].value, depth + 1)
    return None


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def traced_functions(module: Module) -> Iterator[Traced]:
    """Yield the functions of a module that the program asks TensorFlow to trace."""
    definitions: Iterator[Function] = module.find_all(ast.FunctionDef, ast.AsyncFunctionDef)
    for function in definitions:
        parent = module.parent(function)
        owner = parent if isinstance(parent, ast.ClassDef) else None
        for decorator in function.decorator_list:
            options = tracing_options(module, decorator)
            if options is not None:
                yield Traced(function, owner, options, decorator=decorator)
                break
    for assign in module.find_all(ast.Assign):
        found = _wrapping(module, assign.value)
        if found is not None and len(assign.targets) == 1:
            wrapped, options = found
            named = _function_named(module, wrapped)
            if named is not None:
                parent = module.parent(named)
                owner = parent if isinstance(parent, ast.ClassDef) else None
                yield Traced(named, owner, options, assign.targets[0], wrapped)


def _wrapping(module: Module, node: ast.expr) -> tuple[ast.expr, Mapping[str, ast.expr]] | None:
    """Return the function and the options in ``tf.function(g, ...)`` or ``tf.function(...)(g)``."""
    if not isinstance(node, ast.Call):
        return None
    if module.resolve(node.func) == FUNCTION:
        given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        wrapped = node.args[0] if node.args else given.pop("func", None)
        return (wrapped, given) if wrapped is not None else None
    options = tracing_options(module, node.func)
    return (node.args[0], options) if options is not None and len(node.args) == 1 else None


def _function_named(module: Module, node: ast.expr) -> Function | None:
    """Return the function of this module that a name or ``self.name`` means."""
    if isinstance(node, ast.Name):
        bindings = module.bindings(node)
        defined = [b.node for b in bindings if isinstance(b.node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        # ``f = tf.function(f)`` binds the name a second time.
        rebound = [b for b in bindings if b.value is not None and node in ast.walk(b.value)]
        return defined[0] if len(defined) == 1 and len(bindings) == 1 + len(rebound) else None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        owner = module.enclosing(node, ast.ClassDef)
        for statement in owner.body if owner is not None else ():
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name == node.attr:
                return statement
    return None


# Who refers to a function. -------------------------------------------------------------------------


def references(module: Module, name: str, function: ast.AST, method: bool) -> Iterator[Reference]:
    """Yield every place in the project that names a function, its own definition aside.

    A method is looked for by its bare name on any receiver, since receivers have no types.

    Args:
        module: the module that binds the name.
        name: the name that callers use.
        function: a node inside the scope that binds the name: the definition, or an assignment's target.
        method: the name is an attribute of objects.
    """
    if not method:
        scope = module.scope(function)
        binder = scope.lookup(name) or scope
        for use in module.uses(binder, name):
            if isinstance(use.ctx, ast.Load):
                yield _reference(module, use)
        if binder is not binder.root:
            return
    owner = module.parent(function) if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
    for other in _modules_with(module, name, method):
        for node in other.attributes.get(name, ()):
            if isinstance(node.ctx, ast.Load) and (method or other is not module):
                resolved = other.resolve(node)
                if resolved == f"{module.id}.{name}" or (
                    method
                    and not _foreign(other, node, resolved)
                    and not (isinstance(owner, ast.ClassDef) and _another_class(module, owner, other, node))
                ):
                    yield _reference(other, node)
        if other is not module and not method:
            for use in other.names.get(name, ()):
                if isinstance(use.ctx, ast.Load) and other.resolve(use) == f"{module.id}.{name}":
                    yield _reference(other, use)
            for renamed in _renamed(other, name):
                if other.exported(renamed) == f"{module.id}.{name}":
                    yield from references(other, renamed, other.tree, method=False)


def followed(reference: Reference) -> Iterator[Reference]:
    """Yield where a function is called that is used as a value at one place; that place if it gets out of sight."""
    module, node = reference.module, reference.node
    found = []
    if reference.call is None and isinstance(node, ast.Name):
        found = list(_Follower(module).calls(node))
    yield from found if found and all(each.call is not None for each in found) else [reference]


class _Follower:
    """Follows a function as a value: a function returns it, it is given another name, or a ``functools.partial``."""

    def __init__(self, module: Module, seen: set[ast.AST] | None = None) -> None:
        self.module = module
        self.seen: set[ast.AST] = set() if seen is None else seen

    def calls(self, value: ast.expr, partials: tuple[ast.Call, ...] = ()) -> Iterator[Reference]:
        """Yield the calls of the function that an expression is; one without a call where it gets out of sight."""
        if value in self.seen:
            return
        self.seen.add(value)
        module, around = self.module, self.module.parent(value)
        if isinstance(around, ast.Call) and around.func is value:
            yield Reference(module, _first_name(value), around, indirect=True, partials=partials)
        elif isinstance(around, ast.Call) and module.resolve(around.func) == "functools.partial":
            yield from self.calls(around, (around, *partials))
        elif isinstance(around, ast.Assign) and len(around.targets) == 1:
            yield from self.named(around.targets[0], partials)
        elif isinstance(around, (ast.Return, ast.Tuple)) and isinstance(module.statement(value), ast.Return):
            yield from self.returned(value, around, partials)
        else:
            yield Reference(module, _first_name(value), None)

    def named(self, target: ast.expr, partials: tuple[ast.Call, ...]) -> Iterator[Reference]:
        """Yield the calls of the function that a name or an attribute holds."""
        uses: Iterable[Reference] = [Reference(self.module, _first_name(target), None)]
        if isinstance(target, ast.Attribute):
            uses = references(self.module, target.attr, target, method=True)
        elif isinstance(target, ast.Name) and len(self.module.bindings(target)) == 1:
            uses = references(self.module, target.id, target, method=False)
        for use in uses:
            if use.node is target:
                yield use
            else:
                yield from _Follower(use.module, self.seen).calls(use.node, partials)

    def returned(self, value: ast.expr, around: ast.AST, partials: tuple[ast.Call, ...]) -> Iterator[Reference]:
        """Yield the calls of what a function returns, alone or in a tuple that its callers take apart."""
        module, function = self.module, self.module.function(value)
        assert function is not None
        for use in references(module, function.name, function, isinstance(module.parent(function), ast.ClassDef)):
            there = _Follower(use.module, self.seen)
            assign = use.module.parent(use.call) if use.call is not None else None
            names = assign.targets[0] if isinstance(assign, ast.Assign) else None
            if use.call is not None and isinstance(around, ast.Return):
                yield from there.calls(use.call, partials)
            elif (
                isinstance(around, ast.Tuple)
                and isinstance(names, ast.Tuple)
                and len(names.elts) == len(around.elts)
                and isinstance(module.parent(around), ast.Return)
            ):
                yield from there.named(names.elts[around.elts.index(value)], partials)
            else:
                yield replace(use, call=None)


def _first_name(node: ast.expr) -> ast.Name | ast.Attribute:
    return next(part for part in ast.walk(node) if isinstance(part, (ast.Name, ast.Attribute)))


def passed(function: Function, reference: Reference, parameter: ast.arg) -> ast.expr | None:
    """Return what a call passes for a parameter; None where it passes nothing or that can't be seen."""
    arguments, keywords = _given(reference)
    if parameter.arg in keywords:
        return keywords[parameter.arg]
    positional = [*function.args.posonlyargs, *function.args.args]
    if (
        positional
        and positional[0].arg in {"self", "cls"}
        and (reference.receiver is not None or function.name == "__init__")
    ):
        positional = positional[1:]
    if parameter in positional:
        index = positional.index(parameter)
        if index < len(arguments) and not any(isinstance(a, ast.Starred) for a in arguments[: index + 1]):
            return arguments[index]
    return None


def default_of(function: Function, parameter: ast.arg) -> ast.expr | None:
    """Return the default of a parameter."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    first = len(positional) - len(arguments.defaults)
    defaults: dict[ast.arg, ast.expr | None] = dict(zip(positional[first:], arguments.defaults, strict=True))
    defaults.update(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    return defaults.get(parameter)


def _given(reference: Reference) -> tuple[Sequence[ast.expr], Mapping[str, ast.expr]]:
    """Return the positional arguments and the keywords with which a function is run, as far as they can be seen."""
    call = reference.call
    if call is None:
        return [], {}
    keywords = {given.arg: given.value for each in (*reference.partials, call) for given in each.keywords if given.arg}
    if not reference.replicated:
        return [*(node for each in reference.partials for node in each.args[1:]), *call.args], keywords
    listed = run_arguments(reference)
    rest = [node for node in call.args if node is not reference.node]
    named = keywords.get("kwargs", rest[1] if len(rest) > 1 else None)
    pairs = zip(named.keys, named.values, strict=True) if isinstance(named, ast.Dict) else ()
    return (
        listed.elts if listed is not None else [],
        {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)},
    )


def run_arguments(reference: Reference) -> ast.Tuple | ast.List | None:
    """Return the ``args`` of ``strategy.run``, if they are listed there."""
    assert reference.call is not None
    rest = [node for node in reference.call.args if node is not reference.node]
    args = next((given.value for given in reference.call.keywords if given.arg == "args"), rest[0] if rest else None)
    return args if isinstance(args, (ast.Tuple, ast.List)) else None


def runs_once(found: Iterable[Reference], depth: int = 0) -> bool:
    """Tell whether a function, all of whose references are given, is seen to be called once in a run at most."""
    uses = list(found)
    if len(uses) != 1 or uses[0].call is None or depth > 4:
        return False
    module, call = uses[0].module, uses[0].call
    function = module.function(call)
    for around in module.ancestors(call):
        if around is function:
            break
        if isinstance(around, REPEATING):
            return False
    if function is None:
        return True
    method = isinstance(module.parent(function), ast.ClassDef)
    return runs_once(references(module, function.name, function, method), depth + 1)


def looked_up(module: Module, name: str) -> bool:
    """Tell whether the project may get a function by its name, which it writes out or computes for ``getattr``."""
    project = module.project
    paths = project.mentioning("getattr", "globals") if project is not None else []
    others = [m for path in paths if project is not None and path != module.path and (m := project.module(path))]
    return any(pattern.fullmatch(name) for other in (module, *others) for pattern in _names_looked_up(other))


def _names_looked_up(module: Module) -> Iterator[re.Pattern[str]]:
    for call in module.find_all(ast.Call):
        around = module.parent(call)
        name = module.resolve(call.func)
        if name == "builtins.globals" and isinstance(around, ast.Subscript):
            yield _spelled(module, around.slice)
        elif name == "builtins.getattr" and len(call.args) > 1:
            pattern = _spelled(module, call.args[1])
            if pattern.pattern != _ANYTHING or _is_called(module, call):
                yield pattern


_ANYTHING = ".*"


def _spelled(module: Module, node: ast.expr) -> re.Pattern[str]:
    """Return what the text of an expression looks like."""
    found = paths(module, node)
    if len(found) == MANY:
        return re.compile(_ANYTHING)
    texts = ("".join(re.escape(part) if isinstance(part, str) else ".*" for part in path.parts) for path in found)
    return re.compile("|".join(texts))


def _is_called(module: Module, node: ast.Call) -> bool:
    """Tell whether what ``getattr`` gives is called, at once or by the name that it is given."""
    around = module.parent(node)
    if isinstance(around, ast.Call):
        return around.func is node
    if isinstance(around, ast.Assign) and isinstance(around.targets[0], ast.Name):
        uses = module.uses(module.scope(around), around.targets[0].id)
        return any(isinstance(call := module.parent(use), ast.Call) and call.func is use for use in uses)
    return False


def _renamed(module: Module, name: str) -> Iterator[str]:
    """Yield the names under which a module imports one with ``as``."""
    for node in module.find_all(ast.ImportFrom):
        for alias in node.names:
            if alias.name == name and alias.asname not in {None, name}:
                yield str(alias.asname)


def _another_class(module: Module, owner: ast.ClassDef, other: Module, node: ast.Attribute) -> bool:
    """Tell whether ``self.name`` or ``super().name`` stands in a class where it can't mean a method's own."""
    receiver = node.value
    above = isinstance(receiver, ast.Call) and other.resolve(receiver.func) == "builtins.super"
    klass = other.enclosing(node, ast.ClassDef)
    if klass is None or not (above or (isinstance(receiver, ast.Name) and receiver.id == "self")):
        return False
    one, two = f"{module.id}.{module.qualname(owner)}", f"{other.id}.{other.qualname(klass)}"
    if above:
        return one not in ancestors(other, klass)
    return klass is not owner and two not in ancestors(module, owner) and one not in ancestors(other, klass)


def ancestors(module: Module, owner: ast.ClassDef, depth: int = 0) -> set[str]:
    """Return the qualified names of a class's bases, and of theirs as far as the project defines them."""
    found = {name for base in owner.bases if (name := module.resolve(base)) is not None}
    for name in list(found) if depth < 10 else ():
        definition = class_named(module, name)
        if definition is not None:
            found |= ancestors(*definition, depth + 1)
    return found


def class_named(module: Module, name: str) -> tuple[Module, ast.ClassDef] | None:
    """Return the class of the project that a qualified name means."""
    found = module.project.definition(name) if module.project is not None else None
    if found is None and name.startswith(module.id + "."):
        node = module.definition(name.removeprefix(module.id + "."))
        found = (module, node) if node is not None else None
    return (found[0], found[1]) if found is not None and isinstance(found[1], ast.ClassDef) else None


def _foreign(module: Module, node: ast.Attribute, resolved: str | None) -> bool:
    """Tell whether an attribute is one of a library's module, and so no method of this project."""
    base = module.resolve(node.value)
    if isinstance(node.value, ast.Call) and module.resolve(node.value.func) == "builtins.super":
        return False
    return base is not None and resolved is not None and not _is_project_name(module, base)


def _is_project_name(module: Module, name: str) -> bool:
    return name.startswith(module.id) or (module.project is not None and module.project.definition(name) is not None)


def _modules_with(module: Module, name: str, method: bool) -> Iterator[Module]:
    """Yield a module, and those that may name a function or a method of it."""
    yield module
    project = module.project
    if project is None:
        return
    for path in project.mentioning(f".{name}") if method else project.importing(module.path, name):
        other = project.module(path) if path != module.path else None
        if other is not None:
            yield other


def _reference(module: Module, node: ast.Name | ast.Attribute) -> Reference:
    parent = module.parent(node)
    if isinstance(parent, ast.keyword):
        parent = module.parent(parent)
    if isinstance(parent, ast.Call):
        if parent.func is node:
            return Reference(module, node, parent)
        if replicated(module, parent) is node:
            return Reference(module, node, parent, replicated=True)
    return Reference(module, node, None)


def called(module: Module, call: ast.Call, *, here: bool = False) -> tuple[Module, Function] | None:
    """Return the function of the project that a call runs, itself or as ``strategy.run(function, ...)``.

    Args:
        module: the call's module.
        call: the call.
        here: only look for the functions of this module.
    """
    name = replicated(module, call) or call.func
    if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name) and name.value.id == "self":
        owner = module.enclosing(call, ast.ClassDef)
        return _method(module, owner, name.attr) if owner is not None else None
    klass = _class_of(module, name.value) if isinstance(name, ast.Attribute) and not here else None
    if klass is not None and isinstance(name, ast.Attribute):
        return _method(*klass, name.attr)
    bindings = module.bindings(name) if isinstance(name, ast.Name) else []
    defined = [b.node for b in bindings if isinstance(b.node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    if defined or here:
        return (module, defined[0]) if len(bindings) == 1 and defined else None
    found = module.project.definition(module.resolve(name)) if module.project is not None else None
    if found is None or isinstance(found[1], ast.ClassDef) or isinstance(found[0].parent(found[1]), ast.ClassDef):
        return None
    return found[0], found[1]


def called_from(module: Module, function: Function) -> Iterator[tuple[Module, Function]]:
    """Yield a function and those that it calls, through any number of others and of modules."""
    found = {function: module}
    todo = [function]
    for one in todo:  # which grows
        yield found[one], one
        for call in (node for node in ast.walk(one) if isinstance(node, ast.Call)):
            following = called(found[one], call)
            if following is not None and following[1] not in found:
                found[following[1]] = following[0]
                todo.append(following[1])


def called_object(module: Module, call: ast.Call) -> tuple[Module, Function] | None:
    """Return the method that a call of an object runs: ``__call__`` of its class, or ``call`` of a layer."""
    klass = _class_of(module, call.func)
    return (_method(*klass, "__call__") or _method(*klass, "call")) if klass is not None else None


def returned_part(module: Module, target: ast.AST) -> ast.expr | None:
    """Return what a function of this module returns for one of several names that its result is assigned to."""
    assign = module.statement(target)
    names = assign.targets[0] if isinstance(assign, ast.Assign) and len(assign.targets) == 1 else None
    if not isinstance(assign, ast.Assign) or not isinstance(names, ast.Tuple) or target not in names.elts:
        return None
    call = assign.value
    found = called(module, call) or called_object(module, call) if isinstance(call, ast.Call) else None
    if found is None or found[0] is not module:
        return None
    values = [node.value for node in module.find_all(ast.Return) if module.function(node) is found[1]]
    if len(values) != 1 or not isinstance(values[0], ast.Tuple) or len(values[0].elts) != len(names.elts):
        return None
    return values[0].elts[names.elts.index(target)]


def _class_of(module: Module, node: ast.expr) -> tuple[Module, ast.ClassDef] | None:
    """Return the class of this project of an object that is only ever made by calling it."""
    values: list[ast.expr | None] = []
    if isinstance(node, ast.Name):
        values = [binding.value for binding in module.bindings(node)]
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        owner = module.enclosing(node, ast.ClassDef)
        stores = [a for a in module.attributes.get(node.attr, ()) if isinstance(a.ctx, ast.Store)]
        own = all(ast.unparse(a) == ast.unparse(node) and module.enclosing(a, ast.ClassDef) is owner for a in stores)
        assigns = [module.statement(store) for store in stores] if own else []
        values = [assign.value if isinstance(assign, ast.Assign) else None for assign in assigns]
    if len(values) != 1 or not isinstance(values[0], ast.Call):
        return None
    return class_named(module, module.resolve(values[0].func) or "")


def _method(module: Module, owner: ast.ClassDef, name: str, depth: int = 0) -> tuple[Module, Function] | None:
    """Return a method of a class, or of the first base in the project that has it."""
    named = [statement for statement in owner.body if getattr(statement, "name", None) == name]
    if named:
        found = named[0] if len(named) == 1 else None
        return (module, found) if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
    for base in owner.bases if depth < 10 else ():
        definition = class_named(module, module.resolve(base) or "")
        inherited = _method(*definition, name, depth + 1) if definition is not None else None
        if inherited is not None:
            return inherited
    return None


# What runs while a graph is built. -----------------------------------------------------------------


def is_traced(module: Module, node: ast.AST) -> bool:
    """Tell whether code at a node may run while TensorFlow builds a graph.

    It does in a traced function, in a function that is handed to TensorFlow (``strategy.run``,
    ``dataset.map``, ``tf.cond``), in ``call`` or ``train_step`` of a Keras class, and in whatever
    one of these calls.
    """
    for around in module.ancestors(node):
        call = module.parent(around) if isinstance(around, ast.Lambda) else None
        if isinstance(call, ast.Call) and _wrapping(module, call) is not None:
            return True
    function = module.function(node)
    if function is None:
        return False
    assert module.project is not None
    return module.project.calls.is_traced(module, module.qualname(function))


def handed_to_host(module: Module, node: ast.expr) -> bool:
    """Tell whether a function is an argument of another that only hands it to ``tf.numpy_function``."""
    call = module.parent(node)
    found = called(module, call) if isinstance(call, ast.Call) and node in call.args else None
    if found is None or not isinstance(call, ast.Call):
        return False
    other, taker = found
    place = call.args.index(node) + isinstance(other.parent(taker), ast.ClassDef)
    parameters = [*taker.args.posonlyargs, *taker.args.args]
    if place >= len(parameters) or any(isinstance(argument, ast.Starred) for argument in call.args):
        return False
    inside = [other.function(use) for use in other.uses(other.inner_scope(taker), parameters[place].arg)]
    return all(inner is not None and inner is not taker and _run_eagerly(other, inner) for inner in inside)


def _run_eagerly(module: Module, function: Function) -> bool:
    """Tell whether a function is only used as what ``tf.numpy_function`` is to run."""
    uses = module.uses(module.scope(function), function.name)
    return bool(uses) and all(
        isinstance(call := module.parent(use), ast.Call) and use in call.args and module.resolve(call.func) in EAGER
        for use in uses
    )


def is_keras_class(module: Module, owner: ast.ClassDef) -> bool:
    """Tell whether a class derives from one of Keras, through the project's own."""
    return any(name.startswith("keras.") for name in ancestors(module, owner))


def is_trackable_class(module: Module, owner: ast.ClassDef) -> bool:
    """Tell whether TensorFlow can export the objects of a class: one of Keras, or a ``tf.Module``."""
    return is_keras_class(module, owner) or "tensorflow.Module" in ancestors(module, owner)
