"""`gancam models`, `gancam doctor`, `gancam verify`."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gancam.cli.app import app
from gancam.cli.checks import check_device
from gancam.cli.console import errors
from gancam.errors import GancamError
from gancam.inference.autotune import Trial, notes, remembered
from gancam.inference.catalog import find, menu, user_menu
from gancam.inference.variants import read_card, variants

_FIGURES = (  # how their names begin; the rest of a name says what they were measured with
    "psnr_y", "ssim_y", "distance", "frechet_of_reals", "frechet", "kernel", "precision", "recall", "density",
    "coverage", "near_copies", "variety", "path_length", "modes", "kl",
)  # fmt: skip


@app.command()
def verify(
    before: Annotated[Path, typer.Argument(metavar="IN", help="What was processed: a video, or frame-%06d.png.")],
    after: Annotated[Path, typer.Argument(metavar="OUT", help="What was made of it, likewise.")],
    as_json: Annotated[bool, typer.Option("--json", help="A list of findings on stdout.")] = False,
) -> None:
    """What was kept, changed and lost: frames, times, streams, packets, words, chapters, colour. Exit 1 if any was
    lost."""
    from gancam.tools.verify import verify as compare

    findings = compare(before, after)
    if as_json:
        print(json.dumps([finding.to_dict() for finding in findings], indent=2))
    else:
        table = Table("property", "", "before", "after", box=None, pad_edge=False)
        colours = {"kept": "green", "changed": "yellow", "lost": "bold red"}
        for one in findings:
            table.add_row(Text(one.name), Text(one.verdict, colours[one.verdict]), Text(one.before), Text(one.after))
        Console(highlight=False).print(table)
    if any(finding.verdict == "lost" for finding in findings):
        raise typer.Exit(1)


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="A list of objects on stdout.")] = False) -> None:
    """What is on the menu, with measured quality and licence."""
    entries: list[dict[str, Any]] = []
    own = user_menu()
    for name in (*menu(), *own):
        files = variants(find(name))
        cards = {precision: read_card(file) for precision, file in files.items()}
        card = next(iter(cards.values()))
        entries.append({
            "name": name, "own": name in own, "effect": card.effect, "scale": card.scale, "licence": card.licence,
            "quality": dict(card.quality), "parameters": card.parameters, "summary": card.summary, "data": card.data,
            "recipe": card.recipe, "commit": card.commit, "receptive_field": card.receptive_field,
            "layout": card.layout, "resolution": card.resolution, "latent": card.latent, "layers": card.layers,
            "variants": {
                precision: {"bytes": files[precision].stat().st_size, "quality": dict(other.quality),
                            "parity": dict(other.parity)}
                for precision, other in cards.items()
            },
            "proved": {
                device: [asdict(one) for one in trials]
                for device in ("cpu", "cuda") if (trials := remembered(files, device)) is not None
            },
        })  # fmt: skip
    if as_json:
        print(json.dumps(entries, indent=2))
        return
    for entry in entries:
        precisions = " ".join(entry["variants"])
        side = entry["resolution"]
        what = f"{side}x{side}" if entry["layout"] == "latent" else f"x{entry['scale']}"
        print(
            f"{entry['name']:12} {what}  {entry['effect']}, {precisions}, {entry['licence']}"
            + (" (your own)" if entry["own"] else "")
        )
        print(f"{'':12} {entry['summary']}")
        for device, trials in entry["proved"].items():
            said = (f"{one['precision']} {one['ms']:.3g} ms, {one['psnr']:.0f} dB" for one in trials)
            print(f"{'':12} tried on {device}: {'; '.join(said)}")
            for note in notes([Trial(**one) for one in trials], device):
                print(f"{'':12} {note}")
        for images, figures in _by_images(entry["quality"]).items():
            print(f"{'':12} {images}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))


@app.command()
def doctor(
    device: Annotated[str | None, typer.Option(help="Exit with 0 only if this works: auto, cpu or cuda.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as one object on stdout.")] = False,
) -> None:
    """What will run where, proved by running it, and what to do about what won't."""
    from gancam.tools.doctor.checks import Check
    from gancam.tools.doctor.report import examine, works  # nobody else should pay for it

    check_device(device or "auto", "auto")
    findings: list[Check] = []
    with errors.status("looking at this machine ...") if errors.is_terminal and not as_json else nullcontext():
        findings.extend(examine())
    failure = None
    try:
        works(device or "cpu", findings)
    except GancamError as error:
        failure = error
    if as_json:
        entries = [finding.to_dict() for finding in findings]
        print(json.dumps({"device": device, "works": failure is None, "findings": entries}, indent=2))
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        colours = {"ok": "green", "warning": "yellow", "problem": "bold red", "absent": "dim"}
        for finding in findings:
            said = Text(finding.seen, overflow="fold")
            if finding.cure:
                said.append(f"\ndo: {finding.cure}", "bold" if finding.verdict in ("warning", "problem") else "dim")
            table.add_row(Text(finding.verdict, colours[finding.verdict]), finding.name, said)
        Console(highlight=False).print(table)
    if failure is not None:
        raise failure


def _by_images(quality: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Figures such as ``psnr_y_set14`` by the images they were measured on, or the network that looked."""
    grouped: dict[str, dict[str, float]] = {}
    for name, value in quality.items():
        figure = next((known for known in _FIGURES if name.startswith(f"{known}_")), "")
        images = name.removeprefix(f"{figure}_").replace("_", " ") if figure else "measured"
        grouped.setdefault(images, {})[figure or name] = value
    return grouped
