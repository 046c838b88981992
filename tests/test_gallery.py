"""The gallery of the documentation: its script, and that all it names is there, with every bundled model."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.gallery import __main__ as gallery
from benchmarks.gallery import files, moving, pictures, tasks
from gancam.inference.card import ModelCard
from gancam.inference.catalog import menu
from tests.helpers.small import still

GALLERY = Path(__file__).parent.parent / "docs" / "gallery"
MADE = json.loads((GALLERY / "gallery.json").read_text(encoding="utf-8"))
COLUMNS = [column for section in MADE["sections"].values() for column in section["columns"]]
MOST = 2_200_000  # bytes of all pictures and clips


def test_every_model_is_in_the_gallery() -> None:
    """One that was added or renamed: python -m benchmarks.gallery, as docs/gallery/index.md has it."""
    assert {column["model"] for column in COLUMNS if "model" in column} == set(menu())


def test_every_column_has_its_time_and_size() -> None:
    for column in COLUMNS:
        if "key" in column:
            assert MADE["times"]["ms"][column["key"]] > 0, column["name"]
        if "model" in column:
            assert column["kilobytes"] > 0
            assert column["parameters"] > 0
    assert MADE["times"]["machine"]["cpu"]


def test_the_files_of_the_gallery_are_there_and_no_others() -> None:
    named = {value for column in COLUMNS for key, value in column.items() if key in ("image", "more", "film")}
    for section in MADE["sections"].values():
        named |= {section["clip"]} if "clip" in section else set()
        named |= {fail["image"] for fail in section.get("fails", [])}
    there = {file.relative_to(GALLERY).as_posix() for file in GALLERY.glob("*/*")}
    assert named == there
    assert sum((GALLERY / name).stat().st_size for name in named) <= MOST
    assert all((GALLERY / name).stat().st_size <= files.MOST for name in named if name.endswith(".mp4"))


def test_the_page_shows_every_section() -> None:
    page = (GALLERY / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"generated: gallery (\w+)", page)) == set(gallery.SECTIONS)
    clips = {name for name, section in MADE["sections"].items() if "clip" in section}
    assert set(re.findall(r"generated: gallery_clip (\w+)", page)) >= clips


def test_the_tiles_of_clips_are_named() -> None:
    """In the page as well: a player's controls may hide the names in the lowest row."""
    for name, section in MADE["sections"].items():
        if "clip" in section:
            playing = [column["name"] for column in section["columns"] if "key" in column]
            assert section["tiles"] == [*filter(None, [moving.MOVING[name].before]), *playing]


def test_what_is_shown_may_be_published() -> None:
    for one in [*MADE["pictures"], *MADE["clips"]]:
        assert one["source"]
        assert one["licence"].startswith(
            ("CC0", "CC BY 4.0", "CC BY 3.0", "Apache-2.0", "public domain", "unrestricted")
        )
    assert (len(MADE["pictures"]), len(MADE["clips"])) == (10, 3)


@pytest.mark.slow
def test_the_script_makes_a_section(tmp_path: Path) -> None:
    given = [tmp_path / "lake.png", tmp_path / "sign.png"]
    for path in given:
        cv2.imwrite(str(path), still(path.stem)[:80, :120])
    told = ["--pictures", *map(str, given), "--clips", "--out", str(tmp_path / "out"), "--only", "x2", "--no-times"]
    assert gallery.main([*told, "--models", "sr-x2-fast", "sr-x2"]) == 0
    made = json.loads((tmp_path / "out" / "gallery.json").read_text())
    section = made["sections"]["x2"]
    assert [column["name"] for column in section["columns"]] == ["bicubic", "sr-x2-fast", "sr-x2", "the picture"]
    assert section["rows"] == ["lake", "sign"]
    bicubic, fast, faithful, _ = section["columns"]
    assert bicubic["db"] < fast["db"] < faithful["db"]
    shown = cv2.imread(str(tmp_path / "out" / faithful["image"]), cv2.IMREAD_UNCHANGED)
    assert shown is not None
    assert shown.shape == (2 * 80 + files.GAP, 120, 4)
    assert not shown[80 : 80 + files.GAP, :, 3].any()
    first = {file.name: file.read_bytes() for file in (tmp_path / "out" / "x2").iterdir()}
    assert gallery.main([*told, "--models", "sr-x2-fast", "sr-x2"]) == 0
    assert first == {file.name: file.read_bytes() for file in (tmp_path / "out" / "x2").iterdir()}


@pytest.mark.parametrize(
    ("card", "sections"),
    [
        (ModelCard(name="a", effect="super_resolution", scale=1), ["restore"]),
        (ModelCard(name="a", effect="super_resolution", scale=2), ["restore", "x2"]),
        (ModelCard(name="a", effect="super_resolution", scale=4), ["x4", "faces"]),
        (ModelCard(name="a", effect="super_resolution", scale=3), ["others"]),
        (ModelCard(name="a", effect="translate", recipe="style"), ["styles"]),
        (ModelCard(name="a", effect="translate", keeps="luma"), ["colour"]),
        (ModelCard(name="a", effect="morph", layout="latent"), ["generators"]),
        (ModelCard(name="a", effect="newfangled"), ["others"]),
    ],
)
def test_a_model_is_shown_where_its_card_says(card: ModelCard, sections: list[str]) -> None:
    assert [name for name in gallery.SECTIONS if tasks.belonging(name, {"a": card})] == sections


def test_crops_are_of_the_same_place_and_within_the_picture() -> None:
    image = np.arange(60 * 80, dtype=np.int64).reshape(60, 80, 1).repeat(3, 2).astype(np.uint8)
    corner = pictures.cut(image, (20, 10), (0.0, 1.0))
    assert np.array_equal(corner, image[50:, :20])
    assert pictures.cut(image, (200, 10), (0.5, 0.5)).shape == (10, 80, 3)
    assert pictures.Picture(image, pictures.Credit()).whole(image, (30, 30)).shape == (30, 30, 3)
