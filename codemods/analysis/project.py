"""What a name means across the modules of a project, read on demand: most files are never parsed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

from codemods.analysis.module import Function, Module, module_id
from codemods.analysis.names import canonical

# A folder of this name in a project is not what its imports mean.
_LIBRARIES = frozenset({"tensorflow", "keras", "tf_keras", "numpy", "torch"})


class Project:
    """The Python modules and notebooks below one root folder.

    Attributes:
        root: the folder; paths of modules are relative to it, with ``/``.
    """

    def __init__(
        self,
        root: Path,
        files: Callable[[], Iterable[str]],
        read: Callable[[Path], bytes | None],
        parse: Callable[[Path, bytes], str | None],
    ) -> None:
        """Remember how to look things up; nothing is read yet.

        Args:
            root: the project's folder.
            files: returns the paths of all its modules and notebooks, relative to the root.
            read: returns a file's bytes, None if it can't be read.
            parse: returns the Python text of a file's bytes (a notebook's cells joined), None if it has none.
        """
        self.root = root
        self._files = files
        self._read = read
        self._parse = parse
        self._modules: dict[str, Module | None] = {}
        self._resolving: set[tuple[str, str]] = set()
        self._mentions: dict[str, list[str]] = {}

    @cached_property
    def files(self) -> frozenset[str]:
        """The paths of all modules and notebooks."""
        return frozenset(self._files())

    @cached_property
    def _by_id(self) -> dict[str, str]:
        return {module_id(path): path for path in sorted(self.files, reverse=True)}

    def add(self, module: Module) -> None:
        """Make a module, as it stands now, the one that others of the project see."""
        self._modules[module.path] = module

    def module(self, path: str) -> Module | None:
        """Return a module of the project, None if it can't be read or parsed."""
        if path not in self._modules:
            self._modules[path] = self._load(path)
        return self._modules[path]

    def _load(self, path: str) -> Module | None:
        data = self._read(self.root / path)
        text = None if data is None else self._parse(self.root / path, data)
        if text is None:
            return None
        try:
            return Module(text, path, self)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    def mentioning(self, *words: str) -> list[str]:
        """Return the paths of the files that hold any of some words as bytes, sorted."""
        found: set[str] = set()
        for word in words:
            if word not in self._mentions:
                data = ((path, self._read(self.root / path)) for path in self.files)
                self._mentions[word] = [path for path, text in data if text and word.encode() in text]
            found.update(self._mentions[word])
        return sorted(found)

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
        if name.partition(".")[0] in _LIBRARIES:
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
        if (name, importer) in self._resolving:
            return None
        self._resolving.add((name, importer))
        try:
            return self._resolve(name, importer)
        finally:
            self._resolving.discard((name, importer))

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
