"""Other processes that map segments, and whether every process of this machine can be looked at."""

import contextlib
import os
import subprocess
import sys

INITIAL_NAMESPACE = "pid:[4026531836]"
PROGRAM = """
import mmap, sys
with open(sys.argv[1], sys.argv[2]) as file:
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
print("mapped", flush=True)
sys.stdin.read()
"""
DEADLINE = 120


def hidden():
    """The processes of this pid namespace that not even this user may look at."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/maps") as maps:
                maps.read(1)
        except PermissionError:
            yield pid
        except OSError:
            continue


def seeing():
    """What stands before a command that is to see every process.

    Root of a machine may be kept from some all the same; in a mount namespace of the command's own these are shown
    without maps, as processes that have ended. In a container, and for other users, there is no such way.
    """
    pids = list(hidden()) if os.getuid() == 0 else []
    if not pids:
        return []
    hide = 'for pid in $0; do mount --bind /dev/null /proc/$pid/maps && mount -t tmpfs none /proc/$pid/task || exit; done'
    return ["unshare", "--mount", "sh", "-c", hide + '; exec "$@"', " ".join(pids)]


def everybody_is_seen():
    """Whether a command behind `seeing()` sees all."""
    return os.getuid() == 0 and os.readlink("/proc/self/ns/pid") == INITIAL_NAMESPACE


def orphan():
    """What is said by who is behind `seeing()` of a segment that nobody maps."""
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
