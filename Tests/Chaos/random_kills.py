"""The part of kills.py that leaves the moment to chance: the gateway and local writers are killed under load."""

import contextlib
import dataclasses
import http.client
import multiprocessing.sharedctypes
import os
import signal
import subprocess
import time
import traceback

from support import PATIENCE, RAW, Client, Gateway  # first: it says where the client lies

import plain
import shmgate as shm
import shmgate.exclusive
import shmgate.lock

SHORT, LONG = 200, 100_000
PRIME = 251


def uniform(count, number):
    """What the write of this number leaves: every byte the same."""
    return bytes([number % PRIME]) * count


@dataclasses.dataclass
class Target:
    """A segment, the one who writes numbers to it, and what is known of it."""

    name: str
    count: int
    write: object  # (target, number) → whether it was acknowledged; called in a process of its own
    is_journaled: bool = True
    has_one_writer: bool = True

    def __post_init__(self):
        self.numbers = multiprocessing.sharedctypes.RawArray("Q", 2)  # sent, acknowledged
        self.content = uniform(self.count, 0)
        self.before = self.interrupted = 0
        self.uuid = None

    def begin(self, path):
        page = plain.page_of(path)
        # One who died in the round before may be found only now.
        self.interrupted = page.interrupted + (page.sequence % 2 == 1 and not self.is_journaled)
        self.uuid, self.before = page.uuid, self.numbers[1]

    def judge(self, path):
        """What is in it by FORMAT.md; whether somebody died inside a write."""
        reading = plain.read(path, self.count)
        sent, acknowledged = self.numbers
        old = self.content if acknowledged == self.before else uniform(self.count, acknowledged)
        new = uniform(self.count, sent)
        was_within = reading.page.sequence % 2 == 1
        if not self.has_one_writer:
            assert reading.damaged or len(set(reading.content)) == 1, f"{self.name} is torn"
        elif was_within and not self.is_journaled:
            assert reading.damaged, f"{self.name} holds a half write and does not say so"
            is_mixed = all(byte in pair for byte, *pair in zip(reading.content, old, new))
            assert is_mixed, f"{self.name} holds what is neither old nor new"
        else:
            wanted = {old, new} if not was_within else {new}
            assert reading.content in wanted, f"{self.name} is not the write {acknowledged} or {sent}"
            assert not self.is_journaled or not reading.damaged, f"{self.name} is damaged"
        if reading.page.uuid != self.uuid:
            self.interrupted, self.uuid = reading.page.interrupted, reading.page.uuid
        self.content = reading.content
        return was_within, reading

    def judge_recovered(self, path, was_within, reading):
        """The same once somebody has recovered."""
        page = plain.page_of(path)
        expected = reading.page.sequence + was_within
        assert page.sequence == expected, f"{self.name}: the sequence is {page.sequence}, expected {expected}"
        assert page.damaged == reading.damaged, f"{self.name}: damaged {reading.damaged} → {page.damaged}"
        if self.has_one_writer:
            counted = page.interrupted - self.interrupted
            assert counted == (was_within and not self.is_journaled), f"{self.name}: {counted} interrupted writes"
        assert plain.read(path, self.count).content == reading.content, f"{self.name} changed by the recovery"


@dataclasses.dataclass
class JointTarget(Target):
    """Several segments that are always written together."""

    others: tuple = ()

    def judge(self, path):
        reading = plain.read(path, self.count)
        sent, acknowledged = self.numbers
        old = self.content if acknowledged == self.before else uniform(self.count, acknowledged)
        # One that is odd may be void: the others were not odd yet when the gateway died.
        wanted = (old, uniform(self.count, sent))
        assert reading.content in wanted, f"{self.name} is not the write {acknowledged} or {sent}"
        was_within = reading.page.sequence % 2 == 1
        for other in (self._read(path, name) for name in self.others):
            assert other.content == reading.content, f"{self.name} and its others are of two writes"
            assert not reading.damaged and not other.damaged, f"{self.name} is damaged, or one of its others"
            was_within |= other.page.sequence % 2 == 1
        self.content = reading.content
        return was_within, reading

    def judge_recovered(self, path, was_within, reading):
        super().judge_recovered(path, reading.page.sequence % 2, reading)
        for name in self.others:
            other = self._read(path, name)
            assert other.content == reading.content and not other.damaged, f"{name} changed by the recovery"

    def _read(self, path, name):
        return plain.read(os.path.join(os.path.dirname(path), name), self.count)


class Battle:
    """A directory with a gateway, its clients, and local writers; all but the clients are killed, round after round."""

    def __init__(self, options, directory, generator):
        self.options, self.directory, self.generator = options, directory, generator
        self.side = options.binary("ChaosSide")
        self.kills = self.within = self.requests = self.rounds = 0
        self.by_http = [
            Target("page", SHORT, _patch),
            Target("long", LONG, _patch),
            Target("list", SHORT, _patch_list),
            Target("named", 4096, _replace),
            JointTarget("joint", SHORT, _patch_several, others=("joint-b", "joint-c")),
            Target("shared", LONG, _patch, has_one_writer=False),
        ]
        self.by_python = [
            Target("local", LONG, _write, is_journaled=False),
            Target("small", SHORT, _write, is_journaled=False),
        ]
        self.by_side = Target("side", LONG, None)
        self.targets = [*self.by_http, *self.by_python, self.by_side]
        for target in self.targets:
            for name in (target.name, *getattr(target, "others", ())):
                plain.make(os.path.join(directory, name), target.content)

    def path(self, target):
        return os.path.join(self.directory, target.name)

    def run(self, kills):
        """Rounds until so many were killed."""
        while self.kills < kills:
            self.round()
            self.judge()
            self.rounds += 1

    def round(self):
        """A gateway and its clients, local writers beside them; after a moment all are dead."""
        for target in self.targets:
            target.begin(self.path(target))
        gateway = Gateway(self.options, self.directory)
        hidden = [name for name in os.listdir(self.directory) if name.startswith(".")]
        assert not hidden, f"the gateway left behind {hidden}"
        clients = [_fork(_http_loop, target, gateway.port) for target in self.by_http]
        locals_ = [_fork(_local_loop, target, self.directory) for target in [*self.by_python, self.by_http[-1]]]
        number = self.by_side.numbers[0] = self.by_side.numbers[0] + 1
        side = subprocess.Popen(
            [self.side, self.directory, "stage", "side", f"0:{LONG}", "whole"], stdin=subprocess.PIPE
        )
        side.stdin.write(uniform(LONG, number))
        side.stdin.close()
        victims = [gateway.process.pid, side.pid, *locals_]
        self.generator.shuffle(victims)
        time.sleep(self.generator.uniform(0, 0.04))
        for pid in victims:
            if pid != side.pid or side.poll() is None:
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
            time.sleep(self.generator.uniform(0, 0.003))
        gateway.kill()
        gateway.log.close()
        if side.wait() == 0:
            self.by_side.numbers[1] = number
        for pid in locals_:
            _, status = os.waitpid(pid, 0)
            assert os.WIFSIGNALED(status), "a local writer failed"
        assert not any([os.waitpid(pid, 0)[1] for pid in clients]), "a client got an answer that it should not"

    def judge(self):
        found = [target.judge(self.path(target)) for target in self.targets]
        for target, (was_within, reading) in zip(self.targets, found):
            self.within += was_within
            # Where nobody comes now it is the gateway of the next round.
            recover = self.generator.choice([self._by_side, self._by_client, None])
            if recover is not None:
                recover(target)
                target.judge_recovered(self.path(target), was_within, reading)
        self.requests = sum(target.numbers[1] for target in self.by_http)

    def _by_side(self, target):
        subprocess.run([self.side, self.directory, "lock", target.name], check=True)

    def _by_client(self, target):
        with shmgate.exclusive.locked(target.name, self.directory, shmgate.lock.Deadline(PATIENCE)):
            pass


def _fork(work, *arguments):
    pid = os.fork()
    if pid == 0:
        try:
            work(*arguments)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return pid


def _http_loop(target, port):
    """Numbers, one after the other, until the gateway is gone."""
    client = Client(port)
    with contextlib.suppress(ConnectionError, http.client.HTTPException):
        while True:
            number = target.numbers[0] + 1
            target.numbers[0] = number
            answer = target.write(target, number, client)
            if answer.status < 300:
                target.numbers[1] = number
            else:
                assert answer.status == 503, answer


def _local_loop(target, directory):
    if target.has_one_writer:
        while True:
            number = target.numbers[0] + 1
            target.numbers[0] = number
            target.write(target, number, directory)
            target.numbers[1] = number
    for number in range(1 << 62):
        _write(target, number, directory)


def _patch(target, number, client):
    return client.request("PATCH", f"/segments/{target.name}/data", uniform(target.count, number), RAW)


def _patch_list(target, number, client):
    half = target.count // 2
    parts = [{"slice": f":{half}", "value": number % PRIME}, {"slice": f"{half}:", "value": number % PRIME}]
    return client.request("PATCH", f"/segments/{target.name}/data", {"patches": parts})


def _patch_several(target, number, client):
    names = (target.name, *target.others)
    parts = [{"segment": name, "value": number % PRIME} for name in names[number % 3 :] + names[: number % 3]]
    return client.request("POST", "/patch", {"patches": parts})


def _replace(target, number, client):
    layout = {"kind": "ndarray", "dtype": "uint8", "shape": [target.count]}
    return client.request("PUT", f"/segments/{target.name}?replace=true", {"layout": layout, "fill": number % PRIME})


def _write(target, number, directory):
    with shm.write(target.name, directory=directory, whole=True, timeout=PATIENCE) as values:
        half = target.count // 2
        values[:half] = number % PRIME
        values[half:] = number % PRIME
