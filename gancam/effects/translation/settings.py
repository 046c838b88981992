"""What can be set of image to image."""

from dataclasses import dataclass

from gancam.inference.card import scope
from gancam.params import Params, parameter
from gancam.vision.blend import Region

_STYLES = scope("models that draw", lambda card: card.keeps == "black")
_TEXTURED = scope("models that lay a texture", lambda card: card.keeps == "black" and card.texture_step > 0)
_PAINTERS = scope("models that change more than colours", lambda card: card.keeps != "luma")


@dataclass
class TranslateParams(Params):
    """What can be set of `Translate`."""

    strength: float = parameter(1.0, minimum=0.0, maximum=1.0, help="how much of the network's picture is seen")
    work_size: int = parameter(
        0, minimum=0, maximum=8192, formerly="working",
        help="pixels of the longer side that the network is shown; 0: what suits it, more is slower and finer",
    )  # fmt: skip
    scale: float = parameter(
        1.0, minimum=0.5, maximum=4.0,
        help="how large strokes, cells and lines are, but in faces and letters; below 1 slower by the square",
    )  # fmt: skip
    readable: float = parameter(
        0.0, minimum=0.0, maximum=1.0,
        help="how far it recedes where there is detail to see, as in faces and letters",
    )  # fmt: skip
    clarity: float = parameter(
        1.0, minimum=0.0, maximum=2.0, scope=_STYLES,
        help="how far weak shapes, such as those of a pale face, are brought out before a style draws them",
    )  # fmt: skip
    faces: float = parameter(
        1.0, minimum=0.0, maximum=1.0, scope=_STYLES,
        help="how far a style keeps faces like themselves, small ones drawn as if from nearer; 0: as all else",
    )  # fmt: skip
    colours: float = parameter(
        0.0, minimum=0.0, maximum=1.0, scope=_PAINTERS, help="how much of the frame's own colours is kept"
    )
    stabilise: float = parameter(
        0.0, minimum=0.0, maximum=1.0, formerly="steady",
        help="how much flicker is damped: where nothing changed, the frame before stays",
    )  # fmt: skip
    anchor: str = parameter(
        "scene", choices=("scene", "frame"), scope=_TEXTURED,
        help="what hatching, panes, dabs and paper stay with when the camera moves: the scene or the frame",
    )  # fmt: skip
    region: str = parameter(
        "full",
        kind="region",
        parse=Region.parse,
        form="x/y/width/height in shares of the frame, or full",
        help="where it is seen",
    )
    mask: str = parameter(
        "", kind="file", words=("person", "faces"),
        help="person or faces, or an image or a mask track that marks where it is seen",
    )  # fmt: skip
    outside: bool = parameter(False, help="seen outside the mask and the region instead")
