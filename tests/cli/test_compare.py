"""`gancam compare` as a user runs it: what is in the picture or video, and what is refused."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from gancam.cli.compare import _labels
from gancam.frame import Image
from gancam.sources import TestPattern, VideoFile
from tests.helpers.clips import make_clip
from tests.helpers.command import here, refused, video

TICK = Fraction(1, 12800)  # seconds of the clips' clocks: a frame lasts a whole number of them
NEAR = 5  # levels by which a clip may differ from what went into it


def counting(size: tuple[int, int], count: int, fps: int = 25, shift: int = 0) -> list[Image]:
    """Grey pictures, each as bright as the moment it is shown at: 8 more for 0.04 s."""
    return [np.full((size[1], size[0], 3), 20 + shift + round(200 * at / fps), np.uint8) for at in range(count)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`in.mp4` of 24 frames with sound, `out.mp4` twice as large, `slow.mkv` of half the rate, and two images."""
    folder = tmp_path_factory.mktemp("clips")
    make_clip(folder / "in.mp4", images=counting((96, 64), 24), fps=25, time_base=TICK, audio=[("aac", 0.0)])
    make_clip(folder / "out.mp4", images=counting((192, 128), 24, shift=40), fps=25, time_base=TICK)
    ticks = [1000 * frame // 25 for frame in range(0, 24, 2)]
    slow = counting((96, 64), 24)[::2]
    make_clip(folder / "slow.mkv", images=slow, ticks=ticks, fps=25, time_base=Fraction(1, 1000))
    picture = next(iter(TestPattern((96, 64), fps=25, frames=1))).image
    cv2.imwrite(str(folder / "small.png"), picture)
    cv2.imwrite(str(folder / "large.png"), cv2.resize(picture, (192, 128), interpolation=cv2.INTER_CUBIC))
    return folder


def levels(path: Path, *places: tuple[int, int]) -> list[list[int]]:
    """How bright each frame is at places (x, y)."""
    with VideoFile(path) as source:
        return [[int(frame.image[y, x].mean()) for x, y in places] for frame in source]


def test_two_images_side_by_side_the_smaller_scaled_up(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "both.png"
    done = here("compare", clips / "small.png", clips / "large.png", out, "--label", "", "--label", "")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"wrote {out} (")
    drawn, large = cv2.imread(str(out)), cv2.imread(str(clips / "large.png"))
    assert drawn is not None
    assert large is not None
    assert drawn.shape == (128, 192 + 2 + 192, 3)
    assert np.array_equal(drawn[:, :192], large)  # of one picture, scaled by the same rule
    assert np.array_equal(drawn[:, 194:], large)


def test_a_video_is_of_the_same_moments_with_the_sound_of_the_first(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "both.mp4"
    done = here("compare", clips / "in.mp4", clips / "out.mp4", out)
    assert done.returncode == 0, done.stderr
    count, size, sound = video(out)
    assert (count, size) == (24, (386, 128))
    assert sound > 10
    for at, (left, right) in enumerate(levels(out, (96, 100), (290, 100))):
        assert abs(left - (20 + 8 * at)) <= NEAR
        assert abs(right - left - 40) <= NEAR


def test_videos_of_different_rates_show_what_was_on_at_that_time(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "both.mkv"
    for files in ((clips / "slow.mkv", clips / "in.mp4"), (clips / "in.mp4", clips / "slow.mkv")):
        assert here("compare", *files, out, "--overwrite").returncode == 0
        for at, seen in enumerate(levels(out, (48, 50), (146, 50))):
            slow, fast = seen if "slow" in files[0].name else seen[::-1]
            assert abs(fast - (20 + 8 * at)) <= NEAR
            assert abs(slow - (20 + 8 * (at - at % 2))) <= NEAR
        assert at == 22  # the last frame of Matroska lasts one of the nominal rate


def test_an_image_of_videos_is_of_their_middle_or_of_a_time(clips: Path, tmp_path: Path) -> None:
    for options, moment in (((), 0.48), (("--at", "0.2s"), 0.2), (("--at", "0"), 0.0)):
        out = tmp_path / f"{moment}.png"
        assert here("compare", clips / "in.mp4", clips / "out.mp4", out, *options).returncode == 0
        drawn = cv2.imread(str(out))
        assert drawn is not None
        assert drawn.shape == (128, 386, 3)
        assert abs(float(drawn[100, 96].mean()) - (20 + 200 * moment)) <= NEAR


def test_a_part_and_the_shortest(clips: Path, tmp_path: Path) -> None:
    short, out = tmp_path / "short.mp4", tmp_path / "both.mp4"
    make_clip(short, images=counting((96, 64), 8), fps=25, time_base=TICK)
    done = here("compare", clips / "in.mp4", short, out)
    assert video(out)[0] == 8
    assert (
        f"note: {clips / 'in.mp4'} lasts 1.0 s, {short} 0.3 s; they are compared from their beginnings" in done.stderr
    )
    done = here("compare", clips / "in.mp4", clips / "out.mp4", out, "--from", "0.4s", "--to", "0.8s", "--overwrite")
    assert done.returncode == 0, done.stderr
    seen = levels(out, (96, 100))
    assert len(seen) == 10
    assert abs(seen[0][0] - 100) <= NEAR
    with av.open(str(out)) as container:
        assert container.streams.video[0].start_time == 0
        assert abs(float(container.duration or 0) / 1e6 - 0.4) < 0.05


def test_a_bar_goes_over_two_images(clips: Path, tmp_path: Path) -> None:
    dark, light, out = tmp_path / "dark.png", tmp_path / "light.png", tmp_path / "wipe.mp4"
    for path, level in ((dark, 40), (light, 200)):
        cv2.imwrite(str(path), np.full((48, 200, 3), level, np.uint8))
    done = here("compare", dark, light, out, "--layout", "wipe", "--label", "", "--label", "")
    assert done.returncode == 0, done.stderr
    frames = levels(out, *((x, 24) for x in range(0, 200, 5)))
    assert len(frames) == 180
    bars = [sum(level < 100 for level in frame) * 5 for frame in frames]
    assert abs(bars[0] - 100) <= 5
    assert abs(bars[45] - 200) <= 5
    assert abs(bars[135]) <= 5
    assert max(abs(a - b) for a, b in pairwise(bars)) <= 10


def test_a_webp_is_an_image_or_moves(clips: Path, tmp_path: Path) -> None:
    moving, still, at = tmp_path / "a.webp", tmp_path / "b.webp", tmp_path / "c.webp"
    assert here("compare", clips / "in.mp4", clips / "out.mp4", moving, "--to", "0.2s").returncode == 0
    assert here("compare", clips / "small.png", clips / "large.png", still).returncode == 0
    assert here("compare", clips / "in.mp4", clips / "out.mp4", at, "--at", "0.2s").returncode == 0
    assert [b"ANMF" in path.read_bytes() for path in (moving, still, at)] == [True, False, False]


def test_what_is_transparent_is_seen_over_chequers(clips: Path, tmp_path: Path) -> None:
    veiled, out = tmp_path / "veiled.png", tmp_path / "both.png"
    image = np.full((64, 96, 4), 90, np.uint8)
    image[:, :48, 3], image[:, 48:, 3] = 0, 255
    cv2.imwrite(str(veiled), image)
    assert here("compare", clips / "small.png", veiled, out, "--label", "", "--label", "").returncode == 0
    drawn = cv2.imread(str(out))
    assert drawn is not None
    assert set(np.unique(drawn[:, 98 : 98 + 48])) == {204, 255}
    assert (drawn[:, 98 + 48 :] == 90).all()


def test_pixels_are_made_square(clips: Path, tmp_path: Path) -> None:
    wide, out = tmp_path / "wide.mp4", tmp_path / "both.png"
    make_clip(wide, images=counting((48, 64), 24), fps=25, aspect=Fraction(2))
    assert here("compare", clips / "in.mp4", wide, out).returncode == 0
    drawn = cv2.imread(str(out))
    assert drawn is not None
    assert drawn.shape == (64, 194, 3)
    assert drawn[50, 98:].min() > 60, "there are bars"


def test_labels_are_the_shortest_names_that_differ() -> None:
    assert _labels(["a/in.mp4", "b/out.mp4"], None) == ["in", "out"]
    assert _labels(["a/in.mp4", "b/in.mkv"], None) == ["in.mp4", "in.mkv"]
    assert _labels(["a/in.mp4", "b/in.mp4"], None) == ["a/in.mp4", "b/in.mp4"]
    assert _labels(["a", "a"], ["", "x"]) == ["", "x"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("in.mp4 out.mp4", "compare needs two files or more and OUT, as in gancam compare in.mp4 out.mp4 both.png"),
        ("in.mp4 none.mp4 a.png", "none.mp4: no such file"),
        ("in.mp4 https://a.b/c.mp4 a.png", "https://a.b/c.mp4: is a URL"),
        ("in.mp4 out.mp4 a.txt", "a.txt: unknown video extension '.txt'"),
        ("in.mp4 out.mp4 in.mp4 --overwrite", "the output is the same file as the input"),
        ("in.mp4 out.mp4 a-%03d.png", "a-%03d.png: numbered images, and a comparison is one image or video"),
        ("in.mp4 out.mp4 small.png", "small.png: exists"),
        ("in.mp4 out.mp4 no/a.png", "there is no folder"),
        ("small.png large.png a.mp4", "a.mp4: a video, and images do not move; write both.png, or have a bar move"),
        ("small.png large.png a.png --layout wipe", "a.png: an image, in which no bar moves"),
        ("in.mp4 out.mp4 slow.mkv a.mp4 --layout wipe", "--layout wipe: shows two files, and 3 are given"),
        ("in.mp4 out.mp4 a.png --layout spilt", "--layout 'spilt': needs side, split or wipe (did you mean 'split'?)"),
        ("in.mp4 out.mp4 a.png --layout grid", "--layout 'grid': needs side, split or wipe\n"),
        ("in.mp4 out.mp4 a.png --layout split --columns 1", "--columns: is for --layout side, and not for split"),
        ("in.mp4 out.mp4 a.png --label x", "--label: given 1 times for 2 files; give one for each"),
        ("in.mp4 out.mp4 a.mp4 --at 1s", "--at: is for an image made of videos"),
        ("small.png large.png a.png --at 1s", "--at: is for an image made of videos"),
        ("in.mp4 out.mp4 a.png --from 1s", "--from and --to: are for a video made of videos"),
        ("in.mp4 out.mp4 a.png --at later", "--at 'later': needs seconds"),
        ("in.mp4 out.mp4 a.png --at 9s", "in.mp4: lasts 0.96 s, and has nothing at 9 s"),
        ("in.mp4 out.mp4 a.mp4 --from 9s", "in.mp4"),
        ("in.mp4 out.mp4 a.png --detail here", "--detail 'here': needs auto, or left/top/width/height in pixels of"),
        ("in.mp4 out.mp4 a.png --detail 90/0/20/20", "in pixels of the first, which is 96x64"),
        ("in.mp4 out.mp4 a.png --detail 0/0/0/20", "in pixels of the first, which is 96x64"),
    ],
)
def test_what_makes_no_sense_is_refused(clips: Path, words: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clips)
    before = sorted(clips.iterdir())
    refused("compare", *words.split(), says=says)
    assert sorted(clips.iterdir()) == before
