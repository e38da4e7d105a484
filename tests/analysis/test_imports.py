"""The imports of a module are the same, seen in its lines or in its tree."""

from __future__ import annotations

import pytest

from codemods.analysis.project import Project

OTHERS = {f"{name}.py": "" for name in ("a", "b", "c")}


@pytest.mark.parametrize(
    ("text", "direct", "anywhere"),
    [
        ("import a\nimport b as other, os\n", ["a", "b"], "ab"),
        ("from a import (  # one (of them)\n    x,\n)\nimport b\n", ["a", "b"], "ab"),
        ("from a \\\n  import x\n", ["a"], "a"),
        ("x = 1; import a\n", ["a"], "a"),
        ("import a; import b\n", ["a", "b"], "ab"),
        ("if True: import a\n", ["a"], "a"),
        ("try:\n    import a\nexcept ImportError:\n    import b\n", ["a", "b"], "ab"),
        ("def f():\n    import a\nimport b\n", ["b"], "ab"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nimport b\n", ["b"], "ab"),
        ("'''\nimport a\n'''\nimport b\n", ["b"], "b"),
        ('"""\nimport a\n\\""" \n"""\nimport b\n', ["b"], "b"),
        ("# '''\nimport a\n# '''\n", ["a"], "a"),
        ("import a\rimport b\r", ["a", "b"], "ab"),
        ("import a\r\nfrom b import (\r\n    x)\r\n", ["a", "b"], "ab"),
        ("import a\nprint 'two'\n", [], ""),
    ],
)
def test_what_is_imported(text: str, direct: list[str], anywhere: str) -> None:
    project = Project.of({**OTHERS, "main.py": text})
    assert [path.removesuffix(".py") for path in project.imports.direct("main.py")] == direct
    assert project.imports.anywhere("main.py").keys() == {f"{name}.py" for name in anywhere}
