"""A segment of a gateway as a zarr store. Imported where it is used, for it needs zarr."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import urllib.parse
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from ..errors import GatewayError, NoSuchLabel
from .client import RAW, Client


class ZarrStore(Store):
    """The keys of a segment, v3 and v2, read, written, erased and listed through the gateway.

    A chunk that is written is one write of the gateway, all or nothing; one that is erased holds the fill value. Reads
    and writes wait while the segment is busy. What the gateway refuses is `GatewayError` with its `detail`. It can be
    pickled. Lists are of the keys of v3.
    """

    supports_writes = True
    supports_deletes = True
    supports_listing = True

    def __init__(self, client: Client, name: str, *, read_only: bool = False):
        super().__init__(read_only=read_only)
        self._client = client
        self._name = name

    def with_read_only(self, read_only: bool = False) -> ZarrStore:
        """The same store, with leave to write or without."""
        return ZarrStore(self._client, self._name, read_only=read_only)

    def __eq__(self, value: object) -> bool:
        return (
            isinstance(value, ZarrStore)
            and (self._client.url, self._name) == (value._client.url, value._name)
            and self.read_only == value.read_only
        )

    def __repr__(self) -> str:
        return f"ZarrStore({self._client.url!r}, {self._name!r})"

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The value of a key, or a part of it; None if it is absent."""
        body = await asyncio.to_thread(self._read, key, byte_range)
        return None if body is None else prototype.buffer.from_bytes(body)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Parts of several values."""
        return await asyncio.gather(*(self.get(key, prototype, part) for key, part in key_ranges))

    async def exists(self, key: str) -> bool:
        """Whether there is a key."""
        return await asyncio.to_thread(self._send, "HEAD", key) is not None

    async def getsize(self, key: str) -> int:
        """How many bytes the value of a key has."""
        answer = await asyncio.to_thread(self._send, "HEAD", key)
        if answer is None:
            raise FileNotFoundError(key)
        return int(answer.headers["Content-Length"])

    async def set(self, key: str, value: Buffer) -> None:
        """Writes a chunk; metadata and labels only as they are."""
        self._check_writable()
        if await asyncio.to_thread(self._send, "PUT", key, value.to_bytes()) is None:
            raise GatewayError(f"the segment {self._name} has no key {key}, and none can be added", 404, "no-such-member")

    async def delete(self, key: str) -> None:
        """Writes the fill value into a chunk; an absent key stays absent."""
        self._check_writable()
        await asyncio.to_thread(self._send, "DELETE", key)

    async def list(self) -> AsyncIterator[str]:
        """Every key."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Every key that begins with a prefix."""
        for path, node in (await asyncio.to_thread(self._nodes)).items():
            for key in _keys(node):
                if (whole := f"{path}/{key}" if path else key).startswith(prefix):
                    yield whole

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """What stands right below a prefix."""
        below = prefix.strip("/") + "/" if prefix.strip("/") else ""
        seen: set[str] = set()
        async for key in self.list_prefix(below):
            name = key[len(below) :].split("/", 1)[0]
            if name not in seen:
                seen.add(name)
                yield name

    def _read(self, key: str, part: ByteRequest | None) -> bytes | None:
        headers = {}
        if isinstance(part, RangeByteRequest):
            if part.end <= part.start:
                return b"" if self._send("HEAD", key) else None
            headers["Range"] = f"bytes={part.start}-{part.end - 1}"
        elif isinstance(part, OffsetByteRequest):
            headers["Range"] = f"bytes={part.offset}-"
        elif isinstance(part, SuffixByteRequest):
            headers["Range"] = f"bytes=-{part.suffix}"
        try:
            answer = self._send("GET", key, headers=headers)
        except GatewayError as error:
            if error.code == "range-not-satisfiable":
                return b""
            raise
        if answer is None:
            return None
        if headers and answer.status != 206:  # metadata come whole
            return answer.body[_slice(part)]
        return answer.body

    def _send(self, method: str, key: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        """The answer; None where the key is absent."""
        path = f"/zarr/{self._name}/{urllib.parse.quote(key)}"
        try:
            return self._client.request(method, path, body=body, media=None if body is None else RAW, headers=headers)
        except NoSuchLabel:
            return None
        except GatewayError as error:
            if method == "HEAD" and error.status in (404, 406):
                return None
            raise

    def _nodes(self) -> dict[str, dict[str, Any]]:
        """Metadata of every node by its path."""
        answer = self._send("GET", "zarr.json")
        if answer is None:
            return {}
        root = answer.json()
        return {"": root, **root.get("consolidated_metadata", {}).get("metadata", {})}


def _slice(part: Any) -> slice:
    if isinstance(part, RangeByteRequest):
        return slice(part.start, part.end)
    return slice(part.offset, None) if isinstance(part, OffsetByteRequest) else slice(-part.suffix, None)


def _keys(node: dict[str, Any]) -> Iterator[str]:
    """The keys of a node: metadata, and chunks of an array."""
    yield "zarr.json"
    if node["node_type"] == "array":
        chunks = node["chunk_grid"]["configuration"]["chunk_shape"]
        counts = [range(math.ceil(extent / chunk)) for extent, chunk in zip(node["shape"], chunks)]
        for place in itertools.product(*counts):
            yield "/".join(["c", *map(str, place)])
