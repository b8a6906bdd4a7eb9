"""What a road is: one thing to do, asked of several servers, and what is expected of the figures."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

GIB = 1 << 30


@dataclass(frozen=True)
class Request:
    """A request of HTTP, or, without a target, bytes as they go over the wire."""

    target: str = ""
    method: str = "GET"
    body: bytes = b""
    kind: str = ""  # media type of the body
    targets: tuple[str, ...] = ()  # many instead of one, asked in turn; for wrk alone

    def wire(self, host: str) -> bytes:
        if not self.target:
            return self.body
        head = f"{self.method} {self.target} HTTP/1.1\r\nHost: {host}\r\n"
        if self.method != "GET":
            head += f"Content-Type: {self.kind}\r\nContent-Length: {len(self.body)}\r\n"
        return head.encode() + b"\r\n" + self.body


@dataclass(frozen=True)
class Target:
    """What a figure of one server is to be, beside another's.

    `most`: figure ÷ peer's at the most. `least`: so many times as good, for costs the peer's ÷ figure.
    """

    figure: str  # cost or rate
    peer: str
    most: float | None = None
    least: float | None = None
    server: str = "shmgate"

    def value(self, ours: dict[str, float], theirs: dict[str, float]) -> float:
        """Of one round."""
        a, b = ours[self.figure], theirs[self.figure]
        if self.figure == "cost" and self.least is not None:
            a, b = b, a
        return a / b if b else float("inf")

    def words(self, unit: str) -> str:
        """`CPU per request ÷ nginx`."""
        what = f"CPU per {unit}" if self.figure == "cost" else f"{unit}s/s" if unit == "request" else f"{unit}/s"
        if self.figure == "cost" and self.least is not None:
            return f"{what}, {self.peer} ÷ {self.server}"
        return f"{what}, {self.server} ÷ {self.peer}"


@dataclass(frozen=True)
class Road:
    key: str
    title: str
    requests: dict[str, Request]  # by server; variants of one server are "shmgate, relaxed" and so on
    targets: tuple[Target, ...] = ()
    connections: int = 32
    wrk: bool = False  # else client.c, which also writes
    moves: int = 0  # bytes of one request, if the figures are for each GiB
    same: Callable[[bytes], Any] = field(default=bytes)  # of a body: what must be equal between servers

    @property
    def unit(self) -> str:
        return "GiB" if self.moves else "request"


@dataclass(frozen=True)
class Finding:
    """A figure beside its target."""

    title: str
    what: str
    value: float
    most: float | None = None
    least: float | None = None
    unit: str = "×"

    @property
    def met(self) -> bool:
        return self.value <= self.most if self.most is not None else self.value >= (self.least or 0)


def redis_command(*words: str | bytes) -> Request:
    """A command as it goes over the wire."""
    encoded = [word if isinstance(word, bytes) else word.encode() for word in words]
    pieces = [b"*%d\r\n" % len(encoded), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)]
    return Request(body=b"".join(pieces))


STATIC = ("nginx", "libmicrohttpd")  # servers of files: what the gateway answered, byte for byte


def read(key: str, title: str, target: str, *targets: Target, peers=STATIC, asgi: str = "", **more) -> Road:
    """A road of GETs: the gateway's target, files for the servers of files, and the ASGI peer's target."""
    requests = {"shmgate": Request(target)} | {peer: Request(f"/{key}") for peer in peers}
    if asgi:
        requests["ASGI"] = Request(asgi)
    return Road(key, title, requests, targets, **more)
