"""What a name means across the modules of a project, read on demand: most files are never parsed."""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
import symtable
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePath
from typing import NamedTuple, TypeVar, cast

from codemods.analysis.callgraph import CallGraph
from codemods.analysis.imports import ImportGraph
from codemods.analysis.module import Function, Module, module_id
from codemods.analysis.names import canonical
from codemods.analysis.texts import Texts

_KEPT = 2_000_000  # characters of source whose trees are kept; with its scopes, a tree takes forty times its source
# A folder of this name in a project is not what its imports mean.
_LIBRARIES = frozenset({"tensorflow", "keras", "tf_keras", "numpy", "torch"})

FoundT = TypeVar("FoundT")
Known = dict[Hashable, tuple[object, Collection[str]]]
"""What was found out about a project, by its name, each with the modules that it depends on."""


class State(NamedTuple):
    """What is known of a project.

    Attributes:
        changes: the number of the state that its modules are in.
        once: what was found out.
        resolved: what names mean.
        traced: which functions are traced.
    """

    changes: int
    once: Known
    resolved: dict[tuple[str, str], str | None]
    traced: dict[tuple[str, str], bool]


class Project:
    """The Python modules and notebooks below one root folder.

    Attributes:
        root: the folder; paths of modules are relative to it, with ``/``.
        target: the TensorFlow version that its code is for, if the user has said so.
        changes: the number of the state that its modules are in.
        codemods: the names of those that are run over it together.
        plan: returns what this run makes of a module's text; None where a module may not count on that.
        excluded: the numbers of the findings in a module, by its path, that this run leaves alone.
    """

    def __init__(
        self,
        root: Path,
        files: Callable[[], Iterable[str]],
        read: Callable[[Path], bytes | None],
        parse: Callable[[Path, bytes], str | None],
        names: Callable[[Path], Iterable[str]] = lambda folder: (),
    ) -> None:
        """Remember how to look things up; nothing is read yet.

        Args:
            root: the project's folder.
            files: returns the paths of all its modules and notebooks, relative to the root.
            read: returns a file's bytes, None if it can't be read.
            parse: returns the Python text of a file's bytes (a notebook's cells joined), None if it has none.
            names: returns the names of all files in a folder.
        """
        self.root = root
        self.target: str | None = None
        self._numbers = itertools.count(1)
        self.changes = 0
        self.codemods: tuple[str, ...] = ()
        self.plan: Callable[[str], str | None] | None = None
        self.excluded: Mapping[str, Collection[int]] = {}
        self._planning: frozenset[str] = frozenset()
        self._plans: dict[tuple[str, frozenset[str]], Module | None] = {}
        self._added: set[str] = set()
        self._files = files
        self._read = read
        self._parse = parse
        self._names = names
        self._modules: OrderedDict[str, Module | None] = OrderedDict()
        self._sound: set[str] = set()
        self._size = 0  # of the texts of the modules in memory
        self._resolving: set[tuple[str, str]] = set()
        self._resolved: dict[tuple[str, str], str | None] = {}
        self._found: dict[tuple[str, str], tuple[str | None, str]] = {}
        self._once: Known = {}

    @classmethod
    def of(cls, files: Mapping[str, str]) -> Project:
        """Return a project of modules held in memory, by path."""
        return cls(
            Path(),
            files=lambda: files,
            read=lambda path: files[path.as_posix()].encode() if path.as_posix() in files else None,
            parse=lambda _, data: data.decode(),
            names=lambda folder: [PurePath(path).name for path in files if PurePath(path).parent == folder],
        )

    @cached_property
    def files(self) -> frozenset[str]:
        """The paths of all modules and notebooks."""
        return frozenset(self._files())

    @cached_property
    def _words(self) -> frozenset[str]:
        """Every name of a folder or module: what no other name can begin with needs no search."""
        return frozenset(part.removesuffix(".py") for path in self.files for part in path.split("/"))

    @cached_property
    def _by_id(self) -> dict[str, str]:
        return {module_id(path): path for path in sorted(self.files, reverse=True)}

    def add(self, module: Module) -> None:
        """Make a module, as it stands now, the one that others of the project see."""
        self._added.add(module.path)
        self.forget(module.path)
        self._keep(module.path, module)
        self._changed(module.path)

    @property
    def state(self) -> State:
        """What is known of the project, as long as its modules stand as they do."""
        return State(self.changes, self._once, self._resolved, self.calls.known)

    def restore(self, modules: Iterable[Module], state: State) -> None:
        """Make some modules, as they stood before, those that others of the project see.

        Args:
            modules: the modules.
            state: what was known of the project when they did.
        """
        for module in modules:
            self.add(module)
            if self._text(module.path) == module.text:
                self._added.discard(module.path)
        self.changes, self._once, self._resolved, self.calls.known = state

    def _changed(self, path: str) -> None:
        # What was known before is left as it is: the modules may come to stand like that again.
        self.changes = next(self._numbers)
        self._resolved = {}
        self.calls.changed(path)
        same = self.imports.changed(path)
        self._once = {what: each for what, each in self._once.items() if same and path not in each[1]}

    @contextlib.contextmanager
    def planning(self, path: str) -> Iterator[None]:
        """Make what becomes of a module in this run, during which nothing can be known of it."""
        around = self._planning
        self._planning |= {path}
        try:
            yield
        finally:
            self._planning = around

    def planned(self, path: str) -> Module | None:
        """Return a module as this run will leave it, None where that can't be known."""
        if self.plan is None or path in self._planning:
            return None
        key = path, self._planning
        if key not in self._plans:
            with self._as_read():
                text = self.plan(path)
            self._plans[key] = Module(text, path, self) if text is not None else None
        return self._plans[key]

    @contextlib.contextmanager
    def _as_read(self) -> Iterator[None]:
        """See all modules as their files are."""
        edited = [module for path in sorted(self._added) if (module := self._modules.get(path)) is not None]
        state = self.state
        for module in edited:
            self.forget(module.path)
            self._changed(module.path)
        try:
            yield
        finally:
            self.restore(edited, state)

    def edited(self, path: str) -> Module | None:
        """Return a module that may not stand as it is in its file, None for those that do."""
        return self._modules.get(path) if path in self._added else None

    def forget(self, path: str) -> None:
        """Read a module from its file again when it is next asked for."""
        module = self._modules.pop(path, None)
        self._size -= len(module.text) if module is not None else 0

    def module(self, path: str) -> Module | None:
        """Return a module of the project, None if it can't be read or parsed."""
        if path not in self._modules:
            self._keep(path, self._load(path))
        self._modules.move_to_end(path)
        return self._modules[path]

    def _keep(self, path: str, module: Module | None) -> None:
        self._modules[path] = module
        self._size += len(module.text) if module is not None else 0
        while self._size > _KEPT and len(self._modules) > 1:
            self.forget(next(iter(self._modules)))

    def _load(self, path: str) -> Module | None:
        text = self._text(path)
        if text is None:
            return None
        try:
            return Module(text, path, self)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    def _text(self, path: str) -> str | None:
        data = self._read(self.root / path)
        return None if data is None else self._parse(self.root / path, data)

    def tree(self, path: str) -> ast.Module | None:
        """Return a module's tree, which isn't kept; None if it can't be read or parsed."""
        module = self._modules.get(path)
        if module is not None:
            return module.tree
        text = self._text(path)
        try:
            tree = None if text is None else ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        self.imports.read(path, tree)
        return tree

    def is_python(self, path: str) -> bool:
        """Tell whether a module can be read and parsed."""
        if path not in self._sound and self._modules.get(path) is None:
            text = self._text(path)
            try:
                self.check(path, text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return self.tree(path) is not None
            return text is not None
        return True

    def check(self, path: str, text: str | None) -> None:
        """Raise what is wrong with the syntax of a module that stands as it is in its file.

        Args:
            path: the module.
            text: its text; None if it has none.
        """
        if path not in self._sound and text is not None:
            check_syntax(text)
            self._sound.add(path)

    @cached_property
    def texts(self) -> Texts:
        """The files as bytes."""
        return Texts(self.files, self.read)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of any file below the root, None if it can't be read."""
        return self._read(self.root / path)

    def names(self, folder: PurePath) -> Iterable[str]:
        """Return the names of all files in a folder, which is relative to the root."""
        return self._names(self.root / folder)

    @cached_property
    def calls(self) -> CallGraph:
        """Who calls whom."""
        return CallGraph(self)

    @cached_property
    def imports(self) -> ImportGraph:
        """Who imports whom."""
        return ImportGraph(self)

    def mentioning(self, *words: str) -> list[str]:
        """Return the paths of the files that hold any of some words, sorted.

        Args:
            words: texts such as ``train`` or ``.train``; where one starts or ends with a letter, so does
                a word of the file there.
        """
        return sorted({path for word in words for path in self.texts.holding(word)})

    def matching(self, pattern: re.Pattern[bytes], paths: Iterable[str]) -> list[str]:
        """Return those of some files that may hold code which matches a group of a pattern.

        These are all notebooks too, and what doesn't stand as it is in its file.

        Args:
            pattern: the pattern, for bytes; what it matches without a group is passed over.
            paths: the files.
        """
        return [
            path
            for path in paths
            if path.endswith(".ipynb") or path in self._added or self.texts.matches(pattern, path)
        ]

    def calling(self, name: str) -> list[str]:
        """Return the paths of the files in which a name may be called, or be given another name, sorted."""
        no_value = r"(?![ \t]*(?:[.\[:=+*/%<>!|&^@-]|\w))"
        return self.texts.holding(name, rf"(?<!\bdef {name})(?<!\bclass {name})(?:[ \t]+as\b|{no_value})")

    def once(self, what: Hashable, find: Callable[[], FoundT], within: Collection[str] | None = None) -> FoundT:
        """Return what is found out about the project, once for as long as no module changes.

        Args:
            what: its name.
            find: finds it out.
            within: the paths of the modules that it depends on, with all that they import; None for all of the project.
        """
        if what not in self._once:
            self._once[what] = find(), self.files if within is None else within
        return cast("FoundT", self._once[what][0])

    def importing(self, path: str, name: str) -> list[str]:
        """Return the paths of the files that may have a name from a module, maybe by way of others, sorted."""
        holding = self.texts.holding(name)
        passing_on = {*holding, *self.texts.holding("import", r"\s*\*")}
        found = {path}
        pending = [path]
        while pending:
            module = pending.pop()
            others = self.texts.importing(module_id(module).rpartition(".")[2])
            if module.endswith("__init__.py"):  # which its own modules need not name
                folder = module.removesuffix("__init__.py")
                relative = self.texts.holding("from", r"[ \t]+\.+[ \t]*import")
                others = [*others, *(other for other in relative if other.startswith(folder))]
            for other in others:
                if other in passing_on and other not in found:
                    found.add(other)
                    pending.append(other)
        return [other for other in holding if other in found and other != path]

    # Names. ------------------------------------------------------------------------------------

    def find(self, name: str, importer: str) -> tuple[str | None, str]:
        """Return the module that a dotted name starts with, and what is left of the name.

        Args:
            name: a dotted name as an import has it; leading dots are relative to the importer.
            importer: the path of the module that has the import.
        """
        folder = importer.rpartition("/")[0]
        key = name, folder
        if key not in self._found:
            self._found[key] = self._find(name, folder)
        return self._found[key]

    def _find(self, name: str, folder: str) -> tuple[str | None, str]:
        if name.startswith("."):
            rest = name.lstrip(".")
            return self._below(_above(folder, len(name) - len(rest) - 1), rest)
        first = name.partition(".")[0]
        if first in _LIBRARIES or first not in self._words:
            return None, name
        while True:
            path, rest = self._below(folder, name)
            if path is not None:
                return path, rest
            if not folder:
                break
            folder = _above(folder, 1)
        return self._below("src", name)

    def _below(self, base: str, name: str) -> tuple[str | None, str]:
        parts = name.split(".") if name else []
        for length in range(len(parts), 0, -1):
            stem = "/".join([base, *parts[:length]] if base else parts[:length])
            for path in (f"{stem}.py", f"{stem}/__init__.py"):
                if path in self.files:
                    return path, ".".join(parts[length:])
        return None, name

    def resolve(self, name: str, importer: str) -> str | None:
        """Return the qualified name that a dotted name means, None if the project doesn't define it.

        Args:
            name: a dotted name as an import has it, or the qualified name of a project's definition.
            importer: the path of the module that uses it.
        """
        top, _, rest = name.partition(".")
        if rest and top in _LIBRARIES:
            return None
        key = name, importer if name.startswith(".") else importer.rpartition("/")[0]
        if key in self._resolved:
            return self._resolved[key]
        if key in self._resolving:
            return None
        self._resolving.add(key)
        try:
            found = self._resolve(name, importer)
        finally:
            self._resolving.discard(key)
        if not self._resolving:  # inside a cycle of imports, a name may be found by another way round
            self._resolved[key] = found
        return found

    def _resolve(self, name: str, importer: str) -> str | None:
        path, rest = self.find_here(name, importer)
        if path is None:
            return None
        identity = module_id(path)
        if not rest:
            return identity
        first, _, others = rest.partition(".")
        if self._defines(path, first):
            return canonical(f"{identity}.{rest}")
        module = self.module(path)
        found = module.exported(first) if module is not None else None
        if found is None:
            return f"{identity}.{rest}"
        full = f"{found}.{others}".rstrip(".")
        return canonical(full)

    def find_here(self, name: str, importer: str) -> tuple[str | None, str]:
        """Do as ``find`` does; a relative name may also be an attribute of the package that it is relative to."""
        path, rest = self.find(name, importer)
        return self._package(name, importer) if path is None and name.startswith(".") else (path, rest)

    def _defines(self, path: str, name: str) -> bool:
        """Tell whether a module that isn't parsed yet has a function or class of a name, which it means to all then."""
        if path in self._modules:
            return False
        definition = rb"^(?:async )?(?:def|class) %s\b" % name.encode()
        return re.search(definition, self.texts.data(path), re.MULTILINE) is not None

    def _package(self, name: str, importer: str) -> tuple[str | None, str]:
        """Look a relative name up as an attribute of the package it is relative to."""
        rest = name.lstrip(".")
        folder = _above(importer.rpartition("/")[0], len(name) - len(rest) - 1)
        path = f"{folder}/__init__.py".lstrip("/")
        return (path, rest) if path in self.files else (None, name)

    def definition(self, name: str | None) -> tuple[Module, Function | ast.ClassDef] | None:
        """Return the function or class that a qualified name of this project means, with its module."""
        parts = name.split(".") if name else []
        for length in range(len(parts) - 1, 0, -1):
            path = self._by_id.get(".".join(parts[:length]))
            module = self.module(path) if path is not None else None
            if module is not None:
                node = module.definition(".".join(parts[length:]))
                if node is not None:
                    return module, node
        return None


def check_syntax(text: str) -> None:
    """Raise what is wrong with the syntax of a text."""
    # The fastest way to have all of Python's syntax checked: no tree is made.
    symtable.symtable(text, "<module>", "exec")


def _above(folder: str, levels: int) -> str:
    for _ in range(levels):
        folder = folder.rpartition("/")[0]
    return folder
