"""`gancam process`: videos and images through effects into new files."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, get_args, get_type_hints

import typer

from gancam import pipeline
from gancam.cli import option
from gancam.cli.app import Command, app
from gancam.cli.bars import BatchBars
from gancam.cli.checks import PRESET_EFFECTS, check_chain, named_after, parse_moment, parse_specs, refuse_url
from gancam.cli.console import Terminated, errors, print_note, progress_bar, wrote
from gancam.cli.pipes import PICTURES, image_to_stdout, refuse_still_on_stdout, stdin_for, stdout_apart
from gancam.effects import EffectSpec
from gancam.errors import InputError, OutputExists
from gancam.jobs.batch import MakePool, losses, process_all, process_one
from gancam.jobs.checks import check, check_options, classify_input
from gancam.jobs.events import FileProgress, JobEvent, Note, Notify, to_json
from gancam.jobs.identity import file_job, files_made, job_of
from gancam.jobs.inputs import find_inputs, is_batch
from gancam.jobs.local_pool import LocalPool, share_of_threads
from gancam.jobs.preset import read_preset
from gancam.jobs.process import process_image
from gancam.jobs.records import NO_RECORD, in_the_way, is_known, keep
from gancam.jobs.spec import EffectChainSpec, LoadedChain, ProcessOptions
from gancam.jobs.stdio import without_folder
from gancam.media.paths import MediaPath, SequencePath, StillPath, classify
from gancam.pipeline import Report
from gancam.sinks.images import images_in_the_way, images_kept
from gancam.sinks.piece_store import frames_kept, so_far
from gancam.units import counted


def _preset(context: typer.Context, path: Path | None) -> Path | None:
    """Take what a TOML file says for the defaults of the other options."""
    if path is not None:
        hints = get_type_hints(process)
        names, kinds = dict[str, str](), dict[str, type]()
        for part in context.command.params:
            name = next((one[2:] for one in part.opts if one.startswith("--")), "")
            if name not in ("", "preset", "help"):
                names[name] = part.name or ""
                hint = [*get_args(hints[names[name]]), hints[names[name]]]
                kinds[name] = next((kind for kind in (bool, int, float) if kind in hint), str)
                kinds[name] = list if list[str] in hint else kinds[name]
        values = read_preset(path, kinds)
        context.meta[PRESET_EFFECTS] = values.pop("effect", ())  # they are parsed already
        context.default_map = {names[name]: value for name, value in values.items()}
    return path


PresetOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        is_eager=True,
        callback=_preset,
        help="Read options from this TOML file, as in quality = 90. Options given on the command line win.",
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the report (of several files each event, one a line) as JSON: on stdout, or on stderr where OUT "
        "is -.",
    ),
]


@dataclass(frozen=True, slots=True)
class _Request:
    """What a command line asks for."""

    inputs: list[str]
    output: str
    chain_spec: EffectChainSpec
    options: ProcessOptions
    workers: int | None  # None: as many as pay
    cluster: str | None
    output_format: str | None  # for stdout
    preset: Path | None  # where the effects come from
    quiet: bool
    as_json: bool


@app.command(cls=Command)
def process(
    context: typer.Context,
    paths: option.Paths,
    effect: option.Effect = None,
    codec: option.Codec = None,
    encoder: option.Encoder = None,
    quality: option.Quality = None,
    chroma: option.Chroma = None,
    deinterlace: option.Deinterlace = False,
    bob: option.Bob = False,
    start: option.From = None,
    stop: option.To = None,
    resume: option.Resume = False,
    eight_bit: option.EightBit = False,
    params: option.Params = None,
    fps: option.Fps = None,
    output_format: option.Format = None,
    preset: PresetOption = None,
    device: option.Device = "auto",
    precision: option.Precision = "auto",
    threads: option.Threads = None,
    workers: option.Jobs = "auto",
    cluster: option.Cluster = None,
    overwrite: option.Overwrite = False,
    quiet: option.Quiet = False,
    as_json: JsonOption = False,
) -> None:
    """Apply effects to videos and images, and write new files.

    The sound is kept. Without an effect, the output is a faithful copy. Where there are several inputs, a folder or a
    pattern, OUT is the folder to write to: finished files are skipped, interrupted ones continue where they stopped,
    and failures are listed at the end (exit code 1).
    """
    if len(paths) < 2:
        raise InputError(f"process needs IN and OUT, as in gancam process {paths[0]} OUT; only {paths[0]!r} was given")
    named: tuple[EffectSpec, ...] = tuple(context.meta.get(PRESET_EFFECTS, ())) if not effect else ()
    options = ProcessOptions(
        codec=codec, encoder=encoder, quality=quality, chroma=chroma, deinterlace="bob" if bob else deinterlace,
        eight_bit=eight_bit, params=params, overwrite=overwrite, resume=resume, start=parse_moment("--from", start),
        end=parse_moment("--to", stop), fps=fps,
    )  # fmt: skip
    chain_spec = EffectChainSpec(named or parse_specs(effect), device, precision, threads)
    request = _Request(
        paths[:-1], paths[-1], chain_spec, options, _parse_count(workers), cluster, output_format,
        preset if named else None, quiet, as_json,
    )  # fmt: skip
    for text in (*request.inputs, request.output):
        if not text:
            raise InputError("an empty name is not a file: give a path, or - for stdin or stdout")
        refuse_url(text)
    (_process_many if is_batch(request.inputs, request.output) else _process_single)(request)


def _process_single(request: _Request) -> None:
    """Make one file of one input."""
    options, make_pool = request.options, _pool_maker(request)
    with ExitStack() as opened:
        target = classify(request.output)
        source = classify_input(request.inputs[0], target)
        if request.output == "-" and request.output_format in PICTURES:
            target = opened.enter_context(image_to_stdout(request.output_format))
        elif request.output == "-":
            refuse_still_on_stdout(source)
            options = replace(options, pipe=opened.enter_context(stdout_apart()), output_format=request.output_format)
        elif request.output_format is not None:
            raise InputError(
                f"--format {request.output_format}: is for stdout (-); the extension of {request.output} names its "
                "container"
            )
        numbered = isinstance(source, SequencePath) or isinstance(target, SequencePath)
        if make_pool is not None and (options.pipe is not None or numbered):
            raise InputError("--jobs N and --cluster are for files: stdout and numbered images are made by one process")
        finished = options.resume and not options.overwrite and request.output != "-" and _is_there(target)
        may_exist = replace(options, overwrite=options.overwrite or finished)
        check(None if request.inputs[0] == "-" else source, target, may_exist)
        if finished and not is_known(target):
            raise _in_the_way(target, NO_RECORD)
        check_chain(request.chain_spec, request.preset)
        if request.inputs[0] == "-":
            source = opened.enter_context(stdin_for(target))
        _make(source, target, replace(request, options=options), make_pool, finished=finished)


def _is_there(target: MediaPath) -> bool:
    return bool(images_in_the_way(target)) if isinstance(target, SequencePath) else os.path.lexists(target)


def _in_the_way(target: MediaPath, why: str) -> OutputExists:
    return OutputExists(f"{target}: {why}; give another name, or --overwrite")


def _make(
    source: MediaPath, target: MediaPath, request: _Request, make_pool: MakePool | None, *, finished: bool
) -> None:
    """Make `target` and remember what it was made by; where it is there, `finished`, only see whether that was this."""
    options = request.options
    image = isinstance(source, StillPath) and isinstance(target, StillPath)

    def plain(text: str) -> str:
        return without_folder(without_folder(text, source.path), target.path)

    def notify(text: str) -> None:
        print_note(plain(text))

    def remember() -> None:
        if job is not None:
            keep(target, file_job(job, target, options, image=image), beside)

    with named_after(request.preset):
        chain = LoadedChain(request.chain_spec)
    effects = chain.fresh(None if image else source.path)
    job: Mapping[str, object] | None = None
    with suppress(OSError):  # an input that cannot be read is told of below
        job = None if request.output == "-" else job_of(source, effects, None if image else options)
    beside = [Path(file) for effect in effects for file in files_made(effect).values()]
    if finished and job is not None:
        if (why := in_the_way(target, file_job(job, target, options, image=image), beside)) is not None:
            raise _in_the_way(target, why)
        _tell_made(request, image=image)
        return
    if image:
        notes = process_image(source, target, effects, options, notify=notify)
        remember()
        if request.as_json:
            print(json.dumps({"output": request.output, "notes": notes}))
        elif not request.quiet:
            for line in [*notes, *([_wrote(target)] if request.output != "-" else [])]:
                print(line)
        return
    report = _make_video(source, target, request, make_pool, chain, job, notify)
    remember()
    report.notes = [plain(note) for note in report.notes]
    if request.as_json:
        print(json.dumps({"output": request.output, **report.to_dict()}))
    elif not request.quiet:
        print("\n".join(report.text()))
        if request.output != "-":
            print(_wrote(target))
    else:
        for note in losses(report, chain):
            print_note(note)


def _make_video(
    source: MediaPath,
    target: MediaPath,
    request: _Request,
    make_pool: MakePool | None,
    chain: LoadedChain,
    job: Mapping[str, object] | None,
    notify: Callable[[str], None],
) -> Report:
    try:
        with progress_bar(None, request.quiet or request.as_json) as progress:
            tell = _show_progress(progress, notify)
            return process_one(
                source, target, request.chain_spec, request.options, notify=tell, make_pool=make_pool, chain=chain,
                job=job,
            )  # fmt: skip
    except (KeyboardInterrupt, Terminated):
        errors.print(f"gancam: interrupted; {what_is_kept(target, request.options)}", markup=False)
        raise


def _tell_made(request: _Request, *, image: bool) -> None:
    """Say that the output is there already, made by the same job."""
    said = "is already made"
    if request.as_json:
        told: dict[str, object] = {"notes": [said]} if image else Report(notes=[said]).to_dict()
        print(json.dumps({"output": request.output, **told}))
    elif not request.quiet:
        print(f"{request.output} {said}")


def _wrote(target: MediaPath) -> str:
    return f"wrote {target}" if isinstance(target, SequencePath) else wrote(target.path)


def what_is_kept(target: MediaPath, options: ProcessOptions) -> str:
    """Say what an interrupted job leaves."""
    if options.pipe is not None:
        return "the frames made so far are written"
    frames = images_kept(target.path) if isinstance(target, SequencePath) else frames_kept(target.path)
    if frames:
        are = "is" if frames == 1 else "are"
        kept = f"{counted(frames, 'frame')} {are} kept, and the same command with --resume continues after them"
    else:
        kept = "no part was finished yet, so the same command starts over"
    if (plays := so_far(target.path)).exists():
        kept += f"; until then, the part made so far can be played: {plays}"
    return kept


def _parse_count(text: str) -> int | None:
    """Parse --jobs; None is auto."""
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise InputError(f"--jobs {text!r}: needs a number from 1 to 1024, or auto")
    return int(text)


def _pool_maker(request: _Request) -> MakePool | None:
    """Choose the workers that --cluster and --jobs ask for; None where this process does the work."""
    count, cluster = request.workers, request.cluster
    if cluster is not None:
        from gancam.jobs.ray_pool import RayPool, refuse_saving

        refuse_saving(request.chain_spec)
        return lambda chain_spec: RayPool(chain_spec, cluster, count)
    if count is None or count == 1:
        return None
    return lambda chain_spec: LocalPool(
        replace(chain_spec, threads=chain_spec.threads or share_of_threads(count)), count
    )


def _show_progress(progress: pipeline.Progress | None, notify: Callable[[str], None]) -> Callable[[JobEvent], None]:
    """Give what shows the events of one video."""

    def tell(event: JobEvent) -> None:
        match event:
            case Note():
                notify(event.text)
            case FileProgress() if progress is not None:
                progress(event.frame - 1, event.frames)

    return tell


def _process_many(request: _Request) -> None:
    """Make a folder of files."""
    check_options(request.options)
    check_chain(request.chain_spec, request.preset)
    make_pool = _pool_maker(request) if request.cluster is not None else None
    out, options = Path(request.output), replace(request.options, resume=True)
    found = find_inputs(request.inputs, out, codec=options.codec)
    try:
        with BatchBars(shown=not request.quiet and not request.as_json) as bars:
            as_line = lambda event: print(json.dumps(to_json(event)), flush=True)
            notify: Notify = as_line if request.as_json else bars
            summary = process_all(
                found, out, request.chain_spec, options, notify=notify, workers=request.workers, make_pool=make_pool
            )
    except (KeyboardInterrupt, Terminated):
        said = "the same command continues: finished files are skipped, and the unfinished one goes on where it stopped"
        errors.print(f"gancam: interrupted; {said}", markup=False)
        raise
    if not request.quiet and not request.as_json:
        print("\n".join(summary.text(out)))
    if summary.failed:
        raise typer.Exit(1)
