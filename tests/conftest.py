"""Snapshots are unified diffs under the top-level ``snapshots/``."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

import codemods
from codemods.engine import registry
from tests.tf_runs import runner, runners

__all__ = ["runner", "runners"]

# A shell that runs the tests in the background has them ignore Ctrl-C, and so the programs that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FAKES = Path(__file__).parent / "fakes"
SNAPSHOTS = Path(__file__).parent.parent / "snapshots"


class DiffExtension(SingleFileSnapshotExtension):
    """One ``.diff`` file for each test, in a folder named after the test's file."""

    _write_mode = WriteMode.TEXT
    file_extension = "diff"

    @classmethod
    def dirname(cls, *, test_location: object) -> str:
        """Return the folder for a test file's snapshots."""
        return str(SNAPSHOTS / test_location.basename)  # type: ignore[attr-defined]


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """The snapshot of a test: a unified diff."""
    return snapshot.use_extension(DiffExtension)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A codemod beside the real ones that renames what is called ``old``; its name."""
    monkeypatch.setattr(codemods, "__path__", [*codemods.__path__, str(FAKES)])
    registry.names.cache_clear()
    yield "rename-old"
    registry.names.cache_clear()
    registry.load.cache_clear()
