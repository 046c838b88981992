"""The application of the command line, and the options that several commands share."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from gancam.cli.commands import COMMANDS
from gancam.errors import InputError
from gancam.inference.hardware import MOST_THREADS

_EXAMPLES = {  # a whole call, by the name of the command
    "process": "gancam process in.mp4 out.mp4 -e sr-x2",
    "sample": "gancam sample morph-fruits grid.png",
    "morph": "gancam morph morph-fruits loop.mp4",
    "import": "gancam import model.onnx --name mine",
    "verify": "gancam verify in.mp4 out.mp4",
}
_VALUES = {"effect": "sr-x2", "start": "10s", "stop": "20s", "to": "window", "size": "1280x720"}  # by parameter


def missing(command: str, said: str, params: Sequence[object]) -> str:
    """Say what a call lacks, and give one that has it.

    Args:
        command: The command's name.
        said: What Typer says.
        params: The command's arguments and options.

    Returns:
        One line; empty where `said` is of something else.
    """
    more = f"gancam {command} --help says more"
    if said.startswith("Missing argument"):
        needed = [str(one.metavar or one.name) for one in params if isinstance(one, TyperArgument) and one.required]
        example = f"as in {_EXAMPLES[command]}" if command in _EXAMPLES else more
        return f"{command} needs {' and '.join(needed)}, {example}"
    if said.endswith("requires an argument."):
        for one in params:
            name = next((name for name in one.opts if repr(name) in said), "") if isinstance(one, TyperOption) else ""
            if isinstance(one, TyperOption) and name:
                example = f", as in {name} {_VALUES[one.name]}" if one.name in _VALUES else ""
                return f"{command}: {name} needs a value ({one.metavar}){example}; {more}"
    return ""


class Command(TyperCommand):
    """A command whose help names what it takes as manuals do: `IN... OUT`, not `{IN... OUT}... <list[str]>`."""

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        """Write the help without Typer's signs for what is required, and for types."""
        text = re.sub(r"\{(.+?)\}(\.\.\.)?", r"\1", super().get_help(ctx))
        return re.sub(r" <(?:list\[)?(?:str|path|Path|int|float)\]?>", lambda found: " " * len(found[0]), text)

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Read a call. Raises ``InputError`` where an argument, or the value of an option, is missing."""
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            if said := missing(ctx.info_name or "", error.format_message(), self.params):
                raise InputError(said) from error
            raise


class _Commands(TyperGroup):
    """Lists the commands as they are needed, first those that everybody uses, also those that are not loaded.

    In their help the value of an option is called after the option (`--device DEVICE`) where it has no better name.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name, does in COMMANDS.items():
            self.commands.setdefault(name, Command(name, help=does))
        for command in self.commands.values():
            for option in command.params:
                if isinstance(option, TyperOption) and not option.is_flag and option.metavar is None:
                    option.metavar = option.opts[-1].lstrip("-").upper()

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return sorted(self.commands, key=list(COMMANDS).index)


app = typer.Typer(
    name="gancam", cls=_Commands, add_completion=False, rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Run GANs on live video, video files and images: enlarge, erase objects, restyle, colour, or morph generated "
    "pictures over them; in real time on a plain CPU.",
)  # fmt: skip

EffectOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "-e", "--effect", metavar="NAME[:KEY=VALUE...]",
        help="Apply this effect: a model's name (gancam models lists them) or .onnx file, and parameters (gancam "
        "models NAME lists them), as in sr-x2:strength=0.7:threshold=0. Repeat it for a chain of effects, which are "
        "applied in this order; none alone is no effect.",
    ),
]  # fmt: skip
CodecOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Encode video with this codec: h264, h265, vp9, av1, prores, or ffv1 (lossless); gif, apng and webp "
        "are animated pictures. Default: the usual one of the output's container."
    ),
]
QualityOption: TypeAlias = Annotated[
    float | None, typer.Option(help="Quality of what is written, from 0 (small file) to 100 (best). Default: 80.")
]
ChromaOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="420|422|444",
        help="Write colours at full resolution (444), at half of it across (422), or at half of it both ways (420, "
        "what every player takes). Default: 420; ProRes 422, FFV1 444.",
    ),
]
DeviceOption: TypeAlias = Annotated[
    str,
    typer.Option(help="Run networks on this device: auto, cpu, cuda or tensorrt; cuda:1 is the second NVIDIA GPU."),
]
PrecisionOption: TypeAlias = Annotated[
    str, typer.Option(help="Precision of networks: auto (the fastest that is accurate here), fp32, fp16 or int8.")
]
ThreadsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Let each network use this many CPU threads. Default: what is fastest here.",
        min=1,
        max=MOST_THREADS,
    ),
]
TruncationOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="Variety of the generated pictures: 1 is all there is, 0 the average picture only; less variety looks "
        "better. Default: what suits the generator.",
        min=0,
        max=1,
    ),
]
OverwriteOption: TypeAlias = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")]
QuietOption: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print neither a progress bar nor a report.")
]
GeneratorArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="The generator: a model's name, as morph-fruits, or the path of an .onnx file."
    ),
]

# gancam sample
LabelsOption: TypeAlias = Annotated[
    bool,
    typer.Option("--labels", help="With --to, write as many samples of each class, each into the folder of its class."),
]
ClassOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--class", metavar="NAME", help="Make samples of this class only, of a generator that has classes."),
]

# gancam process
PathsArgument: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="IN... OUT",
        help="The videos, images, folders or patterns to read, and last the file or folder to write. Its extension "
        "names the format: .mp4, .mov, .mkv, .webm, .ts; .gif, .apng, .webp; .png, .jpg. A - is stdin or stdout, "
        "frame-%06d.png an image for each frame.",
    ),
]
EncoderOption: TypeAlias = Annotated[
    str | None, typer.Option(help="Encode video on this: cpu (default), or nvenc (an NVIDIA GPU).")
]
DeinterlaceOption: TypeAlias = Annotated[
    bool, typer.Option("--deinterlace", help="Make whole frames of interlaced video.")
]
BobOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--bob",
        help="Deinterlace to a whole frame of each field: 50 a second of 50i, where --deinterlace makes 25.",
    ),
]
FromOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Leave out all frames before this time, as in 10s or 1:02:03."),
]
ToOption: TypeAlias = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="Leave out all frames from this time on, as in 20s.")
]
ResumeOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with an interrupted job; the frames that it kept are not made again. A finished one is left alone.",
    ),
]
EightBitOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--eight-bit",
        help="Keep HDR, in 8 bits, instead of tone-mapping it to SDR; take 10-bit video as 8 bits even in copies.",
    ),
]
ParamsOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Change the effects' parameters over time as gancam live --record-params FILE recorded it."
    ),
]
FpsOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="Frames a second of numbered input images (frame-%06d.png) that have no file of times. Default: 25."
    ),
]
FormatOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Container of the video written to stdout (where OUT is -): matroska (default), nut, mpegts, webm, mp4, "
        "mov; or uncompressed, without sound: y4m (for other encoders), rawvideo (8-bit BGR, for programs of yours). "
        "Of an image: png, jpg, webp, tiff or bmp.",
    ),
]
JobsOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--jobs",
        metavar="N|auto",
        help="Number of worker processes, for several files or the parts of one. auto is one, and more for the rest "
        "of a folder where they pay.",
    ),
]
ClusterOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="auto|ADDRESS",
        help="Let the workers of a Ray cluster do the work: auto (the cluster on this machine) or HOST:PORT. Needs the "
        "extra gancam[cluster].",
    ),
]

# gancam live
SourceArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="What to play: a camera's index, device path or name, a URL, a video file, numbered images "
        "(frame-%06d.png), or test (a pattern).",
    ),
]
OutputsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="window|virtualcam|mjpeg:PORT|URL|FILE|source:FILE",
        help="Where to play it; repeat it for several outputs. source:FILE records the frames before effects. Default: "
        "window.",
    ),
]
LiveSizeOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="WxH",
        help="Frame size that a camera is asked for, and that the test pattern has; files and streams have their own. "
        "Default: 640x360.",
    ),
]
SecondsOption: TypeAlias = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Stop after this many seconds, a number above 0. Default: never."),
]
ReconnectOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Give up after this many failed attempts in a row to reach the camera or stream. Default: never.",
        min=0,
    ),
]
StatsOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write the latency of every frame, and how many were dropped, to this file as JSON lines.",
    ),
]
ControlOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|PORT|mic",
        help="Change parameters while it plays: from a file that is watched, a TCP port of this machine, or a "
        "microphone. Repeat it for several.",
    ),
]
RecordParamsOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Record every change of a parameter to this file, for gancam process --params."),
]
TargetFpsOption: TypeAlias = Annotated[
    float | None,
    typer.Option(metavar="N", help="Play the best quality that this machine can play at this many frames a second."),
]
TargetMsOption: TypeAlias = Annotated[
    float | None,
    typer.Option(metavar="MS", help="Play the best quality that takes at most this many milliseconds a frame."),
]

WatchOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="new|split",
        help="Load an effect that is a file, or the folder of a training run, anew whenever that changes: new plays "
        "it, split shows the one before on the left.",
    ),
]
PresetsOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--preset", metavar="FILE",
        help="Offer the effects of this TOML file in the window's gallery (key g); without -e the first is played. "
        "Repeat it for several.",
    ),
]  # fmt: skip
MirrorOption: TypeAlias = Annotated[
    bool, typer.Option("--mirror", help="Mirror the picture, as one sees oneself; the key m does it, too.")
]
SoundOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="mic|mic:NAME|none",
        help="Record this sound into files: a microphone, or none. Default: the video file's or the stream's own.",
    ),
]
LoopOption: TypeAlias = Annotated[bool, typer.Option("--loop", help="Play a video file again and again.")]

# gancam bench
BenchModelsArgument: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Models to measure: names, or paths of .onnx files. Default: sr-x2."),
]
BenchSizesOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="WxH", help="Frame size to measure at; repeat it for several. Default: 640x360."),
]
BenchDevicesOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="Device to measure on: auto, cpu, cuda or tensorrt; repeat it for several. Default: auto."),
]
BenchPrecisionsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="Precision to measure: auto, all, fp32, fp16 or int8; repeat it for several. Default: auto (the fastest "
        "that is accurate here)."
    ),
]
RoundsOption: TypeAlias = Annotated[
    int, typer.Option(help="Measure all models and sizes in turn this many times.", min=1, max=100)
]
BenchSecondsOption: TypeAlias = Annotated[
    float, typer.Option(help="Seconds for which each case is measured in each round.", min=0.05, max=60)
]
ChartOption: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Draw the times as bars into this image file.")
]
CompareOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="BASELINE.json",
        help="Compare with what an earlier gancam bench --json wrote to this file; exit with 1 if a case is slower.",
    ),
]
SlowerOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="With --compare, the share of the earlier time by which a case may be slower. Default: 0.1, which is 10 "
        "percent.",
        min=0,
    ),
]
