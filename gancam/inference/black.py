"""Pictures that came out black and should not have: made anew in fp32."""

import logging
import math
import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import ModelError
from gancam.inference.network import ImageNetwork, open_network
from gancam.inference.place import Place
from gancam.inference.trials import LEAST_PSNR

log = logging.getLogger(__name__)
_BRIGHT, _LOST = 48, 0.02  # grey levels of what is not black; share of the places that may be lost


class BlackGuard:
    """A network of less than fp32, and fp32 where that gives black for a picture that is not.

    A sum that is too large for fp16 becomes infinite, and what is no number becomes 0 in 8 bits. As soon as fp32 gives
    the same black picture, what the network gives is believed.
    """

    def __init__(self, network: ImageNetwork, precision: str) -> None:
        self._network, self._precision = network, precision
        self._watching, self._told = True, False
        self._plain: ImageNetwork | None = None
        self._lock = threading.Lock()  # of what is opened when it is first needed

    def __call__(self, images: NDArray[np.uint8], *, place: Place = (0, 0)) -> NDArray[np.uint8]:
        """Images as an `ImageNetwork` takes and gives them. Raises as that does."""
        result = self._network(images, place=place)
        if self._watching and went_black(images, result):
            return self._in_fp32(images, result, place)
        return result

    def _in_fp32(self, images: NDArray[np.uint8], result: NDArray[np.uint8], place: Place) -> NDArray[np.uint8]:
        path = self._network.path
        with self._lock:
            if self._plain is None:
                fp32 = path.with_name(path.name.removesuffix(".onnx").removesuffix(f".{self._precision}") + ".onnx")
                if not fp32.is_file():
                    self._watching = False
                    return result
                opened = open_network(fp32, self._network.place, self._network.threads)
                if not isinstance(opened, ImageNetwork):
                    raise ModelError(f"{fp32}: its card says {opened.card.layout}, unlike that of {path}")
                self._plain = opened
        truth = self._plain(images, place=place) if self._plain.texture.step else self._plain(images)
        if cv2.PSNR(truth.reshape(-1), result.reshape(-1)) >= LEAST_PSNR:
            self._watching = False
            return result
        if not self._told:
            self._told = True
            log.warning("%s made a picture black that is not; such pictures are computed in fp32", path.name)
        return truth


def went_black(images: NDArray[np.uint8], results: NDArray[np.uint8]) -> bool:
    """Whether some of a few hundred places are black that were not.

    Args:
        images: ``(n, h, w, 3)``.
        results: What became of them, each side a whole multiple.
    """
    step, scale = max(round(math.sqrt(images.shape[1] * images.shape[2] / 256)), 1), results.shape[1] // images.shape[1]
    seen, shown = images[:, ::step, ::step], results[:, :: step * scale, :: step * scale]
    lost = (seen.min(3) >= _BRIGHT) & (shown.max(3) == 0)
    return bool(np.count_nonzero(lost) > _LOST * lost.size)
