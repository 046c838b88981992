"""The page in a real browser."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import cv2
import numpy as np
import pytest

import gancam.effects
from gancam.effects import declared
from gancam.params import Parameter
from tests.helpers.browser import drag
from tests.helpers.command import video
from tests.helpers.small import translator_network, write_translator
from tests.helpers.studio import wait_for

pytestmark = pytest.mark.browser
BROWSER = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra dev")
MODELS = {
    "super_resolution": "sr-x2-fast", "translate": "sketch", "inpaint": "inpaint", "morph": "morph-fruits",
    "background": "background", "faces": "small-faces",
}  # fmt: skip
NUMBER = """() => {
  const view = document.getElementById("view"), pen = view.getContext("2d")
  let number = 0
  for (let bit = 0; bit < 16; bit += 1) {
    const at = pen.getImageData(((2 * bit + 1) * view.width) / 32, view.height / 16, 1, 1).data
    number = number * 2 + (at[1] > 128 ? 1 : 0)
  }
  return number
}"""


@pytest.fixture(scope="module", autouse=True)
def faces_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A model of the user's own for the effect that none is bundled for."""
    folder = tmp_path_factory.mktemp("own-models")
    write_translator(folder, translator_network(), "small-faces", int8=False, effect="faces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCAM_MODELS", str(folder))
        yield


def effects(page: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("async () => (await (await fetch('/api/state')).json()).effects")
    return found


def until(page: Any, condition: str, argument: object = None) -> None:
    """Wait until an expression is true; the page's own policy forbids what Playwright has for this."""
    wait_for(lambda: page.evaluate(condition, argument))


def add(page: Any, *models: str) -> None:
    for model in models:
        page.evaluate("(model) => fetch('/api/effects', { method: 'POST', body: JSON.stringify({ model }) })", model)
    until(page, "(count) => document.querySelectorAll('.card').length === count", len(models))


def play(page: Any) -> None:
    page.get_by_role("button", name="Test pattern").first.click()
    page.wait_for_selector("#picture:not([hidden])")


def other(entry: Parameter) -> str | float | bool:
    """A value that is allowed and is not the default."""
    texts = {
        "region": "0.1/0.2/0.3/0.4", "box": "10/20/30/40", "polygon": "1/2/30/4/5/60", "colour": "#ff8800",
        "seeds": "3/17/42",
    }  # fmt: skip
    if entry.kind in texts:
        return texts[entry.kind]
    if entry.type is bool:
        return not entry.default
    if entry.choices:
        return entry.choices[1] if entry.default == entry.choices[0] else entry.choices[0]
    if entry.ranged:
        return entry.at(0.4) if entry.default != entry.at(0.4) else entry.at(0.6)
    return float(entry.default) + 3


def turn(page: Any, entry: Parameter, folder: Path) -> str | float | bool:
    """Turn a parameter by its control on the page; what it is to be."""
    control = page.locator(f'.card [data-parameter="{entry.name}"]')
    if entry.kind == "file":
        cv2.imwrite(str(folder / f"{entry.name}.png"), np.zeros((8, 8), np.uint8))
        control.locator("input[type=file]").set_input_files(folder / f"{entry.name}.png")
        return f"uploads/{entry.name}.png"
    if entry.kind == "new-file":
        control.locator("input[type=text]").fill("masks.json")
        control.locator("input[type=text]").press("Enter")
        return "results/masks.json"
    value = other(entry)
    if entry.type is bool:
        control.get_by_role("switch").click()
    elif entry.choices and control.locator("select").count():
        control.locator("select").select_option(str(value))
    elif entry.choices:
        control.get_by_role("radio", name=str(value), exact=True).check(force=True)
    else:
        field = control.locator("input[type=number], input[type=text]").first
        field.fill(str(value))
        field.press("Enter")
    return value


def is_turned(page: Any, name: str, wanted: str | float | bool) -> bool:
    return bool(effects(page)[0]["values"][name] == wanted)


@pytest.mark.parametrize("effect", MODELS)
def test_every_declared_parameter_has_a_control_that_reaches_the_effect(page: Any, effect: str, tmp_path: Path) -> None:
    params = declared(effect)
    assert params is not None
    add(page, MODELS[effect])
    for summary in page.locator(".more > summary").all():
        summary.click()
    for name, entry in params.declared().items():
        wanted = turn(page, entry, tmp_path)
        wait_for(partial(is_turned, page, name, wanted))
        label = page.locator(f'.card [data-parameter="{name}"] .name').inner_text()
        assert label.lower() == name.replace("_", " ")


def test_every_effect_is_walked() -> None:
    files = {path.stem for path in (Path(gancam.effects.__file__).parent).glob("[!_]*.py")}
    assert files == set(MODELS)


def test_what_is_played_is_shown_and_goes_on(page: Any) -> None:
    play(page)
    first = page.evaluate(NUMBER)
    wait_for(lambda: page.evaluate(NUMBER) > first + 5)
    wait_for(lambda: "fps" in page.inner_text("#figures"))


def test_the_split_follows_the_pointer_and_holding_shows_the_original(page: Any) -> None:
    add(page, "sketch")
    play(page)
    grey = """(share) => {
      const view = document.getElementById("view"), pen = view.getContext("2d")
      const [r, g, b] = pen.getImageData(share * view.width, 0.3 * view.height, 1, 1).data
      return Math.max(r, g, b) - Math.min(r, g, b) < 40
    }"""
    until(page, grey, 0.2)
    page.click("#split")
    box = page.locator("#picture").bounding_box()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 50)
    until(page, f"() => !({grey})(0.2) && ({grey})(0.8)")
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 50)
    until(page, f"() => ({grey})(0.2)")
    page.click("#split")
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    until(page, f"() => !({grey})(0.2)")
    page.mouse.up()
    until(page, f"() => ({grey})(0.2)")


def test_effects_are_moved_by_keyboard_and_by_drag(page: Any) -> None:
    add(page, "sketch", "sr-x2-fast", "mnist")
    page.get_by_role("button", name="Move mnist").focus()
    page.keyboard.press("ArrowUp")
    until(page, "document.querySelectorAll('.card')[1].dataset.name === 'mnist'")
    for card in page.locator(".card-title[aria-expanded=true]").all():
        card.click()
    page.locator('[data-name="mnist"] .grip').drag_to(
        page.locator('[data-name="sketch"] .card-head'), target_position={"x": 60, "y": 3}
    )
    until(page, "document.querySelectorAll('.card')[0].dataset.name === 'mnist'")
    wait_for(lambda: effects(page)[0]["name"] == "mnist")


def test_the_menu_adds_what_is_chosen(page: Any) -> None:
    page.click("#add")
    page.wait_for_selector("#menu img.there")
    page.get_by_role("button", name="Restyle").first.click()
    page.get_by_role("button", name="sketch").click()
    page.wait_for_selector(".card")
    assert [effect["name"] for effect in effects(page)] == ["sketch"]
    page.get_by_role("switch", name="sketch on").click()
    wait_for(lambda: not effects(page)[0]["on"])
    page.get_by_role("button", name="Remove").click()
    until(page, "!document.querySelector('.card')")


def test_a_region_is_dragged_on_the_picture(page: Any) -> None:
    add(page, "mnist")
    play(page)
    page.get_by_role("button", name="Place it on the picture").click()
    drag(page, (0.8, 0.2), (0.5, 0.4))
    until(page, "async () => (await (await fetch('/api/state')).json()).effects[0].values.region.startsWith('0.44')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    wait_for(lambda: effects(page)[0]["values"]["region"] == "0.45/0.25/0.23/0.41")


def test_what_is_drawn_on_the_picture_is_filled_and_undone(page: Any) -> None:
    add(page, "inpaint")
    play(page)
    page.locator('[data-parameter="draw"]').get_by_role("switch").click()
    page.wait_for_selector("#tools:not([hidden])")
    drag(page, (0.3, 0.3), (0.33, 0.32))
    wait_for(lambda: effects(page)[0]["drawn"] > 0)
    page.keyboard.press("u")
    wait_for(lambda: effects(page)[0]["drawn"] == 0)


def test_the_browsers_camera_is_played(page: Any) -> None:
    page.get_by_role("button", name="Browser camera").first.click()
    page.wait_for_selector("#picture:not([hidden])")
    wait_for(lambda: "ms" in page.inner_text("#figures"))
    page.reload()  # which sends it again
    page.wait_for_selector("#picture:not([hidden])")
    page.evaluate("sessionStorage.clear()")  # as of another page
    page.reload()
    page.get_by_text("Browser camera has ended.").wait_for()
    add(page, "sketch")  # which tells the state again, now that the page has the last picture
    assert page.get_by_text("Browser camera has ended.").is_visible()
    page.get_by_role("button", name="Test pattern").click()
    page.wait_for_selector("#picture:not([hidden])")


def test_a_file_is_chosen_previewed_and_processed(page: Any, clip: Path) -> None:
    add(page, "sketch")
    page.click("#tab-files")
    page.locator("#files-drop input").set_input_files(clip)
    page.wait_for_selector("#preview:not(.plain)")
    page.locator("#range-end").evaluate("(range) => { range.value = 0.4; range.dispatchEvent(new Event('input')) }")
    page.click("#prepare-add")
    page.wait_for_selector(".job.done")
    page.get_by_role("button", name="What was kept").click()
    page.wait_for_selector(".job tbody tr")
    with page.expect_download() as download:
        page.locator(".job").get_by_role("link", name="Download").click()
    assert video(Path(download.value.path()))[0] == 12


def test_back_leads_to_the_section_before(page: Any) -> None:
    for name in ("files", "models"):
        page.click(f"#tab-{name}")
    for name in ("files", "live"):
        page.go_back()
        page.wait_for_selector(f"#panel-{name}:not([hidden])")
    page.go_forward()
    page.wait_for_selector("#panel-files:not([hidden])")


def test_a_file_that_is_chosen_by_keyboard_is_where_the_keyboard_goes_on(page: Any, clip: Path) -> None:
    page.click("#tab-files")
    page.locator("#files-drop input").set_input_files(clip)
    page.wait_for_selector("#prepare:not([hidden])")
    page.focus(".file-row")
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'prepare-name'")
    assert page.locator(".file-row[aria-current=true]").count() == 1


def test_a_model_is_imported_wherever_it_is_dropped(page: Any) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/api/uploads" in request.url else None)
    page.route("**/api/uploads*", lambda route: route.fulfill(status=400, json={"error": "no model"}))
    drop = """(id) => {
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File(["x"], "a.onnx"))
      const drop = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer })
      document.getElementById(id).dispatchEvent(drop)
    }"""
    for place in ("stage", "panel-files", "panel-models"):
        page.evaluate(drop, place)
    wait_for(lambda: page.evaluate("true") and len(sent) == 3)
    assert not [url for url in sent if "only=media" in url]  # which takes videos and images alone


def test_the_keyboard_stays_where_something_was_removed(page: Any, tmp_path: Path) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((48, 64, 3), np.uint8))
    add(page, "sr-x2-fast")
    page.click("#tab-files")
    page.locator("#files-drop input").set_input_files([tmp_path / "a.png", tmp_path / "b.png"])
    page.wait_for_selector("#prepare-all:not([hidden])")
    page.click("#prepare-all")
    until(page, "document.querySelectorAll('.job.done').length === 2")
    for left in (1, 0):
        page.locator(".job [data-act=remove]").first.press("Enter")
        until(page, "(left) => document.querySelectorAll('.job').length === left", left)
        act = page.evaluate("document.activeElement.dataset.act ?? document.activeElement.type")
        assert act == ("fetch" if left else "file")
    for left in (3, 2, 1, 0):
        page.locator(".file-rows [aria-label^=Delete]").first.press("Enter")
        until(page, "(left) => document.querySelectorAll('.file-row').length === left", left)
        label = page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert label.startswith("Delete" if left else "Choose")


def test_an_upload_is_stopped_with_those_after_it(page: Any, clip: Path) -> None:
    asked: list[str] = []
    page.route("**/api/uploads*", lambda route: asked.append(route.request.url))  # which never answers
    page.click("#tab-files")
    page.locator("#files-drop input").set_input_files([clip, clip])
    page.get_by_role("button", name="Stop the upload of clip.mp4").press("Enter")
    page.get_by_text("clip.mp4: its upload was stopped").wait_for()
    assert page.evaluate("document.activeElement.type") == "file"
    assert page.locator("#files-sending li").count() == 0
    assert len(asked) == 1


def test_a_file_that_waits_stands_in_the_queue(page: Any, clip: Path) -> None:
    add(page, "sketch")
    page.click("#tab-files")
    page.locator("#files-drop input").set_input_files(clip)
    page.wait_for_selector("#preview:not(.plain)")
    for _ in range(3):
        page.evaluate("() => document.getElementById('prepare-add').click()")
    inside = """() => {
      const list = document.getElementById("jobs-list").getBoundingClientRect()
      const jobs = [...document.querySelectorAll(".job")].map((job) => job.getBoundingClientRect())
      const apart = jobs.every((job, place) => !place || job.top >= jobs[place - 1].bottom)
      return jobs.length === 3 && apart && jobs.every((job) => job.left >= list.left && job.right <= list.right)
    }"""
    until(page, inside)
    page.wait_for_selector(".job.waiting, .job.done")
    assert page.evaluate(inside)


def test_what_is_told_is_seen_over_a_picture_that_fills_the_screen(page: Any) -> None:
    play(page)
    page.keyboard.press("f")
    until(page, "document.fullscreenElement !== null")
    page.keyboard.press("r")
    page.wait_for_selector('#record[aria-pressed="true"]')
    page.keyboard.press("r")
    page.wait_for_selector(".toast")
    assert page.evaluate("document.getElementById('toasts').matches(':popover-open')")


def test_a_file_that_is_no_video_is_not_processed_for_the_one_before(page: Any, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    page.click("#tab-files")
    page.locator("#files-drop input").set_input_files([clip, tmp_path / "broken.mp4"])
    page.get_by_role("button", name="broken.mp4").first.wait_for()
    page.wait_for_selector("#prepare:not([hidden])")
    page.get_by_role("button", name="broken.mp4").first.click()
    page.wait_for_selector(".toast.error")
    assert "broken.mp4: not a video" in page.inner_text(".toast.error")
    assert page.locator("#prepare").is_hidden()
    assert page.locator(".chosen").count() == 0


def test_the_picture_is_mirrored_by_a_key(page: Any) -> None:
    play(page)
    page.keyboard.press("m")
    page.wait_for_selector('#mirror[aria-pressed="true"]')
    page.keyboard.press("m")
    page.wait_for_selector('#mirror[aria-pressed="false"]')


def test_a_model_is_used_from_its_card(page: Any) -> None:
    page.click("#tab-models")
    sizes = {"morph-fruits": "128 × 128", "sr-x2-fast": "2 times the frame", "sketch": "same as the frame"}
    for model, size in sizes.items():
        assert f"{size}, " in page.locator(f'[data-model="{model}"] dl').inner_text()
    page.locator('[data-model="sketch"]').get_by_role("button", name="Use in Live").click()
    page.wait_for_selector('.card[data-name="sketch"]')
    assert page.locator("#panel-live").is_visible()


def test_tab_leads_through_the_whole_page_and_stays_nowhere(page: Any) -> None:
    add(page, "sketch")
    play(page)
    name = "() => { const at = document.activeElement; return at.id || at.getAttribute('aria-label') || at.tagName }"
    page.focus("#theme")
    seen = [page.evaluate(name)]
    while seen[-1] != "command":
        page.keyboard.press("Tab")
        seen.append(page.evaluate(name))
        assert seen[-1] != seen[-2]
    assert {"source", "split", "hold", "record", "full", "add", "sketch on", "preset-save"} <= set(seen)


def test_a_photo_is_drawn_on_and_erased_in_its_file_and_all_results_come_at_once(page: Any, tmp_path: Path) -> None:
    photo = np.full((120, 160, 3), 200, np.uint8)
    photo[40:80, 50:110] = 0
    for name in ("a 🎉.png", "b.png"):
        (tmp_path / name).write_bytes(cv2.imencode(".png", photo)[1].tobytes())
    page.click("#tab-files")
    page.locator("#files-drop input").set_input_files([tmp_path / "a 🎉.png", tmp_path / "b.png"])
    page.wait_for_selector("#prepare-all:not([hidden])")
    page.click("#prepare-effect")
    page.wait_for_selector("#menu img.there")
    page.locator('#menu [data-task="Erase"] button').click()
    page.locator("#prepare-effects").get_by_text("inpaint").wait_for()
    page.click("#prepare-live")
    page.wait_for_selector("#picture:not([hidden])")
    page.locator('[data-parameter="draw"]').get_by_role("switch").click()
    page.wait_for_selector("#tools:not([hidden])")
    page.get_by_role("button", name="Box (x)").click()
    drag(page, (0.25, 0.25), (0.75, 0.75))
    wait_for(lambda: effects(page)[0]["drawn"] > 0)
    page.click("#tab-files")
    page.click("#prepare-all")
    until(page, "document.querySelectorAll('.job.done').length === 2")
    with page.expect_download() as download:
        page.click("#jobs-fetch")
    with ZipFile(download.value.path()) as archive:
        assert sorted(archive.namelist()) == ["a 🎉.png", "b.png"]
        for one in archive.infolist():
            made = cv2.imdecode(np.frombuffer(archive.read(one), np.uint8), cv2.IMREAD_COLOR)
            assert made is not None
            assert made.min() > 150  # the block is gone


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280, 2560])
def test_nothing_serious_is_found_by_axe(page: Any, scheme: str, width: int, clip: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()

    def check() -> None:
        found = axe.run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []

    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    check()
    add(page, *MODELS.values())
    for summary in page.locator(".more > summary").all():
        summary.evaluate("(summary) => { summary.parentElement.open = true }")
    play(page)
    page.click("#split")
    check()
    page.click("#add")
    page.wait_for_selector("#menu img.there")
    check()
    page.keyboard.press("Escape")
    page.click("#source")
    check()
    page.keyboard.press("Escape")
    page.click("#tab-models")
    page.wait_for_selector(".model-card")
    check()
    page.click("#tab-files")
    page.locator("#files-drop input").set_input_files(clip)
    page.wait_for_selector("#prepare:not([hidden])")
    page.click("#prepare-add")
    page.wait_for_selector(".job")
    check()
    for tab in ("live", "models", "files"):
        page.click(f"#tab-{tab}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab
