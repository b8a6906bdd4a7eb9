"""Segments that belong to another user: what their modes forbid is 403 on every road, never a failure of ours.

The directory is as /dev/shm is, open to everybody and sticky, so that nobody removes what is another's.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile

import pytest

from gateway import Gateway
from nobody import NOBODY

LAYOUT = {"kind": "series", "dtype": "int64", "index": 4}
LOOKING = [
    ("GET", "/segments/theirs", ...),
    ("HEAD", "/segments/theirs", ...),
    ("GET", "/segments/theirs?attached=true", ...),
    ("GET", "/segments/theirs/data", ...),
    ("GET", "/segments/theirs/data?format=raw&consistency=relaxed", ...),
    ("GET", "/segments/theirs/data?format=arrow", ...),
    ("GET", "/segments/theirs/data/index", ...),
    ("GET", "/segments/theirs/data?sel.index=2", ...),
    ("POST", "/query", {"reads": [{"segment": "ours"}, {"segment": "theirs"}]}),
    ("GET", "/zarr/theirs", ...),
    ("GET", "/zarr/theirs/zarr.json", ...),
    ("GET", "/zarr/theirs/values/c/0", ...),
]
CHANGING = [
    ("PATCH", "/segments/theirs/data", [5, 6, 7, 8]),
    ("PATCH", "/segments/theirs/data?slice=0", 5),
    ("PATCH", "/segments/theirs/data?where=values>0", 5),
    ("PATCH", "/segments/theirs", {"ttl": 60}),
    ("PATCH", "/segments/theirs", {"mode": "0666"}),
    ("PATCH", "/segments/theirs", {"pinned": True}),
    ("POST", "/segments/theirs/repair", {}),
    ("POST", "/patch", {"patches": [{"segment": "ours", "value": 5}, {"segment": "theirs", "value": 5}]}),
    ("PUT", "/zarr/theirs/values/c/0", bytes(32)),
    ("DELETE", "/zarr/theirs/values/c/0", ...),
]
REMOVING = [
    ("DELETE", "/segments/theirs", ...),
    ("PUT", "/segments/theirs?replace=true", {"layout": LAYOUT}),
    ("POST", "/segments", {"name": "theirs", "layout": LAYOUT, "replace": True}),
]


@contextlib.contextmanager
def between(mode):
    """A gateway of nobody, a segment of its own, and one of another user with this mode.

    A user who is not root can give no file away. His own file with no mode at all is then the nearest there is.
    """
    directory = tempfile.mkdtemp(prefix="shmgate-interop-", dir="/dev/shm")
    os.chmod(directory, 0o1777)
    gateway = Gateway(directory=directory, user=NOBODY)
    try:
        for name in ("ours", "theirs"):
            gateway.create(name, LAYOUT, fill=1)
        if os.getuid() == 0:
            os.chown(gateway.path("theirs"), 0, 0)
        os.chmod(gateway.path("theirs"), mode if os.getuid() == 0 else 0)
        yield gateway
    finally:
        gateway.close()
        shutil.rmtree(directory)


def content(gateway):
    return {name: open(gateway.path(name), "rb").read() for name in os.listdir(gateway.directory) if name[0] != "."}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o000, 0o444, 0o644])
def test_what_the_mode_of_another_users_segment_forbids_is_forbidden(mode):
    readable = bool(mode & 0o004) and os.getuid() == 0
    with between(mode) as gateway:
        before = content(gateway) if os.getuid() == 0 else None
        for method, path, body in LOOKING:
            answer = gateway.request(method, path, body)
            assert answer.status == (200 if readable else 403), (method, path, answer)
        for method, path, body in CHANGING + REMOVING:
            headers = {"Content-Type": "application/octet-stream"} if isinstance(body, bytes) else None
            answer = gateway.request(method, path, body, headers)
            assert (answer.status, answer.json()["code"]) == (403, "forbidden"), (method, path, answer)
        assert before is None or content(gateway) == before
        listed = gateway.request("GET", "/segments")
        assert listed.status == 200 and "ours" in [each["name"] for each in listed.json()["segments"]]
        assert gateway.request("GET", "/segments/ours/data").json()["data"] == [1, 1, 1, 1]


def test_a_segment_that_all_may_write_is_written_and_stays_its_owners():
    with between(0o666) as gateway:
        if os.getuid() != 0:
            return
        assert gateway.request("PATCH", "/segments/theirs/data", 5).status == 204
        assert gateway.request("GET", "/segments/theirs/data").json()["data"] == [5, 5, 5, 5]
        for method, path, body in REMOVING:
            answer = gateway.request(method, path, body)
            assert (answer.status, answer.json()["code"]) == (403, "forbidden"), (method, path, answer)
        assert os.stat(gateway.path("theirs")).st_uid == 0
        assert gateway.request("GET", "/segments/theirs/data").json()["data"] == [5, 5, 5, 5]


def test_a_segment_that_another_user_laid_there_is_served_as_his():
    """Who may make files in the directory publishes under any free name; the description says whose it is."""
    with between(0o644) as gateway:
        described = gateway.request("GET", "/segments/theirs").json()
        assert described["uid"] == (0 if os.getuid() == 0 else os.getuid()) and "mode" in described
        with open(gateway.path("taken"), "wb") as file:
            file.write(b"first come")
        answer = gateway.request("POST", "/segments", {"name": "taken", "layout": LAYOUT, "replace": True})
        assert (answer.status, answer.json()["code"]) == (409, "already-exists")
        assert open(gateway.path("taken"), "rb").read() == b"first come"


def test_without_tokens_the_gateway_lends_its_rights_to_every_user(tmp_path):
    """The confused deputy: a user whom the mode keeps out asks the gateway, which may. Tokens end that."""
    stranger = NOBODY if os.getuid() == 0 else os.getuid()
    tokens = tmp_path / "tokens"
    tokens.write_text("owner plain:owners-secret read,create,unlink *\n")

    def stranger_reads(gateway):
        told = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{gateway.port}/segments/private/data"],
            capture_output=True, text=True, user=stranger, extra_groups=[], cwd="/",
        )
        return int(told.stdout)

    for flags, status in (((), 200), (("--tokens", str(tokens)), 401)):
        gateway = Gateway(*flags)
        try:
            made = gateway.request(
                "POST", "/segments", {"name": "private", "layout": LAYOUT}, {"Authorization": "Bearer owners-secret"}
            )
            assert made.status == 201 and made.json()["mode"] == "0600"
            assert ("every user of this machine can reach this port" in gateway.errors()) == (not flags)
            assert stranger_reads(gateway) == status
        finally:
            gateway.close()


def test_a_proxy_on_this_machine_is_a_local_user(gateway):
    """Whom a proxy speaks for is not believed; what it calls the gateway is looked at."""
    forwarded = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    assert gateway.request("GET", "/segments", headers=forwarded).status == 200
    assert gateway.request("GET", "/segments", headers={**forwarded, "Host": "gateway.example.org"}).status == 403
