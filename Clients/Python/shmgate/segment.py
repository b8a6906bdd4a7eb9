"""A segment that this process has mapped."""

from __future__ import annotations

import functools
import mmap
import os
import stat
import sys

import numpy as np

from .control import FIXED_BYTES, PAGE, ControlPage, FixedWords
from .errors import CorruptSegment, NoSuchSegment
from .header import Header
from .names import check_name, segment_directory


class Segment:
    """A mapped segment. It outlives its name, and the arrays over `base` outlive this object.

    `base` are its bytes, uint8, `total_bytes` of them; read-only where the mapping is.
    """

    def __init__(self, name: str, directory: str, status: os.stat_result, fixed: FixedWords, base: np.ndarray):
        self.name = name
        self.directory = directory
        self.status = status
        self.fixed = fixed
        self.base = base
        self.control = ControlPage(base)

    @classmethod
    def open(cls, name: str, directory: str | os.PathLike[str] | None = None, *, writable: bool) -> Segment:
        """Opens and maps a segment; checks its control page but not its header.

        `NoSuchSegment`, `CorruptSegment`, `UnsupportedFormat`, or PermissionError where the file's mode forbids it.
        """
        check_name(name)
        directory = segment_directory(directory)
        path = os.path.join(directory, name)
        flags = os.O_RDWR if writable else os.O_RDONLY
        try:
            descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            raise NoSuchSegment(f"there is no segment {name!r}") from None
        except (IsADirectoryError, NotADirectoryError):
            raise NoSuchSegment(f"the file {name!r} is no segment") from None
        except OSError:
            if os.path.islink(path):
                raise NoSuchSegment(f"the file {name!r} is no segment") from None
            raise
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise NoSuchSegment(f"the file {name!r} is no segment")
            fixed = FixedWords.parse(os.pread(descriptor, FIXED_BYTES, 0), status.st_size, name)
            base = map_file(descriptor, fixed.total_bytes, writable)
        finally:
            os.close(descriptor)
        return cls(name, directory, status, fixed, base)

    @property
    def path(self) -> str:
        """The file's path as it was when opened."""
        return os.path.join(self.directory, self.name)

    @functools.cached_property
    def header(self) -> Header:
        """The header, copied out and checked; `CorruptSegment` if it does not hold."""
        text = self.base[PAGE : PAGE + self.fixed.header_bytes].tobytes()
        return Header.parse(text, self.fixed.data_offset, self.fixed.total_bytes, self.name)

    def is_current(self) -> bool:
        """Whether the name still leads to this file."""
        try:
            return os.path.samestat(os.stat(self.path, follow_symlinks=False), self.status)
        except FileNotFoundError:
            return False

    def data(self) -> np.ndarray:
        """The bytes of the buffers."""
        return self.base[self.fixed.data_offset :]


def map_file(descriptor: int, total_bytes: int, writable: bool) -> np.ndarray:
    """The first bytes of a file, shared, as uint8. The mapping lives as long as an array over it.

    The corresponding C function is `mmap`. The file is known to be long enough; one that is truncated later kills the
    process that touches what is gone (SIGBUS).
    """
    if total_bytes < PAGE:
        raise CorruptSegment(f"expected a segment of at least {PAGE} bytes, got {total_bytes}")
    settings = {"trackfd": False} if sys.version_info >= (3, 13) else {}
    access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
    return np.frombuffer(mmap.mmap(descriptor, total_bytes, access=access, **settings), np.uint8)
