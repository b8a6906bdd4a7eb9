"""The units of Deploy/systemd: systemd finds no fault with them, and runs the gateway as they promise.

Where this user may, a machine of systemd's own boots in namespaces, with the units as they are. Elsewhere the report
says that it did not.
"""

import json
import os
import re
import subprocess

import pytest

from gateway import await_that, binary, settings_of_help
from systemd_machine import UNITS, Machine, obstacle

ALICE, BOB = 4_201, 4_202
TOKENS = f"""
root uid:0 read,write,create,unlink,admin *
alice uid:{ALICE} read *
curl plain:secret-of-curl read,write *
doctor plain:secret-of-doctor read,write,create,unlink,admin *
"""
SOCKET = ["curl", "-sS", "--max-time", "60", "--unix-socket", "/run/shmgate/shmgate.sock"]
ARRAY = {"kind": "ndarray", "dtype": "int64", "shape": [4]}


@pytest.fixture
def units(tmp_path):
    """Copies of the units that start the program under test, and a folder for systemd to find them in."""
    for name in ("shmgate.service", "shmgate.socket"):
        text = (UNITS / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/local/bin/shmgate", binary()))
    return tmp_path


def analyze(units, *words):
    settings = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, env=settings, cwd=units)


def test_systemd_finds_no_fault_with_the_units(units):
    found = analyze(units, "verify", "--man=no", "./shmgate.service", "./shmgate.socket")
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_the_service_is_exposed_to_next_to_nothing(units):
    # Of 10; systemd calls what is below 2 safe.
    found = analyze(units, "security", "--offline=yes", "--threshold=10", "./shmgate.service")
    assert found.returncode == 0, found.stdout


def test_the_settings_of_the_service_are_settings_of_the_gateway():
    named = set(re.findall(r"^Environment=(\w+)=", (UNITS / "shmgate.service").read_text(), re.M))
    assert named and named <= settings_of_help()


# From here on a machine is up.


class Here:
    """The machine, and what the tests ask of it."""

    def __init__(self):
        self.machine = Machine(TOKENS)
        self.run = self.machine.run

    def start(self):
        """Both units as after an installation, with none of the failures before."""
        self.machine.tried("systemctl", "stop", "shmgate.service", "shmgate.socket")
        self.run("systemctl", "reset-failed")
        self.machine.write_tokens(TOKENS)
        self.run("systemctl", "daemon-reload")
        self.run("systemctl", "start", "shmgate.socket")

    def ask(self, path, *flags, user=None):
        """Status and body of a request on the Unix-domain socket."""
        told = self.run(*SOCKET, "-w", "\n%{http_code}", *flags, f"http://localhost{path}", user=user)
        body, _, status = told.rpartition("\n")
        return int(status), body

    def send(self, method, path, body, *flags):
        return self.ask(path, "-X", method, "-H", "Content-Type: application/json", "-d", json.dumps(body), *flags)

    def create(self, name, **members):
        status, body = self.send("POST", "/segments", {"name": name, "layout": ARRAY, **members})
        assert status == 201, body

    def pid(self):
        """The gateway's process, as it is called here."""
        folder = self.machine.group + self.machine.property("ControlGroup")
        return int(open(f"{folder}/cgroup.procs").read())


@pytest.fixture(scope="module")
def booted():
    here = Here()
    yield here
    here.machine.close()


@pytest.fixture
def here(booted):
    booted.start()
    return booted


class OnAMachine:
    def test_the_first_request_starts_the_gateway(self, here):
        assert here.machine.property("ActiveState") == "inactive"
        assert here.run("curl", "-sS", "http://127.0.0.1:8080/readyz") == '{"status":"ok"}'
        await_that(lambda: here.machine.property("ActiveState") == "active", here.machine.journal)
        assert "listening on" in here.machine.property("StatusText")

    def test_the_kernel_says_who_is_at_the_other_end(self, here):
        assert here.ask("/segments", user=(ALICE, ALICE))[0] == 200
        assert here.ask("/segments", user=(BOB, BOB))[0] == 401
        assert here.ask("/segments", "-H", "Authorization: Bearer secret-of-curl", user=(BOB, BOB))[0] == 200
        assert '"code":"forbidden"' in here.ask("/segments/any", "-X", "DELETE", user=(ALICE, ALICE))[1]

    def test_the_segments_are_the_machines_own_and_the_groups(self, here):
        here.create("shared", fill=7)
        machine, path = here.machine, "/dev/shm/shared"
        user, group = machine.number("passwd"), machine.number("group")
        assert here.run("stat", "-c", "%u:%g %a", path) == f"{user}:{group} 660\n"
        look = ["od", "-A", "n", "-t", "d8", "-j", "8192", "-N", "8", path]
        assert here.run(*look, user=(ALICE, group)).split() == ["7"]
        assert "Permission denied" in machine.tried(*look, user=(ALICE, ALICE)).stderr
        # And the other way: a file that a member of the group laid there.
        here.run("sh", "-c", f"cp {path} /dev/shm/brought && chmod 660 /dev/shm/brought", user=(ALICE, group))
        assert json.loads(here.ask("/segments/brought/data")[1])["data"] == [7, 7, 7, 7]
        for name in ("shared", "brought"):
            here.run("rm", f"/dev/shm/{name}")

    def test_a_directory_of_its_own_is_the_groups(self, here):
        group = here.machine.number("group")
        alice = (ALICE, ALICE, group)
        here.run("install", "-d", "-m", "2770", "-o", "shmgate", "-g", "shmgate", "/dev/shm/own")
        here.run("sh", "-c", "echo SHMGATE_DIRECTORY=/dev/shm/own >/etc/shmgate/environment")
        try:
            here.create("common", fill=7)
            here.run("sh", "-c", "umask 007; cp /dev/shm/own/common /dev/shm/own/brought", user=alice)
            assert here.run("stat", "-c", "%u:%g", "/dev/shm/own/brought") == f"{ALICE}:{group}\n"
            # There is no sticky bit in the way: each removes what the other made.
            assert here.ask("/segments/brought", "-X", "DELETE")[0] == 204
            here.run("rm", "/dev/shm/own/common", user=alice)
            assert here.machine.tried("ls", "/dev/shm/own", user=(BOB, BOB)).returncode != 0
        finally:
            here.run("rm", "-r", "/etc/shmgate/environment", "/dev/shm/own")

    def test_everything_works_inside_the_sandbox(self, here):
        # A write with a staged journal, a packed answer, a pin, an end, a walk through the processes, a layout.
        here.send("POST", "/segments", {"name": "large", "layout": {**ARRAY, "shape": [65_536]}})
        here.run("sh", "-c", "head -c 524288 /dev/urandom >/tmp/body")
        raw = ["-X", "PATCH", "--data-binary", "@/tmp/body", "-H", "Content-Type: application/octet-stream"]
        assert here.ask("/segments/large/data", *raw)[0] == 204
        here.run(*SOCKET, "--compressed", "-o", "/tmp/back", "http://localhost/segments/large/data?format=raw")
        here.run("cmp", "/tmp/body", "/tmp/back")
        here.create("kept", pinned=True)
        here.run("rm", "/dev/shm/kept")
        await_that(lambda: here.ask("/segments/kept")[0] == 200, here.machine.journal)
        here.create("brief", ttl=1)
        await_that(lambda: here.ask("/segments/brief")[0] == 404, here.machine.journal)
        assert '"attached":[]' in here.ask("/segments/kept?attached=true")[1]
        assert here.send("PUT", "/layouts/four", {"layout": ARRAY})[0] == 201
        assert "layout-four" in here.run("find", "/var/lib/shmgate")
        assert "shmgate_http_requests_total" in here.ask("/metrics")[1]
        for name in ("large", "kept"):
            assert here.ask(f"/segments/{name}", "-X", "DELETE")[0] == 204
        told = here.run("env", "SHMGATE_TOKEN=secret-of-doctor", "shmgate", "doctor", "--listen", "127.0.0.1:8080")
        assert "fail" not in told and "those seen here" in told
        assert "error" not in here.machine.journal() and "warning" not in here.machine.journal()

    def test_the_gateway_can_do_nothing_else(self, here):
        here.ask("/healthz")
        pid = here.pid()
        status = open(f"/proc/{pid}/status").read()
        assert re.search(r"^CapBnd:\s*0+$", status, re.M)
        assert re.search(r"^NoNewPrivs:\s*1$", status, re.M)
        assert re.search(r"^Seccomp:\s*2$", status, re.M)
        assert re.search(r"^Uid:\s*(\d+)", status, re.M).group(1) == str(here.machine.number("passwd"))
        assert re.search(r"^Max core file size\s+0\s+0", open(f"/proc/{pid}/limits").read(), re.M)
        # A network in which nobody is, so nothing that takes it over gets out.
        assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink(f"/proc/{here.machine.init}/ns/net")
        assert len(open(f"/proc/{pid}/net/dev").read().splitlines()) == 3
        inside = ["nsenter", "--target", str(pid), "--mount"]
        for path in ("/etc/new", "/usr/local/bin/new", "/var/new", "/opt/new"):
            assert "Read-only" in subprocess.run([*inside, "touch", path], capture_output=True, text=True).stderr
        assert subprocess.run([*inside, "ls", "-A", "/home"], capture_output=True, text=True).stdout == ""

    def test_segments_outlive_a_stop_and_nobody_is_turned_away(self, here):
        here.create("lasting", fill=3)
        here.run("systemctl", "stop", "shmgate.service")
        assert here.machine.property("ActiveState") == "inactive"
        # The socket is still there, and starts the next gateway.
        assert json.loads(here.ask("/segments/lasting/data")[1])["data"] == [3, 3, 3, 3]
        assert here.ask("/segments/lasting", "-X", "DELETE")[0] == 204

    def test_a_gateway_that_is_killed_is_started_again_and_again(self, here):
        here.create("lasting", fill=3)
        # More often than systemd takes by itself.
        for _ in range(6):
            first = here.machine.property("MainPID")
            here.run("systemctl", "kill", "--signal=KILL", "shmgate.service")
            await_that(lambda: here.machine.property("MainPID") not in ("0", first), here.machine.journal)
        assert json.loads(here.ask("/segments/lasting/data")[1])["data"] == [3, 3, 3, 3]
        assert here.ask("/segments/lasting", "-X", "DELETE")[0] == 204

    def test_a_reload_takes_the_tokens_of_now(self, here):
        assert here.ask("/segments", user=(BOB, BOB))[0] == 401
        here.machine.write_tokens(TOKENS + f"bob uid:{BOB} read *\n")
        here.run("systemctl", "reload", "shmgate.service")
        await_that(lambda: here.ask("/segments", user=(BOB, BOB))[0] == 200, here.machine.journal)

    def test_to_enable_the_service_enables_its_sockets(self, here):
        here.run("systemctl", "enable", "shmgate.service")
        for unit in ("shmgate.service", "shmgate.socket"):
            assert here.machine.property("UnitFileState", unit) == "enabled"
        here.run("systemctl", "disable", "shmgate.service", "shmgate.socket")

    def test_without_tokens_it_does_not_start_and_is_not_tried_for_ever(self, here):
        here.run("rm", "/etc/shmgate/tokens")
        assert here.machine.tried("systemctl", "start", "shmgate.service").returncode != 0
        assert here.machine.property("ActiveState") == "failed"
        assert here.machine.property("NRestarts") == "0"
        assert "/etc/shmgate/tokens" in here.machine.journal()


if (why := obstacle()) is None:

    class TestOnAMachine(OnAMachine):
        pass

else:

    def test_without_a_machine_the_units_are_only_read(report):
        report(f"the units of Deploy/systemd were not started: {why}")
