"""Selections of series and frames by label, slice, columns and conditions: read and written as pandas does."""

import io
import json
import os

import numpy as np
import pandas as pd
import pytest

from frames_cases import NUMBERS, Frame, draw_condition, element, random_values
from jsonform import same, to_json
from labels_cases import json_labels, same_labels
from selection_cases import (
    REFUSALS, Case, Refused, Tally, check_refusal, describe, groups, locate, query_string, random_row_slice, random_selection,
    sequence,
)  # fmt: skip

CASES = int(os.environ.get("SHMGATE_CASES", 4000))
SELECTIONS_PER_SEGMENT = 5

# Beside what pandas raises (REFUSALS in selection_cases.py): queries that only the contract knows.
MISUSES = [
    # the query's pairs, status, code
    ([("columns", "a,nowhere")], 404, "no-such-member"),
    ([("where", "nowhere>1")], 404, "no-such-member"),
    ([("sel.nowhere", "1")], 400, "invalid-query"),
    ([("sel.index", "1"), ("slice", "0:1")], 400, "invalid-query"),
    ([("slice", "0,0")], 400, "invalid-slice"),
    ([("slice", ":,:")], 400, "invalid-slice"),
    ([("slice", "1000")], 422, "index-out-of-bounds"),
    ([("sel.index", "1"), ("method", "closest")], 400, "invalid-query"),
    ([("method", "nearest")], 400, "invalid-query"),
    ([("where", "index")], 400, "invalid-query"),
]


UNREADABLE = [
    # labels, query, status, code
    ([1, 2], "sel.index=abc", 422, "no-such-label"),
    ([1, 2], "sel.index=%221%22", 422, "no-such-label"),
    ([1, 2], "sel.index=[1,%22a%22]", 422, "no-such-label"),
    ([1, 2], "sel.index=[1", 400, "invalid-query"),
    ([1, 2], "sel.index=1&method=nearest&tolerance=x", 400, "invalid-query"),
    ([0.5], "sel.index=abc", 422, "no-such-label"),
    (["a"], "sel.index=%22a", 400, "invalid-query"),
    (["a"], "sel.index=b&method=nearest", 400, "invalid-query"),
    (["a"], "sel.index=a&sel.index=a", 400, "invalid-query"),
    ({"dtype": "M8[s]", "data": ["2024-01-01"]}, "sel.index=soon", 422, "no-such-label"),
    ({"dtype": "M8[s]", "data": ["2024-01-01"]}, "sel.index=soon..", 400, "invalid-query"),
    ({"dtype": "M8[s]", "data": ["2024-01-01"]}, "sel.index=2024-01-01&method=ffill&tolerance=1parsec", 400, "invalid-query"),
]


class Selection:
    """A random query over a frame, and what it picks: `rows` (one position or many) and `columns`; or `refused`."""

    def __init__(self, random, frame):
        self.pairs, self.refused = [], None
        self.columns = list(frame.dtypes)
        self.rows = np.arange(len(frame.labels.index))
        self.note = ""
        if random.random() < 0.025:
            self.misuse(random, frame)
            return
        kind = random.random()
        if kind < 0.72:
            self.by_label(random, frame)
        elif kind < 0.84:
            text, self.rows = random_row_slice(random, len(self.rows))
            self.pairs.append(("slice", text))
        if not frame.is_series and random.random() < 0.3:
            self.pick_columns(random)
        if self.refused is None and np.ndim(self.rows):
            for _ in range(random.choice([0, 1, 2], p=[0.7, 0.2, 0.1]) if kind < 0.84 else random.integers(1, 4)):
                text, mask = draw_condition(random, frame)
                self.pairs.append(("where", text))
                self.rows = self.rows[mask[self.rows]]

    def misuse(self, random, frame):
        pairs, status, code = MISUSES[random.integers(len(MISUSES))]
        if frame.is_series and pairs[0][0] == "columns":
            pairs, status, code = MISUSES[1]
        # A label that is not there would be a second reason to refuse.
        if pairs[0] == ("sel.index", "1"):
            pairs = [("sel.index", "[]"), *pairs[1:]]
        self.pairs, self.refused = list(pairs), {(status, code)}

    def by_label(self, random, frame):
        key, method = random_selection(random, frame.labels)
        self.pairs += [("sel.index", key.text), *method.query()]
        if random.random() < 0.05:
            self.pairs.append(("slice", ":"))
        self.note = f"pandas: {key.form} {key.label!r} {method.query()}"
        try:
            self.rows = locate(frame.labels, key, method)
        except tuple(kind for kind, *_ in REFUSALS) as error:
            self.refused = Refused.like(error).expected
            self.note += f": {type(error).__name__} {str(error)[:80]}"

    def pick_columns(self, random):
        count = random.integers(1, len(self.columns) + 1)
        self.columns = [str(name) for name in random.choice(self.columns, size=count, replace=False)]
        if any("," in name for name in self.columns) or random.random() < 0.4:
            self.pairs.append(("columns", json.dumps(self.columns, ensure_ascii=False)))
        else:
            self.pairs.append(("columns", ",".join(self.columns)))

    @property
    def is_one(self):
        return np.ndim(self.rows) == 0


def test_selections_agree_with_pandas(gateway, report):
    tally = Tally()
    for group, random in groups():
        if tally.cases >= CASES or tally.is_full:
            break
        frame, name = Frame(random), f"frame-{group}"
        description = gateway.create(name, frame.layout).json()
        live = frame.live(gateway, description)
        for column, values in frame.values.items():
            live[column][...] = values
        for number in range(SELECTIONS_PER_SEGMENT):
            selection = Selection(random, frame)
            order = [selection.pairs[i] for i in random.permutation(len(selection.pairs))]
            note = f"{describe(frame.labels)}; {selection.note}"
            case = Case("test_selection_pandas.py", group, number, gateway, name, frame.layout, query_string(random, order), note)
            tally.cases += 1
            tally.refused += selection.refused is not None
            check_read(tally, case, frame, selection, random)
            check_write(tally, case, frame, selection, live, random)
        del live
        assert gateway.request("DELETE", f"/segments/{name}").status == 204
    tally.finish("pandas selections", report, CASES)


@pytest.mark.parametrize("number", range(len(UNREADABLE)))
def test_what_cannot_be_read(gateway, number):
    labels, query, status, code = UNREADABLE[number]
    gateway.create(f"unreadable-{number}", {"kind": "series", "dtype": "i4", "index": labels})
    answer = gateway.request("GET", f"/segments/unreadable-{number}/data?{query}")
    assert (answer.status, answer.json()["code"]) == (status, code), (labels, query, answer)


def test_days_of_a_zone_have_their_own_length(gateway):
    for name, start, texts in (
        ("spring", "2024-03-30", ["2024-03-31", "2024-03-31T03", "..2024-03-31", "2024-03-31..2024-03-31", "2024-03"]),
        ("autumn", "2024-10-26", ["2024-10-27", "2024-10-27T03", "2024-10-27..", "2024-10-27T02:00:00+01:00", "2024-10-27T02:00:00+02:00"]),
    ):
        index = pd.date_range(start, periods=80, freq="h", tz="Europe/Berlin", unit="s")
        series = pd.Series(np.arange(80), index)
        zoned = {"dtype": "datetime64[s, Europe/Berlin]", "data": json_labels(index)}
        gateway.create(name, {"kind": "series", "dtype": "i8", "index": zoned}, data=series.tolist())
        for text in texts:
            ends = [end or None for end in text.split("..")]
            expected = series.loc[slice(*ends) if len(ends) == 2 else text]
            answer = gateway.request("GET", f"/segments/{name}/data?sel.index={text.replace('+', '%2B')}")
            assert answer.status == 200, (text, answer)
            assert answer.json()["data"] == expected.tolist(), text


def check_read(tally, case, frame, selection, random):
    answer = case.gateway.request("GET", case.path())
    if selection.refused:
        check_refusal(tally, case, answer, selection.refused)
        return
    if answer.status != 200:
        tally.fail(case, f"200 with rows {np.asarray(selection.rows).tolist()} of {selection.columns}", answer)
        return
    wrong = difference(answer.json(), frame, selection)
    if wrong:
        tally.fail(case, wrong, answer.body.decode())
        return
    if selection.is_one or random.random() > 0.3:
        return
    sign = "&" if case.query else "?"
    if frame.is_series:
        answer = case.gateway.request("GET", case.path() + sign + "format=npy")
        expected = frame.values["values"][selection.rows]
        got = np.load(io.BytesIO(answer.body)) if answer.status == 200 else None
        if got is None or (got.dtype, got.tobytes()) != (expected.dtype, expected.tobytes()):
            tally.fail(case, f"the same as npy: {expected!r}", got if got is not None else answer)
    else:
        got = case.gateway.request("GET", case.path() + sign + "orient=columns").json()
        expected = expected_columns(frame, selection)
        if list(got) != list(expected) or not all(same(got[n], v, frame.dtypes[n]) for n, v in expected.items()):
            tally.fail(case, f"with orient=columns {expected}", got)


def expected_columns(frame, selection):
    return {name: to_json(frame.values[name][selection.rows], frame.dtypes[name]) for name in selection.columns}


def difference(got, frame, selection):
    """What was expected, if the answer is something else."""
    if selection.is_one:
        return difference_of_one(got, frame, selection)
    expected = expected_columns(frame, selection)
    index = frame.labels.index[selection.rows]
    if not same_labels(got.get("index"), index):
        return f"index {json_labels(index)}"
    if frame.is_series:
        head, dtype = {"name": frame.name, "dtype": frame.dtypes["values"]}, frame.dtypes["values"]
        if not same({k: got.get(k) for k in head}, head | {"dtype": np.dtype(dtype).str}, None):
            return f"{head}"
        return None if same(got.get("data"), expected["values"], dtype) else f"data {expected['values']}"
    rows = [list(row) for row in zip(*expected.values())]
    if got.get("columns") != selection.columns:
        return f"columns {selection.columns}"
    data = got.get("data")
    if not isinstance(data, list) or [len(row) for row in data] != [len(row) for row in rows]:
        return f"data {rows}"
    fits = all(same(list(cells), expected[name], frame.dtypes[name]) for name, cells in zip(expected, zip(*data)))
    return None if fits else f"data {rows}"


def difference_of_one(got, frame, selection):
    """A scalar of a series; a row of a frame as a series, promoted by pandas."""
    at = int(selection.rows)
    if frame.is_series:
        dtype = frame.dtypes["values"]
        expected = {"dtype": np.dtype(dtype).str, "shape": [], "data": element(frame.values["values"][at], dtype)}
        fits = {k: got.get(k) for k in ("dtype", "shape")} == {k: expected[k] for k in ("dtype", "shape")}
        return None if fits and same(got.get("data"), expected["data"], dtype) else f"{expected}"
    row = frame.object()[selection.columns].iloc[at]
    are_texts = all(frame.dtypes[name] == "S4" for name in selection.columns)
    if row.dtype == object or are_texts:
        dtypes = [frame.dtypes[name] for name in selection.columns]
        data = [element(frame.values[name][at], frame.dtypes[name]) for name in selection.columns]
    else:
        dtypes = [row.dtype.str] * len(row)
        data = to_json(row.to_numpy(), row.dtype.str)
    expected = {"name": json_labels(frame.labels.index[[at]])[0], "dtype": str(row.dtype), "index": selection.columns, "data": data}
    if got.get("index") != selection.columns or not same_labels([got.get("name")], frame.labels.index[[at]]):
        return f"{expected}"
    try:
        if not are_texts and np.dtype(got.get("dtype")) != row.dtype:
            return f"{expected}"
    except TypeError:
        return f"{expected}"
    values = got.get("data")
    fits = isinstance(values, list) and len(values) == len(data) and all(map(same, values, data, dtypes))
    return None if fits else f"{expected}"


def check_write(tally, case, frame, selection, live, random):
    count = np.size(selection.rows)
    shape = () if selection.is_one else (count,)
    new = {name: random_values(random, frame.dtypes[name], shape) for name in selection.columns}
    if selection.refused:
        case.body = 1
        check_refusal(tally, case, case.gateway.request("PATCH", case.path(), 1), selection.refused)
    else:
        case.body, new = body_of(random, case, frame, selection, new)
        before = sequence(case.gateway.request("HEAD", f"/segments/{case.name}"))
        answer = case.gateway.request("PATCH", case.path(), case.body)
        if answer.status != 204:
            tally.fail(case, "204", answer)
        else:
            for name, values in new.items():
                frame.values[name][selection.rows] = values
            if count and sequence(answer) != before + 2:
                tally.fail(case, f"sequence {before + 2}", answer.headers.get("ETag"))
    wrong = frame.differing(live)
    if wrong:
        name, (got, expected) = next(iter(wrong.items()))
        tally.fail(case, f"afterwards {name} = {expected}", got)
        for column, values in frame.values.items():
            live[column][...] = values
    case.body = None


def body_of(random, case, frame, selection, new):
    """A value in one of the spellings that JSON has for it, and the columns that it means."""
    cells = {name: to_json(np.asarray(values), frame.dtypes[name]) for name, values in new.items()}
    form = random.random()
    if frame.is_series:
        data = cells["values"]
        is_complex = np.dtype(frame.dtypes["values"]).kind == "c"
        if not selection.is_one and np.size(selection.rows) and form < 0.3 and not is_complex:
            return (data[0] if form < 0.2 else data[:1]), {"values": new["values"][0]}
    elif selection.is_one:
        data = list(cells.values())
    else:
        data = [list(row) for row in zip(*cells.values())]
        are_numbers = all(frame.dtypes[name] in NUMBERS for name in cells)
        if form < 0.15 and are_numbers:
            value = int(random.integers(20))
            return value, {name: np.array(value, frame.dtypes[name]) for name in cells}
        if form < 0.3 and data:
            return data[0], {name: values[0] for name, values in new.items()}
    if form < 0.6 or np.size(selection.rows) == 0:
        answer = case.gateway.request("GET", case.path())
        if answer.status == 200:
            return {**answer.json(), "data": data}, new
    return data, new
