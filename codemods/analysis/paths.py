"""Which file an expression names: a text with holes for what only the run tells."""

from __future__ import annotations

import ast
import enum
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from codemods.analysis.module import Module

if TYPE_CHECKING:
    from codemods.analysis.keras_objects import Given

_SAME = frozenset({
    "builtins.str", "os.fspath", "os.path.abspath", "os.path.normpath", "os.path.realpath",
    "os.path.expanduser", "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath",
})  # fmt: skip
_SAME_METHODS = frozenset({"as_posix", "resolve", "absolute", "expanduser", "__str__", "strip", "rstrip"})
_DEPTH = 12
MANY = 6  # more of what an expression may be isn't looked at


@dataclass(frozen=True)
class Hole:
    """A part of a path that only the run tells; two holes of one key hold the same text."""

    key: str | None = None


Part = str | Hole


class Match(enum.IntEnum):
    """How sure it is that two paths are one file."""

    NO = 0
    SAME_NAME = 1
    """The last parts are the same: a file that was copied, as a rule."""
    POSSIBLE = 2
    EXACT = 3


@dataclass(frozen=True)
class FilePath:
    """What is known of a path."""

    parts: tuple[Part, ...]

    @property
    def suffix(self) -> str | None:
        """The extension with its dot, "" for none; None where it isn't known."""
        last = self.parts[-1] if self.parts else ""
        if isinstance(last, Hole):
            return None
        name = last.rstrip("/").rpartition("/")[2]
        if "." not in name and len(self.parts) > 1 and "/" not in last.rstrip("/"):
            return "" if last else None
        # What a hole ends with is a name: that of ``f"{name}.keras"`` doesn't start with its dot.
        stem = "x" if len(self.parts) > 1 and "/" not in last else ""
        return posixpath.splitext(stem + name)[1].lower()

    @property
    def known(self) -> bool:
        """Whether there is any text in it."""
        return any(isinstance(part, str) and part.strip("/.") for part in self.parts)

    def match(self, other: FilePath) -> Match:
        """Return how sure it is that this and another path are one file."""
        if self.parts == other.parts:
            return Match.POSSIBLE if Hole() in self.parts else Match.EXACT
        if self._fits(other) or other._fits(self):
            return Match.POSSIBLE
        mine, theirs = self._name(), other._name()
        return Match.SAME_NAME if mine and mine == theirs else Match.NO

    def _name(self) -> str:
        last = self.parts[-1] if self.parts else ""
        name = last.rpartition("/")[2] if isinstance(last, str) else ""
        return name if len(self.parts) == 1 or (isinstance(last, str) and "/" in last) else ""

    def _fits(self, other: FilePath) -> bool:
        """Return whether the holes can be filled so that the other's text comes out."""
        if not any(isinstance(part, Hole) for part in self.parts):
            return False
        pattern = "".join(".*" if isinstance(part, Hole) else re.escape(part) for part in self.parts)
        text = "".join("\0" if isinstance(part, Hole) else part for part in other.parts)
        return re.fullmatch(pattern, text, re.DOTALL) is not None


ANYTHING = FilePath((Hole(),))


def joined(parts: list[Part]) -> FilePath:
    """Return a path of parts, texts put together and ``./`` taken off."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part:
            found.append(part)
    found = [re.sub(r"/+", "/", part) if isinstance(part, str) else part for part in found]
    if found and isinstance(found[0], str):
        found[0] = re.sub(r"^(\./)+", "", found[0])
    return FilePath(tuple(found))


def template(path: FilePath) -> FilePath:
    """Return the path of files whose names Keras fills in, such as ``{epoch:02d}.keras``."""
    parts: list[Part] = []
    for part in path.parts:
        if isinstance(part, Hole):
            parts.append(part)
            continue
        for index, piece in enumerate(re.split(r"\{[^{}]*\}", part)):
            parts += [Hole(), piece] if index else [piece]
    return joined(parts)


def paths(module: Module, node: ast.expr | None, frame: Caller | None = None) -> list[FilePath]:
    """Return the paths that an expression may be; one with holes where it can't be told.

    Args:
        module: the module it stands in.
        node: the expression.
        frame: the call that the function around it is looked at for.
    """
    if node is None:
        return [ANYTHING]
    found = [joined(parts) for parts in _Reader().read(module, node, frame, 0)]
    return list(dict.fromkeys(found))[:MANY] or [ANYTHING]


class Caller(Protocol):
    """The call that the function around a path is looked at for."""

    def given(self, parameter: ast.arg) -> Given | None:
        """Return what the call gives for a parameter; None if it is another function's."""


class _Asked:
    """A caller that gives nothing, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.parameters: dict[ast.arg, None] = {}

    def given(self, parameter: ast.arg) -> None:
        self.parameters[parameter] = None


def parameters_read(module: Module, nodes: Iterable[ast.expr]) -> list[ast.arg]:
    """Return the parameters of functions that the text of some paths depends on."""
    asked = _Asked()
    for node in nodes:
        paths(module, node, asked)
    return list(asked.parameters)


class _Reader:
    def read(self, module: Module, node: ast.expr, frame: Caller | None, depth: int) -> list[list[Part]]:
        if depth > _DEPTH:
            return [[Hole()]]
        depth += 1
        if isinstance(node, ast.Constant):
            return [[node.value]] if isinstance(node.value, str) else [[str(node.value)]]
        if isinstance(node, ast.JoinedStr):
            return self.product([self.read(module, value, frame, depth) for value in node.values])
        if isinstance(node, ast.FormattedValue):
            formatted = node.format_spec is not None
            return [[Hole(ast.unparse(node))]] if formatted else self.read(module, node.value, frame, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Div)):
            between: list[list[list[Part]]] = [[["/"]]] if isinstance(node.op, ast.Div) else []
            left, right = (self.read(module, side, frame, depth) for side in (node.left, node.right))
            return self.product([left, *between, right])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return [self.filled(module, node.left, r"%[-+ #0-9.]*[a-zA-Z]")]
        if isinstance(node, ast.IfExp):
            return self.read(module, node.body, frame, depth) + self.read(module, node.orelse, frame, depth)
        if isinstance(node, ast.BoolOp):
            return [found for value in node.values for found in self.read(module, value, frame, depth)]
        if isinstance(node, ast.Call):
            return self.call(module, node, frame, depth)
        if isinstance(node, ast.Name):
            return self.name(module, node, frame, depth)
        if isinstance(node, ast.Attribute):
            return self.attribute(module, node, depth)
        if isinstance(node, ast.Subscript):
            return [[Hole(ast.unparse(node).partition("[")[2])]]
        return [[Hole()]]

    def product(self, groups: list[list[list[Part]]]) -> list[list[Part]]:
        found: list[list[Part]] = [[]]
        for group in groups:
            found = [[*left, *right] for left in found for right in group][:MANY]
        return found

    def filled(self, module: Module, node: ast.expr, holes: str) -> list[Part]:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            return [Hole()]
        parts: list[Part] = []
        for index, piece in enumerate(re.split(holes, node.value)):
            parts += [Hole(), piece] if index else [piece]
        return parts

    def call(self, module: Module, node: ast.Call, frame: Caller | None, depth: int) -> list[list[Part]]:
        name = module.resolve(node.func)
        if name in {"os.path.join", "pathlib.Path", "pathlib.PurePath", "tensorflow.io.gfile.join"}:
            groups: list[list[list[Part]]] = []
            for index, argument in enumerate(node.args):
                groups += [[["/"]]] if index else []
                groups.append(self.read(module, argument, frame, depth))
            return self.product(groups)
        if name in _SAME and node.args:
            return self.read(module, node.args[0], frame, depth)
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in _SAME_METHODS:
                return self.read(module, node.func.value, frame, depth)
            if node.func.attr == "joinpath":
                groups = [self.read(module, node.func.value, frame, depth)]
                for argument in node.args:
                    groups += [[["/"]], self.read(module, argument, frame, depth)]
                return self.product(groups)
            if node.func.attr == "format":
                return [self.filled(module, node.func.value, r"\{[^{}]*\}")]
        return [[Hole()]]

    def name(self, module: Module, node: ast.Name, frame: Caller | None, depth: int) -> list[list[Part]]:
        found: list[list[Part]] = []
        bindings = module.bindings(node)
        for binding in bindings[:MANY]:
            if isinstance(binding.node, ast.arg):
                given = frame.given(binding.node) if frame is not None else None
                if given is not None:
                    found += self.read(given.module, given.node, given.frame, depth)
                else:
                    found.append([Hole()])
            elif binding.value is not None:
                found += self.read(module, binding.value, frame, depth)
            elif binding.imported is not None:
                found += self.variable(module, module.resolve(node), depth)
            else:
                found.append([Hole(f"{module.path}:{node.id}") if len(bindings) == 1 else Hole()])
        return found or [[Hole()]]

    def variable(self, module: Module, name: str | None, depth: int) -> list[list[Part]]:
        """Read a variable of another module, or a class's, by its qualified name."""
        value = variable(module, name)
        return [[Hole(name)]] if value is None else self.read(value[0], value[1], None, depth)

    def attribute(self, module: Module, node: ast.Attribute, depth: int) -> list[list[Part]]:
        name = module.resolve(node)
        if name is not None:
            return self.variable(module, name, depth)
        default = _option(module, node.attr)
        if default is not None:
            return self.read(module, default, None, depth)
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            owner = module.enclosing(node, ast.ClassDef)
            assigned = list(_assigned(owner, node.attr)) if owner is not None else []
            if len(assigned) == 1:
                return self.read(module, assigned[0], None, depth)
        return [[Hole("." + ast.unparse(node).partition(".")[2])]]


def variable(module: Module, name: str | None) -> tuple[Module, ast.expr] | None:
    """Return what is assigned to a top-level or class variable of the project, if it is assigned once."""
    project = module.project
    parts = name.split(".") if name else []
    for length in range(len(parts) - 1, 0, -1):
        ident = ".".join(parts[:length])
        there: Module | None = module if ident == module.id else None
        if there is None and project is not None:
            path, rest = project.find(ident, module.path)
            there = project.module(path) if path is not None and not rest else None
        if there is None:
            continue
        *owners, last = parts[length:]
        node = there.definition(".".join(owners)) if owners else there.tree
        if node is None:
            continue
        bindings = there.inner_scope(node).bindings.get(last, [])
        if len(bindings) == 1 and bindings[0].value is not None:
            return there, bindings[0].value
        return None
    return None


def _assigned(owner: ast.ClassDef, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(owner):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                name_here = isinstance(target, ast.Name) and target.id == name and node in owner.body
                if name_here or (isinstance(target, ast.Attribute) and target.attr == name):
                    yield node.value


def _option(module: Module, name: str) -> ast.expr | None:
    """Return the default of a command-line option (argparse, absl, click) of a module."""
    spellings = {"--" + name, "--" + name.replace("_", "-"), name}
    for call in module.find_all(ast.Call):
        word = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if word == "add_argument" or word.startswith("DEFINE_"):
            texts = {arg.value for arg in call.args if isinstance(arg, ast.Constant)}
            keywords = {k.arg: k.value for k in call.keywords}
            dest = keywords.get("dest")
            if isinstance(dest, ast.Constant):
                texts.add(dest.value)
            if spellings & {text for text in texts if isinstance(text, str)}:
                default = keywords.get("default")
                if word.startswith("DEFINE_") and len(call.args) > 1:
                    default = call.args[1]
                if isinstance(default, ast.Constant) and isinstance(default.value, str):
                    return default
    return None
