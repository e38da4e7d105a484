"""What runs have changed is kept, and put back where nobody has changed it since."""

import errno
import json
import os
import subprocess
from pathlib import Path

import pytest

from codemods.engine import journal as journals
from codemods.engine.discover import HIDDEN, discover
from codemods.engine.journal import Journal, Recorder
from codemods.engine.result import FileResult, FileStatus, Settings
from codemods.engine.run import run, write
from codemods.engine.source import SourceError
from codemods.engine.undo import last, undo

OLD, NEW = b"old()\n", b"new()\n"
PUT_BACK, AS_IT_WAS, LEFT = FileStatus.CHANGED, FileStatus.UNCHANGED, FileStatus.FAILED


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def settings(fake: str) -> Settings:
    return Settings((fake,))


def fix(settings: Settings, *paths: str) -> Recorder:
    recorder = journal().begin("fix")
    results = list(write(run(discover(paths or ["."], cwd=Path.cwd()), settings), record=recorder.record))
    assert FileStatus.FAILED not in {result.status for result in results}, results
    return recorder


def journal() -> Journal:
    return Journal.around(Path.cwd())


def undone(number: int | None = None) -> dict[str, FileResult]:
    runs = journal().runs()
    chosen = last(runs) if number is None else next(run for run in runs if run.number == number)
    assert chosen
    return {result.path: result for result in undo(chosen, journal(), Path.cwd())}


def statuses(number: int | None = None) -> dict[str, FileStatus]:
    return {path: result.status for path, result in undone(number).items()}


def git(*arguments: str) -> str:
    options = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *options, *arguments], capture_output=True, check=True)
    return done.stdout.decode()


# What is put back. -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.py", b"\xef\xbb\xbfif x:\r\n\told()"),
        ("a.py", b"# coding: latin-1\nx = '\xe9', old()\n"),
        (
            "a.ipynb",
            b'{"cells": [{"cell_type": "code", "source": ["old()"], "outputs": [{}]}],\r\n"nbformat": 4, "a": {}}',
        ),
    ],
    ids=["bom-crlf", "latin-1", "notebook"],
)
def test_bytes_and_mode_come_back(tree: Path, settings: Settings, name: str, data: bytes) -> None:
    file = tree / name
    file.write_bytes(data)
    file.chmod(0o755)
    fix(settings)
    assert file.read_bytes() == data.replace(b"old", b"new")
    assert statuses() == {name: PUT_BACK}
    assert file.read_bytes() == data
    assert file.stat().st_mode & 0o777 == 0o755


def test_a_link_stays_one_and_its_target_is_put_back(tree: Path, settings: Settings) -> None:
    (tree / "real.py").write_bytes(OLD)
    (tree / "link.py").symlink_to("real.py")
    fix(settings, "link.py")
    assert statuses() == {"real.py": PUT_BACK}
    assert (tree / "link.py").is_symlink()
    assert (tree / "real.py").read_bytes() == OLD


def test_names_that_are_no_text_or_hold_a_newline(tree: Path, settings: Settings) -> None:
    for name in ("\udcff.py", "a b\n'\".py"):
        (tree / name).write_bytes(OLD)
    fix(settings)
    assert statuses() == {"\udcff.py": PUT_BACK, "a b\n'\".py": PUT_BACK}
    assert all(file.read_bytes() == OLD for file in tree.glob("*.py"))


def test_a_tree_that_was_moved_since(tree: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "a.py").write_bytes(OLD)
    fix(settings)
    tree.rename(tree.parent / "elsewhere")
    monkeypatch.chdir(tree.parent / "elsewhere")
    assert statuses() == {"a.py": PUT_BACK}


# What is left alone. -----------------------------------------------------------------------------


def test_a_file_that_was_edited_since_is_left_and_the_others_are_put_back(tree: Path, settings: Settings) -> None:
    for name in ("a.py", "b.py"):
        (tree / name).write_bytes(OLD)
    fix(settings)
    (tree / "a.py").write_bytes(NEW + b"mine()\n")
    results = undone()
    assert (results["a.py"].reason, results["b.py"].status) == ("edited", PUT_BACK)
    assert (tree / "a.py").read_bytes() == NEW + b"mine()\n"
    assert statuses() == {"a.py": LEFT, "b.py": AS_IT_WAS}, "the same run remains to be undone"
    (tree / "a.py").write_bytes(NEW)
    assert statuses() == {"a.py": PUT_BACK, "b.py": AS_IT_WAS}
    assert last(journal().runs()) is None


def test_a_file_that_is_gone_stays_gone(tree: Path, settings: Settings) -> None:
    (tree / "a.py").write_bytes(OLD)
    fix(settings)
    (tree / "a.py").unlink()
    assert undone()["a.py"].reason == "moved"
    assert not (tree / "a.py").exists()


def test_a_link_in_the_files_place_is_not_followed(tree: Path, settings: Settings) -> None:
    (tree / "a.py").write_bytes(OLD)
    fix(settings)
    (tree / "a.py").rename(tree / "b.py")
    (tree / "a.py").symlink_to("b.py")
    assert undone()["a.py"].reason == "moved"
    assert (tree / "b.py").read_bytes() == NEW


@pytest.mark.parametrize("path", ["../outside.py", "sub/../../outside.py", "{absolute}"])
def test_a_journal_that_came_with_the_tree_reaches_nothing_outside(tree: Path, path: str) -> None:
    outside = tree.parent / "outside.py"
    outside.write_bytes(NEW)
    recorder = journal().begin("fix")
    recorder.record(tree / "a.py", OLD, NEW)
    (file,) = (tree / HIDDEN).glob("*.jsonl")
    file.write_text(file.read_text().replace("a.py", path.format(absolute=outside)))
    assert set(statuses().values()) == {LEFT}
    assert outside.read_bytes() == NEW


def test_what_a_later_run_has_changed_again_waits_for_that_one(tree: Path, settings: Settings) -> None:
    (tree / "a.py").write_bytes(OLD)
    fix(settings)
    (tree / "a.py").write_bytes(NEW + OLD)
    fix(settings)
    assert undone(1)["a.py"].detail == "run 2 has changed it after run 1; undo that first"
    assert statuses() == {"a.py": PUT_BACK}
    assert (tree / "a.py").read_bytes() == NEW + OLD


def test_a_file_that_was_taken_back_by_other_means_is_as_it_was(tree: Path, settings: Settings) -> None:
    (tree / "a.py").write_bytes(OLD)
    fix(settings)
    (tree / "a.py").write_bytes(OLD)
    assert statuses() == {"a.py": AS_IT_WAS}
    assert last(journal().runs()) is None


# One run after another. --------------------------------------------------------------------------


def test_runs_are_undone_from_the_last_to_the_first(tree: Path, settings: Settings) -> None:
    (tree / "a.py").write_bytes(OLD)
    fix(settings)
    (tree / "a.py").write_bytes(NEW + OLD)
    fix(settings)
    assert (statuses(), (tree / "a.py").read_bytes()) == ({"a.py": PUT_BACK}, NEW + OLD)
    (tree / "a.py").write_bytes(NEW)
    assert (statuses(), (tree / "a.py").read_bytes()) == ({"a.py": PUT_BACK}, OLD)
    assert last(journal().runs()) is None


def test_an_undo_is_undone_by_its_number_and_can_be_made_again(tree: Path, settings: Settings) -> None:
    (tree / "a.py").write_bytes(OLD)
    fix(settings)
    undone()
    assert (statuses(2), (tree / "a.py").read_bytes()) == ({"a.py": PUT_BACK}, NEW)
    assert [(each.command, each.undone) for each in journal().runs()] == [
        ("fix", False),
        ("undo", True),
        ("undo", False),
    ]
    assert (statuses(), (tree / "a.py").read_bytes()) == ({"a.py": PUT_BACK}, OLD)


def test_a_run_that_changes_nothing_is_no_run(tree: Path, settings: Settings) -> None:
    (tree / "a.py").write_bytes(NEW)
    assert fix(settings).number is None
    assert os.listdir(tree) == ["a.py"]


def test_only_the_last_runs_are_kept(tree: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "KEPT", 2)
    for _ in range(4):
        (tree / "a.py").write_bytes(OLD)
        fix(settings)
    assert [each.number for each in journal().runs()] == [3, 4]


# Crashes, and two at once. -----------------------------------------------------------------------


def test_the_old_bytes_are_on_disk_before_the_file_is_replaced(tree: Path, settings: Settings) -> None:
    (tree / "a.py").write_bytes(OLD)

    class PowerCutError(Exception):
        pass

    recorder = journal().begin("fix")

    def record(target: Path, before: bytes, after: bytes) -> None:
        recorder.record(target, before, after)
        assert target.read_bytes() == OLD
        raise PowerCutError

    with pytest.raises(PowerCutError):
        list(write(run(discover(["."], cwd=tree), settings), record=record))
    (entry,) = journal().runs()[0].entries
    assert (entry.path, entry.before) == ("a.py", OLD)
    assert statuses() == {"a.py": AS_IT_WAS}
    assert sorted(os.listdir(tree)) == [HIDDEN, "a.py"]


def test_a_line_that_was_cut_short_spoils_no_other(tree: Path) -> None:
    recorder = journal().begin("fix")
    recorder.record(tree / "a.py", OLD, NEW)
    (file,) = (tree / HIDDEN).glob("*.jsonl")
    file.write_bytes(file.read_bytes() + b'\n{"path": "b.py", "bef')
    recorder.record(tree / "c.py", OLD, NEW)
    assert [entry.path for entry in journal().runs()[0].entries] == ["a.py", "c.py"]


def test_an_undo_that_was_cut_short_is_completed_by_the_next(tree: Path, settings: Settings) -> None:
    for name in ("a.py", "b.py"):
        (tree / name).write_bytes(OLD)
    fix(settings)
    next(undo(journal().runs()[0], journal(), tree))
    assert statuses() == {"a.py": AS_IT_WAS, "b.py": PUT_BACK}
    assert last(journal().runs()) is None


def test_two_runs_at_once_have_journals_of_their_own(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = journal().begin("fix"), journal().begin("fix")
    with monkeypatch.context() as patch:
        patch.setattr(journals, "_numbers", lambda store: [])  # as if both looked at the same moment
        for recorder, name in ((first, "a.py"), (second, "b.py"), (first, "c.py")):
            recorder.record(tree / name, OLD, NEW)
    assert [[entry.path for entry in each.entries] for each in journal().runs()] == [["a.py", "c.py"], ["b.py"]]


def test_where_nothing_can_be_recorded_nothing_is_written(tree: Path, settings: Settings) -> None:
    (tree / "a.py").write_bytes(OLD)
    (tree / HIDDEN).write_text("in the way")
    (result,) = write(run(discover(["."], cwd=tree), settings), record=journal().begin("fix").record)
    assert (result.status, result.reason) == (FileStatus.FAILED, "journal")
    assert (tree / "a.py").read_bytes() == OLD
    assert sorted(os.listdir(tree)) == [HIDDEN, "a.py"]


def test_a_run_that_could_not_record_its_first_file_is_none(
    tree: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "a.py").write_bytes(OLD)
    fix(settings)
    with monkeypatch.context() as patch:
        patch.setattr(journals.os, "fsync", full)
        with pytest.raises(SourceError, match="No space left"):
            journal().begin("fix").record(tree / "b.py", OLD, NEW)
    assert [each.number for each in journal().runs()] == [1]
    assert statuses() == {"a.py": PUT_BACK}


def full(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_store_that_is_no_folder_can_be_told(tree: Path) -> None:
    (tree / HIDDEN).mkdir()
    (tree / HIDDEN / "1.jsonl").mkdir()
    with pytest.raises(SourceError, match="journal"):
        journal().runs()


# Where it is kept. -------------------------------------------------------------------------------


def test_git_sees_nothing_of_it(tree: Path, settings: Settings) -> None:
    git("init", "-q")
    (tree / "sub").mkdir()
    (tree / "sub/a.py").write_bytes(OLD)
    git("add", "-A")
    git("commit", "-qm", "x")
    fix(settings, "sub")
    assert git("status", "--porcelain", "--ignored") == " M sub/a.py\n"
    assert sorted(os.listdir(tree)) == [".git", "sub"]


def test_a_folder_without_git_hides_it_from_a_later_one(tree: Path, settings: Settings) -> None:
    (tree / "a.py").write_bytes(OLD)
    fix(settings)
    git("init", "-q")
    assert git("status", "--porcelain") == "?? a.py\n"
    assert statuses() == {"a.py": PUT_BACK}


def test_a_linked_work_tree_and_a_submodule_have_their_own(
    tree: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "-q")
    (tree / "a.py").write_bytes(OLD)
    git("add", "-A")
    git("commit", "-qm", "x")
    git("worktree", "add", "-q", "../linked", "-b", "other")
    git("submodule", "--quiet", "add", "./", "module")
    for folder in (tree.parent / "linked", tree / "module"):
        monkeypatch.chdir(folder)
        fix(settings)
        assert sorted(os.listdir(folder)) == [".git", "a.py"]
        assert statuses() == {"a.py": PUT_BACK}
    monkeypatch.chdir(tree)
    assert journal().runs() == []


@pytest.mark.parametrize("text", ["", "garbage", "gitdir: ", "gitdir: /no/such/place", "gitdir: ../elsewhere"])
def test_a_git_file_that_leads_nowhere(tree: Path, settings: Settings, text: str) -> None:
    (tree / ".git").write_text(text)
    (tree / "a.py").write_bytes(OLD)
    fix(settings)
    assert sorted(os.listdir(tree)) == [".git", HIDDEN, "a.py"]
    assert statuses() == {"a.py": PUT_BACK}


def test_the_old_bytes_are_for_their_owner_only(tree: Path, settings: Settings) -> None:
    (tree / "a.py").write_bytes(OLD)
    fix(settings)
    assert (tree / HIDDEN).stat().st_mode & 0o077 == 0
    assert (tree / HIDDEN / "1.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("paths", "cwd", "found"),
    [
        (["."], "plain/sub", "plain/sub"),
        (["sub/a.py"], "plain", "plain"),
        (["."], "marked/sub", "marked"),
        (["marked/sub/a.py"], ".", "marked"),
        (["../marked/sub"], "plain", "marked"),
        (["../plain/sub/a.py"], "marked", "plain/sub"),
        (["plain/sub/a.py", "marked/sub/a.py"], ".", "."),
    ],
)
def test_the_tree_of_a_run(tree: Path, monkeypatch: pytest.MonkeyPatch, paths: list[str], cwd: str, found: str) -> None:
    for name in ("plain", "marked"):
        (tree / name / "sub").mkdir(parents=True)
        (tree / name / "sub/a.py").write_bytes(OLD)
    (tree / "marked/pyproject.toml").touch()
    monkeypatch.chdir(tree / cwd)
    assert Journal.of([Path(path) for path in paths], Path.cwd()).tree == (tree / found).resolve()


def test_lines_are_json_for_those_who_have_to_look(tree: Path) -> None:
    journal().begin("fix").record(tree / "a.py", OLD, NEW)
    head, entry = (json.loads(line) for line in (tree / HIDDEN / "1.jsonl").read_text().splitlines()[1:])
    assert (head["version"], head["command"]) == (1, "fix")
    assert list(entry) == ["path", "before", "after"]
