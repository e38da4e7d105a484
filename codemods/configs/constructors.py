"""What the constructor of a class takes, what it hands on to its base, and which attributes keep it."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from codemods.analysis.module import Function, Module

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_GETTERS = frozenset({"activations", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers"})
_NUMBERS = frozenset({"int", "float", "bool"})
_COPIES = frozenset({"builtins.list", "builtins.tuple", "builtins.dict", "copy.copy", "copy.deepcopy"})
_ARRAYS = frozenset({"numpy.array", "numpy.asarray", "numpy.asanyarray"})
_TENSORS = frozenset({"tensorflow.constant", "tensorflow.convert_to_tensor", "tensorflow.cast"})
_CHANGING = frozenset({
    "append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "popitem", "add", "discard",
    "sort", "reverse", "appendleft", "assign", "assign_add", "assign_sub",
})  # fmt: skip


class How(enum.Enum):
    """What a constructor makes of an argument that it keeps; doing it twice is the same as once."""

    SAME = "as it is"
    PLAIN = "int(x), float(x), str(x), ..."
    GOTTEN = "keras.activations.get(x), ..."
    ARRAY = "numpy.array(x)"
    TENSOR = "tf.constant(x)"


@dataclass(frozen=True)
class Kept:
    """An argument, as a variable or an attribute holds it.

    Attributes:
        parameter: the argument.
        how: what was made of it.
        via: for ``GOTTEN``, the module of Keras whose ``get`` it was; for arrays and tensors "typed" where
            they are made with a type.
        optional: it may be None all the same.
    """

    parameter: str
    how: How = How.SAME
    via: str = ""
    optional: bool = False


@dataclass
class _State:
    """What names and attributes hold at one point of a constructor; None for anything else."""

    names: dict[str, Kept | None]
    attributes: dict[str, Kept | None] = field(default_factory=dict)

    def copy(self) -> _State:
        return _State(dict(self.names), dict(self.attributes))


class Constructor:
    """The ``__init__`` of a class.

    Attributes:
        module: the module it stands in.
        owner: its class.
        function: its definition.
    """

    def __init__(self, module: Module, owner: ast.ClassDef, function: Function) -> None:
        """Read the constructor."""
        self.module = module
        self.owner = owner
        self.function = function
        arguments = function.args
        positional = [*arguments.posonlyargs, *arguments.args]
        self.self_name = positional[0].arg if positional else ""
        self.parameters = [*positional[1:], *arguments.kwonlyargs]
        self.positional = len(positional) - 1
        self.by_position = bool(arguments.posonlyargs[1:])
        self.varargs = arguments.vararg.arg if arguments.vararg is not None else None
        self.kwargs = arguments.kwarg.arg if arguments.kwarg is not None else None
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
        self.defaults = dict(
            zip(
                [each.arg for each in (*positional, *arguments.kwonlyargs)],
                [*defaults, *arguments.defaults, *arguments.kw_defaults],
                strict=True,
            )
        )

    def required(self, parameter: str) -> bool:
        """Tell whether an argument has no default."""
        return self.defaults.get(parameter) is None

    @cached_property
    def hidden(self) -> bool:
        """Whether arguments that the signature doesn't name are used, and not just handed on to the base."""
        uses = self.module.uses(self.module.inner_scope(self.function), self.kwargs) if self.kwargs is not None else []
        handed = {keyword.value for call in self.super_calls for keyword in call.keywords}
        for use in uses:
            parent = self.module.parent(use)
            put = isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store)
            filled = isinstance(parent, ast.Attribute) and parent.attr in {"setdefault", "update"}
            if use not in handed and not put and not filled and not isinstance(parent, ast.Compare):
                return True
        return False

    # What is handed on. --------------------------------------------------------------------------

    @cached_property
    def super_calls(self) -> list[ast.Call]:
        """The calls of the base's constructor."""
        found = []
        for node in ast.walk(self.function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "__init__":
                base = node.func.value
                by_super = isinstance(base, ast.Call) and self.module.resolve(base.func) == "builtins.super"
                by_name = node.args and isinstance(node.args[0], ast.Name) and node.args[0].id == self.self_name
                if by_super or (by_name and isinstance(base, (ast.Name, ast.Attribute))):
                    found.append(node)
        return found

    @property
    def super_call(self) -> ast.Call | None:
        """The call of the base's constructor, where it is made once, whatever happens."""
        if len(self.super_calls) != 1 or self.module.statement(self.super_calls[0]) not in self.function.body:
            return None
        return self.super_calls[0]

    @cached_property
    def hands_on_kwargs(self) -> bool:
        """Whether the base's constructor gets ``**kwargs``."""
        return self.kwargs is not None and any(
            keyword.arg is None and isinstance(keyword.value, ast.Name) and keyword.value.id == self.kwargs
            for call in self.super_calls
            for keyword in call.keywords
        )

    @cached_property
    def hands_on_varargs(self) -> bool:
        """Whether the base's constructor gets ``*args``."""
        return self.varargs is not None and any(
            isinstance(each, ast.Starred) and isinstance(each.value, ast.Name) and each.value.id == self.varargs
            for call in self.super_calls
            for each in call.args
        )

    @cached_property
    def handed(self) -> list[tuple[str | int, Kept | None]]:
        """What the base's constructor gets, by name or position; None for what isn't an argument as it is."""
        found: list[tuple[str | int, Kept | None]] = []
        for call in self.super_calls:
            statement = self.module.statement(call)
            state = self._before(statement) if statement in self.function.body else self._start()
            by_super = isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call)
            found += [(n, self._value(each, state)) for n, each in enumerate(call.args if by_super else call.args[1:])]
            found += [(each.arg, self._value(each.value, state)) for each in call.keywords if each.arg is not None]
        return found

    def hands_on(self, parameter: str) -> bool:
        """Tell whether the base's constructor gets an argument, under its own name or by position."""
        return any(
            kept is not None and kept.parameter == parameter and (place == parameter or isinstance(place, int))
            for place, kept in self.handed
        )

    # What is kept. -------------------------------------------------------------------------------

    @cached_property
    def attributes(self) -> dict[str, Kept | None]:
        """What the attributes of ``self`` hold when the constructor is done."""
        return self._after(self.function.body, self._start()).attributes

    def _start(self) -> _State:
        return _State({each.arg: Kept(each.arg) for each in self.parameters})

    def _before(self, statement: ast.stmt) -> _State:
        return self._after(self.function.body[: self.function.body.index(statement)], self._start())

    def _after(self, body: Sequence[ast.stmt], state: _State) -> _State:
        for statement in body:
            state = self._step(statement, state)
        return state

    def _step(self, statement: ast.stmt, state: _State) -> _State:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                self._assign(target, statement.value, state)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign(statement.target, statement.value, state)
        elif isinstance(statement, ast.If):
            body = self._after(statement.body, state.copy())
            orelse = self._after(statement.orelse, state.copy())
            return self._joined(statement, state, body, orelse)
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            return self._after(statement.body, state)
        elif not isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            for node in ast.walk(statement):
                if isinstance(node, (ast.Name, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
                    self._store(node, None, state)
                elif (
                    isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING
                ):
                    self._spoil(node.func.value, state)
        return state

    def _assign(self, target: ast.expr, value: ast.expr, state: _State) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
            same = len(values) == len(target.elts)
            found = [self._value(each, state) for each in values] if same else [None] * len(target.elts)
            for each, kept in zip(target.elts, found, strict=True):
                self._store(each, kept, state)
        else:
            self._store(target, self._value(value, state), state)

    def _store(self, target: ast.expr, kept: Kept | None, state: _State) -> None:
        if isinstance(target, ast.Name):
            state.names[target.id] = kept
        elif self._is_own(target):
            state.attributes[target.attr] = kept  # type: ignore[attr-defined]
        elif isinstance(target, ast.Starred):
            self._store(target.value, None, state)
        elif isinstance(target, ast.Subscript):
            self._spoil(target.value, state)

    def _spoil(self, node: ast.expr, state: _State) -> None:
        """What an expression holds is changed: nothing keeps that argument any more."""
        changed = self._value(node, state)
        if changed is not None:
            for held in (state.names, state.attributes):
                gone = [name for name, kept in held.items() if kept and kept.parameter == changed.parameter]
                held.update(dict.fromkeys(gone))

    def _is_own(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self.self_name

    def _value(self, node: ast.expr, state: _State) -> Kept | None:
        """Return which argument an expression is, None if it is anything else."""
        if isinstance(node, ast.Name):
            return state.names.get(node.id)
        if isinstance(node, ast.Attribute):
            return state.attributes.get(node.attr) if self._is_own(node) else None
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
            first = self._value(node.values[0], state)
            rest = node.values[1:]
            return first if first is not None and not any(self._reads(each, first, state) for each in rest) else None
        if isinstance(node, ast.IfExp):
            return self._either(
                node.test, (node.body, self._value(node.body, state)), (node.orelse, self._value(node.orelse, state)),
                state,
            )  # fmt: skip
        if isinstance(node, ast.Call) and node.args and not isinstance(node.args[0], ast.Starred):
            return self._converted(node, state)
        return None

    def _converted(self, call: ast.Call, state: _State) -> Kept | None:
        given = self._value(call.args[0], state)
        name = self.module.resolve(call.func) or ""
        if given is None or given.how not in {How.SAME, How.PLAIN}:
            return given if given is not None and name in _COPIES else None
        package, _, last = name.rpartition(".")
        if name in _COPIES and len(call.args) == 1:
            return given
        if package == "builtins" and last in {*_NUMBERS, "str"}:
            return Kept(given.parameter, How.PLAIN)
        if name.startswith("keras.") and last == "get" and package.rpartition(".")[2] in _GETTERS:
            return Kept(given.parameter, How.GOTTEN, package.removeprefix("keras."))
        typed = "typed" if len(call.args) > 1 or any(k.arg == "dtype" for k in call.keywords) else ""
        if name in _ARRAYS:
            return Kept(given.parameter, How.ARRAY, typed)
        return Kept(given.parameter, How.TENSOR, typed) if name in _TENSORS else None

    def _joined(self, statement: ast.If, before: _State, body: _State, orelse: _State) -> _State:
        """Return what is held after both branches of a condition."""
        joined = _State({})
        pairs = ((joined.names, body.names, orelse.names), (joined.attributes, body.attributes, orelse.attributes))
        for found, one, other in pairs:
            for name in one.keys() | other.keys():
                kept = one.get(name), other.get(name)
                if kept[0] == kept[1]:
                    found[name] = kept[0]
                    continue
                own = found is joined.attributes
                values = [self._assigned(block, name, own) for block in (statement.body, statement.orelse)]
                found[name] = self._either(statement.test, (values[0], kept[0]), (values[1], kept[1]), before)
        return joined

    def _assigned(self, block: Sequence[ast.stmt], name: str, own: bool) -> ast.expr | None:
        """Return the value that a block assigns to a name or an attribute, where that is plain."""
        for statement in block:
            for target in statement.targets if isinstance(statement, ast.Assign) else ():
                mine = isinstance(target, ast.Attribute) and target.attr == name
                if mine if own else isinstance(target, ast.Name) and target.id == name:
                    assert isinstance(statement, ast.Assign)
                    return statement.value
        return None

    def _either(
        self,
        test: ast.expr,
        one: tuple[ast.expr | None, Kept | None],
        other: tuple[ast.expr | None, Kept | None],
        state: _State,
    ) -> Kept | None:
        """Return an argument that a condition leaves as it is or replaces, so that it is kept all the same."""
        for (_, kept), (node, left) in ((one, other), (other, one)):
            if kept is None:
                continue
            if left is not None:
                plain = {How.SAME, How.PLAIN}
                same = left.parameter == kept.parameter and {left.how, kept.how} == plain
                return Kept(kept.parameter) if same else None
            if node is None:
                return None
            if not self._reads(node, kept, state):
                none = isinstance(node, ast.Constant) and node.value is None
                return replace(kept, optional=kept.optional or none)
            doubled = isinstance(test, ast.Call) and self.module.resolve(test.func) == "builtins.isinstance"
            alike = isinstance(node, (ast.Tuple, ast.List)) and all(self._value(e, state) == kept for e in node.elts)
            # ``(size, size)`` of a number.
            return kept if doubled and alike and kept.how is How.SAME else None
        return None

    def _reads(self, node: ast.expr, kept: Kept, state: _State) -> bool:
        """Tell whether an expression depends on an argument."""
        for each in ast.walk(node):
            if isinstance(each, ast.Name):
                found = state.names.get(each.id)
                if each.id == kept.parameter or (found is not None and found.parameter == kept.parameter):
                    return True
            elif isinstance(each, ast.expr) and self._is_own(each):
                return True
        return False


def stores(module: Module, owner: ast.ClassDef, attribute: str) -> Iterator[ast.Attribute]:
    """Yield where the methods of a class assign to an attribute of ``self``, or change what it holds."""
    for node in module.attributes.get(attribute, ()):
        method = _method(module, node, owner)
        if method is None or not isinstance(node.value, ast.Name) or not method.args.args:
            continue
        if node.value.id != method.args.args[0].arg:
            continue
        parent = module.parent(node)
        changed = isinstance(parent, ast.Attribute) and parent.attr in _CHANGING
        called = changed and isinstance(module.parent(parent), ast.Call)  # type: ignore[arg-type]
        put = isinstance(parent, ast.Subscript) and not isinstance(parent.ctx, ast.Load)
        if not isinstance(node.ctx, ast.Load) or called or put:
            yield node


def _method(module: Module, node: ast.AST, owner: ast.ClassDef) -> Function | None:
    """Return the method of a class that a node stands in."""
    inner: ast.AST = node
    for around in module.ancestors(node):
        if around is owner:
            return inner if isinstance(inner, _FUNCTIONS) else None
        inner = around
    return None
