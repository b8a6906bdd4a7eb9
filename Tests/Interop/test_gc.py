"""`shmgate gc`: which segments it lists and removes, beside a gateway that has them open and without one."""

import fcntl
import json
import os
import re
import struct
import subprocess
import time

import pytest

from gateway import binary
from nobody import gateway_of_nobody
from processes import everybody_is_seen, mapper, seeing
from protocol import F_OFD_SETLK, LOCK, lock_range

LAYOUT = {"kind": "ndarray", "dtype": "<i8", "shape": [3]}
MODIFIED = 96


def gc(directory, *flags, program=None, **settings):
    before = [program] if program else [*seeing(), binary()]
    return subprocess.run(
        [*before, "gc", "--directory", directory, *flags],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        **settings,
    )


def report(*arguments, expected=0, **settings):
    done = gc(*arguments, "--json", **settings)
    assert done.returncode == expected, done
    assert done.stderr == ""
    return json.loads(done.stdout)


def age(gateway, name, seconds):
    """Makes the last write as old as that."""
    with open(gateway.path(name), "r+b") as file:
        file.seek(MODIFIED)
        file.write(struct.pack("<q", time.time_ns() - seconds * 10**9))


@pytest.fixture
def crowd(own_gateway):
    """A gateway with a segment of every sort, all of them open in it."""
    gateway = own_gateway()
    for name in ["tmp-old", "tmp-older", "mapped", "locked", "new"]:
        gateway.create(name, LAYOUT)
    gateway.create("pinned", LAYOUT, pinned=True)
    for name, seconds in [("tmp-old", 100), ("tmp-older", 90_000), ("mapped", 100), ("locked", 100), ("pinned", 100)]:
        age(gateway, name, seconds)
    with open(gateway.path("foreign"), "wb") as file:
        file.write(b"x" * 9_000)
    with open(gateway.path("corrupt"), "wb") as file:
        file.write(b"SHMGATE\0".ljust(8192, b"\xff"))
    return gateway


def unseen(gateway):
    """Where not everybody can be seen nothing may be listed or removed; the tests of the rest end with that."""
    if everybody_is_seen():
        return False
    before = sorted(os.listdir(gateway.directory))
    found = report(gateway.directory, "--older-than", "60s", "--yes", expected=3)
    assert found["orphans"] == [] and found["kept"]["unknown"] > 0 and found["gaps"]
    assert sorted(os.listdir(gateway.directory)) == before
    return True


def test_it_lists_first_and_removes_with_yes(crowd):
    if unseen(crowd):
        return
    before = sorted(os.listdir(crowd.directory))
    with mapper(crowd.path("mapped")), open(crowd.path("locked"), "r+b") as holder:
        lock_range(holder.fileno(), F_OFD_SETLK, fcntl.F_WRLCK, LOCK)
        found = report(crowd.directory, "--older-than", "60s")
        assert [entry["name"] for entry in found["orphans"]] == ["locked", "tmp-old", "tmp-older"]
        assert found["kept"] == {"young": 1, "attached": 1, "pinned": 1, "unreadable": 1} and found["gaps"] == []
        assert all(entry["why"] == "nobody maps it" and not entry["removed"] for entry in found["orphans"])
        assert [entry["age_seconds"] // 1_000 for entry in found["orphans"]] == [0, 0, 90]
        sizes = {entry["name"]: (entry["size"], entry["uuid"]) for entry in found["orphans"]}
        described = crowd.request("GET", "/segments/tmp-old").json()
        assert sizes["tmp-old"] == (described["size"], described["uuid"])
        assert sorted(os.listdir(crowd.directory)) == before

        # Three days are more than any has; a day is what one has; the prefix is obeyed.
        assert report(crowd.directory, "--older-than", "3d")["orphans"] == []
        assert [entry["name"] for entry in report(crowd.directory, "--older-than", "1d")["orphans"]] == ["tmp-older"]
        assert report(crowd.directory, "--older-than", "60s", "--prefix", "x", "--yes")["orphans"] == []

        done = report(crowd.directory, "--older-than", "60s", "--yes", expected=2)
        assert {entry["name"]: entry["removed"] for entry in done["orphans"]} == {
            "locked": False,
            "tmp-old": True,
            "tmp-older": True,
        }
        assert done["kept"]["busy"] == 1
        assert sorted(set(before) - set(os.listdir(crowd.directory))) == ["tmp-old", "tmp-older"]
    names = [entry["name"] for entry in crowd.request("GET", "/segments").json()["segments"]]
    assert names == ["corrupt", "locked", "mapped", "new", "pinned"]
    # The gateway unlinks on purpose, gc does too: no name comes back, and a second run finds the rest.
    assert [entry["name"] for entry in report(crowd.directory, "--older-than", "60s", "--yes")["orphans"]] == [
        "locked",
        "mapped",
    ]
    assert crowd.request("GET", "/segments/mapped").status == 404


def test_the_table_says_the_same(crowd):
    if unseen(crowd):
        return
    listed = gc(crowd.directory, "--older-than", "60s", "--prefix", "tmp-")
    assert listed.returncode == 0
    lines = listed.stdout.splitlines()
    assert re.split(r"\s{1,}", lines[0].strip()) == ["NAME", "SIZE", "MODIFIED", "WHY"]
    assert re.fullmatch(r"tmp-old +12288 +1m \d+s +nobody maps it", lines[1])
    assert re.fullmatch(r"tmp-older +12288 +1d 1h +nobody maps it", lines[2])
    assert lines[3] == "2 orphans older than 60s, 24576 bytes; none removed, say --yes for that"
    removed = gc(crowd.directory, "--older-than", "60s", "--prefix", "tmp-", "--yes")
    assert removed.returncode == 0 and removed.stdout.splitlines()[-1] == "2 removed, 24576 bytes"
    again = gc(crowd.directory, "--older-than", "60s", "--prefix", "tmp-", "--yes")
    assert again.stdout == f"no orphans older than 60s in {crowd.directory}\n"


def test_whoever_cannot_see_everybody_removes_nothing():
    with gateway_of_nobody() as gateway:
        gateway.create("a", LAYOUT)
        age(gateway, "a", 100)
        user = {"user": gateway.user, "group": gateway.user, "extra_groups": [], "cwd": "/"} if gateway.user else {}
        found = report(gateway.directory, "--older-than", "60s", "--yes", expected=3, program=gateway.program, **user)
        assert found["orphans"] == [] and found["kept"] == {"unknown": 1}
        assert any("not ours to read" in gap for gap in found["gaps"]), found
        text = gc(gateway.directory, "--older-than", "60s", "--yes", program=gateway.program, **user)
        assert text.returncode == 3 and "kept: 1 unknown" in text.stdout
        assert "not everybody could be looked at: " in text.stdout
        assert os.path.exists(gateway.path("a"))


def test_in_a_pid_namespace_nothing_is_removed(own_gateway):
    gateway = own_gateway()
    gateway.create("a", LAYOUT)
    age(gateway, "a", 100)
    command = ["unshare", "--pid", "--fork", "--mount-proc"]
    if os.getuid() != 0:
        command += ["--user", "--map-root-user"]
    done = subprocess.run(
        [*command, binary(), "gc", "--directory", gateway.directory, "--older-than", "60s", "--yes", "--json"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 3, done
    assert "this is a private pid namespace, whose processes are not all" in json.loads(done.stdout)["gaps"]
    assert os.path.exists(gateway.path("a"))


@pytest.mark.parametrize("value", ["", "12", "h", "-1h", "1.5h", "1w", "99999999999999d", "36501d"])
def test_an_age_that_is_none_is_refused(value, tmp_path):
    assert gc(str(tmp_path), f"--older-than={value}").returncode == 64


def test_there_is_no_age_unless_somebody_says_one(tmp_path):
    done = gc(str(tmp_path))
    assert done.returncode == 64 and "--older-than" in done.stderr
    missing = gc(str(tmp_path / "missing"), "--older-than", "1s")
    assert missing.returncode == 66 and "Cannot use the directory" in missing.stderr
    shown = subprocess.run([binary(), "gc", "--help"], capture_output=True, text=True)
    assert shown.returncode == 0
    for word in ["Examples:", "Exit status:", "shmgate gc --older-than 12h"]:
        assert word in shown.stdout
