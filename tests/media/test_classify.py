"""What kind of input or output a path names: asked once, answered by one rule."""

import os
from pathlib import Path

import pytest

from gancam.media.paths import SequencePath, StillPath, VideoPath, classify, misnumbered


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp4", VideoPath),
        ("100%d.mp4", VideoPath),
        ("no ending", VideoPath),
        ("-", VideoPath),
        ("a.png", StillPath),
        ("A.JPEG", StillPath),
        ("a%.png", StillPath),
        ("%d-%d.png", StillPath),
        ("%123d.png", StillPath),
        ("frame-%06d.png", SequencePath),
        ("%d.TIF", SequencePath),
        ("%5d.png", StillPath),
    ],
)
def test_a_path_is_of_one_kind(tmp_path: Path, name: str, kind: type) -> None:
    found = classify(tmp_path / name)
    assert type(found) is kind
    assert classify(found) is found
    assert str(found) == os.fspath(found) == str(tmp_path / name)
    assert found == classify(str(tmp_path / name))
    assert hash(found) == hash(classify(str(tmp_path / name)))


@pytest.mark.parametrize(
    ("name", "meant"),
    [("f-%s.png", "f-%06d.png"), ("f-%d-%d.png", "f-%06d.png"), ("%5d.png", "%06d.png"), ("a_%i_b.jpg", "a_%06d_b.jpg"),
     ("%d.png", ""), ("100%.png", ""), ("f-%s.mp4", "")],
)  # fmt: skip
def test_names_that_are_meant_for_numbers_say_how(name: str, meant: str) -> None:
    said = misnumbered(name)
    assert said == (f"{name}: numbered images have one %06d in their name, as {meant} has" if meant else "")


def test_a_file_of_that_very_name_is_one_image(tmp_path: Path) -> None:
    assert isinstance(classify(tmp_path / "%d.png"), SequencePath)
    (tmp_path / "%d.png").touch()
    assert isinstance(classify(tmp_path / "%d.png"), StillPath)


def test_the_images_of_a_sequence(tmp_path: Path) -> None:
    found = classify(tmp_path / "frame-%03d.b.png")
    assert isinstance(found, SequencePath)
    assert found.images() == []
    assert found.image(7) == tmp_path / "frame-007.b.png"
    assert found.image(12345) == tmp_path / "frame-12345.b.png"
    assert found.times == tmp_path / "frame-times.txt"
    for number in (12345, 7, 0):
        found.image(number).touch()
    for other in ("frame-7.b.png", "frame-007xb.png", "a-frame-007.b.png", "frame-007.b.png.txt"):
        (tmp_path / other).touch()
    assert found.images() == [(number, found.image(number)) for number in (0, 7, 12345)]
    assert SequencePath.of(tmp_path / "nowhere" / "%d.png").images() == []  # type: ignore[union-attr]
    assert SequencePath.of("a.png") is None
