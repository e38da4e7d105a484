"""What is known of a traced function: who calls it, what it returns, which values it changes."""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import re
from collections.abc import Iterator, Mapping
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
from codemods.engine.codemod import AddImport
from codemods.summaries.fitting import Training
from codemods.summaries.loops import PYTHON, loop_targets
from codemods.summaries.moves import Move, RefusedError
from codemods.summaries.ops import summary_at
from codemods.summaries.refusals import (
    ARGUMENT,
    BRANCH,
    CONDITION,
    DECORATOR,
    FUNCTION_USED,
    GENERATOR,
    KERAS_CALL,
    KERAS_METHOD,
    NAMES,
    OVERRIDDEN,
    RECURSIVE,
    TENSOR_CONDITION,
    WRAPPED_BOUND,
    WRAPPED_SHARED,
)
from codemods.summaries.returns import Exit, Made, exits, made

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
SET_STEP = "tensorflow.summary.experimental.set_step"
PURE_METHODS = frozenset({"format", "join", "lower", "upper", "replace", "strip", "title", "split"})
_HARMLESS_METHODS = PURE_METHODS | {
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


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body, those of functions and classes inside it left out."""
    todo = list(ast.iter_child_nodes(node))
    while todo:
        child = todo.pop()
        yield child
        if not isinstance(child, SCOPES):
            todo.extend(ast.iter_child_nodes(child))


class TracedFunction:
    """A traced function: who calls it, what it returns, which values it changes.

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
        own = (own_nodes(s) if not isinstance(s, SCOPES) else () for s in self.function.body)
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

    def loop_targets(self, loop: ast.For) -> Mapping[str, str] | None:
        """Return what each variable of a loop is; None where the loop isn't known to be one of Python."""
        return loop_targets(self.module, loop, self._is_local, lists=self.given_lists)

    @cached_property
    def _op_names(self) -> set[str]:
        """Names that TensorFlow may give to operations and layers of the function by itself."""
        called = (node.func for node in self.module.find_all(ast.Call))
        names = {
            plain(func.attr.removeprefix("reduce_"))
            for func in called
            if isinstance(func, ast.Attribute)
            and (self.module.resolve(func) or "").startswith(("tensorflow.", "keras."))
        }
        return names | {
            "add", "addv2", "sub", "mul", "truediv", "floordiv", "mod", "pow", "neg", "cond", "while", "stridedslice",
            "stack", "range", "gradients", "gradienttape", "concat", "zeros", "ones", "mean", "sum", "max", "square",
            "const", "cast", "reshape", "model", "sequential", "identity",
        }  # fmt: skip

    def _before_branch(self, move: Move, node: ast.expr, block: ast.If) -> None:
        """Refuse an expression that can't be computed before a condition instead of under it."""
        for name in names_in(node):
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
            tensor = any(self._is_local(name) and name.id not in self.parameters for name in names_in(test)) or any(
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

    def _check_data(self, node: ast.expr) -> None:
        kinds = (ast.Lambda, ast.Yield, ast.Await, ast.NamedExpr, ast.Starred)
        if any(isinstance(child, kinds) for child in ast.walk(node)):
            raise RefusedError(ARGUMENT)

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

    def _outermost(self, node: ast.AST) -> bool:
        """Tell whether an expression is no part of an attribute or an item that is taken from it."""
        around = self.module.parent(node)
        return not (isinstance(around, (ast.Attribute, ast.Subscript)) and around.value is node)

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
            if module.resolve(call.func) == SET_STEP:
                values += call.args[:1]
            elif isinstance(call.func, ast.Attribute) and call.func.attr == "as_default":
                values += [*call.args[:1], *(k.value for k in call.keywords if k.arg == "step")]
        return values

    # Names. ------------------------------------------------------------------------------------

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


def plain(name: str) -> str:
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


def names_in(node: ast.AST) -> list[ast.Name]:
    """Return the names that stand in some code."""
    return [child for child in ast.walk(node) if isinstance(child, ast.Name)]
