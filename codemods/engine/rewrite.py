"""One module's rewrite: find, apply, check, and again until there is nothing left to do."""

from __future__ import annotations

import ast
import copy
import functools
import io
import tokenize
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from codemods.analysis.module import Module, split_lines
from codemods.analysis.project import Project
from codemods.engine import registry
from codemods.engine.codemod import CannotEditError, Finding, InsertAfter, Refusal, Rewrite, Severity, Status
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

    A finding that another one's edit removes isn't among them; one that only an edit brings to light, and that is left
    at the end, is.

    Attributes:
        text: the new text; the old one where nothing was changed.
        findings: each with its codemod, in the order of the source.
        ignored: the file asks to be left out by a comment.
        groups: the numbers of the findings that were rewritten, those together that share edits.
        numbers: the number of each finding; -1 for those that aren't of the first pass.
        answered: how many of the findings were rewritten.
        needs: the texts of the other modules that the new text counts on, by their paths.
        helps: the paths of the modules of which one at least has to need this one, or the new text is for nothing.
    """

    text: str
    findings: tuple[tuple[str, Finding], ...]
    ignored: bool = False
    groups: tuple[tuple[int, ...], ...] = ()
    numbers: tuple[int, ...] = ()
    answered: int = 0
    needs: Mapping[str, str] = field(default_factory=dict)
    helps: frozenset[str] = frozenset()


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
    project.codemods = settings.codemods
    project.plan = None if settings.alone else functools.partial(_planned, project, settings)
    with project.planning(path):
        return _rewritten(text, path, settings, project, excluded)


def _planned(project: Project, settings: Settings, path: str) -> str | None:
    module = project.module(path)
    if module is None:
        return None
    return rewrite(module.text, path, settings, project, project.excluded.get(path, ())).text


def _rewritten(text: str, path: str, settings: Settings, project: Project, excluded: Collection[int]) -> Rewritten:
    module = original = _module(text, path, project)
    suppressions = Suppressions(module)
    first = _find(module, settings, suppressions)
    state = project.state
    keys = [_key(module, *found) for found in first]
    left_out = {keys[number][:2] for number in excluded}
    whole_file = any(s.whole_file and s.used and not s.names for s in suppressions.all)
    refused: dict[_Key, Refusal] = {}
    made: list[_Later] = []
    groups: list[list[int]] = []
    pending = [found for number, found in enumerate(first) if number not in excluded]
    needs: dict[str, Module] = {}
    before: list[Module] = []
    for turn in range(_PASSES):
        accepted = [found for found in pending if _wanted(found[1], settings) and _key(module, *found) not in refused]
        if not accepted:
            break
        rewrites = _rewrites(module, accepted, refused)
        if turn == 0:
            numbers = {id(finding): number for number, (_, finding) in enumerate(first)}
            groups = [[numbers[id(finding)] for finding in each.findings] for _, each in rewrites]
        changed, done = _step(module, rewrites, refused)
        if changed is not None:
            made += [(_key(module, name, f), f, module) for name, each in done for f in each.findings]
            counted_on = {path for _, each in done for finding in each.findings for path in finding.needs}
            for needed in sorted(counted_on - needs.keys()):
                there, then = project.module(needed), project.planned(needed)
                assert there is not None
                assert then is not None
                before.append(there)
                needs[needed] = then
                project.add(then)
            module = _module(changed, path, project)
            # The lines may have moved, and the words that name them.
            found_now = _find(module, settings, Suppressions(module))
            pending = [found for found in found_now if _key(module, *found)[:2] not in left_out]
    else:
        module = original
        refused = {key: UNSTABLE for key, (_, f) in zip(keys, first, strict=True) if _wanted(f, settings)}
    if module is not original or before:
        project.restore((original, *before), state)  # the others are analysed as if nothing had been changed yet
    if module is original:
        reported = {n: (name, _with(found, refused.get(keys[n]))) for n, (name, found) in enumerate(first)}
        late: list[_Found] = []
    else:
        keyed = [(_key(module, *found), found[1]) for found in pending]
        left = [(key, _with(finding, refused.get(key)), module) for key, finding in keyed]
        included = {n: key for n, key in enumerate(keys) if n not in excluded}
        reported, new = _reported(first, included, [*made, *left], len(made))
        late = [(key[0], _moved(finding, shown, original)) for key, finding, shown in new]
    reported |= {n: (first[n][0], _with(first[n][1], VERIFICATION_FAILED)) for n in excluded}
    done_with = [tuple(n for n in group if n in reported and _wanted(reported[n][1], settings)) for group in groups]
    numbered = [*reported.items(), *((-1, found) for found in [*late, *_unused(suppressions, settings)])]
    numbered.sort(key=lambda item: (item[1][1].node.lineno, item[1][1].node.col_offset))  # type: ignore[attr-defined]
    return Rewritten(
        module.text,
        tuple(found for _, found in numbered),
        whole_file,
        tuple(filter(None, done_with)),
        tuple(n for n, _ in numbered),
        sum(_wanted(finding, settings) for _, (_, finding) in numbered),
        {path: needed.text for path, needed in needs.items()},
        frozenset(path for _, finding, _ in made for path in finding.helps),
    )


def _reported(
    first: Sequence[_Found], keys: Mapping[int, _Key], later: Sequence[_Later], made: int
) -> tuple[dict[int, _Found], list[_Later]]:
    """Return what became of the findings of the first pass, and those that are new.

    What another edit has removed is in neither. A finding is known again by its codemod and its source, and better
    by its message too.

    Args:
        first: the findings of the first pass.
        keys: what those of them that may be rewritten are known by.
        later: the findings that were rewritten, in whichever pass, and then those that were left.
        made: how many of these were rewritten.
    """
    reported: dict[int, _Found] = {}
    unknown = list(range(len(later)))
    for words in (3, 2):
        waiting: dict[tuple[str, ...], list[int]] = {}
        for n, key in keys.items():
            if n not in reported:
                waiting.setdefault(key[:words], []).append(n)
        for at in unknown[:]:
            key, finding, _ = later[at]
            if waiting.get(key[:words]):
                n = waiting[key[:words]].pop(0)
                reported[n] = (key[0], replace(finding, node=first[n][1].node))
                unknown.remove(at)
    # A codemod that goes on with what it has begun (one more caller) has said so already.
    begun = {name for name, _ in reported.values()}
    return reported, [later[at] for at in unknown if at >= made or later[at][0][0] not in begun]


def _moved(finding: Finding, module: Module, original: Module) -> Finding:
    """Return a finding that only a changed text shows, with a place in the text as it was."""
    old, new = split_lines(original.text), split_lines(module.text)
    line = finding.node.lineno - 1  # type: ignore[attr-defined]
    end = finding.node.end_lineno  # type: ignore[attr-defined]
    opcodes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    kind, i, i_end, j, j_end = next(code for code in opcodes if code[3] <= line < code[4])
    if kind == "equal" and end <= j_end:
        node = copy.copy(finding.node)
        node.lineno, node.end_lineno = line - j + i + 1, end - j + i  # type: ignore[attr-defined]
        return replace(finding, node=node)
    line = min(i + line - j, max(i, i_end - 1), len(old) - 1)
    start = len(old[line]) - len(old[line].lstrip())
    node = ast.Constant(None, lineno=line + 1, col_offset=start)
    node.end_lineno, node.end_col_offset = line + 1, len(old[line].rstrip().encode())
    return replace(finding, node=node)


_Found = tuple[str, Finding]
_Key = tuple[str, str, str]
_Later = tuple[_Key, Finding, Module]


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
    if settings.severity > Severity.NOTE:
        return
    for suppression in suppressions.all:
        unknown = suppression.names - set(registry.names())
        # One that speaks of a codemod which isn't run may well have its use.
        asked = set(settings.codemods).issuperset(suppression.names or registry.names())
        if unknown or not suppression.understood or (asked and not suppression.used):
            message = f"`{suppression.text}` suppresses nothing"
            if not suppression.understood:
                message += "; there are `ignore`, `ignore[NAME]` and `ignore-file`"
            elif unknown:
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


def _step(
    module: Module, rewrites: Sequence[tuple[str, Rewrite]], refused: dict[_Key, Refusal]
) -> tuple[str | None, list[tuple[str, Rewrite]]]:
    """Return the text after one pass of rewrites, None where none could be made, and those that were made.

    Rewrites that can't be made are entered in ``refused``, with the reason.
    """
    if not rewrites:
        return None, []
    rewrites = _one_after_another(rewrites)
    result = _applied(module, [rewrite for _, rewrite in rewrites])
    if not isinstance(result, Refusal):
        text, done = result
        return text, [(name, rewrite) for name, rewrite in rewrites if any(rewrite is other for other in done)]
    for name, rewrite in rewrites:
        alone = _applied(module, [rewrite])
        if isinstance(alone, Refusal):
            refused.update({_key(module, name, finding): alone for finding in rewrite.findings})
    return None, []


def _one_after_another(rewrites: Sequence[tuple[str, Rewrite]]) -> list[tuple[str, Rewrite]]:
    """Return some rewrites without those that add code where another codemod's do.

    Which code is to come first, only the codemod can tell that sees the other's: a `flush()` goes behind the summaries.
    """
    kept = []
    adding: dict[ast.AST, str] = {}
    for name, rewrite in rewrites:
        places = [edit.node for edit in rewrite.edits if isinstance(edit, InsertAfter)]
        if all(adding.get(node, name) == name for node in places):
            adding.update(dict.fromkeys(places, name))
            kept.append((name, rewrite))
    return kept


def _applied(module: Module, rewrites: Iterable[Rewrite]) -> tuple[str, list[Rewrite]] | Refusal:
    """Return the text after those rewrites that fit together, and which they are, or why it can't be had."""
    # Here, since most runs have nothing to apply, and LibCST takes longer to import than they take.
    from codemods.engine.apply import apply

    try:
        text, done = apply(module.text, module.tree, rewrites)
        ast.parse(text)
    except CannotEditError as error:
        return Refusal(CANNOT_EDIT.code, f"{CANNOT_EDIT.sentence}: {error}")
    except SyntaxError as error:
        return Refusal(CANNOT_EDIT.code, f"the rewrite would not parse: {error.msg} (line {error.lineno})")
    if text == module.text:
        return CANNOT_EDIT
    lost = _comments(module.text) - _comments(text)
    return Refusal(COMMENT_LOST.code, f"{COMMENT_LOST.sentence}: {min(lost)}") if lost else (text, done)


def _comments(text: str) -> Counter[str]:
    # With every newline as "\n": the tokenizer of older versions of Python stumbles over a lone "\r".
    tokens = tokenize.generate_tokens(io.StringIO(text, newline=None).readline)
    return Counter(token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT)
