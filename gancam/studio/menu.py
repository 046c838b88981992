"""The menu of models: what each is, what its effect declares, and what it makes of the picture shown now."""

import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from gancam.effects import Effect, EffectSpec, MaskedEffect, declared, open_effect, own_effect_names
from gancam.frame import Image
from gancam.inference.catalog import menu, user_menu
from gancam.inference.figures import telling
from gancam.inference.model import Generator
from gancam.inference.variants import read_card, variants
from gancam.latent.samples import generate, open_generator
from gancam.sinks.newest import as_jpeg
from gancam.sources import TestPattern
from gancam.tools.models import OwnEffect, Unusable, each

SIZE = (256, 144)  # of a thumbnail, at most
_SHOWN = (384, 216)  # what effects that keep the size are shown, at most
_KEPT = 64  # thumbnails
_NICE = 15  # what is shown live goes first
_TASKS = {
    "background": "Background", "translate": "Restyle", "inpaint": "Erase", "morph": "Morph",
    "super_resolution": "Enlarge",
}  # fmt: skip


def models() -> list[dict[str, object]]:
    """Describe all models, bundled and the user's own, by task, ready for ``json.dumps``."""
    bundled, own = menu(), user_menu()
    names = sorted(bundled, key=lambda name: read_card(bundled[name]).strokes == "any")  # what draws comes first
    found = [
        *each(names, lambda name: _entry(name, bundled[name], own=False)),
        *each(own, lambda name: _entry(name, own[name], own=True)),
        *each(own_effect_names(), _foreign),
    ]
    entries = [entry for entry in found if not isinstance(entry, Unusable)]  # of those the list of all models tells
    tasks = list(_TASKS.values())
    return sorted(entries, key=lambda entry: tasks.index(task) if (task := str(entry["task"])) in tasks else len(tasks))


def _entry(name: str, path: Path, *, own: bool) -> dict[str, object]:
    card = read_card(next(iter(variants(path).values())))
    figure = telling(card.figures)
    return {
        "name": name, "own": own, "effect": card.effect, "task": _TASKS.get(card.effect, card.effect),
        "summary": card.summary, "licence": card.licence, "restricted": card.restricted, "scale": card.scale,
        "figure": "" if figure is None else str(figure),
    }  # fmt: skip


def _foreign(name: str) -> dict[str, object]:
    """Describe an effect of another package, which needs no model. Raises ``ModelError``."""
    return {
        "name": name, "own": True, "effect": name, "task": "Other", "summary": OwnEffect.read(name).summary,
        "licence": "", "restricted": False, "scale": 1, "figure": "",
    }  # fmt: skip


def declarations(effects: Sequence[str]) -> dict[str, list[dict[str, object]]]:
    """Give what `effects` declare, by effect, ready for ``json.dumps``."""
    found = {}
    for effect in effects:
        params = declared(effect)
        entries = {} if params is None else params.declared()
        found[effect] = [{"name": name, **entry.to_json()} for name, entry in entries.items()]
    return found


class Thumbnails:
    """Makes small pictures of what each model does to one frame, each once, without hurry.

    One thread of low priority makes them, with one thread a network, so that what plays live goes on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[tuple[str, int], bytes] = {}
        self._taken: Image | None = None
        self._frame: Image = TestPattern(_SHOWN).image(0)
        self._name = ""  # of `_taken`
        self._number = 0
        self._generator: tuple[str, Generator] | None = None
        self._worker = ThreadPoolExecutor(1, "gancam-thumbnails", initializer=_step_back)

    def take(self, image: Image | None, name: str = "") -> int:
        """Take the frame that all are made of from now on; None for the test pattern. Returns its number.

        What was made of the same frame, the same array or of the same `name`, is kept.
        """
        with self._lock:
            if self._number and (name == self._name if name or self._name else image is self._taken):
                return self._number
            self._taken, self._name = image, name
            self._frame = TestPattern(_SHOWN).image(0) if image is None else image
            self._number += 1
            self._made.clear()
            return self._number

    def get(self, name: str, number: int) -> "Future[bytes | None]":
        """Make, or give, the JPEG of a model and a frame, when it is its turn.

        Returns:
            What will be None where the frame is not the newest any more, or the model cannot be shown, and raise
            ``GancamError`` where the model fails.
        """
        return self._worker.submit(self._get, name, number)

    def seed(self, name: str, seed: int) -> "Future[bytes]":
        """Make the JPEG of a generator's picture, when it is its turn; the result may raise ``GancamError``."""
        return self._worker.submit(self._seed, name, seed)

    def close(self) -> None:
        """Begin no other, and wait for the one that is made."""
        self._worker.shutdown(cancel_futures=True)

    def _seed(self, name: str, seed: int) -> bytes:
        if self._generator is None or self._generator[0] != name:  # a sheet asks for many of one
            self._generator = name, open_generator(name, precision="fp32", threads=1)
        picture = np.ascontiguousarray(generate(self._generator[1], [seed])[0])
        return as_jpeg(picture, 82) or b""

    def _get(self, name: str, number: int) -> bytes | None:
        with self._lock:
            frame, newest = self._frame, self._number
            made = self._made.get((name, number))
        if number != newest or made is not None:
            return made
        jpeg = as_jpeg(_fitted(_shown(name, frame), SIZE), 82) or b""
        with self._lock:
            if number == self._number:
                while len(self._made) >= _KEPT:
                    self._made.pop(next(iter(self._made)))
                self._made[name, number] = jpeg
        return jpeg


def _shown(name: str, frame: Image) -> Image:
    effect = open_effect(EffectSpec(name), precision="fp32", threads=1)  # "auto" would try all precisions first
    scale = 1 if effect.card is None else effect.card.scale
    if scale == 1:
        frame = _fitted(frame, _SHOWN)
    if isinstance(effect, MaskedEffect):
        return effect(frame, mask=_middle(frame))
    return _halves(effect, _crop(frame, SIZE[0] // scale, SIZE[1] // scale)) if scale > 1 else effect(frame, time=0.0)


def _halves(effect: Effect, frame: Image) -> Image:
    """Enlarge `frame` on the right of a line, with bicubic scaling on its left."""
    shown = effect(frame, time=0.0).copy()
    height, width = shown.shape[:2]
    plain = np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    shown[:, : width // 2] = plain[:, : width // 2]
    shown[:, width // 2 - 1 : width // 2 + 1] = 255
    return shown


def _crop(image: Image, width: int, height: int) -> Image:
    """Cut `image` to its middle, so that each of its pixels can be seen."""
    top, left = max(image.shape[0] - height, 0) // 2, max(image.shape[1] - width, 0) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def _middle(frame: Image) -> Image:
    """Mark what stands in the middle."""
    height, width = frame.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 7, height // 4), 0, 0, 360, 255, cv2.FILLED)
    return mask


def _fitted(image: Image, most: tuple[int, int]) -> Image:
    height, width = image.shape[:2]
    share = min(most[0] / width, most[1] / height, 1.0)
    if share == 1.0:
        return image
    size = max(round(width * share), 1), max(round(height * share), 1)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _step_back() -> None:
    """Let all other threads go first; those that this one starts, too."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
