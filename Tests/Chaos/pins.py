#!/usr/bin/env python3
"""Kills the gateway behind every store and system call by which a pin is made, kept, used and removed.

The next gateway has to find order: every pin leads to the file that its name leads to, nothing is left of what was
being made, a segment that was pinned has its name, one that was deleted has none. Debug builds only: the places are
failpoints.
"""

import contextlib
import http.client
import os
import signal
import sys

from support import Gateway, await_that, folder, program

LAYOUT = {"kind": "ndarray", "dtype": "<i8", "shape": [3]}
OLD, NEW = (1, 2, 3), (4, 5, 6)
MERGE_PATCH = "application/merge-patch+json"


def private(directory):
    return os.path.join(directory, f".shmgate-{os.getuid()}")


def pins(directory):
    return sorted(os.listdir(private(directory))) if os.path.isdir(private(directory)) else []


def create(gateway, **members):
    return gateway.request("POST", "/segments", {"name": "a", "layout": LAYOUT, **members})


def state(gateway):
    """What is there: None, or whether it is pinned, its mode, whether it ends, and its data."""
    answer = gateway.request("GET", "/segments/a")
    if answer.status == 404:
        return None
    told = answer.json()
    data = gateway.request("GET", "/segments/a/data").json()["data"]
    return told["pinned"], told["mode"], told["expires"] is not None, tuple(data)


def patch(change):
    return lambda gateway: gateway.request("PATCH", "/segments/a", change, type=MERGE_PATCH)


def lose(gateway):
    """Takes the name away; ends when it is there again and everybody was told."""
    before = gateway.request("GET", "/segments/a").json()["sequence"]
    os.unlink(gateway.path("a"))

    def is_back():
        if not gateway.is_running():
            return True
        answer = gateway.request("GET", "/segments/a")
        return answer.status == 200 and answer.json()["sequence"] == before + 2

    await_that(is_back, "the name that is given back")


PINNED, LOOSE = (True, "0600", False, OLD), (False, "0600", False, OLD)
PINNED_NEW = (True, "0600", False, NEW)
ALL = {"pinned": True, "mode": "0640", "ttl": 3600}

#: Name, what is there before, what is done, what may be there after a death, what is there after a life.
OPERATIONS = [
    ("create pinned", None, lambda gateway: create(gateway, data=NEW, pinned=True), {None, PINNED_NEW}, PINNED_NEW),
    ("replace pinned by pinned", {"pinned": True}, lambda gateway: create(gateway, data=NEW, pinned=True, replace=True),
     {PINNED, PINNED_NEW}, PINNED_NEW),
    ("replace pinned by loose", {"pinned": True}, lambda gateway: create(gateway, data=NEW, replace=True),
     {PINNED, (False, *PINNED_NEW[1:])}, (False, *PINNED_NEW[1:])),
    ("delete", {"pinned": True}, lambda gateway: gateway.request("DELETE", "/segments/a"), {PINNED, None}, None),
    ("pin", {}, patch({"pinned": True}), {LOOSE, PINNED}, PINNED),
    ("unpin", {"pinned": True}, patch({"pinned": False}), {PINNED, LOOSE}, LOOSE),
    ("change all", {}, patch(ALL),
     {LOOSE, PINNED, (True, "0640", False, OLD), (True, "0640", True, OLD)}, (True, "0640", True, OLD)),
    ("give back", {"pinned": True}, lose, {PINNED}, PINNED),
    ("give back at start", {"pinned": True}, None, {PINNED}, PINNED),
]  # fmt: skip


@contextlib.contextmanager
def armed(number):
    """A gateway that is started in this block dies at its pass of this number."""
    os.environ["SHMGATE_DIE_AT"] = str(number)
    try:
        yield
    finally:
        del os.environ["SHMGATE_DIE_AT"]


def attempt(gateway, number, operate):
    """Runs the operation in a gateway that dies at a pass; tells whether it lived."""
    try:
        with armed(number):
            gateway.start()
    except AssertionError:  # it died before it listened
        gateway.process.wait()
        gateway.process.stdout.close()
        return False
    if operate is not None:
        # A connection that breaks is what a death looks like.
        with contextlib.suppress(OSError, http.client.HTTPException):
            operate(gateway)
    return gateway.stop() != -signal.SIGKILL


def orderly(directory):
    """Whether each pin and its name are one file, and nothing is left over."""
    names = [name for name in os.listdir(directory) if name != os.path.basename(private(directory))]
    return all(
        pin.startswith("pin-") and os.path.samefile(os.path.join(private(directory), pin), os.path.join(directory, pin[37:]))
        for pin in pins(directory)
    ) and set(names) <= {"a"}


def kill(options, report, operation):
    """Kills one operation everywhere; returns the number of kills."""
    name, before, operate, allowed, expected = operation
    number, lived = 0, False
    while not lived:
        number += 1
        with folder() as directory, Gateway(options, directory) as gateway:
            if before is not None:
                assert create(gateway, data=OLD, **before).status == 201
            gateway.stop()
            if operate is None:
                os.unlink(gateway.path("a"))
            lived = attempt(gateway, number, operate)
            gateway.start()
            found = state(gateway)
            where = f"{name}, {'alive' if lived else f'death {number}'}"
            report.require(found in allowed, f"{where}: found {found}")
            report.require(not lived or found == expected, f"{where}: found {found}")
            report.require(orderly(directory), f"{where}: left {os.listdir(directory)} and {pins(directory)}")
            if found is not None and found[0]:
                lose(gateway)
                report.require(state(gateway) == found, f"{where}: the pin did not give back {found}")
            elif found is not None:
                os.unlink(gateway.path("a"))
            report.require(orderly(directory), f"{where}: left {os.listdir(directory)} and {pins(directory)}")
    return number - 1


def main(options, report):
    operations = [one for one in OPERATIONS if not options.short or one[0] in ("create pinned", "give back")]
    for operation in operations:
        kills = kill(options, report, operation)
        report.figure(f"{operation[0]}: kills survived", kills)
        report.require(kills > 0, f"{operation[0]}: nothing died; this needs a debug build")


if __name__ == "__main__":
    sys.exit(program(main, __doc__))
