"""gancam: GANs on live video. ``effect = gancam.load("sr-x2"); out = effect(frame)``"""

from gancam.card import ModelCard
from gancam.effects import Effect, load
from gancam.errors import GancamError
from gancam.frame import Frame, Image
from gancam.model import Model

__version__ = "0.1.0"
__all__ = ["Effect", "Frame", "GancamError", "Image", "Model", "ModelCard", "load"]
