"""Make the pictures of these pages with the bundled models and samples: python docs/make_pictures.py

One is not made here: `super-resolution-x2.webp` is what `gancam demo` writes, as WebP.
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

import gancam
from gancam.cli.menu import choices, thumbnail
from gancam.control import EffectMenu
from gancam.effects import EffectSpec
from gancam.frame import Frame, Image
from gancam.sinks.window.gallery import Gallery

ROOT = Path(__file__).resolve().parent.parent
SAMPLES, IMAGES = ROOT / "samples", ROOT / "docs" / "images"
MARGIN = 6


def main() -> None:
    frames = city(90)
    save("super-resolution-x4.webp", super_resolution(cv2.imread(str(SAMPLES / "stills" / "osprey.webp"))))
    save("inpainting-overlay.webp", overlay(frames))
    save("inpainting-stills.webp", filled(frames[40], cv2.imread(str(SAMPLES / "people.jpg"))))
    save("morphs-generators.webp", generators())
    save("morphs-overlay.webp", morphs(frames[40]))
    save("image-to-image.webp", styles(cv2.imread(str(SAMPLES / "people.jpg"))))
    save("image-to-image-region.webp", translations(frames[60]))
    save("live-gallery.webp", live_gallery(frames[40]))
    save("background.webp", behind(cv2.imread(str(SAMPLES / "people.jpg"))))


def city(count: int) -> list[Image]:
    capture = cv2.VideoCapture(str(SAMPLES / "city.mp4"))
    frames = [np.asarray(capture.read()[1], np.uint8) for _ in range(count)]
    capture.release()
    return frames


def super_resolution(image: Image) -> Image:
    """A crop made small, and enlarged four times: bicubic, faithful, for viewing, and the photo it comes from."""
    photo = image[20:220, 60:300]
    small = cv2.resize(photo, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    size = photo.shape[1], photo.shape[0]
    bicubic = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    made = [gancam.load(name)(small) for name in ("sr-x4", "sr-x4-gan")]
    return row([(bicubic, "bicubic"), (made[0], "sr-x4"), (made[1], "sr-x4-gan"), (photo, "the photo")])


def overlay(frames: list[Image]) -> Image:
    """A half transparent logo that `find=overlay` finds without being told where it is."""
    drawn = np.zeros(frames[0].shape[:2], np.uint8)
    cv2.putText(drawn, "CITY tv", (470, 60), cv2.FONT_HERSHEY_DUPLEX, 1.1, 255, 3, cv2.LINE_AA)
    logo = 0.7 * drawn[..., None] / 255
    marked = [np.asarray(frame * (1 - logo) + 255 * logo, np.uint8) for frame in frames]
    effect = gancam.load("inpaint", find="overlay")
    timed = [Frame(image, index, index / 30) for index, image in enumerate(marked)]
    effect.read_ahead(lambda: iter(timed), whole=True)  # type: ignore[attr-defined]
    made = [effect(frame.image, time=frame.time) for frame in timed]
    return row([(marked[60][:240, 240:], "in"), (made[60][:240, 240:], "inpaint:find=overlay")])


def filled(view: Image, people: Image) -> Image:
    """Boxes in pictures that the network did not learn from: the hole, the network alone, the default, the picture."""
    places = [(view, 120, 90, 240, 132), (view, 20, 215, 110, 262), (view, 250, 150, 340, 205),
              (view, 430, 225, 520, 285), (people, 60, 60, 150, 120), (people, 300, 330, 390, 390)]  # fmt: skip
    columns = []
    for image, left, top, right, bottom in places:
        hole = np.zeros(image.shape[:2], np.uint8)
        hole[top:bottom, left:right] = 255
        marked = image.copy()
        marked[hole > 0] = 203, 60, 222
        made = [gancam.load("inpaint", mask=hole, **more)(image) for more in ({"texture": 0.0}, {})]
        x, y = (min(max((a + b - s) // 2, 0), w - s) for a, b, s, w in
                ((left, right, 210, image.shape[1]), (top, bottom, 158, image.shape[0])))  # fmt: skip
        columns.append(np.concatenate([one[y : y + 158, x : x + 210] for one in (marked, *made, image)]))
    return np.concatenate(columns, axis=1)


def behind(image: Image) -> Image:
    """A webcam's frame, what is behind the person blurred and replaced, and a style on the person alone."""
    whole = [
        (image, "in"),
        (gancam.load("background")(image), "background"),
        (gancam.load("background", image=str(SAMPLES / "stills" / "lake.webp"))(image), "background:image=lake.webp"),
        (gancam.load("sketch", mask="person", outside=True)(image), "sketch:mask=person:outside"),
    ]
    shown = [
        (np.asarray(cv2.resize(one, (400, 300), interpolation=cv2.INTER_AREA), np.uint8), name) for one, name in whole
    ]
    return row(shown)


def generators() -> Image:
    """Samples of the bundled generators that may be shown."""
    sheets = []
    for name, side in (("morph-fruits", 128), ("mnist", 128)):
        model = gancam.load(name)
        z = np.random.default_rng(3).standard_normal((8, model.card.latent)).astype(np.float32)
        images = [cv2.resize(one, (side, side), interpolation=cv2.INTER_CUBIC) for one in model.generate(z)]  # type: ignore[attr-defined]
        sheets.append((np.concatenate(images, axis=1), name))
    return np.concatenate([label(sheet, name) for sheet, name in sheets])


def morphs(frame: Image) -> Image:
    """Four ways to lay a morph over a frame."""
    ways = {
        "the default": {},
        "blend=screen region=full": {"blend": "screen", "region": "full"},
        "region=0.1/0.1/0.35/0.8 shape=box": {"region": "0.1/0.1/0.35/0.8", "shape": "box"},
        "blend=luminosity opacity=0.8": {"blend": "luminosity", "region": "0.5/0.1/0.45/0.8", "opacity": 0.8},
    }
    half = cv2.resize(frame, (480, 270), interpolation=cv2.INTER_AREA)
    cells = [(gancam.load("morph-fruits", **params)(half, time=3.0), text) for text, params in ways.items()]
    return np.concatenate([row(cells[:2]), row(cells[2:])])


def styles(image: Image) -> Image:
    """A webcam's frame, and what styles make of it."""
    cells = [
        (image, "in"),
        (gancam.load("sketch")(image), "sketch"),
        (gancam.load("style-comic")(image), "style-comic"),
        (gancam.load("style-watercolour")(image), "style-watercolour"),
        (gancam.load("style-oil")(image), "style-oil"),
        (gancam.load("style-mosaic")(image), "style-mosaic"),
    ]
    shown = [(np.ascontiguousarray(one[40:360, 130:530]), text) for one, text in cells]
    return np.concatenate([row(shown[:3]), row(shown[3:])])


def translations(frame: Image) -> Image:
    """Region, strength and scale of a style."""
    ways = {
        "style-mosaic:region=0.5/0/0.5/1": ("style-mosaic", {"region": "0.5/0/0.5/1"}),
        "style-oil:strength=0.6": ("style-oil", {"strength": 0.6}),
        "style-comic:scale=2": ("style-comic", {"scale": 2.0}),
        "sketch:colours=1": ("sketch", {"colours": 1.0}),
    }
    half = cv2.resize(frame, (480, 270), interpolation=cv2.INTER_AREA)
    cells = [(gancam.load(name, **params)(half), text) for text, (name, params) in ways.items()]  # type: ignore[arg-type]
    return np.concatenate([row(cells[:2]), row(cells[2:])])


class Shown(EffectMenu):
    """The menu of `gancam live`, with thumbnails of one frame, of which the first plays."""

    def __init__(self, frame: Image) -> None:
        chains = choices([EffectSpec.parse("restore-x2")], [])
        self.names = list(chains)
        self._made = {name: thumbnail(frame, specs) for name, specs in chains.items()}

    @property
    def playing(self) -> str:
        """The first."""
        return self.names[0]

    @property
    def coming(self) -> str:
        """None."""
        return ""

    @property
    def failed(self) -> str:
        """Nothing."""
        return ""

    def choose(self, text: str) -> str:
        """Play what plays."""
        return self.playing

    def news(self) -> str:
        """Give none."""
        return ""

    def look(self, *, on: bool) -> None:
        """Keep the thumbnails."""

    def thumbnail(self, name: str) -> Image | None:
        """Give what was made."""
        return self._made[name]


def live_gallery(frame: Image) -> Image:
    """The window of `gancam live` with its gallery open."""
    canvas = np.asarray(cv2.resize(frame, (960, 540), interpolation=cv2.INTER_CUBIC), np.uint8)
    Gallery(Shown(frame)).draw(canvas, 12)
    return canvas


def label(image: Image, text: str) -> Image:
    band = np.full((26, image.shape[1], 3), 255, np.uint8)
    cv2.putText(band, text, (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    return np.concatenate([band, image])


def row(cells: list[tuple[Image, str]]) -> Image:
    around = (0, MARGIN), (0, MARGIN), (0, 0)
    parts = [np.pad(label(image, text), around, constant_values=255) for image, text in cells]
    return np.concatenate(parts, axis=1)


def save(name: str, image: Image, quality: int = 80) -> None:
    IMAGES.mkdir(exist_ok=True)
    shown = Pillow.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    shown.save(IMAGES / name, quality=quality, method=6)  # slower, and smaller than OpenCV's
    print(f"{name}: {image.shape[1]}x{image.shape[0]}, {(IMAGES / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
