"""The effects that live play goes through: loaded and measured beside it, and exchanged while it plays."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gancam.budget import Budget
from gancam.cli.menu import Thumbnails, parse_chain
from gancam.control import Controls, EffectMenu, LastGood
from gancam.effects import Effect, EffectChain, EffectSlot, EffectSpec, made_by
from gancam.errors import GancamError
from gancam.frame import Frame, Image
from gancam.inference.catalog import NONE
from gancam.vision.fit import fit

_GIVE_UP = 2.0  # seconds that close() waits for the thread: no network can be interrupted while it is loaded or tried
Load = Callable[[tuple[EffectSpec, ...]], list[EffectSlot]]


@dataclass(slots=True)
class Chain:
    """Effects that are loaded, under one name.

    Attributes:
        name: What they are called.
        slots: The effects.
        budget: What chooses how well they play; None where they play as they are.
        seconds: What each took so far, by name.
        good: The parameters with which each made its last frame.
    """

    name: str
    slots: list[EffectSlot] = field(default_factory=list)
    budget: Budget | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    good: LastGood = field(init=False)

    def __post_init__(self) -> None:
        self.good = LastGood(self.slots)

    @property
    def effects(self) -> Sequence[Effect]:
        """What an image is taken through."""
        return self.slots if self.budget is None else [self.budget]


class _Stopped(BaseException):
    """Measuring ends: there is another wish, or none any more."""


class LiveEffects(EffectChain, EffectMenu):
    """Plays one chain of effects, while a hidden thread loads and measures the next: an effect itself.

    Until the first is there the plain picture plays. What cannot be loaded is told, and what played goes on.

    Args:
        menu: What can be chosen: effects by name.
        load: Loads effects.
        controls: Is given the effects that play.
        size: (width, height) of the frames to come.
        seconds: That a frame may take; None: effects play as they are.
        notify: Takes a line for the user: what is chosen.
        warn: Takes a line for the user: what went wrong.
        elsewhere: Names what takes the time that the effects do not, of outputs of a (width, height).
        clock: Gives seconds, for measuring.

    Attributes:
        veils: Whether what it began with makes pictures of which not all is seen.
    """

    NAME = "effects"  # in reports

    def __init__(
        self,
        menu: Mapping[str, tuple[EffectSpec, ...]],
        load: Load,
        controls: Controls,
        *,
        size: tuple[int, int],
        seconds: float | None = None,
        notify: Callable[[str], None] = lambda _: None,
        warn: Callable[[str], None] = lambda _: None,
        elsewhere: Callable[[tuple[int, int]], str] = lambda size: "outside the effects",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._menu, self._load, self._controls = dict(menu), load, controls
        self.names = list(self._menu)
        self._size, self._seconds = size, seconds
        self._fixed: tuple[int, int] | None = None
        self.veils = False
        self._notify, self._warn, self._elsewhere, self._clock = notify, warn, elsewhere, clock
        self._chain = Chain(NONE)
        self._former: Chain | None = None  # what played before, until its successor has made a frame
        self._spent: dict[str, float] = {}  # seconds, by name, of effects that play no more
        self._told: dict[str, None] = {}  # their notes, each once, in order
        self._change = threading.Condition()  # guards what follows
        self._wanted: str = ""
        self._ready: Chain | None = None
        self._news = self._failed = ""
        self._closed = False
        self._loaded: Chain | None = None  # what is to be measured only
        self._newest: Image | None = None
        self._thumbnails = Thumbnails()
        self._thread = threading.Thread(target=self._work, name="gancam-load", daemon=True)
        self._thread.start()

    # The loop's side

    def play(self, chain: Chain, *, fixed: tuple[int, int] | None = None, beside: bool = False) -> None:
        """Begin with `chain`, which is loaded.

        Args:
            chain: What plays.
            fixed: The (width, height) that every output has from now on; None: that of the effects that play.
            beside: Whether a budget is measured beside the plain picture, rather than here before the first frame.
        """
        self._fixed = fixed
        self.veils = any(slot.opacity is not None for slot in chain.slots)
        self._controls.replace(chain.slots)
        if chain.budget is None or not beside:
            if chain.budget is not None:
                chain.budget.prepare(self._size)
            self._chain = chain
            return
        with self._change:
            self._wanted, self._loaded = chain.name, chain
            self._change.notify_all()

    def before(self, frame: Frame) -> None:
        """Put what was loaded meanwhile in the place of what played, before `frame`."""
        with self._change:
            ready, self._ready = self._ready, None
        if ready is not None:
            self._finish_former()
            self._former, self._chain = self._chain, ready
            if self._controls.effects != ready.slots:
                self._controls.replace(ready.slots)

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        """Take `image` through what plays; at the size that all outputs have, where they have one.

        What goes wrong right after a parameter was changed ends nothing: it is told, and that is as it was before. So
        it is with effects that fail at their first frame: those that played before go on.
        """
        self._newest, chain = image, self._chain
        try:
            made = self._through(chain, image, time)
        except GancamError as error:
            undone = chain.good.take_back() or self._go_back()
            if not undone:
                raise
            self._warn(f"{error}; {undone}")
            with self._change:
                self._news = self._failed = str(error)
            chain = self._chain
            made = self._through(chain, image, time)
        chain.good.keep()
        self._finish_former()
        return made if self._fixed is None else fit(made, self._fixed)

    def _go_back(self) -> str:
        """Have what played before go on in the place of what has not made a frame yet.

        Returns:
            For the user, what goes on; empty where nothing played before.
        """
        former, self._former = self._former, None
        if former is None:
            return ""
        failed, self._chain = self._chain, former
        self._drop(failed)
        self._controls.replace(former.slots)
        return f"{former.name} goes on" if former.slots else "the plain picture goes on"

    def _through(self, chain: Chain, image: Image, time: float | None) -> Image:
        for effect in chain.effects:
            began = self._clock()
            image = made_by(effect, image, time)
            chain.seconds[effect.name] = chain.seconds.get(effect.name, 0.0) + self._clock() - began
        return image

    @property
    def inside(self) -> Sequence[Effect]:
        """What plays."""
        return self._chain.effects

    @property
    def name(self) -> str:
        """What it is called in reports: where effects play is no effect."""
        return self.NAME

    @property
    def effect_seconds(self) -> dict[str, float]:
        """What each effect took, by name, of all that have played."""
        return _sum(self._spent, self._chain.seconds)

    @property
    def notes(self) -> list[str]:
        """What all that have played tell, each line once; and what did not yet, though it was chosen."""
        with self._change:
            coming = self._wanted or (self._ready.name if self._ready is not None else "")
        late = f"{coming} was not played: it was still being loaded or measured when playing ended"
        return list(self._told | dict.fromkeys(_notes(self._chain))) + [late] * (coming not in ("", NONE))

    @property
    def opacity(self) -> Image | None:
        """That of what plays, at the size that all outputs have, where they have one: nothing is seen of its bars."""
        opacity = super().opacity
        if opacity is None or self._fixed is None:
            return opacity
        return np.ascontiguousarray(fit(np.dstack([opacity] * 3), self._fixed)[..., 0])

    @property
    def status(self) -> str:
        """What plays, how, and what comes next."""
        chain = self._chain
        how = [chain.budget.status] if chain.budget is not None else [one.status for one in chain.slots]
        coming = self.coming
        words = [chain.name if not (coming and chain.name == NONE) else "", *how, f"loading {coming}" if coming else ""]
        if chain.budget is not None and chain.name in chain.budget.status:
            words = words[1:]
        return "; ".join(filter(None, words))

    def stats(self) -> dict[str, str | float | None]:
        """Give for a log what plays, what a whole frame took lately, in milliseconds, and what effects count."""
        return {"playing": self.playing, "took_ms": None, **super().stats()}

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give the size that all outputs have, else that of what plays."""
        return self._fixed or super().output_size(size)

    def close(self) -> None:
        """Load nothing more; close what plays. What loads or computes for longer than `_GIVE_UP` is left to itself."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thumbnails.end(_GIVE_UP)
        self._thread.join(_GIVE_UP)
        self._drop(self._ready, self._loaded)
        self._ready = None
        self._finish_former()
        self._finish(self._chain)

    def _finish_former(self) -> None:
        """Close what played before what plays."""
        former, self._former = self._former, None
        if former is not None:
            self._finish(former)

    def _finish(self, chain: Chain) -> None:
        """Close what played, and keep what it took and tells: its networks hold memory, so they are let go."""
        self._close(chain)
        self._spent = _sum(self._spent, chain.seconds)
        self._told |= dict.fromkeys(_notes(chain))
        if chain is self._chain:
            self._chain = Chain(NONE)

    def _drop(self, *chains: Chain | None) -> None:
        """Close what was loaded and never played: it has threads, and no file of its own to finish."""
        for chain in filter(None, chains):
            self._close(chain, played=False)

    def _close(self, chain: Chain, *, played: bool = True) -> None:
        for slot in chain.slots:
            try:
                if not played:
                    slot.discard()
                slot.close()
            except Exception as error:  # what plays goes on, whatever it is, and so does the hidden thread
                self._warn(f"{slot.name}: could not be closed: {error}")

    # The menu's side, from any thread

    @property
    def playing(self) -> str:
        """The name of what plays."""
        return self._chain.name

    @property
    def coming(self) -> str:
        """The name of what is being loaded."""
        return self._wanted

    @property
    def failed(self) -> str:
        """What went wrong since something was chosen last."""
        return self._failed

    def choose(self, text: str) -> str:
        """Have another chain play as soon as it is loaded; see ``EffectMenu``."""
        if text not in self._menu:
            specs = parse_chain(text)
            self._menu[text] = specs
        with self._change:
            self._wanted, self._failed = text, ""
            self._change.notify_all()
        return text

    def news(self) -> str:
        """Say once what went wrong since the last call."""
        with self._change:
            news, self._news = self._news, ""
        return news

    def look(self, *, on: bool) -> None:
        """Begin to make thumbnails of the newest frame, or let that be."""
        if on and self._newest is not None:
            self._thumbnails.begin(self._newest, {name: self._menu[name] for name in self.names})
        else:
            self._thumbnails.end()

    def thumbnail(self, name: str) -> Image | None:
        """Give what a chain makes of the frame, small."""
        return self._thumbnails.made.get(name)

    # The hidden thread

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closed or self._wanted)
                if self._closed:
                    return
                wanted = self._wanted
                loaded, self._loaded = self._loaded, None
            self._prepare(wanted, loaded)

    def _prepare(self, wanted: str, chain: Chain | None) -> None:
        """Load and measure, and hand over what plays next."""
        failure, usable = "", False
        try:
            chain = chain or self.load(wanted, self._menu[wanted])
            if chain.budget is not None:
                chain.budget.prepare(self._size)
            usable = True
        except _Stopped:
            pass
        except Exception as error:  # what plays goes on, whatever it is
            failure = f"{wanted}: {error}"
        with self._change:
            if self._wanted == wanted:
                self._wanted, self._failed = "", failure
            unwanted = chain
            if usable and not self._closed and not self._wanted:  # else there is another wish already
                unwanted, self._ready = self._ready, chain
            self._news = failure or self._news
        self._drop(unwanted)
        if failure:
            self._warn(failure)

    def load(self, name: str, specs: tuple[EffectSpec, ...]) -> Chain:
        """Load effects, with a budget where there is a time to keep; it is not measured."""
        slots = self._load(specs)
        if self._seconds is None or not slots:
            return Chain(name, slots)
        clock = self._measuring_clock(name)
        elsewhere = lambda: self._elsewhere(self.output_size(self._size))
        budget = Budget(
            slots, self._seconds, carry=True, off=True, notify=self._notify, elsewhere=elsewhere, clock=clock
        )
        return Chain(name, slots, budget)

    def _measuring_clock(self, name: str) -> Callable[[], float]:
        """The clock, which ends measuring where that is no longer wanted."""

        def read() -> float:
            if threading.current_thread() is self._thread and (self._closed or self._wanted not in ("", name)):
                raise _Stopped
            return self._clock()

        return read


def _notes(chain: Chain) -> list[str]:
    return [note for effect in chain.effects for note in effect.notes]


def _sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}
