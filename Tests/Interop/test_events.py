"""Streams of events of one segment: what is told, when, to whom, and what it costs."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import shmgate as shm

from event_streams import Stream
from gateway import RAW, await_that
from protocol import Neighbour
from test_long_poll import ARRAY, Held, tag, watchers


@pytest.fixture
def segment(own_gateway):
    gateway = own_gateway()
    gateway.create("a", ARRAY, fill=0)
    return gateway


def patch(gateway, value, slice="0", headers=None):
    answer = gateway.request("PATCH", f"/segments/a/data?slice={slice}", value, headers)
    assert answer.status == 204, answer


def listen(gateway, query="", headers=None, number=0):
    stream = Stream(gateway, f"/segments/a/events{query}", headers, number)
    stream.wait_begin()
    return stream


def test_the_answer_is_a_stream_of_events(segment):
    stream = listen(segment)
    assert stream.response.headers["Content-Type"] == "text/event-stream"
    assert stream.response.headers["Cache-Control"] == "no-store"
    assert stream.begins == tag(segment)
    head = segment.request("HEAD", "/segments/a/events")
    assert (head.status, head.headers["Content-Type"]) == (200, "text/event-stream")
    stream.close()
    await_that(lambda: watchers(segment) == 0, "the end of the watcher")


def test_a_patch_and_a_local_write_are_changes(segment):
    stream = listen(segment)
    patch(segment, 1)
    event = stream.wait(1)
    assert (event.type, event.id) == ("change", tag(segment))
    assert json.loads(event.data) == {"sequence": int(event.id.rsplit("-", 1)[1])}
    with shm.write("a", directory=segment.directory) as array:
        array[:] = 7
    assert stream.wait(2).id == tag(segment)
    neighbour = Neighbour(segment.path("a"))
    neighbour.lock()
    neighbour.begin()
    neighbour.end()
    neighbour.unlock()
    assert stream.wait(3).id == tag(segment)
    assert segment.request("PATCH", "/segments/a", {"ttl": 3600}).status == 200
    assert stream.wait(4).id == tag(segment)
    assert [event.type for event in stream.events] == ["change"] * 4
    stream.close()


def test_a_write_of_another_process_is_told(segment):
    stream = listen(segment)
    program = "import sys, shmgate as shm\nwith shm.write('a', directory=sys.argv[1]) as array: array[1] = 2"
    subprocess.run([sys.executable, "-c", program, segment.directory], check=True)
    assert stream.wait(1).id == tag(segment)
    stream.close()


def test_replace_and_unlink_are_told_and_the_stream_follows_the_name(segment):
    stream = listen(segment)
    old = tag(segment)
    segment.create("a", ARRAY, fill=5, replace=True)
    event = stream.wait(1)
    assert (event.type, event.id) == ("replace", tag(segment))
    assert json.loads(event.data) == {"sequence": 2, "uuid": event.id[:36]} and event.id[:36] != old[:36]
    patch(segment, 1)
    assert stream.wait(2).type == "change"
    assert segment.request("DELETE", "/segments/a").status == 204
    event = stream.wait(3)
    assert (event.type, json.loads(event.data)) == ("unlink", {"uuid": event.id[:36]})
    segment.create("a", ARRAY, fill=5)
    assert (stream.wait(4).type, stream.id) == ("replace", tag(segment))
    shm.unlink("a", directory=segment.directory)
    assert stream.wait(5).type == "unlink"
    assert [event.type for event in stream.events] == ["replace", "change", "unlink", "replace", "unlink"]
    stream.close()
    assert segment.request("GET", "/segments/a/events").status == 404


def test_what_is_just_removed_or_written_over_is_told(segment):
    segment.create("b", ARRAY, fill=1)
    stream = listen(segment)
    os.rename(segment.path("b"), segment.path("a"))
    assert (stream.wait(1).type, stream.id) == ("replace", tag(segment))
    os.unlink(segment.path("a"))
    assert stream.wait(2).type == "unlink"
    stream.close()


def test_a_pinned_segment_comes_back(segment):
    assert segment.request("PATCH", "/segments/a", {"pinned": True}).status == 200
    stream = listen(segment)
    before = tag(segment)
    os.unlink(segment.path("a"))
    await_that(lambda: os.path.exists(segment.path("a")), "the name")
    patch(segment, 1)
    await_that(lambda: stream.id == tag(segment) != before, "the change")
    stream.close()


def test_last_event_id_resumes(segment):
    stream = listen(segment)
    patch(segment, 1)
    seen = stream.wait(1).id
    stream.close()
    patch(segment, 2)
    patch(segment, 3)
    for query, headers in [("", {"Last-Event-ID": seen}), (f"?after={seen}", None), ("?after=0", None), ("", {"Last-Event-ID": "0"})]:
        stream = listen(segment, query, headers)
        event = stream.wait(1)
        assert (event.type, event.id) == ("change", tag(segment)), "what was missed is one event"
        stream.close()
    segment.create("a", ARRAY, replace=True)
    stream = listen(segment, headers={"Last-Event-ID": seen})
    assert (stream.wait(1).type, stream.id) == ("replace", tag(segment))
    stream.close()
    stream = listen(segment, headers={"Last-Event-ID": tag(segment)})
    patch(segment, 1)
    stream.wait(1)
    assert len(stream.events) == 1
    stream.close()


def test_an_interval_conflates(segment):
    stream = listen(segment, "?interval=300")
    patch(segment, 0)
    stream.wait(1)
    began = time.monotonic()
    for value in range(200):
        patch(segment, value)
    took = time.monotonic() - began
    last = tag(segment)
    await_that(lambda: stream.id == last, "the last change")
    assert len(stream.events) <= 2 + took / 0.3 + 1
    assert stream.events[-1].id == last
    stream.close()


def test_the_selection_comes_with_the_event(segment):
    stream = listen(segment, "?slice=1:3")
    patch(segment, 5, "2")
    assert json.loads(stream.wait(1).data) == {
        "sequence": int(stream.id.rsplit("-", 1)[1]), "value": {"dtype": "<f4", "shape": [2], "data": [0, 5]},
    }  # fmt: skip
    segment.create("a", {"kind": "ndarray", "dtype": "i4", "shape": [2, 2]}, fill=3, replace=True)
    data = json.loads(stream.wait(2).data)
    assert data["value"]["data"] == [[3, 3]] and "uuid" in data
    segment.create("a", {"kind": "json", "value": {"a": "b\nc"}}, replace=True)
    data = json.loads(stream.wait(3).data)
    assert data["problem"]["code"] == "invalid-slice" and "value" not in data
    stream.close()


def test_labels_columns_and_members_are_selected_as_in_a_get(segment):
    layout = {"kind": "dataframe", "columns": [{"name": "p", "dtype": "f8"}, {"name": "q", "dtype": "i4"}], "index": ["x", "y"]}
    segment.create("a", layout, fill=1, replace=True)
    queries = {
        "sel.index=y": "?sel.index=y", "columns=q&slice=0": "?columns=q&slice=0", "where=p>1": "?where=p>1",
        "member=columns/p": "/columns/p", "member=index&slice=1": "/index?slice=1", "slice=": "", "orient=columns": "?orient=columns",
    }  # fmt: skip
    streams = {target: listen(segment, f"?{query}") for query, target in queries.items()}
    answer = segment.request("PATCH", "/segments/a/data/columns/p?slice=1", 2.5)
    assert answer.status == 204
    for target, stream in streams.items():
        assert json.loads(stream.wait(1).data)["value"] == segment.request("GET", f"/segments/a/data{target}").json(), target
        stream.close()


def test_texts_with_line_breaks_are_one_line(segment):
    value = b'{"a":\r\n"b\\nc",\n"d": 1}'
    segment.create("a", {"kind": "json", "value": 1, "capacity": 100}, replace=True)
    stream = listen(segment, "?slice=")
    assert segment.request("PATCH", "/segments/a/data", value, {"Content-Type": "application/json"}).status == 204
    assert json.loads(stream.wait(1).data)["value"] == json.loads(value)
    stream.close()


def test_a_selection_that_is_too_large_is_refused(segment):
    segment.create("large", {"kind": "ndarray", "dtype": "f8", "shape": [1 << 20]})
    answer = segment.request("GET", "/segments/large/events?slice=")
    assert answer.status == 413 and answer.json()["code"] == "too-large"
    stream = Stream(segment, "/segments/large/events?slice=:30000")
    stream.wait_begin()
    assert segment.request("PATCH", "/segments/large/data", np.arange(1 << 20, dtype="f8").tobytes(), RAW).status == 204
    assert json.loads(stream.wait(1).data)["value"]["data"] == list(range(30_000))
    stream.close()


@pytest.mark.parametrize("query, headers, status, code", [
    ("?slice=x", {}, 400, "invalid-slice"),
    ("?slice=0,0", {}, 400, "invalid-slice"),
    ("?slice=9", {}, 422, "index-out-of-bounds"),
    ("?nobody=1", {}, 400, "invalid-query"),
    ("?slice=0&consistency=relaxed", {}, 400, "invalid-query"),
    ("?format=npy", {}, 406, "not-acceptable"),
    ("?member=nothing", {}, 404, "no-such-member"),
    ("?interval=-1", {}, 400, "invalid-query"),
    ("?interval=x", {}, 400, "invalid-query"),
    ("?after=x", {}, 400, "invalid-query"),
    ("", {"Last-Event-ID": "x"}, 400, "invalid-header"),
    ("", {"Accept": "application/json"}, 406, "not-acceptable"),
])  # fmt: skip
def test_what_means_nothing_is_refused(segment, query, headers, status, code):
    answer = segment.request("GET", f"/segments/a/events{query}", headers=headers)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert segment.request("POST", "/segments/a/events", 1).status == 405


def test_a_writer_that_died_in_its_write_is_told(segment):
    stream = listen(segment, "?slice=0")
    neighbour = Neighbour(segment.path("a"))
    neighbour.lock()
    neighbour.begin()
    neighbour.unlock()
    data = json.loads(stream.wait(1).data)
    assert data["damaged"] is True and data["sequence"] == int(neighbour.sequence[8])
    stream.close()


def test_streams_of_a_stuck_segment_leave_workers_to_others(own_gateway):
    """Another segment is read while a read of the stuck one, that was there before all streams, still waits."""
    gateway = own_gateway()
    gateway.create("a", ARRAY, fill=0)
    gateway.create("b", {"kind": "ndarray", "dtype": "f8", "shape": [1 << 19]}, fill=0)
    connections = [gateway.connect() for _ in range(100)]
    for connection in connections:
        connection.connect()
    neighbour = Neighbour(gateway.path("a"))
    neighbour.lock()
    neighbour.begin()
    stuck = Held(gateway, "/segments/a/data")
    await_that(lambda: stuck.connection.sock is not None, "the connection")
    # Each wants the value of now at once, and a worker for it.
    for connection in connections:
        connection.request("GET", "/segments/a/events?slice=&after=0")
    assert gateway.request("GET", "/segments/b/data?format=raw").status == 200
    assert stuck.answer is None, "another segment had to wait for the stuck one"
    neighbour.end()
    neighbour.unlock()
    stuck.result()
    for connection in connections:
        response = connection.getresponse()
        while not (line := response.readline()).startswith(b"data: "):
            pass
        assert json.loads(line[6:])["value"]["data"] == [0] * 4
        (connection.sock or response.fp.raw._sock).shutdown(2)
        connection.close()


def test_what_cannot_be_read_is_told_and_is_no_unlink(segment):
    stream = listen(segment)
    good = open(segment.path("a"), "rb").read()

    def replace(data):
        with open(segment.path("b"), "wb") as file:
            file.write(data)
        os.rename(segment.path("b"), segment.path("a"))

    replace(good[:8] + b"\xff" + good[9:])
    event = stream.wait(1)
    refusal = segment.request("GET", "/segments/a")
    assert refusal.status != 404 and event.type == "unreadable"
    problem = json.loads(event.data)["problem"]
    assert (problem["code"], problem["detail"]) == (refusal.json()["code"], refusal.json()["detail"])
    replace(good)
    assert (stream.wait(2).type, stream.id) == ("replace", tag(segment))
    replace(good[:8] + b"\xff" + good[9:])
    assert stream.wait(3).type == "unreadable"
    os.unlink(segment.path("a"))
    assert stream.wait(4).type == "unlink"
    stream.close()


@pytest.mark.parametrize("query", ["", "?slice=0"])
def test_who_has_seen_a_segment_may_come_back_while_the_name_is_free(segment, query):
    seen = tag(segment)
    segment.request("DELETE", "/segments/a")
    stream = Stream(segment, f"/segments/a/events{query}", {"Last-Event-ID": seen})
    event = stream.wait(1)
    assert (event.type, json.loads(event.data)) == ("unlink", {"uuid": seen[:36]})
    segment.create("a", ARRAY, fill=7)
    event = stream.wait(2)
    assert event.type == "replace"
    if query:
        await_that(lambda: json.loads(stream.events[-1].data)["value"]["data"] == 7, "the value")
    stream.close()
    for headers in ({}, {"Last-Event-ID": "4"}, {"Last-Event-ID": ""}):
        assert segment.request("GET", "/segments/other/events", headers=headers).status == 404


def test_a_client_that_does_not_read_is_told_the_last_state_and_queues_nothing(segment):
    segment.create("b", {"kind": "ndarray", "dtype": "f8", "shape": [20_000]})
    connection = segment.connect()
    connection.request("GET", "/segments/b/events?slice=")
    response = connection.getresponse()
    for value in range(1, 200):
        assert segment.request("PATCH", "/segments/b/data", value).status == 204
    last = segment.request("HEAD", "/segments/b").headers["ETag"].strip('"')
    events = []
    for line in response:
        if line.startswith(b"id: "):
            events.append(line[4:].decode().strip())
            if events[-1] == last:
                break
    assert len(events) < 199
    connection.sock.shutdown(2)
    connection.close()


def test_curl_listens(segment, tmp_path):
    with open(tmp_path / "out", "wb") as out:
        curl = subprocess.Popen(["curl", "-sN", f"http://127.0.0.1:{segment.port}/segments/a/events"], stdout=out)
    await_that(lambda: watchers(segment) == 1, "curl")
    patch(segment, 1)
    expected = f"event: change\ndata: {{\"sequence\":{tag(segment).rsplit('-', 1)[1]}}}\n\n"
    await_that(lambda: (tmp_path / "out").read_text().endswith(expected), "the event in curl's output")
    curl.send_signal(signal.SIGKILL)
    curl.wait(60)
    await_that(lambda: watchers(segment) == 0, "the gateway to notice that curl is gone")


def test_a_stop_ends_streams_properly(segment):
    streams = [listen(segment), listen(segment, "?interval=3600000"), listen(segment, "?slice=0")]
    patch(segment, 1)
    for stream in streams:
        stream.wait(1)
    segment.stop()
    for stream in streams:
        assert stream.wait_end() is None, "the last chunk came"


def test_a_thousand_listen_at_once_for_one_word_and_no_threads(own_gateway):
    gateway = own_gateway("--max-connections", "2000", "--max-connections-per-address", "0")
    gateway.create("a", ARRAY, fill=0)
    connections = [gateway.connect() for _ in range(1_000)]
    for connection in connections:
        connection.request("GET", "/segments/a/events")
    responses = [connection.getresponse() for connection in connections]
    await_that(lambda: watchers(gateway) == 1_000, "a thousand watchers")
    metrics = gateway.request("GET", "/metrics").body.decode()
    assert "\nshmgate_event_segments 1\n" in metrics and "\nshmgate_event_threads 1\n" in metrics
    assert len(os.listdir(f"/proc/{gateway.process.pid}/task")) < 40
    patch(gateway, 1)
    last = tag(gateway)
    for response in responses:
        lines = [response.readline() for _ in range(5)]
        assert lines[2:] == [f"id: {last}\n".encode(), b"event: change\n", f'data: {{"sequence":{last[37:]}}}\n'.encode()]
    assert "\nshmgate_events_sent_total 1000\n" in gateway.request("GET", "/metrics").body.decode()
    for response, connection in zip(responses, connections):
        response.close()
        connection.close()
    await_that(lambda: watchers(gateway) == 0, "the end of all of them")
    metrics = gateway.request("GET", "/metrics").body.decode()
    assert "\nshmgate_event_segments 0\n" in metrics


def test_more_segments_than_one_thread_waits_for(own_gateway):
    gateway = own_gateway("--max-connections-per-address", "0")
    streams = []
    for number in range(300):
        gateway.create(f"s{number}", ARRAY)
        streams.append(Stream(gateway, f"/segments/s{number}/events"))
    for stream in streams:
        stream.wait_begin()
    assert "\nshmgate_event_threads 3\n" in gateway.request("GET", "/metrics").body.decode()
    for number in (0, 126, 127, 299):
        assert gateway.request("PATCH", f"/segments/s{number}/data", 1).status == 204
        streams[number].wait(1)
    assert sum(len(stream.events) for stream in streams) == 4
    for stream in streams:
        stream.close()


def processor_ticks(gateway):
    with open(f"/proc/{gateway.process.pid}/stat") as stat:
        return sum(map(int, stat.read().rpartition(")")[2].split()[11:13]))


def test_idle_streams_outlive_the_idle_timeout_get_signs_of_life_and_cost_nothing(own_gateway):
    gateway = own_gateway("--idle-timeout", "3")
    gateway.create("a", ARRAY, fill=0)
    streams = [listen(gateway) for _ in range(100)]
    before, began = processor_ticks(gateway), time.monotonic()
    for stream in streams:
        await_that(lambda: stream.comments >= 1 or stream.is_over, "a comment", every=0.1)
        assert not stream.is_over, "an idle stream was cut"
    seconds = (processor_ticks(gateway) - before) / os.sysconf("SC_CLK_TCK")
    assert seconds < 0.03 * (time.monotonic() - began), "processor time of idle streams"
    gateway.connection.close()  # which has been idle for too long as well
    patch(gateway, 1)
    for stream in streams:
        stream.wait(1)
        stream.close()


def test_a_token_that_loses_its_right_is_told_nothing_more(own_gateway, tmp_path):
    tokens = tmp_path / "tokens"
    lines = ["all plain:all read,write,create,unlink,admin *", "mine plain:mine read a", "other plain:other read b"]
    tokens.write_text("\n".join(lines) + "\n")
    gateway = own_gateway("--tokens", str(tokens))
    everything = {"Authorization": "Bearer all"}
    assert gateway.request("POST", "/segments", {"name": "a", "layout": ARRAY}, everything).status == 201
    assert gateway.request("GET", "/segments/a/events").status == 401
    assert gateway.request("GET", "/segments/a/events", headers={"Authorization": "Bearer other"}).status == 404
    mine, all = listen(gateway, headers={"Authorization": "Bearer mine"}), listen(gateway, headers=everything)
    patch(gateway, 1, headers=everything)
    mine.wait(1), all.wait(1)
    tokens.write_text("\n".join(lines[::2]) + "\n")
    gateway.process.send_signal(signal.SIGHUP)
    await_that(lambda: "tokens again" in gateway.errors(), "the new tokens")
    patch(gateway, 2, headers=everything)
    all.wait(2)
    mine.wait_end()
    assert len(mine.events) == 1
    all.close()


def test_through_a_unix_socket(own_gateway, tmp_path):
    gateway = own_gateway(listen=("127.0.0.1:0", f"unix:{tmp_path}/socket"))
    gateway.create("a", ARRAY, fill=0)
    stream = listen(gateway, number=1)
    patch(gateway, 1)
    assert stream.wait(1).type == "change"
    stream.close()
    await_that(lambda: watchers(gateway) == 0, "the end of the watcher")
