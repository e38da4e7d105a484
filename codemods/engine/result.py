"""What a run gives back: plain values that cross processes and that every report is made of."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from codemods.engine.codemod import Severity, Status


@dataclass(frozen=True)
class Settings:
    """What the user asked for.

    Attributes:
        codemods: the names of the codemods to run.
        unsafe: make the rewrites that change behaviour too.
        severity: leave out findings below this.
        target: the TensorFlow version that the code is for; None to find out.
        excluded: findings that failed verification: the path of each as it is shown, and its number in the file.
        fixes: work out what is changed for each finding by itself, too.
        alone: change no file in a way that counts on what becomes of another one.
    """

    codemods: tuple[str, ...]
    unsafe: bool = False
    severity: Severity = Severity.NOTE
    target: str | None = None
    excluded: frozenset[tuple[str, int]] = frozenset()
    fixes: bool = False
    alone: bool = False


@dataclass(frozen=True)
class LocatedFinding:
    """A finding with its place: lines and columns count from 1, ``end_column`` is behind the last character.

    Attributes:
        path: relative to the working directory, with ``/``.
        cell: the notebook's code cell, from 0; lines then count inside it.
        reason: the refusal's code; None where it isn't refused.
        detail: a sentence more: why it is refused, what an unsafe rewrite changes.
        excerpt: the source lines from ``line`` to ``end_line``, without newlines.
        number: what ``Settings.excluded`` names it by.
        json_lines: in a notebook, the first and last line of its JSON that hold it.
    """

    path: str
    cell: int | None
    line: int
    column: int
    end_line: int
    end_column: int
    codemod: str
    status: Status
    severity: Severity
    message: str
    reason: str | None
    detail: str | None
    excerpt: tuple[str, ...] = field(default=(), compare=False)
    number: int = field(default=-1, compare=False)
    json_lines: tuple[int, int] | None = field(default=None, compare=False)


class FileStatus(enum.Enum):
    """What became of a file."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Change:
    """What is written into a file.

    Attributes:
        text: its new text.
        digest: that of the bytes that the text was computed from.
        answered: how many of its findings the text answers, those counted that only another edit has brought to light.
    """

    text: str
    digest: bytes
    answered: int


@dataclass(frozen=True)
class Replacement:
    """A part of a file as it is on disk, a notebook's JSON for one, and what is put in its place.

    Lines and columns count from 1; the end is behind the last character.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True)
class Fix:
    """What is changed for some findings that are rewritten together, if nothing else is.

    Attributes:
        findings: their numbers.
        replacements: in the order of the file.
    """

    findings: tuple[int, ...]
    replacements: tuple[Replacement, ...]


@dataclass(frozen=True)
class FileResult:
    """What a run found in one file and made of it.

    Attributes:
        path: relative to the working directory, with ``/``.
        status: what became of it; ``CHANGED`` for a dry run means that there is something to change.
        findings: in the order of the source.
        patch: a unified diff that ``git apply`` takes; empty where nothing changes.
        encoding: the encoding of the patch's text.
        reason: why it failed or was skipped: a stable kebab-case code.
        detail: the same as a sentence.
        change: what is to be written, where something changes.
        groups: the numbers of the findings that ``change`` answers, those together that share edits.
        fixes: what is changed for each of these by itself, where ``Settings.fixes`` asks for it.
        needs: the other files that ``change`` counts on, and the digest of the text that each of them has then.
        helps: the other files of which one at least has to need this one, or ``change`` is for nothing.
    """

    path: str
    status: FileStatus
    findings: tuple[LocatedFinding, ...] = ()
    patch: bytes = b""
    encoding: str = "utf-8"
    reason: str | None = None
    detail: str | None = None
    change: Change | None = field(default=None, compare=False, repr=False)
    groups: tuple[tuple[int, ...], ...] = field(default=(), compare=False, repr=False)
    fixes: tuple[Fix, ...] = field(default=(), compare=False, repr=False)
    needs: tuple[tuple[str, bytes], ...] = field(default=(), compare=False, repr=False)
    helps: tuple[str, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Tally:
    """The numbers a run ends with: of files first, then of findings by what the tool does about them."""

    files: int
    changed: int
    unchanged: int
    failed: int
    skipped: int
    fixable: int
    unsafe: int
    refused: int

    @classmethod
    def of(cls, results: Iterable[FileResult]) -> Tally:
        """Count the files and findings of a run."""
        files: Counter[FileStatus] = Counter()
        findings: Counter[Status] = Counter()
        for result in results:
            files[result.status] += 1
            findings.update(finding.status for finding in result.findings)
        return cls(
            files.total(),
            *(files[status] for status in FileStatus),
            *(findings[status] for status in Status),
        )
