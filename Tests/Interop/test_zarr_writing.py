"""Chunks written by zarr-python, xarray and Dask; what may be put, and what may not."""

import concurrent.futures
import json

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

import shmgate as shm
import zarr_stores as stores
from zarr_stores import STORES, VERSIONS, address, bits, create, local, open_array

pytestmark = pytest.mark.filterwarnings("ignore")
# The client that zarr-python can both write and erase through; fsspec's HTTP file system knows no DELETE.
WRITERS = [("obstore", 3), ("obstore", 2), ("fsspec", 3), ("fsspec", 2)]


def chunk_key(version, *place):
    return "/".join(["c", *map(str, place)]) if version == 3 else ".".join(map(str, place)) or "0"


def put(gateway, name, key, body, method="PUT", **headers):
    return gateway.request(method, f"/zarr/{name}/{key}", body, {field.replace("_", "-"): value for field, value in headers.items()})


def sequence(gateway, name):
    return gateway.request("GET", f"/segments/{name}").json()["sequence"]


@pytest.mark.parametrize("kind, version", WRITERS)
@pytest.mark.parametrize("dtype", ["?", "i1", ">i4", "<u8", "<f2", ">f8", "<c8", "S4", "<U3", "<M8[ns]", ">m8[s]", "<M8[25s]", "bfloat16", stores.STRUCTURED], ids=str)
def test_what_zarr_writes_is_in_memory(gateway, kind, version, dtype):
    random = np.random.default_rng(6)
    for shape in ((), (5,), (4, 3, 2)):
        view = np.asarray(create(gateway, "out", dtype, stores.random_array(random, dtype, shape)))
        values = stores.random_array(random, dtype, shape).view(stores.stored(dtype))
        array = open_array(gateway, "out", kind, version, "r+", config={"write_empty_chunks": True})
        before = sequence(gateway, "out")
        array[...] = values
        assert sequence(gateway, "out") == before + 2
        assert bits(view.view(stores.stored(dtype))) == bits(values)
        assert bits(array[...]) == bits(values)


FILLS = {
    "f8": [np.nan, 0], ">f4": [np.nan, 0], "f2": [np.nan], "c8": [complex(np.nan, np.nan), 0], "?": [False, True], "i1": [-128, 0], ">i2": [-32768, 0],
    "i8": [-(1 << 63), 0], "u1": [255, 0], ">u4": [(1 << 32) - 1, 0], "S3": [b"", b"abc"], "U2": ["", "a"], "M8[ns]": [-(1 << 63), 0], "m8[us]": [-(1 << 63), 0],
    "M8[W]": ["NaT", 0],
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", FILLS)
def test_chunks_full_of_one_value(gateway, dtype, version):
    """zarr-python erases a chunk that is all fill value: it must read as that, in memory too."""
    for value in FILLS[dtype]:
        filling = np.full((4, 3), 1 if np.dtype(dtype).kind not in "SU" else "x").astype(dtype)
        view = create(gateway, "full", dtype, filling)
        values = np.full((4, 3), value, stores.stored(dtype))
        open_array(gateway, "full", "obstore", version, "r+")[...] = values
        assert bits(np.asarray(view).view(stores.stored(dtype))) == bits(values), (value, view)
        assert bits(open_array(gateway, "full", "fsspec", version)[...]) == bits(values)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i2", "i8", "u1", "u8", "c16", "M8[ns]"])
def test_zeros_are_ordinary_puts_in_v3(gateway, dtype):
    view = create(gateway, "zeros", dtype, np.ones(5, "i8").astype(dtype))
    array = open_array(gateway, "zeros", "fsspec", 3, "r+")
    array[...] = 0
    assert not np.asarray(view).view(stores.stored(dtype)).any()


@pytest.mark.parametrize("version", VERSIONS)
def test_an_erased_chunk_is_its_fill_value_and_no_more(gateway, version):
    shape, rows = (2 * 65_536 + 5, 8), 43_693
    view = create(gateway, "erased", ">f8", np.ones(shape, ">f8"))
    for place in (1, 2):
        before = sequence(gateway, "erased")
        answer = put(gateway, "erased", chunk_key(version, place, 0), ..., "DELETE")
        assert answer.status == 204 and answer.headers["ETag"].endswith(f'-{before + 2}"')
    assert (np.asarray(view)[:rows] == 1).all() and np.isnan(np.asarray(view)[rows:]).all()


@pytest.mark.parametrize("kind, version", WRITERS)
def test_edges_ignore_their_padding(gateway, kind, version):
    values = np.random.default_rng(8).normal(size=(100_003, 7))
    members = {name: {"kind": "ndarray", "dtype": "f8", "shape": [100_003, 7]} for name in "ab"}
    gateway.create("edges", {"kind": "struct", "members": members}, fill=3, replace=True)
    view = local(gateway, "edges")
    array = zarr.open_group(stores.store(gateway, "edges", kind), mode="r+", zarr_format=version)["a"]
    assert array.chunks[0] * array.cdata_shape[0] > 100_003
    array[...] = values
    assert np.array_equal(view["a"], values) and (view["b"] == 3).all()


def test_lengths_and_keys_that_do_not_fit(gateway):
    view = create(gateway, "exact", "<f8", np.zeros((5, 3)))
    before = sequence(gateway, "exact")
    for size in (0, 8, 119, 121, 5_000, 1 << 20):
        answer = put(gateway, "exact", "c/0/0", bytes(size))
        assert (answer.status, answer.json()["code"]) == (422, "shape-mismatch") and "120 bytes" in answer.json()["detail"]
    for key in ("", "zarr.json", ".zarray"):
        answer = put(gateway, "exact", key, ..., "DELETE")
        assert (answer.status, answer.json()["code"]) == (405, "method-not-allowed") and "Allow" in answer.headers
    assert put(gateway, "exact", "", b"x").status == 405
    assert put(gateway, "exact", "c/0/0?x=1", bytes(120)).json()["code"] == "invalid-query"
    assert sequence(gateway, "exact") == before and not np.asarray(view).any()


def test_conditions_of_writes(gateway):
    view = create(gateway, "guarded", "<i4", np.zeros(4, "<i4"))
    tag = gateway.request("GET", "/zarr/guarded/c/0").headers["ETag"]
    ones = np.ones(4, "<i4").tobytes()
    for method, body in (("PUT", ones), ("DELETE", ...)):
        for headers in ({"If_Match": '"other"'}, {"If_None_Match": "*"}, {"If_None_Match": tag}):
            answer = put(gateway, "guarded", "c/0", body, method, **headers)
            assert (answer.status, answer.json()["code"]) == (412, "precondition-failed")
    assert not np.asarray(view).any()
    written = put(gateway, "guarded", "c/0", ones, If_Match=tag)
    assert written.status == 204 and written.headers["ETag"] != tag and (np.asarray(view) == 1).all()
    assert put(gateway, "guarded", "c/0", ..., "DELETE", If_Match=tag).status == 412
    assert put(gateway, "guarded", "0", ..., "DELETE", If_Match=written.headers["ETag"]).status == 204
    assert not np.asarray(view).any()  # v2 says no fill value for integers, which is zero


def test_readonly_segments_are_read(gateway):
    gateway.create("fixed", {"kind": "ndarray", "dtype": "f4", "shape": [3]}, data=[1, 2, 3], readonly=True)
    assert open_array(gateway, "fixed", "fsspec", 3)[...].tolist() == [1, 2, 3]
    for method, body in (("PUT", bytes(12)), ("DELETE", ...)):
        answer = put(gateway, "fixed", "c/0", body, method)
        assert (answer.status, answer.json()["code"]) == (403, "forbidden")


def test_labels_and_metadata_stay_as_they_are(gateway):
    layout = {"kind": "dataarray", "dtype": "f4", "dims": ["x", "y"], "coords": {"x": [5, 6], "y": ["a", "b"], "flag": {"dims": [], "data": False}, "n": {"dims": ["x"], "dtype": "i4", "data": [0, 0]}}}
    gateway.create("kept", layout, attrs={"a": {"b": [1, 2.5, None]}})
    before = sequence(gateway, "kept")
    for key, same, other in (
        ("x/c/0", np.array([5, 6]), np.array([5, 7])), ("x/0", np.array([5, 6]), np.array([6, 5])), ("y/c/0", np.array(["a", "b"]), np.array(["a", "c"])),
        ("n/c/0", np.zeros(2, "i4"), np.ones(2, "i4")), ("flag/c", np.array(False), np.array(True)),
    ):  # fmt: skip
        assert put(gateway, "kept", key, same.tobytes()).status == 204
        refused = put(gateway, "kept", key, other.tobytes())
        assert (refused.status, refused.json()["code"], refused.headers["Allow"]) == (405, "method-not-allowed", "GET, HEAD")
        assert put(gateway, "kept", key, same.tobytes() + b"\0").status == 422
    assert put(gateway, "kept", "x/c/0", ..., "DELETE").status == 405
    assert put(gateway, "kept", "flag/c", ..., "DELETE").status == 204  # erases what is the fill value
    assert put(gateway, "kept", "n/0", ..., "DELETE").status == 204
    for key in ("zarr.json", ".zgroup", ".zattrs", ".zmetadata", "values/zarr.json", "values/.zarray", "values/.zattrs", "y/zarr.json"):
        served = gateway.request("GET", f"/zarr/kept/{key}").json()
        assert put(gateway, "kept", key, json.dumps(served, indent=2).encode()).status == 204, key
        for change in ({"more": 1}, {"zarr_format": 4}, {"attributes": {"a": 1}}, {"shape": [3, 2]}, {"metadata": {}}, {"node_type": "x"}):
            if change.items() <= served.items() or key != ".zattrs" and change.keys() - served.keys() == {"metadata"}:
                continue  # which says nothing else
            refused = put(gateway, "kept", key, json.dumps({**served, **change}).encode())
            assert (refused.status, refused.json()["code"]) == (403, "forbidden"), (key, change)
    group = gateway.request("GET", "/zarr/kept/zarr.json").json()
    assert put(gateway, "kept", "zarr.json", json.dumps({**group, "consolidated_metadata": None}).encode()).status == 204
    group["consolidated_metadata"]["metadata"].pop("x")
    assert put(gateway, "kept", "zarr.json", json.dumps(group).encode()).status == 403
    assert put(gateway, "kept", ".zgroup", b'{"zarr_format": 2}' + b" " * 100_000).json()["code"] == "too-large"
    assert put(gateway, "kept", "zarr.json", b"{").json()["code"] == "invalid-json"
    assert put(gateway, "kept", "values/.zattrs", b"{}").status == 403
    attributes = gateway.request("GET", "/zarr/kept/values/zarr.json").json()["attributes"]
    for change in ({"more": None}, {"a": {"b": [1, 2.5]}}, {"a": {"b": [1, 2.5, None], "c": []}}):
        document = gateway.request("GET", "/zarr/kept/values/zarr.json").json()
        document["attributes"] = {**attributes, **change}
        assert put(gateway, "kept", "values/zarr.json", json.dumps(document).encode()).status == 403, change
    assert sequence(gateway, "kept") == before


def weather():
    x, time = np.arange(6) * 10, pd.date_range("2024-01-01", periods=4, freq="6h")
    return xr.DataArray(
        np.random.default_rng(2).normal(size=(6, 4)), dims=["x", "time"],
        coords={"x": x, "time": time, "station": ("x", list("abcdef"))}, name="t", attrs={"units": "K"},
    )  # fmt: skip


@pytest.mark.parametrize("consolidated", [None, True, False])
@pytest.mark.parametrize("kind, version", WRITERS)
def test_to_zarr_of_a_region(gateway, kind, version, consolidated):
    if kind == "obstore" and consolidated is False:
        consolidated = None  # obstore lists by WebDAV, which the gateway does not have
    array = weather()
    shm.create("region", shm.DataArrayLayout.from_data(array), attrs=array.attrs, directory=gateway.directory, replace=True)
    view = local(gateway, "region")
    expected = array.copy(deep=True)
    for region in ({"x": slice(2, 5)}, {"x": slice(0, 6), "time": slice(1, 2)}, "auto"):
        part = expected[1:3, 1:] if region == "auto" else expected[region.get("x"), region.get("time", slice(None))]
        part[...] = np.random.default_rng(11).normal(size=part.shape)
        ds = part.to_dataset()
        if region == "auto":
            ds = ds.drop_vars("station")
        elif "time" not in region:
            ds = ds.drop_vars("time")
        ds.to_zarr(stores.store(gateway, "region", kind), region=region, mode="r+", zarr_format=version, consolidated=consolidated)
        assert np.array_equal(view.values, expected.values)
    xr.testing.assert_identical(xr.open_zarr(address(gateway, "region"), zarr_format=version)["t"].load(), expected)


@pytest.mark.parametrize("mode", ["r+", "a"])
@pytest.mark.parametrize("version", VERSIONS)
def test_to_zarr_of_the_whole(gateway, version, mode):
    array = weather()
    shm.create("replaced", shm.DataArrayLayout.from_data(array), attrs=array.attrs, directory=gateway.directory, replace=True)
    other = array + 1
    other.attrs = array.attrs
    other.to_dataset().to_zarr(address(gateway, "replaced"), mode=mode, zarr_format=version)
    assert np.array_equal(local(gateway, "replaced").values, other.values)
    with pytest.raises(Exception, match="403|Forbidden|forbidden"):
        xr.Dataset({"more": ("x", np.zeros(6))}, attrs={"a": 1}).to_zarr(address(gateway, "replaced"), mode="a", zarr_format=version)


@pytest.mark.parametrize("version", VERSIONS)
def test_to_zarr_of_times(gateway, version):
    times = np.array(["2024-01-01", "NaT", "1950-06-01T12:00:00.000000001"], "M8[ns]")
    array = xr.DataArray(times, dims=["x"], coords={"x": [1, 2, 3]}, name="when")
    shm.create("moments", shm.DataArrayLayout.from_data(array), directory=gateway.directory, replace=True)
    other = array.copy(data=times[::-1])
    other.drop_vars("x").to_dataset().to_zarr(stores.store(gateway, "moments", "obstore"), region={"x": slice(0, 3)}, mode="r+", zarr_format=version)
    assert np.array_equal(local(gateway, "moments").values, times[::-1], equal_nan=True)


@pytest.mark.parametrize("kind, version", WRITERS)
def test_dask_stores_its_blocks(gateway, kind, version):
    values = np.random.default_rng(13).normal(size=(300_000, 5))
    view = create(gateway, "blocks", "<f8", np.zeros_like(values))
    array = open_array(gateway, "blocks", kind, version, "r+")
    blocks = da.from_array(values, chunks=array.chunks)
    with dask.config.set(scheduler="threads"):
        da.store([blocks * 2], [array], lock=False)
        da.to_zarr(da.from_zarr(array) + 1, array)
    assert np.array_equal(view, values * 2 + 1)


def test_writers_of_chunks_side_by_side_lose_nothing(gateway):
    """Eight writers, each with chunks of its own and a store of its own, and readers who never see half a chunk."""
    rows, width, rounds = 8, 524_288, 12
    view = create(gateway, "crowd", "<i8", np.zeros((rows, width), "<i8"))
    before = sequence(gateway, "crowd")

    def write(row):
        array = open_array(gateway, "crowd", STORES[row % 2], VERSIONS[row // 2 % 2], "r+")
        assert array.chunks == (1, width)
        for round_number in range(1, rounds + 1):
            array[row] = round_number
        return row

    def read(row):
        array = open_array(gateway, "crowd", STORES[row % 2], 3)
        for _ in range(rounds):
            assert len(np.unique(array[row])) == 1
        return row

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        done = [pool.submit(write, row) for row in range(rows)] + [pool.submit(read, row) for row in range(4)]
        assert [one.result(timeout=240) for one in done] == [*range(rows), *range(4)]
    assert (np.asarray(view) == rounds).all()
    assert sequence(gateway, "crowd") == before + 2 * rows * rounds


def test_chunks_are_journaled(own_gateway):
    """A chunk is one write: a body that breaks off leaves nothing behind."""
    gateway = own_gateway()
    view = create(gateway, "whole", "<f8", np.zeros(500_000))
    connection = gateway.connect()
    connection.putrequest("PUT", "/zarr/whole/c/0")
    connection.putheader("Content-Length", str(8 * 500_000))
    connection.endheaders(b"\1" * 1_000_000)
    connection.close()
    assert gateway.request("GET", "/zarr/whole/c/0").body == bytes(8 * 500_000)
    assert not np.asarray(view).any()
    # Chunked bodies have no length to be refused for beforehand.
    for size, status in ((4_000_000, 204), (3_999_999, 422), (4_000_001, 422)):
        connection.request("PUT", "/zarr/whole/c/0", iter([b"\2" * 1_000_000, b"\2" * (size - 1_000_000)]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    assert (np.asarray(view).view("u1") == 2).all()
    connection.close()


def test_a_write_of_everything_clears_the_damage(gateway):
    create(gateway, "mended", "<i4", np.arange(4, dtype="<i4"))
    with pytest.raises(ZeroDivisionError), shm.write("mended", directory=gateway.directory):
        1 / 0
    assert put(gateway, "mended", "c/0", bytes(16)).status == 204
    assert "Shm-Damaged" not in gateway.request("GET", "/zarr/mended/c/0").headers
    gateway.create("partly", {"kind": "dataframe", "columns": [{"name": name, "dtype": "i4"} for name in "ab"], "index": 4})
    with pytest.raises(ZeroDivisionError), shm.write("partly", directory=gateway.directory):
        1 / 0
    assert put(gateway, "partly", "a/c/0", bytes(16)).status == 204
    assert gateway.request("GET", "/zarr/partly/b/c/0").headers["Shm-Damaged"] == "1"


def test_bodies_need_no_media_type_and_may_have_any(gateway):
    view = create(gateway, "typed", "u1", np.zeros(3, "u1"))
    for number, headers in enumerate([{}, {"Content-Type": "application/octet-stream"}, {"Content-Type": "application/json"}], 1):
        assert gateway.request("PUT", "/zarr/typed/c/0", bytes([number] * 3), headers).status == 204
        assert (np.asarray(view) == number).all()
    coded = gateway.request("PUT", "/zarr/typed/c/0", bytes(3), {"Content-Encoding": "br"})
    assert coded.status == 415


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_but_nan_over_fsspec(gateway, version):
    """fsspec cannot erase, so xarray is told to write such chunks."""
    array = weather()
    shm.create("empty", shm.DataArrayLayout.from_data(array), attrs=array.attrs, directory=gateway.directory, replace=True)
    nothing = (array * np.nan).to_dataset()
    with pytest.raises(NotImplementedError):
        nothing.to_zarr(address(gateway, "empty"), mode="r+", zarr_format=version)
    assert np.array_equal(local(gateway, "empty").values, array.values)
    nothing.to_zarr(address(gateway, "empty"), mode="r+", zarr_format=version, write_empty_chunks=True)
    assert np.isnan(local(gateway, "empty").values).all()


def test_bytes_that_are_no_values_are_refused(gateway):
    for dtype, good, bad in (("?", b"\1\0", b"\1\2"), ("<U1", b"a\0\0\0b\0\0\0", b"a\0\0\0\0\xd8\0\0"), (">U1", b"\0\0\0a\0\0\0b", b"a\0\0\0\0\0\0a")):
        view = create(gateway, "values", dtype, np.zeros(2, dtype))
        for key in ("c/0", "0"):
            answer = put(gateway, "values", key, bad)
            assert (answer.status, answer.json()["code"]) == (422, "value-out-of-range")
            assert not any(np.asarray(view).tobytes())
        assert put(gateway, "values", "c/0", good).status == 204 and np.asarray(view).tobytes() == good
