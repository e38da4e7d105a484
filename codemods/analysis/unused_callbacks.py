"""Which Keras callbacks, and lists of them, a module makes and never uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from codemods.analysis.callback_needs import callback_base, classes_of
from codemods.analysis.endings import importers
from codemods.analysis.module import Function, Module, Scope
from codemods.analysis.places import frame
from codemods.analysis.shapes import Shapes, library_bases
from codemods.analysis.values import Instance, Value, join

_FILLING = frozenset({"append", "extend", "insert"})
_REFLECTION = frozenset({f"builtins.{name}" for name in ("globals", "locals", "vars", "eval", "exec")})
_LOOKING_UP = frozenset({"builtins.getattr", "operator.attrgetter"})
_MAKING = (ast.Call, ast.List, ast.Tuple, ast.ListComp, ast.IfExp)
_HARMLESS_BASES = ("builtins.object", "keras.", "abc.ABC")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEPTH = 4


@dataclass(frozen=True, eq=False)
class Unused:
    """Callbacks that are made and never used: one, or a list of them.

    Attributes:
        handle: how they are called: a name, or an attribute of ``self``.
        value: the expression that makes them.
        made: the nodes that bind them.
        scope: the scope that the name belongs to; a method's own for an attribute.
        owner: for an attribute, the class.
        listed: it is a list.
        instances: the callbacks; one that isn't known among them if any can't be seen.
        optional: it may be None.
    """

    handle: str
    value: ast.expr
    made: tuple[ast.AST, ...]
    scope: Scope
    owner: ast.ClassDef | None
    listed: bool
    instances: tuple[Instance, ...]
    optional: bool


def unused_callbacks(module: Module, shapes: Shapes) -> list[Unused]:
    """Return the callbacks that a module makes and nothing in the project uses, in no order.

    Args:
        module: the module.
        shapes: what its expressions are.
    """
    found = [*_names(module, shapes), *_attributes(module, shapes)]
    if found and any(module.resolve(call.func) in _REFLECTION for call in module.find_all(ast.Call)):
        return []
    return found


def _names(module: Module, shapes: Shapes) -> Iterator[Unused]:
    for here in (module.tree, *module.find_all(*_FUNCTIONS)):
        scope = module.inner_scope(here)
        for name, bindings in scope.bindings.items():
            values = [_made(module, binding.node) for binding in bindings if frame(module, binding.node) is here]
            if name == "_" or len(values) < len(bindings) or not (value := _last(values)):
                continue
            uses = [use for use in module.uses(scope, name) if not isinstance(use.ctx, ast.Store)]
            if not all(fills(module, use) for use in uses) or (here is module.tree and any(importers(module, name))):
                continue
            found = shapes.value(uses[0]) if uses else reduce(join, map(shapes.binding, bindings))
            unused = _unused(shapes, found, name, value, [*(binding.node for binding in bindings), *uses], scope)
            if unused is not None:
                yield unused


def _attributes(module: Module, shapes: Shapes) -> Iterator[Unused]:
    for name, nodes in module.attributes.items():
        method = module.function(nodes[0])
        owner = module.parent(method) if method is not None else None
        value = _last([_made(module, node) for node in nodes])
        if (
            value is None
            or method is None
            or not isinstance(owner, ast.ClassDef)
            or not all(_is_own(method, node) and module.function(node) is method for node in nodes)
            or not all(_is_harmless(module, base) for base in owner.bases)
        ):
            continue
        project = module.project
        mentioned = project.mentioning(f".{name}") if project is not None else []
        if set(mentioned) - {module.path} or _is_looked_up(module, name):
            continue
        found = reduce(join, (shapes.value(_made(module, node)) for node in nodes))
        scope = module.inner_scope(method)
        unused = _unused(shapes, found, ast.unparse(nodes[0]), value, nodes, scope, owner)
        if unused is not None:
            yield unused


def _last(values: Sequence[ast.expr | None]) -> ast.expr | None:
    """Return the last of some values that are all made where they stand, or None; None where one isn't."""
    made = [value for value in values if isinstance(value, _MAKING)]
    others = [value for value in values if value not in made]
    return made[-1] if made and all(isinstance(one, ast.Constant) and one.value is None for one in others) else None


def _made(module: Module, node: ast.AST) -> ast.expr | None:
    """Return what a name or attribute is assigned that is a statement's only target, or one in a tuple."""
    parent = module.parent(node)
    match parent, module.parent(parent) if parent is not None else None:
        case ast.Assign([target], value), _:
            return value if target is node else None
        case ast.AnnAssign(target, _, value), _:
            return value if target is node else None
        case ast.Tuple(targets), ast.Assign([_], ast.Tuple(values)) if len(targets) == len(values):
            return values[targets.index(node)] if node in targets else None
    return None


def _is_own(method: Function, node: ast.Attribute) -> bool:
    """Tell whether an attribute is stored into the object that a method belongs to."""
    return isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == itself(method)


def itself(method: Function) -> str:
    """Return the name that a method has for its object."""
    parameters = [*method.args.posonlyargs, *method.args.args]
    return parameters[0].arg if parameters else ""


def fills(module: Module, use: ast.AST) -> bool:
    """Tell whether a use of a list only puts something into it."""
    attribute = module.parent(use)
    call = module.parent(attribute) if isinstance(attribute, ast.Attribute) and attribute.attr in _FILLING else None
    return isinstance(call, ast.Call) and call.func is attribute and isinstance(module.parent(call), ast.Expr)


def _is_harmless(module: Module, base: ast.expr) -> bool:
    """Tell whether a class that another is derived from can be seen, or is none that reads what the other stores."""
    name = module.resolve(base)
    return name is not None and all(one.startswith(_HARMLESS_BASES) for one in library_bases(module, name))


def _is_looked_up(module: Module, attribute: str) -> bool:
    """Tell whether an attribute is read by the text of its name."""
    return any(
        module.resolve(call.func) in _LOOKING_UP
        and any(isinstance(argument, ast.Constant) and argument.value == attribute for argument in call.args)
        for call in module.find_all(ast.Call)
    )


def _unused(
    shapes: Shapes,
    found: Value,
    handle: str,
    value: ast.expr,
    made: Sequence[ast.AST],
    scope: Scope,
    owner: ast.ClassDef | None = None,
) -> Unused | None:
    """Return what is made, if it is a callback or a list of callbacks that nothing else gets hold of."""
    listed = found.kind in ("tuple", "list")
    if listed:
        found = shapes.element(found)
    known = [instance for instance in found.instances if instance.known]
    if not known or any(callback_base(instance) in (None, "CallbackList") for instance in known):
        return None
    if any(_is_handed_on(instance) for instance in known):
        return None
    return Unused(handle, value, tuple(made), scope, owner, listed, found.instances, found.optional)


def _is_handed_on(instance: Instance) -> bool:
    """Tell whether a callback's constructor, or the code that calls it, gives the callback to other code."""
    classes = classes_of(instance.module, instance.name)
    if any(_givesitself(where, part) for where, node in classes for part in node.body if _is_init(part)):
        return True
    return instance.call is None or not _stays(instance.module, instance.call)


def _is_init(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


def _givesitself(module: Module, init: ast.stmt) -> bool:
    """Tell whether a constructor uses the new object for more than its attributes."""
    assert isinstance(init, ast.FunctionDef)
    for node in ast.walk(init):
        if isinstance(node, ast.Name) and node.id == itself(init):
            parent = module.parent(node)
            of_super = isinstance(parent, ast.Call) and module.resolve(parent.func) == "builtins.super"
            if not isinstance(parent, ast.Attribute) and not of_super:
                return True
    return False


def _stays(module: Module, node: ast.AST, depth: int = 0) -> bool:
    """Tell whether an object goes nowhere but into names and lists that nothing uses, and out of its function."""
    parent = module.parent(node)
    match parent, module.parent(parent) if parent is not None else None:
        case ast.Return(), _:
            return True
        case ((ast.Assign(targets=[ast.Attribute()]) | ast.AnnAssign(target=ast.Attribute())), _):
            return True
        case ((ast.Assign([ast.Name() as name]) | ast.AnnAssign(ast.Name() as name)), _):
            pass
        case ast.Tuple(values), ast.Assign([ast.Tuple(targets)]) if len(values) == len(targets):
            target = targets[values.index(node)] if node in values else None
            if not isinstance(target, ast.Name):
                return False
            name = target
        case ast.Call(ast.Attribute(ast.Name() as name, method)), ast.Expr() if method in _FILLING:
            pass
        case ((ast.List() | ast.Tuple() | ast.IfExp()), _):
            return _stays(module, parent, depth)
        case _:
            return False
    scope = module.scope(name).lookup(name.id)
    uses = module.uses(scope, name.id) if scope is not None else []
    loads = [use for use in uses if not isinstance(use.ctx, ast.Store)]
    return depth < _DEPTH and all(fills(module, use) or _stays(module, use, depth + 1) for use in loads)
