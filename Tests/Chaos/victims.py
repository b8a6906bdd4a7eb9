"""Those who die for kills.py: a process of the Swift library, the gateway, and a Python process with the client."""

import contextlib
import dataclasses
import http.client
import mmap
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import traceback

import plain
from support import PATIENCE, ROOT, Client, Gateway

CLIENT = str(ROOT / "Clients/Python/shmgate")


@dataclasses.dataclass(frozen=True)
class End:
    """How a victim ended: where it died, or that it lived; and whether it had said before that its work was done."""

    died: bool
    place: str
    acknowledged: bool


class Scene:
    """A directory of segments, and all who may come into it."""

    def __init__(self, options, directory):
        self.options = options
        self.directory = os.path.join(directory, "scene")
        self.saved = os.path.join(directory, "saved")
        self.side_binary = options.binary("ChaosSide")
        os.mkdir(self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def save(self):
        """Remembers all files as they are: whoever died holds no lock, so a copy is as good."""
        shutil.rmtree(self.saved, ignore_errors=True)
        shutil.copytree(self.directory, self.saved)

    def restore(self):
        """All files as they were saved, in new files."""
        shutil.rmtree(self.directory)
        shutil.copytree(self.saved, self.directory)

    def clear(self):
        shutil.rmtree(self.directory)
        os.mkdir(self.directory)

    def names(self):
        return sorted(name for name in os.listdir(self.directory) if not name.startswith("."))

    def leftovers(self):
        """Drafts, staged files, and what was not stored yet in a folder of the gateway's own."""
        own = f".shmgate-{os.getuid()}"
        hidden = [name for name in os.listdir(self.directory) if name.startswith(".") and name != own]
        with contextlib.suppress(FileNotFoundError):
            hidden += [f"{own}/{name}" for name in os.listdir(self.path(own)) if name.startswith(".")]
        return sorted(hidden)

    def side(self, *words, data=b"", die_at=0):
        """One operation of the Swift library, to die at a pass."""
        done = subprocess.run(
            [self.side_binary, self.directory, *words],
            input=data,
            capture_output=True,
            env={**os.environ, "SHMGATE_DIE_AT": str(die_at)},
            timeout=PATIENCE,
        )
        errors = done.stderr.decode()
        died = done.returncode == -signal.SIGKILL
        assert died or done.returncode == 0, f"ChaosSide {' '.join(words)} ended with {done.returncode}: {errors}"
        return End(died, errors.strip() if died else "", not died), done.stdout

    def request(self, method, target, body=None, type=None, *, die_at=0):
        """One request to a gateway that is to die at a pass, at the latest when it is asked to stop.

        Gives how it ended, and the answer if there was one.
        """
        answer = None
        gateway = _Doomed(self.options, self.directory, SHMGATE_DIE_AT=str(die_at))
        try:
            if gateway.port is not None:
                with contextlib.suppress(ConnectionError, http.client.HTTPException):
                    answer = gateway.request(method, target, body, type)
                    assert answer.status < 300 or (method, answer.status) == ("GET", 404), (method, target, answer)
        finally:
            place = gateway.end(answered=answer is not None)
        assert answer is not None or place, f"the gateway neither answered {method} {target} nor died"
        return End(place is not None, place or "", answer is not None), answer

    def child(self, work, die_at=0, each="line"):
        """`work(directory)` in a child that dies before a line (or opcode) of the client; tells how many passed."""
        shared = mmap.mmap(-1, 4096)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            try:
                sys.settrace(_Tracer(shared, die_at, each).begin)
                work(self.directory)
                sys.settrace(None)
                os._exit(0)
            except BaseException:
                sys.settrace(None)
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        count, length = struct.unpack_from("<2Q", shared)
        died = os.WIFSIGNALED(status)
        assert died or status == 0, f"the child ended with {status}"
        place = f"{each} {count}: {shared[16 : 16 + length].decode()}" if died else ""
        return End(died, place, not died), count


class _Tracer:
    """Counts lines or opcodes of the client, and ends the process before the one that was chosen."""

    def __init__(self, shared, die_at, each):
        self._shared, self._die_at, self._each = shared, die_at, each
        self._count = 0

    def begin(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(CLIENT):
            return None
        if self._each == "opcode":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._step

    def _step(self, frame, event, argument):
        if event == self._each:
            self._count += 1
            struct.pack_into("<Q", self._shared, 0, self._count)
            if self._count == self._die_at:
                place = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}".encode()
                struct.pack_into(f"<Q{len(place)}s", self._shared, 8, len(place), place)
                os.kill(os.getpid(), signal.SIGKILL)
        return self._step


class _Doomed(Gateway):
    """A gateway that may die by itself, at its start already; then its `port` is None."""

    def start(self):
        try:
            super().start()
        except AssertionError:
            self.port, self.client = None, Client(0)
            assert self.process.wait() == -signal.SIGKILL, self.errors()

    def end(self, answered):
        """Waits for its death, or stops it if it has answered. Gives the failpoint that it died at, or None."""
        if answered:
            status = self.stop()
        else:
            self.client.close()
            self.process.stdout.close()
            status = self.process.wait(PATIENCE)
        errors = self.errors()
        self.log.close()
        if status == 0:
            return None
        assert status == -signal.SIGKILL, f"the gateway ended with {status}: {errors[-4000:]}"
        return next(line for line in errors.splitlines() if line.startswith("failpoint "))
