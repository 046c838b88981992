"""Planes of numbers: what is told of the channels of a picture."""

import numpy as np
import pytest
from cv2.typing import MatLike

from gancam.vision.planes import brightest, darkest
from tests.helpers.small import still


@pytest.mark.parametrize(
    "image", [still("sign"), still("sign")[::3, 5:], still("sign").astype(np.float32)[None] / 7, np.zeros((1, 1, 3))]
)
def test_the_most_and_the_least_of_three_channels(image: MatLike) -> None:
    for found, truth in ((brightest(image), image.max(-1)), (darkest(image), image.min(-1))):
        assert found.dtype == truth.dtype
        np.testing.assert_array_equal(found, truth)
