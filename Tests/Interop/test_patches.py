"""Writes in many parts, in envelopes, by broadcasting, and into structs, lists and json."""

import numpy as np
import pytest

from selection_cases import sequence

FRAME = {"kind": "dataframe", "dtypes": [["a", "f8"], ["b", "i4"]], "index": ["x", "y", "z"]}
CUBE = {"kind": "dataarray", "dtype": "i4", "dims": ["x", "y"], "shape": [2, 3], "coords": {"x": ["u", "v"]}}
TIMES = {"kind": "series", "dtype": "f4", "index": {"dtype": "M8[ns]", "start": "2024-01-30", "periods": 4, "freq": "1D"}}
BOOK = {
    "kind": "struct",
    "members": {
        "bids": FRAME,
        "asks": CUBE,
        "log": {"kind": "list", "item": TIMES, "count": 2},
        "n": {"kind": "ndarray", "dtype": "i8", "shape": []},
    },
}
HEADS = {
    "frame": {"columns": ["a", "b"], "index": ["x", "y", "z"]},
    "cube": {"dims": ["x", "y"], "attrs": {}, "name": None, "dtype": "<i4", "shape": [2, 3],
             "coords": {"x": {"dims": ["x"], "attrs": {}, "data": ["u", "v"]}}},
    "times": {"name": None, "dtype": "<f4", "index": [f"2024-{day}T00:00:00" for day in ("01-30", "01-31", "02-01", "02-02")]},
}  # fmt: skip


@pytest.fixture
def put(gateway):
    """Makes the segments fresh, by the names above and `book`."""
    for name, layout in (("frame", FRAME), ("cube", CUBE), ("times", TIMES), ("book", BOOK)):
        answer = gateway.request("PUT", f"/segments/{name}?replace=true", {"layout": layout})
        assert answer.status in (200, 201), answer
    return gateway


def data(gateway, name, member=""):
    answer = gateway.request("GET", f"/segments/{name}/data{member}")
    assert answer.status == 200, answer
    return answer.json()["data"]


def patch(gateway, name, body, query="", **headers):
    return gateway.request("PATCH", f"/segments/{name}/data{query}", body, {"Content-Type": "application/json", **headers})


def written(gateway, name, body, query=""):
    """A PATCH that has to succeed as one write."""
    before = sequence(gateway.request("HEAD", f"/segments/{name}"))
    answer = patch(gateway, name, body, query)
    assert answer.status == 204, (body, answer)
    assert sequence(answer) == before + 2, (body, answer.headers["ETag"])


def refused(gateway, name, body, code, query="", status=422):
    """A PATCH that has to fail and leave everything as it was."""
    before = gateway.request("GET", f"/segments/{name}/data")
    answer = patch(gateway, name, body, query)
    assert (answer.status, answer.json()["code"]) == (status, code), (name, query, body, answer)
    after = gateway.request("GET", f"/segments/{name}/data")
    assert (after.body, after.headers["ETag"]) == (before.body, before.headers["ETag"]), (name, query, body)


def test_parts_are_one_write(put):
    written(put, "frame", {"patches": [
        {"member": "columns/a", "slice": "0:2", "value": [1, 2.5]},
        {"member": "columns/b", "value": 7},
        {"slice": "2", "value": [9, 9]},
        {"member": "columns/b", "slice": "2", "value": 8},
    ]})  # fmt: skip
    assert data(put, "frame") == [[1, 7], [2.5, 7], [9, 8]]
    written(put, "frame", {"patches": [{"value": 0}]})
    assert data(put, "frame") == [[0, 0]] * 3
    written(put, "cube", {"patches": [{"slice": "0,::2", "value": [1, 3]}, {"member": "values", "slice": ":,1", "value": [[4], [5]][0]}]})
    assert data(put, "cube") == [[1, 4, 3], [0, 4, 0]]


def test_parts_select_by_label(put):
    """`sel` is an object: the texts of a query, or JSON numbers, bools and lists."""
    written(
        put, "frame", {"patches": [{"sel": {"index": "y"}, "value": [1, 2]}, {"sel": {"index": ["z", "x"]}, "value": [[3, 4], [5, 6]]}]}
    )
    assert data(put, "frame") == [[5, 6], [1, 2], [3, 4]]
    written(put, "cube", {"patches": [{"sel": {"x": "v", "y": 2}, "value": 7}, {"sel": {"y": "0..1"}, "slice": "0", "value": 8}]})
    assert data(put, "cube") == [[8, 8, 0], [0, 0, 7]]
    written(put, "times", {"patches": [{"sel": {"index": "2024-01"}, "value": 1}, {"sel": {"index": "2024-02-01.."}, "value": [2, 3]}]})
    assert data(put, "times") == [1, 1, 2, 3]
    refused(put, "times", {"patches": [{"value": 5}, {"sel": {"index": "2025"}, "value": 1}]}, "no-such-label")


GOOD = {"member": "columns/a", "value": 5}
FAILING = [
    # a part, status, code
    ({"member": "columns/b", "value": 1.5}, 422, "value-out-of-range"),
    ({"member": "columns/b", "value": [1, 2]}, 422, "shape-mismatch"),
    ({"member": "columns/b", "slice": "3", "value": 1}, 422, "index-out-of-bounds"),
    ({"member": "columns/b", "slice": "0,0", "value": 1}, 400, "invalid-slice"),
    ({"member": "columns/c", "value": 1}, 404, "no-such-member"),
    ({"member": "index", "value": ["p", "q", "r"]}, 405, "method-not-allowed"),
    ({"value": {"columns": ["a", "b"], "index": ["x", "z", "y"], "data": [[1, 2]] * 3}}, 422, "label-mismatch"),
    ({"member": "columns/b"}, 400, "invalid-json"),
    ({"member": "columns/b", "value": 1, "surprise": 1}, 400, "invalid-json"),
    ({"member": 5, "value": 1}, 400, "invalid-json"),
    (5, 400, "invalid-json"),
]


@pytest.mark.parametrize("number", range(len(FAILING)))
@pytest.mark.parametrize("first", [True, False])
def test_a_failing_part_fails_all(put, number, first):
    part, status, code = FAILING[number]
    parts = [part, GOOD] if first else [GOOD, GOOD, part]
    refused(put, "frame", {"patches": parts}, code, status=status)


def test_parts_obey_preconditions(put):
    tag = put.request("HEAD", "/segments/frame").headers["ETag"]
    parts = {"patches": [GOOD, {"member": "columns/b", "value": 1}]}
    assert patch(put, "frame", parts, **{"If-Match": tag}).status == 204
    assert patch(put, "frame", {"patches": [{"value": 0}]}, **{"If-Match": tag}).status == 412
    assert data(put, "frame") == [[5, 1]] * 3
    refused(put, "frame", {"patches": 5}, "invalid-json", status=400)
    refused(put, "frame", {"patches": [], "more": 1}, "invalid-json", status=400)


def test_parts_reach_into_members(put):
    written(put, "book", {"patches": [
        {"member": "members/bids/columns/a", "slice": "1", "value": 1.5},
        {"member": "members/bids", "slice": "0", "value": [7, 8]},
        {"member": "members/asks", "slice": "1,[0,2]", "value": [1, 2]},
        {"member": "members/log/items/1/values", "value": [1, 2, 3, 4]},
        {"member": "members/n", "value": -1},
    ]})  # fmt: skip
    assert data(put, "book", "/members/bids") == [[7, 8], [1.5, 0], [0, 0]]
    assert data(put, "book", "/members/asks") == [[0, 0, 0], [1, 0, 2]]
    assert data(put, "book", "/members/log/items/0") == [0, 0, 0, 0]
    assert data(put, "book", "/members/log/items/1") == [1, 2, 3, 4]
    assert data(put, "book", "/members/n") == -1
    refused_parts = {"patches": [{"member": "members/n", "value": 2}, {"member": "members/asks", "value": "x"}]}
    answer = patch(put, "book", refused_parts)
    assert (answer.status, answer.json()["code"]) == (422, "value-out-of-range")
    assert data(put, "book", "/members/n") == -1


def test_envelopes_carry_the_labels(put):
    written(put, "frame", {**HEADS["frame"], "data": [[1, 2], [3, 4], [5, 6]]})
    assert data(put, "frame") == [[1, 2], [3, 4], [5, 6]]
    written(put, "frame", {"columns": ["b", "a"], "index": ["z", "x"], "data": [[8, 7], [10, 9]]}, '?columns=b,a&sel.index=["z","x"]')
    assert data(put, "frame") == [[9, 10], [3, 4], [7, 8]]
    written(put, "frame", {"name": "y", "dtype": "<f8", "index": ["a", "b"], "data": [0, 1]}, "?sel.index=y")
    assert data(put, "frame")[1] == [0, 1]
    written(put, "cube", {**HEADS["cube"], "data": [[1, 2, 3], [4, 5, 6]]})
    row = {"dims": ["y"], "attrs": {}, "name": None, "dtype": "<i4", "shape": [3], "coords": {"x": {"dims": [], "attrs": {}, "data": "v"}}}
    written(put, "cube", {**row, "data": [7, 8, 9]}, "?sel.x=v")
    assert data(put, "cube") == [[1, 2, 3], [7, 8, 9]]
    written(put, "times", {**HEADS["times"], "dtype": "<i8", "data": [1, 2, 3, 4]})
    written(put, "times", {"index": ["2024-02-01", "2024-02-02"], "data": [5, 6]}, "?sel.index=2024-02")
    assert data(put, "times") == [1, 2, 5, 6]


MISMATCHES = [
    ("frame", {"columns": ["b", "a"]}),
    ("frame", {"columns": ["a"]}),
    ("frame", {"columns": ["a", "c"]}),
    ("frame", {"index": ["y", "x", "z"]}),
    ("frame", {"index": ["x", "y"]}),
    ("frame", {"index": [0, 1, 2]}),
    ("cube", {"dims": ["y", "x"]}),
    ("cube", {"coords": {"x": {"dims": ["x"], "attrs": {}, "data": ["v", "u"]}}}),
    ("cube", {"coords": {"x": {"dims": ["x"], "attrs": {}, "data": ["u"]}}}),
    ("cube", {"coords": {"nowhere": {"dims": ["x"], "attrs": {}, "data": ["u", "v"]}}}),
    ("times", {"index": [f"2024-{day}T00:00:00" for day in ("01-30", "01-31", "02-01", "02-03")]}),
    ("times", {"index": [0, 1, 2, 3]}),
]


@pytest.mark.parametrize("number", range(len(MISMATCHES)))
def test_other_labels_are_refused(put, number):
    name, change = MISMATCHES[number]
    zeros = {"frame": [[1, 1]] * 3, "cube": [[1] * 3] * 2, "times": [1] * 4}[name]
    refused(put, name, {**HEADS[name], "data": zeros, **change}, "label-mismatch")


BROADCASTS = [
    # segment, query, body
    ("cube", "", 5),
    ("cube", "", [5]),
    ("cube", "", [1, 2, 3]),
    ("cube", "", [[1], [2]]),
    ("cube", "", [[1, 2, 3]]),
    ("cube", "", [[[1, 2, 3], [4, 5, 6]]]),
    ("cube", "?slice=1", [[1, 2, 3]]),
    ("cube", "?slice=1,1", 4),
    ("cube", "?slice=1,1", [4]),
    ("cube", "?slice=1,1", [[4]]),
    ("cube", "?slice=:,0", [1, 2]),
    ("cube", "?slice=:,0", [[1], [2]]),
    ("cube", "?slice=:,:0", 1),
    ("cube", "?slice=:,:0", []),
    ("cube", "", [1, 2]),
    ("cube", "", []),
    ("cube", "", [[1, 2], [3, 4]]),
    ("cube", "", [[1], [2], [3]]),
    ("frame", "", 5),
    ("frame", "", [5]),
    ("frame", "", [1, 2]),
    ("frame", "", [[1], [2], [3]]),
    ("frame", "", [[1, 2]]),
    ("frame", "", [1, 2, 3]),
    ("frame", "?columns=a", [1, 2, 3]),
    ("frame", "?columns=a", [[1], [2], [3]]),
    ("frame", "?slice=1", 5),
    ("frame", "?slice=1", [1, 2]),
    ("frame", "?slice=1", [[1, 2]]),
    ("frame", "?slice=1", [1, 2, 3]),
    ("frame", "?slice=1:1", [1, 2]),
    ("times", "", 5),
    ("times", "", [5]),
    ("times", "", [[1, 2, 3, 4]]),
    ("times", "", [1, 2]),
    ("times", "?slice=2", [5]),
    ("times", "?sel.index=2024-02", [[5], [6]]),
]


@pytest.mark.parametrize("number", range(len(BROADCASTS)))
def test_broadcasting_is_numpys(put, number):
    """A body fits exactly where NumPy's assignment takes it, leading axes of length 1 included."""
    name, query, body = BROADCASTS[number]
    before = np.array(data(put, name))
    expected = before.copy()
    index = {"?columns=a": (slice(None), [0]), "?sel.index=2024-02": (slice(2, None),), "": ()}.get(query)
    if index is None:
        index = tuple(slice(*map(to_int, item.split(":"))) if ":" in item else int(item) for item in query[7:].split(","))
    try:
        expected[(*index, ...)] = np.array(body, before.dtype)
    except ValueError:
        refused(put, name, body, "shape-mismatch", query)
        return
    answer = patch(put, name, body, query)
    assert answer.status == 204, (name, query, body, answer)
    assert data(put, name) == expected.tolist(), (name, query, body)


def to_int(text):
    return int(text) if text else None


def test_structs_and_lists(put):
    log = [[1, 2, 3, 4], {**HEADS["times"], "data": [5, 6, 7, 8]}]
    body = {"bids": [[1, 2]] * 3, "asks": {**HEADS["cube"], "data": [[1, 2, 3], [4, 5, 6]]}, "log": log, "n": 9}
    written(put, "book", body)
    got = put.request("GET", "/segments/book/data").json()
    assert got["bids"] == {**HEADS["frame"], "data": [[1, 2]] * 3}
    assert got["asks"]["data"] == [[1, 2, 3], [4, 5, 6]]
    assert [item["data"] for item in got["log"]] == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert got["n"]["data"] == 9
    written(put, "book", got)
    assert put.request("GET", "/segments/book/data").json() == got
    written(put, "book", [[0] * 4, 1], "/members/log")
    assert [item["data"] for item in put.request("GET", "/segments/book/data/members/log").json()] == [[0] * 4, [1] * 4]
    for wrong, code in (
        ({**body, "log": log[:1]}, "shape-mismatch"),
        ({**body, "more": 1}, "label-mismatch"),
        ({name: body[name] for name in ("bids", "asks", "log")}, "label-mismatch"),
        ({**body, "n": 1.5}, "value-out-of-range"),
        ({**body, "bids": [[1, 2]] * 2}, "shape-mismatch"),
        ({**body, "log": [{**log[1], "index": [0, 1, 2, 3]}, 1]}, "label-mismatch"),
    ):
        refused(put, "book", wrong, code)


def test_json_is_replaced_whole(gateway):
    gateway.create("note", {"kind": "json", "value": {"a": 1}, "capacity": 64})
    for value in ([1, 2.5, None, "grün"], {"patches": [{"value": 1}]}, {"data": 5}, "text", None, True, 12345678901234567890, {}, -0.5):
        written(gateway, "note", value)
        assert gateway.request("GET", "/segments/note/data").json() == value
    fits = "x" * 62
    written(gateway, "note", fits)
    refused(gateway, "note", fits + "x", "value-out-of-range")
    refused(gateway, "note", 1, "invalid-slice", "?slice=0", status=400)
    answer = gateway.request("PATCH", "/segments/note/data", b"{", {"Content-Type": "application/json"})
    assert (answer.status, answer.json()["code"]) == (400, "invalid-json")
    assert gateway.request("GET", "/segments/note/data").json() == fits
    written(gateway, "note", 7)
    assert gateway.request("GET", "/segments/note/data").body.strip() == b"7"
    assert b"xxxx" not in open(gateway.path("note"), "rb").read()[4096:]
