"""Where a training that drives callbacks by hand starts, and how callbacks, model and optimizer are named there."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from codemods.analysis.callback_needs import EPOCH_HOOKS, HookCall, Need
from codemods.analysis.in_reach import Named, Reach
from codemods.analysis.module import Function, Module
from codemods.analysis.places import Frame, before, frame, loops, runs_before, surely_runs
from codemods.analysis.shapes import Shapes, library_bases
from codemods.engine.codemod import Refusal

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LIFTS = 6  # functions are followed so far to those that call them

NO_MODEL = Refusal("no-model", "no name that is in reach before the loop is known to be a Keras model")
SEVERAL_MODELS = Refusal("several-models", "several models are in reach, and nothing tells which one is meant")
MODEL_LATER = Refusal("model-later", "the model, or its optimizer, is made only after the loop has started")
NO_OPTIMIZER = Refusal(
    "no-optimizer",
    "under Keras 3 the callback reads the model's optimizer, the model isn't seen to be compiled, and no single "
    "optimizer in reach is seen to train it",
)
MAY_BE_MISSING = Refusal(
    "may-be-missing", "the callback is made under a condition, or may be None, where the loop starts"
)
UNNAMED = Refusal("unnamed-callback", "the callback has no name of its own where the loop starts")
SEVERAL_NAMES = Refusal(
    "several-names", "the callbacks go by several names, or some of them have been given their model and others not"
)
OUT_OF_SIGHT = Refusal(
    "out-of-sight",
    "the hooks are called by a function whose calls can't be seen, so that nothing comes before them all",
)
INSIDE_CALLBACK = Refusal(
    "inside-callback", "a callback drives another one, which has to get its model in `set_model` of the first"
)
NO_EPOCH = Refusal("no-epoch", "the callback needs `on_epoch_begin`, and the loop over the epochs can't be seen")
REFUSALS = (
    NO_MODEL,
    SEVERAL_MODELS,
    MODEL_LATER,
    NO_OPTIMIZER,
    MAY_BE_MISSING,
    UNNAMED,
    SEVERAL_NAMES,
    OUT_OF_SIGHT,
    INSIDE_CALLBACK,
    NO_EPOCH,
)


@dataclass(frozen=True)
class Handle:
    """How code names callbacks: one, or all of a list, with the variable of the loop over it."""

    expression: ast.expr
    each: str | None = None

    @property
    def text(self) -> str:
        """The name, as code."""
        return ast.unparse(self.expression)

    @property
    def root(self) -> str | None:
        """The variable that the name starts with."""
        node = self.expression
        while isinstance(node, ast.Attribute):
            node = node.value
        return node.id if isinstance(node, ast.Name) else None


@dataclass(frozen=True)
class _Use:
    """A hook's call, or the call of a function that leads to it."""

    node: ast.Call
    handle: Handle
    hook: str


@dataclass(frozen=True)
class Place:
    """Where a training starts.

    Attributes:
        anchor: the statement that starts it.
        after: what is to come first goes after that statement, which makes the callback; otherwise before.
        handle: how the callbacks are named there.
        model: their model; None where it needs not be set.
        optimizer: the optimizer that the model lacks.
        stops: the loop asks the model whether to stop, which under Keras 3 only `compile` and `fit` let it know.
    """

    anchor: ast.stmt
    after: bool
    handle: Handle
    model: Named | None
    optimizer: Named | None
    stops: bool


def handle_of(module: Module, node: ast.expr) -> Handle | None:
    """Return how code can name what a hook is called on: by itself, or by the list that a loop takes it from."""
    if isinstance(node, ast.Attribute):
        handle = Handle(node)
        return handle if handle.root is not None else None
    if isinstance(node, (ast.List, ast.Tuple)):
        return Handle(node) if all(isinstance(part, (ast.Name, ast.Attribute)) for part in node.elts) else None
    if not isinstance(node, ast.Name):
        return None
    lists = [_iterated(module, binding.node) for binding in module.bindings(node)]
    if not any(lists):
        return Handle(node)
    found = lists[0]
    if found is None or any(one is None or ast.unparse(one) != ast.unparse(found) for one in lists):
        return None
    inner = handle_of(module, found)
    return Handle(inner.expression, node.id) if inner is not None and inner.each is None else None


def _iterated(module: Module, node: ast.AST) -> ast.expr | None:
    """Return the list whose elements a loop gives a name, also behind ``enumerate``."""
    loop, last = module.parent(node), node
    if isinstance(loop, ast.Tuple) and loop.elts[-1] is node:
        last, loop = loop, module.parent(loop)
    if not isinstance(loop, (ast.For, ast.comprehension)) or loop.target is not last:
        return None
    if last is node:
        return loop.iter
    listed = loop.iter
    counted = isinstance(listed, ast.Call) and module.resolve(listed.func) == "builtins.enumerate"
    return listed.args[0] if counted and isinstance(listed, ast.Call) and listed.args else None


class Start:
    """Finds the start of the training that some calls of hooks belong to."""

    def __init__(self, module: Module, shapes: Shapes, calls: Sequence[HookCall], sites: set[ast.AST]) -> None:
        """Remember the calls of the hooks.

        Args:
            module: the module.
            shapes: what its expressions are.
            calls: the calls of the hooks.
            sites: the constructions of the callbacks.
        """
        self.module = module
        self.shapes = shapes
        self.calls = calls
        self.sites = sites

    def find(self, needed: Need, set_model: bool, after: Sequence[ast.Call]) -> Place | Refusal:
        """Return the place, or why there is none.

        Args:
            needed: what the callbacks need.
            set_model: their model is to be set there.
            after: calls that have to come first, where they stand in the same function.
        """
        uses: list[_Use] = []
        for call in self.calls:
            handle = handle_of(self.module, call.receiver)
            if handle is None:
                return UNNAMED
            if isinstance(self.module.enclosing(call.call, ast.Lambda, *_FUNCTIONS), ast.Lambda):
                return OUT_OF_SIGHT
            if self._is_inside_callback(call.call):
                return INSIDE_CALLBACK
            uses.append(_Use(call.call, handle, call.hook))
        refused = OUT_OF_SIGHT
        for _ in range(_LIFTS):
            frames = {frame(self.module, use.node) for use in uses}
            here = next(iter(frames))
            if len(frames) == 1 and self._sees_all(here, uses):
                found = self._placed(here, uses, needed, set_model)
                if isinstance(found, Place):
                    late = [call for call in after if frame(self.module, call) is here]
                    behind = any(call.lineno >= found.anchor.lineno for call in late)
                    return SEVERAL_NAMES if behind else found
                if found is not NO_MODEL:
                    return found
                refused = found
            lifted = self._lifted(frames, uses)
            if lifted is None:
                return refused
            uses = lifted
        return refused

    def _is_inside_callback(self, node: ast.AST) -> bool:
        owner = self.module.enclosing(node, ast.ClassDef)
        if owner is None:
            return False
        bases = library_bases(self.module, f"{self.module.id}.{self.module.qualname(owner)}")
        return any(base.startswith("keras.callbacks.") for base in bases)

    # Which function sees the whole training. -----------------------------------------------------------

    def _sees_all(self, here: Frame, uses: Sequence[_Use]) -> bool:
        """Tell whether what is put into a frame, before the uses, runs once for a training."""
        if isinstance(here, ast.Module) or any(self._made(use.handle.expression, here) for use in uses):
            return True
        epochs = [use for use in uses if use.hook in EPOCH_HOOKS]
        if epochs and all(self._turns(use) for use in epochs):
            return True
        return not self._is_repeated(here)

    def _is_repeated(self, function: Frame, depth: int = 0) -> bool:
        if isinstance(function, ast.Module):
            return False
        calls = self.shapes.calls(function)
        if calls is None or len(calls) != 1 or depth > _LIFTS:
            return True
        return bool(loops(self.module, calls[0])) or self._is_repeated(frame(self.module, calls[0]), depth + 1)

    def _turns(self, use: _Use) -> list[ast.For | ast.AsyncFor | ast.While]:
        """Return the loops around a use but for the one over the callbacks, innermost first."""
        return [
            loop
            for loop in loops(self.module, use.node)
            if isinstance(loop, ast.While) or use.handle.each not in _names(loop.target)
        ]

    def _made(self, handle: ast.expr, here: Frame) -> list[ast.AST]:
        """Return the nodes of a frame that bind what a handle names."""
        found: list[ast.AST] = []
        for node in ast.walk(handle):
            if isinstance(node, ast.Name):
                scope = self.module.inner_scope(here).lookup(node.id)
                if scope is not None and scope.node is here:
                    found += [one.node for one in scope.bindings[node.id] if not isinstance(one.node, ast.arg)]
        if isinstance(handle, ast.Attribute):
            text = ast.unparse(handle)
            stores = [node for node in self.module.attributes[handle.attr] if isinstance(node.ctx, ast.Store)]
            found += [node for node in stores if ast.unparse(node) == text]
        return [node for node in found if frame(self.module, node) is here]

    def _lifted(self, frames: set[Frame], uses: Sequence[_Use]) -> list[_Use] | None:
        """Return the uses with those in inner functions replaced by the calls of these functions."""
        local = {frame(self.module, use.node) for use in uses if self._made(use.handle.expression, _frame(self, use))}
        lifting = {one for one in frames if isinstance(one, _FUNCTIONS) and one not in local}
        callers = {one: {frame(self.module, call) for call in self.shapes.calls(one) or ()} for one in lifting}
        lifting = {one for one in lifting if callers[one] & (frames - {one})} or lifting
        if not lifting:
            return None
        found: list[_Use] = []
        for use in uses:
            here = _frame(self, use)
            if here not in lifting or isinstance(here, ast.Module):
                found.append(use)
                continue
            calls = self.shapes.calls(here)
            if not calls:
                return None
            for call in calls:
                handle = self._translated(use.handle, here, call)
                if handle is None:
                    return None
                found.append(_Use(call, handle, use.hook))
        return found

    def _translated(self, handle: Handle, function: Function, call: ast.Call) -> Handle | None:
        """Return how what a handle names in a function is named where the function is called."""
        root = handle.root
        if root is None:
            return None
        scope = self.module.inner_scope(function)
        if scope.lookup(root) is not scope:
            outer = self.module.inner_scope(frame(self.module, call))
            return handle if outer.lookup(root) is scope.lookup(root) else None
        owner = self.module.parent(function)
        names = [one.arg for one in [*function.args.posonlyargs, *function.args.args]]
        if isinstance(owner, ast.ClassDef) and names and root == names[0]:
            target = call.func.value if isinstance(call.func, ast.Attribute) else None
            same = self.module.enclosing(call, ast.ClassDef) is owner
            return handle if same and isinstance(target, ast.Name) and target.id == root else None
        if not isinstance(handle.expression, ast.Name):
            return None
        given = _argument(call, names[isinstance(owner, ast.ClassDef) :], root)
        found = handle_of(self.module, given) if given is not None else None
        if found is None or (found.each and handle.each):
            return None
        return Handle(found.expression, handle.each or found.each)

    # The place in it. ----------------------------------------------------------------------------------

    def _placed(self, here: Frame, uses: Sequence[_Use], needed: Need, set_model: bool) -> Place | Refusal:
        if len({(use.handle.text, use.handle.each is None) for use in uses}) != 1:
            return SEVERAL_NAMES
        handle = uses[0].handle
        nodes = [use.node for use in uses]
        made = self._made(handle.expression, here)
        sites = [site for site in self.sites if site in self.module and frame(self.module, site) is here]
        anchor = before(self.module, nodes, [*made, *sites])
        model = optimizer = None
        stops = False
        if set_model:
            reach = Reach(self.module, self.shapes, here)
            chosen = self._model(reach, anchor)
            if isinstance(chosen, Refusal):
                return chosen
            model = chosen
            if needed.optimizer and not reach.has_optimizer(model, anchor):
                given = self.optimizer(reach, model, anchor)
                if isinstance(given, Refusal):
                    return given
                optimizer = given
            stops = reach.asks_to_stop(model) and not reach.has_optimizer(model, anchor)
        wanted = [named for named in (model, optimizer) if named is not None]
        inside = [node for named in wanted for node in named.made if frame(self.module, node) is here]
        if before(self.module, nodes, [*made, *sites, *inside]) is not anchor:
            return MODEL_LATER
        after = any(call.optional for call in self.calls) or not self.is_bound(handle.expression, anchor)
        if after:
            creation = self._creation(made)
            if creation is None or handle.each is not None:
                return MAY_BE_MISSING
            anchor = creation
        elif any(self.module.statement(site).lineno >= anchor.lineno for site in sites):
            return MAY_BE_MISSING
        if not all(self.is_there(named, here, anchor) for named in wanted):
            return MODEL_LATER
        return Place(anchor, after, self._with_free_variable(handle, here), model, optimizer, stops)

    def _with_free_variable(self, handle: Handle, here: Frame) -> Handle:
        """Return a handle whose loop variable means nothing else in the frame."""
        if handle.each is None:
            return handle
        scope = self.module.inner_scope(here)
        for name in (handle.each, "callback", "each_callback"):
            lists = [_iterated(self.module, binding.node) for binding in scope.bindings.get(name, ())]
            same = all(one is not None and ast.unparse(one) == handle.text for one in lists)
            if same and (lists or not self.module.is_used(scope, name)):
                return Handle(handle.expression, name)
        return Handle(handle.expression, f"{handle.each}_")

    def _creation(self, made: Sequence[ast.AST]) -> ast.Assign | None:
        """Return the one assignment that makes the callback, in whose branch all that follows goes."""
        found = {
            statement
            for node in made
            if isinstance(statement := self.module.statement(node), ast.Assign)
            and not (isinstance(statement.value, ast.Constant) and statement.value.value is None)
        }
        creation = found.pop() if len(found) == 1 else None
        if creation is None or isinstance(creation.value, (ast.IfExp, ast.BoolOp)):
            return None
        sites = {instance.call for instance in self.shapes.value(creation.value).instances}
        return creation if sites & self.sites else None

    def is_bound(self, handle: ast.expr, anchor: ast.stmt) -> bool:
        """Tell whether the variables of a handle are sure to be bound before a statement."""
        here = frame(self.module, anchor)
        for node in ast.walk(handle):
            if not isinstance(node, ast.Name):
                continue
            scope = self.module.inner_scope(here).lookup(node.id)
            if scope is None:
                return False
            nodes = [one.node for one in scope.bindings[node.id]]
            if any(isinstance(one, (ast.arg, ast.alias)) for one in nodes):
                continue
            if scope.node is here and not runs_before(self.module, nodes, anchor):
                return False
            if scope.node is not here and not surely_runs(self.module, getattr(scope.node, "body", []), nodes):
                return False
        return True

    def is_there(self, named: Named, here: Frame, anchor: ast.stmt) -> bool:
        """Tell whether a model or an optimizer is sure to have been made before a statement of a frame."""
        if named.is_given or named.is_imported:
            return True
        if named.owner is None:
            inside = [node for node in named.made if frame(self.module, node) is here]
            return not inside or runs_before(self.module, inside, anchor)
        if named.owner is here:
            return runs_before(self.module, named.made, anchor)
        return surely_runs(self.module, named.owner.body, named.made)

    def _model(self, reach: Reach, anchor: ast.stmt) -> Named | Refusal:
        found = reach.models()
        now = [named for named in found if not _is_later(self.module, named, reach.frame, anchor)]
        if not now:
            return MODEL_LATER if found else NO_MODEL
        return now[0] if len(now) == 1 and not reach.strays(now[0]) else SEVERAL_MODELS

    def optimizer(self, reach: Reach, model: Named, anchor: ast.stmt) -> Named | Refusal:
        """Return the one optimizer in reach before a statement, if it is seen to train the model."""
        found = [one for one in reach.optimizers() if not _is_later(self.module, one, reach.frame, anchor)]
        return found[0] if len(found) == 1 and reach.trains(found[0], model) else NO_OPTIMIZER

    # The head of each epoch. ---------------------------------------------------------------------------

    def epoch_heads(self) -> list[tuple[ast.stmt, Handle, str]] | Refusal:
        """Return the first statement of each loop over the epochs, the callbacks' name there, and the epoch's."""
        found: dict[ast.stmt, tuple[ast.stmt, Handle, str]] = {}
        for call in self.calls:
            if call.hook != "on_epoch_end":
                continue
            handle = handle_of(self.module, call.receiver)
            given = [word.value for word in call.call.keywords if word.arg == "epoch"] + call.call.args[:1]
            if handle is None or not given:
                return NO_EPOCH
            loop = self._epoch_loop(given[0], _Use(call.call, handle, call.hook))
            here = frame(self.module, call.call)
            if loop is None or any(loop in self.module.ancestors(node) for node in self._made(handle.expression, here)):
                return NO_EPOCH
            head = loop.body[0]
            found.setdefault(head, (head, self._with_free_variable(handle, here), self.module.source(given[0])))
        return list(found.values()) or NO_EPOCH

    def _epoch_loop(self, epoch: ast.expr, use: _Use) -> ast.For | ast.AsyncFor | ast.While | None:
        """Return the loop that counts an epoch, if its number is the same at the head and at the hook's call."""
        turns = self._turns(use)
        if not isinstance(epoch, ast.Name):
            return None
        counting = [loop for loop in turns if not isinstance(loop, ast.While) and epoch.id in _names(loop.target)]
        loop = counting[0] if counting else turns[0] if len(turns) == 1 else None
        if loop is None:
            return None
        changed = [
            binding.node
            for binding in self.module.bindings(epoch)
            if loop in self.module.ancestors(binding.node) and self.module.statement(binding.node) is not loop
        ]
        line = use.node.lineno
        return None if any(node.lineno <= line for node in changed) else loop  # type: ignore[attr-defined]


def _frame(start: Start, use: _Use) -> Frame:
    return frame(start.module, use.node)


def _names(target: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}


def _is_later(module: Module, named: Named, here: Frame, anchor: ast.stmt) -> bool:
    """Tell whether a name of a frame is bound only behind a statement."""
    if named.is_given or named.is_imported or named.owner is not here:
        return False
    end = anchor.end_lineno or anchor.lineno
    return all(module.statement(node).lineno > end for node in named.made)


def _argument(call: ast.Call, names: Sequence[str], name: str) -> ast.expr | None:
    """Return what a call gives to a parameter."""
    given = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    if given is not None or name not in names or any(isinstance(argument, ast.Starred) for argument in call.args):
        return given
    index = names.index(name)
    return call.args[index] if index < len(call.args) else None
