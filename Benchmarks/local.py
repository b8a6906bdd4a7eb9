"""Without a gateway: to attach, to write under the lock, to gather, to write numbers; in Swift, Python and C."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import shmgate as shm
from bench import Bench
from roads import Finding
from servers import compile_c

LAYOUT = {"kind": "ndarray", "dtype": "float64", "shape": [1000, 1000]}


def cost(count: int, operation: Callable[[], object], batches: int = 15) -> float:
    """Nanoseconds of CPU time of an operation, the median of batches."""
    times = []
    for _ in range(batches):
        before = time.thread_time_ns()
        for _ in range(count):
            operation()
        times.append((time.thread_time_ns() - before) / count)
    return statistics.median(times)


def in_swift(bench: Bench) -> dict[str, float]:
    program = Path(bench.binary).with_name("LocalBenchmark")
    program.exists() or sys.exit(f"{program} is missing; `make bench` builds it")
    output = subprocess.run([program, bench.segments], check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in map(str.split, output.splitlines())}


def in_c(bench: Bench) -> float:
    program = compile_c("local.c", bench.work / "local")
    return float(subprocess.run([program, bench.work / "lock"], check=True, capture_output=True, text=True).stdout)


def in_python(bench: Bench) -> dict[str, float]:
    directory = str(bench.segments)

    def write() -> None:
        with shm.write("grid", directory=directory) as array:
            array[0, 0] = 1.5

    return {
        "attach": cost(200, lambda: shm.load("grid", directory=directory)),
        "write": cost(200, write),
    }


def in_numpy(bench: Bench, grid: np.ndarray) -> dict[str, float]:
    strided, columns = np.empty((250, 250)), np.empty((1000, 100))
    path, offset = bench.segments / "grid", bench.array("grid").offset
    return {
        "attach": cost(200, lambda: np.memmap(path, "f8", "r+", offset, grid.shape)),
        "strided": cost(50, lambda: np.copyto(strided, grid[::4, ::4])),
        "columns": cost(50, lambda: np.copyto(columns, grid[:, 100:200])),
        "numbers": cost(1, lambda: orjson.dumps(grid, option=orjson.OPT_SERIALIZE_NUMPY), 9),
    }


def run(bench: Bench) -> None:
    bench.create("grid", LAYOUT, np.random.default_rng(1).normal(size=(1000, 1000)))
    private = np.array(bench.array("grid"))
    rounds = []
    for _ in range(bench.load.rounds):
        rounds.append({"swift": in_swift(bench), "c": {"write": in_c(bench)}, "python": in_python(bench)})
        rounds[-1]["numpy"] = in_numpy(bench, private)
    bench.remove("grid")
    bench.more["local"] = rounds

    def median(*what: tuple[str, str]) -> float:
        """Of one figure, or of the ratio of two."""
        return statistics.median(
            one[what[0][0]][what[0][1]] / (one[what[1][0]][what[1][1]] if len(what) > 1 else 1) for one in rounds
        )

    swift, python, c, numpy = (lambda name, side=side: (side, name) for side in ("swift", "python", "c", "numpy"))
    say = bench.findings.append
    say(Finding("attach in Swift", "CPU", median(swift("attach")) / 1e3, most=20, unit="µs"))
    say(
        Finding("shm.load of an array in Python", "CPU, ÷ np.memmap", median(python("attach"), numpy("attach")), most=2)
    )
    say(Finding("write under the lock in Swift", "CPU, ÷ bare C", median(swift("write"), c("write")), most=1.3))
    say(Finding("write under the lock in Python", "CPU, ÷ bare C", median(python("write"), c("write")), most=3))
    for name, title in (("strided", "gather of [::4, ::4]"), ("columns", "gather of 100 columns")):
        say(Finding(title, "CPU, ÷ NumPy", median(swift(name), numpy(name)), most=1))
    say(Finding("a million float64 as JSON", "CPU, ÷ orjson", median(swift("numbers"), numpy("numbers")), most=1))
    lines = ["| CPU of one | in Swift | in Python | in C | NumPy, orjson |", "|---|---:|---:|---:|---:|"]
    for name in ("attach", "write", "strided", "columns", "numbers"):
        cells = [f"{median((side, name)) / 1e3:.2f} µs" if name in rounds[0][side] else "" for side in rounds[0]]
        lines.append(f"| {name} | {cells[0]} | {cells[2]} | {cells[1]} | {cells[3]} |")
    bench.tables["local"] = "\n".join(lines)
