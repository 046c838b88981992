"""Sound of a file, decoded whatever order its channels are in, and brought to what an encoder takes."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

import av
import numpy as np
from av.audio.layout import AudioLayout

from gancam._native import described

Packet: TypeAlias = "av.Packet[av.AudioStream]"  # quoted: only the type stubs know it as generic

# Channels in the order in which FFmpeg keeps them where a layout is a mask of bits.
_MASKED = (
    "FL FR FC LFE BL BR FLC FRC BC SL SR TC TFL TFC TFR TBL TBC TBR "
    "DL DR WL WR SDL SDR LFE2 TSL TSR BFC BFL BFR SSL SSR TTL TTR"
)
_ORDER = _MASKED.split()
_PAIRS = {"DL": "FL", "DR": "FR", "BIL": "FL", "BIR": "FR"}  # two channels that are a pair of loudspeakers or ears


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """How the channels of a stream are read.

    Attributes:
        said: FFmpeg's words for them.
        layout: FFmpeg's name of the layout in which they are given; empty where they mean no loudspeakers.
        order: For each channel that is given, the one of the stream that it is, -1 for silence; empty: all as they are.
        custom: Whether the stream has an order of its own. PyAV (18.1) frees the description of such an order twice,
            which ends the process, so that it must be replaced before anything reads it.
    """

    said: str
    layout: str
    order: tuple[int, ...] = ()
    custom: bool = False

    @classmethod
    def of(cls, said: str) -> "ChannelPlan":
        """Make the plan for FFmpeg's words: ``5.1``, ``6 channels``, ``6 channels (FC+FL+FR+SL+SR+LFE)``.

        >>> ChannelPlan.of("3 channels (FC+FL+FR)").order
        (1, 2, 0)
        """
        if said == "binaural":
            return cls(said, "stereo", (0, 1))
        found = re.fullmatch(r"(\d+) channels(?: \((.+)\))?", said)
        if found is None:
            return cls(said, said if _is_layout(said) and not said.startswith("ambisonic") else "")
        usual = next((name for name in (f"{found[1]}c", f"{found[1]} channels") if _is_layout(name)), "")
        usual = usual if usual.endswith("c") else ""
        if found[2] is None:
            return cls(said, usual)
        names = [one.partition("@")[0] for one in found[2].split("+")]
        known = all(name in _ORDER for name in names) and len(set(names)) == len(names)
        if known and "@" not in said and names == sorted(names, key=_ORDER.index):
            return cls(said, "+".join(names))
        if not known:
            return cls(said, usual, custom=True)
        order = sorted(range(len(names)), key=lambda place: _ORDER.index(names[place]))
        return cls(said, "+".join(names[place] for place in order), tuple(order), custom=True)

    def into(self, layout: str) -> "ChannelPlan":
        """Make the plan by which the stream can be converted to `layout`.

        FFmpeg mixes channels of most layouts. Of others (left without right) each is put in its own place, where
        `layout` has that.
        """
        with suppress(av.FFmpegError, ValueError):
            silence = av.AudioFrame("flt", self.layout, 64)
            silence.rate = 48000
            SoundConverter("flt", layout, 48000)(silence)
            return self
        given = _places(self.layout)
        places = [given.index(name) if name in given else -1 for name in _places(layout)]
        order = [self.order[place] if self.order and place >= 0 else place for place in places]
        return replace(self, layout=layout, order=tuple(order))


def channel_plans(container: av.container.InputContainer) -> dict[int, ChannelPlan]:
    """Read how the channels of each audio stream of a file are ordered, by FFmpeg's own description of the file.

    Args:
        container: The file; none of its audio streams needs to have been touched.

    Returns:
        The plans, by the index of the stream.
    """
    form = r"^\s*Stream #0:(\d+)\S*: Audio: .*?(?:\d+ Hz, )([^,\n]+)"
    return {int(index): ChannelPlan.of(said.strip()) for index, said in re.findall(form, described(container), re.M)}


class SoundDecoder:
    """Decodes an audio stream, with its channels in an order that FFmpeg has a name for.

    Args:
        stream: The stream, of which nothing was decoded yet.
        plan: How its channels are read.

    Raises:
        ValueError: Its channels mean no loudspeakers, or are in an order that cannot be read safely.
    """

    def __init__(self, stream: av.AudioStream, plan: ChannelPlan) -> None:
        codec = stream.codec_context.name
        if not plan.layout or (plan.custom and not codec.startswith(("pcm_", "adpcm_"))):
            raise ValueError(f"its channels ({plan.said}) cannot be read")
        if plan.custom:  # these decoders go by what they are told
            stream.codec_context.layout = plan.layout
        self._plan = plan
        self._pack = SoundConverter("flt", None, None)

    def decode(self, packet: Packet) -> list[av.AudioFrame]:
        """Decode `packet`; the empty packet at the end gives what is left. What is damaged is a gap."""
        frames: list[av.AudioFrame] = []
        with suppress(av.FFmpegError):
            frames += packet.decode()
        if not self._plan.order:
            return frames
        return [self._ordered(part) for frame in frames for part in self._pack(frame)]

    def _ordered(self, frame: av.AudioFrame) -> av.AudioFrame:
        """`frame`, of packed floats, with its channels in order."""
        packed = frame.to_ndarray().reshape(frame.samples, -1)
        silent = np.zeros((len(packed), 1), np.float32)
        samples = np.hstack([packed, silent])[:, self._plan.order].astype(np.float32).reshape(1, -1)
        made = av.AudioFrame.from_ndarray(samples, "flt", self._plan.layout)
        made.rate, made.pts, made.time_base = frame.rate, frame.pts, frame.time_base
        return made


class SoundConverter:
    """Brings frames of sound to one format, layout and rate, also where theirs change on the way.

    Args:
        format: FFmpeg's name of the samples' format.
        layout: FFmpeg's name of the layout; None for that of the first frame.
        rate: Samples a second; None for that of the first frame.
    """

    def __init__(self, format: str, layout: str | None, rate: int | None) -> None:
        self._wants = format, layout, rate
        self._resampler = av.AudioResampler(*self._wants)

    def __call__(self, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
        """Convert `frame`; None gives what is left."""
        try:
            return self._resampler.resample(frame)
        except ValueError as error:
            if isinstance(error, av.FFmpegError):
                raise
        left = self._resampler.resample(None)  # the frame is another one than those before
        self._resampler = av.AudioResampler(*self._wants)
        return [part for part in left if part is not None] + self._resampler.resample(frame)


def nearest_layout(layout: str, among: Iterable[str]) -> str:
    """Find the layout that loses the fewest channels of another one, and then adds the fewest silent ones.

    Channels beside and behind the listener count as the same where a layout has only one of the two pairs.

    >>> nearest_layout("5.1(side)", ["stereo", "5.0", "5.1", "7.1"]), nearest_layout("2.1", ["stereo", "5.1"])
    ('5.1', '5.1')
    """
    wanted = set(_places(layout))

    def losses(other: str) -> tuple[int, int]:
        has = set(_places(other))
        return len(wanted - has), len(has - wanted)

    return min(among, key=losses)


def nearest_rate(rate: int, among: Sequence[int]) -> int:
    """Find the lowest rate that loses nothing of `rate`, else the highest there is."""
    return min((one for one in among if one >= rate), default=max(among))


def _places(layout: str) -> list[str]:
    """The channels of a layout, those at the side as behind where none is behind."""
    names = [_PAIRS.get(one.name, one.name) for one in AudioLayout(layout).channels]
    behind = {} if {"BL", "BR"} & set(names) else {"SL": "BL", "SR": "BR"}
    return [behind.get(name, name) for name in names]


def _is_layout(name: str) -> bool:
    try:
        AudioLayout(name)
    except ValueError:
        return False
    return True
