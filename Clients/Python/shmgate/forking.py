"""What a fork must not break.

A child inherits the descriptions that carry locks, and a lock lives as long as any copy of its description. So a fork
waits until this process writes nothing, and the child closes the copies; it does not unlock them, for that would free
the parent's lock.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol


class Inherited(Protocol):
    """What a child has to let go of."""

    def close_in_child(self) -> None:
        """Closes the copy of the description."""


_gate = threading.Condition()
_writers: dict[int, int] = {}  # write → thread that it is in
_forks_waiting = 0
_inherited: set[Inherited] = set()


def gate() -> threading.Condition:
    """Whoever holds this keeps forks away for a moment."""
    return _gate


def remember(description: Inherited) -> None:
    """A child has to close it. Call with the gate held since before it was opened."""
    _inherited.add(description)


def forget(description: Inherited) -> None:
    """It is closed."""
    _inherited.discard(description)


def enter_write(write: int, thread: int) -> None:
    """A write, known by a number, begins in a thread: forks of others wait. Waits itself while a fork is under way."""
    with _gate:
        _writers[write] = thread


def is_writing(write: int) -> bool:
    """Whether a write began and has not ended."""
    return write in _writers


def leave_write(write: int) -> None:
    """The write ended, or never began."""
    with _gate:
        _writers.pop(write, None)
        if _forks_waiting:
            _gate.notify_all()


def _before() -> None:
    # The thread that forks inside its own write cannot wait for it; its child finds the write to be none of its own.
    global _forks_waiting
    _gate.acquire()
    own = threading.get_ident()
    _forks_waiting += 1
    _gate.wait_for(lambda: not any(thread != own for thread in _writers.values()))
    _forks_waiting -= 1


def _after_in_parent() -> None:
    _gate.release()


def _after_in_child() -> None:
    global _gate, _forks_waiting
    _forks_waiting = 0
    _gate = threading.Condition()
    _writers.clear()
    for description in list(_inherited):
        description.close_in_child()
    _inherited.clear()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
