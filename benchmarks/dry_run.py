"""Measure a dry run over a tree of Python files, beside other tools on the same tree.

    python benchmarks/dry_run.py TREE

It prints the time of each tool, its ratio to that of `tf-codemods diff`, and the memory of the largest
process. Nothing in the tree is changed. The environment needs `pip install -e '.[test,lint]'`: tf_upgrade_v2
comes with TensorFlow. That one and LibCST's tool take minutes for some thousand files; `--skip` leaves tools out.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
TOOLS = ("tf_upgrade_v2", "libcst", "ruff")
ONE_FILE = HERE.parent / "examples" / "lost_summaries.py"


def measure(command: Sequence[str], env: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Return how many seconds a command took, and the megabytes of its largest process."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return seconds, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def best(command: Sequence[str], runs: int) -> tuple[float, float]:
    """Return the shortest time of some runs, and the most memory."""
    found = [measure(command) for _ in range(runs)]
    return min(seconds for seconds, _ in found), max(size for _, size in found)


def others(tree: Path, scratch: Path, skip: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return time and memory of the other tools."""
    python, tools = sys.executable, Path(sys.executable).parent
    found = {}
    if "ruff" not in skip:
        found["ruff check --no-cache"] = best([python, "-m", "ruff", "check", "--no-cache", "-q", str(tree)], 3)
    if "libcst" not in skip:
        command = [python, "-m", "libcst.tool", "codemod", "--no-format", "--hide-progress"]
        found["LibCST's tool, names resolved"] = measure(
            [*command, "-x", "qualified_names.CountSummaries", str(tree)], {"PYTHONPATH": str(HERE)}
        )
    if "tf_upgrade_v2" not in skip:
        found["tf_upgrade_v2 --intree"] = measure(
            [
                *(str(tools / "tf_upgrade_v2"), "--intree", str(tree), "--outtree", str(scratch / "upgraded")),
                *("--copyotherfiles", "False", "--reportfile", str(scratch / "report.txt")),
            ],
            {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tree", type=Path)
    parser.add_argument("--skip", action="append", default=[], choices=TOOLS)
    arguments = parser.parse_args()
    tree = arguments.tree.resolve()
    files = sum(1 for _ in tree.rglob("*.py"))
    program = [sys.executable, "-m", "codemods"]
    print(f"{files:,} Python files, {os.cpu_count()} processors")
    seconds, size = best([*program, "diff", "--quiet", str(tree)], 3)
    print(f"{'tf-codemods diff':32} {seconds:8.2f} s {size:6.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        for name, (taken, used) in others(tree, Path(folder), arguments.skip).items():
            print(f"{name:32} {taken:8.2f} s {used:6.0f} MB   {taken / seconds:.2f} times as long", flush=True)
        taken, used = best([*program, "--version"], 5)
        print(f"{'tf-codemods --version':32} {taken:8.2f} s {used:6.0f} MB")
        found = []
        for turn in range(5):
            copy = Path(shutil.copy(ONE_FILE, Path(folder) / f"train_{turn}.py"))
            found.append(measure([*program, "fix", str(copy)]))
        print(f"{'tf-codemods fix, one file':32} {min(s for s, _ in found):8.2f} s {found[0][1]:6.0f} MB")


if __name__ == "__main__":
    main()
