"""A machine whose clock the effects themselves move on, and effects that do."""

import math
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gancam.budget import Budget
from gancam.effects import Effect
from gancam.frame import Image
from gancam.params import Params, parameter

SMALL = np.zeros((3, 5, 3), np.uint8)


class Machine:
    """A clock, and how slow the machine is."""

    def __init__(self, noise: float = 0.0, seed: int = 0) -> None:
        self.now, self.load, self.noise, self.dice = 0.0, 1.0, noise, random.Random(seed)

    def clock(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds * self.load * math.exp(self.dice.gauss(0, self.noise))


@dataclass
class Turns(Params):
    strength: float = parameter(1.0, minimum=0.0, maximum=1.0, help="how strong")


class Work(Effect):
    """An effect that doubles the picture and takes `seconds` for it on its machine; `ways` are the costs by level."""

    def __init__(
        self, machine: Machine, seconds: float, ways: Sequence[Sequence[float]] = (), *, grows: bool = False
    ) -> None:
        self.machine, self.seconds, self.ways, self.grows = machine, seconds, ways, grows
        self.params: Turns = Turns()
        self.surprise = 1.0  # how much dearer than when it was measured
        self.resets = 0
        self.made: list[Work] = []

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        area = image.shape[0] * image.shape[1] / 15 if self.grows else 1.0
        surprise = 1.0 if time is None else self.surprise
        self.machine.work(self.seconds * area * surprise * max(self.params.strength, 0.05))
        return image.repeat(2, axis=0).repeat(2, axis=1)

    @property
    def level(self) -> str:
        return f"{1000 * self.seconds:g} ms"

    @property
    def name(self) -> str:
        return "Work"

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return size[0] * 2, size[1] * 2

    def reset(self) -> None:
        self.resets += 1

    def quality_levels(self) -> list[list["Work"]]:
        levels = [
            [Work(self.machine, cost, grows=self.grows) for cost in level] for level in self.ways or [[self.seconds]]
        ]
        self.made = [way for level in levels for way in level]
        return levels


def work_at(machine: Machine, *costs: float) -> Work:
    return Work(machine, costs[0], [[cost] for cost in costs])


def play(
    budget: Budget, machine: Machine, seconds: float, *, fps: float = 30, outputs: float = 0.0, image: Image = SMALL
) -> list[str]:
    """A camera of `fps`, the newest picture only, outputs that take their time; what was played, frame by frame."""
    end, due, played = machine.now + seconds, machine.now, []
    while machine.now < end:
        machine.now = max(machine.now, due)
        due += math.ceil((machine.now - due) * fps + 1e-9) / fps
        arrived = machine.now
        out = budget(image, time=arrived)
        assert out.shape[1::-1] == budget.output_size((image.shape[1], image.shape[0]))
        assert out.shape == (2 * image.shape[0], 2 * image.shape[1], 3)
        machine.work(outputs)
        played.append(budget.playing)
        budget.frame_took(machine.now - arrived)
    return played


def changes(played: Sequence[str]) -> int:
    return sum(before != after for before, after in pairwise(played))


class OwnTime(threading.local):
    """The seconds that the thread that asks has worked: what others do meanwhile takes none of its time."""

    now = 0.0


OWN_TIME = OwnTime()


def own_time() -> float:
    return OWN_TIME.now


class Slow(Effect):
    """Makes everything 40 levels lighter, in 0.12 seconds of its thread's own time."""

    def __init__(self, **params: object) -> None:
        self.params: Turns = Turns.of(**params)

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        OWN_TIME.now += 0.12
        return image + np.uint8(40)
