"""Values in JSON as the gateway writes and reads them, to and from NumPy and pandas.

NaN is null, infinities are `"Infinity"` and `"-Infinity"`, complex numbers pairs, times ISO 8601 with NaT as null,
timedeltas integers in the dtype's unit, `S` text or `{"base64": …}`, structured elements lists.
"""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from ..dtypes import DType

_TEXTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def decode(data: Any, dtype: DType, shape: tuple[int, ...]) -> np.ndarray:
    """Nested lists as an array of a dtype and shape."""
    kind, viewed = dtype.stored.kind, dtype.viewed
    flat = _flatten(data, len(shape))
    if dtype.stored.names is not None:
        items: list[Any] = [_structured(item, dtype.stored) for item in flat]
    elif dtype.spelling == "bfloat16":
        items = [_float(item) for item in flat]
        if viewed.kind != "V":  # no ml_dtypes: the bits
            bits = np.array(items, "<f4").view("<u4")
            return (bits >> 16).astype("<u2").reshape(shape)
        return np.array(items, "f4").astype(viewed).reshape(shape)
    else:
        items = [_element(item, kind, dtype.stored) for item in flat]
    result = np.empty(len(items), viewed)
    if items:
        result[:] = items
    return result.reshape(shape)


def decode_zoned(data: list[Any], dtype: DType) -> np.ndarray:
    """Instants with their offsets, as counts in UTC."""
    import pandas as pd

    unit = np.datetime_data(dtype.stored)[0]
    instants = [np.datetime64("NaT") if item is None else pd.Timestamp(item).tz_convert("UTC") for item in data]
    naive = [item if isinstance(item, np.datetime64) else item.tz_localize(None).to_datetime64() for item in instants]
    return np.array(naive, f"<M8[{unit}]")


def encode(value: Any) -> Any:
    """A scalar, array, Series or DataFrame as JSON takes it; labels stay behind."""
    if hasattr(value, "isoformat"):  # a Timestamp, which has to_numpy too
        return _encoded(value)
    if hasattr(value, "to_numpy"):
        if getattr(value, "ndim", 1) == 2:
            columns = [encode(value.iloc[:, place]) for place in range(value.shape[1])]
            return [list(row) for row in zip(*columns)]
        value = list(value) if not isinstance(value.dtype, np.dtype) else value.to_numpy()
    elif hasattr(value, "dims") and hasattr(value, "values"):
        value = value.values
    if isinstance(value, np.ndarray) and value.ndim:
        return [encode(item) for item in value]
    if isinstance(value, np.ndarray):
        value = value[()]
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {name: encode(item) for name, item in value.items()}
    return _encoded(value)


def _encoded(value: Any) -> Any:
    if isinstance(value, np.void):
        return [encode(value[name]) for name in value.dtype.names]
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.timedelta64):
        return None if np.isnat(value) else int(value.astype("i8"))
    if hasattr(value, "isoformat"):
        return value.isoformat() if value == value else None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex):
        return [_number(value.real), _number(value.imag)]
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if value is not None and not isinstance(value, (bool, int, str)):
        value = float(value)  # bfloat16 and the like
        return _number(value)
    return value


def _number(value: float) -> float | str | None:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _flatten(data: Any, depth: int) -> list[Any]:
    if depth == 0:
        return [data]
    for _ in range(depth - 1):
        data = [item for part in data for item in part]
    return data


def _float(item: Any) -> float:
    if item is None:
        return math.nan
    return _TEXTS[item] if isinstance(item, str) else item


def _element(item: Any, kind: str, dtype: np.dtype) -> Any:
    """An element as NumPy takes it."""
    if kind == "f":
        return _float(item)
    if kind == "c":
        return complex(_float(item[0]), _float(item[1])) if isinstance(item, list) else _float(item)
    if kind == "M":
        return np.datetime64("NaT") if item is None else np.datetime64(item)
    if kind == "m":
        return np.timedelta64("NaT") if item is None else np.timedelta64(item, _unit(dtype))
    if kind == "S":
        return base64.b64decode(item["base64"]) if isinstance(item, dict) else item.encode()
    return item


def _unit(dtype: np.dtype) -> tuple[str, int]:
    unit, step = np.datetime_data(dtype)
    return unit, step


def _structured(item: list[Any], dtype: np.dtype) -> tuple[Any, ...]:
    """A list of fields as the tuple that NumPy takes."""
    fields = []
    for value, name in zip(item, dtype.names):
        field = dtype.fields[name][0]
        base, shape = field.subdtype or (field, ())
        array = decode(value, DType.of(base), shape)
        fields.append(array if shape else array[()])
    return tuple(fields)
