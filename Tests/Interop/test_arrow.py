"""Arrow streams and files as pyarrow, pandas, polars, DuckDB and nanoarrow read them."""

import io

import duckdb
import nanoarrow
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from gateway import RAW

STREAM, FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"


def read(gateway, target):
    """The table, read as a stream and as a file: both are the same."""
    join = "&" if "?" in target else "?"
    stream = gateway.request("GET", f"{target}{join}format=arrow")
    assert (stream.status, stream.headers["Content-Type"]) == (200, STREAM), stream
    assert stream.headers["ETag"].endswith('-arrow"')
    file = gateway.request("GET", f"{target}{join}format=arrow-file")
    assert (file.status, file.headers["Content-Type"]) == (200, FILE)
    assert file.headers["ETag"].endswith('-arrow-file"')
    table = pa.ipc.open_stream(stream.body).read_all()
    table.validate(full=True)
    again = pa.ipc.open_file(file.body).read_all()
    again.validate(full=True)
    assert again.schema.equals(table.schema, check_metadata=True)
    assert same(again.to_pylist(), table.to_pylist())
    assert same(nanoarrow.ArrayStream.from_readable(stream.body).read_all().to_pylist(), table.to_pylist())
    return table, stream.body, file.body


def same(rows, others):
    """Whether rows are equal; NaN is NaN."""
    def told(value):
        return "NaN" if value != value else value

    return [{name: told(value) for name, value in row.items()} for row in rows] == [
        {name: told(value) for name, value in row.items()} for row in others
    ]


def bits(values):
    """Values to the bit."""
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


COLUMNS = {
    "whole": ("int64", [1, -2, 1 << 60]),
    "half": ("float16", [0.5, None, "-Infinity"]),
    "flag": ("bool", [True, False, True]),
    "when": ("datetime64[ms]", ["2024-01-01T00:00:00.5", None, "1969-12-31T23:59:59"]),
    "there": ("datetime64[ns, Europe/Berlin]", ["2024-03-31T01:00:00+01:00", None, "2024-03-31T04:00:00+02:00"]),
    "took": ("timedelta64[us]", [5, None, -7]),
    "fixed": ("S6", ["abc", "é", ""]),
    "wide": ("U3", ["日本", "", "xyz"]),
}


@pytest.fixture(scope="module")
def frame(gateway):
    layout = {
        "kind": "dataframe", "columns": [{"name": name, "dtype": dtype} for name, (dtype, _) in COLUMNS.items()],
        "index": {"dtype": "str", "data": ["x", "größe", "z"], "name": "key"},
    }  # fmt: skip
    rows = [list(row) for row in zip(*(values for _, values in COLUMNS.values()))]
    gateway.create("frame", layout, data=rows, attrs={"units": "m", "größe": [1, None]})
    return "/segments/frame/data"


def test_a_dataframe_comes_back_in_pandas(gateway, frame):
    table, _, file = read(gateway, frame)
    got = table.to_pandas()
    assert list(got.columns) == list(COLUMNS)
    assert (got.index.name, list(got.index)) == ("key", ["x", "größe", "z"])
    assert got.attrs == {"units": "m", "größe": [1, None]}
    assert str(got.dtypes["there"]) == "datetime64[ns, Europe/Berlin]"
    for name, (dtype, values) in COLUMNS.items():
        if dtype[0] in "SU":
            assert list(got[name]) == values
        elif name != "there":
            wanted = np.array([{"-Infinity": -np.inf}.get(v, np.nan if v is None and name == "half" else v) for v in values], dtype)
            assert got[name].dtype == wanted.dtype, name
            assert np.array_equal(got[name].to_numpy(), wanted, equal_nan=True), name
    assert got["there"].iloc[2] == pd.Timestamp("2024-03-31T02:00:00Z") and pd.isna(got["there"].iloc[1])
    feather = pd.read_feather(io.BytesIO(file))
    pd.testing.assert_frame_equal(feather, got)


def test_a_dataframe_comes_back_in_polars(gateway, frame):
    _, stream, file = read(gateway, frame)
    for got in (pl.read_ipc_stream(io.BytesIO(stream)), pl.read_ipc(io.BytesIO(file))):
        assert got.columns == [*COLUMNS, "key"]
        assert got["key"].to_list() == ["x", "größe", "z"]
        for name in ("whole", "flag", "fixed", "wide"):
            assert got[name].to_list() == COLUMNS[name][1]
        assert got["when"].null_count() == got["took"].null_count() == got["there"].null_count() == 1


def test_a_dataframe_comes_back_in_duckdb(gateway, frame):
    table = read(gateway, frame)[0].drop(["half"])  # which DuckDB does not have
    got = duckdb.from_arrow(table).filter("whole > 0").project("key, flag, wide, took").fetchall()
    assert [row[:3] for row in got] == [("x", True, "日本"), ("z", True, "xyz")]


def test_selections_are_as_for_json(gateway, frame):
    table, *_ = read(gateway, f"{frame}?slice=1:&columns=whole,wide")
    assert table.to_pylist() == [{"whole": -2, "wide": "", "key": "größe"}, {"whole": 1 << 60, "wide": "xyz", "key": "z"}]
    table, *_ = read(gateway, f"{frame}?where=whole>0&columns=flag")
    assert table["key"].to_pylist() == ["x", "z"]
    assert read(gateway, f"{frame}/columns/whole")[0].to_pydict() == {"values": [1, -2, 1 << 60]}
    assert read(gateway, f"{frame}/index")[0].to_pydict() == {"key": ["x", "größe", "z"]}


DTYPES = ["i1", "<i2", ">i4", "<i8", "u1", ">u2", "<u4", ">u8", "<f2", "<f4", ">f4", "<f8", ">f8"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_are_exact_to_the_bit(gateway, dtype):
    values = np.random.default_rng(11).integers(0, 256, 777 * np.dtype(dtype).itemsize, np.uint8).view(dtype)
    name = f"bits-{np.dtype(dtype).str.replace('<', 'l').replace('>', 'b').replace('|', 'n')}"
    gateway.create(name, {"kind": "ndarray", "dtype": dtype, "shape": [777]})
    assert gateway.request("PATCH", f"/segments/{name}/data", values.tobytes(), RAW).status == 204
    column = read(gateway, f"/segments/{name}/data")[0]["values"]
    assert column.null_count == 0
    native = np.dtype(dtype).newbyteorder("=")
    assert column.type == pa.from_numpy_dtype(native)
    swapped = values.byteswap() if np.dtype(dtype) != native else values
    assert np.array_equal(bits(column.to_numpy()), bits(swapped.view(native)))


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 63, 64, 65, 1_000])
def test_any_number_of_rows(gateway, rows):
    name = f"rows-{rows}"
    columns = [{"name": "flag", "dtype": "bool"}, {"name": "when", "dtype": "M8[s]"}, {"name": "text", "dtype": "S3"}]
    gateway.create(name, {"kind": "dataframe", "columns": columns, "index": rows})
    random = np.random.default_rng(rows)
    flags, when = random.random(rows) < 0.5, random.integers(-(1 << 35), 1 << 35, rows)
    when[random.random(rows) < 0.3] = np.iinfo("i8").min
    texts = random.choice(np.array([b"", b"a", b"abc"], "S3"), rows)
    for column, values in (("flag", flags), ("when", when), ("text", texts)):
        assert gateway.request("PATCH", f"/segments/{name}/data/columns/{column}", values.tobytes(), RAW).status == 204
    table, *_ = read(gateway, f"/segments/{name}/data")
    assert table["flag"].to_pylist() == flags.tolist()
    assert table["when"].null_count == int((when == np.iinfo("i8").min).sum())
    assert np.array_equal(table["when"].combine_chunks().fill_null(np.datetime64("1970-01-01", "s")).to_numpy().astype("i8"), np.where(when == np.iinfo("i8").min, 0, when))
    assert [text.encode() for text in table["text"].to_pylist()] == texts.tolist()
    assert table["__index_level_0__"].to_pylist() == list(range(rows))
    assert list(table.to_pandas().index) == list(range(rows))


def test_a_large_frame_goes_out_in_batches(own_gateway):
    gateway, rows = own_gateway(), 1_000_003
    gateway.create("large", {"kind": "dataframe", "columns": [{"name": "x", "dtype": "f8"}, {"name": "k", "dtype": "?"}], "index": rows})
    x = np.random.default_rng(2).standard_normal(rows)
    for column, values in (("x", x), ("k", x > 0)):
        assert gateway.request("PATCH", f"/segments/large/data/columns/{column}", values.tobytes(), RAW).status == 204
    answer = gateway.request("GET", "/segments/large/data", headers={"Accept": STREAM})
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    batches = list(pa.ipc.open_stream(answer.body))
    assert len(batches) > 2 and max(batch.nbytes for batch in batches) < 8 << 20
    table = pa.Table.from_batches(batches)
    assert np.array_equal(bits(table["x"].to_numpy()), bits(x))
    assert np.array_equal(table["k"].to_numpy(), x > 0)
    head = gateway.request("HEAD", "/segments/large/data", headers={"Accept": STREAM})
    assert (head.status, head.headers["Content-Length"]) == (200, answer.headers["Content-Length"])


def test_a_series_and_what_is_no_utf8(gateway):
    layout = {"kind": "series", "dtype": "S3", "name": "größe", "index": {"range": [10, 16, 2], "name": "hour"}}
    gateway.create("texts", layout)
    assert gateway.request("PATCH", "/segments/texts/data", b"\xff\xfe\0abc\xc3\xa9\0", RAW).status == 204
    table, *_ = read(gateway, "/segments/texts/data")
    assert table.to_pydict() == {"größe": ["\ufffd\ufffd", "abc", "é"], "hour": [10, 12, 14]}
    assert table.to_pandas().index.name == "hour"


@pytest.mark.parametrize("layout", [
    {"kind": "ndarray", "dtype": "u1", "shape": [2, 2]}, {"kind": "ndarray", "dtype": "u1", "shape": []},
    {"kind": "ndarray", "dtype": "c8", "shape": [2]}, {"kind": "ndarray", "dtype": "bfloat16", "shape": [2]},
    {"kind": "ndarray", "dtype": [["a", "u1"]], "shape": [2]}, {"kind": "ndarray", "dtype": "M8[D]", "shape": [2]},
    {"kind": "bytes", "size": 3}, {"kind": "json", "capacity": 8},
])  # fmt: skip
def test_what_arrow_cannot_carry_is_406(own_gateway, layout):
    gateway = own_gateway()
    gateway.create("other", layout)
    answer = gateway.request("GET", "/segments/other/data?format=arrow")
    assert (answer.status, answer.json()["code"]) == (406, "not-acceptable")
    assert "arrow" not in answer.json()["detail"].partition("got")[0]


def test_labels_whose_field_a_column_has_get_another_one(gateway):
    frame = pd.DataFrame({"a": [1, 2], "__index_level_0__": [1.5, 2.5]}, index=["x", "y"])
    layout = {"kind": "dataframe", "dtypes": [["a", "i8"], ["__index_level_0__", "f8"]], "index": ["x", "y"]}
    data = {"columns": list(frame.columns), "index": ["x", "y"], "data": [[1, 1.5], [2, 2.5]]}
    made = gateway.request("POST", "/segments", {"name": "twice", "layout": layout, "data": data, "replace": True})
    assert made.status == 201, made
    body = gateway.request("GET", "/segments/twice/data?format=arrow").body
    table = pa.ipc.open_stream(body).read_all()
    assert table.column_names == ["a", "__index_level_0__", "__index_level_1__"]
    pd.testing.assert_frame_equal(table.to_pandas(), frame, check_index_type=False, check_column_type=False)
    assert pl.read_ipc_stream(body).shape == (2, 3)
