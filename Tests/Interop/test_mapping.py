"""A process with NumPy alone works on the same bytes: while the gateway runs, after it, and beside a new one."""

import fcntl
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
from nobody import gateway_of_nobody
from protocol import F_OFD_SETLK, TURNSTILE, Neighbour, lock_range

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
    assert gateway.without_temporaries()
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


def test_mode_is_private_unless_asked_otherwise(gateway):
    before = os.umask(0)
    try:
        gateway.create("private", LAYOUT)
        gateway.create("shared", LAYOUT, mode="0640")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(gateway.path("private")).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(gateway.path("shared")).st_mode) == 0o640
    assert [gateway.request("GET", f"/segments/{name}").json()["mode"] for name in ("private", "shared")] == ["0600", "0640"]


DTYPES = ["|b1", "|i1", "<u2", ">i4", "<f2", "<f8", "bfloat16", ">c16", "|S3", "<U2", "<M8[ns]", ">m8[25s]", [["x", "<f4"], ["y", ">i2", [2]]]]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [[], [3], [2, 0, 4], [2, 3, 5]], ids=str)
def test_header_says_where_every_array_lies(gateway, dtype, shape):
    attrs = {"unit": "€", "big": 2**70, "none": None}
    layout = {"kind": "ndarray", "dtype": dtype, "shape": shape}
    description = gateway.create("header", layout, attrs=attrs, replace=True).json()
    fields = words(gateway.path("header"))
    content = open(gateway.path("header"), "rb").read()
    header = json.loads(content[4096 : 4096 + fields["header_bytes"]])
    stored = "<u2" if dtype == "bfloat16" else dtype
    numpy = np.dtype([tuple(field) for field in stored] if isinstance(stored, list) else stored)
    strides = list(np.empty([max(extent, 1) for extent in shape], numpy).strides)
    offset = header["buffers"][0]["offset"]
    assert header == {
        "format": 1,
        "layout": layout,
        "buffers": [{"path": "values", "dtype": stored, "shape": shape, "strides": strides, "offset": offset}],
        "attrs": attrs,
    }
    assert offset % 64 == 0 and offset >= fields["data_offset"]
    assert offset + numpy.itemsize * int(np.prod(shape)) <= fields["total_bytes"] <= len(content)
    assert set(content[4096 + fields["header_bytes"] : fields["data_offset"]]) <= {0}
    assert description["mmap"]["buffers"] == header["buffers"]


def test_bytes_are_one_buffer(gateway):
    description = gateway.create("blob", {"kind": "bytes", "size": 5}, data="AAECAwQ=").json()
    buffer = {"path": "values", "dtype": "|u1", "shape": [5], "strides": [1], "offset": 8192}
    assert description["mmap"]["buffers"] == [buffer]
    assert in_another_process(gateway.path("blob"), "print(a.tolist())") == "[0, 1, 2, 3, 4]\n"


def test_a_large_header_moves_the_data(gateway):
    attrs = {"text": "x" * 20_000}
    gateway.create("wordy", LAYOUT, fill=3, attrs=attrs)
    fields = words(gateway.path("wordy"))
    content = open(gateway.path("wordy"), "rb").read()
    header = json.loads(content[4096 : 4096 + fields["header_bytes"]])
    assert header["attrs"] == attrs
    assert fields["data_offset"] >= 4096 + fields["header_bytes"]
    values = np.memmap(gateway.path("wordy"), "<f4", "r", header["buffers"][0]["offset"], (3, 5))
    assert (values == 3).all()


def test_description_names_the_file_that_is_mapped(gateway):
    described = gateway.create("place", LAYOUT).json()
    status = os.stat(gateway.path("place"))
    assert described["mmap"]["path"] == gateway.path("place")
    assert (described["mmap"]["dev"], described["mmap"]["ino"]) == (status.st_dev, status.st_ino)
    assert (described["uid"], described["gid"]) == (status.st_uid, status.st_gid)
    assert described["size"] == words(gateway.path("place"))["total_bytes"]
    assert described["nbytes"] == 60


def test_every_write_advances_sequence_by_two(gateway):
    described = gateway.create("steps", LAYOUT).json()
    expected = described["sequence"]
    for number in range(20):
        answer = gateway.request("PATCH", "/segments/steps/data?slice=0,0", number)
        expected += 2
        assert answer.headers["ETag"] == f'"{described["uuid"]}-{expected}"'
        assert words(gateway.path("steps"))["sequence"] == expected
    refused = gateway.request("PATCH", "/segments/steps/data?slice=9", 1)
    assert refused.status == 422
    fields = words(gateway.path("steps"))
    assert fields["sequence"] == expected
    assert fields["created_ns"] <= fields["modified_ns"] <= time.time_ns()


def test_a_local_write_in_the_protocol_changes_the_tag(gateway):
    gateway.create("local", LAYOUT)
    before = gateway.request("GET", "/segments/local/data").headers["ETag"]
    writer = Neighbour(gateway.path("local"))
    writer.lock()
    writer.begin()
    np.memmap(gateway.path("local"), "<f4", "r+", 8192, (15,))[:] = 4
    writer.end()
    writer.unlock()
    answer = gateway.request("GET", "/segments/local/data?slice=0,0", headers={"If-None-Match": before})
    assert (answer.status, answer.json()["data"]) == (200, 4.0)
    assert gateway.request("PATCH", "/segments/local/data", 1, {"If-Match": before}).status == 412
    assert gateway.request("GET", "/segments/local").json()["writer"]["pid"] == os.getpid()


def journal(page):
    """The journal's head, its payload, and whether its checksum holds."""
    names = ("kind", "flags", "sequence", "uuid", "bytes", "file", "crc")
    head = dict(zip(names, struct.unpack_from("<IIQ16sQ16sI", page, 2048)))
    payload = page[2112 : 2112 + head["bytes"]]
    return head, payload, zlib.crc32(payload, zlib.crc32(page[2048:2104])) == head["crc"]


def replayed(payload, data):
    """Applies records of an in-page journal, as FORMAT.md has them, to the bytes of a segment."""
    data, at = bytearray(data), 0
    while at < len(payload):
        offset, rank, itemsize = struct.unpack_from("<QII", payload, at)
        shape = struct.unpack_from(f"<{rank}Q", payload, at + 16)
        strides = struct.unpack_from(f"<{rank}q", payload, at + 16 + 8 * rank)
        at += 16 + 16 * rank
        for index in np.ndindex(shape):
            start = offset + sum(i * s for i, s in zip(index, strides))
            data[start : start + itemsize] = payload[at : at + itemsize]
            at += itemsize
    assert at == len(payload)
    return bytes(data)


@pytest.mark.parametrize("text, flags", [("1,::2", 0), ("::-1,1:3", 0), ("[0,2],[4,0]", 0), ("-1", 0), ("...", 1), ("::-1", 1), ("0:3,:", 1)])
def test_a_journal_in_the_page_is_the_write_again(gateway, text, flags):
    gateway.create("again", LAYOUT, replace=True)
    path = gateway.path("again")
    before = open(path, "rb").read()
    value = np.arange(1, 16, dtype="<f4").reshape(3, 5).tolist() if flags else 7
    assert gateway.request("PATCH", f"/segments/again/data?slice={text}", value).status == 204
    after = open(path, "rb").read()
    fields = words(path)
    head, payload, holds = journal(after)
    assert (head["kind"], head["flags"], head["uuid"]) == (1, flags, fields["uuid"])
    assert head["sequence"] == fields["sequence"] - 1
    assert holds
    assert len(payload) <= 4096 - 2112
    assert replayed(payload, before)[fields["data_offset"] :] == after[fields["data_offset"] :]


def die(path, before, after, start=0, stop=None, change=lambda page: None):
    """As if a gateway had been killed behind its odd store: part of the old data is still there, the journal stands."""
    data_offset = words(path)["data_offset"]
    page = bytearray(after[:4096])
    struct.pack_into("<Q", page, 64, struct.unpack_from("<Q", after, 64)[0] - 1)
    change(page)
    data = bytearray(after[data_offset:])
    data[start:stop] = before[data_offset:][start:stop]
    with open(path, "r+b", buffering=0) as file:
        file.write(page)
        file.seek(data_offset)
        file.write(data)


def before_and_after(gateway, name, query, value):
    """The bytes of a segment on both sides of one write."""
    path = gateway.path(name)
    before = open(path, "rb").read()
    assert gateway.request("PATCH", f"/segments/{name}/data{query}", value).status == 204
    return before, open(path, "rb").read()


@pytest.mark.parametrize("stop", [0, 8, 60], ids=["all written", "some written", "nothing written"])
@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_the_next_write_finishes_one_that_died(own_gateway, stop, restart):
    gateway = own_gateway()
    gateway.create("died", LAYOUT, fill=1)
    before, after = before_and_after(gateway, "died", "?slice=0:2", [[1.5, 2.5, 3.5, 4.5, 5.5]] * 2)
    if restart:
        gateway.stop()
    die(gateway.path("died"), before, after, 0, stop)
    if restart:
        gateway.start()
    answer = gateway.request("GET", "/segments/died/data?format=raw")
    assert answer.body == after[8192 : 8192 + 60]
    assert "Shm-Damaged" not in answer.headers
    assert gateway.request("PATCH", "/segments/died/data?slice=2", 9).status == 204
    expected = np.frombuffer(after[8192 : 8192 + 60], "<f4").reshape(3, 5).copy()
    expected[2] = 9
    assert gateway.request("GET", "/segments/died/data?format=raw").body == expected.tobytes()
    fields = words(gateway.path("died"))
    assert (fields["interrupted_writes"], fields["damaged"]) == (0, 0)
    assert fields["sequence"] == struct.unpack_from("<Q", after, 64)[0] + 2


def test_the_replay_of_a_whole_write_clears_damaged_and_that_of_a_part_does_not(own_gateway):
    gateway = own_gateway()
    gateway.create("whole", LAYOUT)
    before, after = before_and_after(gateway, "whole", "", 5)
    die(gateway.path("whole"), before, after, 0, 60, lambda page: struct.pack_into("<Q", page, 120, 1))
    assert gateway.request("PATCH", "/segments/whole/data?slice=0,0", 6).status == 204
    assert words(gateway.path("whole"))["damaged"] == 0
    gateway.create("part", LAYOUT)
    before, after = before_and_after(gateway, "part", "?slice=0", 5)
    die(gateway.path("part"), before, after, 0, 60, lambda page: struct.pack_into("<Q", page, 120, 1))
    assert gateway.request("PATCH", "/segments/part/data?slice=1", 6).status == 204
    assert words(gateway.path("part"))["damaged"] == 1
    assert gateway.request("GET", "/segments/part/data?slice=0").json()["data"] == [5.0] * 5


def recorded(offset):
    """A journal whose checksum holds and whose record aims elsewhere."""

    return stored("<Q", 2112, offset)


def checksummed(page):
    """Makes the checksum hold again."""
    (count,) = struct.unpack_from("<Q", page, 2080)
    struct.pack_into("<I", page, 2104, zlib.crc32(page[2112 : 2112 + count], zlib.crc32(page[2048:2104])))


def stored(form, offset, value):
    """A journal whose checksum holds over one field that is not what it should be."""

    def change(page):
        struct.pack_into(form, page, offset, value)
        checksummed(page)

    return change


VOID_JOURNALS = {
    "no journal": lambda page: struct.pack_into("<I", page, 2048, 0),
    "a wrong checksum": lambda page: struct.pack_into("<I", page, 2104, 12345),
    "another segment's": stored("16s", 2064, bytes(16)),
    "an older write's": lambda page: (struct.pack_into("<Q", page, 2056, 1), struct.pack_into("<Q", page, 64, 5), checksummed(page)),
    "aims at the control page": recorded(64),
    "aims at the header": recorded(4096),
    "aims behind the end": recorded(12_288 - 4),
    "aims beyond the file": recorded(1 << 40),
    "aims around the address space": recorded((1 << 64) - 8),
    "more bytes than the page has": lambda page: struct.pack_into("<Q", page, 2080, 1 << 20),
    "more bytes than there are": lambda page: struct.pack_into("<Q", page, 2080, (1 << 64) - 1),
    "a vast rank": stored("<I", 2120, 1 << 31),
    "a vast item": stored("<I", 2124, 1 << 31),
    "a vast extent": stored("<Q", 2128, 1 << 62),
    "a vast stride": stored("<q", 2136, (1 << 63) - 1),
    "a stride out of the data": stored("<q", 2136, -4096),
    "an unknown kind": stored("<I", 2048, 9),
    "a staged file that is gone": stored("<I", 2048, 2),
}


@pytest.mark.parametrize("void", VOID_JOURNALS)
def test_a_journal_that_does_not_hold_is_not_replayed(own_gateway, void):
    gateway = own_gateway()
    gateway.create("void", LAYOUT)
    before, after = before_and_after(gateway, "void", "?slice=0,::2", [1, 2, 3])
    assert struct.unpack_from("<QII", after, 2112) == (8192, 1, 4), "the cases below change this record"
    die(gateway.path("void"), before, after, 0, 60, VOID_JOURNALS[void])
    answer = gateway.request("GET", "/segments/void/data?format=raw")
    assert (answer.status, answer.headers["Shm-Damaged"]) == (200, "1")
    assert answer.body == bytes(60)
    assert gateway.request("GET", "/segments/void").json()["writer"]["damaged"] is True
    assert gateway.request("PATCH", "/segments/void/data?slice=2", 7).status == 204
    fields = words(gateway.path("void"))
    assert (fields["interrupted_writes"], fields["damaged"], fields["sequence"] % 2) == (1, 1, 0)
    content = open(gateway.path("void"), "rb").read()
    assert content[8192:8232] == bytes(40), "the journal was replayed"
    assert content[4096:8192] == after[4096:8192], "the header was changed"
    assert gateway.request("PATCH", "/segments/void/data", 8).status == 204
    assert words(gateway.path("void"))["damaged"] == 0


@pytest.mark.parametrize("holds", [True, False], ids=["journal", "no journal"])
def test_who_may_only_read_beside_a_dead_writer_changes_nothing(holds):
    with gateway_of_nobody() as gateway:
        gateway.create("read", LAYOUT)
        path = gateway.path("read")
        before, after = before_and_after(gateway, "read", "?slice=0", [1, 2, 3, 4, 5])
        gateway.stop()
        die(path, before, after, 0, 60, (lambda page: None) if holds else VOID_JOURNALS["no journal"])
        os.chmod(path, 0o400)
        found = open(path, "rb").read()
        gateway.start()
        for form in ("json", "npy", "raw"):
            answer = gateway.request("GET", f"/segments/read/data?format={form}")
            assert answer.status == 200
            assert answer.headers.get("Shm-Damaged") == (None if holds else "1")
        assert answer.body == (after if holds else before)[8192 : 8192 + 60]
        assert gateway.request("GET", "/segments/read").json()["writer"]["damaged"] is not holds
        assert gateway.request("PATCH", "/segments/read/data", 1).json()["code"] == "forbidden"
        assert open(path, "rb").read() == found


def test_who_only_describes_lists_or_reads_relaxed_never_waits(gateway):
    described = gateway.create("slow", LAYOUT, fill=2).json()
    writer = Neighbour(gateway.path("slow"))
    writer.lock()
    writer.begin()
    answer = gateway.request("GET", "/segments/slow/data")
    assert (answer.status, answer.json()["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) >= 1
    during = gateway.request("GET", "/segments/slow").json()
    assert during["sequence"] == described["sequence"], "the last even sequence"
    assert during["writer"]["state"] != "idle"
    assert during["writer"]["damaged"] is False
    assert "slow" in [entry["name"] for entry in gateway.request("GET", "/segments").json()["segments"]]
    relaxed = gateway.request("GET", "/segments/slow/data?consistency=relaxed&slice=0,0")
    assert (relaxed.status, relaxed.json()["data"]) == (200, 2.0)
    writer.end()
    writer.unlock()
    assert gateway.request("GET", "/segments/slow/data").status == 200
    assert gateway.request("GET", "/segments/slow").json()["writer"]["state"] == "idle"


def test_who_holds_the_turnstile_holds_back_writers(gateway):
    gateway.create("turn", LAYOUT)
    holder = os.open(gateway.path("turn"), os.O_RDWR)
    lock_range(holder, F_OFD_SETLK, fcntl.F_WRLCK, TURNSTILE)
    assert gateway.request("PATCH", "/segments/turn/data", 1).status == 503
    assert gateway.request("GET", "/segments/turn/data").status == 200
    lock_range(holder, F_OFD_SETLK, fcntl.F_UNLCK, TURNSTILE)
    assert gateway.request("PATCH", "/segments/turn/data", 1).status == 204
    os.close(holder)


@pytest.mark.parametrize("state", [1, 2])
def test_a_name_whose_end_did_not_come_is_alive_again(gateway, state):
    gateway.create("undead", LAYOUT, replace=True)
    with open(gateway.path("undead"), "r+b", buffering=0) as file:
        file.seek(112)
        file.write(struct.pack("<Q", state))
    assert gateway.request("PATCH", "/segments/undead/data", 3).status == 204
    assert words(gateway.path("undead"))["state"] == 0
    assert gateway.request("GET", "/segments/undead/data?slice=0,0").json()["data"] == 3.0


def test_a_name_that_a_neighbour_moves_is_followed(gateway):
    gateway.create("name", LAYOUT, fill=1)
    gateway.create("other", LAYOUT, fill=2)
    old = np.memmap(gateway.path("name"), "<f4", "r", 8192, (15,))
    assert gateway.request("GET", "/segments/name/data?slice=0,0").json()["data"] == 1.0
    os.rename(gateway.path("other"), gateway.path("name"))
    assert gateway.request("GET", "/segments/name/data?slice=0,0").json()["data"] == 2.0
    assert gateway.request("PATCH", "/segments/name/data", 3).status == 204
    assert (np.memmap(gateway.path("name"), "<f4", "r", 8192, (15,)) == 3).all()
    assert (old == 1).all(), "written into the file that has no name any more"
    assert gateway.request("GET", "/segments/other").status == 404


def test_both_count_in_one_cell_and_no_step_is_lost(gateway, report):
    gateway.create("cell", {"kind": "ndarray", "dtype": "u8", "shape": []})
    steps = 300
    program = f"""
import sys
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
from protocol import Neighbour
import numpy as np
writer = Neighbour(sys.argv[1])
cell = np.memmap(sys.argv[1], np.uint64, "r+", 8192, (1,))
print("ready", flush=True)
for _ in range({steps}):
    writer.lock()
    writer.begin()
    cell[0] += 1
    writer.end()
    writer.unlock()
"""
    process = subprocess.Popen([sys.executable, "-c", program, gateway.path("cell")], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    done = lost = 0
    while done < steps:
        read = gateway.request("GET", "/segments/cell/data")
        answer = gateway.request("PATCH", "/segments/cell/data", read.json()["data"] + 1, {"If-Match": read.headers["ETag"]})
        assert answer.status in (204, 412), answer
        done += answer.status == 204
        lost += answer.status == 412
    assert process.wait(timeout=120) == 0
    process.stdout.close()
    assert gateway.request("GET", "/segments/cell/data").json()["data"] == 2 * steps
    report(f"one cell counted from both sides: {2 * steps} steps, none lost, {lost} attempts of the gateway's were beaten")
