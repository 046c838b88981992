"""Holes to fill, drawn at random: what people erase from pictures.

Each function takes a generator of random numbers, the height and the width, and gives ``(H, W)`` uint8, 1 in the hole
and 0 where the picture is known. What comes out depends on its arguments alone.
"""

import math
import string
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Hole = NDArray[np.uint8]
LETTERS = string.ascii_letters + string.digits + ":.-/"
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
         cv2.FONT_HERSHEY_SCRIPT_COMPLEX)  # fmt: skip


def text(rng: np.random.Generator, height: int, width: int) -> Hole:
    """Lines of lettering, somewhat turned: strokes of 2 to 9 pixels."""
    canvas = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(2, 5))):
        size = float(rng.uniform(0.6, 2.6))
        stroke = max(2, round(size * float(rng.uniform(1.2, 3.5))))
        words = "".join(rng.choice(list(LETTERS), int(rng.integers(4, 16))))
        line = np.zeros_like(canvas)
        place = int(rng.integers(-width // 4, width // 2)), int(rng.integers(height // 8, height + 1))
        cv2.putText(line, words, place, FONTS[int(rng.integers(len(FONTS)))], size, 1, stroke)
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, 12)), 1.0)
        canvas |= np.asarray(cv2.warpAffine(line, turn, (width, height), flags=cv2.INTER_NEAREST), np.uint8)
    return canvas


def box(rng: np.random.Generator, height: int, width: int, *, low: float = 0.02, high: float = 0.05) -> Hole:
    """One upright rectangle of `low` to `high` of the area, up to 2.5 times as long as wide, wholly inside."""
    area = float(rng.uniform(low, high)) * height * width
    ratio = math.exp(float(rng.uniform(-1, 1)) * math.log(2.5))
    tall = min(height, max(1, round(math.sqrt(area * ratio))))
    wide = min(width, max(1, round(area / tall)))
    top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
    canvas = np.zeros((height, width), np.uint8)
    canvas[top : top + tall, left : left + wide] = 1
    return canvas


def freeform(rng: np.random.Generator, height: int, width: int, *, low: float = 0.2, high: float = 0.3) -> Hole:
    """A brush that wanders: strokes of many widths until `low` to `high` of the area is covered."""
    canvas = np.zeros((height, width), np.uint8)
    wanted = float(rng.uniform(low, high)) * height * width
    side = min(height, width)
    while int(canvas.sum()) < wanted:
        brush = max(3, round(side * float(rng.uniform(0.02, 0.1))))
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        angle = float(rng.uniform(0, 2 * math.pi))
        for _ in range(int(rng.integers(3, 9))):
            angle += float(rng.normal(0, 0.9))
            reach = side * float(rng.uniform(0.04, 0.18))
            to_x = min(max(x + reach * math.cos(angle), 0.0), width - 1.0)
            to_y = min(max(y + reach * math.sin(angle), 0.0), height - 1.0)
            cv2.line(canvas, (round(x), round(y)), (round(to_x), round(to_y)), 1, brush)
            cv2.circle(canvas, (round(to_x), round(to_y)), brush // 2, 1, cv2.FILLED)
            x, y = to_x, to_y
            if int(canvas.sum()) >= wanted:
                break
    return canvas


def scratches(rng: np.random.Generator, height: int, width: int) -> Hole:
    """Thin bent lines, hairs and specks, as film has them: 1 to 3 pixels wide."""
    canvas = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(2, 9))):
        steps = int(rng.integers(2, 12))
        angle = float(rng.choice([math.pi / 2, float(rng.uniform(0, math.pi))])) + np.cumsum(rng.normal(0, 0.15, steps))
        reach = max(height, width) * float(rng.uniform(0.1, 1.2)) / steps
        start = rng.uniform((0, 0), (width, height))
        points = start + np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1) * reach, 0)
        line = np.vstack([start, points]).round().astype(np.int32)
        cv2.polylines(canvas, [line], False, 1, int(rng.integers(1, 4)))
    for _ in range(int(rng.integers(0, 12))):
        place = int(rng.integers(width)), int(rng.integers(height))
        cv2.circle(canvas, place, int(rng.integers(1, 4)), 1, cv2.FILLED)
    return canvas


def blob(rng: np.random.Generator, height: int, width: int, *, low: float = 0.03, high: float = 0.3) -> Hole:
    """The outline of some object: a smooth closed curve of `low` to `high` of the area."""
    corners = int(rng.integers(5, 12))
    angle = np.linspace(0, 2 * math.pi, 96, endpoint=False)
    radius = np.ones_like(angle)
    for wave in range(1, corners):
        radius += rng.normal(0, 0.35 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * math.pi))
    radius = np.maximum(radius, 0.15)
    stretch = math.exp(float(rng.normal(0, 0.4)))
    outline = np.stack([radius * np.cos(angle) * stretch, radius * np.sin(angle) / stretch], 1)
    size = math.sqrt(float(rng.uniform(low, high)) * height * width / (math.pi * float(np.mean(radius**2))))
    centre = rng.uniform((0.15 * width, 0.15 * height), (0.85 * width, 0.85 * height))
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [(centre + outline * size).round().astype(np.int32)], 1)
    return canvas


# What results are judged on: never change a kind or its seeds, or figures stop being comparable.
JUDGED: dict[str, Callable[[np.random.Generator, int, int], Hole]] = {"text": text, "box": box, "freeform": freeform}
SEED = 11


def judged(kind: str, index: int, height: int, width: int) -> Hole:
    """The hole of `kind` (of `JUDGED`) for the image at place `index` of its folder."""
    return JUDGED[kind](np.random.default_rng([SEED, list(JUDGED).index(kind), index]), height, width)


def training(rng: np.random.Generator, side: int) -> Hole:
    """A hole of any kind in a square crop: a quarter each of text, boxes and free forms, and scratches and blobs.

    From a speck to 40 % of the crop; never empty and never all of it.
    """
    while True:
        match int(rng.integers(8)):
            case 0 | 1:
                hole = text(rng, side, side)
            case 2 | 3:
                hole = box(rng, side, side, low=0.01, high=float(rng.choice([0.05, 0.15, 0.4])))
            case 4 | 5:
                hole = freeform(rng, side, side, low=0.05, high=0.4)
            case 6:
                hole = scratches(rng, side, side)
            case _:
                hole = blob(rng, side, side)
        if 0 < int(hole.sum()) <= 0.45 * hole.size:
            return hole


def wide(rng: np.random.Generator, side: int) -> Hole:
    """A hole in a square crop: three of four wide ones, of 15 to 35 % of it, else any of `training`."""
    match int(rng.integers(8)):
        case 0 | 1 | 2:
            return freeform(rng, side, side, low=0.15, high=0.35)
        case 3 | 4:
            return box(rng, side, side, low=0.1, high=0.3)
        case 5:
            return blob(rng, side, side, low=0.1, high=0.3)
        case _:
            return training(rng, side)


DRAWN: dict[str, Callable[[np.random.Generator, int], Hole]] = {"all": training, "wide": wide}
