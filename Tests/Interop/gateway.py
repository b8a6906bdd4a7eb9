"""A gateway in its own process and directory, and the smallest client for it."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
JSON = {"Content-Type": "application/json"}
RAW = {"Content-Type": "application/octet-stream"}
NPY = {"Content-Type": "application/x-npy"}


def binary():
    """The program under test: SHMGATE_BINARY, else the newest build."""
    if "SHMGATE_BINARY" in os.environ:
        return os.environ["SHMGATE_BINARY"]
    built = [path for kind in ("release", "debug") if (path := ROOT / ".build" / kind / "shmgate").exists()]
    assert built, "build shmgate first, or name it in SHMGATE_BINARY"
    return str(max(built, key=lambda path: path.stat().st_mtime))


def reachable_copy():
    """The program where any user can run it; the checkout may lie in somebody's home."""
    directory = tempfile.mkdtemp(prefix="shmgate-program-")
    os.chmod(directory, 0o755)
    return shutil.copy(binary(), directory)


def settings_of_help():
    """The environment variables of `shmgate serve`, as its help has the flags."""
    told = subprocess.run([binary(), "serve", "--help"], check=True, capture_output=True, text=True).stdout
    flags = set(re.findall(r"^  --([a-z-]+)", told, re.M)) - {"help", "version"}
    return {"SHMGATE_" + flag.upper().replace("-", "_") for flag in flags}


def await_that(condition, what="what was to come", every=0.002):
    """Waits until something is true, and gives it; two minutes later the test fails, and says what did not come."""
    deadline = time.monotonic() + 120
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what() if callable(what) else what}"
        time.sleep(every)
    return found


class Answer:
    """Status, header fields and body."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix-domain socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Gateway:
    """`shmgate serve` over a directory of its own below /dev/shm."""

    def __init__(self, *flags, directory=None, user=None, prefix=(), listen=("127.0.0.1:0",), trust=None):
        self.listen = listen
        self.trust = trust  # an ssl.SSLContext, for https
        self.prefix = prefix  # of the command line, such as a program that runs another elsewhere
        self.user = user if os.getuid() == 0 else None
        self.program = reachable_copy() if self.user else binary()
        self.owns_directory = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="shmgate-interop-", dir="/dev/shm")
        self.flags = flags
        self.start()

    def start(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [
                *(*self.prefix, self.program, "serve", "--directory", self.directory, "--threads", "2"),
                *(f"--listen={address}" for address in self.listen),
                *self.flags,
            ],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
        )
        self.urls = []
        for _ in self.listen:
            line = self.process.stdout.readline()
            assert line.startswith("listening on "), (line, self.errors())
            self.urls.append(line.removeprefix("listening on ").rstrip("\n"))
        url = urllib.parse.urlsplit(self.urls[0])
        self.port = url.port
        self.connection = self.connect()

    def errors(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def connect(self, number=0):
        """A connection to the first of the addresses, or to another one."""
        url = urllib.parse.urlsplit(self.urls[number])
        if url.scheme == "unix":
            return UnixConnection(url.path)
        if url.scheme == "https":
            return http.client.HTTPSConnection("localhost", url.port, timeout=60, context=self.trust)
        return http.client.HTTPConnection(url.hostname, url.port, timeout=60)

    def request(self, method, path, body=..., headers=None, connection=None):
        connection = connection or self.connection
        if body is ...:
            body = None
        elif not isinstance(body, (bytes, bytearray, memoryview)):
            body, headers = json.dumps(body).encode(), {**JSON, **(headers or {})}
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        except Exception:
            connection.close()
            raise

    def create(self, name, layout, **members):
        answer = self.request("POST", "/segments", {"name": name, "layout": layout, **members})
        assert answer.status == 201, answer
        return answer

    def path(self, name):
        return os.path.join(self.directory, name)

    def temporaries(self):
        return [name for name in os.listdir(self.directory) if name.startswith((".shmgate-tmp-", ".shmgate-journal-"))]

    def without_temporaries(self):
        """Waits until what is kept of staged files for the next writes has gone as well."""
        deadline = time.monotonic() + 60
        while self.temporaries() and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self.temporaries()

    def stop(self, number=signal.SIGTERM):
        """Ends the process; a polite signal has to be answered with exit status 0."""
        self.connection.close()
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        assert number == signal.SIGKILL or status == 0, (status, self.errors())

    def close(self):
        if self.process.poll() is None:
            self.stop()
            assert self.temporaries() == []
        self.log.close()
        if self.user:
            shutil.rmtree(os.path.dirname(self.program))
        if self.owns_directory:
            shutil.rmtree(self.directory, ignore_errors=True)
