"""A brush: what is full of detail is in dabs that lead where shapes lead, and shapes, faces and plain places stay."""

import cv2
import numpy as np
import pytest

from gancam.effects.translation.brush import brushed
from gancam.effects.translation.features import Features
from gancam.frame import Image
from gancam.vision.planes import Planes

SIZE = 192, 256


def hair(angle: float, side: tuple[int, int] = SIZE) -> Image:
    """Fine threads that lead at `angle` from the right downwards, as smooth as a small network paints them."""
    noise = np.random.default_rng(1).normal(0, 1, side).astype(np.float32)
    kernel = np.zeros((21, 21), np.float32)
    end = (round(10 * np.cos(angle)), round(10 * np.sin(angle)))
    cv2.line(kernel, (10 - end[0], 10 - end[1]), (10 + end[0], 10 + end[1]), 1.0, 1)
    threads = cv2.GaussianBlur(cv2.filter2D(noise, -1, kernel, borderType=cv2.BORDER_WRAP), (0, 0), 1.0)
    grey = (120 + 40 * threads / threads.std()).clip(0, 255)
    return np.asarray(cv2.merge([grey.astype(np.uint8)] * 3), np.uint8)


def painted(image: Image, faces: list[Features] | None = None, begins: tuple[int, int] = (0, 0)) -> Image:
    return brushed(image, image, faces or [], begins, 8, Planes())


def slopes(image: Image) -> tuple[float, float]:
    """How steep it is from left to right and from top to bottom, on average, in levels."""
    across, down = np.diff(image.astype(float), axis=1), np.diff(image.astype(float), axis=0)
    return float(np.abs(across).mean()), float(np.abs(down).mean())


@pytest.mark.parametrize("level", [0, 1])
def test_dabs_lead_where_hair_leads(level: int) -> None:
    made = painted(hair(level * np.pi / 2))
    slope = slopes(made)
    assert slope[1 - level] > 1.5 * slope[level]


def test_dabs_have_crisp_edges_that_a_smooth_painting_lacks() -> None:
    blurred = cv2.GaussianBlur(hair(0.6), (0, 0), 2.0)
    smooth = np.asarray(cv2.convertScaleAbs(blurred, alpha=3.0, beta=-240), np.uint8)
    fine = [np.abs(cv2.Laplacian(one, cv2.CV_32F)).mean() for one in (smooth, painted(smooth))]
    assert fine[1] > 1.5 * fine[0]


def test_the_edge_of_a_shape_stays_where_it_is() -> None:
    image = np.full((*SIZE, 3), 60, np.uint8)
    image[:, 128:] = 200
    image[np.random.default_rng(0).random(SIZE) < 0.1] += 20  # detail
    made = painted(image)
    assert np.abs(made[:, 120:126].astype(int) - 60).max() < 60
    assert np.abs(made[:, 131:137].astype(int) - 200).max() < 60


def test_a_plain_place_keeps_what_the_network_painted() -> None:
    shade = np.tile(np.linspace(60, 120, SIZE[1]), (SIZE[0], 1))
    image = np.asarray(cv2.merge([shade.round().astype(np.uint8)] * 3), np.uint8)
    drawn = np.asarray(image + np.random.default_rng(2).integers(0, 9, image.shape), np.uint8)
    np.testing.assert_array_equal(brushed(drawn, image, [], (0, 0), 8, Planes()), drawn)


def test_dabs_are_faint_in_a_face() -> None:
    image, face = hair(0.3), Features((128, 96), 120, np.full((5, 2), 96.0))
    changed = [
        np.abs(made.astype(int) - image)[70:120, 100:150].mean() for made in (painted(image), painted(image, [face]))
    ]
    assert changed[1] < 0.6 * changed[0]


def test_dabs_are_faint_on_a_neck_of_the_colour_of_its_face() -> None:
    face = Features((128, 50), 60, np.full((5, 2), 50.0))
    light = hair(0.3)[..., :1].astype(float) / 120
    changed = []
    for colour in ((110, 140, 190), (150, 140, 120)):  # skin, and a grey wall
        image = np.asarray((light * colour).clip(0, 255), np.uint8)
        plain, made = painted(image), painted(image, [face])
        below = [np.abs(one.astype(int) - image)[120:160, 110:146].mean() for one in (made, plain)]
        changed.append(below[0] / below[1])
    assert changed[0] < 0.7
    assert changed[1] > 0.95


def test_dabs_go_along_with_a_scene() -> None:
    """Where the camera has moved, those of the same things are the same, but for what comes in from the border."""
    scene = hair(0.9, (320, 320))
    here, there = scene[:192, :256], scene[64:256, 32:288]
    first, second = painted(here), painted(np.ascontiguousarray(there), begins=(8, 4))
    np.testing.assert_allclose(first[104:-40, 72:-40], second[40:-104, 40:-72], atol=2)


def test_a_picture_of_one_level_stays_as_it_is() -> None:
    for size in (SIZE, (1, 1), (2, 700), (5, 3)):
        image = np.full((*size, 3), 130, np.uint8)
        np.testing.assert_array_equal(painted(image), image)


def test_noise_of_a_camera_lets_dabs_hardly_blink() -> None:
    image, rng = hair(0.5), np.random.default_rng(3)
    shown = [np.asarray((image + rng.normal(0, 1.0, image.shape)).clip(0, 255).round(), np.uint8) for _ in range(2)]
    source, made = (cv2.absdiff(*pair).mean() for pair in (shown, [painted(one) for one in shown]))
    assert made < 1.6 * source
