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


def __getattr__(name: str) -> type[object] | ModuleType:
    if name == "VideoCapture":  # brings the video libraries along, so only for those who ask
        from gancam.capture import VideoCapture

        return VideoCapture
    if name == "Budget":  # the same
        from gancam.budget import Budget

        return Budget
    if name == "masks":
        return import_module("gancam.masks")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
