"""For random arrays and slices the gateway answers and writes what NumPy does, to the bit."""

import io
import os
import random as stdlib_random
import urllib.parse
import warnings

import numpy as np

from cases import fill, numpy_dtype, positions, random_dtype, random_shape, random_slice
from gateway import NPY, RAW
from jsonform import same, to_json

CASES = int(os.environ.get("SHMGATE_CASES", 6000))
# The same cases each time, so that a red run means a change; SHMGATE_SEED=random draws others, a number repeats them.
SEED = os.environ.get("SHMGATE_SEED", "20261125")
SEED = stdlib_random.randrange(1 << 32) if SEED == "random" else int(SEED)
SLICES_PER_SEGMENT = 5


def mapped(gateway, description, dtype):
    """FORMAT.md's third line."""
    buffer = description["mmap"]["buffers"][0]
    shape = tuple(buffer["shape"])
    if 0 in shape:
        return np.zeros(shape, dtype)
    return np.memmap(gateway.path(description["name"]), dtype, "r+", buffer["offset"], shape)


def test_reads_and_writes_agree_with_numpy(gateway, report):
    random = np.random.default_rng(SEED)
    done = 0
    while done < CASES:
        spelled = random_dtype(random)
        dtype, shape = numpy_dtype(spelled), random_shape(random)
        name = f"case-{done}"
        description = gateway.create(name, {"kind": "ndarray", "dtype": spelled, "shape": list(shape)}).json()
        live = mapped(gateway, description, dtype)
        content = np.zeros(shape, dtype)
        fill(content, random)
        live[...] = content
        for _ in range(SLICES_PER_SEGMENT):
            text, index = random_slice(random, shape)
            where = f"seed {SEED} case {done} dtype {spelled} shape {shape} slice {text}"
            check_read(gateway, name, spelled, live, text, index, where)
            check_write(gateway, name, spelled, live, text, index, random, where)
            done += 1
        del live
        assert gateway.request("DELETE", f"/segments/{name}").status == 204
    report(f"NumPy property test: seed {SEED}, {done} cases, each read and written in json, npy and raw")


def url(name, text, form=None):
    query = {"slice": text} if form is None else {"slice": text, "format": form}
    return f"/segments/{name}/data?{urllib.parse.urlencode(query)}"


def packed(live, index):
    """What NumPy picks, in C order."""
    picked = positions(live, index)
    return np.asarray(live).reshape(-1)[picked.reshape(-1)].reshape(picked.shape)


def check_read(gateway, name, spelled, live, text, index, where):
    expected = packed(live, index)
    raw = gateway.request("GET", url(name, text, "raw"))
    assert raw.status == 200, (where, raw)
    assert raw.body == expected.tobytes(), where
    assert raw.headers.get("Shm-Shape", "") == ",".join(map(str, expected.shape)), where
    npy = gateway.request("GET", url(name, text, "npy"))
    loaded = np.load(io.BytesIO(npy.body))
    assert (loaded.dtype, loaded.shape) == (expected.dtype, expected.shape), (where, loaded.dtype)
    assert loaded.tobytes() == expected.tobytes(), where
    answer = gateway.request("GET", url(name, text))
    assert answer.status == 200, (where, answer)
    got = answer.json()
    assert got["shape"] == list(expected.shape), where
    wanted = to_json(expected, spelled)
    assert same(got["data"], wanted, spelled), (where, got["data"], wanted)


def check_write(gateway, name, spelled, live, text, index, random, where):
    picked = positions(live, index)
    for form in ("raw", "npy", "json"):
        value = np.zeros(picked.shape, live.dtype)
        fill(value, random)
        expected = np.array(live)
        if form == "json":
            value = smaller(value, random)
            body = to_json(value, spelled)
            value = from_json(value)
            if random.random() < 0.5 or value.size == 0:
                body = {"dtype": spelled, "shape": list(value.shape), "data": body}
            answer = gateway.request("PATCH", url(name, text), body)
        elif form == "npy":
            file = io.BytesIO()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                np.save(file, np.asfortranarray(value) if value.ndim > 1 and random.random() < 0.3 else value)
            answer = gateway.request("PATCH", url(name, text), file.getvalue(), NPY)
        else:
            answer = gateway.request("PATCH", url(name, text), value.tobytes(), RAW)
        assert answer.status == 204, (where, form, answer)
        # With an index given twice the last value wins, as an assignment in a loop would have it.
        flat = expected.reshape(-1)
        values = np.broadcast_to(value, picked.shape).reshape(-1)
        for position, item in zip(picked.reshape(-1), values):
            flat[position] = item
        assert_same_bytes(live, expected, form, spelled, where)


def smaller(value, random):
    """Sometimes an array that broadcasts to the selection."""
    if value.size and random.random() < 0.3:
        axes = tuple(slice(0, 1) if random.random() < 0.5 else slice(None) for _ in value.shape)
        value = value[axes]
        while value.ndim and value.shape[0] == 1 and random.random() < 0.5:
            value = value[0]
    return np.asarray(value)


def from_json(value):
    """What JSON can carry of an array: one NaN for all."""
    if value.dtype.names:
        result = value.copy()
        for name in value.dtype.names:
            result[name] = from_json(np.asarray(value[name]))
        return result
    if value.dtype.kind in "fc":
        return value.copy()
    return value


def assert_same_bytes(live, expected, form, spelled, where):
    got, wanted = np.array(live), expected
    if form == "json":
        got, wanted = one_nan(got, spelled), one_nan(wanted, spelled)
    assert got.tobytes() == wanted.tobytes(), (where, form, got, wanted)


def one_nan(array, spelled):
    """All NaNs alike, for JSON has but one."""
    array = array.copy()
    if array.dtype.names:
        for (name, *_), field in zip([(f[0],) for f in spelled], spelled):
            array[name] = one_nan(np.asarray(array[name]), field[1])
        return array
    if spelled == "bfloat16":
        array[((array & 0x7F80) == 0x7F80) & ((array & 0x7F) != 0)] = 0x7FC0
    elif array.dtype.kind == "f":
        array[np.isnan(array)] = np.nan
    elif array.dtype.kind == "c":
        parts = np.ascontiguousarray(array).reshape(-1).view(array.real.dtype)
        parts[np.isnan(parts)] = np.nan
        array = parts.view(array.dtype).reshape(array.shape)
    return array
