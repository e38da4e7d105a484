"""Which code takes note of a folder, so that a file can't be opened in it at another moment."""

from __future__ import annotations

import ast
import posixpath

from codemods.analysis.dataflow import Reach
from codemods.analysis.module import Module

_QUIET = frozenset({
    *(f"os.path.{name}" for name in (
        "join", "basename", "dirname", "split", "splitext", "abspath", "normpath", "normcase", "expanduser",
        "expandvars", "realpath", "relpath", "commonpath",
    )),
    *(f"os.{name}" for name in (
        "getcwd", "getenv", "getpid", "getppid", "cpu_count", "fspath", "putenv", "urandom", "uname",
        "fsync", "_exit", "kill", "sched_getaffinity", "environ.get",
        "environ.setdefault", "environ.copy", "environ.update", "environ.pop",
    )),
    "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath",
    "pathlib.Path.cwd", "pathlib.Path.home",
})  # fmt: skip
# These make a folder, and don't mind if it is there.
_FORGIVING = frozenset({"makedirs", "MakeDirs", "join", "GFile", "Open", "FastGFile", "mkdir_p"})
_WATCHFUL = ("os.", "shutil.", "subprocess.", "glob.", "pathlib.", "distutils.", "send2trash.")
_WATCHFUL_METHODS = frozenset({
    "mkdir", "rmdir", "unlink", "rename", "exists", "is_dir", "is_file", "iterdir", "glob", "rglob", "rmtree",
    "touch", "symlink_to", "hardlink_to", "makedirs", "listdir", "isdir",
})  # fmt: skip


def touching(reached: Reach, folder: str | None) -> ast.Call | None:
    """Return a call that may remove, rename, make or look for a folder of event files.

    Args:
        reached: the code to look through.
        folder: the folder, if it is known; calls about other known folders don't count.
    """
    for module, node in reached.walk():
        if isinstance(node, ast.Call) and _touches(module, node) and not _elsewhere(module, node, folder):
            return node
    return None


def _touches(module: Module, call: ast.Call) -> bool:
    name = module.resolve(call.func)
    if name is not None and (".gfile." in name or name.startswith("tensorflow.io.gfile")):
        return name.rpartition(".")[2] not in _FORGIVING
    if name in _QUIET or _forgiving(call):
        return False
    if name is not None:
        return name.startswith(_WATCHFUL)
    if not isinstance(call.func, ast.Attribute):
        return False
    # ``Path.replace`` has one argument, ``str.replace`` two.
    return call.func.attr in _WATCHFUL_METHODS or (call.func.attr == "replace" and len(call.args) == 1)


def _forgiving(call: ast.Call) -> bool:
    """Tell whether a call makes a folder, and doesn't mind if it is there."""
    return any(
        keyword.arg == "exist_ok" and isinstance(keyword.value, ast.Constant) and bool(keyword.value.value)
        for keyword in call.keywords
    )


def _elsewhere(module: Module, call: ast.Call, folder: str | None) -> bool:
    """Tell whether a call names folders, and none of them has to do with the one asked about."""
    if folder is None or not call.args or call.keywords or isinstance(call.func, ast.Attribute) is False:
        return False
    if module.resolve(call.func) is None:
        return False
    paths = [constant_text(module, argument) for argument in call.args]
    return all(path is not None and not _related(path, folder) for path in paths)


def _related(one: str, other: str) -> bool:
    first, second = (posixpath.normpath(path).strip("/").split("/") for path in (one, other))
    if "." in (first[0], second[0]) or ".." in (first[0], second[0]) or one.startswith("/") != other.startswith("/"):
        return True
    length = min(len(first), len(second))
    return first[:length] == second[:length]


def constant_text(module: Module, node: ast.expr | None, depth: int = 0) -> str | None:
    """Return the text that an expression always is, following names that are bound once."""
    if depth > 8:
        return None
    match node:
        case ast.Constant(str() as text):
            return text
        case ast.Name():
            bindings = module.bindings(node)
            value = bindings[0].value if len(bindings) == 1 else None
            return constant_text(module, value, depth + 1)
        case ast.BinOp(left, ast.Add(), right):
            return _joined(module, [left, right], "", depth)
        case ast.Call(function, arguments, []) if module.resolve(function) == "os.path.join":
            return _joined(module, arguments, "/", depth)
        case ast.JoinedStr(values):
            return _joined(module, values, "", depth)
        case ast.FormattedValue(value, -1, None):
            return constant_text(module, value, depth + 1)
        case _:
            return None


def _joined(module: Module, nodes: list[ast.expr], separator: str, depth: int) -> str | None:
    parts = [constant_text(module, node, depth + 1) for node in nodes]
    return None if None in parts else separator.join(part for part in parts if part is not None)
