"""The plan by which one traced function gives up its summaries: what it returns, what the host writes."""

from __future__ import annotations

import ast
import itertools
from functools import cached_property

from codemods.analysis.tracing import passed
from codemods.summaries.function import PURE_METHODS, SCOPES, SET_STEP, TracedFunction, names_in, plain
from codemods.summaries.loops import PYTHON, TENSOR, VARIABLE
from codemods.summaries.moves import Move, RefusedError, Value
from codemods.summaries.ops import Summary, summary_at
from codemods.summaries.refusals import (
    ARGUMENT,
    CONDITION,
    CONTEXT,
    GRAPH_LOOP,
    LOOP,
    NAME_SCOPE,
    NESTED,
    RETURNS_DIFFER,
    SEVERAL_RETURNS,
    STEP,
    STEP_SET,
    TAG,
    TAG_FROZEN,
    TRY,
    WRITER_IN_GRAPH,
)
from codemods.summaries.returns import early
from codemods.summaries.writers import as_default, replaced, writer_items

_PLAIN_CONTEXTS = frozenset({
    "tensorflow.GradientTape", "tensorflow.device", "tensorflow.control_dependencies",
    "tensorflow.profiler.experimental.Trace", "tensorflow.autodiff.ForwardAccumulator",
})  # fmt: skip
NAME_SCOPES = frozenset({"tensorflow.name_scope", "tensorflow.compat.v1.name_scope"})
_GET_STEP = "tensorflow.summary.experimental.get_step"
RECORD_IF = "tensorflow.summary.record_if"
_PURE_BUILTINS = frozenset({"str", "repr", "len", "int", "round", "format", "min", "max", "abs", "bool", "float"})
_SIMPLE = (
    ast.Compare, ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.Name, ast.Attribute, ast.Constant, ast.Add, ast.Sub, ast.Mult,
    ast.FloorDiv, ast.Mod, ast.cmpop, ast.boolop, ast.unaryop, ast.expr_context,
)  # fmt: skip


class TracedBody(TracedFunction):
    """A traced function, and how its summaries move out of it."""

    # The function. -----------------------------------------------------------------------------

    def python_step(self, move: Move) -> bool:
        """Tell whether the callers pass a Python number as the step."""
        step = move.summary.step
        if not isinstance(step, ast.Name) or step.id not in self.parameters:
            return False
        given = [passed(self.function, r, self.parameters[step.id]) for r in self.references]
        return any(argument is not None and self._counts(argument) for argument in given)

    @cached_property
    def shared(self) -> bool:
        """Whether another class in the hierarchy has the method, so that a call may mean either."""
        return bool(self._hierarchy)

    # One summary. ------------------------------------------------------------------------------

    def move(self, summary: Summary) -> Move:
        """Return how a summary moves.

        Raises:
            RefusedError: it can't.
        """
        move = Move(summary)
        self._contexts(move)
        self._check_returns()
        self._arguments(move)
        return move

    def _arguments(self, move: Move) -> None:
        """Plan the arguments: the host evaluates some, the function returns the values of others."""
        self._host_arguments(move)
        for argument in move.summary.data.values():
            self._data(move, argument)
        self._step(move)

    def _host_arguments(self, move: Move) -> None:
        """Refuse arguments that the host can't evaluate, data and step aside."""
        summary = move.summary
        self._conditions_of_callers(move)
        for name, argument in summary.arguments.items():
            if name != "step" and argument not in summary.data.values():
                self._host(move, argument, frozen_is_refused=True)
        if summary.kind == "graph":
            raise RefusedError(ARGUMENT)

    def _check_returns(self) -> None:
        """Refuse returns that can't all be given one value more."""
        for statement in self.exits:
            loop = statement and self.module.enclosing(statement, ast.For, ast.While, *SCOPES)
            if isinstance(loop, (ast.For, ast.While)):
                raise RefusedError(SEVERAL_RETURNS, f"the function returns from the loop on line {loop.lineno}")
        kinds = {kind for value in self.exits.values() if value is not None and (kind := self._structure(value))}
        if len(kinds) > 1:
            raise RefusedError(RETURNS_DIFFER)

    def _early(self, move: Move, statement: ast.stmt) -> None:
        """Collect the conditions before a statement under which the function has returned already."""
        for block, stays in early(self.module, statement):
            if stays is None or not isinstance(block, ast.If):
                raise RefusedError(
                    SEVERAL_RETURNS,
                    f"the function may return on line {block.lineno} already, which the host can't tell",
                )
            move.early[block] = stays
            self._condition(move, block)

    def _contexts(self, move: Move) -> None:
        """Collect the blocks between a summary and its function."""
        self._loop(move)
        statement = move.summary.statement
        child: ast.AST = statement
        for around in self.module.ancestors(statement):
            if isinstance(child, ast.stmt):
                self._early(move, child)
            if around is self.function:
                break
            if isinstance(around, ast.With):
                self._with(move, around)
            elif isinstance(around, ast.If):
                self._condition(move, around)
            elif isinstance(around, ast.For):
                move.contexts.append(around)
            elif isinstance(around, ast.While):
                raise RefusedError(GRAPH_LOOP)
            elif isinstance(around, ast.Try):
                raise RefusedError(TRY)
            elif isinstance(around, SCOPES):
                raise RefusedError(NESTED)
            elif isinstance(around, (ast.stmt, ast.match_case)):
                raise RefusedError(CONTEXT)
            child = around
        move.contexts.reverse()

    def _loop(self, move: Move) -> None:
        """See which loop a summary stands in, and what its variables are."""
        around = list(
            itertools.takewhile(lambda a: a is not self.function, self.module.ancestors(move.summary.statement))
        )
        loops = [block for block in around if isinstance(block, (ast.For, ast.While))]
        if not loops:
            return
        found: dict[str, str] = {}
        for loop in reversed(loops):
            if isinstance(loop, ast.While):
                raise RefusedError(GRAPH_LOOP)
            name = self.module.resolve(loop.iter.func) if isinstance(loop.iter, ast.Call) else None
            if name is not None and name.startswith("tensorflow."):
                raise RefusedError(GRAPH_LOOP)
            targets = self.loop_targets(loop)
            if targets is None:
                raise RefusedError(LOOP)
            found |= targets
        outermost = loops[-1]
        outside = [block for block in around[around.index(outermost) :] if isinstance(block, ast.If)]
        between = any(isinstance(block, ast.If) for block in around[: around.index(outermost)])
        if len(loops) > 1 and between:
            raise RefusedError(LOOP)
        assert isinstance(outermost, ast.For)
        move.loop, move.targets = outermost, found
        for loop in loops:
            assert isinstance(loop, ast.For)
            self._iterable(move, loop, conditional=bool(outside))

    def _iterable(self, move: Move, loop: ast.For, *, conditional: bool = False) -> None:
        """Give the host what a loop goes over."""
        for part in names_in(loop.iter):
            if part.id in move.targets:
                continue  # what a loop around it takes
            if self._is_local(part) and part.id not in self.parameters and self.inline(move, part) is part:
                outer = next((a for a in self.module.ancestors(loop) if isinstance(a, ast.If)), None)
                if not self._stable(move, part, conditional, outer):
                    raise RefusedError(LOOP, f"`{part.id}` is bound or filled again behind the loop")
                move.values[part] = Value(part.id)
            elif self._is_local(part) and part.id in self.parameters:
                if self._filled(part.id):
                    raise RefusedError(LOOP, f"the function changes what `{part.id}` holds")
                self._host(move, part)

    def _loop_data(self, move: Move, node: ast.expr) -> None:
        """Plan data that depends on a loop's variables: a list of it is computed before the loop."""
        loop = move.loop
        assert loop is not None
        later = self.effects_after(loop)
        if isinstance(node, ast.Name) and (move.targets[node.id] != VARIABLE or not later):
            return  # the host loop has it
        nested = any(isinstance(inner, ast.For) for inner in ast.walk(loop) if inner is not loop)
        outside = [block for block in self._between(loop) if isinstance(block, ast.If)]
        if nested or any(self.is_python_test(block.test) for block in outside):
            raise RefusedError(LOOP)
        source = self.module.source(node)
        calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
        if "\n" in source or any(
            not self._harmless(call) or (self.module.resolve(call.func) or "").startswith("tensorflow.random")
            for call in calls
        ):
            raise RefusedError(LOOP)
        for name in names_in(node):
            if (
                name.id not in move.targets
                and self._is_local(name)
                and any(getattr(b.node, "lineno", 0) >= loop.lineno for b in self.scope.bindings[name.id])
            ):
                raise RefusedError(LOOP)
        if isinstance(node, (ast.Name, ast.Attribute)):
            source = f"{self.tensorflow}.identity({source})"
        if move.tensor_tests:
            self._before_branch(move, node, min(move.tensor_tests, key=lambda block: block.lineno))
        inside = set(ast.walk(loop))
        tests = [block for block in move.contexts if isinstance(block, ast.If) and block in inside]
        if len(tests) > 1 or any(move.summary.statement not in test.body for test in tests):
            raise RefusedError(LOOP)
        for test in tests:
            source = f"{source} if {self.module.source(test.test)} else None"
        element = self.fresh(ast.unparse(calls[0].func).rpartition(".")[2] if calls else "value")
        values = Value(
            self.fresh(f"{element}s"),
            f"[{source} for {self.module.source(loop.target)} in {self.module.source(loop.iter)}]",
        )
        move.loop_values[node] = (values, element)

    def _with(self, move: Move, block: ast.With) -> None:
        module = self.module
        host = False
        for item in block.items:
            writer = next((w for e, w in writer_items(module, block) if e is item.context_expr), None)
            call = item.context_expr
            name = module.resolve(call.func) if isinstance(call, ast.Call) else None
            if writer is not None:
                self._writer(move, writer, item)
                host = True
            elif name in NAME_SCOPES and isinstance(call, ast.Call):
                if move.summary.scoped:
                    self._name_scope(move, call, item)
                host = host or move.summary.scoped or self._scopes_another(block)
            elif name == RECORD_IF and isinstance(call, ast.Call) and call.args:
                self._record_if(move, call.args[0])
                host = True
            elif name in _PLAIN_CONTEXTS or (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "scope"
                and not call.args
            ):
                continue
            else:
                raise RefusedError(
                    CONTEXT,
                    f"it stands in `with {module.source(call)}`, whose effect on summaries isn't known",
                )
        if host:
            move.contexts.append(block)

    def _scopes_another(self, block: ast.With) -> bool:
        """Tell whether a block has a summary whose tag its name scope becomes part of."""
        calls = (node for node in ast.walk(block) if isinstance(node, ast.Call))
        return any((found := summary_at(self.module, call)) is not None and found.scoped for call in calls)

    def _writer(self, move: Move, writer: ast.expr, item: ast.withitem) -> None:
        if isinstance(item.optional_vars, ast.Name) and len(self.module.uses(self.scope, item.optional_vars.id)) == 1:
            move.bound.add(item.optional_vars.id)
        elif item.optional_vars is not None:
            raise RefusedError(WRITER_IN_GRAPH)
        if move.writer is None:
            move.writer = writer
        move.other_writer = move.other_writer or replaced(self.module, writer)
        writer = self.inline(move, writer)
        for name in names_in(writer):
            if self._is_local(name) and name.id not in self.parameters:
                raise RefusedError(WRITER_IN_GRAPH, f"`{name.id}` is bound inside the function")
        if any(isinstance(node, ast.Call) for node in ast.walk(writer)):
            raise RefusedError(WRITER_IN_GRAPH, f"`{self.module.source(writer)}` is computed inside the function")
        self._host(move, writer)
        call = item.context_expr
        assert isinstance(call, ast.Call)
        for argument in [*call.args, *(given.value for given in call.keywords)]:
            self._host(move, argument)
            if not isinstance(argument, ast.Constant):
                self._changing(move, argument)

    def _name_scope(self, move: Move, call: ast.Call, item: ast.withitem) -> None:
        first = call.args[0] if call.args else None
        if item.optional_vars is not None or not isinstance(first, ast.Constant) or not isinstance(first.value, str):
            raise RefusedError(NAME_SCOPE, "the name scope's name is computed, so TensorFlow may number it")
        name = first.value
        if name.endswith("/"):
            return
        module = self.module
        same = [
            other
            for other in module.find_all(ast.Call)
            if module.resolve(other.func) in NAME_SCOPES
            and other.args
            and isinstance(other.args[0], ast.Constant)
            and str(other.args[0].value).partition("/")[0] == name.partition("/")[0]
        ]
        top = name.partition("/")[0]
        named = (
            given.value.value
            for other in module.find_all(ast.Call)
            for given in other.keywords
            if given.arg == "name" and isinstance(given.value, ast.Constant)
        )
        tags = {
            tag.value
            for node in self.nodes
            if isinstance(node, ast.Call)
            and (found := summary_at(module, node)) is not None
            and isinstance(tag := found.tag, ast.Constant)
        }
        taken = {plain(str(tag).partition("/")[0]) for tag in (*tags, *self.parameters, *named)} | self._op_names
        if len(same) > 1 or plain(top) in taken or plain(name) in {plain(str(tag)) for tag in tags}:
            raise RefusedError(
                NAME_SCOPE, f"`{name}` is taken in the graph by another scope, layer, argument or operation"
            )

    def _record_if(self, move: Move, condition: ast.expr) -> None:
        names = [name for name in names_in(condition) if self._is_local(name)]
        made_here = [name for name in names if name.id not in self.parameters or self._rebound(name.id)]
        functions = any(isinstance(b.node, SCOPES) for name in names for b in self.scope.bindings[name.id])
        computed = isinstance(condition, ast.Call) and (self.module.resolve(condition.func) or "").startswith(
            "tensorflow."
        )
        if (made_here or computed) and not functions and self.inline(move, condition) is condition:
            self._check_data(condition)
            code = self._dedented(condition, move.summary.statement)
            if self._changed_between(self.module.statement(condition), move.summary.statement, code):
                raise RefusedError(TAG, f"the block changes what `{self.module.source(condition)}` says")
            named = self._value(move, condition) if isinstance(condition, ast.Name) else None
            move.values[condition] = self._shared(move, named or Value(self.fresh("record"), code))
            return
        self._host(move, condition)
        asked = self._asked(condition)
        if asked is None or move.tensor_tests or "\n" in asked:
            self._changing(move, condition)
        elif self.effects_after(move.summary.statement) and self._varies(condition):
            move.values[condition] = self._shared(move, Value(self.fresh("record"), asked))

    def _conditions_of_callers(self, move: Move) -> None:
        """Return what ``record_if`` around the calls says where the summary stands, if it may change later."""
        if self.effects_after(move.summary.statement) and self.asked_around(move):
            code = f"{self.tensorboard(move)}.should_record_summaries()"
            move.record = self._shared(move, Value(self.fresh("record"), code))

    def asked_around(self, move: Move) -> bool:
        """Tell whether a ``record_if`` outside of the function asks for what may change, and none inside."""
        items = (item.context_expr for block in move.contexts if isinstance(block, ast.With) for item in block.items)
        if any(isinstance(call, ast.Call) and self.module.resolve(call.func) == RECORD_IF for call in items):
            return False
        project = self.module.project
        paths = project.mentioning("record_if") if project is not None else []
        others = [m for path in paths if path != self.module.path and project and (m := project.module(path))]
        for module in (self.module, *others):
            for call in module.find_all(ast.Call):
                if call in self.own or module.resolve(call.func) != RECORD_IF or not call.args:
                    continue
                condition = call.args[0]
                if self._varies(condition) if module is self.module else not isinstance(condition, ast.Constant):
                    return True
        return False

    def _asked(self, condition: ast.expr) -> str | None:
        """Return what ``record_if`` asks in a graph, for a function that it is given."""
        if isinstance(condition, ast.Lambda):
            return self.module.source(condition.body)
        functions = isinstance(condition, ast.Name) and all(
            isinstance(binding.node, ast.FunctionDef) for binding in self.module.bindings(condition)
        )
        return f"{self.module.source(condition)}()" if functions else None

    def _condition(self, move: Move, block: ast.If) -> None:
        names = names_in(block.test)
        if names and all(move.targets.get(name.id) == TENSOR for name in names):
            test = block.test
            if isinstance(test, ast.Compare) and all(isinstance(op, (ast.Is, ast.IsNot)) for op in test.ops):
                move.contexts.append(block)
                return  # a gradient that isn't there is None on the host too
            raise RefusedError(LOOP)
        try:
            self._python(block.test)
        except RefusedError as error:
            inside = set(ast.walk(move.loop)) if move.loop is not None else set()
            if any(
                isinstance(other, ast.If) and other not in move.tensor_tests and other not in inside
                for other in move.contexts
            ):
                raise error from None
            self._tensor_condition(move, block)
        else:
            if move.tensor_tests and block not in move.early:
                raise RefusedError(CONDITION, "it depends on conditions of Python and of tensors, one inside the other")
            tested = _tested_for_none(block.test)
            made_here = tested is not None and self._is_local(tested) and tested.id not in self.parameters
            if tested is not None and made_here and self._stable(move, tested, conditional=False):
                move.values[tested] = Value(tested.id)  # None is returned as None
            else:
                self._host(move, block.test, frozen_is_refused=True)
        move.contexts.append(block)

    def _tensor_condition(self, move: Move, block: ast.If) -> None:
        """Plan a condition that may be a tensor: the host tests it, or its value is returned."""
        if move.loop is not None and block in ast.walk(move.loop):
            raise RefusedError(LOOP)
        test = block.test
        simple = all(isinstance(node, _SIMPLE) for node in ast.walk(test))
        local = any(self._is_local(n) and (n.id not in self.parameters or self._rebound(n.id)) for n in names_in(test))
        variable = any(
            self.may_be_variable(part) is not False
            for part in ast.walk(test)
            if isinstance(part, (ast.Name, ast.Attribute)) and self._outermost(part)
        )
        move.tensor_tests[block] = None
        if simple and not local and not (variable and self.effects_after(block)):
            self._host(move, test)
            return
        if isinstance(test, ast.Name) and self._stable(move, test, conditional=True, outer=block):
            move.tensor_tests[block] = Value(test.id)
            return
        self._before_branch(move, test, block)
        name = "record" if move.early.get(block, True) else "skip"
        if block not in self._tests:
            self._tests[block] = Value(self.fresh(name), self._dedented(test, block))
        move.tensor_tests[block] = self._tests[block]

    @cached_property
    def _tests(self) -> dict[ast.If, Value]:
        """The conditions whose values are returned."""
        return {}

    # Expressions that the host evaluates. --------------------------------------------------------

    def inline(self, move: Move, node: ast.expr) -> ast.expr:
        """Return what a local alias (``step = self.global_step``) stands for, or the expression itself."""
        if isinstance(node, ast.Name) and self._is_local(node) and node.id not in self.parameters:
            bindings = self.scope.bindings[node.id]
            value = bindings[0].value
            if len(bindings) == 1 and isinstance(value, (ast.Name, ast.Attribute, ast.Constant)):
                inner = self.inline(move, value)
                if not any(self._is_local(n) and n.id not in self.parameters for n in names_in(inner)):
                    move.inlined[node] = inner
                    return inner
        return node

    def _host(self, move: Move, node: ast.expr, *, frozen_is_refused: bool = False) -> None:
        """Refuse an expression that the host can't evaluate to the same value."""
        module = self.module
        node = self.inline(move, node)
        inner_scopes = {
            child
            for child in ast.walk(node)
            if isinstance(child, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp, ast.Lambda))
        }
        for name in names_in(node):
            scope = module.scope(name).lookup(name.id)
            if scope is not None and scope.node in inner_scopes:
                continue
            if scope is self.scope and name.id in move.targets and move.targets[name.id] != TENSOR:
                continue
            if scope is self.scope:
                if name.id not in self.parameters or self._rebound(name.id):
                    raise RefusedError(TAG, f"`{name.id}`, which an argument needs, is computed inside the function")
                move.parameters.add(name.id)
            elif scope is not None and self._changes(scope, name.id):
                if frozen_is_refused:
                    raise RefusedError(
                        TAG_FROZEN,
                        f"`{name.id}` changes, and its value was fixed when the function was traced",
                    )
                move.frozen = True
        self._not_stored(node)
        if frozen_is_refused:
            for attribute in (child for child in ast.walk(node) if isinstance(child, ast.Attribute)):
                owner = module.enclosing(attribute, ast.ClassDef)
                if owner is not None and self._attribute_changes(owner, attribute):
                    raise RefusedError(
                        TAG_FROZEN,
                        f"`{module.source(attribute)}` changes, and its value was fixed when the function was traced",
                    )
        for call in (child for child in ast.walk(node) if isinstance(child, ast.Call)):
            resolved = module.resolve(call.func) or ""
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if not (
                resolved.removeprefix("builtins.") in _PURE_BUILTINS
                or (method in PURE_METHODS and not resolved)
                or resolved
                in {
                    "os.path.join",
                    "tensorflow.cast",
                    "tensorflow.equal",
                    "tensorflow.math.equal",
                    "tensorflow.constant",
                }
            ):
                raise RefusedError(
                    TAG, f"`{module.source(call)}` would be called on the host instead of once for each trace"
                )

    def _not_stored(self, node: ast.expr) -> None:
        """Refuse an expression that the function itself assigns a part of, once for each trace."""
        attributes = {n.attr for n in self.nodes if isinstance(n, ast.Attribute) and not isinstance(n.ctx, ast.Load)}
        outer = self.scope.globals | self.scope.nonlocals
        names = {n.id for n in self.nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)} & outer
        for part in ast.walk(node):
            stored = (isinstance(part, ast.Attribute) and part.attr in attributes) or (
                isinstance(part, ast.Name) and part.id in names
            )
            if stored and isinstance(part, (ast.Attribute, ast.Name)):
                raise RefusedError(
                    STEP, f"the function assigns `{self.module.source(part)}` itself, once for each trace"
                )

    # Values that the function returns. ------------------------------------------------------------

    def _data(self, move: Move, node: ast.expr) -> None:
        if isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)):
            return
        self._check_data(node)
        if any(name.id in move.targets for name in names_in(node)):
            self._loop_data(move, node)
            return
        given = isinstance(node, ast.Name) and self._is_local(node) and node.id in self.parameters
        if given and isinstance(node, ast.Name) and not self._rebound(node.id) and not self._filled(node.id):
            kept = self.may_be_variable(node) is False or not self.effects_after(move.summary.statement)
            if "input_signature" in self.traced.options:  # which may convert what the caller has
                name = self.fresh(self._base_name(move, node))
                move.values[node] = self._shared(move, Value(name, f"{self.tensorflow}.identity({node.id})"))
                return
            if kept:  # the caller has it
                move.parameters.add(node.id)
                return
        value = self._value(move, node)
        if value.code is not None and move.tensor_tests:
            self._before_branch(move, node, min(move.tensor_tests, key=lambda block: block.lineno))
        move.values[node] = self._shared(move, value)

    def _value(self, move: Move, node: ast.expr) -> Value:
        if isinstance(node, ast.Name):
            if self._stable(move, node, bool(move.branches) and not self._settled(move)) and not (
                self.may_be_variable(node) is not False and self.effects_after(move.summary.statement)
            ):
                return Value(node.id)
            return Value(self.fresh(self._base_name(move, node)), self._copied(node))
        base = self._base_name(move, node)
        source = self._dedented(node, move.summary.statement)
        sliced = isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Slice, ast.Tuple))
        if isinstance(node, ast.Attribute) or (
            self.may_be_variable(node) is not False and not sliced and self.effects_after(move.summary.statement)
        ):
            source = f"{self.tensorflow}.identity({source})"
        elif "\n" in source and not isinstance(node, (ast.Call, ast.List, ast.Tuple, ast.Dict)):
            source = f"({source})"
        return Value(self.fresh(base), source)

    def _changing(self, move: Move, node: ast.expr) -> None:
        """Refuse a host expression whose value the function may change after the summary."""
        if self.effects_after(move.summary.statement) and self._varies(node):
            raise RefusedError(
                STEP, f"`{self.module.source(node)}` depends on what the function may change after the summary"
            )

    # The step. -----------------------------------------------------------------------------------

    def _step(self, move: Move) -> None:
        step = move.summary.step
        if step is None:
            self._default_step(move)
            return
        expression = self.inline(move, step)
        if isinstance(expression, ast.Constant):
            return
        if isinstance(expression, ast.Call) and self.module.resolve(expression.func) == _GET_STEP:
            known = {self.may_be_variable(value) for value in self._default_steps}
            if known != {False} and self.effects_after(move.summary.statement):
                if known != {True}:
                    raise RefusedError(STEP)
                value = Value(self.fresh("step"), f"{self.tensorflow}.identity({self.module.source(step)})")
                move.values[step] = self._shared(move, value)
            return
        names = names_in(expression)
        if names and all(move.targets.get(n.id) == PYTHON for n in names):
            return
        local = [n for n in names if self._is_local(n) and (n.id not in self.parameters or self._rebound(n.id))]
        parts = {
            part: self.may_be_variable(part, strict=True)
            for part in ast.walk(expression)
            if isinstance(part, (ast.Name, ast.Attribute, ast.Subscript)) and self._outermost(part)
        }
        variable = [part for part, known in parts.items() if known is True]
        later = self.effects_after(move.summary.statement)
        if local or (variable and later) or (variable and expression not in variable):
            self._step_value(move, step, expression)
            return
        unknown = [part for part, known in parts.items() if known is None and not self.is_python(part)]
        if later and unknown:
            self._unknown_step(move, step, unknown[0])
            return
        for part in ast.walk(expression):
            if isinstance(part, ast.BinOp) and not isinstance(
                part.op, (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
            ):
                raise RefusedError(STEP, "the step is computed in floating point")
        self._host(move, expression)
        if any(
            isinstance(part, ast.Attribute)
            and self._outermost(part)
            and part not in variable
            and self.is_python(part)
            and (owner := self.module.enclosing(part, ast.ClassDef)) is not None
            and self._attribute_changes(owner, part)
            for part in ast.walk(expression)
        ):
            move.frozen = True

    def _unknown_step(self, move: Move, step: ast.expr, part: ast.expr) -> None:
        """Return a step that may be a variable or a number, as the ``int64`` that it counts as."""
        project = self.module.project
        if self._default_steps or (project is not None and project.mentioning("set_step")):
            raise RefusedError(
                STEP,
                f"`{self.module.source(part)}` may be a variable that the function changes after the summary, or None",
            )
        name = part.attr if isinstance(part, ast.Attribute) else "step"
        source = self.module.source(step)
        tf = self.tensorflow
        value = Value(self.fresh(name), f"{tf}.identity({tf}.cast({source}, {tf}.int64))")
        move.values[step] = self._shared(move, value)

    def _step_value(self, move: Move, step: ast.expr, expression: ast.expr) -> None:
        """Return the step from the function, as it was where the summary stood."""
        source = self.module.source(step)
        if isinstance(expression, (ast.Name, ast.Attribute)) or self.may_be_variable(expression) is True:
            if isinstance(step, ast.Name) and self._is_local(step) and self.may_be_variable(step) is False:
                # Computed in the function: a tensor, unless Python computed it.
                self._tensor_step(move, step)
                value = (
                    Value(step.id)
                    if self._stable(move, step, False)
                    else Value(self.fresh(step.id), f"{self.tensorflow}.identity({step.id})")
                )
            else:
                names = {ast.Attribute: "attr", ast.Name: "id"}
                name = str(getattr(expression, names.get(type(expression), ""), "step"))
                name = f"{name}_now" if isinstance(expression, ast.Name) else name
                value = Value(self.fresh(name), f"{self.tensorflow}.identity({source})")
        else:
            self._tensor_step(move, expression)
            if self.may_be_variable(expression) is not False:
                source = f"{self.tensorflow}.identity({source})"
            value = Value(self.fresh("step"), source)
        move.values[step] = self._shared(move, value)

    def _tensor_step(self, move: Move, node: ast.expr) -> None:
        """Refuse a step that isn't known to be an int64 tensor where the function computes it."""
        node = self._definition(node)
        module = self.module
        if isinstance(node, ast.BinOp):
            parts = [self._definition(node.left), self._definition(node.right)]
            if any(self.may_be_variable(part) is True or self._is_int64(part) for part in parts):
                return
        if self._is_int64(node):
            return
        raise RefusedError(
            STEP,
            f"the step `{module.source(node)}` is computed inside the function, and may be a Python number there",
        )

    def _default_step(self, move: Move) -> None:
        """Keep the default step, as it was where the summary stood."""
        module = self.module
        if any(isinstance(node, ast.Call) and module.resolve(node.func) == SET_STEP for node in self.nodes):
            raise RefusedError(STEP_SET)
        for block in move.contexts:
            for item in block.items if isinstance(block, ast.With) else ():
                call = item.context_expr
                if as_default(call) is not None and isinstance(call, ast.Call) and (call.args or call.keywords):
                    return  # given by the block, which goes along
        variable = [value for value in self._default_steps if self.may_be_variable(value) is not False]
        if variable and self.effects_after(move.summary.statement):
            if any(self.may_be_variable(value) is not True for value in self._default_steps):
                raise RefusedError(
                    STEP, "the default step may be a variable that the function changes after the summary"
                )
            code = f"{self.tensorflow}.identity({self.tensorboard(move)}.experimental.get_step())"
            value = Value(self.fresh("step"), code)
            move.default_step = self._shared(move, value)
        elif len(variable) < len(self._default_steps):
            move.frozen = True

    def tensorboard(self, move: Move) -> str:
        """Return the file's name for ``tf.summary``, as far as a summary shows it."""
        function = move.summary.call.func
        if isinstance(function, ast.Attribute) and self.module.resolve(function.value) == "tensorflow.summary":
            return self.module.source(function.value)
        return f"{self.tensorflow}.summary"

    # Names. ------------------------------------------------------------------------------------

    def _shared(self, move: Move, value: Value) -> Value:
        """Return a value that is there already and still the same, or the new one."""
        conditional = move.loop is None and any(block not in move.tensor_tests for block in move.branches)
        if value.code is None or conditional:
            return value
        here = move.summary.statement
        for other, statement in self._computed:
            if other.code == value.code and not self._changed_between(statement, here, value.code):
                self.taken.discard(value.name)
                return other
        self._computed.append((value, here))
        return value

    @cached_property
    def _computed(self) -> list[tuple[Value, ast.stmt]]:
        return []

    def _base_name(self, move: Move, node: ast.expr) -> str:
        tag = move.summary.tag
        if isinstance(tag, ast.Constant) and isinstance(tag.value, str):
            return tag.value.rpartition("/")[2] or tag.value
        if isinstance(node, ast.Attribute):
            return node.attr
        if isinstance(node, ast.Call):
            return ast.unparse(node.func).rpartition(".")[2]
        return move.summary.kind


def _tested_for_none(test: ast.expr) -> ast.Name | None:
    """Return the name in ``name is not None``."""
    if (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and all(isinstance(op, (ast.Is, ast.IsNot)) for op in test.ops)
        and all(isinstance(other, ast.Constant) and other.value is None for other in test.comparators)
    ):
        return test.left
    return None
