"""Python's best at the same: bare ASGI over NumPy arrays, mapped from the very segments that the gateway serves.

    SHMGATE_DIRECTORY=… uvicorn --loop uvloop --http httptools … asgi:app

No framework, orjson for JSON, pyarrow for Arrow. It takes no snapshots and no locks, and what is contiguous it sends
from the mapping.

    GET   /NAME?slice=0:10,::4&format=raw|json        an array
    PATCH /NAME?slice=0:10                            its elements, as JSON or as they are, by Content-Type
    GET   /NAME?slice=0:10&format=rows|csv|arrow      a frame: all arrays of the segment, the last is the index
    GET   /NAME?slice=0:10&format=rows-pandas|…       the same, by pandas' own means
"""

import json
import os
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.csv

DIRECTORY = Path(os.environ["SHMGATE_DIRECTORY"])
TYPES = {"raw": b"application/octet-stream", "csv": b"text/csv", "arrow": b"application/vnd.apache.arrow.stream"}


@cache
def arrays(name: str) -> dict[str, np.ndarray]:
    path = DIRECTORY / name
    with path.open("rb") as file:
        head = file.read(4096)
        header = json.loads(file.read(int.from_bytes(head[48:56], "little")))
    return {
        one["path"]: np.memmap(path, one["dtype"], "r+", one["offset"], tuple(one["shape"])).view(np.ndarray)
        for one in header["buffers"]
    }


@cache
def frame(name: str) -> pd.DataFrame:
    *columns, (_, index) = arrays(name).items()
    return pd.DataFrame(
        {key.removeprefix("columns/"): a for key, a in columns}, pd.Index(index, name="index"), copy=False
    )


def indices(text: str):
    def one(part: str):
        if ":" not in part:
            return int(part)
        return slice(*(int(number) if number else None for number in part.split(":")))

    return tuple(one(part) for part in text.split(",")) if text else ...


def of_array(name: str, where, form: str):
    values = next(iter(arrays(name).values()))[where]
    if form == "raw":
        return memoryview(np.ascontiguousarray(values)).cast("B")
    told = {"dtype": values.dtype.str, "shape": values.shape, "data": np.ascontiguousarray(values)}
    return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)


def by_pandas(name: str, where, form: str):
    rows = frame(name).iloc[where]
    if form == "csv":
        return rows.to_csv().encode()
    if form == "rows":
        return rows.to_json(orient="split", date_format="iso", double_precision=15).encode()
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pandas(rows)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return memoryview(sink.getvalue())


def of_frame(name: str, where, form: str):
    if form.endswith("-pandas"):
        return by_pandas(name, where, form.removesuffix("-pandas"))
    columns = {key.removeprefix("columns/"): a[where] for key, a in arrays(name).items()}
    if form == "rows":
        index = columns.pop("index")
        rows = list(zip(*(column.tolist() for column in columns.values())))
        told = {"columns": list(columns), "index": index, "data": rows}
        return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)
    sink = pa.BufferOutputStream()
    if form == "csv":
        columns = {"": columns.pop("index")} | columns
    batch = pa.RecordBatch.from_arrays([pa.array(a) for a in columns.values()], list(columns))
    if form == "csv":
        pa.csv.write_csv(batch, sink)
    else:
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write(batch)
    return memoryview(sink.getvalue())


async def body_of(receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces) if len(pieces) > 1 else pieces[0]


async def app(scope, receive, send):
    name = scope["path"][1:]
    query = dict(parse_qsl(scope["query_string"].decode()))
    where = indices(query.get("slice", ""))
    form = query.get("format", "json")
    status, answer = 200, b""
    if scope["method"] == "PATCH":
        body, target = await body_of(receive), next(iter(arrays(name).values()))
        if (b"content-type", b"application/json") in scope["headers"]:
            target[where] = orjson.loads(body)
        else:
            target[where] = np.frombuffer(body, target.dtype).reshape(target[where].shape)
        status = 204
    elif name:
        whole = where[0] if where is not ... else slice(None)
        answer = of_array(name, where, form) if form in ("raw", "json") else of_frame(name, whole, form)
    kind = TYPES.get(form.partition("-")[0], b"application/json")
    headers = [(b"content-type", kind), (b"content-length", str(len(answer)).encode())] if status == 200 else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
