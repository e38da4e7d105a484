"""Where a project loads Keras models, what they may hold, and which names the load finds by itself."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codemods.analysis.keras_objects import (
    Contents,
    Form,
    KerasObject,
    KerasObjects,
    Kind,
    Save,
    arguments_by_name,
    constant_text,
    form_of,
)
from codemods.analysis.module import Binding, Module
from codemods.analysis.paths import FilePath, Hole, Match, paths, variable
from codemods.analysis.project import Project
from codemods.analysis.target import runs_keras_3


class Source(enum.Enum):
    """What a load reads."""

    FILE = "file"
    JSON = "json"
    CONFIG = "config"


_DESERIALIZERS = frozenset(
    f"keras.{part}.deserialize"
    for part in (
        "layers", "losses", "metrics", "optimizers", "optimizers.schedules", "regularizers", "initializers",
        "constraints", "activations",
    )
)  # fmt: skip
LOADS = {
    "keras.models.load_model": Source.FILE,
    "keras.saving.load_model": Source.FILE,
    "keras.saving.saving_api.load_model": Source.FILE,
    "keras.models.model_from_json": Source.JSON,
    "keras.models.model_from_config": Source.CONFIG,
    "keras.Model.from_config": Source.CONFIG,
    "keras.models.Model.from_config": Source.CONFIG,
    "keras.Sequential.from_config": Source.CONFIG,
    "keras.models.Sequential.from_config": Source.CONFIG,
    "keras.saving.deserialize_keras_object": Source.CONFIG,
    "keras.utils.deserialize_keras_object": Source.CONFIG,
    **dict.fromkeys(_DESERIALIZERS, Source.CONFIG),
}


@dataclass(frozen=True)
class Held:
    """What the model of one load may hold.

    Attributes:
        contents: all of it.
        forms: the forms it may be kept in.
        seen: the project shows which model it is; otherwise it is judged by what the module names.
        always: the objects that each model holds that it may be.
    """

    contents: Contents
    forms: frozenset[Form]
    seen: bool
    always: frozenset[KerasObject]


class KerasLoads:
    """The loads of one module."""

    def __init__(self, module: Module) -> None:
        """Take a module with the project around it; alone, it is a project of its own."""
        self.module = module
        self.project = module.project or _alone(module)
        self.objects = KerasObjects(self.project)
        self.graph = self.project.imports
        self._saves: list[Save] | None = None
        self._loaded: frozenset[str] | None = None

    def calls(self) -> Iterator[tuple[ast.Call, Source]]:
        """Yield the module's loads, in the order of the source."""
        for call in self.module.find_all(ast.Call):
            source = LOADS.get(self.module.resolve(call.func) or "")
            around = self.module.function(call)
            # Keras calls ``from_config`` itself, with the custom objects of the load that asks for it.
            inner = source is Source.CONFIG and around is not None and around.name == "from_config"
            if source is not None and not inner:
                yield call, source

    @property
    def loaded(self) -> frozenset[str]:
        """The modules that have been imported when a load of this module runs."""
        if self._loaded is None:
            self._loaded = self.graph.loaded(self.module.path) | self.graph.closure(self.module.path)
        return self._loaded

    @property
    def saves(self) -> list[Save]:
        """The places where the project saves models."""
        if self._saves is None:
            self._saves = self.objects.saves(self.module)
        return self._saves

    # What a load needs. ------------------------------------------------------------------------

    def held(self, call: ast.Call, source: Source) -> Held | None:
        """Return what the model of a load may hold; None where nothing of the project can be in it."""
        given = arguments_by_name(call, ("filepath",))
        first = next((given[n] for n in ("filepath", "json_string", "config", "identifier") if n in given), None)
        if first is None:
            return None
        if source is Source.FILE:
            found = self._file(call, first)
            if found is not None:
                return found
            files = self._paths(call, first)
            elsewhere = bool(self.saves) and all(
                not any(isinstance(part, Hole) for part in path.parts)
                for path in [*files, *(save.path for save in self.saves)]
            )
            return self._named(frozenset(form_of(path) for path in files), elsewhere)
        contents = Contents()
        for frame in self.objects.frames(self.module, call):
            contents.merge(self.objects.contents(self.module, first, frame))
        if contents.keras:
            if source is Source.CONFIG:
                contents.training.clear()  # ``get_config`` leaves out how the model was compiled
            return Held(contents, frozenset({Form.JSON}), True, frozenset(contents.structure))
        if source is Source.JSON:
            return self._json(first) or self._named(frozenset({Form.JSON}), False)
        return None

    def _paths(self, call: ast.Call, node: ast.expr) -> list[FilePath]:
        frames = self.objects.frames(self.module, call, [node])
        return list(dict.fromkeys(p for frame in frames for p in paths(self.module, node, frame)))

    def _file(self, call: ast.Call, node: ast.expr) -> Held | None:
        found: list[Save] = []
        forms: set[Form] = set()
        for path in self._paths(call, node):
            form = form_of(path)
            chosen = self._matching(path, form)
            if not chosen and form is Form.KERAS and runs_keras_3(self.module):
                # Keras 3 doesn't save without the suffix: where it is missing at the save, it is still to be added.
                chosen = self._matching(_without_suffix(path), Form.FOLDER)
            found += chosen
            forms |= {form} if form is not Form.UNKNOWN else {save.form for save in chosen}
        return self._union(found, frozenset(forms))

    def _matching(self, path: FilePath, form: Form) -> list[Save]:
        rated = [
            (path.match(save.path), save)
            for save in self.saves
            if save.form is form or (Form.UNKNOWN in {form, save.form} and save.form is not Form.JSON)
        ]
        best = max((match for match, _ in rated), default=Match.NO)
        return [save for match, save in rated if match is best is not Match.NO]

    def _json(self, node: ast.expr) -> Held | None:
        opened = [path for value in self._reads(node) for path in paths(self.module, value)]
        saves = [save for save in self.saves if save.form is Form.JSON]
        near = [save for save in saves if any(save.path.match(path) is not Match.NO for path in opened)]
        return self._union(near or saves, frozenset({Form.JSON}))

    def _reads(self, node: ast.expr) -> Iterator[ast.expr]:
        """Yield the paths of the files that a text is read from."""
        pending: list[ast.AST] = [node]
        seen: set[ast.AST] = set()
        while pending:
            each = pending.pop()
            if each in seen:
                continue
            seen.add(each)
            for part in ast.walk(each):
                if isinstance(part, ast.Name):
                    for binding in self.module.bindings(part):
                        if binding.value is not None:
                            pending.append(binding.value)
                        around = self.module.enclosing(binding.node, ast.withitem)
                        if around is not None:
                            pending.append(around.context_expr)
                elif isinstance(part, ast.Call) and part.args and _word(part) in {"open", "GFile"}:
                    yield part.args[0]
                elif isinstance(part, ast.Call) and _word(part) == "read_text":
                    yield part.func.value  # type: ignore[attr-defined]

    def _union(self, saves: list[Save], forms: frozenset[Form]) -> Held | None:
        saves = [each for save in saves for each in self.objects.spread(save) if each.contents.keras]
        if not saves:
            return None
        contents = Contents()
        contents.root = saves[0].contents.root
        for save in saves:
            contents.merge(save.contents)
        everywhere = [
            found
            for found in [*contents.structure, *contents.training]
            if all(found in save.contents.structure or found in save.contents.training for save in saves)
        ]
        if not (contents.structure or contents.training or contents.wrapped) and not contents.complete:
            return None
        return Held(contents, forms, True, frozenset(everywhere))

    def _named(self, forms: frozenset[Form], elsewhere: bool) -> Held | None:
        """Judge by the module: the Keras classes that it imports or defines, and makes no use of itself.

        Args:
            forms: the forms that the file may have.
            elsewhere: the project writes no such file, so that it can be any model.
        """
        contents = Contents(keras=True)
        names = self.module.inner_scope(self.module.tree)
        for name, bindings in names.bindings.items():
            found = self._imported(bindings)
            if found is None:
                continue
            if any(self._at_work(use) for use in self.module.uses(names, name)):
                contents.complete = False
            else:
                contents.structure[found] = None
        if contents.complete and contents.structure:
            return Held(contents, forms, False, frozenset())
        if elsewhere or not self._custom():
            return None
        return Held(Contents(complete=False), forms, False, frozenset())

    def _imported(self, bindings: list[Binding]) -> KerasObject | None:
        if len(bindings) != 1:
            return None
        found = self.objects.definition(self.module, self.module.meaning(bindings[0]))
        if found is None or not isinstance(found[1], ast.ClassDef):
            return None
        return self.objects.object(*found)

    def _at_work(self, use: ast.Name) -> bool:
        """Return whether a class is used, other than by another class, in annotations or as a key's value."""
        return isinstance(use.ctx, ast.Load) and self.module.enclosing(use, ast.ClassDef) is None

    def _custom(self) -> bool:
        """Return whether the modules at hand define Keras classes of the project."""
        for path in self.loaded:
            module = self.module if path == self.module.path else self.project.module(path)
            for node in module.find_all(ast.ClassDef) if module is not None else ():
                found = self.objects.object(module, node) if module is not None else None
                if found is not None and found.kind in {Kind.LAYER, Kind.MODEL}:
                    return True
        return False

    # What a load finds by itself. --------------------------------------------------------------

    def in_scope(self, call: ast.Call) -> frozenset[str] | None:
        """Return the names that scopes around a load and Keras' global table supply; None for any name."""
        around = self._scopes(self.module, call, 0)
        table = self._global_names()
        return None if around is None or table is None else around | table

    def _scopes(self, module: Module, call: ast.Call, depth: int) -> frozenset[str] | None:
        names: set[str] = set()
        for node in module.ancestors(call):
            if isinstance(node, (ast.With, ast.AsyncWith)):
                for item in node.items:
                    if self._is(module, item.context_expr, "custom_object_scope", "CustomObjectScope"):
                        keys = self._scope_keys(module, item.context_expr)
                        if keys is None:
                            return None
                        names |= keys
        function = module.function(call)
        if function is None or depth > 3:
            return frozenset(names)
        for node in ast.walk(function):
            entered = node.args[:1] if isinstance(node, ast.Call) and _word(node) == "enter_context" else []
            if any(self._is(module, each, "custom_object_scope", "CustomObjectScope") for each in entered):
                return None
        sites = [
            self._scopes(where, site, depth + 1)
            for where, site in self.objects.call_sites(module, function)
            if function not in where.ancestors(site)
        ]
        known = [site for site in sites if site is not None]
        if sites and not known:
            return None
        return frozenset(names) | (frozenset.intersection(*known) if known else frozenset())

    def _scope_keys(self, module: Module, node: ast.expr) -> set[str] | None:
        assert isinstance(node, ast.Call)
        found = {k.arg for k in node.keywords if k.arg is not None} - {"objects", "custom_objects"}
        dicts = [*node.args, *(k.value for k in node.keywords if k.arg not in found)]
        for each in dicts:
            keys = self.keys(module, each)
            if keys is None:
                return None
            found |= keys
        return found

    def _is(self, module: Module, node: ast.AST, *names: str) -> bool:
        resolved = module.resolve(node.func) if isinstance(node, ast.Call) else None
        return resolved is not None and resolved.startswith("keras.") and resolved.rpartition(".")[2] in names

    def _global_names(self) -> frozenset[str] | None:
        names: set[str] = set()
        for module in self.objects.modules(self.module, "get_custom_objects"):
            if module.path not in self.loaded:
                continue
            for call in module.find_all(ast.Call):
                if self._is(module, call, "get_custom_objects"):
                    keys = self._table_keys(module, call)
                    if keys is None:
                        return None
                    names |= keys
        return frozenset(names)

    def _table_keys(self, module: Module, call: ast.Call) -> set[str] | None:
        parent = module.parent(call)
        if isinstance(parent, ast.Subscript):
            key = self._key(module, parent.slice)
            return {key} if key is not None else None
        if isinstance(parent, ast.Attribute) and parent.attr == "update":
            update = module.parent(parent)
            return self._scope_keys(module, update) if isinstance(update, ast.Call) else None
        return set() if isinstance(parent, ast.Attribute) else None

    def keys(self, module: Module, node: ast.expr | None) -> set[str] | None:
        """Return the keys of a dict, where all of them can be seen."""
        if isinstance(node, ast.Constant) and node.value is None:
            return set()
        if isinstance(node, ast.Dict):
            found: set[str] = set()
            for key, value in zip(node.keys, node.values, strict=True):
                keys = self.keys(module, value) if key is None else {self._key(module, key)}
                if keys is None or None in keys:
                    return None
                found |= {each for each in keys if each is not None}
            return found
        if isinstance(node, ast.Call) and module.resolve(node.func) == "builtins.dict":
            return self._scope_keys(module, node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            left, right = self.keys(module, node.left), self.keys(module, node.right)
            return None if left is None or right is None else left | right
        if isinstance(node, ast.Name):
            bindings = module.bindings(node)
            if len(bindings) == 1 and bindings[0].value is not None:
                found_keys = self.keys(module, bindings[0].value)
                added = self._added(module, node)
                return None if found_keys is None or added is None else found_keys | added
        if isinstance(node, (ast.Name, ast.Attribute)):
            elsewhere = variable(module, module.resolve(node))
            return None if elsewhere is None else self.keys(*elsewhere)
        return None

    def _added(self, module: Module, node: ast.Name) -> set[str] | None:
        """Return the keys that are put into a dict after it was made."""
        scope = module.scope(node).lookup(node.id)
        found: set[str] = set()
        for use in module.uses(scope, node.id) if scope is not None else ():
            parent = module.parent(use)
            if isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store):
                key = self._key(module, parent.slice)
                if key is None:
                    return None
                found.add(key)
            elif isinstance(parent, ast.Attribute) and parent.attr == "update":
                update = module.parent(parent)
                keys = self._scope_keys(module, update) if isinstance(update, ast.Call) else None
                if keys is None:
                    return None
                found |= keys
        return found

    def _key(self, module: Module, node: ast.expr) -> str | None:
        if isinstance(node, ast.Attribute) and node.attr == "__name__":
            name = module.resolve(node.value)
            return name.rpartition(".")[2] if name is not None else None
        return constant_text(module, node)


def _without_suffix(path: FilePath) -> FilePath:
    *rest, last = path.parts
    return FilePath((*rest, last[: -len(path.suffix or "")] if isinstance(last, str) and path.suffix else last))


def _word(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _alone(module: Module) -> Project:
    project = Project(Path(), lambda: [module.path], lambda _: module.text.encode(), lambda _, __: module.text)
    project.add(module)
    return project
