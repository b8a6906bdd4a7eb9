"""The lock of a segment: OFD locks on bytes 64–71 of its file, behind the turnstile on bytes 72–79.

Every acquisition opens a file description of its own, for locks alone: never mapped, close-on-exec. So the kernel
keeps threads of one process apart as it keeps processes apart, and no mutex is needed beside it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import threading
import time

from . import forking
from .errors import BusyError, NoSuchSegment

_LOCK, _TURNSTILE, _BYTES = 64, 72, 8
_HELD = (errno.EAGAIN, errno.EACCES)
_LONGEST_PAUSE = 0.02  # seconds between two tries of a wait with an end


def _flock(kind: int, start: int, count: int = _BYTES) -> bytes:
    """A `struct flock` for so many bytes."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, count, 0)


_TAKE_BOTH = _flock(fcntl.F_WRLCK, _LOCK, 2 * _BYTES)
_FREE_TURNSTILE = _flock(fcntl.F_UNLCK, _TURNSTILE)
_FREE_LOCK = _flock(fcntl.F_UNLCK, _LOCK)


class Deadline:
    """A moment of the monotonic clock, or never."""

    def __init__(self, timeout: float | None):
        self._end = None if timeout is None else time.monotonic() + timeout

    @property
    def left(self) -> float | None:
        """Seconds that are left, 0 or more; None without an end."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())


class LockDescription:
    """An open file description for the locks of one file.

    It owns its descriptor: `close` frees the locks with it. May be used by one thread at a time.
    """

    # Which thread holds which file exclusively, to tell a thread that would wait for itself.
    _holders: dict[tuple[int, int], int] = {}

    def __init__(self, path: str, *, writable: bool, create: bool = False):
        """Opens `path`, never through a symbolic link; with `create` it has to be new and gets mode 0600."""
        flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._writable = writable
        self._held: tuple[int, int] | None = None
        self.owner = (os.getpid(), os.geteuid())
        with forking.gate():
            try:
                self.descriptor = os.open(path, flags | (os.O_CREAT | os.O_EXCL if create else 0), 0o600)
            except FileNotFoundError:
                raise NoSuchSegment(f"there is no segment {os.path.basename(path)!r}") from None
            forking.remember(self)
        self.status = os.fstat(self.descriptor)
        self._identity = (self.status.st_dev, self.status.st_ino)

    @classmethod
    def is_held_here(cls, status: os.stat_result) -> bool:
        """Whether this thread holds a file exclusively."""
        return cls._holders.get((status.st_dev, status.st_ino)) == threading.get_ident()

    def leads_here_unchanged(self, path: str) -> bool:
        """Whether `path` still is the name of this very file, and mode, owner, size and links are as they were."""
        try:
            return os.lstat(path)[:7] == self.status[:7]
        except (FileNotFoundError, NotADirectoryError):
            return False

    def leads_here(self, path: str) -> bool:
        """Whether `path` still is the name of this very file."""
        try:
            return os.path.samestat(os.stat(path, follow_symlinks=False), self.status)
        except FileNotFoundError:
            return False

    def acquire(self, *, exclusive: bool, deadline: Deadline) -> None:
        """Takes the turnstile, then the lock, then frees the turnstile.

        `BusyError` at the deadline, RuntimeError if this thread itself holds the segment. On failure nothing is held.
        """
        identity = self._identity
        if self._holders.get(identity) == threading.get_ident():
            raise RuntimeError("this thread writes to the segment already; it would wait for itself")
        if not (exclusive and self._took_both()):
            turn = fcntl.F_WRLCK if self._writable else fcntl.F_RDLCK
            self._wait(turn, _TURNSTILE, deadline)
            try:
                self._wait(fcntl.F_WRLCK if exclusive else fcntl.F_RDLCK, _LOCK, deadline)
            finally:
                fcntl.fcntl(self.descriptor, fcntl.F_OFD_SETLK, _FREE_TURNSTILE)
        if exclusive:
            self._held = identity
            self._holders[identity] = threading.get_ident()

    def _took_both(self) -> bool:
        """Takes lock and turnstile in one call if nobody has either, which is the rule, and frees the turnstile."""
        try:
            fcntl.fcntl(self.descriptor, fcntl.F_OFD_SETLK, _TAKE_BOTH)
        except OSError as error:
            if error.errno in _HELD:
                return False
            raise
        fcntl.fcntl(self.descriptor, fcntl.F_OFD_SETLK, _FREE_TURNSTILE)
        return True

    def release(self) -> None:
        """Frees the lock; the description can be used again."""
        if self._held is not None:
            self._holders.pop(self._held, None)
        fcntl.fcntl(self.descriptor, fcntl.F_OFD_SETLK, _FREE_LOCK)
        self._held = None

    def try_exclusive(self) -> bool:
        """Takes the lock without the turnstile if nobody has it: what the maker of a temporary file does."""
        return self._try(fcntl.F_WRLCK, _LOCK)

    def close(self) -> None:
        """Frees the lock and closes; a second time does nothing."""
        if self.descriptor < 0:
            return
        if self._held is not None:
            self._holders.pop(self._held, None)
        if os.getpid() == self.owner[0]:
            # Explicitly, for a child that was forked just now may hold a copy for a moment.
            fcntl.fcntl(self.descriptor, fcntl.F_OFD_SETLK, _FREE_LOCK)
        with forking.gate():
            os.close(self.descriptor)
            self.descriptor = -1
            forking.forget(self)

    def is_open(self) -> bool:
        """Whether the number still is of this file: who closes descriptors that are not his may have closed it."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), self.status)
        except OSError:
            return False

    def disown(self) -> None:
        """Lets go of a number that somebody else has closed, and that may be another file's by now."""
        with forking.gate():
            self.descriptor = -1
            forking.forget(self)

    def close_in_child(self) -> None:
        """In a forked child: closes the copy and leaves the parent its lock."""
        os.close(self.descriptor)
        self.descriptor = -1
        if self._held is not None:
            self._holders.pop(self._held, None)

    def __enter__(self) -> LockDescription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _try(self, kind: int, start: int) -> bool:
        try:
            fcntl.fcntl(self.descriptor, fcntl.F_OFD_SETLK, _flock(kind, start))
        except OSError as error:
            if error.errno in _HELD:
                return False
            raise
        return True

    def _wait(self, kind: int, start: int, deadline: Deadline) -> None:
        if self._try(kind, start):
            return
        if deadline.left is None:
            fcntl.fcntl(self.descriptor, fcntl.F_OFD_SETLKW, _flock(kind, start))
            return
        pause = 0.001  # there is no lock call with a deadline; a signal would be needed to end the wait
        while not self._try(kind, start):
            left = deadline.left
            if left <= 0:
                raise BusyError("expected the lock of the segment, somebody else holds it")
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)
