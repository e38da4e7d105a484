"""Which Keras a file is for, by what its project asks for: TensorFlow comes with Keras 3 since 2.16."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from codemods.analysis.module import Module
from codemods.analysis.project import Project

_FIRST_KERAS_3 = (2, 16)
_LEGACY = ("tf_keras", "TF_USE_LEGACY_KERAS")
# The releases that a requirement is tried on; those to come are taken for ones with Keras 3.
_RELEASES = {
    "tensorflow": [(2, minor, patch) for minor in range(16, 60) for patch in range(5)],
    "keras": [(3, minor, patch) for minor in range(60) for patch in range(5)],
}
_TENSORFLOW = re.compile(r"(tensorflow|tf-nightly)(-(gpu|cpu|macos|intel|aarch64|rocm|cpu-aws))?")
_REQUIREMENT = re.compile(r"\s*([A-Za-z][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;#@()]*)\)?\s*(?:[;#@].*)?")
_CLAUSE = re.compile(r"(===|==|~=|!=|<=|>=|\^|<|>|~|=)?\s*v?(\d+(?:\.\d+)*)(\.\*)?[\w.+-]*")
Version = tuple[int, ...]


def runs_keras_3(module: Module) -> bool:
    """Tell whether a module runs with Keras 3.

    The project's target says so if it is set, else the nearest folder, from the module's upward, that
    has a file which asks for TensorFlow or Keras; without any, it is the newest. A program that asks for
    the Keras of before, as ``tf_keras``, has that.
    """
    project = module.project
    if project is None:
        return not any(word in module.text for word in _LEGACY)
    if _legacy(project, module):
        return False
    if project.target is not None:
        return _version(project.target) >= _FIRST_KERAS_3
    asked = (_asked(project, folder) for folder in PurePosixPath(module.path).parents)
    return next((keras_3 for keras_3 in asked if keras_3 is not None), True)


def _legacy(project: Project, module: Module) -> bool:
    """Tell whether a program that runs a module uses tf_keras."""
    if any(word in module.text for word in _LEGACY):
        return True
    if module.path not in project.once("modules of legacy programs", lambda: _beside_legacy(project)):
        return False
    graph = project.imports
    used = graph.closure(module.path) | graph.loaded(module.path)
    return not used.isdisjoint(project.mentioning(*_LEGACY))


def _beside_legacy(project: Project) -> frozenset[str]:
    """Return the modules that some module imports which imports tf_keras: no other's program can use it."""
    graph = project.imports
    above = project.mentioning(*_LEGACY)
    for path in above:  # which grows
        above += [other for other in graph.importers(path) if other not in above]
    return frozenset().union(*map(graph.closure, above))


def _asked(project: Project, folder: PurePosixPath) -> bool | None:
    """Return whether all files of a folder that ask for TensorFlow or Keras allow Keras 3; None if none does."""
    allowed = [
        any(_meets(release, clauses) for release in _RELEASES[package])
        for name in sorted(project.names(folder))
        if (kind := _kind(name)) is not None
        for package, clauses in _requirements(kind, project.read(str(folder / name)))
    ]
    return all(allowed) if allowed else None


# Files. ------------------------------------------------------------------------------------------


def _kind(name: str) -> str | None:
    """Return the kind of a project file, None for other files."""
    if re.fullmatch(r"requirements[\w.-]*\.(txt|in)", name):
        return "requirements"
    return name if name in {
        "pyproject.toml", "setup.cfg", "setup.py", "Pipfile", "Pipfile.lock", "poetry.lock", "uv.lock", "pdm.lock",
    } else None  # fmt: skip


def _requirements(kind: str, data: bytes | None) -> Iterator[tuple[str, str]]:
    """Yield "tensorflow" or "keras" with the versions asked for, such as ``>=2.4,<2.16``."""
    text = (data or b"").decode("utf-8", "replace")
    if "tensorflow" not in text.lower() and "keras" not in text.lower() and "tf-nightly" not in text.lower():
        return
    for name, versions in _pairs(kind, text):
        plain = re.sub(r"[-_.]+", "-", name).lower()
        if _TENSORFLOW.fullmatch(plain):
            yield "tensorflow", versions
        elif plain == "keras":
            yield "keras", versions


def _pairs(kind: str, text: str) -> Iterator[tuple[str, str]]:
    if kind == "requirements":
        lines = text.splitlines()
    elif kind == "setup.cfg":
        lines = list(_setup_cfg(text))
    elif kind == "setup.py":
        lines = list(_setup_py(text))
    elif kind == "Pipfile.lock":
        # JSON, in which each package has its version some lines below its name.
        yield from re.findall(r'"([\w.-]+)": \{[^{}]*?"version": "([^"]+)"', text)
        return
    else:
        table = _toml(text)
        yield from _tables(table)
        lines = list(_lists(table))
    for line in lines:
        found = _REQUIREMENT.fullmatch(line)
        if found is not None:
            yield found[1], found[2]


def _setup_cfg(text: str) -> Iterator[str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    options = dict(parser["options"]) if parser.has_section("options") else {}
    extras = parser["options.extras_require"].values() if parser.has_section("options.extras_require") else ()
    for value in (options.get("install_requires", ""), *extras):
        yield from value.splitlines()


def _setup_py(text: str) -> Iterator[str]:
    """Yield the texts of a setup script's lists: its requirements are among them."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.List, ast.Tuple)):
            yield from (
                each.value for each in node.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )


def _toml(text: str) -> dict[str, Any]:
    # Here, since few runs have such a file to read.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _lists(table: dict[str, Any]) -> Iterator[str]:
    """Yield the requirements that stand in lists, as in ``[project]``."""
    project = table.get("project")
    groups = [table.get("dependency-groups")]
    lists: list[object] = []
    if isinstance(project, dict):
        lists.append(project.get("dependencies"))
        groups.append(project.get("optional-dependencies"))
    for group in groups:
        lists += group.values() if isinstance(group, dict) else ()
    for each in lists:
        yield from (line for line in each if isinstance(line, str)) if isinstance(each, list) else ()


def _tables(table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what stands in tables: of a lock file, of a Pipfile, of Poetry."""
    for package in table.get("package", ()):
        if isinstance(package, dict) and isinstance(package.get("version"), str):
            yield str(package.get("name")), "==" + package["version"]
    poetry = table.get("tool", {}).get("poetry", {}) if isinstance(table.get("tool"), dict) else {}
    groups = [group.get("dependencies") for group in poetry.get("group", {}).values() if isinstance(group, dict)]
    for found in (table.get("packages"), poetry.get("dependencies"), *groups):
        for name, versions in found.items() if isinstance(found, dict) else ():
            asked = versions.get("version", "*") if isinstance(versions, dict) else versions
            if isinstance(asked, str):
                yield name, f"=={asked}" if asked[:1].isdigit() else asked


# Versions. ---------------------------------------------------------------------------------------


def _version(text: str) -> Version:
    return tuple(int(part) for part in text.split("."))


def _meets(release: Version, clauses: str) -> bool:
    """Tell whether a release is one that a requirement asks for."""
    found = (_CLAUSE.fullmatch(clause.strip()) for clause in clauses.split(","))
    return all(_clause(release, each[1] or "==", _version(each[2]), bool(each[3])) for each in found if each)


def _clause(release: Version, operator: str, version: Version, wild: bool) -> bool:
    start = release[: len(version)]
    full = (*version, 0, 0, 0)[:3]
    if operator in {"==", "===", "=", "!="}:
        return (start == version if wild else release == full) is (operator != "!=")
    if operator in {"~=", "~", "^"}:
        # What may change: behind the last number but one for ``~=``, behind the second for ``~``.
        kept = {"~=": len(version) - 1, "~": min(len(version), 2), "^": 1}[operator]
        return release >= full and release[:kept] == version[:kept]
    if operator == "<":
        return release < full
    if operator == "<=":
        return release <= full
    return release >= full if operator == ">=" else release > full
