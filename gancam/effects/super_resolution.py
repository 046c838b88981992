"""Super-resolution: the frame, `scale` times as wide and high; with a scale of 1 it is restored at its size."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects._contract import Effect, ModelEffect
from gancam.errors import ModelError
from gancam.frame import Image, check_size
from gancam.inference.card import scope
from gancam.inference.catalog import MODELS, menu
from gancam.inference.changes import ChangedTiles
from gancam.inference.model import Generator, ImageModel, Model
from gancam.inference.tiling import TileBudget, tiled
from gancam.inference.variants import read_card
from gancam.params import Params, parameter
from gancam.vision.blocks import deblocked
from gancam.vision.chroma import Settled, without_fringes
from gancam.vision.fit import scaled
from gancam.vision.planes import Planes
from gancam.vision.temporal import TemporalFilter

SHARES = Fraction(3, 4), Fraction(2, 3)  # of a side that the network is shown to save time; less is worse than bicubic
_FACES, _FACE = "sr-faces-x4", 64  # recipe of faces that fill the picture, and pixels of one from which sr-x4 is nearer
_ALIKE = 0.1  # dB of difference between precisions that nobody sees


_LOCAL = scope(
    "models that see the surroundings of a pixel alone, and carry nothing from frame to frame",
    lambda card: card.receptive_field > 0 and not card.recurrent,
)


@dataclass
class SuperResolutionParams(Params):
    """What can be set of `SuperResolution`."""

    strength: float = parameter(
        1.0, minimum=0.0, maximum=1.0, help="how much of the network's detail is added to plain bicubic scaling"
    )
    stabilise: float = parameter(
        0.0, minimum=0.0, maximum=1.0,
        help="how much a camera's noise is averaged away over the frames before, along motion",
    )  # fmt: skip
    clean: float = parameter(
        -1.0, minimum=-1.0, maximum=1.0, below="auto",
        help="how much of what compression did is taken away around the network: the blocks of JPEG of a quality under "
        "45, and colours beside their outlines; auto: of a picture by itself that is JPEG of a quality up to 90, the "
        "blocks, by the bundled models that enlarge",
    )  # fmt: skip
    threshold: float = parameter(
        -1.0, minimum=-1.0, maximum=64.0, below="off", scope=_LOCAL,
        help="compute only what changed by more grey levels: 0 changes nothing, about 40 passes a webcam's noise over; "
        "off: everything is computed",
    )  # fmt: skip


@dataclass
class _Memory:
    """What is remembered of frames, whatever network is shown them; it goes on from one quality level to another."""

    calm: TemporalFilter = field(default_factory=TemporalFilter)
    settled: Settled = field(default_factory=Settled)
    planes: Planes = field(default_factory=Planes)
    saving: bool = False  # whether unchanged parts of the last frame were kept
    size: tuple[int, int] = (0, 0)  # of the last frame


class SuperResolution(ModelEffect):
    """Enlarges or restores: ``(H, W, 3)`` -> ``(H * scale, W * scale, 3)``, any size from one pixel up.

    Each frame is on its own, unless a `threshold` above 0 lets it keep what hardly changed
    (``gancam.inference.changes.ChangedTiles``), or `stabilise` averages noise away before the network sees it
    (``gancam.vision.temporal.TemporalFilter``). The result belongs to the caller; its memory is used for a later one
    when neither it nor a view of it is held any more.

    Args:
        model: A model of images. Where its card gives no receptive field it sees all of a frame at once as long as
            memory allows, else tiles that fade into each other.
        params: What can be set while it runs.
        scale: The model's (None), or more: the rest is bicubic.
        share: Below one the network is shown a picture of that share of each side, and what that loses of the original
            is given back; with 0 it is shown nothing: plain bicubic scaling.
    """

    model: ImageModel
    params: SuperResolutionParams

    def __init__(
        self,
        model: ImageModel,
        params: SuperResolutionParams,
        *,
        scale: int | None = None,
        share: Fraction = Fraction(1),
    ) -> None:
        super().__init__(model, params)
        self._scale, self._share = scale or model.card.scale, share
        card, even = model.card, 2 * model.card.multiple
        self._reach = even * -(-card.receptive_field // even) if card.multiple > 1 else card.receptive_field
        self._memory, self._changed = _Memory(), self._changes()
        self._local = _LOCAL.holds(card)
        self._sharpens = card.scale > 1 and model.path.parent == MODELS  # an imported one may see to blocks by itself
        self._fringes = card.recipe.endswith("-gan")  # whether it draws colours
        self._darker = _darker(card.brightens)
        self._tiles = TileBudget(device=lambda: model.device, whole=0 if self._reach else card.scale)

    def _changes(self) -> ChangedTiles:
        """What the network made of the frames before, of which there are none."""
        return ChangedTiles(self._everything, scale=self.card.scale, overlap=self._reach, follows=True)

    @property
    def level(self) -> str:
        """Model, precision and share; what it is without the network."""
        if self._share == 0:
            return "bicubic" if self.output_size((1, 1)) != (1, 1) else "plain picture"
        return f"{self.card.name} {self.card.precision}" + (f" at {self._share}" if self._share != 1 else "")

    def arguments(self) -> Mapping[str, object]:
        """Tell what else it is made with; see ``ModelEffect``."""
        return {"scale": self._scale, "share": self._share}

    def compute(self, image: Image, time: float | None) -> Image:
        """Enlarge `image`."""
        strength = self.params.strength
        if strength == 0.0 or self._share == 0:
            return self._interpolate(image)
        clean = self.params.clean
        self._memory.size = image.shape[1], image.shape[0]
        if clean > 0.0:
            image = deblocked(image, clean)
        elif self._undoes_blocks(time):
            image = deblocked(image, 1.0, sharpened=True)
        if self.params.stabilise > 0.0:
            image = self._memory.calm(image, self.params.stabilise)
        else:
            self._memory.calm.reset()
            self._memory.settled.reset()
        sharp = self._sharpen(image, time)
        if self._fringes:
            sharp = without_fringes(sharp, image, self._memory.planes, out=None if self._memory.saving else sharp)
        if clean > 0.0:
            sharp = self._memory.settled(sharp, clean, still=self.params.stabilise > 0.0)
        if strength == 1.0:
            return sharp
        return np.asarray(cv2.addWeighted(sharp, strength, self._interpolate(image), 1.0 - strength, 0.0), np.uint8)

    def _sharpen(self, image: Image, time: float | None) -> Image:
        size = image.shape[1], image.shape[0]
        if self._share == 1:
            sharp = self._upscale(image, time)
        else:
            small = scaled(size, self._share)
            sharp = self._upscale(_resized(image, small, cv2.INTER_LINEAR), time)
            # Back-projection (Irani and Peleg 1991, https://doi.org/10.1016/1049-9652(91)90045-L), one step, at the
            # network's size and in 8 bits, 128 for zero: what the result lacks of the image, where both are comparable.
            lost = cv2.addWeighted(image, 1, _resized(sharp, size, cv2.INTER_LINEAR), -1, 128)
            lost = cv2.resize(lost, (sharp.shape[1], sharp.shape[0]), interpolation=cv2.INTER_CUBIC)
            sharp = np.asarray(cv2.addWeighted(sharp, 1, lost, 1, -128), np.uint8)
        return _resized(sharp, self.output_size(size), cv2.INTER_CUBIC)

    def _upscale(self, image: Image, time: float | None) -> Image:
        if self._darker is not None:
            image = np.asarray(cv2.LUT(image, self._darker), np.uint8)
        threshold = self.params.threshold
        self._memory.saving = threshold >= 0 and self._local
        if not self._memory.saving:
            self._changed.reset()
            return self._everything(image)
        return self._changed(image, threshold=threshold, time=time)

    def _everything(self, image: Image) -> Image:
        card = self.card
        if card.recurrent:
            return self._network(image)
        return tiled(
            self._network, image, scale=card.scale, overlap=self._reach, multiple=card.multiple, budget=self._tiles
        )

    def _network(self, image: Image) -> Image:
        """Any size: enlarged to what the model takes by repeating the border."""
        card, (height, width) = self.card, image.shape[:2]
        more = [card.multiple * -(-max(side, card.minimum) // card.multiple) - side for side in (height, width)]
        if not any(more):
            result: Image = self.model(image[None])[0][0]
            return result
        image = np.asarray(cv2.copyMakeBorder(image, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE), np.uint8)
        return np.ascontiguousarray(self.model(image[None])[0][0][: height * card.scale, : width * card.scale])

    def _undoes_blocks(self, time: float | None) -> bool:
        """Whether blocks are looked for as `clean=auto` has it: frames of a video are not JPEG, and are many."""
        return self.params.clean < 0.0 and time is None and self._sharpens

    def _interpolate(self, image: Image) -> Image:
        return _resized(image, self.output_size((image.shape[1], image.shape[0])), cv2.INTER_CUBIC)

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give (width, height) of the output for an input of `size`, also (width, height); see ``Effect``."""
        width, height = check_size(size)
        return width * self._scale, height * self._scale

    def bare_model(self, size: tuple[int, int], *, time: float | None = None) -> ImageModel | None:
        """Name the model, where all of the frame is its own, enlarged at once."""
        whole = self._share == 1 and self._scale == self.card.scale and size[0] * size[1] <= 2 * self._tiles.limit
        params = self.params
        more = params.strength != 1.0 or max(params.stabilise, params.clean) > 0.0 or params.threshold >= 0
        more = more or self._fringes or self._darker is not None or self._undoes_blocks(time)
        if not whole or more:
            return None
        with self._lock:
            self._memory.saving = False
            self._changed.reset()
            self._memory.calm.reset()
        return self.model

    def reset(self) -> None:
        """Forget the frames before."""
        with self._lock:
            super().reset()
            self._memory, self._changed = _Memory(), self._changes()

    def continue_from(self, before: Effect) -> None:
        """Take what was averaged of the frames before; what another model made of them is made anew."""
        if not isinstance(before, SuperResolution):
            super().continue_from(before)
        elif before is not self:
            with self._lock, before._lock:
                self._changed.reset()
                self._memory, before._memory = before._memory, self._memory
                fit = (self.card.name, self._share) == (before.card.name, before._share)
                self._take_states(before, fit=fit)

    @property
    def remembers(self) -> bool:
        """Whether it keeps what hardly changed: with a threshold of 0, what it keeps is what it would compute."""
        return self.card.recurrent or (self._local and self.params.threshold > 0) or self.params.stabilise > 0

    @property
    def status(self) -> str:
        """How much of the picture was computed last, where unchanged parts are kept."""
        return f"{self.card.name}: {self._changed.latest:.0%} computed" if self._memory.saving else ""

    @property
    def notes(self) -> list[str]:
        """How much was computed, where unchanged parts were kept; whether frames are no faces as it learnt."""
        share, (width, height) = self._changed.share, self._memory.size
        found = []
        if share < 1:
            found.append(f"{self.card.name}: {share:.0%} of the pixels were computed, the rest had not changed")
        if self.card.recipe == _FACES and min(width, height) > _FACE:
            cure = "-e sr-x4 is nearer to what it was"
            found.append(f"{self.card.name}: learnt from faces of 32x32 pixels; this has {width}x{height}: {cure}")
        return found

    def quality_levels(self) -> "Sequence[Sequence[SuperResolution]]":
        """Offer the models, this one and its cheaper kin, then the last of them with less to do, at last none.

        This order is that of PSNR measured on Set14: a cheaper model that sees all of the picture is better than a dear
        one that does not.
        """
        levels = [self.model.alike(), *(self.model.alike(path) for path in _kin(self.model))]
        levels = [graded for models in levels for graded in _graded(models)]
        last = levels[-1]
        offered = [*((models, Fraction(1)) for models in levels), *((last, share) for share in SHARES)]
        return [
            [SuperResolution(model, type(self.params)(), scale=self._scale, share=share) for model in models]
            for models, share in [*offered, (last[:1], Fraction(0))]
        ]


def _darker(brightens: Mapping[str, float]) -> NDArray[np.uint8] | None:
    """The level that a network is shown for each, for flat greys to come out as they are; None where they do."""
    if not brightens:
        return None
    known = np.array(sorted((float(level), more) for level, more in brightens.items()))
    levels = np.arange(256.0)
    made = levels + np.interp(levels, known[:, 0], known[:, 1])
    return np.asarray(np.abs(made - levels[:, None]).argmin(1), np.uint8)


def _resized(image: Image, size: tuple[int, int], how: int) -> Image:
    if (image.shape[1], image.shape[0]) == size:
        return image
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def _kin(model: ImageModel) -> list[Path]:
    """Find the bundled models that do the same for less than a bundled one.

    Each is smaller than the one before, of the same style or a plainer one, at the same scale or a smaller one that
    still enlarges, the nearest first.
    """
    if model.path.parent != MODELS:
        return []
    found = []
    for path in menu().values():
        card, style = read_card(path), _style(path.stem)
        fits = card.effect == model.card.effect and 1 < card.scale <= model.card.scale
        if fits and card.parameters < model.card.parameters and _style(model.card.name)[: len(style)] == style:
            found.append((-card.scale, -card.parameters, path))
    kin: list[tuple[int, int, Path]] = []
    for one in sorted(found):  # one of a smaller scale may be dearer than what comes before it
        if not kin or one[1] > kin[-1][1]:
            kin.append(one)
    return [path for *_, path in kin]


def _style(name: str) -> list[str]:
    """Take scale and speed out of a model's name.

    sr-x4-gan is ["sr", "gan"]; sr-x2 and sr-x2-fast are ["sr"], a plainer one.
    """
    return [part for part in name.split("-") if part != "fast" and not (part[:1] == "x" and part[1:].isdecimal())]


def _graded(models: list[ImageModel]) -> Iterator[list[ImageModel]]:
    """The precisions of one model by what their cards tell: those as good as the best, then the others."""
    figures = [[value for key, value in model.card.quality.items() if key.startswith("psnr_y")] for model in models]
    grades = [sum(values) / len(values) if values else 0.0 for values in figures]
    best = max(grades, default=0.0)
    for wanted in (True, False):
        group = [model for model, grade in zip(models, grades, strict=True) if (grade > best - _ALIKE) == wanted]
        if group:
            yield group


def build(model: Model, params: Mapping[str, object]) -> SuperResolution:
    """Make the effect of a loaded model. Raises ``ModelError`` for one that cannot enlarge, ``ParameterError``."""
    if isinstance(model, Generator):
        raise ModelError(f"{model.path}: is a generator, not a model for super-resolution")
    if not isinstance(model, ImageModel):
        raise ModelError(
            f"{model.path}: inpaints (layout {model.card.layout}); this needs a model for super-resolution"
        )
    return SuperResolution(model, SuperResolutionParams.suited(model.card).of(**params))
