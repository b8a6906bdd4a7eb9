"""One list of layouts, each as HTTP spells it and as the Python client builds it; and random contents for them."""

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import shmgate as shm


@dataclasses.dataclass(frozen=True)
class Case:
    """A layout: as JSON for a request, and from Python."""

    name: str
    layout: dict
    python: Callable[[], shm.Layout]
    #: Of the segment; a DataArray has its own in Python.
    attrs: dict = dataclasses.field(default_factory=dict)


# Labels: a name, JSON, Python.
LABELS = [
    ("count", 3, 3),
    ("range", {"range": [7, 1, -2]}, range(7, 1, -2)),
    ("no-range", {"range": [0, 0, 1]}, range(0)),
    ("integers", [3, -1, 2**62], [3, -1, 2**62]),
    ("uint8", {"dtype": "uint8", "data": [0, 255]}, np.array([0, 255], "u1")),
    ("uint64", {"dtype": "uint64", "data": [1, 2**64 - 1]}, np.array([1, 2**64 - 1], "u8")),
    ("floats", [1.5, -0.0, 0.1], [1.5, -0.0, 0.1]),
    ("not-finite", {"dtype": "float32", "data": [None, "-Infinity", 0.1]}, np.array([np.nan, -np.inf, 0.1], "f4")),
    ("float16", {"dtype": "float16", "data": [0.5, 65504]}, np.array([0.5, 65504], "f2")),
    ("bools", [True, False, True], [True, False, True]),
    ("texts", ["a", "grün", "", "中 😀", "a/b%", '"\t'], ["a", "grün", "", "中 😀", "a/b%", '"\t']),
    ("texts-with-nul", ["z\0", "\0", "z"], ["z\0", "\0", "z"]),
    ("no-texts", {"dtype": "str", "data": []}, []),
    ("instants-ns", {"dtype": "datetime64[ns]", "data": ["2024-01-01T00:00:00.000000001", None]},
     np.array(["2024-01-01T00:00:00.000000001", "NaT"], "M8[ns]")),
    ("instants-s", {"dtype": "datetime64[s]", "data": ["1969-12-31T23:59:59", "2024-02-29T12:00:00"]},
     np.array(["1969-12-31T23:59:59", "2024-02-29T12:00:00"], "M8[s]")),
    ("zoned", {"dtype": "datetime64[us, Europe/Berlin]", "data": ["2024-03-31T01:59:59.999999+01:00", "2024-03-31T03:00:00+02:00", None]},
     pd.DatetimeIndex(["2024-03-31T00:59:59.999999", "2024-03-31T01:00:00", None], tz="UTC").as_unit("us").tz_convert("Europe/Berlin")),
    ("durations", {"dtype": "timedelta64[ms]", "data": [1, -5, None]}, np.array([1, -5, "NaT"], "m8[ms]")),
    ("dates", {"dtype": "datetime64[ns]", "start": "2024-01-30", "periods": 4, "freq": "1D"},
     pd.date_range("2024-01-30", periods=4, freq="D").as_unit("ns")),
    ("zoned-dates", {"dtype": "datetime64[s, Europe/Berlin]", "start": "2024-03-30", "periods": 3, "freq": "1D"},
     pd.date_range("2024-03-30", periods=3, freq="D", tz="Europe/Berlin").as_unit("s")),
    ("named", {"dtype": "str", "data": ["x", "y"], "name": "kéy"}, pd.Index(["x", "y"], name="kéy")),
    ("named-range", {"range": [0, 4, 2], "name": "n"}, pd.RangeIndex(0, 4, 2, name="n")),
]  # fmt: skip
BY_NAME = {name: (spelled, python) for name, spelled, python in LABELS}

STRUCTURED = [["x", "<f4"], ["y", ">i2", [2]], ["z", "|S3"]]
ARRAYS = [
    ("bool", "bool", [7]),
    ("int8", "int8", [2, 3]),
    ("uint16", "uint16", [5]),
    ("int64", "int64", [5]),
    ("uint64", "uint64", [5]),
    ("float16", "float16", [9]),
    ("float32", "float32", [3, 5]),
    ("float64-0d", "float64", []),
    ("float64-1d", "float64", [8]),
    ("float64-3d", "float64", [2, 3, 4]),
    ("float64-empty", "float64", [2, 0, 3]),
    ("complex64", "complex64", [3]),
    ("complex128", "complex128", [2, 2]),
    ("S4", "S4", [6]),
    ("U3", "U3", [2, 3]),
    ("datetime64-ns", "datetime64[ns]", [5]),
    ("timedelta64-s", "timedelta64[s]", [5]),
    ("datetime64-25m", "<M8[25m]", [5]),
    ("big-endian", ">i4", [5]),
    ("big-endian-U", ">U2", [5]),
    ("structured", STRUCTURED, [4]),
    ("bfloat16", "bfloat16", [6]),
]
# What pandas and xarray hold beside numbers.
VALUES = [
    "bool", "int8", "uint64", "float16", "float32", "complex128", "S4", "U3", "datetime64[s]", "datetime64[ns]",
    "timedelta64[ms]", "datetime64[ns, Europe/Berlin]", "datetime64[ms, UTC]", "bfloat16",
]  # fmt: skip


def numpy_dtype(dtype):
    """A dtype of a request for the Python client."""
    return [(*field[:2], *map(tuple, field[2:])) for field in dtype] if isinstance(dtype, list) else dtype


def ndarray(name, dtype, shape):
    layout = {"kind": "ndarray", "dtype": dtype, "shape": shape}
    return Case(f"ndarray-{name}", layout, lambda: shm.NdArrayLayout(numpy_dtype(dtype), tuple(shape)))


def series(name, dtype, labels, label=None):
    spelled, python = BY_NAME[labels]
    named = {} if label is None else {"name": label}
    layout = {"kind": "series", "dtype": dtype, "index": spelled, **named}
    return Case(f"series-{name}", layout, lambda: shm.SeriesLayout(dtype, python, name=label))


def frame(name, dtypes, labels):
    spelled, python = BY_NAME[labels]
    layout = {"kind": "dataframe", "columns": [{"name": n, "dtype": d} for n, d in dtypes.items()], "index": spelled}
    return Case(f"dataframe-{name}", layout, lambda: shm.DataFrameLayout(dtypes, python))


def dataarray(name, dtype, dims, coords=None, shape=None, label=None, attrs=None):
    """`coords` are those of a request and those of Python, by name."""
    spelled = {key: pair[0] for key, pair in (coords or {}).items()}
    python = {key: pair[1] for key, pair in (coords or {}).items()}
    layout = {"kind": "dataarray", "dtype": dtype, "dims": dims, "coords": spelled}
    layout |= {} if shape is None else {"shape": shape}
    layout |= {} if label is None else {"name": label}

    def make():
        return shm.DataArrayLayout(dtype, dims, python, shape=shape, name=label, attrs=attrs)

    return Case(f"dataarray-{name}", layout, make, attrs or {})


def struct(name, members, attrs=None):
    """A struct of other cases."""
    layout = {"kind": "struct", "members": {key: case.layout for key, case in members.items()}}
    return Case(f"struct-{name}", layout, lambda: shm.StructLayout({k: c.python() for k, c in members.items()}), attrs or {})


def items(name, item, count):
    layout = {"kind": "list", "item": item.layout, "count": count}
    return Case(f"list-{name}", layout, lambda: shm.ListLayout(item.python(), count))


def json_value(name, value, capacity):
    layout = {"kind": "json", "value": value, "capacity": capacity}
    return Case(f"json-{name}", layout, lambda: shm.JSONLayout(value, capacity=capacity))


def bytes_of(size):
    return Case(f"bytes-{size}", {"kind": "bytes", "size": size}, lambda: shm.BytesLayout(size))


MIXED = {"a": "float32", "n": "int32", "b": "float32", "ok": "bool", "c": "float32", "m": "int32", "t": "datetime64[s]"}
TEXTS = {"S": "S4", "x": "float64", "grün": "U3", "a/b%": "S4", " ": "int8", "patches": "uint16"}
ZONED = {"utc": "datetime64[ns, UTC]", "naive": "datetime64[ns]", "here": "datetime64[ns, Europe/Berlin]", "d": "timedelta64[us]"}
LAT = [[1.5, -0.0, 2.25], [4.0, 5.0, 0.1]]
TIMES = ["2024-01-01T00:00:00", "2024-07-01T12:00:00"]
COORDS = {
    "x": ({"dtype": "int32", "data": [10, 20], "attrs": {"units": "m"}}, ("x", np.array([10, 20], "i4"), {"units": "m"})),
    "y/%": (["a", "", "ü"], ["a", "", "ü"]),
    "lat": ({"dims": ["x", "y/%"], "data": LAT}, (("x", "y/%"), np.array(LAT))),
    "tag": ({"dims": ["x"], "data": ["first", "zweite 😀"]}, ("x", ["first", "zweite 😀"])),
    "words": ({"dims": ["y/%", "x"], "data": [["a", "b"], ["", "ü"], ["c", "d"]]},
              (("y/%", "x"), np.array([["a", "b"], ["", "ü"], ["c", "d"]]))),
    "run": ({"dims": [], "data": 7}, 7),
    "site": ({"dims": [], "data": "Köln"}, "Köln"),
    "when": ({"dims": ["x"], "dtype": "datetime64[ns]", "data": TIMES}, ("x", np.array(TIMES, "M8[ns]"))),
    "zone": ({"dims": ["x"], "dtype": "datetime64[s, UTC]", "data": [f"{time}Z" for time in TIMES]},
             ("x", pd.DatetimeIndex(TIMES, tz="UTC").as_unit("s"))),
    "good": ({"dims": ["y/%"], "data": [True, False, True]}, ("y/%", np.array([True, False, True]))),
}  # fmt: skip
BOOK = struct(
    "book",
    {
        "bids": frame("", {"price": "float64", "size": "int32"}, "integers"),
        "a/b%": series("", "float32", "texts", "größe"),
        "中 😀": ndarray("", "float64", []),
        "raw": bytes_of(5),
        "note": json_value("", {"text": "grün"}, 70),
        "%2F": dataarray("", "int16", ["x"], {"x": BY_NAME["zoned"]}),
    },
)

CASES = [
    bytes_of(0),
    bytes_of(100),
    *(ndarray(*spec) for spec in ARRAYS),
    json_value("object", {"a": [1, 1.5, None, "ü😀"], "b": {"c": True}}, 200),
    json_value("list", [1, 2], 80),
    json_value("null", None, 80),
    *(series(f"by-{name}", "float64", name) for name, _, _ in LABELS),
    *(series(f"of-{dtype.replace(', ', '-').replace('/', '-')}", dtype, "integers", "größe/%") for dtype in VALUES),
    frame("mixed", MIXED, "count"),
    frame("texts", TEXTS, "texts"),
    frame("zoned", ZONED, "zoned"),
    frame("floats", {"a": "float64", "b": "float64", "c": "float64"}, "dates"),
    frame("without-rows", MIXED, "no-texts"),
    frame("without-columns", {}, "named"),
    *(frame(f"by-{name}", {"a": "float64", "b": "int8"}, name) for name in ("named-range", "bools", "durations", "uint64")),
    dataarray("0d", "float64", []),
    dataarray("0d-with-coordinate", "float32", [], {"site": COORDS["site"]}, label="t"),
    dataarray("1d", "int64", ["x"], {"x": BY_NAME["floats"]}),
    dataarray("1d-of-text", "U3", ["x"], {"x": BY_NAME["count"]}),
    dataarray("1d-by-zoned", "datetime64[ns]", ["time"], {"time": BY_NAME["zoned-dates"]}),
    dataarray("2d-bare", "uint8", ["x", "y"], shape=[2, 3]),
    dataarray("2d", "float64", ["x", "y/%"], COORDS, label="température", attrs={"units": "K", "levels": [1, 2.5, None]}),
    dataarray("3d-partly", "complex64", ["x", "y", "z"], {"y": BY_NAME["texts"]}, shape=[2, 6, 1]),
    dataarray("bfloat16", "bfloat16", ["x"], shape=[4]),
    dataarray("empty", "float64", ["x", "y"], {"x": BY_NAME["no-texts"]}, shape=[0, 3]),
    BOOK,
    struct("of-nothing", {}),
    struct("with-attrs", {"v": ndarray("", "float64", [3])}, attrs={"a": {"b": [1, "ü"]}}),
    struct("of-lists", {"levels": items("", BOOK, 2), "c": dataarray("", "float32", ["x", "y/%"], COORDS)}),
    items("of-arrays", ndarray("", "float64", [3]), 3),
    items("of-nothing", ndarray("", "float64", [3]), 0),
    items("of-series", series("", "int16", "named"), 2),
    items("of-lists", items("", items("", struct("", {"q": ndarray("", "S4", [2]), "j": json_value("", 1, 70)}), 2), 1), 2),
]
assert len({case.name for case in CASES}) == len(CASES)


def random_bytes(random, array):
    """Bytes that are valid elements of an array, and that every side can name."""
    if array.kind == "json":
        value = {"r": [int(random.integers(1 << 40)), float(random.normal())], "ü": "😀"}
        text = json.dumps(value if random.random() < 0.5 else value["r"], ensure_ascii=False, separators=(",", ":"))
        return text.encode().ljust(array.nbytes, b"\0")
    if array.dtype == "bfloat16":
        bits = random.integers(1 << 16, size=array.shape).astype("<u2")
        # The bits of infinities and NaNs; of these JSON has one.
        return np.where(bits & 0x7F80 == 0x7F80, 0x7FC0, bits).astype("<u2").tobytes()
    return random_values(random, array.stored, array.shape).tobytes()


def price(random):
    """A float64 as the example in C writes it."""
    return np.array(random.choice([random.normal(), 0.1, -0.0, 1e300, np.inf]), "<f8").tobytes()


def random_values(random, dtype, shape):
    """Elements of a dtype, the odd ones among them."""
    if dtype.names:
        values = np.zeros(shape, dtype)
        for name in dtype.names:
            base, inner = dtype[name].subdtype or (dtype[name], ())
            values[name] = random_values(random, base, (*shape, *inner))
        return values
    kind = dtype.kind
    if kind == "b":
        return random.integers(2, size=shape).astype(bool)
    if kind in "iu":
        limits = np.iinfo(dtype)
        drawn = random.integers(limits.min, limits.max, size=shape, dtype=dtype.newbyteorder("="), endpoint=True)
        return np.asarray(drawn).astype(dtype)
    if kind in "fc":
        values = random.normal(size=shape) * 10.0 ** random.integers(-4, 4, size=shape)
        values = with_some(random, values, [np.nan, np.inf, -np.inf, -0.0, 0.1])
        if kind == "c":
            parts = np.stack([values, with_some(random, random.normal(size=shape), [np.nan, -0.0])], -1)
            return parts.astype(f"f{dtype.itemsize // 2}").view(dtype.newbyteorder("=")).reshape(shape).astype(dtype)
        return np.asarray(values).astype(dtype)
    if kind == "S":
        return random.choice(np.array([b"", b"ab", "é".encode(), b"\xff\x01", b"a\0b", b"abc"], dtype), size=shape)
    if kind == "U":
        return random.choice(np.array(["", "a", "ü😀", "中", "\n"], dtype), size=shape)
    # Times that every unit and library has: from 1700 to 2200.
    reach = np.array(["1700-01-01", "2200-01-01"], "M8[s]").astype(dtype).view("i8") if kind == "M" else [-(1 << 40), 1 << 40]
    counts = with_some(random, random.integers(*reach, size=shape), [np.iinfo("i8").min, 0])
    return np.asarray(counts).astype("i8").view(dtype)


def with_some(random, values, odd):
    """Some elements replaced by odd ones."""
    return np.where(random.random(np.shape(values)) < 0.25, random.choice(odd, size=np.shape(values)), values)
