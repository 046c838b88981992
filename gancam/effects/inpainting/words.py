"""What is said of files in which nothing was filled, or all of it."""

from collections.abc import Mapping

from gancam import masks
from gancam.masks import MaskSource
from gancam.masks.sought import nobody

ALL_MARKED = (
    "all of a frame was marked, so that nothing was left to fill it from, and it is black: invert=on fills what a mask "
    "image does not mark instead"
)
NOTHING = "nothing is marked, so nothing is filled: give mask=, box=, polygon=, key=, faces= or find="
NOBODY: Mapping[type[MaskSource], str] = {
    kind: nobody(kind, "nothing was filled") for kind in (masks.Person, masks.Faces)
}
ALONE = "find=scratches compares a frame with those beside it, and there was one frame alone, which is as it was"
