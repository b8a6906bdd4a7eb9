"""What kills.py kills, and what has to be true after any death.

Operations of the Swift library, of the gateway and of the Python client.
"""

import dataclasses
import itertools
import os

from support import PATIENCE, RAW, Gateway  # first: it says where the client lies

import numpy as np
import plain
import shmgate as shm
import shmgate.exclusive
import shmgate.lock

COUNT = 4096  # bytes of the segment that small writes go to
LONG = 100_000  # bytes of one whose writes need a staged file


def pattern(count, seed):
    """Bytes that no other pattern has in the same places."""
    return bytes((7 * i + 131 * seed + 1) % 251 for i in range(251)) * (count // 251) + bytes(
        (7 * i + 131 * seed + 1) % 251 for i in range(count % 251)
    )


OLD, NEW = pattern(COUNT, 1), pattern(COUNT, 2)
LONG_OLD, LONG_NEW = pattern(LONG, 1), pattern(LONG, 2)


@dataclasses.dataclass(frozen=True)
class Expected:
    """What is true of a name after a death, and after every recovery.

    `contents` is empty where the name leads to nothing, and holds two where a half write is of both, byte by byte.
    `most_interrupted` is how many interrupted writes may have been counted at most: each death of a recovery may count
    the same one again.
    """

    contents: tuple = ()
    damaged: int = 0
    interrupted: int = 0
    most_interrupted: int = 0
    relic: int = plain.LIVE  # the state that mappers of the old segment see, if the name leads there no more
    others: tuple = ()  # names of segments that have to hold the same, undamaged

    def describes(self, content):
        if len(self.contents) == 1:
            return content == self.contents[0]
        if len(content) != len(self.contents[0]):
            return False
        return all(byte in pair for byte, *pair in zip(content, *self.contents))


def spliced(old, regions, new):
    """`old` with the bytes of `new` in its regions, which are as ChaosSide takes them; and those bytes."""
    content, packed = bytearray(old), b""
    for region in regions.split(","):
        offset, count = map(int, region.split(":"))
        content[offset : offset + count] = new[offset : offset + count]
        packed += new[offset : offset + count]
    return bytes(content), packed


class Operation:
    """Something that can be killed, on the segment `a`."""

    old, new = OLD, NEW
    damaged = 0  # before
    covers_whole = False
    is_journaled = True

    def __init__(self, title, run, **settings):
        self.title, self._run = title, run
        vars(self).update(settings)

    def prepare(self, scene):
        plain.make(scene.path("a"), self.old, self.damaged)

    def run(self, scene, die_at):
        """Runs it, to die at a pass."""
        return self._run(scene, die_at)

    def judge(self, scene, end, mapper):
        """What has to be true from now on. `mapper` had the old segment mapped."""
        page = mapper.page
        assert not end.acknowledged or page.sequence >= 4, f"acknowledged, and the sequence is {page.sequence}"
        after = 0 if self.covers_whole else self.damaged
        if page.sequence == 2:
            return Expected((self.old,), self.damaged)
        assert page.sequence in (3, 4), f"one write from 2 to {page.sequence}"
        if page.sequence == 3 and not self.is_journaled:
            return Expected((self.old, self.new), 1, 1, 1)
        return Expected((self.new,), after)


class Naming(Operation):
    """A change of what the name `a` leads to: created, replaced or unlinked."""

    has_old, has_new = True, True

    def prepare(self, scene):
        if self.has_old:
            plain.make(scene.path("a"), self.old)

    def judge(self, scene, end, mapper):
        try:
            page = plain.page_of(scene.path("a"))
        except FileNotFoundError:
            assert not (self.has_old and self.has_new), "the name is gone"
            assert not (end.acknowledged and self.has_new), "acknowledged, and it is not there"
            assert mapper is None or mapper.page.state == plain.UNLINKED, "mappers were not told"
            return Expected((), relic=plain.UNLINKED)
        if self.has_old and page.uuid == mapper.page.uuid:
            assert not end.acknowledged, "acknowledged, and it is the old one"
            return Expected((self.old,))
        assert self.has_new, "a new one came from nowhere"
        assert mapper is None or mapper.page.state == plain.REPLACED, "mappers were not told"
        return Expected((self.new,), relic=plain.REPLACED)


# What the Swift library does.


def side(*words, data):
    return lambda scene, die_at: scene.side(*words, data=data, die_at=die_at)[0]


def writes():
    """Writes of the library: in the page and staged, of one place, of several and of the whole; and in place."""
    for title, command, regions, old, new, settings in [
        ("write in the page", "write", "100:200", OLD, NEW, {}),
        ("write of two places", "write", "10:50,3000:80", OLD, NEW, {"damaged": 1}),
        ("write through a staged file", "write", f"0:{LONG}", LONG_OLD, LONG_NEW, {"covers_whole": True, "damaged": 1}),
        ("staged write", "stage", f"4096:50000,70000:{LONG - 70000}", LONG_OLD, LONG_NEW, {}),
        ("staged write of the whole", "stage", f"0:{LONG}", LONG_OLD, LONG_NEW, {"covers_whole": True}),
        ("write in place", "modify", "100:200", OLD, NEW, {"is_journaled": False}),
        (
            *("write in place of the whole", "modify", f"0:{COUNT}", OLD, NEW),
            {"is_journaled": False, "covers_whole": True, "damaged": 1},
        ),
    ]:
        content, packed = spliced(old, regions, new)
        words = [command, "a", regions, *(["whole"] if settings.get("covers_whole") else [])]
        yield Operation(title, side(*words, data=packed), old=old, new=content, **settings)
    content, packed = spliced(LONG_OLD, "300:50000", LONG_NEW)
    words = ["again", "a", "300:50000", "b"]
    yield Again("staged write in a file that was used", side(*words, data=packed), old=LONG_OLD, new=content)


class Again(Operation):
    """A staged write in the file that a write of the segment `b` was staged in before."""

    def prepare(self, scene):
        super().prepare(scene)
        plain.make(scene.path("b"), self.old)


class Together(Operation):
    """A write over several segments: all of them hold the old, or all the new, whenever and by whomever they are read."""

    names = ("a", "b", "c")

    def prepare(self, scene):
        for name in self.names:
            plain.make(scene.path(name), self.old, self.damaged)

    def judge(self, scene, end, mapper):
        readings = [plain.read(scene.path(name), len(self.old)) for name in self.names]
        found = {reading.content for reading in readings}
        pages = [reading.page.sequence for reading in readings]
        assert len(found) == 1, f"some are written and some are not, their sequences {pages}"
        content = found.pop()
        assert content in (self.old, self.new), "they hold what nobody wrote"
        assert content == self.new or not end.acknowledged, "acknowledged, and not written"
        assert not any(reading.damaged or reading.page.interrupted for reading in readings), "one of them is damaged"
        return Expected((content,), others=self.names[1:])


def joint_writes():
    """Writes of the library over several segments, small and long ones: all are staged."""
    for title, regions, old, new in [
        ("write over three segments", "100:200", OLD, NEW),
        ("long write over three segments", f"4096:50000,70000:{LONG - 70000}", LONG_OLD, LONG_NEW),
    ]:
        content, packed = spliced(old, regions, new)
        words = ["together", regions, *Together.names]
        yield Together(title, side(*words, data=packed * len(Together.names)), old=old, new=content)


def namings():
    yield Naming("create", side("create", "a", data=NEW), has_old=False)
    yield Naming("replace", side("replace", "a", data=NEW))
    yield Naming("unlink", side("unlink", "a", data=b""), has_new=False)


class Scribbled(Operation):
    """The recovery of a journaled write over whose journal somebody scribbled: it is none, and the write is half."""

    def __init__(self, title, write, regions):
        self._write, self._regions = write, regions
        super().__init__(title, side("lock", "a", data=b""))

    def prepare(self, scene):
        super().prepare(scene)
        packed = spliced(self.old, self._regions, self.new)[1]
        die_at(scene, "odd sequence", self._write, "a", self._regions, data=packed)
        if staged := scene.leftovers():
            # The place of the data, the last number of the file: the data itself is not summed up.
            path = scene.path(staged[0])
            place = os.path.getsize(path) - 8
        else:
            path = scene.path("a")
            with open(path, "rb") as file:
                file.seek(plain.JOURNAL + 32)
                place = plain.PAYLOAD + int.from_bytes(file.read(8), "little") - 1
        with open(path, "r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1]))

    def judge(self, scene, end, mapper):
        assert not end.acknowledged or mapper.page.sequence == 4, f"the sequence is {mapper.page.sequence}"
        return Expected((self.old,), 1, 1, 2)


def scribbles():
    yield Scribbled("recovery over a scribbled page", "write", "100:200")
    yield Scribbled("recovery over a scribbled staged file", "stage", "100:3000")


class Sweeping(Operation):
    """A sweep of everything that the dead can leave: drafts, and staged files that are needed, void or half made."""

    old, new = LONG_OLD, spliced(LONG_OLD, "0:90000", LONG_NEW)[0]

    def __init__(self):
        super().__init__("sweep", side("sweep", data=b""))

    def prepare(self, scene):
        super().prepare(scene)
        plain.make(scene.path("b"), LONG_OLD)
        packed = LONG_NEW[:90000]
        die_at(scene, "fchmod of the draft", "create", "c", data=NEW)
        die_at(scene, "draft's page", "create", "c", data=NEW)
        die_at(scene, "temporary file", "stage", "b", "0:90000", data=packed)
        die_at(scene, "journal's head", "stage", "b", "0:90000", data=packed)
        die_at(scene, "even sequence", "stage", "b", "0:90000", data=packed)
        die_at(scene, "odd sequence", "stage", "a", "0:90000", data=packed)
        assert len(scene.leftovers()) == 6, scene.leftovers()

    def judge(self, scene, end, mapper):
        assert scene.names() == ["a", "b"], scene.names()
        assert plain.read(scene.path("b"), LONG).content == self.new, "the neighbour's write"
        return Expected((self.new,))


def die_at(scene, place, *words, data=b""):
    """Runs an operation until it dies at a failpoint of this name."""
    for number in itertools.count(1):
        scene.save()
        end, _ = scene.side(*words, data=data, die_at=number)
        assert end.died, f"ChaosSide {' '.join(words)} has no failpoint {place!r}"
        if end.place.split(": ", 1)[1] == place:
            return
        scene.restore()


# What the gateway does.


def request(method, target, body=None, type=None):
    return lambda scene, die_at: scene.request(method, target, body, type, die_at=die_at)[0]


def patches():
    """PATCH of one element, of several places, of raw bytes and of a body that is staged."""
    path = "/segments/a/data"
    one = spliced(OLD, "1234:1", NEW)[0]
    parts = {
        "patches": [
            {"slice": "0:3", "value": list(NEW[:3])},
            {"slice": "100:300", "value": list(NEW[100:300])},
            {"slice": "4095", "value": NEW[4095]},
        ]
    }
    several = spliced(OLD, "0:3,100:200,4095:1", NEW)[0]
    many = {"patches": [{"slice": f"{i}:{i + 5000}", "value": list(LONG_NEW[i : i + 5000])} for i in (0, 20000, 95000)]}
    yield Operation("PATCH of one element", request("PATCH", path + "?slice=1234", NEW[1234]), new=one)
    yield Operation("PATCH of patches", request("PATCH", path, parts), new=several)
    yield Operation(
        "PATCH of long patches",
        request("PATCH", path, many),
        old=LONG_OLD,
        new=spliced(LONG_OLD, "0:5000,20000:5000,95000:5000", LONG_NEW)[0],
    )
    yield Operation(
        "PATCH of raw bytes",
        request("PATCH", path + "?slice=50:1050", NEW[50:1050], RAW),
        new=spliced(OLD, "50:1000", NEW)[0],
    )
    yield Operation(
        "PATCH of a staged body",
        request("PATCH", path, LONG_NEW, RAW),
        old=LONG_OLD,
        new=LONG_NEW,
        covers_whole=True,
        damaged=1,
    )


def joint_patches():
    """POST /patch over three segments, two places in each."""
    parts = [
        {"segment": name, "slice": f"{begin}:{end}", "value": list(NEW[begin:end])}
        for begin, end in ((0, 3), (100, 300))
        for name in Together.names
    ]
    new = spliced(OLD, "0:3,100:200", NEW)[0]
    yield Together("POST of patches", request("POST", "/patch", {"patches": parts}), new=new)


def patch_of_64_mib():
    old, new = pattern(64 << 20, 1), pattern(64 << 20, 2)
    patch = request("PATCH", "/segments/a/data", new, RAW)
    return Operation("PATCH of 64 MiB", patch, old=old, new=new, covers_whole=True, damaged=1)


def requests_for_names():
    layout = {"kind": "ndarray", "dtype": "uint8", "shape": [COUNT]}
    filled = {"layout": layout, "data": list(NEW)}
    yield Naming("POST", request("POST", "/segments", {"name": "a", **filled}), has_old=False)
    yield Naming("PUT", request("PUT", "/segments/a", filled), has_old=False)
    yield Naming("PUT that replaces", request("PUT", "/segments/a?replace=true", filled))
    yield Naming("DELETE", request("DELETE", "/segments/a"), has_new=False)


class Repair(Operation):
    """Somebody says that a half write is whole enough; nothing but `damaged` and the sequence changes."""

    def __init__(self):
        super().__init__("repair", request("POST", "/segments/a/repair"), damaged=1)

    def judge(self, scene, end, mapper):
        page = mapper.page
        # Whether it is damaged may change while the sequence is odd, and only then: one tag, one description.
        assert page.sequence in (2, 3, 4), f"{page}"
        assert page.sequence == 3 or page.damaged == (page.sequence == 2), f"{page}"
        assert not end.acknowledged or page.sequence == 4, "acknowledged, and not done"
        return Expected((self.old,), page.damaged)


def layouts():
    yield LayoutOfOnesOwn("PUT of a layout", "PUT", False)
    yield LayoutOfOnesOwn("PUT of a layout that is there", "PUT", True)
    yield LayoutOfOnesOwn("DELETE of a layout", "DELETE", True)


class LayoutOfOnesOwn(Operation):
    """PUT and DELETE of a layout, which are files in the gateway's own folder."""

    def __init__(self, title, method, before):
        self._method, self._before = method, before
        super().__init__(title, request(method, "/layouts/own", self.body if method == "PUT" else None))

    body = {"layout": {"kind": "ndarray", "dtype": "f8", "shape": [3]}}
    was = {"layout": {"kind": "ndarray", "dtype": "f4", "shape": [2]}}

    def prepare(self, scene):
        super().prepare(scene)
        if self._before:
            scene.request("PUT", "/layouts/own", self.was)

    def judge(self, scene, end, mapper):
        shape = None
        with Gateway(scene.options, scene.directory) as gateway:
            answer = gateway.request("GET", "/layouts/own")
            if answer.status == 200:
                shape = answer.json()["layout"]["shape"]
        before = [2] if self._before else None
        after = [3] if self._method == "PUT" else None
        assert shape in ((after,) if end.acknowledged else (before, after)), f"the layout has the shape {shape}"
        return Expected((self.old,))


# What the Python client does.


class InPython(Operation):
    """A write of the Python client, in place: it leaves a half write if it dies between odd and even."""

    is_journaled = False
    each = "line"

    def run(self, scene, die_at):
        return scene.child(self._run, die_at, self.each)[0]

    def count(self, scene):
        return scene.child(self._run, 0, self.each)


class NamingInPython(Naming, InPython):
    pass


class RecoveryInPython(InPython):
    """The client takes the lock of a segment whose journaled writer died, and dies over the recovery."""

    def __init__(self, title, *words, data, **settings):
        self._words, self._data = words, data
        super().__init__(title, take_lock, is_journaled=True, **settings)

    def prepare(self, scene):
        super().prepare(scene)
        die_at(scene, "odd sequence", *self._words, data=self._data)

    def judge(self, scene, end, mapper):
        assert not end.acknowledged or mapper.page.sequence == 4
        if not self.is_journaled:
            return Expected((self.old, self.new), 1, 1, 2)
        return Expected((self.new,), self.damaged)


class JointRecoveryInPython(Together):
    """The same of a write over several segments, that died before or behind its commit word."""

    def __init__(self, title, place, each):
        super().__init__(title, None, new=spliced(OLD, "100:200", NEW)[0], each=each)
        self._place = place

    def prepare(self, scene):
        super().prepare(scene)
        die_at(scene, self._place, "together", "100:200", *self.names, data=NEW[100:300] * 3)

    def run(self, scene, die_at):
        return scene.child(take_locks, die_at, self.each)[0]

    def count(self, scene):
        return scene.child(take_locks, 0, self.each)

    def judge(self, scene, end, mapper):
        expected = super().judge(scene, dataclasses.replace(end, acknowledged=False), mapper)
        wanted = self.new if self._place == "commit word" else self.old
        assert expected.contents == (wanted,), "the commit word did not decide"
        return expected


def take_locks(directory):
    for name in Together.names:
        with shmgate.exclusive.locked(name, directory, shmgate.lock.Deadline(PATIENCE)):
            pass


def take_lock(directory):
    with shmgate.exclusive.locked("a", directory, shmgate.lock.Deadline(PATIENCE)):
        pass


def python_operations(each="line"):
    def layout():
        return shm.NdArrayLayout("uint8", COUNT, init_value=np.frombuffer(NEW, np.uint8))

    def write_some(directory):
        with shm.write("a", directory=directory) as values:
            values[100:300] = memoryview(NEW[100:300])

    def write_whole(directory):
        with shm.write("a", directory=directory, whole=True) as values:
            values[:] = memoryview(NEW)

    def create(directory):
        shm.create("a", layout(), directory=directory)

    def replace(directory):
        shm.create("a", layout(), directory=directory, replace=True)

    def unlink(directory):
        shm.unlink("a", directory=directory)

    some = spliced(OLD, "100:200", NEW)[0]
    yield InPython("Python's write", write_some, new=some, each=each)
    yield InPython("Python's write of the whole", write_whole, covers_whole=True, damaged=1, each=each)
    yield NamingInPython("Python's create", create, has_old=False, each=each)
    yield NamingInPython("Python's create that replaces", replace, each=each)
    yield NamingInPython("Python's unlink", unlink, has_new=False, each=each)
    yield RecoveryInPython(
        "Python's recovery from the page", *("write", "a", "100:200"), data=NEW[100:300], new=some, damaged=1, each=each
    )
    yield RecoveryInPython(
        *("Python's recovery from a staged file", "stage", "a", "0:90000"),
        data=LONG_NEW[:90000],
        old=LONG_OLD,
        new=spliced(LONG_OLD, "0:90000", LONG_NEW)[0],
        each=each,
    )
    yield JointRecoveryInPython("Python's recovery of a joint write that was committed", "commit word", each)
    yield JointRecoveryInPython("Python's recovery of a joint write that was not", "odd sequence", each)
