"""What one run of a program did, as plain values that can be compared and stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """One record of an event file.

    Attributes:
        folder: the log folder, relative to where the program ran; what names a moment in it is masked.
        tag: the tag, or an empty string for records that have none (a graph).
        step: the step.
        kind: `scalar`, `histogram`, `image`, `text`, `audio`, `tensor`, `graph`, `run_metadata`, ...
        value: the value for a reader; exact for a scalar.
        digest: a digest of the exact value, which is what is compared.
    """

    folder: str
    tag: str
    step: int
    kind: str
    value: str
    digest: str


@dataclass(frozen=True)
class Variable:
    """A variable and its last value.

    Attributes:
        name: the name that TensorFlow, or the file, gives it.
        dtype: its type.
        shape: its shape.
        digest: a digest of its value, or None where it could not be read.
        first: its first few values, for a reader.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    digest: str | None
    first: tuple[str, ...] = ()


@dataclass(frozen=True)
class Saved:
    """Something the program saved: a Keras file, weights, a SavedModel or a checkpoint.

    Attributes:
        path: its path, relative to where the program ran.
        kind: `keras`, `h5`, `saved_model` or `checkpoint`.
        variables: what is in it, by name.
        signatures: the names of a SavedModel's signatures.
    """

    path: str
    kind: str
    variables: tuple[Variable, ...] = ()
    signatures: tuple[str, ...] = ()


@dataclass(frozen=True)
class SummaryCalls:
    """How `tf.summary` was called.

    Attributes:
        traced: summary ops that were put into a graph.
        host: summaries that were written eagerly.
        dropped: calls that wrote nothing, since no writer was the default; v1 summaries in a graph, of which
            none was given to a writer.
    """

    traced: int = 0
    host: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class Observation:
    """What one run did.

    Attributes:
        exit: the exit status; minus the signal's number if one ended it; None if the time limit did.
        exception: type and first line of the exception that ended the run, or None.
        abrupt: it ended without an orderly end of the interpreter (`os._exit`, a signal).
        stdout: standard output; the scratch folder, addresses and the progress bars' times are masked.
        stderr: the end of standard error; never compared.
        events: the events found on disk after the end, by folder, in the order they were written.
        event_files: how many event files hold them.
        lost: v1 events that were given to a writer and are not on disk.
        variables: all variables in the order they were made, or None if the run ended unobserved.
        saved: what was saved, by path.
        summaries: how summaries were called.
        seconds: how long it ran.
        step_seconds: the typical time from one call of the busiest traced function to the next, if it was
            called often enough to tell; never compared.
        escaped: modules that were imported from the user's own tree and not from the copy.
        loaded: the project's files that were imported or run, relative to its root; None if the run ended
            unobserved.
        started: it started other processes, whose files are not among those.
    """

    exit: int | None
    exception: str | None = None
    abrupt: bool = False
    stdout: str = ""
    stderr: str = ""
    events: tuple[Event, ...] = ()
    event_files: int = 0
    lost: int = 0
    variables: tuple[Variable, ...] | None = ()
    saved: tuple[Saved, ...] = ()
    summaries: SummaryCalls = field(default_factory=SummaryCalls)
    seconds: float = 0.0
    step_seconds: float | None = None
    escaped: tuple[str, ...] = ()
    loaded: tuple[str, ...] | None = None
    started: bool = False

    @property
    def ok(self) -> bool:
        """Whether the program ended by itself, without an exception and with status 0."""
        return self.exit == 0 and self.exception is None

    def steps(self, tag: str, folder: str | None = None) -> list[int]:
        """The steps recorded under a tag, in order; of all folders unless one is named."""
        return [e.step for e in self.events if e.tag == tag and folder in (None, e.folder)]

    def values(self, tag: str, folder: str | None = None) -> list[str]:
        """The values recorded under a tag, in order; of all folders unless one is named."""
        return [e.value for e in self.events if e.tag == tag and folder in (None, e.folder)]

    def to_dict(self) -> dict[str, Any]:
        """Returns the observation as values that `json` can write."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Observation:
        """Returns the observation that `to_dict` was called on, also after a way through JSON."""
        variables, loaded = data["variables"], data["loaded"]
        return cls(
            **{
                **data,
                "events": tuple(Event(**event) for event in data["events"]),
                "variables": None if variables is None else tuple(map(variable_from_dict, variables)),
                "saved": tuple(map(saved_from_dict, data["saved"])),
                "summaries": SummaryCalls(**data["summaries"]),
                "escaped": tuple(data["escaped"]),
                "loaded": None if loaded is None else tuple(loaded),
            }
        )


def variable_from_dict(data: Mapping[str, Any]) -> Variable:
    """Returns the variable that a mapping from JSON describes."""
    return Variable(**{**data, "shape": tuple(data["shape"]), "first": tuple(data["first"])})


def saved_from_dict(data: Mapping[str, Any]) -> Saved:
    """Returns the saved object that a mapping from JSON describes."""
    return Saved(
        path=data["path"],
        kind=data["kind"],
        variables=tuple(map(variable_from_dict, data["variables"])),
        signatures=tuple(data["signatures"]),
    )
