"""Which callbacks of a module get their model somewhere, and which are handed to code out of sight."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from codemods.analysis.callback_needs import CALLBACK_LIST, HOOKS, callback_base, members
from codemods.analysis.module import Module
from codemods.analysis.shapes import Shapes, definition
from codemods.analysis.values import Instance

_FITTING = frozenset({"fit", "fit_generator", "evaluate", "evaluate_generator", "predict", "predict_generator"})
_NEUTRAL = frozenset({"append", "extend", "insert", "add", "set_model", "set_params", *HOOKS})
_HARMLESS = ("builtins.", "keras.callbacks.")
_SETTING = ("set_model", "fit(", "CallbackList")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Given:
    """What a module does with its callbacks, by the calls that construct them.

    Attributes:
        set: those that get their model.
        passed: those that are handed to code out of sight.
        unknown: a model is set of something that can't be told.
        setting: the calls of ``set_model``, each with what it may be called on.
    """

    def __init__(self, module: Module, shapes: Shapes) -> None:
        """Look through the module's calls."""
        self.module = module
        self.shapes = shapes
        self.set: set[ast.AST] = set()
        self.passed: set[ast.AST] = set()
        self.unknown = False
        self.setting: list[tuple[ast.Call, set[ast.AST]]] = []
        self._methods = {
            part.name for owner in module.find_all(ast.ClassDef) for part in owner.body if isinstance(part, _FUNCTIONS)
        }
        for node in module.attributes.get("set_model", ()):
            self._set_model(node)
        for call in module.find_all(ast.Call):
            self._arguments(call)

    def _set_model(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Call) and self.module.resolve(node.value.func) == "builtins.super":
            return
        sites = self._sites(node.value)
        self.unknown = self.unknown or not sites
        self.set |= sites
        call = self.module.parent(node)
        if isinstance(call, ast.Call) and call.func is node:
            self.setting.append((call, sites))

    def _arguments(self, call: ast.Call) -> None:
        function = call.func
        method = function.attr if isinstance(function, ast.Attribute) else ""
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        name = self.module.resolve(function)
        if name == CALLBACK_LIST:
            listed = Instance(CALLBACK_LIST, call, self.module)
            model = listed.argument("model", 3)
            if not listed.plain or not (model is None or (isinstance(model, ast.Constant) and model.value is None)):
                self.set |= self._with_members([listed])
        elif method in _FITTING:
            self.set.update(site for argument in arguments for site in self._sites(argument))
        elif method not in _NEUTRAL and not (name is None and method in self._methods):
            unseen = self._is_unseen(name)
            if unseen is not None:
                sites = {site for argument in arguments for site in self._sites(argument)}
                (self.passed if unseen else self.set).update(sites)

    def _is_unseen(self, name: str | None) -> bool | None:
        """Tell whether a function is out of sight, or may set a model; None if it doesn't."""
        if name is not None and name.startswith(_HARMLESS):
            return None
        found = definition(self.module, name)
        if found is None:
            return True
        elsewhere = found[0] is not self.module
        return False if elsewhere and any(word in found[0].text for word in _SETTING) else None

    def _sites(self, node: ast.expr) -> set[ast.AST]:
        if isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp, ast.Compare)):
            return set()
        found = self.shapes.value(node.value if isinstance(node, ast.Starred) else node)
        instances = list(found.instances)
        if not instances and found.kind in ("tuple", "list", "dict"):
            parts = [*(value for _, value in found.items), self.shapes.element(found)]
            instances = [instance for part in parts for instance in part.instances]
        return self._with_members([each for each in instances if each.known and callback_base(each)])

    def _with_members(self, instances: list[Instance]) -> set[ast.AST]:
        found: set[ast.AST] = {each.call for each in instances if each.call is not None}
        for each in instances:
            if callback_base(each) == "CallbackList":
                found |= {one.call for one in members(each).instances if one.call is not None}
        return found

    def elsewhere(self, instances: Iterable[Instance], names: Iterable[str]) -> bool:
        """Tell whether another module of the project may set the model of callbacks that go by some names."""
        if any(each.module is not self.module and "set_model" in each.module.text for each in instances):
            return True
        project = self.module.project
        if project is None:
            return False
        stem = self.module.id.rpartition(".")[2]
        setting = {path for path in project.mentioning("set_model") if path != self.module.path}
        setting &= set(project.mentioning(stem)) if setting and stem else set()
        setting &= {path for name in names for path in project.mentioning(name)} if setting else set()
        return any(_imports(project.module(path), stem) for path in setting)


def _imports(module: Module | None, stem: str) -> bool:
    """Tell whether a module imports one of a name, or something from it."""
    if module is None:
        return True
    names = [alias.name for node in module.find_all(ast.Import) for alias in node.names]
    names += [f"{node.module or ''}.{alias.name}" for node in module.find_all(ast.ImportFrom) for alias in node.names]
    return any(stem in name.split(".") for name in names)
