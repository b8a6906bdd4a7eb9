"""Web pages of other origins: what a browser asks and reads, with `--cors-origin` and without."""

import subprocess

import pytest

from gateway import JSON, Gateway, binary

PAGE, OTHER = "https://app.example.org", "https://evil.example.org"
PREFLIGHT = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "content-type, if-match"}


def allowed_by_fetch(answer, origin):
    """Whether a browser lets a page of the origin read an answer (the CORS check of the Fetch standard)."""
    return answer.headers.get_all("Access-Control-Allow-Origin") in ([origin], ["*"])


def test_without_the_option_nothing_is_said(gateway):
    gateway.create("a", {"kind": "bytes", "size": 3})
    for headers in ({}, {"Origin": "http://localhost:3000"}):
        answer = gateway.request("GET", "/segments/a/data", headers=headers)
        assert answer.status == 200 and not any(name.startswith("Access-Control") for name in answer.headers)
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    assert gateway.request("GET", "/segments/a/data", headers={"Origin": PAGE}).status == 403
    refused = gateway.request("OPTIONS", "/segments/a/data", headers={"Origin": "http://localhost:3000", **PREFLIGHT})
    assert (refused.status, refused.json()["code"]) == (405, "method-not-allowed")
    assert gateway.request("OPTIONS", "/segments/a/data", headers={"Origin": PAGE, **PREFLIGHT}).status == 403


def test_a_page_of_an_allowed_origin_reads_and_writes(own_gateway):
    gateway = own_gateway("--cors-origin", PAGE, "--cors-origin", "http://localhost:3000")
    gateway.create("a", {"kind": "ndarray", "dtype": "u1", "shape": [3]})
    for origin in (PAGE, "http://localhost:3000"):
        asked = gateway.request("OPTIONS", "/segments/a/data", headers={"Origin": origin, **PREFLIGHT})
        assert (asked.status, asked.body) == (204, b"") and allowed_by_fetch(asked, origin)
        assert asked.headers["Access-Control-Allow-Methods"] == "GET, HEAD, PATCH"
        assert asked.headers["Access-Control-Allow-Headers"] == "content-type, if-match"
        assert int(asked.headers["Access-Control-Max-Age"]) > 0
        assert {"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"} <= set(asked.headers["Vary"].split(", "))
        written = gateway.request("PATCH", "/segments/a/data", [1, 2, 3], {"Origin": origin})
        assert written.status == 204 and allowed_by_fetch(written, origin)
        read = gateway.request("GET", "/segments/a/data?format=raw", headers={"Origin": origin})
        assert read.body == b"\1\2\3" and allowed_by_fetch(read, origin)
        exposed = read.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"ETag", "Shm-Dtype", "Shm-Shape", "Shm-Damaged", "Location", "Content-Range", "Accept-Patch", "X-Request-Id", "Server-Timing"} <= set(exposed)
        assert "Origin" in read.headers["Vary"].split(", ")
        # What goes wrong can be read, too, wherever it is refused.
        for method, target in (("GET", "/segments/none"), ("GET", "/nowhere"), ("PATCH", "/segments/a/data"), ("DELETE", "/segments"), ("GET", "/segments/a/data?slice=9")):
            failed = gateway.request(method, target, headers={"Origin": origin})
            assert failed.status >= 400 and allowed_by_fetch(failed, origin), failed
        known = gateway.request("GET", "/segments/a/data?format=raw", headers={"Origin": origin, "If-None-Match": read.headers["ETag"]})
        assert known.status == 304 and allowed_by_fetch(known, origin)
    made = gateway.request("POST", "/segments", {"name": "b", "layout": {"kind": "bytes", "size": 1}}, {"Origin": PAGE})
    assert made.status == 201 and allowed_by_fetch(made, PAGE) and made.headers["Location"] == "/segments/b"


EMBEDDED = [("no-cors", "image"), ("no-cors", "script"), ("navigate", "iframe"), ("navigate", "object"), ("cors", "empty")]


@pytest.mark.parametrize("mode, kind", EMBEDDED)
def test_what_a_page_of_another_site_embeds_is_refused(gateway, own_gateway, mode, kind):
    """Images, scripts and frames are asked for without an Origin; browsers say so in other fields."""
    gateway.create("embedded", {"kind": "bytes", "size": 3}, replace=True)
    fields = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": kind}
    answer = gateway.request("GET", "/segments/embedded/data", headers=fields)
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")
    # Pages of this machine may, and who follows a link sees the answer himself.
    for site in ("same-origin", "same-site", "none"):
        assert gateway.request("GET", "/segments/embedded/data", headers={**fields, "Sec-Fetch-Site": site}).status == 200
    followed = {**fields, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert gateway.request("GET", "/segments/embedded/data", headers=followed).status == 200
    # An operator who lets all pages read lets them embed, too; who names some means those that say who they are.
    for origin, status in (("*", 200), (PAGE, 403)):
        allowing = own_gateway("--cors-origin", origin)
        allowing.create("embedded", {"kind": "bytes", "size": 3})
        assert allowing.request("GET", "/segments/embedded/data", headers=fields).status == status
    assert allowing.request("GET", "/segments/embedded/data", headers={**fields, "Origin": PAGE}).status == 200


def test_pages_of_other_origins_are_refused_as_ever(own_gateway):
    gateway = own_gateway("--cors-origin", PAGE)
    gateway.create("a", {"kind": "ndarray", "dtype": "u1", "shape": [3]})
    for origin in (OTHER, "null", f"{PAGE}.evil.org", f"{PAGE}:8443", "http://app.example.org", "https://evil.org/https://app.example.org"):
        for method, headers in (("GET", {}), ("PATCH", JSON), ("OPTIONS", PREFLIGHT)):
            answer = gateway.request(method, "/segments/a/data", b"1" if method == "PATCH" else ..., {"Origin": origin, **headers})
            assert (answer.status, answer.json()["code"]) == (403, "forbidden"), (origin, method)
            assert not allowed_by_fetch(answer, origin) and "Access-Control-Allow-Methods" not in answer.headers
    assert gateway.request("GET", "/segments/a/data", headers={"Host": "app.example.org", "Origin": PAGE}).status == 403
    # A page of this machine may ask, as ever; its browser does not let it read, for nobody named it.
    own = gateway.request("GET", "/segments/a/data", headers={"Origin": "http://localhost:3000"})
    assert own.status == 200 and not allowed_by_fetch(own, "http://localhost:3000") and "Origin" in own.headers["Vary"]
    # Who is no browser says no origin; caches have to know that answers differ.
    plain = gateway.request("GET", "/segments/a/data")
    assert plain.headers["Vary"] == "Accept, Accept-Encoding, Origin" and "Access-Control-Allow-Origin" not in plain.headers
    # OPTIONS that asks nothing is no question.
    assert gateway.request("OPTIONS", "/segments/a/data", headers={"Origin": PAGE}).status == 405
    assert gateway.request("OPTIONS", "/nowhere", headers={"Origin": PAGE, **PREFLIGHT}).status == 404


def test_all_origins(own_gateway):
    gateway = own_gateway("--cors-origin", "*")
    gateway.create("a", {"kind": "bytes", "size": 3})
    for origin in (PAGE, OTHER, "null"):
        asked = gateway.request("OPTIONS", "/segments/a", headers={"Origin": origin, **PREFLIGHT, "Access-Control-Request-Private-Network": "true"})
        assert asked.status == 204 and asked.headers["Access-Control-Allow-Origin"] == "*"
        assert asked.headers["Access-Control-Allow-Methods"] == "GET, HEAD, PUT, PATCH, DELETE"
        assert asked.headers["Access-Control-Allow-Private-Network"] == "true"
        answer = gateway.request("GET", "/segments/a", headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == "*" and "Origin" not in (answer.headers["Vary"] or "")
    # The names of this machine still count: a name of a stranger that leads here is a trick.
    assert gateway.request("GET", "/segments/a", headers={"Host": "evil.example.org", "Origin": OTHER}).status == 403
    odd = gateway.request("OPTIONS", "/segments/a", headers={"Origin": PAGE, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "x-ok, bad(name, , y"})
    assert odd.headers["Access-Control-Allow-Headers"] == "x-ok, y"


@pytest.mark.parametrize("origin", ["app.example.org", "https://", "https://a/", "https://a/b", "https://a,https://b", "https://*.example.org", "https://me@a", ""])
def test_what_is_no_origin_stops_the_start(tmp_path, origin):
    asked = subprocess.run([binary(), "serve", "--listen", "127.0.0.1:0", "--directory", str(tmp_path), "--cors-origin", origin], capture_output=True, text=True, timeout=60)
    assert asked.returncode != 0 and "--cors-origin" in asked.stderr


def test_the_environment_names_origins(monkeypatch):
    monkeypatch.setenv("SHMGATE_CORS_ORIGIN", f"{PAGE}, {OTHER}")
    gateway = Gateway()
    try:
        for origin in (PAGE, OTHER):
            assert allowed_by_fetch(gateway.request("GET", "/healthz", headers={"Origin": origin}), origin)
    finally:
        gateway.close()
