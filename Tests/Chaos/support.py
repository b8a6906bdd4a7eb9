"""What the chaos programs share: options, figures, a gateway of one's own, and workers that do one thing until told to stop."""

import argparse
import contextlib
import ctypes
import http.client
import json
import multiprocessing
import multiprocessing.sharedctypes
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
JSON, RAW = "application/json", "application/octet-stream"
PATIENCE = 120  # seconds until a thing that has to happen counts as one that does not
FORK = multiprocessing.get_context("fork")

sys.path.insert(0, str(ROOT / "Clients/Python"))


class Options:
    """What the command line says."""

    def __init__(self, words, description):
        parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--short", action="store_true", help="a few seconds of it")
        parser.add_argument(
            "--build", type=pathlib.Path, default=ROOT / ".build/debug", help="where shmgate and ContractSide lie"
        )
        chosen = parser.parse_args(words)
        self.short, self.build = chosen.short, chosen.build

    def binary(self, name):
        """The path of a program that Swift built."""
        path = self.build / name
        assert path.exists(), f"there is no {path}: swift build --build-tests makes it"
        return str(path)


class Report:
    """Prints figures as they come and remembers what went wrong."""

    def __init__(self):
        self.failures = []

    def figure(self, name, value):
        """One line: what was counted, and how many."""
        print(f"  {name}: {value:,}" if isinstance(value, int) else f"  {name}: {value}", flush=True)

    def require(self, holds, text):
        """Says `text` and fails the program in the end, unless `holds`."""
        if not holds:
            self.failures.append(text)
            print(f"  FAILED: {text}", flush=True)
        return holds


def program(main, description):
    """Runs `main(options, report)`; the exit status is 1 if something was required and did not hold."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    options, report = Options(sys.argv[1:], description), Report()
    began = time.monotonic()
    main(options, report)
    report.figure("seconds", f"{time.monotonic() - began:.1f}")
    sys.exit(1 if report.failures else 0)


@contextlib.contextmanager
def folder():
    """A directory below /dev/shm that is gone afterwards."""
    path = tempfile.mkdtemp(prefix="shmgate-chaos-", dir="/dev/shm")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def small_tmpfs(size):
    """A tmpfs of its own of `size` bytes; needs root, or sudo without a password."""
    path = tempfile.mkdtemp(prefix="shmgate-chaos-")
    sudo = [] if os.getuid() == 0 else ["sudo", "-n"]
    subprocess.run([*sudo, "mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "shmgate-chaos", path], check=True)
    try:
        yield path
    finally:
        subprocess.run([*sudo, "umount", "--lazy", path], check=True)
        os.rmdir(path)


def await_that(holds, what, seconds=PATIENCE):
    """Returns what `holds()` gives as soon as it is true; an error after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := holds()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.005)
    return value


def spares(directory):
    """What a gateway keeps of staged files for the next writes, for some seconds; journals that are needed, too."""
    return [name for name in os.listdir(directory) if name.startswith(".shmgate-journal-")]


class Answer:
    """Status, header fields and body of one answer."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Client:
    """One connection, kept alive; opened anew by the request after one that broke, or after a pause.

    The gateway closes what is idle for long, and the request that crosses this on its way is nobody's fault.
    """

    PAUSE = 10  # seconds

    def __init__(self, port, timeout=PATIENCE):
        self.used = time.monotonic()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def request(self, method, target, body=None, type=None, headers=None):
        """`body` is bytes, or anything else that is sent as JSON."""
        fields = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, bytearray, memoryview)):
            body, type = json.dumps(body).encode(), type or JSON
        if type:
            fields["Content-Type"] = type
        if time.monotonic() - self.used > self.PAUSE:
            self.connection.close()
        try:
            self.connection.request(method, target, body=body, headers=fields)
            return Answer(self.connection.getresponse())
        except BaseException:
            self.connection.close()
            raise
        finally:
            self.used = time.monotonic()

    def close(self):
        self.connection.close()


class Gateway:
    """`shmgate serve` over a directory; ends with the block.

    Root may have it run by another `user`; `environment` is added to this process's.
    """

    def __init__(self, options, directory, *flags, user=None, **environment):
        self.directory, self.program, self.place = directory, options.binary("shmgate"), None
        self.environment = environment
        self.user = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
        if self.user:
            # Where any user can run it; the checkout may lie in somebody's home.
            self.place = tempfile.TemporaryDirectory(prefix="shmgate-program-")
            os.chmod(self.place.name, 0o755)
            self.program = shutil.copy(self.program, self.place.name)
        self.words = [
            self.program, "serve", "--listen", "127.0.0.1:0", "--directory", directory, "--threads", "2", *flags,
        ]  # fmt: skip
        self.log = tempfile.TemporaryFile()
        self.start()

    def start(self):
        """Starts it, the first time or after a kill; the port is another one each time."""
        environment = {**os.environ, **self.environment}
        self.process = subprocess.Popen(
            self.words, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment, **self.user
        )
        line = self.process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), (line, self.errors())
        self.port = int(line.rsplit(":", 1)[1])
        self.client = Client(self.port)

    def errors(self):
        """All that it has logged so far."""
        return os.pread(self.log.fileno(), 1 << 24, 0).decode(errors="replace")

    def request(self, *words, **settings):
        return self.client.request(*words, **settings)

    def create(self, name, layout, **members):
        answer = self.request("POST", "/segments", {"name": name, "layout": layout, **members})
        assert answer.status == 201, answer
        return answer

    def path(self, name):
        return os.path.join(self.directory, name)

    def status_number(self, field):
        """A number of /proc/<pid>/status: `RssAnon` in KiB, `Threads`, …"""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise KeyError(field)

    def descriptors(self):
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def is_running(self):
        return self.process.poll() is None

    def kill(self):
        """kill -9, and waits."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.client.close()

    def stop(self):
        """A polite end. Returns the exit status."""
        self.client.close()
        if self.is_running():
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        finally:
            if self.is_running():
                self.kill()
            self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status = self.stop()
        if kind is not None or status != 0:
            print(f"  the gateway ended with {status}; it had said:\n{self.errors()[-4000:]}", flush=True)
        self.log.close()
        if self.place:
            self.place.cleanup()
        assert status == 0 or kind is not None, f"the gateway ended with {status}"


class Tally(ctypes.Structure):
    """What a worker counts, seen by everyone while it works."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("done", "torn", "retries", "refused", "backwards", "doubts", "bytes")]


class Crew:
    """Processes that each do one thing in a loop until the block ends.

    A Python worker is `work(tally, goes_on, *arguments)` in a process of its own: it loops while `goes_on()`. A program
    is started with its input open; it ends when its input does, says `first` when it has done its thing once, and
    prints `name number` lines, the fields of `Tally`, before it ends.
    """

    def __init__(self):
        self._stopped = multiprocessing.sharedctypes.RawValue(ctypes.c_byte, 0)
        self._workers, self._programs = [], []

    def start(self, work, *arguments):
        """Starts a Python worker; gives its tally."""
        tally = multiprocessing.sharedctypes.RawValue(Tally)
        stopped = self._stopped
        process = FORK.Process(target=_run_worker, args=(work, tally, lambda: not stopped.value, arguments), daemon=True)
        process.start()
        self._workers.append((process, work.__name__, tally))
        return tally

    def start_program(self, *words):
        """Starts a program; gives a tally that is filled when the crew has stopped, but for `done` = 1 at first."""
        tally = Tally()
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._programs.append((process, os.path.basename(words[0]) + " " + words[1], tally))
        return tally

    def await_first(self, seconds=PATIENCE):
        """Waits until every program has said that it did its thing, at most `seconds` for all of them."""
        end = time.monotonic() + seconds
        for process, name, tally in self._programs:
            if not select.select([process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"{name}: not within {seconds} s")
            line = process.stdout.readline()
            assert line == "first\n", f"{name} said {line!r}"
            tally.done = 1

    def await_quota(self, quota, seconds=PATIENCE):
        """Waits until every program has said `first` and every worker did `quota` things, at most `seconds`."""
        end = time.monotonic() + seconds
        self.await_first(seconds)
        for process, name, tally in self._workers:
            await_that(
                lambda: tally.done >= quota or process.exitcode is not None,
                f"{name} did {tally.done} of {quota}", end - time.monotonic(),
            )  # fmt: skip
            assert tally.done >= quota, f"{name} ended with {process.exitcode}"

    def stop(self):
        """Ends all of them, in peace, and checks that all went well."""
        self._stopped.value = 1
        for process, name, tally in self._programs:
            rest, _ = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, f"{name} ended with {process.returncode}"
            for line in rest.splitlines():
                if line != "first":
                    field, number = line.split()
                    setattr(tally, field, int(number))
        for process, name, _ in self._workers:
            process.join(PATIENCE)
            assert process.exitcode == 0, f"{name} ended with {process.exitcode}"
        self._programs, self._workers = [], []

    def failed(self):
        """Names of those that ended though nobody told them to."""
        workers = [name for process, name, _ in self._workers if process.exitcode is not None]
        return workers + [name for process, name, _ in self._programs if process.poll() is not None]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.stop()
        finally:
            for process, *_ in self._programs:
                process.kill()
                process.communicate()
            for process, *_ in self._workers:
                process.kill()
                process.join()


def _run_worker(work, tally, goes_on, arguments):
    # The parent's end is the parent's business; a worker just goes.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work(tally, goes_on, *arguments)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
