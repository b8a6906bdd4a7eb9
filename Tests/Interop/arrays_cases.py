"""Random DataArrays with coordinates of every sort, and selections of them with xarray as the authority."""

import numpy as np
import pandas as pd
import xarray as xr

from frames_cases import DTYPES, random_values
from jsonform import to_json
from labels_cases import WORDS, Key, Labels, random_key, random_labels
from selection_cases import REFUSALS, Method, Refused, instants, locate, random_method, random_row_slice

DIMS = ["x", "y", "time", "größe/m"]
EXTRAS = ["station", "run 1", "height", "50%"]
EXTRA_DTYPES = ["<i8", "<f8", "<f4", "?", "<M8[s]", "<m8[ms]", "str"]
SELECTED, SLICED = 0.45, 0.7


class Array:
    """A DataArray of random rank: `layout` for the gateway, `object()` for xarray."""

    def __init__(self, random):
        self.dims = [str(d) for d in random.permutation(DIMS)[: random.choice(5, p=[0.08, 0.27, 0.3, 0.2, 0.15])]]
        self.labels, self.extras, coords = {}, {}, {}
        for dim in self.dims:
            size = int(random.choice([0, 1, 2, 3, 4, 5, 6], p=[0.03, 0.1, 0.15, 0.2, 0.2, 0.2, 0.12]))
            if random.random() < 0.78:
                self.labels[dim] = random_labels(random, size, zones=False)
                coords[dim] = self.labels[dim].json
            else:
                self.labels[dim] = Labels("int", pd.RangeIndex(size), None)
        self.shape = tuple(len(self.labels[dim].index) for dim in self.dims)
        for name in random.permutation(EXTRAS)[: random.integers(4)]:
            coords[str(name)] = self.extra(random, str(name))
        self.dtype = str(random.choice(DTYPES))
        self.values = np.array(random_values(random, self.dtype, self.shape))
        self.name = str(random.choice(["t", "größe"])) if random.random() < 0.3 else None
        self.layout = {"kind": "dataarray", "dtype": self.dtype, "dims": self.dims, "coords": coords}
        if any(labels.json is None for labels in self.labels.values()) or random.random() < 0.3:
            self.layout["shape"] = list(self.shape)
        if self.name is not None:
            self.layout["name"] = self.name

    def extra(self, random, name):
        """A coordinate that is no dimension: a scalar, along one dimension, or over two."""
        rank = min(int(random.integers(3)), len(self.dims))
        dims = [str(d) for d in random.permutation(self.dims)[:rank]]
        shape = tuple(len(self.labels[dim].index) for dim in dims)
        dtype = str(random.choice(EXTRA_DTYPES))
        if dtype == "str":
            values = np.asarray(random.choice(np.array(WORDS), size=shape)).astype(object)
            self.extras[name] = (dims, values)
            return {"dims": dims, **({"dtype": "str"} if 0 in shape or random.random() < 0.5 else {}), "data": values.tolist()}
        values = np.asarray(random_values(random, dtype, shape))
        self.extras[name] = (dims, values)
        return {"dims": dims, "dtype": dtype, "data": to_json(values, dtype)}

    def object(self, values=None):
        coords = {dim: labels.index for dim, labels in self.labels.items() if labels.json is not None}
        values = self.values if values is None else values
        return xr.DataArray(values, dims=self.dims, coords=coords | self.extras, name=self.name)

    def coordinate_dtype(self, name):
        """How `jsonform.same` compares a coordinate's elements; None for texts."""
        if name in self.extras:
            values = self.extras[name][1]
        elif self.labels[name].kind == "str":
            return None
        else:
            values = self.labels[name].raw
        return None if values.dtype == object else values.dtype.str


class ArraySelection:
    """A random query over an array: `pairs` for its URL, `result(array)` by xarray, or `refused`."""

    def __init__(self, random, array):
        self.array, self.pairs, self.refused, self.note = array, [], None, ""
        self.sels, self.keys = {}, {}
        parts = {dim: random.random() for dim in array.dims}
        for dim, part in parts.items():
            if part < SELECTED:
                self.keys[dim] = None
        self.choose_keys(random)
        slices = {}
        for dim, part in parts.items():
            if SELECTED <= part < SLICED:
                slices[dim] = random_row_slice(random, len(array.labels[dim].index))
        self.positions = {dim: rows for dim, (_, rows) in slices.items()}
        if slices or random.random() < 0.1:
            self.pairs.append(("slice", self.slice_text(random, slices)))

    def choose_keys(self, random):
        labels = {dim: self.array.labels[dim] for dim in self.keys}
        self.method = self.common_method(random, list(labels.values()))
        forms = ("scalar", "list") if self.method and random.random() < 0.97 else ("scalar", "list", "range", "range")
        for dim in labels:
            self.keys[dim] = random_key(random, labels[dim], forms)
            self.pairs.append((f"sel.{dim}", self.keys[dim].text))
        self.pairs += self.method.query()

    def common_method(self, random, labels):
        """One method and tolerance for all dimensions of the request."""
        methods = [random_method(random, each, 0.3) for each in labels]
        if not methods or not all(methods):
            return Method()
        kinds = {each.kind for each in labels}
        if kinds & {"str", "bool"}:
            return Method("ffill")
        return methods[0] if len(labels) == 1 or (len(kinds) == 1 and kinds < {"int", "float"}) else Method(methods[0].name or "ffill")

    def slice_text(self, random, slices):
        items = [slices[dim][0] if dim in slices else ":" for dim in self.array.dims]
        while items and items[-1] == ":" and random.random() < 0.8:
            items.pop()
        return ",".join(items) if items or random.random() < 0.5 else "..."

    def resolve(self):
        """Asks pandas where each label is, then xarray for the whole; False where the two contradict each other."""
        found, refused = {}, set()
        for dim, key in self.keys.items():
            try:
                found[dim] = locate(self.array.labels[dim], key, self.method)
            except tuple(kind for kind, *_ in REFUSALS) as error:
                refused |= Refused.like(error).expected
                self.note += f" {dim}: {type(error).__name__} {str(error)[:80]}"
        # The contract's own: positions of a dimension without labels, lists of bools and of repeated labels.
        plain = [dim for dim, key in self.keys.items() if self.is_plain(dim, key)]
        try:
            picked = self.array.object(self.numbered()).sel(
                {dim: asked(self.array.labels[dim], self.keys[dim], self.method) for dim in plain},
                method=self.method.name if plain else None,
                tolerance=self.tolerance() if plain else None,
            )
        except tuple(kind for kind, *_ in REFUSALS) as error:
            self.refused, self.reason = refused, error
            return bool(refused)
        self.refused, self.reason = refused or None, None
        if refused:
            return any(dim not in plain for dim in self.keys)
        others = {dim: at for dim, at in found.items() if dim not in plain}
        self.picked = picked.isel(others | self.positions)
        return same_picks(self.array, found | self.positions, self.picked)

    def is_plain(self, dim, key):
        labels = self.array.labels[dim]
        return labels.json is not None and not (key.form == "list" and (labels.kind == "bool" or not labels.index.is_unique))

    def tolerance(self):
        value = self.method.tolerance
        return value.to_timedelta64() if isinstance(value, pd.Timedelta) else value

    def numbered(self):
        return np.arange(self.array.values.size).reshape(self.array.shape)

    def result(self):
        """The selection as a DataArray of values."""
        return self.picked.copy(data=np.asarray(self.array.values.reshape(-1)[self.picked.to_numpy()]))


def asked(labels, key: Key, method):
    """A key as xarray takes it."""
    if key.form == "range":
        return slice(*(scalar(labels, end) for end in key.label))
    if key.form == "scalar":
        return instants(labels, [key.label]).to_numpy()[0] if method and labels.kind == "datetime" else scalar(labels, key.label)
    if labels.kind == "str":
        return np.array(key.label, object)
    if labels.kind == "datetime":
        return instants(labels, key.label).to_numpy()
    return pd.Index(key.label).to_numpy() if key.label and labels.kind != "float" else np.array(key.label, labels.raw.dtype)


def scalar(labels, label):
    return label.to_timedelta64() if isinstance(label, pd.Timedelta) else label


def same_picks(array, found, picked):
    """Whether positions found one by one are those of xarray."""
    full = [np.asarray(found.get(dim, np.arange(size))) for dim, size in zip(array.dims, array.shape)]
    numbers = np.arange(array.values.size).reshape(array.shape)
    expected = numbers[np.ix_(*[np.atleast_1d(at) for at in full])].reshape([len(at) for at in full if at.ndim]) if full else numbers
    return np.array_equal(expected, picked.to_numpy())


def random_array_selection(random, array, contradictions):
    """A selection on which pandas and xarray agree."""
    while True:
        selection = ArraySelection(random, array)
        if selection.resolve():
            return selection
        contradictions.append(selection)
