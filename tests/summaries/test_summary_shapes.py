"""The shapes that `move-summaries-to-host` rewrites or refuses: their diffs, and their runs under TensorFlow."""

import re

import pytest
from syrupy.assertion import SnapshotAssertion

from codemods.move_summaries_to_host import MoveSummariesToHost
from codemods.verify.compare import compare
from codemods.verify.run import Runner
from tests.summaries.shapes import SHAPES
from tests.tools import Check

check = Check("move_summaries_to_host")
REASONS = {refusal.code: refusal for refusal in MoveSummariesToHost.refusals}
REWRITTEN = [name for name, shape in SHAPES.items() if shape.outcome not in REASONS]
REFUSED = [name for name, shape in SHAPES.items() if shape.outcome in REASONS]


@pytest.mark.parametrize("name", REWRITTEN, ids=lambda name: name.replace(" ", "_"))
def test_rewrite(name: str, snapshot: SnapshotAssertion) -> None:
    shape = SHAPES[name]
    check.transformed(shape.program, snapshot, unsafe=shape.outcome == "unsafe")


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    check.refused(SHAPES[name].program, REASONS[SHAPES[name].outcome])


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", REWRITTEN)
def test_records_the_same(name: str, runner: Runner) -> None:
    shape = SHAPES[name]
    before = runner.run_source(shape.program)
    after = runner.run_source(check.transformed(shape.program, unsafe=shape.outcome == "unsafe"))
    assert after.ok, after.stderr
    if shape.outcome == "unsafe":
        # The tags lose what TensorFlow puts before them; all else is the same.
        events = {(re.sub(r"\b(cond|while)(_\d+)?/", "", e.tag), e.step, e.kind, e.digest) for e in before.events}
        assert events == {(e.tag, e.step, e.kind, e.digest) for e in after.events}
        assert len(before.events) == len(after.events) > 0
        assert before.stdout == after.stdout
        assert before.variables == after.variables
    else:
        verdict = compare(before, after)
        assert verdict.kind == shape.outcome, verdict.lines
        assert after.events
