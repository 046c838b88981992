"""`gancam bench`: how fast models are on this machine."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from gancam.cli.app import OverwriteOption, ThreadsOption, app
from gancam.cli.checks import check_device, check_picture, parse_size
from gancam.cli.console import errors, print_error, print_note
from gancam.inference.catalog import find
from gancam.inference.variants import variants
from gancam.media.images import write_image

if TYPE_CHECKING:
    from gancam.tools.bench import Results


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Models (default: sr-x2).")] = None,
    size: Annotated[list[str] | None, typer.Option(metavar="WxH", help="Of the frames; repeat for several.")] = None,
    device: Annotated[list[str] | None, typer.Option(help="auto, cpu or cuda; repeat for several.")] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="auto, all, fp32, fp16 or int8; repeat for several.")
    ] = None,
    threads: ThreadsOption = None,
    rounds: Annotated[int, typer.Option(help="Of all cases in turn.", min=1, max=100)] = 3,
    seconds: Annotated[float, typer.Option(help="Of each case in each round.", min=0.05, max=60)] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Everything on stdout; what --compare takes.")] = False,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the times as an image.")] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="BASELINE.json", help="Against an earlier --json: exit 1 if slower.")
    ] = None,
    slower: Annotated[
        float, typer.Option(help="By how much of its time a case must be slower than the baseline's.", min=0)
    ] = 0.1,
    overwrite: OverwriteOption = False,
) -> None:
    """How fast models are on this machine: all cases in turn, each in a process of its own."""
    from gancam.tools import bench as benchmark
    from gancam.tools.bench import Case, baseline, measure

    earlier = baseline(compare) if compare is not None else None
    check_picture(picture, "picture", overwrite=overwrite)
    for where in device or ["auto"]:
        for one in precision or ["auto"]:
            check_device(where, one, "all")
    cases = []
    for name in names or ["sr-x2"]:
        find(name)
        for kind in precision or ["auto"]:
            kinds = list(variants(find(name))) if kind == "all" else [kind]
            cases += [
                Case(name, parse_size(shape), where, one, threads)
                for shape in size or ["640x360"] for where in device or ["auto"] for one in kinds
            ]  # fmt: skip
    with errors.status("measuring ...") if errors.is_terminal else nullcontext() as status:
        say = (lambda words: status.update(words)) if status is not None else None
        results = measure(cases, rounds=rounds, seconds=seconds, progress=say)
    if picture is not None:
        write_image(picture, benchmark.picture(results), overwrite=overwrite)
    changes, differs = benchmark.compare(results, earlier) if earlier is not None else ([], [])
    worse = [change for change in changes if change.ratio > 1 + slower]
    if as_json:
        compared = [{"name": one.name, "before_ms": one.before_ms, "ratio": round(one.ratio, 3)} for one in changes]
        print(json.dumps(results.to_dict() | ({"compared": compared, "slower": slower} if changes else {}), indent=2))
    else:
        _print_rows(results)
        for note in results.notes:
            print_note(note)
        for change in changes:
            print(f"{change.name}: {change.before_ms:.2f} ms then, {change.now_ms:.2f} now, {change.ratio:.2f} times")
    for one in differs:
        print_note(f"the baseline is of another machine or version: {one}")
    if worse:
        print_error(f"slower than {compare} by more than {slower:.0%}: {', '.join(change.name for change in worse)}")
        raise typer.Exit(1)


def _print_rows(results: "Results") -> None:
    about = results.machine
    print(f"{about['cpu']}, {about['cores']} cores, GPU {about['gpu'] or 'none'}, ONNX Runtime {about['onnxruntime']}")
    heads = "model", "size", "device", "precision", "median ms", "95 %", "fps", "network", "conversion", "copies"
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
