"""The audio tracks of one file on their way into another, beside video that is written at its own pace."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias, cast

import av

from gancam.errors import NotFound, SinkError
from gancam.footage import cause

AudioPacket: TypeAlias = "av.Packet[av.AudioStream]"  # quoted: only the type stubs know it as generic

_SAID = {"aac": "AAC", "libopus": "Opus"}


@dataclass(frozen=True, slots=True)
class AudioRule:
    """What a container takes: the codecs players expect in it (None: all it can hold), and the encoder for the rest."""

    holds: tuple[str, ...] | None
    encoder: str


@dataclass(frozen=True, slots=True)
class _Track:
    stream: av.AudioStream
    encode: Callable[[AudioPacket], list[AudioPacket]] | None  # None: copied


class Soundtrack:
    """All audio tracks of `path`, added to `output`, then written a step at a time so that nothing piles up.

    Tracks are copied packet by packet, bytes and time stamps as they are, where `rule` allows; others are transcoded,
    which ``notes`` tells from the start. `origin` (seconds of the file's clock) becomes 0.
    Raises ``NotFound``, or ``SinkError`` for a file that cannot be read.
    """

    def __init__(
        self, path: Path, output: av.container.OutputContainer, rule: AudioRule, origin: Fraction = Fraction(0)
    ) -> None:
        self.notes: list[str] = []
        self._output = output
        self._origin = origin
        self._tracks: dict[int, _Track] = {}
        if not path.exists():
            raise NotFound(f"{path}: no such file")
        try:
            self._input = av.open(os.path.abspath(path), metadata_errors="replace")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SinkError(f"{path}: its audio cannot be read ({cause(error)})") from error
        holds = output.supported_codecs if rule.holds is None else rule.holds
        for number, stream in enumerate(self._input.streams.audio, 1):
            codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else ""
            if not codec:
                self.notes.append(f"audio track {number} is left out: this build of FFmpeg does not know its codec")
                continue
            if codec in holds:
                track = _Track(output.add_stream_from_template(stream), None)
            else:
                kind = output.format.name
                self.notes.append(
                    f"audio track {number} is transcoded from {codec} to {_SAID[rule.encoder]}: {kind} does not take it"
                )
                track = _transcoded(stream, output, rule.encoder)
            for key in {"language", "title"} & set(stream.metadata):
                track.stream.metadata[key] = stream.metadata[key]
            self._tracks[stream.index] = track
        self._packets = self._demux()
        self._next = next(self._packets, None)

    def _demux(self) -> Iterator[AudioPacket]:
        streams = [stream for stream in self._input.streams.audio if stream.index in self._tracks]
        if not streams:
            return
        try:
            yield from cast(Iterator[AudioPacket], self._input.demux(streams))
        except IndexError:
            pass  # PyAV, at the end of a file in which streams appeared after its beginning
        except av.FFmpegError as error:
            self.notes.append(f"the audio ends early: its file is damaged ({cause(error)})")

    def write_until(self, seconds: Fraction | None) -> None:
        """Write the packets that begin before `seconds` of ``Frame.time``; None: all that are left."""
        while self._next is not None:
            packet = self._next
            if seconds is not None and packet.dts is not None and packet.time_base is not None:
                moment = packet.dts * packet.time_base - self._origin
                if moment >= seconds:
                    return
            self._write(packet)
            self._next = next(self._packets, None)

    def _write(self, packet: AudioPacket) -> None:
        track = self._tracks[packet.stream.index]
        shift = round(self._origin / packet.time_base) if packet.time_base else 0
        if packet.pts is not None:
            packet.pts -= shift
        if packet.dts is not None:
            packet.dts -= shift
        try:
            if track.encode is not None:
                for made in track.encode(packet):
                    self._output.mux(made)
            elif packet.dts is not None:  # else it is the empty packet that ends a stream
                packet.stream = track.stream
                self._output.mux(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError):  # one bad packet need not end a long job
            note = "damaged audio packets are left out"
            if note not in self.notes:
                self.notes.append(note)

    def close(self) -> None:
        self._input.close()


def _transcoded(source: av.AudioStream, output: av.container.OutputContainer, encoder: str) -> _Track:
    rate = 48000 if encoder == "libopus" else min(source.rate or 48000, 48000)
    made = output.add_stream(encoder, rate=rate, layout=source.layout.name)
    assert isinstance(made, av.AudioStream)
    context = made.codec_context
    resampler: av.AudioResampler | None = None

    def encode(packet: AudioPacket) -> list[AudioPacket]:
        nonlocal resampler
        if resampler is None:  # not before the encoder is open, which decides the frame size
            resampler = av.AudioResampler(context.format, context.layout, context.rate, context.frame_size)
        frames: list[av.AudioFrame | None] = []
        with suppress(av.FFmpegError):  # a damaged packet is a gap
            frames += packet.decode()
        last = packet.dts is None
        if last:
            frames.append(None)
        ready = [part for frame in frames for part in resampler.resample(frame)]
        packets = [packet for part in ready for packet in made.encode(part)]
        return packets + made.encode(None) if last else packets

    return _Track(made, encode)
