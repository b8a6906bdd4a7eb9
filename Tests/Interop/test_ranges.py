"""`Range` and `If-Range` on raw and npy: what fsspec, browsers and download managers ask for."""

import io

import numpy as np
import pytest

from gateway import RAW

BYTES = bytes(range(200)) * 5
TARGETS = {
    "raw": "/segments/bytes/data?format=raw",
    "npy": "/segments/bytes/data?format=npy",
    "part": "/segments/bytes/data?format=raw&slice=3:700",
    "strided": "/segments/bytes/data?format=raw&slice=::3",
    "column": "/segments/frame/data/columns/a?format=npy",
    "rows": "/segments/frame/data/columns/a?format=raw",
    "labels": "/segments/frame/data/index?format=raw",
}
RANGES = [
    ("bytes=0-0", 0, 1), ("bytes=0-", 0, None), ("bytes=1-", 1, None), ("bytes=10-19", 10, 20), ("bytes=-1", -1, None),
    ("bytes=-17", -17, None), ("bytes=-100000", 0, None), ("bytes=5-100000", 5, None), ("bytes=50-200", 50, 201),
    ("bytes=0-99999999999999999999999", 0, None), ("Bytes=2-3", 2, 4), ("bytes= 2-3", 2, 4),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(gateway):
    gateway.create("bytes", {"kind": "ndarray", "dtype": "u1", "shape": [len(BYTES)]})
    assert gateway.request("PATCH", "/segments/bytes/data", BYTES, RAW).status == 204
    layout = {"kind": "dataframe", "columns": [{"name": "a", "dtype": "float64"}, {"name": "b", "dtype": "int8"}], "index": list(range(50, 0, -1))}
    gateway.create("frame", layout, fill=1)
    return gateway


def get(gateway, target, **headers):
    return gateway.request("GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("asked, first, end", RANGES)
def test_a_range_is_that_slice_of_the_whole(place, name, asked, first, end):
    whole = get(place, TARGETS[name])
    assert (whole.status, whole.headers["Accept-Ranges"]) == (200, "bytes")
    part = get(place, TARGETS[name], Range=asked)
    assert part.status == 206, part
    assert part.body == whole.body[first:end]
    start = len(whole.body) - len(part.body) if first < 0 else first
    assert part.headers["Content-Range"] == f"bytes {start}-{start + len(part.body) - 1}/{len(whole.body)}"
    assert int(part.headers["Content-Length"]) == len(part.body)
    for field in ("ETag", "Content-Type", "Shm-Dtype", "Shm-Shape", "Vary"):
        assert part.headers[field] == whole.headers[field]


@pytest.mark.parametrize("asked", [
    "bytes=0-1,5-6", "bytes=5-4", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "items=0-1", "0-1", "bytes=1-2-3", "bytes=+1-2",
])  # fmt: skip
def test_what_is_no_single_range_is_the_whole(place, asked):
    answer = get(place, TARGETS["raw"], Range=asked)
    assert (answer.status, answer.body) == (200, BYTES)
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("asked", ["bytes=100000-", "bytes=100000-100001", "bytes=-0"])
def test_a_range_without_a_byte_is_416(place, name, asked):
    whole = get(place, TARGETS[name])
    answer = get(place, TARGETS[name], Range=asked)
    assert (answer.status, answer.json()["code"]) == (416, "range-not-satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(whole.body)}"


@pytest.mark.parametrize("name", TARGETS)
def test_a_range_of_another_state_is_the_whole(place, name):
    whole = get(place, TARGETS[name])
    tag = whole.headers["ETag"]
    assert get(place, TARGETS[name], Range="bytes=1-2", If_Range=tag).status == 206
    for other in (tag[:-1] + '0"', "W/" + tag, "Wed, 21 Oct 2015 07:28:00 GMT", "*"):
        for asked in ("bytes=1-2", "bytes=100000-"):
            answer = get(place, TARGETS[name], Range=asked, If_Range=other)
            assert (answer.status, answer.body) == (200, whole.body)
    assert get(place, TARGETS[name], Range="bytes=1-2", If_None_Match=tag).status == 304


def test_ranges_of_text_head_and_relaxed_reads_are_the_whole(place):
    assert get(place, "/segments/bytes/data?slice=:3", Range="bytes=0-1").status == 200
    assert place.request("HEAD", TARGETS["raw"], headers={"Range": "bytes=0-1"}).status == 200
    relaxed = get(place, TARGETS["raw"] + "&consistency=relaxed", Range="bytes=0-1")
    assert (relaxed.status, relaxed.body) == (200, BYTES)
    assert "Accept-Ranges" not in relaxed.headers


def test_a_file_is_put_together_from_ranges(own_gateway):
    gateway = own_gateway()
    values = np.random.default_rng(5).integers(0, 1 << 40, (1 << 18, 3))
    gateway.create("large", {"kind": "ndarray", "dtype": "i8", "shape": list(values.shape)})
    assert gateway.request("PATCH", "/segments/large/data", values.tobytes(), RAW).status == 204
    target = "/segments/large/data?format=npy"
    size = int(gateway.request("HEAD", target).headers["Content-Length"])
    step = 1_000_003
    pieces = [get(gateway, target, Range=f"bytes={start}-{start + step - 1}").body for start in range(0, size, step)]
    assert np.array_equal(np.load(io.BytesIO(b"".join(pieces))), values)
