"""Opacity goes where it can go, and where it cannot, that is said before the work starts."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.effects import Effect, EffectSpec, load
from gancam.frame import Image
from gancam.jobs.process import process_image, process_video
from gancam.jobs.spec import EffectChainSpec, ProcessOptions
from gancam.pipeline import Report
from gancam.sources import TestPattern, VideoFile
from gancam.tools.verify import verify
from tests.helpers.clips import make_clip, psnr
from tests.helpers.jobs import Alone, Echo, by, cut_short, process
from tests.helpers.small import network, write_models


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


def veil(index: int, size: tuple[int, int] = (96, 64)) -> Image:
    """A soft disc that wanders."""
    alpha = np.zeros((size[1], size[0]), np.uint8)
    cv2.circle(alpha, (size[0] // 4 + 4 * index, size[1] // 2), size[1] // 3, 255, -1)
    return np.asarray(cv2.blur(alpha, (9, 9)), np.uint8)


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Eight PNGs with alpha."""
    for frame in TestPattern((96, 64), frames=8):
        cv2.imwrite(str(tmp_path / f"{frame.index:02d}.png"), np.dstack([frame.image, veil(frame.index)]))
    return tmp_path / "%02d.png"


def alphas(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [
            frame.reformat(format="bgra").to_ndarray()[..., 3].astype(np.uint8) for frame in container.decode(video=0)
        ]


def test_an_image_keeps_its_opacity(tmp_path: Path, frames: Path, model: Path) -> None:
    said: list[str] = []
    process_image(tmp_path / "00.png", tmp_path / "copy.png", [], notify=said.append)
    whole = cv2.imread(str(tmp_path / "copy.png"), cv2.IMREAD_UNCHANGED)
    assert whole is not None
    assert np.array_equal(whole, np.dstack([TestPattern((96, 64)).image(0), veil(0)]))
    process_image(tmp_path / "00.png", tmp_path / "large.webp", [load(model)], notify=said.append)
    whole = cv2.imread(str(tmp_path / "large.webp"), cv2.IMREAD_UNCHANGED)
    assert whole is not None
    assert whole.shape == (128, 192, 4)
    expected = cv2.resize(veil(0), (192, 128), interpolation=cv2.INTER_CUBIC)
    assert np.abs(whole[..., 3].astype(int) - expected).mean() < 2
    assert said == []
    process_image(tmp_path / "00.png", tmp_path / "flat.jpg", [], notify=said.append)
    assert said == [f"{tmp_path / '00.png'}: its transparency is left out: .jpg cannot hold it, .png can"]


def test_what_is_transparent_has_no_say_in_what_is_seen(tmp_path: Path, model: Path) -> None:
    """Editors leave black there, or white: a network would draw the picture's edge."""
    made: list[Image] = []
    options = ProcessOptions(codec="ffv1")
    for name, fill in (("black", 0), ("white", 255)):
        picture = np.dstack([TestPattern((96, 64)).image(0), veil(0)])
        picture[veil(0) == 0, :3] = fill
        folder = tmp_path / name
        folder.mkdir()
        cv2.imwrite(str(folder / "01.png"), picture)
        process_image(folder / "01.png", folder / "out.png", [load(model)])
        process_video(folder / "%02d.png", folder / "out.mkv", [load(model)], options, Report(), notify=print)
        still = cv2.imread(str(folder / "out.png"), cv2.IMREAD_UNCHANGED)
        assert still is not None
        with VideoFile(folder / "out.mkv") as video:
            (frame,) = video
        made.extend(np.where(still[..., 3:] > 0, image, 0) for image in (still[..., :3], frame.image))
    still, moving, other, other_moving = made
    assert np.array_equal(still, other)
    assert np.array_equal(moving, other_moving)


@pytest.mark.parametrize(("codec", "ending", "slack"), [("ffv1", ".mkv", 0), ("prores", ".mov", 1)])
def test_a_video_keeps_its_opacity(tmp_path: Path, frames: Path, codec: str, ending: str, slack: int) -> None:
    out, back = tmp_path / f"out{ending}", tmp_path / "back" / "%02d.png"
    _, said = process(frames, out, codec=codec)
    assert not [note for note in said if "transparency" in note]
    found = alphas(out)
    assert len(found) == 8
    assert max(int(np.abs(alpha.astype(int) - veil(i)).max()) for i, alpha in enumerate(found)) <= slack
    process(out, back)
    for index in range(8):
        whole = cv2.imread(str(tmp_path / "back" / f"{index + 1:02d}.png"), cv2.IMREAD_UNCHANGED)
        assert whole is not None
        assert whole.shape == (64, 96, 4)
        assert int(np.abs(whole[..., 3].astype(int) - veil(index)).max()) <= slack + 1
    if codec == "ffv1":
        process(out, tmp_path / "again.mkv", codec="ffv1")
        assert all(np.array_equal(a, b) for a, b in zip(found, alphas(tmp_path / "again.mkv"), strict=True))


def test_prores_4444_is_read_with_its_opacity(tmp_path: Path) -> None:
    images = [np.dstack([frame.image, veil(frame.index)]) for frame in TestPattern((96, 64), frames=2)]
    options = {"profile": "4444", "alpha_bits": "16"}
    source = make_clip(
        tmp_path / "a.mov", images=images, codec="prores_ks", options=options, pix_fmt="yuva444p10le", matrix=1
    )
    deep = "a.mov: its 12 bits a sample are read as 8"
    lost = "its transparency is left out: h264 holds none here"
    lost += ", vp9 in 4:2:0 (.webm), ffv1 (.mkv), prores (.mov) and PNG images do"
    coarse = "the resolution of its colours (4:4:4) is reduced to 4:2:0, as is usual: --chroma 444 keeps it"
    for out, codec, notes in (
        ("b.mov", "prores", [deep]), ("b.mkv", "ffv1", [deep]), ("b.mp4", None, [deep, lost, coarse])
    ):  # fmt: skip
        said: list[str] = []
        options_of_it = ProcessOptions(codec=codec)
        process_video(source, tmp_path / out, [Echo()], options_of_it, Report(), notify=said.append)
        assert said == notes
        echo = Echo()
        with VideoFile(source) as before, VideoFile(tmp_path / out) as after:
            for was, now in zip(before, after, strict=True):
                assert was.alpha is not None
                seen = was.alpha > 0
                assert psnr(echo(was.image)[seen], now.image[seen]) > (40 if codec else 28)
                assert (now.alpha is None) is (codec is None)
                assert now.alpha is None or np.abs(was.alpha.astype(int) - now.alpha).max() <= 1


@pytest.mark.parametrize(("encoder", "slack"), [("libvpx", 12), ("libvpx-vp9", 8)])
def test_opacity_beside_the_pictures_is_read(tmp_path: Path, encoder: str, slack: int) -> None:
    with av.open(str(tmp_path / "in.webm"), "w") as container:
        options = {"crf": "4", "b": "2000000", "auto-alt-ref": "0", "deadline": "realtime", "cpu-used": "4"}
        stream = container.add_stream(encoder, rate=30, options=options, width=96, height=64, pix_fmt="yuva420p")
        assert isinstance(stream, av.VideoStream)
        stream.metadata["alpha_mode"] = "1"
        for frame in TestPattern((96, 64), frames=8):
            rgba = np.dstack([frame.image[..., ::-1], veil(frame.index)])
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgba), format="rgba")
            container.mux(stream.encode(picture.reformat(format="yuva420p")))
        container.mux(stream.encode(None))
    _, said = process(tmp_path / "in.webm", tmp_path / "out.mkv", codec="ffv1")
    assert not [note for note in said if "transparency" in note]
    found = alphas(tmp_path / "out.mkv")
    assert len(found) == 8
    for index, alpha in enumerate(found):
        assert np.abs(alpha.astype(int) - veil(index)).mean() < slack / 4
        assert np.abs(alpha.astype(int) - veil(index)).max() <= slack * 2
    findings = {finding.name: finding.verdict for finding in verify(tmp_path / "in.webm", tmp_path / "out.mkv")}
    assert findings["opacity"] == "kept"
    with VideoFile(tmp_path / "in.webm") as source:
        times = [round(frame.time * 1000) for frame in source]
    assert times == [round(index * 1000 / 30) for index in range(8)]


@pytest.mark.parametrize(("ending", "size"), [(".webm", (96, 64)), (".mkv", (96, 64)), (".webm", (95, 63))])
def test_vp9_keeps_opacity_beside_the_picture(tmp_path: Path, ending: str, size: tuple[int, int]) -> None:
    """As browsers and OBS take it: a second picture with each block, and the track's mark that it is there."""
    layers = [np.dstack([TestPattern(size).image(i), veil(i, size)]) for i in range(8)]
    source = make_clip(tmp_path / "in.mkv", images=layers, codec="ffv1", options={}, pix_fmt="bgra")
    out = tmp_path / f"out{ending}"
    _, said = process(source, out, codec="vp9")
    assert not [note for note in said if "transparency is left out" in note]
    with av.open(str(out)) as container:
        told = {key.lower(): value for key, value in container.streams.video[0].metadata.items()}
        assert told["alpha_mode"] == "1"
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert len(packets) == 8
        assert all(packet.has_sidedata("matroska_block_additional") for packet in packets)
    process(out, tmp_path / "again.webm")
    _, said = process(source, tmp_path / "fine.webm", chroma="444")
    assert any("transparency is left out: vp9 holds none here, vp9 in 4:2:0 (.webm)" in note for note in said)
    process(out, tmp_path / "plain.mkv", codec="h264")
    with av.open(str(tmp_path / "plain.mkv")) as container:
        assert "alpha_mode" not in {key.lower() for key in container.streams.video[0].metadata}
    for path in (out, tmp_path / "again.webm"):
        with VideoFile(path) as video:
            shown = list(video)
        assert len(shown) == 8
        for frame in shown:
            assert frame.alpha is not None
            alpha = frame.alpha[: size[1], : size[0]]
            assert np.abs(alpha.astype(int) - veil(frame.index, size)).mean() < 3
            assert psnr(frame.image[: size[1], : size[0]], TestPattern(size).image(frame.index)) > 20


def test_a_resumed_job_keeps_opacity_beside_the_picture(tmp_path: Path) -> None:
    layers = [np.dstack([TestPattern((96, 64)).image(i), veil(i % 12)]) for i in range(124)]
    source = make_clip(tmp_path / "in.mkv", images=layers, codec="ffv1", options={}, pix_fmt="bgra")
    cut_short(source, tmp_path / "out.webm", 121)
    process(source, tmp_path / "out.webm", resume=True)
    with VideoFile(tmp_path / "out.webm") as video:
        shown = list(video)
    assert len(shown) == 124
    assert all(frame.alpha is not None for frame in shown)
    assert np.abs(np.asarray(shown[122].alpha, int) - veil(122 % 12)).mean() < 3


def test_opacity_grows_with_the_picture(tmp_path: Path, frames: Path, model: Path) -> None:
    out = tmp_path / "out.mkv"
    process_video(frames, out, [load(model)], ProcessOptions(codec="ffv1"), Report(), notify=lambda note: None)
    (first, *_) = alphas(out)
    assert first.shape == (128, 192)
    assert np.abs(first.astype(int) - cv2.resize(veil(0), (192, 128), interpolation=cv2.INTER_CUBIC)).max() <= 1


class Halved(Effect):
    """Shows the left half alone."""

    veil = np.zeros((1, 1), np.uint8)

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        self.veil = np.zeros(image.shape[:2], np.uint8)
        self.veil[:, : image.shape[1] // 2] = 255
        return image.copy()

    @property
    def opacity(self) -> Image | None:
        return self.veil


def test_effects_may_give_opacity(tmp_path: Path, frames: Path, model: Path) -> None:
    """Of pictures that have none, or less of what they have; it is scaled with the picture by what comes after."""
    source, half = make_clip(tmp_path / "in.mp4"), np.repeat(np.array([255, 0], np.uint8), 48)
    (tmp_path / "made").mkdir()
    for name, codec in (("a.mkv", "ffv1"), ("a.webm", None), ("%02d.webp", None)):
        given = ProcessOptions(codec=codec)
        process_video(source, tmp_path / "made" / name, [Halved()], given, Report(), notify=print)
    assert all(np.array_equal(alpha, np.tile(half, (64, 1))) for alpha in alphas(tmp_path / "made" / "a.mkv"))
    with VideoFile(tmp_path / "made" / "a.webm") as video:
        for frame in video:
            assert frame.alpha is not None
            assert np.abs(frame.alpha.astype(int) - half).mean() < 3
    whole = cv2.imread(str(tmp_path / "made" / "01.webp"), cv2.IMREAD_UNCHANGED)
    assert whole is not None
    assert np.array_equal(whole[..., 3], np.tile(half, (64, 1)))
    options = ProcessOptions(codec="ffv1")
    process_video(frames, tmp_path / "less.mkv", [Halved(), load(model)], options, Report(), notify=print)
    first, *_ = alphas(tmp_path / "less.mkv")
    assert first.shape == (128, 192)
    assert (first[:, 100:] == 0).all()
    expected = cv2.resize(veil(0), (192, 128), interpolation=cv2.INTER_CUBIC)
    assert np.abs(first[:, :90].astype(int) - expected[:, :90]).max() <= 1
    said: list[str] = []
    for name in ("a.png", "a.jpg"):
        process_image(tmp_path / "00.png", tmp_path / name, [Halved()], notify=said.append)
    assert said == [f"{tmp_path / '00.png'}: its transparency is left out: .jpg cannot hold it, .png can"]
    whole = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert whole is not None
    assert np.array_equal(whole[..., 3], np.where(half > 0, veil(0), 0))
    process_video(source, tmp_path / "b.mp4", [Halved()], ProcessOptions(), Report(), notify=said.append)
    assert "its transparency is left out: h264 holds none here" in said[-1]


def test_what_cannot_hold_it_says_so_first(tmp_path: Path, frames: Path) -> None:
    _, said = process(frames, tmp_path / "out.mp4")
    assert any(
        note.startswith("its transparency is left out: h264 holds none here, vp9 in 4:2:0 (.webm), ffv1")
        for note in said
    )
    for name, codec, cure in (("a.mov", None, "prores"), ("a.webm", "av1", "vp9"), ("a.mkv", "h265", "vp9 or ffv1")):
        _, said = process(frames, tmp_path / name, codec=codec)
        assert [note for note in said if "transparency" in note and note.endswith(f" here, --codec {cure} keeps it")]
    _, said = process(frames, tmp_path / "jpeg" / "%d.jpg")
    assert "its transparency is left out: .jpg cannot hold it, .png can" in said
    _, said = process(make_clip(tmp_path / "a.mp4"), tmp_path / "b.mp4")
    assert not [note for note in said if "transparency" in note]


def test_opacity_grows_with_the_picture_in_a_worker(tmp_path: Path, model: Path) -> None:
    layers = [np.dstack([frame.image, veil(frame.index)]) for frame in TestPattern((96, 64), frames=8)]
    source = make_clip(tmp_path / "in.mkv", images=layers, codec="ffv1", options={}, pix_fmt="bgra")
    chain_spec, out = EffectChainSpec((EffectSpec(str(model)),)), tmp_path / "out.mkv"
    report, _ = by(Alone(chain_spec, tmp_path), source, out, chain_spec, ProcessOptions(codec="ffv1"))
    assert report.frames == 8
    expected = [cv2.resize(layer[..., 3], (192, 128), interpolation=cv2.INTER_CUBIC) for layer in layers]
    assert all(np.array_equal(*pair) for pair in zip(alphas(out), expected, strict=True))
