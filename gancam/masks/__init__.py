"""Masks, which say where to work: from files, boxes, polygons, a brush, a followed object, a colour, faces, people.

A mask is uint8 ``(H, W)``: pixels other than 0 are marked, and inpainting, say, fills them. A mask source is any
function ``image -> mask``. Those here also take the frame's time, have a ``reset``, and can be nested:

    Between(Tracked(Boxes((10, 20, 80, 40))), 2.0, 9.5)
"""

from gancam.masks.colour import COLOURS, ColourKey, is_grey, parse_colour
from gancam.masks.combine import Between, Inverse, Recorded, Union
from gancam.masks.conversion import FOUND, MaskLike, follows, source
from gancam.masks.drawing import Drawn
from gancam.masks.faces import Face, Faces
from gancam.masks.files import MaskFile
from gancam.masks.mask import Fixed, Function, Mask, MaskSource, check_mask
from gancam.masks.people.person import Person
from gancam.masks.shapes import Box, Boxes, Polygon, Polygons
from gancam.masks.track_file import FORMAT, MaskTrack
from gancam.masks.tracking import Tracked

__all__ = [
    "COLOURS", "FORMAT", "FOUND", "Between", "Box", "Boxes", "ColourKey", "Drawn", "Face", "Faces", "Fixed", "Function",
    "Inverse", "Mask", "MaskFile", "MaskLike", "MaskSource", "MaskTrack", "Person", "Polygon", "Polygons", "Recorded",
    "Tracked", "Union", "check_mask", "follows", "is_grey", "parse_colour", "source",
]  # fmt: skip
