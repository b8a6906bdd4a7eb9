"""Arrow bodies as pyarrow, pandas, polars, DuckDB and nanoarrow write them: PATCH of what has rows, PUT of dataframes."""

import datetime
import decimal
import io
import struct

import duckdb
import nanoarrow
import nanoarrow.ipc
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pytest

STREAM, FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"


def stream(table, **options):
    """A table as a stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def file(table, **options):
    """A table as a file, in batches of 100 rows."""
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=100)
    return sink.getvalue()


def put(gateway, name, body, kind=None):
    kind = kind or (FILE if body[:6] == b"ARROW1" else STREAM)
    return gateway.request("PUT", f"/segments/{name}?replace=true", body, {"Content-Type": kind})


def patch(gateway, target, body, kind=None):
    kind = kind or (FILE if body[:6] == b"ARROW1" else STREAM)
    return gateway.request("PATCH", target, body, {"Content-Type": kind})


def refused(answer, status, code, *words):
    """A problem of a code, whose detail has all words."""
    assert (answer.status, answer.json()["code"]) == (status, code), answer
    for word in words:
        assert word in answer.json()["detail"], answer


def table(gateway, target):
    """What the gateway gives, as pyarrow reads it."""
    return pa.ipc.open_stream(gateway.request("GET", target, headers={"Accept": STREAM}).body).read_all()


def frame(gateway, name):
    """The segment as pandas has it."""
    return table(gateway, f"/segments/{name}/data").to_pandas()


def dtypes(gateway, name):
    """The dtypes of the columns, as the layout has them."""
    layout = gateway.request("GET", f"/segments/{name}").json()["layout"]
    return {c["name"]: c["dtype"] + (f" {c['tz']}" if c.get("tz") else "") for c in layout["columns"]}


NUMBERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]


def everything(rows=777):
    """A dataframe of every dtype that pandas and segments both have."""
    random = np.random.default_rng(5)
    columns = {}
    for dtype in NUMBERS:
        values = random.integers(0, 256, rows * np.dtype(dtype).itemsize, np.uint8).view(dtype)
        columns[dtype] = np.where(np.isnan(values), np.array(np.nan, dtype), values) if dtype[0] == "f" else values
    columns["flag"] = random.random(rows) < 0.5
    counts = random.integers(-(1 << 30), 1 << 30, rows)
    counts[random.random(rows) < 0.2] = np.iinfo("i8").min
    for unit in ("s", "ms", "us", "ns"):
        columns[f"when-{unit}"] = counts.view(f"M8[{unit}]")
        columns[f"took-{unit}"] = counts.view(f"m8[{unit}]")
    made = pd.DataFrame(columns)
    made["there"] = pd.Series(counts.view("M8[us]")).dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    made["utc"] = pd.Series(counts.view("M8[ns]")).dt.tz_localize("UTC")
    return made


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("form", [stream, file])
def test_every_dtype_comes_back(gateway, form, compression):
    wanted = everything()
    body = form(pa.Table.from_pandas(wanted), compression=compression)
    answer = put(gateway, "every", body)
    assert answer.status in (200, 201), answer
    got = frame(gateway, "every")
    pd.testing.assert_frame_equal(got, wanted, check_index_type=False)
    local = {n: np.dtype(d).str for n, d in wanted.dtypes.items() if n not in ("there", "utc")}
    assert dtypes(gateway, "every") == {**local, "there": "<M8[us] Europe/Berlin", "utc": "<M8[ns] UTC"}
    assert gateway.request("GET", "/segments/every").json()["layout"]["index"] == {"range": [0, 777, 1]}
    # The same bytes again as a PATCH, over zeros.
    for name in wanted.columns:
        if name not in ("there", "utc"):
            zero = {"b": False}.get(wanted[name].dtype.kind, None if wanted[name].dtype.kind in "mM" else 0)
            assert gateway.request("PATCH", f"/segments/every/data/columns/{name}", zero).status == 204
    assert patch(gateway, "/segments/every/data", body).status == 204
    pd.testing.assert_frame_equal(frame(gateway, "every"), wanted, check_index_type=False)


def test_feather_of_pandas(gateway):
    wanted = everything(100_000)
    body = io.BytesIO()
    wanted.to_feather(body)  # LZ4, in batches
    assert put(gateway, "feather", body.getvalue()).status == 201
    got = frame(gateway, "feather")
    pd.testing.assert_frame_equal(got, wanted, check_index_type=False)
    back = gateway.request("GET", "/segments/feather/data?format=arrow-file").body
    pd.testing.assert_frame_equal(pd.read_feather(io.BytesIO(back)), got)
    for compression in ("uncompressed", "zstd"):
        body = io.BytesIO()
        wanted.to_feather(body, compression=compression)
        assert patch(gateway, "/segments/feather/data", body.getvalue()).status == 204


INDEXES = {
    "texts": pd.Index(["x", "größe", ""], name="key"), "unnamed": pd.Index(["p", "q", "r"]),
    "range": pd.RangeIndex(10, 16, 2), "numbers": pd.Index([3, 1, 2]), "floats": pd.Index([0.5, 1.5, np.inf], name="f"),
    "bools": pd.Index([True, False, True]), "dates": pd.date_range("2024-01-30", periods=3, unit="ns"),
    "zone": pd.date_range("2024-03-30 12:00", periods=3, tz="Europe/Berlin", unit="us", name="day"),
    "spans": pd.to_timedelta([1, 2, 3], unit="h").as_unit("ms"), "categories": pd.CategoricalIndex(["b", "a", "b"], name="c"),
}  # fmt: skip


@pytest.mark.parametrize("index", INDEXES)
def test_the_index_becomes_the_labels(gateway, index):
    wanted = pd.DataFrame({"x": [1.5, np.nan, 3]}, index=INDEXES[index])
    body = stream(pa.Table.from_pandas(wanted))
    assert put(gateway, f"index-{index}", body).status == 201
    got = frame(gateway, f"index-{index}")
    assert list(got.index) == list(wanted.index) and got.index.name == wanted.index.name
    assert str(got.index.dtype) == str(wanted.index.dtype) or index == "categories"
    if index == "range":
        assert gateway.request("GET", f"/segments/index-{index}").json()["layout"]["index"] == {"range": [10, 16, 2]}
    # The labels of a PATCH have to be the same, those of a part those of the part.
    data = f"/segments/index-{index}/data"
    assert patch(gateway, data, body).status == 204
    assert patch(gateway, f"{data}?slice=1:", stream(pa.Table.from_pandas(wanted[1:]))).status == 204
    other = pd.DataFrame({"x": [1.0, 2, 3]}, index=INDEXES[index][[1, 0, 2]])
    refused(patch(gateway, data, stream(pa.Table.from_pandas(other))), 422, "label-mismatch", "3 labels")


def test_what_another_library_read_comes_back(gateway):
    """polars, DuckDB and nanoarrow write what they read: the index as a column of its name, without pandas' metadata."""
    layout = {
        "kind": "dataframe", "columns": [{"name": "n", "dtype": "i8"}, {"name": "f", "dtype": "f4"}, {"name": "s", "dtype": "S6"},
        {"name": "b", "dtype": "?"}, {"name": "t", "dtype": "M8[ns]"}], "index": {"dtype": "str", "data": ["x", "yy", "größe"], "name": "key"},
    }  # fmt: skip
    rows = [[1, 0.5, "abc", True, "2024-01-01T00:00:00"], [2, None, "", False, None], [3, 2.5, "größ", True, "1969-12-31T00:00:00"]]
    gateway.create("through", layout, data=rows)
    data = "/segments/through/data"
    wanted = table(gateway, data)
    polars = pl.from_arrow(wanted)
    bodies = {}
    for name in ("write_ipc", "write_ipc_stream"):
        for compression in ("uncompressed", "lz4", "zstd"):
            sink = io.BytesIO()
            getattr(polars, name)(sink, compression=compression)
            bodies[f"polars {name} {compression}"] = sink.getvalue()
    bodies["duckdb"] = stream(duckdb.sql("select * from wanted").to_arrow_table())
    sink = io.BytesIO()
    with nanoarrow.ipc.StreamWriter.from_writable(sink) as writer:
        writer.write_stream(nanoarrow.c_array_stream(wanted))
    bodies["nanoarrow"] = sink.getvalue()
    bodies["feather"] = (sink := io.BytesIO(), pyarrow.feather.write_feather(wanted, sink))[0].getvalue()
    for library, body in bodies.items():
        blank = [[0, 0, "", False, None]] * 3
        assert gateway.request("PATCH", data, blank).status == 204
        answer = patch(gateway, data, body)
        assert answer.status == 204, (library, answer)
        assert table(gateway, data).to_pylist()[0] == wanted.to_pylist()[0], library
        assert gateway.request("GET", data).json()["data"] == [[1, 0.5, "abc", True, "2024-01-01T00:00:00"], [2, None, "", False, None], [3, 2.5, "größ", True, "1969-12-31T00:00:00"]], library


def test_what_polars_writes(gateway):
    """Views of text, categories, dates, times of every unit; in several batches."""
    wanted = pl.DataFrame({
        "s": ["a", "größe", "a text of more than twelve bytes"] * 40, "c": pl.Series(["x", "y", "x"] * 40, dtype=pl.Categorical),
        "e": pl.Series(["left", "right", "left"] * 40, dtype=pl.Enum(["right", "left"])), "d": [datetime.date(1969, 12, 31), None, datetime.date(2024, 2, 29)] * 40,
        "t": [datetime.datetime(2024, 1, 1, 12, 0, 0, 5), None, datetime.datetime(1900, 1, 1)] * 40, "l": [datetime.timedelta(days=-1), None, datetime.timedelta(microseconds=1)] * 40,
        "b": [True, False, True] * 40, "x": [1.5, None, float("nan")] * 40, "u": pl.Series([0, 255, 7] * 40, dtype=pl.UInt8),
        "z": pl.Series([datetime.datetime(2024, 7, 1), None, datetime.datetime(2024, 1, 1)] * 40).dt.replace_time_zone("Asia/Tokyo"),
        "y": [b"\xff\x00\xfe", b"", b"abc"] * 40,
    })  # fmt: skip
    for name, settings in {"write_ipc": {}, "write_ipc_stream": {}, "old": {"compat_level": pl.CompatLevel.oldest()}, "batches": {"record_batch_size": 7}}.items():
        sink = io.BytesIO()
        getattr(wanted, name if name.startswith("write") else "write_ipc")(sink, **settings)
        answer = put(gateway, f"polars-{name}", sink.getvalue())
        assert answer.status == 201, (name, answer)
        assert dtypes(gateway, f"polars-{name}") == {
            "s": "|S32", "c": "|S1", "e": "|S5", "d": "<M8[s]", "t": "<M8[us]", "l": "<m8[us]", "b": "|b1", "x": "<f8", "u": "|u1",
            "z": "<M8[us] Asia/Tokyo", "y": "|S3",
        }  # fmt: skip
        got = pl.from_arrow(table(gateway, f"/segments/polars-{name}/data")).drop("__index_level_0__", "y")
        expected = wanted.drop("y").with_columns(
            pl.col("c").cast(pl.String), pl.col("e").cast(pl.String), pl.col("d").cast(pl.Datetime("ms")), pl.col("x").fill_null(float("nan"))
        )
        assert got.with_columns(pl.col("d").cast(pl.Datetime("ms"))).equals(expected, null_equal=True), name
        raw = gateway.request("GET", f"/segments/polars-{name}/data/columns/y?format=raw").body
        assert raw == b"\xff\x00\xfe\0\0\0abc" * 40


def test_what_duckdb_and_pyarrow_write(gateway):
    sql = "select i::{} as x from range(5) t(i)"
    for word, dtype in {"tinyint": "|i1", "ubigint": "<u8", "float": "<f4", "boolean": "|b1", "varchar": "|S1"}.items():
        assert put(gateway, "duck", stream(duckdb.sql(sql.format(word)).to_arrow_table())).status in (200, 201), word
        assert dtypes(gateway, "duck") == {"x": dtype}
    body = stream(duckdb.sql("select 'left'::ENUM('left','right') e, date '2024-01-01' d, timestamp_ns '2024-01-01' t, timestamptz '2024-01-01 00:00:00+00' z").to_arrow_table())
    assert put(gateway, "duck", body).status == 200
    assert list(dtypes(gateway, "duck").values())[:3] == ["|S4", "<M8[s]", "<M8[ns]"]
    columns = {
        "utf8": pa.array(["a", "größe"]), "large": pa.array(["a", "größe"], pa.large_string()), "view": pa.array(["a", "größe"], pa.string_view()),
        "binary": pa.array([b"\xff", b"ab"]), "largebinary": pa.array([b"\xff", b"ab"], pa.large_binary()), "binaryview": pa.array([b"\xff", b"ab"], pa.binary_view()),
        "fixed": pa.array([b"\xff\0a", b"abc"], pa.binary(3)), "date32": pa.array([0, -1], pa.date32()), "date64": pa.array([0, 86_400_000], pa.date64()),
        "dictionary": pa.array(["b", "a"]).dictionary_encode(), "numbers": pa.array([2.5, 1.5]).dictionary_encode(),
        "flags": pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.int16()), pa.array([True, False])),
        "days": pa.DictionaryArray.from_arrays(pa.array([1, None], pa.uint32()), pa.array([0, 1], pa.date32())),
        "holes": pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.int64()), pa.array([0.5, None])),
    }  # fmt: skip
    for compression in (None, "lz4", "zstd"):
        assert put(gateway, "arrow", file(pa.table(columns), compression=compression)).status in (200, 201)
        assert dtypes(gateway, "arrow") == {
            "utf8": "|S7", "large": "|S7", "view": "|S7", "binary": "|S2", "largebinary": "|S2", "binaryview": "|S2", "fixed": "|S3",
            "date32": "<M8[s]", "date64": "<M8[ms]", "dictionary": "|S1", "numbers": "<f8", "flags": "|b1", "days": "<M8[s]", "holes": "<f8",
        }  # fmt: skip
        got = gateway.request("GET", "/segments/arrow/data?orient=columns&text=replace").json()
        assert got["utf8"] == got["large"] == got["view"] == ["a", "größe"]
        assert got["date32"] == ["1970-01-01T00:00:00", "1969-12-31T00:00:00"] and got["date64"][1] == "1970-01-02T00:00:00"
        assert (got["dictionary"], got["numbers"], got["flags"]) == (["b", "a"], [2.5, 1.5], [False, True])
        assert (got["days"], got["holes"]) == (["1970-01-02T00:00:00", None], [None, 0.5])


def test_dictionaries_that_grow_and_change(gateway):
    """Deltas, and in a stream a dictionary in the place of another one."""
    def encoded(values, words):
        return pa.record_batch([pa.DictionaryArray.from_arrays(pa.array(values, pa.int8()), pa.array(words))], ["x"])

    batches = [encoded([0, 1], ["a", "b"]), encoded([2, 0], ["a", "b", "c"]), encoded([1, None], ["q", "r"])]
    for deltas, batches in ((True, batches[:2]), (False, batches[:2] + [encoded([1, 0], ["q", "r"])])):
        sink = io.BytesIO()
        options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=deltas)
        with pa.ipc.new_stream(sink, batches[0].schema, options=options) as writer:
            for batch in batches:
                writer.write_batch(batch)
        assert put(gateway, "deltas", sink.getvalue()).status in (200, 201)
        words = gateway.request("GET", "/segments/deltas/data/columns/x").json()["data"]
        assert words == ["a", "b", "c", "a"] + ([] if deltas else ["r", "q"])
    refused(put(gateway, "deltas", stream(pa.Table.from_batches([encoded([1, None], ["q", "r"])]))), 422, "value-out-of-range", '"x"', "null", "row 1")


def test_a_series_and_arrays(gateway):
    gateway.create("series", {"kind": "series", "dtype": "f4", "name": "load", "index": ["a", "b", "c"]})
    gateway.create("plain", {"kind": "series", "dtype": "f4", "index": ["a", "b", "c"]})
    gateway.create("array", {"kind": "ndarray", "dtype": "f4", "shape": [3, 2]})
    gateway.create("grid", {"kind": "dataarray", "dtype": "f4", "dims": ["x"], "coords": {"x": [10, 20, 30]}, "name": "t"})
    for target, name in (("series", "load"), ("plain", "anything")):
        value = pd.Series([1.5, np.nan, 3], ["a", "b", "c"], name=name).to_frame()
        assert patch(gateway, f"/segments/{target}/data", stream(pa.Table.from_pandas(value))).status == 204
        assert gateway.request("GET", f"/segments/{target}/data").json()["data"] == [1.5, None, 3.0]
        bare = stream(pa.table({name: [3, 2, 1]}))
        assert patch(gateway, f"/segments/{target}/data?sel.index=a..c&slice=", bare).status in (204, 400)
        assert patch(gateway, f"/segments/{target}/data/values", bare).status == 204
        assert gateway.request("GET", f"/segments/{target}/data").json()["data"] == [3.0, 2.0, 1.0]
    refused(patch(gateway, "/segments/series/data", stream(pa.table({"other": [1, 2, 3]}))), 422, "label-mismatch", "load", "other")
    assert patch(gateway, "/segments/array/data?slice=:,1", stream(pa.table({"values": [1, 2, 3]}))).status == 204
    assert gateway.request("GET", "/segments/array/data").json()["data"] == [[0, 1], [0, 2], [0, 3]]
    labelled = pd.DataFrame({"v": [1.0, 2, 3]}, index=["a", "b", "c"])
    refused(patch(gateway, "/segments/array/data?slice=:,1", stream(pa.Table.from_pandas(labelled))), 422, "label-mismatch", "no labels")
    assert patch(gateway, "/segments/grid/data", stream(pa.Table.from_pandas(pd.DataFrame({"t": [1, 2, 3]}, index=[10, 20, 30])))).status == 204
    refused(patch(gateway, "/segments/grid/data", stream(pa.Table.from_pandas(pd.DataFrame({"t": [1, 2, 3]}, index=[10, 20, 31])))), 422, "label-mismatch")
    for target in ("array/data", "array/data?slice=0,0", "series/data?slice=0"):
        refused(patch(gateway, f"/segments/{target}", bare), 415, "unsupported-media-type")


def test_columns_in_order(gateway):
    gateway.create("order", {"kind": "dataframe", "columns": [{"name": n, "dtype": "f8"} for n in "abc"], "index": 2})
    data = "/segments/order/data"
    assert patch(gateway, data, stream(pa.table({"a": [1, 2], "b": [3, 4], "c": [5, 6]}))).status == 204
    assert patch(gateway, f"{data}?columns=c,a&slice=1:", stream(pa.table({"c": [60], "a": [20]}))).status == 204
    assert gateway.request("GET", data).json()["data"] == [[1, 3, 5], [20, 4, 60]]
    for columns in (["b", "a", "c"], ["a", "b"], ["a", "b", "c", "d"], ["a", "b", "C"]):
        refused(patch(gateway, data, stream(pa.table({n: [1, 2] for n in columns}))), 422, "label-mismatch", "['a', 'b', 'c']".replace("'", '"'))
    refused(patch(gateway, data, stream(pa.table({n: [1, 2, 3] for n in "abc"}))), 422, "shape-mismatch", "2 rows, got 3")
    refused(patch(gateway, f"{data}?where=a>1", stream(pa.table({n: [1] for n in "abc"}))), 400, "invalid-query")
    assert gateway.request("GET", data).json()["data"] == [[1, 3, 5], [20, 4, 60]]


@pytest.mark.parametrize("dtype, values, detail", [
    ("i1", [1, 300], "element 1"), ("i1", [1.5, 2], None), ("i1", [1, None], "null"), ("?", [True, None], "null"), ("u8", [-1, 2], None),
    ("f4", [1e300, 1], None), ("f8", ["a", "b"], None), ("S2", ["abc", "a"], "text"), ("S2", [None, "a"], "null"), ("U1", ["ab", "c"], None),
    ("M8[s]", [1, 2], None), ("M8[ns]", [datetime.datetime(9999, 1, 1)] * 2, None), ("i4", [True, False], None), ("m8[s]", [datetime.timedelta(microseconds=1)] * 2, None),
])  # fmt: skip
def test_values_that_do_not_fit(gateway, dtype, values, detail):
    gateway.create(f"fit-{abs(hash((dtype, str(values))))}", {"kind": "dataframe", "columns": [{"name": "größe", "dtype": dtype}], "index": 2})
    data = f"/segments/fit-{abs(hash((dtype, str(values))))}/data"
    before = gateway.request("GET", data).body
    refused(patch(gateway, data, stream(pa.table({"größe": values}))), 422, "value-out-of-range", '"größe"', *([detail] if detail else []))
    assert gateway.request("GET", data).body == before


@pytest.mark.parametrize("dtype, values, wanted", [
    ("f4", [1, None], [1.0, None]), ("f2", [0.1, 2], [0.1, 2.0]), ("i1", [1.0, -2.0], [1, -2]), ("c8", [1.5, 2], [[1.5, 0.0], [2.0, 0.0]]),
    ("bfloat16", [0.1, 2], [0.1, 2.0]), ("U2", ["é", "日本"], ["é", "日本"]), ("M8[ms]", [datetime.date(2024, 1, 1), None], ["2024-01-01T00:00:00", None]),
    ("m8[ns]", [datetime.timedelta(days=1), None], [86_400_000_000_000, None]), ("?", [1, 0], [True, False]),
    ("datetime64[s, Europe/Berlin]", [datetime.datetime(2024, 7, 1, 12)] * 2, ["2024-07-01T12:00:00+02:00"] * 2),
])  # fmt: skip
def test_values_convert_as_those_of_json(gateway, dtype, values, wanted):
    name = f"convert-{abs(hash((dtype, str(values))))}"
    gateway.create(name, {"kind": "dataframe", "columns": [{"name": "x", "dtype": dtype}], "index": 2})
    answer = patch(gateway, f"/segments/{name}/data", stream(pa.table({"x": values})))
    assert answer.status == 204, answer
    assert gateway.request("GET", f"/segments/{name}/data/columns/x").json()["data"] == wanted


@pytest.mark.parametrize("column, word", [
    (pa.array([[1], [2]]), "list"), (pa.array([{"a": 1}] * 2), "struct"), (pa.array([decimal.Decimal("1.5")] * 2), "decimal"),
    (pa.array([None, None]), "null"), (pa.array([datetime.time(1)] * 2), "time"), (pa.array([[1, 2]] * 2, pa.list_(pa.int8(), 2)), "fixed_size_list"),
    (pa.array([[("a", 1)]] * 2, pa.map_(pa.string(), pa.int8())), "map"), (pa.MonthDayNano([1, 2, 3]) and pa.array([pa.MonthDayNano([1, 2, 3])] * 2), "interval"),
])  # fmt: skip
def test_types_that_no_segment_has(gateway, column, word):
    refused(put(gateway, "types", stream(pa.table({"ok": [1, 2], "größe": column}))), 400, "invalid-dtype", '"größe"', word)


def test_attrs_come_with_the_schema(gateway):
    made = pd.DataFrame({"x": [1]})
    made.attrs = {"units": "m", "größe": [1, None]}
    assert put(gateway, "attrs", stream(pa.Table.from_pandas(made))).status == 201
    assert gateway.request("GET", "/segments/attrs").json()["attrs"] == made.attrs
    back = gateway.request("GET", "/segments/attrs/data?format=arrow").body
    assert put(gateway, "attrs", back).status == 200
    assert gateway.request("GET", "/segments/attrs").json()["attrs"] == made.attrs
    other = pa.table({"x": [1]}).replace_schema_metadata({"attrs": "no JSON", "mine": "1"})
    assert put(gateway, "attrs", stream(other)).status == 200
    assert gateway.request("GET", "/segments/attrs").json()["attrs"] == {}


def test_frames_without_rows_or_columns(gateway):
    for name, made in {"rows": pd.DataFrame({"x": np.array([], "f4"), "s": pd.Series([], dtype="str")}), "columns": pd.DataFrame(index=[1, 2, 3]), "both": pd.DataFrame()}.items():
        assert put(gateway, f"empty-{name}", stream(pa.Table.from_pandas(made))).status == 201, name
        got = frame(gateway, f"empty-{name}")
        assert got.shape == made.shape and list(got.index) == list(made.index)
        assert patch(gateway, f"/segments/empty-{name}/data", file(pa.Table.from_pandas(made))).status == 204


def test_put_is_conditional_as_ever(gateway):
    body = stream(pa.table({"x": [1, 2]}))
    made = gateway.request("PUT", "/segments/once", body, {"Content-Type": STREAM, "If-None-Match": "*"})
    assert made.status == 201 and made.json()["kind"] == "dataframe"
    assert gateway.request("PUT", "/segments/once", body, {"Content-Type": STREAM}).status == 409
    assert gateway.request("PUT", "/segments/once", body, {"Content-Type": STREAM, "If-None-Match": "*"}).status == 412
    assert gateway.request("PUT", "/segments/once", body, {"Content-Type": STREAM, "If-Match": made.headers["ETag"]}).status == 200


def test_bodies_that_are_none(gateway):
    body, whole = stream(pa.table({"x": list(range(100))})), file(pa.table({"x": ["a", "b"]}), compression="zstd")
    gateway.create("none", {"kind": "dataframe", "columns": [{"name": "x", "dtype": "i8"}], "index": 100})
    for wrong, kind in ((b"", STREAM), (b"no Arrow at all", STREAM), (body, FILE), (whole, STREAM), (body + b"more", STREAM), (whole + b"x", FILE), (whole[:-1], FILE), (b"ARROW1", FILE)):
        refused(patch(gateway, "/segments/none/data", wrong, kind), 400, "invalid-body")
        refused(put(gateway, "never", wrong, kind), 400, "invalid-body")
    for end in range(0, len(body) - 8, 7):
        answer = patch(gateway, "/segments/none/data", body[:end], STREAM)
        assert answer.status in (400, 422), (end, answer)
    multi = pd.DataFrame({"x": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)]))
    refused(put(gateway, "never", stream(pa.Table.from_pandas(multi))), 422, "label-mismatch", "2 levels")
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    refused(put(gateway, "never", stream(twice)), 400, "invalid-layout")
    broken = pa.table({"x": [1]}).replace_schema_metadata({"pandas": "{"})
    refused(put(gateway, "never", stream(broken)), 400, "invalid-body", "pandas")
    assert gateway.request("GET", "/segments/never").status == 404


def test_what_unpacks_to_more_than_may_be(own_gateway):
    gateway = own_gateway("--max-body", "1MiB")
    zeros = pa.table({"x": np.zeros(1 << 20, "u1")})
    for compression in ("lz4", "zstd"):
        body = stream(zeros, compression=compression)
        assert len(body) < 64 << 10
        assert put(gateway, "zeros", body).status in (200, 201)
        bomb = stream(pa.table({"x": np.zeros((1 << 20) + 1, "u1")}), compression=compression)
        refused(put(gateway, "bomb", bomb), 413, "too-large")
        gateway.create(f"bomb-{compression}", {"kind": "series", "dtype": "u1", "index": (1 << 20) + 1})
        refused(patch(gateway, f"/segments/bomb-{compression}/data", bomb), 413, "too-large")
    # Few bytes of numbers for a long text each: the column would be as wide as that.
    wide = pa.DictionaryArray.from_arrays(pa.array([0] * 5_000, pa.int8()), pa.array(["x" * 1_000]))
    refused(put(gateway, "wide", stream(pa.table({"x": wide}))), 413, "too-large")


def test_a_version_that_arrow_never_had_is_refused(gateway):
    gateway.create("version", {"kind": "series", "dtype": "i8", "index": 3}, replace=True)
    body = bytearray(stream(pa.table({"values": [1, 2, 3]})))
    for version in (-32768, -1, 2, 5, 32767):
        place = body.index(struct.pack("<h", 4), 8)  # of metadata version 5
        changed = body[:place] + struct.pack("<h", version) + body[place + 2 :]
        answer = gateway.request("PATCH", "/segments/version/data", bytes(changed), {"Content-Type": STREAM})
        assert (answer.status, answer.json()["code"]) == (400, "invalid-body"), (version, answer)
