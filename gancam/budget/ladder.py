"""An effect of a budget, the ways to play it from the best to the cheapest, and what each costs here."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from gancam.budget.carried import Carried
from gancam.effects import Effect, EffectSlot, FunctionEffect
from gancam.errors import GancamError

Clock = Callable[[], float]

WORTH = 0.9  # of the cost of what is better: what saves less is left out
HOPELESS = 4.0  # times the time: what takes more is left out, its memory is better used
_RUNS, _LONG = 8, 0.25  # rounds of measuring: at most, and the seconds for each after which two rounds are enough
_WAIT = 1.0  # seconds of measuring an effect after which a round is the last
_TINY = 0.1  # of the time: what costs less tells little of how dear the others have become
_TOO_LATE = 12.0  # times the time: what an effect makes then is of a picture too long ago to be carried to this one
_FELT, _FREEST = 0.0005, 0.25  # seconds below which that tells nothing; how much cheaper others may have become
_DICE = np.random.default_rng(0)


class Off(EffectSlot):
    """The picture without `effect`, at the size that it would have: the level that always fits."""

    def __init__(self, effect: Effect) -> None:
        super().__init__(effect)
        self.on = False

    @property
    def level(self) -> str:
        """Say that the effect is off."""
        return f"{self.name} off"

    @property
    def remembers(self) -> bool:
        """False: it plays nothing."""
        return False

    @property
    def notes(self) -> list[str]:
        """None: of it there is nothing to tell."""
        return []

    @property
    def detection_note(self) -> str:
        """Empty: it looked for nothing."""
        return ""

    def stats(self) -> dict[str, str | float | None]:
        """Give nothing: it counts nothing."""
        return {}

    def reset(self) -> None:
        """Do nothing: ``Ladder.reset`` resets the effect that played before."""


class Ladder:
    """One effect in its slot, the ways to play it from the best to the cheapest, and what each costs.

    Attributes:
        ways: Effects that can stand in the slot, the best first.
        costs: Seconds that each takes where nothing else runs.
    """

    def __init__(self, slot: EffectSlot) -> None:
        self._slot, self._effect = slot, slot.effect
        self._played: Effect = slot.effect  # last, which the slot has unless it is left out
        self.ways: list[Effect] = [slot.effect]
        self.costs = [0.0]  # in seconds, where nothing else runs
        self._active = 0
        self._carried: list[Carried] = []  # while it is measured
        self._load = 1.0  # how much dearer it is as things are
        self._learns = False  # whether its cost is not measured before it plays
        self._least = 0.0  # seconds that it takes at least where it is not left out, where nothing else runs

    def anew(self) -> EffectSlot:
        """Give another slot as this one was before anything was measured, turned on or off as it is."""
        slot = EffectSlot(self._effect, self._slot.name)
        slot.on = self._slot.on
        return slot

    def cost(self, way: int) -> float:
        """Reckon the seconds that a way takes as things are."""
        return self.costs[way] * self._load if self._slot.on else 0.0

    def needs(self, way: int) -> float:
        """Reckon the seconds in which it would be played, where `way` leaves it out; else 0."""
        return self._least * self._load if self.leaves_out(way) else 0.0

    def leaves_out(self, way: int) -> bool:
        """Tell whether `way` leaves the effect out, which is turned on."""
        return self._slot.on and isinstance(self.ways[way], Off)

    def name(self, way: int) -> str:
        """Name a way, for messages."""
        return self.ways[way].level or self._slot.name

    def play(self, way: int) -> None:
        """Put a way into the slot: it continues where the one that played before left off."""
        chosen, before = self.ways[way], self._slot.effect
        if chosen is not before:
            if isinstance(before, Carried):
                before.rest()
            if not isinstance(chosen, Off):
                _own(chosen).continue_from(_own(self._played))
                self._played = chosen
            self._slot.effect = chosen
        self._active = way

    def reset(self) -> None:
        """Have what will play again forget the frames, while the effect is left out."""
        if isinstance(self._slot.effect, Off):
            _own(self._played).reset()

    def prefer_quality(self) -> None:
        """Tell the effect, and the ways to play it."""
        for one in {self._effect, *self.ways}:
            one.prefer_quality()

    def learn(self, took: float, seconds: float) -> None:
        """Hear what it took lately, of `seconds` for a frame."""
        if not self._slot.on:
            return
        if self._learns and self._active == 0:
            self.costs[0] = self._least = took
            return
        cost = self.costs[self._active]
        load = took / max(cost, 1e-6)
        if cost < _TINY * seconds:  # half of what such a level takes is chance: it can only tell that there is room
            load = max(min(load, self._load), _FREEST if cost > _FELT else 1.0)
        self._load = load

    def scale(self, share: float) -> None:
        """Reckon with pictures of `share` times the area that costs were for."""
        self.costs, self._least = [cost * share for cost in self.costs], self._least * share

    def measure(
        self, size: tuple[int, int], clock: Clock, seconds: float, *, carry: bool = False, off: bool = False
    ) -> tuple[int, int]:
        """Find `ways` and `costs` for pictures of `size`, where a frame may take `seconds`; the size of what comes out.

        Args:
            size: (width, height).
            clock: Gives seconds.
            seconds: For a whole frame.
            carry: Whether the effect may be played beside the frames and carried along by their motion.
            off: Whether the last way is to leave the effect out.
        """
        try:
            return self._measure(size, clock, seconds, carry=carry, off=off)
        finally:
            for carried in self._carried:  # of those that are measured a thread runs
                carried.reset()
            self._carried.clear()

    def _measure(
        self, size: tuple[int, int], clock: Clock, seconds: float, *, carry: bool, off: bool
    ) -> tuple[int, int]:
        if not self._effect.knows_size(size) or isinstance(self._effect, FunctionEffect):
            return self._untried(size, off=off)
        levels, began = deque(self._effect.quality_levels()), clock()
        trials = self._candidates(levels, size, clock, seconds, carry=carry, off=off)
        _time_in_turn(trials, size, clock, over=began + _WAIT)
        kept: list[_Trial] = []
        for trial in sorted(trials, key=lambda trial: (trial.level, min(trial.runs))):
            if not kept or min(trial.runs) <= WORTH * min(kept[-1].runs):
                kept.append(trial)
        # Other work can only add to a run, so the shortest tells costs best, and the others how things are.
        self.ways, self.costs = [trial.way for trial in kept], [min(trial.runs) for trial in kept]
        self._load = median(max(run, 1e-6) / max(min(trial.runs), 1e-6) for trial in trials for run in trial.runs)
        played = [cost for way, cost in zip(self.ways, self.costs, strict=True) if not isinstance(way, Off)]
        self._least = min(played, default=self._least)
        for way in self.ways:
            way.reset()
            way.params = self._effect.params
        return self._effect.output_size(size)

    def _untried(self, size: tuple[int, int], *, off: bool) -> tuple[int, int]:
        """Learn what it costs while it plays: a function may remember noise, which it cannot be told to forget."""
        self._learns = True
        self.ways = [self._effect, Off(self._effect)] if off else [self._effect]
        self.costs = [0.0] * len(self.ways)
        return self._effect.output_size(size) if self._effect.knows_size(size) else size

    def _candidates(
        self, levels: deque[Sequence[Effect]], size: tuple[int, int], clock: Clock, seconds: float, *,
        carry: bool, off: bool,
    ) -> list["_Trial"]:  # fmt: skip
        """The ways of `levels`, and those that `carry` and `off` add, that a first run shows not to be hopeless.

        Where all are, the quickest of them.
        """
        if off:
            levels.append([Off(self._effect)])
        cheapest: tuple[float, Effect] | None = None  # of the effect's own ways
        within: list[_Trial] = []
        beyond: _Trial | None = None
        failure: Exception | None = None
        level = 0
        while levels:  # what loses is let go at once: a network that has run holds memory
            for way in _quickest(levels.popleft(), size, clock):
                try:
                    first = _time(way, size, clock)
                except (GancamError, MemoryError) as error:  # no room on the device, say
                    failure = error
                    continue
                if not isinstance(way, Off | Carried) and (cheapest is None or first < cheapest[0]):
                    cheapest = first, way
                if first <= HOPELESS * seconds:
                    within.append(_Trial(level, way, []))
                elif beyond is None or first < beyond.runs[0]:
                    beyond = _Trial(level, way, [first])
            level += 1
            if carry and len(levels) == off and cheapest is not None and seconds < cheapest[0] < _TOO_LATE * seconds:
                self._carried.append(Carried(cheapest[1]))
                levels.appendleft(self._carried[-1:])
                carry = False
        self._least = 0.0 if cheapest is None else cheapest[0]
        trials = within or ([beyond] if beyond is not None else [])
        if not trials:
            assert failure is not None
            raise failure
        return trials


def _own(way: Effect) -> Effect:
    """The effect that remembers, of one that may be carried by motion."""
    return way.effect if isinstance(way, Carried) else way


class _Trial(NamedTuple):
    level: int
    way: Effect
    runs: list[float]  # seconds


def _time_in_turn(trials: Sequence[_Trial], size: tuple[int, int], clock: Clock, *, over: float) -> None:
    """Time rounds of `trials`, so that what else runs here meanwhile meets all of them; after `over` no more begins."""
    began = clock()
    for turn in range(_RUNS):
        for trial in trials:
            trial.runs.append(_time(trial.way, size, clock))
        now = clock()
        if now > over or (turn > 0 and now - began > _LONG * len(trials)):
            break


def _quickest(level: Sequence[Effect], size: tuple[int, int], clock: Clock) -> list[Effect]:
    """Those of `level` that may be the fastest, tried on a picture of a sixteenth of `size`."""
    if len(level) == 1:
        return list(level)
    small = max(size[0] // 4, 1), max(size[1] // 4, 1)
    costs: list[float] = []
    for way in level:
        try:
            first = _time(way, small, clock)
            hopeless = first > 3 * min(costs, default=math.inf)
            costs.append(first if hopeless else min(_time(way, small, clock), _time(way, small, clock)))
        except (GancamError, MemoryError):
            costs.append(math.inf)
    return [way for way, cost in zip(level, costs, strict=True) if cost <= 1.5 * min(costs)]


def _time(way: Effect, size: tuple[int, int], clock: Clock) -> float:
    """Seconds that `way` takes for a picture of noise, each time another, so that no work can be saved on it."""
    picture = _DICE.integers(0, 256, (size[1], size[0], 3), np.uint8)
    began = clock()
    way(picture, time=None)
    return clock() - began
