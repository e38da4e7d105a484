"""Where in the source the text of a path ends, for something to be put there."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from codemods.analysis.module import Binding, Module

_JOINING = frozenset({
    "os.path.join", "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "tensorflow.io.gfile.join",
})  # fmt: skip
_PASSING = frozenset({"builtins.str", "os.fspath", "os.path.abspath", "os.path.expanduser", "os.path.realpath"})
_NUMBERS = frozenset({"builtins.int", "builtins.len", "builtins.round"})
_MOMENTS = ("time.", "datetime.", "uuid.")
_PERCENT = re.compile(r"%[-+ #0-9.]*[a-zA-Z]$")
_HOOK = re.compile(r"on_(epoch|(train_|test_|predict_)?batch)_(begin|end)")
_NUMERIC = frozenset("dfegxi")
_DEPTH = 8


@dataclass(frozen=True)
class End:
    """Where the text of a path ends.

    Attributes:
        node: a text literal whose text ends the path, or an expression to which more is added by ``+``.
        last: for a path that ends with a value, that value.
        names: the variables and attributes that were followed.
    """

    node: ast.expr
    last: ast.expr | None = None
    names: tuple[ast.Name | ast.Attribute, ...] = ()

    @property
    def literal(self) -> bool:
        """Whether the node is a text literal."""
        return isinstance(self.node, (ast.Constant, ast.JoinedStr))

    @property
    def text(self) -> str:
        """The literal text at the end, as far as there is any."""
        node = self.node
        if isinstance(node, ast.JoinedStr) and node.values:
            node = node.values[-1]
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""

    def respelled(self, module: Module, drop: int, add: str) -> str | None:
        """Return the node's source with some characters less at the end of its text, and others added."""
        source = module.source(self.node)
        if not self.literal:
            return f"{source} + {quote(module)}{add}{quote(module)}" if "\n" not in source else None
        closing = 3 if source.endswith(('"""', "'''")) else 1
        body, quotes = source[:-closing], source[-closing:]
        dropped = self.text[len(self.text) - drop :]
        if not body.endswith(dropped):
            return None
        found = body[: len(body) - drop] + add + quotes
        expected = self.text[: len(self.text) - drop] + add
        return found if End(ast.parse(f"({found})", mode="eval").body).text == expected else None


def end_of(module: Module, node: ast.expr, depth: int = 0) -> End | None:
    """Return where the text of a path ends; None where that can't be told, or is out of this module."""
    if depth > _DEPTH:
        return None
    depth += 1
    match node:
        case ast.Constant(str() as text):
            return End(node) if text.strip("/") else None
        case ast.JoinedStr(values) if values:
            last = values[-1]
            return End(node, last if isinstance(last, ast.FormattedValue) else None)
        case ast.BinOp(_, ast.Add(), right):
            inner = end_of(module, right, depth)
            return inner if inner is not None else End(node, right)
        case ast.BinOp(ast.Constant(str() as text) as left, ast.Mod()):
            return End(left, node if _PERCENT.search(text) else None)
        case ast.BinOp(_, ast.Div(), right):
            return end_of(module, right, depth)
        case ast.Call(ast.Attribute(ast.Constant(str() as text) as left, "format")):
            return End(left, node if text.endswith("}") else None)
        case ast.Call(function, [*_, last], []) if not isinstance(last, ast.Starred):
            name = module.resolve(function)
            joined = isinstance(function, ast.Attribute) and function.attr == "joinpath"
            if name in _JOINING or joined or (name in _PASSING and len(node.args) == 1):
                return end_of(module, last, depth)
        case ast.Name():
            bindings = module.bindings(node)
            value = bindings[0].value if len(bindings) == 1 else None
            if value is not None and _sole_target(module, bindings[0].node):
                return _through(node, end_of(module, value, depth))
        case ast.Attribute(ast.Name("self")):
            value = _assigned_once(module, node)
            return _through(node, end_of(module, value, depth)) if value is not None else None
    return None


def is_number(module: Module, node: ast.expr | None, depth: int = 0) -> bool:
    """Tell whether a value is a number, a moment or the like, whose text has no extension."""
    if depth > _DEPTH:
        return False
    depth += 1
    match node:
        case ast.Constant(value):
            return isinstance(value, (int, float))
        case ast.FormattedValue(value, _, format_spec):
            spec = ast.unparse(format_spec).strip("f'\"") if format_spec is not None else ""
            return spec[-1:] in _NUMERIC or is_number(module, value, depth)
        case ast.BinOp(ast.Constant(str() as text), ast.Mod(), right):
            filled = right.elts[-1] if isinstance(right, ast.Tuple) else right
            return text[-1:] in _NUMERIC or is_number(module, filled, depth)
        case ast.Call(ast.Attribute(ast.Constant(str() as text), "format"), arguments, []):
            return text[-2:-1] in _NUMERIC or (text.endswith("{}") and is_number(module, arguments[-1], depth))
        case ast.BinOp(left, _, right):
            return is_number(module, left, depth) and is_number(module, right, depth)
        case ast.Call(function, arguments):
            name = module.resolve(function) or ""
            passed = name == "builtins.str" and len(arguments) == 1 and is_number(module, arguments[0], depth)
            moment = isinstance(function, ast.Attribute) and function.attr in {"strftime", "isoformat", "timestamp"}
            return passed or moment or name in _NUMBERS or name.startswith(_MOMENTS)
        case ast.Name():
            bindings = module.bindings(node)
            return bool(bindings) and all(_is_number(module, binding, depth) for binding in bindings)
    return False


def _is_number(module: Module, binding: Binding, depth: int) -> bool:
    if isinstance(binding.node, ast.arg):
        function = module.function(binding.node)
        if module.resolve(binding.node.annotation) in {"builtins.int", "builtins.float"}:
            return True
        # Keras counts epochs and batches, and gives the number to a callback's hooks.
        hook = function is not None and _HOOK.fullmatch(function.name) and len(function.args.args) > 1
        return bool(hook) and function is not None and function.args.args[1] is binding.node
    statement = module.parent(binding.node)
    if isinstance(statement, ast.AugAssign):
        return is_number(module, statement.value, depth)
    return _counts(module, binding.node) or is_number(module, binding.value, depth)


def _counts(module: Module, target: ast.AST) -> bool:
    """Tell whether a name is the index of a loop."""
    loop = module.enclosing(target, ast.For, ast.comprehension)
    match loop:
        case ast.For(index, ast.Call(function)) | ast.comprehension(index, ast.Call(function)):
            name = module.resolve(function)
            if name == "builtins.enumerate":
                return isinstance(index, ast.Tuple) and index.elts[0] is target
            return name == "builtins.range" and index is target
    return False


def _through(node: ast.Name | ast.Attribute, end: End | None) -> End | None:
    return End(end.node, end.last, (node, *end.names)) if end is not None else None


def _sole_target(module: Module, node: ast.AST) -> bool:
    statement = module.parent(node)
    return isinstance(statement, ast.AnnAssign) or (isinstance(statement, ast.Assign) and len(statement.targets) == 1)


def _assigned_once(module: Module, node: ast.Attribute) -> ast.expr | None:
    """Return what an attribute of ``self`` is assigned, where that is once in the module, in its own class."""
    stores = [each for each in module.attributes.get(node.attr, ()) if isinstance(each.ctx, ast.Store)]
    if len(stores) != 1 or ast.unparse(stores[0].value) != "self" or not _sole_target(module, stores[0]):
        return None
    owner = module.enclosing(node, ast.ClassDef)
    if owner is None or module.enclosing(stores[0], ast.ClassDef) is not owner:
        return None
    statement = module.parent(stores[0])
    return statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None


def quote(module: Module) -> str:
    """Return the quotation mark that a module prefers."""
    return '"' if module.text.count('"') >= module.text.count("'") else "'"
