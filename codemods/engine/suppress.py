"""Comments by which a user keeps a finding, or a file, out of the tool's hands."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field

from codemods.analysis.module import Module

# As a user may write it: what was meant to keep code out of the tool's hands does so, or is named.
_MARK = re.compile(
    r"#\s*tf[-_]codemods:\s*(?:(?P<verb>ignore(?:-file)?)(?![\w-])\s*(?:\[(?P<names>[^\]]*)\])?|[^\s#]*)", re.IGNORECASE
)


@dataclass
class Suppression:
    """One ``# tf-codemods: ignore`` comment.

    Attributes:
        line: where it stands.
        column: where it starts, from 0, in bytes of UTF-8 as ``ast`` counts.
        text: the comment's own words.
        names: the codemods it names; all where empty.
        whole_file: it is an ``ignore-file``.
        understood: it is not something else.
        used: a finding was kept out by it.
    """

    line: int
    column: int
    text: str
    names: frozenset[str]
    whole_file: bool
    understood: bool = True
    used: bool = field(default=False)

    def covers(self, codemod: str) -> bool:
        """Tell whether it speaks of a codemod."""
        return self.understood and (not self.names or codemod in self.names)


class Suppressions:
    """All suppression comments of a module."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self.all = list(_read(module.text)) if _MARK.search(module.text) else []
        self._by_line: dict[int, list[Suppression]] = {}
        for suppression in self.all:
            self._by_line.setdefault(suppression.line, []).append(suppression)

    def suppress(self, codemod: str, node: ast.AST) -> bool:
        """Tell whether a codemod's finding at a node is suppressed, and remember by what."""
        if not self.all:
            return False
        hits = [s for s in self.all if s.whole_file and s.covers(codemod)]
        for line in self._lines(node):
            hits += [s for s in self._by_line.get(line, ()) if not s.whole_file and s.covers(codemod)]
        for hit in hits:
            hit.used = True
        return bool(hits)

    def _lines(self, node: ast.AST) -> Iterator[int]:
        """Yield the lines of the node's statement and of the heads of the blocks around it."""
        statement = self._module.statement(node)
        for around in (statement, *self._module.ancestors(statement)):
            body = getattr(around, "body", None)
            if isinstance(around, (ast.stmt, ast.ExceptHandler)):
                decorators = getattr(around, "decorator_list", [])
                first = decorators[0].lineno if decorators else around.lineno
                last = max(around.lineno, body[0].lineno - 1) if body else around.end_lineno or around.lineno
                yield from range(first, last + 1)


def _read(text: str) -> Iterator[Suppression]:
    for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
        match = _MARK.search(token.string) if token.type == tokenize.COMMENT else None
        if match:
            verb = (match["verb"] or "").lower()
            names = (name.strip().lower().replace("_", "-") for name in (match["names"] or "").split(","))
            line, characters = token.start
            column = len(token.line[: characters + match.start()].encode())
            whole_file = verb == "ignore-file"
            yield Suppression(line, column, match[0], frozenset(filter(None, names)), whole_file, bool(verb))
