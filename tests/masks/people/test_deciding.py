"""A camera that moves: what is known of people goes along with it."""

import cv2
import numpy as np
import pytest

from gancam.frame import Image
from gancam.inference.catalog import MODELS
from gancam.inference.model import ImageModel
from gancam.masks.people.closer import Region
from gancam.masks.people.deciding import rests, step_between
from gancam.masks.people.looks import Looks, Opinion
from tests.helpers.small import still


def seen(right: float, down: float, *, name: str = "skyline") -> Image:
    """A still picture as a camera shows it that moved, 160 pixels wide."""
    wide = cv2.resize(still(name), (240, 180), interpolation=cv2.INTER_AREA)
    place = np.array([[1, 0, right - 40], [0, 1, down - 30]], np.float64)
    return np.asarray(cv2.warpAffine(wide, place, (160, 120)), np.uint8)


@pytest.mark.parametrize("step", [(0.0, 0.0), (2.5, -1.0), (-4.0, 3.0)])
def test_the_step_of_a_camera_is_found(step: tuple[float, float]) -> None:
    found = step_between(seen(0, 0), seen(*step))
    assert found is not None
    assert np.abs(np.subtract(found, step)).max() < 0.3


def test_another_scene_is_no_step() -> None:
    assert step_between(seen(0, 0), seen(0, 0, name="lake")) is None


def test_what_is_known_goes_along() -> None:
    looks = Looks(ImageModel(MODELS / "background.onnx", device="cpu", threads=1))
    region = Region((0, 0, 320, 240), Opinion(looks))
    region.before = np.zeros((120, 160), np.float32)
    region.before[40:80, 50:90] = 1
    region.go_along(20, -10, (160, 120))  # of the frame, which is twice as large
    expected = np.zeros((120, 160), np.float32)
    expected[35:75, 60:100] = 1
    np.testing.assert_allclose(region.before, expected, atol=1e-6)
    assert region.window == (0, 0, 320, 240)
    assert float(rests(seen(0, 0), seen(3, 0)).mean()) < 0.88  # so that it is asked for
