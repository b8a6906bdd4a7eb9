"""Makes the pictures of README.md anew: the console's table, a plot, and the same data in a terminal.

    .venv-test/bin/python Scripts/screens.py

Needs what the tests need: a build, NumPy, Playwright and Chromium.
"""

import html
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "Tests/Interop"), str(ROOT / "Clients/Python")]

import shmgate as shm  # noqa: E402
from browser import Browser, expect, segment_row  # noqa: E402
from gateway import Gateway, binary  # noqa: E402

FOLDER = ROOT / "docs"
ROWS = 100_000
SIZE = {"width": 1000, "height": 420}
COLUMNS, LINE = 110, 17  # of the terminal, and a line of it in pixels


def fill(gateway):
    """Segments with something to see, the same each time."""
    numbers = np.random.default_rng(7)
    index = {"dtype": "datetime64[s]", "start": "2024-01-02T09:00", "periods": ROWS, "freq": "1s"}
    columns = [{"name": name, "dtype": dtype} for name, dtype in (("bid", "f8"), ("ask", "f8"), ("size", "i4"))]
    gateway.create("quotes", {"kind": "dataframe", "columns": columns, "index": index})
    gateway.create("book", {"kind": "ndarray", "dtype": "f8", "shape": [2, 10, 2]}, pinned=True)
    gateway.create("load", {"kind": "series", "dtype": "f4", "index": ["cpu", "disk", "network"]}, ttl=3600)
    coords = {"city": ["Bern", "Oslo", "Rome"], "hour": 24}
    gateway.create("temperature", {"kind": "dataarray", "dtype": "f4", "dims": ["city", "hour"], "coords": coords})
    with shm.write("quotes", directory=gateway.directory) as frame:
        walk = 100 + np.cumsum(numbers.normal(size=ROWS)) * 0.004
        walk[61_234] += 1.5  # a spike that no plot may miss
        frame["bid"], frame["ask"] = walk.round(3), (walk + 0.05 + numbers.random(ROWS) * 0.03).round(3)
        frame["size"] = numbers.integers(1, 500, ROWS)


def in_the_browser(gateway):
    """The table, while something is written, and the plot."""
    browser = Browser()
    try:
        page = browser.page(gateway, color_scheme="light")
        page.set_viewport_size(SIZE)
        expect(segment_row(page, "quotes")).to_be_visible()
        while not segment_row(page, "book").locator(".of-rate").inner_text():
            with shm.write("book", directory=gateway.directory) as book:
                book += 1
        page.screenshot(path=FOLDER / "table.png")
        page.goto(f"{page.origin}#/segments/quotes?tab=plot")
        expect(page.locator("output.status")).to_contain_text("every spike")
        page.locator(".chart canvas").hover(position={"x": 640, "y": 100})
        expect(page.locator("output.status")).to_contain_text("bid")
        page.screenshot(path=FOLDER / "plot.png")
    finally:
        browser.close()


def in_the_terminal(gateway):
    """What `shmgate` says, as a drawing of text."""
    lines = []
    for words in (["ls"], ["show", "quotes"]):
        command = [binary(), *words, "--directory", gateway.directory]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        lines += [f"$ shmgate {' '.join(words)}", *(short(line) for line in told.splitlines()), ""]
    text = ""
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        look = " class='c'" if line.startswith("$") else ""
        text += f'<text x="14" y="{number * LINE + 6}"{look}>{html.escape(line, quote=False)}</text>\n'
    width, height = round(max(map(len, lines)) * 7.9) + 28, (len(lines) + 1) * LINE
    (FOLDER / "terminal.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">\n'
        "<style>text { font: 13px ui-monospace, 'DejaVu Sans Mono', monospace; fill: #e3e5e8; white-space: pre }\n"
        ".c { fill: #4cc2b8 }</style>\n"
        f'<rect width="100%" height="100%" rx="8" fill="#16181b"/>\n{text}</svg>\n'
    )


def short(line):
    """As much of a line as there is room for."""
    return line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…"


def main():
    FOLDER.mkdir(exist_ok=True)
    gateway = Gateway()
    try:
        fill(gateway)
        in_the_browser(gateway)
        in_the_terminal(gateway)
    finally:
        gateway.close()


if __name__ == "__main__":
    main()
