"""Pass a callback that is made and never used to the `fit` beside it.

A callback does nothing by itself: Keras calls the callbacks that `fit` is given, and no others. Without that,
TensorBoard opens no event file, ModelCheckpoint and BackupAndRestore save nothing, CSVLogger writes no line, all
without a word (an `error`: what they were to keep is lost), and EarlyStopping, ReduceLROnPlateau and
LearningRateScheduler leave the training as it is (a `warning`).

A callback, or a list of callbacks, that is bound to a name or to an attribute of `self`, which nothing reads, is
passed to the one `fit` of a Keras model beside it: as `callbacks=[callback]`, behind the callbacks that `fit` has
already, or as `callbacks=callbacks` for a list. Keras then calls it, as it is documented to: TensorBoard,
ModelCheckpoint and CSVLogger leave the numbers of the training the same, bit for bit; EarlyStopping may end it
earlier, the schedulers change its learning rate.

Left alone: a callback that anything uses (driven by hand, put into a list that is passed, handed to a function,
returned, imported by another module), or whose constructor hands the new object on; `fit` of what isn't a Keras
model; a program without `fit`.

Refused: several `fit`, or one that runs several times after the callback is made; one that is called where the
callback has no name, or may not have been made; a model or callbacks that can't be told; a `fit` that has a callback
of the same kind; a callback that would end the training with an exception: LearningRateScheduler raises under Keras 3
where the optimizer has a schedule, ModelCheckpoint where the name of its file tells a `val_loss` that nothing
computes, EarlyStopping under Keras 3 where it monitors a metric that the model doesn't have, one of the project's
own where its hooks don't take what Keras gives them.

https://www.tensorflow.org/api_docs/python/tf/keras/Model#fit
https://www.tensorflow.org/guide/keras/writing_your_own_callbacks
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

from codemods.analysis.callback_needs import HOOKS, callback_base, classes_of
from codemods.analysis.endings import importers
from codemods.analysis.fits import Fit, Fits
from codemods.analysis.module import Function, Module, Scope
from codemods.analysis.places import Frame, frame, loops, runs_before, surely_runs
from codemods.analysis.shapes import Instance, Shapes, Value, join
from codemods.engine.codemod import (
    AddArgument,
    AddItem,
    Codemod,
    Example,
    Finding,
    Move,
    Refusal,
    Replace,
    Severity,
)

SEVERAL_FITS = Refusal("several-fits", "there are several `fit`, and it can't be told which is meant")
REPEATED = Refusal("repeated", "`fit` may be run several times after the callback is made, which serves one training")
OUT_OF_REACH = Refusal("out-of-reach", "`fit` is called where the callback has no name")
MAY_BE_MISSING = Refusal("may-be-missing", "the callback isn't sure to have been made where `fit` is called")
UNKNOWN_MODEL = Refusal("unknown-model", "it can't be told that the object whose `fit` is called is a Keras model")
UNPACKED = Refusal("unpacked", "`fit` may be given callbacks among the arguments that are unpacked")
UNKNOWN_CALLBACKS = Refusal("unknown-callbacks", "it can't be told what callbacks these are")
SAME_KIND = Refusal(
    "same-kind",
    "`fit` would have several callbacks of this kind, or lists of them; one may be meant to replace the other",
)
WOULD_RAISE = Refusal("would-raise", "the callback would end the training with an exception")

_KEEPING = frozenset({
    "TensorBoard", "ModelCheckpoint", "CSVLogger", "BackupAndRestore", "RemoteMonitor", "OrbaxCheckpoint",
})  # fmt: skip
# Of these, a training may well have several that differ in their arguments.
_MANY = frozenset({"Callback", "ModelCheckpoint", "CSVLogger", "LambdaCallback", "RemoteMonitor"})
_FILLING = frozenset({"append", "extend", "insert"})
_REFLECTION = frozenset({f"builtins.{name}" for name in ("globals", "locals", "vars", "eval", "exec")})
_LOOKING_UP = frozenset({"builtins.getattr", "operator.attrgetter"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MAKING = (ast.Call, ast.List, ast.Tuple, ast.ListComp, ast.IfExp)
_HARMLESS_BASES = ("builtins.object", "keras.", "abc.ABC")
_BETWEEN_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])")
_COMPREHENSIONS = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DEPTH = 4

FORGOTTEN = """\
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
board = tf.keras.callbacks.TensorBoard("logs")
model.fit(tf.ones([4, 2]), tf.ones([4, 1]), epochs=3)
"""
ONE_OF_TWO = """\
import tensorflow as tf


def train(x, y):
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    early = tf.keras.callbacks.EarlyStopping("loss")
    checkpoint = tf.keras.callbacks.ModelCheckpoint("model.keras")
    return model.fit(x, y, epochs=30, callbacks=[early])
"""
TWICE = """\
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
board = tf.keras.callbacks.TensorBoard("logs")
model.fit(tf.zeros([4, 2]), tf.zeros([4, 1]))
model.fit(tf.ones([4, 2]), tf.ones([4, 1]))
"""


@dataclass(frozen=True, eq=False)
class _Unused:
    """Callbacks that are made and never used: one, or a list of them.

    Attributes:
        handle: how they are called: a name, or an attribute of ``self``.
        value: the expression that makes them.
        made: the nodes that bind them.
        scope: the scope that the name belongs to; a method's own for an attribute.
        owner: for an attribute, the class.
        listed: it is a list.
        instances: the callbacks; one that isn't known among them if any can't be seen.
        optional: it may be None.
    """

    handle: str
    value: ast.expr
    made: tuple[ast.AST, ...]
    scope: Scope
    owner: ast.ClassDef | None
    listed: bool
    instances: tuple[Instance, ...]
    optional: bool

    @property
    def kinds(self) -> set[str]:
        """What tells whether another callback is of the same kind."""
        return {_kind(instance) for instance in self.instances}


class PassCallbacksToFit(Codemod):
    """Finds Keras callbacks that nothing uses, in modules that call ``fit``."""

    triggers = (b"fit", b"fit_generator")
    pattern = re.compile(rb"\.fit(_generator)?\s*\(")
    refusals = (
        SEVERAL_FITS,
        REPEATED,
        OUT_OF_REACH,
        MAY_BE_MISSING,
        UNKNOWN_MODEL,
        UNPACKED,
        UNKNOWN_CALLBACKS,
        SAME_KIND,
        WOULD_RAISE,
    )
    examples = (
        Example(FORGOTTEN, after=FORGOTTEN.replace("epochs=3", "epochs=3, callbacks=[board]")),
        Example(ONE_OF_TWO, after=ONE_OF_TWO.replace("[early]", "[early, checkpoint]")),
        Example(TWICE, refusal=SEVERAL_FITS),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the callbacks that nothing uses, where there is a ``fit`` for them."""
        if not Fits.calls(module):
            return
        shapes = Shapes(module)
        every = [*_names(module, shapes), *_attributes(module, shapes)]
        if not every or any(module.resolve(call.func) in _REFLECTION for call in module.find_all(ast.Call)):
            return
        fits = Fits(module, shapes).all()
        chosen = [(unused, _fit_for(module, shapes, unused, fits)) for unused in every]
        for unused, fit in chosen:
            if fit is None:
                continue
            others = [other for other, same in chosen if same is fit and other is not unused]
            edit = fit if isinstance(fit, Refusal) else _edit(module, shapes, unused, others, fit)
            kinds = " and ".join(sorted({i.name.rpartition(".")[2] for i in unused.instances if i.known}))
            kept = any(callback_base(instance) in _KEEPING for instance in unused.instances)
            severity = Severity.ERROR if kept else Severity.WARNING
            message = f"`{unused.handle}` ({kinds}) is never given to `fit`, and Keras calls no other callbacks"
            if isinstance(edit, Refusal):
                yield Finding(unused.value, message, severity, refusal=edit)
            else:
                yield Finding(unused.value, f"{message}; `fit` gets it as one of its `callbacks`", severity, (edit,))


# What is made and never used. ------------------------------------------------------------------------


def _names(module: Module, shapes: Shapes) -> Iterator[_Unused]:
    for here in (module.tree, *module.find_all(*_FUNCTIONS)):
        scope = module.inner_scope(here)
        for name, bindings in scope.bindings.items():
            values = [_made(module, binding.node) for binding in bindings if frame(module, binding.node) is here]
            if name == "_" or len(values) < len(bindings) or not (value := _last(values)):
                continue
            uses = [use for use in module.uses(scope, name) if not isinstance(use.ctx, ast.Store)]
            if not all(_fills(module, use) for use in uses) or (here is module.tree and any(importers(module, name))):
                continue
            found = shapes.value(uses[0]) if uses else reduce(join, map(shapes.binding, bindings))
            unused = _unused(shapes, found, name, value, [*(binding.node for binding in bindings), *uses], scope)
            if unused is not None:
                yield unused


def _attributes(module: Module, shapes: Shapes) -> Iterator[_Unused]:
    for name, nodes in module.attributes.items():
        method = module.function(nodes[0])
        owner = module.parent(method) if method is not None else None
        value = _last([_made(module, node) for node in nodes])
        if (
            value is None
            or method is None
            or not isinstance(owner, ast.ClassDef)
            or not all(_is_own(method, node) and module.function(node) is method for node in nodes)
            or not all((module.resolve(base) or "").startswith(_HARMLESS_BASES) for base in owner.bases)
        ):
            continue
        project = module.project
        mentioned = project.mentioning(f".{name}") if project is not None else []
        if set(mentioned) - {module.path} or _is_looked_up(module, name):
            continue
        found = reduce(join, (shapes.value(_made(module, node)) for node in nodes))
        scope = module.inner_scope(method)
        unused = _unused(shapes, found, ast.unparse(nodes[0]), value, nodes, scope, owner)
        if unused is not None:
            yield unused


def _last(values: Sequence[ast.expr | None]) -> ast.expr | None:
    """Return the last of some values that are all made where they stand, or None; None where one isn't."""
    made = [value for value in values if isinstance(value, _MAKING)]
    others = [value for value in values if value not in made]
    return made[-1] if made and all(isinstance(one, ast.Constant) and one.value is None for one in others) else None


def _made(module: Module, node: ast.AST) -> ast.expr | None:
    """Return what a name or attribute is assigned that is a statement's only target, or one in a tuple."""
    parent = module.parent(node)
    match parent, module.parent(parent) if parent is not None else None:
        case ast.Assign([target], value), _:
            return value if target is node else None
        case ast.AnnAssign(target, _, value), _:
            return value if target is node else None
        case ast.Tuple(targets), ast.Assign([_], ast.Tuple(values)) if len(targets) == len(values):
            return values[targets.index(node)] if node in targets else None
    return None


def _is_own(method: Function, node: ast.Attribute) -> bool:
    """Tell whether an attribute is stored into the object that a method belongs to."""
    return isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == _itself(method)


def _itself(method: Function) -> str:
    """Return the name that a method has for its object."""
    parameters = [*method.args.posonlyargs, *method.args.args]
    return parameters[0].arg if parameters else ""


def _fills(module: Module, use: ast.AST) -> bool:
    """Tell whether a use of a list only puts something into it."""
    attribute = module.parent(use)
    call = module.parent(attribute) if isinstance(attribute, ast.Attribute) and attribute.attr in _FILLING else None
    return isinstance(call, ast.Call) and call.func is attribute and isinstance(module.parent(call), ast.Expr)


def _is_looked_up(module: Module, attribute: str) -> bool:
    """Tell whether an attribute is read by the text of its name."""
    return any(
        module.resolve(call.func) in _LOOKING_UP
        and any(isinstance(argument, ast.Constant) and argument.value == attribute for argument in call.args)
        for call in module.find_all(ast.Call)
    )


def _unused(
    shapes: Shapes,
    found: Value,
    handle: str,
    value: ast.expr,
    made: Sequence[ast.AST],
    scope: Scope,
    owner: ast.ClassDef | None = None,
) -> _Unused | None:
    """Return what is made, if it is a callback or a list of callbacks that nothing else gets hold of."""
    listed = found.kind in ("tuple", "list")
    if listed:
        found = shapes.element(found)
    known = [instance for instance in found.instances if instance.known]
    if not known or any(callback_base(instance) in (None, "CallbackList") for instance in known):
        return None
    if any(_is_handed_on(instance) for instance in known):
        return None
    return _Unused(handle, value, tuple(made), scope, owner, listed, found.instances, found.optional)


def _is_handed_on(instance: Instance) -> bool:
    """Tell whether a callback's constructor, or the code that calls it, gives the callback to other code."""
    classes = classes_of(instance.module, instance.name)
    if any(_gives_itself(where, part) for where, node in classes for part in node.body if _is_init(part)):
        return True
    return instance.call is None or not _stays(instance.module, instance.call)


def _is_init(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


def _gives_itself(module: Module, init: ast.stmt) -> bool:
    """Tell whether a constructor uses the new object for more than its attributes."""
    assert isinstance(init, ast.FunctionDef)
    for node in ast.walk(init):
        if isinstance(node, ast.Name) and node.id == _itself(init):
            parent = module.parent(node)
            of_super = isinstance(parent, ast.Call) and module.resolve(parent.func) == "builtins.super"
            if not isinstance(parent, ast.Attribute) and not of_super:
                return True
    return False


def _stays(module: Module, node: ast.AST, depth: int = 0) -> bool:
    """Tell whether an object goes nowhere but into names and lists that nothing uses, and out of its function."""
    parent = module.parent(node)
    match parent, module.parent(parent) if parent is not None else None:
        case ast.Return(), _:
            return True
        case ((ast.Assign(targets=[ast.Attribute()]) | ast.AnnAssign(target=ast.Attribute())), _):
            return True
        case ((ast.Assign([ast.Name() as name]) | ast.AnnAssign(ast.Name() as name)), _):
            pass
        case ast.Tuple(values), ast.Assign([ast.Tuple(targets)]) if len(values) == len(targets):
            target = targets[values.index(node)] if node in values else None
            if not isinstance(target, ast.Name):
                return False
            name = target
        case ast.Call(ast.Attribute(ast.Name() as name, method)), ast.Expr() if method in _FILLING:
            pass
        case ((ast.List() | ast.Tuple() | ast.IfExp()), _):
            return _stays(module, parent, depth)
        case _:
            return False
    scope = module.scope(name).lookup(name.id)
    uses = module.uses(scope, name.id) if scope is not None else []
    loads = [use for use in uses if not isinstance(use.ctx, ast.Store)]
    return depth < _DEPTH and all(_fills(module, use) or _stays(module, use, depth + 1) for use in loads)


# Which ``fit`` it is for. ------------------------------------------------------------------------------


def _fit_for(module: Module, shapes: Shapes, unused: _Unused, fits: Sequence[Fit]) -> Fit | Refusal | None:
    """Return the ``fit`` beside some callbacks; None where there is none of a Keras model at all."""
    home = frame(module, unused.made[0])
    beside = [fit for fit in fits if frame(module, fit.call) is home]
    beside = beside or [fit for fit in fits if _is_seen_from(module, unused, fit.call)]
    if not beside:
        return OUT_OF_REACH if any(fit.sure for fit in fits) else None
    alike = [fit for fit in beside if fit.alike]
    if len(alike) > 1:
        return SEVERAL_FITS
    fit = next(iter(alike or beside))
    if not fit.sure:
        return UNKNOWN_MODEL
    return _before(module, shapes, unused, home, fit.call) or fit


def _is_seen_from(module: Module, unused: _Unused, call: ast.Call) -> bool:
    """Tell whether, where a call stands, callbacks have the name that they are bound to."""
    method = module.function(call)
    owner = module.enclosing(call, ast.ClassDef)
    if unused.owner is None:  # methods get by with what their object has
        return owner is None and module.scope(call).lookup(unused.handle) is unused.scope
    return method is not None and owner is unused.owner and unused.handle.startswith(f"{_itself(method)}.")


def _before(
    module: Module, shapes: Shapes, unused: _Unused, home: Frame, node: ast.AST, depth: int = 0
) -> Refusal | None:
    """Return why callbacks may not have been made where a node runs, or it may run more than once since."""
    here = frame(module, node)
    around = [loop for loop in loops(module, node) if loop not in module.ancestors(unused.made[0])]
    inner = module.enclosing(node, *_COMPREHENSIONS)
    if around or (inner is not None and frame(module, inner) is here):
        return REPEATED
    if here is home:
        late = any(part.lineno > module.statement(node).lineno for part in unused.made)  # type: ignore[attr-defined]
        return MAY_BE_MISSING if late or not runs_before(module, unused.made, module.statement(node)) else None
    if isinstance(here, ast.Module):
        assert not isinstance(home, ast.Module)
        made = home.name == "__init__" and surely_runs(module, home.body, unused.made)
        return None if made else MAY_BE_MISSING
    calls = shapes.calls(here)
    inside = set(ast.walk(here))  # where a method of this name is another object's
    outside = [call for call in calls or () if call not in inside]
    if calls is None or len(outside) != 1 or depth > _DEPTH:
        return REPEATED
    return _before(module, shapes, unused, home, outside[0], depth + 1)


def _edit(
    module: Module, shapes: Shapes, unused: _Unused, others: Sequence[_Unused], fit: Fit
) -> AddArgument | AddItem | Replace | Refusal:
    """Return what gives some callbacks to a ``fit``, or why they can't be given to it.

    Args:
        module: the module.
        shapes: what its expressions are.
        unused: the callbacks.
        others: what else the ``fit`` is to be given.
        fit: the ``fit``.
    """
    if fit.hidden:
        return UNPACKED
    given = _Given(module, shapes, fit)
    if given.form is None or not all(instance.known for instance in unused.instances):
        return UNKNOWN_CALLBACKS
    if unused.optional:
        return MAY_BE_MISSING
    listed = unused.listed or any(other.listed for other in others)
    alternatives = listed and (others or given.form != "nothing")
    if alternatives or unused.kinds & given.kinds.union(*(other.kinds for other in others)):
        return SAME_KIND
    if any(_would_raise(module, instance, fit) for instance in unused.instances):
        return WOULD_RAISE
    whole = unused.handle if unused.listed else f"[{unused.handle}]"
    if fit.callbacks is None:
        return AddArgument(fit.call, "callbacks", whole)
    if given.form == "nothing":
        return Replace(fit.callbacks, whole)
    if given.display is not None and _may_stand(module, unused, fit, given.display):
        return AddItem(given.display, None, unused.handle)
    start = "[" if given.form == "one" else "[*"
    return Replace(fit.callbacks, (start, Move(fit.callbacks), f", {unused.handle}]"))


def _may_stand(module: Module, unused: _Unused, fit: Fit, display: ast.List) -> bool:
    """Tell whether a callback may stand in a list: in the argument itself, or behind where the callback is made."""
    if fit.call in module.ancestors(display):
        return True
    statement, made = module.statement(display), unused.made
    return frame(module, made[0]) is frame(module, statement) and runs_before(module, made, statement)


class _Given:
    """The callbacks that a ``fit`` has already.

    Attributes:
        form: how they are given; None where that can't be told.
        kinds: of what kind they are.
    """

    def __init__(self, module: Module, shapes: Shapes, fit: Fit) -> None:
        """Look at the argument."""
        found = shapes.value(fit.callbacks)
        self.form: Literal["nothing", "one", "list"] | None = None
        parts: list[ast.expr] = []
        if found.kind == "none":
            self.form = "nothing"
        elif found.kind in ("tuple", "list") and not found.optional:
            self.form = "list"
            found = shapes.element(found)
        elif found.instances and not found.optional and all(map(_is_callback, found.instances)):
            self.form = "one"
        elif isinstance(fit.callbacks, ast.BinOp) and isinstance(fit.callbacks.op, ast.Add):
            parts = [fit.callbacks.right, fit.callbacks.left]
            self.form = "list" if any(isinstance(part, ast.List) for part in parts) else None
            found = reduce(join, (shapes.element(shapes.value(part)) for part in parts))
        self.kinds = {_kind(instance) for instance in found.instances}
        given = next((part for part in parts if isinstance(part, ast.List)), fit.callbacks)
        self.display = self._display(module, given)

    def _display(self, module: Module, given: ast.expr | None) -> ast.List | None:
        """Return the list display that the argument is, or that a name holds which nothing else reads."""
        if isinstance(given, ast.List) or not isinstance(given, ast.Name):
            return given if isinstance(given, ast.List) else None
        bindings = module.bindings(given)
        scope = module.scope(given).lookup(given.id)
        value = bindings[0].value if len(bindings) == 1 else None
        if scope is None or scope is not module.scope(given) or not isinstance(value, ast.List):
            return None
        loads = [use for use in module.uses(scope, given.id) if isinstance(use.ctx, ast.Load) and use is not given]
        return value if all(_fills(module, use) for use in loads) else None


def _is_callback(instance: Instance) -> bool:
    return instance.known and callback_base(instance) not in (None, "CallbackList")


def _kind(instance: Instance) -> str:
    """Return what two callbacks have in common of which one makes the other superfluous."""
    base = callback_base(instance) if instance.known else None
    if base in _MANY:
        return f"{instance.name} {ast.unparse(instance.call) if instance.call is not None else ''}"
    return base or instance.name


def _would_raise(module: Module, instance: Instance, fit: Fit) -> bool:
    """Tell whether a callback raises in a training that runs without it."""
    own = [node for _, node in classes_of(instance.module, instance.name)]
    if any(_would_raise_itself(node, fit) for node in own):
        return True
    match callback_base(instance):
        case "LearningRateScheduler":
            names = (module.resolve(call.func) or "" for call in module.find_all(ast.Call))
            return any(name.startswith("keras.optimizers.schedules.") for name in names)
        case "ModelCheckpoint":
            path = instance.argument("filepath", 0)
            return not fit.validates and any("{val_" in text for text in _texts(instance.module, path))
        case "EarlyStopping":
            monitor, mode = instance.argument("monitor", 0), instance.argument("mode", 4)
            metric = next(_texts(instance.module, monitor), "loss").removeprefix("val_")
            return metric != "loss" and mode is None and not _may_report(module, metric)
    return False


def _would_raise_itself(node: ast.ClassDef, fit: Fit) -> bool:
    """Tell whether a callback's own code raises: it takes other arguments than Keras gives, or wants a validation."""
    for part in ast.walk(node):
        match part:
            case ast.FunctionDef(name, arguments) if name in HOOKS and part in node.body and not arguments.vararg:
                parameters = [*arguments.posonlyargs, *arguments.args]
                given = 3 if "batch" in name or "epoch" in name else 2
                if not len(parameters) - len(arguments.defaults) <= given <= len(parameters):
                    return True
            case ast.Subscript(slice=ast.Constant(str() as key)) if key.startswith("val_") and not fit.validates:
                return True
    return False


def _texts(module: Module, node: ast.expr | None) -> Iterator[str]:
    """Yield the texts in an expression, or in what a name is bound to once."""
    bindings = module.bindings(node) if isinstance(node, ast.Name) else []
    node = bindings[0].value if len(bindings) == 1 else node
    for part in ast.walk(node) if node is not None else ():
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _may_report(module: Module, metric: str) -> bool:
    """Tell whether a model may have a metric: one that is compiled here has it if anything else here names it."""
    if "compile" not in module.attributes:
        return True
    for node in module.find_all(ast.Constant, ast.Name, ast.Attribute):
        word = getattr(
            node, "value" if isinstance(node, ast.Constant) else "id" if isinstance(node, ast.Name) else "attr"
        )
        if isinstance(word, str) and metric in (word, _BETWEEN_WORDS.sub("_", word).lower()):
            call = module.enclosing(node, ast.Call)
            if call is None or not (module.resolve(call.func) or "").startswith("keras.callbacks."):
                return True
    return False
