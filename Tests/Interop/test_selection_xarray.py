"""Selections of DataArrays by label and position: read and written as xarray does, coordinates and all."""

import os

import numpy as np

from arrays_cases import Array, random_array_selection
from frames_cases import mapped, one_nan, random_values
from jsonform import same, to_json
from selection_cases import Case, Tally, check_refusal, describe, groups, query_string, sequence

CASES = int(os.environ.get("SHMGATE_CASES", 2500))
SELECTIONS_PER_SEGMENT = 5

# Beside what the libraries raise (REFUSALS in selection_cases.py).
MISUSES = [
    # the query's pairs, with {dim} for the first dimension and {n} for one index more than there are; status, code
    ([("sel.nowhere", "1")], 400, "invalid-query"),
    ([("sel.{dim}", "[]"), ("slice", "0:1")], 400, "invalid-query"),
    ([("slice", "{n}")], 400, "invalid-slice"),
    ([("slice", "None")], 400, "invalid-slice"),
    ([("slice", "77")], 422, "index-out-of-bounds"),
    ([("columns", "a")], 400, "invalid-query"),
    ([("sel.{dim}", "[]"), ("method", "closest")], 400, "invalid-query"),
]


def test_selections_agree_with_xarray(gateway, report):
    tally, contradictions = Tally(), []
    for group, random in groups():
        if tally.cases >= CASES or tally.is_full:
            break
        array, name = Array(random), f"array-{group}"
        description = gateway.create(name, array.layout).json()
        live = mapped(gateway, description)["values"]
        live[...] = array.values
        for number in range(SELECTIONS_PER_SEGMENT):
            case = Case("test_selection_xarray.py", group, number, gateway, name, array.layout, "")
            tally.cases += 1
            if array.dims and random.random() < 0.04:
                check_misuse(tally, case, array, random)
                continue
            selection = random_array_selection(random, array, contradictions)
            order = [selection.pairs[i] for i in random.permutation(len(selection.pairs))]
            case.query = query_string(random, order)
            labels = "; ".join(f"{dim}: {describe(array.labels[dim])}" for dim in selection.keys)
            keys = {dim: (key.form, key.label) for dim, key in selection.keys.items()}
            case.note = f"{labels}\n  xarray: {keys} {selection.method.query()}{selection.note}"
            tally.refused += selection.refused is not None
            if selection.refused:
                check_refused(tally, case, selection.refused)
            else:
                expected = selection.result()
                check_read(tally, case, array, expected, random)
                check_write(tally, case, array, selection, live, random)
            check_memory(tally, case, array, live)
        del live
        assert gateway.request("DELETE", f"/segments/{name}").status == 204
    report(f"xarray selections: {len(contradictions)} drawn again, for pandas and xarray contradict each other there")
    tally.finish("xarray selections", report, CASES)


def check_misuse(tally, case, array, random):
    pairs, status, code = MISUSES[random.integers(len(MISUSES))]
    too_many = ",".join(["0"] * (len(array.dims) + 1))
    case.query = query_string(random, [(a.format(dim=array.dims[0]), b.format(n=too_many)) for a, b in pairs])
    tally.refused += 1
    check_refused(tally, case, {(status, code)})


def check_refused(tally, case, expected):
    check_refusal(tally, case, case.gateway.request("GET", case.path()), expected)
    case.body = 1
    check_refusal(tally, case, case.gateway.request("PATCH", case.path(), 1), expected)
    case.body = None


def check_read(tally, case, array, expected, random):
    answer = case.gateway.request("GET", case.path())
    if answer.status != 200:
        tally.fail(case, f"200 with dims {expected.dims} {expected.shape}", answer)
        return
    wrong = difference(answer.json(), array, expected)
    if wrong:
        tally.fail(case, wrong, answer.body.decode())
    elif random.random() < 0.3:
        answer = case.gateway.request("GET", case.path() + ("&" if case.query else "?") + "format=raw")
        if answer.body != np.asarray(expected.data).tobytes() or answer.headers.get("Shm-Shape", "") != ",".join(map(str, expected.shape)):
            tally.fail(case, f"raw {np.asarray(expected.data).tobytes()!r}", answer)


def difference(got, array, expected):
    """What was expected, if the answer is something else."""
    head = {"name": array.name, "dtype": np.dtype(array.dtype).str, "dims": list(expected.dims), "shape": list(expected.shape)}
    if any(got.get(key, ...) != value for key, value in head.items()):
        return f"{head}"
    data = to_json(expected.to_numpy(), array.dtype)
    if not same(got.get("data"), data, array.dtype):
        return f"data {data}"
    coords = got.get("coords")
    if not isinstance(coords, dict) or set(coords) != set(expected.coords):
        return f"coordinates {list(expected.coords)}"
    for name, coordinate in expected.coords.items():
        dtype = array.coordinate_dtype(name)
        values = np.asarray(coordinate.to_numpy())
        wanted = to_json(values.astype(dtype), dtype) if dtype else values.tolist()
        given = coords[name]
        if given.get("dims") != list(coordinate.dims) or not same(given.get("data"), wanted, dtype):
            return f"coordinate {name} = {list(coordinate.dims)} {wanted}"
    return None


def check_write(tally, case, array, selection, live, random):
    places = selection.picked.to_numpy()
    new = random_values(random, array.dtype, places.shape)
    new = np.asarray(new)
    form = random.random()
    if places.size and form < 0.35:
        new = smaller(new, random)
    case.body = to_json(new, array.dtype)
    if new.shape == places.shape and (form > 0.75 or places.size == 0):
        answer = case.gateway.request("GET", case.path())
        case.body = {**answer.json(), "data": case.body} if answer.status == 200 else case.body
    before = sequence(case.gateway.request("HEAD", f"/segments/{case.name}"))
    answer = case.gateway.request("PATCH", case.path(), case.body)
    if answer.status != 204:
        tally.fail(case, "204", answer)
    else:
        if places.size and sequence(answer) != before + 2:
            tally.fail(case, f"sequence {before + 2}", answer.headers.get("ETag"))
        flat = array.values.reshape(-1)
        flat[places.reshape(-1)] = np.broadcast_to(new, places.shape).reshape(-1)
        array.values = flat.reshape(array.shape)


def smaller(value, random):
    """An array that broadcasts to the shape of this one."""
    value = value[tuple(slice(0, 1) if random.random() < 0.5 else slice(None) for _ in value.shape)]
    while value.ndim and value.shape[0] == 1 and random.random() < 0.6:
        value = value[0]
    return np.asarray(value)


def check_memory(tally, case, array, live):
    if one_nan(live) != one_nan(array.values):
        tally.fail(case, f"afterwards {array.values.tolist()}", live.tolist())
        live[...] = array.values
    case.body = None
