"""Every layout: created, loaded, copied, written, and read by NumPy alone."""

import json
import pathlib

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cases import assert_same, data, dataarray, frame, memories, writable

import shmgate as shm

CASES = data()


@pytest.fixture(params=CASES, ids=lambda name: name.replace(" ", "-"))
def value(request):
    return CASES[request.param]


def mapped(name, directory):
    """The bytes of a segment as a second mapping has them."""
    return np.memmap(f"{directory}/{name}", np.uint8, "r")


def test_what_was_created_is_loaded(directory, value):
    created = shm.create("case", shm.Layout.from_data(value))
    assert_same(created, value)
    assert_same(shm.load("case"), value)
    assert_same(shm.load("case", mode="r"), value)
    assert_same(shm.snapshot("case"), value)


def test_objects_lie_in_the_segment(directory, value):
    created = shm.create("case", shm.Layout.from_data(value))
    loaded = shm.load("case")
    assert len(memories(created)) == len(memories(loaded))
    for one, other, copy in zip(memories(created), memories(loaded), memories(shm.snapshot("case"))):
        if one.size:
            before = other.tobytes()
            writable(one)[:] ^= 1 if one.dtype == bool else 0x10
            assert other.tobytes() != before, "the other mapping sees the store"
            assert copy.tobytes() == before, "the snapshot does not"


def test_read_only_mapping_refuses_stores(directory, value):
    shm.create("case", shm.Layout.from_data(value))
    for array in memories(shm.load("case", mode="r")):
        if array.size:
            with pytest.raises(ValueError):
                writable(array)


def test_header_says_where_every_array_lies(directory, value):
    shm.create("case", shm.Layout.from_data(value))
    content = pathlib.Path(directory, "case").read_bytes()
    size = int.from_bytes(content[48:56], "little")
    header = json.loads(content[4096 : 4096 + size])
    assert list(header) == ["format", "layout", "buffers", "attrs"]
    end = int.from_bytes(content[56:64], "little")
    for buffer in header["buffers"]:
        assert list(buffer) == ["path", "dtype", "shape", "strides", "offset"]
        assert buffer["offset"] == -(-end // 64) * 64, "directly behind the one before"
        dtype = np.dtype(
            [tuple(field) for field in buffer["dtype"]] if isinstance(buffer["dtype"], list) else buffer["dtype"]
        )
        assert buffer["strides"] == list(np.empty([max(n, 1) for n in buffer["shape"]], dtype).strides)
        end = buffer["offset"] + dtype.itemsize * int(np.prod(buffer["shape"]))
    assert len(content) == int.from_bytes(content[32:40], "little") == -(-end // 4096) * 4096
    assert shm.info("case").layout == header["layout"]


def test_store_replaces_the_whole(directory, value):
    shm.create("case", shm.Layout.from_data(value))
    for array in memories(shm.load("case")):
        writable(array)[:] = 1
    shm.store("case", value)
    assert_same(shm.load("case"), value)
    assert shm.info("case").sequence == 4


def test_a_write_that_changes_nothing_changes_nothing(directory, value):
    shm.create("case", shm.Layout.from_data(value))
    with shm.write("case") as obj:
        assert_same(obj, value)
    assert_same(shm.load("case"), value)
    assert (shm.info("case").sequence, shm.info("case").damaged) == (4, False)


CANONICAL = {
    "bytes": (b"abc", {"kind": "bytes", "size": 3}),
    "ndarray": (np.zeros((3, 5), "f4"), {"kind": "ndarray", "dtype": "<f4", "shape": [3, 5]}),
    "json": ("a", {"kind": "json", "capacity": 3}),
    "series": (
        pd.Series(np.zeros(2, "f4"), index=pd.Index(["a", "bc"], name="k")),
        {
            "kind": "series",
            "name": None,
            "dtype": "<f4",
            "index": {"dtype": "str", "size": 2, "nbytes": 3, "buffer": "index", "name": "k"},
        },
    ),
    "range": (
        pd.Series(np.zeros(2, "f4"), name="s"),
        {"kind": "series", "name": "s", "dtype": "<f4", "index": {"range": [0, 2, 1]}},
    ),
    "zones": (
        pd.Series(
            np.array([0], "M8[s]"),
            index=pd.DatetimeIndex(np.array([0], "M8[ms]")).tz_localize("UTC").tz_convert("Europe/Berlin"),
        ).dt.tz_localize("UTC"),
        {
            "kind": "series",
            "name": None,
            "dtype": "<M8[s]",
            "tz": "UTC",
            "index": {"dtype": "<M8[ms]", "tz": "Europe/Berlin", "size": 1, "buffer": "index"},
        },
    ),
    "dataframe": (
        pd.DataFrame({"a": np.zeros(1, "f4"), "b": np.zeros(1, "i4"), "c": np.zeros(1, "f4")}, index=[True]),
        {
            "kind": "dataframe",
            "columns": [{"name": "a", "dtype": "<f4"}, {"name": "b", "dtype": "<i4"}, {"name": "c", "dtype": "<f4"}],
            "index": {"dtype": "|b1", "size": 1, "buffer": "index"},
        },
    ),
    "dataarray": (
        xr.DataArray(
            np.zeros((1, 2)),
            {"x/y": [1.5], "s": ("z", np.array([1, 2], "u1"), {"u": 1}), "n": ((), 7)},
            ["x/y", "z"],
            name="v",
        ),
        {
            "kind": "dataarray",
            "name": "v",
            "dtype": "<f8",
            "dims": ["x/y", "z"],
            "shape": [1, 2],
            "coords": {
                "x/y": {"dtype": "<f8", "size": 1, "buffer": "coords/x%2Fy"},
                "s": {"dims": ["z"], "dtype": "|u1", "size": 2, "buffer": "coords/s", "attrs": {"u": 1}},
                "n": {"dims": [], "dtype": "<i8", "size": 1, "buffer": "coords/n"},
            },
        },
    ),
    "struct": (
        {"a": np.float32(0)},
        {"kind": "struct", "members": {"a": {"kind": "ndarray", "dtype": "<f4", "shape": []}}},
    ),
    "list": ([b"a", b"b"], {"kind": "list", "item": {"kind": "bytes", "size": 1}, "count": 2}),
}


@pytest.mark.parametrize("name", CANONICAL)
def test_canonical_form(directory, name):
    value, expected = CANONICAL[name]
    shm.create("case", shm.Layout.from_data(value))
    content = pathlib.Path(directory, "case").read_bytes()
    text = content[4096 : 4096 + int.from_bytes(content[48:56], "little")]
    found = json.loads(text)["layout"]
    assert json.dumps(found) == json.dumps(expected), "keys in their order"


def test_columns_of_one_dtype_stand_together(directory):
    shm.create("case", shm.DataFrameLayout.from_data(frame()))
    paths = [buffer["path"] for buffer in shm.info("case").buffers]
    assert paths == [
        *(f"columns/{name}" for name in ("a", "c", "b", "t", "z", "d", "ok")),
        "index/offsets",
        "index/bytes",
    ]


def test_buffers_of_nested_layouts(directory):
    item = shm.StructLayout({"p": shm.NdArrayLayout("f8", 2), "s": shm.SeriesLayout("i8", ["a"])})
    shm.create("case", shm.StructLayout({"all": shm.ListLayout(item, 2)}))
    inner = ["members/p/values", "members/s/values", "members/s/index/offsets", "members/s/index/bytes"]
    assert [b["path"] for b in shm.info("case").buffers] == [
        f"members/all/items/{i}/{path}" for i in (0, 1) for path in inner
    ]


def test_one_block_for_each_dtype(directory):
    columns = {f"{dtype}{number}": dtype for number in range(3) for dtype in ("f4", "i8", "M8[ns]")}
    created = shm.create("case", shm.DataFrameLayout(columns, index=5))
    assert created._mgr.nblocks == 3
    created.describe()
    created._consolidate_inplace()
    created.loc[2, "f42"] = 2.5
    created.loc[3, "i80"] = 7
    assert shm.load("case").loc[2, "f42"] == 2.5
    assert shm.load("case").loc[3, "i80"] == 7


def test_labels_are_read_only_views(directory):
    series = shm.create("s", shm.SeriesLayout("f4", index=np.array([3, 1, 2])))
    values = series.index.to_numpy()
    assert not values.flags.writeable
    file = mapped("s", directory)
    start = file.ctypes.data
    assert start  # the other mapping is elsewhere; the labels lie in the first one, found by their owner
    assert not values.flags.owndata
    array = shm.create("a", shm.DataArrayLayout.from_data(dataarray()))
    for name in ("x", "time", "lat", "run"):
        assert not array.coords[name].values.flags.writeable, name
    with pytest.raises(ValueError, match="read-only"):
        array.coords["lat"].values[0, 0] = 1


@pytest.mark.parametrize("dtype", ["i1", "u8", "f4", "f8", "?", "M8[s]", "M8[ns]", "m8[ms]"])
def test_labels_keep_their_dtype_and_memory(directory, dtype):
    labels = np.array([0, 1], dtype if dtype[0] in "mM" or dtype == "?" else dtype)
    series = shm.create("s", shm.SeriesLayout("f4", index=labels))
    assert series.index.dtype == labels.dtype
    base = series.index.to_numpy()
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert type(base).__name__ in ("mmap", "memoryview"), "the labels are the segment's own bytes"


def test_labels_of_float16_are_widened_by_pandas_alone(directory):
    series = shm.create("s", shm.SeriesLayout("f4", index=np.array([0.5, 1.5], "f2")))
    assert series.index.tolist() == [0.5, 1.5]
    assert shm.info("s").layout["index"]["dtype"] == "<f2"


@pytest.mark.parametrize(
    "index, expected",
    [
        (3, pd.RangeIndex(3)),
        (range(5, 0, -2), pd.RangeIndex(5, 0, -2)),
        ([1, 2], pd.Index([1, 2])),
        ([], pd.Index([], dtype=object)),
    ],
)
def test_index_as_the_user_spells_it(directory, index, expected):
    series = shm.create("s", shm.SeriesLayout("f4", index=index))
    assert series.index.tolist() == expected.tolist()
    assert isinstance(series.index, pd.RangeIndex) == isinstance(expected, pd.RangeIndex)


@pytest.mark.parametrize("zone", ["+05:30", "UTC", "America/New_York"])
def test_zones(directory, zone):
    index = pd.date_range("2024-01-01", periods=2, tz=zone)
    series = shm.create("s", shm.SeriesLayout("f4", index=index))
    assert series.index.equals(index) and str(series.index.dtype) == str(index.dtype)
    assert shm.info("s").layout["index"]["tz"] == zone


def test_a_column_with_a_zone_is_written_through(directory):
    frame = shm.create("f", shm.DataFrameLayout({"t": "datetime64[ns, Europe/Berlin]", "u": "datetime64[ns]"}, index=2))
    frame.loc[1, "t"] = pd.Timestamp("2024-06-01", tz="Europe/Berlin")
    assert shm.load("f").loc[1, "t"].isoformat() == "2024-06-01T00:00:00+02:00"
    assert shm.info("f").layout["columns"][0] == {"name": "t", "dtype": "<M8[ns]", "tz": "Europe/Berlin"}


def test_texts_in_pandas_are_copies_that_refuse_stores(directory):
    for name, value in (("s", pd.Series(["a", "b"])), ("f", pd.DataFrame({"t": ["a", "b"], "u": ["c", "d"]}))):
        loaded = shm.create(name, shm.Layout.from_data(value))
        with pytest.raises(ValueError, match="read-only"):
            loaded.loc[0] = "x"
    with shm.write("f") as frame:
        frame.loc[1, "t"] = "z"
    assert shm.load("f").loc[1].tolist() == ["z", "d"]
    with pytest.raises(shm.DetachedError, match="at most 1"), shm.write("f") as frame:
        frame.loc[1, "t"] = "too long"


@pytest.mark.parametrize(
    "make, shape, expected",
    [
        (lambda: shm.NdArrayLayout("f4", (2, 3), init_value=1.5), (2, 3), 1.5),
        (lambda: shm.NdArrayLayout("f4", (2, 3), init_value=[1, 2, 3]), (2, 3), [[1, 2, 3]] * 2),
        (lambda: shm.SeriesLayout("i2", ["a", "b"], init_value=[1, 2]), (2,), [1, 2]),
        (lambda: shm.DataFrameLayout({"a": "f4", "b": "i8"}, 2, init_value=3), (2, 2), 3),
        (
            lambda: shm.DataFrameLayout({"a": "f4", "b": "i8"}, 2, init_value={"a": 1, "b": [2, 3]}),
            (2, 2),
            [[1, 2], [1, 3]],
        ),
        (lambda: shm.DataFrameLayout({"a": "f4", "b": "i8"}, 1, init_value=[[1, 2]]), (1, 2), [[1, 2]]),
        (lambda: shm.DataArrayLayout("f8", "x", {"x": [1, 2]}, init_value=4), (2,), 4),
        (lambda: shm.NdArrayLayout("M8[ns]", 1, init_value="2024-01-01"), (1,), np.datetime64("2024-01-01")),
        (lambda: shm.NdArrayLayout("S4", 2, init_value="ü"), (2,), "ü".encode()),
    ],
)
def test_init_value(directory, make, shape, expected):
    created = np.asarray(shm.create("case", make()))
    assert created.shape == shape
    assert np.array_equal(created, np.broadcast_to(expected, shape))


def test_init_value_of_members(directory):
    number = shm.NdArrayLayout("f8", (), init_value=1)
    both = shm.create("s", shm.StructLayout({"a": number, "b": number}, init_value={"b": 2}))
    assert (both["a"], both["b"]) == (1, 2)
    assert shm.create("l", shm.ListLayout(number, 3)) == [1, 1, 1]
    assert shm.create("m", shm.ListLayout(number, 2, init_value=[5, 6])) == [5, 6]
    assert shm.create("b", shm.BytesLayout(3, init_value=b"abc")) == b"abc"
    assert shm.create("j", shm.JSONLayout({"a": [1, None]}, capacity=100)) == {"a": [1, None]}


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: shm.NdArrayLayout("i1", 2, init_value=300), "int8 can hold"),
        (lambda: shm.NdArrayLayout("u8", 2, init_value=-1), "uint64 can hold"),
        (lambda: shm.NdArrayLayout("i4", 2, init_value=1.5), "int32 can hold"),
        (lambda: shm.NdArrayLayout("f4", 2, init_value=1e300), "float32 can hold"),
        (lambda: shm.NdArrayLayout("f4", 2, init_value="1"), "float32 can hold"),
        (lambda: shm.NdArrayLayout("S1", 2, init_value="ü"), "at most 1"),
        (lambda: shm.NdArrayLayout("M8[s]", 1, init_value=np.datetime64(1, "ns")), "can hold"),
        (lambda: shm.NdArrayLayout("f4", (2, 3), init_value=[1, 2]), "broadcast"),
        (lambda: shm.SeriesLayout("f4", 3, init_value=[1, 2]), "broadcast"),
        (lambda: shm.DataFrameLayout({"a": "f4"}, 2, init_value={"b": 1}), "columns"),
        (lambda: shm.StructLayout({"a": shm.BytesLayout(1)}, init_value={"b": 1}), "members"),
        (lambda: shm.BytesLayout(3, init_value=b"ab"), "3 bytes"),
        (lambda: shm.JSONLayout("long", capacity=3), "at most 3"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(directory, make, message):
    with pytest.raises(shm.ValueOutOfRange, match=message):
        shm.create("case", make())
    assert shm.list() == []


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: shm.NdArrayLayout("O", 2), "shared between programs"),
        (lambda: shm.NdArrayLayout("longdouble", 2), "shared between programs"),
        (lambda: shm.NdArrayLayout("V8", 2), "shared between programs"),
        (lambda: shm.NdArrayLayout("U", 2), "length"),
        (lambda: shm.NdArrayLayout("M8", 2), "unit"),
        (lambda: shm.NdArrayLayout("nonsense", 2), "expected a dtype"),
        (lambda: shm.NdArrayLayout("f4", -1), "shape"),
        (lambda: shm.NdArrayLayout(None, 1), "expected a dtype"),
        (lambda: shm.SeriesLayout("M8[D]", 2), "s, ms, us or ns"),
        (lambda: shm.SeriesLayout([["a", "f4"]], 2), "without fields"),
        (lambda: shm.SeriesLayout("f4", ["a", 1]), "one type"),
        (lambda: shm.SeriesLayout("f4", [1 + 2j]), "as labels"),
        (lambda: shm.SeriesLayout("f4", [[1, 2]]), "one axis"),
        (lambda: shm.SeriesLayout("f4", pd.MultiIndex.from_tuples([(1, 2)])), "MultiIndex"),
        (lambda: shm.SeriesLayout("f4", 2, name=5), "name"),
        (lambda: shm.SeriesLayout("f4", 2, tz="UTC"), "time zone"),
        (lambda: shm.SeriesLayout.from_data(pd.Series([1, None], dtype="Int64")), "expected a dtype"),
        (lambda: shm.SeriesLayout.from_data(pd.Series([1, "a"])), "shared between programs"),
        (lambda: shm.DataFrameLayout([("a", "f4"), ("a", "f4")], 2), "differ"),
        (lambda: shm.DataFrameLayout([("", "f4")], 2), "not empty"),
        (lambda: shm.DataFrameLayout.from_data(pd.DataFrame([[1, 2]])), "strings"),
        (lambda: shm.DataArrayLayout("f4", ["x"]), "neither a coordinate nor a shape"),
        (lambda: shm.DataArrayLayout("f4", ["x"], {"x": [1, 2]}, shape=3), "expected 3 values"),
        (lambda: shm.DataArrayLayout("f4", ["x"], {"x": [1], "y": [1, 2]}), "no dimension"),
        (lambda: shm.StructLayout({"patches": shm.BytesLayout(1)}), "patches"),
        (lambda: shm.ListLayout(shm.BytesLayout(1), 1_000_000), "at most 100000"),
        (lambda: shm.Layout.from_data([np.zeros(2), np.zeros(3)]), "one layout"),
        (lambda: shm.Layout.from_data([pd.Series([1], index=["a"]), pd.Series([1], index=["b"])]), "same labels"),
        (lambda: shm.JSONLayout(float("nan")), "JSON"),
        (lambda: deep(40), "nest at most"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(directory, make, message):
    with pytest.raises(shm.InvalidLayout, match=message):
        shm.create("case", make())
    assert shm.list() == []


def deep(count):
    layout = shm.BytesLayout(1)
    for _ in range(count):
        layout = shm.StructLayout({"a": layout})
    return layout


def test_data_is_no_layout(directory):
    with pytest.raises(TypeError, match="Layout.from_data"):
        shm.create("case", np.zeros(3))


def test_structured_padding_is_dropped(directory):
    aligned = np.zeros(2, np.dtype([("a", "u1"), ("b", "<f8")], align=True))
    aligned["b"] = [1, 2]
    created = shm.create("case", shm.NdArrayLayout.from_data(aligned))
    assert created.dtype.itemsize == 9
    assert created["b"].tolist() == [1, 2]


def test_bfloat16(directory):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = shm.create("a", shm.NdArrayLayout("bfloat16", 3, init_value=1.5))
    assert array.dtype == ml_dtypes.bfloat16
    assert (shm.info("a").layout["dtype"], shm.info("a").buffers[0]["dtype"]) == ("bfloat16", "<u2")
    series = shm.create("s", shm.SeriesLayout(ml_dtypes.bfloat16, 2, init_value=2.5))
    assert series.astype("f4").tolist() == [2.5, 2.5]
    frame = shm.create("f", shm.DataFrameLayout({"a": "bfloat16", "b": "u2"}, 2))
    with shm.write("f") as written:
        written["a"] = written["a"].astype("f4") + 1.5
    assert frame["a"].astype("f4").tolist() == [1.5, 1.5]
    with pytest.raises(shm.ValueOutOfRange):
        shm.create("x", shm.NdArrayLayout("bfloat16", 1, init_value=1e39))


def test_bfloat16_without_ml_dtypes_is_uint16(directory, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    array = shm.create("a", shm.NdArrayLayout("bfloat16", 3, init_value=0x3FC0))
    assert array.dtype == np.uint16
    assert shm.info("a").layout["dtype"] == "bfloat16"


class Book:
    """What an order book is to its user."""

    def __init__(self, obj, depth):
        self.bids, self.asks, self.depth = obj["bids"], obj["asks"], depth

    def spread(self):
        return self.asks[0, 0] - self.bids[0, 0]


class OrderBook(shm.Layout):
    kind = "orderbook"

    def __init__(self, depth=10):
        self.depth = depth

    def parameters(self):
        return {"depth": self.depth}

    def expand(self):
        side = shm.NdArrayLayout("float64", (self.depth, 2))
        return shm.StructLayout({"bids": side, "asks": side})

    def view(self, obj):
        return Book(obj, self.depth)


def test_a_layout_of_ones_own(directory, child):
    book = shm.create("book", OrderBook(3))
    book.asks[0, 0] = 2.5
    assert shm.info("book").layout["alias"] == {"kind": "orderbook", "depth": 3}
    assert list(shm.info("book").layout) == ["kind", "members", "alias"]
    loaded = shm.load("book")
    assert (type(loaded), loaded.depth, loaded.spread()) == (Book, 3, 2.5)
    with shm.write("book") as written:
        written.bids[0, 0] = 1
    assert loaded.spread() == 1.5
    # A process without the class gets the built-in layout.
    other = child("import shmgate as shm; print(sorted(shm.load('book')), shm.load('book')['asks'][0, 0])")
    assert other.read() == "['asks', 'bids'] 2.5"
    other.end()
    shm.create("books", shm.ListLayout(OrderBook(2), 2))
    assert [type(item) for item in shm.load("books")] == [Book, Book]


def test_an_alias_that_does_not_fit_is_refused(directory, monkeypatch):
    shm.create("book", OrderBook(3))
    monkeypatch.setattr(OrderBook, "expand", lambda self: shm.BytesLayout(1))
    with pytest.raises(shm.InvalidLayout, match="another layout"):
        shm.load("book")


def test_a_built_in_kind_keeps_its_meaning():
    with pytest.raises(shm.InvalidLayout, match="built-in"):
        type("Mine", (shm.Layout,), {"kind": "ndarray", "expand": lambda self: None})


def test_attrs(directory):
    shm.create("a", shm.DataArrayLayout.from_data(dataarray()), attrs={"more": np.int64(1)})
    assert shm.info("a").attrs == {"units": "K", "levels": [1, 2], "more": 1}
    assert shm.load("a").attrs == shm.info("a").attrs
    with pytest.raises(shm.InvalidLayout, match="JSON"):
        shm.create("b", shm.BytesLayout(1), attrs={"x": float("nan")})
    shm.create("c", shm.BytesLayout(1), attrs={"text": "x" * 20_000})
    assert shm.load("c") == b"\0" and len(shm.info("c").attrs["text"]) == 20_000


def test_pandas_and_xarray_are_imported_when_needed(directory, child):
    program = """
import sys
import shmgate as shm, numpy as np
shm.create("n", shm.Layout.from_data({"a": np.arange(3), "b": b"x", "c": [1.5, 2.5], "d": "text"}))
print("pandas" in sys.modules, "xarray" in sys.modules, shm.load("n")["a"].tolist())
sys.modules["pandas"] = sys.modules["xarray"] = None
try:
    shm.create("s", shm.SeriesLayout("f4", ["a"]))
except ImportError as error:
    print(error)
"""
    process = child(program)
    assert process.read() == "False False [0, 1, 2]"
    assert "pip install shmgate[pandas]" in process.read()
    process.end()
