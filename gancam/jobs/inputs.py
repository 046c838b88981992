"""Find the files that a batch works on, and where each goes."""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from gancam.errors import InputError, NotFound
from gancam.files import folded, same_file
from gancam.media.animated import is_still_gif
from gancam.media.messages import cause
from gancam.media.paths import IMAGES, OTHER_IMAGES, OTHER_VIDEOS, READ_IMAGES, StillPath, literal
from gancam.sinks.video import ANIMATIONS, CONTAINERS, holds

VIDEOS = (*CONTAINERS, *OTHER_VIDEOS, ".apng", ".gif")
_STILL_GIF = ".png"  # what a GIF of one frame becomes
LEDGER = ".gancam.jsonl"  # in the output folder: which file was made from what, a JSON object a line


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One file to be made.

    Attributes:
        source: The file to read.
        target: The file to write.
        name: `target` below the output folder, as the batch's record has it.
    """

    source: Path
    target: Path
    name: str

    @property
    def is_image(self) -> bool:
        """Whether it is an image, else a video."""
        still = self.source.suffix.lower() == ".gif" and self.target.suffix == _STILL_GIF  # one that moves is no .png
        return isinstance(literal(self.target), StillPath) and (still or isinstance(literal(self.source), StillPath))


@dataclass(slots=True)
class BatchInputs:
    """What the inputs of a batch hold.

    Attributes:
        items: Files to be made of them.
        others: How many files are neither video nor image.
        notes: What the user should know.
    """

    items: list[BatchItem] = field(default_factory=list)
    others: int = 0
    notes: list[str] = field(default_factory=list)


def is_batch(inputs: Sequence[str], out: str) -> bool:
    """Tell whether these names on the command line mean many files rather than one into one."""
    one = inputs[0] if len(inputs) == 1 else None
    if one == "-":
        return False
    if one is None or os.path.isdir(one) or (glob.has_magic(one) and not os.path.exists(one)):
        return True
    return out != "-" and (os.path.isdir(out) or out.endswith(("/", os.sep)))


def find_inputs(inputs: Sequence[str], out: Path, *, codec: str | None = None) -> BatchInputs:
    """List the videos and images that `inputs` name, and what they become in the folder `out`.

    An input is a file, a folder (with all folders below it, and mirrored: `holiday/sea/a.mp4` of `holiday` becomes
    `out/sea/a.mp4`; of several inputs, each folder keeps its own name too) or a pattern as shells have them, `**`
    included, mirrored below its part without wildcards. Links are followed, never in a circle. Not taken: hidden names,
    what is in `out`, and in any folder that a batch wrote into. Endings stay where such a file can be written (with
    `codec`), else videos become .mkv or .mov, or what holds `codec`, a GIF of one frame .png, and HEIC .jpg, behind the
    old ending where the name is taken. Names that differ in case alone, or in how accents are written, are one to many
    disks: the second gets its ending twice.

    Args:
        inputs: Files, folders and patterns.
        out: The folder to write to.
        codec: The codec that videos are written with; None for the container's usual.

    Returns:
        What is to be made.

    Raises:
        NotFound: For an input that is not there, or a pattern that matches nothing.
        InputError: For two inputs that would get one name, for an `out` that is an input, a file or stdout.
    """
    if out.suffix.lower() in (*VIDEOS, *READ_IMAGES) and not out.is_dir():
        raise InputError(f"{out}: several inputs, a folder or a pattern need a folder as output, and this names a file")
    if str(out) == "-":
        raise InputError("-: stdout takes one video; several inputs, a folder or a pattern need a folder as output")
    found = BatchInputs()
    taken: dict[str, Path] = {}
    unread = Counter[str]()  # by ending
    for text in inputs:
        for path, name in _below(text, out, found.notes, alone=len(inputs) == 1):
            ending = path.suffix.lower()
            if ending not in (*VIDEOS, *READ_IMAGES):
                unread[ending] += ending in OTHER_IMAGES
                found.others += ending not in OTHER_IMAGES
                continue
            other = taken.setdefault(str(name), path)
            if os.path.abspath(other) != os.path.abspath(path):
                raise InputError(f"{other} and {path} would both become {out / name}: give a folder above both")
    made, notes = _made_names(taken, codec)
    real = {os.path.realpath(path): path for path in made.values()}
    for text, path in made.items():
        target = out / text
        other = real.get(os.path.realpath(target), path)  # also where a link leads to it
        if other is not path or same_file(target, path):
            over = "itself" if other is path else f"the input {other}"
            raise InputError(f"{path}: would be written over {over}; give another folder than {out}")
        found.items.append(BatchItem(path, target, text))
    found.notes += notes
    if unread := +unread:
        kinds = ", ".join(f"{count} {ending}" for ending, count in sorted(unread.items()))
        found.notes.append(f"left out: {kinds}; such images are not read, convert them to .png or .jpg")
    return found


def _made_names(taken: Mapping[str, Path], codec: str | None) -> tuple[dict[str, Path], list[str]]:
    """Name what becomes of each file below the output folder, by the names that they have; what is to be told of it."""
    made: dict[str, Path] = {}
    changed, twice = set[str](), list[str]()
    wanted, given = {folded(text) for text in taken}, set[str]()
    for text, path in taken.items():
        name = Path(text)
        still = name.suffix.lower() == ".gif" and is_still_gif(path)
        ending = _STILL_GIF if still else _ending(name.suffix, codec)
        made_name = name.with_suffix(ending)
        if ending != name.suffix:
            why = f"{name.suffix} cannot be written{f' with {codec}' if codec else ''}"
            of_one = " of one frame" if still else ""
            changed.add(f"{name.suffix} files{of_one} become {ending} files: {'they are images' if still else why}")
        if ending != name.suffix or folded(text) in given:
            behind = name
            while folded(str(made_name)) in wanted or folded(str(made_name)) in given:
                made_name = behind = behind.with_name(behind.name + ending)
            if ending == name.suffix:
                twice.append(str(made_name))
        given.add(folded(str(made_name)))
        made[str(made_name)] = path
    notes = sorted(changed)
    if twice:
        get = "1 file gets its" if len(twice) == 1 else f"{len(twice)} files get their"
        why = "many disks take names that differ in case or accents' form alone for one"
        notes.append(f"{get} extension twice, as {twice[0]}: {why}")
    return made, notes


def _below(text: str, out: Path, notes: list[str], *, alone: bool) -> Iterator[tuple[Path, Path]]:
    """List the files that one input names, each with its name below the output folder.

    Folders below it that cannot be read are left out, and `notes` gets that; it is an error for the input itself.
    """
    path = Path(text)
    if os.path.isdir(path):
        if alone and same_file(path, out):
            raise InputError(f"{text}: is both input and output; give another folder to write to")
        try:
            yield from _walk(path, Path() if alone else Path(path.name or path.resolve().name), out, notes)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({cause(error)})") from error
    elif os.path.lexists(path):
        yield path, Path(path.name)
    elif glob.has_magic(text):
        parts = path.parts
        fixed = Path(*parts[: next(place for place, part in enumerate(parts) if glob.has_magic(part))])
        came = False
        for match, name in _matching(fixed, parts[len(fixed.parts) :], out, notes):
            came = True
            if os.path.isdir(match):
                yield from _below_folder(match, name, out, notes)
            elif not _is_ours(match, out):
                yield match, name
        if not came:
            raise NotFound(f"{text}: matches no file")
    else:
        raise NotFound(f"{text}: no such file or folder")


def _matching(fixed: Path, pattern: Sequence[str], out: Path, notes: list[str]) -> Iterator[tuple[Path, Path]]:
    """List the files (and without `**` folders) below `fixed` that match, each with its name below that."""
    if "**" in pattern:  # glob would go round in circles of links
        yield from (pair for pair in _below_folder(fixed, Path(), out, notes) if _matches(pair[1].parts, pattern))
    else:
        for text in sorted(glob.glob(os.path.join(*pattern), root_dir=fixed)):
            yield fixed / text, Path(text)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[left:], pattern[1:]) for left in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _walk(
    folder: Path, name: Path, out: Path, notes: list[str], above: tuple[str, ...] = ()
) -> Iterator[tuple[Path, Path]]:
    """List the files below `folder`. Raises ``OSError`` where it cannot be read; `notes` gets such ones below it."""
    real = os.path.realpath(folder)
    if real in above or _is_ours(folder, out) or (folder / LEDGER).exists():
        return
    for entry, is_folder in [(entry, entry.is_dir()) for entry in sorted(folder.iterdir())]:
        if entry.name.startswith("."):
            continue
        if is_folder:
            yield from _below_folder(entry, name / entry.name, out, notes, (*above, real))
        elif not _is_ours(entry, out):
            yield entry, name / entry.name


def _below_folder(
    folder: Path, name: Path, out: Path, notes: list[str], above: tuple[str, ...] = ()
) -> Iterator[tuple[Path, Path]]:
    """List the files below a folder that nobody named; where it cannot be read, `notes` gets that instead."""
    try:
        yield from _walk(folder, name, out, notes, above)
    except OSError as error:  # lost+found, say, which is root's own
        notes.append(f"{folder}: cannot be read ({cause(error)}), so what is in it is left out")


def _is_ours(path: Path, out: Path) -> bool:
    """Tell whether `path`, its links followed, is in the output folder."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(out))


def _ending(ending: str, codec: str | None) -> str:
    if ending.lower() in READ_IMAGES:
        return ending if ending.lower() in IMAGES else ".jpg"
    return next((one for one in (ending, ".mkv", ".mov", ".mp4", *ANIMATIONS) if holds(one, codec)), ".mkv")
