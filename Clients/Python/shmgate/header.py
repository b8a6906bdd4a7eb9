"""The header: JSON that says what the bytes mean and where every array lies."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np

from .buffers import ALIGNMENT, ArraySpecification, Buffers
from .control import MAXIMUM_HEADER_BYTES, PAGE, round_up
from .dtypes import DType
from .errors import CorruptSegment, InvalidLayout
from .layouts import BuiltInLayout, DataArrayLayout, read_layout
from .layouts.base import AliasedLayout, encode_json

MAXIMUM_DEPTH = 64


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


@dataclasses.dataclass(frozen=True)
class Header:
    """A layout, the places of its arrays in the order of the file, and the user's attributes."""

    layout: BuiltInLayout
    places: dict[str, tuple[ArraySpecification, int]]
    attrs: dict[str, Any]

    def buffers(self, base: np.ndarray, *, copies_return: bool = False) -> Buffers:
        """The arrays over the bytes of a segment, which they borrow."""
        return Buffers(base, self.places, copies_return=copies_return)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, without padding."""
        return sum(specification.nbytes for specification, _ in self.places.values())

    def listing(self) -> list[dict[str, Any]]:
        """The flat list of buffers, as the header has it."""
        return [specification.buffer(offset) for specification, offset in self.places.values()]

    def encode(self) -> bytes:
        """The JSON as it stands in the file, without padding."""
        value = {"format": 1, "layout": self.layout.node(), "buffers": self.listing(), "attrs": self.attrs}
        return encode_json(value, "the header").encode()

    @classmethod
    def plan(cls, layout: BuiltInLayout, attrs: dict[str, Any]) -> tuple[Header, bytes, int, int]:
        """Gives every array of a new segment its place: header, its JSON, data_offset and total_bytes.

        `InvalidLayout` for a header that is too large or too deep.
        """
        specifications = layout.arrays()
        data_offset = 2 * PAGE
        while True:
            places = {}
            offset = end = data_offset
            for specification in specifications:
                places[specification.path] = (specification, offset)
                end = offset + specification.nbytes
                offset = round_up(end, ALIGNMENT)
            header = cls(layout, places, attrs)
            text = header.encode()
            needed = PAGE + round_up(len(text), PAGE)
            if needed <= data_offset:
                break
            data_offset = needed
        if len(text) > MAXIMUM_HEADER_BYTES:
            raise InvalidLayout(f"expected a header of at most {MAXIMUM_HEADER_BYTES} bytes, got {len(text)}")
        if _depth(json.loads(text)) > MAXIMUM_DEPTH:
            raise InvalidLayout(f"expected a header that nests at most {MAXIMUM_DEPTH} deep")
        return header, text, data_offset, round_up(end, PAGE)

    @classmethod
    def parse(cls, text: bytes, data_offset: int, total_bytes: int, name: str) -> Header:
        """Reads and checks a private copy of a header; trusts none of it. `CorruptSegment` says what is wrong."""
        try:
            return cls._parse(text, data_offset, total_bytes)
        except CorruptSegment as error:
            raise CorruptSegment(f"the header of the segment {name!r} is corrupt: {error}") from error

    @classmethod
    def _parse(cls, text: bytes, data_offset: int, total_bytes: int) -> Header:
        try:
            document = _JSON.decode(text.decode())
        except (ValueError, RecursionError) as error:
            raise CorruptSegment(f"expected JSON: {error}") from error
        if (
            not isinstance(document, dict)
            or document.get("format") != 1
            or not isinstance(document.get("buffers"), list)
        ):
            raise CorruptSegment("expected an object of format 1 with layout and buffers")
        # Who opens so few brackets nests no deeper.
        if text.count(b"[") + text.count(b"{") > MAXIMUM_DEPTH and _depth(document) > MAXIMUM_DEPTH:
            raise CorruptSegment(f"expected a header that nests at most {MAXIMUM_DEPTH} deep")
        layout = read_layout(document.get("layout"))
        attrs = document.get("attrs", {})
        if not isinstance(attrs, dict):
            raise CorruptSegment(f"expected attrs as an object, got {attrs!r:.60}")
        wanted, found = layout.arrays(), document["buffers"]
        if len(wanted) != len(found):
            raise CorruptSegment(f"expected {len(wanted)} buffers for the layout, got {len(found)}")
        places = {}
        for specification, buffer in zip(wanted, found):
            places[specification.path] = (specification, _check_place(specification, buffer, data_offset, total_bytes))
        _check_overlap(places)
        inner = layout.inner if isinstance(layout, AliasedLayout) else layout
        if isinstance(inner, DataArrayLayout):
            inner.attrs = attrs
        return cls(layout, places, attrs)


def _check_place(specification: ArraySpecification, buffer: Any, data_offset: int, total_bytes: int) -> int:
    """The offset of an array, if its entry says what the layout says and it lies within the buffers."""
    if not isinstance(buffer, dict):
        raise CorruptSegment(f"expected a buffer as an object, got {buffer!r:.60}")
    offset = buffer.get("offset")
    problem = None
    if type(offset) is not int or offset < 0:
        problem = f"expected an offset, got {offset!r:.60}"
    elif offset % ALIGNMENT:
        problem = f"expected an offset that is a multiple of {ALIGNMENT}, got {offset}"
    elif offset < data_offset or offset + specification.nbytes > total_bytes:
        problem = f"expected {specification.nbytes} bytes within {data_offset} to {total_bytes}, got the offset {offset}"
    elif buffer != (expected := specification.buffer(offset)):  # spelled another way, or wrong
        problem = _difference(buffer, expected)
    if problem is not None:
        raise CorruptSegment(f"the buffer {specification.path!r}: {problem}")
    return offset


def _difference(buffer: dict[str, Any], expected: dict[str, Any]) -> str | None:
    """What is wrong with the entry of an array; None if it says the same."""
    try:
        dtype = DType.of(buffer.get("dtype")).spelling
    except (InvalidLayout, TypeError) as error:
        return str(error)
    for field in ("path", "dtype", "shape", "strides"):
        found = dtype if field == "dtype" else buffer.get(field)
        if found != expected[field]:
            return f"expected the {field} {expected[field]!r}, got {buffer.get(field)!r:.60}"
    return None


def _check_overlap(places: dict[str, tuple[ArraySpecification, int]]) -> None:
    if len(places) < 2:
        return
    end = 0
    for specification, offset in sorted(places.values(), key=lambda place: (place[1], place[0].nbytes)):
        if specification.nbytes:
            if offset < end:
                raise CorruptSegment(f"the buffer {specification.path!r} overlaps another")
            end = offset + specification.nbytes


def _depth(value: Any) -> int:
    """How deep JSON nests; a scalar is 0."""
    depth = 0
    level = [value]
    while level := [v for v in level if isinstance(v, (dict, list))]:
        depth += 1
        if depth > MAXIMUM_DEPTH:
            break
        level = [item for v in level for item in (v.values() if isinstance(v, dict) else v)]
    return depth
