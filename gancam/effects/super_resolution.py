"""Super-resolution: the frame, `scale` times as wide and high."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from gancam.errors import ModelError
from gancam.frame import Image, check_image
from gancam.model import Model
from gancam.params import Params, parameter
from gancam.tiles import tiled


@dataclass
class SuperResolutionParams(Params):
    strength: float = parameter(
        1.0, minimum=0.0, maximum=1.0, help="how much of the network's detail is added to plain bicubic scaling"
    )


class SuperResolution:
    """``(H, W, 3)`` -> ``(H * scale, W * scale, 3)``, any size from one pixel up; each frame on its own."""

    params: SuperResolutionParams

    def __init__(self, model: Model, params: SuperResolutionParams) -> None:
        self.card = model.card
        self.model = model
        self.params = params

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        image = check_image(image)
        strength = self.params.strength
        if strength == 0.0:
            return self._interpolate(image)
        sharp = tiled(self._network, image, scale=self.card.scale, overlap=self.card.receptive_field)
        if strength == 1.0:
            return sharp
        return np.asarray(cv2.addWeighted(sharp, strength, self._interpolate(image), 1.0 - strength, 0.0), np.uint8)

    def _network(self, image: Image) -> Image:
        result: Image = self.model(image[None])[0][0]
        return result

    def _interpolate(self, image: Image) -> Image:
        size = self.output_size((image.shape[1], image.shape[0]))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return size[0] * self.card.scale, size[1] * self.card.scale

    def reset(self) -> None:
        """Nothing is remembered from frame to frame."""


def build(model: Model, params: dict[str, Any]) -> SuperResolution:
    if model.card.receptive_field == 0:
        raise ModelError(f"{model.path}: its card gives no receptive field, which super-resolution needs for its tiles")
    checked = SuperResolutionParams.of(**params)
    assert isinstance(checked, SuperResolutionParams)
    return SuperResolution(model, checked)
