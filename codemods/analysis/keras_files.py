"""Which calls write and read one file of a Keras model, and what else in the project uses its path."""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from codemods.analysis.keras_models import KerasModels
from codemods.analysis.keras_objects import KerasObjects, arguments_by_name
from codemods.analysis.module import Module
from codemods.analysis.path_ends import End, end_of, is_number
from codemods.analysis.paths import FilePath, Hole, Match, joined, paths, template
from codemods.analysis.project import Project
from codemods.analysis.target import runs_keras_3


class What(enum.Enum):
    """What a file holds."""

    MODEL = "model"
    WEIGHTS = "weights"


class State(enum.Enum):
    """Whether Keras 3 takes a path."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class FileCall:
    """A call that saves or loads a model or its weights.

    Attributes:
        module: the module it stands in.
        call: the call.
        saves: it saves.
        what: a model or weights.
        callback: it makes a callback that saves when the model is trained.
        model: the model; None for a callback, and for a load that makes one.
        given: its arguments by name.
        path: the file.
        paths: all that the path may be.
    """

    module: Module
    call: ast.Call
    saves: bool
    what: What
    callback: bool
    model: ast.expr | None
    given: dict[str, ast.expr]
    path: ast.expr
    paths: tuple[FilePath, ...]

    @cached_property
    def end(self) -> End | None:
        """Where the path's text ends in the source."""
        return end_of(self.module, self.path)

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The endings that Keras 3 takes."""
        if self.what is What.WEIGHTS:
            return (".weights.h5",) if self.saves else (".weights.h5", ".weights.json", ".keras", ".h5", ".hdf5")
        return (".keras", ".h5") if self.callback else (".keras", ".h5", ".hdf5")

    @property
    def settled(self) -> bool:
        """Whether there is nothing to say about it, whatever other calls do."""
        if self.saves:
            return self.state is State.RIGHT and "save_format" not in self.given
        suffixes = (".weights.h5", ".keras") if self.what is What.WEIGHTS else (".keras", ".h5")
        return all(str(path.parts[-1]).endswith(suffixes) for path in self.paths if path.parts)

    @cached_property
    def state(self) -> State:
        """Whether Keras 3 takes the path."""
        states = {self._state(path) for path in self.paths}
        return states.pop() if len(states) == 1 else State.UNKNOWN

    def _state(self, path: FilePath) -> State:
        last = path.parts[-1] if path.parts else ""
        if path.parts and str(path.parts[0]).startswith("hf:/"):
            return State.RIGHT
        if isinstance(last, str):
            return State.RIGHT if last.endswith(self.suffixes) else State.WRONG
        number = self.end is not None and is_number(self.module, self.end.last)
        filled = self.callback and self.end is not None and self.end.text.endswith("}")
        return State.WRONG if number or filled else State.UNKNOWN


@dataclass(eq=False)
class OneFile:
    """The calls that save and load one file that Keras 3 doesn't take the path of."""

    saves: list[FileCall]
    loads: list[FileCall] = field(default_factory=list)

    @property
    def calls(self) -> list[FileCall]:
        """All of them."""
        return [*self.saves, *self.loads]

    @cached_property
    def paths(self) -> list[FilePath]:
        """All that its path may be, without a slash at the end."""
        return list(dict.fromkeys(bare(path) for save in self.saves for path in save.paths))

    def match(self, path: FilePath) -> Match:
        """Return how sure it is that a path is this file's."""
        path = bare(path)
        known = [mine for mine in self.paths if mine.known or mine.parts == path.parts]
        return max((path.match(mine) for mine in known), default=Match.NO)


class KerasFiles:
    """The files of Keras models that the project around a module saves and loads."""

    def __init__(self, module: Module) -> None:
        """Take a module, as it stands now."""
        self.module = module
        self.project = module.project or Project(Path(), list, lambda _: None, lambda _, __: None)
        self.objects = KerasObjects(self.project)
        self.models = KerasModels(self.objects)
        self._calls: dict[str, list[FileCall]] = {}

    def calls(self, module: Module) -> list[FileCall]:
        """Return the calls of a module that save or load."""
        if module.path not in self._calls:
            found = (self._call(module, call) for call in module.find_all(ast.Call))
            self._calls[module.path] = [call for call in found if call is not None]
        return self._calls[module.path]

    def _call(self, module: Module, call: ast.Call) -> FileCall | None:
        word = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if word and word not in _WORDS:
            return None
        name = module.resolve(call.func)
        if name is None and word in _METHODS and isinstance(call.func, ast.Attribute):
            names, saves, what = _METHODS[word]
            # The model first: to find out what a path may be can take a search of the project.
            if "filepath" not in arguments_by_name(call, names) or not self.models.origins(module, call.func.value):
                return None
            found = self._described(module, call, names, saves, what)
            return replace(found, model=call.func.value) if found is not None else None
        if name in _FUNCTIONS:
            names, saves, what = _FUNCTIONS[name]
            return self._described(module, call, names, saves, what)
        return None

    def _described(
        self, module: Module, call: ast.Call, names: tuple[str, ...], saves: bool, what: What
    ) -> FileCall | None:
        given = arguments_by_name(call, names)
        path = given.get("filepath")
        if path is None or isinstance(path, ast.Starred) or not given.keys().isdisjoint(_OTHER_FORMS):
            return None
        callback = "save_weights_only" in names
        if callback and "save_weights_only" in given:
            only = given["save_weights_only"]
            if not isinstance(only, ast.Constant):
                return None
            what = What.WEIGHTS if only.value else What.MODEL
        found = [each for frame in self.objects.frames(module, call, [path]) for each in paths(module, path, frame)]
        found = [template(each) for each in found] if callback else found
        model = given.get("model")
        return FileCall(module, call, saves, what, callback, model, given, path, tuple(dict.fromkeys(found)))

    @cached_property
    def everywhere(self) -> list[FileCall]:
        """The calls of all modules that save or load with Keras 3."""
        words = [*(f".{method}(" for method in _METHODS), "save_model", "load_model", "ModelCheckpoint"]
        modules = list(self.objects.modules(self.module, *words))
        return [
            call for module in modules if self.calls(module) and runs_keras_3(module) for call in self.calls(module)
        ]

    def files(self) -> list[OneFile]:
        """Return the files of the project whose paths Keras 3 doesn't take, with all that saves and loads them."""
        found: list[OneFile] = []
        for save in self.everywhere:
            if not save.saves or save.state is not State.WRONG:
                continue
            same = [file for file in found if any(_same(save, other) for other in file.saves)]
            merged = OneFile([*(each for file in same for each in file.saves), save])
            found = [*(file for file in found if file not in same), merged]
        right = [save for save in self.everywhere if save.saves and save.state is State.RIGHT]
        for load in self.everywhere:
            own = (save for save in right if save.module is load.module and save.what is load.what)
            if load.saves or any(_same(save, load) for save in own):
                continue
            rated = [(max(file.match(path) for path in load.paths), file) for file in found]
            best = max((match for match, _ in rated), default=Match.NO)
            if best >= Match.POSSIBLE and any(path.known for path in load.paths):
                near = [file for match, file in rated if match is best]
                fitting = [file for file in near if file.saves[0].what is load.what]
                (fitting or near)[0].loads.append(load)
        return found

    def renamed(self, load: FileCall) -> FileCall | None:
        """Return the save of a file that a load means by the name it had before it got its suffix."""
        if load.state is not State.WRONG:
            return None
        for save in self.everywhere:
            if save.saves and save.state is State.RIGHT and save.what is load.what:
                stems = [_stem(path, save.suffixes) for path in save.paths]
                if all(any(bare(path).match(stem) is Match.EXACT for stem in stems) for path in load.paths):
                    return save
        return None

    # What else uses a path. --------------------------------------------------------------------

    def other_use(self, file: OneFile) -> tuple[Module, ast.AST] | None:
        """Return code other than the file's own saves and loads that uses its path, or may."""
        modules = {call.module.path: call.module for call in file.calls}
        own = {call.call for call in file.calls}
        names = [(call.module, name) for call in file.calls if call.end is not None for name in call.end.names]
        known = {name for _, name in names}
        for module, name in names:
            for use in _reads(module, name):
                asking = _asks_for_model(module, use, file)
                if asking is not None:
                    own.add(asking)
                if use not in known and not _harmless(module, use) and asking is None:
                    return module, use
            other = self._imported(module, name, own)
            if other is not None:
                return other
        words = {word for path in file.paths if (word := _word(path))}
        for each in self.objects.modules(self.module, *words) if words else ():
            modules[each.path] = each
        for module in modules.values():
            if not runs_keras_3(module):
                # A program of its own: Keras 2 can't load what Keras 3 saves.
                own |= {call.call for call in self.calls(module)}
            near = any(call.module is module for call in file.calls)
            for call in module.find_all(ast.Call):
                if call not in own and self._uses(module, call, file, near):
                    return module, call
        return None

    def _imported(
        self, module: Module, name: ast.Name | ast.Attribute, own: set[ast.Call]
    ) -> tuple[Module, ast.AST] | None:
        """Return a use of a variable in another module, other than to load the file."""
        word = name.id if isinstance(name, ast.Name) else "." + name.attr
        scope = module.scope(name).lookup(name.id) if isinstance(name, ast.Name) else None
        if scope is not None and scope.parent is not None:
            return None
        for other in self.objects.modules(module, word):
            if other is module:
                continue
            if isinstance(name, ast.Attribute):
                return other, other.tree.body[0]
            for node in [*other.names.get(name.id, ()), *other.attributes.get(name.id, ())]:
                if isinstance(node.ctx, ast.Load) and self._is(module, other, node):
                    parent = other.parent(node)
                    parent = other.parent(parent) if isinstance(parent, ast.keyword) else parent
                    if parent not in own and not _harmless(other, node):
                        return other, node
        return None

    def _is(self, module: Module, other: Module, node: ast.expr) -> bool:
        name = other.resolve(node)
        return name is not None and name.startswith(module.id + ".")

    def _uses(self, module: Module, call: ast.Call, file: OneFile, near: bool) -> bool:
        """Tell whether a call uses a file's path, its folder's listing, or may use it."""
        name = module.resolve(call.func)
        word = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if name is not None and name.startswith(("os.system", "os.popen", "subprocess.")):
            texts = {each.value for node in given for each in ast.walk(node) if isinstance(each, ast.Constant)}
            return any(_word(path) in text for path in file.paths for text in texts if isinstance(text, str))
        if isinstance(call.func, ast.Attribute) and name is None and word in _PATH_METHODS:
            given = [call.func.value, *given]
        elif not _opens(name, word):
            return False
        for node in given:
            if isinstance(node, ast.Constant) and not isinstance(node.value, str):
                continue
            for path in paths(module, node):
                if any(_lists(word, path, mine) or _inside(path, mine) for mine in file.paths):
                    return True
                if path.known and file.match(path) >= Match.POSSIBLE:
                    return True
                if near and not path.known and word in _UNKNOWN[file.saves[0].what]:
                    return word != "load" or name == "tensorflow.saved_model.load"
        return False


_SAVE = ("filepath", "overwrite", "save_format")
_METHODS = {
    "save": (_SAVE, True, What.MODEL),
    "save_weights": (_SAVE, True, What.WEIGHTS),
    "load_weights": (("filepath", "skip_mismatch", "by_name", "options"), False, What.WEIGHTS),
}
_CHECKPOINT = (
    "filepath", "monitor", "verbose", "save_best_only", "save_weights_only", "mode", "save_freq",
)  # fmt: skip
_LOAD = ("filepath", "custom_objects", "compile", "safe_mode")
_FUNCTIONS = {
    **dict.fromkeys(("keras.models.save_model", "keras.saving.save_model"), (("model", *_SAVE), True, What.MODEL)),
    **dict.fromkeys(("keras.models.load_model", "keras.saving.load_model"), (_LOAD, False, What.MODEL)),
    "keras.callbacks.ModelCheckpoint": (_CHECKPOINT, True, What.MODEL),
}
# With these, Keras 3 writes a folder or several files, and takes other names.
_OTHER_FORMS = {"zipped", "max_shard_size"}

# What reads these may read a file whose path can't be told.
_UNKNOWN = {
    What.MODEL: {"from_saved_model", "TFSMLayer", "contains_saved_model", "load"},
    What.WEIGHTS: {"latest_checkpoint", "get_checkpoint_state"},
}
_LISTING = frozenset({
    "listdir", "scandir", "walk", "glob", "iglob", "rglob", "iterdir", "latest_checkpoint", "get_checkpoint_state",
    "ListDirectory", "Glob", "list_files", "CheckpointManager",
})  # fmt: skip
# How the files end that Keras writes for a model or its weights.
_WRITTEN = (".keras", ".h5", ".pb", ".index", ".data")
_PATH_METHODS = frozenset({
    "exists", "is_dir", "is_file", "iterdir", "glob", "rglob", "mkdir", "unlink", "rmdir", "rename", "replace", "stat",
    "open", "read_bytes", "write_bytes", "touch", "with_suffix", "with_name", "relative_to",
})  # fmt: skip
_TENSORFLOW = tuple(
    f"tensorflow.{part}"
    for part in ("saved_model.", "train.", "lite.", "io.", "summary.create", "compat.v1.", "data.", "experimental.")
)
_PURE = frozenset({
    "join", "dirname", "basename", "split", "splitext", "abspath", "expanduser", "realpath", "normpath", "fspath",
})  # fmt: skip
# Methods of texts, lists, dicts, loggers and the like.
_PLAIN_METHODS = frozenset({
    "append", "extend", "add", "insert", "get", "pop", "setdefault", "update", "count", "index", "remove",
    "join", "format", "startswith", "endswith", "replace", "split", "rsplit", "partition", "strip", "rstrip",
    "encode", "lower", "upper", "info", "debug", "warning", "warn", "error", "exception", "critical", "log", "print",
    "write", "add_argument", "add_parser", "set_defaults", "get_layer",
})  # fmt: skip
_TELLING = frozenset({"print", "info", "debug", "warning", "warn", "error", "log", "write", "exception"})


def _opens(name: str | None, word: str) -> bool:
    """Tell whether what is called may open the file at a path that it is given."""
    if name is None:
        return word not in _PLAIN_METHODS
    if name.startswith("builtins."):
        return name == "builtins.open"
    if name.startswith("tensorflow."):
        return name.startswith(_TENSORFLOW)
    if name.startswith("keras."):
        return word == "TFSMLayer" or name.startswith("keras.callbacks.")
    if name.startswith(("os.path.", "os.fspath")):
        return word not in _PURE
    return not name.startswith(("logging.", "absl.", "pathlib.", "argparse.", "numpy.random.", "typing.", "click."))


def _reads(module: Module, name: ast.Name | ast.Attribute) -> Iterator[ast.expr]:
    """Yield the places that read a variable or an attribute."""
    if isinstance(name, ast.Attribute):
        yield from (each for each in module.attributes[name.attr] if isinstance(each.ctx, ast.Load))
        return
    scope = module.scope(name).lookup(name.id)
    if scope is not None:
        yield from (each for each in module.uses(scope, name.id) if isinstance(each.ctx, ast.Load))


def _harmless(module: Module, use: ast.expr) -> bool:
    """Tell whether a path is only printed, tested for being there at all, or asked for its folder to be made."""
    node, parent = use, module.parent(use)
    while isinstance(parent, (ast.FormattedValue, ast.JoinedStr, ast.BinOp, ast.keyword)):
        node, parent = parent, module.parent(parent)  # type: ignore[assignment]
    if isinstance(parent, (ast.If, ast.IfExp, ast.UnaryOp, ast.BoolOp)):
        return node is use
    if not isinstance(parent, ast.Call) or parent.func is node:
        return False
    word = parent.func.attr if isinstance(parent.func, ast.Attribute) else getattr(parent.func, "id", "")
    if word in _TELLING:
        return True
    around = module.parent(parent)
    made = isinstance(around, ast.Call) and getattr(around.func, "attr", "") in {"makedirs", "mkdir"}
    return module.resolve(parent.func) == "os.path.dirname" and made


def _asks_for_model(module: Module, use: ast.expr, file: OneFile) -> ast.Call | None:
    """Return the call that asks whether a whole model is at a path: without a suffix, Keras 3 can't load what is."""
    parent = module.parent(use)
    if isinstance(parent, ast.Call):
        asks = module.resolve(parent.func) == "os.path.exists"
    else:
        asks = isinstance(parent, ast.Attribute) and parent.attr == "exists"  # of a ``pathlib.Path``
        method, parent = parent, module.parent(parent) if parent is not None else None
        asks = asks and isinstance(parent, ast.Call) and parent.func is method
    wrong = all(each.what is What.MODEL and each.state is State.WRONG for each in file.calls)
    return parent if isinstance(parent, ast.Call) and asks and wrong else None


def _same(one: FileCall, other: FileCall) -> bool:
    """Tell whether two calls may be about one file, or get their paths from one text."""
    if one.end is not None and other.end is not None and one.end.node is other.end.node:
        return True
    pairs = [(bare(a), bare(b)) for a in one.paths for b in other.paths]
    return any(a.match(b) >= (Match.POSSIBLE if a.known and b.known else Match.EXACT) for a, b in pairs)


def bare(path: FilePath) -> FilePath:
    """Return a path without a slash at its end."""
    last = path.parts[-1] if path.parts else ""
    if not isinstance(last, str) or not last.endswith("/"):
        return path
    return joined([*path.parts[:-1], last.rstrip("/")])


def _stem(path: FilePath, suffixes: tuple[str, ...]) -> FilePath:
    last = path.parts[-1]
    assert isinstance(last, str)
    suffix = next(each for each in suffixes if last.endswith(each))
    return joined([*path.parts[:-1], last.removesuffix(suffix)])


def folder_of(path: FilePath) -> FilePath | None:
    """Return the folder that a path names; None where it names none."""
    parts = list(bare(path).parts)
    while parts:
        last = parts.pop()
        if isinstance(last, str) and "/" in last:
            return joined([*parts, last.rpartition("/")[0]])
    return None


def _word(path: FilePath) -> str:
    """Return the text that a path's last part has, as far as it is known."""
    texts = [part for part in path.parts if isinstance(part, str) and part.strip("/.")]
    return texts[-1].rstrip("/").rpartition("/")[2] if texts else ""


def _inside(path: FilePath, folder: FilePath) -> bool:
    """Tell whether a path names something inside a folder."""
    kept = path.parts[: len(folder.parts)]
    if not folder.known or len(kept) < len(folder.parts) or kept[:-1] != folder.parts[:-1]:
        return False
    mine, last = kept[-1], folder.parts[-1]
    if isinstance(mine, Hole) or isinstance(last, Hole):
        following = path.parts[len(folder.parts) :][:1]
        return mine == last and bool(following) and str(following[0]).startswith("/")
    return mine.startswith((last + "/", last + ".index", last + ".data-"))


def _lists(word: str, path: FilePath, file: FilePath) -> bool:
    """Tell whether a call looks what there is in the folder of a file."""
    folder = folder_of(file)
    if word not in _LISTING:
        return False
    last = path.parts[-1] if path.parts else ""
    name = file.parts[-1] if file.parts else ""
    wanted = re.search(r"\*[^*?\[\]/]*(\.[^*?\[\]/.]+)$", last) if isinstance(last, str) else None
    if wanted and not wanted[1].startswith(_WRITTEN) and isinstance(name, str) and not name.endswith(wanted[1]):
        return False
    plain = joined([*path.parts[:-1], last.partition("*")[0].rstrip("/")]) if isinstance(last, str) else path
    first, start = file.parts[0], path.parts[0] if len(path.parts) == 1 else None
    if isinstance(first, str) and isinstance(start, str) and "*" in start and first.startswith(start.partition("*")[0]):
        return True
    here = folder is None and not plain.known and not any(isinstance(part, Hole) for part in plain.parts)
    return here or (folder is not None and plain.parts == folder.parts)


_WORDS = {*_METHODS, *(name.rpartition(".")[2] for name in _FUNCTIONS)}
