#!/usr/bin/env python3
"""Hostile and clumsy neighbours: segments truncated, grown, replaced, unlinked and scribbled over while clients use them.

Every request ends with an answer of the interface, the gateway lives, and keeps no descriptor and no thread. Headers,
control pages and journals are mutated at random; links, pipes, sockets, directories, foreign and unreadable files are
neither followed nor listed nor deleted.
"""

import contextlib
import copy
import http.client
import json
import os
import pathlib
import random
import socket
import stat
import struct
import time
import zlib

import support
from support import JSON, RAW, Client, Crew, Gateway, await_that

SEED = 4
NOBODY = 65_534
KNOWN_FAILURES = {(500, "corrupt-segment"), (500, "unsupported-format"), (503, "busy"), (507, "out-of-space")}
LAYOUTS = {
    "ndarray": {"kind": "ndarray", "dtype": "<f4", "shape": [64, 128]},
    "bytes": {"kind": "bytes", "size": 5000},
    "series": {"kind": "series", "dtype": "<f8", "index": ["a", "b", "ä"], "name": "s"},
    "dataframe": {
        "kind": "dataframe",
        "columns": [{"name": "a", "dtype": "<i4"}, {"name": "b", "dtype": "<f8"}, {"name": "c", "dtype": "S4"}],
        "index": {"dtype": "datetime64[ns]", "start": "2024-01-01", "periods": 7, "freq": "1D"},
    },
    "dataarray": {
        "kind": "dataarray", "dtype": "<i8", "dims": ["x", "y"], "coords": {"x": [1, 2, 3], "y": ["p", "q"]},
    },
    "struct": {
        "kind": "struct",
        "members": {"m": {"kind": "ndarray", "dtype": "bool", "shape": [3]}, "n": {"kind": "bytes", "size": 9}},
    },
    "list": {"kind": "list", "item": {"kind": "ndarray", "dtype": "complex128", "shape": [2]}, "count": 3},
    "json": {"kind": "json", "value": {"a": [1, 2]}, "capacity": 100},
}  # fmt: skip


def verdict(answer):
    """`ok`, the code of an error that the interface has, or None for what must not come."""
    if answer.status < 400:
        return "ok"
    try:
        code = answer.json()["code"]
    except (ValueError, KeyError):
        return None
    return code if answer.status < 500 or (answer.status, code) in KNOWN_FAILURES else None


def is_folder(path):
    """A link to a folder is none: it is unlinked and renamed over, as a file is."""
    return os.path.isdir(path) and not os.path.islink(path)


# Part one: vandals beside clients.


class Vandal:
    """Does to a file what a neighbour with the right to write can do."""

    def __init__(self, directory, good, chance):
        self.directory, self.good, self.chance = directory, good, chance
        self.hidden = os.path.join(directory, f".vandal-{os.getpid()}")

    def act(self):
        """One deed, on one of the names."""
        name = self.chance.choice(sorted(self.good))
        deeds = [self.truncate, self.grow, self.replace, self.unlink, self.scribble, self.swap_kind, self.restore, self.restore]
        deed = self.chance.choice(deeds)
        with contextlib.suppress(OSError):
            deed(os.path.join(self.directory, name), name)
        return deed.__name__

    def truncate(self, path, name):
        whole = len(self.good[name])
        os.truncate(path, self.chance.choice([0, 100, 4096, 8192, whole - 4096, whole - 1, self.chance.randrange(whole)]))

    def grow(self, path, name):
        os.truncate(path, len(self.good[name]) + self.chance.randrange(8 << 20))

    def replace(self, path, name):
        """By another segment, by text, or by noise that begins as a segment does."""
        noise = self.chance.randbytes(self.chance.randrange(20_000))
        self.put(path, self.chance.choice([self.chance.choice(list(self.good.values())), b"foreign", b"SHMGATE\0" + noise]))

    def unlink(self, path, name):
        os.unlink(path)

    def scribble(self, path, name):
        """Over the control page and the header, where they are, with everybody looking on."""
        with open(path, "r+b") as file:
            place = self.chance.choice([self.chance.randrange(128), self.chance.randrange(2048, 2120), self.chance.randrange(12_288)])
            os.pwrite(file.fileno(), self.chance.randbytes(self.chance.choice([1, 8, 64])), place)

    def swap_kind(self, path, name):
        """Something else takes the name, for a moment."""
        self.remove(path)
        kind = self.chance.randrange(4)
        if kind == 0:
            os.symlink(os.path.join(self.directory, self.chance.choice(sorted(self.good))), path)
        elif kind == 1:
            os.mkfifo(path)
        elif kind == 2:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path)
        else:
            os.mkdir(path)

    def restore(self, path, name):
        self.put(path, self.good[name])

    def put(self, path, contents):
        with open(self.hidden, "wb") as file:
            file.write(contents)
        if is_folder(path):
            os.rmdir(path)
        os.rename(self.hidden, path)

    @staticmethod
    def remove(path):
        if is_folder(path):
            os.rmdir(path)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def vandalise(tally, goes_on, directory, good, number):
    vandal = Vandal(directory, good, random.Random(f"{SEED}-{number}"))
    while goes_on():
        vandal.act()
        tally.done += 1
        time.sleep(0.0005)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(vandal.hidden)


def use(tally, goes_on, port, good, number):
    """A client that reads and writes, and wants an answer to everything."""
    chance = random.Random(f"{SEED}-client-{number}")
    client, size = Client(port), 1 << 20
    while goes_on():
        name = chance.choice(sorted(good))
        data = f"/segments/{name}/data"
        requests = [
            ("GET", data + "?format=raw"), ("GET", data), ("GET", data + "?format=npy"), ("GET", data + "?slice=0:4,::3"),
            ("GET", data + "?consistency=relaxed&format=raw"), ("GET", f"/segments/{name}"), ("HEAD", data),
            ("GET", "/segments"), ("GET", f"/segments/{name}?attached=true"),
            ("PATCH", data, bytes([chance.randrange(256)]) * size, RAW), ("PATCH", data, chance.randrange(9), JSON),
            ("PATCH", data + "?slice=0:2", chance.randrange(9), JSON),
            ("PATCH", data, {"patches": [{"slice": "0:1", "value": 1}, {"slice": "1:2", "value": 2}]}, JSON),
            ("DELETE", f"/segments/{name}"),
            ("PUT", f"/segments/{name}?replace=true", {"layout": {"kind": "ndarray", "dtype": "u1", "shape": [size]}}, JSON),
            ("POST", "/segments", {"name": name, "layout": {"kind": "bytes", "size": 10}}, JSON),
        ]  # fmt: skip
        words = chance.choice(requests)
        try:
            answer = client.request(*words)
        except (http.client.IncompleteRead, http.client.RemoteDisconnected, ConnectionResetError):
            # What is sent from the mapping, without a copy, can only break off.
            assert "relaxed" in words[1], words
            tally.torn += 1
            continue
        said = verdict(answer) if words[0] != "HEAD" or answer.status >= 500 else "ok"
        if words[0] == "HEAD" and answer.status == 500:
            said = "corrupt-segment"  # a HEAD has no document that says so
        assert said, (words[:2], answer)
        tally.done += 1
        tally.bytes += len(answer.body)
        tally.refused += said in ("corrupt-segment", "unsupported-format")
        tally.retries += said == "no-such-segment"
        tally.backwards += said == "ok"


def vandals(options, report, quota, seconds):
    with support.folder() as directory, Gateway(options, directory) as gateway:
        layouts = {f"array-{i}": {"kind": "ndarray", "dtype": "u1", "shape": [1 << 20]} for i in range(4)}
        layouts.update({"frame": LAYOUTS["dataframe"], "grid": LAYOUTS["ndarray"]})
        for name, layout in layouts.items():
            gateway.create(name, layout)
        good = {name: pathlib.Path(gateway.path(name)).read_bytes() for name in layouts}
        for name in good:
            gateway.request("PATCH", f"/segments/{name}/data?slice=0:1", 1)
        before = idle(gateway)
        began = time.monotonic()
        with Crew() as crew:
            clients = [crew.start(use, gateway.port, good, number) for number in range(4)]
            doers = [crew.start(vandalise, directory, good, number) for number in range(2)]
            crew.await_quota(quota)
            time.sleep(max(0, began + seconds - time.monotonic()))
        report.require(gateway.is_running(), "the gateway ended")
        total = {field: sum(getattr(tally, field) for tally in clients) for field, _ in support.Tally._fields_}
        report.figure(
            "vandals",
            f"{sum(tally.done for tally in doers):,} deeds, {total['done']:,} answers: {total['backwards']:,} good, "
            f"{total['refused']:,} corrupt, {total['retries']:,} without a segment, {total['torn']} relaxed ones broke off",
        )
        for field in ("backwards", "refused", "retries"):
            report.require(total[field] > 0, f"the vandals were too tame or too wild: {total}")
        vandal = Vandal(directory, good, random.Random(SEED))
        for name in good:
            vandal.restore(gateway.path(name), name)
            answer = gateway.request("GET", f"/segments/{name}/data")
            report.require(answer.status == 200, f"{name}, restored: {answer}")
        await_that(lambda: not support.spares(directory), "the files kept for the next writes go")
        report.require(sorted(os.listdir(directory)) == sorted(good), f"left behind: {os.listdir(directory)}")
        as_before(gateway, report, before)


def idle(gateway):
    """Descriptors and threads of a gateway that has been used."""
    return gateway.descriptors(), gateway.status_number("Threads")


def as_before(gateway, report, before):
    """The gateway lets go of what it had open as it is asked for other things."""
    now = ()

    def is_so():
        nonlocal now
        gateway.request("GET", "/segments")
        now = idle(gateway)
        return now[0] <= before[0] and now[1] <= before[1]

    with contextlib.suppress(TimeoutError):
        await_that(is_so, "descriptors and threads as before")
    report.figure("descriptors and threads before and after", f"{before} {now}")
    report.require(now[0] <= before[0] and now[1] <= before[1], f"descriptors and threads: {before} before, {now} after")


# Part two: random headers.

NUMBERS = [0, 1, 2, 7, 8, 63, 4095, 4096, 8191, 8192, 12_288, 1 << 20, 1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
TEXTS = ["", "values", "index", "<f8", "|u1", "<M8[ns]", "<U9999999999", "V0", "ndarray", "series", "struct", "/", "%", "\u0000", "x" * 300]


class Mutator:
    """Takes whole segments and makes broken ones, from a seed."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def mutate(self, whole):
        """The bytes of a file, with a few things wrong."""
        file = bytearray(whole)
        for _ in range(self.chance.choice([1, 1, 1, 2, 3])):
            way = self.chance.choice([self.page, self.page, self.bits, self.json, self.json, self.json, self.journal, self.length])
            way(file)
        return bytes(file)

    def page(self, file):
        """A word of the control page."""
        place = self.chance.choice([0, 8, 12, 16, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 2048, 2056, 2080])
        if place + 8 <= len(file):
            struct.pack_into("<Q", file, place, self.chance.choice([*NUMBERS, len(file), len(file) - 4096, self.chance.getrandbits(64)]))

    def bits(self, file):
        """Some bits of page and header."""
        for _ in range(self.chance.choice([1, 2, 50])):
            if file:
                file[self.chance.randrange(min(len(file), 12_288))] ^= 1 << self.chance.randrange(8)

    def length(self, file):
        """A file too short or too long."""
        if self.chance.random() < 0.5:
            del file[self.chance.randrange(len(file) + 1) :]
        else:
            file.extend(bytes(self.chance.randrange(10_000)))

    def json(self, file):
        """A header that is JSON, but says something else."""
        if len(file) < 8192:
            return
        (count,) = struct.unpack_from("<Q", file, 48)
        with contextlib.suppress(ValueError, UnicodeDecodeError, RecursionError):
            header = json.loads(bytes(file[4096 : 4096 + min(count, 4096)]))
            text = json.dumps(self.twist(header), ensure_ascii=self.chance.random() < 0.5).encode(errors="replace")
            if self.chance.random() < 0.1:
                text = text[: self.chance.randrange(len(text) + 1)]
            if len(text) <= 4096:
                file[4096:8192] = text.ljust(4096, b"\0")
                struct.pack_into("<Q", file, 48, len(text))

    def twist(self, value):
        """The same value with one thing in it another."""
        if isinstance(value, (dict, list)) and value and self.chance.random() < 0.85:
            value = copy.copy(value)
            key = self.chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
            deed = self.chance.random()
            if deed < 0.07:
                del value[key]
            elif deed < 0.12 and isinstance(value, list):
                value.append(copy.deepcopy(value[key]))
            elif deed < 0.15 and isinstance(value, dict):
                value[self.chance.choice(TEXTS)] = value[key]
            else:
                value[key] = self.twist(value[key])
            return value
        return self.chance.choice([*NUMBERS, *TEXTS, -1, -8, 1.5, None, True, [], {}, [[]], [1, 2], "[" * 50])

    def journal(self, file):
        """A dead writer's journal in the page, whose checksum holds and whose records are anything."""
        if len(file) < 8192:
            return
        (sequence,) = struct.unpack_from("<Q", file, 64)
        struct.pack_into("<Q", file, 64, sequence | 1)
        numbers = [*NUMBERS, 8192, 12_288, len(file) - 8]
        rank = self.chance.choice([0, 1, 1, 2, 64, 65, 1 << 31])
        record = struct.pack("<QII", self.chance.choice(numbers), rank, self.chance.choice([0, 1, 8, 1 << 31, (1 << 32) - 1]))
        for _ in range(2 * min(rank, 70)):
            record += struct.pack("<Q", self.chance.choice(numbers))
        payload = (record + self.chance.randbytes(self.chance.choice([0, 8, 100])))[:1984]
        count = self.chance.choice([len(payload), len(payload), 0, 1984, 1985, 1 << 63])
        kind = self.chance.choice([1, 1, 1, 2, 3, 4])
        head = struct.pack("<IIQ16sQ16s", kind, self.chance.randrange(3), sequence | 1, bytes(file[16:32]), count, self.chance.randbytes(16))
        file[2048:4096] = (head + struct.pack("<II", zlib.crc32(payload, zlib.crc32(head)), 0) + payload).ljust(2048, b"\0")


def random_headers(options, report, rounds):
    """Each broken file is described, listed, read, written and deleted."""
    counts = {}
    with support.folder() as directory, Gateway(options, directory) as gateway:
        whole = {}
        for kind, layout in LAYOUTS.items():
            gateway.create("good", layout)
            whole[kind] = pathlib.Path(gateway.path("good")).read_bytes()
            gateway.request("DELETE", "/segments/good")
        mutator = Mutator(SEED)
        for turn in range(rounds):
            kind = mutator.chance.choice(sorted(whole))
            contents = mutator.mutate(whole[kind])
            pathlib.Path(gateway.path(".broken")).write_bytes(contents)
            os.rename(gateway.path(".broken"), gateway.path("broken"))
            value = {"json": {"a": 1}, "bytes": {"data": ""}, "struct": {"patches": []}}.get(kind, 1)
            for words in (
                ("GET", "/segments/broken"), ("GET", "/segments/broken/data"), ("GET", "/segments/broken/data?format=raw"),
                ("GET", "/segments"), ("PATCH", "/segments/broken/data", value, JSON),
                ("PATCH", "/segments/broken/data?slice=0", bytes(4), RAW), ("GET", "/segments/broken/data/index"),
            ):  # fmt: skip
                try:
                    answer = gateway.request(*words)
                    said = verdict(answer)
                except (http.client.HTTPException, OSError) as error:
                    answer, said = repr(error), None
                if said is None:
                    kept = os.path.join("/tmp", f"shmgate-broken-{SEED}-{turn}")
                    pathlib.Path(kept).write_bytes(contents)
                    report.require(False, f"round {turn}, {kind}, {words[:2]}: {answer}; the file is {kept}")
                    if not gateway.is_running():
                        return
                counts[said] = counts.get(said, 0) + 1
            answer = gateway.request("DELETE", "/segments/broken")
            is_ours = contents[:8] == b"SHMGATE\0"
            gone = not os.path.lexists(gateway.path("broken"))
            report.require(
                (answer.status, gone) == ((204, True) if is_ours else (404, False)), f"round {turn}, {kind}, DELETE: {answer}"
            )
            if not gone:
                os.unlink(gateway.path("broken"))
        await_that(lambda: not support.spares(directory), "the files kept for the next writes go")
        report.require(os.listdir(directory) == [], f"left behind: {os.listdir(directory)}")
        report.require(gateway.is_running(), "the gateway ended")
    report.figure("random headers", f"{rounds:,} files, {sum(counts.values()):,} answers: {dict(sorted(counts.items(), key=str))}")
    for said in ("ok", "corrupt-segment", "unsupported-format", "no-such-segment"):
        report.require(counts.get(said), f"no answer was {said}")


# Part three: things that are no segments of ours.


def foreign_things(options, report):
    """In a directory as /dev/shm is: everybody may make files there, and nobody may delete another's."""
    is_root = os.getuid() == 0
    with support.folder() as outside, support.folder() as directory:
        os.chmod(directory, 0o1777)
        os.chmod(outside, 0o755)
        with Gateway(options, outside) as gateway:
            gateway.create("secret", {"kind": "bytes", "size": 100}, mode="0644")
            gateway.create("other", {"kind": "bytes", "size": 100}, mode="0600")
        secret, other = os.path.join(outside, "secret"), pathlib.Path(outside, "other").read_bytes()
        listeners = make_things(directory, secret, other, is_root)
        before = {name: look(os.path.join(directory, name)) for name in os.listdir(directory)}
        outer = {name: look(os.path.join(outside, name)) for name in os.listdir(outside)}
        with Gateway(options, directory, user=NOBODY if is_root else None) as gateway:
            gateway.create("mine", {"kind": "bytes", "size": 10})
            used = idle(gateway)
            asked = 0
            names = [name for name in before if not name.startswith(".")]
            for _ in range(2):
                for name in names:
                    for words, allowed in attempts(name):
                        answer = gateway.request(*words)
                        asked += 1
                        said = (answer.status, verdict(answer))
                        report.require(said in allowed, f"{words[:2]}: expected one of {allowed}, got {answer}")
                listed = [entry["name"] for entry in gateway.request("GET", "/segments").json()["segments"]]
                report.require(listed == ["mine"], f"listed: {listed}")
            as_before(gateway, report, used)
            assert gateway.request("DELETE", "/segments/mine").status == 204
        after = {name: look(os.path.join(directory, name)) for name in os.listdir(directory)}
        for name in sorted(before.keys() | after.keys()):
            private = name.startswith(".shmgate-") and name not in before and stat.S_ISDIR(after[name][0])
            report.require(private or before.get(name) == after.get(name), f"{name}: {before.get(name)} is now {after.get(name)}")
        report.require({name: look(os.path.join(outside, name)) for name in os.listdir(outside)} == outer, "a link was followed")
        for listener in listeners:
            listener.close()
    report.figure("foreign things", f"{len(before)} of them, {asked} requests, none followed, listed or deleted")


def make_things(directory, secret, other, is_root):
    """Everything that can have a name and is no segment that the gateway may use."""

    def path(name):
        return os.path.join(directory, name)

    for prefix in ("", ".shmgate-tmp-", ".shmgate-journal-"):
        tail = (lambda word: word) if not prefix else (lambda word: f"{zlib.crc32(word.encode()):032x}")
        os.symlink(secret, path(prefix + tail("link-to-a-segment")))
        os.symlink("nowhere", path(prefix + tail("dangling")))
        os.symlink(tail("loop"), path(prefix + tail("loop")))
        os.mkfifo(path(prefix + tail("pipe")))
        os.mkdir(path(prefix + tail("folder")))
    listeners = [socket.socket(socket.AF_UNIX)]
    listeners[0].bind(path("socket"))
    listeners[0].listen()
    for name, contents in {
        "text": b"hello", "empty": b"", "zeros": bytes(20_000), "almost": b"SHMGATF" + other[7:],
    }.items():  # fmt: skip
        pathlib.Path(path(name)).write_bytes(contents)
    if is_root:
        pathlib.Path(path("unreadable")).write_bytes(other)
        os.chmod(path("unreadable"), 0o600)
        with contextlib.suppress(PermissionError):
            os.mknod(path("device"), stat.S_IFCHR | 0o666, os.makedev(1, 5))
    return listeners


def attempts(name):
    """Requests for a thing, and what may be said to each."""
    absent = {(404, "no-such-segment")}
    if name == "unreadable":
        absent = {(403, "forbidden"), (404, "no-such-segment")}
    order = {"layout": {"kind": "bytes", "size": 10}}
    return [
        (("GET", f"/segments/{name}"), absent),
        (("GET", f"/segments/{name}/data"), absent),
        (("GET", f"/segments/{name}/data?consistency=relaxed&format=raw"), absent),
        (("PATCH", f"/segments/{name}/data", bytes(100), RAW), absent),
        (("PATCH", f"/segments/{name}/data", {"data": ""}, JSON), absent),
        (("DELETE", f"/segments/{name}"), absent),
        (("POST", "/segments", {"name": name, **order}), {(409, "already-exists")}),
        (("PUT", f"/segments/{name}", order), {(409, "already-exists")}),
        (("PUT", f"/segments/{name}?replace=true", order), {(409, "already-exists"), (403, "forbidden")}),
    ]


def look(path):
    """All that shows whether a thing was touched."""
    status = os.lstat(path)
    contents = b""
    if stat.S_ISREG(status.st_mode):
        contents = pathlib.Path(path).read_bytes()
    elif stat.S_ISLNK(status.st_mode):
        contents = os.readlink(path)
    return status.st_mode, status.st_ino, status.st_uid, status.st_nlink, contents


def main(options, report):
    report.figure("seed", SEED)
    foreign_things(options, report)
    random_headers(options, report, 200 if options.short else 5000)
    vandals(options, report, *((50, 3) if options.short else (2000, 60)))


if __name__ == "__main__":
    support.program(main, __doc__)
