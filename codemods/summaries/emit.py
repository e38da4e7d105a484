"""The edits that carry out a plan: values returned, blocks dissolved, summaries written on the host."""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from codemods.analysis.module import Module, Scope
from codemods.analysis.places import start
from codemods.analysis.tracing import Reference, ancestors, default_of, looked_up, passed, run_arguments, runs_once
from codemods.engine import codemod as edit
from codemods.engine.codemod import Code, Edit
from codemods.summaries.function import names_in
from codemods.summaries.gather import LoopBody
from codemods.summaries.moves import Move, RefusedError, Value
from codemods.summaries.ops import summary_name
from codemods.summaries.plan import NAME_SCOPES, RECORD_IF
from codemods.summaries.refusals import (
    CALLER_SCOPE,
    EXPORTED,
    LOOP,
    LOST,
    NAMES,
    NO_WRITER,
    SEVERAL_RETURNS,
    SEVERAL_WRITERS,
    STEP,
    WRITER_BLOCK,
    WRITER_CLOSED,
    WRITER_UNKNOWN,
)
from codemods.summaries.returns import Exit, Made, made
from codemods.summaries.writers import (
    NONE,
    SET,
    SEVERAL,
    UNKNOWN,
    default_writers,
    hidden_default,
    in_name_scope,
    several_defaults,
    visible_writer,
    writer_items,
    writers,
)

FLUSH = "tensorflow.summary.flush"
_PLAIN = (ast.Name, ast.Attribute, ast.Constant, ast.BinOp, ast.operator, ast.keyword, ast.expr_context)


_OPERATORS = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Attribute, ast.Subscript, ast.Starred,
)  # fmt: skip
_LOOSE = re.compile(r"\b(or|if|lambda)\b|:=")  # what binds looser than ``and``
_OPPOSITES: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip


class NotHereError(Exception):
    """The block can't follow the call; a wrapper is needed."""


@dataclass
class Placement:
    """Where the summaries of a function go.

    Attributes:
        edits: what to do.
        wrapper: the host part is a wrapper of the function's name, not a block behind its call.
        lost: no writer is the default when the function is traced, so nothing is recorded today.
    """

    edits: list[Edit]
    wrapper: bool
    lost: bool


@dataclass
class _Unit:
    """A statement that moves as a whole: a summary, or a block of nothing else."""

    node: ast.stmt
    moves: list[Move] = field(default_factory=list)
    comments: tuple[str, ...] = ()  # of a block's head that doesn't move along


@dataclass(frozen=True)
class _Returned:
    """What a function returns before its rewrite.

    Attributes:
        values: in each place.
        there: where all of them hold a value for the host: as the whole (None), at an index of a
            tuple, or under a key of a dict.
        lacking: the values for the host that they don't hold.
    """

    values: Mapping[Exit, ast.expr | None]
    there: Mapping[str, int | str | None]
    lacking: Sequence[Value]

    @property
    def nothing(self) -> bool:
        """Whether no place returns a value."""
        return all(value is None for value in self.values.values())

    @property
    def length(self) -> int | None:
        """How many values it returns, where that is to be seen."""
        lengths = {
            len(value.elts)
            if isinstance(value, ast.Tuple) and not any(isinstance(e, ast.Starred) for e in value.elts)
            else None
            for value in self.values.values()
        }
        return next(iter(lengths)) if len(lengths) == 1 else None

    @property
    def names(self) -> list[str]:
        """The names of what it returns, where it returns nothing else."""
        elements = (
            value.elts if isinstance(value, ast.Tuple) and self.length is not None else [value]
            for value in self.values.values()
        )
        found = {tuple(e.id if isinstance(e, ast.Name) else "" for e in each) for each in elements}
        names = list(next(iter(found))) if len(found) == 1 else []
        return names if "" not in names and len(set(names)) == len(names) else []


class Emitter:
    """Turns the moves of one function into edits.

    Attributes:
        may_be_flat: a tuple that is returned may grow, and not only become one part of what is returned.
    """

    may_be_flat = True

    def __init__(self, body: LoopBody, moves: Sequence[Move]) -> None:
        self.body = body
        self.module: Module = body.module
        self.moves = list(moves)
        self.statements = {move.summary.statement for move in moves}
        self.flushes = self._flushes()
        self.moves = [move if self._whole_loop(move) else body.gathered(move.summary) for move in self.moves]
        self.values = list({id(v): v for move in self.moves for v in move.all_values}.values())
        self.elements: dict[str, str] = {}  # the host's names for what one turn of a loop gave

    def place(self) -> Placement:
        """Return the edits.

        Raises:
            RefusedError: the summaries can't be written on the host.
        """
        lost = self._lost(self.body.references)
        self._check_scopes()
        self._check_flags()
        self._check_record(lost)
        self._collect()
        try:
            edits = self._behind_call(self._site(), lost)
            wrapper = False
        except NotHereError:
            try:
                edits = self._wrapper(lost)
            except NotHereError:
                raise RefusedError(NAMES) from None
            wrapper = True
        edits = [*self._inside(), *edits]
        return Placement(edits, wrapper, lost)

    def _collect(self) -> None:
        self.units = self._units()
        inside = {node for unit in self.units for node in ast.walk(unit.node)}
        self.loose = [statement for statement in self.flushes if statement not in inside]

    # The writer. -------------------------------------------------------------------------------

    def _lost(self, references: Sequence[Reference]) -> bool:
        """Tell whether no writer is the default at any of some calls; refuse where that isn't certain."""
        if all(move.has_writer for move in self.moves):
            return False
        found: set[str] = set()
        for reference in references:
            if reference.call is not None:
                found |= default_writers(reference.module, reference.call)
        if found == {NONE}:
            if hidden_default(self.module):
                raise RefusedError(
                    WRITER_UNKNOWN,
                    "a writer is made the default somewhere else, in a way that can't be followed",
                )
            return True
        if not found or UNKNOWN in found:
            raise RefusedError(WRITER_UNKNOWN)
        several = len(found) > 1 or SEVERAL in found or (SET in found and several_defaults(self.module))
        if several and not self._traced_apart(references):
            if NONE in found:
                raise RefusedError(
                    SEVERAL_WRITERS,
                    "some calls stand under a writer and some don't; TensorFlow keeps what the first call had",
                )
            for move in self.moves:
                move.other_writer = move.other_writer or not move.has_writer
        return False

    def _traced_apart(self, references: Sequence[Reference]) -> bool:
        """Tell whether a Python constant keeps calls under different writers from sharing a trace."""
        function, traced = self.body.function, self.body.traced
        calls = [reference.call for reference in references if reference.call is not None]
        unpacked = any(isinstance(a, ast.Starred) for call in calls for a in call.args) or any(
            keyword.arg is None for call in calls for keyword in call.keywords
        )
        if unpacked or "input_signature" in traced.options or any(each.replicated for each in references):
            return False
        for parameter in self.body.parameters.values():
            given: dict[object, set[str]] = {}
            for each in references:
                value = passed(function, each, parameter) or default_of(function, parameter)
                if each.call is None or not isinstance(value, ast.Constant):
                    break
                given.setdefault(value.value, set()).update(default_writers(each.module, each.call))
            else:
                if all(len(writers) == 1 and writers.isdisjoint({SEVERAL, SET}) for writers in given.values()):
                    return True
        return False

    def _check_scopes(self) -> None:
        for reference in self.body.references:
            if in_name_scope(reference.module, reference.node, NAME_SCOPES):
                raise RefusedError(CALLER_SCOPE)

    def _check_flags(self) -> None:
        """Note the flags around the calls that the first trace fixes."""
        for reference in self.body.references:
            module = reference.module
            function = module.function(reference.node)
            for around in module.ancestors(reference.node):
                if around is function:
                    break
                for item in around.items if isinstance(around, ast.With) else ():
                    call = item.context_expr
                    if not isinstance(call, ast.Call) or module.resolve(call.func) != RECORD_IF or not call.args:
                        continue
                    flag = call.args[0]
                    named = isinstance(flag, ast.Name) and any(
                        isinstance(b.node, ast.FunctionDef) for b in module.bindings(flag)
                    )
                    if not named and not isinstance(flag, (ast.Constant, ast.Lambda)):
                        for move in self.moves:
                            move.frozen = True

    def _check_record(self, lost: bool) -> None:
        """Refuse to ask in the function what ``record_if`` says, where it says nothing without a writer."""
        if any(move.record is not None and (lost or move.has_writer) for move in self.moves):
            raise RefusedError(STEP, "`record_if` depends on what the function may change after the summary")

    def _writer_at(self, place: ast.AST) -> str:
        owner = self.body.traced.owner
        if not isinstance(place, ast.FunctionDef):
            function = self.module.function(place)
            parent = self.module.parent(function) if function is not None else None
            owner = parent if isinstance(parent, ast.ClassDef) else None
        name, count = visible_writer(self.module, place, owner)
        if name is not None:
            return name
        if count > 1:
            raise RefusedError(LOST)
        raise RefusedError(NO_WRITER)

    def _flushes(self) -> Sequence[ast.stmt]:
        """Return the statements of the body that only flush a writer, or close it once for all."""
        named = [move.writer for move in self.moves if move.writer is not None]
        named += [writer.target for writer in writers(self.module)]
        names = {self.module.source(self.body.inline(self.moves[0], writer)) for writer in named}
        found = []
        for node in self.body.nodes:
            statement = self.module.parent(node)
            if not isinstance(node, ast.Call) or not isinstance(statement, ast.Expr):
                continue
            writer = None
            if self.module.resolve(node.func) == FLUSH:
                writer = next(iter([*node.args, *(given.value for given in node.keywords)]), None)
            elif isinstance(node.func, ast.Attribute) and node.func.attr in {"flush", "close"}:
                writer = node.func.value
            else:
                continue
            if writer is not None and self.module.source(self.body.inline(self.moves[0], writer)) not in names:
                continue
            if isinstance(node.func, ast.Attribute) and node.func.attr == "close" and not self._closes_once(statement):
                raise RefusedError(WRITER_CLOSED)
            found.append(statement)
        return found

    def _closes_once(self, statement: ast.Expr) -> bool:
        """Tell whether a writer is closed at the end of the only run of the function."""
        around = itertools.takewhile(lambda node: node is not self.body.function, self.module.ancestors(statement))
        return (
            all(start(move.summary.statement) < start(statement) for move in self.moves)
            and all(isinstance(node, ast.With) for node in around)
            and runs_once(self.body.references)
        )

    def _taken_along(self) -> set[int]:
        """Return the ids of the nodes that go away with the summaries."""
        gone = [statement for unit in self.units for statement in self._removed(unit)] + self.loose_blocks
        removed = {node for statement in gone for node in ast.walk(statement)}
        items = [item for unit in self.units for item in self._context_nodes(unit, removed)]
        stays: list[ast.AST] = []
        for move in self.moves:
            stays += [*move.gathered, *move.loop_values]
            stays += [argument for argument, value in move.values.items() if value.code]
            stays += [block.test for block, value in move.tensor_tests.items() if value is not None and value.code]
            if move.loop_values and move.loop is not None:
                stays += [move.loop.iter, *(block.test for block in move.contexts if isinstance(block, ast.If))]
        left = {id(node) for argument in stays for node in ast.walk(argument)}
        return {id(node) for taken in (*gone, *items) for node in ast.walk(taken)} - left

    @property
    def loose_blocks(self) -> list[ast.stmt]:
        """The statements that only flush and move on their own, with the conditions that are for nothing else."""
        found = []
        for statement in self.loose:
            block: ast.stmt = statement
            around = self.module.parent(block)
            while (
                isinstance(around, ast.If)
                and not around.orelse
                and all(each in self.loose or each is block for each in around.body)
                and not any(isinstance(node, (ast.Call, ast.NamedExpr)) for node in ast.walk(around.test))
            ):
                block, around = around, self.module.parent(around)
            found.append(block)
        return found

    # What moves as a whole. ----------------------------------------------------------------------

    def _host_items(self, block: ast.With) -> list[ast.expr]:
        """Return the items of a ``with`` that the host needs: writers, name scopes, ``record_if``."""
        found = [expression for expression, _ in writer_items(self.module, block)]
        for item in block.items:
            call = item.context_expr
            name = self.module.resolve(call.func) if isinstance(call, ast.Call) else None
            if name in NAME_SCOPES or name == "tensorflow.summary.record_if":
                found.append(call)
        return [item.context_expr for item in block.items if item.context_expr in found]

    def _pure(self, statement: ast.stmt) -> bool:
        """Tell whether a statement is nothing but summaries that move, and blocks that the host needs."""
        if statement in self.statements:
            return True
        if isinstance(statement, ast.With):
            return (
                len(self._host_items(statement)) == len(statement.items)
                and all(map(self._pure_or_alias, statement.body))
                and any(self._has_move(s) for s in statement.body)
            )
        if isinstance(statement, ast.If):
            return all(map(self._pure, [*statement.body, *statement.orelse]))
        return isinstance(statement, ast.For) and all(map(self._pure, statement.body))

    def _has_move(self, statement: ast.stmt) -> bool:
        return any(node in self.statements for node in ast.walk(statement))

    def only_writes(self, statement: ast.stmt) -> bool:
        """Tell whether a statement is for nothing but the summaries that move."""
        last = statement is self.body.function.body[-1]
        return self._pure_or_alias(statement) or (does_nothing(statement) and (last or isinstance(statement, ast.Pass)))

    def _pure_or_alias(self, statement: ast.stmt) -> bool:
        return self._pure(statement) or self._alias(statement) or statement in self.flushes

    def _alias(self, statement: ast.stmt) -> bool:
        """Tell whether a statement only gives a short name to what its block then writes."""
        if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
            return False
        name = statement.targets[0]
        if not any(name.id == alias.id for move in self.moves for alias in move.inlined if isinstance(alias, ast.Name)):
            return False
        block = self.module.parent(statement)
        return all(block in set(self.module.ancestors(use)) for use in self.module.uses(self.body.scope, name.id))

    def _whole_loop(self, move: Move) -> bool:
        """Tell whether the loop that a summary stands in, if any, moves with it."""
        return move.loop is None or self._pure(move.loop)

    def _units(self) -> list[_Unit]:
        units: dict[ast.stmt, _Unit] = {}
        for move in self.moves:
            node: ast.stmt = move.summary.statement
            for block in reversed(move.contexts if move.before is None else []):
                if self.module.parent(node) is not block or not self._pure(block):
                    break
                node = block
            if move.loop is not None and move.loop not in set(ast.walk(node)):
                raise RefusedError(LOOP)
            units.setdefault(node, _Unit(node)).moves.append(move)
        return list(units.values())

    def _chain(self, unit: _Unit, hosts: Mapping[str, str], decided: Mapping[ast.If, bool]) -> list[str]:
        """Return the heads of the blocks that the host must put around a unit, outermost first."""
        heads: list[str] = []
        inside = set(ast.walk(unit.node))
        for block in unit.moves[0].contexts:
            if block in inside:
                continue
            if isinstance(block, ast.With):
                items = ", ".join(self._item(item, unit, hosts) for item in self._host_items(block))
                heads.append(f"with {items}:")
            elif isinstance(block, ast.If) and block not in decided:
                test = self._test(unit, block, hosts)
                joined = bool(heads) and heads[-1].startswith("if ") and not _LOOSE.search(heads[-1][3:] + test)
                heads = [*heads[:-1], f"{heads[-1][:-1]} and {test}:"] if joined else [*heads, f"if {test}:"]
        record = unit.moves[0].record
        if record is not None:
            flag = hosts.get(record.name, record.name)
            heads.append(f"with {self.body.tensorboard(unit.moves[0])}.record_if({flag}):")
        return heads + self._turns(unit, hosts)

    def _test(self, unit: _Unit, block: ast.If, hosts: Mapping[str, str]) -> str:
        """Return the condition under which a summary in a block, or behind it, is written."""
        move = unit.moves[0]
        value = move.tensor_tests.get(block)
        test = hosts.get(value.name, value.name) if value is not None else self._line(block.test)
        return test if self._holds(unit, block) else self._negated(block.test, test)

    def _holds(self, unit: _Unit, block: ast.If) -> bool:
        """Tell whether a condition has to be true for a unit to be written."""
        around = {unit.node, *self.module.ancestors(unit.node)}
        return unit.moves[0].early.get(block, any(node in around for node in block.body))

    def _decided(self, unit: _Unit, reference: Reference | None) -> dict[ast.If, bool]:
        """Return the conditions around a unit that a call decides by a constant, and whether they are true there."""
        blocks = [block for block in unit.moves[0].contexts if isinstance(block, ast.If)]
        return {block: way for block in blocks if (way := self._decides(reference, block)) is not None}

    def _decides(self, reference: Reference | None, block: ast.If) -> bool | None:
        """Return what a call says by a constant about a condition, which is a parameter or its opposite."""
        opposite = isinstance(block.test, ast.UnaryOp) and isinstance(block.test.op, ast.Not)
        name = block.test.operand if isinstance(block.test, ast.UnaryOp) and opposite else block.test
        parameter = self.body.parameters.get(name.id) if isinstance(name, ast.Name) else None
        if reference is None or parameter is None or len(self.body.scope.bindings[parameter.arg]) > 1:
            return None
        given = passed(self.body.function, reference, parameter)
        return given.value != opposite if isinstance(given, ast.Constant) and isinstance(given.value, bool) else None

    def _turns(self, unit: _Unit, hosts: Mapping[str, str]) -> list[str]:
        """Return the head of the loop over what the turns of a loop have gathered, if this is such a unit."""
        move = unit.moves[0]
        if move.before is None:
            return []
        together = [m for m in self.moves if m.before is move.before and m.turn == move.turn]
        gathered = {each.value.name: each for m in together for each in m.gathered.values()}
        targets = [self.elements[name] for name in gathered]
        values = [hosts.get(name, name) for name in gathered]
        if (loop := move.repeated) is not None:
            target = self._line(loop.target)
            targets.insert(0, f"({target})" if isinstance(loop.target, ast.Tuple) and target[0] != "(" else target)
            values.insert(0, self._head(loop.iter, unit))
            if any(hosts.get(name.id, name.id) != name.id for name in names_in(loop.iter)):
                raise NotHereError
        together_values = values[0] if len(values) == 1 else f"zip({', '.join(values)})"
        return [f"for {', '.join(targets)} in {together_values}:"]

    def _name_elements(self, scope: Scope, taken: set[str]) -> None:
        """Find names for what one turn gave, in a scope of the host."""
        self.elements = {}
        used: set[tuple[str, object]] = set()
        for move in self.moves:
            found = [(each.value.name, each.element) for each in move.gathered.values()]
            found += [(value.name, element) for value, element in move.loop_values.values()]
            for values, element in found:
                numbered = (f"{element}_{number}" for number in itertools.count(2))
                for name in itertools.chain([element], numbered) if values not in self.elements else ():
                    if name not in taken and (name, move.turn) not in used and not self.module.is_used(scope, name):
                        self.elements[values] = name
                        used.add((name, move.turn))
                        break

    def _negated(self, test: ast.expr, text: str) -> str:
        """Return the opposite of a condition, which the host writes as some text."""
        if text == self._line(test):
            if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
                return self._line(test.operand)
            if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in _OPPOSITES:
                return f"{self._line(test.left)} {_OPPOSITES[type(test.ops[0])]} {self._line(test.comparators[0])}"
            if not isinstance(test, (ast.Name, ast.Attribute, ast.Call)):
                return f"not ({text})"
        return f"not {text}"

    def _item(self, node: ast.expr, unit: _Unit, hosts: Mapping[str, str]) -> str:
        """Return an item of a ``with``; a flag that the function returns under its name on the host."""
        flag = node.args[0] if isinstance(node, ast.Call) and node.args else None
        value = unit.moves[0].values.get(flag) if flag is not None else None
        if value is None or not isinstance(node, ast.Call):
            return self._head(node, unit)
        return f"{self._line(node.func)}({hosts.get(value.name, value.name)})"

    def _head(self, node: ast.expr, unit: _Unit) -> str:
        """Return an item of a block's head, aliases of the function written out."""
        aliases = {
            alias.id: meaning for m in unit.moves for alias, meaning in m.inlined.items() if isinstance(alias, ast.Name)
        }
        if not any(name.id in aliases for name in names_in(node)):
            return self._line(node)
        text = self._line(node)
        for name, meaning in aliases.items():
            text = re.sub(rf"\b{name}\b", self._line(meaning), text)
        return text

    def _line(self, node: ast.expr) -> str:
        source = self.module.source(node)
        return ast.unparse(node) if "\n" in source or "\r" in source else source

    # Inside the function. ------------------------------------------------------------------------

    def _inside(self) -> list[Edit]:
        """Return the edits that take the summaries out of the function's body."""
        edits: list[Edit] = []
        emitted: set[int] = set()
        tests: dict[ast.If, str] = {}
        gone: set[ast.stmt] = set()
        for unit in self.units:
            for move in unit.moves:
                codes = []
                for value in move.all_values:
                    if value.code is not None and id(value) not in emitted:
                        emitted.add(id(value))
                        codes.append(f"{value.name} = {value.code}")
                if codes:
                    anchor, branch = self._anchor(unit, move)
                    edits.append(edit.InsertBefore(anchor, "\n".join(codes)))
                    if branch is not None and any(
                        self._made(anchor, leaving) is Made.PERHAPS for leaving in self.body.exits
                    ):
                        names = [code.partition(" = ")[0] for code in codes]
                        edits.append(edit.InsertBefore(branch, "\n".join(f"{name} = None" for name in names)))
                written = [
                    f"{each.value.name} = {each.value.name}.write({each.value.name}.size(), {each.code})"
                    if each.array
                    else f"{each.value.name}.append({each.code})"
                    for each in move.gathered.values()
                    if id(each) not in emitted
                ]
                emitted.update(map(id, move.gathered.values()))
                if written:
                    edits.append(edit.InsertBefore(move.summary.statement, "\n".join(written)))
            for block in unit.moves[0].early:
                test = unit.moves[0].tensor_tests.get(block)
                if test is not None and test.code is not None:
                    tests[block] = test.name
            gone.update(self._removed(unit))
        edits += [edit.Replace(block.test, name) for block, name in tests.items()]
        gone.update(self.loose_blocks)
        gone.update(self._idle_aliases())
        edits += [edit.Remove(statement) for statement in sorted(gone, key=lambda s: s.lineno)]
        edits += self._dissolved(gone)
        return [*edits, *self.body.imports]

    def _idle_aliases(self) -> Iterator[ast.stmt]:
        """Yield what gives short names to things that only the summaries used."""
        taken = self._taken_along()
        names = {alias.id: alias for move in self.moves for alias in move.inlined if isinstance(alias, ast.Name)}
        for name in names:
            (binding,) = self.body.scope.bindings[name]
            uses = [use for use in self.module.uses(self.body.scope, name) if use is not binding.node]
            statement = self.module.statement(binding.node)
            if all(id(use) in taken for use in uses) and id(binding.node) not in taken:
                yield statement

    def _removed(self, unit: _Unit) -> list[ast.stmt]:
        """Return the statements of a unit that go away: not a condition under which values are computed."""
        todo, removed = [unit.node], []
        while todo:
            node = todo.pop(0)
            inside = set(ast.walk(node))
            if any(move.loop in inside for move in unit.moves):
                removed.append(node)
                continue
            computed = any(
                value.code is not None
                for move in unit.moves
                if move.summary.statement in inside
                for value in move.all_values
            )
            if isinstance(node, ast.If) and computed and not any(node in move.tensor_tests for move in unit.moves):
                todo += [*node.body, *node.orelse]
            elif (
                isinstance(node, ast.With)
                and computed
                and any(
                    isinstance(n, ast.If) and not any(n in move.tensor_tests for move in unit.moves) for n in inside
                )
            ):
                todo += node.body
            else:
                removed.append(node)
        return removed

    def _anchor(self, unit: _Unit, move: Move) -> tuple[ast.stmt, ast.If | None]:
        """Return the statement before which a value is computed, and the outermost ``if`` around it."""
        if move.before is not None:
            return move.before, None
        if move.tensor_tests:
            return min(move.tensor_tests, key=lambda block: block.lineno), None
        if move.loop is not None:
            return unit.node, None
        anchor: ast.stmt = move.summary.statement
        node = anchor
        while node is not unit.node:
            node = self.module.statement(self.module.parent(node))  # type: ignore[arg-type]
            if isinstance(node, ast.If):
                break
            anchor = node
        return anchor, next(iter(move.branches), None)

    def _dissolved(self, gone: set[ast.stmt]) -> Iterator[Edit]:
        """Yield the edits that take away what is left of blocks that made a writer the default."""
        blocks = dict.fromkeys(
            block for move in self.moves for block in move.contexts
            if isinstance(block, ast.With) and not any(a in gone for a in (block, *self.module.ancestors(block)))
        )  # fmt: skip
        removed = {node for statement in gone for node in ast.walk(statement)}
        for block in blocks:
            left = self._left(block, removed)
            if self._writes(left):
                continue
            for call in left:
                self._check_left(call)
            items = [item.context_expr for item in block.items]
            drop = [
                expression for expression in self._host_items(block)
                if not (isinstance(expression, ast.Call) and self.module.resolve(expression.func) in NAME_SCOPES)
            ]  # fmt: skip
            if len(drop) == len(items):
                yield edit.Unwrap(block)
            else:
                yield from (edit.RemoveWithItem(block, expression) for expression in drop)

    def _check_left(self, call: ast.Call) -> None:
        """Refuse to take the writer away from a call that may write summaries itself."""
        module, project = self.module, self.module.project
        name = module.resolve(call.func)
        if name is not None and name.startswith(("tensorflow.", "keras.", "builtins.", "numpy.")):
            return
        last = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        others = [module]
        if project is not None:
            others += [m for path in project.mentioning("summary") if (m := project.module(path)) and m is not module]
        for other in others:
            for inner in other.find_all(ast.Call):
                function = other.function(inner) if summary_name(other, inner) is not None else None
                if function is None or function is self.body.function:
                    continue
                owner = other.enclosing(function, ast.ClassDef)
                if function.name == last or (owner is not None and function.name in {"call", "__call__"}):
                    raise RefusedError(
                        WRITER_BLOCK,
                        f"`{module.source(call.func)}` may write summaries under the same writer",
                    )

    # The value that the function returns. -----------------------------------------------------------

    @cached_property
    def returned(self) -> _Returned:
        """What the function returns today, and which of the values it lacks."""
        values = self.body.exits
        plain = {v.name for v in self.values if v.code is None}
        first, *others = (_places(value, plain) for value in values.values())
        there = {name: place for name, place in first.items() if all((name, place) in o.items() for o in others)}
        return _Returned(values, there, list({v.name: v for v in self.values if v.name not in there}.values()))

    def _return_edits(self, flat: bool) -> list[Edit]:
        returned = self.returned
        if not returned.lacking:
            return []
        self._check_exported()
        edits: list[Edit] = []
        partly = False
        for statement, value in returned.values.items():
            extra = [self._at(v, statement) for v in returned.lacking]
            partly = partly or "None" in extra
            names = ", ".join(extra)
            code: Code
            if value is None:
                code = f"return {names}" if returned.nothing else f"return None, {names}"
                if returned.nothing and extra == ["None"]:
                    continue
                after = edit.InsertAfter(self.body.function.body[-1], code)
                edits.append(edit.Replace(statement, code) if statement is not None else after)
                continue
            if flat and isinstance(value, ast.Tuple):
                parts: list[str | edit.Move] = []
                for element in value.elts:
                    parts += [edit.Move(element), ", "]
                code = (*parts, names)
            elif isinstance(value, ast.Tuple) and not self.module.source(value).startswith("("):
                code = ("(", edit.Move(value), f"), {names}")
            else:
                code = (edit.Move(value), f", {names}")
            edits.append(edit.Replace(value, code))
        return [*self._annotation(partly), *edits]

    def _at(self, value: Value, leaving: Exit) -> str:
        """Return what the function returns for a value at an exit: its name, or None where it isn't made."""
        unit, move = next((u, m) for u in self.units for m in u.moves if any(v is value for v in m.all_values))
        anchor, branch = self._anchor(unit, move)
        places: list[ast.stmt] = [anchor]
        if value.code is None:
            stores = [b.node for b in self.body.scope.bindings[value.name]]
            if any(isinstance(node, ast.arg) for node in stores):
                return value.name
            places = [move.loop or move.summary.statement, *map(self.module.statement, stores)]
        found = {self._made(place, leaving) for place in places}
        if Made.ALWAYS in found:
            array = any(each.array for each in move.gathered.values() if each.value is value)
            return f"{value.name}.stack()" if array else value.name
        initial = self._made(branch, leaving) if value.code is not None and branch is not None else None
        if (found != {Made.NEVER} and initial is not Made.ALWAYS) or self._under_tensor(leaving):
            raise RefusedError(SEVERAL_RETURNS)
        return "None" if found == {Made.NEVER} else value.name

    def _made(self, statement: ast.stmt, leaving: Exit) -> Made:
        return made(self.module, self.body.function, statement, leaving)

    def _under_tensor(self, leaving: Exit) -> bool:
        """Tell whether a function may return there under a tensor's condition, which can't return None."""
        around = self.module.ancestors(leaving) if leaving is not None else ()
        inside = itertools.takewhile(lambda node: node is not self.body.function, around)
        return any(isinstance(node, ast.If) and not self.body.is_python_test(node.test) for node in inside)

    def _annotation(self, partly: bool) -> list[Edit]:
        annotation = self.body.function.returns
        if annotation is None:
            return []
        tensor = f"{self.body.tensorflow}.Tensor" + (" | None" if partly else "")
        quoted = annotation.value if isinstance(annotation, ast.Constant) else None
        written = quoted if isinstance(quoted, str) else self._line(annotation)
        parts = ([] if self.returned.nothing else [written]) + [tensor] * len(self.returned.lacking)
        text = parts[0] if len(parts) == 1 else f"tuple[{', '.join(parts)}]"
        return [edit.Replace(annotation, repr(text) if '"' in text else f'"{text}"'), *self.body.imports]

    def _check_exported(self) -> None:
        if not self.body.exported:
            return
        if self.body.exports:
            raise RefusedError(EXPORTED)

    # The block behind the call. --------------------------------------------------------------------

    def _site(self) -> tuple[Reference, ast.Expr | ast.Assign | ast.Return]:
        """Return the only call, if the block can follow it."""
        references = self.body.references
        if len(references) != 1 or references[0].module is not self.module or references[0].call is None:
            raise NotHereError
        if self.body.shared or references[0].indirect or self._public_or_rebound():
            raise NotHereError
        return references[0], self._statement(references[0])

    def _statement(self, reference: Reference) -> ast.Expr | ast.Assign | ast.Return:
        """Return the statement that is nothing but a call, or an assignment of its result.

        A call that is returned is one where there can be no wrapper: an object keeps the traced function.
        """
        call = reference.call
        assert call is not None
        statement = self.module.parent(call)
        if isinstance(statement, ast.Return) and isinstance(self.body.traced.target, ast.Attribute):
            self._check_call(reference)
            return statement
        if not isinstance(statement, (ast.Expr, ast.Assign)) or (
            isinstance(statement, ast.Assign) and len(statement.targets) != 1
        ):
            raise NotHereError
        self._check_call(reference)
        return statement

    def _check_call(self, reference: Reference) -> None:
        """See that a call's arguments, and the object it is made on, can be seen."""
        call = reference.call
        assert call is not None
        if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
            raise NotHereError
        if self.body.traced.owner is not None and not self._own_receiver(reference):
            raise NotHereError

    def _public_or_rebound(self) -> bool:
        """Tell whether code out of sight may call the function, or another one under its name."""
        module, traced = self.module, self.body.traced
        scope = module.scope(traced.target or traced.function)
        bindings = scope.bindings.get(traced.name, [])
        if traced.owner is None and len(bindings) > (
            2 if traced.target is not None and traced.name == traced.function.name else 1
        ):
            return True
        if looked_up(module, traced.name):
            return True
        exported = [b.value for b in module.inner_scope(module.tree).bindings.get("__all__", ())]
        return any(isinstance(n, ast.Constant) and n.value == traced.name for v in exported if v for n in ast.walk(v))

    def _own_receiver(self, reference: Reference) -> bool:
        """Tell whether a method is called on an object that is known to be of its own class."""
        receiver = reference.receiver
        owner = self.body.traced.owner
        if reference.instance:
            return True
        if not isinstance(receiver, ast.Name) or owner is None:
            return False
        if self.body.binding is not None:
            return self.module.resolve(receiver) == f"{self.module.id}.{self.module.qualname(owner)}"
        if "self" not in self.body.parameters:
            return False
        name = f"{self.module.id}.{self.module.qualname(owner)}"
        if receiver.id == "self":
            around = self.module.enclosing(receiver, ast.ClassDef)
            return around is owner or (around is not None and name in ancestors(self.module, around))
        values = [binding.value for binding in self.module.bindings(receiver)]
        return len(values) == 1 and isinstance(values[0], ast.Call) and self.module.resolve(values[0].func) == name

    def _behind_call(self, site: tuple[Reference, ast.Expr | ast.Assign | ast.Return], lost: bool) -> list[Edit]:
        edits, flat = self._called(*site, lost)
        return [*self._without_parameters(site[0]), *edits, *self._return_edits(flat)]

    def _without_parameters(self, reference: Reference | None) -> list[Edit]:
        return [edit.RemoveParameter(self.body.function, parameter) for parameter, _ in self._dropped(reference)]

    def _called(
        self, reference: Reference, statement: ast.Expr | ast.Assign | ast.Return, lost: bool
    ) -> tuple[list[Edit], bool]:
        """Return the edits at a call, and whether it needs the returned tuple to grow flat."""
        call = reference.call
        assert call is not None
        returned = self.returned
        there, lacking = returned.there, returned.lacking
        scope = self.module.scope(statement)
        self._check_targets(scope)
        hosts: dict[str, str] = {}
        for v in lacking:
            hosts[v.name] = self._free_name(v.name, scope)
        self._name_elements(scope, set(hosts.values()))
        changed = self._call_edits(reference)
        moved_call = edit.Move(call, changed)
        edits: list[Edit] = []
        flat = False
        if isinstance(statement, ast.Expr):
            targets, flat = self._new_targets(hosts, scope)
            if targets:
                edits.append(edit.Replace(statement, (", ".join(targets) + " = ", moved_call)))
            elif changed:
                edits.append(edit.Replace(statement, (moved_call,)))
        elif isinstance(statement, ast.Return):
            result = self._free_name(returned.names[0] if len(returned.names) == 1 else "result", scope)
            for name, place in there.items():
                hosts[name] = result if place is None else f"{result}[{place!r}]".replace("'", '"')
            targets = [*([] if returned.nothing else [result]), *(hosts[v.name] for v in lacking)]
            if not targets:
                raise NotHereError
            block = self._block(hosts, lost, statement, reference)
            edits.append(edit.Replace(statement, (", ".join(targets) + " = ", moved_call)))
            return [
                *edits,
                edit.InsertAfter(statement, (*block, f"return {None if returned.nothing else result}\n")),
            ], False
        else:
            target = statement.targets[0]
            if returned.nothing and lacking:
                raise NotHereError
            flat = self._assigned(edits, target, hosts)
            if changed:
                edits.append(edit.Replace(call, (moved_call,)))
        block = self._block(hosts, lost, statement, reference)
        return [*edits, *([edit.InsertAfter(statement, block)] if block else [])], flat

    def _new_targets(self, hosts: dict[str, str], scope: Scope) -> tuple[list[str], bool]:
        """Return what a call whose result nothing takes is assigned to, and whether the returned tuple grows flat."""
        returned = self.returned
        there, lacking = returned.there, returned.lacking
        flat = False
        if returned.nothing:
            targets = [hosts[v.name] for v in lacking]
        elif self.may_be_flat and returned.length is not None and (there or lacking):
            flat = True
            at = {index: name for name, index in there.items()}
            targets = []
            for index in range(returned.length):
                name = at.get(index)
                if name is not None:
                    hosts[name] = self._free_name(name, scope)
                targets.append(hosts[name] if name is not None else "_")
            targets += [hosts[v.name] for v in lacking]
        elif None in there.values():
            ((name, _),) = there.items()
            hosts[name] = self._free_name(name, scope)
            targets = [hosts[name], *(hosts[v.name] for v in lacking)]
        elif there:
            raise NotHereError
        else:
            targets = ["_", *(hosts[v.name] for v in lacking)] if lacking else []
        if "_" in targets and "_" in scope.uses:
            raise NotHereError
        return targets, flat

    def _call_edits(self, reference: Reference) -> tuple[edit.NodeEdit, ...]:
        """Return the edits inside a call."""
        call = reference.call
        assert call is not None
        gone = [argument for _, argument in self._dropped(reference) if argument is not None]
        listed = run_arguments(reference) if reference.replicated and gone else None
        if listed is None:
            return tuple(edit.RemoveArgument(call, argument) for argument in gone)
        rest = [element for element in listed.elts if element not in gone]
        if not rest:
            return (edit.RemoveArgument(call, next((k for k in call.keywords if k.value is listed), listed)),)
        parts: list[str | edit.Move] = ["("]
        for element in rest:
            parts += [", "] * (len(parts) > 1) + [edit.Move(element)]
        return (edit.Replace(listed, (*parts, ",)" if len(parts) == 2 else ")")),)

    def _check_targets(self, scope: Scope) -> None:
        """Refuse a loop on the host that would bind a name that the caller uses."""
        if any(self.module.is_used(scope, name) for move in self.moves for name in (*move.targets, *move.bound)):
            raise NotHereError

    def _assigned(self, edits: list[Edit], target: ast.expr, hosts: dict[str, str]) -> bool:
        """Add the values to an assignment's targets; tell whether the returned tuple grows flat."""
        elements = target.elts if isinstance(target, (ast.Tuple, ast.List)) else None
        aligned = (
            elements is not None
            and self.returned.length == len(elements)
            and not any(isinstance(e, ast.Starred) for e in elements)
        )
        flat = self.may_be_flat and aligned
        stored = [ast.unparse(element) for element in elements or ()]
        for name, place in self.returned.there.items():
            if place is None:
                hosts[name] = self._readable(target)
            elif (
                isinstance(place, int)
                and stored
                and (not aligned or stored.count(stored[place]) > 1 or stored[place] == "_")
            ):
                raise NotHereError
            elif aligned and isinstance(place, int) and elements is not None:
                hosts[name] = self._readable(elements[place])
            elif elements is None:
                hosts[name] = f"{self._readable(target)}[{place!r}]".replace("'", '"')
            else:
                raise NotHereError
        extra = ", ".join(hosts[v.name] for v in self.returned.lacking)
        if extra:
            if flat and elements is not None:
                parts: list[str | edit.Move] = []
                for element in elements:
                    parts += [edit.Move(element), ", "]
                edits.append(edit.Replace(target, (*parts, extra)))
            elif elements is not None:
                if isinstance(target, ast.Tuple) and not self.module.source(target).startswith("("):
                    edits.append(edit.Replace(target, ("(", edit.Move(target), f"), {extra}")))
                else:
                    edits.append(edit.Replace(target, (edit.Move(target), f", {extra}")))
            else:
                edits.append(edit.Replace(target, (edit.Move(target), f", {extra}")))
        return flat

    def _readable(self, target: ast.expr) -> str:
        if isinstance(target, ast.Name) or (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)):
            return self.module.source(target)
        raise NotHereError

    def _free_name(self, name: str, scope: Scope) -> str:
        """Return a name that nothing at the call uses."""
        candidates = [
            name,
            f"{self.body.traced.name.strip('_')}_{name}",
            f"{name}_value",
            f"logged_{name}",
            f"summary_{name}",
        ]
        for candidate in candidates:
            if not self.module.is_used(scope, candidate):
                return candidate
        raise NotHereError

    def _dropped(self, reference: Reference | None) -> list[tuple[ast.arg, ast.expr | ast.keyword | None]]:
        """Return the parameters that only the moved summaries used, with what the call passes for them."""
        if (
            "input_signature" in self.body.traced.options
            or self.body.exported
            or self.body.retracing_matters
            or self._has_comments
        ):
            return []
        function = self.body.function
        returned = {v.name for v in self.values if v.code is None}
        taken = self._taken_along()
        dropped: list[tuple[ast.arg, ast.expr | ast.keyword | None]] = []
        variadic = {function.args.vararg, function.args.kwarg}
        for name, parameter in self.body.parameters.items():
            uses = self.module.uses(self.body.scope, name)
            if parameter in variadic or name in {"self", "cls"} or not uses or name in returned:
                continue
            if not all(self._removable(each, parameter) for each in self.body.references):
                continue
            if all(id(use) in taken for use in uses):
                argument = passed(function, reference, parameter) if reference is not None else None
                given = next(
                    (
                        k
                        for k in (reference.call.keywords if reference is not None and reference.call else ())
                        if k.value is argument
                    ),
                    argument,
                )
                dropped.append((parameter, given))
        return dropped

    @cached_property
    def _has_comments(self) -> bool:
        """Tell whether comments stand among the function's parameters or a call's arguments."""
        function = self.body.function
        last = max(
            (node.end_lineno or 0 for node in ast.walk(function.args) if isinstance(node, (ast.arg, ast.expr))),
            default=0,
        )
        spans = [(function.lineno, last + 1)] if last > function.lineno else []
        calls = [each.call for each in self.body.references if each.call is not None and each.module is self.module]
        spans += [(call.lineno, call.end_lineno or 0) for call in calls]
        return any("#" in line for start, end in spans for line in self.module.lines[start - 1 : end - 1])

    def _removable(self, reference: Reference, parameter: ast.arg) -> bool:
        """Tell whether a call can do without an argument: ``strategy.run`` if it is one of those listed."""
        if not reference.replicated:
            return True
        listed = run_arguments(reference)
        return (
            listed is not None
            and not any(isinstance(element, ast.Starred) for element in listed.elts)
            and passed(self.body.function, reference, parameter) in listed.elts
        )

    def _context_nodes(self, unit: _Unit, removed: set[ast.AST]) -> Iterator[ast.expr]:
        """Yield what makes a writer the default around a unit, in blocks that write nothing without it."""
        for block in unit.moves[0].contexts:
            if block is unit.node or block in set(ast.walk(unit.node)):
                continue
            if isinstance(block, ast.With) and not self._writes(self._left(block, removed)):
                yield from self._host_items(block)

    def _left(self, block: ast.With, removed: set[ast.AST]) -> list[ast.Call]:
        """Return the calls in a block that stay."""
        nodes = (node for statement in block.body for node in ast.walk(statement))
        return [node for node in nodes if isinstance(node, ast.Call) and node not in removed]

    def _writes(self, calls: Iterable[ast.Call]) -> bool:
        return any(summary_name(self.module, call) is not None for call in calls)

    def _block(
        self, hosts: dict[str, str], lost: bool, statement: ast.stmt | None, reference: Reference | None
    ) -> Code:
        """Return the summaries as host code.

        Args:
            hosts: the host's names for the function's values.
            lost: no writer is the default there.
            statement: the statement of the call; None in a wrapper.
            reference: the call; None in a wrapper.
        """
        place: ast.AST = statement if statement is not None else self.body.traced.target or self.body.function
        if reference is not None and reference.replicated:
            hosts = {name: local_result(self.module, reference, text) for name, text in hosts.items()}
        writer = f"with {self._writer_at(place)}.as_default():" if lost else None
        around = self._lexical_writer(statement) if statement is not None else None
        parts: list[str | edit.Move] = []
        previous: list[str] = []
        for unit in itertools.chain.from_iterable(self._opened(u, reference) for u in self._host_units(around)):
            decided = self._decided(unit, reference)
            if any(way != self._holds(unit, block) for block, way in decided.items()):
                continue
            chain = [
                head
                for head in self._chain(unit, hosts, decided)
                if around is None or head != f"with {around}.as_default():"
            ]
            if writer is not None and all(not move.has_writer for move in unit.moves):
                chain = [writer, *chain]
            if chain != previous or not parts:
                for depth, head in enumerate(chain):
                    parts.append("    " * depth + self._translated(head, unit, reference, statement) + "\n")
            previous = chain
            parts += [f"{'    ' * len(chain)}{comment}\n" for comment in unit.comments]
            parts += [
                "    " * len(chain),
                edit.Move(unit.node, tuple(self._inner(unit, hosts, reference, statement))),
                "\n",
            ]
        for flush in self.loose:
            inlined = {alias: meaning for move in self.moves for alias, meaning in move.inlined.items()}
            renamed = [
                (
                    n,
                    self._substituted(inlined[n], reference, statement)
                    if n in inlined
                    else self._host_name(n, reference, statement),
                )
                for n in names_in(flush)
            ]
            parts += [edit.Move(flush, tuple(edit.Replace(n, text) for n, text in renamed if text != n.id)), "\n"]
        return tuple(parts)

    def _lexical_writer(self, statement: ast.stmt) -> str | None:
        for around in self.module.ancestors(statement):
            if isinstance(around, (ast.FunctionDef, ast.AsyncFunctionDef)):
                return None
            if isinstance(around, ast.With):
                for _, writer in writer_items(self.module, around):
                    return self.module.source(writer)
        return None

    def _host_units(self, around: str | None) -> Iterator[_Unit]:
        """Yield the units, a ``with`` of the writer that is the default anyway taken apart."""
        for unit in self.units:
            node = unit.node
            if (
                around is not None
                and isinstance(node, ast.With)
                and len(node.items) == 1
                and not any(self._alias(s) for s in node.body)
            ):
                items = list(writer_items(self.module, node))
                if items and self.module.source(items[0][1]) == around:
                    comments = self._comments(node)
                    for statement in node.body:
                        inside = set(ast.walk(statement))
                        yield _Unit(statement, [m for m in unit.moves if m.summary.statement in inside], comments)
                        comments = ()
                    continue
            yield unit

    def _opened(self, unit: _Unit, reference: Reference | None) -> Iterator[_Unit]:
        """Yield what is left of a unit where a call decides about its condition."""
        node = unit.node
        way = self._decides(reference, node) if isinstance(node, ast.If) else None
        if way is None or not isinstance(node, ast.If):
            yield unit
            return
        comments = (*unit.comments, *self._comments(node))
        for statement in node.body if way else node.orelse:
            inside = set(ast.walk(statement))
            moves = [move for move in unit.moves if move.summary.statement in inside]
            if moves:
                yield from self._opened(_Unit(statement, moves, comments), reference)
                comments = ()

    def _comments(self, block: ast.With | ast.If) -> tuple[str, ...]:
        """Return the comments that stand on a block's head and directly above it."""
        lines = self.module.lines
        found = []
        line = block.lineno - 2
        while line >= 0 and lines[line].lstrip().startswith("#"):
            found.append(lines[line].strip())
            line -= 1
        head = lines[block.body[0].lineno - 2] if block.body[0].lineno > block.lineno else ""
        match = re.search(r":\s*(#.*)$", head.rstrip())
        return (*reversed(found), *([match[1]] if match else []))

    def _inner(
        self, unit: _Unit, hosts: dict[str, str], reference: Reference | None, statement: ast.stmt | None
    ) -> Iterator[edit.NodeEdit]:
        """Yield the edits inside a moved unit: values and arguments under their names on the host."""
        replaced: set[ast.AST] = set()
        inside = set(ast.walk(unit.node))
        for loop in {move.loop for move in unit.moves if move.loop_values and move.loop is not None}:
            yield from self._zipped(loop, unit, hosts, reference, statement)
            replaced.update(ast.walk(loop.iter))
        for move in unit.moves:
            tests = {block.test: value for block, value in move.tensor_tests.items() if value and block in inside}
            for argument, value in {**move.values, **tests}.items():
                if argument in replaced or argument not in inside:
                    continue
                replaced.update(ast.walk(argument))
                host = hosts.get(value.name, value.name)
                if self.module.source(argument) != host:
                    yield edit.Replace(argument, host)
            if move.default_step is not None:
                step = move.default_step.name
                yield edit.AddArgument(move.summary.call, "step", hosts.get(step, step))
            for argument, each in move.gathered.items():
                replaced.update(ast.walk(argument))
                if self.module.source(argument) != self.elements[each.value.name]:
                    yield edit.Replace(argument, self.elements[each.value.name])
            for argument, (value, _) in move.loop_values.items():
                replaced.update(ast.walk(argument))
                yield edit.Replace(argument, self.elements[value.name])
            for alias, meaning in move.inlined.items():
                if alias not in inside or alias in replaced or self._alias_inside(alias, inside):
                    continue
                replaced.update(ast.walk(alias))
                text = self._substituted(meaning, reference, statement)
                yield edit.Replace(alias, text)
        for name in [n for n in ast.walk(unit.node) if isinstance(n, ast.Name)]:
            if name in replaced:
                continue
            text = self._host_name(name, reference, statement)
            if text != name.id:
                if any(isinstance(a, ast.JoinedStr) for a in self.module.ancestors(name)):
                    raise NotHereError
                yield edit.Replace(name, text)

    def _zipped(
        self,
        loop: ast.For,
        unit: _Unit,
        hosts: Mapping[str, str],
        reference: Reference | None,
        statement: ast.stmt | None,
    ) -> Iterator[edit.NodeEdit]:
        """Yield the edits by which a loop goes over the values that were computed for it too."""
        moves = [move for move in unit.moves if move.loop is loop]
        values = [pair for move in moves for pair in move.loop_values.values()]
        target, iterable = self.module.source(loop.target), self.module.source(loop.iter)
        texts = {n.id: hosts.get(n.id) or self._host_name(n, reference, statement) for n in names_in(loop.iter)}
        aliases = {alias.id: meaning for move in moves for alias, meaning in move.inlined.items()
                   if isinstance(alias, ast.Name) and alias in set(ast.walk(loop.iter))}  # fmt: skip
        changed = {name: text for name, text in texts.items() if text != name and name not in aliases}
        if "\n" in iterable or not all(re.fullmatch(r"[\w.]+(\[[^][]*\])?", text) for text in changed.values()):
            raise NotHereError
        changed |= {name: self._substituted(meaning, reference, statement) for name, meaning in aliases.items()}
        iterable = re.sub(r"(?<![\w.])[^\W\d]\w*", lambda found: changed.get(found[0], found[0]), iterable)
        if isinstance(loop.target, ast.Tuple) and not target.startswith("("):
            target = f"({target})"
        yield edit.Replace(loop.target, ", ".join([target, *(self.elements[value.name] for value, _ in values)]))
        lists = ", ".join(hosts.get(value.name, value.name) for value, _ in values)
        yield edit.Replace(loop.iter, f"zip({iterable}, {lists})")

    def _alias_inside(self, alias: ast.expr, inside: set[ast.AST]) -> bool:
        assert isinstance(alias, ast.Name)
        return any(b.node in inside for b in self.body.scope.bindings[alias.id])

    def _translated(self, head: str, unit: _Unit, reference: Reference | None, statement: ast.stmt | None) -> str:
        """Return a block's head; it must mean the same on the host as in the function."""
        if reference is not None:
            for block in (*unit.moves[0].contexts, *filter(None, [unit.moves[0].repeated])):
                parts = self._parts(block)
                if isinstance(block, ast.If) and unit.moves[0].tensor_tests.get(block) is not None:
                    continue
                for part in parts:
                    for name in names_in(part):
                        meaning = next((m.inlined[name] for m in unit.moves if name in m.inlined), None)
                        if meaning is not None:
                            self._substituted(meaning, reference, statement)
                        elif self._host_name(name, reference, statement) != name.id:
                            raise NotHereError
        return head

    def _parts(self, block: ast.With | ast.If | ast.For) -> list[ast.expr]:
        """Return the expressions of a block's head that the host evaluates."""
        if isinstance(block, ast.With):
            return self._host_items(block)
        return [block.test if isinstance(block, ast.If) else block.iter]

    def _substituted(self, node: ast.expr, reference: Reference | None, statement: ast.stmt | None) -> str:
        for name in names_in(node):
            text = self._host_name(name, reference, statement)
            if text != name.id and node is not name:
                raise NotHereError
            if node is name:
                return text
        return self._line(node)

    def _host_name(self, name: ast.Name, reference: Reference | None, statement: ast.stmt | None) -> str:
        """Return what the host writes for a name that the function reads."""
        scope = self.module.scope(name).lookup(name.id)
        if reference is None or statement is None:
            return name.id
        if scope is self.body.scope:
            if name.id not in self.body.parameters:
                return name.id  # an alias or a loop's variable that moves along
            text = self._argument(name.id, reference, statement)
            around = self.module.parent(name)
            if text != name.id and isinstance(around, ast.Attribute) and around.attr.startswith("_"):
                raise NotHereError  # private: only the object's own code says it
            if reference.replicated and any(
                name in ast.walk(data) for move in self.moves for data in move.summary.data.values()
            ):
                return local_result(self.module, reference, text)
            return f"({text})" if isinstance(around, _OPERATORS) and not _is_atom(text) else text
        here = self.module.scope(statement)
        if scope is not None and scope.node in {
            n for n in ast.walk(self.module.statement(name)) if not isinstance(n, ast.stmt)
        }:
            return name.id  # bound inside the expression itself
        if here.lookup(name.id) is not scope:
            raise NotHereError
        return name.id

    def _argument(self, name: str, reference: Reference, statement: ast.stmt) -> str:
        parameter = self.body.parameters[name]
        function = self.body.function
        if parameter is self.body.receiver:
            assert reference.receiver is not None
            return self.module.source(reference.receiver)
        if parameter in {function.args.vararg, function.args.kwarg}:
            raise NotHereError
        argument = passed(function, reference, parameter)
        if argument is None and (default := self._default(name, reference)) is not None:
            return default
        if argument is None or not (
            _is_reference(argument) or self._repeatable(argument) or self._moves_once(parameter, argument, reference)
        ):
            raise NotHereError
        if isinstance(statement, ast.Assign):
            stores = {n.id for t in statement.targets for n in names_in(t)}
            if stores & {n.id for n in names_in(argument)}:
                raise NotHereError
        return self.module.source(argument)

    def _default(self, name: str, reference: Reference) -> str | None:
        """Return the constant that a parameter has where a call leaves it out, unless it decides about a branch."""
        args, module = self.body.function.args, self.module
        positional = [*args.posonlyargs, *args.args]
        defaults = dict(zip([arg.arg for arg in positional[::-1]], args.defaults[::-1], strict=False))
        defaults |= {a.arg: value for a, value in zip(args.kwonlyargs, args.kw_defaults, strict=True) if value}
        uses = module.uses(self.body.scope, name)
        tested = any(
            isinstance(statement := module.statement(u), ast.If) and u in ast.walk(statement.test) for u in uses
        )
        given = not reference.replicated or run_arguments(reference) is not None
        default = defaults.get(name)
        return module.source(default) if isinstance(default, ast.Constant) and given and not tested else None

    def _repeatable(self, argument: ast.expr) -> bool:
        """Tell whether an argument is a plain constant or cast, which may stand in several summaries."""
        allowed = {"tensorflow.constant", "tensorflow.cast", "tensorflow.convert_to_tensor", "builtins.int"}
        return all(
            self.module.resolve(node.func) in allowed if isinstance(node, ast.Call) else isinstance(node, _PLAIN)
            for node in ast.walk(argument)
        )

    def _moves_once(self, parameter: ast.arg, argument: ast.expr, reference: Reference) -> bool:
        """Tell whether an argument's expression can move from the call into the block behind it."""
        calls = [n for n in ast.walk(argument) if isinstance(n, ast.Call)]
        return (
            len(self.module.uses(self.body.scope, parameter.arg)) == 1
            and any(parameter is dropped for dropped, _ in self._dropped(reference))
            and all((self.module.resolve(c.func) or "").startswith(("tensorflow.", "builtins.int")) for c in calls)
            and all(isinstance(n, (ast.Call, *_PLAIN)) for n in ast.walk(argument))
        )

    # The wrapper. ----------------------------------------------------------------------------------

    @property
    def _inner_name(self) -> str:
        """What a function is called that has a wrapper."""
        owner = self.body.traced.owner
        klass = f"{owner.name.lower()}_" if owner is not None and self.body.overrides is not None else ""
        return traced_name(self.body.traced.name, klass)

    def _wrapper(self, lost: bool) -> list[Edit]:
        """Return the edits for a host function of the same name that calls the traced one and then writes."""
        traced, function, module = self.body.traced, self.body.function, self.module
        if traced.wrapped is not None and not isinstance(traced.target, ast.Name):
            raise RefusedError(NAMES)
        if self.body.exported:
            self._check_exported()
        name, inner = traced.name, self._inner_name
        if inner in module.text:
            raise RefusedError(NAMES, f"the name `{inner}` is taken")
        dropped = {parameter for parameter, _ in self._dropped(None)}
        call = f"{self._prefix}{inner}({', '.join(self._forwarded(dropped))})"
        hosts = {v.name: v.name for v in self.values}
        targets, result = self._unpacked(hosts)
        self._name_elements(self.body.scope.root, {*self.body.parameters, *re.findall(r"\w+", targets)})
        line = f"{targets} = {call}" if targets else call
        block = self._block(hosts, lost, None, None)
        head = f"def {name}({self._signature()}){self._returns()}:\n"
        if self.body.binding is not None:
            head = f"@{self._line(self.body.binding)}\n{head}"
        edits = [*self._without_parameters(None), *self._return_edits(flat=self.returned.length is not None)]
        document: list[str | edit.Move] = []
        first_statement = function.body[0]
        if ast.get_docstring(function, clean=False) is not None and traced.wrapped is None:
            document = ["    ", edit.Move(first_statement), "\n"]
            edits.append(edit.Remove(first_statement))
        place = function if traced.target is None else module.statement(traced.target)
        blank = "\n" * (2 if module.parent(place) is module.tree else 1)
        code = (blank + head, *document, f"    {line}\n", *_indented(block))
        if result is not None:
            code = (*code, f"    return {result}\n")
        if traced.target is None:
            edits.append(edit.Rename(function, inner))
        else:
            edits.append(edit.Replace(traced.target, inner))
        return [*edits, edit.InsertAfter(place, code)]

    @property
    def _prefix(self) -> str:
        """What a method's wrapper calls the traced method on."""
        owner, receiver = self.body.traced.owner, self.body.receiver
        if owner is None:
            return ""
        if receiver is not None:
            return f"{receiver.arg}."
        if self.body.binding is None or self.module.parent(owner) is not self.module.tree:
            raise RefusedError(NAMES)
        return f"{owner.name}."

    def _forwarded(self, dropped: set[ast.arg]) -> Iterator[str]:
        args = self.body.function.args
        positional = [*args.posonlyargs, *args.args]
        yield from (p.arg for p in positional if p not in dropped and p is not self.body.receiver)
        if args.vararg is not None:
            yield f"*{args.vararg.arg}"
        yield from (f"{p.arg}={p.arg}" for p in args.kwonlyargs if p not in dropped)
        if args.kwarg is not None:
            yield f"**{args.kwarg.arg}"

    def _signature(self) -> str:
        args = self.body.function.args
        line = self.module.lines[self.body.function.lineno - 1]
        match = re.search(r"def\s+\w+\s*\((.*)\)\s*(->[^#]*)?:\s*(#.*)?$", line.rstrip())
        if match:
            with contextlib.suppress(SyntaxError):
                (function,) = ast.parse(f"def f({match[1]}): pass").body
                if isinstance(function, ast.FunctionDef) and ast.dump(function.args) == ast.dump(args):
                    return match[1]
        return ast.unparse(args)

    def _returns(self) -> str:
        annotation = self.body.function.returns
        return f" -> {self._line(annotation)}" if annotation is not None else ""

    def _unpacked(self, hosts: dict[str, str]) -> tuple[str, str | None]:
        """Return the targets of the call in the wrapper, and what the wrapper returns."""
        returned = self.returned
        extra = [v.name for v in returned.lacking]
        taken = {*self.body.parameters, *hosts.values()}
        taken |= {name for move in self.moves for name in (*move.targets, *move.bound)}
        result = next(n for n in ("result", "outputs", "returned", "result_value") if n not in taken)
        if returned.nothing:
            return ", ".join(extra), None
        names = returned.names
        if names and not set(names) & set(self.body.parameters) and (returned.length is None or len(names) > 1):
            return ", ".join([*names, *extra]), ", ".join(names)
        for name, place in returned.there.items():
            hosts[name] = result if place is None else f"{result}[{place!r}]".replace("'", '"')
        if returned.length is not None and returned.lacking:
            # The returned tuple grows by the values; the wrapper gives back what it was.
            names = [f"{result}_{index}" for index in range(returned.length)]
            for name, place in returned.there.items():
                if isinstance(place, int):
                    hosts[name] = names[place]
            joined = ", ".join(names)
            return f"{joined}, {', '.join(extra)}", joined if len(names) > 1 else f"({joined},)"
        return ", ".join([result, *extra]), result


def _places(value: ast.expr | None, names: set[str]) -> dict[str, int | str | None]:
    """Return where a returned value holds some names: as the whole (None), at an index or under a key."""
    there: dict[str, int | str | None] = {}
    if isinstance(value, ast.Name) and value.id in names:
        there[value.id] = None
    elif isinstance(value, ast.Tuple) and not any(isinstance(e, ast.Starred) for e in value.elts):
        for index, element in enumerate(value.elts):
            if isinstance(element, ast.Name) and element.id in names:
                there.setdefault(element.id, index)
    elif isinstance(value, ast.Dict):
        for key, item in zip(value.keys, value.values, strict=True):
            if (
                isinstance(item, ast.Name)
                and item.id in names
                and isinstance(key, ast.Constant)
                and isinstance(key.value, str)
            ):
                there.setdefault(item.id, key.value)
    return there


def local_result(module: Module, reference: Reference, text: str) -> str:
    """Return a value of ``strategy.run`` as it is in the first replica, the only one that writes summaries."""
    assert reference.call is not None
    assert isinstance(reference.call.func, ast.Attribute)
    return f"{module.source(reference.call.func.value)}.experimental_local_results({text})[0]"


def traced_name(name: str, klass: str = "") -> str:
    """Return what the traced part of a function is called whose name a wrapper has."""
    return f"_traced_{klass}{name.strip('_')}"


def does_nothing(statement: ast.stmt) -> bool:
    """Tell whether a statement could as well be missing at the end of a function."""
    if isinstance(statement, ast.Return):
        return statement.value is None or (isinstance(statement.value, ast.Constant) and statement.value.value is None)
    return isinstance(statement, ast.Pass)


def _is_atom(text: str) -> bool:
    """Tell whether an expression stays what it is beside an operator."""
    return isinstance(
        ast.parse(text, mode="eval").body, (ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.Subscript)
    )


def _is_reference(node: ast.expr) -> bool:
    """Tell whether an expression only names something."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, (ast.Name, ast.Constant))


def _indented(block: Code) -> Iterator[str | edit.Move]:
    """Yield code one level deeper."""
    line_starts = True
    for part in block if isinstance(block, tuple) else (block,):
        if line_starts:
            yield "    "
        yield part
        line_starts = isinstance(part, str) and part.endswith("\n")
