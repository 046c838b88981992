"""Painters: slow classical filters that draw a photo as ink, comic, watercolour, oil or mosaic.

A network learns from what they make of photos (`--pairs ink` and so on), and then does it fast enough for video. What
they make of a place follows from the picture around it, and from nothing further away than a network of that kind sees:
what it cannot foretell, it would blur. It is finer where there is detail, as in a face. Nothing is drawn by chance: the
same picture gives the same painting. What does not come from the picture (where strokes and panes lie, the grain of
paper) is a field of `train.grain`, which the network is given as well.

Lengths are in pixels of pictures of about 640. Photos are painted once, and the paintings kept on disk.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from train import files
from train.data import Photos, Pixels, digest, read_image
from train.painters.cells import mosaic
from train.painters.drawn import comic, ink, watercolour
from train.painters.filters import Colours
from train.painters.strokes import oil

__all__ = ["PAINTERS", "SIDE", "VERSIONS", "keep", "paint", "pairs", "shrunk"]
PAINTERS: dict[str, Callable[[Colours], Colours]] = {
    "ink": ink, "comic": comic, "watercolour": watercolour, "oil": oil, "mosaic": mosaic,
}  # fmt: skip
VERSIONS = {"ink": 3, "comic": 4, "watercolour": 9, "oil": 10, "mosaic": 6}  # one more where what it paints changes
log = logging.getLogger(__name__)
SIDE = 640  # pixels of the longer side of what is painted: what strokes are sized for


def paint(name: str, image: Pixels) -> Pixels:
    """What the painter of that name makes of RGB uint8 `image` ``(H, W, 3)``, of the same size."""
    painted = PAINTERS[name](image.astype(np.float32) / np.float32(255))
    return np.ascontiguousarray((painted.clip(0, 1) * 255).round().astype(np.uint8))


def pairs(name: str, data: Path, pool: Path, *, smallest: int) -> tuple[list[Pixels], list[Pixels]]:
    """Paintings and the photos that they are of, RGB, the longer side `SIDE` at most.

    A painting that is in the folder `pool` is read, any other is painted and put there.

    Args:
        name: Which of `painters.PAINTERS`.
        data: Photos, as `Photos` takes them.
        pool: Where paintings are kept.
        smallest: Pixels that each side must have.

    Raises:
        FileNotFoundError: No photo there.
        ValueError: No usable one.
        OSError: A painting cannot be written.
    """
    photos = [shrunk(image) for image in Photos(data, smallest=smallest, sizes=(1.0,)).images]
    photos = [photo for photo in photos if min(photo.shape[:2]) >= smallest]
    if not photos:
        raise ValueError(f"{data}: no photo has {smallest} pixels a side once its longer side has {SIDE} at most")
    folder = pool / f"{name}-{VERSIONS[name]}"
    folder.mkdir(parents=True, exist_ok=True)
    paintings = []
    for number, photo in enumerate(photos):
        file = folder / f"{digest([photo])}.png"
        if not file.is_file():
            if number % 20 == 0:
                log.info("%s: %d of %d photos painted", folder, number, len(photos))
            keep(file, paint(name, photo))
        paintings.append(read_image(file))
    return paintings, photos


def shrunk(photo: Pixels) -> Pixels:
    """`photo` with `SIDE` pixels on its longer side, where that has more."""
    share = SIDE / max(photo.shape[:2])
    if share >= 1:
        return photo
    return np.asarray(cv2.resize(photo, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)


def keep(file: Path, painting: Pixels) -> None:
    """Write `painting` as a PNG, so that no half of one is ever there. Raises ``OSError``."""
    done, data = cv2.imencode(".png", painting[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise OSError(f"{file}: the painting cannot be coded")
    files.write(file, data.tobytes())
