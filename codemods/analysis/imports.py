"""Which modules of a project import which, what importing one runs, and how an import is spelled."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from codemods.analysis.module import Module, statements

if TYPE_CHECKING:
    from codemods.analysis.project import Project

_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass)
# Calls that a module may make while it is imported without being a program that does its work.
_QUIET_STATEMENTS = (
    "warnings.",
    "logging.",
    "sys.path.",
    "os.environ.",
    "tensorflow.get_logger",
    "tensorflow.compat.v1.logging.",
    "absl.logging.",
    "keras.utils.get_custom_objects",
    "keras.saving.get_custom_objects",
    "keras.utils.register_keras_serializable",
    "keras.saving.register_keras_serializable",
    "matplotlib.use",
)
_QUIET_VALUES = (
    "builtins.",
    "collections.",
    "dataclasses.",
    "functools.",
    "logging.",
    "math.",
    "operator.",
    "os.environ.",
    "os.getenv",
    "os.path.",
    "pathlib.",
    "re.compile",
    "typing.",
    "keras.activations.",
    "keras.backend.",
    "keras.constraints.",
    "keras.initializers.",
    "keras.layers.",
    "keras.losses.",
    "keras.metrics.",
    "keras.optimizers.",
    "keras.regularizers.",
    "keras.saving.",
    "keras.utils.",
    "tensorflow.constant",
    "tensorflow.TensorSpec",
    "tensorflow.get_logger",
    "numpy.array",
    "numpy.float32",
)
_LOUD_BUILTINS = ("open", "print", "input", "exec", "eval", "exit", "quit")

_Import = ast.Import | ast.ImportFrom
# A comment, a text, an import that has its line for itself, and any other.
_TOKEN = re.compile(
    rb"""\#[^\n]*
    |\"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"{3} | \'{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*\'{3}
    |"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'
    |(?P<statement>^[ \t]*(?:from\b(?:[^\n\\]|\\\r?\n)*?\b)?import\b
        (?:[^\n(\\]|\\\r?\n)*(?:\([^)]*\))?(?:[^\n\\]|\\\r?\n)*)
    |(?P<doubt>\bimport\b)""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)


class ImportGraph:
    """The imports that run when a module of a project is imported."""

    def __init__(self, project: Project) -> None:
        """Remember the project; modules are read when they are asked for."""
        self.project = project
        self._direct: dict[str, dict[str, str]] = {}
        self._anywhere: dict[str, dict[str, str]] = {}
        self._importers: dict[str, dict[str, str]] = {}
        self._closures: dict[str, frozenset[str]] = {}
        self._together: dict[str, frozenset[str]] = {}
        self._users: dict[str, frozenset[str]] = {}

    def changed(self, path: str) -> bool:
        """Forget what is known if a module with another text imports others now; return whether it imports the same."""
        direct, anywhere = self._direct.pop(path, None), self._anywhere.pop(path, None)
        same = direct in (None, self.direct(path)) and anywhere in (None, self.anywhere(path))
        if not same:
            self._importers.clear()
            self._closures.clear()
            self._together.clear()
            self._users.clear()
        return same

    def direct(self, path: str) -> dict[str, str]:
        """Return the project's modules that a module imports itself, each with the name it is imported by."""
        if path not in self._direct:
            self._look_up(path)
        if path not in self._direct:
            self.read(path, self.project.tree(path))
        return self._direct[path]

    def anywhere(self, path: str) -> dict[str, str]:
        """Return the same with the imports in functions, and those for type checkers only."""
        if path not in self._anywhere:
            self._look_up(path)
        return self._anywhere[path]

    def _look_up(self, path: str) -> None:
        """Take note of what a module imports, without its tree as far as that can be told from its lines."""
        on_disk = path.endswith(".py") and self.project.edited(path) is None
        seen = _seen(self.project.texts.data(path)) if on_disk else None
        if seen is None:
            self.read(path, self.project.tree(path))
            return
        outer, inner = seen
        found = self._targets(path, [*outer, *inner])
        if found and not self.project.is_python(path):
            found, outer = {}, []
        self._anywhere[path] = found
        if not self._targets(path, inner):
            self._direct[path] = self._targets(path, outer)

    def read(self, path: str, tree: ast.Module | None) -> None:
        """Take note of what a module imports, now that it is parsed."""
        self._direct[path] = self._targets(path, _imports(tree.body) if tree is not None else ())
        every = (node for node in statements(tree) if isinstance(node, _IMPORTS)) if tree is not None else ()
        self._anywhere[path] = self._targets(path, every)

    def _targets(self, path: str, imports: Iterable[ast.Import | ast.ImportFrom]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in (name for statement in imports for name in _names(statement)):
            target, _ = self.project.find(name, path)
            if target is not None and target != path:
                found.setdefault(target, name)
        return found

    def closure(self, path: str) -> frozenset[str]:
        """Return the modules that have run when a module has been imported, itself among them."""
        if path not in self._closures:
            found, pending = {path}, [path]
            while pending:
                for target in self.direct(pending.pop()):
                    if target not in found:
                        found.add(target)
                        pending.append(target)
            self._closures[path] = frozenset(found)
        return self._closures[path]

    def importers(self, path: str) -> dict[str, str]:
        """Return the modules that import a module themselves, each with the name it imports it by."""
        if path not in self._importers:
            found = {
                other: self.direct(other)[path]
                for other in self._mentioning(path)
                if other != path and path in self.direct(other)
            }
            self._importers[path] = found
        return self._importers[path]

    def _mentioning(self, path: str) -> Iterable[str]:
        """Return the modules that may import a module."""
        stem = PurePosixPath(path).stem
        word = PurePosixPath(path).parent.name if stem == "__init__" else stem
        return self.project.texts.importing(word) if word and path.endswith(".py") else ()

    def _used_by(self, path: str) -> frozenset[str]:
        """Return the modules that import a module themselves, anywhere in them."""
        if path not in self._users:
            self._users[path] = frozenset(each for each in self._mentioning(path) if path in self.anywhere(each))
        return self._users[path]

    def together(self, path: str) -> frozenset[str]:
        """Return the modules that the programs may import, anywhere in them, that import a module."""
        if path not in self._together:
            found, pending = {path}, [path]
            while pending:
                users = self._used_by(pending.pop()) - found
                found |= users
                pending += users
            pending = list(found)
            while pending:
                targets = self.anywhere(pending.pop()).keys() - found
                found |= targets
                pending += targets
            self._together[path] = frozenset(found)
        return self._together[path]

    def loaded(self, path: str) -> frozenset[str]:
        """Return the modules that every program of the project has imported that runs a module's code.

        A program is a module that nothing else imports, and that imports this one; the module itself
        counts where nothing imports it.
        """
        importers, pending = {path}, [path]
        while pending:
            for other in self.importers(pending.pop()):
                if other not in importers:
                    importers.add(other)
                    pending.append(other)
        imported = {target for importer in importers for target in self.direct(importer)}
        programs = [importer for importer in importers if importer not in imported] or [path]
        return frozenset.intersection(*(self.closure(program) for program in programs))

    def runs(self, path: str) -> bool:
        """Return whether importing a module does more than define things: it is a script without a guard."""
        module = self.project.module(path)
        return module is None or not all(_quiet(module, statement) for statement in module.tree.body)

    def spelling(self, importer: Module, target: str) -> str | None:
        """Return the module name by which a module can import another, None where that can't be told.

        Relative in a package whose module already imports relatively; otherwise absolute, below the
        folder that the module's own imports, its neighbours' or its package show to be on ``sys.path``.
        """
        parts = PurePosixPath(target).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        here = PurePosixPath(importer.path).parent
        if self._package(here) and self._relative(importer, here):
            up, base = 1, here
            while base.parts != parts[: len(base.parts)]:
                base, up = base.parent, up + 1
                if not self._package(base):
                    return None
            return "." * up + ".".join(parts[len(base.parts) :])
        for base in self._bases(importer, here):
            if base.parts == parts[: len(base.parts)] and len(parts) > len(base.parts):
                rest = parts[len(base.parts) :]
                return ".".join(rest) if all(part.isidentifier() for part in rest) else None
        return None

    def _package(self, folder: PurePosixPath) -> bool:
        return (folder / "__init__.py").as_posix() in self.project.files

    def _program(self, module: Module) -> bool:
        """Return whether a module may be run by its path, which gives it another ``sys.path``."""
        return any(is_main_guard(statement) for statement in module.tree.body) or not all(
            _quiet(module, statement) for statement in module.tree.body
        )

    def _relative(self, importer: Module, here: PurePosixPath) -> bool:
        own = list(_imports(importer.tree.body))
        mine = [s for s in own if any(self.project.find_here(n, importer.path)[0] for n in _names(s))]
        if mine or self._program(importer):
            return any(isinstance(s, ast.ImportFrom) and s.level for s in mine)
        names = [name for path in self._neighbours(importer.path, here) for name in self.direct(path).values()]
        return any(name.startswith(".") for name in names)

    def _neighbours(self, path: str, here: PurePosixPath) -> list[str]:
        return sorted(p for p in self.project.files if PurePosixPath(p).parent == here and p != path)

    def _bases(self, importer: Module, here: PurePosixPath) -> Iterator[PurePosixPath]:
        """Yield the folders that are on ``sys.path`` when a module runs, the surest first."""
        path = importer.path
        for target, name in self.direct(path).items():
            yield from _base(target, name)
        importers = self.importers(path)
        for name in importers.values():
            yield from _base(path, name)
        for other in self._neighbours(path, here):
            module = self.project.module(other)
            if module is not None and "sys.path" not in module.text:
                for target, name in self.direct(other).items():
                    yield from _base(target, name)
        if not self._package(here) and not importers:
            yield here  # the folder of a script that is run
        elif self._package(here) and not self._program(importer):
            while self._package(here) and here.parts:
                here = here.parent
            yield here


def _base(path: str, name: str) -> Iterator[PurePosixPath]:
    """Yield the folder that a module is imported from, if it is imported by an absolute name."""
    target = PurePosixPath(path).with_suffix("")
    target = target.parent if target.name == "__init__" else target
    words = name.split(".")
    for length in range(len(words), 0, -1):
        if words[0] and target.parts[-length:] == tuple(words[:length]):
            yield PurePosixPath(*target.parts[:-length])
            return


def _imports(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run with a body: not those in functions or for type checkers only."""
    for statement in body:
        if isinstance(statement, _IMPORTS):
            yield statement
        elif isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from _imports(statement.orelse)
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for name in ("body", "orelse", "finalbody"):
                yield from _imports(getattr(statement, name, []))
            for handler in getattr(statement, "handlers", ()):
                yield from _imports(handler.body)


def _seen(data: bytes) -> tuple[list[_Import], list[_Import]] | None:
    """Return the imports in a module's bytes, those of lines that aren't indented and the others; None if in doubt."""
    end = data.rfind(b"import")
    seen: tuple[list[bytes], list[bytes]] = ([], [])
    for token in _TOKEN.finditer(data):
        if token.start() > end:
            break
        if token.lastgroup == "doubt":
            return None
        if token.lastgroup == "statement":
            seen[token[0][:1].isspace()].append(token[0].strip())
    try:
        outer, inner = ([n for n in ast.parse(b"\n".join(each)).body if isinstance(n, _IMPORTS)] for each in seen)
    except (SyntaxError, ValueError):
        return None
    return outer, inner


def _names(statement: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the dotted names that may be modules."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    base = "." * statement.level + (statement.module or "")
    separator = "" if base.endswith(".") else "."
    return [base if alias.name == "*" else f"{base}{separator}{alias.name}" for alias in statement.names]


def is_main_guard(statement: ast.stmt) -> bool:
    """Return whether a statement is ``if __name__ == "__main__":``."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test) in {
        "__name__ == '__main__'",
        "'__main__' == __name__",
    }


def _quiet(module: Module, statement: ast.stmt) -> bool:
    if isinstance(statement, _DEFINITIONS) or is_main_guard(statement):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant) or _starts(module, statement.value, _QUIET_STATEMENTS)
    if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        return all(_quiet_value(module, call) for call in calls)
    if isinstance(statement, (ast.If, ast.Try)):
        inner = [*statement.body, *statement.orelse, *getattr(statement, "finalbody", [])]
        inner += [s for handler in getattr(statement, "handlers", ()) for s in handler.body]
        return all(_quiet(module, each) for each in inner)
    return isinstance(statement, (ast.Raise, ast.Delete, ast.Assert))


def _starts(module: Module, node: ast.expr, prefixes: tuple[str, ...]) -> bool:
    """Return whether the innermost call of ``a(...).b(...)`` is one of some functions."""
    while isinstance(node, ast.Call):
        name = module.resolve(node.func)
        if name is not None:
            return name.startswith(prefixes)
        node = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    return False


def _quiet_value(module: Module, call: ast.Call) -> bool:
    name = module.resolve(call.func)
    if name is None:
        return (
            isinstance(call.func, ast.Attribute)
            and (not module.resolve(call.func.value) or _starts(module, call.func.value, _QUIET_VALUES))
            and isinstance(call.func.value, (ast.Call, ast.Constant))
        )
    if name.startswith("builtins."):
        return name.removeprefix("builtins.") not in _LOUD_BUILTINS
    if name.startswith(_QUIET_VALUES):
        return True
    found = module.project.definition(name) if module.project is not None else None
    return found is not None and isinstance(found[1], ast.ClassDef)  # a configuration object, as a rule
