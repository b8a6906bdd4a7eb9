"""Who is attached: real processes that map segments, and what a gateway says that may not look at all of them."""

import http.client
import json
import mmap
import os
import signal
import subprocess
import sys

import pytest

from gateway import Gateway, await_that, binary
from nobody import gateway_of_nobody
from processes import mapper, orphan, seeing

LAYOUT = {"kind": "ndarray", "dtype": "<i8", "shape": [3]}


@pytest.fixture(scope="module")
def gateway():
    """A gateway that sees every process, where that can be."""
    running = Gateway(prefix=seeing())
    yield running
    running.close()


def look(gateway, name):
    answer = gateway.request("GET", f"/segments/{name}?attached=true")
    assert answer.status == 200, answer
    return answer.json()


def pids(description):
    return [process["pid"] for process in description["attached"]]


def await_attached(gateway, name, expected):
    """The description once exactly these are attached; an answer may be a second old."""
    last = {}

    def condition():
        last.update(look(gateway, name))
        return pids(last) == sorted(expected)

    await_that(condition, lambda: (last, expected))
    return last


def test_only_who_asks_is_told(gateway):
    created = gateway.create("quiet", LAYOUT).json()
    plain = gateway.request("GET", "/segments/quiet")
    assert plain.json() == created and "ETag" in plain.headers
    assert gateway.request("GET", "/segments/quiet?attached=false").json() == created
    asked = gateway.request("GET", "/segments/quiet?attached=true", headers={"If-None-Match": plain.headers["ETag"]})
    assert asked.status == 200 and asked.headers["Cache-Control"] == "no-store" and "ETag" not in asked.headers
    assert asked.json() == {**created, "attached": [], "orphan": orphan()}
    assert gateway.request("HEAD", "/segments/quiet?attached=true").status == 200
    for value in ["yes", "", "1"]:
        answer = gateway.request("GET", f"/segments/quiet?attached={value}")
        assert (answer.status, answer.json()["code"]) == (400, "invalid-query")
    assert gateway.request("GET", "/segments/missing?attached=true").json()["code"] == "no-such-segment"


def test_a_process_is_attached_while_it_maps_the_segment(gateway):
    gateway.create("mapped", LAYOUT)
    gateway.create("other", LAYOUT)
    with mapper(gateway.path("mapped")) as one, mapper(gateway.path("mapped")) as two:
        description = await_attached(gateway, "mapped", [one.pid, two.pid])
        assert description["orphan"] is False
        for process in description["attached"]:
            with open(f"/proc/{process['pid']}/comm") as comm:
                assert process == {"pid": process["pid"], "command": comm.read().rstrip("\n")}
        assert look(gateway, "other")["attached"] == []
        listed = gateway.request("GET", "/segments?attached=true&prefix=m").json()["segments"]
        assert [(entry["name"], pids(entry), entry["orphan"]) for entry in listed] == [
            ("mapped", sorted([one.pid, two.pid]), False)
        ]
        listed = gateway.request("GET", "/segments?prefix=m").json()["segments"]
        assert all("attached" not in entry and "orphan" not in entry for entry in listed)
    assert await_attached(gateway, "mapped", [])["orphan"] == orphan()


def test_a_list_says_of_each_segment_who_is_attached(own_gateway):
    gateway = own_gateway(prefix=seeing())
    for name in "abc":
        gateway.create(name, LAYOUT)
    with open(gateway.path("corrupt"), "wb") as file:
        file.write(b"SHMGATE\0".ljust(8192, b"\xff"))
    with mapper(gateway.path("b")) as process:
        await_attached(gateway, "b", [process.pid])
        answer = gateway.request("GET", "/segments?attached=true")
        assert answer.headers["Cache-Control"] == "no-store"
        found = {entry["name"]: (entry.get("attached"), entry.get("orphan")) for entry in answer.json()["segments"]}
        (b,) = found["b"][0]
        assert b["pid"] == process.pid
        assert found == {"a": ([], orphan()), "b": ([b], False), "c": ([], orphan()), "corrupt": (None, None)}


def test_a_forked_child_keeps_what_its_parent_mapped(gateway):
    gateway.create("forked", LAYOUT)
    program = f"""
import mmap, os, sys
with open({gateway.path("forked")!r}, "rb") as file:
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
pid = os.fork()
if pid:
    print(pid, flush=True)
    os._exit(0)
sys.stdin.read()
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.wait(120)
    await_attached(gateway, "forked", [child])
    parent.stdin.close()
    parent.stdout.close()
    await_attached(gateway, "forked", [])


def test_a_process_whose_first_thread_has_ended_is_attached(gateway):
    gateway.create("led", LAYOUT)
    program = f"""
import ctypes, mmap, sys, threading
with open({gateway.path("led")!r}, "rb") as file:
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
def stay():
    print("mapped", flush=True)
    sys.stdin.read()
    import os
    os._exit(0)
threading.Thread(target=stay).start()
ctypes.CDLL(None).pthread_exit(None)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "mapped\n"

    def is_zombie():
        with open(f"/proc/{process.pid}/maps") as maps:
            return maps.read() == ""

    await_that(is_zombie, "the first thread's end")
    await_attached(gateway, "led", [process.pid])
    process.stdin.close()
    process.wait(120)
    process.stdout.close()


def test_whoever_maps_the_old_file_is_not_attached_to_the_new_one(gateway):
    gateway.create("again", LAYOUT)
    with mapper(gateway.path("again")) as process:
        await_attached(gateway, "again", [process.pid])
        assert gateway.request("POST", "/segments", {"name": "again", "layout": LAYOUT, "replace": True}).status == 201
        await_attached(gateway, "again", [])


def test_a_pinned_segment_is_the_same_file_by_its_second_link(gateway):
    created = gateway.create("pinned", LAYOUT, pinned=True).json()
    pin = os.path.join(gateway.directory, f".shmgate-{os.getuid()}", f"pin-{created['uuid'].replace('-', '')}-pinned")
    with mapper(pin) as process:
        await_attached(gateway, "pinned", [process.pid])


def test_a_foreign_process_that_may_not_be_looked_at_makes_it_unknown():
    with gateway_of_nobody() as gateway:
        gateway.create("shared", LAYOUT, mode="0666")
        # The test itself is root then, or else there is at least the first process, which is.
        found = look(gateway, "shared")
        assert (found["attached"], found["orphan"]) == ([], "unknown")
        user = gateway.user or os.getuid()
        own = {"user": user, "group": user, "extra_groups": []} if os.getuid() == 0 else {}
        with open(gateway.path("shared"), "rb") as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # by root, who is not seen
        assert look(gateway, "shared")["orphan"] is not True
        program = "import mmap, sys; f = open(sys.argv[1], 'rb'); m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)"
        child = subprocess.Popen(
            ["/usr/bin/env", "python3", "-c", program + "; print('mapped', flush=True); sys.stdin.read()", gateway.path("shared")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            **own,
        )
        assert child.stdout.readline() == "mapped\n"
        found = await_that(lambda: (one := look(gateway, "shared"))["orphan"] is False and one, "the child is found")
        assert child.pid in pids(found)
        memory.close()
        child.stdin.close()
        child.wait(120)
        child.stdout.close()


def test_in_a_pid_namespace_nothing_is_an_orphan(own_gateway):
    gateway = own_gateway()
    gateway.create("inside", LAYOUT)
    inner = Namespace(gateway.directory)
    try:
        found = inner.get("/segments/inside?attached=true")
        assert (found["attached"], found["orphan"]) == ([], "unknown")
    finally:
        inner.close()


class Namespace:
    """A gateway in a pid namespace of its own, with its own /proc; as a container's."""

    def __init__(self, directory):
        command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        if os.getuid() != 0:
            command += ["--user", "--map-root-user"]
        self.process = subprocess.Popen(
            [*command, binary(), "serve", "--listen", "127.0.0.1:0", "--directory", directory],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), (line, self.process.stderr.read())
        self.port = int(line.rsplit(":", 1)[1])

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def close(self):
        self.process.send_signal(signal.SIGKILL)  # the gateway dies with it
        self.process.wait(120)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.mark.parametrize("path", ["/segments/many?attached=true", "/segments?attached=true"])
def test_many_who_ask_at_once_share_a_walk(gateway, path):
    gateway.request("POST", "/segments", {"name": "many", "layout": LAYOUT, "replace": True})
    connections = [gateway.connect() for _ in range(32)]
    for connection in connections:
        connection.request("GET", path)
    answers = [connection.getresponse() for connection in connections]
    assert {answer.status for answer in answers} == {200}
    for connection, answer in zip(connections, answers):
        answer.read()
        connection.close()
    assert look(gateway, "many")["orphan"] == orphan()
