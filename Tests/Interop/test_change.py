"""PATCH of a segment: lifetime, mode and pin, all or nothing."""

import datetime
import fcntl
import os
import shutil
import subprocess
import tempfile

import numpy as np
import pytest

from gateway import Gateway
from protocol import F_OFD_SETLK, LOCK, lock_range

LAYOUT = {"kind": "ndarray", "dtype": "<i8", "shape": [3]}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


def patch(gateway, name, change, headers=None):
    return gateway.request("PATCH", f"/segments/{name}", change, {**MERGE_PATCH, **(headers or {})})


def instant(text):
    return datetime.datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00")


def test_each_member_changes_and_the_answer_describes_the_segment(gateway):
    before = gateway.create("a", LAYOUT).json()
    for change, expected in [
        ({"pinned": True}, {"pinned": True}),
        ({"mode": "0640"}, {"mode": "0640", "pinned": True}),
        ({"mode": "600", "pinned": False}, {"mode": "0600", "pinned": False}),
        ({"pinned": True, "mode": "0644"}, {"pinned": True, "mode": "0644"}),
        ({"pinned": None, "mode": None}, {"pinned": False, "mode": "0600"}),
    ]:
        answer = patch(gateway, "a", change)
        assert answer.status == 200, answer
        after = answer.json()
        assert after == {**before, **expected, "sequence": before["sequence"] + 2, "modified": after["modified"]}
        assert answer.headers["ETag"] == f'"{after["uuid"]}-{after["sequence"]}"'
        assert gateway.request("GET", "/segments/a").json() == after
        assert f"{os.stat(gateway.path('a')).st_mode & 0o7777:04o}" == after["mode"]
        before = after


def test_a_ttl_counts_from_now_and_null_is_never(gateway):
    gateway.create("t", LAYOUT, ttl=10)
    began = datetime.datetime.now(datetime.timezone.utc)
    expires = instant(patch(gateway, "t", {"ttl": 3600.5}).json()["expires"])
    ended = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(seconds=3600.5)
    assert began + hour - datetime.timedelta(milliseconds=1) <= expires <= ended + hour
    page = np.memmap(gateway.path("t"), np.int64, "r", 0, (16,))
    assert abs(page[13] / 1e9 - expires.timestamp()) < 1e-3
    assert patch(gateway, "t", {"ttl": None}).json()["expires"] is None
    assert page[13] == 0


def test_the_default_mode_is_the_gateways(own_gateway):
    gateway = own_gateway("--mode", "0660")
    gateway.create("a", LAYOUT, mode="0600")
    assert patch(gateway, "a", {"mode": None}).json()["mode"] == "0660"


@pytest.mark.parametrize("change", [{}, {"mode": "0600"}, {"pinned": False}, {"ttl": None}, {"pinned": None}])
def test_what_is_so_already_is_no_change(gateway, change):
    made = gateway.create("same", LAYOUT, replace=True)
    answer = patch(gateway, "same", change)
    assert (answer.status, answer.headers["ETag"]) == (200, made.headers["ETag"])
    assert answer.json() == made.json()


def test_plain_json_is_taken_too_and_nothing_else(gateway):
    gateway.create("j", LAYOUT)
    assert gateway.request("PATCH", "/segments/j", {"pinned": True}).json()["pinned"] is True
    refused = gateway.request("PATCH", "/segments/j", b"{}", {"Content-Type": "application/json-patch+json"})
    assert (refused.status, refused.json()["code"]) == (415, "unsupported-media-type")
    assert refused.headers["Accept-Patch"] == "application/merge-patch+json, application/json"


def test_if_match_is_compare_and_set(gateway):
    tag = gateway.create("m", LAYOUT).headers["ETag"]
    first = patch(gateway, "m", {"pinned": True}, {"If-Match": tag})
    assert first.status == 200
    second = patch(gateway, "m", {"pinned": False}, {"If-Match": tag})
    assert (second.status, second.json()["code"]) == (412, "precondition-failed")
    assert gateway.request("GET", "/segments/m").json() == first.json()


def test_a_writer_who_keeps_the_lock_makes_it_busy(gateway):
    made = gateway.create("held", LAYOUT).json()
    holder = os.open(gateway.path("held"), os.O_RDWR)
    lock_range(holder, F_OFD_SETLK, fcntl.F_WRLCK, LOCK)
    answer = patch(gateway, "held", {"pinned": True, "mode": "0640", "ttl": 600})
    assert (answer.status, answer.json()["code"]) == (503, "busy")
    os.close(holder)
    assert gateway.request("GET", "/segments/held").json() == made


def test_curl_pins_a_segment(gateway):
    gateway.create("curled", LAYOUT)
    url = f"http://127.0.0.1:{gateway.port}/segments/curled"
    command = ["curl", "-sf", "-X", "PATCH", "-H", "Content-Type: application/merge-patch+json", "-d", '{"pinned": true}']
    ran = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    assert '"pinned":true' in ran.stdout


# As another user than root, for whom modes count.


@pytest.fixture
def gateway_of_nobody():
    user = 65_534 if os.getuid() == 0 else os.getuid()
    directory = tempfile.mkdtemp(prefix="shmgate-interop-", dir="/dev/shm")
    if os.getuid() == 0:
        os.chown(directory, user, user)
    os.chmod(directory, 0o755)
    running = Gateway(directory=directory, user=user)
    yield running
    os.chmod(directory, 0o755)
    running.close()
    shutil.rmtree(directory)


def test_an_owner_whom_the_mode_keeps_from_writing_may_change_it(gateway_of_nobody):
    gateway = gateway_of_nobody
    gateway.create("a", LAYOUT)
    assert patch(gateway, "a", {"mode": "0400"}).json()["mode"] == "0400"
    assert gateway.request("PATCH", "/segments/a/data", 1).json()["code"] == "forbidden"
    changed = patch(gateway, "a", {"pinned": True}).json()
    assert (changed["pinned"], changed["mode"]) == (True, "0400")
    refused = patch(gateway, "a", {"pinned": False}, {"If-Match": '"x-2"'})
    assert refused.status == 412
    assert gateway.request("GET", "/segments/a").json() == changed
    assert patch(gateway, "a", {"mode": "0600"}).json()["mode"] == "0600"
    assert gateway.request("PATCH", "/segments/a/data", 1).status == 204


def test_a_mode_that_keeps_even_the_gateway_out_is_answered_all_the_same(gateway_of_nobody):
    gateway = gateway_of_nobody
    gateway.create("a", LAYOUT)
    answer = patch(gateway, "a", {"mode": "0000"})
    assert (answer.status, answer.json()["mode"]) == (200, "0000")
    if os.getuid() == 0:
        assert gateway.request("GET", "/segments/a").json()["code"] == "forbidden"


def test_a_directory_that_allows_no_names_allows_no_pins(gateway_of_nobody):
    gateway = gateway_of_nobody
    made = gateway.create("a", LAYOUT).json()
    os.chmod(gateway.directory, 0o555)
    if os.getuid() == 0:
        answer = patch(gateway, "a", {"pinned": True, "mode": "0640", "ttl": 600})
        assert (answer.status, answer.json()["code"]) == (403, "forbidden")
        assert gateway.request("GET", "/segments/a").json() == made


def test_mode_and_pin_are_the_owners(gateway_of_nobody):
    gateway = gateway_of_nobody
    gateway.create("a", LAYOUT, mode="0666")
    if os.getuid() != 0:
        return
    os.chown(gateway.path("a"), 0, 0)
    before = gateway.request("GET", "/segments/a").json()
    for change in ({"pinned": True}, {"mode": "0600"}, {"mode": "0600", "ttl": 600, "pinned": True}, {"ttl": 600, "pinned": True}):
        answer = patch(gateway, "a", change)
        assert (answer.status, answer.json()["code"]) == (403, "forbidden"), answer
        assert gateway.request("GET", "/segments/a").json() == before
    assert patch(gateway, "a", {"ttl": 600}).status == 200
