"""/metrics is what Prometheus reads, counts what happened, and says no names."""

import os
import re
import socket
import threading
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import RAW
from protocol import Neighbour

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
UNITS = ("_total", "_bytes", "_seconds", "_info")
DEADLINE = 120


def strictly(text):
    """{(name, labels): value} of a text that keeps every rule of the format, also those that parsers forgive."""
    assert text.endswith("\n") and "\r" not in text and "\n\n" not in text
    kinds, samples, families = {}, {}, []
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            name, _, words = line.removeprefix("# HELP ").partition(" ")
            assert name not in families and words, f"one HELP, before the samples: {line}"
            families.append(name)
        elif line.startswith("# TYPE "):
            name, kind = line.removeprefix("# TYPE ").split(" ")
            assert name == families[-1] and name not in kinds, f"one TYPE, right behind HELP: {line}"
            assert kind in ("counter", "gauge", "histogram")
            kinds[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"a sample: {line!r}"
            name, labels, value = match.groups()
            family = families[-1]
            suffix = name.removeprefix(family)
            assert name.startswith(family) and suffix in (
                ("_bucket", "_sum", "_count") if kinds[family] == "histogram" else ("",)
            ), f"a sample of the family before it: {line}"
            pairs = LABEL.findall(labels or "")
            assert len({name for name, _ in pairs}) == len(pairs), f"labels differ: {line}"
            key = (name, tuple(sorted(pairs)))
            assert key not in samples, f"no series twice: {line}"
            samples[key] = float(value)
            assert samples[key] >= 0 and samples[key] == samples[key], line
    assert set(kinds) == set(families)
    for name, kind in kinds.items():
        assert (kind == "counter") == name.endswith("_total"), name
        assert not re.search(r"_(ms|us|ns|millis|kib|mib|count|sum|bucket)(_|$)", name), name
        if kind == "histogram":
            check_histogram(name, samples)
    return samples


def check_histogram(name, samples):
    """Buckets ascend and are cumulative; the last is +Inf and the count; there is a sum."""
    rows = {}
    for (sample, labels), value in samples.items():
        if sample == f"{name}_bucket":
            bound = dict(labels)["le"]
            rows.setdefault(tuple(pair for pair in labels if pair[0] != "le"), []).append((float(bound), value))
    for labels, buckets in rows.items():
        bounds, counts = zip(*buckets)
        assert list(bounds) == sorted(set(bounds)) and bounds[-1] == float("inf")
        assert bounds[0] == 1e-4 and bounds[-2] == 10
        assert list(counts) == sorted(counts)
        assert counts[-1] == samples[f"{name}_count", labels]
        assert samples[f"{name}_sum", labels] >= 0
    assert {labels for sample, labels in samples if sample == f"{name}_count"} == set(rows)


def scraped(gateway):
    answer = gateway.request("GET", "/metrics", connection=gateway.connect())
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.body.decode()
    samples = strictly(text)
    # What Prometheus' own library makes of it is the same.
    parsed = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert parsed == samples
    return samples


def value(samples, name, **labels):
    return samples.get((name, tuple(sorted(labels.items()))), 0)


def requests(samples, route, method, status):
    return value(samples, "shmgate_http_requests_total", route=route, method=method, status=str(status))


def test_requests_count_by_route_method_and_status(own_gateway):
    gateway = own_gateway()
    gateway.create("weights", {"kind": "ndarray", "dtype": "f4", "shape": [100]})
    for _ in range(7):
        gateway.request("GET", "/segments/weights/data?slice=0")
    gateway.request("HEAD", "/segments/weights")
    gateway.request("PATCH", "/segments/weights/data?format=raw", bytes(400), RAW)
    gateway.request("GET", "/segments/missing/data")
    gateway.request("GET", "/segments/weights/data?slice=0&slice=1")
    gateway.request("PUT", "/segments/weights/data", {})
    gateway.request("GET", "/nowhere")
    gateway.request("BREW", "/healthz")
    gateway.request("GET", "/metrics")
    samples = scraped(gateway)
    data = "/segments/{name}/data"
    assert requests(samples, "/segments", "POST", 201) == 1
    assert requests(samples, data, "GET", 200) == 7
    assert requests(samples, data, "GET", 404) == 1
    assert requests(samples, data, "GET", 400) == 1
    assert requests(samples, data, "PUT", 405) == 1
    assert requests(samples, "/segments/{name}", "HEAD", 200) == 1
    assert requests(samples, "", "GET", 404) == 1
    assert requests(samples, "/healthz", "other", 405) == 1
    assert requests(samples, "/metrics", "GET", 200) == 1
    total = sum(count for (name, _), count in samples.items() if name == "shmgate_http_requests_total")
    timed = sum(count for (name, _), count in samples.items() if name == "shmgate_http_request_duration_seconds_count")
    assert total == timed


def test_bytes_in_and_out(own_gateway):
    gateway = own_gateway("--compress", "always")
    gateway.create("numbers", {"kind": "bytes", "size": 300_000})
    before = scraped(gateway)
    sent, received = "shmgate_http_response_body_bytes_total", "shmgate_http_request_body_bytes_total"
    assert gateway.request("PATCH", "/segments/numbers/data", os.urandom(300_000), RAW).status == 204
    after = scraped(gateway)
    assert value(after, received) - value(before, received) == 300_000
    before = after
    text = gateway.request("GET", "/segments/numbers/data?format=raw").body
    gateway.request("HEAD", "/segments/numbers/data?format=raw")
    after = scraped(gateway)
    own = value(after, sent) - value(before, sent) - len(text)
    assert 0 < own < 50_000, "what the scrape before took, and nothing for HEAD"
    before = after
    packed = gateway.request("GET", "/segments/numbers/data?format=raw", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    after = scraped(gateway)
    assert 0 < value(after, sent) - value(before, sent) - len(packed.body) < 50_000


def test_segments_and_their_room_and_no_names(own_gateway):
    gateway = own_gateway("--snapshot-memory", "64MiB", "--upload-memory", "32MiB", "--max-connections", "77")
    for index in range(3):
        gateway.create(f"unmistakable-{index}", {"kind": "ndarray", "dtype": "f8", "shape": [10_000]})
    with open(gateway.path("broken-one"), "wb") as file:
        with open(gateway.path("unmistakable-0"), "rb") as whole:
            page = bytearray(whole.read(8192))
        page[64:4096] = b"\xff" * (4096 - 64)
        file.write(page)
    with open(gateway.path("no-segment"), "wb") as file:
        file.write(bytes(5000))
    gateway.request("GET", "/segments/unmistakable-0/data")
    samples = scraped(gateway)
    sizes = [os.stat(gateway.path(f"unmistakable-{index}")).st_size for index in range(3)]
    assert value(samples, "shmgate_segments") == 3
    assert value(samples, "shmgate_segments_bytes") == sum(sizes)
    assert value(samples, "shmgate_segments_damaged") == 0
    room = os.statvfs(gateway.directory)
    assert value(samples, "shmgate_tmpfs_size_bytes") == room.f_blocks * room.f_frsize
    assert 0 < value(samples, "shmgate_tmpfs_free_bytes") <= room.f_blocks * room.f_frsize
    assert value(samples, "shmgate_snapshot_memory_limit_bytes") == 64 << 20
    assert value(samples, "shmgate_upload_memory_limit_bytes") == 32 << 20
    assert value(samples, "shmgate_connections_limit") == 77
    assert value(samples, "shmgate_connections") >= 1
    assert "unmistakable" not in str(samples) and gateway.directory not in str(samples)


def test_the_process_and_its_version(gateway):
    samples = scraped(gateway)
    with open(f"/proc/{gateway.process.pid}/stat") as file:
        ticks = int(file.read().rsplit(")", 1)[1].split()[19])
    started = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
    assert abs(value(samples, "process_start_time_seconds") - started) < 5
    assert value(samples, "process_resident_memory_bytes") > 1 << 20
    version = [dict(labels)["version"] for name, labels in samples if name == "shmgate_build_info"]
    assert len(version) == 1 and re.fullmatch(r"\d+\.\d+\.\d+", version[0])


def until(what, is_true):
    deadline = time.monotonic() + DEADLINE
    while not is_true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def test_connections_that_are_turned_away(own_gateway):
    gateway = own_gateway("--max-connections", "3")
    gateway.request("GET", "/healthz")
    held = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(2)]
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as late:
        answer = late.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 503") and b"X-Request-Id: " in answer and b"Server-Timing: " in answer
    assert value(strictly(gateway.request("GET", "/metrics").body.decode()), "shmgate_connections_refused_total") == 1
    for connection in held:
        connection.close()


def test_waits_for_a_writer_are_counted_and_told(own_gateway):
    gateway = own_gateway()
    gateway.create("busy", {"kind": "ndarray", "dtype": "u1", "shape": [8]})
    before = scraped(gateway)
    file = Neighbour(gateway.path("busy"))
    file.lock()
    answers = []
    patch = threading.Thread(
        target=lambda: answers.append(
            gateway.request("PATCH", "/segments/busy/data", [1] * 8, connection=gateway.connect())
        )
    )
    patch.start()
    until("a busy worker", lambda: value(scraped(gateway), "shmgate_workers_busy") >= 2)
    file.unlock()
    patch.join(DEADLINE)
    assert answers[0].status in (204, 503)
    assert re.search(r"queue;dur=\S+, lock;dur=\d+\.\d{3}$", answers[0].headers["Server-Timing"])
    after = scraped(gateway)
    assert value(after, "shmgate_lock_waits_total") > value(before, "shmgate_lock_waits_total")
    assert value(after, "shmgate_lock_wait_seconds_total") > value(before, "shmgate_lock_wait_seconds_total")


@pytest.mark.parametrize("asks", ["GET", "PATCH"])
def test_writers_that_died_are_counted(own_gateway, asks):
    gateway = own_gateway()
    gateway.create("torn", {"kind": "ndarray", "dtype": "u1", "shape": [8]})
    file = Neighbour(gateway.path("torn"))
    file.lock()
    file.begin()
    file.unlock()
    assert value(scraped(gateway), "shmgate_segments_damaged") == 1
    if asks == "GET":
        assert gateway.request("GET", "/segments/torn/data").headers["Shm-Damaged"] == "1"
    else:
        assert gateway.request("PATCH", "/segments/torn/data?slice=0", 1).status == 204
    samples = scraped(gateway)
    assert value(samples, "shmgate_interrupted_writers_total", outcome="damaged") == 1
    assert value(samples, "shmgate_interrupted_writers_total", outcome="completed") == 0
    assert value(samples, "shmgate_segments_damaged") == 1
