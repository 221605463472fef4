"""The page in a real browser, as a person would use it: the stick's folder and the keys picked, a passphrase typed.

Driven by Playwright's Python package: fixtures and what the page made are looked at in one language. Debian's own
Chromium; nothing is downloaded but the driver.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from recorder.office.bundle import verify
from recorder.office.recorders import Trust
from tests.export.van import Van

VIEWER = Path(__file__).parents[2] / "recorder/office/viewer"
PAGE = VIEWER / "dist/viewer.html"
WAIT_MS = 120_000  # a passphrase takes seconds, and a busy machine many more
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
CHROMIUM = "/usr/bin/chromium"
# Without the picker for folders, which asks a person and which some browsers do not have: saved files are downloads.
NO_PICKER = "Object.defineProperty(window, 'showDirectoryPicker', { value: undefined });"


def build() -> Path:
    """``viewer.html``, made anew."""
    subprocess.run(["node", "build.mjs"], cwd=VIEWER, check=True)
    return PAGE


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))


class Viewer:
    """One page, from its double-click on."""

    def __init__(self, context: BrowserContext, address: str = "") -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("dialog", lambda dialog: self.errors.append(f"a dialog: {dialog.message}"))
        context.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address or PAGE.as_uri())

    def pick(self, stick: Path, keys: Path) -> None:
        self.page.set_input_files("[data-pick=stick]", stick)
        self.page.set_input_files("[data-pick=keys]", keys)

    def open(self, stick: Path, keys: Path, passphrase: str = "") -> None:
        """Until the first journey's picture is there, and the check is through."""
        self.pick(stick, keys)
        self.unlock(passphrase)

    def unlock(self, passphrase: str = "") -> None:
        """Of what was picked, until the check is through."""
        self.page.fill("input[type=password]", passphrase)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(".desk")
        self.page.wait_for_selector(
            ".verdict-chip.attested, .verdict-chip.consistent, .panel .verdict.wrong", state="attached"
        )

    def until(self, expression: str) -> Any:
        """The first value of ``expression`` that is true; the page's policy forbids what Playwright would do there."""
        deadline = 40 * WAIT_MS // 1000
        for _ in range(deadline):
            if value := self.page.evaluate(expression):
                return value
            self.page.wait_for_timeout(25)
        raise AssertionError(f"never came: {expression}")

    def picture(self) -> None:
        """Until a picture is there that is not on its way to another."""
        self.until("(v => v.readyState >= 2 && !v.seeking && v.videoWidth > 0)(document.querySelector('video'))")

    @property
    def at_s(self) -> float:
        at_s: float = self.page.evaluate("document.querySelector('video').currentTime")
        return at_s

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.picture()

    def tab(self, number: int) -> None:
        self.page.locator("[role=tab]").nth(number - 1).click()

    def texts(self, selector: str) -> list[str]:
        return self.page.eval_on_selector_all(selector, "all => all.map(one => one.textContent)")  # type: ignore[no-any-return]

    def axe(self) -> list[str]:
        """What axe-core finds, a line each."""
        source = (VIEWER / "node_modules/axe-core/axe.min.js").read_text()
        self.page.evaluate(f"() => {{ {source} }}")
        found = self.page.evaluate("axe.run(document, { resultTypes: ['violations'], preload: false })")
        return [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]


@contextmanager
def viewer(browser: Browser, *, script: str = NO_PICKER, address: str = "", **options: Any) -> Iterator[Viewer]:
    """A page in a context of its own, ``script`` run before it; whatever it complained of fails the test.

    ``address``: of this machine, where the page is shown as if a server had it: a page from a file has no folders of
    its own.
    """
    context = browser.new_context(accept_downloads=True, locale="en-GB", **options)
    context.add_init_script(script)
    if address:
        context.route(address, lambda route: route.fulfill(path=PAGE, content_type="text/html; charset=utf-8"))
    try:
        shown = Viewer(context, address)
        yield shown
        assert not shown.errors, shown.errors
    finally:
        context.close()


def said_by_verify(stick: Path, keys: Path, van: Van) -> list[str]:
    """What the command prints, line by line."""
    return list(verify(stick, Trust.load(keys), [van.identity]).lines)
