"""Summaries in loops that the host can't repeat: each turn adds its values to a list or an array, which is returned."""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import re
from collections.abc import Sequence
from functools import cached_property

from codemods.summaries.loops import TENSOR
from codemods.summaries.moves import Gathered, Move, RefusedError, Value
from codemods.summaries.ops import Summary
from codemods.summaries.plan import NAME_SCOPES, RECORD_IF, TracedBody
from codemods.summaries.refusals import GRAPH_LOOP, LOOP, NAME_SCOPE, NESTED, STEP, TRY
from codemods.summaries.returns import early

_LOOPS = (ast.For, ast.While)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


class LoopBody(TracedBody):
    """A traced function, whose loops can gather values for the host."""

    def move(self, summary: Summary) -> Move:
        """Return how a summary moves: with a loop that the host repeats, or else by what the loop gathers."""
        names, computed = set(self.taken), len(self._computed)
        try:
            return super().move(summary)
        except RefusedError as error:
            if error.refusal not in {LOOP, GRAPH_LOOP} or type(summary) is not Summary:
                raise
        self.taken = names
        del self._computed[computed:]
        return self.gathered(summary)

    def gathered(self, summary: Summary) -> Move:
        """Return how a summary moves whose values each turn of a loop adds to a list, or to an array in the graph.

        Raises:
            RefusedError: it can't.
        """
        self._check_returns()
        move = Move(summary)
        around = list(self._between(summary.statement))
        blocks = [node for node in around if isinstance(node, (ast.If, *_LOOPS))]
        loops = [node for node in blocks if isinstance(node, _LOOPS)]
        array = not self._unrolled(blocks)
        if array:
            self._check_array(move)
        self._before(move, around)
        self._blocks_around(move, around, loops)
        if self._has_effects(move) and self.asked_around(move):
            raise RefusedError(GRAPH_LOOP if array else LOOP, "`record_if` is asked anew in each turn")
        if not array:
            self._turns(move, blocks)
        for argument in summary.data.values():
            if not isinstance(argument, ast.Constant):
                self._check_data(argument)
                self._gather(move, argument, "float32" if array else None)
        self._gathered_step(move, array)
        self._host_arguments(move)
        return move

    def _check_array(self, move: Move) -> None:
        """Refuse what can't be stacked."""
        if move.summary.kind != "scalar":
            raise RefusedError(
                GRAPH_LOOP, "only scalars can be stacked: the shape of anything else may change from turn to turn"
            )
        if self.traced.option("jit_compile", "experimental_compile"):
            raise RefusedError(GRAPH_LOOP, "XLA can't compile an array that grows with the turns of a loop")

    # The loops. --------------------------------------------------------------------------------------

    def _unrolled(self, blocks: Sequence[ast.AST]) -> bool:
        """Tell whether loops and conditions are all Python's own, which run while the graph is built."""
        for block in blocks:
            if isinstance(block, (ast.If, ast.While)) and not self.is_python_test(block.test):
                return False
            if isinstance(block, ast.For) and not self._is_python_loop(block):
                return False
            if isinstance(block, _LOOPS) and not self._unrolled(self._jumped_over(block)):
                return False
        return True

    def _is_python_loop(self, loop: ast.For) -> bool:
        call = loop.iter
        if isinstance(call, ast.Call) and self.module.resolve(call.func) == "builtins.range":
            return all(self.is_python(argument) for argument in call.args)
        return self.loop_targets(loop) is not None

    def _jumped_over(self, loop: ast.For | ast.While) -> list[ast.If]:
        """Return the conditions under which a turn of a loop ends early."""
        jumps = [node for node in ast.walk(loop) if isinstance(node, (ast.Break, ast.Continue))]
        around = itertools.chain.from_iterable(self._between(jump) for jump in jumps)
        return [node for node in around if isinstance(node, ast.If) and node.lineno > loop.lineno]

    def _is_dataset(self, node: ast.expr, depth: int = 0) -> bool:
        """Tell whether an expression is seen to be a dataset, a turn over which has no scope of its own."""
        module = self.module
        if isinstance(node, ast.Call):
            name = module.resolve(node.func)
            if name == "builtins.enumerate" and node.args:
                return self._is_dataset(node.args[0], depth)
            if name is not None:
                return name.startswith("tensorflow.data.") and not name.startswith("tensorflow.data.experimental.")
            return isinstance(node.func, ast.Attribute) and self._is_dataset(node.func.value, depth)
        if isinstance(node, ast.Name) and depth < 4:
            bindings = module.bindings(node)
            if len(bindings) == 1 and isinstance(bindings[0].node, ast.arg):
                found = self.given(bindings[0].node)
                return bool(found) and all(value is not None and self._is_dataset(value, depth + 1) for value in found)
            return bool(bindings) and all(
                b.value is not None and self._is_dataset(b.value, depth + 1) for b in bindings
            )
        if isinstance(node, ast.Attribute) and depth < 4:
            values = list(self._attribute_values(node))
            return bool(values) and all(self._is_dataset(value, depth + 1) for value in values)
        return False

    # What stands around the summary. -------------------------------------------------------------------

    def _before(self, move: Move, around: Sequence[ast.AST]) -> None:
        """Find the statement before which the lists are made, so that the function has them wherever it returns."""
        statements = [node for node in (move.summary.statement, *around) if isinstance(node, ast.stmt)]
        candidates: list[ast.stmt] = [node for node in statements if isinstance(node, (ast.If, *_LOOPS))]
        candidates += [block for statement in statements for block, _ in early(self.module, statement)]
        move.before = min(candidates, key=lambda node: node.lineno)
        block = self.module.block(move.summary.statement)
        jumps = (ast.Break, ast.Continue, ast.Return)
        earlier = block[: block.index(move.summary.statement)]
        ends = sum(any(isinstance(node, jumps) for node in ast.walk(statement)) for statement in earlier)
        move.turn = (block[0].lineno, ends)

    def _blocks_around(self, move: Move, around: Sequence[ast.AST], loops: Sequence[ast.For | ast.While]) -> None:
        graph = next((loop for loop in loops if not self._unrolled([loop])), None)
        inner = list(itertools.takewhile(lambda node: node is not graph, around))
        dataset = isinstance(graph, ast.For) and self._is_dataset(graph.iter)
        move.tag_changes = not self._unrolled(inner) or (
            graph is not None and not (dataset and self._unrolled(self._jumped_over(graph)))
        )
        for node in around:
            if isinstance(node, ast.With):
                names = {
                    self.module.resolve(c.func): c for i in node.items if isinstance(c := i.context_expr, ast.Call)
                }
                if RECORD_IF in names and not all(isinstance(a, ast.Constant) for a in names[RECORD_IF].args):
                    raise RefusedError(GRAPH_LOOP if graph else LOOP, "`record_if` is asked anew in each turn")
                if graph is not None and node not in inner and NAME_SCOPES & set(names):
                    raise RefusedError(NAME_SCOPE, "a name scope around a loop counts in some loops and not in others")
                self._with(move, node)
            elif isinstance(node, ast.Try):
                raise RefusedError(TRY)
            elif isinstance(node, _FUNCTIONS):
                raise RefusedError(NESTED)
            elif isinstance(node, (ast.stmt, ast.match_case)) and not isinstance(node, (ast.If, *_LOOPS)):
                raise RefusedError(LOOP)
        move.contexts.reverse()

    def _turns(self, move: Move, blocks: Sequence[ast.If | ast.For | ast.While]) -> None:
        """See whether the host must know the loop's variables too, which it does by going over the same."""
        loop = next(block for block in blocks if isinstance(block, _LOOPS))
        summary = move.summary
        others = [a for name, a in summary.arguments.items() if a not in summary.data.values()]
        used = {name.id for argument in others for name in ast.walk(argument) if isinstance(name, ast.Name)}
        targets = self.loop_targets(loop) if isinstance(loop, ast.For) else None
        if not isinstance(loop, ast.For) or targets is None or not used & set(targets):
            return
        if len(blocks) > 1 or self._jumped_over(loop) or any(targets[n] == TENSOR for n in used & set(targets)):
            raise RefusedError(LOOP, "its tag or step depends on a loop's variable that the host doesn't have")
        move.targets = dict(targets)
        move.repeated = loop
        self._iterable(move, loop)

    # What is gathered. ---------------------------------------------------------------------------------

    def _gather(self, move: Move, node: ast.expr, dtype: str | None) -> None:
        """Plan what each turn adds for an argument: to an array of some type, or to a list."""
        source = self._dedented(node, move.summary.statement)
        named = isinstance(node, (ast.Name, ast.Attribute, ast.Subscript))
        if dtype == "float32":
            source = f"{self.tensorflow}.cast({source}, {self.tensorflow}.float32)"
        elif dtype is None and named and self.may_be_variable(node) is not False:
            source = f"{self.tensorflow}.identity({source})"
        for other, code, turn, statement in self._lists:
            if (code, turn) == (source, move.turn) and not self._changed_between(statement, move.summary.statement):
                move.gathered[node] = other
                return
        element = self._element(move, node)
        plural = _plural(element)
        if node is move.summary.step:
            element, plural = "step", "steps" if self._free("steps") else f"{element}_steps"
        elif not self._free(plural):
            plural = f"{self._named_after(move, node)}_{plural}"
        value = Value(self.fresh(plural), "[]" if dtype is None else self._array(dtype))
        move.gathered[node] = Gathered(value, element, source)
        self._lists.append((move.gathered[node], source, move.turn, move.summary.statement))

    def _element(self, move: Move, node: ast.expr) -> str:
        """Return a name for what one turn adds: the program's own, or one made from the tag."""
        data = next(iter(move.summary.data.values()), node)
        return data.id if isinstance(data, ast.Name) and len(data.id) > 1 else self._named_after(move, data)

    def _named_after(self, move: Move, data: ast.expr) -> str:
        name = re.sub(r"\W+", "_", self._base_name(move, data)).strip("_").lower()
        if name in {"", move.summary.kind}:
            return "value"
        return f"value_{name}" if name[0].isdigit() or keyword.iskeyword(name) or hasattr(builtins, name) else name

    def _array(self, dtype: str) -> str:
        tf = self.tensorflow
        return f"{tf}.TensorArray({tf}.{dtype}, size=0, dynamic_size=True, element_shape=())"

    @cached_property
    def _lists(self) -> list[tuple[Gathered, str, tuple[int, int], ast.stmt]]:
        """What is gathered already."""
        return []

    def _gathered_step(self, move: Move, array: bool) -> None:
        step = move.summary.step
        if step is None:
            if any(self.may_be_variable(value) is not False for value in self._default_steps):
                raise RefusedError(STEP, "the default step may be a variable that changes from turn to turn")
            self._default_step(move)
            return
        parts = [n for n in ast.walk(step) if isinstance(n, (ast.Name, ast.Attribute)) and self._outermost(n)]
        local = any(
            isinstance(part, ast.Name)
            and self._is_local(part)
            and part.id not in move.targets
            and (part.id not in self.parameters or self._rebound(part.id))
            for part in parts
        )
        variable = any(self.may_be_variable(part) is not False and not self.is_python(part) for part in parts)
        if not local and not (variable and self._has_effects(move)):
            self._step(move)
            return
        if not array and not all(self.may_be_variable(part) is True for part in parts):
            self._tensor_step(move, step)
        self._gather(move, step, "int64" if array else None)

    def _has_effects(self, move: Move) -> bool:
        """Tell whether the loop, or what follows it, may change a variable."""
        assert move.before is not None
        line = move.before.lineno
        return any(isinstance(n, ast.Call) and n.lineno >= line and not self._harmless(n) for n in self.nodes)


def _plural(name: str) -> str:
    """Return a name for several of what a name stands for."""
    if name.endswith(("ss", "sh", "ch", "x")):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}_values" if name.endswith("s") else f"{name}s"
