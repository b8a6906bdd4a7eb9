"""Statistics of a selection, and fewer rows for plots: NumPy and pandas are the judges."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gateway import NPY, RAW

RANDOM = np.random.default_rng(7)


def put(gateway, name, array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    answer = gateway.request("PUT", f"/segments/{name}?replace=true", buffer.getvalue(), NPY)
    assert answer.status in (200, 201), answer


def stats(gateway, path, query="", headers=None):
    answer = gateway.request("GET", f"/segments/{path}{query}", headers=headers)
    assert answer.status == 200, answer
    return answer.json()


def number(value):
    return {"Infinity": np.inf, "-Infinity": -np.inf, None: np.nan}.get(value, value) if not isinstance(value, float) else value


def check(got, array, exact=False):
    """What NumPy says of the same values."""
    values = np.asarray(array)
    assert got["shape"] == list(values.shape)
    nan = np.isnan(values) if values.dtype.kind in "fc" else np.zeros(values.shape, bool)
    left = values[~nan]
    assert (got["count"], got["nan_count"]) == (left.size, int(nan.sum()))
    if left.size == 0:
        assert got["min"] is got["max"] is got["mean"] is got["std"] is None
        return
    if values.dtype.kind == "c":
        mean = left.astype(complex).mean()
        np.testing.assert_allclose(got["mean"], [mean.real, mean.imag], rtol=1e-6)
        np.testing.assert_allclose(got["std"], left.astype(complex).std(), rtol=1e-6)
        assert got["min"] is got["max"] is None
        return
    for key, wanted in (("min", left.min()), ("max", left.max())):
        found = number(got[key])
        assert values.dtype.type(found) == wanted, (key, found, wanted)
    with np.errstate(all="ignore"):
        wide = values.astype(float)
        for key, wanted in (("mean", np.nanmean(wide)), ("std", np.nanstd(wide))):
            if exact:
                assert number(got[key]) == wanted or np.isnan(wanted) and got[key] is None, (key, got[key], wanted)
            else:
                np.testing.assert_allclose(number(got[key]), wanted, rtol=1e-12, atol=1e-300, equal_nan=True)


@pytest.mark.parametrize("dtype", "? i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 >i4 >f8 >f4 c8 c16".split())
@pytest.mark.parametrize("size", [0, 1, 5, 8, 129, 1000, 70_001])
def test_every_dtype(gateway, dtype, size):
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        array = RANDOM.integers(info.min, info.max, size, dtype.newbyteorder("="), endpoint=True).astype(dtype)
    elif dtype.kind == "b":
        array = RANDOM.integers(0, 2, size).astype(bool)
    else:
        array = (RANDOM.normal(size=size) * 100).astype(dtype)
        if dtype.kind == "c":
            array += (1j * RANDOM.normal(size=size)).astype(dtype)
        array[::7] = np.nan
    put(gateway, "a", array)
    check(stats(gateway, "a/stats"), array, exact=dtype == "f8")


def test_float64_is_numpys_to_the_last_bit(gateway):
    for size in (1, 7, 8, 9, 127, 128, 129, 136, 1_000, 4_097, 100_003):
        array = RANDOM.normal(size=size) * 10.0 ** RANDOM.integers(-8, 8, size)
        put(gateway, "a", array)
        check(stats(gateway, "a/stats"), array, exact=True)


def test_absurd_floats(gateway):
    cases = [[np.nan], [np.inf], [-np.inf, np.inf], [np.inf, np.nan, 1], [-0.0, 0.0], [1e308, 1e308], [5e-324], []]
    for values in cases:
        array = np.array(values, float)
        put(gateway, "a", array)
        check(stats(gateway, "a/stats"), array)
    assert stats(gateway, "a/stats") == {
        **{"dtype": "<f8", "shape": [0], "count": 0, "nan_count": 0},
        **{"min": None, "max": None, "mean": None, "std": None},
    }


def test_selections(gateway):
    array = RANDOM.normal(size=(40, 30, 5))
    put(gateway, "a", array)
    for text, index in (("::2,3", np.s_[::2, 3]), ("...,-1", np.s_[..., -1]), ("[1,5,5],:,0", np.s_[[1, 5, 5], :, 0]), ("3,4,1", np.s_[3, 4, 1])):
        check(stats(gateway, "a/stats", f"?slice={text}"), array[index])


def test_frames_series_and_their_members(gateway):
    frame = pd.DataFrame({"price": [1.5, np.nan, 3.0], "qty": [1, 2, 9], "side": ["buy", "sell", "buy"]})
    columns = [{"name": "price", "dtype": "f8"}, {"name": "qty", "dtype": "i4"}, {"name": "side", "dtype": "S4"}]
    data = {"columns": list(frame), "index": ["x", "y", "z"], "data": [[1.5, 1, "buy"], [None, 2, "sell"], [3, 9, "buy"]]}
    layout = {"kind": "dataframe", "columns": columns, "index": ["x", "y", "z"]}
    gateway.create("frame", layout, data=data)
    got = stats(gateway, "frame/stats")["columns"]
    check(got["price"], frame["price"])
    check(got["qty"], frame["qty"])
    assert got["side"] == {
        **{"dtype": "|S4", "shape": [3], "count": 3, "nan_count": 0, "min": None, "max": None, "mean": None, "std": None}
    }
    check(stats(gateway, "frame/stats/columns/qty", "?slice=1:"), frame["qty"][1:])
    assert list(stats(gateway, "frame/stats", "?columns=qty,price")["columns"]) == ["qty", "price"]
    check(stats(gateway, "frame/stats", "?where=qty>1&where=side==buy")["columns"]["price"], frame["price"][2:])
    check(stats(gateway, "frame/stats", "?sel.index=y..z")["columns"]["qty"], frame["qty"][1:])
    assert stats(gateway, "frame/stats/index")["count"] == 3


def test_times(gateway):
    times = np.array(["2024-01-03", "NaT", "2024-01-01T12:00"], "M8[s]")
    put(gateway, "a", times)
    got = stats(gateway, "a/stats")
    assert (got["min"], got["max"]) == ("2024-01-01T12:00:00", "2024-01-03T00:00:00")
    assert (got["count"], got["nan_count"], got["mean"], got["std"]) == (2, 1, None, None)
    put(gateway, "a", np.array([3, -7], "m8[ms]"))
    assert (stats(gateway, "a/stats")["min"], stats(gateway, "a/stats")["max"]) == (-7, 3)
    layout = {"kind": "series", "dtype": "f8", "index": {"dtype": "datetime64[ns]", "start": "2024-01-01", "periods": 3, "freq": "1D"}}
    gateway.create("s", layout)
    assert stats(gateway, "s/stats/index")["max"] == "2024-01-03T00:00:00"


def test_structs_lists_and_what_has_no_numbers(gateway):
    layout = {
        "kind": "struct",
        "members": {
            "a": {"kind": "ndarray", "dtype": "i8", "shape": [3]},
            "l": {"kind": "list", "item": {"kind": "bytes", "size": 4}, "count": 2},
            "j": {"kind": "json", "value": {"x": 1}},
        },
    }
    gateway.create("struct", layout)
    got = stats(gateway, "struct/stats")["members"]
    assert got["a"]["max"] == 0 and got["l"]["items"][1]["count"] == 4 and got["j"]["count"] == 1
    assert stats(gateway, "struct/stats/members/a")["count"] == 3


def test_int64_and_forms_of_numbers(gateway):
    put(gateway, "a", np.array([2**63 - 1, -(2**63)]))
    assert stats(gateway, "a/stats")["max"] == 2**63 - 1
    assert stats(gateway, "a/stats", "?int64=string")["max"] == str(2**63 - 1)
    put(gateway, "a", np.array([np.inf, -np.inf]))
    assert stats(gateway, "a/stats")["mean"] is None
    assert stats(gateway, "a/stats", "?nan=string")["mean"] == "NaN"


def test_tags_and_errors(gateway):
    put(gateway, "a", np.arange(4.0))
    answer = gateway.request("GET", "/segments/a/stats")
    tag = answer.headers["ETag"]
    assert tag.endswith('-stats"')
    assert gateway.request("GET", "/segments/a/stats", headers={"If-None-Match": tag}).status == 304
    head = gateway.request("HEAD", "/segments/a/stats")
    assert head.status == 200 and head.body == b"" and head.headers["ETag"] == tag
    assert gateway.request("PATCH", "/segments/a/data?slice=0", 7).status == 204
    changed = gateway.request("GET", "/segments/a/stats", headers={"If-None-Match": tag})
    assert changed.status == 200 and changed.json()["max"] == 7
    assert gateway.request("GET", "/segments/a/stats", headers={"If-Match": tag}).status == 412
    assert gateway.request("GET", "/segments/none/stats").status == 404
    assert gateway.request("GET", "/segments/a/stats/x").json()["code"] == "no-such-member"
    assert gateway.request("GET", "/segments/a/stats?format=raw").json()["code"] == "invalid-query"
    assert gateway.request("GET", "/segments/a/stats?slice=9").status == 422
    assert gateway.request("PATCH", "/segments/a/stats", 1).status == 405


def test_a_tap_on_tokens(own_gateway, tmp_path):
    (tmp_path / "tokens").write_text("a plain:a read,create mine-\nw plain:w write,create mine-\n")
    gateway = own_gateway("--tokens", str(tmp_path / "tokens"))
    token = {"Authorization": "Bearer a"}
    body = {"name": "mine-a", "layout": {"kind": "ndarray", "dtype": "u1", "shape": [4]}}
    assert gateway.request("POST", "/segments", body, token).status == 201
    assert gateway.request("GET", "/segments/mine-a/stats", headers=token).status == 200
    assert gateway.request("GET", "/segments/mine-a/stats", headers={"Authorization": "Bearer w"}).status == 403
    assert gateway.request("GET", "/segments/other/stats", headers=token).status == 404


def thinned(gateway, query):
    answer = gateway.request("GET", f"/segments/{query}")
    assert answer.status == 200, answer
    return answer


@pytest.mark.parametrize("most", [2, 3, 10, 100, 101, 999])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i2", "u8", ">f8", "f2"])
def test_a_plot_of_few_points_has_every_spike(gateway, most, dtype):
    array = (RANDOM.normal(size=10_000) * 50 + 100).astype(dtype)
    array[[1234, 8765]] = 255, 0
    put(gateway, "a", array)
    got = np.frombuffer(thinned(gateway, f"a/data?format=raw&max_points={most}").body, dtype)
    assert len(got) <= most and got[0] == array[0] and got[-1] == array[-1]
    if most >= 4:
        assert got.min() == array.min() and got.max() == array.max()
    # In order, and each a value of the array: they are its rows.
    assert np.isin(got, array).all()
    assert thinned(gateway, f"a/data?max_points={most}").json()["shape"] == [len(got)]
    assert thinned(gateway, f"a/data?max_points={most}&format=npy").headers["Shm-Shape"] == str(len(got))


def test_of_each_bucket_the_least_and_the_greatest(gateway):
    array = RANDOM.normal(size=100_002)
    put(gateway, "a", array)
    got = np.frombuffer(thinned(gateway, "a/data?format=raw&max_points=202").body)
    buckets = array[1:-1].reshape(100, 1000)
    wanted = [array[0]]
    for bucket in buckets:
        wanted += list(bucket[sorted({bucket.argmin(), bucket.argmax()})])
    assert list(got) == wanted + [array[-1]]


def test_it_says_which_rows_are_left(gateway):
    array = RANDOM.normal(size=10_000)
    array[4321] = 99
    put(gateway, "a", array)
    got = thinned(gateway, "a/data?max_points=100&rows=1&slice=1000:9000").json()
    assert got["data"] == list(array[1000:9000][got["rows"]]) and 3321 in got["rows"]
    assert len(got["rows"]) <= 100 and sorted(set(got["rows"])) == got["rows"]
    assert thinned(gateway, "a/data?max_points=3&rows=1&slice=5:8").json()["rows"] == [0, 1, 2]
    for query in ("max_points=100", "max_points=100&rows=0", "rows=1&slice=:3"):
        assert "rows" not in thinned(gateway, f"a/data?{query}").json()
    answer = gateway.request("POST", "/query", {"reads": [{"segment": "a", "max_points": 3, "rows": True}]})
    assert answer.json()["reads"][0]["value"]["rows"] == [0, 5000, 9999]
    gateway.create("left-s", {"kind": "series", "dtype": "i4", "index": ["a", "b", "c", "d"]}, data=[4, 1, 3, 2])
    assert thinned(gateway, "left-s/data?where=values>2&rows=1").json()["rows"] == [0, 2]
    columns = [{"name": "x", "dtype": "i4"}, {"name": "y", "dtype": "i4"}]
    layout = {"kind": "dataframe", "columns": columns, "index": 4}
    gateway.create("left-f", layout, data=[[4, 0], [1, 0], [3, 0], [2, 0]])
    assert thinned(gateway, "left-f/data?where=x<4&where=x>1&slice=1:&rows=1").json()["rows"] == [1, 2]
    assert set(thinned(gateway, "left-f/data?where=x<3&orient=columns&rows=1").json()) == {"x", "y"}
    gateway.create("left-d", {"kind": "dataarray", "dtype": "f8", "dims": ["t", "x"], "shape": [50, 2]}, fill=0)
    assert len(thinned(gateway, "left-d/data?max_points=10&rows=1&slice=:,0").json()["rows"]) <= 10


def test_few_rows_come_as_they_are(gateway):
    array = np.arange(10.0)
    put(gateway, "a", array)
    for most in (10, 11, 10_000_000):
        assert np.array_equal(np.frombuffer(thinned(gateway, f"a/data?format=raw&max_points={most}").body), array)
    put(gateway, "a", np.zeros(0))
    assert thinned(gateway, "a/data?max_points=5").json()["data"] == []


def test_gaps_of_nan_stay_gaps(gateway):
    array = RANDOM.normal(size=10_000)
    array[3_000:6_000] = np.nan
    put(gateway, "a", array)
    got = np.frombuffer(thinned(gateway, "a/data?format=raw&max_points=100").body)
    assert np.isnan(got).any() and np.nanmin(got) == np.nanmin(array)


def test_a_series_keeps_its_labels_and_a_frame_all_spikes(gateway):
    count = 5_000
    index = {"dtype": "datetime64[s]", "start": "2024-01-01", "periods": count, "freq": "1min"}
    gateway.create("s", {"kind": "series", "dtype": "f8", "index": index, "name": "price"}, replace=True)
    values = RANDOM.normal(size=count)
    assert gateway.request("PATCH", "/segments/s/data/values", values.tobytes(), RAW).status == 204
    whole = pd.Series(values, pd.date_range("2024-01-01", periods=count, freq="1min").astype("M8[s]"))
    got = thinned(gateway, "s/data?max_points=60").json()
    few = pd.Series(got["data"], pd.DatetimeIndex(got["index"]).astype("M8[s]"))
    assert len(few) <= 60 and few.index.is_monotonic_increasing and (whole[few.index] == few).all()
    assert few.max() == whole.max() and few.idxmin() == whole.idxmin()
    part = thinned(gateway, "s/data?max_points=60&sel.index=2024-01-02&where=values>0").json()
    chosen = whole.loc["2024-01-02"]
    assert max(part["data"]) == chosen.max() and min(part["data"]) == chosen[chosen > 0].min()

    columns = [{"name": name, "dtype": dtype} for name, dtype in (("a", "f8"), ("b", "i4"), ("c", "S3"))]
    gateway.create("f", {"kind": "dataframe", "columns": columns, "index": count})
    b = RANDOM.integers(-1000, 1000, count).astype("i4")
    assert gateway.request("PATCH", "/segments/f/data/columns/a", values.tobytes(), RAW).status == 204
    assert gateway.request("PATCH", "/segments/f/data/columns/b", b.tobytes(), RAW).status == 204
    reader = pa.ipc.open_stream(thinned(gateway, "f/data?max_points=200&format=arrow").body)
    frame = reader.read_pandas()
    assert len(frame) <= 200 and frame["a"].max() == values.max() and frame["b"].min() == b.min()
    assert np.array_equal(values[frame.index], frame["a"])
    assert len(thinned(gateway, "f/data?max_points=200&format=csv").body.splitlines()) == len(frame) + 1
    text_only = thinned(gateway, "f/data?max_points=11&columns=c").json()
    assert text_only["index"] == list(np.linspace(0, count - 1, 11).round().astype(int))


def test_columns_of_an_array(gateway):
    array = RANDOM.normal(size=(5_000, 3)).astype("f4")
    put(gateway, "a", array)
    got = np.load(io.BytesIO(thinned(gateway, "a/data?max_points=80&format=npy").body))
    assert got.shape[0] <= 80 and np.array_equal(got.max(0), array.max(0)) and np.array_equal(got.min(0), array.min(0))


def test_along_the_first_axis_that_is_left(gateway):
    array = RANDOM.normal(size=(3, 4_000, 2))
    put(gateway, "a", array)
    for text, part in (("1", array[1]), ("1,:,0", array[1, :, 0]), (":,7", array[:, 7]), ("2,::-3", array[2, ::-3])):
        got = np.load(io.BytesIO(thinned(gateway, f"a/data?max_points=40&format=npy&slice={text}").body))
        assert got.shape[0] <= 40 and np.array_equal(got.max(0), part.max(0)) and np.array_equal(got[-1], part[-1])
    layout = {"kind": "dataarray", "dtype": "f8", "dims": ["t", "x"], "coords": {"t": 1_000, "x": ["a", "b"]}}
    gateway.create("grid", layout, replace=True)
    values = RANDOM.normal(size=(1_000, 2))
    assert gateway.request("PATCH", "/segments/grid/data/values", values.tobytes(), RAW).status == 204
    got = thinned(gateway, "grid/data?max_points=30").json()
    assert np.array_equal(values[got["coords"]["t"]["data"]], got["data"]) and len(got["data"]) <= 30


def test_queries_of_several_reads_have_it_too(gateway):
    put(gateway, "a", np.arange(1000.0))
    body = {"reads": [{"segment": "a", "max_points": 10}, {"segment": "a", "max_points": "4", "slice": "500:"}]}
    answer = gateway.request("POST", "/query", body)
    first, second = (read["value"]["data"] for read in answer.json()["reads"])
    assert len(first) == 10 and first[-1] == 999 and second[0] == 500 and len(second) == 4


@pytest.mark.parametrize("query", ["max_points=1", "max_points=0", "max_points=-3", "max_points=x", "max_points=", "slice=0&max_points=5"])
def test_points_that_are_none(gateway, query):
    put(gateway, "a", np.arange(10.0))
    answer = gateway.request("GET", f"/segments/a/data?{query}")
    assert answer.status == 400 and answer.json()["code"] == "invalid-query", answer


def test_points_are_for_reading(gateway):
    put(gateway, "a", np.arange(10.0))
    assert gateway.request("PATCH", "/segments/a/data?max_points=5", 1).status == 400
    gateway.create("j", {"kind": "json", "value": 1})
    assert gateway.request("GET", "/segments/j/data?max_points=5").status == 400


def test_large_ones_need_no_memory_for_text(own_gateway):
    """Two million numbers as text would be counted as 32 MB."""
    gateway = own_gateway("--snapshot-memory", "40MiB")
    put(gateway, "a", np.arange(2_000_000.0))
    assert stats(gateway, "a/stats")["mean"] == 999_999.5
    assert len(thinned(gateway, "a/data?max_points=1000").json()["data"]) <= 1000
