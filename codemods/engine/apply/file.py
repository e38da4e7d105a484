"""The LibCST trees of a file's statements, and the edits made on them."""

from __future__ import annotations

import ast
import bisect
import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from codemods.analysis.module import split_lines
from codemods.engine.apply.elements import INSIDE
from codemods.engine.apply.imports import importing
from codemods.engine.apply.overlap import Position, moved_by
from codemods.engine.codemod import (
    AddImport,
    CannotEditError,
    Code,
    InsertAfter,
    InsertBefore,
    Move,
    NodeEdit,
    Remove,
    Replace,
    Rewrite,
    Unwrap,
    Wrap,
)

Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement
_DEEPEST = 4000
_SEED = "pass\n"  # stands before every snippet, so that its first comment belongs to its first statement


def _is_deep(nodes: Sequence[ast.AST]) -> bool:
    """Tell whether nodes are nested so deeply that LibCST, whose time grows with the square of it, takes minutes."""
    for _ in range(_DEEPEST):
        nodes = [child for node in nodes for child in ast.iter_child_nodes(node)]
        if not nodes:
            return False
    return True


@dataclass
class _Chunk:
    """Consecutive lines that hold one or more whole top-level statements, as a LibCST tree."""

    first_line: int
    module: cst.Module
    statements: dict[Position, cst.CSTNode] = field(default_factory=dict)
    expressions: dict[tuple[Position, Position], cst.BaseExpression] = field(default_factory=dict)
    tuples: dict[tuple[Position, int], cst.BaseExpression] = field(default_factory=dict)
    lines: dict[cst.CSTNode, cst.SimpleStatementLine | cst.SimpleStatementSuite] = field(default_factory=dict)


class File:
    """A file, cut into its top-level statements, of which LibCST parses those that are edited.

    Args:
        text: the module's text.
        tree: its ``ast`` tree.
    """

    def __init__(self, text: str, tree: ast.Module) -> None:
        self.lines = split_lines(text)
        self.newline = next((nl for nl in ("\r\n", "\n", "\r") if nl in text), "\n")
        self.tree = tree
        self.config = cst.PartialParserConfig(default_newline=self.newline, default_indent=_indent(self.lines, tree))
        self.starts: list[int] = []  # the first line of each chunk, counted from 1
        self.ends: list[int] = []
        for statement in tree.body:
            end = cast("int", statement.end_lineno)
            if self.ends and statement.lineno <= self.ends[-1]:
                self.ends[-1] = max(end, self.ends[-1])
            else:
                self.starts.append(self.ends[-1] + 1 if self.ends else 1)
                self.ends.append(end)
        self.chunks: dict[int, _Chunk] = {}

    def edited(self, rewrites: Sequence[Rewrite]) -> str:
        """Return the whole text after the edits."""
        rest: list[NodeEdit] = []
        imports: dict[AddImport, int] = {}
        for rewrite in rewrites:
            edits = [edit for edit in rewrite.edits if not isinstance(edit, AddImport)]
            added = [edit for edit in rewrite.edits if isinstance(edit, AddImport)]
            above = [edit.above for edit in added if edit.above is not None]
            before = min((node.lineno for node in [*above, *(edit.node for edit in edits)]), default=1)
            imports |= {edit: min(before, imports.get(edit, before)) for edit in added}
            rest += edits
        rest += importing(self.tree, self.lines, imports)
        for edit in rest:
            if isinstance(edit, Wrap):
                self.join(edit.instead or edit.node, edit.last)
        work: dict[cst.CSTNode, list[NodeEdit]] = {}
        for edit in rest:
            work.setdefault(self.target(edit), []).append(edit)
        lines = list(self.lines)
        transformer = _Transformer(self, work)
        results = {}
        for index, chunk in list(self.chunks.items()):
            module = cst.ensure_type(chunk.module.visit(transformer), cst.Module)
            results[index] = module.code
            following = self.lines[self.ends[index] :][:1]
            if following and following[0].strip() and _ends_with_new_definition(chunk.module, module):
                results[index] += 2 * self.newline
        if transformer.done != sum(len(found) for found in work.values()):
            raise CannotEditError("a statement to be edited stands where the tool can't edit it")
        # From the last chunk to the first, so that line numbers before it stay true.
        for index in sorted(results, reverse=True):
            code = results[index].removeprefix(_SEED.replace("\n", self.newline))
            lines[self.starts[index] - 1 : self.ends[index]] = [code]
        return "".join(lines)

    def join(self, first: ast.stmt, last: ast.stmt) -> None:
        """Make one chunk of those that hold two statements, with the comments at the foot of the last one's blocks."""
        start, end = (bisect.bisect_left(self.ends, line) for line in (first.lineno, last.end_lineno or 0))
        foot = self.ends[end]
        for number, line in enumerate(self.lines[foot:], foot + 1):
            if line[:1].isspace() and line.lstrip().startswith("#"):
                foot = number
            elif line.strip():
                break
        self.starts[start : end + 1] = [self.starts[start]]
        self.ends[start : end + 1] = [foot]
        self.starts[start + 1 : start + 2] = [foot + 1] * (len(self.starts) > start + 1)

    def chunk(self, line: int) -> _Chunk:
        """Return the parsed chunk that holds a line."""
        index = bisect.bisect_left(self.ends, line)
        if index not in self.chunks:
            self.chunks[index] = self._parse(index)
        return self.chunks[index]

    def _parse(self, index: int) -> _Chunk:
        first, last = self.starts[index], self.ends[index]
        text = "".join(self.lines[first - 1 : last])
        if _is_deep([statement for statement in self.tree.body if first <= statement.lineno <= last]):
            raise RecursionError
        return _parsed(text, first, self.newline, cast("str", self.config.default_indent))

    def position(self, line: int, column: int) -> Position:
        """Return an ``ast`` position (UTF-8 bytes) as a LibCST position (characters)."""
        text = self.lines[line - 1]
        return line, column if text.isascii() else len(text.encode()[:column].decode())

    def node(self, node: ast.AST) -> cst.CSTNode:
        """Return the LibCST node of an ``ast`` statement or expression."""
        chunk = self.chunk(node.lineno)  # type: ignore[attr-defined]
        if isinstance(node, ast.stmt):
            return chunk.statements[self.position(node.lineno, node.col_offset)]
        if isinstance(node, ast.Tuple) and node.elts:
            # Whether a tuple's own parentheses belong to it is seen differently: it is known by its first leaf.
            leaf: ast.expr = node
            depth = 0
            while isinstance(leaf, ast.Tuple) and leaf.elts:
                leaf, depth = leaf.elts[0], depth + 1
                leaf = leaf.value if isinstance(leaf, ast.Starred) else leaf
            return chunk.tuples[self.position(leaf.lineno, leaf.col_offset), depth]
        assert isinstance(node, (ast.expr, ast.arg))
        end = self.position(cast("int", node.end_lineno), cast("int", node.end_col_offset))
        return chunk.expressions[self.position(node.lineno, node.col_offset), end]

    def target(self, edit: NodeEdit) -> cst.CSTNode:
        """Return the node at which an edit is made."""
        try:
            node = self.node(edit.node)
        except KeyError:
            line = edit.node.lineno
            raise CannotEditError(f"the code at line {line} can't be found in the LibCST tree") from None
        return node

    # New code. -----------------------------------------------------------------------------------

    def _assemble(self, code: Code) -> tuple[str, list[Move]]:
        moves: list[Move] = []
        text = ""
        for part in (code,) if isinstance(code, str) else code:
            if isinstance(part, Move):
                text += f"__moved_{len(moves)}__"
                moves.append(part)
            else:
                text += part
        # Text that was taken from the file has the file's newlines already.
        return text.replace("\r\n", "\n").replace("\r", "\n"), moves

    def statements(self, code: Code) -> list[Statement]:
        """Parse new code as statements, moved nodes put in."""
        text, moves = self._assemble(code)
        indent = cast("str", self.config.default_indent)
        lines = []
        for line in (text.rstrip("\n") + "\n").splitlines():
            depth = (len(line) - len(line.lstrip(" "))) // 4
            lines.append(indent * depth + line[4 * depth :])
        source = _SEED + "\n".join(lines) + "\n"
        try:
            module = cst.parse_module(source.replace("\n", self.newline), self.config)
        except cst.ParserSyntaxError as error:
            raise CannotEditError(f"the new code would not parse: {error.message}") from error
        module = cst.ensure_type(module.visit(_Filler(self, moves)), cst.Module)
        return [_without_indented_blanks(statement) for statement in module.body[1:]]

    def expression(self, code: Code) -> cst.BaseExpression:
        """Parse new code as an expression, moved nodes put in."""
        text, moves = self._assemble(code)
        text = text.replace("\n", self.newline)
        try:
            parsed = cst.parse_expression(text, self.config)
        except cst.ParserSyntaxError:
            # What goes over several lines may stand between the brackets of its old place only.
            try:
                parsed = cst.parse_expression(f"({text})", self.config)
            except cst.ParserSyntaxError as error:
                raise CannotEditError(f"the new code would not parse: {error.message}") from error
        return cast("cst.BaseExpression", parsed.visit(_Filler(self, moves)))

    def moved(self, move: Move) -> cst.CSTNode:
        """Return a copy of a node after its inner edits."""
        node = self.node(move.node)
        work: dict[cst.CSTNode, list[NodeEdit]] = {}
        for edit in move.edits:
            work.setdefault(self.target(edit), []).append(edit)
        transformer = _Transformer(self, work)
        if isinstance(node, cst.BaseSmallStatement):
            line = _as_line(self.chunk(move.node.lineno).lines[node])
            index = line.body.index(node)
            node = _part_of_line(line, index, index + 1)
        result = cast("cst.CSTNode", node.visit(transformer))
        if transformer.done != len(move.edits):
            raise CannotEditError("a statement to be moved can't be edited")
        return result.deep_clone()


@functools.lru_cache(maxsize=2)  # what a codemod tries is what is done then
def _parsed(text: str, first: int, newline: str, indent: str) -> _Chunk:
    """Return the tree of some statements.

    Args:
        text: their text.
        first: their first line.
        newline: the newline of the file.
        indent: its indent.
    """
    config = cst.PartialParserConfig(default_newline=newline, default_indent=indent)
    seed = _SEED.replace("\n", newline)
    try:
        module = cst.parse_module(seed + text, config)
    except cst.ParserSyntaxError as error:
        raise CannotEditError(f"LibCST can't parse line {first + error.raw_line - 2}: {error.message}") from error
    if module.code != seed + text:
        raise CannotEditError("LibCST doesn't give back the same text")
    chunk = _Chunk(first, module)
    offset = first - 2  # the seed's line
    positions = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    for node, span in positions.items():
        start = (span.start.line + offset, span.start.column)
        if isinstance(node, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
            chunk.statements[start] = node
        elif isinstance(node, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
            chunk.lines.update(dict.fromkeys(node.body, node))
        elif isinstance(node, cst.Tuple) and node.elements:
            leaf: cst.BaseExpression = node
            depth = 0
            while isinstance(leaf, cst.Tuple) and leaf.elements:
                leaf, depth = leaf.elements[0].value, depth + 1
            first_leaf = positions[leaf].start
            chunk.tuples[(first_leaf.line + offset, first_leaf.column), depth] = node
        elif isinstance(node, cst.BaseExpression):
            chunk.expressions[start, (span.end.line + offset, span.end.column)] = node
    return chunk


def _ends_with_new_definition(before: cst.Module, after: cst.Module) -> bool:
    definitions = (cst.FunctionDef, cst.ClassDef)
    return isinstance(after.body[-1], definitions) and not isinstance(before.body[-1], definitions)


def _indent(lines: Sequence[str], tree: ast.Module) -> str:
    """Return the indent of the file's first indented block, four spaces if it has none."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.stmt) and isinstance(body, list) and body[0].lineno > node.lineno:
            outer = lines[node.lineno - 1][: node.col_offset]
            inner = lines[body[0].lineno - 1][: body[0].col_offset]
            if inner.startswith(outer) and inner.isspace():
                return str(inner[len(outer) :])
    return "    "


class _Filler(cst.CSTTransformer):
    """Puts moved nodes in the place of their markers."""

    def __init__(self, file: File, moves: Sequence[Move]) -> None:
        super().__init__()
        self.file = file
        self.moves = {f"__moved_{index}__": move for index, move in enumerate(moves)}

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement:
        match original_node.body:
            case [cst.Expr(cst.Name(name))] if name in self.moves and isinstance(self.moves[name].node, ast.stmt):
                node = cast("Statement", self.file.moved(self.moves[name]))
                _, own = _split_leading(node.leading_lines)
                return cast("cst.BaseStatement", node.with_changes(leading_lines=[*updated_node.leading_lines, *own]))
        return updated_node

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        move = self.moves.get(original_node.value)
        if move is None or isinstance(move.node, ast.stmt):
            return updated_node
        node = cast("cst.BaseExpression", self.file.moved(move))
        return node.with_changes(lpar=[*updated_node.lpar, *node.lpar], rpar=[*node.rpar, *updated_node.rpar])


class _Blanks(cst.CSTTransformer):
    """Keeps blank lines empty at any depth, which at the top level are indented by nothing."""

    def leave_EmptyLine(self, original_node: cst.EmptyLine, updated_node: cst.EmptyLine) -> cst.EmptyLine:
        return updated_node if updated_node.comment else updated_node.with_changes(indent=False)


def _split_leading(lines: Sequence[cst.EmptyLine]) -> tuple[list[cst.EmptyLine], list[cst.EmptyLine]]:
    """Split the lines above a statement: what stands apart from it, and the comments directly on it."""
    blank = max((index for index, line in enumerate(lines) if not line.comment), default=-1)
    apart, own = list(lines[: blank + 1]), list(lines[blank + 1 :])
    if own and own[0].comment and own[0].comment.value.startswith(("#!", "# -*-")):
        return list(lines), []  # the head of the file
    return apart, own


def _without_indented_blanks(statement: Statement) -> Statement:
    """Return a new statement whose blank lines stay empty at any depth."""
    lines = [line if line.comment else line.with_changes(indent=False) for line in statement.leading_lines]
    return statement.with_changes(leading_lines=lines)


# The transformer. ----------------------------------------------------------------------------------


_Pair = tuple[cst.BaseStatement, Statement]  # a statement as it was, and as its inner edits left it
_NOTHING = cst.SimpleStatementLine([cst.Pass()])


def _is_of_statement(edit: NodeEdit) -> bool:
    """Tell whether an edit takes a whole statement away, or puts something in its place."""
    return isinstance(edit, (Remove, Unwrap)) or (isinstance(edit, Replace) and isinstance(edit.node, ast.stmt))


def _is_of_block(edit: NodeEdit) -> bool:
    """Tell whether an edit changes which statements a block holds."""
    return isinstance(edit, (InsertBefore, InsertAfter, Wrap)) or _is_of_statement(edit)


def _as_line(node: cst.SimpleStatementLine | cst.SimpleStatementSuite) -> cst.SimpleStatementLine:
    """Return the statements behind a colon as a line of their own."""
    if isinstance(node, cst.SimpleStatementLine):
        return node
    return cst.SimpleStatementLine(node.body, trailing_whitespace=node.trailing_whitespace)


def _closed(suite: cst.SimpleStatementSuite, line: Statement) -> cst.SimpleStatementSuite | None:
    """Return one line as what stands behind a colon."""
    if not isinstance(line, cst.SimpleStatementLine) or line.leading_lines:
        return None
    return suite.with_changes(body=line.body, trailing_whitespace=line.trailing_whitespace)


def _part_of_line(line: cst.SimpleStatementLine, start: int, end: int) -> cst.SimpleStatementLine:
    """Return some of the statements of a line; the comment above is the first one's, the one behind the last one's."""
    if end - start == len(line.body):
        return line
    *body, last = line.body[start:end]
    if end == len(line.body):
        behind = line.trailing_whitespace
    else:
        last, behind = last.with_changes(semicolon=cst.MaybeSentinel.DEFAULT), cst.TrailingWhitespace()
    above = line.leading_lines if start == 0 else ()
    return cst.SimpleStatementLine([*body, last], leading_lines=above, trailing_whitespace=behind)


class _Transformer(cst.CSTTransformer):
    """Makes the edits, each on the node as its inner edits left it."""

    def __init__(self, file: File, work: Mapping[cst.CSTNode, list[NodeEdit]]) -> None:
        super().__init__()
        self.file = file
        self.work = work
        self.done = 0
        self.emptied: set[cst.CSTNode] = set()  # blocks that hold nothing any more
        wraps = [edit for edits in work.values() for edit in edits if isinstance(edit, Wrap)]
        self.opening = {file.node(edit.instead or edit.node) for edit in wraps}
        self.closing = {file.node(edit.last) for edit in wraps}

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> cst.CSTNode:  # type: ignore[override]
        """Make the edits of one node, and those of the statements of a block."""
        node = cast("cst.CSTNode", super().on_leave(original_node, updated_node))
        for edit in self.work.get(original_node, ()):
            inner = INSIDE.get(type(edit))
            if inner is not None:
                node = inner(self.file, node, edit)
                self.done += 1
            elif isinstance(edit, Replace) and isinstance(edit.node, ast.expr):
                node = self._replaced(cast("cst.BaseExpression", original_node), edit)
                self.done += 1
        if isinstance(original_node, cst.SimpleStatementSuite):
            pairs = self._split([(_as_line(original_node), _as_line(cst.ensure_type(node, cst.SimpleStatementSuite)))])
            if any(_is_of_block(edit) for original, _ in pairs for edit in self._edits_of(original)):
                node = cst.IndentedBlock(())
        elif isinstance(original_node, (cst.IndentedBlock, cst.Module)):
            pairs = self._split(list(zip(original_node.body, node.body, strict=True)))  # type: ignore[attr-defined]
        if isinstance(node, (cst.IndentedBlock, cst.Module)):
            body = self._body(self._wrapped(pairs, node), node)
            node = node.with_changes(body=body)
            if isinstance(original_node, cst.SimpleStatementSuite) and len(body) == 1:
                node = _closed(original_node, body[0]) or node
            if body and body[0] is _NOTHING:
                self.emptied.add(node)
        if isinstance(node, cst.If) and isinstance(node.orelse, cst.Else) and node.orelse.body in self.emptied:
            node = node.with_changes(orelse=None)
        if isinstance(node, cst.If) and isinstance(node.orelse, cst.Else) and node.body in self.emptied:
            node = _turned(node, node.orelse)
        return node

    def _split(self, pairs: Sequence[_Pair]) -> list[_Pair]:
        """Return the statements of a block, the edited ones of those that share a line apart from their neighbours."""
        result: list[_Pair] = []
        for original, node in pairs:
            if not isinstance(original, cst.SimpleStatementLine) or len(original.body) < 2:
                result.append((original, node))
                continue
            line = cst.ensure_type(node, cst.SimpleStatementLine)
            cuts = {0, len(original.body)}
            for index, small in enumerate(original.body):
                cuts |= ({index} if small in self.opening else set()) | (
                    {index + 1} if small in self.closing else set()
                )
                for edit in self.work.get(small, ()):
                    if isinstance(edit, (InsertBefore, Wrap)) or _is_of_statement(edit):
                        cuts.add(index)
                    if isinstance(edit, InsertAfter) or _is_of_statement(edit):
                        cuts.add(index + 1)
            for start, end in itertools.pairwise(sorted(cuts)):
                part = original.with_changes(body=original.body[start:end])
                result.append((part, _part_of_line(line, start, end)))
        return result

    def _replaced(self, original: cst.BaseExpression, edit: Replace) -> cst.BaseExpression:
        new = self.file.expression(edit.code)
        if isinstance(original, (cst.Tuple, cst.GeneratorExp)):
            return new  # for ``ast`` their parentheses are their own
        if any(move.node is edit.node for move in moved_by(edit)):
            return new  # they moved along with the expression
        return new.with_changes(lpar=[*original.lpar, *new.lpar], rpar=[*new.rpar, *original.rpar])

    def _wrapped(self, pairs: list[_Pair], block: cst.CSTNode) -> list[_Pair]:
        """Return the statements of a block, those that are wrapped as one."""
        originals = [original for original, _ in pairs]
        edits = [edit for original in originals for edit in self._edits_of(original) if isinstance(edit, Wrap)]
        for edit in reversed(edits):
            first, last = (self._index(originals, statement) for statement in (edit.node, edit.last))
            start = first if edit.instead is None else self._index(originals, edit.instead)
            if not first - 1 <= start <= first <= last:
                raise CannotEditError("statements to be put into a block don't follow one another")
            self.done += 1
            inner = self._body(pairs[first : last + 1], block) or [_NOTHING]
            (head,) = self.file.statements((*((edit.head,) if isinstance(edit.head, str) else edit.head), "\n    pass"))
            opening = cst.ensure_type(head.body, cst.IndentedBlock)
            lines = [line for line in inner[0].leading_lines if line.comment]
            if edit.instead is None:
                apart, lines = _split_leading(inner[0].leading_lines)
                head = head.with_changes(leading_lines=apart)
            else:
                replaced = cst.ensure_type(pairs[start][1], cst.SimpleStatementLine)
                head = head.with_changes(leading_lines=[*replaced.leading_lines, *head.leading_lines])
                opening = opening.with_changes(header=replaced.trailing_whitespace)
            inner[0] = inner[0].with_changes(leading_lines=lines)
            inner = [cast("Statement", statement.visit(_Blanks())) for statement in inner]
            head = head.with_changes(body=opening.with_changes(body=inner))
            pairs[start : last + 1] = [(head, head)]
        return pairs

    def _index(self, originals: Sequence[cst.BaseStatement], statement: ast.stmt) -> int:
        """Return where in a block a statement stands."""
        node = self.file.node(statement)
        for index, original in enumerate(originals):
            if original is node:
                return index
            if isinstance(original, cst.SimpleStatementLine) and node in original.body:
                return index
        raise CannotEditError("statements to be put into a block don't stand in the same one")

    def _edits_of(self, original: cst.BaseStatement) -> list[NodeEdit]:
        if isinstance(original, cst.SimpleStatementLine):
            return [edit for small in original.body for edit in self.work.get(small, ())]
        return list(self.work.get(original, ()))

    def _body(self, pairs: Sequence[_Pair], block: cst.CSTNode) -> list[Statement]:
        result: list[Statement] = []
        owed: list[cst.EmptyLine] = []  # lines that a statement leaves behind, for the next one
        for original, node in pairs:
            before, own, after, gone = self._statement(original, node)
            if gone and not before and not own:
                owed = owed or _split_leading(node.leading_lines)[0]
                result += after
                continue
            blanks = [cst.EmptyLine(indent=False)] * (2 if isinstance(block, cst.Module) else 1)
            if before and own:
                own[0] = _set_off(own[0], before[-1], blanks)
            new = [*before, *own]
            if any(line.comment for line in owed) or (owed and not _split_leading(new[0].leading_lines)[0]):
                new[0] = new[0].with_changes(leading_lines=[*owed, *new[0].leading_lines])
            owed = self._foot(original)
            result += [*new, *after]
            if after and isinstance(after[-1], (cst.FunctionDef, cst.ClassDef)):
                owed = blanks
        if not result and isinstance(block, cst.IndentedBlock):
            result = [_NOTHING]
        return result

    def _foot(self, original: cst.BaseStatement) -> list[cst.EmptyLine]:
        """Return the lines at the foot of a block that is dissolved, which then belong to what follows."""
        body = getattr(original, "body", None)
        dissolved = any(isinstance(edit, Unwrap) for edit in self._edits_of(original))
        return list(body.footer) if dissolved and isinstance(body, cst.IndentedBlock) else []

    def _statement(
        self, original: cst.BaseStatement, node: Statement
    ) -> tuple[list[Statement], list[Statement], list[Statement], bool]:
        """Return what stands before, in the place of, and after a statement, and whether it is gone."""
        before: list[Statement] = []
        after: list[Statement] = []
        own: list[Statement] = [node]
        gone = spaced = False
        for edit in self._edits_of(original):
            if not _is_of_block(edit) or isinstance(edit, Wrap):
                continue
            self.done += 1
            if isinstance(edit, InsertAfter):
                after += self.file.statements(edit.code)
            elif isinstance(edit, InsertBefore):
                before += self.file.statements(edit.code)
                spaced = isinstance(edit.code, str) and edit.code.endswith("\n\n")
            elif isinstance(edit, Remove):
                own, gone = [], True
            elif isinstance(edit, Replace):
                own = self.file.statements(edit.code)
                own[0] = own[0].with_changes(leading_lines=[*node.leading_lines, *own[0].leading_lines])
                own[-1] = _with_trailing_comment(own[-1], node)
            else:
                own = _unwrapped(node)
        if before:
            apart, _ = _split_leading(node.leading_lines)
            before[0] = before[0].with_changes(leading_lines=[*apart, *before[0].leading_lines])
            # A definition keeps the blank lines above it.
            if own and not gone and not isinstance(own[0], (cst.FunctionDef, cst.ClassDef)):
                blank = [cst.EmptyLine(indent=False)] if spaced else []
                own[0] = own[0].with_changes(leading_lines=[*blank, *own[0].leading_lines[len(apart) :]])
        return before, own, after, gone


_OPPOSITES: Mapping[type[cst.BaseCompOp], type[cst.BaseCompOp]] = {
    cst.Equal: cst.NotEqual, cst.NotEqual: cst.Equal, cst.Is: cst.IsNot, cst.IsNot: cst.Is,
    cst.In: cst.NotIn, cst.NotIn: cst.In,
}  # fmt: skip


def _turned(node: cst.If, other: cst.Else) -> cst.If:
    """Return a condition of which only the other branch is left, turned round; as it is where that has comments."""
    block = node.body
    if any(line.comment for line in other.leading_lines) or not isinstance(block, cst.IndentedBlock):
        return node
    if block.header.comment or any(line.comment for line in block.footer):
        return node
    test = node.test
    match test:
        case cst.UnaryOperation(operator=cst.Not()):
            test = test.expression
        case cst.Comparison(comparisons=[target]) if type(target.operator) in _OPPOSITES:
            test = test.with_changes(comparisons=[target.with_changes(operator=_OPPOSITES[type(target.operator)]())])
        case cst.Name() | cst.Attribute() | cst.Call():
            test = cst.UnaryOperation(cst.Not(), test)
        case _:
            test = cst.UnaryOperation(cst.Not(), test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()]))
    return node.with_changes(test=test, body=other.body, orelse=None)


def _set_off(statement: Statement, definition: Statement, blanks: Sequence[cst.EmptyLine]) -> Statement:
    """Return a statement with blank lines above it, if what is new there is a definition and it has none."""
    apart, _ = _split_leading(statement.leading_lines)
    if apart or not isinstance(definition, (cst.FunctionDef, cst.ClassDef)):
        return statement
    return statement.with_changes(leading_lines=[*blanks, *statement.leading_lines])


def _with_trailing_comment(new: Statement, old: Statement) -> Statement:
    if isinstance(new, cst.SimpleStatementLine) and isinstance(old, cst.SimpleStatementLine):
        return new.with_changes(trailing_whitespace=old.trailing_whitespace)
    return new


def _unwrapped(node: Statement) -> list[Statement]:
    """Return the body of a block in its place, with the comments of its head and its foot."""
    body = getattr(node, "body", None)
    if isinstance(body, cst.SimpleStatementSuite):
        body = cst.IndentedBlock([_as_line(body)])
    if not isinstance(body, cst.IndentedBlock):
        raise CannotEditError("what is to be dissolved is no block")
    if getattr(node, "orelse", None) is not None or getattr(node, "handlers", None):
        raise CannotEditError("a block to be dissolved has another branch")
    statements = [cast("Statement", statement) for statement in body.body]
    head = list(node.leading_lines)
    if body.header.comment is not None:
        head.append(cst.EmptyLine(comment=body.header.comment))
    first = statements[0]
    own = first.leading_lines if any(line.comment for line in first.leading_lines) else ()
    statements[0] = first.with_changes(leading_lines=[*head, *own])
    return statements
