"""Requests that no client should send: absurd JSON wherever JSON is read, spellings of paths that lead out of the
directory, and bodies with two lengths. Each gets a 4xx, over a socket of its own, and changes nothing."""

import hashlib
import itertools
import json
import os
import re
import socket

import pytest

from gateway import Gateway

VALUES = {"kind": "ndarray", "dtype": "float64", "shape": [2]}
LAYOUTS = {
    "array": VALUES,
    "bytes": {"kind": "bytes", "size": 4},
    "document": {"kind": "json", "capacity": 4096},
    "series": {"kind": "series", "dtype": "float64", "index": ["a", "b"]},
    "frame": {"kind": "dataframe", "columns": [{"name": "a", "dtype": "float64"}], "index": 2},
    "cube": {"kind": "dataarray", "dtype": "float64", "dims": ["x"], "shape": [2], "coords": {}},
    "record": {"kind": "struct", "members": {"a": VALUES, "b": VALUES}},
    "row": {"kind": "list", "item": VALUES, "count": 2},
}


def files(directory):
    """Every file below the directory, and the hash of what is in it."""
    return {
        os.path.join(folder, name): hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest()
        for folder, _, names in os.walk(directory)
        for name in names
    }


@pytest.fixture(scope="module")
def place():
    """A gateway with a segment of each kind, and what its directory holds."""
    gateway = Gateway()
    for name, layout in LAYOUTS.items():
        gateway.create(name, layout)
    gateway.before = files(gateway.directory)
    yield gateway
    gateway.close()


def everything(gateway, request):
    """Sends bytes as they are; gives all that comes back until the gateway closes the connection."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=120) as client:
        try:
            client.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has refused and gone; what it said is still there
        answer = b""
        try:
            while piece := client.recv(65_536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def refused(gateway, request):
    """Asserts that every answer is a 4xx, that there is one, and that nothing has changed; gives the first status."""
    answer = everything(gateway, request)
    statuses = [int(status) for status in re.findall(rb"^HTTP/1\.1 (\d{3}) ", answer, re.MULTILINE)]
    assert statuses, request[:300]
    assert all(400 <= status < 500 for status in statuses), (request[:300], answer[:1000])
    assert files(gateway.directory) == gateway.before, request[:300]
    return statuses[0]


def head(method, target, *fields):
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *fields, "", ""]).encode()


def framed(framing, body):
    """The fields that say how long a body is, and the body as it is sent."""
    if framing == "length":
        return [f"Content-Length: {len(body)}"], body
    pieces = [body[start : start + 999] for start in range(0, len(body), 999)]
    return ["Transfer-Encoding: chunked"], b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


# Values that no document has: what the parser has to refuse wherever they stand.
ABSURD = {
    "brackets": b"[" * 100_000,
    "closed brackets": b"[" * 100_000 + b"]" * 100_000,
    "braces": b'{"a":' * 100_000,
    "closed braces": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "brackets and braces": b'[{"a":' * 50_000,
    "a name twice": b'{"a":1,"a":2}',
    "a name twice, spelled in two ways": b'{"a":1,"\\u0061":2}',
    "a name twice, far apart": b'{"a":1,' + b"".join(b'"%d":0,' % number for number in range(1000)) + b'"a":2}',
    "a high surrogate": b'"\\ud800"',
    "a low surrogate": b'"\\udc00"',
    "surrogates in the wrong order": b'"\\udc00\\ud800"',
    "a surrogate before a letter": b'"\\ud800a"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "a surrogate in a name": b'{"\\ud800":1}',
    "an overlong NUL": b'"\xc0\x80"',
    "an overlong slash": b'"\xe0\x80\xaf"',
    "beyond Unicode": b'"\xf4\x90\x80\x80"',
    "half a character": b'"\xe2\x82"',
    "a number that no double holds": b"1e999999",
    "a negative one": b"-1e999999",
    "one in a list": b"[0,1e999999]",
    "one with a long exponent": b"1e" + b"9" * 100_000,
    "a hundred thousand digits": b"9" * 100_000,
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a leading zero": b"01",
    "a bare point": b"1.",
    "a plus": b"+1",
    "hexadecimal": b"0x10",
    "single quotes": b"'a'",
    "a comment": b"/**/1",
    "a comma too many": b"[1,]",
    "two values": b"1 2",
    "a NUL": b"1\x00",
    "a control character": b'"\x01"',
    "a byte order mark": b"\xef\xbb\xbf1",
    "UTF-16": "[1]".encode("utf-16"),
    "nothing": b"",
    "blanks": b" \t\r\n" * 10_000,
}

# Where JSON is read: method, target, and the document around the absurd value.
READERS = {
    "creation": ("POST", "/segments", b"%s"),
    "creation's name": ("POST", "/segments", b'{"name":%s,"layout":{"kind":"bytes","size":1}}'),
    "creation's layout": ("POST", "/segments", b'{"name":"new","layout":%s}'),
    "creation's shape": ("POST", "/segments", b'{"name":"new","layout":{"kind":"ndarray","dtype":"f8","shape":%s}}'),
    "creation's index": ("POST", "/segments", b'{"name":"new","layout":{"kind":"series","dtype":"f8","index":[%s,1]}}'),
    "creation's attributes": ("POST", "/segments", b'{"name":"new","layout":{"kind":"bytes","size":1},"attrs":{"a":%s}}'),
    "creation's data": ("POST", "/segments", b'{"name":"new","layout":{"kind":"ndarray","dtype":"f8","shape":[2]},"data":[%s,1]}'),
    "creation's fill": ("POST", "/segments", b'{"name":"new","layout":{"kind":"ndarray","dtype":"f8","shape":[1]},"fill":%s}'),
    "creation's ttl": ("POST", "/segments", b'{"name":"new","layout":{"kind":"bytes","size":1},"ttl":%s}'),
    "what nobody knows": ("POST", "/segments", b'{"name":"new","layout":{"kind":"bytes","size":1},"x":%s}'),
    "replacement": ("PUT", "/segments/array?replace=true", b"%s"),
    "change": ("PATCH", "/segments/array", b'{"ttl":%s}'),
    "template": ("PUT", "/layouts/mine", b"%s"),
    "template's layout": ("PUT", "/layouts/mine", b'{"layout":%s}'),
    "patches": ("PATCH", "/segments/array/data", b'{"patches":[{"slice":"0","data":%s}]}'),
    "envelope": ("PATCH", "/segments/array/data", b'{"dtype":"<f8","shape":[2],"data":[1,%s]}'),
    "member": ("PATCH", "/segments/record/data/a", b"[1,%s]"),
    **{f"data of {name}": ("PATCH", f"/segments/{name}/data", b"%s") for name in LAYOUTS},
}

@pytest.mark.parametrize(
    "reader, framing",
    [(reader, "length") for reader in READERS] + [(reader, "chunked") for reader in ("creation", "template", "data of array")],
)
def test_absurd_json_is_refused_wherever_json_is_read(place, reader, framing):
    method, target, document = READERS[reader]
    for value in ABSURD.values():
        fields, body = framed(framing, document % value)
        refused(place, head(method, target, "Content-Type: application/json", *fields) + body)
    assert place.request("GET", "/healthz").status == 200


ESCAPES = {
    "plain": "../{}",
    "an escaped slash": "..%2f{}",
    "an escaped slash in capitals": "..%2F{}",
    "escaped dots": "%2e%2e/{}",
    "all escaped": "%2e%2e%2f{}",
    "one dot escaped": ".%2e/{}",
    "escaped twice": "%252e%252e%252f{}",
    "a slash escaped twice": "..%252f{}",
    "a backslash": "..\\{}",
    "an escaped backslash": "..%5c{}",
    "a dot between": "./../{}",
    "slashes doubled": "..//{}",
    "a leading slash": "/{}",
    "an escaped leading slash": "%2f{}",
    "a NUL before": "%00../{}",
    "a NUL behind": "{}%00",
    "a NUL between": "..%00/{}",
    "an overlong slash": "..%c0%af{}",
    "an overlong dot": "%c0%ae%c0%ae/{}",
    "an overlong dot of three bytes": "%e0%80%ae%e0%80%ae%e0%80%af{}",
    "an escaped surrogate": "%ed%a0%80{}",
    "a full-width dot": "%ef%bc%8e%ef%bc%8e%ef%bc%8f{}",
    "a wide escape": "%u002e%u002e%u2215{}",
    "a broken escape": "%2{}",
    "no escape": "%zz{}",
    "a fragment": "..%23/{}",
    "a parameter": "..;/{}",
    "folder and back": "array/../../{}",
    "a hidden name": ".{}",
    "a name beyond the longest": "a" * 300 + "{}",
}


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_spelling_leads_out_of_the_directory(place, escape):
    outside = place.directory + "-outside"
    content = open(place.path("array"), "rb").read()
    with open(outside, "wb") as file:
        file.write(content)
    try:
        spelled = ESCAPES[escape].format(os.path.basename(outside))
        body = b"[1.0,2.0]"
        fields = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        for prefix, suffix in itertools.product(("/segments/", "/layouts/", "/segments/array/data/"), ("", "/data")):
            target = prefix + spelled + suffix
            for method in ("GET", "HEAD", "DELETE"):
                refused(place, head(method, target))
            for method in ("PUT", "PATCH", "POST"):
                refused(place, head(method, target, *fields) + body)
        layout = json.dumps({"name": "../" + os.path.basename(outside), "layout": VALUES}).encode()
        refused(place, head("POST", "/segments", "Content-Type: application/json", f"Content-Length: {len(layout)}") + layout)
        assert open(outside, "rb").read() == content
    finally:
        os.unlink(outside)
    assert not os.path.exists(outside)


SMUGGLED = b"DELETE /segments/array HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"2\r\n{}\r\n0\r\n\r\n"
LENGTHS = {
    "length, then chunked": (["Content-Length: 2", "Transfer-Encoding: chunked"], CHUNKED),
    "chunked, then length": (["Transfer-Encoding: chunked", "Content-Length: 2"], CHUNKED),
    "a length that hides a request": ([f"Content-Length: {5 + len(SMUGGLED)}", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "two lengths": (["Content-Length: 2", f"Content-Length: {2 + len(SMUGGLED)}"], b"{}"),
    "the same length twice": (["Content-Length: 2", "Content-Length: 2"], b"{}"),
    "a list of lengths": (["Content-Length: 2, 2"], b"{}"),
    "a length with a sign": (["Content-Length: +2"], b"{}"),
    "a negative length": (["Content-Length: -1"], b"{}"),
    "a length beyond 64 bits": ([f"Content-Length: {(1 << 64) + 2}"], b"{}"),
    "a hexadecimal length": (["Content-Length: 0x2"], b"{}"),
    "chunked twice": (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], CHUNKED),
    "chunked, chunked": (["Transfer-Encoding: chunked, chunked"], CHUNKED),
    "gzip, chunked": (["Transfer-Encoding: gzip, chunked"], CHUNKED),
    "chunked, gzip": (["Transfer-Encoding: chunked, gzip"], CHUNKED),
    "chunked, identity": (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], CHUNKED),
    "identity": (["Transfer-Encoding: identity", "Content-Length: 2"], b"{}"),
    "xchunked": (["Transfer-Encoding: xchunked"], CHUNKED),
    "a chunked with a parameter": (["Transfer-Encoding: chunked;a=b"], CHUNKED),
    "a blank before the colon": (["Content-Length: 2", "Transfer-Encoding : chunked"], CHUNKED),
    "a folded coding": (["Content-Length: 2", "Transfer-Encoding:\r\n chunked"], CHUNKED),
    "a folded length": (["Content-Length: 2\r\n 0"], b"{}"),
    "an empty length": (["Content-Length:"], b"{}"),
    "a NUL in the length": (["Content-Length: 2\0"], b"{}"),
    "two hosts": (["Host: elsewhere", "Content-Length: 2"], b"{}"),
}
BODIES = [("POST", "/segments"), ("PUT", "/segments/new"), ("PATCH", "/segments/array/data"), ("PUT", "/layouts/mine"),
          ("GET", "/segments/array/data"), ("DELETE", "/segments/nowhere")]  # fmt: skip


@pytest.mark.parametrize("length", LENGTHS)
def test_a_body_of_two_lengths_is_refused_and_hides_no_request(place, length):
    fields, body = LENGTHS[length]
    for method, target in BODIES:
        request = head(method, target, "Content-Type: application/json", *fields).replace(b"Connection: close\r\n", b"")
        status = refused(place, request + body + SMUGGLED)
        assert status == 400 or (status == 413 and length == "a length beyond 64 bits")


# The size of a chunk that is no size; the body that follows would be `{}`.
CHUNKS = {
    "no number": b"x\r\n{}\r\n0\r\n\r\n",
    "a sign": b"+2\r\n{}\r\n0\r\n\r\n",
    "a minus": b"-2\r\n{}\r\n0\r\n\r\n",
    "a prefix": b"0x2\r\n{}\r\n0\r\n\r\n",
    "beyond 64 bits": b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "larger than its data": b"3\r\n{}\r\n0\r\n\r\n",
    "smaller than its data": b"1\r\n{}\r\n0\r\n\r\n",
    "nothing": b"\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_chunk_without_a_size_is_refused(place, chunk):
    for method, target in BODIES[:4]:
        fields = ("Content-Type: application/json", "Transfer-Encoding: chunked")
        refused(place, head(method, target, *fields) + CHUNKS[chunk] + SMUGGLED)
