"""The edits that carry out a plan: values returned, blocks dissolved, summaries written on the host."""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codemods.analysis.module import Module, Scope
from codemods.analysis.tracing import Reference, ancestors, looked_up, passed, run_arguments
from codemods.engine import codemod as edit
from codemods.engine.codemod import Code, Edit
from codemods.summaries.body import BodyEdits, NotHereError, Unit
from codemods.summaries.function import names_in
from codemods.summaries.moves import RefusedError
from codemods.summaries.plan import RECORD_IF
from codemods.summaries.refusals import NAMES
from codemods.summaries.writers import writer_items

_PLAIN = (ast.Name, ast.Attribute, ast.Constant, ast.BinOp, ast.operator, ast.keyword, ast.expr_context)
_OPERATORS = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Attribute, ast.Subscript, ast.Starred,
)  # fmt: skip


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


class Emitter(BodyEdits):
    """The moves of one function as edits: inside the function, and where it is called."""

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

    # The writer. -------------------------------------------------------------------------------

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

    # What moves as a whole. ----------------------------------------------------------------------

    def only_writes(self, statement: ast.stmt) -> bool:
        """Tell whether a statement is for nothing but the summaries that move."""
        last = statement is self.body.function.body[-1]
        return self._pure_or_alias(statement) or (does_nothing(statement) and (last or isinstance(statement, ast.Pass)))

    def _decided(self, unit: Unit, reference: Reference | None) -> dict[ast.If, bool]:
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

    def _host_units(self, around: str | None) -> Iterator[Unit]:
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
                        yield Unit(statement, [m for m in unit.moves if m.summary.statement in inside], comments)
                        comments = ()
                    continue
            yield unit

    def _opened(self, unit: Unit, reference: Reference | None) -> Iterator[Unit]:
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
                yield from self._opened(Unit(statement, moves, comments), reference)
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
        self, unit: Unit, hosts: dict[str, str], reference: Reference | None, statement: ast.stmt | None
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
        unit: Unit,
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

    def _translated(self, head: str, unit: Unit, reference: Reference | None, statement: ast.stmt | None) -> str:
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
