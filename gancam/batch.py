"""Many files through the same effects: which, into what, what is done already, and the work with its failures told."""

import glob
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from gancam import devices, jobs
from gancam.crew import Crew, LocalCrew, Work, share_of_threads
from gancam.effects import Effect
from gancam.errors import GancamError, InputError, NotFound, OutputExists, SinkError
from gancam.footage import IMAGES, StillPath, cause, classify
from gancam.jobs import Chain, Recipe, Task
from gancam.pipeline import Report
from gancam.sinks.pieces import changes
from gancam.sinks.video import CONTAINERS, holds

VIDEOS = (
    *CONTAINERS, ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".m2ts", ".m2v", ".mjpeg",
    ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".rm", ".rmvb", ".vob", ".wmv", ".wtv", ".y4m",
)  # fmt: skip
LEDGER = ".gancam.jsonl"  # in the output folder: which file was made from what, a JSON object a line
_EVERY = 0.2  # seconds between two events of progress of a file
_WATCH = 3.0  # seconds of work after which more workers are thought of
_WORTH = 15.0  # seconds of work left for which they are hired
_PIXELS_A_BYTE = 2  # of an image file, roughly

Hire = Callable[[Recipe], Crew]
Tell = Callable[[Mapping[str, Any]], None]
"""Takes an event, ready for JSON; its ``event`` is one of

    batch     files (to make), done (before), others (neither video nor image), notes
    file      input, output: work on it begins
    progress  input, frame, frames (None where nobody knows), eta (seconds until all is done; None before it is known)
    note      input, note
    made      input, output, report (of a video)
    failed    input, output, error
    summary   made, failed, done, others, seconds
"""


@dataclass(frozen=True, slots=True)
class Item:
    """One file to be made; `name` is `target` below the output folder, as the ledger has it."""

    source: Path
    target: Path
    name: str

    @property
    def is_image(self) -> bool:
        return isinstance(classify(self.source), StillPath)


@dataclass(slots=True)
class Found:
    """What the inputs of a batch hold: `items` to be made of them, and the number of `others`."""

    items: list[Item] = field(default_factory=list)
    others: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Summary:
    """What became of a batch. `failed` are inputs and errors, `done` were made by an earlier one."""

    made: int = 0
    failed: list[tuple[Path, str]] = field(default_factory=list)
    done: int = 0
    others: int = 0
    seconds: float = 0.0

    def text(self) -> list[str]:
        """Lines for a person."""
        parts = [f"{self.made} made", *([f"{self.done} done before"] if self.done else [])]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        parts += [f"{self.others} neither video nor image"] if self.others else []
        return [f"{', '.join(parts)}; {self.seconds:.1f} s", *(f"failed: {error}" for _, error in self.failed)]


def is_batch(inputs: Sequence[str], out: str) -> bool:
    """Whether these names on the command line mean many files rather than one into one."""
    one = inputs[0] if len(inputs) == 1 else None
    if one is None or os.path.isdir(one) or (glob.has_magic(one) and not os.path.exists(one)):
        return True
    return one != "-" and (os.path.isdir(out) or out.endswith(("/", os.sep)))


def find(inputs: Sequence[str], out: Path, *, codec: str | None = None) -> Found:
    """The videos and images that `inputs` name, and what they become in the folder `out`.

    An input is a file, a folder (searched to its ground, and mirrored: `holiday/sea/a.mp4` of `holiday` becomes
    `out/sea/a.mp4`; of several inputs, each folder keeps its own name too) or a pattern as shells have them, `**`
    included, mirrored below its part without wildcards. Links are followed, never in a circle. Not taken: hidden
    names, what is in `out`, and in any folder that a batch wrote into. Endings stay where such a file can be
    written (with `codec`), else videos become .mkv or .mov, behind the old ending where the name is taken.

    Raises ``NotFound`` for what is not there and matches nothing, ``InputError`` for two of one name, for `out` being
    an input, and for an `out` that names a file.
    """
    if out.suffix.lower() in (*VIDEOS, *IMAGES) and not out.is_dir():
        raise InputError(f"{out}: of many files or a folder, the output is a folder too, and this names a file")
    found = Found()
    taken: dict[str, Path] = {}
    made: dict[str, Path] = {}
    for text in inputs:
        for path, name in _below(text, out, alone=len(inputs) == 1):
            if path.suffix.lower() not in (*VIDEOS, *IMAGES):
                found.others += 1
                continue
            other = taken.setdefault(str(name), path)
            if os.path.abspath(other) != os.path.abspath(path):
                raise InputError(f"{other} and {path} would both become {out / name}: give a folder above both")
    changed = set[str]()
    for text, path in taken.items():
        name = Path(text)
        ending = _ending(name.suffix, codec)
        made_name = name.with_suffix(ending)
        if ending != name.suffix:
            changed.add(f"{name.suffix} becomes {ending}, which can be written")
            if str(made_name) in taken or str(made_name) in made:
                made_name = name.with_name(name.name + ending)
        made[str(made_name)] = path
    for text, path in made.items():
        target = out / text
        if target.exists() and target.samefile(path):
            raise InputError(f"{path}: would become itself; give another folder than {out}")
        found.items.append(Item(path, target, text))
    found.notes += sorted(changed)
    return found


def _below(text: str, out: Path, *, alone: bool) -> Iterator[tuple[Path, Path]]:
    """The files that one input names, each with its name below the output folder."""
    path = Path(text)
    if path.is_dir():
        if alone and out.exists() and path.samefile(out):
            raise InputError(f"{text}: is input and output at once; give another folder to write to")
        yield from _walk(path, Path() if alone else Path(path.name or path.resolve().name), out)
    elif os.path.lexists(path):
        yield path, Path(path.name)
    elif glob.has_magic(text):
        parts = path.parts
        fixed = Path(*parts[: next(place for place, part in enumerate(parts) if glob.has_magic(part))])
        came = False
        for match, name in _matching(fixed, parts[len(fixed.parts) :], out):
            came = True
            if match.is_dir():
                yield from _walk(match, name, out)
            elif not _is_ours(match, out):
                yield match, name
        if not came:
            raise NotFound(f"{text}: matches no file")
    else:
        raise NotFound(f"{text}: no such file or folder")


def _matching(fixed: Path, pattern: Sequence[str], out: Path) -> Iterator[tuple[Path, Path]]:
    """Files (and without `**` folders) below `fixed` that match, each with its name below that."""
    if "**" in pattern:  # glob would go round in circles of links
        yield from (pair for pair in _walk(fixed, Path(), out) if _matches(pair[1].parts, pattern))
    else:
        for text in sorted(glob.glob(os.path.join(*pattern), root_dir=fixed)):
            yield fixed / text, Path(text)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[left:], pattern[1:]) for left in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _walk(folder: Path, name: Path, out: Path, above: tuple[str, ...] = ()) -> Iterator[tuple[Path, Path]]:
    real = os.path.realpath(folder)
    if real in above or _is_ours(folder, out) or (folder / LEDGER).exists():
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({cause(error)})") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, name / entry.name, out, (*above, real))
        elif not _is_ours(entry, out):
            yield entry, name / entry.name


def _is_ours(path: Path, out: Path) -> bool:
    """Whether `path`, its links followed, is in the output folder."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(out))


def _ending(ending: str, codec: str | None) -> str:
    if ending.lower() in IMAGES:
        return ending
    return next((one for one in (ending, ".mkv", ".mov", ".mp4") if holds(one, codec)), ".mkv")


class Ledger:
    """What was made in the folder `out`, of what and how: so that it is not made again, or said why it should be.

    A line is written before a file's work and one after it. A file that appeared after the first was made by it, for
    it appears whole: a crash between that and the second line loses nothing.
    """

    def __init__(self, out: Path) -> None:
        self._path = out / LEDGER
        self._entries: dict[str, dict[str, Any]] = {}
        self._torn = False
        with suppress(FileNotFoundError):
            data = self._path.read_bytes()
            self._torn = not data.endswith(b"\n")
            for line in data.splitlines():
                with suppress(ValueError, KeyError, TypeError):  # one that was cut short by a crash
                    entry = json.loads(line)
                    self._entries[entry["output"]] = entry

    def in_the_way(self, item: Item, job: Mapping[str, Any]) -> str | None:
        """Why the existing output of `item` is not the one that `job` would make; None where it is."""
        entry = self._entries.get(item.name)
        if entry is None:
            return "exists, and was not made by this"
        now = _state(item.target)
        made = entry["made"]  # copied elsewhere, a file keeps its size but not its time
        if now[0] != made[0] if made else now == entry["instead"]:
            return "exists, and was changed since, or not made by this"
        said = changes(entry["job"], _plain(job))
        return f"was made otherwise ({said})" if said else None

    def begin(self, item: Item, job: Mapping[str, Any]) -> None:
        instead = _state(item.target) if item.target.exists() else None
        self._add({"output": item.name, "job": _plain(job), "instead": instead, "made": None})

    def end(self, item: Item) -> None:
        self._add({**self._entries[item.name], "made": _state(item.target)})

    def _add(self, entry: dict[str, Any]) -> None:
        self._entries[entry["output"]] = entry
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" * self._torn + json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._torn = False


def _state(path: Path) -> list[int]:
    """What is another one when the file was replaced or written to."""
    about = path.stat()
    return [about.st_size, about.st_mtime_ns]


def _plain(job: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(job))
    return made


def process_all(
    found: Found,
    out: Path,
    recipe: Recipe,
    task: Task,
    *,
    tell: Tell,
    workers: int | None = 1,
    hire: Hire | None = None,
) -> Summary:
    """Make every item of `found`: a failure is told and the next file's turn comes.

    What is there already and was made by the same job is left alone; what was begun goes on where it stopped (the
    result is the same). Models are loaded once a worker; every file finds the effects fresh.

    workers  processes at work; None: one, and more where that is seen to leave cores idle.
    hire     gives a crew to do all of it instead.

    Raises, before any work, ``InputError`` where there is nothing to do, ``OutputExists`` for files in the way without
    ``task.overwrite``, ``SinkError`` for a folder that cannot be made, and what loading the effects raises.
    """
    if not found.items:
        raise InputError(f"nothing to do: no video and no image there ({found.others} other files)")
    return _Batch(found, out, recipe, task, tell, workers, hire).run()


def process_one(source: Path, target: Path, recipe: Recipe, task: Task, *, tell: Tell, hire: Hire) -> Report:
    """One video (or image) by a crew. Raises as ``gancam.jobs.process_video`` does."""
    ears = _One(tell)
    chain = Chain(recipe)
    crew = hire(recipe)
    began = time.monotonic()
    try:
        for note in crew.notes:
            tell({"event": "note", "input": str(source), "note": note})
        Work([Item(source, target, target.name)], crew, chain, task, ears).run()
    finally:
        crew.close()
    if ears.error is not None:
        raise ears.error
    ears.report.seconds = time.monotonic() - began
    return ears.report


class _One:
    """Hears what becomes of one item."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.report = Report()
        self.error: Exception | None = None

    def begin(self, item: Item, effects: Sequence[Effect]) -> None:
        pass

    def progress(self, item: Item, frame: int, frames: int | None, fresh: int) -> None:
        self.report.frames, self.report.promised = fresh, frames
        self._tell({"event": "progress", "input": str(item.source), "frame": frame, "frames": frames, "eta": None})

    def note(self, item: Item, text: str) -> None:
        self._tell({"event": "note", "input": str(item.source), "note": text})

    def made(self, item: Item, frames: int | None = None, notes: Sequence[str] = ()) -> None:
        self.report.notes = [*notes]

    def failed(self, item: Item, error: Exception) -> None:
        self.error = error


class _Batch:
    def __init__(
        self, found: Found, out: Path, recipe: Recipe, task: Task, tell: Tell, workers: int | None, hire: Hire | None
    ) -> None:
        self._task, self._tell, self._recipe, self._workers, self._hire = task, tell, recipe, workers, hire
        self._chain = Chain(recipe)
        _make_folder(out)
        self._ledger = Ledger(out)
        self._left: list[Item] = []
        self._found = found
        self._summary = Summary(others=found.others)
        self._sort_out()
        self._costs = Costs(self._left, task)
        self._told: dict[Item, float] = {}
        self._at_work = 1

    def _sort_out(self) -> None:
        """What is left to do; raises when something is in the way."""
        blocked = []
        for item in self._found.items:
            why = None
            if os.path.lexists(item.target):
                try:
                    why = self._ledger.in_the_way(item, self._job(item, self._effects(item)))
                except OSError as error:
                    why = f"cannot be read ({cause(error)})"
                if why is None:
                    self._summary.done += 1
                    continue
                if not self._task.overwrite:
                    blocked.append(f"{item.target}: {why}")
            self._left.append(item)
        if blocked:
            more = f", and {len(blocked) - 1} more in the way" if len(blocked) > 1 else ""
            raise OutputExists(f"{blocked[0]}{more}; give another folder, or --overwrite")

    def _effects(self, item: Item) -> list[Effect]:
        return self._chain.fresh(None if item.is_image else item.source)

    def _job(self, item: Item, effects: Sequence[Effect]) -> Mapping[str, Any]:
        if item.is_image:
            return jobs.job_of(item.source, effects, None)
        video = {"codec": self._task.codec, "encoder": self._task.encoder, "quality": self._task.quality}
        return {**jobs.job_of(item.source, effects, self._task), **video}

    def run(self) -> Summary:
        summary, began = self._summary, time.monotonic()
        self._tell({
            "event": "batch", "files": len(self._left), "done": summary.done, "others": summary.others,
            "notes": self._found.notes,
        })  # fmt: skip
        try:
            if self._hire is not None:
                self._together(self._left, self._hire)
            else:
                for images in (True, False):
                    self._locally([item for item in self._left if item.is_image == images])
        finally:
            summary.seconds = time.monotonic() - began
            self._tell({
                "event": "summary", "made": summary.made, "done": summary.done, "others": summary.others,
                "failed": [{"input": str(path), "error": error} for path, error in summary.failed],
                "seconds": round(summary.seconds, 3),
            })  # fmt: skip
        return summary

    def _locally(self, items: list[Item]) -> None:
        """Here, one after the other; by several processes where that was asked for or where it pays."""
        if not items:
            return
        workers = self._workers
        wall, cpu = time.monotonic(), time.process_time()
        left = list(items)
        while left and workers in (1, None):
            self._make(left.pop(0))
            seconds = time.monotonic() - wall
            if workers is None and seconds >= _WATCH and len(left) > 1:
                workers = self._worth(left, (time.process_time() - cpu) / seconds)
        if left:
            count = min(workers or 1, len(left)) if left[0].is_image else workers or 1
            recipe = self._recipe
            if recipe.threads is None:
                recipe = replace(recipe, threads=share_of_threads(count))
            self._together(left, lambda _: LocalCrew(recipe, count))

    def _worth(self, left: Sequence[Item], busy: float) -> int:
        """How many workers pay for the rest, where one keeps so many cores busy."""
        eta = self._costs.eta() or 0.0
        workers = worth(busy=busy, cores=devices.usable_cores(), left=len(left), room=_room())
        if any(getattr(getattr(effect, "model", None), "device", "cpu") != "cpu" for effect in self._chain.fresh()):
            workers = 1  # of a GPU nobody here can tell how much is left
        if workers < 2 or eta < _WORTH:
            return 1
        said = f"one worker keeps {busy:.1f} of {devices.usable_cores()} cores busy: {workers} make the rest"
        self._tell({"event": "note", "input": "", "note": said})
        return workers

    def _together(self, items: Sequence[Item], hire: Hire) -> None:
        crew = hire(self._recipe)
        self._at_work = max(len(crew.free()), 1)
        try:
            for note in crew.notes:
                self._tell({"event": "note", "input": "", "note": note})
            Work(items, crew, self._chain, self._task, self).run()
        finally:
            crew.close()
            self._at_work = 1

    def _make(self, item: Item) -> None:
        report = Report()
        try:
            effects = self._effects(item)
            self.begin(item, effects)
            if item.is_image:
                jobs.process_image(item.source, item.target, effects, overwrite=self._task.overwrite)
                self.made(item)
            else:
                jobs.process_video(
                    item.source,
                    item.target,
                    effects,
                    self._task,
                    report,
                    tell=lambda text: self.note(item, text),
                    progress=lambda index, frames: self.progress(item, index + 1, frames),
                )
                self.made(item, report=report)
        except Exception as error:  # even one that is a fault of ours must not cost the files to come
            self.failed(item, error)

    # What happens to an item, here or at somebody else's.

    def begin(self, item: Item, effects: Sequence[Effect]) -> None:
        self._tell({"event": "file", "input": str(item.source), "output": str(item.target)})
        self._costs.begin(item)
        job = self._job(item, effects)
        _make_folder(item.target.parent)
        self._ledger.begin(item, job)

    def progress(self, item: Item, frame: int, frames: int | None, fresh: int = 0) -> None:
        now = time.monotonic()
        if now - self._told.get(item, -_EVERY) >= _EVERY or frame == frames:
            self._told[item] = now
            self._costs.reached(item, min(frame / frames, 1.0) if frames else 0.0)
            eta = self._costs.eta(self._at_work)
            self._tell({"event": "progress", "input": str(item.source), "frame": frame, "frames": frames, "eta": eta})

    def note(self, item: Item, text: str) -> None:
        self._tell({"event": "note", "input": str(item.source), "note": text})

    def made(
        self, item: Item, frames: int | None = None, notes: Sequence[str] = (), report: Report | None = None
    ) -> None:
        self._ledger.end(item)
        self._costs.end(item)
        self._summary.made += 1
        if report is None and frames is not None:
            report = Report(frames=frames, notes=list(notes))
        more = {} if report is None else {"report": report.to_dict()}
        self._tell({"event": "made", "input": str(item.source), "output": str(item.target), **more})

    def failed(self, item: Item, error: Exception) -> None:
        self._costs.end(item)
        said = " ".join(str(error).split()) if isinstance(error, GancamError) else f"{item.source}: {error!r}"
        said = said if str(item.source) in said or str(item.target) in said else f"{item.source}: {said}"
        self._summary.failed.append((item.source, said))
        self._tell({"event": "failed", "input": str(item.source), "output": str(item.target), "error": said})


def worth(*, busy: float, cores: int, left: int, room: int) -> int:
    """How many workers pay where one keeps so many of the cores busy: as many as leave none idle, a third of one aside,
    but no more than files are left or fit into the memory."""
    return max(min(int(cores / max(busy, 0.1) + 1 / 3), left, room), 1)


def _room() -> int:
    """How many processes as large as this one has become fit into the memory that is free."""
    return int(devices.memory()[1] * 0.8 / devices.peak_memory())


class Costs:
    """How long the rest will take, from what was measured: seconds a pixel, of images and of videos."""

    def __init__(self, items: Sequence[Item], task: Task) -> None:
        self._cost = {item: _cost(item, task) for item in items}
        self._left = dict(self._cost)
        self._began: dict[Item, float] = {}
        self._share: dict[Item, tuple[float, float]] = {}  # where it began this time, and where it is
        self._spent = {True: [0.0, 0.0], False: [0.0, 0.0]}  # of images, of videos: seconds and cost

    def begin(self, item: Item) -> None:
        self._began[item] = time.monotonic()

    def reached(self, item: Item, share: float) -> None:
        """`item` is made up to this share; what an earlier run had made of it is not counted as fast work."""
        first = self._share.get(item, (share, share))[0]
        self._share[item] = (first, share)
        self._left[item] = self._cost[item] * (1 - share)

    def end(self, item: Item) -> None:
        first, last = self._share.pop(item, (0.0, 1.0)) if not item.is_image else (0.0, 1.0)
        spent = self._spent[item.is_image]
        spent[0] += time.monotonic() - self._began.pop(item, time.monotonic())
        spent[1] += self._cost[item] * (last - first)
        self._left[item] = 0.0

    def eta(self, workers: int = 1) -> float | None:
        """Seconds for so many workers; None while nothing was measured. A kind that was not seen at work is taken for
        the other."""
        now, total = time.monotonic(), 0.0
        spent = {images: list(pair) for images, pair in self._spent.items()}
        for item, (first, share) in self._share.items():
            spent[item.is_image][0] += now - self._began[item]
            spent[item.is_image][1] += self._cost[item] * (share - first)
        for images in (True, False):
            left = sum(cost for item, cost in self._left.items() if item.is_image == images)
            seconds, cost = spent[images] if spent[images][1] else spent[not images]
            if left and not cost:
                return None
            total += left * seconds / cost if left else 0.0
        return round(total / workers, 1)


def _cost(item: Item, task: Task) -> float:
    """Pixels of a video, roughly those of an image; 0 for what cannot be read, which will not take long either."""
    try:
        if item.is_image:
            return float(item.source.stat().st_size * _PIXELS_A_BYTE)
        with av.open(os.path.abspath(item.source), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
            frames = stream.frames or float(Fraction(container.duration or 0, av.time_base) * rate)
            if task.first is not None or task.end is not None:
                seconds = Fraction(frames) / rate
                end = seconds if task.end is None else min(task.end, seconds)
                frames = float(max(end - (task.first or 0), Fraction(0)) * rate)
            return float(frames * stream.codec_context.width * stream.codec_context.height)
    except (av.FFmpegError, OSError, ValueError, IndexError, AttributeError):
        return 0.0


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{path}: cannot be made a folder ({cause(error)})") from error
