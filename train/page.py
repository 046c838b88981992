"""A run as a page: how far it is, what goes wrong and what to change, its curves over those to be expected, samples."""

import html
import math
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train import curves, files
from train.curves import Curve, Panel
from train.report import NEWEST, Every
from train.watch import Progress, Watcher

FILE = "page.html"  # in the run's folder
WIDTH, HEIGHT, ROOM = 300, 160, 20  # of a panel, and above and below its curve for figures, in pixels
SECONDS = 15.0  # between pages, at least
MEANT = {  # said below each curve
    "discriminator": "What the discriminator loses: near 0 it is never wrong, and the generator learns nothing",
    "adversarial": "What the generator loses to the discriminator: it rises and falls with the other's skill",
    "real": "The discriminator's mean answer to real pictures: above 0 is real",
    "fake": "The discriminator's mean answer to generated pictures: below 0 is generated",
    "sign": "Real pictures that are called real, less those that are not: near 1 they are known by heart",
    "r1": "How steep the discriminator is at real pictures, before its weight",
    "augment_p": "The probability that a picture meets an augmentation",
    "l1": "Mean absolute error to the original: lower is nearer",
    "variety": "How much samples differ, by how much the pictures do: 1 is as much",
    "modes": "How many of the ten digits are made",
    "kl": "How unequally often the ten digits are made: 0 is equally",
    "agreement": "The share of samples that a classifier takes for the class that was asked for",
    "frechet": "The distance between samples and pictures as a whole: lower is better, within one run",
    "lr": "The learning rate of the generator",
    "seconds_per_iteration": "Seconds that an iteration takes",
}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1320px; padding: 0 1rem; color: #222 }
h1 { overflow-wrap: anywhere }
.warn { background: #fff3cd; color: #222; border-left: 4px solid #d39e00; padding: .5rem 1rem; margin: .5rem 0 }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(302px, 100%), 1fr)); gap: 1rem }
figure { margin: 0 }
figcaption { font-size: 13px; line-height: 1.4 } small { display: block } .grey, small { color: #666 }
svg { display: block; width: 100%; height: auto; background: #fafafa; border: 1px solid #ddd }
img { max-width: 100%; min-width: min(420px, 100%); image-rendering: pixelated }
@media (prefers-color-scheme: dark) {
  body { background: #14181a; color: #e2e6e7 } .grey, small { color: #a3adb0 }
  svg { background: #1c2124; border-color: #363e41 } svg text { fill: #a3adb0 }
  [stroke="#ccc"] { stroke: #4a5357 } [stroke="#9cc3e6"] { stroke: #3f6a94 } [stroke="#1f77b4"] { stroke: #62b0ee }
}
"""


class Page(Watcher):
    """Writes the page of a run while it goes on, and when it ends.

    Args:
        run: The run's folder.
        name: The name of its recipe.
    """

    def __init__(self, run: Path, name: str) -> None:
        self._run, self._name = run, name
        self._progress: Progress | None = None
        self._written = -math.inf

    def progress(self, progress: Progress) -> None:
        """Note how far it is; the first time, write a page that says when there is more."""
        first, self._progress = self._progress is None, progress
        if first:
            self._write()

    def sheet(self, iteration: int, picture: NDArray[np.uint8], path: str) -> None:
        """Write it where samples are, if it is not new."""
        if path and time.monotonic() - self._written > SECONDS:
            self._write()

    def alarm(self, iteration: int, text: str) -> None:
        """Write it at once."""
        self._write()

    def close(self) -> None:
        """Write how it ended, unless it was refused before it began: the folder may be another run's."""
        if self._progress is not None:
            self._write(goes_on=False)

    def _write(self, *, goes_on: bool = True) -> None:
        with suppress(OSError, ValueError):  # as before the first line of the log: the console tells of the folder
            write(self._run, self._name, self._progress, goes_on=goes_on)
            self._written = time.monotonic()


def write(run: Path, name: str, progress: Progress | None = None, *, goes_on: bool = False) -> Path:
    """Write ``page.html`` into `run`.

    Args:
        run: The run's folder.
        name: The name of its recipe.
        progress: How far it is; None: as its log has it.
        goes_on: Whether the page is to look for a newer one by itself, every 20 seconds.

    Raises:
        FileNotFoundError: There is no log, nor `progress`.
        ValueError: Nothing is in it yet, nor is there `progress`.
        OSError: The page cannot be written.
    """
    try:
        log = curves.read(run)
    except (FileNotFoundError, ValueError):
        if progress is None:
            raise
        log = curves.Log({}, {}, {}, {})
    known, about = curves.expected(name)
    shown = curves.panels(log, known) if log.losses or log.figures else []
    last = max((panel.own[0][-1] for panel in shown), default=0)
    far = f"{last:,} iterations" if progress is None else f"{progress.iteration:,} of {progress.end:,} iterations"
    title = html.escape(f"{run.resolve().name}: {far}")
    warnings = [
        f'<div class="warn">At {iteration:,}: {html.escape(text)}</div>'
        for iteration, texts in sorted(log.alarms.items())
        for text in texts
    ]
    grey = f"Grey: what is to be expected of {name}, {about}." if about else ""
    figures = [
        f"<figure>{plot(panel)}<figcaption>{html.escape(_caption(panel))}"
        f"<small>{html.escape(MEANT.get(panel.name, ''))}</small></figcaption></figure>"
        for panel in shown
    ]
    if not shown:
        figures = [f"<p>The first point comes after {Every().log} iterations.</p>"]
    samples = f'<h2>Newest samples</h2><img src="{NEWEST}" alt="samples">' if (run / NEWEST).is_file() else ""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        '<meta http-equiv="refresh" content="20">' if goes_on else "",
        f'<meta name="color-scheme" content="light dark"><title>{title}</title>',
        f"<style>{STYLE}</style><h1>{title}</h1>",
        *(warnings or ["<p>Nothing is seen to go wrong.</p>"]),
        "<h2>Curves</h2>",
        f'<p class="grey">{html.escape(grey)}</p>' if grey else "",
        f'<div class="panels">{"".join(figures)}</div>{samples}',
    ]
    files.write(run / FILE, "\n".join(parts).encode())
    return run / FILE


def _caption(panel: Panel) -> str:
    """Write the name, the newest value, and what is to be expected there."""
    said = f"{panel.name} {panel.smooth[-1]:.3g}"
    iterations, values = panel.expected
    if iterations and panel.own[0][-1] <= iterations[-1]:
        said += f" (to be expected: {np.interp(panel.own[0][-1], iterations, values):.3g})"
    return f"{said}, logarithmic" if panel.steep else said


def plot(panel: Panel) -> str:
    """Draw a panel as SVG."""
    values = [*panel.own[1], *panel.expected[1]]
    if panel.name == "lr":
        values.append(0.0)  # or a small fall looks like a crash
    low, high = (math.log(end) if panel.steep else end for end in (min(values), max(values)))
    last = max(panel.own[0][-1], *panel.expected[0][-1:], 1)

    def line(points: Curve, width: float, colour: str) -> str:
        places = []
        for iteration, value in zip(*points, strict=True):
            share = ((math.log(value) if panel.steep else value) - low) / (high - low or 1.0)
            x, y = 6 + (WIDTH - 12) * iteration / last, HEIGHT - ROOM - (HEIGHT - 2 * ROOM) * share
            places.append(f"{x:.1f},{y:.1f}")
        if len(places) == 1:  # a browser draws nothing for it, and a dot for a line of no length
            places, width = places * 2, 6
        ends = 'stroke-linecap="round" stroke-linejoin="round"'
        return f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" stroke-width="{width}" {ends}/>'

    drawn = [line(panel.expected, 6, "#ccc")] if panel.expected[0] else []
    if panel.smooth is not panel.own[1]:
        drawn.append(line(panel.own, 0.7, "#9cc3e6"))
    drawn.append(line((panel.own[0], panel.smooth), 2, "#1f77b4"))
    marks = [(4, 14, "start", f"{max(values):.3g}"), (4, HEIGHT - 4, "start", f"{min(values):.3g}")]
    marks.append((WIDTH - 4, HEIGHT - 4, "end", f"{last:,}"))
    texts = [f'<text x="{x}" y="{y}" text-anchor="{a}" font-size="11" fill="#666">{t}</text>' for x, y, a, t in marks]
    said = f"{panel.name}: {panel.smooth[0]:.3g} at first, {panel.smooth[-1]:.3g} at {panel.own[0][-1]:,} iterations"
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg role="img" aria-label="{html.escape(said)}" {size}>{"".join(drawn + texts)}</svg>'
