"""How the steps of a Keras model keep what a callback of theirs records: the plan, and its edits."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from codemods.analysis.module import Module
from codemods.analysis.strategies import is_scope
from codemods.engine.codemod import (
    AddArgument,
    AddImport,
    AddItem,
    Code,
    Edit,
    InsertBefore,
    Move,
    Refusal,
    RemoveWithItem,
    Replace,
    Unwrap,
)
from codemods.summaries.fitting import STEPS, Call, Step, Training
from codemods.summaries.ops import Summary, summary_name
from codemods.summaries.plan import (
    CONTEXT,
    NESTED,
    NO_WRITER,
    SEVERAL_WRITERS,
    WRITER_IN_GRAPH,
    RefusedError,
    own_nodes,
)
from codemods.summaries.writers import NONE, SET, UNKNOWN, default_writers, hidden_default, writer_items, writers

NO_FIT = Refusal("no-fit", "no call of `fit` is seen to train the model")
BY_HAND = Refusal("trained-by-hand", "the step is also run without callbacks, as by `train_on_batch`")
STEPS_PER_EXECUTION = Refusal(
    "steps-per-execution", "several steps may run at once, and a callback hears of the last of them only"
)
STRATEGY = Refusal("strategy", "the model may be trained on several replicas, each of which has a value of its own")
OWN_FIT = Refusal(
    "own-fit", "not all calls of `fit` are seen or can be given a callback, and the class has a `fit` of its own"
)
EVALUATE = Refusal("evaluate", "not all calls of `evaluate` are seen or can be given a callback")
CONDITIONAL = Refusal("conditional", "it stands in a loop, under a condition or behind an early return")
KIND = Refusal("kind", "what this kind of summary takes can't be kept in a variable")
COMPILED = Refusal("compiled", "with `jit_compile=True` a variable must keep its shape, and only a scalar's is known")
COMPUTED = Refusal("computed-argument", "its tag or another argument is computed inside the step")
DEFAULT_STEP = Refusal("default-step", "it has no step of its own, and the default one may be another in a callback")
UPDATE_FREQ = Refusal(
    "update-freq",
    "the writer of TensorBoard(update_freq=...) leaves out steps, which ones depends on where it is asked",
)

MORE_BATCHES = (
    "under Keras 2 TensorBoard(update_freq=...) records the logs of each batch only where another callback hears of "
    "the batches, as this one does"
)

REFUSALS = (
    NO_FIT, BY_HAND, STEPS_PER_EXECUTION, STRATEGY, OWN_FIT, EVALUATE, CONDITIONAL, KIND, COMPILED, COMPUTED,
    DEFAULT_STEP, UPDATE_FREQ, CONTEXT, NESTED, NO_WRITER, SEVERAL_WRITERS, WRITER_IN_GRAPH,
)  # fmt: skip

# What a variable starts with, and what the operation itself does with its data first.
_FREE = "shape={tf}.TensorShape(None), trainable=False"
_KINDS = {
    "scalar": ("0.0, trainable=False", "{tf}.cast({data}, {tf}.float32)"),
    "histogram": (f"[], dtype={{tf}}.float64, {_FREE}", "{tf}.cast({data}, {tf}.float64)"),
    "image": (f"[], dtype={{tf}}.uint8, {_FREE}", "{tf}.image.convert_image_dtype({data}, {tf}.uint8, saturate=True)"),
    "audio": (f"[], {_FREE}", "{data}"),
    "text": (f'"", {_FREE}', "{data}"),
}
_HOOKS = {"train_step": "on_train_batch_end", "test_step": "on_test_batch_end"}
_POSITIONS = {"fit": 5, "evaluate": 6}  # of the argument `callbacks`
_PLAIN = frozenset({"tensorflow.GradientTape", "tensorflow.device", "tensorflow.control_dependencies"})
_CONTROL = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match, ast.AsyncWith)
_STEADY = frozenset({
    "result", "update_state", "reset_state", "reset_states", "gradient", "compute_metrics", "compute_loss",
    "get_metrics_result", "items", "keys", "values", "append", "update", "as_default",
})  # fmt: skip
_CALLBACK = frozenset({"model", "params", "validation_data", "set_model", "set_params"})
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
        lost: the name of the only writer in reach, where none is the default.
        flush: the default writer may have been set for good, and nothing flushes it.
        unsafe: which behaviour changes.
    """

    summary: Summary
    step: Step
    writer: ast.expr | None
    blocks: list[tuple[ast.With, ast.expr]]
    number: ast.expr
    lost: str | None = None
    flush: bool = False
    unsafe: str | None = None


class Keeping:
    """The model's class, with what must be known to take the summaries out of its steps."""

    def __init__(self, module: Module, owner: ast.ClassDef) -> None:
        self.module = module
        self.owner = owner
        self.training = Training(module, owner)

    # The class. --------------------------------------------------------------------------------

    def check(self, steps: Iterable[Step]) -> None:
        """Refuse what can't be rewritten whatever the summary is."""
        training = self.training
        if not training.calls:
            raise RefusedError(NO_FIT)
        for call in training.by_hand:
            where = "" if call.module is self.module else f" of {call.module.path}"
            raise RefusedError(BY_HAND, f"`{call.method}` on line {call.node.lineno}{where} runs it without callbacks")
        for module in training.modules:
            if _several_at_once(module):
                raise RefusedError(STEPS_PER_EXECUTION)
            if any(is_scope(module, item.context_expr) for block in module.find_all(ast.With) for item in block.items):
                raise RefusedError(STRATEGY)
        if not self._direct(steps):
            if _defines_fit(self.module, self.owner):
                raise RefusedError(OWN_FIT)
            if any(step.function.name == "test_step" for step in steps) and any(
                call.method == "evaluate" for call in training.calls
            ):
                raise RefusedError(EVALUATE)

    @cached_property
    def compiled(self) -> bool:
        """Whether `compile` asks for XLA."""
        options = self.training.compiled("jit_compile")
        return any(not isinstance(value, ast.Constant) or value.value is True for value in options)

    def _drivers(self, steps: Iterable[Step]) -> list[Call]:
        methods = {method for step in steps for method in STEPS[step.function.name]}
        return [call for call in self.training.calls if call.method in methods]

    def _direct(self, steps: Iterable[Step]) -> bool:
        """Tell whether all calls that run the steps can be given the callback where they stand."""
        drivers = self._drivers(steps)
        return all(
            call.sure and call.module is self.module and self._given(call, "callback") is not None for call in drivers
        )

    def _given(self, call: Call, name: str) -> Edit | None:
        """Return the edit that gives a call one more callback."""
        node, module = call.node, call.module
        root = call.receiver
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or any(isinstance(argument, ast.Starred) for argument in node.args):
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
        value = self.training.shapes(module).value(given)
        if value.kind not in {"list", "tuple"} or value.optional:
            return None
        return Replace(given, (f"[{added}, *", Move(given), "]"))

    # One summary. ------------------------------------------------------------------------------

    def keep(self, step: Step, summary: Summary) -> Kept:
        """Return what a step hands to the callback.

        Raises:
            RefusedError: it can't.
        """
        module, function = self.module, step.function
        if summary.kind not in _KINDS or not summary.data:
            raise RefusedError(KIND, f"what `{summary.kind}` takes can't be kept in a variable")
        if self.compiled and summary.kind != "scalar":
            raise RefusedError(COMPILED)
        blocks: list[tuple[ast.With, ast.expr]] = []
        for around in module.ancestors(summary.statement):
            if around is function:
                break
            if isinstance(around, ast.With):
                blocks += self._writers(around)
            elif isinstance(around, _CONTROL):
                raise RefusedError(CONDITIONAL)
            else:
                raise RefusedError(NESTED)
        returns = (node for node in own_nodes(function) if isinstance(node, ast.Return))
        if any(node.lineno < summary.statement.lineno for node in returns):
            raise RefusedError(CONDITIONAL)
        number, writer = summary.step, blocks[0][1] if blocks else None
        if number is None and blocks and isinstance(blocks[0][0], ast.With):
            number = _default_step(blocks[0][1])
        if number is None:
            raise RefusedError(DEFAULT_STEP)
        kept = Kept(summary, step, writer, blocks, number)
        for name, argument in summary.arguments.items():
            if name != "step" and argument not in summary.data.values():
                self.host(step, argument)
        if writer is not None:
            try:
                self.host(step, _receiver(writer), may_change=True)
            except RefusedError as error:
                raise RefusedError(WRITER_IN_GRAPH, error.detail) from None
        else:
            self._default_writer(kept)
        fits = (call for call in self._drivers([step]) if call.method == "fit")
        if any(_is_quiet(call.node) and any(self._update_frequencies(call)) for call in fits):
            kept.unsafe = MORE_BATCHES
        return kept

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

    def _default_writer(self, kept: Kept) -> None:
        """See which writer is the default where the step runs."""
        defaults: set[str] = set()
        for call in self._drivers([kept.step]):
            frequencies = list(self._update_frequencies(call))
            if any(not _each_batch(value) for value in frequencies):
                raise RefusedError(UPDATE_FREQ)
            defaults |= {_TENSORBOARD} if frequencies else default_writers(call.module, call.node)
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
            if instance.name == _TENSORBOARD and value is not None and not _is(value, "epoch"):
                yield value

    def _only_writer(self, step: Step) -> str | None:
        module = self.module
        every = writers(module)
        target = every[0].target if len(every) == 1 else None
        if isinstance(target, ast.Attribute) and module.enclosing(target, ast.ClassDef) is self.owner:
            return self.host(step, target) if _root(target) == "self" else None
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
        own = _self(step)
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
            if part.id != own or not isinstance(attribute, ast.Attribute):
                raise RefusedError(COMPUTED, f"`{part.id}` is bound inside the step")
            if not may_change and self._changes(attribute.attr):
                raise RefusedError(COMPUTED, f"`{own}.{attribute.attr}` may change, and was fixed in the graph")
            places.append(part)
        for part in sorted(places, key=lambda name: name.col_offset, reverse=True):
            if part.lineno != start.lineno or not code.isascii():
                raise RefusedError(COMPUTED, "it goes over several lines")
            offset = part.col_offset - start.col_offset
            code = f"{code[:offset]}self.model{code[offset + len(part.id) :]}"
        return code

    def _changes(self, attribute: str) -> bool:
        """Tell whether an attribute is assigned outside of `__init__`."""
        stores = (node for node in self.module.attributes.get(attribute, ()) if not isinstance(node.ctx, ast.Load))
        return any((f := self.module.function(node)) is None or f.name != "__init__" for node in stores)

    # Edits. ------------------------------------------------------------------------------------

    def edits(self, kept: Sequence[Kept]) -> list[Edit]:
        """Return the edits for some summaries of the class, together."""
        steps = list(dict.fromkeys(each.step for each in kept))
        direct = self._direct(steps)
        writing = _Writing(self, kept)
        edits: list[Edit] = [AddImport("functools", above=self.owner), *writing.edits(adds=not direct)]
        given = [self._given(call, writing.attribute) for call in self._drivers(steps)] if direct else []
        return [*edits, *(edit for edit in given if edit is not None)]

    @cached_property
    def tensorflow(self) -> str:
        """The file's name for TensorFlow."""
        names = (node.id for node in self.module.find_all(ast.Name) if self.module.resolve(node) == "tensorflow")
        found = next(names, None)
        if found is None:
            raise RefusedError(COMPUTED, "the file has no name for TensorFlow itself")
        return found


_PROPERTY = """\
@functools.cached_property
def {attribute}(self):
    return {callback}()
"""
_FIT = """
def fit(self, *args, callbacks=None, **kwargs):
    return super().fit(*args, callbacks=[self.{attribute}, callbacks or []], **kwargs)
"""


class _Writing:
    """The code for some summaries: the callback's, and what stands in their place."""

    def __init__(self, keeping: Keeping, kept: Sequence[Kept]) -> None:
        self.keeping = keeping
        self.module = keeping.module
        self.kept = kept
        module, owner = keeping.module, keeping.owner
        names = set(module.scope(owner).root.bindings) | set(module.scope(owner).bindings) | set(module.names)
        self.callback = _fresh(f"{owner.name}Summaries", names)
        taken = set(module.attributes) | {each.name for each in module.find_all(ast.FunctionDef)}
        self.attribute = _fresh("summaries", taken | {call.method for call in keeping.training.calls})
        self.taken = set(_CALLBACK)
        self.variables: list[str] = []  # the lines that make them
        self.numbers: list[tuple[Kept, str]] = []  # the steps that are kept, by the first summary that has one

    def edits(self, *, adds: bool) -> Iterator[Edit]:
        """Yield the edits of the class, and put the callback before it.

        Args:
            adds: the class itself gives the callback to ``fit``.
        """
        hooks: dict[str, list[tuple[str | None, str]]] = {}
        for each in self.kept:
            code, line = self._one(each)
            yield Replace(each.summary.statement, code)
            hooks.setdefault(_HOOKS[each.step.function.name], []).append((self._block(each), line))
        yield from self._dissolved()
        module, owner = self.module, self.keeping.owner
        base, imported = _callback_base(module, owner, self.keeping.tensorflow)
        if imported is not None:
            yield imported
        lines = [
            f"class {self.callback}({base}):",
            f'    """Records what the steps of `{owner.name}` compute, when each batch has ended."""',
            "",
            "    def __init__(self):",
            "        super().__init__()",
            *(f"        {line}" for line in self.variables),
        ]
        for hook, summaries in hooks.items():
            lines += ["", f"    def {hook}(self, batch, logs=None):"]
            before = None
            for block, line in summaries:
                if block is not None and block != before:
                    lines.append(f"        with {block}.as_default():")
                before = block
                lines.append(f"        {line}" if block is None else f"            {line}")
        for hook in dict.fromkeys(_HOOKS[each.step.function.name] for each in self.kept if each.flush):
            lines += ["", f"    def {hook.replace('_batch', '')}(self, logs=None):", f"        {self._flush()}"]
        yield InsertBefore(owner, "\n".join([*lines, "", ""]))
        first = min((each.step.function for each in self.kept), key=lambda function: function.lineno)
        members = _PROPERTY + _FIT if adds else _PROPERTY
        yield InsertBefore(first, members.format(attribute=self.attribute, callback=self.callback))

    def _one(self, kept: Kept) -> tuple[Code, str]:
        """Return what stands in the place of a summary, and the line by which the callback writes it."""
        module, call = self.module, kept.summary.call
        tf, own = self.keeping.tensorflow, _self(kept.step)
        (data,) = kept.summary.data.values()
        name = self._name(kept, data)
        start, passed = _KINDS[kept.summary.kind]
        self.variables.append(f"self.{name} = {tf}.Variable({start.format(tf=tf)})")
        before, after = passed.format(tf=tf, data="\0").split("\0")
        code: list[str | Move] = []
        number = self._number(kept)
        if number is None:
            number = self._kept_number(kept, code)
        code += [f"{own}.{self.attribute}.{name}.assign({before}", Move(data), f"{after})"]
        arguments = []
        every: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        for argument in every:
            value = argument.value if isinstance(argument, ast.keyword) else argument
            text = f"self.{name}" if value is data else number if value is kept.summary.step else None
            if text is None:
                text = self.keeping.host(kept.step, value)
            arguments.append(f"{argument.arg}={text}" if isinstance(argument, ast.keyword) else text)
        if kept.summary.step is None:
            arguments = [text for text in arguments if text != "step=None"]
            arguments.append(f"step={number}")
        return tuple(code), f"{module.source(call.func)}({', '.join(arguments)})"

    def _number(self, kept: Kept) -> str | None:
        """Return the step as the callback can read it; None where it may be another by then."""
        node = kept.number
        if isinstance(node, ast.Constant):
            return self.module.source(node)
        if not (isinstance(node, ast.Attribute) and node.attr == "iterations" and _root(node) == _self(kept.step)):
            return None
        return self.keeping.host(kept.step, node, may_change=True) if self._settled(kept, None) else None

    def _kept_number(self, kept: Kept, code: list[str | Move]) -> str:
        """Return the variable that keeps the step, and add to the code what sets it."""
        source = self.module.source(kept.number)
        for other, name in self.numbers:
            same = other.step == kept.step and self.module.source(other.number) == source
            block = self.module.block(other.summary.statement) is self.module.block(kept.summary.statement)
            if same and block and self._settled(other, kept):
                return f"self.{name}"
        name = _fresh("step", self.taken)
        self.taken.add(name)
        tf = self.keeping.tensorflow
        self.variables.append(f"self.{name} = {tf}.Variable(0, dtype={tf}.int64, trainable=False)")
        self.numbers.append((kept, name))
        code += [f"{_self(kept.step)}.{self.attribute}.{name}.assign(", Move(kept.number), ")\n"]
        return f"self.{name}"

    def _settled(self, kept: Kept, until: Kept | None) -> bool:
        """Tell whether the step stays what it is, up to another summary or the end of the method."""
        start = kept.summary.statement.end_lineno or 0
        end = until.summary.statement.lineno if until is not None else None
        for node in own_nodes(kept.step.function):
            line = getattr(node, "lineno", 0)
            if line <= start or (end is not None and line >= end):
                continue
            stored = isinstance(node, (ast.Name, ast.Attribute)) and not isinstance(node.ctx, ast.Load)
            if stored and ast.unparse(node) in ast.unparse(kept.number):
                return False
            if isinstance(node, ast.Call) and not self._is_steady(node):
                return False
        return True

    def _is_steady(self, call: ast.Call) -> bool:
        """Tell whether a call surely changes no step."""
        name = self.module.resolve(call.func)
        if name is not None:
            return name.startswith(("tensorflow.", "keras.losses.", "keras.ops.", "builtins.")) and name not in {
                "builtins.setattr", "tensorflow.py_function", "tensorflow.numpy_function", "tensorflow.group",
            }  # fmt: skip
        return isinstance(call.func, ast.Attribute) and call.func.attr in _STEADY

    def _name(self, kept: Kept, data: ast.expr) -> str:
        tag = kept.summary.tag
        base = data.id if isinstance(data, ast.Name) else kept.summary.kind
        if isinstance(tag, ast.Constant) and isinstance(tag.value, str):
            base = tag.value.rpartition("/")[2]
        base = re.sub(r"\W+", "_", base, flags=re.ASCII).strip("_0123456789").lower() or kept.summary.kind
        if base in _CALLBACK or keyword.iskeyword(base):
            base = f"{kept.summary.kind}_{base}"
        name = _fresh(base, self.taken)
        self.taken.add(name)
        return name

    def _block(self, kept: Kept) -> str | None:
        if kept.writer is None:
            return kept.lost
        return self.keeping.host(kept.step, _receiver(kept.writer), may_change=True)

    def _flush(self) -> str:
        """Return the call that writes what is buffered; a writer that was set for good loses it at the end."""
        return f"{self.keeping.tensorflow}.summary.flush()"

    def _dissolved(self) -> Iterator[Edit]:
        """Yield the edits that take away the writers' blocks that nothing in them needs any more."""
        moved: set[ast.AST] = {each.summary.statement for each in self.kept}
        blocks: dict[ast.With, list[ast.expr]] = {}
        for each in self.kept:
            for block, expression in each.blocks:
                if expression not in blocks.setdefault(block, []):
                    blocks[block].append(expression)
        for block, expressions in blocks.items():
            rest = _outside(block.body, moved)
            calls = (node for node in rest if isinstance(node, ast.Call))
            if any(summary_name(self.module, call) is not None or not self._is_steady(call) for call in calls):
                continue
            if len(expressions) == len(block.items):
                yield Unwrap(block)
            else:
                yield from (RemoveWithItem(block, expression) for expression in expressions)


def _outside(statements: Sequence[ast.AST], left_out: Collection[ast.AST]) -> Iterator[ast.AST]:
    """Yield all nodes of some statements but those that are left out, and what is in them."""
    for node in statements:
        if node not in left_out:
            yield node
            yield from _outside(list(ast.iter_child_nodes(node)), left_out)


def _fresh(base: str, taken: Iterable[str]) -> str:
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _self(step: Step) -> str:
    arguments = step.function.args
    return [*arguments.posonlyargs, *arguments.args][0].arg


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _receiver(call: ast.expr) -> ast.expr:
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    return call.func.value


def _default_step(call: ast.expr) -> ast.expr | None:
    """Return the step in ``writer.as_default(step)``."""
    assert isinstance(call, ast.Call)
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "step")]
    return given[0] if given and not _is(given[0], None) else None


def _is(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


def _each_batch(frequency: ast.expr) -> bool:
    return _is(frequency, "batch") or _is(frequency, 1)


def _is_quiet(call: ast.Call) -> bool:
    """Tell whether a call may be without a progress bar, which hears of each batch."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "verbose"] or call.args[4:5]
    return any(not (_is(value, 1) or _is(value, "auto")) for value in given)


def _callbacks(call: Call) -> ast.expr | None:
    """Return the callbacks that a call is given."""
    node, position = call.node, _POSITIONS[call.method]
    named = (keyword.value for keyword in node.keywords if keyword.arg == "callbacks")
    return next(named, node.args[position] if position < len(node.args) else None)


def _several_at_once(module: Module) -> bool:
    """Tell whether a module may ask Keras to run several steps at once."""
    word = "steps_per_execution"
    if word not in module.text:
        return False
    given = [keyword.value for keyword in module.find_all(ast.keyword) if keyword.arg == word]
    words = (node for node in module.find_all(ast.Constant) if node.value == word)
    stores = (node for node in module.attributes.get(word, ()) if not isinstance(node.ctx, ast.Load))
    return any(not (_is(value, 1) or _is(value, None)) for value in given) or any(words) or any(stores)


def _defines_fit(module: Module, owner: ast.ClassDef) -> bool:
    names = {statement.name for statement in owner.body if isinstance(statement, ast.FunctionDef)}
    return "fit" in names


def _callback_base(module: Module, owner: ast.ClassDef, tensorflow: str) -> tuple[str, AddImport | None]:
    """Return how the file names Keras' base class of callbacks, and the import that it needs."""
    for name, bindings in module.inner_scope(module.tree).bindings.items():
        if len(bindings) == 1 and bindings[0].imported and module.meaning(bindings[0]) == "keras.callbacks.Callback":
            return name, None
    for base in owner.bases:
        if isinstance(base, ast.Attribute) and (module.resolve(base) or "").startswith("keras."):
            package = base.value
            if module.resolve(package) == "keras.models" and isinstance(package, ast.Attribute):
                package = package.value
            if module.resolve(package) == "keras":
                return f"{module.source(package)}.callbacks.Callback", None
    for base in owner.bases:
        bindings = module.bindings(base) if isinstance(base, ast.Name) else []
        imported = bindings[0].imported if len(bindings) == 1 else None
        package_name = (imported or "").rpartition(".")[0].removesuffix(".models")
        if package_name in {"keras", "tf_keras"}:
            return "Callback", AddImport(f"{package_name}.callbacks", "Callback", above=owner)
    return f"{tensorflow}.keras.callbacks.Callback", None
