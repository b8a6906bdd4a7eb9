"""Values into a dtype, or a refusal: nothing is cut off, wrapped round or guessed.

Floats round, integers must fit, floats that are integers are integers, texts must fit into their width, times must be
whole units. What overflows to infinity is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import ValueOutOfRange


def fit(values: Any, dtype: np.dtype, what: str = "the values") -> np.ndarray:
    """`values` as an array of `dtype`, of their own shape; `ValueOutOfRange` if it cannot hold them all.

    No copy is made where the dtype is the same already.
    """
    if dtype.names is not None:
        try:
            return np.asarray(values, dtype)
        except (TypeError, ValueError) as error:
            raise ValueOutOfRange(f"expected elements of {dtype} for {what}: {error}") from error
    source = np.asarray(values)
    if source.dtype == dtype:
        return source
    if dtype.kind in "SU":
        return _text(source, dtype, what)
    if source.dtype.kind in "SU" and dtype.kind not in "M":
        raise _refusal(source, dtype, what)
    if dtype.kind in "biuf" and source.dtype.kind in "cMm":
        raise _refusal(source, dtype, what)
    if dtype.kind in "Mm" and source.dtype.kind not in (dtype.kind, "O", "i", "u", "U"):
        raise _refusal(source, dtype, what)
    try:
        with np.errstate(all="ignore"):
            result = source.astype(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueOutOfRange(f"expected values that {dtype} can hold for {what}: {error}") from error
    if not _holds(source, result):
        raise _refusal(source, dtype, what)
    return result


def _refusal(source: np.ndarray, dtype: np.dtype, what: str) -> ValueOutOfRange:
    return ValueOutOfRange(f"expected values that {dtype} can hold for {what}, got {source.dtype}: {source!s:.60}")


def _holds(source: np.ndarray, result: np.ndarray) -> bool:
    """Whether a conversion kept the values."""
    kind = result.dtype.kind
    if kind in "iu" and source.dtype.kind in "iu":
        limits = np.iinfo(result.dtype)
        return not source.size or (int(source.min()) >= limits.min and int(source.max()) <= limits.max)
    if kind in "biu":
        with np.errstate(all="ignore"):
            return bool(np.all(result == source))
    if kind in "fc" and source.dtype.kind != "O":
        return not bool(np.any(np.isinf(result) & ~np.isinf(source)))
    if kind == "V":  # ml_dtypes' bfloat16
        wide = result.astype("f8")
        return not bool(np.any(np.isinf(wide) & ~np.isinf(source.astype("f8"))))
    if kind in "Mm" and source.dtype.kind == kind:
        back = result.astype(source.dtype)
        return bool(np.all((back == source) | (np.isnat(back) & np.isnat(source))))
    return True


def _text(source: np.ndarray, dtype: np.dtype, what: str) -> np.ndarray:
    """Texts into a fixed width: `S` is UTF-8, `U` is UCS-4."""
    flat = source.ravel().tolist()
    if not all(isinstance(item, (str, bytes)) for item in flat):
        raise _refusal(source, dtype, what)
    try:
        if dtype.kind == "S":
            items = [item.encode() if isinstance(item, str) else item for item in flat]
            width = dtype.itemsize
        else:
            items = [item.decode() if isinstance(item, bytes) else item for item in flat]
            width = dtype.itemsize // 4
    except UnicodeError as error:
        raise ValueOutOfRange(f"expected text for {what}: {error}") from error
    longest = max(map(len, items), default=0)
    if longest > width:
        raise ValueOutOfRange(f"expected texts of at most {width} for {what} ({dtype}), got one of {longest}")
    return np.array(items, dtype).reshape(source.shape)
