#!/usr/bin/env python3
"""Mixed requests and kills: nothing acknowledged is lost, and no file, no descriptor and no memory is left behind.

First many requests of every kind beside local writers that are killed; then the gateway itself is killed and started
again, over and over, while clients write. A client knows what was acknowledged to it and what was under way.
"""

import contextlib
import http.client
import multiprocessing.sharedctypes
import os
import random
import subprocess
import time

import numpy as np

import support
from support import JSON, PATIENCE, RAW, Client, Crew, Gateway, await_that
from torture import stamp

SEED = 4
SIZES = [64, 8192, 1 << 20]
CLIENTS = 4
MEMORY = 64 << 10  # KiB by which private memory may differ from what it was when warm
BROKEN = (http.client.HTTPException, OSError)


def words_layout(size):
    return {"kind": "ndarray", "dtype": "<u8", "shape": [size // 8]}


class Lost(Exception):
    """Something acknowledged is not there, or something is there by halves."""


class Owner:
    """A client and the segments that it alone writes to. It knows what each of them may hold now.

    `expected` has for each segment the words that may fill it, None for no segment at all: one of them if the last
    request for it was answered, two if it was not.
    """

    def __init__(self, port, number):
        self.port, self.number, self.count = port, number, 0
        self.chance = random.Random(f"{SEED}-{number}")
        self.expected = {f"own-{number}-{i}": {None} for i in range(len(SIZES))}
        self.client = None

    def size(self, name):
        return SIZES[int(name.rpartition("-")[2])]

    def send(self, *words):
        """One request; a connection that broke is an exception of `BROKEN`."""
        if self.client is None or self.client.connection.port != self.port.value:
            self.client = Client(self.port.value)
        return self.client.request(*words)

    def change(self, name, word, statuses, *words):
        """A request after which the segment is filled with `word`, or is gone if that is None."""
        before = set(self.expected[name])
        self.expected[name] = before | {word}
        answer = self.send(*words)
        if answer.status in statuses:
            self.expected[name] = {word}
        elif answer.status in (503, 507):
            self.expected[name] = before
        else:
            raise Lost(f"{words[:2]} while it may hold {before}: {answer}")
        return answer

    def look(self, name):
        """Reads a segment, and holds it against what it may be."""
        answer = self.send("GET", f"/segments/{name}/data?format=raw")
        if answer.status == 503:
            return answer
        if answer.status == 404:
            found = None
        elif answer.status == 200 and "Shm-Damaged" not in answer.headers:
            values = np.frombuffer(answer.body, "<u8")
            if not (values == values[0]).all():
                raise Lost(f"{name} holds half of a write")
            found = int(values[0])
        else:
            raise Lost(f"{name}: {answer}")
        if found not in self.expected[name]:
            raise Lost(f"{name} holds {found}, expected one of {self.expected[name]}")
        self.expected[name] = {found}
        return answer

    def step(self):
        """One request of many kinds."""
        name = self.chance.choice(sorted(self.expected))
        may_be = self.expected[name]
        if len(may_be) > 1:
            return self.look(name)
        self.count += 1
        word, size, target = stamp(self.number, self.count), self.size(name), f"/segments/{name}"
        (now,) = may_be
        if now is None:
            order = {"layout": words_layout(size), "fill": word}
            if self.chance.random() < 0.5:
                return self.change(name, word, (201,), "POST", "/segments", {"name": name, **order})
            return self.change(name, word, (201,), "PUT", target, order)
        half = size // 16
        kind = self.chance.randrange(16)
        if kind < 3:
            return self.change(name, word, (204,), "PATCH", target + "/data", np.full(size // 8, word, "<u8").tobytes(), RAW)
        if kind < 5:
            return self.change(name, word, (204,), "PATCH", target + "/data", word, JSON)
        if kind == 5:
            patches = [{"slice": f":{half}", "value": word}, {"slice": f"{half}:", "value": word}]
            return self.change(name, word, (204,), "PATCH", target + "/data", {"patches": patches}, JSON)
        if kind == 6:
            return self.change(name, word, (200,), "PUT", target + "?replace=true", {"layout": words_layout(size), "fill": word})
        if kind == 7:
            return self.change(name, None, (204,), "DELETE", target)
        if kind == 8:
            return self.break_off(name, size)
        if kind < 11:
            return self.look(name)
        words, statuses = self.chance.choice(
            [
                (("GET", target), (200,)), (("HEAD", target + "/data"), (200,)), (("GET", target + "/data?slice=::7"), (200,)),
                (("GET", target + "/data?format=npy"), (200,)), (("GET", "/segments"), (200,)), (("GET", "/layouts"), (200,)),
                (("GET", "/healthz"), (200,)), (("GET", "/openapi.yaml"), (200,)), (("GET", "/segments/nobody"), (404,)),
                (("PATCH", target + "/data", "text", JSON), (422, 400)), (("PATCH", target + "/data", b"{", JSON), (400,)),
                (("PATCH", target + "/data", b"123", RAW), (422,)), (("GET", target + "/data?slice=x"), (400,)),
                (("POST", "/segments", {"name": name, "layout": words_layout(size)}), (409,)), (("BREW", target), (405,)),
                (("PUT", f"/layouts/own-{self.number}", {"parameters": {"n": 3}, "layout": words_layout(64)}), (200, 201)),
                (("GET", f"/layouts/own-{self.number}"), (200, 404)), (("DELETE", f"/layouts/own-{self.number}"), (204, 404)),
            ]
        )  # fmt: skip
        answer = self.send(*words)
        if answer.status not in (*statuses, 503):
            raise Lost(f"{words[:2]}: expected one of {statuses}, got {answer}")
        return answer

    def break_off(self, name, size):
        """A body that ends too early; it writes nothing."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port.value, timeout=PATIENCE)
        try:
            connection.putrequest("PATCH", f"/segments/{name}/data")
            connection.putheader("Content-Type", RAW)
            connection.putheader("Content-Length", str(size))
            connection.endheaders()
            connection.send(bytes(self.chance.randrange(size)))
        finally:
            connection.close()


def own(tally, goes_on, port, number, quota):
    """Steps until told to stop. While the gateway is away it waits for the next one."""
    owner, in_doubt = Owner(port, number), []
    while goes_on() and tally.done < quota:
        try:
            answer = owner.step()
            tally.done += 1
            tally.bytes += len(answer.body) if answer else 0
            tally.refused += answer.status == 503 if answer else 0
            in_doubt = []
        except BROKEN:
            tally.retries += 1
            doubts = [name for name, may_be in owner.expected.items() if len(may_be) > 1]
            tally.doubts += doubts != in_doubt
            in_doubt = doubts
            time.sleep(0.002)
    # The last word: all that was acknowledged is there.
    deadline = time.monotonic() + PATIENCE
    for name in owner.expected:
        while True:
            try:
                answer = owner.look(name)
                if answer.status != 503:
                    break
            except BROKEN:
                time.sleep(0.01)
            assert time.monotonic() < deadline, f"{name}: no answer"
        if answer.status == 200:
            assert owner.send("DELETE", f"/segments/{name}").status == 204
    with contextlib.suppress(KeyError):
        owner.send("DELETE", f"/layouts/own-{number}")
    while goes_on():
        time.sleep(0.005)


def kill_writers(tally, goes_on, options, directory, quota):
    """Starts a local writer, lets it write a while, and kills it; again and again."""
    chance = random.Random(f"{SEED}-writers")
    program = options.binary("ChaosSide")
    while goes_on() and tally.done < quota:
        way = chance.choice(["journaled", "inplace"])
        writer = subprocess.Popen(
            [program, directory, "torture", f"shared-{way}", str(1 << 20), "3", way, "63"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        writer.stdout.readline()
        time.sleep(chance.random() / 200)
        writer.kill()
        writer.communicate()
        tally.done += 1
    while goes_on():
        time.sleep(0.005)


def read_shared(tally, goes_on, port):
    """Reads beside writers that are killed: a journaled write is whole, another is whole or said to be damaged."""
    client = Client(port.value)
    while goes_on():
        for way in ("journaled", "inplace"):
            answer = client.request("GET", f"/segments/shared-{way}/data?format=raw")
            assert answer.status in (200, 503), answer
            if answer.status == 200:
                values = np.frombuffer(answer.body, "<u8")
                is_damaged = "Shm-Damaged" in answer.headers
                tally.torn += not (values == values[0]).all() and not (is_damaged and way == "inplace")
                tally.retries += is_damaged
                tally.done += 1


def requests_and_dead_writers(options, report, directory, requests, kills):
    """The long run of one gateway."""
    with Gateway(options, directory) as gateway:
        port = multiprocessing.sharedctypes.RawValue("i", gateway.port)
        for way in ("journaled", "inplace"):
            gateway.create(f"shared-{way}", words_layout(1 << 20), fill=stamp(0, 0))
        quota, samples = requests // CLIENTS, []

        def sample():
            samples.append((gateway.status_number("RssAnon"), gateway.descriptors(), gateway.status_number("Threads")))
            return samples[-1]

        began = time.monotonic()
        with Crew() as crew:
            owners = [crew.start(own, port, number, quota) for number in range(CLIENTS)]
            killer = crew.start(kill_writers, options, directory, kills)
            reader = crew.start(read_shared, port)
            done = lambda: sum(tally.done for tally in owners)  # noqa: E731
            patience = max(PATIENCE, requests / 20)
            for tenth in range(1, 11):
                await_that(lambda: done() >= requests // CLIENTS * CLIENTS * tenth // 10 or crew.failed(), "requests", patience)
                sample()
            await_that(lambda: killer.done >= kills or crew.failed(), "dead writers", patience)
        for way in ("journaled", "inplace"):
            assert gateway.request("DELETE", f"/segments/shared-{way}").status == 204
        # Warm is what it was after three tenths; the worst of the last tenths counts.
        warm, worst = max(s[0] for s in samples[:3]), max(s[0] for s in samples[-3:])
        report.figure(
            "requests",
            f"{done():,} in {time.monotonic() - began:.0f} s, busy {sum(t.refused for t in owners)}, "
            f"{sum(t.bytes for t in owners) / 1e9:.2f} GB; {killer.done:,} local writers killed, "
            f"{reader.done:,} reads beside them, {reader.retries:,} of them damaged, torn {reader.torn}",
        )
        report.figure("private memory in KiB", " ".join(str(s[0]) for s in samples))
        report.require(reader.torn == 0, f"{reader.torn} reads beside dead writers were torn")
        report.require(worst <= warm + MEMORY, f"private memory grew from {warm} to {worst} KiB")
        report.require(sum(t.retries for t in owners) == 0, "connections broke though the gateway was never killed")
        no_descriptors_left(gateway, report)


IDLE = 40  # descriptors of a gateway without a segment and with one connection; far from what a leak makes


def nothing_left(options, report, directory):
    """No file but the private folder; what dead writers left, the next gateway has swept."""
    with Gateway(options, directory) as gateway:
        no_files_left(gateway, report)
        no_descriptors_left(gateway, report)


def no_files_left(gateway, report):
    left = [name for name in os.listdir(gateway.directory) if name != f".shmgate-{os.getuid()}"]
    report.require(left == [], f"left behind: {left}")
    private = os.path.join(gateway.directory, f".shmgate-{os.getuid()}")
    inside = [os.path.join(folder, name) for folder, _, names in os.walk(private) for name in names]
    report.require(inside == [], f"left behind in the private folder: {inside}")
    report.figure("files left", len(left) + len(inside))


def no_descriptors_left(gateway, report):
    count = 0

    def is_idle():
        nonlocal count
        gateway.request("GET", "/segments")
        count = gateway.descriptors()
        return count <= IDLE

    with contextlib.suppress(TimeoutError):
        await_that(is_idle, "descriptors")
    report.figure("descriptors left", count)
    report.require(count <= IDLE, f"{count} descriptors")


def gateway_kills(options, report, directory, kills):
    """kill -9 while clients write, and a new one over the same directory."""
    chance = random.Random(f"{SEED}-kills")
    with Gateway(options, directory) as gateway:
        port = multiprocessing.sharedctypes.RawValue("i", gateway.port)
        with Crew() as crew:
            owners = [crew.start(own, port, number, 1 << 62) for number in range(CLIENTS)]
            before = 0
            for _ in range(kills):
                # Not before somebody was answered again: a gateway that is killed at once kills no writes.
                done = lambda: sum(tally.done for tally in owners)  # noqa: E731
                await_that(lambda: done() > before or crew.failed(), "an answer")
                if crew.failed():
                    break
                time.sleep(chance.random() / 30)
                before = done()
                gateway.kill()
                gateway.start()
                port.value = gateway.port
        report.figure(
            "kills of the gateway",
            f"{kills:,} survived, {done():,} requests answered, {sum(t.doubts for t in owners):,} writes, creations and "
            "unlinks cut off; nothing acknowledged was lost, nothing was half",
        )
        no_files_left(gateway, report)
        no_descriptors_left(gateway, report)


def main(options, report):
    report.figure("seed", SEED)
    requests, kills, writers = (600, 10, 5) if options.short else (100_000, 2_000, 500)
    with support.folder() as directory:
        requests_and_dead_writers(options, report, directory, requests, writers)
        nothing_left(options, report, directory)
        gateway_kills(options, report, directory, kills)


if __name__ == "__main__":
    support.program(main, __doc__)
