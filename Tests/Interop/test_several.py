"""POST /patch: writes over several segments, all of them or none."""

import fcntl
import gzip
import http.client
import json
import os
import random
import shutil
import signal
import threading

import numpy as np
import pandas as pd
import pytest
import shmgate as shm

from protocol import F_OFD_SETLK, LOCK, lock_range
from selection_cases import sequence
from test_full_memory import fill_up, small  # noqa: F401 (a fixture)

JSON = {"Content-Type": "application/json"}
FRAME = {"kind": "dataframe", "dtypes": [["price", "f8"], ["qty", "i4"]], "index": ["x", "y", "z"]}
CUBE = {"kind": "dataarray", "dtype": "f4", "dims": ["x", "y"], "coords": {"x": ["u", "v"], "y": 3}}
BOOK = {
    "kind": "struct",
    "members": {"bids": {"kind": "ndarray", "dtype": "i8", "shape": [2, 2]}, "log": {"kind": "bytes", "size": 4}},
}


@pytest.fixture
def put(gateway):
    """Makes the segments fresh."""
    layouts = {"grid": {"kind": "ndarray", "dtype": "i8", "shape": [4, 3]}, "frame": FRAME, "cube": CUBE, "book": BOOK}
    for name, layout in layouts.items():
        assert gateway.request("PUT", f"/segments/{name}?replace=true", {"layout": layout}).status in (200, 201)
    return gateway


def patch(gateway, patches, **headers):
    return gateway.request("POST", "/patch", {"patches": patches}, headers)


def state(gateway):
    """The bytes of all segments of a gateway, and their tags."""
    names = [segment["name"] for segment in gateway.request("GET", "/segments").json()["segments"]]
    found = {}
    for name in names:
        answer = gateway.request("GET", f"/segments/{name}/data")
        found[name] = answer.body, answer.headers["ETag"]
    return found


def sequences(gateway, *names):
    return [sequence(gateway.request("HEAD", f"/segments/{name}")) for name in names]


def test_several_segments_are_written_by_position_label_column_and_condition(put):
    answer = patch(put, [
        {"segment": "grid", "slice": "1:3,0", "value": [7, 8]},
        {"segment": "frame", "sel": {"index": ["z", "x"]}, "columns": ["qty"], "value": [[1], [2]]},
        {"segment": "cube", "member": "values", "slice": "1", "sel": {"y": 1.2}, "method": "nearest", "value": 2.5},
        {"segment": "frame", "member": "columns/price", "value": [1, 2, None]},
        {"segment": "book", "member": "members/bids", "slice": "0", "value": [5, 6]},
        {"segment": "grid", "slice": 3, "value": 9},
    ])  # fmt: skip
    assert answer.status == 204 and not answer.body, answer
    assert sequences(put, "grid", "frame", "cube", "book") == [4, 4, 4, 4], "one write of each"
    assert put.temporaries() == []
    local = {name: shm.snapshot(name, directory=put.directory) for name in ("grid", "frame", "cube")}
    np.testing.assert_array_equal(local["grid"], [[0, 0, 0], [7, 0, 0], [8, 0, 0], [9, 9, 9]])
    expected = pd.DataFrame({"price": [1, 2, np.nan], "qty": np.array([2, 0, 1], "i4")}, index=["x", "y", "z"])
    pd.testing.assert_frame_equal(local["frame"], expected, check_index_type=False, check_column_type=False)
    np.testing.assert_array_equal(local["cube"], [[0, 0, 0], [0, 2.5, 0]])
    assert put.request("GET", "/segments/book/data/members/bids").json()["data"] == [[5, 6], [0, 0]]
    # Rows that a condition picks are those that stood there before, in all segments.
    assert patch(put, [
        {"segment": "frame", "where": "qty>=1", "columns": "qty", "value": 10},
        {"segment": "grid", "value": 1},
        {"segment": "frame", "where": "qty>=10", "columns": "qty", "value": 20},
    ]).status == 204  # fmt: skip
    assert put.request("GET", "/segments/frame/data/columns/qty").json()["data"] == [10, 0, 10]
    assert sequences(put, "grid", "frame") == [6, 6]


def test_a_local_view_that_is_open_sees_the_write(put):
    grid, cube = (shm.load(name, directory=put.directory) for name in ("grid", "cube"))
    assert patch(put, [{"segment": "cube", "value": 3}, {"segment": "grid", "value": 4}]).status == 204
    assert (np.asarray(grid) == 4).all() and (np.asarray(cube) == 3).all()


def test_one_segment_and_none(put):
    assert patch(put, []).status == 204
    assert patch(put, [{"segment": "grid", "slice": "0", "value": 1}, {"segment": "grid", "slice": "1", "value": 2}]).status == 204
    assert sequences(put, "grid", "frame") == [4, 2]
    assert put.request("GET", "/segments/grid/data?slice=:2,0").json()["data"] == [1, 2]


def test_what_a_query_answers_can_be_sent_back(put):
    reads = put.request("POST", "/query", {"reads": [{"segment": "frame"}, {"segment": "grid"}, {"segment": "cube"}]}).json()
    patches = [{"segment": r["segment"], "value": r["value"], "if_match": r["etag"]} for r in reads["reads"]]
    assert patch(put, patches).status == 204
    answer = patch(put, patches)
    assert (answer.status, answer.json()["pointer"]) == (412, "#/patches/0"), "the tags are those of before"


@pytest.mark.parametrize("form", ['"{}"', "{}", "*", '"other", "{}"', '"{}-npy"'])
def test_a_tag_that_matches(put, form):
    tag = put.request("HEAD", "/segments/grid").headers["ETag"].strip('"')
    patches = [{"segment": "cube", "value": 1}, {"segment": "grid", "value": 2, "if_match": form.format(tag)}]
    assert patch(put, patches).status == 204
    assert sequences(put, "grid", "cube") == [4, 4]


@pytest.mark.parametrize("form", ["{}0", '"{}0"', 'W/"{}"', "none"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_tag_that_does_not_match(put, form, count):
    tag = put.request("HEAD", "/segments/grid").headers["ETag"].strip('"')
    before = state(put)
    patches = [{"segment": "cube", "value": 1}, {"segment": "grid", "value": 2, "if_match": form.format(tag)}]
    answer = patch(put, patches[-count:])
    assert (answer.status, answer.json()["code"]) == (412, "precondition-failed")
    assert answer.json()["pointer"] == f"#/patches/{count - 1}"
    assert state(put) == before


REFUSED = [
    ({"segment": "nowhere", "value": 1}, 404, "no-such-segment"),
    ({"segment": "a/b", "value": 1}, 400, "invalid-name"),
    ({"value": 1}, 400, "invalid-json"),
    ({"segment": "grid"}, 400, "invalid-json"),
    ({"segment": "grid", "value": 1, "vlaue": 1}, 400, "invalid-json"),
    ({"segment": "grid", "value": 1, "format": "json"}, 400, "invalid-json"),
    ({"segment": "grid", "value": 1, "if_match": 7}, 400, "invalid-json"),
    ({"segment": "grid", "value": 1, "if_match": '"half'}, 400, "invalid-json"),
    ({"segment": "grid", "value": 1.5}, 422, "value-out-of-range"),
    ({"segment": "grid", "value": [1, 2]}, 422, "shape-mismatch"),
    ({"segment": "grid", "slice": "4", "value": 1}, 422, "index-out-of-bounds"),
    ({"segment": "grid", "slice": "0,0,0", "value": 1}, 400, "invalid-slice"),
    ({"segment": "frame", "member": "index", "value": "x"}, 405, "method-not-allowed"),
    ({"segment": "frame", "member": "columns/none", "value": 1}, 404, "no-such-member"),
    ({"segment": "frame", "columns": ["qty", "qty"], "value": 1}, 400, "invalid-query"),
    ({"segment": "frame", "sel": {"index": "w"}, "value": 1}, 422, "no-such-label"),
    ({"segment": "frame", "where": "price<5", "columns": ["qty"], "value": "text"}, 422, "value-out-of-range"),
    ({"segment": "cube", "value": {"dims": ["x", "y"], "attrs": {}, "coords": {"x": {"dims": ["x"], "attrs": {}, "data": ["v", "u"]}},
      "data": [[1, 2, 3], [4, 5, 6]]}}, 422, "label-mismatch"),
    ({"segment": "fixed", "value": 1}, 403, "forbidden"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "status", "code"), REFUSED, ids=lambda value: str(value))
@pytest.mark.parametrize("place", ["among others", "alone"])
def test_a_patch_that_is_refused_keeps_all_others_from_being_written(put, wrong, status, code, place):
    answer = put.request("PUT", "/segments/fixed?replace=true", {"layout": BOOK["members"]["bids"], "readonly": True, "data": [[1, 2]] * 2})
    assert answer.status in (200, 201)
    before = state(put)
    patches = [{"segment": "cube", "value": 1}, wrong, {"segment": "book", "member": "members/bids", "value": 1}]
    if place == "alone":
        patches = [wrong]
    answer = patch(put, patches)
    problem = answer.json()
    assert (answer.status, problem["code"]) == (status, code), problem
    index = patches.index(wrong)
    assert problem["pointer"] == f"#/patches/{index}" and problem["detail"].startswith(f"patches[{index}]: "), problem
    assert state(put) == before
    assert put.temporaries() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"patches": {}}', b'{"patches": [1]}', b'{"patches": [], "more": 1}', b'{"patches": []} x', b'{"more": 1, "patches": []}'],
)
def test_bodies_that_are_none(put, body):
    answer = put.request("POST", "/patch", body, JSON)
    assert (answer.status, answer.json()["code"]) == (400, "invalid-json"), answer


def test_the_resource_takes_json_by_post_alone(put):
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        answer = put.request(method, "/patch", b'{"patches": []}', JSON)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    for headers in ({}, {"Content-Type": "application/octet-stream"}):
        assert put.request("POST", "/patch", b'{"patches": []}', headers).status == 415
    assert put.request("POST", "/patch?slice=0", b'{"patches": []}', JSON).status == 400
    before = state(put)
    answer = patch(put, [{"segment": "grid", "value": 1}], **{"If-Match": "*"})
    assert (answer.status, answer.json()["code"]) == (412, "precondition-failed")
    assert state(put) == before


def test_a_segment_whose_lock_is_held_makes_all_wait_and_then_none_is_written(put):
    before = state(put)
    patches = [{"segment": name, "value": 1} for name in ("cube", "grid", "frame")]
    with open(put.path("grid"), "r+b") as file:
        lock_range(file.fileno(), F_OFD_SETLK, fcntl.F_WRLCK, LOCK)
        answer = patch(put, patches)
        assert (answer.status, answer.json()["code"]) == (503, "busy")
        assert answer.headers["Retry-After"] and answer.json()["pointer"] == "#/patches/1"
        assert patch(put, patches[:1]).status == 204, "the others are free again"
    assert state(put)["grid"] == before["grid"] and state(put)["frame"] == before["frame"]
    assert patch(put, patches).status == 204


def test_more_segments_than_a_page_has_room_for_entries(own_gateway):
    gateway = own_gateway()
    names = [f"s{number}" for number in range(150)]
    for name in names:
        gateway.create(name, {"kind": "ndarray", "dtype": "u2", "shape": [5]})
    assert patch(gateway, [{"segment": name, "value": number} for number, name in enumerate(names)]).status == 204
    for number, name in enumerate(names):
        assert gateway.request("GET", f"/segments/{name}/data").json()["data"] == [number] * 5
    assert gateway.temporaries() == []
    for number in range(150, 1001):
        gateway.create(f"s{number}", {"kind": "bytes", "size": 1})
    answer = patch(gateway, [{"segment": f"s{number}", "value": 0} for number in range(1001)])
    assert (answer.status, answer.json()["code"]) == (413, "too-large")


def test_one_file_of_two_names_is_one_segment_and_a_copy_of_a_file_is_refused(put):
    os.link(put.path("grid"), put.path("same"))
    try:
        assert patch(put, [{"segment": "grid", "slice": "0", "value": 1}, {"segment": "same", "slice": "1", "value": 2}]).status == 204
        assert put.request("GET", "/segments/grid/data?slice=:2,0").json()["data"] == [1, 2]
    finally:
        os.unlink(put.path("same"))
    shutil.copy(put.path("grid"), put.path("copy"))
    try:
        before = state(put)
        answer = patch(put, [{"segment": "grid", "value": 1}, {"segment": "copy", "value": 2}])
        assert (answer.status, answer.json()["code"], answer.json()["pointer"]) == (500, "corrupt-segment", "#/patches/1")
        assert state(put) == before
    finally:
        os.unlink(put.path("copy"))


def test_full_memory_is_507_and_nothing_changes(small):  # noqa: F811
    for name in ("a", "b"):
        small.create(name, {"kind": "ndarray", "dtype": "u1", "shape": [100_000]}, fill=7)
    fill_up(small)
    before = state(small)
    for value in (9, [9] * 100_000):
        answer = patch(small, [{"segment": "a", "value": value}, {"segment": "b", "value": value}])
        assert (answer.status, answer.json()["code"]) == (507, "out-of-space")
        assert state(small) == before and small.temporaries() == []
    assert patch(small, [{"segment": "a", "slice": ":9", "value": 1}]).status == 204, "one segment needs its page alone"


def test_clients_with_lists_in_all_orders_do_not_lock_one_another_out_and_lose_no_update(own_gateway):
    """Money moves among accounts by compare-and-set, beside writers of one; nothing is made, lost, or waited for for ever."""
    gateway = own_gateway()
    names = [f"account{number}" for number in range(5)]
    for name in names:
        gateway.create(name, {"kind": "ndarray", "dtype": "i8", "shape": []}, data=1000)
    gateway.create("log", {"kind": "ndarray", "dtype": "i8", "shape": [4]})
    failures = []

    def move(number):
        generator = random.Random(number)
        connection = gateway.connect()

        def ask(method, path, body):
            connection.request(method, path, json.dumps(body).encode(), JSON)
            answer = connection.getresponse()
            return answer.status, answer.read()

        moved = 0
        while moved < 25:
            chosen = generator.sample(names, 3)
            status, body = ask("POST", "/query", {"reads": [{"segment": name} for name in chosen]})
            assert status == 200, body
            found = json.loads(body)["reads"]
            amounts = [generator.randint(-50, 50), generator.randint(-50, 50)]
            amounts.append(-sum(amounts))
            patches = [
                {"segment": read["segment"], "value": read["value"]["data"] + amount, "if_match": read["etag"]}
                for read, amount in zip(found, amounts)
            ]
            status, body = ask("POST", "/patch", {"patches": patches})
            if status == 204:
                moved += 1
                status, body = ask("PATCH", f"/segments/log/data?slice={number}", moved)
                assert status == 204, body
            elif status not in (412, 503):
                failures.append((status, body))
                return

    threads = [threading.Thread(target=move, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert sum(gateway.request("GET", f"/segments/{name}/data").json()["data"] for name in names) == 5000
    assert gateway.request("GET", "/segments/log/data").json()["data"] == [25] * 4
    assert sum(sequences(gateway, *names)) == 2 * 5 + 2 * 3 * 100


def test_a_gateway_that_is_killed_leaves_all_or_none(own_gateway):
    """Twenty lives under load; after each the next gateway has the last acknowledged write, or the one that was sent."""
    gateway = own_gateway()
    names = ("a", "b", "c")
    for name in names:
        gateway.create(name, {"kind": "ndarray", "dtype": "i8", "shape": [50_000]})
    sent = acknowledged = 0
    generator = random.Random(5)
    for _ in range(20):
        timer = threading.Timer(0.05 + generator.random() * 0.2, lambda: gateway.process.send_signal(signal.SIGKILL))
        timer.start()
        try:
            while True:
                sent += 1
                order = generator.sample(names, 3)
                assert patch(gateway, [{"segment": name, "value": sent} for name in order]).status == 204
                acknowledged = sent
        except (ConnectionError, http.client.HTTPException):
            pass
        timer.join()
        gateway.process.wait()
        if generator.random() < 0.5:
            views = [shm.snapshot(name, directory=gateway.directory) for name in names]  # who comes first recovers
        else:
            views = None
        gateway.connection.close()
        gateway.start()
        assert gateway.temporaries() == []
        found = [np.frombuffer(gateway.request("GET", f"/segments/{name}/data?format=raw").body, "i8") for name in names]
        values = {int(value) for array in found for value in np.unique(array)}
        assert len(values) == 1 and values <= {acknowledged, sent}, (values, acknowledged, sent)
        if views is not None:
            for view, array in zip(views, found):
                np.testing.assert_array_equal(view, array)
        acknowledged = sent = values.pop()
        for name in names:
            writer = gateway.request("GET", f"/segments/{name}").json()["writer"]
            assert not writer["damaged"] and writer["interrupted_writes"] == 0
    assert acknowledged > 20


def test_a_body_may_be_packed(put):
    body = gzip.compress(json.dumps({"patches": [{"segment": "grid", "value": 4}, {"segment": "cube", "value": 5}]}).encode())
    assert put.request("POST", "/patch", body, {**JSON, "Content-Encoding": "gzip"}).status == 204
    assert put.request("GET", "/segments/grid/data?slice=0,0").json()["data"] == 4
