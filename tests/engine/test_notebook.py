import ast
import json
import re
import warnings
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codemods.engine.notebook import Notebook
from codemods.engine.source import SourceError, read

PYTHON = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def as_list(source):
    return source.splitlines(keepends=True)


def notebook(*sources, form=as_list, metadata=PYTHON, indent=1, escape=False, **members):
    """Return the bytes of a notebook, as Jupyter writes it, of these code cells."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# Données\n", "text"]}]
    for count, source in enumerate(sources):
        output = {"data": {"text/plain": ["é\n"]}, "metadata": {}, "output_type": "display_data"}
        cells.append(
            {
                "cell_type": "code",
                "execution_count": count,
                "metadata": {"source": "x"},
                "outputs": [output],
                "source": form(source),
            }
        )
    content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5, **members}
    return (json.dumps(content, indent=indent, ensure_ascii=escape) + "\n").encode()


def parse(*sources, **options):
    return Notebook.parse(Path("a.ipynb"), notebook(*sources, **options))


def sources(data):
    return ["".join(cell["source"]) for cell in json.loads(data)["cells"] if cell["cell_type"] == "code"]


def replaced(document, old, new):
    """Render the notebook with a part of the module replaced."""
    assert document.text.count(old) == 1
    return document.render(document.text.replace(old, new))


def error_of(call, *args):
    with pytest.raises(SourceError) as info:
        call(*args)
    return info.value


def test_cells_are_one_module_in_order():
    document = parse("import a\n", "", "# only a comment", "def f():\n    return a", "f()")
    assert read(Path("a.ipynb"), document.data) == document
    assert document.render(document.text) == document.data
    module = ast.parse(document.text)
    assert [type(statement).__name__ for statement in module.body if not isinstance(statement, ast.Expr)] == [
        "Import",
        "FunctionDef",
    ]


def test_lines_are_located_in_their_cell():
    document = parse("a = 1\nb = 2\n", "", "%%time\n\nc = 3", "!ls \\\n  -l\nd = 4")
    where = {
        text: document.locate(number)
        for number, text in enumerate(document.text.splitlines(), start=1)
        if re.fullmatch(r"\w = \d", text)
    }
    assert where == {"a = 1": (0, 1), "b = 2": (0, 2), "c = 3": (2, 3), "d = 4": (3, 3)}
    last = len(document.text.splitlines())
    assert document.locate(last) == (3, 3)


class Insert(cst.CSTTransformer):
    """Insert a statement before and after each assignment."""

    def leave_SimpleStatementLine(self, original_node, updated_node):
        if not isinstance(original_node.body[0], cst.Assign):
            return updated_node
        before = cst.parse_statement("before()").with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel(
            [before, updated_node.with_changes(leading_lines=()), cst.parse_statement("after()")]
        )


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n# the end", "\n  "])
def test_insertions_at_both_sides_of_a_border_stay_in_their_cells(end):
    document = parse("x = 1" + end, "# the start\n\ny = 2" + end, "%%time\nz = 3" + end)
    text = cst.parse_module(document.text).visit(Insert()).code
    assert sources(document.render(text)) == [
        "before()\nx = 1\nafter()" + end,
        "# the start\n\nbefore()\ny = 2\nafter()" + end,
        "%%time\nbefore()\nz = 3\nafter()" + end,
    ]


def test_cell_may_lose_all_its_statements():
    assert sources(replaced(parse("x = 1", "y = 2"), "x = 1\n", "")) == ["", "y = 2"]


@pytest.mark.parametrize("border", ['"__notebook__ 0"', '"__notebook__ 1"', "x = 1"])
def test_what_is_put_into_a_cell_of_another_language_goes_to_the_next(border):
    document = parse("%%bash\nls", "%%html", "x = 1", "%%bash")
    assert sources(replaced(document, border, "import os\n" + border)) == [
        "%%bash\nls",
        "%%html",
        "import os\nx = 1",
        "%%bash",
    ]


def test_what_is_put_behind_the_last_cell_goes_there():
    document = parse("x = 1")
    assert sources(document.render(document.text + "y = 2\n")) == ["x = 1\ny = 2"]


def test_what_finds_no_cell_is_refused():
    document = parse("x = 1", "%%bash\nls")
    assert error_of(document.render, document.text + "y = 2\n").reason == "notebook"
    document = parse("%%bash\nls")
    assert error_of(document.render, "y = 2\n" + document.text).reason == "notebook"
    assert error_of(parse().render, "y = 2\n").reason == "notebook"


class TestBytes:
    def test_only_the_changed_lines_change(self):
        document = parse("a = 'é'\nb = 2\nc = 3", "d = 4")
        old, new = document.data.splitlines(), replaced(document, "b = 2\n", "b = 3\nbb = 'ü'\n").splitlines()
        at = old.index(b'    "b = 2\\n",')
        assert new == [*old[:at], b'    "b = 3\\n",', "    \"bb = 'ü'\\n\",".encode(), *old[at + 1 :]]

    def test_text_stays_text(self):
        document = parse("a = '\"\\\\n'\nb = 2\n", form=str)
        data = replaced(document, "b = 2", "b = 3\nc = '\"'")
        assert data == document.data.replace(b"b = 2", b"b = 3\\nc = '\\\"'")

    def test_lines_keep_their_spelling(self):
        raw = notebook("here", form=str).replace(b'"here"', rb'"# \u00e9\/\u000Ab = 2\nc = \"\u00E9\\n\"\n"')
        document = Notebook.parse(Path("a.ipynb"), raw)
        assert replaced(document, "b = 2", "b = 3") == raw.replace(b"b = 2", b"b = 3")

    def test_new_lines_are_spelled_like_the_file(self):
        plain, escaped = parse("x = 1"), parse("x = 1", escape=True)
        assert "é = 1".encode() in replaced(plain, "x = 1", "é = 1")
        assert rb"\u00e9 = 1" in replaced(escaped, "x = 1", "é = 1")

    @pytest.mark.parametrize("indent", [None, 0, 1, 4, "\t"])
    @pytest.mark.parametrize("source", ["a = 1", "a = 1\nb = 2"])
    def test_list_keeps_its_form(self, source, indent):
        document = parse(source, "x = 1\ny = 2", indent=indent)
        wanted = notebook(source.replace("a = 1", "a = 1\naa = 1"), "x = 1\ny = 2", indent=indent)
        assert replaced(document, "a = 1", "a = 1\naa = 1") == wanted

    def test_empty_list_takes_the_form_of_its_neighbours(self):
        document = parse("", "x = 1\ny = 2")
        assert document.render("import os\n" + document.text) == notebook("import os\n", "x = 1\ny = 2")

    def test_list_may_become_empty(self):
        assert replaced(parse("a = 1\n", "b = 2"), "a = 1\n\n", "") == notebook("", "b = 2")

    def test_elements_that_are_not_lines(self):
        document = parse("a = 1\nb = 2", form=lambda source: [source[:3], source[3:], ""])
        data = replaced(document, "a = 1", "a = 3")
        assert sources(data) == ["a = 3\nb = 2"]

    @pytest.mark.parametrize("split", [str.splitlines, lambda text, keepends: re.findall(r"[^\n]*\n|[^\n]+", text)])
    def test_elements_end_where_they_did(self, split):
        source = "a = '\u2028'\n\x0c\nb = 2"
        document = parse(source, form=lambda text: split(text, keepends=True))
        wanted = notebook(source.replace("b = 2", "b = 3"), form=lambda text: split(text, keepends=True))
        assert replaced(document, "b = 2", "b = 3") == wanted

    def test_crlf_bom_and_missing_newline(self):
        data = b"\xef\xbb\xbf" + notebook("a = 1\nb = 2").rstrip().replace(b"\n", b"\r\n")
        document = Notebook.parse(Path("a.ipynb"), data)
        assert replaced(document, "b = 2", "c = 2") == data.replace(b"b = 2", b"c = 2")

    def test_cells_with_crlf(self):
        document = parse("a = 1\r\nb = 2", "c = 3")
        assert "\n" not in document.text.replace("\r\n", "")
        assert sources(replaced(document, "a = 1\r\n", "")) == ["b = 2", "c = 3"]

    def test_key_order_duplicates_and_odd_numbers(self):
        data = (
            b'{"nbformat":4 , "x":[1e5,1.50,NaN,{"source":"no"}],"cells":[{"source":"no",'
            b'"source" : "a = 1","cell_type":"code"},{"cell_type":"raw"}]}'
        )
        document = Notebook.parse(Path("a.ipynb"), data)
        assert replaced(document, "a = 1", "b = 1") == data.replace(b"a = 1", b"b = 1")


MAGICS = [
    "%matplotlib inline",
    "!ls -l 'unclosed",
    "!pip install \\\n    a \\\n    b",
    "x = !ls *.py",
    "x, y = %time f(1)",
    "x.y = %env HOME",
    "%time x = f(1)",
    "len?",
    "a.b.c??",
    "?len",
    "%load_ext?",
    "!!ls",
    ",f a b",
    ";f a b",
    "/f a b",
    "if x:\n    %time f()\n    !ls {y} $z\nelse:\n\t%cd ..",
    "for x in y:\n  for z in x:\n    out = !cat \\\n      {z}\n",
    "s = '''\n%not a magic\n!nor this\n'''\n%magic",
    'f(1,\n"""a\n% b""", 1\n% 2)\n!ls',
    "a = 1 \\\n  % b\n!ls",
    "# it's fine\n!ls",
    "x = '%s' % y; z = 'a\\'' # \"\n!ls",
    "await f()\n!ls",
]


class TestMagics:
    @pytest.mark.parametrize("source", MAGICS)
    def test_magics_survive(self, source):
        document = parse("before = 1", source + "\nlast = 2", "after = 3")
        ast.parse(document.text)
        assert len(document.text.splitlines()) == len(f"before = 1\n\n{source}\nlast = 2\n\nafter = 3\n\n".splitlines())
        assert document.render(document.text) == document.data
        assert sources(replaced(document, "last = 2", "last = 3"))[1] == source + "\nlast = 3"
        text = cst.parse_module(document.text).visit(Insert()).code
        assert all(line in sources(document.render(text))[1] for line in source.splitlines())

    @pytest.mark.parametrize("source", MAGICS)
    def test_magics_survive_a_change_of_indentation(self, source):
        if "\nelse" in source or "'''" in source or '"""' in source:
            pytest.skip("not a matter of indentation alone")
        document = parse(source)
        body, end = re.split(r'(?m)^(?=")', document.text, maxsplit=1)
        data = document.render("if 1:\n" + re.sub(r"(?m)^(?=.)", "        ", body) + end)
        assert [line.strip() for line in sources(data)[0].splitlines()[1:]] == [
            line.strip() for line in source.splitlines()
        ]

    @pytest.mark.parametrize(
        ("source", "seen"),
        [
            ("%time train(step, x=data['k'])", {"train", "step", "x", "data", "k"}),
            ("%timeit -n 10 -r1 train.step(not x)", {"train", "x"}),
            ("y = %prun f(x)", {"f", "x"}),
            ("!ls {folder}/$name ${other}", {"folder", "name", "other"}),
            ("%tensorboard --logdir logs", set()),
            ("!python train.py --writer writer", set()),
            ("train?", set()),
            ("%%timeit -n 3 setup(x)\nf()", {"setup", "x", "f"}),
        ],
    )
    def test_names_that_a_magic_uses_are_used(self, source, seen):
        names = [node for node in ast.walk(ast.parse(parse(source).text)) if isinstance(node, ast.Name)]
        loaded = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        assert loaded - {"__notebook__"} == seen

    @pytest.mark.parametrize("source", ["%time a, b = f(c)", "a, b = %time f(c)", "a, b = !f {c}"])
    def test_names_that_a_magic_binds_are_bound(self, source):
        names = [node for node in ast.walk(ast.parse(parse(source).text)) if isinstance(node, ast.Name)]
        assert {node.id for node in names if isinstance(node.ctx, ast.Store)} == {"a", "b"}

    def test_valid_python_is_no_magic(self):
        source = "x = (1\n% 2)\ny = '''\n!ls\n'''\nz = x \\\n% 3\nw = x == (not y)"
        assert "__notebook__(" not in parse(source).text

    @pytest.mark.parametrize("magic", ["%%time", "%%timeit -n 1", "\n  \n%%capture out", "%%capture\n%%time"])
    def test_python_below_a_cell_magic_is_python(self, magic):
        document = parse(f"{magic}\nx = 1\n!ls")
        assert document.text.startswith("x = 1\n")
        assert sources(document.render("import os\n" + document.text)) == [f"{magic}\nimport os\nx = 1\n!ls"]

    @pytest.mark.parametrize("source", ["%%bash\nx = 1", "%%html\n<b>", "%%writefile a.py\nx = 1", "%%!\nls", "%%time"])
    def test_other_cells_are_left_out(self, source):
        document = parse(source, "y = 1")
        assert "x" not in document.text
        assert document.render(document.text) == document.data

    @pytest.mark.parametrize("source", ["pip install x", "ls ./data/\n", "cd .."])
    def test_lone_command_is_left_out(self, source):
        document = parse(source, "y = 1")
        assert document.text.count("\n") == 4
        assert sources(replaced(document, "y = 1", "y = 2")) == [source, "y = 2"]

    def test_user_code_that_looks_like_ours(self):
        document = parse("__notebook__(0, 0)", '"__notebook__ 1"\n!ls', "__notebook___ = 1")
        assert sources(replaced(document, "__notebook___ = 1", "x = 1")) == [
            "__notebook__(0, 0)",
            '"__notebook__ 1"\n!ls',
            "x = 1",
        ]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("__notebook__(0, 0, y)\n", ""),
            ("__notebook__(0, 0, y)\n", "__notebook__(0, 0, y)\n__notebook__(0, 0, y)\n"),
            ("__notebook__(0, 0, y)", "__notebook__(0, 0, z)"),
            ("b = 2", "__notebook__(0, 0, y)"),
            ('"__notebook__ 0"\n', ""),
            ('"__notebook__ 0"', '    "__notebook__ 0"'),
            ('"__notebook__ 0"\n', '"__notebook__ 0"\n"__notebook__ 0"\n'),
            ('"__notebook__ 0"', "x"),
        ],
    )
    def test_edit_of_what_stands_for_a_magic_or_a_border_is_refused(self, old, new):
        document = parse("%time y\na = 1", "b = 2")
        assert error_of(replaced, document, old, new).reason == "notebook"

    def test_edit_that_no_longer_parses_by_itself_is_refused(self):
        assert error_of(replaced, parse("x = 1"), "x = 1", "x = (").reason == "syntax"


class TestIndented:
    @pytest.mark.parametrize(
        "source", ["  x = 1\n  y = [\n    2]", " \n\tx = 1\n\n \n\ty = 2\n", "  x = 1\ny = 2", "  "]
    )
    def test_bytes_come_back(self, source):
        document = parse(source, "z = 1")
        ast.parse(document.text)
        assert document.render(document.text) == document.data
        assert sources(replaced(document, "z = 1", "z = 2")) == [source, "z = 2"]

    def test_changed_cell_keeps_its_indentation(self):
        source = "  %%time\n  x = 1\n\n   \n  if x:\n    y = !ls \\\n      -l\n"
        data = replaced(parse(source), "x = 1", "x = 1\nx += 1")
        assert sources(data) == [source.replace("x = 1", "x = 1\n  x += 1")]


class TestRefused:
    @pytest.mark.parametrize(
        ("data", "detail"),
        [
            (b"", "line 1: not valid JSON: Expecting value"),
            (b"{\n\n'a': 1}", "line 3: not valid JSON"),
            (b'{"cells": [\n{"a": 1,}]}', "line 2: not valid JSON"),
            (b'{"cells" []}', "line 1: not valid JSON"),
            (b"{1: []}", "line 1: not valid JSON"),
            (b'{"cells": []} x', "line 1: not valid JSON: Extra data"),
            (b'{"cells": [{"source": "\n"}]}', "line 1: not valid JSON: Invalid control character"),
            (notebook("x")[:200], "not valid JSON"),
            (b"[" * 100_000, "nested too deeply"),
            (b"[]", "there is no list of cells"),
            (b'{"cells": {}}', "there is no list of cells"),
            (b'{"cells": [1]}', "entry 0 of the cells is no cell"),
            (b'{"cells": [{"cell_type": "code"}]}', "cell 0 has no source text"),
            (b'{"cells": [{"cell_type": "code", "source": [1]}]}', "cell 0 has no source text"),
            (b'{"worksheets": [], "nbformat": 3}', "nbformat 3"),
            (notebook("x", nbformat=5), "nbformat 5"),
        ],
    )
    def test_what_is_no_notebook(self, data, detail):
        error = error_of(Notebook.parse, Path("a.ipynb"), data)
        assert (error.reason, error.skipped) == ("notebook", False)
        assert detail in error.detail

    def test_undecodable(self):
        error = error_of(Notebook.parse, Path("a.ipynb"), b'{\n"a": "\xe9"}')
        assert (error.reason, error.detail[:24]) == ("decode", "line 2: not valid utf-8:")

    @pytest.mark.parametrize(
        ("source", "detail"),
        [
            ("print 'x'", "line 1: "),
            ("%%time\n!ls\n\nx = (", "line 4: "),
            ("x = 1 \\", "line 1: "),
            ("for x in y:", "line 1: "),
            ("x = '\0'", "line 1: "),
            ("x = '\ud800'", "line 1: "),
            ("x = " + "(" * 5000, "line 1: "),
            ("cd /tmp\nls x", "line 2: "),
            ("  x = 1\n  y = 2\nz = 3", "line 2: "),
            ("x == !ls", "line 1: "),
        ],
    )
    def test_cell_must_parse_by_itself(self, source, detail):
        data = notebook("a = 1", source, escape=True)
        error = error_of(Notebook.parse, Path("a.ipynb"), data)
        assert error.reason == "syntax"
        assert error.detail.startswith(f"cell 1 {detail}")

    @pytest.mark.parametrize(
        "metadata",
        [{"language_info": {"name": "R"}}, {"kernelspec": {"language": "julia", "name": "julia-1.6"}}],
    )
    def test_other_languages_are_skipped(self, metadata):
        error = error_of(Notebook.parse, Path("a.ipynb"), notebook("x <- 1", metadata=metadata))
        assert (error.reason, error.skipped) == ("not-python", True)

    @pytest.mark.parametrize(
        "metadata",
        [
            {},
            {"kernelspec": {"name": "tf2"}},
            {"language_info": {"name": "ipython", "version": "3"}},
            {"kernelspec": 1},
            [],
        ],
    )
    def test_without_a_language_it_is_python(self, metadata):
        assert parse("x = 1", metadata=metadata).text.startswith("x = 1\n")


def test_warnings_of_the_users_code_are_not_ours():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse("x = '\\d'\nx is 1")


STATEMENTS = [
    "x = 1",
    "# é",
    "",
    "   ",
    "def f(a):\n    %time g(a)\n\n    return a  # ü",
    "'''doc\n%s\n'''",
    "s = \"\\n\\\\\" + '\\u00e9'",
    "\x0c",
    "if x: y = [\n  1,\n]",
    *MAGICS,
]
CELLS = st.builds(
    lambda head, body, end: head + "\n".join(body) + end,
    st.sampled_from(["", "", "", "%%time\n", "%%bash\n", "\n%%capture x\n"]),
    st.lists(st.sampled_from(STATEMENTS), max_size=4),
    st.sampled_from(["", "\n", "\n\n"]),
)


@given(
    st.lists(CELLS, max_size=5),
    st.fixed_dictionaries(
        {
            "form": st.sampled_from([as_list, str]),
            "indent": st.sampled_from([None, 1, 2]),
            "escape": st.booleans(),
        }
    ),
    st.data(),
)
@example(["%%bash\n", ""], {}, None)
def test_any_notebook_comes_back_and_an_edit_stays_in_its_cell(cells, options, data):
    cells = [*cells, "x = 1\ny = 2"]
    document = parse(*cells, **options)
    ast.parse(document.text)
    assert document.render(document.text) == document.data
    if data is None:
        return

    index = data.draw(st.integers(0, len(cells) - 1))
    before, border, after = document.text.partition(f'"__notebook__ {index}"')
    if document.cells[index].sealed:
        return
    inserted = data.draw(st.sampled_from(["added = 1", "\né = '\"'\n\n"]))
    wanted = [*cells[:index], f"{cells[index]}\n{inserted}", *cells[index + 1 :]]
    assert document.render(f"{before}{inserted}\n{border}{after}") == notebook(*wanted, **options)


@given(st.lists(CELLS, min_size=1, max_size=3), st.integers(0, 400), st.text(max_size=3))
def test_any_edit_of_the_module_is_refused_or_readable(cells, position, inserted):
    document = parse(*cells)
    position %= len(document.text) + 1
    try:
        data = document.render(document.text[:position] + inserted + document.text[position:])
    except SourceError:
        return
    again = Notebook.parse(document.path, data)
    assert again.render(again.text) == data
    old, new = json.loads(document.data), json.loads(data)
    for cell in (*old["cells"], *new["cells"]):
        cell.pop("source")
    assert old == new
