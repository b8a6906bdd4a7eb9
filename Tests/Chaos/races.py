#!/usr/bin/env python3
"""Races for names and for memory, over HTTP, in Python and in Swift at once.

One name has one winner; nobody sees a segment half-built; a replacement has no moment without a segment, and who had
the old one mapped sees its state; the last bytes of a tmpfs go to one, and the other is told; a full tmpfs keeps
nothing of what it refused.
"""

import contextlib
import errno
import json
import mmap
import os
import random
import struct
import subprocess
import time

import numpy as np
import shmgate

import support
from support import FORK, JSON, PATIENCE, RAW, Answer, Client, Crew, Gateway, await_that
from torture import stamp

SEED = 4
SIZE = 4096
STATE = 112
TEMPORARY = (".shmgate-tmp-", ".shmgate-journal-")


def bytes_layout(size):
    return {"kind": "ndarray", "dtype": "uint8", "shape": [size]}


def words_layout(size):
    return {"kind": "ndarray", "dtype": "<u8", "shape": [size // 8]}


def temporaries(directory):
    return [name for name in os.listdir(directory) if name.startswith(TEMPORARY)]


class HeldRequest:
    """A request whose last byte waits for `go`, so that many can come at the same moment."""

    def __init__(self, client, method, target, body, headers=None):
        self.connection, self.body = client.connection, json.dumps(body).encode()
        self.connection.putrequest(method, target)
        for name, value in {"Content-Type": JSON, "Content-Length": str(len(self.body)), **(headers or {})}.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        self.connection.send(self.body[:-1])

    def go(self):
        self.connection.send(self.body[-1:])

    def outcome(self):
        """`won`, `lost` or `full`."""
        answer = Answer(self.connection.getresponse())
        code = "" if answer.status < 400 else answer.json()["code"]
        known = {(201, ""): "won", (409, "already-exists"): "lost", (412, "precondition-failed"): "lost", (507, "out-of-space"): "full"}
        assert (answer.status, code) in known, answer
        return known[answer.status, code]


class PythonCreator:
    """A process of its own with the Python client, kept from round to round."""

    def __init__(self, directory):
        self.ours, theirs = FORK.Pipe()
        self.process = FORK.Process(target=self._work, args=(directory, theirs, self.ours), daemon=True)
        self.process.start()
        theirs.close()

    @staticmethod
    def _work(directory, pipe, other):
        other.close()
        while words := pipe.recv():
            name, number, size = words
            try:
                shmgate.create(name, shmgate.NdArrayLayout("uint8", size, init_value=number), directory=directory)
                pipe.send("won")
            except shmgate.SegmentExists:
                pipe.send("lost")
            except OSError as error:
                pipe.send("full" if error.errno == errno.ENOSPC else repr(error))
        os._exit(0)

    def hold(self, name, number, size=SIZE):
        self.words = (name, number, size)
        return self

    def go(self):
        self.ours.send(self.words)

    def outcome(self):
        assert self.ours.poll(PATIENCE), "a creator in Python gives no answer"
        return self.ours.recv()

    def close(self):
        self.ours.send(None)
        self.process.join(PATIENCE)


class SwiftCreator:
    """A process with the Swift library, which creates when its input ends."""

    def __init__(self, program, directory, name, number, size=SIZE):
        self.process = subprocess.Popen(
            [program, directory, "create", name], stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        self.rest = memoryview(bytes([number]) * size)
        if size <= SIZE:  # what fits into the pipe; the end is what the process waits for
            self.process.stdin.write(self.rest)
            self.rest = self.rest[:0]

    def go(self):
        while self.rest:
            self.rest = self.rest[self.process.stdin.write(self.rest) :]
        self.process.stdin.close()

    def outcome(self):
        error = self.process.stderr.read().decode()
        self.process.stderr.close()
        if self.process.wait(PATIENCE) == 0:
            return "won"
        assert "is taken" in error or "is full" in error, error
        return "lost" if "is taken" in error else "full"


def race(creators):
    """Lets all go, and gives what each has come to."""
    for creator in creators:
        creator.go()
    return [creator.outcome() for creator in creators]


def check_winner(gateway, report, name, outcomes):
    """One has won, and the name leads to the winner's segment and no other's."""
    report.require(outcomes.count("won") == 1, f"{name}: {outcomes.count('won')} of {len(outcomes)} creators won: {outcomes}")
    report.require(outcomes.count("lost") == len(outcomes) - 1, f"{name}: {outcomes}")
    body = gateway.request("GET", f"/segments/{name}/data?format=raw").body
    winner = outcomes.index("won") if "won" in outcomes else -1
    report.require(body == bytes([winner]) * SIZE, f"{name}: it holds {set(body)}, the winner is {winner}")


def names_over_http(gateway, report, rounds):
    """32 connections, one name."""
    clients = [Client(gateway.port) for _ in range(32)]
    losers = 0
    for turn in range(rounds):
        name = f"http-{turn}"
        layout = bytes_layout(SIZE)
        ways = [
            lambda i: ("POST", "/segments", {"name": name, "layout": layout, "fill": i}),
            lambda i: ("PUT", f"/segments/{name}", {"layout": layout, "fill": i}),
            lambda i: ("PUT", f"/segments/{name}", {"layout": layout, "fill": i}, {"If-None-Match": "*"}),
        ]
        # The first rounds are of one kind each, the others mixed.
        requests = [HeldRequest(client, *ways[turn % 3 if turn < 6 else (turn + i) % 3](i)) for i, client in enumerate(clients)]
        outcomes = race(requests)
        check_winner(gateway, report, name, outcomes)
        losers += outcomes.count("lost")
        gateway.request("DELETE", f"/segments/{name}")
    report.figure("32 creators over HTTP", f"{rounds} names, {rounds} winners, {losers} losers")


def names_everywhere(options, gateway, report, rounds):
    """16 over HTTP, 8 in Python, 8 in Swift, in another order each time."""
    chance = random.Random(SEED)
    clients = [Client(gateway.port) for _ in range(16)]
    python = [PythonCreator(gateway.directory) for _ in range(8)]
    program = options.binary("ChaosSide")
    winners = {"HTTP": 0, "Python": 0, "Swift": 0}
    for turn in range(rounds):
        name = f"mixed-{turn}"
        requests = {
            i: HeldRequest(client, "POST", "/segments", {"name": name, "layout": bytes_layout(SIZE), "fill": i})
            for i, client in enumerate(clients)
        }
        requests.update({16 + i: creator.hold(name, 16 + i) for i, creator in enumerate(python)})
        requests.update({24 + i: SwiftCreator(program, gateway.directory, name, 24 + i) for i in range(8)})
        order = list(requests)
        chance.shuffle(order)
        outcomes = dict(zip(order, race([requests[number] for number in order])))
        outcomes = [outcomes[number] for number in range(32)]
        check_winner(gateway, report, name, outcomes)
        winners["HTTP" if (winner := outcomes.index("won")) < 16 else "Python" if winner < 24 else "Swift"] += 1
        shmgate.unlink(name, directory=gateway.directory)
    for creator in python:
        creator.close()
    report.figure("32 creators of three kinds", f"{rounds} names, won by {winners}")


# Workers: they make and follow the segments of one name.


def http_publish(tally, goes_on, port, name, size, number, replacing):
    client = Client(port)
    target = f"/segments/{name}" + ("?replace=true" if replacing else "")
    while goes_on():
        word = stamp(number, tally.done)
        answer = client.request("PUT", target, {"layout": words_layout(size), "fill": word, "attrs": {"stamp": word}})
        assert answer.status in (200, 201, 503) or (answer.status == 409 and not replacing), answer
        if not replacing:
            answer = client.request("DELETE", f"/segments/{name}")
            assert answer.status in (204, 404, 503), answer
        tally.refused += answer.status >= 400
        tally.done += 1


def python_publish(tally, goes_on, directory, name, size, number, replacing):
    while goes_on():
        word = stamp(number, tally.done)
        layout = shmgate.NdArrayLayout("<u8", size // 8, init_value=np.uint64(word))
        try:
            shmgate.create(name, layout, directory=directory, attrs={"stamp": word}, replace=replacing)
            if not replacing:
                shmgate.unlink(name, directory=directory)
        except (shmgate.SegmentExists, shmgate.NoSuchSegment):
            tally.refused += 1
        tally.done += 1


def is_whole(values, word):
    return bool((values == values.flat[0]).all()) and int(values.flat[0]) == word


def http_follow(tally, goes_on, port, name):
    """Description and data belong together where their tags do."""
    client = Client(port)
    while goes_on():
        data = client.request("GET", f"/segments/{name}/data?format=raw")
        described = client.request("GET", f"/segments/{name}")
        listed = client.request("GET", "/segments").json()["segments"]
        for answer in (data, described):
            assert answer.status in (200, 404, 503), answer
            tally.refused += answer.status == 404
            tally.retries += answer.status == 503
        if data.status == 200:
            values = np.frombuffer(data.body, "<u8")
            word = int(values[0])
            if described.status == 200 and described.json()["uuid"] == data.headers["ETag"][1:37]:
                word = described.json()["attrs"]["stamp"]
            tally.torn += not is_whole(values, word)
        tally.torn += any("corrupt" in entry for entry in listed)
        tally.done += 1


def python_follow(tally, goes_on, directory, name):
    while goes_on():
        try:
            attrs = shmgate.info(name, directory=directory).attrs
            values = shmgate.snapshot(name, directory=directory)
            tally.torn += not is_whole(values, int(values[0])) or "stamp" not in attrs
        except shmgate.NoSuchSegment:
            tally.refused += 1
        tally.done += 1


def map_old(tally, goes_on, directory, name, expected):
    """Holds what the name leads to until it leads elsewhere; then the state has been told already."""
    path = os.path.join(directory, name)
    while goes_on():
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as old:
            here = os.fstat(descriptor)
            os.close(descriptor)

            def has_moved():
                try:
                    return not os.path.samestat(os.stat(path), here)
                except FileNotFoundError:
                    return True

            while not has_moved():
                if not goes_on():
                    return
            (state,) = struct.unpack_from("<Q", old, STATE)
            tally.torn += state not in expected
            tally.done += 1


def half_built(options, gateway, report, quota, seconds, replacing):
    """Three make segments of one name, three follow it, one holds on to what was there."""
    name, size = ("replaced" if replacing else "created"), 64 << 10
    directory, program = gateway.directory, options.binary("ChaosSide")
    if replacing:
        word = stamp(0, 0)
        gateway.create(name, words_layout(size), fill=word, attrs={"stamp": word})
    began = time.monotonic()
    with Crew() as crew:
        words = [program, directory, "naming", name, str(size), str(quota)]
        makers = [
            crew.start(http_publish, gateway.port, name, size, 1, replacing),
            crew.start(python_publish, directory, name, size, 2, replacing),
            crew.start_program(*words, "replace" if replacing else "create", "3"),
        ]
        followers = [
            crew.start(http_follow, gateway.port, name),
            crew.start(python_follow, directory, name),
            crew.start_program(*words, "follow"),
        ]
        mapper = crew.start(map_old, directory, name, (1,) if replacing else (2,))
        crew.await_quota(quota)
        time.sleep(max(0, began + seconds - time.monotonic()))
    made = sum(tally.done - tally.refused for tally in makers)
    seen = sum(tally.done for tally in followers)
    torn = sum(tally.torn for tally in followers)
    absent = sum(tally.refused for tally in followers)
    title = "replacing one name" if replacing else "creating and unlinking one name"
    report.figure(
        title,
        f"{made:,} segments, {seen:,} looks, half-built or mixed {torn} of {seen:,}, "
        f"no segment {absent:,}, old mappings told of their state {mapper.done:,}, not told {mapper.torn}",
    )  # fmt: skip
    report.require(torn == 0, f"{title}: {torn} looks saw a segment that was not whole")
    report.require(mapper.torn == 0, f"{title}: {mapper.torn} old mappings did not say what happened to their name")
    report.require(not replacing or absent == 0, f"{title}: {absent} looks found no segment")
    gateway.request("DELETE", f"/segments/{name}")
    report.require(os.listdir(directory) == [], f"{title}: left behind: {os.listdir(directory)}")


def free_bytes(directory):
    room = os.statvfs(directory)
    return room.f_bfree * room.f_frsize


def last_bytes(options, report, rounds):
    """Two want more than half of a tmpfs each."""
    size = 5 << 20
    counts = {}
    with support.small_tmpfs(8 << 20) as directory, Gateway(options, directory) as gateway:
        clients = [Client(gateway.port) for _ in range(2)]
        python = [PythonCreator(directory) for _ in range(2)]
        program, empty = options.binary("ChaosSide"), free_bytes(directory)

        def http(turn, number):
            return HeldRequest(
                clients[number], "POST", "/segments", {"name": f"last-{number}", "layout": bytes_layout(size), "fill": number}
            )

        def in_python(turn, number):
            return python[number].hold(f"last-{number}", number, size)

        def in_swift(turn, number):
            return SwiftCreator(program, directory, f"last-{number}", number, size)

        pairs = [(http, http), (http, in_python), (in_python, http), (in_python, in_python), (http, in_swift), (in_swift, in_python)]
        for turn in range(rounds):
            outcomes = race([make(turn, number) for number, make in enumerate(pairs[turn % len(pairs)])])
            title = f"the last bytes, round {turn}"
            report.require(set(outcomes) <= {"won", "full"} and outcomes != ["won", "won"], f"{title}: {outcomes}")
            expected = [f"last-{number}" for number in range(2) if outcomes[number] == "won"]
            report.require(sorted(os.listdir(directory)) == expected, f"{title}: {os.listdir(directory)} after {outcomes}")
            for name in expected:
                body = gateway.request("GET", f"/segments/{name}/data?format=raw").body
                report.require(body == bytes([int(name[-1])]) * size, f"{title}: {name} is not whole")
                assert gateway.request("DELETE", f"/segments/{name}").status == 204
            report.require(free_bytes(directory) == empty, f"{title}: {empty - free_bytes(directory)} bytes are lost")
            counts[" and ".join(sorted(outcomes))] = counts.get(" and ".join(sorted(outcomes)), 0) + 1
        for creator in python:
            creator.close()
    report.figure("two for the last bytes", f"{rounds} rounds: {counts}")


def patch_while_full(tally, goes_on, port, name, number):
    """Bodies that need a staged file, of every kind; each is one stamp over the whole."""
    client, size = Client(port), 1 << 20
    while goes_on():
        word = stamp(number, tally.done)
        half = size // 16
        body = (
            (np.full(size // 8, word, "<u8").tobytes(), RAW),
            (word, JSON),
            ({"patches": [{"slice": f":{half}", "value": word}, {"slice": f"{half}:", "value": word}]}, JSON),
        )[tally.done % 3]
        answer = client.request("PATCH", f"/segments/{name}/data", *body)
        assert answer.status in (204, 503) or (answer.status, answer.json()["code"]) == (507, "out-of-space"), answer
        tally.refused += answer.status == 507
        tally.done += 1


def create_while_full(tally, goes_on, port, directory, name):
    """Segments that mostly do not fit, with data of their own."""
    client, size = Client(port), 1 << 20
    while goes_on():
        order = {"name": name, "layout": bytes_layout(size)}
        answer = client.request("POST", "/segments", order)
        assert answer.status == 201 or (answer.status, answer.json()["code"]) == (507, "out-of-space"), answer
        tally.refused += answer.status == 507
        if answer.status == 201:
            assert client.request("DELETE", f"/segments/{name}").status == 204
        tally.done += 1


def read_while_full(tally, goes_on, port, name):
    client = Client(port)
    while goes_on():
        answer = client.request("GET", f"/segments/{name}/data?format=raw")
        assert answer.status in (200, 503), answer
        if answer.status == 200:
            values = np.frombuffer(answer.body, "<u8")
            tally.torn += not (values == values[0]).all()
        tally.done += 1


def breathe(tally, goes_on, directory):
    """Takes all memory that is left, and gives a part of it back."""
    chance = random.Random(SEED)
    with open(os.path.join(directory, ".ballast"), "wb", buffering=0) as file:
        while goes_on():
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(64 << 10))
            tally.done += 1
            time.sleep(chance.random() / 100)
            end = max(0, os.fstat(file.fileno()).st_size - chance.randrange(3 << 20))
            file.truncate(end)
            file.seek(end)
            time.sleep(chance.random() / 100)


def full_memory(options, report, quota):
    """Writers and creators on a tmpfs that is full most of the time."""
    with support.small_tmpfs(8 << 20) as directory, Gateway(options, directory) as gateway:
        gateway.create("live", words_layout(1 << 20), fill=stamp(0, 0))
        gateway.create("small", words_layout(64), fill=stamp(0, 0))
        with Crew() as crew:
            patchers = [crew.start(patch_while_full, gateway.port, "live", number) for number in range(1, 4)]
            makers = [crew.start(create_while_full, gateway.port, directory, f"new-{number}") for number in range(2)]
            reader = crew.start(read_while_full, gateway.port, "live")
            crew.start(breathe, directory)
            crew.await_quota(quota)
            await_that(lambda: sum(tally.refused for tally in patchers) and sum(tally.refused for tally in makers), "a 507")
        await_that(lambda: not support.spares(directory), "the files kept for the next writes go")
        with open(gateway.path(".ballast"), "ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        before = gateway.request("GET", "/segments/live/data?format=raw").body
        for body, type in ((bytes(1 << 20), RAW), (0, JSON)):
            answer = gateway.request("PATCH", "/segments/live/data", body, type)
            report.require(answer.status == 507, f"a PATCH in full memory: {answer}")
        answer = gateway.request("PUT", "/segments/more", {"layout": bytes_layout(4096)})
        report.require(answer.status == 507, f"a PUT in full memory: {answer}")
        answer = gateway.request("PATCH", "/segments/small/data", 5)
        report.require(answer.status == 204, f"a PATCH that fits into the page in full memory: {answer}")
        after = gateway.request("GET", "/segments/live/data?format=raw").body
        report.require(before == after and len(after) == 1 << 20, "a refused PATCH changed the segment")
        left = sorted(os.listdir(directory))
        report.require(left == [".ballast", "live", "small"], f"left in full memory: {left}")
    report.figure(
        "full memory",
        f"{sum(t.done for t in patchers):,} patches, {sum(t.refused for t in patchers):,} of them 507, "
        f"{sum(t.done for t in makers):,} creations, {sum(t.refused for t in makers):,} of them 507, "
        f"{reader.done:,} reads, torn {reader.torn}; nothing left behind",
    )
    report.require(reader.torn == 0, f"full memory: {reader.torn} reads were torn")


def main(options, report):
    report.figure("seed", SEED)
    names, mixed, quota, seconds, rounds, full = (6, 3, 10, 1, 6, 10) if options.short else (300, 100, 500, 30, 120, 200)
    with support.folder() as directory, Gateway(options, directory) as gateway:
        names_over_http(gateway, report, names)
        names_everywhere(options, gateway, report, mixed)
        report.require(os.listdir(directory) == [], f"left behind by creators: {os.listdir(directory)}")
        for replacing in (False, True):
            half_built(options, gateway, report, quota, seconds, replacing)
    last_bytes(options, report, rounds)
    full_memory(options, report, full)


if __name__ == "__main__":
    support.program(main, __doc__)
