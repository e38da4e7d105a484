"""What Keras callbacks need before code calls their hooks by hand: a model, an optimizer, hooks that come first."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import reduce

from codemods.analysis.module import Function, Module
from codemods.analysis.shapes import Shapes, definition, library_bases, own_nodes
from codemods.analysis.values import Instance, Value

CALLBACKS = "keras.callbacks."
CALLBACK_LIST = f"{CALLBACKS}CallbackList"
EPOCH_HOOKS = frozenset({"on_epoch_begin", "on_epoch_end"})
HOOKS = EPOCH_HOOKS | {
    *(f"on_{mode}_{end}" for mode in ("train", "test", "predict") for end in ("begin", "end")),
    *(f"on_{mode}batch_{end}" for mode in ("", "train_", "test_", "predict_") for end in ("begin", "end")),
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEPTH = 8


@dataclass(frozen=True)
class Need:
    """What a hook of a callback needs, so that it doesn't raise under Keras 2 or Keras 3.

    Attributes:
        model: ``set_model`` was called.
        optimizer: the model has an optimizer.
        begin: ``on_train_begin`` was called.
        epoch_begin: ``on_epoch_begin`` was called in this epoch.
        params: ``set_params`` was called, which only ``fit`` can do well.
        late: what happens without comes only when training goes wrong.
        unknown: there is a callback of which nothing is known.
        error: what it raises without.
        name: the class of the callback that needs it.
    """

    model: bool = False
    optimizer: bool = False
    begin: bool = False
    epoch_begin: bool = False
    params: bool = False
    late: bool = True
    unknown: bool = False
    error: str = ""
    name: str = ""

    def __or__(self, other: Need) -> Need:
        """Return what two hooks need together; what raises is told of the first that raises at once."""
        first = self if self and not (self.late and other and not other.late) else other
        return Need(
            self.model or other.model,
            self.optimizer or other.optimizer,
            self.begin or other.begin,
            self.epoch_begin or other.epoch_begin,
            self.params or other.params,
            self.late and other.late,
            self.unknown or other.unknown,
            first.error,
            first.name,
        )

    def __bool__(self) -> bool:
        """Tell whether it needs anything that can be given to it."""
        return self.model or self.begin or self.epoch_begin


NOTHING = Need()


@dataclass(frozen=True)
class HookCall:
    """A call of a hook of a Keras callback, or of a list of them."""

    call: ast.Call
    hook: str
    receiver: ast.expr
    instances: tuple[Instance, ...]
    optional: bool

    @property
    def without_logs(self) -> bool:
        """It is given no logs, or empty ones."""
        position = 0 if self.hook in ("on_train_begin", "on_train_end", "on_test_begin", "on_test_end") else 1
        if any(isinstance(argument, ast.Starred) for argument in self.call.args):
            return False
        given = [keyword.value for keyword in self.call.keywords if keyword.arg in ("logs", None)]
        given += self.call.args[position:]
        return all(
            (isinstance(logs, ast.Constant) and logs.value is None) or (isinstance(logs, ast.Dict) and not logs.values)
            for logs in given
        )


def hook_calls(module: Module, shapes: Shapes) -> Iterator[HookCall]:
    """Yield the calls of the hooks of Keras callbacks.

    Args:
        module: the module.
        shapes: what its expressions are.
    """
    for call in module.find_all(ast.Call):
        function = call.func
        if not isinstance(function, ast.Attribute) or function.attr not in HOOKS:
            continue
        found = shapes.value(function.value)
        if any(instance.known and callback_base(instance) for instance in found.instances):
            yield HookCall(call, function.attr, function.value, found.instances, found.optional)


def callback_base(instance: Instance) -> str | None:
    """Return the name of the class of ``keras.callbacks`` that an object is an instance of."""
    bases = {base for base in library_bases(instance.module, instance.name) if base.startswith(CALLBACKS)}
    return bases.pop().removeprefix(CALLBACKS) if len(bases) == 1 else None


def members(instance: Instance) -> Value:
    """Return what the callbacks in a ``CallbackList`` are."""
    shapes = Shapes(instance.module)
    found = shapes.value(instance.argument("callbacks", 0))
    return found if found.instances or found.kind == "none" else shapes.element(found)


def need(instance: Instance, hook: str, satisfied: Collection[ast.AST], *, bare: bool = False) -> Need:
    """Return what a hook of one callback needs.

    Args:
        instance: the callback, or a list of callbacks.
        hook: the hook's name.
        satisfied: the constructions of the callbacks that have their model.
        bare: the hook is given no logs.
    """
    base = callback_base(instance) if instance.known else None
    if base is None:
        return Need(unknown=True)
    if base == "CallbackList":
        total = _need_of_list(instance, hook, satisfied, bare)
    else:
        total = _need_of_one(base, instance, hook, bare)
    return _with_model(total) if instance.call in satisfied else total


def _with_model(needed: Need) -> Need:
    """Return what is needed still where the model is set."""
    if needed.epoch_begin and needed.error.endswith("'optimizer'"):
        needed = replace(needed, error=f"'{needed.name}' object has no attribute '_epoch_start_time'")
    return replace(needed, model=False)


def _need_of_one(base: str, instance: Instance, hook: str, bare: bool) -> Need:
    lineage = list(classes_of(instance.module, instance.name))
    if any(_has_own_way(node) for _, node in lineage):
        return NOTHING
    shown = instance.name.rpartition(".")[2]
    total = NOTHING
    names = (hook, hook.replace("train_batch", "batch"))
    for where, node in lineage:
        method = next((found for name in names if (found := _method(node, name)) is not None), None)
        if method is None:
            continue
        total |= _need_of_method([each for _, each in lineage], method, shown, set())
        if not _calls_super(where, method):
            return total
    return total | _need_of_library(base, shown, instance, hook, bare)


def _need_of_list(instance: Instance, hook: str, satisfied: Collection[ast.AST], bare: bool) -> Need:
    inner = members(instance)
    total = NOTHING
    if not instance.plain or (not inner.instances and inner.kind not in ("bottom", "none")):
        total = Need(unknown=True)
    for member in inner.instances:
        if member.call is None or member.call not in satisfied:
            total |= need(member, hook, satisfied, bare=bare)
    history = instance.argument("add_history", 1)
    if hook == "on_epoch_end" and history is not None and not _is(history, False):
        error = "'History' object has no attribute 'epoch'"
        total |= Need(model=True, begin=True, late=False, error=error, name="CallbackList")
    if hook == "on_train_end":
        error = "`on_xxx_end` called without corresponding `on_xxx_begin`"
        total |= Need(begin=True, late=False, error=error, name="CallbackList")
    return total


# Callbacks of Keras. -------------------------------------------------------------------------------


def _need_of_library(base: str, shown: str, instance: Instance, hook: str, bare: bool) -> Need:
    epoch_end = hook == "on_epoch_end"
    none = "'NoneType' object has no attribute"
    if base == "TensorBoard":
        return _need_of_tensorboard(shown, instance, hook, bare)
    if base == "EarlyStopping" and epoch_end:
        error = f"'{shown}' object has no attribute 'best'"
        return Need(model=True, begin=True, late=False, error=error, name=shown)
    if base == "ReduceLROnPlateau" and epoch_end:
        return Need(model=True, optimizer=True, late=False, error=f"{none} 'optimizer'", name=shown)
    if base == "LearningRateScheduler" and hook in EPOCH_HOOKS:
        return Need(model=True, optimizer=True, late=False, error=f"{none} 'optimizer'", name=shown)
    if base == "ModelCheckpoint":
        by_batch = (saved := instance.argument("save_freq")) is not None and not _is(saved, "epoch")
        if hook == "on_epoch_end" and not by_batch:
            return Need(model=True, late=False, error=f"{none} 'save'", name=shown)
        if hook == "on_train_batch_end" and by_batch:
            error = f"'{shown}' object has no attribute '_current_epoch'"
            return Need(model=True, epoch_begin=True, late=False, error=error, name=shown)
    if base == "CSVLogger" and hook in ("on_epoch_end", "on_train_end"):
        return Need(begin=True, late=False, error=f"'{shown}' object has no attribute 'csv_file'", name=shown)
    if base == "History" and epoch_end:
        error = f"'{shown}' object has no attribute 'epoch'"
        return Need(model=True, begin=True, late=False, error=error, name=shown)
    if base == "BackupAndRestore" and hook not in ("on_batch_begin", "on_batch_end"):
        error = f"'{shown}' object has no attribute '_training_state'"
        return Need(model=True, begin=hook != "on_train_begin", late=False, error=error, name=shown)
    if base == "TerminateOnNaN" and hook in ("on_batch_end", "on_train_batch_end"):
        return Need(model=True, error="'NoneType' object has no attribute 'stop_training'", name=shown)
    if base == "ProgbarLogger" and hook not in ("on_train_begin", "on_train_end"):
        return Need(params=True)
    return NOTHING


def _need_of_tensorboard(shown: str, instance: Instance, hook: str, bare: bool) -> Need:
    per_second = (rate := instance.argument("write_steps_per_second", 4)) is not None and not _is(rate, False)
    per_batch = (freq := instance.argument("update_freq", 5)) is not None and not _is(freq, "epoch")
    missing = f"'{shown}' object has no attribute"
    optimizer = "'NoneType' object has no attribute 'optimizer'"
    if hook == "on_epoch_end":
        more = [instance.argument(name, place) for name, place in (("histogram_freq", 1), ("embeddings_freq", 7))]
        extra = any(value is not None and not _is(value, 0) for value in more)
        if bare and not extra and not per_second:
            return NOTHING
        return Need(model=True, optimizer=True, epoch_begin=per_second, late=False, error=optimizer, name=shown)
    if hook == "on_epoch_begin" and per_second:
        return Need(model=True, optimizer=True, late=False, error=optimizer, name=shown)
    if hook == "on_train_end":
        error = "pop from empty list" if per_batch else "'NoneType' object has no attribute 'distribute_strategy'"
        return Need(model=True, begin=per_batch, late=False, error=error, name=shown)
    if hook == "on_test_end":
        return Need(model=True, optimizer=True, late=False, error=optimizer, name=shown)
    errors = {
        "on_train_begin": f"{missing} '_train_dir'",
        "on_train_batch_end": f"{missing} '_should_write_train_graph'",
        "on_test_begin": f"{missing} '_val_dir'",
    }
    return Need(model=True, late=False, error=errors[hook], name=shown) if hook in errors else NOTHING


def _is(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


# Callbacks of the project. ---------------------------------------------------------------------------


def classes_of(module: Module, name: str | None, depth: int = 0) -> Iterator[tuple[Module, ast.ClassDef]]:
    """Yield a class of the project and those that it is derived from, nearest first."""
    found = definition(module, name)
    if found is None or not isinstance(found[1], ast.ClassDef) or depth > _DEPTH:
        return
    yield found[0], found[1]
    for base in found[1].bases:
        yield from classes_of(found[0], found[0].resolve(base), depth + 1)


def _method(node: ast.ClassDef, name: str) -> Function | None:
    return next((part for part in node.body if isinstance(part, _FUNCTIONS) and part.name == name), None)


def wants_logs(instance: Instance, hook: str) -> bool:
    """Tell whether a hook of a project's callback can't do without logs: `fit` gives it a dict, if an empty one."""
    for _, node in classes_of(instance.module, instance.name):
        method = _method(node, hook)
        if method is not None:
            parameters = [*method.args.posonlyargs, *method.args.args]
            place = 2 if hook in EPOCH_HOOKS else 1
            if len(parameters) <= place:
                return False
            optional = len(parameters) - len(method.args.defaults) <= place
            read = any(isinstance(each, ast.Name) and each.id == parameters[place].arg for each in own_nodes(method))
            return read or not optional
    return False


def _calls_super(module: Module, method: Function) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in HOOKS
        and isinstance(node.value, ast.Call)
        and module.resolve(node.value.func) == "builtins.super"
        for node in own_nodes(method)
    )


def _has_own_way(node: ast.ClassDef) -> bool:
    """Tell whether a class sees to its model itself, or does without."""
    if _method(node, "set_model") is not None or _method(node, "model") is not None:
        return True
    for part in ast.walk(node):
        if not isinstance(part, (ast.If, ast.IfExp, ast.While, ast.BoolOp, ast.Compare, ast.UnaryOp, ast.Assign)):
            continue
        tested: list[ast.expr]
        match part:
            case ast.Compare():
                tested = [part.left, *part.comparators]
            case ast.BoolOp():
                tested = part.values
            case ast.UnaryOp():
                tested = [part.operand]
            case ast.Assign():
                tested = part.targets
            case _:
                tested = [part.test]
        if any(_is_model(each) for each in tested):
            return True
    return False


def _is_model(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("model", "_model")
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def _need_of_method(lineage: list[ast.ClassDef], method: Function, shown: str, seen: set[ast.AST]) -> Need:
    """Return what the project's own code needs: the model, what only ``on_train_begin`` sets."""
    seen.add(method)
    started = _set_in_begin(lineage) if method.name != "on_train_begin" else set()
    total = NOTHING
    parents = {child: node for node in ast.walk(method) for child in ast.iter_child_nodes(node)}
    for node in own_nodes(method):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name) or node.value.id != "self":
            continue
        if node.attr == "model":
            parent = parents.get(node)
            read = parent.attr if isinstance(parent, ast.Attribute) else ""
            error = f"'NoneType' object has no attribute '{read}'" if read else "'NoneType' object is not callable"
            total |= Need(model=True, optimizer=read == "optimizer", late=False, error=error, name=shown)
        elif node.attr in started and isinstance(node.ctx, ast.Load):
            error = f"'{shown}' object has no attribute '{node.attr}'"
            total |= Need(begin=True, late=False, error=error, name=shown)
        elif node.attr == "params":
            total |= Need(params=True)
        elif isinstance(parents.get(node), ast.Call):
            helper = next((found for owner in lineage if (found := _method(owner, node.attr)) is not None), None)
            if helper is not None and helper not in seen:
                total |= _need_of_method(lineage, helper, shown, seen)
    return total


def _set_in_begin(lineage: list[ast.ClassDef]) -> set[str]:
    """Return the attributes that exist only after ``on_train_begin``."""
    begun: set[str] = set()
    elsewhere: set[str] = set()
    for owner in lineage:
        for part in owner.body:
            into = begun if isinstance(part, _FUNCTIONS) and part.name == "on_train_begin" else elsewhere
            into |= {
                node.attr if isinstance(node, ast.Attribute) else node.id
                for node in ast.walk(part)
                if isinstance(node, (ast.Attribute, ast.Name)) and isinstance(node.ctx, ast.Store)
            }
            if isinstance(part, _FUNCTIONS):
                elsewhere.add(part.name)
    return begun - elsewhere


def together(needs: Iterator[Need]) -> Need:
    """Return what several hooks need together."""
    return reduce(Need.__or__, needs, NOTHING)
