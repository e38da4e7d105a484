"""The plan by which one traced function gives up its summaries: what it returns, what the host writes."""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from codemods.analysis.dataflow import MUTATORS
from codemods.analysis.module import Module, Scope
from codemods.analysis.objects import callers, is_call, made_once
from codemods.analysis.places import end, start
from codemods.analysis.strategies import seems_strategy
from codemods.analysis.tracing import (
    Reference,
    Traced,
    ancestors,
    called_from,
    default_of,
    followed,
    is_keras_class,
    is_traced,
    is_trackable_class,
    passed,
    references,
    returned_part,
)
from codemods.engine.codemod import AddImport, Refusal
from codemods.summaries.fitting import Training
from codemods.summaries.loops import PYTHON, TENSOR, VARIABLE, loop_targets
from codemods.summaries.ops import Summary, summary_at
from codemods.summaries.returns import Exit, Made, early, exits, made
from codemods.summaries.writers import as_default, replaced, writer_items

RESULT_USED = Refusal("result-used", "the summary's own result is used, which says whether it was recorded")
KERAS_METHOD = Refusal("keras-method", "Keras calls this method itself, and names and counts what it returns")
KERAS_CALL = Refusal(
    "keras-call", "Keras runs it in the `__call__` of its layer or model, whose callers get what it returns"
)
DECORATOR = Refusal(
    "unknown-decorator", "another decorator stands on the function, which may depend on what it returns"
)
GENERATOR = Refusal("generator", "the function is a generator or a coroutine, which has no one place to return from")
RECURSIVE = Refusal("recursive", "the function calls itself, or others that call it")
FUNCTION_USED = Refusal("function-object-used", "the function itself is used as a value, not only called")
OVERRIDDEN = Refusal("overridden", "another class of its hierarchy defines the same method")
EXPORTED = Refusal("exported", "the function is exported, and its signature may not change")
SEVERAL_RETURNS = Refusal(
    "several-returns", "the function returns in several places, and not always with a value for it"
)
RETURNS_DIFFER = Refusal("returns-differ", "the function returns values of different structure")
NO_WRITER = Refusal("no-writer", "no writer is the default where the function is called, and none is in reach")
LOST = Refusal("writer-to-choose", "no writer is the default where the function is called, and several are in reach")
SEVERAL_WRITERS = Refusal("several-writers", "some calls stand under a writer and some don't")
WRITER_UNKNOWN = Refusal("writer-unknown", "which writer is the default depends on callers that can't be seen")
WRITER_IN_GRAPH = Refusal("writer-in-graph", "the writer is known inside the function only")
WRITER_BLOCK = Refusal(
    "writer-block", "the block that makes the writer the default calls other code that may write summaries"
)
LOOP = Refusal("loop", "it stands in a loop, whose values would have to be collected")
GRAPH_LOOP = Refusal(
    "graph-loop", "it stands in a loop that becomes part of the graph, whose values would have to be stacked"
)
TRY = Refusal("try", "it stands in a try statement")
CONTEXT = Refusal("unknown-context", "it stands in a block whose effect on summaries isn't known")
TENSOR_CONDITION = Refusal("tensor-condition", "it depends on a tensor, which puts `cond/` before its tag")
CONDITION = Refusal(
    "condition", "it depends on a condition that may be a tensor, which would put `cond/` before its tag"
)
TAG = Refusal("tag-in-graph", "its tag or another argument is computed inside the function")
TAG_FROZEN = Refusal("tag-frozen", "its tag depends on a name that changes, and was fixed when the function was traced")
STEP = Refusal("step", "the step may be a variable that the function changes later, or a Python number")
STEP_SET = Refusal("step-set-inside", "the default step is set inside the function")
NAME_SCOPE = Refusal("name-scope", "the name scope is entered twice or its name is taken, so TensorFlow numbers it")
CALLER_SCOPE = Refusal("caller-name-scope", "the call stands in a name scope, which the tag doesn't have in the graph")
NESTED = Refusal("nested-function", "it stands in a function inside the traced one")
ARGUMENT = Refusal("graph-argument", "an argument exists only while the graph is built")
UNPACKED = Refusal(
    "unpacked-arguments", "its arguments are unpacked from a list or a dict, so what they are can't be seen"
)
WRITER_CLOSED = Refusal("writer-closed", "the function closes the writer, which a later call could not write to")
WRAPPED_SHARED = Refusal("shared-function", "the function under `tf.function` is also used without it")
WRAPPED_BOUND = Refusal(
    "bound-function", "the traced function is kept in an attribute, and called in more than one place"
)
BRANCH = Refusal("branch-only-value", "its value is made in one branch only")
NAMES = Refusal("names", "a name that the summary needs means something else where the function is called")

REFUSALS = (
    RESULT_USED, KERAS_METHOD, KERAS_CALL, DECORATOR, GENERATOR, RECURSIVE, FUNCTION_USED, OVERRIDDEN, EXPORTED,
    SEVERAL_RETURNS, NO_WRITER, SEVERAL_WRITERS, WRITER_UNKNOWN, WRITER_IN_GRAPH, WRITER_BLOCK, LOOP, GRAPH_LOOP,
    TRY, CONTEXT, TENSOR_CONDITION, CONDITION, TAG, TAG_FROZEN, STEP, STEP_SET, NAME_SCOPE, CALLER_SCOPE,
    RETURNS_DIFFER, NESTED, ARGUMENT, WRAPPED_SHARED, WRAPPED_BOUND, NAMES, UNPACKED, WRITER_CLOSED, LOST, BRANCH,
)  # fmt: skip

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_PLAIN_CONTEXTS = frozenset({
    "tensorflow.GradientTape", "tensorflow.device", "tensorflow.control_dependencies",
    "tensorflow.profiler.experimental.Trace", "tensorflow.autodiff.ForwardAccumulator",
})  # fmt: skip
NAME_SCOPES = frozenset({"tensorflow.name_scope", "tensorflow.compat.v1.name_scope"})
_SET_STEP = "tensorflow.summary.experimental.set_step"
_GET_STEP = "tensorflow.summary.experimental.get_step"
RECORD_IF = "tensorflow.summary.record_if"
_PURE_BUILTINS = frozenset({"str", "repr", "len", "int", "round", "format", "min", "max", "abs", "bool", "float"})
_PURE_METHODS = frozenset({"format", "join", "lower", "upper", "replace", "strip", "title", "split"})
_HARMLESS_METHODS = _PURE_METHODS | {
    "gradient", "jacobian", "batch_jacobian", "watch", "append", "items", "keys", "values", "as_default", "numpy",
    "get_shape", "as_list", "flush", "experimental_local_results", "result",
}  # fmt: skip
_HARMLESS = ("tensorflow.", "builtins.", "keras.losses.", "keras.backend.")
_CHANGING = (
    "tensorflow.compat.v1.assign", "tensorflow.compat.v1.scatter", "tensorflow.raw_ops.", "tensorflow.py_function",
    "tensorflow.numpy_function", "tensorflow.group", "builtins.setattr",
)  # fmt: skip
_VARIABLES = frozenset({
    "tensorflow.Variable", "tensorflow.compat.v1.train.get_or_create_global_step",
    "tensorflow.compat.v1.train.get_global_step", "tensorflow.compat.v1.train.create_global_step", "keras.Variable",
})  # fmt: skip


_LAYERS = ("keras.layers.", "keras.Layer", "keras.Model", "keras.models.", "keras.Sequential", "keras.Functional")
_STEPS = frozenset({"train_step", "test_step", "predict_step", "compute_loss", "compute_metrics"})
_KERAS_METHODS = frozenset({
    "call", "__call__", "build", "update_state", "result", "update_step", "apply_gradients", "compute_mask",
})  # fmt: skip
_SIMPLE = (
    ast.Compare, ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.Name, ast.Attribute, ast.Constant, ast.Add, ast.Sub, ast.Mult,
    ast.FloorDiv, ast.Mod, ast.cmpop, ast.boolop, ast.unaryop, ast.expr_context,
)  # fmt: skip


class RefusedError(Exception):
    """A summary can't be moved; carries the refusal and a sentence of detail."""

    def __init__(self, refusal: Refusal, detail: str | None = None, *, lost: bool = False) -> None:
        super().__init__(detail or refusal.sentence)
        self.refusal = refusal
        self.detail = detail
        self.lost = lost  # nothing is recorded today


@dataclass
class Value:
    """A value that the function returns for the host to write.

    Attributes:
        name: the name it has in the function.
        code: what is assigned to that name where the summary stood; None where the name is there already.
    """

    name: str
    code: str | None = None


@dataclass(frozen=True)
class Gathered:
    """What each turn of a loop adds to a list or an array, for the host to go over.

    Attributes:
        value: the list or the array.
        element: a name for one of its elements.
        code: what is added.
    """

    value: Value
    element: str
    code: str

    @property
    def array(self) -> bool:
        """Whether it is a ``tf.TensorArray``."""
        return self.value.code != "[]"


@dataclass
class Move:
    """How one summary moves.

    Attributes:
        summary: what moves.
        values: by the argument whose place they take.
        writer: the expression of the writer whose block it stands in, inside the function.
        contexts: the blocks around it that the host must have, outermost first.
        gathered: what the loops around it gather, by the argument whose place it takes.
        before: the statement before which it is made, what is gathered.
        turn: what summaries have in common whose values are gathered in the same turns.
        repeated: the loop whose variables the host needs as well.
        tag_changes: a loop puts something before its tag.
        other_writer: the graph keeps a writer that needn't be the one around the call.
        record: whether it is recorded, as ``record_if`` around the call says where it stands.
        bound: names that its blocks bind for nothing.
        early: those of ``contexts`` that stand before the summary and return in one branch, and whether
            their body is the branch that goes on.
        parameters: the function's parameters that the host needs.
        frozen: the step, a flag or a tag was fixed at the first trace.
    """

    summary: Summary
    values: dict[ast.expr, Value] = field(default_factory=dict)
    inlined: dict[ast.expr, ast.expr] = field(default_factory=dict)
    writer: ast.expr | None = None
    contexts: list[ast.With | ast.If | ast.For] = field(default_factory=list)
    early: dict[ast.If, bool] = field(default_factory=dict)
    parameters: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    frozen: bool = False
    default_step: Value | None = None
    record: Value | None = None
    tensor_tests: dict[ast.If, Value | None] = field(default_factory=dict)
    loop: ast.For | None = None
    targets: dict[str, str] = field(default_factory=dict)
    loop_values: dict[ast.expr, tuple[Value, str]] = field(default_factory=dict)
    gathered: dict[ast.expr, Gathered] = field(default_factory=dict)
    before: ast.stmt | None = None
    turn: tuple[int, int] = (0, 0)
    repeated: ast.For | None = None
    tag_changes: bool = False
    other_writer: bool = False

    @property
    def has_writer(self) -> bool:
        """Whether it is written by a writer of its own, whatever the default is."""
        return self.writer is not None or self.summary.has_writer

    @property
    def unsafe(self) -> str | None:
        """What changes in the events, if something does."""
        changes = []
        if self.other_writer:
            changes.append(
                "what the graph writes to the writer of its first trace, whoever calls it, "
                "goes to the writer that is the default at each call"
            )
        if self.tag_changes:
            changes.append(
                "in a graph TensorFlow puts `while/` before the tag, or `cond/` for a condition in the loop; "
                "on the host the tag is what the code says"
            )
        elif self.tensor_tests or self.summary.conditional:
            changes.append(
                "if the condition is a tensor, the tag loses the `cond/` that TensorFlow puts before it in the graph"
            )
        return "; ".join(changes) or None

    @property
    def branches(self) -> list[ast.If]:
        """The conditions under which alone its values are made, or that stand before all that can be returned."""
        conditions = (block for block in self.contexts if isinstance(block, ast.If))
        return [block for block in conditions if block not in self.early or block in self.tensor_tests]

    @property
    def all_values(self) -> list[Value]:
        """The values that the function must return for it."""
        more = [
            self.record,
            self.default_step,
            *self.tensor_tests.values(),
            *(value for value, _ in self.loop_values.values()),
        ]
        more += [each.value for each in self.gathered.values()]
        return [*self.values.values(), *(value for value in more if value is not None)]


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body, those of functions and classes inside it left out."""
    todo = list(ast.iter_child_nodes(node))
    while todo:
        child = todo.pop()
        yield child
        if not isinstance(child, _SCOPES):
            todo.extend(ast.iter_child_nodes(child))


class TracedBody:
    """A traced function, with what must be known of it to take summaries out.

    Attributes:
        given_lists: parameters that its loops go over are known to be lists or dicts.
    """

    given_lists = False

    def __init__(self, module: Module, traced: Traced) -> None:
        self.module = module
        self.traced = traced
        self.function = traced.function
        self.scope: Scope = module.inner_scope(traced.function)
        self.taken: set[str] = set()  # names made up for values
        self.imports: list[AddImport] = []  # what the new code needs

    # The function. -----------------------------------------------------------------------------

    @cached_property
    def parameters(self) -> dict[str, ast.arg]:
        """The parameters by name, ``self`` among them."""
        args = self.function.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        return {arg.arg: arg for arg in every if arg is not None}

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the function's own body."""
        own = (own_nodes(s) if not isinstance(s, _SCOPES) else () for s in self.function.body)
        return [*self.function.body, *itertools.chain.from_iterable(own)]

    @cached_property
    def own(self) -> set[ast.AST]:
        """The same as a set."""
        return set(self.nodes)

    @cached_property
    def binding(self) -> ast.expr | None:
        """The ``staticmethod`` or ``classmethod`` that stands above all else on the function."""
        first = next(iter(self.function.decorator_list), None)
        return first if self.module.resolve(first) in {"builtins.staticmethod", "builtins.classmethod"} else None

    @cached_property
    def receiver(self) -> ast.arg | None:
        """The parameter that what a method is called on is given for."""
        if self.traced.owner is None or self.module.resolve(self.binding) == "builtins.staticmethod":
            return None
        return next(iter([*self.function.args.posonlyargs, *self.function.args.args]), None)

    @cached_property
    def exits(self) -> dict[Exit, ast.expr | None]:
        """What the function returns, in every place where it does; None where that is nothing."""
        found: dict[Exit, ast.expr | None] = {}
        for leaving in exits(self.function):
            value = leaving.value if leaving is not None else None
            found[leaving] = None if isinstance(value, ast.Constant) and value.value is None else value
        return found

    @cached_property
    def references(self) -> list[Reference]:
        """Every place in the project that names the function as its callers do."""
        traced = self.traced
        if traced.target is None:
            found = list(callers(self.module, self.function))
            if traced.decorator is None:
                return found
        else:
            method = isinstance(traced.target, ast.Attribute)
            named = references(self.module, traced.name, traced.target, method)
            found = [reference for reference in named if reference.node is not traced.wrapped]
        return [call for reference in found for call in followed(reference)]

    @cached_property
    def exported(self) -> bool:
        """Whether the function belongs to an object that TensorFlow may export with its functions."""
        return self.traced.owner is not None and is_trackable_class(self.module, self.traced.owner)

    @cached_property
    def keras(self) -> bool:
        """Whether the function is a method of a Keras class."""
        return self.traced.owner is not None and is_keras_class(self.module, self.traced.owner)

    @cached_property
    def exports(self) -> bool:
        """Whether the project exports objects with their traced functions."""
        project = self.module.project
        words = ("saved_model.save", ".export(", "signatures=")
        return any(word in self.module.text for word in words) or bool(project and project.mentioning(*words[:2]))

    def python_step(self, move: Move) -> bool:
        """Tell whether the callers pass a Python number as the step."""
        step = move.summary.step
        if not isinstance(step, ast.Name) or step.id not in self.parameters:
            return False
        given = [passed(self.function, r, self.parameters[step.id]) for r in self.references]
        return any(argument is not None and self._counts(argument) for argument in given)

    def _counts(self, node: ast.expr, module: Module | None = None) -> bool:
        """Tell whether an expression of a module is a Python number, such as the variable of a ``range`` loop."""
        module = module or self.module
        if isinstance(node, ast.Constant):
            return isinstance(node.value, int)
        if not isinstance(node, ast.Name):
            return False
        for binding in module.bindings(node) if node in module else ():
            statement = module.statement(binding.node)
            if isinstance(statement, ast.For) and statement in self.own:
                if (self.loop_targets(statement) or {}).get(node.id) == PYTHON:
                    return True
            elif isinstance(statement, ast.For) and isinstance(statement.iter, ast.Call):
                if module.resolve(statement.iter.func) in {"builtins.range", "builtins.enumerate"}:
                    return True
            elif isinstance(binding.value, ast.Constant) and isinstance(binding.value.value, int):
                return True
        return False

    def _retraced_for(self, parameter: ast.arg) -> bool:
        """Tell whether calls pass several numbers of Python for a parameter, or other constants."""
        given = [
            (each.module, passed(self.function, each, parameter) or default_of(self.function, parameter))
            for each in self.references
        ]
        constants = {ast.dump(value) for _, value in given if isinstance(value, ast.Constant)}
        return len(constants) > 1 or any(self._differs(module, value) for module, value in given)

    def _differs(self, module: Module, value: ast.expr | None) -> bool:
        """Tell whether an argument is a Python number that is another one in each call."""
        if isinstance(value, ast.BinOp):
            return self._differs(module, value.left) or self._differs(module, value.right)
        if isinstance(value, ast.Call):
            return module.resolve(value.func) in {"builtins.len", "builtins.int"}
        if isinstance(value, ast.Attribute):
            name = value.attr
            counted = {ast.unparse(each.target).rpartition(".")[2] for each in module.find_all(ast.AugAssign)}
            return name in counted and any(
                isinstance(each.value, ast.Constant) and isinstance(each.value.value, int)
                for each in module.find_all(ast.Assign)
                if any(isinstance(target, ast.Attribute) and target.attr == name for target in each.targets)
            )
        return isinstance(value, ast.Name) and self._counts(value, module)

    @cached_property
    def retracing_matters(self) -> bool:
        """Whether the function does something anew in each trace, and has more than one.

        A new trace starts the random operations in it again.
        """
        by_itself = self.traced.decorator is not None or self.traced.target is not None
        if not by_itself or not any(map(self._retraced_for, self.parameters.values())):
            return False
        module, project = self.module, self.module.project
        for node in module.find_all(ast.Call):
            name = module.resolve(node.func) or ""
            if name.startswith("keras.") and re.search("Dropout|Noise|Random", name):
                return True
            inside = module.function(node)
            if inside is not None and (name.startswith("tensorflow.random.") or name.endswith(".dropout")):
                return True
            if name == "builtins.print" and (inside is self.function or is_traced(module, node)):
                return True
        if project is not None and not self.imported.isdisjoint(project.mentioning("Dropout", "dropout")):
            return True
        return any(
            isinstance(node, ast.Call)
            and (other.resolve(node.func) or "").startswith(("tensorflow.random.", "builtins.print"))
            for other, function in called_from(module, self.function)
            if other is not module
            for node in ast.walk(function)
        )

    @cached_property
    def imported(self) -> set[str | None]:
        """The paths of the project's modules that this one imports from."""
        module, project = self.module, self.module.project
        bindings = itertools.chain.from_iterable(module.inner_scope(module.tree).bindings.values())
        names = [binding.imported for binding in bindings if binding.imported is not None]
        return {project.find(name, module.path)[0] for name in names} if project is not None else set()

    def check(self) -> None:
        """Refuse what can't be rewritten whatever the summary is."""
        self.check_definition(overridden=True)
        inside = set(self.nodes)
        for reference in self.references:
            if reference.call is None:
                raise RefusedError(FUNCTION_USED, self.used(reference))
            if reference.call in inside:
                raise RefusedError(RECURSIVE)

    def check_definition(self, *, overridden: bool = False) -> None:
        """Refuse a function that can't be rewritten whoever calls it.

        Args:
            overridden: other classes of its hierarchy may define the same method: it keeps its signature.
        """
        function, traced = self.function, self.traced
        if isinstance(function, ast.AsyncFunctionDef) or any(
            isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)) for node in self.nodes
        ):
            raise RefusedError(GENERATOR)
        others = [d for d in function.decorator_list if d is not traced.decorator and d is not self.binding]
        if others:
            raise RefusedError(
                DECORATOR,
                f"`@{self.module.source(others[0])}` stands on the function too, and may depend on what it returns",
            )
        if self.keras:
            self._check_keras()
        elif function.name.startswith("__") and function.name.endswith("__") and function.name != "__call__":
            raise RefusedError(FUNCTION_USED, f"`{function.name}` is called by Python itself, which can't be seen")
        if traced.wrapped is not None:
            self._check_wrapped(traced.wrapped)
        if self.overrides is not None and not overridden:
            raise RefusedError(
                OVERRIDDEN, f"`{self.overrides}` overrides it or is overridden by it, and a call may mean either"
            )

    @cached_property
    def layer_call(self) -> bool:
        """Whether the function is ``call`` of a Keras layer or model."""
        owner = self.traced.owner if self.function.name == "call" else None
        return owner is not None and any(name.startswith(_LAYERS) for name in ancestors(self.module, owner))

    def _check_keras(self) -> None:
        """Refuse a method of a Keras class that Keras calls itself."""
        owner, name = self.traced.owner, self.function.name
        assert owner is not None
        if self.layer_call:
            self._check_keras_call()
        elif name in _STEPS and (not self.references or Training(self.module, owner).runs):
            raise RefusedError(KERAS_METHOD)
        elif name in _KERAS_METHODS:
            raise RefusedError(
                KERAS_METHOD, f"Keras calls `{owner.name}.{name}` itself, and needs what it returns as it is"
            )

    def _check_keras_call(self) -> None:
        """Refuse a layer's ``call`` unless all that is done with what it returns is seen, for one tag of its own."""
        owner, lost = self.traced.owner, next((each for each in self.references if each.call is None), None)
        assert owner is not None
        if lost is not None:
            raise RefusedError(
                KERAS_CALL, f"{KERAS_CALL.sentence} (`{owner.name}` gets out of sight {self.where(lost)})"
            )
        host = next((each for each in self.references if not is_traced(each.module, each.node)), None)
        if host is not None:
            raise RefusedError(KERAS_CALL, f"{KERAS_CALL.sentence}, and host code calls it {self.where(host)} too")
        functions = [each.module.function(each.node) for each in self.references]
        several = len(set(functions)) < len(functions)
        if several or (functions and not made_once(self.module, owner)) or self._tag_elsewhere:
            raise RefusedError(
                KERAS_CALL,
                f"in the graph each object has tags of its own and each of its calls, which `{owner.name}` "
                "would share on the host with others",
            )
        given = [*self.module.attributes.get("get_layer", ()), *self.module.attributes.get("layers", ())]
        again = any(self.module.resolve(attribute) is None for attribute in given)
        if not functions or again or self.traced.decorator is not None:
            raise RefusedError(KERAS_CALL)

    @property
    def _tag_elsewhere(self) -> bool:
        """Whether a summary outside of the function has the tag of one in it."""
        tags: dict[bool, set[str]] = {True: set(), False: set()}
        for call in self.module.find_all(ast.Call):
            found = summary_at(self.module, call)
            if found is not None and found.tag is not None:
                tags[call in self.own].add(ast.dump(found.tag))
        return not tags[True].isdisjoint(tags[False])

    def _check_wrapped(self, wrapped: ast.expr) -> None:
        target = self.traced.target
        same = self.traced.name == self.function.name and isinstance(target, ast.Attribute) == (
            self.traced.owner is not None
        )
        uses = references(self.module, self.function.name, self.function, self.traced.owner is not None)
        if not same and any(reference.node is not wrapped for reference in uses):
            raise RefusedError(WRAPPED_SHARED)
        if isinstance(target, ast.Attribute) and len(self.references) != 1:
            raise RefusedError(WRAPPED_BOUND)
        if isinstance(target, ast.Name) and len(self.module.bindings(target)) != 1 + same:
            raise RefusedError(WRAPPED_SHARED, f"`{target.id}` is bound more than once")

    @cached_property
    def overrides(self) -> str | None:
        """The same method of another class in the hierarchy, an abstract one aside."""
        return next((name for name, declares in self._hierarchy if not declares), None)

    @cached_property
    def shared(self) -> bool:
        """Whether another class in the hierarchy has the method, so that a call may mean either."""
        return bool(self._hierarchy)

    @cached_property
    def _hierarchy(self) -> list[tuple[str, bool]]:
        """The same method of other classes in the hierarchy, and whether a base class just declares it."""
        owner, name = self.traced.owner, self.function.name
        if owner is None:
            return []
        identity = f"{self.module.id}.{self.module.qualname(owner)}"
        above = ancestors(self.module, owner)
        project = self.module.project
        paths = project.mentioning(name) if project is not None else []
        others = [m for path in paths if path != self.module.path and project and (m := project.module(path))]
        found = []
        for other in (self.module, *others):
            for klass in other.find_all(ast.ClassDef):
                definitions = (ast.FunctionDef, ast.AsyncFunctionDef)
                if klass is owner or not any(isinstance(s, definitions) and s.name == name for s in klass.body):
                    continue
                base = f"{other.id}.{other.qualname(klass)}" in above
                if base or identity in ancestors(other, klass):
                    found.append((f"{klass.name}.{name}", base and _only_declares(klass, name)))
        return found

    def used(self, reference: Reference) -> str:
        """Return in words how a function is used where it isn't called."""
        node, where, owner = reference.node, self.where(reference), self.traced.owner
        text = reference.module.source(node)
        if owner is not None and is_call(self.module, self.function):
            return f"`{text}`, which is called like a function, gets out of sight {where}"
        sure = owner is None or (isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self")
        return f"`{text}` {'is used' if sure else 'may be it, used'} as a value {where}"

    def where(self, reference: Reference) -> str:
        """Return the place of a reference in words."""
        place = f"on line {reference.node.lineno}"
        return place if reference.module is self.module else f"{place} of {reference.module.path}"

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
            loop = statement and self.module.enclosing(statement, ast.For, ast.While, *_SCOPES)
            if isinstance(loop, (ast.For, ast.While)):
                raise RefusedError(SEVERAL_RETURNS, f"the function returns from the loop on line {loop.lineno}")
        kinds = {kind for value in self.exits.values() if value is not None and (kind := self._structure(value))}
        if len(kinds) > 1:
            raise RefusedError(RETURNS_DIFFER)

    def _structure(self, value: ast.expr) -> str | None:
        """Return what a returned value is seen to be: so many values, or a dict of such keys."""
        if isinstance(value, ast.Tuple):
            starred = any(isinstance(element, ast.Starred) for element in value.elts)
            return None if starred else f"{len(value.elts)} values"
        if isinstance(value, ast.Dict):
            return f"a dict of {[ast.dump(key) if key else None for key in value.keys]}"
        definition = self._definition(value)
        if isinstance(definition, (ast.Tuple, ast.Dict)):
            return self._structure(definition) if definition is not value else None
        one = isinstance(definition, (ast.BinOp, ast.Constant)) or (
            isinstance(definition, ast.Call)
            and (self.module.resolve(definition.func) or "").startswith(("tensorflow.math.", "tensorflow.reduce_"))
        )
        return "one value" if one else None

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
            elif isinstance(around, _SCOPES):
                raise RefusedError(NESTED)
            elif isinstance(around, (ast.stmt, ast.match_case)):
                raise RefusedError(CONTEXT)
            child = around
        move.contexts.reverse()

    def loop_targets(self, loop: ast.For) -> Mapping[str, str] | None:
        """Return what each variable of a loop is; None where the loop isn't known to be one of Python."""
        return loop_targets(self.module, loop, self._is_local, lists=self.given_lists)

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
        for part in _names(loop.iter):
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
        for name in _names(node):
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
        for name in _names(writer):
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
        taken = {_plain(str(tag).partition("/")[0]) for tag in (*tags, *self.parameters, *named)} | self._op_names
        if len(same) > 1 or _plain(top) in taken or _plain(name) in {_plain(str(tag)) for tag in tags}:
            raise RefusedError(
                NAME_SCOPE, f"`{name}` is taken in the graph by another scope, layer, argument or operation"
            )

    @cached_property
    def _op_names(self) -> set[str]:
        """Names that TensorFlow may give to operations and layers of the function by itself."""
        called = (node.func for node in self.module.find_all(ast.Call))
        names = {
            _plain(func.attr.removeprefix("reduce_"))
            for func in called
            if isinstance(func, ast.Attribute)
            and (self.module.resolve(func) or "").startswith(("tensorflow.", "keras."))
        }
        return names | {
            "add", "addv2", "sub", "mul", "truediv", "floordiv", "mod", "pow", "neg", "cond", "while", "stridedslice",
            "stack", "range", "gradients", "gradienttape", "concat", "zeros", "ones", "mean", "sum", "max", "square",
            "const", "cast", "reshape", "model", "sequential", "identity",
        }  # fmt: skip

    def _record_if(self, move: Move, condition: ast.expr) -> None:
        names = [name for name in _names(condition) if self._is_local(name)]
        made_here = [name for name in names if name.id not in self.parameters or self._rebound(name.id)]
        functions = any(isinstance(b.node, _SCOPES) for name in names for b in self.scope.bindings[name.id])
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
        names = _names(block.test)
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
        local = any(self._is_local(n) and (n.id not in self.parameters or self._rebound(n.id)) for n in _names(test))
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

    def _before_branch(self, move: Move, node: ast.expr, block: ast.If) -> None:
        """Refuse an expression that can't be computed before a condition instead of under it."""
        for name in _names(node):
            own = self._is_local(name) and name.id not in move.targets
            stores = self.scope.bindings.get(name.id, ()) if own else ()
            if any(getattr(b.node, "lineno", 0) >= block.lineno for b in stores):
                raise RefusedError(BRANCH, f"`{name.id}` is made in one branch only")
        for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
            resolved = self.module.resolve(call.func) or ""
            if not self._harmless(call) or resolved.startswith("tensorflow.random"):
                raise RefusedError(BRANCH, f"`{self.module.source(call)}` is called in one branch only")
        between = (n for n in self.nodes if start(block.body[0]) <= start(n) < start(move.summary.statement))
        if any(isinstance(n, ast.Call) and not self._harmless(n) for n in between):
            raise RefusedError(BRANCH, "the branch may change what the summary records before it stands")

    def _python(self, test: ast.expr) -> None:
        """Refuse a condition that isn't known to be one of Python."""
        if isinstance(test, ast.BoolOp):
            for part in test.values:
                self._python(part)
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            self._python(test.operand)
        elif isinstance(test, ast.Compare) and all(isinstance(op, (ast.Is, ast.IsNot)) for op in test.ops):
            pass
        elif isinstance(test, ast.Compare):
            for part in (test.left, *test.comparators):
                self._python(part)
        elif not self.is_python(test) and not self._counts(test):
            tensor = any(self._is_local(name) and name.id not in self.parameters for name in _names(test)) or any(
                isinstance(n, ast.Call) and (self.module.resolve(n.func) or "").startswith("tensorflow.")
                for n in ast.walk(test)
            )
            raise RefusedError(TENSOR_CONDITION if tensor else CONDITION)

    def is_python_test(self, test: ast.expr) -> bool:
        """Tell whether a condition is known to be one of Python."""
        try:
            self._python(test)
        except RefusedError:
            return False
        return True

    def is_python(self, node: ast.expr, depth: int = 0) -> bool:
        """Tell whether an expression is known to be a Python value, and not a tensor."""
        module = self.module
        if isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.Call):
            name = module.resolve(node.func) or ""
            return name in {
                "builtins.isinstance",
                "builtins.hasattr",
                "builtins.len",
                "builtins.int",
                "builtins.bool",
            }
        if depth > 4:
            return False
        if isinstance(node, (ast.Compare, ast.BinOp, ast.BoolOp, ast.UnaryOp)):
            parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
            return all(self.is_python(part, depth + 1) or self._counts(part) for part in parts)
        if isinstance(node, ast.Name):
            bindings = module.bindings(node)
            if bindings and all(isinstance(b.node, ast.arg) for b in bindings):
                return self._python_parameter(bindings[0].node, depth)  # type: ignore[arg-type]
            return bool(bindings) and all(b.value is not None and self.is_python(b.value, depth + 1) for b in bindings)
        if isinstance(node, ast.Attribute):
            if (module.resolve(node.value) or "").endswith("flags.FLAGS"):
                return True
            values = list(self._attribute_values(node))
            return bool(values) and all(self.is_python(value, depth + 1) for value in values)
        return False

    def _python_parameter(self, parameter: ast.arg, depth: int) -> bool:
        function = self.module.function(parameter)
        if function is None:
            return False
        given = self.given(parameter)
        known = [self.is_python(each, depth + 1) or self._counts(each) for each in given if each is not None]
        if not all(known):
            return False
        annotation = parameter.annotation
        if isinstance(annotation, ast.Name) and annotation.id in {"bool", "int", "str"}:
            return True
        default = default_of(function, parameter)
        plain = isinstance(default, ast.Constant) and isinstance(default.value, (bool, str))
        return plain or (bool(known) and len(known) == len(given))

    def _attribute_values(self, node: ast.Attribute) -> Iterator[ast.expr]:
        """Yield what a class assigns to ``self.name``."""
        owner = self.module.enclosing(node, ast.ClassDef)
        if not (isinstance(node.value, ast.Name) and node.value.id == "self" and owner is not None):
            return
        classes = [
            owner,
            *(self.module.definition(b.removeprefix(f"{self.module.id}.")) for b in ancestors(self.module, owner)),
        ]
        for child in itertools.chain.from_iterable(ast.walk(klass) for klass in classes if klass is not None):
            targets = (
                child.targets
                if isinstance(child, ast.Assign)
                else [child.target]
                if isinstance(child, (ast.AnnAssign, ast.AugAssign))
                else []
            )
            for target in targets:
                if (
                    isinstance(target, ast.Attribute)
                    and target.attr == node.attr
                    and isinstance(target.value, ast.Name)
                    and target.value.id == "self"
                ):
                    value = getattr(child, "value", None)
                    if isinstance(value, ast.expr):
                        yield value

    # Expressions that the host evaluates. --------------------------------------------------------

    def _is_local(self, name: ast.Name) -> bool:
        return self.module.scope(name).lookup(name.id) is self.scope

    def _rebound(self, name: str) -> bool:
        return len(self.scope.bindings.get(name, ())) > 1

    def inline(self, move: Move, node: ast.expr) -> ast.expr:
        """Return what a local alias (``step = self.global_step``) stands for, or the expression itself."""
        if isinstance(node, ast.Name) and self._is_local(node) and node.id not in self.parameters:
            bindings = self.scope.bindings[node.id]
            value = bindings[0].value
            if len(bindings) == 1 and isinstance(value, (ast.Name, ast.Attribute, ast.Constant)):
                inner = self.inline(move, value)
                if not any(self._is_local(n) and n.id not in self.parameters for n in _names(inner)):
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
        for name in _names(node):
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
                or (method in _PURE_METHODS and not resolved)
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

    def _changes(self, scope: Scope, name: str) -> bool:
        """Tell whether a name of a scope around the function is bound more than once, or in a loop."""
        bindings = scope.bindings.get(name, ())
        if len(bindings) > 1:
            return any(b.imported is None for b in bindings)
        return any(
            isinstance(around, (ast.For, ast.While))
            for b in bindings
            if b.imported is None and not isinstance(b.node, ast.arg)
            for around in self.module.ancestors(b.node)
            if self.module.scope(around) is scope
        )

    def _attribute_changes(self, owner: ast.ClassDef, node: ast.Attribute) -> bool:
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            return False
        stores = [
            child for child in ast.walk(owner)
            if isinstance(child, ast.Attribute) and child.attr == node.attr and not isinstance(child.ctx, ast.Load)
        ]  # fmt: skip
        return any((f := self.module.function(store)) is None or f.name != "__init__" for store in stores)

    # Values that the function returns. ------------------------------------------------------------

    def _data(self, move: Move, node: ast.expr) -> None:
        if isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)):
            return
        self._check_data(node)
        if any(name.id in move.targets for name in _names(node)):
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

    def _check_data(self, node: ast.expr) -> None:
        kinds = (ast.Lambda, ast.Yield, ast.Await, ast.NamedExpr, ast.Starred)
        if any(isinstance(child, kinds) for child in ast.walk(node)):
            raise RefusedError(ARGUMENT)

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

    def _dedented(self, node: ast.expr, statement: ast.stmt) -> str:
        """Return an expression's source as it reads at the start of a line of its own."""
        source = self.module.source(node)
        first, *rest = source.split("\n")
        if not rest or '"""' in source or "'''" in source:
            return source
        line = self.module.lines[node.lineno - 1]
        own = len(line) - len(line.lstrip())
        indent = own if own == node.col_offset else statement.col_offset
        return "\n".join([first, *(line[min(indent, len(line) - len(line.lstrip())) :] for line in rest)])

    def _stable(self, move: Move, node: ast.Name, conditional: bool, outer: ast.If | None = None) -> bool:
        """Tell whether a name has, at the end of the function, the value that it has at the summary."""
        if not self._is_local(node) or self._filled(node.id, start(move.summary.statement)):
            return False
        if node.id in self.parameters:
            return not self._rebound(node.id)
        stores = self.scope.bindings[node.id]
        if any(start(b.node) >= start(move.summary.statement) for b in stores):
            return False
        if not conditional:
            return True
        if outer is None:
            outer = move.branches[0]
        return any(
            getattr(b.node, "lineno", 0) < outer.lineno
            and not any(isinstance(a, (ast.If, ast.For, ast.While, ast.Try)) for a in self._between(b.node))
            for b in stores
        ) and all(getattr(b.node, "lineno", 0) < outer.lineno for b in stores)

    def _filled(self, name: str, behind: tuple[int, int] = (0, 0)) -> bool:
        """Tell whether the function changes what a list or a dict holds, behind a place."""
        for node in self.nodes:
            changed = None
            if (isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)) or (
                isinstance(node, ast.Attribute) and node.attr in MUTATORS
            ):
                changed = node.value
            if isinstance(changed, ast.Name) and changed.id == name and start(changed) > behind:
                return True
        return False

    def _copied(self, name: ast.Name) -> str:
        """Return the code of a copy of what a name holds at the summary: of a tensor, a list or a dict."""
        values = [binding.value for binding in self.module.bindings(name)]
        if any(isinstance(value, (ast.Dict, ast.DictComp)) for value in values):
            return f"dict({name.id})"
        if any(isinstance(value, (ast.List, ast.ListComp)) for value in values):
            return f"list({name.id})"
        if self._filled(name.id):
            raise RefusedError(ARGUMENT, f"the function changes what `{name.id}` holds")
        return f"{self.tensorflow}.identity({name.id})"

    def _settled(self, move: Move) -> bool:
        """Tell whether the function returns from the branch of a summary, so that no other run has its values."""
        statement = move.summary.statement
        return (
            not move.tensor_tests
            and move.loop is None
            and all(made(self.module, self.function, statement, leaving) is not Made.PERHAPS for leaving in self.exits)
        )

    def _between(self, node: ast.AST) -> Iterator[ast.AST]:
        for around in self.module.ancestors(node):
            if around is self.function:
                return
            yield around

    def may_be_variable(self, node: ast.expr, depth: int = 0, *, strict: bool = False) -> bool | None:
        """Tell whether an expression is a ``tf.Variable``; None where that isn't known.

        Args:
            node: the expression.
            depth: how many names were followed.
            strict: what a function of the project returns may be one.
        """
        module = self.module
        if self._is_assigned(node):
            return True
        if isinstance(node, ast.Attribute):
            if node.attr == "iterations":
                return True
            values = list(self._attribute_values(node))
            known = {self.may_be_variable(v, depth + 1, strict=strict) for v in values} if depth < 4 else set()
            return next(iter(known)) if len(known) == 1 else None
        if isinstance(node, ast.Call):
            name = module.resolve(node.func)
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in _VARIABLES or method in {"add_weight", "add_variable"}:
                return True
            if name == "tensorflow.cast" and node.args and self.may_be_variable(node.args[0], depth) is not False:
                return None  # to its own type a variable is not cast, and not read
            return False if not strict or (name or "").startswith(("tensorflow.", "builtins.", "numpy.")) else None
        if isinstance(node, ast.Name):
            if depth > 4:
                return None
            bindings = module.bindings(node)
            if bindings and all(isinstance(b.node, ast.arg) for b in bindings):
                return self._variable_parameter(module, bindings[0].node, depth, strict=strict)
            found = set()
            for b in bindings:
                statement = module.statement(b.node)
                if isinstance(statement, ast.AugAssign) or b.value is None:
                    # ``x += y`` and the targets of loops and unpackings: what comes out is a tensor or a number.
                    loops = isinstance(statement, (ast.For, ast.AsyncFor))
                    found.add(None if (self._is_local(node) if loops else strict) else False)
                else:
                    found.add(self.may_be_variable(b.value, depth + 1, strict=strict))
            return next(iter(found)) if len(found) == 1 else (False if found <= {False} and found else None)
        if isinstance(node, ast.Subscript):
            return False if is_local_result(node) else None
        return None if isinstance(node, ast.IfExp) else False

    def _is_assigned(self, node: ast.expr) -> bool:
        """Tell whether the module calls ``assign`` or its like of what an expression means."""
        if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            return False
        text = ast.unparse(node)
        scope = self.module.scope(node).lookup(node.id) if isinstance(node, ast.Name) else None
        for method in ("assign", "assign_add", "assign_sub"):
            for attribute in self.module.attributes.get(method, ()):
                owner = attribute.value
                if ast.unparse(owner) == text and (
                    not isinstance(owner, ast.Name) or self.module.scope(owner).lookup(owner.id) is scope
                ):
                    return True
        return False

    def _variable_parameter(
        self, module: Module, parameter: ast.AST, depth: int, *, strict: bool = False
    ) -> bool | None:
        """Tell whether callers pass a variable for a parameter, as far as they can be seen."""
        if not isinstance(parameter, ast.arg) or depth > 3 or module is not self.module:
            return None
        given = self.given(parameter)
        found = {None if each is None else self.may_be_variable(each, depth + 1, strict=strict) for each in given}
        if True in found:
            return True
        return False if found == {False} else None

    def given(self, parameter: ast.arg) -> list[ast.expr | None]:
        """Return what each call gives for a parameter, its default where it gives nothing; None out of sight."""
        module, function = self.module, self.module.function(parameter)
        if function is None:
            return []
        owner = module.parent(function)
        made = function.name == "__init__" and isinstance(owner, ast.ClassDef)
        named = owner if made and isinstance(owner, ast.ClassDef) else function
        method = isinstance(module.parent(named), ast.ClassDef)
        found = self.references if function is self.function else references(module, named.name, named, method)
        default = default_of(function, parameter)
        values: list[ast.expr | None] = []
        for reference in found:
            call = reference.call if reference.module is module else None
            value = passed(function, reference, parameter) if call is not None else None
            unpacked = call is not None and (
                any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords)
            )
            values.append(default if value is None and call is not None and not unpacked else value)
        return values

    def effects_after(self, statement: ast.stmt) -> bool:
        """Tell whether code after a statement may change a variable."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and start(node) >= end(statement) and not self._harmless(node):
                return True
        return False

    def _harmless(self, call: ast.Call) -> bool:
        """Tell whether a call changes no variable."""
        name = self.module.resolve(call.func)
        given = [*call.args, *(each.value for each in call.keywords)]
        if any(self._is_function(each) for argument in given for each in elements(argument)):
            return False
        if name is not None:
            return name.startswith(_HARMLESS) and not name.startswith(_CHANGING)
        return isinstance(call.func, ast.Attribute) and (
            call.func.attr in _HARMLESS_METHODS
            or (call.func.attr == "reduce" and seems_strategy(self.module, call.func.value))
        )

    def _is_function(self, node: ast.expr) -> bool:
        """Tell whether an expression is a function of the project's own, which whoever is given it may call."""
        if isinstance(node, ast.Lambda):
            return True
        if isinstance(node, ast.Attribute):
            owner = self.module.enclosing(node, ast.ClassDef)
            return owner is not None and any(
                isinstance(s, ast.FunctionDef) and s.name == node.attr and not s.decorator_list for s in owner.body
            )
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        return isinstance(node, ast.Name) and any(isinstance(b.node, functions) for b in self.module.bindings(node))

    def _changing(self, move: Move, node: ast.expr) -> None:
        """Refuse a host expression whose value the function may change after the summary."""
        if self.effects_after(move.summary.statement) and self._varies(node):
            raise RefusedError(
                STEP, f"`{self.module.source(node)}` depends on what the function may change after the summary"
            )

    def _varies(self, node: ast.expr) -> bool:
        """Tell whether an expression, or the function that it names, may read a variable."""
        called = [b.node for b in self.module.bindings(node)] if isinstance(node, ast.Name) else []
        return any(
            self.may_be_variable(part) is not False
            for whole in (node, *(function for function in called if isinstance(function, ast.FunctionDef)))
            for part in ast.walk(whole)
            if isinstance(part, (ast.Name, ast.Attribute))
            and not isinstance(self.module.parent(part), ast.Attribute)
            and not (self.module.resolve(part) or "").startswith(("tensorflow.", "builtins."))
            and not self.is_python(part)
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
        names = _names(expression)
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

    def _outermost(self, node: ast.AST) -> bool:
        """Tell whether an expression is no part of an attribute or an item that is taken from it."""
        around = self.module.parent(node)
        return not (isinstance(around, (ast.Attribute, ast.Subscript)) and around.value is node)

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

    def _definition(self, node: ast.expr, depth: int = 0) -> ast.expr:
        """Return the expression that made a value, where one certainly did."""
        if isinstance(node, ast.Subscript) and is_local_result(node):
            assert isinstance(node.value, ast.Call)
            return self._definition(node.value.args[0], depth)
        bindings = self.module.bindings(node) if isinstance(node, ast.Name) and depth < 8 else []
        if len(bindings) != 1:
            return node
        value = bindings[0].value or returned_part(self.module, bindings[0].node)
        return self._definition(value, depth + 1) if value is not None else node

    def _is_int64(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Call):
            return False
        name = self.module.resolve(node.func)
        arguments = [*node.args, *(k.value for k in node.keywords)]
        wide = any(self.module.resolve(a) == "tensorflow.int64" for a in arguments)
        if isinstance(node.func, ast.Attribute) and node.func.attr in {
            "assign_add",
            "assign",
            "read_value",
            "value",
        }:
            return self.may_be_variable(node.func.value) is True
        if name == "tensorflow.identity" and node.args:
            return self.may_be_variable(node.args[0]) is True
        return wide and name in {"tensorflow.cast", "tensorflow.constant", "tensorflow.convert_to_tensor"}

    @cached_property
    def _default_steps(self) -> list[ast.expr]:
        """What the project's module gives as the default step, outside the function."""
        module = self.module
        values = []
        for call in module.find_all(ast.Call):
            if call in self.own:
                continue
            if module.resolve(call.func) == _SET_STEP:
                values += call.args[:1]
            elif isinstance(call.func, ast.Attribute) and call.func.attr == "as_default":
                values += [*call.args[:1], *(k.value for k in call.keywords if k.arg == "step")]
        return values

    def _default_step(self, move: Move) -> None:
        """Keep the default step, as it was where the summary stood."""
        module = self.module
        if any(isinstance(node, ast.Call) and module.resolve(node.func) == _SET_STEP for node in self.nodes):
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

    def _changed_between(self, one: ast.stmt, other: ast.stmt, code: str | None = None) -> bool:
        """Tell whether code between two statements may change a variable or bind a name, or one of some code's."""
        words = None if code is None else re.findall(r"\w+", code)
        for node in self.nodes:
            behind = start(node) >= end(one) or getattr(node, "lineno", 0) > one.lineno
            if (
                behind
                and start(node) < start(other)
                and (
                    (isinstance(node, ast.Call) and not self._harmless(node))
                    or (
                        isinstance(node, ast.Name)
                        and not isinstance(node.ctx, ast.Load)
                        and (words is None or node.id in words)
                    )
                )
            ):
                return True
        return False

    @cached_property
    def _used_names(self) -> set[str]:
        return {name for scope in (self.scope, self.scope.root) for name in (*scope.bindings, *scope.uses)}

    def fresh(self, base: str) -> str:
        """Return a name that nothing in the function or its module uses, made from a base."""
        base = re.sub(r"\W+", "_", base).strip("_").lower() or "value"
        if base[0].isdigit() or keyword.iskeyword(base) or hasattr(builtins, base):
            base = f"value_{base}"
        name, number = base, 2
        while not self._free(name):
            name = f"{base}_{number}" if number > 2 or name != base else f"{base}_value"
            number += name != f"{base}_value"
        self.taken.add(name)
        return name

    def _free(self, name: str) -> bool:
        return name not in self._used_names and name not in self.taken

    def _base_name(self, move: Move, node: ast.expr) -> str:
        tag = move.summary.tag
        if isinstance(tag, ast.Constant) and isinstance(tag.value, str):
            return tag.value.rpartition("/")[2] or tag.value
        if isinstance(node, ast.Attribute):
            return node.attr
        if isinstance(node, ast.Call):
            return ast.unparse(node.func).rpartition(".")[2]
        return move.summary.kind

    @cached_property
    def tensorflow(self) -> str:
        """The file's name for TensorFlow."""
        for node in self.module.find_all(ast.Name):
            if self.module.resolve(node) == "tensorflow":
                return node.id
        if not self._free("tf"):
            raise RefusedError(NAMES, "the file has no name for TensorFlow itself, and `tf` is something else there")
        self.imports.append(AddImport("tensorflow as tf"))
        return "tf"


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


def _plain(name: str) -> str:
    """Return a name as TensorFlow compares it when it numbers names, underscores aside."""
    return re.sub(r"[^A-Za-z0-9./-]", "", name).lower()


def _only_declares(klass: ast.ClassDef, name: str) -> bool:
    """Tell whether a class's method is an abstract one, which does nothing."""
    for statement in klass.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name == name:
            return all(
                isinstance(part, (ast.Pass, ast.Raise))
                or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
                for part in statement.body
            )
    return False


def is_local_result(node: ast.Subscript) -> bool:
    """Tell whether an expression is ``strategy.experimental_local_results(value)[0]``."""
    call = node.value
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "experimental_local_results"
        and len(call.args) == 1
        and isinstance(node.slice, ast.Constant)
    )


def elements(node: ast.expr) -> Iterator[ast.expr]:
    """Yield an expression, or what a list, tuple or dict of several holds."""
    if isinstance(node, (ast.List, ast.Tuple)):
        for element in node.elts:
            yield from elements(element)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from elements(value)
    else:
        yield node


def _names(node: ast.AST) -> list[ast.Name]:
    return [child for child in ast.walk(node) if isinstance(child, ast.Name)]
