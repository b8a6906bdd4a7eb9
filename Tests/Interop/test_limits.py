"""Requests that ask for more than there is: each gets an answer, and the gateway goes on."""

import contextlib
import os
import socket
import subprocess
import time
import urllib.parse

import pytest

from gateway import JSON, RAW, binary

VAST = 1 << 62


@pytest.fixture(scope="module")
def place(gateway):
    gateway.create("axes", {"kind": "ndarray", "dtype": "u1", "shape": [1] * 64})
    gateway.create("ints", {"kind": "series", "dtype": "f8", "index": [1, 2, 3]})
    gateway.create("same", {"kind": "series", "dtype": "u1", "index": ["a"] * 10_000})
    gateway.create("bare", {"kind": "dataframe", "columns": [], "index": VAST})
    gateway.create("many", {"kind": "dataframe", "columns": [], "index": 1 << 40})
    gateway.create("wide", {"kind": "ndarray", "dtype": "S1000000", "shape": [1]})
    gateway.create("steps", {"kind": "ndarray", "dtype": "m8[as]", "shape": [1]})
    gateway.create("instants", {"kind": "ndarray", "dtype": "M8[as]", "shape": [1]})
    gateway.create("thin", {"kind": "ndarray", "dtype": "u1", "shape": [1 << 40, 0]})
    return gateway


LAYOUTS = [
    {"kind": "json", "capacity": VAST},
    {"kind": "list", "count": 100_000, "item": {"kind": "json", "value": None, "capacity": 1 << 30}},
    {"kind": "list", "count": 100_000, "item": {"kind": "list", "count": 100_000, "item": {"kind": "struct", "members": {}}}},
    {"kind": "list", "count": VAST, "item": {"kind": "list", "count": VAST, "item": {"kind": "struct", "members": {}}}},
    {"kind": "series", "dtype": "u1", "index": {"dtype": "M8[ns]", "start": "2024-01-01", "periods": 10**15, "freq": "1ns"}},
    {"kind": "series", "dtype": "u1", "index": VAST},
    {"kind": "dataarray", "dtype": "u1", "dims": ["x", "y", "z"], "shape": [2, 0, 4], "coords": {"c": {"dims": ["x", "y", "z"], "data": [[], [[5]]]}}},
    {"kind": "series", "dtype": "u1", "index": {"dtype": "M8[ns]", "tz": "America/New_York", "start": "2262-04-11T23:47:16", "periods": 1, "freq": "1D"}},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout["kind"])
def test_a_vast_layout_is_refused(place, layout):
    answer = place.request("POST", "/segments", {"name": "vast", "layout": layout})
    assert answer.status in (400, 507), answer
    assert place.request("GET", "/healthz").status == 200


READS = [
    ("axes", "slice=" + ",".join(["[0,0]"] * 64) + "&format=raw"),
    ("axes", "slice=" + ",".join(["[0,0]"] * 60)),
    ("ints", f"sel.index=-{1 << 127}&method=nearest"),
    ("ints", f"sel.index={(1 << 127) - 1}&method=nearest"),
    ("ints", "sel.index=-1e308..1e308"),
    ("ints", "sel.index=nan&method=nearest"),
    ("same", "sel.index=[" + ",".join(['"a"'] * 3000) + "]"),
    ("bare", "where=index>5"),
    ("bare", ""),
    ("many", "where=index>5"),
    ("thin", ""),
    ("thin", "slice=::2"),
]


@pytest.mark.parametrize("name, query", READS, ids=lambda value: value[:30])
def test_a_vast_selection_is_answered(place, name, query):
    query = urllib.parse.quote(query, safe="=&")
    for path in ("/data", "/data/index"):
        answer = place.request("GET", f"/segments/{name}{path}?{query}")
        assert answer.status in (200, 400, 404, 413, 422), answer
    answer = place.request("GET", f"/segments/{name}/data/index?format=raw&{query}")
    assert answer.status in (200, 400, 404, 413, 422), answer
    answer = place.request("PATCH", f"/segments/{name}/data?{query}", 1)
    assert answer.status in (204, 400, 413, 422), answer
    assert place.request("GET", "/healthz").status == 200


WRITES = [
    ("wide", ["x"] * 700, 422),
    ("wide", [["x"] * 300] * 300, 422),
    ("steps", "-P-" + "17014118346046923" + "W", 422),
    ("steps", "-P-9223372036854775807W-9223372036854775807W", 422),
    ("instants", "5391559473888-03-28T14:08:51.999999999999999999", 422),
]


@pytest.mark.parametrize("name, body, status", WRITES, ids=lambda value: str(value)[:30])
def test_a_vast_value_is_refused(place, name, body, status):
    assert place.request("PATCH", f"/segments/{name}/data", body).status == status
    assert place.request("GET", "/healthz").status == 200


def test_a_struct_of_many_members_is_written_in_any_order(own_gateway):
    gateway = own_gateway()
    names = [f"m{i}" for i in range(20_000)]
    members = {name: {"kind": "ndarray", "dtype": "u1", "shape": []} for name in names}
    gateway.create("s", {"kind": "struct", "members": members})
    body = {name: i % 256 for i, name in reversed(list(enumerate(names)))}
    assert gateway.request("PATCH", "/segments/s/data", body).status == 204
    got = gateway.request("GET", "/segments/s/data").json()
    assert [got[name]["data"] for name in names] == [i % 256 for i in range(20_000)]


def test_columns_are_found_among_many(own_gateway):
    gateway = own_gateway()
    columns = [[f"c{i}", "u1"] for i in range(20_000)]
    gateway.create("f", {"kind": "dataframe", "dtypes": columns, "index": 2}, fill=3)
    wanted = ",".join(f"c{i}" for i in range(19_999, 19_000, -1))
    got = gateway.request("GET", f"/segments/f/data?columns={wanted}").json()
    assert got["columns"] == wanted.split(",")
    assert gateway.request("PATCH", "/segments/f/data?columns=c1,c1", 1).status == 400
    assert gateway.request("PATCH", "/segments/f/data/columns/c19999", bytes([7, 8]), RAW).status == 204
    assert gateway.request("GET", "/segments/f/data/columns/c19999").json()["data"] == [7, 8]
    assert gateway.request("PATCH", "/segments/f/data", b"9", JSON).status == 204


def held(gateway, count):
    """So many connections that are open and were answered once."""
    connections = [gateway.connect() for _ in range(count)]
    for connection in connections:
        assert gateway.request("GET", "/healthz", connection=connection).status == 200
    return connections


@pytest.mark.parametrize("setting", ["max-connections", "max-connections-per-address"])
@pytest.mark.parametrize("way", ["flag", "environment"])
def test_a_connection_too_many_is_told_to_come_back(own_gateway, monkeypatch, setting, way):
    if way == "environment":
        monkeypatch.setenv("SHMGATE_" + setting.upper().replace("-", "_"), "3")
        gateway = own_gateway()
    else:
        gateway = own_gateway(f"--{setting}", "3")
    connections = held(gateway, 3)
    for _ in range(5):
        answer = gateway.request("GET", "/segments", connection=gateway.connect())
        assert (answer.status, answer.json()["code"], answer.headers["Retry-After"]) == (503, "busy", "1")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "3 connections" in answer.json()["detail"]
        large = gateway.request("POST", "/segments", b"[" * (1 << 20), JSON, connection=gateway.connect())
        assert large.status == 503
    for connection in connections:
        assert gateway.request("GET", "/healthz", connection=connection).status == 200
        connection.close()
    deadline = time.monotonic() + 120
    while gateway.request("GET", "/healthz", connection=gateway.connect()).status != 200:
        assert time.monotonic() < deadline
    while "turned away" not in gateway.errors():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_loopback_has_no_limit_of_addresses_unless_said(own_gateway):
    gateway = own_gateway("--max-connections", "20")
    for connection in held(gateway, 19):
        connection.close()


def test_a_header_block_too_large_has_its_problem(own_gateway):
    gateway = own_gateway("--max-header", "2KiB")
    assert gateway.request("GET", "/healthz", headers={"X-Long": "x" * 1_900}).status == 200
    for path, headers in (("/healthz", {"X-Long": "x" * 2_048}), ("/segments?prefix=" + "x" * 2_048, {})):
        answer = gateway.request("GET", path, headers=headers, connection=gateway.connect())
        assert (answer.status, answer.json()["code"]) == (431, "header-too-large")
        assert answer.headers["Connection"] == "close"
    assert gateway.request("GET", "/healthz").status == 200


def test_a_silent_connection_and_a_body_that_stops_are_closed(own_gateway):
    gateway = own_gateway("--idle-timeout", "1", "--min-rate", "0")
    gateway.create("idle", {"kind": "bytes", "size": 10})
    tag = gateway.request("GET", "/segments/idle").headers["ETag"]
    head = b"PATCH /segments/idle/data HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
    for words in (b"", b"GET /healthz HTTP/1.1\r\nHost: ", head + b"Content-Length: 10\r\n\r\n12345"):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=120) as client:
            client.sendall(words)
            assert client.recv(1) == b""
    assert gateway.request("GET", "/segments/idle", connection=gateway.connect()).headers["ETag"] == tag


WRONG = ["--max-body=0", "--max-connections=0", "--max-connections-per-address=-1", "--max-header=1", "--max-header=1GiB", "--idle-timeout=0", "--min-rate=-1"]


@pytest.mark.parametrize("flag", WRONG)
def test_a_limit_that_is_none_is_refused(flag):
    ended = subprocess.run([binary(), "serve", "--listen", "127.0.0.1:0", flag], capture_output=True, text=True, timeout=120)
    assert ended.returncode != 0
    assert flag.split("=")[0] in ended.stderr
    name, value = flag[2:].upper().replace("-", "_", 3).split("=")
    environment = {**os.environ, f"SHMGATE_{name}": value}
    ended = subprocess.run([binary(), "serve", "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=120, env=environment)
    assert ended.returncode != 0, "a limit of the environment"


def test_a_relaxed_read_of_a_segment_that_is_cut_meanwhile_ends(own_gateway):
    gateway = own_gateway("--idle-timeout", "2")
    gateway.create("cut", {"kind": "bytes", "size": 64 << 20})
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=120) as client:
        client.sendall(
            b"GET /segments/cut/data?format=raw&consistency=relaxed HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        os.truncate(gateway.path("cut"), 32 << 20)
        count = 0
        with contextlib.suppress(ConnectionResetError):
            while piece := client.recv(1 << 20):
                count += len(piece)
        assert count < 64 << 20


@pytest.mark.parametrize("format", ["json", "csv", "arrow", "arrow-file"])
@pytest.mark.parametrize("name", ["bare", "many"])
def test_a_vast_range_of_labels_is_not_written_out(place, name, format):
    answer = place.request("GET", f"/segments/{name}/data?format={format}")
    assert (answer.status, answer.json()["code"]) == (413, "too-large"), answer
    assert place.request("GET", "/healthz").status == 200
