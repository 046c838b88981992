"""Whether anybody was found whom a mask is to mark, for what is said of whole files."""

from collections.abc import Mapping

from gancam.frame import Image
from gancam.masks.combine import Union
from gancam.masks.faces import Faces
from gancam.masks.mask import Mask, MaskSource
from gancam.masks.person import Person

_NOBODY: Mapping[type[MaskSource], tuple[str, str]] = {
    Person: ("no person was found in it", "who is smaller than a sixteenth of its height is not found"),
    Faces: ("no face was found in it", "what is smaller than a thirtieth of its longer side is not found"),
}


def nobody(kind: type[MaskSource], done: str) -> str:
    """Say that none of that `kind` was found, and what was `done` in consequence; empty for one that finds nobody."""
    what, why = _NOBODY.get(kind, ("", ""))
    return what and f"{what}, so {done}; {why}"


class Sought:
    """Masks of frames, and whether any marked somebody since ``reset``."""

    def __init__(self) -> None:
        self._sources: list[MaskSource] = []
        self._found = False

    def __call__(self, source: MaskSource, image: Image, time: float | None) -> Mask:
        """Return the mask that `source` gives for a frame."""
        mask = source(image, time=time)
        self._sources = source.sources if isinstance(source, Union) else [source]
        self._found |= bool(mask.any())
        return mask

    def unfound(self, done: str) -> str:
        """Say that nobody was found in any frame, and what was `done`; empty where that is not so."""
        said = [nobody(type(source), done) for source in self._sources]
        return said[0] if said and all(said) and not self._found else ""

    def reset(self) -> None:
        """Forget the frames."""
        self._sources, self._found = [], False
