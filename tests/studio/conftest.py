"""The page of a studio in Chromium."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.browser import chromium, serving


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """The page of a new studio; whatever its scripts complain of fails the test."""
    complaints: list[str] = []
    with serving(tmp_path / "kept") as url:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.extend([said.text] if said.type == "error" else []))
        page.set_default_timeout(30_000)
        page.goto(url)
        page.wait_for_selector(".choice")
        yield page
        page.close()
    refused = "the server responded with a status of 400"  # which the page tells in its own words
    assert [said for said in complaints if refused not in said] == []
