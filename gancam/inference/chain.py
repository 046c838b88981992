"""Networks one after the other on one device: what passes between them does not leave it.

The first is given a picture of the host and the last writes one, 8 bits a channel; on the CPU nothing is copied at all.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import numpy as np

from gancam.errors import DeviceError
from gancam.frame import Image
from gancam.inference.binding import Tensor
from gancam.inference.black import went_black
from gancam.inference.model import ImageModel
from gancam.inference.network import ImageNetwork

_LOOK = 32  # frames: of so many one goes through the models one by one, which look at what passes between them


def chained(models: Sequence[ImageModel], image: Image, after: Callable[[int], None] | None = None) -> Image | None:
    """Take a picture through `models`, with the result of calling each on what the one before gives.

    Args:
        models: Two or more.
        image: ``(h, w, 3)`` uint8 BGR.
        after: Called after each with its place in `models`.

    Returns:
        ``(h', w', 3)``, the caller's own; None where they are to be called one by one: they are on different devices, a
        graph does not take the picture as it is, the device failed, or it is time to look at what passes between them.
    """
    networks = [model.network for model in models]
    fits = image.dtype == np.uint8 and image.shape[2] == 3 and image.size > 0
    if not fits or len({network.place for network in networks}) > 1 or not _fit(networks, (1, *image.shape)):
        return None
    guarded = any(model.precision != "fp32" for model in models)
    if networks[0].turn() % _LOOK == 0 and guarded:
        return None
    try:
        made = _through(networks, image, after)
    except DeviceError:  # which each model meets in its own way
        return None
    return None if guarded and went_black(image[None], made[None]) else made


def _through(networks: Sequence[ImageNetwork], image: Image, after: Callable[[int], None] | None) -> Image:
    with ExitStack() as held:
        passed = Tensor.over(np.ascontiguousarray(image)[None])
        for place, network in enumerate(networks[:-1]):
            passed = held.enter_context(network.between(passed))
            if after is not None:
                after(place)
        made: Image = networks[-1].result(passed)[0]
    if after is not None:
        after(len(networks) - 1)
    return made


def _fit(networks: Sequence[ImageNetwork], shape: tuple[int, int, int, int]) -> bool:
    """Whether each takes what the one before gives, in one run of nothing but its graph."""
    for network in networks:
        if not network.takes(shape):
            return False
        scale = network.card.scale
        shape = shape[0], shape[1] * scale, shape[2] * scale, 3
    return True
