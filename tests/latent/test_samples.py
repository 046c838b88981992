"""Sheets and loops of a small generator, and the two commands that make them."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.errors import InputError
from gancam.inference.model import Generator
from gancam.latent.path import seeded
from gancam.latent.samples import LoopSource, generate, grid, open_generator
from gancam.media.animated import shown_for
from tests.helpers.clips import make_clip
from tests.helpers.command import here, refused, video
from tests.helpers.small import generator, network, write_generator, write_models


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("models"), generator())


@pytest.fixture(scope="module")
def model(path: Path) -> Generator:
    return open_generator(str(path), device="cpu", threads=1)


def test_pictures_are_those_of_the_seeds(model: Generator) -> None:
    made = generate(model, range(40), truncation=1.0)
    assert made.shape == (40, 16, 16, 3)
    assert np.array_equal(made[17:18], model(seeded([17], 12))[0])
    assert np.array_equal(generate(model, [5, 17], truncation=1.0), made[[5, 17]])
    average = generate(model, [1, 2], truncation=0.0)
    assert np.array_equal(average[0], average[1])
    assert generate(model, []).shape == (0, 16, 16, 3)
    with pytest.raises(InputError, match="truncation"):
        generate(model, [1], truncation=1.5)


def test_a_sheet_is_row_by_row() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 3), np.uint8)
    sheet = grid(images, 3)
    assert sheet.shape == (4, 9, 3)
    assert [int(sheet[y, x, 0]) for y in (0, 2) for x in (0, 3, 6)] == [0, 1, 2, 3, 4, 255]


def test_a_loop_is_a_source_without_a_seam(model: Generator) -> None:
    loop = LoopSource(model, [1, 5, 9], seconds=2.0, fps=24, size=64)
    frames = list(loop)
    assert (loop.fps, loop.size, loop.frames) == (24, (64, 64), 48)
    assert [frame.index for frame in frames] == list(range(48))
    assert frames[-1].time == 47 / 24
    generated = [loop.generated(index).astype(float) for index in range(49)]
    assert np.array_equal(generated[0], generated[48])
    steps = [float(np.sqrt(np.square(b - a).mean())) for a, b in pairwise(generated)]
    assert max(steps) / float(np.median(steps)) < 1.5
    loop.close()
    assert not list(loop)
    assert LoopSource(model, [1, 5]).size == (480, 480)


def test_a_loop_smaller_than_its_generator_has_the_mean_of_the_pixels() -> None:
    loop = LoopSource(open_generator("mnist", device="cpu", threads=1), [1, 5], seconds=0.2, fps=10, size=16)
    small, whole = next(iter(loop)).image, loop.generated(0)
    assert whole.shape[0] > 16
    assert np.array_equal(small, cv2.resize(whole, (16, 16), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize(("wrong", "says"), [
    ({"seeds": [1]}, "two seeds"), ({"seeds": [1, -5]}, "seed -5"), ({"seconds": 0}, "seconds"),
    ({"fps": 0}, "fps"), ({"size": 4}, "size"), ({"ease": "bouncy"}, "bouncy"), ({"truncation": 2}, "truncation"),
    ({"seconds": float("nan")}, "seconds"),
])  # fmt: skip
def test_loops_that_cannot_be(model: Generator, wrong: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        LoopSource(model, **{"seeds": [1, 2], **wrong})  # type: ignore[arg-type]


def test_sample_writes_a_sheet_and_files(path: Path, model: Generator, tmp_path: Path) -> None:
    sheet, folder = tmp_path / "grid.png", tmp_path / "many"
    done = here("sample", path, "-n", 10, "--seed", 7, sheet, "--to", folder)
    assert done.returncode == 0, done.stderr
    assert "seeds 7 to 16" in done.stdout
    made = generate(model, range(7, 17))
    written = cv2.imread(str(sheet))
    assert written is not None
    assert np.array_equal(written, grid(made, 4))
    assert sorted(file.name for file in folder.iterdir()) == [f"tiny-{seed:06d}.png" for seed in range(7, 17)]
    last = cv2.imread(str(folder / "tiny-000016.png"))
    assert last is not None
    assert np.array_equal(last, made[-1])
    for target in ((sheet,), ("--to", folder), (tmp_path / "other.png", "--to", folder)):
        refused("sample", path, "-n", 10, "--seed", 7, *target, says="exists")
    assert here("sample", path, "-n", 2, sheet, "--overwrite").returncode == 0


def test_morph_writes_a_loop(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "loop.mp4"
    done = here("morph", path, out, "--seeds", "1,5,9", "--seconds", 1, "--size", 96)
    assert done.returncode == 0, done.stderr
    assert video(out) == (30, (96, 96), 0)
    refused("morph", path, out, says="exists")
    assert here("morph", path, out, "--seeds", "1/5", "--seconds", 0.5, "--overwrite", "-q").stdout == ""
    for name in ("loop.gif", "loop.webp"):
        done = here("morph", path, tmp_path / name, "--seconds", 1, "--size", 48)
        assert done.returncode == 0, done.stderr
        assert shown_for(tmp_path / name) == 1


def test_a_clips_own_track_drives(path: Path, tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "tone.mp4", audio=[("aac", 0.0)]), tmp_path / "out.mp4"
    spec = f"{path}:drive=audio:region=full:speed=20:truncation=1"
    done = here("process", clip, out, "-e", spec)
    assert done.returncode == 0, done.stderr
    refused("process", clip, tmp_path / "no.mp4", "-e", f"{spec}:audio=gone.wav", "-q", says="gone.wav: no such file")
    mute = make_clip(tmp_path / "mute.mp4")
    refused("process", mute, tmp_path / "no.mp4", "-e", spec, "-q", says="mute.mp4: holds no sound")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mute.mp4", "out.mp4", "tone.mp4"]


def test_what_is_wrong(path: Path, tmp_path: Path) -> None:
    out, sheet = tmp_path / "loop.mp4", tmp_path / "grid.png"
    upscaler = write_models(tmp_path, network())
    refused("sample", upscaler, sheet, says="is for super-resolution; this needs a generator")
    refused("morph", upscaler, out, says="is for super-resolution; this needs a generator")
    refused("sample", "morph-frogs", sheet, says="gancam models")
    refused("sample", path, says="--show")
    refused("sample", path, tmp_path / "grid.mp4", says=".png")
    refused("sample", path, sheet, "-n", 0, says="-n")
    refused("sample", path, sheet, "--seed", -1, says="--seed")
    refused("sample", path, sheet, "--truncation", 1.1, says="--truncation")
    refused("sample", path, tmp_path / "no" / "grid.png", says="there is no folder")
    refused("sample", path, "--to", tmp_path / "no" / "where", says="there is no folder")
    refused("morph", path, out, "--seeds", "1", says="two seeds")
    refused("morph", path, out, "--seeds", "1,x", says="1,5,9")
    refused("morph", path, out, "--ease", "bouncy", says="bouncy")
    refused("morph", path, out, "--seconds", 0, says="seconds")
    refused("morph", path, tmp_path / "loop.png", says="a video")
    refused("morph", path, tmp_path / "loop.xyz", says=".xyz")
    refused("process", upscaler, out, "-e", f"{path}:region=0.9/0/0.3/1", says="outside the frame")
    refused("process", upscaler, out, "-e", f"{path}:keyframes=1/b", says="keyframes")
    assert not out.exists()
    assert not sheet.exists()
