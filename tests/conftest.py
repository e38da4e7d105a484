"""Snapshots are unified diffs under the top-level ``snapshots/``."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

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
