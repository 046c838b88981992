"""Networks that fill holes in images."""

import numpy as np
from numpy.typing import NDArray

from gancam.errors import ImageError, ModelError
from gancam.inference.binding import Tensor
from gancam.inference.network.contract import Network
from gancam.inference.session import OpenFile


class MaskedNetwork(Network):
    """A network that fills holes in images: the layout ``masked`` of a card."""

    def __init__(self, opened: OpenFile) -> None:
        super().__init__(opened)
        says = {name: ("tensor(uint8)", rank) for name, rank in {"image": 4, "hole": 3, "filled": 4}.items()}
        parts = self._parts()
        self._singly = opened.session.get_inputs()[0].shape[0] == 1  # takes one image at a time
        if {name: (part.type, len(part.shape)) for name, part in parts.items()} != says or self.card.scale != 1:
            raise ModelError(
                f"{self.path}: its card says {self.card.layout}, but it has "
                + ", ".join(f"{name} {part.type} {part.shape}" for name, part in parts.items())
            )
        height, width = self._smallest()
        image, hole = np.zeros((1, height, width, 3), np.uint8), np.ones((1, height, width), np.uint8)
        self._expect(self._run(["filled"], {"image": image, "hole": hole})[0], image.shape)

    def __call__(self, images: NDArray[np.uint8], holes: NDArray[np.uint8]) -> NDArray[np.uint8]:  # type: ignore[override]
        """Images ``(n, h, w, 3)`` uint8 BGR, with `holes` ``(n, h, w)`` uint8 filled where they are not 0."""
        self._check_images(images)
        if holes.dtype != np.uint8 or holes.shape != images.shape[:3]:
            raise ImageError(f"{self.card.name} takes holes uint8 {images.shape[:3]}, not {holes.dtype} {holes.shape}")
        if self._singly and len(images) > 1:
            each = (slice(index, index + 1) for index in range(len(images)))
            return np.concatenate([self(images[one], holes[one]) for one in each])
        with self._lock:
            filled = self._buffers.take(images.shape)
        given = {"image": images, "hole": holes}
        self._bound(
            {name: Tensor.over(np.ascontiguousarray(one)) for name, one in given.items()},
            {"filled": Tensor.over(filled)},
        )
        return filled
