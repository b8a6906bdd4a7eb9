"""One list of layouts with contents, for every test that holds for all of them."""

import numpy as np
import pandas as pd
import xarray as xr

import shmgate as shm

TIMES = pd.date_range("2024-03-30", periods=3, freq="12h")


def frame():
    return pd.DataFrame(
        {
            "a": np.arange(3, dtype="f4"),
            "b": np.array([1, 2, 3], "i4"),
            "c": np.array([1.5, -0.0, np.nan], "f4"),
            "t": TIMES,
            "z": TIMES.tz_localize("Europe/Berlin"),
            "d": pd.to_timedelta([1, 2, 3], unit="h"),
            "ok": [True, False, True],
        },
        index=pd.Index(["x", "ü", ""], name="key"),
    )


def dataarray():
    return xr.DataArray(
        np.arange(6.0).reshape(2, 3),
        dims=["x", "time"],
        coords={
            "x": ("x", np.array([10, 20], "i4"), {"units": "m"}),
            "time": TIMES.to_numpy(),
            "lat": (("x", "time"), np.arange(6, dtype="f4").reshape(2, 3)),
            "tag": ("x", ["first", "second"]),
            "run": 7,
            "site": "Bonn",
        },
        name="temperature",
        attrs={"units": "K", "levels": [1, 2]},
    )


def data():
    """By name, objects that `Layout.from_data` takes."""
    cases = {
        "bytes": b"\x00\x01\xff",
        "no bytes": b"",
        "scalar": np.float64(2.5),
        "array": np.arange(15, dtype="f4").reshape(3, 5),
        "empty": np.zeros((2, 0, 4)),
        "big-endian": np.array([1, 2], ">i4"),
        "structured": np.array([(1.5, [2, 3])], [("x", "<f4"), ("y", ">i2", (2,))]),
        "text": np.array([["a", "bcd"]]),
        "octets": np.array([b"a", "ü".encode()]),
        "complex": np.array([1 + 2j]),
        "times": np.array(["2024-01-01", "NaT"], "M8[D]"),
        "steps": np.array([1, 2], "m8[25s]"),
        "series": pd.Series([1.5, np.nan], index=["a", "b"], name="price"),
        "series by time": pd.Series([1, 2, 3], index=TIMES.rename("t")),
        "series by instant": pd.Series(np.array([1, 2, 3], "u1"), index=TIMES.tz_localize("Europe/Berlin")),
        "series of instants": pd.Series(TIMES.tz_localize("Asia/Kolkata"), index=[1.5, 2.5, np.inf]),
        "series of text": pd.Series(["a", "grün"], index=[True, False]),
        "series of octets": pd.Series([b"a", b"bc"], index=[3, 3]),
        "series without rows": pd.Series([], dtype="f8", index=pd.Index([], dtype="i8")),
        "frame": frame(),
        "frame of text": pd.DataFrame({"a": ["x", "yz"], "n": [1, 2], "b": ["1", ""]}),
        "frame without rows": frame().iloc[:0],
        "frame without columns": pd.DataFrame(index=[1, 2]),
        "dataarray": dataarray(),
        "dataarray without coordinates": xr.DataArray(np.zeros((2, 1)), dims=["x", "y"]),
        "dataarray by instant": xr.DataArray([1, 2, 3], {"t": TIMES.tz_localize("Europe/Berlin")}, dims="t"),
        "dataarray of text": xr.DataArray(np.array(["a", "bc"]), {"x": range(2)}, dims="x"),
        "rank 0": xr.DataArray(1.5),
        "json": "text",
        "null": None,
        "struct": {"bids": np.zeros((2, 2)), "count": 3, "a/b%": pd.Series([1, 2], index=["p", "q"]), "note": "text"},
        "list": [np.arange(2), np.arange(2, 4)],
        "list of series": [pd.Series([1.5], index=["a"]), pd.Series([2.5], index=["a"])],
        "nested": {"levels": [{"price": 1.5, "text": "a"}, {"price": 2.5, "text": "b"}], "all": frame()},
    }
    return cases


def layout(value):
    """Its layout, with room for JSON to change."""
    return shm.Layout.from_data(value)


def assert_same(found, expected):
    """Equal in values, dtypes and labels, as each library compares."""
    if isinstance(expected, pd.DataFrame):
        assert isinstance(found, pd.DataFrame)
        pd.testing.assert_frame_equal(
            found,
            objects(expected),
            check_freq=False,
            check_column_type=False,
            check_index_type=len(expected.index) > 0,
        )
    elif isinstance(expected, pd.Series):
        assert isinstance(found, pd.Series)
        expected = (
            expected.astype(object)
            if not isinstance(expected.dtype, np.dtype) and str(expected.dtype) == "str"
            else expected
        )
        pd.testing.assert_series_equal(found, expected, check_freq=False)
    elif isinstance(expected, xr.DataArray):
        assert found.dtype == expected.dtype
        xr.testing.assert_identical(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected:
            assert_same(found[name], expected[name])
    elif isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected)
        for one, other in zip(found, expected):
            assert_same(one, other)
    elif isinstance(expected, bytes):
        assert bytes(found) == expected
    elif expected is None or isinstance(expected, str):
        assert found == expected
    else:
        expected = np.asarray(expected)
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_array_equal(found, expected)


def objects(frame):
    """pandas 3 has strings of its own dtype; texts in a segment are objects."""
    return frame.astype({name: object for name, dtype in frame.dtypes.items() if str(dtype) == "str"})


def writable(array):
    """The same memory for stores; ValueError where it is mapped read-only. (pandas 3 gives out read-only views.)"""
    bytes_of = array.view(np.ndarray).reshape(-1).view(np.uint8)
    bytes_of.flags.writeable = True
    return bytes_of


def memories(obj):
    """The arrays that an object is made of, labels excepted; private copies excepted too."""
    from shmgate.layouts.columns import plain

    if isinstance(obj, pd.DataFrame):
        columns = [obj.iloc[:, place] for place in range(obj.shape[1])]
        return [array for column in columns for array in memories(column)]
    if isinstance(obj, pd.Series):
        return [plain(obj)] if obj.dtype != object else []
    if isinstance(obj, xr.DataArray):
        return [obj.data]
    if isinstance(obj, dict):
        return [array for value in obj.values() for array in memories(value)]
    if isinstance(obj, list):
        return [array for value in obj for array in memories(value)]
    if isinstance(obj, memoryview):
        return [np.frombuffer(obj, np.uint8)]
    return [obj] if isinstance(obj, np.ndarray) else []
