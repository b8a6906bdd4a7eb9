"""Element types: how the header spells them, how they lie in a buffer, and how NumPy views them.

The three differ for bfloat16 only: `bfloat16`, `<u2`, and ml_dtypes' type if that is installed, else uint16.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .errors import InvalidLayout

PANDAS_UNITS = ("s", "ms", "us", "ns")

_known: dict[str, DType] = {}  # types by their spelling: to parse one takes longer than all else that a header says
_MOST_KNOWN = 256


@dataclasses.dataclass(frozen=True)
class DType:
    """An element type. `spelling` is its canonical JSON, `stored` the type of buffers, `viewed` that of views."""

    spelling: Any
    stored: np.dtype
    viewed: np.dtype

    @classmethod
    def of(cls, dtype: Any) -> DType:
        """Reads any of NumPy's spellings, the name `bfloat16`, and descr lists as JSON has them.

        `InvalidLayout` for what cannot be shared between programs: object, longdouble, void, times without a unit.
        Padding of a structured dtype is dropped.
        """
        if isinstance(dtype, DType):
            return dtype
        if isinstance(dtype, str) and dtype in _known:
            return _known[dtype]
        if _is_bfloat16(dtype):
            return cls("bfloat16", np.dtype("<u2"), _bfloat16())
        if dtype is None or isinstance(dtype, dict):
            raise InvalidLayout(f"expected a dtype such as float32, <i8, S8 or datetime64[ns], got {dtype!r:.60}")
        try:
            parsed = np.dtype(_tuples(dtype) if isinstance(dtype, list) else dtype)
        except (TypeError, ValueError, SyntaxError) as error:
            raise InvalidLayout(
                f"expected a dtype such as float32, <i8, S8 or datetime64[ns], got {dtype!r}"
            ) from error
        _require_sharable(parsed)
        spelling = spell(parsed)
        if isinstance(spelling, list):
            packed = np.dtype(_tuples(spelling))
            return cls(spelling, packed, packed)
        packed = np.dtype(spelling)
        found = cls(spelling, packed, packed)
        if isinstance(dtype, str) and len(_known) < _MOST_KNOWN:
            _known[dtype] = found
        return found

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.stored.itemsize

    @property
    def little_endian(self) -> DType:
        """The same type in little-endian order."""
        return DType.of(self.stored.newbyteorder("<")) if self.stored.byteorder == ">" else self


def spell(dtype: np.dtype) -> Any:
    """NumPy's typestring, or for structured types the list of `[name, dtype]` or `[name, dtype, shape]`."""
    if dtype.names is None:
        return dtype.str
    fields = []
    for name in dtype.names:
        field = dtype.fields[name][0]
        base, shape = field.subdtype or (field, ())
        fields.append([name, spell(base), list(shape)] if shape else [name, spell(base)])
    return fields


def value_type(dtype: Any, tz: str | None = None) -> tuple[DType, str | None]:
    """The type of a labelled value and its time zone; `datetime64[ns, UTC]` says both.

    `InvalidLayout` where pandas and xarray have no such column: structured types, times in other units than s, ms, us
    and ns. Big-endian types become little-endian ones.
    """
    text = str(dtype)
    if text.startswith("datetime64[") and ", " in text:
        plain, tz = text[:-1].split(", ", 1)
        dtype = plain + "]"
    parsed = DType.of(dtype).little_endian
    if parsed.stored.names is not None:
        raise InvalidLayout(f"expected labelled values without fields, got {parsed.spelling}")
    if parsed.stored.kind in "Mm":
        unit, step = np.datetime_data(parsed.stored)
        if unit not in PANDAS_UNITS or step != 1:
            raise InvalidLayout(f"expected a time in s, ms, us or ns, got {parsed.spelling}")
    if tz is not None and parsed.stored.kind != "M":
        raise InvalidLayout(f"expected a time zone for a datetime64, got one for {parsed.spelling}")
    return parsed, None if tz is None else zone_name(tz)


def zone_name(tz: Any) -> str:
    """A time zone by its name in the database, or as an offset such as `+01:00`."""
    text = str(tz)
    if text.startswith("UTC") and len(text) == 9:
        text = text[3:]
    fixed = getattr(tz, "_minutes", None)  # pytz.FixedOffset, whose str names its class
    if fixed is not None:
        text = f"{'-' if fixed < 0 else '+'}{abs(fixed) // 60:02}:{abs(fixed) % 60:02}"
    if not text or text.startswith("<"):
        raise InvalidLayout(f"expected a time zone with a name, got {tz!r}")
    return text


def _is_bfloat16(dtype: Any) -> bool:
    return (
        (isinstance(dtype, str) and dtype == "bfloat16")
        or getattr(dtype, "name", None) == "bfloat16"
        or (isinstance(dtype, type) and dtype.__name__ == "bfloat16")
    )


def _bfloat16() -> np.dtype:
    try:
        import ml_dtypes
    except ImportError:
        return np.dtype("<u2")
    return np.dtype(ml_dtypes.bfloat16)


def _tuples(fields: list) -> list[tuple]:
    """A descr list as JSON has it, as NumPy takes it."""
    result = []
    for field in fields:
        if not isinstance(field, (list, tuple)) or len(field) not in (2, 3) or not isinstance(field[0], str):
            raise InvalidLayout(f"expected a field as [name, dtype] or [name, dtype, shape], got {field!r}")
        inner = _tuples(field[1]) if isinstance(field[1], list) else field[1]
        result.append((field[0], inner, tuple(field[2])) if len(field) == 3 else (field[0], inner))
    return result


def _require_sharable(dtype: np.dtype) -> None:
    if dtype.subdtype is not None:
        _require_sharable(dtype.subdtype[0])
        return
    if dtype.names is not None:
        for name in dtype.names:
            _require_sharable(dtype.fields[name][0])
        return
    problem = None
    if dtype.kind not in "biufcSUMm" or (dtype.kind == "f" and dtype.itemsize > 8):
        problem = "cannot be shared between programs"
    elif dtype.kind == "c" and dtype.itemsize > 16:
        problem = "cannot be shared between programs"
    elif dtype.kind in "SU" and dtype.itemsize == 0:
        problem = "needs a length of 1 or more"
    elif dtype.kind in "Mm" and np.datetime_data(dtype)[0] == "generic":
        problem = "needs a unit, as in datetime64[ns]"
    if problem or not isinstance(dtype.str, str):
        raise InvalidLayout(f"the dtype {dtype} {problem}; expected a number, text or time type")
