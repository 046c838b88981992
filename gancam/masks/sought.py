"""In how many frames anybody was found whom a mask is to mark, for what is said of whole files."""

from collections.abc import Mapping

from gancam.frame import Image
from gancam.masks.combine import Union
from gancam.masks.faces import Faces
from gancam.masks.mask import Mask, MaskSource
from gancam.masks.person import Person

_NOBODY: Mapping[type[MaskSource], tuple[str, str]] = {
    Person: ("person", "who is small in it, far away, blurred or half hidden may be missed: crop it around them"),
    Faces: ("face", "what is smaller than a thirtieth of its longer side is not found"),
}
_FEW, _PERCENT = 0.5, 0.005  # of all frames: in fewer somebody was seldom found; and what is written as 1 %


def unfound(kind: type[MaskSource], found: int, frames: int, done: str) -> str:
    """Say that one of that `kind` was found in none of the `frames`, or few, and what was `done` in the others.

    Returns:
        Empty for a kind that finds nobody, and where there was somebody in half of them. Parts of a file of which the
        same is said make one of which it is true.
    """
    what, why = _NOBODY.get(kind, ("", ""))
    if not what or not frames or found >= _FEW * frames:
        return ""
    if not found:
        return f"no {what} was found in it, so {done}; {why}"
    share = f"{100 * found / frames:.0f} %" if found >= _PERCENT * frames else "less than 1 %"
    return f"a {what} was found in {share} of its frames only, so in the others {done}; {why}"


class Sought:
    """Masks of frames, and in how many somebody was marked since ``reset``."""

    def __init__(self) -> None:
        self._sources: list[MaskSource] = []
        self._found = self._frames = 0

    def __call__(self, source: MaskSource, image: Image, time: float | None) -> Mask:
        """Return the mask that `source` gives for a frame."""
        mask = source(image, time=time)
        self._sources = source.sources if isinstance(source, Union) else [source]
        self._found += bool(mask.any())
        self._frames += 1
        return mask

    def unfound(self, done: str) -> str:
        """Say that nobody was found in any frame, or few, and what was `done`; empty where that is not so."""
        said = [unfound(type(source), self._found, self._frames, done) for source in self._sources]
        return said[0] if said and all(said) else ""

    def reset(self) -> None:
        """Forget the frames."""
        self._sources = []
        self._found = self._frames = 0
