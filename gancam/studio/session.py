"""The one session of a studio: what plays, through which effects, for whom."""

import logging
import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gancam.effects import EffectSpec, check_spec, declared, declared_for, own_effect
from gancam.errors import GancamError, InputError, NotFound, either
from gancam.inference.catalog import find, menu, user_menu
from gancam.inference.variants import read_card, variants
from gancam.params import Parameter, Params, Value
from gancam.sources.live import SIZE
from gancam.studio.browser import BrowserCamera
from gancam.studio.chain import Link, LiveChain, spec_of
from gancam.studio.gate import FrameGate
from gancam.studio.kept import KeptEffects
from gancam.studio.player import Player, SourceRequest
from gancam.studio.screen import Screen
from gancam.studio.storage import Storage
from gancam.threads import Listeners
from gancam.vision.pad import DrawingPad, Scene, Stroke

log = logging.getLogger(__name__)
SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp", "srt", "rtp")


class Session:
    """Everything that the page works with; every method is for any thread.

    Args:
        storage: Files that the page may name.

    Attributes:
        version: Counts changes of what ``state`` tells.
        listeners: Are told, in any thread, after each change.
        chain: The effects.
        screen: The newest frame.
        player: The source.
        gate: For what must be done between two frames.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.version = 0
        self._lock = threading.Lock()
        self.listeners = Listeners()
        self.gate = FrameGate()
        self.chain = LiveChain(self.gate, self._chain_changed)
        self._kept = KeptEffects(storage.folder / "effects.json")
        self._restoring = False
        self.screen = Screen(storage.roots["recordings"], self.changed)
        self.player = Player(self.chain, self.screen, self.gate, self.changed)

    def changed(self) -> None:
        """Tell all who listen that there is something new to show."""
        with self._lock:
            self.version += 1
        self.listeners.notify()

    def _chain_changed(self) -> None:
        if not self._restoring:  # one that is ended then would keep half of them
            self._kept.write(self.chain.kept)
        self.changed()

    def restore(self) -> None:
        """Put back the effects that were there when the last session ended, but for what cannot be any more."""
        self._restoring = True
        try:
            for spec, on in self._kept.read():
                try:
                    name = self.add(spec).name
                    if not on:
                        self.chain.request({f"{name}.on": False})
                except GancamError as error:
                    log.warning("studio: %s, an effect of the last time, is left out: %s", spec.name, error)
        finally:
            self._restoring = False

    def close(self) -> None:
        """Stop playing and close the effects."""
        self.player.stop()
        self.chain.close()

    # Sources

    def play(self, kind: str, value: str, size: tuple[int, int] = SIZE, moment: float | None = None) -> None:
        """Play a source from now on.

        Args:
            kind: test, camera, stream or file.
            value: An index or device of a camera, a URL, the reference of a file.
            size: (width, height) that a camera is asked for, and of the test pattern.
            moment: Seconds of the frame of a file that is shown, and stands still; None: it plays.

        Raises:
            GancamError: It cannot be a source. What fails in opening is told by ``state``.
        """
        request = replace(self._request(kind, value), size=size)
        if request.kind == "file" and moment is not None:
            request = replace(request, moment=moment, label=f"{request.label} at {moment:.1f} s")
        self.player.play(request)

    def play_browser(self, camera: BrowserCamera) -> None:
        """Play the camera of the browser from now on."""
        self.player.play(SourceRequest("browser", "0", "Browser camera", camera))

    def _request(self, kind: str, value: str) -> SourceRequest:
        match kind:
            case "test":
                return SourceRequest("test", "test", "Test pattern")
            case "camera" if (value.isdecimal() and value.isascii() and len(value) < 6) or Path(value) in cameras():
                return SourceRequest("camera", value, f"Camera {value}")
            case "camera":
                raise InputError(f"camera {value[:50]!r}: needs the index of a camera")
            case "stream" if value.partition("://")[0].lower() in SCHEMES and "://" in value:
                return SourceRequest("stream", value, value.rpartition("@")[2].partition("?")[0])
            case "stream":
                raise InputError(f"{value[:80]!r}: needs a URL that begins with {either(SCHEMES)}")
            case "file":
                path = self.storage.resolve(value)
                if not path.is_file():
                    raise InputError(f"{value[:80]!r}: is no video file")
                return SourceRequest("file", str(path), path.name)
        raise InputError(f"{kind[:50]!r}: no such kind of source")

    # Effects

    def add(self, spec: EffectSpec) -> Link:
        """Load an effect and put it last. Raises ``GancamError``."""
        spec = self._checked(spec)
        check_spec(spec)
        return self.chain.add(spec)

    def load(self, specs: Sequence[EffectSpec]) -> None:
        """Put other effects in place of all that are there. Raises ``GancamError``; then nothing is changed."""
        checked = [self._checked(spec) for spec in specs]
        for spec in checked:
            check_spec(spec)
        self.chain.replace(checked)

    def _checked(self, spec: EffectSpec) -> EffectSpec:
        """Give `spec` with paths for the references of files."""
        params = _params_of(check_model(spec.name))
        entries = {} if params is None else params.declared()
        return EffectSpec(spec.name, {key: self._path(entries.get(key), text) for key, text in spec.params.items()})

    def request(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Change parameters by EFFECT.PARAMETER from the next frame on. Raises ``ParameterError``, ``InputError``."""
        known = self.chain.controls.by_name
        given = dict(values)
        for name, value in values.items():
            if name in known and isinstance(value, str):
                given[name] = self._path(known[name].entry, value)
        return self.chain.request(given)

    def _path(self, entry: Parameter | None, text: str) -> str:
        """What stands for a file in a parameter, as a path: a reference of the page, or a path below the roots."""
        if entry is None or not _is_file(entry, text):
            return text
        if entry.kind == "new-file":
            return str(self.storage.new("results", text))
        inside = Path(text).is_absolute()
        return str(self.storage.resolve(self.storage.reference(Path(text)) if inside else text))

    # What is drawn on the picture

    def draw(self, name: str, act: Callable[[DrawingPad], Mapping[str, Value]]) -> None:
        """Draw for the effect `name`, between two frames. Raises ``InputError`` where it cannot be drawn for."""
        link = self.chain.link(name)

        def work() -> Mapping[str, Value]:
            pad = link.slot.pad
            if pad is None or pad.size is None:
                raise InputError(f"{name}: turn its drawing on first")
            request = self.player.request
            pad.scene = replace(Scene() if request is None else request.scene, mirrored=self.player.mirrored)
            return act(pad)

        values = self.gate.do(work)
        if values:
            self.chain.request({f"{name}.{key}": value for key, value in values.items()})
        else:
            self.changed()

    def for_files(self, keep: Callable[[Sequence[Stroke]], Path] | None = None) -> list[EffectSpec]:
        """Write down the effects that are on as files are taken through them: what is drawn is a mask in a file.

        Args:
            keep: Makes that file of what was drawn; None: it stays where it was drawn.

        Raises:
            InputError: One has a mask besides what is drawn.
            SinkError: The mask cannot be kept.
        """
        found = []
        for link in self.chain.links:
            if not link.slot.on:
                continue
            spec, pad = spec_of(link), link.slot.pad
            params = {key: text for key, text in spec.params.items() if key != "draw"}
            strokes = [] if pad is None or not pad.brushes else [_as_in_file(one) for one in pad.strokes]
            if strokes:
                if "mask" in params:
                    raise InputError(f"{link.name}: files take what is drawn or its mask, not both; turn one off")
                params["mask"] = str((keep or self.keep_still)(strokes))
            found.append(EffectSpec(spec.name, params))
        return found

    def keep_still(self, strokes: Sequence[Stroke]) -> Path:
        """Keep what was drawn as an image. Raises ``SinkError``."""
        return self.storage.keep_mask(np.bitwise_or.reduce([one.mask for one in strokes]))

    def _drawn_on(self) -> list[dict[str, object]]:
        """Tell on which frames of which files was drawn, of the effects that are on."""
        pads = [link.slot.pad for link in self.chain.links if link.slot.on]
        strokes = [one for pad in pads if pad is not None and pad.brushes for one in pad.strokes]
        found = dict.fromkeys((one.scene.path, one.time) for one in map(_as_in_file, strokes))
        return [{"reference": self.storage.reference_or_nothing(path), "at": time} for path, time in found]

    # What is told

    def state(self) -> dict[str, object]:
        """Tell everything that the page shows, ready for ``json.dumps``."""
        player, request, feed = self.player, self.player.request, self.player.feed
        size = None if feed is None else feed.size
        return {
            "version": self.version,
            "source": {
                "state": player.state, "kind": None if request is None else request.kind,
                "label": "" if request is None else request.label,
                "error": self.storage.hide_paths(player.error), "size": size,
                "output": self._output(size), "mirrored": player.mirrored,
                "stands": request is not None and request.stands,
            },
            "effects": [self._effect(link) for link in self.chain.links],
            "drawnOn": self._drawn_on(),
            "recording": self.screen.recorder.recording,
            "saidCount": self.screen.said_count,
            "said": [self.storage.hide_paths(line) for line in self.screen.said],
        }  # fmt: skip

    def _output(self, size: tuple[int, int] | None) -> tuple[int, int] | None:
        """What becomes of `size`; that itself where an effect that cannot say it has made no picture yet."""
        return size if size is None or not self.chain.knows_size(size) else self.chain.output_size(size)

    def _effect(self, link: Link) -> dict[str, object]:
        pad, card, known = link.slot.pad, link.slot.card, link.slot.parameters
        notes = dict.fromkeys([*link.slot.notes, *(pad.notes if pad is not None else [])])  # both tell of some
        return {
            "name": link.name, "model": link.model, "effect": link.model if card is None else card.effect,
            "on": link.slot.on, "error": self.storage.hide_paths(link.error),
            "notes": [self.storage.hide_paths(note) for note in notes],
            "draws": pad is not None, "drawn": 0 if pad is None else int(np.count_nonzero(pad.mask)),
            "brushes": pad is not None and pad.brushes,
            "values": {key: self._told(known[key], value) for key, value in link.slot.params.values().items()},
            "defaults": {key: one.default for key, one in known.items()},
        }  # fmt: skip

    def _told(self, entry: Parameter, value: Value) -> Value:
        """Give the value of a parameter, a file by its reference."""
        return self.storage.reference(Path(str(value))) if _is_file(entry, value) else value

    def stats(self) -> dict[str, object]:
        """Tell what changes all the time."""
        feed = self.player.feed
        return {
            "fps": round(self.screen.newest.fps(), 1), "dropped": 0 if feed is None else feed.dropped,
            "ms": {link.name: round(link.ms, 1) for link in self.chain.links if link.slot.on},
            "status": {link.name: link.slot.status for link in self.chain.links if link.slot.on},
        }  # fmt: skip

    def command(self) -> str:
        """Write the line of a shell that plays the same; of a still picture, that makes the same of it."""
        request = self.player.request
        source = "test" if request is None else request.argument
        still = request is not None and request.still
        specs = self.for_files() if still else self.chain.specs()
        effects = [part for spec in specs for part in ("-e", str(spec))] or ["-e", "none"]
        if still:
            return shlex.join(["gancam", "process", source, f"{Path(source).stem}-made.png", *effects])
        size = SIZE if request is None or request.kind in ("file", "stream") else request.size
        mirror = ["--mirror"] if self.player.mirrored else []
        return shlex.join(["gancam", "live", source, *effects, *_size_option(size), *mirror])


def _as_in_file(stroke: Stroke) -> Stroke:
    """Give a stroke as it lies on the frame of the file: not mirrored, and at its time."""
    mask = np.ascontiguousarray(stroke.mask[:, ::-1]) if stroke.scene.mirrored else stroke.mask
    time = stroke.time if stroke.scene.moment is None else stroke.scene.moment
    return Stroke(mask, time if stroke.scene.path else None, stroke.scene)


def _is_file(entry: Parameter, value: Value) -> bool:
    """Say whether a value of a parameter names a file."""
    return entry.kind in ("file", "new-file") and value != "" and value not in entry.words


def _size_option(size: tuple[int, int]) -> list[str]:
    return [] if size == SIZE else ["--size", f"{size[0]}x{size[1]}"]


def check_model(name: str) -> str:
    """Give `name`, which must be in the menu: a page names no files. Raises ``NotFound``."""
    if name not in menu() and name not in user_menu() and own_effect(name) is None:
        raise NotFound(f"no model {name[:80]!r}")
    return name


def _params_of(name: str) -> type[Params] | None:
    """Find the class of the parameters of an effect of the menu."""
    alone = own_effect(name)
    if alone is not None:
        return declared(name)
    return declared_for(read_card(next(iter(variants(find(name)).values()))))


def cameras() -> list[Path]:
    """List the devices of cameras, on Linux; elsewhere nothing is known without opening them."""
    return sorted(Path("/dev").glob("video*"))
