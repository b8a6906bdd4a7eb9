"""The format to the byte: publication, the control page, journals, corrupt files, waiting."""

import errno
import json
import os
import stat
import struct
import threading
import uuid
import zlib

import numpy as np
import pandas as pd
import pytest
from conftest import DEADLINE

import shmgate as shm


def read(directory, name="a"):
    with open(f"{directory}/{name}", "rb") as file:
        return file.read()


def patch(directory, offset, data, name="a"):
    with open(f"{directory}/{name}", "r+b", buffering=0) as file:
        file.seek(offset)
        file.write(data)


def words(directory, name="a"):
    names = "total_bytes header_offset header_bytes data_offset sequence interrupted_writes writer_pid"
    page = read(directory, name)
    fields = dict(zip(names.split(), struct.unpack_from("<7Q", page, 32)))
    fields |= dict(zip(("created_ns", "modified_ns", "expires_ns"), struct.unpack_from("<3q", page, 88)))
    return fields | dict(zip(("state", "damaged"), struct.unpack_from("<2Q", page, 112)))


@pytest.fixture
def array(directory):
    return shm.create("a", shm.NdArrayLayout("<f4", (3, 5), init_value=np.arange(15).reshape(3, 5)))


# Publication


def test_control_page(directory, array):
    page = read(directory)
    assert page[:16] == b"SHMGATE\0" + struct.pack("<II", 1, 0)
    identity = uuid.UUID(bytes=page[16:32])
    assert (identity.version, identity.variant) == (4, uuid.RFC_4122)
    assert shm.info("a").uuid == identity
    fields = words(directory)
    assert (fields["total_bytes"], fields["header_offset"], fields["data_offset"]) == (12288, 4096, 8192)
    assert (fields["sequence"], fields["writer_pid"], fields["state"], fields["damaged"]) == (2, os.getpid(), 0, 0)
    assert (fields["interrupted_writes"], fields["expires_ns"]) == (0, 0)
    assert fields["created_ns"] == fields["modified_ns"] > 0
    assert set(page[128:4096]) == {0}
    assert page[4096 : 4096 + fields["header_bytes"]].endswith(b"}")
    assert set(page[4096 + fields["header_bytes"] : 8192]) == {0}
    assert len(page) == 12288
    assert stat.S_IMODE(os.stat(f"{directory}/a").st_mode) == 0o600


def test_three_lines_of_numpy_read_it(directory, array):
    p = f"{directory}/a"
    with open(p, "rb") as file:
        h = json.loads(file.read(8192)[4096:].rstrip(b"\0"))
    b = h["buffers"][0]
    a = np.memmap(p, b["dtype"], "r+", b["offset"], tuple(b["shape"]))
    assert np.array_equal(a, array)
    a[0, 0] = 99
    assert array[0, 0] == 99


def test_settings_of_a_new_segment(directory):
    before = os.umask(0o077)
    try:
        shm.create("a", shm.BytesLayout(1), mode=0o640, ttl=60, readonly=True)
    finally:
        os.umask(before)
    fields = words(directory)
    assert stat.S_IMODE(os.stat(f"{directory}/a").st_mode) == 0o640
    assert fields["expires_ns"] - fields["created_ns"] == 60 * 10**9
    assert struct.unpack_from("<I", read(directory), 12) == (1,)


def test_a_taken_name_is_refused(directory, array):
    with pytest.raises(FileExistsError, match="exists") as caught:
        shm.create("a", shm.BytesLayout(1))
    assert caught.value.errno == errno.EEXIST
    assert shm.load("a").shape == (3, 5)
    with open(f"{directory}/file", "wb") as file:
        file.write(b"no segment")
    for replace in (False, True):
        with pytest.raises(shm.SegmentExists):
            shm.create("file", shm.BytesLayout(1), replace=replace)
    assert read(directory, "file") == b"no segment"
    assert shm.list() == ["a"]


def test_a_lost_race_for_a_name_leaves_nothing(directory, array, monkeypatch):
    monkeypatch.setattr(os.path, "lexists", lambda path: False)
    with pytest.raises(shm.SegmentExists):
        shm.create("a", shm.BytesLayout(1))


def test_link_serves_where_renameat2_does_not(directory, monkeypatch):
    from shmgate import futex

    class Old:
        pass

    monkeypatch.setattr(futex, "_LIBC", Old())
    os.close(os.open(f"{directory}/old", os.O_CREAT))
    futex.rename_new(f"{directory}/old", f"{directory}/new")
    os.close(os.open(f"{directory}/old", os.O_CREAT))
    with pytest.raises(FileExistsError):
        futex.rename_new(f"{directory}/old", f"{directory}/new")
    assert sorted(os.listdir(directory)) == ["new", "old"]


def test_replacing_tells_who_has_the_old_one(directory, array):
    old = np.memmap(f"{directory}/a", np.uint64, "r", 0, (16,))
    shm.create("a", shm.NdArrayLayout("i8", 2, init_value=7), replace=True)
    assert (old[14], old[8]) == (1, 4)
    assert array[2, 4] == 14, "the old mapping is whole"
    assert shm.load("a").tolist() == [7, 7]
    assert words(directory)["state"] == 0


def test_unlinking_tells_who_has_it(directory, array):
    old = np.memmap(f"{directory}/a", np.uint64, "r", 0, (16,))
    shm.unlink("a")
    assert (old[14], old[8]) == (2, 4)
    assert array[2, 4] == 14
    for use in (shm.load, shm.unlink, shm.snapshot, shm.info, shm.wait):
        with pytest.raises(FileNotFoundError):
            use("a")


def test_no_space_is_an_error_that_leaves_nothing(directory):
    with pytest.raises(OSError) as caught:
        shm.create("a", shm.BytesLayout(1 << 55))
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(directory) == []


def test_a_reservation_that_fails_leaves_nothing(directory, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError) as caught:
        shm.create("a", shm.BytesLayout(1))
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(directory) == []


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a b", "ü", "x" * 201, "a\n", 5, None])
def test_names(directory, name):
    for use in (shm.load, shm.unlink, lambda n: shm.create(n, shm.BytesLayout(1))):
        with pytest.raises(shm.InvalidName):
            use(name)


def test_list_names_segments_only(directory, array):
    shm.create("b", shm.BytesLayout(1))
    os.mkdir(f"{directory}/folder")
    os.symlink("a", f"{directory}/link")
    os.mkfifo(f"{directory}/pipe")
    with open(f"{directory}/other", "wb") as file:
        file.write(b"x" * 200)
    assert shm.list() == shm.list(directory) == ["a", "b"]
    for name in ("folder", "link", "pipe", "other"):
        with pytest.raises(shm.NoSuchSegment):
            shm.load(name)
        with pytest.raises(shm.NoSuchSegment):
            shm.unlink(name)
        assert os.path.lexists(f"{directory}/{name}")


def test_directory_of_ones_own(directory, tmp_path_factory):
    inner = f"{directory}/inner"
    os.mkdir(inner)
    shm.create("a", shm.NdArrayLayout("i8", 2, init_value=3), directory=inner)
    assert shm.list() == [] and shm.list(inner) == ["a"]
    with shm.write("a", directory=inner) as array:
        array[0] = 4
    assert shm.snapshot("a", directory=inner).tolist() == shm.load("a", directory=inner).tolist() == [4, 3]
    assert shm.SharedMemory.create("m", 5, directory=inner).size == 5
    assert shm.wait("a", after=2, directory=inner) == 4
    for name in shm.list(inner):
        shm.unlink(name, directory=inner)


def test_shared_memory_of_other_kinds_is_refused(directory, array):
    with pytest.raises(shm.InvalidLayout, match="ndarray"):
        shm.SharedMemory.open("a")
    with shm.SharedMemory.create("m", 4) as memory:
        part = memory.buf[1:]
    with pytest.raises(ValueError, match="closed"):
        memory.buf
    part[0] = 5
    assert bytes(shm.load("m")) == b"\0\5\0\0"
    with pytest.raises(TypeError):
        shm.SharedMemory.open("m", "r").buf[0] = 1


# Corrupt files

CORRUPT = {
    "header_offset": (40, struct.pack("<Q", 8192)),
    "total_bytes too large": (32, struct.pack("<Q", 1 << 40)),
    "total_bytes odd": (32, struct.pack("<Q", 12287)),
    "total_bytes small": (32, struct.pack("<Q", 4096)),
    "header_bytes": (48, struct.pack("<Q", 5000)),
    "header_bytes too large": (48, struct.pack("<Q", 1 << 63)),
    "data_offset": (56, struct.pack("<Q", 8200)),
    "data_offset too large": (56, struct.pack("<Q", 1 << 20)),
    "no JSON": (4096, b"["),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_a_corrupt_page_is_refused_and_can_be_unlinked(directory, array, name):
    patch(directory, *CORRUPT[name])
    for use in (shm.load, shm.info, shm.snapshot):
        with pytest.raises(shm.CorruptSegment):
            use("a")
    with pytest.raises(shm.CorruptSegment), shm.write("a"):
        pass
    assert os.stat(f"{directory}/a").st_size == 12288
    assert shm.list() == ["a"]
    shm.unlink("a")
    assert shm.list() == []


@pytest.mark.parametrize("name", CORRUPT)
def test_a_corrupt_segment_can_be_replaced(directory, array, name):
    patch(directory, *CORRUPT[name])
    shm.create("a", shm.NdArrayLayout("uint8", (3,), init_value=7), replace=True)
    assert shm.load("a").tolist() == [7, 7, 7]
    assert os.listdir(directory) == ["a"]


def test_a_file_shorter_than_a_page_can_be_unlinked(directory, array):
    os.truncate(f"{directory}/a", 20)
    shm.unlink("a")
    assert os.listdir(directory) == []


@pytest.mark.parametrize("offset, value", [(8, 2), (12, 2), (12, 3)])
def test_another_format_is_refused(directory, array, offset, value):
    patch(directory, offset, struct.pack("<I", value))
    with pytest.raises(shm.UnsupportedFormat):
        shm.load("a")
    shm.unlink("a")


def test_a_truncated_file_is_refused(directory, array):
    os.truncate(f"{directory}/a", 8192)
    with pytest.raises(shm.CorruptSegment, match="the file has 8192"):
        shm.load("a")
    os.truncate(f"{directory}/a", 20)
    with pytest.raises(shm.CorruptSegment, match="got 20"):
        shm.load("a")
    os.truncate(f"{directory}/a", 7)
    with pytest.raises(shm.NoSuchSegment):
        shm.load("a")


def forge(directory, change, name="a"):
    """Rewrites the header as somebody else might."""
    page = read(directory, name)
    size = struct.unpack_from("<Q", page, 48)[0]
    header = json.loads(page[4096 : 4096 + size])
    changed = change(header)
    text = changed if isinstance(changed, bytes) else json.dumps(header if changed is None else changed).encode()
    assert len(text) <= 4096
    patch(directory, 4096, text.ljust(4096, b"\0"), name)
    patch(directory, 48, struct.pack("<Q", len(text)), name)


def buffer(**fields):
    return lambda header: header["buffers"][0].update(fields)


def layout(**fields):
    return lambda header: header["layout"].update(fields)


FORGED = {
    "format 2": lambda h: h.update(format=2),
    "no buffers": lambda h: h.pop("buffers"),
    "two buffers": lambda h: h["buffers"].append(h["buffers"][0]),
    "no layout": lambda h: h.pop("layout"),
    "layout as text": lambda h: h.update(layout="ndarray"),
    "attrs as list": lambda h: h.update(attrs=[]),
    "unknown kind": layout(kind="nonsense"),
    "unknown field": layout(extra=1),
    "another shape": layout(shape=[3, 6]),
    "negative shape": layout(shape=[-1, 5]),
    "shape of bools": layout(shape=[True, 5]),
    "huge shape": layout(shape=[1 << 59, 1 << 59]),
    "shape as text": layout(shape="35"),
    "object dtype": layout(dtype="O"),
    "null dtype": layout(dtype=None),
    "dtype as object": layout(dtype={"names": ["a"], "formats": ["f4"], "offsets": [1 << 30]}),
    "another dtype": layout(dtype="<f8"),
    "buffer of another path": buffer(path="index"),
    "buffer of another dtype": buffer(dtype="<i4"),
    "buffer of another shape": buffer(shape=[5, 3]),
    "other strides": buffer(strides=[4, 12]),
    "no strides": buffer(strides=None),
    "negative offset": buffer(offset=-64),
    "offset as text": buffer(offset="8192"),
    "offset as float": buffer(offset=8192.0),
    "unaligned": buffer(offset=8200),
    "before the data": buffer(offset=4096),
    "beyond the end": buffer(offset=12288),
    "buffer as list": lambda h: h.update(buffers=[[]]),
    "deep": lambda h: h["attrs"].update(deep=json.loads("[" * 70 + "]" * 70)),
    "very deep": lambda h: b"[" * 4000,
    "NaN": lambda h: b'{"format": NaN}',
    "no UTF-8": lambda h: b'{"\xff": 1}',
    "a list": lambda h: [],
    "alias as text": layout(alias="orderbook"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_header_is_refused(directory, array, name):
    forge(directory, FORGED[name])
    for use in (shm.load, shm.info):
        with pytest.raises(shm.CorruptSegment, match="expected|unknown|lacks|the header"):
            use("a")
    with pytest.raises(shm.CorruptSegment), shm.write("a"):
        pass
    assert words(directory)["sequence"] == 2, "nothing was written"
    assert os.stat(f"{directory}/a").st_size == 12288


FORGED_FRAMES = {
    "overlap": lambda h: h["buffers"][1].update(offset=h["buffers"][0]["offset"]),
    "labels elsewhere": lambda h: h["layout"]["index"].update(buffer="columns/a"),
    "labels of objects": lambda h: h["layout"]["index"].update(dtype="O"),
    "number of labels": lambda h: h["layout"]["index"].update(size=-1),
    "range": lambda h: h["layout"].update(index={"range": [0, 3, 0]}),
    "range of text": lambda h: h["layout"].update(index={"range": ["a", 3, 1]}),
    "huge range": lambda h: h["layout"].update(index={"range": [0, 1 << 70, 1]}),
    "column twice": lambda h: h["layout"]["columns"][1].update(name="a"),
    "column without name": lambda h: h["layout"]["columns"][1].update(name=""),
    "column as text": lambda h: h["layout"].update(columns=["a", "b"]),
    "zone of a number": lambda h: h["layout"]["columns"][0].update(tz="UTC"),
    "name of the labels": lambda h: h["layout"]["index"].update(name=5),
}


@pytest.mark.parametrize("name", FORGED_FRAMES)
def test_a_forged_header_of_a_frame_is_refused(directory, name):
    shm.create("a", shm.DataFrameLayout({"a": "f4", "b": "i8"}, index=["x", "y"]))
    forge(directory, FORGED_FRAMES[name])
    with pytest.raises(shm.CorruptSegment):
        shm.load("a")


@pytest.mark.parametrize("offsets", [[1, 1, 2], [0, 2, 1], [0, 1, 3], [0, -1, 2], [0, 1 << 62, 2]])
def test_forged_texts_are_refused(directory, offsets):
    shm.create("a", shm.SeriesLayout("f4", index=["x", "y"]))
    place = next(b["offset"] for b in shm.info("a").buffers if b["path"] == "index/offsets")
    patch(directory, place, struct.pack("<3q", *offsets))
    with pytest.raises(shm.CorruptSegment, match="offsets"):
        shm.load("a")
    patch(directory, place, struct.pack("<3q", 0, 1, 2))
    patch(directory, place + 64, b"\xff\xfe")
    with pytest.raises(shm.CorruptSegment, match="UTF-8"):
        shm.load("a")


# Journals


def journal(
    directory, records, *, kind=1, flags=0, sequence=None, owner=None, name=bytes(16), crc=None, die=True, payload=None
):
    """Stores a journal as a writer does that dies behind its odd store."""
    page = read(directory)
    sequence = struct.unpack_from("<Q", page, 64)[0] + 1 if sequence is None else sequence
    payload = records if payload is None else payload
    head = struct.pack("<IIQ16sQ16s", kind, flags, sequence, owner or page[16:32], len(payload), name)
    checksum = zlib.crc32(payload, zlib.crc32(head)) if crc is None else crc
    patch(directory, 2048, head + struct.pack("<II", checksum, 0) + (payload if kind == 1 else b""))
    if die:
        patch(directory, 64, struct.pack("<Q", struct.unpack_from("<Q", page, 64)[0] | 1))


def record(offset, values, strides, data=None):
    values = np.asarray(values, "<f4")
    head = struct.pack("<QII", offset, values.ndim, 4) + struct.pack(
        f"<{values.ndim}Q{values.ndim}q", *values.shape, *strides
    )
    return head + (values.tobytes() if data is None else struct.pack("<Q", data))


def staged(directory, name, records, data, *, commit=1, owner=None, sequence=3):
    """A staged file: head, entry, data at 4096, records behind."""
    owner = owner or read(directory)[16:32]
    place = 4096 + len(data)
    entry = struct.pack("<16sQQQ", owner, sequence, place, len(records))
    with open(f"{directory}/.shmgate-journal-{name.hex()}", "wb") as file:
        file.write(struct.pack("<8sIIQ", b"SHMGJRN\0", 1, commit, 1) + entry)
        file.seek(4096)
        file.write(data + records)
    return struct.pack("<8sIIQ", b"SHMGJRN\0", 1, 0, 1) + entry + records


EXPECTED = np.arange(15, dtype="<f4").reshape(3, 5)


def replayed():
    """Column 1 and the last row backwards, as the records below have it."""
    expected = EXPECTED.copy()
    expected[:, 1] = [100, 101, 102]
    expected[2, ::-1] = [1, 2, 3, 4, 5]
    return expected


def records(data=None):
    return record(8196, [100, 101, 102], [20], data) + record(8192 + 56, [1, 2, 3, 4, 5], [-4], data and data + 12)


@pytest.mark.parametrize("flags, damaged", [(0, 1), (1, 0)])
def test_a_journal_in_the_page_is_replayed(directory, array, flags, damaged):
    patch(directory, 120, struct.pack("<Q", 1))
    journal(directory, records(), flags=flags)
    before = read(directory)
    if damaged:
        with pytest.warns(shm.DamagedWarning):
            copy = shm.snapshot("a")
    else:
        copy = shm.snapshot("a")
    assert np.array_equal(copy, replayed())
    assert read(directory) == before, "a reader changes nothing"
    with shm.write("a") as obj:
        assert np.array_equal(obj, replayed())
    fields = words(directory)
    assert (fields["damaged"], fields["interrupted_writes"], fields["sequence"]) == (damaged, 0, 6)
    assert struct.unpack_from("<I", read(directory), 2048) == (0,)


@pytest.mark.parametrize("kind", [2, 3])
def test_a_staged_journal_is_replayed(directory, array, kind):
    name = os.urandom(16)
    data = np.array([100, 101, 102, 1, 2, 3, 4, 5], "<f4").tobytes()
    payload = staged(directory, name, records(4096), data)
    journal(directory, None, kind=kind, name=name, payload=payload)
    assert np.array_equal(shm.snapshot("a"), replayed())
    path = f"{directory}/.shmgate-journal-{name.hex()}"
    assert os.path.exists(path)
    with shm.write("a") as obj:
        assert np.array_equal(obj, replayed())
    assert (words(directory)["damaged"], words(directory)["interrupted_writes"]) == (0, 0)
    assert os.path.exists(path) == (kind == 3), "one that other segments may need stays"
    if kind == 3:
        os.unlink(path)


def test_a_staged_journal_without_commit_wrote_nothing(directory, array):
    name = os.urandom(16)
    payload = staged(directory, name, records(4096), bytes(32), commit=0)
    journal(directory, None, kind=2, name=name, payload=payload)
    assert np.array_equal(shm.snapshot("a"), EXPECTED)
    with shm.write("a") as obj:
        assert np.array_equal(obj, EXPECTED)
    assert (words(directory)["damaged"], words(directory)["interrupted_writes"]) == (0, 0)
    assert os.listdir(directory) == ["a"]


VOID = {
    "none": lambda d: journal(d, b"", kind=0),
    "unknown kind": lambda d: journal(d, records(), kind=9),
    "older": lambda d: journal(d, records(), sequence=1),
    "of another segment": lambda d: journal(d, records(), owner=bytes(16)),
    "checksum": lambda d: journal(d, records(), crc=1),
    "into the header": lambda d: journal(d, record(4096, [1], [4])),
    "into the page": lambda d: journal(d, record(64, [1], [4])),
    "behind the end": lambda d: journal(d, record(12288 - 4, [1, 2], [4])),
    "backwards out": lambda d: journal(d, record(8192, [1, 2], [-4])),
    "overflow": lambda d: journal(d, record((1 << 64) - 4, [1, 2], [4])),
    "cut": lambda d: journal(d, records()[:-1]),
    "cut head": lambda d: journal(d, records()[:20]),
    "second record bad": lambda d: journal(d, record(8196, [100, 101, 102], [20]) + record(64, [1], [4])),
    "too many axes": lambda d: journal(d, struct.pack("<QII", 8192, 65, 4)),
    "no staged file": lambda d: journal(d, None, kind=2, name=os.urandom(16), payload=b""),
}


@pytest.mark.parametrize("name", VOID)
def test_a_void_journal_is_damage(directory, array, name):
    VOID[name](directory)
    with pytest.warns(shm.DamagedWarning):
        assert np.array_equal(shm.snapshot("a"), EXPECTED)
    with shm.write("a") as obj:
        assert np.array_equal(obj, EXPECTED), "nothing was applied"
    fields = words(directory)
    assert (fields["damaged"], fields["interrupted_writes"], fields["sequence"] % 2) == (1, 1, 0)
    assert json.loads(read(directory)[4096:8192].rstrip(b"\0"))["format"] == 1


def test_a_repair_clears_the_damage_and_leaves_the_bytes(directory, array):
    VOID["no staged file"](directory)
    with pytest.warns(shm.DamagedWarning):
        before = shm.snapshot("a")
    shm.repair("a")  # recovers the dead writer first
    fields = words(directory)
    assert (fields["damaged"], fields["interrupted_writes"], fields["sequence"] % 2) == (0, 1, 0)
    assert np.array_equal(shm.snapshot("a"), before)
    shm.repair("a")
    assert words(directory) == fields, "what is good stays as it is"


def test_a_staged_file_that_cannot_be_read_stops_the_writer(directory, array, monkeypatch):
    name = os.urandom(16)
    payload = staged(directory, name, records(4096), bytes(32))
    journal(directory, None, kind=2, name=name, payload=payload)
    path = f"{directory}/.shmgate-journal-{name.hex()}"
    before = read(directory)
    opened = os.open

    def refuse(where, *arguments, **settings):
        if where == path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(where, *arguments, **settings)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(shm.RecoveryError), shm.write("a"):
        pass
    assert read(directory) == before
    with pytest.warns(shm.DamagedWarning):
        shm.snapshot("a")
    monkeypatch.undo()
    os.environ["SHMGATE_DIRECTORY"] = directory
    with shm.write("a"):
        pass
    assert os.listdir(directory) == ["a"]


@pytest.mark.parametrize("state", [1, 2])
def test_a_change_of_the_name_that_did_not_happen(directory, array, state):
    patch(directory, 112, struct.pack("<Q", state))
    with shm.write("a") as obj:
        assert (words(directory)["state"], words(directory)["sequence"]) == (0, 5), "a write of its own"
        obj[0, 0] = 5
    assert array[0, 0] == 5


@pytest.mark.parametrize("state", [1, 2])
def test_a_dead_write_is_redone_before_the_state_is_taken_back(directory, array, state):
    """Whoever announced the change died in it, and a writer in the write before that: both are put in order."""
    patch(directory, 112, struct.pack("<Q", state))
    journal(directory, records())
    with shm.write("a") as obj:
        assert np.array_equal(obj, replayed())
        assert words(directory)["state"] == 0
    fields = words(directory)
    assert (fields["damaged"], fields["interrupted_writes"], fields["sequence"]) == (0, 0, 8)


def test_who_may_only_read_reads(directory, array, child):
    """As another user: mode 0444, no right to write, a dead writer's journal."""
    if os.getuid() != 0:
        pytest.skip("needs root to become somebody else")
    journal(directory, records())
    os.chmod(f"{directory}/a", 0o444)
    os.chmod(directory, 0o755)
    program = """
import os, sys
import numpy, shmgate as shm
os.setgid(65534); os.setuid(65534)
print(shm.snapshot("a")[:, 1].tolist(), shm.load("a", mode="r")[0, 0])
for use in (shm.load, shm.unlink, lambda name: shm.write(name).__enter__()):
    try:
        use("a")
    except PermissionError as error:
        print(type(error).__name__)
"""
    process = child(program)
    assert process.read() == "[100.0, 101.0, 4.0] 0.0"
    assert [process.read() for _ in range(3)] == ["PermissionError"] * 3
    process.end()


# Waiting


def test_wait_answers_at_once_where_something_changed(directory, array):
    assert shm.wait("a", timeout=0) is None
    assert shm.wait("a", after=2, timeout=0) is None
    assert shm.wait("a", after=0) == 2
    assert shm.wait("a", after=10) == 2, "the name was given to a new segment"
    tag = shm.info("a").tag
    assert shm.wait("a", after=tag, timeout=0) is None
    with shm.write("a"):
        pass
    assert shm.wait("a", after=tag) == 4
    shm.create("a", shm.BytesLayout(1), replace=True)
    assert shm.wait("a", after=tag) == 2


WAITER = """
import sys
import shmgate as shm
seen = 2
while True:
    print("waiting", flush=True)
    try:
        seen = shm.wait("a", after=seen)
    except FileNotFoundError:
        print("gone", flush=True)
        break
    print(seen, flush=True)
"""


def test_a_sleeping_process_is_woken(directory, array, child):
    waiter = child(WAITER)
    assert waiter.read() == "waiting"
    with shm.write("a"):
        pass
    assert waiter.read() == "4"
    assert waiter.read() == "waiting"
    with shm.write("a"):
        pass
    assert waiter.read() == "6"
    assert waiter.read() == "waiting"
    shm.unlink("a")
    lines = [waiter.read()]
    while lines[-1] != "gone":
        assert lines[-1] in ("8", "waiting")
        lines.append(waiter.read())
    waiter.end()


def test_a_sleeping_thread_sees_the_new_segment(directory, array):
    answers = []
    tag = shm.info("a").tag
    thread = threading.Thread(target=lambda: answers.append(shm.wait("a", after=tag, timeout=DEADLINE)))
    thread.start()
    shm.create("a", shm.BytesLayout(1), replace=True)
    thread.join(DEADLINE)
    assert answers in ([4], [2])


def test_a_snapshot_is_never_torn(directory, child):
    program = """
import shmgate as shm
print("ready", flush=True)
for value in range(1, 200):
    with shm.write("pair") as pair:
        pair["a"][:] = value
        pair["b"][:] = value
"""
    shm.create("pair", shm.StructLayout({"a": shm.NdArrayLayout("i8", 1000), "b": shm.NdArrayLayout("i8", 1000)}))
    writer = child(program)
    assert writer.read() == "ready"
    last = 0
    while last < 199:
        copy = shm.snapshot("pair")
        values = {int(n) for array in copy.values() for n in array}
        assert len(values) == 1
        last = values.pop()
    writer.end()


def test_objects_outlive_names_and_handles(directory):
    frame = shm.create("f", shm.DataFrameLayout.from_data(pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"])))
    column = frame["a"].to_numpy()
    shm.unlink("f")
    del frame
    assert column.tolist() == [1, 2]


def test_mappings_keep_no_more_than_they_need(directory):
    shm.create("a", shm.BytesLayout(1))
    with shm.write("a"):  # what it opens is kept
        pass
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        shm.load("a")
        shm.snapshot("a")
        shm.info("a")
        with shm.write("a"):
            pass
    assert len(os.listdir("/proc/self/fd")) <= before
