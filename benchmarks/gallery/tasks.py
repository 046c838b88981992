"""What is shown of each task: which columns there are, and what they make of the pictures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np
import torch

from benchmarks import restore
from benchmarks.gallery.pictures import Credit, Picture, Scene
from benchmarks.gallery.ways import Hole, Peers, Way, bicubic, enlarged, filled, ours, pencil, plain
from gancam.effects.faces import TEMPLATE
from gancam.frame import Image
from gancam.inference.card import ModelCard
from gancam.inference.catalog import open_model
from gancam.inference.model import Generator
from gancam.latent.samples import generate
from gancam.masks.faces import Faces
from gancam.vision.align import scale_of, similarity, upright
from train import evaluate, holes, losses
from train.data import downscale

CROP, LARGE = (192, 144), (256, 192)  # (width, height) of what is shown where there are many columns, and few
FACE = 128  # pixels along a side of an aligned face
_FEW = 3  # columns
_FIRST, _ALL = 3, 5  # rows that are seen at once, where there are more than so many
TRUTH = "the picture"  # the name of its column
_LARGER = 1.6  # times that a face may be enlarged to that
_JUDGED = (256, 192)  # pixels of a picture, around its place, that the distance is measured on


@dataclass(frozen=True)
class Column:
    """What a way makes of every row, all of the same size as the row's picture.

    Attributes:
        way: Which way.
        images: A picture for each row.
        figures: Measured figures by name: `db`, `distance`.
    """

    way: Way
    images: list[Image]
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """All that is shown of a task's pictures.

    Attributes:
        rows: The pictures, with what is known of them.
        columns: What each way makes of them.
        size: (width, height) of what is shown of each.
        whole: Whether that is the whole picture made small, or a crop as it is.
        places: The middle of the crop of each row, where it is not the picture's own.
        across: Whether rows are shown side by side.
    """

    rows: list[Picture]
    columns: list[Column]
    size: tuple[int, int] = CROP
    whole: bool = False
    places: Sequence[tuple[float, float]] = ()
    across: bool = False

    @property
    def first(self) -> int:
        """How many rows are seen at once; the others are folded away."""
        return len(self.rows) if self.across or len(self.rows) <= _ALL else _FIRST

    @property
    def folded_size(self) -> tuple[int, int]:
        """What `size` is of the rows that are folded away: whole pictures are smaller there."""
        return (self.size[0] * 3 // 4, self.size[1] * 3 // 4) if self.whole else self.size

    def cell(self, column: Column, row: int) -> Image:
        """Cut out what is shown."""
        picture, image = self.rows[row], column.images[row]
        if self.whole:
            return picture.whole(image, self.size if row < self.first else self.folded_size)
        return picture.crop(image, self.size, self.place(row))

    def place(self, row: int) -> tuple[float, float] | None:
        """Give the middle of the crop of a row, None where it is the picture's own."""
        return self.places[row] if self.places else None


@dataclass(frozen=True)
class Task:
    """A section of the gallery.

    Attributes:
        takes: Whether a model with this card belongs here.
        ways: Lists the columns, of these models and with these peers.
        sheet: Makes the pictures.
    """

    takes: Callable[[ModelCard], bool]
    ways: Callable[[Sequence[str], Peers], list[Way]]
    sheet: Callable[[list[Way], Scene], Sheet]


def _nothing(name: str) -> Way:
    return plain(name, "", lambda image: image)


def _enlarging(scale: int, names: Sequence[str], peers: Peers) -> list[Way]:
    return [bicubic(scale), *peers.enlarge(scale), *map(ours, names), *peers.restore(scale)]


def _restoring(scale: int, names: Sequence[str], peers: Peers) -> list[Way]:
    return [bicubic(scale), *map(ours, names), *peers.restore(scale)]


def _shrunk(scale: int, image: Image) -> Image:
    return np.ascontiguousarray(downscale(np.ascontiguousarray(image[..., ::-1]), scale)[..., ::-1])


def _spoilt(index: int, image: Image) -> Image:
    rgb = np.ascontiguousarray(image[..., ::-1])
    return np.ascontiguousarray(restore.degraded(rgb, restore.KINDS[index % 3], index)[..., ::-1])


def _compared(ways: list[Way], rows: list[Picture], given: list[Image], border: int) -> list[Column]:
    """Make columns beside the truth; what a way gives in another size is enlarged to it."""
    columns = []
    truths = [one.image for one in rows]
    seen = [_seen(row, row.image) for row in rows]
    for way in ways:
        images = [_as_large(way.still(image), truth) for image, truth in zip(given, truths, strict=True)]
        pairs = list(zip(images, truths, strict=True))
        db = [evaluate.psnr_y(image[..., ::-1], truth[..., ::-1], border=border) for image, truth in pairs]
        apart = [float(losses.perceptual_distance(a, _seen(row, image)))
                 for a, row, image in zip(seen, rows, images, strict=True)]  # fmt: skip
        columns.append(Column(way, images, {"db": float(np.mean(db)), "distance": float(np.mean(apart))}))
    return [*columns, Column(_nothing(TRUTH), truths)]


def _seen(row: Picture, image: Image) -> list[torch.Tensor]:
    """What EfficientNet-lite0 sees in the middle of it, as benchmarks/restore.py has it."""
    part = np.ascontiguousarray(row.crop(image, _JUDGED)[..., ::-1])
    x = torch.from_numpy(part).permute(2, 0, 1)[None].float() / 255.0
    with torch.no_grad():
        return restore.eye().activations(x)


def _as_large(image: Image, truth: Image) -> Image:
    if image.shape == truth.shape:
        return image
    return enlarged(image, truth.shape[0] // image.shape[0])


def _enlargements(scale: int, ways: list[Way], scene: Scene) -> Sheet:
    rows = scene.pictures
    return Sheet(rows, _compared(ways, rows, [_shrunk(scale, one.image) for one in rows], scale))


def _restorations(ways: list[Way], scene: Scene) -> Sheet:
    rows = scene.pictures
    return Sheet(rows, _compared(ways, rows, [_spoilt(index, one.image) for index, one in enumerate(rows)], 2))


def faces_of(pictures: Iterable[Picture]) -> list[Picture]:
    """Find the faces that are large enough, upright as FFHQ has them."""
    finder, found = Faces(), []
    for picture in pictures:
        for face in finder.detect(picture.image):
            matrix = similarity(face.landmarks, TEMPLATE * np.float32(FACE / 512))
            if scale_of(matrix) <= _LARGER:
                found.append(Picture(upright(picture.image, matrix, FACE), picture.credit))
    return found


def _faces(ways: list[Way], scene: Scene) -> Sheet:
    rows = [Picture(one.image, one.credit) for one in faces_of(scene.pictures)]
    sheet = Sheet(rows, _compared(ways, rows, [_shrunk(4, one.image) for one in rows], 4), (FACE, FACE))
    return sheet


def _filling(names: Sequence[str], peers: Peers) -> list[Way]:
    theirs = [("Telea", "INPAINT_TELEA", cv2.INPAINT_TELEA), ("Navier-Stokes", "INPAINT_NS", cv2.INPAINT_NS)]
    return [*(Way(name, name, filled(how), said=f"OpenCV {said}") for name, said, how in theirs), *map(ours, names)]


def _fillings(ways: list[Way], scene: Scene) -> Sheet:
    rows = scene.pictures
    kinds = list(holes.JUDGED)
    marked = [holes.judged(kinds[index % len(kinds)], index, *one.image.shape[:2]) for index, one in enumerate(rows)]
    given = [np.where(hole[..., None] > 0, np.uint8(0), one.image) for hole, one in zip(marked, rows, strict=True)]
    shown = [painted(one.image, hole) for one, hole in zip(rows, marked, strict=True)]
    columns = [Column(_nothing("to be filled"), shown)]
    for way in ways:
        images = [way.still(image, hole) for image, hole in zip(given, marked, strict=True)]
        db = [evaluate.psnr_hole(image, one.image, hole) for image, one, hole in zip(images, rows, marked, strict=True)]
        columns.append(Column(way, images, {"db": float(np.mean(db))}))
    columns.append(Column(_nothing(TRUTH), [one.image for one in rows]))
    places = [_fullest(hole) for hole in marked]
    return Sheet(rows, columns, places=places)


def painted(image: Image, hole: Hole) -> Image:
    """Mark what is to be filled."""
    made = image.copy()
    made[hole > 0] = (200, 60, 230)
    return made


def _fullest(hole: Hole) -> tuple[float, float]:
    """Find the middle of the crop that has most to be filled."""
    wide, tall = CROP
    share = cv2.boxFilter(hole.astype(np.float32), -1, CROP, borderType=cv2.BORDER_CONSTANT)
    height, width = hole.shape
    share = share[tall // 2 : height - tall // 2, wide // 2 : width - wide // 2]
    if not share.size:
        return 0.5, 0.5
    row, column = np.unravel_index(int(share.argmax()), share.shape)
    return (int(column) + wide // 2) / width, (int(row) + tall // 2) / height


def _styling(names: Sequence[str], peers: Peers) -> list[Way]:
    return [
        plain("stylization", "stylization", lambda image: np.asarray(cv2.stylization(image), np.uint8), "OpenCV"),
        plain("pencilSketch", "pencilSketch", pencil, "OpenCV"),
        *map(ours, names),
    ]


def _made(before: str, ways: list[Way], scene: Scene) -> Sheet:
    """Whole pictures, before and after."""
    rows = scene.pictures
    columns = [Column(_nothing(before), [one.image for one in rows])] if before else []
    columns += [Column(way, [_as_large(way.still(one.image), one.image) for one in rows]) for way in ways]
    return Sheet(rows, columns, LARGE if len(columns) <= _FEW else CROP, whole=True)


def grey(image: Image) -> Image:
    """Take the colours away."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def _colouring(names: Sequence[str], peers: Peers) -> list[Way]:
    return [plain("grey", "", grey), *(ours(name, prepare=grey) for name in names)]


def _coloured(ways: list[Way], scene: Scene) -> Sheet:
    sheet = _made("", ways, scene)
    columns = [*sheet.columns, Column(_nothing(TRUTH), [one.image for one in sheet.rows])]
    return Sheet(sheet.rows, columns, LARGE, whole=True)


def _objects(ways: list[Way], scene: Scene) -> Sheet:
    """Fruits that the bundled generator makes, which no network was trained on."""
    generator = open_model("morph-fruits", device="cpu", precision="fp32")
    assert isinstance(generator, Generator)
    rows = [Picture(image, Credit(title=f"seed {seed}")) for seed, image in enumerate(generate(generator, range(10)))]
    columns = [Column(_nothing("seeds 0 to 9 of morph-fruits"), [one.image for one in rows])]
    columns += [Column(way, [way.still(one.image) for one in rows]) for way in ways]
    return Sheet(rows, columns, (96, 96), whole=True, across=True)


def _behind(names: Sequence[str], peers: Peers) -> list[Way]:
    return [way for name in names for way in (ours(name), ours(name, colour="#00a060"))]


def models(names: Sequence[str], peers: Peers) -> list[Way]:
    """List a column for each model."""
    return [ours(name) for name in names]


def before_and_after(ways: list[Way], scene: Scene) -> Sheet:
    """Whole pictures, and what the ways make of them."""
    return _made(TRUTH, ways, scene)


def _translates(card: ModelCard, kind: str) -> bool:
    if card.effect != "translate":
        return False
    return kind == ("colour" if card.keeps == "luma" else "objects" if card.recipe == "cyclegan" else "styles")


def _enlarges(card: ModelCard, *scales: int) -> bool:
    return card.effect == "super_resolution" and card.scale in scales


TASKS: dict[str, Task] = {
    "restore": Task(lambda card: _enlarges(card, 1, 2), partial(_restoring, 2), _restorations),
    "x2": Task(lambda card: _enlarges(card, 2), partial(_enlarging, 2), partial(_enlargements, 2)),
    "x4": Task(lambda card: _enlarges(card, 4), partial(_enlarging, 4), partial(_enlargements, 4)),
    "faces": Task(lambda card: _enlarges(card, 4), partial(_restoring, 4), _faces),
    "inpaint": Task(lambda card: card.effect == "inpaint", _filling, _fillings),
    "styles": Task(lambda card: _translates(card, "styles"), _styling, before_and_after),
    "colour": Task(lambda card: _translates(card, "colour"), _colouring, _coloured),
    "objects": Task(lambda card: _translates(card, "objects"), models, _objects),
    "people": Task(lambda card: card.effect == "background", _behind, before_and_after),
}


def belonging(section: str, cards: Mapping[str, ModelCard]) -> list[str]:
    """List the models of a section, the smallest first; those that belong to no task are in `others`."""
    names = [name for name, card in cards.items() if section in _sections(card)]
    return sorted(names, key=lambda name: (cards[name].parameters, name))


def _sections(card: ModelCard) -> list[str]:
    if card.layout == "latent":
        return ["generators"]
    return [name for name, task in TASKS.items() if task.takes(card)] or ["others"]
