"""What the gateway creates belongs to the user that it runs as: his processes map it, those of others do not."""

import os
import subprocess
import sys
import tempfile

import pytest

from gateway import Gateway, binary

NOBODY = 65_534

MAP_AND_WRITE = """
import json, mmap, os, sys
import numpy as np
path, user = sys.argv[1], int(sys.argv[2])
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
h = json.loads(open(path, "rb").read(8192)[4096:].rstrip(b"\\0"))
b = h["buffers"][0]
a = np.memmap(path, b["dtype"], "r+", b["offset"], tuple(b["shape"]))
a[0] += 1
"""


def run_as(user, path):
    """Maps a segment and adds one, in another process of a user (of this one, if we are not root)."""
    return subprocess.run([sys.executable, "-c", MAP_AND_WRITE, path, str(user)], capture_output=True, text=True)


@pytest.fixture
def gateway_of_nobody():
    """A gateway that runs as another user than root, as the container does."""
    user = NOBODY if os.getuid() == 0 else os.getuid()
    directory = tempfile.mkdtemp(prefix="shmgate-interop-", dir="/dev/shm")
    if os.getuid() == 0:
        os.chown(directory, user, user)
    os.chmod(directory, 0o777)
    running = Gateway(directory=directory, user=user)
    yield running, user
    running.close()
    os.rmdir(directory)


def test_processes_of_the_same_user_map_what_is_created(gateway_of_nobody):
    gateway, user = gateway_of_nobody
    gateway.create("mine", {"kind": "ndarray", "dtype": "int64", "shape": [2]}, data=[41, 0])
    assert os.stat(gateway.path("mine")).st_uid == user
    ran = run_as(user, gateway.path("mine"))
    assert ran.returncode == 0, ran.stderr
    assert gateway.request("GET", "/segments/mine/data").json()["data"] == [42, 0]
    if os.getuid() == 0:
        stranger = run_as(user - 1, gateway.path("mine"))
        assert "PermissionError" in stranger.stderr
        assert gateway.request("GET", "/segments/mine/data").json()["data"] == [42, 0]
    assert gateway.request("DELETE", "/segments/mine").status == 204


def test_health_command_says_whether_the_gateway_is_ready(gateway_of_nobody):
    gateway, _ = gateway_of_nobody
    asked = [binary(), "health", "--listen", f"127.0.0.1:{gateway.port}"]
    assert subprocess.run(asked, capture_output=True).returncode == 0
    gateway.stop()
    assert subprocess.run(asked, capture_output=True).returncode != 0
