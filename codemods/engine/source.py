"""Read what the user wrote, and write it back: whole, or not at all.

A document is analysed as the text of one Python module. Encoding, byte order mark and newlines are
part of the document, never of an edit: `render(text)` gives back the file's own bytes wherever the
text is unchanged.
"""

import contextlib
import hashlib
import os
import re
import shutil
import stat
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MAX_BYTES = 32 * 1024 * 1024
"""A larger file is refused: parsing it would take more memory than a worker may use."""

_FIRST_TWO_LINES = re.compile(rb"(?:[^\r\n]*(?:\r\n?|\n)?){2}")
_NEWLINE = re.compile(r"\r\n?|\n")


class Record(Protocol):
    """Is told a file's real path, the bytes that it has, those that it is about to be given, and the files it needs."""

    def __call__(self, target: Path, before: bytes, after: bytes, /, *, needs: Sequence[Path] = ()) -> None:
        """Put it on record."""


class SourceError(Exception):
    """A file that can't be read, understood or written.

    Attributes:
        reason: A stable code in kebab case.
        detail: A sentence for the user, with the line where it is known.
        skipped: The file is none of ours, rather than broken.
    """

    def __init__(self, reason: str, detail: str, *, skipped: bool = False) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.skipped = skipped

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class Document(Protocol):
    """A file as the engine sees it: the text of one Python module, whatever the file's format."""

    @property
    def path(self) -> Path:
        """Where the file is."""

    @property
    def data(self) -> bytes:
        """The file's bytes as they were read."""

    @property
    def text(self) -> str:
        """The module's text, newlines as in the file, without a byte order mark."""

    def locate(self, line: int) -> tuple[int | None, int]:
        """Return the code cell (None outside a notebook) and the line in it for a line of `text`."""

    def json_line(self, line: int) -> int | None:
        """Return the line of a notebook's JSON that holds a line of `text`, None for a module."""

    def render(self, text: str) -> bytes:
        """Return the file's bytes for a changed `text`.

        Raises:
            SourceError: The file's format or encoding can't hold that text.
        """


@dataclass(frozen=True)
class PythonFile:
    """A Python module."""

    path: Path
    data: bytes
    text: str
    encoding: str

    def locate(self, line: int) -> tuple[None, int]:
        """Return the line as it is: a module has no cells."""
        return None, line

    def json_line(self, line: int) -> None:
        """Return None: a module is no JSON."""

    def render(self, text: str) -> bytes:
        """Return `text` in the file's own encoding.

        Raises:
            SourceError: The encoding lacks a character, or Python would read the bytes as another
                text, as when a coding cookie has lost its place in the first two lines.
        """
        try:
            data = text.encode(self.encoding)
        except UnicodeEncodeError as error:
            line = _line(text[: error.start])
            character = text[error.start]
            raise SourceError("encode", f"line {line}: {self.encoding} has no {character!r}") from error
        with contextlib.suppress(SourceError):
            if _decode(data) == (text, self.encoding):
                return data
        raise SourceError("encode", f"Python would no longer read the file as {self.encoding}")


def load(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        SourceError: It can't be read, is no regular file, or is too large.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SourceError("read", "not a regular file")
        if status.st_size > MAX_BYTES:
            raise SourceError("too-large", f"{status.st_size:,} bytes; no more than {MAX_BYTES:,} are read")
        return path.read_bytes()
    except OSError as error:
        raise SourceError("read", error.strerror or str(error)) from error


def read(path: Path, data: bytes | None = None) -> Document:
    """Read a Python module or, by its suffix, a notebook.

    Args:
        path: The file; need not exist when `data` is given.
        data: Its bytes, when the caller has them already.

    Raises:
        SourceError: It can't be read or decoded; or it is a notebook that isn't valid or not Python.
    """
    if data is None:
        data = load(path)
    if path.suffix == ".ipynb":
        # Here, since notebook.py builds on this module, and most runs meet no notebook.
        from codemods.engine.notebook import Notebook

        return Notebook.parse(path, data)
    return PythonFile(path, data, *_decode(data))


def digest(data: bytes) -> bytes:
    """Return what a file's bytes are known by."""
    return hashlib.sha256(data).digest()


def write(path: Path, data: bytes, *, expected: bytes, record: Record | None = None) -> None:
    """Replace a file's bytes at once: whatever happens, it holds the old bytes or the new ones.

    A symbolic link stays one, and its target is replaced. Mode, owner, extended attributes and
    access lists are kept, as far as the system lets them be set. A file with several hard links is
    refused: writing in place could be cut short, and replacing it would split the links.

    Args:
        path: The file, or a link to it.
        data: The new bytes.
        expected: The bytes that the change was computed from.
        record: Is told when all that is left to do is to replace the file; it may raise a SourceError.

    Raises:
        SourceError: The file is read-only, hard-linked or can't be written, or no longer holds `expected`.
    """
    try:
        target = Path(os.path.realpath(path, strict=True))
        status = target.stat()
        # Root may write anything, and a folder that is writable lets anything in it be replaced:
        # neither is what the owner of a read-only file has asked for.
        if not status.st_mode & stat.S_IWUSR or not os.access(target, os.W_OK):
            raise SourceError("write", "the file is read-only")
        if status.st_nlink > 1:
            raise SourceError(
                "hard-link",
                f"the file has {status.st_nlink} hard links; replacing it would split them",
            )
        _replace(target, status, data, expected, record)
    except OSError as error:
        raise SourceError("write", error.strerror or str(error)) from error


def _replace(target: Path, status: os.stat_result, data: bytes, expected: bytes, record: Record | None) -> None:
    """Write `data` beside the target, make it look like the target, then let it take its place."""
    temporary = target.with_name(f".tf-codemods-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
            file.flush()
            if hasattr(os, "chown"):
                _keep_owner(temporary, status)
            shutil.copystat(target, temporary)
            os.utime(temporary)
            os.fsync(file.fileno())
        _check_unchanged(target, expected)
        if record:
            record(target, expected, data)
            # As late as can be: an editor may have saved the file while we were at work.
            _check_unchanged(target, expected)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _check_unchanged(target: Path, expected: bytes) -> None:
    if target.read_bytes() != expected:
        raise SourceError("changed", "the file was changed by someone else since it was read")


def _keep_owner(temporary: Path, status: os.stat_result) -> None:
    """Give owner and group to the new file; only root may give both, a member may give the group."""
    for owner, group in ((status.st_uid, status.st_gid), (-1, status.st_gid)):
        try:
            os.chown(temporary, owner, group)
        except PermissionError:
            continue
        return


def _decode(data: bytes) -> tuple[str, str]:
    """Return the text of a Python file, without its byte order mark, and the encoding that makes it.

    Encoding it again gives `data`: a file of which that doesn't hold can't be edited.
    """
    head = _FIRST_TWO_LINES.match(data)
    lines = head.group().splitlines(keepends=True) if head else []
    try:
        encoding, _ = tokenize.detect_encoding(iter(lines).__next__)
        text = data.decode(encoding)
        exact = encoding in ("utf-8", "utf-8-sig") or text.encode(encoding) == data
    except SyntaxError as error:
        raise SourceError("decode", f"line 1: {error.msg}") from error
    except UnicodeDecodeError as error:
        line = _line(data[: error.start].decode("latin-1"))
        raise SourceError("decode", f"line {line}: not valid {error.encoding}: {error.reason}") from error
    except (LookupError, UnicodeError) as error:
        raise SourceError("decode", f"line 1: {error}") from error
    if not exact:
        raise SourceError("decode", f"its text can't be written back as the same bytes in {encoding}")
    if "\0" in text:
        raise SourceError("decode", f"line {_line(text[: text.index(chr(0))])}: a NUL byte")
    return text, encoding


def _line(before: str) -> int:
    return len(_NEWLINE.findall(before)) + 1
