"""GET /events: what happens to all names that a client may see."""

import json
import os
import signal

import pytest
import shmgate as shm

from event_streams import Stream
from gateway import await_that
from test_long_poll import ARRAY, tag, watchers


@pytest.fixture
def gateway(own_gateway):
    return own_gateway()


def listen(gateway, query="", headers=None):
    stream = Stream(gateway, f"/events{query}", headers)
    stream.wait_begin()
    return stream


def told(stream):
    return [(event.type, json.loads(event.data).get("name")) for event in stream.events]


def change(gateway, name, value, headers=None):
    assert gateway.request("PATCH", f"/segments/{name}/data", value, headers).status == 204


def test_what_happens_to_names_is_told_whoever_does_it(gateway):
    gateway.create("a", ARRAY)
    stream = listen(gateway)
    gateway.create("b", ARRAY)
    event = stream.wait(1)
    assert (event.type, json.loads(event.data)) == ("create", {"name": "b", "uuid": tag(gateway, "b")[:36], "sequence": 2})
    change(gateway, "a", 1)
    stream.wait(2)
    with shm.write("b", directory=gateway.directory) as array:
        array[:] = 7
    event = stream.wait(3)
    assert json.loads(event.data) == {"name": "b", "uuid": tag(gateway, "b")[:36], "sequence": int(tag(gateway, "b")[37:])}
    shm.create("c", shm.NdArrayLayout("f4", (2,)), directory=gateway.directory)
    stream.wait(4)
    gateway.create("a", ARRAY, replace=True)
    stream.wait(5)
    gone = tag(gateway, "c")[:36]
    shm.unlink("c", directory=gateway.directory)
    assert json.loads(stream.wait(6).data) == {"name": "c", "uuid": gone}
    assert gateway.request("DELETE", "/segments/b").status == 204
    stream.wait(7)
    os.unlink(gateway.path("a"))
    stream.wait(8)
    gateway.create("a", ARRAY)
    stream.wait(9)
    change(gateway, "a", 2)
    stream.wait(10)
    assert told(stream) == [
        ("create", "b"), ("change", "a"), ("change", "b"), ("create", "c"), ("replace", "a"), ("unlink", "c"), ("unlink", "b"),
        ("unlink", "a"), ("create", "a"), ("change", "a"),
    ]  # fmt: skip
    stream.close()
    await_that(lambda: watchers(gateway) == 0, "the end of the watcher")


def test_names_that_are_no_segments_are_not_told(gateway):
    with open(gateway.path("before"), "w") as file:
        file.write("nothing")
    stream = listen(gateway)
    with open(gateway.path("behind"), "w") as file:
        file.write("nothing")
    os.unlink(gateway.path("before"))
    os.unlink(gateway.path("behind"))
    gateway.create("a", ARRAY)
    stream.wait(1)
    os.rename(gateway.path("a"), gateway.path("b"))
    stream.wait(3)
    assert sorted(told(stream)) == [("create", "a"), ("create", "b"), ("unlink", "a")]
    stream.close()


def test_a_client_that_comes_back_is_told_what_it_missed(gateway):
    for name in "abcd":
        gateway.create(name, ARRAY)
    stream = listen(gateway)
    begin = stream.begins
    change(gateway, "a", 1)
    seen = stream.wait(1).id
    stream.close()
    other = listen(gateway)
    change(gateway, "b", 1)
    change(gateway, "b", 2)
    assert gateway.request("DELETE", "/segments/c").status == 204
    gateway.create("d", ARRAY, replace=True)
    gateway.create("e", ARRAY)
    gateway.create("f", ARRAY)
    assert gateway.request("DELETE", "/segments/f").status == 204
    gateway.create("last", ARRAY)
    await_that(lambda: other.events and "last" in other.events[-1].data, "the last one")
    other.close()
    missed = [("change", "b"), ("unlink", "c"), ("replace", "d"), ("create", "e"), ("create", "last")]
    for query, headers in [("", {"Last-Event-ID": seen}), (f"?after={seen}", None)]:
        stream = listen(gateway, query, headers)
        stream.wait(5)
        assert told(stream) == missed
        stream.close()
    stream = listen(gateway, headers={"Last-Event-ID": begin})
    stream.wait(6)
    assert told(stream) == [("change", "a"), *missed]
    stream.close()


@pytest.mark.parametrize("id", ["x", "0", "aaaaaaaa-bbbb.1", "{}.99999", "{}.-1"])
def test_who_asks_for_what_nobody_remembers_is_told_to_begin_anew(gateway, id):
    stream = listen(gateway)
    log = stream.begins.rpartition(".")[0]
    stream.close()
    stream = listen(gateway, headers={"Last-Event-ID": id.format(log)})
    assert stream.wait(1).type == "reset"
    gateway.create("a", ARRAY)
    stream.wait(2)
    assert told(stream) == [("reset", None), ("create", "a")]
    stream.close()


def test_an_interval_gathers(gateway):
    for number in range(20):
        gateway.create(f"s{number}", ARRAY)
    stream = listen(gateway, "?interval=200")
    for value in range(5):
        for number in range(20):
            change(gateway, f"s{number}", value)
    last = {f"s{number}": int(tag(gateway, f"s{number}")[37:]) for number in range(20)}

    def known():
        return {data["name"]: data["sequence"] for data in (json.loads(event.data) for event in stream.events)}

    await_that(lambda: known() == last, "the last state of all")
    assert len(stream.events) < 100
    stream.close()


def test_a_prefix_and_nothing_else(gateway):
    stream = listen(gateway, "?prefix=mine-")
    none = listen(gateway, "?prefix=mine-b")
    gateway.create("other", ARRAY)
    gateway.create("mine-a", ARRAY)
    stream.wait(1)
    assert told(stream) == [("create", "mine-a")] and told(none) == []
    for stream in (stream, none):
        stream.close()
    for query in ("?prefix=a&prefix=b", "?slice=0", "?interval=x"):
        assert gateway.request("GET", f"/events{query}").json()["code"] == "invalid-query"
    head = gateway.request("HEAD", "/events")
    assert (head.status, head.headers["Content-Type"]) == (200, "text/event-stream")


def test_a_stop_ends_it_properly(gateway):
    stream = listen(gateway)
    gateway.stop()
    assert stream.wait_end() is None


def test_a_token_is_told_of_its_names_alone(own_gateway, tmp_path):
    tokens = tmp_path / "tokens"
    lines = [
        "all plain:all read,write,create,unlink,admin *", "mine plain:mine read mine-", "write plain:write write *",
        "changed plain:changed read mine-",
    ]  # fmt: skip
    tokens.write_text("\n".join(lines) + "\n")
    gateway = own_gateway("--tokens", str(tokens))

    def bearer(token):
        return {"Authorization": f"Bearer {token}"}

    def create(name):
        answer = gateway.request("POST", "/segments", {"name": name, "layout": ARRAY}, bearer("all"))
        assert answer.status == 201

    assert gateway.request("GET", "/events").status == 401
    assert gateway.request("GET", "/events", headers=bearer("write")).status == 403
    all, mine = listen(gateway, headers=bearer("all")), listen(gateway, headers=bearer("mine"))
    theirs = listen(gateway, "?prefix=other", bearer("mine"))
    changed = listen(gateway, headers=bearer("changed"))
    begin = mine.begins
    create("other-a")
    create("mine-a")
    change(gateway, "other-a", 1, bearer("all"))
    change(gateway, "mine-a", 1, bearer("all"))
    all.wait(4), mine.wait(2), changed.wait(2)
    assert told(mine) == told(changed) == [("create", "mine-a"), ("change", "mine-a")] and told(theirs) == []
    assert int(mine.id.rpartition(".")[2]) - int(begin.rpartition(".")[2]) == 2, "ids do not count what others do"
    tokens.write_text("\n".join([lines[0], lines[3].replace("mine-", "other-")]) + "\n")
    gateway.process.send_signal(signal.SIGHUP)
    await_that(lambda: "tokens again" in gateway.errors(), "the new tokens")
    create("mine-b")
    create("other-b")
    all.wait(6)
    for stream in (mine, changed):
        stream.wait_end()
        assert ("create", "mine-b") not in told(stream) and ("create", "other-b") not in told(stream)
    all.close()


def test_hundreds_of_names_and_a_slow_client(own_gateway):
    gateway = own_gateway("--max-connections-per-address", "0")
    for number in range(400):
        gateway.create(f"s{number}", ARRAY)
    stream = listen(gateway)
    assert "\nshmgate_event_segments 400\n" in gateway.request("GET", "/metrics").body.decode()
    connection = gateway.connect()
    connection.request("GET", "/events")
    response = connection.getresponse()
    for value in range(3):
        for number in range(400):
            change(gateway, f"s{number}", value)
    sequence = {f"s{number}": 8 for number in range(400)}

    def known(events):
        return {data["name"]: data["sequence"] for data in map(json.loads, events)}

    await_that(lambda: known([event.data for event in stream.events]) == sequence, "the last state of all")
    events = []
    while known(events) != sequence:
        line = response.readline()
        assert line
        if line.startswith(b"data: "):
            events.append(line[6:])
    connection.sock.shutdown(2)
    connection.close()
    stream.close()
    await_that(lambda: watchers(gateway) == 0, "the end of the watchers")
