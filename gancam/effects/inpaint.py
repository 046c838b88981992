"""Inpainting: what a mask marks is filled as if it had never been there.

What is behind it is taken from what was seen before (`gancam.effects.inpainting.background`) and, where nothing was,
from the network, which works on crops around the holes. Masks come from `gancam.masks`, by parameters or from the
caller.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam import masks
from gancam.effects._contract import Effect, MaskedEffect
from gancam.effects._frame_notes import FrameNotes
from gancam.effects.inpainting.background import Background
from gancam.effects.inpainting.bystanders import Bystanders, Silhouettes
from gancam.effects.inpainting.grain import Grain
from gancam.effects.inpainting.holes import Holes
from gancam.effects.inpainting.inventing import Inventor, average
from gancam.effects.inpainting.marks import Marks
from gancam.effects.inpainting.mixing import add
from gancam.effects.inpainting.prescan import Prescan
from gancam.effects.inpainting.regions import UNKNOWN
from gancam.effects.inpainting.scratches import Scratches
from gancam.effects.inpainting.settings import InpaintParams
from gancam.effects.inpainting.texture import wide_parts
from gancam.errors import ModelError, OutputExists
from gancam.files import check_target
from gancam.frame import Frame, Image
from gancam.inference.model import MaskedModel, Model
from gancam.masks import Mask, MaskSource

# Said of files in which nothing was filled, or all of it.
_ALL_MARKED = (
    "all of a frame was marked, so that nothing was left to fill it from, and it is black: invert=on fills what a mask "
    "image does not mark instead"
)
_NOTHING = "nothing is marked, so nothing is filled: give mask=, box=, polygon=, key=, faces= or find="
_ALONE = "find=scratches compares a frame with those beside it, and there was one frame alone, which is as it was"


@dataclass
class _Memory:
    """All that is remembered of frames: handed on whole from one effect to another, and made anew by a reset."""

    marks: Marks
    silhouettes: Silhouettes = field(default_factory=Silhouettes)
    background: Background = field(default_factory=Background)
    grain: Grain = field(default_factory=Grain)
    scratches: Scratches = field(default_factory=Scratches)
    notes: FrameNotes = field(default_factory=FrameNotes)
    holes: Holes | None = None  # of the last mask

    def anew(self) -> "_Memory":
        """Give one of no frames; what was drawn stays, and the networks that this one has open."""
        self.scratches.close()
        for kept in (self.marks, self.silhouettes):
            kept.reset()
        return _Memory(self.marks, self.silhouettes, Background(people=self.background.people))


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
        self._bystanders = Bystanders()
        self._invent = Inventor(model)
        self._memory = _Memory(Marks(source))
        self._marking()

    @property
    def background(self) -> Background:
        """What is known of the scene behind what is marked."""
        return self._memory.background

    def arguments(self) -> Mapping[str, object]:
        """Tell what else it is made with; see ``ModelEffect``."""
        return {"source": self._memory.marks.given}

    def compute_masked(self, image: Image, time: float | None, mask: NDArray[np.generic] | None) -> Image:
        """Fill what `mask` or the parameters mark in `image`; without anything marked, give that itself."""
        memory = self._memory
        if mask is not None:
            mask = masks.check_mask(mask, image)
            memory.notes.clear()  # of a mask that comes with its call, the last call counts
        if self.params.find == "scratches":
            image, time, mask = memory.scratches(image, time, mask)  # which may be those of the frame before
        marked = self._marked(image, time) if mask is None else mask
        faces = mask is None and memory.marks.are(masks.Faces)
        recalls = self.params.memory and not memory.marks.are(masks.Faces)
        if recalls and mask is None and marked is not None:
            marked = self._with_belongings(memory.background, image, marked, time)
        if marked is None or not cv2.hasNonZero(marked):
            if recalls:
                memory.background.skip(image)
            return image
        holes = self._made(marked, memory.silhouettes(image, time, marked) if faces else None)
        result, unknown = image.copy(), holes.hidden.copy()
        if recalls:
            stale = memory.marks.slow if mask is None else None
            memory.background.observe(image, holes.hidden, holes.windows, stale)
            for window in holes.windows:
                found = memory.background.lookup(window, image, holes.hidden)
                known = np.asarray(found.state != UNKNOWN, np.uint8)
                cv2.copyTo(found.picture, known, result[window.place])
                unknown[window.place][known > 0] = 0
        if cv2.countNonZero(unknown) == unknown.size:
            memory.notes.add(_ALL_MARKED, self.params)
        new = unknown.copy()
        invented = [new[window.place] for window in holes.windows]
        self._invent(result, unknown, holes.windows, beside=holes.beside)
        if recalls and self.params.texture:
            self._texture(result, new, image)
        for window, part in zip(holes.windows, invented, strict=True) if recalls else ():
            memory.background.store(window, result[window.place], image, holes.hidden, part)
        holes.blend(result)
        if recalls and self.params.texture:
            memory.grain.add(result, image, memory.background.before, holes)
        for veil in memory.marks.veils if mask is None else ():
            veil.lift(result, image, holes.hidden)
        if recalls:
            memory.background.remember(image, holes.hidden)
        return result

    @property
    def remembers(self) -> bool:
        """Whether its output may depend on earlier frames."""
        return self.params.memory or self._memory.marks.remember(self.params)

    @property
    def pad(self) -> "masks.Drawn | None":
        """A brush, boxes and an eraser, where `draw` is on."""
        return self._memory.marks.pad(self.params)

    def reset(self) -> None:
        """Forget the frames before, and what was read ahead; what was drawn stays."""
        with self._lock:
            super().reset()
            self._memory = self._memory.anew()

    def continue_from(self, before: Effect) -> None:
        """Take what was seen, followed and drawn; see ``Effect``."""
        if not isinstance(before, Inpaint):
            super().continue_from(before)
        elif before is not self:
            with self._lock, before._lock:
                self._memory, before._memory = before._memory, self._memory

    def prefer_quality(self) -> None:
        """Look for people more often from now on: nobody waits for the frames."""
        self._memory.marks.prefer_quality()
        self._memory.silhouettes.prefer_quality()

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        """Learn from a clip before its first frame is played; see ``Effect``.

        Raises:
            MaskError: For the mask track of another clip.
        """
        self.reset()
        self._marking()
        marks = self._memory.marks
        marks.learn(self.params, frames)
        if self.params.find == "scratches":
            self._memory.scratches.read_ahead(frames())
        if (self.params.memory and self.params.ahead and not marks.are(masks.Faces)) or marks.tracks:
            self._scout(frames(), whole)

    def _scout(self, frames: Iterable[Frame], whole: bool) -> None:
        """Go through a clip and its masks once, and begin anew with what was seen to be uncovered."""
        memory = self._memory
        whole_masks, people = memory.marks.whole, memory.marks.are(masks.Person)
        scout, marks = Prescan(whole=whole_masks, people=people), memory.marks.ahead(self.params)
        if marks is None:
            return
        time: float | None
        for frame in frames:
            image, time = frame.image, frame.time
            if self.params.find == "scratches":
                image, time, _ = memory.scratches(image, time)
            marked = masks.check_mask(marks(image, time=time), image)
            marked = self._with_belongings(scout, image, marked, time)
            if cv2.hasNonZero(marked):
                holes = self._made(marked)
                scout.observe(image, holes.hidden, holes.windows)
                scout.remember(image, holes.hidden)
            else:
                scout.skip(image)
        for track in memory.marks.tracks if whole else ():
            track.finished()
        known = scout.finish()
        opening = Background(known, people=people)
        memory.background = Background(known, whole=whole_masks, people=people)
        memory.marks.begin_anew(self.params)
        marks = memory.marks.ahead(self.params) or marks
        for image in scout.opening:
            self._with_belongings(opening, image, masks.check_mask(marks(image, time=None), image), None)

    def _with_belongings(self, background: Background, image: Image, marked: Mask, time: float | None) -> Mask:
        """What is `marked` and belongs to it; who finds people will look where `background` sees something come."""
        whole = background.belonging(image, marked, time)
        for source in self._memory.marks.sources:
            if isinstance(source, masks.Person) and background.strangers:
                source.expect(background.strangers)
        within = time is None or self.params.from_ <= time < (self.params.to or math.inf)
        return whole if within else marked

    def close(self) -> None:
        """Write the mask track, where one was asked for. Raises ``OutputExists``, ``SinkError``."""
        self._memory.scratches.close()
        self._memory.marks.save(self.params)

    def discard(self) -> None:
        """Forget the masks that ``close`` would write."""
        self._memory.marks.discard()

    @property
    def notes(self) -> list[str]:
        """What the user should know: an object that was lost, say."""
        alone = [_ALONE] if self.params.find == "scratches" and self._memory.scratches.alone else []
        return self._memory.notes.of(self.params) + alone + self._memory.marks.notes

    @property
    def detection_note(self) -> str:
        """That nothing was filled, since nobody was found, or no face, or no overlay."""
        return self._memory.marks.detection_note

    @property
    def noop_reason(self) -> str:
        """What to set, where no parameter marks anything."""
        return _NOTHING if self._marking() is None and self.params.find == "nothing" else ""

    def _marking(self) -> MaskSource | None:
        """What marks now; what is remembered begins anew where that came to be people, or others than they."""
        memory = self._memory
        source = memory.marks.source(self.params)
        if memory.marks.are(masks.Person) != memory.background.people:
            memory.background = Background(people=memory.marks.are(masks.Person))
        return source

    def _marked(self, image: Image, time: float | None) -> Mask | None:
        if self._marking() is None and self.params.find == "nothing":
            self._memory.notes.add(_NOTHING, self.params)
        return self._memory.marks.mask(self.params, image, time)

    def _made(self, marked: Mask, beside: Mask | None = None) -> "Holes":
        """What follows from the mask alone: made once for one that stays."""
        grow, feather = self.params.grow, self.params.feather
        holes = self._memory.holes
        if holes is None or not holes.are(marked, grow, feather, beside):
            self._memory.holes = holes = Holes(marked, grow, feather, beside)
        return holes

    def _texture(self, picture: Image, new: Mask, image: Image) -> None:
        """Give wide parts of what is `new` in `picture`, which will be remembered, several looks and texture.

        `image` is the same before it was filled.

        Invented again for each frame, it would boil. So what was hidden in the frame before and had to be invented
        again stays as the network has it.
        """
        if cv2.hasNonZero(new):
            appeared = self._memory.background.appeared(new)
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
