"""A headless Chromium that sees nothing but this machine, and pages of it that remember what went wrong."""

import base64
import os
import pathlib
import shutil
import tempfile

from playwright.sync_api import expect, sync_playwright

expect.set_options(timeout=20_000)

SIZES = {"desktop": (1200, 760), "phone": (360, 720)}
# What the page itself reports of the policy that it breaks.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
    (event) => violations.push(event.violatedDirective + " " + event.blockedURI));
"""

# What a picture has: colours, the part that is not of the commonest one, which is the ground, how light that is from 0
# to 1, and the contrast of the ink that is furthest from it, as WCAG has it; a few pixels are no ink.
LOOK = """async (encoded) => {
    const blob = new Blob([Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0))]);
    const picture = await createImageBitmap(blob);
    const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    context.drawImage(picture, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, picture.width, picture.height).data.buffer);
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    const linear = (part) => (part <= 10 ? part / 3294 : ((part / 255 + 0.055) / 1.055) ** 2.4);
    const light = (pixel) => [0.2126, 0.7152, 0.0722]
        .reduce((sum, weight, place) => sum + weight * linear((pixel >>> (8 * place)) & 255), 0);
    const [[ground, most], ...others] = [...counts].sort(([, a], [, b]) => b - a);
    const contrasts = others.filter(([, count]) => count >= 20).map(([pixel]) => {
        const [low, high] = [light(pixel), light(ground)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    });
    return {colours: counts.size, drawn: 1 - most / pixels.length, ground: light(ground),
        contrast: Math.max(0, ...contrasts)};
}"""


def chromium():
    """The program, whatever it is called here."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    raise AssertionError("expected chromium on PATH; Scripts/install-dependencies.sh test installs it")


class Browser:
    """One browser; each page has a context of its own, with no memory of the others."""

    def __init__(self):
        self.driver = sync_playwright().start()
        self.home = tempfile.mkdtemp(prefix="shmgate-browser-")
        self.browser = self.driver.chromium.launch(
            executable_path=chromium(),
            # No sandbox, for root may have none; no name is known, so that a page which asked elsewhere would fail.
            args=["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
            env={**os.environ, "HOME": self.home},
        )
        self.contexts = []

    def page(self, gateway, hash="", size="desktop", **options):
        """The console of a gateway, open at a place of it."""
        width, height = SIZES[size]
        context = self.browser.new_context(viewport={"width": width, "height": height}, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.asked, page.wrong = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.wrong.append(f"{error}\n{error.stack}"))
        page.on("console", lambda message: page.wrong.append(message.text) if is_wrong(message) else None)
        page.add_init_script(WATCH)
        page.origin = f"http://127.0.0.1:{gateway.port}/"
        page.goto(page.origin + hash)
        return page

    def check(self):
        """Fails if a page broke its policy, threw, or asked anybody else."""
        for context in self.contexts:
            for page in context.pages:
                assert page.wrong == [], page.wrong
                assert page.evaluate("violations") == []
                assert [url for url in page.asked if not url.startswith(page.origin)] == []

    def forget(self):
        """Closes the pages."""
        for context in self.contexts:
            context.close()
        self.contexts = []

    def close(self):
        self.browser.close()
        self.driver.stop()
        shutil.rmtree(self.home, ignore_errors=True)


def is_wrong(message):
    """Whether a message of the console is about the page, and no answer that the page knows how to take."""
    return message.type in ("error", "warning") and not message.text.startswith("Failed to load resource")


def screenshot(page, name):
    """A picture of a page, looked at: it is not blank, its text stands out. Kept where SHMGATE_SCREENSHOTS says."""
    picture = page.screenshot(animations="disabled")
    if folder := os.environ.get("SHMGATE_SCREENSHOTS"):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        pathlib.Path(folder, f"{name}.png").write_bytes(picture)
    seen = page.evaluate(LOOK, base64.b64encode(picture).decode())
    assert seen["colours"] > 50 and seen["drawn"] > 0.01 and seen["contrast"] > 7, (name, seen)
    return seen


def segment_row(page, name):
    """The row of the table of segments that a segment has."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def cell(page, row, column=0):
    """A cell of the grid, by position; it is there only while it is in sight."""
    return page.locator(
        f"[role=row][aria-rowindex='{row + 2}']:not([hidden]) "
        f"[role=gridcell][aria-colindex='{column + 2}']:not([hidden])"
    )


def row_label(page, row):
    """The label of a row of the grid."""
    return page.locator(f"[role=row][aria-rowindex='{row + 2}']:not([hidden]) [role=rowheader]")


def go_to_row(page, row):
    """Types the number of a row; the cursor is there then."""
    box = page.get_by_label("Go to row")
    box.fill(str(row))
    box.press("Enter")


def pixel(page, across, down):
    """A pixel of the drawing, by parts of its box, as red, green and blue."""
    return page.evaluate(
        """([across, down]) => {
            const canvas = document.querySelector(".chart canvas");
            const ratio = devicePixelRatio;
            const [left, top] = [64, 10];
            const x = left + across * (canvas.clientWidth - left - 12);
            const y = top + down * (canvas.clientHeight - top - 28);
            // Read from a copy: of a canvas that is read often the browser complains.
            const copy = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
            copy.drawImage(canvas, -Math.round(x * ratio), -Math.round(y * ratio));
            return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3);
        }""",
        [across, down],
    )
