"""Style transfer, translation from pairs, and between piles: what they learn from, keep, and say of bad input."""

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from tests.helpers.training import go, same
from train import __main__ as command
from train import checkpoint, evaluate, loop, losses, networks, recipe, tasks
from train.losses import luma
from train.networks import colorizer
from train.networks.translator import Translator, edges
from train.painters import VERSIONS, paint
from train.tasks import Batch, translation
from train.tasks.cyclegan import POOL, CycleGanTask
from train.tasks.style import StyleTask
from train.tasks.translation import TranslationTask, rarity

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORK = """
[network]
family = "translator"
widths = [4, 8]
depth = 1
"""
STYLE = (
    """
task = "style"
batch = 2
"""
    + NETWORK
    + """pattern = 5
[discriminator]
family = "discriminators"
kind = "patch"
channels = 4
[data]
patch = 72
style_side = 72
style = "{style}"
[[phase]]
name = "style"
iterations = 6
losses = {{ content = 1, style = 1, variation = 0.1, temporal = 1, rest = 1, structure = 1, adversarial = 0.1 }}
"""
)
PAIRS = (
    """
task = "translation"
batch = 2
"""
    + NETWORK
    + """{network}
[discriminator]
family = "discriminators"
kind = "patch"
channels = 4
colours = {colours}
[data]
patch = 32
pairs = "{pairs}"
[[phase]]
name = "both"
iterations = 6
losses.l1 = 1.0
losses.chroma = 1.0
losses.chroma_square = 0.1
losses.chroma_mode = 0.1
losses.perceptual = 0.1
losses.adversarial = 0.1
losses.feature_matching = 0.1
"""
)
CYCLE = (
    """
task = "cyclegan"
batch = 3
precision = "fp32"
"""
    + NETWORK
    + """
[discriminator]
family = "discriminators"
kind = "patch"
channels = 4
augment = ["translation"]
augment_p = 0.5
[data]
resolution = 16
b = "{b}"
[[phase]]
name = "cycle"
iterations = 20
losses = {{ adversarial = 1.0, cycle = 1.0, identity = 1.0 }}
"""
)


def twice(text: str, data: Path, tmp_path: Path, stop: int) -> None:
    go(text, data, tmp_path / "whole")
    go(text, data, tmp_path / "cut", stop_after=stop)
    start = checkpoint.load(tmp_path / "cut")
    go(text, data, tmp_path / "cut")
    whole = checkpoint.load(tmp_path / "whole")
    assert same(whole, checkpoint.load(tmp_path / "cut"))
    assert not same(start["ema"], whole["ema"])
    assert list((tmp_path / "whole").glob("samples-*.png"))


def test_style_trains_and_resumes_exactly(photos: Path, tmp_path: Path) -> None:
    twice(STYLE.format(style=photos / "0.png"), photos, tmp_path, 3)


def test_a_phase_with_frozen_batch_norm_keeps_the_averages_it_deploys_with(photos: Path, tmp_path: Path) -> None:
    text = STYLE.format(style=photos / "0.png")
    go(text, photos, tmp_path / "run")
    before = checkpoint.load(tmp_path / "run")["generator"]
    go(text + '[[phase]]\nname = "settle"\niterations = 3\nlosses = { content = 1.0 }\nfreeze_bn = true\n', photos,
       tmp_path / "run")  # fmt: skip
    after = checkpoint.load(tmp_path / "run")["generator"]
    averages = [name for name in before if name.endswith("running_mean")]
    assert averages
    assert all(torch.equal(before[name], after[name]) for name in averages)
    assert not torch.equal(before["tail.weight"], after["tail.weight"])


@pytest.mark.parametrize(("pairs", "front", "colours"), [
    ("self", 'front = "grey"\nkeep = "luma"', 4), ("degraded", "", 6),
    pytest.param("self", 'front = "edges"', 4, marks=pytest.mark.slow),
])  # fmt: skip
def test_pairs_train_and_resume_exactly(
    pairs: str, front: str, colours: int, photos: Path, tmp_path: Path
) -> None:  # fmt: skip
    twice(PAIRS.format(pairs=pairs, network=front, colours=colours), photos, tmp_path, 3)


@pytest.mark.parametrize(
    "network", ["", *(pytest.param(one, marks=pytest.mark.slow) for one in ("pattern = 24", 'grain = "strokes"'))]
)
def test_paintings_train_and_resume_exactly_and_are_painted_once(network: str, photos: Path, tmp_path: Path) -> None:
    text = PAIRS.format(pairs="ink", network=network, colours=6)
    text = text.replace("patch = 32", f'patch = 32\nnoise = 0.05\npool = "{tmp_path / "pool"}"')
    text = text.replace("feature_matching = 0.1", "feature_matching = 0.1\nlosses.rest = 1.0")
    twice(text, photos, tmp_path, 3)
    paintings = sorted((tmp_path / "pool" / f"ink-{VERSIONS['ink']}").iterdir())
    assert [path.suffix for path in paintings] == [".png"] * 4
    before = [path.stat().st_mtime_ns for path in paintings]
    lost = paintings[0].read_bytes()
    paintings[0].unlink()
    made = tasks.build(recipe.parse(text), photos, torch.device("cpu"))
    assert isinstance(made, TranslationTask)
    assert [path.stat().st_mtime_ns for path in paintings[1:]] == before[1:]
    assert paintings[0].read_bytes() == lost
    assert made.inputs is not None
    for photo, painting in zip(made.inputs, made.truths, strict=True):
        assert np.array_equal(paint("ink", photo), painting)
    batch = made.batch(np.random.default_rng(0), 3)
    assert not torch.equal(batch["input"], batch["again"])
    assert float((batch["input"] - batch["again"]).abs().mean()) < 0.1


@pytest.mark.parametrize("network", ["pattern = 6", 'grain = "strokes"'])
def test_a_pattern_lies_where_the_patch_was_cut(network: str, photos: Path, tmp_path: Path) -> None:
    text = PAIRS.format(pairs="mosaic", network=network, colours=6)
    text = text.replace("patch = 32", f'patch = 32\npool = "{tmp_path}"')
    torch.manual_seed(0)
    made = tasks.build(recipe.parse(text), photos, torch.device("cpu"))
    assert isinstance(made, TranslationTask)
    batch = made.batch(np.random.default_rng(1), 8)
    assert (batch["shift"] <= 0).all()
    assert len({(down, right) for down, right in batch["shift"].tolist()}) > 4
    generator = made.generator.eval()
    with torch.no_grad():
        whole = torch.from_numpy(np.stack(made.inputs or []).copy()).permute(0, 3, 1, 2) / 255.0
        seen = made.generate(batch)
        assert float((seen - made.generator(batch["input"])).abs().max()) > 0.05  # as it matters where
        for patch, shift, found in zip(batch["input"], batch["shift"].tolist(), seen, strict=True):
            top, left = (-made.multiple * step for step in shift)
            place = slice(top, top + 32), slice(left, left + 32)
            (index,) = [n for n, photo in enumerate(whole) if torch.equal(photo[:, *place], patch)]
            there = generator(whole[index : index + 1])[0][:, *place]
            assert torch.allclose(there[:, 14:-14, 14:-14], found[:, 14:-14, 14:-14], atol=4e-3)


def test_rest_needs_noise(photos: Path, tmp_path: Path) -> None:
    text = PAIRS.format(pairs="self", network="", colours=6).replace("l1 = 1.0", "rest = 1.0")
    with pytest.raises(ValueError, match=r"the loss rest needs .* noise above 0"):
        go(text, photos, tmp_path / "run")


def test_patches_are_as_light_as_gamma_allows(photos: Path, tmp_path: Path) -> None:
    def drawn(gamma: str, pairs: str = "self") -> Batch:
        text = PAIRS.format(pairs=pairs, network="", colours=6).replace("patch = 32", f"patch = 32\n{gamma}")
        task = TranslationTask(recipe.parse(text), photos, torch.device("cpu"))
        return task.batch(np.random.default_rng(0), 4)

    lit = drawn("gamma = 1.0")
    assert torch.equal(lit["input"], lit["truth"])
    assert float(lit["truth"].mean((1, 2, 3)).std()) > 1.2 * float(drawn("")["truth"].mean((1, 2, 3)).std())
    with pytest.raises(ValueError, match="gamma is for pairs self, not degraded"):
        drawn("gamma = 1.0", "degraded")


def test_a_rare_colour_weighs_more_and_pixels_one_on_the_whole() -> None:
    common, rare = (60, 50, 40), (20, 40, 200)
    truth = np.full((64, 64, 3), common, np.uint8)
    truth[:4] = rare
    weights = rarity([truth, truth], torch.device("cpu"))
    found = []
    for colour in (common, rare):
        red, _, blue = (level / 255 - np.dot((0.299, 0.587, 0.114), colour) / 255 for level in colour)
        found.append(float(weights[int((red + 1) / 0.05), int((blue + 1) / 0.05)]))
    assert found[1] > 1.5 * found[0]
    assert found[0] * 60 / 64 + found[1] * 4 / 64 == pytest.approx(1.0, abs=1e-3)


def test_a_colorizer_learns_all_but_what_looks(photos: Path, tmp_path: Path) -> None:
    text = PAIRS.format(pairs="self", network="", colours=4)
    text = text.replace(NETWORK, '[network]\nfamily = "colorizer"\nwidths = [4, 4, 6, 8]\ndepth = 1\ndropout = 0.3\n')
    assert "colorizer" in text
    twice(text, photos, tmp_path, 3)
    after = checkpoint.load(tmp_path / "whole")["ema"]
    fresh = colorizer.build(widths=(4, 4, 6, 8), depth=1).state_dict()
    for name, value in fresh.items():
        assert torch.equal(value, after[name]) == name.startswith(("stem", "blocks")), name


@pytest.mark.parametrize("sizes", ["[]", "[0.0]", "[1.5, 1.0]"])
def test_sizes_that_are_none(sizes: str, photos: Path, tmp_path: Path) -> None:
    text = PAIRS.format(pairs="self", network="", colours=6).replace("patch = 32", f"patch = 32\nsizes = {sizes}")
    with pytest.raises(ValueError, match=r"must (be a number, more than 0 and 1 at most|have something in it)"):
        go(text, photos, tmp_path / "run")


@pytest.mark.parametrize(("pairs", "front", "keep"), [("edges", "edges", "nothing"), ("grey", "grey", "luma")])
def test_pairs_of_the_command_line_travel_with_the_run(
    pairs: str, front: str, keep: str, photos: Path, tmp_path: Path
) -> None:  # fmt: skip
    (tmp_path / "few.toml").write_text(PAIRS.format(pairs="folders", network="", colours=6))
    words = [str(tmp_path / "few.toml"), "--data", str(photos), "--run", str(tmp_path / "run"), "--pairs", pairs]
    assert command.main([*words, "--device", "cpu", "--stop-after", "2"]) == 0
    kept = checkpoint.load(tmp_path / "run")
    made = networks.build(**recipe.parse(kept["recipe"], name="few").network)
    assert isinstance(made, Translator)
    made.load_state_dict(kept["ema"])
    assert (made.front, made.keep) == (front, keep)
    assert command.main([*words, "--device", "cpu", "--stop-after", "3"]) == 0
    assert checkpoint.load(tmp_path / "run")["iteration"] == 3


def test_what_is_given_takes_precedence_whatever_it_holds(tmp_path: Path) -> None:
    (tmp_path / "few.toml").write_text(STYLE.format(style="of the file"))
    odd = 'a "quoted" \\ name, 絵 🎨'
    found = recipe.load(
        str(tmp_path / "few.toml"), {"data": {"style": odd}, "network": {}, "discriminator": {"channels": 6}}
    )
    assert (found.data["style"], found.data["patch"], found.discriminator["channels"]) == (odd, 72, 6)
    assert recipe.parse(found.text, name="few") == found
    for bad in ("given = 1", "[given]\ndata = 1", "[given.phase]\nlr = 1"):
        with pytest.raises(ValueError, match="few"):
            recipe.parse(bad + "\n" + found.text.split("[given", 1)[0], name="few")
    plain = recipe.load(str(tmp_path / "few.toml"))
    assert plain.text == (tmp_path / "few.toml").read_text()


@pytest.mark.parametrize("own", ["[given.data]\nblur = 1\npatch = 80", "[given]\nbatch = 3\ndata = {patch = 80}"])
def test_a_recipe_that_has_given_tables_itself_takes_more(tmp_path: Path, own: str) -> None:
    """What is said at the command line comes before what the file has as given, and that before its tables."""
    file = tmp_path / "few.toml"
    file.write_text(STYLE.format(style="of the file") + "\n" + own.replace("blur = 1\n", ""))
    before = recipe.load(str(file))
    assert (before.data["style"], before.data["patch"]) == ("of the file", 80)
    odd = 'a "quoted" \\ name\x7f, 絵'
    found = recipe.load(str(file), {"data": {"style": odd}}, start="there")
    assert found.data == {**before.data, "style": odd}
    assert (found.start, found.batch, found.phases, found.network) == (
        "there", before.batch, before.phases, before.network,
    )  # fmt: skip
    assert recipe.parse(found.text, name="few") == found
    file.write_text(found.text)  # as of a run that is trained on
    again = recipe.load(str(file), {"data": {"patch": 64}}, start="elsewhere")
    assert (again.data, again.start) == ({**found.data, "patch": 64}, "elsewhere")


def test_every_recipe_is_the_same_written_anew() -> None:
    for name in recipe.names():
        table = tomllib.loads(recipe.find(name).read_text(encoding="utf-8"))
        assert tomllib.loads(recipe.as_toml(table)) == table, name
        assert tomllib.loads(recipe.as_toml({"given": table})) == {"given": table}, name


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "..", "C:x"])
def test_a_name_of_which_files_are_named_holds_no_folder(name: str) -> None:
    with pytest.raises(ValueError, match="must have no /"):
        recipe.parse(f"name = {json.dumps(name)}\n" + STYLE.format(style="x"))
    with pytest.raises(ValueError, match="must have no /"):
        recipe.parse(STYLE.format(style="x"), name=name)


def test_paired_folders(photos: Path, tmp_path: Path) -> None:
    for side in ("input", "target"):
        shutil.copytree(photos, tmp_path / "pairs" / side)
    text = PAIRS.format(pairs="folders", network="", colours=6)
    twice(text, tmp_path / "pairs", tmp_path, 3)
    (tmp_path / "pairs" / "input" / "1.png").rename(tmp_path / "pairs" / "input" / "other.png")
    with pytest.raises(ValueError, match=r"2 pictures are in only one .*: 1, other"):
        go(text, tmp_path / "pairs", tmp_path / "bad")
    (tmp_path / "pairs" / "input" / "other.png").unlink()
    Pillow.new("RGB", (64, 48)).save(tmp_path / "pairs" / "input" / "1.png")
    with pytest.raises(ValueError, match="1 is 64x48 in input/ and 128x96 in target/"):
        go(text, tmp_path / "pairs", tmp_path / "bad")


def test_a_judge_with_the_eyes_of_a_classifier_learns_all_but_those(photos: Path, tmp_path: Path) -> None:
    text = CYCLE.format(b=photos).replace(
        'family = "discriminators"\nkind = "patch"\nchannels = 4\n',
        'family = "projected"\nresolution = 16\nchannels = 4\nmost = 8\nside = 64\nmixed = 8\n',
    )
    assert "projected" in text
    states = []
    for stop in (1, 3):
        go(text, photos, tmp_path / "run", stop_after=stop)
        states.append(checkpoint.load(tmp_path / "run")["discriminator"])
    learnt = {name for name, value in states[0].items() if not torch.equal(value, states[1][name])}
    assert any(".heads." in name for name in learnt)
    assert any(".pixels." in name for name in learnt)
    assert not any(".mix." in name or ".down." in name for name in learnt)


def test_cyclegan_trains_and_resumes_exactly(photos: Path, tmp_path: Path) -> None:
    twice(CYCLE.format(b=photos), photos, tmp_path, 18)  # the pool is full after 17


def test_the_pool_shows_what_was_made_before(photos: Path) -> None:
    made = tasks.build(recipe.parse(CYCLE.format(b=photos)), photos, torch.device("cpu"))
    assert isinstance(made, CycleGanTask)
    old = torch.full((POOL, 3, 16, 16), 0.2)
    assert torch.equal(made._pooled("ab", old), old)
    made.discriminator.filled.add_(POOL)
    torch.manual_seed(0)
    new = torch.full((200, 3, 16, 16), 0.8)
    shown = made._pooled("ab", new).mean((1, 2, 3))
    assert 0.35 < float((shown == new.mean((1, 2, 3))).float().mean()) < 0.9
    assert (shown < 0.3).any()


def test_what_is_missing_is_named(photos: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    Pillow.new("L", (20, 90)).save(small)
    broken = {
        "no style": STYLE.format(style=""),
        "no style image": STYLE.format(style=tmp_path / "gone.png"),
        "needs 64 pixels a side, it has 20x90": STYLE.format(style=small),
        "no second set": CYCLE.format(b=""),
        "no file or folder": CYCLE.format(b=tmp_path / "gone"),
        "has no folders input/ and target/, .* --pairs makes them: edges, grey": PAIRS.format(
            pairs="folders", network="", colours=6
        ),
        "pairs 'both'": PAIRS.format(pairs="both", network="", colours=6),
        "patch 64 must be 68 or more": STYLE.format(style=photos / "0.png").replace("patch = 72", "patch = 64"),
        "unknown loss beauty": STYLE.format(style=small).replace("variation", "beauty"),
    }
    for said, text in broken.items():
        with pytest.raises((ValueError, FileNotFoundError), match=said):
            go(text, photos, tmp_path / "run")


# The network


def test_the_brightness_is_kept_whatever_the_network_does() -> None:
    torch.manual_seed(0)
    network = networks.build("translator", widths=(4, 8), depth=1, front="grey", keep="luma").eval()
    x = torch.rand(2, 3, 16, 20)
    y = network(x)
    torch.testing.assert_close(luma(y), luma(x), atol=1e-5, rtol=1e-5)
    assert float((y - luma(y)).detach().abs().mean()) > 1e-3
    grey = luma(x).expand(-1, 3, -1, -1)
    torch.testing.assert_close(network(grey), y, atol=1e-5, rtol=1e-5)  # it saw no colour


def test_edges_are_where_edges_are() -> None:
    x = torch.full((1, 3, 24, 24), 0.8)
    torch.testing.assert_close(edges(x), torch.ones(1, 1, 24, 24))
    x[:, :, :, 12:] = 0.2
    drawn = edges(x)[0, 0]
    assert float(drawn[:, 11:13].min()) < 0.3
    assert float(drawn[:, :6].min()) > 0.99
    assert float(drawn[:, 18:].min()) > 0.99


@pytest.mark.parametrize(("skips", "pattern", "grain"), [(2, 0, ""), (0, 0, ""), (1, 3, ""), (2, 0, "strokes")])
def test_sizes_of_the_translator(skips: int, pattern: int, grain: str) -> None:
    network = networks.build("translator", widths=(4, 8, 8), depth=1, skips=skips, pattern=pattern, grain=grain).eval()
    assert isinstance(network, Translator)
    assert network.multiple == 8
    for height, width in ((8, 8), (24, 40)):
        assert network(torch.rand(1, 3, height, width)).shape == (1, 3, height, width)
    with pytest.raises(ValueError, match="multiples of 8"):
        network(torch.rand(1, 3, 12, 16))
    with pytest.raises(ValueError, match="front"):
        networks.build("translator", front="depth")
    with pytest.raises(ValueError, match="grain 'sand' must be one of"):
        networks.build("translator", grain="sand")


# Losses and figures


def test_gram_and_its_kin() -> None:
    features = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 2, 1, 2)
    assert losses.gram(features)[0].tolist() == [[5 / 4, 11 / 4], [11 / 4, 25 / 4]]
    shuffled = features.flip(3)
    torch.testing.assert_close(losses.gram(shuffled), losses.gram(features))  # places do not matter
    assert losses.relative_square(torch.zeros(4), torch.rand(4) + 1).item() == pytest.approx(1.0)
    assert losses.relative_square(torch.ones(4), torch.ones(4)).item() == 0.0
    steps = torch.tensor([[0.0, 1.0], [0.0, 1.0]]).view(1, 1, 2, 2)
    assert losses.total_variation(steps).item() == pytest.approx(1.0)


def test_colour_figures() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    grey = np.repeat(truth.mean(2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert evaluate.colourfulness(grey) == 0.0
    assert evaluate.colourfulness(truth) > 50
    assert evaluate.chroma_gain(grey, truth) == pytest.approx(0.0, abs=0.05)
    assert evaluate.chroma_gain(truth, truth) > 40
    assert evaluate.chroma_gain((truth // 2 + grey // 2), truth) > 3


def test_temporal_noise_of_what_amplifies_and_of_what_ignores() -> None:
    images = [np.full((48, 64, 3), 120, np.uint8), np.full((32, 32, 3), 90, np.uint8)]
    assert evaluate.temporal_noise(lambda image: image, images) == pytest.approx(1.0)
    twice = evaluate.temporal_noise(lambda image: np.clip(2.0 * image - 120, 0, 255).astype(np.uint8), images)
    assert twice == pytest.approx(2.0, abs=0.01)
    assert evaluate.temporal_noise(np.zeros_like, images) == 0.0


def test_a_style_is_judged_on_photos_that_it_did_not_learn_from(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(16):
        Pillow.new("RGB", (80, 80), (16 * index, 90, 60)).save(photos / f"{index:02d}.png")
    plan = recipe.parse(STYLE.format(style=photos / "00.png"))
    made = tasks.build(plan, photos, torch.device("cpu"))
    assert isinstance(made, StyleTask)
    seen: list[torch.Tensor] = []
    made.generator.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    made.evaluate(made.generator, None)
    judged = {round(float(red) * 255) for red in seen[0][:, 0].mean((1, 2))}
    batch = made.batch(np.random.default_rng(0), 64)
    assert len(judged) == 2
    assert not judged & {round(float(red) * 255) for red in batch["image"][:, 0].mean((1, 2))}


def small_pictures(folder: Path, side: int) -> Path:
    for part in ("input", "target"):
        (folder / part).mkdir(parents=True)
        for index in range(2):
            picture = np.random.default_rng(index).integers(0, 256, (side, side, 3), np.uint8)
            Pillow.fromarray(picture).save(folder / part / f"{index}.png")
    return folder


@pytest.mark.parametrize("pairs", ["self", "folders"])
def test_pictures_too_small_to_judge_on_are_refused_before_training(pairs: str, tmp_path: Path) -> None:
    text = f"""
task = "translation"
batch = 1
precision = "fp32"
[network]
family = "translator"
widths = [4, 4]
depth = 0
[data]
patch = 8
pairs = "{pairs}"
sizes = [1.0]
[[phase]]
name = "l1"
iterations = 1
losses = {{ l1 = 1.0 }}
"""
    plan, cpu = recipe.parse(text, name="small"), torch.device("cpu")
    with pytest.raises(ValueError, match=r"under 32 pixels|no pair has 32 pixels a side"):
        loop.train(plan, small_pictures(tmp_path / "24", 24), tmp_path / "run", device=cpu)
    assert loop.train(plan, small_pictures(tmp_path / "33", 33), tmp_path / "run", device=cpu)["psnr"] > 0


def test_two_pictures_of_one_name_are_no_pair(tmp_path: Path) -> None:
    data = small_pictures(tmp_path, 40)
    (data / "input" / "1.png").rename(data / "input" / "0.bmp")
    with pytest.raises(ValueError, match=r"0\.bmp and 0\.png have the same name: which of them is of the pair"):
        translation._paired(data, 32)
