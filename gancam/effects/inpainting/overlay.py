"""Masks of what a broadcaster or a camera wrote over the picture."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.clock import Clock
from gancam.effects.inpainting.regions import Floats
from gancam.frame import Image
from gancam.masks.mask import Mask, MaskSource
from gancam.vision.motion import small_grey
from gancam.vision.planes import disc


class Overlay(MaskSource):
    """A source of masks that finds what stays while all else moves: a logo or a time stamp, its running digits too.

    ``found`` is what was found so far, empty until enough was seen, and what is given is that and `AROUND` of the
    frame's shorter side around it. In a picture much of which stays it cannot be told apart: there only a clock is
    found, which ticks, and what is written beside it (`gancam.effects.inpainting.clock`).

    Edges tell: those of an overlay are the same in every frame, also where it is half transparent; those of the scene
    average out. What they enclose is judged by how much calmer than its surroundings it is, and by how far it is lifted
    above them (the slopes that stay, integrated: after Dekel et al., On the Effectiveness of Visible Watermarks, 2017).
    Frames are looked at when the picture has changed, ever more rarely.

    Attributes:
        whole: Whether all frames are of one clip, of which nothing is forgotten. Else the last minute counts most: what
            comes later is found, and what is gone is not marked any more.
    """

    PAUSE, SLOWER = 0.12, 30  # seconds between looks; after so many looks twice that, and so on
    WINDOW = 100  # looks, of half a minute: then those so far count half
    LEAST = 12  # looks before something is said
    SHORT = 150  # frames: less is a short clip
    STEADY = 0.75  # share of an edge's power (the mean square of its slope) that is the same in every frame
    OUTLINE = 0.25  # of the frame's shorter side: pixels of edges that an overlay has at least
    CALM = 0.72  # times as restless as the scene beside it: what is half covered, at most
    SLOPE = 3.0  # grey levels a pixel of such an edge
    AROUND = 1 / 240
    WATCH = 5.0  # seconds after which a clock is looked for

    def __init__(self) -> None:
        self.whole = False
        self.reset()

    def reset(self, *, pause: float = PAUSE) -> None:
        """Forget what was seen and found, and look at frames that are so many seconds apart from now on."""
        self._forgets = False  # whether looks were halved
        self._pause = pause
        self.found: Mask = np.zeros((0, 0), np.uint8)
        self._given: Mask = self.found
        self._count = 0
        self._sums: Floats = np.zeros((0, 0, 5), np.float32)  # slopes across and down, their power, grey, grey squared
        self._last: NDArray[np.uint8] | None = None
        self._ticks, self._tick_at = Clock(), self.WATCH
        self._stays: Mask = self.found  # what stays, without the clock
        self._next = -np.inf
        self._clock = 0.0
        self._decide_at = self.LEAST
        self._settled, self._seen = False, 0

    @property
    def notes(self) -> list[str]:
        """That nothing was found, where frames were seen."""
        if not self._seen or self.found.any():
            return []
        why = "neither a clock that ticks nor anything that stays in its place while the rest of the picture moves"
        if self._seen == 1:
            why = (
                "it is known by what stays in its place while the rest of a video moves, and there was one frame alone"
            )
        return [f"found no overlay: {why}; mark it with box= or mask="]

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 where the overlay is, by what was seen so far, else 0."""
        now = self._clock if time is None else time
        if self.found.shape != image.shape[:2]:
            self.reset(pause=self._pause)
            self.found = self._given = np.zeros(image.shape[:2], np.uint8)
        self._clock, self._seen = now + 1 / 30, self._seen + 1
        if not self._settled:
            self._ticks.look(image, now)
            if self._ticks.watched > self._tick_at:
                self._tick_at = min(1.25 * self._tick_at, self._tick_at + 10)
                self._give()
        if not self._settled and now >= self._next and self.learn(image):
            self._next = now + self._pause * (1 + self._count // self.SLOWER)
            if self._count >= self._decide_at:
                self.decide()
                self._decide_at = self._count * 5 // 4
        return self._given

    def add(self, marked: Mask) -> None:
        """Mark that, too: what is known of the overlay from elsewhere, uint8 ``(H, W)``."""
        self._given = self._given | marked

    @property
    def hurried(self) -> bool:
        """Whether nothing was found in a short clip, at which was looked too rarely for that."""
        return self._count < self.LEAST and self._seen < self.SHORT and not self.found.any()

    def settle(self) -> None:
        """Decide by what was seen, and learn no more."""
        self.decide()
        self._settled = True
        self._sums = np.zeros((0, 0, 5), np.float32)

    def learn(self, image: Image) -> bool:
        """Look at a frame; return False where the picture is as it was at the last look."""
        grey, _ = small_grey(image)
        if self._last is not None and self._last.shape == grey.shape:
            change = cv2.absdiff(grey, self._last)
            if float(np.mean(change > 8)) < 0.1:
                return False
        self._last = grey
        full = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32), (3, 3), 0)
        across, down = (cv2.Sobel(full, cv2.CV_32F, axis, 1 - axis, ksize=3, scale=1 / 8) for axis in (1, 0))
        if self._sums.shape[:2] != full.shape:
            self._sums, self._count = np.zeros((*full.shape, 5), np.float32), 0
        for index, values in enumerate((across, down, across * across + down * down, full, full * full)):
            self._sums[..., index] += values
        self._count += 1
        if self._count >= self.WINDOW and not self.whole:
            self._sums *= np.float32(0.5)
            self._count, self._forgets = self._count // 2, True
            self._decide_at = self._count * 5 // 4
        return True

    def decide(self) -> None:
        """Decide what the overlay is, by all that was looked at.

        While a picture of a long session stays, as one of a studio does, that is what it was before.
        """
        found = self._overlay()
        if found is not None or not self._forgets:
            self._stays = np.zeros(self._sums.shape[:2], np.uint8) if found is None else found
        self._give()

    def _give(self) -> None:
        """Give what stays and the clock."""
        clock = self._ticks.find()
        self.found = self._stays | clock if self._stays.shape == clock.shape else clock
        around = max(round(min(self.found.shape) * self.AROUND), 2)
        self._given = np.asarray(cv2.dilate(self.found, disc(around)), np.uint8) if self.found.size else self.found

    def _overlay(self) -> Mask | None:
        """What stays while all else moves; None where that cannot be told."""
        if self._count < self.LEAST or min(self._sums.shape[:2]) < 32:
            return None
        across, down, power, grey, square = np.moveaxis(self._sums / self._count, 2, 0)
        kept = across * across + down * down
        edges = np.asarray((kept > self.SLOPE**2) & (kept > self.STEADY * power), np.uint8)
        restless = np.sqrt(np.maximum(square - grey * grey, 0.0))
        if not self._scene_moves(edges, power, restless):
            return None
        return self._grown(edges, across, down, power, restless)

    @staticmethod
    def _scene_moves(edges: Mask, power: Floats, restless: Floats) -> bool:
        """Whether nearly all of what has edges at all moves."""
        parts = max(edges.shape[1] // 16, 1), max(edges.shape[0] // 16, 1)
        steady, busy, stirred = (
            cv2.resize(np.asarray(x, np.float32), parts, interpolation=cv2.INTER_AREA)
            for x in (edges, power > (Overlay.SLOPE / 2) ** 2, restless)
        )
        lively = busy > 0.05
        if lively.sum() < 0.05 * lively.size:
            return False
        return bool((steady[lively] > 0.02).mean() < 0.15 and (stirred > 6.0).mean() > 0.5)

    def _grown(self, edges: Mask, across: Floats, down: Floats, power: Floats, restless: Floats) -> Mask:
        """The bodies of which steady `edges` are the outlines.

        Within them it is what is calmer than the scene around, and what those edges lift above or below it.
        """
        height, width = edges.shape
        near = max(round(min(height, width) / 60), 3)
        joined = np.asarray(cv2.morphologyEx(edges, cv2.MORPH_CLOSE, disc(near)), np.uint8)
        count, each, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        labels = np.asarray(each, np.int32)
        found, small, large = np.zeros_like(edges), list[_Part](), list[_Part]()
        for label, (x, y, wide, tall, area) in enumerate(stats[1:count].tolist(), 1):
            if area < 60 or wide > 0.9 * width or tall > 0.9 * height or wide * tall > 0.2 * width * height:
                continue
            place = slice(max(y - 8, 0), y + tall + 8), slice(max(x - 8, 0), x + wide + 8)
            outline = edges[place] & np.asarray(labels[place] == label, np.uint8)
            if _closed(across[place] * outline, down[place] * outline):
                whole = outline.sum() >= self.OUTLINE * min(height, width)
                (large if whole else small).append(_Part(label, x, y, wide, tall))
        for part in large + [one for one in small if any(one.beside(other) for other in large)]:
            self._add(found, part, edges, labels, across, down, power, restless)
        return found

    def _add(
        self, found: Mask, part: "_Part", edges: Mask, labels: NDArray[np.int32], across: Floats, down: Floats,
        power: Floats, restless: Floats,
    ) -> None:  # fmt: skip
        """Mark the body of a part of which steady `edges` are the outlines."""
        label, x, y, wide, tall = part
        top, left = max(y - 8, 0), max(x - 8, 0)
        place = slice(top, y + tall + 8), slice(left, x + wide + 8)
        mine = np.asarray(labels[place] == label, np.uint8)
        outline = edges[place] & mine
        slopes = across[place] * outline, down[place] * outline
        contours, _ = cv2.findContours(mine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        body = np.zeros_like(mine)
        cv2.drawContours(body, contours, -1, 1, cv2.FILLED)
        around = slice(max(y - 24, 0), y + tall + 24), slice(max(x - 24, 0), x + wide + 24)
        beside = float(np.median(restless[around][labels[around] != label]))
        lifted = np.abs(_integral(*slopes))
        high = float(np.percentile(lifted[body > 0], 95))
        calm = restless[place] / max(beside, 1e-6)
        inside = (lifted > 0.4 * high) | (calm < self.CALM / 2) | ((calm < self.CALM) & (lifted > 0.15 * high))
        whole = np.asarray(body & inside, np.uint8)
        found[place] |= np.asarray(cv2.medianBlur(whole, 3), np.uint8)
        if wide > 3 * tall:
            full = whole.sum(1)
            line = np.flatnonzero(full > 0.2 * full.max()) + top  # beyond it, an edge of the scene came along
            rows = slice(int(line[0]), int(line[-1]) + 1) if len(line) else slice(y, y + tall)
            _add_running(found, power, across**2 + down**2, rows, slice(x, x + wide))


class _Part(NamedTuple):
    """Steady edges that hang together: their number, and the box around them."""

    label: int
    left: int
    top: int
    wide: int
    tall: int

    def beside(self, other: "_Part") -> bool:
        """Whether it stands in line with another that is as tall: a letter apart from the word."""
        gap = max(self.left - other.left - other.wide, other.left - self.left - self.wide)
        level = min(self.top + self.tall, other.top + other.tall) - max(self.top, other.top)
        alike = 0.6 * other.tall < self.tall < 1.4 * other.tall
        return alike and gap < 1.5 * other.tall and level > 0.7 * min(self.tall, other.tall)


def _add_running(found: Mask, power: Floats, steady: Floats, rows: slice, columns: slice) -> None:
    """Mark the digits of a line of text that change, as those of a clock.

    Few edges of theirs stay, but beside the others and among them edges are as strong, and stronger than above and
    below.
    """
    tall = rows.stop - rows.start
    first, last = max(columns.start - 8 * tall, 0), min(columns.stop + 8 * tall, found.shape[1])
    outside = [part for part in (slice(max(rows.start - tall, 0), max(rows.start - 2, 0)),
                                 slice(rows.stop + 2, rows.stop + tall)) if power[part].size]  # fmt: skip
    window = max(tall // 2, 3)
    strength, kept, beside = (
        np.convolve(profile, np.full(window, 1 / window), "same")
        for profile in (
            power[rows, first:last].mean(0),
            steady[rows, first:last].mean(0),
            np.max([power[part, first:last].mean(0) for part in outside] or [np.zeros(last - first)], axis=0),
        )
    )
    text = slice(columns.start - first, columns.stop - first)
    usual = float(np.median(strength[text]))
    # the parts of digits that they share stay, but less does than of letters
    share = kept / np.maximum(strength, 1e-6)
    stays = min(float(np.median(share[text])), 1.0)
    running = (strength > 0.4 * usual) & (strength > 2 * beside) & (share < 0.8 * stays)
    known = running.astype(np.uint8)
    known[text] |= found[rows, columns].max(0)
    joined = cv2.morphologyEx(known[None], cv2.MORPH_CLOSE, np.ones((1, window + 1), np.uint8))
    line = cv2.connectedComponents(np.asarray(joined, np.uint8))[1][0]
    running &= np.isin(line, np.unique(line[text][line[text] > 0]))
    whole = cv2.morphologyEx(running[None].astype(np.uint8), cv2.MORPH_OPEN, np.ones((1, max(tall // 2, 3)), np.uint8))
    whole = cv2.dilate(whole, np.ones((1, 2 * (tall // 3) + 1), np.uint8))  # a 1 may become a broader digit
    found[rows, first:last][:, np.asarray(whole)[0] > 0] = 1


def _closed(across: Floats, down: Floats) -> bool:
    """Whether slopes are those of whole outlines: they point everywhere, so they add up to nothing."""
    strength = float(np.hypot(across, down).sum())
    net = float(np.hypot(across.sum(), down.sum()))
    tensor = np.array([[(across * across).sum(), (across * down).sum()], [(across * down).sum(), (down * down).sum()]])
    low, high = np.linalg.eigvalsh(tensor)
    return net < 0.3 * strength and low > 0.1 * high


def _integral(across: Floats, down: Floats) -> Floats:
    """The surface, 0 all around, whose slopes come nearest to those: Poisson's equation by sine transforms."""
    height, width = across.shape
    bend = np.zeros((height, width))
    bend += np.diff(across, axis=1, append=0.0) / 2 + np.diff(across, axis=1, prepend=0.0) / 2
    bend += np.diff(down, axis=0, append=0.0) / 2 + np.diff(down, axis=0, prepend=0.0) / 2
    rows = 2 * np.cos(np.pi * np.arange(1, height + 1) / (height + 1)) - 2
    columns = 2 * np.cos(np.pi * np.arange(1, width + 1) / (width + 1)) - 2
    flat = _sine(_sine(bend).T).T / (rows[:, None] + columns)
    return np.asarray(_sine(_sine(flat).T).T * 4 / ((height + 1) * (width + 1)), np.float32)


def _sine(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The discrete sine transform (the first kind) of each row."""
    count = values.shape[1]
    odd = np.zeros((len(values), 2 * count + 2))
    odd[:, 1 : count + 1], odd[:, count + 2 :] = values, -values[:, ::-1]
    return np.asarray(-np.fft.rfft(odd, axis=1).imag[:, 1 : count + 1] / 2, np.float64)
