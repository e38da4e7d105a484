"""Unified diffs of bytes that ``git apply`` takes, whatever the newlines, the encoding and the path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TypeVar

from codemods.analysis.module import split_lines
from codemods.engine.result import Replacement

_CONTEXT = 3
Line = TypeVar("Line", bytes, str)
_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


def unified(path: str, before: bytes, after: bytes) -> bytes:
    """Return the patch from one content of a file to another; empty where they are the same.

    Args:
        path: the file's path, with ``/``.
        before: the bytes it has.
        after: the bytes it shall have.
    """
    if before == after:
        return b""
    old, new = _lines(before), _lines(after)
    patch = [b"--- " + _name("a/" + path), b"+++ " + _name("b/" + path)]
    for hunk in _hunks(_changes(old, new)):
        (i, _, j, _), (_, i_end, _, j_end) = hunk[0], hunk[-1]
        lead, trail = min(i, _CONTEXT), min(len(old) - i_end, _CONTEXT)
        at = i - lead
        patch.append(f"@@ -{_range(at, i_end + trail)} +{_range(j - lead, j_end + trail)} @@\n".encode())
        for i1, i2, j1, j2 in hunk:
            patch += [_line(b" ", line) for line in old[at:i1]]
            patch += [_line(b"-", line) for line in old[i1:i2]]
            patch += [_line(b"+", line) for line in new[j1:j2]]
            at = i2
        patch += [_line(b" ", line) for line in old[at : at + trail]]
    return b"".join(patch)


def replacements(before: str, after: str) -> tuple[Replacement, ...]:
    """Return what turns one text into another, in whole lines as Python counts them."""
    old, new = split_lines(before), split_lines(after)
    return tuple(Replacement(i1 + 1, 1, *_end(old, i2), "".join(new[j1:j2])) for i1, i2, j1, j2 in _changes(old, new))


_Change = tuple[int, int, int, int]
"""The lines that are replaced, from and to, and those in their place."""


def _changes(old: Sequence[Line], new: Sequence[Line]) -> list[_Change]:
    # What is the same at both ends needs no matcher, whose time grows with the square of the lines; and it takes lines
    # that are there often, as at the end of each cell of a notebook, for the same only if a rare one is near.
    start, end = _same(old, new)
    matcher = SequenceMatcher(None, old[start : len(old) - end], new[start : len(new) - end])
    return [
        (start + i1, start + i2, start + j1, start + j2)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


def _hunks(changes: Sequence[_Change]) -> list[list[_Change]]:
    """Return the changes in groups: those together whose context would touch."""
    hunks: list[list[_Change]] = []
    for change in changes:
        if hunks and change[0] - hunks[-1][-1][1] <= 2 * _CONTEXT:
            hunks[-1].append(change)
        else:
            hunks.append([change])
    return hunks


def _end(lines: Sequence[str], stop: int) -> tuple[int, int]:
    """Return the line and column at which a line starts, or where the text ends within the line before."""
    if 0 < stop == len(lines) and not lines[-1].endswith(("\r", "\n")):
        return stop, len(lines[-1]) + 1
    return stop + 1, 1


def text(patch: bytes, encoding: str) -> str:
    """Return a patch as text: its path in the file system's encoding, its lines in the file's.

    Args:
        patch: what :func:`unified` gave.
        encoding: the encoding of the file.
    """
    header, mark, body = patch.partition(b"\n@@ ")
    # A byte order mark stays in the text: it is a part of the line.
    encoding = "utf-8" if encoding == "utf-8-sig" else encoding
    return os.fsdecode(header + mark) + body.decode(encoding, "replace")


def _lines(data: bytes) -> list[bytes]:
    """Return the lines as git sees them: nothing but a line feed ends one."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _same(old: Sequence[Line], new: Sequence[Line]) -> tuple[int, int]:
    """Return how many lines are the same at the start, and at the end after these."""
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    rest = shorter - start
    end = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    return start, end


def _range(start: int, end: int) -> str:
    """Return a hunk's lines as unified diffs count them: an empty range names the line before it."""
    length = end - start
    return f"{start + 1 if length else start},{length}"


def _line(mark: bytes, line: bytes) -> bytes:
    return mark + line if line.endswith(b"\n") else mark + line + b"\n\\ No newline at end of file\n"


def _name(path: str) -> bytes:
    """Return a path and its newline as git writes them: quoted, or closed by a tab, where it has to be."""
    if any(ord(character) < 32 or character in '"\\\x7f' for character in path):
        quoted = "".join(
            f"\\{_ESCAPES[code]}" if code in _ESCAPES else f"\\{code:03o}" if code < 32 or code > 126 else chr(code)
            for code in os.fsencode(path)
        )
        return f'"{quoted}"\n'.encode()
    return os.fsencode(path) + (b"\t\n" if " " in path else b"\n")
