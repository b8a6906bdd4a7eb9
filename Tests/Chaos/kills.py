#!/usr/bin/env python3
"""Death at every instruction that matters, recovery by everyone, and death of the recovery too.

Debug builds pass a failpoint behind every store and system call of a write, a recovery and a change of a name, and the
Python client is ended before each of its lines. Each operation is tried with death at its 1st, 2nd, 3rd pass and so on
until it lives; after each death the memory is read by FORMAT.md alone, then the next one opens the segment, and all is
judged: data are old or new, or half and said to be damaged; names lead to the old segment, the new one or nothing; what
was acknowledged is there; nothing is left behind. Then the gateway and local writers are killed at random under load.
"""

import itertools
import random
import warnings

from support import PATIENCE, RAW, Gateway, folder, program  # first: it says where the client lies

import plain
import shmgate as shm
import shmgate.exclusive
import shmgate.lock
from operations import (
    Repair,
    Sweeping,
    joint_patches,
    joint_writes,
    layouts,
    namings,
    patch_of_64_mib,
    patches,
    python_operations,
    requests_for_names,
    scribbles,
    writes,
)
from random_kills import Battle
from victims import End, Scene

SEED = 20261125
SHORT = {
    *("write in the page", "staged write", "staged write in a file that was used", "write over three segments"),
    *("create", "replace", "unlink"),
}
KILLS = 2000  # at random



class Judge:
    """Looks at a scene after a death, sends the next one in, and looks again."""

    def __init__(self, scene, has_gateway):
        self.scene = scene
        gateway = [self.by_gateway] if has_gateway else []
        self.openers = itertools.cycle([self.by_lock, *gateway, self.by_client, self.by_read, self.by_sweep])

    def look(self, expected):
        """Reads by FORMAT.md and by the client, both without the right to change anything."""
        if not expected.contents:
            return
        path = self.scene.path("a")
        count = len(expected.contents[0])
        reading = plain.read(path, count)
        assert expected.describes(reading.content), f"by FORMAT.md it reads {difference(reading.content, expected)}"
        assert reading.damaged == expected.damaged, f"damaged reads {reading.damaged}, expected {expected.damaged}"
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            copy = shm.snapshot("a", directory=self.scene.directory).tobytes()
        assert copy == reading.content, f"the client reads {difference(copy, expected)}"
        assert len(told) == expected.damaged, f"the client warned {len(told)} times, damaged is {expected.damaged}"
        for name in expected.others:
            other = plain.read(self.scene.path(name), count)
            assert expected.describes(other.content), f"{name} reads {difference(other.content, expected)}"
            assert not other.damaged and not other.page.interrupted, f"{name} is damaged"
            copy = shm.snapshot(name, directory=self.scene.directory).tobytes()
            assert copy == other.content, f"the client reads of {name} {difference(copy, expected)}"

    def settle(self, expected, mapper, recoveries=1, opener=None):
        """The next one opens the name; then all is in order for ever."""
        self.look(expected)
        (opener or next(self.openers))(expected)
        self.look(expected)
        if self.scene.leftovers():
            self.by_sweep(expected)
        self.look(expected)
        assert not (left := self.scene.leftovers()), f"left behind: {left}"
        if not expected.contents:
            assert "a" not in self.scene.names(), "the name came back"
            return
        path = self.scene.path("a")
        page = plain.page_of(path)
        most = expected.most_interrupted + (recoveries - 1 if expected.interrupted else 0)
        assert page.sequence % 2 == 0, f"the sequence is {page.sequence}"
        for name in expected.others:
            other = plain.page_of(self.scene.path(name))
            assert other.sequence in (2, 4), f"the sequence of {name} is {other.sequence}"
            assert plain.is_free(self.scene.path(name)), f"the lock of {name} is held"
        assert page.damaged == expected.damaged, f"damaged is {page.damaged}, expected {expected.damaged}"
        assert expected.interrupted <= page.interrupted <= most, f"{page.interrupted} interrupted writes"
        assert plain.is_free(path), "the lock is held"
        with shmgate.exclusive.locked("a", self.scene.directory, shmgate.lock.Deadline(PATIENCE)):
            pass  # takes the state back, if nobody has had a reason to do so yet
        assert plain.page_of(path).state == plain.LIVE, "the state was not taken back"
        if mapper is not None and mapper.page.uuid != page.uuid:
            assert mapper.page.state == expected.relic, f"mappers see the state {mapper.page.state}"

    def by_lock(self, expected):
        """The Swift library takes the write lock."""
        if expected.contents:
            self.scene.side("lock", "a")

    def by_read(self, expected):
        """The Swift library reads; with the right to write it recovers first."""
        if expected.contents:
            _, output = self.scene.side("read", "a")
            count = len(expected.contents[0])
            assert expected.describes(output[:count]), f"ChaosSide reads {difference(output[:count], expected)}"
            self.by_lock(expected)  # an even sequence, read without the lock, leaves the state as it is

    def by_client(self, expected):
        """The Python client takes the write lock."""
        if expected.contents:
            with shmgate.exclusive.locked("a", self.scene.directory, shmgate.lock.Deadline(PATIENCE)):
                pass

    def by_gateway(self, expected):
        """A fresh gateway, which sweeps, and then a reader."""
        with Gateway(self.scene.options, self.scene.directory) as gateway:
            assert not (left := self.scene.leftovers()), f"the gateway left behind: {left}"
            answer = gateway.request("GET", "/segments/a/data", headers={"Accept": RAW})
        if not expected.contents:
            assert answer.status == 404, answer
            return
        assert answer.status == 200, answer
        assert expected.describes(answer.body), f"the gateway sends {difference(answer.body, expected)}"
        said = answer.headers["Shm-Damaged"]
        assert (said is not None) == bool(expected.damaged), f"Shm-Damaged: {said}, expected {expected.damaged}"

    def by_sweep(self, expected):
        """A sweep, and then the lock: a sweep recovers only what has a staged file."""
        self.scene.side("sweep")
        self.by_lock(expected)


def difference(content, expected):
    """Where contents are other ones than they should be."""
    wanted = expected.contents[0]
    if len(content) != len(wanted):
        return f"{len(content)} bytes for {len(wanted)}"
    places = [i for i, pair in enumerate(zip(content, wanted)) if pair[0] != pair[1]]
    if not places:
        return "the same"
    return f"{len(places)} of {len(wanted)} bytes not as expected, from {places[0]} to {places[-1]}"


class Executioner:
    """Kills operations at their passes, and keeps the books."""

    def __init__(self, report, scene, generator, has_gateway=True):
        self.report, self.scene, self.generator = report, scene, generator
        self.judge = Judge(scene, has_gateway)
        self.survived = 0

    def begin(self, operation):
        self.scene.clear()
        operation.prepare(self.scene)
        self.scene.save()

    def once(self, operation, die_at, recoverers=()):
        """One life, from the saved scene on. Gives how it ended; None if the promises did not hold."""
        self.scene.restore()
        mapper = plain.Mapper(self.scene.path("a")) if "a" in self.scene.names() else None
        end = End(False, "", False)
        try:
            end = operation.run(self.scene, die_at)
            expected = operation.judge(self.scene, end, mapper)
            if end.died and recoverers and (self.scene.leftovers() or self.is_odd()):
                self.twice(expected, recoverers)
                return end
            self.judge.settle(expected, mapper)
            self.survived += end.died
            return end
        except AssertionError as error:
            self.report.require(False, f"{operation.title}, death {die_at} ({end.place or 'none'}): {error}")
            return None
        finally:
            if mapper:
                mapper.close()

    def is_odd(self):
        return "a" in self.scene.names() and plain.page_of(self.scene.path("a")).sequence % 2 == 1

    def twice(self, expected, recoverers):
        """Kills each kind of recovery at each of its passes, all from the same death on."""
        keep = self.scene.saved
        self.scene.saved = keep + "-again"
        self.scene.save()
        try:
            for recover in recoverers:
                for die_at in itertools.count(1):
                    self.scene.restore()
                    end = recover(self.scene, die_at)
                    try:
                        self.judge.settle(expected, None, recoveries=2)
                    except AssertionError as error:
                        name = recover.__name__
                        raise AssertionError(f"then {name}, death {die_at} ({end.place}): {error}") from error
                    if not end.died:
                        break
                    self.survived += 1
        finally:
            self.scene.saved = keep
        self.survived += 1

    def everywhere(self, operation, recoverers=()):
        """Death at the 1st, 2nd, 3rd pass and so on, until it lives."""
        self.begin(operation)
        before = self.survived
        for die_at in itertools.count(1):
            end = self.once(operation, die_at, recoverers)
            if end is not None and not end.died:
                break
            assert len(self.report.failures) < 20, "too much is broken"
        assert self.survived > before, f"{operation.title}: nothing was passed"
        also = ", and of who recovers" if recoverers else ""
        self.report.figure(f"kills survived, {operation.title}{also}", self.survived - before)

    def by_halves(self, operation):
        """For operations of thousands of passes: finds the last by halves, tries those before it, and some by lot."""
        self.begin(operation)
        before = self.survived

        def dies(die_at):
            end = self.once(operation, die_at)
            return end is None or end.died

        last, lives = 0, 1
        while dies(lives):
            last, lives = lives, 2 * lives
        while lives - last > 1:
            middle = (last + lives) // 2
            if dies(middle):
                last = middle
            else:
                lives = middle
        for die_at in [*range(max(1, last - 10), last), *self.generator.sample(range(1, last), min(6, last - 1))]:
            self.once(operation, die_at)
        self.report.figure(f"kills survived, {operation.title}", self.survived - before)

    def here_and_there(self, operation, most):
        """The same at `most` passes drawn by lot, for operations that count their passes while they live."""
        self.begin(operation)
        _, count = operation.count(self.scene)
        chosen = range(1, count + 1)
        if most is not None and most < count:
            chosen = sorted(self.generator.sample(chosen, most))
        before = self.survived
        for die_at in chosen:
            self.once(operation, die_at)
        self.report.figure(f"kills survived, {operation.title}, each {operation.each}", self.survived - before)


# Those who recover, and die over it.


def taking_the_lock(scene, die_at):
    """The write lock, where the name leads to a segment."""
    return scene.side("lock", "a", die_at=die_at)[0] if "a" in scene.names() else End(False, "", False)


def sweeping(scene, die_at):
    """A sweep alone, which recovers what has a staged file."""
    return scene.side("sweep", die_at=die_at)[0]


def starting_a_gateway(scene, die_at):
    """A fresh gateway, which sweeps, and then a reader, who recovers."""
    return scene.request("GET", "/segments/a/data", die_at=die_at)[0]


def main(options, report):
    report.figure("seed", SEED)
    generator = random.Random(SEED)
    with folder() as directory:
        executioner = Executioner(report, Scene(options, directory), generator)
        if options.short:
            for operation in [*writes(), *joint_writes(), *scribbles(), *namings()]:
                if operation.title in SHORT:
                    executioner.everywhere(operation)
            for operation in python_operations():
                executioner.here_and_there(operation, 6)
        else:
            recoverers = (taking_the_lock, sweeping, starting_a_gateway)
            short, long = joint_writes()
            for operation in [*writes(), short, *scribbles(), *namings(), Sweeping()]:
                executioner.everywhere(operation)
                executioner.everywhere(operation, recoverers)
            executioner.everywhere(long)
            for operation in [*patches(), *joint_patches(), Repair(), *requests_for_names(), *layouts()]:
                executioner.everywhere(operation)
            executioner.by_halves(patch_of_64_mib())
            for operation in python_operations():
                executioner.here_and_there(operation, None)
            for operation in python_operations("opcode"):
                executioner.here_and_there(operation, 100)
        survived = executioner.survived
    with folder() as directory:
        battle = Battle(options, directory, generator)
        try:
            battle.run(30 if options.short else KILLS)
        except AssertionError as error:
            report.require(False, f"in round {battle.rounds} of random kills: {error}")
        report.figure("kills survived, at random", battle.kills)
        report.figure("of them inside a write", battle.within)
        report.figure("requests acknowledged meanwhile", battle.requests)
    report.figure("kills survived", survived + battle.kills)


if __name__ == "__main__":
    program(main, __doc__)
