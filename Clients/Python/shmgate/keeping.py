"""What a write has opened, kept for the next one of the same segment.

To open a segment, read its header and map it takes far longer than to write a value. Between two writes no lock is
held, and nobody waits for what is kept here: whoever takes it has it alone, and a second thread opens its own.

A kept mapping keeps the memory of a segment that others unlink, so few and small ones are kept, and each time a segment
is opened what has no name any more goes.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from .lock import LockDescription
from .segment import Segment

_MOST = 8
_MOST_BYTES = 16 << 20

_kept: dict[str, Kept] = {}  # by path, what was used last at the end; each access is one step for other threads


class Kept(NamedTuple):
    """A segment that is mapped for writing, and the description for its locks."""

    segment: Segment
    lock: LockDescription


def take(path: str) -> Kept | None:
    """What was kept for a path, which belongs to the caller now; whether the name still leads there is his to check."""
    kept = _kept.pop(path, None)
    if kept is None:
        return None
    if not kept.lock.is_open():
        kept.lock.disown()
        return None
    if kept.lock.owner != (os.getpid(), os.geteuid()):
        # A fork that Python was not told of, whose lock would be the parent's too; or another right to open it.
        kept.lock.close()
        return None
    return kept


def put(path: str, kept: Kept) -> None:
    """Keeps it, or closes it; no lock is held by then."""
    if kept.segment.fixed.total_bytes > _MOST_BYTES or _kept.setdefault(path, kept) is not kept:
        kept.lock.close()
    elif len(_kept) > _MOST:
        oldest = take(next(iter(list(_kept)), path))
        if oldest is not None:
            oldest.lock.close()


def drop_nameless() -> None:
    """Lets go of segments that nobody can find any more."""
    for path in list(_kept):
        kept = take(path)
        if kept is None:
            continue
        if os.fstat(kept.lock.descriptor).st_nlink:
            put(path, kept)
        else:
            kept.lock.close()


# A child lets its parent's mappings go; the descriptions are closed by then.
os.register_at_fork(after_in_child=_kept.clear)
