"""Which calls drive a Keras callback by hand, and what the callback does with the logs that it is given."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from codemods.analysis.module import Module
from codemods.analysis.shapes import Shapes, definition, library_bases, own_nodes
from codemods.analysis.values import Instance

# Each hook with the position of its logs.
HOOKS = {
    "on_epoch_end": 1,
    "on_batch_end": 1,
    "on_train_batch_end": 1,
    "on_test_batch_end": 1,
    "on_test_end": 0,
}
_CALLBACKS = "keras.callbacks."
_BATCH_HOOKS = ("on_batch_end", "on_train_batch_end")
_TENSORBOARD_HOOKS = ("on_epoch_end", "on_train_batch_end", "on_test_end")
_PROGBAR_HOOKS = ("on_epoch_end", "on_train_batch_end", "on_test_batch_end", "on_test_end")


@dataclass(frozen=True)
class Use:
    """What one callback does with a value in its logs, None for ``key`` meaning any.

    Attributes:
        name: the callback's class, for messages.
        raises: for which keys a value that isn't a scalar raises, or makes the callback decide wrongly.
        takes: it uses values that aren't scalars as they are.
        floats: for which keys it needs a Python number.
        custom: the project's own code reads the logs.
        adds: it adds to the dict that it is given.
        tensorboard: it raises for whatever isn't a scalar, None and text too.
    """

    name: str
    raises: re.Pattern[str] | None = None
    takes: bool = False
    floats: re.Pattern[str] | None = None
    custom: bool = False
    adds: bool = False
    tensorboard: bool = False


_ANY = re.compile("")


@dataclass(frozen=True)
class Driven:
    """A call of a callback's hook with logs."""

    call: ast.Call
    logs: ast.expr
    uses: tuple[Use, ...]


def driven_hooks(module: Module, shapes: Shapes) -> Iterator[Driven]:
    """Yield the calls that hand logs to the hook of a Keras callback, or of a list of them.

    Args:
        module: the module.
        shapes: what its expressions are.
    """
    for call in module.find_all(ast.Call):
        function = call.func
        if not isinstance(function, ast.Attribute) or function.attr not in HOOKS:
            continue
        logs = _logs(call, HOOKS[function.attr])
        if logs is None:
            continue
        uses: list[Use] = []
        for instance in shapes.value(function.value).instances:
            uses += _uses(instance, function.attr)
        if any(use.name for use in uses):
            yield Driven(call, logs, tuple(uses))


def _logs(call: ast.Call, position: int) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == "logs":
            return keyword.value
    plain = not any(isinstance(argument, ast.Starred) for argument in call.args)
    return call.args[position] if plain and len(call.args) > position else None


def _uses(instance: Instance, hook: str) -> Iterator[Use]:
    """Yield what a callback, or each callback of a list, does with its logs; nothing for other objects."""
    if not instance.known:
        yield Use("", custom=True)
        return
    module = instance.module
    bases = {base for base in library_bases(module, instance.name) if base.startswith(_CALLBACKS)}
    if len(bases) != 1:
        return
    name = bases.pop().removeprefix(_CALLBACKS)
    if name == "CallbackList":
        yield from _of_list(instance, hook)
        return
    shown = instance.name.rpartition(".")[2]
    reads = _reads_logs(module, instance.name, hook)
    if reads or (name == "LambdaCallback" and instance.argument(hook) is not None):
        yield Use(shown, custom=True)
    elif reads is None:
        yield _library_use(shown, name, instance, hook)
    else:
        yield Use(shown)


def _of_list(instance: Instance, hook: str) -> Iterator[Use]:
    """Yield the uses of the callbacks in a ``CallbackList``, which turns scalar tensors into numbers."""
    shapes = Shapes(instance.module)
    members = instance.argument("callbacks", 0)
    found = shapes.value(members)
    element = found if found.instances else shapes.element(found)
    if not instance.plain or (not element.instances and element.kind not in ("bottom", "none")):
        yield Use("CallbackList", custom=True)
        return
    yield Use("CallbackList")
    for member in element.instances:
        for use in _uses(member, hook):
            yield replace(use, floats=None, adds=False)
    history = instance.argument("add_history", 1)
    if history is not None and hook == "on_epoch_end":
        yield Use("History", takes=True)


def _reads_logs(module: Module, name: str, hook: str, depth: int = 0) -> bool | None:
    """Return whether a project's class reads the logs in a hook of its own; None if it has no such hook."""
    found = definition(module, name)
    if found is None or depth > 8:
        return None
    where, node = found
    if not isinstance(node, ast.ClassDef):
        return None
    hooks = _BATCH_HOOKS if hook == "on_train_batch_end" else (hook,)
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name in hooks:
            parameters = [*statement.args.posonlyargs, *statement.args.args][1:]
            if len(parameters) <= HOOKS[hook]:
                return True
            logs = parameters[HOOKS[hook]].arg
            names = [part for part in own_nodes(statement) if isinstance(part, ast.Name) and part.id == logs]
            if not names:
                return False
            if all(_hands_on(where, part) for part in names):
                continue
            return True
    for base in node.bases:
        reads = _reads_logs(where, where.resolve(base) or "", hook, depth + 1)
        if reads is not None:
            return reads
    return None


def _hands_on(module: Module, name: ast.Name) -> bool:
    """Return whether a use of the logs only gives them to the base class's hook."""
    call = module.parent(name)
    call = module.parent(call) if isinstance(call, ast.keyword) else call
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in HOOKS
        and isinstance(call.func.value, ast.Call)
        and module.resolve(call.func.value.func) == "builtins.super"
    )


def _library_use(shown: str, name: str, instance: Instance, hook: str) -> Use:
    """Return what a callback of Keras does with its logs in a hook."""
    epoch = hook == "on_epoch_end"
    if name == "TensorBoard" and hook in _TENSORBOARD_HOOKS:
        return Use(shown, raises=_ANY, tensorboard=True)
    if name in ("EarlyStopping", "ReduceLROnPlateau") and epoch:
        return Use(shown, raises=_monitored(instance), adds=name == "ReduceLROnPlateau")
    if name == "ModelCheckpoint" and hook in ("on_epoch_end", "on_train_batch_end"):
        return _checkpoint(shown, instance)
    if name == "TerminateOnNaN" and hook in _BATCH_HOOKS:
        return Use(shown, raises=re.compile("loss$"))
    if name == "RemoteMonitor" and epoch:
        return Use(shown, raises=_ANY, floats=_ANY)
    if name == "CSVLogger" and epoch:
        return Use(shown, takes=True, floats=_ANY)
    if (name == "History" and epoch) or (name == "ProgbarLogger" and hook in _PROGBAR_HOOKS):
        return Use(shown, takes=True)
    return Use(shown, adds=name == "LearningRateScheduler" and epoch)


def _monitored(instance: Instance, position: int = 0) -> re.Pattern[str]:
    monitor = instance.argument("monitor", position)
    if not instance.plain or (monitor is not None and not isinstance(monitor, ast.Constant)):
        return _ANY
    return re.compile(re.escape(str(monitor.value) if monitor is not None else "val_loss") + "$")


def _checkpoint(shown: str, instance: Instance) -> Use:
    best = instance.argument("save_best_only", 3)
    path = instance.argument("filepath", 0)
    texts = [
        part.value
        for part in (ast.walk(path) if path is not None else ())
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    formatted = [re.escape(key) for text in texts for key in re.findall(r"\{(\w+)", text)]
    floats = re.compile(f"(?:{'|'.join(formatted)})$") if formatted else None
    keys = list(formatted)
    if not instance.plain or not (best is None or (isinstance(best, ast.Constant) and not best.value)):
        monitored = _monitored(instance, 1)
        if monitored is _ANY:
            return Use(shown, raises=_ANY, floats=floats)
        keys.append(monitored.pattern.removesuffix("$"))
    return Use(shown, raises=re.compile(f"(?:{'|'.join(keys)})$") if keys else None, floats=floats)
