"""The effects of a session in a file, so that they are there again at the next start."""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from gancam.effects import EffectSpec
from gancam.errors import MALFORMED
from gancam.files import replace_file

log = logging.getLogger(__name__)
Kept: TypeAlias = tuple[EffectSpec, bool]
"""An effect, and whether it is on."""


class KeptEffects:
    """A file with the effects of a session; every method is for any thread.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, effects: Callable[[], Sequence[Kept]]) -> None:
        """Keep what `effects` gives now; a disk that takes it not is no matter."""
        with self._lock:  # asked within it, so that what is newest is written last
            found = [{"model": spec.name, "params": dict(spec.params), "on": on} for spec, on in effects()]
            with suppress(OSError, ValueError):  # the second of a name that UTF-8 cannot hold
                replace_file(self._path, json.dumps(found, ensure_ascii=False, indent=1).encode())

    def read(self) -> list[Kept]:
        """Give what was kept; nothing where that cannot be read."""
        try:
            return [_kept(one) for one in json.loads(self._path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (OSError, *MALFORMED) as error:
            log.warning("studio: the effects of the last time cannot be read: %r", error)
            return []


def _kept(one: dict[str, object]) -> Kept:
    params = one["params"]
    if not isinstance(params, dict):
        raise TypeError("params: no object")
    return EffectSpec(str(one["model"]), {str(key): str(value) for key, value in params.items()}), bool(one["on"])
