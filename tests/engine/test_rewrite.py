"""What is reported of several codemods in one run: what became of each place, as a second run would say it."""

from collections import Counter

from codemods.analysis.project import Project
from codemods.engine.codemod import Status
from codemods.engine.registry import names
from codemods.engine.result import Settings
from codemods.engine.rewrite import Rewritten, rewrite

WRITER_IN_GRAPH = """\
import tensorflow as tf


@tf.function
def step(x):
    writer = tf.summary.create_file_writer("logs")
    with writer.as_default():
        tf.summary.scalar("x", x, step=0)
    return x * 2


for i in range(3):
    print(step(tf.constant(float(i))))
"""

# The summary's result is used, which is why it stays in the graph; the writer leaves it all the same.
USED = """\
import tensorflow as tf


@tf.function
def step(x):
    writer = tf.summary.create_file_writer("logs")
    with writer.as_default():
        written = tf.summary.scalar("x", x, step=0)
    return written


print(step(tf.constant(1.0)))
"""


def run(text: str) -> Rewritten:
    return rewrite(text, "program.py", Settings(names()), Project.of({"program.py": text}))


def said(result: Rewritten) -> list[tuple[str, int, Status]]:
    return [(name, finding.node.lineno, finding.status) for name, finding in result.findings]  # type: ignore[attr-defined]


def test_what_another_edit_makes_possible_is_reported_as_done() -> None:
    assert said(run(WRITER_IN_GRAPH)) == [
        ("hoist-file-writer", 6, Status.FIXABLE),
        ("move-summaries-to-host", 8, Status.FIXABLE),
    ]


def test_what_is_left_is_what_a_second_run_says() -> None:
    first = run(USED)
    second = run(first.text)
    assert second.text == first.text
    left = [(name, finding) for name, finding in first.findings if finding.status is Status.REFUSED]
    assert left
    assert Counter((name, f.message, f.refusal) for name, f in left) == Counter(
        (name, f.message, f.refusal) for name, f in second.findings
    )


def test_what_another_edit_asks_for_is_reported_too() -> None:
    result = run(
        """\
import tensorflow as tf


class Double(tf.keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2


tf.keras.Sequential([tf.keras.Input((4,)), Double()]).save("double", save_format="tf")
model = tf.keras.models.load_model("double")
"""
    )
    assert ("add-custom-objects", 10, Status.FIXABLE) in said(result)
    assert result.answered == len(result.findings) > sum(map(len, result.groups))
    assert 'load_model("double.keras", custom_objects={"Double": Double})' in result.text


def test_every_finding_has_a_place_in_the_text_as_it_was() -> None:
    lines = USED.split("\n")
    for _, finding in run(USED).findings:
        node = finding.node
        assert lines[node.lineno - 1][node.col_offset :]  # type: ignore[attr-defined]
        assert node.end_lineno <= len(lines)  # type: ignore[attr-defined]
