"""Make the pictures of the page of `gancam studio`, with Chromium: python docs/make_screenshots.py"""

import shutil
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from tests.helpers.browser import CHROMIUM, serving

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
PLAY = """async ([effects, values]) => {
  const send = (method, path, body) => fetch(path, { method, body })
  await send("PUT", "/api/preset", `effect = ${JSON.stringify(effects)}`)
  if (Object.keys(values).length) await send("PATCH", "/api/controls", JSON.stringify(values))
  await send("POST", "/api/source", JSON.stringify({ kind: "file", value: "uploads/city.mp4" }))
}"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        uploads = Path(folder) / "uploads"
        uploads.mkdir()
        shutil.copy(ROOT / "samples" / "city.mp4", uploads)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with serving(Path(folder)) as url:
            live(open_page(browser, url, 1280, 800, "dark"))
            menu(open_page(browser, url, 1280, 720, "light"))
            files(open_page(browser, url, 1280, 1100, "dark"))
            phone(open_page(browser, url, 375, 740, "dark"))
        browser.close()


def open_page(browser: Browser, url: str, width: int, height: int, scheme: str) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(url)
    page.wait_for_selector(".choice", state="attached")  # hidden where something plays
    return page


def live(page: Page) -> None:
    page.evaluate(PLAY, [["style-mosaic", "morph-fruits"], {"style-mosaic.readable": 0.3}])
    page.wait_for_selector("#picture:not([hidden])")
    page.click("#split")
    box = page.locator("#picture").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.42 * box["width"], box["y"] + 300)
    time.sleep(6)
    save(page, "studio-live.webp")


def menu(page: Page) -> None:
    page.evaluate(PLAY, [[], {}])
    page.wait_for_selector("#picture:not([hidden])")
    time.sleep(2)
    page.click("#add")
    page.wait_for_selector("#menu-cards li:nth-child(12) img.there")  # of the last row that is seen
    time.sleep(1)
    save(page, "studio-menu.webp")


def files(page: Page) -> None:
    page.evaluate(PLAY, [["style-oil"], {}])
    page.evaluate("fetch('/api/source', { method: 'DELETE' })")
    page.click("#tab-files")
    page.get_by_role("button", name="city.mp4").first.click()
    page.wait_for_selector("#preview:not(.plain)")
    for name, value in (("range-end", 4.6), ("range-first", 0.8), ("range-at", 1.7)):
        turn = "(range, value) => { range.value = value; range.dispatchEvent(new Event('input')) }"
        page.locator(f"#{name}").evaluate(turn, value)
    page.click("#prepare-add")
    page.get_by_text("What was kept").wait_for()
    time.sleep(1)
    save(page, "studio-files.webp")


def phone(page: Page) -> None:
    page.evaluate(PLAY, [["inpaint"], {"inpaint.draw": True}])
    page.wait_for_selector("#tools:not([hidden])")
    time.sleep(4)
    save(page, "studio-phone.webp")


def save(page: Page, name: str) -> None:
    image = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    cv2.imwrite(str(IMAGES / name), image, [cv2.IMWRITE_WEBP_QUALITY, 80])
    page.close()


if __name__ == "__main__":
    main()
