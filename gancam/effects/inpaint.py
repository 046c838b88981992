"""Inpainting: what a mask marks is filled as if it had never been there.

What is behind it is taken from what was seen before (`gancam.effects.inpainting.background`) and, where nothing was,
from the network, which works on crops around the holes. Masks come from `gancam.masks`, by parameters or from the
caller.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam import masks
from gancam.effects._contract import MaskedEffect
from gancam.effects._told import Told
from gancam.effects.inpainting.background import Background
from gancam.effects.inpainting.bystanders import Bystanders
from gancam.effects.inpainting.captions import Captions, keyed
from gancam.effects.inpainting.grain import Grain
from gancam.effects.inpainting.holes import Crop, Holes, cut_out, overlap, paste, plan
from gancam.effects.inpainting.mixing import add
from gancam.effects.inpainting.overlay import Overlay
from gancam.effects.inpainting.places import boxes, polygons
from gancam.effects.inpainting.prescan import Prescan
from gancam.effects.inpainting.regions import UNKNOWN, FrameRegion
from gancam.effects.inpainting.scratches import Repairs, defects, repairs
from gancam.effects.inpainting.slope import put_back, slope, without
from gancam.effects.inpainting.texture import wide_parts
from gancam.effects.inpainting.veil import Veil, veils
from gancam.effects.inpainting.views import average
from gancam.effects.inpainting.words import ALL_MARKED, ALONE, NOTHING
from gancam.errors import ModelError, OutputExists, ParameterError
from gancam.files import check_target
from gancam.frame import Frame, Image
from gancam.inference.model import MaskedModel, Model
from gancam.masks import Mask, MaskSource
from gancam.masks.sought import unfound
from gancam.params import Params, parameter


@dataclass
class InpaintParams(Params):
    """What can be set of `Inpaint`."""

    mask: str = parameter(
        "", kind="file", words=("person", "faces"), form="person, faces, or the path of an image or of a mask track",
        help="what to fill: people, faces, or what is bright or opaque there",
    )  # fmt: skip
    invert: bool = parameter(False, help="fill what the mask image does not mark instead")
    box: str = parameter(
        "", kind="box", parse=boxes, form="x/y/width/height in pixels, several joined by +", help="what to fill"
    )
    polygon: str = parameter(
        "", kind="polygon", parse=polygons, form="x/y/x/y/x/y... in pixels, several joined by +", help="what to fill"
    )
    track: bool = parameter(False, help="mask, box and polygon mark the first frame; follow what is marked there")
    draw: bool = parameter(False, kind="draw", help="live: draw on the picture what to fill; it is followed")
    key: str = parameter(
        "", kind="colour", parse=lambda text: text and masks.parse_colour(text), form="#rrggbb or a colour's name",
        help="fill everything of this colour, with its soft edge",
    )  # fmt: skip
    tolerance: float = parameter(20.0, minimum=1.0, maximum=100.0, help="how far from that colour")
    letters: str = parameter(
        "auto", choices=("auto", "on", "off"),
        help="key: only letters of that colour, no wall or sky; auto: where the colour is white, black or grey",
    )  # fmt: skip
    faces: str = parameter(
        "", kind="file", words=("on",), form="on, or the path of a YuNet model",
        help="fill the faces that the bundled detector, or this one, finds",
    )  # fmt: skip
    find: str = parameter(
        "nothing", choices=("nothing", "overlay", "scratches"),
        help="fill what is found: a clock, a logo or text that stays while all else moves, or defects of single frames",
    )  # fmt: skip
    from_: float = parameter(0.0, minimum=0.0, unit="s", help="from this time on")
    to: float = parameter(0.0, minimum=0.0, unit="s", help="until this time; 0: to the end")
    grow: int = parameter(0, minimum=0, maximum=100, help="pixels by which what is marked is enlarged first")
    feather: int = parameter(
        3, minimum=0, maximum=50,
        help="pixels inside, from the edge, over which the fill takes on the light and colour of what is around it",
    )  # fmt: skip
    memory: bool = parameter(True, help="take what was seen before where it is known, before inventing anything")
    ahead: bool = parameter(True, help="process: read the file first, for what is uncovered later")
    texture: float = parameter(
        0.6, minimum=0.0, maximum=1.0,
        help="how much grain, and how many of the lines around them, wide holes get; 0: the network alone",
    )  # fmt: skip
    save: str = parameter(
        "", kind="new-file", form="the path of a new .json", help="record the masks there, as a track to replay"
    )


class Inpaint(MaskedEffect):
    """Fills what a mask marks: ``(H, W, 3)`` -> the same size.

    Pixels outside the mask and its `grow` leave as they came, to the byte; without a mask the very array does. The mask
    comes with the call (``erase(image, mask=mask)``), or from `source`, or from what the parameters say; see
    `gancam.masks`. What is marked twice is marked once. The scene is remembered but for faces alone: what is around
    those is no scene behind them.

    With ``find=scratches``, defects of single frames are replaced first by what the frames beside have there. That
    takes the frame after: where it cannot be read ahead, what is given is the frame before.
    """

    model: MaskedModel
    params: InpaintParams

    def __init__(self, model: MaskedModel, params: InpaintParams, source: MaskSource | None = None) -> None:
        super().__init__(model, params)
        self.background = Background()
        self._grain = Grain()
        self._bystanders = Bystanders()
        self._drawn: masks.Drawn | None = None  # what is drawn on
        self._overlay = Overlay()
        self._veils: Sequence[Veil] = ()  # of the clip that was read ahead, likewise:
        self._keyed: tuple[tuple[str, float, str], MaskSource] | None = None  # what finds a colour
        self._repairs: Repairs | None = None  # of the clip that was read ahead
        self._late: list[tuple[Image, float | None]] = []  # the last frames
        self._told = Told()
        self._looked = self._found = 0  # frames since it was reset in which parameters might mark something, and did
        self._given, self._noted = source, list[MaskSource]()
        self._said: tuple[object, ...] | None = None
        self._source: MaskSource | None = None
        self._marks: MaskSource | None = None  # the same without recording
        self._recorded: masks.Recorded | None = None
        self._holes: Holes | None = None
        self._sources()

    def arguments(self) -> Mapping[str, object]:
        """Tell what else it is made with; see ``ModelEffect``."""
        return {"source": self._given}

    def compute_masked(self, image: Image, time: float | None, mask: NDArray[np.generic] | None) -> Image:
        """Fill what `mask` or the parameters mark in `image`; without anything marked, give that itself."""
        if self.params.find == "scratches":
            image, time = self._repaired(image, time)
        if mask is not None:
            self._told.clear()  # of a mask that comes with its call, the last call counts
        marked = self._mask(image, time) if mask is None else masks.check_mask(mask, image)
        recalls = self.params.memory and not self._are(masks.Faces)
        if recalls and mask is None and marked is not None:
            marked = self._with_belongings(self.background, image, marked, time)
        self._looked += mask is None and marked is not None
        if marked is None or not cv2.hasNonZero(marked):
            if recalls:
                self.background.skip(image)
            return image
        self._found, holes = self._found + (mask is None), self._made(marked)
        result, unknown = image.copy(), holes.hidden.copy()
        if recalls:
            self.background.observe(image, holes.hidden, holes.windows)
            for window in holes.windows:
                found = self.background.lookup(window, image, holes.hidden)
                known = np.asarray(found.state != UNKNOWN, np.uint8)
                cv2.copyTo(found.picture, known, result[window.place])
                unknown[window.place][known > 0] = 0
        if cv2.countNonZero(unknown) == unknown.size:
            self._told.tell(ALL_MARKED, self.params)
        new = unknown.copy()
        invented = [new[window.place] for window in holes.windows]
        self._invent(result, unknown, holes.windows)
        if recalls and self.params.texture:
            self._texture(result, new, image)
        for window, part in zip(holes.windows, invented, strict=True) if recalls else ():
            self.background.store(window, result[window.place], image, holes.hidden, part)
        holes.blend(result)
        if recalls and self.params.texture:
            self._grain.add(result, image, self.background.before, holes)
        for veil in self._veils if mask is None and list(self._noted) == [self._overlay] else ():
            veil.lift(result, image, holes.hidden)
        if recalls:
            self.background.remember(image, holes.hidden)
        return result

    @property
    def remembers(self) -> bool:
        """Whether frames before this one may show in it."""
        params = self.params
        followed = params.track or params.draw or params.faces or masks.follows(params.mask)
        return bool(params.memory or followed or params.save or self._given is not None)

    @property
    def pad(self) -> "masks.Drawn | None":
        """A brush, boxes and an eraser, where `draw` is on."""
        if self.params.draw and self._drawn is None:
            self._drawn = masks.Drawn(follow=True)
        return self._drawn if self.params.draw else None

    def reset(self) -> None:
        """Forget the frames before, and what was read ahead; what was drawn stays."""
        with self._lock:
            self.background.reset()
            self._grain.reset()
            self._overlay.reset()
            self._veils, self._late = (), []
            self._told.clear()
            self._looked = self._found = 0
            self._drop_repairs()
            if self._source is not None:
                self._source.reset()

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        """Learn what can be learnt from a clip before its first frame is played; see ``Effect``.

        Raises:
            MaskError: For the mask track of another clip.
        """
        self.reset()
        self._sources()
        if self.params.find == "overlay":
            for frame in frames():
                self._overlay(frame.image, time=frame.time)
            self._overlay.settle()
            if self._overlay.found.any():
                self._veils = veils(self._overlay.found, frames())
                for veil in self._veils:
                    self._overlay.add(veil.mask)
        if self.params.find == "scratches":
            self._repairs = repairs(frames())
        if self.params.key and self._keyed is not None and isinstance(self._keyed[1], Captions):
            self._keyed[1].learn(frames())
        if (self.params.memory and self.params.ahead and not self._are(masks.Faces)) or self._tracks():
            self._scout(frames(), whole)

    def _scout(self, frames: Iterable[Frame], whole: bool) -> None:
        """Go through a clip and its masks once, and begin anew with what was seen to be uncovered."""
        whole_masks = len(self._noted) == 1 and isinstance(self._noted[0], Captions)
        people = self._are(masks.Person)
        scout, marks = Prescan(whole=whole_masks, people=people), self._marks
        if marks is None:
            return
        time: float | None
        for frame in frames:
            image, time = frame.image, frame.time
            if self.params.find == "scratches":
                image, time = self._repaired(image, time)
            marked = masks.check_mask(marks(image, time=time), image)
            marked = self._with_belongings(scout, image, marked, time)
            if cv2.hasNonZero(marked):
                holes = self._made(marked)
                scout.observe(image, holes.hidden, holes.windows)
                scout.remember(image, holes.hidden)
            else:
                scout.skip(image)
        for track in self._tracks() if whole else ():
            track.finished()
        known = scout.finish()
        self.background, opening = Background(known, whole=whole_masks, people=people), Background(known, people=people)
        self._said = None  # masks anew, but for those that were given
        self._sources()
        if self._given is not None:
            self._given.reset()
        marks = self._marks or marks
        for image in scout.opening:
            self._with_belongings(opening, image, masks.check_mask(marks(image, time=None), image), None)

    def _are(self, kind: type[MaskSource]) -> bool:
        """Whether all that is marked are people, who may be marked late, and in part, or faces."""
        return bool(self._noted) and all(isinstance(source, kind) for source in self._noted)

    def _with_belongings(self, background: Background, image: Image, marked: Mask, time: float | None) -> Mask:
        """What is `marked` and belongs to it; who finds people will look where `background` sees something come."""
        whole = background.belonging(image, marked, time)
        for source in self._noted:
            if isinstance(source, masks.Person) and background.strangers:
                source.expect(background.strangers)
        within = time is None or self.params.from_ <= time < (self.params.to or math.inf)
        return whole if within else marked

    def _tracks(self) -> list[masks.MaskTrack]:
        return [source for source in self._noted if isinstance(source, masks.MaskTrack)]

    def close(self) -> None:
        """Write the mask track, where one was asked for. Raises ``OutputExists``, ``SinkError``."""
        self._drop_repairs()
        if self._recorded is not None and self._recorded.frames and self.params.save:
            self._recorded.save(self.params.save)

    def discard(self) -> None:
        """Forget the masks that ``close`` would write."""
        self._recorded = self._said = None

    @property
    def notes(self) -> list[str]:
        """What the user should know: an object that was lost, say."""
        alone = [ALONE] if self.params.find == "scratches" and len(self._late) == 1 else []
        return self._told.of(self.params) + alone + [note for source in self._noted for note in source.notes]

    @property
    def unfound(self) -> str:
        """That nothing was filled, since nobody was found, or no face, or in how few frames somebody was."""
        kinds = (kind for kind in (masks.Person, masks.Faces) if self._are(kind))
        return next((unfound(kind, self._found, self._looked, "nothing was filled") for kind in kinds), "")

    @property
    def idle(self) -> str:
        """What is to be marked, where no parameter says."""
        return NOTHING if self._sources() is None and self.params.find == "nothing" else ""

    def _drop_repairs(self) -> None:
        if self._repairs is not None:
            self._repairs.close()
            self._repairs = None

    def _repaired(self, image: Image, time: float | None) -> tuple[Image, float | None]:
        """The frame without its scratches, and its time; or the frame before, where what comes is not known."""
        if self._repairs is not None and time is not None:
            return self._repairs[time](image), time
        late = [one for one in self._late[-2:] if one[0].shape == image.shape]
        self._late = [*late, (image.copy(), time)]
        if len(self._late) < 3:
            return self._late[0]
        (before, _), (now, then), (after, _) = self._late
        return defects(now, before, after)(now), then

    # Masks

    def _mask(self, image: Image, time: float | None) -> Mask | None:
        source = self._sources()
        if source is None:
            if self.params.find == "nothing":
                self._told.tell(NOTHING, self.params)
            return None
        return masks.check_mask(source(image, time=time), image)

    def _sources(self) -> MaskSource | None:
        """What the parameters say now."""
        params = self.params
        said = (params.mask, params.invert, params.box, params.polygon, params.track, params.draw, params.key,
                params.tolerance, params.letters, params.faces, params.find, params.from_, params.to,
                params.save)  # fmt: skip
        if said == self._said:
            return self._source
        if params.to and params.to <= params.from_:
            raise ParameterError(f"from={params.from_:g}s to={params.to:g}s: the start must come before the end")
        marked: list[MaskSource] = []
        if params.mask:
            hides = params.mask == "person" and not params.invert
            given = masks.Person(wide=True) if hides else masks.source(params.mask)
            marked.append(masks.Inverse(given) if params.invert and not isinstance(given, masks.MaskTrack) else given)
        if params.box:
            marked.append(masks.Boxes(*boxes(params.box)))
        if params.polygon:
            marked.append(masks.Polygons(*polygons(params.polygon)))
        if params.track:
            if not marked:
                raise ParameterError("track=on: needs a mask, box or polygon to follow")
            marked = [masks.Tracked(source) for source in marked]
        if self.pad is not None:
            marked.append(self.pad)
        if params.key:
            told = params.key, params.tolerance, params.letters
            if self._keyed is None or self._keyed[0] != told:
                self._keyed = told, keyed(*told)
            marked.append(self._keyed[1])
        if params.faces:
            marked.append(masks.Faces(None if params.faces == "on" else params.faces))
        if params.find == "overlay":
            marked.append(self._overlay)
        if self._given is not None:
            marked.append(self._given)
        self._noted = marked
        source: MaskSource | None = masks.Union(*marked) if marked else None
        if source is not None and (params.from_ or params.to):
            source = masks.Between(source, params.from_, params.to or math.inf)
        self._marks = source
        if self._are(masks.Person) != self.background.people:
            self.background = Background(people=self._are(masks.Person))
        self._recorded = None
        if source is not None and params.save:
            source = self._recorded = masks.Recorded(source)
        self._source, self._said = source, said
        return source

    def _made(self, marked: Mask) -> "Holes":
        """What follows from the mask alone: made once for one that stays."""
        grow, feather = self.params.grow, self.params.feather
        if self._holes is None or not self._holes.are(marked, grow, feather):
            self._holes = Holes(marked, grow, feather)
        return self._holes

    # Filling

    def _invent(self, picture: Image, unknown: Mask, within: Sequence[FrameRegion], smaller: int = 1) -> None:
        """Fill what is `unknown` (1) in the windows of `picture` with what the network makes of the rest.

        It sees all that many times `smaller` than it has to. Both are changed: in the end nothing there is unknown.
        """
        crops = [crop for window in within for crop in plan(unknown, window, smaller)]
        while crops:  # pieces of one hole one after the other, so that each goes on from the one before
            turn, crops, seen = crops, [], list[tuple[int, int, int, int]]()
            batches: dict[tuple[int, int], list[Crop]] = {}
            for crop in turn:
                if any(overlap(crop.view, core) for core in seen):
                    crops.append(crop)
                else:
                    batches.setdefault(crop.size, []).append(crop)
                seen.append(crop.core)
            for batch in batches.values():
                given = [cut_out(picture, unknown, crop) for crop in batch]
                slopes = [slope(image, hole) for image, hole in given]
                flat = [without(image, plane) for (image, _), plane in zip(given, slopes, strict=True)]
                filled = self.model(np.stack(flat), np.stack([hole for _, hole in given]))[0]
                for crop, (_, hole), plane, answer in zip(batch, given, slopes, filled, strict=True):
                    content = put_back(answer, plane)
                    if cv2.countNonZero(hole) == hole.size:  # of what is around it nothing is left at this size
                        content = np.full_like(content, cv2.mean(picture, 1 - unknown)[:3])
                    paste(picture, unknown, crop, content)

    def _texture(self, picture: Image, new: Mask, image: Image) -> None:
        """Give wide parts of what is `new` in `picture`, which will be remembered, several looks and texture.

        `image` is the same before it was filled.

        Invented again for each frame, it would boil. So what was hidden in the frame before and had to be invented
        again stays as the network has it.
        """
        if cv2.hasNonZero(new):
            appeared = self.background.appeared(new)
            parts = wide_parts(appeared)
            if parts:
                average(picture, new, parts, self._invent)
                add(picture, appeared, parts, self.params.texture, self._bystanders(image, appeared))


def build(model: Model, params: Mapping[str, object]) -> Inpaint:
    """Make the effect of a loaded model; `mask` among `params` may also be anything that ``masks.source`` takes.

    Raises:
        ModelError: For a model that takes no masks.
        ParameterError: For a parameter that does not exist, or cannot have that value.
        OutputExists: For masks to be saved where there is a file.
        SinkError: For masks to be saved where none can be.
    """
    if not isinstance(model, MaskedModel):
        raise ModelError(f"{model.path}: takes no masks (layout {model.card.layout}), which inpainting needs")
    rest, source = dict(params), None
    if "mask" in rest and not isinstance(rest["mask"], str):
        source = masks.source(rest.pop("mask"))
    checked = InpaintParams.of(**rest)
    if checked.save:
        if os.path.lexists(checked.save):
            raise OutputExists(f"save={checked.save}: exists; give another name")
        check_target(Path(checked.save), overwrite=False)
    return Inpaint(model, checked, source)
