"""Small reads beside two downloads: what a client waits who wants little."""

import statistics

from bench import Bench
from roads import Finding, Request, read
from servers import Peer

SIZE = 128 << 20
CONNECTIONS = 8
DOWNLOADS = 2


def run(bench: Bench) -> None:
    bench.create("few", {"kind": "ndarray", "dtype": "float32", "shape": [1024]})
    bench.create("many", {"kind": "ndarray", "dtype": "float32", "shape": [SIZE // 4]})
    bench.array("many")[:] = 1.5
    roads = [
        read("few", "one element", "/segments/few/data?slice=7", peers=("nginx",)),
        read("many", "128 MiB", "/segments/many/data?format=raw", peers=("nginx",)),
    ]
    found: dict[str, list[dict]] = {"shmgate": [], "nginx": []}
    with bench.static_peers(roads) as peers:
        for _ in range(bench.load.rounds):
            for name, peer in {"shmgate": bench.gateway, "nginx": peers["nginx"]}.items():
                small, large = (road.requests[name] for road in roads)
                alone = bench.load.wrk(peer, small, CONNECTIONS, bench.load.seconds)
                found[name].append({"alone": alone, "beside": beside(bench, peer, small, large)})
    bench.remove("few", "many")
    lines = ["| server | p50 alone | p50 beside | p99 alone | p99 beside |", "|---|---:|---:|---:|---:|"]
    for name, rounds in found.items():
        cells = [
            f"{statistics.median(one[when][what] for one in rounds):.2f} ms"
            for what in ("p50_ms", "p99_ms")
            for when in ("alone", "beside")
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
        if name == "shmgate":
            value = statistics.median(one["beside"]["p99_ms"] / one["alone"]["p99_ms"] for one in rounds)
            bench.findings.append(Finding("small reads beside 2 downloads", "p99, beside ÷ alone", value, most=3))
    bench.tables["fairness"] = "\n".join(lines)
    bench.more["fairness"] = found


def beside(bench: Bench, peer: Peer, small: Request, large: Request) -> dict[str, float]:
    """Small reads, while downloads run that begin before and end after them."""
    load = bench.load
    downloads = load.start_client(peer, large, DOWNLOADS, load.seconds + 1)
    told = load.wrk(peer, small, CONNECTIONS, load.seconds)
    load.finish_client(peer, large, downloads)
    return told
