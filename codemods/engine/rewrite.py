"""One module's rewrite: find, apply, check, and again until there is nothing left to do."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from codemods.analysis.module import Module
from codemods.analysis.project import Project
from codemods.engine import registry
from codemods.engine.codemod import Finding, Refusal, Rewrite, Severity, Status
from codemods.engine.result import Settings
from codemods.engine.suppress import Suppressions

_PASSES = 20
CANNOT_EDIT = Refusal("cannot-edit", "the code is laid out in a way that the tool can't edit")
COMMENT_LOST = Refusal("comment-lost", "the rewrite would lose a comment")
UNSTABLE = Refusal("unstable", "the rewrite doesn't come to rest: a second run would change the file again")
VERIFICATION_FAILED = Refusal("verification-failed", "the program of --verify does something else with it")
UNUSED_SUPPRESSION = Refusal("unused-suppression", "the comment suppresses nothing; remove it")


@dataclass(frozen=True)
class Rewritten:
    """A module's text after its rewrite, and what was found in the text before.

    Attributes:
        text: the new text; the old one where nothing was changed.
        findings: by codemod, in the order of the source.
        ignored: the file asks to be left out by a comment.
        groups: the numbers of the findings that were rewritten, those together that share edits.
    """

    text: str
    findings: tuple[tuple[str, Finding], ...]
    ignored: bool = False
    groups: tuple[tuple[int, ...], ...] = ()


def rewrite(
    text: str, path: str, settings: Settings, project: Project | None = None, excluded: Collection[int] = ()
) -> Rewritten:
    """Run codemods over one module.

    The result parses, keeps every comment, and a second run over it finds nothing more to do.

    Args:
        text: the module's source.
        path: its path below the project's root.
        settings: which codemods, and how far they may go.
        project: the modules around it; none if None.
        excluded: the numbers of the findings that failed verification, and are to be left alone.

    Raises:
        SyntaxError: it is not Python.
        RecursionError: it is nested too deeply.
    """
    project = project or Project.of({path: text})
    project.target = settings.target
    module = original = _module(text, path, project)
    suppressions = Suppressions(module)
    first = _find(module, settings, suppressions)
    keys = [_key(module, *found) for found in first]
    whole_file = any(s.whole_file and s.used and not s.names for s in suppressions.all)
    refused: dict[_Key, Refusal] = {}
    groups: list[list[int]] = []
    pending = [found for number, found in enumerate(first) if number not in excluded]
    for turn in range(_PASSES):
        accepted = [found for found in pending if _wanted(found[1], settings) and _key(module, *found) not in refused]
        if not accepted:
            break
        rewrites = _rewrites(module, accepted, refused)
        if turn == 0:
            numbers = {id(finding): number for number, (_, finding) in enumerate(first)}
            groups = [[numbers[id(finding)] for finding in made.findings] for _, made in rewrites]
        changed = _step(module, rewrites, refused)
        if changed is not None:
            module = _module(changed, path, project)
            # The lines may have moved, and the words that name them.
            left_out = {keys[number][:2] for number in excluded}
            found_now = _find(module, settings, Suppressions(module))
            pending = [found for found in found_now if _key(module, *found)[:2] not in left_out]
    else:
        module = original
        refused = {key: UNSTABLE for key, (_, f) in zip(keys, first, strict=True) if _wanted(f, settings)}
    if module is not original:
        project.add(original)  # the others are analysed as if nothing had been changed yet
    reasons = [VERIFICATION_FAILED if n in excluded else refused.get(key) for n, key in enumerate(keys)]
    findings = [(name, _with(finding, reason)) for (name, finding), reason in zip(first, reasons, strict=True)]
    made = tuple(tuple(n for n in group if reasons[n] is None) for group in groups)
    return Rewritten(module.text, (*findings, *_unused(suppressions, settings)), whole_file, tuple(filter(None, made)))


_Found = tuple[str, Finding]
_Key = tuple[str, str, str]


def _module(text: str, path: str, project: Project) -> Module:
    there = project.module(path) if path in project.files else None
    if there is None or there.text != text:
        there = Module(text, path, project)
        project.add(there)
    return there


def _key(module: Module, name: str, finding: Finding) -> _Key:
    """Return what a finding is known by from one pass to the next."""
    return name, module.source(finding.node), finding.message


def _find(module: Module, settings: Settings, suppressions: Suppressions) -> list[_Found]:
    data = module.text.encode(errors="replace")
    found = [
        (name, finding)
        for name in settings.codemods
        if registry.load(name).concerns(data)
        for finding in registry.load(name).find(module)
        if finding.severity >= settings.severity and not suppressions.suppress(name, finding.node)
    ]
    return sorted(found, key=lambda item: (item[1].node.lineno, item[1].node.col_offset))  # type: ignore[attr-defined]


def _wanted(finding: Finding, settings: Settings) -> bool:
    return finding.status is Status.FIXABLE or (finding.status is Status.UNSAFE and settings.unsafe)


def _with(finding: Finding, refusal: Refusal | None) -> Finding:
    return finding if refusal is None else replace(finding, refusal=refusal, detail=None, edits=())


def _unused(suppressions: Suppressions, settings: Settings) -> Iterator[_Found]:
    for suppression in suppressions.all:
        unknown = suppression.names - set(registry.names())
        asked = not suppression.names or bool(suppression.names & set(settings.codemods))
        if unknown or (asked and not suppression.used and settings.severity is Severity.NOTE):
            message = f"`{suppression.text}` suppresses nothing"
            if unknown:
                message = f"`{suppression.text}` names no codemod: {', '.join(sorted(unknown))}"
            node = ast.Constant(None, lineno=suppression.line, col_offset=suppression.column)
            node.end_lineno = suppression.line
            node.end_col_offset = suppression.column + len(suppression.text.encode())
            yield "unused-suppression", Finding(node, message, Severity.NOTE, refusal=UNUSED_SUPPRESSION)


# One pass. ---------------------------------------------------------------------------------------


def _rewrites(module: Module, accepted: Sequence[_Found], refused: dict[_Key, Refusal]) -> list[tuple[str, Rewrite]]:
    """Return the rewrites that answer some findings; those without one are entered in ``refused``."""
    rewrites: list[tuple[str, Rewrite]] = []
    for name in dict.fromkeys(name for name, _ in accepted):
        mine = [finding for other, finding in accepted if other == name]
        rewrites += [(name, rewrite) for rewrite in registry.load(name).rewrites(module, mine) if rewrite.edits]
    answered = {id(finding) for _, rewrite in rewrites for finding in rewrite.findings}
    for name, finding in accepted:
        if id(finding) not in answered:
            refused[_key(module, name, finding)] = CANNOT_EDIT
    return rewrites


def _step(module: Module, rewrites: Sequence[tuple[str, Rewrite]], refused: dict[_Key, Refusal]) -> str | None:
    """Return the text after one pass of rewrites, None where none could be made.

    Rewrites that can't be made are entered in ``refused``, with the reason.
    """
    if not rewrites:
        return None
    result = _applied(module, [rewrite for _, rewrite in rewrites])
    if isinstance(result, str):
        return result
    for name, rewrite in rewrites:
        alone = _applied(module, [rewrite])
        if isinstance(alone, Refusal):
            refused.update({_key(module, name, finding): alone for finding in rewrite.findings})
    return None


def _applied(module: Module, rewrites: Iterable[Rewrite]) -> str | Refusal:
    """Return the text after some rewrites, or why it can't be had."""
    # Here, since most runs have nothing to apply, and LibCST takes longer to import than they take.
    from codemods.engine.apply import CannotEditError, apply

    try:
        text, _ = apply(module.text, module.tree, rewrites)
        ast.parse(text)
    except CannotEditError as error:
        return Refusal(CANNOT_EDIT.code, f"{CANNOT_EDIT.sentence}: {error}")
    except SyntaxError as error:
        return Refusal(CANNOT_EDIT.code, f"the rewrite would not parse: {error.msg} (line {error.lineno})")
    if text == module.text:
        return CANNOT_EDIT
    lost = _comments(module.text) - _comments(text)
    return Refusal(COMMENT_LOST.code, f"{COMMENT_LOST.sentence}: {min(lost)}") if lost else text


def _comments(text: str) -> Counter[str]:
    # With every newline as "\n": the tokenizer of older versions of Python stumbles over a lone "\r".
    tokens = tokenize.generate_tokens(io.StringIO(text, newline=None).readline)
    return Counter(token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT)
