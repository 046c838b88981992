"""JPEG's blocks: told at whatever quality and place, and taken out; what has none stays the very array."""

import cv2
import numpy as np
import pytest

from gancam.frame import Image
from gancam.vision import blocks
from gancam.vision.blocks import deblocked, saved_quality
from tests.helpers.clips import psnr
from tests.helpers.small import still

NAMES = "skyline", "otters", "sign"


def saved(image: Image, quality: int, *, full: bool = False) -> Image:
    how = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if full else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, how]
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, settings)[1], cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quality", [8, 14, 20, 35, 44])
def test_the_quality_of_a_picture_is_told(name: str, quality: int) -> None:
    image = still(name)
    assert abs((saved_quality(saved(image, quality)) or 0) - quality) <= 1
    assert abs((saved_quality(saved(image, quality, full=True)) or 0) - quality) <= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quality", [50, 60, 75, 85])
def test_higher_qualities_are_told_if_asked_for(name: str, quality: int) -> None:
    came = saved(still(name), quality)
    assert abs((saved_quality(came, 90) or 0) - quality) <= 2
    assert saved_quality(came) is None
    made = deblocked(came, 1.0, sharpened=True)
    assert made is not came
    assert psnr(made, still(name)) > psnr(came, still(name)) - 0.2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quality", [30, 80])
def test_higher_qualities_of_overexposed_photos_are_told(name: str, quality: int) -> None:
    burnt = np.clip(still(name) * 1.8 + 30, 0, 255).astype(np.uint8)
    assert abs((saved_quality(saved(burnt, quality), 90) or 0) - quality) <= 1
    assert saved_quality(burnt, 90) is None


def page(ink: int, paper: int) -> Image:
    """A page of letters, of which most is cut off at white or black where JPEG's rings go beyond."""
    image = np.full((240, 320, 3), paper, np.uint8)
    for row in range(24, 240, 24):
        cv2.putText(
            image, f"Letter {row}, of a page", (8, row), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (ink,) * 3, 2, cv2.LINE_AA
        )
    return image


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (40, 255)])
@pytest.mark.parametrize("quality", [20, 50, 75, 90])
def test_letters_on_plain_pages_are_told(ink: int, paper: int, quality: int) -> None:
    assert saved_quality(saved(page(ink, paper), quality), 90) == quality


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (40, 255)])
@pytest.mark.parametrize("quality", [50, 75, 90])
def test_specks_around_letters_go(ink: int, paper: int, quality: int) -> None:
    clean = page(ink, paper)
    came = saved(clean, quality)
    made = deblocked(came, 1.0, sharpened=True)
    assert psnr(made, clean) > psnr(came, clean) + 0.05
    specks = [np.abs(image.astype(float) - paper)[clean == paper].mean() for image in (made, came)]
    assert specks[0] < 0.6 * specks[1]


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (40, 255), (0, 248)])
def test_clean_letters_stay(ink: int, paper: int) -> None:
    clean = page(ink, paper)
    larger = np.asarray(cv2.resize(saved(clean, 50), None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC), np.uint8)
    for each in (clean, larger):
        assert deblocked(each, 1.0, sharpened=True) is each


def test_it_is_told_where_the_middle_is_plain() -> None:
    image = np.full((600, 900, 3), 200, np.uint8)
    image[:200, :240] = still("otters")[:200, :240]
    assert saved_quality(saved(image, 75), 90) == 75


@pytest.mark.parametrize("corner", [(3, 5), (0, 1), (7, 4)])
def test_it_is_told_of_a_part_of_a_picture(corner: tuple[int, int]) -> None:
    part = np.ascontiguousarray(saved(still("otters"), 25)[corner[0] :, corner[1] :])
    assert abs((saved_quality(part) or 0) - 25) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_what_has_no_blocks_stays(name: str) -> None:
    image = still(name)
    smaller = cv2.resize(saved(image, 20), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    for each in (image, saved(image, 90), np.asarray(smaller, np.uint8)):
        assert deblocked(each, 1.0) is each
    for each in (image, np.asarray(smaller, np.uint8)):
        assert deblocked(each, 1.0, sharpened=True) is each


@pytest.mark.parametrize("name", NAMES)
def test_a_photo_that_is_no_jpeg_is_not_looked_at_closely(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def closely(*rest: object) -> None:
        pytest.fail("the search that is for pages of letters, and takes longest")

    monkeypatch.setattr(blocks, "_cut_quality", closely)
    assert saved_quality(still(name), 90) is None


@pytest.mark.parametrize("shape", [(1, 1), (7, 30), (8, 8), (64, 3), (200, 201)])
def test_plain_and_tiny_pictures_have_no_blocks(shape: tuple[int, int]) -> None:
    plain = np.full((*shape, 3), 90, np.uint8)
    assert deblocked(plain, 1.0) is plain
    noise = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    assert deblocked(noise, 1.0) is noise


def blocky(image: Image) -> float:
    """How much more neighbours differ across the edges of blocks than within them."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    steps = np.abs(np.diff(grey, axis=1))[:, : grey.shape[1] // 8 * 8 - 1]
    edges = steps[:, 7::8].mean()
    return float(edges / np.delete(steps, np.s_[7::8], 1).mean())


@pytest.mark.parametrize("name", NAMES)
def test_blocks_go_and_the_picture_comes_nearer(name: str) -> None:
    image = still(name)
    came = saved(image, 12)
    made, half = deblocked(came, 1.0), deblocked(came, 0.5)
    assert psnr(made, image) > psnr(came, image) + 0.15
    assert blocky(made) - 1 < 0.4 * (blocky(came) - 1)
    assert psnr(half, came) > psnr(made, came)
    assert np.array_equal(deblocked(came, 0.0), came)


@pytest.mark.parametrize("quality", [60, 75, 90])
def test_thin_coloured_lines_do_not_fade(quality: int) -> None:
    image = still("otters").copy()
    for place in range(4, image.shape[1], 20):
        cv2.line(image, (place, 0), (place + 30, image.shape[0]), ((20, 20, 230), (20, 200, 235))[place // 20 % 2], 2)
    came = saved(image, quality)
    made = deblocked(came, 1.0, sharpened=True)
    assert made is not came
    assert psnr(made, image) > psnr(came, image)
