"""Every way to a file makes the same file: this process, several, a worker of a cluster, or a job that was cut short
and goes on; for every kind of video and of effect."""

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.control import Controls
from gancam.effects import Effect, EffectSpec, slots
from gancam.frame import Frame, Image
from gancam.jobs.batch import process_one
from gancam.jobs.local_pool import LocalPool, WorkerPool
from gancam.jobs.process import process_video
from gancam.jobs.ray_pool import _Remote, files_of
from gancam.jobs.spec import EffectChainSpec, LoadedChain, ProcessOptions
from gancam.jobs.worker import WorkItem, WorkResult
from gancam.pipeline import Report
from gancam.sinks import piece_store
from gancam.sinks.piece_store import pieces_of
from gancam.sources import TestPattern
from tests.helpers.clips import make_clip, times_of
from tests.helpers.jobs import cut_short
from tests.helpers.small import network, translator_network, write_models, write_translator

FRAMES, PIECE, CUT = 24, 10, 13
FIRST, END = 100, 900  # milliseconds, of a part
CHANGES: list[dict[str, Any]] = [
    {"time": 0.2, "set": {"small.strength": 0.3}},
    {"time": 0.6, "set": {"small.on": False}},
]
CHAINS = ("none", "enlarges", "remembers", "both")
POOLS = ("jobs", "cluster", "resumed by jobs")
WAYS = ("resumed", *POOLS)


@dataclass(frozen=True)
class Case:
    """A video, or numbered images, and what is to be made of it."""

    opacity: bool
    chain: str
    odd: bool
    variable: bool
    source: str
    target: str
    extra: str = ""  # a "part" of the video, or "params" that change on the way

    def __str__(self) -> str:
        opacity, odd = "opacity" if self.opacity else "opaque", "odd" if self.odd else "even"
        rate = "variable" if self.variable else "constant"
        return "-".join(part for part in (opacity, self.chain, odd, rate, self.source, self.target, self.extra) if part)

    @property
    def size(self) -> tuple[int, int]:
        return (49, 33) if self.odd else (48, 32)

    @property
    def ticks(self) -> list[int]:
        """When each frame is shown, in milliseconds."""
        return [40 * index + (17 * (index % 3) if self.variable else 0) for index in range(FRAMES)]

    @property
    def images(self) -> list[Image]:
        """What is shown: a moving pattern on a ground that rests, in part transparent where there is opacity."""
        shown = []
        for frame in TestPattern(self.size, frames=FRAMES):
            image = frame.image.copy()
            image[-16:, :20] = 90
            cv2.circle(image, (10 + frame.index, 20), 5, (40, 90, 200), -1)
            if self.opacity:
                veil = np.full(image.shape[:2], 30, np.uint8)
                cv2.circle(veil, (4 + 2 * frame.index, 16), 12, 255, -1)
                image = np.dstack([image, cv2.blur(veil, (5, 5))])
            shown.append(np.asarray(image, np.uint8))
        return shown

    def options(self, folder: Path) -> ProcessOptions:
        """H.264 for what is opaque, as the container has it; opacity takes FFV1, which loses nothing."""
        options = ProcessOptions(codec="ffv1" if self.opacity and self.target == "video" else None)
        if self.extra == "part":
            return replace(options, start=Fraction(FIRST, 1000), end=Fraction(END, 1000))
        if self.extra == "params":
            (folder / "params.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in CHANGES))
            return replace(options, params=folder / "params.jsonl")
        return options

    def write(self, folder: Path) -> Path:
        """The input."""
        if self.source == "video":
            pixels = "bgra" if self.opacity else "bgr0"
            return make_clip(
                folder / "in.mkv", images=self.images, ticks=self.ticks, time_base=Fraction(1, 1000), fps=25,
                codec="ffv1", options={}, pix_fmt=pixels,
            )  # fmt: skip
        for number, image in enumerate(self.images):
            cv2.imwrite(str(folder / f"in-{number:03d}.png"), image)
        (folder / "in-times.txt").write_text("\n".join(["# timestamp format v2", *map(str, self.ticks), ""]))
        return folder / "in-%03d.png"

    @property
    def lossless(self) -> bool:
        return self.opacity or self.target == "images"

    def place(self, folder: Path) -> Path:
        """The output."""
        if self.target == "images":
            return folder / "out-%03d.png"
        return folder / ("out.mkv" if self.opacity else "out.mp4")


def exists(way: str, case: Case) -> bool:
    """Numbered images are made by one process: --jobs and --cluster refuse them."""
    return way not in POOLS or (case.source, case.target) == ("video", "video")


KINDS = [("video", "video"), ("images", "images"), ("images", "video"), ("video", "images")]
BOTH = (False, True)
CASES = [
    *(
        Case(opacity, chain, odd, variable, *kinds)
        for kinds, chain, opacity, odd, variable in itertools.product(KINDS[:2], CHAINS[:3], BOTH, BOTH, BOTH)
    ),
    # What differs from these in one respect, in the hardest case of the others.
    *(Case(opacity, "enlarges", True, True, *kinds) for kinds in KINDS[2:] for opacity in BOTH),
    *(Case(opacity, "both", True, True, *KINDS[0]) for opacity in BOTH),
    *(Case(opacity, chain, True, True, *KINDS[0], "part") for chain in CHAINS[:3] for opacity in BOTH),
    *(Case(opacity, "enlarges", True, True, *KINDS[0], "params") for opacity in BOTH),
]


def few(items: Sequence[tuple[Case, str]]) -> set[tuple[Case, str]]:
    """Some of `items` in which every two values of two respects that occur together in all of them do so, too."""

    def pairs(item: tuple[Case, str]) -> set[tuple[Any, Any]]:
        case, way = item
        kinds = f"{case.source} to {case.target}"
        named = enumerate((case.opacity, case.chain, case.odd, case.variable, kinds, case.extra, way))
        return set(itertools.combinations(named, 2))

    left, chosen = set().union(*map(pairs, items)), set()
    while left:
        best = max(items, key=lambda item: len(pairs(item) & left))
        chosen.add(best)
        left -= pairs(best)
    return chosen


def marked(items: Sequence[tuple[Case, str]]) -> list[Any]:
    """`items` as parameters, all but a `few` of them slow ones."""
    quick = few(items)
    return [
        pytest.param(*item, id=f"{item[0]}-{item[1]}", marks=[] if item in quick else pytest.mark.slow)
        for item in items
    ]


class Kept(LocalPool):
    """Worker processes that outlive a job, so that a test costs no start of them."""

    def close(self) -> None:
        assert not self._busy

    def dismiss(self) -> None:
        super().close()


class Away:
    """A cluster of one worker, without Ray: it sees no file of ours, is sent each, and works in this process."""

    def __init__(self, chain_spec: EffectChainSpec) -> None:
        self.notes: list[str] = []
        self._chain_spec, self._worker = chain_spec, _Remote(chain_spec, f"gancam-test-{os.getpid()}")
        self._sent: set[Path] = set()
        self._order: WorkItem | None = None

    def free(self) -> list[int]:
        return [0] if self._order is None else []

    def give(self, worker: int, order: WorkItem) -> None:
        params = set() if order.options.params is None else {order.options.params}
        for path in {order.source, *files_of(self._chain_spec), *params} - self._sent:
            assert not self._worker.has(str(path), "of other content")
            self._worker.supply(str(path), path.read_bytes())
            self._sent.add(path)
        self._order = order

    def take(self) -> tuple[int, WorkResult | None]:
        order, self._order = self._order, None
        assert order is not None
        return 0, self._worker.work(order)

    def close(self) -> None:
        self._worker.leave()


class Workshop:
    """Effects and worker processes, loaded once for all tests."""

    def __init__(self, folder: Path) -> None:
        options: dict[str, Any] = {"device": "cpu", "precision": "fp32", "threads": 1}
        sharp, painted = write_models(folder, network()), write_translator(folder, translator_network(), int8=False)
        specs = {
            "none": (), "enlarges": (f"{sharp}",), "remembers": (f"{painted}:stabilise=0.9",),
            "both": (f"{painted}:stabilise=0.9", f"{sharp}:threshold=4"),
        }  # fmt: skip
        self.chain_specs = {
            name: EffectChainSpec(tuple(map(EffectSpec.parse, spec)), **options) for name, spec in specs.items()
        }
        self.chain = lru_cache(maxsize=None)(lambda name: LoadedChain(self.chain_specs[name]))
        self._pools: dict[str, Kept] = {}
        self._folder, self._originals = folder, dict[Case, tuple[Path, Path]]()

    def original(self, case: Case) -> tuple[Path, Path]:
        """The input, and what this process makes of it in one go."""
        if case not in self._originals:
            folder = self._folder / str(case)
            (folder / "out").mkdir(parents=True)
            source, whole = case.write(folder), case.place(folder / "out")
            make("here", case, source, whole, self)
            self._originals[case] = source, whole
        return self._originals[case]

    def effects(self, case: Case, sound: Path | None = None) -> Sequence[Effect]:
        return self.chain(case.chain).fresh(sound)

    def pool(self, case: Case) -> WorkerPool:
        if case.chain not in self._pools:
            self._pools[case.chain] = Kept(self.chain_specs[case.chain], 2)
        return self._pools[case.chain]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.dismiss()


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    shop = Workshop(tmp_path_factory.mktemp("models"))
    yield shop
    shop.close()


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piece_store, "_MOST", PIECE)


def make(way: str, case: Case, source: Path, target: Path, shop: Workshop) -> None:
    """The file, by one of the ways to it."""
    options, chain_spec = case.options(source.parent), shop.chain_specs[case.chain]
    if way.startswith("resumed"):
        asked = {name: getattr(options, name) for name in ("codec", "start", "end", "params")}
        cut_short(source, target, CUT, shop.effects(case, source), **asked)
        assert pieces_of(target).is_dir()
        options = replace(options, resume=True)
    if way in POOLS:
        pool: WorkerPool = Away(chain_spec) if way == "cluster" else shop.pool(case)
        process_one(source, target, chain_spec, options, notify=lambda event: None, make_pool=lambda _: pool)
    else:
        process_video(source, target, shop.effects(case, source), options, Report(), notify=lambda note: None)
    assert not pieces_of(target).exists()


def pictures(path: Path) -> list[NDArray[Any]]:
    """Every frame as it is stored, with its opacity."""
    if path.suffix == ".png":
        files = sorted(path.parent.glob("out-*.png"))
        return [np.asarray(cv2.imread(str(file), cv2.IMREAD_UNCHANGED)) for file in files]
    with av.open(path) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def moments(path: Path) -> list[int]:
    """When each frame is shown, in milliseconds."""
    if path.suffix == ".png":
        lines = path.with_name("out-times.txt").read_text().splitlines()
        return [round(float(line)) for line in lines if not line.startswith("#")]
    return [round(time * 1000) for time in times_of(path)]


def moments_of(case: Case) -> list[int]:
    """When each frame must be shown."""
    if case.extra == "part":
        return [tick - FIRST for tick in case.ticks if FIRST <= tick < END]
    return case.ticks


def expected(case: Case, effects: Sequence[Effect], skip: int = 0) -> list[NDArray[Any]]:
    """What must be shown, by the effects alone, where they see nothing of the first `skip` frames."""
    made = []
    chain = slots(effects)
    controls = Controls(chain)
    due = CHANGES if case.extra == "params" else []
    for layers, tick in list(zip(case.images, case.ticks, strict=True))[skip:]:
        if case.extra == "part" and not FIRST <= tick < END:
            continue
        for change in due:
            if tick / 1000 >= change["time"]:
                controls.request(change["set"])
        image = np.ascontiguousarray(layers[..., :3])
        controls(Frame(image, 0, 0.0))
        for effect in chain:
            image = effect(image, time=tick / 1000)
        made.append(image if not case.opacity else np.dstack([image, enlarged(layers[..., 3], image)]))
    return made


def enlarged(alpha: Image, image: Image) -> NDArray[Any]:
    if alpha.shape == image.shape[:2]:
        return alpha
    return np.asarray(cv2.resize(alpha, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize(("case", "way"), marked([(case, "here") for case in CASES]))
def test_this_process_makes_what_the_effects_make(workshop: Workshop, case: Case, way: str) -> None:
    _, whole = workshop.original(case)
    assert moments(whole) == moments_of(case)
    shown = pictures(whole)
    assert len(shown) == len(moments_of(case)) > CUT
    if case.lossless:
        wanted = expected(case, workshop.effects(case))
        assert all(np.array_equal(*pair) for pair in zip(shown, wanted, strict=True))


@pytest.mark.parametrize(("case", "way"), marked([(case, way) for case in CASES for way in WAYS if exists(way, case)]))
def test_every_other_way_makes_the_same_file(tmp_path: Path, workshop: Workshop, case: Case, way: str) -> None:
    source, whole = workshop.original(case)
    out = case.place(tmp_path)
    make(way, case, source, out, workshop)
    assert moments(out) == moments(whole)
    assert all(np.array_equal(*pair) for pair in zip(pictures(out), pictures(whole), strict=True))
    assert sorted(os.listdir(tmp_path)) == sorted(os.listdir(whole.parent))


def test_an_effect_of_these_remembers(workshop: Workshop) -> None:
    """Else it would prove nothing."""
    for chain in ("remembers", "both"):
        case = Case(False, chain, False, False, "images", "images")
        late = expected(case, workshop.effects(case), skip=CUT)
        assert not np.array_equal(late[0], expected(case, workshop.effects(case))[CUT])
