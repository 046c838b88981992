"""Which files a batch works on and where each goes."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from gancam.errors import InputError, NotFound
from gancam.media.messages import cause
from gancam.media.paths import IMAGES, StillPath, classify
from gancam.sinks.video import CONTAINERS, holds

VIDEOS = (
    *CONTAINERS, ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".m2ts", ".m2v", ".mjpeg",
    ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".rm", ".rmvb", ".vob", ".wmv", ".wtv", ".y4m",
)  # fmt: skip
LEDGER = ".gancam.jsonl"  # in the output folder: which file was made from what, a JSON object a line


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One file to be made; `name` is `target` below the output folder, as the ledger has it."""

    source: Path
    target: Path
    name: str

    @property
    def is_image(self) -> bool:
        return isinstance(classify(self.source), StillPath)


@dataclass(slots=True)
class BatchInputs:
    """What the inputs of a batch hold: `items` to be made of them, and the number of `others`."""

    items: list[BatchItem] = field(default_factory=list)
    others: int = 0
    notes: list[str] = field(default_factory=list)


def is_batch(inputs: Sequence[str], out: str) -> bool:
    """Whether these names on the command line mean many files rather than one into one."""
    one = inputs[0] if len(inputs) == 1 else None
    if one is None or os.path.isdir(one) or (glob.has_magic(one) and not os.path.exists(one)):
        return True
    return one != "-" and (os.path.isdir(out) or out.endswith(("/", os.sep)))


def find_inputs(inputs: Sequence[str], out: Path, *, codec: str | None = None) -> BatchInputs:
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
    found = BatchInputs()
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
        found.items.append(BatchItem(path, target, text))
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
