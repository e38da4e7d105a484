"""The edits inside a node: a call's arguments, the items of a list or dict, a function's parameters, a name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

import libcst as cst

from codemods.engine.codemod import (
    AddArgument,
    AddItem,
    AddKeywords,
    CannotEditError,
    Edit,
    RemoveArgument,
    RemoveParameter,
    RemoveWithItem,
    Rename,
)

if TYPE_CHECKING:
    from codemods.engine.apply.file import File

_Display = TypeVar("_Display", cst.Dict, cst.List, cst.Tuple)
_Element = cst.BaseDictElement | cst.BaseElement
_Opening = cst.LeftCurlyBrace | cst.LeftSquareBracket | cst.LeftParen | None
_Closing = cst.RightCurlyBrace | cst.RightSquareBracket | cst.RightParen | None


def _add_argument(file: File, node: cst.CSTNode, edit: Edit) -> cst.CSTNode:
    assert isinstance(edit, AddArgument)
    call = cst.ensure_type(node, cst.Call)
    named = edit.name is not None and edit.name != "**"
    argument = cst.Arg(
        file.expression(edit.value),
        star="**" if edit.name == "**" else "",
        keyword=cst.Name(cast("str", edit.name)) if named else None,
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
        if named
        else cst.MaybeSentinel.DEFAULT,
    )
    args = _appended(call.args, argument, call.whitespace_before_args, "whitespace_after_arg")
    return call.with_changes(args=args)


ElementT = TypeVar("ElementT", cst.Arg, cst.Param)


def _appended(
    elements: Sequence[ElementT], new: ElementT, opening: cst.BaseParenthesizableWhitespace, after: str
) -> list[ElementT]:
    """Return a call's arguments, or a signature's parameters, with one more, laid out like the others.

    Args:
        elements: those that are there.
        new: the one that is added.
        opening: the whitespace behind the parenthesis.
        after: the name of the attribute that holds an element's whitespace.
    """
    if not elements:
        return [new]
    *rest, last = elements
    between: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace(" ")
    if rest and isinstance(rest[-1].comma, cst.Comma):
        between = rest[-1].comma.whitespace_after
    elif isinstance(opening, cst.ParenthesizedWhitespace):
        between = opening
    if isinstance(between, cst.ParenthesizedWhitespace) and between.first_line.comment is not None:
        between = between.with_changes(first_line=cst.TrailingWhitespace())
    # A comment behind the last element stays behind it.
    comma = last.comma
    tail = comma.whitespace_after if isinstance(comma, cst.Comma) else getattr(last, after)
    lines = cst.ParenthesizedWhitespace
    if isinstance(between, lines) and isinstance(tail, lines) and tail.first_line.comment is not None:
        between = between.with_changes(first_line=tail.first_line)
        tail = tail.with_changes(first_line=cst.TrailingWhitespace())
    if isinstance(comma, cst.Comma):
        new = new.with_changes(comma=comma.with_changes(whitespace_after=tail), **{after: getattr(last, after)})
    else:
        new = new.with_changes(comma=comma, **{after: tail})
    last = last.with_changes(comma=cst.Comma(whitespace_after=between), **{after: cst.SimpleWhitespace("")})
    return [*rest, last, new]


def _remove_argument(file: File, node: cst.CSTNode, edit: Edit) -> cst.CSTNode:
    assert isinstance(edit, RemoveArgument)
    call = cst.ensure_type(node, cst.Call)
    original = cst.ensure_type(file.node(edit.node), cst.Call)
    argument = edit.argument
    value = file.node(argument.value if isinstance(argument, (ast.keyword, ast.Starred)) else argument)
    index = next(index for index, arg in enumerate(original.args) if arg.value is value)
    # Earlier removals of this call may have shifted the list: find the place by the name it had.
    removed = len(original.args) - len(call.args)
    args = list(call.args)
    position = index - removed if removed > 0 and index >= removed else index
    return call.with_changes(args=_without(args, position))


def _without(elements: Sequence[cst.CSTNode], index: int) -> list[cst.CSTNode]:
    """Return a comma-separated list without one element; the last keeps the end of the list."""
    rest = [*elements[:index], *elements[index + 1 :]]
    if rest and index == len(rest):
        gone = elements[index]
        changes = {"comma": gone.comma}  # type: ignore[attr-defined]
        if hasattr(gone, "whitespace_after_arg"):
            changes["whitespace_after_arg"] = gone.whitespace_after_arg
        rest[-1] = rest[-1].with_changes(**changes)
    return rest


def _add_item(file: File, node: cst.CSTNode, edit: Edit) -> cst.CSTNode:
    assert isinstance(edit, AddItem)
    value = file.expression(edit.value)
    add = _with_first if edit.first else _with_element
    if edit.key is not None:
        item = cst.DictElement(cst.parse_expression(edit.key, file.config), value)
        display = cst.ensure_type(node, cst.Dict)
        return add(display, item, display.lbrace, display.rbrace)
    if isinstance(node, cst.Tuple):
        brackets = (node.lpar[-1], node.rpar[0]) if node.lpar else (None, None)
        return add(node, cst.Element(value), *brackets)
    row = cst.ensure_type(node, cst.List)
    return add(row, cst.Element(value), row.lbracket, row.rbracket)


def _with_first(display: _Display, element: _Element, start: _Opening, end: _Closing) -> _Display:
    """Return a display with one more element before the others, on a line of its own where the first one has one."""
    if not display.elements:
        return _with_element(display, element, start, end)
    between: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace(" ")
    if start is not None and isinstance(start.whitespace_after, cst.ParenthesizedWhitespace):
        # Comments above the old first element stay there.
        between = start.whitespace_after.with_changes(first_line=cst.TrailingWhitespace())
        display = display.with_deep_changes(start.whitespace_after, empty_lines=[])
    first = element.with_changes(comma=cst.Comma(whitespace_after=between))
    return display.with_changes(elements=[first, *display.elements])


def _with_element(display: _Display, element: _Element, start: _Opening, end: _Closing) -> _Display:
    """Return a display with one more element, laid out as those before it."""
    if not display.elements:
        return display.with_changes(elements=[element])
    *rest, last = display.elements
    between: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace(" ")
    if rest and isinstance(rest[-1].comma, cst.Comma):
        between = rest[-1].comma.whitespace_after
    elif start is not None and isinstance(start.whitespace_after, cst.ParenthesizedWhitespace):
        between = start.whitespace_after
    if isinstance(between, cst.ParenthesizedWhitespace) and between.first_line.comment is not None:
        between = between.with_changes(first_line=cst.TrailingWhitespace())
    single = isinstance(display, cst.Tuple) and not rest  # its comma makes it a tuple
    element = element.with_changes(comma=cst.MaybeSentinel.DEFAULT if single else last.comma)
    if isinstance(last.comma, cst.Comma) and isinstance(last.comma.whitespace_after, cst.ParenthesizedWhitespace):
        # A comment behind the last item stays behind it.
        tail = last.comma.whitespace_after
        if tail.first_line.comment is not None and isinstance(between, cst.ParenthesizedWhitespace):
            between = between.with_changes(first_line=tail.first_line)
            tail = tail.with_changes(first_line=cst.TrailingWhitespace())
            element = element.with_changes(comma=last.comma.with_changes(whitespace_after=tail))
    elif end is not None and isinstance(end.whitespace_before, cst.ParenthesizedWhitespace):
        # A comment behind a last item without a comma stays behind it, too.
        tail = end.whitespace_before
        if tail.first_line.comment is not None and isinstance(between, cst.ParenthesizedWhitespace):
            between = between.with_changes(first_line=tail.first_line)
            tail = tail.with_changes(first_line=cst.TrailingWhitespace())
            display = display.with_deep_changes(end, whitespace_before=tail)
    return display.with_changes(elements=[*rest, last.with_changes(comma=cst.Comma(whitespace_after=between)), element])


def _add_keywords(file: File, node: cst.CSTNode, edit: Edit) -> cst.CSTNode:
    assert isinstance(edit, AddKeywords)
    function = cst.ensure_type(node, cst.FunctionDef)
    every = function.params
    if every.star_kwarg is not None:
        raise CannotEditError("the function has such a parameter already")
    new = cst.Param(cst.Name(edit.name), star="**")
    kind = "kwonly_params" if every.kwonly_params else "params"
    group: Sequence[cst.Param] = getattr(every, kind)
    if isinstance(every.star_arg, cst.Param) and not every.kwonly_params:
        *rest, new = _appended([every.star_arg], new, function.whitespace_before_params, "whitespace_after_param")
        changes: dict[str, object] = {"star_arg": rest[0]}
    else:
        *rest, new = _appended(group, new, function.whitespace_before_params, "whitespace_after_param")
        changes = {kind: rest}
    return function.with_changes(params=every.with_changes(**changes, star_kwarg=new))


def _remove_parameter(file: File, node: cst.CSTNode, edit: Edit) -> cst.CSTNode:
    assert isinstance(edit, RemoveParameter)
    function = cst.ensure_type(node, cst.FunctionDef)
    parameters = function.params
    for name in ("posonly_params", "params", "kwonly_params"):
        group: Sequence[cst.Param] = getattr(parameters, name)
        for index, parameter in enumerate(group):
            if parameter.name.value == edit.parameter.arg:
                rest = _without(group, index)
                changes: dict[str, object] = {name: rest}
                if not rest and name == "posonly_params":
                    changes["posonly_ind"] = cst.MaybeSentinel.DEFAULT
                if name == "kwonly_params" and not rest and isinstance(parameters.star_arg, cst.ParamStar):
                    changes["star_arg"] = cst.MaybeSentinel.DEFAULT
                    for before in ("params", "posonly_params"):
                        if params := list(getattr(parameters, before)):
                            changes[before] = [*params[:-1], params[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
                            break
                if name == "kwonly_params" and not rest and isinstance(parameters.star_arg, cst.Param):
                    changes["star_arg"] = parameters.star_arg.with_changes(comma=cst.MaybeSentinel.DEFAULT)
                return function.with_changes(params=parameters.with_changes(**changes))
    raise CannotEditError(f"the parameter {edit.parameter.arg} can't be removed")


def _remove_with_item(file: File, node: cst.CSTNode, edit: Edit) -> cst.CSTNode:
    assert isinstance(edit, RemoveWithItem)
    statement = cst.ensure_type(node, cst.With)
    original = cst.ensure_type(file.node(edit.node), cst.With)
    value = file.node(edit.item)
    index = next(index for index, item in enumerate(original.items) if item.item is value)
    rest = list(_without(statement.items, index))
    if statement.lpar is cst.MaybeSentinel.DEFAULT or not isinstance(statement.lpar, cst.LeftParen):
        rest[-1] = rest[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return statement.with_changes(items=rest)


def _rename(file: File, node: cst.CSTNode, edit: Edit) -> cst.CSTNode:
    assert isinstance(edit, Rename)
    return node.with_changes(name=cst.Name(edit.name))


INSIDE: Mapping[type, Callable[[File, cst.CSTNode, Edit], cst.CSTNode]] = {
    AddArgument: _add_argument,
    RemoveArgument: _remove_argument,
    AddItem: _add_item,
    AddKeywords: _add_keywords,
    RemoveParameter: _remove_parameter,
    RemoveWithItem: _remove_with_item,
    Rename: _rename,
}
