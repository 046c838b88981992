"""The application of the command line and the options that several commands share."""

from typing import Annotated

import typer

app = typer.Typer(
    name="gancam", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="GANs on live video: super-resolution of files and frames, in real time on a plain CPU.",
)  # fmt: skip
EffectOption = Annotated[
    list[str] | None,
    typer.Option("-e", "--effect", metavar="NAME[:KEY=VALUE...]", help="Effect; repeat for a chain, in this order."),
]
CodecOption = Annotated[
    str | None,
    typer.Option(help="h264, h265, vp9, av1, prores or ffv1, which is lossless (default: the container's usual)."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
PrecisionOption = Annotated[str, typer.Option(help="auto, fp32, fp16 or int8.")]
ThreadsOption = Annotated[int | None, typer.Option(help="CPU threads of the network (default: all).", min=1)]
TruncationOption = Annotated[
    float | None,
    typer.Option(
        help="Variety against quality: 1 all, 0 nothing but the average picture (default: what suits the generator).",
        min=0,
        max=1,
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")]
