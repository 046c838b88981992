"""Figures against hand-made oracles; the judging command; curves."""

import json
import math
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from tests.helpers.training import restorer, write_run
from train import checkpoint, curves, evaluate, networks
from train.data import Pixels, read_image, resize
from train.networks.sr import SuperResolution


def picture(height: int = 64, width: int = 80, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return resize(coarse, (height, width)).copy()


def test_psnr() -> None:
    image = picture()
    assert evaluate.psnr_y(image, image, border=2) == math.inf
    flat, other = np.full((8, 8), 100.0), np.full((8, 8), 110.0)
    assert evaluate.psnr(flat, other) == pytest.approx(10 * math.log10(255**2 / 100))
    noise = np.random.default_rng(0).normal(0, 5, (400, 400))
    assert evaluate.psnr(np.zeros((400, 400)), noise) == pytest.approx(20 * math.log10(255 / 5), abs=0.05)
    framed = image.copy()
    framed[:2] = framed[-2:] = 0
    framed[:, :2] = framed[:, -2:] = 0
    assert evaluate.psnr_y(framed, image, border=2) == math.inf


def test_luma_runs_from_16_to_235() -> None:
    ends = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    assert evaluate.luma(ends).ravel().tolist() == pytest.approx([16.0, 235.0])


def test_ssim() -> None:
    image = evaluate.luma(picture())
    assert evaluate.ssim(image, image) == pytest.approx(1.0)
    flat = np.full((16, 16), 100.0)  # no variance: only the term of means is left
    c1 = (0.01 * 255) ** 2
    assert evaluate.ssim(flat, flat + 20.0) == pytest.approx((2 * 100 * 120 + c1) / (100**2 + 120**2 + c1))
    noisy = image + np.random.default_rng(0).normal(0, 20, image.shape)
    assert evaluate.ssim(image, noisy) == pytest.approx(evaluate.ssim(noisy, image))
    assert evaluate.ssim(image, noisy) < 0.9
    with pytest.raises(ValueError, match="11x11"):
        evaluate.ssim(flat[:10], flat[:10])


def test_ssim_on_one_window_by_hand() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0, 255, (2, 11, 11))
    line = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    window = np.outer(line, line) / line.sum() ** 2
    ma, mb = (window * a).sum(), (window * b).sum()
    va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
    cov = (window * (a - ma) * (b - mb)).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert evaluate.ssim(a, b) == pytest.approx(expected)


def test_distance_is_zero_for_equal_and_grows_with_damage() -> None:
    image = picture()
    soft = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5), dtype=np.uint8)
    softer = np.asarray(cv2.GaussianBlur(image, (0, 0), 4.0), dtype=np.uint8)
    assert evaluate.distance(image, image) == 0.0
    assert 0.0 < evaluate.distance(soft, image) < evaluate.distance(softer, image)


def test_webcam_figures_are_the_same_each_time_and_worse_than_clean_ones() -> None:
    images = [picture(seed=seed) for seed in range(4)]
    upscale = lambda image: resize(image, (image.shape[0] * 2, image.shape[1] * 2))
    clean = evaluate.super_resolution(upscale, images, 2)
    webcam = evaluate.super_resolution(upscale, images, 2, degradation="webcam")
    assert webcam == evaluate.super_resolution(upscale, images, 2, degradation="webcam")
    assert webcam["psnr_y"] < clean["psnr_y"]
    assert webcam["distance"] > clean["distance"]


def bicubic(image: Pixels) -> Pixels:
    size = (image.shape[1] * 2, image.shape[0] * 2)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def test_flicker() -> None:
    still = [picture()] * 4
    assert evaluate.flicker(bicubic, still, 2) == {
        "flicker": 0.0, "flicker_gain": 1.0, "warp_error": 0.0, "warp_gain": 1.0,
    }  # fmt: skip
    rng = np.random.default_rng(0)

    def boiling(image: Pixels) -> Pixels:
        noise = rng.normal(0, 8, (image.shape[0] * 2, image.shape[1] * 2, 1))
        return np.clip(bicubic(image) + noise, 0, 255).astype(np.uint8)

    grain = [np.clip(picture() + rng.normal(0, 1, (64, 80, 3)), 0, 255).astype(np.uint8) for _ in range(4)]
    calm = evaluate.flicker(bicubic, grain, 2)
    assert calm["flicker_gain"] == pytest.approx(1.0)
    assert calm["warp_gain"] == pytest.approx(1.0)
    assert evaluate.flicker(boiling, grain, 2)["flicker_gain"] > 3.0
    with pytest.raises(ValueError, match="two frames, not 1"):
        evaluate.flicker(bicubic, still[:1], 2)


def test_flicker_follows_what_moves() -> None:
    wide = picture(64, 160)
    moving = [np.ascontiguousarray(wide[:, 2 * index : 2 * index + 120]) for index in range(4)]
    figures = evaluate.flicker(bicubic, moving, 2)
    raw = np.mean([np.abs(a.astype(float) - b).mean() for a, b in pairwise(moving)])
    assert figures["warp_error"] < 0.35 * raw


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with a network's checkpoint and a log, one line of it torn and one repeated."""
    network = SuperResolution(scale=2, channels=4, depth=1, expansion=8)
    folder = write_run(tmp_path / "small", restorer(), network, name="small")
    lines = [{"iteration": i, "images": i, "phase": "l1", "l1": 1.0 / i, "lr": 0.1} for i in (1, 2, 3, 2)]
    lines[3]["l1"] = 7.0
    judged = {"iteration": 3, "evaluate": {"psnr_y": 30.0}}
    text = "".join(json.dumps(line) + "\n" for line in [*lines, judged])
    (folder / "log.jsonl").write_text(text + '{"iteration": 4, "l')
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(2):
        Pillow.fromarray(picture(seed=seed)).save(folder / f"{seed}.png")
    return folder


def test_the_command_judges_and_compares(run: Path, images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = run.parent / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 10, (80, 64))
    for seed in range(3):
        writer.write(picture(seed=seed // 2))
    writer.release()
    words = [str(run), str(run / checkpoint.LATEST), "--images", str(images), "--video", str(clip), "--threads", "1"]
    assert evaluate.main([*words, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["name"] == "small"
    assert first["figures"] == second["figures"]
    assert first["figures"].keys() == {"images bicubic", "images webcam", "clip.avi"}
    network = evaluate.trained(run)[1]
    truths = [read_image(path) for path in sorted(images.iterdir())]
    expected = evaluate.super_resolution(partial(evaluate.run, network), truths, 2)
    assert first["figures"]["images bicubic"] == pytest.approx(expected)
    assert evaluate.main(words) == 0
    printed = capsys.readouterr().out
    assert "(+0.0%)" in printed
    assert "images webcam" in printed


def strict(text: str) -> object:
    """What JSON says, which knows no infinite number."""

    def refuse(what: str) -> None:
        raise ValueError(what)

    return json.loads(text, parse_constant=refuse)


def test_a_figure_that_is_not_finite_is_null_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = SuperResolution(scale=2, channels=4, depth=1, expansion=8)
    for parameter in network.parameters():
        parameter.data.zero_()
    run = write_run(tmp_path / "nothing", restorer(), network)
    (tmp_path / "flat").mkdir()
    Pillow.new("RGB", (64, 64), "gray").save(tmp_path / "flat" / "a.png")
    words = [str(run), str(run), "--images", str(tmp_path / "flat"), "--degradation", "bicubic"]
    assert evaluate.main([*words, "--json"]) == 0
    told = strict(capsys.readouterr().out)
    assert isinstance(told, list)
    assert told[0]["figures"]["flat bicubic"]["psnr_y"] is None
    assert evaluate.main(words) == 0
    said = capsys.readouterr().out
    assert "psnr_y inf" in said
    assert "nan" not in said


def test_a_run_of_another_network_is_one_short_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    translator = '[network]\nfamily = "translator"\nwidths = [4, 8]\ndepth = 1\n'
    text = restorer().replace(
        '[network]\nfamily = "sr"\nscale = 2\nchannels = 4\ndepth = 1\nexpansion = 8\n', translator
    )
    two = torch.nn.ModuleDict({name: networks.build("translator", widths=(4, 8), depth=1) for name in ("ab", "ba")})
    made = SuperResolution(scale=2, channels=6, depth=2, expansion=8)
    for run, said in (
        (write_run(tmp_path / "cyclegan", text, two), "a network of family 'translator', which upscales nothing"),
        (write_run(tmp_path / "changed", restorer(), made), "its weights are not those of recipe 'tiny'"),
    ):
        assert evaluate.main([str(run), "--images", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
        assert len(error) < 400


def test_the_command_says_what_is_wrong(run: Path, images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run.parent / "no.avi").write_bytes(b"no video")
    (run.parent / "damaged").mkdir()
    (run.parent / "damaged" / checkpoint.LATEST).write_bytes(b"nothing")
    for said, words in {
        "no checkpoint": [str(run.parent / "absent"), "--images", str(images)],
        "damaged": [str(run.parent / "damaged"), "--images", str(images)],
        "no folder": [str(run), "--images", str(run / "absent")],
        "not a video": [str(run), "--video", str(run.parent / "no.avi")],
    }.items():
        assert evaluate.main(words) == 2
        captured = capsys.readouterr()
        lines = [line for line in captured.err.splitlines() if line.startswith("gancam: ")]
        assert len(lines) == 1
        assert said in lines[0]


def test_folders_and_clips_of_one_name_are_not_judged_as_one(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / "one" / "Set14", tmp_path / "two" / "set14"
    for folder in (one, two):
        folder.mkdir(parents=True)
    for option in ("--images", "--video"):
        assert evaluate.main([str(run), option, str(one), str(two)]) == 2
        assert f"{one} and {two} have the same name, and figures are named after it" in capsys.readouterr().err


def test_curves(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    log = curves.read(run)
    losses, figures, beside = log.losses, log.figures, log.beside
    assert losses == {"l1": ([1, 2, 3], [1.0, 7.0, 1 / 3])}  # the repeated iteration counts as it was last
    assert figures == {"psnr_y": ([3], [30.0])}
    assert beside == {"lr": ([1, 2, 3], [0.1, 0.1, 0.1])}
    assert curves.main([str(run)]) == 0
    with Pillow.open(run / "curves.png") as drawn:
        pixels = np.asarray(drawn.convert("RGB"))
    assert pixels.std() > 5  # something is on it
    assert capsys.readouterr().out.split() == [str(run / "curves.png"), str(run / "page.html")]
    assert curves.main([str(run.parent / "absent")]) == 2
    assert "not the folder of a run" in capsys.readouterr().err


def test_smoothing_is_an_average() -> None:
    assert curves.smoothed(([10, 20, 30], [3.0, 3.0, 3.0])) == pytest.approx([3.0, 3.0, 3.0])
    assert curves.smoothed(([10, 20], [0.0, 1.0]))[1] == pytest.approx(0.1 / 0.19)


def test_a_network_runs_on_an_odd_image() -> None:
    network = SuperResolution(scale=2, channels=4, depth=0).eval()
    with torch.no_grad():
        assert evaluate.run(network, picture(13, 7)).shape == (26, 14, 3)
