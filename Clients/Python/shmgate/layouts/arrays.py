"""The kinds that are one array: `ndarray` and `bytes`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..buffers import ArraySpecification, Buffers
from ..dtypes import DType
from ..errors import DetachedError, ValueOutOfRange
from .base import ArrayView, BuiltInLayout, Fields, Store, View, check_shape, collect_array, fill_array


class NdArrayLayout(BuiltInLayout):
    """One array of any dtype and shape. Its object is a NumPy array."""

    kind = "ndarray"

    def __init__(self, dtype: Any, shape: int | tuple[int, ...] = (), *, init_value: Any = None):
        """`dtype` in any of NumPy's spellings or `bfloat16`; `init_value` a scalar or array that broadcasts."""
        self.dtype = DType.of(dtype)
        self.shape = check_shape(shape)
        self.init_value = init_value

    @classmethod
    def from_data(cls, data: Any) -> NdArrayLayout:
        """The layout of an array, with its contents. An array of str objects becomes `U<longest>`."""
        array = np.asarray(data)
        if array.dtype.kind == "O" and array.size and all(isinstance(item, str) for item in array.flat):
            array = array.astype(str)
        if array.dtype.kind in "SU" and not array.dtype.itemsize:
            array = array.astype(f"{array.dtype.kind}1")
        return cls(array.dtype, array.shape, init_value=array)

    @classmethod
    def read(cls, fields: Fields) -> NdArrayLayout:
        layout = cls.__new__(cls)
        layout.dtype = DType.of(fields.take("dtype"))
        layout.shape = fields.shape("shape")
        return layout

    def fields(self) -> dict[str, Any]:
        return {"dtype": self.dtype.spelling, "shape": list(self.shape)}

    def arrays(self) -> list[ArraySpecification]:
        return [ArraySpecification("values", self.dtype, self.shape)]

    def fill(self, buffers: Buffers, value: Any) -> None:
        fill_array(buffers["values"], value)

    def bind(self, buffers: Buffers) -> View:
        return ArrayView(buffers["values"])


class BytesLayout(BuiltInLayout):
    """Bytes without a meaning. Its object is a memoryview."""

    kind = "bytes"
    _dtype = DType.of("|u1")

    def __init__(self, size: int, *, init_value: Any = None):
        """`size` in bytes; `init_value` bytes of that length, or one number for all."""
        (self.size,) = check_shape(size)
        self.init_value = init_value

    @classmethod
    def from_data(cls, data: Any) -> BytesLayout:
        """The layout of bytes, with them as contents."""
        return cls(len(memoryview(data).cast("B")), init_value=data)

    @classmethod
    def read(cls, fields: Fields) -> BytesLayout:
        return cls(fields.count("size"))

    def fields(self) -> dict[str, Any]:
        return {"size": self.size}

    def arrays(self) -> list[ArraySpecification]:
        return [ArraySpecification("values", self._dtype, (self.size,))]

    def fill(self, buffers: Buffers, value: Any) -> None:
        if value is not None and not isinstance(value, (int, np.integer)):
            value = np.frombuffer(value, np.uint8)
            if value.size != self.size:
                raise ValueOutOfRange(f"expected {self.size} bytes, got {value.size}")
        fill_array(buffers["values"], value, "the bytes")

    def bind(self, buffers: Buffers) -> View:
        return _BytesView(buffers["values"])


class _BytesView(View):
    def __init__(self, target: np.ndarray):
        self._target = target
        self.obj = memoryview(target)

    def collect(self, obj: Any, what: str) -> list[Store]:
        try:
            found = np.frombuffer(obj, np.uint8)
        except (TypeError, ValueError) as error:
            if len(self._target) == 0:
                return []
            raise DetachedError(f"expected {what} as bytes: {error}") from error
        return collect_array(self._target, found, what)
