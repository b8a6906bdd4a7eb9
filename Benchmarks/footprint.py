"""What memory the gateway holds when all that was asked for before is answered; the last group."""

import time

from bench import Bench
from roads import Finding

MB = 1e6
SETTLING_SECONDS = 5  # memory of snapshots is kept for two, segments that are gone are let go of after one


def run(bench: Bench) -> None:
    time.sleep(SETTLING_SECONDS)
    held = (bench.gateway.status("RssAnon") + bench.gateway.status("RssFile")) * 1024 / MB
    bench.findings.append(Finding("after all groups before", "resident beyond segments", held, most=64, unit="MB"))
