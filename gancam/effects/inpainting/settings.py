"""What can be set of inpainting, and how its boxes and polygons are written."""

import math
from dataclasses import dataclass

from gancam import masks
from gancam.params import Params, parameter


def boxes(text: str) -> list[masks.Box]:
    """Read ``x/y/w/h`` in pixels, several joined by +. Raises ``ValueError`` with the reason."""
    found = []
    for part in filter(None, text.split("+")):
        numbers = [float(number) for number in part.split("/")]
        if len(numbers) != 4:
            raise ValueError("not four numbers")
        found.append((numbers[0], numbers[1], numbers[2], numbers[3]))
    if not all(math.isfinite(side) for box in found for side in box) or any(min(box[2:]) <= 0 for box in found):
        raise ValueError("width and height must be above 0")
    return found


def polygons(text: str) -> list[list[tuple[float, float]]]:
    """Read ``x/y/x/y/x/y...`` in pixels, several joined by +. Raises ``ValueError`` with the reason."""
    found = []
    for part in filter(None, text.split("+")):
        numbers = [float(number) for number in part.split("/")]
        if len(numbers) % 2:
            raise ValueError("an odd number of coordinates")
        found.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    if any(len(corners) < 3 for corners in found):
        raise ValueError("less than three corners")
    masks.Polygons(*found)
    return found


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
