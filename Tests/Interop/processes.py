"""Other processes that map segments, and whether every process of this machine can be looked at."""

import contextlib
import os
import subprocess
import sys
import time

INITIAL_NAMESPACE = "pid:[4026531836]"
PROGRAM = """
import mmap, sys
with open(sys.argv[1], sys.argv[2]) as file:
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
print("mapped", flush=True)
sys.stdin.read()
"""
DEADLINE = 120


def everybody_is_seen():
    """Whether root here sees all: not in a container's own pid namespace, nor where /proc hides somebody."""
    if os.getuid() != 0 or os.readlink("/proc/self/ns/pid") != INITIAL_NAMESPACE:
        return False
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/maps") as maps:
                maps.read(1)
        except PermissionError:
            return False
        except OSError:
            continue
    return True


def orphan():
    """What is said here of a segment that nobody maps."""
    return True if everybody_is_seen() else "unknown"


@contextlib.contextmanager
def mapper(path, **settings):
    """A process that has mapped a file, and has it open no longer."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, path, "rb"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **settings,
    )
    try:
        assert process.stdout.readline() == "mapped\n"
        yield process
    finally:
        process.stdin.close()
        process.wait(DEADLINE)
        process.stdout.close()


def await_that(condition, what):
    """Waits for an event, and says what it was if it does not come."""
    end = time.monotonic() + DEADLINE
    while not (result := condition()):
        assert time.monotonic() < end, f"waited in vain: {what()}" if callable(what) else f"waited in vain: {what}"
        time.sleep(0.05)
    return result
