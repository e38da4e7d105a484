"""A notebook as one Python module, and the changed module as that notebook again.

The code cells are joined in order, each followed by a string statement that nothing else contains: an
edit at the end of a cell and one at the head of the next stay apart. What only IPython understands
is hidden from the analysis, and comes back as it was written:

- `%magic`, `!command`, `name?` become a call of a function nobody defines: what they do is unknown.
  The names that such a line can be seen to use are its arguments, so `%time train(x)` uses `train`.
- `%%time` and other cell magics whose body is Python are left out of the module's text, and so is the
  whole cell under any other (`%%bash`, `%%html`): nothing can be inserted above them.
- A cell that is indented as a whole loses the indentation.

Rendering replaces the `source` of the changed cells in the JSON text, and in it the changed lines.
"""

import ast
import json
import re
import symtable
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from keyword import iskeyword
from pathlib import Path
from typing import Any

from codemods.engine.source import SourceError

_NEWLINE = re.compile(r"\r\n?|\n")

_CELL_MAGIC = re.compile(r"(?:[ \t]*(?:\r\n?|\n))*%%(?P<name>\w*)[^\r\n]*(?:\r\n?|\n|\Z)")
_PYTHON_BODY = frozenset(
    ["capture", "debug", "lprun", "memit", "mprun", "prun", "pyinstrument", "snakeviz", "time", "timeit"]
)
_PYTHON_LINE = re.compile(r"%{1,2}(?:debug|lprun|memit|mprun|prun|snakeviz|time|timeit)\b")
_BINDING = re.compile(r"%time[ \t]+((?:[^\W\d]\w*[ \t]*,[ \t]*)*[^\W\d]\w*[ \t]*=)(?!=)")
# A cell of one line may leave out the `%`, where the line isn't Python.
_AUTOMAGIC = re.compile(r"\s*(?:cat|cd|conda|cp|env|ll|ls|mkdir|mv|pip|pwd|rm|rmdir|uv)\b[^\r\n]*\s*")
_INTERPOLATED = re.compile(r"\{([^{}]*)\}|\$(\w+)")
_NAME = re.compile(r"(?<![\w.])(?<!\s-)[^\W\d]\w*")

# Enough of Python's tokens to tell where a logical line begins and ends, in any cell: `tokenize` gives
# up at the first character that isn't Python, and each release does so differently.
_TOKEN = re.compile(
    r"""
      (?P<string>\"{3}(?:[^\\]|\\.)*?\"{3} | '{3}(?:[^\\]|\\.)*?'{3}
               | \"(?:[^\\\r\n"]|\\(?:\r\n|.))*\" | '(?:[^\\\r\n']|\\(?:\r\n|.))*')
    | (?P<comment>\#[^\r\n]*)
    | (?P<open>[(\[{]) | (?P<close>[)\]}])
    | (?P<joined>\\(?:\r\n?|\n))
    | (?P<newline>\r\n?|\n)
    | (?P<assign>(?<![=!<>:])=[ \t]*(?=!|%{1,2}\w))
    | (?P<help>\?{1,2}[ \t]*(?=[\r\n]|\Z))
    | (?P<other>[^\"'\#()\[\]{}\\\r\n=?]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_INDENT = re.compile(r"[ \t\f]*")
_ESCAPES = frozenset("%!?,;/")
_MAGIC = re.compile(r"(?:[^\\\r\n]|\\(?:\r\n?|\n|))*")

_JSON_SPACE = re.compile(r"[ \t\n\r]*")
_JSON_LINE = re.compile(r"(?:[^\\]|\\[^nu]|\\u(?!000[aA]))*(?:\\n|\\u000[aA]|\Z)", re.DOTALL)
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Value:
    """A JSON value and its span in the JSON text; its members, as deep as was scanned, are values too."""

    content: Any
    start: int
    end: int


@dataclass(frozen=True)
class Mask:
    """Lines that only IPython understands (`original`), and the open call that stands for them."""

    call: str
    original: str

    @property
    def text(self) -> str:
        """The call, on as many lines as the original."""
        return self.call + "".join(_NEWLINE.findall(self.original)) + ")"

    def restore(self, text: str) -> str:
        """Put the original back; the call may have another indentation by now, but no other place."""
        restored, count = re.subn(re.escape(self.call) + r"\s*\)", lambda _: self.original, text)
        if count != 1:
            raise SourceError("notebook", f"an edit changed or moved {self.original.strip()!r}")
        return restored


@dataclass(frozen=True)
class Cell:
    """A code cell: its source is `prefix` and then `text` with the masks undone.

    In the module it stands as `text`, from `line` on, and then `end`. An indented cell has its `indent`
    before each line that isn't blank.
    """

    source: Value
    indent: str
    prefix: str
    text: str
    masks: tuple[Mask, ...]
    end: str
    line: int

    @property
    def sealed(self) -> bool:
        """Nothing of it is Python, so nothing can be inserted."""
        return bool(self.prefix) and not self.text

    @property
    def last_line(self) -> int:
        """The last line in the module that is the cell's own."""
        return self.line + _count_newlines(self.text)


@dataclass(frozen=True)
class Notebook:
    """A notebook of nbformat 4 whose kernel speaks Python."""

    path: Path
    data: bytes
    text: str
    raw: str
    cells: tuple[Cell, ...]
    marker: str
    newline: str

    @classmethod
    def parse(cls, path: Path, data: bytes) -> "Notebook":
        """Read a notebook.

        Raises:
            SourceError: It isn't valid JSON, not a notebook of nbformat 4, not Python, or a cell
                doesn't parse.
        """
        raw = _decode(data)
        sources = _code_sources(raw)
        everything = "".join(_join(source) for source in sources)
        newline = next(iter(_NEWLINE.findall(everything)), "\n")
        marker = "__notebook__"
        while marker in everything:
            marker += "_"

        cells: list[Cell] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code: the parser would print them
            for index, source in enumerate(sources):
                line = cells[-1].last_line + 2 if cells else 1
                cells.append(_read_cell(index, source, marker, line))
        text = "".join(cell.text + newline + cell.end + newline for cell in cells)
        return cls(path, data, text, raw, tuple(cells), marker, newline)

    def locate(self, line: int) -> tuple[int, int]:
        """Return the code cell, counted from 0, and the line in it for a line of `text`."""
        index = max(bisect_right([cell.line for cell in self.cells], line) - 1, 0)
        cell = self.cells[index]
        return index, min(line, cell.last_line) - cell.line + _count_newlines(cell.prefix) + 1

    def json_line(self, line: int) -> int:
        """Return the line of the JSON text that holds a line of `text`."""
        index, inside = self.locate(line)
        source = self.cells[index].source
        place = source.start
        if not isinstance(source.content, str):
            for element in _scan(self.raw, place, 1).content:
                place = element.start
                inside -= _count_newlines(element.content)
                if inside <= 0:
                    break
        return _count_newlines(self.raw[:place]) + 1

    def render(self, text: str) -> bytes:
        """Return the notebook's bytes for the changed module `text`.

        Raises:
            SourceError: The text no longer splits into the cells, a magic was changed or left its
                cell, or a cell no longer parses by itself.
        """
        if text == self.text:
            return self.data
        pieces = []
        position = 0
        for cell, changed in zip(self.cells, self._split(text), strict=True):
            if changed == cell.text:
                continue
            for mask in cell.masks:
                changed = mask.restore(changed)
            if self.marker in changed:
                raise SourceError("notebook", "an edit moved a magic to another cell")
            pieces.append(self.raw[position : cell.source.start])
            pieces.append(self._encode(cell.source, _indent(cell.prefix + changed, cell.indent)))
            position = cell.source.end
        try:
            data = "".join([*pieces, self.raw[position:]]).encode()
        except UnicodeEncodeError as error:
            raise SourceError("encode", f"utf-8 has no {error.object[error.start]!r}") from error
        Notebook.parse(self.path, data)
        return data

    def _split(self, text: str) -> list[str]:
        """Return the text of each cell in a changed module."""
        texts = []
        carried = ""
        for cell in self.cells:
            own, found, text = text.partition(cell.end + self.newline)
            if not found or own[-1:] not in "\r\n":
                raise SourceError("notebook", "an edit reached over the end of a cell")
            own = carried + own.removesuffix(self.newline)
            carried = ""
            if cell.sealed:
                # What was put where nothing can be put comes before the next cell.
                own, carried = "", own.strip("\r\n") + self.newline if own.strip() else ""
            texts.append(own)
        if text and self.cells and not self.cells[-1].sealed:
            texts[-1] += self.newline + text.removesuffix(self.newline)
        elif carried or text:
            raise SourceError("notebook", "an edit found no cell of Python to go to")
        return texts

    def _encode(self, source: Value, content: str) -> str:
        """Return a cell's source as JSON, in the form that it has, with unchanged lines as they are."""
        if isinstance(source.content, str):
            old = _JSON_LINE.findall(self.raw, source.start + 1, source.end - 1)
            quoted = [f'"{line}"' for line in old]
            return '"' + "".join(line[1:-1] for line in self._merge(quoted, _lines(content))) + '"'
        elements = _scan(self.raw, source.start, 1).content
        old = [self.raw[element.start : element.end] for element in elements]
        # Jupyter ends an element at whatever Python counts as a line's end, others only at a newline.
        by_jupyter = source.content == _join(source).splitlines(keepends=True)
        lines = content.splitlines(keepends=True) if by_jupyter else _lines(content)
        head, separator, tail = self._list_form(source)
        return f"[{head}{separator.join(self._merge(old, lines))}{tail}]" if lines else "[]"

    def _merge(self, old: list[str], lines: list[str]) -> list[str]:
        """Return each of `lines` as JSON: in the old spelling, if it was there before."""
        merged: list[str] = []
        matcher = SequenceMatcher(None, [json.loads(line) for line in old], lines)
        for operation, first, last, start, stop in matcher.get_opcodes():
            if operation == "equal":
                merged += old[first:last]
            else:
                merged += [json.dumps(line, ensure_ascii=self.raw.isascii()) for line in lines[start:stop]]
        return merged

    def _list_form(self, source: Value) -> tuple[str, str, str]:
        """Return what opens, separates and closes the elements of a list, as this one or another has it."""
        for value in (source, *(cell.source for cell in self.cells)):
            elements = _scan(self.raw, value.start, 1).content
            if isinstance(elements, list) and elements:
                head = self.raw[value.start + 1 : elements[0].start]
                tail = self.raw[elements[-1].end : value.end - 1]
                if len(elements) > 1:
                    return head, self.raw[elements[0].end : elements[1].start], tail
                if head:
                    return head, "," + head, tail
        return "", ", ", ""


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError("decode", f"line {line}: not valid utf-8: {error.reason}") from error


def _code_sources(raw: str) -> list[Value]:
    """Return the `source` of each code cell in the JSON text of a notebook."""
    try:
        top = _scan(raw, _skip_space(raw, int(raw.startswith("\ufeff"))), 3)
        end = _skip_space(raw, top.end)
        if end != len(raw):
            raise json.JSONDecodeError("Extra data", raw, end)
    except json.JSONDecodeError as error:
        raise SourceError("notebook", f"line {error.lineno}: not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise SourceError("notebook", "nested too deeply") from error

    members = top.content if isinstance(top.content, dict) else {}
    version = members.get("nbformat")
    if version and version.content != 4:
        raise SourceError("notebook", f"nbformat {version.content!r}; only nbformat 4 is read")
    cells = members.get("cells")
    if not cells or not isinstance(cells.content, list):
        raise SourceError("notebook", "there is no list of cells")
    metadata = members.get("metadata")
    language = _language(json.loads(raw[metadata.start : metadata.end])) if metadata else None
    if language and "python" not in language.lower():
        raise SourceError("not-python", f"the notebook's language is {language}", skipped=True)

    sources: list[Value] = []
    for number, cell in enumerate(cells.content):
        fields = cell.content if isinstance(cell.content, dict) else {}
        if "cell_type" not in fields:
            raise SourceError("notebook", f"entry {number} of the cells is no cell")
        if fields["cell_type"].content != "code":
            continue
        source = fields.get("source")
        if not source or not (isinstance(source.content, str) or _is_list_of_text(source.content)):
            raise SourceError("notebook", f"cell {len(sources)} has no source text")
        sources.append(source)
    return sources


def _language(metadata: Any) -> str | None:
    """Return the language that a notebook's metadata names, if any."""
    match metadata:
        case {"language_info": {"name": str(language)}} | {"kernelspec": {"language": str(language)}}:
            return language
    return None


def _is_list_of_text(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(item, str) for item in content)


def _scan(raw: str, index: int, depth: int) -> Value:
    """Decode the JSON value at `index`, with the spans of its members down to `depth`.

    What lies deeper, as all outputs do, is left to the decoder's C code.
    """
    closing = {"{": "}", "[": "]"}.get(raw[index : index + 1]) if depth else None
    if closing is None:
        content, end = _DECODER.raw_decode(raw, index)
        return Value(content, index, end)
    start, index = index, _skip_space(raw, index + 1)
    members: dict[str, Value] = {}
    elements: list[Value] = []
    while raw[index : index + 1] != closing:
        if members or elements:
            index = _skip_space(raw, _expect(raw, index, ","))
        if closing == "}":
            key, index = _DECODER.raw_decode(raw, index)
            if not isinstance(key, str):
                raise json.JSONDecodeError("Expecting a property name", raw, index)
            index = _skip_space(raw, _expect(raw, _skip_space(raw, index), ":"))
            value = members[key] = _scan(raw, index, depth - 1)
        else:
            value = _scan(raw, index, depth - 1)
            elements.append(value)
        index = _skip_space(raw, value.end)
    return Value(members if closing == "}" else elements, start, index + 1)


def _expect(raw: str, index: int, character: str) -> int:
    if not raw.startswith(character, index):
        raise json.JSONDecodeError(f"Expecting {character!r}", raw, index)
    return index + 1


def _skip_space(raw: str, index: int) -> int:
    return _end(_JSON_SPACE, raw, index)


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Return where a pattern that may match nothing stops matching."""
    match = pattern.match(text, start)
    return match.end() if match else start


def _read_cell(index: int, source: Value, marker: str, line: int) -> Cell:
    """Return a code cell, with what isn't Python left out or masked."""
    indent, content = _dedent(_join(source))
    # IPython takes a lone indented first line, too.
    prefix = content[: _end(_INDENT, content, 0)]
    names: list[str] = []
    while magic := _CELL_MAGIC.match(content, len(prefix)):
        prefix = content[: magic.end()] if magic["name"] in _PYTHON_BODY else content
        names += _names(magic.group().strip())
    text = content[len(prefix) :]
    masks: tuple[Mask, ...] = ()
    if _syntax_error(text):
        text, masks = _mask(text, f"{marker}({index}, ")
        error = _syntax_error(text)
        if error and _AUTOMAGIC.fullmatch(content):
            prefix, text = content, ""
        elif error:
            line = (error.lineno or 1) + _count_newlines(prefix)
            raise SourceError("syntax", f"cell {index} line {line}: {error.msg}") from error
    end = ", ".join([f'"{marker} {index}"', *dict.fromkeys(names)])
    return Cell(source, indent, prefix, text, masks, end, line)


def _dedent(text: str) -> tuple[str, str]:
    """Return the indentation that each line of a cell has, blank ones aside, and the text without it."""
    lines = text.splitlines(keepends=True)
    inked = [line for line in lines if line.strip()]
    indent = inked[0][: _end(_INDENT, inked[0], 0)] if inked else ""
    if not all(line.startswith(indent) for line in inked):
        return "", text
    return indent, "".join(line[len(indent) :] if line.strip() else line for line in lines)


def _indent(text: str, indent: str) -> str:
    return "".join(indent + line if line.strip() else line for line in text.splitlines(keepends=True))


def _syntax_error(text: str) -> SyntaxError | None:
    try:
        # Makes no tree, but is stricter than the parser.
        symtable.symtable(text, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _parser_error(text)
    return None


def _parser_error(text: str) -> SyntaxError | None:
    try:
        ast.parse(text)
    except SyntaxError as error:
        return error
    except (RecursionError, MemoryError):
        return SyntaxError("nested too deeply")
    except ValueError as error:  # a NUL byte, half a surrogate pair
        return SyntaxError(str(error))
    return None


def _mask(text: str, call: str) -> tuple[str, tuple[Mask, ...]]:
    """Return the text of a cell with a call in the place of each magic."""
    masks: list[Mask] = []
    pieces: list[str] = []
    position = 0
    for start, end in _magics(text):
        original = text[start:end]
        binding = _BINDING.match(original)
        target = f"{binding[1]} " if binding else ""
        mask = Mask(target + ", ".join([f"{call}{len(masks)}", *_names(original)]), original)
        masks.append(mask)
        pieces += [text[position:start], mask.text]
        position = end
    return "".join([*pieces, text[position:]]), tuple(masks)


def _magics(text: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each magic, by IPython's rules: it is, or ends, a logical line."""
    position = line = depth = 0
    while position < len(text):
        if position == line:
            line = position = _end(_INDENT, text, position)
            if text[position : position + 1] in _ESCAPES:
                start, position = position, _end(_MAGIC, text, position)
                yield start, position
                continue
        token = _TOKEN.match(text, position)
        if not token:  # the end, after some blanks
            return
        position = token.end()
        match token.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth = max(depth - 1, 0)
            case "newline" if depth == 0:
                line = position
            case "assign" if depth == 0:
                start, position = position, _end(_MAGIC, text, position)
                yield start, position
            case "help" if depth == 0:
                yield line, position


def _names(magic: str) -> list[str]:
    """Return the names that a magic can be seen to use; too many of them do no harm."""
    if python := _BINDING.match(magic) or _PYTHON_LINE.match(magic):
        code = magic[python.end() :]
    else:
        code = " ".join(map("".join, _INTERPOLATED.findall(magic)))
    return [name for name in dict.fromkeys(_NAME.findall(code)) if not iskeyword(name)]


def _join(source: Value) -> str:
    return "".join(source.content)


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _count_newlines(text: str) -> int:
    return len(_NEWLINE.findall(text))
