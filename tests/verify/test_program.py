"""Which project a program belongs to, where it is run, and by which interpreter."""

import sys
from pathlib import Path

import pytest

from codemods.engine.discover import marked_folder
from codemods.verify.program import ProgramError, parse, program


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a script in a folder; nothing marks a project."""
    marked_folder.cache_clear()
    (tmp_path / "work/scripts").mkdir(parents=True)
    (tmp_path / "work/scripts/train.py").touch()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def found(script: str, *folders: Path) -> tuple[Path, Path, str]:
    it = program(script, python=sys.executable, timeout=1, folders=folders)
    return it.root, it.cwd, it.name


def test_a_repository_is_copied_and_the_program_run_from_where_the_user_is(here: Path) -> None:
    (here.parent / ".git").mkdir()
    assert found("scripts/train.py") == (here.parent, here, "scripts/train.py")


def test_without_a_mark_the_project_is_the_working_directory(here: Path) -> None:
    assert found("scripts/train.py") == (here, here, "scripts/train.py")


def test_a_home_is_no_project(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    assert found("scripts/train.py") == (here / "scripts", here / "scripts", "train.py")


def test_a_program_elsewhere_is_run_where_it_lies(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "train.ipynb").touch()
    assert found(str(other / "train.ipynb")) == (other, other, "train.ipynb")


def test_a_script_may_be_named_as_it_is_in_the_repository_that_is_migrated(here: Path) -> None:
    assert found("train.py", Path("scripts")) == (here / "scripts", here / "scripts", "train.py")


def test_a_folder_that_is_rewritten_is_copied_whole(here: Path) -> None:
    (here / "scripts/.git").mkdir()
    assert found("scripts/train.py") == (here / "scripts", here / "scripts", "train.py")
    assert found("scripts/train.py", here) == (here, here, "scripts/train.py")


def test_the_interpreter_of_the_active_environment(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def default() -> str:
        return program("scripts/train.py", python=None, timeout=1).python

    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("PATH", str(here))
    assert default() == sys.executable
    for place in ("python", "venv/bin/python"):
        (here / place).parent.mkdir(parents=True, exist_ok=True)
        (here / place).symlink_to(sys.executable)
    assert default() == str(here / "python")
    monkeypatch.setenv("VIRTUAL_ENV", str(here / "venv"))
    assert default() == str(here / "venv/bin/python")
    assert program("scripts/train.py", python="venv/bin/python", timeout=1).python == str(here / "venv/bin/python")


@pytest.mark.parametrize(
    ("script", "python", "said"),
    [
        ("missing.py", None, "there is no script missing.py"),
        ("scripts", None, "there is no script scripts"),
        ("readme.md", None, "readme.md is neither a Python file nor a notebook"),
        ("scripts/train.py", "no-such-python", "there is no interpreter no-such-python"),
    ],
)
def test_what_cannot_be_run(here: Path, script: str, python: str | None, said: str) -> None:
    (here / "readme.md").touch()
    with pytest.raises(ProgramError, match=said):
        program(script, python=python, timeout=1)


@pytest.mark.parametrize(
    ("command", "parsed"),
    [
        ("train.py", (None, "train.py", ())),
        ("train.py --name 'a b' -e 1", (None, "train.py", ("--name", "a b", "-e", "1"))),
        ("python train.py", ("python", "train.py", ())),
        ("/opt/venv/bin/python3.11 train.py x", ("/opt/venv/bin/python3.11", "train.py", ("x",))),
        ("python.py 1", (None, "python.py", ("1",))),
    ],
)
def test_a_command_is_a_script_and_its_arguments(command: str, parsed: object) -> None:
    assert parse(command) == parsed


@pytest.mark.parametrize("command", ["", "python", "python -m train", "--epochs 1", "train.py 'a"])
def test_a_command_without_a_script(command: str) -> None:
    with pytest.raises(ProgramError):
        parse(command)
