"""What runs have changed, kept so that it can be put back.

The runs of a tree are numbered, and each is a file of JSON values, one in a line, to which lines are only added:
what the run was, and for each file the bytes that it had and the digest of those that it was given. A line is on
disk before its file is replaced, so nothing is ever changed that isn't recorded; and what was recorded and then not
changed is known by its bytes.

They are kept where they are neither committed nor packaged: in the `.git` of the tree, or, where there is none, in a
folder that hides itself from git.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codemods.engine.discover import HIDDEN, git_folder, marked_folder
from codemods.engine.source import SourceError, digest

KEPT = 100
"""Runs of a tree that are kept; the oldest go."""

_SUFFIX = ".jsonl"


@dataclass(frozen=True)
class Entry:
    """What a run has changed in one file.

    Attributes:
        path: relative to the tree, with ``/``.
        before: the bytes that it had.
        after: the digest of those that it was given.
        needs: the files, named likewise, without whose changes this one makes no sense.
    """

    path: str
    before: bytes
    after: bytes
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """A run that has changed files, or was about to.

    Attributes:
        number: its number in the tree, from 1.
        command: ``fix``, ``migrate`` or ``undo``.
        time: when it began, in seconds since 1970.
        undoes: the number of the run that it takes back, for an ``undo``.
        undone: it was itself taken back, whole.
        entries: what it has changed, in order.
    """

    number: int
    command: str
    time: float
    undoes: int | None
    undone: bool
    entries: tuple[Entry, ...]


class Journal:
    """The runs of one tree."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree.resolve()

    @classmethod
    def of(cls, paths: Sequence[Path], cwd: Path) -> Journal:
        """Return the journal for a run over some paths.

        Its tree is the project that they lie in; without one the working directory, if they lie in it, or their
        common folder.
        """
        named = [path.resolve() for path in paths]
        common = Path(os.path.commonpath([path if path.is_dir() else path.parent for path in named]))
        cwd = cwd.resolve()
        return cls(marked_folder(common) or (cwd if common.is_relative_to(cwd) else common))

    @classmethod
    def around(cls, folder: Path) -> Journal:
        """Return the journal of the tree that a folder lies in."""
        folder = folder.resolve()
        kept = (around for around in (folder, *folder.parents) if (around / HIDDEN).is_dir())
        return cls(marked_folder(folder) or next(kept, folder))

    def runs(self) -> list[Run]:
        """Return the runs there are, oldest first; one that a full disk has kept from its first file is none.

        Raises:
            SourceError: they can't be read.
        """
        store = self._store
        runs = (_read(number, _file(store, number)) for number in _numbers(store)) if store else ()
        return [run for run in runs if run.entries]

    def begin(self, command: str, undoes: int | None = None) -> Recorder:
        """Return what records a new run; nothing is written yet."""
        return Recorder(self, {"version": 1, "command": command, "time": time.time(), "undoes": undoes})

    def mark(self, number: int, *, undone: bool) -> None:
        """Record that a run was taken back, or made again.

        Raises:
            SourceError: it can't be written.
        """
        if self._store and (file := _file(self._store, number)).exists():
            _append(file, {"undone": undone})

    @property
    def _store(self) -> Path | None:
        return next(filter(os.path.isdir, self._places()), None)

    def _places(self) -> Iterator[Path]:
        """Yield the folders that the runs may be kept in, the best first."""
        git = git_folder(self.tree)
        if os.path.exists(git / "HEAD"):
            yield git / "tf-codemods"
        yield self.tree / HIDDEN

    def make_store(self) -> Path:
        """Return the folder that the runs are kept in, which is made if it isn't there.

        Raises:
            SourceError: it can't be made.
        """
        # One that is there before one that would have to be made.
        for store in sorted(self._places(), key=os.path.isdir, reverse=True):
            obstacle = _make(store)
            if not obstacle:
                return store
        raise SourceError("journal", obstacle)


class Recorder:
    """Writes one run into a journal, which begins with the first file that it records.

    Attributes:
        journal: where.
        number: the run's number; None as long as nothing is recorded.
    """

    def __init__(self, journal: Journal, head: dict[str, Any]) -> None:
        self.journal = journal
        self.number: int | None = None
        self._head = head
        self._file: Path | None = None

    def record(self, target: Path, before: bytes, after: bytes, /, *, needs: Sequence[Path] = ()) -> None:
        """Put on disk that a file is about to be changed.

        Args:
            target: its real path.
            before: the bytes that it has.
            after: those that it will have.
            needs: the real paths of the files without whose changes this one makes no sense.

        Raises:
            SourceError: that can't be written, and so the file must not be changed.
        """
        path, *needed = (os.path.relpath(each, self.journal.tree).replace(os.sep, "/") for each in (target, *needs))
        if self._file is None:
            self._file = self._begin()
        _append(
            self._file,
            {"path": path, "before": base64.b64encode(before).decode(), "after": digest(after).hex()}
            | ({"needs": needed} if needed else {}),
        )

    def _begin(self) -> Path:
        store = self.journal.make_store()
        numbers = _numbers(store)
        for old in numbers[: -KEPT + 1]:
            with contextlib.suppress(OSError):
                _file(store, old).unlink()
        number = max(numbers, default=0)
        while True:
            number += 1
            file = _file(store, number)
            try:
                # The bytes of a file that only its owner may read are in it.
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                continue  # another run began at the same time
            except OSError as error:
                raise _cant_be_kept(store, error) from error
            _append(file, self._head)
            _sync_folder(store)
            _sync_folder(store.parent)
            self.number = number
            return file


def _make(store: Path) -> str:
    """Make a folder for runs, and return what stands in the way, nothing if it is there."""
    try:
        store.mkdir(mode=0o700, exist_ok=True)
        ignore = store / ".gitignore"
        if store.name == HIDDEN and not ignore.exists():
            ignore.write_text("*\n", "ascii")
    except OSError as error:
        return _cant_be_kept(store, error).detail
    return ""


def _file(store: Path, number: int) -> Path:
    return store / f"{number}{_SUFFIX}"


def _numbers(store: Path) -> list[int]:
    try:
        names = [name.removesuffix(_SUFFIX) for name in os.listdir(store) if name.endswith(_SUFFIX)]
    except OSError as error:
        raise SourceError("journal", f"{store} can't be read: {error.strerror or error}") from error
    return sorted(int(name) for name in names if name.isdecimal())


def _append(file: Path, value: dict[str, Any]) -> None:
    """Add a line and wait until it is on disk.

    It begins with its newline: what a crash has left of the line before spoils that one only.
    """
    try:
        with open(file, "ab") as stream:
            stream.write(b"\n" + json.dumps(value).encode())
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise _cant_be_kept(file.parent, error) from error


def _sync_folder(folder: Path) -> None:
    """Put a folder's names on disk, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _cant_be_kept(store: Path, error: OSError) -> SourceError:
    return SourceError("journal", f"its old bytes can't be kept in {store}: {error.strerror or error}")


def _read(number: int, file: Path) -> Run:
    head: dict[str, Any] = {}
    entries = []
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise SourceError("journal", f"{file} can't be read: {error.strerror or error}") from error
    for line in lines:
        # A line that a crash has cut short: its file was not changed.
        with contextlib.suppress(ValueError, KeyError, TypeError):
            value = json.loads(line)
            if "path" in value:
                before, after = base64.b64decode(value["before"]), bytes.fromhex(value["after"])
                entries.append(Entry(value["path"], before, after, tuple(value.get("needs", ()))))
            else:
                head |= value
    return Run(
        number=number,
        command=head.get("command", "?"),
        time=head.get("time", 0.0),
        undoes=head.get("undoes"),
        undone=head.get("undone", False),
        entries=tuple(entries),
    )
