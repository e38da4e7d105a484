"""The report for people at a terminal; colours are taken out where the output is none."""

from __future__ import annotations

import sys
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence

from click import style

from codemods.engine.codemod import Codemod, Example, Severity, Status
from codemods.engine.diff import unified
from codemods.engine.result import FileResult, FileStatus, LocatedFinding, Tally
from codemods.reports.grouped import Group, grouped, place, visible

WIDTH = 100
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_EXCERPT = 6
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ADVICE = {
    "syntax": f"It has to be valid Python {_PYTHON}, the version that runs tf-codemods; or exclude it.",
    "decode": "Give it the coding cookie of its encoding in the first line, or save it as UTF-8.",
    "encode": "Save it as UTF-8; the new code holds a character that its encoding lacks.",
    "read": "Make it readable, or exclude it.",
    "write": "Make it and its folder writable, with room for a copy, and run again.",
    "hard-link": "Give it a single name, and run again.",
    "changed": "Run again, on the file as it is now.",
    "journal": "Make that place writable, or apply the patch that `diff` prints.",
    "nesting": "Split the expression, or exclude the file.",
    "too-large": "Move tables of data out of it, clear the outputs of a notebook, or exclude it.",
    "notebook": "Repair it by saving it in Jupyter, or exclude it.",
    "timeout": "Run on this file alone; if it takes as long again, exclude it and report this as a bug.",
    "worker-died": "Run on this file alone, with more memory; if it dies again, report this as a bug.",
    "internal": "This is a bug of tf-codemods; please report it, with the file.",
}
"""What the user can do about a file that failed, by its reason."""


def findings(result: FileResult, *, written: bool, unsafe: bool) -> Iterator[str]:
    """Yield a paragraph for each finding in a file.

    Args:
        result: what the run made of the file.
        written: changes were written, rather than shown.
        unsafe: the user asked for rewrites that change behaviour too.
    """
    made = written and result.status is not FileStatus.FAILED
    for finding in result.findings:
        yield _finding(finding, outcome(finding, made=made, unsafe=unsafe))


def _finding(finding: LocatedFinding, outcome: str) -> str:
    colour = _COLOURS[finding.severity]
    where, label = place(finding), f"{finding.severity}[{finding.codemod}]"
    # Styled after it was wrapped, since the codes have no width; and a path isn't to be broken.
    head = wrapped(f"{'_' * len(where)}: {label} {visible(finding.message)}", "  ")[len(where) :]
    head = style(where, bold=True) + head.replace(label, style(label, fg=colour, bold=True), 1)
    gutter = len(str(finding.end_line))
    rule = style(" " * gutter + " |", fg="blue")
    lines = [head, rule, *_excerpt(finding, gutter, colour), rule]
    note = wrapped(f"{' ' * gutter} = {outcome}", " " * (gutter + 5))
    return "\n".join([*lines, note]) + "\n"


def _excerpt(finding: LocatedFinding, gutter: int, colour: str) -> Iterator[str]:
    """Yield the offending lines, each with carets under the part that is meant."""
    lines = finding.excerpt
    last = len(lines) - 1
    for index, line in enumerate(lines):
        if len(lines) > _EXCERPT and _EXCERPT - 2 <= index < last:
            if index == _EXCERPT - 2:
                yield style("." * gutter, fg="blue")
            continue
        number = style(f"{finding.line + index:>{gutter}} |", fg="blue")
        start = finding.column - 1 if index == 0 else len(line) - len(line.lstrip())
        end = finding.end_column - 1 if index == last else len(line.rstrip())
        yield f"{number} {visible(line)}".rstrip()
        if end > start:
            carets = style("^" * sum(_width(character) for character in line[start:end]), fg=colour)
            yield f"{style(' ' * gutter + ' |', fg='blue')} {_blank(line[:start])}{carets}"


def _blank(text: str) -> str:
    """Return space as wide as a text, tabs kept."""
    return "".join("\t" if character == "\t" else " " * _width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def outcome(finding: LocatedFinding, *, made: bool, unsafe: bool) -> str:
    """Return what is done about a finding, and why.

    Args:
        finding: the finding.
        made: its file was written.
        unsafe: the user asked for rewrites that change behaviour too.
    """
    detail = finding.detail and visible(finding.detail)
    if finding.status is Status.REFUSED:
        return f"left alone ({finding.reason}): {detail}"
    done = "fixed" if made else "can be fixed"
    if finding.status is Status.UNSAFE:
        return f"{done}, unsafely: {detail}" if unsafe else f"unsafe, so only with --unsafe: {detail}"
    return f"{done}: {detail}" if detail else done


def failures(results: Sequence[FileResult], *, skipped: bool) -> Iterator[str]:
    """Yield a paragraph for each file that failed, and for those that were skipped if asked."""
    for result in results:
        if result.status is FileStatus.FAILED:
            head = f"{visible(result.path)}: {style('failed', fg='red', bold=True)} ({result.reason}): {result.detail}"
            advice = ADVICE.get(result.reason or "")
            yield "\n".join([head, *([wrapped(f"  {advice}", "  ")] if advice else [])])
        elif result.status is FileStatus.SKIPPED and skipped:
            yield f"{visible(result.path)}: skipped ({result.reason}): {result.detail}"


def tally(results: Sequence[FileResult], *, written: bool, unsafe: bool) -> str:
    """Return the lines that a run ends with."""
    total = Tally.of(results)
    files = (
        f"{count(total.files, 'file')}: {total.changed} {'changed' if written else 'to change'}, "
        f"{total.unchanged} unchanged, {total.failed} failed, {total.skipped} skipped"
    )
    found = total.fixable + total.unsafe + total.refused
    if not found:
        return f"{files}\nno findings"
    lost = Tally.of(result for result in results if result.status is FileStatus.FAILED)
    fixed = f"{total.fixable - lost.fixable} fixed" if written else f"{total.fixable} fixable"
    unsafely = f"{total.unsafe - lost.unsafe * unsafe} unsafe"
    if total.unsafe:
        unsafely += f" ({'made' if written else 'to be made'})" if unsafe else " (not made without --unsafe)"
    not_written = lost.fixable + lost.unsafe * unsafe
    last = f", {not_written} not written" if not_written else ""
    return f"{files}\n{count(found, 'finding')}: {fixed}, {unsafely}, {total.refused} refused{last}"


def groups(results: Sequence[FileResult], *, unsafe: bool) -> Iterator[str]:
    """Yield a paragraph for each codemod and what it did, for the end of a migration."""
    for group in grouped(results, unsafe=unsafe):
        yield "\n".join([style(title(group), bold=True), *(f"  {place}" for place in group.places)]) + "\n"


def title(group: Group) -> str:
    """Return what happened to the findings of a group, as a line."""
    places = count(len(group.places), "place")
    return f"{group.codemod}, {group.outcome}, {places}" + (f": {group.detail}" if group.detail else "")


def coloured(patch: str) -> str:
    """Return a patch with its lines coloured as git does."""
    return "\n".join(map(_coloured_line, patch.split("\n")))


def _coloured_line(line: str) -> str:
    line = visible(line.removesuffix("\r"))
    if line.startswith(("--- ", "+++ ")):
        return style(line, bold=True)
    colour = {"-": "red", "+": "green", "@": "cyan"}.get(line[:1])
    return style(line, fg=colour) if colour else line


def catalogue(codemods: Sequence[Codemod]) -> str:
    """Return the table of codemods."""
    width = max(len(codemod.name) for codemod in codemods)
    return "\n".join(wrapped(f"{codemod.name:<{width}}  {codemod.summary}", " " * (width + 2)) for codemod in codemods)


def explanation(codemod: Codemod) -> str:
    """Return all that a codemod has to say of itself: its document, examples and refusals."""
    parts = [style(codemod.name, bold=True)]
    parts += [_paragraph(text) for text in codemod.document.split("\n\n")]
    parts += [_example(example) for example in codemod.examples]
    if codemod.refusals:
        parts.append(style("What it refuses", bold=True))
        parts.append(
            "\n".join(wrapped(f"  {refusal.code}: {refusal.sentence}", "      ") for refusal in codemod.refusals)
        )
    return "\n\n".join(parts)


def _paragraph(text: str) -> str:
    """Return a paragraph in the terminal's width; lists, code and addresses keep their lines."""
    plain = all(line[:1].isalpha() or line[:1] in '`("' for line in text.splitlines())
    return text if "://" in text or not plain else wrapped(" ".join(text.splitlines()), "")


def _example(example: Example) -> str:
    if example.after is None:
        reason = f" ({example.refusal.code})" if example.refusal else ""
        code = textwrap.dedent(example.before).lstrip("\n")
        return f"{style(f'An example that is left alone{reason}', bold=True)}\n\n{_indented(code)}"
    unsafe = ", made with --unsafe only" if example.unsafe else ""
    return f"{style(f'An example{unsafe}', bold=True)}\n\n{_indented(coloured(patch(example)))}"


def patch(example: Example) -> str:
    """Return the patch that an example shows, empty for a refusal."""
    before, after = (textwrap.dedent(code or "").lstrip("\n").encode() for code in (example.before, example.after))
    return unified("example.py", before, after).decode() if after else ""


def _indented(text: str) -> str:
    return textwrap.indent(text.rstrip("\n"), "    ")


def wrapped(text: str, indent: str) -> str:
    """Return a text in lines of the terminal's width, all but the first indented."""
    return textwrap.fill(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )


def count(number: int, noun: str) -> str:
    """Return a number and what it counts."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
