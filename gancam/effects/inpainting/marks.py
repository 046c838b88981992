"""What is to be filled: the masks that the parameters of inpainting name, as one source."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from gancam import masks
from gancam.effects.inpainting.captions import Captions, keyed
from gancam.effects.inpainting.overlay import Overlay
from gancam.effects.inpainting.settings import InpaintParams, boxes, polygons
from gancam.effects.inpainting.veil import Veil, veils
from gancam.errors import ParameterError
from gancam.frame import Frame, Image
from gancam.masks import Mask, MaskSource
from gancam.masks.conversion import KeptSources
from gancam.masks.detection_count import DetectionCount
from gancam.masks.opening import patiently

_FACE = 1.0  # times as large as its box is what is filled of a face: the jaw stays, and no wall flows in over it


class Marks:
    """Gives the mask of each frame by what parameters say, and tells what became of it.

    Args:
        given: A source that marks something beside that; None: none.

    Attributes:
        sources: What marks, each by itself.
    """

    def __init__(self, given: MaskSource | None) -> None:
        self.given, self.sources = given, list[MaskSource]()
        self._said: tuple[object, ...] | None = None  # by parameters
        self._source: MaskSource | None = None
        self._plain: MaskSource | None = None  # the same without recording
        self._recorded: masks.Recorded | None = None
        self._drawn: masks.Drawn | None = None  # what is drawn on
        self._saved = ""  # where what is recorded will be saved
        self._overlay = Overlay()
        self._veils: Sequence[Veil] = ()  # of the clip that was read ahead
        self._kept, self._span, self._all = KeptSources(), KeptSources(), masks.Union()
        self._detections = DetectionCount()
        self._prefers_quality = False

    def mask(self, params: InpaintParams, image: Image, time: float | None) -> Mask | None:
        """Return the mask of a frame, 0 or not; None where nothing says what to mark."""
        source = self.source(params)
        return None if source is None else masks.check_mask(self._detections(source, image, time), image)

    def prefer_quality(self) -> None:
        """Look for people more often from now on: nobody waits for the masks."""
        self._prefers_quality = True
        patiently(self.sources)

    def pad(self, params: InpaintParams) -> "masks.Drawn | None":
        """A brush, boxes and an eraser, where `draw` is on."""
        if params.draw and self._drawn is None:
            self._drawn = masks.Drawn(follow=True)
        return self._drawn if params.draw else None

    def source(self, params: InpaintParams) -> MaskSource | None:
        """What `params` say now; None: nothing. Raises ``ParameterError`` where that makes no sense."""
        said = tuple(params.values().items())
        if said == self._said:
            return self._source
        if params.to and params.to <= params.from_:
            raise ParameterError(f"from={params.from_:g}s to={params.to:g}s: the start must come before the end")
        self.sources = [*self._kept(self._named(params)), *([] if self.given is None else [self.given])]
        if self._prefers_quality:
            patiently(self.sources)
        self._all.sources = self.sources
        source: MaskSource | None = self._all if self.sources else None
        if source is not None and (params.from_ or params.to):
            span = params.from_, params.to or math.inf
            source = self._span({span: lambda: masks.Between(self._all, *span)})[0]
        self._plain = source
        if source is not None and params.save:
            if self._recorded is None or self._saved != params.save:
                self._recorded, self._saved = masks.Recorded(source), params.save
            self._recorded.what = source
            source = self._recorded
        self._source, self._said = source, said
        return source

    def _named(self, params: InpaintParams) -> dict[tuple[object, ...], Callable[[], MaskSource]]:
        """What makes each of the sources that `params` name, by those of these that are its own."""
        marked: dict[tuple[object, ...], Callable[[], MaskSource]] = {}
        if params.mask:
            marked["mask", params.mask, params.invert] = partial(_file, params.mask, invert=params.invert)
        if params.box:
            marked["box", params.box] = partial(masks.Boxes, *boxes(params.box))
        if params.polygon:
            marked["polygon", params.polygon] = partial(masks.Polygons, *polygons(params.polygon))
        if params.track:
            if not marked:
                raise ParameterError("track=on: needs a mask, box or polygon to follow")
            marked = {("track", *told): partial(_followed, make) for told, make in marked.items()}
        pad = self.pad(params)
        if pad is not None:
            marked[("draw",)] = lambda: pad
        if params.key:
            told = params.key, params.tolerance, params.letters
            marked["key", *told] = partial(keyed, *told)
        if params.faces:
            given = None if params.faces == "on" else params.faces
            marked["faces", params.faces] = partial(masks.Faces, given, grow=_FACE)
        if params.find == "overlay":
            marked[("overlay",)] = lambda: self._overlay
        return marked

    def remember(self, params: InpaintParams) -> bool:
        """Say whether the mask of a frame depends on those before, or is written down in their order."""
        followed = params.track or params.draw or params.faces or masks.follows(params.mask)
        found = params.find != "nothing" or (params.key and params.letters != "off")
        return bool(followed or found or params.save or self.given is not None)

    def are(self, kind: type[MaskSource]) -> bool:
        """Whether all that is marked are people, who may be marked late, and in part, or faces."""
        return bool(self.sources) and all(isinstance(source, kind) for source in self.sources)

    @property
    def whole(self) -> bool:
        """Whether all that is marked are captions, each from its first trace to its last."""
        only = self.sources[0] if len(self.sources) == 1 else None
        return isinstance(only, Captions) and only.whole

    @property
    def slow(self) -> Mask | None:
        """Where letters are new in the last frame, and were there, fainter, before: 1 there. None: nowhere."""
        found = (source for source in self.sources if isinstance(source, Captions))
        return next((captions.slow for captions in found), None)

    @property
    def tracks(self) -> list[masks.MaskTrack]:
        """Those that are replayed from a file."""
        return [source for source in self.sources if isinstance(source, masks.MaskTrack)]

    @property
    def veils(self) -> Sequence[Veil]:
        """What is half transparent of an overlay that is all that is marked."""
        return self._veils if self.sources == [self._overlay] else ()

    # Clips

    def learn(self, params: InpaintParams, frames: Callable[[], Iterable[Frame]]) -> None:
        """Find in a clip that is read ahead what lies over it: an overlay, or captions of a colour."""
        if params.find == "overlay":
            self._overlay.whole = True
            for frame in frames():
                self._overlay(frame.image, time=frame.time)
            if self._overlay.hurried:  # a short clip: look at each of its frames
                self._overlay.reset(pause=0.0)
                for frame in frames():
                    self._overlay(frame.image, time=frame.time)
            self._overlay.settle()
            self._overlay.whole = False
            if self._overlay.found.any():
                self._veils = veils(self._overlay.found, frames())
                for veil in self._veils:
                    self._overlay.add(veil.mask)
        for source in self.sources:
            if isinstance(source, Captions):
                source.learn(frames())

    def ahead(self, params: InpaintParams) -> MaskSource | None:
        """What marks a clip while it is read ahead, and records nothing; ``begin_anew`` when that is over."""
        self.source(params)
        return self._plain

    def begin_anew(self, params: InpaintParams) -> None:
        """Make masks anew after a clip was read ahead, but for those that were given, and captions, which it told."""
        self._said = self._recorded = None
        self._kept.forget(but=Captions)
        self._span.forget()
        self.source(params)
        if self.given is not None:
            self.given.reset()

    def reset(self) -> None:
        """Forget the frames before, and what was read ahead; what was drawn stays."""
        self._overlay.reset()
        self._veils = ()
        self._detections.reset()
        if self._source is not None:
            self._source.reset()

    def save(self, params: InpaintParams) -> None:
        """Write the mask track, where one was asked for. Raises ``OutputExists``, ``SinkError``."""
        if self._recorded is not None and self._recorded.frames and params.save:
            self._recorded.save(params.save)

    def discard(self) -> None:
        """Forget the masks that ``save`` would write."""
        self._recorded = self._said = None

    # What they tell

    @property
    def notes(self) -> list[str]:
        """What the user should know: an object that was lost, say."""
        return [] if self._plain is None else self._plain.notes

    @property
    def detection_note(self) -> str:
        """That nothing was filled, since nobody was found, or no face, or no overlay."""
        if self.sources == [self._overlay]:
            return "".join(self._overlay.notes)
        return self._detections.note("nothing was filled")


def _file(mask: str, *, invert: bool) -> MaskSource:
    """What the parameters `mask` and `invert` name."""
    if mask == "person" and not invert:
        return masks.Person(wide=True)
    if mask == "faces" and not invert:
        return masks.Faces(grow=_FACE)
    given = masks.source(mask)
    return masks.Inverse(given) if invert and not isinstance(given, masks.MaskTrack) else given


def _followed(make: Callable[[], MaskSource]) -> MaskSource:
    return masks.Tracked(make())
