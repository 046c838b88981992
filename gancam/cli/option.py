"""Arguments and options of commands, declared once: what each takes, and what its help says."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from gancam.inference.hardware import MOST_THREADS

Effect: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "-e", "--effect", metavar="NAME[:KEY=VALUE...]",
        help="Apply this effect: a model's name (gancam models lists them) or .onnx file, and parameters (gancam "
        "models NAME lists them), as in sr-x2:strength=0.7:threshold=0. Repeat it for a chain of effects, which are "
        "applied in this order. -e none applies no effect.",
    ),
]  # fmt: skip
Codec: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Encode video with this codec: h264, h265, vp9, av1, prores, or ffv1 (lossless); gif, apng and webp "
        "are animated pictures. Default: the usual one of the output's container."
    ),
]
Quality: TypeAlias = Annotated[
    float | None, typer.Option(help="Quality of what is written, from 0 (small file) to 100 (best). Default: 80.")
]
Chroma: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="420|422|444",
        help="Write colours at full resolution (444), at half of it across (422), or at half of it both ways (420, "
        "what every player takes). Default: 420; ProRes 422, FFV1 444.",
    ),
]
Device: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Run networks on this device: auto, cpu, cuda or tensorrt (cuda:1 is the second NVIDIA GPU), or webgpu (a "
        "GPU of any maker)."
    ),
]
Precision: TypeAlias = Annotated[
    str, typer.Option(help="Precision of networks: auto (the fastest that is accurate here), fp32, fp16 or int8.")
]
Threads: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Let each network use this many CPU threads. Default: what is fastest here.",
        min=1,
        max=MOST_THREADS,
    ),
]
Truncation: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="Variety of the generated pictures: 1 is all there is, 0 the average picture only; less variety looks "
        "better. Default: what suits the generator.",
        min=0,
        max=1,
    ),
]
Overwrite: TypeAlias = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Print neither a progress bar nor a report.")]
Generator: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="The generator: a model's name, as morph-fruits, or the path of an .onnx file."
    ),
]

# gancam sample
Labels: TypeAlias = Annotated[
    bool,
    typer.Option("--labels", help="With --to, write as many samples of each class, each into the folder of its class."),
]
Class: TypeAlias = Annotated[
    str | None,
    typer.Option("--class", metavar="NAME", help="Make samples of this class only, of a generator that has classes."),
]

# gancam compare
Compared: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="IN... OUT",
        help="The files to compare, images or videos, and last the file to write: an image (.png, .jpg, .webp) or, of "
        "videos, a video (.mp4, .webm, .gif).",
    ),
]
Layout: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Draw them so: side (one beside the other), split (one picture, cut by a bar), or wipe (a video in which "
        "the bar moves, also of images)."
    ),
]
Columns: TypeAlias = Annotated[
    int | None, typer.Option(help="Pictures in a row, with --layout side. Default: up to 3.", min=1)
]
Label: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help="The label of a file; once for each, in order. Default: the files' names."),
]
Detail: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="BOX",
        help="Show a part of each again, enlarged: auto (where they differ most), or left/top/width/height in pixels "
        "of the first.",
    ),
]
At: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Make an image of videos at this time, as in 10s. Default: their middle."),
]
Width: TypeAlias = Annotated[
    int | None, typer.Option(metavar="PIXELS", help="Make the result at most this wide.", min=16)
]

# gancam process
Paths: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="IN... OUT",
        help="The videos, images, folders or patterns to read, and last the file or folder to write. Its extension "
        "names the format: .mp4, .mov, .mkv, .webm, .ts; .gif, .apng, .webp; .png, .jpg. A - is stdin or stdout, "
        "frame-%06d.png an image for each frame.",
    ),
]
Encoder: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Encode video on this: cpu (default), auto (hardware that works here, else the CPU), or hardware: nvenc "
        "(NVIDIA), qsv (Intel), amf (AMD), videotoolbox (Apple), mediafoundation (Windows)."
    ),
]
Deinterlace: TypeAlias = Annotated[bool, typer.Option("--deinterlace", help="Turn interlaced video into whole frames.")]
Bob: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--bob",
        help="Deinterlace to one whole frame per field: 50 a second from 50i, where --deinterlace makes 25.",
    ),
]
From: TypeAlias = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Skip all frames before this time, as in 10s or 1:02:03."),
]
To: TypeAlias = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="Skip all frames from this time on, as in 20s.")
]
Resume: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue an interrupted job: the frames that it kept are not made again. A finished job is left alone.",
    ),
]
EightBit: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--eight-bit",
        help="Keep HDR, in 8 bits, instead of tone-mapping it to SDR; take 10-bit video as 8 bits even in copies.",
    ),
]
Params: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Change the effects' parameters over time as gancam live --record-params FILE recorded it."
    ),
]
Fps: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="Frames a second of numbered input images (frame-%06d.png) that have no file of times. Default: 25."
    ),
]
Format: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Container of the video written to stdout (where OUT is -): matroska (default), nut, mpegts, webm, mp4, "
        "mov; or uncompressed, without sound: y4m (for other encoders), rawvideo (8-bit BGR, for programs of yours). "
        "Of an image: png, jpg, webp, tiff or bmp.",
    ),
]
Jobs: TypeAlias = Annotated[
    str,
    typer.Option(
        "--jobs",
        metavar="N|auto",
        help="Number of worker processes, for several files or the parts of one. auto is one, and more for the rest "
        "of a folder where they pay.",
    ),
]
Cluster: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="auto|ADDRESS",
        help="Let the workers of a Ray cluster do the work: auto (the cluster on this machine) or HOST:PORT. Needs the "
        "extra gancam[cluster].",
    ),
]

# gancam live
Source: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="What to play: a camera's index, device path or name, a URL, a video file, numbered images "
        "(frame-%06d.png), or test (a pattern).",
    ),
]
Outputs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="window|virtualcam|mjpeg:PORT|URL|FILE|source:FILE",
        help="Where to play it; repeat it for several outputs. source:FILE records the frames before effects. Default: "
        "window.",
    ),
]
LiveSize: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="WxH",
        help="Frame size that a camera is asked for, and that the test pattern has; files and streams have their own. "
        "Default: 640x360.",
    ),
]
Seconds: TypeAlias = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Stop after this many seconds, a number above 0. Default: never."),
]
Reconnect: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Give up after this many failed attempts in a row to reach the camera or stream. Default: never.",
        min=0,
    ),
]
Stats: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write the latency of every frame, and how many were dropped, to this file as JSON lines.",
    ),
]
Control: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|PORT|osc:PORT|mic",
        help="Change parameters while it plays: from a file that is watched, a TCP port of this machine, OSC "
        "(TouchOSC, Max), or a microphone. Repeat it for several.",
    ),
]
RecordParams: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Record every change of a parameter to this file, for gancam process --params."),
]
TargetFps: TypeAlias = Annotated[
    float | None,
    typer.Option(metavar="N", help="Play the best quality that this machine can play at this many frames a second."),
]
TargetMs: TypeAlias = Annotated[
    float | None,
    typer.Option(metavar="MS", help="Play the best quality that takes at most this many milliseconds a frame."),
]

Watch: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="new|split",
        help="Load an effect that is a file, or the folder of a training run, anew whenever that changes: new plays "
        "it, split shows the one before on the left.",
    ),
]
Presets: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--preset", metavar="FILE",
        help="Offer the effects of this TOML file in the window's gallery (key g); without -e the first is played. "
        "Repeat it for several.",
    ),
]  # fmt: skip
Mirror: TypeAlias = Annotated[
    bool, typer.Option("--mirror", help="Flip the picture, as in a mirror; the key m toggles it.")
]
Sound: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="mic|mic:NAME|none",
        help="Record this sound into files: a microphone, or none. Default: the video file's or the stream's own.",
    ),
]
Loop: TypeAlias = Annotated[bool, typer.Option("--loop", help="Repeat a video file until stopped.")]

# gancam bench
BenchModels: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Models to measure: names, or paths of .onnx files. Default: sr-x2."),
]
BenchSizes: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="WxH", help="Frame size to measure at; repeat it for several. Default: 640x360."),
]
BenchDevices: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="Device to measure on: auto, cpu, cuda, tensorrt or webgpu; repeat it for several. Default: auto."
    ),
]
BenchPrecisions: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="Precision to measure: auto, all, fp32, fp16 or int8; repeat it for several. Default: auto (the fastest "
        "that is accurate here)."
    ),
]
Rounds: TypeAlias = Annotated[
    int, typer.Option(help="Measure all models and sizes in turn this many times.", min=1, max=100)
]
BenchSeconds: TypeAlias = Annotated[
    float, typer.Option(help="Seconds for which each case is measured in each round.", min=0.05, max=60)
]
Chart: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Draw the times as bars into this image file.")
]
Compare: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="BASELINE.json",
        help="Compare with what an earlier gancam bench --json wrote to this file; exit with 1 if a case is slower.",
    ),
]
Slower: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="With --compare, the share of the earlier time by which a case may be slower. Default: 0.1, which is 10 "
        "percent.",
        min=0,
    ),
]
