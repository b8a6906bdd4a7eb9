"""Random series and frames: their layout, their contents for pandas, and their columns in the mapping."""

import operator

import numpy as np
import pandas as pd

from jsonform import to_json
from labels_cases import draw_label, quoted, random_labels

NUMBERS = ["i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8"]
DTYPES = [*NUMBERS, *NUMBERS, "?", "<M8[s]", "<M8[ns]", "<m8[ms]", "S4"]
NAMES = ["a", "b", "qty", "größe", "x y", "50%", "p/q", "c,d", "n"]
OPERATORS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def random_values(random, dtype, shape):
    """Values of a dtype that JSON carries exactly and pandas can hold: few, so that conditions meet them."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return random.integers(2, size=shape).astype(bool)
    if dtype.kind == "S":
        return random.choice(np.array([b"", b"a", b"ab", b"Z", b"x,y", "é".encode(), b"0"], "S4"), size=shape)
    if dtype.kind == "M":
        unit = np.datetime_data(dtype)[0]
        step = np.timedelta64(int(random.choice([1, 60, 3_600, 86_400])), "s").astype(f"m8[{unit}]").astype("i8")
        values = (np.datetime64("2024-01-31", "s").astype(dtype).astype("i8") + random.integers(-30, 30, size=shape) * step).astype(dtype)
        return with_missing(random, values, np.datetime64("NaT"))
    if dtype.kind == "m":
        return with_missing(random, random.integers(-50, 50, size=shape).astype("i8").astype(dtype), np.timedelta64("NaT"))
    if dtype.kind in "iu":
        low = 0 if dtype.kind == "u" else -20
        values = random.integers(low, 20, size=shape).astype(dtype)
        if random.random() < 0.1 and dtype.itemsize == 8:
            values = values + np.array(1 << 60, dtype)
        return values
    if dtype.kind == "c":
        return random_values(random, f"f{dtype.itemsize // 2}", shape) + 1j * random.integers(5, size=shape).astype(dtype)
    values = (random.integers(-40, 40, size=shape) / random.choice([1, 4, 10])).astype(dtype)
    values = with_missing(random, values, np.nan)
    return with_missing(random, values, np.inf if random.random() < 0.5 else -0.0, 0.05)


def with_missing(random, values, missing, share=0.08):
    values = np.array(values)
    values[random.random(values.shape) < share] = missing
    return values


def for_pandas(values):
    """Fixed texts are objects to pandas."""
    if values.dtype.kind == "S":
        return np.array([v.decode() for v in values.tolist()], object)
    return values


class Frame:
    """A series or frame of random shape: `layout` for the gateway, `object()` for pandas, `values` for the eye on memory."""

    def __init__(self, random):
        self.is_series = random.random() < 0.4
        self.labels = random_labels(random)
        size = len(self.labels.index)
        if self.is_series:
            self.name = str(random.choice(["s", "größe"])) if random.random() < 0.4 else None
            dtype = str(random.choice([*DTYPES, "<c8", "<c16"]))
            self.dtypes = {"values": dtype}
            self.layout = {"kind": "series", "dtype": dtype, "index": self.labels.json}
            if self.name is not None:
                self.layout["name"] = self.name
        else:
            names = [str(n) for n in random.choice(NAMES, size=random.integers(1, 6), replace=False)]
            pool = [str(random.choice(DTYPES))] if random.random() < 0.3 else DTYPES if random.random() < 0.5 else NUMBERS
            self.dtypes = {name: str(random.choice(pool)) for name in names}
            columns = [{"name": name, "dtype": dtype} for name, dtype in self.dtypes.items()]
            pairs = [[name, dtype] for name, dtype in self.dtypes.items()]
            spelled = {"columns": columns} if random.random() < 0.7 else {"dtypes": pairs}
            self.layout = {"kind": "dataframe", **spelled, "index": self.labels.json}
        self.values = {name: random_values(random, dtype, size) for name, dtype in self.dtypes.items()}

    def object(self):
        if self.is_series:
            return pd.Series(for_pandas(self.values["values"]), self.labels.index, name=self.name, copy=True)
        return pd.DataFrame({name: for_pandas(values) for name, values in self.values.items()}, self.labels.index)

    def live(self, gateway, description):
        """The columns in the mapping, by name."""
        found = mapped(gateway, description)
        if self.is_series:
            return {"values": found["values"]}
        return {name: found["columns/" + escaped(name)] for name in self.dtypes}

    def differing(self, live):
        """The columns whose bytes in memory are not those expected; all NaNs are one."""
        return {n: (live[n].tolist(), v.tolist()) for n, v in self.values.items() if one_nan(live[n]) != one_nan(v)}


def escaped(name):
    return name.replace("%", "%25").replace("/", "%2F")


def mapped(gateway, description):
    """Every buffer of a segment by its path, mapped with NumPy alone."""
    found = {}
    for buffer in description["mmap"]["buffers"]:
        shape, dtype = tuple(buffer["shape"]), np.dtype(buffer["dtype"])
        if 0 in shape:
            found[buffer["path"]] = np.zeros(shape, dtype)
        else:
            found[buffer["path"]] = np.memmap(gateway.path(description["name"]), dtype, "r+", buffer["offset"], shape)
    return found


def one_nan(values):
    values = np.array(values)
    if values.dtype.kind == "f":
        values[np.isnan(values)] = np.nan
    if values.dtype.kind == "c":
        for part in (values.real, values.imag):
            part[np.isnan(part)] = np.nan
    return values.tobytes()


def element(value, dtype):
    """One value as JSON has it."""
    return to_json(np.asarray(value), dtype)


def draw_condition(random, frame):
    """A `where`: its text, and the rows that pandas says satisfy it."""
    usable = [name for name, dtype in frame.dtypes.items() if name.isalpha() and np.dtype(dtype).kind != "c"]
    if not usable or random.random() < 0.3:
        name, column, kind = "index", frame.labels.index, frame.labels.kind
        text, literal = literal_of_labels(random, frame.labels)
    else:
        name = str(random.choice(usable))
        column, kind = (frame.object() if frame.is_series else frame.object()[name]), np.dtype(frame.dtypes[name]).kind
        text, literal = literal_of_column(random, frame.values[name], frame.dtypes[name])
    sign = str(random.choice(["==", "!="] if kind in ("bool", "b") else list(OPERATORS)))
    return f"{name}{sign}{text}", np.asarray(OPERATORS[sign](column, literal), bool)


def literal_of_labels(random, labels):
    text, label = draw_label(random, labels)
    if labels.kind == "datetime":
        stamp = pd.Timestamp(label)
        label = stamp.tz_localize(labels.zone) if labels.zone and stamp.tz is None else stamp
    return quoted(random, labels, text), label


def literal_of_column(random, values, dtype):
    """A value to compare a column with, mostly one of its own."""
    value = values[random.integers(len(values))] if len(values) else random_values(random, dtype, ())[()]
    kind = np.dtype(dtype).kind
    if kind in "iu" and random.random() < 0.2:
        return repr(int(value) + 0.5), int(value) + 0.5
    if kind == "f" and not np.isfinite(value):
        value = np.dtype(dtype).type(1.5)
    if kind in "mM" and np.isnat(value):
        value = np.array(86_400, "i8").astype(dtype)[()]
    json_value = element(value, dtype)
    if kind == "S":
        return f'"{json_value}"' if random.random() < 0.5 or not json_value else json_value, json_value
    if kind == "b":
        return str(json_value).lower(), bool(value)
    if kind == "m":
        return str(json_value), pd.Timedelta(value)
    if kind == "M":
        return json_value, pd.Timestamp(value)
    return (str(json_value) if kind in "iu" else repr(float(str(value)))), value
