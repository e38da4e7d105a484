"""Which calls of ``fit`` train a Keras model, and what they are given as callbacks.

https://www.tensorflow.org/api_docs/python/tf/keras/Model#fit
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from codemods.analysis.in_reach import Reach, is_model
from codemods.analysis.keras_models import KerasModels
from codemods.analysis.keras_objects import KerasObjects
from codemods.analysis.module import Module
from codemods.analysis.places import Frame, frame
from codemods.analysis.shapes import Shapes, definition
from codemods.analysis.values import Value

# Each method with the position of its callbacks.
_METHODS = {"fit": 5, "fit_generator": 4}
# What few others but a Keras model are given.
_OPTIONS = frozenset({
    "epochs", "steps_per_epoch", "initial_epoch", "validation_data", "validation_split", "validation_steps",
    "validation_freq", "callbacks",
})  # fmt: skip
_DEPTH = 8


@dataclass(frozen=True, eq=False)
class Fit:
    """One call of a model's ``fit``.

    Attributes:
        call: the call.
        sure: the model is known to be one of Keras; otherwise it may be one.
        callbacks: what it is given as callbacks.
        hidden: its callbacks may be among what is unpacked into its arguments.
    """

    call: ast.Call
    sure: bool
    callbacks: ast.expr | None
    hidden: bool

    @property
    def alike(self) -> bool:
        """Whether it looks like the ``fit`` of a Keras model, if it isn't known to be."""
        return self.sure or any(keyword.arg in _OPTIONS for keyword in self.call.keywords)

    @property
    def validates(self) -> bool:
        """Whether it may be given data for validation."""
        words = {"validation_data", "validation_split", None}
        return len(self.call.args) > _METHODS["fit"] or any(keyword.arg in words for keyword in self.call.keywords)


class Fits:
    """Finds the calls of ``fit`` of a module."""

    def __init__(self, module: Module, shapes: Shapes) -> None:
        """Remember the module; nothing is looked at yet."""
        self.module = module
        self.shapes = shapes
        self._models: dict[Frame, list[ast.expr]] = {}

    @staticmethod
    def calls(module: Module) -> list[ast.Call]:
        """Return the calls of all methods that are called as Keras calls its own."""
        parents = [module.parent(node) for name in _METHODS for node in module.attributes.get(name, ())]
        calls = [one for one in parents if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
        return [call for call in calls if call.func.attr in _METHODS]  # type: ignore[attr-defined]

    def all(self) -> list[Fit]:
        """Return the calls that train a Keras model, or may do so, in the order of the source."""
        found = []
        for call in self.calls(self.module):
            assert isinstance(call.func, ast.Attribute)
            sure = self._is_model(call.func.value)
            if sure is not None:
                found.append(Fit(call, sure, self._callbacks(call), self._hides(call)))
        return sorted(found, key=lambda fit: (fit.call.lineno, fit.call.col_offset))

    def _is_model(self, node: ast.expr) -> bool | None:
        """Tell whether an object is a Keras model with Keras' ``fit``; None if it is known to be something else."""
        value = self.shapes.value(node)
        if is_model(value):
            return not _has_own_fit(value)
        if value.kind not in ("unknown", "bottom", "none") and not any(map(is_model, _each(value))):
            return None
        here = frame(self.module, node)
        if here not in self._models:
            models = Reach(self.module, self.shapes, here).models()
            self._models[here] = [place for named in models if not _has_own_fit(named.value) for place in named.places]
        if node in self._models[here] or self._comes_from_model(node):
            return True
        return None if self._is_foreign(node) else False

    def _comes_from_model(self, node: ast.expr) -> bool:
        """Tell whether all that an object may come from, in other modules too, makes a Keras model."""
        if self.module.project is None:
            return False
        origins = KerasModels(KerasObjects(self.module.project)).origins(self.module, node)
        made = [(one.module, one.node.func) for one in origins if isinstance(one.node, ast.Call)]
        return bool(origins) and not any(_defines_fit(where, where.resolve(function)) for where, function in made)

    def _is_foreign(self, node: ast.expr) -> bool:
        """Tell whether an object is one of another library, or a library itself."""
        if isinstance(node, ast.Name):
            values = [binding.value for binding in self.module.bindings(node)]
            if values and all(isinstance(value, ast.Call) and self._is_foreign(value) for value in values):
                return True
        name = self.module.resolve(node.func if isinstance(node, ast.Call) else node)
        library = name is not None and not name.startswith(("keras.", "tensorflow."))
        return library and definition(self.module, name) is None

    def _callbacks(self, call: ast.Call) -> ast.expr | None:
        assert isinstance(call.func, ast.Attribute)
        place = _METHODS[call.func.attr]
        named = [keyword.value for keyword in call.keywords if keyword.arg == "callbacks"]
        return named[0] if named else call.args[place] if len(call.args) > place else None

    def _hides(self, call: ast.Call) -> bool:
        for keyword in call.keywords:
            if keyword.arg is None:
                given = self.shapes.value(keyword.value)
                if given.kind != "dict" or given.element is not None or "callbacks" in dict(given.items):
                    return True
        starred = [argument.value for argument in call.args if isinstance(argument, ast.Starred)]
        found = list(map(self.shapes.value, starred))
        assert isinstance(call.func, ast.Attribute)
        length = len(call.args) - len(starred) + sum(len(value.items) for value in found)
        unseen = any(value.kind != "tuple" or value.element for value in found)
        return bool(starred) and (unseen or length > _METHODS[call.func.attr])


def _each(value: Value) -> list[Value]:
    """Return the objects that one may be, each by itself."""
    return [replace(value, instances=(instance,)) for instance in value.instances]


def _has_own_fit(value: Value) -> bool:
    """Tell whether the class of a model, or one that it is derived from, defines a ``fit`` of its own."""
    return any(_defines_fit(instance.module, instance.name) for instance in value.instances)


def _defines_fit(module: Module, name: str | None, depth: int = 0) -> bool:
    found = definition(module, name)
    if found is None or depth > _DEPTH:
        return False
    where, node = found
    if not isinstance(node, ast.ClassDef):
        return False
    defined = {part.name for part in node.body if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef))}
    return bool(defined & set(_METHODS)) or any(_defines_fit(where, where.resolve(b), depth + 1) for b in node.bases)
