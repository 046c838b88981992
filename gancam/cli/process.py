"""`gancam process`: videos and images through effects into new files."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from gancam.cli.app import CodecOption, DeviceOption, EffectOption, OverwriteOption, PrecisionOption, ThreadsOption, app
from gancam.cli.checks import EFFECT_HELP, check_chain, named_after, parse_moment, parse_specs
from gancam.cli.console import Terminated, errors, print_error, print_note, progress_bar
from gancam.cli.preset import read_preset
from gancam.effects import Effect
from gancam.errors import InputError
from gancam.jobs.batch import Hire, Tell, process_all, process_one
from gancam.jobs.checks import check, check_options
from gancam.jobs.inputs import find_inputs, is_batch
from gancam.jobs.local_pool import LocalPool, share_of_threads
from gancam.jobs.process import process_image, process_video
from gancam.jobs.spec import EffectChainSpec, ProcessOptions
from gancam.jobs.stdio import spooled
from gancam.media.paths import MediaPath, SequencePath, StillPath, classify
from gancam.pipeline import Report
from gancam.sinks.piece_store import pieces_of, so_far


def _preset(context: typer.Context, path: Path | None) -> Path | None:
    """Take what a TOML file says for the defaults of the other options."""
    if path is not None:
        hints = get_type_hints(process)
        names, options = dict[str, str](), dict[str, type]()
        for part in context.command.params:
            name = next((one[2:] for one in part.opts if one.startswith("--")), "")
            if name not in ("", "preset", "help"):
                names[name] = part.name or ""
                kinds = [*get_args(hints[names[name]]), hints[names[name]]]
                options[name] = next((kind for kind in (bool, int, float) if kind in kinds), str)
                options[name] = list if list[str] in kinds else options[name]
        values = read_preset(path, options)
        context.meta[EFFECT_HELP] = tuple(values.pop("effect", ()))  # which are no texts
        context.default_map = {names[name]: value for name, value in values.items()}
    return path


@app.command()
def process(
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="IN... OUT",
            help="Videos, images, folders, patterns; and the file or folder to write.",
        ),
    ],
    effect: EffectOption = None,
    codec: CodecOption = None,
    encoder: Annotated[str | None, typer.Option(help="cpu (default), or nvenc: an NVIDIA GPU's.")] = None,
    quality: Annotated[float | None, typer.Option(help="0 (small) to 100 (best), default 80.")] = None,
    deinterlace: Annotated[bool, typer.Option("--deinterlace", help="Whole pictures of interlaced video.")] = False,
    start: Annotated[str | None, typer.Option("--from", metavar="10s", help="Leave out what comes before.")] = None,
    stop: Annotated[str | None, typer.Option("--to", metavar="20s", help="Leave out what comes from there on.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a job that was interrupted, killed or out of disk.")
    ] = False,
    eight_bit: Annotated[bool, typer.Option("--eight-bit", help="Take 10-bit and HDR video as 8 bits.")] = False,
    params: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Turn parameters as `live --record-params FILE` recorded it.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="Of numbered images (frame-%06d.png) without a file of times; default 25.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="Of stdout (-): matroska (default), nut, mpegts, webm, mp4 or mov in fragments."),
    ] = None,
    preset: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            is_eager=True,
            callback=_preset,
            help="Options from a TOML file, as quality = 90; what is given here wins.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    workers: Annotated[
        str, typer.Option("--jobs", metavar="N|auto", help="Processes at work; auto: more than one where that pays.")
    ] = "auto",
    cluster: Annotated[
        str | None, typer.Option(metavar="auto|ADDRESS", help="Let a Ray cluster do it (extra: gancam[cluster]).")
    ] = None,
    overwrite: OverwriteOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no report.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON on stdout.")] = False,
) -> None:
    """Run videos and images through effects into new files. Audio is kept. Without -e: faithful copies. Of several
    inputs, a folder or a pattern, OUT is the folder to write to: what is done already is skipped, what was begun goes
    on, failures are listed at the end (exit 1)."""
    if len(paths) < 2:
        raise InputError(f"process needs IN and OUT, and was given {paths[0]!r} alone")
    task = ProcessOptions(
        codec=codec, encoder=encoder, quality=quality, deinterlace=deinterlace, eight_bit=eight_bit,
        params=params, overwrite=overwrite, resume=resume, first=parse_moment(start), end=parse_moment(stop), fps=fps,
    )  # fmt: skip
    count = _count(workers)
    hire = _hire(cluster, count)
    theirs = context.meta.get(EFFECT_HELP, ()) if not effect else ()
    recipe = EffectChainSpec(theirs or parse_specs(effect), device, precision, threads)
    names = preset if theirs else None
    if is_batch(paths[:-1], paths[-1]):
        check_options(task)
        check_chain(recipe, names)
        many: dict[str, Any] = {"workers": count, "hire": hire if cluster else None, "quiet": quiet, "as_json": as_json}
        _process_batch(paths[:-1], Path(paths[-1]), recipe, replace(task, resume=True), **many)
        return
    with ExitStack() as opened:
        if paths[1] == "-":
            task = replace(task, pipe=opened.enter_context(_stdout()), form=form)
        elif form is not None:
            raise InputError(f"--format {form}: is for stdout (-); the ending of {paths[1]} names its container")
        target = classify(paths[1])
        source = classify(paths[0])
        several = isinstance(source, SequencePath) or isinstance(target, SequencePath)
        if hire is not None and (task.pipe is not None or several):
            raise InputError("--jobs N and --cluster are for files: stdout and numbered images are made by one process")
        check(None if paths[0] == "-" else source, target, task)
        check_chain(recipe, names)
        if paths[0] == "-":
            source = classify(opened.enter_context(_stdin()))
        with named_after(names):
            chain = recipe.load(source.path)
        _process_one(source, target, chain, recipe, task, hire=hire, quiet=quiet, as_json=as_json)


@contextmanager
def _stdin() -> Iterator[Path]:
    if sys.stdin.isatty():
        raise InputError("-: stdin is a terminal; pipe a video into it, as in cat in.mkv | gancam process - out.mkv")
    with spooled(sys.stdin.buffer) as path:
        yield path


@contextmanager
def _stdout() -> Iterator[int]:
    """A descriptor of stdout for video alone: what else is printed goes to stderr from now on."""
    if sys.stdout.isatty():
        raise InputError("-: stdout is a terminal; pipe it on, as in gancam process in.mp4 - | ffplay -")
    sys.stdout.flush()
    mine = os.dup(1)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(mine, os.O_BINARY)
    try:
        yield mine
    finally:
        os.close(mine)


def _process_one(
    source: MediaPath, target: MediaPath, chain: Sequence[Effect], recipe: EffectChainSpec, task: ProcessOptions, *,
    hire: Hire | None, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    several = isinstance(source, SequencePath) or isinstance(target, SequencePath)
    if not several and (isinstance(source, StillPath) or isinstance(target, StillPath)):
        process_image(source, target, chain, overwrite=task.overwrite, tell=print_note)
        return
    report = Report()
    try:
        with progress_bar(None, quiet or as_json) as progress:
            if hire is not None and not several:
                report = process_one(source.path, target.path, recipe, task, tell=_hear(progress), hire=hire)
            else:
                process_video(source, target, chain, task, report, tell=print_note, progress=progress)
    except (KeyboardInterrupt, Terminated):
        kept = "the same command with --resume goes on" if pieces_of(target.path).exists() else "nothing was written"
        if task.pipe is not None:
            kept = "what came is written"
        elif (plays := so_far(target.path)).exists():
            kept += f"; what came so far plays: {plays}"
        errors.print(f"gancam: interrupted; {kept}", markup=False)
        raise
    if as_json:
        print(json.dumps({"output": str(target), **report.to_dict()}))
    elif not quiet:
        print("\n".join(report.text()))
        if several and task.pipe is None:
            print(f"wrote {target}")
        elif task.pipe is None:
            print(f"wrote {target} ({target.path.stat().st_size / 1e6:.1f} MB)")


def _count(text: str) -> int | None:
    """What --jobs asks for; None is auto."""
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise InputError(f"--jobs {text!r}: needs a number from 1, or auto")
    return int(text)


def _hire(cluster: str | None, count: int | None) -> Hire | None:
    """The crew that --cluster and --jobs ask for; None where this process does the work."""
    if cluster is not None:
        from gancam.jobs.ray_pool import RayPool

        return lambda recipe: RayPool(recipe, cluster, count)
    if count is None or count == 1:
        return None
    return lambda recipe: LocalPool(replace(recipe, threads=recipe.threads or share_of_threads(count)), count)


def _hear(progress: Any) -> Tell:
    """What a crew tells of one video, as a note or as progress."""

    def hear(event: Mapping[str, Any]) -> None:
        if event["event"] == "note":
            print_note(event["note"])
        elif event["event"] == "progress" and progress is not None:
            progress(event["frame"] - 1, event["frames"])

    return hear


def _process_batch(
    inputs: Sequence[str],
    out: Path,
    recipe: EffectChainSpec,
    task: ProcessOptions,
    *,
    workers: int | None,
    hire: Hire | None,
    quiet: bool,
    as_json: bool,
) -> None:
    found = find_inputs(inputs, out, codec=task.codec)
    bars = _BatchBars(shown=not quiet and not as_json)
    try:
        with bars:
            tell = _print_event if as_json else bars
            summary = process_all(found, out, recipe, task, tell=tell, workers=workers, hire=hire)
    except (KeyboardInterrupt, Terminated):
        errors.print("gancam: interrupted; the same command goes on", markup=False)
        raise
    if not quiet and not as_json:
        print("\n".join(summary.text()))
    if summary.failed:
        raise typer.Exit(1)


def _print_event(event: Mapping[str, Any]) -> None:
    print(json.dumps(event), flush=True)


class _BatchBars:
    """What a batch tells, as a bar for each file at work, one for all of them, and lines for notes and failures."""

    def __init__(self, *, shown: bool) -> None:
        columns = (
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[said]}", markup=False),
        )  # fmt: skip
        hidden = not (shown and errors.is_terminal)
        self._bars = Progress(*columns, console=errors, transient=True, refresh_per_second=5, disable=hidden)
        self._all = self._bars.add_task("all", total=None, said="")
        self._files: dict[str, Any] = {}

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def __call__(self, event: Mapping[str, Any]) -> None:
        kind, name = event["event"], str(event.get("input", ""))
        if kind == "batch":
            for note in event["notes"]:
                print_note(note)
            self._bars.update(self._all, total=event["files"])
            self._bars.start()
        elif kind == "file":
            self._files[name] = self._bars.add_task(Path(name).name, total=None, said="")
        elif kind == "progress":
            self._bars.update(self._files[name], completed=event["frame"], total=event["frames"])
            if event["eta"] is not None:
                self._bars.update(self._all, said=f"ETA {timedelta(seconds=round(event['eta']))}")
        elif kind == "note":
            print_note(event["note"] if name in event["note"] else f"{name}: {event['note']}")
        elif kind in ("made", "failed"):
            self._bars.remove_task(self._files.pop(name))
            self._bars.advance(self._all)
            if kind == "failed":
                print_error(event["error"])
