"""What a video file tells of itself: size, rate, colour, depth."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from gancam.media.colour import Colour


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a file sink needs in order to write something that behaves like the source.

    `origin` is the container's time, in seconds, that became ``Frame.time`` 0: not 0 only for containers whose clock
    starts anywhere (MPEG-TS and its kin). `aspect` is the width of a displayed pixel over its height. `depth` are the
    bits a sample had, `hdr` is "PQ" or "HLG" or empty, `interlaced` tells pictures of two fields (and not yet undone).
    """

    size: tuple[int, int]  # (width, height) as displayed, rotation applied
    path: Path | None = None
    time_base: Fraction | None = None
    origin: Fraction = Fraction(0)
    aspect: Fraction = Fraction(1)
    colour: Colour = field(default_factory=Colour)
    depth: int = 8
    hdr: str = ""
    interlaced: bool = False
    alpha: bool = False  # whether frames come with their ``Frame.alpha``
    pixels: str = ""  # FFmpeg's name of the pixel format, empty where there is none
