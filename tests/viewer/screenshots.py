"""The pictures of the viewer's README, to be looked at whenever they are made: `python -m tests.viewer.screenshots`."""

import subprocess
import tempfile
from pathlib import Path

import cv2
from playwright.sync_api import sync_playwright

from tests.viewer.browser import VIEWER, build, launch, viewer
from tests.viewer.journeys import eventful_day, film

SIZES = {"1366x768": (1366, 768), "1920x1080-dark": (1920, 1080), "390x844": (390, 844)}


def main() -> None:
    """Make them all."""
    build()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        day = eventful_day(Path(name), film(48, (960, 540), 1_500_000), 8, 6)
        browser = launch(playwright)
        with viewer(browser, viewport={"width": 1366, "height": 768}) as shown:
            _take(shown.page.screenshot(), "open-1366x768")
            shown.open(day.stick, day.keys, "correct horse")
            shown.picture()
            shown.page.locator(".slider").focus()
            shown.press("Home", "ArrowRight", "ArrowRight", "i", "ArrowRight", "o")
            for title, (width, height) in SIZES.items():
                shown.page.set_viewport_size({"width": width, "height": height})
                shown.page.emulate_media(color_scheme="dark" if "dark" in title else "light")
                shown.tab(3 if "dark" in title else 1)
                shown.page.mouse.move(5, height - 5)
                shown.page.evaluate("scrollTo(0, 0)")
                shown.page.wait_for_timeout(500)
                _take(shown.page.screenshot(), title)
        browser.close()


def _take(png: bytes, title: str) -> None:
    path = VIEWER / f"screenshot-{title}.png"
    path.write_bytes(png)
    picture = cv2.imread(str(path))
    steps = (picture // 8) * 8 + 4  # fewer colours: a third of the size, and nothing that the eye misses
    cv2.imwrite(str(path), steps, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(subprocess.run(["du", "-k", path], check=True, capture_output=True, text=True).stdout, end="")


if __name__ == "__main__":
    main()
