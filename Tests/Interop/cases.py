"""Random arrays, slices and values, with NumPy as the authority on what they mean."""

import numpy as np

UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]
PLAIN = [
    "?", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16",
    ">i2", ">i4", ">i8", ">u2", ">u4", ">u8", ">f2", ">f4", ">f8", ">c8", ">c16",
]  # fmt: skip


def plain_dtype(random):
    """A dtype without fields, as NumPy spells it; bfloat16 by its name."""
    kind = random.integers(10)
    order = random.choice(["<", ">"])
    if kind == 0:
        return f"S{random.integers(1, 10)}"
    if kind == 1:
        return f"{order}U{random.integers(1, 6)}"
    if kind in (2, 3):
        multiple = random.choice(["", "", "", "25", "7"])
        return f"{order}{'Mm'[kind - 2]}8[{multiple}{random.choice(UNITS)}]"
    if kind == 4:
        return "bfloat16"
    return str(random.choice(PLAIN))


def random_dtype(random, depth=0):
    """Any dtype: a string, or a descr list of fields."""
    if depth > 1 or random.random() > 0.15:
        return plain_dtype(random) if depth == 0 else next(d for d in iter(lambda: plain_dtype(random), 0) if d != "bfloat16")
    fields = []
    for index in range(random.integers(1, 4)):
        field = [f"f{index}", random_dtype(random, depth + 1)]
        if random.random() < 0.2:
            field.append([int(n) for n in random.integers(1, 4, size=random.integers(1, 3))])
        fields.append(field)
    return fields


def numpy_dtype(dtype):
    """The same for NumPy; bfloat16 is its bits."""
    if isinstance(dtype, str):
        return np.dtype("<u2" if dtype == "bfloat16" else dtype)
    return np.dtype([(f[0], numpy_dtype(f[1]), *(tuple(s) for s in f[2:])) for f in dtype])


def random_shape(random):
    rank = random.integers(5)
    return tuple(int(n) for n in random.choice([0, 1, 2, 3, 4, 5, 7], p=[0.06, 0.15, 0.2, 0.2, 0.15, 0.14, 0.1], size=rank))


def fill(array, random):
    """Random bit patterns; text that NumPy accepts, times that it can print."""
    if array.dtype.names:
        for name in array.dtype.names:
            fill_view(array, name, random)
        return
    fill_bits(array, random)


def fill_view(array, name, random):
    part = np.zeros(array[name].shape, array.dtype[name].base)
    fill(part, random)
    array[name] = part


def fill_bits(array, random):
    kind = array.dtype.kind
    if kind == "b":
        array[...] = random.integers(2, size=array.shape).astype(bool)
    elif kind == "U":
        alphabet = np.array([0, 0x41, 0x7A, 0x22, 0x5C, 0x0A, 0x1F, 0xE9, 0x3B1, 0x4E2D, 0x1F600, 0x10FFFF, 0x7F], np.uint32)
        length = array.dtype.itemsize // 4
        points = random.choice(alphabet, size=(*array.shape, length)).astype(array.dtype.byteorder.replace("=", "<") + "u4")
        array[...] = np.ascontiguousarray(points).view(array.dtype).reshape(array.shape)
    elif kind == "S":
        length = array.dtype.itemsize
        alphabet = np.array([0, 0x41, 0x5A, 0x22, 0x5C, 0x0A, 0xC3, 0xA9, 0xFF, 0x80, 0xE2], np.uint8)
        raw = random.choice(alphabet, size=(*array.shape, length))
        array[...] = np.ascontiguousarray(raw).view(array.dtype).reshape(array.shape)
    elif kind in "mM":
        # Instants that NumPy itself can turn into text without overflow.
        reach = {"Y": 5_000, "M": 60_000, "W": 200_000, "D": 2_000_000}.get(np.datetime_data(array.dtype)[0], 1 << 57)
        reach //= np.datetime_data(array.dtype)[1]
        array[...] = random.integers(-reach, reach, size=array.shape).astype(array.dtype)
        array[random.random(array.shape) < 0.1] = np.array("NaT", array.dtype)
    else:
        bits = random.integers(256, size=(*array.shape, array.dtype.itemsize), dtype=np.uint8)
        array[...] = np.ascontiguousarray(bits).view(array.dtype).reshape(array.shape)
        if kind in "fc":
            special = np.array([np.nan, -0.0, np.inf, -np.inf, 1.5, 0.1, 1e-40, 65504.0], array.dtype)
            mask = random.random(array.shape) < 0.3
            array[mask] = random.choice(special, size=int(mask.sum()))


def random_slice(random, shape):
    """The text of a slice and the NumPy index that means the same; the text may have fewer items than axes."""
    items, index = [], []
    count = random.integers(len(shape) + 1)
    axes = list(range(count))
    ellipsis_at = random.integers(count + 1) if random.random() < 0.3 else None
    if ellipsis_at is not None:
        axes = list(range(ellipsis_at)) + list(range(len(shape) - (count - ellipsis_at), len(shape)))
    for position, axis in enumerate(axes):
        if position == ellipsis_at:
            items.append("...")
            index.append(Ellipsis)
        text, item = random_item(random, shape[axis])
        items.append(text)
        index.append(item)
    if ellipsis_at == count:
        items.append("...")
        index.append(Ellipsis)
    return ",".join(items), index


def random_item(random, extent):
    kind = random.random()
    if kind < 0.25 and extent:
        value = int(random.integers(-extent, extent))
        return str(value), value
    if kind < 0.4 and extent:
        values = [int(v) for v in random.integers(-extent, extent, size=random.integers(0, 5))]
        return "[" + ",".join(map(str, values)) + "]", values

    def bound():
        return None if random.random() < 0.4 else int(random.choice([random.integers(-9, 10), 10**30, -(10**30)], p=[0.9, 0.05, 0.05]))

    start, stop = bound(), bound()
    step = None if random.random() < 0.5 else int(random.choice([-3, -2, -1, 1, 2, 3, 10**12]))
    text = f"{'' if start is None else start}:{'' if stop is None else stop}"
    return (text if step is None else f"{text}:{step}"), slice(start, stop, step)


def positions(array, index):
    """The flat positions that an index picks, lists taken orthogonally; their shape is the selection's."""
    flat = np.arange(array.size).reshape(array.shape)
    full = []
    for item in index:
        if item is Ellipsis:
            full += [slice(None)] * (array.ndim - sum(i is not Ellipsis for i in index))
        else:
            full.append(item)
    full += [slice(None)] * (array.ndim - len(full))
    axis = 0
    for item in full:
        if isinstance(item, list):
            flat = np.take(flat, np.array(item, np.intp) % max(flat.shape[axis], 1), axis=axis)
            axis += 1
        elif isinstance(item, slice):
            flat = flat[(slice(None),) * axis + (item,)]
            axis += 1
        else:
            flat = flat[(slice(None),) * axis + (item,)]
    return flat
