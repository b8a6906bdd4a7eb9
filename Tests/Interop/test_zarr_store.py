"""The Python client's own zarr store: what others cannot do, and that it is a store like others."""

import concurrent.futures
import pickle
import threading

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import cpu, default_buffer_prototype
from zarr.core.sync import sync

import shmgate as shm
from shmgate.remote.client import Client
from zarr_stores import VERSIONS, create, local

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def connected(gateway):
    return shm.connect(f"http://127.0.0.1:{gateway.port}")


async def collect(keys):
    return [key async for key in keys]


def test_keys_are_read_written_and_erased(gateway, connected):
    view = create(gateway, "plain", "<i8", np.arange(1_000, dtype="<i8"))
    store, raw, prototype = connected.zarr_store("plain"), view.tobytes(), default_buffer_prototype()
    for asked, expected in (
        (None, raw), (SuffixByteRequest(24), raw[-24:]), (RangeByteRequest(8, 32), raw[8:32]), (OffsetByteRequest(7_000), raw[7_000:]),
        (RangeByteRequest(5, 5), b""), (OffsetByteRequest(9_000), b""), (RangeByteRequest(7_990, 9_000), raw[7_990:]),
    ):  # fmt: skip
        assert sync(store.get("c/0", prototype, asked)).to_bytes() == expected
    document = sync(store.get("zarr.json", prototype)).to_bytes()
    assert sync(store.get("zarr.json", prototype, SuffixByteRequest(5))).to_bytes() == document[-5:]
    assert sync(store.get_partial_values(prototype, [("c/0", RangeByteRequest(0, 8)), ("c/1", None)]))[0].to_bytes() == raw[:8]
    assert sync(store.get("c/1", prototype)) is None and sync(store.get("c/1", prototype, RangeByteRequest(1, 1))) is None
    assert sync(store.exists("c/0")) and sync(store.exists("0")) and not sync(store.exists("c/1")) and sync(store.getsize("c/0")) == 8_000
    sync(store.set("c/0", cpu.Buffer.from_bytes(bytes(8_000))))
    assert not view.any()
    sync(store.delete("c/0"))
    assert (view == np.iinfo("i8").min).all()
    sync(store.delete("c/1"))
    with pytest.raises(shm.GatewayError, match="no key"):
        sync(store.set("c/1", cpu.Buffer.from_bytes(bytes(8_000))))
    with pytest.raises(shm.GatewayError, match="expected 8000 bytes") as caught:
        sync(store.set("c/0", cpu.Buffer.from_bytes(b"short")))
    assert (caught.value.status, caught.value.code) == (422, "shape-mismatch")
    with pytest.raises(FileNotFoundError):
        sync(store.getsize("c/1"))
    with pytest.raises(ValueError):
        sync(store.with_read_only(True).set("c/0", cpu.Buffer.from_bytes(bytes(8_000))))
    with pytest.raises(shm.NoSuchSegment):
        sync(connected.zarr_store("nobody").get("zarr.json", prototype))


def test_lists(gateway, connected):
    members = {"a": {"kind": "ndarray", "dtype": "f8", "shape": [2, 700_001]}, "b": {"kind": "dataframe", "columns": [{"name": "x/y", "dtype": "i4"}], "index": 2}}
    gateway.create("listed", {"kind": "struct", "members": members})
    store = connected.zarr_store("listed")
    keys = ["zarr.json", "a/zarr.json", "a/c/0/0", "a/c/0/1", "a/c/1/0", "a/c/1/1", "b/zarr.json", "b/x%2Fy/zarr.json", "b/x%2Fy/c/0", "b/index/zarr.json", "b/index/c/0"]
    assert sync(collect(store.list())) == keys
    assert all(sync(store.exists(key)) for key in keys)
    assert sync(collect(store.list_prefix("a/c/1"))) == ["a/c/1/0", "a/c/1/1"]
    for prefix, expected in (("", ["zarr.json", "a", "b"]), ("a", ["zarr.json", "c"]), ("b/", ["zarr.json", "x%2Fy", "index"]), ("a/c/0", ["0", "1"]), ("z", [])):
        assert sync(collect(store.list_dir(prefix))) == expected
    root = zarr.open_group(store, mode="r", use_consolidated=False)
    assert sorted(dict(root.members(max_depth=None))) == ["a", "b", "b/index", "b/x%2Fy"]
    assert root["a"].nchunks_initialized == 4


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("consolidated", [None, False])
def test_xarray_writes_through_it(gateway, connected, version, consolidated):
    if version == 2 and consolidated is False:
        consolidated = None  # its lists are of v3
    array = xr.DataArray(np.ones((4, 3)), dims=["x", "time"], coords={"x": [1, 2, 3, 4], "time": pd.date_range("2024", periods=3)}, name="t")
    shm.create("x", shm.DataArrayLayout.from_data(array), directory=gateway.directory, replace=True)
    part = array[1:3] * np.nan
    part.drop_vars("time").to_dataset().to_zarr(connected.zarr_store("x"), region={"x": slice(1, 3)}, mode="r+", zarr_format=version, consolidated=consolidated)
    assert np.array_equal(np.isnan(local(gateway, "x").values[:, 0]), [False, True, True, False])
    (array * np.nan).to_dataset().to_zarr(connected.zarr_store("x"), mode="a", zarr_format=version)  # erases the chunk
    assert np.isnan(local(gateway, "x").values).all()
    other = array + 2
    other.chunk(x=4).to_dataset().to_zarr(connected.zarr_store("x"), mode="r+", zarr_format=version)
    xr.testing.assert_identical(xr.open_zarr(connected.zarr_store("x"), zarr_format=version, consolidated=consolidated)["t"].load(), other)
    with pytest.raises(shm.GatewayError, match="fixed at creation"):
        other.to_dataset().assign_attrs(a=1).to_zarr(connected.zarr_store("x"), mode="a", zarr_format=version)


def test_it_can_be_pickled_and_compared(gateway, connected):
    view = create(gateway, "pickled", "f4", np.arange(5, dtype="f4"))
    store = connected.zarr_store("pickled")
    again = pickle.loads(pickle.dumps(store))
    assert again == store != store.with_read_only(True) and again != connected.zarr_store("other")
    assert da.from_zarr(again).sum().compute() == view.sum()
    assert "pickled" in repr(store)


def test_it_waits_for_a_busy_segment(gateway, connected, monkeypatch):
    view = create(gateway, "slow", "i4", np.zeros(4, "i4"))
    array = zarr.open_array(connected.zarr_store("slow"), mode="r+")
    refused, send = threading.Event(), Client._send

    def watched(self, *request):
        answer = send(self, *request)
        if answer.status == 503:
            refused.set()
        return answer

    monkeypatch.setattr(Client, "_send", watched)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with shm.write("slow", directory=gateway.directory):
            writing = pool.submit(array.__setitem__, ..., 7)
            assert refused.wait(120)
        writing.result(timeout=120)
    assert (np.asarray(view) == 7).all()
