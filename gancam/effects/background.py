"""What is behind people: blurred, or another picture or colour."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam import masks
from gancam.effects._contract import ModelEffect
from gancam.errors import MaskError, ModelError, NotFound, ParameterError, SourceError
from gancam.frame import Frame, Image
from gancam.inference.model import ImageModel, Model
from gancam.masks.detection_count import DetectionCount
from gancam.masks.opening import meet, patiently
from gancam.media.images import read_colours
from gancam.params import Params, parameter
from gancam.vision.bars import find_picture
from gancam.vision.blend import composite
from gancam.vision.fit import scaled, shrunk
from gancam.vision.matting import own_colours
from gancam.vision.planes import Planes

_WIDEST = 24  # of the shorter side of the frame: the blur's radius at 1 is one part of so many
_SMALL = 180  # pixels of the shorter side at which is blurred
_SOMEBODY = 127  # opacity that only somebody has
_NOTHING = "transparent"  # the colour of what is not there
_BOXES = 3  # blurs by a box, one after the other, are as good as a Gaussian, and 20 times as fast


def _check_colour(text: str) -> None:
    """Raise ``MaskError`` for what is no colour, none and not nothing."""
    if text and text.lower() != _NOTHING:
        try:
            masks.parse_colour(text)
        except MaskError as error:
            raise MaskError(f"{error}; {_NOTHING} leaves nothing there") from error


@dataclass
class BackgroundParams(Params):
    """What can be set of `Background`."""

    blur: float = parameter(0.6, minimum=0.0, maximum=1.0, help="how much what is behind people is blurred")
    image: str = parameter(
        "", kind="file", form="the path of a picture", help="a picture to be seen behind people instead"
    )
    colour: str = parameter(
        "", kind="colour", parse=_check_colour,
        form=f"#rrggbb, a colour's name or {_NOTHING}",
        help="a colour to be seen behind people instead; transparent: nothing, in files that hold that",
    )  # fmt: skip
    strength: float = parameter(1.0, minimum=0.0, maximum=1.0, help="how much of that is seen")
    stabilise: float = parameter(
        0.7, minimum=0.0, maximum=1.0, help="how much of the frame before stays where people's edges are not certain"
    )


@dataclass
class _Memory:
    """What is remembered of frames, beside the people in them: how much is seen of the last, and who was found."""

    opacity: Image = field(default_factory=lambda: np.zeros((1, 1), np.uint8))
    detections: DetectionCount = field(default_factory=DetectionCount)


class Background(ModelEffect):
    """Changes what is behind people: ``(H, W, 3)`` -> the same size.

    People leave as they came, to the byte, where the network is sure of them. The blur takes nothing of them along, so
    that they have no halo, and leaves black bars as they are; before a picture or a colour, edges lose what they show
    of what was behind. A frame without people is all background.

    Args:
        model: A network as ``gancam.masks.Person`` takes it.
        params: What can be set while it runs.
    """

    model: ImageModel
    params: BackgroundParams

    def __init__(self, model: ImageModel, params: BackgroundParams) -> None:
        super().__init__(model, params)
        self._person, self._planes = masks.Person(model), Planes()
        self._memory = _Memory()
        self._picture = lru_cache(maxsize=1)(_picture)
        self._behind = lru_cache(maxsize=1)(partial(_instead, self._picture))  # of `self` it would keep the model alive
        if params.image:
            self._picture(params.image)  # what is wrong with it is found now

    def compute(self, image: Image, time: float | None) -> Image:
        """Put people over what the parameters say is behind them."""
        params = self.params
        if params.strength == 0.0:
            return image
        self._person.hold = params.stabilise
        people = self._person.opacity(image, time=time)
        self._memory.detections.add(self._person, found=int(people.max()) > _SOMEBODY)
        if params.colour.lower() == _NOTHING and not params.image:
            return self._cut_out(image, people)
        if not params.image and not params.colour:
            # half a blur, not half of one over what is sharp, whose edges would be double
            picture = find_picture(image, still=time is None)
            blurred = _blurred(picture.without_bars(image), people, params.blur * params.strength, self._planes)
            return picture.with_bars(composite(blurred, image, "normal", people, planes=self._planes), image)
        behind = self._behind(params.image, params.colour, (image.shape[1], image.shape[0]))
        own = own_colours(image, people, self._planes)
        if params.strength < 1.0:
            behind, own = (
                np.asarray(cv2.addWeighted(one, params.strength, image, 1 - params.strength, 0), np.uint8)
                for one in (behind, own)
            )
        return composite(behind, own, "normal", people, planes=self._planes)

    def _cut_out(self, image: Image, people: Image) -> Image:
        """People in their own colours, before black where nothing of them is; ``opacity`` is theirs from now on."""
        share = self.params.strength
        self._memory.opacity = np.asarray(cv2.convertScaleAbs(people, alpha=share, beta=255 * (1 - share)), np.uint8)
        if share < 1.0:
            return image
        return np.asarray(cv2.copyTo(own_colours(image, people, self._planes), people), np.uint8)

    @property
    def opacity(self) -> Image | None:
        """The opacity of people, where nothing is to be behind them."""
        return self._memory.opacity if self.params.colour.lower() == _NOTHING and self.params.strength else None

    def prefer_quality(self) -> None:
        """Look for people more often."""
        patiently([self._person])

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        """See in the first frames who is in the first one; see ``Effect``."""
        self._person.hold = self.params.stabilise
        meet([self._person], frames)

    def reset(self) -> None:
        """Forget the frame before."""
        with self._lock:
            super().reset()
            self._person.reset()
            self._memory = _Memory()

    @property
    def detection_note(self) -> str:
        """That nobody was found, so all was taken for background, or in how few frames somebody was found."""
        replaced = bool(self.params.image or self.params.colour)
        if not (replaced or self.params.blur):
            return ""
        return self._memory.detections.note(f"all of it was {'replaced' if replaced else 'blurred'}")

    @property
    def remembers(self) -> bool:
        """True: people are looked for where they were in the frame before."""
        return True


def _picture(path: str) -> Image:
    """The picture in a file. Raises ``NotFound``, ``SourceError``."""
    if not Path(path).is_file():
        raise NotFound(f"image={path}: no such file")
    try:
        return read_colours(Path(path))
    except SourceError as error:
        raise SourceError(f"image={error}") from error


def _covering(picture: Image, size: tuple[int, int]) -> Image:
    """The middle of `picture`, as large as it can be in that shape, at `size` (width, height)."""
    height, width = picture.shape[:2]
    share = min(width / size[0], height / size[1])
    across, down = scaled(size, share)
    left, top = (width - across) // 2, (height - down) // 2
    how = cv2.INTER_AREA if share > 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture[top : top + down, left : left + across], size, interpolation=how), np.uint8)


def _blurred(image: Image, people: NDArray[np.uint8], amount: float, planes: Planes) -> Image:
    """`image` blurred as if there were no `people` (0 to 255): each pixel counts for what of it is none of them."""
    height, width = image.shape[:2]
    shrink = max(min(height, width) / _SMALL, 1.0)
    size = shrunk((width, height), shrink)
    sigma = amount * min(size) / _WIDEST
    if sigma < 0.1:
        return image
    small = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2BGRA)
    rest = 1 - cv2.resize(people, size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    rest = np.maximum(rest * rest, np.float32(1e-4))  # half a person is not to be seen either
    one, two = (planes(name, (*rest.shape, 4), np.float32) for name in ("one", "two"))  # colours, and 255 of weight
    np.copyto(one, small)
    spread = cv2.multiply(one, cv2.merge([rest] * 4, dst=two), dst=one)
    box = (2 * round((math.sqrt(12 * sigma**2 / _BOXES + 1) - 1) / 2) + 1,) * 2
    for turn in range(_BOXES):
        spread = cv2.blur(spread, box, dst=one if turn % 2 else two)
    weight = cv2.merge([cv2.extractChannel(spread, 3)] * 4)
    made = cv2.cvtColor(cv2.convertScaleAbs(cv2.divide(spread, weight, scale=255), beta=-0.5), cv2.COLOR_BGRA2BGR)
    whole = planes("whole", image.shape, np.uint8)
    return np.asarray(cv2.resize(made, (width, height), dst=whole, interpolation=cv2.INTER_LINEAR), np.uint8)


def _instead(picture: Callable[[str], Image], path: str, colour: str, size: tuple[int, int]) -> Image:
    """What is seen behind people instead: the `picture` in `path`, else a colour; the same for each frame."""
    if path:
        return _covering(picture(path), size)
    return np.full((size[1], size[0], 3), masks.parse_colour(colour)[::-1], np.uint8)


def build(model: Model, params: Mapping[str, object]) -> Background:
    """Make the effect of a loaded model.

    Raises:
        ModelError: For a model that gives no image of the same size.
        ParameterError: For a parameter that does not exist, or cannot have that value; a picture and a colour at once.
        NotFound: For a picture that is not there.
    """
    if not isinstance(model, ImageModel) or model.card.scale != 1:
        raise ModelError(f"{model.path}: is not a network that finds people, which background needs")
    checked = BackgroundParams.of(**params)
    if checked.image and checked.colour:
        raise ParameterError(f"image={checked.image!r} and colour={checked.colour!r}: only one can be behind people")
    return Background(model, checked)
