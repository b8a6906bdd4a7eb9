"""The write lock of a segment by its name: taken, checked, and what a dead writer left put in order."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

from . import forking
from .control import LIVE
from .journal import Outcome, replay, staged_file
from .lock import Deadline, LockDescription
from .segment import Segment


@contextlib.contextmanager
def locked(name: str, directory: str, deadline: Deadline) -> Iterator[Segment]:
    """The segment that has the name, mapped for writing, with its lock held exclusively.

    Steps 1 and 2 of writing are done: the name leads here, the state is live, the sequence is even. A name that moves
    while this waits is followed. `RecoveryError` if a dead writer's work cannot be finished, `BusyError` at the
    deadline.
    """
    while True:
        segment = Segment.open(name, directory, writable=True)
        with LockDescription(segment.path, writable=True) as lock:
            if not os.path.samestat(lock.status, segment.status):
                continue
            lock.acquire(exclusive=True, deadline=deadline)
            if not lock.leads_here(segment.path):
                continue
            thread = threading.get_ident()
            forking.enter_write(thread)
            try:
                # In this order: a change of the state moves the sequence, and with it the journal would be void.
                if segment.control.sequence % 2:
                    _recover(segment)
                if segment.control.state != LIVE:  # a change of the name that did not happen
                    segment.control.change_state(LIVE)
                yield segment
            finally:
                forking.leave_write(thread)
            return


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
