"""Give a callback that is driven by hand its model, and the hooks that have to come first.

`fit` gives each callback its model before it calls any hook. A loop that calls the hooks itself has to do the
same. What a callback of Keras does without:

- TensorBoard, ReduceLROnPlateau and LearningRateScheduler raise `'NoneType' object has no attribute 'optimizer'`,
  for every kind of value in the logs. ModelCheckpoint, BackupAndRestore and History raise the like.
- EarlyStopping raises under Keras 2 (`no attribute 'best'`), where `on_train_begin` was not called; under Keras 3 it
  raises when it wants to stop the training. TerminateOnNaN raises at the first NaN only (a `warning`).
- CSVLogger opens its file, and History its list of epochs, in `on_train_begin`.
- With the model set, TensorBoard raises under Keras 3 `'Sequential' object has no attribute 'optimizer'` where the
  model was never compiled.
- TensorBoard(write_steps_per_second=True) takes the time in `on_epoch_begin`, ModelCheckpoint(save_freq=100) the epoch.

`set_model` and `on_train_begin`, as far as they are missing, go before the loop that drives the callback, or
before the first hook that is called already; `on_epoch_begin` goes to the head of each epoch for the callbacks
that raise without. A model that isn't compiled is given the optimizer that trains it by `model.optimizer =
optimizer`, which works under Keras 2 and Keras 3 and leaves the model uncompiled: `compile` would wrap the optimizer
under mixed precision. `callback.model = model`, which Keras 3 rejects, becomes `callback.set_model(model)`.

Left alone: a callback that `fit` is given as well, one whose model is set anywhere before, a `CallbackList(model=...)`,
a callback of the project's own that never reads its model. EarlyStopping by hand only sets `model.stop_training`,
which the loop has to read; a model that isn't compiled has none under Keras 3, and is given it where the loop reads it.

`unsafe`: a callback that has its model, which isn't compiled, works under Keras 2; with an optimizer TensorBoard
records there also the learning rate of a schedule, and the evaluation by iterations.

Refused: no model in reach, or several of them; no optimizer that is seen to train the model; a callback that may be
missing, that has no name where the loop starts, or that is driven by functions whose calls are out of sight.

https://www.tensorflow.org/api_docs/python/tf/keras/callbacks/Callback
https://www.tensorflow.org/guide/keras/writing_a_training_loop_from_scratch
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from codemods.analysis.callback_needs import (
    HOOKS,
    HookCall,
    Need,
    hook_calls,
    need,
    together,
    wants_logs,
)
from codemods.analysis.in_reach import Named, Reach
from codemods.analysis.module import Module
from codemods.analysis.places import frame, loops
from codemods.analysis.shapes import Shapes
from codemods.driving.given import Given
from codemods.driving.place import MODEL_LATER, REFUSALS, SEVERAL_MODELS, SEVERAL_NAMES, Handle, Place, Start, handle_of
from codemods.engine.codemod import (
    Codemod,
    Edit,
    Example,
    Finding,
    InsertAfter,
    InsertBefore,
    Move,
    Refusal,
    Replace,
    Rewrite,
    Severity,
)

PASSED_ON = Refusal("passed-on", "the callback is handed to code that can't be seen, which may set its model")
UNKNOWN_CALLBACK = Refusal(
    "unknown-callback", "some of the callbacks can't be seen; they may not want these hooks called"
)
NEEDS_PARAMS = Refusal(
    "needs-params", "a callback reads `params`, the numbers of epochs and steps, which only `fit` sets"
)

COMPILED = """\
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
board = tf.keras.callbacks.TensorBoard("logs")


def train(batches):
    for epoch in range(3):
        loss = [model.train_on_batch(x, y) for x, y in batches][-1]
        board.on_epoch_end(epoch, {"loss": loss})
"""
UNCOMPILED = """\
import tensorflow as tf


def train(model, optimizer, batches):
    callbacks = [tf.keras.callbacks.TensorBoard("logs"), tf.keras.callbacks.EarlyStopping("loss")]
    for epoch in range(3):
        for x, y in batches:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(y - model(x, training=True)))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        for callback in callbacks:
            callback.on_epoch_end(epoch, {"loss": loss})
"""
ADVERSARIES = """\
import tensorflow as tf

generator = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(2)])
discriminator = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
board = tf.keras.callbacks.TensorBoard("logs")


def train(step, noise):
    for epoch in range(3):
        board.on_epoch_end(epoch, {"loss": step(generator, discriminator, noise)})
"""


class SetCallbackModel(Codemod):
    """Finds Keras callbacks whose hooks are called before they have a model."""

    triggers = tuple(hook.encode() for hook in sorted(HOOKS))
    refusals = (*REFUSALS, PASSED_ON, UNKNOWN_CALLBACK, NEEDS_PARAMS)
    examples = (
        Example(
            before=COMPILED,
            after=COMPILED.replace(
                "    for epoch in",
                "    board.set_model(model)\n    board.on_train_begin()\n    for epoch in",
            ),
        ),
        Example(
            before=UNCOMPILED,
            after=UNCOMPILED.replace(
                "    for epoch in",
                "    model.optimizer = optimizer\n"
                "    for callback in callbacks:\n"
                "        callback.set_model(model)\n"
                "        callback.on_train_begin()\n"
                "    for epoch in",
            ),
        ),
        Example(before=ADVERSARIES, refusal=SEVERAL_MODELS),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield a finding for each callback, or list of callbacks, that is driven by hand."""
        shapes = Shapes(module)
        groups = list(_groups(list(hook_calls(module, shapes))))
        if not groups:
            return
        given = Given(module, shapes)
        for group in groups:
            finding = _Group(module, shapes, given, group).finding()
            if finding is not None:
                yield finding

    def rewrites(self, module: Module, findings: Sequence[Finding]) -> Iterable[Rewrite]:
        """Give a model its own once, where several callbacks ask for it at the same place."""
        seen: set[Edit] = set()
        for finding in findings:
            yield Rewrite((finding,), tuple(edit for edit in finding.edits if edit not in seen))
            seen.update(edit for edit in finding.edits if _is_for_model(edit))


def _is_for_model(edit: Edit) -> bool:
    given = (".optimizer = ", ".stop_training = ")
    return isinstance(edit, InsertBefore) and isinstance(edit.code, str) and any(each in edit.code for each in given)


def _groups(calls: list[HookCall]) -> Iterator[list[HookCall]]:
    """Yield the calls that may drive the same callbacks together."""
    groups: list[tuple[set[ast.AST], list[HookCall]]] = []
    for call in calls:
        sites: set[ast.AST] = {instance.call for instance in call.instances if instance.call is not None}
        if not sites:
            continue  # made out of sight: its model may be set there
        joined = [call]
        for group in [group for group in groups if group[0] & sites]:
            groups.remove(group)
            sites |= group[0]
            joined = [*group[1], *joined]
        groups.append((sites, joined))
    for _, joined in groups:
        yield sorted(joined, key=lambda each: (each.call.lineno, each.call.col_offset))


class _Group:
    """Callbacks that are driven together."""

    def __init__(self, module: Module, shapes: Shapes, given: Given, calls: list[HookCall]) -> None:
        self.module = module
        self.shapes = shapes
        self.given = given
        self.calls = calls
        self.instances = list(dict.fromkeys(instance for call in calls for instance in call.instances))
        self.sites: set[ast.AST] = {each.call for each in self.instances if each.call is not None}
        self.start = Start(module, shapes, calls, self.sites)
        self.hooks = {call.hook for call in calls}

    def finding(self) -> Finding | None:
        """Return what there is to say about them."""
        needs = [(call, self._needs(call.hook, bare=call.without_logs)) for call in self.calls]
        first = next((found for found in needs if found[1] or found[1].optimizer), None)
        if first is None or self._may_have_model():
            return None
        total = together(needed for _, needed in needs)
        without = self.sites - self.given.set
        assigned = self._assigned()
        set_model = total.model and bool(without)
        begin = (set_model or total.begin) and "on_train_begin" not in self.hooks
        epoch_begin = total.epoch_begin and "on_epoch_begin" not in self.hooks
        if not (set_model or begin or epoch_begin):
            return self._without_optimizer(first[0]) if total.optimizer and not total.unknown else None
        if begin:
            total |= self._needs("on_train_begin")
        code: list[str] = []
        edits: list[Edit] | Refusal
        if set_model and self.sites & self.given.passed:
            edits = PASSED_ON
        elif total.unknown:
            edits = UNKNOWN_CALLBACK
        elif total.params:
            edits = NEEDS_PARAMS
        else:
            edits = self._edits(total, set_model and not assigned, begin, epoch_begin, code)
        severity = Severity.WARNING if total.late else Severity.ERROR
        message = _message(*first, set_model)
        if isinstance(edits, Refusal):
            return Finding(first[0].call, message, severity, refusal=edits)
        owners = [(statement, self.module.source(target.value)) for statement, target in assigned]
        edits += [Replace(one, (f"{owner}.set_model(", Move(one.value), ")")) for one, owner in owners]
        code += [f"`{owner}.set_model`, not the assignment," for _, owner in owners]
        return Finding(first[0].call, f"{message}; {_listed(code)} before", severity, tuple(edits))

    def _needs(self, hook: str, *, bare: bool = False) -> Need:
        return together(need(instance, hook, self.given.set, bare=bare) for instance in self.instances)

    def _may_have_model(self) -> bool:
        """Tell whether their model may be set where it can't be seen."""
        if self.given.unknown or any(each.known and each.call is None for each in self.instances):
            return True
        names: set[str] = set()
        for call in self.calls:
            handle = handle_of(self.module, call.receiver)
            expression = handle.expression if handle is not None else call.receiver
            if isinstance(expression, ast.Attribute):
                names.add(expression.attr)
            elif isinstance(expression, ast.Name) and self.module.scope(expression).lookup(expression.id) is (
                self.module.inner_scope(self.module.tree)
            ):
                names.add(expression.id)
        return self.given.elsewhere(self.instances, names)

    def _assigned(self) -> list[tuple[ast.Assign, ast.Attribute]]:
        """Return the statements that assign to the attribute ``model`` of the callbacks."""
        found = []
        for node in self.module.attributes.get("model", ()):
            statement = self.module.parent(node)
            if isinstance(statement, ast.Assign) and statement.targets == [node]:
                sites = {each.call for each in self.shapes.value(node.value).instances}
                if sites & self.sites:
                    found.append((statement, node))
        return found

    def _edits(
        self, total: Need, set_model: bool, begin: bool, epoch_begin: bool, code: list[str]
    ) -> list[Edit] | Refusal:
        """Return what to insert, and add to ``code`` what it says."""
        edits: list[Edit] = []
        if set_model or begin:
            after = [call for call, sites in self.given.setting if sites & self.sites]
            place = self.start.find(total, set_model, after)
            if isinstance(place, Refusal):
                return place
            handles = self._handles(place) if set_model else [place.handle]
            if handles is None:
                return SEVERAL_NAMES
            edits += self._start(place, handles, begin, code)
        if epoch_begin:
            heads = self.start.epoch_heads()
            if isinstance(heads, Refusal):
                return heads
            logs = ", {}" if any(wants_logs(each, "on_epoch_begin") for each in self.instances) else ""
            edits += [
                InsertBefore(head, _calls(handle, [f"on_epoch_begin({epoch}{logs})"])) for head, handle, epoch in heads
            ]
            code.append("`on_epoch_begin`")
        return edits

    def _handles(self, place: Place) -> list[Handle] | None:
        """Return the names of the callbacks that have no model yet; None where some of them have no name."""
        without = [each for each in self.instances if each.call is not None and each.call not in self.given.set]
        if len(without) == len(self.instances):
            return [place.handle]
        found: list[Handle] = []
        for each in without:
            assert each.call is not None
            statement = self.module.parent(each.call) if each.call in self.module else None
            target = statement.targets[0] if isinstance(statement, ast.Assign) else None
            handle = handle_of(self.module, target) if target is not None else None
            if handle is None or not self.start.is_bound(handle.expression, place.anchor):
                return None
            found.append(handle)
        return found

    def _start(self, place: Place, handles: Sequence[Handle], begin: bool, code: list[str]) -> Iterator[Edit]:
        lines: list[str] = []
        steps: list[str] = []
        if place.model is not None:
            if place.optimizer is not None:
                lines.append(f"{place.model.text}.optimizer = {place.optimizer.text}")
                code.append(f"`{lines[0]}`")
            if place.stops:
                lines.append(f"{place.model.text}.stop_training = False")
                code.append(f"`{lines[-1]}`")
            steps.append(f"set_model({place.model.text})")
        if begin:
            logs = "{}" if any(wants_logs(each, "on_train_begin") for each in self.instances) else ""
            steps.append(f"on_train_begin({logs})")
        code += [f"`{handle.each or handle.text}.{step}`" for handle in handles for step in steps]
        lines += [_calls(handle, steps) for handle in handles]
        if place.after:
            yield InsertAfter(place.anchor, "\n".join(lines))
        else:
            yield from (InsertBefore(place.anchor, line) for line in lines)

    # A model that is set, but has no optimizer. --------------------------------------------------------

    def _without_optimizer(self, first: HookCall) -> Finding | None:
        setting = [call for call, sites in self.given.setting if sites & self.sites]
        statement = self.module.parent(setting[0]) if len(setting) == 1 else None
        if not isinstance(statement, ast.Expr) or len(setting[0].args) != 1:
            return None
        given = setting[0].args[0]
        reach = Reach(self.module, self.shapes, frame(self.module, statement))
        model = next((named for named in reach.models() if reach.means(given, named)), None)
        if model is None or not model.sites or _is_restored(model):
            return None
        last = max((call.call for call in self.calls), key=lambda call: call.lineno)
        if reach.has_optimizer(model, self.module.statement(last)):
            return None
        name = self.instances[0].name.rpartition(".")[2]
        message = (
            f"under Keras 3, {name}'s `{first.hook}` raises `'{_class_name(model)}' object has no attribute "
            "'optimizer'`, for the model was never compiled"
        )
        optimizer = self.start.optimizer(reach, model, statement)
        if not isinstance(optimizer, Refusal) and not self.start.is_there(optimizer, reach.frame, statement):
            optimizer = MODEL_LATER
        if isinstance(optimizer, Refusal):
            return Finding(setting[0], message, Severity.ERROR, refusal=optimizer)
        around = loops(self.module, statement)
        anchor: ast.stmt = around[0] if around and around[0].body == [statement] else statement
        code = f"{self.module.source(given)}.optimizer = {optimizer.text}"
        unsafe = None
        if "on_test_end" in self.hooks or not _has_plain_rate(optimizer):
            unsafe = "under Keras 2, where the program runs, TensorBoard records more of a model that has an optimizer"
        return Finding(
            setting[0],
            f"{message}; `{code}` comes before",
            Severity.ERROR,
            (InsertBefore(anchor, code),),
            unsafe=unsafe,
        )


def _listed(code: Sequence[str]) -> str:
    """Return a list of pieces of code as the subject of a sentence, with its verb."""
    if len(code) == 1:
        return f"{code[0]} comes"
    return f"{', '.join(code[:-1])} and {code[-1]} come"


def _message(call: HookCall, needed: Need, set_model: bool) -> str:
    what = "is driven by hand without its model" if set_model else "has missed the hooks that come first"
    when = " when training goes wrong" if needed.late else ""
    return f"{needed.name} {what}: `{call.hook}` raises `{needed.error}`{when}"


def _calls(handle: Handle, steps: Sequence[str]) -> str:
    """Return the code of some calls on a callback, or on each one of a list."""
    if handle.each is None:
        return "\n".join(f"{handle.text}.{step}" for step in steps)
    return "\n".join([f"for {handle.each} in {handle.text}:", *(f"    {handle.each}.{step}" for step in steps)])


def _is_restored(model: Named) -> bool:
    """Tell whether a model comes from a file, maybe with the optimizer that it was saved with."""
    names = [each.module.resolve(each.call.func) or "" for each in model.value.instances if each.call is not None]
    return any(name.rpartition(".")[2] in ("load_model", "from_config") for name in names)


def _class_name(model: Named) -> str:
    return model.value.instances[0].name.rpartition(".")[2]


def _has_plain_rate(optimizer: Named) -> bool:
    """Tell whether an optimizer's learning rate is seen to be a number, not a schedule."""
    rates = [each.argument("learning_rate", 0) for each in optimizer.value.instances if each.plain]
    numbers = [rate is None or isinstance(rate, ast.Constant) for rate in rates]
    return bool(numbers) and len(numbers) == len(optimizer.value.instances) and all(numbers)
