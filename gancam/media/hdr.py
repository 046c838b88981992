"""What HDR10 says of the display that a video was graded on, and of its light (SMPTE ST 2086, CTA-861.3)."""

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import av
from av.sidedata.sidedata import Type

_DISPLAY = struct.Struct("=22i")  # AVMasteringDisplayMetadata: ten rationals, and whether primaries and luminance count
_LIGHT = struct.Struct("=2I")  # AVContentLightMetadata


@dataclass(frozen=True, slots=True)
class HdrMetadata:
    """The static metadata of HDR10.

    Attributes:
        display: x and y of red, green, blue and white (CIE 1931), then the least and the most luminance in cd/m2; None
            where it is not known.
        light: The brightest pixel and the brightest mean of a picture, in cd/m2; None where it is not known.
    """

    display: tuple[Fraction, ...] | None = None
    light: tuple[int, int] | None = None

    @classmethod
    def of_frame(cls, frame: av.VideoFrame) -> Self:
        """Read what comes with a decoded frame."""
        display: tuple[Fraction, ...] | None = None
        light: tuple[int, int] | None = None
        sides: Any = frame.side_data  # its type stubs know motion vectors alone
        for side in sides:
            data = bytes(side)
            if side.type == Type.MASTERING_DISPLAY_METADATA and len(data) >= _DISPLAY.size:
                *numbers, primaries, luminance = _DISPLAY.unpack_from(data)
                if primaries and luminance and all(numbers[1::2]):
                    display = tuple(map(Fraction, numbers[::2], numbers[1::2]))
            elif side.type == Type.CONTENT_LIGHT_LEVEL and len(data) >= _LIGHT.size:
                brightest, mean = _LIGHT.unpack_from(data)
                light = (brightest, mean) if brightest or mean else None
        return cls(display, light)

    def encoder_options(self, encoder: str) -> dict[str, str]:
        """Give what tells it to FFmpeg's `encoder`, by the name of the option; empty where that takes none."""
        if encoder == "libsvtav1":
            return {"svtav1-params": ":".join(self._words("mastering-display", "content-light", 1, 1))}
        if encoder == "libx265":
            return {"x265-params": ":".join(self._words("master-display", "max-cll", 50_000, 10_000))}
        if encoder == "libx264":
            return {"x264-params": ":".join(self._words("mastering-display", "cll", 50_000, 10_000))}
        return {}

    def _words(self, display: str, light: str, steps: int, luminances: int) -> list[str]:
        """Write both; chromaticities are counted in so many steps of 1, luminances in so many of 1 cd/m2."""
        words: list[str] = []
        if self.display is not None:
            whole = [_counted(value, steps, 5) for value in self.display[:8]]
            red, green, blue, white = (f"({x},{y})" for x, y in zip(whole[::2], whole[1::2], strict=True))
            least, most = (_counted(value, luminances, 4) for value in self.display[8:])
            words.append(f"{display}=G{green}B{blue}R{red}WP{white}L({most},{least})")
        if self.light is not None:
            words.append(f"{light}={self.light[0]},{self.light[1]}")
        return words


def _counted(value: Fraction, steps: int, digits: int) -> str:
    """Write `value` in so many steps of 1; with `digits` behind the point where a step is 1."""
    return str(round(value * steps)) if steps > 1 else f"{float(value):.{digits}f}"
