"""Which classes of a project are saved, cloned, or asked for their configuration."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial

from codemods.analysis.keras_models import KerasModels
from codemods.analysis.keras_objects import Form, KerasObjects, Kind, saving_calls
from codemods.analysis.module import Module
from codemods.analysis.project import Project
from codemods.configs.classes import KerasClass, Place, place_of

_SAVING = ("save", "save_model", "ModelCheckpoint", "to_json")
_ASKING = ("get_config", "clone_model", "serialize_keras_object", "serialize")
# What a file must hold to call one of these; a class that asks its base for the configuration calls nothing.
_CALLS = re.compile(
    rb"\bsuper\s*\([^()]*\)\s*\.\s*get_config\b|\bdef\s+\w+"
    rb"|(save_model|ModelCheckpoint|clone_model|serialize_keras_object"
    rb"|\b(?:save|to_json|get_config|serialize)\b(?:[\s\\)]|#[^\n]*\n)*\()"
)


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

    @property
    def places(self) -> Collection[Place]:
        """The classes of either."""
        return self.forms.keys() | self.below.keys()

    @property
    def paths(self) -> set[str]:
        """The modules of these."""
        return {path for path, _, _ in self.places}

    def of(self, place: Place) -> tuple[frozenset[Form], frozenset[Form]]:
        """Return both for a class."""
        return self.forms.get(place, frozenset()), self.below.get(place, frozenset())


def saved(project: Project, path: str) -> Saved:
    """Return what the programs save that import a module."""
    together = project.imports.together(path)
    return project.once(("saved by", together), lambda: _saved_by(project, together), together)


def saved_anywhere(project: Project) -> Saved:
    """Return what all programs of a project save."""
    return project.once("saved", lambda: _saved_by(project, project.files))


def _saved_by(project: Project, paths: Collection[str]) -> Saved:
    result = Saved()
    for path in project.matching(_CALLS, project.mentioning(*_SAVING, *_ASKING)):
        if path in paths:
            together = project.imports.together(path)
            result.merge(project.once(("saved in", path), partial(_saved_in, project, path, together), together))
    return result


def _saved_in(project: Project, path: str, together: Collection[str]) -> Saved:
    """Return what a module saves, or asks for its configuration, in the programs that import it."""
    module = project.module(path)
    result = Saved()
    if module is None or not _may_save(module):
        return result
    objects = KerasObjects(project, together)
    models = KerasModels(objects)
    given: dict[Form, list[tuple[Module, ast.expr]]] = {}
    for save in objects.saves_in(module):
        # What has a method ``save`` may as well be an image or a checkpoint.
        if save.model is None:
            found = objects.fitted_with(save.module, save.call)
        elif save.form in {Form.KERAS, Form.H5} or models.origins(save.module, save.model):
            found = [save.model]
        else:
            found = []
        given.setdefault(save.form, []).extend((save.module, node) for node in found)
    for call in module.find_all(ast.Call):
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


def _may_save(module: Module) -> bool:
    """Tell whether a module calls anything that saves, or asks for a configuration."""
    return any(True for _ in saving_calls(module)) or any(_asked(module, call) for call in module.find_all(ast.Call))


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
