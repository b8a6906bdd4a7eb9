"""The lines to copy, run as they stand, and the exact texts of the console's layout tab."""

import json
import subprocess
import sys

import numpy as np
import pytest
from playwright.sync_api import expect

DAYS = {"dtype": "datetime64[s]", "start": "2024-03-30", "periods": 3, "freq": "1D"}
ZONED = {**DAYS, "dtype": "datetime64[s, Europe/Berlin]"}
FRAME = [{"name": "price", "dtype": "f4"}, {"name": "q/ty é", "dtype": "i2"}, {"name": "t", "dtype": "M8[ns]"}]
SEGMENTS = {
    "array": ({"kind": "ndarray", "dtype": "<f8", "shape": [2, 3]}, [[0, 1, 2], [3, 4, None]]),
    "cube.3": ({"kind": "ndarray", "dtype": "<i4", "shape": [1, 2, 3]}, [[[1, 2, 3], [4, 5, 6]]]),
    "scalar": ({"kind": "ndarray", "dtype": "<i8", "shape": []}, 7),
    "records": ({"kind": "ndarray", "dtype": [["a", "<i4"], ["b", "<f8"]], "shape": [2]}, [[1, 0.5], [2, 1.5]]),
    "nothing": ({"kind": "ndarray", "dtype": "<f8", "shape": [0, 3]}, None),
    "series": ({"kind": "series", "dtype": "<f4", "index": DAYS, "name": "load"}, [1, 2, None]),
    "frame": ({"kind": "dataframe", "columns": FRAME, "index": ZONED},
              [[1.5, 1, "2024-01-01"], [2, 2, None], [3, 3, None]]),
    "odd": ({"kind": "dataframe", "columns": [{"name": "c", "dtype": "c16"}, {"name": "b", "dtype": "bfloat16"}],
             "index": {"dtype": "m8[s]", "data": [1, 2]}}, [[[1, 2], 0.5], [[3, 4], 1.5]]),
    "grid": ({"kind": "dataarray", "dtype": "f4", "dims": ["city", "day"],
              "coords": {"city": ["Bern", "Oslo"], "day": DAYS}}, [[1, 2, 3], [4, 5, 6]]),
}  # fmt: skip
# Runs each piece of code, and says of each what the last name that it gives is.
RUN = """
import json, sys, warnings
warnings.simplefilter("ignore")
print(json.dumps([(exec(code, names := {}), repr(names.get("x", names.get("a"))))[1] for code in json.load(sys.stdin)]))
"""


def lines_of(page, name):
    """What the tab offers for a segment, by title."""
    page.goto(f"{page.origin}#/segments/{name}?tab=use")
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(page.locator(".snippet").first).to_be_visible()
    titles = page.locator(".snippet h3").all_inner_texts()
    return dict(zip(titles, page.locator(".snippet code").all_inner_texts()))


@pytest.fixture(scope="module")
def place(gateway):
    for name, (layout, data) in SEGMENTS.items():
        gateway.create(name, layout, **({} if data is None else {"data": data}))
    return gateway


def test_the_lines_do_what_they_say(place, browser):
    page = browser.page(place)
    offered = {name: lines_of(page, name) for name in SEGMENTS}
    todo = [(name, title, code) for name, each in offered.items() for title, code in each.items() if title != "curl"]
    program = [sys.executable, "-c", RUN]
    run = subprocess.run(program, input=json.dumps([code for _, _, code in todo]), text=True, capture_output=True)
    assert run.returncode == 0, run.stderr
    got = {(name, title): text for (name, title, _), text in zip(todo, json.loads(run.stdout))}

    array = np.array([[0, 1, 2], [3, 4, np.nan]])
    http, local = "NumPy, over HTTP", "NumPy, on this machine, without a copy"
    for title in (http, local):
        assert got["array", title].replace("memmap", "array").split() == repr(array).split()
        assert got["scalar", title].replace("memmap", "array") == "array(7)"
        assert "(2, 1.5)" in got["records", title] and "nan" in got["series", title]
        assert "dtype=float32" in got["grid", title]
    assert ("nothing", local) not in got and got["nothing", http] == "array([], shape=(0, 3), dtype=float64)"
    series = got["series", "pandas"].split("\n")
    assert series[1:] == ["2024-03-31    2.0", "2024-04-01    NaN", "Name: load, dtype: float32"]
    frame = got["frame", "pandas"]
    assert "2024-03-31 00:00:00+01:00    2.0       2        NaT" in frame, frame
    assert "0 days 00:00:02  [3.0, 4.0]  1.5" in got["odd", "pandas"]
    assert "4.0" in got["array", "pandas"] and "NaN" in got["array", "pandas"]
    assert "records" not in {name for name, title in got if title == "pandas"}
    assert "(dim_0: 2, dim_1: 3)" in got["array", "xarray"]
    assert "(dim_0: 1, dim_1: 2, dim_2: 3)" in got["cube.3", "xarray"]
    assert "* city     (city) <U4" in got["grid", "xarray, by Zarr"]
    assert "load     (index) float32" in got["series", "xarray, by Zarr"]
    for name in SEGMENTS:
        for line in offered[name]["curl"].split("\n"):
            answer = json.loads(subprocess.run(line, shell=True, check=True, capture_output=True).stdout)
            assert "data" in answer, (line, answer)


def test_numbers_of_layouts_and_attributes_keep_their_digits(place, browser):
    attrs = '{"big": 9007199254740993, "zero": -0.0, "small": 1e-7, "pi": 3.0, "list": [18446744073709551615, 2]}'
    body = '{"name": "exact", "layout": {"kind": "json", "value": {}, "capacity": 100}, "attrs": %s}' % attrs
    answer = place.request("POST", "/segments", body.encode(), {"Content-Type": "application/json"})
    assert answer.status == 201, answer
    page = browser.page(place, "#/segments/exact?tab=layout")
    shown = page.get_by_label("Attributes").inner_text()
    told = place.request("GET", "/segments/exact").body.decode()
    for number in ("9007199254740993", "18446744073709551615"):
        assert number in shown and number in told
    assert '"zero": -0.0' in shown
    expect(page.get_by_role("tabpanel")).to_contain_text("kind")
    # The form keeps them, too.
    page.get_by_role("link", name="All segments").click()
    page.get_by_role("button", name="Create…").click()
    form = page.get_by_role("dialog")
    form.get_by_label("name", exact=True).fill("labelled")
    form.get_by_label("kind").select_option("series")
    form.get_by_label("index").fill("9007199254740993, 1")
    form.get_by_label("fill").fill("-0.0")
    form.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="labelled")).to_be_visible()
    assert b'"index":[9007199254740993,1],"data":[-0.0,-0.0]' in place.request("GET", "/segments/labelled/data").body


def test_other_members_are_written_by_hand_and_asked_about(place, browser):
    members = {"a/b": {"kind": "json", "value": {"n": 1}, "capacity": 200}, "raw": {"kind": "bytes", "size": 5000},
               "l": {"kind": "list", "count": 3, "item": {"kind": "ndarray", "dtype": "f8", "shape": [2]}}}  # fmt: skip
    place.create("parts", {"kind": "struct", "members": members})
    page = browser.page(place, "#/segments/parts")
    text = page.get_by_label("JSON value")
    expect(text).to_have_value('{\n  "n": 1\n}')
    text.fill('{"n": 2}')
    page.get_by_role("button", name="Write").click()
    expect(page.get_by_role("status").filter(has_text="written")).to_be_visible()
    path = "/segments/parts/data/members/a%2Fb"
    assert place.request("GET", path).json() == {"n": 2}
    text.fill('{"n": 3}')
    assert place.request("PATCH", path, {"n": 9}).status == 204
    expect(page.get_by_role("alert").filter(has_text="changed by somebody else")).to_be_visible()
    page.get_by_role("button", name="Write").click()
    dialog = page.get_by_role("dialog", name="Changed meanwhile")
    expect(dialog).to_contain_text('{"n": 9}')
    dialog.get_by_role("button", name="Write mine").click()
    expect(dialog).to_have_count(0)
    page.get_by_label("Member").select_option("raw")
    expect(page.get_by_label("Bytes")).to_contain_text("… 904 more bytes")
    assert place.request("GET", path).json() == {"n": 3}
    page.get_by_label("Member").select_option("l [item]")
    page.get_by_role("slider", name="item of l").fill("2")
    page.get_by_role("tab", name="Use").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("/members/l/items/2")
