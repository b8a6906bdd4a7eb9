"""The console in a real browser: its files, the table of segments, creating, unlinking, tokens, looks."""

import hashlib
import re

import pytest
from playwright.sync_api import expect

from browser import screenshot, segment_row
from gateway import ROOT, await_that

ASSETS = sorted((ROOT / "Sources/Gateway/Console/Assets").iterdir())
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HOSTILE = '<img src=x onerror="window.hacked=1">\'"&<script>hacked=1</script>'


@pytest.fixture(scope="module")
def place(gateway):
    """A gateway with a few segments."""
    gateway.create("prices", {"kind": "ndarray", "dtype": "float32", "shape": [3, 5]}, fill=1.5)
    gateway.create("load", {"kind": "series", "dtype": "int64", "index": ["a", "b", "c"]}, data=[1, 2, 3])
    gateway.create(
        "quotes",
        {"kind": "dataframe", "columns": [{"name": "bid", "dtype": "f8"}, {"name": "ask", "dtype": "f8"}],
         "index": {"dtype": "datetime64[s]", "start": "2024-01-02T09:30", "periods": 1000, "freq": "1s"}},
    )  # fmt: skip
    layout = {"kind": "dataarray", "dtype": "f8", "dims": ["y", "x"], "shape": [20, 30]}
    gateway.create("field", layout, data=[[y * x for x in range(30)] for y in range(20)])
    gateway.create("kept", {"kind": "json", "value": {"a": 1}, "capacity": 200}, pinned=True)
    return gateway


@pytest.mark.parametrize("path", ASSETS, ids=lambda path: path.name)
def test_every_file_is_served_as_it_is(gateway, path):
    target = "/" if path.name == "index.html" else f"/console/{path.name}"
    answer = gateway.request("GET", target, headers=HTML)
    assert (answer.status, answer.body) == (200, path.read_bytes())
    assert answer.headers["Content-Type"].split(";")[0] == TYPES[path.suffix]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    assert {"frame-ancestors 'none'", "script-src 'self'", "form-action 'none'"} <= set(policy.split("; "))
    tag = answer.headers["ETag"]
    again = gateway.request("GET", target, headers={**HTML, "If-None-Match": tag})
    assert (again.status, again.headers["ETag"], again.body) == (304, tag, b"")
    head = gateway.request("HEAD", target, headers=HTML)
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(answer.body)))


def test_the_files_are_small_and_hold_no_markup_of_strangers():
    assert sum(path.stat().st_size for path in ASSETS) < 150_000
    for path in ASSETS:
        text = path.read_text()
        assert not re.search(r"(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), path
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), path
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=", text), path


def test_the_root_is_for_curl_what_it_likes(gateway):
    answer = gateway.request("GET", "/", headers={"Accept": "*/*"})
    assert answer.json()["segments"] == "/segments" and answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Vary"] == "Accept"
    assert gateway.request("GET", "/").json() == answer.json()
    assert gateway.request("GET", "/", headers={"Accept": "text/html"}).body.startswith(b"<!doctype html>")
    assert gateway.request("GET", "/", headers={"Accept": "image/png"}).json()["code"] == "not-acceptable"
    assert gateway.request("GET", "/?x=1").json()["code"] == "invalid-query"


def test_the_table_says_what_there_is(place, browser):
    page = browser.page(place)
    row = segment_row(page, "prices")
    for text in ("ndarray", "float32", "3 × 5", "12.0 KiB"):
        expect(row).to_contain_text(text)
    expect(segment_row(page, "kept")).to_contain_text("pinned")
    expect(segment_row(page, "quotes")).to_contain_text("1,000 × 2")
    expect(page.get_by_role("banner")).to_contain_text("in use")
    meter = page.get_by_role("meter", name="Shared memory in use")
    assert 0 <= float(meter.evaluate("meter => meter.value")) <= 1
    screenshot(page, "table")
    page.get_by_role("button", name="size").click()
    expect(page.get_by_role("columnheader", name="size")).to_have_attribute("aria-sort", "descending")
    expect(page.locator("tbody tr").first).to_contain_text("quotes")


def test_the_table_follows_what_happens(place, browser):
    page = browser.page(place)
    expect(segment_row(page, "prices")).to_be_visible()
    place.create("newcomer", {"kind": "bytes", "size": 8})
    expect(segment_row(page, "newcomer")).to_be_visible()
    assert place.request("DELETE", "/segments/newcomer").status == 204
    expect(segment_row(page, "newcomer")).to_have_count(0)

    def is_rated():
        assert place.request("PATCH", "/segments/prices/data?slice=0,0", 1).status == 204
        return segment_row(page, "prices").locator(".of-rate").inner_text()

    assert re.fullmatch(r"[\d.,]+/s", await_that(is_rated, "a rate of writes"))


def test_marks_of_the_damaged_the_orphaned_and_the_corrupt(own_gateway, browser):
    own = own_gateway()
    own.create("lonely", {"kind": "bytes", "size": 8})
    own.create("broken", {"kind": "bytes", "size": 8})
    with open(own.path("broken"), "r+b") as file:
        file.seek(4096)
        file.write(b"\0" * 64)
    page = browser.page(own)
    expect(segment_row(page, "lonely")).to_contain_text("orphan")
    expect(segment_row(page, "broken")).to_contain_text("corrupt")
    page.get_by_role("link", name="broken").click()
    expect(page.get_by_role("alert")).to_contain_text("header")
    page.get_by_role("button", name="Unlink").click()
    page.get_by_role("dialog").get_by_role("button", name="Unlink").click()
    expect(segment_row(page, "lonely")).to_be_visible()
    expect(segment_row(page, "broken")).to_have_count(0)


def test_the_filter_and_the_keyboard_alone(place, browser):
    page = browser.page(place)
    expect(segment_row(page, "quotes")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("dataf")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="quotes")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("grid")).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_role("tab", name="Plot")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Plot").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Grid")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Segments")).to_be_visible()


def test_create_and_unlink(place, browser):
    page = browser.page(place)
    page.get_by_role("button", name="Create…").click()
    form = page.get_by_role("dialog", name="Create a segment")
    form.get_by_label("name", exact=True).fill("made")
    form.get_by_label("kind").select_option("dataarray")
    form.get_by_label("dims").fill("city: Bern, Oslo\nhour: 3")
    expect(form.get_by_label("JSON of the request")).to_have_value(re.compile('"city": \\["Bern", "Oslo"\\]'))
    form.get_by_label("fill").fill("2.5")
    form.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="made")).to_be_visible()
    assert place.request("GET", "/segments/made/data/values").json()["data"] == [[2.5] * 3] * 2

    page.get_by_role("link", name="All segments").click()
    page.get_by_role("button", name="Create…").click()
    form.get_by_label("name", exact=True).fill("made")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("alert")).to_contain_text("made")
    form.get_by_label("JSON of the request").fill('{"name": "by-hand", "layout": {"kind": "bytes", "size": 3}}')
    form.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="by-hand")).to_be_visible()

    page.get_by_role("button", name="Unlink…").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert place.request("GET", "/segments/by-hand").status == 200
    page.get_by_role("button", name="Unlink…").click()
    page.get_by_role("dialog", name="Unlink by-hand?").get_by_role("button", name="Unlink").click()
    expect(segment_row(page, "made")).to_be_visible()
    assert place.request("GET", "/segments/by-hand").status == 404


def test_a_gateway_with_tokens_is_told_one(own_gateway, browser, tmp_path):
    file = tmp_path / "tokens"
    digest = hashlib.sha256(b"salt" + b"secret-of-reader").hexdigest()
    file.write_text(f"reader sha256:salt:{digest} read *\nroot plain:secret-of-root read,write,create,unlink,admin *\n")
    file.chmod(0o600)
    own = own_gateway("--tokens", str(file))
    root = {"Authorization": "Bearer secret-of-root"}
    layout = {"kind": "ndarray", "dtype": "f8", "shape": [4]}
    assert own.request("POST", "/segments", {"name": "secret", "layout": layout}, root).status == 201
    page = browser.page(own)
    form = page.get_by_role("dialog", name="Token")
    form.get_by_label("Token", exact=True).first.fill("wrong")
    form.get_by_role("button", name="Use it").click()
    expect(form).to_contain_text("token")
    form.get_by_label("Token", exact=True).first.fill("secret-of-reader")
    form.get_by_role("button", name="Use it").click()
    page.get_by_role("link", name="secret").click()
    expect(page.get_by_role("gridcell").first).to_have_text("0.0")
    page.get_by_role("tab", name="Use").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("Authorization: Bearer $TOKEN")
    assert "secret-of-reader" not in page.content()
    page.get_by_role("button", name="Unlink…").click()
    page.get_by_role("dialog").get_by_role("button", name="Unlink").click()
    expect(page.get_by_role("status")).to_contain_text("right unlink")
    page.reload()
    expect(page.get_by_role("heading", name="secret")).to_be_visible()


def test_who_closes_the_question_for_a_token_is_left_alone(own_gateway, browser, tmp_path):
    file = tmp_path / "tokens"
    file.write_text("root plain:secret-of-root read,write,create,unlink,admin *\n")
    file.chmod(0o600)
    page = browser.page(own_gateway("--tokens", str(file)))
    expect(page.get_by_role("dialog", name="Token")).to_be_visible()
    page.keyboard.press("Escape")
    for _ in range(3):
        with page.expect_response(lambda response: response.status == 401):
            pass
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Token").click()
    page.get_by_role("dialog", name="Token").get_by_label("Token", exact=True).first.fill("secret-of-root")
    page.get_by_role("dialog", name="Token").get_by_role("button", name="Use it").click()
    expect(page.locator(".link")).to_have_text("live")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_light_and_dark_wide_and_narrow(place, browser, scheme, size):
    page = browser.page(place, size=size, color_scheme=scheme)
    expect(segment_row(page, "quotes")).to_be_visible()
    expect(page.get_by_role("banner")).to_contain_text("in use")
    places = {"#/": segment_row(page, "quotes"), "#/segments/quotes?tab=grid": page.get_by_text("09:30:05").first,
              "#/segments/quotes?tab=plot": page.get_by_text("1,000 points").first,
              "#/segments/field?tab=heat": page.get_by_text("20 × 30 cells").first,
              "#/segments/quotes?tab=layout": page.get_by_role("heading", name="Buffers"),
              "#/segments/quotes?tab=use": page.get_by_text("pd.DataFrame")}  # fmt: skip
    for hash, shown in places.items():
        page.goto(page.origin + hash)
        expect(shown).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), hash
        for button in page.get_by_role("banner").get_by_role("button").all():
            box = button.bounding_box()
            assert box["x"] + box["width"] <= page.viewport_size["width"], hash
        seen = screenshot(page, f"{scheme}-{size}-{hash.partition('=')[2] or 'table'}")
        if "heat" not in hash:
            assert (seen["ground"] > 0.5) == (scheme == "light"), (hash, seen)
    ground = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")  # noqa: E731
    is_dark = lambda: sum(map(int, re.findall(r"\d+", ground())[:3])) < 300  # noqa: E731
    assert is_dark() == (scheme == "dark")
    for theme in ("light", "dark"):
        page.get_by_role("button", name="Theme").click()
        expect(page.get_by_role("button", name=f"Theme: {theme}")).to_be_visible()
        assert is_dark() == (theme == "dark")
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert is_dark()


def test_all_that_can_be_used_has_a_name(place, browser):
    nameless = """() => [...document.querySelectorAll("button, input, select, textarea, a, canvas, meter, [role]")]
        .filter((one) => one.checkVisibility() && one.ariaHidden !== "true")
        .filter((one) => !["presentation", "row", "rowgroup", "status", "alert"].includes(one.getAttribute("role")))
        .filter((element) => !(element.getAttribute("aria-label") || element.labels?.length
            || element.textContent.trim() || document.getElementById(element.getAttribute("aria-labelledby"))))
        .map((element) => element.outerHTML.slice(0, 200))"""
    page = browser.page(place)
    expect(segment_row(page, "prices")).to_be_visible()
    assert page.evaluate(nameless) == []
    page.get_by_role("button", name="Create…").click()
    assert page.evaluate(nameless) == []
    page.keyboard.press("Escape")
    for tab in ("grid", "plot", "heat", "layout", "use"):
        page.goto(f"{page.origin}#/segments/prices?tab={tab}")
        expect(page.get_by_role("tabpanel")).to_be_visible()
        assert page.evaluate(nameless) == [], tab


def test_strangers_text_is_only_text(own_gateway, browser):
    own = own_gateway()
    own.create("frame", {"kind": "dataframe", "columns": [{"name": HOSTILE, "dtype": "U80"}], "index": [HOSTILE, "b"]},
               data=[[HOSTILE[:80]], ["x"]], attrs={HOSTILE: HOSTILE})  # fmt: skip
    own.create("cube", {"kind": "dataarray", "dtype": "f4", "dims": [HOSTILE, "y", "z"],
                        "coords": {HOSTILE: [HOSTILE, "b"]}, "shape": [2, 3, 4]})  # fmt: skip
    members = {HOSTILE: {"kind": "json", "value": HOSTILE}, "b": {"kind": "bytes", "size": 3}}
    own.create("nest", {"kind": "struct", "members": members})
    page = browser.page(own)
    expect(segment_row(page, "frame")).to_be_visible()
    for name in ("frame", "cube", "nest"):
        for tab in ("grid", "plot", "heat", "layout", "use"):
            page.goto(f"{page.origin}#/segments/{name}?tab={tab}")
            expect(page.get_by_role("tabpanel")).to_be_visible()
            if (name, tab) == ("frame", "grid"):
                expect(page.get_by_role("gridcell").first).to_have_text(HOSTILE[:80])
            if (name, tab) == ("frame", "layout"):
                expect(page.get_by_role("tabpanel")).to_contain_text('onerror=')
    page.goto(f"{page.origin}#/segments/{HOSTILE.replace('/', '%2F')}")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script").count() == 0
