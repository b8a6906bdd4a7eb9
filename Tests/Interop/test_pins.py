"""Pinned segments: a name that somebody takes away without the protocol is given back."""

import collections
import concurrent.futures
import contextlib
import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import pytest
import shmgate

from gateway import Gateway, await_that
from protocol import F_OFD_SETLK, LOCK, lock_range

LAYOUT = {"kind": "ndarray", "dtype": "<i8", "shape": [3]}


def folder(gateway):
    return gateway.path(f".shmgate-{os.getuid()}")


def pins(gateway):
    return sorted(os.listdir(folder(gateway))) if os.path.isdir(folder(gateway)) else []


def describe(gateway, name):
    answer = gateway.request("GET", f"/segments/{name}")
    assert answer.status == 200, answer
    return answer.json()


def data(gateway, name):
    return gateway.request("GET", f"/segments/{name}/data").json()["data"]


def test_a_pin_is_a_second_link_and_the_description_says_so(gateway):
    made = gateway.create("pinned", LAYOUT, data=[1, 2, 3], pinned=True).json()
    assert made["pinned"] is True
    assert describe(gateway, "pinned") == made
    link = os.path.join(folder(gateway), f"pin-{made['uuid'].replace('-', '')}-pinned")
    assert os.path.samefile(link, gateway.path("pinned"))
    assert os.stat(folder(gateway)).st_mode & 0o777 == 0o700
    assert gateway.create("loose", LAYOUT, pinned=False).json()["pinned"] is False
    assert describe(gateway, "loose")["pinned"] is False
    listed = {one["name"]: one["pinned"] for one in gateway.request("GET", "/segments").json()["segments"]}
    assert listed == {"pinned": True, "loose": False}


def test_put_pins_too_and_a_replacement_that_does_not_ask_is_not_pinned(own_gateway):
    gateway = own_gateway()
    for expected in (201, 200):
        answer = gateway.request("PUT", "/segments/a?replace=true", {"layout": LAYOUT, "pinned": True})
        assert (answer.status, answer.json()["pinned"]) == (expected, True)
        assert len(pins(gateway)) == 1
    answer = gateway.request("PUT", "/segments/a", {"layout": LAYOUT, "replace": True})
    assert (answer.status, answer.json()["pinned"]) == (200, False)
    assert pins(gateway) == []
    gateway.create("a", LAYOUT, replace=True, pinned=True)
    gateway.create("a", LAYOUT, replace=True)
    assert pins(gateway) == []


def test_a_refused_segment_leaves_no_pin(own_gateway):
    gateway = own_gateway()
    gateway.create("a", LAYOUT)
    for method, path, body, code in [
        ("POST", "/segments", {"name": "a", "layout": LAYOUT, "pinned": True}, "already-exists"),
        ("POST", "/segments", {"name": "b", "layout": LAYOUT, "pinned": 1}, "invalid-layout"),
        ("POST", "/segments", {"name": "b", "layout": LAYOUT, "pinned": None}, "invalid-layout"),
        ("PUT", "/segments/a", {"layout": LAYOUT, "pinned": True}, "already-exists"),
    ]:
        answer = gateway.request(method, path, body)
        assert answer.json()["code"] == code
    answer = gateway.request("PUT", "/segments/c", {"layout": LAYOUT, "pinned": True}, {"If-Match": "*"})
    assert answer.status == 412
    assert pins(gateway) == [] and gateway.temporaries() == []


def test_delete_removes_the_pin(own_gateway):
    gateway = own_gateway()
    gateway.create("a", LAYOUT, pinned=True)
    assert gateway.request("DELETE", "/segments/a").status == 204
    assert pins(gateway) == []
    assert gateway.request("GET", "/segments/a").status == 404
    gateway.create("a", LAYOUT, pinned=True)
    with open(gateway.path("a"), "r+b") as file:
        file.seek(32)
        file.write(b"\xff" * 8)
    assert gateway.request("GET", "/segments/a").json()["code"] == "corrupt-segment"
    assert gateway.request("DELETE", "/segments/a").status == 204
    assert pins(gateway) == []
    gateway.stop()
    gateway.start()
    assert gateway.request("GET", "/segments/a").status == 404


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restarted_gateway_gives_back_what_was_unlinked_meanwhile(own_gateway, number):
    gateway = own_gateway()
    made = gateway.create("a", LAYOUT, data=[1, 2, 3], pinned=True).json()
    gateway.create("b", LAYOUT, pinned=True)
    gateway.create("loose", LAYOUT)
    gateway.stop(number)
    for name in ("a", "b", "loose"):
        os.unlink(gateway.path(name))
    with open(gateway.path("b"), "wb") as file:
        file.write(b"somebody else's")
    gateway.start()
    now = describe(gateway, "a")
    assert (now["uuid"], now["mmap"]["ino"], now["pinned"]) == (made["uuid"], made["mmap"]["ino"], True)
    assert data(gateway, "a") == [1, 2, 3]
    assert gateway.request("GET", "/segments/b").status == 404
    assert open(gateway.path("b"), "rb").read() == b"somebody else's"
    assert gateway.request("GET", "/segments/loose").status == 404
    log = gateway.errors()
    assert "the pinned segment a " in log and "has its name back" in log
    assert "the pinned segment b " in log and "to another file" in log
    assert len(pins(gateway)) == 1


def test_what_was_unlinked_on_purpose_while_no_gateway_ran_stays_away(own_gateway):
    gateway = own_gateway()
    gateway.create("a", LAYOUT, pinned=True)
    gateway.create("b", LAYOUT, pinned=True)
    gateway.stop()
    shmgate.unlink("a", directory=gateway.directory)
    gateway.start()
    assert gateway.request("GET", "/segments/a").status == 404
    assert describe(gateway, "b")["pinned"] is True
    assert len(pins(gateway)) == 1


def test_a_folder_that_is_not_the_users_own_keeps_the_gateway_from_starting():
    directory = tempfile.mkdtemp(prefix="shmgate-interop-", dir="/dev/shm")
    state = tempfile.mkdtemp(prefix="shmgate-state-")
    try:
        os.mkdir(os.path.join(directory, f".shmgate-{os.getuid()}"), 0o755)
        with pytest.raises(AssertionError, match="mode 0700"):
            Gateway("--state-directory", state, directory=directory)
    finally:
        shutil.rmtree(directory)
        shutil.rmtree(state)


# While a gateway runs.


def restored(gateway, name):
    """How often the gateway gave a name back; 0 while it is missing."""
    answer = gateway.request("GET", f"/segments/{name}")
    return answer.json().get("restored", {}).get("count", 0) if answer.status == 200 else 0


ATTACH = """
import sys
from multiprocessing import shared_memory
memory = shared_memory.SharedMemory(sys.argv[1])
memory.buf[8192] += 1
memory.close()
"""


def test_pythons_resource_tracker_takes_the_name_away_and_gets_it_back():
    gateway = Gateway(directory="/dev/shm")
    name = f"shmgate-interop-{uuid.uuid4().hex}"
    try:
        made = gateway.create(name, LAYOUT, data=[1, 2, 3], pinned=True).json()
        for round in range(1, 4):
            # Not `subprocess.run`, which would also do without the tracker: it ends when both have closed their output.
            ran = subprocess.run([sys.executable, "-c", ATTACH, name], capture_output=True, text=True)
            assert ran.returncode == 0 and "leaked shared_memory" in ran.stderr, ran.stderr
            await_that(lambda: restored(gateway, name) == round)
        now = describe(gateway, name)
        assert (now["uuid"], now["mmap"]["ino"], now["pinned"]) == (made["uuid"], made["mmap"]["ino"], True)
        assert made["created"] < now["restored"]["last"]
        assert data(gateway, name) == [4, 2, 3]
        assert gateway.request("PATCH", f"/segments/{name}/data?slice=0", 9).status == 204
        log = gateway.errors()
        assert log.count(f"the pinned segment {name} ({made['uuid']}) has its name back") == 3
        assert gateway.request("DELETE", f"/segments/{name}").status == 204
        assert not any(name in pin for pin in pins(gateway))
    finally:
        gateway.close()
        for path in (gateway.path(name), *(os.path.join(folder(gateway), pin) for pin in pins(gateway) if name in pin)):
            if os.path.exists(path):
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.rmdir(folder(gateway))


def test_a_description_that_was_known_is_stale_when_the_name_was_given_back(own_gateway):
    gateway = own_gateway()
    tag = gateway.create("a", LAYOUT, pinned=True).headers["ETag"]
    assert gateway.request("GET", "/segments/a", headers={"If-None-Match": tag}).status == 304
    os.unlink(gateway.path("a"))
    await_that(lambda: gateway.request("GET", "/segments/a", headers={"If-None-Match": tag}).status == 200)
    await_that(lambda: restored(gateway, "a") == 1)


def test_a_name_that_is_moved_away_is_given_back(own_gateway):
    gateway = own_gateway()
    gateway.create("a", LAYOUT, data=[1, 2, 3], pinned=True)
    os.rename(gateway.path("a"), gateway.path("b"))
    await_that(lambda: restored(gateway, "a") == 1)
    assert os.path.samefile(gateway.path("a"), gateway.path("b"))


def test_a_file_that_takes_the_name_keeps_it(own_gateway):
    gateway = own_gateway()
    gateway.create("a", LAYOUT, pinned=True)
    with open(gateway.path("other"), "wb") as file:
        file.write(b"somebody else's")
    os.rename(gateway.path("other"), gateway.path("a"))
    await_that(lambda: pins(gateway) == [])
    assert open(gateway.path("a"), "rb").read() == b"somebody else's"
    await_that(lambda: "to another file, which keeps it" in gateway.errors())
    assert gateway.request("GET", "/segments/a").status == 404


@pytest.mark.parametrize("ending", ["delete", "replace", "client", "client replaces"])
def test_what_is_done_on_purpose_is_not_undone(own_gateway, ending):
    gateway = own_gateway()
    for name in ("a", "other"):
        gateway.create(name, LAYOUT, pinned=True)
    if ending == "delete":
        assert gateway.request("DELETE", "/segments/a").status == 204
    elif ending == "replace":
        gateway.create("a", LAYOUT, replace=True)
    elif ending == "client":
        shmgate.unlink("a", directory=gateway.directory)
    else:
        shmgate.create("a", shmgate.BytesLayout(3), directory=gateway.directory, replace=True)
    await_that(lambda: not any(pin.endswith("-a") for pin in pins(gateway)))
    # The keeper does one thing after the other: when it has seen to this one, it has seen what was before.
    os.unlink(gateway.path("other"))
    await_that(lambda: restored(gateway, "other") == 1)
    answer = gateway.request("GET", "/segments/a")
    assert answer.status == 404 if ending in ("delete", "client") else not answer.json()["pinned"]
    assert "the pinned segment a " not in gateway.errors()


def test_a_pinned_segment_whose_writer_does_not_let_go_waits_for_him(own_gateway):
    gateway = own_gateway()
    gateway.create("a", LAYOUT, pinned=True)
    gateway.create("b", LAYOUT, pinned=True)
    holder = os.open(gateway.path("a"), os.O_RDWR)
    lock_range(holder, F_OFD_SETLK, fcntl.F_WRLCK, LOCK)
    os.unlink(gateway.path("a"))
    await_that(lambda: "the pinned segment a " in gateway.errors())
    assert "cannot get its name back yet" in gateway.errors()
    assert gateway.request("GET", "/segments/a").status == 404
    os.unlink(gateway.path("b"))
    await_that(lambda: restored(gateway, "b") == 1)
    os.close(holder)
    await_that(lambda: restored(gateway, "a") == 1)
    assert gateway.errors().count("cannot get its name back yet") == 1


def test_two_gateways_over_one_directory_give_a_name_back_once(own_gateway):
    one = own_gateway()
    two = own_gateway(directory=one.directory)
    one.create("a", LAYOUT, data=[1, 2, 3], pinned=True)
    assert describe(two, "a")["pinned"] is True
    times = 100
    for _ in range(times):
        os.unlink(one.path("a"))
        await_that(lambda: os.path.exists(one.path("a")))
    await_that(lambda: restored(one, "a") + restored(two, "a") == times)
    assert data(two, "a") == [1, 2, 3]
    assert two.request("DELETE", "/segments/a").status == 204
    assert pins(one) == []
    two.stop()


def test_names_that_come_and_go_leave_nothing_behind(own_gateway, report):
    """Creators, deleters and a process that unlinks what it sees, all at once."""
    gateway = own_gateway()
    done = threading.Event()
    counts = collections.Counter()

    def create_and_delete(number):
        connection = gateway.connect()
        generator = random.Random(number)
        for _ in range(150):
            name = f"s{generator.randrange(4)}"
            body = {"name": name, "layout": LAYOUT, "pinned": generator.random() < 0.8}
            if generator.random() < 0.5:
                answer = gateway.request("POST", "/segments", {**body, "replace": True}, connection=connection)
                assert answer.status in (201, 409), answer
            else:
                answer = gateway.request("DELETE", f"/segments/{name}", connection=connection)
                assert answer.status in (204, 404), answer
            counts[answer.status] += 1
        connection.close()

    def take_away():
        while not done.is_set():
            for number in range(4):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(gateway.path(f"s{number}"))
                    counts["taken away"] += 1
            time.sleep(0.001)

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        thief = pool.submit(take_away)
        for work in [pool.submit(create_and_delete, number) for number in range(4)]:
            work.result()
        done.set()
        thief.result()
    for number in range(4):
        gateway.request("DELETE", f"/segments/s{number}")
    await_that(lambda: all(gateway.request("DELETE", f"/segments/s{n}").status == 404 for n in range(4)) and not pins(gateway))
    assert sorted(os.listdir(gateway.directory)) == [os.path.basename(folder(gateway))]
    report(f"pinned names created, deleted and taken away at once: {dict(counts)}, nothing left behind")


# As another user than root, for whom modes count.


@pytest.fixture
def gateway_of_nobody():
    user = 65_534 if os.getuid() == 0 else os.getuid()
    directory = tempfile.mkdtemp(prefix="shmgate-interop-", dir="/dev/shm")
    if os.getuid() == 0:
        os.chown(directory, user, user)
    os.chmod(directory, 0o755)
    running = Gateway(directory=directory, user=user)
    yield running, user
    os.chmod(directory, 0o755)
    running.close()
    shutil.rmtree(directory)


def test_a_directory_that_allows_no_names_gets_the_name_back_when_it_does(gateway_of_nobody):
    gateway, user = gateway_of_nobody
    gateway.create("a", LAYOUT, pinned=True)
    gateway.stop()
    os.unlink(gateway.path("a"))
    os.chmod(gateway.directory, 0o555)
    gateway.start()
    await_that(lambda: "cannot get its name back yet: the directory" in gateway.errors())
    assert gateway.request("GET", "/segments/a").status == 404
    body = {"name": "b", "layout": LAYOUT, "pinned": True}
    assert gateway.request("POST", "/segments", body).json()["code"] == "forbidden"
    os.chmod(gateway.directory, 0o755)
    await_that(lambda: restored(gateway, "a") == 1)


def test_a_pin_of_another_users_file_is_not_believed(gateway_of_nobody):
    gateway, user = gateway_of_nobody
    made = gateway.create("a", LAYOUT, pinned=True).json()
    pin = gateway.path(f".shmgate-{user}/pin-{made['uuid'].replace('-', '')}-a")
    content = open(pin, "rb").read()
    os.unlink(pin)
    with open(pin, "wb") as file:
        file.write(content)
    os.chmod(pin, 0o666)
    os.unlink(gateway.path("a"))
    if os.getuid() == 0:
        await_that(lambda: "the pin of a is not believed: it belongs to user 0" in gateway.errors())
        assert not os.path.exists(gateway.path("a")) and os.path.exists(pin)
