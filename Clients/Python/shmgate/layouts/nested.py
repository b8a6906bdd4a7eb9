"""The kinds that hold other layouts: `struct` and `list`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..buffers import ArraySpecification, Buffers, path_component
from ..errors import CorruptSegment, DetachedError, InvalidLayout, ValueOutOfRange
from ..labels import Labels
from .base import (
    MAXIMUM_ARRAYS,
    BuiltInLayout,
    Fields,
    Layout,
    Store,
    View,
    check_names,
    check_shape,
    guess,
    read_layout,
    resolve,
)


class StructLayout(BuiltInLayout):
    """Named members, each with a layout of its own. Its object is a dict."""

    kind = "struct"

    def __init__(self, members: Mapping[str, Layout], *, init_value: Mapping[str, Any] | None = None):
        """`init_value` maps members to values; those that it leaves out keep their layout's own."""
        check_names(members, "members")
        if "patches" in members:
            raise InvalidLayout('expected members of another name than "patches", which a PATCH gives a meaning')
        self.members = {name: resolve(layout) for name, layout in members.items()}
        self.init_value = init_value

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> StructLayout:
        """The layout of a mapping, with its contents."""
        return cls({name: guess(value) for name, value in data.items()})

    @classmethod
    def read(cls, fields: Fields) -> StructLayout:
        layout = cls.__new__(cls)
        members = fields.object("members")
        check_names(members, "members")
        layout.members = {name: read_layout(node, fields.depth + 1) for name, node in members.items()}
        return layout

    def fields(self) -> dict[str, Any]:
        return {"members": {name: layout.node() for name, layout in self.members.items()}}

    def arrays(self) -> list[ArraySpecification]:
        return [array.below(_member(name)) for name, layout in self.members.items() for array in layout.arrays()]

    def fill(self, buffers: Buffers, value: Any) -> None:
        if value is not None and not isinstance(value, Mapping):
            raise ValueOutOfRange(f"expected a mapping of members, got {type(value).__name__}")
        values = {} if value is None else value
        unknown = [name for name in values if name not in self.members]
        if unknown:
            raise ValueOutOfRange(f"expected values of the members {list(self.members)!r:.200}, got {unknown[0]!r}")
        for name, layout in self.members.items():
            layout.fill(buffers.below(_member(name)), values.get(name, layout.init_value))

    def labels(self) -> list[Labels]:
        return [labels for layout in self.members.values() for labels in layout.labels()]

    def fill_labels(self, buffers: Buffers) -> None:
        for name, layout in self.members.items():
            layout.fill_labels(buffers.below(_member(name)))

    @property
    def depth(self) -> int:
        return 1 + max((layout.depth for layout in self.members.values()), default=0)

    @property
    def is_copied(self) -> bool:
        return any(layout.is_copied for layout in self.members.values())

    def bind(self, buffers: Buffers) -> View:
        return _StructView({name: layout.bind(buffers.below(_member(name))) for name, layout in self.members.items()})


class ListLayout(BuiltInLayout):
    """So many items of one layout. Its object is a list."""

    kind = "list"

    def __init__(self, item: Layout, count: int, *, init_value: Sequence[Any] | None = None):
        """`init_value` has a value for each item; without one every item has its layout's own."""
        self.item = resolve(item)
        (self.count,) = check_shape(count)
        if self.count * max(len(self.item.arrays()), 1) > MAXIMUM_ARRAYS:
            raise InvalidLayout(f"expected at most {MAXIMUM_ARRAYS} arrays, got {count} items")
        self.init_value = init_value

    @classmethod
    def from_data(cls, data: Sequence[Any]) -> ListLayout:
        """The layout of a list whose items have one layout and the same labels, with their contents."""
        if not data:
            raise InvalidLayout("expected a list with items, whose layout can be told, got an empty one")
        layouts = [resolve(guess(value)) for value in data]
        first = layouts[0].node()
        for place, layout in enumerate(layouts):
            if layout.node() != first:
                raise InvalidLayout(f"expected items of one layout, item {place} has {layout!r:.200}")
            if not all(one.same(other) for one, other in zip(layouts[0].labels(), layout.labels())):
                raise InvalidLayout(f"expected items with the same labels, those of item {place} differ")
        return cls(layouts[0], len(layouts), init_value=[_contents(layout, v) for layout, v in zip(layouts, data)])

    @classmethod
    def read(cls, fields: Fields) -> ListLayout:
        layout = cls.__new__(cls)
        layout.item = read_layout(fields.take("item"), fields.depth + 1)
        layout.count = fields.count("count")
        if layout.count * max(len(layout.item.arrays()), 1) > MAXIMUM_ARRAYS:
            raise CorruptSegment(f"expected at most {MAXIMUM_ARRAYS} arrays, got {layout.count} items")
        return layout

    def fields(self) -> dict[str, Any]:
        return {"item": self.item.node(), "count": self.count}

    def arrays(self) -> list[ArraySpecification]:
        item = self.item.arrays()
        return [array.below(f"items/{place}/") for place in range(self.count) for array in item]

    def fill(self, buffers: Buffers, value: Any) -> None:
        if value is not None and (not isinstance(value, Sequence) or len(value) != self.count):
            raise ValueOutOfRange(f"expected a list of {self.count} values, got {value!r:.60}")
        for place in range(self.count):
            own = self.item.init_value if value is None else value[place]
            self.item.fill(buffers.below(f"items/{place}/"), own)

    def labels(self) -> list[Labels]:
        return self.item.labels()

    def fill_labels(self, buffers: Buffers) -> None:
        for place in range(self.count):
            self.item.fill_labels(buffers.below(f"items/{place}/"))

    @property
    def depth(self) -> int:
        return 1 + self.item.depth

    @property
    def is_copied(self) -> bool:
        return self.item.is_copied

    def bind(self, buffers: Buffers) -> View:
        return _ListView([self.item.bind(buffers.below(f"items/{place}/")) for place in range(self.count)])


class _StructView(View):
    def __init__(self, members: dict[str, View]):
        self._members = members
        self.obj = {name: view.obj for name, view in members.items()}

    def collect(self, obj: Any, what: str) -> list[Store]:
        if not isinstance(obj, Mapping) or set(obj) != set(self._members):
            found = list(obj) if isinstance(obj, Mapping) else type(obj).__name__
            raise DetachedError(f"expected {what} with the members {list(self._members)!r:.200}, got {found!r:.200}")
        return [
            store
            for name, view in self._members.items()
            for store in view.collect(obj[name], f"the member {name!r} of {what}")
        ]


class _ListView(View):
    def __init__(self, items: list[View]):
        self._items = items
        self.obj = [view.obj for view in items]

    def collect(self, obj: Any, what: str) -> list[Store]:
        if not isinstance(obj, Sequence) or len(obj) != len(self._items):
            raise DetachedError(f"expected {what} as a list of {len(self._items)} items, got {obj!r:.60}")
        return [
            store
            for place, view in enumerate(self._items)
            for store in view.collect(obj[place], f"item {place} of {what}")
        ]


def _member(name: str) -> str:
    return f"members/{path_component(name)}/"


def _contents(layout: BuiltInLayout, value: Any) -> Any:
    """What an item is filled with: as the guess has converted it, or, for a struct or list, as it came."""
    return value if layout.init_value is None else layout.init_value
