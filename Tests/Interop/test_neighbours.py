"""Local processes that follow the protocol, and some that die in the middle of it."""

import fcntl
import os
import signal
import subprocess
import sys

import numpy as np

from gateway import RAW
from protocol import F_OFD_SETLK, LOCK, lock_range

WRITER = """
import os, sys
sys.path.insert(0, sys.argv[2])
from protocol import Neighbour
import numpy as np
neighbour = Neighbour(sys.argv[1])
values = np.memmap(sys.argv[1], np.uint8, "r+", 8192, (1 << 20,))
"""

ALTERNATE = """
print("ready", flush=True)
value = 0
while True:
    value = (value + 1) % 256
    neighbour.lock()
    neighbour.begin()
    values[:] = value
    neighbour.end()
    neighbour.unlock()
"""

DIE_IN_THE_MIDDLE = """
neighbour.lock()
neighbour.begin()
values[:500] = 1
print("ready", flush=True)
os.kill(os.getpid(), 9)
"""

DIE_HOLDING_THE_LOCK = """
neighbour.lock()
print("ready", flush=True)
os.kill(os.getpid(), 9)
"""


def neighbour(gateway, name, program):
    """Starts a process that has mapped a segment, and waits until it says that it is ready."""
    here = os.path.dirname(__file__)
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER + program, gateway.path(name), here], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()


def megabyte(gateway, name):
    gateway.create(name, {"kind": "ndarray", "dtype": "u1", "shape": [1 << 20]})


def test_no_answer_mixes_two_writes(gateway, report):
    megabyte(gateway, "busy")
    process = neighbour(gateway, "busy", ALTERNATE)
    seen = set()
    for _ in range(300):
        answer = gateway.request("GET", "/segments/busy/data?format=raw")
        assert answer.status == 200
        values = np.frombuffer(answer.body, np.uint8)
        assert (values == values[0]).all(), "a torn read"
        seen.add(values[0])
    end(process)
    assert len(seen) > 1, "the writer never wrote"
    report(f"reads of 1 MiB beside a writer that never pauses: 300, none torn, {len(seen)} different states")


def test_both_write_and_no_write_is_lost(gateway):
    gateway.create("count", {"kind": "ndarray", "dtype": "u8", "shape": [2]})
    program = """
counter = np.memmap(sys.argv[1], np.uint64, "r+", 8192, (2,))
print("ready", flush=True)
for _ in range(500):
    neighbour.lock()
    neighbour.begin()
    counter[0] += 1
    neighbour.end()
    neighbour.unlock()
"""
    process = neighbour(gateway, "count", program.replace("values = ", "# "))
    for number in range(500):
        assert gateway.request("PATCH", "/segments/count/data?slice=1", number + 1).status == 204
    assert process.wait(timeout=120) == 0
    process.stdout.close()
    answer = gateway.request("GET", "/segments/count/data")
    assert answer.json()["data"] == [500, 500]
    assert answer.headers["ETag"].endswith(f'-{2 + 2 * 1000}"')


def test_a_held_lock_makes_writes_busy_and_reads_not(gateway):
    gateway.create("held", {"kind": "ndarray", "dtype": "u1", "shape": [4]})
    holder = os.open(gateway.path("held"), os.O_RDWR)
    lock_range(holder, F_OFD_SETLK, fcntl.F_WRLCK, LOCK)
    for method, path, body in (("PATCH", "/segments/held/data", 1), ("DELETE", "/segments/held", ...)):
        answer = gateway.request(method, path, body)
        assert answer.status == 503, answer
        assert answer.json()["code"] == "busy"
        assert int(answer.headers["Retry-After"]) >= 1
    assert gateway.request("GET", "/segments/held/data").json()["data"] == [0, 0, 0, 0]
    lock_range(holder, F_OFD_SETLK, fcntl.F_UNLCK, LOCK)
    assert gateway.request("PATCH", "/segments/held/data", 1).status == 204
    os.close(holder)


def test_dying_with_the_lock_and_an_even_sequence_does_no_damage(gateway):
    megabyte(gateway, "even")
    process = neighbour(gateway, "even", DIE_HOLDING_THE_LOCK)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert gateway.request("PATCH", "/segments/even/data?slice=0", 1).status == 204
    writer = gateway.request("GET", "/segments/even").json()["writer"]
    assert (writer["damaged"], writer["interrupted_writes"]) == (False, 0)


def test_a_half_write_is_told_until_the_whole_is_written(gateway):
    megabyte(gateway, "half")
    process = neighbour(gateway, "half", DIE_IN_THE_MIDDLE)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    answer = gateway.request("GET", "/segments/half/data?slice=0:600&format=raw")
    assert (answer.status, answer.headers["Shm-Damaged"]) == (200, "1")
    assert gateway.request("PATCH", "/segments/half/data?slice=0:10", 3).status == 204
    writer = gateway.request("GET", "/segments/half").json()["writer"]
    assert (writer["damaged"], writer["interrupted_writes"]) == (True, 1)
    assert gateway.request("PATCH", "/segments/half/data", bytes(1 << 20), RAW).status == 204
    writer = gateway.request("GET", "/segments/half").json()["writer"]
    assert (writer["damaged"], writer["interrupted_writes"]) == (False, 1)
    assert "Shm-Damaged" not in gateway.request("GET", "/segments/half/data?slice=0").headers


def test_a_half_write_is_told_until_it_is_repaired(gateway):
    megabyte(gateway, "mended")
    process = neighbour(gateway, "mended", DIE_IN_THE_MIDDLE)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    half = gateway.request("GET", "/segments/mended/data?format=raw")
    assert (half.status, half.headers["Shm-Damaged"]) == (200, "1")
    refused = gateway.request("POST", "/segments/mended/repair", headers={"If-Match": '"0-2"'})
    assert (refused.status, refused.json()["code"]) == (412, "precondition-failed")
    assert "Shm-Damaged" in gateway.request("GET", "/segments/mended/data?slice=0").headers
    tag = gateway.request("GET", "/segments/mended").headers["ETag"]
    repaired = gateway.request("POST", "/segments/mended/repair", headers={"If-Match": tag})
    assert (repaired.status, repaired.body) == (204, b"")
    whole = gateway.request("GET", "/segments/mended/data?format=raw")
    assert "Shm-Damaged" not in whole.headers
    assert whole.body == half.body
    described = gateway.request("GET", "/segments/mended")
    assert described.headers["ETag"] == repaired.headers["ETag"] != tag
    assert described.json()["writer"]["damaged"] is False
    assert described.json()["writer"]["interrupted_writes"] == 1
    # What is good stays as it is.
    again = gateway.request("POST", "/segments/mended/repair")
    assert (again.status, again.headers["ETag"]) == (204, repaired.headers["ETag"])


def test_a_killed_gateway_leaves_a_whole_array_and_no_files(own_gateway, report):
    gateway = own_gateway()
    size = 16 << 20
    gateway.create("killed", {"kind": "ndarray", "dtype": "u1", "shape": [size]})
    kills, acknowledged = 10, 0
    for kill in range(kills):
        connection = gateway.connect()
        for value in range(1 + kill % 3):
            acknowledged = kill * 4 + value
            assert gateway.request("PATCH", "/segments/killed/data", bytes([acknowledged]) * size, RAW, connection).status == 204
        body = bytes([255 - kill]) * size
        connection.putrequest("PATCH", "/segments/killed/data")
        connection.putheader("Content-Type", "application/octet-stream")
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        # More and more of the body, so that the kill hits reception, journal, copy or nothing at all.
        connection.send(body[: size * kill // (kills - 1)])
        gateway.stop(signal.SIGKILL)
        connection.close()
        gateway.start()
        values = np.frombuffer(gateway.request("GET", "/segments/killed/data?format=raw").body, np.uint8)
        assert (values == values[0]).all(), "half a write"
        assert values[0] in (acknowledged, 255 - kill), (kill, values[0])
        assert gateway.temporaries() == []
    report(f"gateway killed in a PATCH of 16 MiB: {kills} times, no half write, no file left after the restart")
