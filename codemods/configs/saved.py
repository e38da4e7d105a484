"""Which classes of a project are saved, cloned, or asked for their configuration."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from codemods.analysis.keras_models import KerasModels
from codemods.analysis.keras_objects import Form, KerasObjects, Kind
from codemods.analysis.module import Module
from codemods.analysis.project import Project
from codemods.configs.classes import KerasClass, Place, place_of

_SAVING = ("save", "save_model", "ModelCheckpoint", "to_json")
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

    def add(self, klass: KerasClass, form: Form) -> None:
        """Enter a class of which an object is saved in a form."""
        self.merge(Saved(*(dict.fromkeys(places, frozenset({form})) for places in (_makers(klass), _handed(klass)))))

    def merge(self, other: Saved) -> None:
        """Enter what is saved elsewhere."""
        for mine, theirs in ((self.forms, other.forms), (self.below, other.below)):
            for place, forms in theirs.items():
                mine[place] = mine.get(place, frozenset()) | forms

    def of(self, place: Place) -> tuple[frozenset[Form], frozenset[Form]]:
        """Return both for a class."""
        return self.forms.get(place, frozenset()), self.below.get(place, frozenset())


def saved(project: Project, path: str) -> Saved:
    """Return what the programs save that import a module."""
    together = project.imports.together(path)
    return project.once(("saved by", together), lambda: _saved_by(project, together))


def _saved_by(project: Project, paths: frozenset[str]) -> Saved:
    result = Saved()
    for path in project.mentioning(*_SAVING, *_ASKING):
        if path in paths:
            result.merge(project.once(("saved in", path), lambda path=path: _saved_in(project, path)))  # type: ignore[misc]
    return result


def _saved_in(project: Project, path: str) -> Saved:
    """Return what a module saves, or asks for its configuration."""
    module = project.module(path)
    objects = KerasObjects(project, project.imports.together(path))
    models = KerasModels(objects)
    result = Saved()
    given: dict[Form, list[tuple[Module, ast.expr]]] = {}
    for save in objects.saves_in(module) if module is not None else ():
        # What has a method ``save`` may as well be an image or a checkpoint.
        if save.model is None:
            found = objects.fitted_with(save.module, save.call)
        elif save.form in {Form.KERAS, Form.H5} or models.origins(save.module, save.model):
            found = [save.model]
        else:
            found = []
        given.setdefault(save.form, []).extend((save.module, node) for node in found)
    for call in module.find_all(ast.Call) if module is not None else ():
        assert module is not None
        node = _asked(module, call)
        # An object that is asked by itself tells of its class; what it holds is its own affair.
        instance = objects.instance(module, node) if node is not None else None
        own = objects.object(*instance) if instance is not None else None
        if own is not None and own.kind is not Kind.MODEL:
            result.add(KerasClass(objects, own), Form.JSON)
        elif node is not None and (module.resolve(call.func) or models.origins(module, node)):
            given.setdefault(Form.JSON, []).append((module, node))
    for form, nodes in given.items():
        contents = objects.contents_together(nodes)
        for held in dict.fromkeys([*contents.structure, *contents.training]):
            if held.kind is not Kind.FUNCTION:
                result.add(KerasClass(objects, held), form)
    return result


def _asked(module: Module, call: ast.Call) -> ast.expr | None:
    """Return what a call clones, or asks for its configuration; None for other calls."""
    last = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    around = module.function(call)
    if last not in _ASKING or (around is not None and around.name in {"get_config", "from_config"}):
        return None
    name = module.resolve(call.func)
    if name is not None:
        return call.args[0] if name.startswith("keras.") and call.args else None
    return call.func.value if last == "get_config" and isinstance(call.func, ast.Attribute) else None


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
