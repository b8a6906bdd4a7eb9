"""How long a server takes from its start to its first answer, and what memory it holds when it is idle."""

import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import Bench
from roads import Finding
from servers import Peer, launch_gateway, launch_nginx, running, wait_for

SEGMENTS = 1000
MB = 1e6
SETTLING_SECONDS = 1.2  # the gateway looks for what has ended about once a second


@dataclass
class Candidate:
    """What is started: how, what it is asked first, and all that it has."""

    title: str
    launch: Callable[[], Peer]
    ready: str
    everything: list[str]


@dataclass
class Start:
    """One start: milliseconds from before the process was made to the first answer, and memory in bytes."""

    ready_ms: float
    idle: float  # resident, when nobody has asked for anything but readiness
    own: float  # of that, what is no file's: heap, stacks, data
    peak: float  # resident, at the most until then
    used: float  # resident, after everything was read once
    threads: int


def prepare(work: Path, binary: str, threads: int, cpus: list[int]) -> list[Candidate]:
    """Makes the segments and the files below a directory."""
    names = [f"segment-{number}" for number in range(SEGMENTS)]
    for kind in ("empty", "plain", "pinned", "files"):
        (work / kind).mkdir()
    for name in names:
        (work / "files" / name).write_bytes(bytes(800))
    for kind in ("plain", "pinned"):
        gateway = wait_for(launch_gateway(binary, work / kind, threads, cpus), "/readyz")
        for name in names:
            layout = {"name": name, "layout": {"kind": "ndarray", "dtype": "float64", "shape": [100]}}
            body = json.dumps(layout | {"pinned": kind == "pinned"}).encode()
            gateway.request("POST", "/segments", body, "application/json", 201)
        gateway.stop()

    def gateway_over(kind: str, title: str) -> Candidate:
        paths = [f"/segments/{name}/data?format=raw" for name in names if kind != "empty"]
        return Candidate(title, lambda: launch_gateway(binary, work / kind, threads, cpus), "/readyz", paths)

    def nginx() -> Peer:
        return launch_nginx("nginx", work / "home", work / "files", threads, cpus)

    return [
        gateway_over("empty", "shmgate, no segment"),
        gateway_over("plain", f"shmgate, {SEGMENTS} segments"),
        gateway_over("pinned", f"shmgate, {SEGMENTS} pinned segments"),
        Candidate(f"nginx, {SEGMENTS} files", nginx, f"/{names[0]}", [f"/{name}" for name in names]),
    ]


def measure(candidate: Candidate) -> Start:
    before = time.perf_counter()
    peer = candidate.launch()
    with running(peer, path=candidate.ready):
        ready_ms = (time.perf_counter() - before) * 1000
        time.sleep(SETTLING_SECONDS)
        idle, own, peak = peer.status("VmRSS"), peer.status("RssAnon"), peer.status("VmHWM")
        threads = peer.status("Threads")
        for path in candidate.everything:
            peer.get(path)
        return Start(ready_ms, idle * 1024, own * 1024, peak * 1024, peer.status("VmRSS") * 1024, threads)


def run(bench: Bench) -> None:
    """All starts; each round begins with another one."""
    work, rounds = bench.work / "start", 3 if bench.quick else 15
    work.mkdir()
    candidates = prepare(work, bench.binary, bench.ground.threads, bench.ground.servers)
    starts: dict[str, list[Start]] = {candidate.title: [] for candidate in candidates}
    for number in range(rounds):
        turn = number % len(candidates)
        for candidate in candidates[turn:] + candidates[:turn]:
            starts[candidate.title].append(measure(candidate))
        bench.load.tell(f"start: round {number + 1} of {rounds}")
    bench.tables["start"] = table(starts)
    bench.more["start"] = {title: [dataclasses.asdict(one) for one in found] for title, found in starts.items()}
    for title, found in starts.items():
        if title.startswith("shmgate"):
            ready, idle = statistics.median(o.ready_ms for o in found), statistics.median(o.idle for o in found) / MB
            bench.findings.append(Finding(title, "start to ready", ready, most=50, unit="ms"))
            bench.findings.append(Finding(title, "resident when idle", idle, most=15, unit="MB"))


def table(starts: dict[str, list[Start]]) -> str:
    lines = [
        "| server | start to ready, median (worst) | resident, idle | of that its own | peak before | after all was read once | threads |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for title, found in starts.items():
        times = [one.ready_ms for one in found]

        def megabytes(value: Callable[[Start], float]) -> str:
            return f"{statistics.median(map(value, found)) / MB:.1f} MB"

        cells = [
            title,
            f"{statistics.median(times):.1f} ms ({max(times):.1f})",
            megabytes(lambda one: one.idle),
            megabytes(lambda one: one.own),
            megabytes(lambda one: one.peak),
            megabytes(lambda one: one.used),
            str(found[0].threads),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
