"""The shapes that `move-summaries-to-host` rewrites or refuses: their diffs, and their runs under TensorFlow."""

from collections.abc import Callable

import pytest
from syrupy.assertion import SnapshotAssertion

from codemods.verify.run import Runner
from tests.summaries.evidence import VERSIONS, check, documented, is_refused, row, version
from tests.summaries.shapes import SECTIONS, SHAPES

REASONS = {refusal.code: refusal for refusal in check.codemod.refusals}
REWRITTEN = [name for name, shape in SHAPES.items() if not is_refused(shape)]
REFUSED = [name for name, shape in SHAPES.items() if is_refused(shape)]
VERDICTS = {"unsafe": {"different: the tags", "different: the writers"}}


@pytest.mark.parametrize("name", REWRITTEN, ids=lambda name: name.replace(" ", "_"))
def test_rewrite(name: str, snapshot: SnapshotAssertion) -> None:
    shape = SHAPES[name]
    check.transformed(shape.program, snapshot, unsafe=shape.outcome == "unsafe")


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    check.refused(SHAPES[name].program, REASONS[SHAPES[name].outcome])


def test_each_shape_has_a_row_in_the_documentation() -> None:
    assert list(documented()) == list(SHAPES)
    assert len(SHAPES) == sum(map(len, SECTIONS.values()))


@pytest.fixture(scope="module")
def versions() -> Callable[[Runner], str]:
    known: dict[str, str] = {}

    def of(runner: Runner) -> str:
        if runner.python not in known:
            known[runner.python] = version(runner)
        return known[runner.python]

    return of


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", SHAPES)
def test_runs_as_documented(name: str, runner: Runner, versions: Callable[[Runner], str]) -> None:
    shape = SHAPES[name]
    found = row(shape, runner.run_source)
    *originals, rewritten, verdict = documented()[name]
    assert found.verdict == verdict
    assert name in REFUSED or verdict in VERDICTS.get(shape.outcome, {shape.outcome})
    assert found.rewritten == rewritten
    if versions(runner) in VERSIONS:
        assert found.original == originals[VERSIONS.index(versions(runner))]
