"""Writes that everyone can tell from none: the lock, the sequence, and the proof that nothing went astray."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

import numpy as np

from .buffers import path_component
from .errors import ReadOnlySegment
from .exclusive import Held
from .layouts import View
from .layouts.base import Store
from .lock import Deadline
from .names import segment_directory
from .segment import Segment


def write(
    name: str,
    *,
    directory: str | os.PathLike[str] | None = None,
    whole: bool = False,
    undo: bool = False,
    timeout: float | None = None,
) -> Write:
    """A context that holds the write lock of a segment and gives its object to write to.

        with shm.write("prices") as df:
            df.loc["a", "price"] = 2.5
            df["volume"] += 1

    While it lasts no other writer and no snapshot comes in; readers that follow the protocol see all of it or nothing.
    It waits for the lock at most `timeout` seconds (`BusyError`), follows a name that moves, and first recovers what a
    dead writer left (`RecoveryError` where it cannot).

    At the end every array and column is looked up: what pandas' copy-on-write has detached, or what was put in the
    place of a member, is copied back into the segment if its shape and labels are those of the layout and its values
    fit the dtype. Else it is `DetachedError`.

    `whole` says that the write covers the whole object; it clears `damaged`. What happens when the block, or its end,
    raises: by default what was stored so far stays, and `damaged` becomes 1, for nobody can tell whether the half that
    was written makes sense; it is no interrupted write, since its writer lives. With `undo` the bytes are copied before
    the block (the time and the memory of one copy) and put back, and nothing is damaged.

    A block must not fork: the child has no part in the write, its block ends with RuntimeError. A second `write` or a
    `snapshot` of the same segment inside the block is RuntimeError too. A process that is killed in the block leaves a
    half write, which the next writer finds and reports.
    """
    return Write(name, segment_directory(directory), whole, undo, timeout)


def store(
    name: str, value: Any, *, directory: str | os.PathLike[str] | None = None, timeout: float | None = None
) -> None:
    """Writes the whole of a segment at once, as its layout's `init_value` would; clears `damaged`.

    `ValueOutOfRange` if the value does not fit; then the old contents are put back.
    """
    transaction = Write(name, segment_directory(directory), True, True, timeout)
    with transaction:
        transaction.fill(value)


class Write:
    """A write under way; made by `write`, entered once."""

    def __init__(self, name: str, directory: str, whole: bool, undo: bool, timeout: float | None):
        self._name = name
        self._directory = directory
        self._whole = whole
        self._undo = undo
        self._timeout = timeout

    def __enter__(self) -> Any:
        held = Held(self._name, self._directory, Deadline(self._timeout))
        try:
            segment = held.segment
            if segment.fixed.read_only:
                raise ReadOnlySegment(f"the segment {self._name!r} was published read-only")
            header = segment.header
            view = header.layout.bind(header.buffers(segment.base, copies_return=True))
            saved = np.array(segment.data()) if self._undo else None
            segment.control.begin_write()
        except BaseException:
            held.free()
            raise
        self._held, self._segment, self._view, self._saved, self._pid = held, segment, view, saved, os.getpid()
        return view.obj

    def fill(self, value: Any, member: tuple[str, ...] = ()) -> None:
        """Inside the block: stores a value over the whole, or over a member.

        `member` is its path: `members` and a name, `items` and a place, again and again.

        The object that the block got is of no use afterwards.
        """
        header = self._segment.header
        layout, buffers = header.layout, header.buffers(self._segment.base)
        for word, key in zip(member[::2], member[1::2]):
            buffers = buffers.below(f"{word}/{path_component(key)}/")
            layout = layout.members[key] if word == "members" else layout.item
        layout.fill(buffers, value)
        self._view = header.layout.bind(header.buffers(self._segment.base, copies_return=True))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if os.getpid() != self._pid:
            if error is None:
                raise RuntimeError("a write ends in the process that began it; this one was forked inside its block")
            return
        try:
            if error is None:
                finish(self._segment, self._view)
                if self._whole:
                    self._segment.control.damaged = 0
        except BaseException as failure:
            error = failure
            raise
        finally:
            try:
                if error is not None:
                    self._fail()
                self._segment.control.end_write()
            except BaseException as failure:
                error = failure
                raise
            finally:
                self._held.free(keeps=error is None)

    def _fail(self) -> None:
        if self._saved is None:
            self._segment.control.damaged = 1
        else:
            self._segment.data()[:] = self._saved


def finish(segment: Segment, view: View) -> None:
    """Puts back what of an object has left the segment. `DetachedError` comes before the first byte is stored."""
    stores = view.collect(view.obj, f"the object of {segment.name!r}")
    if not stores:
        return
    apart = [Store(s.target, _apart(s.values, segment.base)) for s in stores]
    for item in apart:
        item.target[...] = item.values


def _apart(values: np.ndarray, base: np.ndarray) -> np.ndarray:
    """The values where no store into the segment reaches them: columns may have changed places."""
    return np.array(values) if np.may_share_memory(values, base) else values
