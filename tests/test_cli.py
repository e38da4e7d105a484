"""The commands, as a shell and a person see them."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import codemods
from codemods.engine import registry

ROOT = Path(__file__).parent.parent
FAKES = ROOT / "tests" / "fakes"
OLD = "import tensorflow as tf\n\nx = old()\n"
NEW = OLD.replace("old", "new")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


def tool(
    *arguments: str, given: bytes = b"", cwd: Path | None = None, command: Sequence[str] = (str(FAKES),)
) -> subprocess.CompletedProcess[bytes]:
    """Run the program, with the fake codemod only unless another is selected."""
    selected = arguments if "--select" in arguments or arguments[0] not in COMMANDS else (*arguments, *FAKE)
    return subprocess.run(
        [sys.executable, *command, *selected],
        input=given,
        capture_output=True,
        check=False,
        cwd=cwd,
        env=ENVIRONMENT,
    )


COMMANDS = ("diff", "fix", "migrate")
FAKE = ("--select", "rename-old")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def repository(folder: Path) -> Path:
    (folder / "train.py").write_text(OLD)
    (folder / "other.py").write_text("old_refused()\nold_unsafe()\n")
    git("init", "-q")
    commit()
    return folder


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, check=True)
    return done.stdout.decode()


def commit() -> None:
    git("add", "-A")
    git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x")


# Exit status. ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "diff", "fix", "again"),
    [
        ("x = 1\n", 0, 0, 0),
        ("old_refused()\n", 0, 0, 0),
        ("old_unsafe()\n", 0, 0, 0),
        (OLD, 1, 0, 0),
        ("old(\n", 2, 2, 2),
    ],
    ids=["nothing", "refused", "unsafe", "changes", "failure"],
)
def test_exit_status(folder: Path, text: str, diff: int, fix: int, again: int) -> None:
    file = folder / "train.py"
    file.write_text(text)
    assert tool("diff", "train.py").returncode == diff
    assert file.read_text() == text
    assert tool("fix", "train.py").returncode == fix
    assert tool("diff", "train.py").returncode == again


def test_a_failure_weighs_more_than_changes_and_the_other_files_are_done(folder: Path) -> None:
    (folder / "bad.py").write_text("old(\n")
    (folder / "train.py").write_text(OLD)
    assert tool("diff").returncode == 2
    done = tool("fix")
    assert done.returncode == 2
    assert b"bad.py: failed (syntax): line 1: " in done.stdout
    assert (folder / "train.py").read_text() == NEW


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("diff", "missing.py"), "missing.py"),
        (("diff", "-", "train.py"), "stands alone"),
        (("diff", ""), "no file or folder"),
        (("diff", "--select", "no-such"), "'no-such'"),
        (("diff", "--select", ","), "no codemod"),
        (("fix", "--select", "rename_old"), "did you mean rename-old?"),
        (("fix", "train.py", "--stdin-filename", "train.py"), "the only path"),
        (("dif",), "'diff'"),
        (("diff", "--severity", "awful"), "awful"),
        (("diff", "--jobs", "0"), "0"),
        (("diff", "--target", "newest"), "newest"),
        (("diff", "--config", "missing.toml"), "missing.toml"),
        (("explain", "no-such"), "'no-such'"),
        (("explain", "renameold"), "did you mean rename-old?"),
        (("undo",), "no run"),
        (("undo", "7"), "no run 7"),
        (("undo", "last"), "last"),
        (("undo", "--tree", "missing"), "missing"),
        (("migrate", "missing"), "missing"),
        (("migrate", "--allow-dirty", "--report", "no/such/folder.md"), "folder.md"),
        (("no-such-command",), "no-such-command"),
    ],
)
def test_wrong_usage_is_told_and_ends_with_two(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    done = tool(*arguments)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert not done.stdout


# diff. -------------------------------------------------------------------------------------------


def test_diff_prints_a_patch_that_git_applies_and_the_rest_beside_it(repository: Path) -> None:
    (repository / "sub dir").mkdir()
    (repository / "sub dir/ü.py").write_bytes("# coding: latin-1\r\nx = 'é', old()".encode("latin-1"))
    done = tool("diff")
    assert done.stdout.startswith(b"--- a/")
    assert b"train.py:3:5: error[rename-old]" in done.stderr
    assert done.stderr.splitlines()[-2:] == [
        b"3 files: 2 to change, 1 unchanged, 0 failed, 0 skipped",
        b"4 findings: 2 fixable, 1 unsafe (not made without --unsafe), 1 refused",
    ]
    (repository / "patch").write_bytes(done.stdout)
    git("apply", "patch")
    assert (repository / "train.py").read_text() == NEW
    assert (repository / "sub dir/ü.py").read_bytes().endswith("é', new()".encode("latin-1"))
    assert tool("diff").returncode == 0


def test_quiet_keeps_the_patch_the_failures_and_the_tally(folder: Path) -> None:
    (folder / "bad.py").write_text("old(\n")
    (folder / "train.py").write_text(OLD)
    done = tool("diff", "--quiet")
    assert done.stdout.startswith(b"--- a/train.py")
    assert b"error[" not in done.stderr
    assert b"bad.py: failed" in done.stderr
    assert b"2 files: 1 to change" in done.stderr


def test_ignore_and_severity_and_unsafe(folder: Path) -> None:
    (folder / "train.py").write_text("old()\nold_unsafe()\n")
    assert not tool("diff", "--select", "rename-old", "--ignore", "rename-old").stdout
    assert b"old_unsafe" not in tool("diff", "--severity", "error").stderr.splitlines()[-3:]
    assert b"+new_unsafe()" in tool("diff", "--unsafe").stdout
    assert b"+new_unsafe()" not in tool("diff").stdout


def test_json_has_paths_relative_to_the_working_directory(folder: Path) -> None:
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/train.py").write_text(OLD)
    done = tool("diff", "..", "--format", "json", cwd=folder / "a/b")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, b"")
    assert report["changes"] == [
        {
            "path": "../train.py",
            "diff": "--- a/../train.py\n+++ b/../train.py\n@@ -1,3 +1,3 @@\n"
            " import tensorflow as tf\n \n-x = old()\n+x = new()\n",
        }
    ]


@pytest.mark.parametrize("command", ["diff", "fix", "migrate"])
def test_sarif_and_github_are_all_that_is_printed(repository: Path, command: str) -> None:
    (repository / "bad.py").write_text("old(\n")
    commit()
    done = tool(command, "--format", "sarif", "--quiet")
    (run,) = json.loads(done.stdout)["runs"]
    assert (done.returncode, done.stderr) == (2, b"")
    assert [result["ruleId"] for result in run["results"]] == ["rename-old"] * 3
    done = tool(command, "--format", "github", "--quiet", *(["--allow-dirty"] if command == "migrate" else []))
    assert (done.returncode, done.stderr) == (2, b"")
    assert done.stdout.startswith(b"::error file=bad.py,title=syntax::bad.py: line 1: ")


def test_sarif_holds_what_verification_has_shown(folder: Path) -> None:
    (folder / "pyproject.toml").touch()
    (folder / "main.py").write_text("old = print\nold('a')\n")
    arguments = ("--python", sys.executable, "--verify", "main.py", "--quiet")
    (run,) = json.loads(tool("fix", "--format", "sarif", *arguments).stdout)["runs"]
    assert run["properties"]["verification"]["verdict"] == "same"
    tool("undo")
    last = tool("fix", "--format", "github", *arguments).stdout.splitlines()[-1]
    assert last == b"::notice title=verify::same: the program does the same before and after the rewrite"


# fix. --------------------------------------------------------------------------------------------


def test_fix_rewrites_and_reports_on_standard_output(folder: Path) -> None:
    (folder / "train.py").write_text(OLD)
    done = tool("fix", "train.py")
    assert (folder / "train.py").read_text() == NEW
    assert not done.stderr
    assert b"  = fixed\n" in done.stdout
    assert b"`tf-codemods undo 1` puts back what was changed.\n" in done.stdout
    assert done.stdout.endswith(b"1 file: 1 changed, 0 unchanged, 0 failed, 0 skipped\n"
                                b"1 finding: 1 fixed, 0 unsafe, 0 refused\n")  # fmt: skip


def test_fix_reports_as_json_what_diff_would(folder: Path) -> None:
    (folder / "train.py").write_text(OLD)
    planned, done = (json.loads(tool(command, "--format", "json").stdout) for command in ("diff", "fix"))
    assert planned == done
    assert (folder / "train.py").read_text() == NEW


# Standard input. ---------------------------------------------------------------------------------


def test_fix_of_standard_input_prints_the_result_byte_for_byte(folder: Path) -> None:
    data = "# coding: latin-1\r\nx = 'é', old()".encode("latin-1")
    done = tool("fix", "-", "--stdin-filename", "src/train.py", given=data)
    assert (done.returncode, done.stdout) == (0, data.replace(b"old", b"new"))
    assert b"src/train.py:2:10: error[rename-old]" in done.stderr


def test_diff_of_standard_input_prints_its_patch(folder: Path) -> None:
    done = tool("diff", "-", given=OLD.encode())
    assert (done.returncode, done.stdout[:8]) == (1, b"--- a/-\n")
    assert b"-:3:5: error[rename-old]" in done.stderr


def test_a_notebook_on_standard_input_is_known_by_its_name(folder: Path) -> None:
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": "old()"}
    data = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    done = tool("fix", "-", "--stdin-filename", "nb.ipynb", given=data)
    assert done.stdout == data.replace(b"old", b"new")
    assert b"nb.ipynb:cell 0:1:1: error" in done.stderr


def test_standard_input_that_fails_comes_back(folder: Path) -> None:
    done = tool("fix", "-", given=b"old(\n")
    assert (done.returncode, done.stdout) == (2, b"old(\n")
    assert b"-: failed (syntax)" in done.stderr


def test_standard_input_as_json(folder: Path) -> None:
    done = tool("fix", "-", "--format", "json", given=OLD.encode())
    assert json.loads(done.stdout)["summary"]["changed"] == 1


# Configuration. ----------------------------------------------------------------------------------


def test_the_configuration_holds_and_the_command_line_wins(folder: Path) -> None:
    names = ", ".join(f'"{name}"' for name in registry.names())
    (folder / "pyproject.toml").write_text(
        f'[tool.tf-codemods]\nunsafe = true\nignore = ["rename-old", {names}]\nexclude = ["/gen*"]\n'
    )
    (folder / "gen.py").write_text(OLD)
    (folder / "train.py").write_text("old_unsafe()\n")
    run = [sys.executable, str(FAKES), "diff"]
    assert not subprocess.run(run, capture_output=True, check=False, env=ENVIRONMENT).stdout
    selected = tool("diff").stdout
    assert b"+new_unsafe()" in selected
    assert b"gen.py" not in selected
    assert not tool("diff", "--no-unsafe").stdout
    (folder / "other.toml").write_text("[tool.tf-codemods]\n")
    assert b"gen.py" in tool("diff", "--config", "other.toml").stdout


def test_a_configuration_that_cant_be_followed_is_wrong_usage(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.tf-codemods]\nselct = []\n")
    done = tool("diff")
    assert done.returncode == 2
    assert b"pyproject.toml" in done.stderr
    assert b"'selct'; did you mean select?" in done.stderr


# migrate. ----------------------------------------------------------------------------------------


def test_migrate_rewrites_and_reports(repository: Path) -> None:
    done = tool("migrate", "--report", "../report.md")
    assert done.returncode == 0
    assert git("diff", "--name-only") == "train.py\n"
    assert b"2 of 2 files analysed" in done.stderr
    text = done.stdout.decode()
    assert "rename-old, changed, 1 place\n  train.py:3:5\n" in text
    assert "rename-old, refused (too-old), 1 place: nobody knows what it does\n  other.py:1:1\n" in text
    assert "2 files: 1 changed, 1 unchanged" in text
    assert (repository.parent / "report.md").read_text().startswith("# tf-codemods report\n")


def test_migrate_as_json(repository: Path) -> None:
    done = tool("migrate", "--format", "json", "--quiet")
    assert json.loads(done.stdout)["summary"]["changed"] == 1
    assert not done.stderr


@pytest.mark.parametrize("dirt", ["train.py", "new.py"], ids=["changed", "untracked"])
def test_migrate_refuses_a_dirty_tree(repository: Path, dirt: str) -> None:
    (repository / dirt).write_text(OLD + "\n")
    done = tool("migrate", ".")
    assert done.returncode == 2
    assert f"not committed ({dirt})" in " ".join(done.stderr.decode().split())
    assert (repository / "train.py").read_text().startswith(OLD)
    assert tool("migrate", ".", "--allow-dirty").returncode == 0
    assert (repository / "train.py").read_text().startswith(NEW)


def test_migrate_of_a_clean_folder_in_a_dirty_repository(repository: Path) -> None:
    (repository / "sub").mkdir()
    (repository / "sub/train.py").write_text(OLD)
    commit()
    (repository / "train.py").write_text("")
    assert tool("migrate", "sub").returncode == 0
    assert (repository / "sub/train.py").read_text() == NEW


def test_migrate_refuses_where_there_is_no_repository(folder: Path) -> None:
    (folder / "train.py").write_text(OLD)
    environment = {**ENVIRONMENT, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(
        [sys.executable, str(FAKES), "migrate", *FAKE], capture_output=True, check=False, env=environment
    )
    assert done.returncode == 2
    assert b"not in a git repository" in done.stderr
    assert (folder / "train.py").read_text() == OLD
    assert tool("migrate", "--allow-dirty").returncode == 0


def test_a_report_that_cant_be_written_is_told_after_the_migration(repository: Path) -> None:
    done = tool("migrate", "--report", "/dev/full")
    assert done.returncode == 2
    assert b"the report /dev/full can't be written" in done.stderr
    assert (repository / "train.py").read_text() == NEW


# undo. -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["fix", "migrate"])
def test_undo_puts_back_what_a_run_changed(repository: Path, command: str) -> None:
    tool(command, "--quiet")
    assert git("status", "--porcelain") == " M train.py\n"
    done = tool("undo")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == [
        "train.py: put back",
        "1 file: 1 put back, 0 as they were already, 0 left alone",
    ]
    assert not git("status", "--porcelain")
    done = tool("undo")
    assert done.returncode == 2
    assert b"no run that could be undone" in done.stderr


def test_undo_leaves_what_was_edited_since_and_says_so(folder: Path) -> None:
    for name in ("a.py", "b.py"):
        (folder / name).write_text(OLD)
    tool("fix")
    (folder / "a.py").write_text(NEW + "mine()\n")
    done = tool("undo", "1", "--quiet")
    assert done.returncode == 2
    assert done.stdout.decode().splitlines() == [
        "a.py: left alone (edited): it was changed after run 1",
        "2 files: 1 put back, 0 as they were already, 1 left alone",
    ]
    assert ((folder / "a.py").read_text(), (folder / "b.py").read_text()) == (NEW + "mine()\n", OLD)


def test_undo_as_json(folder: Path) -> None:
    (folder / "train.py").write_text(OLD)
    tool("fix")
    report = json.loads(tool("undo", "--format", "json").stdout)
    assert report["summary"]["changed"] == 1
    assert report["changes"][0]["diff"].endswith("-x = new()\n+x = old()\n")


def test_undo_lists_the_runs(folder: Path) -> None:
    assert tool("undo", "--list").stdout == b"no runs\n"
    (folder / "train.py").write_text(OLD)
    tool("fix")
    tool("undo")
    first, second = tool("undo", "--list").stdout.decode().splitlines()
    assert first.startswith("   2  ")
    assert first.endswith("  undo 1   1 file: train.py")
    assert second.endswith("  fix      1 file: train.py (undone)")
    (fixed, _) = json.loads(tool("undo", "--list", "--format", "json").stdout)
    del fixed["time"]
    assert fixed == {"run": 1, "command": "fix", "undoes": None, "undone": True, "files": ["train.py"]}


def test_a_run_of_another_tree_is_undone_from_here_or_from_there(folder: Path) -> None:
    (folder / "my project").mkdir()
    (folder / "elsewhere").mkdir()
    file = folder / "my project/train.py"
    for back in (("--tree", "../my project"), ("--tree", str(folder / "my project"))):
        file.write_text(OLD)
        said = tool("fix", "../my project/train.py", cwd=folder / "elsewhere").stdout.decode()
        assert "--tree '../my project'` puts back what was changed." in said
        assert tool("undo", *back, cwd=folder / "elsewhere").stdout.startswith(b"../my project/train.py: put back\n")
        assert file.read_text() == OLD


def test_what_verification_kept_is_put_back(folder: Path) -> None:
    (folder / "pyproject.toml").touch()
    text = "import builtins\nbuiltins.old = builtins.new = print\nold('a')\nbuiltins.new = repr\nold('b')\n"
    (folder / "main.py").write_text(text)
    tool("fix", "--python", sys.executable, "--verify", "main.py")
    assert (folder / "main.py").read_text() == text.replace("old('a')", "new('a')")
    assert tool("undo").returncode == 0
    assert (folder / "main.py").read_text() == text


# list, explain, --version. -----------------------------------------------------------------------


def test_list_has_every_codemod(folder: Path) -> None:
    text = tool("list").stdout.decode()
    assert "rename-old" in text
    assert "Rename what is called old\n" in text
    assert {"name": "rename-old", "summary": "Rename what is called old"} in json.loads(
        tool("list", "--format", "json").stdout
    )


def test_explain_prints_the_document(folder: Path) -> None:
    assert b"too-old: nobody knows what it does" in tool("explain", "rename-old").stdout


def test_the_module_is_the_same_program(folder: Path) -> None:
    (folder / "train.py").write_text("x = 1\n")
    done = tool("--version", command=("-m", "codemods"))
    assert done.stdout.decode().strip().endswith(codemods.__version__)
    (name,) = registry.names()[:1]
    assert tool("diff", "--select", name, command=("-m", "codemods")).returncode == 0


def test_nothing_heavy_is_imported_where_nothing_is_to_be_done(folder: Path) -> None:
    (folder / "train.py").write_text("x = 1\n")
    heavy = ("libcst", "pebble", "tensorflow", "numpy", "tomllib", "pathspec")
    program = (
        f"import sys; sys.argv[1:] = ['diff']\nfrom cli import main\n"
        f"try: main()\nexcept SystemExit: print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, env=ENVIRONMENT)
    assert done.stdout == b"[]\n", done.stderr


def test_help_fits_the_lines_that_it_has(folder: Path) -> None:
    text = tool("-h").stdout.decode()
    assert "..." not in text.partition("Commands:")[2]
    listed = [line.split()[0] for line in text.partition("Commands:\n")[2].splitlines()]
    assert listed == ["diff", "fix", "migrate", "undo", "verify", "list", "explain"]
    for name in listed:
        lines = tool(name, "-h").stdout.decode().splitlines()
        assert lines[0].startswith(f"Usage: tf-codemods {name} ")
        assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ex"], ["explain"]),
        (["diff", "--sel"], ["--select"]),
        (["diff", "--select", "rename"], ["rename-old"]),
        (["diff", "--select", "a,rename"], ["a,rename-old"]),
        (["explain", "rename"], ["rename-old"]),
        (["diff", "--format", "s"], ["sarif"]),
    ],
)
def test_the_shell_can_complete(folder: Path, words: list[str], offered: list[str]) -> None:
    given = {"COMP_WORDS": " ".join(["tf-codemods", *words]), "COMP_CWORD": str(len(words))}
    done = subprocess.run(
        [sys.executable, str(FAKES)],
        capture_output=True,
        check=False,
        env={**ENVIRONMENT, **given, "_TF_CODEMODS_COMPLETE": "bash_complete"},
    )
    assert done.stdout.decode().split() == [f"plain,{word}" for word in offered]


# Terminals, pipes and interrupts. ----------------------------------------------------------------


def on_terminal(*arguments: str, **environment: str) -> bytes:
    primary, replica = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, str(FAKES), *arguments, *FAKE],
        stdout=replica,
        stderr=replica,
        env={**ENVIRONMENT, "TERM": "xterm", **environment},
    )
    os.close(replica)
    output = b""
    while True:
        try:
            data = os.read(primary, 4096)
        except OSError:  # how Linux says that the other end is closed
            data = b""
        if not data:
            break
        output += data
    os.close(primary)
    done.wait()
    return output


def test_colours_on_a_terminal_only(folder: Path) -> None:
    (folder / "train.py").write_text(OLD)
    assert b"\x1b[" not in tool("diff").stdout + tool("diff").stderr
    shown = on_terminal("diff")
    assert b"\x1b[32m+x = new()\x1b[0m" in shown
    assert b"\x1b[31m\x1b[1merror[rename-old]\x1b[0m" in shown
    assert b"\x1b[" not in on_terminal("diff", NO_COLOR="1")


def test_migrate_shows_a_bar_on_a_terminal(repository: Path) -> None:
    shown = on_terminal("migrate")
    assert b"Analysing  [" in shown
    assert b"2/2" in shown


def test_a_reader_who_leaves_early_is_no_error(folder: Path) -> None:
    for number in range(400):
        (folder / f"m{number}.py").write_text(OLD)
    for command in ("diff", "fix"):
        arguments = [sys.executable, str(FAKES), command, *FAKE]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.read(10)
            process.stdout.close()
            errors = process.stderr.read()
        assert b"Traceback" not in errors
        assert b"BrokenPipe" not in errors
    assert all(file.read_text() == NEW for file in folder.glob("*.py"))


@pytest.mark.parametrize("arguments", [("diff",), ("fix",), ("diff", "--format", "sarif"), ("list",)])
def test_a_full_disk_is_told_and_ends_with_two(folder: Path, arguments: tuple[str, ...]) -> None:
    (folder / "train.py").write_text(OLD)
    command = [sys.executable, str(FAKES), *arguments, *(FAKE if arguments[0] in COMMANDS else ())]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, env=ENVIRONMENT)
    assert done.returncode == 2
    written = "1 file written: train.py" if arguments[0] == "fix" else "no file was written"
    last = done.stderr.decode().splitlines()[-1]
    assert last == f"Error: standard output: No space left on device; {written}."


def test_streams_that_are_closed_are_no_error(folder: Path) -> None:
    (folder / "train.py").write_text(OLD)
    for arguments in ("diff", "diff -", "fix --format json", "undo"):
        words = arguments.split()
        chosen = FAKE if words[0] in COMMANDS else ()
        closed = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", sys.executable, str(FAKES), *words, *chosen]
        done = subprocess.run(closed, capture_output=True, check=False, env=ENVIRONMENT)
        assert done.returncode == (1 if arguments == "diff" else 0), arguments
    assert (folder / "train.py").read_text() == OLD


def test_a_working_directory_that_is_gone_is_told(folder: Path) -> None:
    gone = folder / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, str(FAKES), "diff"],
        capture_output=True,
        check=False,
        env=ENVIRONMENT,
    )
    assert done.returncode == 2
    assert b"Error: the working directory: No such file or directory" in done.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_the_program_and_its_workers_and_says_what_was_done(folder: Path, jobs: str) -> None:
    for number in range(8):
        (folder / f"m{number}.py").write_text(OLD + "#" * 120_000)
    (folder / "hang.py").write_text("old_hang()\n")
    arguments = [sys.executable, str(FAKES), "fix", "--jobs", jobs, *FAKE]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, start_new_session=True
    ) as process:
        assert process.stderr
        assert process.stderr.readline() == b"hanging\n"
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.decode().split() == ["Interrupted;", "no", "file", "was", "written."]
    assert sorted(path.name for path in folder.iterdir()) == ["hang.py", *(f"m{n}.py" for n in range(8))]
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


# Speed. ------------------------------------------------------------------------------------------


def fastest(*arguments: str) -> float:
    """Return the seconds of a processor that a command takes, whatever else the machine has to do."""
    times = []
    for _ in range(5):
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        tool(*arguments)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime)
    return min(times)


def test_it_starts_fast(folder: Path) -> None:
    assert fastest("--version") < 0.3  # 0.15 s on an idle machine


def test_one_file_is_fixed_fast(folder: Path) -> None:
    (folder / "train.py").write_text(OLD)
    assert fastest("diff", "train.py") < 1.2  # 0.6 s on an idle machine
