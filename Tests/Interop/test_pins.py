"""Pinned segments: a name that somebody takes away without the protocol is given back."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from gateway import Gateway

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
    program = """
import sys
sys.path.insert(0, sys.argv[1])
import shmgate
shmgate.unlink("a", directory=sys.argv[2])
"""
    clients = os.path.join(os.path.dirname(__file__), "..", "..", "Clients", "Python")
    subprocess.run([sys.executable, "-c", program, clients, gateway.directory], check=True)
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
