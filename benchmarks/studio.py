"""How old the studio's picture is in a browser, glass to glass, and how many frames it shows.

A fake camera of headless Chromium plays a test pattern whose frames carry their number; the studio plays it; the page
reads the number of each picture in its canvas. A frame's age is from its capture (as the browser's own video element
tells it) until the canvas has it.

    python -m benchmarks.studio --seconds 20                                 glass to glass
    python -m benchmarks.studio --test --effect sr-x2-fast --alone 3        frames shown against the effect alone
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import psutil
from playwright.sync_api import Page, sync_playwright

import gancam
from gancam.pipeline import through
from gancam.sources import TestPattern

TOKEN = "benchmark-benchmark"
WATCH = """
(seconds) => new Promise((done) => {
  // when each frame was captured, as the camera's own <video> element tells
  const captured = new Map(), ages = [], numbers = []
  const read = (source) => {
    const canvas = new OffscreenCanvas(16, 1), pen = canvas.getContext("2d", { willReadFrequently: true })
    const width = source.videoWidth || source.width, height = source.videoHeight || source.height
    for (let bit = 0; bit < 16; bit += 1)
      pen.drawImage(source, ((2 * bit + 1) * width) / 32, height / 16, 1, 1, bit, 0, 1, 1)
    const { data } = pen.getImageData(0, 0, 16, 1)
    let number = 0
    for (let bit = 0; bit < 16; bit += 1) number = number * 2 + (data[4 * bit + 1] > 128 ? 1 : 0)
    return number
  }
  const film = window.film
  const look = (now, about) => {
    const number = read(film)
    const moment = about.captureTime ?? now
    if (!(moment - captured.get(number) < 5000)) captured.set(number, moment) // the camera's film begins anew
    film.requestVideoFrameCallback(look)
  }
  if (film) film.requestVideoFrameCallback(look)
  const view = document.getElementById("view")
  view.addEventListener("picture", (event) => {
    const number = read(view), now = performance.now()
    numbers.push(number)
    if (captured.has(number)) ages.push(now - captured.get(number))
    else if (!film && event.detail.age !== null) ages.push(event.detail.age)
  })
  setTimeout(() => done({ ages, numbers, fps: numbers.length / seconds, captured: captured.size }), 1000 * seconds)
})
"""


def write_camera(path: Path, size: tuple[int, int], frames: int = 600) -> None:
    """Write a test pattern as Motion-JPEG, which Chromium plays again and again as its camera."""
    pattern = TestPattern(size, fps=30)
    with path.open("wb") as file:
        for index in range(frames):
            file.write(cv2.imencode(".jpg", pattern.image(index), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


@contextmanager
def serve(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Run a studio in a process of its own; its address, and the process."""
    command = [sys.executable, "-m", "gancam", "studio", "--no-browser", "--port", "0", "--token", TOKEN]
    command += ["--keep", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().partition(": ")[2].strip()
            time.sleep(1)
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()


def measure(page: Page, seconds: float, process: psutil.Process) -> dict[str, float]:
    """Watch the page for `seconds`."""
    before, cpu = process.memory_info().rss, process.cpu_times()
    found = page.evaluate(WATCH, seconds)
    spent = process.cpu_times()
    ages = np.array(found["ages"])
    numbers = np.diff(np.array(found["numbers"]))
    return {
        "shown_fps": round(found["fps"], 2), "pictures": len(found["numbers"]), "aged": len(ages),
        "p50_ms": round(float(np.percentile(ages, 50)), 1) if len(ages) else None,
        "p95_ms": round(float(np.percentile(ages, 95)), 1) if len(ages) else None,
        "max_ms": round(float(ages.max()), 1) if len(ages) else None,
        "p95_first_half": round(float(np.percentile(ages[: len(ages) // 2], 95)), 1) if len(ages) > 1 else None,
        "p95_second_half": round(float(np.percentile(ages[len(ages) // 2 :], 95)), 1) if len(ages) > 1 else None,
        "repeated": int((numbers == 0).sum()),
        "server_cpu": round((spent.user + spent.system - cpu.user - cpu.system) / seconds, 2),
        "server_mb": round(process.memory_info().rss / 1e6, 1),
        "server_mb_more": round((process.memory_info().rss - before) / 1e6, 1),
    }  # fmt: skip


def alone(names: list[str], seconds: float) -> float:
    """Count the frames a second that the effects reach in a bare loop, and the source's where that is less."""
    effects = [gancam.load(name) for name in names]
    frames = [TestPattern((640, 360)).image(index) for index in range(8)]
    for image in frames:
        through(image, effects)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        through(frames[count % 8], effects)
        count += 1
    return min(count / (time.perf_counter() - began), 30.0)


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--effect", action="append", default=[])
    parser.add_argument("--test", action="store_true", help="the test pattern of the server instead of a camera")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--alone", type=int, default=0, metavar="TIMES", help="compare with the effects alone, in turn")
    parser.add_argument("--split", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as text, sync_playwright() as playwright:
        folder = Path(text)
        write_camera(folder / "camera.mjpeg", (640, 360))
        browser = playwright.chromium.launch(
            executable_path=options.chromium,
            args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                  f"--use-file-for-fake-video-capture={folder / 'camera.mjpeg'}"],
        )  # fmt: skip
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        with serve(folder / "kept") as (url, process):
            page.goto(url)
            page.wait_for_selector(".choice")
            page.get_by_role("button", name="Test pattern" if options.test else "Browser camera").first.click()
            page.wait_for_selector("#figures:not([hidden])")
            for effect in options.effect:
                page.evaluate(
                    "(model) => fetch('/api/effects', {method: 'POST', body: JSON.stringify({model})})", effect
                )
            if options.split:
                page.click("#split")
            if not options.test:
                page.evaluate("async () => { window.film = (await import('/static/js/camera.js')).film() }")
            time.sleep(3)
            if not options.alone:
                print(json.dumps(measure(page, options.seconds, process)))
            for _ in range(options.alone):  # in turn, since machines are noisy
                page.evaluate("fetch('/api/source', { method: 'DELETE' })")
                time.sleep(1)
                bare = alone(options.effect, options.seconds)
                page.evaluate("fetch('/api/source', { method: 'POST', body: JSON.stringify({ kind: 'test' }) })")
                time.sleep(2)
                found = measure(page, options.seconds, process)
                print(json.dumps({"alone_fps": round(bare, 2), "ratio": round(found["shown_fps"] / bare, 3), **found}))
        browser.close()


if __name__ == "__main__":
    main()
