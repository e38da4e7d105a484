"""Measure a dry run over a tree of Python files, beside other tools on the same tree.

    python benchmarks/dry_run.py TREE

It prints the time of each tool, its ratio to that of `tf-codemods diff`, and the memory of the largest
process. All work on a copy of the tree's Python files, without those that tf_upgrade_v2 dies of (it knows no
`:=` or `match`, and one such file ends its run). The environment needs `pip install -e '.[test,lint]'`: tf_upgrade_v2
comes with TensorFlow. That one and LibCST's tool take minutes for some thousand files; `--skip` leaves tools out.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
TOOLS = ("tf_upgrade_v2", "libcst", "ruff")
ONE_FILE = HERE.parent / "examples" / "lost_summaries.py"


def copy(tree: Path, to: Path) -> tuple[int, int]:
    """Copy the files that all tools can read; return how many these are, and how many others there are."""
    done = left = 0
    for path in sorted(tree.rglob("*.py")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                nodes = ast.walk(ast.parse(path.read_bytes()))
            usable = not any(isinstance(node, (ast.NamedExpr, ast.Match)) for node in nodes)
        except (SyntaxError, ValueError):
            usable = False
        done, left = done + usable, left + (not usable)
        if usable:
            target = to / path.relative_to(tree)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    for marker in [tree / ".git", *tree.rglob(".git")]:  # where a repository starts
        (to / marker.relative_to(tree)).mkdir(parents=True, exist_ok=True)
    return done, left


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


def others(tree: Path, scratch: Path, skip: Sequence[str]) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield time and memory of the other tools."""
    python, tools = sys.executable, Path(sys.executable).parent
    if "ruff" not in skip:
        yield "ruff check --no-cache", best([python, "-m", "ruff", "check", "--no-cache", "-q", str(tree)], 3)
    if "libcst" not in skip:
        command = [python, "-m", "libcst.tool", "codemod", "--no-format", "--hide-progress"]
        command += ["-x", "qualified_names.CountSummaries", str(tree)]
        yield "LibCST's tool, names resolved", measure(command, {"PYTHONPATH": str(HERE)})
    if "tf_upgrade_v2" not in skip:
        command = [str(tools / "tf_upgrade_v2"), "--intree", str(tree), "--outtree", str(scratch / "upgraded")]
        command += ["--copyotherfiles", "False", "--reportfile", str(scratch / "report.txt")]
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        yield "tf_upgrade_v2 --intree", measure(command, quiet)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tree", type=Path)
    parser.add_argument("--skip", action="append", default=[], choices=TOOLS)
    arguments = parser.parse_args()
    program = [sys.executable, "-m", "codemods"]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        done, left = copy(arguments.tree.resolve(), tree)
        print(f"{done:,} Python files, {left:,} left out; {os.cpu_count()} processors", flush=True)
        seconds, size = best([*program, "diff", "--quiet", str(tree)], 3)
        print(f"{'tf-codemods diff':32} {seconds:8.2f} s {size:6.0f} MB", flush=True)
        for name, (taken, used) in others(tree, Path(folder), arguments.skip):
            print(f"{name:32} {taken:8.2f} s {used:6.0f} MB   {taken / seconds:.2f} times as long", flush=True)
        taken, used = best([*program, "--version"], 5)
        print(f"{'tf-codemods --version':32} {taken:8.2f} s {used:6.0f} MB")
        found = []
        for turn in range(5):
            program_file = Path(shutil.copy(ONE_FILE, Path(folder) / f"train_{turn}.py"))
            found.append(measure([*program, "fix", str(program_file)]))
        print(f"{'tf-codemods fix, one file':32} {min(s for s, _ in found):8.2f} s {found[0][1]:6.0f} MB")


if __name__ == "__main__":
    main()
