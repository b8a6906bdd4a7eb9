"""NumPy's files in every version, both ways: what NumPy saves is a segment, and what the gateway sends NumPy loads."""

import io
import urllib.request

import numpy as np
import pytest

from gateway import JSON, NPY

ARRAYS = {
    "big-endian": np.arange(6, dtype=">i4").reshape(2, 3), "fortran": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
    "scalar": np.array(5.5), "empty": np.zeros((0, 3), "i2"), "half": np.array([0.5, np.nan, -np.inf], "f2"), "bools": np.array([[True], [False]]),
    "complex": np.array([1 + 2j, complex(np.nan, -0.0)]), "bytes": np.array([b"a", b"bcd", b""]), "texts": np.array(["é", "日本語", ""]),
    "texts-big": np.array(["é", "日本語"]).astype(">U3"), "when": np.array(["2024-01-01T00:00:00.5", "NaT"], "M8[ms]"), "days": np.array(["2024", "NaT"], ">M8[D]"),
    "took": np.array([1, -2], "m8[25s]"), "record": np.array([(1, b"ab", 2.5)] * 3, [("a", "<i2"), ("b", "S3"), ("c", ">f8")]),
    "sub-array": np.arange(12, dtype="f4").view([("m", "f4", (2, 3))]), "nested": np.zeros((2, 2), [("p", [("x", "i2"), ("y", "f8")]), ("q", "U2")]),
    "latin-1": np.ones(2, [("größe", "i4")]), "unicode": np.ones(2, [("日本", "i4"), ("it's \\", "f2")]),
    "many-fields": np.ones(2, [(f"the field with number {number:05}", "i2") for number in range(3_000)]),
    "fortran-record": np.asfortranarray(np.arange(12, dtype="i4").view([("a", "<i4"), ("b", ">i4")]).reshape(2, 3)),
}  # fmt: skip


def save(array, version=None):
    """The file of an array; None for a version that cannot say its dtype."""
    file = io.BytesIO()
    try:
        np.lib.format.write_array(file, array, version, allow_pickle=False)
    except (UnicodeEncodeError, ValueError):
        return None
    return file.getvalue()


def load(body):
    return np.load(io.BytesIO(body), allow_pickle=False, max_header_size=1 << 20)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0), None])
@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_comes_back(gateway, kind, version):
    array = ARRAYS[kind]
    body = save(array, version)
    if body is None:
        assert (kind, version) in {("unicode", (1, 0)), ("unicode", (2, 0)), ("many-fields", (1, 0))}
        return
    data = f"/segments/{kind}/data?format=npy"
    assert gateway.request("PUT", f"/segments/{kind}?replace=true", body, NPY).status in (200, 201)
    answer = gateway.request("GET", data)
    # A dtype of 100 KiB fits into no header block.
    assert ("Shm-Dtype" in answer.headers) == (kind != "many-fields")
    got = load(answer.body)
    assert (got.dtype, got.shape) == (array.dtype, array.shape) and got.flags.c_contiguous
    assert got.tobytes() == array.tobytes()
    # The version is the one that NumPy itself takes.
    assert answer.body[6:8] == save(array)[6:8]
    # So does a PATCH; of zeros, then of the array again.
    zeros = save(np.zeros_like(array), version)
    for part in (zeros, body):
        assert gateway.request("PATCH", f"/segments/{kind}/data", part, NPY).status == 204
    assert gateway.request("GET", data).body == answer.body


def test_numpy_reads_straight_from_the_connection(gateway):
    array = np.random.default_rng(3).standard_normal((300, 7))
    assert gateway.request("PUT", "/segments/direct", save(array), NPY).status == 201
    url = f"http://127.0.0.1:{gateway.port}/segments/direct/data?format=npy"
    # `np.load` itself goes back to the front of what it reads, which no connection can.
    with urllib.request.urlopen(url) as answer:
        assert np.array_equal(np.lib.format.read_array(answer, allow_pickle=False), array)
    with urllib.request.urlopen(url) as answer:
        assert np.array_equal(np.load(io.BytesIO(answer.read())), array)
    with np.lib.npyio.DataSource(None).open(url, "rb") as file:
        assert np.array_equal(np.load(file), array)
    sliced = urllib.request.urlopen(f"{url}&slice=::-2,[0,3]")
    assert np.array_equal(np.lib.format.read_array(sliced), array[::-2][:, [0, 3]])


def pickled(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("array, word", [
    (np.array([1, "a", None], object), "|O"), (np.zeros(2, [("a", "O"), ("b", "i4")]), "|O"), (np.zeros(2, "V4"), "|V4"),
    (np.zeros(2, np.longdouble), "f16"), (np.zeros(2, "M8"), "unit"), (np.zeros(2, np.dtype([("a", "i1"), ("b", "i8")], align=True)), "|V7"),
])  # fmt: skip
def test_what_no_segment_has_is_refused(gateway, array, word):
    gateway.request("PUT", "/segments/refused?replace=true", {"layout": {"kind": "ndarray", "dtype": "f8", "shape": [2]}}, JSON)
    for method, target in (("PUT", "/segments/refused?replace=true"), ("PATCH", "/segments/refused/data")):
        answer = gateway.request(method, target, pickled(array), NPY)
        problem = answer.json()
        assert answer.status in (400, 422) and problem["code"] in ("invalid-body", "shape-mismatch"), answer
        assert word in problem["detail"] or problem["code"] == "shape-mismatch", answer
    assert gateway.request("GET", "/segments/refused/data").json()["data"] == [0.0, 0.0]


def test_headers_are_bounded(gateway):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }"
    long = header + b" " * (2 << 20) + b"\n"
    body = b"\x93NUMPY\x02\x00" + len(long).to_bytes(4, "little") + long + bytes(16)
    answer = gateway.request("PUT", "/segments/long", body, NPY)
    assert (answer.status, answer.json()["code"]) == (400, "invalid-body") and "1048576" in answer.json()["detail"]
    padded = header + b" " * 100_000 + b"\n"
    body = b"\x93NUMPY\x03\x00" + len(padded).to_bytes(4, "little") + padded + np.array([1.5, 2.5]).tobytes()
    assert gateway.request("PUT", "/segments/long", body, NPY).status == 201
    assert gateway.request("PATCH", "/segments/long/data", body, NPY).status == 204
    assert gateway.request("GET", "/segments/long/data").json()["data"] == [1.5, 2.5]
