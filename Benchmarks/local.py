"""Without a gateway: to attach, to write under the lock, to gather, to write numbers; in Swift, Python and C."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path

import numpy as np
import orjson
import shmgate as shm
from bench import Bench
from roads import Finding
from servers import compile_c

TITLES = {
    "attach": "attach",
    "write": "write",
    "protocol": "the calls of a write by the format: lock and turnstile, turnstile, name, wake, lock",
    "snapshot": "snapshot",
    "strided": "strided",
    "columns": "columns",
    "numbers": "numbers",
}
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


def lines_of(*command: str | Path) -> dict[str, float]:
    """Names and figures that a program prints."""
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in map(str.split, output.splitlines())}


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
    # As text: of a Path np.memmap takes twice as long.
    path, offset = str(bench.segments / "grid"), bench.array("grid").offset
    return {
        "attach": cost(200, lambda: np.memmap(path, "f8", "r+", offset, grid.shape)),
        "strided": cost(50, lambda: np.copyto(strided, grid[::4, ::4])),
        "columns": cost(50, lambda: np.copyto(columns, grid[:, 100:200])),
        "numbers": cost(1, lambda: orjson.dumps(grid, option=orjson.OPT_SERIALIZE_NUMPY), 9),
    }


def in_multiprocessing(grid: np.ndarray) -> dict[str, float]:
    """The standard library's own: the name has to be in /dev/shm itself, and type and shape be known."""
    untracked = {"track": False} if sys.version_info >= (3, 13) else {}
    name = f"shmgate-benchmark-{os.getpid()}"
    segment = shared_memory.SharedMemory(name, create=True, size=grid.nbytes, **untracked)

    def attach() -> None:
        other = shared_memory.SharedMemory(name, **untracked)
        if not untracked:  # it would be unlinked when this process ends
            resource_tracker.unregister(other._name, "shared_memory")
        array = np.ndarray(grid.shape, grid.dtype, other.buf)
        del array
        other.close()

    try:
        return {"attach": cost(200, attach)}
    finally:
        segment.close()
        if not untracked:  # unlink takes it off the list once more
            resource_tracker.register(segment._name, "shared_memory")
        segment.unlink()


def run(bench: Bench) -> None:
    bench.create("grid", LAYOUT, np.random.default_rng(1).normal(size=(1000, 1000)))
    private = np.array(bench.array("grid"))
    swift_program = Path(bench.binary).with_name("LocalBenchmark")
    swift_program.exists() or sys.exit(f"{swift_program} is missing; `make bench` builds it")
    c_program = compile_c("local.c", bench.work / "local")
    rounds = []
    for _ in range(bench.load.rounds):
        in_swift, in_c = lines_of(swift_program, bench.segments), lines_of(c_program, bench.work, "scratch")
        one = {"swift": in_swift, "python": in_python(bench), "c": in_c, "numpy": in_numpy(bench, private)}
        rounds.append(one | {"multiprocessing": in_multiprocessing(private)})
    bench.remove("grid")
    bench.more["local"] = rounds

    def ratio(name: str, side: str, other: str) -> float:
        return statistics.median(one[side][name] / one[other][name] for one in rounds)

    attach = statistics.median(one["swift"]["attach"] for one in rounds) / 1e3
    bench.findings += [
        Finding("attach in Swift", "CPU", attach, most=20, unit="µs"),
        Finding("attach in Python", "CPU, shm.load ÷ np.memmap", ratio("attach", "python", "numpy"), most=2),
        Finding("write under the lock in Swift", "CPU, ÷ bare C", ratio("write", "swift", "c"), most=1.3),
        Finding("write under the lock in Python", "CPU, ÷ bare C", ratio("write", "python", "c"), most=3),
        Finding("gather of [::4, ::4]", "CPU, ÷ NumPy", ratio("strided", "swift", "numpy"), most=1),
        Finding("gather of 100 columns", "CPU, ÷ NumPy", ratio("columns", "swift", "numpy"), most=1),
        Finding("a million float64 as JSON", "CPU, ÷ orjson", ratio("numbers", "swift", "numpy"), most=1),
    ]
    bench.tables["local"] = table(rounds)


def table(rounds: list[dict[str, dict[str, float]]]) -> str:
    lines = [
        "| CPU of one | in Swift | in Python | bare C | NumPy, orjson | multiprocessing.shared_memory |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, title in TITLES.items():
        cells = [
            f"{statistics.median(one[side][name] for one in rounds) / 1e3:,.2f} µs" if name in rounds[0][side] else ""
            for side in ("swift", "python", "c", "numpy", "multiprocessing")
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)
