"""The edits inside a function whose summaries move."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from codemods.analysis.module import Module, Scope
from codemods.analysis.places import start
from codemods.analysis.tracing import Reference, default_of, passed, run_arguments, runs_once
from codemods.engine import codemod as edit
from codemods.engine.codemod import Code, Edit
from codemods.summaries.function import names_in
from codemods.summaries.gather import LoopBody
from codemods.summaries.moves import Move, RefusedError, Value
from codemods.summaries.ops import summary_name
from codemods.summaries.plan import NAME_SCOPES
from codemods.summaries.refusals import (
    CALLER_SCOPE,
    EXPORTED,
    LOOP,
    LOST,
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
_LOOSE = re.compile(r"\b(or|if|lambda)\b|:=")  # what binds looser than ``and``
_OPPOSITES: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip


class NotHereError(Exception):
    """The block can't follow the call; a wrapper is needed."""


@dataclass
class Unit:
    """A statement that moves as a whole: a summary, or a block of nothing else."""

    node: ast.stmt
    moves: list[Move] = field(default_factory=list)
    comments: tuple[str, ...] = ()  # of a block's head that doesn't move along


@dataclass(frozen=True)
class Returned:
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


class BodyEdits:
    """The edits inside a function whose summaries move: what goes, what it computes and returns for them.

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

    def _units(self) -> list[Unit]:
        units: dict[ast.stmt, Unit] = {}
        for move in self.moves:
            node: ast.stmt = move.summary.statement
            for block in reversed(move.contexts if move.before is None else []):
                if self.module.parent(node) is not block or not self._pure(block):
                    break
                node = block
            if move.loop is not None and move.loop not in set(ast.walk(node)):
                raise RefusedError(LOOP)
            units.setdefault(node, Unit(node)).moves.append(move)
        return list(units.values())

    def _chain(self, unit: Unit, hosts: Mapping[str, str], decided: Mapping[ast.If, bool]) -> list[str]:
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

    def _test(self, unit: Unit, block: ast.If, hosts: Mapping[str, str]) -> str:
        """Return the condition under which a summary in a block, or behind it, is written."""
        move = unit.moves[0]
        value = move.tensor_tests.get(block)
        test = hosts.get(value.name, value.name) if value is not None else self._line(block.test)
        return test if self._holds(unit, block) else self._negated(block.test, test)

    def _holds(self, unit: Unit, block: ast.If) -> bool:
        """Tell whether a condition has to be true for a unit to be written."""
        around = {unit.node, *self.module.ancestors(unit.node)}
        return unit.moves[0].early.get(block, any(node in around for node in block.body))

    def _turns(self, unit: Unit, hosts: Mapping[str, str]) -> list[str]:
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

    def _item(self, node: ast.expr, unit: Unit, hosts: Mapping[str, str]) -> str:
        """Return an item of a ``with``; a flag that the function returns under its name on the host."""
        flag = node.args[0] if isinstance(node, ast.Call) and node.args else None
        value = unit.moves[0].values.get(flag) if flag is not None else None
        if value is None or not isinstance(node, ast.Call):
            return self._head(node, unit)
        return f"{self._line(node.func)}({hosts.get(value.name, value.name)})"

    def _head(self, node: ast.expr, unit: Unit) -> str:
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

    def _removed(self, unit: Unit) -> list[ast.stmt]:
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

    def _anchor(self, unit: Unit, move: Move) -> tuple[ast.stmt, ast.If | None]:
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
    def returned(self) -> Returned:
        """What the function returns today, and which of the values it lacks."""
        values = self.body.exits
        plain = {v.name for v in self.values if v.code is None}
        first, *others = (_places(value, plain) for value in values.values())
        there = {name: place for name, place in first.items() if all((name, place) in o.items() for o in others)}
        return Returned(values, there, list({v.name: v for v in self.values if v.name not in there}.values()))

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

    def _context_nodes(self, unit: Unit, removed: set[ast.AST]) -> Iterator[ast.expr]:
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
