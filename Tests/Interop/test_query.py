"""POST /query: several reads in one request, as one JSON document and as parts, judged by the libraries' local views."""

import asyncio
import email.parser
import gzip
import io
import json
import threading

import aiohttp
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shmgate as shm
import xarray as xr

from selection_cases import sequence

MULTIPART = {"Accept": "multipart/mixed"}
FRAME = {
    "kind": "dataframe",
    "columns": [{"name": "price", "dtype": "f8"}, {"name": "qty", "dtype": "i4"}],
    "index": {"dtype": "M8[ns]", "start": "2024-01-30", "periods": 4, "freq": "1D"},
}
FRAME_DATA = {"data": [[1.5, 1], [2.5, 2], [None, 3], [4.5, 4]]}
CUBE = {"kind": "dataarray", "dtype": "i8", "dims": ["x", "y"], "coords": {"x": ["u", "v"], "y": 3}}
# Each read beside the GET that it stands for, and the formats that it has.
READS = [
    ({"segment": "grid"}, "grid/data", "json npy raw csv"),
    ({"segment": "grid", "slice": "::2,-1"}, "grid/data?slice=::2,-1", "json npy raw csv arrow arrow-file"),
    ({"segment": "grid", "slice": 1, "int64": "string"}, "grid/data?slice=1&int64=string", "json npy raw csv arrow"),
    ({"segment": "frame", "member": "columns/price", "sel": {"index": "2024-01"}, "nan": "string"},
     "frame/data/columns/price?sel.index=2024-01&nan=string", "json npy raw csv arrow"),
    ({"segment": "frame", "columns": ["qty", "price"], "where": "price>1.5", "orient": "columns"},
     "frame/data?columns=qty,price&where=price>1.5&orient=columns", "json csv arrow arrow-file"),
    ({"segment": "frame", "member": "columns/qty", "slice": "1:3", "dtypes": True},
     "frame/data/columns/qty?slice=1:3&dtypes=1", "json npy raw csv arrow"),
    ({"segment": "frame", "member": "index"}, "frame/data/index", "json npy raw csv arrow"),
    ({"segment": "cube", "sel": {"y": 1.2}, "method": "nearest", "tolerance": 0.5},
     "cube/data?sel.y=1.2&method=nearest&tolerance=0.5", "json npy raw csv arrow"),
    ({"segment": "cube", "sel": {"x": "v"}}, "cube/data?sel.x=v", "json npy raw csv arrow"),
    ({"segment": "note"}, "note/data", "json"),
]  # fmt: skip


@pytest.fixture(scope="module")
def put(gateway):
    """Makes the segments."""
    gateway.create("grid", {"kind": "ndarray", "dtype": "i8", "shape": [4, 3]}, data=np.arange(12).reshape(4, 3).tolist())
    gateway.create("frame", FRAME, **FRAME_DATA)
    gateway.create("cube", CUBE, data=[[1, 2, 3], [4, 5, 6]])
    gateway.create("note", {"kind": "json", "value": {"a": [1, "ü"]}})
    return gateway


def query(gateway, reads, **headers):
    return gateway.request("POST", "/query", {"reads": reads}, headers)


def parts(answer):
    """The parts as Python's own parser for mail reads them: fields and bytes."""
    assert answer.status == 200, answer
    head = f"Content-Type: {answer.headers['Content-Type']}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    message = email.parser.BytesParser().parsebytes(head + answer.body)
    assert message.is_multipart() and not message.defects, message.defects
    return [(part, part.get_payload(decode=True)) for part in message.get_payload()]


def test_a_json_answer_has_what_each_get_gives(put):
    wanted = [(read, target) for read, target, _ in READS]
    answer = query(put, [read for read, _ in wanted])
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    results = answer.json()["reads"]
    assert len(results) == len(wanted)
    for result, (read, target) in zip(results, wanted):
        alone = put.request("GET", f"/segments/{target}")
        assert result == {
            "segment": read["segment"],
            **({"member": read["member"]} if "member" in read else {}),
            "etag": alone.headers["ETag"],
            "damaged": False,
            "value": alone.json(),
        }


def test_parts_have_the_fields_and_bytes_of_each_get(put):
    wanted = [(read, target, name) for read, target, names in READS for name in names.split()]
    answer = query(put, [{**read, "format": name} for read, _, name in wanted], **MULTIPART)
    assert answer.headers["Vary"] == "Accept, Accept-Encoding" and answer.headers["Cache-Control"] == "no-cache"
    found = parts(answer)
    assert len(found) == len(wanted)
    for place, ((part, body), (read, target, name)) in enumerate(zip(found, wanted)):
        alone = put.request("GET", f"/segments/{target}{'&' if '?' in target else '?'}format={name}")
        assert alone.status == 200, (target, name, alone)
        assert body == alone.body, (read, name)
        assert part["Content-ID"] == f"<{place}@reads>"
        for field in ("Content-Type", "ETag", "Shm-Dtype", "Shm-Shape", "Content-Length"):
            assert part[field] == alone.headers[field], (read, name, field)


def test_the_values_are_those_of_local_views(put):
    reads = [
        {"segment": "grid", "slice": "1:3", "format": "npy"},
        {"segment": "frame", "format": "arrow"},
        {"segment": "frame", "sel": {"index": "2024-02"}},
        {"segment": "cube", "sel": {"x": ["v", "u"], "y": 1}},
    ]
    array, table, frame, cube = [body for _, body in parts(query(put, reads))]
    local = {name: shm.snapshot(name, directory=put.directory) for name in ("grid", "frame", "cube")}
    np.testing.assert_array_equal(np.load(io.BytesIO(array)), local["grid"][1:3])
    pd.testing.assert_frame_equal(pa.ipc.open_stream(table).read_all().to_pandas(), local["frame"], check_freq=False)
    made = pd.DataFrame(**json.loads(frame))
    made.index = pd.to_datetime(made.index)
    pd.testing.assert_frame_equal(
        made, local["frame"].loc["2024-02"], check_freq=False, check_dtype=False, check_index_type=False
    )
    picked = xr.DataArray.from_dict(json.loads(cube))
    np.testing.assert_array_equal(picked, local["cube"].sel(x=["v", "u"], y=1))
    assert list(picked.x.values) == ["v", "u"]


def test_another_client_reads_the_parts_as_they_come(put):
    """aiohttp's reader of multipart, which takes a part at a time."""
    reads = [{"segment": "grid", "format": "raw"}, {"segment": "note"}, {"segment": "grid", "format": "npy"}]

    async def read():
        async with aiohttp.ClientSession() as session:
            target = f"http://127.0.0.1:{put.port}/query"
            async with session.post(target, json={"reads": reads}, headers=MULTIPART) as answer:
                reader = aiohttp.MultipartReader.from_response(answer)
                found = []
                while (part := await reader.next()) is not None:
                    found.append((part.headers["Content-ID"], bytes(await part.read())))
                return found

    found = asyncio.run(read())
    assert [name for name, _ in found] == ["<0@reads>", "<1@reads>", "<2@reads>"]
    assert found[0][1] == np.arange(12).reshape(4, 3).tobytes()
    assert json.loads(found[1][1]) == {"a": [1, "ü"]}
    np.testing.assert_array_equal(np.load(io.BytesIO(found[2][1])), np.arange(12).reshape(4, 3))


@pytest.mark.parametrize(
    ("accept", "formats", "type"),
    [
        (None, ["json"], "application/json"),
        ("", ["json"], "application/json"),
        ("*/*", ["json"], "application/json"),
        ("application/json, multipart/mixed", ["json"], "application/json"),
        ("multipart/mixed, application/json;q=0.5", ["json"], "multipart/mixed"),
        ("multipart/*", ["json"], "multipart/mixed"),
        (None, ["json", "npy"], "multipart/mixed"),
        ("*/*", ["csv"], "multipart/mixed"),
        ("application/json;q=0.9, multipart/mixed;q=0.1", ["npy"], "multipart/mixed"),
        ("application/json", ["json", "npy"], None),
        ("text/html", ["json"], None),
        (None, [], "application/json"),
        ("multipart/mixed", [], "multipart/mixed"),
    ],
)
def test_accept_chooses_among_what_can_hold_the_formats(put, accept, formats, type):
    headers = {} if accept is None else {"Accept": accept}
    answer = query(put, [{"segment": "grid", "format": name} for name in formats], **headers)
    if type is None:
        assert (answer.status, answer.json()["code"]) == (406, "not-acceptable")
        if "npy" in formats:
            assert "reads[1] asks for npy" in answer.json()["detail"]
        return
    assert answer.status == 200 and answer.headers["Content-Type"].partition(";")[0] == type
    if type == "application/json":
        assert len(answer.json()["reads"]) == len(formats)


@pytest.mark.parametrize(
    ("read", "status", "code"),
    [
        ({"segment": "nowhere"}, 404, "no-such-segment"),
        ({"segment": "a/b"}, 400, "invalid-name"),
        ({}, 400, "invalid-json"),
        ({"segment": 1}, 400, "invalid-json"),
        ({"segment": "grid", "member": "columns/a"}, 404, "no-such-member"),
        ({"segment": "grid", "member": 1}, 400, "invalid-json"),
        ({"segment": "grid", "slice": "4"}, 422, "index-out-of-bounds"),
        ({"segment": "grid", "slise": "4"}, 400, "invalid-json"),
        ({"segment": "grid", "consistency": "relaxed"}, 400, "invalid-json"),
        ({"segment": "cube", "sel": {"x": "w"}}, 422, "no-such-label"),
        ({"segment": "cube", "sel": {"z": "w"}}, 400, "invalid-query"),
        ({"segment": "frame", "columns": ["none"]}, 404, "no-such-member"),
        ({"segment": "frame", "where": "none>1"}, 404, "no-such-member"),
        ({"segment": "frame", "format": "npy"}, 406, "not-acceptable"),
        ({"segment": "frame", "format": 7}, 406, "not-acceptable"),
        ({"segment": "frame", "nan": "maybe"}, 400, "invalid-query"),
        ({"segment": "frame", "nan": None}, 400, "invalid-query"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "multipart/mixed"])
def test_an_error_is_that_of_the_get_and_names_the_read(put, read, status, code, accept):
    answer = query(put, [{"segment": "grid"}, read, {"segment": "grid"}], Accept=accept)
    assert answer.status == status and answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code and problem["pointer"] == "#/reads/1", problem
    assert problem["detail"].startswith("reads[1]: "), problem


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"reads": {}}', 400),
        (b'{"reads": [1]}', 400),
        (b'{"reads": [], "more": 1}', 400),
        (b'{"reads": [], "reads": []}', 400),
        (b'{"reads": []} x', 400),
        (json.dumps({"reads": [{"segment": "grid", "slice": "0,0"}] * 1000}).encode(), 200),
        (json.dumps({"reads": [{"segment": "grid"}] * 1001}).encode(), 413),
    ],
)
def test_bodies(put, body, status):
    answer = put.request("POST", "/query", body, {"Content-Type": "application/json"})
    assert answer.status == status, answer


def test_a_longer_body_than_any_list_of_reads_is_refused_before_it_comes(put):
    connection = put.connect()
    connection.putrequest("POST", "/query")
    for name, value in (("Content-Type", "application/json"), ("Content-Length", (16 << 20) + 1)):
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413 and json.loads(answer.read())["code"] == "too-large"
    connection.close()


def test_the_resource_takes_json_by_post_alone(put):
    body = json.dumps({"reads": []}).encode()
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        answer = put.request(method, "/query", body, {"Content-Type": "application/json"})
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    for headers in ({}, {"Content-Type": "text/plain"}):
        assert put.request("POST", "/query", body, headers).status == 415
    answer = put.request("POST", "/query?format=npy", body, {"Content-Type": "application/json"})
    assert (answer.status, answer.json()["code"]) == (400, "invalid-query")
    answer = query(put, [], **{"If-Match": "*"})
    assert (answer.status, answer.json()["code"]) == (412, "precondition-failed")
    # Conditions and ranges of a GET are not those of its parts.
    etag = put.request("HEAD", "/segments/grid/data").headers["ETag"]
    assert query(put, [{"segment": "grid"}], **{"If-None-Match": etag, "Range": "bytes=0-1"}).status == 200


def test_each_part_is_a_snapshot_while_somebody_writes(put):
    """Both columns of the table have always the same number; no part shows two."""
    put.create("pair", {"kind": "ndarray", "dtype": "i8", "shape": [2, 5000]})
    stop = threading.Event()

    def write():
        connection = put.connect()
        number = 0
        while not stop.is_set():
            number += 1
            body = str(number).encode()
            answer = put.request("PATCH", "/segments/pair/data", body, {"Content-Type": "application/json"}, connection)
            assert answer.status == 204, answer

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = set()
        for _ in range(60):
            reads = [{"segment": "pair", "format": name} for name in ("raw", "json", "npy")]
            for part, body in parts(query(put, reads)):
                values = {
                    "application/octet-stream": lambda: np.frombuffer(body, "i8"),
                    "application/json": lambda: np.array(json.loads(body)["data"]),
                    "application/x-npy": lambda: np.load(io.BytesIO(body)),
                }[part["Content-Type"]]()
                assert len(np.unique(values)) == 1
                assert values.size == 10_000
                seen.add(sequence_of(part["ETag"]))
        assert len(seen) > 1
    finally:
        stop.set()
        writer.join()


def sequence_of(tag):
    """The sequence in a tag of any representation."""
    return int(tag.strip('"').removesuffix("-raw").removesuffix("-npy").rpartition("-")[2])


def test_damage_is_told_of_the_part_that_has_it(put):
    put.create("broken", {"kind": "ndarray", "dtype": "u1", "shape": [3]})
    with open(put.path("broken"), "r+b") as file:
        file.seek(120)
        file.write((1).to_bytes(8, "little"))
    reads = [{"segment": "grid", "slice": "0,0"}, {"segment": "broken"}]
    assert [result["damaged"] for result in query(put, reads).json()["reads"]] == [False, True]
    assert [part["Shm-Damaged"] for part, _ in parts(query(put, reads, **MULTIPART))] == [None, "1"]


def test_reads_share_the_memory_for_snapshots_and_never_wait_for_their_own(own_gateway):
    """Twenty clients ask for the whole budget in parts: a part that waited while it held others would wait for ever."""
    gateway = own_gateway("--snapshot-memory", "8MiB")
    gateway.create("big", {"kind": "ndarray", "dtype": "u1", "shape": [2 << 20]}, fill=7)
    reads = [{"segment": "big", "format": "raw"}] * 3
    assert query(gateway, reads + reads[:1]).status == 200, "as much as there is"
    answer = query(gateway, reads + reads[:2])
    assert (answer.status, answer.json()["code"]) == (413, "too-large")
    failures = []

    def ask():
        connection = gateway.connect()
        done = 0
        while done < 5:
            body = json.dumps({"reads": reads}).encode()
            answer = gateway.request("POST", "/query", body, {"Content-Type": "application/json"}, connection)
            if answer.status == 503:
                continue
            found = [body for _, body in parts(answer)]
            if found != [b"\7" * (2 << 20)] * 3:
                failures.append(answer)
            done += 1

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    # One read may be larger than all of it, as a GET may.
    gateway.create("huge", {"kind": "ndarray", "dtype": "u1", "shape": [20 << 20]})
    assert len(parts(query(gateway, [{"segment": "huge", "format": "raw"}]))[0][1]) == 20 << 20


def test_a_long_answer_comes_whole(put):
    """Parts of many sizes, of which each piece that is sent has several, or is in the middle of one."""
    generator = np.random.default_rng(5)
    put.create("noise", {"kind": "ndarray", "dtype": "u1", "shape": [3 << 20]})
    noise = generator.integers(0, 256, 3 << 20, "u1")
    noise[::97] = 13
    noise[1::97] = 10
    assert put.request("PATCH", "/segments/noise/data", noise.tobytes(), {"Content-Type": "application/octet-stream"}).status == 204
    cuts = [tuple(sorted(generator.integers(0, 3 << 20, 2).tolist())) for _ in range(20)]
    cuts += [(start, start + size) for start, size in generator.integers(0, 3000, (200, 2)).tolist()]
    answer = query(put, [{"segment": "noise", "slice": f"{a}:{b}", "format": "raw"} for a, b in cuts])
    for (_, body), (a, b) in zip(parts(answer), cuts):
        assert body == noise[a:b].tobytes()
    assert sequence(put.request("HEAD", "/segments/noise/data")) == 4


def test_an_answer_may_be_packed_as_a_whole(own_gateway):
    """Its parts are not packed, and say nothing of it."""
    gateway = own_gateway("--compress", "always")
    gateway.create("a", {"kind": "ndarray", "dtype": "i8", "shape": [50_000]}, fill=3)
    reads = [{"segment": "a"}, {"segment": "a", "format": "raw"}]
    plain = query(gateway, reads[:1])
    packed = query(gateway, reads[:1], **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.body) == plain.body
    plain = query(gateway, reads)
    packed = query(gateway, reads, **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    packed.body = gzip.decompress(packed.body)
    for (part, body), (same, wanted) in zip(parts(packed), parts(plain), strict=True):
        assert body == wanted and part["ETag"] == same["ETag"] and part["Content-Encoding"] is None
