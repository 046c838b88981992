"""What is said of files in which nothing was filled, or all of it."""

from collections.abc import Mapping

from gancam import masks
from gancam.masks import MaskSource

ALL_MARKED = (
    "all of a frame was marked, so that nothing was left to fill it from, and it is black: invert=on fills what a mask "
    "image does not mark instead"
)
NOTHING = "nothing is marked, so nothing is filled: give mask=, box=, polygon=, key=, faces= or find="
NOBODY: Mapping[type[MaskSource], str] = {
    masks.Person: "no person was found in it, so nothing was filled; who is smaller than a sixteenth of its height is "
    "not found",
    masks.Faces: "no face was found in it, so nothing was filled; what is smaller than a thirtieth of its longer side "
    "is not found",
}
ALONE = "find=scratches compares a frame with those beside it, and there was one frame alone, which is as it was"
