"""A program of the user's: where its project is, and which interpreter runs it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codemods.engine.discover import marked_folder
from codemods.verify.observation import Observation
from codemods.verify.run import run

_INTERPRETER = re.compile(r"(?:.*[/\\])?python[\d.]*(?:\.exe)?")


class ProgramError(ValueError):
    """A program that can't be run as it was named; the message says why."""


@dataclass(frozen=True)
class Program:
    """A program and how it is run.

    Attributes:
        script: a Python file or a notebook.
        args: its arguments.
        python: the interpreter.
        root: the folder of its project, which is copied for each run.
        cwd: where it is run from, inside `root`.
        timeout: how many seconds it may take.
    """

    script: Path
    args: tuple[str, ...]
    python: str
    root: Path
    cwd: Path
    timeout: float

    @property
    def name(self) -> str:
        """What the user calls it: the script, from where it is run."""
        return Path(os.path.relpath(self.script, self.cwd)).as_posix()

    @property
    def command(self) -> str:
        """The script and its arguments, as a shell takes them."""
        return shlex.join((self.name, *self.args))

    def run(self, overlay: Mapping[str, bytes]) -> Observation:
        """Runs it in a copy of its project, in a process of its own.

        Args:
            overlay: files that replace those of the copy, by their path relative to `root`.
        """
        return run(
            self.script,
            root=self.root,
            python=self.python,
            args=self.args,
            timeout=self.timeout,
            cwd=self.cwd,
            overlay=overlay,
        )


def program(
    script: str,
    args: Sequence[str] = (),
    *,
    python: str | None,
    timeout: float,
    folders: Iterable[Path] = (),
) -> Program:
    """Finds a program and its project.

    Args:
        script: the path of a Python file or a notebook.
        args: its arguments.
        python: the interpreter; that of the active environment if None.
        timeout: how many seconds it may take.
        folders: those that are rewritten: the path may be relative to one of them, rather than to the working
            directory, and each that the script is in belongs to its project.

    Raises:
        ProgramError: there is no such script or interpreter.
    """
    here, *others = Path.cwd(), *(folder.absolute() for folder in folders)
    cwd = next((folder for folder in (here, *others) if (folder / script).is_file()), None)
    if cwd is None:
        raise ProgramError(f"there is no script {script}")
    path = Path(os.path.normpath(cwd / script))
    if path.suffix not in {".py", ".ipynb"}:
        raise ProgramError(f"{script} is neither a Python file nor a notebook")
    marked = marked_folder(path.parent)
    # Where nothing marks a project, it is the folder that the program is run from: it may look for files there.
    root = marked or (cwd if path.is_relative_to(cwd) and not _is_shared(cwd) else path.parent)
    root = min([root, *filter(path.is_relative_to, others)], key=lambda folder: len(folder.parts))
    # A program that is named from outside of its project is run where it lies.
    cwd = cwd if cwd.is_relative_to(root) else path.parent
    return Program(path, tuple(args), _interpreter(python), root, cwd, timeout)


def _is_shared(folder: Path) -> bool:
    """Whether a folder is one that projects are kept in, and too much to copy."""
    return any(place.is_relative_to(folder) for place in (Path.home(), Path(tempfile.gettempdir())))


def parse(command: str) -> tuple[str | None, str, tuple[str, ...]]:
    """Takes a command line apart: the interpreter if it names one, the script, its arguments.

    Raises:
        ProgramError: it names no script.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ProgramError(f"{command!r} can't be read as a command: {error}") from error
    python = words.pop(0) if words and _INTERPRETER.fullmatch(words[0]) else None
    if not words or words[0].startswith("-"):
        raise ProgramError(f"{command!r} names no script; it is to be as in 'train.py --epochs 1'")
    return python, words[0], tuple(words[1:])


def _interpreter(python: str | None) -> str:
    active = os.environ.get("VIRTUAL_ENV")
    usual = [os.path.join(active, "bin", "python"), os.path.join(active, "Scripts", "python.exe")] if active else []
    for name in [python] if python else [*usual, "python", sys.executable]:
        found = shutil.which(name)
        if found:
            # Links are not followed: an environment is known by the name of its interpreter.
            return os.path.abspath(found)
    raise ProgramError(f"there is no interpreter {python}")
