"""All that lies beside the picture in one file, on its way into another that is written at its own pace."""

import io
import math
import mimetypes
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.audio.layout import AudioLayout
from av.stream import AttachmentStream

from gancam.errors import NotFound, SinkError
from gancam.media.messages import cause
from gancam.media.sound import ChannelPlan, SoundConverter, SoundDecoder, channel_plans, nearest_layout, nearest_rate
from gancam.media.streams import described, is_cover, is_hidden, open_file, picture_of
from gancam.media.timecode import advanced, is_timecode, timecode_of
from gancam.sinks._discontinuities import TimestampRepair
from gancam.sinks._subtitles import Cues, Packet, Words, can_convert
from gancam.units import counted

__all__ = ["AudioRule", "Packet", "Tracks", "needs_keys"]

_SAID = {"aac": "AAC", "libopus": "Opus"}
_TAKES = {  # layouts and rates that encoders take, and all players
    "aac": (
        ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1"),
        (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350),
    ),
    "libopus": (("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1"), (48000,)),
}
_MP4_TAGS = {  # what FFmpeg writes into MP4 and MOV under a name that it reads again
    "title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping",
    "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "track", "disc", "compilation",
    "tvsn", "tves", "hd_video", "media_type", "season_number", "episode_sort", "gapless_playback", "sort_name",
    "sort_album", "location",
}  # fmt: skip
_PLACE = re.compile(r"[+-]\d+(\.\d+)?[+-]\d+(\.\d+)?([+-]\d+(\.\d+)?)?/?")  # of ISO 6709: latitude, longitude, height
_APPLES = {  # what FFmpeg knows Apple's number of a language by, which is not always the usual code of ISO 639
    "deu": "ger", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice", "zho": "chi", "sqi": "alb",
    "fre": "fra", "cze": "ces", "slo": "slk", "rum": "ron",
}  # fmt: skip
_BROADCAST = ("dvb_subtitle", "dvbsub", "dvb_teletext", "libzvbi_teletextdec")  # the subtitles of MPEG-TS
_CHAPTERS = ("mp4", "mov", "matroska", "webm")
_TAGS = {"mp4": _MP4_TAGS, "mov": _MP4_TAGS | {"make", "model"}, "mpegts": set()}


def needs_keys(path: Path, form: str) -> bool:
    """Whether MP4 or MOV holds the words of the file `path` as keys of QuickTime, which it has instead of its own tags.

    So it is where the words are a phone's, as `com.android.version`, and beside them is no title that players look for.
    """
    with suppress(av.FFmpegError, OSError, ValueError), open_file(path) as film:
        return _are_keys(described(film.metadata), form)
    return False


def _are_keys(words: Mapping[str, str], form: str) -> bool:
    others = [key for key, value in words.items() if not _is_held(key, value, {"location"})]
    return form in ("mp4", "mov") and bool(others) and all("." in key for key in others)


def _is_held(key: str, value: str, known: Set[str]) -> bool:
    """Whether a container that has the tags `known` holds a word of a description."""
    name = key.lower().partition("-")[0] if _PLACE.fullmatch(value) else key.lower()
    return name in known and (name != "location" or _PLACE.fullmatch(value) is not None)


@dataclass(frozen=True, slots=True)
class AudioRule:
    """What sound a container takes.

    Attributes:
        holds: The codecs that players expect in it; None: all that it can hold.
        encoder: FFmpeg's encoder for the rest.
    """

    holds: tuple[str, ...] | None
    encoder: str


@dataclass(frozen=True, slots=True)
class _Track:
    stream: Any
    encode: Callable[[Packet], list[Packet]] | None = None  # of sound; None: copied
    cues: Cues | None = None  # of subtitles and data


class Tracks:
    """Takes along all streams of a file beside its picture, and its chapters and words, a step at a time.

    Streams are copied packet by packet, bytes and time stamps as they are, with language, title and disposition, where
    the container holds them; audio that `rule` does not allow is transcoded, the words of subtitles go from MP4's
    form into Matroska's and back, and the rest is left out: ``notes`` tells all that from the start.

    Args:
        path: The file that they are in.
        output: The container that gets them; it must not have been begun.
        rule: Which audio it takes as it is.
        origin: The seconds of the file's clock that become 0.
        first: In seconds of the output: what ends before is left out; None: nothing is.
        end: In seconds of the output: what begins there or later is left out; None: nothing is.

    Attributes:
        notes: What is left out or converted, and later what was damaged.

    Raises:
        NotFound: There is no such file.
        SinkError: It cannot be read.
    """

    def __init__(
        self,
        path: Path,
        output: av.container.OutputContainer,
        rule: AudioRule,
        origin: Fraction = Fraction(0),
        *,
        first: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        self.notes: list[str] = []
        self._output, self._origin, self._first, self._end = output, origin, first, end
        self._timestamps = TimestampRepair(path)
        self._tracks: dict[int, _Track] = {}
        self._plans: dict[int, ChannelPlan] | None = None  # of the audio, once one is transcoded
        if not path.exists():
            raise NotFound(f"{path}: no such file")
        try:
            self._input = open_file(path)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SinkError(f"{path}: its audio cannot be read ({cause(error)})") from error
        self._copy_chapters()
        self._copy_words()
        counts: dict[str, int] = {}
        picture = picture_of(self._input)
        for stream in self._input.streams:
            if stream.type == "video" and not is_cover(stream):
                if picture is not None and stream.index != picture.index:
                    still = picture.frames > 1 and stream.frames == 1  # the first frame of an AVIF once more
                    self.notes += [] if still else [f"stream {stream.index}, another video, is left out"]
                elif output.streams.video:
                    _describe(output.streams.video[0], stream, output.format.name)
                    self._keep_timecode(output.streams.video[0], stream)
                continue
            if is_timecode(stream):  # the container writes its own
                continue
            kind = "cover picture" if stream.type == "video" else f"{stream.type} track"
            counts[kind] = counts.get(kind, 0) + 1
            said = f"{kind} {counts[kind]}"
            made = self._add_audio(stream, said, rule) if stream.type == "audio" else self._add_other(stream, said)
            if made is not None:
                _describe(made.stream, stream, output.format.name)
                self._tracks[stream.index] = made
        self._packets = self._demux()
        self._next = next(self._packets, None)

    def _copy_chapters(self) -> None:
        chapters = []
        for chapter in self._input.chapters():
            base = chapter["time_base"] or Fraction(1, 1000)
            start, end = (chapter["start"] * base - self._origin, chapter["end"] * base - self._origin)
            if (self._first is not None and end <= self._first) or (self._end is not None and start >= self._end):
                continue
            begin = max(round(start / base), 0)  # containers take no chapter from before 0, and then nothing at all
            end = end if self._end is None else min(end, self._end)
            chapters.append({**chapter, "start": begin, "end": max(round(end / base), begin), "time_base": base})
        if not chapters:
            return
        if self._output.format.name in _CHAPTERS:
            self._output.set_chapters(cast(Any, chapters))
        else:
            lost = f"{counted(len(chapters), 'chapter')} {'is' if len(chapters) == 1 else 'are'}"
            self.notes.append(f"its {lost} left out: {self._output.format.name} has none")

    def _copy_words(self) -> None:
        """Title, artist and the like, of the file as a whole."""
        words, form = described(self._input.metadata), self._output.format.name
        known = None if _are_keys(words, form) else _TAGS.get(form)
        lost = [key for key, value in words.items() if known is not None and not _is_held(key, value, known)]
        if lost:
            self.notes.append(f"left out of its description, {form} has no place: {', '.join(lost)}")
        for key, value in words.items():
            if key not in lost:
                self._output.metadata[key] = value
        if "creation_time" in self._input.metadata:
            self._output.metadata["creation_time"] = self._input.metadata["creation_time"]

    def _keep_timecode(self, made: Any, stream: Any) -> None:
        """Give the picture the timecode of its first frame, of which MP4 and MOV make a track."""
        timecode = timecode_of(self._input, stream)
        if timecode is None:
            return
        rate = Fraction(stream.average_rate or 0)
        before = self._origin - (stream.start_time or 0) * Fraction(stream.time_base or 0)
        left_out = 0 if self._first is None else max(math.ceil(before * rate), 0)
        moved = advanced(timecode, rate, left_out)
        form = self._output.format.name
        if moved is None or form == "mpegts":
            why = "mpegts has no place for it" if moved else f"there is none such at {float(rate):.5g} frames a second"
            self.notes.append(f"its timecode ({timecode}) is left out: {why}")
            return
        made.metadata["timecode" if form in ("mp4", "mov") else "TIMECODE"] = moved

    def _add_audio(self, stream: Any, said: str, rule: AudioRule) -> _Track | None:
        output, kind = self._output, self._output.format.name
        codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else ""
        if not codec:
            self.notes.append(f"{said} is left out: this build of FFmpeg does not know its codec")
            return None
        if codec in (output.supported_codecs if rule.holds is None else rule.holds) and _takes(kind, stream):
            return _Track(output.add_stream_from_template(stream))
        if self._plans is None:
            self._plans = channel_plans(self._input)
        plan = self._plans.get(stream.index, ChannelPlan("unknown", ""))
        try:
            made = _transcoded(stream, output, rule.encoder, plan)
        except (av.FFmpegError, ValueError) as error:
            reason = str(error) if "channels" in str(error) else cause(error)
            self.notes.append(f"{said} ({codec}) is left out: {reason}")
            return None
        what = f"{codec} to {_SAID[rule.encoder]}{_changed(stream, plan, made.stream.codec_context)}"
        self.notes.append(f"{said} is transcoded from {what}: {kind} does not take it")
        return made

    def _add_other(self, stream: Any, said: str) -> _Track | None:
        """A subtitle, cover, data or attachment stream; None for one without packets or left out."""
        form = self._output.format.name
        if stream.type == "attachment":
            if form == "matroska":
                name, mime = stream.metadata.get("filename", "attachment"), stream.metadata.get("mimetype", "")
                self._output.add_attachment(
                    name, mime or "application/octet-stream", cast(AttachmentStream, stream).data
                )
            else:
                self.notes.append(f"{said} ({stream.metadata.get('filename', '?')}) is left out: {form} holds none")
            return None
        if stream.type == "data" and self._input.chapters() and stream.codec_context is None and _is_words(stream):
            return None  # the names of the chapters, as QuickTime keeps them
        codec = stream.codec_context.name if stream.codec_context is not None else "data"
        if can_convert(codec, form):
            words = Words(codec, self._output)
            self.notes.append(f"{said} is converted {words.said}, words only: {form} does not take it")
            return self._cues(stream, words.stream, words)
        if form == "matroska" and is_cover(stream):
            picture = bytes(next(self._input.demux(stream)))
            self._input.seek(0)
            mime = "image/png" if codec == "png" else "image/jpeg"
            name = f"cover{mimetypes.guess_extension(mime)}"
            self._output.add_attachment(stream.metadata.get("filename", name), mime, picture)
            return None
        if not _takes(form, stream) or (form == "mpegts" and stream.type == "subtitle" and codec not in _BROADCAST):
            kin = "; Matroska (.mkv) would" if stream.type == "subtitle" else ""
            self.notes.append(f"{said} ({codec}) is left out: {form} does not take it{kin}")
            return None
        made = self._output.add_stream_from_template(stream, opaque=True)
        return _Track(made) if is_cover(stream) else self._cues(stream, made)

    def _cues(self, stream: Any, made: Any, words: Words | None = None) -> _Track:
        return _Track(made, cues=Cues(stream, self._origin, self._first, self._end, made, words))

    def _demux(self) -> Iterator[Packet]:
        streams = [stream for stream in self._input.streams if stream.index in self._tracks]
        if not streams:
            return
        try:
            yield from filter(self._timestamps, self._input.demux(streams))
        except IndexError:
            pass  # PyAV, at the end of a file in which streams appeared after its beginning
        except av.FFmpegError as error:
            self.notes.append(f"the audio ends early: its file is damaged ({cause(error)})")

    def write_until(self, seconds: Fraction | None) -> None:
        """Write the packets that begin before `seconds` of the output; None: all that are left."""
        while self._next is not None:
            packet = self._next
            if packet.dts is not None and packet.time_base is not None:
                moment = packet.dts * packet.time_base - self._origin
                if seconds is not None and moment >= seconds:
                    break
            self._mux(self._made(packet))
            self._next = next(self._packets, None)
        for track in self._tracks.values():
            if track.cues is not None:
                self._mux(track.cues.until(seconds))

    def finish(self, until: Fraction | None) -> None:
        """Write what is left of what begins before `until` seconds of the output (None: all), which ends there."""
        cues = [track.cues for track in self._tracks.values() if track.cues is not None]
        for one in cues:
            one.end = until if one.end is None or (until is not None and until < one.end) else one.end
        self.write_until(until)
        for one in cues:
            self._mux(one.until(None))
        self.notes += [self._timestamps.note] if self._timestamps.note else []
        self.close()

    def _made(self, packet: Packet) -> Iterator[Packet]:
        """What is written of a packet; nothing of one that is outside."""
        track = self._tracks[packet.stream.index]
        if track.cues is not None:
            yield from track.cues.take(packet)
            return
        if packet.size and packet.dts is None and is_cover(packet.stream):
            packet.pts = packet.dts = 0
        elif packet.time_base:
            if packet.dts is not None and self._outside(packet.dts * packet.time_base, packet):
                return
            shift = round(self._origin / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
        if track.encode is not None:
            yield from track.encode(packet)
        elif packet.dts is not None:  # else it is the empty packet that ends a stream
            packet.stream = track.stream
            yield packet

    def _outside(self, clock: Fraction, packet: Packet) -> bool:
        """Whether a packet, which begins at `clock` of its file, is outside of the part that is written."""
        moment, lasts = clock - self._origin, (packet.duration or 0) * Fraction(packet.time_base or 0)
        late = self._end is not None and moment >= self._end
        if is_hidden(packet) and self._output.format.name not in ("mp4", "mov"):  # which hide it again
            return True
        return late or (self._first is not None and moment + lasts <= self._first)

    def _mux(self, packets: Iterable[Packet]) -> None:
        try:
            for packet in packets:
                self._output.mux(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError):  # one bad packet need not end a long job
            note = "damaged audio packets are left out"
            if note not in self.notes:
                self.notes.append(note)

    def close(self) -> None:
        """Close the file that they come from."""
        self._input.close()


def _describe(made: Any, stream: Any, form: str) -> None:
    """Give a stream in a container of the format `form` the language, title and purpose that another has."""
    words = described(stream.metadata)
    if "name" in words:  # a title, as MP4 calls it
        words.setdefault("title", words.pop("name"))
    if stream.metadata.get("language", "und") != "und":
        language = stream.metadata["language"]
        words["language"] = _APPLES.get(language, language) if form == "mov" else language
    if form in ("mp4", "mov"):
        words = {key: value for key, value in words.items() if key.lower() in ("language", "title")}
        if "handler_name" in stream.metadata:
            words["handler_name"] = stream.metadata["handler_name"]
    made.metadata.update(words)
    with suppress(AttributeError):  # attachments have none
        made.disposition = stream.disposition


def _is_words(stream: Any) -> bool:
    return bool(stream.metadata.get("handler_name", "").strip("\0") in ("SubtitleHandler", "Apple Text Media Handler"))


def _takes(form: str, stream: Any) -> bool:
    """Whether the container can hold a copy of `stream`, found out by beginning one in memory."""
    try:
        with av.open(io.BytesIO(), "w", format=form) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (av.FFmpegError, ValueError, OSError):
        return False
    return True


def _changed(stream: Any, plan: ChannelPlan, context: av.AudioCodecContext) -> str:
    """What is another layout or rate in the encoder's `context` than in `stream`, for a note."""
    said = [] if context.layout == AudioLayout(plan.layout) else [f"{plan.said} as {context.layout.name}"]
    said += [] if context.rate == stream.rate else [f"{stream.rate} Hz as {context.rate}"]
    return f" ({', '.join(said)})" if said else ""


def _transcoded(source: Any, output: av.container.OutputContainer, encoder: str, plan: ChannelPlan) -> _Track:
    """Decode, convert and encode again. Raises ``ValueError`` and ``FFmpegError`` where that cannot be."""
    layouts, rates = _TAKES[encoder]
    layout, rate = (
        nearest_layout(plan.layout, layouts) if plan.layout else "",
        nearest_rate(source.rate or 48000, rates),
    )
    decoder = SoundDecoder(source, plan.into(layout) if layout else plan)
    channels = len(AudioLayout(layout).channels)
    made = output.add_stream(encoder, rate=rate, layout=layout)
    assert isinstance(made, av.AudioStream)
    context = made.codec_context
    if encoder == "aac":
        context.bit_rate = max(128_000, 64_000 * channels)  # its own default is 128,000 for any number
    converter: SoundConverter | None = None

    def encode(packet: Packet) -> list[Packet]:
        nonlocal converter
        if converter is None:  # not before the encoder is open, which decides the format
            converter = SoundConverter(context.format.name, layout, rate)
        ready = [part for frame in decoder.decode(packet) for part in converter(frame)]
        last = packet.dts is None
        ready += converter(None) if last else []
        packets = [packet for part in ready if part is not None for packet in made.encode(part)]
        return packets + made.encode(None) if last else packets

    return _Track(made, encode)


def left_out(path: Path, holder: str) -> list[str]:
    """Say for a note what is lost of a file where pictures are made of it; nothing where nothing is.

    Args:
        path: The file.
        holder: What has no place for it, and its verb: "images hold".
    """
    with suppress(av.FFmpegError, OSError, ValueError), open_file(path) as film:
        kinds: list[str] = [stream.type for stream in film.streams if stream.type != "video"]
        kinds += ["chapter"] * len(film.chapters())
        if kinds:
            counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
            return [f"{holder} no sound, text or chapters, which are left out: {counts}"]
    return []
