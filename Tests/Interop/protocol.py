"""FORMAT.md's protocol in pure Python, for neighbours of the gateway in the tests."""

import ctypes
import fcntl
import os
import struct
import time

import numpy as np

F_OFD_SETLK, F_OFD_SETLKW = 37, 38
LOCK, TURNSTILE = 64, 72
LIBC = ctypes.CDLL(None, use_errno=True)
SYS_FUTEX = {"x86_64": 202, "aarch64": 98}[os.uname().machine]


def lock_range(descriptor, command, kind, start):
    """An OFD lock on the eight bytes from `start`."""
    fcntl.fcntl(descriptor, command, struct.pack("hhqqi", kind, os.SEEK_SET, start, 8, 0))


class Neighbour:
    """A local process that takes part in the protocol, without a journal."""

    def __init__(self, path):
        self.path = path
        self.lock_file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.page = np.memmap(path, np.uint64, "r+", 0, (16,))
        self.sequence = memoryview(self.page).cast("B").cast("Q")

    def lock(self):
        lock_range(self.lock_file, F_OFD_SETLKW, fcntl.F_WRLCK, TURNSTILE)
        lock_range(self.lock_file, F_OFD_SETLKW, fcntl.F_WRLCK, LOCK)
        lock_range(self.lock_file, F_OFD_SETLK, fcntl.F_UNLCK, TURNSTILE)
        assert os.path.samestat(os.stat(self.path), os.fstat(self.lock_file)), "the name leads elsewhere"

    def unlock(self):
        lock_range(self.lock_file, F_OFD_SETLK, fcntl.F_UNLCK, LOCK)

    def begin(self):
        """The odd store, and a system call as the barrier behind it."""
        journal_kind = np.memmap(self.path, np.uint32, "r+", 2048, (1,))
        journal_kind[0] = 0
        self.sequence[10] = os.getpid()
        self.sequence[8] += 1
        self.wake()

    def end(self):
        self.sequence[12] = time.time_ns()
        self.sequence[8] += 1
        self.wake()

    def wake(self):
        address = self.page.ctypes.data + 64
        LIBC.syscall(SYS_FUTEX, ctypes.c_void_p(address), 1, 0x7FFFFFFF, None, None, 0)
