import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gancam.frame import Image
from gancam.tiles import tiled


def spread(image: Image, reach: int = 3) -> Image:
    """Each pixel the largest of its neighbourhood, twice as large: looks exactly `reach` to each side."""
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1), axis=(0, 1))
    largest: Image = windows.max(axis=(-1, -2))
    return largest.repeat(2, axis=0).repeat(2, axis=1)


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 60), width=st.integers(1, 60), limit=st.integers(1, 900), seed=st.integers(0, 9))
def test_equals_the_untiled_result(height: int, width: int, limit: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert np.array_equal(tiled(spread, image, scale=2, overlap=3, limit=limit), spread(image))


def test_memory_is_bounded() -> None:
    sizes = []

    def note(image: Image) -> Image:
        sizes.append(image.shape[0] * image.shape[1])
        return image

    image = np.zeros((1000, 9000, 3), np.uint8)
    assert tiled(note, image, scale=1, overlap=4, limit=400_000).shape == image.shape
    assert max(sizes) < 1.2 * 400_000
    assert len(sizes) > 20


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 5000, 3)])
def test_small_images_are_one_call(shape: tuple[int, int, int]) -> None:
    calls: list[Image] = []

    def note(image: Image) -> Image:
        calls.append(image)
        return image

    tiled(note, np.zeros(shape, np.uint8), scale=1, overlap=2)
    assert len(calls) == 1
