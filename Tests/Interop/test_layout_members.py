"""What is inside a layout: contents at creation, members by path, nesting, buffers for NumPy alone, and what is no layout."""

import itertools
import json
import urllib.parse

import numpy as np
import pytest

from frames_cases import escaped, mapped

ARRAY = {"kind": "ndarray", "dtype": "f8", "shape": [2, 2]}
SERIES = {"kind": "series", "dtype": "i4", "index": ["a", "b", "c"]}
FRAME = {"kind": "dataframe", "dtypes": [["p", "f4"], ["q", "i8"]], "index": [10, 20]}
CUBE = {"kind": "dataarray", "dtype": "i2", "dims": ["x", "y"], "shape": [2, 2], "coords": {"x": ["u", "v"]}}
BOOK = {"kind": "struct", "members": {"bids": SERIES, "asks": FRAME}}
ZEROS = {
    "ndarray": (ARRAY, {"dtype": "<f8", "shape": [2, 2], "data": [[0, 0], [0, 0]]}),
    "series": (SERIES, {"name": None, "dtype": "<i4", "index": ["a", "b", "c"], "data": [0, 0, 0]}),
    "dataframe": (FRAME, {"columns": ["p", "q"], "index": [10, 20], "data": [[0, 0], [0, 0]]}),
    "dataarray": (CUBE, {
        "dims": ["x", "y"], "attrs": {}, "data": [[0, 0], [0, 0]], "name": None, "dtype": "<i2", "shape": [2, 2],
        "coords": {"x": {"dims": ["x"], "attrs": {}, "data": ["u", "v"]}},
    }),
}  # fmt: skip
ZEROS["struct"] = (BOOK, {"bids": ZEROS["series"][1], "asks": ZEROS["dataframe"][1]})
ZEROS["list"] = ({"kind": "list", "item": BOOK, "count": 2}, [ZEROS["struct"][1]] * 2)
ZEROS["nested"] = ({"kind": "struct", "members": {"l": ZEROS["list"][0], "c": CUBE}}, {"l": ZEROS["list"][1], "c": ZEROS["dataarray"][1]})
NAMES = (f"member-{number}" for number in itertools.count())


def get(gateway, name, member=""):
    answer = gateway.request("GET", f"/segments/{name}/data{member}")
    assert answer.status == 200, answer
    return answer.json()


def with_data(form, value):
    """A form with every element of its data replaced."""
    if isinstance(form, list):
        return [with_data(item, value) for item in form]
    if "data" in form:
        return {**form, "data": replaced(form["data"], value)}
    return {name: with_data(member, value) for name, member in form.items()}


def replaced(data, value):
    return [replaced(item, value) for item in data] if isinstance(data, list) else value


def bare(form):
    if isinstance(form, list):
        return [bare(item) for item in form]
    return form["data"] if "data" in form else {name: bare(member) for name, member in form.items()}


@pytest.mark.parametrize("kind", ZEROS)
def test_contents_at_creation(gateway, kind):
    layout, zeros = ZEROS[kind]
    for members, expected in (
        ({}, zeros),
        ({"fill": 7}, with_data(zeros, 7)),
        ({"data": with_data(zeros, 3)}, with_data(zeros, 3)),
        ({"data": bare(with_data(zeros, 4))}, with_data(zeros, 4)),
    ):
        name = next(NAMES)
        description = gateway.create(name, layout, **members).json()
        assert description["kind"] == layout["kind"]
        assert description["sequence"] == 2
        assert get(gateway, name) == expected, members
        if "data" in members:
            assert gateway.request("PATCH", f"/segments/{name}/data", members["data"]).status == 204
            assert get(gateway, name) == expected
        put = next(NAMES)
        assert gateway.request("PUT", f"/segments/{put}", {"layout": layout, **members}).status == 201
        assert get(gateway, put) == expected


def test_json_holds_a_value(gateway):
    value = {"b": [1, None, "grün"], "a": 1.5, "n": 9007199254740993}
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    description = gateway.create("j1", {"kind": "json", "value": value}).json()
    assert description["layout"] == {"kind": "json", "capacity": size}
    assert get(gateway, "j1") == value
    description = gateway.create("j2", {"kind": "json", "value": value, "capacity": 200}).json()
    assert description["layout"] == {"kind": "json", "capacity": 200}
    raw = mapped(gateway, description)["values"]
    assert (raw.dtype, raw.shape) == (np.dtype("u1"), (200,))
    assert json.loads(raw.tobytes().rstrip(b"\0")) == value
    answer = gateway.request("POST", "/segments", {"name": "j3", "layout": {"kind": "json", "value": value, "capacity": size - 1}})
    assert (answer.status, answer.json()["code"]) == (400, "invalid-layout")
    inside = {"kind": "struct", "members": {"meta": {"kind": "json", "value": [1]}, "a": ARRAY}}
    gateway.create("j4", inside)
    assert get(gateway, "j4") == {"meta": [1], "a": ZEROS["ndarray"][1]}
    assert get(gateway, "j4", "/members/meta") == [1]


def test_fill_null_and_texts(gateway):
    gateway.create("null", {"kind": "dataframe", "dtypes": [["a", "f4"], ["t", "M8[s]"]], "index": 1}, fill=None)
    assert get(gateway, "null")["data"] == [[None, None]]
    gateway.create("texts", {"kind": "series", "dtype": "S3", "index": 2}, fill="ab")
    assert get(gateway, "texts")["data"] == ["ab", "ab"]
    for fill, layout in ((None, SERIES), (1.5, FRAME), ("x", CUBE), (300, {"kind": "list", "item": {**SERIES, "dtype": "i1"}, "count": 1})):
        answer = gateway.request("POST", "/segments", {"name": "no", "layout": layout, "fill": fill})
        assert (answer.status, answer.json()["code"]) == (422, "value-out-of-range"), (layout, answer)
    for data, code in (
        ([1, 2], "shape-mismatch"),
        ({"name": None, "dtype": "<i4", "index": ["a", "c", "b"], "data": [1, 2, 3]}, "label-mismatch"),
    ):
        answer = gateway.request("POST", "/segments", {"name": "no", "layout": SERIES, "data": data})
        assert (answer.status, answer.json()["code"]) == (422, code), answer
    assert gateway.request("GET", "/segments/no").status == 404


ODD = ["a/b", "50%", "%2F", "grün", "中 文", "a+b", "?x=1", "#", '"', "a&b"]


def test_members_by_path(gateway):
    dtypes = [[name, "i4"] for name in ODD]
    frame = {"kind": "dataframe", "dtypes": dtypes, "index": {"dtype": "M8[s]", "start": "2024-01-01", "periods": 2, "freq": "1D"}}
    array = {"kind": "dataarray", "dtype": "i4", "dims": ["x/y"], "coords": {"x/y": ["p", "q"], "50%": {"dims": [], "data": 5}}}
    layout = {"kind": "struct", "members": {"f": frame, "a/ü": array, "l": {"kind": "list", "item": SERIES, "count": 2}}}
    rows = [[10 * row + at for at in range(len(ODD))] for row in range(2)]
    data = {"f": rows, "a/ü": [8, 9], "l": [[1, 2, 3], [4, 5, 6]]}
    description = gateway.create("paths", layout, data=data).json()
    buffers = mapped(gateway, description)

    def member(*names):
        return "/" + "/".join(urllib.parse.quote(name, safe="") for name in names)

    for at, name in enumerate(ODD):
        column = get(gateway, "paths", member("members", "f", "columns", name))
        assert (column["dtype"], column["data"]) == ("<i4", [at, 10 + at]), name
        assert buffers["members/f/columns/" + escaped(name)].tolist() == [at, 10 + at]
        answer = gateway.request("PATCH", "/segments/paths/data" + member("members", "f", "columns", name) + "?slice=1", -at)
        assert answer.status == 204, answer
        assert buffers["members/f/columns/" + escaped(name)].tolist() == [at, -at]
    assert get(gateway, "paths", "/members/f/index")["data"] == ["2024-01-01T00:00:00", "2024-01-02T00:00:00"]
    cube = get(gateway, "paths", member("members", "a/ü"))
    assert (cube["dims"], cube["data"], cube["coords"]["50%"]["data"]) == (["x/y"], [8, 9], 5)
    assert get(gateway, "paths", member("members", "a/ü", "values"))["data"] == [8, 9]
    assert get(gateway, "paths", member("members", "a/ü", "coords", "x/y"))["data"] == ["p", "q"]
    assert get(gateway, "paths", member("members", "a/ü", "coords", "50%"))["data"] == 5
    assert buffers["members/a%2Fü/coords/50%25"].tolist() == 5
    assert get(gateway, "paths", "/members/l/items/1") == {"name": None, "dtype": "<i4", "index": ["a", "b", "c"], "data": [4, 5, 6]}
    assert get(gateway, "paths", "/members/l/items/1/values")["data"] == [4, 5, 6]
    assert get(gateway, "paths", "/members/l/items/0/values?slice=1:")["data"] == [2, 3]
    assert get(gateway, "paths", "/members/l/items/1?sel.index=b")["data"] == 5
    assert get(gateway, "paths", "/members/f?sel.index=2024-01-02&columns=gr%C3%BCn")["data"] == [-3]
    assert get(gateway, "paths", "/members/l") == [get(gateway, "paths", f"/members/l/items/{i}") for i in range(2)]
    for wrong in (
        "/members", "/members/x", "/f", "/members/f/columns/a", "/members/f/values", "/members/l/items/2", "/members/l/items/-1",
        "/members/l/items/01", "/members/l/items/x", "/members/l/items/0/index/0", "/members/f/columns/a/b", "/index", "/values",
    ):  # fmt: skip
        answer = gateway.request("GET", "/segments/paths/data" + wrong)
        assert (answer.status, answer.json()["code"]) == (404, "no-such-member"), (wrong, answer)


@pytest.mark.parametrize("kind, member", [("series", "/index"), ("dataframe", "/index"), ("dataarray", "/coords/x"),
                                          ("struct", "/members/bids/index"), ("list", "/items/1/members/asks/index")])  # fmt: skip
def test_labels_are_never_written(gateway, kind, member):
    name = next(NAMES)
    gateway.create(name, ZEROS[kind][0])
    before = get(gateway, name, member)
    answer = gateway.request("PATCH", f"/segments/{name}/data{member}", before["data"])
    assert (answer.status, answer.json()["code"]) == (405, "method-not-allowed"), answer
    assert {method.strip() for method in answer.headers["Allow"].split(",")} == {"GET", "HEAD"}
    part = {"patches": [{"member": member[1:], "value": before["data"]}]}
    answer = gateway.request("PATCH", f"/segments/{name}/data", part)
    assert (answer.status, answer.json()["code"]) == (405, "method-not-allowed"), answer
    assert get(gateway, name, member) == before


def test_columns_of_one_dtype_are_one_block(gateway):
    dtypes = [["a", "f8"], ["b", "i4"], ["c", "f8"], ["d", "?"], ["e", "i4"], ["f", "f8"]]
    description = gateway.create("block", {"kind": "dataframe", "dtypes": dtypes, "index": ["x", "y", "zz"]}).json()
    buffers = description["mmap"]["buffers"]
    paths = ["columns/a", "columns/c", "columns/f", "columns/b", "columns/e", "columns/d", "index/offsets", "index/bytes"]
    assert [b["path"] for b in buffers] == paths
    assert all(b["offset"] % 64 == 0 for b in buffers)
    ends = [b["offset"] + int(np.prod(b["shape"])) * np.dtype(b["dtype"]).itemsize for b in buffers]
    assert [b["offset"] for b in buffers[1:]] == [-(-end // 64) * 64 for end in ends[:-1]]
    assert buffers[0]["offset"] % 4096 == 0
    block = np.ndarray((3, 3), "<f8", np.memmap(gateway.path("block"), "u1", "r+"), buffers[0]["offset"], (64, 8))
    block[...] = np.arange(9).reshape(3, 3)
    answer = get(gateway, "block", "?columns=a,c,f")
    assert answer["data"] == block.T.tolist()
    assert [c["name"] for c in description["layout"]["columns"]] == list("abcdef")


def deep(levels):
    return {"kind": "list", "item": deep(levels - 1), "count": 1} if levels > 1 else {"kind": "ndarray", "dtype": "i1", "shape": []}


def test_nesting_has_an_end(gateway):
    gateway.create("deep", deep(32), fill=5)
    assert get(gateway, "deep", "/items/0" * 31)["data"] == 5
    answer = gateway.request("POST", "/segments", {"name": "deeper", "layout": deep(33)})
    assert (answer.status, answer.json()["code"]) == (400, "invalid-layout"), answer


WRONG = [
    {"kind": "series", "dtype": "f8"},
    {"kind": "series", "index": 2},
    {"kind": "series", "dtype": [["x", "<f4"]], "index": 2},
    {"kind": "series", "dtype": "M8[D]", "index": 2},
    {"kind": "series", "dtype": "f8", "index": -1},
    {"kind": "series", "dtype": "f8", "index": [1, "a"]},
    {"kind": "series", "dtype": "f8", "index": [[1]]},
    {"kind": "series", "dtype": "f8", "index": {"range": [0, 1, 0]}},
    {"kind": "series", "dtype": "f8", "index": {"dtype": "i1", "data": [300]}},
    {"kind": "series", "dtype": "f8", "index": {"dtype": "M8[s]", "data": ["yesterday"]}},
    {"kind": "series", "dtype": "f8", "index": {"dtype": "M8[s]", "start": "2024-01-01", "periods": 2, "freq": "1fortnight"}},
    {"kind": "series", "dtype": "f8", "index": {"dtype": "datetime64[s, Mars/Olympus]", "data": []}},
    {"kind": "series", "dtype": "f8", "index": 2, "shape": [2]},
    {"kind": "series", "dtype": "f8", "index": 2, "name": 5},
    {"kind": "dataframe", "index": 2},
    {"kind": "dataframe", "dtypes": [["a", "f4"], ["a", "f4"]], "index": 2},
    {"kind": "dataframe", "dtypes": [["", "f4"]], "index": 2},
    {"kind": "dataframe", "dtypes": [["a"]], "index": 2},
    {"kind": "dataframe", "dtypes": [["a", "f4"]], "columns": [{"name": "a", "dtype": "f4"}], "index": 2},
    {"kind": "dataarray", "dtype": "f8", "dims": ["x"], "coords": {}},
    {"kind": "dataarray", "dtype": "f8", "dims": ["x", "x"], "shape": [1, 1], "coords": {}},
    {"kind": "dataarray", "dtype": "f8", "dims": ["x"], "shape": [3], "coords": {"x": [1, 2]}},
    {"kind": "dataarray", "dtype": "f8", "dims": ["x"], "shape": [2, 2], "coords": {}},
    {"kind": "dataarray", "dtype": "f8", "dims": ["x"], "shape": [2], "coords": {"h": {"dims": ["y"], "data": [1, 2]}}},
    {"kind": "dataarray", "dtype": "f8", "dims": ["x"], "shape": [2], "coords": {"h": {"dims": ["x"], "data": [1, 2, 3]}}},
    {"kind": "dataarray", "dtype": "f8", "dims": ["x"], "shape": [2], "coords": {"h": [1, 2]}},
    {"kind": "struct", "members": {}, "count": 1},
    {"kind": "struct", "members": {"patches": ARRAY}},
    {"kind": "struct", "members": {"": ARRAY}},
    {"kind": "struct", "members": {"a": {"kind": "cube"}}},
    {"kind": "list", "item": ARRAY, "count": -1},
    {"kind": "list", "count": 1},
    {"kind": "json", "value": 1, "capacity": -1},
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_no_layout(gateway, number):
    answer = gateway.request("POST", "/segments", {"name": "wrong", "layout": WRONG[number]})
    assert (answer.status, answer.json()["code"]) in ((400, "invalid-layout"), (400, "invalid-dtype")), (WRONG[number], answer)
    assert gateway.request("GET", "/segments/wrong").status == 404
