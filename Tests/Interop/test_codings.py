"""Bodies and answers packed by gzip and zstd, as real libraries pack and unpack them."""

import gzip
import io
import json
import random
import socket
import zlib

import numpy as np
import pyarrow as pa
import pytest
import zstandard

from gateway import JSON, NPY, RAW

UNPACK = {"gzip": gzip.decompress, "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body)}
PACK = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}
FORMATS = ["json", "npy", "raw", "csv", "arrow", "arrow-file"]


@pytest.fixture(scope="module")
def packing():
    """A gateway that packs for this machine too."""
    from gateway import Gateway

    running = Gateway("--compress", "always")
    values = np.random.default_rng(1).integers(0, 9, 200_000).astype("f8")
    running.create("numbers", {"kind": "series", "dtype": "f8", "index": 200_000})
    assert running.request("PATCH", "/segments/numbers/data", values.tobytes(), RAW).status == 204
    running.create("small", {"kind": "ndarray", "dtype": "u1", "shape": [64]})
    yield running
    running.close()


def ask(gateway, target, accepted, method="GET", **fields):
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    if accepted is not None:
        headers["Accept-Encoding"] = accepted
    # http.client says `identity` where it is told nothing.
    connection = gateway.connect()
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    response.read_body = response.read()
    connection.close()
    return response


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_comes_packed(packing, form, coding):
    target = f"/segments/numbers/data?format={form}"
    plain = ask(packing, target, None)
    assert plain.headers["Content-Encoding"] is None and plain.headers["Content-Length"] == str(len(plain.read_body))
    packed = ask(packing, target, coding)
    assert (packed.status, packed.headers["Content-Encoding"]) == (200, coding)
    assert UNPACK[coding](packed.read_body) == plain.read_body
    assert len(packed.read_body) < len(plain.read_body) / 3
    assert packed.headers["ETag"] == f'{plain.headers["ETag"][:-1]}-{coding}"'
    assert packed.headers["Accept-Ranges"] is None and packed.headers["Vary"] == plain.headers["Vary"] == "Accept, Accept-Encoding"
    for name in ("Content-Type", "Shm-Dtype", "Shm-Shape", "Cache-Control"):
        assert packed.headers[name] == plain.headers[name], name
    head = ask(packing, target, coding, "HEAD")
    left = {"Date", "Transfer-Encoding", "Content-Length", "X-Request-Id", "Server-Timing", "Connection"}
    assert {n: v for n, v in head.headers.items() if n not in left} == {n: v for n, v in packed.headers.items() if n not in left}
    assert head.headers["Content-Length"] is None and head.read_body == b""


def test_a_head_of_a_packed_answer_sends_nothing_behind_its_fields(packing):
    with socket.create_connection(("127.0.0.1", packing.port), timeout=60) as client:
        client.sendall(b"HEAD /segments/numbers/data HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
        # The gateway ends the connection; a client that did so first might be gone before it is answered.
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert b"\r\nContent-Encoding: gzip\r\n" in answer and answer.endswith(b"\r\n\r\n") and answer.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize("accepted, coding", [
    (None, None), ("", None), ("identity", None), ("gzip", "gzip"), ("GZIP", "gzip"), ("x-gzip", "gzip"), ("zstd", "zstd"), ("gzip, zstd", "zstd"), ("br", None), ("br, gzip;q=0.1", "gzip"),
    ("gzip;q=1, zstd;q=0.5", "gzip"), ("gzip;q=0", None), ("*", "zstd"), ("*;q=0.5, zstd;q=0", "gzip"), ("gzip;q=0.5, identity", None), ("gzip;q=0.5, identity;q=0.5", "gzip"),
    ("identity;q=0, gzip;q=0.1", "gzip"), ("*;q=0, gzip", "gzip"), ("gzip;q=2", None), ("gzip;q=x, zstd;q=0.001", "zstd"), ("deflate, gzip, br, zstd", "zstd"), (" , gzip ; q=0.5 ,", "gzip"),
])  # fmt: skip
def test_what_the_client_accepts(packing, accepted, coding):
    for target in ("/segments/numbers/data", "/segments/numbers/data?format=raw", "/openapi.yaml"):
        answer = ask(packing, target, accepted)
        assert (answer.status, answer.headers["Content-Encoding"]) == (200, coding), target
        assert "Accept-Encoding" in answer.headers["Vary"]
        body = UNPACK[coding](answer.read_body) if coding else answer.read_body
        assert len(body) > 10_000


@pytest.mark.parametrize("accepted", ["identity;q=0", "*;q=0", "br, identity;q=0"])
def test_a_client_that_accepts_nothing_is_told(packing, own_gateway, accepted):
    for gateway in (packing, own_gateway("--compress", "never")):
        answer = ask(gateway, "/openapi.yaml", accepted)
        assert answer.status == 406 and json.loads(answer.read_body)["code"] == "not-acceptable"
        assert ask(gateway, "/openapi.yaml", accepted, "HEAD").status == 406


def test_small_answers_and_parts_are_not_packed(packing, own_gateway):
    assert ask(packing, "/segments/small/data?format=raw", "gzip").headers["Content-Encoding"] is None
    # Unless the client takes nothing else.
    packed = ask(packing, "/segments/small/data?format=raw", "gzip, identity;q=0")
    assert gzip.decompress(packed.read_body) == bytes(64)
    part = ask(packing, "/segments/numbers/data?format=raw", "gzip", Range="bytes=8-15")
    assert (part.status, part.headers["Content-Encoding"], len(part.read_body)) == (206, None, 8)
    whole = ask(packing, "/segments/numbers/data?format=raw", "gzip", Range="bytes=8-15", If_Range='"other"')
    assert (whole.status, whole.headers["Content-Encoding"]) == (200, None)
    assert ask(packing, "/segments/numbers/data?format=raw", "gzip, identity;q=0", Range="bytes=8-15").status == 406
    later = own_gateway("--compress", "always", "--compress-from", "1MiB")
    later.create("numbers", {"kind": "ndarray", "dtype": "u1", "shape": [1 << 20]})
    assert ask(later, "/segments/numbers/data?format=raw", "gzip").headers["Content-Encoding"] == "gzip"
    assert ask(later, "/segments/numbers/data?format=raw&slice=1:", "gzip").headers["Content-Encoding"] is None


def test_nothing_is_packed_for_this_machine_by_default(gateway):
    gateway.create("here", {"kind": "ndarray", "dtype": "u1", "shape": [100_000]})
    for target in ("/segments/here/data", "/segments/here/data?format=raw", "/openapi.yaml"):
        assert ask(gateway, target, "gzip, zstd").headers["Content-Encoding"] is None
    assert ask(gateway, "/segments/here/data", "gzip").headers["Vary"] == "Accept, Accept-Encoding"


def test_relaxed_reads_from_the_mapping_are_sent_as_they_are(packing):
    answer = ask(packing, "/segments/numbers/data?format=raw&consistency=relaxed", "gzip")
    assert (answer.status, answer.headers["Content-Encoding"], len(answer.read_body)) == (200, None, 1_600_000)


def test_tags_of_packed_answers_are_conditions(packing):
    data = "/segments/numbers/data?format=raw"
    packed = ask(packing, data, "zstd")
    tag, plain = packed.headers["ETag"], ask(packing, data, None).headers["ETag"]
    for known, accepted in ((tag, "zstd"), (tag, None), (plain, "zstd"), (f'"x", W/{tag}', "gzip")):
        answer = ask(packing, data, accepted, If_None_Match=known)
        assert (answer.status, answer.headers["ETag"]) == (304, known.rpartition("W/")[2])
    assert ask(packing, "/segments/numbers/data?format=npy", "zstd", If_None_Match=tag).status == 200
    assert ask(packing, data, "zstd", If_Match=tag).status == 200
    described = ask(packing, "/segments/numbers", "gzip, identity;q=0")
    assert described.headers["ETag"].endswith('-gzip"')
    assert ask(packing, "/segments/numbers", "gzip", If_None_Match=described.headers["ETag"]).status == 304
    # A packed representation has no ranges: the whole comes.
    assert ask(packing, data, None, Range="bytes=0-7", If_Range=tag).status == 200
    written = packing.request("PATCH", "/segments/numbers/data?slice=0", 1, {"If-Match": tag})
    assert written.status == 204
    assert packing.request("PATCH", "/segments/numbers/data?slice=0", 1, {"If-Match": tag}).status == 412
    assert ask(packing, data, "zstd", If_None_Match=tag).status == 200


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_long_answer_takes_little_memory_while_it_is_packed(own_gateway, coding):
    gateway = own_gateway("--compress", "always")
    count = 96 << 20
    gateway.create("long", {"kind": "ndarray", "dtype": "u1", "shape": [count]})
    noise = np.random.default_rng(9).integers(0, 256, 8 << 20, np.uint8)
    assert gateway.request("PATCH", f"/segments/long/data?slice=:{8 << 20}", noise.tobytes(), RAW).status == 204

    def peak():
        status = open(f"/proc/{gateway.process.pid}/status").read()
        return int(status.split("VmHWM:")[1].split()[0]) << 10

    assert len(ask(gateway, "/segments/long/data?format=raw", None).read_body) == count
    before = peak()
    packed = ask(gateway, "/segments/long/data?format=raw", coding).read_body
    assert peak() - before < 16 << 20
    body = UNPACK[coding](packed)
    assert len(body) == count and body[: 8 << 20] == noise.tobytes() and not any(body[8 << 20 :: 4096])


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_packed_bodies(packing, coding):
    pack, field = PACK[coding], {"Content-Encoding": coding}
    made = packing.request("POST", "/segments", pack(json.dumps({"name": f"made-{coding}", "layout": {"kind": "ndarray", "dtype": "f8", "shape": [3000]}}).encode()), {**JSON, **field})
    assert made.status == 201, made
    data = f"/segments/made-{coding}/data"
    values = np.random.default_rng(4).standard_normal(3000)
    file = io.BytesIO()
    np.save(file, values)
    table = io.BytesIO()
    with pa.ipc.new_stream(table, pa.schema([("values", pa.float64())])) as writer:
        writer.write_table(pa.table({"values": values}))
    bodies = {
        "application/json": json.dumps(values.tolist()).encode(), "application/octet-stream": values.tobytes(), "application/x-npy": file.getvalue(),
        "application/vnd.apache.arrow.stream": table.getvalue(),
    }  # fmt: skip
    for kind, body in bodies.items():
        assert packing.request("PATCH", data, 0).status == 204
        for sent in (pack(body), pack(body[:999]) + pack(body[999:])):
            answer = packing.request("PATCH", data, sent, {"Content-Type": kind, **field})
            assert answer.status == 204, (kind, answer)
            assert np.array_equal(np.frombuffer(packing.request("GET", f"{data}?format=raw").body), values), kind
        chunks = iter([pack(body)[:100], pack(body)[100:]])
        connection = packing.connect()
        connection.request("PATCH", data, body=chunks, headers={"Content-Type": kind, **field}, encode_chunked=True)
        assert connection.getresponse().status == 204
        connection.close()
    assert packing.request("PUT", f"/segments/put-{coding}?replace=true", pack(file.getvalue()), {**NPY, **field}).status == 201
    assert packing.request("PUT", f"/segments/put-{coding}?replace=true", pack(table.getvalue()), {"Content-Type": "application/vnd.apache.arrow.stream", **field}).status == 200
    assert packing.request("PATCH", data, pack(b"[1, 2"), {**JSON, **field}).json()["code"] == "invalid-json"
    assert packing.request("PATCH", data, b"[1.5]", {**JSON, "Content-Encoding": "identity"}).status == 204
    assert packing.request("POST", f"/segments/made-{coding}/repair", b"", field).status == 204
    layout = {"layout": {"kind": "ndarray", "dtype": "f8", "shape": [2]}}
    assert packing.request("PUT", f"/layouts/mine-{coding}", pack(json.dumps(layout).encode()), {**JSON, **field}).status in (200, 201)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_chunks_of_zarr(packing, coding):
    name = f"zarr-{coding}"
    packing.create(name, {"kind": "ndarray", "dtype": "<i4", "shape": [5000]})
    values = np.arange(5000, dtype="<i4")
    chunk = f"/zarr/{name}/c/0"
    assert packing.request("PUT", chunk, PACK[coding](values.tobytes()), {**RAW, "Content-Encoding": coding}).status in (200, 204)
    answer = ask(packing, chunk, coding)
    assert answer.headers["Content-Encoding"] == coding and UNPACK[coding](answer.read_body) == values.tobytes()
    assert ask(packing, chunk, coding, If_None_Match=answer.headers["ETag"]).status == 304
    assert json.loads(gzip.decompress(ask(packing, f"/zarr/{name}/zarr.json", "gzip, identity;q=0").read_body))["shape"] == [5000]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_bodies_that_are_not_packed_as_they_say(packing, coding):
    pack, field = PACK[coding], {**JSON, "Content-Encoding": coding}
    data = "/segments/small/data"
    before = packing.request("GET", data).body
    whole = pack(json.dumps([7] * 64).encode())
    shuffled = random.Random(1)
    wrong = [b"", b"[1]", whole[:-1], whole[:9], whole + b"x", whole + b"\0", whole + whole[:5], PACK["gzip" if coding == "zstd" else "zstd"](b"[1]")]
    for body in wrong:
        answer = packing.request("PATCH", data, body, field)
        assert (answer.status, answer.json()["code"]) == (400, "invalid-body"), (body, answer)
    for _ in range(200):
        body = bytearray(whole)
        body[shuffled.randrange(len(body))] ^= 1 << shuffled.randrange(8)
        assert packing.request("PATCH", data, bytes(body), field).status in (204, 400, 422)
    assert packing.request("PATCH", data, json.loads(before)["data"]).status == 204


@pytest.mark.parametrize("coding", ["br", "deflate", "compress", "gzip, gzip", "gzip, zstd", "aws-chunked"])
def test_unknown_codings_are_415(packing, coding):
    for method, target in (("PATCH", "/segments/small/data"), ("PUT", "/segments/other"), ("POST", "/segments")):
        answer = packing.request(method, target, b"[1]", {**JSON, "Content-Encoding": coding})
        assert (answer.status, answer.json()["code"]) == (415, "unsupported-media-type"), answer
        assert answer.headers["Accept-Encoding"] == "zstd, gzip" and coding.split(", ")[0] in answer.json()["detail"]


def bomb(coding, count):
    """So many zeros, packed, and packed into few bytes."""
    if coding == "gzip":
        packer = zlib.compressobj(9, wbits=31)
        return b"".join([packer.compress(bytes(1 << 20)) for _ in range(count >> 20)] + [packer.flush()])
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    return b"".join([packer.compress(bytes(1 << 20)) for _ in range(count >> 20)] + [packer.flush()])


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_bombs_are_413(own_gateway, coding):
    gateway = own_gateway("--max-body", "8MiB", "--upload-memory", "32MiB")
    gateway.create("target", {"kind": "ndarray", "dtype": "u1", "shape": [8 << 20]})
    body = bomb(coding, 4 << 30)
    assert len(body) < 8 << 20
    for headers in (RAW, NPY, JSON):
        answer = gateway.request("PATCH", "/segments/target/data", body, {**headers, "Content-Encoding": coding})
        assert (answer.status, answer.json()["code"]) == (413, "too-large"), answer
    status = open(f"/proc/{gateway.process.pid}/status").read()
    assert int(status.split("VmHWM:")[1].split()[0]) < 200 << 10
    most = PACK[coding](bytes(8 << 20))
    assert gateway.request("PATCH", "/segments/target/data", most, {**RAW, "Content-Encoding": coding}).status == 204
    more = PACK[coding](bytes((8 << 20) + 1))
    assert gateway.request("PATCH", "/segments/target/data", more, {**RAW, "Content-Encoding": coding}).status == 413


def test_a_window_larger_than_http_allows_is_refused(packing):
    settings = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    body = packer.compress(b"[" + b" " * (16 << 20) + b"1]") + packer.flush()
    answer = packing.request("PATCH", "/segments/small/data", body, {**JSON, "Content-Encoding": "zstd"})
    assert (answer.status, answer.json()["code"]) == (400, "invalid-body")
