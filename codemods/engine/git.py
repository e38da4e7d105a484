"""What git says of a folder, before a whole repository is rewritten."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_NAMED = 3


def no_way_back(folder: Path) -> str | None:
    """Return why changes in a folder couldn't be told apart and taken back, None if they can.

    Args:
        folder: the folder; what is dirty elsewhere in its repository is of no concern.
    """
    command = ["git", "-C", str(folder), "status", "--porcelain", "-z", "--no-renames", "--", "."]
    try:
        status = subprocess.run(
            command, capture_output=True, check=False, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        )
    except FileNotFoundError:
        return "git is not installed, so there would be no way back"
    if status.returncode:
        reason = status.stderr.decode(errors="replace").strip().partition("\n")[0]
        if "not a git repository" in reason:
            return f"{folder} is not in a git repository, so there would be no way back"
        return f"git can't tell the state of {folder}: {reason}"
    dirty = [os.fsdecode(entry[3:]) for entry in status.stdout.split(b"\0") if entry]
    if not dirty:
        return None
    more = f" and {len(dirty) - _NAMED} more" if len(dirty) > _NAMED else ""
    return f"{folder} has changes that are not committed ({', '.join(dirty[:_NAMED])}{more})"
