"""Expressions with summaries, as statements."""

import ast

import pytest

from codemods.analysis.project import Project
from codemods.summaries.ops import summary_name
from codemods.summaries.spread import spread

LEFT = {
    "a statement of its own": "tf.summary.scalar('a', x)",
    "a comprehension that is used": "written = [tf.summary.scalar('a', v) for v in x]",
    "a loop variable that the function uses too": "v = 1\n    [tf.summary.scalar('a', v) for v in x]\n    print(v)",
    "another call in it": "[print(v) or tf.summary.scalar('a', v) for v in x]",
    "a condition whose result is used": "y = tf.cond(x, lambda: tf.summary.scalar('a', x), lambda: False)",
    "a branch that does more": "tf.cond(x, lambda: tf.summary.scalar('a', x), lambda: z.assign(1))",
    "a function that computes": """def write():
        y = x * 2
        tf.summary.scalar('a', y)
        return True
    tf.cond(x, write, lambda: False)""",
    "a function that is used twice": """def write():
        return tf.summary.scalar('a', x)
    tf.cond(x, write, lambda: False)
    write()""",
    "a cond of another library": "jax.lax.cond(x, lambda: tf.summary.scalar('a', x), lambda: False)",
}


@pytest.mark.parametrize("name", LEFT)
def test_left_as_it_is(name: str) -> None:
    module = Project.of({"m.py": f"import tensorflow as tf\nimport jax\n\ndef f(x):\n    {LEFT[name]}\n"}).module(
        "m.py"
    )
    assert module is not None
    calls = [call for call in module.find_all(ast.Call) if summary_name(module, call)]
    assert [spread(module, call) for call in calls] == [None]
