"""The kind `dataframe`: columns with common labels.

Columns of one dtype stand together in the segment, at even steps, so that they are one block to pandas and nothing is
ever consolidated, which would be a copy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..buffers import ArraySpecification, Buffers, path_component
from ..dtypes import DType, value_type
from ..errors import CorruptSegment, DetachedError, ValueOutOfRange
from ..labels import Labels, read_labels
from .base import BuiltInLayout, Fields, Store, View, check_names, fill_array, is_from
from .columns import collect_column, column_type, is_text, plain, text_objects, zoned
from .series import one_axis, require_pandas

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class Column:
    """A column's name and type."""

    name: str
    dtype: DType
    tz: str | None

    @property
    def path(self) -> str:
        """Where its values lie."""
        return f"columns/{path_component(self.name)}"

    def node(self) -> dict[str, Any]:
        """How the header writes it down."""
        zone = {} if self.tz is None else {"tz": self.tz}
        return {"name": self.name, "dtype": self.dtype.spelling, **zone}


class DataFrameLayout(BuiltInLayout):
    """Columns with common labels. Its object is a pandas DataFrame over the segment's memory."""

    kind = "dataframe"

    def __init__(self, dtypes: Any, index: Any, *, init_value: Any = None):
        """`dtypes` are pairs of name and dtype, or a mapping; a dtype with a zone is `datetime64[ns, UTC]`.

        `index` is a list, an array, a pandas index, or n for a RangeIndex. `init_value` is a scalar for all columns, a
        mapping of columns, a DataFrame, or an array of (rows, columns).
        """
        pairs = list(dtypes.items()) if hasattr(dtypes, "items") else [tuple(pair) for pair in dtypes]
        check_names([name for name, _ in pairs], "columns")
        self.columns = [Column(name, *value_type(dtype)) for name, dtype in pairs]
        self.index = one_axis(index, "the index")
        self.init_value = init_value

    @classmethod
    def from_data(cls, data: pd.DataFrame) -> DataFrameLayout:
        """The layout of a DataFrame, with its contents. Columns of str become `U<longest>`, of bytes `S<longest>`."""
        check_names(data.columns, "columns")
        layout = cls([], data.index, init_value=data)
        layout.columns = [Column(name, *value_type(*column_type(data[name]))) for name in data.columns]
        return layout

    @classmethod
    def read(cls, fields: Fields) -> DataFrameLayout:
        layout = cls.__new__(cls)
        layout.columns = []
        items = fields.take("columns")
        if not isinstance(items, list):
            raise CorruptSegment(f"expected columns as a list, got {items!r:.60}")
        for item in items:
            if not isinstance(item, dict) or not {"name", "dtype"} <= set(item) <= {"name", "dtype", "tz"}:
                raise CorruptSegment(f"expected a column as an object of name and dtype, got {item!r:.60}")
            layout.columns.append(Column(item["name"], *value_type(item["dtype"], item.get("tz"))))
        check_names([column.name for column in layout.columns], "columns")
        layout.index = read_labels(fields.object("index"), "index")
        return layout

    def fields(self) -> dict[str, Any]:
        return {"columns": [column.node() for column in self.columns], "index": self.index.node("index")}

    @property
    def groups(self) -> list[list[int]]:
        """The columns of each dtype, by their places, in the order in which each dtype appears first."""
        groups: dict[str, list[int]] = {}
        for place, column in enumerate(self.columns):
            groups.setdefault(column.dtype.spelling, []).append(place)
        return list(groups.values())

    def arrays(self) -> list[ArraySpecification]:
        size = (self.index.size,)
        columns = [self.columns[place] for group in self.groups for place in group]
        values = [ArraySpecification(column.path, column.dtype, size) for column in columns]
        return values + self.index.arrays("index", size)

    def fill(self, buffers: Buffers, value: Any) -> None:
        if value is None:
            return
        if is_from(value, "pandas", "DataFrame") or isinstance(value, Mapping):
            names = [column.name for column in self.columns]
            if set(value) != set(names):
                raise ValueOutOfRange(f"expected values for the columns {names!r:.200}, got {list(value)!r:.200}")
            parts = [value[name] for name in names]
        else:
            array = np.asarray(value)
            if array.ndim == 2 and array.shape[1] != len(self.columns):
                raise ValueOutOfRange(f"expected values for {len(self.columns)} columns, got {array.shape[1]}")
            parts = [array[:, place] if array.ndim == 2 else array for place in range(len(self.columns))]
        for column, part in zip(self.columns, parts):
            part = plain(part) if is_from(part, "pandas", "Series") else part
            fill_array(buffers[column.path], part, f"the column {column.name!r}")

    def labels(self) -> list[Labels]:
        return [self.index]

    def fill_labels(self, buffers: Buffers) -> None:
        self.index.fill(buffers, "index")

    @property
    def is_copied(self) -> bool:
        return any(is_text(column.dtype) for column in self.columns)

    def bind(self, buffers: Buffers) -> View:
        return _DataFrameView(self, buffers)


class _DataFrameView(View):
    def __init__(self, layout: DataFrameLayout, buffers: Buffers):
        pd = require_pandas()
        self._columns = layout.columns
        self._targets = {column.name: buffers[column.path] for column in layout.columns}
        self._index = layout.index.index(buffers, "index")
        names = pd.Index([column.name for column in layout.columns], dtype=None if layout.columns else object)
        self.obj = frame_of_blocks(_blocks(layout, buffers, self._targets), self._index, names)

    def collect(self, obj: Any, what: str) -> list[Store]:
        if not is_from(obj, "pandas", "DataFrame"):
            raise DetachedError(f"expected {what} as a DataFrame, got {type(obj).__name__}")
        found, expected = list(obj.columns), [column.name for column in self._columns]
        if len(found) != len(expected) or set(found) != set(expected):
            raise DetachedError(f"expected {what} with the columns {expected!r:.200}, got {found!r:.200}")
        if not obj.index.equals(self._index):
            raise DetachedError(f"expected {what} with the labels that it had, got others: labels never change")
        stores = []
        for column in self._columns:
            name = f"the column {column.name!r} of {what}"
            stores += collect_column(self._targets[column.name], column.tz, obj[column.name], name)
        return stores


def _blocks(layout: DataFrameLayout, buffers: Buffers, targets: dict[str, np.ndarray]) -> list[tuple[Any, np.ndarray]]:
    """Arrays of (columns, rows) with the places of their columns."""
    blocks: list[tuple[Any, np.ndarray]] = []
    texts = []
    for group in layout.groups:
        if is_text(layout.columns[group[0]].dtype):
            texts += group
            continue
        naive = [place for place in group if layout.columns[place].tz is None]
        for place in group:
            column = layout.columns[place]
            if column.tz is not None:
                blocks.append((zoned(targets[column.name], column.tz), np.array([place], np.intp)))
        block = buffers.block([layout.columns[place].path for place in naive]) if naive else None
        if block is not None:
            blocks.append((block, np.array(naive, np.intp)))
        else:
            blocks += [(targets[layout.columns[p].name].reshape(1, -1), np.array([p], np.intp)) for p in naive]
    if texts:
        texts.sort()
        rows = [text_objects(targets[layout.columns[place].name], True) for place in texts]
        block = np.empty((len(rows), layout.index.size), object)
        for row, values in zip(block, rows):
            row[:] = values
        block.flags.writeable = buffers.copies_return
        blocks.append((block, np.array(texts, np.intp)))
    return blocks


def frame_of_blocks(blocks: list[tuple[Any, np.ndarray]], index: pd.Index, columns: pd.Index) -> pd.DataFrame:
    """A DataFrame that adopts arrays as they are. pandas 3 has a function for that; 2.2 the parts of one."""
    import pandas as pd

    try:
        from pandas.api.internals import create_dataframe_from_blocks
    except ImportError:
        from pandas.core.internals.api import make_block
        from pandas.core.internals.managers import BlockManager

        made = tuple(make_block(values, places, ndim=2) for values, places in blocks)
        manager = BlockManager(made, [columns, index])
        return pd.DataFrame._from_mgr(manager, manager.axes)
    return create_dataframe_from_blocks(blocks, index=index, columns=columns)
