"""The kind `dataarray`: an array with named dimensions and coordinates, as xarray has it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..buffers import ArraySpecification, Buffers, path_component
from ..dtypes import value_type
from ..errors import CorruptSegment, DetachedError, InvalidLayout
from ..labels import ElementLabels, Labels, RangeLabels, TextLabels, labels_of, read_labels
from .base import (
    BuiltInLayout,
    Fields,
    Store,
    View,
    check_name,
    check_names,
    check_shape,
    collect_array,
    encode_json,
    fill_array,
    is_from,
    read_shape,
)
from .columns import zoned

if TYPE_CHECKING:
    import xarray as xr


@dataclasses.dataclass
class Coordinate:
    """Labels over some of the dimensions; one whose only dimension has its name is an index."""

    name: str
    dims: list[str]
    labels: Labels
    shape: tuple[int, ...]
    attrs: dict[str, Any]

    @property
    def path(self) -> str:
        """Where its values lie."""
        return f"coords/{path_component(self.name)}"

    @property
    def is_index(self) -> bool:
        """Whether it labels the dimension of its name."""
        return self.dims == [self.name]

    def node(self) -> dict[str, Any]:
        """How the header writes it down."""
        dims = {} if self.is_index else {"dims": self.dims}
        attrs = {"attrs": self.attrs} if self.attrs else {}
        return {**dims, **self.labels.node(self.path), **attrs}


class DataArrayLayout(BuiltInLayout):
    """An array with named dimensions and coordinates. Its object is an xarray DataArray over the segment's memory."""

    kind = "dataarray"

    def __init__(
        self,
        dtype: Any,
        dims: Any,
        coords: Mapping[str, Any] | None = None,
        *,
        shape: Any = None,
        name: str | None = None,
        attrs: Mapping[str, Any] | None = None,
        init_value: Any = None,
    ):
        """`coords` maps names to labels, or to `(dims, values)` or `(dims, values, attrs)` as in xarray.

        `shape` is needed where a dimension has no coordinate. `attrs` become the segment's where the layout is not a
        member of another. `init_value` is a scalar, array or DataArray.
        """
        self.dtype, zone = value_type(dtype)
        if zone is not None:
            raise InvalidLayout("expected values without a time zone: xarray has none, only coordinates may have one")
        self.dims = check_names([dims] if isinstance(dims, str) else dims, "dimensions")
        given = {} if coords is None else dict(coords)
        check_names(given, "coordinates")
        self.coords = [_coordinate(name, value, self.dims) for name, value in given.items()]
        self.shape = _shape(self.dims, None if shape is None else check_shape(shape), self.coords)
        self.name = check_name(name)
        self.attrs = _plain_attrs(attrs or {}, "the attributes")
        self.init_value = init_value

    @classmethod
    def from_data(cls, data: xr.DataArray) -> DataArrayLayout:
        """The layout of a DataArray, with its contents, coordinates, name and attributes."""
        coords: dict[str, Any] = {}
        for name, coord in data.coords.items():
            index = data.indexes.get(name)
            if index is not None and index.nlevels > 1:
                raise InvalidLayout(f"expected coordinates of one level, {name!r} is a MultiIndex")
            # The index knows of ranges, zones and strings, the values of widths that pandas has no index of.
            is_plain = index is None or (isinstance(index.dtype, np.dtype) and index.dtype.kind != "O")
            values = coord.values if is_plain and not _is_range(index) else index.rename(None)
            coords[name] = (coord.dims, values, coord.attrs)
        return cls(data.dtype, data.dims, coords, shape=data.shape, name=data.name, attrs=data.attrs, init_value=data)

    @classmethod
    def read(cls, fields: Fields) -> DataArrayLayout:
        layout = cls.__new__(cls)
        layout.name = fields.name("name")
        layout.dtype, zone = value_type(fields.take("dtype"), fields.take("tz", None))
        if zone is not None:
            raise CorruptSegment("expected values without a time zone in a dataarray")
        layout.dims = fields.names("dims")
        layout.shape = fields.shape("shape")
        if len(layout.shape) != len(layout.dims):
            raise CorruptSegment(f"expected an extent for each of {layout.dims}, got {layout.shape}")
        layout.coords = [
            _read_coordinate(name, node, layout.dims, layout.shape) for name, node in fields.object("coords").items()
        ]
        layout.attrs = {}
        return layout

    def fields(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dtype": self.dtype.spelling,
            "dims": self.dims,
            "shape": list(self.shape),
            "coords": {coordinate.name: coordinate.node() for coordinate in self.coords},
        }

    def arrays(self) -> list[ArraySpecification]:
        arrays = [ArraySpecification("values", self.dtype, self.shape)]
        for coordinate in self.coords:
            arrays += coordinate.labels.arrays(coordinate.path, coordinate.shape)
        return arrays

    def fill(self, buffers: Buffers, value: Any) -> None:
        if is_from(value, "xarray", "DataArray"):
            value = value.transpose(*self.dims).data if set(value.dims) == set(self.dims) else value.data
        fill_array(buffers["values"], value)

    def labels(self) -> list[Labels]:
        return [coordinate.labels for coordinate in self.coords]

    def fill_labels(self, buffers: Buffers) -> None:
        for coordinate in self.coords:
            coordinate.labels.fill(buffers, coordinate.path)

    def bind(self, buffers: Buffers) -> View:
        return _DataArrayView(self, buffers)


class _DataArrayView(View):
    def __init__(self, layout: DataArrayLayout, buffers: Buffers):
        xr = require_xarray()
        self._target = buffers["values"]
        variable = xr.Variable(layout.dims, self._target.view())
        coords = {coordinate.name: _variable(xr, coordinate, buffers) for coordinate in layout.coords}
        # A DataArray would copy the coordinates; a Dataset takes them as they are. No coordinate has this name.
        key = "\0values"
        self.obj = xr.Dataset({key: variable}, coords=coords)[key]
        self.obj.name = layout.name
        self.obj.attrs.update(layout.attrs)
        self._dims = self.obj.dims
        self._coords = {name: coord.variable for name, coord in self.obj.coords.items()}

    def collect(self, obj: Any, what: str) -> list[Store]:
        if not is_from(obj, "xarray", "DataArray"):
            raise DetachedError(f"expected {what} as a DataArray, got {type(obj).__name__}")
        if obj.dims != self._dims:
            raise DetachedError(f"expected {what} with the dimensions {self._dims}, got {obj.dims}")
        if set(obj.coords) != set(self._coords):
            raise DetachedError(f"expected {what} with the coordinates {list(self._coords)}, got {list(obj.coords)}")
        for name, variable in self._coords.items():
            if not obj.coords[name].variable.equals(variable):
                raise DetachedError(f"expected {what} with the labels that it had, those of {name!r} differ")
        return collect_array(self._target, obj.data, what)


def _variable(xr: Any, coordinate: Coordinate, buffers: Buffers) -> Any:
    """A coordinate without a copy; texts, float16 indexes and instants of a zone that are no index have one."""
    labels, path, attrs = coordinate.labels, coordinate.path, coordinate.attrs
    if coordinate.is_index:
        values = labels.values(buffers, path) if isinstance(labels, TextLabels) else labels.index(buffers, path)
        return xr.IndexVariable(coordinate.dims, values, attrs)
    values = labels.values(buffers, path).reshape(coordinate.shape)
    if isinstance(labels, ElementLabels) and labels.tz is not None:
        values = np.asarray(zoned(values.ravel(), labels.tz).astype(object)).reshape(coordinate.shape)
    return xr.Variable(coordinate.dims, values, attrs)


def _coordinate(name: str, value: Any, dims: list[str]) -> Coordinate:
    """A coordinate as the user gives it."""
    own_dims: list[str] | None = [name] if name in dims else None
    attrs: Mapping[str, Any] = {}
    if isinstance(value, Coordinate):
        return value
    if isinstance(value, tuple) and len(value) in (2, 3) and isinstance(value[0], (str, tuple, list)):
        own_dims = [value[0]] if isinstance(value[0], str) else list(value[0])
        attrs = value[2] if len(value) == 3 else {}
        value = value[1]
    elif is_from(value, "xarray", "DataArray") or is_from(value, "xarray", "Variable"):
        own_dims, attrs, value = list(value.dims), value.attrs, value.values
    elif own_dims is None and np.ndim(value) == 0:
        own_dims = []
    if own_dims is None:
        raise InvalidLayout(f"expected the coordinate {name!r}, which is no dimension, as (dims, values)")
    if name in dims and own_dims != [name]:
        raise InvalidLayout(f"expected the coordinate {name!r} along the dimension of its name, got {own_dims}")
    if not own_dims:
        value = np.asarray(value)
        if value.dtype.kind == "O" and isinstance(value.item(), str):
            value = value.astype(str)
    labels, shape = labels_of(value, f"the coordinate {name!r}")
    labels.name = None
    if isinstance(labels, RangeLabels) and own_dims != [name]:
        labels, _ = labels_of(np.arange(labels.range.start, labels.range.stop, labels.range.step))
    if len(shape) != len(own_dims):
        raise InvalidLayout(f"expected the coordinate {name!r} over {own_dims}, got the shape {shape}")
    return Coordinate(name, own_dims, labels, tuple(shape), _plain_attrs(attrs, f"the attributes of {name!r}"))


def _read_coordinate(name: str, node: Any, dims: list[str], shape: tuple[int, ...]) -> Coordinate:
    """A coordinate as a header writes it down."""
    if not name or not isinstance(node, dict):
        raise CorruptSegment(f"expected the coordinate {name!r} as an object, got {node!r:.60}")
    node = dict(node)
    attrs = node.pop("attrs", {})
    own_dims = node.pop("dims", [name] if name in dims else None)
    if not isinstance(own_dims, list) or not all(dim in dims for dim in own_dims) or len(set(own_dims)) < len(own_dims):
        raise CorruptSegment(f"expected the coordinate {name!r} over some of {dims}, got {own_dims!r:.60}")
    extents = tuple(shape[dims.index(dim)] for dim in own_dims)
    if "shape" in node and read_shape(node.pop("shape")) != extents:
        raise CorruptSegment(f"expected the coordinate {name!r} of the shape {extents}")
    if not isinstance(attrs, dict):
        raise CorruptSegment(f"expected the attributes of {name!r} as an object, got {attrs!r:.60}")
    labels = read_labels(node, f"coords/{path_component(name)}")
    size = 1
    for extent in extents:
        size *= extent
    if labels.size != size:
        raise CorruptSegment(f"expected {size} labels for the coordinate {name!r}, got {labels.size}")
    return Coordinate(name, own_dims, labels, extents, attrs)


def _shape(dims: list[str], given: tuple[int, ...] | None, coords: list[Coordinate]) -> tuple[int, ...]:
    """The extent of each dimension, from `shape` and from the coordinates, which have to agree."""
    if given is not None and len(given) != len(dims):
        raise InvalidLayout(f"expected a shape of {len(dims)} extents, one for each of dims, got {given}")
    extents = dict(zip(dims, given or ()))
    for coordinate in coords:
        for dim, extent in zip(coordinate.dims, coordinate.shape):
            if dim not in dims:
                raise InvalidLayout(f"the coordinate {coordinate.name!r} names no dimension: {dim!r}")
            if extents.setdefault(dim, extent) != extent:
                raise InvalidLayout(
                    f"expected {extents[dim]} values along {dim!r}, the coordinate {coordinate.name!r} has {extent}"
                )
    for dim in dims:
        if dim not in extents:
            raise InvalidLayout(f"the dimension {dim!r} has neither a coordinate nor a shape")
    return tuple(extents[dim] for dim in dims)


def _plain_attrs(attrs: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Attributes as JSON has them."""
    check_names(attrs, what)
    return json.loads(encode_json(dict(attrs), what))


def _is_range(index: Any) -> bool:
    return is_from(index, "pandas", "RangeIndex")


def require_xarray() -> Any:
    """The module, with a word on how to get it."""
    try:
        import xarray
    except ImportError as error:
        raise ImportError("DataArrays need xarray: pip install shmgate[xarray]") from error
    return xarray
