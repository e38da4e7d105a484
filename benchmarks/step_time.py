"""Measure a training step before and after `move-summaries-to-host`.

    python benchmarks/step_time.py [PYTHON]...

For each interpreter (this one by default; it needs TensorFlow) it prints the time of a step with the summary in the
graph, and its ratio with the summary on the host: on a small model and on a convolutional one, for a scalar, three
scalars, histograms of all gradients, and these at every hundredth step. The program is rewritten by the tool itself.
Both forms run in one process, a hundred steps of each in turns, so that a busy machine slows both; the median of the
turns counts.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from codemods.analysis.project import Project
from codemods.engine.result import Settings
from codemods.engine.rewrite import rewrite

PROGRAM = """\
import tempfile

import tensorflow as tf

tf.keras.utils.set_random_seed(1)
writer = tf.summary.create_file_writer(tempfile.mkdtemp())
optimizer = tf.keras.optimizers.Adam()
{model}
loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
y = tf.random.stateless_uniform((len(x),), (3, 4), 0, 10, tf.int32)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        loss = loss_of(y, logits)
    gradients = tape.gradient(loss, model.trainable_variables)
{summaries}
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


def train(steps):
    with writer.as_default(){around}:
        for _ in range(steps):
            loss = train_step(x, y)
"""
MODELS: Mapping[str, str] = {
    "small": """\
x = tf.random.stateless_normal((32, 10), (1, 2))
model = tf.keras.Sequential([tf.keras.Input((10,)), tf.keras.layers.Dense(10)])
""",
    "convolutional": """\
x = tf.random.stateless_normal((32, 32, 32, 3), (1, 2))
model = tf.keras.Sequential([
    tf.keras.Input((32, 32, 3)),
    tf.keras.layers.Conv2D(32, 3, activation="relu"),
    tf.keras.layers.MaxPooling2D(),
    tf.keras.layers.Conv2D(64, 3, activation="relu"),
    tf.keras.layers.GlobalAveragePooling2D(),
    tf.keras.layers.Dense(10),
])
""",
}
STEP = "step=optimizer.iterations"
HISTOGRAMS = f"""\
    for i, gradient in enumerate(gradients):
        tf.summary.histogram(f"gradient_{{i}}", gradient, {STEP})
"""
SUMMARIES: Mapping[str, tuple[str, str]] = {
    "a scalar": (f'    tf.summary.scalar("loss", loss, {STEP})\n', ""),
    "three scalars": (
        f"""\
    tf.summary.scalar("loss", loss, {STEP})
    tf.summary.scalar("norm", tf.linalg.global_norm(gradients), {STEP})
    tf.summary.scalar("largest", tf.reduce_max(logits), {STEP})
""",
        "",
    ),
    "histograms of all gradients": (HISTOGRAMS, ""),
    "the same at every hundredth step": (
        HISTOGRAMS,
        ", tf.summary.record_if(lambda: tf.equal(optimizer.iterations % 100, 0))",
    ),
}
# AutoGraph reads the source of functions: the programs have to be files.
CHILD = """\
import os, runpy, statistics, sys, tempfile, time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
forms, turns, steps = [], int(sys.argv[3]), 100
with tempfile.TemporaryDirectory() as folder:
    for number, text in enumerate(sys.argv[1:3]):
        path = os.path.join(folder, f"program_{number}.py")
        with open(path, "w") as file:
            file.write(text)
        forms.append(runpy.run_path(path)["train"])
        forms[-1](steps)
    seconds = [[], []]
    for _ in range(turns):
        for train, found in zip(forms, seconds):
            start = time.perf_counter()
            train(steps)
            found.append(time.perf_counter() - start)
print(*(statistics.median(found) / steps * 1000 for found in seconds))
"""


def after(program: str) -> str:
    """Return the program with its summaries on the host."""
    settings = Settings(("move-summaries-to-host",))
    found = rewrite(program, "program.py", settings, Project.of({"program.py": program}))
    if found.text == program:
        sys.exit(f"nothing was rewritten: {[finding.explanation for _, finding in found.findings]}")
    return found.text


def measure(python: str, program: str, turns: int) -> tuple[float, float]:
    """Return the milliseconds of a step, before and after."""
    command = [python, "-c", CHILD, program, after(program), str(turns)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stderr)
    before, later = run.stdout.splitlines()[-1].split()
    return float(before), float(later)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="*", default=[sys.executable], help="an interpreter with TensorFlow")
    parser.add_argument("--turns", type=int, default=15, help="how many turns of 100 steps (default: 15)")
    options = parser.parse_args(arguments)
    for python in options.python:
        print(python)
        for model, code in MODELS.items():
            for name, (summaries, around) in SUMMARIES.items():
                program = PROGRAM.format(model=code, summaries=summaries, around=around)
                before, later = measure(python, program, options.turns)
                print(f"  {model:14} {name:34} {before:7.2f} ms  x {later / before:5.2f}", flush=True)


if __name__ == "__main__":
    main()
