"""Many files through the same effects: which, into what, what is done already, and the work with its failures told."""

import glob
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from gancam import jobs
from gancam.effects import Effect
from gancam.errors import GancamError, InputError, NotFound, OutputExists, SinkError
from gancam.footage import cause
from gancam.jobs import IMAGES, Chain, Recipe, Task
from gancam.pipeline import Report
from gancam.sinks.pieces import changes
from gancam.sinks.video import CONTAINERS, holds

VIDEOS = (
    *CONTAINERS, ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".m2ts", ".m2v", ".mjpeg",
    ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".rm", ".rmvb", ".vob", ".wmv", ".wtv", ".y4m",
)  # fmt: skip
LEDGER = ".gancam.jsonl"  # in the output folder: which file was made from what, a JSON object a line
_EVERY = 0.2  # seconds between two events of progress of a file
_PIXELS_A_BYTE = 2  # of an image file, roughly

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
        return self.source.suffix.lower() in IMAGES


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


def process_all(found: Found, out: Path, recipe: Recipe, task: Task, *, tell: Tell) -> Summary:
    """Make every item of `found`: a failure is told and the next file's turn comes.

    What is there already and was made by the same job is left alone; what was begun goes on where it stopped (the
    result is the same). Models are loaded once; every file finds the effects fresh.

    Raises, before any work, ``InputError`` where there is nothing to do, ``OutputExists`` for files in the way without
    ``task.overwrite``, ``SinkError`` for a folder that cannot be made, and what loading the effects raises.
    """
    if not found.items:
        raise InputError(f"nothing to do: no video and no image there ({found.others} other files)")
    return _Batch(found, out, recipe, task, tell).run()


class _Batch:
    def __init__(self, found: Found, out: Path, recipe: Recipe, task: Task, tell: Tell) -> None:
        self._task, self._tell = task, tell
        self._chain = Chain(recipe)
        _make_folder(out)
        self._ledger = Ledger(out)
        self._left: list[Item] = []
        self._found = found
        self._summary = Summary(others=found.others)
        self._sort_out()
        self._costs = Costs(self._left, task)

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
            for item in self._left:
                self._make(item)
        finally:
            summary.seconds = time.monotonic() - began
            self._tell({
                "event": "summary", "made": summary.made, "done": summary.done, "others": summary.others,
                "failed": [{"input": str(path), "error": error} for path, error in summary.failed],
                "seconds": round(summary.seconds, 3),
            })  # fmt: skip
        return summary

    def _make(self, item: Item) -> None:
        about = {"input": str(item.source), "output": str(item.target)}
        self._tell({"event": "file", **about})
        report = Report()
        told = -_EVERY

        def progress(index: int, frames: int | None) -> None:
            nonlocal told
            if (now := time.monotonic()) - told >= _EVERY or index + 1 == frames:
                told = now
                self._costs.reached(item, (index + 1) / frames if frames else 0.0)
                eta = self._costs.eta()
                self._tell({
                    "event": "progress", "input": about["input"], "frame": index + 1, "frames": frames, "eta": eta
                })  # fmt: skip

        self._costs.begin(item)
        try:
            effects = self._effects(item)
            job = self._job(item, effects)
            _make_folder(item.target.parent)
            self._ledger.begin(item, job)
            if item.is_image:
                jobs.process_image(item.source, item.target, effects, overwrite=self._task.overwrite)
            else:
                note = lambda text: self._tell({"event": "note", "input": about["input"], "note": text})
                jobs.process_video(item.source, item.target, effects, self._task, report, tell=note, progress=progress)
            self._ledger.end(item)
        except Exception as error:  # even one that is a fault of ours must not cost the files to come
            said = " ".join(str(error).split()) if isinstance(error, GancamError) else f"{item.source}: {error!r}"
            said = said if str(item.source) in said or str(item.target) in said else f"{item.source}: {said}"
            self._summary.failed.append((item.source, said))
            self._tell({"event": "failed", **about, "error": said})
        else:
            self._summary.made += 1
            made = {} if item.is_image else {"report": report.to_dict()}
            self._tell({"event": "made", **about, **made})
        finally:
            self._costs.end(item)


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
        spent[0] += time.monotonic() - self._began.pop(item)
        spent[1] += self._cost[item] * (last - first)
        self._left[item] = 0.0

    def eta(self) -> float | None:
        """Seconds; None while nothing was measured. A kind of which none was seen at work is taken for the other."""
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
        return round(total, 1)


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
