"""Effects that are added, moved and taken away while they play."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from gancam.control import Controls, LastGood
from gancam.effects import Effect, EffectChain, EffectSlot, EffectSpec, made_by, unique_names
from gancam.errors import GancamError, InputError
from gancam.frame import Frame, Image
from gancam.jobs.spec import EffectChainSpec
from gancam.params import Value
from gancam.studio.gate import FrameGate

MOST = 12  # effects in a chain
_SMOOTH = 0.15  # how much the newest frame counts in the mean time of an effect


@dataclass(slots=True)
class Link:
    """An effect of the chain.

    Attributes:
        model: The name or path that it was asked for by.
        slot: The effect, which can be turned off.
        ms: Milliseconds a frame, lately.
        error: Why it was turned off, or which value was not taken; empty while all is well.
        good: The parameters with which it made its last frame.
    """

    model: str
    slot: EffectSlot
    ms: float = 0.0
    error: str = ""
    good: LastGood = field(init=False)

    def __post_init__(self) -> None:
        self.good = LastGood([self.slot])

    @property
    def name(self) -> str:
        """What it is called, and no other in the chain."""
        return self.slot.name


class LiveChain(EffectChain):
    """One effect that is many: they come, go and change places between two frames.

    A value with which an effect fails is told, and set back to the one that made the last frame. An effect that fails
    all the same is turned off and tells why; the others go on.

    Args:
        gate: Changes wait here for the end of a frame.
        changed: Called, in any thread, when there is something new to show.
    """

    def __init__(self, gate: FrameGate, changed: Callable[[], None]) -> None:
        self._gate, self._changed = gate, changed
        self._adding = threading.Lock()
        self._sound: Path | None = None
        self.links: tuple[Link, ...] = ()
        self.controls = Controls([])

    @property
    def inside(self) -> Sequence[Effect]:
        """The effects that are there."""
        return [link.slot for link in self.links]

    @property
    def name(self) -> str:
        """What it is called in reports, whatever plays."""
        return "effects"

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        """Take `image` through the effects that are there."""
        for link in self.links:
            image = self._through(link, image, time)
        return image

    def begin(self, frame: Frame) -> None:
        """Bring what was requested into force, before `frame`. For the loop alone."""
        self.controls(frame)

    def _through(self, link: Link, image: Image, moment: float | None) -> Image:
        began = time.perf_counter()
        try:
            image = made_by(link.slot, image, moment)
        except GancamError as error:
            return self._failed(link, image, moment, error)
        link.good.keep()
        spent = 1000 * (time.perf_counter() - began)
        link.ms += (spent - link.ms) * (_SMOOTH if link.ms else 1.0)
        return image

    def _failed(self, link: Link, image: Image, moment: float | None, error: GancamError) -> Image:
        """Try again with the parameters of the frame before, or turn the effect off; what comes of `image` then."""
        taken_back = link.good.take_back()
        link.error = f"{error}; {taken_back}" if taken_back else str(error)
        link.slot.on = bool(taken_back)
        self._changed()
        return self._through(link, image, moment) if taken_back else image

    def listen_to(self, path: Path | None) -> None:
        """Have effects that follow sound follow that of `path`, those to come too, where they were given no other."""
        self._sound = path
        if path is not None:
            super().listen_to(path)

    def add(self, spec: EffectSpec) -> Link:
        """Load an effect and put it last. Takes as long as loading does; for any thread but the loop's."""
        with self._adding:
            link = self._load(spec, [one.name for one in self.links])
            with _closed_if_refused([link]):
                self._rearrange([*self.links, link])
        return link

    def replace(self, specs: Sequence[EffectSpec]) -> None:
        """Load other effects, and put them in place of all that are there."""
        with self._adding:
            links = list[Link]()
            with _closed_if_refused(links):
                for spec in specs:
                    links.append(self._load(spec, [one.name for one in links]))
                before = self.links
                self._rearrange(links)
        _close(before)

    def remove(self, name: str) -> None:
        """Take an effect away. Raises ``InputError`` for one that is not there."""
        with self._adding:
            gone = self.link(name)
            self._rearrange([link for link in self.links if link is not gone])
        _close([gone])

    def order(self, names: Sequence[str]) -> None:
        """Put the effects in this order. Raises ``InputError`` unless `names` has each once."""
        with self._adding:
            if sorted(names) != sorted(link.name for link in self.links):
                raise InputError("the new order needs the name of each effect once")
            self._rearrange([self.link(name) for name in names])

    def link(self, name: str) -> Link:
        """Find an effect by its name. Raises ``InputError``."""
        for link in self.links:
            if link.name == name:
                return link
        raise InputError(f"there is no effect {name!r} in the chain")

    def request(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Change parameters from the next frame on, all in the same one; see ``Controls.request``.

        What was told of an effect that had failed is forgotten, and it is turned on again, by any change of it.
        """
        values, told = dict(values), list[tuple[Link, str]]()
        for link in self.links:
            if link.error and any(key.startswith(f"{link.name}.") for key in values):
                told.append((link, link.error))
                link.error = ""  # before the change: what comes up with it is told
                values.setdefault(f"{link.name}.on", True)
        try:
            taken = self.controls.request(values)
        except GancamError:
            for link, error in told:
                link.error = error
            raise
        self._gate.do(self.controls.apply)
        self._changed()
        return taken

    def specs(self) -> list[EffectSpec]:
        """Write down the effects that are on, with the parameters that are not at their defaults."""
        return [spec for spec, on in self.kept() if on]

    def kept(self) -> list[tuple[EffectSpec, bool]]:
        """Write down all effects as ``specs`` does, and whether each is on."""
        return [(spec_of(link), link.slot.on) for link in self.links]

    def _load(self, spec: EffectSpec, names: Sequence[str]) -> Link:
        if len(names) >= MOST:
            raise InputError(f"{MOST} effects are the most")
        (slot,) = EffectChainSpec((spec,)).load(self._sound)
        *_, name = unique_names([*names, slot.name])
        return Link(spec.name, EffectSlot(slot.effect, name))

    def _rearrange(self, links: Sequence[Link]) -> None:
        def swap() -> None:
            self.controls.apply()
            self.links, self.controls = tuple(links), Controls([link.slot for link in links])

        self._gate.do(swap)
        self._changed()


@contextmanager
def _closed_if_refused(links: Sequence[Link]) -> Iterator[None]:
    """Close `links` where they do not come into the chain."""
    try:
        yield
    except BaseException:
        with suppress(GancamError):  # what failed first is told
            _close(links)
        raise


def _close(links: Sequence[Link]) -> None:
    """Close effects that play no more, all of them; raises what the last that failed raised."""
    failed: GancamError | None = None
    for link in links:
        try:
            link.slot.close()
        except GancamError as error:
            failed = error
    if failed is not None:
        raise failed


def spec_of(link: Link) -> EffectSpec:
    """Write down an effect, with the parameters that are not at their defaults."""
    known, values = link.slot.parameters, link.slot.params.values()
    changed = {name: value for name, value in values.items() if value != known[name].default}
    return EffectSpec(link.model, {name: _text(value) for name, value in changed.items()})


def _text(value: Value) -> str:
    """Write a value as the command line takes it."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
