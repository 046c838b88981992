"""An effect whose every parameter shows, and a sink that keeps what was shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gancam.control import Controls
from gancam.effects import Effect, EffectSlot, slots
from gancam.errors import ParameterError
from gancam.frame import Frame, Image
from gancam.params import Params, parameter
from gancam.sinks import Sink


@dataclass
class Paint(Params):
    light: float = parameter(1.0, minimum=0.0, maximum=2.0, help="how bright")
    shift: int = parameter(0, minimum=-9, maximum=9, help="how far to the right")
    mirror: bool = parameter(False, help="whether left and right are swapped")
    channel: str = parameter("all", choices=("all", "blue", "red"), help="what is seen")
    words: str = parameter("", help="anything")

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "words" and "bad" in str(value):
            raise ParameterError(f"words={value!r}: there is no such picture")


class Painter(Effect):
    """An effect whose every parameter shows, and the time too, as a morph's does."""

    def __init__(self) -> None:
        self.params: Params = Paint()

    @property
    def name(self) -> str:
        return "paint"

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        turn = self.params
        assert isinstance(turn, Paint)
        light, wanted = turn.light, turn.light
        picture = np.clip(image.astype(np.float64) * light, 0, 255).astype(np.uint8)
        picture = np.roll(picture, turn.shift + len(turn.words), axis=1)
        if turn.mirror:
            picture = picture[:, ::-1]
        if turn.channel != "all":
            picture = picture * np.array([turn.channel == "blue", 0, turn.channel == "red"], np.uint8)
        picture[0, 0] = int((time or 0) * 1e6) % 256
        assert turn.light == wanted, "a parameter changed in the middle of a frame"
        return np.ascontiguousarray(picture)


class Kept(Sink):
    """A sink that keeps its frames, closes after some, and calls somebody for each."""

    def __init__(self, enough: int = 10**9, *, each: Callable[[Frame], object] = lambda frame: None) -> None:
        self.frames: list[Frame] = []
        self.enough, self.each = enough, each

    @property
    def closed(self) -> bool:
        return len(self.frames) >= self.enough

    def write(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.each(frame)


def chain(count: int = 1) -> tuple[list[EffectSlot], Controls]:
    effects = slots([Painter() for _ in range(count)])
    return effects, Controls(effects)
