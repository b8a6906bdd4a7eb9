"""A segment that objects are parts of: its description, and its mapping if there is one."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from typing import Any

from ..errors import SegmentReplaced
from ..reading import warn_damaged
from ..writing import Write
from .client import Answer, Client, Query
from .nearby import open_here, read_here, write_here


class Root:
    """A segment of a gateway. It stays the one that was asked for at first, whoever gets the name."""

    def __init__(self, client: Client, name: str, local: bool | None):
        self._client = client
        self._name = name
        self.description = self._fetch()
        self.segment = None if local is False else open_here(self.description)
        if local and self.segment is None:
            raise SegmentReplaced(f"expected the file of the segment {name!r} on this host, it is not there")

    def _fetch(self) -> dict[str, Any]:
        return self._client.request("GET", f"/segments/{urllib.parse.quote(self._name)}").json()

    def describe(self) -> dict[str, Any]:
        """The description of now; `SegmentReplaced` if it is of another segment."""
        description = self._fetch()
        self._require_same(description["uuid"])
        return description

    def request(
        self, method: str, path: str, query: Query, body: bytes | None = None, media: str | None = None
    ) -> Answer:
        """Sends a request about this segment; `SegmentReplaced` if the answer is about another one of its name."""
        answer = self._client.request(method, path, query, body, media)
        self._require_same(answer.uuid)
        if answer.headers.get("Shm-Damaged") == "1":
            warn_damaged(self._name)
        return answer

    def _require_same(self, uuid: str | None) -> None:
        if uuid is not None and uuid != self.description["uuid"]:
            raise SegmentReplaced(f"the name {self._name!r} was given to another segment")

    def read(self, take: Callable[[Any], Any]) -> Any:
        """What `take` takes of the mapped segment's object, copied under the shared lock."""
        return read_here(self.segment, self._client.timeout, take)

    def write(self, whole: bool, store: Callable[[Write, Any], None]) -> None:
        """Lets `store` write to the mapped segment's object."""
        write_here(self.segment, self._client.timeout, whole, store)

    def node(self, member: tuple[str, ...]) -> dict[str, Any]:
        """The layout of a part."""
        node = self.description["layout"]
        parts = list(member)
        while parts:
            word = parts.pop(0)
            if word == "members":
                node = node["members"][parts.pop(0)]
            elif word == "items":
                parts.pop(0)
                node = node["item"]
            else:
                shape = node.get("shape") or ([label_count(node["index"])] if node["kind"] == "series" else [])
                node = {"kind": "ndarray", "dtype": node["dtype"], "shape": shape}
        return node


def label_count(node: dict[str, Any]) -> int:
    """How many labels there are."""
    return len(range(*node["range"])) if "range" in node else node["size"]
