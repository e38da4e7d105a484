"""What the steps of a Keras model hand to a callback that records it, and why they can't."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from codemods.analysis.callback_needs import callback_base
from codemods.analysis.module import Module, Scope
from codemods.analysis.tracing import ancestors, class_named
from codemods.engine.codemod import (
    AddArgument,
    AddItem,
    Edit,
    Move,
    Refusal,
    Replace,
)
from codemods.summaries.fitting import STEPS, Call, Step, Training
from codemods.summaries.function import own_nodes
from codemods.summaries.moves import RefusedError
from codemods.summaries.ops import Summary
from codemods.summaries.plan import NAME_SCOPES
from codemods.summaries.refusals import CALLER_SCOPE, CONTEXT, NESTED, NO_WRITER, SEVERAL_WRITERS, WRITER_IN_GRAPH
from codemods.summaries.writers import (
    NONE,
    SET,
    UNKNOWN,
    default_writers,
    hidden_default,
    in_name_scope,
    writer_items,
    writers,
)

NO_FIT = Refusal("no-fit", "no call of `fit` is seen to train the model")
BY_HAND = Refusal("trained-by-hand", "the step is also run without callbacks, as by `train_on_batch`")
STEPS_PER_EXECUTION = Refusal(
    "steps-per-execution", "several steps may run at once, and a callback hears of the last of them only"
)
STRATEGY = Refusal("strategy", "the model may be trained on several replicas, each of which has a value of its own")
OWN_FIT = Refusal(
    "own-fit", "not all calls of `fit` are seen or can be given a callback, and the class has a `fit` of its own"
)
NOT_GIVEN = Refusal(
    "not-given", "not all calls of `fit`, `evaluate` and `predict` that record it are seen and can be given a callback"
)
EXPORTED = Refusal("exported", "what a `call` keeps in a variable of a callback can't be exported with the model")
CONDITIONAL = Refusal(
    "conditional",
    "whether it is recorded may depend on more than is known when the callback is made: on a condition, "
    "an early return, a `while` or a `try`",
)
LOOP = Refusal("loop", "what it records in a loop can't be told apart, or kept")
KIND = Refusal("kind", "what this kind of summary takes can't be kept in a variable")
COMPILED = Refusal("compiled", "with `jit_compile=True` a variable must keep its shape, and only a scalar's is known")
COMPUTED = Refusal("computed-argument", "its tag or another argument is computed inside the step")
DEFAULT_STEP = Refusal("default-step", "it has no step of its own, and the default one may be another in a callback")
UPDATE_FREQ = Refusal(
    "update-freq",
    "the writer of TensorBoard(update_freq=...) leaves out steps, which ones depends on where it is asked",
)

SCOPE_LOST = (
    "the tag loses the name of the model before it, such as `net/` under Keras 2, which is `net_1/` under Keras 3"
)
MORE_BATCHES = (
    "under Keras 2 TensorBoard(update_freq=...) records the logs of each batch only where another callback hears of "
    "the batches, as this one does"
)

REFUSALS = (
    NO_FIT, BY_HAND, STEPS_PER_EXECUTION, STRATEGY, OWN_FIT, NOT_GIVEN, EXPORTED, CONDITIONAL, LOOP, KIND, COMPILED,
    COMPUTED, DEFAULT_STEP, UPDATE_FREQ, CONTEXT, CALLER_SCOPE, NESTED, NO_WRITER, SEVERAL_WRITERS, WRITER_IN_GRAPH,
)  # fmt: skip

# What a variable starts with, and what the operation itself does with its data first.
_FREE = "shape={tf}.TensorShape(None), trainable=False"
KINDS = {
    "scalar": ("0.0, trainable=False", "{tf}.cast({data}, {tf}.float32)"),
    "histogram": (
        "[], dtype={tf}.float64, shape=[None], trainable=False",
        "{tf}.cast({tf}.reshape({data}, [-1]), {tf}.float64)",
    ),
    "image": (f"[], dtype={{tf}}.uint8, {_FREE}", "{tf}.image.convert_image_dtype({data}, {tf}.uint8, saturate=True)"),
    "audio": (f"[], {_FREE}", "{data}"),
    "text": (f'"", {_FREE}', "{data}"),
}
_POSITIONS = {"fit": 5, "evaluate": 6, "predict": 4}  # of the argument `callbacks`
# What changes what the same summary records in a graph and on the host.
_UNLIKE = frozenset({
    "tensorflow.summary.record_if", "tensorflow.compat.v1.disable_eager_execution",
    "tensorflow.compat.v1.disable_v2_behavior",
})  # fmt: skip
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_PLAIN = frozenset({"tensorflow.GradientTape", "tensorflow.device", "tensorflow.control_dependencies"})
_IN_LOOPS = frozenset({"scalar", "histogram", "image"})
_TENSORBOARD = "keras.callbacks.TensorBoard"


@dataclass
class Kept:
    """A summary that a step hands to the callback.

    Attributes:
        summary: the summary.
        step: the method it stands in.
        writer: what makes the writer the default inside the step; None for the default outside of it.
        blocks: the blocks and the expressions in them that do so.
        number: the step it is recorded at.
        tests: the conditions under which it is recorded, as the callback tests them, the outermost first.
        loops: the loops that it stands in, the outermost first.
        lost: the name of the only writer in reach, where none is the default.
        flush: the default writer may have been set for good, and nothing flushes it.
        unsafe: which behaviour changes.
    """

    summary: Summary
    step: Step
    writer: ast.expr | None
    blocks: list[tuple[ast.With, ast.expr]]
    number: ast.expr
    tests: tuple[str, ...] = ()
    loops: tuple[ast.For, ...] = ()
    lost: str | None = None
    flush: bool = False
    unsafe: str | None = None

    @property
    def statement(self) -> ast.stmt:
        """The statement of the step's own body, or of a block in it, that all of it is in."""
        return self.loops[0] if self.loops else self.summary.statement


class Keeping:
    """The model's class, with what must be known to take the summaries out of its steps."""

    def __init__(self, module: Module, owner: ast.ClassDef) -> None:
        self.module = module
        self.owner = owner
        self.training = Training(module, owner)

    # The class. --------------------------------------------------------------------------------

    def check(self, step: Step) -> None:
        """Refuse what can't be rewritten whatever the summary in a step is."""
        training = self.training
        if not training.calls:
            raise RefusedError(NO_FIT)
        if self.tensorflow is None:
            raise RefusedError(COMPUTED, "the file has no name for TensorFlow itself")
        for call in training.by_hand(step.function.name):
            where = "" if call.module is self.module else f" of {call.module.path}"
            raise RefusedError(BY_HAND, f"the call on line {call.node.lineno}{where} runs it without callbacks")
        for module in training.modules:
            if _several_at_once(module):
                raise RefusedError(STEPS_PER_EXECUTION)
            if any(_may_be_scope(item.context_expr) for block in module.find_all(ast.With) for item in block.items):
                raise RefusedError(STRATEGY)
            if any(module.resolve(call.func) in _UNLIKE for call in module.find_all(ast.Call)):
                raise RefusedError(
                    CONTEXT, "what is recorded also depends on `record_if`, or on a graph without eager code"
                )
        if any(in_name_scope(call.module, call.node, NAME_SCOPES) for call in training.calls):
            raise RefusedError(CALLER_SCOPE)
        if any(map(self._has_callback_list, self._drivers([step]))):
            raise RefusedError(NOT_GIVEN)
        if any(map(_may_change_writer, self._drivers([step]))):
            raise RefusedError(SEVERAL_WRITERS, "a writer is made in each turn of the loop that trains the same model")
        if not self.direct([step]):
            if _defines_fit(self.module, self.owner):
                raise RefusedError(OWN_FIT)
            if any(call.method != "fit" for call in self._drivers([step])):
                raise RefusedError(NOT_GIVEN)
        if step.function.name == "call" and any(map(_exports, training.modules)):
            raise RefusedError(EXPORTED)

    @cached_property
    def compiled(self) -> bool:
        """Whether `compile` asks for XLA."""
        options = self.training.compiled("jit_compile")
        return any(not isinstance(value, ast.Constant) or value.value is True for value in options)

    def _drivers(self, steps: Iterable[Step]) -> list[Call]:
        methods = {method for step in steps for method in STEPS[step.function.name]}
        return [call for call in self.training.calls if call.method in methods]

    def direct(self, steps: Iterable[Step]) -> bool:
        """Tell whether all calls that run the steps can be given the callback where they stand."""
        return not self._built_out_of_sight and all(
            call.sure and call.module is self.module and self._given(call, "callback") is not None
            for call in self._drivers(steps)
        )

    def _has_callback_list(self, call: Call) -> bool:
        """Tell whether a call is given a ``CallbackList``, which can't be put into a list."""
        given = _callbacks(call)
        value = self.training.shapes(call.module).value(given) if given is not None else None
        return value is not None and any(
            each.known and callback_base(each) == "CallbackList" for each in value.instances
        )

    @cached_property
    def _built_out_of_sight(self) -> bool:
        """Whether a function that makes models is handed to other code, which may train them, as a tuner does."""
        module = self.module
        for name in module.names.get(self.owner.name, ()):
            function = module.function(name)
            if function is not None and isinstance(module.parent(function), (ast.Module, ast.FunctionDef)):
                scope = module.scope(function)
                uses = module.uses(scope.lookup(function.name) or scope, function.name)
                called = {use.func for use in map(module.parent, uses) if isinstance(use, ast.Call)}
                if any(isinstance(use.ctx, ast.Load) and use not in called for use in uses):
                    return True
        return False

    def _given(self, call: Call, name: str) -> Edit | None:
        """Return the edit that gives a call one more callback."""
        node, module = call.node, call.module
        if root(call.receiver) is None or any(isinstance(argument, ast.Starred) for argument in node.args):
            return None
        added = f"{module.source(call.receiver)}.{name}"
        given = _callbacks(call)
        if given is None:
            unpacked = any(keyword.arg is None for keyword in node.keywords)
            return AddArgument(node, "callbacks", f"[{added}]") if not unpacked else None
        if isinstance(given, ast.List):
            return AddItem(given, None, added, first=True)
        if isinstance(given, ast.Constant) and given.value is None:
            return Replace(given, f"[{added}]")
        if isinstance(given, ast.BinOp) and isinstance(given.op, ast.Add):
            sides = [isinstance(side, ast.List) for side in (given.left, given.right)]
            return Replace(given, (f"[{added}] + ", Move(given))) if any(sides) else None
        value = self.training.shapes(module).value(given)
        if value.optional:
            return None
        if value.instances and all(each.known and callback_base(each) is not None for each in value.instances):
            return Replace(given, (f"[{added}, ", Move(given), "]"))
        return Replace(given, (f"[{added}, *", Move(given), "]")) if value.kind in {"list", "tuple"} else None

    # One summary. ------------------------------------------------------------------------------

    def keep(self, step: Step, summary: Summary) -> Kept:
        """Return what a step hands to the callback.

        Raises:
            RefusedError: it can't.
        """
        if summary.kind not in KINDS or not summary.data:
            raise RefusedError(KIND, f"what `{summary.kind}` takes can't be kept in a variable")
        if self.compiled and summary.kind != "scalar":
            raise RefusedError(COMPILED)
        kept = self._placed(step, summary)
        self.host(step, summary.call.func)
        if step.function.name == "call" and summary.scoped:
            kept.unsafe = SCOPE_LOST
        for name, argument in summary.arguments.items():
            if name == "step" or argument in summary.data.values():
                continue
            if not kept.loops:
                self.host(step, argument)
            elif argument is not summary.tag:
                raise RefusedError(LOOP, f"`{name}` of a summary in a loop can't be kept")
        if kept.writer is not None:
            try:
                self.host(step, receiver(kept.writer), may_change=True)
            except RefusedError as error:
                raise RefusedError(WRITER_IN_GRAPH, error.detail) from None
            self._check_one(receiver(kept.writer))
        else:
            self._default_writer(kept)
        self._tensorboard(kept)
        return kept

    def _placed(self, step: Step, summary: Summary) -> Kept:
        """Return a summary with the blocks, conditions and loops that it stands in."""
        module, function = self.module, step.function
        blocks: list[tuple[ast.With, ast.expr]] = []
        tests: list[tuple[ast.If, bool]] = []
        loops: list[ast.For] = []
        inside: ast.AST = summary.statement
        for around in module.ancestors(inside):
            if around is function:
                break
            if isinstance(around, ast.With):
                blocks += self._writers(around)
            elif isinstance(around, ast.If):
                tests.append((around, inside in around.body))
            elif isinstance(around, ast.For):
                loops.insert(0, around)
                tests.clear()  # those inside of a loop are Python's, and hold for the trace
            elif isinstance(around, (ast.stmt, ast.ExceptHandler, ast.match_case)) and not isinstance(around, _SCOPES):
                raise RefusedError(CONDITIONAL)
            else:
                raise RefusedError(NESTED)
            inside = around
        first = loops[0] if loops else summary.statement
        returns = (node for node in own_nodes(function) if isinstance(node, ast.Return))
        if any(node.lineno < first.lineno for node in returns):
            raise RefusedError(CONDITIONAL)
        writer = blocks[0][1] if blocks else None
        number = summary.step or (default_step(writer) if writer is not None else None)
        if number is None:
            raise RefusedError(DEFAULT_STEP)
        if loops:
            self._check_loops(step, summary, number, loops)
        conditions = tuple(self._test(step, block.test, holds) for block, holds in reversed(tests))
        return Kept(summary, step, writer, blocks, number, conditions, tuple(loops))

    def _check_loops(self, step: Step, summary: Summary, number: ast.expr, loops: Sequence[ast.For]) -> None:
        """Refuse a summary in loops that may be those of a graph, or that its step depends on."""
        targets = {name.id for loop in loops for name in ast.walk(loop.target) if isinstance(name, ast.Name)}
        if summary.kind not in _IN_LOOPS:
            raise RefusedError(LOOP, f"what `{summary.kind}` takes in a loop can't be kept")
        if self._eager or step.function.decorator_list or any(loop.orelse for loop in loops):
            raise RefusedError(LOOP, "the loop may be one of the graph, or of a step that runs eagerly")
        if any(isinstance(name, ast.Name) and name.id in targets for name in ast.walk(number)):
            raise RefusedError(LOOP, "the step that it is recorded at changes from turn to turn")

    @cached_property
    def _eager(self) -> bool:
        """Whether `compile` may ask for steps that aren't traced."""
        return any(not is_constant(value, False, None) for value in self.training.compiled("run_eagerly"))

    def _test(self, step: Step, test: ast.expr, holds: bool) -> str:
        """Return a condition as the callback tests it."""
        if self._eager or not self._is_flag(step, test):
            raise RefusedError(CONDITIONAL)
        code = self.host(step, test)
        if holds:
            return code
        return f"not ({code})" if isinstance(test, (ast.BoolOp, ast.Compare)) else f"not {code}"

    def _is_flag(self, step: Step, test: ast.expr) -> bool:
        """Tell whether a condition is one of Python that is the same throughout the training."""
        if isinstance(test, ast.BoolOp):
            return all(self._is_flag(step, value) for value in test.values)
        if isinstance(test, ast.UnaryOp):
            return isinstance(test.op, ast.Not) and self._is_flag(step, test.operand)
        if isinstance(test, ast.Compare):
            others = all(isinstance(value, ast.Constant) for value in test.comparators)
            return others and self._is_flag(step, test.left)
        if isinstance(test, ast.Attribute) and root(test.value) == own(step) and isinstance(test.value, ast.Name):
            return bool(self._stores(test.attr))
        scope = self.module.scope(test).lookup(test.id) if isinstance(test, ast.Name) else None
        return scope is not None and scope is scope.root and len(scope.bindings[test.id]) == 1  # type: ignore[attr-defined]

    def _tensorboard(self, kept: Kept) -> None:
        """See what TensorBoard does, which `fit` may have been given."""
        for call in self._drivers([kept.step]):
            frequencies = list(self._update_frequencies(call))
            if any(not is_constant(value, "batch", 1) for value in frequencies):
                raise RefusedError(UPDATE_FREQ)
            if frequencies and call.method == "fit" and _is_quiet(call.node):
                kept.unsafe = MORE_BATCHES

    def _writers(self, block: ast.With) -> Iterator[tuple[ast.With, ast.expr]]:
        module = self.module
        making = {expression for expression, _ in writer_items(module, block)}
        for item in reversed(block.items):
            call = item.context_expr
            name = module.resolve(call.func) if isinstance(call, ast.Call) else None
            if call in making and item.optional_vars is None:
                yield block, call
            elif call in making or name not in _PLAIN:
                raise RefusedError(
                    CONTEXT, f"it stands in `with {module.source(call)}`, whose effect on summaries isn't known"
                )

    def _check_one(self, writer: ast.expr) -> None:
        """Refuse a writer that is made in several places: a graph keeps the one of its first trace."""
        made = 0
        if isinstance(writer, ast.Name):
            bound = [
                each for each in self.module.bindings(writer) if not isinstance(getattr(each.node, "ctx", 0), ast.Del)
            ]
            made = sum(not _is_none(binding.value) for binding in bound)
        elif isinstance(writer, ast.Attribute):
            values = (getattr(self.module.parent(node), "value", None) for node in self._stores(writer.attr))
            made = sum(not _is_none(value) for value in values)
        if made > 1:
            raise RefusedError(SEVERAL_WRITERS, f"`{self.module.source(writer)}` is made in several places")

    def _default_writer(self, kept: Kept) -> None:
        """See which writer is the default where the step runs."""
        defaults: set[str] = set()
        # What `predict` traces is a graph of its own, with the writer that is the default there.
        for call in (call for call in self._drivers([kept.step]) if call.method != "predict"):
            tensorboard = any(self._update_frequencies(call))
            defaults |= {_TENSORBOARD} if tensorboard else default_writers(call.module, call.node)
        if len(defaults) > 1 and _TENSORBOARD not in defaults:
            raise RefusedError(SEVERAL_WRITERS, "the calls of `fit` have different default writers, or some have none")
        hidden = hidden_default(self.module)
        if defaults == {NONE} and not hidden:
            kept.lost = self._only_writer(kept.step)
            if kept.lost is None:
                raise RefusedError(NO_WRITER)
        kept.flush = hidden or bool(defaults & {SET, UNKNOWN})

    def _update_frequencies(self, call: Call) -> Iterator[ast.expr]:
        """Yield the `update_freq` of the TensorBoard callbacks that make their writer the default."""
        shapes, given = self.training.shapes(call.module), _callbacks(call)
        element = shapes.element(shapes.value(given)) if given is not None else None
        for instance in element.instances if element is not None else ():
            value = instance.argument("update_freq", 5)
            if instance.name == _TENSORBOARD and value is not None and not is_constant(value, "epoch"):
                yield value

    def _only_writer(self, step: Step) -> str | None:
        module = self.module
        every = writers(module)
        target = every[0].target if len(every) == 1 else None
        if isinstance(target, ast.Attribute) and module.enclosing(target, ast.ClassDef) is self.owner:
            return self.host(step, target) if root(target) == "self" else None
        if not isinstance(target, ast.Name):
            return None
        scope = module.scope(self.owner).lookup(target.id)
        if scope is None or scope is not module.scope(target) or len(scope.bindings[target.id]) != 1:
            return None
        return target.id if module.parent(module.statement(target)) is scope.node else None

    def host(self, step: Step, node: ast.expr, *, may_change: bool = False) -> str:
        """Return an expression of a step as the callback writes it.

        Raises:
            RefusedError: it is another there.
        """
        module = self.module
        inner = module.inner_scope(step.function)
        code, start = module.source(node), node
        places: list[ast.Name] = []
        for part in ast.walk(node):
            if isinstance(part, (ast.Call, ast.Lambda, ast.NamedExpr, ast.Await, ast.comprehension)):
                raise RefusedError(COMPUTED, f"`{module.source(node)}` is computed inside the step")
            if not isinstance(part, ast.Name):
                continue
            if module.scope(part).lookup(part.id) is not inner:
                continue
            attribute = module.parent(part)
            if part.id != own(step) or not isinstance(attribute, ast.Attribute):
                raise RefusedError(COMPUTED, f"`{part.id}` is bound inside the step")
            if not may_change and self._changes(attribute.attr):
                raise RefusedError(COMPUTED, f"`{part.id}.{attribute.attr}` may change, and was fixed in the graph")
            places.append(part)
        for part in sorted(places, key=lambda name: name.col_offset, reverse=True):
            if part.lineno != start.lineno or not code.isascii():
                raise RefusedError(COMPUTED, "it goes over several lines")
            offset = part.col_offset - start.col_offset
            code = f"{code[:offset]}self.model{code[offset + len(part.id) :]}"
        return code

    def _changes(self, attribute: str) -> bool:
        """Tell whether an attribute is assigned outside of `__init__`."""
        functions = (self.module.function(node) for node in self._stores(attribute))
        return any(function is None or function.name != "__init__" for function in functions)

    def _stores(self, attribute: str) -> list[ast.Attribute]:
        """Return the places that may assign to an attribute of the class's models."""
        module = self.module
        return [
            node
            for node in module.attributes.get(attribute, ())
            if not isinstance(node.ctx, ast.Load)
            and (root(node) != "self" or module.enclosing(node, ast.ClassDef) is self.owner)
        ]

    # Edits. ------------------------------------------------------------------------------------

    def gives(self, kept: Sequence[Kept], attribute: str) -> list[Edit] | None:
        """Return the edits that give the calls their callback; None where the class has to do it."""
        steps = list(dict.fromkeys(each.step for each in kept))
        if not self.direct(steps):
            return None
        return [edit for call in self._drivers(steps) if (edit := self._given(call, attribute)) is not None]

    @cached_property
    def tensorflow(self) -> str | None:
        """What TensorFlow is called where the class stands; None where it has no name."""
        scope: Scope | None = self.module.scope(self.owner)
        while scope is not None:
            for name, bindings in scope.bindings.items():
                if len(bindings) == 1 and self.module.meaning(bindings[0]) == "tensorflow":
                    return name
            scope = scope.parent
        return None


def own(step: Step) -> str:
    """Return what a step calls its model."""
    arguments = step.function.args
    return [*arguments.posonlyargs, *arguments.args][0].arg


def root(node: ast.expr) -> str | None:
    """Return the name that an expression like ``a.b.c`` starts with; None for another one."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def receiver(call: ast.expr) -> ast.expr:
    """Return the writer in ``writer.as_default()``."""
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    return call.func.value


def default_step(call: ast.expr) -> ast.expr | None:
    """Return the step in ``writer.as_default(step)``."""
    assert isinstance(call, ast.Call)
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "step")]
    return given[0] if given and not is_constant(given[0], None) else None


def is_constant(node: ast.expr, *values: object) -> bool:
    """Tell whether an expression is one of some constants."""
    return isinstance(node, ast.Constant) and node.value in values


def _is_quiet(call: ast.Call) -> bool:
    """Tell whether a call may be without a progress bar, which hears of each batch."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "verbose"] or call.args[4:5]
    return any(not is_constant(value, 1, "auto") for value in given)


def _callbacks(call: Call) -> ast.expr | None:
    """Return the callbacks that a call is given."""
    node, position = call.node, _POSITIONS[call.method]
    named = (keyword.value for keyword in node.keywords if keyword.arg == "callbacks")
    return next(named, node.args[position] if position < len(node.args) else None)


def _is_none(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _may_change_writer(call: Call) -> bool:
    """Tell whether a call trains the same model in each turn of a loop, with a writer of the turn."""
    module = call.module
    name = next((node for node in ast.walk(call.receiver) if isinstance(node, ast.Name)), None)
    for loop in module.ancestors(call.node):
        if not isinstance(loop, (ast.For, ast.While)) or module.function(loop) is not module.function(call.node):
            continue
        made = [binding.node for binding in (module.bindings(name) if name is not None else ())]
        if any(loop in module.ancestors(node) for node in made):
            return False
        if any(loop in module.ancestors(writer.call) for writer in writers(module)):
            return True
    return False


def _may_be_scope(node: ast.expr) -> bool:
    """Tell whether a block may be the scope of a distribution strategy."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "scope"


def _several_at_once(module: Module) -> bool:
    """Tell whether a module may ask Keras to run several steps at once."""
    word = "steps_per_execution"
    if word not in module.text:
        return False
    given = [keyword.value for keyword in module.find_all(ast.keyword) if keyword.arg == word]
    words = (node for node in module.find_all(ast.Constant) if node.value == word)
    stores = (node for node in module.attributes.get(word, ()) if not isinstance(node.ctx, ast.Load))
    return any(not is_constant(value, 1, None) for value in given) or any(words) or any(stores)


def _defines_fit(module: Module, owner: ast.ClassDef) -> bool:
    """Tell whether a class, or one of the project that it is derived from, has a ``fit`` of its own."""
    bases = (found for name in ancestors(module, owner) if (found := class_named(module, name)) is not None)
    parts = (part for each in (owner, *(node for _, node in bases)) for part in each.body)
    return any(isinstance(part, ast.FunctionDef) and part.name == "fit" for part in parts)


def _exports(module: Module) -> bool:
    """Tell whether a module may save a model with the functions that it consists of, as a SavedModel."""
    saved = [
        call.args[:1]
        for call in module.find_all(ast.Call)
        if isinstance(call.func, ast.Attribute)
        and (call.func.attr == "save" or (module.resolve(call.func) or "").endswith(".ModelCheckpoint"))
    ]
    files = (".keras", ".h5")
    return any(word in module.text for word in ("saved_model.", "save_model(", "signatures=")) or any(
        not (given and isinstance(given[0], ast.Constant) and str(given[0].value).endswith(files)) for given in saved
    )
