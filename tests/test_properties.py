"""Programs that nobody would write: whatever comes, the result is one that can be trusted.

They are made from the published examples by moving their statements and letters around.
"""

import ast
import io
import os
import re
import tokenize
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from codemods.analysis.project import Project
from codemods.engine import registry
from codemods.engine.codemod import Status
from codemods.engine.result import Settings
from codemods.engine.rewrite import rewrite

EXAMPLES = Path(__file__).parent.parent / "examples"
PROGRAMS = [
    *(example.before for name in registry.names() for example in registry.load(name).examples),
    *(path.read_text() for path in sorted(EXAMPLES.rglob("*.py"))),
]
NAMES = ["tf", "writer", "step", "x", "self", "loss", "print", "match", "model", "callback"]
SPLIT_ARGUMENT = """\
import tensorflow as tf


@tf.function
def train_step(x, step):
    writer = tf.summary.create_file_writer("logs")
    with writer.as_default():
        tf.summary.scalar("x", x, step=step)


train_step(tf.constant(1.0), tf.
        constant(0, tf.int64))
"""
PIECES = [
    "pass",
    "return",
    "return None",
    "return x, y",
    "break",
    "yield x",
    "global writer",
    "del x",
    "x = y = 0",
    "x: int = 0",
    "x += 1",
    "raise ValueError(x)",
    "assert x, 'no'",
    "lambda: (yield)",
    "async def later(): await x",
    "if x: pass\nelse: pass",
    "for x in y:\n    break\nelse:\n    x = 1",
    "try:\n    x\nexcept* ValueError:\n    pass",
    "with x as (y, z), y: pass",
    "match x:\n    case {'a': [y, *z]}:\n        pass",
    "class A[T]: pass",
    "x = f'{y!r:>{z}} {writer}'",
    '"""\n  # no comment\n"""',
    "tf.summary.scalar('a', x, step=1); tf.summary.scalar('b', y, step=1)",
    "with writer.as_default(): tf.summary.scalar('a', x, step=1)",
    "writer = tf.summary.create_file_writer('logs')",
    "model = tf.keras.models.load_model('m.keras')",
    "callback.on_epoch_end(0, {'loss': x})",
]

settings.register_profile("ci", derandomize=True)
if "CI" in os.environ:
    settings.load_profile("ci")
bounded = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


# Programs. ---------------------------------------------------------------------------------------

Mutation = Callable[[str, st.DrawFn], str]


def statements(text: str) -> list[ast.stmt]:
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]


def span(node: ast.stmt) -> tuple[int, int]:
    """Return the lines that a statement is on, as a slice's ends."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    return first - 1, node.end_lineno or node.lineno


def cut(lines: list[str], node: ast.stmt) -> list[str]:
    start, end = span(node)
    return lines[start:end]


def delete(text: str, draw: st.DrawFn) -> str:
    start, end = span(draw(st.sampled_from(statements(text))))
    lines = text.split("\n")
    return "\n".join(lines[:start] + lines[end:])


def duplicate(text: str, draw: st.DrawFn) -> str:
    start, end = span(draw(st.sampled_from(statements(text))))
    lines = text.split("\n")
    return "\n".join(lines[:end] + lines[start:end] + lines[end:])


def swap(text: str, draw: st.DrawFn) -> str:
    one, other = sorted(span(draw(st.sampled_from(statements(text)))) for _ in range(2))
    if one[1] > other[0]:
        return text
    lines = text.split("\n")
    return "\n".join(
        lines[: one[0]] + lines[slice(*other)] + lines[one[1] : other[0]] + lines[slice(*one)] + lines[other[1] :]
    )


def insert(text: str, draw: st.DrawFn) -> str:
    node = draw(st.sampled_from(statements(text)))
    indent = " " * node.col_offset
    piece = [indent + line for line in draw(st.sampled_from(PIECES)).split("\n")]
    lines, at = text.split("\n"), draw(st.sampled_from(span(node)))
    return "\n".join(lines[:at] + piece + lines[at:])


def wrap(text: str, draw: st.DrawFn) -> str:
    node = draw(st.sampled_from(statements(text)))
    indent = " " * node.col_offset
    head = draw(
        st.sampled_from(["if x:", "for x in y:", "while x:", "def inner(x):", "with writer.as_default():", "try:"])
    )
    start, end = span(node)
    lines = text.split("\n")
    tail = [f"{indent}finally:", f"{indent}    pass"] if head == "try:" else []
    return "\n".join(
        [*lines[:start], indent + head, *(f"    {line}" for line in lines[start:end]), *tail, *lines[end:]]
    )


def rename(text: str, draw: st.DrawFn) -> str:
    words = sorted({node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)})
    if not words:
        return text
    old, new = draw(st.sampled_from(words)), draw(st.sampled_from(NAMES + words))
    if draw(st.booleans()):
        return re.sub(rf"\b{old}\b", new, text)
    places = list(re.finditer(rf"\b{old}\b", text))
    place = draw(st.sampled_from(places))
    return text[: place.start()] + new + text[place.end() :]


def comment(text: str, draw: st.DrawFn) -> str:
    lines = text.split("\n")
    at = draw(st.integers(0, len(lines) - 1))
    mark = f"# {draw(st.integers(0, 99))}"
    if draw(st.booleans()):
        lines[at] += f"  {mark}"
    else:
        lines.insert(at, " " * draw(st.sampled_from([0, 4, 8])) + mark)
    return "\n".join(lines)


def space(text: str, draw: st.DrawFn) -> str:
    lines = text.split("\n")
    at = draw(st.integers(0, len(lines) - 1))
    lines.insert(at, draw(st.sampled_from(["", "   ", "\t", "\f"])))
    return "\n".join(lines)


def break_line(text: str, draw: st.DrawFn) -> str:
    places = list(re.finditer(r"[(\[{,=]|\bwith\b|\.", text))
    if not places:
        return text
    place = draw(st.sampled_from(places))
    return text[: place.end()] + draw(st.sampled_from(["\n        ", "\\\n", " # why\n    "])) + text[place.end() :]


MUTATIONS: list[Mutation] = [delete, duplicate, swap, insert, wrap, rename, comment, space, break_line]


def parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


@st.composite
def programs(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(PROGRAMS))
    for mutate in draw(st.lists(st.sampled_from(MUTATIONS), max_size=6)):
        changed = mutate(text, draw) if statements(text) else text
        text = changed if parses(changed) else text
    indent = draw(st.sampled_from(["    ", "  ", "\t"]))
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    changed = re.sub(r"^(    )+", lambda m: indent * (len(m[0]) // 4), text, flags=re.MULTILINE)
    changed = changed.replace("\n", newline)
    if draw(st.booleans()):
        changed = changed.rstrip()
    return changed if parses(changed) else text


def comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text, newline=None).readline)
    return Counter(token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT)


# Properties. -------------------------------------------------------------------------------------


@pytest.mark.parametrize("unsafe", [False, True], ids=["safe", "unsafe"])
@given(text=programs())
@example(text="import tensorflow as tf\r@tf.function\rdef f(x):\r    y =\\\r x\r    tf.summary.scalar('a', y, 1)\r")
@example(text=f"{PROGRAMS[0]}\f\n")
@example(text=SPLIT_ARGUMENT)
@bounded
def test_a_rewrite_can_be_trusted(unsafe: bool, text: str) -> None:
    wanted = Settings(registry.names(), unsafe=unsafe)
    result = rewrite(text, "program.py", wanted, Project.of({"program.py": text}))
    ast.parse(result.text)
    assert not comments(text) - comments(result.text), "a comment is lost"
    again = rewrite(result.text, "program.py", wanted, Project.of({"program.py": result.text}))
    assert again.text == result.text, "a second run changes the file again"
    statuses = {Status.FIXABLE, Status.UNSAFE} if unsafe else {Status.FIXABLE}
    if not any(finding.status in statuses for _, finding in result.findings):
        assert result.text == text, "changed without a finding that says so"
    else:
        assert result.text != text, "a finding says that it can be fixed, and nothing is changed"


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
@example("\x00tf.summary")
@example("\ufefftf.summary.scalar")
@bounded
def test_what_is_no_python_is_an_error_of_syntax(text: str) -> None:
    text += "\ntf.summary"
    wanted = Settings(registry.names())
    try:
        result = rewrite(text, "program.py", wanted, Project.of({"program.py": text}))
    except (SyntaxError, ValueError):
        assert not parses(text)
    else:
        assert result.text == text
