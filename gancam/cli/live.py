"""`gancam live`: a camera or stream through effects, now."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import av
import typer

from gancam.budget import NEAR
from gancam.cli import option
from gancam.cli.app import Command, app
from gancam.cli.checks import check_chain, check_log, check_source, parse_frame_time, parse_size, parse_specs
from gancam.cli.console import print_note, print_warning, wrote
from gancam.cli.live_effects import LiveEffects
from gancam.cli.menu import choices, name_of, preset_specs
from gancam.cli.slow_outputs import outside_effects, too_slow
from gancam.control import Controls, check_control, open_control
from gancam.effects import spec_params
from gancam.errors import InputError, MissingExtra, SinkError
from gancam.files import refuse_source, same_file
from gancam.frame import Frame
from gancam.jobs.first_frame import size_and_frames
from gancam.jobs.spec import EffectChainSpec
from gancam.media.audio import SoundMicrophone, import_sounddevice
from gancam.media.info import VideoInfo
from gancam.media.streams import open_file
from gancam.params import Value
from gancam.pipeline import FrameCallback, Report, run
from gancam.sinks import Sink, SinkContext, check_target, open_sink, sink_word
from gancam.sinks.logs import ParameterLog, StatsLog, is_stats_log
from gancam.sinks.video import EncodedSink
from gancam.sinks.window import Window
from gancam.sinks.window.hosting import host
from gancam.sources.camera import Camera
from gancam.sources.decoders import Deinterlace
from gancam.sources.extent import frames_until
from gancam.sources.live import SIZE

if TYPE_CHECKING:
    from gancam.sources.live import LiveSource


DEFAULT = "restore-x2"  # the effect that is played without -e
KEEPING = "restore-x1"  # the same for pictures that are large already, whose size it keeps
LARGE = 1280 * 720  # pixels
DEFAULT_FPS = 24  # what the effect that is played by default may not fall below by what is chosen here
DEFAULT_FRAME_TIME = 1 / DEFAULT_FPS / NEAR  # a budget lets that much more pass before it leaves an effect out


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What a command line asks for."""

    source: str
    chain_spec: EffectChainSpec
    outputs: tuple[str, ...]
    size: tuple[int, int] | None  # that somebody asked for
    seconds: float | None
    reconnect: int | None
    stats: Path | None
    controls: tuple[str, ...]
    record_params: Path | None
    frame_time: float | None  # seconds that a frame may take
    by_itself: bool  # nobody asked for that time
    default: bool  # nobody asked for these effects
    watch: str  # new or split, or empty
    presets: tuple[Path, ...]  # offered in the gallery
    mirror: bool
    loop: bool
    deinterlace: Deinterlace
    sound: str | None  # which is recorded; None: the source's own
    overwrite: bool
    as_json: bool


@app.command(cls=Command)
def live(
    source: option.Source = "0",
    effect: option.Effect = None,
    to: option.Outputs = None,
    size: option.LiveSize = None,
    seconds: option.Seconds = None,
    reconnect: option.Reconnect = None,
    stats: option.Stats = None,
    control: option.Control = None,
    record_params: option.RecordParams = None,
    target_fps: option.TargetFps = None,
    target_ms: option.TargetMs = None,
    watch: option.Watch = None,
    preset: option.Presets = None,
    mirror: option.Mirror = False,
    loop: option.Loop = False,
    deinterlace: option.Deinterlace = False,
    bob: option.Bob = False,
    sound: option.Sound = None,
    device: option.Device = "auto",
    precision: option.Precision = "auto",
    threads: option.Threads = None,
    overwrite: option.Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")] = False,
) -> None:
    """Play a camera, a stream or a video file through effects.

    The delay is as short as possible: frames that come too late are dropped. Without an effect, restoration is played
    (restore-x2, from 1280x720 on restore-x1, which keeps the size), as good as 24 frames a second allow on this machine
    (--target-fps sets another rate); -e none plays the source as it is. It ends with q in the window, with Ctrl-C, or
    when the source ends.
    """
    names = effect or [DEFAULT]
    offered = [preset_specs(path) for path in preset or ()]
    specs = offered[0] if offered and not effect else parse_specs(names)
    frame_time = parse_frame_time(target_fps, target_ms)
    default = not effect and not preset
    by_itself = default and frame_time is None
    options = LiveOptions(
        source=source, chain_spec=EffectChainSpec(specs, device, precision, threads), outputs=tuple(to or ["window"]),
        size=None if size is None else parse_size(size), seconds=seconds, reconnect=reconnect, stats=stats,
        controls=tuple(control or ()), record_params=record_params,
        frame_time=DEFAULT_FRAME_TIME if by_itself else frame_time, by_itself=by_itself, default=default,
        presets=tuple(preset or ()), mirror=mirror, loop=loop, deinterlace="bob" if bob else deinterlace, sound=sound,
        watch=watch or "", overwrite=overwrite, as_json=as_json,
    )  # fmt: skip
    _check(options)
    _play(options)


def _check(options: LiveOptions) -> None:
    """Find what is wrong before a model is loaded or a source is opened."""
    if options.frame_time is not None and not options.chain_spec.specs:
        raise InputError("--target-fps and --target-ms need at least one -e EFFECT, whose quality they choose")
    if options.seconds is not None and not 0 < options.seconds <= threading.TIMEOUT_MAX:
        rule = "a number above 0" + (f", at most {threading.TIMEOUT_MAX:.2g}" if options.seconds > 0 else "")
        raise InputError(f"--seconds {options.seconds:g}: needs {rule}; without it there is no end")
    if options.watch not in ("", "new", "split"):
        raise InputError(f"--watch {options.watch!r} must be new or split")
    sized = options.size is not None
    check_source(options.source, loop=options.loop, deinterlace=options.deinterlace, sized=sized)
    for target in options.outputs:
        check_target(target, overwrite=options.overwrite)
    check_log(options.stats, overwrite=options.overwrite or is_stats_log(options.stats))
    check_log(options.record_params, overwrite=options.overwrite)
    _refuse_files(options, [])
    check_chain(options.chain_spec)
    params: list[tuple[str, Mapping[str, Value]]] = []
    for spec in options.chain_spec.specs:
        given = spec_params(spec)
        params.append((spec.name, {} if given is None else given.values()))
    saved = [Path(str(values["save"])) for _, values in params if values.get("save")]
    _refuse_files(options, saved)
    _check_drawing([name for name, values in params if values.get("draw") is True], options.outputs)
    for path in saved:
        check_log(path, overwrite=False)
    if options.sound not in (None, "none") and _microphone(options.sound) is None:
        raise InputError(f"--sound {options.sound}: must be mic, mic:NAME or none")
    if _microphone(options.sound) is not None:
        import_sounddevice()
    levels = any("level" in values for _, values in params)
    for control in options.controls:
        check_control(control, levels=levels)


def _refuse_files(options: LiveOptions, saved: Sequence[Path]) -> None:
    """Refuse to write to the file that is played, or to one file twice, by whatever names. Raises ``SinkError``."""
    logs = [path for path in (options.stats, options.record_params) if path is not None]
    files = [*_recordings(options.outputs), *logs, *saved]
    source = options.source if Path(options.source).exists() else None  # a camera, or test
    for place, path in enumerate(files):
        refuse_source(path, source)
        for other in files[:place]:
            if same_file(path, other) and (path.is_file() or not path.exists()):  # a terminal takes several
                also = "" if path == other else f", also named {other}"
                raise SinkError(f"{path}: two outputs would be this file{also}; give each a name of its own")


def _check_drawing(names: Sequence[str], outputs: Sequence[str]) -> None:
    """Refuse drawing without a window, and for two effects."""
    if names and "window" not in outputs:
        raise InputError(f"{names[0]}: draw needs a window to draw in; add --to window")
    if len(names) > 1:
        raise InputError(f"draw: only one effect can be drawn on, not {' and '.join(names)}")


def _play(options: LiveOptions) -> None:
    from gancam.sources.open import open_live

    controls, report = Controls([]), Report()
    # windows and cameras cannot say that pixels are not square; files and streams do
    square = any(sink_word(one) not in (None, "source") for one in options.outputs)
    with ExitStack() as opened:
        feed = opened.enter_context(
            open_live(
                options.source, size=options.size or SIZE, reconnect=options.reconnect, loop=options.loop,
                listen=options.sound is None, deinterlace=options.deinterlace, square=square,
            )
        )  # fmt: skip
        feed.mirrored = options.mirror
        options = _suited(options, feed.size)
        heard = []
        if (microphone := _microphone(options.sound)) is not None:
            ears = opened.enter_context(closing(SoundMicrophone(feed.sound, name=microphone, warn=print_warning)))
            heard = ears.notes
        effects, frames = _open_effects(options, feed, controls, report)
        opened.callback(effects.close)
        remotes = [
            opened.enter_context(closing(open_control(one, controls, print_warning, effects)))
            for one in options.controls
        ]
        outputs, lost = _open_outputs(options, feed, effects, controls)
        said = [feed.notes, heard, *(output.notes for output in outputs), *(remote.notes for remote in remotes)]
        notes = [note for part in said for note in part]
        for note in notes:
            print_note(note)

        def fail(name: str, error: SinkError) -> None:
            lost.append(f"{error}; the other outputs continue")
            print_warning(lost[-1])

        def play() -> None:
            on_frame: list[FrameCallback] = [effects.before, controls]
            run(feed, [effects], outputs, frames=frames, on_frame=on_frame, report=report, on_sink_failure=fail)

        try:
            with _stop_after(options.seconds, feed.close):
                _beside_a_window(outputs, play, feed.close)
        except BaseException:
            report.interrupted = True
            raise
        finally:
            _put_effects_apart(report, effects)
            known = notes if options.as_json else [*notes, *lost]
            report.notes = [note for note in report.notes if note not in known]
            report.notes += too_slow(report, options.frame_time, effects.output_size(feed.size), feed.size)
            broken = {output.path for output in outputs if isinstance(output, EncodedSink) and output.failed}
            files = [path for path in _recordings(options.outputs) if report.frames and path.is_file()]
            done = [wrote(path, until=frames_until(path) if path in broken else None) for path in files]
            told = "\n".join([*report.text(), *done])
            print(json.dumps(report.to_dict()) if options.as_json else told)
    if lost:
        raise typer.Exit(1)


def _suited(options: LiveOptions, size: tuple[int, int]) -> LiveOptions:
    """Give the options with the default effect that suits pictures of `size` (width, height), if nobody chose one."""
    if not options.default or size[0] * size[1] < LARGE:
        return options
    return replace(options, chain_spec=replace(options.chain_spec, specs=parse_specs([KEEPING])))


def _recordings(outputs: Sequence[str]) -> list[Path]:
    """Name the files among the outputs."""
    files = [target.removeprefix("source:") for target in outputs if sink_word(target) in (None, "source")]
    return [Path(file) for file in files if "://" not in file]


def _microphone(sound: str | None) -> str | None:
    """Give the name of the microphone that is recorded, empty for the usual one; None where none is."""
    kind, _, name = (sound or "").partition(":")
    return name if kind == "mic" else None


def _own_sound(options: LiveOptions) -> Path | None:
    """Find the video file whose sound goes into recordings; in a loop it would end with the first round."""
    path = Path(options.source)
    if options.sound is not None or options.loop or not path.is_file():
        return None
    with suppress(av.FFmpegError, OSError, ValueError), open_file(path) as container:
        return path if container.streams.audio else None
    return None


def _put_effects_apart(report: Report, effects: LiveEffects) -> None:
    """Give each effect its own line on the bill."""
    seconds: dict[str, float] = {}
    for name, spent in report.stage_seconds.items():
        seconds |= effects.effect_seconds if name == effects.name else {name: spent}
    report.stage_seconds = seconds


def _open_effects(
    options: LiveOptions, feed: "LiveSource", controls: Controls, report: Report
) -> tuple[LiveEffects, Iterator[Frame]]:
    """Make what plays the effects, and give the frames: where only a window waits they are loaded beside it, else here.

    Effects that cannot say what size they give are shown the first frame.
    """
    specs, chain_spec = options.chain_spec.specs, options.chain_spec
    sound = Path(options.source) if Path(options.source).is_file() else None
    lone = set(options.outputs) == {"window"} and not options.controls and options.record_params is None
    dropped = lambda: feed.dropped
    load = lambda specs: replace(chain_spec, specs=specs).load(sound, watch=options.watch, dropped=dropped)
    why = f"without -e or --target-fps, the best is played that should hold {DEFAULT_FPS} frames a second: "
    first = iter([why] if options.by_itself else [])

    def notify(text: str) -> None:
        print_note(next(first, "") + text)

    chains, seconds = choices(specs, options.presets), options.frame_time
    rest = lambda size: outside_effects(report, size, feed.size)
    effects = LiveEffects(
        chains, load, controls, size=feed.size, seconds=seconds, notify=notify, warn=print_warning, elsewhere=rest
    )
    try:
        if lone:
            effects.choose(name_of(specs))
            return effects, iter(feed)
        chain = effects.load(name_of(specs), specs)
        size, frames = size_and_frames(feed, chain.slots, peeked=feed.peek())
        kinds = {target.partition(":")[0] for target in options.outputs}
        resizable = {"window", "mjpeg"} >= kinds
        effects.play(chain, fixed=None if resizable else size, beside=resizable and "window" in kinds)
    except BaseException:
        effects.close()
        raise
    return effects, frames


def _open_outputs(
    options: LiveOptions, feed: "LiveSource", effects: LiveEffects, controls: Controls
) -> tuple[list[Sink], list[str]]:
    """Open all outputs and logs; one that cannot be opened is left out where others remain, and told, as is given."""
    dropped = lambda: feed.dropped
    context = SinkContext(
        fps=feed.fps,
        size=effects.output_size(feed.size),
        source_info=VideoInfo(
            size=feed.size, time_base=Fraction(1, 90_000), origin=feed.origin, aspect=feed.aspect, fields=feed.fields,
            interlaced=bool(feed.fields), alpha=effects.veils,
        ),
        audio_from=_own_sound(options),
        sound=feed.sound if feed.sound.there else None,
        overwrite=options.overwrite,
        live=True,
        controls=controls,
        dropped=dropped,
        status=lambda: effects.status,
        menu=effects,
        mirror=feed.mirror,
        next_camera=feed.next_camera if isinstance(feed, Camera) else None,
    )  # fmt: skip
    outputs, lost = list[Sink](), list[str]()
    try:
        for number, target in enumerate(options.outputs, 1):
            try:
                outputs.append(open_sink(target, context))
            except (SinkError, MissingExtra) as error:
                if not outputs and number == len(options.outputs):
                    raise
                lost.append(f"{target} cannot be opened; the other outputs play without it: {error}")
                print_warning(lost[-1])
        if options.stats is not None:
            outputs.append(StatsLog(options.stats, dropped=dropped, more=effects.stats))
        if options.record_params is not None:
            outputs.append(ParameterLog(options.record_params, controls, overwrite=options.overwrite))
    except BaseException:
        for output in outputs:
            output.close(interrupted=True)
        raise
    return outputs, lost


def _beside_a_window(outputs: Sequence[Sink], play: Callable[[], None], stop: Callable[[], None]) -> None:
    """Call `play`; where a window is among the outputs on another thread, while this one draws it."""
    for output in outputs:
        if isinstance(output, Window):
            host(output, play, stop)
            return
    play()


@contextmanager
def _stop_after(seconds: float | None, stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` in a thread when so many seconds have passed within this context; None is never."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, stop)
    timer.name = "gancam-stop"
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
