"""What can be set of inpainting."""

from dataclasses import dataclass

from gancam import masks
from gancam.effects.inpainting.places import boxes, polygons
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
