"""Requests that come again in the same words: what is known of them is never told of another segment, or to another."""

import json
import os
import signal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shmgate as shm

from gateway import JSON, await_that

ARRAY = {"kind": "ndarray", "dtype": "f8", "shape": [4]}
DATA = "/segments/a/data?slice=1:"


@pytest.fixture
def gateway(own_gateway):
    gateway = own_gateway()
    gateway.create("a", ARRAY, fill=1)
    for _ in range(3):
        assert gateway.request("GET", DATA).json()["data"] == [1, 1, 1]
    return gateway


def test_a_write_is_seen(gateway):
    assert gateway.request("PATCH", DATA, 2).status == 204
    assert gateway.request("GET", DATA).json()["data"] == [2, 2, 2]
    with shm.write("a", directory=gateway.directory) as array:
        array[:] = 3
    assert gateway.request("GET", DATA).json()["data"] == [3, 3, 3]


def test_another_segment_of_the_name_is_another(gateway):
    gateway.create("a", {"kind": "ndarray", "dtype": "i2", "shape": [3]}, replace=True)
    for _ in range(3):
        assert gateway.request("GET", DATA).json() == {"dtype": "<i2", "shape": [2], "data": [0, 0]}
    shm.create("b", shm.NdArrayLayout("f4", (2,)), directory=gateway.directory)
    os.rename(gateway.path("b"), gateway.path("a"))
    for _ in range(3):
        assert gateway.request("GET", DATA).json() == {"dtype": "<f4", "shape": [1], "data": [0]}
    gateway.create("a", {"kind": "json", "value": {"x": 1}}, replace=True)
    for _ in range(3):
        assert gateway.request("GET", DATA).json()["code"] == "invalid-slice"


def written(gateway):
    """What stands in the segment, by a local reader."""
    return shm.load("a", "r", directory=gateway.directory).tolist()


def test_a_write_goes_to_the_segment_of_now(gateway):
    def write(value, target=DATA):
        return gateway.request("PATCH", target, value).status

    for value in (4, 5, [6, 7, 8], 9):
        assert write(value) == 204
    assert written(gateway) == [1, 9, 9, 9]
    gateway.create("a", {"kind": "ndarray", "dtype": "i2", "shape": [3]}, replace=True)
    assert write([6, 7, 8]) == 422  # it had three places in the segment before
    for value in ([1, 2], [3, 4], [5, 6]):
        assert write(value) == 204
    assert written(gateway) == [0, 5, 6]
    shm.create("b", shm.NdArrayLayout("f4", (2,)), directory=gateway.directory)
    os.rename(gateway.path("b"), gateway.path("a"))
    for value in (1, 2, 3):
        assert write(value) == 204
    assert written(gateway) == [0, 3]
    os.unlink(gateway.path("a"))
    assert [write(5) for _ in range(3)] == [404] * 3


def test_what_a_write_demands_is_looked_at_each_time(gateway):
    tags = []
    for value in range(4):
        answer = gateway.request("PATCH", DATA, value, headers={"If-Match": tags[-1]} if tags else {})
        assert answer.status == 204
        tags.append(answer.headers["ETag"])
    for tag in tags[:-1]:
        assert gateway.request("PATCH", DATA, 9, headers={"If-Match": tag}).status == 412
    assert gateway.request("PATCH", DATA, 9, headers={"If-None-Match": tags[-1]}).status == 412
    assert written(gateway) == [1, 3, 3, 3]


def test_a_value_and_a_list_and_bytes_to_one_target(gateway):
    target, raw = "/segments/a/data", {"Content-Type": "application/octet-stream"}
    for value in range(4):
        assert gateway.request("PATCH", target, value).status == 204
        assert written(gateway) == [value] * 4
        patches = {"patches": [{"slice": "1:3", "value": value + 10}]}
        assert gateway.request("PATCH", target, patches).status == 204
        assert written(gateway) == [value, value + 10, value + 10, value]
        assert gateway.request("PATCH", target, np.full(4, -value, "f8").tobytes(), headers=raw).status == 204
        assert written(gateway) == [-value] * 4
        assert gateway.request("PATCH", target, b"1234567", headers=raw).status == 422


@pytest.mark.parametrize("length", [4_095, 4_096, 4_097])
def test_bodies_about_the_length_from_which_they_are_judged_early(gateway, length):
    body = b"[1, 2, 3]".ljust(length)
    for name, status in [("a", 204), ("none", 404)] * 4:
        target = f"/segments/{name}/data?slice=1:"
        assert gateway.request("PATCH", target, body, headers=JSON).status == status
        for headers in ({}, {"Content-Type": "text/plain"}):
            assert gateway.request("PATCH", target, body, headers=headers).status == (404 if name == "none" else 415)
        gzip = gateway.request("PATCH", target, body, headers=JSON | {"Content-Encoding": "gzip"})
        assert gzip.status == (404 if name == "none" else 400)
    assert written(gateway) == [1, 1, 2, 3]


def test_a_mode_that_changes_between_two_writes(gateway):
    for mode, status in [(0o600, 204), (0o400, 403)] * 2:
        os.chmod(gateway.path("a"), mode)
        for value in range(3):
            assert gateway.request("PATCH", DATA, value).status == (204 if os.geteuid() == 0 else status)


def test_rows_of_a_write_are_chosen_each_time(gateway):
    frame = pd.DataFrame({"x": [0, 1, 2, 3, 4, 5]}, index=["a", "b"] * 3)
    shm.create("f", shm.DataFrameLayout.from_data(frame), directory=gateway.directory)
    for target, choose in [
        ("where=x>2&columns=x", lambda frame: frame.x > 2),
        ("sel.index=b&columns=x", lambda frame: frame.index == "b"),
        ("where=x<100&sel.index=a&columns=x", lambda frame: (frame.index == "a") & (frame.x < 100)),
    ]:
        for number in range(5):
            with shm.write("f", directory=gateway.directory) as shared:
                shared["x"] = np.roll(np.arange(6) + number, number)
                expected = shared.copy()
            expected.loc[choose(expected), "x"] = number * 50
            answer = gateway.request("PATCH", f"/segments/f/data?{target}", number * 50)
            assert answer.status == 204, answer
            assert gateway.request("GET", "/segments/f/data").json()["data"] == expected.values.tolist(), (target, number)


def test_a_name_that_is_gone_is_gone(gateway):
    os.unlink(gateway.path("a"))
    for _ in range(3):
        assert gateway.request("GET", DATA).status == 404


@pytest.mark.parametrize("how", ["DELETE", "rm"])
def test_the_memory_of_what_is_gone_is_free(gateway, how):
    """What was planned for a segment holds its mapping, and goes with its name; at once where the gateway took that."""

    def mapped():
        return f"{gateway.directory}/a" in open(f"/proc/{gateway.process.pid}/maps").read()

    assert mapped()
    if how == "rm":
        os.unlink(gateway.path("a"))
        await_that(lambda: not mapped(), "the end of the mapping")
    else:
        assert gateway.request("DELETE", "/segments/a").status == 204
        assert not mapped()


def test_what_is_accepted_is_looked_at(gateway):
    for accept, media in [("application/x-npy", "application/x-npy"), ("application/json", "application/json")] * 2:
        answer = gateway.request("GET", DATA, headers={"Accept": accept})
        assert (answer.status, answer.headers["Content-Type"]) == (200, media)
    assert gateway.request("GET", DATA, headers={"Accept": "image/png"}).status == 406
    tag = gateway.request("GET", DATA).headers["ETag"]
    assert gateway.request("GET", DATA, headers={"If-None-Match": tag}).status == 304
    answer = gateway.request("GET", DATA + "&format=raw", headers={"Range": "bytes=0-7"})
    assert (answer.status, np.frombuffer(answer.body, "f8").tolist()) == (206, [1])
    assert gateway.request("HEAD", DATA + "&format=raw").headers["Content-Length"] == "24"
    assert gateway.request("PATCH", DATA + "&format=raw", 1).status == 400


def test_who_may_ask_is_asked_each_time(own_gateway, tmp_path):
    tokens = tmp_path / "tokens"
    both = "one plain:one read,create,write a\ntwo plain:two read b\n"
    tokens.write_text(both)
    gateway = own_gateway("--tokens", str(tokens))
    one, two = ({"Authorization": f"Bearer {who}"} for who in ("one", "two"))
    assert gateway.request("POST", "/segments", {"name": "a", "layout": ARRAY}, one).status == 201
    for _ in range(3):
        assert gateway.request("GET", DATA, headers=one).status == 200
        assert gateway.request("GET", DATA, headers=two).status == 404
        assert gateway.request("GET", DATA).status == 401
    tokens.write_text(both.replace("plain:one", "plain:other"))
    gateway.process.send_signal(signal.SIGHUP)
    await_that(lambda: gateway.request("GET", DATA, headers=one).status == 401, "the end of the token")


def test_more_targets_than_are_kept(gateway):
    gateway.create("long", {"kind": "ndarray", "dtype": "i4", "shape": [3_000]})
    with shm.write("long", directory=gateway.directory) as array:
        array[:] = np.arange(3_000)
    for _ in range(3):
        for index in range(0, 3_000, 2):
            assert gateway.request("GET", f"/segments/long/data?slice={index}").json()["data"] == index


def resident_bytes(gateway):
    status = open(f"/proc/{gateway.process.pid}/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) * 1_024


def spelled(word, number):
    """A name of a parameter in one of many spellings, which are one to the gateway."""
    return "".join(f"%{ord(c):02X}" if number >> place & 1 else c for place, c in enumerate(word))


def test_a_plan_of_many_members_is_not_kept(gateway):
    """Structures without an array take no bytes of a segment, but memory of whoever thinks of them."""
    nothing = {"kind": "list", "count": 50_000, "item": {"kind": "struct", "members": {}}}
    gateway.create("empty", nothing)
    before = None
    for number in range(60):
        for _ in range(3):
            target = f"/segments/empty/data?{spelled('orient', number)}=split"
            assert gateway.request("PATCH", target, 0).status == 422
            assert gateway.request("GET", target).status == 200
        before = before or resident_bytes(gateway)
    # A plan has 2 MB and more; what a request needed of memory is given back in a while.
    await_that(lambda: resident_bytes(gateway) - before < 60_000_000, lambda: resident_bytes(gateway) - before)


def test_a_plan_of_many_positions_is_not_kept(gateway):
    """A label that stands at every second row picks them all; a client could ask for that in any number of spellings."""
    rows = 1_000_000
    series = pd.Series(np.zeros(rows, "i1"), index=np.arange(rows) % 2)
    shm.create("labels", shm.SeriesLayout.from_data(series), directory=gateway.directory)
    before = None
    for number in range(24):
        spelling = spelled("format", number)
        for _ in range(3):
            answer = gateway.request("HEAD", f"/segments/labels/data?sel.index=0&{spelling}=raw")
            assert (answer.status, answer.headers["Content-Length"]) == (200, str(rows // 2))
        before = before or resident_bytes(gateway)
    # A plan has 4 MB of positions, and more than once; what a request needed of memory is given back in a while.
    await_that(lambda: resident_bytes(gateway) - before < 60_000_000, lambda: resident_bytes(gateway) - before)


FRAME = {
    "kind": "dataframe",
    "index": {"dtype": "str", "data": ["a", "b", "c"]},
    "columns": [{"name": "x", "dtype": "f8"}, {"name": "at", "dtype": "datetime64[s]"}, {"name": "on", "dtype": "bool"}],
}
FORMATS = {
    "a": ["json", "npy", "raw"],
    "f": ["json", "csv", "arrow", "arrow-file"],
}


def same(first, other):
    """Whether two answers are the same but for what each request has of its own."""
    own = {"x-request-id", "server-timing", "date"}

    def fields(answer):
        return [(name, value) for name, value in answer.headers.items() if name.lower() not in own]

    return (first.status, fields(first), first.body) == (other.status, fields(other), other.body)


@pytest.mark.parametrize("name, form", [(name, form) for name in FORMATS for form in FORMATS[name]])
def test_an_answer_that_is_sent_again_is_the_answer(gateway, name, form):
    gateway.create("f", FRAME)
    path = f"/segments/{name}/data?format={form}"
    answers = [gateway.request("GET", path) for _ in range(6)]
    assert answers[0].status == 200
    assert all(same(answers[0], answer) for answer in answers)
    whole = answers[0].body
    head = gateway.request("HEAD", path)
    assert (head.status, head.headers.get("etag")) == (200, answers[0].headers.get("etag"))
    if form in ("npy", "raw"):
        part = gateway.request("GET", path, headers={"Range": "bytes=2-5"})
        assert (part.status, part.body) == (206, whole[2:6])
    assert gateway.request("GET", path, headers={"If-None-Match": answers[0].headers.get("etag")}).status == 304
    assert same(answers[0], gateway.request("GET", path))


@pytest.mark.parametrize("form", ["json", "raw"])
def test_a_store_without_the_lock_is_seen(gateway, form):
    """It moves no sequence: only the bytes tell."""
    path = f"/segments/a/data?format={form}"
    old = [gateway.request("GET", path) for _ in range(5)][-1]
    plain = np.memmap(gateway.path("a"), np.float64, "r+", 8192, (4,))
    plain[3] = 7
    new = gateway.request("GET", path)
    assert new.headers.get("etag") == old.headers.get("etag")
    assert (new.json()["data"] if form == "json" else np.frombuffer(new.body).tolist()) == [1, 1, 1, 7]


@pytest.mark.parametrize("label_length", [1, 40_000], ids=["one batch", "two batches"])
@pytest.mark.parametrize("form", ["json", "csv", "arrow"])
def test_columns_that_change_places_without_the_lock_are_seen(gateway, form, label_length):
    """A stream whose first label is long has few rows in a batch, and its columns in several pieces."""
    rows = 100
    first, second = np.arange(rows) + 0.5, -np.arange(rows) - 0.25
    labels = ["a" * label_length, *(f"row {number}" for number in range(1, rows))]
    layout = shm.DataFrameLayout.from_data(pd.DataFrame({"x": first, "y": second}, index=labels))
    shm.create("f", layout, directory=gateway.directory)
    with shm.write("f", directory=gateway.directory) as frame:
        frame["x"], frame["y"] = first, second
    path = f"/segments/f/data?format={form}"
    old = [gateway.request("GET", path).body for _ in range(6)][-1]
    head = open(gateway.path("f"), "rb").read(1 << 17)
    header = json.loads(head[4_096 : 4_096 + int.from_bytes(head[48:56], "little")])
    x, y = (
        np.memmap(gateway.path("f"), "f8", "r+", buffer["offset"], (rows,))
        for column in "xy"
        for buffer in header["buffers"]
        if buffer["path"] == f"columns/{column}"
    )
    x[:], y[:] = second, first
    new = gateway.request("GET", path).body
    assert new != old
    if form == "arrow":
        table = pa.ipc.open_stream(new).read_all()
        assert table.column("x").num_chunks == (1 if label_length == 1 else 2)
        assert (table["x"].to_pylist(), table["y"].to_pylist()) == (second.tolist(), first.tolist())
    x[:], y[:] = first, second
    assert gateway.request("GET", path).body == old


def test_damage_is_told_with_the_same_bytes(gateway):
    path = "/segments/a/data"
    for _ in range(5):
        assert "shm-damaged" not in gateway.request("GET", path).headers
    with pytest.raises(ZeroDivisionError), shm.write("a", directory=gateway.directory):
        raise ZeroDivisionError
    for _ in range(5):
        answer = gateway.request("GET", path)
        assert (answer.headers.get("shm-damaged"), answer.json()["data"]) == ("1", [1, 1, 1, 1])


def test_each_answer_that_is_sent_again_has_an_id_of_its_own(gateway):
    """On several connections at once, and one behind the other on each."""
    connections = [gateway.connect() for _ in range(8)]
    seen = []
    for _ in range(5):
        for connection in connections:
            connection.request("GET", "/segments/a/data")
        for connection in connections:
            answer = connection.getresponse()
            assert json.loads(answer.read())["data"] == [1, 1, 1, 1]
            (number,) = answer.headers.get_all("X-Request-Id")
            (_,) = answer.headers.get_all("Server-Timing")
            seen.append(number)
    assert len(set(seen)) == len(seen) == 40
