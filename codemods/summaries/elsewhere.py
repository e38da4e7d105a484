"""Functions of other modules that were split in two: traced code calls the part that computes, and writes itself."""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from codemods.analysis.module import Function, Module, Scope
from codemods.analysis.strategies import replicated
from codemods.analysis.tracing import (
    Reference,
    ancestors,
    called,
    called_from,
    class_named,
    default_of,
    is_traced,
    passed,
)
from codemods.engine import codemod as edit
from codemods.engine.codemod import Edit
from codemods.summaries.emit import traced_name
from codemods.summaries.helpers import opens_scope
from codemods.summaries.lift import CALL_SITE, comes_first, may_be_split
from codemods.summaries.moves import RefusedError
from codemods.summaries.ops import summary_name
from codemods.summaries.refusals import ARGUMENT, NAME_SCOPE, NAMES, UNPACKED

_BLOCKS = (ast.With, ast.If, ast.For)
_FLAT = (ast.Expr, ast.Assign, ast.Pass)
_EXACT = frozenset({"tensorflow.cast", "tensorflow.constant", "tensorflow.convert_to_tensor", "builtins.int"})
_COMPUTED = (
    ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.keyword, ast.BinOp, ast.UnaryOp, ast.Tuple, ast.List, ast.Dict,
    ast.expr_context, ast.operator, ast.unaryop,
)  # fmt: skip


@dataclass(frozen=True)
class Split:
    """A function that only calls its own traced part, writes what that returns, and returns the rest.

    Attributes:
        module: its module.
        function: the function.
        call: the call of the traced part.
        targets: the names that its values are given.
        block: what writes them.
        result: what is returned; None for nothing.
    """

    module: Module
    function: ast.FunctionDef
    call: ast.Call
    targets: tuple[str, ...]
    block: Sequence[ast.stmt]
    result: ast.expr | None

    @property
    def inner(self) -> str:
        """The name of the traced part."""
        return traced_name(self.function.name)

    @property
    def parameters(self) -> list[ast.arg]:
        """The parameters that take one argument each."""
        return [*self.function.args.posonlyargs, *self.function.args.args, *self.function.args.kwonlyargs]

    @property
    def receiver(self) -> ast.arg | None:
        """The parameter that what a method is called on is given for."""
        return self.parameters[0] if isinstance(self.call.func, ast.Attribute) else None


def split(module: Module, function: Function | None) -> Split | None:
    """Return a function as one that was split, None if it isn't."""
    if not isinstance(function, ast.FunctionDef) or not may_be_split(module, function):
        return None
    first, *block = function.body[ast.get_docstring(function, clean=False) is not None :] or function.body
    call = first.value if isinstance(first, (ast.Expr, ast.Assign)) else None
    if not isinstance(call, ast.Call):
        return None
    method = isinstance(module.parent(function), ast.ClassDef)
    name = ast.unparse(call.func).removeprefix("self." if method else "")
    if name != traced_name(function.name) or method is isinstance(call.func, ast.Name):
        return None
    target = first.targets[0] if isinstance(first, ast.Assign) else None
    names = target.elts if isinstance(target, ast.Tuple) else [target] if target is not None else []
    if not all(isinstance(name, ast.Name) for name in names):
        return None
    last = block.pop() if block and isinstance(block[-1], ast.Return) else None
    result = last.value if isinstance(last, ast.Return) else None
    targets = tuple(name.id for name in names if isinstance(name, ast.Name))
    return Split(module, function, call, targets, block, result) if block else None


def calls_elsewhere(module: Module) -> Iterator[tuple[ast.Call, Module, Function]]:
    """Yield calls in traced code of functions of other modules that write summaries, and the functions."""
    project = module.project
    if project is None or project.plan is None or project.mentioning("summary") in ([], [module.path]):
        return
    for call in module.find_all(ast.Call):
        found = called(module, call)
        if found is None or found[0] is module or not may_be_split(*found) or replicated(module, call) is not None:
            continue
        place = found[0].path, found[0].qualname(found[1]), found[1].lineno
        if project.once(("writes", *place), functools.partial(_writes, *found)) and is_traced(module, call):
            yield call, *found


def _writes(module: Module, function: Function) -> bool:
    """Tell whether a function, or one that it calls, writes summaries."""
    return any(
        isinstance(node, ast.Call) and summary_name(where, node) is not None
        for where, one in called_from(module, function)
        for node in ast.walk(one)
    )


def split_elsewhere(module: Module, function: Function) -> tuple[Split, tuple[str, ...]] | None:
    """Return a function of another module as it is split, or will be in this run, and which modules that needs."""
    found = split(module, function)
    if found is not None:
        return found, ()
    planned = module.project.planned(module.path) if module.project is not None else None
    definition = planned.definition(module.qualname(function)) if planned is not None else None
    if planned is None or not isinstance(definition, ast.FunctionDef):
        return None
    found = split(planned, definition)
    return (found, (module.path,)) if found is not None else None


class Taken:
    """A call of a function that was split, which is to call the traced part and to write what that returns."""

    def __init__(self, module: Module, call: ast.Call, found: Split) -> None:
        self.module = module
        self.call = call
        self.split = found
        assert isinstance(call.func, (ast.Name, ast.Attribute))
        self.reference = Reference(module, call.func, call)
        self.statement = module.statement(call)
        self.scope: Scope = module.scope(self.statement)
        self.added: list[Edit] = []
        self.made_up: set[str] = set()

    def edits(self) -> list[Edit]:
        """Return the edits.

        Raises:
            RefusedError: they can't be made.
        """
        call, module = self.call, self.module
        if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
            raise RefusedError(UNPACKED)
        inside = (edit.Replace(call.func, self._inner()), *self._removed())
        statement, result = self.statement, self.split.result
        whole = module.parent(call) is statement
        if self.bound:
            bound = "\n".join(f"{name} = {module.source(argument)}" for argument, name in self.bound.items())
            self.added.append(edit.InsertBefore(statement, bound))
        if whole and isinstance(statement, ast.Expr):
            hosts = {name: self._free(name) for name in self.split.targets}
            block = edit.InsertAfter(statement, self._block(hosts))
            return [*self.added, edit.Replace(statement, (self._joined(hosts), edit.Move(call, inside))), block]
        if whole and isinstance(statement, ast.Assign) and len(statement.targets) == 1 and result is not None:
            (target,) = statement.targets
            named = self._aligned(target, result)
            hosts = {name: (named or {}).get(name) or self._free(name) for name in self.split.targets}
            behind = f"{module.source(target)} = {self._translated(result, hosts)}\n" if named is None else ""
            targets = self._joined(hosts).removesuffix(" = ")
            changed = [edit.Replace(target, targets)] if targets != module.source(target) else []
            block = edit.InsertAfter(statement, self._block(hosts) + behind)
            return [*self.added, *changed, *inside, block]
        owner = self.split.module.qualname(self.split.function).rpartition(".")[0]
        part = self.split.module.definition(f"{owner}.{self.split.inner}".lstrip("."))
        nodes = list(ast.walk(part)) if part is not None else []
        stored = {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
        if not comes_first(module, statement, call, (), stored):
            raise RefusedError(CALL_SITE)
        hosts = {name: self._free(name) for name in self.split.targets}
        before = (self._joined(hosts), edit.Move(call, inside), "\n", self._block(hosts))
        instead = "None" if result is None else self._translated(result, hosts)
        instead = f"({instead})" if isinstance(result, ast.Tuple) and not instead.startswith("(") else instead
        return [*self.added, edit.InsertBefore(statement, before), edit.Replace(call, instead)]

    def _joined(self, hosts: Mapping[str, str]) -> str:
        names = ", ".join(hosts[name] for name in self.split.targets)
        return f"{names} = " if names else ""

    def _aligned(self, target: ast.expr, result: ast.expr) -> dict[str, str] | None:
        """Return the names that an assignment gives to the values already, None where others are needed."""
        targets = target.elts if isinstance(target, ast.Tuple) else [target]
        results = result.elts if isinstance(result, ast.Tuple) else [result]
        if isinstance(target, ast.Tuple) != isinstance(result, ast.Tuple) or len(targets) != len(results):
            return None
        names = [each.id for each in targets if isinstance(each, ast.Name)]
        given = [each.id for each in results if isinstance(each, ast.Name)]
        passed_on = {node.id for a in self.arguments.values() for node in ast.walk(a) if isinstance(node, ast.Name)}
        if (
            len({*names} - {"_"}) < len(targets)
            or len({*given}.intersection(self.split.targets)) < len(results)
            or passed_on.intersection(names)
            or self.scope.globals.union(self.scope.nonlocals).intersection(names)
        ):
            return None
        return dict(zip(given, names, strict=True))

    def _free(self, name: str) -> str:
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        found = next(
            each
            for each in itertools.chain([name], numbered)
            if each not in self.made_up and not self.module.is_used(self.scope, each)
        )
        self.made_up.add(found)
        return found

    # The call. -----------------------------------------------------------------------------------

    def _inner(self) -> str:
        """Return the traced part's name at the call, and import it."""
        node, inner = self.call.func, self.split.inner
        if isinstance(node, ast.Attribute):
            if self.split.receiver is not None:
                if not self._is_own(node):
                    raise RefusedError(CALL_SITE)
            elif self.module.resolve(node.value) != self.split.module.id:
                raise RefusedError(NAMES, f"`{self.module.source(node.value)}` is not the module of `{inner}` itself")
            return f"{self.module.source(node.value)}.{inner}"
        self._import(inner)
        return inner

    def _is_own(self, node: ast.Attribute) -> bool:
        """Tell whether a method is called on the object itself, whose class certainly has it from the method's."""
        module, there = self.module, self.split.module
        klass, owner = module.enclosing(node, ast.ClassDef), there.parent(self.split.function)
        stores = [a for each in (module, there) for a in each.attributes.get(node.attr, ())]
        return (
            isinstance(node.value, ast.Name)
            and node.value.id == "self"
            and isinstance(owner, ast.ClassDef)
            and klass is not None
            and _inherits(module, klass, f"{there.id}.{owner.name}")
            and all(isinstance(attribute.ctx, ast.Load) for attribute in stores)
        )

    def _import(self, name: str) -> None:
        """Import a name beside that of the function, where it isn't there yet."""
        node, module = self.call.func, self.module
        assert isinstance(node, ast.Name)
        bindings = module.bindings(node)
        statement = module.statement(bindings[0].node) if len(bindings) == 1 else None
        if bindings and not isinstance(statement, ast.ImportFrom):
            statement = module.parent(bindings[0].node)  # type: ignore[assignment]
        if not isinstance(statement, ast.ImportFrom) or module.parent(statement) is not module.tree:
            raise RefusedError(NAMES, f"`{node.id}` is imported in a way that `{name}` can't be")
        there = module.inner_scope(module.tree).bindings.get(name, ())
        identity = f"{self.split.module.id}.{name}"
        if [module.meaning(binding) for binding in there] == [identity] and all(b.imported for b in there):
            if self.scope.lookup(name) is not module.inner_scope(module.tree):
                raise RefusedError(NAMES, f"the name `{name}` is taken")
            return
        if name in module.names or there or module.is_used(self.scope, name):
            raise RefusedError(NAMES, f"the name `{name}` is taken")
        source = self._source(statement)
        if source is None:
            raise RefusedError(NAMES, f"`{name}` can't be imported from `{self.split.module.path}`")
        for index, each in enumerate(self.added):
            if isinstance(each, edit.Replace) and each.node is statement:
                self.added[index] = edit.Replace(statement, f"{each.code}, {name}")
                return
        if self._is_idle(node, statement, source):
            names = [f"{a.name} as {a.asname}" if a.asname else a.name for a in statement.names]
            index = next(i for i, a in enumerate(statement.names) if a is bindings[0].node)
            names[index] = name
            self.added.append(edit.Replace(statement, f"from {source} import {', '.join(names)}"))
        else:
            self.added.append(edit.AddImport(source, name))

    def _source(self, statement: ast.ImportFrom) -> str | None:
        """Return how the caller's module names the module of the function, as its import of it does if it can."""
        project, path = self.module.project, self.split.module.path
        assert project is not None
        source = "." * statement.level + (statement.module or "")
        if project.find(source, self.module.path) == (path, ""):
            return source
        return project.imports.spelling(self.module, path)

    def _is_idle(self, node: ast.Name, statement: ast.ImportFrom, source: str) -> bool:
        """Tell whether nothing needs the import of the function any more, and it can make room for another one."""
        module, project = self.module, self.module.project
        assert project is not None
        root = module.inner_scope(module.tree)
        same = source == "." * statement.level + (statement.module or "")
        return (
            (same or len(statement.names) == 1)
            and module.source(statement) == ast.unparse(statement)
            and module.lines[statement.lineno - 1].strip() == ast.unparse(statement)
            and module.uses(root, node.id) == [node]
            and "__all__" not in root.bindings
            and not module.path.endswith("__init__.py")
            and not project.importing(module.path, node.id)
            and not project.mentioning(f"{PurePosixPath(module.path).stem}.{node.id}")  # a test that patches it
        )

    def _removed(self) -> Iterator[edit.NodeEdit]:
        """Yield the edits that take arguments away that only the summaries need."""
        function, inner = self.split.function, self.split.call
        given = {node.id for node in ast.walk(inner) if isinstance(node, ast.Name)}
        for parameter in self.split.parameters:
            argument = passed(function, self.reference, parameter)
            if parameter.arg not in given and argument is not None:
                keyword = next((k for k in self.call.keywords if k.value is argument), None)
                yield edit.RemoveArgument(self.call, keyword or argument)
            elif argument is not None and argument in self.bound:
                yield edit.Replace(argument, self.bound[argument])

    # The block. ------------------------------------------------------------------------------------

    @cached_property
    def arguments(self) -> dict[str, ast.expr]:
        """What the call passes for the parameters that the summaries need, defaults among them."""
        function = self.split.function
        used = {n.id for statement in self.split.block for n in ast.walk(statement) if isinstance(n, ast.Name)}
        variadic = {a.arg for a in (function.args.vararg, function.args.kwarg) if a is not None}
        if variadic & used:
            raise RefusedError(ARGUMENT)
        found = {}
        for parameter in self.split.parameters:
            if parameter.arg in used:
                argument = passed(function, self.reference, parameter) or default_of(function, parameter)
                if parameter is self.split.receiver and isinstance(self.call.func, ast.Attribute):
                    argument = self.call.func.value
                default = isinstance(argument, ast.Constant)
                here = argument is not None and argument in self.module
                if argument is None or not (default or (here and (_is_reference(argument) or argument in self.bound))):
                    raise RefusedError(
                        ARGUMENT,
                        f"`{parameter.arg}` of `{function.name}` is computed in the call, and needed behind it",
                    )
                found[parameter.arg] = argument
        return found

    @cached_property
    def bound(self) -> dict[ast.expr, str]:
        """The names that arguments are given before the call which are computed in it, and needed behind it."""
        used = {n.id for statement in self.split.block for n in ast.walk(statement) if isinstance(n, ast.Name)}
        function, every = self.split.function, [*self.call.args, *(k.value for k in self.call.keywords)]
        found = {}
        for parameter in self.split.parameters:
            argument = passed(function, self.reference, parameter)
            if parameter.arg not in used or argument is None or _is_reference(argument):
                continue
            before = every[: every.index(argument)]
            if "\n" not in self.module.source(argument) and self._may_come_before(argument, before):
                found[argument] = self._free(parameter.arg)
        return found

    def _may_come_before(self, argument: ast.expr, before: Sequence[ast.expr]) -> bool:
        """Tell whether an argument can as well be computed before others."""
        calls = [node for node in ast.walk(argument) if isinstance(node, ast.Call)]
        if not all(isinstance(node, _COMPUTED) for node in ast.walk(argument)) or any(
            self.module.resolve(call.func) not in _EXACT for call in calls
        ):
            return False
        read = any(isinstance(n, ast.Attribute) and not self.module.resolve(n) for n in ast.walk(argument))
        return not read or not any(isinstance(node, ast.Call) for other in before for node in ast.walk(other))

    def _block(self, hosts: Mapping[str, str]) -> str:
        """Return what writes the values, as text with four spaces for each level."""
        module, block = self.split.module, self.split.block
        depths = dict(heads := [(statement.lineno, depth) for statement, depth in self._statements(block, 0)])
        if len(depths) < len(heads) or any(
            isinstance(node, (ast.Constant, ast.JoinedStr)) and node.lineno != node.end_lineno
            for statement in block
            for node in ast.walk(statement)
        ):
            raise RefusedError(CALL_SITE)
        lines = [line.rstrip("\r\n").encode() for line in module.lines]
        if not depths:
            return ""
        names = [n for statement in block for n in ast.walk(statement) if isinstance(n, ast.Name)]
        for name in sorted(names, key=lambda n: (n.lineno, n.col_offset), reverse=True):
            text = self._name(name, hosts)
            if text != name.id:
                if any(isinstance(around, ast.JoinedStr) for around in module.ancestors(name)):
                    raise RefusedError(NAMES, f"`{name.id}` has another name at the call, and stands in an f-string")
                line = lines[name.lineno - 1]
                lines[name.lineno - 1] = line[: name.col_offset] + text.encode() + line[name.end_col_offset :]
        first, last = (self.split.call.end_lineno or 0) + 1, block[-1].end_lineno or 0
        flat = [s for each in block for s in ast.walk(each) if isinstance(s, _FLAT)]
        further = {number for s in flat for number in range(s.lineno + 1, (s.end_lineno or 0) + 1)}
        gone = {
            number
            for each in block
            for s in ast.walk(each)
            if isinstance(s, ast.If) and (way := self._decided(s)) is not None
            for number in range(s.lineno, ((s.test.end_lineno if way else s.end_lineno) or 0) + 1)
        }
        found: list[str] = []
        shift = 0
        for number in range(first, last + 1):
            text = lines[number - 1].decode()
            stripped = text.lstrip()
            width = len(text[: len(text) - len(stripped)].expandtabs(4))
            if number in depths:
                shift = 4 * depths[number] - width
            elif stripped.startswith("#") and number not in further:
                shift = 4 * next((depths[n] for n in range(number, last + 1) if n in depths), 0) - width
            if number not in gone:
                found.append(f"{' ' * max(width + shift, 0)}{stripped}\n" if stripped else "\n")
        return "".join(found)

    @property
    def writes_nothing(self) -> bool:
        """Whether the call says by a constant that nothing is to be written."""
        try:
            return next(self._statements(self.split.block, 0), None) is None
        except RefusedError:
            return False

    def _statements(self, block: Sequence[ast.stmt], depth: int) -> Iterator[tuple[ast.stmt, int]]:
        """Yield the statements that are written at the call, and how deep each stands."""
        for statement in block:
            if not isinstance(statement, (*_BLOCKS, *_FLAT)) or getattr(statement, "orelse", None):
                raise RefusedError(CALL_SITE)
            if opens_scope(self.split.module, [statement]):
                raise RefusedError(NAME_SCOPE, "the name scope is entered in the part that computes as well")
            way = self._decided(statement) if isinstance(statement, ast.If) else None
            if way is None:
                yield statement, depth
            if isinstance(statement, _BLOCKS) and way is not False:
                yield from self._statements(statement.body, depth if way else depth + 1)

    def _decided(self, block: ast.If) -> bool | None:
        """Return what the call says by a constant about a condition, which is a parameter or its opposite."""
        opposite = isinstance(block.test, ast.UnaryOp) and isinstance(block.test.op, ast.Not)
        name = block.test.operand if isinstance(block.test, ast.UnaryOp) and opposite else block.test
        function = self.split.function
        parameter = next((p for p in self.split.parameters if isinstance(name, ast.Name) and p.arg == name.id), None)
        given = None
        if parameter is not None and len(self.split.module.inner_scope(function).bindings[parameter.arg]) == 1:
            given = passed(function, self.reference, parameter) or default_of(function, parameter)
        return given.value != opposite if isinstance(given, ast.Constant) and isinstance(given.value, bool) else None

    def _translated(self, node: ast.expr, hosts: Mapping[str, str]) -> str:
        """Return what the function returns, under the names at the call."""
        text = self.split.module.source(node).encode()
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
        if node.lineno != node.end_lineno or any(name.id not in hosts for name in names):
            raise RefusedError(CALL_SITE)
        for name in sorted(names, key=lambda n: n.col_offset, reverse=True):
            start, end = name.col_offset - node.col_offset, (name.end_col_offset or 0) - node.col_offset
            text = text[:start] + hosts[name.id].encode() + text[end:]
        return text.decode()

    def _name(self, name: ast.Name, hosts: Mapping[str, str]) -> str:
        """Return what the caller's module says for a name of the block."""
        module = self.split.module
        scope = module.scope(name).lookup(name.id)
        if scope is None:
            if module.resolve(name) != f"builtins.{name.id}" or self.scope.lookup(name.id) is not None:
                raise RefusedError(NAMES, f"`{name.id}` means something else at the call")
            return name.id
        if scope is module.inner_scope(self.split.function):
            if name.id in hosts:
                return hosts[name.id]
            if name.id in self.arguments:
                return self._argument(self.arguments[name.id])
        if scope is not scope.root:
            if self.module.is_used(self.scope, name.id) or name.id in hosts.values():
                raise RefusedError(NAMES, f"`{name.id}` means something else at the call")
            return name.id  # bound in the block
        return self._global(name)

    def _argument(self, argument: ast.expr) -> str:
        if argument in self.bound:
            return self.bound[argument]
        if argument in self.module:
            return self.module.source(argument)
        return self.split.module.source(argument)

    def _global(self, name: ast.Name) -> str:
        """Return what the caller's module says for a name of the function's module, imported if it has none."""
        module, there = self.module, self.split.module
        meaning = there.resolve(name)
        if meaning == "tensorflow":
            return self._tensorflow
        own = there.inner_scope(there.tree).bindings[name.id]
        if len(own) != 1 or name.id in there.inner_scope(there.tree).globals:
            raise RefusedError(NAMES, f"`{name.id}` is bound more than once in `{there.path}`")
        if own[0].imported is not None:
            same = [n for n in module.names.get(name.id, ()) if module.scope(n).lookup(n.id) is self._root]
            if meaning is not None and same and module.resolve(same[0]) == meaning and self._sees_root(name.id):
                return name.id
            raise RefusedError(NAMES, f"`{name.id}` of `{there.path}` means something else at the call")
        node = self.call.func
        if self.split.receiver is not None:
            raise RefusedError(NAMES, f"`{name.id}` of `{there.path}` isn't known at the call")
        if isinstance(node, ast.Attribute):
            return f"{module.source(node.value)}.{name.id}"
        if not any(isinstance(each, edit.AddImport) and each.name == name.id for each in self.added):
            self._import(name.id)
        return name.id

    @property
    def _root(self) -> Scope:
        return self.module.inner_scope(self.module.tree)

    def _sees_root(self, name: str) -> bool:
        return self.scope.lookup(name) is self._root

    @cached_property
    def _tensorflow(self) -> str:
        """The caller's module's name for TensorFlow."""
        for node in self.module.find_all(ast.Name):
            if self.module.resolve(node) == "tensorflow" and self.scope.lookup(node.id) is self._root:
                return node.id
        if self.module.is_used(self._root, "tf") or self.module.is_used(self.scope, "tf"):
            raise RefusedError(NAMES, "the file has no name for TensorFlow itself, and `tf` is something else there")
        self.added.append(edit.AddImport("tensorflow as tf"))
        return "tf"


def _inherits(module: Module, klass: ast.ClassDef, owner: str) -> bool:
    """Tell whether a class has the methods of another one, and no library's class comes before that."""
    for base in klass.bases:
        name = module.resolve(base)
        definition = class_named(module, name or "")
        if name == owner or definition is None:
            return name == owner
        above = ancestors(*definition)
        if owner in above:
            return _inherits(*definition, owner)
        if not all(class_named(module, each) for each in above):
            return False
    return False


def _is_reference(node: ast.expr) -> bool:
    """Tell whether an expression only names something."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, (ast.Name, ast.Constant))
