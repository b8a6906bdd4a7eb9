"""A segment, or a part of one, on a gateway."""

from __future__ import annotations

import io
import json
import urllib.parse
from typing import Any

import numpy as np

from ..casting import fit
from ..dtypes import DType
from ..layouts.base import is_from
from ..writing import Write
from .building import build
from .client import JSON, NPY, RAW, Client, Query
from .forms import encode
from .nearby import part_of, pick, put
from .root import Root, label_count
from .selections import LONGEST_QUERY, Index, spell_label, spell_tolerance


class RemoteObject:
    """A segment of a gateway. Reads give private copies that mix no two writes; assignments are writes, all or nothing.

    - `obj[...]`, `obj[0:2, [1, 3]]`: NumPy's basic indexing with at most one list, by place. Arrays give NumPy arrays,
      series and dataframes pandas objects (rows by place), DataArrays xarray's. `obj["a"]` is a column of a dataframe;
      of a struct or list, `obj["a"]` and `obj[0]` are members, objects like this one.
    - `obj[...] = value` writes, a scalar or what broadcasts.
    - `obj.sel(x=2, y=slice("a", "c"))` and `obj.loc[2, "a":"c"]` select by label; `obj.loc[...] = value` writes.
    - `np.asarray(obj)` is the whole; `obj.values` the bare array of a series or DataArray.

    `is_local` says whether the file is mapped here, which is so if dev, ino and uuid show that it is the gateway's;
    else each access is a request. The segment stays the one that was asked for at first: if the name is given to
    another, it is `SegmentReplaced`.

    It serves dask as source (`dask.array.from_array(obj)`) and sink (`dask.array.store([x], [obj])`), and can be
    pickled; a copy finds out anew whether the file is on its host.
    """

    def __init__(self, client: Client, name: str, local: bool | None, member: tuple[str, ...] = (), root: Any = None):
        self._client = client
        self._name = name
        self._local = local
        self._member = member
        self._root = root if root is not None else Root(client, name, local)
        self._node = self._root.node(member)

    def __reduce__(self) -> Any:
        return RemoteObject, (self._client, self._name, self._local, self._member)

    # What it is

    @property
    def name(self) -> str:
        """The segment's name."""
        return self._name

    @property
    def kind(self) -> str:
        """The layout's kind."""
        return self._node["kind"]

    @property
    def layout(self) -> dict[str, Any]:
        """The layout in canonical form."""
        return self._node

    @property
    def uuid(self) -> str:
        """The identity of the segment."""
        return self._root.description["uuid"]

    @property
    def attrs(self) -> dict[str, Any]:
        """The segment's attributes."""
        return self._root.description["attrs"]

    @property
    def is_local(self) -> bool:
        """Whether the file is mapped here; else each access is a request."""
        return self._root.segment is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents; of a dataframe rows and columns, of a struct or list none."""
        node = self._node
        if self.kind in ("series", "dataframe"):
            rows = label_count(node["index"])
            return (rows,) if self.kind == "series" else (rows, len(node["columns"]))
        if self.kind == "bytes":
            return (node["size"],)
        return tuple(node.get("shape", ()))

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements there are."""
        return int(np.prod(self.shape, dtype=object))

    @property
    def dtype(self) -> np.dtype:
        """The type of the elements; for a dataframe the one that holds all columns, object for mixtures and nesting."""
        if self.kind == "bytes":
            return np.dtype("u1")
        if self.kind == "dataframe":
            types = {DType.of(column["dtype"]).viewed for column in self._node["columns"] if "tz" not in column}
            if len(types) == 1 and not any("tz" in column for column in self._node["columns"]):
                return types.pop()
            numeric = types and all(dtype.kind in "iufc" for dtype in types)
            return np.result_type(*types) if numeric and len(types) else np.dtype(object)
        if "dtype" not in self._node or "tz" in self._node:
            return np.dtype(object)
        return DType.of(self._node["dtype"]).viewed

    @property
    def dtypes(self) -> dict[str, str]:
        """The dtypes of a dataframe's columns as pandas spells them."""
        return {column["name"]: _pandas_dtype(column) for column in self._node["columns"]}

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of the axes; `dim_0` … where they have none."""
        if self.kind == "dataarray":
            return tuple(self._node["dims"])
        if self.kind in ("series", "dataframe"):
            return ("index", "columns")[: self.ndim]
        return tuple(f"dim_{axis}" for axis in range(self.ndim))

    @property
    def values(self) -> Any:
        """The bare array of a series or DataArray, as an object like this one."""
        if self.kind in ("series", "dataarray"):
            return self._below("values")
        return self

    def keys(self) -> list[str]:
        """The members of a struct, the columns of a dataframe."""
        if self.kind == "struct":
            return list(self._node["members"])
        if self.kind == "dataframe":
            return [column["name"] for column in self._node["columns"]]
        raise TypeError(f"a {self.kind} has no keys")

    def __len__(self) -> int:
        if self.kind == "list":
            return self._node["count"]
        if self.kind == "struct":
            return len(self._node["members"])
        if not self.shape:
            raise TypeError("an object of rank 0 has no length")
        return self.shape[0]

    def __iter__(self) -> Any:
        if self.kind in ("struct", "dataframe"):
            return iter(self.keys())
        return (self[place] for place in range(len(self)))

    def __repr__(self) -> str:
        where = "local" if self.is_local else "remote"
        name = "/".join((self._name, *self._member))
        return f"<RemoteObject {name!r} {self.kind} {self.dtype} {self.shape} {where}>"

    def __dask_tokenize__(self) -> Any:
        description = self._root.describe()
        return type(self).__name__, self._client.url, description["uuid"], description["sequence"], self._member

    # Reading

    def read(self) -> Any:
        """The whole: an array, bytes, a Series, DataFrame or DataArray, a dict or list of those, a JSON value."""
        return self._get((), None)

    def __getitem__(self, key: Any) -> Any:
        if self.kind in ("struct", "list") and key is not Ellipsis:
            return self._child(key)
        if self.kind == "dataframe" and _is_columns(key):
            return self._get((), None, columns=key)
        return self._get(key, None)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("expected that a copy may be made: what a gateway sends is one")
        array = np.asarray(self.values.read() if self.kind in ("series", "dataarray") else self.read())
        return array if dtype is None else array.astype(dtype)

    def sel(
        self, indexers: dict[str, Any] | None = None, *, method: str | None = None, tolerance: Any = None, **more: Any
    ) -> Any:
        """What is under some labels: for each dimension a label, a list of labels, or a slice with both ends meant.

        Series and dataframes have the dimension `index`. `method` is `nearest`, `ffill` or `bfill`, at most `tolerance`
        apart. `NoSuchLabel` (which is a KeyError) for a label that is not there.
        """
        wanted = {**(indexers or {}), **more}
        return self._get((), wanted, method=method, tolerance=tolerance)

    @property
    def loc(self) -> _Loc:
        """By label, a position for each dimension; for a dataframe rows, then columns."""
        return _Loc(self)

    # Writing

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.kind in ("struct", "list") and key is not Ellipsis:
            self._child(key)[...] = value
        elif self.kind == "dataframe" and _is_columns(key):
            self._set((), None, value, columns=key)
        else:
            self._set(key, None, value)

    # Far or near

    def _get(self, key: Any, labels: dict[str, Any] | None, columns: Any = None, **how: Any) -> Any:
        if self.is_local:
            return self._root.read(lambda obj: self._pick_here(obj, key, labels, columns, how))
        if self.kind in ("ndarray", "bytes") and not labels:
            return self._get_array(key)
        query = self._query(key, labels, columns, how)
        answer = self._root.request("GET", self._path(), query)
        return build(answer.json(), self._node, columns if isinstance(columns, str) else None)

    def _set(self, key: Any, labels: dict[str, Any] | None, value: Any, columns: Any = None) -> None:
        value = self._in_order(value, columns)
        if self.is_local:
            is_all = not self._member and labels is None and columns is None and _is_all(key)
            self._root.write(is_all, lambda write, obj: self._put_here(write, obj, key, labels, columns, value))
        elif self.kind == "ndarray" and not labels:
            self._set_array(key, value)
        else:
            query = self._query(key, labels, columns, {})
            if self.kind == "bytes" and not isinstance(value, (int, np.integer)):
                body, media = bytes(value), RAW
            else:
                form = encode(value)
                if isinstance(columns, str) and isinstance(form, list):
                    form = [[item] for item in form]  # one column is picked, not dropped
                body, media = json.dumps(form, ensure_ascii=False).encode(), JSON
            self._root.request("PATCH", self._path(), query, body, media)

    def _in_order(self, value: Any, columns: Any) -> Any:
        """A DataFrame's columns and a DataArray's dimensions in this object's order; other values as they are."""
        if self.kind == "dataframe" and is_from(value, "pandas", "DataFrame"):
            names = self.keys() if columns is None else [columns] if isinstance(columns, str) else list(columns)
            if set(value.columns) != set(names):
                raise ValueError(f"expected the columns {names!r:.200}, got {list(value.columns)!r:.200}")
            return value[names]
        if self.kind == "dataarray" and is_from(value, "xarray", "DataArray"):
            return (value.transpose(*self.dims) if set(value.dims) == set(self.dims) else value).values
        return value

    def _get_array(self, key: Any) -> Any:
        index = Index(key, self.shape)
        split = index.split()
        if split is not None:
            wide, places = split
            return index.arranged(self._get_array(wide.numpy)[places])
        query = [("format", "npy")] + ([("slice", index.text)] if index.parts else [])
        answer = self._root.request("GET", self._path(), query)
        array = np.lib.format.read_array(io.BytesIO(answer.body), allow_pickle=False)
        if self.kind == "bytes" and not index.parts:
            return array.tobytes()
        array = array.view(self.dtype) if answer.headers.get("Shm-Dtype") == "bfloat16" else array
        array = index.arranged(array)
        return array if array.ndim else array[()]

    def _set_array(self, key: Any, value: Any) -> None:
        index = Index(key, self.shape)
        dtype = DType.of(self._node["dtype"])
        array = fit(value.values if hasattr(value, "dims") else value, dtype.viewed)
        array = index.disarranged(np.broadcast_to(array, index.result_shape))
        query = [("slice", index.text)] if index.parts else []
        if len(index.text) > LONGEST_QUERY:
            patch = {"patches": [{"slice": index.text, "value": encode(array)}]}
            self._root.request("PATCH", self._path(), [], json.dumps(patch).encode(), JSON)
        elif dtype.spelling == "bfloat16":
            self._root.request("PATCH", self._path(), query, np.ascontiguousarray(array).tobytes(), RAW)
        else:
            body = io.BytesIO()
            np.lib.format.write_array(body, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
            self._root.request("PATCH", self._path(), query, body.getvalue(), NPY)

    def _query(self, key: Any, labels: dict[str, Any] | None, columns: Any, how: dict[str, Any]) -> Query:
        query: Query = []
        shape = self.shape[:1] if self.kind == "dataframe" else self.shape
        if self.kind not in ("struct", "list", "json"):
            index = Index(key, shape)
            if index.parts and index.parts != [Ellipsis]:
                query.append(("slice", index.text))
        for dim, label in (labels or {}).items():
            if dim not in self.dims or (self.kind == "ndarray") or (self.kind == "dataframe" and dim != "index"):
                raise ValueError(f"expected one of the dimensions {self.dims}, got {dim!r}")
            query.append((f"sel.{dim}", spell_label(label, self._labels(dim))))
        if columns is not None:
            names = [columns] if isinstance(columns, str) else list(columns)
            query.append(("columns", json.dumps(names, ensure_ascii=False)))
        if how.get("method") is not None:
            query.append(("method", how["method"]))
        if how.get("tolerance") is not None:
            query.append(("tolerance", spell_tolerance(how["tolerance"])))
        return query

    def _labels(self, dim: str) -> dict[str, Any] | None:
        """How the header has the labels of a dimension."""
        return self._node.get("coords", {}).get(dim) if self.kind == "dataarray" else self._node["index"]

    def _path(self) -> str:
        return "/".join([f"/segments/{self._name}/data", *(urllib.parse.quote(part, safe="") for part in self._member)])

    def _child(self, key: Any) -> RemoteObject:
        """A member of a struct by name, an item of a list by number."""
        if self.kind == "struct":
            if key not in self._node["members"]:
                raise KeyError(key)
            return self._below("members", key)
        count = self._node["count"]
        if not isinstance(key, (int, np.integer)) or not -count <= key < count:
            raise IndexError(f"expected an item within {count}, got {key!r:.60}")
        return self._below("items", str(int(key) % count))

    def _below(self, *parts: str) -> RemoteObject:
        return RemoteObject(self._client, self._name, self._local, (*self._member, *parts), self._root)

    def _pick_here(self, obj: Any, key: Any, labels: dict[str, Any] | None, columns: Any, how: dict[str, Any]) -> Any:
        found = part_of(obj, self._member)
        if self.kind == "bytes" and not _is_all(key):
            found = np.frombuffer(found, np.uint8)
        return pick(found, key, labels, columns, how)

    def _put_here(
        self, write: Write, obj: Any, key: Any, labels: dict[str, Any] | None, columns: Any, value: Any
    ) -> None:
        if self.kind in ("struct", "list", "json", "bytes"):
            if not _is_all(key):
                raise IndexError(f"expected [...] for a {self.kind}, which is written as a whole, got {key!r:.60}")
            write.fill(value, self._member)
            return
        is_bare = self._member[-1:] == ("values",)
        put(part_of(obj, self._member[:-1] if is_bare else self._member), key, labels, columns, value)


class _Loc:
    """Selection by label, a position for each dimension."""

    def __init__(self, owner: RemoteObject):
        self._owner = owner

    def __getitem__(self, key: Any) -> Any:
        labels, columns = self._split(key)
        return self._owner._get((), labels, columns=columns)

    def __setitem__(self, key: Any, value: Any) -> None:
        labels, columns = self._split(key)
        self._owner._set((), labels, value, columns=columns)

    def _split(self, key: Any) -> tuple[dict[str, Any], Any]:
        """Labels by dimension, and the columns of a dataframe."""
        if isinstance(key, dict):
            return key, None
        parts = key if isinstance(key, tuple) else (key,)
        columns = None
        if self._owner.kind == "dataframe":
            if len(parts) == 2:
                columns = None if isinstance(parts[1], slice) and parts[1] == slice(None) else parts[1]
            parts, dims = parts[:1], ("index",)
        else:
            dims = self._owner.dims
        if len(parts) > len(dims):
            raise IndexError(f"expected at most {len(dims)} positions, got {len(parts)}")
        return {
            dim: part for dim, part in zip(dims, parts) if not (isinstance(part, slice) and part == slice(None))
        }, columns


def _is_all(key: Any) -> bool:
    """Whether an index means the whole."""
    return key is Ellipsis or (isinstance(key, tuple) and not key)


def _is_columns(key: Any) -> bool:
    """Whether an index of a dataframe names columns."""
    return isinstance(key, str) or (isinstance(key, list) and bool(key) and all(isinstance(name, str) for name in key))


def _pandas_dtype(column: dict[str, Any]) -> str:
    dtype = DType.of(column["dtype"])
    if "tz" in column:
        return f"datetime64[{np.datetime_data(dtype.stored)[0]}, {column['tz']}]"
    return str(dtype.viewed)
