"""A migration's report as Markdown, for the pull request that goes with it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from codemods.engine.codemod import Codemod
from codemods.engine.result import FileResult, FileStatus
from codemods.reports import terminal
from codemods.reports.grouped import Group, grouped, visible


def render(results: Sequence[FileResult], *, unsafe: bool) -> str:
    """Return the report of a migration.

    Args:
        results: those of the run.
        unsafe: rewrites that change behaviour were made too.
    """
    summary = terminal.tally(results, written=True, unsafe=unsafe)
    parts = ["# tf-codemods report", summary.replace("\n", "  \n")]
    for codemod, groups in groupby(
        sorted(grouped(results, unsafe=unsafe), key=lambda group: group.codemod),
        key=lambda group: group.codemod,
    ):
        parts.append(f"## {codemod}")
        parts += [_group(group) for group in groups]
    failed = [result for result in results if result.status is FileStatus.FAILED]
    if failed:
        parts += ["## Failed", "\n".join(_failures(failed))]
    return "\n\n".join(parts) + "\n"


def explanation(codemod: Codemod) -> str:
    """Return all that a codemod has to say of itself."""
    parts = [codemod.document]
    for example in codemod.examples:
        if example.after is None:
            code = textwrap.dedent(example.before).strip("\n")
            parts.append(f"An example that is left alone:\n\n```python\n{code}\n```")
        else:
            unsafe = ", made with `--unsafe` only" if example.unsafe else ""
            parts.append(f"An example{unsafe}:\n\n```diff\n{terminal.patch(example)}```")
    if codemod.refusals:
        parts.append("\n".join(["What it refuses:", "", *(f"- `{r.code}`: {r.sentence}" for r in codemod.refusals)]))
    return "\n\n".join(parts)


def _group(group: Group) -> str:
    head = f"**{group.outcome}**" + (f": {group.detail}" if group.detail else "")
    return "\n".join([head, "", *(f"- {_code(place)}" for place in group.places)])


def _failures(failed: Sequence[FileResult]) -> Iterator[str]:
    for result in failed:
        advice = terminal.ADVICE.get(result.reason or "", "")
        yield f"- {_code(visible(result.path))} ({result.reason}): {result.detail}. {advice}".rstrip()


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"
