"""Which files are ours: the Python modules and notebooks below the paths that were named.

Folders are seen as git sees them: every `.gitignore` on the way down, and those above up to the
repository's root, has its say. Links are not followed, so a walk ends, stays in its tree and meets
each file once; what a link points to in the tree is found there under its own name.
"""

import contextlib
import errno
import functools
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from codemods.engine.source import SourceError

SUFFIXES = (".py", ".ipynb")
HIDDEN = ".tf-codemods"
"""The folder of a tree without git that keeps what runs have changed."""
EXCLUDED = frozenset(
    (".eggs", ".git", ".hg", ".ipynb_checkpoints", ".mypy_cache", ".nox", ".ruff_cache", ".tox", ".venv", HIDDEN)
) | {"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"}
"""Folders that are entered only when they are named."""
MOST_FOLDERS = 1000
"""More of them are no project, if nothing marks one."""
NO_FILE = SourceError("no-file", "neither a regular file nor a folder", skipped=True)
_GLOB = re.compile(
    r"""
      (?P<stars>\*+) | (?P<any>\?) | \\(?P<escaped>.) | (?P<plain>[^*?\[\\]+)
    | \[ (?P<not>[!^]?) (?P<set> \]? (?: \[:\w+:\] | \\. | [^\]\\] )* ) \]
    | (?P<broken>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_SET_MEMBER = re.compile(r"\[:(\w+):\]|\\(.)|(.)", re.DOTALL)
_CLASSES = {"alpha": "a-zA-Z", "alnum": "a-zA-Z0-9", "digit": "0-9", "lower": "a-z", "upper": "A-Z"}
_ANYWHERE = r"(?:.*/)?(?=[^/]+/?\Z)"
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True)
class Discovery:
    """What a search has found.

    Attributes:
        files: Each file once, sorted, by its real path.
        failures: What couldn't be searched, and (`skipped`) what only bears the name of a file.
    """

    files: list[Path]
    failures: list[tuple[Path, SourceError]]


@dataclass(frozen=True)
class Patterns:
    """The patterns of one ignore file, for the paths below its folder.

    They are one expression, the last pattern first, so that one match tells which pattern decides.
    """

    folder: str
    expression: re.Pattern[str]
    negated: tuple[bool, ...]

    @classmethod
    def parse(cls, folder: str, lines: Iterable[str]) -> "Patterns | None":
        """Read the lines of an ignore file, or return None if there is no pattern in them."""
        expressions: list[tuple[str, str]] = []
        negated: list[bool] = []
        for line in lines:
            # A space at the end counts only behind a backslash.
            pattern = re.sub(r"(?<!\\) +$", "", line.removesuffix("\r"))
            if not pattern or pattern.startswith("#"):
                continue
            # Git, too, passes over a pattern that makes no sense.
            with contextlib.suppress(re.error):
                start, expression = _expression(pattern.removeprefix("!"))
                re.compile(expression)
                expressions.insert(0, (start, f"({expression})"))
                negated.insert(0, pattern.startswith("!"))
        if not expressions:
            return None
        # Patterns that start alike are told apart from there: a walk spends its time here.
        union = "|".join(
            f"{start}(?:{'|'.join(expression for _, expression in alike)})"
            for start, alike in groupby(expressions, itemgetter(0))
        )
        return cls(os.path.join(folder, ""), re.compile(union, re.DOTALL), tuple(negated))

    def verdict(self, path: str) -> bool | None:
        """Return whether a path is ignored (True), taken back (False), or not spoken of (None).

        The path of a folder ends in a separator.
        """
        if not path.startswith(self.folder):
            return None
        match = self.expression.fullmatch(path[len(self.folder) :].replace(os.sep, "/"))
        return match and not self.negated[(match.lastindex or 1) - 1]


def _expression(pattern: str) -> tuple[str, str]:
    """Translate a pattern of a `.gitignore`, into what may stand before it and the pattern itself.

    It speaks of a path itself and not of what is below. That is git's own reading, and the right one
    for a walk that never enters an ignored folder.
    """
    names = pattern.removesuffix("/")
    end = "/?" if names == pattern else "/"
    start = "" if "/" in names else _ANYWHERE
    *parents, last = names.removeprefix("/").split("/")
    expression = ""
    for name in parents:
        expression += "(?:.*/)?" if name == "**" else _name_expression(name) + "/"
    return start, expression + (".+" if last == "**" else _name_expression(last)) + end


def _name_expression(name: str) -> str:
    """Translate the part of a pattern that speaks of one name."""
    expression = "(?=[^/])" if name.startswith("*") else ""
    for token in _GLOB.finditer(name):
        match token.lastgroup:
            case "stars":
                expression += "[^/]*"
            case "any":
                expression += "[^/]"
            case "set":
                members = [
                    _CLASSES.get(named, "") or (plain if plain == "-" else re.escape(escaped or plain))
                    for named, escaped, plain in _SET_MEMBER.findall(token["set"])
                ]
                expression += f"(?!/)[{token['not'] and '^'}{''.join(members)}]"
            case "broken":  # a set without an end, or a last backslash: nothing matches
                expression += "(?!)"
            case _:
                expression += re.escape(token["escaped"] or token["plain"])
    return expression


def discover(
    paths: Sequence[str | Path],
    *,
    cwd: Path,
    exclude: Sequence[str] = (),
    exclude_root: Path | None = None,
) -> Discovery:
    """Find the files that the paths name.

    A file that is named is taken, whatever it is called and whoever ignores it; a folder that is
    named is walked likewise, and only what lies in it can be ignored.

    Args:
        paths: Files and folders, relative to `cwd`.
        cwd: The working directory; what lies below it is returned below it.
        exclude: Further patterns, as in a `.gitignore`.
        exclude_root: The folder that these are relative to, `cwd` unless given.

    Raises:
        FileNotFoundError: There is nothing at one of the paths.
    """
    walk = _Walk(Patterns.parse(os.path.realpath(exclude_root or cwd), exclude))
    for path in paths:
        named = os.path.join(cwd, path)
        try:
            if not str(path):  # of a variable that isn't set, most likely: not all there is
                raise FileNotFoundError
            real = os.path.realpath(named, strict=True)
            mode = os.stat(real).st_mode
        except PermissionError as error:
            walk.failures[named] = _unreadable(error)
            continue
        except OSError as error:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
        if stat.S_ISDIR(mode):
            walk.down(real)
        elif stat.S_ISREG(mode):
            walk.files.add(real)
        else:
            walk.failures[real] = NO_FILE

    base = os.path.join(os.path.realpath(cwd), "")

    def shown(real: str) -> Path:
        return cwd / real.removeprefix(base)

    return Discovery(
        [shown(file) for file in sorted(walk.files)],
        [(shown(file), error) for file, error in sorted(walk.failures.items())],
    )


@functools.cache
def project_root(path: Path) -> Path:
    """Return the folder of the project that a file or folder belongs to.

    This is the repository it lies in, at the nearest `.git`; without one, the outermost folder with a
    `pyproject.toml`, `setup.py` or `setup.cfg`; failing that, the file's own folder. It is looked up
    once in the life of the process.
    """
    folder = path if path.is_dir() else path.parent
    return marked_folder(folder) or folder


def project_files(root: Path) -> list[str]:
    """Return the files of a project, relative to its folder and with `/`, sorted.

    Where nothing marks it as one, and there is no end of folders in it, it is a place like a home, and the project no
    more than the files that lie there side by side.
    """
    folder = os.path.realpath(root)
    walk = _Walk(most=None if marked_folder(root) else MOST_FOLDERS)
    walk.down(folder)
    files = (file for file in sorted(walk.files) if not walk.stopped or os.path.dirname(file) == folder)
    return [Path(file).relative_to(folder).as_posix() for file in files]


@functools.cache
def marked_folder(folder: Path) -> Path | None:
    """Return the folder of the project that a folder belongs to, None where nothing marks one."""
    if (folder / ".git").exists():
        return folder
    outer = marked_folder(folder.parent) if folder != folder.parent else None
    if outer is None and any((folder / name).is_file() for name in _PROJECT_FILES):
        return folder
    return outer


class _Walk:
    """The files met so far, by real path; it stops before it enters more than `most` folders."""

    def __init__(self, excluded: Patterns | None = None, most: int | None = None) -> None:
        self.excluded = excluded
        self.most = most
        self.stopped = False
        self.files: set[str] = set()
        self.failures: dict[str, SourceError] = {}
        self.entered: set[str] = set()

    def down(self, root: str) -> None:
        """Take every file below a folder that nothing excludes."""
        pending = [(root, self.rules_above(root))]
        while pending:
            folder, rules = pending.pop()
            if folder in self.entered:
                continue
            if self.most is not None and len(self.entered) >= self.most:
                self.stopped = True
                return
            self.entered.add(folder)
            try:
                with os.scandir(folder) as listing:
                    entries = list(listing)
            except OSError as error:
                self.failures[folder] = _unreadable(error)
                continue
            rules = self.rules_in(folder, {entry.name for entry in entries}, rules)
            for entry in entries:
                if entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in EXCLUDED and not self.ignored(entry.path + os.sep, rules):
                        pending.append((entry.path, rules))
                elif entry.name.endswith(SUFFIXES) and not self.ignored(entry.path, rules):
                    if entry.is_file(follow_symlinks=False):
                        self.files.add(entry.path)
                    else:
                        self.failures[entry.path] = NO_FILE

    def ignored(self, path: str, rules: tuple[Patterns, ...]) -> bool:
        """Return whether a path is excluded or ignored; of the ignore files the deepest decides."""
        if self.excluded and self.excluded.verdict(path):
            return True
        for patterns in reversed(rules):
            verdict = patterns.verdict(path)
            if verdict is not None:
                return verdict
        return False

    def rules_above(self, root: str) -> tuple[Patterns, ...]:
        """Return the ignore files between a folder and the root of its repository, outermost first."""
        above = []
        folder = root
        while not os.path.lexists(os.path.join(folder, ".git")):
            folder, child = os.path.dirname(folder), folder
            if folder == child:
                return ()
            above.append((folder, child))
        rules: tuple[Patterns, ...] = ()
        for folder, child in reversed(above):
            names = {name for name in (".git", ".gitignore") if os.path.lexists(os.path.join(folder, name))}
            rules = self.rules_in(folder, names, rules)
            # A folder that is named is walked even if it, or one above it, is ignored.
            if self.ignored(child + os.sep, rules):
                rules = ()
        return rules

    def rules_in(self, folder: str, names: set[str], rules: tuple[Patterns, ...]) -> tuple[Patterns, ...]:
        """Return the rules that hold in a folder, given those that hold around it."""
        if ".git" in names:  # a repository within another one knows only its own rules
            rules = self.add_rules(folder, git_folder(Path(folder), shared=True) / "info" / "exclude", ())
        if ".gitignore" in names:
            rules = self.add_rules(folder, Path(folder, ".gitignore"), rules)
        return rules

    def add_rules(self, folder: str, file: Path, rules: tuple[Patterns, ...]) -> tuple[Patterns, ...]:
        """Return the rules, and those of one more ignore file, if it is there."""
        try:
            lines = file.read_bytes().decode("utf-8-sig", "surrogateescape").split("\n")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return rules
        except OSError as error:
            self.failures[str(file)] = _unreadable(error)
            return rules
        patterns = Patterns.parse(folder, lines)
        return (*rules, patterns) if patterns else rules


def git_folder(folder: Path, *, shared: bool = False) -> Path:
    """Return where git keeps what is a work tree's own, or what it shares with others.

    That is its `.git`, or the folder that this names where it is a file.
    """
    git = folder / ".git"
    if (named := _first_line(git)).startswith("gitdir:"):
        git = folder / named.removeprefix("gitdir:").strip()
    return git / _first_line(git / "commondir") if shared else git


def _first_line(file: Path) -> str:
    """Return the first line of a file, empty where there is none to be read."""
    try:
        return file.read_text("utf-8", "surrogateescape").partition("\n")[0].strip()
    except OSError:
        return ""


def _unreadable(error: OSError) -> SourceError:
    return SourceError("read", error.strerror or str(error))
