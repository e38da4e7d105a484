import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codemods.engine import discover as discovering
from codemods.engine.discover import EXCLUDED, discover, project_files, project_root


def make(root, *names, **contents):
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    for name, text in contents.items():
        (root / name).write_text(text)


def found(root, *paths, **options):
    discovery = discover(paths or ["."], cwd=root, **options)
    assert discovery.failures == []
    return [file.relative_to(root).as_posix() for file in discovery.files]


def ignore(root, *lines, folder="."):
    (root / folder / ".gitignore").write_text("\n".join(lines) + "\n")


def test_modules_and_notebooks_are_found_in_order(tmp_path):
    make(tmp_path, "b.py", "a/z.py", "a/n.ipynb", "a.py", "stub.pyi", "README.md", "py", "a/b/c.py")
    assert found(tmp_path) == ["a.py", "a/b/c.py", "a/n.ipynb", "a/z.py", "b.py"]


def test_paths_below_the_working_directory_are_returned_below_it(tmp_path):
    make(tmp_path, "real/a.py")
    (tmp_path / "link").symlink_to("real")
    assert discover(["."], cwd=tmp_path / "link").files == [tmp_path / "link/a.py"]
    assert discover([tmp_path / "link"], cwd=tmp_path / "real").files == [tmp_path / "real/a.py"]


@pytest.mark.parametrize("name", sorted(EXCLUDED))
def test_default_excludes_are_entered_only_when_named(tmp_path, name):
    make(tmp_path, f"src/{name}/a.py", "src/b.py")
    assert found(tmp_path) == ["src/b.py"]
    assert found(tmp_path, f"src/{name}") == [f"src/{name}/a.py"]
    assert found(tmp_path, f"src/{name}/a.py") == [f"src/{name}/a.py"]


def test_file_with_an_excluded_name_is_found(tmp_path):
    make(tmp_path, "build.py")
    assert found(tmp_path) == ["build.py"]


def test_file_that_is_named_is_taken_whatever_it_is_called(tmp_path):
    make(tmp_path, "script", "types.pyi", "a.py")
    ignore(tmp_path, "*")
    assert found(tmp_path, "script", "types.pyi", "a.py") == ["a.py", "script", "types.pyi"]


def test_file_named_twice_and_walked_is_found_once(tmp_path):
    make(tmp_path, "src/a.py")
    assert found(tmp_path, "src/a.py", ".", "src", "src/../src/a.py", tmp_path / "src") == ["src/a.py"]


@pytest.mark.parametrize("path", ["none.py", "none", "a.py/b.py", "broken.py", "loop.py"])
def test_nothing_at_a_path_is_an_error(tmp_path, path):
    make(tmp_path, "a.py")
    (tmp_path / "broken.py").symlink_to("nowhere")
    (tmp_path / "loop.py").symlink_to("loop.py")
    with pytest.raises(FileNotFoundError) as error:
        discover(["a.py", path], cwd=tmp_path)
    assert error.value.filename == path


class TestLinks:
    def test_link_to_a_file_in_the_tree_is_that_file(self, tmp_path):
        make(tmp_path, "real.py")
        (tmp_path / "alias.py").symlink_to("real.py")
        assert found(tmp_path) == found(tmp_path, ".", "alias.py") == ["real.py"]

    def test_walk_does_not_leave_the_tree(self, tmp_path):
        make(tmp_path, "outside/a.py", "tree/b.py")
        (tmp_path / "tree/folder").symlink_to("../outside")
        (tmp_path / "tree/file.py").symlink_to("../outside/a.py")
        assert found(tmp_path, "tree") == ["tree/b.py"]

    def test_link_that_is_named_is_followed(self, tmp_path):
        make(tmp_path, "outside/a.py", "tree/b.py")
        (tmp_path / "tree/folder").symlink_to("../outside")
        assert found(tmp_path, "tree/folder") == ["outside/a.py"]

    def test_cycle_ends(self, tmp_path):
        make(tmp_path, "a/b/c.py")
        (tmp_path / "a/b/up").symlink_to("..")
        assert found(tmp_path) == ["a/b/c.py"]

    def test_broken_link_in_the_tree_is_passed_over(self, tmp_path):
        make(tmp_path, "a.py")
        (tmp_path / "b.py").symlink_to("nowhere")
        assert found(tmp_path) == ["a.py"]


class TestFailures:
    def test_fifo_is_skipped(self, tmp_path):
        make(tmp_path, "a.py")
        os.mkfifo(tmp_path / "x.py")
        discovery = discover(["."], cwd=tmp_path)
        assert discovery.files == [tmp_path / "a.py"]
        [(path, error)] = discovery.failures
        assert (path, error.reason, error.skipped) == (tmp_path / "x.py", "no-file", True)
        assert discover(["x.py"], cwd=tmp_path).failures == [(path, error)]

    def test_folder_that_cannot_be_listed_is_named_and_the_walk_goes_on(self, tmp_path, monkeypatch):
        make(tmp_path, "a.py", "closed/b.py", "open/c.py")
        scandir = os.scandir

        def refuse(folder):
            if str(folder).endswith("closed"):
                raise PermissionError(13, "Permission denied", folder)
            return scandir(folder)

        monkeypatch.setattr(os, "scandir", refuse)
        discovery = discover(["."], cwd=tmp_path)
        assert discovery.files == [tmp_path / "a.py", tmp_path / "open/c.py"]
        [(path, error)] = discovery.failures
        assert (path, error.reason, error.skipped) == (tmp_path / "closed", "read", False)
        assert error.detail == "Permission denied"


class TestIgnored:
    def test_every_gitignore_on_the_way_down_counts(self, tmp_path):
        make(tmp_path, "a.py", "gen/b.py", "src/a.py", "src/b.py", "src/deep/b.py")
        ignore(tmp_path, "gen/")
        ignore(tmp_path, "/b.py", folder="src")
        assert found(tmp_path) == ["a.py", "src/a.py", "src/deep/b.py"]

    def test_those_above_count_up_to_the_repository(self, tmp_path):
        make(
            tmp_path,
            "repo/src/a.py",
            "repo/src/b.py",
            "repo/src/c.py",
            ".git/config",
            "repo/.git/info/exclude",
        )
        ignore(tmp_path, "a.py")
        ignore(tmp_path, "b.py", folder="repo")
        (tmp_path / "repo/.git/info/exclude").write_text("# local\nsrc/c.py\n")
        assert found(tmp_path, "repo/src") == ["repo/src/a.py"]

    def test_outside_a_repository_those_above_do_not_count(self, tmp_path):
        make(tmp_path, "src/a.py")
        ignore(tmp_path, "a.py")
        assert found(tmp_path, "src") == ["src/a.py"]

    def test_folder_that_is_named_is_walked_though_ignored(self, tmp_path):
        make(tmp_path, ".git/config", "out/a.py", "out/sub/b.py", "out/sub/c.py")
        ignore(tmp_path, "out/", "b.py")
        ignore(tmp_path, "c.py", folder="out/sub")
        assert found(tmp_path) == []
        assert found(tmp_path, "out") == ["out/a.py", "out/sub/b.py"]
        assert found(tmp_path, "out/sub") == ["out/sub/b.py"]

    def test_repository_in_a_repository_has_its_own_rules(self, tmp_path):
        make(tmp_path, ".git/config", "a.py", "module/.git/info/exclude", "module/a.py", "module/b.py")
        ignore(tmp_path, "a.py")
        (tmp_path / "module/.git/info/exclude").write_text("b.py")
        assert found(tmp_path) == ["module/a.py"]

    def test_work_tree_shares_the_exclude_file(self, tmp_path):
        make(tmp_path, "main/.git/info/exclude", "main/.git/worktrees/w/commondir", "w/a.py", "w/b.py")
        (tmp_path / "main/.git/info/exclude").write_text("a.py\n")
        (tmp_path / "main/.git/worktrees/w/commondir").write_text("../..\n")
        (tmp_path / "w/.git").write_text(f"gitdir: {tmp_path}/main/.git/worktrees/w\n")
        assert found(tmp_path, "w") == ["w/b.py"]

    def test_odd_lines(self, tmp_path):
        make(tmp_path, "a.py", "b.py", "c.py", "#d.py", "[e.py", "f .py")
        text = "\ufeffa.py\r\n# b.py\n\n   \n!\n/\n[z-a].py\n[e.py\n\\#d.py\nc.py  \nf\\ .py"
        (tmp_path / ".gitignore").write_text(text, encoding="utf-8")
        assert found(tmp_path) == ["[e.py", "b.py"]

    def test_gitignore_that_is_a_folder(self, tmp_path):
        make(tmp_path, ".gitignore/x", "a.py")
        assert found(tmp_path) == ["a.py"]


class TestExclude:
    def test_patterns_are_relative_to_their_folder(self, tmp_path):
        make(tmp_path, "src/gen/a.py", "src/b.py", "gen/c.py", "old.py")
        assert found(tmp_path, exclude=["/src/gen", "old.py"]) == ["gen/c.py", "src/b.py"]
        assert found(tmp_path, exclude=["/gen"], exclude_root=tmp_path / "src") == [
            "gen/c.py",
            "old.py",
            "src/b.py",
        ]

    def test_gitignore_does_not_take_an_exclude_back(self, tmp_path):
        make(tmp_path, "a.py", "b.py")
        ignore(tmp_path, "!a.py")
        assert found(tmp_path, exclude=["*.py", "!b.py"]) == ["b.py"]

    def test_file_that_is_named_is_taken(self, tmp_path):
        make(tmp_path, "a.py")
        assert found(tmp_path, "a.py", exclude=["*"]) == ["a.py"]

    def test_folder_outside_is_not_spoken_of(self, tmp_path):
        make(tmp_path, "here/a.py", "there/a.py")
        assert discover(["../there"], cwd=tmp_path / "here", exclude=["*"]).files == [tmp_path / "there/a.py"]


FOLDERS = ["", "a", "b", "a/b", "a/b/c", "b/a", "data", "data/x", "a/data"]
PATTERNS = re.findall(
    r"\S+",
    r"""
    a /a a/ b/ /b/a a/b *.py m.py /m.py a/* a/** **/b **/b/** data/** data/* a/**/c n.* [mn].py ?.py * /*
    */ *.ipynb a/b/*.py data/x/ \a a.py x* ** b/**/ #a / [!a].py [a-m]* [[:alpha:]].py []m].py [m m.py\
    [\m].py *\.py [^n] [z-a].py data/[!x] **/a/**/m.py a/**/**/m.py /**/a.py /** a//b ./a a/**b **a b/**a/
    *.p? [! [-m].py [a-].py
    """,
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    root = tmp_path_factory.mktemp("repository")
    make(
        root,
        *(f"{folder or '.'}/{name}" for folder in FOLDERS for name in ("a.py", "m.py", "n.py", "x.ipynb")),
    )
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(FOLDERS),
        st.lists(st.tuples(st.sampled_from(["", "", "!"]), st.sampled_from(PATTERNS)).map("".join), max_size=4),
        max_size=3,
    ),
    st.sampled_from(["", "n.py", "b/"]),
)
def test_git_sees_the_same_files(repository, rules, local):
    for file in repository.rglob(".gitignore"):
        file.unlink()
    for folder, lines in rules.items():
        ignore(repository, *lines, folder=folder or ".")
    (repository / ".git/info/exclude").write_text(local)
    listed = subprocess.run(
        [
            "git",
            "-c",
            "core.excludesFile=/dev/null",
            "ls-files",
            "--others",
            "--exclude-standard",
            "*.py",
            "*.ipynb",
        ],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found(repository) == sorted(listed.stdout.split())


class TestProjectRoot:
    def test_repository_is_the_project(self, tmp_path):
        make(tmp_path, "pyproject.toml", "repo/.git/config", "repo/package/setup.py", "repo/package/src/a.py")
        assert project_root(tmp_path / "repo/package/src/a.py") == tmp_path / "repo"
        assert project_root(tmp_path / "repo/package/src") == tmp_path / "repo"

    @pytest.mark.parametrize("name", ["pyproject.toml", "setup.py", "setup.cfg"])
    def test_without_one_the_outermost_project_file_marks_it(self, tmp_path, name):
        make(tmp_path, f"outer/{name}", "outer/inner/setup.py", "outer/inner/src/a.py")
        assert project_root(tmp_path / "outer/inner/src/a.py") == tmp_path / "outer"

    def test_lone_file_is_a_project_of_its_folder(self, tmp_path):
        make(tmp_path, "scripts/a.py")
        assert project_root(tmp_path / "scripts/a.py") == tmp_path / "scripts"

    def test_work_tree_counts(self, tmp_path):
        make(tmp_path, "w/.git", "w/src/a.py")
        assert project_root(Path(tmp_path / "w/src/a.py")) == tmp_path / "w"


class TestProjectFiles:
    def test_all_below_are_its_files(self, tmp_path):
        make(tmp_path, "z.py", "a/b/c.py", "a/d.ipynb", "a/e.txt")
        assert project_files(tmp_path) == ["a/b/c.py", "a/d.ipynb", "z.py"]

    def test_by_its_own_path_where_a_link_leads_to_it(self, tmp_path):
        make(tmp_path, "real/a/b.py")
        (tmp_path / "link").symlink_to("real")
        assert project_files(tmp_path / "link") == ["a/b.py"]

    def test_a_place_like_a_home_is_no_project_but_a_repository_of_its_size_is(self, tmp_path, monkeypatch):
        monkeypatch.setattr(discovering, "MOST_FOLDERS", 3)
        make(tmp_path, "train.py", "net.py", "one/a.py", "two/b.py", "three/c.py")
        assert project_files(tmp_path) == ["net.py", "train.py"]
        make(tmp_path, "four/.git/HEAD", *(f"four/{name}/a.py" for name in "abcd"))
        assert project_files(tmp_path / "four") == [f"{name}/a.py" for name in "abcd"]
