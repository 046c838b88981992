"""A studio at a socket, and Chromium that looks at it."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gancam.studio.app import Address, Server, make_app
from gancam.studio.storage import Storage
from tests.helpers.studio import TOKEN, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a studio that keeps its files in `folder`; the address of its page."""
    address = Address.bind("127.0.0.1", 0)
    one = Server(make_app(Storage(folder), token=TOKEN, port=address.port), address)
    thread = threading.Thread(target=one.serve_here)
    thread.start()
    wait_for(lambda: one.started)
    try:
        yield address.url(TOKEN)
    finally:
        one.should_exit = True
        thread.join()
        address.bound.close()


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start Chromium without a window, with a camera that is none; the test is skipped where it is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra dev")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt install chromium")
    fake = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=fake)
        yield browser
        browser.close()


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag over the picture of a studio's page; places are shares of its width and height."""
    box = page.locator("#picture").bounding_box()

    def at(share: tuple[float, float]) -> tuple[float, float]:
        return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]

    page.mouse.move(*at(start))
    page.mouse.down()
    page.mouse.move(*at(end), steps=5)
    page.mouse.up()
