"""Which classes of a project are saved, cloned, or asked for their configuration."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from codemods.analysis.keras_models import KerasModels
from codemods.analysis.keras_objects import Contents, Form, KerasObject, KerasObjects, Kind
from codemods.analysis.module import Module
from codemods.configs.classes import KerasClass, Place, place_of

_ASKING = ("get_config", "clone_model", "serialize_keras_object", "serialize")


@dataclass
class Saved:
    """What a project saves.

    Attributes:
        forms: the forms in which objects are saved that the constructor of a class makes.
        below: the forms in which objects are saved whose constructors hand the constructor of a class the
            arguments that Keras gives back.
    """

    forms: dict[Place, frozenset[Form]] = field(default_factory=dict)
    below: dict[Place, frozenset[Form]] = field(default_factory=dict)

    def of(self, place: Place) -> tuple[frozenset[Form], frozenset[Form]]:
        """Return both for a class."""
        return self.forms.get(place, frozenset()), self.below.get(place, frozenset())


def saved(objects: KerasObjects, here: Module) -> Saved:
    """Return what a project saves.

    Args:
        objects: the project's objects.
        here: one of its modules.
    """
    kinds: dict[KerasObject, frozenset[Form]] = {}
    for contents, form in _kept(objects, here):
        for found in [*contents.structure, *contents.training]:
            kinds[found] = kinds.get(found, frozenset()) | {form}
    result = Saved()
    for found, forms in kinds.items():
        if found.kind is Kind.FUNCTION:
            continue
        klass = KerasClass(objects, found)
        for owner in _makers(klass):
            result.forms[owner] = result.forms.get(owner, frozenset()) | forms
        for owner in _handed(klass):
            result.below[owner] = result.below.get(owner, frozenset()) | forms
    return result


def _kept(objects: KerasObjects, here: Module) -> Iterator[tuple[Contents, Form]]:
    models = KerasModels(objects)
    for save in objects.saves(here):
        # What has a method ``save`` may as well be an image or a checkpoint.
        plain = save.model is None or save.form in {Form.KERAS, Form.H5}
        if plain or (save.model is not None and models.origins(save.module, save.model)):
            yield save.contents, save.form
    for module in objects.modules(here, *_ASKING):
        for call in module.find_all(ast.Call):
            yield from ((contents, Form.JSON) for contents in _asked(objects, models, module, call))


def _asked(objects: KerasObjects, models: KerasModels, module: Module, call: ast.Call) -> Iterator[Contents]:
    """Yield what a call clones, or asks for its configuration."""
    last = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    around = module.function(call)
    if last not in _ASKING or (around is not None and around.name in {"get_config", "from_config"}):
        return
    name = module.resolve(call.func)
    if name is not None and name.startswith("keras.") and call.args:
        yield objects.contents(module, call.args[0])
    elif name is None and last == "get_config" and isinstance(call.func, ast.Attribute):
        instance = objects.instance(module, call.func.value)
        found = objects.object(*instance) if instance is not None else None
        if found is not None:
            yield Contents({found: None})  # what it holds is its own affair
        elif models.origins(module, call.func.value):
            yield objects.contents(module, call.func.value)


def _makers(klass: KerasClass) -> Iterator[Place]:
    """Yield the class, and the one whose constructor it inherits."""
    yield place_of(klass.module, klass.node)
    constructor = klass.constructor
    if constructor is not None and constructor.owner is not klass.node:
        yield place_of(constructor.module, constructor.owner)


def _handed(klass: KerasClass) -> Iterator[Place]:
    """Yield the classes above, as far up as what Keras gives back is handed, or will be."""
    constructor = klass.constructor
    if klass.config is not None and not klass.config.inherits:
        return
    while constructor is not None and (constructor.kwargs is None or constructor.hands_on_kwargs):
        constructor = klass.constructor_above(constructor)
        if constructor is not None:
            yield place_of(constructor.module, constructor.owner)
