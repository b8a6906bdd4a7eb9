"""Layouts: what the bytes of a segment mean. A module for each kind, or for two that are alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .arrays import BytesLayout, NdArrayLayout
from .base import BuiltInLayout, Layout, View, guesses, is_from, read_layout, resolve
from .dataarray import DataArrayLayout
from .dataframe import DataFrameLayout
from .json import JSONLayout
from .nested import ListLayout, StructLayout
from .series import SeriesLayout

guesses(lambda data: is_from(data, "pandas", "Series"), SeriesLayout.from_data)
guesses(lambda data: is_from(data, "pandas", "DataFrame"), DataFrameLayout.from_data)
guesses(lambda data: is_from(data, "xarray", "DataArray"), DataArrayLayout.from_data)
guesses(lambda data: isinstance(data, (bytes, bytearray, memoryview)), BytesLayout.from_data)
guesses(lambda data: isinstance(data, Mapping), StructLayout.from_data)
guesses(lambda data: isinstance(data, (list, tuple)), ListLayout.from_data)
guesses(lambda data: data is None or isinstance(data, str), JSONLayout.from_data)
guesses(lambda data: isinstance(data, (np.ndarray, np.generic, bool, int, float, complex)), NdArrayLayout.from_data)

__all__ = [
    "BuiltInLayout",
    "BytesLayout",
    "DataArrayLayout",
    "DataFrameLayout",
    "JSONLayout",
    "Layout",
    "ListLayout",
    "NdArrayLayout",
    "SeriesLayout",
    "StructLayout",
    "View",
    "read_layout",
    "resolve",
]
