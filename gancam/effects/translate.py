"""Image to image: a style, colours for grey pictures, photos from drawings; whatever a network was taught."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, partial

import cv2
import numpy as np

from gancam import masks
from gancam.effects._contract import Effect, ModelEffect
from gancam.effects._frame_notes import FrameNotes
from gancam.effects.translation import brush, glass, plain, strokes, tones
from gancam.effects.translation.clarity import Outlined, with_clarity
from gancam.effects.translation.features import Features, brought_out, calmed, held, without_blemishes
from gancam.effects.translation.legible import legible
from gancam.effects.translation.pan import Pan
from gancam.effects.translation.portraits import Portraits
from gancam.effects.translation.settings import TranslateParams
from gancam.effects.translation.sizes import work_size
from gancam.effects.translation.skin import in_own_tones
from gancam.effects.translation.steady import Steady
from gancam.effects.translation.tint import Tint
from gancam.effects.translation.writing import Writing
from gancam.errors import ModelError
from gancam.frame import Frame, Image, check_image
from gancam.inference.buffers import BufferPool
from gancam.inference.model import Generator, ImageModel, Model
from gancam.inference.place import Place
from gancam.inference.tiling import TileBudget, tiled
from gancam.masks.detection_count import DetectionCount
from gancam.masks.opening import meet, patiently
from gancam.vision.bars import Picture, find_picture
from gancam.vision.blend import Region, composite, mixed
from gancam.vision.chroma import chroma_of, coloured, washed
from gancam.vision.cutout import ground
from gancam.vision.fit import scaled
from gancam.vision.noise import even
from gancam.vision.planes import Planes
from gancam.vision.scenes import Scenes

SHARES = Fraction(3, 4), Fraction(1, 2), Fraction(3, 8), Fraction(1, 4)  # of the work size, to save time
_SOFT = 90  # of the shorter side of the frame: how wide a mask's edge is
_MOST, _MOST_FOR_QUALITY = 2, 32  # faces that are drawn from nearer in a frame
_CLEARER = 0.6  # of the clarity: more makes shades of a nose lines
_THUMBNAIL = 128  # pixels of the longer side up to which a network draws single things
_LOST = (
    "{name} draws {size} pixels across, single things before a plain ground: of a scene it leaves little; region= or "
    "mask= say where it is seen"
)
_LINES = "lines", "hatched"
_WASHED = 0.85  # how far what is dark shows through washes
_OUTLINED: Mapping[str, Outlined] = {"lines": "white", "hatched": "pale"}  # colours of a light face would be blots


@dataclass
class _Memory:
    """All that is remembered of frames: handed on whole from one effect to another, and made anew by a reset."""

    source: Callable[[str], masks.MaskSource]  # opens the mask that a parameter names, the same again for the same name
    portraits: Portraits = field(default_factory=Portraits)
    shots: Scenes = field(default_factory=Scenes)  # of what is within black bars
    steady: Steady = field(default_factory=Steady)
    tint: Tint = field(default_factory=Tint)
    pan: Pan = field(default_factory=Pan)
    writing: Writing = field(default_factory=Writing)
    notes: FrameNotes = field(default_factory=FrameNotes)
    detections: DetectionCount = field(default_factory=DetectionCount)

    def anew(self) -> "_Memory":
        """Give one of no frames; the networks that this one has open stay so."""
        self.portraits.reset()
        return _Memory(self.source, self.portraits)


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
        prefers_quality: Whether ``prefer_quality`` was called: a style then draws larger frames more finely.
    """

    model: ImageModel
    params: TranslateParams
    _within: Picture  # what the bars leave of the frame that was looked at last

    def __init__(
        self, model: ImageModel, params: TranslateParams, *, mask: object = None, share: Fraction = Fraction(1),
        prefers_quality: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(model, params)
        self._share, self._prefers_quality, self._still = share, prefers_quality, True  # still: no video
        self._marked = None if mask is None else masks.source(mask)
        self._tiles = TileBudget(device=lambda: model.device)
        self._memory = _Memory(lru_cache(maxsize=1)(masks.source))
        self._moved = 0.0, 0.0  # how far the scene has, down and to the right, in shares of the picture
        self._begins: Place = 0, 0  # where in the texture the picture that the network is shown does
        self._planes, self._near = Planes(), Planes()  # what a frame and a face from nearer are made in
        self._buffers = BufferPool()  # frames that were given

    def arguments(self) -> Mapping[str, object]:
        """Tell what else it is made with; see ``ModelEffect``."""
        return {"mask": self._marked, "share": self._share, "prefers_quality": self._prefers_quality}

    def compute(self, image: Image, time: float | None) -> Image:
        """Translate `image`."""
        params, self._still = self.params, time is None
        self._look(image)
        alpha = self._alpha(image, time)
        if params.strength == 0.0 or (alpha is not None and not alpha.any()):
            return image.copy()
        if alpha is None and self._is_lost(image):
            self._memory.notes.add(_LOST.format(name=self.card.name, size=self.card.work_size), params)
        drawn = self._style(image) if self._draws else self._translated(image)
        result = self._legible(image, drawn) if self._draws else drawn
        if params.colours > 0.0:
            if self.card.strokes == "hatched":
                own = self._legible(image, washed(drawn, image), inked=False)
            else:
                own = coloured(np.asarray(cv2.cvtColor(result, cv2.COLOR_BGR2GRAY), np.uint8), chroma_of(image))
            result = own if params.colours == 1.0 else mixed(own, result, params.colours)
        if params.readable > 0.0:
            shown = strokes.receding(image, params.readable)
            alpha = shown if alpha is None else np.asarray(cv2.multiply(alpha, shown, scale=1 / 255), np.uint8)
        if alpha is not None:
            if params.strength < 1.0:
                alpha = np.asarray(cv2.convertScaleAbs(alpha, alpha=params.strength), np.uint8)
            return composite(image, result, "normal", alpha, planes=self._planes)
        return result if params.strength == 1.0 else mixed(result, image, params.strength)

    @property
    def level(self) -> str:
        """Model, precision and share."""
        return f"{self.card.name} {self.card.precision}" + (f" at {self._share}" if self._share != 1 else "")

    def quality_levels(self) -> "Sequence[Sequence[Translate]]":
        """Offer the model in each of its precisions, then the same with a smaller work size."""
        models = self.model.alike()
        make = partial(Translate, mask=self._marked, prefers_quality=self._prefers_quality)
        return [[make(one, type(self.params)(), share=share) for one in models] for share in (Fraction(1), *SHARES)]

    @property
    def notes(self) -> list[str]:
        """What the user should know: a scene shown to a network of single things, say."""
        return [*self._memory.notes.of(self.params), *(note for source in self._masks() for note in source.notes)]

    @property
    def detection_note(self) -> str:
        """That nobody was found whom the mask is to mark."""
        return self._memory.detections.note(f"{'all of it' if self.params.outside else 'nothing'} was changed")

    def _masks(self) -> list[masks.MaskSource]:
        kept = [] if self._marked is None else [self._marked]
        return [*kept, self._memory.source(self.params.mask)] if self.params.mask else kept

    def _is_lost(self, image: Image) -> bool:
        """Whether the network draws far smaller than `image` is, and that is no single thing before a plain ground."""
        small = 0 < self.card.work_size <= _THUMBNAIL and max(image.shape) >= 4 * self.card.work_size
        return small and not self._memory.notes.of(self.params) and not self.params.work_size and ground(image) is None

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        """Learn which colours each shot begins with, and whom a mask is to mark in the first frame; see ``Effect``."""
        meet(self._masks(), frames)
        if self.card.keeps == "luma" and self.params.stabilise > 0.0:
            with self._lock:
                self._memory.tint.read_ahead((self._shrunk(frame.image)[0] for frame in frames()), self._network)

    def prefer_quality(self) -> None:
        """Draw frames that are larger than its work size up to half as large again."""
        self._prefers_quality = True
        patiently(self._masks())

    @property
    def remembers(self) -> bool:
        """Whether frames before this one may show in it."""
        return self._draws or not self.can_skim

    @property
    def can_skim(self) -> bool:
        """Whether nothing but the scene's motion is remembered, which is quickly seen."""
        calm = self.params.stabilise == 0.0 and not self.card.recurrent
        return calm and self._marked is None and not masks.follows(self.params.mask)

    def skim(self, image: Image, *, time: float | None = None) -> None:
        """See how far the scene moves, where nothing else is remembered."""
        if not self.can_skim:
            super().skim(image, time=time)
            return
        with self._lock:
            self._still = time is None
            self._look(check_image(image))

    def bare_model(self, size: tuple[int, int], *, time: float | None = None) -> ImageModel | None:
        """Name the model, where it is shown all of the frame as it is, and all that it makes is seen."""
        params, card = self.params, self.card
        marked = self._marked is not None or params.mask or params.region != "full" or params.outside
        mixed = params.strength != 1.0 or max(params.readable, params.colours, params.stabilise) > 0.0
        seen = min(params.work_size or card.work_size or max(size), max(size)) * self._share / params.scale
        cut = card.receptive_field and size[0] * size[1] > 2 * self._tiles.limit
        if marked or mixed or cut or card.keeps != "nothing" or seen != max(size):
            return None
        with self._lock:
            self._memory.steady.reset()
        return self.model

    def reset(self) -> None:
        """Forget the frames before, those of masks too."""
        with self._lock:
            super().reset()
            self._memory = self._memory.anew()
            for source in self._masks():
                source.reset()

    def continue_from(self, before: Effect) -> None:
        """Take what was seen of the scene, of faces, letters and colours, and who marks what; see ``Effect``."""
        if not isinstance(before, Translate):
            super().continue_from(before)
        elif before is not self:
            with self._lock, before._lock:
                self._memory, before._memory = before._memory, self._memory
                self._take_states(before, fit=self._share == before._share)

    def _style(self, image: Image) -> Image:
        """Translate what is within black bars, which stay as they are, and keep dark what is.

        A dark frame is shown as light as the network knows photos, and what it makes of it is as dark again.
        """
        whole = self._within.without_bars(image)
        exposure = tones.Exposure.of(whole)
        if exposure is not None:
            lit = np.asarray(cv2.LUT(whole, exposure.up, dst=self._planes("lit", whole.shape, np.uint8)), np.uint8)
            drawn = exposure.applied(self._translated(lit), whole, self._planes)
        else:
            drawn = self._translated(tones.without_veil(whole) if self.card.strokes in _LINES else whole)
        if not self._on_paper:
            drawn = tones.as_grey(drawn, whole)
        return self._within.with_bars(tones.as_dark(drawn, whole, self._planes, paper=self._on_paper), image)

    def _legible(self, image: Image, drawn: Image, *, inked: bool = True) -> Image:
        """Let `drawn` recede where there is writing in `image`; of ink, `inked`, or in its own colours."""
        seen = self._memory.writing.shown((image.shape[1], image.shape[0]))
        return legible(image, drawn, seen, self._planes, hatched=self.card.strokes == "hatched", inked=inked)

    def _shrunk(self, image: Image) -> tuple[Image, float]:
        """`image` as the network is shown it, and how many times as large that is."""
        height, width = image.shape[:2]
        longer = work_size((width, height), self.card, self.params.work_size, prefers_quality=self._prefers_quality)
        shrink = float(longer * self._share) / max(height, width) / self.params.scale
        if self._draws and shrink > 1.0:
            image = even(image)  # noise is told before it is enlarged
        how = cv2.INTER_AREA if shrink < 1.0 else cv2.INTER_CUBIC
        size = scaled((width, height), shrink)
        small = image if shrink == 1.0 else np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
        return small, shrink

    def _translated(self, image: Image) -> Image:
        small, shrink = self._shrunk(image)
        if self.card.keeps == "luma":
            return self._memory.tint(image, small, self._network, self.params.stabilise)
        found = self._faced(even(small) if self._draws and shrink <= 1.0 else small)
        if shrink > 1.0:
            found = np.asarray(cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_AREA), np.uint8)
        elif shrink < 1.0:
            out = self._buffers.take(image.shape)
            fine = self.params.scale <= 1
            found = strokes.enlarged(found, small, image, self._planes, out, self.card.strokes, fine=fine)
        if self._portrays:
            self._portray(image, found, shrink)
        return found

    def _faced(self, image: Image) -> Image:
        """What is drawn of `image`, whose faces shine less, and are held near to what they are."""
        found = self._memory.portraits.large(image.shape[1], self._share) if self._portrays else []
        faces = [face._replace(share=face.share * self.params.faces) for face in found]
        seen = self._as_drawn(image, faces, self._planes, whole=True)
        self._memory.steady.begin()
        return held(self._shown(seen, faces), seen, faces, self.card.strokes)

    def _as_drawn(self, image: Image, faces: Sequence[Features], planes: Planes, *, whole: bool = False) -> Image:
        """`image` as who draws it sees it: faces without shine, and for a pen without freckles, in black and white."""
        seen = calmed(image, faces)
        if whole and self.card.strokes in _LINES and not self._on_paper:  # small faces have no freckles
            seen = without_blemishes(seen, faces)
        return brought_out(tones.for_pen(seen, faces, planes), faces) if self.card.strokes == "hatched" else seen

    def _shown(self, seen: Image, faces: Sequence[Features]) -> Image:
        """What the network makes of `seen`; as `stabilise` has it, with what was shown before."""
        self._begins = self._place(seen.shape[:2])
        laid, panes = self.card.strokes in strokes.LAID, self.card.strokes == "panes"
        shown = strokes.broad(seen, panes=panes) if laid else seen
        found = self._made(shown, faces, self.params.clarity, self._planes, whole=True)
        if laid:
            found = plain.softened(found, seen, self._planes)
        elif self.card.strokes in _LINES:
            hatched = self.card.strokes == "hatched"
            found = plain.evened(found, seen, grey=hatched, paper=self._on_paper, planes=self._planes)
            if not (hatched or self._on_paper):
                found = tones.without_glow(found, seen, self._planes)
        return self._calm(seen, self._toned(found, seen, faces, self._planes), self._memory.steady)

    def _made(
        self, seen: Image, faces: Sequence[Features], clarity: float, planes: Planes, *, whole: bool = False
    ) -> Image:
        if not self._draws:
            return self._network(seen)
        outlined = _OUTLINED.get(self.card.strokes, "nothing")
        areas = self.card.strokes == "lines" and not self._on_paper
        shown = with_clarity(seen, clarity, planes, outlined=outlined, even=areas, faces=faces)
        if whole and areas:  # faces from nearer have few plain places
            shown = plain.without_noise(shown, planes)
        found = self._network(shown)
        if self._on_paper:
            return tones.clear_darks(tones.strengthened(found), seen, planes, _WASHED)
        if self.card.strokes == "panes":
            return glass.as_glass(found, seen, planes)
        if whole and self.card.strokes == "laid":  # faces from nearer would be rough
            return brush.brushed(found, seen, faces, self._begins, self.model.texture_step, planes)
        return tones.without_blots(found, seen, planes) if self.card.strokes == "lines" else found

    def _toned(self, found: Image, seen: Image, faces: Sequence[Features], planes: Planes) -> Image:
        return in_own_tones(found, seen, faces, planes) if self._draws and self.card.strokes != "hatched" else found

    def _calm(self, seen: Image, found: Image, steady: Steady) -> Image:
        return steady(seen, found, self.params.stabilise) if self.params.stabilise > 0.0 else found

    def _portray(self, image: Image, drawn: Image, shown: float) -> None:
        """Draw the small faces of `image` from nearer, and lay them on what was `drawn` of it, in place.

        `shown` is how much larger than the frame what the network was shown is.
        """
        height, width = image.shape[:2]
        most = _MOST_FOR_QUALITY if self._prefers_quality else _MOST
        coarse = max(self.params.scale, 1.0)
        for window in self._memory.portraits.windows((width, height), shown, self._share, most, coarse=coarse):
            seen = tones.without_veil(self._as_drawn(window.cut(image), [window.face], self._near))
            self._begins = self._place((height, width), (window.place.top, window.place.left), shown * window.nearer)
            made = self._made(seen, [window.face], _CLEARER * self.params.clarity, self._near)
            made = self._toned(made, seen, [window.face], self._near)
            found = self._calm(seen, made, window.portrait.steady)
            near = held(found, seen, [window.face], self.card.strokes)
            window.lay(near, drawn, self.params.faces, self._planes)

    def _network(self, image: Image) -> Image:
        """Any size: enlarged to what the model takes by repeating the border, large ones in tiles."""
        card, (height, width) = self.card, image.shape[:2]
        more = [card.multiple * -(-max(side, card.minimum) // card.multiple) - side for side in (height, width)]
        if any(more):
            image = np.asarray(cv2.copyMakeBorder(image, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE), np.uint8)
        if card.recurrent or not card.receptive_field:  # there is no cutting
            found = self._run(image)
        else:
            reach, multiple = card.receptive_field, card.multiple
            found = tiled(self._run, image, scale=1, overlap=reach, budget=self._tiles, multiple=multiple)
        return np.ascontiguousarray(found[:height, :width])

    @property
    def _on_paper(self) -> bool:
        """Whether it is painted in washes on paper."""
        return self.card.strokes == "lines" and self.card.texture_step > 0

    @property
    def _follows(self) -> bool:
        return self.params.anchor == "scene" and self._draws and self.model.texture_step > 0

    @property
    def _draws(self) -> bool:
        """Whether it is a style."""
        return self.card.keeps == "black"

    @property
    def _portrays(self) -> bool:
        return self.params.faces > 0.0 and self._draws

    def _look(self, image: Image) -> None:
        """See how far the scene has moved up to `image`, for a texture that goes along; where faces and letters are."""
        self._moved = 0.0, 0.0
        if not self._draws and (self.params.stabilise == 0.0 or self.card.keeps == "luma"):  # `Tint` sees for itself
            return
        self._within = find_picture(image, still=self._still)
        picture = self._within.without_bars(image)
        look = self._memory.shots(picture)
        if look.before is None:
            self._memory.steady.reset()
        if self._draws:
            self._memory.writing.look(picture, look)
        if self._follows:
            self._moved = self._memory.pan(picture)
        if self._portrays:
            self._memory.portraits.look(picture, look)
        else:
            self._memory.portraits.reset()

    def _place(self, size: tuple[int, ...], begins: Place = (0, 0), times: float = 1.0) -> Place:
        """Where in the texture a part of a picture begins, for it to have gone along with the scene.

        `size` is the picture's height and width; the part begins at `begins` of it, and is drawn `times` as large.
        """
        step = self.model.texture_step
        if not step:
            return 0, 0
        moved = ((at - share * side) * times for at, share, side in zip(begins, self._moved, size, strict=True))
        down, right = (round(pixels / step) for pixels in moved)
        return down, right

    def _run(self, image: Image) -> Image:
        result: Image = self.model(image[None], place=self._begins)[0][0]
        return result

    def _alpha(self, image: Image, time: float | None) -> masks.Mask | None:
        """Where it is seen, 0 to 255; None: everywhere."""
        params = self.params
        source = self._marked or (self._memory.source(params.mask) if params.mask else None)
        if source is None and params.region == "full" and not params.outside:
            return None
        place = Region.parse(params.region).place((image.shape[1], image.shape[0])).slices
        alpha = np.zeros(image.shape[:2], np.uint8)
        alpha[place] = 255 if source is None else 255 * (self._memory.detections(source, image, time)[place] != 0)
        alpha = np.asarray(cv2.blur(alpha, (2 * (min(alpha.shape) // _SOFT) + 1,) * 2), np.uint8)
        return np.asarray(cv2.bitwise_not(alpha), np.uint8) if params.outside else alpha


def build(model: Model, params: Mapping[str, object]) -> Translate:
    """Make the effect of a loaded model; `mask` among `params` may also be anything that ``masks.source`` takes.

    Raises:
        ModelError: For a model that does not keep an image's size.
        ParameterError: For a parameter that does not exist, or cannot have that value.
    """
    if isinstance(model, Generator):
        raise ModelError(f"{model.path}: is a generator, not a model for image to image")
    if not isinstance(model, ImageModel):
        raise ModelError(f"{model.path}: inpaints (layout {model.card.layout}); this needs a model for image to image")
    if model.card.scale != 1:
        raise ModelError(f"{model.path}: its card says scale {model.card.scale}; a translation keeps the frame's size")
    marked = params.get("mask")
    given = marked is not None and not isinstance(marked, str)
    own = {name: value for name, value in params.items() if name != "mask" or not given}
    return Translate(model, TranslateParams.suited(model.card).of(**own), mask=marked if given else None)
