"""Every bundled model, and every way in which its effect can be set to work."""

from collections.abc import Iterator

import cv2
import numpy as np

from gancam import load
from gancam.effects import Effect
from gancam.frame import Image
from gancam.inference.catalog import menu
from gancam.params import Value
from tests.helpers.damage import composite, pan

Mode = tuple[str, dict[str, Value]]
FREE: dict[str, dict[str, Value]] = {  # one of each kind, so set that frames before it do not show
    "sr-x2-fast": {},
    "restore-x2": {"clean": 1.0, "stabilise": 0.0},
    "style-comic": {"faces": 0.0},
    "style-oil": {"anchor": "frame", "faces": 0.0},
    "sketch": {"anchor": "frame", "faces": 0.0},
    "colorize": {},
    "background": {"stabilise": 0.0},
    "inpaint": {"box": "0/0/30/26", "memory": False},
    "morph-fruits": {"region": "0.74/0.05/0.23/0.41"},
}
_WORDS: dict[str, list[Value]] = {  # of parameters that are a text
    "box": ["0/0/30/26"], "polygon": ["8/8/40/10/20/40"], "key": ["white", "#40a060"], "mask": ["person", "faces"],
    "faces": ["on"], "colour": ["white", "red"], "region": ["full", "0.1/0.2/0.5/0.6"], "keyframes": ["1/2/3"],
}  # fmt: skip
_LEFT = {
    "save",
    "image",
    "audio",
    "draw",
    "drive",
    "loop",
    "to",
    "from",
}  # files, what is drawn by hand, and spans of time


def made(mode: Mode) -> Effect:
    """The effect of a mode, on one thread of the CPU."""
    effect = load(str(mode[0]), device="cpu", threads=1)
    for name, value in mode[1].items():
        effect.params.set(name, value)
    return effect


def all_models() -> list[Mode]:
    """Each bundled model as it is, and each that can work without the frames before it as it then does."""
    return [(name, {}) for name in menu()] + [(name, changed) for name, changed in FREE.items() if changed]


def all_modes() -> Iterator[Mode]:
    """One model of each kind with each parameter at each of its choices, and at its ends, with nothing else changed."""
    for name, base in FREE.items():
        yield name, base
        effect = made((name, base))
        for key, entry in effect.parameters.items():
            text = _WORDS.get(key, []) if entry.type is str else []
            ends = [one for one in (entry.minimum, entry.maximum) if one is not None and not entry.choices]
            numbers = [min(one, 64) for one in ends] if entry.type in (int, float) else []
            switches: list[Value] = [False, True] if entry.type is bool else []
            for value in (
                [*entry.choices, *text, *numbers, *switches] if key not in {*_LEFT, *effect.params.unused} else []
            ):
                changed = {**base, key: entry.type(value)}
                if value != entry.default and not (name == "morph-fruits" and key == "where"):
                    yield name, changed


def scene(mode: Mode, count: int = 14) -> list[Image]:
    """Frames of a camera that pans, with dust in single ones; and where it matters letters that stay, which need room.

    ``find=overlay`` finds these in the twelfth, and ``key=white`` knows them for captions in the sixth.
    """
    if {"find", "key"} & mode[1].keys():
        frames, _ = composite(pan(count), "word", 1.0)
    else:
        rng = np.random.default_rng(0)
        soft = cv2.GaussianBlur(rng.integers(0, 256, (72 + 3 * count, 96 + 4 * count, 3), np.uint8), (0, 0), 2)
        wide = np.asarray(cv2.normalize(soft, np.empty_like(soft), 0, 255, cv2.NORM_MINMAX), np.uint8)
        frames = [np.ascontiguousarray(wide[3 * at : 3 * at + 72, 4 * at : 4 * at + 96]) for at in range(count)]
    for frame in frames[1::3]:
        frame[10:36, 20:22] = 255
    return frames
