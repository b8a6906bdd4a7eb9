"""What a person at the console notices: the longest pause of a page, and how late it shows a local process's write."""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from bench import Bench
from playwright.sync_api import Page, sync_playwright
from roads import Finding
from servers import HERE, HOST

sys.path.insert(0, str(HERE.parent / "Clients" / "Python"))
import shmgate as shm  # noqa: E402

PAUSE_MS = 100
LATE_MS = 200
ROWS = 1_000_000
# The longest time from frame to frame since it was asked for last, and the longest task of the page's one thread.
WATCH = """
    window.longest = 0;
    let last = performance.now();
    const beat = (now) => { longest = Math.max(longest, now - last); last = now; requestAnimationFrame(beat); };
    requestAnimationFrame(beat);
    const told = (list) => { for (const task of list.getEntries()) longest = Math.max(longest, task.duration); };
    new PerformanceObserver(told).observe({type: "longtask", buffered: true});
"""
# When the first cell had a text, at the frame that shows it.
SEEN = """
    window.seen = {};
    new MutationObserver(() => {
        const text = document.querySelector("[role=gridcell]").textContent;
        requestAnimationFrame(() => { seen[text] ??= performance.timeOrigin + performance.now(); });
    }).observe(document.querySelector(".pane"), {subtree: true, childList: true, characterData: true});
"""


def run(bench: Bench) -> None:
    bench.create("wide", {"kind": "ndarray", "dtype": "<f4", "shape": [10_000, 1_000]}, np.float32(1.5))
    columns = [{"name": name, "dtype": dtype} for name, dtype in (("bid", "f8"), ("ask", "f8"), ("size", "i4"))]
    index = {"dtype": "datetime64[s]", "start": "2024-01-01", "periods": ROWS, "freq": "1s"}
    bench.create("long", {"kind": "dataframe", "columns": columns, "index": index})
    bench.create("live", {"kind": "ndarray", "dtype": "<f8", "shape": [100, 10]})
    with browser(bench) as page:
        for name, title in (("wide", "an array of 10,000 × 1,000"), ("long", "a frame of a million rows")):
            tabs = ["grid", "plot"] + ["heat"] * (name == "wide")
            rounds = [max(pause(page, name, tab) for tab in tabs) for _ in range(2 if bench.quick else 5)]
            longest = statistics.median(rounds)
            bench.findings.append(Finding(title, "longest pause", longest, most=PAUSE_MS, unit="ms"))
        late = lateness(bench, page, 10 if bench.quick else 50)
    for what, value in (("median", statistics.median(late)), ("worst", max(late))):
        bench.findings.append(Finding("a local write until the page shows it", what, value, most=LATE_MS, unit="ms"))
    bench.more["console"] = {"late_ms": late}
    bench.remove("wide", "long", "live")


@contextmanager
def browser(bench: Bench) -> Iterator[Page]:
    """The console of the gateway, open at its table, in a headless Chromium."""
    program = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("chromium is missing")
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as home:
        chromium = driver.chromium.launch(executable_path=program, args=["--no-sandbox"], env={"HOME": home})
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(WATCH)
        page.goto(f"http://{HOST}:{bench.gateway.port}/")
        page.get_by_role("table").wait_for()
        yield page
        chromium.close()


def pause(page: Page, name: str, tab: str) -> float:
    """The longest pause while a segment is opened, and in a grid scrolled through."""
    page.evaluate("location.hash = '#/'")
    page.get_by_role("link", name=name).wait_for()
    page.evaluate("longest = 0")
    page.evaluate(f"location.hash = '#/segments/{name}?tab={tab}'")
    if tab != "grid":
        page.locator("output.status", has_text=", max ").wait_for()
        return page.evaluate("longest")
    page.locator("[role=gridcell]:not(.missing)").first.wait_for()
    page.mouse.move(600, 400)
    for way in [*[300] * 20, *[20_000] * 20, *[-500] * 10]:
        page.mouse.wheel(way if name == "wide" else 0, way)
        time.sleep(0.02)
    page.keyboard.press("Control+End")
    page.locator(".pane:not(:has(.line:not([hidden]) .missing:not([hidden])))").wait_for()
    return page.evaluate("longest")


def lateness(bench: Bench, page: Page, count: int) -> list[float]:
    """Milliseconds from the end of each write to the frame that shows it."""
    page.evaluate("location.hash = '#/segments/live?tab=grid'")
    page.locator(".link.live").wait_for()
    page.locator("[role=gridcell]:not(.missing)").first.wait_for()
    page.evaluate(SEEN)
    late = []
    for number in range(1, count + 1):
        with shm.write("live", directory=str(bench.segments)) as array:
            array[0, 0] = number
        written = time.time() * 1000
        seen = page.wait_for_function("text => seen[text]", arg=f"{number}.0").json_value()
        late.append(max(0.0, seen - written))
        time.sleep(0.05 + number % 7 * 0.02)
    return late
