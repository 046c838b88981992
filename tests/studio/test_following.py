"""What was drawn on a frame of a video is followed through it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.errors import InputError
from gancam.frame import Image
from gancam.masks import MaskTrack
from gancam.studio.following import Choice, FollowPlan, Stopped
from gancam.studio.media import frame_at
from gancam.vision.pad import Scene, Stroke
from tests.helpers.clips import make_clip
from tests.helpers.studio import studio, wait_for

GENERATOR = np.random.default_rng(3)
THING, LOGO = (GENERATOR.integers(0, 255, (*size, 3), np.uint8).repeat(4, 0).repeat(4, 1) for size in ((7, 8), (5, 10)))
SCENE = cv2.GaussianBlur(GENERATOR.integers(0, 255, (120, 400, 3), np.uint8), (0, 0), 3)


def frame(index: int) -> Image:
    """A scene that goes to the left, with a thing that goes to the right, and a logo that stays."""
    image = SCENE[:, 2 * index : 2 * index + 192].copy()
    image[60 : 60 + 28, 20 + 4 * index : 20 + 4 * index + 32] = THING
    image[10 : 10 + 20, 140 : 140 + 40] = LOGO
    return np.asarray(image, np.uint8)


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("moving") / "a.mp4", images=[frame(index) for index in range(30)])


def stroke(path: Path, box: tuple[int, int, int, int], time: float | None) -> Stroke:
    left, top, width, height = box
    mask = np.zeros((120, 192), np.uint8)
    mask[top : top + height, left : left + width] = 1
    return Stroke(mask, time, Scene(str(path)))


def plan_of(
    folder: Path, video: Path, choice: Choice, *strokes: Stroke, span: tuple[float, float] = (0, 0)
) -> FollowPlan:
    return FollowPlan.keep(folder, video, strokes, choice, span)


def lefts(track: Path) -> list[int]:
    """Where the first marked column of each frame is."""
    read, found = MaskTrack(track), []
    for _ in range(read.frames):
        mask = read(np.zeros((120, 192, 3), np.uint8))
        found.append(int(np.flatnonzero(mask.any(0))[0]) if mask.any() else -1)
    return found


@pytest.mark.parametrize(("span", "first", "count"), [((0, 0), 0, 30), ((0.5, 0.8), 15, 9), ((0.1, 0.3), 3, 6)])
def test_a_thing_that_moves_is_followed_there_and_back(
    tmp_path: Path, moving: Path, span: tuple[float, float], first: int, count: int
) -> None:
    plan = plan_of(tmp_path, moving, "auto", stroke(moving, (68, 58, 34, 32), 12 / 30), span=span)
    shares: list[float] = []

    def goes_on(share: float) -> bool:
        shares.append(share)
        return True

    notes = plan.carry_out(goes_on)
    assert notes == ["what was drawn is followed through the video"]
    found = lefts(plan.track)
    assert len(found) == count
    assert all(abs(left - (20 + 4 * (first + place))) <= 3 for place, left in enumerate(found))
    assert shares[-1] > 0.9
    assert plan.carry_out(lambda share: False) == []  # it is there already


def test_what_stays_in_its_place_stays_marked_there(tmp_path: Path, moving: Path) -> None:
    plan = plan_of(tmp_path, moving, "auto", stroke(moving, (138, 8, 44, 24), 0.4))
    assert "stays where it is" in plan.carry_out(lambda share: True)[0]
    assert not plan.track.exists()
    still = plan.path.with_suffix(".png")
    assert np.count_nonzero(np.asarray(cv2.imread(str(still), cv2.IMREAD_GRAYSCALE))) == 44 * 24
    assert plan.adapted(f"inpaint:mask={plan.track}") == f"inpaint:mask={still}"


def test_one_of_two_is_followed_and_what_cannot_be_stays(tmp_path: Path, moving: Path) -> None:
    thing, logo = stroke(moving, (68, 58, 34, 32), 0.4), stroke(moving, (138, 8, 44, 24), 0.4)
    plain = Stroke(np.pad(np.ones((2, 2), np.uint8), ((0, 118), (0, 190))), 0.4, thing.scene)
    plan = plan_of(tmp_path, moving, "auto", thing, logo, plain)
    notes = plan.carry_out(lambda share: True)
    assert notes[0] == "some of what was drawn is followed through the video"
    assert "nothing to hold on to" in notes[1]
    marked = MaskTrack(plan.track)(np.zeros((120, 192, 3), np.uint8), time=0.0)
    assert marked[20, 160] == marked[1, 1] == marked[72, 36] == 1
    assert marked[72, 90] == 0


def test_following_is_stopped_and_what_is_no_plan_is_told(tmp_path: Path, moving: Path) -> None:
    plan = plan_of(tmp_path, moving, "on", stroke(moving, (68, 58, 34, 32), 0.4))
    with pytest.raises(Stopped):
        plan.carry_out(lambda share: share < 0.3)
    assert [path.name for path in tmp_path.iterdir()] == [plan.path.name]
    plan.path.write_text("[1]\n")
    with pytest.raises(InputError, match="draw it again"):
        plan.carry_out(lambda share: True)


@pytest.mark.slow
def test_a_thing_drawn_on_one_frame_is_erased_in_all_of_the_video(tmp_path: Path, moving: Path) -> None:
    with studio(tmp_path / "kept", moving.parent) as client:
        reference = f"{moving.parent.name}/a.mp4"
        client.post("/api/effects", json={"model": "inpaint", "params": {"draw": "on"}})
        client.post("/api/source", json={"kind": "file", "value": reference, "at": 0.4})
        box = {"act": "box", "points": [[68 / 192, 58 / 120], [102 / 192, 90 / 120]]}
        wait_for(lambda: client.post("/api/effects/inpaint/draw", json=box).status_code == 200)
        assert client.get("/api/state").json()["drawnOn"] == [{"reference": reference, "at": 0.4}]
        refused = client.post("/api/jobs", json={"reference": reference, "follow": "perhaps"}).json()["error"]
        assert "auto, on, off" in refused
        asked = {"reference": reference, "start": 0.2, "end": 0.7, "trial": True}
        job = client.post("/api/jobs", json=asked).json()
        assert job["trial"]
        assert ".json" in job["options"][1]
        wait_for(lambda: client.get("/api/jobs").json()["jobs"][0]["state"] in ("done", "failed"))
        (job,) = client.get("/api/jobs").json()["jobs"]
        assert (job["state"], job["error"]) == ("done", "")
        assert "what was drawn is followed through the video" in job["notes"]
        (made,) = (tmp_path / "kept" / "results" / f".{job['number']}").glob("*.mp4")
        for time in (0.05, 0.4):
            left, after = 20 + 4 * round(30 * (0.2 + time)), frame_at(made, time)
            grey = cv2.absdiff(after[64:84, left + 4 : left + 28], THING[4:24, 4:28])
            assert grey.mean() > 40  # it is not there
        assert client.get("/api/files/results?all=1").json()["entries"] == []
        assert client.get(f"/api/downloads/{job['target']}").status_code == 200
        assert client.get("/api/results").status_code == 404  # a trial is no result
        client.delete(f"/api/jobs/{job['number']}")
        assert not made.exists()


def test_files_of_another_shape_are_told_before_anything_begins(tmp_path: Path, moving: Path) -> None:
    cv2.imwrite(str(moving.parent / "tall.png"), np.zeros((90, 60, 3), np.uint8))
    cv2.imwrite(str(moving.parent / "small.png"), np.zeros((60, 96, 3), np.uint8))
    names = [f"{moving.parent.name}/{name}" for name in ("a.mp4", "tall.png", "small.png")]
    with studio(tmp_path / "kept", moving.parent) as client:
        client.post("/api/effects", json={"model": "inpaint", "params": {"draw": "on"}})
        client.post("/api/source", json={"kind": "file", "value": names[0], "at": 0.4})
        box = {"act": "box", "points": [[0.4, 0.4], [0.5, 0.6]]}
        wait_for(lambda: client.post("/api/effects/inpaint/draw", json=box).status_code == 200)
        (refused,) = client.post("/api/jobs/check", json={"references": names}).json()["refused"]
        assert refused["reference"] == names[1]
        assert "60x90" in refused["error"]
        assert not list((tmp_path / "kept").rglob("*.marks"))  # that is asked alone
        assert client.post("/api/jobs", json={"reference": names[1]}).json()["error"] == refused["error"]
        assert client.get("/api/jobs").json()["jobs"] == []
        client.patch("/api/controls", json={"inpaint.draw": False})
        assert client.post("/api/jobs/check", json={"references": names}).json()["refused"] == []
