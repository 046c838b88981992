"""`gancam bench`: how fast models are on this machine."""

import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from gancam.cli import option
from gancam.cli.app import Command, app
from gancam.cli.checks import check_device, check_picture, parse_size
from gancam.cli.console import errors, print_note, print_warning
from gancam.errors import InputError
from gancam.inference.catalog import find
from gancam.inference.variants import variants
from gancam.media.images import write_image

if TYPE_CHECKING:
    from gancam.tools.bench import Case, Change, Results

_SLOWER = 0.1  # the share of the earlier time by which a case may be slower, unless said


@app.command(cls=Command)
def bench(
    names: option.BenchModels = None,
    size: option.BenchSizes = None,
    device: option.BenchDevices = None,
    precision: option.BenchPrecisions = None,
    threads: option.Threads = None,
    rounds: option.Rounds = 3,
    seconds: option.BenchSeconds = 1.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all figures as JSON on stdout, for a later --compare.")
    ] = False,
    picture: option.Chart = None,
    compare: option.Compare = None,
    slower: option.Slower = None,
    overwrite: option.Overwrite = False,
) -> None:
    """Measure how fast models are on this machine.

    Each model runs in a process of its own; they are measured in turn.
    """
    from gancam.tools import bench as benchmark

    if slower is not None and compare is None:
        raise InputError(f"--slower {slower:g}: needs --compare BASELINE.json, the times that it is about")
    slower = _SLOWER if slower is None else slower
    earlier = benchmark.baseline(compare) if compare is not None else None
    check_picture(picture, "chart", overwrite=overwrite)
    cases = _cases(names or ["sr-x2"], size or ["640x360"], device or ["auto"], precision or ["auto"], threads)
    with errors.status("measuring ...") if errors.is_terminal else nullcontext() as status:
        progress = None if status is None else status.update
        results = benchmark.measure(cases, rounds=rounds, seconds=seconds, progress=progress)
    if picture is not None:
        write_image(picture, benchmark.picture(results), overwrite=overwrite)
    changes, differences = benchmark.compare(results, earlier) if earlier is not None else ([], [])
    if as_json:
        compared = [{"name": one.name, "before_ms": one.before_ms, "ratio": round(one.ratio, 3)} for one in changes]
        print(json.dumps(results.to_dict() | ({"compared": compared, "slower": slower} if changes else {}), indent=2))
    else:
        _print_results(results, changes)
    for one in differences:
        print_note(f"the baseline was measured on another machine or version: {one}")
    if worse := [change.name for change in changes if change.ratio > 1 + slower]:
        print_warning(f"slower than {compare} by more than {slower:.0%}: {', '.join(worse)}")
        raise typer.Exit(1)


def _cases(
    names: list[str], sizes: list[str], devices: list[str], precisions: list[str], threads: int | None
) -> "list[Case]":
    """List every combination. Raises ``InputError`` and ``NotFound`` for what is unknown."""
    from gancam.tools.bench import Case

    for device in devices:
        for precision in precisions:
            check_device(device, precision, "all")
    frames = [parse_size(text) for text in sizes]
    cases: list[Case] = []
    for name in names:
        files = variants(find(name))
        for precision in precisions:
            kinds = list(files) if precision == "all" else [precision]
            cases += [
                Case(name, size, device, kind, threads) for size in frames for device in devices for kind in kinds
            ]
    return cases


def _print_results(results: "Results", changes: "Sequence[Change]") -> None:
    about = results.machine
    kernels = about["kernel_instructions"] or "no vector instructions known"
    gpu = about["gpu"] or "none"
    print(f"{about['cpu']} ({kernels}), {about['cores']} cores, GPU {gpu}, ONNX Runtime {about['onnxruntime']}")
    heads = "model", "size", "device", "precision", "median ms", "95 % ms", "fps", "network", "conversion", "copies"
    table = Table(*heads, "rest", "over its convolutions", "cores", "peak MB", box=None, pad_edge=False)
    for row in results.rows:
        over = f"{row.over_convolutions:.2f}x" if row.over_convolutions else ""
        shares = [f"{share:.0%}" for share in (row.network, row.conversion, row.copies, row.rest)]
        table.add_row(
            row.model, f"{row.width}x{row.height}", row.device, row.precision, f"{row.median_ms:.2f}",
            f"{row.p95_ms:.2f}", f"{row.fps:.1f}", *shares, over, f"{row.cores:.2f}",
            f"{row.memory_mb:.0f}" if row.memory_mb else "",
        )  # fmt: skip
    Console(highlight=False, width=200 if not sys.stdout.isatty() else None).print(table)
    for note in results.notes:
        print_note(note)
    for one in changes:
        print(f"{one.name}: {one.before_ms:.2f} ms before, {one.now_ms:.2f} ms now, {one.ratio:.2f} times as long")
