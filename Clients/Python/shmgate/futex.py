"""The futex system call, and renameat2: what Python's library has no function for.

The futex is shared between processes (not PRIVATE): the kernel finds it by file and offset.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform

_LIBC = ctypes.CDLL(None, use_errno=True)
_NUMBERS = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "loongarch64": 98, "ppc64le": 221}
_FUTEX = _NUMBERS.get(platform.machine())
_WAIT, _WAKE = 0, 1
_EVERYBODY = 0x7FFFFFFF
# Does not let go of the interpreter, for it never waits, and knows its types beforehand: a third of the time.
_WAKE_CALL = ctypes.PyDLL(None).syscall
_WAKE_CALL.argtypes = (ctypes.c_long, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, *[ctypes.c_void_p] * 2, ctypes.c_int)
_NOREPLACE = 1
_AT_FDCWD = -100


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


def _number() -> int:
    if _FUTEX is None:
        raise OSError(errno.ENOSYS, f"expected a machine with a known futex call, got {platform.machine()}")
    return _FUTEX


def _futex(address: int, operation: int, value: int, timeout: ctypes.c_void_p | None) -> int:
    number = ctypes.c_long(_number())
    result = _LIBC.syscall(number, ctypes.c_void_p(address), operation, ctypes.c_uint32(value), timeout, None, 0)
    return 0 if result >= 0 else ctypes.get_errno()


def wake(address: int) -> None:
    """Wakes all that sleep on the word at `address`. The call is a full barrier for the thread that makes it."""
    _WAKE_CALL(_FUTEX or _number(), address, _WAKE, _EVERYBODY, None, None, 0)


def wait(address: int, expected: int, timeout: float | None) -> None:
    """Sleeps while the word at `address` holds the low 32 bits of `expected`, at most `timeout` seconds.

    It may also return early, for a signal or for nothing: look at the word again. Other threads of Python run on.
    """
    span = None
    if timeout is not None:
        seconds = max(timeout, 0.0)
        span = ctypes.byref(_Timespec(int(seconds), int(seconds % 1 * 1e9)))
    error = _futex(address, _WAIT, expected & 0xFFFFFFFF, span)
    if error not in (0, errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT):
        raise OSError(error, os.strerror(error))


def rename_new(old: str, new: str) -> None:
    """Renames `old` unless `new` exists, which is FileExistsError.

    The corresponding C function is `renameat2` with RENAME_NOREPLACE; where the kernel or the file system has none,
    `link` and `unlink`.
    """
    function = getattr(_LIBC, "renameat2", None)
    if function is not None:
        if function(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), ctypes.c_uint(_NOREPLACE)) == 0:
            return
        error = ctypes.get_errno()
        if error not in (errno.ENOSYS, errno.EINVAL):
            raise OSError(error, os.strerror(error), new)
    os.link(old, new, follow_symlinks=False)
    os.unlink(old)
