"""Random labels of every type, how a query spells them, and what pandas finds with them."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd

from jsonform import instant, number, to_json

TIMES = [f"{kind}8[{unit}]" for kind in "Mm" for unit in ("s", "ms", "us", "ns")]
PLAIN = ["range", "range", "i8", "i8", "i1", "u2", "u8", "f4", "f8", "f8", "?", "str", "str", *TIMES]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]
STEPS = {"D": 86_400, "h": 3_600, "min": 60, "s": 1}
WORDS = [
    "a", "b", "c", "d", "aa", "ab", "Z", "apple", "grün", "中", "😀", "a b", " x", "", "2", "true", "a..b", "[1]", '"q"', "x,y",
    "50%", "p/q", "a+b", "null", "é", "zz", "m", "n&o", "k=v", "#1",
]  # fmt: skip


@dataclasses.dataclass
class Labels:
    """An index, and how the request that creates it spells it."""

    kind: str  # int, float, bool, str, datetime or timedelta
    index: pd.Index
    json: object
    zone: str | None = None

    @property
    def raw(self):
        """The labels as NumPy has them; instants of a zone in UTC."""
        return utc(self.index).to_numpy()

    @property
    def unit(self):
        return np.datetime_data(self.raw.dtype)[0]


@dataclasses.dataclass
class Key:
    """What one `sel.` asks for: its text, and the same for pandas (a label, a list, or the two ends of a range)."""

    form: str  # scalar, list, range
    text: str
    label: object


def utc(index):
    if getattr(index, "tz", None) is not None:
        return index.tz_convert("UTC").tz_localize(None)
    return index


def random_labels(random, size=None, types=PLAIN, zones=True):
    """Labels of a random type: ascending, descending, unsorted or with duplicates; sometimes none at all."""
    size = int(random.integers(1, 12) * (random.random() > 0.05)) if size is None else size
    code = str(random.choice(types))
    if code == "range":
        return range_labels(random, size)
    values = distinct(random, code, size)
    order = random.choice(["ascending", "descending", "unsorted", "repeated", "shuffled"], p=[0.5, 0.12, 0.14, 0.14, 0.1])
    if order == "descending":
        values = values[::-1]
    elif order == "unsorted":
        values = random.permutation(values)
    elif order in ("repeated", "shuffled") and len(values):
        chosen = random.integers(len(values), size=len(values))
        values = values[np.sort(chosen) if order == "repeated" else chosen]
    if code[0] == "M" and zones and random.random() < 0.3:
        return zoned_labels(random, values, code)
    return plain_labels(random, values, code)


def range_labels(random, size):
    if random.random() < 0.5:
        return Labels("int", pd.RangeIndex(size), size)
    # With a single label pandas 2 and 3 disagree about a range with a negative step.
    start, step = int(random.integers(-20, 20)), int(random.choice([-3, -1, 1, 2, 5] if size > 1 else [1, 2, 5]))
    stop = start + step * size
    return Labels("int", pd.RangeIndex(start, stop, step), {"range": [start, stop, step]})


def distinct(random, code, size):
    """Ascending values, few enough apart that a query hits them and their gaps."""
    if code == "?":
        return np.sort(random.permutation([False, True])[: min(size, 2)])
    if code == "str":
        return np.sort(np.array(random.choice(WORDS, size=size, replace=False), object))
    places = np.sort(random.choice(40, size=size, replace=False))
    if code[0] in "iu":
        shift = 0 if code[0] == "u" or random.random() < 0.5 else -20
        scale = int(random.choice([1, 3])) if code != "i8" or random.random() < 0.9 else 1 << 55
        return (places.astype("i8") * scale + shift).astype(code)
    if code[0] == "f":
        return (places * random.choice([0.1, 0.5, 1.0, 1e-7, 1e12]) - random.choice([0, 2])).astype(code)
    unit = np.datetime_data(np.dtype(code))[0]
    if random.random() < 0.8:
        step = np.timedelta64(STEPS[str(random.choice(list(STEPS)))], "s").astype(f"m8[{unit}]").astype("i8")
    else:
        step = 1 if unit in ("s", "ns") else 500
    step *= int(random.choice([1, 1, 1, 7]))
    if code[0] == "m":
        return ((places - random.choice([0, 15])) * step).astype(code)
    # Away from the hours that a zone has twice or not at all; those have a test of their own.
    base = np.datetime64(f"{random.integers(1990, 2035)}-{random.choice(['05', '06', '12'])}-{random.integers(1, 6):02}", "s")
    hour = int(random.choice([0, 0, 23])) * 3_600
    reach = np.timedelta64(55 * STEPS["D"], "s").astype(f"m8[{unit}]").astype("i8")
    return ((base + hour).astype(code).astype("i8") + np.sort((places * step) % reach)).astype(code)


def plain_labels(random, values, code):
    index = pd.Index(values) if code != "str" else pd.Index(list(values), dtype=object if pd.__version__ < "3" else "str")
    kind = {"i": "int", "u": "int", "f": "float", "?": "bool", "s": "str", "M": "datetime", "m": "timedelta"}[code[0]]
    data = json_labels(index)
    typed = {"dtype": {"str": "str", "?": "bool"}.get(code, code), "data": data}
    bare = code in ("i8", "?", "str") or (code == "f8" and any(v != int(v) for v in values))
    if bare and len(values) and random.random() < 0.5:
        return Labels(kind, index, data)
    return Labels(kind, index, typed)


def zoned_labels(random, values, code):
    zone = str(random.choice(ZONES))
    index = pd.DatetimeIndex(values).tz_localize(zone)
    dtype = code.replace("M8", "datetime64")
    if random.random() < 0.5:
        return Labels("datetime", index, {"dtype": f"{dtype[:-1]}, {zone}]", "data": json_labels(index)}, zone)
    return Labels("datetime", index, {"dtype": dtype, "tz": zone, "data": json_labels(index)}, zone)


def json_labels(index):
    """Labels as the contract's JSON has them."""
    if getattr(index, "tz", None) is not None:
        return [None if stamp is pd.NaT else zoned_instant(stamp) for stamp in index]
    if index.dtype.kind in "Mm":
        return to_json(index.to_numpy(), index.dtype.str)
    if index.dtype.kind == "f":
        return [number(float(str(v))) for v in index.to_numpy()]
    return [v.item() if isinstance(v, np.generic) else v for v in index]


def zoned_instant(stamp):
    """Local time with its offset, as pandas prints it, without trailing zeros."""
    text = stamp.isoformat()
    return re.sub(r"(\.\d*?)0+(?=[+-])", r"\1", text).replace(".+", "+").replace(".-", "-")


def same_labels(got, index):
    """Whether JSON labels are those of an index; instants of a zone need an offset, `Z` included."""
    expected = json_labels(index)
    if not isinstance(got, list) or len(got) != len(expected):
        return False
    if getattr(index, "tz", None) is not None:
        offsets = all(isinstance(g, str) and re.search(r"T.*(Z|[+-]\d\d:\d\d)$", g) for g in got)
        return offsets and all(pd.Timestamp(g) == stamp for g, stamp in zip(got, index))
    if index.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.array(got, index.dtype).tobytes() == index.to_numpy().tobytes()
    return all(type(g) is type(e) and g == e for g, e in zip(got, expected))


# How a query spells a label


def draw_label(random, labels):
    """A label for exact use, mostly one that is there: its text without JSON quotes, and what pandas is asked for."""
    present = len(labels.index) and random.random() < 0.93
    at = int(random.integers(len(labels.index))) if present else None
    if labels.kind == "int":
        value = int(labels.index[at]) if present else int(random.integers(-25, 60))
        return str(value), value
    if labels.kind == "float":
        kind = labels.index.dtype.type
        value = labels.index[at] if present else kind(random.integers(-5, 50) / 4)
        text = str(value)
        return (text[:-2] if text.endswith(".0") and random.random() < 0.5 else text), kind(value)
    if labels.kind == "bool":
        value = bool(labels.index[at]) if present else bool(random.integers(2))
        return str(value).lower(), value
    if labels.kind == "str":
        value = str(labels.index[at] if present else random.choice(WORDS))
        return value, value
    if len(labels.index):
        raw = labels.raw[random.integers(len(labels.index)) if at is None else at]
        value = raw if present else raw + np.timedelta64(int(random.integers(-9, 9)), labels.unit)
    else:
        value = np.array(int(random.integers(10**6)), labels.raw.dtype)[()]
    if labels.kind == "timedelta":
        return spelled_timedelta(random, value), pd.Timedelta(value)
    text = instant(value)
    if labels.zone:
        stamp = pd.Timestamp(value).tz_localize("UTC").tz_convert(labels.zone)
        text = zoned_instant(stamp) if random.random() < 0.5 else instant(stamp.tz_localize(None).to_datetime64())
    elif text.endswith("T00:00:00") and random.random() < 0.5:
        text = text[:10]
    return text, text


def spelled_timedelta(random, value):
    """A count of the unit, ISO 8601, or a number with a unit."""
    delta = pd.Timedelta(value)
    choice = random.random()
    if choice < 0.4:
        return str(int(value.astype("i8")))
    for unit, span in (("D", 86_400 * 10**9), ("h", 3_600 * 10**9), ("min", 60 * 10**9), ("s", 10**9)):
        if choice < 0.7 and delta.value % span == 0:
            return f"{delta.value // span}{unit}"
    return delta.isoformat() if delta.value >= 0 else "-" + (-delta).isoformat()


def draw_partial(random, labels):
    """A date cut after the year, the month, the day …; now and then one beside all labels."""
    text = instant(pd.Timestamp(labels.index[random.integers(len(labels.index))]).tz_localize(None).to_datetime64())
    if random.random() < 0.06:
        text = f"{int(text[:4]) + int(random.choice([-1, 1]))}{text[4:]}"
    return text[: int(random.choice([4, 7, 10, 13, 16, 19]))]


def quoted(random, labels, text):
    """A bare word where it can be one; else, and sometimes anyway, a JSON string."""
    if labels.kind == "str":
        unclear = not text or ".." in text or text[0] in '"[' or text != text.strip()
        return json.dumps(text, ensure_ascii=bool(random.integers(2))) if unclear or random.random() < 0.3 else text
    return json.dumps(text) if labels.kind == "datetime" and random.random() < 0.15 else text


def item(random, labels, text):
    """A label inside a JSON list."""
    is_text = labels.kind in ("str", "datetime") or (labels.kind == "timedelta" and not re.fullmatch(r"-?\d+", text))
    return json.dumps(text, ensure_ascii=bool(random.integers(2))) if is_text else text


def random_key(random, labels, forms=("scalar", "list", "range")):
    """A selection by label along one dimension."""
    form = str(random.choice(forms))
    return next(key for key in iter(lambda: draw_key(random, labels, form), None) if not is_contested(labels, key))


def is_contested(labels, key):
    """Dates about which pandas 2 and 3 differ, and ranges that they refuse for the spelling of their offsets."""
    if labels.kind != "datetime" or key.form == "list":
        return False
    if key.form == "scalar":
        # A date beside all of descending labels: KeyError for pandas 3, nothing for pandas 2.
        return labels.index.is_monotonic_decreasing and not labels.index.is_monotonic_increasing and not found_any(labels, key.label)
    offsets = {text[19:].lstrip(".0123456789") for text in key.label if text is not None}
    # A full instant as the right end: pandas 3 looks it up, pandas 2 looks for the last nanosecond of its second.
    end = key.label[1] or ""
    return len(offsets) > 1 or (len(end) >= 19 and labels.unit != "ns" and not labels.index.is_monotonic_increasing)


def draw_key(random, labels, form):
    def end():
        if labels.kind == "datetime" and len(labels.index) and random.random() < 0.5:
            text = draw_partial(random, labels)
            return text, text
        return draw_label(random, labels)

    if form == "scalar":
        text, label = end()
        return Key(form, quoted(random, labels, text), label)
    if form == "list":
        drawn = [draw_label(random, labels) for _ in range(random.integers(0, 4) if random.random() < 0.9 else 6)]
        return Key(form, "[" + ",".join(item(random, labels, text) for text, _ in drawn) + "]", [label for _, label in drawn])
    ends = [("", None) if random.random() < 0.25 else end() for _ in range(2)]
    if random.random() < 0.8 and None not in (ends[0][1], ends[1][1]) and place(labels, ends[0][1]) > place(labels, ends[1][1]):
        ends.reverse()
    texts = [quoted(random, labels, text) if label is not None else "" for text, label in ends]
    return Key(form, "..".join(texts), (ends[0][1], ends[1][1]))


def found_any(labels, label):
    try:
        return np.size(np.arange(len(labels.index))[labels.index.get_loc(label)]) > 0
    except KeyError:
        return False


def place(labels, label):
    """Where a label first is, for ranges in the order of the labels."""
    try:
        found = np.atleast_1d(np.arange(len(labels.index))[labels.index.get_loc(label)])
        return found[0] if len(found) else 0
    except (KeyError, TypeError):
        return 0
