"""What can go wrong, one class for each.

All are `ShmgateError`; those that Python has a class for are that too, so `except FileNotFoundError` and
`except PermissionError` work. Messages say what was expected and what came.
"""

from __future__ import annotations

import errno


class ShmgateError(Exception):
    """The base of all errors of this package. A full `/dev/shm` is a plain `OSError` with `errno.ENOSPC`."""


class InvalidName(ShmgateError, ValueError):
    """A name that no segment can have."""


class InvalidLayout(ShmgateError, ValueError):
    """A layout that contradicts itself, or a dtype or label that cannot be shared between programs."""


class ValueOutOfRange(ShmgateError, ValueError):
    """A value that its dtype cannot hold: 300 in int8, 1.5 in int32, a text too long for `S4`."""


class NoSuchSegment(ShmgateError, FileNotFoundError):
    """The name leads to nothing, or to a file that is no segment."""

    def __init__(self, message: str):
        super().__init__(errno.ENOENT, message)


class SegmentExists(ShmgateError, FileExistsError):
    """The name is taken."""

    def __init__(self, message: str):
        super().__init__(errno.EEXIST, message)


class ReadOnlySegment(ShmgateError, PermissionError):
    """The segment was published read-only."""

    def __init__(self, message: str):
        super().__init__(errno.EACCES, message)


class CorruptSegment(ShmgateError, ValueError):
    """A file with the magic whose control page or header contradicts itself."""


class UnsupportedFormat(ShmgateError, ValueError):
    """A segment of another format version, or with unknown flags."""


class SegmentReplaced(ShmgateError, RuntimeError):
    """The name leads to another segment than the one that was opened."""


class BusyError(ShmgateError, TimeoutError):
    """Somebody else held the lock for longer than the caller wanted to wait."""


class RecoveryError(ShmgateError, RuntimeError):
    """A writer died and this process cannot finish its write; nothing was changed."""


class DetachedError(ShmgateError, RuntimeError):
    """At the end of a write an object had left the segment, and no longer fits into it."""


class GatewayError(ShmgateError):
    """The gateway refused.

    `status` is the HTTP status, `code` the stable word of the problem document (`shape-mismatch`, `forbidden` …), or
    None where there was no such document.
    """

    def __init__(self, message: str, status: int, code: str | None = None):
        super().__init__(message)
        self.status = status
        self.code = code

    def __reduce__(self):
        return type(self), (str(self), self.status, self.code)


class NoSuchLabel(GatewayError, KeyError):
    """The gateway knows no such label, column or member."""

    __str__ = Exception.__str__


class IndexOutOfBounds(GatewayError, IndexError):
    """An index beyond the end of an axis."""


class DamagedWarning(UserWarning):
    """What was read holds a half write whose writer died, or left it with an exception."""
