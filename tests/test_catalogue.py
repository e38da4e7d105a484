"""What holds for every codemod there is, and for the shape of the code around them."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools import Check

from codemods.engine import registry
from codemods.engine.codemod import Codemod, Example, Refusal, Status
from codemods.engine.rewrite import CANNOT_EDIT, COMMENT_LOST, UNSTABLE

ROOT = Path(__file__).parent.parent
CODEMODS = [registry.load(name) for name in registry.names()]
EXAMPLES = [(codemod, example) for codemod in CODEMODS for example in codemod.examples]
SOURCES = [ROOT / "cli.py", *sorted((ROOT / "codemods").rglob("*.py"))]

each_codemod = pytest.mark.parametrize("codemod", CODEMODS, ids=lambda codemod: codemod.name)


def module_name(codemod: Codemod) -> str:
    return codemod.name.replace("-", "_")


# What a codemod says of itself. ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codemod", "example"),
    EXAMPLES,
    ids=[f"{codemod.name}-{codemod.examples.index(example)}" for codemod, example in EXAMPLES],
)
def test_examples_hold(codemod: Codemod, example: Example) -> None:
    result = Check(module_name(codemod)).run(example.before, unsafe=example.unsafe)
    if example.after is not None:
        assert result.text == example.after
        assert any(finding.status is Status.UNSAFE for _, finding in result.findings) == example.unsafe
    else:
        assert example.refusal is not None, "it is to show a refusal, or what comes after"
        assert result.text == example.before
        assert {finding.refusal.code for _, finding in result.findings if finding.refusal} == {example.refusal.code}


@each_codemod
def test_examples_show_a_rewrite_and_a_refusal(codemod: Codemod) -> None:
    assert any(example.after for example in codemod.examples)
    assert any(example.refusal for example in codemod.examples) or not codemod.refusals


@each_codemod
def test_the_document_starts_with_a_sentence_and_names_its_sources(codemod: Codemod) -> None:
    first, blank, *rest = codemod.document.splitlines()
    assert re.fullmatch(r"[A-Z][^.]+\.", first), first
    assert not blank
    assert any(re.match(r"https://(www\.tensorflow\.org|keras\.io)/", line) for line in rest)


@each_codemod
def test_refusals_are_codes_with_sentences(codemod: Codemod) -> None:
    codes = [refusal.code for refusal in codemod.refusals]
    assert len(set(codes)) == len(codes)
    assert not set(codes) & {CANNOT_EDIT.code, COMMENT_LOST.code, UNSTABLE.code}
    for refusal in codemod.refusals:
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", refusal.code), refusal
        assert " " in refusal.sentence, refusal
        assert not refusal.sentence.endswith("."), refusal


@each_codemod
def test_every_refusal_is_tested(codemod: Codemod) -> None:
    text = (ROOT / "tests" / f"test_{module_name(codemod)}.py").read_text()
    untested = [
        refusal.code
        for refusal in codemod.refusals
        if not re.search(rf"\b({'|'.join(map(re.escape, spellings(refusal)))})\b", text)
    ]
    assert not untested


def spellings(refusal: Refusal) -> Iterator[str]:
    """Yield a refusal's code, and the names that modules have for it."""
    yield refusal.code
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("codemods"):
            yield from (name for name, value in vars(module).items() if value is refusal)


@each_codemod
def test_triggers_are_bare_identifiers(codemod: Codemod) -> None:
    assert codemod.triggers
    assert all(trigger.decode().isidentifier() for trigger in codemod.triggers)


def test_the_readme_has_the_table_of_codemods() -> None:
    rows = [f"| [`{c.name}`](codemods/{module_name(c)}.py) | {c.summary} |" for c in CODEMODS]
    table = "\n".join(["| codemod | what it does |", "| --- | --- |", *rows])
    assert table in (ROOT / "README.md").read_text(), f"the README lacks this table:\n{table}"


# LibCST's own codemod tool. ----------------------------------------------------------------------


@each_codemod
def test_it_runs_under_libcsts_tool(codemod: Codemod, tmp_path: Path) -> None:
    example = next(example for example in codemod.examples if example.after)
    program = tmp_path / "program.py"
    program.write_text(example.before)
    result = libcst_tool(tmp_path, type(codemod).__name__, *(["--unsafe"] if example.unsafe else []))
    assert result.returncode == 0, result.stderr
    assert program.read_text() == example.after


def test_libcsts_tool_is_told_what_is_refused_what_is_ignored_and_what_failed(tmp_path: Path) -> None:
    codemod = registry.load("move-summaries-to-host")
    refused = next(example for example in codemod.examples if example.refusal)
    for name, text in {
        "refused.py": refused.before,
        "ignored.py": f"# tf-codemods: ignore-file\n{refused.before}",
    }.items():
        (tmp_path / name).write_text(text)
    result = libcst_tool(tmp_path, "MoveSummariesToHost")
    assert refused.refusal is not None
    assert f"({refused.refusal.code}: " in result.stderr
    assert "Skipped 1 files" in result.stderr
    assert (tmp_path / "refused.py").read_text() == refused.before


def test_libcsts_tool_is_told_of_a_name_that_is_no_codemods(tmp_path: Path) -> None:
    assert libcst_tool(tmp_path, "MakeCoffee").returncode != 0


def libcst_tool(folder: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "libcst.tool", "codemod", "--no-format", "-x"]
    return subprocess.run(
        [*command, f"codemods.engine.libcst_tool.{name}", *options, "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


# The shape of the code. --------------------------------------------------------------------------


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(module: str) -> str:
    """Return the layer that a module of the product belongs to."""
    _, _, below = module.partition("codemods.")
    package = below.partition(".")[0]
    if module.partition(".")[0] == "cli":
        return "cli"
    if package == "engine":
        return "contract" if below.startswith(("engine.codemod", "engine.result", "engine.apply")) else "engine"
    if package in {"analysis", "reports", "verify"}:
        return package
    return "codemods" if package else "root"


MAY_IMPORT = {
    "cli": {"reports", "verify", "engine", "contract", "root"},
    "reports": {"reports", "verify", "engine", "contract", "root"},
    "verify": {"verify", "engine", "contract", "analysis"},
    "engine": {"engine", "contract", "analysis", "root"},
    "codemods": {"codemods", "analysis", "contract"},
    "analysis": {"analysis", "contract"},
    "contract": {"contract", "analysis"},
    "root": {"cli"},
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    own = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    allowed = MAY_IMPORT["root" if own == "codemods.__main__" else layer(own)]
    mine = {name for name in imports(path) if name.partition(".")[0] in {"codemods", "cli"}}
    assert {name for name in mine if layer(name) not in allowed} == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_tensorflow_is_imported_where_programs_are_run_only(path: Path) -> None:
    libraries = {"tensorflow", "tensorboard", "keras", "tf_keras", "numpy", "h5py"}
    found = {name.partition(".")[0] for name in imports(path)} & libraries
    assert not found or path == ROOT / "codemods" / "verify" / "child.py"


def test_exceptions_of_any_kind_are_caught_in_one_place() -> None:
    # The child observes programs, and whatever these do is what it is there to see.
    places = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception")
        if path.name != "child.py"
    ]
    assert places == ["codemods/engine/run.py"]
