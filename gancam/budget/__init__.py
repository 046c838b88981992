"""Quality that follows the time: effects played as well as a frame's time allows, by what they really take here."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from statistics import median
from typing import SupportsFloat

import numpy as np

from gancam.budget.ladder import HOPELESS, Clock, Ladder
from gancam.effects import CallLock, Effect, EffectChain, EffectLike, EffectSlot, slots
from gancam.errors import InputError, shown
from gancam.frame import Image, ImageLike, check_image, check_size
from gancam.units import milliseconds, rounded

MISSED = 1.05  # of the time: what takes more has missed it
NEAR = 1.1  # of the time: no effect is left out for what takes less
ROOM = 0.85  # of the time: what is better must fit into this before it is tried
HOLD, LEAST = 1.0, 4  # seconds, and frames, that are looked at: only their median counts
CALM = 2.0  # seconds that there must have been room
PAUSE, LONGEST_PAUSE = 5.0, 600.0  # seconds before what missed is tried again: the first, doubled up to the second
PROVED = 60.0  # seconds after which what plays has proved itself: its pause is halved then, not doubled
LONGEST = 5.0  # seconds a frame: what is more was meant in milliseconds, or in frames a second
_GROWN = 4.0  # times the area that was measured: above, costs are measured anew instead of reckoned


class Budget(EffectChain):
    """Plays effects, one after the other, as well as a frame's time allows: an effect itself.

    Where an effect offers cheaper ways to do the same (its ``quality_levels``: another precision, a smaller model, a
    smaller picture inside), the best are played that fit. What each takes is measured here, on noise of the first
    picture's size, before that is played, or by ``prepare`` (of plain functions while they play); from then on what
    plays is measured all the time, and the others are reckoned to have become dearer and cheaper with it. It goes down
    when the median of a second misses the time by more than 5 %, at once to what should fit; up when what is better
    would have left 15 % over for two seconds. What missed is left alone for 5 s, then 10, 20 and so on, so that it
    settles. When not even the cheapest fits, it says so once and plays that. An effect is left out (`off`) only where
    that is what makes the frames fit: not for a tenth more than the time, nor where they take too long without it, too.

    The size of the output never changes; parameters, whether an effect is on, and what it remembers of the frames
    (``Effect.continue_from``) go on from one level to the next.
    Calls are safe from several threads; they queue. A copy measures anew, and has no `notify`.

    Args:
        effects: One effect or several, also as texts of the command line (``"sr-x2-gan"``). Those with one level
            are played as they are, and cost what they cost; slots (``EffectSlot``) are left as they are.
        seconds: For a whole frame, 5 at the most: ``1 / 30``, not 33 nor 30. Who runs the loop tells by ``frame_took``
            what it took with all that is not effects (``gancam.pipeline.run`` does); where that is not told, the
            effects have all of it.
        carry: Whether an effect that takes longer may be made beside the frames, on a thread of its own, and what it
            changes be carried along by their motion, before it is left out.
        off: Whether the cheapest level of every effect is to leave it out, so that there is one that fits.
        notify: Called with a line of text when something else is chosen, and why.
        elsewhere: Names what takes the rest of a frame's time, for the line that says that nothing fits.
        clock: Gives seconds.

    Raises:
        InputError: For a time that is none, and for no effects.
        GancamError: As ``load`` does for a text.

    Examples:
        >>> effect = gancam.Budget(gancam.load("sr-x2-gan"), 1 / 30)
        >>> out = effect(frame)
    """

    def __init__(
        self,
        effects: EffectLike | Sequence[EffectLike],
        seconds: float,
        *,
        carry: bool = False,
        off: bool = False,
        notify: Callable[[str], None] | None = None,
        elsewhere: Callable[[], str] = lambda: "outside the effects",
        clock: Clock = time.perf_counter,
    ) -> None:
        self.seconds = _seconds(seconds)
        several = effects if isinstance(effects, Sequence) and not isinstance(effects, str) else [effects]
        self.effects: list[EffectSlot] = slots(several)
        if not self.effects:
            raise InputError("a budget needs an effect to spend it on")
        self.card, self.params = self.effects[0].card, self.effects[0].params
        self._carry, self._off = carry, off
        self._lock = CallLock()
        self._notify, self._elsewhere, self._clock = notify or (lambda _: None), elsewhere, clock
        self._ladders = [Ladder(effect) for effect in self.effects]
        self._levels: list[tuple[int, ...]] = []  # from the best to the cheapest: for each effect, which of its ways
        self._level = 0
        self._size = self._measured = (0, 0)
        self._spent: list[float] | None = None  # by each effect on the newest frame, until it is judged
        self._window: deque[tuple[float, float, list[float]]] = deque()  # when, whole frame, effects
        self._took: float | None = None  # the window's median
        self._ons: list[bool] = []
        self._since = 0.0  # when this level was taken
        self._warm = False  # whether it has played a frame since
        self._room_since: float | None = None
        self._pauses: list[tuple[float, float]] = []  # by level: not before, and how long the pause was
        self._played: dict[str, int] = {}
        self._changes, self._last, self._short, self._short_at = 0, "", "", -1

    def __call__(self, image: ImageLike, *, time: float | None = None) -> Image:
        """Take `image` through the effects as they are played now; see ``Effect``."""
        image = check_image(image)
        with self._lock:
            self._hear(0.0)  # it was not told
            self._fit((image.shape[1], image.shape[0]))
            spent = []
            for effect in self.effects:
                began = self._clock()
                image = effect(image, time=time)
                spent.append(self._clock() - began)
            self._spent = spent
        return image

    def __reduce__(self) -> tuple[object, ...]:
        anew = [ladder.anew() for ladder in self._ladders]
        return partial(Budget, carry=self._carry, off=self._off), (anew, self.seconds)

    @property
    def inside(self) -> Sequence[Effect]:
        """The slots of its effects."""
        return self.effects

    @property
    def status(self) -> str:
        """What is played, its share of the time, and the status of its effects."""
        return "; ".join(filter(None, [str(self), super().status]))

    def skim(self, image: Image, *, time: float | None = None) -> None:
        """Skim `image` with the effects that are played now."""
        image = check_image(image)
        with self._lock:
            self._fit((image.shape[1], image.shape[0]))
            super().skim(image, time=time)

    def reset(self) -> None:
        """Reset all its effects, also those that are currently left out."""
        with self._lock:
            super().reset()
            for ladder in self._ladders:
                ladder.reset()

    def prefer_quality(self) -> None:
        """Tell its effects, at all their quality levels."""
        for ladder in self._ladders:
            ladder.prefer_quality()

    def frame_took(self, seconds: float) -> None:
        """Be told how many seconds the last frame took in all, from its arrival until it was shown."""
        super().frame_took(seconds)
        with self._lock:
            self._hear(seconds)

    def _hear(self, seconds: float) -> None:
        """Judge the newest frame, once."""
        spent, self._spent = self._spent, None
        if spent is not None:
            self._judge(max(seconds, sum(spent)), spent)

    @property
    def playing(self) -> str:
        """The level of each effect that is played now."""
        return self._name(self._level) if self._levels else self.name

    def stats(self) -> dict[str, str | float | None]:
        """Give what is played, what a whole frame took lately, in milliseconds, and what its effects count.

        The time is None while it is not known.
        """
        took = None if self._took is None else round(1000 * self._took, 1)
        return {"playing": self.playing, "took_ms": took, **super().stats()}

    def __str__(self) -> str:
        took = "" if self._took is None else f": {1000 * self._took:.0f} of {_ms(self.seconds)}"
        return self.playing + took

    @property
    def notes(self) -> list[str]:
        """What was played, how often that changed, and the notes of its effects."""
        return [*self._told_of_itself(), *super().notes]

    def _told_of_itself(self) -> list[str]:
        frames = sum(self._played.values())
        if not frames:
            return []
        shares = ", ".join(
            f"{name} ({100 * count / frames:.0f} % of the frames)" for name, count in self._played.items()
        )
        times = "once" if self._changes == 1 else f"{self._changes} times"
        changed = f"; changed {times}, the last: {self._last}" if self._changes else self._needed(self._level)
        short = [self._short] if self._short_at == self._level else []  # else something else plays by now
        return [f"at most {_ms(self.seconds)} a frame: {shares}{changed}", *short]

    def prepare(self, size: tuple[int, int]) -> None:
        """Measure all that could be played on pictures of `size` (width, height), and choose. Takes about a second.

        Raises:
            InputError: For what is no size.
            GancamError: What an effect raises that cannot be played at all.
        """
        size = check_size(size)
        with self._lock:
            self._size = self._measured = (0, 0)  # until all is measured: else it is done anew with the next picture
            self._levels, self._level, self._spent, self._took = [], 0, None, None
            out = size
            for ladder in self._ladders:
                out = ladder.measure(out, self._clock, self.seconds, carry=self._carry, off=self._off)
            self._levels = self._from_best_to_cheapest()
            self._size = self._measured = size
            self._pauses = [(-math.inf, 0.0)] * len(self._levels)
            self._take(self._best(self.seconds * ROOM))
            self._say_what_was_chosen()

    def _from_best_to_cheapest(self) -> list[tuple[int, ...]]:
        """For each effect, which of its ways: from level to level the dearest gives way."""
        level = tuple(0 for _ in self._ladders)
        levels = [level]
        while lower := [place for place, ladder in enumerate(self._ladders) if level[place] + 1 < len(ladder.ways)]:
            dearest = max(lower, key=lambda place: self._ladders[place].costs[level[place]])
            level = tuple(way + (place == dearest) for place, way in enumerate(level))
            levels.append(level)
        return levels

    def _say_what_was_chosen(self) -> None:
        said = [f"{self._name(level)} ({_ms(self._cost(level))})" for level in range(len(self._levels))]
        others = f"; from the best to the cheapest: {', '.join(said)}" if len(said) > 1 else ""
        chosen = f"at most {_ms(self.seconds)} a frame, outputs included: {said[self._level]}{others}"
        self._notify(chosen + self._needed(self._level))

    def _fit(self, size: tuple[int, int]) -> None:
        """Be ready for pictures of `size`."""
        if size == self._size:
            return
        if math.prod(size) > _GROWN * math.prod(self._measured):
            self.prepare(size)
            return
        share = math.prod(size) / math.prod(self._size)
        self._size = size
        for ladder in self._ladders:
            ladder.scale(share)
        level = self._best(self.seconds * ROOM)
        if level != self._level:
            self._change(level, f"pictures are {size[0]}x{size[1]} now")
        self._take(level)

    def _best(self, seconds: float, elsewhere: float = 0.0, after: int = -1) -> int:
        """The best level that fits into `seconds`, among those after one; the cheapest where none does.

        None leaves out an effect for little: it may then be `after` itself, or one that does not fit.
        """
        levels = range(after + 1, len(self._levels))
        level = next((level for level in levels if elsewhere + self._cost(level) <= seconds), len(self._levels) - 1)
        while (fuller := self._fuller(level)) >= max(after, 0) and not self._worth_leaving_out(level, elsewhere):
            level = fuller
        return level

    def _fuller(self, level: int) -> int:
        """The cheapest level that leaves out fewer effects than `level`; -1 where none does."""
        out = self._left_out(level)
        return next((other for other in reversed(range(level)) if self._left_out(other) < out), -1)

    def _left_out(self, level: int) -> int:
        """How many effects a level leaves out."""
        ways = zip(self._ladders, self._levels[level], strict=True)
        return sum(ladder.leaves_out(way) for ladder, way in ways)

    def _worth_leaving_out(self, level: int, elsewhere: float) -> bool:
        """Whether what a level leaves out is what makes a frame fit, which else misses its time by more than little."""
        played, left = (elsewhere + self._cost(one) for one in (self._fuller(level), level))
        return played > self.seconds * NEAR and left <= min(self.seconds * MISSED, played * ROOM)

    def _cost(self, level: int) -> float:
        return sum(ladder.cost(way) for ladder, way in zip(self._ladders, self._levels[level], strict=True))

    def _name(self, level: int) -> str:
        return " + ".join(ladder.name(way) for ladder, way in zip(self._ladders, self._levels[level], strict=True))

    def _needed(self, level: int) -> str:
        """What would play the effects that a level leaves out, for the end of a message."""
        lacking = [ladder.needs(way) for ladder, way in zip(self._ladders, self._levels[level], strict=True)]
        if not any(lacking):
            return ""
        elsewhere = 0.0 if self._took is None else max(self._took - self._cost(self._level), 0.0)
        needs = (self._cost(level) + sum(lacking) + elsewhere) / ROOM
        return f"; to leave nothing out, allow {_ms(needs)} a frame ({rounded(1 / needs)} frames a second)"

    def _take(self, level: int) -> None:
        for ladder, way in zip(self._ladders, self._levels[level], strict=True):
            ladder.play(way)
        self._level, self._since, self._warm = level, self._clock(), False
        self._forget()

    def _forget(self) -> None:
        self._window.clear()
        self._room_since = None

    def _change(self, level: int, why: str) -> None:
        self._changes += 1
        self._last = f"{self._name(level)} instead of {self._name(self._level)}: {why}{self._needed(level)}"
        self._notify(self._last)

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
        for place, ladder in enumerate(self._ladders):
            ladder.learn(median(times[place] for _, _, times in self._window), seconds)
        elsewhere = max(self._took - self._cost(self._level), 0.0)
        if self._took > seconds * MISSED:
            self._go_down(now, elsewhere)
        else:
            self._perhaps_go_up(now, elsewhere)

    def _go_down(self, now: float, elsewhere: float) -> None:
        assert self._took is not None
        level = self._best(self.seconds, elsewhere, after=self._level)
        if level <= self._level or self._level == len(self._levels) - 1:
            self._say_that_it_is_short(elsewhere)
            self._perhaps_put_back(now, elsewhere)
            return
        self._room_since = None
        pause = self._pauses[self._level][1] * (2 if now - self._since < PROVED else 0.5)
        pause = min(max(pause, PAUSE), LONGEST_PAUSE)
        for better in range(self._level + 1):  # what is better is dearer still
            self._pauses[better] = max(self._pauses[better], (now + pause, pause))
        took = f"{_ms(self._took)} of {_ms(self.seconds)}"
        self._change(level, f"that took {took}, this should take {_ms(elsewhere + self._cost(level))}")
        self._take(level)

    def _say_that_it_is_short(self, elsewhere: float) -> None:
        """Say once that what plays is too slow, and why nothing cheaper is played."""
        if self._short:
            return
        assert self._took is not None
        rest = f"; {_ms(elsewhere)} of it {self._elsewhere()}" if elsewhere > 0.1 * self._took else ""
        what = f"even the cheapest, {self.playing}," if len(self._levels) > 1 else self.playing
        last = len(self._levels) - 1
        if self._left_out(self._level) < self._left_out(last):
            what = self.playing
            near = self._took <= NEAR * self.seconds
            why = "is little" if near else f"is {_ms(elsewhere + self._cost(last))} without it, too"
            rest += f"; it plays on, as that {why}"
        self._short_at = self._level
        self._short = f"{what} takes {_ms(self._took)} a frame, not {_ms(self.seconds)}{rest}"
        self._notify(self._short)

    def _perhaps_put_back(self, now: float, elsewhere: float) -> None:
        """Play again what was left out, where that did not help."""
        level = self._fuller(self._level)
        helps = level < 0 or self._worth_leaving_out(self._level, elsewhere)
        self._perhaps_take(now, elsewhere, [] if helps else [level])

    def _perhaps_go_up(self, now: float, elsewhere: float) -> None:
        fits = self.seconds * ROOM
        self._perhaps_take(
            now, elsewhere, [level for level in range(self._level) if elsewhere + self._cost(level) <= fits]
        )

    def _perhaps_take(self, now: float, elsewhere: float, levels: Sequence[int]) -> None:
        """Take the first of `levels` that is not left alone just now, when there was one for long enough."""
        level = next((level for level in levels if now >= self._pauses[level][0]), None)
        if level is None:
            self._room_since = None
            return
        self._room_since = now if self._room_since is None else self._room_since
        if now - self._room_since >= CALM:
            self._change(level, f"it should take {_ms(elsewhere + self._cost(level))} of {_ms(self.seconds)}")
            self._take(level)


def _seconds(given: object) -> float:
    """The time of a budget, checked."""
    seconds = 0.0
    with suppress(TypeError, OverflowError):  # of an array of several, and of a whole number beyond all clocks
        if isinstance(given, SupportsFloat) and not isinstance(given, bool | np.bool_):
            seconds = float(given)
    if not 0 < seconds < math.inf:
        raise InputError(f"a budget of {shown(given)} for a frame: needs a number of seconds above 0, as 1 / 30")
    if seconds > LONGEST:
        raise InputError(
            f"a budget of {seconds:g} s a frame: needs {LONGEST:g} at most; "
            f"{seconds:g} ms are {rounded(seconds / 1000)} s, and {seconds:g} frames a second 1 / {seconds:g}"
        )
    return seconds


def _ms(seconds: float) -> str:
    return milliseconds(1000 * seconds)


__all__ = ["CALM", "HOLD", "HOPELESS", "LONGEST", "MISSED", "NEAR", "PAUSE", "ROOM", "Budget"]
