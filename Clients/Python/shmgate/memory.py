"""Plain shared memory: a segment of the kind `bytes`."""

from __future__ import annotations

import os
from typing import Any

from .errors import InvalidLayout
from .layouts import BytesLayout
from .names import check_name, segment_directory
from .publishing import create, unlink
from .reading import bound
from .segment import Segment


class SharedMemory:
    """Bytes in shared memory. They stay until somebody unlinks them, whoever made them and whoever still runs.

    `name` is the segment's name, `size` its payload in bytes, `buf` a writable memoryview of the payload, which is
    valid until `close` (slices of it keep the memory mapped for as long as they live).
    """

    def __init__(self, name: str, directory: str, buf: memoryview):
        self._name = name
        self._directory = directory
        self._size = len(buf)
        self._buf: memoryview | None = buf

    @classmethod
    def create(
        cls, name: str, size: int, *, directory: str | os.PathLike[str] | None = None, **settings: Any
    ) -> SharedMemory:
        """Makes new memory of `size` zero bytes; `settings` are those of `shmgate.create`. The name has to be free."""
        directory = segment_directory(directory)
        return cls(name, directory, create(name, BytesLayout(size), directory=directory, **settings))

    @classmethod
    def open(cls, name: str, mode: str = "r+", *, directory: str | os.PathLike[str] | None = None) -> SharedMemory:
        """Opens memory that exists; `mode` is `"r+"` or `"r"`. `InvalidLayout` for a segment of another kind."""
        if mode not in ("r", "r+"):
            raise ValueError(f"expected the mode 'r' or 'r+', got {mode!r}")
        directory = segment_directory(directory)
        segment = Segment.open(check_name(name), directory, writable=mode == "r+")
        kind = segment.header.layout.node()["kind"]
        if kind != "bytes":
            raise InvalidLayout(f"expected a segment of the kind bytes, {name!r} is of the kind {kind}: load it")
        return cls(name, directory, bound(segment))

    @property
    def name(self) -> str:
        """The segment's name."""
        return self._name

    @property
    def size(self) -> int:
        """Bytes of payload."""
        return self._size

    @property
    def buf(self) -> memoryview:
        """The payload; ValueError after `close`."""
        if self._buf is None:
            raise ValueError("the shared memory is closed")
        return self._buf

    def close(self) -> None:
        """Lets go of the mapping; the segment stays. A second time does nothing."""
        buf, self._buf = self._buf, None
        if buf is not None:
            buf.release()

    def unlink(self) -> None:
        """Takes the name away; whoever has it mapped keeps it."""
        unlink(self._name, directory=self._directory)

    def __enter__(self) -> SharedMemory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SharedMemory({self._name!r}, size={self._size})"
