"""Half transparent overlays that are taken off: on composites, so the scene under them is known."""

import tracemalloc

import cv2
import numpy as np
import pytest

from gancam.effects.inpainting.overlay import Overlay
from gancam.effects.inpainting.veil import LOOKS, Veil, _slopes, _slopes_back, veils
from gancam.frame import Frame, Image
from gancam.masks import Mask
from gancam.vision.push_pull import with_colours_spread
from tests.helpers.clips import psnr
from tests.helpers.damage import composite, pan


def clip(images: list[Image]) -> list[Frame]:
    return [Frame(image, index, index / 8) for index, image in enumerate(images)]


def filled(image: Image, hidden: Mask) -> Image:
    return with_colours_spread(image, np.where(hidden > 0, np.uint8(0), np.uint8(255)))


def taken_off(images: list[Image], found: list[Veil], hidden: Mask) -> list[Image]:
    made = [filled(image, hidden).copy() for image in images]
    for veil in found:
        for result, image in zip(made, images, strict=True):
            veil.lift(result, image, hidden)
    return made


@pytest.mark.parametrize("opacity", [0.35, 0.6])
@pytest.mark.parametrize("kind", ["ring", "word"])
def test_the_scene_under_a_half_transparent_overlay_comes_back(kind: str, opacity: float) -> None:
    scene = pan(36)
    images, truth = composite(scene, kind, opacity)
    found = veils(np.asarray(truth, np.uint8), clip(images))
    assert len(found) == 1
    hidden = np.asarray(cv2.dilate(found[0].mask | truth, np.ones((3, 3), np.uint8)), np.uint8)
    assert found[0].mask[truth].mean() > 0.9
    made = taken_off(images, found, hidden)
    better = [psnr(one[truth], real[truth]) - psnr(filled(image, hidden)[truth], real[truth])
              for one, image, real in zip(made, images, scene, strict=True)]  # fmt: skip
    assert np.mean(better) > 3
    for one, image in zip(made, images, strict=True):
        assert np.array_equal(one[hidden == 0], image[hidden == 0])


def test_what_cannot_be_taken_off_stays_filled() -> None:
    scene = pan(45)
    opaque, truth = composite(scene, "word", 1.0)
    mask = np.asarray(truth, np.uint8)
    hidden = np.asarray(cv2.dilate(mask, np.ones((7, 7), np.uint8)), np.uint8)
    made = taken_off(opaque[::20], veils(mask, clip(opaque)), hidden)
    for one, image, real in zip(made, opaque[::20], scene[::20], strict=True):
        assert psnr(one[truth], real[truth]) > psnr(filled(image, hidden)[truth], real[truth]) - 0.5
    half, _ = composite(scene, "word", 0.5)
    assert veils(mask, clip(half[: LOOKS[0] - 1])) == []
    assert veils(mask, clip([half[0]] * 60)) == []
    assert veils(np.zeros_like(mask), clip(half)) == []
    assert veils(np.ones_like(mask), clip(half)) == []


def test_a_letter_apart_from_its_word_is_found() -> None:
    cover, overlay = np.zeros((300, 400), np.uint8), Overlay()
    cut, _ = cv2.getTextSize("CANAL", cv2.FONT_HERSHEY_DUPLEX, 0.4, 2)[0]
    for text, x in (("CANAL", 20), ("7", cut + 34)):
        cv2.putText(cover, text, (x, 270), cv2.FONT_HERSHEY_DUPLEX, 0.4, 255, 2, cv2.LINE_AA)
    share = cover[..., None] / 255.0 * 0.35
    for frame in clip(pan(45)):
        overlay(np.round(frame.image * (1 - share) + 245 * share).astype(np.uint8), time=frame.time)
    overlay.settle()
    for part in (slice(0, cut + 27), slice(cut + 27, 400)):
        assert overlay.found[:, part][cover[:, part] > 127].mean() > 0.8


@pytest.mark.parametrize("shape", [(12, 17), (3, 4), (40, 30)])
def test_what_of_slopes_a_picture_has_is_a_sum_over_its_pixels(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0)
    picture, other = (np.asarray(noise.random(shape), np.float32) for _ in range(2))
    told = float((_slopes(picture) * _slopes(other)).sum())
    assert float((picture * _slopes_back(_slopes(other))).sum()) == pytest.approx(told, abs=1e-5)


def test_a_large_banner_takes_memory_of_its_size_alone() -> None:
    noise, held = np.random.default_rng(0), list[int]()
    scenes = [np.asarray(noise.integers(0, 200, (240, 640, 3)), np.uint8) for _ in range(4)]
    mask = np.zeros((240, 640), np.uint8)
    mask[200:220, 60:500] = 1
    for count in (40, 120):
        tracemalloc.start()
        try:
            veils(mask, (Frame(scenes[index % 4], index, index / 8) for index in range(count)))
            held.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert held[1] - held[0] < 80 * 36 * 456  # of each more look less than a byte for each pixel and colour
