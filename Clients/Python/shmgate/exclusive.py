"""The write lock of a segment by its name: taken, checked, and what a dead writer left put in order."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

from . import forking, keeping
from .control import LIVE
from .journal import Outcome, replay, staged_file
from .lock import Deadline, LockDescription
from .names import check_name
from .segment import Segment


class Held:
    """The segment that has a name, mapped for writing, with its lock held exclusively; made by taking it.

    Steps 1 and 2 of writing are done: the name leads here, the state is live, the sequence is even. A name that moves
    while this waits is followed. `RecoveryError` if a dead writer's work cannot be finished, `BusyError` at the
    deadline.
    """

    __slots__ = ("_lock", "_path", "segment")

    def __init__(self, name: str, directory: str, deadline: Deadline):
        self._lock: LockDescription | None = None
        self._path = f"{directory}/{check_name(name)}"
        kept = keeping.take(self._path)
        while True:
            self.segment, self._lock = kept or _opened(name, directory)
            kept = None
            try:
                self._lock.acquire(exclusive=True, deadline=deadline)
                if self._lock.leads_here_unchanged(self.segment.path):
                    forking.enter_write(id(self), threading.get_ident())
                    # In this order: a change of the state moves the sequence, and with it the journal would be void.
                    if self.segment.control.sequence % 2:
                        _recover(self.segment)
                    if self.segment.control.state != LIVE:  # a change of the name that did not happen
                        self.segment.control.change_state(LIVE)
                    return
            except BaseException:
                self.free()
                raise
            self._lock.close()

    def free(self, *, keeps: bool = False) -> None:
        """Frees the lock; `keeps` what was opened for the next write, after one that ended well."""
        lock = self._lock
        try:
            forking.leave_write(id(self))
        finally:
            if keeps:
                lock.release()
                self.segment.forget_mutable()
                self._lock = None
                keeping.put(self._path, keeping.Kept(self.segment, lock))
            else:
                lock.close()
                self._lock = None

    def __del__(self) -> None:
        # What an exception between two statements has left, as that of a signal.
        if getattr(self, "_lock", None) is not None:
            self.free()
        elif forking.is_writing(id(self)):
            forking.leave_write(id(self))


@contextlib.contextmanager
def locked(name: str, directory: str, deadline: Deadline) -> Iterator[Segment]:
    """`Held` for a change of what a segment is, or of its name: nothing is kept of it."""
    held = Held(name, directory, deadline)
    try:
        yield held.segment
    finally:
        held.free()


def _opened(name: str, directory: str) -> keeping.Kept:
    """A segment and a description of the same file."""
    keeping.drop_nameless()
    while True:
        segment = Segment.open(name, directory, writable=True)
        lock = LockDescription(segment.path, writable=True)
        if os.path.samestat(lock.status, segment.status):
            return keeping.Kept(segment, lock)
        lock.close()


def _recover(segment: Segment) -> None:
    """Step 2 of writing: somebody died at the odd sequence."""
    control = segment.control
    sequence = control.sequence
    outcome = replay(segment, segment.base, sequence)
    if outcome is Outcome.NONE:
        control.damaged = 1
        control.interrupted_writes = control.interrupted_writes + 1
    elif outcome is Outcome.REPLAYED_WHOLE:
        control.damaged = 0
    staged = staged_file(segment.base, segment.directory) if outcome is not Outcome.NONE else None
    control.wake()
    control.modified_ns = time.time_ns()
    control.sequence = sequence + 1
    control.wake()
    if staged is not None:
        control.journal_kind = 0
        with contextlib.suppress(OSError):
            os.unlink(staged)
