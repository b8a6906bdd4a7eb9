"""Names of segments, and the directory that they stand in."""

from __future__ import annotations

import os
import re

from .errors import InvalidName

MAXIMUM_BYTES = 200
_ALLOWED = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\Z")


def check_name(name: str) -> str:
    """Gives `name` back if a segment can have it; `InvalidName` if not.

    A name is 1 to 200 bytes of `A-Z a-z 0-9 _ . -` and does not start with a dot.
    """
    if not isinstance(name, str) or not _ALLOWED.match(name) or len(name) > MAXIMUM_BYTES:
        raise InvalidName(
            f"expected a name of 1 to {MAXIMUM_BYTES} of A-Z a-z 0-9 _ . and -, no dot first, got {name!r:.100}"
        )
    return name


def segment_directory(directory: str | os.PathLike[str] | None) -> str:
    """The directory as given, else `SHMGATE_DIRECTORY` of the environment, else `/dev/shm`."""
    return os.fspath(directory or os.environ.get("SHMGATE_DIRECTORY") or "/dev/shm")
