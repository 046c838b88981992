"""How much of the texture that was found for a hole is shown over its smooth fill: what is believed, and no more.

Half of a piece that lies wrong is a ghost: an outline of something that is not there. So a piece is shown where its
colours are about those of the smooth fill. Elsewhere, and far from what is known, fine grain is, without outlines.

In a wide hole amid detail, as in a crowd, leaves or a market, all of it is shown: detail that is wrong is not seen
there, and fog is. So it is where its edges lie within the pieces, as a horizon does, rather than between them: then
they fit each other. But where the hole is so large, or so little is known around it, that the same few pieces must do
for much of it, they are a pattern, as of combs or scales: there it is grain alone.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.bystanders import People
from gancam.effects.inpainting.regions import Floats, floats, ramp
from gancam.effects.inpainting.texture import Part, Texture, textured
from gancam.frame import Image
from gancam.masks import Mask

CROWD = 0.25  # by how much less is added where what is around a part is hole, too
COARSE = 2.0  # pixels: deviation of the blur that parts what is coarse, colours and light, from what is fine
LEVEL = 4.0  # pixels: deviation of the blur that tells how strong what is fine, or another colour, is around a place
BELIEVED = 1.12  # times as much of what is fine is added there
OTHER = 22.0  # grey levels of coarse difference at which a piece is hardly believed
RIM = 12, 40  # pixels from a hole's edge up to which what was found there is believed, and from which it must agree
DEEP = 48, 72  # pixels to a part's middle, up to which that holds, and from which it must agree at its edge as well
WIDE = 40, 58  # pixels to a part's middle, up to which that holds amid detail, and from which on all is shown there
NEARLY_ALL = 0.5, 0.65  # of a part must be amid detail: what is shown of a piece for half of it is a ghost as well
OFTEN = 50.0, 150.0  # times that what lies around a place is used from which on it begins to be a pattern, and is one
ALONE = (
    0.24,
    0.32,
)  # of the longer side of what is looked at: so far a part's middle is from what is known for that to be
FAR = 48, 96  # pixels from known ones from which on less is believed, and nothing
GRAIN, OUTLINES = 1.0, 0.5  # pixels: the same of the blur that parts grain; times its middle strength that it may have
CUT, FOR_ONE = (0.35, 0.41), 40.0  # cuts for each edge that are borne; grey levels for which one more of them is
EDGE = 0, 14  # pixels from known ones over which the fill, which meets them, gives way to pieces, which may not
CLOSED = 0, 5  # likewise, to pieces that fit each other
WOVEN = 8, 32  # pixels from known ones from which on a fill is evened out, and wholly
SOFT = 31  # pixels over which a face begins, which stays smooth
WINDOW, FAINT = 25, 20.0  # pixels a side, and squared grey levels by which a fill varies in them where it is woven
WHOLE = 0.6  # the strength up to which that is so; from there to 1 all becomes believed


def add(picture: Image, hole: Mask, parts: Sequence[Part], strength: float, people: People | None = None) -> None:
    """Give the wide parts of a hole that was filled smoothly grain and lines, in place.

    The more of what is around a part is hole as well, the less is added, down to three quarters: what is found then is
    less often right.

    Args:
        picture: uint8 ``(h, w, 3)`` BGR, filled smoothly in the hole.
        hole: 1 there, else 0, uint8 ``(h, w)``.
        parts: its `wide_parts`.
        strength: 0 to 1. 1 shows what `textured` makes alone; see `mixed`.
        people: around the hole, and in it; None: there are none.
    """
    depth = floats(cv2.distanceTransform(hole, cv2.DIST_L2, 5)) if parts else floats(hole)
    for part in parts:
        place = part.rows, part.columns
        there, spared = picture[place], None if people is None else people.spared[place]
        texture = textured(there, hole[place], spared)
        if texture is None and spared is not None:
            texture = textured(there, hole[place])
        if texture is not None:
            smooth = _evened(there, floats(ramp(depth[place], WOVEN) * part.share * _much(strength)))
            less = 1 - CROWD * (1 - part.alone) * (1 - texture.sure)
            change = mixed(smooth, texture, depth[place] * (part.share > 0), strength)
            share = part.share * np.float32(less)
            if people is not None:
                share = share * (1 - cv2.blur(floats(people.faces[place]), (SOFT, SOFT)))
            there[:] = np.clip(np.round(smooth + share[..., None] * change), 0, 255)


def _evened(picture: Image, share: Floats) -> Floats:
    """Without the faint weave that networks make where they know nothing, and with its edges, so far as `share` says.

    A guided filter that is its own guide: He et al., https://doi.org/10.1109/TPAMI.2012.213, equations 5 to 8.
    """
    values, window = floats(picture), (WINDOW, WINDOW)
    mean, square = cv2.blur(values, window), cv2.blur(values * values, window)
    varies = np.maximum(square - mean * mean, 0)
    slope = varies / (varies + np.float32(FAINT))
    evened = cv2.blur(slope, window) * values + cv2.blur((1 - slope) * mean, window)
    return floats(values + share[..., None] * (evened - values))


def mixed(smooth: Floats, texture: Texture, depth: Floats, strength: float) -> Floats:
    """Say what to add to a smooth fill for `texture` to show at that `strength`, 0 to 1.

    Where a piece is believed, what is fine is added at strength^(7/8): more of it where it is weak, and less where it
    is strong, as a piece that lies wrong is. What is coarse, colours and light, is added at strength^2 where the
    patches that were found fit, and at strength^5 where they do not: the fill is right more often there. Where it is
    not believed, only grain is added. Where the surroundings surely repeat, as stripes and tiles do, all of it is; so
    it is in a wide hole where they are busy, from strength `WHOLE` on, unless what is laid there is used too `OFTEN`.

    Args:
        smooth: ``(h, w, 3)``, 0 to 255.
        texture: of the same places.
        depth: pixels to the next known one, ``(h, w)``; 0 where nothing is to be added.
        strength: 0: nothing of it, 1: all.
    """
    apart, inside = floats(texture.picture - smooth), depth > 0
    coarse = floats(cv2.GaussianBlur(apart, (0, 0), COARSE))
    fine, doubts = floats(apart - coarse), 1 - texture.sure
    around = floats(cv2.GaussianBlur(np.square(fine).mean(2), (0, 0), LEVEL)) + 1
    usual = float(around[inside].mean()) if inside.any() else 1.0
    shown = np.float32(strength ** (7 / 8 * doubts))
    level = np.minimum(shown * np.float32(BELIEVED) * (usual / around) ** np.float32((1 - strength) * doubts), 1)
    light = np.float32(strength) ** (doubts * (2 + 3 * (1 - texture.fits)))
    far = np.full((1, 1), float(depth.max(initial=0)) / max(depth.shape), np.float32)
    repeats = ramp(texture.used, OFTEN) * ramp(far, ALONE) * np.float32(doubts)
    doubted = (1 - _belief(coarse, depth)) * doubts * min((1 - strength) / (1 - WHOLE), 1.0)
    doubted = floats(np.maximum(doubted, repeats))[..., None]
    whole = (_whole(texture, coarse, depth) * (1 - repeats) * np.float32(_much(strength)))[..., None]
    believed = level[..., None] * fine + light[..., None] * coarse
    change = floats(believed + doubted * (shown * _grain(apart, inside) - believed))
    return floats(change + whole * (apart - change))


def _much(strength: float) -> float:
    """0 to 1: how far what is done in full at `WHOLE` is done at that `strength`."""
    return min(strength / WHOLE, 1.0)


def _whole(texture: Texture, coarse: Floats, depth: Floats) -> Floats:
    """How far all of what was found is shown at each place, for nothing else to look like its surroundings."""
    inside = depth > 0
    if not inside.any():
        return np.zeros_like(depth)
    wide = ramp(depth.max(keepdims=True), WIDE)
    detail = texture.busy * ramp(texture.busy.mean(keepdims=True, where=inside), NEARLY_ALL)
    other = float(np.sqrt(np.square(coarse[inside]).mean()))
    pieces = 1 - ramp(np.full((1, 1), texture.cut - other / FOR_ONE, np.float32), CUT)
    return floats(np.maximum(detail * ramp(depth, EDGE), pieces * ramp(depth, CLOSED)) * wide)


def _belief(coarse: Floats, depth: Floats) -> Floats:
    """How far what was found is believed at each place, 0 to 1, by how it differs from the smooth fill."""
    differs = cv2.GaussianBlur(np.square(coarse).mean(2), (0, 0), LEVEL)
    agrees = np.exp(-differs / np.float32(OTHER**2)) * (1 - ramp(depth, FAR))
    asked = np.maximum(ramp(depth, RIM), ramp(depth.max(keepdims=True, initial=0), DEEP))
    return floats(1 - asked * (1 - agrees))


def _grain(apart: Floats, inside: NDArray[np.bool_]) -> Floats:
    """The finest of a difference, without what stands out of it, as an outline does."""
    finest = floats(apart - cv2.GaussianBlur(apart, (0, 0), GRAIN))
    most = max(OUTLINES * float(np.median(np.abs(finest).mean(2)[inside])) if inside.any() else 0.0, 0.3)
    return floats(np.float32(most) * np.tanh(finest / np.float32(most)))
