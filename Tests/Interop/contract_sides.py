"""Those who share a segment, each with its own means: HTTP, Swift, the Python client, NumPy alone, C.

All that a side reads is a `Reading`; what is to be written comes as bytes by the paths of the arrays.
"""

import base64
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse

import ml_dtypes
import numpy as np
import pandas as pd
import shmgate as shm

from gateway import JSON, RAW, ROOT
from jsonform import to_json
from protocol import SYS_FUTEX

NAT = -(2**63)


@dataclasses.dataclass(frozen=True)
class Array:
    """An array of values in a layout."""

    path: str  # of the buffer
    member: str  # of HTTP; empty for the whole
    keys: tuple  # to the object of its layout in Python's dicts and lists
    column: str | None
    kind: str  # of its layout
    dtype: object  # as the layout spells it
    tz: str | None
    shape: tuple

    @property
    def stored(self):
        """The dtype of the buffer."""
        return np.dtype("<u2") if self.dtype == "bfloat16" else np.dtype(tuples(self.dtype))

    @property
    def nbytes(self):
        return self.stored.itemsize * int(np.prod(self.shape))

    def values(self, data):
        """The elements that bytes are."""
        return np.frombuffer(data, self.stored).reshape(self.shape)


@dataclasses.dataclass(frozen=True)
class Axis:
    """Labels in a layout: an index, or the values of a coordinate."""

    path: str
    member: str
    keys: tuple
    coordinate: str | None
    shape: tuple
    node: dict


@dataclasses.dataclass
class Reading:
    """What a side sees of a segment."""

    sequence: int
    damaged: bool
    layout: dict
    attrs: dict
    arrays: dict  # path: (shape, bytes)
    labels: dict  # path: (type, shape, values)


def tuples(dtype):
    """A descr list of JSON as NumPy takes it."""
    if not isinstance(dtype, list):
        return dtype
    return [(field[0], tuples(field[1]), *map(tuple, field[2:])) for field in dtype]


def escaped(name):
    return name.replace("%", "%25").replace("/", "%2F")


def quoted(name):
    return urllib.parse.quote(name, safe="")


def arrays_of(node, path="", member="", keys=()):
    """The arrays of values of a canonical layout."""

    def array(word, column=None, dtype=None, tz=None, shape=()):
        whole = node["kind"] in ("bytes", "ndarray", "json")
        own = member.removesuffix("/") if whole else member + "/".join(map(quoted, word.split("/", 1)))
        below = "/".join(map(escaped, word.split("/", 1)))
        return Array(path + below, own, keys, column, node["kind"], dtype, tz, tuple(shape))

    kind = node["kind"]
    if kind in ("bytes", "json"):
        return [array("values", dtype="|u1", shape=[node["size" if kind == "bytes" else "capacity"]])]
    if kind in ("ndarray", "dataarray"):
        return [array("values", dtype=node["dtype"], shape=node["shape"])]
    if kind == "series":
        return [array("values", dtype=node["dtype"], tz=node.get("tz"), shape=[label_count(node["index"])])]
    if kind == "dataframe":
        shape = [label_count(node["index"])]
        return [array(f"columns/{c['name']}", c["name"], c["dtype"], c.get("tz"), shape) for c in node["columns"]]
    return [found for inner in inner_nodes(node, path, member, keys) for found in arrays_of(*inner)]


def axes_of(node, path="", member="", keys=()):
    """The labels of a canonical layout."""
    kind = node["kind"]
    if kind in ("series", "dataframe"):
        return [Axis(f"{path}index", f"{member}index", keys, None, (label_count(node["index"]),), node["index"])]
    if kind == "dataarray":
        extents = dict(zip(node["dims"], node["shape"]))
        return [
            Axis(f"{path}coords/{escaped(name)}", f"{member}coords/{quoted(name)}", keys, name,
                 tuple(extents[dim] for dim in coord.get("dims", [name])), coord)
            for name, coord in node["coords"].items()
        ]  # fmt: skip
    return [found for inner in inner_nodes(node, path, member, keys) for found in axes_of(*inner)]


def inner_nodes(node, path, member, keys):
    """The layouts inside a struct or list, with the paths to them."""
    if node["kind"] == "struct":
        for name, inner in node["members"].items():
            yield inner, f"{path}members/{escaped(name)}/", f"{member}members/{quoted(name)}/", (*keys, name)
    if node["kind"] == "list":
        for place in range(node["count"]):
            yield node["item"], f"{path}items/{place}/", f"{member}items/{place}/", (*keys, place)


def label_count(node):
    return len(range(*node["range"])) if "range" in node else node["size"]


def at(obj, keys):
    for key in keys:
        obj = obj[key]
    return obj


def normal(values, shape, tz=None):
    """Labels so that they compare: a word for the type, the shape, Python's values; times as counts."""
    values = np.asarray(values)
    flat, kind = values.ravel(), values.dtype.kind
    if kind == "O":
        assert all(isinstance(item, str) for item in flat), flat
        return "str", tuple(shape), flat.tolist()
    if kind in "Mm":
        unit = np.datetime_data(values.dtype)[0]
        word = f"instant {unit} {tz or 'naive'}" if kind == "M" else f"duration {unit}"
        return word, tuple(shape), flat.view("i8").tolist()
    word = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "str"}[kind]
    return word, tuple(shape), [repr(float(item)) for item in flat] if kind == "f" else flat.tolist()


def json_text(value):
    """JSON as the client writes it, for kind `json` keeps the text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Http:
    """The gateway. Writes the raw bytes of each array, and JSON where there are no raw ones: a write for each."""

    name = "http"

    def __init__(self, gateway):
        self.gateway = gateway

    def create(self, name, case):
        self.gateway.create(name, case.layout, **({"attrs": case.attrs} if case.attrs else {}))

    def read(self, name):
        before = self.gateway.request("GET", f"/segments/{name}").json()
        arrays = {array.path: self._array(name, before, array) for array in arrays_of(before["layout"])}
        labels = {axis.path: self._labels(name, before, axis) for axis in axes_of(before["layout"])}
        damaged = before["writer"]["damaged"]
        return Reading(before["sequence"], damaged, before["layout"], before["attrs"], arrays, labels)

    def _get(self, name, description, member, form):
        answer = self.gateway.request("GET", f"/segments/{name}/data{'/' * bool(member)}{member}?format={form}")
        assert answer.status == 200, (member, answer)
        tag = f'"{description["uuid"]}-{description["sequence"]}'
        assert answer.headers["ETag"].startswith(tag), (member, tag, answer.headers["ETag"])
        return answer

    def _array(self, name, description, array):
        if array.kind == "json":
            value = self._get(name, description, array.member, "json").body
            return array.shape, value.ljust(array.nbytes, b"\0")
        answer = self._get(name, description, array.member, "raw")
        dtype = answer.headers["Shm-Dtype"]
        dtype = json.loads(dtype) if dtype.startswith("[") else dtype
        assert dtype == array.dtype, (array.path, dtype, array.dtype)
        shape = tuple(int(extent) for extent in answer.headers["Shm-Shape"].split(",") if extent)
        return shape, answer.body

    def _labels(self, name, description, axis):
        answer = self._get(name, description, axis.member, "json").json()
        dtype, flat = answer["dtype"], flattened(answer["data"])
        zone = None
        if dtype == "str":
            return normal(np.array(flat, object), answer["shape"])
        if ", " in dtype:
            dtype, zone = dtype.removesuffix("]").split(", ")
            dtype += "]"
        dtype = np.dtype(dtype)
        if dtype.kind == "M":
            flat = [NAT if item is None else instant(item, dtype) for item in flat]
        elif dtype.kind == "m":
            flat = [NAT if item is None else item for item in flat]
        elif dtype.kind == "f":
            flat = [float("nan" if item is None else item) for item in flat]
        stored = np.array(flat, "i8").view(dtype) if dtype.kind in "Mm" else np.array(flat, dtype)
        return normal(stored, answer["shape"], zone)

    def write(self, name, layout, data):
        """How many writes it was."""
        for array in arrays_of(layout):
            form = JSON if array.kind == "json" else RAW
            body = data[array.path].rstrip(b"\0") if array.kind == "json" else data[array.path]
            path = f"/segments/{name}/data{'/' * bool(array.member)}{array.member}"
            answer = self.gateway.request("PATCH", path, body, form)
            assert answer.status == 204, (array.path, answer)
        return len(arrays_of(layout))


class HttpJson(Http):
    """The gateway again; writes everything as JSON, in one list of patches."""

    name = "http-json"

    def write(self, name, layout, data):
        patches = []
        for array in arrays_of(layout):
            member = {"member": array.member} if array.member else {}
            patches.append(member | {"value": self._value(array, data[array.path])})
        body = patches[0]["value"] if layout["kind"] == "json" else {"patches": patches}
        answer = self.gateway.request("PATCH", f"/segments/{name}/data", json_text(body), JSON)
        assert answer.status == 204, answer
        return 1

    @staticmethod
    def _value(array, data):
        if array.kind == "json":
            return json.loads(data.rstrip(b"\0"))
        if array.kind == "bytes":
            return {"data": base64.b64encode(data).decode()}
        values = array.values(data)
        value = to_json(values, array.dtype)
        if values.size == 0:  # lists lose the axes behind an empty one
            return {"shape": list(values.shape), "data": value}
        return value if array.tz is None else [None if item is None else item + "Z" for item in value]


class Swift:
    """A program on the modules Segments and Layouts; each call is a process."""

    name = "swift"

    def __init__(self, directory):
        self.directory = directory
        self.program = contract_side()

    def _run(self, word, name, *rest, given=None):
        done = subprocess.run(
            [self.program, word, self.directory, name, *rest], input=given, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, (word, name, done.returncode, done.stderr)
        return done.stdout

    def create(self, name, case):
        self._run("create", name, json.dumps(case.layout), *([json.dumps(case.attrs)] if case.attrs else []))

    def read(self, name):
        found = json.loads(self._run("read", name))
        specified = {array.path: array for array in arrays_of(found["layout"])}
        values = {item["path"]: item for item in found["arrays"] if not item["label"]}
        for path, item in values.items():
            assert item["dtype"] == specified[path].dtype, (path, item["dtype"], specified[path].dtype)
        arrays = {path: (tuple(item["shape"]), bytes.fromhex(item["hex"])) for path, item in values.items()}
        labels = {path: self._labels(item) for path, item in found["labels"].items()}
        return Reading(found["sequence"], found["damaged"], found["layout"], found["attrs"], arrays, labels)

    @staticmethod
    def _labels(item):
        values = item["values"]
        if item["type"] == "float":
            values = [repr(value) for value in np.array(values, "u8").view("f8").tolist()]
        return item["type"], tuple(item["shape"]), values

    def write(self, name, layout, data):
        self._run("write", name, given="".join(f"{path} {part.hex()}\n" for path, part in data.items()))
        return 1

    def waiter(self, name, after):
        return wait_with([self.program, "wait", self.directory, name, str(after)])


class Python:
    """The client: objects of NumPy, pandas and xarray, read from snapshots and assigned to inside `write`."""

    name = "python"

    def __init__(self, directory):
        self.directory = directory

    def create(self, name, case):
        own = case.layout["kind"] == "dataarray"
        shm.create(name, case.python(), directory=self.directory, attrs=None if own else case.attrs)

    def read(self, name):
        info = shm.info(name, directory=self.directory)
        obj = shm.snapshot(name, directory=self.directory)
        arrays = {array.path: self._array(at(obj, array.keys), array) for array in arrays_of(info.layout)}
        labels = {axis.path: self._labels(at(obj, axis.keys), axis) for axis in axes_of(info.layout)}
        return Reading(info.sequence, info.damaged, info.layout, info.attrs, arrays, labels)

    @staticmethod
    def _array(obj, array):
        if array.kind == "json":
            return array.shape, json_text(obj).ljust(array.nbytes, b"\0")
        if array.kind == "bytes":
            return (len(obj),), bytes(obj)
        if array.kind == "ndarray":
            return obj.shape, obj.tobytes()
        if array.kind == "dataarray":
            return obj.shape, obj.values.tobytes()
        column = obj if array.column is None else obj[array.column]
        if array.tz is not None:
            assert str(column.dt.tz) == array.tz, (array.path, column.dtype)
            return column.shape, column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().tobytes()
        if column.dtype == object:
            return column.shape, np.array(column.tolist(), array.stored).tobytes()
        return column.shape, column.to_numpy().tobytes()

    @staticmethod
    def _labels(obj, axis):
        if axis.coordinate is None or axis.coordinate in obj.indexes:
            index = obj.index if axis.coordinate is None else obj.indexes[axis.coordinate]
            if axis.coordinate is None:
                assert index.name == axis.node.get("name"), (axis.path, index.name)
            if isinstance(index.dtype, pd.DatetimeTZDtype):
                return normal(index.asi8.view(f"M8[{index.unit}]"), index.shape, str(index.tz))
            return normal(index.to_numpy(), index.shape)
        coordinate = obj.coords[axis.coordinate]
        assert coordinate.attrs == axis.node.get("attrs", {}), axis.path
        flat = coordinate.values.ravel()
        if coordinate.dtype == object and isinstance(flat[0], pd.Timestamp):
            # Objects have no unit of their own: with pandas 2 xarray makes all of them ns.
            unit = np.datetime_data(axis.node["dtype"])[0]
            counts = [item.as_unit(unit, round_ok=False).asm8 for item in flat]
            return normal(np.array(counts), coordinate.shape, str(flat[0].tz))
        return normal(coordinate.values, coordinate.shape)

    def write(self, name, layout, data):
        if layout["kind"] == "json":
            return self._write_json(name, json.loads(data["values"].rstrip(b"\0")))
        if layout["kind"] == "series" and layout["dtype"] == "bfloat16":  # pandas cannot assign elements of it
            (array,) = arrays_of(layout)
            shm.store(name, array.values(data[array.path]).view(ml_dtypes.bfloat16), directory=self.directory)
            return 1
        with shm.write(name, directory=self.directory) as obj:
            for array in arrays_of(layout):
                self._assign(obj, array, data[array.path])
        return 1

    def _write_json(self, name, value):
        """In place where there is a container of the same type, else as a whole."""
        if type(shm.load(name, directory=self.directory)) is not type(value):
            shm.store(name, value, directory=self.directory)
            return 1
        with shm.write(name, directory=self.directory) as obj:
            obj.clear()
            obj.update(value) if isinstance(value, dict) else obj.extend(value)
        return 1

    @staticmethod
    def _assign(whole, array, data):
        target = at(whole, array.keys)
        if array.kind == "json":
            at(whole, array.keys[:-1])[array.keys[-1]] = json.loads(data.rstrip(b"\0"))
            return
        if array.kind == "bytes":
            target[:] = data
            return
        values = array.values(data)
        if array.dtype == "bfloat16":
            values = values.view(ml_dtypes.bfloat16)
        if array.kind in ("ndarray", "dataarray"):
            target[...] = values
            return
        if array.tz is not None:
            unit = np.datetime_data(array.stored)[0]
            values = pd.array(values.view("i8"), dtype=pd.DatetimeTZDtype(unit, array.tz))
        elif array.stored.kind in "SU":
            values = values.tolist()
        if array.kind == "series":
            target.iloc[:] = values
        else:
            target[array.column] = values

    def waiter(self, name, after):
        text = "import sys, shmgate as shm; print(shm.wait(sys.argv[1], int(sys.argv[2]), 60, directory=sys.argv[3]))"
        return wait_with([sys.executable, "-c", text, name, str(after), self.directory])


class Numpy:
    """FORMAT.md's three lines and the layout in the header; reads only."""

    name = "numpy"

    def __init__(self, directory):
        self.directory = directory

    def read(self, name):
        path = os.path.join(self.directory, name)
        header = self.header(name)
        buffers = {}
        for buffer in header["buffers"]:
            shape, dtype = tuple(buffer["shape"]), np.dtype(tuples(buffer["dtype"]))
            empty = 0 in shape
            buffers[buffer["path"]] = np.zeros(shape, dtype) if empty else np.memmap(path, dtype, "r", buffer["offset"], shape)
        arrays = {array.path: buffers[array.path] for array in arrays_of(header["layout"])}
        labels = {axis.path: self._labels(buffers, axis) for axis in axes_of(header["layout"])}
        words = np.memmap(path, "<u8", "r", 0, (16,))
        contents = {path: (values.shape, values.tobytes()) for path, values in arrays.items()}
        return Reading(int(words[8]), bool(words[15]), header["layout"], header["attrs"], contents, labels)

    def header(self, name):
        """The header's JSON."""
        with open(os.path.join(self.directory, name), "rb") as file:
            length = int.from_bytes(file.read(4096)[48:56], "little")
            return json.loads(file.read(length))

    @staticmethod
    def _labels(buffers, axis):
        node = axis.node
        if "range" in node:
            return normal(np.arange(*node["range"]), axis.shape)
        if node["dtype"] != "str":
            return normal(np.array(buffers[node_path(axis)]), axis.shape, node.get("tz"))
        offsets, data = buffers[f"{node_path(axis)}/offsets"].tolist(), buffers[f"{node_path(axis)}/bytes"].tobytes()
        texts = [data[start:end].decode() for start, end in zip(offsets, offsets[1:])]
        return normal(np.array(texts, object), axis.shape)


class C:
    """The example in C: writes the first float64 of the first buffer, and tells it to who waits."""

    name = "c"

    def __init__(self, directory, program):
        self.directory = directory
        self.program = program

    @staticmethod
    def applies(layout):
        """Whether the segment begins with a float64."""
        first = next(iter(arrays_of(layout)), None)
        return first is not None and first.dtype == "<f8" and first.nbytes > 0

    def write(self, name, layout, data):
        first = arrays_of(layout)[0]
        value = float(first.values(data[first.path]).ravel()[0])
        path = os.path.join(self.directory, name)
        done = subprocess.run([self.program, path, "write", repr(value)], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), (name, done)
        return 1

    def waiter(self, name, after):
        """Its answer is the sequence and the price."""
        return wait_with([self.program, os.path.join(self.directory, name), "wait"])


def node_path(axis):
    """The buffer that the labels name, which is relative to their layout, as a full path."""
    own = f"coords/{escaped(axis.coordinate)}" if axis.coordinate is not None else "index"
    assert axis.node["buffer"] == own, (axis.path, axis.node)
    return axis.path


def flattened(data):
    return [item for inner in data for item in flattened(inner)] if isinstance(data, list) else [data]


def instant(text, dtype):
    """The count of a datetime of JSON; one with an offset is counted in UTC."""
    if text[-6] not in "+-" or text[-3] != ":":
        return int(np.datetime64(text).astype(dtype).view("i8"))
    sign = 1 if text[-6] == "-" else -1
    offset = sign * np.timedelta64(60 * int(text[-5:-3]) + int(text[-2:]), "m")
    return int((np.datetime64(text[:-6]).astype(dtype) + offset).view("i8"))


def contract_side():
    """The Swift program: SHMGATE_CONTRACT_SIDE, else the newest build."""
    if "SHMGATE_CONTRACT_SIDE" in os.environ:
        return os.environ["SHMGATE_CONTRACT_SIDE"]
    built = [path for kind in ("release", "debug") if (path := ROOT / ".build" / kind / "ContractSide").exists()]
    assert built, "build the product ContractSide first, or name it in SHMGATE_CONTRACT_SIDE"
    return str(max(built, key=lambda path: path.stat().st_mtime))


def wait_with(command):
    """A process that waits for a write and then says so."""
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def await_sleep(process, sequence):
    """Returns when a process sleeps on the futex of a segment of this sequence."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, ("the waiter ended before the write", process.communicate())
        words = pathlib.Path(f"/proc/{process.pid}/syscall").read_text().split()
        # FUTEX_WAIT, 0, on a word that is shared between processes; those of threads of one process have a flag more.
        if len(words) > 3 and words[0] == str(SYS_FUTEX):
            if [int(word, 16) & 0xFFFFFFFF for word in words[2:4]] == [0, sequence & 0xFFFFFFFF]:
                return
        os.sched_yield()
    raise AssertionError(f"expected {process.args} to wait for a write, it did not within a minute")
