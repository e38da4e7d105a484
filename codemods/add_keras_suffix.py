"""Give the files of saved models and weights the suffixes that Keras 3 asks for.

Keras 2 saves a model to a path without an extension as a SavedModel folder, and weights as a TensorFlow
checkpoint. Keras 3, which comes with TensorFlow since 2.16, raises:

- `model.save("final")`, `"final/"`, `"final.tf"`: ``ValueError: Invalid filepath extension for saving``; with
  `save_format=` another one. `ModelCheckpoint("best")`: ``The filepath provided must end in `.keras` ``.
- `model.save_weights("final")`, `"final.h5"`, `"final.ckpt"`: ``ValueError: The filename must end in
  `.weights.h5` ``; with `save_format=` a TypeError. Checkpoints with `save_weights_only=True` likewise.

The path gets `.keras` or `.weights.h5` where its text stands: in the literal, at the end of the f-string, in
the last part of an `os.path.join`, in the constant that several calls share. `"final/"` becomes
`"final.keras"`; `.tf`, `.ckpt`, and for weights `.h5`, are replaced. The loads of the same file change with it,
in other modules too, and lose `.expect_partial()`: what Keras 3 loads has no status to ask. `save_format` is
dropped. Keras 2 made the folder that a SavedModel or a checkpoint goes to, and neither version makes that of a
`.keras` or `.weights.h5` file: where the program doesn't make it, `os.makedirs` is added.

The rewritten program runs under Keras 2.15 as well, and what is loaded predicts what was saved. It has one file
where it had a folder.

Only for programs that run with Keras 3: as `--target` says, else as the nearest project file above asks
(pyproject.toml, requirements*.txt, setup.cfg, setup.py, Pipfile, the lock files of Poetry, uv, PDM and Pipenv),
else always. TensorFlow 2.16 and later have Keras 3, but for programs that use `tf_keras`
(`TF_USE_LEGACY_KERAS`), which are left alone.

Left alone as well: objects that aren't seen to be Keras models, paths of which nothing is known, `.h5` models.

Refused: a path that other code uses (`tf.saved_model.load`, `tf.train.latest_checkpoint`, TFLite, `os`, `shutil`,
...), which would no longer find a folder there; one that comes from a parameter, an option or another module; a
numbered folder, as TensorFlow Serving reads; arguments that only a SavedModel takes; a class that can't be
saved as `.keras` before it has a `get_config`; weights loaded into a model that has none yet. A
custom class asks for `custom_objects` when its `.keras` file is loaded: add-custom-objects passes them.

https://keras.io/guides/migrating_to_keras_3/#saving-a-model-in-the-tf-savedmodel-format
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from codemods.analysis.keras_files import FileCall, KerasFiles, OneFile, State, What, bare, folder_of
from codemods.analysis.keras_objects import Contents, Form, Kind
from codemods.analysis.module import Module
from codemods.analysis.path_ends import quote
from codemods.analysis.paths import FilePath, Hole, joined, paths
from codemods.analysis.target import runs_keras_3
from codemods.configs.classes import KerasClass
from codemods.configs.emit import completes
from codemods.configs.trouble import Judge
from codemods.engine.codemod import (
    AddImport,
    Codemod,
    Edit,
    Example,
    Finding,
    InsertBefore,
    Move,
    NodeEdit,
    Refusal,
    RemoveArgument,
    Replace,
    Rewrite,
    Severity,
)

READ_ELSEWHERE = Refusal("path-read-elsewhere", "other code uses the path, and would find no folder there")
OUT_OF_REACH = Refusal(
    "path-out-of-reach",
    "the path comes from a parameter, an option or another module, or is made where it can't be edited",
)
UNKNOWN_ENDING = Refusal("unknown-ending", "it can't be told whether the path has an extension")
TWO_KINDS = Refusal("two-kinds", "a model and weights are kept under the same path")
UNSUPPORTED = Refusal("unsupported-argument", "the call has an argument that Keras 3 doesn't take")
UNPACKED = Refusal("unpacked-arguments", "the call unpacks its arguments, which can't be seen")
NAME_TAKEN = Refusal("name-taken", "another file of the program has the name already that this one would get")
SERVED = Refusal("numbered-folder", "TensorFlow Serving reads numbered folders; `model.export` writes them")
NO_CONFIG = Refusal(
    "needs-get-config", "the model holds a class whose arguments Keras can't save before it has a get_config"
)
LAMBDA = Refusal(
    "lambda-layer", "the model has a Lambda layer, which a .keras file gives back with safe_mode=False only"
)
UNBUILT = Refusal(
    "unbuilt-model", "the weights are loaded into a model that has none yet: it must be built or called before"
)
NO_FOLDER = Refusal(
    "missing-folder", "the folder of the file may be missing, and can't be made in a line before the save"
)

_SUFFIX = {What.MODEL: ".keras", What.WEIGHTS: ".weights.h5"}
_REPLACED = {
    What.MODEL: (".tf", ".ckpt", ".hdf5", ".h5"),
    What.WEIGHTS: (".tf", ".ckpt", ".hdf5", ".h5", ".keras"),
}
_STATUS = frozenset({
    "expect_partial", "assert_consumed", "assert_existing_objects_matched", "assert_nontrivial_match",
})  # fmt: skip
_TAKEN = frozenset({
    "model", "filepath", "overwrite", "monitor", "verbose", "save_best_only", "save_weights_only", "mode",
    "save_freq", "initial_value_threshold", "custom_objects", "compile", "safe_mode", "skip_mismatch",
})  # fmt: skip
_MAKING = frozenset({"makedirs", "mkdir", "MakeDirs", "mkdirs"})

BEFORE = '''\
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mean_squared_error")
best = tf.keras.callbacks.ModelCheckpoint("best", monitor="loss", save_best_only=True)
model.fit(tf.ones((8, 4)), tf.ones((8, 1)), callbacks=[best])
model.save("final/", save_format="tf")
model.save_weights("final.h5")

again = tf.keras.models.load_model("final/")
again.load_weights("final.h5")
'''  # fmt: skip
AFTER = '''\
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mean_squared_error")
best = tf.keras.callbacks.ModelCheckpoint("best.keras", monitor="loss", save_best_only=True)
model.fit(tf.ones((8, 4)), tf.ones((8, 1)), callbacks=[best])
model.save("final.keras")
model.save_weights("final.weights.h5")

again = tf.keras.models.load_model("final.keras")
again.load_weights("final.weights.h5")
'''  # fmt: skip
SERVED_MODEL = '''\
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])
model.save("final")
lite = tf.lite.TFLiteConverter.from_saved_model("final").convert()
'''  # fmt: skip


class AddKerasSuffix(Codemod):
    """Names the files of models and weights as Keras 3 asks for."""

    triggers = (b"save", b"ModelCheckpoint", b"load_model", b"load_weights")
    # Called on something; what stands between may be a line's end, in a notebook's JSON too.
    pattern = re.compile(
        rb"\.(?:[\s\\\",]|\\n)*(?:save|save_weights|load_weights)(?:[\s\\]|\\n)*\(|save_model|load_model|ModelCheckpoint"
    )
    refusals = (
        READ_ELSEWHERE, OUT_OF_REACH, UNKNOWN_ENDING, TWO_KINDS, UNSUPPORTED, UNPACKED, NAME_TAKEN, SERVED, NO_CONFIG,
        LAMBDA, UNBUILT, NO_FOLDER,
    )  # fmt: skip
    examples = (Example(BEFORE, AFTER), Example(SERVED_MODEL, refusal=READ_ELSEWHERE))

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield the saves that raise under Keras 3, and the loads of their files."""
        for _, finding in _found(module):
            yield finding

    def rewrites(self, module: Module, findings: Sequence[Finding]) -> Iterable[Rewrite]:
        """Put the saves and loads of one file into one rewrite."""
        number = {finding.node: index for index, finding in _found(module)}
        groups: dict[int, list[Finding]] = {}
        for finding in findings:
            groups.setdefault(number[finding.node], []).append(finding)
        for group in groups.values():
            # A constant that several calls share is edited once.
            yield Rewrite(tuple(group), tuple(dict.fromkeys(edit for each in group for edit in each.edits)))


def _found(module: Module) -> Iterator[tuple[int, Finding]]:
    """Yield the findings of a module, each with the number of the file that it is about."""
    files = KerasFiles(module)
    own = files.calls(module)
    if all(call.settled for call in own) or not runs_keras_3(module):
        return
    number = 0
    for file in files.files():
        if any(call.module is module for call in file.calls):
            own = [call for call in own if call not in file.calls]
            number += 1
            for finding in _OneRewrite(files, file).findings():
                yield number, finding
    for call in own:
        number += 1
        single = _single(files, call)
        if single is not None:
            yield number, single


def _single(files: KerasFiles, call: FileCall) -> Finding | None:
    """Return what there is to say about a call whose file needs no other name, or isn't known."""
    if call.saves and call.state is State.RIGHT and "save_format" in call.given:
        edits = _without_format(call)
        severity = Severity.ERROR if call.what is What.WEIGHTS else Severity.NOTE
        if edits is None:
            return Finding(call.call, _raises(call), severity, refusal=UNSUPPORTED)
        does = "raises for it" if call.what is What.WEIGHTS else "ignores it beside an extension"
        return Finding(call.call, f"`save_format` is gone: Keras 3 {does}; drop it", severity, tuple(edits))
    if call.saves and call.state is State.UNKNOWN and ("save_format" in call.given or _partly_known(call)):
        return Finding(call.call, _raises(call, "unless it has one"), Severity.WARNING, refusal=UNKNOWN_ENDING)
    save = files.renamed(call) if not call.saves else None
    if save is not None and call.end is not None and not call.end.names:
        edit = _suffixed(call, save.what)
        if edit is not None:
            message = (
                f"the file is saved with the suffix `{_SUFFIX[save.what]}`, without which Keras 3 loads nothing; add it"
            )
            return Finding(call.call, message, Severity.ERROR, (edit,))
    return None


def _partly_known(call: FileCall) -> bool:
    return call.end is not None and all(path.known for path in call.paths)


class _OneRewrite:
    """One file: why its calls can't be changed, or how."""

    def __init__(self, files: KerasFiles, file: OneFile) -> None:
        self.files = files
        self.module = files.module
        self.file = file
        self.what = file.saves[0].what

    def findings(self) -> Iterator[Finding]:
        obstacle = self.obstacle()
        for call in self.file.calls:
            if call.module is not self.module:
                continue
            if obstacle is None:
                edits = self.edits(call)
                if edits:
                    yield Finding(call.call, self.message(call), Severity.ERROR, tuple(edits))
            elif call.saves:
                refusal, detail = obstacle
                yield Finding(call.call, _raises(call), Severity.ERROR, refusal=refusal, detail=detail)

    def message(self, call: FileCall) -> str:
        suffix = _SUFFIX[self.what]
        if call.saves:
            return f"{_raises(call)}; add `{suffix}`, here and where it is loaded"
        return f"`{ast.unparse(call.call.func)}` reads what is saved with the suffix `{suffix}` from now on; add it"

    # Why not. ----------------------------------------------------------------------------------

    def obstacle(self) -> tuple[Refusal, str | None] | None:
        """Return why the file must keep its name, with a sentence that says more."""
        calls, saves, loads = self.file.calls, self.file.saves, self.file.loads
        if any(save.what is not self.what for save in saves) or (
            self.what is What.WEIGHTS and any(load.what is What.MODEL for load in loads)
        ):
            return TWO_KINDS, None
        for call in calls:
            refusal = _arguments(call) or (self.out_of_reach(call) if not self.covered(call) else None)
            if refusal is not None:
                own = call.module is self.module and call.saves
                place = f"`{ast.unparse(call.call.func)}` in line {call.call.lineno} of {call.module.path}"
                return refusal, None if own else f"{place}: {refusal.sentence}"
        if self.taken():
            return NAME_TAKEN, None
        if any(_numbered(path) for path in self.file.paths):
            return SERVED, None
        used = self.files.other_use(self.file)
        if used is not None:
            where, node = used
            code = ast.unparse(where.statement(node)).partition("\n")[0]
            place = "" if where is self.module else f" in {where.path}"
            return READ_ELSEWHERE, f"`{code}`{place} uses the path too, and would not find there what it does today"
        if self.what is What.MODEL and any(self.needs_config(save) for save in saves):
            return NO_CONFIG, None
        if any(load.what is What.MODEL for load in loads) and any(self.holds_lambda(save) for save in saves):
            return LAMBDA, None
        for load in loads:
            if load.model is not None and not self.files.models.built(load.module, load.model):
                return UNBUILT, None
        if any(save.module is self.module and self.folder(save) is None for save in saves):
            return NO_FOLDER, None
        return None

    def taken(self) -> bool:
        """Tell whether another file has the path that this one would get, or would get it too."""
        new = {_renamed(path, self.what) for path in self.file.paths}
        others = [call for call in self.files.everywhere if call not in self.file.calls]
        wrong = [call for call in others if call.saves and call.state is State.WRONG]
        return not new.isdisjoint(path for call in others for path in call.paths) or not new.isdisjoint(
            _renamed(path, call.what) for call in wrong for path in call.paths
        )

    def out_of_reach(self, call: FileCall) -> Refusal | None:
        """Return why a call's path can't be given a suffix."""
        if _suffixed(call, self.what) is None:
            return OUT_OF_REACH
        if call.saves or call.state is not State.RIGHT:
            return None
        # It can be loaded as it is: it must be seen to be this very file.
        alike = any(
            save.module is call.module
            and ast.unparse(save.path) == ast.unparse(call.path)
            and save.module.function(save.call) is call.module.function(call.call)
            for save in self.file.saves
        )
        known = all(not any(isinstance(part, Hole) for part in path.parts) for path in call.paths)
        near = any(_near(save.module, call.module) for save in self.file.saves)
        return None if alike or (known and near) else OUT_OF_REACH

    def covered(self, call: FileCall) -> bool:
        """Tell whether a call's path is a variable of another module, which gets the suffix there."""
        name = call.module.resolve(call.path)
        names = [(each.module, name) for each in self.file.calls if each.end is not None for name in each.end.names]
        return name is not None and any(
            f"{module.id}.{each.id}" == name and module is not call.module
            for module, each in names
            if isinstance(each, ast.Name)
        )

    def needs_config(self, save: FileCall) -> bool:
        """Tell whether a model holds a class that Keras can't save by itself, and that this run doesn't complete."""
        held = (found for model in self.models(save) for found in self.held(save, model).structure)
        judges = (
            Judge(KerasClass(self.files.objects, found), keras_3=True, forms=frozenset({Form.KERAS}))
            for found in held
            if found.kind is not Kind.FUNCTION
        )
        completing = "add-get-config" in self.files.objects.project.codemods
        return any(judge.raises_when_saved() and not (completing and completes(judge)) for judge in judges)

    def holds_lambda(self, save: FileCall) -> bool:
        held = [self.held(save, model) for model in self.models(save)]
        return any(each.wraps_code or each.wrapped or each.lambdas for each in held)

    def models(self, save: FileCall) -> list[ast.expr]:
        return [save.model] if save.model is not None else self.files.objects.fitted_with(save.module, save.call)

    def held(self, save: FileCall, model: ast.expr) -> Contents:
        return self.files.objects.contents(save.module, model)

    # How. --------------------------------------------------------------------------------------

    def edits(self, call: FileCall) -> list[Edit]:
        """Return the edits of one call, with that of the text that its path comes from."""
        suffix = None if self.covered(call) else _suffixed(call, self.what)
        if not call.saves:
            return [*_load_edits(call, suffix)]
        edits: list[Edit] = [suffix] if suffix is not None else []
        return [*edits, *(_without_format(call) or ()), *(self.folder(call) or ())]

    def folder(self, save: FileCall) -> list[Edit] | None:
        """Return the edits that make the folder of a file, None where they can't be told."""
        folders = {folder_of(path) for path in save.paths}
        if save.callback or folders <= {None, FilePath(("/tmp",)), FilePath((".",)), FilePath(("..",))}:
            return []
        if any(re.match(r"\w+:/", str(path.parts[0])) for path in save.paths) or self.made(save):
            return []
        statement = save.module.parent(save.call)
        code = _folder_code(save)
        if code is None or not isinstance(statement, ast.Expr) or None in folders:
            return None
        if _is_there(save.module, code):
            return []
        bound = save.module.scope(save.call).lookup("os")
        if bound is not None and any(each.imported != "os" for each in bound.bindings["os"]):
            return None
        imported: list[Edit] = [] if bound is not None else [AddImport("os")]
        return [*imported, InsertBefore(statement, f"os.makedirs({code}, exist_ok=True)")]

    def made(self, save: FileCall) -> bool:
        """Tell whether the program makes the folder of a file, or one in it."""
        mine = {bare(path) for path in save.paths}
        folders = {folder_of(path) for path in save.paths}
        for call in self.module.find_all(ast.Call):
            word = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if word not in _MAKING:
                continue
            given = call.args[0] if call.args else getattr(call.func, "value", None)
            if isinstance(given, ast.Call) and self.module.resolve(given.func) == "os.path.dirname":
                if {bare(path) for path in paths(self.module, given.args[0])} & mine:
                    return True
            elif given is not None and {bare(path) for path in paths(self.module, given)} & folders:
                return True
        return False


def _near(one: Module, other: Module) -> bool:
    """Tell whether one of two modules stands in the other's folder, or below it."""
    folders = [PurePosixPath(module.path).parent for module in (one, other)]
    return folders[0].is_relative_to(folders[1]) or folders[1].is_relative_to(folders[0])


def _raises(call: FileCall, unless: str = "") -> str:
    """Return what Keras 3 does with a save."""
    function = ast.unparse(call.call.func)
    suffix = "`.weights.h5`" if call.what is What.WEIGHTS else "`.keras`"
    told = "with `save_format` and without" if "save_format" in call.given else "without"
    return f"`{function}` raises under Keras 3 for a path {told} the suffix {suffix}{', ' if unless else ''}{unless}"


def _arguments(call: FileCall) -> Refusal | None:
    """Return why a call can't be made under Keras 3 with the arguments that it has."""
    if any(isinstance(each, ast.Starred) for each in call.call.args) or any(k.arg is None for k in call.call.keywords):
        return UNPACKED
    dropped = {"save_format"} if call.saves and not call.callback else {"period"} if call.callback else set()
    if not call.given.keys() <= _TAKEN | dropped:
        return UNSUPPORTED
    if call.saves and _without_format(call) is None:
        return UNSUPPORTED
    if not call.saves and call.what is What.WEIGHTS and _status(call) is None:
        return UNSUPPORTED
    return None


def _without_format(call: FileCall) -> list[RemoveArgument] | None:
    """Return the edits that take ``save_format`` and ``period=1`` away, None where that isn't possible."""
    edits = []
    for name in ("save_format", "period"):
        value = call.given.get(name)
        if value is None:
            continue
        if name == "period" and not (isinstance(value, ast.Constant) and value.value == 1):
            return None
        if name == "save_format" and not isinstance(value, ast.Name) and not _is_format(value):
            return None
        keyword = next((each for each in call.call.keywords if each.value is value), None)
        if keyword is None and call.call.args[-1] is not value:
            return None
        edits.append(RemoveArgument(call.call, keyword or value))
    return edits


def _is_format(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, str))


def _status(call: FileCall) -> ast.Call | ast.Expr | None:
    """Return the call that asks for the status of a load, or the statement that the load is; None for other uses."""
    parent = call.module.parent(call.call)
    if isinstance(parent, ast.Expr):
        return parent
    if isinstance(parent, ast.Attribute) and parent.attr in _STATUS:
        asked = call.module.parent(parent)
        if isinstance(asked, ast.Call) and isinstance(call.module.parent(asked), ast.Expr):
            return asked
    return None


def _load_edits(call: FileCall, suffix: NodeEdit | None) -> list[Edit]:
    status = _status(call) if call.what is What.WEIGHTS else None
    inner = call.end is not None and not call.end.names
    if isinstance(status, ast.Call):
        within = (suffix,) if suffix is not None and inner else ()
        beside: list[Edit] = [suffix] if suffix is not None and not inner else []
        return [*beside, Replace(status, (Move(call.call, within),))]
    return [suffix] if suffix is not None else []


def _suffixed(call: FileCall, what: What) -> Replace | None:
    """Return the edit that gives a path its suffix, None where its end can't be edited."""
    end = call.end
    if end is None:
        return None
    code = end.respelled(call.module, *_respelling(end.text if end.literal else "", what))
    return Replace(end.node, code) if code is not None else None


def _respelling(text: str, what: What) -> tuple[int, str]:
    """Return how many characters a path loses at its end, and what it gets there."""
    bared = text.rstrip("/")
    bared = bared[: len(bared) - len(next((each for each in _REPLACED[what] if bared.lower().endswith(each)), ""))]
    weights = what is What.WEIGHTS and bared.endswith(".weights")
    return len(text) - len(bared), ".h5" if weights else _SUFFIX[what]


def _renamed(path: FilePath, what: What) -> FilePath:
    """Return the path that a file has from now on."""
    last = path.parts[-1] if path.parts else ""
    if isinstance(last, Hole):
        return joined([*path.parts, _SUFFIX[what]])
    drop, add = _respelling(last, what)
    return joined([*path.parts[:-1], last[: len(last) - drop] + add])


def _numbered(path: FilePath) -> bool:
    last = path.parts[-1] if path.parts else ""
    return isinstance(last, str) and "/" in last and last.rpartition("/")[2].isdigit()


def _folder_code(save: FileCall) -> str | None:
    """Return code for the folder of a file."""
    module, node = save.module, save.path
    source = module.source(node)
    if "\n" in source:
        return None
    match node:
        case ast.Constant(str() as text) if not re.search(r"[\"'\\]", text):
            mark = source[-1]
            return f"{mark}{text.rstrip('/').rpartition('/')[0]}{mark}"
        case ast.Call(function, [*heads, ast.Constant(str() as last)], []) if (
            module.resolve(function) == "os.path.join" and heads and "/" not in last
        ):
            if len(heads) == 1:
                return module.source(heads[0])
            return f"{module.source(function)}({', '.join(module.source(head) for head in heads)})"
        case ast.BinOp(left, ast.Div(), ast.Constant(str() as last)) if "/" not in last:
            return module.source(left)
    folders = {folder.parts if folder is not None else () for folder in map(folder_of, save.paths)}
    if len(folders) == 1 and not isinstance(node, (ast.Name, ast.Attribute)):
        match folders.pop():
            case (str() as text,) if text.isprintable() and not re.search(r"[\"'\\]", text):
                return f"{quote(module)}{text}{quote(module)}"
    pure = all(
        not isinstance(each, ast.Call) or (module.resolve(each.func) or "").startswith(("os.path.", "builtins.str"))
        for each in ast.walk(node)
    )
    return f"os.path.dirname({source})" if pure else None


def _is_there(module: Module, code: str) -> bool:
    """Tell whether code names a folder that is there: a temporary one, or that of the program."""
    if "__file__" in code or "getcwd" in code:
        return code.count(",") == 0
    names = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)]
    if len(names) != 1 or code != names[0].id:
        return False
    for name in module.names.get(code, ()):
        for binding in module.bindings(name):
            around = module.enclosing(binding.node, ast.With)
            made = [item.context_expr for item in around.items] if around is not None else []
            for value in [binding.value, *made]:
                if isinstance(value, ast.Call) and (module.resolve(value.func) or "").startswith("tempfile."):
                    return True
                if value is not None and "__file__" in ast.unparse(value) and "join" not in ast.unparse(value):
                    return True
    return False
