"""The painter of mosaics: cells of one colour each between dark leads."""

import cv2
import numpy as np
from numpy.typing import NDArray

from train.painters.filters import TILE, Colours, Plane, blur, detail, kuwahara, luma, saturated

LARGE, SMALL = 16, 8  # pixels between seeds, where there is nothing to see and where there is
BUSY = 0.45  # detail from which on cells are small
ROUNDS, COMPACT = 4, 9.0  # of superpixels: how often they are found anew; grey levels worth the distance of two seeds


def mosaic(image: Colours) -> Colours:
    """Superpixels (SLIC, Achanta et al., https://doi.org/10.1109/TPAMI.2012.120) as panes of glass.

    Their seeds have fixed places, so that cells do not dance from frame to frame.
    """
    lab = np.asarray(cv2.cvtColor(kuwahara(image, 2.5), cv2.COLOR_RGB2Lab), np.float32)
    seeds = planted(blur(detail(luma(image)), 4.0))
    label = _superpixels(lab, seeds)
    means = [np.bincount(label.ravel(), image[..., c].ravel(), len(seeds)) for c in range(3)]
    count = np.bincount(label.ravel(), minlength=len(seeds)) + 1e-6
    glass = (np.stack(means, 1) / count[:, None]).astype(np.float32) * (1 + 0.07 * seeds[:, 3:4])
    border = np.zeros(label.shape, np.float32)
    border[:, 1:][label[:, 1:] != label[:, :-1]] = 1
    border[1:][label[1:] != label[:-1]] = 1
    large = blur((seeds[:, 2] > SMALL).astype(np.float32)[label], 2.0)
    lead = np.clip(blur(border, 0.7) / 0.42, 0, 1) * (0.38 + 0.47 * large)
    shine = blur(border, 3.0) * (0.3 + 0.7 * large)
    cells = saturated(glass, 1.3).clip(0, 1)[label] ** np.float32(0.9) * (1.1 - 0.35 * shine)[:, :, None]
    return np.asarray(cells * (1 - lead)[:, :, None], np.float32)


def planted(busy: Plane) -> NDArray[np.float32]:
    """Rows ``(y, x, spacing, tone)``: where cells begin, and by how much they are lighter than the picture, -1..1."""
    rng = np.random.default_rng(7)
    height, width = busy.shape
    found = []
    for spacing in (LARGE, SMALL):
        side = TILE // spacing
        jitter = rng.uniform(-0.32, 0.32, (side, side, 2)) * spacing
        tone = rng.uniform(-1, 1, (side, side))
        for row in range(-(-height // spacing)):
            for column in range(-(-width // spacing)):
                place = row % side, column % side
                y = (row + 0.5) * spacing + jitter[place][0]
                x = (column + 0.5 + 0.5 * (row % 2) - 0.25) * spacing + jitter[place][1]
                at = min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)
                if (busy[at] > BUSY) == (spacing == SMALL):
                    found.append((y, x, spacing, tone[place]))
    return np.array(found, np.float32)


def _superpixels(lab: Colours, seeds: NDArray[np.float32]) -> NDArray[np.intp]:
    """The index of the seed that each pixel belongs to, ``(H, W)``."""
    height, width = lab.shape[:2]
    centres = np.concatenate([seeds[:, :2], np.zeros((len(seeds), 3), np.float32)], 1)
    ys, xs = np.clip(seeds[:, 0].astype(int), 0, height - 1), np.clip(seeds[:, 1].astype(int), 0, width - 1)
    centres[:, 2:] = blur(lab, 2.0)[ys, xs]
    label = np.zeros((height, width), np.intp)
    planes = [*(one.astype(np.float32) for one in np.mgrid[:height, :width]), *cv2.split(lab)]
    for _ in range(ROUNDS):
        nearest = np.full((height, width), np.inf, np.float32)
        for index, centre in enumerate(centres):
            _claim(index, centre, float(seeds[index, 2]), lab, (nearest, label))
        count = np.bincount(label.ravel(), minlength=len(seeds)) + 1e-6
        for column, values in enumerate(planes):
            mean = np.bincount(label.ravel(), values.ravel(), len(seeds)) / count
            centres[:, column] = np.where(count > 1, mean, centres[:, column])
    return label


def _claim(
    index: int, centre: NDArray[np.float32], spacing: float, lab: Colours, found: tuple[Plane, NDArray[np.intp]]
) -> None:
    """Give the pixels around `centre` that are nearer to it than to any before to seed `index`, in `found`."""
    y, x = float(centre[0]), float(centre[1])
    reach = int(1.7 * spacing) + 2
    top, left = max(int(y) - reach, 0), max(int(x) - reach, 0)
    place = slice(top, max(int(y) + reach + 1, 1)), slice(left, max(int(x) + reach + 1, 1))
    apart = lab[place] - centre[2:]
    rows = np.arange(top, top + apart.shape[0], dtype=np.float32)[:, None] - np.float32(y)
    columns = np.arange(left, left + apart.shape[1], dtype=np.float32)[None] - np.float32(x)
    distance = np.einsum("ijk,ijk->ij", apart, apart) / COMPACT**2 + (rows**2 + columns**2) / spacing**2
    nearest, label = found[0][place], found[1][place]
    closer = distance < nearest
    nearest[closer] = distance[closer]
    label[closer] = index
