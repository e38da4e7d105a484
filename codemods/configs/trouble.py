"""What keeps Keras from saving an object of a class, or from making it again from what was saved."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from codemods.analysis.keras_objects import Form, Kind
from codemods.configs.arguments import Held, kinds
from codemods.configs.classes import Base, KerasClass
from codemods.configs.constructors import Constructor, How
from codemods.configs.methods import Config


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a class.

    Attributes:
        message: what Keras does.
        forgotten: the arguments that ``get_config`` has to give back from now on.
        raw: those that it gives back as objects that can't be stored.
        config: a ``get_config`` has to be written.
        kwargs: the constructor needs ``**kwargs``.
        twice: what the constructor hands to its base by itself, and would get a second time.
        lost: objects that are made today aren't restored as they were.
    """

    message: str
    forgotten: tuple[ast.arg, ...] = ()
    raw: tuple[ast.arg, ...] = ()
    config: bool = False
    kwargs: bool = False
    twice: tuple[str, ...] = ()
    lost: bool = True


class Judge:
    """Tells what is wrong with a class.

    Attributes:
        klass: the class.
        keras_3: its program runs with Keras 3.
        forms: the forms in which its objects are saved.
    """

    def __init__(self, klass: KerasClass, *, keras_3: bool, forms: frozenset[Form] = frozenset()) -> None:
        """Take a class."""
        self.klass = klass
        self.keras_3 = keras_3
        self.forms = forms
        self.name = klass.found.name

    def trouble(self) -> Trouble | None:
        """Return what is wrong, None if nothing."""
        klass, constructor, config = self.klass, self.klass.constructor, self.klass.config
        if constructor is None:
            if klass.base is Base.ABSTRACT and config is None:
                return Trouble(self._without("saving it raises NotImplementedError"), config=True)
            return None
        if config is None:
            return self._without_config(constructor) if constructor.owner is klass.node else None
        mine = constructor.owner is klass.node or klass.own("get_config") is not None
        return self._with_config(constructor, config) if config.clear and mine else None

    def handing_on(self) -> Trouble | None:
        """Return what is wrong with a constructor as that of a base."""
        constructor = self.klass.constructor
        if constructor is None or constructor.owner is not self.klass.node or constructor.kwargs is not None:
            return None
        return Trouble(self._without_kwargs(), kwargs=True)

    def raises_when_saved(self) -> bool:
        """Tell whether saving an object raises NotImplementedError."""
        klass, constructor = self.klass, self.klass.constructor
        if klass.config is not None or klass.base not in {Base.LAYER, Base.MODEL, Base.ABSTRACT}:
            return False
        if constructor is None or klass.base is Base.ABSTRACT:
            return klass.base is Base.ABSTRACT
        required = any(constructor.required(each.arg) for each in klass.parameters)
        return self._not_stored(constructor) is not None or (klass.base is Base.MODEL and self.keras_3 and required)

    def _without(self, what: str) -> str:
        return f"`{self.name}` has no `get_config`: {what}"

    def _without_kwargs(self) -> str:
        *keys, last = [f"`{key}`" for key in self.klass.base_keys] or ["what its base stores"]
        listed = f"{', '.join(keys)} and {last}" if keys else last
        auto = self.klass.base in {Base.LAYER, Base.MODEL} and self.klass.config is None
        who = "Keras 3 gives" if auto else "Keras gives"
        return f"the constructor of `{self.name}` can't take {listed}, which {who} back when it is loaded (TypeError)"

    # Without a get_config. -----------------------------------------------------------------------

    def _without_config(self, constructor: Constructor) -> Trouble | None:
        klass = self.klass
        own = tuple(klass.parameters)
        what = self._lost_without(constructor)
        kwargs = self._wants_kwargs(constructor, written=what is not None)
        twice = klass.twice if kwargs or constructor.hands_on_kwargs else ()
        if what is not None:
            message = self._without(what)
        elif kwargs:
            message = self._without_kwargs()
        elif twice:
            message = self._without(f"its constructor gets `{twice[0]}` twice when it is loaded (TypeError)")
        else:
            return None
        config = what is not None or bool(twice)
        return Trouble(message, own if config else (), (), config, kwargs, twice)

    def _lost_without(self, constructor: Constructor) -> str | None:
        """Return what happens to the arguments, None if they come back."""
        klass = self.klass
        lost = [each for each in klass.parameters if klass.is_lost(each)]
        if klass.base is Base.ABSTRACT:
            return "saving it raises NotImplementedError"
        if klass.base is Base.SEQUENTIAL:
            return "Keras makes a Sequential model without its arguments" if lost else None
        if klass.base is Base.LAYER or (klass.base is Base.MODEL and not self.keras_3):
            bad = self._not_stored(constructor)
            if bad is None:
                return None
            if klass.base is Base.LAYER:
                return f"Keras can't store {bad} by itself, and saving it raises NotImplementedError"
            return f"Keras can't store {bad} by itself, and gives it back without any of its arguments"
        if klass.base is Base.MODEL:
            if self.raises_when_saved():
                return "Keras 3 can't save a model with such arguments (NotImplementedError)"
            return f"Keras 3 gives it back with the default of `{lost[0].arg}`" if lost else None
        if not lost:
            return None
        raises = any(constructor.required(each.arg) for each in lost)
        how = "loading it raises TypeError" if raises else "what is loaded is silently made with its default"
        return f"`{lost[0].arg}` isn't stored, and {how}"

    def _not_stored(self, constructor: Constructor) -> str | None:
        """Return an argument that Keras doesn't store by itself; Keras 3 looks at defaults, too."""
        klass = self.klass
        for each in constructor.parameters:
            if not stored_plainly(klass.held(each) if self.keras_3 else klass.given(each).held):
                return f"`{each.arg}`"
        if not stored_plainly(klass.extra()):
            return "one of its arguments"
        return f"`*{constructor.varargs}`" if constructor.varargs is not None and klass.gives_varargs else None

    def _wants_kwargs(self, constructor: Constructor, *, written: bool) -> bool:
        """Tell whether a constructor can't take what its base of Keras gives back.

        Args:
            constructor: the constructor.
            written: the class has a ``get_config``, or gets one.
        """
        klass = self.klass
        if constructor.kwargs is not None or klass.base in {Base.ABSTRACT, Base.EMPTY}:
            return False
        if klass.base is Base.OTHER and klass.kind is Kind.LAYER:
            return True
        if not self.keras_3 and (klass.base is Base.MODEL or (klass.base is Base.LAYER and not written)):
            return False
        # Keras takes the name away by itself where it stores the arguments by itself.
        optional = {"name"} if klass.base in {Base.LAYER, Base.MODEL} and not written else set()
        return not {*klass.base_keys} - optional <= {each.arg for each in constructor.parameters}

    # With one. -----------------------------------------------------------------------------------

    def _with_config(self, constructor: Constructor, config: Config) -> Trouble | None:
        klass = self.klass
        if not self.forms and klass.is_abstract:
            return None
        missing = [each for each in klass.parameters if each.arg not in config.values]
        lost = [each for each in missing if klass.is_lost(each)]
        written = klass.own("get_config") is not None
        spare = [each for each in missing if each not in lost and written and self._is_storable(each)]
        forgotten = tuple(each for each in missing if each in lost or each in spare)
        raw = tuple(each for each in klass.parameters if written and self._is_raw(each, config))
        kwargs = config.inherits and constructor.owner is klass.node and self._wants_kwargs(constructor, written=True)
        if lost:
            raises = any(constructor.required(each.arg) for each in lost)
            how = "raises TypeError" if raises else "is silently made with its default"
            message = f"`get_config` of `{self.name}` forgets `{lost[0].arg}`: what is loaded {how}"
        elif raw:
            message = f"`get_config` of `{self.name}` gives `{raw[0].arg}` back as an object, and nothing restores it"
        elif kwargs:
            message = self._without_kwargs()
        elif spare:
            message = f"`get_config` of `{self.name}` forgets `{spare[0].arg}`, should it ever be given"
        else:
            return None
        real = bool(lost or raw or kwargs)
        twice = klass.twice if kwargs else ()
        return Trouble(message, forgotten, raw, bool(forgotten) and not written, kwargs, twice, real)

    def _is_storable(self, parameter: ast.arg) -> bool:
        """Tell whether an argument that nobody gives is kept, and is a number, a text or what Keras makes of one."""
        held = self.klass.held(parameter)
        return stored_plainly(held) and any(
            (kept.how is How.GOTTEN or "plain" in kinds(held)) and not self.klass.changes(name)
            for name, kept in self.klass.kept(parameter.arg).items()
        )

    def _is_raw(self, parameter: ast.arg, config: Config) -> bool:
        """Tell whether an argument is given back as an object that isn't restored from the file."""
        value = config.values.get(parameter.arg)
        if not isinstance(value, ast.Attribute) or self.klass.inherited("from_config") is not None:
            return False
        kept = self.klass.kept(parameter.arg).get(value.attr)
        if kept is None or value not in self.klass.module:
            return False
        if kept.how is How.GOTTEN:
            return Form.H5 in self.forms and kept.via in {"initializers", "regularizers", "constraints"}
        objects = [each for each in self.klass.held(parameter) if each.what in {"keras", "function"}]
        return kept.how is How.SAME and bool(objects) and self.forms != {Form.H5}


def stored_plainly(held: Iterable[Held]) -> bool:
    """Tell whether Keras stores a layer's argument by itself, as far as is known."""
    return kinds(held) <= {"plain", "none", "empty", "unknown"}
