"""Inpainting: what a mask marks is filled as if it had never been there.

What is behind it is taken from what was seen before (`gancam.background`) and, where nothing was, from the network,
which works on crops around the holes. Masks come from `gancam.masks`, by parameters or from the caller.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam import finding, masks, texture
from gancam.background import RING, UNKNOWN, Background, Scout, Window
from gancam.errors import ModelError, OutputExists, ParameterError
from gancam.frame import Frame, Image, check_image
from gancam.masks import Mask, MaskSource
from gancam.model import Model
from gancam.params import Params, parameter

RADIUS = 72  # pixels from a hole's edge to its innermost point at which the network still works at full resolution
CORE = 256  # pixels a side of the largest piece of a hole that is filled at once, at the network's resolution
CONTEXT = 64  # pixels around it that the network sees, likewise
STEP = 32  # sides of crops are multiples of it: few shapes, and several holes share a batch


def boxes(text: str) -> list[masks.Box]:
    """``x/y/w/h`` in pixels, several joined by +. Raises ``ValueError`` with the reason."""
    found = []
    for part in filter(None, text.split("+")):
        numbers = [float(number) for number in part.split("/")]
        if len(numbers) != 4:
            raise ValueError("not four numbers")
        found.append((numbers[0], numbers[1], numbers[2], numbers[3]))
    masks.Boxes(*found)
    return found


def polygons(text: str) -> list[list[tuple[float, float]]]:
    """``x/y/x/y/x/y...`` in pixels, several joined by +. Raises ``ValueError`` with the reason."""
    found = []
    for part in filter(None, text.split("+")):
        numbers = [float(number) for number in part.split("/")]
        if len(numbers) % 2:
            raise ValueError("an odd number of coordinates")
        found.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    masks.Polygons(*found)
    return found


@dataclass
class InpaintParams(Params):
    mask: str = parameter("", form="the path of an image or of a mask track", help="what to fill: bright or opaque")
    invert: bool = parameter(False, help="fill what the mask image does not mark instead")
    box: str = parameter("", parse=boxes, form="x/y/width/height in pixels, several joined by +", help="what to fill")
    polygon: str = parameter(
        "", parse=polygons, form="x/y/x/y/x/y... in pixels, several joined by +", help="what to fill"
    )
    track: bool = parameter(False, help="mask, box and polygon mark the first frame; follow what is marked there")
    draw: bool = parameter(False, help="live: draw what to fill in the window; it is followed")
    key: str = parameter("", parse=lambda text: text and masks.parse_colour(text), form="#rrggbb or a colour's name",
                         help="fill everything of this colour")  # fmt: skip
    tolerance: float = parameter(20.0, minimum=1.0, maximum=100.0, help="how far from that colour")
    faces: str = parameter("", form="the path of a YuNet model", help="fill the faces that this detector finds")
    find: str = parameter(
        "nothing", choices=("nothing", "overlay", "scratches"),
        help="fill what is found: a logo or time stamp that stays while all else moves, or defects of single frames",
    )  # fmt: skip
    from_: float = parameter(0.0, minimum=0.0, unit="s", help="from this time on")
    to: float = parameter(0.0, minimum=0.0, unit="s", help="until this time; 0: to the end")
    grow: int = parameter(0, minimum=0, maximum=100, help="pixels by which what is marked is enlarged first")
    feather: int = parameter(3, minimum=0, maximum=50, help="pixels around that over which the fill fades out")
    memory: bool = parameter(True, help="take what was seen before where it is known, before inventing anything")
    ahead: bool = parameter(True, help="process: read the file first, for what is uncovered later")
    texture: float = parameter(
        0.6, minimum=0.0, maximum=1.0,
        help="how much grain, and how many of the lines around them, wide holes get; 0: the network alone",
    )  # fmt: skip
    save: str = parameter("", form="the path of a new .json", help="record the masks there, as a track to replay")


class Crop(NamedTuple):
    """A piece of a hole, and what of the frame around it the network sees: at 1 / `shrink` of its size."""

    core: tuple[int, int, int, int]  # left, top, right, bottom in the frame: where the result is taken
    view: tuple[int, int, int, int]  # likewise, what is seen; it may reach beyond the frame
    size: tuple[int, int]  # width and height for the network


class Inpaint:
    """``(H, W, 3)`` -> the same size. Pixels outside the mask, its `grow` and its `feather` leave as they came, to the
    byte; without a mask the very array does.

    The mask comes with the call (``erase(image, mask=mask)``), or from `source`, or from what the parameters say; see
    `gancam.masks`. What is marked twice is marked once.

    With ``find=scratches``, defects of single frames are replaced first by what the frames beside have there. That
    takes the frame after: where it cannot be read ahead, what is given is the frame before.
    """

    params: InpaintParams

    def __init__(self, model: Model, params: InpaintParams, source: MaskSource | None = None) -> None:
        self.card = model.card
        self.model = model
        self.params = params
        self.background = Background()
        self.drawn = masks.Drawn(follow=True) if params.draw else None  # what is drawn on
        self._overlay = finding.Overlay()
        self._repairs: finding.Repairs | None = None  # of the clip that was read ahead
        self._late: list[tuple[Image, float | None]] = []  # the last frames
        self._told: list[str] = []
        self._given = source
        self._said: tuple[Any, ...] | None = None
        self._source: MaskSource | None = None
        self._marks: MaskSource | None = None  # the same without recording
        self._recorded: masks.Recorded | None = None
        self._holes: _Holes | None = None
        self._sources()

    def __call__(self, image: Image, *, time: float | None = None, mask: NDArray[Any] | None = None) -> Image:
        image = check_image(image)
        if self.params.find == "scratches":
            image, time = self._repaired(image, time)
        marked = self._mask(image, time) if mask is None else masks.check_mask(mask, image)
        if marked is None or not cv2.hasNonZero(marked):
            if self.params.memory:
                self.background.rest(image)
            return image
        holes = self._made(marked)
        result, unknown = image.copy(), holes.hidden.copy()
        if self.params.memory:
            self.background.look(image, holes.hidden, holes.windows)
            for window in holes.windows:
                found = self.background.recall(window, image, holes.hidden)
                known = np.asarray(found.state != UNKNOWN, np.uint8)
                cv2.copyTo(found.picture, known, result[window.place])
                unknown[window.place][known > 0] = 0
        new = unknown.copy()
        invented = [new[window.place] for window in holes.windows]
        self._invent(result, unknown, holes.windows)
        if self.params.memory and self.params.texture:
            self._texture(result, new)
        for window, part in zip(holes.windows, invented, strict=True):
            if self.params.memory:
                self.background.keep(window, result[window.place], image, holes.hidden, part)
        holes.blend(image, result)
        if self.params.memory:
            self.background.remember(image, holes.hidden)
        return result

    @property
    def remembers(self) -> bool:
        """Whether frames before this one may show in it."""
        params = self.params
        followed = params.track or params.draw or params.faces or params.mask.lower().endswith(".json")
        return bool(params.memory or followed or params.save or self._given is not None)

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return size

    def reset(self) -> None:
        self.background.reset()
        self._overlay.reset()
        self._late, self._told = [], []
        self._drop_repairs()
        if self._source is not None:
            self._source.reset()

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        """Learn what can be learnt from a clip before its first frame is played; `frames` reads it from the start.
        `whole` tells that it is not a part of a longer one. Raises ``MaskError`` for the mask track of another clip."""
        self.reset()
        if self.params.find == "overlay":
            for frame in frames():
                self._overlay(frame.image, time=frame.time)
            self._overlay.settle()
            if not self._overlay.found.any():
                self._told.append("found no overlay: nothing stays while all else moves; box= or mask= marks it")
        if self.params.find == "scratches":
            self._repairs = finding.repairs(frames())
        if (self.params.memory and self.params.ahead) or self._tracks():
            self._scout(frames(), whole)

    def _scout(self, frames: Iterable[Frame], whole: bool) -> None:
        """Go through a clip and its masks once, and begin anew with what was seen to be uncovered."""
        scout, marks = Scout(), self._marks
        if marks is None:
            return
        time: float | None
        for frame in frames:
            image, time = frame.image, frame.time
            if self.params.find == "scratches":
                image, time = self._repaired(image, time)
            marked = masks.check_mask(marks(image, time=time), image)
            if cv2.hasNonZero(marked):
                holes = self._made(marked)
                scout.look(image, holes.hidden, holes.windows)
                scout.remember(image, holes.hidden)
            else:
                scout.rest(image)
        for track in self._tracks() if whole else ():
            track.finished()
        self.background = Background(scout.done())
        self._said = None  # masks anew, but for those that were given
        self._sources()
        if self._given is not None:
            self._given.reset()

    def _tracks(self) -> list[masks.MaskTrack]:
        return [source for source in self._noted if isinstance(source, masks.MaskTrack)]

    def close(self) -> None:
        """Write the mask track, where one was asked for. Raises ``OutputExists``, ``SinkError``."""
        self._drop_repairs()
        if self._recorded is not None and self.params.save:
            self._recorded.save(self.params.save)

    @property
    def notes(self) -> list[str]:
        """What whoever watches should know: an object that was lost, say."""
        return self._told + [note for source in self._noted for note in getattr(source, "notes", ())]

    def _drop_repairs(self) -> None:
        if self._repairs is not None:
            self._repairs.close()
            self._repairs = None

    def _repaired(self, image: Image, time: float | None) -> tuple[Image, float | None]:
        """The frame without its scratches, and its time; or the frame before, where what comes is not known."""
        if self._repairs is not None and time is not None:
            return self._repairs[time](image), time
        if self._late and self._late[-1][0].shape != image.shape:
            self._late = []
        self._late = [*self._late[-2:], (image.copy(), time)]
        if len(self._late) < 3:
            return self._late[0]
        (before, _), (now, then), (after, _) = self._late
        return finding.defects(now, before, after)(now), then

    # Masks

    def _mask(self, image: Image, time: float | None) -> Mask | None:
        source = self._sources()
        if source is None:
            return None
        return masks.check_mask(source(image, time=time), image)

    def _sources(self) -> MaskSource | None:
        """What the parameters say now."""
        params = self.params
        said = (params.mask, params.invert, params.box, params.polygon, params.track, params.draw, params.key,
                params.tolerance, params.faces, params.find, params.from_, params.to, params.save)  # fmt: skip
        if said == self._said:
            return self._source
        if params.to and params.to <= params.from_:
            raise ParameterError(f"from={params.from_:g}s to={params.to:g}s: the start must come before the end")
        marked: list[Any] = []
        if params.mask:
            is_track = params.mask.lower().endswith(".json")
            marked.append(
                masks.MaskTrack(params.mask) if is_track else masks.MaskFile(params.mask, invert=params.invert)
            )
        if params.box:
            marked.append(masks.Boxes(*boxes(params.box)))
        if params.polygon:
            marked.append(masks.Polygons(*polygons(params.polygon)))
        if params.track:
            if not marked:
                raise ParameterError("track=on: needs a mask, box or polygon to follow")
            marked = [masks.Tracked(source) for source in marked]
        if params.draw:
            self.drawn = self.drawn or masks.Drawn(follow=True)
            marked.append(self.drawn)
        if params.key:
            marked.append(masks.ColourKey(params.key, tolerance=params.tolerance))
        if params.faces:
            marked.append(masks.Faces(params.faces))
        if params.find == "overlay":
            marked.append(self._overlay)
        if self._given is not None:
            marked.append(self._given)
        self._noted = marked
        source: MaskSource | None = masks.Union(*marked) if marked else None
        if source is not None and (params.from_ or params.to):
            source = masks.Between(source, params.from_, params.to or math.inf)
        self._marks = source
        self._recorded = None
        if source is not None and params.save:
            source = self._recorded = masks.Recorded(source)
        self._source, self._said = source, said
        return source

    _noted: Sequence[Any] = ()

    def _made(self, marked: Mask) -> "_Holes":
        """What follows from the mask alone: made once for one that stays."""
        grow, feather = self.params.grow, self.params.feather
        if self._holes is None or not self._holes.are(marked, grow, feather):
            self._holes = _Holes(marked, grow, feather)
        return self._holes

    # Filling

    def _invent(self, picture: Image, unknown: Mask, within: Sequence[Window]) -> None:
        """Fill what is `unknown` (1), all of it in the windows, of `picture` with what the network makes of the rest.
        Both are changed: in the end nothing is unknown."""
        crops = [crop for window in within for crop in plan(unknown, window)]
        while crops:  # pieces of one hole one after the other, so that each goes on from the one before
            turn, crops, seen = crops, [], list[tuple[int, int, int, int]]()
            batches: dict[tuple[int, int], list[Crop]] = {}
            for crop in turn:
                if any(_meet(crop.view, core) for core in seen):
                    crops.append(crop)
                else:
                    batches.setdefault(crop.size, []).append(crop)
                seen.append(crop.core)
            for batch in batches.values():
                given = [_look(picture, unknown, crop) for crop in batch]
                filled = self.model(*(np.stack(arrays) for arrays in zip(*given, strict=True)))[0]
                for crop, content in zip(batch, filled, strict=True):
                    _put(picture, unknown, crop, content)

    def _texture(self, picture: Image, new: Mask) -> None:
        """Give texture to what is `new` in `picture`, which will be remembered: invented again for each frame, it would
        boil. So what was hidden in the frame before and had to be invented again stays as the network has it."""
        if cv2.hasNonZero(new):
            appeared = self.background.appeared(new)
            if cv2.hasNonZero(appeared):
                texture.add(picture, appeared, self.params.texture)


class _Holes:
    """A mask made ready: grown, its fading edge, and the windows in which there is something to do."""

    def __init__(self, marked: Mask, grow: int, feather: int) -> None:
        self._of = marked.copy(), grow, feather
        shape = marked.shape
        whole = Window.around(cv2.boundingRect(marked), grow + feather + RING + 8, shape)
        inside = np.asarray(marked[whole.place] != 0, np.uint8)
        if grow:
            inside = np.asarray(cv2.dilate(inside, _disc(grow)), np.uint8)
        self.hidden: Mask = np.zeros(shape, np.uint8)  # 1: what is to be filled, the fading edge too
        self.hidden[whole.place] = cv2.dilate(inside, _disc(feather)) if feather else inside
        self.windows = windows(self.hidden, whole)
        self._edges: list[tuple[Mask, NDArray[np.float32]]] = []  # of each window: where it fades, and the fill's share
        away = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
        for window in self.windows if feather else ():
            rows, columns = window.place
            distance = away[rows.start - whole.top : rows.stop - whole.top,
                            columns.start - whole.left : columns.stop - whole.left]  # fmt: skip
            share = np.asarray((1.0 - distance / (feather + 1)).clip(0, 1), np.float32)
            self._edges.append((((self.hidden[window.place] > 0) & (distance > 0)).astype(np.uint8), share))

    def are(self, marked: Mask, grow: int, feather: int) -> bool:
        """Whether these are the holes of that mask."""
        old, *others = self._of
        return others == [grow, feather] and np.array_equal(old, marked)

    def blend(self, image: Image, result: Image) -> None:
        """Have what is filled in `result` fade into `image` around it."""
        for window, (fading, share) in zip(self.windows, self._edges, strict=False):
            there = result[window.place]
            mixed = cv2.blendLinear(there, image[window.place], share, 1.0 - share)
            cv2.copyTo(mixed, fading, there)


def windows(hidden: Mask, within: Window) -> list[Window]:
    """Windows that hold all of `hidden` and the ring around it; what lies near each other in one of them."""
    view = hidden[within.place]
    near = np.asarray(cv2.dilate(_coarse(view), np.ones((5, 5), np.uint8)), np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    found = []
    for x, y, wide, tall, _ in stats[1:count].tolist():
        top, left = y * 8, x * 8
        part = view[top : (y + tall) * 8, left : (x + wide) * 8]
        px, py, pw, ph = cv2.boundingRect(part)
        box = within.left + left + px, within.top + top + py, pw, ph
        found.append(Window.around(box, RING, hidden.shape))
    return _merged(found)


def _merged(found: list[Window]) -> list[Window]:
    """The same with those that overlap made one, until none do."""
    for index, window in enumerate(found):
        for other in found[index + 1 :]:
            if _meet(window, other):
                rest = [one for one in found if one is not window and one is not other]
                joined = Window(
                    min(window.left, other.left), min(window.top, other.top),
                    max(window.right, other.right), max(window.bottom, other.bottom),
                )  # fmt: skip
                return _merged([*rest, joined])
    return found


def _coarse(mask: Mask) -> Mask:
    """1 for each 8x8 cell in which something is marked."""
    height, width = mask.shape
    padded = cv2.copyMakeBorder(mask, 0, -height % 8, 0, -width % 8, cv2.BORDER_CONSTANT)
    cells = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8)
    return np.asarray(cells.any((1, 3)), np.uint8)


def plan(frame: Mask, window: Window) -> list[Crop]:
    """How what is unknown (1) in a window of the frame is cut up for the network: each piece with context around it, no
    larger than it can be while the network sees known pixels from everywhere within, smaller where a hole is too wide
    for that."""
    height, width = frame.shape
    unknown = frame[window.place]
    if not cv2.hasNonZero(unknown):
        return []
    near = np.asarray(cv2.dilate(_coarse(unknown), np.ones((3, 3), np.uint8)), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    crops: list[Crop] = []
    for label, (x, y, wide, tall, _) in enumerate(stats[1:count].tolist(), 1):
        left, top = x * 8, y * 8
        mine = np.kron(labels[y : y + tall, x : x + wide] == label, np.ones((8, 8), np.bool_))
        part = unknown[top : (y + tall) * 8, left : (x + wide) * 8]
        part = np.where(mine[: part.shape[0], : part.shape[1]], part, 0).astype(np.uint8)
        if not part.any():
            continue
        px, py, pw, ph = cv2.boundingRect(part)
        depth = float(cv2.distanceTransform(cv2.copyMakeBorder(part, 1, 1, 1, 1, cv2.BORDER_CONSTANT),
                                            cv2.DIST_L2, 3).max())  # fmt: skip
        shrink = max(1.0, depth / RADIUS)
        left, top = left + px + window.left, top + py + window.top
        across, down = (max(1, math.ceil(length / shrink / CORE)) for length in (pw, ph))
        for row in range(down):
            for column in range(across):
                core = (
                    left + pw * column // across, top + ph * row // down,
                    left + pw * (column + 1) // across, top + ph * (row + 1) // down,
                )  # fmt: skip
                if frame[core[1] : core[3], core[0] : core[2]].any():
                    crops.append(_crop(core, shrink, (width, height)))
    return crops


def _crop(core: tuple[int, int, int, int], shrink: float, size: tuple[int, int]) -> Crop:
    spans, sides = [], []
    for low, high, length in ((core[0], core[2], size[0]), (core[1], core[3], size[1])):
        side = -(-(math.ceil((high - low) / shrink) + 2 * CONTEXT) // STEP) * STEP
        whole = round(side * shrink)
        start = (low + high - whole) // 2
        # beside the frame's edge, more of what is on the other side
        start = min(max(start, 0), length - whole) if whole <= length else (length - whole) // 2
        spans.append((start, start + whole))
        sides.append(side)
    return Crop(core, (spans[0][0], spans[1][0], spans[0][1], spans[1][1]), (sides[0], sides[1]))


def _look(picture: Image, unknown: Mask, crop: Crop) -> tuple[Image, Mask]:
    """What the network is given for `crop`; what lies beyond the frame is unknown too."""
    height, width = unknown.shape
    left, top, right, bottom = crop.view
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    image: Any = picture[rows, columns]
    hole: Any = unknown[rows, columns]
    beyond = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    if any(beyond):
        image = cv2.copyMakeBorder(image, *beyond, cv2.BORDER_CONSTANT)
        hole = cv2.copyMakeBorder(hole, *beyond, cv2.BORDER_CONSTANT, value=1)
    if crop.size != (right - left, bottom - top):
        image = cv2.resize(image, crop.size, interpolation=cv2.INTER_AREA)
        hole = cv2.resize(hole * 255, crop.size, interpolation=cv2.INTER_AREA) > 0
    return np.asarray(image, np.uint8), np.asarray(hole, np.uint8)


def _put(picture: Image, unknown: Mask, crop: Crop, content: Image) -> None:
    """Put the network's answer where it was asked for: from now on it is known."""
    left, top, right, bottom = crop.view
    if crop.size != (right - left, bottom - top):
        content = np.asarray(cv2.resize(content, (right - left, bottom - top), interpolation=cv2.INTER_CUBIC), np.uint8)
    x0, y0, x1, y1 = crop.core
    part = unknown[y0:y1, x0:x1]
    cv2.copyTo(np.ascontiguousarray(content[y0 - top : y1 - top, x0 - left : x1 - left]), part, picture[y0:y1, x0:x1])
    part[:] = 0


def _meet(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two boxes (left, top, right, bottom) overlap."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _disc(radius: int) -> Mask:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def build(model: Model, params: dict[str, Any]) -> Inpaint:
    if model.card.layout != "masked":
        raise ModelError(f"{model.path}: takes no masks (layout {model.card.layout}), which inpainting needs")
    params, source = dict(params), None
    if "mask" in params and not isinstance(params["mask"], str):
        source = masks.source(params.pop("mask"))
    checked = InpaintParams.of(**params)
    assert isinstance(checked, InpaintParams)
    if checked.save and Path(checked.save).exists():
        raise OutputExists(f"save={checked.save}: exists; give another name")
    return Inpaint(model, checked, source)
