"""Segments as Zarr arrays and groups, read by zarr-python, xarray and Dask over fsspec and obstore."""

import json

import dask.array as da
import ml_dtypes
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

import zarr_stores as stores
from zarr_stores import DTYPES, SHAPES, NESTED, STORES, STRUCTURED, VERSIONS, address, bits, create, local, native, open_array, stored

pytestmark = pytest.mark.filterwarnings("ignore")


def get(gateway, target, method="GET", **headers):
    return gateway.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})


def same_counts(values, expected, dtype):
    """Whether chunks hold the local bytes, times as counts where CF has a word for the unit."""
    return bits(values) == bits(np.asarray(expected).view(stored(dtype)) if np.asarray(expected).size else np.empty(np.shape(expected), stored(dtype)))


@pytest.mark.parametrize("dtype", DTYPES + [STRUCTURED, NESTED], ids=str)
def test_every_dtype_and_shape_is_the_local_array(gateway, dtype):
    random = np.random.default_rng(20)
    for number, shape in enumerate(SHAPES):
        view = np.asarray(create(gateway, "one", dtype, stores.random_array(random, dtype, shape)))
        for version in VERSIONS if dtype is not NESTED else [3]:
            kind = STORES[(number + version) % 2]
            array = open_array(gateway, "one", kind, version)
            assert array.shape == shape
            assert same_counts(array[...], view, dtype), (shape, kind, version)
            assert array.dtype.newbyteorder("<") == stored(dtype).newbyteorder("<")


@pytest.mark.parametrize("shape, chunk", [
    ((100_003, 3, 9), (16668, 3, 9)), ((3, 700_001), (1, 350001)), ((2, 3, 600_000), (1, 1, 300000)), ((5, 2, 100_000), (2, 2, 100000)),
    ((524_288,), (524288,)), ((524_289,), (262145,)), ((1, 1), (1, 1)), ((0, 5), (1, 5)), ((), ()),
])  # fmt: skip
def test_chunks_are_runs_of_some_mebibytes(gateway, shape, chunk):
    values = np.random.default_rng(3).normal(size=shape)
    view = create(gateway, "grid", "<f8", np.asarray(values))
    array = open_array(gateway, "grid", "fsspec", 3)
    assert array.chunks == chunk == open_array(gateway, "grid", "obstore", 2).chunks
    assert np.prod(chunk) * 8 <= 4 << 20
    assert np.array_equal(array[...], view)
    # Each chunk is the next run of the array, and NaN behind it at the edge.
    counts = [-(-extent // block) for extent, block in zip(shape, chunk)]
    flat, next_element = np.ravel(view), 0
    for place in np.ndindex(*counts):
        body = get(gateway, "/".join(["/zarr/grid/c", *map(str, place)])).body
        assert len(body) == 8 * np.prod(chunk)
        own = np.prod([min(block, extent - block * at) for at, block, extent in zip(place, chunk, shape)], dtype=int)
        run = np.frombuffer(body, "<f8")
        assert np.array_equal(run[:own], flat[next_element : next_element + own])
        assert np.isnan(run[own:]).all()
        assert get(gateway, "/zarr/grid/" + (".".join(map(str, place)) or "0")).body == body
        next_element += own
    assert next_element == flat.size
    assert np.array_equal(da.from_zarr(address(gateway, "grid")).compute(), view)


def test_a_write_is_seen_at_once(gateway):
    view = create(gateway, "live", "<i4", np.arange(6, dtype="<i4").reshape(2, 3))
    array = open_array(gateway, "live", "fsspec", 3)
    for value in range(3):
        with shm_write(gateway, "live") as values:
            values[1, 2] = value
        assert array[1, 2] == value == view[1, 2]


def shm_write(gateway, name):
    import shmgate as shm

    return shm.write(name, directory=gateway.directory)


TIMES = ["2024-01-01T00:00:00", None, "1969-12-31T23:59:59", "2261-05-05T01:02:03"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("version", VERSIONS)
def test_xarray_decodes_times_to_what_numpy_has(gateway, unit, version):
    columns = [{"name": "when", "dtype": f"M8[{unit}]"}, {"name": "took", "dtype": f"m8[{unit}]"}]
    data = [[time, None if number == 1 else number * 7 - 3] for number, time in enumerate(TIMES)]
    index = {"dtype": f"M8[{unit}]", "data": ["2020-01-01", "2020-01-02", None, "1901-01-01"]}
    gateway.create("times", {"kind": "dataframe", "columns": columns, "index": index}, data=data, replace=True)
    frame = local(gateway, "times")
    for kind in STORES:
        source = stores.store(gateway, "times", kind, read_only=True)
        for consolidated in (True, False) if kind == "fsspec" else (True,):
            ds = xr.open_zarr(source, consolidated=consolidated, zarr_format=version, chunks=None)
            assert ds["when"].dtype.kind == "M" and ds["took"].dtype.kind == "m" and ds["index"].dtype.kind == "M"
            for name, expected in (("when", frame["when"]), ("took", frame["took"]), ("index", frame.index)):
                assert np.array_equal(ds[name].values, expected.to_numpy(), equal_nan=True), (name, ds[name].values)


def random_dataarray():
    x = np.array([10, 20, 30, 40], "<i2")
    return xr.DataArray(
        np.random.default_rng(9).normal(size=(4, 2, 3)),
        dims=["x", "name", "time"],
        coords={
            "x": x, "name": ["α", "beta"], "time": pd.date_range("2024-01-01", periods=3, freq="h"),
            "height": ("x", np.array([1.5, 2.5, np.nan, -0.0])), "flag": (("x", "name"), x[:, None] > [15, 25]), "scalar": 7,
            "place": (("name", "x"), np.array([["a", "bb", "", "d"], ["日本", "f", "g", "h"]])), "took": ("time", np.array([1, 2, 3], "m8[ms]")),
        },
        name="temperature", attrs={"units": "K", "long name": {"de": ["Wärme"]}},
    )  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", STORES)
def test_a_dataarray_is_itself_to_xarray(gateway, version, kind):
    import shmgate as shm

    array = random_dataarray()
    shm.create("whole", shm.DataArrayLayout.from_data(array), attrs=array.attrs, directory=gateway.directory, replace=True)
    for consolidated in (True, False) if kind == "fsspec" else (True,):
        source = stores.store(gateway, "whole", kind, read_only=True)
        ds = xr.open_zarr(source, consolidated=consolidated, zarr_format=version)
        read = ds["temperature"].load()
        assert set(read.coords) == set(array.coords)
        xr.testing.assert_identical(read.drop_vars("place"), array.drop_vars("place"))
        assert np.array_equal(read["place"].values.astype(str), array["place"].values)
        assert read["place"].dims == ("name", "x")
    assert zarr.open_group(stores.store(gateway, "whole", kind), mode="r", zarr_format=version)["temperature"].attrs["units"] == "K"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", STORES)
def test_a_dataframe_is_itself_to_xarray(gateway, version, kind):
    import shmgate as shm

    frame = pd.DataFrame(
        {"a": np.array([-128, -1, 0, 1, 127], "i1"), "b": [0.5, np.nan, 1, 2, 3], "c": [True, False, True, True, False], "u": np.arange(5, dtype="u8") - np.uint64(1)},
        index=list("vwxyz"),
    )
    shm.create("frame", shm.DataFrameLayout.from_data(frame), directory=gateway.directory, replace=True)
    for consolidated in (True, False) if kind == "fsspec" else (True,):
        ds = xr.open_zarr(stores.store(gateway, "frame", kind, read_only=True), consolidated=consolidated, zarr_format=version)
        read = ds.to_dataframe()
        assert list(read.index) == list(frame.index)
        for name in frame:
            assert read[name].dtype == frame[name].dtype
            assert np.array_equal(read[name].to_numpy(), frame[name].to_numpy(), equal_nan=True)


def test_series_have_their_name_or_values(gateway):
    layout = {"kind": "series", "dtype": "f4", "index": {"range": [10, 0, -2]}}
    gateway.create("anonymous", layout, data=[1, 2, 3, 4, 5])
    gateway.create("named", {**layout, "name": "index"}, data=[1, 2, 3, 4, 5])
    read = xr.open_zarr(address(gateway, "anonymous"))["values"].to_series()
    assert read.tolist() == [1, 2, 3, 4, 5] and read.index.tolist() == [10, 8, 6, 4, 2] and read.dtype == "f4"
    # As pandas' reset_index has it where the name is taken.
    named = xr.open_zarr(address(gateway, "named"))
    assert named["index"].dims == ("level_0",) and named["level_0"].values.tolist() == [10, 8, 6, 4, 2]


def test_structs_and_lists_are_groups(gateway):
    book = {"kind": "struct", "members": {"bids": {"kind": "ndarray", "dtype": "f8", "shape": [4, 2]}, "raw": {"kind": "bytes", "size": 3}}}
    frame = {"kind": "dataframe", "columns": [{"name": "n", "dtype": "i4"}], "index": ["a", "b"]}
    members = {"book": book, "frames": {"kind": "list", "item": frame, "count": 2}, "note": {"kind": "json", "value": {"a": 1}}, "one": {"kind": "ndarray", "dtype": "f4", "shape": [2]}}
    gateway.create("tree", {"kind": "struct", "members": members}, attrs={"of": "everything"})
    gateway.request("PATCH", "/segments/tree/data/members/book/members/bids", [[1, 2], [3, 4], [5, 6], [7, 8]])
    gateway.request("PATCH", "/segments/tree/data/members/frames/items/1/columns/n", [5, 6])
    for version in VERSIONS:
        for kind in STORES:
            root = zarr.open_group(stores.store(gateway, "tree", kind), mode="r", zarr_format=version)
            assert root.attrs["of"] == "everything"
            assert root["book/bids"][...].tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
            assert root["frames"]["1"]["n"][...].tolist() == [5, 6] and root["frames/0/index"][...].tolist() == ["a", "b"]
            assert sorted(dict(root.members(max_depth=None))) == sorted([
                "book", "book/bids", "book/raw", "frames", "frames/0", "frames/0/index", "frames/0/n", "frames/1", "frames/1/index", "frames/1/n", "one",
            ])  # fmt: skip
        # Without consolidated metadata zarr-python goes by the links of the pages.
        listed = zarr.open_group(stores.store(gateway, "tree", "fsspec"), mode="r", zarr_format=version, use_consolidated=False)
        assert {"book/bids", "frames/1/n", "one"} <= set(dict(listed.members(max_depth=None)))
        inner = zarr.open_group(stores.store(gateway, "tree/frames", "fsspec"), mode="r", zarr_format=version)
        assert sorted(inner.group_keys()) == ["0", "1"]
        assert xr.open_zarr(address(gateway, "tree/book"), zarr_format=version)["bids"].dims == ("bids_dim_0", "bids_dim_1")
    assert xr.open_datatree(address(gateway, "tree"), engine="zarr")["frames/1/n"].values.tolist() == [5, 6]


NAMES = ["größe/m", "50%", "a b+c", "q?#1", "x&y<b>\"'", "http_requests", "a:b", "..", "a\\b", "zarr.json", "c", "index", "100%25", "~{}^`|[]", "__x"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_name_is_reached(gateway, version):
    columns = [{"name": name, "dtype": "i4"} for name in NAMES]
    gateway.create("names", {"kind": "dataframe", "columns": columns, "index": 1}, data=[list(range(len(NAMES)))], replace=True)
    known = {name: number for number, name in enumerate(NAMES)}
    for kind in STORES:
        root = zarr.open_group(stores.store(gateway, "names", kind), mode="r", zarr_format=version)
        keys = list(json.loads(get(gateway, "/zarr/names/zarr.json").body)["consolidated_metadata"]["metadata"])
        assert len(keys) == len(NAMES) + 1 and keys[-1] == "level_0"
        for name, key in zip(NAMES, keys):
            assert root[key][0] == known[name], (kind, name, key)
    assert {"50%", "größe%2Fm", "a b+c", "q%3F%231", "http_requests", "100_25", "index"} <= set(keys)
    listed = zarr.open_group(stores.store(gateway, "names", "fsspec"), mode="r", zarr_format=version, use_consolidated=False)
    if version == 3:
        del known["zarr.json"]  # which zarr-python passes over among links
    assert sorted(array[0] for _, array in listed.arrays()) == sorted([*known.values(), 0])


def test_names_that_meet_stay_apart(gateway):
    columns = [{"name": name, "dtype": "i4"} for name in ["a/b", "a%2Fb", "a_2Fb", "..", "__", "_"]]
    gateway.create("meet", {"kind": "dataframe", "columns": columns, "index": 1}, data=[list(range(6))])
    for kind in STORES:
        root = zarr.open_group(stores.store(gateway, "meet", kind), mode="r")
        assert sorted(array[0] for name, array in root.arrays() if name != "index") == list(range(6))


def test_names_of_the_data_and_its_coordinates_stay_apart(gateway):
    for name, expected in (("x", "values_"), (None, "values_"), ("t", "t")):
        layout = {"kind": "dataarray", "dtype": "f4", "dims": ["x"], "coords": {"x": [1, 2], "values": {"dims": ["x"], "data": [3, 4]}}, "name": name}
        gateway.create("apart", layout, fill=5, replace=True)
        ds = xr.open_zarr(address(gateway, "apart"))
        assert ds[expected].values.tolist() == [5, 5] and ds["values"].values.tolist() == [3, 4] and "values" in ds.coords


def test_what_zarr_cannot_express_is_told(gateway):
    inexpressible = [["a", "<f4", [2]]]
    big = [["a", ">f4"]]
    members = {name: {"kind": "ndarray", "dtype": dtype, "shape": [2]} for name, dtype in (("sub", inexpressible), ("big", big), ("fine", "f4"))}
    gateway.create("some", {"kind": "struct", "members": members})
    gateway.create("none", {"kind": "json", "value": 1})
    for target, word in (("some/sub/zarr.json", "data type"), ("some/sub/.zarray", "dtype"), ("some/big/zarr.json", "byte order"), ("none/zarr.json", "JSON"), ("none/.zarray", "JSON")):
        answer = get(gateway, f"/zarr/{target}")
        assert (answer.status, answer.json()["code"]) == (406, "not-acceptable") and word in answer.json()["detail"], answer
    for version, names in ((3, ["fine"]), (2, ["big", "fine"])):
        root = zarr.open_group(address(gateway, "some"), mode="r", zarr_format=version)
        assert sorted(root.array_keys()) == names
    assert zarr.open_group(address(gateway, "some"), mode="r", zarr_format=2)["big"].dtype == np.dtype([("a", ">f4")])
    assert sorted(zarr.open_group(address(gateway, "some"), mode="r", use_consolidated=False).array_keys()) == ["fine"]
    assert b"not in v3" in get(gateway, "/zarr/some/").body and b"JSON" in get(gateway, "/zarr/none/").body


def test_bfloat16_says_what_its_bits_are(gateway):
    values = np.array([1.5, -2, np.nan], ml_dtypes.bfloat16)
    create(gateway, "brain", "bfloat16", values)
    array = open_array(gateway, "brain", "fsspec", 3)
    assert array.attrs["shm_dtype"] == "bfloat16"
    assert np.array_equal(array[...].view(ml_dtypes.bfloat16), values, equal_nan=True)


ABSENT = [
    "zarr.jso", "c", "c/0", "c/0/0/0", "c/0/1", "c/5/0", "c/00/0", "c/-1/0", "c/0/x", "c/99999999999999999999/0", "0", "0.0.0", "5.0", "0.", ".0", "0.00",
    ".zgroup", ".zmetadata", "c/0/0/", "zarr.json/", "//", "x", "x/zarr.json", "a%2Fb", "%ff", "c/0/0/zarr.json", "%zz", "0.0%00",
]  # fmt: skip


def test_absent_keys_are_404_and_nothing_else(gateway):
    create(gateway, "present", "<f8", np.zeros((5 * 4096, 128)))
    gateway.create("group", {"kind": "dataframe", "columns": [{"name": "a", "dtype": "f4"}], "index": 2})
    for key in ABSENT:
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            answer = gateway.request(method, f"/zarr/present/{key}", b"" if method == "PUT" else ...)
            assert answer.status == 404, (method, key, answer)
            assert method == "HEAD" or answer.json()["code"] == "no-such-member"
    for key in (".zarray", "c/0", "0", "b/zarr.json", "a/c", "a/c/1", "index/c/1", "a/a/zarr.json", "zarr.json/zarr.json"):
        assert get(gateway, f"/zarr/group/{key}").status == 404
    assert get(gateway, "/zarr/nobody/zarr.json").json()["code"] == "no-such-segment"
    assert get(gateway, "/zarr/present/zarr.json?x=1").json()["code"] == "invalid-query"
    assert gateway.request("POST", "/zarr/present/c/0/0", b"").headers["Allow"] == "GET, HEAD, PUT, DELETE"
    assert get(gateway, "/zarr").status == 404


RANGES = [("bytes=0-0", 0, 1), ("bytes=-1", -1, None), ("bytes=-9", -9, None), ("bytes=-14", -14, None), ("bytes=-27", -27, None), ("bytes=3-", 3, None), ("bytes=1000003-2097155", 1_000_003, 2_097_156), ("bytes=-99999999", 0, None)]


@pytest.mark.parametrize("key", ["/zarr/long/c/0", "/zarr/long/c/3", "/zarr/long/3", "/zarr/labels/index/c/0", "/zarr/labels/index/c/1", "/zarr/texts/index/c/0"])
def test_ranges_of_chunks(gateway, key):
    if gateway.request("GET", "/segments/long").status == 404:
        create(gateway, "long", ">f8", np.random.default_rng(4).normal(size=3 * 524_288 + 1).astype(">f8"))  # padded with 3
        gateway.create("labels", {"kind": "series", "dtype": "f4", "index": {"range": [7, 7 + 524_289, 1]}})
        gateway.create("texts", {"kind": "series", "dtype": "f4", "index": [f"label {n}" for n in range(40_000)]})
    whole = get(gateway, key)
    assert (whole.status, whole.headers["Accept-Ranges"], whole.headers["Content-Type"]) == (200, "bytes", "application/octet-stream")
    head = get(gateway, key, "HEAD")
    assert int(head.headers["Content-Length"]) == len(whole.body) and head.headers["ETag"] == whole.headers["ETag"]
    for asked, first, end in RANGES:
        if first >= len(whole.body):
            continue
        part = get(gateway, key, Range=asked)
        assert (part.status, part.body) == (206, whole.body[first:end]), asked
        start = len(whole.body) - len(part.body) if first < 0 else first
        assert part.headers["Content-Range"] == f"bytes {start}-{start + len(part.body) - 1}/{len(whole.body)}"
        assert part.headers["ETag"] == whole.headers["ETag"]
    refused = get(gateway, key, Range="bytes=99999999-")
    assert (refused.status, refused.headers["Content-Range"]) == (416, f"bytes */{len(whole.body)}")
    tag = whole.headers["ETag"]
    assert get(gateway, key, Range="bytes=-4", If_Range=tag).status == 206
    for asked in ("bytes=-4", "bytes=99999999-"):
        other = get(gateway, key, Range=asked, If_Range=tag[:-1] + '0"')
        assert (other.status, other.body) == (200, whole.body)


@pytest.mark.parametrize("kind", STORES)
def test_stores_read_parts_of_chunks(gateway, kind):
    from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.sync import sync

    view = create(gateway, "parts", "<i8", np.arange(1_000, dtype="<i8"))
    source, raw = stores.store(gateway, "parts", kind), view.tobytes()
    for asked, expected in ((SuffixByteRequest(24), raw[-24:]), (RangeByteRequest(8, 32), raw[8:32]), (OffsetByteRequest(7_000), raw[7_000:]), (None, raw)):
        assert sync(source.get("c/0", default_buffer_prototype(), asked)).to_bytes() == expected
    assert sync(source.get("c/1", default_buffer_prototype())) is None
    assert sync(source.exists("c/0")) and not sync(source.exists("c/1"))
    assert sync(source.getsize("c/0")) == 8_000


def test_conditions_of_reads(gateway):
    create(gateway, "tagged", "<i4", np.arange(4, dtype="<i4"))
    tag = gateway.request("GET", "/segments/tagged").headers["ETag"]
    for key in ("c/0", "0", "zarr.json", ".zarray", ".zattrs"):
        answer = get(gateway, f"/zarr/tagged/{key}")
        assert answer.headers["ETag"] == tag and answer.headers["Cache-Control"] == "no-cache"
        assert get(gateway, f"/zarr/tagged/{key}", If_None_Match=tag).status == 304
        assert get(gateway, f"/zarr/tagged/{key}", If_None_Match='"other"').status == 200
        assert get(gateway, f"/zarr/tagged/{key}", If_Match=tag).status == 200
        assert get(gateway, f"/zarr/tagged/{key}", If_Match='"other"').json()["code"] == "precondition-failed"
    assert gateway.request("PATCH", "/segments/tagged/data", 1).status == 204
    assert get(gateway, "/zarr/tagged/c/0", If_None_Match=tag).status == 200


def test_a_page_for_people(gateway):
    gateway.create("page", {"kind": "dataframe", "columns": [{"name": "<script>\"'&", "dtype": "f4"}, {"name": "ü/x", "dtype": "f4"}], "index": 2}, replace=True)
    for target in ("/zarr/page/", "/zarr/page"):
        answer = get(gateway, target)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        text = answer.body.decode()
        assert '<base href="/zarr/page/">' in text and "<script>" not in text and "&lt;script&gt;&quot;&#39;&amp;" in text
        assert "href=.zmetadata" in text and 'href="zarr.json"' in text and 'href="ü%2Fx"' in text
    inner = get(gateway, "/zarr/page/%C3%BC%2Fx/").body.decode()
    assert '<base href="/zarr/page/%C3%BC%2Fx/">' in inner and 'href="c/0"' in inner
    assert get(gateway, "/zarr/page/%C3%BC%252Fx/c/0").status == 200


def test_a_damaged_segment_says_so(gateway):
    import shmgate as shm

    create(gateway, "harmed", "<i4", np.arange(4, dtype="<i4"))
    with pytest.raises(ZeroDivisionError), shm.write("harmed", directory=gateway.directory):
        1 / 0
    assert get(gateway, "/zarr/harmed/c/0").headers["Shm-Damaged"] == "1"
