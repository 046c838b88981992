"""The motion of a picture as a whole: found again when it is known."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.motion import Camera, moved
from tests.helpers.small import still

SIZE = (640, 360)


def view(matrix: NDArray[np.float64], name: str = "skyline") -> Image:
    """A large picture as a camera sees it that moved by `matrix`."""
    wide = cv2.resize(still(name), (960, 720), interpolation=cv2.INTER_CUBIC)
    middle = np.array([[1, 0, -160], [0, 1, -180], [0, 0, 1]], np.float64)
    return np.asarray(cv2.warpPerspective(wide, matrix @ middle, SIZE, flags=cv2.INTER_CUBIC), np.uint8)


def turned(angle: float, zoom: float, x: float, y: float) -> NDArray[np.float64]:
    turn = cv2.getRotationMatrix2D((320, 180), angle, zoom)
    turn[:, 2] += np.array([x, y])
    return np.vstack([turn, [0, 0, 1]])


@pytest.mark.parametrize(
    "step", [(0, 1, 3, 1.5), (0.5, 1, 0, 0), (0, 1.01, 0, 0), (0.3, 0.995, -4, 2)], ids=["pan", "roll", "zoom", "all"]
)
def test_a_known_motion_is_found(step: tuple[float, float, float, float]) -> None:
    camera = Camera()
    edges = np.array([[0, 0], [640, 0], [0, 360], [640, 360]], np.float32)
    true = np.eye(3)
    assert not camera.observe(view(true))  # nothing to compare with yet
    for _ in range(12):
        true = turned(*step) @ true
        assert camera.observe(view(true))
        assert np.abs(moved(edges, camera.matrix) - moved(edges, true)).max() < 1.0
    assert not camera.still


def test_a_camera_at_rest_stands_still_whatever_moves_before_it() -> None:
    camera, rng = Camera(), np.random.default_rng(0)
    for step in range(8):
        image = view(np.eye(3)).astype(np.int16) + rng.normal(0, 2, (360, 640, 3)).astype(np.int16) + step  # and light
        image[60:300, 20 * step : 20 * step + 200] = cv2.resize(still("otters"), (200, 240))
        camera.observe(image.clip(0, 255).astype(np.uint8))
        assert camera.still


def test_what_hides_the_scene_does_not_count() -> None:
    camera = Camera()
    for step in range(6):
        image, hidden = view(turned(0, 1, 2 * step, 0)), np.zeros((360, 640), np.uint8)
        image[40:320, 100:540], hidden[40:320, 100:540] = cv2.resize(still("otters"), (440, 280)), 1
        camera.observe(image, hidden)
    assert camera.matrix[0, 2] == pytest.approx(10, abs=0.4)


def test_a_cut_is_noticed_and_flat_pictures_are_not_one() -> None:
    camera = Camera()
    camera.observe(view(np.eye(3)))
    assert not camera.observe(view(np.eye(3), "otters"))
    assert camera.still
    flat = np.full((360, 640, 3), 90, np.uint8)
    camera.observe(flat)
    assert camera.observe(flat)
    assert camera.observe(flat + np.uint8(1))
    assert not camera.observe(np.full((200, 300, 3), 90, np.uint8))  # another size
    for size in ((1, 1), (1, 50), (50, 1)):
        camera.observe(np.zeros((*size, 3), np.uint8))
        camera.observe(np.zeros((*size, 3), np.uint8))


def test_an_anchor_can_be_taken_anew() -> None:
    camera = Camera()
    camera.observe(view(np.eye(3)))
    camera.observe(view(turned(0, 1, 8, 0)))
    camera.anchor_here()
    assert camera.still
    camera.observe(view(turned(0, 1, 12, 0)))
    assert camera.matrix[0, 2] == pytest.approx(4, abs=0.4)
