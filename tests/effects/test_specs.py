"""An effect as a user names it: parsed once, with file names and URLs that hold colons left whole."""

import copy
import dataclasses
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import gancam
from gancam.effects import EffectSpec, check_spec
from gancam.errors import InputError, ModelError, NotFound, ParameterError
from gancam.inference.catalog import find
from gancam.jobs.ray_pool import files_of, moved
from gancam.jobs.spec import EffectChainSpec
from gancam.tools.models import ModelEntry
from tests.helpers.small import network, write_models


@pytest.mark.parametrize(
    ("text", "name", "params"),
    [
        ("sr-x2", "sr-x2", {}),
        ("sr-x2:strength=0.5:a=b=c", "sr-x2", {"strength": "0.5", "a": "b=c"}),
        ("fill:draw:box=1/2/3/4", "fill", {"draw": "on", "box": "1/2/3/4"}),
        ("fill:box=1/2/3/4:draw", "fill", {"box": "1/2/3/4", "draw": "on"}),
        ("fill:from=2s:to=9.5s", "fill", {"from": "2s", "to": "9.5s"}),
        (r"C:\m\x.onnx", r"C:\m\x.onnx", {}),
        (r"C:\m\x.onnx:strength=1", r"C:\m\x.onnx", {"strength": "1"}),
        ("models/of 12:30.onnx:invert", "models/of 12:30.onnx", {"invert": "on"}),
        (r"inpaint:mask=C:\a.png", "inpaint", {"mask": r"C:\a.png"}),
        (r"inpaint:mask=C:\a.png:invert:grow=2", "inpaint", {"mask": r"C:\a.png", "invert": "on", "grow": "2"}),
        ("m:audio=http://host:80/x.mp3?a=1:drive=audio", "m", {"audio": "http://host:80/x.mp3?a=1", "drive": "audio"}),
        ("m:mask=shot 12:30:05.png", "m", {"mask": "shot 12:30:05.png"}),
        ("m:mask=", "m", {"mask": ""}),
        ("m:mask=:grow=1", "m", {"mask": "", "grow": "1"}),
        ('m:mask="a:grow=1.png":grow=2', "m", {"mask": "a:grow=1.png", "grow": "2"}),
        ('"a:b=c.onnx":grow=2', "a:b=c.onnx", {"grow": "2"}),
        ('m:mask="a"b.png', "m", {"mask": '"a"b.png'}),
    ],
)
def test_what_a_text_means(text: str, name: str, params: dict[str, str]) -> None:
    spec = EffectSpec.parse(text)
    assert (spec.name, dict(spec.params)) == (name, params)
    assert EffectSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no name"),
        (":a=1", "has no name"),
        ("sr:", "'' is not key=value: remove the colon, or write key=value after it"),
        ("sr:=1", "'=1' is not key=value"),
        ("sr:a b", "'a b' is not key=value"),
        ("sr:strength", "'strength' is not key=value, nor a switch that an effect has"),
        ("sr-x2:strength", "'strength' is not key=value: strength takes a number from 0 to 1, as in sr-x2:strength=1"),
        ("sr-x2:strenth", "'strenth' is not key=value (did you mean 'strength'?), and sr-x2 has no switches"),
        ("inpaint:foo", "'foo' is not key=value, nor a switch of inpaint: invert, track, draw,"),
        ("sr::draw", "'' is not key=value"),
        ("sr:strength=1:strength=0", "strength is given twice, as '1' and as '0'"),
    ],
)
def test_a_text_that_means_nothing(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        EffectSpec.parse(text)
    assert str(caught.value).startswith(f"effect {text!r}")
    assert says in str(caught.value)


_TEXTS = (
    st.text()
    | st.text(alphabet=':="ab\\ /\n')
    | st.lists(st.sampled_from([":draw", ":a=", '"', "x", ":"])).map("".join)
)
_KEYS = st.sampled_from(["a", "mask", "from", "draw", "ü_1"])


@given(_TEXTS.filter(bool), st.dictionaries(_KEYS, _TEXTS))
@example("a:draw", {"mask": "x:draw", "a": 'b":draw'})
@example("C:", {"a": ":", "mask": '":a="'})
@example('"a"', {"a": "\ud800"})
def test_any_spec_is_the_same_from_its_text(name: str, params: dict[str, str]) -> None:
    spec = EffectSpec(name, params)
    assert EffectSpec.parse(str(spec)) == spec


def test_a_spec_stays_as_it_is_and_travels() -> None:
    given_params = {"strength": "1"}
    spec = EffectSpec("sr-x2", given_params)
    given_params["strength"] = "0"
    assert spec.params == {"strength": "1"}
    with pytest.raises(TypeError):
        spec.params["strength"] = "0"  # type: ignore[index]
    assert pickle.loads(pickle.dumps(spec)) == spec == copy.deepcopy(spec)
    assert len({spec, EffectSpec("sr-x2", {"strength": "1"})}) == 1
    assert dataclasses.replace(spec, name="x").params == spec.params
    for name, params in (("", {}), ("a", {"b c": "1"}), ("a", {"": "1"})):
        with pytest.raises(InputError, match="effect"):
            EffectSpec(name, params)


def test_parameters_are_checked_without_opening_the_model(tmp_path: Path) -> None:
    model = write_models(tmp_path, network())
    check_spec(EffectSpec(str(model), {"strength": "0.5"}))
    for params, says in (
        ({"strength": "2"}, f"^{model.stem}: strength=2: needs a number from 0 to 1"),
        ({"strenght": "1"}, "did you mean 'strength'"),
        ({"device": "cpu"}, "no parameter 'device'"),
        ({"cls": "1"}, "no parameter 'cls'"),
    ):
        with pytest.raises(ParameterError, match=says):
            check_spec(EffectSpec(str(model), params))
    with pytest.raises(NotFound, match="no model 'sr-x9'"):
        check_spec(EffectSpec("sr-x9"))
    model.write_bytes(b"none")
    with pytest.raises(ModelError):
        check_spec(EffectSpec(str(model), {"strength": "0.5"}))


def test_files_of_a_recipe_are_found_and_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    models = Path("at 12:30")
    models.mkdir()
    model = write_models(models, network())
    Path("a:b.png").write_bytes(b"mask")
    spec = EffectSpec(f"./{model}", {"mask": "./a:b.png", "box": "1/2/3/4", "key": "red"})
    recipe = EffectChainSpec((spec, EffectSpec("sr-x2")), device="cpu")
    files = files_of(recipe)
    assert {str(file) for file in files} == {*(str(file) for file in models.iterdir()), "a:b.png"}
    there = {str(file): Path("/elsewhere") / str(number) / file.name for number, file in enumerate(files)}
    now = moved(recipe, there)
    assert now.specs[0].name == str(there[str(model)])
    assert now.specs[0].params == {"mask": str(there["a:b.png"]), "box": "1/2/3/4", "key": "red"}
    assert now.specs[1] == recipe.specs[1]
    assert dataclasses.replace(now, specs=recipe.specs) == recipe
    assert os.path.basename(now.specs[0].name) == model.name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colorize:clarity=1", "colorize: clarity is for models that draw, and would change nothing here"),
        ("colorize:anchor=scene", "colorize: anchor is for models that lay a texture, and would change nothing here"),
        ("colorize:colours=0.5", "colorize: colours is for models that change more than colours, and would change"),
        ("apple2tomato:clarity=2", "apple2tomato: clarity is for models that draw, and would change nothing here"),
        ("style-comic:anchor=frame", "style-comic: anchor is for models that lay a texture, and would change nothing"),
        ("mnist:mix=3", "mnist: mix is for generators of several layers of styles, and would change nothing here"),
        ("sketch:anchor=frame:clarity=1", ""),
        ("style-comic:clarity=0:colours=1", ""),
        ("morph-fruits:mix=3", ""),
    ],
)
def test_what_would_change_nothing_is_refused(text: str, says: str) -> None:
    spec = EffectSpec.parse(text)
    if not says:
        check_spec(spec)
        return
    with pytest.raises(ParameterError, match=f"^{says}"):
        check_spec(spec)
    with pytest.raises(ParameterError, match=says.partition(": ")[2]):
        gancam.load(text, device="cpu")  # parameters in the text


def test_what_would_change_nothing_is_offered_nowhere() -> None:
    effect = gancam.load("colorize", device="cpu")
    for one in (effect, copy.copy(effect), pickle.loads(pickle.dumps(effect))):
        assert not {"clarity", "anchor", "colours"} & {*one.parameters, *one.params.values()}
        assert type(one.params) is type(effect.params)
    assert {type(one.params) for level in effect.quality_levels() for one in level} == {type(effect.params)}
    assert copy.copy(effect.params) == effect.params == pickle.loads(pickle.dumps(effect.params))
    entry = ModelEntry.read("colorize", find("colorize"))
    assert [one.name for one in entry.effect_parameters] == [*effect.parameters]
    assert "strength" in effect.parameters
