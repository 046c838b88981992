"""Networks that make images of numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gancam.errors import InputError, ModelError
from gancam.inference.network.contract import Network
from gancam.inference.session import OpenFile

CERTAIN = 10.0  # the number in z of a class that is asked for: those of the others are standard normal


class GeneratorNetwork(Network):
    """A generator in its two halves, mapping and synthesis: the layout ``latent`` of a card.

    Attributes:
        centre: The mean w, ``(1, latent)`` float32.
    """

    def __init__(self, opened: OpenFile) -> None:
        super().__init__(opened)
        self._check()
        # The half that is not wanted is empty where that is free. GPUs have kernels that fail on nothing, and TensorRT
        # takes none: there it gets one row, whose picture is small beside what the launch of a call costs.
        self._unused = 0 if self.device == "cpu" else 1
        self.centre: NDArray[np.float32] = self._run(["centre"], self._no_latents())[0]
        self._expect(self.centre, (1, self.card.latent), np.float32)
        self(np.zeros((1, self.card.latent), np.float32))
        self._check_classes()

    def __call__(self, z: NDArray[np.float32]) -> NDArray[np.uint8]:  # type: ignore[override]
        """Numbers z ``(n, latent)`` float32 -> images ``(n, resolution, resolution, 3)`` uint8 BGR."""
        return self.synthesis(np.repeat(self.mapping(z)[:, None], self.card.layers, axis=1))

    def mapping(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map z ``(n, latent)`` float32 to w, of the same shape."""
        self._check_latents(z, "z", (self.card.latent,))
        w: NDArray[np.float32] = self._run(["w"], {**self._no_latents(), "z": z})[0]
        self._expect(w, z.shape, np.float32)
        return w

    def synthesis(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Make images of a w for each layer, ``(n, layers, latent)`` float32."""
        self._check_latents(ws, "ws", (self.card.layers, self.card.latent))
        images: NDArray[np.uint8] = self._run(["image"], {**self._no_latents(), "ws": ws})[0]
        self._expect(images, (len(ws), self.card.resolution, self.card.resolution, 3))
        return images

    def _check(self) -> None:
        latent, layers, side = self.card.latent, self.card.layers, self.card.resolution
        says = {
            "z": ("tensor(float)", [latent]), "ws": ("tensor(float)", [layers, latent]),
            "w": ("tensor(float)", [latent]), "centre": ("tensor(float)", [latent]),
            "image": ("tensor(uint8)", [side, side, 3]),
        }  # fmt: skip
        parts = self._parts()
        if {name: (part.type, part.shape[1:]) for name, part in parts.items()} != says:
            raise ModelError(
                f"{self.path}: its card says latent {latent}, {layers} layers, resolution {side}, but it has "
                + ", ".join(f"{name} {part.shape}" for name, part in parts.items())
            )

    def _check_classes(self) -> None:
        """Refuse a card that names another number of classes than there are. Raises ``ModelError``.

        Of the last numbers of z, one for each class, only which is the largest counts: with as much taken from all of
        them, w is the same. Where some of them are none of a class, or not all that are of one, it is another.
        """
        count = len(self.card.classes)
        if not count:
            return
        z = np.random.default_rng(0).standard_normal((1, self.card.latent), np.float32).repeat(2, axis=0)
        z[:, -count] = CERTAIN
        z[1, -count:] -= 10 * CERTAIN
        one, other = self.mapping(z)
        if not np.allclose(one, other, atol=1e-3):
            names = ", ".join(self.card.classes[:3]) + ", ..." * (count > 3)
            raise ModelError(f"{self.path}: its card names {count} classes ({names}), its graph has another number")

    def _check_latents(self, given: Any, what: str, shape: tuple[int, ...]) -> None:
        if not isinstance(given, np.ndarray) or given.dtype != np.float32 or given.shape[1:] != shape or not given.ndim:
            got = f"{given.dtype} {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
            wanted = ", ".join(map(str, ("n", *shape)))
            raise InputError(f"{self.card.name} takes {what} as float32 ({wanted}), not {got}")
        if not np.isfinite(given).all():
            raise InputError(f"{self.card.name}: {what} has values that are not finite")

    def _no_latents(self) -> dict[str, NDArray[np.float32]]:
        latent, layers = self.card.latent, self.card.layers
        rows = self._unused
        return {"z": np.zeros((rows, latent), np.float32), "ws": np.zeros((rows, layers, latent), np.float32)}
