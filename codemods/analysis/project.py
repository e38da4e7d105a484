"""What a name means across the modules of a project, read on demand: most files are never parsed."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePath

from codemods.analysis.callgraph import CallGraph
from codemods.analysis.module import Function, Module, module_id
from codemods.analysis.names import canonical

_KEPT = 1_500_000  # characters of source whose trees are kept; a tree takes some sixty times its source
_KEPT_BYTES = 48_000_000  # of a project's files, kept to be searched again
# A folder of this name in a project is not what its imports mean.
_LIBRARIES = frozenset({"tensorflow", "keras", "tf_keras", "numpy", "torch"})

# Files in a row, their paths, and where each ends.
_Block = tuple[bytearray, list[str], list[int]]


class Project:
    """The Python modules and notebooks below one root folder.

    Attributes:
        root: the folder; paths of modules are relative to it, with ``/``.
        target: the TensorFlow version that its code is for, if the user has said so.
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
        self._files = files
        self._read = read
        self._parse = parse
        self._names = names
        self._modules: OrderedDict[str, Module | None] = OrderedDict()
        self._size = 0  # of the texts of the modules in memory
        self._resolving: set[tuple[str, str]] = set()
        self._mentions: dict[str, list[str]] = {}
        self._calling: dict[str, list[str]] = {}
        self._resolved: dict[tuple[str, str], str | None] = {}
        self._kept: _Block | None = None

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
        self.forget(module.path)
        self._resolved.clear()
        self.calls.changed(module.path)
        self._keep(module.path, module)

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
            return None if text is None else ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    @cached_property
    def function_names(self) -> frozenset[str]:
        """The names of all functions that the project's modules define."""
        found = {name for data in self._contents() for name in re.findall(rb"def\s+([A-Za-z_]\w*)", data)}
        return frozenset(name.decode() for name in found)

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

    def mentioning(self, *words: str) -> list[str]:
        """Return the paths of the files that hold any of some words, sorted.

        Args:
            words: texts such as ``train`` or ``.train``; where one starts or ends with a letter, so does
                a word of the file there.
        """
        found: set[str] = set()
        for word in words:
            if word not in self._mentions:
                start = r"\b" if word[0].isidentifier() else ""
                end = r"\b" if word[-1].isidentifier() else ""
                self._mentions[word] = list(self._search(word, f"{start}{re.escape(word)}{end}"))
            found.update(self._mentions[word])
        return sorted(found)

    def calling(self, name: str) -> list[str]:
        """Return the paths of the files in which a name may be called, or be given another name, sorted."""
        if name not in self._calling:
            no_value = r"(?![ \t]*(?:[.\[:=+*/%<>!|&^@-]|\w))"
            self._calling[name] = list(
                self._search(name, rf"(?<!\bdef )(?<!\bclass )\b{name}\b(?:[ \t]+as\b|{no_value})")
            )
        return self._calling[name]

    def _search(self, word: str, pattern: str) -> Iterator[str]:
        """Yield the paths of the files in which a pattern is found that starts with a word."""
        whole = re.compile(pattern.encode())
        plain = word.encode()
        for data, paths, ends in self._blocks():
            position = data.find(plain)
            while position >= 0:
                number = bisect_right(ends, position)
                if whole.search(data, position, ends[number]):
                    yield paths[number]
                position = data.find(plain, ends[number])

    def _contents(self) -> Iterator[bytearray]:
        return (data for data, _, _ in self._blocks())

    def _blocks(self) -> Iterator[_Block]:
        """Yield the bytes of all files, many at once: to search few long texts is much faster than many short ones."""
        if self._kept is not None:
            yield self._kept
            return
        data = bytearray()
        paths: list[str] = []
        ends: list[int] = []
        whole = True
        for path in sorted(self.files):
            if len(data) > _KEPT_BYTES:
                whole = False
                yield data, paths, ends
                data, paths, ends = bytearray(), [], []
            data += self._read(self.root / path) or b""
            data += b"\n"
            paths.append(path)
            ends.append(len(data))
        if whole:
            self._kept = data, paths, ends
        yield data, paths, ends

    # Names. ------------------------------------------------------------------------------------

    def find(self, name: str, importer: str) -> tuple[str | None, str]:
        """Return the module that a dotted name starts with, and what is left of the name.

        Args:
            name: a dotted name as an import has it; leading dots are relative to the importer.
            importer: the path of the module that has the import.
        """
        folder = Path(importer).parent
        if name.startswith("."):
            level = len(name) - len(name.lstrip("."))
            for _ in range(level - 1):
                folder = folder.parent
            return self._below(folder, name.lstrip("."))
        first = name.partition(".")[0]
        if first in _LIBRARIES or first not in self._words:
            return None, name
        for base in (folder, *folder.parents, Path("src")):
            path, rest = self._below(base, name)
            if path is not None:
                return path, rest
        return None, name

    def _below(self, base: Path, name: str) -> tuple[str | None, str]:
        parts = name.split(".") if name else []
        for length in range(len(parts), 0, -1):
            stem = base.joinpath(*parts[:length]).as_posix()
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
        path, rest = self.find(name, importer)
        if path is None and name.startswith("."):
            path, rest = self._package(name, importer)
        if path is None:
            return None
        module = self.module(path)
        identity = module_id(path)
        if not rest or module is None:
            return f"{identity}.{rest}".rstrip(".")
        first, _, others = rest.partition(".")
        found = module.exported(first)
        if found is None:
            return f"{identity}.{rest}"
        full = f"{found}.{others}".rstrip(".")
        return canonical(full)

    def _package(self, name: str, importer: str) -> tuple[str | None, str]:
        """Look a relative name up as an attribute of the package it is relative to."""
        level = len(name) - len(name.lstrip("."))
        folder = Path(importer).parent
        for _ in range(level - 1):
            folder = folder.parent
        path = (folder / "__init__.py").as_posix()
        return (path, name.lstrip(".")) if path in self.files else (None, name)

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
