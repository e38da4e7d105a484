"""The table of `docs/summaries.md`: what TensorFlow does with each shape, and what is left of it after the rewrite.

`python -m tests.summaries.evidence PYTHON...` writes it anew, with interpreters that have the versions of TensorFlow
of its columns.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from codemods.verify.compare import compare
from codemods.verify.observation import Observation
from codemods.verify.run import Runner
from tests.summaries.shapes import SECTIONS, Shape
from tests.tools import Check

DOCUMENT = Path(__file__).parents[2] / "docs" / "summaries.md"
VERSIONS = ("2.15", "2.21")
SHOWN = 6

check = Check("move_summaries_to_host")


@dataclass(frozen=True)
class Row:
    """What is told of a shape under one version of TensorFlow."""

    original: str
    rewritten: str
    verdict: str


def version(runner: Runner) -> str:
    """Return the version of TensorFlow that programs are run with, such as ``2.15``."""
    run = runner.run_source("import tensorflow as tf\n\nprint(tf.__version__)\n")
    return ".".join(run.stdout.strip().split(".")[:2])


def is_refused(shape: Shape) -> bool:
    return shape.outcome in {refusal.code for refusal in check.codemod.refusals}


def row(shape: Shape, run: Callable[[str], Observation]) -> Row:
    """Run a shape, and what becomes of it."""
    before = run(shape.program)
    if is_refused(shape):
        return Row(_told(before), "left alone", f"refused: `{shape.outcome}`")
    after = run(check.transformed(shape.program, unsafe=shape.outcome == "unsafe"))
    told = _told(after)
    rewritten = "the same" if told == _told(before) else told
    return Row(_told(before), rewritten, _verdict(before, after))


def _told(run: Observation) -> str:
    """Return what a run recorded, and how it ended."""
    tags = dict.fromkeys(event.tag for event in run.events)
    recorded = [f"`{tag}` at {_steps(run.steps(tag))}" for tag in tags]
    if run.exception is not None:
        error = re.match(r"\w+", run.exception)
        recorded.append(f"raises `{error[0] if error else run.exception}`")
    return "; ".join(recorded) or "nothing, without a word"


def _steps(steps: list[int]) -> str:
    shown = ", ".join(map(str, steps[:SHOWN]))
    return f"{shown}, …" if len(steps) > SHOWN else shown


def _verdict(before: Observation, after: Observation) -> str:
    kind = compare(before, after).kind
    if kind == "different" and to_other_writers(before, after):
        return "different: the writers"
    if kind == "different" and without_prefixes(before, after):
        return "different: the tags"
    return kind


def to_other_writers(before: Observation, after: Observation) -> bool:
    """Tell whether two runs recorded the same, but not in the same folders."""
    events = [sorted((e.tag, e.step, e.kind, e.digest) for e in run.events) for run in (before, after)]
    return events[0] == events[1] and (before.stdout, before.variables) == (after.stdout, after.variables)


def without_prefixes(before: Observation, after: Observation) -> bool:
    """Tell whether two runs did the same but for what TensorFlow puts before tags in a graph."""
    events = {(re.sub(r"\b(cond|while|net|layer)(_\d+)?/", "", e.tag), e.step, e.kind, e.digest) for e in before.events}
    return (
        events == {(e.tag, e.step, e.kind, e.digest) for e in after.events}
        and len(before.events) == len(after.events)
        and (before.exit, before.stdout, before.variables) == (after.exit, after.stdout, after.variables)
    )


# The document. ------------------------------------------------------------------------------------------


def documented() -> dict[str, tuple[str, ...]]:
    """Return the cells of the document's rows by the shapes' names."""
    lines = DOCUMENT.read_text(encoding="utf-8").partition("## What it costs\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {first: tuple(rest) for first, *rest in cells if first not in {"Shape", "---"}}


def _tables(runners: dict[str, Runner]) -> Iterator[str]:
    for section, shapes in SECTIONS.items():
        yield f"### {section}\n"
        yield f"| Shape | {' | '.join(f'TensorFlow {name}' for name in VERSIONS)} | After the rewrite | `verify` |"
        yield "| --- " * (len(VERSIONS) + 3) + "|"
        for name, shape in shapes.items():
            rows = {key: row(shape, runners[key].run_source) for key in VERSIONS}
            assert len({(each.rewritten, each.verdict) for each in rows.values()}) == 1, (name, rows)
            last = rows[VERSIONS[-1]]
            cells = [name, *(rows[key].original for key in VERSIONS), last.rewritten, last.verdict]
            yield f"| {' | '.join(cells)} |"
        yield ""


def main(pythons: list[str]) -> None:
    runners = {version(runner): runner for runner in map(Runner, pythons)}
    head, begin, rest = DOCUMENT.read_text(encoding="utf-8").partition("## The table\n")
    _, end, tail = rest.partition("## What it costs\n")
    tables = "\n".join(_tables(runners))
    DOCUMENT.write_text(f"{head}{begin}\n{tables}\n{end}{tail}", encoding="utf-8")
    for runner in runners.values():
        runner.close()


if __name__ == "__main__":
    main(sys.argv[1:])
