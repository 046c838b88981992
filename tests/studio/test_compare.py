"""Drawing on a frame of a video, and its result beside the original, in a real browser."""

from pathlib import Path
from typing import Any

import cv2
import pytest

from gancam.sources import TestPattern
from tests.helpers.browser import drag
from tests.helpers.studio import wait_for

pytestmark = pytest.mark.browser
NUMBERS = """() => [...document.querySelectorAll("#compare-view video, #compare-view img")].map((one) => {
  const paper = new OffscreenCanvas(96, 64), pen = paper.getContext("2d", { willReadFrequently: true })
  pen.drawImage(one, 0, 0, 96, 64)
  let number = 0
  for (let bit = 0; bit < 16; bit += 1) number = 2 * number +
    (pen.getImageData(6 * bit + 3, 4, 1, 1).data[1] > 128 ? 1 : 0)
  return number
})"""


def choose(page: Any, path: Path, model: str) -> None:
    page.evaluate("(model) => fetch('/api/effects', { method: 'POST', body: JSON.stringify({ model }) })", model)
    page.click("#tab-files")
    page.locator("#files-drop input").set_input_files(path)
    page.wait_for_selector("#prepare:not([hidden])")


def slide(page: Any, name: str, value: float) -> None:
    page.locator(f"#{name}").evaluate("(one, value) => { one.value = value; one.oninput({ target: one }) }", value)


@pytest.mark.parametrize("codec", ["h264", "ffv1"])  # which browsers play, and do not
def test_a_result_is_compared_frame_by_frame(page: Any, clip: Path, codec: str) -> None:
    choose(page, clip, "sr-x2-fast")
    page.select_option("#prepare-codec", codec)
    slide(page, "range-first", 0.21)
    page.click("#prepare-add")
    page.get_by_role("button", name="Compare").click(timeout=120_000)
    page.wait_for_selector("#compare[open]")
    wait_for(lambda: page.evaluate(NUMBERS) == [7, 7])  # frame 6 begins before 0.21 s
    page.focus("#compare-at")
    page.keyboard.press("ArrowRight")
    wait_for(lambda: page.evaluate(NUMBERS) == [8, 8])
    slide(page, "compare-at", 0.5)
    wait_for(lambda: page.evaluate(NUMBERS) == [22, 22])
    assert page.locator("#compare-note").is_hidden() == (codec == "h264") == page.locator("#compare-play").is_visible()
    if codec == "h264":
        slide(page, "compare-at", 0)
        page.click("#compare-play")
        wait_for(lambda: page.inner_text("#compare-play") == "Play")  # it has ended
        wait_for(lambda: page.evaluate(NUMBERS) == [23, 23])
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.act") == "compare"


def test_a_picture_is_compared_by_key_by_finger_and_one_at_a_time(page: Any, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), TestPattern((96, 64)).image(5))
    choose(page, tmp_path / "a.png", "sr-x2-fast")
    page.click("#prepare-add")
    page.get_by_role("button", name="Compare").click(timeout=120_000)
    wait_for(lambda: page.evaluate(NUMBERS) == [5, 5])
    view = page.locator("#compare-view")
    page.focus("#compare-split")
    page.keyboard.press("ArrowRight")
    assert view.evaluate("(one) => one.style.getPropertyValue('--split')") == "51%"
    box = view.bounding_box()
    touch = {"pointerType": "touch", "clientX": box["x"] + box["width"] / 4, "clientY": box["y"] + 9}
    view.dispatch_event("pointerdown", touch)
    assert page.locator("#compare-split").input_value() == "25"
    for value, share in (("before", "100"), ("after", "0"), ("both", "50")):
        page.locator(f"#compare-show [value={value}]").check(force=True)
        assert (view.get_attribute("data-shown"), page.locator("#compare-split").input_value()) == (value, share)
    assert page.locator("#compare-time").is_hidden()
    page.set_viewport_size({"width": 640, "height": 400})  # a page of 1280x800 at 200 %
    box = view.bounding_box()
    assert box["y"] + box["height"] <= page.locator("#compare-show").bounding_box()["y"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found_by_axe_in_a_comparison(page: Any, tmp_path: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    page.set_viewport_size({"width": 375, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    cv2.imwrite(str(tmp_path / "a.png"), TestPattern((96, 64)).image(5))
    choose(page, tmp_path / "a.png", "sr-x2-fast")
    page.click("#prepare-add")
    page.get_by_role("button", name="Compare").click(timeout=120_000)
    page.wait_for_selector("#compare[open]")
    found = axe.run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_frame_of_a_video_is_drawn_on_and_what_is_drawn_can_be_kept_in_its_place(page: Any, clip: Path) -> None:
    choose(page, clip, "inpaint")
    page.wait_for_selector("#prepare-marks:not([hidden])")
    slide(page, "range-at", 0.4)
    page.click("#prepare-draw")
    page.wait_for_selector("#picture:not([hidden])")
    page.wait_for_selector("#tools:not([hidden])")
    page.click("[data-tool=box]")
    drag(page, (0.3, 0.3), (0.6, 0.6))
    drawn = "fetch('/api/state').then((answer) => answer.json()).then((state) => state.drawnOn)"
    wait_for(lambda: page.evaluate(drawn) == [{"reference": "uploads/clip.mp4", "at": 0.4}])
    page.click("#tab-files")
    page.wait_for_selector("#marks-follow:not([hidden])")
    assert "Drawn at 0:00.4" in page.inner_text("#marks-text")
    for choice, ending in (("auto", ".json"), ("off", ".png")):
        page.select_option("#prepare-follow", choice)
        with page.expect_response(lambda one: one.request.method == "POST" and one.url.endswith("/api/jobs")) as answer:
            page.click("#prepare-add")
        assert answer.value.json()["options"][1].endswith(ending)
