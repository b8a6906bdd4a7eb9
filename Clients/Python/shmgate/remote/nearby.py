"""A segment of a gateway as this host has it: mapped, with the same promises as far away."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..casting import fit
from ..errors import SegmentReplaced, ShmgateError
from ..lock import Deadline
from ..reading import copy_locked, shared, warn_damaged
from ..segment import Segment
from ..writing import Write
from .selections import Index


def open_here(description: dict[str, Any]) -> Segment | None:
    """The segment that a description speaks of, mapped, if its file is on this host; else None.

    It is if the file under the described path has the described dev and ino and the uuid in its control page. A layout
    with an alias stays with the gateway, for here it would be an object of the user's own.
    """
    place = description.get("mmap", {})
    path = str(place.get("path", ""))
    if os.path.basename(path) != description["name"] or '"alias"' in str(description["layout"]).replace("'", '"'):
        return None
    with contextlib.suppress(ShmgateError, OSError):
        segment = Segment.open(description["name"], os.path.dirname(path), writable=True)
        found = (segment.status.st_dev, segment.status.st_ino, str(segment.fixed.uuid))
        if found == (place.get("dev"), place.get("ino"), description["uuid"]) and segment.header:
            return segment
    return None


def read_here(segment: Segment, timeout: float, take: Callable[[Any], Any]) -> Any:
    """What `take` takes of the segment's object, copied while nobody writes."""
    with shared(segment, Deadline(timeout)):
        if not segment.is_current():
            raise SegmentReplaced(f"the name {segment.name!r} leads to another segment now")
        base = segment.base
        if segment.control.sequence % 2 or segment.control.damaged:
            base, damaged = copy_locked(segment)
            if damaged:
                warn_damaged(segment.name)
        return _copied(take(segment.header.layout.bind(segment.header.buffers(base)).obj))


def write_here(segment: Segment, timeout: float, whole: bool, store: Callable[[Write, Any], None]) -> None:
    """Lets `store` write to the segment's object, in one write that is undone if it fails."""
    if not segment.is_current():
        raise SegmentReplaced(f"the name {segment.name!r} leads to another segment now")
    transaction = Write(segment.name, segment.directory, whole, True, timeout)
    with transaction as obj:
        store(transaction, obj)


def part_of(obj: Any, member: tuple[str, ...]) -> Any:
    """The part of a segment's object that a path names."""
    parts = list(member)
    while parts:
        word = parts.pop(0)
        if word == "values":
            return obj.data if hasattr(obj, "dims") else obj.to_numpy()
        key = parts.pop(0)
        obj = obj[key] if word == "members" else obj[int(key)]
    return obj


def pick(obj: Any, key: Any, labels: dict[str, Any] | None, columns: Any, how: dict[str, Any]) -> Any:
    """What a selection takes of an object, as the gateway would: by place, by label, by column."""
    if columns is not None:
        obj = obj[columns]
    if isinstance(obj, memoryview) or not hasattr(obj, "shape"):  # bytes, structs, lists and JSON come as a whole
        return obj
    if hasattr(obj, "iloc"):
        if labels:
            return obj.loc[_label(labels, how, obj.index)]
        return obj.iloc[_rows(key, obj)]
    if labels:
        return obj.sel(labels, **{name: value for name, value in how.items() if value is not None})
    return obj[Index(key, obj.shape).numpy]


def put(obj: Any, key: Any, labels: dict[str, Any] | None, columns: Any, value: Any) -> None:
    """What an assignment does to an array, Series, DataFrame or DataArray, inside a write.

    KeyError for a label or column that is not there; labels never change.
    """
    if hasattr(obj, "iloc"):
        _put_rows(obj, key, labels, columns, value)
    elif labels:
        obj.loc[labels] = fit(value, obj.dtype)
    else:
        target = obj.data if hasattr(obj, "dims") else obj
        target[Index(key, obj.shape).numpy] = fit(value, target.dtype)


def _put_rows(obj: Any, key: Any, labels: dict[str, Any] | None, columns: Any, value: Any) -> None:
    """Column by column, in the dtype of each: pandas gives a column another dtype rather than convert a value."""
    import pandas as pd

    rows = np.asarray(pick(pd.Series(np.arange(len(obj)), obj.index), key, labels, None, {}))
    if obj.ndim == 1:
        obj.iloc[np.atleast_1d(rows)] = _in_dtype(np.broadcast_to(_array(value), rows.shape).ravel(), obj.dtype)
        return
    names = [columns] if isinstance(columns, str) else list(obj.columns if columns is None else columns)
    wanted = rows.shape if isinstance(columns, str) else (*rows.shape, len(names))
    if hasattr(value, "iloc") and value.ndim == 2:
        parts = [_array(value[name]) for name in names]
    else:
        parts = list(np.moveaxis(np.broadcast_to(_array(value), wanted).reshape(*rows.shape, len(names)), -1, 0))
    for name, part in zip(names, parts):
        place = obj.columns.get_loc(name)
        values = np.broadcast_to(part, rows.shape).ravel()
        obj.iloc[np.atleast_1d(rows), place] = _in_dtype(values, obj.dtypes.iloc[place])


def _array(value: Any) -> np.ndarray:
    """Values as NumPy has them; of mixed or pandas' own types as objects."""
    if hasattr(value, "to_numpy"):
        return value.to_numpy() if isinstance(getattr(value, "dtype", None), np.dtype) else value.to_numpy(dtype=object)
    is_mixed = isinstance(value, (list, tuple)) and value and isinstance(value[0], (list, tuple))
    if is_mixed or hasattr(value, "isoformat"):
        return np.array(value, object)
    return np.asarray(value)


def _in_dtype(values: np.ndarray, dtype: Any) -> Any:
    import pandas as pd

    if not isinstance(dtype, np.dtype):
        return pd.array(values, dtype=dtype)
    return values if dtype.kind == "O" else fit(values, dtype)


def _rows(key: Any, obj: Any) -> Any:
    """The rows that an index means."""
    parts = [part for part in Index(key, obj.shape[:1]).parts if part is not Ellipsis]
    if len(parts) > 1:
        raise IndexError(f"expected one position in the index of a {type(obj).__name__}, got {len(parts)}")
    return parts[0] if parts else slice(None)


def _label(labels: dict[str, Any], how: dict[str, Any], index: Any) -> Any:
    """The label, list or slice that a selection of rows means."""
    if set(labels) != {"index"}:
        raise ValueError(f"expected the dimension 'index', got {list(labels)}")
    key = labels["index"]
    if how.get("method") is None:
        return key
    is_list = isinstance(key, (list, np.ndarray))
    places = index.get_indexer(key if is_list else [key], method=how["method"], tolerance=how.get("tolerance"))
    if (places < 0).any():
        raise KeyError(key)
    return index[places] if is_list else index[places[0]]


def _copied(value: Any) -> Any:
    """A private copy of whatever an object gives."""
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    if isinstance(value, memoryview):
        return bytes(value)
    return value.copy() if hasattr(value, "copy") else value
