"""Names given and taken: create, replace, unlink. Each is atomic; nobody sees a segment half done. And repair."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from . import futex
from .control import LIVE, MAGIC, PAGE, REPLACED, UNLINKED, FixedWords
from .errors import BusyError, CorruptSegment, NoSuchSegment, SegmentExists, UnsupportedFormat
from .exclusive import locked
from .header import Header
from .journal import empty_journal
from .layouts import BuiltInLayout, DataArrayLayout, Layout, resolve
from .layouts.base import AliasedLayout
from .lock import Deadline, LockDescription
from .names import check_name, segment_directory
from .segment import map_file


def create(
    name: str,
    layout: Layout,
    *,
    directory: str | os.PathLike[str] | None = None,
    mode: int = 0o600,
    attrs: Mapping[str, Any] | None = None,
    replace: bool = False,
    ttl: float | None = None,
    readonly: bool = False,
) -> Any:
    """Publishes a new segment and gives its object, over the segment's memory and writable.

    Contents are the layout's `init_value`, else zeros. `mode` are the file's permission bits, `attrs` a mapping that
    JSON has, `ttl` the seconds after which the gateway may unlink it. With `replace` the name is taken from the segment
    that has it; who has that one mapped keeps it. With `readonly` writers refuse, and the object is read-only.

    `SegmentExists` (a FileExistsError) for a taken name, OSError with ENOSPC where memory is full, `InvalidLayout`,
    `ValueOutOfRange`. An error leaves nothing behind.
    """
    check_name(name)
    directory = segment_directory(directory)
    resolved = resolve(layout)
    all_attrs = {**_own_attrs(resolved), **(attrs or {})}
    header, text, data_offset, total_bytes = Header.plan(resolved, all_attrs)
    path = os.path.join(directory, name)
    if not replace and os.path.lexists(path):  # before the work; the rename decides
        raise SegmentExists(f"the segment {name!r} exists")
    _require_free(directory, total_bytes)
    fixed = FixedWords(readonly, uuid.uuid4().bytes, total_bytes, len(text), data_offset, time.time_ns())
    temporary = os.path.join(directory, f".shmgate-tmp-{secrets.token_hex(16)}")
    with LockDescription(temporary, writable=True, create=True) as lock:
        try:
            base = _reserve(lock, temporary, total_bytes)
            expires_ns = 0 if ttl is None else fixed.created_ns + int(ttl * 1e9)
            page = fixed.encode(expires_ns)
            base[: len(page)] = np.frombuffer(page, np.uint8)
            base[PAGE : PAGE + len(text)] = np.frombuffer(text, np.uint8)
            buffers = header.buffers(base)
            resolved.fill_labels(buffers)
            resolved.fill(buffers, resolved.init_value)
            os.fchmod(lock.descriptor, mode)
            _publish(temporary, name, directory, replace)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
    if readonly:
        base.flags.writeable = False
    return resolved.bind(header.buffers(base)).obj


def unlink(name: str, *, directory: str | os.PathLike[str] | None = None, timeout: float | None = None) -> None:
    """Takes the name away. Who has the segment mapped keeps it; the memory is free when the last one lets go.

    Waits for a writer, at most `timeout` seconds (`BusyError`). A segment whose control page is corrupt can be unlinked
    too. `NoSuchSegment` for a name that leads to nothing, or to a file that is no segment, which stays.
    """
    check_name(name)
    directory = segment_directory(directory)
    deadline = Deadline(timeout)
    try:
        with locked(name, directory, deadline) as segment:
            segment.control.change_state(UNLINKED)
            try:
                os.unlink(segment.path)
            except BaseException:
                segment.control.change_state(LIVE)
                raise
    except (CorruptSegment, UnsupportedFormat):
        path = os.path.join(directory, name)
        with _locked_unreadable(path, name, deadline):
            os.unlink(path)


def repair(name: str, *, directory: str | os.PathLike[str] | None = None, timeout: float | None = None) -> None:
    """Declares a damaged segment to be good as it is: clears `damaged`, which a writer's death or failure had set.

    For who has looked at the contents, or has put them right. Not one byte of them changes. Waits for a writer, at most
    `timeout` seconds (`BusyError`).
    """
    with locked(check_name(name), segment_directory(directory), Deadline(timeout)) as segment:
        if segment.control.damaged:
            segment.control.repair(empty_journal(segment.fixed.identity, segment.control.sequence + 1))


def _own_attrs(layout: BuiltInLayout) -> dict[str, Any]:
    inner = layout.inner if isinstance(layout, AliasedLayout) else layout
    return inner.attrs if isinstance(inner, DataArrayLayout) else {}


def _require_free(directory: str, total_bytes: int) -> None:
    """Refuses at once what the file system cannot hold."""
    room = os.statvfs(directory)
    free = room.f_bavail * room.f_frsize
    if total_bytes > free:
        raise OSError(errno.ENOSPC, f"shared memory is full: expected room for {total_bytes} bytes, {free} are free")


def _reserve(lock: LockDescription, temporary: str, total_bytes: int) -> np.ndarray:
    """Holds the new file, reserves its pages and maps it."""
    if not lock.try_exclusive() or not lock.leads_here(temporary):
        raise BusyError("another process swept the new file away")
    os.posix_fallocate(lock.descriptor, 0, total_bytes)
    descriptor = os.open(temporary, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return map_file(descriptor, total_bytes, True)
    finally:
        os.close(descriptor)


def _publish(temporary: str, name: str, directory: str, replace: bool) -> None:
    """Gives the new file its name."""
    path = os.path.join(directory, name)
    while True:
        try:
            futex.rename_new(temporary, path)
            return
        except FileExistsError:
            if not replace:
                raise SegmentExists(f"the segment {name!r} exists") from None
        try:
            with locked(name, directory, Deadline(None)) as old:
                old.control.change_state(REPLACED)
                try:
                    os.rename(temporary, path)
                except BaseException:
                    old.control.change_state(LIVE)
                    raise
                return
        except NoSuchSegment:
            if os.path.lexists(path):
                raise SegmentExists(f"the name {name!r} belongs to a file that is no segment") from None
        except (CorruptSegment, UnsupportedFormat):
            with _locked_unreadable(path, name, Deadline(None)):
                os.rename(temporary, path)
                return


@contextlib.contextmanager
def _locked_unreadable(path: str, name: str, deadline: Deadline) -> Iterator[None]:
    """The lock of a file that is corrupt. Nothing in its page can be trusted, not even where its words are; the lock's
    bytes can."""
    with LockDescription(path, writable=True) as lock:
        lock.acquire(exclusive=True, deadline=deadline)
        if not lock.leads_here(path) or os.pread(lock.descriptor, len(MAGIC), 0) != MAGIC:
            raise BusyError(f"the segment {name!r} was replaced meanwhile")
        yield
