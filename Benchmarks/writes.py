"""Writes: a hundred numbers as JSON, 1 MiB as it is; the gateway's with lock, journal and checksum."""

import json

import numpy as np
from bench import Bench
from roads import Request, Road, Target, redis_command

MIB = 1 << 20


def patch(target: str, body: bytes, kind: str) -> Request:
    return Request(target, "PATCH", body, kind)


def run(bench: Bench) -> None:
    values = np.random.default_rng(1).normal(size=MIB // 8)
    bench.create("written", {"kind": "ndarray", "dtype": "float64", "shape": [MIB // 8]})
    some, raw, text = json.dumps(values[:100].tolist()).encode(), values.tobytes(), "application/json"
    binary = "application/octet-stream"
    roads = [
        Road(
            "patch-json",
            "PATCH of 100 float64, JSON",
            {
                "shmgate": patch("/segments/written/data?slice=0:100", some, text),
                "ASGI": patch("/written?slice=0:100", some, text),
                "Redis": redis_command("SETRANGE", "written", "0", raw[:800]),
            },
            (Target("cost", "ASGI", least=3),),
            connections=16,
        ),
        Road(
            "patch-1m",
            "PATCH of 1 MiB, raw",
            {
                "shmgate": patch("/segments/written/data", raw, binary),
                "ASGI": patch("/written", raw, binary),
                "Redis": redis_command("SETRANGE", "written", "0", raw),
            },
            (Target("cost", "ASGI", least=3), Target("rate", "Redis", least=1)),
            connections=4,
            moves=MIB,
        ),
    ]
    with bench.asgi_peer() as asgi, bench.redis_peer(written=values) as redis:
        for road in roads:
            for peer in (bench.gateway, asgi["ASGI"]):
                check_stored(bench, peer, road.requests[peer.name], values)
        bench.run(roads, asgi | redis)
    bench.remove("written")


def check_stored(bench: Bench, peer, request: Request, values: np.ndarray) -> None:
    """That what a PATCH brings is in the segment behind it."""
    stored, count = bench.array("written"), 100 if "slice" in request.target else values.size
    stored[:] = 0
    peer.request(request.method, request.target, request.body, request.kind, 204)
    if not np.array_equal(stored[:count], values[:count]) or stored[count:].any():
        raise SystemExit(f"{peer.name} has not stored what {request.target} brought")
