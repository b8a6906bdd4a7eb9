"""Objects on a gateway: the same far away and mapped, as pandas, xarray and NumPy have them."""

import pickle

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cases import TIMES, assert_same, data, dataarray, frame
from gateway import gateway  # noqa: F401

import shmgate as shm

CASES = data()


@pytest.fixture(params=[False, True], ids=["far", "near"])
def connect(gateway, request):  # noqa: F811
    """The gateway by HTTP alone, and mapped."""
    return shm.connect(gateway.url, local=request.param)


def put(name, value):
    shm.create(name, shm.Layout.from_data(value))
    return value


@pytest.mark.parametrize("name", CASES, ids=lambda name: name.replace(" ", "-"))
def test_the_whole_of_every_layout(connect, name):
    value = put("case", CASES[name])
    remote = connect["case"]
    assert remote.is_local == (connect._local is True)
    assert_same(remote.read(), value)
    assert_same(remote[...], value)
    assert (remote.kind, remote.uuid) == (shm.info("case").kind, str(shm.info("case").uuid))
    assert_same(shm.load("case"), value)


def test_what_an_array_says_of_itself(connect):
    put("a", np.zeros((3, 5), "f4"))
    remote = connect["a"]
    assert (remote.shape, remote.dtype, remote.dims, remote.ndim) == ((3, 5), np.float32, ("dim_0", "dim_1"), 2)
    assert (remote.size, len(remote), remote.name) == (15, 3, "a")
    assert "'a' ndarray float32 (3, 5)" in repr(remote)


ALL = slice(None)
INDICES = [
    *[(), ..., 0, -1, (1, 2), slice(1, 3), slice(None, None, -1), (ALL, 2), (..., 1), slice(2, 1)],
    *[(slice(0, 10, 2), slice(-3, None)), [0, 2], (ALL, [3, 1]), (0, [1, 2]), ([1, 0], ALL, 1), (1, ALL, [2, 0])],
    *[(..., [0, 2]), ([], 0), np.array([True, False, True]), (1, ..., [0, 1]), (np.int8(1), np.array([2, 0]))],
    list(range(3)) * 800,
]


@pytest.mark.parametrize("index", INDICES, ids=lambda index: str(index)[:40])
def test_indices_are_numpys(connect, index):
    array = put("a", np.arange(60, dtype="i4").reshape(3, 5, 4))
    remote = connect["a"]
    expected = array[index]
    found = remote[index]
    assert np.array_equal(found, expected) and np.shape(found) == expected.shape and found.dtype == array.dtype
    changed = array.copy()
    values = -np.arange(expected.size, dtype="f8").reshape(expected.shape) - 1
    if isinstance(index, list) and len(index) > 3:
        values = np.broadcast_to(np.float64(-1), expected.shape)  # places that repeat: any order of stores will do
    changed[index] = values
    remote[index] = values
    assert np.array_equal(shm.load("a"), changed)
    remote[index] = 7
    changed[index] = 7
    assert np.array_equal(shm.load("a"), changed)


@pytest.mark.parametrize("index", [3, (0, 9), (0, 0, 0, 0), None, ([0], [1]), 1.5, "x", (..., ...), True])
def test_indices_that_are_none(connect, index):
    put("a", np.zeros((3, 5, 4)))
    for use in (lambda r: r[index], lambda r: r.__setitem__(index, 1)):
        with pytest.raises((IndexError, shm.GatewayError)):
            use(connect["a"])
    assert shm.info("a").sequence % 2 == 0 and not shm.info("a").damaged


def test_values_that_do_not_fit(connect):
    put("a", np.zeros((2, 3), "i1"))
    for value in (300, 1.5, "x", [1, 2]):
        with pytest.raises((ValueError, shm.GatewayError)):
            connect["a"][...] = value
    assert shm.load("a").tolist() == [[0] * 3] * 2


def test_a_write_is_seen_by_everybody(connect):
    put("a", np.zeros(3))
    before = shm.info("a").sequence
    connect["a"][1:] = [1, 2]
    assert shm.info("a").sequence == before + 2
    assert shm.wait("a", after=before) == before + 2


@pytest.mark.parametrize(
    "dtype",
    ["?", "u8", "f2", ">f8", "c8", "S3", "U3", "M8[ms]", "m8[ns]", "bfloat16", [["x", "<f4"], ["y", "i1"]]],
    ids=str,
)
def test_dtypes_both_ways(connect, dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    array = shm.create("a", shm.NdArrayLayout(dtype, (2, 3)))
    value = np.array([0, 1, 1]).astype(array.dtype if array.dtype.names is None else "i1")
    value = value if array.dtype.names is None else np.array([(0, 0), (1.5, 2), (3, 4)], array.dtype)
    connect["a"][0] = value
    assert np.array_equal(array[0], value) and not array[1].tolist() == value.tolist()
    assert np.array_equal(connect["a"][0], value)
    assert connect["a"].dtype == array.dtype


def test_series(connect):
    series = put("s", pd.Series([1.5, np.nan, np.inf], index=["a", "b", "c"], name="price"))
    remote = connect["s"]
    assert (remote.shape, remote.dtype, remote.dims) == ((3,), np.float64, ("index",))
    pd.testing.assert_series_equal(remote[...], series)
    pd.testing.assert_series_equal(remote[1:], series[1:])
    assert remote[0] == 1.5 and remote[-1] == np.inf
    assert remote.loc["a"] == remote.sel(index="a") == 1.5
    pd.testing.assert_series_equal(remote.loc[["c", "a"]], series.loc[["c", "a"]])
    pd.testing.assert_series_equal(remote.loc["b":], series.loc["b":])
    with pytest.raises(KeyError):
        remote.loc["z"]
    np.testing.assert_array_equal(np.asarray(remote), series)
    remote.loc["b"] = 2.5
    remote[2] = 3
    assert shm.load("s").tolist() == [1.5, 2.5, 3]
    remote[...] = [7, 8, 9]
    remote.loc["b":"c"] = -1
    remote.values[0] = 6
    assert shm.load("s").tolist() == [6, -1, -1]
    assert np.asarray(remote.values).tolist() == [6, -1, -1]


def test_series_by_time(connect):
    series = put("s", pd.Series([1, 2, 3], index=pd.DatetimeIndex(TIMES.to_numpy()), dtype="u1"))
    remote = connect["s"]
    pd.testing.assert_series_equal(remote.loc["2024-03-30"], series.loc["2024-03-30"])
    assert remote.loc[pd.Timestamp("2024-03-30 12:00")] == 2
    assert remote.sel(index=np.datetime64("2024-03-30T13:00"), method="nearest") == 2
    with pytest.raises(KeyError):
        remote.sel(index=np.datetime64("2024-03-30T18:00"), method="nearest", tolerance=np.timedelta64(1, "h"))
    remote.loc[slice(None, "2024-03-30")] = 9
    assert shm.load("s").tolist() == [9, 9, 3]


def test_dataframe(connect):
    expected = put("f", frame())
    remote = connect["f"]
    assert (remote.shape, remote.dims, remote.dtype) == ((3, 7), ("index", "columns"), np.dtype(object))
    assert list(remote) == remote.keys() == list(expected)
    assert remote.dtypes == {name: str(dtype) for name, dtype in expected.dtypes.items()}
    for column in expected:
        pd.testing.assert_series_equal(remote[column], expected[column], check_freq=False)
    assert_same(remote[["c", "a"]], expected[["c", "a"]])
    assert_same(remote[1:], expected.iloc[1:])
    assert_same(remote.loc[["x", ""], ["a", "t"]], expected.loc[["x", ""], ["a", "t"]])
    assert remote.loc["ü", "b"] == 2
    row = remote.loc["x"]
    assert isinstance(row, pd.Series) and row.to_dict() == expected.loc["x"].to_dict()
    with pytest.raises(KeyError):
        remote["zzz"]
    remote["a"] = [7, 8, 9]
    remote.loc["ü", "b"] = 5
    remote.loc["x", ["a", "c"]] = [1, 2]
    remote["z"] = TIMES.tz_localize("UTC")
    loaded = shm.load("f")
    assert loaded["a"].tolist() == [1, 8, 9] and loaded["b"].tolist() == [1, 5, 3]
    assert loaded["c"].tolist()[0] == 2
    assert (loaded["z"] == TIMES.tz_localize("UTC")).all()
    changed = frame().iloc[::-1][list(expected)[::-1]]
    remote[...] = changed
    assert_same(loaded.reset_index(drop=True), changed[list(expected)].reset_index(drop=True))
    with pytest.raises((ValueError, shm.GatewayError)):
        remote["b"] = 1.5
    with pytest.raises(KeyError):
        remote["zzz"] = 1
    assert list(shm.load("f")) == list(expected)


def test_dataframe_of_numbers_is_an_array(connect):
    value = put("f", pd.DataFrame({"a": [1, 2], "b": [1.5, 2.5]}, index=["x", "y"]))
    remote = connect["f"]
    assert remote.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(remote), value.to_numpy())
    remote[0] = [5, 6]
    remote.loc["y"] = 7
    assert shm.load("f").to_numpy().tolist() == [[5, 6], [7, 7]]


def test_dataarray(connect):
    expected = put("x", dataarray())
    remote = connect["x"]
    assert (remote.shape, remote.dims, remote.dtype) == ((2, 3), ("x", "time"), np.float64)
    assert remote.attrs == {"units": "K", "levels": [1, 2]}
    xr.testing.assert_identical(remote[...], expected)
    xr.testing.assert_identical(remote[0, ::-1], expected[0, ::-1])
    xr.testing.assert_identical(remote.sel(x=20), expected.sel(x=20))
    xr.testing.assert_identical(remote.sel(x=[20, 10], time="2024-03-30"), expected.sel(x=[20, 10], time="2024-03-30"))
    xr.testing.assert_identical(remote.loc[10, "2024-03-30T12:00":], expected.loc[10, "2024-03-30T12:00":])
    xr.testing.assert_identical(remote.loc[{"x": 10}], expected.loc[{"x": 10}])
    xr.testing.assert_identical(remote.sel(x=12, method="nearest"), expected.sel(x=12, method="nearest"))
    with pytest.raises(KeyError):
        remote.sel(x=15)
    np.testing.assert_array_equal(np.asarray(remote), expected.values)
    remote.loc[20] = [7, 8, 9]
    remote[0, 0] = -1
    remote.loc[{"x": 10, "time": slice("2024-03-30T12:00", None)}] = 5
    assert shm.load("x").values.tolist() == [[-1, 5, 5], [7, 8, 9]]
    remote[...] = (expected * 2).transpose("time", "x")
    xr.testing.assert_equal(shm.load("x"), expected * 2)


def test_members(connect):
    put(
        "s",
        {
            "bids": np.zeros((2, 2)),
            "a/b%": pd.Series([1, 2], index=["p", "q"]),
            "l": [{"n": 1}, {"n": 2}],
            "j": "text",
            "raw": b"abc",
        },
    )
    remote = connect["s"]
    assert list(remote) == ["bids", "a/b%", "l", "j", "raw"]
    assert (len(remote), len(remote["l"]), remote["bids"].shape) == (5, 2, (2, 2))
    remote["bids"][0] = 5
    remote["a/b%"].loc["q"] = 9
    remote["l"][-1]["n"][...] = 7
    remote["j"][...] = "TEXT"
    remote["raw"] = b"xyz"
    remote["l"][0]["n"] = 6
    found = shm.load("s")
    assert found["bids"].tolist() == [[5, 5], [0, 0]] and found["a/b%"].tolist() == [1, 9]
    assert [int(item["n"]) for item in found["l"]] == [6, 7]
    assert (found["j"], bytes(found["raw"])) == ("TEXT", b"xyz")
    assert remote["raw"].read() == b"xyz" and remote["raw"][1:].tolist() == list(b"yz")
    assert [item["n"][()] for item in remote["l"]] == [6, 7]
    with pytest.raises(KeyError):
        remote["zzz"]
    with pytest.raises(IndexError):
        remote["l"][2]


def test_dask_source_and_sink(connect):
    da = pytest.importorskip("dask.array")
    value = put("a", np.arange(200.0).reshape(10, 20))
    shm.create("b", shm.NdArrayLayout("f8", (10, 20)))
    x = da.from_array(connect["a"], chunks=(4, 7))
    assert (x.shape, x.dtype) == ((10, 20), np.float64)
    np.testing.assert_array_equal(x.compute(), value)
    np.testing.assert_array_equal(x[1, [3, 19, 0]].compute(), value[1, [3, 19, 0]])
    da.store([x * 2], [connect["b"]])
    np.testing.assert_array_equal(shm.load("b"), value * 2)
    put("x", dataarray())
    for source in (connect["x"], connect["x"].values):
        np.testing.assert_array_equal(da.from_array(source, chunks=2).compute(), dataarray().values)
    da.store([da.ones((2, 3), chunks=2)], [connect["x"]])
    assert shm.load("x").values.tolist() == [[1.0] * 3] * 2


def test_pickle(connect):
    put("s", {"a": np.arange(3)})
    for remote in (connect["s"]["a"], pickle.loads(pickle.dumps(connect))["s"]["a"]):
        copy = pickle.loads(pickle.dumps(remote))
        assert copy[...].tolist() == [0, 1, 2]
        assert copy.is_local == remote.is_local == (connect._local is True)


def test_a_name_that_is_given_to_another_segment(connect):
    put("a", np.zeros(3))
    remote = connect["a"]
    shm.create("a", shm.NdArrayLayout("f8", 3, init_value=1), replace=True)
    with pytest.raises(shm.SegmentReplaced):
        remote[...]
    assert connect["a"][...].tolist() == [1, 1, 1]
    remote = connect["a"]
    shm.unlink("a")
    with pytest.raises((shm.NoSuchSegment, shm.SegmentReplaced)):
        remote[...]


def test_names(connect):
    with pytest.raises(FileNotFoundError):
        connect["none"]
    for number in range(3):
        put(f"n{number}", np.zeros(1))
    assert connect.keys() == ["n0", "n1", "n2"]
    assert "n1" in connect and "none" not in connect


def test_which_it_did(gateway, tmp_path):  # noqa: F811
    put("a", np.zeros(3))
    assert shm.connect(gateway.url)["a"].is_local
    assert "local" in repr(shm.connect(gateway.url)["a"])
    assert not shm.connect(gateway.url, local=False)["a"].is_local
    assert shm.connect(gateway.url, local=True)["a"].is_local


def test_another_file_under_the_path_is_not_mapped(gateway, monkeypatch):  # noqa: F811
    """As on another host: the path leads to a segment of another uuid, or to none."""
    from shmgate.remote import nearby

    put("a", np.zeros(3))
    description = shm.connect(gateway.url, local=False)["a"]._root.description
    assert nearby.open_here(description) is not None
    assert nearby.open_here({**description, "uuid": "0"}) is None
    for change in ({"ino": 0}, {"dev": -1}, {"path": "/dev/shm/nowhere/a"}, {"path": "/dev/null"}):
        assert nearby.open_here({**description, "mmap": {**description["mmap"], **change}}) is None
    assert nearby.open_here({**description, "mmap": {}}) is None


def test_a_busy_segment_is_waited_for(gateway, child):  # noqa: F811
    put("a", np.zeros(3))
    holder = child(
        """
import sys, shmgate as shm
with shm.write("a") as array:
    print("writing", flush=True)
    sys.stdin.readline()
    array[:] = 5
"""
    )
    assert holder.read() == "writing"
    for local in (False, True):
        with pytest.raises(TimeoutError):
            shm.connect(gateway.url, local=local, timeout=0.01 if local else 3)["a"][...]
    holder.say()
    holder.end()
    assert shm.connect(gateway.url, local=False)["a"][...].tolist() == [5, 5, 5]


def test_a_damaged_segment_warns(gateway):  # noqa: F811
    put("a", np.zeros(3))
    with pytest.raises(KeyError), shm.write("a"):
        raise KeyError
    for local in (False, True):
        with pytest.warns(shm.DamagedWarning):
            shm.connect(gateway.url, local=local)["a"][...]
    shm.connect(gateway.url)["a"][...] = 1
    assert not shm.info("a").damaged


def test_addresses():
    for url in ("host:8080", "ftp://host", "http://"):
        with pytest.raises(ValueError, match="expected http"):
            shm.connect(url)
