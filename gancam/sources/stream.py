"""Streams by URL, read by PyAV, and why one cannot be."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import av
import numpy as np
from av.codec.context import Flags

from gancam.errors import SourceError
from gancam.media.hdr import HDR
from gancam.media.live_sound import RATE, Sound
from gancam.media.messages import cause, without_secrets
from gancam.media.played import Played, bits_of
from gancam.sources.live import PATIENCE, LivePicture, LiveSource
from gancam.vision.fit import squared

Packet: TypeAlias = "av.Packet[Any]"
_BAD_IN_A_ROW = 60  # broken packets before a connection counts as lost
# Nothing is kept back, and no rate is studied before the first picture. (Not fflags nobuffer: it throws away what was
# looked at first, and with it the key frame, so that nothing is seen until the next.)
_OPTIONS = {"fpsprobesize": "0", "rtsp_flags": "prefer_tcp"}
# How long FFmpeg may look for the picture's size: broadcasts tell it with their key frames only, which FFmpeg itself
# sends every 10 seconds, while RTMP never says that it has told all.
_BROADCASTS = ("udp", "rtp", "srt", "tcp")
_KEY_FRAME = 12.0  # seconds that a stream may take to its next key frame
_ANSWER = 5.0  # seconds that a server may take to answer
_RTMP_LOOKS = 0.5  # seconds
_JUMP = 2.0  # seconds by which a stream's clock may run off before it counts as another
_LONGEST = 4  # times as long may one be silent that never gave a picture: some wait long for a key frame


class Stream(LiveSource):
    """Plays what FFmpeg opens by URL: rtsp, rtmp, http, udp and similar.

    A server that hangs up counts as lost at once, one that is silent after ``2 * patience`` seconds (at least 2), or,
    where it never gave a picture, after up to four times that: some wait long for a key frame. Interlaced pictures come
    with both fields in their lines.

    Args:
        url: User name, password and query are never in a message.
        patience: As of ``LiveSource``.
        reconnect: As of ``LiveSource``.
        listen: Whether its sound comes along, as ``sound``.
        square: Whether pictures whose pixels are not square are scaled, so that they are.

    Raises:
        SourceError: For what cannot be reached or gives no picture.
    """

    def __init__(
        self,
        url: str,
        *,
        patience: float = PATIENCE,
        reconnect: int | None = None,
        listen: bool = False,
        square: bool = False,
    ) -> None:
        backend = StreamBackend(url, silence=max(2 * patience, 2.0), sound=Sound() if listen else None, square=square)
        super().__init__(backend, patience=patience, reconnect=reconnect, sound=backend.sound)
        self._backend = backend
        self.aspect = Fraction(1) if square else backend.aspect
        self.tell_squared(backend.aspect / self.aspect)
        if backend.interlaced:
            self.tell(f"{self.name}: is interlaced, its fields stay combed")

    @property
    def notes(self) -> Sequence[str]:
        """What its colours lose, too."""
        return [*self._backend.said, *super().notes]


class StreamBackend:
    """Reads the pictures of a URL.

    Args:
        url: Where from.
        silence: Seconds without a packet after which it is lost.
        sound: Gets its sound, where that is wanted.
        square: Whether pictures whose pixels are not square are scaled, so that they are.

    Attributes:
        aspect: Width over height of a pixel as it comes.
        interlaced: Whether pictures of two fields came.
        said: What the colours of its pictures lose: bits, and HDR, which is tone-mapped.
    """

    finite = False

    def __init__(self, url: str, *, silence: float, sound: Sound | None = None, square: bool = False) -> None:
        self.sound, self._square = sound, square
        self.aspect, self.interlaced = Fraction(1), False
        self._url, self.name, self._silence = url, without_secrets(url), silence
        scheme = url.partition("://")[0].lower()
        self._answer = _KEY_FRAME if scheme in _BROADCASTS else _ANSWER
        looks = _RTMP_LOOKS if scheme.startswith("rtmp") else self._answer
        kinds = "video" if sound is None else "video+audio"
        self._options = {**_OPTIONS, "allowed_media_types": kinds, "analyzeduration": str(round(looks * 1e6))}
        self.fps: float | None = None
        self._container: av.container.InputContainer | None = None
        self._pictures: Iterator[LivePicture] = iter(())
        self.said: list[str] = []
        self._played: Played | None = None
        self._kind = 8, 0  # bits a sample and transfer characteristics of the last picture
        self._came, self._longer = False, 1

    def open(self, longer: int = 1) -> None:
        """Connect. Raises ``SourceError`` with the reason."""
        self._longer, self._came = longer, False
        began = time.monotonic()
        try:
            container = self._container = av.open(
                self._url,
                options=self._options,
                timeout=(self._answer, longer * self._silence),
                metadata_errors="replace",
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SourceError(f"{self.name}: {why_not(self._url, error, time.monotonic() - began)}") from error
        if not container.streams.video:
            raise SourceError(f"{self.name}: holds no video")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # threads would hold back one frame each
        stream.codec_context.flags |= Flags.low_delay
        rate = float(stream.guessed_rate or stream.average_rate or 0)
        self.fps = rate if 1 <= rate <= 240 else None
        self._pictures = self._decode(container, stream)

    def read(self, stop: threading.Event) -> LivePicture | None:
        """Read the next picture; None when the stream is lost, or once `stop` is set."""
        picture = None if stop.is_set() else next(self._pictures, None)
        while picture is None and not self._came and not stop.is_set():
            if self._longer >= _LONGEST:
                raise SourceError(f"{self.name}: gives no picture")
            self.close()
            self.open(self._longer * 2)
            picture = next(self._pictures, None)
        self._came = self._came or picture is not None
        return None if stop.is_set() else picture

    def _decode(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[LivePicture]:
        bad = 0
        self._played = None
        heard = None if self.sound is None or not container.streams.audio else _Ears(self.sound)
        if self.sound is not None:
            self.sound.there = self.sound.there or heard is not None
        streams = [stream] if heard is None else [stream, container.streams.audio[0]]
        with suppress(av.FFmpegError, OSError, IndexError):  # the end, or what was lost
            for packet in container.demux(streams):
                moment = time.monotonic()
                if heard is not None:
                    if packet.stream.type == "audio":
                        heard.hear(packet)
                        continue
                    heard.see(packet, moment)
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:  # a damaged packet costs its own picture
                    bad += 1
                    if bad > _BAD_IN_A_ROW:
                        return
                    continue
                for frame in frames:
                    assert isinstance(frame, av.VideoFrame)
                    bad = 0
                    played = self._as_played(frame, stream)
                    self.interlaced |= frame.interlaced_frame
                    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
                    self.aspect = 1 / aspect if played.orientation.transposed else aspect
                    image = played(frame)
                    yield LivePicture(squared(image, self.aspect) if self._square else image, moment)

    def _as_played(self, frame: av.VideoFrame, stream: av.VideoStream) -> Played:
        """What makes a picture of `frame`: anew where a stream begins or its colours become others, which is told."""
        kind = bits_of(stream), int(stream.codec_context.color_trc)
        if self._played is not None and kind == self._kind:
            return self._played
        self._kind, self._played = kind, Played.of(stream, frame)
        (depth, transfer), said = kind, ""
        if self._played.tone_map is not None:
            said = f"{self.name}: its HDR ({HDR[transfer]}) is tone-mapped to SDR"
        elif depth > 8:
            said = f"{self.name}: its {depth} bits a sample are read as 8"
        if said and said not in self.said:
            self.said.append(said)
        return self._played

    def close(self) -> None:
        """Disconnect; it may be opened again."""
        self._pictures = iter(())
        if self._container is not None:
            self._container.close()
            self._container = None


class _Ears:
    """Decodes a stream's sound, and finds out when it was heard by the pictures beside it."""

    def __init__(self, sound: Sound) -> None:
        self._sound = sound
        self._resampler = av.AudioResampler("s16", "stereo", RATE)
        self._offset: float | None = None  # from the stream's clock to ours

    def see(self, packet: Packet, moment: float) -> None:
        """Note when a picture came. Of those that came late the offset tells nothing: the earliest counts."""
        if packet.pts is not None and packet.time_base is not None:
            offset = moment - float(packet.pts * packet.time_base)
            stale = self._offset is None or abs(offset - self._offset) > _JUMP
            self._offset = offset if stale or self._offset is None else min(offset, self._offset)

    def hear(self, packet: Packet) -> None:
        """Pass on what is in a packet of sound."""
        if self._offset is None or not self._sound.wanted:
            return
        with suppress(av.error.InvalidDataError):
            for frame in packet.decode():
                assert isinstance(frame, av.AudioFrame)
                if frame.pts is None or frame.time_base is None:
                    continue
                moment = self._offset + float(frame.pts * frame.time_base)
                for made in self._resampler.resample(frame):
                    samples = np.ascontiguousarray(made.to_ndarray(), np.int16).reshape(-1, 2)
                    self._sound.put(moment, samples)


def why_not(url: str, error: Exception, waited: float) -> str:
    """Say why `url` cannot be opened, in words that help.

    Args:
        url: Where to.
        error: What PyAV raised.
        waited: Seconds until then.
    """
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return "refused: it wants a user name and password, or these are wrong"
    if isinstance(error, av.error.ConnectionRefusedError):
        return "refused the connection: nothing listens there"
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return f"no answer in {waited:.0f} s"
    host = urlsplit(url).hostname
    if host and not _is_known(host):
        return f"there is no host {host}, or no network"
    if isinstance(error, av.error.InvalidDataError):
        broadcast = url.partition("://")[0].lower() in _BROADCASTS
        return "what comes from there is no video" if not broadcast else f"no video came in {waited:.0f} s"
    return f"cannot be opened ({cause(error).replace(url, without_secrets(url))})"


def _is_known(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    except UnicodeError:
        return False
    return True
