"""The code that saves and restores what a class is made with."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codemods.analysis.keras_objects import Form
from codemods.analysis.module import Module
from codemods.analysis.path_ends import quote
from codemods.configs.arguments import NONE, Held, kinds
from codemods.configs.classes import Base
from codemods.configs.constructors import Constructor, How, Kept
from codemods.configs.methods import ConfigMethod
from codemods.configs.trouble import Judge, Trouble
from codemods.engine.codemod import (
    AddArgument,
    AddImport,
    AddItem,
    AddKeywords,
    Edit,
    InsertAfter,
    InsertBefore,
    Move,
    Refusal,
    RefusedError,
    Replace,
)

NOT_KEPT = Refusal("not-kept", "no attribute keeps an argument of the constructor")
NAME_TAKEN = Refusal("attribute-taken", "an attribute bears the name of an argument, and holds something else")
CHANGED = Refusal("attribute-changes", "the attribute that keeps an argument is changed later")
NOT_STORABLE = Refusal("not-storable", "Keras has no way to store an argument")
UNKNOWN_ARGUMENT = Refusal("unknown-argument", "it can't be told what an argument is, or whether there are more")
POSITIONAL = Refusal("positional-arguments", "the constructor takes arguments by position, and Keras gives names")
NO_SUPER = Refusal("no-super-call", "the constructor doesn't call its base's in one place, to hand `**kwargs` on")
BASE = Refusal("base-arguments", "the base's constructor doesn't take what Keras gives back, or gets it twice")
SEQUENTIAL = Refusal("sequential-subclass", "Keras makes a Sequential model from its layers, without the constructor")
OWN_FROM_CONFIG = Refusal("own-from-config", "the class has a `from_config` that does more than call the constructor")
UNBUILT_CELL = Refusal(
    "unbuilt-cell", "the class is an RNN cell without a `build`: Keras 3 would load it without its layers' weights"
)
UNNAMED = Refusal("unnamed-keras", "the name under which Keras could be imported means something else in the file")
REFUSALS = (
    NOT_KEPT, NAME_TAKEN, CHANGED, NOT_STORABLE, UNKNOWN_ARGUMENT, POSITIONAL, NO_SUPER, BASE, SEQUENTIAL,
    OWN_FROM_CONFIG, UNBUILT_CELL, UNNAMED,
)  # fmt: skip

_WIDTH = 88
_LONG = 120  # a line of the file that gets longer than that is broken up
# What may be given by its name, too.
_NAMED = ("activations", "initializers", "regularizers", "constraints", "losses")


@dataclass(frozen=True)
class _Item:
    """One entry of a ``get_config``.

    Attributes:
        key: its key.
        value: the code of its value.
        restored: the code that makes the argument of it; None where the constructor does.
        optional: it may be None, which the code doesn't take.
    """

    key: str
    value: str
    restored: str | None = None
    optional: bool = False


def completes(judge: Judge) -> bool:
    """Tell whether a class can be rid of its trouble."""
    trouble = judge.trouble()
    try:
        return trouble is not None and bool(Completion(judge, trouble).edits())
    except RefusedError:
        return False


class Completion:
    """The edits that rid a class of its trouble."""

    def __init__(self, judge: Judge, trouble: Trouble) -> None:
        """Take a class.

        Args:
            judge: who knows what there is to know of it.
            trouble: what is wrong with it.
        """
        self.judge = judge
        self.klass = judge.klass
        self.trouble = trouble
        self.module = judge.klass.module
        self.mark = quote(judge.klass.module)
        self.imports: list[Edit] = []

    def edits(self) -> list[Edit]:
        """Return the edits.

        Raises:
            RefusedError: there are none that keep the promise.
        """
        klass, trouble, constructor = self.klass, self.trouble, self.klass.constructor
        if klass.restores_itself:
            raise RefusedError(OWN_FROM_CONFIG)
        if klass.base is Base.SEQUENTIAL:
            raise RefusedError(SEQUENTIAL)
        if self.judge.keras_3 and klass.is_cell and klass.inherited("build") is None:
            raise RefusedError(UNBUILT_CELL)
        if constructor is not None and trouble.config:
            handed_on = constructor.hands_on_varargs and klass.base is Base.OTHER
            if constructor.by_position or (klass.gives_varargs and not handed_on):
                raise RefusedError(POSITIONAL)
            if constructor.hidden:
                raise RefusedError(UNKNOWN_ARGUMENT, f"arguments come from `**{constructor.kwargs}`")
        edits: list[Edit] = []
        if constructor is not None and trouble.kwargs:
            edits += self._kwargs(constructor)
        items = [self._item(each) for each in trouble.forgotten]
        raw = [self._item(each) for each in trouble.raw]
        if trouble.config:
            edits.append(InsertAfter(self._last_method(), self._get_config(items)))
        else:
            edits += self._completed(items)
            edits += self._serialized(raw)
        edits += self._restoring([*items, *raw])
        return [*self.imports, *edits]

    def _last_method(self) -> ast.stmt:
        methods = [each for each in self.klass.node.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
        return methods[-1] if methods else self.klass.node.body[-1]

    # The constructor. ----------------------------------------------------------------------------

    def _kwargs(self, constructor: Constructor) -> Iterator[Edit]:
        call = constructor.super_call
        taken = "kwargs" in self.module.inner_scope(constructor.function).bindings
        if taken or call is None or any(keyword.arg is None for keyword in call.keywords):
            raise RefusedError(NO_SUPER)
        if self.trouble.twice and not self.trouble.config:
            raise RefusedError(BASE)
        above = self.klass.constructor_above(constructor)
        while above is not None:
            if above.kwargs is None and (above.super_call is None or above.by_position):
                raise RefusedError(BASE)
            above = self.klass.constructor_above(above)
        yield AddKeywords(constructor.function, "kwargs")
        yield AddArgument(call, "**", "kwargs")

    # The arguments. ------------------------------------------------------------------------------

    def _item(self, parameter: ast.arg) -> _Item:
        """Return how an argument is stored."""
        name = parameter.arg
        attribute, kept = self._attribute(name)
        here = f"self.{attribute}"
        if kept.how is How.PLAIN:
            return _Item(name, here)
        held = self.klass.held(parameter)
        bad = next((each for each in held if each.what == "other"), None)
        if bad is not None:
            raise RefusedError(NOT_STORABLE, f"`{name}` may be {bad.why}: Keras has no way to store it")
        if kept.how is How.GOTTEN:
            value = f"{self._keras(kept.via)}.serialize({here})"
            guarded = kept.optional and kept.via == "activations"
            return _Item(name, f"{here} and {value}" if guarded else value)
        if kept.how is How.SAME:
            return self._as_it_is(name, here, attribute, held)
        if not kept.optional and (kept.via or kinds(held) <= {"plain", "unknown"}):
            return _Item(name, f"{here}.tolist()" if kept.how is How.ARRAY else f"{here}.numpy().tolist()")
        return self._array(name, here)

    def _as_it_is(self, name: str, here: str, attribute: str, held: frozenset[Held]) -> _Item:
        """Return how an argument is stored that is kept as it is given."""
        what = kinds(held) - {"none"}
        if what <= {"plain", "empty", "unknown"}:
            if "unknown" in what and self.klass.is_called(attribute):
                raise RefusedError(UNKNOWN_ARGUMENT, f"`{name}` is called, and nothing tells what it is")
            return _Item(name, self._copied(here, held))
        if what <= {"array", "tensor", "plain"}:
            return self._array(name, here)
        real = {(each.what, each.part) for each in held if each.what in {"keras", "function"}}
        many = {each.many for each in held if each.what in {"keras", "function", "empty"}}
        (part,) = {part for _, part in real} if len(real) == 1 else {""}
        if not part or not (many <= {"list", "tuple"} or len(many) == 1):
            raise RefusedError(NOT_STORABLE, f"`{name}` may be one of several kinds of things")
        # What isn't known is taken for what the others are; it may be None, or a name.
        allowed = {"keras", "function", "unknown"}
        if many != {""}:
            allowed.add("empty")
            optional = NONE in held or "unknown" in what
            stored = self._collection(name, here, part, many, optional=optional)
        else:
            allowed |= {"plain"} if part in _NAMED else set()
            named = part in _NAMED and not what.isdisjoint({"plain", "unknown"})
            optional = NONE in held or ("unknown" in what and not named)
            stored = self._object(name, here, part, named=named, optional=optional)
        if not what <= allowed:
            raise RefusedError(NOT_STORABLE, f"`{name}` may be one of several kinds of things")
        return stored

    def _object(self, name: str, here: str, part: str, *, named: bool, optional: bool) -> _Item:
        """Return how an object or a function of Keras is stored, which may be given by its name, too."""
        keras = self._keras(part)
        value = f"{keras}.serialize({f'{keras}.get({here})' if named else here})"
        if optional and part == "activations":
            value = f"{here} and {value}"
        # What else there is takes None, and gives it back.
        guarded = optional and part in {"activations", "layers", "optimizers", "optimizers.schedules"}
        return _Item(name, value, f"{keras}.deserialize({self._entry(name)})", guarded)

    def _collection(self, name: str, here: str, part: str, many: set[str], *, optional: bool) -> _Item:
        """Return how a list, tuple or dict of objects of Keras is stored."""
        keras = self._keras(part)
        each = "layer" if part == "layers" else "each"
        code = self._entry(name)
        if many == {"dict"}:
            value = f"{{key: {keras}.serialize({each}) for key, {each} in {here}.items()}}"
            restored = f"{{key: {keras}.deserialize({each}) for key, {each} in {code}.items()}}"
        else:
            value = f"[{keras}.serialize({each}) for {each} in {here}]"
            restored = f"[{keras}.deserialize({each}) for {each} in {code}]"
        return _Item(name, f"{here} and {value}" if optional else value, restored, optional)

    def _entry(self, name: str) -> str:
        return f"config[{self.mark}{name}{self.mark}]"

    def _copied(self, here: str, held: frozenset[Held]) -> str:
        """Return the code of a value, copied where Keras 3 stumbles over the list or dict of a layer in .h5 files."""
        many = {each.many for each in held if each.what in {"plain", "empty"}}
        if Form.H5 not in self.judge.forms or not many:
            return here
        return f"list({here})" if many <= {"list", "tuple"} else f"dict({here})" if many == {"dict"} else here

    def _array(self, name: str, here: str) -> _Item:
        """Return how an array or a tensor is stored, with its type."""
        if self.judge.forms - {Form.KERAS, Form.JSON}:
            raise RefusedError(
                NOT_STORABLE, f"`{name}` is an array or tensor, which Keras 2 stores in .keras files only"
            )
        utils = self._keras("utils")
        restored = f"{utils}.deserialize_keras_object({self._entry(name)})"
        return _Item(name, f"{utils}.serialize_keras_object({here})", restored)

    def _attribute(self, parameter: str) -> tuple[str, Kept]:
        """Return the attribute that keeps an argument."""
        found = self.klass.kept(parameter)
        for name, kept in found.items():
            if not self.klass.changes(name):
                return name, kept
        if found:
            raise RefusedError(CHANGED, f"`self.{next(iter(found))}` is changed after the constructor has set it")
        constructor = self.klass.constructor
        if constructor is not None and parameter in constructor.attributes:
            raise RefusedError(NAME_TAKEN, f"`self.{parameter}` holds something else than the argument `{parameter}`")
        raise RefusedError(NOT_KEPT, f"no attribute keeps the argument `{parameter}`")

    # The names. ----------------------------------------------------------------------------------

    def _keras(self, part: str) -> str:
        """Return the file's name for a module of Keras."""
        scope = self.module.inner_scope(self.module.tree)
        inner = self.module.scope(self.klass.node)
        for wanted, rest in ((f"keras.{part}", ""), ("keras", f".{part}"), ("tensorflow", f".keras.{part}")):
            for name, bindings in scope.bindings.items():
                meanings = {self.module.meaning(each) for each in bindings}
                if meanings == {wanted} and inner.lookup(name) is scope:
                    return name + rest
        package, _, last = f"{_root(self.klass.lineage[-1][0])}.{part}".rpartition(".")
        imported = AddImport(package, last)
        if imported not in self.imports:
            if inner.lookup(last) is not None:
                raise RefusedError(UNNAMED)
            self.imports.append(imported)
        return last

    def _super(self) -> str:
        """Return the way in which the class calls its base's methods."""
        constructor = self.klass.constructor
        if constructor is not None and constructor.owner is self.klass.node and constructor.super_call is not None:
            base = constructor.super_call.func
            if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Call):
                return self.module.source(base.value)
        return "super()"

    # get_config. ---------------------------------------------------------------------------------

    def _get_config(self, items: Sequence[_Item]) -> str:
        """Return the method, new."""
        lines = ["", "def get_config(self):"]
        if self.klass.base in {Base.ABSTRACT, Base.EMPTY} and self.klass.config is None:
            lines += [f"    {line}" for line in self._laid_out("return {", self._entries(items, self.mark), "}")]
        else:
            lines.append(f"    config = {self._super()}.get_config()")
            if self.klass.base is Base.MODEL and self.klass.is_named and "name" not in self.trouble.twice:
                items = [_Item("name", "self.name"), *items]  # which Keras 2 doesn't tell
            lines += [f"    config.pop({self.mark}{key}{self.mark}, None)" for key in self.trouble.twice]
            if items:
                entries = self._entries(items, self.mark)
                lines += [f"    {line}" for line in self._laid_out("config.update({", entries, "})")]
            lines.append("    return config")
        return "\n".join(lines)

    def _entries(self, items: Sequence[_Item], mark: str) -> list[str]:
        return [f"{mark}{item.key}{mark}: {item.value}" for item in items]

    def _laid_out(self, head: str, entries: Sequence[str], tail: str) -> list[str]:
        """Return a dict's entries between the texts that open and close it, on one line or on several."""
        line = f"{head}{', '.join(entries)}{tail}"
        if self.klass.node.col_offset + 8 + len(line) <= _WIDTH:
            return [line]
        if not tail.endswith(")"):
            return [head, *(f"    {entry}," for entry in entries), tail]
        return [head[:-1], "    {", *(f"        {entry}," for entry in entries), "    }", tail[1:]]

    def _completed(self, items: Sequence[_Item]) -> Iterator[Edit]:
        """Yield the edits of a method that forgets something."""
        found = self.klass.own("get_config")
        if found is None or not items:
            return
        method = ConfigMethod(self.module, found)
        display, call, stored = method.display(), method.keywords(), method.stored()
        if display is not None:
            yield from self._displayed(display, items)
        elif call is not None:
            yield from (AddArgument(call, item.key, item.value) for item in items)
        elif stored is not None:
            statement, name = stored
            lines = [f"{name}[{self.mark}{item.key}{self.mark}] = {item.value}" for item in items]
            yield InsertAfter(statement, "\n".join(lines))
        else:
            returned = method.returned[0]
            assert returned.value is not None
            entries = ["**__base__", *self._entries(items, self.mark)]
            head, tail = "\n".join(self._laid_out("return {", entries, "}")).split("__base__")
            yield Replace(returned, (head, Move(returned.value), tail))

    def _displayed(self, display: ast.Dict, items: Sequence[_Item]) -> Iterator[Edit]:
        """Yield the edits that put items into a dict display."""
        texts = [self.module.source(key)[-1] for key in display.keys if isinstance(key, ast.Constant)]
        mark = texts[0] if texts else self.mark
        entries = self._entries(items, mark)
        line = self.module.lines[display.lineno - 1].rstrip()
        longer = len(line) + len(", ".join(entries)) > _LONG
        if display.lineno == display.end_lineno and longer and not line.startswith("\t"):
            there = [
                f"{self.module.source(key)}: {self.module.source(value)}" if key else f"**{self.module.source(value)}"
                for key, value in zip(display.keys, display.values, strict=True)
            ]
            yield Replace(display, "\n".join(["{", *(f"    {entry}," for entry in [*there, *entries]), "}"]))
        else:
            yield from (AddItem(display, f"{mark}{item.key}{mark}", item.value) for item in items)

    def _serialized(self, items: Sequence[_Item]) -> Iterator[Edit]:
        """Yield the edits of entries that hold objects."""
        config = self.klass.config
        for item in items:
            assert config is not None
            yield Replace(config.values[item.key], item.value)

    # from_config. --------------------------------------------------------------------------------

    def _restoring(self, items: Sequence[_Item]) -> Iterator[Edit]:
        """Yield the edits that make the objects anew that are serialized."""
        lines = [line for item in items for line in self._restored(item)]
        if not lines:
            return
        found = self.klass.own("from_config")
        if found is None:
            code = ["", "@classmethod", "def from_config(cls, config):", "    config = config.copy()"]
            # Those of Keras that are derived from `Wrapper` and the like have something to make themselves.
            made = "super().from_config(config)" if self.klass.base is Base.OTHER else "cls(**config)"
            code += [*(f"    {line}" for line in lines), f"    return {made}"]
            yield InsertAfter(self._last_method(), "\n".join(code))
        else:
            copied = any(ast.unparse(each) == "config = config.copy()" for each in found.body)
            yield InsertBefore(found.body[-1], "\n".join(lines if copied else ["config = config.copy()", *lines]))

    def _restored(self, item: _Item) -> Iterator[str]:
        if item.restored is None:
            return
        code = self._entry(item.key)
        if item.optional:
            yield f"if {code} is not None:"
            yield f"    {code} = {item.restored}"
        else:
            yield f"{code} = {item.restored}"


def _root(module: Module) -> str:
    """Return the package that a module imports Keras' classes from."""
    for bindings in module.inner_scope(module.tree).bindings.values():
        for each in bindings:
            for root in ("tf_keras", "keras"):
                if each.imported is not None and f"{each.imported}.".startswith(f"{root}."):
                    return root
    return "tensorflow.keras"
