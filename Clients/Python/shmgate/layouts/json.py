"""The kind `json`: a value as UTF-8 text, padded with NUL."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..buffers import ArraySpecification, Buffers
from ..dtypes import DType
from ..errors import CorruptSegment, DetachedError, InvalidLayout, ValueOutOfRange
from .base import BuiltInLayout, Fields, Store, View, check_shape, encode_json


class JSONLayout(BuiltInLayout):
    """A JSON value. Its object is the decoded value, a private copy: a `write` encodes it again at its end."""

    kind = "json"
    is_copied = True
    _dtype = DType.of("|u1")

    def __init__(self, value: Any = None, *, capacity: int | None = None, init_value: Any = None):
        """`value` (also as `init_value`) comes first; `capacity` in bytes of text, by default just that value's."""
        self.init_value = value if init_value is None else init_value
        text = encode_json(self.init_value, "the value").encode()
        (self.capacity,) = check_shape(len(text) if capacity is None else capacity)
        if len(text) > self.capacity:
            raise ValueOutOfRange(f"expected a value of at most {self.capacity} bytes as JSON, got {len(text)}")

    @classmethod
    def from_data(cls, data: Any) -> JSONLayout:
        """Room for just this value."""
        return cls(data)

    @classmethod
    def read(cls, fields: Fields) -> JSONLayout:
        layout = cls.__new__(cls)
        layout.capacity = fields.count("capacity")
        return layout

    def fields(self) -> dict[str, Any]:
        return {"capacity": self.capacity}

    def arrays(self) -> list[ArraySpecification]:
        return [ArraySpecification("values", self._dtype, (self.capacity,))]

    def fill(self, buffers: Buffers, value: Any) -> None:
        buffers["values"][...] = padded(value, self.capacity)

    def bind(self, buffers: Buffers) -> View:
        return _JSONView(buffers["values"])


def padded(value: Any, capacity: int) -> np.ndarray:
    """The bytes of a value; `ValueOutOfRange` if they are too many."""
    text = encode_json(value, "the value").encode()
    if len(text) > capacity:
        raise ValueOutOfRange(f"expected a value of at most {capacity} bytes as JSON, got {len(text)}")
    return np.frombuffer(text.ljust(capacity, b"\0"), np.uint8)


class _JSONView(View):
    def __init__(self, target: np.ndarray):
        self._target = target
        self._text = target.tobytes()
        try:
            text = self._text.rstrip(b"\0")
            self.obj = json.loads(text) if text else None
            self._before = encode_json(self.obj, "the value")
        except (ValueError, RecursionError) as error:
            raise CorruptSegment(f"expected JSON in the segment: {error}") from error

    def collect(self, obj: Any, what: str) -> list[Store]:
        try:
            if encode_json(obj, what) == self._before:
                return []
            return [Store(self._target, padded(obj, len(self._target)))]
        except (InvalidLayout, ValueOutOfRange) as error:
            raise DetachedError(str(error)) from error
