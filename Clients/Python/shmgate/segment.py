"""A segment that this process has mapped."""

from __future__ import annotations

import mmap
import os
import stat
import sys

import numpy as np

from .control import PAGE, ControlPage, FixedWords
from .errors import CorruptSegment, NoSuchSegment
from .header import Header
from .layouts import BytesLayout, NdArrayLayout
from .names import check_name, segment_directory


class Segment:
    """A mapped segment. It outlives its name, and the arrays over `base` outlive this object.

    `base` are its bytes, uint8, `total_bytes` of them; read-only where the mapping is. `path` is the file's as it was
    when opened.
    """

    def __init__(self, name: str, path: str, status: os.stat_result, fixed: FixedWords, text: bytes, base: np.ndarray):
        self.name = name
        self.path = path
        self.status = status
        self.fixed = fixed
        self.base = base
        self._text = text
        self._header: Header | None = None
        self._control: ControlPage | None = None

    @classmethod
    def open(cls, name: str, directory: str | os.PathLike[str] | None = None, *, writable: bool) -> Segment:
        """Opens and maps a segment; checks its control page but not its header.

        `NoSuchSegment`, `CorruptSegment`, `UnsupportedFormat`, or PermissionError where the file's mode forbids it.
        """
        check_name(name)
        path = os.path.join(segment_directory(directory), name)
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
            # The page and the header are read, for a mapping that nobody has touched costs no page fault.
            beginning = os.pread(descriptor, 2 * PAGE, 0)
            fixed = FixedWords.parse(beginning, status.st_size, name)
            text = beginning[PAGE : PAGE + fixed.header_bytes]
            if fixed.header_bytes > PAGE:
                text = os.pread(descriptor, fixed.header_bytes, PAGE)
            base = map_file(descriptor, fixed.total_bytes, writable)
        finally:
            os.close(descriptor)
        return cls(name, path, status, fixed, text, base)

    @property
    def directory(self) -> str:
        """The directory that it stands in."""
        return os.path.dirname(self.path)

    @property
    def control(self) -> ControlPage:
        """The words that change."""
        if self._control is None:
            self._control = ControlPage(self.base)
        return self._control

    @property
    def header(self) -> Header:
        """The header, checked; `CorruptSegment` if it does not hold."""
        if self._header is None:
            self._header = Header.parse(self._text, self.fixed.data_offset, self.fixed.total_bytes, self.name)
        return self._header

    def forget_mutable(self) -> None:
        """Lets go of what of the header the user may have changed, or given another meaning, by the next use.

        Of a plain array that is nothing, unless it has fields: their names can be set in place.
        """
        layout = None if self._header is None else self._header.layout
        if type(layout) is BytesLayout or (type(layout) is NdArrayLayout and layout.dtype.viewed.names is None):
            return
        self._header = None

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
