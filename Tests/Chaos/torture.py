#!/usr/bin/env python3
"""Writers and readers of all languages at once on one segment: no answer mixes two writes, and nobody starves.

Every write fills the whole array with one stamp, a word that carries the number of its writer and a count; every read
has to be of one stamp, and no reader may see a writer's count go back. Swift, C, Python and HTTP write and read; in
Swift and over HTTP in more than one way. Each has a quota that it must meet though the others never pause.
"""

import contextlib
import io
import pathlib
import re
import subprocess
import tempfile
import time

import numpy as np
import shmgate

import support
from support import HERE, JSON, RAW, ROOT, Client, Crew, Gateway

COUNTER_BITS = 26


def stamp(number, count):
    """The word that writer `number` fills the segment with for the `count`th time."""
    low = number << COUNTER_BITS | count & ((1 << COUNTER_BITS) - 1)
    return low | (~low & 0xFFFFFFFF) << 32


class Judge:
    """Tells whether what a reader saw is whole, and no older than what it saw before."""

    def __init__(self, tally):
        self.tally, self.last = tally, {}

    def see(self, words, whole=True):
        """`words` is an array or list of numbers."""
        words = np.asarray(words, np.uint64)
        first = int(words.flat[0])
        low = first & 0xFFFFFFFF
        if whole and (words == words.flat[0]).all() and first >> 32 == ~low & 0xFFFFFFFF:
            number, count = low >> COUNTER_BITS, low & ((1 << COUNTER_BITS) - 1)
            self.tally.backwards += count < self.last.get(number, 0)
            self.last[number] = count
        else:
            self.tally.torn += 1
        self.tally.done += 1
        self.tally.bytes += words.nbytes


# Workers: (tally, goes_on, place, …), where a place is where the segment is.


class Place:
    """One segment, and how to reach it."""

    def __init__(self, gateway, name, size):
        self.directory, self.port, self.name, self.size = gateway.directory, gateway.port, name, size
        self.path = gateway.path(name)
        self.target = f"/segments/{name}/data"


def python_write(tally, goes_on, place, number):
    while goes_on():
        with shmgate.write(place.name, directory=place.directory, whole=True) as values:
            values[...] = stamp(number, tally.done)
        tally.done += 1
        tally.bytes += place.size


def http_write_raw(tally, goes_on, place, number):
    write_over_http(tally, goes_on, place, lambda count: (np.full(place.size // 8, stamp(number, count), "<u8").tobytes(), RAW))


def http_write_json(tally, goes_on, place, number):
    """A scalar, a list where that is short, and both halves as one list of patches."""
    half = place.size // 16

    def body(count):
        word = stamp(number, count)
        if half and count % 3 == 1:
            return {"patches": [{"slice": f":{half}", "value": word}, {"slice": f"{half}:", "value": word}]}, JSON
        return ([word] * (place.size // 8) if count % 3 == 2 and place.size <= 4096 else word), JSON

    write_over_http(tally, goes_on, place, body)


def write_over_http(tally, goes_on, place, body):
    client = Client(place.port)
    while goes_on():
        answer = client.request("PATCH", place.target, *body(tally.done))
        if answer.status == 503:
            tally.refused += 1
            continue
        assert answer.status == 204, answer
        tally.done += 1
        tally.bytes += place.size


def python_read(tally, goes_on, place):
    judge = Judge(tally)
    while goes_on():
        judge.see(shmgate.snapshot(place.name, directory=place.directory))


def http_read_raw(tally, goes_on, place):
    read_over_http(tally, goes_on, place, "format=raw", lambda answer: np.frombuffer(answer.body, "<u8"))


def http_read_npy(tally, goes_on, place):
    read_over_http(tally, goes_on, place, "format=npy", lambda answer: np.load(io.BytesIO(answer.body)))


def http_read_json(tally, goes_on, place):
    """At most some hundred elements from all over the array, for a number has many digits."""
    step = max(1, place.size // 8 // 512)
    read_over_http(tally, goes_on, place, f"slice=::{step}", lambda answer: answer.json()["data"])


def read_over_http(tally, goes_on, place, query, parse):
    client, judge = Client(place.port), Judge(tally)
    while goes_on():
        answer = client.request("GET", f"{place.target}?{query}")
        if answer.status == 503:
            tally.refused += 1
            continue
        assert answer.status == 200, answer
        judge.see(parse(answer), whole="Shm-Damaged" not in answer.headers)


class Arena:
    """Starts writers and readers on a place, and gathers what they counted."""

    def __init__(self, options, report, program):
        self.report, self.program, self.side = report, program, options.binary("ChaosSide")
        self.totals = {}

    def start(self, crew, place, quota, kind, number=None):
        """One of them, by its name; gives its tally."""
        language, _, way = kind.partition(" ")
        words = [str(place.size), str(quota), way, *([] if number is None else [str(number)])]
        match language:
            case "C":
                return crew.start_program(self.program, place.path, *words)
            case "Swift":
                return crew.start_program(self.side, place.directory, "torture", place.name, *words)
        worker = globals()["_".join(kind.lower().split())]
        return crew.start(worker, place, *([] if number is None else [number]))

    def run(self, title, place, quota, seconds, writers, readers):
        """All at once until everyone has met the quota, and for `seconds` at the least."""
        began = time.monotonic()
        with Crew() as crew:
            wrote = [(kind, self.start(crew, place, quota, kind, number)) for number, kind in enumerate(writers)]
            read = [(kind, self.start(crew, place, quota, kind)) for kind in readers]
            crew.await_quota(quota)
            time.sleep(max(0, began + seconds - time.monotonic()))
        writes = sum(tally.done for _, tally in wrote)
        counts = {f: sum(getattr(tally, f) for _, tally in read) for f, _ in support.Tally._fields_}
        refused = counts["refused"] + sum(tally.refused for _, tally in wrote)
        everyone = [*wrote, *read]
        least = min(everyone, key=lambda item: item[1].done)
        self.report.figure(
            title,
            f"{counts['done']:,} reads by {len(read)} readers, {writes:,} writes by {len(wrote)} writers, "
            f"torn {counts['torn']} of {counts['done']:,}, copies thrown away {counts['retries']:,}, busy {refused}, "
            f"{counts['bytes'] / 1e9:.2f} GB read; least: {least[0]} with {least[1].done}",
        )  # fmt: skip
        self.report.require(counts["torn"] == 0, f"{title}: {counts['torn']} answers mix two writes")
        self.report.require(counts["backwards"] == 0, f"{title}: {counts['backwards']} answers are older than earlier ones")
        for kind, tally in everyone:
            self.report.require(tally.done >= quota, f"{title}: {kind} did {tally.done} of {quota}")
        for field, number in {**counts, "writes": writes, "refused": refused}.items():
            self.totals[field] = self.totals.get(field, 0) + number


WRITERS = ["Swift journaled", "Swift inplace", "C write", "Python write", "HTTP write raw", "HTTP write JSON"]
READERS = ["Swift read", "C read", "C share", "Python read", "HTTP read raw", "HTTP read npy", "HTTP read JSON"]


@contextlib.contextmanager
def compiled(source):
    """A C program that needs nothing but shmgate.h."""
    with tempfile.TemporaryDirectory() as path:
        program = pathlib.Path(path, "torture")
        flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-I", ROOT / "Sources/CSegment/include"]
        subprocess.run(["cc", *flags, "-o", program, source], check=True)
        yield str(program)


def name_of(size):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"


def main(options, report):
    # Bytes, times that everyone has to do his thing, and seconds at the least.
    rounds = [(8, 20, 1), (4096, 20, 1), (1 << 20, 10, 1)]
    crowd = (1 << 20, 10, 0.2)
    if not options.short:
        rounds = [(8, 200, 30), (4096, 200, 30), (1 << 20, 50, 60), (64 << 20, 3, 60)]
        crowd = (4 << 20, 20, 5)
    with support.folder() as directory, compiled(HERE / "torture.c") as program:
        with Gateway(options, directory) as gateway:
            arena = Arena(options, report, program)

            def place(size):
                name = f"array-{len(gateway.request('GET', '/segments').json()['segments'])}"
                gateway.create(name, {"kind": "ndarray", "dtype": "<u8", "shape": [size // 8]}, fill=stamp(0, 0))
                return Place(gateway, name, size)

            for size, quota, seconds in rounds:
                arena.run(name_of(size), place(size), quota, seconds, WRITERS, READERS)
            size, quota, seconds = crowd
            # Who always reads under the lock keeps it shared all the time, if nothing stops him.
            for writer in WRITERS:
                title = f"{writer} in a crowd of readers of {name_of(size)}"
                arena.run(title, place(size), quota, seconds, [writer], ["C share"] * 8)
            readers = ["Swift read", "C read", "Python read", "HTTP read raw"]
            for reader in readers:
                arena.run(f"{reader} beside writers that never pause", place(size), quota, seconds, ["C write"] * 4, [reader])
            gateway.stop()
            discarded, locked = (
                int(re.search(rf"{word}=(\d+)", gateway.errors())[1]) for word in ("discarded-copies", "locked-snapshots")
            )
        report.figure("reads", arena.totals["done"])
        report.figure("torn", f"{arena.totals['torn']} of {arena.totals['done']:,}")
        report.figure("writes", arena.totals["writes"])
        report.figure("bytes read", arena.totals["bytes"])
        report.figure("copies that Swift and C threw away", arena.totals["retries"])
        report.figure("copies that the gateway threw away", f"{discarded:,}, and {locked:,} snapshots under the lock")
        report.require(arena.totals["retries"] > 0 and discarded > 0, "no reader met a writer: this was no torture")


if __name__ == "__main__":
    support.program(main, __doc__)
