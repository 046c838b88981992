"""What an effect says of itself, and what it is told, goes through all that is made of effects."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

import cv2
import numpy as np
import pytest

import gancam
from gancam.budget.carried import Carried
from gancam.cli.live_effects import Chain, LiveEffects
from gancam.control import Controls
from gancam.effects import Effect, EffectSlot, EffectWrapper, WatchedEffect, slots
from gancam.frame import Frame, Image
from gancam.pipeline import frame_through
from gancam.studio.chain import Link, LiveChain
from gancam.studio.gate import FrameGate
from gancam.vision.pad import DrawingPad

IMAGE = np.full((24, 40, 3), 90, np.uint8)
VEIL = np.full((24, 40), 128, np.uint8)


class Teller(Effect):
    """Has something to say wherever an effect may, and writes down what it is told."""

    name, device, status = "teller", "cuda", "half saved"
    detection_note, noop_reason = "nobody was found", "nothing is marked"
    notes, remembers, can_skim, opacity, pad = ["a note"], True, True, VEIL, DrawingPad()

    def __init__(self) -> None:
        self.told: list[object] = []

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        return 255 - image

    def skim(self, image: Image, *, time: float | None = None) -> None:
        self.told.append(("skim", time))

    def stats(self) -> Mapping[str, str | float | None]:
        return {"seen": 3}

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return size

    def reset(self) -> None:
        self.told.append("reset")

    def close(self) -> None:
        self.told.append("close")

    def discard(self) -> None:
        self.told.append("discard")

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        self.told.append(("ahead", whole))

    def frame_took(self, seconds: float) -> None:
        self.told.append(("took", seconds))

    def listen_to(self, path: Path) -> None:
        self.told.append(path)

    def prefer_quality(self) -> None:
        self.told.append("time")

    def identity(self) -> Mapping[str, str | None]:
        return {"model": "abc"}


class Around(EffectWrapper):
    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        return self.effect(image, time=time)


@contextmanager
def live(effect: Effect) -> Iterator[Effect]:
    with closing(LiveEffects({}, lambda specs: [], Controls([]), size=(40, 24))) as played:
        played.play(Chain("told", slots([effect])))
        yield played


@contextmanager
def page(effect: Effect) -> Iterator[Effect]:
    chain = LiveChain(FrameGate(), lambda: None)
    chain.links = (Link("told", EffectSlot(effect)),)
    yield chain


AROUND: dict[str, Callable[[Effect], AbstractContextManager[Effect]]] = {
    "wrapper": lambda inner: nullcontext(Around(inner)),
    "slot": lambda inner: nullcontext(EffectSlot(inner)),
    "watched": lambda inner: closing(WatchedEffect(Path(__file__), lambda: inner)),
    "budget": lambda inner: nullcontext(gancam.Budget(inner, 5.0)),
    "live": live,
    "live within a time": lambda inner: live(gancam.Budget(inner, 5.0)),
    "page": page,
    "carried": lambda inner: nullcontext(Carried(inner)),
}


@pytest.mark.parametrize("kind", AROUND)
def test_what_an_effect_says_is_said_around_it(kind: str) -> None:
    inner = Teller()
    with AROUND[kind](inner) as outer:
        outer(IMAGE, time=0.0)
        assert inner.notes[0] in outer.notes
        assert inner.status in outer.status
        assert outer.stats()["seen"] == 3
        assert outer.device == inner.device
        assert (outer.detection_note, outer.noop_reason) == (inner.detection_note, inner.noop_reason)
        assert (outer.remembers, outer.can_skim) == (True, kind != "carried")
        assert outer.pad is inner.pad
        assert outer.output_size((7, 5)) == (7, 5)
        assert outer.identity() == {"model": "abc"}
        if isinstance(outer, Carried):
            outer.settle()
            outer(IMAGE, time=0.1)
            outer.close()
        assert outer.opacity is not None
        assert (outer.opacity == 128).all()


@pytest.mark.parametrize("kind", AROUND)
def test_what_an_effect_is_told_is_told_through(kind: str) -> None:
    inner = Teller()
    with AROUND[kind](inner) as outer:
        if kind != "carried":  # whose thread alone may call the effect
            outer(IMAGE, time=0.0)
        inner.told.clear()
        outer.reset()
        outer.read_ahead(lambda: iter(()), whole=False)
        outer.frame_took(0.25)
        outer.listen_to(Path("a.wav"))
        outer.prefer_quality()
        outer.discard()
        assert inner.told == ["reset", ("ahead", False), ("took", 0.25), Path("a.wav"), "time", "discard"]
        inner.told.clear()
        if kind != "carried":
            outer.skim(IMAGE, time=0.5)
            assert inner.told == [("skim", 0.5)]
            inner.told.clear()
        outer.close()
        assert inner.told == ["close"]


def test_what_is_seen_of_a_chain_is_what_all_leave() -> None:
    veiled = frame_through(Frame(IMAGE, 0, 0.0), [gancam.Budget([Teller(), Teller()], 5.0)], time=0.0)
    assert veiled.alpha is not None
    assert (veiled.alpha == 64).all()
    budget = gancam.Budget([Teller(), lambda image: image], 5.0)
    assert (budget.noop_reason, budget.can_skim) == ("", False)
    assert set(gancam.Budget([Teller(), Teller()], 5.0).identity()) == {"model", "effect#2", "params#2", "model#2"}


def test_what_is_off_says_nothing() -> None:
    now = [0.0]

    class Late(Teller):
        def __call__(self, image: Image, *, time: float | None = None) -> Image:
            now[0] += 1.0
            return super().__call__(image, time=time)

    budget = gancam.Budget(Late(), 0.1, off=True, clock=lambda: now[0])
    frame = frame_through(Frame(IMAGE, 0, 0.0), [budget], time=0.0)
    assert budget.playing == "teller off"
    assert frame.alpha is None
    assert (budget.detection_note, budget.remembers) == ("", False)
    assert "a note" not in budget.notes


def test_what_is_seen_is_carried_along() -> None:
    scene = np.random.default_rng(0).integers(0, 256, (120, 240, 3), np.uint8)
    scene = np.asarray(cv2.resize(cv2.GaussianBlur(scene, (0, 0), 4), (480, 240)), np.uint8)
    scene = np.asarray(cv2.normalize(scene, None, 0, 255, cv2.NORM_MINMAX), np.uint8)  # type: ignore[call-overload]

    class HalfSeen(Teller):
        opacity = np.zeros((240, 320), np.uint8)

    effect = HalfSeen()
    effect.opacity[:, :160] = 255
    carried = Carried(effect)
    carried(np.ascontiguousarray(scene[:, 40:360]))
    carried.settle()
    carried(np.ascontiguousarray(scene[:, 48:368]))  # the camera went on by 8 pixels
    seen = carried.opacity
    assert seen is not None
    edges = (seen[40:200] > 127).sum(axis=1)
    assert np.median(edges) == pytest.approx(152, abs=2)
    carried.close()


def test_bars_of_a_live_picture_are_not_seen() -> None:
    with closing(LiveEffects({}, lambda specs: [], Controls([]), size=(40, 24))) as played:
        played.play(Chain("told", slots([Teller()])), fixed=(40, 40))
        assert played.veils
        assert played(IMAGE, time=0.0).shape == (40, 40, 3)
        seen = played.opacity
        assert seen is not None
        assert seen.shape == (40, 40)
        assert (seen[:8] == 0).all()
        assert (seen[9:31] == 128).all()


def test_ways_to_play_hear_that_there_is_time() -> None:
    class Offers(Teller):
        def quality_levels(self) -> list[list[Effect]]:
            self.ways = [Teller()]
            return [list(self.ways)]

    inner = Offers()
    budget = gancam.Budget(inner, 5.0)
    budget(IMAGE)
    budget.prefer_quality()
    assert "time" in inner.told
    assert "time" in inner.ways[0].told
