"""Work that Ctrl-C ends between two pieces, never within one."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def one_by_one(items: Iterable[S], function: Callable[[S], T]) -> Iterator[T]:
    """Yield what a function makes of each item; an interrupt is raised before the next one.

    Raises:
        KeyboardInterrupt: the user has asked to stop.
    """
    with _interrupts_held_back() as interrupts:
        for item in items:
            if interrupts:
                raise KeyboardInterrupt
            yield function(item)


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[list[int]]:
    """Collect Ctrl-C in a list instead of raising; only the main thread gets any."""
    arrived: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield arrived
        return
    previous = signal.signal(signal.SIGINT, lambda number, frame: arrived.append(number))
    try:
        yield arrived
    finally:
        signal.signal(signal.SIGINT, previous)
