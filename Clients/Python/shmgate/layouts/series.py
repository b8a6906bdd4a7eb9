"""The kind `series`: values with labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..buffers import ArraySpecification, Buffers
from ..dtypes import value_type
from ..errors import DetachedError, InvalidLayout
from ..labels import Labels, labels_of, read_labels
from .base import BuiltInLayout, Fields, Store, View, check_name, fill_array, is_from
from .columns import collect_column, column_type, is_text, plain, text_objects, zoned

if TYPE_CHECKING:
    import pandas as pd


class SeriesLayout(BuiltInLayout):
    """Values with labels. Its object is a pandas Series over the segment's memory."""

    kind = "series"

    def __init__(self, dtype: Any, index: Any, *, name: str | None = None, tz: Any = None, init_value: Any = None):
        """`index` is a list, an array, a pandas index, or n for a RangeIndex;
        `init_value` a scalar, array or Series.

        A Series is taken value by value, whatever its labels.
        """
        self.dtype, self.tz = value_type(dtype, tz)
        self.index = one_axis(index, "the index")
        self.name = check_name(name)
        self.init_value = init_value

    @classmethod
    def from_data(cls, data: pd.Series) -> SeriesLayout:
        """The layout of a Series, with its contents. Columns of str become `U<longest>`, of bytes `S<longest>`."""
        dtype, tz = column_type(data)
        return cls(dtype, data.index, name=data.name, tz=tz, init_value=data)

    @classmethod
    def read(cls, fields: Fields) -> SeriesLayout:
        layout = cls.__new__(cls)
        layout.name = fields.name("name")
        layout.dtype, layout.tz = value_type(fields.take("dtype"), fields.take("tz", None))
        layout.index = read_labels(fields.object("index"), "index")
        return layout

    def fields(self) -> dict[str, Any]:
        zone = {} if self.tz is None else {"tz": self.tz}
        return {"name": self.name, "dtype": self.dtype.spelling, **zone, "index": self.index.node("index")}

    def arrays(self) -> list[ArraySpecification]:
        size = (self.index.size,)
        return [ArraySpecification("values", self.dtype, size), *self.index.arrays("index", size)]

    def fill(self, buffers: Buffers, value: Any) -> None:
        fill_array(buffers["values"], plain(value) if is_from(value, "pandas", "Series") else value)

    def labels(self) -> list[Labels]:
        return [self.index]

    def fill_labels(self, buffers: Buffers) -> None:
        self.index.fill(buffers, "index")

    @property
    def is_copied(self) -> bool:
        return is_text(self.dtype)

    def bind(self, buffers: Buffers) -> View:
        return _SeriesView(self, buffers)


class _SeriesView(View):
    def __init__(self, layout: SeriesLayout, buffers: Buffers):
        pd = require_pandas()
        self._target = values = buffers["values"]
        self._tz = layout.tz
        self._index = layout.index.index(buffers, "index")
        if is_text(layout.dtype):
            values, dtype = text_objects(values, buffers.copies_return), object
        else:
            values, dtype = (values if layout.tz is None else zoned(values, layout.tz)), None
        self.obj = pd.Series(values, index=self._index, name=layout.name, copy=False, dtype=dtype)

    def collect(self, obj: Any, what: str) -> list[Store]:
        if not is_from(obj, "pandas", "Series"):
            raise DetachedError(f"expected {what} as a Series, got {type(obj).__name__}")
        if not obj.index.equals(self._index):
            raise DetachedError(f"expected {what} with the labels that it had, got others: labels never change")
        return collect_column(self._target, self._tz, obj, what)


def one_axis(data: Any, what: str) -> Labels:
    """Labels along one axis."""
    labels, shape = labels_of(data, what)
    if len(shape) != 1:
        raise InvalidLayout(f"expected the labels of {what} along one axis, got the shape {shape}")
    return labels


def require_pandas() -> Any:
    """The module, with a word on how to get it."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("series and dataframes need pandas: pip install shmgate[pandas]") from error
    return pandas
