"""What a value is, as far as the source tells: a number, a scalar tensor, a batch, one for each replica, ...

Values are followed through assignments, loops, unpacking, attributes of ``self``, and the return
statements of the project's own functions. What isn't understood is ``unknown``, never a guess.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Literal, cast

from codemods.analysis.module import Binding, Function, Module, Scope
from codemods.analysis.operations import (
    AVERAGED,
    DTYPES,
    HALF,
    NUMPY_REDUCTIONS,
    THRESHOLDS,
    VECTOR_METRICS,
    argument,
    dtype_of,
    is_none,
    returned_by,
)
from codemods.analysis.places import start
from codemods.analysis.reaching import reaching
from codemods.analysis.values import (
    BOTTOM,
    NONE,
    RESULTS,
    TEXT,
    UNKNOWN,
    DType,
    Instance,
    Kind,
    Value,
    either,
    join,
    number,
    tensor,
)

_DEPTH = 5  # functions followed into functions
_STEPS = 3000  # expressions looked at for one answer
_NESTED = 60  # expressions followed into expressions, in each
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCALAR = tensor(0, 0, "float")


def library_bases(module: Module, name: str, depth: int = 0) -> set[str]:
    """Return the library classes that a class is, or is derived from, by qualified name.

    Args:
        module: any module of the project.
        name: a qualified name, as :meth:`Module.resolve` returns it.
        depth: how many classes have been followed already.
    """
    found = _class(module, name)
    if found is None:
        return {_keras(name)}
    where, node = found
    if depth > _DEPTH:
        return set()
    bases: set[str] = set()
    for base in node.bases:
        resolved = where.resolve(base)
        if resolved is not None:
            bases |= library_bases(where, resolved, depth + 1)
    return bases


def _class(module: Module, name: str | None) -> tuple[Module, ast.ClassDef] | None:
    found = definition(module, name)
    return (found[0], found[1]) if found is not None and isinstance(found[1], ast.ClassDef) else None


def definition(module: Module, name: str | None) -> tuple[Module, Function | ast.ClassDef] | None:
    """Return the function or class that a qualified name means, with its module."""
    if name is None:
        return None
    if name.startswith(module.id + "."):
        node = module.definition(name[len(module.id) + 1 :])
        if node is not None:
            return module, node
    return module.project.definition(name) if module.project is not None else None


def _keras(name: str) -> str:
    """Return the Keras name of what TensorFlow exports at its top as well, such as ``tf.losses``."""
    for package in ("losses", "metrics", "optimizers"):
        if name.startswith(f"tensorflow.{package}."):
            return name.replace("tensorflow.", "keras.", 1)
    return name


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function's own body, without those of the functions and classes in it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
            yield child
            yield from own_nodes(child)


# The evaluation. ---------------------------------------------------------------------------------


class Shapes:
    """Tells what the expressions of one module are."""

    def __init__(
        self,
        module: Module,
        arguments: Mapping[ast.arg, Value] | None = None,
        active: frozenset[ast.AST] = frozenset(),
        steps: list[int] | None = None,
    ) -> None:
        """Start at a module, or in a function that is called.

        Args:
            module: the module.
            arguments: what the parameters of the functions that are being followed hold.
            active: the functions that are being followed.
            steps: how many steps the walk that leads here has taken.
        """
        self.module = module
        self.arguments = dict(arguments or {})
        self.active = active
        self._busy: set[ast.AST] = set()
        self._known: dict[ast.AST, Value] = {}
        self._cuts = 0
        self._root = steps is None
        self._steps = [0] if steps is None else steps

    def value(self, node: ast.expr | None) -> Value:
        """Return what an expression of the module is."""
        if node is None:
            return NONE
        if node in self._known:
            return self._known[node]
        if node in self._busy:
            self._cuts += 1
            return BOTTOM
        if self._root and not self._busy:
            self._steps[0] = 0
        self._steps[0] += 1
        if len(self._busy) > _NESTED or self._steps[0] > _STEPS:
            self._cuts += 1
            return UNKNOWN
        cuts = self._cuts
        self._busy.add(node)
        try:
            method = getattr(self, "_" + type(node).__name__.lower(), None)
            result: Value = method(node) if method is not None else UNKNOWN
        finally:
            self._busy.discard(node)
        if cuts == self._cuts:  # what is cut short holds for this walk only
            self._known[node] = result
        return result

    # Displays and operators. -----------------------------------------------------------------------

    def _constant(self, node: ast.Constant) -> Value:
        if node.value is None:
            return NONE
        if isinstance(node.value, bool):
            return number("bool")
        if isinstance(node.value, (int, float)):
            return number("int" if isinstance(node.value, int) else "float")
        return TEXT if isinstance(node.value, (str, bytes)) else UNKNOWN

    def _joinedstr(self, node: ast.JoinedStr) -> Value:
        return TEXT

    def _list(self, node: ast.List) -> Value:
        return self.listed(self._elements(node.elts))

    def _tuple(self, node: ast.Tuple) -> Value:
        return Value("tuple", items=tuple(enumerate(map(self.value, node.elts))))

    def _elements(self, nodes: Sequence[ast.expr]) -> Value:
        found = BOTTOM
        for node in nodes:
            if isinstance(node, ast.Starred):
                found = join(found, self.element(self.value(node.value)))
            else:
                found = join(found, self.value(node))
        return found

    def listed(self, element: Value) -> Value:
        """Return a list of such elements."""
        if element.kind == "bottom" or element.numeric:
            high = None if element.high is None or element.kind == "bottom" else element.high + 1
            return Value("list", element.low + 1, high, element.dtype, element=element)
        return Value("tuple", element=element)

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Value:
        return self.listed(self.value(node.elt))

    _generatorexp = _listcomp

    def _dict(self, node: ast.Dict) -> Value:
        items: dict[object, Value] = {}
        uncertain: frozenset[object] = frozenset()
        element: Value | None = None
        for key, value in zip(node.keys, node.values, strict=True):
            found = self.value(value)
            if key is None and found.kind == "dict":
                items.update(found.items)
                uncertain |= found.uncertain
                element = either(element, found.element)
            elif isinstance(key, ast.Constant):
                items[key.value] = found
                uncertain -= {key.value}
            else:
                element = either(element, found if key is not None else UNKNOWN)
        return Value("dict", items=tuple(items.items()), element=element, uncertain=uncertain)

    def _dictcomp(self, node: ast.DictComp) -> Value:
        return Value("dict", element=self.value(node.value))

    def _ifexp(self, node: ast.IfExp) -> Value:
        return join(self.value(node.body), self.value(node.orelse))

    def _boolop(self, node: ast.BoolOp) -> Value:
        return reduce(join, map(self.value, node.values), BOTTOM)

    def _namedexpr(self, node: ast.NamedExpr) -> Value:
        return self.value(node.value)

    def _lambda(self, node: ast.Lambda) -> Value:
        return Value("function", function=node, module=self.module)

    def _compare(self, node: ast.Compare) -> Value:
        found = reduce(self.combined, map(self.value, [node.left, *node.comparators]))
        if isinstance(node.ops[0], (ast.In, ast.NotIn, ast.Is, ast.IsNot)) or found.kind == "text":
            return number("bool")
        if found.kind == "unknown":
            return Value("numeric", dtype="bool")
        return replace(found, dtype="bool") if found.numeric and found.kind != "list" else UNKNOWN

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            return number("bool")
        return self.value(node.operand)

    def _binop(self, node: ast.BinOp) -> Value:
        return self._operation(self.value(node.left), node.op, self.value(node.right), node.right)

    def _operation(self, left: Value, op: ast.operator, right: Value, right_node: ast.expr) -> Value:
        if "text" in (left.kind, right.kind):
            return TEXT
        if left.kind == right.kind == "list" and isinstance(op, ast.Add):
            return join(left, right)
        if {left.kind, right.kind} == {"list", "number"} and isinstance(op, ast.Mult):
            return left if left.kind == "list" else right
        found = self.combined(left, right)
        if isinstance(op, ast.MatMult):
            return replace(found, low=0, high=None) if found.numeric else UNKNOWN
        if isinstance(op, ast.Div) and found.numeric:
            found = replace(found, dtype=self.floating())
        if isinstance(op, (ast.Div, ast.Mult)) and left.summed and not self._measured(right_node):
            found = replace(found, share="maybe", summed=False)
        return found

    def _measured(self, node: ast.expr) -> bool:
        """Return whether a divisor is the size of what is at hand, not that of the global batch."""
        names = {getattr(part, "attr", getattr(part, "id", None)) for part in ast.walk(node)}
        return bool(names & {"shape", "size", "len"})

    def combined(self, left: Value, right: Value) -> Value:
        """Return what an elementwise operation of two values gives, broadcast."""
        if "bottom" in (left.kind, right.kind):
            return right if left.kind == "bottom" else left
        known = left if left.numeric else right
        if "unknown" in (left.kind, right.kind) and known.kind in ("tensor", "variable"):
            return tensor(known.low, None, known.dtype)  # a tensor wants its own type beside it
        if not (left.numeric and right.numeric):
            return UNKNOWN
        kinds = {left.kind, right.kind}
        kind: Kind = next(
            (one for one in ("tensor", "variable", "array") if one in kinds),
            "number" if kinds == {"number"} else "numeric",
        )
        dtypes = {left.dtype, right.dtype}
        dtype: DType | None = "float" if "float" in dtypes else None
        if None not in dtypes and dtype is None:
            dtype = "int"
        return Value(
            "tensor" if kind == "variable" else kind,
            max(left.low, right.low),
            None if left.high is None or right.high is None else max(left.high, right.high),
            dtype,
            share=left.share or right.share,
        )

    def floating(self) -> DType | None:
        """Return what a floating-point result is here; in a program with half precision, unknown."""
        return None if any(word in self.module.text for word in HALF) else "float"

    # Names. ----------------------------------------------------------------------------------------

    def _name(self, node: ast.Name) -> Value:
        found = self.assigned(node)
        if found.kind in ("list", "dict", "tuple"):
            scope = self.module.scope(node).lookup(node.id)
            if scope is not None:
                found = self._filled(found, node, self.module.uses(scope, node.id))
        return found if found.kind != "bottom" or self.module.bindings(node) else UNKNOWN

    def assigned(self, node: ast.Name) -> Value:
        """Return what a name is assigned, without what is put into it later."""
        bindings = reaching(self.module, node)
        values = [(binding, self.binding(binding)) for binding in bindings]
        if any((value.batch or value.kind == "replicas") and self._repeated(one) for one, value in values):
            # A number, or None, that stands before a loop is gone after the first turn.
            values = [found for found in values if found[1].kind not in ("number", "none")]
        return reduce(join, (value for _, value in values), BOTTOM)

    def _repeated(self, binding: Binding) -> bool:
        return self.module.enclosing(binding.node, ast.For, ast.AsyncFor, ast.While) is not None

    def _filled(self, found: Value, node: ast.Name, uses: Sequence[ast.Name]) -> Value:
        """Return a container with what the statements around it put into it."""
        for use in uses:
            parent = self.module.parent(use)
            if isinstance(parent, ast.Attribute):
                call = self.module.parent(parent)
                if not isinstance(call, ast.Call) or call.func is not parent:
                    continue
                if parent.attr in ("append", "add") and len(call.args) == 1 and found.kind != "dict":
                    found = self._with_element(found, self.value(call.args[0]))
                elif parent.attr == "extend" and len(call.args) == 1:
                    found = self._with_element(found, self.element(self.value(call.args[0])))
                elif parent.attr == "update" and found.kind == "dict":
                    found = self.updated(found, call)
            elif isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store):
                statement = self.module.parent(parent)
                if isinstance(statement, ast.Assign) and parent in statement.targets:
                    value = self.value(statement.value)
                else:
                    value = UNKNOWN
                if found.kind == "dict":
                    known = found
                    found = self._with_item(found, parent.slice, value)
                    if self._surely_before(node, use):
                        found = replace(found, uncertain=known.uncertain)
        return found

    def _surely_before(self, node: ast.Name, store: ast.Name) -> bool:
        """Return whether a store into a container has been made wherever its name is read at a node."""
        block = self.module.block(self.module.statement(store))
        first = [binding.node for binding in reaching(self.module, node) if not isinstance(binding.node, ast.arg)]
        return (
            start(store) < start(node) and bool(first) and all(self.module.statement(other) in block for other in first)
        )

    def _with_element(self, found: Value, element: Value) -> Value:
        if found.kind == "tuple" and found.items:
            return found
        return self.listed(join(found.element or BOTTOM, element))

    def _with_item(self, found: Value, key: ast.expr, value: Value) -> Value:
        if isinstance(key, ast.Constant):
            items = dict(found.items)
            uncertain = found.uncertain if key.value in items else found.uncertain | {key.value}
            items[key.value] = join(items.get(key.value, BOTTOM), value)
            return replace(found, items=tuple(items.items()), uncertain=uncertain)
        return replace(found, element=join(found.element or BOTTOM, value))

    def updated(self, found: Value, call: ast.Call) -> Value:
        """Return a dict after ``dict.update``, or as ``dict(...)`` makes it."""
        for keyword in call.keywords:
            key = ast.Constant(keyword.arg)
            found = self._with_item(found, key if keyword.arg else keyword.value, self.value(keyword.value))
        for given in call.args:
            other = self.value(given)
            if other.kind != "dict":
                found = replace(found, element=UNKNOWN)
                continue
            for name, value in other.items:
                found = self._with_item(found, ast.Constant(cast("str", name)), value)
            if other.element is not None:
                found = replace(found, element=join(found.element or BOTTOM, other.element))
        return found

    def binding(self, binding: Binding) -> Value:
        """Return what one binding of a name gives it."""
        node = binding.node
        if node in self._busy:
            self._cuts += 1
            return BOTTOM
        self._busy.add(node)
        try:
            return self._bound(binding)
        finally:
            self._busy.discard(node)

    def _bound(self, binding: Binding) -> Value:
        node = binding.node
        if isinstance(node, ast.NamedExpr):
            return self.value(node.value)
        if isinstance(node, _FUNCTIONS):
            return Value("function", function=node, module=self.module)
        if isinstance(node, ast.arg):
            return self._parameter(node)
        if binding.imported is not None:
            return self._import(binding.imported)
        if binding.value is not None:
            annotation = getattr(self.module.parent(node), "annotation", None)
            found = self.value(binding.value)
            return found if found.kind != "unknown" or annotation is None else self._annotated(annotation)
        if not isinstance(node, ast.Name):
            return UNKNOWN
        owner = self.module.parent(node)
        if isinstance(owner, ast.AugAssign):
            before = reduce(join, map(self.binding, reaching(self.module, node)), BOTTOM)
            return self._operation(before, owner.op, self.value(owner.value), owner.value)
        return self._unpacked(node)

    def _unpacked(self, node: ast.expr) -> Value:
        path: list[int] = []
        child: ast.AST = node
        parent = self.module.parent(child)
        while isinstance(parent, (ast.Tuple, ast.List, ast.Starred)):
            if isinstance(parent, ast.Starred):
                return UNKNOWN
            if any(isinstance(element, ast.Starred) for element in parent.elts):
                return UNKNOWN
            path.insert(0, parent.elts.index(cast("ast.expr", child)))
            child, parent = parent, self.module.parent(parent)
        if isinstance(parent, (ast.For, ast.AsyncFor, ast.comprehension)) and parent.target is child:
            found = self.turn(parent.iter)
        elif isinstance(parent, ast.Assign):
            found = self.value(parent.value)
        elif isinstance(parent, ast.withitem):
            found = self.value(parent.context_expr)
        else:
            return UNKNOWN
        for index in path:
            found = self.item(found, index)
        return found

    def turn(self, node: ast.expr) -> Value:
        """Return what a loop over an expression gives in each turn."""
        if isinstance(node, ast.Call):
            name = self.module.resolve(node.func)
            arguments = node.args
            if name == "builtins.enumerate" and arguments:
                return Value("tuple", items=((0, number("int")), (1, self.turn(arguments[0]))))
            if name == "builtins.zip":
                return Value("tuple", items=tuple(enumerate(map(self.turn, arguments))))
            if name in (
                "builtins.reversed",
                "builtins.sorted",
                "builtins.list",
                "builtins.tuple",
                "builtins.iter",
            ):
                return self.turn(arguments[0]) if arguments else UNKNOWN
            if name == "builtins.range":
                return number("int")
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("items", "values") and not arguments:
                held = self.value(node.func.value)
                if held.kind != "dict":
                    return UNKNOWN
                values = [value for _, value in held.items] + ([held.element] if held.element else [])
                value = reduce(join, values, BOTTOM)
                return value if node.func.attr == "values" else Value("tuple", items=((0, TEXT), (1, value)))
        return self.element(self.value(node))

    def element(self, found: Value) -> Value:
        """Return what one element of a value is."""
        if found.element is not None and found.kind != "dict":
            return found.element
        if found.kind == "tuple":
            return reduce(join, (value for _, value in found.items), BOTTOM)
        if found.numeric and found.kind != "number":
            high = None if found.high is None else max(found.high - 1, 0)
            return replace(
                found,
                low=max(found.low - 1, 0),
                high=high,
                kind="tensor" if found.kind == "variable" else found.kind,
            )
        return UNKNOWN

    def item(self, found: Value, key: object) -> Value:
        """Return an item of a value, by index or by key."""
        items = dict(found.items)
        if key in items:
            return items[key]
        if found.kind == "tuple" and isinstance(key, int) and key < 0 and items:
            return items.get(len(items) + key, UNKNOWN)
        if found.kind == "dict":
            return found.element or UNKNOWN
        if found.kind == "results":
            return number("float")
        return self.element(found)

    def _parameter(self, node: ast.arg) -> Value:
        if node in self.arguments:
            return self.arguments[node]
        if node.annotation is not None:
            found = self._annotated(node.annotation)
            if found.kind != "unknown":
                return found
        owner = self.module.parent(self.module.parent(node) or node)
        if not isinstance(owner, _FUNCTIONS) or owner in self.active:
            return UNKNOWN
        found = BOTTOM
        for call in self.calls(owner) or ():
            found = join(
                found,
                Shapes(self.module, None, self.active | {owner}, self._steps)
                ._given(owner, call, False)
                .get(node, UNKNOWN),
            )
        return found if found.kind != "bottom" else UNKNOWN

    def calls(self, function: Function) -> list[ast.Call] | None:
        """Return every call of a function, None where it is used in another way, or elsewhere."""
        scope = self.module.scope(function)
        if not isinstance(scope.node, ast.ClassDef):
            return self._named_calls(scope, function.name)
        if function.name != "__init__":
            return self._method_calls(function)
        return self._named_calls(self.module.scope(scope.node), scope.node.name)

    def _named_calls(self, scope: Scope, name: str) -> list[ast.Call] | None:
        calls = []
        for use in self.module.uses(scope, name):
            parent = self.module.parent(use)
            if isinstance(parent, ast.Call) and self.module.resolve(parent.func) == "builtins.super":
                continue
            if not isinstance(parent, ast.Call) or parent.func is not use:
                return None
            calls.append(parent)
        return None if self._mentioned_elsewhere(name) else calls

    def _method_calls(self, function: Function) -> list[ast.Call] | None:
        calls = []
        for node in self.module.find_all(ast.Attribute):
            if node.attr == function.name:
                parent = self.module.parent(node)
                if not isinstance(parent, ast.Call) or parent.func is not node:
                    return None
                calls.append(parent)
        return None if self._mentioned_elsewhere(function.name) else calls

    def _mentioned_elsewhere(self, name: str) -> bool:
        project = self.module.project
        return project is not None and any(path != self.module.path for path in project.mentioning(name))

    def _annotated(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return UNKNOWN
        if isinstance(node, ast.Subscript):
            outer = self.module.resolve(node.value)
            inner = node.slice
            if outer in ("builtins.list", "typing.List", "typing.Sequence", "collections.abc.Sequence",
                         "typing.Iterable", "collections.abc.Iterable"):  # fmt: skip
                return self.listed(self._annotated(inner))
            if outer in ("builtins.dict", "typing.Dict", "typing.Mapping") and isinstance(inner, ast.Tuple):
                return Value("dict", element=self._annotated(inner.elts[-1]))
            return replace(self._annotated(inner), optional=True) if outer == "typing.Optional" else UNKNOWN
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return join(self._annotated(node.left), self._annotated(node.right))
        if isinstance(node, ast.Constant) and node.value is None:
            return NONE
        name = self.module.resolve(node)
        if name in ("builtins.float", "builtins.int", "builtins.bool"):
            return number(DTYPES[name.rpartition(".")[2]])
        if name == "builtins.str":
            return TEXT
        if name in ("tensorflow.Tensor", "tensorflow.types.experimental.TensorLike"):
            return tensor()
        if name == "numpy.ndarray":
            return Value("array")
        return self.constructed(name, None) if name is not None else UNKNOWN

    def _import(self, name: str) -> Value:
        project = self.module.project
        if project is None or not name:
            return UNKNOWN
        path, rest = project.find(name, self.module.path)
        other = project.module(path) if path is not None else None
        if other is None or "." in rest or other is self.module:
            return UNKNOWN
        bindings = other.inner_scope(other.tree).bindings.get(rest, [])
        shapes = Shapes(other, None, self.active, self._steps)
        return reduce(join, map(shapes.binding, bindings), BOTTOM) if bindings else UNKNOWN

    # Attributes and items. ---------------------------------------------------------------------------

    def _attribute(self, node: ast.Attribute) -> Value:
        base = self.value(node.value)
        owned = self._owned(node)
        if owned is not None:
            return owned
        if node.attr in ("learning_rate", "lr", "iterations"):
            return Value("variable", 0, 0, "int" if node.attr == "iterations" else "float")
        names = self._bases(base)
        if node.attr == "history" and "keras.callbacks.History" in names:
            return Value("dict", element=self.listed(number("float")))
        if any(map(_is_model, names)):
            if node.attr == "losses":
                return self.listed(_SCALAR)
            if node.attr == "metrics":
                return self.listed(self.constructed("keras.metrics.Metric", None))
            if node.attr == "optimizer":
                return self.constructed("keras.optimizers.Optimizer", None)
        if node.attr in ("T", "real", "imag", "values") and base.numeric:
            return base
        return UNKNOWN

    def _bases(self, found: Value) -> set[str]:
        """Return the library classes of an instance, none of them if it may be something else."""
        if not found.instances or not all(instance.known for instance in found.instances):
            return set()
        return set.union(*(library_bases(instance.module, instance.name) for instance in found.instances))

    def _owned(self, node: ast.Attribute) -> Value | None:
        """Return what the methods of a project's class assign to an attribute, None if they don't."""
        owner = self._class_of(node.value)
        if owner is None:
            return None
        where, found = owner
        values = list(self._assigned(where, found, node.attr))
        return reduce(join, values, BOTTOM) if values else None

    def _class_of(self, node: ast.expr) -> tuple[Module, ast.ClassDef] | None:
        """Return the project's class that an expression is an instance of."""
        if isinstance(node, ast.Name):
            function = self.module.function(node)
            while function is not None:
                parent = self.module.parent(function)
                arguments = [*function.args.posonlyargs, *function.args.args]
                if isinstance(parent, ast.ClassDef) and arguments and arguments[0].arg == node.id:
                    return self.module, parent
                function = self.module.function(function)
        instances = self.value(node).instances
        if len(instances) == 1 and instances[0].known:
            return _class(instances[0].module, instances[0].name)
        return None

    def _assigned(self, where: Module, owner: ast.ClassDef, name: str, depth: int = 0) -> Iterator[Value]:
        shapes = self if where is self.module else Shapes(where, None, self.active, self._steps)
        for statement in owner.body:
            if isinstance(statement, _FUNCTIONS) and statement.name == name:
                yield Value("function", function=statement, module=where)
            targets = statement.targets if isinstance(statement, ast.Assign) else ()
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                yield shapes.value(cast("ast.Assign", statement).value)
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and statement.target.id == name
            ):
                yield (shapes.value(statement.value) if statement.value else shapes._annotated(statement.annotation))
        for node in where.attributes.get(name, ()):
            if (
                isinstance(node.ctx, ast.Store)
                and isinstance(node.value, ast.Name)
                and node.value.id == "self"
                and owner in where.ancestors(node)
            ):
                yield shapes._stored(node)
        if depth < _DEPTH:
            for base in owner.bases:
                found = _class(where, where.resolve(base))
                if found is not None:
                    yield from self._assigned(*found, name, depth + 1)

    def _stored(self, node: ast.Attribute) -> Value:
        if node in self._busy:
            self._cuts += 1
            return BOTTOM
        self._busy.add(node)
        try:
            parent = self.module.parent(node)
            if isinstance(parent, ast.Assign):
                return self.value(parent.value)
            if isinstance(parent, ast.AnnAssign):
                found = self.value(parent.value) if parent.value is not None else UNKNOWN
                return found if found.kind != "unknown" else self._annotated(parent.annotation)
            if isinstance(parent, ast.AugAssign):
                return self._operation(BOTTOM, parent.op, self.value(parent.value), parent.value)
            return self._unpacked(node)
        finally:
            self._busy.discard(node)

    def _subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        key = node.slice
        if isinstance(key, ast.Slice):
            return base if base.numeric or base.element is not None else UNKNOWN
        if isinstance(key, ast.UnaryOp) and isinstance(key.op, ast.USub) and isinstance(key.operand, ast.Constant):
            return self.item(base, -cast("int", key.operand.value))
        if isinstance(key, ast.Constant):
            return self.item(base, key.value)
        if isinstance(key, (ast.Tuple, ast.Compare)) or self.value(key).kind != "number":
            if base.kind == "dict" and not base.items:
                return base.element or UNKNOWN
            return tensor(dtype=base.dtype) if base.numeric else UNKNOWN
        return self.element(base)

    # Calls. ------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Value:
        name = self.module.resolve(node.func)
        if name is not None:
            found = definition(self.module, name)
            if found is not None:
                where, target = found
                if isinstance(target, ast.ClassDef):
                    return self.constructed(name, node)
                if not isinstance(where.parent(target), ast.ClassDef):
                    return self.returned(where, target, node)
            known = returned_by(self, _keras(name), node)
            if known is not None:
                return known
        if isinstance(node.func, ast.Attribute):
            method = self._method(node, node.func)
            if method is not None:
                return method
        target_value = self.value(node.func)
        if target_value.function is not None and target_value.module is not None:
            return self.returned(target_value.module, target_value.function, node)
        if target_value.instances:
            return self._instance_called(target_value, node)
        return UNKNOWN

    def constructed(self, name: str, call: ast.Call | None) -> Value:
        """Return the object that a class of a library constructs."""
        return Value("instance", instances=(Instance(_keras(name), call, self.module),))

    def _method(self, node: ast.Call, function: ast.Attribute) -> Value | None:
        attribute = function.attr
        base = self.value(function.value)
        if attribute == "numpy" and not node.args:
            if base.numeric:
                return replace(base, kind="number" if base.scalar else "array")
            return Value("array") if base.kind == "unknown" else None
        if attribute in ("item", "total_seconds") and not node.args:
            return number(base.dtype)
        if attribute in NUMPY_REDUCTIONS and base.kind in ("array", "number"):
            whole = is_none(argument(node, "axis", 0)) and argument(node, "keepdims") is None
            return number(base.dtype) if whole else Value("array", dtype=base.dtype)
        if attribute == "astype" and base.numeric:
            return replace(base, dtype=dtype_of(argument(node, "dtype", 0)))
        if attribute == "read_value":
            return replace(base, kind="tensor") if base.numeric else None
        if attribute in ("copy", "get") and base.kind == "dict":
            return base if attribute == "copy" else self._got(base, node)
        if attribute == "format" and base.kind == "text":
            return TEXT
        if attribute in ("run", "experimental_run_v2") and base.kind == "unknown" and self._runs_function(node):
            return Value("replicas")  # of a strategy that isn't seen
        if not base.instances:
            return None
        return self._of_instance(base, attribute, node, function.value)

    def _runs_function(self, node: ast.Call) -> bool:
        target = argument(node, "fn", 0)
        return target is not None and self._function(target) is not None

    def _got(self, base: Value, node: ast.Call) -> Value:
        key = node.args[0] if node.args else None
        default = self.value(node.args[1]) if len(node.args) > 1 else NONE
        if isinstance(key, ast.Constant) and key.value in dict(base.items):
            return dict(base.items)[key.value]
        return join(base.element or UNKNOWN, default)

    def _of_instance(self, base: Value, attribute: str, node: ast.Call, owner: ast.expr) -> Value | None:
        names = self._bases(base)
        if not names:
            return None
        project = self._class_of(owner)
        if project is not None and list(self._assigned(*project, attribute)):
            return None  # the class's own method: followed as any function
        if all(map(_is_strategy, names)):
            return self._strategy(attribute, node, owner)
        if attribute == "result" and all(map(_is_metric, names)):
            return self._metric(base)
        if attribute == "value" and all(name.startswith(("tensorflow.Variable", "keras.Variable")) for name in names):
            return tensor()
        if any(map(_is_model, names)):
            if attribute == "predict":
                return Value("array", 1, None, self.floating())
            if attribute in ("evaluate", "train_on_batch", "test_on_batch"):
                by_name = argument(node, "return_dict")
                if by_name is not None:
                    return Value("dict", element=number("float"))
                return number("float") if self._returns_loss_only() else RESULTS
            if attribute in ("get_metrics_result", "train_step", "test_step"):
                return Value("dict", element=_SCALAR)
            if attribute == "fit":
                return self.constructed("keras.callbacks.History", None)
            if attribute in ("compute_loss", "compiled_loss"):
                return _SCALAR
        return None

    def _returns_loss_only(self) -> bool:
        """Tell whether the models of the module are compiled with one loss, and without metrics."""
        calls = [self.module.parent(node) for node in self.module.attributes.get("compile", ())]
        return bool(calls) and all(
            isinstance(call, ast.Call)
            and len(call.args) < 3
            and {keyword.arg for keyword in call.keywords} <= {"optimizer", "loss", "run_eagerly", "jit_compile"}
            and isinstance(argument(call, "loss", 1), (ast.Constant, ast.Call))
            for call in calls
        )

    def _strategy(self, attribute: str, node: ast.Call, owner: ast.expr) -> Value | None:
        if attribute in ("run", "experimental_run_v2"):
            return self._on_replicas(self._ran(node), owner)
        if attribute == "reduce":
            held = self.value(argument(node, "value", 1))
            inner = replace(held, kind="tensor", strategy=None, share=None) if held.kind == "replicas" else held
            if not is_none(argument(node, "axis", 2)) and inner.numeric:
                inner = self.element(inner)
            return inner if inner.numeric else tensor()
        if attribute in ("experimental_local_results", "unwrap"):
            held = self.value(node.args[0]) if node.args else UNKNOWN
            if held.kind == "replicas":
                return Value("tuple", element=replace(held, kind="tensor", strategy=None, share=None))
            return None
        return tensor(1) if attribute == "gather" else None

    def _ran(self, node: ast.Call) -> Value:
        """Return what the function that a strategy runs returns on one replica."""
        target = argument(node, "fn", 0)
        if target is None:
            return UNKNOWN
        given = argument(node, "args", 1)
        arguments = list(given.elts) if isinstance(given, (ast.Tuple, ast.List)) else []
        call = ast.Call(target, arguments, [])
        function = self._function(target)
        if function is not None:
            return self.returned(*function, call)
        name = self.module.resolve(target)
        return (returned_by(self, _keras(name), call) if name is not None else None) or UNKNOWN

    def _function(self, node: ast.expr) -> tuple[Module, Function | ast.Lambda] | None:
        found = definition(self.module, self.module.resolve(node))
        if found is not None and not isinstance(found[1], ast.ClassDef):
            return found[0], found[1]
        value = self.value(node)
        return (value.module, value.function) if value.module is not None and value.function is not None else None

    def _on_replicas(self, found: Value, strategy: ast.expr) -> Value:
        if found.kind in ("dict", "tuple"):
            items = tuple((key, self._on_replicas(value, strategy)) for key, value in found.items)
            element = self._on_replicas(found.element, strategy) if found.element is not None else None
            return replace(found, items=items, element=element)
        if found.kind in ("none", "text"):
            return found
        if found.numeric:
            return replace(found, kind="replicas", strategy=strategy, element=None)
        return Value("replicas", strategy=strategy)

    def _metric(self, base: Value) -> Value:
        for instance in base.instances:
            if _class(instance.module, instance.name) is not None:
                return tensor()
            last = instance.name.rpartition(".")[2]
            if last in VECTOR_METRICS:
                return tensor(1)
            if last in THRESHOLDS and not instance.plain:
                return tensor()
            if last in THRESHOLDS and not is_none(instance.argument("thresholds", 0)):
                found = Shapes(instance.module, None, self.active, self._steps).value(
                    instance.argument("thresholds", 0)
                )
                return tensor(found.low, found.high, "float") if found.numeric else tensor()
            if last in AVERAGED:
                average = instance.argument(AVERAGED[last])
                if last != "R2Score" and is_none(average):
                    return tensor(1, 1, self.floating())
                if not isinstance(average, (ast.Constant, type(None))) or (average is not None and is_none(average)):
                    return tensor()
        return tensor(0, 0, self.floating())

    def _instance_called(self, base: Value, node: ast.Call) -> Value:
        names = self._bases(base)
        if not names:
            return UNKNOWN
        instance = base.instances[0]
        own = _class(instance.module, instance.name)
        if own is not None:
            special = next(
                (part for part in own[1].body if isinstance(part, _FUNCTIONS) and part.name == "__call__"),
                None,
            )
            if special is not None:
                return self.returned(own[0], special, node, bound=True)
        if all(name.startswith("keras.losses.") for name in names):
            return reduce(join, (self._loss(one) for one in base.instances))
        if all(map(_is_metric, names)):
            return self._metric(base)
        if all(name.startswith("keras.optimizers.schedules.") for name in names):
            return _SCALAR
        if all(_is_model(name) or name.startswith("keras.layers.") for name in names):
            return tensor(2, None, self.floating())
        return UNKNOWN

    def _loss(self, instance: Instance) -> Value:
        """Return what a Keras loss object gives: by its reduction, a scalar if none is named."""
        scalar = tensor(0, 0, self.floating())
        own = _class(instance.module, instance.name)
        if own is not None and any(
            isinstance(part, ast.keyword) and part.arg == "reduction" for part in ast.walk(own[1])
        ):
            return tensor(dtype=self.floating())
        if not instance.plain:
            return tensor(dtype=self.floating())
        reduction = instance.argument("reduction")
        if reduction is None and own is None and len(cast("ast.Call", instance.call).args) > 1:
            return tensor(dtype=self.floating())
        if reduction is None:
            return scalar
        named = reduction.value if isinstance(reduction, ast.Constant) else getattr(reduction, "attr", reduction)
        if named is None or str(named).lower() == "none":
            return tensor(1, None, self.floating())
        return scalar if isinstance(named, str) else tensor(dtype=self.floating())

    # The project's own functions. --------------------------------------------------------------------

    def returned(
        self, where: Module, function: Function | ast.Lambda, call: ast.Call, bound: bool | None = None
    ) -> Value:
        """Return what a call of one of the project's functions gives, by its return statements."""
        if function in self.active or len(self.active) > _DEPTH:
            return UNKNOWN
        method = isinstance(function, _FUNCTIONS) and isinstance(where.parent(function), ast.ClassDef)
        static = isinstance(function, _FUNCTIONS) and any(
            where.resolve(decorator) == "builtins.staticmethod" for decorator in function.decorator_list
        )
        given = self._given(function, call, (method and not static) if bound is None else bound)
        inner = Shapes(where, {**self.arguments, **given}, self.active | {function}, self._steps)
        if isinstance(function, ast.Lambda):
            return inner.value(function.body)
        traced = False
        for decorator in function.decorator_list:
            how = _decoration(where, decorator)
            if how is None:
                return UNKNOWN
            traced = traced or how == "traced"
        nodes = list(own_nodes(function))
        if isinstance(function, ast.AsyncFunctionDef) or any(
            isinstance(node, (ast.Yield, ast.YieldFrom)) for node in nodes
        ):
            return UNKNOWN
        values = [inner.value(node.value) for node in nodes if isinstance(node, ast.Return)]
        found = reduce(join, values, BOTTOM) if values else NONE
        return _in_graph(found) if traced else found

    def _given(self, function: Function | ast.Lambda, call: ast.Call, bound: bool) -> dict[ast.arg, Value]:
        """Return what a call gives to a function's parameters."""
        parameters = [*function.args.posonlyargs, *function.args.args]
        given: dict[ast.arg, Value] = {}
        positional = parameters[1:] if bound or self._is_method(function) else parameters
        if not any(isinstance(argument, ast.Starred) for argument in call.args):
            for parameter, argument in zip(positional, call.args, strict=False):
                given[parameter] = self.value(argument)
        named = {parameter.arg: parameter for parameter in (*parameters, *function.args.kwonlyargs)}
        for keyword in call.keywords:
            if keyword.arg in named:
                given[named[keyword.arg]] = self.value(keyword.value)
        return given

    def _is_method(self, function: Function | ast.Lambda) -> bool:
        return (
            isinstance(function, _FUNCTIONS)
            and function in self.module._parents
            and (
                isinstance(self.module.parent(function), ast.ClassDef)
                and not any(
                    self.module.resolve(decorator) == "builtins.staticmethod" for decorator in function.decorator_list
                )
            )
        )


def _in_graph(found: Value) -> Value:
    """Return a value as a ``tf.function`` returns it: numbers become tensors."""
    if found.kind in ("number", "array", "numeric"):
        return replace(found, kind="tensor")
    items = tuple((key, _in_graph(value)) for key, value in found.items)
    element = _in_graph(found.element) if found.element is not None else None
    return replace(found, items=items, element=element)


def _decoration(module: Module, node: ast.expr) -> Literal["plain", "traced"] | None:
    target = node.func if isinstance(node, ast.Call) else node
    name = module.resolve(target)
    if name == "functools.partial" and isinstance(node, ast.Call) and node.args:
        name = module.resolve(node.args[0])
    if name == "tensorflow.function":
        return "traced"
    plain = (
        "builtins.staticmethod",
        "builtins.classmethod",
        "tensorflow.autograph.experimental.do_not_convert",
    )
    return "plain" if name in plain else None


def _is_strategy(name: str) -> bool:
    return name.startswith("tensorflow.distribute.") and "Strategy" in name.rpartition(".")[2]


def _is_metric(name: str) -> bool:
    return name.startswith("keras.metrics.")


def _is_model(name: str) -> bool:
    return name in ("keras.Model", "keras.Sequential") or name.startswith("keras.models.")
