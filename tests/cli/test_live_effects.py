"""Effects that are exchanged while they play."""

import gc
import json
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from gancam.cli.live_effects import LiveEffects
from gancam.cli.menu import choices, parse_chain, thumbnail
from gancam.control import Controls, ControlServer
from gancam.effects import Effect, EffectSlot, EffectSpec, slots
from gancam.errors import GancamError, InputError, MaskError, ModelError, NotFound
from gancam.frame import Frame, Image
from gancam.params import Params, parameter
from gancam.sinks.logs import ParameterLog
from tests.helpers.small import network, write_models

SIZE = (40, 24)
IMAGE = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)


class Grey(Effect):
    """Makes a picture of one grey, `times` as large."""

    def __init__(self, level: int, times: int = 1) -> None:
        self.grey, self.times, self.closed = level, times, False

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        return np.full((image.shape[0] * self.times, image.shape[1] * self.times, 3), self.grey, np.uint8)

    @property
    def name(self) -> str:
        return f"grey{self.grey}"

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return size[0] * self.times, size[1] * self.times

    def close(self) -> None:
        self.closed = True


MENU = {name: (EffectSpec(name),) for name in ("a", "b", "bad")} | {"none": ()}


class Loader:
    """Loads greys, when it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.may.set()
        self.made: list[Grey] = []

    def __call__(self, specs: tuple[EffectSpec, ...]) -> list[EffectSlot]:
        self.may.wait(120)
        if any(spec.name == "bad" for spec in specs):
            raise ModelError("bad: is damaged")
        new = [Grey(10 if spec.name == "a" else 20, 2) for spec in specs]
        self.made += new
        return slots(new)


class Play:
    """The loop, step by step."""

    def __init__(self, effects: LiveEffects, controls: Controls) -> None:
        self.effects, self.controls, self.index = effects, controls, 0

    def frame(self) -> Image:
        frame = Frame(IMAGE, self.index, self.index / 30)
        self.index += 1
        self.effects.before(frame)
        self.controls(frame)
        return self.effects(IMAGE, time=frame.time)

    def until(self, true: Callable[[], bool]) -> Image:
        deadline = time.monotonic() + 120
        while True:
            out = self.frame()
            if true():
                return out
            assert time.monotonic() < deadline
            time.sleep(0.002)


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def play(loader: Loader, said: list[str]) -> Iterator[Play]:
    controls = Controls([])
    effects = LiveEffects(MENU, loader, controls, size=SIZE, warn=said.append)
    yield Play(effects, controls)
    loader.may.set()
    effects.close()


def test_what_played_goes_on_until_the_next_is_loaded(play: Play, loader: Loader) -> None:
    assert (play.frame() == IMAGE).all()
    loader.may.clear()
    assert play.effects.choose("a") == "a"
    for _ in range(5):
        assert (play.frame() == IMAGE).all()
    assert (play.effects.playing, play.effects.coming) == ("none", "a")
    assert play.effects.status == "loading a"
    loader.may.set()
    out = play.until(lambda: play.effects.playing == "a")
    assert out.shape == (48, 80, 3)
    assert set(np.unique(out)) == {10}
    assert [effect.name for effect in play.controls.effects] == ["grey10"]
    play.controls.request({"grey10.on": False})
    assert (play.frame() == 90).all()
    play.effects.choose("b")
    assert set(np.unique(play.until(lambda: play.effects.playing == "b"))) == {20}
    assert [effect.closed for effect in loader.made] == [True, False]
    assert list(play.controls.by_name) == ["grey20.on"]
    assert set(play.effects.effect_seconds) == {"grey10", "grey20"}
    assert play.effects.step(-1) == "a"
    assert play.effects.step(-1) == "none"
    assert (play.until(lambda: play.effects.playing == "none") == IMAGE).all()


@dataclass
class PickyParams(Params):
    size: int = parameter(1, minimum=0, help="how large it is")


class Picky(Effect):
    """Finds out with a frame that it cannot be so large, or cannot go on at all."""

    params: PickyParams

    def __init__(self) -> None:
        self.params, self.broken = PickyParams(), False

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        if self.broken or self.params.size > 5:
            raise MaskError(f"size={self.params.size}: lies outside the picture")
        return np.full_like(image, self.params.size)


def test_a_parameter_that_cannot_be_in_this_picture_ends_nothing(said: list[str]) -> None:
    controls, picky = Controls([]), Picky()
    effects = LiveEffects({"picky": (EffectSpec("picky"),)}, lambda specs: slots([picky]), controls, size=SIZE,
                          warn=said.append)  # fmt: skip
    play = Play(effects, controls)
    try:
        effects.choose("picky")
        play.until(lambda: effects.playing == "picky")
        controls.request({"Picky.size": 4})
        assert (play.frame() == 4).all()
        controls.request({"Picky.size": 9})
        assert (play.frame() == 4).all()
        assert picky.params.size == 4
        assert controls.by_name["Picky.size"].value == 4
        assert "size=9: lies outside the picture" in said[0]
        assert "size=9" in effects.news()
        picky.broken = True
        with pytest.raises(MaskError):  # no parameter did that
            play.frame()
    finally:
        effects.close()


def test_what_fails_at_its_first_frame_gives_way_to_what_played(said: list[str]) -> None:
    controls, grey, picky = Controls([]), Grey(20), Picky()
    picky.broken = True
    loaded = {"grey": grey, "picky": picky}
    menu = {name: (EffectSpec(name),) for name in loaded}
    effects = LiveEffects(menu, lambda specs: slots([loaded[specs[0].name]]), controls, size=SIZE, warn=said.append)
    play = Play(effects, controls)
    try:
        effects.choose("picky")
        assert (play.until(lambda: bool(said)) == IMAGE).all()
        assert effects.playing == "none"
        effects.choose("grey")
        assert (play.until(lambda: effects.playing == "grey") == 20).all()
        effects.choose("picky")
        assert (play.until(lambda: len(said) == 2) == 20).all()
        assert (effects.playing, list(controls.by_name), grey.closed) == ("grey", ["grey20.on"], False)
        assert said == [
            "Picky: size=1: lies outside the picture; the plain picture goes on",
            "Picky: size=1: lies outside the picture; grey goes on",
        ]
        assert effects.news() == "Picky: size=1: lies outside the picture"
        picky.broken = False
        effects.choose("picky")
        assert (play.until(lambda: effects.playing == "picky") == 1).all()
        assert grey.closed
    finally:
        effects.close()


def test_what_cannot_be_loaded_is_told_and_changes_nothing(play: Play, said: list[str]) -> None:
    play.effects.choose("a")
    play.until(lambda: play.effects.playing == "a")
    play.effects.choose("bad")
    play.until(lambda: not play.effects.coming)
    assert play.effects.playing == "a"
    assert said == ["bad: bad: is damaged"]
    assert (play.effects.news(), play.effects.news()) == ("bad: bad: is damaged", "")
    with pytest.raises(NotFound):
        play.effects.choose("sr-x3")
    with pytest.raises(GancamError, match="lenght"):
        play.effects.choose("sr-x2:lenght=1")


def test_the_last_wish_counts(play: Play, loader: Loader) -> None:
    loader.may.clear()
    for name in ("a", "b", "a", "b"):
        play.effects.choose(name)
    loader.may.set()
    play.until(lambda: play.effects.playing == "b")
    assert not play.effects.coming


def test_outputs_of_one_size_keep_it(play: Play, loader: Loader) -> None:
    play.effects.play(play.effects.load("none", ()), fixed=(30, 30))
    assert play.frame().shape == (30, 30, 3)
    play.effects.choose("a")
    out = play.until(lambda: play.effects.playing == "a")
    assert out.shape == (30, 30, 3)
    assert play.effects.output_size(SIZE) == (30, 30)
    assert (out[0] == 0).all()  # in its own proportions
    assert (out[15] == 10).all()


def test_with_a_time_to_keep_there_is_always_a_level_that_fits(loader: Loader) -> None:
    class Slow(Grey):
        def __call__(self, image: Image, *, time: float | None = None) -> Image:
            clock[0] += 0.5
            return super().__call__(image)

    clock, told, controls = [0.0], list[str](), Controls([])
    effects = LiveEffects(
        {"slow": ()}, lambda specs: slots([Slow(10, 2)]), controls,
        size=SIZE, seconds=0.04, notify=told.append, clock=lambda: clock[0],
    )  # fmt: skip
    play = Play(effects, controls)
    assert (play.frame() == IMAGE).all()
    effects.choose("slow")
    out = play.until(lambda: effects.playing == "slow")
    assert out.shape == (48, 80, 3)
    assert (out == 90).all()
    hint = "to leave nothing out, allow 588 ms a frame (1.7 frames a second)"
    assert told == [f"at most 40 ms a frame, outputs included: grey10 off (0 ms); {hint}"]
    assert effects.stats()["playing"] == "grey10 off"
    assert "grey10 off" in effects.status
    effects.close()


def test_a_recording_has_the_effect_from_its_first_frame(loader: Loader) -> None:
    effects = LiveEffects(MENU, loader, Controls([]), size=SIZE, seconds=1.0)
    effects.play(effects.load("a", MENU["a"]))
    assert set(np.unique(Play(effects, effects._controls).frame())) == {10}
    assert not any("was not played" in note for note in effects.notes)
    effects.close()


def test_what_was_not_ready_in_time_is_told(play: Play, loader: Loader) -> None:
    loader.may.clear()
    play.effects.choose("a")
    play.frame()
    assert play.effects.notes == ["a was not played: it was still being loaded or measured when playing ended"]
    loader.may.set()
    play.until(lambda: play.effects.playing == "a")
    assert play.effects.notes == []


def test_closing_ends_what_is_being_loaded(loader: Loader) -> None:
    effects = LiveEffects(MENU, loader, Controls([]), size=SIZE)
    effects.choose("a")
    effects.close()
    assert all(effect.closed for effect in loader.made)
    assert not [thread for thread in threading.enumerate() if thread.name == "gancam-load"]


def test_by_the_socket(play: Play) -> None:
    server = ControlServer(0, play.controls, play.effects)
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as client, client.makefile("rw") as lines:

            def ask(command: str) -> dict[str, object]:
                lines.write(command + "\n")
                lines.flush()
                answer = json.loads(lines.readline())
                assert isinstance(answer, dict)
                return answer

            assert ask("play") == {"playing": "none", "coming": "", "failed": "", "names": list(MENU)}
            assert ask("play a") == {"play": "a"}
            play.until(lambda: play.effects.playing == "a")
            assert ask("list")["effects"] == ["grey10"]
            assert ask("play bad") == {"play": "bad"}
            play.until(lambda: not play.effects.coming)
            assert play.effects.news()  # whoever shows it takes it from nobody
            for _ in range(2):
                told = ask("play")
                assert (told["playing"], told["failed"]) == ("a", "bad: bad: is damaged")
            assert ask("play b") == {"play": "b"}
            play.until(lambda: play.effects.playing == "b")
            assert ask("play")["failed"] == ""
            assert "no model" in str(ask("play sr-x3")["error"]) or "sr-x3" in str(ask("play sr-x3")["error"])
            assert "play [EFFECT ...]" in str(ask("dance")["error"])
    finally:
        server.close()


def test_a_recording_of_parameters_tells_that_effects_changed(play: Play, tmp_path: Path) -> None:
    log = ParameterLog(tmp_path / "a.jsonl", play.controls)
    log.write(Frame(IMAGE, 0, 0.0))
    play.effects.choose("a")
    play.until(lambda: play.effects.playing == "a")
    log.write(Frame(IMAGE, 1, 1.0))
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["effects"] for line in lines] == [[], ["grey10"]]
    assert lines[1]["set"] == {"grey10.on": True}


def test_what_can_be_chosen(tmp_path: Path) -> None:
    preset = tmp_path / "evening.toml"
    preset.write_text('effect = ["sr-x2:strength=0.5", "morph-fruits"]\nquality = 3\n')
    drawn = choices(parse_chain("inpaint:draw:invert=on"), [])
    assert next(iter(drawn)) == "inpaint:draw:invert"
    assert parse_chain(next(iter(drawn))) == drawn["inpaint:draw:invert"]
    assert list(choices(parse_chain("inpaint:draw"), [])).count("inpaint:draw") == 1
    found = choices(parse_chain("sr-x2:strength=0.25"), [preset])
    assert list(found)[:2] == ["sr-x2:strength=0.25", "evening"]
    assert [spec.name for spec in found["evening"]] == ["sr-x2", "morph-fruits"]
    assert {"restore-x2", "style-oil", "inpaint:draw", "none"} <= set(found)
    assert found["none"] == ()
    preset.write_text('effect = ["sr-x3"]\n')
    with pytest.raises((InputError, NotFound), match=r"evening\.toml"):
        choices((), [preset])


def test_thumbnails(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
    model = write_models(tmp_path, network())
    assert thumbnail(image, ()).shape == (144, 256, 3)
    assert thumbnail(image, (EffectSpec(str(model)),)).shape == (144, 256, 3)
    assert thumbnail(image[:1, :1], (EffectSpec(str(model)),)).shape == (1, 1, 3)
    assert thumbnail(image[:, :100], ()).shape == (144, 40, 3)


class Watchful(Grey):
    """Notes each close and each discard in `said`, and has a thing to tell."""

    def __init__(self, name: str, said: list[str]) -> None:
        super().__init__(50)
        self._name, self._said = name, said

    @property
    def name(self) -> str:
        return self._name

    @property
    def notes(self) -> list[str]:
        return [f"{self._name} played"]

    def close(self) -> None:
        self._said.append(f"close {self._name}")

    def discard(self) -> None:
        self._said.append(f"discard {self._name}")


@pytest.mark.parametrize("seconds", [None, 1.0])
def test_effects_that_play_no_more_are_let_go(seconds: float | None) -> None:
    """Each change of a long session kept its networks: 58 MB."""
    alive, said, controls = weakref.WeakSet[Effect](), list[str](), Controls([])

    def load(specs: tuple[EffectSpec, ...]) -> list[EffectSlot]:
        new = [Watchful(spec.name, said) for spec in specs]
        alive.update(new)
        return slots(new)

    effects = LiveEffects(MENU, load, controls, size=SIZE, seconds=seconds)
    play = Play(effects, controls)
    for name in ("a", "b", "a", "b", "none"):
        effects.choose(name)
        play.until(lambda name=name: effects.playing == name and not effects.coming)  # type: ignore[misc]
    gc.collect()
    assert not alive
    assert said == ["close a", "close b"] * 2
    assert set(effects.effect_seconds) == {"a", "b"}
    assert [note for note in effects.notes if "played" in note] == ["a played", "b played"]
    effects.close()


def test_what_was_loaded_and_never_played_is_closed(loader: Loader) -> None:
    """It stayed, and so did a thread that looks at its file."""
    said, controls, begun = list[str](), Controls([]), threading.Event()

    def load(specs: tuple[EffectSpec, ...]) -> list[EffectSlot]:
        begun.set()
        loader.may.wait(120)
        return slots([Watchful(spec.name, said) for spec in specs])

    effects = LiveEffects(MENU, load, controls, size=SIZE)
    loader.may.clear()
    effects.choose("a")
    assert begun.wait(120)
    effects.choose("b")
    loader.may.set()
    wait_until(lambda: not effects.coming and "close a" in said)
    effects.choose("a")
    wait_until(lambda: not effects.coming and "close b" in said)  # no frame came to play it
    effects.close()
    assert said == ["discard a", "close a", "discard b", "close b", "discard a", "close a"]
    assert effects.notes == []


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)
