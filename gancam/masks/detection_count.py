"""Count the frames in which a detector found a person or a face, for notes on whole files."""

from collections.abc import Mapping, Sequence

import cv2

from gancam.frame import Image
from gancam.masks.faces import Faces
from gancam.masks.mask import Mask, MaskSource, check_mask
from gancam.masks.people.person import Person

_NOBODY: Mapping[type[MaskSource], tuple[str, str]] = {
    Person: ("person", "who is small in it, far away, blurred or half hidden may be missed: crop it around them"),
    Faces: ("face", "what is smaller than a thirtieth of its longer side is not found: crop it around them"),
}
_FEW, _PERCENT = 0.5, 0.005  # of all frames: in fewer somebody was seldom found; and what is written as 1 %


class DetectionCount:
    """Takes masks of frames from their source, and counts those that mark somebody since ``reset``."""

    def __init__(self) -> None:
        self._sources: Sequence[MaskSource] = ()
        self._found = self._frames = 0

    def __call__(self, source: MaskSource, image: Image, time: float | None) -> Mask:
        """Return the mask that `source` gives for a frame. Raises ``MaskError`` where it does not fit the frame."""
        mask = check_mask(source(image, time=time), image)
        self.add(source, found=cv2.hasNonZero(mask))
        return mask

    def add(self, source: MaskSource, *, found: bool) -> None:
        """Count a frame that `source` was shown, and whether it found somebody in it."""
        self._sources = source.parts
        self._found += found
        self._frames += 1

    def note(self, done: str) -> str:
        """Say that nobody was found in any frame, or in few, and what was `done` in the others.

        Returns:
            Empty where a source marks others than people and faces, and where somebody was in half of the frames. Parts
            of a file of which the same is said make one of which it is true.
        """
        said = [_NOBODY.get(type(source), ("", "")) for source in self._sources]
        if not said or not all(what for what, _ in said) or self._found >= _FEW * self._frames:
            return ""
        what, why = said[0]
        if not self._found:
            return f"no {what} was found in it, so {done}; {why}"
        share = self._found / self._frames
        percent = f"{100 * share:.0f} %" if share >= _PERCENT else "less than 1 %"
        return f"a {what} was found in {percent} of its frames only, so in the others {done}; {why}"

    def reset(self) -> None:
        """Forget the frames."""
        self._sources = ()
        self._found = self._frames = 0
