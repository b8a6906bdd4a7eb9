"""Beside a gateway on the same files: each reads what the other wrote, and finishes what the other left."""

import json
import struct
import urllib.request

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cases import assert_same
from gateway import gateway  # noqa: F401
from test_layouts import Book, OrderBook

import shmgate as shm


def send(gateway, method, path, body):  # noqa: F811
    data = json.dumps(body).encode()
    request = urllib.request.Request(gateway.url + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


DAYS = {"dtype": "datetime64[ns]", "start": "2024-01-01", "periods": 3, "freq": "1D"}
CREATED = {
    "bytes": ({"kind": "bytes", "size": 3}, {"data": "AAEC"}, b"\0\1\2"),
    "ndarray": (
        {"kind": "ndarray", "dtype": "float32", "shape": [2, 2]},
        {"fill": 1.5},
        np.full((2, 2), 1.5, "f4"),
    ),
    "json": ({"kind": "json", "value": [1, {"a": None}], "capacity": 50}, {}, "null"),
    "series": (
        {"kind": "series", "dtype": "float32", "index": ["a", "ü", ""], "name": "price"},
        {"data": [1, None, 3]},
        pd.Series(np.array([1, np.nan, 3], "f4"), index=["a", "ü", ""], name="price"),
    ),
    "series over n": ({"kind": "series", "dtype": "i8", "index": 3}, {"fill": 7}, pd.Series([7, 7, 7])),
    "series over days": (
        {"kind": "series", "dtype": "?", "index": DAYS},
        {"data": [True, False, True]},
        pd.Series([True, False, True], index=pd.date_range("2024-01-01", periods=3).as_unit("ns")),
    ),
    "dataframe": (
        {"kind": "dataframe", "dtypes": [["a", "f4"], ["b", "i4"], ["c", "f4"]], "index": {"range": [1, 7, 3]}},
        {"data": [[1, 2, 3], [4, 5, 6]]},
        pd.DataFrame(
            {"a": np.array([1, 4], "f4"), "b": np.array([2, 5], "i4"), "c": np.array([3, 6], "f4")},
            index=pd.RangeIndex(1, 7, 3),
        ),
    ),
    "dataarray": (
        {
            "kind": "dataarray",
            "dtype": "f8",
            "dims": ["x", "t"],
            "coords": {
                "x": [10, 20],
                "t": DAYS,
                "lat": {"dims": ["x", "t"], "data": [[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]},
                "tag": {"dims": ["x"], "data": ["p", "q"]},
                "run": {"dims": [], "data": 7},
            },
            "name": "v",
        },
        {"fill": 2, "attrs": {"units": "K"}},
        xr.DataArray(
            np.full((2, 3), 2.0),
            {
                "x": [10, 20],
                "t": pd.date_range("2024-01-01", periods=3).as_unit("ns"),
                "lat": (("x", "t"), [[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]),
                "tag": ("x", ["p", "q"]),
                "run": 7,
            },
            ("x", "t"),
            name="v",
            attrs={"units": "K"},
        ),
    ),
    "nested": (
        {
            "kind": "struct",
            "members": {
                "n": {"kind": "ndarray", "dtype": "i8", "shape": []},
                "l": {"kind": "list", "item": {"kind": "series", "dtype": "f8", "index": ["a"]}, "count": 2},
            },
        },
        {},
        {"n": np.int64(0), "l": [pd.Series([0.0], index=["a"])] * 2},
    ),
}


@pytest.mark.parametrize("name", CREATED)
def test_what_the_gateway_created_is_loaded(gateway, name):  # noqa: F811
    layout, more, expected = CREATED[name]
    send(gateway, "POST", "/segments", {"name": "case", "layout": layout, **more})
    expected = layout["value"] if layout["kind"] == "json" else expected
    found = shm.load("case")
    if layout["kind"] == "json":
        assert found == expected
    else:
        assert_same(found, expected)
        # The same header as ours: who made it cannot be told.
        shm.create("ours", shm.Layout.from_data(expected))
        assert json.dumps(shm.info("ours").layout) == json.dumps(shm.info("case").layout)
        assert shm.info("ours").buffers == shm.info("case").buffers
    with shm.write("case", whole=True):
        pass
    assert shm.info("case").sequence == 4


def test_a_layout_of_ones_own_on_both_sides(gateway):  # noqa: F811
    side = {"kind": "ndarray", "dtype": "f8", "shape": [{"$": "depth"}, 2]}
    template = {"kind": "struct", "members": {"bids": side, "asks": side}}
    send(gateway, "PUT", "/layouts/orderbook", {"parameters": {"depth": 10}, "layout": template})
    send(gateway, "POST", "/segments", {"name": "book", "layout": {"kind": "orderbook", "depth": 4}})
    book = shm.load("book")
    assert isinstance(book, Book) and book.depth == 4
    shm.create("ours", OrderBook(4))
    assert shm.info("ours").layout == shm.info("book").layout
    remote = shm.connect(gateway.url)["ours"]
    remote["asks"][0, 0] = 2.5
    assert shm.load("ours").spread() == 2.5


@pytest.mark.parametrize("text, value", [("1,::2", [1, 2, 3]), ("...", 7), ("::-1,1:3", [[1, 2]] * 3)])
def test_a_write_that_the_gateway_left_is_finished(gateway, directory, text, value):  # noqa: F811
    """As if it had been killed behind its odd store."""
    array = shm.create("a", shm.NdArrayLayout("f4", (3, 5)))
    send(gateway, "PATCH", f"/segments/a/data?slice={text}", value)
    expected = array.copy()
    array[:] = -1
    with open(f"{directory}/a", "r+b", buffering=0) as file:
        file.seek(64)
        file.write(struct.pack("<Q", 3))
    written = expected != 0
    assert np.array_equal(shm.snapshot("a"), np.where(written, expected, -1))
    with shm.write("a") as found:
        assert np.array_equal(found, np.where(written, expected, -1))
    assert (shm.info("a").damaged, shm.info("a").interrupted_writes, shm.info("a").sequence) == (False, 0, 6)


def test_waiters_are_woken_by_the_gateway(gateway, child):  # noqa: F811
    shm.create("a", shm.NdArrayLayout("f4", 3))
    waiter = child("import shmgate as shm; print('waiting', flush=True); print(shm.wait('a', after=2), flush=True)")
    assert waiter.read() == "waiting"
    send(gateway, "PATCH", "/segments/a/data", 1)
    assert waiter.read() == "4"
    waiter.end()
