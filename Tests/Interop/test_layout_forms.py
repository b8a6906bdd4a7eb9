"""Every kind of layout: created with all sorts of labels, described in canonical form, and taken by the libraries' constructors."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from frames_cases import mapped
from labels_cases import json_labels, same_labels

DAYS = ["2024-01-01T00:00:00", "2024-01-02T00:00:00", "2024-01-03T12:30:00.25"]


def stored(dtype, size, **more):
    return {"dtype": dtype, **more, "size": size, "buffer": "index"}


def typed(dtype, data, **more):
    return {"dtype": dtype, **more, "data": data}


def instants(unit, zone=None):
    index = pd.DatetimeIndex(DAYS).as_unit(unit) if unit != "s" else pd.DatetimeIndex([d[:19] for d in DAYS]).as_unit("s")
    return index.tz_localize(zone) if zone else index


def days(periods, freq, unit, start="2024-01-01", zone=None):
    return pd.date_range(start, periods=periods, freq=freq, tz=zone, unit=unit)


def dates(dtype, start, periods, freq, **more):
    return {"dtype": dtype, "start": start, "periods": periods, "freq": freq, **more}


TEXTS = ["a", "", "grün", "😀 x", '"q"', "a/b%", "null"]
LABELS = {
    # what the layout says, the canonical form of it, what pandas has there
    "integers": ([3, 1, 2], stored("<i8", 3), pd.Index([3, 1, 2])),
    "floats": ([0.5, -1.25, 1e300], stored("<f8", 3), pd.Index([0.5, -1.25, 1e300])),
    "integers and floats": ([1, 2.5], stored("<f8", 2), pd.Index([1, 2.5])),
    "bools": ([True, False], stored("|b1", 2), pd.Index([True, False])),
    "strings": (TEXTS, {"dtype": "str", "size": 7, "nbytes": 23, "buffer": "index"}, pd.Index(TEXTS)),
    "strings with dtype": (typed("str", ["b", "a"]), {"dtype": "str", "size": 2, "nbytes": 2, "buffer": "index"}, pd.Index(["b", "a"])),
    "no strings": (typed("str", []), {"dtype": "str", "size": 0, "nbytes": 0, "buffer": "index"}, pd.Index([], dtype=object)),
    "a count": (4, {"range": [0, 4, 1]}, pd.RangeIndex(4)),
    "a count of 0": (0, {"range": [0, 0, 1]}, pd.RangeIndex(0)),
    "a range": ({"range": [10, 3, -3]}, {"range": [10, 3, -3]}, pd.RangeIndex(10, 3, -3)),
    "a named range": ({"range": [0, 2, 1], "name": "n"}, {"range": [0, 2, 1], "name": "n"}, pd.RangeIndex(2, name="n")),
    "named": (typed("i8", [5, 6], name="größe"), stored("<i8", 2) | {"name": "größe"}, pd.Index([5, 6], name="größe")),
    **{t: (typed(t, [0, 1, 100]), stored(np.dtype(t).str, 3), pd.Index(np.array([0, 1, 100], t)))
       for t in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")},
    "large": (typed("uint64", [2**64 - 1, 0]), stored("<u8", 2), pd.Index(np.array([2**64 - 1, 0], "u8"))),
    **{f"datetimes in {u}": (typed(f"datetime64[{u}]", json_labels(instants(u))), stored(f"<M8[{u}]", 3), instants(u))
       for u in ("s", "ms", "us", "ns")},
    "a missing instant": (typed("M8[ns]", [DAYS[0], None]), stored("<M8[ns]", 2), pd.DatetimeIndex([DAYS[0], None]).as_unit("ns")),
    **{f"timedeltas in {u}": (typed(f"m8[{u}]", [1, -5, 7200]), stored(f"<m8[{u}]", 3), pd.Index(np.array([1, -5, 7200], f"m8[{u}]")))
       for u in ("s", "ms", "us", "ns")},
    "a zone": (typed("datetime64[us, Europe/Berlin]", json_labels(instants("us", "Europe/Berlin"))),
               stored("<M8[us]", 3, tz="Europe/Berlin"), instants("us", "Europe/Berlin")),
    # As in pandas: instants without an offset are local time of their zone.
    "a zone apart": (typed("datetime64[ns]", DAYS, tz="Asia/Kolkata"), stored("<M8[ns]", 3, tz="Asia/Kolkata"),
                     instants("ns", "Asia/Kolkata")),
    "UTC": (typed("datetime64[s, UTC]", ["2024-01-01T00:00:00Z", "2024-01-01T02:00:00+01:00"]), stored("<M8[s]", 2, tz="UTC"),
            pd.DatetimeIndex(["2024-01-01T00", "2024-01-01T01"], tz="UTC").as_unit("s")),
    "days": (dates("datetime64[ns]", "2024-01-01", 3, "1D"), stored("<M8[ns]", 3), days(3, "1D", "ns")),
    "hours": (dates("datetime64[s]", "2024-01-01T22:00:00", 4, "2h"), stored("<M8[s]", 4), days(4, "2h", "s", "2024-01-01T22")),
    "minutes": (dates("M8[ms]", "2024-01-01", 3, "15min"), stored("<M8[ms]", 3), days(3, "15min", "ms")),
    "seconds": (dates("M8[us]", "2024-01-01", 3, "1s", name="t"), stored("<M8[us]", 3) | {"name": "t"}, days(3, "s", "us").rename("t")),
    "milliseconds": (dates("M8[ms]", "2024-01-01", 3, "500ms"), stored("<M8[ms]", 3), days(3, "500ms", "ms")),
    "nanoseconds": (dates("M8[ns]", "2024-01-01", 2, "7ns"), stored("<M8[ns]", 2), days(2, "7ns", "ns")),
    "no dates": (dates("M8[s]", "2024-01-01", 0, "1D"), stored("<M8[s]", 0), days(0, "1D", "s")),
    # Calendar days of the zone: the night of March 31 has 23 hours.
    "days of a zone": (dates("datetime64[ns, Europe/Berlin]", "2024-03-30", 3, "1D"), stored("<M8[ns]", 3, tz="Europe/Berlin"),
                       days(3, "1D", "ns", "2024-03-30", "Europe/Berlin")),
}  # fmt: skip


@pytest.mark.parametrize("label", LABELS)
def test_labels_of_every_type(gateway, label):
    spelled, canonical, index = LABELS[label]
    size = len(index)
    coordinate = json.loads(json.dumps(canonical).replace('"index"', '"coords/x"'))
    dataframe = [{"name": "a", "dtype": "<f4"}]
    for layout, described in (
        ({"kind": "series", "dtype": "f8", "index": spelled}, {"kind": "series", "name": None, "dtype": "<f8", "index": canonical}),
        ({"kind": "dataframe", "columns": dataframe, "index": spelled}, {"kind": "dataframe", "columns": dataframe, "index": canonical}),
        ({"kind": "dataarray", "dtype": "i2", "dims": ["x"], "coords": {"x": spelled}},
         {"kind": "dataarray", "name": None, "dtype": "<i2", "dims": ["x"], "shape": [size], "coords": {"x": coordinate}}),
    ):  # fmt: skip
        name = f"labels-{list(LABELS).index(label)}-{layout['kind']}"
        description = gateway.create(name, layout).json()
        assert_same_json(description["layout"], described)
        member = "coords/x" if layout["kind"] == "dataarray" else "index"
        assert_stored(mapped(gateway, description), member, index)
        answer = gateway.request("GET", f"/segments/{name}/data").json()
        labels = answer["coords"]["x"]["data"] if layout["kind"] == "dataarray" else answer["index"]
        assert same_labels(labels, index), (labels, json_labels(index))
        alone = gateway.request("GET", f"/segments/{name}/data/{member}")
        assert alone.status == 200, alone
        assert same_labels(alone.json()["data"], index), alone


def assert_same_json(got, expected):
    """Equal, the order of the keys included."""
    assert json.dumps(got, ensure_ascii=False) == json.dumps(expected, ensure_ascii=False)


def assert_stored(buffers, path, index):
    """The labels in the mapping: nothing of a range, texts as Arrow's large_utf8, instants in UTC."""
    if isinstance(index, pd.RangeIndex):
        assert not any(p.startswith(path) for p in buffers)
        return
    if path not in buffers:
        offsets, raw = buffers[path + "/offsets"], buffers[path + "/bytes"].tobytes()
        assert (offsets.dtype, offsets.shape, offsets[0], offsets[-1]) == (np.dtype("<i8"), (len(index) + 1,), 0, len(raw))
        assert [raw[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])] == list(index)
        return
    utc = index.tz_convert("UTC").tz_localize(None) if getattr(index, "tz", None) else index
    assert buffers[path].dtype == utc.dtype
    assert buffers[path].tobytes() == utc.to_numpy().tobytes()


def get(gateway, name, query=""):
    answer = gateway.request("GET", f"/segments/{name}/data{query}")
    assert answer.status == 200, answer
    return answer.json()


def test_series_is_what_its_constructor_takes(gateway):
    gateway.create("s1", {"kind": "series", "name": "price", "dtype": "float32", "index": ["a", "b", "c"]}, data=[1.5, None, 0.1])
    j = get(gateway, "s1")
    assert j == {"name": "price", "dtype": "<f4", "index": ["a", "b", "c"], "data": [1.5, None, 0.1]}
    pd.testing.assert_series_equal(pd.Series(**j), pd.Series(np.array([1.5, np.nan, 0.1], "f4"), ["a", "b", "c"], name="price"))
    gateway.create("s2", {"kind": "series", "dtype": "int64", "index": 2}, data=[2**63 - 1, -1])
    pd.testing.assert_series_equal(pd.Series(**get(gateway, "s2")), pd.Series([2**63 - 1, -1], [0, 1]))
    gateway.create("s3", {"kind": "series", "dtype": "datetime64[s]", "index": [True, False]}, data=["2024-01-01", None])
    times = pd.Series(np.array(["2024-01-01", "NaT"], "M8[s]"), [True, False])
    pd.testing.assert_series_equal(pd.Series(**get(gateway, "s3")), times)
    gateway.create("s4", {"kind": "series", "dtype": "?", "index": {"dtype": "float32", "data": [0.1]}}, fill=True)
    assert get(gateway, "s4") == {"name": None, "dtype": "|b1", "index": [0.1], "data": [True]}
    gateway.create("s5", {"kind": "series", "dtype": "m8[ms]", "index": []}, data=[])
    assert len(pd.Series(**get(gateway, "s5"))) == 0


def test_frame_is_what_its_constructor_takes(gateway):
    dtypes = [["a", "float32"], ["b", "int32"], ["t", "datetime64[ns]"], ["s", "S5"], ["f", "bool"]]
    rows = [[0.1, 1, "2024-01-01T00:00:00", "grü", True], [None, -2, None, "", False]]
    gateway.create("f1", {"kind": "dataframe", "dtypes": dtypes, "index": ["x", "y"]}, data=rows)
    j = get(gateway, "f1")
    assert j == {"columns": ["a", "b", "t", "s", "f"], "index": ["x", "y"], "data": rows}
    frame = pd.DataFrame(**j)
    assert (list(frame.columns), list(frame.index)) == (j["columns"], ["x", "y"])
    assert frame["b"].tolist() == [1, -2]
    j = get(gateway, "f1", "?dtypes=1")
    types = j.pop("dtypes")
    assert types == {"a": "<f4", "b": "<i4", "t": "<M8[ns]", "s": "|S5", "f": "|b1"}
    typed = pd.DataFrame(**j).astype({name: dtype for name, dtype in types.items() if name != "s"})
    assert typed["a"].tolist()[0] == np.float32(0.1)
    assert typed["t"].dtype == "M8[ns]" and pd.isna(typed["t"].iloc[1])
    columns = get(gateway, "f1", "?orient=columns")
    assert list(columns) == j["columns"]
    assert columns == {name: [row[at] for row in rows] for at, name in enumerate(j["columns"])}
    assert pd.DataFrame(columns)["s"].tolist() == ["grü", ""]
    layout = {"kind": "dataframe", "dtypes": [["a", "<f4"]], "index": 0}
    gateway.create("f2", layout)
    assert pd.DataFrame(**get(gateway, "f2")).shape == (0, 1)
    gateway.create("f3", {"kind": "dataframe", "columns": [], "index": 2})
    assert pd.DataFrame(**get(gateway, "f3")).shape == (2, 0)


def test_dataarray_is_what_from_dict_takes(gateway):
    layout = {
        "kind": "dataarray", "dtype": "float64", "dims": ["time", "x", "y"], "shape": [2, 2, 3], "name": "t2m",
        "coords": {
            "time": {"dtype": "datetime64[ns]", "start": "2024-01-01", "periods": 2, "freq": "6h"},
            "x": {"dtype": "float32", "data": [0.1, 0.2], "attrs": {"units": "m"}},
            "run": {"dims": [], "data": "r1"},
            "station": {"dims": ["x"], "data": ["B", "M"]},
            "height": {"dims": ["y", "x"], "dtype": "int16", "data": [[1, 2], [3, 4], [5, 6]]},
            "seen": {"dims": ["time"], "dtype": "datetime64[s]", "data": ["2024-01-01", None]},
        },
    }  # fmt: skip
    description = gateway.create("d1", layout, fill=1.5, attrs={"source": "grün", "n": [1, 2]}).json()
    assert_same_json(description["layout"], {
        "kind": "dataarray", "name": "t2m", "dtype": "<f8", "dims": ["time", "x", "y"], "shape": [2, 2, 3],
        "coords": {
            "time": {"dtype": "<M8[ns]", "size": 2, "buffer": "coords/time"},
            "x": {"dtype": "<f4", "size": 2, "buffer": "coords/x", "attrs": {"units": "m"}},
            "run": {"dims": [], "dtype": "str", "size": 1, "nbytes": 2, "buffer": "coords/run"},
            "station": {"dims": ["x"], "dtype": "str", "size": 2, "nbytes": 2, "buffer": "coords/station"},
            "height": {"dims": ["y", "x"], "dtype": "<i2", "size": 6, "buffer": "coords/height"},
            "seen": {"dims": ["time"], "dtype": "<M8[s]", "size": 2, "buffer": "coords/seen"},
        },
    })  # fmt: skip
    assert description["attrs"] == {"source": "grün", "n": [1, 2]}
    buffers = mapped(gateway, description)
    assert buffers["coords/height"].tolist() == [[1, 2], [3, 4], [5, 6]]
    j = get(gateway, "d1")
    assert (j["dtype"], j["shape"]) == ("<f8", [2, 2, 3])
    array = xr.DataArray.from_dict(j)
    assert (array.name, array.dims, array.shape) == ("t2m", ("time", "x", "y"), (2, 2, 3))
    assert array.attrs == {"source": "grün", "n": [1, 2]}
    assert array.coords["x"].attrs == {"units": "m"}
    assert set(array.coords) == {"time", "x", "run", "station", "height", "seen"}
    assert j["coords"]["run"] == {"dims": [], "attrs": {}, "data": "r1"}
    assert j["coords"]["time"]["data"] == ["2024-01-01T00:00:00", "2024-01-01T06:00:00"]
    assert j["coords"]["x"]["data"] == [0.1, 0.2]
    assert j["coords"]["seen"]["data"] == ["2024-01-01T00:00:00", None]
    assert array.coords["height"].dims == ("y", "x")
    assert array.sel(x=0.2, y=1).coords["height"].item() == 4
    gateway.create("d2", {"kind": "dataarray", "dtype": "i8", "dims": [], "coords": {}}, data=7)
    assert xr.DataArray.from_dict(get(gateway, "d2")).item() == 7


def test_array_members_are_what_numpy_takes(gateway):
    layout = {"kind": "struct", "members": {
        "a": {"kind": "ndarray", "dtype": "complex64", "shape": [2]},
        "b": {"kind": "ndarray", "dtype": "<M8[D]", "shape": [1, 2]},
        "c": {"kind": "dataframe", "dtypes": [["q", "u1"]], "index": ["r"]},
    }}  # fmt: skip
    gateway.create("n1", layout, data={"a": [[1, 2], [0.5, 0]], "b": [["2024-01-01", None]], "c": [[255]]})
    j = get(gateway, "n1")
    assert list(j) == ["a", "b", "c"]
    assert j["a"] == {"dtype": "<c8", "shape": [2], "data": [[1, 2], [0.5, 0]]}
    assert j["b"]["dtype"] == "<M8[D]"
    assert np.array(j["b"]["data"], j["b"]["dtype"]).tolist() == np.array([["2024-01-01", "NaT"]], "M8[D]").tolist()
    assert pd.DataFrame(**j["c"]).loc["r", "q"] == 255
    column = get(gateway, "n1", "/members/c/columns/q")
    assert (column["dtype"], column["data"]) == ("|u1", [255])
    assert np.array(column["data"], column["dtype"]).tobytes() == b"\xff"
    labels = get(gateway, "n1", "/members/c/index")
    assert np.array(labels["data"], labels["dtype"]).tolist() == ["r"]
