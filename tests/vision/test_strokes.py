"""Large strokes: where they give way, and how a small drawing is enlarged."""

import cv2
import numpy as np

from gancam.vision.planes import Planes
from gancam.vision.strokes import (
    broad,
    enlarged_clean,
    enlarged_hatching,
    fine_structure,
    laid_on,
    with_broad_lines,
)


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


def test_what_is_finer_than_a_brush_is_left_out_and_edges_stay_where_they_are() -> None:
    image = np.full((120, 160, 3), 200, np.uint8)
    image[:, 80:] = (40, 90, 10)
    woven = image.copy()
    woven[10:110:6, 5:75] = 90  # threads
    woven[5:115, 90:150:7] = 250
    rng = np.random.default_rng(0)
    woven = np.clip(woven + rng.normal(0, 3, woven.shape), 0, 255).astype(np.uint8)
    left = broad(woven).astype(int) - image
    assert np.abs(woven.astype(int) - image).max() > 100
    assert np.abs(left).max() < 12
    assert np.array_equal(broad(image), image)


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


def test_a_broad_line_is_one_with_the_thin_line_and_has_no_pale_rim() -> None:
    thin, broad = (np.full((40, 60, 3), 180, np.uint8) for _ in range(2))
    thin[:, 29:31] = 10
    broad[:, 20:40] = 230  # the rim
    broad[:, 25:35] = 20
    made = with_broad_lines(thin, broad, np.zeros((40, 60), np.float32))
    assert made.max() == 180
    assert set(made[0, 25:35, 0].tolist()) == {10, 20}
    assert np.array_equal(with_broad_lines(thin, broad, np.ones((40, 60), np.float32)), thin)


def test_what_is_laid_on_leaves_edges_sharp_and_details_to_be_seen() -> None:
    image = np.full((120, 160, 3), 60, np.uint8)
    image[:, 80:] = 200
    cv2.putText(image, "Read", (10, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (230, 230, 230), 1)
    seen = np.asarray(cv2.resize(image, (40, 30), interpolation=cv2.INTER_AREA), np.uint8)
    assert np.abs(laid_on(image, seen, seen).astype(int) - image).max() <= 12  # nothing was drawn
    drawn = seen.copy()
    drawn[10:14, 24:] = 120  # a dab
    made = laid_on(image, seen, drawn)
    assert 100 < made[48, 130, 0] < 132  # its light is raised
    assert np.ptp(made[100, 76:84, 0]) > 120
    assert np.abs(np.diff(made[100, 60:100, 0].astype(int))).max() > 100  # within a pixel


def test_enlarged_hatching_is_strokes_and_no_dots() -> None:
    rows, columns = np.mgrid[:96, :96]
    crossed = np.minimum(np.cos(2 * np.pi * (rows + columns) / 7), np.cos(2 * np.pi * (rows - columns) / 7))
    drawn = np.repeat((128 + 100 * crossed).astype(np.uint8)[:, :, None], 3, 2)
    large = enlarged_hatching(drawn, (192, 192), Planes())[:, :, 0].astype(float)
    truth = cv2.resize(drawn, (192, 192), interpolation=cv2.INTER_CUBIC)[:, :, 0].astype(float)
    assert large.min() >= 0
    assert large.std() > truth.std()  # as clear as before
    assert np.corrcoef(large[8:-8, 8:-8].ravel(), truth[8:-8, 8:-8].ravel())[0, 1] > 0.98
    lattice = np.full_like(drawn, 240)
    lattice[(rows + columns) % 2 == 0] = 244
    assert enlarged_hatching(lattice, (192, 192), Planes()).std() < 0.5
    assert np.array_equal(enlarged_hatching(np.full_like(drawn, 77), (200, 150), Planes()), np.full((150, 200, 3), 77))
