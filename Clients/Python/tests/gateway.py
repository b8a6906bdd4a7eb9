"""A gateway in its own process, over the directory of a test."""

import os
import pathlib
import subprocess

import pytest
from conftest import DEADLINE

ROOT = pathlib.Path(__file__).resolve().parents[3]


def binary():
    """The program: SHMGATE_BINARY, else the newest build; None without one."""
    if "SHMGATE_BINARY" in os.environ:
        return os.environ["SHMGATE_BINARY"]
    built = [path for kind in ("release", "debug") if (path := ROOT / ".build" / kind / "shmgate").exists()]
    return str(max(built, key=lambda path: path.stat().st_mtime)) if built else None


class Gateway:
    """`shmgate serve` on a port of its own choice."""

    def __init__(self, directory, *flags):
        program = binary()
        if program is None:
            pytest.skip("needs a gateway: build shmgate, or name it in SHMGATE_BINARY")
        self.process = subprocess.Popen(
            [program, "serve", "--listen", "127.0.0.1:0", "--directory", directory, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.url = self.process.stdout.readline().split()[-1]

    def close(self):
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.process.stdout.close()


@pytest.fixture
def gateway(directory):
    """The gateway of the test's directory."""
    running = Gateway(directory)
    yield running
    running.close()
