"""Parts of an array that lie apart, and many numbers as JSON."""

import decoded
import numpy as np
from bench import Bench
from roads import Request, Target, read

STRIDED = "slice=::4,::4&format=raw"
COLUMNS = "slice=:,100:200&format=raw"
TILED = {
    "strided": "/api/v1/array/full/grid?slice=::4,::4&format=application/octet-stream",
    "columns": "/api/v1/array/full/grid?slice=:,100:200&format=application/octet-stream",
    "grid-json": "/api/v1/array/full/grid?format=application/json",
}


def run(bench: Bench) -> None:
    layout = {"kind": "ndarray", "dtype": "float64", "shape": [1000, 1000]}
    bench.create("grid", layout, np.random.default_rng(1).normal(size=(1000, 1000)))
    data, twice = "/segments/grid/data?", (Target("cost", "ASGI", least=2),)
    one_and_a_half = (Target("cost", "ASGI", least=1.5),)
    roads = [
        read(
            "strided",
            "[::4, ::4] of 1000 × 1000 float64, raw",
            data + STRIDED,
            *twice,
            asgi=f"/grid?{STRIDED}",
            connections=4,
        ),
        read("columns", "100 of 1000 columns, raw", data + COLUMNS, *twice, asgi=f"/grid?{COLUMNS}", connections=4),
        read(
            "grid-json",
            "1000 × 1000 float64, JSON",
            data,
            *one_and_a_half,
            asgi="/grid",
            same=decoded.numbers,
            connections=4,
        ),
    ]
    for road in roads:
        road.requests["Tiled"] = Request(TILED[road.key])
    with bench.static_peers(roads) as files, bench.asgi_peer() as asgi, bench.tiled_peer() as tiled:
        bench.run(roads, files | asgi | tiled)
    bench.remove("grid")
