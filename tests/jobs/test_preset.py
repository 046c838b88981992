"""Options in a file mean what they mean on the command line, and what is given there wins."""

import json
from pathlib import Path
from typing import Any

import pytest

from gancam.effects import EffectSpec
from gancam.errors import InputError, NotFound
from gancam.jobs.preset import parse_effects, read_preset, write_effects
from tests.helpers.clips import make_clip
from tests.helpers.command import here, refused
from tests.helpers.small import network, write_models

OPTIONS: dict[str, type] = {"quality": float, "codec": str, "eight-bit": bool, "threads": int, "effect": list}


def test_a_preset_is_read(tmp_path: Path) -> None:
    file = tmp_path / "film.toml"
    file.write_text(
        'quality = 90\ncodec = "h265"\neight_bit = true\nthreads = 2\neffect = ["a", {name = "b", x = 0.5, y = true}]'
    )
    assert read_preset(file, OPTIONS) == {
        "quality": 90, "codec": "h265", "eight-bit": True, "threads": 2,
        "effect": [EffectSpec("a"), EffectSpec("b", {"x": "0.5", "y": "true"})],
    }  # fmt: skip


def test_numbers_are_texts_where_an_option_takes_those(tmp_path: Path) -> None:
    file = tmp_path / "film.toml"
    file.write_text("jobs = 2\nfrom = 5\nto = 7.5\n")
    assert read_preset(file, {"jobs": str, "from": str, "to": str}) == {"jobs": "2", "from": "5", "to": "7.5"}


def test_texts_of_a_table_may_hold_anything(tmp_path: Path) -> None:
    file = tmp_path / "film.toml"
    file.write_text("[[effect]]\nname = 'C:\\x.onnx'\nmask = 'http://a:grow=1'\ndraw = true\ngrow = 2\n")
    spec = EffectSpec(r"C:\x.onnx", {"mask": "http://a:grow=1", "draw": "true", "grow": "2"})
    assert read_preset(file, OPTIONS) == {"effect": [spec]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("qualty = 1", "no option 'qualty' (did you mean 'quality'?)"),
        ('quality = "high"', "quality=high: needs a number"),
        ("quality = true", "quality=true: needs a number"),
        ("threads = 1.5", "threads=1.5: needs a whole number"),
        ("eight_bit = 1", "eight_bit=1: needs true or false"),
        ("codec = true", "codec=true: needs a text"),
        ("codec = [264]", "codec=[264]: needs a text"),
        ("effect = [3]", "effect=3: needs a text"),
        ("[[effect]]\nstrength = 1", "effect: an effect needs a name"),
        ("[[effect]]\nname = 'a'\nx = [1]", "effect: a: x=[1]: needs a number"),
        ("[[effect]]\nname = 'a'\nx = 2026-01-01", "effect: a: x=2026-01-01: needs a number"),
        ("[[effect]]\nname = 'a'\n'x y' = 1", "effect: effect 'a': 'x y' is not a parameter name"),
        ("effect = 'sr-x2:a b'", "effect: effect 'sr-x2:a b': 'a b' is not key=value"),
        ("quality = ", "cannot be read as TOML"),
        ("\udcff", "cannot be read as TOML"),
    ],
)
def test_what_is_wrong_is_told_with_key_and_file(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "film.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as caught:
        read_preset(file, OPTIONS)
    assert str(caught.value).startswith(f"{file}: {says}")
    with pytest.raises(NotFound, match="no such preset"):
        read_preset(tmp_path / "none.toml", OPTIONS)


def test_a_preset_on_the_command_line(tmp_path: Path) -> None:
    model = write_models(tmp_path, network())
    source, out, film = make_clip(tmp_path / "a.mp4"), tmp_path / "b.mkv", tmp_path / "film.toml"
    film.write_text(
        f'codec = "h265"\nfrom = "0.4s"\njson = true\nprecision = "fp32"\n[[effect]]\nname = "{model}"\nstrength = 0.5'
    )

    def made(*arguments: Any) -> dict[str, Any]:
        done = here("process", source, out, "--preset", film, "--overwrite", *arguments)
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    report = made()
    assert report["frames"] == 12
    assert "small" in report["stage_seconds"]
    assert made("--from", "0")["frames"] == 24
    assert made("--to", "0.6")["frames"] == 6
    film.write_text(f'effect = ["{model}:strenght=1"]')
    refused("process", source, out, "--preset", film, "--overwrite", says="film.toml: small: no parameter 'strenght'")
    film.write_text('effect = "sr-x9"')
    refused("process", source, out, "--preset", film, "--overwrite", says="film.toml: no model 'sr-x9'")
    film.write_text('preset = "other.toml"')
    refused("process", source, out, "--preset", film, "--overwrite", says="film.toml: no option 'preset'")


def test_what_is_written_is_read_again() -> None:
    specs = [EffectSpec("inpaint", {"mask": 'a\x7fb\x1f"\\ \u00e9\U0001f600.png'})]
    assert parse_effects(write_effects(specs)) == specs
    with pytest.raises(InputError, match=r"'a\\udcff.png': cannot be written into a preset, which is UTF-8"):
        write_effects([EffectSpec("inpaint", {"mask": "a\udcff.png"})])


def test_none_in_a_preset_is_no_effect(tmp_path: Path) -> None:
    preset = tmp_path / "p.toml"
    preset.write_text('effect = ["none"]\n')
    assert read_preset(preset, {"effect": list}) == {"effect": []}
    with pytest.raises(InputError, match="'none' is no effect, and others stand beside it"):
        parse_effects('effect = ["none", "sr-x2"]')
