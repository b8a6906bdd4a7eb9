"""The contract cases over every layout: each side creates and writes, all the others read exactly that.

The sides are HTTP, Swift, Python, NumPy alone and C; see contract_sides.py. The Swift program is SHMGATE_CONTRACT_SIDE, or
the newest build of the product ContractSide.
"""

import json
import zlib

import numpy as np
import pytest

from contract_cases import CASES, price, random_bytes
from contract_sides import C, Http, HttpJson, Numpy, Python, Swift, arrays_of, await_sleep, json_text
from test_c_example import end, ticker  # noqa: F401, the fixture

NAMES = ("http", "swift", "python")
WAKING = ("ndarray-float64-1d", "dataframe-floats", "struct-book")
BY_NAME = {case.name: case for case in CASES}
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


class Sides:
    """All of them, by name."""

    def __init__(self, gateway, ticker):  # noqa: F811
        directory = gateway.directory
        sides = [Http(gateway), HttpJson(gateway), Swift(directory), Python(directory), C(directory, ticker), Numpy(directory)]
        self.by_name = {side.name: side for side in sides}

    def __getitem__(self, name):
        return self.by_name[name]

    def readers(self):
        return [self[name] for name in ("http", "swift", "python", "numpy")]

    def writers(self, layout):
        names = ["http", "swift", "python", "http-json"] + ["c"] * C.applies(layout)
        return [self[name] for name in names]


@pytest.fixture(scope="module")
def sides(gateway, ticker):  # noqa: F811
    return Sides(gateway, ticker)


def segment_name(*parts):
    """A name of the test's own; cases have characters that a segment's has not."""
    return "-".join(parts).replace(",", "").replace("[", "_").replace("]", "_").replace(" ", "").replace("/", "_")


class Expectation:
    """What every side has to read, and the words for the case in which it does not."""

    def __init__(self, case, creator, layout):
        self.case = case
        self.story = f"created by {creator}"
        self.layout = layout
        self.labels = None
        self.sequence = 2
        self.data = {array.path: bytes(array.nbytes) for array in arrays_of(layout)}
        self.data |= {a.path: initial_json(case.layout, a) for a in arrays_of(layout) if a.kind == "json"}

    def check(self, side, reading):
        """Compares all that a side has read."""
        self.same(side, "damaged", False, reading.damaged)
        self.same(side, "the sequence", self.sequence, reading.sequence)
        self.same(side, "the layout", json.dumps(self.layout), json.dumps(reading.layout))
        self.same(side, "the attrs", self.case.attrs, reading.attrs)
        self.same(side, "the paths of arrays", sorted(self.data), sorted(reading.arrays))
        for array in arrays_of(self.layout):
            shape, found = reading.arrays[array.path]
            self.same(side, f"the shape of {array.path!r}", array.shape, shape)
            if found != self.data[array.path]:
                expected, got = (part.hex() for part in (self.data[array.path], found))
                values = f"{array.values(self.data[array.path])!s:.300}"
                self.fail(side, f"{array.path!r} ({array.dtype})", f"{expected:.300} which is {values}", f"{got:.300}")
        # The first reader says what labels are; all others have to agree, whoever created them.
        self.labels = reading.labels if self.labels is None else self.labels
        self.same(side, "the paths of labels", sorted(self.labels), sorted(reading.labels))
        for path, labels in self.labels.items():
            self.same(side, f"the labels {path!r}", labels, reading.labels[path])

    def same(self, side, what, expected, got):
        if expected != got:
            self.fail(side, what, expected, got)

    def fail(self, side, what, expected, got):
        pytest.fail(f"{self.case.name}, {self.story}, read by {side.name}: {what}: expected {expected}, got {got}", False)


def initial_json(layout, array):
    """The first bytes of a JSON value: the request's own, the client's way of writing."""
    for key in array.keys:
        layout = layout["members"][key] if layout["kind"] == "struct" else layout["item"]
    return json_text(layout["value"]).ljust(array.nbytes, b"\0")


@cases
def test_all_sides_create_the_same_segment(sides, case):
    """Layout with its keys in order, attributes, every buffer in its place, and the same bytes and labels in them."""
    made = {}
    for creator in NAMES:
        name = segment_name("made", case.name, creator)
        sides[creator].create(name, case)
        header, reading = sides["numpy"].header(name), sides["numpy"].read(name)
        parts = {part: json.dumps(header[part], ensure_ascii=False) for part in ("layout", "buffers", "attrs")}
        made[creator] = parts | {"arrays": reading.arrays, "labels": reading.labels, "sequence": reading.sequence}
    for creator in NAMES[1:]:
        for part, expected in made["http"].items():
            got = made[creator][part]
            assert expected == got, f"{case.name}: {part} as http creates it: {expected}; as {creator} does: {got}"


@cases
@pytest.mark.parametrize("creator", NAMES)
def test_everyone_reads_what_anyone_creates_and_writes(sides, case, creator):
    name = segment_name(case.name, creator)
    sides[creator].create(name, case)
    layout = sides["numpy"].header(name)["layout"]
    expectation = Expectation(case, creator, layout)
    for reader in sides.readers():
        expectation.check(reader, reader.read(name))
    random = np.random.default_rng(zlib.crc32(name.encode()))
    for writer in sides.writers(layout):
        expectation.story = f"created by {creator}, written by {writer.name}"
        if writer.name == "c":
            first = arrays_of(layout)[0].path
            expectation.data[first] = price(random) + expectation.data[first][8:]
        else:
            expectation.data = {array.path: random_bytes(random, array) for array in arrays_of(layout)}
        with Price(sides["c"], name, expectation):
            expectation.sequence += 2 * writer.write(name, layout, expectation.data)
        for reader in sides.readers():
            expectation.check(reader, reader.read(name))


@pytest.mark.parametrize("case", [BY_NAME[name] for name in WAKING], ids=lambda case: case.name)
@pytest.mark.parametrize("writer", (*NAMES, "http-json", "c"))
def test_a_write_wakes_those_who_wait(sides, case, writer):
    name = segment_name("wake", case.name, writer)
    sides["http"].create(name, case)
    layout = sides["numpy"].header(name)["layout"]
    waiters = {side: sides[side].waiter(name, 2) for side in ("swift", "python", "c")}
    try:
        for waiter in waiters.values():
            await_sleep(waiter, 2)
        random = np.random.default_rng(7)
        sides[writer].write(name, layout, {array.path: random_bytes(random, array) for array in arrays_of(layout)})
        last = sides["numpy"].read(name).sequence
        for side, waiter in waiters.items():
            status, out, error = end(waiter)
            assert (status, error) == (0, ""), f"{case.name}, written by {writer}: {side} woke with {status}: {error}"
            woken = int(out.split()[0])
            assert woken % 2 == 0 and 4 <= woken <= last, f"{case.name}, written by {writer}: {side} woke at {woken} of {last}"
    finally:
        for waiter in waiters.values():
            waiter.kill()


class Price:
    """The example in C, waiting for the next write where it can read the segment.

    It sleeps when the block begins; at its end it has to have told the first element as it was written.
    """

    def __init__(self, c, name, expectation):
        self.c, self.name, self.expectation = c, name, expectation
        self.waiter = None

    def __enter__(self):
        if C.applies(self.expectation.layout):
            self.before = self.expectation.sequence
            self.waiter = self.c.waiter(self.name, self.before)
            await_sleep(self.waiter, self.before)

    def __exit__(self, kind, error, trace):
        if self.waiter is None:
            return
        if kind is not None:
            self.waiter.kill()
            self.waiter.communicate()
            return
        expectation = self.expectation
        array = arrays_of(expectation.layout)[0]
        first = array.values(expectation.data[array.path]).ravel()[0]
        status, out, failure = end(self.waiter)
        expectation.same(self.c, "exit status and errors of wait", (0, ""), (status, failure))
        sequence, value = out.split()
        expectation.same(self.c, "the first element", f"{first:.17g}", value)
        # A side that writes in several steps may be seen after each of them.
        if int(sequence) not in range(self.before + 2, expectation.sequence + 1, 2):
            expectation.fail(self.c, "the sequence", expectation.sequence, sequence)
