"""The painter of mosaics: panes of glass between leads, and broader leads along contours."""

import cv2
import numpy as np
from numpy.typing import NDArray

from train import grain
from train.painters.drawn import abstract, outlines
from train.painters.filters import (
    Colours,
    Plane,
    along,
    blur,
    crowded,
    flow,
    kuwahara,
    luma,
    saturated,
    skin,
    slope,
    stepped,
)

LEAD = 0.05  # its grey
APART = grain.NEAR + grain.GAP  # pixels by which narrow panes are put off where there is little to see: there are none


def mosaic(image: Colours) -> Colours:
    """Panes of few tones, each a little lighter or darker and warmer or colder than the picture, and lit from above.

    They end where the picture's contours are, which have broad leads, and are small where there is much to see and on
    the colours of skin, where their leads are thin and faint.
    """
    flat = blur(abstract(image, 6.0, 3.0), 0.6)
    face = blur(skin(flat), 4.0)
    busy = np.maximum(crowded(luma(image), face), 0.8 * blur(face, 6.0))
    contours = _contours(image, flat, face, busy)
    leads, tone, shade = net(busy)
    glass = _filled(flat, (leads < 0.45) & (contours < 0.4), 0.35 + 0.4 * busy)
    grey = luma(glass)
    toned = grey.clip(0, 1) ** np.float32(0.85) + 0.05 * tone * (1 - 0.6 * busy)
    lit = (0.4 * toned + 0.6 * stepped(toned, 7.0, 6.0)) * np.float32(1.05)
    share = (lit / (grey + 0.03)).clip(0, 1.3)
    painted = lit[:, :, None] + (saturated(glass, 1.55) - grey[:, :, None]) * share[:, :, None]
    painted += (0.06 * tone * lit)[:, :, None] * np.array([1, 0, -1], np.float32)
    painted *= (1 - 0.20 * shade * (1 - 0.5 * busy))[:, :, None]
    leads = leads * (1 - 0.85 * (2.2 * blur(contours, 3.0)).clip(0, 1)) * (1 - 0.45 * busy) * (1 - 0.5 * face)
    lead = np.float32(0.92) * np.maximum(leads, contours)[:, :, None]
    return np.asarray(painted * (1 - lead) + LEAD * lead, np.float32)


def net(busy: Plane) -> tuple[Plane, Plane, Plane]:
    """The leads between panes 0..1, the tone of each pane, and how shaded each place of it is.

    Narrow panes grow between the wide ones where it is `busy`: an additively weighted Voronoi diagram.
    """
    nearer, *fields = grain.laid(grain.panes(), (busy.shape[0], busy.shape[1]))
    nearer = np.float32(grain.NEAR) * nearer - np.float32(APART) * (1 - ((busy - 0.15) / 0.7).clip(0, 1))
    gap, tone, shade = (np.where(nearer > 0, narrow, wide) for wide, narrow in zip(fields[:3], fields[3:], strict=True))
    apart = np.minimum(np.abs(nearer), np.float32(grain.GAP) * gap)
    return np.exp(-((apart / (np.float32(2.3) - busy)) ** 2)), tone, shade


def _contours(image: Colours, flat: Colours, face: Plane, busy: Plane) -> Plane:
    """Leads along contours, 0..1: on the dark side of edges and between areas of other colours; thin where `busy`."""
    smooth = kuwahara(image, 2.5)
    field = flow(smooth, 3.0)
    drawn = (1 - outlines(smooth, field, busy, face, broad=1.25, thin=0.85)) * (1 - 0.45 * busy * (1 - face))
    soft = blur(flat, 0.7)
    steep = along(np.linalg.norm([slope(soft[:, :, colour]) for colour in range(3)], axis=0), field, 3.0)
    ridge = steep - 0.6 * blur(steep, 4.0) - 0.15 - 0.10 * face - 0.08 * busy
    return np.asarray(np.maximum(drawn, 1 / (1 + np.exp(-40 * ridge))), np.float32)


def _filled(flat: Colours, inside: NDArray[np.bool_], kept: Plane) -> Colours:
    """`flat` with each connected piece of what is `inside` brought to its mean, but for what is `kept`."""
    count, pieces = cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)
    if count == 1:  # nothing but leads
        return flat
    sizes = np.bincount(pieces.ravel(), minlength=count).clip(1)
    means = [np.bincount(pieces.ravel(), one.ravel(), count) / sizes for one in cv2.split(flat)]
    _, nearest = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(nearest.max() + 1, np.intp)
    owner[nearest[inside]] = pieces[inside]
    glass = np.stack(means, 1).astype(np.float32)[owner[nearest]]
    return np.asarray(glass + (flat - glass) * kept[:, :, None], np.float32)
