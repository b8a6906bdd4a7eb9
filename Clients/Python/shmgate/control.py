"""The control page: the first 4096 bytes of a segment.

| offset | type | field |
|---|---|---|
| 0 | 8 bytes | magic |
| 8 | u32 | format_version |
| 12 | u32 | flags |
| 16 | 16 bytes | uuid |
| 32 | u64 | total_bytes |
| 40 | u64 | header_offset |
| 48 | u64 | header_bytes |
| 56 | u64 | data_offset |
| 64 | u64 | sequence |
| 72 | u64 | interrupted_writes |
| 80 | u64 | writer_pid |
| 88 | i64 | created_ns |
| 96 | i64 | modified_ns |
| 104 | i64 | expires_ns |
| 112 | u64 | state |
| 120 | u64 | damaged |
| 2048 | u32 | journal.kind |
"""

from __future__ import annotations

import os
import struct
import time
import uuid as uuids
from typing import NamedTuple

import numpy as np

from . import futex
from .errors import CorruptSegment, NoSuchSegment, UnsupportedFormat

MAGIC = b"SHMGATE\0"
VERSION = 1
READ_ONLY = 1
PAGE = 4096
FIXED_BYTES = 128
MAXIMUM_HEADER_BYTES = 16 << 20
FIRST_SEQUENCE = 2
JOURNAL = 2048

_SEQUENCE, _WRITER_PID = 8, 10  # words of eight bytes

LIVE, REPLACED, UNLINKED = 0, 1, 2

_FIXED = struct.Struct("<8sII16s4Q")
_CREATED = struct.Struct("<q")


def round_up(value: int, step: int) -> int:
    """The least multiple of `step` that is not below `value`."""
    return -(-value // step) * step


class FixedWords(NamedTuple):
    """What the control page says once and for all. `identity` are the bytes of `uuid`."""

    read_only: bool
    identity: bytes
    total_bytes: int
    header_bytes: int
    data_offset: int
    created_ns: int

    @classmethod
    def parse(cls, page: bytes, file_bytes: int, name: str) -> FixedWords:
        """Reads and checks the first 128 bytes of a file of `file_bytes` bytes.

        Without the magic it is `NoSuchSegment`; of another version or with unknown flags `UnsupportedFormat`; one that
        contradicts itself or its file `CorruptSegment`.
        """
        if page[:8] != MAGIC:
            raise NoSuchSegment(f"the file {name!r} is no segment")
        if len(page) < FIXED_BYTES:
            raise CorruptSegment(f"the segment {name!r} is corrupt: expected a page of {PAGE} bytes, got {file_bytes}")
        _, version, flags, identity, total_bytes, header_offset, header_bytes, data_offset = _FIXED.unpack_from(page)
        if version != VERSION:
            raise UnsupportedFormat(f"expected format version {VERSION}, the segment {name!r} has {version}")
        if flags & ~READ_ONLY:
            raise UnsupportedFormat(f"the segment {name!r} has unknown flags: {flags}")
        problem = None
        if header_offset != PAGE:
            problem = f"expected header_offset {PAGE}, got {header_offset}"
        elif total_bytes > file_bytes:
            problem = f"total_bytes is {total_bytes}, the file has {file_bytes}"
        elif total_bytes % PAGE:
            problem = f"expected total_bytes as a multiple of {PAGE}, got {total_bytes}"
        elif header_bytes > MAXIMUM_HEADER_BYTES:
            problem = f"expected a header of at most {MAXIMUM_HEADER_BYTES} bytes, got {header_bytes}"
        elif data_offset % PAGE:
            problem = f"expected data_offset as a multiple of {PAGE}, got {data_offset}"
        elif not PAGE + round_up(header_bytes, PAGE) <= data_offset <= total_bytes:
            problem = f"expected data_offset behind {header_bytes} bytes of header, within {total_bytes}, got {data_offset}"
        if problem is not None:
            raise CorruptSegment(f"the segment {name!r} is corrupt: {problem}")
        (created_ns,) = _CREATED.unpack_from(page, 88)
        return cls(bool(flags & READ_ONLY), identity, total_bytes, header_bytes, data_offset, created_ns)

    @property
    def uuid(self) -> uuids.UUID:
        """Which incarnation of the name it is."""
        return uuids.UUID(bytes=self.identity)

    def encode(self, expires_ns: int) -> bytes:
        """The first 128 bytes of a segment that is about to get its name."""
        return struct.pack(
            "<8sII16s4Q3Q3q2Q",
            MAGIC,
            VERSION,
            READ_ONLY if self.read_only else 0,
            self.identity,
            self.total_bytes,
            PAGE,
            self.header_bytes,
            self.data_offset,
            FIRST_SEQUENCE,
            0,
            os.getpid(),
            self.created_ns,
            self.created_ns,
            expires_ns,
            LIVE,
            0,
        )


def _word(index: int, signed: bool = False) -> property:
    """A word of eight bytes that is loaded and stored at once, never byte by byte."""

    def load(page: ControlPage) -> int:
        return (page._signed if signed else page._words)[index]

    def store(page: ControlPage, value: int) -> None:
        (page._signed if signed else page._words)[index] = value

    return property(load, store)


class ControlPage:
    """The words that change, in a mapping.

    It borrows the mapping: `mapping` are the bytes of the segment, uint8, on a page boundary. Stores need the write
    lock, and fail with TypeError in a mapping that is read-only.
    """

    sequence = _word(_SEQUENCE)
    interrupted_writes = _word(9)
    writer_pid = _word(_WRITER_PID)
    modified_ns = _word(12, signed=True)
    expires_ns = _word(13, signed=True)
    state = _word(14)
    damaged = _word(15)

    def __init__(self, mapping: np.ndarray):
        page = memoryview(mapping[:PAGE])
        self._bytes = page
        self._words = page.cast("Q")
        self._signed = page.cast("q")
        self._halves = page.cast("I")
        self.futex_address = mapping.__array_interface__["data"][0] + 64

    @property
    def journal_kind(self) -> int:
        """0 none, 1 in the page, 2 and 3 in a staged file."""
        return self._halves[JOURNAL // 4]

    @journal_kind.setter
    def journal_kind(self, kind: int) -> None:
        self._halves[JOURNAL // 4] = kind

    def wake(self) -> None:
        """Wakes who waits for a change; a full barrier, which plain Python has no other of."""
        futex.wake(self.futex_address)

    def begin_write(self) -> None:
        """Steps 3 and 4 of writing; the lock is held and the sequence even."""
        words = self._words
        self.journal_kind = 0
        words[_WRITER_PID] = os.getpid()
        words[_SEQUENCE] = words[_SEQUENCE] + 1
        futex.wake(self.futex_address)

    def end_write(self) -> None:
        """Step 5 of writing: the sequence is even again and readers are woken."""
        words = self._words
        futex.wake(self.futex_address)  # the data stand before the even store, also where the processor may reorder
        self.modified_ns = time.time_ns()
        words[_SEQUENCE] = words[_SEQUENCE] + 1
        futex.wake(self.futex_address)

    def change_state(self, state: int) -> None:
        """Sets the state, which is a write too; the lock is held and the sequence even."""
        self.state = state
        self.wake()
        self.sequence = self.sequence + 2
        self.wake()

    def repair(self, journal: bytes) -> None:
        """Clears the damage; the lock is held and the sequence even.

        A write that has nothing to redo, as `journal` says: whose death in it leaves an odd sequence, so that no tag
        stands for a damaged and for a good segment.
        """
        self._bytes[JOURNAL : JOURNAL + len(journal)] = journal
        self.writer_pid = os.getpid()
        self.wake()
        self.sequence = self.sequence + 1
        self.wake()
        self.damaged = 0
        self.end_write()
