"""What a layout is: the meaning of the bytes of a segment.

A layout of one's own is a subclass that says its `kind`, its parameters and the built-in layout that it stands for, and
may give a view of its own:

    class OrderBook(shm.Layout):
        kind = "orderbook"

        def __init__(self, depth=10):
            self.depth = depth

        def parameters(self):
            return {"depth": self.depth}

        def expand(self):
            side = shm.NdArrayLayout("float64", (self.depth, 2))
            return shm.StructLayout({"bids": side, "asks": side})

        def view(self, obj):
            return Book(obj["bids"], obj["asks"])

The header holds the built-in layout, so that everybody can read the segment, and the alias `orderbook` with its
parameters, so that a process which has this class gets its view back from `load`.
"""

from __future__ import annotations

import abc
import dataclasses
import json
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..buffers import ArraySpecification, Buffers
from ..casting import fit
from ..errors import CorruptSegment, DetachedError, InvalidLayout, ValueOutOfRange
from ..labels import Labels

MAXIMUM_DEPTH = 32
MAXIMUM_ARRAYS = 100_000

_own_kinds: dict[str, type[Layout]] = {}
_built_in_kinds: dict[str, type[BuiltInLayout]] = {}


class Layout(abc.ABC):
    """What the bytes of a segment mean. Subclass it for a layout of your own."""

    kind: ClassVar[str]

    def __init_subclass__(cls, **settings: Any):
        super().__init_subclass__(**settings)
        if "kind" not in cls.__dict__:
            return
        if issubclass(cls, BuiltInLayout):
            _built_in_kinds[cls.kind] = cls
        elif cls.kind in _built_in_kinds:
            raise InvalidLayout(f"the built-in kind {cls.kind!r} cannot be given another meaning")
        else:
            _own_kinds[cls.kind] = cls

    def parameters(self) -> dict[str, Any]:
        """What `type(self)(**parameters)` needs to make the same layout again: values that JSON has."""
        return {}

    @abc.abstractmethod
    def expand(self) -> Layout:
        """The built-in layout that this one stands for. Its members may be layouts of one's own again."""

    def view(self, obj: Any) -> Any:
        """What `create`, `load` and `write` give: made from the object of the built-in layout, without a copy."""
        return obj

    @classmethod
    def from_data(cls, data: Any) -> Layout:
        """The layout of an object, with its contents as `init_value`.

        `Layout.from_data` takes arrays, Series, DataFrames, DataArrays, mappings (struct), lists (list, if the items
        have one layout), bytes and numbers.
        """
        if cls is not Layout:
            raise NotImplementedError(f"{cls.__name__} does not say how it is made from data")
        return guess(data)


class BuiltInLayout(Layout):
    """One of the kinds that every side knows."""

    init_value: Any = None

    def expand(self) -> Layout:
        """Itself."""
        return self

    @abc.abstractmethod
    def fields(self) -> dict[str, Any]:
        """The canonical form without `kind`."""

    @abc.abstractmethod
    def arrays(self) -> list[ArraySpecification]:
        """The arrays that it needs, in their order in the file."""

    @abc.abstractmethod
    def fill(self, buffers: Buffers, value: Any) -> None:
        """Stores `value` over the whole; None leaves the bytes. `ValueOutOfRange` if it does not fit."""

    def labels(self) -> list[Labels]:
        """All labels in it, once for a list."""
        return []

    def fill_labels(self, buffers: Buffers) -> None:
        """Stores the labels into a new segment."""

    @abc.abstractmethod
    def bind(self, buffers: Buffers) -> View:
        """The object over the bytes."""

    @classmethod
    @abc.abstractmethod
    def read(cls, fields: Fields) -> BuiltInLayout:
        """Reads the canonical form; the labels stay in their buffers."""

    @property
    def depth(self) -> int:
        """How many layouts deep it nests, itself included."""
        return 1

    @property
    def is_copied(self) -> bool:
        """Whether a part of the object is a private copy, as texts in pandas and JSON values are."""
        return False

    def node(self) -> dict[str, Any]:
        """The canonical form, as the header has it."""
        return {"kind": self.kind, **self.fields()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.fields().items())})"


@dataclasses.dataclass(frozen=True)
class Store:
    """Values that have to go back into the segment."""

    target: np.ndarray
    values: np.ndarray


class View:
    """An object over the bytes of a segment, and how to find what of it has left them.

    `obj` is what the user gets.
    """

    obj: Any

    def collect(self, obj: Any, what: str) -> list[Store]:
        """What of `obj`, which is `self.obj` or took its place, does not lie in the segment, to be put back.

        Changes nothing. `DetachedError` if it does not fit any more; `what` says whose it is.
        """
        raise NotImplementedError


def collect_array(target: np.ndarray, found: Any, what: str) -> list[Store]:
    """Nothing if `found` is the very memory of `target`, else what to store.

    The address decides, which is more than `np.shares_memory` says: a column that shares memory with another one after
    `df["a"] = df["b"]` has left its place.
    """
    array = np.asarray(found)
    if in_place(target, array):
        return []
    if array.shape != target.shape:
        raise DetachedError(f"expected {what} of shape {target.shape}, got {array.shape}")
    try:
        return [Store(target, fit(array, target.dtype, what))]
    except ValueOutOfRange as error:
        raise DetachedError(str(error)) from error


def in_place(target: np.ndarray, array: np.ndarray) -> bool:
    """Whether an array is the very memory of another, element for element."""
    return (
        array.shape == target.shape
        and array.dtype.itemsize == target.dtype.itemsize
        and array.dtype.kind == target.dtype.kind
        and array.flags.c_contiguous
        and (target.size == 0 or array.__array_interface__["data"][0] == target.__array_interface__["data"][0])
    )


class ArrayView(View):
    """A view that is one array."""

    def __init__(self, target: np.ndarray):
        self._target = target
        self.obj = target.view()

    def collect(self, obj: Any, what: str) -> list[Store]:
        return collect_array(self._target, obj, what)


class AliasedLayout(BuiltInLayout):
    """A layout of the user's own together with the built-in one that it stands for."""

    def __init__(self, own: Layout, inner: BuiltInLayout):
        self.own = own
        self.inner = inner

    @property
    def alias(self) -> dict[str, Any]:
        """Kind and parameters as the header has them."""
        return {"kind": self.own.kind, **json.loads(encode_json(self.own.parameters(), "the parameters"))}

    def node(self) -> dict[str, Any]:
        return self.inner.node() | {"alias": self.alias}

    def fields(self) -> dict[str, Any]:
        return self.inner.fields()

    def arrays(self) -> list[ArraySpecification]:
        return self.inner.arrays()

    def fill(self, buffers: Buffers, value: Any) -> None:
        self.inner.fill(buffers, value)

    def labels(self) -> list[Labels]:
        return self.inner.labels()

    def fill_labels(self, buffers: Buffers) -> None:
        self.inner.fill_labels(buffers)

    @property
    def init_value(self) -> Any:
        return self.inner.init_value

    @property
    def depth(self) -> int:
        return self.inner.depth

    @property
    def is_copied(self) -> bool:
        return self.inner.is_copied

    def bind(self, buffers: Buffers) -> View:
        return _AliasView(self.own, self.inner.bind(buffers))

    @classmethod
    def read(cls, fields: Fields) -> BuiltInLayout:
        raise NotImplementedError("an alias is read with the layout that it stands at")


class _AliasView(View):
    def __init__(self, own: Layout, inner: View):
        self._inner = inner
        self.obj = own.view(inner.obj)

    def collect(self, obj: Any, what: str) -> list[Store]:
        return self._inner.collect(self._inner.obj if obj is self.obj else obj, what)


def resolve(layout: Any) -> BuiltInLayout:
    """The built-in layout that a layout is or stands for, with its alias.

    TypeError for anything else, with a word on data; `InvalidLayout` for one that nests too deep.
    """
    if isinstance(layout, BuiltInLayout):
        if layout.depth > MAXIMUM_DEPTH:
            raise InvalidLayout(f"expected layouts that nest at most {MAXIMUM_DEPTH} deep, got more")
        return layout
    if not isinstance(layout, Layout):
        raise TypeError(f"expected a Layout (Layout.from_data makes one from data), got {type(layout).__name__}")
    if not getattr(layout, "kind", None):
        raise InvalidLayout(f"expected {type(layout).__name__} to say its kind")
    if "kind" in layout.parameters():
        raise InvalidLayout('expected parameters of another name than "kind"')
    inner = layout.expand()
    if not isinstance(inner, BuiltInLayout) or isinstance(inner, AliasedLayout):
        raise InvalidLayout(f"expected {type(layout).__name__}.expand to give a built-in layout, got {inner!r:.60}")
    return AliasedLayout(layout, inner)


def read_layout(node: Any, depth: int = 1) -> BuiltInLayout:
    """Reads the canonical form of a header. Whatever contradicts itself is `CorruptSegment`."""
    if depth > MAXIMUM_DEPTH:
        raise CorruptSegment(f"expected layouts that nest at most {MAXIMUM_DEPTH} deep, got more")
    if not isinstance(node, dict):
        raise CorruptSegment(f"expected a layout as a JSON object, got {node!r:.60}")
    fields = Fields(node, depth)
    kind = fields.take("kind")
    alias = fields.take("alias", None)
    if not isinstance(kind, str) or kind not in _built_in_kinds:
        raise CorruptSegment(f"expected one of the kinds {', '.join(_built_in_kinds)}, got {kind!r:.60}")
    try:
        layout = _built_in_kinds[kind].read(fields)
    except (InvalidLayout, TypeError) as error:
        raise CorruptSegment(f"the header's layout is invalid: {error}") from error
    fields.finish()
    return layout if alias is None else _with_alias(layout, alias)


def _with_alias(layout: BuiltInLayout, alias: Any) -> BuiltInLayout:
    if not isinstance(alias, dict) or not isinstance(alias.get("kind"), str):
        raise CorruptSegment(f"expected an alias as an object with a kind, got {alias!r:.60}")
    own = _own_kinds.get(alias["kind"])
    if own is None:
        return layout
    parameters = {name: value for name, value in alias.items() if name != "kind"}
    try:
        made = own(**parameters)
        expected = resolve(made.expand()).node()
    except Exception as error:
        raise InvalidLayout(f"{own.__name__} does not take the parameters of the segment's alias {alias!r}") from error
    if expected != layout.node():
        raise InvalidLayout(
            f"{own.__name__} stands for another layout than the segment's: expected {expected!r:.200}, "
            f"got {layout.node()!r:.200}"
        )
    return AliasedLayout(made, layout)


class Fields:
    """The fields of a layout's JSON object, each taken once, so that one that nobody knows is noticed."""

    def __init__(self, node: dict[str, Any], depth: int):
        self._left = dict(node)
        self.depth = depth

    def take(self, name: str, *default: Any) -> Any:
        """Takes a field; without a default it has to be there."""
        if name not in self._left and not default:
            raise CorruptSegment(f"the layout lacks its field {name!r}")
        return self._left.pop(name, *default)

    def count(self, name: str) -> int:
        """Takes an integer of 0 or more."""
        value = self.take(name)
        if type(value) is not int or not 0 <= value < 1 << 60:
            raise CorruptSegment(f"expected an integer of 0 or more for the field {name!r}, got {value!r:.60}")
        return value

    def shape(self, name: str) -> tuple[int, ...]:
        """Takes a list of extents of 0 or more, which a machine can hold."""
        return read_shape(self.take(name))

    def name(self, name: str) -> str | None:
        """Takes a string or null."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise CorruptSegment(f"expected a string or null for the field {name!r}, got {value!r:.60}")
        return value

    def names(self, name: str) -> list[str]:
        """Takes a list of names."""
        value = self.take(name)
        if not isinstance(value, list):
            raise CorruptSegment(f"expected a list for the field {name!r}, got {value!r:.60}")
        return check_names(value, name)

    def object(self, name: str) -> dict[str, Any]:
        """Takes a JSON object."""
        value = self.take(name)
        if not isinstance(value, dict):
            raise CorruptSegment(f"expected an object for the field {name!r}, got {value!r:.60}")
        return value

    def finish(self) -> None:
        """Refuses what nobody took."""
        if self._left:
            raise CorruptSegment(f"the layout has an unknown field {min(self._left)!r}")


def read_shape(value: Any) -> tuple[int, ...]:
    """Extents from JSON."""
    if not isinstance(value, list) or len(value) > 32 or not all(type(n) is int and 0 <= n < 1 << 60 for n in value):
        raise CorruptSegment(f"expected a shape of integers of 0 or more, got {value!r:.60}")
    return tuple(value)


def check_shape(shape: Any) -> tuple[int, ...]:
    """Extents from the user: an integer or integers of 0 or more."""
    extents = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if len(extents) > 32 or not all(isinstance(n, (int, np.integer)) and n >= 0 for n in extents):
        raise InvalidLayout(f"expected a shape of at most 32 integers of 0 or more, got {shape!r:.60}")
    return tuple(int(extent) for extent in extents)


def check_names(names: Any, what: str) -> list[str]:
    """Names of columns, dimensions, members or coordinates: strings that are not empty and differ."""
    names = list(names)
    for name in names:
        if not isinstance(name, str) or not name:
            raise InvalidLayout(f"expected the names of {what} as strings, not empty, got {name!r:.60}")
    if len(set(names)) != len(names):
        raise InvalidLayout(f"expected the names of {what} to differ, got {names!r:.200}")
    return names


def check_name(name: Any) -> str | None:
    """The name of a series or DataArray."""
    if name is not None and not isinstance(name, str):
        raise InvalidLayout(f"expected a name as a string or None, got {name!r:.60}")
    return name


def fill_array(target: np.ndarray, value: Any, what: str = "the values") -> None:
    """Stores a scalar or array, broadcast as NumPy does."""
    if value is not None:
        try:
            target[...] = fit(value, target.dtype, what)
        except ValueError as error:
            if isinstance(error, ValueOutOfRange):
                raise
            raise ValueOutOfRange(f"expected {what} that broadcast to {target.shape}: {error}") from error


def encode_json(value: Any, what: str) -> str:
    """JSON text without spaces. NumPy's numbers and arrays are taken as Python's; NaN is refused."""

    def convert(item: Any) -> Any:
        if isinstance(item, (np.generic, np.ndarray)):
            return item.tolist()
        raise TypeError(f"{type(item).__name__} is no JSON")

    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=convert)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidLayout(f"expected JSON for {what}: {error}") from error
    return text


_guesses: list[tuple[Callable[[Any], bool], Callable[[Any], Layout]]] = []


def guess(data: Any) -> Layout:
    """The layout of an object by its type."""
    for fits, make in _guesses:
        if fits(data):
            return make(data)
    raise TypeError(f"expected data of a kind that a layout can be made of, got {type(data).__name__}")


def guesses(fits: Callable[[Any], bool], make: Callable[[Any], Layout]) -> None:
    """Registers how the layout of some objects is made; the first that fits counts."""
    _guesses.append((fits, make))


def is_from(data: Any, library: str, name: str) -> bool:
    """Whether an object is of a class of a library, without importing that library."""
    return any(t.__module__.partition(".")[0] == library and t.__name__ == name for t in type(data).__mro__)
