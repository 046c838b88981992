"""What tests of the training share."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures with smooth and sharp places."""
    from PIL import Image as Pillow

    folder = tmp_path_factory.mktemp("photos")
    for index in range(4):
        rng = np.random.default_rng(index)
        small = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        picture = np.asarray(Pillow.fromarray(small).resize((128, 96), Pillow.Resampling.BICUBIC)).copy()
        picture[20:60, 30:50] = rng.integers(0, 256, 3)
        Pillow.fromarray(picture).save(folder / f"{index}.png")
    return folder
