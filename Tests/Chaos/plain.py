"""A neighbour that has FORMAT.md and nothing else.

It makes segments, reads them under the shared lock, and redoes a dead writer's journal on a copy of its own. Nothing of
shmgate is used: this is the judge of what the library, the gateway and the client leave in the memory.
"""

import contextlib
import dataclasses
import fcntl
import json
import mmap
import os
import struct
import time
import uuid
import zlib

import numpy as np

PAGE = 4096
DATA = 2 * PAGE
F_OFD_SETLK, F_OFD_SETLKW = 37, 38
LOCK, TURNSTILE = 64, 72
JOURNAL, PAYLOAD = 2048, 2112
LIVE, REPLACED, UNLINKED = 0, 1, 2


def lock_range(descriptor, command, kind, start):
    """An OFD lock on the eight bytes from `start`."""
    fcntl.fcntl(descriptor, command, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, 8, 0))


@dataclasses.dataclass(frozen=True)
class Page:
    """The words of a control page that a death may leave in any state."""

    uuid: bytes
    total_bytes: int
    data_offset: int
    sequence: int
    interrupted: int
    state: int
    damaged: int

    @classmethod
    def of(cls, data):
        assert data[:8] == b"SHMGATE\0", f"no segment: {bytes(data[:8])!r}"
        total, _, _, data_offset, sequence, interrupted = struct.unpack_from("<6Q", data, 32)
        state, damaged = struct.unpack_from("<2Q", data, 112)
        return cls(bytes(data[16:32]), total, data_offset, sequence, interrupted, state, damaged)


@dataclasses.dataclass(frozen=True)
class Reading:
    """What the buffers hold, or will once the dead writer's work is redone; and whether that is damaged."""

    page: Page
    content: bytes
    damaged: int


def make(path, content, damaged=0):
    """A segment of uint8 under a name that is free."""
    count = len(content)
    node = {"kind": "ndarray", "dtype": "|u1", "shape": [count]}
    buffer = {"path": "values", "dtype": "|u1", "shape": [count], "strides": [1], "offset": DATA}
    header = json.dumps({"format": 1, "layout": node, "buffers": [buffer], "attrs": {}}, separators=(",", ":")).encode()
    total = DATA + -(-count // PAGE) * PAGE
    now = time.time_ns()
    page = struct.pack(
        "<8sII16s4Q3Q3q2Q",
        *(b"SHMGATE\0", 1, 0, uuid.uuid4().bytes, total, PAGE, len(header), DATA),
        *(2, 0, os.getpid(), now, now, 0, LIVE, damaged),
    )
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "r+b") as file:
        file.write(page.ljust(PAGE, b"\0") + header.ljust(PAGE, b"\0") + content)
        file.truncate(total)


def page_of(path):
    """The control page as it stands, without a lock."""
    with open(path, "rb") as file:
        return Page.of(file.read(128))


@contextlib.contextmanager
def shared_lock(path):
    """Holds the lock shared, on a description of its own that may only read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        lock_range(descriptor, F_OFD_SETLKW, fcntl.F_RDLCK, TURNSTILE)
        lock_range(descriptor, F_OFD_SETLKW, fcntl.F_RDLCK, LOCK)
        lock_range(descriptor, F_OFD_SETLK, fcntl.F_UNLCK, TURNSTILE)
        yield descriptor
    finally:
        os.close(descriptor)


def is_free(path):
    """Whether lock and turnstile could be had at once."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        lock_range(descriptor, F_OFD_SETLK, fcntl.F_WRLCK, TURNSTILE)
        lock_range(descriptor, F_OFD_SETLK, fcntl.F_WRLCK, LOCK)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def read(path, count):
    """The first `count` bytes of the buffers, as the next one to recover must leave them. Changes nothing."""
    with shared_lock(path) as descriptor:
        data = bytearray(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
        page = Page.of(data)
        damaged = page.damaged
        if page.sequence % 2:
            outcome = _redo(data, page, os.path.dirname(path))
            damaged = {"none": 1, "whole": 0}.get(outcome, damaged)
    return Reading(page, bytes(data[page.data_offset : page.data_offset + count]), damaged)


def _redo(data, page, directory):
    """Applies the journal to a copy. `none`: none that holds; `void`: nothing was written; else how much it covers."""
    kind, flags, sequence, owner, count, name = struct.unpack_from("<IIQ16sQ16s", data, JOURNAL)
    crc = struct.unpack_from("<I", data, JOURNAL + 56)[0]
    sum_of_head = zlib.crc32(data[JOURNAL : JOURNAL + 56])
    if sequence != page.sequence or owner != page.uuid:
        return "none"
    if kind == 1:
        payload = bytes(data[PAYLOAD : PAYLOAD + count])
        if count > PAGE - PAYLOAD or zlib.crc32(payload, sum_of_head) != crc:
            return "none"
        _apply(payload, None, data, page)
    elif kind in (2, 3):
        try:
            with open(f"{directory}/.shmgate-journal-{name.hex()}", "rb") as file:
                staged = file.read()
        except FileNotFoundError:
            return "none"
        magic, version, commit, entries = struct.unpack_from("<8sIIQ", staged)
        payload, mine = struct.pack("<8sIIQ", magic, version, 0, entries) + staged[24 : 24 + 40 * entries], b""
        for owner, sequence, start, length in struct.iter_unpack("<16sQQQ", staged[24 : 24 + 40 * entries]):
            payload += staged[start : start + length]
            if (owner, sequence) == (page.uuid, page.sequence):
                mine = staged[start : start + length]
        if len(payload) != count or zlib.crc32(payload, sum_of_head) != crc:
            return "none"
        if commit == 0:
            return "void"
        _apply(mine, staged, data, page)
    else:
        return "none"
    return "whole" if flags & 1 else "part"


def _apply(records, staged, data, page):
    at = 0
    while at < len(records):
        offset, rank, itemsize = struct.unpack_from("<QII", records, at)
        shape = struct.unpack_from(f"<{rank}Q", records, at + 16)
        strides = struct.unpack_from(f"<{rank}q", records, at + 16 + 8 * rank)
        at += 16 + 16 * rank
        target = np.ndarray(shape, f"V{itemsize}", memoryview(data)[: page.total_bytes], offset, strides)
        if staged is None:
            source, begin = records, at
            at += target.nbytes
        else:
            source, begin = staged, struct.unpack_from("<Q", records, at)[0]
            at += 8
        target[...] = np.frombuffer(source, target.dtype, target.size, begin).reshape(shape)


class Mapper:
    """Somebody who had a segment mapped before its name was changed."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    @property
    def page(self):
        return Page.of(self._memory[:128])

    def content(self, count):
        page = self.page
        return self._memory[page.data_offset : page.data_offset + count]

    def close(self):
        self._memory.close()
