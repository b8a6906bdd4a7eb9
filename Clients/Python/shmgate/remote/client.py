"""HTTP to one gateway, with Python's own client."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import urllib.parse
from typing import Any

from ..errors import BusyError, GatewayError, IndexOutOfBounds, NoSuchLabel, NoSuchSegment

JSON, NPY, RAW = "application/json", "application/x-npy", "application/octet-stream"

Query = list[tuple[str, str]]


class Answer:
    """Status, header fields and body of a response."""

    def __init__(self, response: http.client.HTTPResponse):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def uuid(self) -> str | None:
        """The segment's identity, from the ETag."""
        tag = self.headers.get("ETag", "").strip('"')
        return tag[:36] if len(tag) > 36 else None


class Client:
    """A connection for each thread, kept alive. It can be pickled; the copy connects anew.

    `url` is `http://…`, `https://…` or `unix:/path`; `timeout` in seconds bounds each step of a request and, all in
    all, the patience with a busy segment.
    """

    def __init__(self, url: str, token: str | None, timeout: float):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https", "unix") or not (parts.netloc or parts.scheme == "unix"):
            raise ValueError(f"expected http://, https:// or unix:/path, got {url!r}")
        self.url = url
        self._parts = parts
        self._token = token
        self.timeout = timeout
        self._threads = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "token": self._token, "timeout": self.timeout}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def request(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: bytes | None = None,
        media: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Sends a request; waits while the segment is busy. `GatewayError` or one of its kin for a refusal.

        A connection that the other side has closed meanwhile is opened again once: all that this package sends may be
        sent twice.
        """
        target = self._parts.path.rstrip("/") * (self._parts.scheme != "unix") + path
        if query:
            target += "?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
        headers = dict(headers or {})
        if media is not None:
            headers["Content-Type"] = media
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        end = time.monotonic() + self.timeout
        while True:
            answer = self._send(method, target, body, headers)
            if answer.status < 300:
                return answer
            error = _error(answer)
            if answer.status != 503 or time.monotonic() >= end:
                raise error
            time.sleep(min(float(answer.headers.get("Retry-After", 1)), max(0.0, end - time.monotonic())))

    def _send(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        for attempt in (1, 2):
            held = getattr(self._threads, "held", None)
            is_fresh = held is None
            if held is None:
                held = self._threads.held = _Held(self._connect())
            connection = held.connection
            try:
                connection.request(method, target, body=body, headers=headers)
                return Answer(connection.getresponse())
            except (http.client.RemoteDisconnected, ConnectionError):
                self._threads.held = None
                if is_fresh or attempt == 2:
                    raise
            except BaseException:
                self._threads.held = None
                raise
        raise AssertionError("the second attempt returns or raises")

    def _connect(self) -> http.client.HTTPConnection:
        if self._parts.scheme == "unix":
            return _UnixConnection(self._parts.path, self.timeout)
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        return kind(self._parts.hostname, self._parts.port, timeout=self.timeout)


class _Held:
    """A connection that is closed when its thread, or the last object of its gateway, is gone."""

    def __init__(self, connection: http.client.HTTPConnection):
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket of the file system."""

    def __init__(self, path: str, timeout: float):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _error(answer: Answer) -> Exception:
    """The exception for a problem document."""
    try:
        problem = answer.json()
        code, detail = problem.get("code"), problem.get("detail") or problem.get("title")
    except (ValueError, AttributeError):
        code, detail = None, answer.body[:200].decode(errors="replace")
    message = f"{detail or 'the gateway refused'} ({answer.status}{f' {code}' if code else ''})"
    if code == "no-such-segment":
        return NoSuchSegment(message)
    if code == "busy":
        return BusyError(message)
    if code in ("no-such-label", "no-such-member"):
        return NoSuchLabel(message, answer.status, code)
    if code == "index-out-of-bounds":
        return IndexOutOfBounds(message, answer.status, code)
    return GatewayError(message, answer.status, code)
