"""Sheets of samples."""

import numpy as np

from train import sheets


def test_a_grid_has_gaps_and_white_where_pictures_are_missing() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
    sheet = sheets.grid(images, 3)
    assert sheet.shape == (18, 28, 3)
    assert np.array_equal(sheet[10:, 10:18, 0], images[4, :, :, 0])
    assert (sheet[8:10] == 255).all()
    assert (sheet[10:, 18:] == 255).all()


def test_small_sheets_are_enlarged_by_whole_numbers() -> None:
    small = np.random.default_rng(0).integers(0, 256, (20, 100, 3), np.uint8)
    large = sheets.enlarged(small)
    assert large.shape == (120, 600, 3)
    assert np.array_equal(large[::6, ::6], small)
    assert sheets.enlarged(large).shape == large.shape


def test_columns_have_headings_and_rows_that_line_up() -> None:
    rng = np.random.default_rng(0)
    tall, wide, odd = (rng.integers(0, 200, (*size, 3), np.uint8) for size in ((40, 30), (20, 50), (30, 48)))
    sheet = sheets.columns([("input", [tall, wide]), ("made", [tall, odd])])
    head, body = sheet[: sheets.HEAD], sheet[sheets.HEAD :: 6, ::6]
    assert sheet.shape == (sheets.HEAD + 6 * 72, 6 * 100, 3)
    assert np.array_equal(body[:40, :30], tall)
    assert np.array_equal(body[42:62, :50], wide)
    assert np.array_equal(body[42:, 52:], odd)
    assert (body[:, 50:52] == 255).all()
    for column in (head[:, :300], head[:, 312:]):
        ink = np.flatnonzero((column < 128).all(2).any(0))
        assert 120 < ink.mean() < 180  # over the middle of its pictures
