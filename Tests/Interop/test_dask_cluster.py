"""The example of Deploy/dask: a cluster computes over two gateways and loses nothing."""

import subprocess
import sys

import numpy as np
import pytest

from gateway import ROOT

SHAPE = (3_001, 1_003)  # several chunks, the last one short


def local(gateway, name):
    """The live array, mapped."""
    buffer = gateway.request("GET", f"/segments/{name}").json()["mmap"]["buffers"][0]
    return np.memmap(gateway.path(name), buffer["dtype"], "r+", buffer["offset"], tuple(buffer["shape"]))


def combine(*words):
    script = [sys.executable, str(ROOT / "Deploy/dask/combine.py"), *words]
    return subprocess.run(script, capture_output=True, text=True, timeout=600)


@pytest.fixture
def two(own_gateway):
    gateways = own_gateway(), own_gateway()
    chance = np.random.default_rng(4)
    values = []
    for gateway, name, dtype in zip(gateways, ("north", "south"), ("<f8", "<f4")):
        gateway.create(name, {"kind": "ndarray", "dtype": dtype, "shape": list(SHAPE)})
        view = local(gateway, name)
        view[:] = chance.normal(size=SHAPE)
        values.append(view)
    return gateways, values


def address(gateway, name):
    return f"http://127.0.0.1:{gateway.port}/{name}"


def test_a_cluster_computes_over_two_gateways_into_a_third_segment(two):
    (first, second), (north, south) = two
    sources = address(first, "north"), address(second, "south")
    for round_number in (1, 2):  # created, then written over
        run = combine("--workers", "3", *sources, address(first, "mean"))
        assert run.returncode == 0, run.stderr
        chunks = int(run.stdout.split()[0])
        assert chunks > 3 and "by 3 workers" in run.stdout
        assert np.array_equal(local(first, "mean"), (north + south) / 2)
        # Every chunk was one write, and nothing else was written.
        assert first.request("GET", "/segments/mean").json()["sequence"] == 2 + 2 * chunks * round_number
        north[:] += 1


def test_what_does_not_fit_is_said(two):
    (first, second), _ = two
    first.create("small", {"kind": "ndarray", "dtype": "<f8", "shape": [3]})
    run = combine("--workers", "1", address(first, "north"), address(second, "south"), address(first, "small"))
    assert run.returncode != 0 and "got float64 of (3,)" in run.stderr, run.stderr
