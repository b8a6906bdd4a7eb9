"""Columns: arrays of a segment as pandas has them, and back.

No copy is made but for `S` and `U`, which pandas has as objects only: there the column is a private copy, read-only so
that no assignment is lost in silence, except inside a `write`, which puts it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..casting import fit
from ..dtypes import DType
from ..errors import DetachedError, ValueOutOfRange
from .base import Store, collect_array

if TYPE_CHECKING:
    import pandas as pd


def is_text(dtype: DType) -> bool:
    """Whether pandas can have such a column only as a copy."""
    return dtype.stored.kind in "SU"


def text_objects(array: np.ndarray, writable: bool) -> np.ndarray:
    """`S` as bytes objects and `U` as str objects."""
    objects = array.astype(object)
    objects.flags.writeable = writable
    return objects


def zoned(array: np.ndarray, tz: str) -> Any:
    """A datetime64 array, counted in UTC, as pandas' array of instants of a zone, over the same memory."""
    import pandas as pd

    unit = np.datetime_data(array.dtype)[0]
    return pd.array(array.view("<i8"), dtype=pd.DatetimeTZDtype(unit, tz), copy=False)


def plain(series: pd.Series) -> np.ndarray:
    """The memory of a series where it has one of NumPy's dtypes; instants of a zone in UTC."""
    import pandas as pd

    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return series.array.asi8.view(f"<M8[{series.dtype.unit}]")
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy()
    return series.to_numpy(dtype=object)


def collect_column(target: np.ndarray, tz: str | None, series: pd.Series, what: str) -> list[Store]:
    """What of a column has left the segment."""
    import pandas as pd

    aware = isinstance(series.dtype, pd.DatetimeTZDtype)
    if target.dtype.kind == "M" and aware != (tz is not None):
        raise DetachedError(f"expected {what} {'with' if tz else 'without'} a time zone, got {series.dtype}")
    found = plain(series)
    if target.dtype.kind in "SU":
        try:
            values = fit(found, target.dtype, what)
        except ValueOutOfRange as error:
            raise DetachedError(str(error)) from error
        if values.shape == target.shape:
            return [] if np.array_equal(values, target) else [Store(target, values)]
    return collect_array(target, found, what)


def column_type(series: pd.Series) -> tuple[Any, Any]:
    """The dtype and time zone of a column of the user's; strings get the width of the longest."""
    import pandas as pd

    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return f"<M8[{series.dtype.unit}]", series.dtype.tz
    values = series.to_numpy() if isinstance(series.dtype, np.dtype) else series.to_numpy(dtype=object)
    if values.dtype.kind == "O" and is_strings(series):
        return f"<U{max(map(len, values), default=1) or 1}", None
    if values.dtype.kind == "O" and len(values) and all(isinstance(item, bytes) for item in values):
        return f"|S{max(map(len, values)) or 1}", None
    return (values.dtype if isinstance(series.dtype, np.dtype) else series.dtype), None


def is_strings(series: pd.Series) -> bool:
    """Whether every value is a str."""
    return all(isinstance(item, str) for item in series) and (len(series) > 0 or str(series.dtype) in ("str", "string"))
