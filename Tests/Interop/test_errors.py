"""Every problem has its code, says what was expected, and leaves everything as it was."""

import hashlib
import json
import os
import socket
import struct

import numpy as np
import pytest

from gateway import JSON, NPY, RAW, Gateway

LAYOUT = {"kind": "ndarray", "dtype": "int32", "shape": [3, 4]}


@pytest.fixture(scope="module")
def place():
    """A gateway with one segment of each kind that a refusal may be about."""
    gateway = Gateway("--max-body", "1MiB")
    gateway.create("a", LAYOUT, data=[[1, 2, 3, 4]] * 3)
    gateway.create("floats", {"kind": "ndarray", "dtype": "float16", "shape": [2]}, fill=1)
    gateway.create("texts", {"kind": "ndarray", "dtype": "S4", "shape": [2]}, fill="abc")
    gateway.create("times", {"kind": "ndarray", "dtype": "datetime64[s]", "shape": [2]})
    gateway.create("fixed", LAYOUT, readonly=True)
    gateway.create("blob", {"kind": "bytes", "size": 10})
    with open(gateway.path("foreign"), "wb") as file:
        file.write(b"no segment")
    broken = bytearray(open(gateway.path("a"), "rb").read())
    broken[32:40] = struct.pack("<Q", 1 << 40)
    open(gateway.path("corrupt"), "wb").write(broken)
    broken[8:12] = struct.pack("<I", 2)
    open(gateway.path("future"), "wb").write(broken)
    yield gateway
    gateway.close()


def state(gateway):
    """Every byte of every file."""
    names = sorted(os.listdir(gateway.directory))
    return [(name, hashlib.sha256(open(gateway.path(name), "rb").read()).hexdigest()) for name in names]


def npy(array):
    import io

    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def new(**members):
    return json.dumps({"name": "new", "layout": LAYOUT, **members}).encode()


DATA = "/segments/a/data"
CASES = [
    # code, status, method, path, body, headers
    ("invalid-json", 400, "POST", "/segments", b"{", JSON),
    ("invalid-json", 400, "POST", "/segments", b"", JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"name": "new"} x', JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"name": "a", "name": "b"}', JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"name": "\\ud800"}', JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"name": "\xff"}', JSON),
    ("invalid-json", 400, "POST", "/segments", b"[" * 100_000, JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"attrs": {"x": 1e999999}, "name": "new", "layout": {}}', JSON),
    ("invalid-json", 400, "PATCH", DATA, b"[1, 2", JSON),
    ("invalid-json", 400, "PATCH", DATA, b"[" * 100_000, JSON),
    ("invalid-json", 400, "PATCH", DATA, b'{"data": 1, "extra": 2}', JSON),
    ("invalid-json", 400, "PATCH", "/segments/blob/data", b'"no base64!"', JSON),
    ("invalid-body", 400, "PATCH", DATA, b"no npy at all", NPY),
    ("invalid-body", 400, "PATCH", DATA, npy(np.zeros((3, 4), "i4"))[:-1], NPY),
    ("invalid-body", 400, "PATCH", DATA, b"\x93NUMPY\x01\x00\x10\x00{'descr': 'O'}  ", NPY),
    ("invalid-name", 400, "POST", "/segments", new(name="../x"), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name=".hidden"), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name=""), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name="a" * 201), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name="grün"), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name=7), JSON),
    ("invalid-name", 400, "GET", "/segments/%2e%2e%2fx", None, {}),
    ("invalid-name", 400, "GET", "/segments/a%00b", None, {}),
    ("invalid-name", 400, "GET", "/segments/a%2Fb", None, {}),
    ("invalid-name", 400, "GET", "/segments/%zz", None, {}),
    ("invalid-name", 400, "DELETE", "/segments/.shmgate-0", None, {}),
    ("invalid-name", 400, "GET", "/segments/", None, {}),
    ("invalid-layout", 400, "POST", "/segments", new(layout={"kind": "cube"}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={"kind": "ndarray", "dtype": "i4"}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={**LAYOUT, "shape": [-1]}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={**LAYOUT, "shape": [1] * 65}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={**LAYOUT, "shape": [1 << 62, 1 << 62]}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={**LAYOUT, "order": "F"}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(fill=1, data=[]), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(mode="888"), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(surprise=1), JSON),
    ("invalid-dtype", 400, "POST", "/segments", new(layout={**LAYOUT, "dtype": "float12"}), JSON),
    ("invalid-dtype", 400, "POST", "/segments", new(layout={**LAYOUT, "dtype": "O"}), JSON),
    ("invalid-dtype", 400, "POST", "/segments", new(layout={**LAYOUT, "dtype": "longdouble"}), JSON),
    ("invalid-dtype", 400, "POST", "/segments", new(layout={**LAYOUT, "dtype": "datetime64"}), JSON),
    ("invalid-dtype", 400, "POST", "/segments", new(layout={**LAYOUT, "dtype": [["x", "f4"], ["x", "f4"]]}), JSON),
    ("invalid-slice", 400, "GET", DATA + "?slice=1:2:0", None, {}),
    ("invalid-slice", 400, "GET", DATA + "?slice=a", None, {}),
    ("invalid-slice", 400, "GET", DATA + "?slice=None,0", None, {}),
    ("invalid-slice", 400, "GET", DATA + "?slice=0,0,0", None, {}),
    ("invalid-slice", 400, "GET", DATA + "?slice=...,...", None, {}),
    ("invalid-slice", 400, "PATCH", DATA + "?slice=[0,1", b"1", JSON),
    ("invalid-query", 400, "GET", DATA + "?slcie=0", None, {}),
    ("invalid-query", 400, "PATCH", DATA + "?slcie=0", b"1", JSON),
    ("invalid-query", 400, "GET", DATA + "?slice=0&slice=1", None, {}),
    ("invalid-query", 400, "GET", DATA + "?nan=zero", None, {}),
    ("invalid-query", 400, "GET", DATA + "?slice=%zz", None, {}),
    ("invalid-query", 400, "GET", "/segments?limit=0", None, {}),
    ("invalid-query", 400, "GET", "/segments?limit=many", None, {}),
    ("invalid-header", 400, "PATCH", DATA, b"1", {**JSON, "If-Match": "no tag"}),
    ("forbidden", 403, "PATCH", "/segments/fixed/data", b"1", JSON),
    ("forbidden", 403, "GET", "/segments", None, {"Host": "attacker.example"}),
    ("forbidden", 403, "DELETE", "/segments/a", None, {"Origin": "http://attacker.example"}),
    ("no-such-segment", 404, "GET", "/segments/none", None, {}),
    ("no-such-segment", 404, "GET", "/segments/foreign", None, {}),
    ("no-such-segment", 404, "DELETE", "/segments/foreign", None, {}),
    ("no-such-segment", 404, "PATCH", "/segments/none/data", b"1", JSON),
    ("no-such-member", 404, "GET", DATA + "/values", None, {}),
    ("no-such-route", 404, "GET", "/nothing", None, {}),
    ("no-such-route", 404, "GET", "/segments/a/nothing", None, {}),
    ("no-such-route", 404, "POST", "/healthz/x", b"", JSON),
    ("method-not-allowed", 405, "PUT", DATA, b"1", JSON),
    ("method-not-allowed", 405, "DELETE", "/segments", None, {}),
    ("method-not-allowed", 405, "BREW", "/segments/a", None, {}),
    ("not-acceptable", 406, "GET", DATA, None, {"Accept": "image/png"}),
    ("not-acceptable", 406, "GET", DATA + "?format=xml", None, {}),
    ("not-acceptable", 406, "GET", DATA, None, {"Accept": "application/json;q=0"}),
    ("already-exists", 409, "POST", "/segments", new(name="a"), JSON),
    ("already-exists", 409, "POST", "/segments", new(name="foreign"), JSON),
    ("already-exists", 409, "POST", "/segments", new(name="foreign", replace=True), JSON),
    ("precondition-failed", 412, "PATCH", DATA, b"1", {**JSON, "If-Match": '"0-2"'}),
    ("precondition-failed", 412, "DELETE", "/segments/a", None, {"If-Match": '"0-2"'}),
    ("too-large", 413, "PATCH", DATA, bytes(1 << 21), RAW),
    ("too-large", 413, "POST", "/segments", b" " * (1 << 21), JSON),
    ("unsupported-media-type", 415, "POST", "/segments", new(), {}),
    ("unsupported-media-type", 415, "POST", "/segments", new(), {"Content-Type": "text/plain"}),
    ("unsupported-media-type", 415, "PATCH", DATA, b"1", {"Content-Type": "text/csv"}),
    ("index-out-of-bounds", 422, "GET", DATA + "?slice=3", None, {}),
    ("index-out-of-bounds", 422, "GET", DATA + "?slice=-4", None, {}),
    ("index-out-of-bounds", 422, "GET", DATA + "?slice=:,[0,9]", None, {}),
    ("index-out-of-bounds", 422, "PATCH", DATA + "?slice=99999999999999999999", b"1", JSON),
    ("shape-mismatch", 422, "PATCH", DATA, b"[1, 2]", JSON),
    ("shape-mismatch", 422, "PATCH", DATA, b"[[1, 2], [3]]", JSON),
    ("shape-mismatch", 422, "PATCH", DATA, b"[1, [2], 3, 4]", JSON),
    ("shape-mismatch", 422, "PATCH", DATA, bytes(47), RAW),
    ("shape-mismatch", 422, "PATCH", DATA, npy(np.zeros((4, 3), "i4")), NPY),
    ("shape-mismatch", 422, "POST", "/segments", new(data=[1]), JSON),
    ("shape-mismatch", 422, "POST", "/segments", new(fill=[1]), JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"2147483648", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"1.5", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"null", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"true", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b'"1"', JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"1e999999", JSON),
    ("value-out-of-range", 422, "PATCH", DATA + "?slice=0", b"[1, 2, 3, 1.5]", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, npy(np.full((3, 4), 1.5)), NPY),
    ("value-out-of-range", 422, "PATCH", "/segments/floats/data", b"70000", JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/texts/data", b'"abcde"', JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/times/data", b'"2024-02-30"', JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/times/data", b'"2024-01-01T00:00:00.5"', JSON),
    ("value-out-of-range", 422, "POST", "/segments", new(fill=None), JSON),
    ("value-out-of-range", 422, "POST", "/segments", b'{"name":"new","layout":{"kind":"bytes","size":1},"fill":1e999999}', JSON),
    ("corrupt-segment", 500, "GET", "/segments/corrupt", None, {}),
    ("corrupt-segment", 500, "GET", "/segments/corrupt/data", None, {}),
    ("corrupt-segment", 500, "PATCH", "/segments/corrupt/data", b"1", JSON),
    ("unsupported-format", 500, "GET", "/segments/future", None, {}),
    ("out-of-space", 507, "POST", "/segments", new(layout={"kind": "bytes", "size": 1 << 45}), JSON),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}: {case[2]} {case[3]} {(case[4] or b'')[:40]!r}")
def test_problem_is_named_and_nothing_is_written(place, case):
    code, status, method, path, body, headers = case
    before = state(place)
    answer = place.request(method, path, ... if body is None else body, headers)
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) >= {"type", "title", "status", "detail", "code"}
    assert (problem["code"], problem["status"]) == (code, status), problem
    assert len(problem["detail"]) > 10
    assert "/dev/shm" not in problem["detail"]
    if status == 405:
        assert "GET" in answer.headers["Allow"] or path == "/segments"
    if status == 415 and method == "PATCH":
        assert "application/x-npy" in answer.headers["Accept-Patch"]
    assert state(place) == before


def raw_request(gateway, *pieces):
    """Sends bytes as they are and gives all that comes back until the gateway closes, or has answered."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as client:
        for piece in pieces:
            client.sendall(piece)
        answer = b""
        while b"\r\n\r\n" not in answer and (piece := client.recv(65_536)):
            answer += piece
        return answer


HEAD = b"POST /segments HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "head",
    [HEAD + b"Content-Length: 1048577\r\n\r\n", HEAD + b"Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"],
    ids=["blind", "asking first"],
)
def test_too_large_a_body_is_refused_before_it_is_read(place, head):
    if b"Expect" not in head:
        head = head.replace(b"1048577", str(64 << 20).encode())
    answer = raw_request(place, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too-large"' in answer or b"problem+json" in answer


def test_too_large_a_chunked_body_is_refused(place):
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    answer = raw_request(place, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 20, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /segments HTTP/1.1\r\n\r\n",
        b"GET /segments HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"POST /segments HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /segments HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /segments HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_refused(place, head):
    answer = raw_request(place, head)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"invalid-header" in answer or b"problem+json" in answer


def test_names_cannot_leave_the_directory(place):
    outside = os.path.join(os.path.dirname(place.directory), os.path.basename(place.directory) + "-outside")
    with open(outside, "wb") as file:
        file.write(open(place.path("a"), "rb").read())
    try:
        before = open(outside, "rb").read()
        name = os.path.basename(outside)
        for spelling in (f"../{name}", f"..%2f{name}", f"%2e%2e/{name}", f"..%5c{name}", f"./../{name}", f"%2f{outside}"):
            for method in ("GET", "DELETE"):
                answer = place.request(method, f"/segments/{spelling}")
                assert answer.status in (400, 404), (spelling, answer)
        assert open(outside, "rb").read() == before
    finally:
        os.unlink(outside)


def test_what_is_no_segment_is_neither_listed_nor_followed_nor_removed(place):
    target = place.path("a")
    os.symlink(target, place.path("link"))
    os.mkfifo(place.path("fifo"))
    os.mkdir(place.path("folder"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place.path("socket"))
    open(place.path("empty"), "w").close()
    strange = ["link", "fifo", "folder", "socket", "empty", "foreign"]
    listed = [entry["name"] for entry in place.request("GET", "/segments").json()["segments"]]
    for name in strange:
        assert name not in listed
        assert place.request("GET", f"/segments/{name}").status == 404, name
        assert place.request("DELETE", f"/segments/{name}").status == 404, name
        answer = place.request("POST", "/segments", {"name": name, "layout": LAYOUT, "replace": True})
        assert (answer.status, answer.json()["code"]) == (409, "already-exists"), name
        assert os.path.lexists(place.path(name))
    listener.close()
    for name in ("link", "fifo", "socket", "empty"):
        os.unlink(place.path(name))
    os.rmdir(place.path("folder"))


def test_a_corrupt_segment_is_listed_as_such_and_can_be_removed(own_gateway):
    gateway = own_gateway()
    gateway.create("live", LAYOUT)
    assert gateway.request("GET", "/segments/live/data").status == 200
    with open(gateway.path("live"), "r+b") as file:  # under the gateway's own mapping
        file.seek(4096)
        file.write(b"not JSON")
    assert gateway.request("GET", "/segments/live/data").json()["code"] == "corrupt-segment"
    assert gateway.request("GET", "/segments").json()["segments"] == [{"name": "live", "corrupt": True}]
    assert gateway.request("DELETE", "/segments/live").status == 204
    assert os.listdir(gateway.directory) == []


@pytest.mark.parametrize("size", [0, 100, 4096, 8192])
def test_a_segment_truncated_under_the_gateway_is_an_error_of_that_request(own_gateway, size):
    gateway = own_gateway()
    gateway.create("cut", {"kind": "ndarray", "dtype": "u1", "shape": [1 << 20]})
    assert gateway.request("GET", "/segments/cut/data?format=raw").status == 200
    os.truncate(gateway.path("cut"), size)
    for _ in range(2):
        answer = gateway.request("GET", "/segments/cut/data?format=raw")
        assert (answer.status, answer.json()["code"]) in ((500, "corrupt-segment"), (404, "no-such-segment"))
        assert gateway.request("PATCH", "/segments/cut/data", 1).status in (500, 404)
    assert gateway.request("GET", "/healthz").status == 200


HEADER_LIES = {
    "total_bytes beyond the file": (32, "<Q", 1 << 40),
    "total_bytes odd": (32, "<Q", 12_289),
    "header_offset": (40, "<Q", 8192),
    "header_bytes too large": (48, "<Q", 1 << 30),
    "header_bytes beyond data": (48, "<Q", 4097),
    "data_offset odd": (56, "<Q", 8193),
    "data_offset in the header": (56, "<Q", 4096),
    "data_offset beyond the end": (56, "<Q", 1 << 20),
}


@pytest.mark.parametrize("lie", HEADER_LIES)
def test_a_control_page_that_lies_is_corrupt(place, lie):
    offset, form, value = HEADER_LIES[lie]
    page = bytearray(open(place.path("a"), "rb").read())
    struct.pack_into(form, page, offset, value)
    check_corrupt(place, page)


JSON_LIES = [
    (b'"offset":8192', b'"offset":8193'),
    (b'"offset":8192', b'"offset":4096'),
    (b'"offset":8192', b'"offset":12288'),
    (b'"offset":8192', b'"offset":-192'),
    (b'"strides":[16,4]', b'"strides":[4,16]'),
    (b'"shape":[3,4],"strides"', b'"shape":[4,3],"strides"'),
    (b'"format":1', b'"format":2'),
    (b'"path":"values"', b'"path":"VALUES"'),
    (b'"kind":"ndarray"', b'"kind":"ndarrow"'),
    (b'"dtype":"<i4"', b'"dtype":"<f4"'),
    (b'{"format"', b'["format"'),
    (b'"shape":[3,4]}', b'"shape":[9,4]}'),
]


@pytest.mark.parametrize("lie", JSON_LIES)
def test_a_header_that_lies_is_corrupt(place, lie):
    content = open(place.path("a"), "rb").read()
    assert lie[0] in content
    check_corrupt(place, bytearray(content.replace(lie[0], lie[1], 1)))


def check_corrupt(gateway, content):
    with open(gateway.path("lies"), "wb") as file:
        file.write(content)
    try:
        answer = gateway.request("GET", "/segments/lies/data")
        assert (answer.status, answer.json()["code"]) == (500, "corrupt-segment"), answer
    finally:
        assert gateway.request("DELETE", "/segments/lies").status == 204
