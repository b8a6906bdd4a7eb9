"""One element, while there is more of everything: segments, bytes, connections, labels."""

import json
import socket
import statistics
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import shmgate as shm
from bench import Bench
from roads import GIB, Finding, Request
from servers import HOST, Peer, launch_gateway, running

SEGMENTS = 10_000
CONNECTIONS = 1000
LABELS = 10_000_000
FLAT = 1.1


@dataclass
class Case:
    """Reads whose cost is compared with those that have less around them."""

    title: str
    peer: Peer
    request: Request
    connections: int = 32
    idle: int = 0  # connections that are open and say nothing


@contextmanager
def idle_connections(peer: Peer, count: int):
    """Connections that have had an answer and are kept."""
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection((HOST, peer.port)))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(4096)
        yield


def cost(bench: Bench, case: Case) -> float:
    """CPU µs of a request."""
    with idle_connections(case.peer, case.idle):
        bench.load.wrk(case.peer, case.request, case.connections, 0)  # warm: a second
        before = case.peer.cpu_seconds()
        requests = bench.load.wrk(case.peer, case.request, case.connections, bench.load.seconds)["requests"]
        return (case.peer.cpu_seconds() - before) / requests * 1e6


def compare(bench: Bench, cases: list[Case]) -> list[list[float]]:
    """Rounds of all cases, and a row of the table for each."""
    rounds = []
    for number in range(bench.load.rounds):
        turn = number % len(cases)
        order = [*range(turn, len(cases)), *range(turn)]
        costs = {at: cost(bench, cases[at]) for at in order}
        rounds.append([costs[at] for at in range(len(cases))])
    for case, costs in zip(cases, zip(*rounds)):
        bench.tables["growth"] += f"\n| {case.title} | {statistics.median(costs):.1f} µs |"
        bench.load.tell(f"{case.title}: {statistics.median(costs):.1f} µs")
    bench.more["growth"] |= {case.title: costs for case, costs in zip(cases, zip(*rounds))}
    return rounds


def flat(bench: Bench, title: str, cases: list[Case]) -> None:
    """All cases beside the first."""
    rounds = compare(bench, cases)
    for at, case in enumerate(cases[1:], 1):
        value = statistics.median(one[at] / one[0] for one in rounds)
        bench.findings.append(Finding(title, f"CPU per request, {case.title} ÷ {cases[0].title}", value, most=FLAT))


def many_segments(bench: Bench) -> None:
    folders = {count: bench.work / f"{count}-segments" for count in (1, SEGMENTS)}
    peers = {}
    for count, folder in folders.items():
        folder.mkdir()
        peers[count] = launch_gateway(bench.binary, folder, bench.ground.threads, bench.ground.servers)
    with running(*peers.values(), path="/readyz"):
        for count, peer in peers.items():
            for number in range(count):
                layout = {"kind": "ndarray", "dtype": "float64", "shape": [100]}
                body = json.dumps({"name": f"s{number}", "layout": layout}).encode()
                peer.request("POST", "/segments", body, "application/json", 201)
                peer.get(f"/segments/s{number}/data?slice=7")
        one = Request("/segments/s0/data?slice=7")
        turns = Request(targets=tuple(f"/segments/s{number}/data?slice=7" for number in range(SEGMENTS)))
        cases = [
            Case("1 segment", peers[1], one),
            Case("one of 10,000 segments", peers[SEGMENTS], one),
            Case("10,000 segments in turn", peers[SEGMENTS], turns),
        ]
        flat(bench, "one element, more segments", cases)


def large_segments(bench: Bench) -> None:
    sizes = {"1 KiB": 1024, "1 MiB": 1 << 20, "8 GiB": 8 * GIB}
    cases = []
    for number, (title, size) in enumerate(sizes.items()):
        bench.create(f"size{number}", {"kind": "ndarray", "dtype": "float32", "shape": [size // 4]})
        cases.append(Case(title, bench.gateway, Request(f"/segments/size{number}/data?slice=-1")))
    flat(bench, "one element, a larger segment", cases)
    bench.remove(*(f"size{number}" for number in range(len(sizes))))


def many_connections(bench: Bench) -> None:
    bench.create("one", {"kind": "ndarray", "dtype": "float64", "shape": [100]})
    request = Request("/segments/one/data?slice=7")
    cases = [
        Case("1 connection", bench.gateway, request, 1),
        Case("1 of 1,000 connections", bench.gateway, request, 1, CONNECTIONS - 1),
    ]
    flat(bench, "one element, more connections", cases)
    cases = [
        Case("32 connections at once", bench.gateway, request),
        Case("512 connections at once", bench.gateway, request, 512),
    ]
    flat(bench, "one element, more clients", cases)
    bench.remove("one")


def many_labels(bench: Bench) -> None:
    random = np.random.default_rng(1)
    shuffled = random.permutation(LABELS).astype("int64") * 3
    positions = random.integers(0, LABELS, 1000)
    for name, labels in (("sorted", np.sort(shuffled)), ("shuffled", shuffled)):
        shm.create(name, shm.SeriesLayout("float64", index=labels), directory=str(bench.segments))
        target = f"/segments/{name}/data"
        bench.gateway.get(f"{target}?sel.index={labels[0]}")  # the first, which looks at all
        by_position = Request(targets=tuple(f"{target}?slice={at}" for at in positions))
        by_label = Request(targets=tuple(f"{target}?sel.index={labels[at]}" for at in positions))
        cases = [
            Case(f"by position, {name} labels", bench.gateway, by_position),
            Case(f"by label, {name} labels", bench.gateway, by_label),
        ]
        value = statistics.median(one[1] - one[0] for one in compare(bench, cases))
        title = f"one of 10 million {name} labels"
        bench.findings.append(Finding(title, "CPU per request, label − position", value, most=2, unit="µs"))
        bench.remove(name)


def run(bench: Bench) -> None:
    bench.tables["growth"] = "| one element | CPU per request |\n|---|---:|"
    bench.more["growth"] = {}
    many_segments(bench)
    large_segments(bench)
    many_connections(bench)
    many_labels(bench)
