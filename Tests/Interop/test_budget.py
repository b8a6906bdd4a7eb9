"""How much segments may take: all of them, and those with a prefix; whoever made them."""

import io
import json
import mmap
import os
import re
import socket
import subprocess
import tempfile
import threading

import numpy as np
import pyarrow as pa
import pytest
import shmgate as shm

from gateway import NPY, binary
from nobody import NOBODY

SMALL = {"kind": "ndarray", "dtype": "u1", "shape": [4]}
PAGES = 12_288  # of a segment of a few bytes


def layout(count):
    return {"kind": "ndarray", "dtype": "u1", "shape": [count]}


def order(gateway, name, count=4, **members):
    return gateway.request("POST", "/segments", {"name": name, "layout": layout(count), **members})


def limits(gateway, headers=None):
    answer = gateway.request("GET", "/segments", headers=headers).json()["capacity"]
    return {limit.pop("prefix"): limit for limit in answer["limits"]}


def refused(answer, *words):
    assert answer.status == 507 and answer.json()["code"] == "out-of-space", answer
    for word in words:
        assert word in answer.json()["detail"], answer
    return True


def test_bytes_of_all(own_gateway):
    gateway = own_gateway("--max-bytes", "1MiB")
    assert order(gateway, "a", 500_000).status == 201
    size = os.path.getsize(gateway.path("a"))
    assert refused(order(gateway, "b", 600_000), f"left for all segments, {(1 << 20) - size} of {1 << 20} bytes", "got one more of")
    assert gateway.temporaries() == [] and not os.path.exists(gateway.path("b"))
    assert limits(gateway) == {
        "": {"max_bytes": 1 << 20, "max_segments": None, "used_bytes": size, "used_segments": 1}
    }
    assert gateway.request("DELETE", "/segments/a").status == 204
    assert order(gateway, "b", 600_000).status == 201


def test_exactly_what_is_left_is_allowed(own_gateway):
    gateway = own_gateway("--max-bytes", str(3 * PAGES))
    for name in "abc":
        assert order(gateway, name).status == 201
    assert refused(order(gateway, "d"), f"0 of {3 * PAGES} bytes", f"got one more of {PAGES} bytes")
    assert limits(gateway)[""]["used_bytes"] == 3 * PAGES


def test_count_of_all_and_what_local_processes_do(own_gateway):
    gateway = own_gateway("--max-segments", "3")
    assert order(gateway, "a").status == 201
    with shm.create("local", shm.BytesLayout(80), directory=gateway.directory):
        assert order(gateway, "b").status == 201
        assert refused(order(gateway, "c"), "for all segments, 0 of 3 segments")
        shm.unlink("local", directory=gateway.directory)
        assert order(gateway, "c").status == 201
        assert refused(order(gateway, "d"))
    os.unlink(gateway.path("a"))
    assert order(gateway, "d").status == 201
    # Renamed by hand: still a segment, under another name.
    os.rename(gateway.path("b"), gateway.path("moved"))
    assert refused(order(gateway, "e"))
    # Files that are none do not count, also where segments are named later.
    for number in range(5):
        open(gateway.path(f"file{number}"), "w").close()
    os.unlink(gateway.path("moved"))
    assert order(gateway, "e").status == 201
    assert limits(gateway)[""]["used_segments"] == 3


def test_a_file_that_becomes_a_segment_in_place(own_gateway):
    """Copied byte by byte, as cp does, with other names changing meanwhile."""
    gateway = own_gateway("--max-segments", "2")
    assert order(gateway, "a").status == 201
    data = open(gateway.path("a"), "rb").read()
    with open(gateway.path("copy"), "wb") as copy:
        assert order(gateway, "b").status == 201
        assert gateway.request("DELETE", "/segments/b").status == 204
        copy.write(data)
    assert refused(order(gateway, "c"))


def test_a_large_copy_counts_with_all_that_it_has_become(own_gateway):
    """What is looked at while it is copied is looked at again when it is whole, also over a segment that was there."""
    gateway = own_gateway("--max-bytes", "3MiB")
    assert order(gateway, "a", 2_000_000).status == 201
    data = open(gateway.path("a"), "rb").read()
    assert order(gateway, "old").status == 201
    assert gateway.request("DELETE", "/segments/a").status == 204
    for name in ("new", "old"):
        with open(gateway.path(name), "wb") as copy:
            copy.write(data[:100_000])
            copy.flush()
            assert limits(gateway)[""]["used_bytes"] < 1_000_000
            copy.write(data[100_000:])
        assert limits(gateway)[""]["used_bytes"] >= len(data)
        assert refused(order(gateway, "b", 2_000_000))
        os.unlink(gateway.path(name))
    assert order(gateway, "b", 2_000_000).status == 201


@pytest.fixture
def shared():
    """A directory of segments that outlives each of its gateways."""
    with tempfile.TemporaryDirectory(prefix="shmgate-interop-", dir="/dev/shm") as directory:
        yield directory


def test_what_is_there_at_the_start_counts(shared, own_gateway):
    first = own_gateway(directory=shared)
    for name in "ab":
        assert order(first, name).status == 201
    second = own_gateway("--max-segments", "3", directory=shared)
    assert order(second, "c").status == 201
    assert refused(order(second, "d"))
    # Another gateway is a local process like any other.
    assert first.request("DELETE", "/segments/a").status == 204
    assert order(second, "d").status == 201


def test_more_than_allowed_already(shared, own_gateway):
    """A limit that came later: nothing is removed, and nothing new made."""
    first = own_gateway(directory=shared)
    for name in "abc":
        assert order(first, name, 1_000_000).status == 201
    second = own_gateway("--max-segments", "1", "--max-bytes", "1MiB", directory=shared)
    assert refused(order(second, "d"), f"0 of {1 << 20} bytes and 0 of 1 segments")
    assert len(second.request("GET", "/segments").json()["segments"]) == 3
    # To make one smaller is always allowed.
    assert order(second, "a", 4, replace=True).status == 201
    assert refused(order(second, "a", 900_000, replace=True), "bytes more for one that is there")


def test_a_replacement_counts_as_what_it_takes_more(own_gateway):
    gateway = own_gateway("--max-bytes", "1MiB", "--max-segments", "1")
    assert order(gateway, "a", 600_000).status == 201
    assert order(gateway, "a", 900_000, replace=True).status == 201
    assert refused(order(gateway, "a", 1_100_000, replace=True))
    array = np.zeros(700_000, np.uint8)
    answer = gateway.request("PUT", "/segments/a?replace=true", npy(array), NPY)
    assert answer.status == 200, answer
    assert limits(gateway)[""]["used_bytes"] == os.path.getsize(gateway.path("a"))


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_bodies_of_every_kind_are_counted(own_gateway):
    gateway = own_gateway("--max-bytes", "256KiB")
    assert refused(gateway.request("PUT", "/segments/a", npy(np.zeros(40_000)), NPY))
    sink = pa.BufferOutputStream()
    table = pa.table({"x": np.zeros(40_000)})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    arrow = {"Content-Type": "application/vnd.apache.arrow.stream"}
    assert refused(gateway.request("PUT", "/segments/a", sink.getvalue().to_pybytes(), arrow))
    assert refused(gateway.request("PUT", "/segments/a", {"layout": layout(300_000)}))
    assert gateway.temporaries() == [] and not os.path.exists(gateway.path("a"))
    assert gateway.request("PUT", "/segments/a", {"layout": layout(200_000)}).status == 201


def test_quotas_by_prefix(own_gateway):
    gateway = own_gateway(
        *("--max-segments", "5", "--quota", f"feed-={2 * PAGES},10", "--quota", "tmp-=,1", "--quota", f"feed-a-={PAGES}")
    )
    assert order(gateway, "feed-1").status == 201
    assert order(gateway, "feed-a-1").status == 201
    # Within its own, not within that of the shorter prefix.
    assert refused(order(gateway, "feed-2"), 'names begin with "feed-"', f"0 of {2 * PAGES} bytes and 8 of 10 segments")
    assert refused(order(gateway, "feed-a-2"))
    assert order(gateway, "tmp-1").status == 201
    assert refused(order(gateway, "tmp-2"), 'the segments whose names begin with "tmp-", 0 of 1 segments')
    assert order(gateway, "other").status == 201
    assert order(gateway, "feed").status == 201
    assert refused(order(gateway, "more"), "for all segments, 0 of 5 segments")
    seen = limits(gateway)
    assert {prefix: limit["used_segments"] for prefix, limit in seen.items()} == {"": 5, "feed-": 2, "tmp-": 1, "feed-a-": 1}
    text = gateway.request("GET", "/metrics").body.decode()
    assert re.search(rf'^shmgate_limit_used_bytes{{prefix="feed-"}} {2 * PAGES}$', text, re.M)
    assert re.search(r'^shmgate_limit_segments{prefix=""} 5$', text, re.M)


@pytest.mark.parametrize("flags", [("--max-segments", "10"), ("--max-bytes", str(10 * PAGES)), ("--quota", "race-=,10")])
def test_of_many_at_once_exactly_so_many_win(own_gateway, flags):
    gateway = own_gateway(*flags)
    for round in range(8):
        results = []
        barrier = threading.Barrier(32)

        def create(number):
            connection = gateway.connect()
            barrier.wait()
            name = f"race-{round}-{number}"
            body = {"name": name, "layout": SMALL}
            results.append((gateway.request("POST", "/segments", body, connection=connection).status, name))
            connection.close()

        threads = [threading.Thread(target=create, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made = [name for status, name in results if status == 201]
        assert len(made) == 10 and {status for status, _ in results} == {201, 507}, results
        for name in made:
            assert gateway.request("DELETE", f"/segments/{name}").status == 204


def test_what_fails_gives_its_room_back(own_gateway):
    gateway = own_gateway("--max-segments", "1")
    for _ in range(20):
        assert order(gateway, "a", data=[1, 2, 3, 999]).status == 422
        assert order(gateway, "a", data=[1]).status == 422
    assert order(gateway, "a").status == 201
    assert order(gateway, "a").status == 409
    assert limits(gateway)[""]["used_segments"] == 1


@pytest.mark.parametrize("kind", ["npy", "arrow", "json"])
def test_what_has_no_room_is_refused_before_its_body(own_gateway, kind):
    """Who asks with Expect is answered at once; what has gone meanwhile is seen."""
    gateway = own_gateway("--max-segments", "2", "--max-bytes", "64MiB")
    media = {
        "npy": "application/x-npy",
        "arrow": "application/vnd.apache.arrow.stream",
        "json": "application/json",
    }[kind]

    def ask(name, length):
        head = (
            f"PUT /segments/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media}\r\n"
            f"Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as line:
            line.sendall(head.encode())
            return line.recv(65_536).split(b"\r\n")[0].decode()

    for name in "ab":
        assert order(gateway, name).status == 201
    assert limits(gateway)[""]["used_segments"] == 2
    assert "507" in ask("c", 100_000)
    # One that is there may become smaller, or be refused for another reason: the body tells.
    assert "100" in ask("a?replace=true", 100_000)
    os.unlink(gateway.path("b"))
    assert "100" in ask("c", 100_000)
    # The size of npy is that of its body.
    assert ("507" if kind == "npy" else "100") in ask("c", 80 << 20)


def test_a_mode_that_forbids_to_read_hides_no_segment(shared, own_gateway):
    """A gateway without root's rights may not look into what it made so, and counts it, also when it starts again."""
    os.chmod(shared, 0o777)
    gateway = own_gateway("--max-segments", "2", directory=shared, user=NOBODY)
    assert order(gateway, "a", mode="0000").status == 201
    assert order(gateway, "b", mode="0600").status == 201
    assert refused(order(gateway, "c"))
    assert gateway.request("PATCH", "/segments/b", {"mode": "0000"}).status == 200
    gateway.stop()
    again = own_gateway("--max-segments", "2", directory=shared, user=NOBODY)
    assert refused(order(again, "c"))
    os.unlink(again.path("a"))
    assert order(again, "c").status == 201


def test_a_token_sees_the_limits_of_its_names(own_gateway, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("root plain:root read,write,create,unlink,admin *\nfeed plain:feed read,create feed-\n")
    gateway = own_gateway(
        *("--tokens", str(tokens), "--max-segments", "9", "--quota", "feed-=,1", "--quota", "feed-x=,7", "--quota", "other-=,1")
    )
    feed, root = ({"Authorization": f"Bearer {who}"} for who in ("feed", "root"))
    assert set(limits(gateway, root)) == {"", "feed-", "feed-x", "other-"}
    assert set(limits(gateway, feed)) == {"", "feed-", "feed-x"}
    body = {"name": "feed-1", "layout": SMALL}
    assert gateway.request("POST", "/segments", body, feed).status == 201
    answer = gateway.request("POST", "/segments", {"name": "feed-2", "layout": SMALL}, feed)
    assert refused(answer, "0 of 1 segments") and "other" not in answer.body.decode()
    # Names that it may not create are refused before anything is counted.
    for name in ("other-1", "other-2"):
        assert gateway.request("POST", "/segments", {"name": name, "layout": SMALL}, feed).status == 403


def test_a_token_learns_nothing_of_others_from_limits_that_they_share(own_gateway, tmp_path):
    """Whatever others have, it is told the same: in the list, and where it is refused."""
    tokens = tmp_path / "tokens"
    tokens.write_text("root plain:root read,write,create,unlink,admin *\na plain:a read,create feed-a-\n")
    size = f"feed-={4 * PAGES},9"
    gateway = own_gateway("--tokens", str(tokens), "--max-bytes", "1GiB", "--quota", size, "--quota", "feed-a-=,1")
    mine, root = ({"Authorization": f"Bearer {who}"} for who in ("a", "root"))

    def make(name, count=4, headers=root):
        return gateway.request("POST", "/segments", {"name": name, "layout": layout(count)}, headers)

    told, words = [], []
    for other in ("feed-b-1", "feed-b-2", "feed-b-3"):
        told.append(limits(gateway, mine))
        answer = make("feed-a-large", 4 * PAGES, mine)
        assert refused(answer, 'names begin with "feed-"', f"may take {4 * PAGES} bytes and 9 segments", "is not told")
        words.append(answer.json()["detail"])
        assert make(other).status == 201
    assert all(one == told[0] for one in told) and len(set(words)) == 1
    for prefix, limit in told[0].items():
        used = (limit["used_bytes"], limit["used_segments"])
        assert used == ((0, 0) if prefix == "feed-a-" else (None, None)), told[0]
    assert limits(gateway, root)["feed-"]["used_segments"] == 3
    # Where its own limit and a shared one are both reached, it is told of its own.
    assert make("feed-a-1", 4, mine).status == 201
    assert refused(make("feed-a-2", 4, mine), 'names begin with "feed-a-"', "0 of 1 segments")
    assert refused(make("feed-c"), 'names begin with "feed-"', f"0 of {4 * PAGES} bytes and 5 of 9 segments")


def test_many_segments_make_no_creation_dear(own_gateway):
    """Of 3,000 segments a creation looks at the one that has changed: the names that it asks for are few."""
    gateway = own_gateway("--max-segments", "10000", "--threads", "1")
    order(gateway, "template")
    template = open(gateway.path("template"), "rb").read()
    for number in range(3_000):
        with open(gateway.path(f"s{number:04}"), "wb") as file:
            file.write(template)
    assert order(gateway, "first").status == 201
    assert limits(gateway)[""]["used_segments"] == 3_002

    def calls():
        return int(re.search(r"^syscr: (\d+)$", open(f"/proc/{gateway.process.pid}/io").read(), re.M)[1])

    before = calls()
    assert order(gateway, "second").status == 201
    # To look at all of them would be 3,000 reads of a first page.
    assert calls() - before < 1_000


def test_files_that_are_no_segments_make_no_creation_dear(own_gateway):
    """Small ones, as semaphores are, are opened once; they may grow into segments, and are then seen."""
    gateway = own_gateway("--max-segments", "3", "--threads", "1")
    for number in range(2_000):
        with open(gateway.path(f"sem.{number}"), "wb") as file:
            file.write(bytes(32))
    assert order(gateway, "first").status == 201

    def calls():
        return int(re.search(r"^syscr: (\d+)$", open(f"/proc/{gateway.process.pid}/io").read(), re.M)[1])

    before = calls()
    assert order(gateway, "second").status == 201
    assert calls() - before < 1_000
    template = open(gateway.path("first"), "rb").read()
    descriptor = os.open(gateway.path("sem.7"), os.O_RDWR)
    os.ftruncate(descriptor, len(template))
    with mmap.mmap(descriptor, len(template)) as memory:
        assert order(gateway, "third").status == 201
        assert gateway.request("DELETE", "/segments/third").status == 204
        # A store that no call tells of.
        memory[:] = template
        assert refused(order(gateway, "third"))
    os.close(descriptor)


def test_the_doctor_says_what_is_used(own_gateway):
    gateway = own_gateway("--max-segments", "5", "--quota", "feed-=1MiB")

    def doctor():
        command = [binary(), "doctor", "--directory", gateway.directory, "--listen", f"127.0.0.1:{gateway.port}", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        return {finding["subject"]: finding for finding in json.loads(done.stdout)["findings"]}

    assert order(gateway, "feed-1").status == 201
    assert doctor()["limits"] == {
        "level": "ok",
        "subject": "limits",
        "found": "all: 1 of 5 segments; feed-*: 12 KiB of 1 MiB",
    }
    for number in range(4):
        assert order(gateway, f"a{number}").status == 201
    found = doctor()
    assert found["limits"]["level"] == "warn" and "--max-segments" in found["limits"]["advice"]
    assert found["gateway"]["level"] == "fail" and "0 of 5 segments" in found["gateway"]["found"]


@pytest.mark.parametrize(
    "flags, words",
    [
        (("--max-bytes", "many"), "many"),
        (("--max-segments", "-1"), "max-segments"),
        (("--quota", "feed-"), "feed-"),
        (("--quota", "=1GiB"), "=1GiB"),
        (("--quota", ".x=1GiB"), ".x"),
        (("--quota", "a/b=1GiB"), "a/b"),
        (("--quota", "a="), "a="),
        (("--quota", "a=1GiB,x"), "a=1GiB,x"),
        (("--quota", "a=1GiB,1,2"), "a=1GiB,1,2"),
        (("--quota", "a=,-1"), "a=,-1"),
        (("--quota", "a=1", "--quota", "a=2"), "each for another prefix"),
    ],
)
def test_limits_that_are_none(flags, words):
    done = subprocess.run([binary(), "serve", "--listen", "127.0.0.1:0", *flags], capture_output=True, text=True, timeout=60)
    assert done.returncode == 64 and words in done.stderr, done


def test_the_environment_has_them_too(own_gateway, monkeypatch):
    monkeypatch.setenv("SHMGATE_MAX_BYTES", "1GiB")
    monkeypatch.setenv("SHMGATE_MAX_SEGMENTS", "7")
    monkeypatch.setenv("SHMGATE_QUOTA", "a-=1MiB b-=,3")
    seen = limits(own_gateway())
    assert {prefix: (limit["max_bytes"], limit["max_segments"]) for prefix, limit in seen.items()} == {
        "": (1 << 30, 7),
        "a-": (1 << 20, None),
        "b-": (None, 3),
    }
