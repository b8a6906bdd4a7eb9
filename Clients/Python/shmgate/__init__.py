"""Segments of shared memory as NumPy, pandas and xarray objects; on this host, or through a gateway far away.

import shmgate as shm

prices = shm.create("prices", shm.NdArrayLayout("float32", (3, 5)))
same = shm.load("prices")
"""

from .errors import (
    BusyError,
    CorruptSegment,
    DamagedWarning,
    DetachedError,
    GatewayError,
    IndexOutOfBounds,
    InvalidLayout,
    InvalidName,
    NoSuchLabel,
    NoSuchSegment,
    ReadOnlySegment,
    RecoveryError,
    SegmentExists,
    SegmentReplaced,
    ShmgateError,
    UnsupportedFormat,
    ValueOutOfRange,
)
from .layouts import (
    BytesLayout,
    DataArrayLayout,
    DataFrameLayout,
    JSONLayout,
    Layout,
    ListLayout,
    NdArrayLayout,
    SeriesLayout,
    StructLayout,
)
from .memory import SharedMemory
from .publishing import create, repair, unlink
from .reading import SegmentInfo, info, load, snapshot, wait
from .reading import list_segments as list
from .remote import Gateway, RemoteObject, connect
from .writing import store, write

__version__ = "0.1.0"

__all__ = [
    "BusyError",
    "BytesLayout",
    "CorruptSegment",
    "DamagedWarning",
    "DataArrayLayout",
    "DataFrameLayout",
    "DetachedError",
    "Gateway",
    "GatewayError",
    "IndexOutOfBounds",
    "InvalidLayout",
    "InvalidName",
    "JSONLayout",
    "Layout",
    "ListLayout",
    "NdArrayLayout",
    "NoSuchLabel",
    "NoSuchSegment",
    "ReadOnlySegment",
    "RecoveryError",
    "RemoteObject",
    "SegmentExists",
    "SegmentInfo",
    "SegmentReplaced",
    "SeriesLayout",
    "SharedMemory",
    "ShmgateError",
    "StructLayout",
    "UnsupportedFormat",
    "ValueOutOfRange",
    "connect",
    "create",
    "info",
    "list",
    "load",
    "repair",
    "snapshot",
    "store",
    "unlink",
    "wait",
    "write",
]
