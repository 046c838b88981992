"""The bars of inpainting.

    python benchmarks/inpainting.py KIND [--model inpaint] [--data ../shared/data] [--threads 2] [--look DIR]

stills    PSNR in the hole against the better of OpenCV's Telea and Navier-Stokes, and perceptual distance, by kind of
          hole, on Kodak and BSD100 (`train.evaluate.inpainting`, through the runtime)
moving    PSNR of what was uncovered before in a hole that moves over clips whose true picture is known: along the top,
          where the scene is, and through the middle, where people move
resting   mean change from frame to frame in a hole at rest, over that of the 16 pixels around it
speed     ms a call at 1280x720 with a hole of 5 % of the area: network on every frame, and with memory; and without one
overlay   intersection over union of what `find=overlay` finds with three composited logos at 100, 70 and 40 % cover, on
          clips whose picture moves; and what it finds in clips without any
captions  of a white caption with an outline over clips, in two places: share of its ink that `key=white` marks, share
          of what that marks which is caption, and share of the clip without one that it marks
clocks    share of the ink of a clock, drawn in five ways over three clips of a fixed camera, that `find=overlay` covers
people    share of the pixels of people that show after the first frame: of walkers in a surveillance view who are given
          as a box to be followed, and of people near the camera under `mask=person`; and how much more is marked
passing   of people who walk before a camera that stands still, under `mask=person`, live and read ahead: pixels in and
          beside somebody that are more than 25 levels from the empty scene, a frame

--look writes pictures to look at. `stills` needs PyTorch; `overlay`, `captions`, `clocks` and `people` need no model.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import gancam
from gancam.effects.inpainting.overlay import Overlay
from gancam.effects.inpainting.regions import RING, SEEN, FrameRegion
from gancam.frame import Frame
from gancam.sources import VideoFile

ROOT = Path(__file__).parent.parent
STEADY = (
    "webcam_gesture_book.mkv",
    "webcam_gesture_please.mkv",
    "webcam_gesture_vfr.mp4",
    "pedestrians_768x576_10fps.avi",
)
PANNED = ("city_pan_360p_bt709_aac.mp4",)
LIVELY = ("animation_bbb_720p_aac.mp4", "city_pan_360p_bt709_aac.mp4", "person_720p_bt709_aac.mp4",
          "person_720p_rotation_tag_90.mp4")  # fmt: skip
LOGOS, COVER = ("disc", "word", "ring"), (1.0, 0.7, 0.4)
Image = np.ndarray


def frames_of(path: Path) -> list[Image]:
    with VideoFile(path) as source:
        return [frame.image for frame in source]


def psnr(a: Image, b: Image) -> float:
    return float(10 * np.log10(255**2 / max(float(np.mean((a.astype(np.float64) - b) ** 2)), 1e-9)))


def look(options: argparse.Namespace, name: str, picture: Image) -> None:
    if options.look is not None:
        options.look.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(options.look / f"{name}.png"), picture)


def load(options: argparse.Namespace, **params: Any) -> Any:
    return gancam.load(options.model, device=options.device, threads=options.threads, **params)


def stills(options: argparse.Namespace) -> None:
    from train import evaluate, holes
    from train.data import image_files, read_image

    erase = load(options)

    def fill(image: Image, hole: Image) -> Image:
        erase.reset()
        return np.ascontiguousarray(erase(np.ascontiguousarray(image[..., ::-1]), mask=hole)[..., ::-1])

    for folder in ("Kodak", "BSD100"):
        images = [read_image(path) for path in image_files(options.data / "bench" / folder)]
        figures = evaluate.inpainting(fill, images)
        for kind in holes.JUDGED:
            print(
                f"stills {folder} {kind}: {figures[f'psnr_{kind}']:.2f} dB, {figures[f'gain_{kind}']:+.2f} dB against "
                f"the better of OpenCV's; distance {figures[f'distance_{kind}']:.4f}, "
                f"{figures[f'ratio_{kind}']:.3f} of theirs"
            )
            for index in range(min(len(images), 4)):
                hole = holes.judged(kind, index, *images[index].shape[:2])
                filled = fill(np.where(hole[..., None] > 0, np.uint8(0), images[index]), hole)
                look(options, f"{folder}-{kind}-{index}", filled[..., ::-1])


def moving(options: argparse.Namespace) -> None:
    for name in (*STEADY, *PANNED):
        for where, height_of in (("over the scene", 0.09), ("over who moves", 0.5)):
            clip, erase, scores, shares, last = frames_of(options.data / "video" / name), load(options), [], [], None
            height, width = clip[0].shape[:2]
            wide, tall = width // 8, height // 6
            step, top = (width - wide) / (len(clip) - 1), max(round(height * height_of) - tall // 2, 0)
            for index, image in enumerate(clip):
                left, mask = round(step * index), np.zeros((height, width), np.uint8)
                mask[top : top + tall, left : left + wide] = 1
                covered = np.where(mask[..., None] > 0, np.array([0, 255, 0], np.uint8), image)
                out = erase(covered, time=index / 30, mask=mask)
                window = FrameRegion.around(cv2.boundingRect(mask), RING + 8, mask.shape)
                seen = erase.background.lookup(window, covered, mask).state == SEEN
                inside = np.zeros_like(mask)
                inside[window.place] = seen & (mask[window.place] > 0)
                shares.append(float(inside.sum() / mask.sum()))
                if shares[-1] > 0.1:
                    scores.append(psnr(out[inside > 0], image[inside > 0]))
                    last = out
            print(
                f"moving {where}, {name}: {np.mean(scores):.1f} dB, median {np.median(scores):.1f}; "
                f"{np.mean(shares):.0%} of the hole uncovered before"
            )
            if last is not None:
                look(options, f"moving-{top}-{Path(name).stem}", last)


def resting(options: argparse.Namespace) -> None:
    for name in STEADY:
        clip, erase = frames_of(options.data / "video" / name), load(options)
        height, width = clip[0].shape[:2]
        mask = np.zeros((height, width), np.uint8)
        mask[height // 3 : height * 2 // 3, width // 12 : width // 4] = 1
        around = (cv2.dilate(mask, np.ones((33, 33), np.uint8)) > 0) & (
            cv2.dilate(mask, np.ones((9, 9), np.uint8)) == 0
        )
        inside, outside, before = [], [], None
        for index, image in enumerate(clip[:60]):
            out = erase(image, time=index / 30, mask=mask)
            if before is not None and index > 3:
                change = cv2.absdiff(out, before)
                inside.append(change[mask > 0].mean())
                outside.append(change[around].mean())
            before = out
        print(f"resting {name}: {np.mean(inside) / max(np.mean(outside), 1e-9):.3f} of the change around it")
        assert before is not None
        look(options, f"resting-{Path(name).stem}", before)


def timed(call: Callable[[Image], Image], images: list[Image]) -> float:
    times = []
    for image in images:
        began = time.perf_counter()
        call(image)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times[5:])


def speed(options: argparse.Namespace) -> None:
    cv2.setNumThreads(options.threads)
    clip = frames_of(options.data / "video" / "person_720p_bt709_aac.mp4")[:40]
    mask = np.zeros(clip[0].shape[:2], np.uint8)
    mask[200:380, 500:756] = 1  # 5 %
    for what, params in (("network on every frame", {"memory": False}), ("with memory", {})):
        erase = load(options, **params)
        took = timed(lambda image, erase=erase: erase(image, mask=mask), clip)  # type: ignore[misc]
        print(f"speed {what}: {took:.1f} ms, {1000 / took:.1f} a second ({erase.model.card.precision})")
    erase, nothing = load(options), np.zeros_like(mask)
    print(f"speed empty mask: {timed(lambda image: erase(image, mask=nothing), clip):.3f} ms")


def logo(kind: str, height: int, width: int) -> tuple[Image, Image, tuple[int, int]]:
    """Colours, coverage (0 to 1) and place (row, column) of a logo in a frame."""
    side = round(min(height, width) * 0.16) // 2 * 2
    half, more = side // 2, 8  # `more`: of OpenCV's fixed point
    picture, cover = np.full((side, side, 3), 255, np.uint8), np.zeros((side, side), np.uint8)
    place = height // 20, width // 20
    if kind == "disc":
        cv2.circle(cover, (half * more, half * more), round((half - 1.5) * more), 255, -1, cv2.LINE_AA, 3)
        picture[:] = (200, 90, 30)
        ring = round(half * 0.78 * more)
        cv2.circle(picture, (half * more, half * more), ring, (240, 240, 240), max(side // 18, 1), cv2.LINE_AA, 3)
        letter = round(half * 0.62), round(half * 1.25)
        cv2.putText(
            picture, "g", letter, cv2.FONT_HERSHEY_DUPLEX, side / 46, (255, 255, 255), max(side // 24, 1), cv2.LINE_AA
        )
        place = height // 20, width - side - width // 20
    elif kind == "ring":
        cv2.circle(cover, (half * more, half * more), round(half * 0.86 * more), 255, max(side // 9, 2), cv2.LINE_AA, 3)
        corners = np.array([(half * 0.7, half * 0.5), (half * 1.55, half), (half * 0.7, half * 1.5)])
        cv2.fillConvexPoly(cover, corners.round().astype(np.int32), 255, cv2.LINE_AA)
    else:
        font, size, thick = cv2.FONT_HERSHEY_DUPLEX, side / 60, max(round(side / 22), 1)
        (long, tall), _ = cv2.getTextSize("CANAL 7", font, size, thick)
        picture = np.full((tall + 2 * thick + 6, long + 2 * thick + 6, 3), 20, np.uint8)
        cover, at = np.zeros(picture.shape[:2], np.uint8), (thick + 3, tall + thick + 2)
        cv2.putText(cover, "CANAL 7", at, font, size, 255, thick + 2 * max(thick // 2, 1), cv2.LINE_AA)
        cv2.putText(picture, "CANAL 7", at, font, size, (250, 250, 250), thick, cv2.LINE_AA)
        place = height - len(cover) - height // 16, width // 20
    return picture, cover / 255.0, place


def overlay(options: argparse.Namespace) -> None:
    def found(clip: Iterator[Image]) -> Image:
        finder = Overlay()
        for index, image in enumerate(clip):
            finder(image, time=index / 30)
        finder.settle()
        return finder.found > 0

    for path in sorted((options.data / "video").iterdir()):
        mask = found(iter(clip := frames_of(path)))
        if path.name.startswith("testchart"):
            print(f"overlay {path.name}: {'found its time code' if mask.any() else 'did not find its time code'}")
        elif mask.any():
            print(f"overlay {path.name}: found one where there is none")
        else:
            print(f"overlay {path.name}: nothing found, as it should be")
        if path.name not in LIVELY:
            continue
        height, width = clip[0].shape[:2]
        for kind in LOGOS:
            picture, cover, (y, x) = logo(kind, height, width)
            place = slice(y, y + cover.shape[0]), slice(x, x + cover.shape[1])
            truth = np.zeros((height, width), bool)
            truth[place] = cover > 0.5
            for opacity in COVER:
                share = (cover * opacity)[..., None]

                def over(image: Image, share: Image = share, place: Any = place, picture: Image = picture) -> Image:
                    made = image.copy()
                    made[place] = np.round(image[place] * (1 - share) + picture * share)
                    return made

                mask = found(over(image) for image in clip)
                union = float((mask & truth).sum() / max((mask | truth).sum(), 1))
                print(f"overlay {path.name} {kind} {opacity:.0%}: {union:.3f}")
                shown = over(clip[-1])
                shown[mask] = shown[mask] // 2 + np.array([0, 0, 127], np.uint8)
                look(options, f"overlay-{path.stem}-{kind}-{opacity:.0%}", shown)


BEFORE_WHITE = ("city_pan_360p_bt709_aac.mp4", "kitchen_240p_h264_opus.mkv", "talking_head_512x480_bt709_aac.mp4",
                "webcam_gesture_book.mkv", "person_720p_bt709_aac.mp4", "pedestrians_768x576_10fps.avi")  # fmt: skip


def captioned(image: Image, at: float) -> tuple[Image, Image]:
    """The picture with a caption whose foot is at that share of its height, and where its ink is."""
    height, width = image.shape[:2]
    text, font, thick = "I told you not to come.", cv2.FONT_HERSHEY_DUPLEX, max(height // 180, 1)
    ink, size = np.zeros((height, width), np.uint8), height / 450
    (wide, _), _ = cv2.getTextSize(text, font, size, thick)
    cv2.putText(ink, text, ((width - wide) // 2, round(height * at)), font, size, 255, thick, cv2.LINE_AA)
    around = cv2.dilate(ink, np.ones((2 * max(height // 240, 1) + 1,) * 2, np.uint8))
    dark = image * (1 - around[..., None] / 255.0)
    return np.round(dark + (255 - dark) * (ink[..., None] / 255.0)).astype(np.uint8), ink > 127


def captions(options: argparse.Namespace) -> None:
    key = gancam.masks.ColourKey("white", soft=True, lettering=True)
    for name in BEFORE_WHITE:
        marked, mine, clean = [], [], []
        for image in frames_of(options.data / "video" / name)[:60:6]:
            clean.append((key(image) > 0).mean())
            for at in (0.3, 0.9):
                shown, ink = captioned(image, at)
                mask = key(shown) > 0
                near = cv2.dilate(ink.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
                marked.append((mask & ink).sum() / ink.sum())
                mine.append((mask & near).sum() / max(mask.sum(), 1))
        print(f"captions {name}: {np.mean(marked):.1%} of the ink marked, {np.mean(mine):.0%} of what is marked is "
              f"caption; without one {np.mean(clean):.2%} of the picture is marked")  # fmt: skip


FIXED = ("pedestrians_768x576_10fps.avi", "talking_head_512x480_bt709_aac.mp4", "talking_head_480x480_aac.mp4")
CLOCKS = {  # place at 480 lines (negative: from right, from below), text, font, size, thickness, ink, what is around
    "white": ((12, 28), "2026-11-28 ", cv2.FONT_HERSHEY_SIMPLEX, 0.7, 2, (255, 255, 255), None),
    "outline": ((-260, -14), "CAM1 ", cv2.FONT_HERSHEY_DUPLEX, 0.8, 1.5, (255, 255, 255), 4),
    "yellow": ((-170, 26), "", cv2.FONT_HERSHEY_SIMPLEX, 0.65, 2, (0, 255, 255), None),
    "box": ((12, -14), "", cv2.FONT_HERSHEY_PLAIN, 1.4, 1.5, (255, 255, 255), "box"),
    "dark": ((12, -14), "", cv2.FONT_HERSHEY_SIMPLEX, 0.7, 2, (10, 10, 10), None),
}


def clock(image: Image, seconds: float, kind: str) -> tuple[Image, Image]:
    """The picture with a clock that shows so many seconds, and where its ink is."""
    (x, y), before, font, size, thick, ink, around = CLOCKS[kind]
    height, width = image.shape[:2]
    zoom, now = height / 480, 45296 + int(seconds)
    text = f"{before}{now // 3600 % 24:02d}:{now // 60 % 60:02d}:{now % 60:02d}"
    place = round(x * zoom) % width, round(y * zoom) % height
    made, cover = image.copy(), np.zeros((height, width), np.uint8)
    if around == "box":
        low, high = (round(8 * zoom), height - round(34 * zoom)), (round(140 * zoom), height - round(6 * zoom))
        cv2.rectangle(made, low, high, (0, 0, 0), cv2.FILLED)
    elif around is not None:
        cv2.putText(made, text, place, font, size * zoom, (0, 0, 0), round(around * zoom), cv2.LINE_AA)
    for canvas, colour in ((made, ink), (cover, 255)):
        cv2.putText(canvas, text, place, font, size * zoom, colour, max(int(thick * zoom), 1), cv2.LINE_AA)
    return made, cover > 100


def clocks(options: argparse.Namespace) -> None:
    for name in FIXED:
        with VideoFile(options.data / "video" / name) as source:
            clip = [(frame.image, frame.time) for frame in source]
        for kind in CLOCKS:
            finder, ever = Overlay(), np.zeros(clip[0][0].shape[:2], bool)
            for image, now in clip:
                shown, ink = clock(image, now + 0.37, kind)
                finder(shown, time=now)
                ever |= ink
            finder.settle()
            found = finder.found > 0
            share, more = (found & ever).sum() / ever.sum(), found.sum() / ever.sum()
            print(f"clocks {name} {kind}: {share:.1%} of the ink covered, {more:.1f} times as much marked")
            shown[found] = shown[found] // 2 + np.array([0, 0, 127], np.uint8)
            look(options, f"clocks-{Path(name).stem}-{kind}", shown)


# Who walks through the pedestrians' clip: the first frame, the box there, frames until others stand in front
WALKERS = ((0, (250, 216, 38, 96), 40), (0, (634, 236, 58, 88), 20), (0, (496, 154, 38, 82), 16),
           (40, (550, 222, 104, 116), 60), (60, (612, 228, 48, 112), 40), (24, (676, 262, 90, 116), 76))  # fmt: skip
NEAR = ("webcam_gesture_book.mkv", "webcam_gesture_please.mkv", "person_720p_bt709_aac.mp4",
        "kitchen_240p_h264_opus.mkv", "carphone_qcif_clean.mp4")  # fmt: skip


def walked(clip: list[Image], scene: Image, box: tuple[int, int, int, int]) -> Iterator[Image]:
    """Where somebody is in each frame who is in `box` in the first: what differs from the empty scene, followed."""
    left, top, wide, tall = box
    place, step = np.array([left + wide / 2, top + tall / 2]), np.zeros(2)
    for image in clip:
        apart = cv2.GaussianBlur(cv2.absdiff(image, scene), (3, 3), 0).max(2) > 22
        solid = cv2.morphologyEx(apart.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((7, 5), np.uint8))
        x, y = place + step
        rows = slice(int(max(y - 0.52 * tall, 0)), int(y + 0.52 * tall))
        columns = slice(int(max(x - 0.55 * wide, 0)), int(x + 0.55 * wide))
        mine = np.zeros_like(solid)
        mine[rows, columns] = solid[rows, columns]
        _, upper, _, high = cv2.boundingRect(mine)
        found = np.argwhere(mine).mean(0)[::-1]
        now = np.array([found[0], upper + high / 2 if high > 0.6 * tall else found[1]])
        step, place = 0.7 * step + 0.3 * (now - place), now
        yield mine > 0


def people(options: argparse.Namespace) -> None:
    whole = frames_of(options.data / "video" / FIXED[0])
    scene = np.median(np.stack(whole), 0).astype(np.uint8)
    for first, box, count in WALKERS:
        clip, tracked = whole[first : first + count], gancam.masks.Tracked(box)
        shown, more = [], []
        for index, (image, truth) in enumerate(zip(clip, walked(clip, scene, box), strict=True)):
            mask = tracked(image, time=index / 10) > 0
            shown.append((truth & ~mask).sum() / truth.sum())
            more.append(mask.sum() / truth.sum())
        share, often = np.mean(shown[1:]), np.mean(more)
        print(f"people walker at {box} from frame {first}: {share:.1%} shows, {often:.1f} times as much marked")
    for name in NEAR:
        person, exact = gancam.masks.Person(wide=True), gancam.masks.Person(hold=0.0)
        shown, more = [], []
        for index, image in enumerate(frames_of(options.data / "video" / name)[:100]):
            mirrored = exact.opacity(np.ascontiguousarray(image[:, ::-1]))[:, ::-1]
            truth = np.maximum(exact.opacity(image), mirrored) > 127
            mask = person(image, time=index / 30) > 0
            if not truth.any():
                continue
            shown.append((truth & ~mask).sum() / truth.sum())
            more.append(mask.sum() / truth.sum())
        print(f"people {name}: {np.mean(shown):.2%} shows, {np.mean(more):.2f} times as much marked")


def passing(options: argparse.Namespace) -> None:
    clip = frames_of(options.data / "video" / FIXED[0])
    person, seen = gancam.masks.Person(wide=True), []
    for index, image in enumerate(clip[:45]):
        around = cv2.dilate(person(image, time=index / 10), np.ones((13, 13), np.uint8))
        seen.append(np.where(around[..., None] > 0, np.nan, image.astype(np.float32)))
    scene = np.nan_to_num(np.nanmedian(np.stack(seen), 0)).round().astype(np.uint8)

    def apart(image: Image) -> Image:
        return np.asarray(cv2.absdiff(cv2.blur(image, (3, 3)), cv2.blur(scene, (3, 3))).max(2) > 25)

    near = [cv2.dilate(apart(image).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0 for image in clip]
    there = np.mean([apart(image).sum() for image in clip])
    for ahead in (False, True):
        erase, wrong = load(options, mask="person"), []
        if ahead:
            erase.prefer_quality()
            erase.read_ahead(lambda: (Frame(image, index, index / 10) for index, image in enumerate(clip)))
        for index, image in enumerate(clip):
            result = erase(image, time=index / 10)
            wrong.append((apart(result) & near[index]).sum())
            if index % 15 == 0:
                look(options, f"passing-{'ahead' if ahead else 'live'}-{index:03d}", result)
        how, usual = "read ahead" if ahead else "live", np.median(wrong)
        print(f"passing, {how}: {np.mean(wrong):.0f} pixels a frame are wrong (median {usual:.0f}) of {there:.0f}")


KINDS = {
    "stills": stills,
    "moving": moving,
    "resting": resting,
    "speed": speed,
    "overlay": overlay,
    "captions": captions,
    "clocks": clocks,
    "people": people,
    "passing": passing,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=(*KINDS, "all"))
    parser.add_argument("--model", default="inpaint", help="name or .onnx file")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--look", type=Path, help="folder for pictures")
    options = parser.parse_args()
    for kind in KINDS if options.kind == "all" else [options.kind]:
        KINDS[kind](options)


if __name__ == "__main__":
    main()
