"""How one summary moves: its values, its blocks and loops."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from codemods.engine.codemod import Refusal
from codemods.summaries.ops import Summary


class RefusedError(Exception):
    """A summary can't be moved; carries the refusal and a sentence of detail."""

    def __init__(self, refusal: Refusal, detail: str | None = None, *, lost: bool = False) -> None:
        super().__init__(detail or refusal.sentence)
        self.refusal = refusal
        self.detail = detail
        self.lost = lost  # nothing is recorded today


@dataclass
class Value:
    """A value that the function returns for the host to write.

    Attributes:
        name: the name it has in the function.
        code: what is assigned to that name where the summary stood; None where the name is there already.
    """

    name: str
    code: str | None = None


@dataclass(frozen=True)
class Gathered:
    """What each turn of a loop adds to a list or an array, for the host to go over.

    Attributes:
        value: the list or the array.
        element: a name for one of its elements.
        code: what is added.
    """

    value: Value
    element: str
    code: str

    @property
    def array(self) -> bool:
        """Whether it is a ``tf.TensorArray``."""
        return self.value.code != "[]"


@dataclass
class Move:
    """How one summary moves.

    Attributes:
        summary: what moves.
        values: by the argument whose place they take.
        writer: the expression of the writer whose block it stands in, inside the function.
        contexts: the blocks around it that the host must have, outermost first.
        gathered: what the loops around it gather, by the argument whose place it takes.
        before: the statement before which it is made, what is gathered.
        turn: what summaries have in common whose values are gathered in the same turns.
        repeated: the loop whose variables the host needs as well.
        tag_changes: a loop puts something before its tag.
        other_writer: the graph keeps a writer that needn't be the one around the call.
        record: whether it is recorded, as ``record_if`` around the call says where it stands.
        bound: names that its blocks bind for nothing.
        early: those of ``contexts`` that stand before the summary and return in one branch, and whether
            their body is the branch that goes on.
        parameters: the function's parameters that the host needs.
        frozen: the step, a flag or a tag was fixed at the first trace.
    """

    summary: Summary
    values: dict[ast.expr, Value] = field(default_factory=dict)
    inlined: dict[ast.expr, ast.expr] = field(default_factory=dict)
    writer: ast.expr | None = None
    contexts: list[ast.With | ast.If | ast.For] = field(default_factory=list)
    early: dict[ast.If, bool] = field(default_factory=dict)
    parameters: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    frozen: bool = False
    default_step: Value | None = None
    record: Value | None = None
    tensor_tests: dict[ast.If, Value | None] = field(default_factory=dict)
    loop: ast.For | None = None
    targets: dict[str, str] = field(default_factory=dict)
    loop_values: dict[ast.expr, tuple[Value, str]] = field(default_factory=dict)
    gathered: dict[ast.expr, Gathered] = field(default_factory=dict)
    before: ast.stmt | None = None
    turn: tuple[int, int] = (0, 0)
    repeated: ast.For | None = None
    tag_changes: bool = False
    other_writer: bool = False

    @property
    def has_writer(self) -> bool:
        """Whether it is written by a writer of its own, whatever the default is."""
        return self.writer is not None or self.summary.has_writer

    @property
    def unsafe(self) -> str | None:
        """What changes in the events, if something does."""
        changes = []
        if self.other_writer:
            changes.append(
                "what the graph writes to the writer of its first trace, whoever calls it, "
                "goes to the writer that is the default at each call"
            )
        if self.tag_changes:
            changes.append(
                "in a graph TensorFlow puts `while/` before the tag, or `cond/` for a condition in the loop; "
                "on the host the tag is what the code says"
            )
        elif self.tensor_tests or self.summary.conditional:
            changes.append(
                "if the condition is a tensor, the tag loses the `cond/` that TensorFlow puts before it in the graph"
            )
        return "; ".join(changes) or None

    @property
    def branches(self) -> list[ast.If]:
        """The conditions under which alone its values are made, or that stand before all that can be returned."""
        conditions = (block for block in self.contexts if isinstance(block, ast.If))
        return [block for block in conditions if block not in self.early or block in self.tensor_tests]

    @property
    def all_values(self) -> list[Value]:
        """The values that the function must return for it."""
        more = [
            self.record,
            self.default_step,
            *self.tensor_tests.values(),
            *(value for value, _ in self.loop_values.values()),
        ]
        more += [each.value for each in self.gathered.values()]
        return [*self.values.values(), *(value for value in more if value is not None)]
