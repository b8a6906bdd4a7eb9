"""Small reads: an element, a row and a labelled series as JSON, 4 KiB as they are, a description."""

import numpy as np
from bench import Bench
from roads import Target, read

TARGETS = (Target("cost", "libmicrohttpd", most=1.5), Target("rate", "nginx", least=1))


def run(bench: Bench) -> None:
    random = np.random.default_rng(1)
    bench.create("row", {"kind": "ndarray", "dtype": "float64", "shape": [1000, 100]}, random.normal(size=(1000, 100)))
    days = {"dtype": "datetime64[s]", "start": "2025-01-01", "periods": 365, "freq": "1D"}
    bench.create("series", {"kind": "series", "dtype": "float64", "index": days}, random.normal(size=365).round(4))
    bench.create("small", {"kind": "ndarray", "dtype": "float32", "shape": [16384]}, random.normal(size=16384))
    roads = [
        read("element", "one element, JSON", "/segments/small/data?slice=7", *TARGETS, wrk=True),
        read("row", "row of 100 float64, JSON", "/segments/row/data?slice=7", *TARGETS, wrk=True),
        read("series", "series of 365 days, JSON", "/segments/series/data", *TARGETS, wrk=True),
        read("raw-4k", "4 KiB, raw", "/segments/small/data?slice=1024:2048&format=raw", *TARGETS, wrk=True),
        read("description", "description", "/segments/small", *TARGETS, wrk=True),
    ]
    with bench.static_peers(roads) as peers:
        bench.run(roads, peers)
    bench.remove("row", "series", "small")
