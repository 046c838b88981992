"""Effects of other packages, found by their entry points: real packages in a folder of their own."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import gancam
from gancam.effects import EffectSpec, _registered, _spec, check_spec, effect_names, open_effect
from gancam.frame import Image
from gancam.jobs.process import process_video
from gancam.jobs.spec import EffectChainSpec, ProcessOptions
from gancam.pipeline import Report
from gancam.studio.menu import models
from tests.helpers.clips import make_clip
from tests.helpers.command import gancam as command
from tests.helpers.command import here, refused
from tests.helpers.jobs import Alone, by, same_pictures

CODE = '''
from dataclasses import dataclass
import gancam

@dataclass
class DimParams(gancam.Params):
    by: float = gancam.parameter(0.5, minimum=0.0, maximum=1.0, help="how much light is taken away")

class Dim(gancam.Effect):
    """Take light away.

    More of it.
    """

    params: DimParams = DimParams()
    remembers = False

    def __call__(self, image, *, time=None):
        return (image * (1 - self.params.by)).astype("uint8")

class Annotated(Dim):  # as a dataclass has it, with an __init__ of its own
    params: DimParams

    def __init__(self, **values):
        self.card = gancam.ModelCard(name="annotated", effect="annotated", summary="less light")
        self.params = DimParams.of(**values)

class Bare(gancam.Effect):
    params: "DimParams"

    def __call__(self, image, *, time=None):
        return (image * (1 - self.params.by)).astype("uint8")

class Untold(gancam.Effect):
    def __init__(self):
        self.params = DimParams(by=0.25)

    def __call__(self, image, *, time=None):
        return (image * (1 - self.params.by)).astype("uint8")

class Needy(Bare):
    def __init__(self, by):
        self.params.by = by

def negative(image):
    return 255 - image

class Caller:
    __hash__ = None

    def __call__(self, image):
        return image // 2

half = Caller()
number = 3

def remembering():
    seen = []

    def trail(image):
        seen.append(image.copy())
        return seen[-2].repeat(2, axis=0) if len(seen) > 1 else image.repeat(2, axis=0)

    trail.seen = seen
    return trail

trail = remembering()
'''
ENTRIES = """[gancam.effects]
dim = dimmer:Dim
annotated = dimmer:Annotated
bare = dimmer:Bare
untold = dimmer:Untold
needy = dimmer:Needy
negative = dimmer:negative
half = dimmer:half
number = dimmer:number
trail = dimmer:trail
missing = dimmer:nothing
sketch = dimmer:negative
"""
GREY = np.full((6, 8, 3), 100, np.uint8)


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "dimmer.py").write_text(CODE)
    about = tmp_path / "dimmer-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: dimmer\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    forget()
    yield tmp_path
    sys.modules.pop("dimmer", None)
    forget()


def opened(text: str) -> gancam.Effect:
    return open_effect(EffectSpec.parse(text), device="cpu", threads=1)


def forget() -> None:
    _registered.registered.cache_clear()
    _registered._object.cache_clear()
    _spec.flag_names.cache_clear()


def test_it_is_loaded_by_its_name() -> None:
    assert (opened("dim")(GREY) == 50).all()
    assert (opened("dim:by=0.25")(GREY) == 75).all()
    assert (opened("negative")(GREY) == 155).all()
    assert (opened("half")(GREY) == 50).all()
    assert {"dim", "negative"} <= set(effect_names())


def test_two_of_them_have_parameters_of_their_own() -> None:
    first, second = opened("dim"), opened("dim:by=0.9")
    first.params.set("by", 0.1)
    assert second.params.value("by") == 0.9
    assert opened("dim").params.value("by") == 0.5


@pytest.mark.parametrize(("name", "usual"), [("dim", 50), ("annotated", 50), ("bare", 50), ("untold", 75)])
def test_however_its_class_names_its_parameters(name: str, usual: int) -> None:
    assert (opened(name)(GREY) == usual).all()
    assert (opened(f"{name}:by=0.75")(GREY) == 25).all()
    assert list(opened(name).parameters) == ["by"]
    check_spec(EffectSpec.parse(f"{name}:by=0.75"))
    with pytest.raises(gancam.ParameterError, match="by=2: needs a number from 0 to 1"):
        check_spec(EffectSpec.parse(f"{name}:by=2"))


def test_what_its_class_makes_of_itself_stays() -> None:
    effect = opened("annotated:by=0.9")
    assert effect.card is not None
    assert effect.card.summary == "less light"
    assert opened("untold").params.value("by") == 0.25


def test_a_command_takes_it(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), GREY)
    done = command("process", "in.png", "out.png", "-e", "dim:by=0.75", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = cv2.imread(str(tmp_path / "out.png"))
    assert written is not None
    assert (written == 25).all()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dim:by=2", "by=2: needs a number from 0 to 1"),
        ("dim:bx=1", "no parameter 'bx'"),
        ("negative:by=1", "no parameter 'by'"),
        ("number", "its entry point is int; needs a subclass of gancam.Effect"),
        ("needy", "the effect Needy of dimmer cannot be made without arguments: .*'by'"),
        ("missing", "effect 'missing' of the package dimmer cannot be loaded"),
        ("dimm", "no model 'dimm'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_loaded(text: str, reason: str) -> None:
    with pytest.raises(gancam.GancamError, match=reason):
        gancam.load(text)
    if text != "needy":
        with pytest.raises(gancam.GancamError, match=reason):
            check_spec(EffectSpec.parse(text))
    with pytest.raises(gancam.GancamError, match=reason):
        EffectChainSpec((EffectSpec.parse(text),)).load()


def test_load_is_a_door_for_it_too() -> None:
    dim = gancam.load("dim:by=0.25")
    assert (dim(GREY) == 75).all()
    assert (gancam.load("dim", by=0.75, device="cpu", kind=type(dim))(GREY) == 25).all()
    assert (gancam.load("negative")(GREY) == 155).all()
    with pytest.raises(gancam.InputError, match="has by, which is given as by=1, too"):
        gancam.load("dim:by=0.25", kind=type(dim), by=1)
    with pytest.raises(gancam.ModelError, match="negative: is played by FunctionEffect, not by Morph"):
        gancam.load("negative", kind=gancam.Morph)


def test_it_is_shown_among_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")  # no cell in two lines, whatever the others hold
    table = " ".join(here("models").stdout.split())
    assert "dim (own) effect of dimmer 1.0 Take light away." in table
    assert "effect 'missing' of the package dimmer cannot be loaded" in table
    assert "sketch (own)" not in table
    one = " ".join(here("models", "dim").stdout.split())
    assert "what it does Take light away." in one
    assert "package dimmer 1.0" in one
    assert "by a number from 0 to 1 0.5 how much light is taken away" in one
    known = json.loads(here("models", "dim", "--json").stdout)
    assert known["effect_parameters"] == [
        {"name": "by", "takes": "a number from 0 to 1", "default": 0.5, "help": "how much light is taken away"}
    ]
    entries = {entry["name"]: entry for entry in json.loads(here("models", "--json").stdout)}
    assert entries["dim"] == known
    assert set(entries["sr-x2"]) <= {*entries["dim"], "proved"}
    refused("models", "missing", says="effect 'missing' of the package dimmer cannot be loaded")


def test_one_that_cannot_be_loaded_keeps_no_other_from_playing() -> None:
    assert EffectSpec.parse("inpaint:draw").params == {"draw": "on"}
    assert {entry["name"] for entry in models()} >= {"sr-x2", "dim", "negative"}
    summaries = {entry["name"]: entry["summary"] for entry in models()}
    assert summaries["dim"] == "Take light away."
    assert summaries["bare"] == ""  # not what the base class says of itself


def test_a_model_keeps_its_name() -> None:
    assert isinstance(opened("sketch"), gancam.Translate)


def test_a_bundled_model_is_found_without_a_look_at_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_spec, "registered", lambda: pytest.fail("the packages were listed"))  # a fifth of its time
    check_spec(EffectSpec.parse("sr-x2:strength=0.5"))


def test_a_chain_has_it_among_others() -> None:
    chain = EffectChainSpec((EffectSpec.parse("negative"), EffectSpec.parse("dim:by=0.2"))).load()
    image: Image = GREY
    for effect in chain:
        image = effect(image)
    assert (image == int(155 * 0.8)).all()


def test_a_function_that_remembers_sees_each_frame_of_the_video_once(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", images=[np.full((16, 16, 3), 40 * at + 40, np.uint8) for at in range(4)])
    for words in (
        ["process", clip, tmp_path / "b.mkv", "-e", "trail", "-q"],
        ["process", clip, tmp_path / "c.mkv", "-e", "dim:by=0", "-e", "trail", "-q"],
        ["live", clip, "-e", "trail", "--to", tmp_path / "d.mkv"],
        ["live", clip, "-e", "trail", "--to", tmp_path / "e.mkv", "--target-fps", "5"],
    ):
        forget()
        sys.modules.pop("dimmer", None)
        done = here(*words)
        assert done.returncode == 0, done.stderr
        seen = [int(image.mean() / 40 + 0.5) for image in sys.modules["dimmer"].trail.seen]
        if words[0] == "process":
            assert seen == [1, 2, 3, 4]
        assert seen == sorted(set(seen))
        assert seen[0] == 1
        made = words[2] if words[0] == "process" else words[5]
        with gancam.VideoFile(Path(str(made))) as video:
            assert video.size == (16, 32)


def test_a_budget_does_not_show_noise_to_a_function() -> None:
    seen: list[int] = []

    def counts(image: Image) -> Image:
        seen.append(int(image[0, 0, 0]))
        return image

    budget = gancam.Budget(counts, 1.0)
    for at in range(3):
        budget(np.full((6, 8, 3), at, np.uint8))
    assert seen == [0, 1, 2]


def test_a_pool_sets_parameters_at_the_beginning_as_one_process_does(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv")
    turns = tmp_path / "turns.jsonl"
    turns.write_text(json.dumps({"effects": ["Caller", "Dim"], "time": 0.0, "set": {"Dim.by": 0.75}}) + "\n")
    chain = EffectChainSpec((EffectSpec.parse("half"), EffectSpec.parse("dim")))
    options = ProcessOptions(codec="ffv1", params=turns)
    whole, out = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    process_video(clip, whole, chain.load(), options, Report(), notify=lambda note: None)
    by(Alone(chain, tmp_path), clip, out, chain, options)
    assert same_pictures(whole, out)
