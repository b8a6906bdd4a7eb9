"""The redo journal of a write that died, as its successor reads it. Of its own this package writes only empty ones.

The head stands at byte 2048 of the control page, its payload in the page or in a staged file beside the segment.

| offset in a staged file | type | field |
|---|---|---|
| 0 | 8 bytes | `SHMGJRN` NUL |
| 8 | u32 | version 1 |
| 12 | u32 | commit, counted as 0 by the checksum |
| 16 | u64 | entries |
| 24 | 40 bytes each | uuid, u64 sequence, u64 records_offset, u64 records_bytes |
"""

from __future__ import annotations

import dataclasses
import enum
import math
import os
import stat
import struct
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .control import JOURNAL, PAGE
from .errors import RecoveryError

if TYPE_CHECKING:
    from .segment import Segment

_HEAD = struct.Struct("<IIQ16sQ16s")
_CRC = struct.Struct("<I")
_PAYLOAD = JOURNAL + 64
_STAGED = struct.Struct("<8sIIQ")
_ENTRY = struct.Struct("<16sQQQ")
_STAGED_MAGIC = b"SHMGJRN\0"
_MOST_AXES = 64


class Outcome(enum.Enum):
    """What a journal had to say."""

    NONE = "no journal that can be trusted: the segment holds a half write"
    UNTOUCHED = "the journal was never complete, so not a byte was written"
    REPLAYED = "the write was done again"
    REPLAYED_WHOLE = "the write was done again, and it covers the whole object"


@dataclasses.dataclass(frozen=True)
class _Record:
    """Where bytes belong in the segment, and how to get them."""

    target: np.ndarray
    data: Callable[[], bytes]

    def redo(self) -> None:
        if self.target.size and self.target.itemsize:
            self.target[...] = np.frombuffer(self.data(), self.target.dtype).reshape(self.target.shape)


def replay(segment: Segment, mapping: np.ndarray, sequence: int) -> Outcome:
    """Redoes the write that died at the odd `sequence`, if its journal holds.

    `mapping` are the bytes of the segment, uint8 and writable: its own mapping under the exclusive lock, or a private
    copy. All records are checked before the first is applied. A staged file that exists and cannot be read is
    `RecoveryError`: somebody else can replay it.
    """
    identity = segment.fixed.identity
    page = mapping[JOURNAL:PAGE].tobytes()
    kind, flags, at, owner, count, name = _HEAD.unpack_from(page)
    if at != sequence or owner != identity:
        return Outcome.NONE
    crc = _CRC.unpack_from(page, _HEAD.size)[0]
    crc_of_head = zlib.crc32(page[: _HEAD.size])
    limits = (mapping, segment.fixed.data_offset, segment.fixed.total_bytes)
    if kind == 1:
        payload = page[64 : 64 + count]
        if count > PAGE - _PAYLOAD or zlib.crc32(payload, crc_of_head) != crc:
            return Outcome.NONE
        records = _records(payload, None, limits)
        committed = True
    elif kind in (2, 3):
        staged = _Staged.open(staged_path(segment.directory, name))
        if staged is None:
            return Outcome.NONE
        with staged:
            if not staged.is_trusted_for(segment.status):
                return Outcome.NONE
            payload = staged.payload(count)
            if payload is None or (kind == 2 and len(staged.entries) != 1) or zlib.crc32(payload, crc_of_head) != crc:
                return Outcome.NONE
            entry = next((e for e in staged.entries if e[:2] == (identity, sequence)), None)
            records = None if entry is None else _records(staged.read(*entry[2:]) or b"", staged, limits)
            committed = staged.committed
            return _apply(records, committed, flags)
    else:
        return Outcome.NONE
    return _apply(records, committed, flags)


def empty_journal(identity: bytes, sequence: int) -> bytes:
    """The head of a journal in the page for a write, at the odd `sequence`, that has nothing to redo."""
    head = _HEAD.pack(1, 0, sequence, identity, 0, bytes(16))
    return head + _CRC.pack(zlib.crc32(head))


def staged_file(mapping: np.ndarray, directory: str) -> str | None:
    """The path of the staged file that a journal of kind 2 names: it may go once its write is done."""
    page = mapping[JOURNAL:PAGE].tobytes()
    kind, *_, name = _HEAD.unpack_from(page)
    return staged_path(directory, name) if kind == 2 else None


def staged_path(directory: str, name: bytes) -> str:
    """The path of a staged file by its 16 random bytes."""
    return os.path.join(directory, f".shmgate-journal-{name.hex()}")


def _apply(records: list[_Record] | None, committed: bool, flags: int) -> Outcome:
    if records is None:
        return Outcome.NONE
    if not committed:
        return Outcome.UNTOUCHED
    for record in records:
        record.redo()
    return Outcome.REPLAYED_WHOLE if flags & 1 else Outcome.REPLAYED


def _records(payload: bytes, staged: _Staged | None, limits: tuple[np.ndarray, int, int]) -> list[_Record] | None:
    """The records of a payload; None if one of them leaves the buffers, the payload or the staged file.

    All together have no more bytes than the staged file holds, for records that share their bytes, or use the holes of
    a sparse file, are work without end.
    """
    records = []
    at = 0
    left = math.inf if staged is None else staged.held_bytes
    try:
        while at < len(payload):
            offset, rank, itemsize = struct.unpack_from("<QII", payload, at)
            if rank > _MOST_AXES:
                return None
            shape = struct.unpack_from(f"<{rank}Q", payload, at + 16)
            strides = struct.unpack_from(f"<{rank}q", payload, at + 16 + 8 * rank)
            at += 16 + 16 * rank
            count = math.prod(shape) * itemsize
            target = _target(offset, itemsize, shape, strides, limits)
            left -= count
            if target is None or left < 0:
                return None
            if staged is None:
                data = payload[at : at + count]
                if len(data) != count:
                    return None
                records.append(_Record(target, lambda data=data: data))
                at += count
            else:
                (start,) = struct.unpack_from("<Q", payload, at)
                if start + count > staged.file_bytes:
                    return None
                records.append(_Record(target, lambda start=start, count=count: staged.data(start, count)))
                at += 8
    except struct.error:
        return None
    return records


def _target(
    offset: int, itemsize: int, shape: tuple[int, ...], strides: tuple[int, ...], limits: tuple[np.ndarray, int, int]
) -> np.ndarray | None:
    """A view of the bytes that a record writes, elements as `V<itemsize>`; None if they leave the buffers."""
    mapping, data_offset, total_bytes = limits
    if 0 in shape or itemsize == 0:
        return None
    reach = [(extent - 1) * stride for extent, stride in zip(shape, strides)]
    first = offset + sum(r for r in reach if r < 0)
    last = offset + sum(r for r in reach if r > 0) + itemsize
    if first < data_offset or last > total_bytes:
        return None
    axes = [(extent, stride) for extent, stride in zip(shape, strides) if extent != 1]
    if len(axes) > 32:
        return None
    return np.ndarray(
        tuple(extent for extent, _ in axes),
        f"V{itemsize}",
        mapping[first:last],
        offset - first,
        tuple(stride for _, stride in axes),
    )


class _Staged:
    """A staged file, open for reading. It owns its descriptor."""

    def __init__(self, descriptor: int, status: os.stat_result):
        self._descriptor = descriptor
        self._uid = status.st_uid
        self.file_bytes = status.st_size if stat.S_ISREG(status.st_mode) else 0
        # A sparse file has a size that it does not hold.
        self.held_bytes = min(self.file_bytes, status.st_blocks * 512)
        self.committed = False
        self.entries: list[tuple[bytes, int, int, int]] = []

    @classmethod
    def open(cls, path: str) -> _Staged | None:
        """None if there is no such file."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RecoveryError(f"a writer died and its staged file cannot be read: {error.strerror}") from error
        return cls(descriptor, os.fstat(descriptor))

    def __enter__(self) -> _Staged:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def is_trusted_for(self, segment: os.stat_result) -> bool:
        """Whether it can be from somebody who may write to the segment.

        Its owner, root, this user, or anybody where its mode lets others write: a gateway of the segment's group
        journals in files of its own.
        """
        return self._uid in (segment.st_uid, os.geteuid(), 0) or bool(segment.st_mode & 0o022)

    def read(self, start: int, count: int) -> bytes | None:
        """The bytes of a range; None if the file does not have them all."""
        if start + count > self.file_bytes:
            return None
        parts = []
        while count > 0:
            part = os.pread(self._descriptor, min(count, 1 << 30), start)
            if not part:
                return None
            parts.append(part)
            start += len(part)
            count -= len(part)
        return b"".join(parts)

    def data(self, start: int, count: int) -> bytes:
        """As `read`, for a range that was checked."""
        data = self.read(start, count)
        if data is None:
            raise RecoveryError("a staged file was truncated while it was replayed")
        return data

    def payload(self, expected: int) -> bytes | None:
        """Head with commit word 0, entries and records: what the checksum covers, `expected` bytes.

        Sets `entries` and `committed`. No more is read than was expected, nor than the file really holds.
        """
        if expected > self.held_bytes:
            return None
        head = self.read(0, _STAGED.size)
        if head is None:
            return None
        magic, version, commit, count = _STAGED.unpack(head)
        if magic != _STAGED_MAGIC or version != 1 or commit > 1 or count > expected // _ENTRY.size:
            return None
        entries = self.read(_STAGED.size, count * _ENTRY.size)
        if entries is None:
            return None
        self.committed = commit == 1
        self.entries = list(_ENTRY.iter_unpack(entries))
        if _STAGED.size + len(entries) + sum(length for *_, length in self.entries) != expected:
            return None
        records = [self.read(start, length) for *_, start, length in self.entries]
        if None in records:
            return None
        return b"".join([_STAGED.pack(magic, version, 0, count), entries, *records])
