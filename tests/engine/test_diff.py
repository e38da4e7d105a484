"""What ``git apply`` makes of the patches."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codemods.engine import diff

CELLS = "".join(f"x = {number}\n]\n}},\n{{\n" for number in range(100)).encode()
TEXT = "".join(f"line {number}\n" for number in range(40)).encode()


def git(folder: Path, *arguments: str, given: bytes = b"") -> None:
    done = subprocess.run(["git", *arguments], cwd=folder, input=given, capture_output=True, check=False)
    assert not done.returncode, done.stderr.decode(errors="replace")


def applied(folder: Path, path: str, before: bytes, after: bytes) -> bytes:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(before)
    git(folder, "init", "-q")
    git(folder, "apply", "--whitespace=nowarn", given=diff.unified(path, before, after))
    return file.read_bytes()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TEXT, TEXT.replace(b"line 20\n", b"")),
        (TEXT, b"first\n" + TEXT + b"last\n"),
        (TEXT, TEXT.replace(b"line 3\n", b"3\n").replace(b"line 30\n", b"30\n")),
        (TEXT.replace(b"\n", b"\r\n"), TEXT.replace(b"\n", b"\r\n").replace(b"20", b"x")),
        (TEXT.replace(b"line 7\n", b"line 7\r\n"), TEXT.replace(b"line 7\n", b"line 7\r\nnew\n")),
        (TEXT.replace(b"\n", b"\r"), TEXT.replace(b"\n", b"\r").replace(b"20", b"x")),
        (b"a\nb", b"a\nc"),
        (b"a\nb", b"x\nb"),
        (b"a\nb", b"a\nb\n"),
        (b"a\nb\n", b"a\nb"),
        (b"\xef\xbb\xbfa = 1\n", b"\xef\xbb\xbfa = 2\n"),
        ("é = 1\nx = 'ü'\n".encode("latin-1"), "é = 2\nx = 'ü'\n".encode("latin-1")),
        (b"a\n\x0c\nb\n", b"a\n\x0c\nc\n"),
        (b"\n" * 30, b"\n" * 15 + b"a\n" + b"\n" * 15),
        (CELLS, CELLS.replace(b"x = 70\n", b"y = 70\n").replace(b"x = 80\n", b"x = 80\n]\n},\n{\nx\n")),
    ],
    ids=[
        "removed",
        "added at both ends",
        "two hunks",
        "CRLF",
        "mixed newlines",
        "one line to git",
        "no final newline",
        "no final newline, unchanged",
        "final newline gained",
        "final newline lost",
        "byte order mark",
        "latin-1",
        "form feed",
        "blank lines",
        "lines that are often there",
    ],
)
def test_git_applies_the_patch(tmp_path: Path, before: bytes, after: bytes) -> None:
    assert applied(tmp_path, "train.py", before, after) == after


@pytest.mark.parametrize(
    "path",
    ["a/b/train.py", "my model.py", "Übung/größe.py", 'quo"te.py', "back\\slash.py", "tab\tbed.py", "a/a.py"],
)
def test_git_finds_the_file_whatever_it_is_called(tmp_path: Path, path: str) -> None:
    assert applied(tmp_path, path, TEXT, TEXT + b"x\n") == TEXT + b"x\n"


def test_a_path_that_is_not_utf_8_is_found(tmp_path: Path) -> None:
    path = b"\xff.py".decode("utf-8", "surrogateescape")
    assert applied(tmp_path, path, TEXT, TEXT + b"x\n") == TEXT + b"x\n"


def test_git_applies_the_patch_below_the_root_of_the_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "train.py").write_bytes(TEXT)
    git(folder, "apply", given=diff.unified("train.py", TEXT, TEXT + b"x\n"))
    assert (folder / "train.py").read_bytes() == TEXT + b"x\n"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([b"a\n", b"b\n", b"\n", b"c\r\n", b" d"]), max_size=30),
    st.lists(st.sampled_from([b"a\n", b"b\n", b"\n", b"c\r\n", b" d"]), max_size=30),
)
def test_any_two_contents(tmp_path_factory: pytest.TempPathFactory, old: list[bytes], new: list[bytes]) -> None:
    before, after = b"".join(old) + b"x", b"".join(new) + b"y\n"
    assert applied(tmp_path_factory.mktemp("repo"), "train.py", before, after) == after


def test_equal_contents_have_no_patch() -> None:
    assert diff.unified("train.py", TEXT, TEXT) == b""


def test_a_small_change_in_a_large_file_takes_no_time() -> None:
    lines = [b"x = 1\n"] * 200_000
    changed = [*lines[:100_000], b"y = 2\n", *lines[100_000:]]
    patch = diff.unified("train.py", b"".join(lines), b"".join(changed))
    assert patch.count(b"\n") == 10


def test_the_header_and_the_hunk_are_those_of_the_contract() -> None:
    patch = diff.unified("train.py", b"a\nb\n", b"a\nc\n")
    assert patch == b"--- a/train.py\n+++ b/train.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"


def test_the_text_of_a_patch_has_the_path_and_the_lines_each_in_its_encoding() -> None:
    patch = diff.unified("ü.py", "é\n".encode("latin-1"), "è\n".encode("latin-1"))
    assert diff.text(patch, "latin-1") == "--- a/ü.py\n+++ b/ü.py\n@@ -1,1 +1,1 @@\n-é\n+è\n"


def test_the_text_of_a_patch_keeps_a_byte_order_mark() -> None:
    patch = diff.unified("a.py", "\ufeffa\n".encode(), "\ufeffb\n".encode())
    assert diff.text(patch, "utf-8-sig").endswith("-\ufeffa\n+\ufeffb\n")
