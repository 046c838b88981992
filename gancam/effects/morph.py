"""Latent morphs: a generator's pictures, changing smoothly, over the frame."""

import math
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam import masks
from gancam.effects._box_pad import BoxPad
from gancam.effects._contract import ModelEffect, scope
from gancam.errors import InputError, ModelError
from gancam.frame import Image
from gancam.inference.model import Generator, Model
from gancam.latent.path import EASES, SPACES, Path, seeded, styles
from gancam.masks.objects import held_back, squares
from gancam.masks.sought import Sought
from gancam.media.audio import Loudness
from gancam.params import Params, parameter
from gancam.vision import blend as blend_room
from gancam.vision.blend import MODES, SHAPES, Place, Region, composite
from gancam.vision.cutout import cut_out, give_grey_rim, ground
from gancam.vision.fit import trimmed

KEY_SECONDS = 2.0  # from picture to picture at speed 1
_AHEAD_ON_GPU = 8  # frames made at once: a CPU gains 12 % by eight, which is not worth a hiccup
_STEP = 1 / 30  # seconds a frame, for calls that tell no time
_STILL, _LIVELY = 0.6, 4.0  # mean change of grey levels from frame to frame that counts as none, and as 1
_TRIED = 8  # pictures that tell whether a generator has a plain ground
_LIVED = ("motion", "level")  # drives that know no future
_CRISP, _SOFTER = 2.0, 1.5  # times it is enlarged from which one saw its pixels, and by how many those are blurred
_CALM = 0.3  # seconds in which motion is averaged


def pixels(text: str) -> masks.Box:
    """``x/y/width/height`` in pixels. Raises ``ValueError`` with the reason."""
    try:
        left, top, width, height = (float(part) for part in text.split("/"))
    except ValueError:
        raise ValueError("not four numbers") from None
    masks.Boxes((left, top, width, height))
    return left, top, width, height


def seeds(text: str) -> tuple[int, ...]:
    """``3/17/42`` -> (3, 17, 42). Raises ``ValueError`` with the reason."""
    parts = text.split("/") if text else []
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError("not whole numbers of 0 or more")
    return tuple(map(int, parts))


_LAYERED = scope("generators of several layers of styles", lambda card: card.layers > 1)


@dataclass
class MorphParams(Params):
    """What can be set of `Morph`."""

    region: str = parameter(
        "0.74/0.05/0.23/0.41", kind="region", parse=Region.parse,
        form="x/y/width/height in shares of the frame, or full", help="where it is seen",
    )  # fmt: skip
    where: str = parameter(
        "region", choices=("region", "object", "inside", "outside"),
        help="in its region; over each object that is marked; in the region, but only inside or outside what is marked",
    )  # fmt: skip
    mask: str = parameter(
        "", kind="file", words=("person", "faces"),
        help="person or faces, or an image or a mask track that marks something",
    )  # fmt: skip
    box: str = parameter(
        "", kind="box", parse=lambda text: text and pixels(text), form="x/y/width/height in pixels of the first frame",
        help="marks what is in it then, and follows it",
    )  # fmt: skip
    faces: str = parameter("", kind="file", words=("on",), help="on, or a YuNet detector's file: marks faces")
    colour: str = parameter(
        "", kind="colour", parse=lambda text: text and masks.parse_colour(text), form="#rrggbb or a colour's name",
        help="marks what has this colour",
    )  # fmt: skip
    draw: bool = parameter(
        False, kind="draw",
        help="live: a box drawn on the picture is where it is seen, or what it follows if where= asks for that",
    )  # fmt: skip
    fit: str = parameter(
        "auto", choices=("auto", "contain", "cover", "stretch"),
        help="how the square picture fits into another shape; auto: cover for region=full, or contain",
    )  # fmt: skip
    blend: str = parameter("normal", choices=MODES, help="how it meets the frame")
    opacity: float = parameter(1.0, minimum=0.0, maximum=1.0, help="how much of it is seen")
    feather: float = parameter(
        0.03, minimum=0.0, maximum=0.5,
        help="how far the edge of a box or an ellipse fades in, as a share of its shorter side",
    )  # fmt: skip
    shape: str = parameter(
        "auto", choices=("auto", *SHAPES, "cutout"),
        help="its edge; cutout: along what stands before a plain ground, and where a generator's pictures have none as "
        "auto; auto: cut out, unless fit says otherwise, or a box for region=full, or an ellipse",
    )  # fmt: skip
    shadow: float = parameter(0.35, minimum=0.0, maximum=1.0, help="how dark the shadow is of what is cut out")
    speed: float = parameter(1.0, minimum=0.0, maximum=20.0, help="how fast; at 1 a new picture every two seconds")
    seed: int = parameter(8, kind="seed", minimum=0, help="picture that its endless walk begins with")
    keyframes: str = parameter(
        "", kind="seeds", parse=seeds, form="seeds joined by /, as 3/17/42",
        help="pictures to loop through instead of walking",
    )  # fmt: skip
    loop: float = parameter(
        0.0, minimum=0.0, maximum=3600.0, unit="s", help="how long that loop takes at speed 1; 0: two seconds a picture"
    )
    ease: str = parameter("linear", choices=tuple(EASES), help="how it passes from picture to picture")
    space: str = parameter(
        "auto", choices=("auto", *SPACES), help="where pictures are joined: w (smoother) or the sphere of z"
    )
    truncation: float = parameter(
        -1.0, minimum=-1.0, maximum=1.0, below="auto",
        help="variety against quality: 1 all, 0 nothing but the average picture; auto: what suits the generator",
    )  # fmt: skip
    mix: int = parameter(
        -1, kind="seed", minimum=-1, below="none", scope=_LAYERED, help="seed that gives the later layers (colours)"
    )
    mix_layer: int = parameter(4, minimum=0, maximum=64, scope=_LAYERED, help="the first layer that it gives")
    drive: str = parameter("time", choices=("time", "motion", "audio", "level"), help="what makes it move")
    level: float = parameter(
        0.0, minimum=0.0, maximum=2.0, help="how lively it is, for drive=level: turned by hand, or by --control mic"
    )
    audio: str = parameter("", kind="file", help="file whose loudness drives it (process: the clip's own)")


class Morph(ModelEffect):
    """Composites a morphing picture into the frame: ``(H, W, 3)`` -> the same size.

    Outside the region, and where it has faded out, that is the frame to the byte.

    What is seen depends on `time` and the parameters alone, so live and offline are the same, frame by frame, in any
    order. A new `speed` or `drive` holds from the frame on with which it comes. Driven by motion or level, it depends
    on the frames before, too. Calls without a time are a thirtieth of a second apart.

    Args:
        model: A generator.
        params: What can be set while it runs.
        mask: Anything that ``masks.source`` takes, instead of what the parameters mark.
        ahead: Pictures made at once while time goes steadily on; None for what the device likes.
    """

    model: Generator
    params: MorphParams
    _time: float

    def __init__(self, model: Generator, params: MorphParams, *, mask: object = None, ahead: int | None = None) -> None:
        super().__init__(model, params)
        self._ahead = ahead or (1 if model.device == "cpu" else _AHEAD_ON_GPU)
        self._paths = lru_cache(maxsize=4)(self._make_path)
        self._loudness = lru_cache(maxsize=2)(Loudness)
        self._mixed = lru_cache(maxsize=4)(lambda seed: model.mapping(seeded([seed], model.card.latent)))
        self._made, self._sought = dict[tuple[Any, ...], Image](), Sought()
        self._marked = None if mask is None else masks.source(mask)
        self._marking = lru_cache(maxsize=1)(_marker)
        self._pad: BoxPad | None = None  # what is drawn on
        self.reset()
        self._usual_ground = lru_cache(maxsize=1)(self._see_ground)
        if params.shape in ("auto", "cutout"):
            self._usual_ground()
        self._path().at(0.0)  # measures what must be measured first, now and not between two frames

    def arguments(self) -> Mapping[str, object]:
        """Tell what else it is made with; see ``ModelEffect``."""
        return {"mask": self._marked, "ahead": self._ahead}

    def compute(self, image: Image, time: float | None) -> Image:
        """Composite the picture of that moment into `image`."""
        time = self._time + _STEP if time is None else float(time)
        if self.pad is not None:
            self.pad.image = image
        if self.params.drive == "motion":
            self._watch(image, time)
        elif self.params.drive == "level" and 0 < time - self._time < 1:
            self._moved += 2.0 * self.params.level * (time - self._time)
        step, self._time = time - self._time, time
        self._turn(time)
        mask = None if self.params.where == "region" else self._sought(self._marker(), image, time)
        if self.params.opacity == 0.0 or (mask is not None and self.params.where != "outside" and not mask.any()):
            return image
        return self._composite(image, self._picture(time, step), mask)

    def generate(self, z: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Generate pictures, not truncated.

        Args:
            z: ``float32 (n, latent)``.

        Returns:
            ``uint8 (n, resolution, resolution, 3)`` BGR.

        Raises:
            InputError: For another shape.
        """
        images: NDArray[np.uint8] = self.model(z)[0]
        return images

    @property
    def remembers(self) -> bool:
        """Whether frames before this one may show in it."""
        return self.params.drive in _LIVED or self.params.where != "region" or self._marked is not None

    @property
    def pad(self) -> BoxPad | None:
        """Boxes to draw, where `draw` is on."""
        if self.params.draw and self._pad is None:
            self._pad = BoxPad(self.params)
        return self._pad if self.params.draw else None

    def listen_to(self, path: pathlib.Path) -> None:
        """Follow the sound of the file `path`, unless `audio` names another."""
        if not self.params.audio:
            self.params.audio = str(path)

    def reset(self) -> None:
        """Begin anew: nothing has moved yet, and no speed but the present one has ever held."""
        with self._lock:
            self._time, self._step = -_STEP, 0.0  # of the last call, and from the one before
            self._before: Image | None = None  # the frame before, tiny and grey
            self._motion = self._moved = 0.0  # how lively it is, and the sum of that
            self._turned: tuple[float, str, str] | None = None  # speed, drive and audio that hold
            self._anchor = (0.0, 0.0)  # since when they hold, in the drive's own time, and the position then
            self._objects: list[Place] = []
            self._sought.reset()
            for source in self._masks():
                source.reset()

    @property
    def notes(self) -> list[str]:
        """What the user should know of its mask."""
        return [note for source in self._masks() for note in source.notes]

    @property
    def unfound(self) -> str:
        """That nobody was found whom the mask is to mark."""
        where = "all over their region" if self.params.where == "outside" else "not seen"
        return self._sought.unfound(f"the pictures are {where}")

    def _masks(self) -> list[masks.MaskSource]:
        kept = [] if self._marked is None else [self._marked]
        return kept if self.params.where == "region" else [*kept, self._marking(*self._marks())]

    # When: seconds of the drive (of time itself, of motion, of loudness), and the position that speed makes of them

    def _seconds(self, time: float, drive: str, audio: str) -> float:
        if drive in _LIVED:
            return self._moved
        if drive == "audio":
            if not audio:
                raise InputError(f"{self.card.name}: drive=audio needs audio=FILE (a live sound: drive=level)")
            return 2.0 * self._loudness(audio).heard(time)  # speech and music are at half of what is loud
        return time

    def _turn(self, time: float) -> None:
        """Take note of a change of speed or drive."""
        params = self.params
        now = params.speed, params.drive, params.audio
        if self._turned is not None and now != self._turned:
            position = self._position(time)
            self._anchor = self._seconds(time, *now[1:]), position
        self._turned = now

    def _position(self, time: float) -> float:
        """Seconds of path, to the microsecond, so that a loop closes exactly."""
        assert self._turned is not None
        speed, *drive = self._turned
        return round(self._anchor[1] + speed * (self._seconds(time, *drive) - self._anchor[0]), 6)

    def _watch(self, image: Image, time: float) -> None:
        """See how much moves: grey levels of a tiny picture against the one before, a thirtieth of a second ago."""
        small = cv2.resize(image[:: max(image.shape[0] // 144, 1), :: max(image.shape[1] // 256, 1)], (64, 36))
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        passed = time - self._time
        if self._before is not None and 0 < passed < 1:
            change = float(cv2.norm(grey, self._before, cv2.NORM_L1)) / grey.size * _STEP / passed
            lively = min(max(change - _STILL, 0.0) / (_LIVELY - _STILL), 3.0)
            self._motion += (lively - self._motion) * (1 - math.exp(-passed / _CALM))
            self._moved += self._motion * passed
        self._before = grey

    # What

    def _picture(self, time: float, step: float) -> Image:
        """The generated picture of that moment; several to come at once, where the device likes that."""
        params, path = self.params, self._path()
        look = path, params.truncation, params.mix, params.mix_layer, params.ease, params.loop
        wanted = (*look, self._position(time))
        if wanted not in self._made:
            steady = step > 0 and math.isclose(step, self._step, rel_tol=1e-3) and params.drive not in _LIVED
            times = [time + step * index for index in range(self._ahead if steady else 1)]
            places = dict.fromkeys(self._position(moment) for moment in times)
            ws = np.concatenate([self._styles(path, place) for place in places])
            self._made = {(*look, place): image for place, image in zip(places, self.model.synthesis(ws), strict=True)}
            path.prepare(self._phase(path, wanted[-1]), math.ceil(len(places) * max(params.speed, 1.0)))
        self._step = step
        return self._made[wanted]

    def _styles(self, path: Path, position: float) -> NDArray[np.float32]:
        params = self.params
        other = self._mixed(params.mix) if params.mix >= 0 else None
        truncation = params.truncation if params.truncation >= 0 else None
        return styles(
            path.at(self._phase(path, position), params.ease), self.model, truncation=truncation, other=other,
            other_from=params.mix_layer,
        )  # fmt: skip

    def _phase(self, path: Path, position: float) -> float:
        if path.keys is None:
            return position / KEY_SECONDS
        return position / (self.params.loop or KEY_SECONDS * path.keys) % 1.0 * path.keys

    def _path(self) -> Path:
        params = self.params
        return self._paths(params.seed, params.keyframes, params.space)

    def _make_path(self, seed: int, keyframes: str, space: str) -> Path:
        if space == "auto":  # where w is z, the straight way between two is through what was never seen
            space = "w" if self.card.layers > 1 else "z"
        if keyframes:
            return Path(self.model, seeds(keyframes), space=space)
        worth = seeds(self.card.seeds) if self.card.seeds else ()
        return Path(self.model, worth, walk=seed, space=space)

    # Where and how

    def _composite(self, image: Image, picture: Image, mask: masks.Mask | None) -> Image:
        params = self.params
        height, width = image.shape[:2]
        result, colour = image.copy(), self._ground(picture)
        if params.where == "object" and mask is not None:
            self._objects = held_back(squares(mask), self._objects)
            for place in self._objects:
                self._lay(result, picture, colour, place, (True, True, True, True), None)
            return result
        place = Region.parse(params.region).place((width, height))
        fit = params.fit
        if fit == "auto":
            fit = "cover" if params.region == "full" and colour is None else "contain"
        if fit == "contain":
            place = place.square((width, height))
        elif fit == "cover":
            picture = trimmed(picture, place.width, place.height)
            colour = self._ground(picture)
        sides = place.left > 0, place.top > 0, place.right < width, place.bottom < height
        self._lay(result, picture, colour, place, sides, mask)
        return result

    def _lay(
        self, result: Image, picture: Image, colour: tuple[int, int, int] | None, place: Place,
        sides: tuple[bool, bool, bool, bool], mask: masks.Mask | None,
    ) -> None:  # fmt: skip
        """Blend `picture` into `result`, in place; what lies outside, or is ground of that `colour`, is left out."""
        params, size = self.params, (place.width, place.height)
        seen = Place(0, 0, result.shape[1], result.shape[0]).overlap(place)
        if seen is None:
            return
        inner = Place(seen.left - place.left, seen.top - place.top, seen.width, seen.height)
        soft = None if mask is None else self._limits(mask, seen)
        if colour is None:
            how = cv2.INTER_AREA if min(size) < min(picture.shape[:2]) else cv2.INTER_CUBIC
            times = max(size) / max(picture.shape[:2])
            calm = picture if times <= _CRISP else cv2.GaussianBlur(picture, (0, 0), _SOFTER)
            overlay = np.asarray(cv2.resize(calm, size, interpolation=how), np.uint8)
            full = params.region == "full" and params.where != "object"
            shape = params.shape if params.shape in SHAPES else "box" if full else "ellipse"
            alpha = blend_room.feather(size, params.feather, shape, sides)
        else:
            overlay, alpha, shadow = cut_out(picture, colour, size)
            if params.blend == "clone":
                give_grey_rim(overlay, alpha)
            if params.shadow > 0 and params.blend == "normal":
                dark = blend_room.lessened(shadow[inner.slices], params.opacity * params.shadow, soft)
                black = np.zeros((*dark.shape, 3), np.uint8)
                result[seen.slices] = composite(result[seen.slices], black, "normal", dark)
        alpha = blend_room.lessened(alpha[inner.slices], params.opacity, soft)
        overlay = np.ascontiguousarray(overlay[inner.slices])
        result[seen.slices] = composite(result[seen.slices], overlay, params.blend, alpha)

    def _limits(self, mask: masks.Mask, seen: Place) -> masks.Mask:
        """Where of `seen` the picture may show, 0 to 255."""
        soft = _softened(mask[seen.slices], round(self.params.feather * min(mask.shape[:2]) / 8))
        return np.asarray(cv2.bitwise_not(soft), np.uint8) if self.params.where == "outside" else soft

    def _ground(self, picture: Image) -> tuple[int, int, int] | None:
        """The ground that the picture stands before, if that is to be cut away."""
        params = self.params
        if params.shape == "cutout" or (params.shape == "auto" and params.fit in ("auto", "contain")):
            usual = self._usual_ground()  # what one picture looks like says little, and another may follow at once
            return usual and (ground(picture) or usual)
        return None

    def _see_ground(self) -> tuple[int, int, int] | None:
        """The plain ground of nearly all that the generator makes, if there is one."""
        grounds = [ground(picture) for picture in self.generate(seeded(range(_TRIED), self.card.latent))]
        plain = [colour for colour in grounds if colour is not None]
        return plain[0] if len(plain) >= _TRIED - 1 else None

    def _marks(self) -> tuple[str, str, str, str]:
        return self.params.mask, self.params.box, self.params.faces, self.params.colour

    def _marker(self) -> masks.MaskSource:
        if self._marked is not None:
            return self._marked
        if not any(self._marks()):
            if self.params.draw:  # not yet
                return masks.Union()
            raise InputError(f"{self.card.name}: where={self.params.where} needs mask=, box=, faces= or colour=")
        return self._marking(*self._marks())


def _marker(mask: str, box: str, faces: str, colour: str) -> masks.Union:
    """What any of these mark."""
    sources: list[masks.MaskSource] = []
    if mask:
        sources.append(masks.source(mask))
    if box:
        sources.append(masks.Tracked(pixels(box), around=(0.0, 0.0)))
    if faces:
        sources.append(masks.Faces(None if faces == "on" else faces))
    if colour:
        sources.append(masks.ColourKey(colour))
    return masks.Union(*sources)


def _softened(mask: masks.Mask, radius: int) -> masks.Mask:
    """0 and more -> 0 to 255 with a soft edge."""
    full = np.asarray(cv2.threshold(mask, 0, 255, cv2.THRESH_BINARY)[1], np.uint8)
    return np.asarray(cv2.blur(full, (2 * radius + 1,) * 2), np.uint8) if radius else full


def build(model: Model, params: Mapping[str, object]) -> Morph:
    """Make the effect of a loaded model; `mask` among `params` may also be anything that ``masks.source`` takes.

    Raises:
        ModelError: For a model that is no generator.
        ParameterError: For a parameter that does not exist, or cannot have that value.
    """
    if not isinstance(model, Generator):
        raise ModelError(f"{model.path}: is no generator (layout {model.card.layout}), which morphs need")
    marked = params.get("mask")
    given = marked is not None and not isinstance(marked, str)
    own = {name: value for name, value in params.items() if name != "mask" or not given}
    return Morph(model, MorphParams.suited(model.card).of(**own), mask=marked if given else None)
