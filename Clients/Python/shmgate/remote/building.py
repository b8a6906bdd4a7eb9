"""Objects from the JSON that the gateway gives: that of a whole, or of what a selection has left of it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DType, value_type
from .forms import decode, decode_zoned

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def build(form: Any, node: dict[str, Any], column: str | None = None) -> Any:
    """The object of a JSON form; `node` is the layout of the whole, `column` the one column that is wanted.

    An integer has dropped an axis: then a series gives a scalar, a dataframe one row as a Series.
    """
    kind = node["kind"]
    if kind == "struct":
        return {name: build(form[name], member) for name, member in node["members"].items()}
    if kind == "list":
        return [build(item, node["item"]) for item in form]
    if kind == "json":
        return form
    if kind == "bytes":
        return base64.b64decode(form["data"])
    if kind == "ndarray":
        array = decode(form["data"], DType.of(node["dtype"]), tuple(form["shape"]))
        return array if array.ndim else array[()]
    if kind == "dataarray":
        return _dataarray(form, node)
    if kind == "series":
        return _series(form, node)
    return _frame(form, node, column)


def _series(form: Any, node: dict[str, Any]) -> Any:
    if "index" not in form:
        return _column([form["data"]], node, None).iloc[0]
    return _column(form["data"], node, _index(form["index"], node["index"])).rename(node["name"])


def _frame(form: Any, node: dict[str, Any], column: str | None) -> Any:
    import pandas as pd

    types = {part["name"]: part for part in node["columns"]}
    if "columns" not in form:  # one row, labelled by its columns
        items = [_column([item], types[name], None).iloc[0] for name, item in zip(form["index"], form["data"])]
        if column is not None:
            return items[0]
        try:
            return pd.Series(items, index=form["index"], dtype=form["dtype"], name=form.get("name"))
        except (TypeError, ValueError):
            return pd.Series(items, index=form["index"], dtype=object, name=form.get("name"))
    index = _index(form["index"], node["index"])
    parts = list(zip(*form["data"])) if form["data"] else [()] * len(form["columns"])
    columns = {name: _column(list(part), types[name], index) for name, part in zip(form["columns"], parts)}
    if column is not None:
        return columns[column].rename(column)
    return pd.DataFrame(columns, index=index, columns=pd.Index(form["columns"], dtype=None if columns else object))


def _column(data: list[Any], node: dict[str, Any], index: pd.Index | None) -> pd.Series:
    """Values as a Series of the layout's dtype."""
    import pandas as pd

    dtype, tz = value_type(node["dtype"], node.get("tz"))
    if tz is not None:
        instants = pd.DatetimeIndex(decode_zoned(data, dtype)).tz_localize("UTC").tz_convert(tz)
        return pd.Series(instants, index=index)
    values = decode(data, dtype, (len(data),))
    return pd.Series(values, index=index, dtype=object if dtype.stored.kind in "SU" else None)


def _index(data: list[Any], node: dict[str, Any]) -> pd.Index:
    """Labels as a pandas index."""
    import pandas as pd

    name = node.get("name")
    if "range" in node:
        return _range(data, name)
    if node["dtype"] == "str":
        return pd.Index(data, name=name, dtype=None if data else pd.Index(["a"]).dtype)
    dtype, tz = value_type(node["dtype"], node.get("tz"))
    if tz is not None:
        return pd.DatetimeIndex(decode_zoned(data, dtype), name=name).tz_localize("UTC").tz_convert(tz)
    values = decode(data, dtype, (len(data),))
    return pd.Index(values.astype("f4") if values.dtype == np.float16 else values, name=name)


def _range(data: list[int], name: str | None) -> pd.Index:
    """A RangeIndex where the places that were picked are one."""
    import pandas as pd

    step = data[1] - data[0] if len(data) > 1 else 1
    if step and all(b - a == step for a, b in zip(data, data[1:])):
        start = data[0] if data else 0
        return pd.RangeIndex(start, start + step * len(data), step, name=name)
    return pd.Index(data, dtype="int64", name=name)


def _dataarray(form: Any, node: dict[str, Any]) -> xr.DataArray:
    import xarray as xr

    dims, shape = form["dims"], tuple(form["shape"])
    extents = dict(zip(dims, shape))
    values = decode(form["data"], value_type(node["dtype"])[0], shape)
    coords = {}
    for name, coord in form["coords"].items():
        coords[name] = _coordinate(coord, node["coords"][name], [extents[dim] for dim in coord["dims"]])
    return xr.DataArray(values, coords, dims, name=node["name"], attrs=form["attrs"])


def _coordinate(form: dict[str, Any], node: dict[str, Any], shape: list[int]) -> Any:
    import xarray as xr

    dims, data, attrs = form["dims"], form["data"], form["attrs"]
    if len(dims) == 1 and ("tz" in node or "range" in node):
        return xr.Variable(dims, _index(data, {**node, "name": None}), attrs)
    if "range" in node:
        values = np.array(data, "<i8").reshape(shape)
    elif node["dtype"] == "str":
        values = np.array(data, object if not shape else None).reshape(shape) if data else np.empty(shape, "<U1")
        values = values.astype(str) if values.dtype == object else values
    elif "tz" in node:
        values = np.array(_index([data] if not shape else list(np.ravel(data)), {**node, "name": None}), object)
        values = values.reshape(shape)
    else:
        values = decode(data, value_type(node["dtype"])[0], tuple(shape))
    return xr.Variable(dims, values, attrs)
