"""The arrays of a segment by their paths."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .dtypes import DType

ALIGNMENT = 64


def path_component(name: str) -> str:
    """A name as it stands in the path of a buffer."""
    return name.replace("%", "%25").replace("/", "%2F")


def contiguous_strides(shape: tuple[int, ...], itemsize: int) -> list[int]:
    """Bytes from one element to the next along each axis, in C order; an empty axis counts as one of extent 1."""
    strides = []
    step = itemsize
    for extent in reversed(shape):
        strides.append(step)
        step *= max(extent, 1)
    return strides[::-1]


@dataclasses.dataclass(frozen=True)
class ArraySpecification:
    """An array that a layout asks for."""

    path: str
    dtype: DType
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        count = self.dtype.itemsize
        for extent in self.shape:
            count *= extent
        return count

    def below(self, prefix: str) -> ArraySpecification:
        """The same with a longer path."""
        return dataclasses.replace(self, path=prefix + self.path)

    def buffer(self, offset: int) -> dict[str, Any]:
        """How the header lists it."""
        return {
            "path": self.path,
            "dtype": "<u2" if self.dtype.spelling == "bfloat16" else self.dtype.spelling,
            "shape": list(self.shape),
            "strides": contiguous_strides(self.shape, self.dtype.itemsize),
            "offset": offset,
        }


class Buffers:
    """Views of the arrays of a segment, below a prefix of their paths.

    The views borrow the bytes of `base`, uint8: the mapping, or a private copy of the segment.
    """

    def __init__(
        self,
        base: np.ndarray,
        places: dict[str, tuple[ArraySpecification, int]],
        *,
        copies_return: bool = False,
        prefix: str = "",
    ):
        self._base = base
        self._places = places
        self._prefix = prefix
        #: Whether private copies that objects contain are put back later, and so may be written to.
        self.copies_return = copies_return

    def below(self, prefix: str) -> Buffers:
        """The arrays of a member."""
        return Buffers(self._base, self._places, copies_return=self.copies_return, prefix=self._prefix + prefix)

    def __getitem__(self, path: str) -> np.ndarray:
        """The array at a path; writable if the bytes are."""
        specification, offset = self._places[self._prefix + path]
        return np.ndarray(specification.shape, specification.dtype.viewed, self._base, offset)

    def labels(self, path: str) -> np.ndarray:
        """The array at a path, read-only: labels never change."""
        array = self[path]
        array.flags.writeable = False
        return array

    def block(self, paths: list[str]) -> np.ndarray | None:
        """Arrays of one dtype and length as the rows of one strided (paths, n) view; None where no steps are even."""
        places = [self._places[self._prefix + path] for path in paths]
        specification, first = places[0]
        offsets = [offset for _, offset in places]
        step = offsets[1] - first if len(offsets) > 1 else ALIGNMENT
        if step <= 0 or any(b - a != step for a, b in zip(offsets, offsets[1:])):
            return None
        dtype, (count,) = specification.dtype, specification.shape
        if not count:
            return np.empty((len(paths), 0), dtype.viewed)
        # Rows of `step` bytes; the last one ends early, so the padding behind it may lie beyond the file.
        part = self._base[first : offsets[-1] + specification.nbytes]
        return np.lib.stride_tricks.as_strided(
            part.view(np.uint8)[: count * dtype.itemsize].view(dtype.viewed),
            (len(paths), count),
            (step, dtype.itemsize),
            writeable=self._base.flags.writeable,
        )
