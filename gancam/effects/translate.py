"""Image to image: a style, colours for grey pictures, photos from drawings; whatever a network was taught."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam import masks
from gancam.effects._contract import ModelEffect
from gancam.errors import ModelError
from gancam.frame import Image, check_image
from gancam.inference.buffers import BufferPool
from gancam.inference.card import Strokes
from gancam.inference.model import Generator, ImageModel, Model
from gancam.inference.place import Place
from gancam.inference.tiling import TileBudget, tiled
from gancam.params import Params, parameter
from gancam.vision.bars import find_picture
from gancam.vision.blend import Region, composite
from gancam.vision.chroma import chroma_of, coloured
from gancam.vision.clarity import with_clarity
from gancam.vision.cutout import ground
from gancam.vision.fit import scaled, shrunk, within
from gancam.vision.flow import DenseFlow
from gancam.vision.guided import fine_lines
from gancam.vision.motion import Grey, is_cut, small_grey
from gancam.vision.noise import even
from gancam.vision.pan import Pan
from gancam.vision.planes import Planes
from gancam.vision.strokes import (
    enlarged_clean,
    enlarged_hatching,
    enlarged_levels,
    fine_structure,
    laid_on,
    mixed_by,
    with_broad_lines,
)
from gancam.vision.tint import Tint
from gancam.vision.tones import Exposure, as_dark, without_veil

SHARES = Fraction(3, 4), Fraction(1, 2), Fraction(3, 8), Fraction(1, 4)  # of the work size, to save time
_FINER = 1.5  # times the work size, at most, that an unhurried style is shown
_REST = 0.3  # pixels of the small picture in which motion is looked for: less is none, so that noise moves nothing
_SAME, _OTHER = 6.0, 24.0  # grey levels of change that are noise, and that make it another thing
_MEAN = np.array([[1 / 3, 1 / 3, 1 / 3, 0]], np.float32)  # of colours
_HELD = 0.9  # how much of the frame before stays, at most, where nothing changed
_SOFT = 90  # of the shorter side of the frame: how wide a mask's edge is
_SEEN, _BUSY, _AROUND = 160, 60.0, 9  # detail: on how many pixels, from which slope on it is full, its neighbourhood
_THUMBNAIL = 128  # pixels of the longer side up to which a network draws single things
_LOST = (
    "{name} draws {size} pixels across, single things before a plain ground: of a scene it leaves little; region= or "
    "mask= say where it is seen"
)
_LINES = "lines", "hatched"


class _Held(NamedTuple):
    """What `stabilise` keeps of a frame: what the network saw, the same in grey, and what was shown.

    OpenCV moves four channels more quickly than three, so ``seen`` and ``shown`` have four.
    """

    seen: NDArray[np.uint8]
    grey: Grey
    shown: NDArray[np.float32]


@dataclass
class TranslateParams(Params):
    """What can be set of `Translate`."""

    strength: float = parameter(1.0, minimum=0.0, maximum=1.0, help="how much of the network's picture is seen")
    work_size: int = parameter(
        0, minimum=0, maximum=8192, formerly="working",
        help="pixels of the longer side that the network is shown; 0: what suits it, more is slower and finer",
    )  # fmt: skip
    scale: float = parameter(
        1.0, minimum=0.5, maximum=4.0,
        help="how large strokes, cells and lines are, but for what is narrower than they; below 1 slower by the square",
    )  # fmt: skip
    readable: float = parameter(
        0.0, minimum=0.0, maximum=1.0,
        help="how far it recedes where there is detail to see, as in faces and letters",
    )  # fmt: skip
    clarity: float = parameter(
        1.0, minimum=0.0, maximum=2.0,
        help="how far weak shapes, such as those of a pale face, are brought out before a style draws them",
    )  # fmt: skip
    colours: float = parameter(0.0, minimum=0.0, maximum=1.0, help="how much of the frame's own colours is kept")
    stabilise: float = parameter(
        0.0, minimum=0.0, maximum=1.0, formerly="steady",
        help="how much flicker is damped: where nothing changed, the frame before stays",
    )  # fmt: skip
    anchor: str = parameter(
        "scene", choices=("scene", "frame"),
        help="what hatching, panes, dabs and paper stay with when the camera moves: the scene or the frame",
    )  # fmt: skip
    region: str = parameter(
        "full",
        kind="region",
        parse=Region.parse,
        form="x/y/width/height in shares of the frame, or full",
        help="where it is seen",
    )
    mask: str = parameter(
        "", kind="file", words=("person", "faces"),
        help="person or faces, or an image or a mask track that marks where it is seen",
    )  # fmt: skip
    outside: bool = parameter(False, help="seen outside the mask and the region instead")


class Translate(ModelEffect):
    """Translates image to image: ``(H, W, 3)`` -> the same size, any from one pixel up.

    The network is shown the frame at its work size; what comes out is enlarged along the edges of the frame itself
    (fast guided filter, https://arxiv.org/abs/1505.00996). A model that keeps luma gives each pixel the luma it had, to
    a grey level, and colours that agree within outlines (see ``Tint``). Each frame is on its own unless `stabilise` is
    above 0, or the model's texture goes along with the scene (see ``Pan``).

    Args:
        model: A model of images that keeps their size.
        params: What can be set while it runs.
        mask: Anything that ``masks.source`` takes, instead of the parameter's.
        share: Below one the work size is that share of what it would be.
        unhurried: Whether ``take_time`` was called: a style then draws larger frames more finely.
    """

    model: ImageModel
    params: TranslateParams

    def __init__(
        self, model: ImageModel, params: TranslateParams, *, mask: object = None, share: Fraction = Fraction(1),
        unhurried: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(model, params)
        self._share, self._unhurried = share, unhurried
        self._marked = None if mask is None else masks.source(mask)
        self._source = lru_cache(maxsize=1)(masks.source)
        self._tiles = TileBudget(device=lambda: model.device)
        self._flow, self._tint, self._pan = DenseFlow(_REST), Tint(), Pan()
        self._moved = 0.0, 0.0  # how far the scene has, down and to the right, in shares of the picture
        self._begins: Place = 0, 0  # where in the texture the picture that the network is shown does
        self._planes, self._buffers = Planes(), BufferPool()  # what a frame is made in, and frames that were given
        self._told: tuple[str, ...] = ()
        self._before: dict[tuple[int, ...], _Held] = {}  # of the frame before, by shape

    def arguments(self) -> Mapping[str, object]:
        """Tell what else it is made with; see ``ModelEffect``."""
        return {"mask": self._marked, "share": self._share, "unhurried": self._unhurried}

    def compute(self, image: Image, time: float | None) -> Image:
        """Translate `image`."""
        params = self.params
        self._look(image)
        alpha = self._alpha(image, time)
        if params.strength == 0.0 or (alpha is not None and not alpha.any()):
            return image.copy()
        if alpha is None and self._is_lost(image):
            self._told = (_LOST.format(name=self.card.name, size=self.card.work_size),)
        result = self._style(image) if self.card.keeps == "black" else self._translated(image)
        if params.colours > 0.0 and self.card.keeps != "luma":
            grey = np.asarray(cv2.cvtColor(result, cv2.COLOR_BGR2GRAY), np.uint8)
            own = coloured(grey, chroma_of(image))
            result = own if params.colours == 1.0 else _mixed(own, result, params.colours)
        if params.readable > 0.0:
            shown = _receding(image, params.readable)
            alpha = shown if alpha is None else np.asarray(cv2.multiply(alpha, shown, scale=1 / 255), np.uint8)
        if alpha is not None:
            if params.strength < 1.0:
                alpha = np.asarray(cv2.convertScaleAbs(alpha, alpha=params.strength), np.uint8)
            return composite(image, result, "normal", alpha, planes=self._planes)
        return result if params.strength == 1.0 else _mixed(result, image, params.strength)

    @property
    def level(self) -> str:
        """Model, precision and share."""
        return f"{self.card.name} {self.card.precision}" + (f" at {self._share}" if self._share != 1 else "")

    def quality_levels(self) -> "Sequence[Sequence[Translate]]":
        """Offer the model in each of its precisions, then the same with a smaller work size."""
        models = self.model.alike()
        return [
            [Translate(model, TranslateParams(), mask=self._marked, share=share) for model in models]
            for share in (Fraction(1), *SHARES)
        ]

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know: a scene shown to a network of single things, say."""
        return [*self._told, *(note for source in self._masks() for note in source.notes)]

    def _masks(self) -> list[masks.MaskSource]:
        kept = [] if self._marked is None else [self._marked]
        return [*kept, self._source(self.params.mask)] if self.params.mask else kept

    def _is_lost(self, image: Image) -> bool:
        """Whether the network draws far smaller than `image` is, and that is no single thing before a plain ground."""
        small = 0 < self.card.work_size <= _THUMBNAIL and max(image.shape) >= 4 * self.card.work_size
        return small and not self._told and not self.params.work_size and ground(image) is None

    def take_time(self) -> None:
        """Draw frames that are larger than its work size up to half as large again."""
        self._unhurried = True

    @property
    def remembers(self) -> bool:
        """Whether frames before this one may show in it."""
        return self._follows or not self.skims

    @property
    def skims(self) -> bool:
        """Whether nothing but the scene's motion is remembered, which is quickly seen."""
        calm = self.params.stabilise == 0.0 and not self.card.recurrent
        return calm and self._marked is None and not masks.follows(self.params.mask)

    def skim(self, image: Image, *, time: float | None = None) -> None:
        """See how far the scene moves, where nothing else is remembered."""
        if not self.skims:
            super().skim(image, time=time)
            return
        with self._lock:
            self._look(check_image(image))

    def bare_model(self, size: tuple[int, int]) -> ImageModel | None:
        """Name the model, where it is shown all of the frame as it is, and all that it makes is seen."""
        params, card = self.params, self.card
        marked = self._marked is not None or params.mask or params.region != "full" or params.outside
        mixed = params.strength != 1.0 or max(params.readable, params.colours, params.stabilise) > 0.0
        seen = min(params.work_size or card.work_size or max(size), max(size)) * self._share / params.scale
        cut = card.receptive_field and size[0] * size[1] > 2 * self._tiles.limit
        if marked or mixed or cut or card.keeps != "nothing" or seen != max(size):
            return None
        with self._lock:
            self._before = {}
        return self.model

    def reset(self) -> None:
        """Forget the frames before, those of masks too."""
        with self._lock:
            super().reset()
            self._before = {}
            self._tint.reset()
            self._pan.reset()
            for source in self._masks():
                source.reset()

    def _style(self, image: Image) -> Image:
        """Translate what is within black bars, which stay as they are, and keep dark what is.

        A dark frame is shown as light as the network knows photos, and what it makes of it is as dark again.
        """
        picture = find_picture(image)
        whole = picture.without_bars(image)
        exposure = Exposure.of(whole)
        if exposure is not None:
            lit = np.asarray(cv2.LUT(whole, exposure.up, dst=self._planes("lit", whole.shape, np.uint8)), np.uint8)
            drawn = exposure.applied(self._translated(lit), whole, self._planes)
        else:
            drawn = self._translated(without_veil(whole) if self.card.strokes in _LINES else whole)
        return picture.with_bars(as_dark(drawn, whole, self._planes), image)

    def _translated(self, image: Image) -> Image:
        height, width = image.shape[:2]
        longest = max(height, width)
        most = longest if self.card.strokes == "any" else 2 * longest  # lines would be too broad for a small frame
        usual = self.card.work_size or longest
        if self._unhurried and self.card.keeps == "black":
            usual = max(usual, min(longest, round(_FINER * usual)))
        work_size = min(self.params.work_size or usual, most)
        coarse = 1.0 if self.card.keeps == "luma" else max(self.params.scale, 1.0)
        shrink = float(work_size * self._share) / longest / (self.params.scale / coarse)
        size = scaled((width, height), shrink)
        how = cv2.INTER_AREA if shrink < 1.0 else cv2.INTER_CUBIC
        noisy = self.card.keeps == "black"
        wide = even(image) if noisy and shrink > 1.0 else image  # noise is told before it is enlarged
        small = wide if shrink == 1.0 else np.asarray(cv2.resize(wide, size, interpolation=how), np.uint8)
        if self.card.keeps == "luma":
            return self._tint(image, small, self._network, self.params.stabilise)
        found = self._drawn(even(small) if noisy and shrink <= 1.0 else small, coarse)
        if shrink > 1.0:
            return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        if shrink == 1.0:
            return found
        out = self._buffers.take(image.shape)
        return _enlarged(found, small, image, self._planes, out, self.card.strokes)

    def _drawn(self, image: Image, scale: float) -> Image:
        """What the network makes of `image`, with strokes `scale` times as large where nothing is finer than those.

        The network draws smaller pictures for that: one, whose dabs are laid on the frame, or, where it draws lines,
        some, each half as large as the one before.
        """
        before, self._before = self._before, {}
        if scale > 1.0 and self.card.strokes == "laid":
            seen = _smaller(image, scale)
            return laid_on(image, seen, self._shown(seen, before))
        found = self._shown(image, before)
        scales = [scale]
        while scales[-1] > 2.0:
            scales.append(scales[-1] / 2)
        for wide in reversed(scales if scale > 1.0 else ()):
            broad = enlarged_clean(self._shown(_smaller(image, wide), before), (image.shape[1], image.shape[0]))
            mix = with_broad_lines if self.card.strokes in _LINES else mixed_by
            found = mix(found, broad, fine_structure(image, wide))
        return found

    def _shown(self, seen: Image, before: Mapping[tuple[int, ...], _Held]) -> Image:
        """What the network makes of `seen`; as `stabilise` has it, with what was kept of the frame before."""
        clear = with_clarity(seen, self.params.clarity, self._planes) if self.card.keeps == "black" else seen
        found = self._network(clear)
        return self._steadied(seen, found, before.get(seen.shape)) if self.params.stabilise > 0.0 else found

    def _network(self, image: Image) -> Image:
        """Any size: enlarged to what the model takes by repeating the border, large ones in tiles."""
        height, width = image.shape[:2]
        self._begins = self._place(image.shape)
        multiple = self.card.multiple
        least = max(self.card.minimum, 1)
        more = [multiple * -(-max(side, least) // multiple) - side for side in (height, width)]
        if any(more):
            image = np.asarray(cv2.copyMakeBorder(image, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE), np.uint8)
        overlap = 0 if self.card.recurrent else self.card.receptive_field  # 0: there is no cutting
        budget = self._tiles if overlap else None
        found = tiled(self._run, image, scale=1, overlap=overlap, limit=image.size, multiple=multiple, budget=budget)
        return np.ascontiguousarray(found[:height, :width])

    @property
    def _follows(self) -> bool:
        return self.params.anchor == "scene" and self.card.keeps == "black" and self.model.texture_step > 0

    def _look(self, image: Image) -> None:
        """See how far the scene has moved up to `image`, for a texture that goes along."""
        self._moved = self._pan(find_picture(image).without_bars(image)) if self._follows else (0.0, 0.0)

    def _place(self, shape: tuple[int, ...]) -> Place:
        """Where in the texture a picture of that shape begins, for it to have gone along with the scene."""
        if not self._follows:
            return 0, 0
        down, right = (share * side / self.model.texture_step for share, side in zip(self._moved, shape, strict=False))
        return -round(down), -round(right)

    def _run(self, image: Image) -> Image:
        result: Image = self.model(image[None], place=self._begins)[0][0]
        return result

    def _steadied(self, seen: Image, found: Image, kept: _Held | None) -> Image:
        """`found` mixed with what was shown before, moved along with the picture, where that shows the same."""
        now = np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2BGRA), np.uint8).astype(np.float32)
        new = np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGR2BGRA), np.uint8)
        grey, _ = small_grey(seen)
        if kept is not None and not is_cut(kept.grey, grey):
            moved, before, held = kept
            motion = self._flow(grey, before, (seen.shape[1], seen.shape[0]))
            if motion is not None:
                moved, held = motion.carry(moved), motion.carry(held)
            change = cv2.blur(cv2.transform(cv2.absdiff(new, moved), _MEAN), (7, 7)).astype(np.float32)
            most = _HELD * self.params.stabilise
            change *= np.float32(-most / (_OTHER - _SAME))
            change += np.float32(most * _OTHER / (_OTHER - _SAME))
            share = np.clip(change, 0, np.float32(most), out=change)
            cv2.blendLinear(held, now, share, 1 - share, dst=now)
        self._before[seen.shape] = _Held(new, grey, now)
        return np.asarray(cv2.cvtColor(cv2.convertScaleAbs(now), cv2.COLOR_BGRA2BGR), np.uint8)

    def _alpha(self, image: Image, time: float | None) -> masks.Mask | None:
        """Where it is seen, 0 to 255; None: everywhere."""
        params = self.params
        source = self._marked or (self._source(params.mask) if params.mask else None)
        if source is None and params.region == "full" and not params.outside:
            return None
        height, width = image.shape[:2]
        place = Region.parse(params.region).place((width, height)).slices
        alpha = np.zeros((height, width), np.uint8)
        alpha[place] = 255 if source is None else np.where(source(image, time=time)[place] != 0, 255, 0)
        radius = min(height, width) // _SOFT
        alpha = np.asarray(cv2.blur(alpha, (2 * radius + 1,) * 2), np.uint8)
        return np.asarray(cv2.bitwise_not(alpha), np.uint8) if params.outside else alpha


def _receding(image: Image, share: float) -> masks.Mask:
    """255 where nothing is to be seen, less by up to `share` where there is detail."""
    height, width = image.shape[:2]
    size = within((width, height), _SEEN)
    small = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    slope = cv2.magnitude(*(cv2.Sobel(small, cv2.CV_32F, *way) for way in ((1, 0), (0, 1))))
    window = (_AROUND, _AROUND)
    busy = cv2.blur(cv2.blur(np.minimum(slope, 2 * _BUSY), window), window) / _BUSY
    shown = cv2.convertScaleAbs(255.0 * (1.0 - share * np.clip(busy, 0, 1)))
    return np.asarray(cv2.resize(shown, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _smaller(image: Image, times: float) -> Image:
    size = shrunk((image.shape[1], image.shape[0]), times)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _mixed(one: Image, two: Image, share: float) -> Image:
    return np.asarray(cv2.addWeighted(one, share, two, 1.0 - share, 0.0), np.uint8)


def _enlarged(found: Image, small: Image, image: Image, planes: Planes, out: Image, strokes: Strokes) -> Image:
    """`found`, which the network made of `small`, at the size of `image`, with the fine lines of that, in `out`.

    Drawings have clean edges, and nothing of the network's own grid, but for hatching, which would be dots; dabs and
    panes, nothing finer than they are.
    """
    size = image.shape[1], image.shape[0]
    if strokes in ("laid", "hatched"):
        large = (enlarged_levels if strokes == "laid" else enlarged_hatching)(found, size, planes)
        return np.asarray(cv2.convertScaleAbs(large, dst=out), np.uint8)
    details = fine_lines(found, small, image, planes)
    if strokes == "any":
        cv2.resize(found, size, dst=out, interpolation=cv2.INTER_CUBIC)
        return np.asarray(cv2.add(out, details, dst=out, dtype=cv2.CV_8U), np.uint8)
    result = cv2.add(enlarged_levels(found, size, planes), details, dst=details)
    cv2.threshold(result, 0, 0, cv2.THRESH_TOZERO, dst=details)
    return np.asarray(cv2.convertScaleAbs(details, dst=out), np.uint8)


def build(model: Model, params: Mapping[str, object]) -> Translate:
    """Make the effect of a loaded model; `mask` among `params` may also be anything that ``masks.source`` takes.

    Raises:
        ModelError: For a model that does not keep an image's size.
        ParameterError: For a parameter that does not exist, or cannot have that value.
    """
    if isinstance(model, Generator):
        raise ModelError(f"{model.path}: is a generator, which has no frames to translate")
    if not isinstance(model, ImageModel):
        raise ModelError(f"{model.path}: fills holes (layout {model.card.layout}), which a translation has none of")
    if model.card.scale != 1:
        raise ModelError(
            f"{model.path}: its card says scale {model.card.scale}; a translation gives the frame's own size"
        )
    marked = params.get("mask")
    given = marked is not None and not isinstance(marked, str)
    checked = TranslateParams.of(**{name: value for name, value in params.items() if name != "mask" or not given})
    return Translate(model, checked, mask=marked if given else None)
