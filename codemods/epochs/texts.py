"""The values that a text is filled with, each with the words before it and the format it is given."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_PERCENT = re.compile(r"%(?:\((\w+)\))?[-+ #0]*(?:\*|\d+)?((?:\.(?:\*|\d+))?[a-zA-Z%])")
# What stands between one value of a text and the words for the next.
_BETWEEN = re.compile(r"[,;|()\[\]{}\n\t>]|\s[-/]\s|\.\s")


@dataclass(frozen=True)
class Hole:
    """A place in a text that a value fills.

    Attributes:
        value: the value.
        label: the words before it, from where the value before ends.
        spec: how it is formatted, such as ``.4f``, or ``%.4f`` where ``%`` does it; empty if it isn't.
    """

    value: ast.expr
    label: str
    spec: str


_Piece = str | tuple[ast.expr, str]


def holes(nodes: Iterable[ast.expr]) -> Iterator[Hole]:
    """Yield the values in expressions that are written one after the other, such as the arguments of ``print``."""
    words = ""
    for node in nodes:
        for piece in _pieces(node, ""):
            if isinstance(piece, str):
                words += piece
            else:
                yield Hole(piece[0], label(words), piece[1])
                words = ""
        words += " "


def label(words: str) -> str:
    """Return what the end of some words calls the value behind them; empty if it doesn't."""
    last = _BETWEEN.split(words.rstrip(" :=\t\n\"'"))[-1].strip(" :=-*#\"'")
    last = re.sub(r"\s+(is|was|of|at)$", "", last)
    return last if re.fullmatch(r"[A-Za-z][\w .-]*", last) and last.count(" ") < 4 else ""


def _pieces(node: ast.expr, spec: str) -> Iterator[_Piece]:
    match node:
        case ast.Constant(str() as text):
            yield text
        case ast.JoinedStr(values):
            for value in values:
                yield from _pieces(value, "")
        case ast.FormattedValue(value, _, format_spec):
            parts = format_spec.values if isinstance(format_spec, ast.JoinedStr) else []
            texts = [part.value for part in parts if isinstance(part, ast.Constant)]
            yield from _pieces(value, "".join(map(str, texts)))
        case ast.BinOp(ast.Constant(str() as text), ast.Mod(), values):
            yield from _percent(text, values)
        case ast.BinOp(left, ast.Add(), right) if _is_text(left) or _is_text(right):
            yield from _pieces(left, "")
            yield from _pieces(right, "")
        case ast.Call(ast.Attribute(ast.Constant(str() as text), "format")):
            yield from _braces(text, node)
        case ast.Call(ast.Name("str"), [value], []):
            yield from _pieces(value, "")
        case ast.Call(ast.Name("format"), [value, ast.Constant(str() as inner)], []):
            yield from _pieces(value, inner)
        case _:
            yield node, spec


def _is_text(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(left, ast.Add(), right):
            return _is_text(left) or _is_text(right)
        case ast.Constant(str()) | ast.JoinedStr() | ast.Call(ast.Name("str")):
            return True
        case ast.BinOp(ast.Constant(str()), ast.Mod()) | ast.Call(ast.Attribute(ast.Constant(str()), "format")):
            return True
    return False


def _percent(text: str, values: ast.expr) -> Iterator[_Piece]:
    """Yield the pieces of ``text % values``."""
    named: dict[object, ast.expr] = {}
    if isinstance(values, ast.Dict):
        pairs = zip(values.keys, values.values, strict=True)
        named = {key.value: value for key, value in pairs if isinstance(key, ast.Constant)}
    rest = iter(values.elts if isinstance(values, ast.Tuple) else [values])
    end = 0
    for match in _PERCENT.finditer(text):
        yield text[end : match.start()]
        end = match.end()
        if not match.group(0).endswith("%"):
            value = named.get(match.group(1)) if match.group(1) else next(rest, None)
            if value is not None:
                yield from _pieces(value, f"%{match.group(2)}")
    yield text[end:]


def _braces(text: str, call: ast.Call) -> Iterator[_Piece]:
    """Yield the pieces of ``text.format(...)``."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return
    for number, (words, field, spec, _) in enumerate(part for part in parts if part[1] is not None):
        yield words
        value = named.get(field)
        if not field or field.isdigit():
            place = int(field) if field else number
            value = call.args[place] if place < len(call.args) else None
        if value is not None and not isinstance(value, ast.Starred):
            yield from _pieces(value, spec or "")
