"""What happens while a page of the console is open: it is told, it does not ask."""

import re

import pytest
import shmgate as shm
from playwright.sync_api import expect

from browser import cell, segment_row
from gateway import await_that

ARRAY = {"kind": "ndarray", "dtype": "<f8", "shape": [4, 3]}
PAGE = "#/segments/a?tab=grid"


@pytest.fixture
def segment(own_gateway):
    gateway = own_gateway()
    gateway.create("a", ARRAY, fill=0)
    return gateway


def write(gateway, value):
    """A local process writes, by NumPy through the mapping."""
    with shm.write("a", directory=gateway.directory) as array:
        array[1, 2] = value


def link(page):
    return page.locator(".link")


def refuse(page, pattern):
    """From now on what is asked for at a place does not come."""
    page.route(re.compile(pattern), lambda route: route.abort())


def test_a_local_write_appears_in_an_open_grid(segment, browser):
    page = browser.page(segment, PAGE)
    expect(cell(page, 1, 2)).to_have_text("0.0")
    expect(link(page)).to_have_text("live")
    refuse(page, r"/segments/a(\?|$)")
    for value in (7.5, 8.5):
        write(segment, value)
        expect(cell(page, 1, 2)).to_have_text(str(value))
    expect(page.locator(".title b")).to_have_text("6")


def test_a_local_write_appears_in_the_table(segment, browser):
    page = browser.page(segment)
    expect(segment_row(page, "a").locator(".of-sequence")).to_have_text("2")
    expect(link(page)).to_have_text("live")
    refuse(page, r"/segments(\?|$)")
    write(segment, 1)
    expect(segment_row(page, "a").locator(".of-sequence")).to_have_text("4")
    assert segment.request("DELETE", "/segments/a").status == 204
    expect(segment_row(page, "a")).to_have_count(0)


def test_where_no_stream_can_be_had_it_asks(segment, browser):
    page = browser.page(segment)
    refuse(page, r"/events\?")
    page.reload()
    expect(link(page)).to_have_text("asked every second")
    segment.create("b", ARRAY)
    expect(segment_row(page, "b")).to_be_visible()
    page.goto(page.origin + PAGE)
    expect(link(page)).to_have_text("asked every second")
    write(segment, 7.5)
    expect(cell(page, 1, 2)).to_have_text("7.5")


@pytest.mark.parametrize("hash", ["#/", PAGE])
def test_a_gateway_that_comes_back(segment, browser, hash):
    page = browser.page(segment, hash)
    expect(link(page)).to_have_text("live")
    segment.listen = (f"127.0.0.1:{segment.port}",)
    segment.stop()
    expect(link(page)).to_have_text("no connection")
    write(segment, 7.5)
    with page.expect_request(lambda request: "/events" in request.url and "last-event-id" in request.headers):
        segment.start()
    expect(link(page)).to_have_text("live")
    expect(cell(page, 1, 2) if hash == PAGE else segment_row(page, "a").locator(".of-sequence")).to_have_text(
        "7.5" if hash == PAGE else "4"
    )


def test_unlinked_and_replaced_while_open(segment, browser):
    page = browser.page(segment, PAGE)
    expect(link(page)).to_have_text("live")
    assert segment.request("DELETE", "/segments/a").status == 204
    expect(page.get_by_role("alert").filter(has_text="It was unlinked")).to_be_visible()
    expect(link(page)).to_have_text("unlinked")
    segment.create("a", {"kind": "series", "dtype": "int32", "index": ["x", "y"]}, data=[5, 6])
    expect(cell(page, 1)).to_have_text("6")
    expect(link(page)).to_have_text("live")
    expect(page.get_by_role("alert").filter(has_text="It was unlinked")).to_have_count(0)


def test_a_hidden_page_reads_nothing_and_catches_up(segment, browser):
    page = browser.page(segment, PAGE)
    expect(link(page)).to_have_text("live")
    hide = """(isHidden) => {
        Object.defineProperty(document, "hidden", {get: () => isHidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    gone = b"shmgate_event_watchers 0\n"
    await_that(lambda: gone in segment.request("GET", "/metrics").body, "the end of the stream")
    write(segment, 7.5)
    page.evaluate(hide, False)
    expect(cell(page, 1, 2)).to_have_text("7.5")


def test_a_writer_that_writes_without_pause_does_not_stop_the_page(segment, browser):
    page = browser.page(segment, PAGE)
    expect(link(page)).to_have_text("live")
    seen = set()

    def moves():
        write(segment, len(seen) + 1)
        seen.add(cell(page, 1, 2).inner_text())
        return len(seen) > 5

    await_that(moves, "values that change")
