"""A GET of data that waits: `after` what the client has seen, `wait` for how long."""

import contextlib
import http.client
import os
import signal
import threading
import time

import pytest
import shmgate as shm

from gateway import RAW, await_that
from protocol import Neighbour

ARRAY = {"kind": "ndarray", "dtype": "f4", "shape": [4]}
LONG = 600  # seconds that no test waits


class Held:
    """A GET on a connection of its own, in a thread, until its answer comes."""

    def __init__(self, gateway, path, headers=None):
        self.answer = None
        self.connection = gateway.connect()
        self.connection.timeout = 120

        def run():
            with contextlib.suppress(http.client.HTTPException, OSError):
                self.answer = gateway.request("GET", path, headers=headers, connection=self.connection)

        self.thread = threading.Thread(target=run)
        self.thread.start()

    def result(self):
        self.thread.join(120)
        assert not self.thread.is_alive(), "no answer"
        return self.answer


def watchers(gateway, headers=None):
    text = gateway.request("GET", "/metrics", headers=headers).body.decode()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("shmgate_event_watchers ")))


def hold(gateway, path, headers=None, count=1, admin=None):
    """A held GET that the gateway has begun to wait for."""
    held = Held(gateway, path, headers)
    await_that(lambda: watchers(gateway, admin) == count, "the watcher")
    return held


def tag(gateway, name="a"):
    return gateway.request("HEAD", f"/segments/{name}").headers["ETag"].strip('"')


@pytest.fixture
def segment(own_gateway):
    gateway = own_gateway()
    gateway.create("a", ARRAY, fill=0)
    return gateway


def test_what_is_newer_is_answered_at_once(segment):
    seen = tag(segment)
    uuid, sequence = seen.rsplit("-", 1)
    other = uuid[:-1] + ("0" if uuid[-1] != "0" else "1")
    for after in ["0", f"{uuid}-0", f"{other}-{sequence}", f"{other}-99"]:
        answer = segment.request("GET", f"/segments/a/data?after={after}&wait={LONG}")
        assert answer.status == 200 and answer.json()["data"] == [0, 0, 0, 0], after
    assert watchers(segment) == 0


@pytest.mark.parametrize("form", ["{0}", '"{0}"', "{1}", '"{0}-npy"'])
def test_nothing_newer_is_204_or_304_when_the_wait_is_over(segment, form):
    seen = tag(segment)
    after = form.format(seen, seen.rsplit("-", 1)[1]).replace('"', "%22")
    for wait in ["", "&wait=0", "&wait=0.05"]:
        answer = segment.request("GET", f"/segments/a/data?after={after}{wait}")
        assert (answer.status, answer.body, answer.headers["ETag"]) == (204, b"", f'"{seen}"'), answer
        answer = segment.request("GET", f"/segments/a/data?after={after}{wait}", headers={"If-None-Match": f'"{seen}"'})
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", f'"{seen}"'), answer
        answer = segment.request("GET", f"/segments/a/data?after={after}{wait}", headers={"If-None-Match": '"x"'})
        assert answer.status == 204, answer
    assert watchers(segment) == 0


def test_the_wait_is_waited(segment):
    began = time.monotonic()
    assert segment.request("GET", f"/segments/a/data?after={tag(segment)}&wait=0.4").status == 204
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize("query", [
    "after=x", "after=", "after=-1", "after=2&wait=x", "after=2&wait=-1", "after=2&wait=nan", "after=2&wait=3601", "wait=1",
])  # fmt: skip
def test_what_is_no_condition_is_refused(segment, query):
    answer = segment.request("GET", f"/segments/a/data?{query}")
    assert answer.status == 400 and answer.json()["code"] == "invalid-query"


def test_a_query_that_means_nothing_is_refused_before_the_wait(segment):
    seen = tag(segment)
    for query, status in [("slice=x", 400), ("nobody=1", 400), ("format=csv2", 406), ("columns=a", 400)]:
        assert segment.request("GET", f"/segments/a/data?after={seen}&wait={LONG}&{query}").status == status


def test_a_patch_ends_the_wait(segment):
    held = hold(segment, f"/segments/a/data?slice=1:3&format=raw&after={tag(segment)}&wait={LONG}")
    assert segment.request("PATCH", "/segments/a/data?slice=1", b"\0\0\x80\x3f", RAW).status == 204
    answer = held.result()
    assert (answer.status, answer.body) == (200, b"\0\0\x80\x3f\0\0\0\0")
    assert answer.headers["ETag"] == f'"{tag(segment)}-raw"'
    assert watchers(segment) == 0


def test_a_write_of_a_local_process_ends_it(segment):
    """By the client library, with a journal, and by a neighbour that wakes for the odd sequence too."""
    held = hold(segment, f"/segments/a/data?after={tag(segment)}&wait={LONG}")
    with shm.write("a", directory=segment.directory) as array:
        array[:] = 7
    assert held.result().json()["data"] == [7, 7, 7, 7]
    held = hold(segment, f"/segments/a/data?after={tag(segment)}&wait={LONG}")
    neighbour = Neighbour(segment.path("a"))
    neighbour.lock()
    neighbour.begin()
    neighbour.end()
    neighbour.unlock()
    assert held.result().headers["ETag"] == f'"{tag(segment)}"'


def test_a_replacement_answers_with_the_new_segment_and_an_unlink_with_404(segment):
    held = hold(segment, f"/segments/a/data?after={tag(segment)}&wait={LONG}")
    segment.create("a", {"kind": "ndarray", "dtype": "i4", "shape": [2]}, fill=5, replace=True)
    assert held.result().json() == {"dtype": "<i4", "shape": [2], "data": [5, 5]}
    held = hold(segment, f"/segments/a/data?after={tag(segment)}&wait={LONG}")
    assert segment.request("DELETE", "/segments/a").status == 204
    answer = held.result()
    assert answer.status == 404 and answer.json()["code"] == "no-such-segment"


def test_a_name_that_is_just_removed_is_404(segment):
    held = hold(segment, f"/segments/a/data?after={tag(segment)}&wait={LONG}")
    os.unlink(segment.path("a"))
    assert held.result().status == 404


def test_a_bare_sequence_means_the_segment_of_now(segment):
    held = hold(segment, f"/segments/a/data?after=2&wait={LONG}")
    segment.create("a", ARRAY, fill=5, replace=True)
    assert segment.request("PATCH", "/segments/a/data?slice=0", 9).status == 204
    assert held.result().json()["data"] == [9, 5, 5, 5]


def test_a_writer_that_died_in_its_write_ends_the_wait(segment):
    neighbour = Neighbour(segment.path("a"))
    neighbour.lock()
    neighbour.begin()
    neighbour.unlock()
    answer = segment.request("GET", f"/segments/a/data?after={neighbour.sequence[8] - 1}&wait={LONG}")
    assert answer.status == 200 and answer.headers["Shm-Damaged"] == "1"


def test_a_client_that_hangs_up_is_noticed(segment):
    held = hold(segment, f"/segments/a/data?after={tag(segment)}&wait={LONG}")
    sock = held.connection.sock
    sock.shutdown(2)
    await_that(lambda: watchers(segment) == 0, "the end of the watcher")
    held.thread.join(60)


def test_a_stop_ends_the_wait_politely(segment):
    held = hold(segment, f"/segments/a/data?after={tag(segment)}&wait={LONG}")
    segment.stop()
    assert held.result().status == 204


def test_a_thousand_wait_at_once_and_all_are_told(own_gateway):
    gateway = own_gateway("--max-connections", "2000", "--max-connections-per-address", "0")
    gateway.create("a", ARRAY, fill=0)
    seen = tag(gateway)
    connections = [gateway.connect() for _ in range(1_000)]
    for connection in connections:
        connection.request("GET", f"/segments/a/data?after={seen}&wait={LONG}")
    await_that(lambda: watchers(gateway) == 1_000, "a thousand watchers")
    threads = len(os.listdir(f"/proc/{gateway.process.pid}/task"))
    assert threads < 40, "watchers have no threads"
    assert gateway.request("PATCH", "/segments/a/data", 3).status == 204
    for connection in connections:
        answer = connection.getresponse()
        assert answer.status == 200 and b"[3" in answer.read()
        connection.close()
    assert watchers(gateway) == 0


def test_who_may_not_see_the_name_may_not_wait_for_it(own_gateway, tmp_path):
    tokens = tmp_path / "tokens"
    lines = ["all plain:all read,write,create,unlink,admin *", "mine plain:mine read a", "other plain:other read b"]
    tokens.write_text("\n".join(lines) + "\n")
    gateway = own_gateway("--tokens", str(tokens))
    everything = {"Authorization": "Bearer all"}
    answer = gateway.request("POST", "/segments", {"name": "a", "layout": ARRAY}, everything)
    seen = answer.headers["ETag"].strip('"')
    path = f"/segments/a/data?after={seen}&wait={LONG}"
    assert gateway.request("GET", path).status == 401
    assert gateway.request("GET", path, headers={"Authorization": "Bearer other"}).status == 404
    held = hold(gateway, path, {"Authorization": "Bearer mine"}, admin=everything)
    tokens.write_text("\n".join(lines[::2]) + "\n")
    gateway.process.send_signal(signal.SIGHUP)
    await_that(lambda: "tokens again" in gateway.errors(), "the new tokens")
    assert gateway.request("PATCH", "/segments/a/data", 1, everything).status == 204
    assert held.result().status == 401
