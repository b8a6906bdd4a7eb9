"""The log has a line for each event, valid whatever clients send, and an audit of what was changed."""

import datetime
import io
import json
import os
import re
import socket
import time

import numpy as np
import pytest

from gateway import NPY, RAW

DEADLINE = 120
LAYOUT = {"kind": "ndarray", "dtype": "u1", "shape": [8]}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def npy():
    file = io.BytesIO()
    np.save(file, np.zeros(8, "u1"))
    return file.getvalue()


def lines(gateway):
    """The lines so far, each a JSON object with what every line has."""
    text = gateway.errors()
    found = []
    for line in text.splitlines():
        entry = json.loads(line)
        assert list(entry)[:4] == ["time", "level", "logger", "message"], line
        assert TIME.fullmatch(entry["time"])
        age = time.time() - datetime.datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp()
        assert -5 < age < 3600
        found.append(entry)
    return found


def audited(gateway, count):
    """The audit's lines, once there are so many."""
    deadline = time.monotonic() + DEADLINE
    while True:
        found = [line for line in lines(gateway) if line["logger"] == "audit"]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, (count, found)
        time.sleep(0.02)


def ask(gateway, identity, method, path, body=..., headers=None):
    answer = gateway.request(method, path, body, {"X-Request-Id": identity, **(headers or {})})
    assert answer.headers["X-Request-Id"] == identity
    return answer.status


def test_an_audit_line_for_every_change_and_for_nothing_else(own_gateway):
    gateway = own_gateway("--log-format", "json")
    template = {"parameters": {"n": 2}, "layout": {"kind": "ndarray", "dtype": "u1", "shape": [{"$": "n"}]}}
    new = {"name": "a", "layout": LAYOUT}
    patches = {"patches": [{"segment": "a", "value": 1}, {"segment": "b", "value": 2}]}
    merge = {"Content-Type": "application/merge-patch+json"}
    secret = b"abcdefgh"
    said = [
        ("create", ["a"], 201, "POST", "/segments", new, None),
        ("create", ["a"], 409, "POST", "/segments", new, None),
        ("replace", ["a"], 201, "POST", "/segments", {**new, "replace": True}, None),
        ("create", ["b"], 201, "PUT", "/segments/b", npy(), NPY),
        ("replace", ["b"], 200, "PUT", "/segments/b?replace=true", npy(), NPY),
        ("write", ["a"], 204, "PATCH", "/segments/a/data", secret, RAW),
        ("write", ["a"], 422, "PATCH", "/segments/a/data", secret + b"i", RAW),
        ("write", ["nobody"], 404, "PATCH", "/segments/nobody/data", secret, RAW),
        ("write", ["a", "b"], 204, "POST", "/patch", patches, None),
        ("write", ["a"], 204, "PUT", "/zarr/a/c/0", secret, None),
        ("change", ["a"], 200, "PATCH", "/segments/a", b'{"ttl": 60}', merge),
        ("repair", ["a"], 204, "POST", "/segments/a/repair", ..., None),
        ("put-layout", ["mine"], 201, "PUT", "/layouts/mine", template, None),
        ("remove-layout", ["mine"], 204, "DELETE", "/layouts/mine", ..., None),
        ("unlink", ["a"], 204, "DELETE", "/segments/a", ..., None),
        ("unlink", ["a"], 404, "DELETE", "/segments/a", ..., None),
    ]
    for number, (_, _, status, method, path, body, headers) in enumerate(said):
        assert ask(gateway, f"said-{number}", method, path, body, headers) == status, (method, path)
        ask(gateway, "silent", "GET", "/segments/a/data")
    found = audited(gateway, len(said))
    told = [(line["message"], line["names"], line["status"], line["request"]) for line in found]
    assert told == [(*entry[:3], f"said-{number}") for number, entry in enumerate(said)]
    for line in found:
        assert re.fullmatch(r"127\.0\.0\.1:\d+", line["who"]) and line["level"] == "info"
        assert line.get("code") == {409: "already-exists", 422: "shape-mismatch", 404: "no-such-segment"}.get(line["status"])
    assert found[5]["bytes"] == len(secret)
    assert secret.decode() not in gateway.errors()
    assert not [line for line in lines(gateway) if line["logger"] == "requests"]


def test_every_failure_is_a_warning_with_what_is_needed(own_gateway):
    gateway = own_gateway("--log-format", "json")
    gateway.create("broken", LAYOUT)
    gateway.request("GET", "/segments/broken")
    with open(gateway.path("broken"), "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 200)
    answer = gateway.request("GET", "/segments/broken/data", headers={"X-Request-Id": "it"})
    assert answer.status == 500, answer
    found = [line for line in lines(gateway) if line["logger"] == "requests"]
    assert len(found) == 1
    line = found[0]
    assert (line["level"], line["request"], line["method"], line["path"], line["status"], line["code"], line["detail"]) == (
        "warning", "it", "GET", "/segments/broken/data", 500, answer.json()["code"], answer.json()["detail"]
    )  # fmt: skip
    assert line["milliseconds"] >= 0


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_client_can_forge_a_line(own_gateway, form):
    gateway = own_gateway("--log-format", form, "--log-level", "debug")
    rude = [
        b"GET /segments/a%0A2026-01-01T00:00:00Z%20info%20audit:%20unlink HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /segments/\xff\xfe\x80\"\\ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /x?\"a=b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-Id: a\" status=200\r\n\r\n",
        b"GET /\xc2\x85\xe2\x80\xa8\xe2\x80\xae\"}{ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"B\"REW /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /\x1b[2J\x00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ]
    answered = 0
    for request in rude:
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            answered += b"X-Request-Id: " in client.makefile("rb").read()
    assert answered >= 6
    gateway.log.seek(0)
    raw = gateway.log.read()
    text = raw.decode()  # all of it is UTF-8
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", text)
    if form == "json":
        assert len([line for line in lines(gateway) if line["logger"] == "requests"]) == answered
    else:
        assert not re.search("[\x80-\x9f\u2028-\u202e]", text)
        pattern = re.compile(TIME.pattern + r' (\w+) ([\w-]+): [^"\n]*?( [\w-]+=([^\s"]+|"([^"\\]|\\.)*"))*')
        matches = [pattern.fullmatch(line) for line in text.removesuffix("\n").split("\n")]
        assert all(matches), text
        assert len([match for match in matches if match[2] == "requests"]) == answered
        assert not [match for match in matches if match[2] == "audit"]
    assert max(len(line) for line in raw.splitlines()) < 4096


def test_requests_are_told_who_debugs_and_the_variable_is_heard(own_gateway, monkeypatch):
    monkeypatch.setenv("SHMGATE_LOG_FORMAT", "json")
    monkeypatch.setenv("SHMGATE_LOG_LEVEL", "debug")
    gateway = own_gateway()
    gateway.create("a", LAYOUT)
    ask(gateway, "look", "GET", "/segments/a/data")
    found = [line for line in lines(gateway) if line.get("request") == "look"]
    assert [(line["level"], line["message"], line["status"]) for line in found] == [("debug", "request", 200)]


def test_a_name_given_back_is_audited(own_gateway):
    gateway = own_gateway("--log-format", "json")
    gateway.create("kept", LAYOUT, pinned=True)
    os.unlink(gateway.path("kept"))
    found = audited(gateway, 2)[1]
    assert (found["message"], found["names"], found["who"]) == ("give-back", ["kept"], "gateway")


def test_an_unknown_format_is_refused(own_gateway):
    with pytest.raises(AssertionError, match="log-format"):
        own_gateway("--log-format", "xml")
