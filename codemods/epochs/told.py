"""What a loop tells: the values that it prints, logs, shows beside a progress bar, or adds to a list."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from codemods.analysis.module import Module
from codemods.epochs.loops import LOOPS, Training
from codemods.epochs.texts import Hole, holes

LEAVING = (ast.Break, ast.Continue, ast.Return, ast.Raise)
_PRINTING = re.compile(r"builtins\.print|tensorflow\.print|(absl\.)?logging\.(info|debug|warning)|tqdm\.(\w+\.)*write")
_TELLING = frozenset({"info", "debug", "write", "set_description", "set_description_str", "set_postfix_str"})
_SHOWING = frozenset({"builtins.float", "builtins.round", "numpy.round", "numpy.float32", "numpy.float64"})


def statements(module: Module, block: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield what is run in each turn of a loop: the statements of a block, of its branches, of loops over a dict."""
    for statement in block:
        match statement:
            case ast.If(_, body, orelse):
                for branch in (body, orelse):
                    if not any(isinstance(each, LEAVING) for each in branch):  # that is run once, at the end
                        yield from statements(module, branch)
            case ast.With(_, body) | ast.Try(body):
                yield from statements(module, body)
            case ast.For(body=body) if pair(module, body[0]) and not Training(module, statement).trains:
                yield from statements(module, body)
            case _:
                yield statement


def pair(module: Module, statement: ast.stmt) -> tuple[str, str] | None:
    """Return the variables for name and value, where the innermost loop around is over the items of a dict."""
    match module.enclosing(statement, *LOOPS):
        case ast.For(ast.Tuple([ast.Name(key), ast.Name(value)]), ast.Call(ast.Attribute(_, "items"), [], [])):
            return key, value
    return None


def told(module: Module, statement: ast.stmt) -> Iterator[Hole]:
    """Yield the values that a statement tells, puts into a text, or adds to a list."""
    match statement:
        case ast.Assign([ast.Name()], (ast.JoinedStr() | ast.BinOp(op=ast.Mod()) | ast.Call()) as text):
            yield from (hole for hole in holes([_spelled(module, text)]) if hole.value is not text)
        case ast.Expr(ast.Call(ast.Attribute(filled, "append"), [value])):
            yield Hole(value, name_of(filled), "")
        case ast.Expr(ast.Call(ast.Attribute(_, "set_postfix"), [], keywords)):
            yield from (Hole(keyword.value, keyword.arg or "", "") for keyword in keywords)
        case ast.Expr(ast.Call(ast.Attribute(_, "set_postfix" | "log"), [ast.Dict(keys, values)])):
            for key, value in zip(keys, values, strict=True):
                yield Hole(value, str(key.value) if isinstance(key, ast.Constant) else "", "")
        case ast.Expr(ast.Call(ast.Attribute(_, "writerow"), [ast.List(values) | ast.Tuple(values)])):
            yield from (Hole(value, "", "") for value in values)
        case ast.Expr(ast.Call(args=[form, first, *rest]) as call) if tells(module, call) and _is_form(module, call):
            yield from holes([ast.BinOp(form, ast.Mod(), ast.Tuple([first, *rest]))])
        case ast.Expr(ast.Call(args=args) as call) if tells(module, call):
            yield from holes(_spelled(module, argument) for argument in args)


def added(statement: ast.stmt) -> ast.expr | None:
    """Return the element that a statement has added to a list."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute((ast.Name() | ast.Attribute() | ast.Subscript()) as filled, "append"))):
            return ast.Subscript(filled, ast.UnaryOp(ast.USub(), ast.Constant(1)))
    return None


def tells(module: Module, call: ast.Call) -> bool:
    """Tell whether a call writes texts for the user."""
    name = module.resolve(call.func)
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return bool(_PRINTING.fullmatch(name or "")) or (name is None and method in _TELLING)


def shown(module: Module, node: ast.expr) -> ast.expr:
    """Return what an expression shows: what is a number there already, without its conversion to one."""
    match node:
        case ast.Call(function, [value, *_]) if module.resolve(function) in _SHOWING:
            return shown(module, value)
        case ast.Call(ast.Attribute(value, "numpy" | "item"), []):
            return shown(module, value)
        case ast.BinOp(value, ast.Mult(), ast.Constant(100)) | ast.BinOp(ast.Constant(100), ast.Mult(), value):
            return shown(module, value)
    return node


def is_float(module: Module, node: ast.expr) -> bool:
    """Tell whether an expression makes a number of what it shows."""
    match node:
        case ast.Call(ast.Attribute(_, "item"), []):
            return True
        case ast.Call(function):
            return module.resolve(function) == "builtins.float"
        case ast.BinOp(left, _, right):
            return is_float(module, left) or is_float(module, right)
    return False


def name_of(node: ast.expr) -> str:
    """Return what a variable, an attribute or an item of a dict is called; empty for anything else."""
    match node:
        case ast.Name(name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(str() as name)):
            return name
    return ""


def _spelled(module: Module, text: ast.expr) -> ast.expr:
    """Return ``template.format(...)`` with the text of the template in it."""
    match text:
        case ast.Call(ast.Attribute(ast.Name() as template, "format"), args, keywords):
            values = [binding.value for binding in module.bindings(template)]
            if len(values) == 1 and isinstance(values[0], ast.Constant):
                return ast.Call(ast.Attribute(values[0], "format"), args, keywords)
    return text


def _is_form(module: Module, call: ast.Call) -> bool:
    """Tell whether a call fills its other arguments into the first, as those of ``logging`` do."""
    first = call.args[0]
    percent = isinstance(first, ast.Constant) and isinstance(first.value, str) and "%" in first.value
    return percent and not (module.resolve(call.func) or "").endswith("print")
