"""The ways to a segment's Zarr hierarchy, and arrays of every dtype to compare with."""

import warnings

import numpy as np
import zarr
from obstore.store import HTTPStore
from zarr.storage import FsspecStore, ObjectStore

import shmgate as shm
from gateway import RAW

STORES = ["fsspec", "obstore"]
VERSIONS = [3, 2]
DTYPES = [
    "?", "i1", "u1", "<i2", ">i2", "<u2", "<i4", ">i4", ">u4", "<i8", ">i8", "<u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8",
    "<c8", ">c8", "<c16", ">c16", "S1", "S5", "<U3", ">U2", "bfloat16", "<M8[D]", "<M8[h]", "<M8[m]", "<M8[s]", "<M8[ms]",
    ">M8[us]", "<M8[ns]", "<M8[Y]", "<M8[W]", "<M8[25s]", ">M8[7ns]", "<m8[D]", "<m8[s]", ">m8[ms]", "<m8[us]", "<m8[ns]",
    "<m8[3h]", "<m8[ps]",
]  # fmt: skip
STRUCTURED = [["x", "<f4"], ["flag", "|b1"], ["n", "<i8"], ["t", "|S3"], ["w", "<U2"], ["when", "<M8[s]"]]
NESTED = [["z", "<c8"], ["inner", [["a", "|u1"], ["b", "<i2"]]]]
COUNTED = {"D": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
SHAPES = [(), (0,), (3, 0, 2), (7,), (5, 1), (4, 3, 5)]

warnings.filterwarnings("ignore", module="zarr")


def address(gateway, name):
    return f"http://127.0.0.1:{gateway.port}/zarr/{name}"


def store(gateway, name, kind, read_only=False):
    """A zarr store of the hierarchy, over one of the two clients."""
    url = address(gateway, name)
    if kind == "obstore":
        return ObjectStore(HTTPStore(url, client_options={"allow_http": True}), read_only=read_only)
    return FsspecStore.from_url(url, read_only=read_only)


def open_array(gateway, name, kind, version, mode="r", **options):
    return zarr.open_array(store(gateway, name, kind, mode == "r"), mode=mode, zarr_format=version, **options)


def native(dtype):
    """A dtype of a request as NumPy has it; bfloat16 as its bits."""
    if isinstance(dtype, list):
        return np.dtype([(name, native(field)) for name, field in dtype])
    return np.dtype("<u2" if dtype == "bfloat16" else dtype)


def stored(dtype):
    """What the chunks of an array of a dtype hold: times that CF can count are their counts."""
    dtype = native(dtype)
    if dtype.kind in "mM" and np.datetime_data(dtype)[0] in COUNTED and np.datetime_data(dtype)[1] == 1:
        return np.dtype(dtype.byteorder + "i8")
    return dtype


def random_array(random, dtype, shape):
    """Any bits that the dtype can have; texts are code points that UTF-8 has."""
    dtype = native(dtype)
    count = int(np.prod(shape))
    if dtype.kind == "V":
        array = np.zeros(shape, dtype)
        for name in dtype.names:
            array[name] = random_array(random, dtype[name].str if dtype[name].kind != "V" else dtype[name].descr, shape)
        return array
    if dtype.kind == "U":
        codes = random.integers(1, 0x800, (count, dtype.itemsize // 4)).astype(dtype.byteorder.replace("=", "<") + "u4")
        return np.frombuffer(codes.tobytes(), dtype).reshape(shape)
    if dtype.kind == "b":
        return random.integers(0, 2, shape).astype("?")
    if dtype.kind == "S":
        return np.frombuffer(random.integers(1, 128, count * dtype.itemsize, "u1").tobytes(), dtype).reshape(shape)
    return np.frombuffer(random.bytes(count * dtype.itemsize), dtype).reshape(shape)


def create(gateway, name, dtype, values):
    """An ndarray with contents, and the local view of it."""
    gateway.create(name, {"kind": "ndarray", "dtype": dtype, "shape": list(values.shape)}, replace=True)
    if values.size:
        answer = gateway.request("PATCH", f"/segments/{name}/data", np.ascontiguousarray(values).tobytes(), RAW)
        assert answer.status == 204, answer
    return local(gateway, name)


def local(gateway, name):
    """The memory itself."""
    return shm.load(name, directory=gateway.directory)


def bits(values):
    """The bytes of an array in C order, little-endian, so that NaN is itself and byte orders compare."""
    values = np.asarray(values)
    if values.dtype.names:
        return [bits(values[name]) for name in values.dtype.names]
    return values.shape, np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
