"""Animated pictures (GIF, APNG, WebP), made of frames that waited in pieces until all were there."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.codec.codec import UnknownCodecError
from av.video.reformatter import Interpolation

from gancam.errors import SinkError
from gancam.media.animated import set_last_duration, shown_for
from gancam.media.images import check_size, read_image
from gancam.sinks._joiner import Joiner, Pieces, VideoJoiner, check_encoder, packets_in
from gancam.sinks._muxer import OutputFile
from gancam.sinks._settings import BEFORE_ALL, EncoderSettings, VideoOptions
from gancam.sinks._tracks import left_out
from gancam.sinks.piece_store import PieceStore, fingerprint
from gancam.units import counted
from gancam.vision.fit import squared_size

_LARGE = 50_000_000  # bytes from which on a note tells what would be smaller
_FINEST = Fraction(1, 60_000)  # seconds that APNG counts (in numbers of 16 bits) for sources with finer clocks
_OFF = Fraction(1, 200)  # seconds by which what is shown may differ from what was meant: half a tick of GIF
# Against FFmpeg's ordered dithering (bayer, scale 4), over 40 frames of a city and of a morph: blurred colours are off
# by 0.72 and 1.03 levels instead of 0.94 and 1.35, without bands in soft shades, in 1.09 and 1.2 times the bytes;
# sierra2_4a: 0.65 and 0.91 in 1.21 and 1.37 times, and more unrest.
_DITHER = "dither=floyd_steinberg:diff_mode=rectangle"


@dataclass(frozen=True, slots=True)
class _Form:
    """How a format is encoded.

    Attributes:
        encoder: FFmpeg's name of its encoder.
        plain: The pixel format of pictures without opacity.
        veiled: That of pictures with opacity.
        options: The encoder's, for a quality of 0 to 100.
        endless: The option of the container that makes it play without end.
        tick: Seconds of a tick of its clock; None: that of the source, where the format can count in it.
        longest: Seconds that one picture can be shown.
    """

    encoder: str
    plain: str
    veiled: str
    options: Callable[[float], dict[str, str]]
    endless: str
    tick: Fraction | None
    longest: int


def _webp_options(quality: float) -> dict[str, str]:
    return {"lossless": "1"} if quality == 100 else {"lossless": "0", "quality": f"{quality:g}"}


_FORMS = {
    "gif": _Form("gif", "pal8", "pal8", lambda q: {}, "loop", Fraction(1, 100), 655),
    "apng": _Form("apng", "rgb24", "rgba", lambda q: {"pred": "paeth"}, "plays", None, 65_535),
    "webp": _Form("libwebp_anim", "bgra", "bgra", _webp_options, "loop", Fraction(1, 1000), 16_777),
}


class AnimationJoiner(Joiner):
    """Makes an animated picture, which plays without end, of the frames in pieces.

    Args:
        place: Where it is written to.
        options: Of which file sound and the like are left out.
        notes: Gets what is not as in the source.
    """

    def __init__(self, settings: EncoderSettings, options: VideoOptions, place: OutputFile, notes: list[str]) -> None:
        self._settings, self._place, self._notes = settings, place, notes
        self._form = _FORMS[settings.container.format]
        self._tick = self._form.tick or (settings.time_base if settings.time_base.denominator < 1 << 16 else _FINEST)
        self._longest = math.floor(self._form.longest / self._tick)
        self._extradata, self._abandoned = b"", False
        self._end = 0  # ticks
        aspect = settings.canvas.aspect
        self._size = squared_size(settings.canvas.size, aspect)
        if self._size != settings.canvas.size:
            now = f"{self._size[0]}x{self._size[1]}"
            notes.append(f"its pixels are not square ({aspect.numerator}:{aspect.denominator}): scaled to {now}")
        ending = settings.path.suffix.lower()
        notes += [] if options.audio_from is None else left_out(Path(options.audio_from), f"{ending} holds")
        if (every := self._every) > 1:
            of = f"one of {every} frames is written" if every > 2 else "every second frame is written"
            most = settings.container.most_fps
            notes.append(f"{ending} is shown with at most {most} frames a second, and this has {settings.fps:g}: {of}")
        if settings.container.format == "gif" and options.info.alpha:
            notes.append("its soft transparency becomes on or off: .apng and .webp keep it")

    @property
    def _every(self) -> int:
        """Which of the frames are written: each, every second, third ..."""
        return max(math.ceil(self._settings.fps / self._settings.container.most_fps - 1e-3), 1)

    def open(self, settings: EncoderSettings) -> str:
        """Look whether this build can encode it."""
        self._settings = settings
        check_size(settings.path, self._size)
        try:
            av.Codec(self._form.encoder, "w")
        except UnknownCodecError as error:
            what = f"this build of PyAV has no {self._form.encoder}"
            raise SinkError(f"{settings.path}: {what}, so no {settings.path.suffix}") from error
        self._extradata = settings.open_encoder().extradata or b""
        return fingerprint(self._extradata)

    def join(self, pieces: Pieces, until: Fraction | None) -> None:
        """Encode the frames; those of a GIF with one palette for all, so they are read twice."""
        check_encoder(self._settings, fingerprint(self._extradata), pieces)
        ticks, self._end = self._schedule(pieces)
        if self._settings.container.format == "gif":
            self._write(self._indexed(pieces, ticks), ticks)
        else:
            self._write(self._pictures(pieces, ticks), ticks)
        size = self._place.file.stat().st_size
        if size > _LARGE:
            smaller = ".mp4 is" if self._settings.container.format == "webp" else ".webp (a fifth or less) and .mp4 are"
            self._notes.append(f"{self._settings.path.name} is large, {size / 1e6:.0f} MB: {smaller} smaller")

    def _schedule(self, pieces: Pieces) -> tuple[list[int | None], int]:
        """When each frame is shown, in ticks from the first; None: not at all. And when the last ends.

        None is shown for less than browsers can: the next waits for it, and is left out where its own next is due by
        then. The last begins so much earlier that the whole is no longer.
        """
        base, step = self._settings.time_base, self._tick
        packets = [packet for _, index in pieces for packet in index["packets"]]
        first, last = packets[0][0], packets[-1]
        due = [round((packet[0] - first) * base / step) for packet in packets]
        end = round((last[0] - first + last[1]) * base / step)
        least = math.ceil(Fraction(1, self._settings.container.most_fps) / step)
        ticks, dropped = list[int | None]([None] * len(due)), 0
        begun = [(0, 0)]  # the frames that are shown, and when
        for number in range(self._every, len(due), self._every):
            if begun[-1][1] <= due[number]:
                begun.append((number, max(due[number], begun[-1][1] + least)))
            else:
                dropped += 1
        number, moment = begun.pop()
        earliest = begun[-1][1] + least if begun else 0
        moment = max(earliest, min(moment, end - least))
        for shown, at in [*begun, (number, moment)]:
            ticks[shown] = at
        if dropped:
            most = self._settings.container.most_fps
            lost = f"{dropped} of its {counted(len(due), 'frame')} come faster than {most} a second"
            self._notes.append(f"{lost}, which {self._settings.path.suffix.lower()} cannot show: they are left out")
        return ticks, max(end, moment + least)

    def _pictures(self, pieces: Pieces, ticks: Sequence[int | None]) -> Iterator[av.VideoFrame]:
        """The frames of `ticks`, decoded, with their times; again and again those that are shown for too long for one.

        A frame that is as the one before takes a few bytes in each of the formats.
        """
        begun = [tick for tick in ticks if tick is not None]
        ends = dict(zip(begun, [*begun[1:], self._end], strict=True))
        for tick, frame in zip(ticks, self._decoded(pieces), strict=True):
            if self._abandoned:
                raise SinkError(f"{self._settings.path}: given up before it was whole")
            if tick is not None:
                if (frame.width, frame.height) != self._size:
                    frame = frame.reformat(*self._size, interpolation=Interpolation.LANCZOS)
                for moment in range(tick, ends[tick], self._longest):
                    frame.pts, frame.time_base, frame.pict_type = moment, self._tick, 0
                    yield frame

    def _decoded(self, pieces: Pieces) -> Iterator[av.VideoFrame]:
        for piece in pieces:
            decoder = av.CodecContext.create("ffv1", "r")
            assert isinstance(decoder, av.VideoCodecContext)
            decoder.extradata, decoder.thread_count = self._extradata, self._settings.threads
            decoder.width, decoder.height = self._settings.canvas.even
            decoder.pix_fmt = self._settings.canvas.pixels
            for packet in packets_in([piece]):
                yield from decoder.decode(packet)
            yield from decoder.decode(None)

    def _indexed(self, pieces: Pieces, ticks: Sequence[int | None]) -> Iterator[av.VideoFrame]:
        """The frames in the 255 colours that suit them all, and one for what is transparent."""
        colours = 16 + round(min(self._settings.quality / 80, 1) * 240)
        graph, (entrance, *_) = self._graph("palettegen", f"max_colors={colours}:transparency_color=gray")
        for picture in self._pictures(pieces, ticks):
            entrance.push(picture.reformat(format="bgra"))
        entrance.push(None)
        palette = graph.pull()
        assert isinstance(palette, av.VideoFrame)
        palette.pts, palette.time_base = 0, self._tick
        graph, (entrance, beside) = self._graph("paletteuse", _DITHER, (palette.width, palette.height))
        beside.push(palette)
        beside.push(None)
        for picture in self._pictures(pieces, ticks):
            entrance.push(picture.reformat(format="bgra"))
            yield from _pulled(graph)
        entrance.push(None)
        yield from _pulled(graph)

    def _graph(
        self, name: str, options: str, *more: tuple[int, int]
    ) -> tuple[av.filter.Graph, list[av.filter.context.FilterContext]]:
        """A graph of one filter, and its entrances: for frames, and for pictures of the sizes `more`."""
        graph = av.filter.Graph()
        middle, exit = graph.add(name, options), graph.add("buffersink")
        entrances = []
        for place, (width, height) in enumerate([self._size, *more]):
            form = av.VideoFormat("bgra", width, height)
            entrances.append(graph.add_buffer(width=width, height=height, format=form, time_base=self._tick))
            entrances[-1].link_to(middle, 0, place)
        middle.link_to(exit)
        graph.configure()
        return graph, entrances

    def _write(self, pictures: Iterator[av.VideoFrame], ticks: Sequence[int | None]) -> None:
        form, settings = self._form, self._settings
        rest = (self._end - max(tick for tick in ticks if tick is not None) - 1) % self._longest + 1
        options = {form.endless: "0"}
        if settings.container.format == "gif":
            options["final_delay"] = str(min(rest, 65535))
        elif settings.container.format == "apng":
            lasts = rest * self._tick
            lasts = lasts.limit_denominator(max(65535 // math.ceil(lasts), 1))
            options["final_delay"] = f"{min(lasts.numerator, 65535)}/{lasts.denominator}"
        with av.open(self._place.target, "w", format=settings.container.format, options=options) as container:
            stream = container.add_stream(form.encoder, rate=settings.rate, options=form.options(settings.quality))
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = self._size
            stream.pix_fmt = form.veiled if settings.canvas.pixels == "bgra" else form.plain
            stream.time_base = stream.codec_context.time_base = self._tick
            for picture in pictures:
                container.mux(stream.encode(picture.reformat(format=stream.pix_fmt)))
            container.mux(stream.encode(None))
        if settings.container.format == "webp":
            set_last_duration(self._place.file, rest)

    def check(self, pieces: Pieces) -> None:
        """Add up how long its frames are shown."""
        found = shown_for(self._place.file)
        if not found and read_image(self._place.file):  # one picture, or many that are the same
            return
        if abs(found - self._end * self._tick) > _OFF:
            said = f"{float(self._end * self._tick):.3f} s were written, but {float(found):.3f} s can be read back"
            raise SinkError(f"{self._settings.path}: {said}")

    def abandon(self) -> None:
        """Let ``join`` end after the frame that it is at."""
        self._abandoned = True


class WholeAnimation:
    """An ``EncoderOutput`` that makes an animated picture in one go; an interrupted one has the frames that came."""

    kept = "partial output deleted"

    def __init__(self, settings: EncoderSettings, options: VideoOptions, place: OutputFile, notes: list[str]) -> None:
        self._settings, self._place = settings, place
        self._joiner = AnimationJoiner(settings, options, place, notes)
        self._store = PieceStore(place.file, {}, overwrite=True)

    @property
    def frames(self) -> int:
        """How many frames came."""
        return self._store.frames + self._store.pending

    def open(self) -> int:
        """Prove that it can be made."""
        extradata = self._joiner.open(self._settings)
        self._store.settle(self._settings.threads, self._settings.canvas.even)
        self._store.begin(extradata)
        return BEFORE_ALL

    def encode(self, picture: av.VideoFrame, tick: int, after: int) -> None:
        """Keep the frame."""
        self._store.write(picture, tick, after, self._settings.open_encoder)

    def finish(self, last: int, *, interrupted: bool) -> None:
        """Make the picture, and give it its name; without a frame there is none."""
        self._store.end()
        if self._store.count:
            pieces = self._store.indexed(self._store.files)
            self._joiner.join(pieces, None)
            self._joiner.check(pieces)
            self._place.publish()
        self.discard()

    def abandon(self) -> None:
        """Let ``finish`` end soon."""
        self._joiner.abandon()

    def discard(self) -> None:
        """Leave nothing behind but what is finished."""
        self._store.remove()
        self._place.discard()


def joiner_of(settings: EncoderSettings, options: VideoOptions, place: OutputFile, notes: list[str]) -> Joiner:
    """Make what joins the pieces of such a file."""
    if settings.container.most_fps:
        return AnimationJoiner(settings, options, place, notes)
    return VideoJoiner(place, options, notes)


def _pulled(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            made = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        assert isinstance(made, av.VideoFrame)
        yield made
