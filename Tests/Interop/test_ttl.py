"""Segments whose time is over are unlinked, whoever made them; who prolongs one in time keeps it."""

import fcntl
import json
import os
import random
import struct
import subprocess
import sys
import time

import shmgate

from gateway import ROOT, await_that
from nobody import gateway_of_nobody
from protocol import F_OFD_SETLK, LOCK, TURNSTILE, Neighbour, lock_range

LAYOUT = {"kind": "ndarray", "dtype": "<i8", "shape": [3]}
SEED = 20261125
STATE, EXPIRES = 14, 13  # words of the page
F_OFD_GETLK = 36
HOLDER = """
import fcntl, os, sys
from protocol import F_OFD_SETLKW, LOCK, lock_range
lock_range(os.open(sys.argv[1], os.O_RDWR), F_OFD_SETLKW, fcntl.F_WRLCK, LOCK)
print("locked", flush=True)
sys.stdin.read()
"""


def is_gone(gateway, name):
    return not os.path.lexists(gateway.path(name))


def await_a_look(gateway):
    """Waits until the sweeper has looked once more at everything: it takes names in their order."""
    gateway.create("zzz-the-last", LAYOUT, ttl=1e-6)
    await_that(lambda: is_gone(gateway, "zzz-the-last"))


def pins(gateway):
    folder = gateway.path(f".shmgate-{os.getuid()}")
    return [name for name in os.listdir(folder) if name.startswith(("pin-", "new-"))] if os.path.isdir(folder) else []


def publish(gateway, name, **settings):
    return shmgate.create(name, shmgate.BytesLayout(8), directory=gateway.directory, **settings)


def test_whoever_made_it_it_ends(own_gateway):
    gateway = own_gateway("--log-format", "json")
    gateway.create("http", LAYOUT, ttl=0.25)
    gateway.create("pinned", LAYOUT, ttl=0.25, pinned=True)
    gateway.create("readonly", LAYOUT, ttl=0.25, readonly=True, data=[1, 2, 3])
    gateway.create("patched", LAYOUT)
    assert gateway.request("PATCH", "/segments/patched", {"ttl": 0.25}).status == 200
    publish(gateway, "python", ttl=0.25)
    publish(gateway, "python-readonly", ttl=0.25, readonly=True)
    ends = ("http", "pinned", "readonly", "patched", "python", "python-readonly")
    gateway.create("never", LAYOUT)
    gateway.create("later", LAYOUT, ttl=600)
    publish(gateway, "python-later", ttl=600)
    with open(gateway.path("no-segment"), "wb") as file:
        file.write(struct.pack("<q", 1) * 16)
    corrupt = publish(gateway, "corrupt")
    page = Neighbour(gateway.path("corrupt")).page
    page[4], page[EXPIRES] = 1, 1  # the size is none, and the end long ago
    del corrupt
    stays = ("never", "later", "python-later", "no-segment", "corrupt")
    await_that(lambda: all(is_gone(gateway, name) for name in ends))
    await_a_look(gateway)
    assert [name for name in stays if is_gone(gateway, name)] == []
    assert [gateway.request("GET", f"/segments/{name}").status for name in ends] == [404] * len(ends)
    assert pins(gateway) == []
    await_that(lambda: gateway.errors().count('"message":"expire"') == len(ends) + 1)
    lines = [json.loads(line) for line in gateway.errors().split("\n")[:-1]]
    audit = [line for line in lines if line["logger"] == "audit" and line["message"] == "expire"]
    assert sorted(name for line in audit for name in line["names"]) == sorted((*ends, "zzz-the-last"))
    assert all(line["who"] == "gateway" and len(line["uuid"]) == 36 for line in audit)
    told = [line for line in lines if "has expired and is unlinked" in line["message"]]
    assert len(told) == len(audit) and all(line["level"] == "info" for line in told)


def test_who_has_it_mapped_is_told_and_the_name_is_free(own_gateway):
    gateway = own_gateway()
    first = gateway.create("a", LAYOUT, ttl=0.25, pinned=True).json()
    neighbour = Neighbour(gateway.path("a"))
    await_that(lambda: is_gone(gateway, "a"))
    await_that(lambda: neighbour.page[STATE] == 2)
    assert gateway.create("a", LAYOUT).json()["uuid"] != first["uuid"]
    await_a_look(gateway)
    assert gateway.request("GET", "/segments/a").status == 200


def test_what_ended_while_no_gateway_ran_ends_with_the_next(own_gateway):
    gateway = own_gateway()
    gateway.create("pinned", LAYOUT, ttl=0.5, pinned=True)
    gateway.stop()
    publish(gateway, "python", ttl=1e-6)
    gateway.start()
    await_that(lambda: is_gone(gateway, "pinned") and is_gone(gateway, "python"))
    await_that(lambda: pins(gateway) == [])


def test_one_whose_lock_is_held_can_be_read_and_ends_when_it_is_free(own_gateway):
    gateway = own_gateway()
    publish(gateway, "held")
    command = [sys.executable, "-c", HOLDER, gateway.path("held")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "Tests" / "Interop")}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as holder:
        assert holder.stdout.readline() == "locked\n"
        Neighbour(gateway.path("held")).page[EXPIRES] = 1
        for _ in range(2):
            await_a_look(gateway)
            assert gateway.request("GET", "/segments/held/data?format=raw").body == bytes(8)
        assert gateway.request("GET", "/segments/held").json()["expires"] is not None
        holder.stdin.close()
    await_that(lambda: is_gone(gateway, "held"))
    assert "cannot be unlinked" not in gateway.errors()


def is_queued(descriptor):
    """Whether somebody stands in the turnstile and waits for the lock."""
    asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, TURNSTILE, 8, 0)
    return struct.unpack("hhqqi", fcntl.fcntl(descriptor, F_OFD_GETLK, asked))[0] != fcntl.F_UNLCK


def test_one_that_is_prolonged_while_the_sweeper_waits_for_its_lock_stays(own_gateway):
    gateway = own_gateway()
    uuid = gateway.create("a", LAYOUT).json()["uuid"]
    neighbour = Neighbour(gateway.path("a"))
    for _ in range(3):
        neighbour.lock()
        neighbour.page[EXPIRES] = 1
        deadline = time.monotonic() + 120
        while not is_queued(neighbour.lock_file):
            assert time.monotonic() < deadline, "the sweeper does not come"
        neighbour.page[EXPIRES] = 0
        neighbour.unlock()
        await_a_look(gateway)
        assert gateway.request("GET", "/segments/a").json()["uuid"] == uuid
        assert neighbour.page[STATE] == 0


def test_a_patch_at_the_last_moment_wins_or_is_404(own_gateway, report):
    gateway = own_gateway()
    generator = random.Random(SEED)
    count = 300
    made = {}
    for number in range(count):
        name = f"s{number:03}"
        made[name] = gateway.create(name, LAYOUT, ttl=generator.uniform(0.1, 2.5)).json()["uuid"]
    outcomes = {}
    for name in generator.sample(sorted(made), count):
        time.sleep(0.003)
        outcomes[name] = gateway.request("PATCH", f"/segments/{name}", {"ttl": 600}).status
    await_a_look(gateway)
    for name, status in outcomes.items():
        assert status in (200, 404)
        answer = gateway.request("GET", f"/segments/{name}")
        assert answer.status == status, (name, answer)
        assert status == 404 or answer.json()["uuid"] == made[name]
    won = list(outcomes.values()).count(200)
    report(f"ttl: seed {SEED}, of {count} segments {won} were prolonged, {count - won} had ended")


def test_an_owner_whom_the_mode_keeps_from_writing_sees_it_end():
    with gateway_of_nobody() as gateway:
        gateway.create("a", LAYOUT, ttl=0.25, mode="0400", pinned=True)
        await_that(lambda: is_gone(gateway, "a"))
        assert "cannot be unlinked" not in gateway.errors()


def test_one_that_the_gateway_may_not_remove_is_told_once_and_left_alone():
    with gateway_of_nobody() as gateway:
        gateway.create("mine", LAYOUT, ttl=0.25)
        await_that(lambda: is_gone(gateway, "mine"))
        if os.getuid() != 0:
            return
        user = os.stat(gateway.directory).st_uid
        os.chown(gateway.directory, 0, 0)
        os.chmod(gateway.directory, 0o1777)
        publish(gateway, "roots", ttl=1e-6)
        os.chmod(gateway.path("roots"), 0o666)
        neighbour = Neighbour(gateway.path("roots"))
        sequence = int(neighbour.page[8])
        await_that(lambda: "the segment roots has expired and cannot be unlinked" in gateway.errors())
        for _ in range(3):
            await_a_look(gateway)
        told = gateway.errors().count("the segment roots has expired and cannot be unlinked")
        assert told == 1
        assert not is_gone(gateway, "roots") and int(neighbour.page[8]) == sequence
        os.chown(gateway.path("roots"), user, user)
        await_that(lambda: is_gone(gateway, "roots"))
