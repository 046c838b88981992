"""Inputs beside the picture: what they are by name and shape, and the constants that they are given."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from gancam.errors import ModelError, NotFound, first_line
from gancam.frame import Image
from gancam.inference.importing.convention import Constant, Convention, Tensor, encode

UNKNOWN = (0.0, 1.0, 0.5, 0.1, 2.0, 4.0)  # where a name tells nothing
# What names say: what is tried, the usual first. Levels of noise are of 0..1 or of 0..255.
_LEVEL = re.compile(r"sigma|noise_?(level|map|std)|nlevel|noiselevel")
_NAMES = (
    (_LEVEL, (0.06, 0.03, 0.1, 15.0, 8.0, 25.0)),
    (re.compile(r"(?<!de)noise|training|is_train|dropout"), (0.0,)),
    (re.compile(r"ratio"), (1.0, 0.5, 0.25)),
    (re.compile(r"strength|intensity|amount|alpha|weight|fidelity|truncation|psi|^w$"), (1.0, 0.5)),
)
_CHOICE = re.compile(r"style_?(weight|id|index|code|vec)|class|label|one_?hot")
_STATE = re.compile(r"^r\d+i$|state|hidden|memory|recurrent|prev|(^|_)[hc]_?(in|0|i|t)?$")
_ENDS = re.compile(r"(_|\.|^)?(in|out|input|output|i|o|prev|previous|next|new|cur|current)(_|\.|$)?")
_LONGEST = 512  # pixels of the longer side of a picture that is given as a constant


def values_of(name: str) -> tuple[float, ...]:
    """Constants that an input of that name is tried with, the usual first."""
    return next((values for pattern, values in _NAMES if pattern.search(name.lower())), UNKNOWN)


def is_level(name: str) -> bool:
    """Whether an input of that name says how noisy the picture is."""
    return _LEVEL.search(name.lower()) is not None


def is_state(name: str, outputs: list[str], *, named: bool = False) -> bool:
    """Whether an input of that name holds what one of the `outputs`, if any are named, gave for the frame before.

    With `named` a pair of names is enough.
    """
    if not (named or _STATE.search(name.lower())):
        return False
    if not outputs:
        return True
    stem = _ENDS.sub("", name.lower()) or name.lower()
    return any(_ENDS.sub("", one.lower()) == stem or one.lower() == re.sub(r"i$", "o", name.lower()) for one in outputs)


def starts(names: list[str]) -> Iterator[dict[str, Constant]]:
    """Constants for all inputs at once, the usual first, until a graph runs with them."""
    values = {name: values_of(name) for name in names}
    for index in range(max((len(one) for one in values.values()), default=0)):
        yield {name: one[min(index, len(one) - 1)] for name, one in values.items()}


def constant(value: Constant, sides: tuple[int, ...], like: tuple[int, ...], meant: Convention, dtype: str) -> Tensor:
    """The tensor for an input of these `sides` (0: free) beside a picture whose own tensor has the shape `like`.

    `value` is a number, several, or the path of a picture, which is taken as `meant` says, or of numbers (.npy). Free
    sides are those of the picture where the input has as many axes, and one of them is not free; else 1.
    Raises ``NotFound`` and ``ModelError`` for a file that cannot be read, and for numbers that do not fit.
    """
    if isinstance(value, list) or (isinstance(value, str) and value.endswith(".npy")):
        return _several(value, sides, dtype)
    if isinstance(value, str):
        return _picture(value, sides, meant, dtype)
    shape = [side or (like[axis] if axis in follows(sides, len(like)) else 1) for axis, side in enumerate(sides)]
    return np.full(shape, value, dtype)


def divided(like: tuple[int, ...], part: int, layout: str) -> tuple[int, ...]:
    """Divide the sides of a picture's tensor, whose shape is `like`, into so many parts; 0: one row and column."""
    last = -1 if layout == "nchw" else -2
    return tuple(
        1 if part == 0 else -(-side // part) if axis - len(like) in (last, last - 1) else side
        for axis, side in enumerate(like)
    )


def follows(sides: tuple[int, ...], rank: int) -> list[int]:
    """Which axes of an input of these `sides` have the size of the picture's, which has `rank` axes."""
    if len(sides) != rank or not any(sides[1:]):
        return []
    return [axis for axis, side in enumerate(sides) if side == 0 and axis > 0]


def _several(value: str | list[float], sides: tuple[int, ...], dtype: str) -> Tensor:
    if isinstance(value, str) and not Path(value).is_file():
        raise NotFound(f"extras: no file {value}")
    try:
        found = np.load(value, allow_pickle=False) if isinstance(value, str) else np.asarray(value)
        return np.ascontiguousarray(found.astype(dtype).reshape([side or 1 for side in sides]))
    except (OSError, ValueError) as error:
        raise ModelError(f"extras: {value} does not fit an input of {list(sides)}: {first_line(error)}") from error


def first_of(name: str, sides: tuple[int, ...]) -> list[float]:
    """Choose the first of the styles or classes that an input weighs by name and shape; nothing where it is none."""
    count = math.prod(sides)
    chooses = len(sides) in (1, 2) and 1 < count <= 1024 and _CHOICE.search(name.lower())
    return [1.0] + [0.0] * (count - 1) if chooses else []


def _picture(path: str, sides: tuple[int, ...], meant: Convention, dtype: str) -> Tensor:
    image = _read(path)
    last = meant.layout == "nhwc"
    height, width = sides[-3:-1] if last else sides[-2:]
    if not (height and width):
        shrink = min(_LONGEST / max(image.shape[:2]), 1.0)
        height, width = (max(round(side * shrink / 32), 1) * 32 for side in image.shape[:2])
    shrunk = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    planes = {"y": 1}.get(meant.order, 3)
    return encode(shrunk, replace(meant, batch=len(sides) == 4, dtype=dtype, channels=planes))


def _read(path: str) -> Image:
    if not Path(path).is_file():
        raise NotFound(f"extras: no picture {path}")
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ModelError(f"extras: {path} is no picture that OpenCV reads")
    return np.asarray(image, np.uint8)
