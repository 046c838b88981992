"""Whatever a caller may give as a mask, as a source of masks."""

import os
from pathlib import Path

import numpy as np

from gancam.errors import MaskError
from gancam.masks.files import MaskFile
from gancam.masks.mask import Fixed, Function, MaskSource
from gancam.masks.track_file import MaskTrack


def source(what: object) -> MaskSource:
    """`what` as a source of masks: one as it is, an array (the same for each frame), the path of an image or of a mask
    track (``.json``), or a function ``image -> mask``. Raises ``MaskError``, ``NotFound``."""
    if isinstance(what, np.ndarray):
        return Fixed(what)
    if isinstance(what, (str, os.PathLike)):
        return MaskTrack(what) if Path(what).suffix.lower() == ".json" else MaskFile(what)
    if isinstance(what, MaskSource):
        return what
    if callable(what):
        return Function(what)
    raise MaskError(f"{type(what).__name__} gives no masks: needs an array, a path, or a function image -> mask")
