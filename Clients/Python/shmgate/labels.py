"""Labels: an index, columns of text, coordinates. They never change once their segment has its name.

Numbers, bools and times are one buffer; texts are two, as Arrow's large_utf8: int64 `offsets` of n + 1, and the UTF-8
`bytes` that they cut; a range is only written down.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from .buffers import ArraySpecification, Buffers
from .dtypes import PANDAS_UNITS, DType, value_type
from .errors import CorruptSegment, InvalidLayout

if TYPE_CHECKING:
    import pandas as pd

_INT64 = DType.of("<i8")
_UINT8 = DType.of("|u1")


@dataclasses.dataclass
class Labels(abc.ABC):
    """So many labels. `name` is what pandas calls the index, or None."""

    size: int
    name: str | None

    @abc.abstractmethod
    def fields(self, path: str) -> dict[str, Any]:
        """How the header writes them down, `name` excepted; `path` is that of their buffers."""

    def node(self, path: str) -> dict[str, Any]:
        """How the header writes them down."""
        return self.fields(path) | ({} if self.name is None else {"name": self.name})

    @abc.abstractmethod
    def same(self, other: Labels) -> bool:
        """Whether labels that a user gave are the same, in the same order."""

    @abc.abstractmethod
    def arrays(self, path: str, shape: tuple[int, ...]) -> list[ArraySpecification]:
        """The buffers that they need; `shape` is (size,) but for coordinates that are no dimensions."""

    def fill(self, buffers: Buffers, path: str) -> None:
        """Stores them into a new segment."""

    @abc.abstractmethod
    def values(self, buffers: Buffers, path: str) -> np.ndarray:
        """The labels as NumPy has them; instants of a zone in UTC. A read-only view, of texts a copy."""

    @abc.abstractmethod
    def index(self, buffers: Buffers, path: str) -> pd.Index:
        """The labels as a pandas index, without a copy where pandas has the dtype (all but texts and float16)."""


@dataclasses.dataclass
class RangeLabels(Labels):
    """`start`, `start + step`, … before `stop`."""

    range: range

    def fields(self, path: str) -> dict[str, Any]:
        return {"range": [self.range.start, self.range.stop, self.range.step]}

    def same(self, other: Labels) -> bool:
        return isinstance(other, RangeLabels) and self.range == other.range

    def arrays(self, path: str, shape: tuple[int, ...]) -> list[ArraySpecification]:
        return []

    def values(self, buffers: Buffers, path: str) -> np.ndarray:
        return np.arange(self.range.start, self.range.stop, self.range.step, dtype="<i8")

    def index(self, buffers: Buffers, path: str) -> pd.Index:
        import pandas as pd

        return pd.RangeIndex(self.range, name=self.name)


@dataclasses.dataclass
class ElementLabels(Labels):
    """Numbers, bools or times; with `tz` instants, counted in UTC."""

    dtype: DType
    tz: str | None
    contents: np.ndarray | None = None

    def fields(self, path: str) -> dict[str, Any]:
        zone = {} if self.tz is None else {"tz": self.tz}
        return {"dtype": self.dtype.spelling, **zone, "size": self.size, "buffer": path}

    def same(self, other: Labels) -> bool:
        return isinstance(other, ElementLabels) and self.contents.tobytes() == other.contents.tobytes()

    def arrays(self, path: str, shape: tuple[int, ...]) -> list[ArraySpecification]:
        return [ArraySpecification(path, self.dtype, shape)]

    def fill(self, buffers: Buffers, path: str) -> None:
        target = buffers[path]
        target[...] = self.contents.reshape(target.shape)

    def values(self, buffers: Buffers, path: str) -> np.ndarray:
        return buffers.labels(path)

    def index(self, buffers: Buffers, path: str) -> pd.Index:
        import pandas as pd

        values = buffers.labels(path)
        if self.dtype.stored.kind == "f" and self.dtype.itemsize == 2:
            values = values.astype("<f4")
        if self.tz is not None:
            unit = np.datetime_data(values.dtype)[0]
            zone = pd.DatetimeTZDtype(unit, self.tz)
            return pd.DatetimeIndex(values.view("<i8"), dtype=zone, copy=False, name=self.name)
        return pd.Index(values, copy=False, name=self.name)


@dataclasses.dataclass
class TextLabels(Labels):
    """UTF-8 texts of `nbytes` bytes together."""

    nbytes: int
    contents: tuple[np.ndarray, np.ndarray] | None = None  # offsets, bytes

    def fields(self, path: str) -> dict[str, Any]:
        return {"dtype": "str", "size": self.size, "nbytes": self.nbytes, "buffer": path}

    def same(self, other: Labels) -> bool:
        return isinstance(other, TextLabels) and all(map(np.array_equal, self.contents, other.contents))

    def arrays(self, path: str, shape: tuple[int, ...]) -> list[ArraySpecification]:
        return [
            ArraySpecification(f"{path}/offsets", _INT64, (self.size + 1,)),
            ArraySpecification(f"{path}/bytes", _UINT8, (self.nbytes,)),
        ]

    def fill(self, buffers: Buffers, path: str) -> None:
        buffers[f"{path}/offsets"][...], buffers[f"{path}/bytes"][...] = self.contents

    def texts(self, buffers: Buffers, path: str) -> list[str]:
        """The labels as Python has them; `CorruptSegment` if offsets or UTF-8 do not hold."""
        offsets = np.array(buffers[f"{path}/offsets"])
        data = buffers[f"{path}/bytes"].tobytes()
        if offsets[0] != 0 or offsets[-1] != len(data) or np.any(offsets[1:] < offsets[:-1]):
            raise CorruptSegment(f"expected offsets of the labels {path!r} that ascend from 0 to {len(data)}")
        cuts = offsets.tolist()
        try:
            return [data[start:end].decode() for start, end in zip(cuts, cuts[1:])]
        except UnicodeDecodeError as error:
            raise CorruptSegment(f"expected labels {path!r} in UTF-8: {error}") from error

    def values(self, buffers: Buffers, path: str) -> np.ndarray:
        texts = self.texts(buffers, path)
        if any(text.endswith("\0") for text in texts):  # which NumPy's fixed width cannot tell from padding
            return np.array(texts, object)
        return np.array(texts, "U") if texts else np.empty(0, "<U1")

    def index(self, buffers: Buffers, path: str) -> pd.Index:
        import pandas as pd

        texts = self.texts(buffers, path)
        # An empty list says nothing of its type: object before pandas 3, str since.
        return pd.Index(texts, name=self.name, dtype=None if texts else pd.Index(["a"]).dtype)


def labels_of(data: Any, what: str = "the index") -> tuple[Labels, tuple[int, ...]]:
    """Labels from what a user has, and their shape: a list, an array, a pandas index or series, a range, or n.

    An integer n stands for `RangeIndex(n)`. Integers, floats, bools, times and strings are labels; anything else, and a
    mixture, is `InvalidLayout`.
    """
    name = None
    if isinstance(data, Labels):
        return data, (data.size,)
    if isinstance(data, (int, np.integer)) and not isinstance(data, (bool, np.bool_)):
        if data < 0:
            raise InvalidLayout(f"expected 0 or more labels for {what}, got {data}")
        data = range(int(data))
    if _is_pandas(data):
        data, name, tz = _from_pandas(data, what)
        if tz is not None:
            return _elements(np.asarray(data), tz, name, what), data.shape
    if isinstance(data, range):
        return RangeLabels(len(data), name, data), (len(data),)
    if isinstance(data, (list, tuple)) and data and all(isinstance(item, str) for item in data):
        return _texts(list(data), name, what), (len(data),)
    if isinstance(data, (list, tuple)) and not data:
        return _texts([], name, what), (0,)
    array = np.asarray(data)
    if array.dtype.kind == "U":
        if not isinstance(data, np.ndarray):
            raise InvalidLayout(f"expected labels of one type for {what}, got a mixture: {data!r:.60}")
        return _texts(array.ravel().tolist(), name, what), array.shape
    if array.dtype.kind == "O":
        flat = array.ravel().tolist()
        if all(isinstance(item, str) for item in flat):
            return _texts(flat, name, what), array.shape
        return _guessed(array, name, what)
    return _elements(array, None, name, what), array.shape


def read_labels(node: dict[str, Any], path: str) -> Labels:
    """Labels as a header writes them down. Whatever contradicts itself is `CorruptSegment`."""
    name = node.get("name")
    if name is not None and not isinstance(name, str):
        raise CorruptSegment(f"expected the name of the labels {path!r} as a string, got {name!r}")
    if "range" in node:
        _only(node, {"range", "name"}, path)
        parts = node["range"]
        if not (isinstance(parts, list) and len(parts) == 3 and all(type(part) is int for part in parts) and parts[2]):
            raise CorruptSegment(f"expected a range as [start, stop, step], got {parts!r:.60}")
        if any(abs(part) >= 1 << 63 for part in parts):
            raise CorruptSegment(f"expected a range of 64-bit integers, got {parts!r:.60}")
        start, stop, step = parts
        return RangeLabels(max(0, -((start - stop) // step)), name, range(start, stop, step))
    size = node.get("size")
    if type(size) is not int or not 0 <= size < 1 << 60:
        raise CorruptSegment(f"expected the size of the labels {path!r}, got {size!r}")
    if node.get("buffer") != path:
        raise CorruptSegment(f"expected the labels in the buffer {path!r}, got {node.get('buffer')!r}")
    if node.get("dtype") == "str":
        _only(node, {"dtype", "size", "nbytes", "buffer", "name"}, path)
        nbytes = node.get("nbytes")
        if type(nbytes) is not int or not 0 <= nbytes < 1 << 60:
            raise CorruptSegment(f"expected nbytes of the labels {path!r}, got {nbytes!r}")
        return TextLabels(size, name, nbytes)
    _only(node, {"dtype", "tz", "size", "buffer", "name"}, path)
    try:
        dtype, tz = value_type(node.get("dtype"), node.get("tz"))
        _require_label(dtype.stored, path)
    except InvalidLayout as error:
        raise CorruptSegment(str(error)) from error
    return ElementLabels(size, name, dtype, tz)


def is_pandas_index(data: Any) -> bool:
    """Whether it is a pandas index; does not import pandas."""
    return _is_pandas(data) and hasattr(data, "nlevels") and not hasattr(data, "iloc")


def _is_pandas(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas"


def _from_pandas(data: Any, what: str) -> tuple[Any, str | None, str | None]:
    """Values, name and time zone of an index or series."""
    import pandas as pd

    if isinstance(data, pd.MultiIndex):
        raise InvalidLayout(f"expected labels of one level for {what}, got a MultiIndex")
    name = getattr(data, "name", None)
    if name is not None and not isinstance(name, str):
        raise InvalidLayout(f"expected the name of {what} as a string, got {name!r}")
    if isinstance(data, pd.RangeIndex):
        return range(data.start, data.stop, data.step), name, None
    if isinstance(data.dtype, pd.DatetimeTZDtype):
        unit = data.dtype.unit
        return np.asarray(data.array.asi8).view(f"<M8[{unit}]"), name, data.dtype.tz
    return data.to_numpy(), name, None


def _elements(array: np.ndarray, tz: Any, name: str | None, what: str) -> ElementLabels:
    if array.dtype.kind in "Mm" and np.datetime_data(array.dtype)[0] not in PANDAS_UNITS:
        array = array.astype(
            f"<{array.dtype.kind}8[s]" if np.datetime_data(array.dtype)[0] in "YMWDhm" else array.dtype
        )
    dtype, zone = value_type(array.dtype, tz)
    _require_label(dtype.stored, what)
    return ElementLabels(array.size, name, dtype, zone, array.astype(dtype.stored, copy=False))


def _texts(items: list[str], name: str | None, what: str) -> TextLabels:
    try:
        encoded = [item.encode() for item in items]
    except UnicodeEncodeError as error:
        raise InvalidLayout(f"expected labels that UTF-8 has for {what}: {error}") from error
    offsets = np.zeros(len(items) + 1, "<i8")
    np.cumsum([len(item) for item in encoded], out=offsets[1:])
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return TextLabels(len(items), name, data.size, (offsets, data))


def _guessed(array: np.ndarray, name: str | None, what: str) -> tuple[Labels, tuple[int, ...]]:
    """Objects that pandas may know as times."""
    try:
        import pandas as pd
    except ImportError:
        pd = None
    index = None if pd is None else pd.Index(array.ravel())
    if index is None or index.dtype.kind not in "biufMm":
        raise InvalidLayout(f"expected labels of one type for {what}, got objects: {array!s:.60}")
    labels, _ = labels_of(index, what)
    labels.name = name
    return labels, array.shape


def _require_label(dtype: np.dtype, what: str) -> None:
    if dtype.kind not in "biufMm":
        raise InvalidLayout(f"expected integers, floats, bools, times or strings as labels of {what}, got {dtype}")


def _only(node: dict[str, Any], known: set[str], path: str) -> None:
    unknown = sorted(set(node) - known)
    if unknown:
        raise CorruptSegment(f"the labels {path!r} have an unknown field {unknown[0]!r}")
