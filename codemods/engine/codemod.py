"""All that the author of a codemod imports: the codemod, its findings, its edits, its refusals.

A codemod only finds. It reads a :class:`~codemods.analysis.module.Module` (``ast`` trees, so that a
file costs little) and yields findings; the edits it asks for name ``ast`` nodes and are made on the
LibCST tree of the file by :mod:`codemods.engine.apply`, in one place for all codemods.
"""

from __future__ import annotations

import ast
import enum
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from codemods.analysis.module import Module
    from codemods.analysis.project import Project


class Severity(enum.IntEnum):
    """What is at stake today, by what TensorFlow really does; ordered, ``ERROR`` is the highest."""

    NOTE = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.lower()


class Status(enum.Enum):
    """What the tool will do about a finding."""

    FIXABLE = "fixable"
    UNSAFE = "unsafe"
    REFUSED = "refused"


@dataclass(frozen=True)
class Refusal:
    """A reason to leave code alone: a stable kebab-case code and a sentence for the user."""

    code: str
    sentence: str


# Edits. ----------------------------------------------------------------------------------------


class RefusedError(Exception):
    """Raised by an analysis where it finds a reason to refuse.

    Attributes:
        refusal: the reason.
        detail: a sentence that says more than the refusal's own.
    """

    def __init__(self, refusal: Refusal, detail: str | None = None) -> None:
        """Remember why."""
        super().__init__(refusal.code)
        self.refusal = refusal
        self.detail = detail


class NoFindingError(Exception):
    """Raised by an analysis where it finds that nothing is wrong."""


class CannotEditError(Exception):
    """An edit that can't be made on this text; the message is a sentence for the user."""


@dataclass(frozen=True)
class Move:
    """A node of the file carried into new code with its comments, after its own inner edits.

    Moving a node does not take it away from its old place: add a :class:`Remove` for that.
    """

    node: ast.stmt | ast.expr
    edits: tuple[NodeEdit, ...] = ()


Code = str | tuple[str | Move, ...]
"""New code: text with four spaces for each level and ``\\n`` newlines, and nodes moved into it.

The applier turns the indent and the newlines into the file's own. A statement is moved by putting
its :class:`Move` where a whole statement may stand.
"""


@dataclass(frozen=True)
class Remove:
    """Take a statement away."""

    node: ast.stmt


@dataclass(frozen=True)
class Replace:
    """Put code in the place of a statement or an expression; parentheses around it stay."""

    node: ast.stmt | ast.expr
    code: Code


@dataclass(frozen=True)
class InsertBefore:
    """Put statements before a statement, above its comments; a blank line at the end of the code is kept."""

    node: ast.stmt
    code: Code


@dataclass(frozen=True)
class InsertAfter:
    """Put statements directly after a statement."""

    node: ast.stmt
    code: Code


@dataclass(frozen=True)
class Unwrap:
    """Put the body of a ``with``, ``if``, ``for`` or ``try`` in its place."""

    node: ast.stmt


@dataclass(frozen=True)
class Wrap:
    """Put statements that follow one another into a block.

    Attributes:
        node: the first of them.
        last: the last of them, in the same block as the first.
        head: what opens the new block, such as ``with open(path) as file:``.
        instead: the statement right before them, whose place and comments the head takes over.
    """

    node: ast.stmt
    last: ast.stmt
    head: Code
    instead: ast.stmt | None = None


@dataclass(frozen=True)
class RemoveWithItem:
    """Take one item (named by its context expression) out of a ``with`` that has several."""

    node: ast.With
    item: ast.expr


@dataclass(frozen=True)
class AddArgument:
    """Append ``name=value`` to a call: a positional ``value`` if ``name`` is None, ``**value`` if it is ``**``."""

    node: ast.Call
    name: str | None
    value: Code


@dataclass(frozen=True)
class RemoveArgument:
    """Take an argument out of a call."""

    node: ast.Call
    argument: ast.expr | ast.keyword


@dataclass(frozen=True)
class AddItem:
    """Append ``key: value`` to a dict display, or ``value`` to a list or a tuple (``key`` is None).

    Attributes:
        node: the display.
        key: the key; None in a list or a tuple.
        value: the value.
        first: it goes before all others, not behind them.
    """

    node: ast.Dict | ast.List | ast.Tuple
    key: str | None
    value: Code
    first: bool = False


@dataclass(frozen=True)
class AddKeywords:
    """Append ``**name`` to a function's signature, which has no such parameter."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    name: str


@dataclass(frozen=True)
class RemoveParameter:
    """Take a parameter (and its default) out of a function's signature."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    parameter: ast.arg


@dataclass(frozen=True)
class Rename:
    """Give a function or class another name, at its definition only."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    name: str


@dataclass(frozen=True)
class AddImport:
    """Import ``name`` from ``module`` (or ``import module`` if ``name`` is None), once, at the top.

    Attributes:
        comment: what stands behind it, without its ``#``: why an import that nothing uses is there.
        above: a node that it has to come before, where no other edit of the rewrite tells.
    """

    module: str
    name: str | None = None
    comment: str | None = None
    above: ast.stmt | ast.expr | None = None


NodeEdit = (
    Remove
    | Replace
    | InsertBefore
    | InsertAfter
    | Unwrap
    | Wrap
    | RemoveWithItem
    | AddArgument
    | RemoveArgument
    | AddItem
    | AddKeywords
    | RemoveParameter
    | Rename
)
Edit = NodeEdit | AddImport


# Findings. -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """One place in the user's code that a codemod has something to say about.

    Attributes:
        node: where to point.
        message: what is wrong, in terms of what TensorFlow does, and what will be done.
        severity: what is at stake today.
        edits: what to do; empty for a refusal and for a codemod that overrides ``Codemod.rewrites``.
        refusal: why nothing is done; None where the finding can be fixed.
        unsafe: which behaviour changes; the edits are then made with ``--unsafe`` only.
        detail: a sentence more: for a refusal it stands in place of the refusal's own sentence.
        needs: paths of modules that the edits count on as ``Project.planned`` says that this run leaves them.
        helps: paths of modules of which one at least has to need this one, or the edits are for nothing.
    """

    node: ast.AST
    message: str
    severity: Severity
    edits: tuple[Edit, ...] = ()
    refusal: Refusal | None = None
    unsafe: str | None = None
    detail: str | None = None
    needs: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """The status that CONTRACT calls ``fixable``, ``unsafe`` or ``refused``."""
        if self.refusal is not None:
            return Status.REFUSED
        return Status.FIXABLE if self.unsafe is None else Status.UNSAFE

    @property
    def explanation(self) -> str | None:
        """The sentence that goes with the status, if there is one."""
        if self.refusal is not None:
            return self.detail or self.refusal.sentence
        return self.unsafe or self.detail


@dataclass(frozen=True)
class Rewrite:
    """Edits that are made all or none, and the findings that they answer."""

    findings: tuple[Finding, ...]
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Example:
    """A published program: what it looks like before, and after or why it is refused."""

    before: str
    after: str | None = None
    refusal: Refusal | None = None
    unsafe: bool = False


class Codemod:
    """One named rewrite. A module directly under ``codemods/`` holds exactly one subclass.

    Class attributes:
        triggers: bare identifiers; a file that holds none of them as bytes is never parsed.
        pattern: what a file must hold besides, as bytes, in a notebook's JSON too; None for nothing.
        refusals: every reason this codemod can give.
        examples: programs worth publishing, each a test.
    """

    triggers: ClassVar[tuple[bytes, ...]]
    pattern: ClassVar[re.Pattern[bytes] | None] = None
    refusals: ClassVar[tuple[Refusal, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = ()

    @property
    def name(self) -> str:
        """The name users select it by: the module's name with hyphens."""
        return type(self).__module__.rpartition(".")[2].replace("_", "-")

    @property
    def summary(self) -> str:
        """The first line of the module's docstring, without its full stop."""
        return self.document.partition("\n")[0].rstrip(".")

    @property
    def document(self) -> str:
        """The module's docstring: what it does, why, what it rests on."""
        module = inspect.getmodule(type(self))
        return inspect.cleandoc((module.__doc__ if module else None) or "")

    def concerns(self, data: bytes) -> bool:
        """Tell, by a look at a file's bytes, whether it can hold anything that this codemod is about."""
        found = any(trigger in data for trigger in self.triggers)
        return found and (self.pattern is None or self.pattern.search(data) is not None)

    def concerns_in(self, project: Project, path: str) -> bool:
        """Tell, by a look at the project, whether one of its files that it concerns can hold anything.

        It is asked before the file is parsed. The default is that it can.

        Args:
            project: the project, as it stands in its files.
            path: the file.
        """
        del project, path
        return True

    def find(self, module: Module) -> Iterator[Finding]:
        """Yield what this codemod has to say about one module.

        Args:
            module: the module, with its project behind it.
        """
        raise NotImplementedError

    def rewrites(self, module: Module, findings: Sequence[Finding]) -> Iterable[Rewrite]:
        """Return the edits for the accepted findings, in groups that are made all or none.

        The default makes each finding's own edits one group. A codemod whose findings share edits
        (several summaries of one function change its ``return`` together) overrides this.

        Args:
            module: the module that the findings are of.
            findings: those of ``find(module)`` that are to be fixed in this run, at least one.
        """
        del module
        return [Rewrite((finding,), finding.edits) for finding in findings]
