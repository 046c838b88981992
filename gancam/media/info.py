"""Facts about a video beside its pixels: size, clock, colour, depth."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from gancam.errors import InputError
from gancam.media.colour import Colour
from gancam.media.hdr import HdrMetadata

MOST_FPS = 10_000  # frames a second that a video may have
LEAST_FPS = 1 / 3600  # likewise: below, MP4 could not write how long a frame is shown


def check_rate(fps: float) -> None:
    """Raise ``InputError`` for a rate (frames a second) that no video may have."""
    if not LEAST_FPS <= fps <= MOST_FPS:
        raise InputError(f"fps is {fps}: needs 1/3600 (a frame an hour) to {MOST_FPS}")


def possible_rate(fps: float | Fraction) -> float:
    """Give the rate (frames a second) nearest to `fps` that a video may have."""
    return min(max(float(fps), LEAST_FPS), MOST_FPS)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Facts about a video, by which a file sink writes something that behaves like the source."""

    size: tuple[int, int]  # (width, height) as displayed, rotation applied
    path: Path | None = None
    time_base: Fraction | None = None  # seconds of a tick of its clock
    origin: Fraction = Fraction(0)  # container's seconds that became ``Frame.time`` 0: not 0 for MPEG-TS and its kin
    aspect: Fraction = Fraction(1)  # width of a displayed pixel over its height
    colour: Colour = field(default_factory=Colour)
    depth: int = 8  # bits that a sample had
    hdr: str = ""  # "PQ", "HLG", or empty
    mastering: HdrMetadata = field(default_factory=HdrMetadata)
    interlaced: bool = False  # whether its pictures are of two fields, and that is not undone
    fields: str = ""  # which of the two comes first, "tff" (the upper) or "bff"; empty where that is not known
    alpha: bool = False  # whether frames come with their ``Frame.alpha``
    icc: bytes = b""  # colour profile of images
    pixels: str = ""  # FFmpeg's name of the pixel format, empty where there is none
