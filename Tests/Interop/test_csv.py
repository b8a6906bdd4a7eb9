"""CSV as pandas, polars, NumPy and Python's own reader take it."""

import csv
import io

import ml_dtypes
import numpy as np
import pandas as pd
import polars as pl
import pytest

from gateway import RAW


def read(gateway, target):
    answer = gateway.request("GET", target + ("&" if "?" in target else "?") + "format=csv")
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["ETag"].endswith('-csv"')
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    return answer.body.decode()


COLUMNS = {
    "whole": ("int64", [1, -2, 1 << 60, 0]),
    "small": ("uint8", [0, 255, 3, 4]),
    "price": ("float64", [0.1, float("nan"), -1e300, 12.0]),
    "half": ("float16", [0.1, 1.0, float("inf"), float("-inf")]),
    "flag": ("bool", [True, False, False, True]),
    "when": ("datetime64[ms]", ["2024-01-01T00:00:00.5", None, "1969-12-31T23:59:59", "2024-02-29T12:00:00"]),
    "text, \"quoted\"": ("S12", ["a,b", 'say "x"', "two\nlines", "plain"]),
    "größe": ("S12", ["grün", "日本", "x y", " "]),
}


@pytest.fixture(scope="module")
def frame(gateway):
    layout = {
        "kind": "dataframe", "columns": [{"name": name, "dtype": dtype} for name, (dtype, _) in COLUMNS.items()],
        "index": ["k1", "k,2", "k\"3", "k4"],
    }  # fmt: skip
    rows = [list(row) for row in zip(*([None if v is None or v != v else v for v in values] for _, values in COLUMNS.values()))]
    for row in rows:
        row[3] = {float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(row[3], row[3])
    gateway.create("frame", layout, data=rows)
    return "/segments/frame/data"


def test_a_dataframe_comes_back_in_pandas(gateway, frame):
    url = f"http://127.0.0.1:{gateway.port}{frame}?format=csv"
    got = pd.read_csv(url, index_col=0, parse_dates=["when"], keep_default_na=False, na_values={"price": [""], "when": [""]})
    assert list(got.index) == ["k1", "k,2", 'k"3', "k4"]
    assert got.index.name is None
    assert list(got.columns) == list(COLUMNS)
    for name, (dtype, values) in COLUMNS.items():
        if dtype == "S12":
            assert list(got[name]) == values
        else:
            wanted = np.array(values, dtype)
            assert np.array_equal(got[name].to_numpy().astype(dtype), wanted, equal_nan=wanted.dtype.kind in "fM"), name
    assert got["flag"].dtype == bool and got["whole"].dtype == np.int64


def test_a_dataframe_comes_back_in_polars(gateway, frame):
    got = pl.read_csv(io.BytesIO(read(gateway, frame).encode()), try_parse_dates=True)
    assert got.columns[:7] == ["", *COLUMNS][:7]
    assert got["whole"].to_list() == COLUMNS["whole"][1]
    assert got["flag"].to_list() == COLUMNS["flag"][1]
    assert got["price"].to_list() == [0.1, None, -1e300, 12.0]
    assert got[:, 7].to_list() == COLUMNS["text, \"quoted\""][1]
    assert got["when"].to_list()[1] is None


def test_the_text_is_this(gateway, frame):
    lines = list(csv.reader(io.StringIO(read(gateway, frame))))
    assert lines[0] == ["", *COLUMNS]
    assert lines[1] == ["k1", "1", "0", "0.1", "0.1", "true", "2024-01-01T00:00:00.500", "a,b", "grün"]
    assert lines[2][:7] == ["k,2", "-2", "255", "", "1.0", "false", ""]
    assert lines[3][4:] == ["inf", "false", "1969-12-31T23:59:59.000", "two\nlines", "x y"]


def test_selections_and_conditions_are_as_for_json(gateway, frame):
    assert read(gateway, f"{frame}?slice=1:3&columns=small,flag") == ',small,flag\n"k,2",255,false\n"k""3",3,false\n'
    assert read(gateway, f"{frame}?where=small>3&columns=small") == ',small\n"k,2",255\nk4,4\n'
    assert read(gateway, f"{frame}?sel.index=k4&columns=small,flag") == ",k4\nsmall,4\nflag,true\n"
    assert read(gateway, f"{frame}/columns/small") == "0\n255\n3\n4\n"
    assert read(gateway, f"{frame}/index?slice=:2") == 'k1\n"k,2"\n'


def test_a_series_has_its_names_and_labels(gateway):
    layout = {"kind": "series", "dtype": "float32", "name": "load", "index": {"range": [10, 16, 2], "name": "hour"}}
    gateway.create("series", layout, data=[0.1, None, 2])
    assert read(gateway, "/segments/series/data") == "hour,load\n10,0.1\n12,\n14,2.0\n"
    url = f"http://127.0.0.1:{gateway.port}/segments/series/data?format=csv"
    got = pd.read_csv(url, index_col=0)["load"]
    assert (got.name, got.index.name, list(got.index)) == ("load", "hour", [10, 12, 14])
    gateway.create("bare", {"kind": "series", "dtype": "int8", "index": ["x", ""]}, data=[1, 2])
    assert read(gateway, "/segments/bare/data") == ',values\nx,1\n"",2\n'


def test_instants_of_a_zone_have_their_offset(gateway):
    labels = ["2024-03-31T00:00:00+01:00", "2024-03-31T04:00:00+02:00"]
    index = {"dtype": "datetime64[s]", "tz": "Europe/Berlin", "data": labels}
    gateway.create("zoned", {"kind": "series", "dtype": "int8", "index": index})
    assert read(gateway, "/segments/zoned/data").splitlines()[1:] == [f"{label},0" for label in labels]


@pytest.mark.parametrize("seed", range(8))
def test_arrays_come_back_in_numpy(gateway, seed):
    random = np.random.default_rng(seed)
    dtype = ["float64", "float32", "int64", ">i4", "uint16", ">f8", "float16", "int8"][seed]
    for number, shape in enumerate([(), (7,), (3, 4), (5, 1), (1, 6)]):
        values = (random.standard_normal(shape) * 100).astype(dtype)
        name = f"array-{seed}-{number}"
        gateway.create(name, {"kind": "ndarray", "dtype": dtype, "shape": list(shape)})
        assert gateway.request("PATCH", f"/segments/{name}/data", np.asarray(values, dtype).tobytes(), RAW).status == 204
        text = read(gateway, f"/segments/{name}/data")
        got = np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.dtype(dtype).newbyteorder("="), ndmin=2)
        assert np.array_equal(got.reshape(shape), values)
        assert len(text.splitlines()) == (shape[0] if shape else 1)


def test_complex_bfloat16_and_spans(gateway):
    gateway.create("pair", {"kind": "ndarray", "dtype": "complex128", "shape": [3]}, data=[[1, 2], [0.5, -3], [None, None]])
    text = read(gateway, "/segments/pair/data").split()
    assert text == ["(1.0+2.0j)", "(0.5-3.0j)", "(nan+nanj)"]
    assert [complex(value) for value in text[:2]] == [1 + 2j, 0.5 - 3j]
    gateway.create("brain", {"kind": "ndarray", "dtype": "bfloat16", "shape": [2]}, data=[0.1, 3])
    values = np.loadtxt(io.StringIO(read(gateway, "/segments/brain/data"))).astype(ml_dtypes.bfloat16)
    assert np.array_equal(values, np.array([0.1, 3], ml_dtypes.bfloat16))
    gateway.create("span", {"kind": "ndarray", "dtype": "timedelta64[s]", "shape": [2]}, data=[90, None])
    assert read(gateway, "/segments/span/data") == "90\n\n"
    assert read(gateway, "/segments/span/data?timedelta=iso").startswith("P")


def test_empty_tables(gateway):
    gateway.create("none", {"kind": "ndarray", "dtype": "u1", "shape": [0, 3]})
    assert read(gateway, "/segments/none/data") == ""
    gateway.create("norows", {"kind": "dataframe", "columns": [{"name": "a", "dtype": "u1"}], "index": 0})
    assert read(gateway, "/segments/norows/data") == ",a\n"


@pytest.mark.parametrize("layout, path", [
    ({"kind": "ndarray", "dtype": "u1", "shape": [2, 2, 2]}, ""),
    ({"kind": "ndarray", "dtype": [["a", "u1"]], "shape": [2]}, ""),
    ({"kind": "bytes", "size": 3}, ""),
    ({"kind": "json", "capacity": 8}, ""),
    ({"kind": "struct", "members": {"a": {"kind": "bytes", "size": 1}}}, ""),
])  # fmt: skip
def test_what_is_no_table_is_406(own_gateway, layout, path):
    gateway = own_gateway()
    gateway.create("other", layout)
    answer = gateway.request("GET", f"/segments/other/data{path}?format=csv")
    assert (answer.status, answer.json()["code"]) == (406, "not-acceptable")
    assert "text/csv" not in answer.json()["detail"]
    assert gateway.request("GET", "/segments/other/data", headers={"Accept": "text/csv, application/json;q=0.1"}).status == 200


def test_accept_chooses_csv_and_a_body_cannot_be_it(gateway, frame):
    answer = gateway.request("GET", frame, headers={"Accept": "text/csv"})
    assert (answer.status, answer.body.decode()) == (200, read(gateway, frame))
    assert gateway.request("GET", frame, headers={"Accept": "text/csv", "If-None-Match": answer.headers["ETag"]}).status == 304
    refused = gateway.request("PATCH", frame, b"1", {"Content-Type": "text/csv"})
    assert (refused.status, refused.json()["code"]) == (415, "unsupported-media-type")
    assert "text/csv" not in refused.headers["Accept-Patch"]


def test_texts_that_a_spreadsheet_would_compute_come_as_they_are(gateway):
    """CSV is data: whoever opens it in a spreadsheet decides what the spreadsheet may do with it."""
    values = ["=1+1", "@SUM(A1)", "+1", "-1"]
    gateway.create("formulas", {"kind": "series", "dtype": "S12", "index": 4}, data=values, replace=True)
    assert [row[1] for row in csv.reader(io.StringIO(read(gateway, "/segments/formulas/data")))][1:] == values
