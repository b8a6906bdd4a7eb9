"""`shmgate watch`: a line for each event, also over the end of a gateway, and its own end."""

import json
import re
import signal
import subprocess
import threading

import pytest

from command_line import FRAME, ROWS, Line
from gateway import await_that, binary

ARRAY = json.dumps({"kind": "ndarray", "dtype": "f8", "shape": [3]})


class Watch:
    """A command that watches, and the lines that it wrote."""

    def __init__(self, line, *arguments):
        self.line, self.lines, self.words = line, [], []
        self.process = subprocess.Popen(
            [binary(), "watch", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=line.environment,
        )
        self.threads = [
            threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, ""))),
            threading.Thread(target=lambda: self.words.extend(iter(self.process.stderr.readline, ""))),
        ]
        for thread in self.threads:
            thread.start()

    def until(self, *words):
        """The first line that has all of these words, when it is there."""

        def found():
            return next((text for text in self.lines if set(map(str, words)) <= set(text.split())), None)

        return await_that(found, lambda: f"{words}, got {self.lines}, {self.words}")

    def begin(self, name):
        """Writes until that is told."""
        await_that(lambda: self.line.run("set", name, 0) == b"" and self.lines, lambda: f"a line, got {self.words}")

    def status(self):
        """The exit status, when it has ended."""
        status = self.process.wait(60)
        for thread in self.threads:
            thread.join(60)
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def kill(self):
        self.process.kill()
        self.status()


@pytest.fixture
def watch():
    """Starts commands that watch, which end with the test."""
    started = []

    def start(line, *arguments):
        started.append(Watch(line, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def put(line, name, value):
    """Writes, and gives the sequence of that."""
    tag = line.json("set", name, value, "--json")["etag"]
    return tag.strip('"').split("-")[-1]


def test_each_event_is_a_line(line, watch):
    line.run("create", "a", "--layout", ARRAY)
    seen = watch(line, "a", "--slice=-2:")
    seen.begin("a")
    sequence = put(line, "a", "7.5")
    text = seen.until("[7.5,7.5]")
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z  change   a  {sequence}  \[7\.5,7\.5\]\n", text)
    line.run("rm", "a")
    assert re.fullmatch(r"\S+Z  unlink   a\n", seen.until("unlink", "a"))
    # The name is waited for; what has it now need not have such a part.
    line.run("create", "a", "--layout", '{"kind": "json", "value": 1}')
    assert "invalid-slice: too many indices" in seen.until("replace", "a", "2")


def test_events_as_json(line, watch):
    line.run("create", "quotes", "--layout", json.dumps(FRAME), "--data", json.dumps(ROWS))
    seen = watch(line, "quotes/columns/price", "--sel", "index=b..c", "--json")
    seen.begin("quotes/columns/price")
    line.run("set", "quotes/columns/price", "--sel", "index=b", "8.25")
    await_that(lambda: "8.25" in seen.lines[-1], lambda: f"the value, got {seen.lines}")
    event = json.loads(seen.lines[-1])
    assert list(event) == ["time", "event", "name", "sequence", "value"]
    assert (event["event"], event["name"]) == ("change", "quotes")
    assert event["value"]["shape"] == [2] and event["value"]["data"] == [8.25, 0.0]
    line.run("rm", "quotes")
    await_that(lambda: "unlink" in seen.lines[-1], lambda: f"the unlink, got {seen.lines}")
    assert list(json.loads(seen.lines[-1])) == ["time", "event", "name", "uuid"]


def test_all_names_of_a_prefix(line, watch):
    line.run("create", "feed-a", "--layout", ARRAY)
    seen = watch(line, "--prefix", "feed-")
    seen.begin("feed-a")
    line.run("create", "other", "--layout", ARRAY)
    line.run("create", "feed-b", "--layout", ARRAY)
    seen.until("create", "feed-b", "2")
    line.run("rm", "other", "feed-a")
    seen.until("unlink", "feed-a")
    assert not any("other" in text for text in seen.lines)


def test_a_part_that_no_terminal_would_obey(line, watch):
    line.run("create", "a", "--layout", '{"kind": "series", "dtype": "S8", "index": 1}')
    seen = watch(line, "a", "--slice", "0")
    await_that(lambda: line.run("set", "a", '"\\u009b31m"') == b"" and seen.lines, lambda: f"a line, got {seen.words}")
    assert "31m" in seen.lines[0] and "\x9b" not in seen.lines[0]


def test_it_ends_after_a_count(line, watch):
    line.run("create", "a", "--layout", ARRAY)
    seen = watch(line, "a", "--count", "3", "--interval", "0.01")
    await_that(lambda: line.run("set", "a", 0) == b"" and seen.process.poll() is not None, "the end")
    assert seen.status() == 0 and len(seen.lines) == 3 and seen.words == []


def test_it_ends_by_a_signal_as_a_shell_sees_it(line, watch):
    line.run("create", "a", "--layout", ARRAY)
    seen = watch(line, "a")
    seen.begin("a")
    seen.process.send_signal(signal.SIGINT)
    # A shell makes 130 of that, and ends a loop around it, too.
    assert seen.status() == -signal.SIGINT and seen.words == []


def test_it_ends_when_nobody_reads_any_more(line):
    """Without an event: it must not wait for one to find out."""
    line.run("create", "a", "--layout", ARRAY)
    process = subprocess.Popen([binary(), "watch", "a"], stdout=subprocess.PIPE, env=line.environment)
    process.stdout.close()
    assert process.wait(60) == 0


def test_what_cannot_be_watched(line):
    line.run("create", "a", "--layout", ARRAY)
    line.run("watch", "none", status=66)
    line.run("watch", "a/columns/b", status=66)
    line.run("watch", "a", "--slice", "9", status=65)
    for wrong in (["--slice", "0"], ["a", "--prefix", "a"], ["a", "--count", "0"], ["a", "--interval", "-1"], ["a", "b"]):
        line.run("watch", *wrong, status=64)
    line.run("watch", "a", "--url", "http://127.0.0.1:1", status=69)


@pytest.fixture
def restarting(local, own_gateway, tmp_path):
    """A gateway at the same address whenever it is started, and commands that ask it."""
    gateway = own_gateway(directory=local.directory, listen=[f"unix:{tmp_path}/socket"])
    return gateway, Line(local.directory, gateway.urls[0])


def test_a_gateway_that_comes_back_is_asked_for_what_was_missed(restarting, local, watch):
    gateway, line = restarting
    local.run("create", "a", "--layout", ARRAY)
    seen = watch(line, "a", "--slice", "0")
    seen.begin("a")
    for end in (signal.SIGTERM, signal.SIGKILL):
        count = len(seen.words)
        gateway.stop(end)
        await_that(lambda: len(seen.words) > count, "a word on standard error")
        sequence = put(local, "a", f"{int(end)}.5")
        gateway.start()
        seen.until("change", "a", sequence, f"{int(end)}.5")
    assert all("asking again" in text for text in seen.words)


def test_a_name_that_is_gone_when_the_gateway_comes_back(restarting, local, watch):
    gateway, line = restarting
    local.run("create", "a", "--layout", ARRAY)
    seen = watch(line, "a")
    seen.begin("a")
    gateway.stop()
    local.run("rm", "a")
    gateway.start()
    seen.until("unlink", "a")
    local.run("create", "a", "--layout", ARRAY)
    seen.until("replace", "a", "2")
    assert [text.split()[1] for text in seen.lines][-2:] == ["unlink", "replace"]


def test_all_names_begin_anew_with_another_gateway(restarting, local, watch):
    gateway, line = restarting
    local.run("create", "a", "--layout", ARRAY)
    seen = watch(line, "--json")
    seen.begin("a")
    gateway.stop()
    gateway.start()
    await_that(lambda: "reset" in seen.lines[-1], lambda: f"reset, got {seen.lines}")
    assert list(json.loads(seen.lines[-1])) == ["time", "event"]
    count = len(seen.lines)
    put(line, "a", "1")
    await_that(lambda: len(seen.lines) > count, "an event of the new gateway")


def test_a_right_that_is_taken_away_ends_it(own_gateway, tmp_path, watch):
    tokens = tmp_path / "tokens"
    tokens.write_text("a plain:sesame read,write,create *\nb plain:other read *\n")
    gateway = own_gateway("--tokens", str(tokens))
    line = Line("/nowhere", gateway.urls[0])
    line.environment["SHMGATE_TOKEN"] = "sesame"
    line.run("create", "a", "--layout", ARRAY)
    seen = watch(line, "a")
    seen.begin("a")
    tokens.write_text("b plain:other read *\n")
    gateway.process.send_signal(signal.SIGHUP)
    assert seen.status() == 77 and "Error: unauthorized" in seen.words[-1]
