"""What can be chosen while live play goes on, and what each would make of the picture, small."""

import os
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from gancam.cli.checks import named_after
from gancam.effects import EffectSpec, check_spec, slots
from gancam.frame import Image
from gancam.inference.catalog import NONE, menu
from gancam.jobs.preset import read_preset
from gancam.jobs.spec import EffectChainSpec
from gancam.pipeline import output_size, through
from gancam.vision.fit import scaled

THUMBNAIL = (256, 144)  # at most
_NICENESS = 10  # steps of priority that thumbnails give up, on Linux
_FIRST = (
    "restore-x2", "restore-x1", "background", "sketch", "style-comic", "style-watercolour",
    "style-oil", "style-mosaic", "morph-fruits", "sr-x2", "sr-x2-gan",
)  # fmt: skip
_AS = {"inpaint": "inpaint:draw"}  # how a model is played of which nothing is seen otherwise
# by name they can be played, too: these are for pictures of one kind, slow live, or of no use there
_LEFT_OUT = (
    "apple2tomato", "mnist", "restore-x2-best", "sr-faces-x4", "sr-x2-best", "sr-x2-fast", "sr-x4", "sr-x4-best",
    "sr-x4-gan",
)  # fmt: skip

_ON = re.compile(r":(\w+)=on(?=:|$)")

Chains = dict[str, tuple[EffectSpec, ...]]


def parse_chain(text: str) -> tuple[EffectSpec, ...]:
    """Read effects with blanks between, each as the command line has it; "none" is no effect.

    Raises:
        GancamError: There is no such effect or parameter.
    """
    specs = tuple(EffectSpec.parse(word) for word in text.split() if word != NONE)
    for spec in specs:
        check_spec(spec)
    return specs


def choices(first: Sequence[EffectSpec], presets: Sequence[Path]) -> Chains:
    """List what can be chosen: the chain that play begins with, presets by their names, and the bundled models.

    Args:
        first: The chain that play begins with.
        presets: Files of options, of which the effects count.

    Raises:
        GancamError: A preset cannot be read, or names no effect that there is.
    """
    found: Chains = {name_of(first): tuple(first)}
    for path in presets:
        found[path.stem] = preset_specs(path)
    bundled = [*(name for name in _FIRST if name in menu()), *menu()]
    for name in dict.fromkeys(bundled):
        if name not in _LEFT_OUT:
            spec = EffectSpec.parse(_AS.get(name, name))
            found.setdefault(_AS.get(name, name), (spec,))
    found.setdefault(NONE, ())
    return found


def preset_specs(path: Path) -> tuple[EffectSpec, ...]:
    """Read the effects of a preset; its other options are not for live play.

    Raises:
        GancamError: It cannot be read, or names no effect that there is.
    """
    specs = read_preset(path, {"effect": list}, others=True).get("effect", [])
    assert isinstance(specs, list)
    with named_after(path):
        for spec in specs:
            check_spec(spec)
    return tuple(specs)


def name_of(specs: Sequence[EffectSpec]) -> str:
    """Write a chain of effects as one name; what is on needs no "=on"."""
    return " ".join(_ON.sub(r":\1", str(spec)) for spec in specs) or NONE


class Thumbnails:
    """Makes small pictures of what each chain makes of a frame, one after the other, on a thread of its own.

    Attributes:
        made: Those that are there, by name.
    """

    def __init__(self) -> None:
        self.made: dict[str, Image] = {}
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def begin(self, image: Image, chains: Mapping[str, tuple[EffectSpec, ...]]) -> None:
        """Make them anew, of `image`; those of an earlier picture stay until theirs is there."""
        self.end()
        self._stop = threading.Event()
        arguments = (image, dict(chains), self._stop)
        self._thread = threading.Thread(target=self._make, args=arguments, name="gancam-thumbnails", daemon=True)
        self._thread.start()

    def end(self, seconds: float | None = None) -> None:
        """Make no more, and join the thread, for so many `seconds` at most; None: until it is gone."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(seconds)
            self._thread = None

    def _make(self, image: Image, chains: Mapping[str, tuple[EffectSpec, ...]], stop: threading.Event) -> None:
        if sys.platform == "linux":
            with suppress(OSError):
                os.nice(_NICENESS)  # of this thread alone, and of those of the networks that it opens
        for name, specs in chains.items():
            if stop.is_set():
                return
            with suppress(Exception):  # whatever it is, it is told when the chain is chosen
                self.made[name] = thumbnail(image, specs)


def thumbnail(image: Image, specs: Sequence[EffectSpec]) -> Image:
    """Give what a chain makes of `image`, 256x144 at most.

    What enlarges is shown a piece of the middle, so that there is something to be seen of it.
    """
    chain = slots(EffectChainSpec(tuple(specs), "cpu", "fp32", 1).load())
    try:
        height, width = image.shape[:2]
        scale = min(THUMBNAIL[0] / width, THUMBNAIL[1] / height, 1.0)
        size = scaled((width, height), scale)
        grown = max(output_size(chain, size)[0] // size[0], 1)
        if grown > 1:
            inner = max(size[0] // grown, 1), max(size[1] // grown, 1)
            top, left = (height - inner[1]) // 2, (width - inner[0]) // 2
            piece = np.ascontiguousarray(image[max(top, 0) :][: inner[1], max(left, 0) :][:, : inner[0]])
        else:
            piece = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        made = through(piece, chain, time=0.0)
        return np.asarray(cv2.resize(made, size, interpolation=cv2.INTER_AREA), np.uint8)
    finally:
        for slot in chain:
            slot.close()
