"""Pass the custom objects that a saved model holds to the call that loads it.

A saved model names what it is made of, and Keras looks the names up when it is loaded: first among what the
call hands over, then among what is registered, then among its own. A layer, model, loss, metric, regularizer,
initializer, constraint, optimizer or plain function of the program is none of these unless the program says
so, even when its class stands in the same file:

- `.keras`: ``TypeError: Could not locate class 'Lay'`` (Keras 3), ``Cannot deserialize object of type 'Lay'``
  (Keras 2); `.h5`: ``ValueError: Unknown layer: 'Lay'``. With ``custom_objects={'Lay': Lay}`` both load, and
  the loaded model predicts what the saved one predicted.
  (Keras 2 finds a few, such as subclassed models, by itself where their module can be imported.)
- With ``compile=False`` losses, metrics and optimizers are not looked up, and are not added.
- The key is the class's ``__name__``; for a class that was registered when the model was saved it is
  ``'Package>name'``, and the plain name fails. A registered class needs nothing but that its module is
  imported: where the loading program doesn't, the import is added.
- A class that bears the name of one of Keras' own is added only where the model is seen to hold it: in an
  `.h5` file it would also stand in for Keras' class. A function of the program that is called `swish` or
  `mse` may load without a word under Keras 2, as Keras' own function: the dict gives back the right numbers.

What the model holds is found by following it from where it is saved (`save`, `save_model`, `ModelCheckpoint`,
`to_json`) to where it is built and compiled, across the modules of the project; loads and saves are matched
by their paths. Where no save is in sight, the Keras classes count that the loading module imports or defines
and makes no other use of.

Left alone: models without custom objects; names that a `custom_object_scope` around the load or
`get_custom_objects()` supplies; other libraries' `load_model`. `safe_mode=False` is never added.

Refused, among others: a SavedModel folder, which Keras 2 loads without a dict, and which Keras 3 can't load
at all; in an `.h5` file a subclassed model, which loads in no way, and functions in layers (activations,
regularizers, ...), which Keras 2 can't load (Keras 3 can); Lambda layers and lambdas, which ask for
`safe_mode=False`; a module that can't be imported without running a script or closing a circle of imports.

https://keras.io/guides/serialization_and_saving/
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from codemods.analysis.imports import ImportGraph
from codemods.analysis.keras_loading import Held, KerasLoads, Source
from codemods.analysis.keras_objects import Form, KerasObject, Kind, Registration, arguments_by_name
from codemods.analysis.module import Module
from codemods.analysis.naming import Definition, Obstacle, Place, importable, refer
from codemods.engine.codemod import (
    AddArgument,
    AddImport,
    AddItem,
    Codemod,
    Edit,
    Example,
    Finding,
    Refusal,
    Replace,
    Rewrite,
    Severity,
)

UNKNOWN_MODEL = Refusal(
    "unknown-model",
    "nothing in the project tells which model the file holds, or which of its classes it needs",
)
SAVED_MODEL_FOLDER = Refusal(
    "saved-model-folder",
    "a SavedModel folder loads without custom_objects under Keras 2, where a dict can change its numbers "
    "silently; Keras 3 can't load it at all",
)
SUBCLASSED_H5 = Refusal(
    "subclassed-h5",
    "a subclassed model in an .h5 file can't be loaded, whatever is passed; save it as .keras",
)
FUNCTION_IN_H5 = Refusal(
    "function-in-h5",
    "Keras 2 can't load an .h5 file whose layers hold a function of the program, even with custom_objects; "
    "save it as .keras",
)
LAMBDA_LAYER = Refusal(
    "lambda-layer",
    "the model has a Lambda layer, which loads with safe_mode=False only; that is for its owner to allow",
)
UNNAMED_FUNCTION = Refusal(
    "unnamed-function", "the model holds a lambda, which has no name that custom_objects could supply"
)
TRACED_FUNCTION = Refusal(
    "traced-function", "the model was compiled with a tf.function, which a .keras file doesn't give back"
)
SAME_NAME = Refusal("same-name", "two different definitions bear the name that the file holds")
OUT_OF_REACH = Refusal("out-of-reach", "it is defined inside a function or under a condition")
NAME_TAKEN = Refusal("name-taken", "its name means something else where the model is loaded")
IMPORT_CYCLE = Refusal("import-cycle", "the module that defines it imports the module that loads the model")
SCRIPT_IMPORT = Refusal(
    "script-import",
    "the module that defines it is a script without a main guard, and importing it would run it",
)
IMPORT_UNKNOWN = Refusal("import-unknown", "it can't be told by which name its module is imported here")
UNPACKED_ARGUMENTS = Refusal(
    "unpacked-arguments", "the call unpacks its arguments, which may hold custom_objects already"
)
DICT_ELSEWHERE = Refusal(
    "dict-elsewhere", "the dict of custom objects is used elsewhere too, or is made where it can't be edited"
)

_WIDTH = 110  # a dict that would make a longer line is broken up

_OBSTACLES = {
    Obstacle.OUT_OF_REACH: OUT_OF_REACH,
    Obstacle.TAKEN: NAME_TAKEN,
    Obstacle.CYCLE: IMPORT_CYCLE,
    Obstacle.SCRIPT: SCRIPT_IMPORT,
    Obstacle.UNKNOWN_PATH: IMPORT_UNKNOWN,
}

LAYER = """\
import tensorflow as tf


class Scale(tf.keras.layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


"""
BEFORE = LAYER + '''\
model = tf.keras.Sequential([tf.keras.Input((4,)), Scale(3.0), tf.keras.layers.Dense(1)])
model.save("scaled.keras")
loaded = tf.keras.models.load_model("scaled.keras")
'''  # fmt: skip
AFTER = BEFORE.replace('load_model("scaled.keras")', 'load_model("scaled.keras", custom_objects={"Scale": Scale})')
FOLDER = LAYER + '''\
model = tf.keras.Sequential([tf.keras.Input((4,)), Scale(3.0), tf.keras.layers.Dense(1)])
model.save("scaled")
loaded = tf.keras.models.load_model("scaled")
'''  # fmt: skip


@dataclass(frozen=True)
class _Missing:
    """An object that the load doesn't find; the key to pass it by, None if its module is to be imported."""

    found: KerasObject
    key: str | None


class AddCustomObjects(Codemod):
    """Adds `custom_objects` to the calls that load models."""

    triggers = (b"load_model", b"model_from_json", b"model_from_config", b"from_config", b"deserialize")
    # Not the definition of such a function, nor the `cls.from_config` or `super().from_config` of a class.
    pattern = re.compile(
        rb"(?<!def )\b(?:load_model|model_from_json|model_from_config|deserialize|deserialize_keras_object)\b"
        rb"|(?<!\bcls)(?<!\bself)(?<!\))\.\s*from_config\b"
    )
    refusals = (
        UNKNOWN_MODEL, SAVED_MODEL_FOLDER, SUBCLASSED_H5, FUNCTION_IN_H5, LAMBDA_LAYER, UNNAMED_FUNCTION,
        TRACED_FUNCTION, SAME_NAME, OUT_OF_REACH, NAME_TAKEN, IMPORT_CYCLE, SCRIPT_IMPORT, IMPORT_UNKNOWN,
        UNPACKED_ARGUMENTS, DICT_ELSEWHERE,
    )  # fmt: skip
    examples = (Example(BEFORE, AFTER), Example(FOLDER, refusal=SAVED_MODEL_FOLDER))

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the loads that don't find a part of their model."""
        loads = KerasLoads(module)
        for call, source in loads.calls():
            finding = _Load(loads, call, source).finding()
            if finding is not None:
                yield finding

    def rewrites(self, module: Module, findings: Sequence[Finding]) -> Iterable[Rewrite]:
        """Put loads that share a dict into one rewrite, which fills it once."""
        groups: dict[object, list[Finding]] = {}
        for finding in findings:
            shared = [edit.node for edit in finding.edits if isinstance(edit, AddItem)]
            groups.setdefault(shared[0] if shared else finding.node, []).append(finding)
        for group in groups.values():
            items: dict[object, Edit] = {}
            for finding in group:
                for edit in finding.edits:
                    items.setdefault((edit.node, edit.key) if isinstance(edit, AddItem) else edit, edit)
            yield Rewrite(tuple(group), tuple(items.values()))


class _Load:
    """One load: what it needs, what it finds, and what is to be done."""

    def __init__(self, loads: KerasLoads, call: ast.Call, source: Source) -> None:
        self.loads = loads
        self.module = loads.module
        self.graph: ImportGraph = loads.graph
        self.call = call
        self.source = source
        self.given = arguments_by_name(call, ("filepath", "custom_objects", "compile", "safe_mode"))

    def finding(self) -> Finding | None:
        known = self._keys_given()
        if known is None:
            return None
        held = self.loads.held(self.call, self.source)
        if held is None or (not held.seen and "custom_objects" in self.given):
            return None
        scoped = self.loads.in_scope(self.call)
        if scoped is None:
            return None
        if not held.seen and not held.contents.structure:
            return self._refused(UNKNOWN_MODEL, [])
        unnamed = self._unnamed(held)
        missing = self._missing(held, known | scoped)
        if isinstance(missing, Refusal):
            return self._refused(missing, [])
        if not missing:
            return self._refused(UNNAMED_FUNCTION, []) if unnamed else None
        refusal = self._hopeless(held, missing) or (UNNAMED_FUNCTION if unnamed else None)
        if refusal is None:
            edits = self._edits(missing)
            if isinstance(edits, list):
                return Finding(self.call, self._message(missing), Severity.ERROR, tuple(edits))
            refusal, found = edits
            if found is not None:
                return self._refused(refusal, missing, f"`{found.name}`: {refusal.sentence}")
        return self._refused(refusal, missing)

    # What is missing. --------------------------------------------------------------------------

    def _keys_given(self) -> set[str] | None:
        """Return the keys that the call passes itself, None where they can't be seen."""
        if "custom_objects" not in self.given:
            return set()
        return self.loads.keys(self.module, self.given["custom_objects"])

    def _trained(self) -> bool:
        """Return whether the load also restores how the model was compiled."""
        compiled = self.given.get("compile")
        return not (isinstance(compiled, ast.Constant) and compiled.value is False)

    def _unsafe(self) -> bool:
        mode = self.given.get("safe_mode")
        return isinstance(mode, ast.Constant) and mode.value is False

    def _unnamed(self, held: Held) -> bool:
        """Return whether the model holds a ``lambda`` outside of a Lambda layer, which no name supplies."""
        contents = held.contents
        lambdas = contents.lambdas or (contents.training_lambdas and self._trained())
        return lambdas and not self._unsafe() and Form.FOLDER not in held.forms and self.source is Source.FILE

    def _missing(self, held: Held, supplied: frozenset[str] | set[str]) -> list[_Missing] | Refusal:
        contents = held.contents
        wanted = [*contents.structure, *contents.wrapped, *(contents.training if self._trained() else ())]
        missing: list[_Missing] = []
        for found in dict.fromkeys(wanted):
            if found.builtin and (not held.seen or (found not in held.always and found not in contents.wrapped)):
                continue  # an .h5 file would take it for Keras' own of that name
            needed = self._needed(found)
            missing += [each for each in needed if each.key is None or each.key not in supplied]
        missing.sort(
            key=lambda each: (
                each.found.kind is Kind.FUNCTION,
                each.found.module.path,
                each.found.node.lineno,
            )
        )
        keys = [each.key for each in missing if each.key is not None]
        if len(set(keys)) < len(keys):
            return SAME_NAME
        if Form.H5 in held.forms and any(
            each.found.builtin and each.found.name in contents.builtins for each in missing
        ):
            return SAME_NAME
        return missing

    def _needed(self, found: KerasObject) -> Iterator[_Missing]:
        """Yield an object if the load would not find it, with the key by which it has to be passed."""
        registered = self.loads.objects.registrations(found)
        twin = self._twin(found)
        if twin is not None:
            if not self._runs(self.loads.objects.registrations(twin)):
                yield _Missing(twin, next((r.name for r in registered if r.name), found.name))
            return
        if not registered:
            yield _Missing(found, found.name)
        elif not self._runs(registered):
            own = [r for r in registered if r.path == found.module.path]
            if own:
                yield _Missing(found, None)
            else:
                yield _Missing(found, next((r.name for r in registered if r.name), found.name))

    def _runs(self, registered: list[Registration]) -> bool:
        return any(each.path in self.loads.loaded for each in registered)

    def _twin(self, found: KerasObject) -> KerasObject | None:
        """Return the loading module's own copy of a definition."""
        node = self.module.definition(found.name)
        if node is None or node is found.node or type(node) is not type(found.node) or found.module is self.module:
            return None
        return KerasObject(self.module, node, found.kind) if _body(node) == _body(found.node) else None

    def _hopeless(self, held: Held, missing: list[_Missing]) -> Refusal | None:
        """Return why the model can't be loaded, or not safely, whatever is passed."""
        root = held.contents.root
        functions = {each.found for each in missing if each.found.kind is Kind.FUNCTION}
        if Form.FOLDER in held.forms:
            return SAVED_MODEL_FOLDER
        if Form.H5 in held.forms:
            if root is not None and self.loads.objects.defines(root, "call"):
                return SUBCLASSED_H5
            if functions & set(held.contents.structure):
                return FUNCTION_IN_H5
            if held.contents.wraps_code and not self._unsafe():
                return LAMBDA_LAYER
        elif (held.contents.wraps_code or held.contents.wrapped) and not self._unsafe():
            return LAMBDA_LAYER
        if held.forms != {Form.H5} and any(self._traced(each) for each in functions):
            return TRACED_FUNCTION
        return None

    def _traced(self, found: KerasObject) -> bool:
        return any(
            found.module.resolve(each.func if isinstance(each, ast.Call) else each) == "tensorflow.function"
            for each in found.node.decorator_list
        )

    # What is done. -----------------------------------------------------------------------------

    def _edits(self, missing: list[_Missing]) -> list[Edit] | tuple[Refusal, KerasObject | None]:
        """Return what to do, or why it can't be done, with the object that stands in the way."""
        edits: list[Edit] = []
        entries: dict[str, str] = {}
        for each in missing:
            owner = each.found.module
            if each.key is None:
                name = importable(self.graph, self.module, owner, self.loads.loaded)
                if isinstance(name, Obstacle):
                    return _OBSTACLES[name], each.found
                edits.append(_module_import(name, self.call))
                continue
            definition = Definition(owner, each.found.node)
            named = refer(self.graph, Place(self.module, self.call), definition, self.loads.loaded)
            if isinstance(named, Obstacle):
                twin = self.module.definition(each.found.name)
                clash = named is Obstacle.TAKEN and isinstance(twin, ast.ClassDef)
                return SAME_NAME if clash else _OBSTACLES[named], each.found
            entries[each.key] = named.code
            if named.module is not None:
                edits.append(AddImport(named.module, named.name))
        passed = self._pass(entries) if entries else []
        return (passed, None) if isinstance(passed, Refusal) else [*edits, *passed]

    def _pass(self, entries: dict[str, str]) -> list[Edit] | Refusal:
        """Return the edits that put entries into the call's dict."""
        call = self.call
        display = self._display([f"{_quoted(self.module, key)}: {value}" for key, value in entries.items()])
        given = self.given.get("custom_objects")
        if given is None:
            if any(k.arg is None for k in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args):
                return UNPACKED_ARGUMENTS
            return [AddArgument(call, "custom_objects", display)]
        if isinstance(given, ast.Constant):
            return [Replace(given, display)]
        target: ast.expr | None = given
        if isinstance(given, ast.Name):
            target = self._variable(given)
        if isinstance(target, ast.Dict):
            return [AddItem(target, _quoted(self.module, key), value) for key, value in entries.items()]
        if isinstance(target, ast.Call) and all(key.isidentifier() for key in entries):
            return [AddArgument(target, key, value) for key, value in entries.items()]
        return DICT_ELSEWHERE

    def _display(self, items: list[str]) -> str:
        """Return a dict display, with one item on each line where one line would be too long."""
        display = "{" + ", ".join(items) + "}"
        last = max((each.lineno for each in self.given.values()), default=self.call.lineno)
        line = self.module.lines[last - 1].rstrip()
        width = len(line) + len(display) + (0 if "custom_objects" in self.given else len(", custom_objects="))
        if width <= _WIDTH or len(items) < 2:
            return display
        # The applier indents new lines as the statement is; inside brackets they go further in.
        statement = self.module.statement(self.call)
        lead = line[statement.col_offset : len(line) - len(line.lstrip())]
        unit = "\t" if "\n\t" in self.module.text else "    "
        return "{\n" + "".join(f"{lead}{unit}{item},\n" for item in items) + lead + "}"

    def _variable(self, given: ast.Name) -> ast.expr | None:
        """Return the dict display that a variable is bound to, where only loads use it."""
        bindings = self.module.bindings(given)
        scope = self.module.scope(given).lookup(given.id)
        if len(bindings) != 1 or scope is None:
            return None
        loads = {id(call) for call, _ in self.loads.calls()}
        for use in self.module.uses(scope, given.id):
            if isinstance(use.ctx, ast.Load):
                parent = self.module.parent(use)
                parent = self.module.parent(parent) if isinstance(parent, ast.keyword) else parent
                if id(parent) not in loads:
                    return None
        return bindings[0].value

    # What is said. -----------------------------------------------------------------------------

    def _refused(self, refusal: Refusal, missing: list[_Missing], detail: str | None = None) -> Finding:
        if not missing:
            message = f"`{ast.unparse(self.call.func)}` may not find all that the saved model holds"
            severity = Severity.ERROR if refusal is UNNAMED_FUNCTION else Severity.WARNING
            return Finding(self.call, message, severity, refusal=refusal, detail=detail)
        if refusal is SAVED_MODEL_FOLDER:
            names = _listed([f"`{each.found.name}`" for each in missing])
            message = f"`{ast.unparse(self.call.func)}` isn't given {names}, which the saved model holds"
            return Finding(self.call, message, Severity.NOTE, refusal=refusal, detail=detail)
        return Finding(self.call, self._unfound(missing), Severity.ERROR, refusal=refusal, detail=detail)

    def _unfound(self, missing: list[_Missing]) -> str:
        function = ast.unparse(self.call.func)
        names = _listed([f"`{each.found.name}`" for each in missing])
        return f"`{function}` doesn't find {names}, which the saved model holds, and raises"

    def _message(self, missing: list[_Missing]) -> str:
        one = len(missing) == 1
        if all(each.key is None for each in missing):
            module = "its module registers it" if one else "their modules registers them"
            return f"{self._unfound(missing)}; importing {module}"
        return f"{self._unfound(missing)}; pass {'it' if one else 'them'} in `custom_objects`"


def _body(node: ast.AST) -> str:
    """Return a definition's code without its decorators and documentation, for comparison."""
    copy = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(copy, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    copy.decorator_list = []
    return ast.dump(copy)


def _module_import(name: str, above: ast.expr) -> AddImport:
    comment = "noqa: F401 - registers custom objects with Keras"
    if name.startswith("."):
        package, _, last = name.rpartition(".")
        return AddImport(package if package.strip(".") else package + ".", last, comment, above)
    return AddImport(name, None, comment, above)


def _quoted(module: Module, text: str) -> str:
    """Return a string literal with the quotes that the module prefers."""
    double = module.text.count('"') >= module.text.count("'")
    return f'"{text}"' if double else f"'{text}'"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"
