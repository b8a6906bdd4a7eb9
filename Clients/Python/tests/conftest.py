"""A directory of its own for each test, below /dev/shm but never its root."""

import os
import shutil
import subprocess
import sys
import tempfile
import warnings

import pytest

# Dask says so where pyarrow is missing, which these tests do not need.
warnings.filterwarnings("ignore", message=".*[Pp]yarrow.*")

DEADLINE = 60  # seconds: how long a test waits for an event before it gives up


@pytest.fixture
def directory(monkeypatch):
    """The directory of segments, named in SHMGATE_DIRECTORY; nothing temporary may be left in it."""
    path = tempfile.mkdtemp(prefix="shmgate-python-", dir="/dev/shm")
    monkeypatch.setenv("SHMGATE_DIRECTORY", path)
    yield path
    left = [name for name in os.listdir(path) if name.startswith((".shmgate-tmp-", ".shmgate-journal-"))]
    shutil.rmtree(path)
    assert left == []


class Child:
    """A second Python process that runs a program and talks by lines."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        )

    def read(self):
        return self.process.stdout.readline().rstrip("\n")

    def say(self, line=""):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)

    def end(self):
        """Waits for the process; it has to have succeeded."""
        self.process.stdin.close()
        assert self.process.wait(DEADLINE) == 0


@pytest.fixture
def child():
    """Starts processes: `child(program, *arguments)`."""
    started = []

    def start(program, *arguments):
        started.append(Child(program, *arguments))
        return started[-1]

    yield start
    for process in started:
        if process.process.poll() is None:
            process.kill()
        process.process.stdin.close()
        process.process.stdout.close()
