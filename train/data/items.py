"""The pictures of a source, whatever it is: one reader for all that people have."""

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import av
import numpy as np

from gancam.media.played import Played
from gancam.media.streams import decode_on_threads, picture_of
from train.data import archives, arrays
from train.data.archives import Archive, cifar_names, is_archive, open_archive, pictures_in
from train.data.images import SUFFIXES, Pixels, image_files, is_resource_fork, read_image
from train.data.named import NAMES, resolve

VIDEOS = {".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts"}
MOST_FRAMES = 1000  # of a video, at most: neighbours show much the same
WORKERS = 4  # threads that read pictures; four times as many wait to be taken
NAMED = 3  # pictures of each fault that are named


def video_frames(path: Path, *, most: int = MOST_FRAMES, memory: float = float("inf")) -> Iterator[tuple[str, Pixels]]:
    """Decode up to `most` frames, evenly chosen, with their names; fewer where they would take more `memory` (bytes).

    They are those that `gancam` plays: turned and mirrored as the video's display matrix says (by another angle than 90
    degrees they are not), in the colours that it is in, and made SDR where it is HDR of more than 8 bits.

    Raises ``FileNotFoundError``, and ``ValueError`` for what is no video.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with av.open(str(path)) as container:
            stream = picture_of(container)
            if stream is None:
                raise ValueError(f"{path} has no video")
            decode_on_threads(stream)
            rate = float(stream.average_rate or 25)
            length = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
            length = length or (container.duration or 0) / 1e6
            most = int(min(most, max(memory // max(stream.width * stream.height * 3, 1), 1)))
            step = max(math.ceil((stream.frames or length * rate) / most - 1e-9), 1)
            for index, frame in enumerate(container.decode(stream)):
                if index == 0:
                    played = Played.of(stream, frame)
                if index % step == 0 and index < step * most:
                    yield f"{index:06d}", np.ascontiguousarray(played(frame)[..., ::-1])
    except av.error.FFmpegError as error:
        raise ValueError(f"{path} is not a complete video: {error}") from error


@dataclass(frozen=True)
class Item:
    """A picture that is not read yet.

    Attributes:
        name: Within its source.
        label: Its class; empty where it has none.
        read: Reads it; raises ``ValueError`` where it is damaged.
        at_hand: Whether that takes no time, as of a picture of an array.
    """

    name: str
    label: str
    read: Callable[[], Pixels]
    at_hand: bool = False


@dataclass
class Account:
    """What was found in a source: told in one line.

    Attributes:
        source: Its name.
        sizes: How many pictures were taken of each (width, height).
        skipped: How many were not, by the reason, and the names of some.
    """

    source: str
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    skipped: dict[str, list[str]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)

    def take(self, image: Pixels) -> None:
        """Count a picture."""
        self.sizes[image.shape[1], image.shape[0]] += 1

    def skip(self, name: str, why: str) -> None:
        """Count a picture that is not used."""
        self.faults[why] += 1
        names = self.skipped.setdefault(why, [])
        if len(names) < NAMED:
            names.append(name)

    @property
    def count(self) -> int:
        """How many were not used."""
        return self.faults.total()

    def describe(self) -> str:
        """Write how many, of which sizes, and what was skipped and why."""
        taken = self.sizes.total()
        text = f"{taken:,} picture{'s' * (taken != 1)} from {self.source}"
        if self.sizes:
            small, large = min(self.sizes, key=_area), max(self.sizes, key=_area)
            text += f", {_size(small)}" if small == large else f", {_size(small)} to {_size(large)}"
        return text + (f"; skipped {self.reasons()}" if self.faults else "")

    def reasons(self) -> str:
        """Write how many were skipped, why, and the names of some."""
        parts = []
        for why, count in self.faults.most_common():
            more = ", ..." if count > len(self.skipped[why]) else ""
            parts.append(f"{count:,} {why} ({', '.join(self.skipped[why])}{more})")
        return ", ".join(parts)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def is_stream(source: Path) -> bool:
    """Whether `items` decodes the pictures of a source while it lists them, so that a list of all takes much memory."""
    return source.suffix.lower() in VIDEOS


def check_there(source: Path) -> None:
    """Raise ``FileNotFoundError`` where `items` would find nothing of that name; nothing is read for it."""
    if str(source) in NAMES or "*" in source.name or any(map(is_archive, source.parents)):
        return  # which may be fetched, or must be looked into
    if not source.exists():
        raise FileNotFoundError(f"no file {'or folder ' * (not source.suffix)}{source}")


def items(source: Path, *, memory: float = float("inf")) -> Iterator[Item]:
    """List the pictures of a source without reading them, but for those of a video.

    A source is a data set's name (`named.NAMES`), a folder (of images, of MNIST's or CIFAR's files, or of archives), a
    .zip or .tar (of images, of CIFAR's files, or a shard of WebDataset) or a folder within one (``fruits.zip/Apple``),
    an .npz or .npy, a .parquet, an idx file, a video, or a pattern of such (``shard-*.tar``). Of a video so few frames
    are taken that all together fit into `memory` bytes.

    Raises:
        FileNotFoundError: There is no such source, or no picture in it.
        ValueError: It is damaged, of a kind that is not read, or its labels disagree with its pictures.
    """
    source = resolve(source)
    if "*" in source.name:
        found = sorted(path for path in source.parent.glob(source.name) if not is_resource_fork(path.name))
        if not found:
            raise FileNotFoundError(f"no file {source}")
        for path in found:
            yield from items(path, memory=memory / len(found))
        return
    for path in (source, *source.parents):
        if is_archive(path) and (path.is_file() or path == source):
            below = source.relative_to(path).as_posix()
            yield from _of_archive(open_archive(path), "" if below == "." else f"{below}/")
            return
    yield from _of_folder(source) if source.is_dir() else _of_file(source, memory)


def on_disk(source: Path) -> dict[str, int]:
    """Count the files of a source and their bytes, by which a change is noticed; empty for what is no path."""
    if source.is_file():
        return {"files": 1, "bytes": source.stat().st_size}
    sizes = [path.stat().st_size for path in source.rglob("*") if path.is_file()] if source.is_dir() else []
    return {"files": len(sizes), "bytes": sum(sizes)} if sizes else {}


def _of_file(path: Path, memory: float) -> Iterator[Item]:
    if is_stream(path):
        frames = video_frames(path, memory=memory)
        return (Item(name, "", partial(_itself, image), at_hand=True) for name, image in frames)
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {path}")
    if path.suffix.lower() in (".npz", ".npy"):
        return _of_stack(*arrays.from_npy(path))
    if arrays.IDX_IMAGES in path.name:
        stem, _, ending = path.name.partition(arrays.IDX_IMAGES)
        labels = [path.with_name(stem + arrays.IDX_LABELS + end) for end in (ending, "", ".gz")]
        return _of_stack(*arrays.from_idx(path, next((file for file in labels if file.is_file()), None)))
    if path.suffix.lower() == archives.PARQUET:
        return (Item(name, label, read) for name, label, read in archives.pictures_in_parquet(path))
    if path.suffix.lower() in SUFFIXES:
        raise ValueError(f"{path} is one picture, and many are learnt from: give the folder that it is in")
    raise ValueError(f"{path}: pictures come from a folder, .zip, .tar, .npz, .npy, .parquet, idx file or video")


def _of_folder(folder: Path) -> Iterator[Item]:
    if (idx := arrays.idx_files(folder)) is not None:
        return _of_stack(*arrays.from_idx(*idx))
    cifar = {path.name: path.read_bytes for path in folder.iterdir() if path.is_file()}
    if arrays.CIFAR_FILES[0] in cifar or {"train", "meta"} <= cifar.keys():
        return _of_cifar(cifar, str(folder))
    shards = sorted(path for path in folder.iterdir() if path.is_file() and is_archive(path))
    shards = [path for path in shards if not is_resource_fork(path.name)]
    try:
        files = image_files(folder)
    except FileNotFoundError:
        if not shards:
            raise
        return (item for shard in shards for item in _of_archive(open_archive(shard), ""))
    return (
        Item(name, name.split("/")[0] if "/" in name else "", partial(read_image, path))
        for path in files
        for name in [path.relative_to(folder).as_posix()]
    )


def _of_archive(archive: Archive, below: str) -> Iterator[Item]:
    if (cifar := cifar_names(archive)) and not below:
        yield from _of_cifar({name: partial(archive.read, where) for name, where in cifar.items()}, str(archive.path))
        return
    none = True
    for name, label, read in pictures_in(archive, below):
        none = False
        yield Item(name, label, read)
    if none:
        raise FileNotFoundError(f"no image in {archive.path}{'/' * bool(below)}{below}")


def _of_cifar(files: dict[str, Callable[[], bytes]], where: str) -> Iterator[Item]:
    for stack, labels in arrays.from_cifar(files, where):
        yield from _of_stack(stack, labels)


def _of_stack(stack: arrays.Stack, labels: arrays.Labels) -> Iterator[Item]:
    for index in range(len(stack)):
        yield Item(
            str(index), labels[index] if labels is not None else "", partial(_itself, stack[index]), at_hand=True
        )


def _itself(image: Pixels) -> Pixels:
    return image


def read_all(found: Iterator[Item], account: Account) -> Iterator[tuple[Item, Pixels]]:
    """Read pictures in order by several threads, few ahead; what is damaged is counted and left out."""
    waiting: deque[tuple[Item, Future[Pixels] | None]] = deque()
    with ThreadPoolExecutor(WORKERS) as pool:

        def fetch(count: int) -> None:
            for item in islice(found, count):
                waiting.append((item, None if item.at_hand else pool.submit(item.read)))

        fetch(4 * WORKERS)
        while waiting:
            item, future = waiting.popleft()
            fetch(1)
            try:
                yield item, item.read() if future is None else future.result()
            except arrays.NoPixels:
                account.skip(item.name, "of numbers that are no pixels")
            except (ValueError, OSError):
                account.skip(item.name, "damaged")
