"""Rows of a dataframe in each form, and the whole of it as Arrow."""

import decoded
import numpy as np
from bench import Bench
from roads import Request, Road, Target

ROWS = 100_000
COLUMNS = {"price": "f8", "bid": "f8", "ask": "f8", "size": "i8", "count": "i4"}


def road(key: str, title: str, least: float, gateway: str, asgi: str, same) -> Road:
    requests = {
        "shmgate": Request(f"/segments/frame/data?{gateway}"),
        "ASGI": Request(f"/frame?{asgi}"),
        "ASGI, pandas": Request(f"/frame?{asgi}-pandas"),
    }
    targets = tuple(Target("cost", peer, least=least) for peer in ("ASGI", "ASGI, pandas"))
    return Road(key, title, requests, targets, same=same, connections=4)


def run(bench: Bench) -> None:
    random = np.random.default_rng(1)
    index = {"dtype": "datetime64[s]", "start": "2025-01-01", "periods": ROWS, "freq": "1s"}
    columns = [{"name": name, "dtype": dtype} for name, dtype in COLUMNS.items()]
    bench.create("frame", {"kind": "dataframe", "columns": columns, "index": index})
    for number, dtype in enumerate(COLUMNS.values()):
        values = random.normal(100, 10, ROWS).round(4) if dtype == "f8" else random.integers(0, 10_000, ROWS)
        bench.array("frame", number)[:] = values
    some = "slice=40000:41000&format="
    roads = [
        road("rows-json", "1,000 rows, JSON", 8, some + "json", some + "rows", decoded.rows),
        road("rows-csv", "1,000 rows, CSV", 15, some + "csv", some + "csv", decoded.csv),
        road("rows-arrow", "1,000 rows, Arrow", 4, some + "arrow", some + "arrow", decoded.arrow),
        road("frame-arrow", "100,000 rows, Arrow", 1.5, "format=arrow", "format=arrow", decoded.arrow),
    ]
    with bench.asgi_peer() as asgi:
        bench.run(roads, asgi)
    bench.remove("frame")
