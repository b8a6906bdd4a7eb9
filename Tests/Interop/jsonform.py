"""The JSON that the contract gives an array, made by NumPy."""

import base64

import ml_dtypes
import numpy as np


def to_json(array, dtype):
    """Nested lists of elements as the contract spells them."""
    if array.ndim:
        return [to_json(array[i, ...], dtype) for i in range(len(array))]
    return element(array[()], array.dtype, dtype)


def element(value, dtype, spelled):
    if dtype.names:
        spelled = {field[0]: field for field in spelled}
        return [field_json(value[name], dtype[name], spelled[name][1]) for name in dtype.names]
    if spelled == "bfloat16":
        return number(float(str(np.array(value, "<u2").view(ml_dtypes.bfloat16))))
    kind = dtype.kind
    if kind == "b":
        return bool(value)
    if kind in "iu":
        return int(value)
    if kind == "f":
        return number(float(value))
    if kind == "c":
        return [number(float(value.real)), number(float(value.imag))]
    if kind == "U":
        return str(value)
    if kind == "S":
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(bytes(value)).decode()}
    if np.isnat(value):
        return None
    if kind == "m":
        return int(np.array(value).view(value.dtype.str[0] + "i8" if value.dtype.str[0] in "<>" else "i8"))
    return instant(value)


def field_json(value, dtype, spelled):
    if dtype.subdtype:
        return to_json(np.asarray(value), spelled)
    return element(value, dtype, spelled)


def number(value):
    if np.isnan(value):
        return None
    return value if np.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def instant(value):
    text = str(np.datetime_as_string(value))
    date, _, time = text.partition("T")
    year_sign, date = ("-", date[1:]) if date.startswith("-") else ("", date)
    date = year_sign + date + "-01" * (2 - date.count("-"))
    time += {0: "00:00:00", 2: ":00:00", 5: ":00"}.get(len(time), "")
    return f"{date}T{time.rstrip('0').rstrip('.') if '.' in time else time}"


def same(got, expected, dtype):
    """Whether two JSON values are equal: NaN is null, floats by the bits of the dtype."""
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(same(g, e, dtype) for g, e in zip(got, expected))
    if isinstance(expected, float) and isinstance(got, (int, float)) and not isinstance(got, bool):
        return as_bits(got, dtype) == as_bits(expected, dtype)
    return type(got) is type(expected) and got == expected


def as_bits(value, dtype):
    """A number in the precision of a float dtype; structured ones are compared as doubles of float32."""
    if dtype == "bfloat16":
        return np.array(value, ml_dtypes.bfloat16).tobytes()
    if isinstance(dtype, str) and np.dtype(dtype).kind in "fc":
        kind = np.dtype(dtype)
        part = kind.str[0] + f"f{kind.itemsize // (2 if kind.kind == 'c' else 1)}"
        return np.array(value, part).tobytes()
    # Fields differ in width; that of the raw bytes is the exact check, this one is as sharp as the narrowest of them.
    with np.errstate(over="ignore"):
        return np.float16(value).tobytes()
