"""The scalars that a loop tells or adds up in each epoch, the names it gives them, and where they are known.

What counts is told once an epoch: in the body of the loop itself, or under a condition there, not in the loop over
the batches. An expression is taken as it stands, without what only shows it (``float(loss)``, ``loss.numpy()``,
``accuracy * 100``), and only if it can be computed once more without doing anything.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Literal

from codemods.analysis.dataflow import reach
from codemods.analysis.in_reach import is_optimizer
from codemods.analysis.module import Module
from codemods.analysis.reaching import reaching
from codemods.analysis.shapes import Shapes, library_bases
from codemods.analysis.values import join
from codemods.epochs.loops import LOOPS, Training
from codemods.epochs.texts import Hole
from codemods.epochs.told import LEAVING, added, is_float, name_of, pair, shown, statements, tells, told

_PURE = re.compile(
    r"builtins\.(float|sum|len|min|max|abs|round)|math\.\w+|statistics\.\w+|numpy\.(?!random\.)[\w.]+"
    r"|tensorflow\.(math\.\w+|reduce_\w+|cast|sqrt|exp|identity|squeeze|add_n)"
)
_PURE_METHODS = frozenset({"result", "numpy", "item", "mean", "sum", "max", "min", "average", "format"})
# What a variable is called, or an attribute, that doesn't say what it is a number of.
_OWN_NUMBER = frozenset(
    {"avg", "average", "mean", "value", "val", "total", "tot", "sum", "result", "res", "out", "tmp"}
)
_CLOCKS = ("time.", "datetime.", "timeit.")
_FLOATS = frozenset("eEfFgG%")
_NUMBERS = frozenset({"number", "tensor", "variable", "array", "numeric", "unknown"})
_DEPTH = 4


@dataclass(frozen=True, eq=False)
class Scalar:
    """A number that is known once an epoch.

    Attributes:
        data: the expression.
        tag: the name that the loop gives it.
        label: what it is called where it is told; empty if it isn't.
        after: the statement behind which it is known.
        one_of_many: it may be an array with one number in it.
        key: the variable that holds the name, where a loop over a dict tells the values.
    """

    data: ast.expr
    tag: str
    label: str
    after: ast.stmt
    one_of_many: bool = False
    key: str | None = None

    @property
    def text(self) -> str:
        """The source of the number."""
        text = ast.unparse(self.data)
        return f"float({text})" if self.one_of_many else text


class Scalars:
    """The scalars of one loop over the epochs."""

    def __init__(self, module: Module, shapes: Shapes, training: Training) -> None:
        """Remember the loop; nothing is looked at yet."""
        self.module = module
        self.shapes = shapes
        self.training = training
        self.loop = training.loop
        self.inside = set(ast.walk(training.loop))
        self._others: dict[Module, Shapes] = {}

    def all(self) -> list[Scalar]:
        """Return the scalars: those that are told first."""
        found = list(self._told())
        found = found + list(self._metrics(found)) or list(self._added_up())
        whole = {scalar.text for scalar in found if scalar.after in self.loop.body}
        return [scalar for scalar in found if scalar.after in self.loop.body or scalar.text not in whole]

    # What is told. -----------------------------------------------------------------------------------

    def _told(self) -> Iterator[Scalar]:
        for statement in statements(self.module, self.loop.body):
            around = pair(self.module, statement) if self.module.enclosing(statement, *LOOPS) is not self.loop else None
            for hole in told(self.module, statement):
                data = shown(self.module, hole.value)
                single, pure = self._is_scalar(hole, data), self._is_pure(data)
                if not single or (pure and not self._changes(data)) or self._times(data):
                    continue
                converted = single == "converted"
                if around is not None:
                    key, value = around
                    if pure and value in _names(data):
                        yield Scalar(data, key, "", statement, converted, key)
                elif pure and (tag := self._tag(data, hole.label)):
                    yield Scalar(data, tag, hole.label, self._after(statement, data), converted)
                elif (element := added(statement)) is not None and not pure:
                    yield Scalar(element, self._tag(element, ""), "", statement)

    def _is_scalar(self, hole: Hole, shown: ast.expr) -> Literal["known", "converted"] | None:
        """Tell whether a value is one number and no count, by what it is, or by how it is shown."""
        value = self.shapes.value(shown)
        if value.kind not in _NUMBERS or value.batch or value.optional or value.dtype in ("int", "bool"):
            return None
        formatted = hole.spec[-1:] in _FLOATS
        if value.scalar or (formatted and not hole.spec.startswith("%")):
            return "known" if hole.spec[-1:] != "d" else None
        # These take an array with one number in it, too.
        return "converted" if formatted or is_float(self.module, hole.value) else None

    def _changes(self, data: ast.expr) -> bool:
        """Tell whether an expression reads anything that the loop computes."""
        return any(map(self._is_computed, ast.walk(data)))

    def _is_computed(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute):
            rate = node.attr in ("learning_rate", "lr") and is_optimizer(self.shapes.value(node.value))
            return rate or node.attr == "result" or node.attr in self._stored
        if not isinstance(node, ast.Name):
            return False
        counter = {self.training.counter, *(ast.walk(self.loop.target) if isinstance(self.loop, ast.For) else ())}
        return node.id in self._filled or any(
            binding.node in self.inside - counter for binding in self.module.bindings(node)
        )

    @cached_property
    def _stored(self) -> set[str]:
        """The attributes that the loop's code stores."""
        nodes = (node for _, node in self.training.reached if isinstance(node, ast.Attribute))
        return {node.attr for node in nodes if isinstance(node.ctx, ast.Store)}

    @cached_property
    def _filled(self) -> set[str]:
        """The names of the lists that the loop appends to."""
        functions = (node.func for node in self.inside if isinstance(node, ast.Call))
        return {ast.unparse(one.value) for one in functions if isinstance(one, ast.Attribute) and one.attr == "append"}

    def _is_pure(self, data: ast.expr) -> bool:
        """Tell whether an expression can be computed once more, and gives the same."""
        for node in ast.walk(data):
            if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
                return False
            if isinstance(node, ast.Call):
                name = self.module.resolve(node.func)
                method = node.func.attr if isinstance(node.func, ast.Attribute) and name is None else ""
                if method not in _PURE_METHODS and not _PURE.fullmatch(name or ""):
                    return False
        return True

    def _times(self, data: ast.expr, depth: int = 0) -> bool:
        """Tell whether an expression measures time."""
        for node in ast.walk(data):
            if isinstance(node, ast.Call) and (self.module.resolve(node.func) or "").startswith(_CLOCKS):
                return True
            if isinstance(node, ast.Name) and depth < _DEPTH:
                values = [binding.value for binding in reaching(self.module, node)]
                if any(value is not None and self._times(value, depth + 1) for value in values):
                    return True
        return False

    def _tag(self, node: ast.expr, label: str) -> str:
        """Return the name that the loop gives a value: a metric's own, its variable's, or what is printed before it."""
        match node:
            case ast.Call(ast.Attribute(metric, "result"), _):
                return self._metric_name(metric) or self._tag(metric, label)
            case ast.Name(name):
                return label if label and (len(name) < 3 or name in _OWN_NUMBER) else name
            case ast.Attribute(value, name):
                return (label or self._tag(value, "")) if name in _OWN_NUMBER else name
            case ast.Subscript(_, ast.Constant(str() as key)):
                return key
            case ast.Subscript(value) | ast.BinOp(value) | ast.UnaryOp(operand=value):
                return label or self._tag(value, "")
            case ast.Call(ast.Attribute(value, method), []) if method in _PURE_METHODS:
                return label or self._tag(value, "")
            case ast.Call(_, [value, *_]):
                return label or self._tag(value, "")
        return label

    def _metric_name(self, metric: ast.expr) -> str:
        instances = self.shapes.value(metric).instances
        names = [instance.argument("name", 0) for instance in instances]
        texts = {name.value if isinstance(name, ast.Constant) else "" for name in names}
        found = texts.pop() if len(texts) == 1 else ""
        return found if isinstance(found, str) else ""

    def _after(self, statement: ast.stmt, data: ast.expr) -> ast.stmt:
        """Return the statement to write a value behind: out of a condition that it doesn't need, before a way out."""
        names = _names(data)
        plain = self._is_plain(data)
        while isinstance(branch := self.module.parent(statement), ast.If):
            telling = all(map(self._only_tells, self.module.block(statement)))
            if names & _bound([branch]) or not (plain or telling) or _leaves(branch):
                break
            statement = branch
        block = self.module.block(statement)
        place = block.index(statement)
        known = max((place for place, each in enumerate(block[:place]) if names & _bound([each])), default=None)
        leaving = [each for each in range((known or 0) + 1, place) if _leaves(block[each])]
        return block[leaving[0] - 1] if plain and known is not None and leaving else statement

    def _is_plain(self, data: ast.expr) -> bool:
        """Tell whether an expression keeps its value as long as its names do."""
        for node in ast.walk(data):
            if isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)):
                return False
            if isinstance(node, ast.Name) and self.shapes.value(node).kind == "variable":
                return False
        return True

    # What is added up. ---------------------------------------------------------------------------------

    def _metrics(self, known: Sequence[Scalar]) -> Iterator[Scalar]:
        """Yield the metrics that the loop updates and doesn't tell."""
        names = set().union(*(_names(scalar.data) for scalar in known))
        done = set().union(*(self._read(scalar.data) for scalar in known))
        for statement in self.loop.body:
            match statement:
                case ast.Assign([ast.Name(name) as target], value):
                    read = self._read(value)
                    whole = isinstance(shown(self.module, value), ast.Call)
                    if read - done and name not in names and whole:
                        yield Scalar(target, name, "", statement)
                    done |= read if whole or name in names else set()
        updates = [(statement, self._updated(statement)) for statement in self.loop.body]
        for handle, made in self._handles():
            result = ast.Call(ast.Attribute(made, "result"), [], [])
            if made not in done and self.shapes.value(result).scalar:
                after = [statement for statement, updated in updates if made in updated]
                if after and not isinstance(after[-1], ast.If):
                    data = ast.Call(ast.Attribute(handle, "result"), [], [])
                    yield Scalar(data, self._metric_name(made) or name_of(handle), "", after[-1])

    def _read(self, value: ast.expr) -> set[ast.AST]:
        """Return the metrics, by the calls that make them, whose results an expression reads."""
        nodes = (node for node in ast.walk(value) if isinstance(node, ast.Attribute) and node.attr == "result")
        return set().union(*(self._sites(self.shapes, node.value) for node in nodes))

    def _updated(self, node: ast.stmt) -> set[ast.AST]:
        """Return the metrics, by the calls that make them, that the code of a statement updates."""
        found: set[ast.AST] = set()
        for where, call in reach(self.module, [node]).walk():
            if isinstance(call, ast.Call):
                called = call.func
                if isinstance(called, ast.Attribute) and called.attr == "update_state":
                    called = called.value
                if where.resolve(called) is None:
                    found |= self._sites(self._shapes(where), called)
        return found

    def _shapes(self, where: Module) -> Shapes:
        return self.shapes if where is self.module else self._others.setdefault(where, Shapes(where))

    def _handles(self) -> Iterator[tuple[ast.Name | ast.Attribute, ast.Call]]:
        """Yield what the loop can call objects that are made once, with the calls that make them."""
        scope = self.module.scope(self.loop)
        owner = self.module.enclosing(self.loop, ast.ClassDef)
        for assign in self.module.find_all(ast.Assign):
            match assign:
                case ast.Assign([ast.Name(name) as target], ast.Call() as made):
                    binder = scope.lookup(name)
                    if binder is self.module.scope(target) and len(binder.bindings[name]) == 1:
                        yield target, made
                case ast.Assign([ast.Attribute(ast.Name("self")) as target], ast.Call() as made):
                    if owner is not None and self.module.enclosing(target, ast.ClassDef) is owner:
                        yield target, made

    def _added_up(self) -> Iterator[Scalar]:
        """Yield what is computed from sums over the batches, or these sums."""
        sums: dict[str, tuple[ast.Name, ast.stmt]] = {}
        for statement in self.loop.body:
            for node in ast.walk(statement) if isinstance(statement, LOOPS) else ():
                match node:
                    case ast.AugAssign(ast.Name(name) as total, ast.Add()):
                        sums[name] = total, statement
        parts = {*sums, *self._filled}
        found = False
        for statement in self.loop.body:
            match statement:
                case ast.Assign([ast.Name(name) as target], value):
                    if _names(value) & parts and self._is_scalar(Hole(value, "", ""), value):
                        parts.add(name)
                        found = True
                        yield Scalar(target, name, "", statement)
        for name, (total, statement) in sums.items() if not found else ():
            bindings = self.module.bindings(total)
            held = reduce(join, map(self.shapes.binding, bindings))
            reset = any(self.module.statement(binding.node) in self.loop.body for binding in bindings)
            if reset and held.scalar and held.dtype not in ("int", "bool"):
                yield Scalar(total, name, "", statement)

    def _sites(self, shapes: Shapes, node: ast.AST) -> set[ast.AST]:
        """Return the calls that make the Keras metric that an expression is; empty if it is none."""
        instances = shapes.value(node).instances if isinstance(node, ast.expr) else ()
        names = {base for one in instances for base in library_bases(one.module, one.name)}
        metric = bool(names) and all(name.startswith("keras.metrics.") for name in names)
        return {one.call for one in instances if one.call is not None} if metric else set()

    # Where it is written. --------------------------------------------------------------------------------

    def groups(self) -> list[tuple[ast.stmt, list[Scalar]]]:
        """Return the scalars that can be written at one place, each group with the statement to write it after."""
        found: list[tuple[ast.stmt, list[Scalar]]] = []
        every = self.all()
        for scalar in sorted(every, key=lambda each: each.after.lineno):
            if found and all(self._keeps(known, found[-1][0], scalar.after) for known in found[-1][1]):
                known = [other for other in found[-1][1] if (other.tag, other.text) != (scalar.tag, scalar.text)]
                found[-1] = scalar.after, [*known, scalar]
            else:
                found.append((scalar.after, [scalar]))
        return [(after, sorted(group, key=every.index)) for after, group in found]

    def _keeps(self, scalar: Scalar, first: ast.stmt, last: ast.stmt) -> bool:
        """Tell whether a scalar that is known behind one statement is the same behind a later one of its block."""
        block = self.module.block(first)
        if last not in block:
            return False
        between = block[block.index(first) + 1 : block.index(last) + 1]
        if _names(scalar.data) & _bound(between):
            return False
        return self._is_plain(scalar.data) or all(map(self._only_tells, between))

    def _only_tells(self, statement: ast.stmt) -> bool:
        """Tell whether a statement does nothing but to tell values, or to keep them."""
        match statement:
            case ast.Assign([ast.Name()], value):
                return self._is_pure(value)
            case ast.Expr(ast.Call(args=args) as call):
                given = [*args, *(keyword.value for keyword in call.keywords)]
                return tells(self.module, call) and all(map(self._is_pure, given))
            case ast.If(test, body, orelse):
                return self._is_pure(test) and all(map(self._only_tells, [*body, *orelse]))
        return False


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _bound(statements: Iterable[ast.stmt]) -> set[str]:
    """Return the names that some statements bind."""
    nodes = (node for statement in statements for node in ast.walk(statement))
    return {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}


def _leaves(statement: ast.stmt) -> bool:
    """Tell whether a statement may end the turn of the loop around it."""
    if isinstance(statement, LOOPS):
        return any(isinstance(node, (ast.Return, ast.Raise)) for node in ast.walk(statement))
    return any(isinstance(node, LEAVING) for node in ast.walk(statement))
