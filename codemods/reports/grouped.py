"""The findings of a run by codemod and by what became of them, as a migration's report lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codemods.engine.codemod import Status
from codemods.engine.result import FileResult, FileStatus, LocatedFinding

_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) != "\t"} | {0x7F: 0x2421}


@dataclass(frozen=True)
class Group:
    """Findings of one codemod with the same outcome.

    Attributes:
        codemod: its name.
        outcome: a few words, such as ``changed`` or ``refused (reason)``.
        detail: the sentence that goes with all of them, if there is one.
        places: where they are, in order.
    """

    codemod: str
    outcome: str
    detail: str | None
    places: tuple[str, ...]


def grouped(results: Sequence[FileResult], *, unsafe: bool) -> list[Group]:
    """Return the findings in groups: what was changed first, then what was refused.

    Args:
        results: those of a run that has written.
        unsafe: rewrites that change behaviour were made too.
    """
    places: dict[tuple[int, str, str, str | None], list[str]] = {}
    for result in results:
        for finding in result.findings:
            order, outcome, detail = _outcome(finding, result, unsafe=unsafe)
            places.setdefault((order, finding.codemod, outcome, detail), []).append(place(finding))
    keys = sorted(places, key=lambda key: (*key[:3], key[3] or ""))
    return [Group(key[1], key[2], key[3], tuple(places[key])) for key in keys]


def place(finding: LocatedFinding) -> str:
    """Return where a finding is, as editors take it; a cell is named in a notebook."""
    cell = "" if finding.cell is None else f"cell {finding.cell}:"
    return f"{visible(finding.path)}:{cell}{finding.line}:{finding.column}"


def visible(text: str) -> str:
    """Return a line of the user's text with a picture for each control character: a terminal would obey them."""
    return text.translate(_PICTURES)


def _outcome(finding: LocatedFinding, result: FileResult, *, unsafe: bool) -> tuple[int, str, str | None]:
    if finding.status is Status.REFUSED:
        return 3, f"refused ({finding.reason})", finding.detail
    if finding.status is Status.UNSAFE and not unsafe:
        return 2, "not made without --unsafe", finding.detail
    if result.status is FileStatus.FAILED:
        return 1, "not written", result.detail
    return 0, "changed", None
