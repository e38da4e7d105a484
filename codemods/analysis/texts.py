"""The bytes of a project's files: which of them hold a word, without a look at the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cached_property

_KEPT = 48_000_000  # bytes of files that are kept in memory
_INDEXED = 200_000_000  # bytes of files whose words are; a file's take a third of its size
_WORD = re.compile(rb"\w+")
_SPACES = bytes(byte if _WORD.match(bytes([byte])) else 32 for byte in range(256))  # for all that is no word
# A line of an import: the first of it, or one further on, which holds nothing but names.
_IMPORT = re.compile(rb"[^#'\"]*\bimport\b|\s*\(?[\w\s,]*\)?[\s\\]*(?:#|$)")


class Texts:
    """The files of a project, as bytes."""

    def __init__(self, files: Collection[str], read: Callable[[str], bytes | None]) -> None:
        """Remember how to read the files.

        Args:
            files: their paths.
            read: returns the bytes of one, None if it can't be read.
        """
        self._files = sorted(files)
        self._read = read
        self._kept: dict[str, bytes] = {}
        self._found: dict[tuple[str, str], list[str]] = {}
        self._matching: dict[tuple[bytes, str], bool] = {}

    def data(self, path: str) -> bytes:
        """Return a file's bytes; none if it can't be read."""
        data = self._kept.get(path)
        return (self._read(path) or b"") if data is None else data

    @cached_property
    def _index(self) -> dict[bytes, list[str]] | None:
        """The files of each word; None for a project whose words would take too much memory."""
        index: dict[bytes, list[str]] = {}
        size = 0
        for path in self._files:
            data = self.data(path)
            size += len(data)
            if size > _INDEXED:
                return None
            if size <= _KEPT:
                self._kept[path] = data
            for word in set(data.translate(_SPACES).split()):
                if word in index:
                    index[word].append(path)
                else:
                    index[word] = [path]
        return index

    @cached_property
    def function_names(self) -> frozenset[str]:
        """The names of all functions that the files define."""
        found = {name for path in self._files for name in re.findall(rb"def\s+([A-Za-z_]\w*)", self.data(path))}
        return frozenset(name.decode() for name in found)

    def holding(self, text: str, following: str = "") -> list[str]:
        """Return the paths of the files that hold a text, sorted.

        Args:
            text: such as ``train`` or ``.train``; where it starts or ends with a letter, so does a word of the file.
            following: a pattern that holds at its end; where it looks back, the text is part of what it sees.
        """
        key = text, following
        if key not in self._found:
            start = rf"(?<!\w{re.escape(text)})" if text[:1].isidentifier() else ""
            end = r"\b" if text[-1:].isidentifier() else ""
            # The text comes first, and is all that is looked for in most places.
            pattern = re.compile(_encoded(f"{re.escape(text)}{start}{end}{following}"))
            self._found[key] = [path for path in self._likely(_encoded(text)) if pattern.search(self.data(path))]
        return self._found[key]

    def matches(self, pattern: re.Pattern[bytes], path: str) -> bool:
        """Tell whether a group of a pattern matches something in a file."""
        key = pattern.pattern, path
        if key not in self._matching:
            self._matching[key] = any(found.lastindex for found in pattern.finditer(self.data(path)))
        return self._matching[key]

    def importing(self, name: str) -> list[str]:
        """Return the paths of the files that may import something of a name or from it, or go through it, sorted."""
        key = name, "import"
        if key not in self._found:
            encoded = _encoded(name)
            through = re.compile(rb"\.%s\s*(?:[.#]|[\r\n]|$)" % re.escape(encoded))
            self._found[key] = [path for path in self.holding(name) if self._imports(path, encoded, through)]
        return self._found[key]

    def _imports(self, path: str, name: bytes, through: re.Pattern[bytes]) -> bool:
        if path.endswith(".ipynb"):
            return True  # its lines aren't those of the code
        data = self.data(path)
        position = data.find(name)
        while position >= 0:
            start, end = data.rfind(b"\n", 0, position) + 1, data.find(b"\n", position)
            if _IMPORT.match(data[start : end if end >= 0 else None]) or through.match(data, max(position - 1, 0)):
                return True
            position = data.find(name, position + 1)
        return False

    def _likely(self, text: bytes) -> list[str]:
        if self._index is None:
            return self._files
        return min((self._index.get(word, []) for word in _WORD.findall(text)), key=len, default=self._files)


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogateescape")  # it may be the name of a file, which may be no text


CALLED = r"(?=\s*[(,)#\\])"
"""What follows a function that is called, or given to a call."""
