"""Measures the gateway against the fastest that could do the same on this machine.

    .venv-bench/bin/python Benchmarks/run.py --gateway .build/release/shmgate [--quick] [--roads small bulk …]

README.md beside this file says what is measured and how to read it. Exits 1 if a server fails or servers do not send
the same, and with --strict also if a target is missed.
"""

import argparse
import dataclasses
import datetime
import importlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import report
from bench import Bench
from ground import congestion_in_force, divide, enter_network, processor_model
from loads import Load
from servers import HERE, compile_c, find_nginx, launch_gateway, wait_for

GROUPS = "start small slices writes frames bulk beside growth fairness footprint local console".split()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="shmgate against its peers, over loopback")
    parser.add_argument("--gateway", default=".build/release/shmgate", help="the release binary")
    parser.add_argument("--roads", nargs="*", choices=GROUPS, default=GROUPS, help="groups of roads")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="KEY", help="of these groups only the roads of these keys"
    )
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 s instead of 5 of 2 s")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of one measurement")
    parser.add_argument("--threads", type=int, help="of each server; default: half of the processors")
    parser.add_argument("--copy", action="store_true", help="the client receives the bytes, not only counts them")
    parser.add_argument("--no-pin", action="store_true", help="let servers and clients run on any processor")
    parser.add_argument("--congestion", default="cubic", help="congestion control in a private network")
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md")
    parser.add_argument("--strict", action="store_true", help="a missed target fails the run")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 2)
    return options


def main() -> int:
    # So that the servers are stopped and the files removed also on SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments()
    shutil.which("wrk") or sys.exit("wrk is missing; `make bench` installs it")
    binary = str(Path(options.gateway).resolve())
    ground = divide(options.threads, not options.no_pin)
    network = enter_network(options.congestion)
    facts = {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "processors": os.cpu_count(),
        "processor": processor_model(),
        "server_threads": ground.threads,
        "pinned": ground.pinned,
        "network": network,
        "congestion_control": congestion_in_force(),
        "client": "copies" if options.copy else "discards in the kernel (MSG_TRUNC)",
        "rounds": options.rounds,
        "seconds": options.seconds,
        "nginx": subprocess.run([find_nginx(), "-v"], capture_output=True, text=True).stderr.strip(),
    }

    work = Path(tempfile.mkdtemp(prefix="shmgate-benchmark-", dir="/dev/shm"))
    gateway = None
    try:
        (work / "segments").mkdir()
        client = compile_c("client.c", work / "client")
        load = Load(
            client,
            work,
            ground,
            options.seconds,
            options.rounds,
            "--copy" if options.copy else "",
            lambda line: print(line, file=sys.stderr),
        )
        gateway = wait_for(launch_gateway(binary, work / "segments", ground.threads, ground.servers), "/readyz")
        bench = Bench(binary, work, ground, load, gateway, options.quick, options.only)
        for group in options.roads:
            before = len(bench.findings)
            importlib.import_module(group).run(bench)
            load.tell(f"\n{report.targets(bench.findings[before:])}\n")
    finally:
        if gateway:
            gateway.stop()
        shutil.rmtree(work, ignore_errors=True)

    text = report.whole(facts, bench.results, bench.findings, bench.tables)
    print(text)
    if options.readme:
        report.put_into(HERE / "README.md", text)
    path = write(facts, bench)
    print(f"\nWritten to {os.path.relpath(path)}.")
    return 1 if options.strict and not all(one.met for one in bench.findings) else 0


def write(facts: dict, bench: Bench) -> Path:
    """Every single measurement, as JSON."""
    told = {
        "facts": facts,
        "targets": [dataclasses.asdict(one) | {"met": one.met} for one in bench.findings],
        "summary": [row for road, rounds in bench.results for row in report.rows(road, rounds)],
        "rounds": {road.key: rounds for road, rounds in bench.results},
    } | bench.more
    (HERE / "results").mkdir(exist_ok=True)
    path = HERE / "results" / (re.sub(r"[^0-9]", "", facts["time"])[:14] + ".json")
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return path


if __name__ == "__main__":
    sys.exit(main())
