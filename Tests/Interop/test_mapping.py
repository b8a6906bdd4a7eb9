"""A process with NumPy alone works on the same bytes: while the gateway runs, after it, and beside a new one."""

import json
import os
import signal
import stat
import struct
import subprocess
import sys
import time
import uuid
import zlib

import numpy as np
import pytest

from gateway import RAW

LAYOUT = {"kind": "ndarray", "dtype": "float32", "shape": [3, 5]}

THREE_LINES = """
import json, sys
import numpy as np
p = sys.argv[1]
h = json.loads(open(p, "rb").read(8192)[4096:].rstrip(b"\\0"))
b = h["buffers"][0]
a = np.memmap(p, b["dtype"], "r+", b["offset"], tuple(b["shape"]))
"""


def in_another_process(path, line):
    """Runs the three lines and one more; gives what that one printed."""
    ran = subprocess.run([sys.executable, "-c", THREE_LINES + line, path], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def words(path):
    """The control page by field."""
    page = open(path, "rb").read(4096)
    names = "total_bytes header_offset header_bytes data_offset sequence interrupted_writes writer_pid"
    fields = dict(zip(names.split(), struct.unpack_from("<7Q", page, 32)))
    fields |= dict(zip(("created_ns", "modified_ns", "expires_ns"), struct.unpack_from("<3q", page, 88)))
    fields |= dict(zip(("state", "damaged"), struct.unpack_from("<2Q", page, 112)))
    return fields | {"magic": page[:8], "version": page[8:12], "flags": page[12:16], "uuid": page[16:32], "page": page}


def test_numpy_and_the_gateway_see_each_other(gateway):
    gateway.create("both", LAYOUT)
    path = gateway.path("both")
    assert gateway.request("PATCH", "/segments/both/data?slice=1,1:4", [1.5, 2.5, 3.5]).status == 204
    assert in_another_process(path, "print(a[1].tolist())") == "[0.0, 1.5, 2.5, 3.5, 0.0]\n"
    in_another_process(path, "a[2] = [10, 20, 30, 40, 50]")
    assert gateway.request("GET", "/segments/both/data?slice=2").json()["data"] == [10.0, 20.0, 30.0, 40.0, 50.0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_segments_outlive_the_gateway_and_a_new_one_serves_them(own_gateway, number):
    gateway = own_gateway()
    gateway.create("lasting", LAYOUT, fill=2.5)
    path = gateway.path("lasting")
    gateway.stop(number)
    assert in_another_process(path, "print(a.sum())") == "37.5\n"
    in_another_process(path, "a[0] = 7")
    gateway.start()
    assert gateway.request("GET", "/segments/lasting/data?slice=0").json()["data"] == [7.0] * 5
    assert gateway.request("PATCH", "/segments/lasting/data?slice=1", [1] * 5).status == 204
    assert in_another_process(path, "print(a[1].sum())") == "5.0\n"


def test_control_page_is_that_of_the_format(gateway):
    description = gateway.create("page", LAYOUT).json()
    path = gateway.path("page")
    fields = words(path)
    assert fields["magic"] == b"SHMGATE\0"
    assert (fields["version"], fields["flags"]) == (b"\1\0\0\0", b"\0\0\0\0")
    identity = uuid.UUID(bytes=fields["uuid"])
    assert str(identity) == description["uuid"]
    assert (identity.version, identity.variant) == (4, uuid.RFC_4122)
    assert fields["total_bytes"] == description["size"] <= os.stat(path).st_size
    assert fields["total_bytes"] % 4096 == fields["data_offset"] % 4096 == 0
    assert fields["header_offset"] == 4096
    assert fields["sequence"] % 2 == 0
    assert (fields["state"], fields["damaged"], fields["interrupted_writes"], fields["expires_ns"]) == (0, 0, 0, 0)
    assert abs(fields["created_ns"] / 1e9 - time.time()) < 3_600
    assert fields["page"][128:2048] == bytes(1920)
    header = open(path, "rb").read(fields["data_offset"])[4096:]
    assert header[fields["header_bytes"] :] == bytes(len(header) - fields["header_bytes"])
    assert json.loads(header[: fields["header_bytes"]]) == {
        "format": 1,
        "layout": {"kind": "ndarray", "dtype": "<f4", "shape": [3, 5]},
        "buffers": [{"path": "values", "dtype": "<f4", "shape": [3, 5], "strides": [20, 4], "offset": 8192}],
        "attrs": {},
    }


def test_a_write_advances_sequence_and_names_its_writer(gateway):
    gateway.create("written", LAYOUT)
    path = gateway.path("written")
    before = words(path)
    answer = gateway.request("PATCH", "/segments/written/data?slice=0,0", 1)
    after = words(path)
    assert after["sequence"] == before["sequence"] + 2
    assert answer.headers["ETag"] == f'"{uuid.UUID(bytes=after["uuid"])}-{after["sequence"]}"'
    assert after["writer_pid"] == gateway.process.pid
    assert after["modified_ns"] >= before["modified_ns"]
    assert after["created_ns"] == before["created_ns"]


def test_a_small_write_is_journaled_in_the_page(gateway):
    gateway.create("journaled", LAYOUT)
    path = gateway.path("journaled")
    gateway.request("PATCH", "/segments/journaled/data?slice=1,::2", [1, 2, 3])
    fields = words(path)
    kind, flags, sequence, identity, count, _, crc = struct.unpack_from("<IIQ16sQ16sI", fields["page"], 2048)
    assert (kind, flags, sequence, identity) == (1, 0, fields["sequence"] - 1, fields["uuid"])
    payload = fields["page"][2112 : 2112 + count]
    assert zlib.crc32(payload, zlib.crc32(fields["page"][2048:2104])) == crc
    offset, rank, itemsize, extent, stride = struct.unpack_from("<QIIQq", payload)
    assert (offset, rank, itemsize, extent, stride) == (fields["data_offset"] + 20, 1, 4, 3, 8)
    assert payload[32:] == np.array([1, 2, 3], "<f4").tobytes()


def test_a_large_write_leaves_no_staged_file(gateway):
    gateway.create("large", {"kind": "ndarray", "dtype": "u1", "shape": [8 << 20]})
    value = np.random.default_rng(1).integers(256, size=8 << 20, dtype=np.uint8)
    assert gateway.request("PATCH", "/segments/large/data", value.tobytes(), RAW).status == 204
    assert gateway.temporaries() == []
    assert in_another_process(gateway.path("large"), "print(int(a.sum(dtype='u8')))") == f"{value.sum(dtype='u8')}\n"


def test_mode_of_a_segment_is_the_one_asked_for(own_gateway):
    gateway = own_gateway("--mode", "0640")
    gateway.create("default", LAYOUT)
    gateway.create("asked", LAYOUT, mode="0604")
    assert stat.S_IMODE(os.stat(gateway.path("default")).st_mode) == 0o640
    assert stat.S_IMODE(os.stat(gateway.path("asked")).st_mode) == 0o604
    assert gateway.request("GET", "/segments/asked").json()["mode"] == "0604"


def test_a_write_that_died_is_finished_by_the_next_one_who_comes(gateway):
    gateway.create("died", LAYOUT)
    path = gateway.path("died")
    gateway.request("PATCH", "/segments/died/data?slice=1", [1, 2, 3, 4, 5])
    fields = words(path)
    with open(path, "r+b") as file:  # as if the gateway had been killed behind its odd store
        file.seek(fields["data_offset"] + 20)
        file.write(bytes(8))
        file.seek(64)
        file.write(struct.pack("<Q", fields["sequence"] - 1))
    answer = gateway.request("GET", "/segments/died/data?slice=1")
    assert answer.json()["data"] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert "Shm-Damaged" not in answer.headers
    assert words(path)["sequence"] == fields["sequence"]
    assert words(path)["interrupted_writes"] == 0
