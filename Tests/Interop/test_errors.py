"""Every problem has its code, says what was expected, and leaves everything as it was."""

import concurrent.futures
import fcntl
import hashlib
import http.client
import io
import json
import os
import socket
import stat
import struct
import tempfile

import numpy as np
import pytest

from gateway import JSON, NPY, RAW, Answer, Gateway
from nobody import gateway_of_nobody
from protocol import F_OFD_SETLK, LOCK, lock_range

LAYOUT = {"kind": "ndarray", "dtype": "int32", "shape": [3, 4]}


@pytest.fixture(scope="module")
def place():
    """A gateway with one segment of each kind that a refusal may be about."""
    gateway = Gateway("--max-body", "1MiB")
    gateway.create("a", LAYOUT, data=[[1, 2, 3, 4]] * 3)
    gateway.create("spare", LAYOUT)  # for what would remove it, were it not refused
    gateway.create("floats", {"kind": "ndarray", "dtype": "float16", "shape": [2]}, fill=1)
    gateway.create("texts", {"kind": "ndarray", "dtype": "S4", "shape": [2]}, fill="abc")
    gateway.create("times", {"kind": "ndarray", "dtype": "datetime64[s]", "shape": [2]})
    gateway.create("fixed", LAYOUT, readonly=True)
    gateway.create("blob", {"kind": "bytes", "size": 10})
    gateway.create("longs", {"kind": "ndarray", "dtype": "int64", "shape": [2]}, fill=1)
    gateway.create("spans", {"kind": "ndarray", "dtype": "timedelta64[s]", "shape": [2]}, fill=1)
    with open(gateway.path("foreign"), "wb") as file:
        file.write(b"no segment")
    broken = bytearray(open(gateway.path("a"), "rb").read())
    broken[32:40] = struct.pack("<Q", 1 << 40)
    open(gateway.path("corrupt"), "wb").write(broken)
    broken[8:12] = struct.pack("<I", 2)
    open(gateway.path("future"), "wb").write(broken)
    yield gateway
    gateway.close()


def state(gateway):
    """Every byte of every file."""
    names = sorted(os.listdir(gateway.directory))
    return [(name, hashlib.sha256(open(gateway.path(name), "rb").read()).hexdigest()) for name in names]


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def new(**members):
    return json.dumps({"name": "new", "layout": LAYOUT, **members}).encode()


def spelled(member):
    """A creation with one member as it stands, for what `json.dumps` would not write."""
    return b'{"name": "new", "layout": {"kind": "ndarray", "dtype": "f8", "shape": [1]}, ' + member + b"}"


DATA = "/segments/a/data"
CASES = [
    # code, status, method, path, body, headers
    ("invalid-json", 400, "POST", "/segments", b"{", JSON),
    ("invalid-json", 400, "POST", "/segments", b"", JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"name": "new"} x', JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"name": "a", "name": "b"}', JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"name": "\\ud800"}', JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"name": "\xff"}', JSON),
    ("invalid-json", 400, "POST", "/segments", b"[" * 100_000, JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"attrs": {"x": 1e999999}, "name": "new", "layout": {}}', JSON),
    ("invalid-json", 400, "PATCH", DATA, b"[1, 2", JSON),
    ("invalid-json", 400, "PATCH", DATA, b"[" * 100_000, JSON),
    ("invalid-json", 400, "PATCH", DATA, b'{"data": 1, "extra": 2}', JSON),
    ("invalid-json", 400, "PATCH", "/segments/blob/data", b'"no base64!"', JSON),
    ("invalid-body", 400, "PATCH", DATA, b"no npy at all", NPY),
    ("invalid-body", 400, "PATCH", DATA, npy(np.zeros((3, 4), "i4"))[:-1], NPY),
    ("invalid-body", 400, "PATCH", DATA, b"\x93NUMPY\x01\x00\x10\x00{'descr': 'O'}  ", NPY),
    ("invalid-name", 400, "POST", "/segments", new(name="../x"), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name=".hidden"), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name=""), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name="a" * 201), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name="grün"), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name=7), JSON),
    ("invalid-name", 400, "GET", "/segments/%2e%2e%2fx", None, {}),
    ("invalid-name", 400, "GET", "/segments/a%00b", None, {}),
    ("invalid-name", 400, "GET", "/segments/a%2Fb", None, {}),
    ("invalid-name", 400, "GET", "/segments/%zz", None, {}),
    ("invalid-name", 400, "DELETE", "/segments/.shmgate-0", None, {}),
    ("invalid-name", 400, "GET", "/segments/", None, {}),
    ("invalid-layout", 400, "POST", "/segments", new(layout={"kind": "cube"}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={"kind": "ndarray", "dtype": "i4"}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={**LAYOUT, "shape": [-1]}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={**LAYOUT, "shape": [1] * 65}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={**LAYOUT, "shape": [1 << 62, 1 << 62]}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={**LAYOUT, "order": "F"}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(fill=1, data=[]), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(mode="888"), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(surprise=1), JSON),
    ("invalid-dtype", 400, "POST", "/segments", new(layout={**LAYOUT, "dtype": "float12"}), JSON),
    ("invalid-dtype", 400, "POST", "/segments", new(layout={**LAYOUT, "dtype": "O"}), JSON),
    ("invalid-dtype", 400, "POST", "/segments", new(layout={**LAYOUT, "dtype": "longdouble"}), JSON),
    ("invalid-dtype", 400, "POST", "/segments", new(layout={**LAYOUT, "dtype": "datetime64"}), JSON),
    ("invalid-dtype", 400, "POST", "/segments", new(layout={**LAYOUT, "dtype": [["x", "f4"], ["x", "f4"]]}), JSON),
    ("invalid-slice", 400, "GET", DATA + "?slice=1:2:0", None, {}),
    ("invalid-slice", 400, "GET", DATA + "?slice=a", None, {}),
    ("invalid-slice", 400, "GET", DATA + "?slice=None,0", None, {}),
    ("invalid-slice", 400, "GET", DATA + "?slice=0,0,0", None, {}),
    ("invalid-slice", 400, "GET", DATA + "?slice=...,...", None, {}),
    ("invalid-slice", 400, "PATCH", DATA + "?slice=[0,1", b"1", JSON),
    ("invalid-query", 400, "GET", DATA + "?slcie=0", None, {}),
    ("invalid-query", 400, "PATCH", DATA + "?slcie=0", b"1", JSON),
    ("invalid-query", 400, "GET", DATA + "?slice=0&slice=1", None, {}),
    ("invalid-query", 400, "GET", DATA + "?nan=zero", None, {}),
    ("invalid-query", 400, "GET", DATA + "?slice=%zz", None, {}),
    ("invalid-query", 400, "GET", "/segments?limit=0", None, {}),
    ("invalid-query", 400, "GET", "/segments?limit=many", None, {}),
    ("invalid-header", 400, "PATCH", DATA, b"1", {**JSON, "If-Match": "no tag"}),
    ("forbidden", 403, "PATCH", "/segments/fixed/data", b"1", JSON),
    ("forbidden", 403, "GET", "/segments", None, {"Host": "attacker.example"}),
    ("forbidden", 403, "DELETE", "/segments/a", None, {"Origin": "http://attacker.example"}),
    ("no-such-segment", 404, "GET", "/segments/none", None, {}),
    ("no-such-segment", 404, "GET", "/segments/foreign", None, {}),
    ("no-such-segment", 404, "DELETE", "/segments/foreign", None, {}),
    ("no-such-segment", 404, "PATCH", "/segments/none/data", b"1", JSON),
    ("no-such-member", 404, "GET", DATA + "/values", None, {}),
    ("no-such-route", 404, "GET", "/nothing", None, {}),
    ("no-such-route", 404, "GET", "/segments/a/nothing", None, {}),
    ("no-such-route", 404, "POST", "/healthz/x", b"", JSON),
    ("method-not-allowed", 405, "PUT", DATA, b"1", JSON),
    ("method-not-allowed", 405, "DELETE", "/segments", None, {}),
    ("method-not-allowed", 405, "BREW", "/segments/a", None, {}),
    ("not-acceptable", 406, "GET", DATA, None, {"Accept": "image/png"}),
    ("not-acceptable", 406, "GET", DATA + "?format=xml", None, {}),
    ("not-acceptable", 406, "GET", DATA, None, {"Accept": "application/json;q=0"}),
    ("already-exists", 409, "POST", "/segments", new(name="a"), JSON),
    ("already-exists", 409, "POST", "/segments", new(name="foreign"), JSON),
    ("already-exists", 409, "POST", "/segments", new(name="foreign", replace=True), JSON),
    ("precondition-failed", 412, "PATCH", DATA, b"1", {**JSON, "If-Match": '"0-2"'}),
    ("precondition-failed", 412, "DELETE", "/segments/spare", None, {"If-Match": '"0-2"'}),
    ("too-large", 413, "PATCH", DATA, bytes(1 << 21), RAW),
    ("too-large", 413, "POST", "/segments", b" " * (1 << 21), JSON),
    ("unsupported-media-type", 415, "POST", "/segments", new(), {}),
    ("unsupported-media-type", 415, "POST", "/segments", new(), {"Content-Type": "text/plain"}),
    ("unsupported-media-type", 415, "PATCH", DATA, b"1", {"Content-Type": "text/csv"}),
    ("index-out-of-bounds", 422, "GET", DATA + "?slice=3", None, {}),
    ("index-out-of-bounds", 422, "GET", DATA + "?slice=-4", None, {}),
    ("index-out-of-bounds", 422, "GET", DATA + "?slice=:,[0,9]", None, {}),
    ("index-out-of-bounds", 422, "PATCH", DATA + "?slice=99999999999999999999", b"1", JSON),
    ("shape-mismatch", 422, "PATCH", DATA, b"[1, 2]", JSON),
    ("shape-mismatch", 422, "PATCH", DATA, b"[[1, 2], [3]]", JSON),
    ("shape-mismatch", 422, "PATCH", DATA, b"[1, [2], 3, 4]", JSON),
    ("shape-mismatch", 422, "PATCH", DATA, bytes(47), RAW),
    ("shape-mismatch", 422, "PATCH", DATA, npy(np.zeros((4, 3), "i4")), NPY),
    ("shape-mismatch", 422, "POST", "/segments", new(data=[1]), JSON),
    ("shape-mismatch", 422, "POST", "/segments", new(fill=[1]), JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"2147483648", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"1.5", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"null", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"true", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b'"1"', JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"1e999999", JSON),
    ("value-out-of-range", 422, "PATCH", DATA + "?slice=0", b"[1, 2, 3, 1.5]", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, npy(np.full((3, 4), 1.5)), NPY),
    ("value-out-of-range", 422, "PATCH", "/segments/floats/data", b"70000", JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/texts/data", b'"abcde"', JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/times/data", b'"2024-02-30"', JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/times/data", b'"2024-01-01T00:00:00.5"', JSON),
    ("value-out-of-range", 422, "POST", "/segments", new(fill=None), JSON),
    ("value-out-of-range", 422, "POST", "/segments", b'{"name":"new","layout":{"kind":"bytes","size":1},"fill":1e999999}', JSON),
    ("corrupt-segment", 500, "GET", "/segments/corrupt", None, {}),
    ("corrupt-segment", 500, "GET", "/segments/corrupt/data", None, {}),
    ("corrupt-segment", 500, "PATCH", "/segments/corrupt/data", b"1", JSON),
    ("unsupported-format", 500, "GET", "/segments/future", None, {}),
    ("out-of-space", 507, "POST", "/segments", new(layout={"kind": "bytes", "size": 1 << 45}), JSON),
    ("invalid-json", 400, "POST", "/segments", spelled(b'"attrs": {"a": {"b": 1, "b": 2}}'), JSON),
    ("invalid-json", 400, "POST", "/segments", spelled(b'"attrs": {"\\udc00": 1}'), JSON),
    ("invalid-json", 400, "POST", "/segments", spelled(b'"attrs": {"a": 1e999999}'), JSON),
    ("invalid-json", 400, "POST", "/segments", spelled(b'"attrs": ' + b'{"a":' * 100_000), JSON),
    ("invalid-json", 400, "POST", "/segments", spelled(b'"ttl": 1e999999'), JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"name":"new","layout":{"kind":"bytes","size":1e999999}}', JSON),
    ("invalid-json", 400, "POST", "/segments", b'{"name":"new","layout":{"kind":"ndarray","dtype":"u1","shape":[1e999999]}}', JSON),
    ("invalid-json", 400, "POST", "/segments", spelled(b'"data": [1,]'), JSON),
    ("invalid-json", 400, "POST", "/segments", json.dumps({"name": "new", "layout": LAYOUT}).encode("utf-16"), JSON),
    ("invalid-json", 400, "PATCH", DATA, b"", JSON),
    ("invalid-json", 400, "PATCH", DATA, b" \n", JSON),
    ("invalid-json", 400, "PATCH", DATA, b"[" * 100_000 + b"]" * 100_000, JSON),
    ("invalid-json", 400, "PATCH", DATA, b'{"a":' * 100_000, JSON),
    ("invalid-json", 400, "PATCH", DATA, b'{"data": 1, "data": 1}', JSON),
    *[("invalid-json", 400, "PATCH", DATA, body, JSON) for body in (
        b"01", b"+1", b".5", b"1.", b"0x1", b"1e", b"-", b"1 2", b"1]", b"NaN", b"-Infinity", b"tru", b"'1'", b"[1,]",
        b"/**/1", b"\x00", b'"\x01"', b'"\\x"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"',
    )],
    ("invalid-body", 400, "PATCH", DATA, b"", NPY),
    ("invalid-body", 400, "PATCH", DATA, npy(np.zeros((3, 4), "i4")) + b"x", NPY),
    ("invalid-body", 400, "PATCH", DATA, npy(np.zeros((3, 4), "i4")).replace(b"\x93NUMPY\x01", b"\x93NUMPY\x09"), NPY),
    ("invalid-body", 400, "PATCH", DATA, npy(np.zeros((3, 4), "i4")).replace(b"(3, 4)", b"(3,-4)"), NPY),
    ("invalid-body", 400, "PATCH", DATA, npy(np.zeros((3, 4), "i4")).replace(b"'<i4'", b"'|O8'"), NPY),
    ("invalid-name", 400, "POST", "/segments", new(name="a/b"), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name="a\0b"), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name=".."), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name="a b"), JSON),
    ("invalid-name", 400, "POST", "/segments", new(name=None), JSON),
    ("invalid-name", 400, "POST", "/segments", json.dumps({"layout": LAYOUT}).encode(), JSON),
    *[("invalid-name", 400, method, f"/segments/{name}{rest}", body, headers)
      for name in ("%2e%2e", "%2e%2e%2fx", "a%00b", ".hidden", "%2ehidden", "a%2fb", "a%5Cb", "a%20b", "a+b", "%zz", "%4", "%",
                   "gr%C3%BCn", "%ff", "a" * 201, "%61" * 201)
      for method, rest, body, headers in (("GET", "", None, {}), ("DELETE", "", None, {}), ("PATCH", "/data", b"1", JSON))],
    ("invalid-layout", 400, "POST", "/segments", b'{"name": "new"}', JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout=[]), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={"kind": "bytes"}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={"kind": "bytes", "size": -1}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={"kind": "bytes", "size": 1.5}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={"kind": "bytes", "size": True}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={"kind": "bytes", "size": (1 << 63) - 1}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={**LAYOUT, "shape": [1.5]}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={**LAYOUT, "shape": ["1"]}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(layout={**LAYOUT, "shape": [1 << 64]}), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(attrs=[]), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(ttl=-1), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(ttl="1"), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(ttl=1e300), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(mode=384), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(mode="04755"), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(replace=1), JSON),
    ("invalid-layout", 400, "POST", "/segments", new(readonly="yes"), JSON),
    *[("invalid-dtype", 400, "POST", "/segments", new(layout={**LAYOUT, "dtype": dtype}), JSON) for dtype in (
        "", "S0", "M8[0s]", "M8[parsec]", "M8[ns", "U99999999999", "f3", ">>f4", "V8", "clongdouble", "object", 4, None, [], [["x"]], [["x", "O"]],
    )],
    *[("invalid-slice", 400, "GET", f"{DATA}?slice={text}", None, {}) for text in (
        "1:2:3:4", "1,,2", "[", "[0", "0]", "[0.5]", "[[0]]", "1e3", "0x1", "--1", "1.0", "True", "(0,)", ":,:,:", "np.newaxis,0", "%C2%B2", "0%00",
    )],
    ("invalid-query", 400, "POST", "/segments?unknown=1", new(), JSON),
    ("invalid-query", 400, "DELETE", "/segments/a?unknown=1", None, {}),
    ("invalid-query", 400, "GET", "/segments/a?unknown=1", None, {}),
    ("invalid-query", 400, "GET", "/segments?unknown=1", None, {}),
    *[("invalid-query", 400, "GET", f"{DATA}?{name}=unknown", None, {}) for name in ("int64", "timedelta", "text", "consistency")],
    *[("invalid-query", 400, "GET", f"/segments?limit={text}", None, {}) for text in ("-1", "1.5", "", "1e3")],
    ("invalid-query", 400, "GET", "/segments?prefix=%ff", None, {}),
    ("invalid-header", 400, "PATCH", DATA, b"1", {**JSON, "If-Match": '"a" "b"'}),
    ("invalid-header", 400, "DELETE", "/segments/spare", None, {"If-Match": '"open'}),
    ("forbidden", 403, "PATCH", "/segments/fixed/data?slice=0", b"1", JSON),
    ("forbidden", 403, "PATCH", "/segments/fixed/data", bytes(48), RAW),
    ("forbidden", 403, "POST", "/segments", new(), {**JSON, "Origin": "null"}),
    ("forbidden", 403, "POST", "/segments", new(), {**JSON, "Host": "localhost.attacker.example"}),
    ("no-such-segment", 404, "HEAD", "/segments/none", None, {}),
    ("no-such-segment", 404, "GET", "/segments/none/data", None, {}),
    ("no-such-segment", 404, "DELETE", "/segments/none", None, {}),
    ("no-such-segment", 404, "PATCH", "/segments/foreign/data", b"1", JSON),
    ("no-such-segment", 404, "GET", "/segments/foreign/data", None, {}),
    ("no-such-member", 404, "PATCH", DATA + "/values", b"1", JSON),
    ("no-such-member", 404, "GET", "/segments/blob/data/values", None, {}),
    ("not-acceptable", 406, "GET", DATA + "?format=xlsx", None, {"Accept": "*/*"}),
    ("already-exists", 409, "POST", "/segments", new(name="fixed"), JSON),
    ("already-exists", 409, "POST", "/segments", new(name="corrupt"), JSON),
    ("precondition-failed", 412, "PATCH", DATA, b"1", {**JSON, "If-Match": 'W/"0-2", "x"'}),
    ("precondition-failed", 412, "PATCH", DATA, b"1", {**JSON, "If-None-Match": "*"}),
    ("precondition-failed", 412, "DELETE", "/segments/spare", None, {"If-None-Match": "*"}),
    ("precondition-failed", 412, "GET", DATA, None, {"If-Match": '"0-2"'}),
    ("unsupported-media-type", 415, "PATCH", DATA, b"1", {}),
    ("unsupported-media-type", 415, "PATCH", DATA, b"1", {"Content-Type": "json"}),
    ("unsupported-media-type", 415, "PATCH", DATA, bytes(48), {**RAW, "Content-Encoding": "br"}),
    ("invalid-body", 400, "PATCH", DATA, bytes(48), {**RAW, "Content-Encoding": "gzip"}),
    ("unsupported-media-type", 415, "POST", "/segments", npy(np.zeros(1)), NPY),
    ("index-out-of-bounds", 422, "GET", DATA + "?slice=-9223372036854775808", None, {}),
    ("index-out-of-bounds", 422, "PATCH", DATA + "?slice=[0,-5],0", b"1", JSON),
    ("shape-mismatch", 422, "PATCH", DATA, b"[]", JSON),
    ("shape-mismatch", 422, "PATCH", DATA, b"", RAW),
    ("shape-mismatch", 422, "PATCH", DATA, bytes(49), RAW),
    ("shape-mismatch", 422, "PATCH", DATA, npy(np.zeros(12, "i4")), NPY),
    ("shape-mismatch", 422, "PATCH", DATA + "?slice=0", npy(np.zeros((1, 4), "i4")), NPY),
    ("shape-mismatch", 422, "PATCH", DATA, b'{"shape": [4], "data": [1, 2, 3]}', JSON),
    ("shape-mismatch", 422, "PATCH", "/segments/blob/data", b'"AAEC"', JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"-2147483649", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"-1e999999", JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b"1" + b"0" * 100_000, JSON),
    ("value-out-of-range", 422, "PATCH", DATA, b'"Infinity"', JSON),
    ("value-out-of-range", 422, "PATCH", DATA, npy(np.full((3, 4), 2.0**31)), NPY),
    ("value-out-of-range", 422, "PATCH", DATA, npy(np.full((3, 4), np.nan)), NPY),
    ("value-out-of-range", 422, "PATCH", "/segments/longs/data", b"9223372036854775808", JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/longs/data", b"-9223372036854775809", JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/longs/data", b"-9223372036854776000", JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/longs/data", b'"-9223372036854775809"', JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/longs/data", npy(np.full(2, 2.0**63)), NPY),
    ("value-out-of-range", 422, "PATCH", "/segments/longs/data", npy(np.full(2, 2**63, "u8")), NPY),
    ("value-out-of-range", 422, "PATCH", "/segments/spans/data", b"-9223372036854775809", JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/blob/data", b"256", JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/floats/data", b"[1, 65520]", JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/floats/data", npy(np.full(2, 1e6)), NPY),
    ("value-out-of-range", 422, "PATCH", "/segments/texts/data", '"ääa"'.encode(), JSON),
    ("value-out-of-range", 422, "PATCH", "/segments/times/data", b"9223372036854775808", JSON),
    ("value-out-of-range", 422, "POST", "/segments", spelled(b'"fill": 1e999999'), JSON),
    ("value-out-of-range", 422, "POST", "/segments", spelled(b'"data": [1e999999]'), JSON),
    ("value-out-of-range", 422, "POST", "/segments", new(fill=1.5), JSON),
    ("value-out-of-range", 422, "POST", "/segments", new(data=[[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 1 << 31]]), JSON),
    ("corrupt-segment", 500, "HEAD", "/segments/corrupt", None, {}),
    ("unsupported-format", 500, "GET", "/segments/future/data", None, {}),
    ("unsupported-format", 500, "PATCH", "/segments/future/data", b"1", JSON),
    ("out-of-space", 507, "POST", "/segments", new(layout={**LAYOUT, "dtype": "f8", "shape": [1 << 42]}), JSON),
]  # fmt: skip


def check_problem(answer, code):
    """All members are there, and the detail tells nothing about the host."""
    problem = answer.json()
    assert set(problem) >= {"type", "title", "status", "detail", "code"}
    assert (problem["code"], problem["status"]) == (code, answer.status), problem
    assert problem["type"] and problem["title"]
    assert len(problem["detail"]) > 10
    assert not any(place in problem["detail"] for place in ("/dev/", "/tmp/", "/work/", "/home/", "/proc/", ".swift"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}: {case[2]} {case[3]} {(case[4] or b'')[:40]!r}")
def test_problem_is_named_and_nothing_is_written(place, case):
    code, status, method, path, body, headers = case
    before = state(place)
    answer = place.request(method, path, ... if body is None else body, headers)
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    if method == "HEAD":
        assert answer.body == b""
    else:
        check_problem(answer, code)
    if status == 405:
        assert "GET" in answer.headers["Allow"] or path == "/segments"
    if status == 415 and method == "PATCH":
        assert "application/x-npy" in answer.headers["Accept-Patch"]
    assert state(place) == before


def raw_request(gateway, *pieces):
    """Sends bytes as they are and gives all that comes back until the gateway closes, or has answered."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as client:
        for piece in pieces:
            client.sendall(piece)
        answer = b""
        while b"\r\n\r\n" not in answer and (piece := client.recv(65_536)):
            answer += piece
        return answer


HEAD = b"POST /segments HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "head",
    [HEAD + b"Content-Length: 1048577\r\n\r\n", HEAD + b"Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"],
    ids=["blind", "asking first"],
)
def test_too_large_a_body_is_refused_before_it_is_read(place, head):
    if b"Expect" not in head:
        head = head.replace(b"1048577", str(64 << 20).encode())
    answer = raw_request(place, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too-large"' in answer or b"problem+json" in answer


def test_too_large_a_chunked_body_is_refused(place):
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    answer = raw_request(place, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 20, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /segments HTTP/1.1\r\n\r\n",
        b"GET /segments HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"POST /segments HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /segments HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /segments HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_refused(place, head):
    answer = raw_request(place, head)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"invalid-header" in answer or b"problem+json" in answer


def test_names_cannot_leave_the_directory(place):
    outside = os.path.join(os.path.dirname(place.directory), os.path.basename(place.directory) + "-outside")
    with open(outside, "wb") as file:
        file.write(open(place.path("a"), "rb").read())
    try:
        before = open(outside, "rb").read()
        name = os.path.basename(outside)
        for spelling in (f"../{name}", f"..%2f{name}", f"%2e%2e/{name}", f"..%5c{name}", f"./../{name}", f"%2f{outside}"):
            for method in ("GET", "DELETE"):
                answer = place.request(method, f"/segments/{spelling}")
                assert answer.status in (400, 404), (spelling, answer)
        assert open(outside, "rb").read() == before
    finally:
        os.unlink(outside)


def test_what_is_no_segment_is_neither_listed_nor_followed_nor_removed(place):
    target = place.path("a")
    os.symlink(target, place.path("link"))
    os.mkfifo(place.path("fifo"))
    os.mkdir(place.path("folder"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place.path("socket"))
    open(place.path("empty"), "w").close()
    strange = ["link", "fifo", "folder", "socket", "empty", "foreign"]
    listed = [entry["name"] for entry in place.request("GET", "/segments").json()["segments"]]
    for name in strange:
        assert name not in listed
        assert place.request("GET", f"/segments/{name}").status == 404, name
        assert place.request("DELETE", f"/segments/{name}").status == 404, name
        answer = place.request("POST", "/segments", {"name": name, "layout": LAYOUT, "replace": True})
        assert (answer.status, answer.json()["code"]) == (409, "already-exists"), name
        assert os.path.lexists(place.path(name))
    listener.close()
    for name in ("link", "fifo", "socket", "empty"):
        os.unlink(place.path(name))
    os.rmdir(place.path("folder"))


def test_a_corrupt_segment_is_listed_as_such_and_can_be_removed(own_gateway):
    gateway = own_gateway()
    gateway.create("live", LAYOUT)
    assert gateway.request("GET", "/segments/live/data").status == 200
    with open(gateway.path("live"), "r+b") as file:  # under the gateway's own mapping
        file.seek(4096)
        file.write(b"not JSON")
    assert gateway.request("GET", "/segments/live/data").json()["code"] == "corrupt-segment"
    assert gateway.request("GET", "/segments").json()["segments"] == [{"name": "live", "corrupt": True}]
    assert gateway.request("DELETE", "/segments/live").status == 204
    assert os.listdir(gateway.directory) == []


@pytest.mark.parametrize("size", [20, 200, 4096])
def test_a_corrupt_segment_can_be_replaced(own_gateway, size):
    gateway = own_gateway()
    tag = gateway.create("live", LAYOUT).headers["ETag"]
    os.truncate(gateway.path("live"), size)
    assert gateway.request("GET", "/segments").json()["segments"] == [{"name": "live", "corrupt": True}]
    body = {"layout": LAYOUT, "fill": 7}
    refused = gateway.request("PUT", "/segments/live", body, {"If-Match": tag})
    assert (refused.status, refused.json()["code"]) == (412, "precondition-failed")
    assert os.path.getsize(gateway.path("live")) == size
    assert gateway.request("PUT", "/segments/live?replace=true", body).status == 200
    assert set(np.array(gateway.request("GET", "/segments/live/data").json()["data"]).ravel()) == {7}
    assert os.listdir(gateway.directory) == ["live"]


@pytest.mark.parametrize("size", [0, 100, 4096, 8192])
def test_a_segment_truncated_under_the_gateway_is_an_error_of_that_request(own_gateway, size):
    gateway = own_gateway()
    gateway.create("cut", {"kind": "ndarray", "dtype": "u1", "shape": [1 << 20]})
    assert gateway.request("GET", "/segments/cut/data?format=raw").status == 200
    os.truncate(gateway.path("cut"), size)
    for _ in range(2):
        answer = gateway.request("GET", "/segments/cut/data?format=raw")
        assert (answer.status, answer.json()["code"]) in ((500, "corrupt-segment"), (404, "no-such-segment"))
        assert gateway.request("PATCH", "/segments/cut/data", 1).status in (500, 404)
    assert gateway.request("GET", "/healthz").status == 200


HEADER_LIES = {
    "total_bytes beyond the file": (32, "<Q", 1 << 40),
    "total_bytes odd": (32, "<Q", 12_289),
    "header_offset": (40, "<Q", 8192),
    "header_bytes too large": (48, "<Q", 1 << 30),
    "header_bytes beyond data": (48, "<Q", 4097),
    "data_offset odd": (56, "<Q", 8193),
    "data_offset in the header": (56, "<Q", 4096),
    "data_offset beyond the end": (56, "<Q", 1 << 20),
}


@pytest.mark.parametrize("lie", HEADER_LIES)
def test_a_control_page_that_lies_is_corrupt(place, lie):
    offset, form, value = HEADER_LIES[lie]
    page = bytearray(open(place.path("a"), "rb").read())
    struct.pack_into(form, page, offset, value)
    check_corrupt(place, page)


JSON_LIES = [
    (b'"offset":8192', b'"offset":8193'),
    (b'"offset":8192', b'"offset":4096'),
    (b'"offset":8192', b'"offset":12288'),
    (b'"offset":8192', b'"offset":-192'),
    (b'"strides":[16,4]', b'"strides":[4,16]'),
    (b'"shape":[3,4],"strides"', b'"shape":[4,3],"strides"'),
    (b'"format":1', b'"format":2'),
    (b'"path":"values"', b'"path":"VALUES"'),
    (b'"kind":"ndarray"', b'"kind":"ndarrow"'),
    (b'"dtype":"<i4"', b'"dtype":"<f4"'),
    (b'{"format"', b'["format"'),
    (b'"shape":[3,4]}', b'"shape":[9,4]}'),
]


@pytest.mark.parametrize("lie", JSON_LIES)
def test_a_header_that_lies_is_corrupt(place, lie):
    content = open(place.path("a"), "rb").read()
    assert lie[0] in content
    check_corrupt(place, bytearray(content.replace(lie[0], lie[1], 1)))


def check_corrupt(gateway, content):
    with open(gateway.path("lies"), "wb") as file:
        file.write(content)
    try:
        answer = gateway.request("GET", "/segments/lies/data")
        assert (answer.status, answer.json()["code"]) == (500, "corrupt-segment"), answer
    finally:
        assert gateway.request("DELETE", "/segments/lies").status == 204


@pytest.mark.parametrize("lie", HEADER_LIES)
def test_a_control_page_that_begins_to_lie_under_the_gateway_is_corrupt(own_gateway, lie):
    gateway = served(own_gateway)
    offset, form, value = HEADER_LIES[lie]
    edit(gateway.path("live"), offset, struct.pack(form, value))
    check_out_of_use(gateway, "corrupt-segment")


@pytest.mark.parametrize("offset, value", [(8, 0), (8, 2), (8, 1 << 31), (12, 2), (12, 3), (12, 1 << 31)])
def test_another_version_or_an_unknown_flag_is_refused(own_gateway, offset, value):
    gateway = served(own_gateway)
    edit(gateway.path("live"), offset, struct.pack("<I", value))
    check_out_of_use(gateway, "unsupported-format")


def test_a_segment_that_loses_its_magic_is_none_and_stays(own_gateway):
    gateway = served(own_gateway)
    edit(gateway.path("live"), 0, b"SHMGATX\0")
    before = state(gateway)
    assert gateway.request("GET", "/segments").json()["segments"] == []
    for method, path, body in (("GET", "", ...), ("GET", "/data", ...), ("PATCH", "/data", 1), ("DELETE", "", ...)):
        assert gateway.request(method, f"/segments/live{path}", body).json()["code"] == "no-such-segment", method
    assert state(gateway) == before


def served(own_gateway):
    """A gateway that has already read from its segment `live`."""
    gateway = own_gateway()
    gateway.create("live", LAYOUT, fill=7)
    assert gateway.request("GET", "/segments/live/data").status == 200
    return gateway


def edit(path, offset, content):
    """Stores bytes in place, as any local process may."""
    with open(path, "r+b", buffering=0) as file:
        file.seek(offset)
        file.write(content)


def check_out_of_use(gateway, code):
    """No read, no write, a place in the list, and DELETE as the way out."""
    before = state(gateway)
    for method, path, body in (("GET", "", ...), ("GET", "/data", ...), ("GET", "/data?format=raw", ...), ("PATCH", "/data", 1)):
        answer = gateway.request(method, f"/segments/live{path}", body)
        assert answer.status == 500, answer
        check_problem(answer, code)
    assert gateway.request("GET", "/segments").json()["segments"] == [{"name": "live", "corrupt": True}]
    assert state(gateway) == before
    assert gateway.request("DELETE", "/segments/live").status == 204
    assert os.listdir(gateway.directory) == []


def reheaded(content, change):
    """A segment with another header JSON: what `change` returns or leaves of the old."""
    page = bytearray(content[:4096])
    (count,), (data_offset,) = struct.unpack_from("<Q", page, 48), struct.unpack_from("<Q", page, 56)
    header = json.loads(content[4096 : 4096 + count])
    changed = change(header)
    header = changed if isinstance(changed, bytes) else json.dumps(header if changed is None else changed).encode()
    assert len(header) <= data_offset - 4096, "the forged header has no room"
    struct.pack_into("<Q", page, 48, len(header))
    return bytes(page) + header.ljust(data_offset - 4096, b"\0") + content[data_offset:]


def reshaped(shape, strides):
    """Says a shape in both places."""

    def change(header):
        header["layout"]["shape"] = header["buffers"][0]["shape"] = shape
        header["buffers"][0]["strides"] = strides

    return change


HUGE = (1 << 63) - 1
FORGED = {
    "not JSON": lambda header: b"{",
    "no object": lambda header: b"[]",
    "empty": lambda header: b"",
    "not UTF-8": lambda header: json.dumps(header).encode().replace(b"values", b"value\xff"),
    "a name twice": lambda header: json.dumps(header).encode().replace(b'{"format": 1', b'{"format": 1, "format": 1'),
    "more behind it": lambda header: json.dumps(header).encode() + b" {}",
    "too deep": lambda header: header["attrs"].update(json.loads('{"a":' * 70 + "1" + "}" * 70)),
    "far too deep": lambda header: b'{"attrs":' * 400,
    "no buffers": lambda header: header.update(buffers=[]),
    "buffers missing": lambda header: header.pop("buffers") and None,
    "layout missing": lambda header: header.pop("layout") and None,
    "buffers no list": lambda header: header.update(buffers={}),
    "a buffer twice": lambda header: header.update(buffers=header["buffers"] * 2),
    "overlapping buffers": lambda header: header["buffers"].append({**header["buffers"][0], "path": "other", "offset": 8192 + 64}),
    "a fraction as offset": lambda header: header["buffers"][0].update(offset=8192.5),
    "offset beyond 64 bits": lambda header: header["buffers"][0].update(offset=1 << 64),
    "offset near the top": lambda header: header["buffers"][0].update(offset=HUGE - 63),
    "no strides": lambda header: header["buffers"][0].pop("strides") and None,
    "negative extent": reshaped([-3, -4], [16, 4]),
    "too large": reshaped([3000, 4], [16, 4]),
    "an overflow of extents": reshaped([1 << 32, 1 << 32], [1 << 34, 4]),
    "an overflow to zero": reshaped([1 << 31, 1 << 31], [1 << 33, 4]),
    "too many axes": reshaped([1] * 65, [4] * 65),
    "object dtype": lambda header: (header["layout"].update(dtype="|O"), header["buffers"][0].update(dtype="|O")) and None,
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_header_is_corrupt(place, forgery):
    content = open(place.path("a"), "rb").read()
    check_corrupt(place, reheaded(content, FORGED[forgery]))


def test_a_header_that_is_spelled_otherwise_is_none_the_less_a_header(own_gateway):
    gateway = served(own_gateway)
    content = open(gateway.path("live"), "rb").read()
    with open(gateway.path("copy"), "wb") as file:
        file.write(reheaded(content, lambda header: dict(reversed(header.items()))))
    assert gateway.request("GET", "/segments/copy/data").json()["data"] == [[7] * 4] * 3


HIDDEN_OVERFLOWS = [[0, HUGE], [HUGE, 0], [0, 1 << 40, 1 << 40], [1 << 62, 0, 1 << 62]]


@pytest.mark.parametrize("shape", HIDDEN_OVERFLOWS)
def test_extents_that_overflow_beside_a_zero_are_an_answer_and_no_crash(own_gateway, shape):
    gateway = own_gateway()
    answer = gateway.request("POST", "/segments", {"name": "new", "layout": {**LAYOUT, "shape": shape}})
    assert answer.status == 400, answer
    check_problem(answer, "invalid-layout")
    assert gateway.request("GET", "/healthz").status == 200
    assert os.listdir(gateway.directory) == []


@pytest.mark.parametrize("shape", HIDDEN_OVERFLOWS)
def test_a_planted_header_that_overflows_beside_a_zero_is_corrupt_and_no_crash(own_gateway, shape):
    gateway = served(own_gateway)
    content = open(gateway.path("live"), "rb").read()
    with open(gateway.path("planted"), "wb") as file:
        file.write(reheaded(content, reshaped(shape, [4] * len(shape))))
    assert {"name": "planted", "corrupt": True} in gateway.request("GET", "/segments").json()["segments"]
    check_problem(gateway.request("GET", "/segments/planted/data"), "corrupt-segment")
    assert gateway.request("DELETE", "/segments/planted").status == 204


@pytest.mark.parametrize("shape, text", [([0, HUGE], ":,::-1"), ([0, HUGE], f":,{HUGE - 1}:0:{-HUGE}"), ([HUGE, 0], "::-1,[]")])
def test_slices_of_an_empty_array_with_a_vast_axis_do_not_crash(own_gateway, shape, text):
    gateway = own_gateway()
    layout = {"kind": "ndarray", "dtype": "u1", "shape": shape}
    if gateway.request("POST", "/segments", {"name": "vast", "layout": layout}).status == 201:
        answer = gateway.request("GET", f"/segments/vast/data?format=raw&slice={text}")
        assert (answer.status, answer.body) == (200, b""), answer
    assert gateway.request("GET", "/healthz").status == 200


ALLOWED = {
    "/segments": {"GET", "HEAD", "POST"},
    "/segments/a": {"GET", "HEAD", "PATCH", "PUT", "DELETE"},
    "/segments/a/data": {"GET", "HEAD", "PATCH"},
    "/healthz": {"GET", "HEAD"},
    "/readyz": {"GET", "HEAD"},
    "/openapi.yaml": {"GET", "HEAD"},
    "/": {"GET", "HEAD"},
    "/console/app.js": {"GET", "HEAD"},
}


@pytest.mark.parametrize("path", ALLOWED)
def test_a_method_that_a_resource_lacks_is_told_those_it_has(place, path):
    before = state(place)
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "LINK"} - ALLOWED[path]:
        answer = place.request(method, path)
        assert answer.status == 405, (method, answer)
        check_problem(answer, "method-not-allowed")
        assert set(answer.headers["Allow"].split(", ")) >= ALLOWED[path]
        assert method not in answer.headers["Allow"].split(", ")
    assert state(place) == before


def test_a_write_that_waits_in_vain_writes_nothing(own_gateway):
    gateway = own_gateway()
    gateway.create("held", LAYOUT)
    before = state(gateway)
    holder = os.open(gateway.path("held"), os.O_RDWR)
    lock_range(holder, F_OFD_SETLK, fcntl.F_RDLCK, LOCK)
    requests = [
        ("PATCH", "/segments/held/data", 1),
        ("PATCH", "/segments/held/data?slice=0", [1, 2, 3, 4]),
        ("DELETE", "/segments/held", ...),
        ("POST", "/segments", {"name": "held", "layout": LAYOUT, "replace": True}),
    ]
    with concurrent.futures.ThreadPoolExecutor(len(requests)) as pool:
        answers = list(pool.map(lambda request: gateway.request(*request, connection=gateway.connect()), requests))
    for answer in answers:
        assert answer.status == 503, answer
        check_problem(answer, "busy")
        assert int(answer.headers["Retry-After"]) >= 1
    assert state(gateway) == before
    os.close(holder)
    assert gateway.request(*requests[0]).status == 204


@pytest.fixture
def of_nobody():
    """A gateway that modes hold for."""
    with gateway_of_nobody() as gateway:
        yield gateway


def test_what_the_mode_forbids_is_forbidden(of_nobody):
    of_nobody.create("fixed", LAYOUT, fill=1, mode="0400")
    assert stat.S_IMODE(os.stat(of_nobody.path("fixed")).st_mode) == 0o400
    assert of_nobody.request("GET", "/segments/fixed/data?slice=0").json()["data"] == [1, 1, 1, 1]
    before = state(of_nobody)
    for path, body in (("/segments/fixed/data", 2), ("/segments/fixed/data?slice=0", 2)):
        answer = of_nobody.request("PATCH", path, body)
        assert answer.status == 403, answer
        check_problem(answer, "forbidden")
    assert state(of_nobody) == before


def test_what_cannot_be_opened_is_forbidden_and_stays(of_nobody):
    of_nobody.create("closed", LAYOUT)
    of_nobody.create("open", LAYOUT)
    os.chmod(of_nobody.path("closed"), 0)
    for method, path, body in (("GET", "", ...), ("GET", "/data", ...), ("PATCH", "/data", 1), ("DELETE", "", ...)):
        answer = of_nobody.request(method, f"/segments/closed{path}", body)
        assert answer.status == 403, (method, answer)
        check_problem(answer, "forbidden")
    assert "open" in [entry["name"] for entry in of_nobody.request("GET", "/segments").json()["segments"]]
    assert os.path.exists(of_nobody.path("closed"))
    os.chmod(of_nobody.path("closed"), 0o600)
    assert of_nobody.request("GET", "/segments/closed").status == 200


ASKING = [
    ("POST /nothing", "Content-Type: application/json", 404),
    ("PUT /segments/a/data", "Content-Type: application/json", 405),
    ("PATCH /segments/none/data", "Content-Type: application/json", 404),
    ("PATCH /segments/foreign/data", "Content-Type: application/json", 404),
    ("PATCH /segments/a%2fb/data", "Content-Type: application/json", 400),
    ("PATCH /segments/a/data?slice=1:2:0", "Content-Type: application/json", 400),
    ("PATCH /segments/a/data?slice=99", "Content-Type: application/json", 422),
    ("PATCH /segments/a/data?unknown=1", "Content-Type: application/json", 400),
    ("PATCH /segments/a/data", "Content-Type: text/plain", 415),
    ("PATCH /segments/a/data", "X-Nothing: 1", 415),
    ("PATCH /segments/a/data", 'Content-Type: application/json\r\nIf-Match: "0-2"', 412),
    ("PATCH /segments/fixed/data", "Content-Type: application/json", 403),
    ("PATCH /segments/corrupt/data", "Content-Type: application/json", 500),
    ("PATCH /segments/a/data", "Content-Type: application/octet-stream", 422),
    ("POST /segments", "Content-Type: text/plain", 415),
    ("POST /segments", "Content-Type: application/json\r\nOrigin: http://attacker.example", 403),
]


@pytest.mark.parametrize("target, fields, status", ASKING)
def test_who_asks_before_sending_a_body_is_refused_without_it(place, target, fields, status):
    before = state(place)
    head = f"{target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    answer = raw_request(place, head.encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert b"application/problem+json" in answer
    assert state(place) == before


def test_who_asks_before_sending_a_good_body_is_told_to_go_on(place):
    head = b"PATCH /segments/floats/data HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", place.port), timeout=60) as client:
        client.sendall(head + b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"1")
        assert client.recv(65_536).startswith(b"HTTP/1.1 204 ")


def test_too_large_is_more_than_a_gibibyte_unless_said_otherwise(gateway):
    answer = raw_request(gateway, HEAD + b"Content-Length: 1073741825\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    asking = raw_request(gateway, HEAD + b"Expect: 100-continue\r\nContent-Length: 1073741824\r\n\r\n")
    assert asking.startswith(b"HTTP/1.1 100 ")


def whole_problem(gateway, head):
    """The problem document that answers a head of a request, read to its end."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as client:
        client.sendall(head)
        response = http.client.HTTPResponse(client)
        response.begin()
        return Answer(response)


@pytest.mark.parametrize("fields", [b"Content-Length: 67108864\r\n", b"Content-Length: 67108864\r\nExpect: 100-continue\r\n"])
def test_too_large_a_body_has_its_problem_and_writes_nothing(place, fields):
    before = state(place)
    for target in (b"PATCH /segments/a/data", b"POST /segments"):
        head = target + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + fields + b"\r\n"
        answer = whole_problem(place, head)
        assert answer.status == 413
        check_problem(answer, "too-large")
    assert state(place) == before


@pytest.mark.parametrize("name", ["b", "A-Z_0.9", "0", "-", "_", "a" * 200, "a..b"])
def test_a_name_that_is_one_is_taken(place, name):
    place.create(name, {"kind": "bytes", "size": 1})
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    assert place.request("GET", f"/segments/{encoded}").json()["name"] == name
    assert place.request("DELETE", f"/segments/{name}").status == 204


@pytest.mark.parametrize(
    "content", [b"", b"S", b"SHMGATE", b"shmgate\0" + bytes(8184), bytes(4096), bytes(12_288), b"SHMGATE\1" + bytes(12_280)]
)
def test_a_file_without_the_magic_is_not_ours(place, content):
    with open(place.path("other"), "wb") as file:
        file.write(content)
    before = state(place)
    assert "other" not in [entry["name"] for entry in place.request("GET", "/segments").json()["segments"]]
    for method, path, body in (("GET", "", ...), ("GET", "/data", ...), ("PATCH", "/data", 1), ("DELETE", "", ...)):
        check_problem(place.request(method, f"/segments/other{path}", body), "no-such-segment")
    for replace in (False, True):
        body = {"name": "other", "layout": LAYOUT, "replace": replace}
        check_problem(place.request("POST", "/segments", body), "already-exists")
    assert state(place) == before
    os.unlink(place.path("other"))


@pytest.mark.parametrize("size", [4095, 4096, 8191, 8192])
def test_a_segment_that_was_cut_short_is_corrupt(place, size):
    with open(place.path("a"), "rb") as file:
        check_corrupt(place, file.read(size))


@pytest.mark.parametrize("target", ["a", "nowhere", "/etc/passwd", ".", "outside"])
def test_a_link_is_never_followed(place, target):
    outside = tempfile.NamedTemporaryFile(dir=os.path.dirname(place.directory), prefix="shmgate-interop-outside-")
    outside.write(open(place.path("a"), "rb").read())
    outside.flush()
    link = place.path("link")
    os.symlink(outside.name if target == "outside" else target, link)
    before = open(outside.name, "rb").read(), open(place.path("a"), "rb").read()
    listed = [entry["name"] for entry in place.request("GET", "/segments").json()["segments"]]
    assert "link" not in listed
    for method, path, body in (("GET", "", ...), ("GET", "/data", ...), ("PATCH", "/data", 9), ("DELETE", "", ...)):
        check_problem(place.request(method, f"/segments/link{path}", body), "no-such-segment")
    for replace in (False, True):
        answer = place.request("POST", "/segments", {"name": "link", "layout": LAYOUT, "replace": replace})
        check_problem(answer, "already-exists")
    assert os.path.islink(link)
    assert (open(outside.name, "rb").read(), open(place.path("a"), "rb").read()) == before
    os.unlink(link)
    outside.close()


def test_attributes_are_as_deep_and_as_large_as_a_header_may_be(gateway):
    deep = {"kind": "bytes", "size": 1}
    gateway.create("deep", deep, attrs=json.loads('{"a":' * 60 + "1" + "}" * 60))
    assert gateway.request("GET", "/segments/deep").status == 200
    for attrs in (json.loads('{"a":' * 64 + "1" + "}" * 64), {"a": "x" * (16 << 20)}):
        before = sorted(os.listdir(gateway.directory))
        answer = gateway.request("POST", "/segments", {"name": "beyond", "layout": deep, "attrs": attrs})
        assert answer.status in (400, 413), answer
        check_problem(answer, answer.json()["code"])
        assert sorted(os.listdir(gateway.directory)) == before


@pytest.mark.parametrize("mode", ["0000", "0200", "0400"])
def test_a_segment_that_nobody_may_read_is_made_all_the_same(of_nobody, mode):
    layout = {"kind": "bytes", "size": 3}
    answer = of_nobody.request("POST", "/segments", {"name": f"m{mode}", "layout": layout, "mode": mode})
    assert answer.status == 201, answer
    assert answer.headers["Location"] == f"/segments/m{mode}"
    assert answer.json()["name"] == f"m{mode}"
    assert stat.S_IMODE(os.stat(of_nobody.path(f"m{mode}")).st_mode) == int(mode, 8)


@pytest.mark.parametrize(
    "dtype, good, bad",
    [
        ("?", b"\0\1\1", b"\0\1\2"),
        ("<U2", "aäb€\U0010ffff".encode("utf-32-le") + bytes(4), bytes(12) + struct.pack("<3I", 0, 0xD800, 0)),
        (">U2", "aäb€x".encode("utf-32-be") + bytes(4), bytes(20) + struct.pack(">I", 0x110000)),
        ([["a", "<i2"], ["b", "?"]], b"\2\2\1" * 3, b"\2\2\1" * 2 + b"\2\2\3"),
    ],
)
def test_bytes_that_are_no_value_of_the_dtype_are_refused(gateway, dtype, good, bad):
    gateway.create("bytes", {"kind": "ndarray", "dtype": dtype, "shape": [3]}, replace=True)
    assert gateway.request("PATCH", "/segments/bytes/data", good, RAW).status == 204
    answer = gateway.request("PATCH", "/segments/bytes/data", bad, RAW)
    assert (answer.status, answer.json()["code"]) == (422, "value-out-of-range"), answer
    plain = np.dtype([tuple(field) for field in dtype] if isinstance(dtype, list) else dtype)
    file = io.BytesIO()
    np.lib.format.write_array(file, np.frombuffer(bad, plain))
    answer = gateway.request("PATCH", "/segments/bytes/data", file.getvalue(), NPY)
    assert (answer.status, answer.json()["code"]) == (422, "value-out-of-range"), answer
    assert gateway.request("GET", "/segments/bytes/data?format=raw").body == good


def test_a_busy_segment_names_its_writer(gateway):
    gateway.create("held", {"kind": "ndarray", "dtype": "f8", "shape": [200_000]}, replace=True)
    path = gateway.path("held")
    with open(path, "r+b") as file:
        lock_range(file.fileno(), F_OFD_SETLK, fcntl.F_WRLCK, LOCK)
        os.pwrite(file.fileno(), struct.pack("<QQQ", 3, 0, 4711), 64)
        for words in [("PATCH", "/segments/held/data?slice=0", 1, JSON), ("GET", "/segments/held/data?format=raw")]:
            answer = gateway.request(*words)
            assert (answer.status, answer.json()["code"]) == (503, "busy"), answer
            assert "process 4711 is writing" in answer.json()["detail"]
        os.pwrite(file.fileno(), struct.pack("<Q", 2), 64)
