"""`shmgate doctor`: what it says of a directory, and of a gateway that works, is away, refuses or serves elsewhere."""

import http.server
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest

from gateway import binary

LEVELS = {"ok": 0, "warn": 1, "fail": 2}


@pytest.fixture
def directory():
    path = tempfile.mkdtemp(prefix="shmgate-interop-", dir="/dev/shm")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def nobody():
    """An address where nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{holder.getsockname()[1]}"


def doctor(*flags, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SHMGATE_")}
    return subprocess.run(
        [binary(), "doctor", *flags], capture_output=True, text=True, timeout=300, env={**clean, **environment}
    )


def findings(*flags, status=0, **environment):
    done = doctor(*flags, "--json", **environment)
    assert done.returncode == status and done.stderr == "", done
    document = json.loads(done.stdout)
    found = document["findings"]
    assert document["level"] == max((entry["level"] for entry in found), key=LEVELS.get)
    assert (document["level"] == "fail") == (status == 1)
    for entry in found:
        rest = {"expected", "advice"} if entry["level"] != "ok" else set()
        assert set(entry) == {"level", "subject", "found"} | rest, entry
    assert len({entry["subject"] for entry in found}) == len(found)
    return {entry["subject"]: entry for entry in found}


def test_a_gateway_over_this_directory_is_well(gateway):
    found = findings("--directory", gateway.directory, "--listen", f"127.0.0.1:{gateway.port}")
    assert set(found) == {
        "tmpfs",
        "shared with the host",
        "RemoveIPC",
        "user ids",
        "SELinux",
        "mappings",
        "size",
        "free",
        "memory limit",
        "leftovers",
        "segments",
        "descriptors",
        "locks",
        "futex_waitv",
        "gateway",
        "same directory",
    }
    for subject in ["tmpfs", "leftovers", "segments", "locks", "gateway", "same directory"]:
        assert found[subject]["level"] == "ok", found[subject]
    assert os.listdir(gateway.directory) == [], "the probe is gone"


def test_the_text_says_the_same(gateway):
    done = doctor("--directory", gateway.directory, SHMGATE_LISTEN=f"127.0.0.1:{gateway.port}")
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    assert any(line.startswith("ok    gateway: create, write and read back work at 127.0.0.1:") for line in lines)
    assert all(line.startswith(("ok    ", "warn  ", "      expected: ", "      to do: ")) for line in lines)


def test_a_gateway_elsewhere_is_told_from_this_directory(gateway, directory):
    found = findings("--directory", directory, "--listen", f"127.0.0.1:{gateway.port}")
    assert found["gateway"]["level"] == "ok"
    assert found["same directory"]["level"] == "warn"
    assert os.listdir(gateway.directory) == os.listdir(directory) == []


def test_no_gateway_is_a_warning_and_where_one_was_named_a_failure(directory, nobody):
    assert findings("--directory", directory, SHMGATE_LISTEN=nobody)["gateway"]["level"] == "warn"
    found = findings("--directory", directory, "--listen", nobody, status=1)
    assert found["gateway"]["level"] == "fail" and nobody in found["gateway"]["expected"]
    assert "same directory" not in found


def test_leftovers_and_corrupt_segments_are_warnings_and_stay(directory, nobody):
    files = {".shmgate-tmp-" + "0a" * 16: b"x" * 5_000, "corrupt": b"SHMGATE\0".ljust(8192, b"\xff"), "foreign": b"x"}
    for name, contents in files.items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(contents)
    found = findings("--directory", directory, SHMGATE_LISTEN=nobody)
    assert found["leftovers"]["level"] == "warn" and found["leftovers"]["found"].startswith("1 drafts and journals")
    assert found["segments"]["level"] == "warn" and "(corrupt)" in found["segments"]["found"]
    assert sorted(os.listdir(directory)) == sorted(files)


def test_a_directory_that_is_missing_or_no_tmpfs(tmp_path, nobody):
    found = findings("--directory", str(tmp_path / "missing"), SHMGATE_LISTEN=nobody, status=1)
    assert found["directory"]["level"] == "fail"
    found = findings("--directory", "/sys", SHMGATE_LISTEN=nobody)
    assert found["tmpfs"]["level"] == "warn" and "sysfs" in found["tmpfs"]["found"]


class Stub:
    """A server that answers as it is told, and keeps what it was asked."""

    def __init__(self, answers):
        stub = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stub.asked.append((self.command, self.path, self.headers.get("Authorization")))
                status, body = answers.get(self.command, (200, b""))
                if status is None:
                    return self.connection.shutdown(socket.SHUT_RDWR)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize(
    ("answers", "words", "is_removed"),
    [
        ({"POST": (401, b'{"detail": "no token"}')}, ["401", "no token"], False),
        ({"POST": (507, b"")}, ["507"], True),
        ({"POST": (None, b"")}, ["does not answer"], True),
        ({"POST": (201, b"{}"), "PATCH": (503, b"{}"), "DELETE": (204, b"")}, ["a write", "503"], True),
        ({"POST": (201, b"{}"), "PATCH": (204, b""), "GET": (200, b"other"), "DELETE": (204, b"")}, ["not what was"], True),
        ({"POST": (201, b"{}"), "PATCH": (None, b""), "DELETE": (204, b"")}, ["does not answer"], True),
    ],
)
def test_a_gateway_that_fails_is_a_failure_and_the_segment_is_always_removed(directory, answers, words, is_removed):
    stub = Stub(answers)
    try:
        done = doctor("--directory", directory, "--listen", stub.address, "--json", SHMGATE_TOKEN="s3cret")
        assert done.returncode == 1, done
        failed = [entry for entry in json.loads(done.stdout)["findings"] if entry["level"] == "fail"]
        assert failed[0]["subject"] == "gateway" and all(word in failed[0]["found"] for word in words), failed
        assert {token for _, _, token in stub.asked} == {"Bearer s3cret"}
        removed = [path for method, path, _ in stub.asked if method == "DELETE"]
        assert bool(removed) == is_removed
        assert all(path.startswith("/segments/shmgate-doctor-") for path in removed)
    finally:
        stub.close()


def test_help_has_examples_and_statuses():
    shown = subprocess.run([binary(), "doctor", "--help"], capture_output=True, text=True)
    assert shown.returncode == 0
    for word in ["Examples:", "Exit status:", "SHMGATE_TOKEN", "shmgate doctor --directory"]:
        assert word in shown.stdout
