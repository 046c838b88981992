"""`gancam doctor` and `gancam verify`: what works here, and what a new file kept of the old one."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gancam.cli.app import Command, app
from gancam.cli.checks import check_device, parse_moment, refuse_url
from gancam.cli.console import errors
from gancam.errors import GancamError

if TYPE_CHECKING:
    from gancam.tools.doctor.checks import Check


@app.command(cls=Command)
def verify(
    before: Annotated[
        Path,
        typer.Argument(metavar="IN", help="The file that was processed: a video, or numbered images (frame-%06d.png)."),
    ],
    after: Annotated[
        Path, typer.Argument(metavar="OUT", help="The file that was made from it: a video, or numbered images.")
    ],
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="OUT is of the part of IN from this time on, as in 10s or 1:02:03."
        ),
    ] = None,
    stop: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="OUT is of the part of IN before this time, as in 20s.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as a JSON list on stdout.")] = False,
) -> None:
    """Compare a processed file with its original.

    Compared are frames, times, sound, subtitles, metadata and colour. The exit code is 1 if something was lost. The
    picture itself is not compared.
    """
    from gancam.tools.verify import verify as compare

    for path in (before, after):
        refuse_url(path)
    differences = compare(before, after, start=parse_moment("--from", start), end=parse_moment("--to", stop))
    if as_json:
        print(json.dumps([one.to_dict() for one in differences], indent=2))
    else:
        table = Table("property", "", "before", "after", box=None, pad_edge=False)
        colours = {"kept": "green", "changed": "yellow", "lost": "bold red"}
        for one in differences:
            table.add_row(Text(one.name), Text(one.verdict, colours[one.verdict]), Text(one.before), Text(one.after))
        Console(highlight=False).print(table)
    if any(one.verdict == "lost" for one in differences):
        raise typer.Exit(1)


@app.command(cls=Command)
def doctor(
    device: Annotated[
        str | None,
        typer.Option(
            help="Exit with 0 if networks run on this device, else with 2: auto, cpu, cuda, tensorrt or webgpu. "
            "Default: cpu."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as one JSON object on stdout.")] = False,
) -> None:
    """Check what works on this machine, and suggest remedies.

    Everything is tried out; for what fails, the remedy is printed.
    """
    from gancam.tools.doctor.report import examine, works  # only this command pays for it

    check_device(device or "auto", "auto")
    checks: list[Check] = []
    with errors.status("checking this machine ...") if errors.is_terminal and not as_json else nullcontext():
        checks.extend(examine())
    failure = None
    try:
        works(device or "cpu", checks)
    except GancamError as error:
        failure = error
    if as_json:
        entries = [check.to_dict() for check in checks]
        print(json.dumps({"device": device, "works": failure is None, "findings": entries}, indent=2))
    else:
        _print_checks(checks)
    if failure is not None:
        raise failure


def _print_checks(checks: "list[Check]") -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    colours = {"ok": "green", "warning": "yellow", "problem": "bold red", "absent": "dim"}
    for check in checks:
        said = Text(check.seen, overflow="fold")
        if check.cure:
            said.append(f"\ndo: {check.cure}", "bold" if check.verdict in ("warning", "problem") else "dim")
        table.add_row(Text(check.verdict, colours[check.verdict]), check.name, said)
    Console(highlight=False).print(table)
