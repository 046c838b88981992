"""What can be set of morphs."""

from dataclasses import dataclass

from gancam import masks
from gancam.inference.card import scope
from gancam.latent.path import EASES, SPACES
from gancam.params import Params, parameter
from gancam.vision.blend import MODES, SHAPES, Region


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
        "auto", kind="region", parse=lambda text: text == "auto" or Region.parse(text),
        form="x/y/width/height in shares of the frame, full or auto",
        help="where it is seen; auto: in the corner that hides least, which is chosen anew at a cut",
    )  # fmt: skip
    where: str = parameter(
        "auto", choices=("auto", "region", "object", "inside", "outside"),
        help="in its region; over each object that is marked; in the region, but only inside or outside what is "
        "marked; auto: over each object, or in its region where nothing is marked",
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

    @property
    def marks(self) -> tuple[str, str, str, str]:
        """What marks something, where it is not empty: `mask`, `box`, `faces` and `colour`."""
        return self.mask, self.box, self.faces, self.colour

    def place(self, *, marked: bool = False) -> str:
        """Give `where`, and for auto what it means: object where something is marked, or region.

        Args:
            marked: Whether something is marked that is no parameter.
        """
        if self.where != "auto":
            return self.where
        return "object" if marked or any(self.marks) else "region"
