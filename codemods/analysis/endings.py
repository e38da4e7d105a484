"""How code ends: on which ways out a writer is left with events that are not on disk yet."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from codemods.analysis.dataflow import definition
from codemods.analysis.module import Function, Module

Effect = Literal["write", "save"] | Function
"""What is done with a writer: it is given an event, it puts all on disk, or a function does something with it."""

EXITS = frozenset({"sys.exit", "builtins.exit", "builtins.quit"})
ABRUPT = frozenset({"os._exit", "os.abort"})

_State = frozenset[bool]  # whether events may be waiting, and whether there may be none
_NOWHERE: _State = frozenset()
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Endings:
    """Follows the ways through some code, and notes what is waiting in a writer where they end.

    A ``raise`` that nothing catches is such an end, and so are ``sys.exit()`` and ``os._exit()``; an exception that
    other code may raise is none.
    """

    def __init__(self, module: Module, effects: Callable[[ast.AST], Effect | None]) -> None:
        """Remember how to tell what is done with the writer.

        Args:
            module: the module that the code stands in.
            effects: returns what a node does, None for most.
        """
        self.module = module
        self.effects = effects
        self.active: set[Function] = set()
        self.seen = self.ends = self.raises = self.breaks = self.continues = _NOWHERE

    def may_wait(self, statements: Sequence[ast.stmt], waiting: bool) -> bool:
        """Tell whether events may be waiting where some statements end, or are left.

        Args:
            statements: a block, which no way comes into but at its head.
            waiting: whether there is one at its head.
        """
        self.ends = self.raises = self.breaks = self.continues = _NOWHERE
        fallen = self._block(statements, frozenset({waiting}))
        return True in fallen | self.ends | self.raises | self.breaks | self.continues

    def _block(self, statements: Sequence[ast.stmt], state: _State) -> _State:
        for statement in statements:
            state = self._statement(statement, state)
            if not state:
                break
        return state

    def _statement(self, statement: ast.stmt, state: _State) -> _State:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return state
            case ast.Return():
                self.ends |= self._done(statement, state)
                return _NOWHERE
            case ast.Raise():
                self.raises |= self._done(statement, state)
                return _NOWHERE
            case ast.Break():
                self.breaks |= state
                return _NOWHERE
            case ast.Continue():
                self.continues |= state
                return _NOWHERE
            case ast.If(test, body, orelse):
                state = self._done(test, state)
                return self._block(body, state) | self._block(orelse, state)
            case ast.While() | ast.For() | ast.AsyncFor():
                return self._loop(statement, state)
            case ast.With(items, body) | ast.AsyncWith(items, body):
                for item in items:
                    state = self._done(item.context_expr, state)
                return self._block(body, state)
            case ast.Try():
                return self._try(statement, state)
            case ast.Match(subject, cases):
                state = self._done(subject, state)
                return state.union(*(self._block(case.body, state) for case in cases))
        state = self._done(statement, state)
        if leaves(self.module, statement):
            self.ends |= state
            return _NOWHERE
        return state

    def _loop(self, loop: ast.While | ast.For | ast.AsyncFor, state: _State) -> _State:
        head = loop.test if isinstance(loop, ast.While) else loop.iter
        endless = isinstance(head, ast.Constant) and bool(head.value)
        breaks, continues = self.breaks, self.continues
        self.breaks = _NOWHERE
        for _ in range(2):  # as many turns as there are states
            self.continues = _NOWHERE
            state |= self._block(loop.body, self._done(head, state)) | self.continues
        fallen = _NOWHERE if endless else self._block(loop.orelse, self._done(head, state))
        fallen |= self.breaks
        self.breaks, self.continues = breaks, continues
        return fallen

    def _try(self, statement: ast.Try, state: _State) -> _State:
        before = self.seen, self.ends, self.raises, self.breaks, self.continues
        self.seen = state
        self.ends = self.raises = self.breaks = self.continues = _NOWHERE
        tried = self._block(statement.body, state)
        caught = self.seen
        if statement.handlers:
            self.raises = _NOWHERE
        fallen = self._block(statement.orelse, tried)
        for handler in statement.handlers:
            fallen |= self._block(handler.body, caught)
        inner = self.ends, self.raises, self.breaks, self.continues
        seen, self.ends, self.raises, self.breaks, self.continues = before
        self.seen |= seen
        ends, raises, breaks, continues = (self._block(statement.finalbody, way) if way else way for way in inner)
        self.ends |= ends
        self.raises |= raises
        self.breaks |= breaks
        self.continues |= continues
        return self._block(statement.finalbody, fallen) if fallen else fallen

    def _done(self, node: ast.AST, state: _State) -> _State:
        """Return what is waiting after an expression or a simple statement."""
        parts = sorted(
            (part for part in ast.walk(node) if hasattr(part, "lineno")),
            key=lambda part: (part.end_lineno, part.end_col_offset),  # type: ignore[attr-defined]
        )
        for part in parts:
            effect = self.effects(part)
            if effect == "write":
                state |= {True}
                self.seen |= state
                state = frozenset({True})
            elif effect == "save":
                state = frozenset({False})
            elif effect is not None:
                state = self._called(effect, state)
            self.seen |= state
        return state

    def _called(self, function: Function, state: _State) -> _State:
        if function in self.active:
            return frozenset({True, False})
        before = self.ends, self.breaks, self.continues
        self.ends = _NOWHERE
        self.active.add(function)
        left = self._block(function.body, state) | self.ends
        self.active.discard(function)
        self.ends, self.breaks, self.continues = before
        return left


def leaves(module: Module, statement: ast.stmt) -> bool:
    """Tell whether a statement of a module ends the program by a call."""
    return (
        statement in module
        and isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and module.resolve(statement.value.func) in EXITS | ABRUPT
    )


# Ends that nothing in Python gets to see. -----------------------------------------------------------


@dataclass(frozen=True)
class Abrupt:
    """How a program may end without an orderly end of the interpreter.

    Attributes:
        reason: how it ends, for a reader.
        at_any_time: a signal may end it at any moment, not only a statement that is in sight.
    """

    reason: str
    at_any_time: bool


_WORDS = ("_exit", "abort", "kill", "raise_signal", "SIG_DFL", "environ", "getenv")
_SCHEDULERS = ("SLURM_", "PBS_", "LSB_")
_KILLING = frozenset({"SIGKILL", "SIGTERM", "SIGABRT", "SIGQUIT", "SIGHUP"})
_DEADLY = frozenset({"SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGALRM"})


def abrupt_end(module: Module) -> Abrupt | None:
    """Return how a module's program may end abruptly, as far as it or a module that imports it says so."""
    found = [end for other in (module, *importers(module, *_WORDS)) for end in _ends(other)]
    return next((end for end in found if end.at_any_time), found[0] if found else None)


def _ends(module: Module) -> Iterator[Abrupt]:
    handled = False
    handlers: set[ast.AST] = set()
    calls = list(module.find_all(ast.Call))
    for call in calls:
        if module.resolve(call.func) != "signal.signal" or len(call.args) != 2:
            continue
        name, handler = _last(module, call.args[0]), call.args[1]
        if module.resolve(handler) == "signal.SIG_DFL":
            if name in _DEADLY:
                yield Abrupt(f"{name} ends it", at_any_time=True)
            continue
        function = definition(module, handler)
        body = handler if isinstance(handler, ast.Lambda) else function[1] if function is not None else None
        where = function[0] if function is not None else module
        if body is not None and any(
            where.resolve(node.func) in ABRUPT for node in ast.walk(body) if isinstance(node, ast.Call)
        ):
            handlers.add(body)
            yield Abrupt(f"the handler of {name} ends it by `os._exit`", at_any_time=True)
        elif name == "SIGTERM":
            handled = True
    for call in calls:
        name = module.resolve(call.func) or ""
        around = set(module.ancestors(call))
        if around & handlers or _in_child(module, call):
            continue
        if name in ABRUPT:
            yield Abrupt(f"`{name}` ends it", at_any_time=False)
        elif name in {"os.kill", "signal.raise_signal"}:
            itself = name == "signal.raise_signal" or (
                isinstance(call.args[0], ast.Call) and module.resolve(call.args[0].func) == "os.getpid"
                if call.args
                else False
            )
            number = _last(module, call.args[-1]) if call.args else ""
            if itself and number in _KILLING and not (handled and number == "SIGTERM"):
                yield Abrupt(f"`{name}` ends it", at_any_time=False)
    if not handled and (variable := _scheduler(module)):
        yield Abrupt(f"its scheduler may end it by a signal (it reads `{variable}`)", at_any_time=True)


def _last(module: Module, node: ast.expr) -> str:
    return (module.resolve(node) or "").rpartition(".")[2]


def _in_child(module: Module, call: ast.Call) -> bool:
    """Tell whether a call ends a process that the program started."""
    for node in module.ancestors(call):
        if isinstance(node, ast.If):
            for name in ast.walk(node.test):
                values = [binding.value for binding in module.bindings(name)] if isinstance(name, ast.Name) else [name]
                if any(isinstance(value, ast.Call) and module.resolve(value.func) == "os.fork" for value in values):
                    return True
        if isinstance(node, _FUNCTIONS) and any(
            isinstance(parent := module.parent(use), ast.keyword) and parent.arg == "target"
            for use in module.uses(module.scope(node), node.name)
        ):
            return True
    return False


def _scheduler(module: Module) -> str | None:
    """Return the scheduler's variable that a module reads."""
    for node in module.find_all(ast.Constant):
        parent = module.parent(node)
        if not isinstance(node.value, str) or not node.value.startswith(_SCHEDULERS):
            continue
        if isinstance(parent, ast.Subscript) and module.resolve(parent.value) == "os.environ":
            return node.value
        if isinstance(parent, ast.Call) and module.resolve(parent.func) in {"os.getenv", "os.environ.get"}:
            return node.value
        if isinstance(parent, ast.Compare) and any(
            module.resolve(other) == "os.environ" for other in parent.comparators
        ):
            return node.value
    return None


def importers(module: Module, *words: str) -> Iterator[Module]:
    """Yield the modules of the project that import a module, and hold any of some words.

    Args:
        module: the module.
        words: as for :meth:`Project.mentioning`; none for all modules.
    """
    project = module.project
    for path in importing(module, *words):
        other = project.module(path) if project is not None else None
        if other is not None:
            yield other


def importing(module: Module, *words: str) -> list[str]:
    """Return the paths of these modules."""
    project = module.project
    if project is None:
        return []
    paths = project.texts.importing(module.id.rpartition(".")[2])
    if words:
        holding = set(project.mentioning(*words))
        paths = [path for path in paths if path in holding]
    return [path for path in paths if path != module.path and module.path in project.imports.anywhere(path)]
