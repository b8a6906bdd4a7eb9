"""A full tmpfs is an answer, never a crash, and leaves nothing half done."""

import os
import subprocess
import tempfile

import numpy as np
import pytest

from gateway import RAW, Gateway


@pytest.fixture
def small(request):
    """A gateway over a tmpfs of 4 MiB of its own."""
    directory = tempfile.mkdtemp(prefix="shmgate-small-")
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "shmgate-test", directory]
    unmount = ["umount", "--lazy", directory]
    if os.getuid() != 0:
        mount, unmount = ["sudo", "-n", *mount], ["sudo", "-n", *unmount]
    subprocess.run(mount, check=True, capture_output=True)
    gateway = Gateway(directory=directory)
    yield gateway
    gateway.close()
    subprocess.run(unmount, check=True, capture_output=True)
    os.rmdir(directory)


def fill_up(gateway):
    """Takes all memory that is left, page by page."""
    with open(gateway.path(".ballast"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def test_creating_more_than_there_is(small):
    answer = small.request("POST", "/segments", {"name": "big", "layout": {"kind": "bytes", "size": 8 << 20}})
    assert (answer.status, answer.json()["code"]) == (507, "out-of-space")
    assert "expected room for 8396800 bytes" in answer.json()["detail"]
    assert os.listdir(small.directory) == []


def test_writing_while_memory_is_full(small):
    small.create("live", {"kind": "ndarray", "dtype": "u1", "shape": [1 << 20]}, fill=7)
    fill_up(small)
    answer = small.request("PATCH", "/segments/live/data", bytes(1 << 20), RAW)
    assert (answer.status, answer.json()["code"]) == (507, "out-of-space")
    answer = small.request("PATCH", "/segments/live/data", 9)
    assert (answer.status, answer.json()["code"]) == (507, "out-of-space")
    values = np.frombuffer(small.request("GET", "/segments/live/data?format=raw").body, np.uint8)
    assert (values == 7).all()
    assert small.temporaries() == []
    # What fits into the journal of the page needs no memory.
    assert small.request("PATCH", "/segments/live/data?slice=0:100", 8).status == 204
    assert small.request("GET", "/segments/live/data?slice=[0,99,100]").json()["data"] == [8, 8, 7]
    assert small.request("POST", "/segments", {"name": "more", "layout": {"kind": "bytes", "size": 1}}).status == 507
    assert sorted(os.listdir(small.directory)) == [".ballast", "live"]
    os.unlink(small.path(".ballast"))
    assert small.request("PATCH", "/segments/live/data", bytes(1 << 20), RAW).status == 204
