"""The one place that edits: ``ast`` nodes named by a codemod, changed on the LibCST tree.

Only the top-level statements that an edit touches are parsed by LibCST; the text between them is
never looked at, which keeps it byte for byte and makes a small edit in a large file cheap.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from codemods.engine.apply.file import File
from codemods.engine.apply.overlap import overlap
from codemods.engine.codemod import Rewrite


def apply(text: str, tree: ast.Module, rewrites: Iterable[Rewrite]) -> tuple[str, list[Rewrite]]:
    """Return the text after as many rewrites as fit together, and those that were made.

    A rewrite that overlaps an earlier one is left for the next pass.

    Args:
        text: the module's text.
        tree: its ``ast`` tree; the edits name nodes of it.
        rewrites: groups of edits, each made all or none.

    Raises:
        CannotEditError: an edit can't be expressed here (LibCST can't parse the code, ...).
    """
    accepted: list[Rewrite] = []
    for rewrite in rewrites:
        if rewrite.edits and not any(overlap(rewrite, other) for other in accepted):
            accepted.append(rewrite)
    return File(text, tree).edited(accepted), accepted
