"""The grid of the console: any length, every dtype, and cells that are changed."""

import signal
import subprocess
import sys

import numpy as np
import pytest
import shmgate as shm
from playwright.sync_api import expect

from browser import cell, go_to_row, row_label
from gateway import await_that

ROWS = 1_000_000
ROW_PIXELS = 22
LITTLE = [("nothing", "nothing in it"), ("no-columns", "nothing in it"), ("scalar", "0.0")]
# Dtype, data in JSON, and what the cells say.
CELLS = [
    ("<f8", [0.1, -0.0, None, 1e300, 5], ["0.1", "-0.0", "NaN", "1e+300", "5.0"]),
    ("<f8", ["Infinity", "-Infinity"], ["inf", "-inf"]),
    ("<f4", [0.1, 16777216, 1e-7], ["0.1", "16777216.0", "1e-7"]),
    (">f8", [1.5], ["1.5"]),
    ("bfloat16", [1.5, -0.0], ["1.5", "-0.0"]),
    ("<i8", [-(2**63), 2**63 - 1], ["-9223372036854775808", "9223372036854775807"]),
    ("<u8", [2**64 - 1], ["18446744073709551615"]),
    ("|b1", [True, False], ["true", "false"]),
    ("<c16", [[1.5, -2], [0, "NaN"]], ["1.5-2.0j", "0.0+NaNj"]),
    ("<M8[ns]", ["2024-02-29T12:00:00.000000001", None], ["2024-02-29T12:00:00.000000001", "NaT"]),
    ("<m8[s]", [90, None], ["90", "NaT"]),
    ("<U8", ["", "é 日本", "<b>"], ["", "é 日本", "<b>"]),
    ("|S4", ["ab"], ["ab"]),
    ([["x", "<i8"], ["y", "<f4"]], [[2**60 + 1, 0.5]], ['["1152921504606846977",0.5]']),
]


@pytest.fixture(scope="module")
def place(gateway):
    """A gateway with a frame of a million rows, and smaller things."""
    columns = [{"name": "a", "dtype": "f8"}, {"name": "b/é", "dtype": "i4"}]
    gateway.create("million", {"kind": "dataframe", "columns": columns, "index": ROWS})
    with shm.write("million", directory=gateway.directory) as frame:
        frame["a"] = np.arange(ROWS) / 2
        frame["b/é"] = np.arange(ROWS)
    gateway.create("wide", {"kind": "ndarray", "dtype": "i4", "shape": [3, 1_000_000]})
    for name, shape in (("nothing", [0, 3]), ("no-columns", [3, 0]), ("scalar", [])):
        gateway.create(name, {"kind": "ndarray", "dtype": "f8", "shape": shape})
    return gateway


@pytest.fixture
def pair(own_gateway):
    """A gateway with an array of two."""
    own = own_gateway()
    own.create("a", {"kind": "ndarray", "dtype": "f8", "shape": [2]}, data=[1.5, 2.5])
    return own


def first_row(page):
    """The first row that is in sight."""
    return int(page.locator(".line:not(.head):not([hidden])").first.get_attribute("aria-rowindex")) - 2


def edit(page, row, text, column=0):
    """Types into a cell, from the keyboard."""
    go_to_row(page, row)
    page.keyboard.press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_a_million_rows_by_keys_and_by_number(place, browser):
    page = browser.page(place, "#/segments/million")
    expect(cell(page, 0)).to_have_text("0.0")
    go_to_row(page, 999_999)
    expect(cell(page, 999_999)).to_have_text("499999.5")
    page.keyboard.press("Control+Home")
    expect(cell(page, 0)).to_be_visible()
    for _ in range(3):
        page.keyboard.press("PageDown")
    page.keyboard.press("ArrowRight")
    status = page.locator("output.status")
    expect(status).to_contain_text('"b/é"')
    row = int(status.inner_text().split(",")[0].strip("["))
    assert row > 30
    expect(cell(page, row, 1)).to_have_text(str(row))
    page.keyboard.press("Control+End")
    expect(cell(page, 999_999, 1)).to_have_text("999999")
    go_to_row(page, "-2")
    expect(cell(page, 999_998, 1)).to_be_visible()
    go_to_row(page, "x")
    expect(page.get_by_role("status").filter(has_text="expected the number of a row")).to_be_visible()


def test_the_wheel_goes_its_way_in_pixels_however_far(place, browser):
    page = browser.page(place, "#/segments/million")
    expect(cell(page, 0)).to_have_text("0.0")
    page.mouse.move(600, 400)
    went = 0
    for way in (100, 3_000, 70_000, 1_000_000, -5_000, 2_000_000):
        page.mouse.wheel(0, way)
        went += way
        wanted = went // ROW_PIXELS
        await_that(lambda: first_row(page) == wanted, lambda: f"{wanted}, got {first_row(page)}")
        # The scroll bar follows, and what it says does not move the rows.
        page.wait_for_timeout(250)
        assert first_row(page) == wanted
    expect(cell(page, wanted + 1, 1)).to_have_text(str(wanted + 1))


def test_the_thumb_reaches_every_part_and_the_end(place, browser):
    page = browser.page(place, "#/segments/million")
    expect(cell(page, 0)).to_have_text("0.0")
    scroll = "part => { const box = document.querySelector('.scroller'); box.scrollTop = part * box.scrollHeight; }"
    page.evaluate(scroll, 0.5)
    await_that(lambda: abs(first_row(page) - ROWS / 2) < 1000, lambda: f"the middle, got {first_row(page)}")
    page.evaluate(scroll, 1)
    expect(row_label(page, 999_999)).to_be_in_viewport()
    page.evaluate(scroll, 0)
    expect(row_label(page, 0)).to_be_in_viewport()


def test_a_million_columns(place, browser):
    page = browser.page(place, "#/segments/wide")
    expect(cell(page, 0)).to_have_text("0")
    page.keyboard.press("g")
    page.keyboard.press("Escape")
    page.keyboard.press("End")
    expect(cell(page, 0, 999_999)).to_have_text("0")
    expect(page.get_by_role("columnheader", name="999999")).to_be_visible()


@pytest.mark.parametrize("name, said", LITTLE)
def test_of_little_or_nothing(place, browser, name, said):
    page = browser.page(place, f"#/segments/{name}")
    expect(page.locator("output.status")).to_contain_text(said)
    for tab in ("Plot", "Heat map", "Layout", "Use"):
        if page.get_by_role("tab", name=tab).is_enabled():
            page.get_by_role("tab", name=tab).click()
            expect(page.get_by_role("tabpanel")).to_be_visible()
            if tab == "Plot":
                expect(page.get_by_role("alert")).not_to_have_text("")
                expect(page.locator("output.status")).to_have_text("")


def test_every_dtype_has_its_text(own_gateway, browser):
    own = own_gateway()
    for number, (dtype, data, _) in enumerate(CELLS):
        own.create(f"a{number}", {"kind": "ndarray", "dtype": dtype, "shape": [len(data)]}, data=data)
    page = browser.page(own)
    for number, (dtype, data, texts) in enumerate(CELLS):
        page.goto(f"{page.origin}#/segments/a{number}")
        expect(page.get_by_role("heading", name=f"a{number}", exact=True)).to_be_visible()
        for row, text in enumerate(texts):
            expect(cell(page, row)).to_have_text(text)
        if str(dtype)[1] in "US":
            continue
        # What is typed as it stands there is written as it was.
        before = own.request("GET", f"/segments/a{number}/data?format=raw").body
        sequence = own.request("GET", f"/segments/a{number}").json()["sequence"]
        for row, text in enumerate(texts):
            edit(page, row, f"{text} ")
            expect(page.locator("input.editor")).to_have_count(0)
        assert own.request("GET", f"/segments/a{number}/data?format=raw").body == before, dtype
        assert own.request("GET", f"/segments/a{number}").json()["sequence"] == sequence + 2 * len(texts), dtype


def test_the_sign_of_zero_is_seen_and_written(pair, browser):
    page = browser.page(pair, "#/segments/a")
    for typed in ("-0", "-0.0", "-.0"):
        edit(page, 1, "1")
        expect(cell(page, 1)).to_have_text("1.0")
        edit(page, 1, typed)
        expect(cell(page, 1)).to_have_text("-0.0")
        assert np.signbit(shm.load("a", directory=pair.directory)[1])
    edit(page, 1, "0")
    expect(cell(page, 1)).to_have_text("0.0")
    assert not np.signbit(shm.load("a", directory=pair.directory)[1])


def test_a_cell_that_somebody_else_wrote_is_asked_about(pair, browser):
    page = browser.page(pair, "#/segments/a")
    expect(cell(page, 0)).to_have_text("1.5")
    cell(page, 0).dblclick()
    field = page.get_by_label("New value of")
    for answer, kept in (("Keep what it is now", 7.0), ("Write mine", 9.0)):
        field.fill("9")
        with shm.write("a", directory=pair.directory) as array:
            array[0] = 7
        field.press("Enter")
        dialog = page.get_by_role("dialog", name="Changed meanwhile")
        for seen in ("1.5", "7.0", "9"):
            expect(dialog.locator("dd").filter(has_text=seen)).to_have_count(1)
        dialog.get_by_role("button", name=answer).click()
        expect(cell(page, 0)).to_have_text(str(kept))
        assert shm.load("a", directory=pair.directory)[0] == kept
        with shm.write("a", directory=pair.directory) as array:
            array[0] = 1.5
        expect(cell(page, 0)).to_have_text("1.5")
        cell(page, 0).dblclick()


def test_what_changed_beside_the_cell_asks_nobody(pair, browser):
    page = browser.page(pair, "#/segments/a")
    expect(cell(page, 0)).to_have_text("1.5")
    cell(page, 0).dblclick()
    with shm.write("a", directory=pair.directory) as array:
        array[1] = 7
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    expect(cell(page, 0)).to_have_text("9.0")
    assert list(shm.load("a", directory=pair.directory)) == [9, 7]


def test_what_is_no_value_is_refused_where_it_is_typed(pair, browser):
    page = browser.page(pair, "#/segments/a")
    expect(cell(page, 0)).to_have_text("1.5")
    edit(page, 0, "x")
    expect(page.get_by_role("status").filter(has_text="expected a number")).to_be_visible()
    field = page.get_by_label("New value of")
    expect(field).to_be_focused()
    field.press("Escape")
    expect(cell(page, 0)).to_have_text("1.5")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "grid"


KILLED = """
import os, sys
sys.path[:0] = sys.argv[2:]
from protocol import Neighbour
writer = Neighbour(sys.argv[1])
writer.lock()
writer.begin()
print("in the middle", flush=True)
sys.stdin.read()
"""


def test_a_writer_that_is_killed_in_the_middle_leaves_a_mark(pair, browser):
    page = browser.page(pair)
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED, pair.path("a"), *sys.path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    assert writer.stdout.readline() == "in the middle\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    expect(page.get_by_role("row").filter(has_text="damaged")).to_contain_text("a")
    page.get_by_role("link", name="a", exact=True).click()
    expect(page.locator(".title .mark.bad")).to_have_text("damaged")
    expect(cell(page, 0)).to_have_text("1.5")
    page.get_by_role("button", name="Repair…").click()
    page.get_by_role("dialog").get_by_role("button", name="Repair").click()
    expect(page.locator(".title .mark.bad")).to_have_count(0)
    assert pair.request("GET", "/segments/a").json()["writer"]["damaged"] is False
