"""Learning from a teacher: the pool on disk, and what the student loses."""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from tests.helpers.teachers import ncnn
from train import foreign, recipe, sheets, tasks
from train.data import Photos
from train.pool import CHUNK, Description, Ingredients, Pool, pool
from train.tasks.distil import DistilTask

PLAN = """
task = "distil"
[network]
family = "sr"
scale = 2
channels = 4
depth = 1
dilations = [2]
expansion = 4
[data]
patch = 16
side = 24
count = 70
blend = 0.25
teacher = "{teacher}"
pool = "{folder}/pools"
[[phase]]
name = "all"
iterations = 1
losses = {{ l1 = 1.0 }}
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 35, 3), dtype=np.uint8)
    Pillow.fromarray(pixels).resize((140, 120), Pillow.Resampling.BICUBIC).save(folder / "photo.png")
    return folder


def describe(**changes: object) -> Description:
    about = Description("teacher", "photos", "", 70, 24, 2, 0.5, 1)
    return replace(about, **changes)  # type: ignore[arg-type]


def make(tmp_path: Path, photos: Path, about: Description) -> Pool:
    path, _ = ncnn(tmp_path)

    def ingredients() -> Ingredients:
        frames = Photos(photos, smallest=40, sizes=(1.0,)) if about.frames else None
        return Ingredients(Photos(photos, smallest=96, sizes=(1.0,)), frames, foreign.teacher(path))

    return pool(tmp_path / "pools", about, ingredients)


def test_a_pool_is_made_once_and_goes_on_where_it_stopped(tmp_path: Path, photos: Path) -> None:
    made = make(tmp_path, photos, describe())
    assert made.low.shape == (70, 24, 24, 3)
    assert made.high.shape == made.taught.shape == (70, 48, 48, 3)
    place = tmp_path / "pools" / describe().folder
    first, second = sorted(place.glob("*.npz"))
    before = first.stat().st_mtime_ns
    second.unlink()
    again = make(tmp_path, photos, describe())
    assert first.stat().st_mtime_ns == before
    assert np.array_equal(made.low, again.low)
    assert np.array_equal(made.high, again.high)
    assert np.abs(made.taught.astype(int) - again.taught).max() <= 4  # the teacher's precision is what is fast just now
    assert CHUNK == 64  # of 70, the second file holds 6


def test_a_damaged_part_of_a_pool_is_named(tmp_path: Path, photos: Path) -> None:
    make(tmp_path, photos, describe())
    part = next((tmp_path / "pools").rglob("*.npz"))
    data = part.read_bytes()
    for length in (0, 1000, len(data) - 50):
        part.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"\.npz of the pool is damaged: delete it"):
            make(tmp_path, photos, describe())


def test_what_decides_a_pool_is_its_folder() -> None:
    changes: list[dict[str, object]] = [
        {},
        {"seed": 2},
        {"teacher": "another"},
        {"side": 26},
        {"frames": "some"},
        {"photos": "others"},
    ]
    assert len({describe(**change).folder for change in changes}) == len(changes)


def test_the_original_lies_over_what_is_seen_and_what_is_taught(tmp_path: Path, photos: Path) -> None:
    made = make(tmp_path, photos, describe())
    small = made.high.astype(np.float32).reshape(70, 24, 2, 24, 2, 3).mean((2, 4))
    for other in (1, -1):
        right = np.abs(small - made.low).mean((1, 2, 3))
        for axis in (1, 2):
            moved = np.abs(np.roll(small, other, axis) - made.low).mean((1, 2, 3))
            assert np.mean(moved > right) > 0.9


def test_frames_have_no_original_and_learn_from_the_teacher_alone(tmp_path: Path, photos: Path) -> None:
    made = make(tmp_path, photos, describe(frames="some"))
    alone = (made.high == made.taught).all((1, 2, 3))
    assert 0.3 < alone.mean() < 0.7


def test_a_student_learns_from_both(tmp_path: Path, photos: Path) -> None:
    teacher, _ = ncnn(tmp_path)
    plan = recipe.parse(PLAN.format(teacher=teacher, folder=tmp_path))
    task = tasks.build(plan, photos, torch.device("cpu"))
    assert isinstance(task, DistilTask)
    batch = task.batch(np.random.default_rng(0), 3)
    assert batch["low"].shape == (3, 3, 16, 16)
    assert batch["high"].shape == (3, 3, 32, 32)
    assert all(torch.equal(batch[name], task.batch(np.random.default_rng(0), 3)[name]) for name in batch)
    shown = {}
    for task.blend in (0.0, 0.25, 1.0):
        shown[task.blend] = task.batch(np.random.default_rng(0), 3)["high"]
    assert torch.equal(batch["high"], shown[0.25])
    torch.testing.assert_close(shown[0.25], 0.75 * shown[0.0] + 0.25 * shown[1.0])
    assert (shown[0.0] - shown[1.0]).abs().mean() > 0.01
    loss = task.generator_losses(batch, task.generate(batch), {"l1": 1.0})
    loss.total.backward()  # type: ignore[no-untyped-call]
    assert task.generator.head.direct.grad is not None  # type: ignore[union-attr]
    assert task.preview(task.generator).shape[1] == 3 * (4 * 48 + 3 * sheets.GAP)


def test_a_student_of_a_smaller_scale_learns_what_the_teacher_drew_shrunk(tmp_path: Path, photos: Path) -> None:
    teacher, _ = ncnn(tmp_path)
    text = PLAN.format(teacher=teacher, folder=tmp_path)
    large = tasks.build(recipe.parse(text), photos, torch.device("cpu"))
    text = text.replace("scale = 2", "scale = 1\nunshuffle = 2").replace("[2]", "[1]")
    text = text.replace("blend = 0.25", "blend = 0.25\npool_scale = 2")
    task = tasks.build(recipe.parse(text), photos, torch.device("cpu"))
    assert isinstance(task, DistilTask)
    assert len(list((tmp_path / "pools").iterdir())) == 1  # one pool for both
    small, batch = (one.batch(np.random.default_rng(0), 3) for one in (task, large))
    assert torch.equal(small["low"], batch["low"])
    assert small["high"].shape == (3, 3, 16, 16)
    inner = torch.nn.functional.avg_pool2d(batch["high"], 2)
    assert (small["high"] - inner).abs().mean() < 0.3 * (small["high"] - small["high"].roll(1, 3)).abs().mean()
    assert task.generate(small).shape == (3, 3, 16, 16)
    assert task.preview(task.generator).shape[1] == 3 * (4 * 48 + 3 * sheets.GAP)


def flat(folder: Path, colours: list[tuple[int, int, int]]) -> Path:
    """A folder of photos of one colour each, whose names are alike in all such folders."""
    folder.mkdir()
    for index, colour in enumerate(colours):
        Pillow.new("RGB", (140, 120), colour).save(folder / f"{index:02d}.png")
    return folder


def learnt(text: str, data: Path) -> tuple[DistilTask, set[int]]:
    """The task of `text`, and the reds of the photos that are in its pool."""
    task = tasks.build(recipe.parse(text), data, torch.device("cpu"))
    assert isinstance(task, DistilTask)
    return task, {int(red) for red in task.pool.high[:, 8, 8, 0]}


def test_what_is_held_back_to_judge_on_is_not_learnt_from(tmp_path: Path) -> None:
    text = PLAN.format(teacher=ncnn(tmp_path)[0], folder=tmp_path)
    task, reds = learnt(text, flat(tmp_path / "photos", [(16 * index, 90, 60) for index in range(16)]))
    held = {int(image[0, 0, 0]) for image in task.photos.held_back}
    assert len(held) == 2
    assert len(reds) > 8
    assert not held & reds


def test_a_pool_is_of_the_photos_themselves_whatever_they_are_called(tmp_path: Path) -> None:
    text = PLAN.format(teacher=ncnn(tmp_path)[0], folder=tmp_path)
    first = flat(tmp_path / "first", [(200, 90, 60)])
    assert learnt(text, first)[1] == {200}
    assert learnt(text, flat(tmp_path / "other", [(100, 90, 60)]))[1] == {100}
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(first / "00.png", "elsewhere/x.png")
    assert learnt(text, tmp_path / "photos.zip")[1] == {200}
    assert len(list((tmp_path / "pools").iterdir())) == 2
    frames = text.replace("count = 70", f'count = 70\nframes = "{tmp_path / "photos.zip"}"')
    assert learnt(frames, first)[0].pool.low.shape == (70, 24, 24, 3)
    assert len(list((tmp_path / "pools").iterdir())) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("patch = 16", "patch = 16\npool_scale = 3"), "pool_scale 3 must be"),
        (('teacher = "{teacher}"', ""), "needs a teacher"),
        (("side = 24", "side = 8"), "under the patch"),
        (("count = 70", "counts = 70"), "counts"),
        (("l1 = 1.0", "l9 = 1.0"), "l9"),
        (("blend = 0.25", "blend = 1.5"), "blend = 1.5 must be"),
    ],
)
def test_nonsense_is_named(tmp_path: Path, photos: Path, change: tuple[str, str], says: str) -> None:
    teacher, _ = ncnn(tmp_path)
    plan = recipe.parse(PLAN.replace(*change).format(teacher=teacher, folder=tmp_path))
    with pytest.raises(ValueError, match=says):
        tasks.build(plan, photos, torch.device("cpu"))


def test_a_teacher_of_another_scale_is_named(tmp_path: Path, photos: Path) -> None:
    teacher, _ = ncnn(tmp_path)
    plan = recipe.parse(PLAN.format(teacher=teacher, folder=tmp_path).replace("scale = 2", "scale = 1"))
    with pytest.raises(ValueError, match="the teacher makes"):
        tasks.build(plan, photos, torch.device("cpu"))
