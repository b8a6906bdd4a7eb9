"""Segments read: load, snapshot, info, list, wait."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import stat
import time
import uuid as uuids
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from . import futex
from .control import LIVE, MAGIC
from .errors import BusyError, DamagedWarning, InvalidName, NoSuchSegment, RecoveryError, SegmentReplaced
from .journal import Outcome, replay
from .lock import Deadline, LockDescription
from .names import check_name, segment_directory
from .segment import Segment

T = TypeVar("T")


def load(name: str, mode: str = "r+", *, directory: str | os.PathLike[str] | None = None) -> Any:
    """The object of a segment, over the segment's memory.

    An ndarray, pandas Series or DataFrame, xarray DataArray, dict (struct), list, memoryview (bytes), decoded value
    (json), or what a layout of one's own makes of it. `mode` is `"r+"`, writable, or `"r"`, read-only; a segment that
    was published read-only is so with either. Labels are read-only always. The object owns the mapping: the memory
    stays while it or a view of it lives, unlinked or not.

    Stores into it are seen by everyone at once and are covered by no promise; `write` gives the promises. Texts (`S`,
    `U`) in Series and DataFrames are private copies, read-only here, and so is a JSON value.
    """
    if mode not in ("r", "r+"):
        raise ValueError(f"expected the mode 'r' or 'r+', got {mode!r}")
    while True:
        segment = Segment.open(name, directory, writable=mode == "r+")
        try:
            return bound(segment)
        except SegmentReplaced:
            pass


def bound(segment: Segment) -> Any:
    """The object over a segment's memory; copies that it contains are made under the shared lock."""
    header = segment.header
    if segment.fixed.read_only:
        segment.base.flags.writeable = False
    buffers = header.buffers(segment.base)
    if not header.layout.is_copied or LockDescription.is_held_here(segment.status):
        return header.layout.bind(buffers).obj
    with shared(segment, Deadline(None)):
        return header.layout.bind(buffers).obj


def snapshot(name: str, *, directory: str | os.PathLike[str] | None = None, timeout: float | None = None) -> Any:
    """A private copy of a segment's object that mixes no two writes.

    Taken under the shared lock; waits for a writer, at most `timeout` seconds (`BusyError`). If a writer died, a valid
    journal is applied to the copy; without one, and where the segment is damaged, the copy comes with a
    `DamagedWarning`. Nothing in the segment changes, and no right to write is needed.
    """

    def make(segment: Segment, base: np.ndarray) -> Any:
        return segment.header.layout.bind(segment.header.buffers(base)).obj

    return read_copy(name, directory, make, timeout=timeout)


def read_copy(
    name: str,
    directory: str | os.PathLike[str] | None,
    make: Callable[[Segment, np.ndarray], T],
    *,
    timeout: float | None = None,
) -> T:
    """What `make` makes of a segment and a private, untorn copy of its bytes."""
    deadline = Deadline(timeout)
    while True:
        segment = Segment.open(name, directory, writable=False)
        with contextlib.suppress(SegmentReplaced):
            with shared(segment, deadline):
                if not segment.is_current():
                    continue
                base, damaged = copy_locked(segment)
            if damaged:
                warn_damaged(name)
            return make(segment, base)


def copy_locked(segment: Segment) -> tuple[np.ndarray, bool]:
    """A private copy of all bytes, and whether it holds a half write; the shared lock is held."""
    sequence = segment.control.sequence
    base = np.array(segment.base)
    if sequence % 2 == 0:
        return base, segment.control.damaged != 0
    try:
        outcome = replay(segment, base, sequence)
    except RecoveryError:
        outcome = Outcome.NONE
    before = segment.control.damaged != 0
    return base, outcome is Outcome.NONE or (before and outcome is not Outcome.REPLAYED_WHOLE)


def warn_damaged(name: str) -> None:
    """Says that what was read holds a half write."""
    warnings.warn(f"the segment {name!r} holds a half write", DamagedWarning, stacklevel=4)


@contextlib.contextmanager
def shared(segment: Segment, deadline: Deadline) -> Iterator[None]:
    """Holds the segment's lock shared: nobody writes. `SegmentReplaced` if the name has moved on meanwhile."""
    with _lock_description(segment.path) as lock:
        if not os.path.samestat(lock.status, segment.status):
            raise SegmentReplaced(f"the name {segment.name!r} leads to another segment now")
        lock.acquire(exclusive=False, deadline=deadline)
        yield


def _lock_description(path: str) -> LockDescription:
    """For writing too where the mode allows that: in the turnstile a reader then stands like a writer.

    Who may only read can only share the turnstile, and the kernel lets sharers pass a writer who waits there.
    """
    try:
        return LockDescription(path, writable=True)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return LockDescription(path, writable=False)


@dataclasses.dataclass(frozen=True)
class SegmentInfo:
    """What a segment says of itself. Times are Unix times in nanoseconds.

    `sequence` is the last even one; `writing` says that a write is under way, or its writer died. `layout` and
    `buffers` are as in the header.
    """

    name: str
    path: str
    uuid: uuids.UUID
    kind: str
    layout: dict[str, Any]
    buffers: list[dict[str, Any]]
    attrs: dict[str, Any]
    nbytes: int
    size: int
    mode: int
    readonly: bool
    sequence: int
    writing: bool
    damaged: bool
    interrupted_writes: int
    writer_pid: int
    created_ns: int
    modified_ns: int
    expires_ns: int
    state: int

    @property
    def tag(self) -> str:
        """`<uuid>-<sequence>`, as the gateway's ETag; `wait` takes it."""
        return f"{self.uuid}-{self.sequence}"


def info(name: str, *, directory: str | os.PathLike[str] | None = None) -> SegmentInfo:
    """Describes a segment. Never waits for a writer."""
    segment = Segment.open(name, directory, writable=False)
    control, header = segment.control, segment.header
    sequence = control.sequence
    node = header.layout.node()
    return SegmentInfo(
        name=name,
        path=segment.path,
        uuid=segment.fixed.uuid,
        kind=node["kind"],
        layout=node,
        buffers=header.listing(),
        attrs=header.attrs,
        nbytes=header.nbytes,
        size=segment.fixed.total_bytes,
        mode=stat.S_IMODE(segment.status.st_mode),
        readonly=segment.fixed.read_only,
        sequence=sequence & ~1,
        writing=sequence % 2 == 1,
        damaged=control.damaged != 0,
        interrupted_writes=control.interrupted_writes,
        writer_pid=control.writer_pid,
        created_ns=segment.fixed.created_ns,
        modified_ns=control.modified_ns,
        expires_ns=control.expires_ns,
        state=control.state,
    )


def list_segments(directory: str | os.PathLike[str] | None = None) -> list[str]:
    """The names of the segments of a directory that this process may read, in order; corrupt ones included."""
    directory = segment_directory(directory)
    names = []
    with os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(InvalidName, OSError):
                if entry.is_file(follow_symlinks=False) and _has_magic(entry.path):
                    names.append(check_name(entry.name))
    return sorted(names)


def wait(
    name: str,
    after: int | str | None = None,
    timeout: float | None = None,
    *,
    directory: str | os.PathLike[str] | None = None,
) -> int | None:
    """Sleeps until a segment has changed; gives its new, even sequence, or None after `timeout` seconds.

    `after` is the sequence that the caller has seen, as `info` or an earlier `wait` gave it; another one answers at
    once, a lower one too, for then the name has been given to a new segment. It may also be a tag (`info(name).tag`):
    then a segment of another uuid answers at once. Without `after` it is the sequence of now.

    Sleeps on the futex and costs nothing meanwhile. When the name is given to a new segment during the wait, that one's
    sequence is the answer; when it is unlinked, `NoSuchSegment`. Only what follows the protocol wakes: a plain store
    into the memory is no change.
    """
    end = None if timeout is None else time.monotonic() + timeout
    segment = Segment.open(name, directory, writable=False)
    control = segment.control
    if isinstance(after, str):
        tag, _, text = after.rpartition("-")
        if tag != str(segment.fixed.uuid):
            return control.sequence & ~1
        after = int(text)
    seen = control.sequence & ~1 if after is None else after
    while True:
        sequence = control.sequence
        if sequence % 2 == 0 and sequence != seen:
            return sequence
        if control.state != LIVE:
            # The name moves under the lock; who gets it shared sees whether it did.
            deadline = Deadline(None if end is None else end - time.monotonic())
            with contextlib.suppress(SegmentReplaced, NoSuchSegment, BusyError), shared(segment, deadline):
                pass
        if not segment.is_current():
            return Segment.open(name, directory, writable=False).control.sequence & ~1
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            return None
        futex.wait(control.futex_address, sequence, left)


def _has_magic(path: str) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.pread(descriptor, len(MAGIC), 0) == MAGIC
    finally:
        os.close(descriptor)
