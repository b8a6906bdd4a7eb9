"""Requests that ask for more than there is: each gets an answer, and the gateway goes on."""

import urllib.parse

import pytest

from gateway import JSON, RAW

VAST = 1 << 62


@pytest.fixture(scope="module")
def place(gateway):
    gateway.create("axes", {"kind": "ndarray", "dtype": "u1", "shape": [1] * 64})
    gateway.create("ints", {"kind": "series", "dtype": "f8", "index": [1, 2, 3]})
    gateway.create("same", {"kind": "series", "dtype": "u1", "index": ["a"] * 10_000})
    gateway.create("bare", {"kind": "dataframe", "columns": [], "index": VAST})
    gateway.create("many", {"kind": "dataframe", "columns": [], "index": 1 << 40})
    gateway.create("wide", {"kind": "ndarray", "dtype": "S1000000", "shape": [1]})
    gateway.create("steps", {"kind": "ndarray", "dtype": "m8[as]", "shape": [1]})
    gateway.create("instants", {"kind": "ndarray", "dtype": "M8[as]", "shape": [1]})
    gateway.create("thin", {"kind": "ndarray", "dtype": "u1", "shape": [1 << 40, 0]})
    return gateway


LAYOUTS = [
    {"kind": "json", "capacity": VAST},
    {"kind": "list", "count": 100_000, "item": {"kind": "json", "value": None, "capacity": 1 << 30}},
    {"kind": "list", "count": 100_000, "item": {"kind": "list", "count": 100_000, "item": {"kind": "struct", "members": {}}}},
    {"kind": "list", "count": VAST, "item": {"kind": "list", "count": VAST, "item": {"kind": "struct", "members": {}}}},
    {"kind": "series", "dtype": "u1", "index": {"dtype": "M8[ns]", "start": "2024-01-01", "periods": 10**15, "freq": "1ns"}},
    {"kind": "series", "dtype": "u1", "index": VAST},
    {"kind": "dataarray", "dtype": "u1", "dims": ["x", "y", "z"], "shape": [2, 0, 4], "coords": {"c": {"dims": ["x", "y", "z"], "data": [[], [[5]]]}}},
    {"kind": "series", "dtype": "u1", "index": {"dtype": "M8[ns]", "tz": "America/New_York", "start": "2262-04-11T23:47:16", "periods": 1, "freq": "1D"}},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout["kind"])
def test_a_vast_layout_is_refused(place, layout):
    answer = place.request("POST", "/segments", {"name": "vast", "layout": layout})
    assert answer.status in (400, 507), answer
    assert place.request("GET", "/healthz").status == 200


READS = [
    ("axes", "slice=" + ",".join(["[0,0]"] * 64) + "&format=raw"),
    ("axes", "slice=" + ",".join(["[0,0]"] * 60)),
    ("ints", f"sel.index=-{1 << 127}&method=nearest"),
    ("ints", f"sel.index={(1 << 127) - 1}&method=nearest"),
    ("ints", "sel.index=-1e308..1e308"),
    ("ints", "sel.index=nan&method=nearest"),
    ("same", "sel.index=[" + ",".join(['"a"'] * 3000) + "]"),
    ("bare", "where=index>5"),
    ("bare", ""),
    ("many", "where=index>5"),
    ("thin", ""),
    ("thin", "slice=::2"),
]


@pytest.mark.parametrize("name, query", READS, ids=lambda value: value[:30])
def test_a_vast_selection_is_answered(place, name, query):
    query = urllib.parse.quote(query, safe="=&")
    for path in ("/data", "/data/index"):
        answer = place.request("GET", f"/segments/{name}{path}?{query}")
        assert answer.status in (200, 400, 404, 413, 422), answer
    answer = place.request("GET", f"/segments/{name}/data/index?format=raw&{query}")
    assert answer.status in (200, 400, 404, 413, 422), answer
    answer = place.request("PATCH", f"/segments/{name}/data?{query}", 1)
    assert answer.status in (204, 400, 413, 422), answer
    assert place.request("GET", "/healthz").status == 200


WRITES = [
    ("wide", ["x"] * 700, 422),
    ("wide", [["x"] * 300] * 300, 422),
    ("steps", "-P-" + "17014118346046923" + "W", 422),
    ("steps", "-P-9223372036854775807W-9223372036854775807W", 422),
    ("instants", "5391559473888-03-28T14:08:51.999999999999999999", 422),
]


@pytest.mark.parametrize("name, body, status", WRITES, ids=lambda value: str(value)[:30])
def test_a_vast_value_is_refused(place, name, body, status):
    assert place.request("PATCH", f"/segments/{name}/data", body).status == status
    assert place.request("GET", "/healthz").status == 200


def test_a_struct_of_many_members_is_written_in_any_order(own_gateway):
    gateway = own_gateway()
    names = [f"m{i}" for i in range(20_000)]
    members = {name: {"kind": "ndarray", "dtype": "u1", "shape": []} for name in names}
    gateway.create("s", {"kind": "struct", "members": members})
    body = {name: i % 256 for i, name in reversed(list(enumerate(names)))}
    assert gateway.request("PATCH", "/segments/s/data", body).status == 204
    got = gateway.request("GET", "/segments/s/data").json()
    assert [got[name]["data"] for name in names] == [i % 256 for i in range(20_000)]


def test_columns_are_found_among_many(own_gateway):
    gateway = own_gateway()
    columns = [[f"c{i}", "u1"] for i in range(20_000)]
    gateway.create("f", {"kind": "dataframe", "dtypes": columns, "index": 2}, fill=3)
    wanted = ",".join(f"c{i}" for i in range(19_999, 19_000, -1))
    got = gateway.request("GET", f"/segments/f/data?columns={wanted}").json()
    assert got["columns"] == wanted.split(",")
    assert gateway.request("PATCH", "/segments/f/data?columns=c1,c1", 1).status == 400
    assert gateway.request("PATCH", "/segments/f/data/columns/c19999", bytes([7, 8]), RAW).status == 204
    assert gateway.request("GET", "/segments/f/data/columns/c19999").json()["data"] == [7, 8]
    assert gateway.request("PATCH", "/segments/f/data", b"9", JSON).status == 204
