"""What every group of roads works with: the gateway, its peers, the load, and the book of what was found."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import redis
from ground import Ground
from loads import Load, judge
from roads import Finding, Road
from servers import Peer, compile_c, launch_asgi, launch_nginx, launch_redis, launch_static, running


@dataclass
class Bench:
    binary: str  # the gateway's
    work: Path  # below /dev/shm
    ground: Ground
    load: Load
    gateway: Peer
    quick: bool
    only: list[str]  # keys of roads; none, all
    results: list[tuple[Road, list[dict[str, dict[str, float]]]]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)  # what no road is, by group
    more: dict[str, Any] = field(default_factory=dict)  # the same for the JSON

    # --- segments

    @property
    def segments(self) -> Path:
        return self.work / "segments"

    def create(self, name: str, layout: dict, data: np.ndarray | None = None) -> None:
        """A segment, with these elements in its one array."""
        body = json.dumps({"name": name, "layout": layout}).encode()
        self.gateway.request("POST", "/segments", body, "application/json", 201)
        if data is not None:
            self.array(name)[...] = data

    def array(self, name: str, number: int = 0) -> np.ndarray:
        """An array of a segment as every local process maps it."""
        path = self.segments / name
        with path.open("rb") as file:
            head = file.read(4096)
            header = json.loads(file.read(int.from_bytes(head[48:56], "little")))
        buffer = header["buffers"][number]
        return np.memmap(path, buffer["dtype"], "r+", buffer["offset"], tuple(buffer["shape"]))

    def remove(self, *names: str) -> None:
        for name in names:
            self.gateway.request("DELETE", f"/segments/{name}", expected=204)

    # --- roads

    @contextmanager
    def static_peers(self, roads: list[Road]) -> Iterator[dict[str, Peer]]:
        """nginx and the plain libmicrohttpd program over what the gateway answers now."""
        files = self.work / "files"
        shutil.rmtree(files, ignore_errors=True)
        files.mkdir()
        for road in roads:
            if any(request.target == f"/{road.key}" for request in road.requests.values()):
                (files / road.key).write_bytes(self.gateway.get(road.requests["shmgate"].target))
        program = self.work / "static"
        if not program.exists():
            compile_c("static.c", program, "microhttpd")
        threads, cpus = self.ground.threads, self.ground.servers
        nginx = launch_nginx("nginx", self.work / "nginx", files, threads, cpus)
        plain = launch_static(program, files, threads, cpus)
        try:
            with running(nginx, plain, path=f"/{roads[0].key}") as peers:
                yield peers
        finally:
            shutil.rmtree(files)

    @contextmanager
    def asgi_peer(self) -> Iterator[dict[str, Peer]]:
        """The ASGI program over the segments of the gateway."""
        with running(launch_asgi("ASGI", "asgi", self.segments, self.ground.servers), path="/") as peers:
            yield peers

    @contextmanager
    def tiled_peer(self) -> Iterator[dict[str, Peer]]:
        """Tiled over the segment `grid` of the gateway."""
        with running(launch_asgi("Tiled", "tiled_tree", self.segments, self.ground.servers), path="/api/v1/") as peers:
            yield peers

    @contextmanager
    def redis_peer(self, **strings: np.ndarray) -> Iterator[dict[str, Peer]]:
        """Redis with these bytes under these keys."""
        with running(launch_redis(self.ground.servers)) as peers:
            with redis.Redis(port=peers["Redis"].port) as client:
                for key, value in strings.items():
                    client.set(key, memoryview(value).cast("B"))
            yield peers

    def run(self, roads: list[Road], peers: dict[str, Peer]) -> None:
        """Measures roads, behind a look whether all servers send the same."""
        servers = {"shmgate": self.gateway} | peers
        for road in (one for one in roads if not self.only or one.key in self.only):
            # "ASGI, pandas" is another request to the server "ASGI".
            peers = {
                name: servers[name.partition(",")[0]] for name in road.requests if name.partition(",")[0] in servers
            }
            self.check_same(road, peers)
            rounds = self.load.compare(road, peers)
            self.results.append((road, rounds))
            self.findings += judge(road, rounds)

    def check_same(self, road: Road, peers: dict[str, Peer]) -> None:
        seen: dict[str, str] = {}
        for name, request in road.requests.items():
            if name in peers and request.method == "GET" and request.target:
                what = road.same(peers[name].get(request.target))
                seen[name] = hashlib.sha256(what).hexdigest() if isinstance(what, bytes) else repr(what)
        if len(set(seen.values())) > 1:
            raise SystemExit(f"{road.title}: the servers do not send the same: {seen}")
