"""Latent morphs: a generator's pictures, changing smoothly, over the frame."""

import math
import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gancam import masks
from gancam.effects._contract import ModelEffect
from gancam.effects.morphing.drive import Drive, knows_no_future
from gancam.effects.morphing.laying import BoxPad, Layer
from gancam.effects.morphing.settings import MorphParams, pixels, seeds
from gancam.errors import InputError, ModelError
from gancam.frame import Image, check_image
from gancam.inference.model import Generator, Model
from gancam.latent.path import Path, seeded, styles
from gancam.masks.conversion import KeptSources
from gancam.masks.detection_count import DetectionCount

KEY_SECONDS = 2.0  # from picture to picture at speed 1
_AHEAD_ON_GPU = 8  # frames made at once: a CPU gains 12 % by eight, which is not worth a hiccup


@dataclass
class _Memory:
    """All that is remembered of frames: how far it has come, where it was laid, and who was found."""

    drive: Drive
    layer: Layer
    detections: DetectionCount = field(default_factory=DetectionCount)
    step: float = 0.0  # seconds between the last two frames

    def anew(self) -> "_Memory":
        """Give one of no frames; what this one knows of a sound and of the generator stays."""
        for kept in (self.drive, self.layer):
            kept.reset()
        return _Memory(self.drive, self.layer)


class Morph(ModelEffect):
    """Composites a morphing picture into the frame: ``(H, W, 3)`` -> the same size.

    Outside the region, and where it has faded out, that is the frame to the byte.

    Which picture is seen depends on `time` and the parameters alone, so live and offline are the same, frame by frame,
    in any order. Where it is seen depends on the first frame and on cuts, if its region is auto. A new `speed` or
    `drive` holds from the frame on with which it comes. Driven by motion or level, it depends on the frames before,
    too. Calls without a time are a thirtieth of a second apart.

    Args:
        model: A generator.
        params: What can be set while it runs.
        mask: Anything that ``masks.source`` takes, instead of what the parameters mark.
        ahead: Pictures made at once while time goes steadily on; None for what the device likes.
    """

    model: Generator
    params: MorphParams

    def __init__(self, model: Generator, params: MorphParams, *, mask: object = None, ahead: int | None = None) -> None:
        super().__init__(model, params)
        self._ahead = ahead or (1 if model.device == "cpu" else _AHEAD_ON_GPU)
        self._paths = lru_cache(maxsize=4)(self._make_path)
        self._memory = _Memory(Drive(model.card.name), Layer(self._samples))
        self._mixed = lru_cache(maxsize=4)(lambda seed: model.mapping(seeded([seed], model.card.latent)))
        self._made: dict[tuple[Any, ...], Image] = {}
        self._marked = None if mask is None else masks.source(mask)
        self._kept, self._marking = KeptSources(), masks.Union()
        self._pad: BoxPad | None = None  # what is drawn on
        self.reset()  # what is wrong with its masks is found now
        self._memory.drive.check(params)
        if any(params.marks):
            self._union()  # where nothing is marked by it, too
        self._memory.layer.prepare(params)
        self._path().at(0.0)  # measures what must be measured first, now and not between two frames

    def arguments(self) -> Mapping[str, object]:
        """Tell what else it is made with; see ``ModelEffect``."""
        return {"mask": self._marked, "ahead": self._ahead}

    def compute(self, image: Image, time: float | None) -> Image:
        """Composite the picture of that moment into `image`."""
        if self.pad is not None:
            self.pad.image = image
        time, step = self._memory.drive.turn(self.params, image, time)
        where = self._where
        mask = None if where == "region" else self._memory.detections(self._marker(where), image, time)
        if self.params.opacity == 0.0 or (mask is not None and where != "outside" and not mask.any()):
            if self._seeks:
                self._memory.layer.see(image)
            return image
        return self._memory.layer.over(image, self._picture(time, step), where, mask, self.params)

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
        return not self.can_skim or self._seeks

    @property
    def can_skim(self) -> bool:
        """Whether nothing is remembered but the corner in which the pictures are, which is quickly seen."""
        return not knows_no_future(self.params) and self._where == "region" and self._marked is None

    def skim(self, image: Image, *, time: float | None = None) -> None:
        """See whether another corner is chosen, where nothing else is remembered."""
        if not self.can_skim:
            super().skim(image, time=time)
        elif self._seeks:
            with self._lock:
                self._memory.layer.see(check_image(image))

    @property
    def pad(self) -> BoxPad | None:
        """Boxes to draw, where `draw` is on."""
        if self.params.draw and self._pad is None:
            self._pad = BoxPad(self.params)
        return self._pad if self.params.draw else None

    def listen_to(self, path: pathlib.Path) -> None:
        """Follow the sound of the file `path`, unless `audio` names another."""
        if not self.params.audio and path.exists():
            self.params.audio = str(path)

    def reset(self) -> None:
        """Begin anew: nothing has moved yet, and no speed but the present one has ever held."""
        with self._lock:
            super().reset()
            self._memory = self._memory.anew()
            for source in self._masks():
                source.reset()

    @property
    def notes(self) -> list[str]:
        """What the user should know of its mask."""
        return [note for source in self._masks() for note in source.notes]

    @property
    def detection_note(self) -> str:
        """That nobody was found whom the mask is to mark."""
        where = "all over their region" if self._where == "outside" else "not seen"
        return self._memory.detections.note(f"the pictures are {where}")

    def _masks(self) -> list[masks.MaskSource]:
        kept = [] if self._marked is None else [self._marked]
        return kept if self._where == "region" else [*kept, self._union()]

    def _samples(self, count: int) -> Image:
        return self.generate(seeded(range(count), self.card.latent))

    def _picture(self, time: float, step: float) -> Image:
        """The generated picture of that moment; several to come at once, where the device likes that."""
        params, path = self.params, self._path()
        look = path, params.truncation, params.mix, params.mix_layer, params.ease, params.loop
        wanted = (*look, self._memory.drive.position(time))
        if wanted not in self._made:
            steady = step > 0 and math.isclose(step, self._memory.step, rel_tol=1e-3) and not knows_no_future(params)
            times = [time + step * index for index in range(self._ahead if steady else 1)]
            places = dict.fromkeys(self._memory.drive.position(moment) for moment in times)
            ws = np.concatenate([self._styles(path, place) for place in places])
            self._made = {(*look, place): image for place, image in zip(places, self.model.synthesis(ws), strict=True)}
            path.prepare(self._phase(path, wanted[-1]), math.ceil(len(places) * max(params.speed, 1.0)))
        self._memory.step = step
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
        return Path(self.model, self.card.seeds, walk=seed, space=space)

    @property
    def _seeks(self) -> bool:
        """Whether a corner of the frame is chosen."""
        return self.params.region == "auto" and self._where != "object"

    @property
    def _where(self) -> str:
        return self.params.place(marked=self._marked is not None)

    def _marker(self, where: str) -> masks.MaskSource:
        if self._marked is not None:
            return self._marked
        if not any(self.params.marks):
            if self.params.draw:  # not yet
                return masks.Union()
            raise InputError(f"{self.card.name}: where={where} needs mask=, box=, faces= or colour=")
        return self._union()

    def _union(self) -> masks.Union:
        """What any of these parameters mark."""
        mask, box, faces, colour = self.params.marks
        wanted: dict[tuple[object, ...], Callable[[], masks.MaskSource]] = {}
        if mask:
            wanted["mask", mask] = partial(masks.source, mask)
        if box:
            wanted["box", box] = lambda: masks.Tracked(pixels(box), around=(0.0, 0.0))
        if faces:
            wanted["faces", faces] = partial(masks.Faces, None if faces == "on" else faces)
        if colour:
            wanted["colour", colour] = partial(masks.ColourKey, colour)
        self._marking.sources = self._kept(wanted)
        return self._marking


def build(model: Model, params: Mapping[str, object]) -> Morph:
    """Make the effect of a loaded model; `mask` among `params` may also be anything that ``masks.source`` takes.

    Raises:
        ModelError: For a model that is no generator.
        ParameterError: For a parameter that does not exist, or cannot have that value.
    """
    if not isinstance(model, Generator):
        raise ModelError(f"{model.path}: is not a generator (layout {model.card.layout}), which morphs need")
    marked = params.get("mask")
    given = marked is not None and not isinstance(marked, str)
    own = {name: value for name, value in params.items() if name != "mask" or not given}
    return Morph(model, MorphParams.suited(model.card).of(**own), mask=marked if given else None)
