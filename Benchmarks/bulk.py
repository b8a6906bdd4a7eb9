"""Whole arrays as they are: 1 MiB, 128 MiB, 1 GiB; and what memory their snapshots take."""

import threading
import time

import numpy as np
from bench import Bench
from roads import GIB, Finding, Road, Target, read, redis_command
from servers import Peer

MIB = 1 << 20
MB = 1e6


def road(key: str, title: str, size: int, connections: int, most: float, peers: tuple[str, ...]) -> Road:
    target = f"/segments/{key}/data?format=raw"
    targets = [Target("cost", "nginx", most=most)]
    if size > MIB:
        targets.append(Target("cost", "nginx", most=0.65, server="shmgate, relaxed"))
    made = read(
        key, title, target, *targets, peers=peers, asgi=f"/{key}?format=raw", connections=connections, moves=size
    )
    made.requests["shmgate, relaxed"] = type(made.requests["shmgate"])(target + "&consistency=relaxed")
    if size < GIB:  # no string of Redis is longer than 512 MiB
        made.requests["Redis"] = redis_command("GETRANGE", key, "0", str(size - 1))
    return made


class PeakMemory:
    """The most anonymous memory of a server while a block runs, looked at fifty times a second."""

    def __init__(self, peer: Peer):
        self.peer, self.ended, self.peak = peer, threading.Event(), 0
        self.thread = threading.Thread(target=self.look)

    def look(self) -> None:
        while not self.ended.wait(0.02):
            self.peak = max(self.peak, self.peer.status("RssAnon") * 1024)

    def __enter__(self) -> "PeakMemory":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ended.set()
        self.thread.join()


def run(bench: Bench) -> None:
    roads = [
        road("raw-1m", "1 MiB, raw", MIB, 4, 0.75, ("nginx", "libmicrohttpd")),
        road("raw-128m", "128 MiB, raw", 128 * MIB, 2, 1, ("nginx", "libmicrohttpd")),
        road("raw-1g", "1 GiB, raw", GIB, 2, 1, ("nginx",)),
    ]
    block = np.random.default_rng(1).normal(size=MIB // 4).astype("f4")
    for one in roads:
        bench.create(one.key, {"kind": "ndarray", "dtype": "float32", "shape": [one.moves // 4]})
        bench.array(one.key).reshape(-1, block.size)[:] = block
    strings = {one.key: bench.array(one.key) for one in roads if "Redis" in one.requests}
    with bench.static_peers(roads) as files, bench.asgi_peer() as asgi, bench.redis_peer(**strings) as redis:
        bench.run(roads, files | asgi | redis)
        for name, copies in (("shmgate", 2), ("shmgate, relaxed", 0)):
            time.sleep(4)  # memory of snapshots is kept for two seconds
            with PeakMemory(bench.gateway) as memory:
                bench.load.put(bench.gateway, roads[-1], roads[-1].requests[name], bench.load.seconds)
            beyond = (memory.peak - copies * GIB) / MB
            title = f"2 × 1 GiB at once, {name.partition(', ')[2] or 'snapshot'}"
            bench.findings.append(Finding(title, "memory beyond snapshots in flight", beyond, most=64, unit="MB"))
    bench.remove(*(one.key for one in roads))
