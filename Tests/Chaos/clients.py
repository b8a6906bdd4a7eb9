#!/usr/bin/env python3
"""Clients that are slow, silent, half open, deaf, or gone in the middle, by the hundred, beside clients that are none of that.

What has to hold: the good clients' requests all succeed; the gateway has no thread more than before, no more memory than
its budgets allow, and in the end its descriptors and memory are what they were; every bad client is cut in the end; a
PATCH that breaks off, at whatever byte, writes nothing.
"""

import http.client
import io
import json
import os
import random
import resource
import select
import socket
import struct
import time

import numpy as np

from support import JSON, RAW, Client, Crew, Gateway, await_that, folder, program

SEED = 20_240_504
MIB = 1 << 20
LARGE = 6 * MIB  # more than the buffers of a connection
SNAPSHOTS, UPLOADS = 512 * MIB, 64 * MIB
IDLE, RATE = 2, 64 << 10
SLACK = 48 * MIB  # for connections, and for what the allocator keeps
HEAD = "HTTP/1.1\r\nHost: localhost\r\n"


class Bad:
    """A connection that misbehaves: says some words, then does one thing at each tick until it is cut."""

    def __init__(self, port, words, tick=None, half_closed=False):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(words.encode())
        if half_closed:
            self.socket.shutdown(socket.SHUT_WR)
        self.socket.setblocking(False)
        self.act, self.got = tick, b""

    def is_cut(self):
        """Does its thing once; whether the gateway has ended the connection."""
        try:
            if self.act == "drip":
                self.socket.send(b"1")
            elif self.act == "sip":
                return not self.socket.recv(100)
            elif self.act == "deaf":
                poll = select.poll()
                poll.register(self.socket, select.POLLRDHUP)  # errors are reported unasked
                return bool(poll.poll(0))
            piece = self.socket.recv(4096)
            self.got += piece
            return not piece
        except BlockingIOError:
            return False
        except OSError:
            return True


def patch_head(target, length, type=RAW):
    return f"PATCH {target} {HEAD}Content-Type: {type}\r\nContent-Length: {length}\r\n\r\n"


KINDS = {
    "silent": dict(words=""),
    "half a header block": dict(words=f"GET /healthz {HEAD}X-Half: "),
    "half a header block, half closed": dict(words="GET /healthz HTTP", half_closed=True),
    "half a body, half closed": dict(words=patch_head("/segments/still/data", MIB) + "1234", half_closed=True),
    "drips a header block": dict(words=f"GET /healthz {HEAD}X-Drip: ", tick="drip"),
    "drips a body": dict(words=patch_head("/segments/still/data", MIB) + "1234", tick="drip"),
    "never reads": dict(words=f"GET /segments/large/data?format=raw {HEAD}\r\n", tick="deaf"),
    "sips its answer": dict(words=f"GET /segments/large/data?format=raw {HEAD}\r\n", tick="sip"),
    "half closed behind a request": dict(words=f"GET /segments/small/data {HEAD}\r\n", half_closed=True),
}
HOLDS_AN_ANSWER = {"never reads", "sips its answer"}


def good(tally, goes_on, port, number):
    """Reads and writes, and counts what was not answered as it should be."""
    client = Client(port)

    def ask(*words):
        try:
            return client.request(*words)
        except (http.client.RemoteDisconnected, ConnectionError):
            # As every client has to: a connection that was idle too long, for want of a processor, is opened anew.
            tally.retries += 1
            return client.request(*words)

    while goes_on():
        written = ask("PATCH", f"/segments/small/data?slice={number}", tally.done % 1_000)
        read = ask("GET", f"/segments/small/data?slice={number}")
        large = ask("GET", "/segments/large/data?format=raw&slice=0:100000")
        if (written.status, read.status, large.status) != (204, 200, 200) or read.json()["data"] != tally.done % 1_000:
            tally.refused += 1
            print(f"  a good client got {written}, {read}, {large.status}", flush=True)
        tally.done += 1
        tally.bytes += len(large.body)
    client.close()


class Watch:
    """The most that the gateway ever had of threads, memory and descriptors."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.threads = self.memory = self.descriptors = 0
        self.look()

    def look(self):
        self.threads = max(self.threads, self.gateway.status_number("Threads"))
        self.memory = max(self.memory, self.gateway.status_number("RssAnon") << 10)
        self.descriptors = max(self.descriptors, self.gateway.descriptors())


def bad_clients(report, gateway, watch, count, held):
    """All kinds at once, until each is cut; and more of them than there may be connections."""
    port = gateway.port
    alive = [
        (kind, Bad(port, **how)) for kind, how in KINDS.items() for _ in range(held if kind in HOLDS_AN_ANSWER else count)
    ]
    report.figure("bad clients at once", len(alive))
    alive += [("too many", Bad(port, "")) for _ in range(count)]
    began, served, turned_away = time.monotonic(), 0, 0

    def all_cut():
        nonlocal alive, served, turned_away
        left = []
        for kind, bad in alive:
            if not bad.is_cut():
                left.append((kind, bad))
                continue
            bad.socket.close()
            if kind == "half closed behind a request":
                served += bad.got.startswith(b"HTTP/1.1 200 ")
            elif kind == "too many":
                turned_away += bad.got.startswith(b"HTTP/1.1 503 ")
        alive = left
        watch.look()
        return not alive

    try:
        await_that(all_cut, "every bad client is cut")
    except TimeoutError as error:
        report.require(False, f"{error}: {sorted({kind for kind, _ in alive})}")
    report.figure("connections beyond the limit, of which told so", f"{count}, {turned_away}")
    report.figure("cut after at most, seconds", f"{time.monotonic() - began:.1f} (idle timeout {IDLE})")
    report.require(served == count, f"of {count} half-closed clients with a whole request {served} were served")


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def vanishing_clients(report, gateway, watch, dice, count):
    """Resets in the middle of requests and of answers."""
    for number in range(count):
        client = socket.create_connection(("127.0.0.1", gateway.port))
        words = dice.choice(list(KINDS.values()))["words"].encode()
        if number % 2:
            words = words[: dice.randrange(len(words) + 1)]
        client.sendall(words)
        if b"large" in words and words.endswith(b"\r\n\r\n"):
            client.recv(1 + dice.randrange(100_000))
        reset(client)
        if number % 50 == 0:
            watch.look()
    report.figure("clients that vanished", count)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def chunked(head, body, size):
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def broken_writes(report, gateway, watch, dice, count):
    """PATCHes of every form, cut at random bytes, and at the last, in three ways."""

    def whole(slice, type, body):
        return patch_head(f"/segments/still/data{slice}", len(body), type).encode() + body

    ones = b"\xff" * MIB
    json_ones = json.dumps([255] * 20_000).encode()
    patches = json.dumps({"patches": [{"slice": "0:4", "value": 255}, {"slice": "9:4000", "value": 255}]}).encode()
    chunked_head = f"PATCH /segments/still/data {HEAD}Content-Type: {RAW}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    forms = {
        "raw": whole("", RAW, ones),
        "small raw": whole("?slice=:2000", RAW, ones[:2_000]),
        "json": whole("?slice=:20000", JSON, json_ones),
        "patches": whole("", JSON, patches),
        "npy": whole("", "application/x-npy", npy(np.frombuffer(ones, "u1"))),
        "chunked": chunked(chunked_head, ones, 50_000),
    }
    before = ask_anew(gateway, "/segments/still").headers["ETag"]
    waiting = []
    for number in range(count):
        words = list(forms.values())[number % len(forms)]
        last = len(words) - 1
        # Every form at its last byte in each way, then anywhere, and often near the beginning or the end.
        position = last if number < 3 * len(forms) else dice.choice(
            [dice.randrange(last), dice.randrange(min(last, 400)), last - dice.randrange(min(last, 400))]
        )  # fmt: skip
        client = socket.create_connection(("127.0.0.1", gateway.port))
        client.sendall(words[:position])
        way = number // len(forms) % 3
        if way == 0:
            client.close()
        elif way == 1:
            reset(client)
        else:
            client.shutdown(socket.SHUT_WR)
            waiting.append(client)
        watch.look()
    for client in waiting:
        client.settimeout(120)
        answer = client.recv(64)
        report.require(not answer, f"half a PATCH was answered: {answer}")
        client.close()
    await_that(lambda: not leftovers(gateway), "no staged body is left")
    report.figure("PATCHes broken off", count)
    after = ask_anew(gateway, "/segments/still").headers["ETag"]
    report.require(before == after, f"a broken PATCH changed the sequence: {before}, {after}")
    data = ask_anew(gateway, "/segments/still/data?format=raw").body
    report.require(not any(data), "a broken PATCH wrote something")
    # The same words whole are good ones: what was cut was no nonsense.
    for form, words in forms.items():
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=120) as client:
            client.sendall(words)
            answer = client.recv(4096)
            report.require(answer.startswith(b"HTTP/1.1 204 "), f"a whole PATCH of {form}: {answer}")


def ask_anew(gateway, target):
    """The answer to a GET on a connection of its own: one that rests is cut here as any other."""
    client = Client(gateway.port)
    try:
        return client.request("GET", target)
    finally:
        client.close()


def leftovers(gateway):
    return [name for name in os.listdir(gateway.directory) if name.startswith((".shmgate-tmp-", ".shmgate-journal-"))]


def main(options, report):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    dice = random.Random(SEED)
    report.figure("seed", SEED)
    count, held, vanishing, broken = (50, 20, 300, 60) if options.short else (250, 35, 5_000, 1_500)
    total = count * (len(KINDS) - len(HOLDS_AN_ANSWER)) + held * len(HOLDS_AN_ANSWER)
    workers = 2
    flags = [
        "--idle-timeout", f"{IDLE}", "--min-rate", f"{RATE}", "--max-connections", f"{total + workers + 1}",
        "--snapshot-memory", f"{SNAPSHOTS}", "--upload-memory", f"{UPLOADS}",
    ]  # fmt: skip
    with folder() as directory, Gateway(options, directory, *flags) as gateway, Crew() as crew:
        gateway.create("small", {"kind": "ndarray", "dtype": "f8", "shape": [100]})
        gateway.create("large", {"kind": "bytes", "size": LARGE})
        gateway.create("still", {"kind": "ndarray", "dtype": "u1", "shape": [MIB]})
        # What the gateway makes once and keeps (open segments, its pools) is made before the count.
        for target in ("small/data", "large/data?format=raw", "still/data?format=raw"):
            assert gateway.request("GET", f"/segments/{target}").status == 200
        assert gateway.request("PATCH", "/segments/small/data", 0).status == 204
        assert gateway.request("PATCH", "/segments/still/data", bytes(MIB), RAW).status == 204
        gateway.client.close()
        await_that(lambda: gateway.descriptors() == min(gateway.descriptors() for _ in range(20)), "it comes to rest")
        begin = Watch(gateway)
        watch = Watch(gateway)
        tallies = [crew.start(good, gateway.port, number) for number in range(workers)]
        await_that(lambda: all(tally.done for tally in tallies) or crew.failed(), "the good clients have begun")
        bad_clients(report, gateway, watch, count, held)
        vanishing_clients(report, gateway, watch, dice, vanishing)
        broken_writes(report, gateway, watch, dice, broken)
        crew.stop()
        done, refused = sum(tally.done for tally in tallies), sum(tally.refused for tally in tallies)
        report.figure("rounds of good clients, of which failed", f"{done}, {refused}")
        report.require(refused == 0, f"{refused} rounds of good clients failed")
        report.figure("most memory, MiB", f"{watch.memory / MIB:.0f} (at the start {begin.memory / MIB:.0f})")
        report.require(watch.memory < begin.memory + SNAPSHOTS + UPLOADS + SLACK, "more memory than the budgets allow")
        report.figure("threads", f"{watch.threads} (at the start {begin.threads})")
        report.require(watch.threads == begin.threads, "a client cost a thread")
        report.figure("most descriptors", f"{watch.descriptors} (at the start {begin.descriptors})")
        gateway.client.close()
        try:
            await_that(lambda: gateway.descriptors() <= begin.descriptors, "the descriptors of the start")
            await_that(lambda: gateway.status_number("RssAnon") << 10 < begin.memory + SLACK, "the memory of the start")
        except TimeoutError as error:
            report.require(False, str(error))
        report.figure("memory in the end, MiB", f"{(gateway.status_number('RssAnon') << 10) / MIB:.0f}")


if __name__ == "__main__":
    program(main, __doc__)
