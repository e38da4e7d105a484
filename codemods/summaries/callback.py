"""The code of a callback that records what the steps of a Keras model hand to it, and what stands in their place."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from codemods.analysis.module import Module
from codemods.engine.codemod import (
    AddImport,
    Code,
    Edit,
    InsertBefore,
    Move,
    RemoveWithItem,
    Replace,
    Unwrap,
)
from codemods.summaries.function import own_nodes
from codemods.summaries.keeping import KINDS, LOOP, Keeping, Kept, own, receiver, root
from codemods.summaries.moves import RefusedError
from codemods.summaries.ops import summary_name

_HOOKS = {
    "train_step": ("on_train_batch_end",),
    "test_step": ("on_test_batch_end",),
    "call": ("on_train_batch_end", "on_test_batch_end", "on_predict_batch_end"),
}
_INHERITED = frozenset({"model", "params", "validation_data", "set_model", "set_params", "keep", "kept"})
# Methods that change no step.
_STEADY = frozenset({
    "result", "update_state", "reset_state", "reset_states", "gradient", "compute_metrics", "compute_loss",
    "get_metrics_result", "items", "keys", "values", "append", "update", "as_default", "replace", "format", "join",
    "split", "strip", "lower", "upper", "startswith", "endswith",
})  # fmt: skip
_PROPERTY = """\
@functools.cached_property
def {attribute}(self):
    return {callback}()
"""
_FIT = """
def fit(self, *args, callbacks=None, **kwargs):
    return super().fit(*args, callbacks=[self.{attribute}, callbacks or []], **kwargs)
"""
_KEEP = """
    def keep(self, write, number, name, value):
        \"\"\"Keep what a turn of a loop computes, in a variable that is made when the step is first traced.\"\"\"
        if (write, number, name) not in self.kept:
            with {tf}.init_scope():
                variable = {tf}.Variable({tf}.zeros([], value.dtype), shape={tf}.TensorShape(None), trainable=False)
            self.kept[write, number, name] = variable
        self.kept[write, number, name].assign(value)
"""


class CallbackCode:
    """The callback for some summaries of a class."""

    def __init__(self, keeping: Keeping, kept: Sequence[Kept]) -> None:
        self.keeping = keeping
        self.module = module = keeping.module
        self.kept = kept
        assert keeping.tensorflow is not None
        self.tf = keeping.tensorflow
        self._names = {*module.names, *module.scope(keeping.owner).root.bindings}
        self.callback = _fresh(f"{keeping.owner.name}Summaries", self._names)
        taken = {*module.attributes, *(each.name for each in module.find_all(ast.FunctionDef))}
        self.attribute = _fresh("summaries", taken)
        self._taken = set(_INHERITED)
        self._variables: list[str] = []  # the lines that make them
        self._numbers: list[tuple[Kept, str]] = []  # the steps that are kept, by the first summary that has one
        self._keys: dict[ast.AST, str] = {}  # what a loop's turns are told apart by

    def edits(self) -> list[Edit]:
        """Return all edits that take the summaries to the callback.

        Raises:
            RefusedError: those in loops don't fit together.
        """
        gives = self.keeping.gives(self.kept, self.attribute)
        edits: list[Edit] = [AddImport("functools", above=self.keeping.owner), *(gives or ())]
        lines: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for each in self.kept:
            changes, line = self._in_loop(each) if each.loops else self._in_line(each)
            edits += changes
            for hook in _HOOKS[each.step.function.name]:
                if (self._around(each), line) not in lines.setdefault(hook, []):
                    lines[hook].append((self._around(each), line))
        looped = (each.summary for each in self.kept if each.loops)
        tags = [(summary.kind, self.module.source(summary.tag)) for summary in looped if summary.tag is not None]
        if len(set(tags)) < len(tags):
            raise RefusedError(LOOP, "two summaries in loops may have the same name")
        if len({(*around, line) for hook in lines.values() for around, line in hook if line.startswith("for ")}) > 1:
            raise RefusedError(LOOP, "several loops record at different steps, or with different writers")
        return [*edits, *self._dissolved(), *self._class(lines), self._members(adds=gives is None)]

    # The callback. -----------------------------------------------------------------------------

    def _class(self, hooks: dict[str, list[tuple[tuple[str, ...], str]]]) -> Iterator[Edit]:
        """Yield the edits that put the callback before the model."""
        owner = self.keeping.owner
        base, imported = _callback_base(self.module, owner, self.tf)
        if imported is not None:
            yield imported
        code = [
            f"class {self.callback}({base}):",
            f'    """Records what the steps of `{owner.name}` compute, when each batch has ended."""',
            "",
            "    def __init__(self):",
            "        super().__init__()",
            *(f"        {line}" for line in self._variables),
        ]
        if self._keys:
            code += ["        self.kept = {}", *_KEEP.format(tf=self.tf).rstrip().split("\n")]
        for hook, lines in hooks.items():
            same = [other for other in hooks if hooks[other] == lines]
            if hook != same[0]:
                continue
            code += ["", f"    def {hook}(self, batch, logs=None):"]
            before: tuple[str, ...] = ()
            for around, line in lines:
                if around != before:
                    code += [f"{'    ' * (2 + depth)}{head}:" for depth, head in enumerate(around)]
                before = around
                code += [f"{'    ' * (2 + len(around))}{part}" for part in line.split("\n")]
            if len(same) > 1:
                code += ["", f"    {' = '.join([*same[1:], hook])}"]
        # A writer that was set for good loses what is buffered at the end.
        for hook in dict.fromkeys(hook for each in self.kept if each.flush for hook in _HOOKS[each.step.function.name]):
            code += [
                "",
                f"    def {hook.replace('_batch', '')}(self, logs=None):",
                f"        {self.tf}.summary.flush()",
            ]
        place, outer = owner, self.module.parent(owner)
        while isinstance(outer, ast.ClassDef):  # the names of its body aren't seen in the methods of a class in it
            place, outer = outer, self.module.parent(outer)
        yield InsertBefore(place, "\n".join([*self._apart(place), *code]))

    def _apart(self, place: ast.stmt) -> list[str]:
        """Return the blank lines that a definition before a statement lacks; at the head of a cell it needs none."""
        before = [each for each in self.module.block(place) if each.lineno < place.lineno]
        line = min([place.lineno, *(decorator.lineno for decorator in getattr(place, "decorator_list", ()))]) - 1
        while self.module.lines[line - 1].lstrip().startswith("#"):
            line -= 1
        ends_cell = before and isinstance(before[-1], ast.Expr) and not isinstance(before[-1].value, ast.Call)
        return [] if not before or ends_cell or before[-1].end_lineno != line else ["", ""]

    def _members(self, *, adds: bool) -> Edit:
        """Return the edit that gives the model its callback.

        Args:
            adds: the class itself gives it to ``fit``.
        """
        first = min((each.step.function for each in self.kept), key=lambda function: function.lineno)
        code = _PROPERTY + _FIT if adds else _PROPERTY
        return InsertBefore(first, code.format(attribute=self.attribute, callback=self.callback))

    def _around(self, kept: Kept) -> tuple[str, ...]:
        """Return the heads of the blocks that the callback writes a summary in."""
        writer = kept.lost
        if kept.writer is not None:
            writer = self.keeping.host(kept.step, receiver(kept.writer), may_change=True)
        heads = [f"if {test}" for test in kept.tests]
        return (*heads, f"with {writer}.as_default()") if writer is not None else tuple(heads)

    # One summary. ------------------------------------------------------------------------------

    def _in_line(self, kept: Kept) -> tuple[list[Edit], str]:
        """Return the edit at a summary's place, and the line by which the callback writes it."""
        module, call = self.module, kept.summary.call
        (data,) = kept.summary.data.values()
        name = self._name(kept, data)
        self._variables.append(f"self.{name} = {self.tf}.Variable({KINDS[kept.summary.kind][0].format(tf=self.tf)})")
        number, keeping = self._number(kept)
        code: list[str | Move] = [*keeping, "\n"] if keeping else []
        code += [f"{own(kept.step)}.{self.attribute}.{name}.assign(", *self._passed(kept, data), ")"]
        arguments = []
        every: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        for argument in every:
            value = argument.value if isinstance(argument, ast.keyword) else argument
            if value is data:
                text = f"self.{name}"
            elif value is kept.summary.arguments.get("step"):
                text = number
            else:
                text = self.keeping.host(kept.step, value)
            arguments.append(f"{argument.arg}={text}" if isinstance(argument, ast.keyword) else text)
        if "step" not in kept.summary.arguments:
            arguments.append(f"step={number}")
        return [Replace(kept.summary.statement, tuple(code))], f"{module.source(call.func)}({', '.join(arguments)})"

    def _in_loop(self, kept: Kept) -> tuple[list[Edit], str]:
        """Return the edits for a summary in a loop, and the lines by which the callback writes all those of loops."""
        edits: list[Edit] = []
        for loop in kept.loops:
            if loop not in self._keys:
                edits += self._keyed(loop)
        keys = [self._keys[loop] for loop in kept.loops]
        (data,) = kept.summary.data.values()
        tag = kept.summary.tag
        assert tag is not None
        number, keeping = self._number(kept)
        if keeping:
            edits.append(InsertBefore(kept.statement, tuple(keeping)))
        write = f"{own(kept.step)}.{self.attribute}.keep({self.module.source(kept.summary.call.func)}"
        key = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
        code: Code = (f"{write}, {key}, ", Move(tag), ", ", *self._passed(kept, data), ")")
        line = f"for (write, _, name), value in self.kept.items():\n    write(name, value, step={number})"
        return [*edits, Replace(kept.summary.statement, code)], line

    def _keyed(self, loop: ast.For) -> Iterator[Edit]:
        """Yield the edits that number the turns of a loop, and remember the number's name."""
        iterated = self.module.resolve(loop.iter.func) if isinstance(loop.iter, ast.Call) else None
        if iterated == "builtins.range" and isinstance(loop.target, ast.Name):
            self._keys[loop] = loop.target.id
            return
        if iterated == "builtins.enumerate" and isinstance(loop.target, ast.Tuple):
            counter = loop.target.elts[0]
            if isinstance(counter, ast.Name):
                self._keys[loop] = counter.id
                return
        outer = {self._keys[around] for around in self.module.ancestors(loop) if around in self._keys}
        name = self._keys[loop] = _fresh("number", self._names | outer)
        tuple_target = isinstance(loop.target, (ast.Tuple, ast.List))
        yield Replace(loop.iter, ("enumerate(", Move(loop.iter), ")"))
        yield Replace(
            loop.target, (f"{name}, (" if tuple_target else f"{name}, ", Move(loop.target), ")" * tuple_target)
        )

    def _passed(self, kept: Kept, data: ast.expr) -> tuple[str | Move, ...]:
        """Return the data as the variable takes it."""
        before, after = KINDS[kept.summary.kind][1].format(tf=self.tf, data="\0").split("\0")
        return before, Move(data), after

    def _number(self, kept: Kept) -> tuple[str, list[str | Move]]:
        """Return the step as the callback reads it, and the code that keeps it, where that is needed."""
        node = kept.number
        if isinstance(node, ast.Constant):
            return self.module.source(node), []
        counter = isinstance(node, ast.Attribute) and node.attr == "iterations" and root(node) == own(kept.step)
        if counter and kept.step.function.name != "call" and self._settled(kept, None):
            return self.keeping.host(kept.step, node, may_change=True), []
        source = self.module.source(node)
        for other, name in self._numbers:
            same = other.step == kept.step and self.module.source(other.number) == source
            block = self.module.block(other.statement) is self.module.block(kept.statement)
            if same and block and self._settled(other, kept):
                return f"self.{name}", []
        if kept.loops and not self._settled(kept, kept):
            raise RefusedError(LOOP, "the step that it is recorded at may change from turn to turn")
        name = self._taking("step", kept)
        self._variables.append(f"self.{name} = {self.tf}.Variable(0, dtype={self.tf}.int64, trainable=False)")
        self._numbers.append((kept, name))
        return f"self.{name}", [f"{own(kept.step)}.{self.attribute}.{name}.assign(", Move(node), ")"]

    def _settled(self, kept: Kept, until: Kept | None) -> bool:
        """Tell whether the step stays what it is at a summary: up to the end of another, or of the method."""
        start = (kept.statement.lineno if kept.loops else kept.statement.end_lineno) or 0
        end = until.statement.end_lineno if until is not None else None
        for node in own_nodes(kept.step.function):
            line = getattr(node, "lineno", 0)
            if line <= start or (end is not None and line > end):
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
        """Return a name for a summary's variable, made from its tag."""
        tag, kind = kept.summary.tag, kept.summary.kind
        base = data.id if isinstance(data, ast.Name) else kind
        if isinstance(tag, ast.Constant) and isinstance(tag.value, str):
            base = tag.value.rpartition("/")[2]
        base = re.sub(r"\W+", "_", base, flags=re.ASCII).strip("_0123456789").lower() or kind
        return self._taking(f"{kind}_{base}" if base in _INHERITED or keyword.iskeyword(base) else base, kept)

    def _taking(self, base: str, kept: Kept) -> str:
        in_test = base in self._taken and kept.step.function.name == "test_step"
        name = _fresh(f"test_{base}" if in_test else base, self._taken)
        self._taken.add(name)
        return name

    # The blocks inside the steps. --------------------------------------------------------------

    def _dissolved(self) -> Iterator[Edit]:
        """Yield the edits that take away the writers' blocks that nothing in them needs any more."""
        moved: set[ast.AST] = {each.summary.statement for each in self.kept}
        blocks: dict[ast.With, list[ast.expr]] = {}
        for each in self.kept:
            for block, expression in each.blocks:
                if expression not in blocks.setdefault(block, []):
                    blocks[block].append(expression)
        for block, expressions in blocks.items():
            calls = (node for node in _outside(block.body, moved) if isinstance(node, ast.Call))
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
