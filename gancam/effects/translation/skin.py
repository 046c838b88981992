"""Skin: what a style draws of people keeps the tones that they have, dark or light."""

from collections.abc import Sequence

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from gancam.effects.translation.features import Features
from gancam.frame import Image
from gancam.vision.fit import halved, shrunk
from gancam.vision.planes import Planes, ramp

Plane = NDArray[np.float32]  # (h, w)

_SMALL = 4.0  # times smaller is the picture in which tones are compared
_HUE, _SOFT = (-14.0, 60.0), 16.0  # degrees between which a colour may be that of skin, and over which it is less so
_APART = 125.0, 165.0  # levels between channels up to which it may be, and from which on it is not: oranges, peppers
_DULL, _BRIGHT = (0.02, 0.13), (120.0, 190.0)  # saturations up to which a dark and a bright colour is grey; levels
_TINGED = 0.08  # of saturation above that from which on it may be skin in full
_BLACK = 14.0, 30.0  # levels of red up to which nothing is told of hues, and from which on all
_LINE = 0.35, 0.7  # as light as that, of what was seen, a drawing is a line, and a tone
_AROUND = 7, 7  # pixels of the small picture over which tones are compared, twice
_EDGE = 3, 3  # the same, by which that ends before the edge of skin: nothing beside it grows dark
_OVAL = 0.42, 0.52, 0.15  # half of how wide and how tall a face is, in widths of it, and how soft its edge
_BODY, _BELOW_FACE, _FADES = (4.5, 5.0), 2.5, 1.4  # the same of who has it, how far below, and times that to no more
_HANDS = 2.2, 3.2  # the same of hands that are surely theirs
_CHIN = 0.2, 0.5  # widths of a face below its middle from which on, and in full, there are necks and hands
_THIN = np.ones((4, 4), np.uint8)  # of half of the small picture: what no such square fits into
_COARSE = 8  # times smaller, again, is that told
_TIMES, _UNIT = (0.35, 1.98), 128.0  # at least and at most; of the table of factors
_LIFTED, _LIFT = 1.15, 0.6  # how much lighter all else may be drawn, at most, and how far skin goes along with it
_WARM = 1.1  # times as colourful as it was: beside what a style makes strong it would look grey
_ALIKE = 0.07, 0.13  # of chroma over luma: by how much skin is apart from that of the face, and what is nobody's there
_LEAST = 0.05  # share of skin at the most a picture has: less is none


def in_own_tones(drawn: Image, seen: Image, faces: Sequence[Features], planes: Planes | None = None) -> Image:
    """Give skin in a drawing, itself, the light and the colour that were seen there; lines and shades stay.

    Networks make all skin orange, dark skin pale, and paper of pale skin. Around each place the mean of a drawing that
    is no line is made that of what was seen, channel by channel, and lighter as far as all else was drawn lighter.
    Skin is told by its hue, around faces as far as a body reaches, and by the faces: that shines. So sunsets, lamps and
    sand without people stay as they were drawn.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `seen`; it is changed.
        seen: The same size.
        faces: Of it.
        planes: Where it works; None: in new arrays.
    """
    planes, (height, width) = planes or Planes(), seen.shape[:2]
    size = shrunk((width, height), _SMALL)
    body = _bodies(faces, size, width / size[0])
    if body is None:
        return drawn
    there, made = halved(seen, size), halved(drawn, size)
    skin = _skin(there) * body
    for face in faces:
        add_oval(skin, face, _OVAL, face.share, width / size[0])
    if float(skin.max()) < _LEAST:
        return drawn
    light, ink = (cv2.cvtColor(one, cv2.COLOR_BGR2GRAY).astype(np.float32) for one in (there, made))
    tones = ramp(ink / np.maximum(light, 1), *_LINE)
    weight = cv2.merge([tones * skin + np.float32(1e-4)] * 3)
    own, new = (_around(cv2.multiply(one, weight, dtype=cv2.CV_32F)) for one in (there, made))
    own = _strong(own, _lift(ink, light, tones * (1 - skin)))
    more = np.clip(own / np.maximum(new, np.float32(1e-3)), *_TIMES) - np.float32(1)
    share = cv2.blur(cv2.erode(skin, np.ones(_EDGE, np.uint8)), _EDGE)
    more *= cv2.merge([share * np.float32(_UNIT)] * 3)
    factors = cv2.resize(
        np.rint(more + np.float32(_UNIT)).astype(np.uint8),
        (width, height),
        dst=planes("skin tones", drawn.shape, np.uint8),
    )
    return np.asarray(cv2.multiply(drawn, factors, dst=drawn, scale=1 / _UNIT), np.uint8)


def of_faces(there: Image, faces: Sequence[Features], shrink: float) -> Plane:
    """Tell where necks, arms and hands are: skin around faces of about the colour of these, 0 to 1, ``(h, w)``.

    Args:
        there: uint8 ``(h, w, 3)`` BGR.
        faces: In pixels of a picture that is `shrink` times as large.
        shrink: See `faces`.
    """
    full, size = (there.shape[1], there.shape[0]), shrunk((there.shape[1], there.shape[0]), 2.0)
    there, shrink = halved(there, size), shrink * full[0] / size[0]
    found, skin = np.zeros(there.shape[:2], np.float32), _skin(there, 3)
    light, *chroma = cv2.split(cv2.cvtColor(cv2.blur(there, _EDGE), cv2.COLOR_BGR2YCrCb).astype(np.float32))
    red, blue = ((one - np.float32(128)) / np.maximum(light, 1) for one in chroma)  # as in the shade, too
    for face in faces:
        oval = np.zeros_like(found)
        add_oval(oval, face, _OVAL, 1.0, shrink)
        inside, body = (oval > 0.5) & (skin > 0.5), _bodies([face], (there.shape[1], there.shape[0]), shrink, _HANDS)
        if body is not None and inside.any():
            below = (np.arange(len(body), dtype=np.float32) * shrink - face.middle[1]) / face.width
            body *= ramp(below, *_CHIN)[:, None]  # what is beside a head is a wall or a curtain rather than a hand
            apart = np.hypot(red - np.median(red[inside]), blue - np.median(blue[inside]))
            np.maximum(found, skin * body * ramp(-apart, -_ALIKE[1], -_ALIKE[0]), out=found)
    thick = cv2.morphologyEx(found, cv2.MORPH_OPEN, _THIN)  # along an edge a mix of two colours may be as skin
    return np.asarray(cv2.resize(thick, full, interpolation=cv2.INTER_LINEAR), np.float32)


def _lift(ink: Plane, light: Plane, rest: Plane) -> float:
    """How much lighter skin is to be than it was: by some of what the `rest` of a drawing is."""
    seen = float(cv2.mean(cv2.multiply(light, rest))[0])
    if seen < 1.0:
        return 1.0
    drawn = float(cv2.mean(cv2.multiply(ink, rest))[0])
    return float(min(max(drawn / seen, 1.0), _LIFTED) ** _LIFT)


def _strong(tone: MatLike, lift: float) -> MatLike:
    """`tone` lighter and more colourful, its luma else as it is."""
    grey = cv2.merge([cv2.cvtColor(tone, cv2.COLOR_BGR2GRAY)] * 3)
    return np.maximum(cv2.addWeighted(tone, lift * _WARM, grey, lift * (1.0 - _WARM), 0.0), np.float32(0))


def _skin(there: MatLike, side: int = 5) -> Plane:
    """How far each place may be skin by its hue, which all of it has: red more than green, green more than blue."""
    blue, green, red = cv2.split(cv2.blur(there, (side, side)).astype(np.float32))
    apart = red - np.minimum(blue, green)
    hue = (green - blue) * np.float32(60) / np.maximum(apart, 1)
    dull = np.float32(_DULL[0]) + np.float32(_DULL[1] - _DULL[0]) * ramp(red, *_BRIGHT)
    skin = ramp(hue, _HUE[0], _HUE[0] + _SOFT) * ramp(-hue, -_HUE[1], _SOFT - _HUE[1])
    skin *= ramp(apart / np.maximum(red, 1) - dull, 0, _TINGED)
    skin *= ramp(-apart, -_APART[1], -_APART[0])
    skin *= ramp(red, *_BLACK)
    skin[np.maximum(blue, green) > red] = 0
    return np.asarray(skin, np.float32)


def _bodies(
    faces: Sequence[Features], size: tuple[int, int], shrink: float, reach: tuple[float, float] = _BODY
) -> Plane | None:
    """Where somebody with one of these faces may be, 0 to 1, in a picture of `size`; None: nobody is there."""
    found = [face for face in faces if face.seen > 0]
    if not found:
        return None
    width, height = (-(-side // _COARSE) for side in size)
    body, step = np.zeros((height, width), np.float32), shrink * _COARSE
    for face in found:
        (x, y), wide = face.middle, face.width
        to_right = (((np.arange(width, dtype=np.float32) + 0.5) * step - x) / (reach[0] * wide)) ** 2
        to_below = (((np.arange(height, dtype=np.float32) + 0.5) * step - y) / wide - _BELOW_FACE) ** 2 / reach[1] ** 2
        inside = ramp(-np.sqrt(to_right + to_below[:, None]), -_FADES, -1)
        np.maximum(body, inside * np.float32(face.seen), out=body)
    return np.asarray(cv2.resize(body, size, interpolation=cv2.INTER_LINEAR), np.float32)


def add_oval(ovals: Plane, face: Features, shape: tuple[float, float, float], share: float, shrink: float) -> None:
    """Let an oval around a face count `share` in `ovals`, ``(h, w)`` of 0 to 1, where it is not more already.

    Args:
        ovals: They are changed.
        face: In pixels of a picture that is `shrink` times as large.
        shape: Half of how wide and how tall it is, in widths of the face, and how soft its edge, of that.
        share: 0 to 1.
        shrink: See `face`.
    """
    across, down, soft = shape
    (x, y), wide = face.middle, face.width
    to_right = ((np.arange(ovals.shape[1], dtype=np.float32) * shrink - x) / (across * wide)) ** 2
    to_below = ((np.arange(ovals.shape[0], dtype=np.float32) * shrink - y) / (down * wide)) ** 2
    inside = ramp(-np.sqrt(to_right + to_below[:, None]), -1 - soft, soft - 1)
    np.maximum(ovals, inside * np.float32(share), out=ovals)


def _around(values: MatLike) -> MatLike:
    return cv2.blur(cv2.blur(values, _AROUND), _AROUND)
