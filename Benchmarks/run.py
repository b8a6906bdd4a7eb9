"""Measures the gateway against nginx that serves the same bytes as files from the same tmpfs.

    python3 Benchmarks/run.py --gateway .build/release/shmgate [--quick]

Only Python's standard library; nginx, wrk and a C compiler are called as programs. README.md beside this file says
what is measured and how to read it. Exits 1 if the gateway falls below --floor times nginx on any road, or is over a
limit with its start or its memory.
"""

import argparse
import ctypes
import dataclasses
import datetime
import fcntl
import functools
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import start
from servers import HOST, Peer, find_nginx, launch_gateway, launch_nginx, pin, wait_for

HERE = Path(__file__).resolve().parent
CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")
GIB = 1 << 30


@dataclass(frozen=True)
class Road:
    """One way to read: what the gateway is asked for, and how load is put on it."""

    key: str
    title: str
    path: str  # at the gateway
    bulk: bool  # by client.c in GiB/s, else by wrk in requests/s
    connections: int

    @property
    def unit(self) -> str:
        return "GiB/s" if self.bulk else "requests/s"

    @property
    def cost_unit(self) -> str:
        return "CPU s/GiB" if self.bulk else "CPU µs/request"


ROADS = [
    Road("json-element", "one element, JSON", "/segments/small/data?slice=7", False, 32),
    Road("raw-4k", "4 KiB slice, raw", "/segments/small/data?slice=1024:2048&format=raw", False, 32),
    Road("raw-1m", "1 MiB, raw", "/segments/medium/data?format=raw", True, 4),
    Road("raw-128m", "128 MiB, raw", "/segments/large/data?format=raw", True, 2),
]
SEGMENTS = {"small": 16384, "medium": 1 << 18, "large": 1 << 25}  # float32 elements


# --- the ground that the servers stand on


def enter_network(congestion: list[str]) -> str:
    """Moves this process into a network of its own, if it may, and says which one the measurement runs in.

    There it takes the first of the congestion controls that the kernel allows; the host's setting is never touched.
    """
    clone_newnet = 0x40000000
    if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).unshare(clone_newnet) == 0:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            get_flags, set_flags, up = 0x8913, 0x8914, 1
            flags = struct.unpack("16sh", fcntl.ioctl(control, get_flags, struct.pack("16sh", b"lo", 0)))[1]
            fcntl.ioctl(control, set_flags, struct.pack("16sh", b"lo", flags | up))
        for name in congestion:
            try:
                CONGESTION.write_text(name)
                break
            except OSError as error:
                # A namespace may use only what the host has in tcp_allowed_congestion_control.
                print(f"congestion control {name}: {error.strerror}", file=sys.stderr)
        return "a private network namespace"
    return "the host's network"


def file_name(road: Road) -> str:
    return road.key + ("" if "format=raw" in road.path else ".json")


def fill(gateway: Peer) -> None:
    """Creates the segments and writes random, finite numbers into them."""
    block = struct.pack("<1024f", *[((i * 2654435761) % 1000003) / 997 for i in range(1024)])
    for name, count in SEGMENTS.items():
        layout = {"name": name, "layout": {"kind": "ndarray", "dtype": "float32", "shape": [count]}}
        gateway.request("POST", "/segments", json.dumps(layout).encode(), "application/json", 201)
        gateway.request("PATCH", f"/segments/{name}/data", block * (count // 1024), "application/octet-stream", 204)


# --- one measurement


def run_wrk(peer: Peer, road: Road, seconds: float, cpus: list[int]) -> tuple[int, float]:
    """Requests and seconds of one run of wrk."""
    whole = max(1, round(seconds))
    command = ["wrk", "-t1", f"-c{road.connections}", f"-d{whole}s", f"http://{HOST}:{peer.port}{peer.paths[road.key]}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=pin(cpus)).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"{peer.name}, {road.title}: wrk reports errors:\n{output}")
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", output).group(1))
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    return requests, requests / rate


def run_client(
    client: Path, peer: Peer, road: Road, seconds: float, copy: bool, cpus: list[int]
) -> tuple[float, float]:
    """GiB and seconds of one run of the C client."""
    command = [str(client), *(["--copy"] if copy else []), HOST, str(peer.port), peer.paths[road.key]]
    command += [str(road.connections), str(seconds)]
    result = subprocess.run(command, capture_output=True, text=True, preexec_fn=pin(cpus))
    if result.returncode != 0:
        raise SystemExit(f"{peer.name}, {road.title}: {result.stderr.strip()}")
    told = json.loads(result.stdout)
    return told["bytes"] / GIB, told["seconds"]


def measure(peer: Peer, road: Road, load, seconds: float) -> dict[str, float]:
    load(peer, road, min(seconds, 0.5))  # warm connections, caches and clocks
    before = peer.cpu_seconds()
    amount, took = load(peer, road, seconds)
    cpu = peer.cpu_seconds() - before
    return {"rate": amount / took, "cost": cpu / amount * (1 if road.bulk else 1e6), "amount": amount, "seconds": took}


# --- the report


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def summarise(road: Road, peers: list[str], rounds: list[dict[str, dict[str, float]]]) -> list[dict]:
    """A row per peer: medians, and the gateway's ratio to that peer as the median of the rounds' ratios."""
    rows = []
    for name in peers:
        ours = [one["shmgate"] for one in rounds]
        theirs = [one[name] for one in rounds]
        rows.append({
            "road": road.key,
            "peer": name,
            "rate": statistics.median(one["rate"] for one in theirs),
            "cost": statistics.median(one["cost"] for one in theirs),
            "rate_ratio": statistics.median(a["rate"] / b["rate"] for a, b in zip(ours, theirs)),
            "cost_ratio": statistics.median(a["cost"] / b["cost"] if b["cost"] else 1 for a, b in zip(ours, theirs)),
        })
    return rows


def table(rows: list[dict]) -> str:
    lines = [
        "| road | server | rate | server cost | shmgate's rate ÷ its | shmgate's cost ÷ its |",
        "|---|---|---:|---:|---:|---:|",
    ]
    roads = {road.key: road for road in ROADS}
    for row in rows:
        road = roads[row["road"]]
        ratios = ["", ""] if row["peer"] == "shmgate" else [f"{row['rate_ratio']:.2f}", f"{row['cost_ratio']:.2f}"]
        cells = [
            road.title,
            row["peer"],
            f"{figure(row['rate'])} {road.unit}",
            f"{figure(row['cost'])} {road.cost_unit}",
            *ratios,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="shmgate against nginx, over loopback")
    parser.add_argument("--gateway", default=".build/release/shmgate", help="the release binary")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 s instead of 7 of 3 s")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of one measurement")
    parser.add_argument("--threads", type=int, help="of the gateway, workers of nginx; default: half of the processors")
    roads = [*(road.key for road in ROADS), "start"]
    parser.add_argument("--roads", nargs="*", choices=roads, default=roads)
    parser.add_argument("--copy", action="store_true", help="the bulk client receives the bytes, not only counts them")
    parser.add_argument("--no-pin", action="store_true", help="let servers and clients run on any processor")
    parser.add_argument(
        "--congestion",
        nargs="*",
        default=["cubic", "reno"],
        help="congestion control in a private network: the first that is allowed there",
    )
    parser.add_argument("--floor", type=float, default=0.5, help="fail if a rate falls below this part of nginx's")
    parser.add_argument("--starts", type=int, help="of each server; 15, or 3 with --quick")
    parser.add_argument("--most-ms", type=float, default=50, help="fail if a start takes longer")
    parser.add_argument("--most-mb", type=float, default=15, help="fail if an idle gateway holds more")
    options = parser.parse_args()
    options.starts = options.starts or (3 if options.quick else 15)
    options.rounds = options.rounds or (2 if options.quick else 7)
    options.seconds = options.seconds or (1 if options.quick else 3)
    return options


def main() -> int:
    # So that the servers are stopped and the files removed also on SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments()
    binary = str(Path(options.gateway).resolve())
    processors = sorted(os.sched_getaffinity(0))
    threads = options.threads or max(1, len(processors) // 2)
    pinned = not options.no_pin and len(processors) > threads
    server_cpus, client_cpus = (processors[:threads], processors[threads:]) if pinned else ([], [])
    if not shutil.which("wrk"):
        sys.exit("wrk is missing; `make bench` installs it")

    network = enter_network(options.congestion)
    congestion = CONGESTION.read_text().strip()
    facts = {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "processors": len(processors),
        "server_threads": threads,
        "pinned": pinned,
        "network": network,
        "congestion_control": congestion,
        "bulk_client": "copies" if options.copy else "discards in the kernel (MSG_TRUNC)",
        "rounds": options.rounds,
        "seconds": options.seconds,
        "nginx": subprocess.run([find_nginx(), "-v"], capture_output=True, text=True).stderr.strip(),
    }

    peers: list[Peer] = []
    work = Path(tempfile.mkdtemp(prefix="shmgate-benchmark-", dir="/dev/shm"))
    try:
        for name in ("files", "segments"):
            (work / name).mkdir()
        client = work / "client"
        compiler = shutil.which("cc") or shutil.which("clang") or sys.exit("no C compiler")
        subprocess.run([compiler, "-O2", "-pthread", "-o", client, HERE / "client.c"], check=True)

        gateway = launch_gateway(binary, work / "segments", threads, server_cpus)
        peers.append(gateway)
        gateway.paths = {road.key: road.path for road in ROADS}
        fill(wait_for(gateway, "/readyz"))
        for road in ROADS:
            (work / "files" / file_name(road)).write_bytes(gateway.get(road.path))
        for name, cache in (("nginx", False), ("nginx, open_file_cache", True)):
            home = work / ("nginx-cached" if cache else "nginx")
            peers.append(launch_nginx(name, home, work / "files", threads, server_cpus, cache))
            peers[-1].paths = {road.key: "/" + file_name(road) for road in ROADS}
            wait_for(peers[-1], peers[-1].paths[ROADS[0].key])
        relaxed = {road.key: road.path + "&consistency=relaxed" for road in ROADS if road.bulk}
        contestants = [*peers, Peer("shmgate, relaxed", gateway.port, gateway.process, relaxed)]

        for road in ROADS:
            digests = {hashlib.sha256(p.get(p.paths[road.key])).digest() for p in contestants if road.key in p.paths}
            if len(digests) != 1:
                raise SystemExit(f"{road.title}: the servers do not send the same bytes")

        def load(peer: Peer, road: Road, seconds: float):
            if road.bulk:
                return run_client(client, peer, road, seconds, options.copy, client_cpus)
            return run_wrk(peer, road, seconds, client_cpus)

        rows: list[dict] = []
        raw: dict[str, list] = {}
        for road in (road for road in ROADS if road.key in options.roads):
            taking_part = [peer for peer in contestants if road.key in peer.paths]
            rounds: list[dict[str, dict[str, float]]] = []
            for number in range(options.rounds):
                # Each round begins with another peer, so that none always has the quiet or the noisy moment.
                turn = number % len(taking_part)
                order = taking_part[turn:] + taking_part[:turn]
                rounds.append({peer.name: measure(peer, road, load, options.seconds) for peer in order})
                print(f"{road.title}: round {number + 1} of {options.rounds}", file=sys.stderr)
            rows += summarise(road, [peer.name for peer in taking_part], rounds)
            raw[road.key] = rounds
        for peer in peers:
            peer.stop()
        peers.clear()
        starts = {}
        if "start" in options.roads:
            (work / "start").mkdir()
            tell = functools.partial(print, file=sys.stderr)
            starts = start.run(work / "start", binary, threads, server_cpus, options.starts, tell)
    finally:
        for peer in peers:
            peer.stop()
        shutil.rmtree(work, ignore_errors=True)

    print(f"In {network}, congestion control {congestion}; {threads} server thread(s) of {len(processors)} processors, "
          f"{'pinned' if pinned else 'not pinned'}; {options.rounds} rounds of {options.seconds:g} s; "
          f"the bulk client {facts['bulk_client']}; {facts['nginx']}; Linux {facts['kernel']}.\n")
    if rows:
        print(table(rows))
    if starts:
        print(f"\n{options.starts} starts of each:\n\n{start.table(starts)}")

    told = {title: [dataclasses.asdict(one) for one in found] for title, found in starts.items()}
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    path = results / (re.sub(r"[^0-9]", "", facts["time"])[:14] + ".json")
    path.write_text(json.dumps({"facts": facts, "summary": rows, "rounds": raw, "starts": told}, indent=2, ensure_ascii=False) + "\n")
    print(f"\nWritten to {os.path.relpath(path)}.")

    low = [row for row in rows if row["peer"] == "nginx" and row["rate_ratio"] < options.floor]
    for row in low:
        print(f"below the floor: {row['road']} is {row['rate_ratio']:.2f} of {row['peer']}, not {options.floor}")
    over = start.missed(starts, options.most_ms, options.most_mb)
    for line in over:
        print(line)
    return 1 if low or over else 0


if __name__ == "__main__":
    sys.exit(main())
