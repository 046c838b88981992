"""Photos with what a painter makes of them, painted once and kept on disk."""

import logging
from pathlib import Path

import cv2
import numpy as np

from train.data import Photos, Pixels, digest, read_image
from train.painters import VERSIONS, paint

log = logging.getLogger(__name__)
SIDE = 640  # pixels of the longer side of what is painted: what strokes are sized for


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
    partial = file.with_suffix(".part")
    partial.write_bytes(data.tobytes())
    partial.replace(file)
