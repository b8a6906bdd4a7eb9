"""What an index or a label asks for, as the query of a request."""

from __future__ import annotations

import datetime
import json
from typing import Any

import numpy as np

from .forms import encode

LONGEST_QUERY = 4000  # bytes of one parameter; more goes into a body, or is picked here


class Index:
    """NumPy's basic indexing, and one list of places: what `slice=` says.

    IndexError for what the gateway has no word for: new axes, several lists (which NumPy would pair).
    """

    def __init__(self, key: Any, shape: tuple[int, ...]):
        self.shape = shape
        parts = list(key) if isinstance(key, tuple) else [key]
        if sum(part is Ellipsis for part in parts) > 1:
            raise IndexError("expected at most one '...'")
        self.parts = [_part(part) for part in parts]
        self._lists = [place for place, part in enumerate(self.parts) if isinstance(part, list)]
        if len(self._lists) > 1:
            raise IndexError("expected at most one list of places in an index")

    @property
    def text(self) -> str:
        """The value of `slice`."""
        return ",".join(_spelled(part) for part in self.parts)

    @property
    def result_shape(self) -> tuple[int, ...]:
        """The shape that NumPy gives; IndexError beyond the end of an axis."""
        return np.broadcast_to(np.zeros((), "u1"), self.shape)[self.numpy].shape

    @property
    def numpy(self) -> tuple[Any, ...]:
        """The index for an array."""
        return tuple(self.parts)

    def split(self) -> tuple[Index, tuple[Any, ...]] | None:
        """For a list that is too long for a query: the span around it, and what to pick of that; else None."""
        if not self._lists or len(self.text) <= LONGEST_QUERY:
            return None
        place = self._lists[0]
        axis = self._axis(place)
        places = [n + self.shape[axis] if n < 0 else n for n in self.parts[place]]
        first, last = min(places), max(places)
        wide = list(self.parts)
        wide[place] = slice(first, last + 1)
        return Index(tuple(wide), self.shape), (slice(None),) * self._list_axis + ([n - first for n in places],)

    def arranged(self, array: np.ndarray) -> np.ndarray:
        """The axes in NumPy's order: it puts that of a list first where an integer stands apart from it."""
        return np.moveaxis(array, self._list_axis, 0) if self._is_apart else array

    def disarranged(self, array: np.ndarray) -> np.ndarray:
        """The reverse of `arranged`, for an array to be written."""
        return np.moveaxis(array, 0, self._list_axis) if self._is_apart else array

    @property
    def _is_apart(self) -> bool:
        advanced = [place for place, part in enumerate(self.parts) if isinstance(part, (int, list))]
        return bool(self._lists) and advanced[-1] - advanced[0] >= len(advanced)

    @property
    def _list_axis(self) -> int:
        """The axis of the list in an answer of the gateway."""
        place = self._lists[0]
        dropped = sum(isinstance(part, int) for part in self.parts[:place])
        return self._axis(place) - dropped

    def _axis(self, place: int) -> int:
        if Ellipsis in self.parts[:place]:
            return len(self.shape) - (len(self.parts) - place)
        return place


def _part(part: Any) -> Any:
    """One position of an index: an int, a slice, Ellipsis or a list of ints."""
    if part is None:
        raise IndexError("expected no new axis in an index")
    if part is Ellipsis or isinstance(part, slice):
        return part
    if isinstance(part, (bool, np.bool_)):
        raise IndexError("expected no bool in an index")
    if isinstance(part, (int, np.integer)):
        return int(part)
    array = np.asarray(part)
    if array.ndim == 0 and array.dtype.kind in "iu":
        return int(array)
    if array.ndim == 1 and array.dtype.kind == "b":
        return np.flatnonzero(array).tolist()
    if array.ndim == 1 and (array.dtype.kind in "iu" or not array.size):
        return array.astype("i8").tolist()
    raise IndexError(f"expected integers, slices, '...' or a list of places in an index, got {part!r:.60}")


def _spelled(part: Any) -> str:
    if part is Ellipsis:
        return "..."
    if isinstance(part, slice):
        ends = ["" if end is None else str(int(end)) for end in (part.start, part.stop, part.step)]
        return ":".join(ends if ends[2] else ends[:2])
    return str(part).replace(" ", "")


def spell_label(key: Any, labels: dict[str, Any] | None) -> str:
    """A label, a list of labels or a slice of them as `sel.` takes them; `labels` is how the header has the axis.

    Both ends of a slice are meant. A string for labels that are no strings is a bare word, so `"2024-01"` is the month.
    """
    if isinstance(key, slice):
        if key.step is not None:
            raise ValueError("expected a slice of labels without a step")
        return "..".join("" if end is None else _word(end, labels) for end in (key.start, key.stop))
    if isinstance(key, (list, tuple, np.ndarray)) or hasattr(key, "to_numpy") and np.ndim(key):
        items = list(key)
        return json.dumps([_plain(item, labels) for item in items], ensure_ascii=False, separators=(",", ":"))
    return _word(key, labels)


def spell_tolerance(tolerance: Any) -> str:
    """How far apart a label may be: a number, or a span as ISO 8601."""
    if isinstance(tolerance, (np.timedelta64, datetime.timedelta)):
        import pandas as pd

        return pd.Timedelta(tolerance).isoformat()
    return str(tolerance)


def _word(label: Any, labels: dict[str, Any] | None) -> str:
    plain = _plain(label, labels)
    if isinstance(plain, str) and (labels or {}).get("dtype") != "str":
        return plain
    return json.dumps(plain, ensure_ascii=False)


def _plain(label: Any, labels: dict[str, Any] | None) -> Any:
    """A label as JSON has it; timedeltas in the unit of the labels."""
    dtype = str((labels or {}).get("dtype"))
    if dtype.startswith("<m8") and not isinstance(label, (str, int)):
        if isinstance(label, datetime.timedelta):
            label = np.timedelta64(label)
        return int(np.asarray(label, "m8").astype(dtype).astype("i8"))
    return encode(label)
