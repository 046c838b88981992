"""Large strokes: where they give way, and how a small drawing is enlarged."""

import cv2
import numpy as np

from gancam.vision.strokes import enlarged_clean, fine_structure


def test_an_edge_is_no_detail_and_an_eye_is() -> None:
    image = np.full((180, 320, 3), 200, np.uint8)
    image[:, 200:] = 60
    assert fine_structure(image, 4.0).max() == 0
    cv2.ellipse(image, (80, 90), (9, 4), 0, 0, 360, (30, 30, 30), -1)
    found = fine_structure(image, 4.0)
    assert found[80:100, 70:90].min() > 0.95
    assert found[:, 190:].max() == 0
    assert found.min() == 0
    assert fine_structure(image, 1.0)[90, 80] < found[90, 80]  # thin strokes can draw it


def test_noise_is_no_detail() -> None:
    rng = np.random.default_rng(0)
    image = np.clip(rng.normal(120, 4, (180, 320, 3)), 0, 255).astype(np.uint8)
    assert fine_structure(image, 4.0).max() == 0


def test_small_drawings_are_enlarged_with_steep_edges_and_without_halos() -> None:
    drawn = np.full((30, 40, 3), 220, np.uint8)
    drawn[:, 20:] = (40, 90, 10)
    large = enlarged_clean(drawn, (160, 120))
    assert large.shape == (120, 160, 3)
    for channel in range(3):
        row = large[60, :, channel].astype(int)
        low, high = drawn[..., channel].min(), drawn[..., channel].max()
        assert low - 4 <= row.min() <= row.max() <= high + 4
        assert np.count_nonzero((row > low + 20) & (row < high - 20)) <= 4
    flat = np.full((1, 1, 3), 77, np.uint8)
    assert (enlarged_clean(flat, (5, 3)) == 77).all()
