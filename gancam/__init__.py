"""gancam: GANs on live video. ``effect = gancam.load("sr-x2"); out = effect(frame)``."""

import os
import sys

try:
    import logging
    from importlib import import_module
    from types import ModuleType
    from typing import TYPE_CHECKING

    import cv2  # noqa: F401 - before PyAV: a window that is opened by an OpenCV that was loaded after it hangs for ever

    from gancam.errors import (
        DeviceError,
        GancamError,
        ImageError,
        InputError,
        MaskError,
        MissingExtra,
        ModelError,
        NotFound,
        OutOfMemory,
        OutputExists,
        ParameterError,
        SinkError,
        SourceError,
    )
except (KeyboardInterrupt, RuntimeError) as error:  # Ctrl-C while the command line is being loaded is no fault
    if not isinstance(error, KeyboardInterrupt) and not isinstance(error.__cause__, KeyboardInterrupt):
        raise
    if os.path.splitext(os.path.basename((sys.argv or [""])[0]))[0] not in ("gancam", "-m"):
        raise
    os._exit(130)  # Python would end itself by the signal where that came up in code composed as text

if TYPE_CHECKING:
    from gancam import masks as masks
    from gancam.budget import Budget
    from gancam.capture import VideoCapture
    from gancam.effects import Effect, load
    from gancam.effects.background import Background
    from gancam.effects.inpaint import Inpaint
    from gancam.effects.morph import Morph
    from gancam.effects.super_resolution import SuperResolution
    from gancam.effects.translate import Translate
    from gancam.frame import Frame, Image
    from gancam.inference.card import ModelCard
    from gancam.inference.model import Model
    from gancam.params import Params, parameter
    from gancam.pipeline import Report, run
    from gancam.sinks import Sink, SinkContext, open_sink
    from gancam.sources import Source, VideoFile
    from gancam.sources.open import open_live

__version__ = "0.2.0"
__all__ = [
    "Background", "Budget", "DeviceError", "Effect", "Frame", "GancamError", "Image", "ImageError", "Inpaint",
    "InputError", "MaskError", "MissingExtra", "Model", "ModelCard", "ModelError", "Morph", "NotFound", "OutOfMemory",
    "OutputExists", "ParameterError", "Params", "Report", "Sink", "SinkContext", "SinkError", "Source", "SourceError",
    "SuperResolution", "Translate", "VideoCapture", "VideoFile", "load", "masks", "open_live", "open_sink",
    "parameter", "run",
]  # fmt: skip
logging.getLogger("gancam").addHandler(logging.NullHandler())  # what is logged is shown where the program says so


_LATER = {  # by need, so that `import gancam` takes no time
    "Background": "gancam.effects.background", "Budget": "gancam.budget", "Effect": "gancam.effects",
    "Frame": "gancam.frame", "Image": "gancam.frame",
    "Model": "gancam.inference.model", "ModelCard": "gancam.inference.card", "Params": "gancam.params",
    "load": "gancam.effects", "parameter": "gancam.params",
    "Inpaint": "gancam.effects.inpaint", "Morph": "gancam.effects.morph",
    "Report": "gancam.pipeline", "Sink": "gancam.sinks", "SinkContext": "gancam.sinks", "Source": "gancam.sources",
    "SuperResolution": "gancam.effects.super_resolution", "Translate": "gancam.effects.translate",
    "VideoCapture": "gancam.capture", "VideoFile": "gancam.sources", "masks": "gancam.masks",
    "open_live": "gancam.sources.open", "open_sink": "gancam.sinks", "run": "gancam.pipeline",
}  # fmt: skip

if not TYPE_CHECKING:  # type checkers see the imports above, and that nothing else is here

    def __getattr__(name: str) -> type[object] | ModuleType:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(_LATER[name])
        return module if name == "masks" else vars(module)[name]

    def __dir__() -> list[str]:
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
