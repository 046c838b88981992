"""Quality that follows the time: effects played as well as a frame's time allows, by what they really take here."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from gancam.errors import GancamError, InputError
from gancam.frame import Image, check_image
from gancam.pipeline import ImageEffect, Switch, output_size, switches

Clock = Callable[[], float]

MISSED = 1.05  # of the time: what takes more has missed it
ROOM = 0.85  # of the time: what is better must fit into this before it is tried
HOLD, LEAST = 1.0, 4  # seconds, and frames, that are looked at: only their median counts
CALM = 2.0  # seconds that there must have been room
PAUSE, LONGEST_PAUSE = 5.0, 600.0  # seconds before what missed is tried again: the first, doubled up to the second
PROVED = 60.0  # seconds after which what plays has proved itself: its pause is halved then, not doubled
WORTH = 0.9  # of the cost of what is better: what saves less is left out
HOPELESS = 4.0  # times the time: what takes more is left out, its memory is better used
_RUNS, _LONG = 8, 0.25  # rounds of measuring: at most, and the seconds for each after which two rounds are enough
_GROWN = 4.0  # times the area that was measured: above, costs are measured anew instead of reckoned
_DICE = np.random.default_rng(0)


class Budget:
    """Effects, one after the other, within `seconds` a frame: an effect itself.

    Where an effect offers cheaper ways to do the same (its ``ladder``: another precision, a smaller model, a smaller
    picture inside), the best are played that fit. What each takes is measured here, on noise of the first picture's
    size, before that is played, or by ``prepare``; from then on what plays is measured all the time, and the others are
    reckoned to have become dearer and cheaper with it. It goes down when the median of a second misses the time by more
    than 5 %, at once to what should fit; up when what is better would have left 15 % over for two seconds. What missed
    is left alone for 5 s, then 10, 20 and so on, so that it settles. When not even the cheapest fits, it says so
    once and plays that.

    The size of the output never changes; parameters and switches (``Switch``, left as they are) go on from one way to
    the next.

    effects   one effect or several. Those that offer nothing are played as they are, and cost what they cost.
    seconds   for a whole frame. Whoever runs the loop tells by ``frame_took`` what it took with all that is not effects
              (``gancam.pipeline.run`` does); where nobody tells, the effects have all of it.
    told      is called with a line for people when something else is chosen, and why.
    clock     in seconds.

    Calls must come from one thread. Raises ``InputError`` for a time that is none, and for no effects.

    Examples:
        >>> effect = gancam.Budget(gancam.load("sr-x2-gan"), 1 / 30)
        >>> out = effect(frame)
    """

    def __init__(
        self,
        effects: ImageEffect | Sequence[ImageEffect],
        seconds: float,
        *,
        told: Callable[[str], None] | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        if not 0 < seconds < math.inf:
            raise InputError(f"a budget of {seconds} s a frame: needs more than 0")
        chain = list(effects) if isinstance(effects, Sequence) else [effects]
        if not chain:
            raise InputError("a budget needs an effect to spend it on")
        self.seconds = seconds
        self.effects = [
            one if isinstance(one, Switch) else made for one, made in zip(chain, switches(chain), strict=True)
        ]
        self.card, self.params = self.effects[0].card, self.effects[0].params
        self.__name__ = " + ".join(effect.name for effect in self.effects)
        self._told, self._clock = told or (lambda _: None), clock
        self._stages = [_Stage(effect) for effect in self.effects]
        self._rungs: list[tuple[int, ...]] = []  # from the best to the cheapest: for each stage, which of its ways
        self._rung = 0
        self._size = self._measured = (0, 0)
        self._spent: list[float] | None = None  # by each stage on the newest frame, until it is judged
        self._window: deque[tuple[float, float, list[float]]] = deque()  # when, whole frame, stages
        self._took: float | None = None  # the window's median
        self._ons: list[bool] = []
        self._since = 0.0  # when this rung was taken
        self._warm = False  # whether it has played a frame since
        self._room_since: float | None = None
        self._pauses: list[tuple[float, float]] = []  # by rung: not before, and how long the pause was
        self._played: dict[str, int] = {}
        self._changes, self._last, self._short = 0, "", ""

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        image = check_image(image)
        self.frame_took(0.0)  # nobody did
        self._fit((image.shape[1], image.shape[0]))
        spent = []
        for effect in self.effects:
            began = self._clock()
            image = effect(image, time=time)
            spent.append(self._clock() - began)
        self._spent = spent
        return image

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return output_size(self.effects, size)

    def reset(self) -> None:
        for effect in self.effects:
            _reset(effect.effect)

    def frame_took(self, seconds: float) -> None:
        """Tell what the newest frame took from its arrival until it was shown: effects, outputs and all."""
        spent, self._spent = self._spent, None
        if spent is not None:
            self._judge(max(seconds, sum(spent)), spent)

    @property
    def playing(self) -> str:
        """What is played now."""
        return self._name(self._rung) if self._rungs else self.__name__

    def figures(self) -> dict[str, Any]:
        """What is played and what a whole frame took lately, in milliseconds (None as long as that is not known)."""
        return {"playing": self.playing, "took_ms": None if self._took is None else round(1000 * self._took, 1)}

    def __str__(self) -> str:
        took = "" if self._took is None else f": {1000 * self._took:.0f} of {_ms(self.seconds)}"
        return self.playing + took

    @property
    def notes(self) -> list[str]:
        """What was played, for the end."""
        frames = sum(self._played.values())
        if not frames:
            return []
        shares = ", ".join(f"{name} ({count / frames:.0%})" for name, count in self._played.items())
        times = "once" if self._changes == 1 else f"{self._changes} times"
        changed = f"; changed {times}, the last: {self._last}" if self._changes else ""
        return [f"{_ms(self.seconds)} a frame: {shares}{changed}", *([self._short] if self._short else [])]

    def prepare(self, size: tuple[int, int]) -> None:
        """Measure all that could be played on pictures of `size` (width, height), and choose. Takes about a second.

        Raises what an effect raises that cannot be played at all.
        """
        self._size = self._measured = size
        for stage in self._stages:
            size = stage.measure(size, self._clock, self.seconds)
        rung = tuple(0 for _ in self._stages)
        self._rungs = [rung]
        while lower := [place for place, stage in enumerate(self._stages) if rung[place] + 1 < len(stage.ways)]:
            dearest = max(lower, key=lambda place: self._stages[place].costs[rung[place]])
            rung = tuple(way + (place == dearest) for place, way in enumerate(rung))
            self._rungs.append(rung)
        self._pauses = [(-math.inf, 0.0)] * len(self._rungs)
        self._take(self._first(self.seconds * ROOM))
        said = [f"{self._name(rung)} ({_ms(self._cost(rung))})" for rung in range(len(self._rungs))]
        others = f"; from the best to the cheapest: {', '.join(said)}" if len(said) > 1 else ", there is no other way"
        self._told(f"{_ms(self.seconds)} a frame: {said[self._rung]}{others}")

    def _fit(self, size: tuple[int, int]) -> None:
        """Be ready for pictures of `size`."""
        if size == self._size:
            return
        if math.prod(size) > _GROWN * math.prod(self._measured):
            self.prepare(size)
            return
        share = math.prod(size) / math.prod(self._size)
        self._size = size
        for stage in self._stages:
            stage.costs = [cost * share for cost in stage.costs]
        rung = self._first(self.seconds * ROOM)
        if rung != self._rung:
            self._change(rung, f"pictures are {size[0]}x{size[1]} now")
        self._take(rung)

    def _first(self, seconds: float, elsewhere: float = 0.0, after: int = -1) -> int:
        """The best rung that fits into `seconds`, among those after one; the cheapest where none does."""
        rungs = range(after + 1, len(self._rungs))
        return next((rung for rung in rungs if elsewhere + self._cost(rung) <= seconds), len(self._rungs) - 1)

    def _cost(self, rung: int) -> float:
        return sum(stage.cost(way) for stage, way in zip(self._stages, self._rungs[rung], strict=True))

    def _name(self, rung: int) -> str:
        return " + ".join(stage.name(way) for stage, way in zip(self._stages, self._rungs[rung], strict=True))

    def _take(self, rung: int) -> None:
        for stage, way in zip(self._stages, self._rungs[rung], strict=True):
            stage.play(way)
        self._rung, self._since, self._warm = rung, self._clock(), False
        self._forget()

    def _forget(self) -> None:
        self._window.clear()
        self._room_since = None

    def _change(self, rung: int, why: str) -> None:
        self._changes += 1
        self._last = f"{self._name(rung)} instead of {self._name(self._rung)}: {why}"
        self._told(self._last)

    def _judge(self, total: float, spent: list[float]) -> None:
        """See how the frames went since something changed, and go up or down."""
        now, seconds = self._clock(), self.seconds
        self._played[self.playing] = self._played.get(self.playing, 0) + 1
        ons = [effect.on for effect in self.effects]
        if ons != self._ons:
            self._ons = ons
            self._forget()
        if not self._warm:  # its first frame pays for buffers
            self._warm = True
            return
        self._window.append((now, total, spent))
        while len(self._window) > LEAST and self._window[1][0] <= now - HOLD:
            self._window.popleft()
        if len(self._window) < LEAST or now - self._window[0][0] < HOLD:
            return
        self._took = median(total for _, total, _ in self._window)
        for place, stage in enumerate(self._stages):
            stage.learn(median(times[place] for _, _, times in self._window))
        elsewhere = max(self._took - self._cost(self._rung), 0.0)
        if self._took > seconds * MISSED:
            self._go_down(now, elsewhere)
        else:
            self._perhaps_go_up(now, elsewhere)

    def _go_down(self, now: float, elsewhere: float) -> None:
        assert self._took is not None
        took = f"{_ms(self._took)} of {_ms(self.seconds)}"
        self._room_since = None
        if self._rung == len(self._rungs) - 1:
            if not self._short:
                rest = f", {_ms(elsewhere)} of it beside the effects" if elsewhere > 0.1 * self._took else ""
                what = f"even the cheapest, {self.playing}," if len(self._rungs) > 1 else self.playing
                self._short = f"{what} takes {took} a frame{rest}"
                self._told(self._short)
            return
        pause = self._pauses[self._rung][1] * (2 if now - self._since < PROVED else 0.5)
        pause = min(max(pause, PAUSE), LONGEST_PAUSE)
        for rung in range(self._rung + 1):  # what is better is dearer still
            self._pauses[rung] = max(self._pauses[rung], (now + pause, pause))
        rung = self._first(self.seconds, elsewhere, after=self._rung)
        self._change(rung, f"that took {took}, this should take {_ms(elsewhere + self._cost(rung))}")
        self._take(rung)

    def _perhaps_go_up(self, now: float, elsewhere: float) -> None:
        fits = self.seconds * ROOM
        for rung in range(self._rung):
            if elsewhere + self._cost(rung) <= fits and now >= self._pauses[rung][0]:
                self._room_since = now if self._room_since is None else self._room_since
                if now - self._room_since >= CALM:
                    self._change(rung, f"it should take {_ms(elsewhere + self._cost(rung))} of {_ms(self.seconds)}")
                    self._take(rung)
                return
        self._room_since = None


class _Stage:
    """One effect in its switch, the ways to play it from the best to the cheapest, and what each costs."""

    def __init__(self, switch: Switch) -> None:
        self._switch, self._effect = switch, switch.effect
        self.ways: list[ImageEffect] = [switch.effect]
        self.costs = [0.0]  # in seconds, where nothing else runs
        self._active = 0
        self._load = 1.0  # how much dearer it is as things are

    def cost(self, way: int) -> float:
        return self.costs[way] * self._load if self._switch.on else 0.0

    def name(self, way: int) -> str:
        return str(getattr(self.ways[way], "name", "") or self._switch.name)

    def play(self, way: int) -> None:
        chosen = self.ways[way]
        if chosen is not self._switch.effect:
            _reset(chosen)
            self._switch.effect = chosen
        self._active = way

    def learn(self, took: float) -> None:
        if self._switch.on:
            self._load = took / max(self.costs[self._active], 1e-6)

    def measure(self, size: tuple[int, int], clock: Clock, seconds: float) -> tuple[int, int]:
        """Find `ways` and `costs` for pictures of `size` within about `seconds`; the size of what comes out."""
        offered: Callable[[], Sequence[Sequence[ImageEffect]]] | None = getattr(self._effect, "ladder", None)
        levels = deque(offered() if offered is not None else [[self._effect]])
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
                if first <= HOPELESS * seconds:
                    within.append(_Trial(level, way, []))
                elif beyond is None or first < beyond.runs[0]:
                    beyond = _Trial(level, way, [first])
            level += 1
        trials = within or ([beyond] if beyond is not None else [])
        if not trials:
            assert failure is not None
            raise failure
        began = clock()
        for turn in range(_RUNS):  # in turn, so that what else runs here meanwhile meets all of them
            for trial in trials:
                trial.runs.append(_time(trial.way, size, clock))
            if turn > 0 and clock() - began > _LONG * len(trials):
                break
        kept: list[_Trial] = []
        for trial in sorted(trials, key=lambda trial: (trial.level, min(trial.runs))):
            if not kept or min(trial.runs) <= WORTH * min(kept[-1].runs):
                kept.append(trial)
        # Other work can only add to a run, so the shortest tells costs best, and the others how things are.
        self.ways, self.costs = [trial.way for trial in kept], [min(trial.runs) for trial in kept]
        self._load = median(run / max(min(trial.runs), 1e-6) for trial in trials for run in trial.runs)
        for way in self.ways:
            _reset(way)
            if hasattr(self._effect, "params"):
                way.params = self._effect.params  # type: ignore[attr-defined]
        return output_size([self._effect], size)


class _Trial(NamedTuple):
    level: int
    way: ImageEffect
    runs: list[float]  # seconds


def _quickest(level: Sequence[ImageEffect], size: tuple[int, int], clock: Clock) -> list[ImageEffect]:
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


def _time(way: ImageEffect, size: tuple[int, int], clock: Clock) -> float:
    """Seconds that `way` takes for a picture of noise, each time another: nobody can save work on it."""
    picture = _DICE.integers(0, 256, (size[1], size[0], 3), np.uint8)
    began = clock()
    way(picture, time=None)
    return clock() - began


def _reset(effect: Any) -> None:
    reset = getattr(effect, "reset", None)
    if reset is not None:
        reset()


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


__all__ = ["Budget"]
