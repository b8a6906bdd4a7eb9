"""Lines, heat maps and sliders of the console, by their pixels and by what they say."""

import numpy as np
import pytest
import shmgate as shm
from playwright.sync_api import expect

from browser import cell, pixel
from gateway import await_that

POINTS = 10_000_000
SPIKE = 7_654_321
ACCENT = "getComputedStyle(document.querySelector('.chart canvas')).outlineColor"
DAYS = {"dtype": "datetime64[s]", "start": "2024-02-28", "periods": 3, "freq": "1D"}
CUBE = {"kind": "dataarray", "dtype": "f8", "dims": ["city", "day", "y", "x"], "shape": [2, 3, 4, 5],
        "coords": {"city": ["Bern", "Oslo"], "day": DAYS}}  # fmt: skip


@pytest.fixture(scope="module")
def place(gateway):
    """A gateway with things to draw."""
    gateway.create("long", {"kind": "ndarray", "dtype": "f4", "shape": [POINTS]})
    with shm.write("long", directory=gateway.directory) as array:
        array[SPIKE] = 5
    dtypes = {"a": "f8", "b": "f8", "n": "i4", "word": "U4"}
    columns = [{"name": name, "dtype": dtype} for name, dtype in dtypes.items()]
    index = {"dtype": "datetime64[s]", "start": "2024-01-02", "periods": 1000, "freq": "1s"}
    gateway.create("frame", {"kind": "dataframe", "columns": columns, "index": index}, data=[[1, 2, 3, "x"]] * 1000)
    gateway.create("times", {"kind": "ndarray", "dtype": "datetime64[s]", "shape": [3]},
                   data=["2024-01-01", None, "2024-01-03"])  # fmt: skip
    matrix = np.repeat(np.arange(4.0), 5)[:, None] * np.ones(10)
    matrix[0, 0] = np.nan
    gateway.create("matrix", {"kind": "ndarray", "dtype": "f8", "shape": [20, 10]},
                   data=[[None if value != value else value for value in row] for row in matrix.tolist()])  # fmt: skip
    gateway.create("cube", CUBE)
    with shm.write("cube", directory=gateway.directory) as array:
        array.values[:] = np.arange(120).reshape(2, 3, 4, 5)
    return gateway


def say(page):
    return page.locator("output.status")


def test_a_spike_in_ten_million_points_is_drawn_where_it_is(place, browser):
    page = browser.page(place, "#/segments/long?tab=plot")
    expect(say(page)).to_contain_text("10,000,000 points")
    expect(say(page)).to_contain_text("max 5")
    across = SPIKE / (POINTS - 1)
    ink = [int(part) for part in page.evaluate(ACCENT).strip("rgb()").split(",")]

    def inked(part):
        colours = [pixel(page, part + shift / 4000, 0.5) for shift in range(-4, 5)]
        return any(np.abs(np.array(colour) - ink).max() < 60 for colour in colours)

    await_that(lambda: inked(across), "the spike at its place")
    assert not inked(across - 0.02) and not inked(across + 0.02)
    # Nearer and nearer, and it is still there.
    seen = "10,000,000"
    box = page.locator(".chart canvas").bounding_box()
    for _ in range(4):
        x = box["x"] + 64 + across * (box["width"] - 76)
        page.mouse.move(x - 20, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(x + 20, box["y"] + 100)
        page.mouse.up()
        page.mouse.move(0, 0)
        expect(say(page)).not_to_contain_text(seen)
        expect(say(page)).to_contain_text("max 5")
        seen = say(page).inner_text().split(" points")[0]
        across = 0.5
    expect(page.get_by_role("button", name="Show all")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(say(page)).to_contain_text("10,000,000 points")


def test_lines_of_a_frame_are_chosen(place, browser):
    page = browser.page(place, "#/segments/frame?tab=plot")
    legend = page.get_by_role("group", name="Columns")
    expect(legend.get_by_role("checkbox")).to_have_count(3)
    expect(legend.get_by_role("checkbox", name="a")).to_be_checked()
    expect(legend.get_by_role("checkbox", name="n")).not_to_be_checked()
    expect(say(page)).to_contain_text("min 1, max 2")
    legend.get_by_role("checkbox", name="n").check()
    expect(say(page)).to_contain_text("min 1, max 3")
    for name in ("a", "b", "n"):
        legend.get_by_role("checkbox", name=name).uncheck()
    expect(page.get_by_role("alert")).to_have_text("choose a column with numbers")
    legend.get_by_role("checkbox", name="b").check()
    page.locator(".chart canvas").hover(position={"x": 64, "y": 100})
    expect(say(page)).to_have_text("2024-01-02T00:00:00: b 2")


def test_times_are_drawn_as_times(place, browser):
    page = browser.page(place, "#/segments/times?tab=plot")
    expect(say(page)).to_contain_text("1 NaN")
    page.locator(".chart canvas").hover(position={"x": 64, "y": 100})
    expect(say(page)).to_have_text("0: 2024-01-01")


def test_a_plot_follows_what_is_written(place, browser):
    place.create("live", {"kind": "ndarray", "dtype": "f8", "shape": [100]})
    page = browser.page(place, "#/segments/live?tab=plot")
    expect(say(page)).to_contain_text("max 0")
    with shm.write("live", directory=place.directory) as array:
        array[50] = 7
    expect(say(page)).to_contain_text("max 7")


def test_a_plot_from_the_keyboard(place, browser):
    page = browser.page(place, "#/segments/long?tab=plot")
    page.locator(".chart canvas").focus()
    for key, millions in (("+", "5,0"), ("+", "2,5"), ("ArrowRight", "2,5"), ("-", "5,0"), ("0", "10,0")):
        page.keyboard.press(key)
        expect(say(page)).to_contain_text(f"{millions}00,000 points")


def test_a_heat_map_by_its_colours(place, browser):
    page = browser.page(place, "#/segments/matrix?tab=heat")
    expect(say(page)).to_have_text("matrix: 20 × 10 cells, min 0, max 3, 1 NaN")
    dark, light, red = [68, 1, 84], [253, 231, 37], [214, 39, 40]
    await_that(lambda: pixel(page, 0.5, 0.1) == dark, lambda: f"dark, got {pixel(page, 0.5, 0.1)}")
    assert pixel(page, 0.5, 0.9) == light and pixel(page, 0.03, 0.02) == red
    expect(page.locator(".legend .mono")).to_have_text(["0", "3"])
    page.get_by_label("columns are the dimension").select_option("axis 0")
    expect(say(page)).to_have_text("matrix: 10 × 20 cells, min 0, max 3, 1 NaN")
    await_that(lambda: pixel(page, 0.9, 0.5) == light, "the picture turned")
    page.locator(".chart canvas").hover(position={"x": 70, "y": 100})
    expect(say(page)).to_contain_text("axis 1 ")


def test_sliders_say_the_labels_of_what_is_not_on_the_screen(place, browser):
    page = browser.page(place, "#/segments/cube")
    expect(cell(page, 0, 0)).to_have_text("0.0")
    city, day = (page.get_by_role("slider", name=name) for name in ("city, 2 places", "day, 3 places"))
    expect(page.locator(".slider output")).to_have_text(["Bern", "2024-02-28T00:00:00"])
    city.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".slider output").first).to_have_text("Oslo")
    expect(city).to_have_attribute("aria-valuetext", "Oslo")
    expect(cell(page, 0, 0)).to_have_text("60.0")
    page.get_by_label("day, number").fill("2")
    expect(page.locator(".slider output").last).to_have_text("2024-03-01T00:00:00")
    expect(day).to_have_value("2")
    expect(cell(page, 3, 4)).to_have_text("119.0")
    page.get_by_label("rows are the dimension").select_option("city")
    expect(cell(page, 1, 0)).to_have_text("100.0")
    expect(page.get_by_role("rowheader", name="Oslo")).to_be_visible()
    page.get_by_role("tab", name="Plot").click()
    expect(say(page)).to_contain_text("2 points")
    expect(page.get_by_role("slider")).to_have_count(3)
