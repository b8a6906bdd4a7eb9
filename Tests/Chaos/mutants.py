#!/usr/bin/env python3
"""Takes out of the protocol one thing at a time, and shows that each is missed.

A test that nothing can fail proves nothing. So a copy of the sources is made, and in it one mutant after the other: a
few lines replaced, the library built, a judge asked. Every judge first has to find the untouched copy in order, and
then has to find the mutant broken. One that survives makes the exit status 1, and so does one whose lines are not there.
"""

import dataclasses
import fcntl
import functools
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile

from support import PATIENCE, ROOT, await_that, folder, program  # first: it says where the client lies

import operations
import plain
from kills import Executioner, taking_the_lock
from victims import Scene

SEED = 4


@dataclasses.dataclass(frozen=True)
class Mutant:
    """Lines of a file, what stands in their place, and the judges who have to notice, each alone."""

    title: str
    file: str
    edits: dict
    judges: tuple
    is_built: bool = True


class Broken(Exception):
    """A promise did not hold."""


def holds(condition, text):
    if not condition:
        raise Broken(text)


# Judges: each is given a place with a built library, and raises Broken.


class Place:
    """The copy of the sources, and what was built of it."""

    def __init__(self, path, build):
        self.path, self.build = path, build

    def binary(self, name):
        return str(self.path / ".build/debug" / name)


class Verdict:
    """What kills.py reports to: here the first promise that breaks is enough."""

    failures = ()

    def figure(self, name, value):
        pass

    def require(self, condition, text):
        holds(condition, text)


@functools.cache
def killed(title, *recoverers):
    """The operation of kills.py, dying at each of its passes, and those who recover at theirs."""

    def judge(place):
        with folder() as directory:
            executioner = Executioner(Verdict(), Scene(place, directory), random.Random(SEED), has_gateway=False)
            known = [*operations.writes(), *operations.joint_writes(), *operations.namings(), *operations.scribbles()]
            executioner.everywhere(next(o for o in known if o.title == title), recoverers)

    judge.__name__ = f"kills.py, {title}" + (", and of who recovers" if recoverers else "")
    return judge


def late_writer(place):
    """A writer who waited while the name moved does not write to the segment that it has left."""
    with folder() as directory:
        scene = Scene(place, directory)
        plain.make(scene.path("a"), operations.OLD)
        plain.make(scene.path("new"), operations.OLD)
        with open(scene.path("a"), "r+b") as file:
            plain.lock_range(file.fileno(), plain.F_OFD_SETLK, fcntl.F_WRLCK, plain.LOCK)
            writer = _start(scene, "write", "a", "100:200")
            writer.stdin.write(operations.NEW[100:300])
            writer.stdin.close()
            _await_waiter(writer, scene.path("a"))
            os.rename(scene.path("new"), scene.path("a"))
        status = writer.wait(PATIENCE)
        content = plain.read(scene.path("a"), operations.COUNT).content
        holds(status != 0 or content[100:300] == operations.NEW[100:300], "acknowledged, and nobody will ever see it")


def queue(place):
    """Who wants the lock waits for its turn, even if the lock is free."""
    with folder() as directory:
        scene = Scene(place, directory)
        plain.make(scene.path("a"), operations.OLD)
        with open(scene.path("a"), "r+b") as file:
            plain.lock_range(file.fileno(), plain.F_OFD_SETLK, fcntl.F_WRLCK, plain.TURNSTILE)
            writer = _start(scene, "lock", "a")
            writer.stdin.close()
            status = writer.wait(PATIENCE)
        holds(status == 1, "it went past the turnstile that somebody else stood in")


def circle(place):
    """Who wants two segments has the one of the lesser uuid when he waits for the other, whatever order he was given."""
    with folder() as directory:
        scene = Scene(place, directory)
        for name in ("a", "b"):
            plain.make(scene.path(name), operations.OLD)
        lesser, greater = sorted(("a", "b"), key=lambda name: plain.page_of(scene.path(name)).uuid)
        with open(scene.path(greater), "r+b") as file:
            plain.lock_range(file.fileno(), plain.F_OFD_SETLK, fcntl.F_WRLCK, plain.LOCK)
            writer = _start(scene, "together", "100:200", greater, lesser)
            writer.stdin.write(operations.NEW[100:300] * 2)
            writer.stdin.close()
            _await_waiter(writer, scene.path(greater))
            is_held = not plain.is_free(scene.path(lesser))
        status = writer.wait(PATIENCE)
        holds(is_held, "it waits for the second and does not hold the first: two such writers wait for each other")
        holds(status == 0, "it did not write when the lock was free")


def living_maker(place):
    """A sweep leaves alone what its maker holds."""
    with folder() as directory:
        scene = Scene(place, directory)
        names = [f".shmgate-{kind}-{'0a' * 16}" for kind in ("tmp", "journal")]
        with open(scene.path(names[0]), "w+b") as draft, open(scene.path(names[1]), "w+b") as staged:
            for file in (draft, staged):
                plain.lock_range(file.fileno(), plain.F_OFD_SETLK, fcntl.F_WRLCK, plain.LOCK)
            scene.side("sweep")
            holds(sorted(scene.leftovers()) == sorted(names), "it took what somebody was making")
        scene.side("sweep")
        holds(not scene.leftovers(), "it left what nobody was making")


def fence(place):
    """The fence stands right behind the odd store, in what the compiler makes of the source for any processor."""
    source = place.path / "Sources/CSegment"
    words = ["clang", "-O2", "-S", "-emit-llvm", "-D_GNU_SOURCE", "-o", "-", f"-I{source}/include", f"{source}/copy.c"]
    made = subprocess.run(words, capture_output=True, text=True, check=True)
    function = re.search(r"^define [^\n]*@shmgate_store_odd\(.*?^}", made.stdout, re.M | re.S)
    holds(function, "there is no shmgate_store_odd")
    store = r"store atomic i64 %1, ptr %\d+ monotonic, align 8\n\s*"
    holds(re.search(store + "fence seq_cst", function[0]), "no fence behind the odd store")


def model(title):
    """The checker of Tests/ProtocolModelTests finds this mutant of its own; it does not look at the sources."""

    def judge(place):
        bundle = place.build / "shmgatePackageTests.xctest"
        done = subprocess.run(
            [str(bundle), "--testing-library", "swift-testing", "--filter", f"MutantTests.*{re.escape(title)}"],
            capture_output=True,
            text=True,
        )
        holds(done.returncode == 0, f"the model: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        ran = re.search(r"Test run with [1-9]\d* test", done.stdout + done.stderr)
        holds(ran, f"no test of the model is named {title}")

    judge.__name__ = f"the model, {title}"
    return judge


def _start(scene, *words):
    return subprocess.Popen(
        [scene.side_binary, scene.directory, *words], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def _await_waiter(process, path):
    """Waits until somebody stands in the turnstile, or the process has ended."""
    def waits():
        with open(path, "r+b") as file:
            try:
                plain.lock_range(file.fileno(), plain.F_OFD_SETLK, fcntl.F_WRLCK, plain.TURNSTILE)
            except BlockingIOError:
                return True
            return process.poll() is not None

    await_that(waits, "a writer in the turnstile")


# Mutants.

COPY = "Sources/CSegment/copy.c"
SEGMENTS = "Sources/Segments/"
LOCK = SEGMENTS + "WriteLock.swift"
JOINT = killed("write over three segments")

MUTANTS = [
    Mutant(
        "the fence",
        COPY,
        {"__atomic_thread_fence(__ATOMIC_SEQ_CST));": "__atomic_signal_fence(__ATOMIC_SEQ_CST));"},
        (fence,),
        is_built=False,
    ),
    Mutant(
        "the odd store",
        COPY,
        {
            "__atomic_store_n(&((struct shmgate_control *)base)->sequence, sequence, __ATOMIC_RELAXED);": (
                "(void)base; (void)sequence;"
            )
        },
        (killed("write in the page"), killed("staged write")),
    ),
    Mutant(
        "the journal",
        LOCK,
        {"        try write.storeJournal(sequence: odd)\n": ""},
        (killed("write in the page"), killed("staged write")),
    ),
    Mutant(
        "the checksum of a journal in the page",
        SEGMENTS + "Journal.swift",
        {"guard head.checksum(over: payload) == head.crc,\n                let": "guard let"},
        (killed("recovery over a scribbled page"),),
    ),
    Mutant(
        "the checksum of a staged journal",
        SEGMENTS + "StagedFile+Replay.swift",
        {"guard sum == journal.crc,": "guard sum == journal.crc || segment.totalBytes > 0,"},
        (killed("recovery over a scribbled staged file"),),
    ),
    Mutant("the name check", LOCK, {"        try checkNameLocked()\n": ""}, (late_writer,)),
    Mutant(
        "the turnstile",
        SEGMENTS + "LockFile.swift",
        {
            "var code = shmgate_lock_range_until(descriptor, turn, turnstileStart, deadline.monotonicNs)": (
                "_ = turn\n    var code: Int32 = 0"
            )
        },
        (queue,),
    ),
    Mutant(
        "the state before a name moves",
        LOCK,
        {"        try set(state.rawValue, at: ControlWord.state)\n": ""},
        (killed("replace"), killed("unlink")),
    ),
    Mutant(
        "the redo before the journal goes",
        LOCK,
        {
            "        try journal.redo(in: self, onto: mapping)\n": (
                "        Journal.discard(journal, in: self)\n        try journal.redo(in: self, onto: mapping)\n"
            )
        },
        (killed("staged write", taking_the_lock),),
    ),
    Mutant("the commit word", SEGMENTS + "WriteLocks.swift", {"            try write.decide()\n": ""}, (JOINT,)),
    Mutant(
        "all odd before the commit word",
        SEGMENTS + "JointWrite.swift",
        {"try file.writeHead(entries, isCommitted: false)": "try file.writeHead(entries, isCommitted: true)"},
        (JOINT,),
    ),
    Mutant(
        "the records in the checksum of a joint journal",
        SEGMENTS + "JointWrite.swift",
        {"head.encoded(crcOver: covered, then: records)": "head.encoded(crcOver: covered)"},
        (JOINT,),
    ),
    Mutant(
        "the file for the others of a joint write",
        SEGMENTS + "Journal.swift",
        {"guard journal.head.kind == 2 else { return }": "guard journal.head.kind >= 2 else { return }"},
        (JOINT,),
    ),
    Mutant(
        "the order of the locks",
        SEGMENTS + "WriteLocks.swift",
        {"{ segments.sorted { $0.uuid < $1.uuid } }": "{ segments }"},
        (circle,),
    ),
    Mutant(
        "the damage of a half write",
        LOCK,
        {"            try mapping.store(1, at: ControlWord.damaged)\n": ""},
        (killed("write in place"),),
    ),
    Mutant(
        "the lock of who makes a temporary file",
        SEGMENTS + "SegmentDirectory+Sweep.swift",
        {"status.isRegular, file.tryLock(F_WRLCK) else": "status.isRegular else"},
        (living_maker,),
    ),
]
# Titles of the tests in the model for what has a mutant there too. No run on x86-64 can miss the fence.
IN_THE_MODEL = {
    "the fence": "no fence after the odd sequence",
    "the odd store": "no odd sequence",
    "the turnstile": "no turnstile",
    "the commit word": "writes over two segments",
    "all odd before the commit word": "writes over two segments",
    "the order of the locks": "writes over two segments",
}


def copied(build):
    """A copy of the package, without what was built of it."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="shmgate-mutants-")) / "package"
    ignored = shutil.ignore_patterns(".build*", ".git", ".venv*", "__pycache__", "results")
    shutil.copytree(ROOT, path, symlinks=True, ignore=ignored)
    return Place(path, build)


def built(place):
    """Builds what the judges need; what the compiler refuses is no mutant."""
    words = ["swift", "build", "--package-path", str(place.path), "--product", "ChaosSide"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"the copy does not build:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"


def mutated(mutant, text):
    for find, replacement in mutant.edits.items():
        count = text.count(find)
        assert count == 1, f"{mutant.title}: {mutant.file} has {count} of the lines to replace:\n{find}"
        text = text.replace(find, replacement)
    return text


def caught_by(judge, place):
    """What the judge noticed, in short, or None."""
    try:
        judge(place)
        return None
    except (Broken, AssertionError) as error:
        return str(error).splitlines()[0].removeprefix(judge.__name__.partition(", ")[2] + ", ")


def main(options, report):
    place = copied(options.build)
    try:
        sources = {mutant.file: (place.path / mutant.file).read_text() for mutant in MUTANTS}
        for mutant in MUTANTS:
            mutated(mutant, sources[mutant.file])
        built(place)
        for judge in dict.fromkeys(judge for mutant in MUTANTS for judge in mutant.judges):
            noticed = caught_by(judge, place)
            report.require(noticed is None, f"{judge.__name__} of the sources as they are: {noticed}")
        for mutant in MUTANTS:
            path = place.path / mutant.file
            path.write_text(mutated(mutant, sources[mutant.file]))
            if mutant.is_built:
                built(place)
            caught = []
            for judge in mutant.judges:
                noticed = caught_by(judge, place)
                if report.require(noticed is not None, f"{mutant.title}: SURVIVED {judge.__name__}"):
                    caught.append(f"{judge.__name__} ({noticed})")
            path.write_text(sources[mutant.file])
            if mutant.title in IN_THE_MODEL:
                judge = model(IN_THE_MODEL[mutant.title])
                noticed = caught_by(judge, place)
                if report.require(noticed is None, f"{mutant.title}: SURVIVED {judge.__name__}: {noticed}"):
                    caught.append(judge.__name__)
            if caught:
                report.figure(mutant.title, "caught by " + "; ".join(caught))
    finally:
        shutil.rmtree(place.path.parent)


if __name__ == "__main__":
    program(main, __doc__)
