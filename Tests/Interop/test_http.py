"""The resources as HTTP sees them: conditions, negotiation, lists, creation."""

import concurrent.futures
import http.client
import io
import json
import struct
import time

import numpy as np
import pytest

from gateway import JSON, NPY, RAW

LAYOUT = {"kind": "ndarray", "dtype": "<f4", "shape": [2, 3]}
FORMATS = ("json", "npy", "raw")


def test_creation_answers_with_the_description(gateway):
    answer = gateway.create("new", LAYOUT, attrs={"unit": "€", "id": 2**70, "deep": {"a": [1, None]}})
    assert answer.headers["Location"] == "/segments/new"
    described = gateway.request("GET", "/segments/new")
    assert described.json() == answer.json()
    assert described.headers["ETag"] == answer.headers["ETag"]
    assert answer.json()["attrs"] == {"unit": "€", "id": 2**70, "deep": {"a": [1, None]}}
    assert list(answer.json()) == [
        "name", "uuid", "kind", "nbytes", "size", "sequence", "created", "modified", "expires", "mode", "uid", "gid",
        "pinned", "layout", "attrs", "writer", "mmap",
    ]  # fmt: skip


def test_a_name_that_is_replaced_keeps_its_old_mappings(gateway):
    old = gateway.create("swap", LAYOUT, fill=1).json()
    page = np.memmap(gateway.path("swap"), np.uint64, "r", 0, (16,))
    values = np.memmap(gateway.path("swap"), np.float32, "r", 8192, (6,))
    new = gateway.create("swap", LAYOUT, fill=2, replace=True).json()
    assert new["uuid"] != old["uuid"]
    assert (page[14], values[0]) == (1, 1.0)
    assert gateway.request("GET", "/segments/swap/data?slice=0,0").json()["data"] == 2.0
    assert gateway.request("DELETE", "/segments/swap").status == 204
    assert values[0] == 1.0


def test_unlinking_tells_the_mappers(gateway):
    gateway.create("gone", LAYOUT, fill=3)
    page = np.memmap(gateway.path("gone"), np.uint64, "r", 0, (16,))
    sequence = page[8]
    assert gateway.request("DELETE", "/segments/gone").status == 204
    assert (page[14], page[8]) == (2, sequence + 2)
    assert gateway.request("DELETE", "/segments/gone").status == 404


def test_readonly_segments_are_born_with_their_data(gateway):
    gateway.create("fixed", {**LAYOUT, "shape": [2]}, data=[1, 2], readonly=True)
    assert gateway.request("GET", "/segments/fixed/data").json()["data"] == [1.0, 2.0]
    assert struct.unpack_from("<I", open(gateway.path("fixed"), "rb").read(16), 12) == (1,)
    assert gateway.request("PATCH", "/segments/fixed/data", 1).json()["code"] == "forbidden"


def test_ttl_is_written_down(gateway):
    described = gateway.create("brief", LAYOUT, ttl=60).json()
    created, _, expires = struct.unpack_from("<3q", open(gateway.path("brief"), "rb").read(4096), 88)
    assert expires - created == 60 * 10**9
    assert described["expires"] > described["created"]


def test_lists_come_in_pages(own_gateway):
    gateway = own_gateway()
    names = [f"s{number:02}" for number in range(7)] + ["t"]
    for name in names:
        gateway.create(name, {"kind": "bytes", "size": 1})
    listed = gateway.request("GET", "/segments").json()
    assert [entry["name"] for entry in listed["segments"]] == names
    assert listed["next"] is None
    assert 0 < listed["capacity"]["free_bytes"] <= listed["capacity"]["total_bytes"]
    assert listed["segments"][0] == gateway.request("GET", "/segments/s00").json()
    seen, after = [], ""
    while after is not None:
        page = gateway.request("GET", f"/segments?prefix=s&limit=3&after={after}").json()
        seen += [entry["name"] for entry in page["segments"]]
        after = page["next"]
    assert seen == names[:-1]


@pytest.mark.parametrize("form", FORMATS)
def test_head_is_get_without_the_body(gateway, form):
    gateway.create(f"head-{form}", LAYOUT, fill=1)
    path = f"/segments/head-{form}/data?format={form}&slice=0"
    get, head = gateway.request("GET", path), gateway.request("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    own = {"Date", "X-Request-Id", "Server-Timing"}
    without = [{name: text for name, text in answer.headers.items() if name not in own} for answer in (get, head)]
    assert without[0] == without[1]


@pytest.mark.parametrize("form", FORMATS)
def test_an_unchanged_array_is_not_sent_again(gateway, form):
    name = f"cached-{form}"
    gateway.create(name, LAYOUT)
    path = f"/segments/{name}/data?format={form}"
    first = gateway.request("GET", path)
    tag = first.headers["ETag"]
    assert tag.endswith('"' if form == "json" else f'-{form}"')
    assert (first.headers["Vary"], first.headers["Cache-Control"]) == ("Accept, Accept-Encoding", "no-cache")
    for condition in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        again = gateway.request("GET", path, headers={"If-None-Match": condition})
        assert (again.status, again.body) == (304, b""), condition
        assert again.headers["ETag"] == tag
    other = f"/segments/{name}/data?format={'npy' if form == 'raw' else 'raw'}"
    assert gateway.request("GET", other, headers={"If-None-Match": tag}).status == 200
    assert gateway.request("PATCH", f"/segments/{name}/data?slice=0,0", 1).status == 204
    assert gateway.request("GET", path, headers={"If-None-Match": tag}).status == 200


def test_a_write_can_depend_on_what_was_read(gateway):
    gateway.create("guarded", LAYOUT)
    tag = gateway.request("GET", "/segments/guarded/data?format=npy").headers["ETag"]
    path = "/segments/guarded/data?slice=0,0"
    answer = gateway.request("PATCH", path, 1, {"If-Match": tag})
    assert answer.status == 204
    stale = gateway.request("PATCH", path, 2, {"If-Match": tag})
    assert (stale.status, stale.json()["code"]) == (412, "precondition-failed")
    assert gateway.request("GET", path).json()["data"] == 1.0
    assert gateway.request("DELETE", "/segments/guarded", headers={"If-Match": tag}).status == 412
    assert gateway.request("PATCH", path, 3, {"If-Match": "*"}).status == 204
    current = gateway.request("GET", "/segments/guarded").headers["ETag"]
    assert gateway.request("DELETE", "/segments/guarded", headers={"If-Match": current}).status == 204


@pytest.mark.parametrize(
    "accept, media",
    [
        ("*/*", "application/json"),
        ("", "application/json"),
        (" , ,", "application/json"),
        (", application/x-npy", "application/x-npy"),
        ("application/x-npy", "application/x-npy"),
        ("application/*;q=0.5, application/octet-stream", "application/octet-stream"),
        ("text/html, application/x-npy;q=0.2, application/json;q=0.1", "application/x-npy"),
        ("application/json;q=0, */*;q=0.1", "application/x-npy"),
    ],
)
def test_accept_chooses_and_format_beats_it(gateway, accept, media):
    name = "negotiated"
    if gateway.request("HEAD", f"/segments/{name}").status == 404:
        gateway.create(name, LAYOUT)
    answer = gateway.request("GET", f"/segments/{name}/data", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == media
    answer = gateway.request("GET", f"/segments/{name}/data?format=raw", headers={"Accept": accept})
    assert (answer.headers["Content-Type"], answer.headers["Shm-Dtype"]) == ("application/octet-stream", "<f4")
    assert answer.headers["Shm-Shape"] == "2,3"


SPELLINGS = """float32 <f4 f4 >f4 f d e half single double float int uint intp int8 b i1 uint8 B u1 h H i I l L q Q ? bool
b1 |b1 S8 |S3 U4 <U4 >U2 datetime64[ns] M8[us] <M8[25s] >M8[D] timedelta64[ms] m8[Y] complex64 complex128 F D c8 >c16
int16 uint16 int32 uint32 int64 uint64 float16 float64 longlong ulonglong short ushort byte ubyte intc uintc =i4""".split()


def test_every_spelling_of_numpy_is_understood(gateway):
    for number, spelling in enumerate(SPELLINGS):
        described = gateway.create(f"dtype-{number}", {"kind": "ndarray", "dtype": spelling, "shape": [1]}).json()
        assert described["layout"]["dtype"] == np.dtype(spelling).str, spelling
        assert gateway.request("DELETE", f"/segments/dtype-{number}").status == 204
    layout = {"kind": "ndarray", "dtype": [["x", "<f4"], ["y", [["a", ">i2"], ["b", "S3", [2]]]]], "shape": [2]}
    assert gateway.create("structured", layout).json()["layout"] == {**layout, "dtype": [["x", "<f4"], ["y", [["a", ">i2"], ["b", "|S3", [2]]]]]}


@pytest.mark.parametrize(
    "dtype, fill, shown",
    [
        ("float64", None, None), ("float64", "-Infinity", "-Infinity"), ("float32", 0.1, 0.1), ("bool", True, True),
        ("int64", 2**63 - 1, 2**63 - 1), ("uint64", 2**64 - 1, 2**64 - 1), ("S4", "ä", "ä"), ("U2", "日本", "日本"),
        ("datetime64[ns]", None, None), ("datetime64[ms]", "2024-02-29T12:00:00.5Z", "2024-02-29T12:00:00.500"),
        ("timedelta64[s]", 90, 90), ("complex128", [1, -0.0], [1.0, -0.0]), ("bfloat16", 0.1, 0.1),
        ([["a", "i1"], ["b", "f8"]], [1, 2.5], [1, 2.5]),
    ],
)  # fmt: skip
def test_fill_is_what_a_read_shows(gateway, dtype, fill, shown):
    gateway.create("filled", {"kind": "ndarray", "dtype": dtype, "shape": [3]}, fill=fill, replace=True)
    got = gateway.request("GET", "/segments/filled/data").json()["data"]
    assert got == [shown.rstrip("0") if isinstance(shown, str) and "." in shown else shown] * 3
    assert str(got[0]) == str(got[2])


def test_data_comes_bare_or_in_its_envelope(gateway):
    bare = [[1, 2, 3], [4, 5, 6]]
    for name, data in (("bare", bare), ("envelope", {"dtype": "<f4", "shape": [2, 3], "data": bare})):
        gateway.create(name, LAYOUT, data=data)
        assert gateway.request("GET", f"/segments/{name}/data").json() == {"dtype": "<f4", "shape": [2, 3], "data": bare}
    gateway.create("none", {"kind": "ndarray", "dtype": "i4", "shape": [0, 3]}, data={"shape": [0, 3], "data": []})


def test_spellings_of_values_can_be_chosen(gateway):
    gateway.create("f", {"kind": "ndarray", "dtype": "f8", "shape": [1]}, data=["NaN"])
    assert gateway.request("GET", "/segments/f/data?nan=string").json()["data"] == ["NaN"]
    gateway.create("i", {"kind": "ndarray", "dtype": "i8", "shape": [1]}, data=[str(2**63 - 1)])
    assert gateway.request("GET", "/segments/i/data?int64=string").json()["data"] == [str(2**63 - 1)]
    gateway.create("t", {"kind": "ndarray", "dtype": "m8[ms]", "shape": [2]}, data=[93_784_005, "-P1DT0.5S"])
    assert gateway.request("GET", "/segments/t/data?timedelta=iso").json()["data"] == ["P1DT2H3M4.005S", "P-2DT23H59M59.5S"]
    gateway.create("s", {"kind": "ndarray", "dtype": "S2", "shape": [1]}, data=[{"base64": "/0E="}])
    assert gateway.request("GET", "/segments/s/data").json()["data"] == [{"base64": "/0E="}]
    assert gateway.request("GET", "/segments/s/data?text=replace").json()["data"] == ["\ufffdA"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_relaxed_read_has_no_tag(gateway, form):
    gateway.create(f"relaxed-{form}", LAYOUT, fill=2)
    path = f"/segments/relaxed-{form}/data?format={form}"
    snapshot, relaxed = gateway.request("GET", path), gateway.request("GET", path + "&consistency=relaxed")
    assert relaxed.body == snapshot.body
    assert "ETag" not in relaxed.headers


def test_bytes_are_base64_in_json(gateway):
    gateway.create("blob", {"kind": "bytes", "size": 6}, data="AAECAwQF")
    assert gateway.request("GET", "/segments/blob/data").json() == {"data": "AAECAwQF"}
    assert gateway.request("GET", "/segments/blob/data?slice=1:4&format=raw").body == b"\1\2\3"
    assert gateway.request("PATCH", "/segments/blob/data?slice=0:3", {"data": "/////w==" [:4]}).status == 204
    assert gateway.request("PATCH", "/segments/blob/data?slice=5", b"\x09", RAW).status == 204
    assert gateway.request("GET", "/segments/blob/data?format=raw").body == b"\xff\xff\xff\3\4\x09"


@pytest.mark.parametrize("way", ["length", "chunked"])
def test_a_large_body_arrives_whole(gateway, way):
    value = np.random.default_rng(3).random((1024, 1024))
    gateway.create(f"large-{way}", {"kind": "ndarray", "dtype": "f8", "shape": [1024, 1024]})
    body = value.tobytes()
    if way == "chunked":
        pieces = (body[start : start + 100_000] for start in range(0, len(body), 100_000))
        connection = gateway.connect()
        connection.request("PATCH", f"/segments/large-{way}/data", pieces, RAW, encode_chunked=True)
        assert connection.getresponse().status == 204
        connection.close()
    else:
        assert gateway.request("PATCH", f"/segments/large-{way}/data", body, RAW).status == 204
    assert gateway.request("GET", f"/segments/large-{way}/data?format=raw").body == body
    file = io.BytesIO()
    np.save(file, np.asfortranarray(value[::-1].astype("f4")))
    assert gateway.request("PATCH", f"/segments/large-{way}/data", file.getvalue(), NPY).status == 204
    answer = gateway.request("GET", f"/segments/large-{way}/data", headers={"Accept": "application/x-npy"})
    assert (np.load(io.BytesIO(answer.body)) == value[::-1].astype("f4")).all()


def test_a_write_that_breaks_off_writes_nothing(gateway):
    gateway.create("broken", {"kind": "ndarray", "dtype": "u1", "shape": [8 << 20]})
    tag = gateway.request("GET", "/segments/broken").headers["ETag"]
    connection = gateway.connect()
    connection.putrequest("PATCH", "/segments/broken/data")
    connection.putheader("Content-Type", RAW["Content-Type"])
    connection.putheader("Content-Length", str(8 << 20))
    connection.endheaders()
    connection.send(b"\xff" * (4 << 20))
    connection.close()
    assert gateway.request("GET", "/segments/broken").headers["ETag"] == tag
    assert not np.frombuffer(gateway.request("GET", "/segments/broken/data?format=raw").body, "u1").any()
    assert gateway.without_temporaries(), "the staged body of a client that has gone"


def test_one_of_many_creators_wins(gateway):
    body = json.dumps({"name": "contested", "layout": {"kind": "bytes", "size": 3 << 20}})

    def create(_):
        connection = gateway.connect()
        connection.request("POST", "/segments", body, JSON)
        status = connection.getresponse().status
        connection.close()
        return status

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        statuses = sorted(pool.map(create, range(32)))
    assert statuses == [201] + [409] * 31
    assert gateway.temporaries() == []


def test_compare_and_set_loses_no_increment(gateway):
    gateway.create("counter", {"kind": "ndarray", "dtype": "i8", "shape": []})

    def increment(times):
        connection = gateway.connect()
        while times:
            read = gateway.request("GET", "/segments/counter/data", connection=connection)
            tag = {"If-Match": read.headers["ETag"]}
            wrote = gateway.request("PATCH", "/segments/counter/data", read.json()["data"] + 1, tag, connection)
            assert wrote.status in (204, 412), wrote
            times -= wrote.status == 204
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, [50] * 8))
    assert gateway.request("GET", "/segments/counter/data").json()["data"] == 400


def test_one_connection_serves_many_requests(gateway):
    gateway.create("kept", LAYOUT)
    connection = gateway.connect()
    gateway.request("GET", "/segments/kept/data", connection=connection)
    first = connection.sock
    for _ in range(1_000):
        assert gateway.request("GET", "/segments/kept/data?slice=0,0", connection=connection).status == 200
    assert gateway.request("GET", "/segments/nobody", connection=connection).status == 404
    assert gateway.request("PATCH", "/segments/nobody/data", 1, connection=connection).status == 404
    assert connection.sock is first, "the connection was closed in between"
    connection.close()


def test_many_clients_at_once(gateway):
    gateway.create("shared", {"kind": "ndarray", "dtype": "f8", "shape": [1000]}, fill=1)
    connections = [http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60) for _ in range(200)]
    for connection in connections:
        connection.request("GET", "/segments/shared/data?format=raw")
    for connection in connections:
        assert len(connection.getresponse().read()) == 8_000
        connection.close()
