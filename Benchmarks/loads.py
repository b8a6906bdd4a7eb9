"""Load on a server, and what it took: rate, CPU time of the server, latency."""

import itertools
import json
import re
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ground import Ground
from roads import GIB, Finding, Request, Road
from servers import HERE, HOST, Peer, pin

SCALE = {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}
numbers = itertools.count()


@dataclass
class Load:
    """Puts load on servers from the clients' processors."""

    client: Path  # client.c, compiled
    work: Path
    ground: Ground
    seconds: float
    rounds: int
    option: str  # of client.c
    tell: Callable[[str], None]

    def wrk(self, peer: Peer, request: Request, connections: int, seconds: float) -> dict[str, float]:
        url = f"http://{HOST}:{peer.port}{request.target or '/'}"
        command = ["wrk", "--latency", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", url]
        if request.targets:
            file = self.work / "targets"
            file.write_text("\n".join(request.targets))
            command += ["-s", HERE / "turns.lua", "--", file]
        output = subprocess.run(
            command, check=True, capture_output=True, text=True, preexec_fn=pin(self.ground.clients)
        ).stdout
        if "Non-2xx" in output or "Socket errors" in output:
            raise SystemExit(f"{peer.name}, {request.target}: wrk reports errors:\n{output}")
        requests = int(re.search(r"(\d+) requests in", output).group(1))
        latencies = {}
        for percentile in ("50", "99"):
            value, unit = re.search(rf"\b{percentile}%\s+([\d.]+)(us|ms|s|m)", output).groups()
            latencies[f"p{percentile}_ms"] = float(value) * SCALE[unit]
        rate = float(re.search(r"Requests/sec:\s*([\d.]+)", output).group(1))
        return {"requests": requests, "seconds": requests / rate} | latencies

    def start_client(
        self, peer: Peer, request: Request, connections: int, seconds: float, option: str = ""
    ) -> subprocess.Popen:
        file = self.work / f"request-{next(numbers)}"
        file.write_bytes(request.wire(f"{HOST}:{peer.port}"))
        command = [str(self.client), *(option or self.option).split(), HOST, str(peer.port), str(file)]
        return subprocess.Popen(
            [*command, str(connections), str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=pin(self.ground.clients),
        )

    def finish_client(self, peer: Peer, request: Request, client: subprocess.Popen) -> dict[str, float]:
        output, error = client.communicate()
        if client.returncode != 0:
            raise SystemExit(f"{peer.name}, {request.method} {request.target}: {error.strip()}")
        return json.loads(output)

    def put(self, peer: Peer, road: Road, request: Request, seconds: float) -> dict[str, float]:
        if road.wrk:
            return self.wrk(peer, request, road.connections, seconds)
        return self.finish_client(peer, request, self.start_client(peer, request, road.connections, seconds))

    def measure(self, peer: Peer, road: Road, request: Request) -> dict[str, float]:
        """Rate in requests/s or GiB/s, cost in CPU µs/request or s/GiB, latencies."""
        self.put(peer, road, request, min(self.seconds, 0.3))  # warm connections, caches and clocks
        before = peer.cpu_seconds()
        told = self.put(peer, road, request, self.seconds)
        cpu = peer.cpu_seconds() - before
        amount = told["requests"] * road.moves / GIB if road.moves else told["requests"]
        return told | {"rate": amount / told["seconds"], "cost": cpu / amount * (1 if road.moves else 1e6)}

    def compare(self, road: Road, peers: dict[str, Peer]) -> list[dict[str, dict[str, float]]]:
        """All rounds of a road, by server. Each round begins with another one, so that none has all quiet moments."""
        names = [name for name in road.requests if name in peers]
        rounds = []
        for number in range(self.rounds):
            turn = number % len(names)
            order = names[turn:] + names[:turn]
            rounds.append({name: self.measure(peers[name], road, road.requests[name]) for name in order})
        medians = " ".join(f"{name} {statistics.median(one[name]['cost'] for one in rounds):.3g}" for name in names)
        self.tell(f"{road.title}: CPU per {road.unit}: {medians}")
        return rounds


def judge(road: Road, rounds: list[dict[str, dict[str, float]]]) -> list[Finding]:
    """The targets of a road whose servers all took part; a ratio is the median of the rounds' ratios."""
    findings = []
    for target in road.targets:
        if target.server in rounds[0] and target.peer in rounds[0]:
            value = statistics.median(target.value(one[target.server], one[target.peer]) for one in rounds)
            findings.append(Finding(road.title, target.words(road.unit), value, target.most, target.least))
    return findings
