"""A gateway: its segments by name."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import NoSuchSegment
from ..names import check_name
from .client import Client
from .objects import RemoteObject

if TYPE_CHECKING:
    from .zarr import ZarrStore


def connect(url: str, *, token: str | None = None, timeout: float = 30.0, local: bool | None = None) -> Gateway:
    """A gateway by its address: `http://host:8080`, `https://…` or `unix:/path`.

        prices = shm.connect("http://host:8080")["prices"]

    `token` goes along as `Authorization: Bearer`. `timeout` in seconds bounds each step of a request and the patience
    with a busy segment. `local` False never maps a file, True insists on it (`SegmentReplaced` if it cannot be).
    Nothing is sent before the first use.
    """
    return Gateway(Client(url, token, timeout), local)


class Gateway:
    """The segments of a gateway by name. Can be pickled, and used by several threads."""

    def __init__(self, client: Client, local: bool | None):
        self._client = client
        self._local = local

    def __getitem__(self, name: str) -> RemoteObject:
        """A segment; `NoSuchSegment` (which is a FileNotFoundError) if there is none."""
        return RemoteObject(self._client, check_name(name), self._local)

    def zarr_store(self, name: str, *, read_only: bool = False) -> ZarrStore:
        """A segment as a store for zarr-python 3.1, and so for xarray and Dask; it needs `shmgate[zarr]`.

            xr.open_zarr(shm.connect("http://host:8080").zarr_store("prices"))
        """
        from .zarr import ZarrStore

        return ZarrStore(self._client, check_name(name), read_only=read_only)

    def __contains__(self, name: str) -> bool:
        try:
            self._client.request("GET", f"/segments/{urllib.parse.quote(check_name(name))}")
        except NoSuchSegment:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        """The names of all segments, page by page."""
        after: str | None = ""
        while after is not None:
            query = [("after", after)] if after else []
            page: dict[str, Any] = self._client.request("GET", "/segments", query).json()
            yield from (segment["name"] for segment in page["segments"])
            after = page["next"]

    def keys(self) -> list[str]:
        """The names of all segments."""
        return list(self)

    def __repr__(self) -> str:
        return f"Gateway({self._client.url!r})"
