"""Examples/C/ticker.c, compiled with nothing but shmgate.h, beside a gateway and other local processes."""

import fcntl
import os
import pathlib
import shutil
import struct
import subprocess

import pytest

from gateway import RAW, ROOT
from protocol import F_OFD_SETLK, LOCK, SYS_FUTEX, TURNSTILE, Neighbour, lock_range

SYS_FCNTL = {"x86_64": 72, "aarch64": 25}[os.uname().machine]
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"]


@pytest.fixture(scope="module")
def ticker(tmp_path_factory):
    """The compiled example."""
    directory = tmp_path_factory.mktemp("ticker")
    # The header alone: a copy of it stands where the module's other headers do not.
    shutil.copy(ROOT / "Sources/CSegment/include/shmgate.h", directory)
    program = directory / "ticker"
    subprocess.run(["cc", *FLAGS, "-I", directory, "-o", program, ROOT / "Examples/C/ticker.c"], check=True)
    return program


@pytest.fixture
def price(gateway, request):
    """A segment of the test's own that holds the numbers 0 to 7."""
    name = request.node.name.partition("[")[0]
    gateway.create(name, {"kind": "ndarray", "dtype": "f8", "shape": [8]})
    gateway.request("PATCH", f"/segments/{name}/data", list(range(8)))
    return name


def start(ticker, path, *words):
    return subprocess.Popen(
        [ticker, path, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end(process):
    """Exit status and output of a process that ends by itself."""
    out, error = process.communicate(timeout=60)
    return process.returncode, out, error


def run(ticker, path, *words):
    return end(start(ticker, path, *words))


def await_sleep(process, call):
    """Returns when a process sleeps in a system call."""
    while not pathlib.Path(f"/proc/{process.pid}/syscall").read_text().startswith(f"{call} "):
        assert process.poll() is None, process.communicate()
        os.sched_yield()


def word(path, offset):
    with open(path, "rb") as file:
        return struct.unpack("<Q", os.pread(file.fileno(), 8, offset))[0]


def patch(path, offset, value):
    with open(path, "r+b") as file:
        os.pwrite(file.fileno(), struct.pack("<Q", value), offset)


def test_a_reader_sees_what_the_example_wrote(gateway, ticker, price):
    before = gateway.request("GET", f"/segments/{price}/data").headers["ETag"]
    assert run(ticker, gateway.path(price), "write", "101.25") == (0, "", "")
    answer = gateway.request("GET", f"/segments/{price}/data")
    assert answer.json()["data"] == [101.25, 1, 2, 3, 4, 5, 6, 7]
    assert answer.headers["ETag"] != before
    path = gateway.path(price)
    assert (word(path, 64), word(path, 72), word(path, 120)) == (6, 0, 0)
    assert word(path, 104) == 0 and word(path, 96) > word(path, 88)


def test_waiters_are_woken_by_the_example_and_by_the_gateway(gateway, ticker, price):
    waiters = [start(ticker, gateway.path(price), "wait") for _ in range(3)]
    for waiter in waiters:
        await_sleep(waiter, SYS_FUTEX)
    assert run(ticker, gateway.path(price), "write", "-0.1") == (0, "", "")
    assert [end(waiter) for waiter in waiters] == [(0, "6 -0.10000000000000001\n", "")] * 3
    waiter = start(ticker, gateway.path(price), "wait")
    await_sleep(waiter, SYS_FUTEX)
    assert gateway.request("PATCH", f"/segments/{price}/data?slice=0", 7.5).status == 204
    assert end(waiter) == (0, "8 7.5\n", "")


def test_a_waiter_sleeps_until_a_write_is_complete(gateway, ticker, price):
    neighbour = Neighbour(gateway.path(price))
    waiter = start(ticker, gateway.path(price), "wait")
    await_sleep(waiter, SYS_FUTEX)
    neighbour.lock()
    neighbour.begin()
    patch(gateway.path(price), word(gateway.path(price), 56), struct.unpack("<Q", struct.pack("<d", 9))[0])
    await_sleep(waiter, SYS_FUTEX)
    late = start(ticker, gateway.path(price), "wait")
    await_sleep(late, SYS_FUTEX)
    neighbour.end()
    neighbour.unlock()
    assert end(waiter) == end(late) == (0, "6 9\n", "")


@pytest.mark.parametrize("kind", [fcntl.F_WRLCK, fcntl.F_RDLCK])
def test_a_lock_held_elsewhere_keeps_the_example_waiting(gateway, ticker, price, kind):
    path = gateway.path(price)
    with open(path, "r+b") as holder, open(path, "r+b") as late:
        lock_range(holder, F_OFD_SETLK, kind, LOCK)
        writer = start(ticker, path, "write", "5")
        await_sleep(writer, SYS_FCNTL)
        with pytest.raises(BlockingIOError):  # It stands in the turnstile.
            lock_range(late, F_OFD_SETLK, fcntl.F_WRLCK, TURNSTILE)
        assert word(path, 64) == 4
        assert gateway.request("GET", f"/segments/{price}/data?slice=0").json()["data"] == 0
        lock_range(holder, F_OFD_SETLK, fcntl.F_UNLCK, LOCK)
        assert end(writer) == (0, "", "")
        assert word(path, 64) == 6
        lock_range(late, F_OFD_SETLK, fcntl.F_WRLCK, TURNSTILE)
        lock_range(late, F_OFD_SETLK, fcntl.F_WRLCK, LOCK)
    gateway.request("DELETE", f"/segments/{price}")


def test_a_name_that_changes_while_the_example_waits_is_noticed(gateway, ticker, price):
    path = gateway.path(price)
    with open(path, "r+b") as holder:
        lock_range(holder, F_OFD_SETLK, fcntl.F_WRLCK, LOCK)
        writer = start(ticker, path, "write", "5")
        await_sleep(writer, SYS_FCNTL)
        shutil.copy(path, path + ".new")
        os.rename(path + ".new", path)
        lock_range(holder, F_OFD_SETLK, fcntl.F_UNLCK, LOCK)
        status, out, error = end(writer)
        assert (status, out) == (1, "") and "Stale" in error
        old = os.pread(holder.fileno(), 8192 + 8, 0)
        assert old[64:72] == struct.pack("<Q", 4) and old[8192:] == struct.pack("<d", 0)


def test_a_change_of_the_name_that_did_not_happen_is_taken_back(gateway, ticker, price):
    path = gateway.path(price)
    patch(path, 112, 1)
    assert run(ticker, path, "write", "5") == (0, "", "")
    assert (word(path, 64), word(path, 112)) == (8, 0), "each change is a write of its own"


def test_the_example_does_not_write_after_a_death_until_somebody_recovered(gateway, ticker, price):
    path = gateway.path(price)
    patch(path, 2048, 0)
    patch(path, 64, 5)
    status, out, error = run(ticker, path, "write", "5")
    assert (status, out) == (1, "") and "Owner died" in error
    assert word(path, 64) == 5
    assert gateway.request("GET", f"/segments/{price}/data").headers["Shm-Damaged"]
    assert run(ticker, path, "write", "5") == (0, "", "")
    assert (word(path, 64), word(path, 72), word(path, 120)) == (8, 1, 1)


def test_the_example_refuses_what_it_cannot_use(gateway, ticker, price, tmp_path):
    path = gateway.path(price)
    for offset, value, words in [
        (0, 0, "Invalid argument"), (8, 2, "not supported"), (8, 1 | 2 << 32, "not supported"),
        (32, 1 << 40, "Invalid argument"), (56, 1 << 40, "Invalid argument"), (56, 8193, "Invalid argument"),
        (56, 0, "Invalid argument"), (8, 1 | 1 << 32, "Read-only"),
    ]:
        forged = tmp_path / "forged"
        shutil.copy(path, forged)
        patch(forged, offset, value)
        status, out, error = run(ticker, forged, "write", "5")
        assert (status, out) == (1, "") and words in error, (offset, value, error)
    os.symlink(path, tmp_path / "link")
    assert run(ticker, tmp_path / "link", "write", "5")[0] == 1
    assert run(ticker, tmp_path / "absent", "wait")[0] == 1
    (tmp_path / "short").write_bytes(b"SHMGATE\0")
    assert run(ticker, tmp_path / "short", "wait")[0] == 1
    assert run(ticker, path)[0] == 2 and run(ticker, path, "write")[0] == 2
    gateway.create("tiny", {"kind": "bytes", "size": 0})
    assert run(ticker, gateway.path("tiny"), "write", "5")[0] == 1
    assert word(path, 64) == 4


def test_the_example_and_the_gateway_write_in_turn(gateway, ticker, price):
    """Neither loses a write of the other's, though each takes many."""
    data = struct.pack("<8d", *range(8))
    for value in range(20):
        writer = start(ticker, gateway.path(price), "write", str(value))
        assert gateway.request("PATCH", f"/segments/{price}/data?slice=1:", data[8:], RAW).status == 204
        assert end(writer) == (0, "", "")
    assert word(gateway.path(price), 64) == 4 + 2 * 40
    assert gateway.request("GET", f"/segments/{price}/data").json()["data"] == [19, 1, 2, 3, 4, 5, 6, 7]
