"""Edits of statements that share a line with others, or with the head of their block."""

import ast
import textwrap

import pytest

from codemods.engine.apply import apply
from codemods.engine.codemod import (
    AddImport,
    Edit,
    InsertAfter,
    InsertBefore,
    Move,
    Remove,
    Replace,
    Rewrite,
    Unwrap,
    Wrap,
)


def statement(tree: ast.Module, text: str) -> ast.stmt:
    return next(node for node in ast.walk(tree) if isinstance(node, ast.stmt) and ast.unparse(node) == text)


def edited(text: str, edits: object) -> str:
    text = textwrap.dedent(text)
    tree = ast.parse(text)
    made: tuple[Edit, ...] = edits(lambda code: statement(tree, code))  # type: ignore[operator]
    result, done = apply(text, tree, [Rewrite((), made)])
    assert len(done) == 1
    return result


def test_what_follows_a_statement_parts_its_line():
    assert edited("a = 1; b = 2; c = 3  # end\n", lambda s: (InsertAfter(s("a = 1"), "new()"),)) == (
        "a = 1\nnew()\nb = 2; c = 3  # end\n"
    )


def test_what_follows_or_goes_before_a_whole_line_leaves_it_as_it_is():
    edits = lambda s: (InsertBefore(s("a = 1"), "first()"), InsertAfter(s("b = 2"), "last()"))  # noqa: E731
    assert edited("# both\na = 1 ;  b = 2  # end\n", edits) == "first()\n# both\na = 1 ;  b = 2  # end\nlast()\n"


def test_a_statement_is_taken_from_the_middle_of_a_line():
    assert edited("if x:\n\ta = 1; b = 2; c = 3;  # end\n", lambda s: (Remove(s("b = 2")),)) == (
        "if x:\n\ta = 1\n\tc = 3;  # end\n"
    )


def test_a_statement_of_a_line_moves_with_the_comment_behind_it():
    edits = lambda s: (InsertBefore(s("a = 1"), ("if x:\n    ", Move(s("c = 3")))), Remove(s("c = 3")))  # noqa: E731
    assert edited("a = 1; c = 3  # end\n", edits) == "if x:\n    c = 3  # end\na = 1\n"


def test_a_block_on_one_line_opens():
    assert edited("for x in xs: a = x; b = 2  # end\nd = 3\n", lambda s: (InsertAfter(s("a = x"), "new()"),)) == (
        "for x in xs:\n    a = x\n    new()\n    b = 2  # end\nd = 3\n"
    )


def test_only_the_edited_branch_opens():
    text = "if x: a = 1\nelse: b = 2\n"
    assert (
        edited(text, lambda s: (Replace(s("b = 2"), "b = 3\nc = 4"),)) == "if x: a = 1\nelse:\n    b = 3\n    c = 4\n"
    )


def test_statements_of_a_line_are_put_into_a_block():
    edits = lambda s: (Wrap(s("b = 2"), s("c = 3"), "with w:"),)  # noqa: E731
    assert edited("a = 1; b = 2; c = 3; d = 4\n", edits) == "a = 1\nwith w:\n    b = 2; c = 3\nd = 4\n"


def test_a_block_on_one_line_is_dissolved():
    assert edited("with w: a = 1; b = 2  # end\n", lambda s: (Unwrap(s("with w:\n    a = 1\n    b = 2")),)) == (
        "a = 1; b = 2  # end\n"
    )


def test_an_expression_of_a_block_on_one_line_leaves_it_closed():
    def edits(s):
        return (Replace(s("a = 1").value, "2"),)

    assert edited("if x: a = 1; b = 2\n", edits) == "if x: a = 2; b = 2\n"


def test_a_block_on_one_line_stays_on_it_where_one_statement_takes_the_place_of_another():
    assert edited("if x: a = 1  # end\n", lambda s: (Replace(s("a = 1"), "b = 2"),)) == "if x: b = 2  # end\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("import tensorflow as tf\n", "import os\n\nimport tensorflow as tf\nimport numpy\n"),
        ("import re\nimport tensorflow as tf\n", "import re\nimport os\nimport tensorflow as tf\nimport numpy\n"),
        ("# License\n\nimport keras\n", "# License\n\nimport os\n\nimport keras\nimport numpy\n"),
        ("# License\nimport keras\n", "# License\nimport keras\nimport os\nimport numpy\n"),
        (
            "from __future__ import annotations\n\nimport keras\n",
            "from __future__ import annotations\n\nimport os\n\nimport keras\nimport numpy\n",
        ),
        ('"""Doc."""\n', '"""Doc."""\n\nimport os\nimport numpy\n'),
        ("", "import os\nimport numpy\n"),
    ],
)
def test_imports_of_the_standard_library_go_first(head, expected):
    edits = lambda s: (Replace(s("a = 1"), "b = 2"), AddImport("os"), AddImport("numpy"))  # noqa: E731
    assert edited(f"{head}a = 1\n", edits) == f"{expected}b = 2\n"


def test_an_import_stands_before_what_needs_it_wherever_others_stand():
    text = "import a\nx = 1\nimport b\ny = 1\n"
    tree = ast.parse(text)
    first = Rewrite((), (Replace(tree.body[1], "x = c.d"), AddImport("c")))
    second = Rewrite((), (Replace(tree.body[3], "y = e.f"), AddImport("e")))
    both = Rewrite((), (Replace(tree.body[3], "y = c.f"), AddImport("c")))
    assert apply(text, tree, [first, second])[0] == "import a\nimport c\nx = c.d\nimport b\nimport e\ny = e.f\n"
    assert apply(text, tree, [both, first])[0] == "import a\nimport c\nx = c.d\nimport b\ny = c.f\n"
