"""HDR: what HDR10 says of a video's light, and BT.2100's HLG and PQ made into the colours and the 8 bits of BT.709.

The first is of the display that the video was graded on (SMPTE ST 2086, CTA-861.3).
"""

import struct
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from gancam._native import side_data
from gancam.frame import Image, check_image
from gancam.media.colour import converted_as

_DISPLAY = struct.Struct("=22i")  # AVMasteringDisplayMetadata: ten rationals, and whether primaries and luminance count
_LIGHT = struct.Struct("=2I")  # AVContentLightMetadata
PQ, HLG = 16, 18  # transfer characteristics of ITU-T H.273
HDR = {PQ: "PQ", HLG: "HLG"}
"""Names of the transfer characteristics of HDR."""
_WHITE = 203.0  # cd/m2 of a white sheet in HDR (ITU-R BT.2408), which becomes nearly the white of SDR
_LEAST_PEAK, _USUAL_PEAK = 400.0, 1000.0  # cd/m2 of the brightest that a picture has
_STEPS = 33  # samples a side of the table of colours
_LUMA = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020
TO_BT709 = {  # linear RGB of these primaries (H.273) in that of BT.709
    9: np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]),
    11: np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]]),
    12: np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]]),
}


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
        for kind, data in side_data(frame):
            if kind == Type.MASTERING_DISPLAY_METADATA and len(data) >= _DISPLAY.size:
                *numbers, primaries, luminance = _DISPLAY.unpack_from(data)
                if primaries and luminance and all(numbers[1::2]):
                    display = tuple(map(Fraction, numbers[::2], numbers[1::2]))
            elif kind == Type.CONTENT_LIGHT_LEVEL and len(data) >= _LIGHT.size:
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


class ToneMap:
    """Makes pictures of SDR from those of HDR, all by the same rule, so that it does not flicker.

    Light up to about half of the white of paper stays as it is, what is brighter is compressed by the knee of ITU-R
    BT.2390 until the brightest fits. Hues stay; colours beyond BT.709 are clipped.

    Args:
        transfer: `PQ` or `HLG`.
        primaries: As code point of ITU-T H.273.
        mastering: What the video says of its brightest light.
    """

    def __init__(self, transfer: int, primaries: int, mastering: HdrMetadata) -> None:
        self._table = _table(transfer, primaries, _peak(transfer, mastering))
        self._into, self._out_of = VideoReformatter(), VideoReformatter()
        self._graph: av.filter.Graph | None = None
        self._size = 0, 0

    def __call__(self, frame: av.VideoFrame) -> Image:
        """Give `frame` as an Image, in the colours of BT.709."""
        told = frame.colorspace
        frame.colorspace = converted_as(int(told))
        try:
            wide = self._into.reformat(frame, format="gbrp16le", interpolation=Interpolation.BICUBIC)
        finally:
            frame.colorspace = told
        if self._graph is None or self._size != (wide.width, wide.height):
            self._graph, self._size = self._open(wide), (wide.width, wide.height)
        self._graph.push(wide)
        mapped = self._graph.pull()
        assert isinstance(mapped, av.VideoFrame)
        return check_image(np.ascontiguousarray(self._out_of.reformat(mapped, format="bgr24").to_ndarray(), np.uint8))

    def _open(self, wide: av.VideoFrame) -> av.filter.Graph:
        """Build the filter that looks colours up in the table."""
        handle, name = tempfile.mkstemp(suffix=".cube", prefix="gancam-")
        try:
            with open(handle, "w", encoding="ascii") as file:
                file.write(f"LUT_3D_SIZE {_STEPS}\n")
                np.savetxt(file, self._table.reshape(-1, 3), fmt="%.6f")
            graph = av.filter.Graph()
            entrance = graph.add_buffer(
                width=wide.width, height=wide.height, format=wide.format, time_base=wide.time_base
            )
            table, sink = graph.add("lut3d", file=name, interp="tetrahedral"), graph.add("buffersink")
            entrance.link_to(table)
            table.link_to(sink)
            graph.configure()
            return graph
        finally:
            Path(name).unlink(missing_ok=True)


def _peak(transfer: int, mastering: HdrMetadata) -> float:
    """The brightest light of a video in cd/m2, by its own word where it has one."""
    if transfer == HLG:
        return _USUAL_PEAK
    told = [float(mastering.light[0])] if mastering.light is not None else []
    told += [float(mastering.display[9])] if mastering.display is not None else []
    return max(next((one for one in told if one > 0), _USUAL_PEAK), _LEAST_PEAK)


def _table(transfer: int, primaries: int, peak: float) -> NDArray[np.float64]:
    """What becomes of colours of HDR, ``(blue, green, red, 3)`` in R, G, B of 0 to 1; red varies fastest."""
    axis = np.linspace(0, 1, _STEPS)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    coded = np.stack([red, green, blue], axis=-1)
    light = _light_of_hlg(coded) if transfer == HLG else _light_of_pq(coded)
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    light *= _compressed(brightest, peak) / brightest
    linear = light / _WHITE @ TO_BT709.get(primaries, np.eye(3)).T
    return np.asarray(np.clip(linear, 0, 1) ** (1 / 2.4), np.float64)


def _light_of_pq(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """The light in cd/m2 that PQ (SMPTE ST 2084) stands for."""
    power = coded ** (1 / 78.84375)
    return np.asarray(
        10_000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    )


def _pq_of_light(light: NDArray[np.float64]) -> NDArray[np.float64]:
    power = (light / 10_000) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def _light_of_hlg(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """The light in cd/m2 of a display of 1000 for HLG (ITU-R BT.2100, table 5)."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    return np.asarray(_USUAL_PEAK * (scene @ _LUMA)[..., None] ** 0.2 * scene)


def _compressed(light: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """Light of up to `peak` cd/m2 made to fit below the white of SDR (ITU-R BT.2390, EETF)."""
    top = _pq_of_light(np.array(peak))
    most = _pq_of_light(np.array(_WHITE)) / top
    coded, knee = np.minimum(_pq_of_light(light) / top, 1), 1.5 * most - 0.5
    t = np.maximum(coded - knee, 0) / (1 - knee)
    bent = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return _light_of_pq(np.where(coded < knee, coded, bent) * top)
