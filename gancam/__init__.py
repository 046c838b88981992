"""gancam: GANs on live video. ``effect = gancam.load("sr-x2"); out = effect(frame)``."""

import logging
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from gancam.effects import Effect, load
from gancam.errors import GancamError
from gancam.frame import Frame, Image
from gancam.inference.card import ModelCard
from gancam.inference.model import Model

if TYPE_CHECKING:
    from gancam import masks as masks
    from gancam.budget import Budget
    from gancam.capture import VideoCapture

__version__ = "0.2.0"
__all__ = ["Budget", "Effect", "Frame", "GancamError", "Image", "Model", "ModelCard", "VideoCapture", "load"]
logging.getLogger("gancam").addHandler(logging.NullHandler())  # what is logged is shown where the program says so


_LATER = {"Budget": "gancam.budget", "VideoCapture": "gancam.capture", "masks": "gancam.masks"}  # heavy ones, by need

if not TYPE_CHECKING:  # type checkers see the imports above, and that nothing else is here

    def __getattr__(name: str) -> type[object] | ModuleType:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(_LATER[name])
        return module if name == "masks" else vars(module)[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *_LATER})
