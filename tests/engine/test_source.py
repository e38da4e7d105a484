import errno
import os
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemods.engine import source
from codemods.engine.source import SourceError, load, read, write

BOM = b"\xef\xbb\xbf"


def error_of(call, *args, **options):
    with pytest.raises(SourceError) as info:
        call(*args, **options)
    return info.value


class TestRead:
    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (b"", ""),
            (b"x = 1", "x = 1"),
            (b"x = 1\r\ny = 2\r\n", "x = 1\r\ny = 2\r\n"),
            (b"a\nb\r\nc\rd\n", "a\nb\r\nc\rd\n"),
            (b"a\n\x0c\nb\n\x0b", "a\n\x0c\nb\n\x0b"),
            (b"\tx\xc2\xa0\xe2\x80\xa8 \n", "\tx\xa0\u2028 \n"),
            (BOM + b"x = 1\n", "x = 1\n"),
            (BOM + b"# coding: utf-8\n", "# coding: utf-8\n"),
            (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "# -*- coding: latin-1 -*-\nx = 'é'\n"),
            (b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n'\x80'\n", None),
            (b"#!/usr/bin/python\r# coding: cp1252\r'\x80'\r", "#!/usr/bin/python\r# coding: cp1252\r'€'\r"),
            (
                "# coding: shift_jis\nx = 'テスト'\n".encode("shift_jis"),
                "# coding: shift_jis\nx = 'テスト'\n",
            ),
            ("# coding: gbk\n# 你好\n".encode("gbk"), "# coding: gbk\n# 你好\n"),
        ],
    )
    def test_bytes_come_back(self, data, text):
        document = read(Path("a.py"), data)
        assert text is None or document.text == text
        assert document.data == data
        assert document.render(document.text) == data
        assert document.render(document.text + "x\n") == data + b"x\n"
        assert document.locate(3) == (None, 3)

    @pytest.mark.parametrize(
        ("data", "detail"),
        [
            (b"x = 1\ny = '\xe9'\n", "line 2: not valid utf-8"),
            (b"x = 1\r\r\n\ny = '\xe9'\n", "line 4: not valid utf-8"),
            (b"'\xe9'\n", "line 1: invalid or missing encoding declaration"),
            (b"# coding: klingon\n", "line 1: unknown encoding: klingon"),
            (BOM + b"# coding: latin-1\n", "line 1: encoding problem: utf-8"),
            (b"# coding: ascii\n\n'\xe9'\n", "line 3: not valid ascii"),
            (b"# coding: rot13\n", "line 1: 'rot13' is not a text encoding"),
            (b"# coding: utf-7\nx = '+AGE-'\n", "can't be written back as the same bytes in utf-7"),
            (b"x = 1\n\0\n", "line 2: a NUL byte"),
            ("x = 1\n".encode("utf-16"), "line 1: invalid or missing encoding declaration"),
            ("x = 1\n".encode("utf-16-le"), "line 1: a NUL byte"),
        ],
    )
    def test_text_that_cannot_be_read_says_where(self, data, detail):
        error = error_of(read, Path("a.py"), data)
        assert (error.reason, error.skipped) == ("decode", False)
        assert detail in error.detail

    @given(st.binary(max_size=60), st.sampled_from([b"", BOM, b"# coding: latin-1\n", b"# coding: cp932\n"]))
    def test_any_bytes_are_refused_or_come_back(self, data, head):
        try:
            document = read(Path("a.py"), head + data)
        except SourceError:
            return
        assert document.render(document.text) == head + data

    @given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
    def test_any_text_is_rendered_as_it_is(self, text):
        document = read(Path("a.py"), BOM + b"x\n")
        assert read(Path("a.py"), document.render(text)).text == text

    @pytest.mark.parametrize(
        ("data", "text", "detail"),
        [
            (b"# coding: ascii\nx\n", "# coding: ascii\n\ny = 'é'\n", "line 3: ascii has no 'é'"),
            (b"x\n", "x\n'\ud800'\n", "line 2: utf-8 has no '\\ud800'"),
            (
                b"# coding: latin-1\n'\xe9'\n",
                "import os\n\n# coding: latin-1\n'é'\n",
                "no longer read the file",
            ),
            (b"# coding: latin-1\n'\xe9'\n", "# coding: utf-8\n'é'\n", "no longer read the file"),
        ],
    )
    def test_text_that_the_file_cannot_hold(self, data, text, detail):
        error = error_of(read(Path("a.py"), data).render, text)
        assert error.reason == "encode"
        assert detail in error.detail

    def test_notebook_by_its_suffix(self):
        assert error_of(read, Path("a.ipynb"), b"x = 1").reason == "notebook"

    def test_errors_are_values(self):
        error = pickle.loads(pickle.dumps(SourceError("not-python", "it is R", skipped=True)))
        assert (error.reason, error.detail, error.skipped) == ("not-python", "it is R", True)
        assert str(error) == "not-python: it is R"


class TestLoad:
    def test_bytes(self, tmp_path):
        (tmp_path / "a.py").write_bytes(b"x\r\n")
        assert load(tmp_path / "a.py") == read(tmp_path / "a.py").data == b"x\r\n"

    def test_nothing_there(self, tmp_path):
        error = error_of(load, tmp_path / "a.py")
        assert (error.reason, error.detail) == ("read", "No such file or directory")

    def test_fifo_does_not_wait_for_a_writer(self, tmp_path):
        os.mkfifo(tmp_path / "a.py")
        assert error_of(load, tmp_path / "a.py").reason == "read"

    def test_too_large(self, tmp_path, monkeypatch):
        monkeypatch.setattr(source, "MAX_BYTES", 1000)
        (tmp_path / "a.py").write_bytes(b"#" * 1001)
        error = error_of(load, tmp_path / "a.py")
        assert (error.reason, error.detail) == ("too-large", "1,001 bytes; no more than 1,000 are read")


@pytest.fixture
def old(tmp_path):
    file = tmp_path / "a.py"
    file.write_bytes(b"old\n")
    return file


def only(file):
    """The folder holds this file and nothing that a write has left behind."""
    return [entry.name for entry in file.parent.iterdir()] == [file.name]


class TestWrite:
    @pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o664, 0o200 | 0o444, 0o4755])
    def test_mode_is_kept(self, old, mode):
        old.chmod(mode)
        write(old, b"new\r\n", expected=b"old\n")
        assert old.read_bytes() == b"new\r\n"
        assert stat.S_IMODE(old.stat().st_mode) == mode
        assert only(old)

    def test_time_of_change_is_new(self, old):
        os.utime(old, (1, 1))
        write(old, b"new\n", expected=b"old\n")
        assert old.stat().st_mtime > 1

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_owner_is_kept(self, old):
        os.chown(old, 12345, 23456)
        write(old, b"new\n", expected=b"old\n")
        assert (old.stat().st_uid, old.stat().st_gid) == (12345, 23456)

    def test_group_is_kept_where_the_owner_cannot_be(self, old, monkeypatch):
        given_away = []

        def chown(path, owner, group):
            given_away.append((owner, group))
            if owner != -1:
                raise PermissionError

        monkeypatch.setattr(os, "chown", chown)
        status = old.stat()
        write(old, b"new\n", expected=b"old\n")
        assert given_away == [(status.st_uid, status.st_gid), (-1, status.st_gid)]

    @pytest.mark.skipif(not hasattr(os, "setxattr"), reason="needs extended attributes")
    def test_extended_attributes_are_kept(self, old):
        try:
            os.setxattr(old, "user.note", b"mine")
        except OSError:
            pytest.skip("the file system has none")
        write(old, b"new\n", expected=b"old\n")
        assert os.getxattr(old, "user.note") == b"mine"

    def test_link_stays_a_link(self, tmp_path):
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep/real.py").write_bytes(b"old\n")
        (tmp_path / "first.py").symlink_to("deep/real.py")
        (tmp_path / "second.py").symlink_to("first.py")
        write(tmp_path / "second.py", b"new\n", expected=b"old\n")
        assert (tmp_path / "second.py").is_symlink()
        assert (tmp_path / "first.py").is_symlink()
        assert (tmp_path / "deep/real.py").read_bytes() == b"new\n"
        assert only(tmp_path / "deep/real.py")

    def test_hard_link_is_refused(self, old):
        os.link(old, old.parent / "b.py")
        error = error_of(write, old, b"new\n", expected=b"old\n")
        assert error.reason == "hard-link"
        assert "2 hard links" in error.detail
        assert old.read_bytes() == b"old\n"

    def test_read_only_file_is_refused_even_to_root(self, old):
        old.chmod(0o444)
        error = error_of(write, old, b"new\n", expected=b"old\n")
        assert (error.reason, error.detail) == ("write", "the file is read-only")
        assert old.read_bytes() == b"old\n"

    def test_file_that_was_changed_meanwhile_is_left_alone(self, old):
        old.write_bytes(b"theirs\n")
        assert error_of(write, old, b"new\n", expected=b"old\n").reason == "changed"
        assert old.read_bytes() == b"theirs\n"
        assert only(old)

    @pytest.mark.parametrize("path", ["gone.py", "broken.py"])
    def test_nothing_there(self, tmp_path, path):
        (tmp_path / "broken.py").symlink_to("nowhere")
        error = error_of(write, tmp_path / path, b"new\n", expected=b"old\n")
        assert (error.reason, error.detail) == ("write", "No such file or directory")

    def test_longest_name(self, tmp_path):
        file = tmp_path / ("a" * 252 + ".py")
        file.write_bytes(b"old\n")
        write(file, b"new\n", expected=b"old\n")
        assert file.read_bytes() == b"new\n"

    @pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
    @pytest.mark.parametrize("step", ["chown", "utime", "fsync", "replace"])
    def test_whatever_fails_the_old_bytes_stay(self, old, monkeypatch, step, failure):
        def fail(*_, **__):
            raise failure

        monkeypatch.setattr(os, step, fail)
        with pytest.raises((SourceError, KeyboardInterrupt)) as info:
            write(old, b"new\n", expected=b"old\n")
        if isinstance(info.value, SourceError):
            assert (info.value.reason, info.value.detail) == ("write", "No space left on device")
        assert old.read_bytes() == b"old\n"
        assert only(old)
