"""So much memory and no more: for answers on their way out, and for bodies on their way in."""

import contextlib
import io
import socket

import numpy as np
import pyarrow as pa

from gateway import JSON, NPY, RAW, await_that

MIB = 1 << 20


def silent_reader(gateway, path):
    """A client that asks and does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(60)
    client.connect(("127.0.0.1", gateway.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert client.recv(8) == b"HTTP/1.1"
    return client


def test_answers_in_flight_wait_their_turn_or_are_busy(own_gateway):
    gateway = own_gateway("--snapshot-memory", "40MiB")
    gateway.create("big", {"kind": "bytes", "size": 32 * MIB}, fill=7)
    gateway.create("small", {"kind": "ndarray", "dtype": "f8", "shape": [10]})
    path = "/segments/big/data?format=raw"
    reader = silent_reader(gateway, path)
    answer = gateway.request("GET", path)
    assert answer.status == 503, answer
    assert answer.json()["code"] == "busy"
    assert int(answer.headers["Retry-After"]) >= 1
    assert gateway.request("GET", "/segments/small/data").status == 200
    reader.close()
    # Once the reader is gone its memory is free again: the next one waits for that.
    for _ in range(30):
        answer = gateway.request("GET", path)
        if answer.status == 200:
            break
    assert answer.body == b"\7" * (32 * MIB)


def test_text_that_comes_again_takes_room_like_the_first(own_gateway):
    """It is made of no bytes of the segment at all, and is too long to be kept."""
    gateway = own_gateway("--snapshot-memory", "8MiB")
    gateway.create("z", {"kind": "ndarray", "dtype": "f8", "shape": [1_000_000, 0]})
    path = "/segments/z/data"
    for _ in range(4):
        assert gateway.request("GET", path).status == 200
    reader = silent_reader(gateway, path)
    assert gateway.request("GET", path).status == 503
    reader.close()


def test_an_answer_beyond_the_whole_budget_is_given_alone(own_gateway):
    gateway = own_gateway("--snapshot-memory", "1MiB")
    gateway.create("big", {"kind": "bytes", "size": 8 * MIB}, fill=7)
    assert gateway.request("GET", "/segments/big/data?format=raw").body == b"\7" * (8 * MIB)


def test_much_text_is_whole_whether_it_takes_more_room_than_was_thought_or_less(gateway):
    numbers = np.random.default_rng(1).normal(size=300_000)
    texts = np.array([f"{number:040}" for number in range(300_000)], "S40")
    for content, expected in [(numbers, numbers.tolist()), (texts, texts.astype("U40").tolist())]:
        name = f"much-{content.dtype.kind}"
        gateway.create(name, {"kind": "ndarray", "dtype": content.dtype.str, "shape": [len(content)]})
        assert gateway.request("PATCH", f"/segments/{name}/data", content.tobytes(), RAW).status == 204
        # The later ones in the memory of the first one.
        for _ in range(3):
            assert gateway.request("GET", f"/segments/{name}/data").json()["data"] == expected


def asking_client(gateway, byte_count):
    """A client that asks whether it may send a body, and the first line of what it hears."""
    client = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
    head = "PATCH /segments/a/data HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
    client.sendall(f"{head}Content-Length: {byte_count}\r\nExpect: 100-continue\r\n\r\n".encode())
    return client, client.recv(4096)[:12]


def test_bodies_in_flight_share_their_memory(own_gateway):
    gateway = own_gateway("--upload-memory", "3MiB")
    gateway.create("a", {"kind": "bytes", "size": 2 * MIB})
    slow, heard = asking_client(gateway, 2 * MIB)
    assert heard == b"HTTP/1.1 100"
    # What is only announced costs nothing.
    assert gateway.request("PATCH", "/segments/a/data", b"y" * (2 * MIB), RAW).status == 204
    slow.sendall(b"x" * (2 * MIB - 1))
    for _ in range(10_000):  # until the gateway has read what the slow client sent
        other, heard = asking_client(gateway, 2 * MIB)
        other.close()
        if heard == b"HTTP/1.1 503":
            break
    answer = gateway.request("PATCH", "/segments/a/data", b"y" * (2 * MIB), RAW)
    assert answer.status == 503, answer
    assert answer.json()["code"] == "busy" and int(answer.headers["Retry-After"]) >= 1
    assert gateway.request("PATCH", "/segments/a/data?slice=0:3", b"abc", RAW).status == 204
    slow.sendall(b"x")
    assert slow.recv(12) == b"HTTP/1.1 204"
    slow.close()
    assert gateway.request("GET", "/segments/a/data?slice=0:3&format=raw").body == b"xxx"
    assert gateway.request("PATCH", "/segments/a/data", b"y" * (2 * MIB), RAW).status == 204


def test_a_filtered_read_never_waits_for_itself(own_gateway):
    gateway = own_gateway("--snapshot-memory", "16MiB")
    gateway.create("f", {"kind": "dataframe", "dtypes": [["a", "f8"]], "index": 1_000_000}, fill=1)
    answer = gateway.request("GET", "/segments/f/data?where=a%3E0&slice=:300000&orient=columns")
    assert answer.status == 200
    assert len(answer.json()["a"]) == 300_000


def test_chunks_count_as_they_come(own_gateway):
    gateway = own_gateway("--upload-memory", "1MiB")
    gateway.create("a", {"kind": "bytes", "size": 4 * MIB})
    chunks = (b"z" * 65_536 for _ in range(64))
    connection = gateway.connect()
    connection.request("PATCH", "/segments/a/data", body=chunks, headers=RAW, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 413, answer.read()
    assert gateway.request("GET", "/segments/a/data?slice=0:3&format=raw").body == bytes(3)
    assert gateway.request("PATCH", "/segments/a/data", bytes(4 * MIB), RAW).status == 413


def test_an_endless_chunked_body_is_told_that_it_is_too_large(own_gateway):
    gateway = own_gateway("--max-body", "1MiB")
    gateway.create("a", {"kind": "bytes", "size": 64 * MIB})
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as client:
        head = "PATCH /segments/a/data HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        client.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            for _ in range(48):
                client.sendall(b"100000\r\n" + bytes(MIB) + b"\r\n")
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := client.recv(65_536):
                answer += piece
    assert answer.startswith(b"HTTP/1.1 413 ") and b'"too-large"' in answer, answer
    assert gateway.request("GET", "/segments/a/data?slice=0:3&format=raw").body == bytes(3)


def test_a_short_body_cannot_ask_for_more_memory_than_there_is(own_gateway):
    gateway = own_gateway("--snapshot-memory", "16MiB")
    gateway.create("big", {"kind": "bytes", "size": 32 * MIB})
    gateway.create("half", {"kind": "bytes", "size": 8 * MIB})
    answer = gateway.request("PATCH", "/segments/big/data", 1, JSON)
    assert (answer.status, answer.json()["code"]) == (413, "too-large"), answer
    whole = [{"value": 1}] * 3
    answer = gateway.request("PATCH", "/segments/half/data", {"patches": whole}, JSON)
    assert (answer.status, answer.json()["code"]) == (413, "too-large"), answer
    several = [{"segment": "half", "value": 1}, {"segment": "big", "value": 1}]
    answer = gateway.request("POST", "/patch", {"patches": several}, JSON)
    assert (answer.status, answer.json()["code"]) == (413, "too-large"), answer
    assert gateway.request("PATCH", "/segments/half/data", 1, JSON).status == 204
    assert gateway.request("PATCH", f"/segments/big/data?slice=0:{8 * MIB}", 2, JSON).status == 204


def test_the_journal_of_a_condition_counts_too(own_gateway):
    gateway = own_gateway("--snapshot-memory", "16MiB")
    gateway.create("f", {"kind": "dataframe", "dtypes": [["a", "i1"], ["b", "i1"]], "index": 1_000_000})
    assert gateway.request("PATCH", "/segments/f/data?where=a%3D%3D0&columns=b", 3, JSON).status == 204  # one run
    assert gateway.request("PATCH", "/segments/f/data/columns/a?slice=::2", 1, JSON).status == 204
    answer = gateway.request("PATCH", "/segments/f/data?where=a%3D%3D0&columns=b", 1, JSON)
    assert (answer.status, answer.json()["code"]) == (413, "too-large"), answer
    assert gateway.request("PATCH", "/segments/f/data?where=index%3C100&columns=b", 1, JSON).status == 204
    answer = gateway.request("GET", "/segments/f/data/columns/b?format=raw")
    assert answer.body == b"\1" * 100 + b"\3" * 999_900


def test_few_bytes_of_arrow_cannot_unpack_to_much(own_gateway):
    gateway = own_gateway("--max-body", "16MiB")
    gateway.create("s", {"kind": "ndarray", "dtype": "S1", "shape": [1]})
    vast = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array([""] * 3_000_000))
    labels = pa.table({"__index_level_0__": pa.array([0] * 4_000_000, pa.int8()), "a": pa.array([0] * 4_000_000, pa.int8())})
    for method, path, table in [
        ("PATCH", "/segments/s/data", pa.table({"values": vast})), ("PUT", "/segments/new", labels),
    ]:  # fmt: skip
        file = io.BytesIO()
        with pa.ipc.new_stream(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table)
        body = file.getvalue()
        assert len(body) < 1 * MIB
        answer = gateway.request(method, path, body, {"Content-Type": "application/vnd.apache.arrow.stream"})
        assert (answer.status, answer.json()["code"]) == (413, "too-large"), answer


def test_patches_are_counted_while_they_are_read(own_gateway):
    gateway = own_gateway()
    gateway.create("a", {"kind": "bytes", "size": 8})
    many = b'{"patches": [' + b"{}," * 200_000 + b"{}]}"
    long = b'{"patches": [{"value": 1, "slice": [' + b"0," * (9 << 20) + b"0]}]}"
    for body in (many, long):
        for words in (("PATCH", "/segments/a/data"), ("POST", "/patch")):
            answer = gateway.request(*words, body, JSON)
            assert (answer.status, answer.json()["code"]) == (413, "too-large"), answer


def test_what_was_changed_is_not_refused_for_its_coding(own_gateway):
    gateway = own_gateway()
    gateway.create("a", {"kind": "bytes", "size": 8})
    refusing = {"Accept-Encoding": "identity;q=0", **JSON}
    answer = gateway.request("PUT", "/segments/a?replace=true", {"layout": {"kind": "bytes", "size": 9}}, refusing)
    assert (answer.status, answer.json()["nbytes"]) == (200, 9), answer
    assert gateway.request("PATCH", "/segments/a", {"ttl": 600}, refusing).status == 200
    assert gateway.request("GET", "/segments/a/data?format=raw", None, refusing).status == 406


def test_metadata_of_many_attributes_are_compared_at_once(own_gateway):
    gateway = own_gateway()
    attrs = {f"k{number}": number for number in range(200_000)}
    gateway.create("a", {"kind": "ndarray", "dtype": "f8", "shape": [3]}, attrs=attrs)
    document = gateway.request("GET", "/zarr/a/zarr.json").body
    assert gateway.request("PUT", "/zarr/a/zarr.json", document, JSON).status == 204


def test_conversions_and_unpacked_bodies_count_too(own_gateway):
    gateway = own_gateway("--snapshot-memory", "16MiB")
    gateway.create("n", {"kind": "ndarray", "dtype": "f8", "shape": [1_500_000]})
    file = io.BytesIO()
    np.save(file, np.ones(1_500_000, "f4"))
    answer = gateway.request("PATCH", "/segments/n/data", file.getvalue(), NPY)
    assert (answer.status, answer.json()["code"]) == (413, "too-large"), answer
    file = io.BytesIO()
    np.save(file, np.ones((3_000, 500), ">f8", order="F"))
    answer = gateway.request("PUT", "/segments/fortran", file.getvalue(), NPY)
    assert (answer.status, answer.json()["code"]) == (413, "too-large"), answer
    table = pa.table({"values": pa.array(np.zeros(1_500_000))})
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    arrow = {"Content-Type": "application/vnd.apache.arrow.stream"}
    for words in (("PATCH", "/segments/n/data"), ("PUT", "/segments/table")):
        answer = gateway.request(*words, file.getvalue(), arrow)
        assert (answer.status, answer.json()["code"]) == (413, "too-large"), answer
    # What is sent as it is stored needs no copy, and what is small has room.
    file = io.BytesIO()
    np.save(file, np.ones(1_500_000))
    assert gateway.request("PATCH", "/segments/n/data", file.getvalue(), NPY).status == 204
    assert gateway.request("GET", "/segments/n/data?slice=-1").json()["data"] == 1


def test_what_only_the_start_needed_is_given_back(own_gateway):
    process = own_gateway().process.pid

    def kibibytes(name):
        lines = open(f"/proc/{process}/status").read().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

    # The kernel knows the most that there ever was.
    await_that(lambda: kibibytes("VmRSS") < 0.75 * kibibytes("VmHWM"), lambda: kibibytes("VmRSS"))
