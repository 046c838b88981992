"""Encoders in hardware: what FFmpeg calls them, and how they are told a quality."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hardware:
    """Encoders of one kind of hardware.

    Attributes:
        ending: How FFmpeg's names of them end.
        needs: What they take to work, for messages.
        options: Gives their options, for a codec and a quality of 0 to 100.
        codecs: The codecs that they make.
        feeds: As `Codec` has it.
    """

    ending: str
    needs: str
    options: Callable[[str, float], dict[str, str]]
    codecs: tuple[str, ...] = ("h264", "h265", "av1")
    feeds: str = "nv12"


def _quantiser(quality: float) -> int:
    """The quantiser of H.264 and H.265, 1 (best) to 51, for a quality of 0 to 100: as x265's crf is chosen."""
    return max(round(49 - 0.4 * quality), 1)


def _amf(codec: str, quality: float) -> dict[str, str]:
    if codec == "av1":  # its quantiser has four steps for one of libsvtav1's
        return {"rc": "cqp", **dict.fromkeys(("qp_i", "qp_p"), str(max(round(4 * (63 - 0.53 * quality)), 1)))}
    names = ("qp_i", "qp_p", "qp_b") if codec == "h264" else ("qp_i", "qp_p")
    return {"rc": "cqp", **dict.fromkeys(names, str(_quantiser(quality)))}


# In the order in which "auto" tries them. The options are read from FFmpeg's sources: nvenc_h264.c, qsvenc.c
# (global_quality without a rate is ICQ, 1 to 51), amfenc_*.c (constant QP, which every AMF has), videotoolboxenc.c
# (global_quality / 11800 is Apple's quality of 0 to 1, on Apple's own chips alone), mfenc.c (quality 0 to 100). None of
# these has been seen to encode yet: that their qualities look alike is not measured, and each is tried before use.
HARDWARE = {
    "nvenc": Hardware(
        "nvenc", "an NVIDIA GPU that encodes, and its driver", feeds="",
        options=lambda codec, q: {"preset": "p5", "rc": "vbr", "b": "0", "cq": f"{max(49 - 0.4 * q, 1):g}"},
    ),
    "qsv": Hardware(
        "qsv", "an Intel GPU, its driver, and on Linux Intel's runtime libmfx-gen",
        options=lambda codec, q: {"global_quality": str(_quantiser(q))},
    ),
    "amf": Hardware("amf", "an AMD GPU, and its driver (on Linux the AMF runtime)", options=_amf),
    "videotoolbox": Hardware(
        "videotoolbox", "a Mac with a chip of Apple's own", codecs=("h264", "h265"),
        options=lambda codec, q: {"flags": "+qscale", "global_quality": str(round(118 * max(q, 1)))},
    ),
    "mediafoundation": Hardware(
        "mf", "Windows, and a GPU whose driver encodes", codecs=("h264", "h265"),
        options=lambda codec, q: {"hw_encoding": "1", "rate_control": "quality", "quality": str(round(q))},
    ),
}  # fmt: skip
