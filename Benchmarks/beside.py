"""Reads of 1 MiB beside a local process that writes the same 1 MiB a thousand times a second."""

import statistics
import subprocess

from bench import Bench
from roads import Finding, Request
from servers import Peer, compile_c, pin

MIB = 1 << 20
GIB_PER_SECOND = 1
CONNECTIONS = 2


def run(bench: Bench) -> None:
    bench.create("beside", {"kind": "ndarray", "dtype": "uint64", "shape": [MIB // 8]})
    writer = compile_c("writer.c", bench.work / "writer")
    requests = {
        "shmgate": Request("/segments/beside/data?format=raw"),
        "shmgate, relaxed": Request("/segments/beside/data?format=raw&consistency=relaxed"),
        "ASGI": Request("/beside?format=raw"),
    }
    found: dict[str, list[dict]] = {name: [] for name in requests}
    with bench.asgi_peer() as asgi:
        servers = {"shmgate": bench.gateway} | asgi
        for _ in range(bench.load.rounds):
            for name, request in requests.items():
                peer = servers[name.partition(",")[0]]
                quiet = read(bench, peer, request)
                process = start_writer(bench, writer)
                beside = read(bench, peer, request)
                beside["written"] = float(process.communicate()[0])
                found[name].append({"quiet": quiet, "beside": beside})
    bench.remove("beside")
    tell(bench, found)


def start_writer(bench: Bench, program) -> subprocess.Popen:
    command = [program, bench.segments / "beside", str(GIB_PER_SECOND), str(bench.load.seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pin(bench.ground.clients))


def read(bench: Bench, peer: Peer, request: Request) -> dict[str, float]:
    """Reads that are looked at."""
    load, before = bench.load, peer.cpu_seconds()
    client = load.start_client(peer, request, CONNECTIONS, load.seconds, "--torn")
    told = load.finish_client(peer, request, client)
    gib = told["requests"] * MIB / (1 << 30)
    return told | {"rate": gib / told["seconds"], "cost": (peer.cpu_seconds() - before) / gib}


def tell(bench: Bench, found: dict[str, list[dict]]) -> None:
    lines = ["| server | quiet | beside the writer | CPU quiet | CPU beside | torn | writer |", "|---|" + "---:|" * 6]
    for name, rounds in found.items():

        def median(when: str, what: str) -> float:
            return statistics.median(one[when][what] for one in rounds)

        torn = sum(one["beside"]["torn"] for one in rounds)
        share = torn / sum(one["beside"]["requests"] for one in rounds)
        cells = [name, *(f"{median(when, 'rate'):.2f} GiB/s" for when in ("quiet", "beside"))]
        cells += [f"{median(when, 'cost'):.3f} s/GiB" for when in ("quiet", "beside")]
        lines.append(f"| {' | '.join(cells)} | {share:.1%} | {median('beside', 'written'):.2f} GiB/s |")
        if name == "shmgate":
            kept = statistics.median(one["beside"]["rate"] / one["quiet"]["rate"] for one in rounds)
            title = "1 MiB beside a writer of 1 GiB/s"
            bench.findings.append(Finding(title, "torn reads", torn, most=0, unit=""))
            bench.findings.append(Finding(title, "GiB/s, beside ÷ quiet", kept, least=0.7))
    bench.tables["beside"] = "\n".join(lines)
    bench.more["beside"] = found
