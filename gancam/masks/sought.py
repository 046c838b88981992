"""Whether anybody was found whom a mask is to mark, for what is said of whole files."""

from collections.abc import Mapping, Sequence

import cv2

from gancam.frame import Image
from gancam.masks.faces import Faces
from gancam.masks.mask import Mask, MaskSource, check_mask
from gancam.masks.person import Person

_NOBODY: Mapping[type[MaskSource], tuple[str, str]] = {
    Person: ("no person was found in it", "who is smaller than a sixteenth of its height is not found"),
    Faces: ("no face was found in it", "what is smaller than a thirtieth of its longer side is not found"),
}


class Sought:
    """Masks of frames, and whether any marked somebody since ``reset``."""

    def __init__(self) -> None:
        self._sources: Sequence[MaskSource] = ()
        self._found = False

    def __call__(self, source: MaskSource, image: Image, time: float | None) -> Mask:
        """Return the mask that `source` gives for a frame. Raises ``MaskError`` where that is none of it."""
        mask = check_mask(source(image, time=time), image)
        self.look(source, found=cv2.hasNonZero(mask))
        return mask

    def look(self, source: MaskSource, *, found: bool) -> None:
        """Note that `source` looked at a frame, and whether it found somebody."""
        self._sources, self._found = source.parts, self._found or found

    def unfound(self, done: str) -> str:
        """Say that nobody was found in any frame, and what was `done`; empty where that is not so."""
        said = [_NOBODY.get(type(source), ("", "")) for source in self._sources]
        if not said or self._found or not all(what for what, _ in said):
            return ""
        what, why = said[0]
        return f"{what}, so {done}; {why}: crop it around them"

    def reset(self) -> None:
        """Forget the frames."""
        self._sources, self._found = (), False
