"""Sources of masks made of anything that gives masks, and kept as long as they are wanted."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gancam.errors import MaskError, NotFound, either, nearest
from gancam.masks.faces import Faces
from gancam.masks.files import MaskFile
from gancam.masks.mask import Fixed, Function, MaskSource
from gancam.masks.people.person import Person
from gancam.masks.track_file import MaskTrack

FOUND: dict[str, Callable[[], MaskSource]] = {"person": Person, "faces": Faces}
"""Sources that use bundled networks, by name."""
MaskLike: TypeAlias = MaskSource | NDArray[np.generic] | str | os.PathLike[str] | Callable[..., object]


def source(what: object) -> MaskSource:
    """Make a mask source from anything that gives masks.

    Args:
        what: one of `MaskLike`: a source, which is returned as it is; an array ``(H, W)``, used for every frame;
            ``"person"`` or ``"faces"``, found by bundled networks; the path of an image or of a mask track
            (``.json``); or a function ``image -> mask``.

    Raises:
        NotFound: there is no such file.
        MaskError: `what` is none of these, or the file holds no masks.
    """
    if isinstance(what, np.ndarray):
        return Fixed(what)
    if isinstance(what, str) and what in FOUND:
        return FOUND[what]()
    if isinstance(what, str) and not Path(what).exists() and (near := nearest(what, FOUND) or _known(what)):
        raise NotFound(f"mask {what}: no such file{near}")
    if isinstance(what, str | os.PathLike):
        return MaskTrack(what) if Path(what).suffix.lower() == ".json" else MaskFile(what)
    if isinstance(what, MaskSource):
        return what
    if callable(what):
        return Function(what)
    raise MaskError(
        f"{type(what).__name__} cannot be used as a mask: needs an array, a path, or a function image -> mask"
    )


def _known(text: str) -> str:
    """The end of a message on what is no file: what there is, where `text` is a word rather than a path."""
    word = Path(text).name == text and not Path(text).suffix
    return f"; needs {either((*FOUND, 'the path of an image or of a mask track (.json)'))}" if word else ""


def follows(text: str) -> bool:
    """Tell whether the mask named `text` changes from frame to frame and depends on earlier frames."""
    return isinstance(text, str) and (text in FOUND or text.lower().endswith(".json"))


class KeptSources:
    """Makes sources of masks, and keeps each while it is wanted, whatever else is wanted beside it.

    What is followed, who was found and what is held would else begin anew with every change of another parameter.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], MaskSource] = {}

    def __call__(self, wanted: Mapping[tuple[object, ...], Callable[[], MaskSource]]) -> list[MaskSource]:
        """Return the sources that are `wanted`, in that order; the others are forgotten.

        Args:
            wanted: What makes each, by all that it is made of.

        Raises:
            GancamError: What making one raises; those before are then kept.
        """
        made = self._made
        self._made = {told: made[told] if told in made else make() for told, make in wanted.items()}
        return list(self._made.values())

    def forget(self, *, but: type[MaskSource] | None = None) -> None:
        """Have all made anew, but those of a class."""
        self._made = {told: one for told, one in self._made.items() if but is not None and isinstance(one, but)}
