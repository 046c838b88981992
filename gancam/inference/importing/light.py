"""Networks that change the light of pictures: far from what they are shown, and right all the same."""

from dataclasses import dataclass

import numpy as np

from gancam.frame import Image
from gancam.inference.importing import pictures
from gancam.inference.importing.convention import Convention, Floats
from gancam.inference.importing.foreign import Foreign
from gancam.inference.importing.measure import usual_side
from gancam.inference.importing.trial import TrialFailed

_LEFT, _MOVED = 12.0, 24.0  # grey levels of `Light.left` and `Light.moved` beyond which more than the light changes
_KEPT, _AWAY = 8.0, 16.0  # by which black and white move that stay, and at least those that do not
_LESS, _GAIN = 0.75, 1.5  # times what is left, and grey levels less of it, that say that much is explained
_SAME, _ROUND = 1.3, 0.5  # times what is left, and grey levels more, that may be left as well
_NEAR, _ABOUT = 1.6, 1.0  # the same of what is worth a doubt


@dataclass(frozen=True)
class Light:
    """What came of a picture, apart from its light.

    Attributes:
        left: Grey levels of its gist that the best rising curve for each colour does not explain.
        moved: Grey levels by which black or white moved, the larger of the two.
    """

    left: float
    moved: float

    @property
    def alone(self) -> bool:
        """Whether hardly anything but the light changed."""
        return self.left <= _LEFT and self.moved <= _MOVED

    def explains(self, other: "Light") -> bool:
        """Whether that is so about as well as of the `other`."""
        return self.moved <= _MOVED and self.left <= _NEAR * other.left + _ABOUT

    def explains_more(self, other: "Light") -> bool:
        """Whether it keeps black and white, and the `other` moves them or loses more of the picture."""
        if self.moved > _KEPT:
            return False
        loses = self.left <= min(_LESS * other.left, other.left - _GAIN)
        return loses or (other.moved >= self.moved + _AWAY and self.left <= _SAME * other.left + _ROUND)


def light(graph: Foreign, meant: Convention, made: Floats, image: Image) -> Light:
    """How `made` of `image`, under that convention, and of vivid photos differs from them apart from the light.

    Infinitely where the sizes differ, or what comes out has fewer colours than what goes in.
    """
    if meant.scale > 1 or meant.cut or meant.output_channels == 1 or made.shape != image.shape:
        return Light(float("inf"), float("inf"))
    vivid = pictures.shown(*usual_side(meant), 1, "clean", "vivid")
    try:
        found = graph.picture(vivid, meant)
    except TrialFailed:
        return Light(float("inf"), float("inf"))
    if found.shape != vivid.shape or not np.isfinite(found).all():
        return Light(float("inf"), float("inf"))
    ends = [float(np.abs(found[vivid == end] - end).mean()) if (vivid == end).any() else 0.0 for end in (0, 255)]
    return Light(pictures.untoned(made, image), max(ends))
