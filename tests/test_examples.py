"""The programs under ``examples/``: what each does under TensorFlow, before and after its rewrite."""

import ast
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from codemods.engine import registry
from codemods.engine.codemod import Status
from codemods.engine.discover import discover
from codemods.engine.result import FileResult, FileStatus, Settings
from codemods.engine.run import run, write
from codemods.verify.compare import Verdict, compare
from codemods.verify.observation import Observation
from codemods.verify.run import Runner

EXAMPLES = Path(__file__).parent.parent / "examples"
REWRITTEN = (
    "callback_by_hand.py",
    "compiled_step.py",
    "epoch_metrics.py",
    "exported_scorer.py",
    "graph_writer.py",
    "lost_summaries.py",
    "notebook.ipynb",
    "pooling/predict.py",
    "scoped_writer.py",
    "waves/board.py",
    "waves/classic.py",
    "waves/explore.ipynb",
    "waves/fit.py",
    "waves/network.py",
    "waves/predict.py",
    "waves/serve.py",
    "waves/train.py",
)
HELPERS = {"pooling/layers.py", "pooling/train.py", "waves/data.py", "waves/network.py"}
UNSAFE = "rare_event.py"
REFUSED = {"two_writers.py": "writer-to-choose"}
# As a program that saves a model and one that loads it, run one after the other.
SAVE_AND_LOAD = {"pooling/both.py": b"import train\nimport predict\n"}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples in a folder of their own, which is a project then."""
    return Path(shutil.copytree(EXAMPLES, tmp_path_factory.mktemp("faulty") / "examples"))


@pytest.fixture(scope="module")
def results(faulty: Path) -> Mapping[str, FileResult]:
    found = run(discover(["."], cwd=faulty), Settings(registry.names()), cwd=faulty)
    return {result.path: result for result in found}


@pytest.fixture(scope="module")
def rewritten(faulty: Path, results: Mapping[str, FileResult], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples after their rewrite."""
    folder = Path(shutil.copytree(faulty, tmp_path_factory.mktemp("rewritten") / "examples"))
    assert all(result.status is not FileStatus.FAILED for result in write(results.values(), folder))
    return folder


def programs() -> Iterator[str]:
    for suffix in ("*.py", "*.ipynb"):
        yield from (path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob(suffix))


def test_every_program_is_known_here() -> None:
    assert sorted(programs()) == sorted({*REWRITTEN, UNSAFE, *REFUSED, *HELPERS})


@pytest.mark.parametrize(
    "path", sorted({path for path in [*REWRITTEN, UNSAFE, *REFUSED] if path.endswith(".py")} - HELPERS)
)
def test_a_program_says_what_is_wrong_with_it_in_its_first_line(path: str) -> None:
    first = (EXAMPLES / path).read_text().partition("\n")[0]
    assert first.startswith("# ")
    assert first.endswith(".")


@pytest.mark.parametrize("path", REWRITTEN, ids=lambda path: path.replace("/", "-"))
def test_rewrite(path: str, results: Mapping[str, FileResult], snapshot: SnapshotAssertion) -> None:
    assert {finding.status for finding in results[path].findings} == {Status.FIXABLE}
    assert results[path].patch.decode() == snapshot


@pytest.mark.parametrize(("path", "reason"), REFUSED.items())
def test_refused(path: str, reason: str, results: Mapping[str, FileResult]) -> None:
    assert {finding.reason for finding in results[path].findings} == {reason}
    assert results[path].status is FileStatus.UNCHANGED


def test_rewrite_that_changes_a_tag(
    faulty: Path, results: Mapping[str, FileResult], snapshot: SnapshotAssertion
) -> None:
    assert {finding.status for finding in results[UNSAFE].findings} == {Status.UNSAFE}
    assert results[UNSAFE].status is FileStatus.UNCHANGED
    (result,) = run(discover([UNSAFE], cwd=faulty), Settings(registry.names(), unsafe=True), cwd=faulty)
    assert result.patch.decode() == snapshot


def test_programs_without_a_fault_are_left_alone(results: Mapping[str, FileResult]) -> None:
    for path in HELPERS.difference(REWRITTEN):
        assert results[path].status is FileStatus.UNCHANGED
        assert not results[path].findings


def test_in_the_repository_the_same_is_found_as_on_its_own(results: Mapping[str, FileResult]) -> None:
    here = {
        result.path: result for result in run(discover(["."], cwd=EXAMPLES), Settings(registry.names()), cwd=EXAMPLES)
    }
    assert here == results


def test_a_second_run_has_nothing_to_change(rewritten: Path) -> None:
    again = list(run(discover(["."], cwd=rewritten), Settings(registry.names()), cwd=rewritten))
    assert {result.status for result in again} == {FileStatus.UNCHANGED}
    assert {result.path for result in again if result.findings} == {UNSAFE, *REFUSED}
    for path in rewritten.rglob("*.py"):
        ast.parse(path.read_text())


def test_the_readme_shows_what_is_really_done(results: Mapping[str, FileResult]) -> None:
    (shown,) = re.findall(r"```diff\n(.*?)```", (EXAMPLES.parent / "README.md").read_text(), re.DOTALL)
    assert results["lost_summaries.py"].patch.decode().endswith(f"+++ b/lost_summaries.py\n{shown}")


# Under TensorFlow. -------------------------------------------------------------------------------


class Runs:
    """Runs a program as it is shipped, and as it is rewritten."""

    def __init__(self, runner: Runner, faulty: Path, rewritten: Path) -> None:
        self.runner = runner
        self.faulty = faulty
        self.rewritten = rewritten

    def run(self, root: Path, path: str, overlay: Mapping[str, bytes] | None = None) -> Observation:
        return self.runner.run(root / path, root=root, overlay=overlay, cwd=root)

    def both(self, path: str, overlay: Mapping[str, bytes] | None = None) -> tuple[Observation, Observation, Verdict]:
        """Return what a program did before and after, and what comparing the two came to."""
        before, after = (self.run(root, path, overlay) for root in (self.faulty, self.rewritten))
        assert after.ok, (after.exception, after.stderr)
        return before, after, compare(before, after)


@pytest.fixture
def runs(runner: Runner, faulty: Path, rewritten: Path) -> Runs:
    return Runs(runner, faulty, rewritten)


@pytest.mark.tensorflow
def test_lost_summaries_are_recorded(runs: Runs) -> None:
    before, after, verdict = runs.both("lost_summaries.py")
    assert before.ok, "a summary in the training step keeps no model from being saved"
    assert [saved.path for saved in before.saved] == ["lost_summaries.keras"]
    assert not before.events
    assert after.steps("error", "logs/lost_summaries") == list(range(9))
    assert after.stdout == before.stdout
    assert verdict.kind == "repaired", verdict.lines


@pytest.mark.tensorflow
def test_a_compiled_step_runs(runs: Runs) -> None:
    before, after, verdict = runs.both("compiled_step.py")
    assert "InvalidArgumentError" in (before.exception or "")
    assert after.steps("loss") == after.steps("gradient") == [0, 1, 2, 3, 4]
    assert verdict.kind == "repaired", verdict.lines


@pytest.mark.tensorflow
def test_one_writer_for_all_epochs_writes_one_file(runs: Runs) -> None:
    before, after, verdict = runs.both("epoch_metrics.py")
    assert (before.event_files, after.event_files) == (5, 1)
    assert after.steps("mean_loss") == before.steps("mean_loss") == [0, 1, 2, 3, 4]
    assert verdict.kind == "same", verdict.lines


@pytest.mark.tensorflow
def test_a_writer_outside_the_scope_records_the_same(runs: Runs) -> None:
    before, after, verdict = runs.both("scoped_writer.py")
    assert before.event_files == after.event_files == 1, "the scope has lost nothing"
    assert after.steps("total") == [0, 1, 2]
    assert verdict.kind == "same", verdict.lines


@pytest.mark.tensorflow
def test_v1_writers_of_one_second_empty_each_other(runs: Runs) -> None:
    before, after, verdict = runs.both("graph_writer.py")
    assert before.ok
    assert len(before.steps("value")) < 6, "a later writer has emptied the file of an earlier one"
    assert after.steps("value") == list(range(6))
    assert verdict.kind == "repaired", verdict.lines


@pytest.mark.tensorflow
def test_the_callback_takes_the_mean(runs: Runs) -> None:
    before, after, verdict = runs.both("callback_by_hand.py")
    assert "Expected scalar shape, saw shape: (10,)" in (before.exception or "")
    assert after.steps("epoch_loss") == [0, 1, 2]
    assert verdict.kind == "repaired", verdict.lines


@pytest.mark.tensorflow
def test_the_model_is_loaded_with_its_own_layer(runs: Runs) -> None:
    before, after, _ = runs.both("pooling/both.py", SAVE_AND_LOAD)
    # Keras 3 says that it could not locate the class; Keras 2 takes its name for the layer, and calls it.
    assert (before.exception or "").startswith("TypeError")
    assert after.stdout == "(1, 1)\n"


@pytest.mark.tensorflow
def test_the_notebook_records_its_summaries(runs: Runs) -> None:
    before, after, verdict = runs.both("notebook.ipynb")
    assert before.ok
    assert not before.events
    assert after.steps("gap", "logs/notebook") == [0, 1, 2, 3]
    assert after.stdout == before.stdout
    assert verdict.kind == "repaired", verdict.lines


@pytest.mark.tensorflow
def test_a_summary_under_a_condition_loses_its_prefix(runs: Runs) -> None:
    settings = Settings(registry.names(), unsafe=True)
    (result,) = run(discover([UNSAFE], cwd=runs.faulty), settings, cwd=runs.faulty)
    assert result.change is not None
    before = runs.run(runs.faulty, UNSAFE)
    after = runs.run(runs.faulty, UNSAFE, {UNSAFE: result.change.text.encode()})
    assert after.ok, after.stderr
    assert {event.tag for event in before.events} == {"cond/spike"}
    assert {event.tag for event in after.events} == {"spike"}
    assert after.steps("spike") == before.steps("cond/spike") == [3]
    assert after.values("spike") == before.values("cond/spike")


@pytest.mark.tensorflow
def test_a_function_without_its_summary_can_be_saved(runs: Runs) -> None:
    before, after, verdict = runs.both("exported_scorer.py")
    assert "as it captures tensor" in before.stderr
    assert [saved.path for saved in after.saved] == ["exported_scorer"]
    assert after.steps("ratings") == [0]
    assert verdict.kind == "repaired", verdict.lines


@pytest.mark.tensorflow
@pytest.mark.parametrize("path", [path for path in REWRITTEN if path.startswith("waves/") and path not in HELPERS])
def test_the_demonstration_is_repaired(path: str, runs: Runs) -> None:
    before, after, verdict = runs.both(path)
    if before.saved and path != "waves/serve.py":  # Keras 2 saves the model as a folder
        assert [saved.path for saved in after.saved] == ["waves_model.keras"]
    else:
        assert verdict.kind == "repaired", verdict.lines


@pytest.mark.tensorflow
def test_what_is_refused_has_the_fault_that_is_said(runs: Runs) -> None:
    before = runs.run(runs.faulty, "two_writers.py")
    assert before.ok
    assert not before.events
    assert before.summaries.dropped
