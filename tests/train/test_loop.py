"""The training loop: what a kill, a full disk or a wrong file may not change."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow

from tests.helpers.children import interruptible, uninterruptible
from tests.helpers.training import JUDGE, NEVER, go, restorer, same
from train import __main__ as command
from train import checkpoint, loop, old_names, recipe
from train.watch import Watcher

pytestmark = pytest.mark.usefixtures("one_thread")

LOSSES = "l1 = 1.0, luma_mse = 1.0"
ADVERSARIAL = (
    restorer(degradation="webcam", iterations=5)
    + """
[[phase]]
name = "adversarial"
iterations = 10
lr = 1e-3
lr_discriminator = 2e-3
losses = { l1 = 1.0, distance = 0.1, perceptual = 0.1, adversarial = 0.1, feature_matching = 0.1, plane = 0.1 }
"""
    + JUDGE
    + """
loss = "relativistic"
r1 = 0.1
"""
)
ADAM = restorer(channels=16, iterations=15)
MUON = ADAM.replace("batch = 4", 'optimiser = "muon"\nbatch = 4')


@pytest.mark.parametrize("text", [restorer(iterations=15, losses=LOSSES), MUON, ADVERSARIAL])
def test_a_run_stopped_twice_ends_as_one_that_was_not(text: str, photos: Path, tmp_path: Path) -> None:
    figures = go(text, photos, tmp_path / "whole")
    go(text, photos, tmp_path / "cut", stop_after=4)
    go(text, photos, tmp_path / "cut", stop_after=9)
    resumed = go(text, photos, tmp_path / "cut")
    whole, cut = checkpoint.load(tmp_path / "whole"), checkpoint.load(tmp_path / "cut")
    assert same(whole, cut)  # weights, averages, optimisers, the discriminator's spectral vectors: every bit
    assert figures == resumed


@pytest.mark.parametrize(("before", "after"), [(MUON, ADAM), (ADAM, MUON)])
def test_a_run_does_not_go_on_with_another_optimiser(before: str, after: str, photos: Path, tmp_path: Path) -> None:
    go(before, photos, tmp_path, stop_after=2)
    with pytest.raises(ValueError, match="other networks, or another optimiser"):
        go(after, photos, tmp_path)


def test_a_run_goes_on_with_the_betas_that_its_recipe_has_now(photos: Path, tmp_path: Path) -> None:
    for betas in ([0.5, 0.99], [0.9, 0.999]):
        text = MUON.replace("batch = 4", f"betas = {betas}\nbatch = 4")
        go(text, photos, tmp_path, stop_after=1 if betas[0] == 0.5 else 2)
        (group,) = checkpoint.load(tmp_path)["generator_optimiser"]["param_groups"]
        assert list(group["betas"]) == betas


def test_work_lost_since_the_last_checkpoint_is_done_again_the_same(photos: Path, tmp_path: Path) -> None:
    go(ADVERSARIAL, photos, tmp_path / "run", stop_after=7)
    shutil.copytree(tmp_path / "run", tmp_path / "killed")
    go(ADVERSARIAL, photos, tmp_path / "run", stop_after=12)
    go(ADVERSARIAL, photos, tmp_path / "killed", stop_after=12)
    assert same(checkpoint.load(tmp_path / "run"), checkpoint.load(tmp_path / "killed"))


def test_training_changes_both_players_and_lowers_the_loss(photos: Path, tmp_path: Path) -> None:
    go(ADVERSARIAL, photos, tmp_path, stop_after=6)
    before = checkpoint.load(tmp_path)
    go(ADVERSARIAL, photos, tmp_path)
    after = checkpoint.load(tmp_path)
    for player in ("generator", "discriminator", "ema"):
        assert not same(before[player], after[player])
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "evaluate" not in line]
    assert [line["iteration"] for line in steps] == [5, 6, 10, 15]  # and where it was stopped
    assert {"discriminator", "r1", "real", "fake", "adversarial", "distance"} <= steps[-1].keys()
    assert {"psnr_y", "distance", "psnr_y_webcam", "distance_webcam"} <= lines[-1]["evaluate"].keys()
    assert list(tmp_path.glob("samples-*.png"))


def test_no_discriminator_is_kept_where_there_is_none(photos: Path, tmp_path: Path) -> None:
    go(restorer(iterations=2), photos, tmp_path)
    assert "discriminator" not in checkpoint.load(tmp_path)


def test_start_takes_over_what_fits(photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    go(restorer(iterations=3), photos, tmp_path / "first", name="first")
    given = checkpoint.load(tmp_path / "first")["ema"]
    larger = 'start = "first"\n' + restorer().replace("scale = 2", "scale = 3")
    caplog.set_level("INFO")
    go(larger.replace("iterations = 1", "iterations = 1\nlr = 1e-30"), photos, tmp_path / "second", name="second")
    mine = checkpoint.load(tmp_path / "second")["ema"]
    assert torch.equal(mine["head.direct"], given["head.direct"])
    assert mine["tail.direct"].shape != given["tail.direct"].shape
    assert "begins from first" in caplog.text
    assert "tail.direct" in caplog.text


def test_a_run_of_another_recipe_is_refused(photos: Path, tmp_path: Path) -> None:
    text = restorer(iterations=2)
    go(text, photos, tmp_path)
    with pytest.raises(ValueError, match="'tiny', not 'other'"):
        go(text, photos, tmp_path, name="other")
    changed = r"other networks, .*now: channels \(4 there, 5 here\); go on with what is there, or .*--run FOLDER\)$"
    with pytest.raises(ValueError, match=changed):
        go(text.replace("channels = 4", "channels = 5"), photos, tmp_path)
    assert checkpoint.load(tmp_path)["iteration"] == 2


def test_a_damaged_checkpoint_is_named(photos: Path, tmp_path: Path) -> None:
    text = restorer(iterations=2)
    go(text, photos, tmp_path)
    whole = (tmp_path / checkpoint.LATEST).read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no checkpoint at all", whole[:200] + bytes(200) + whole[400:]):
        (tmp_path / checkpoint.LATEST).write_bytes(damaged)
        said = (
            rf"^{re.escape(str(tmp_path / checkpoint.LATEST))} is (damaged|empty), or not a checkpoint of gancam; "
            "to begin anew, delete that file or give another --run$"
        )
        with pytest.raises(ValueError, match=said):
            go(text, photos, tmp_path)
    torch.save({"weights": torch.zeros(3)}, tmp_path / checkpoint.LATEST)
    with pytest.raises(ValueError, match="a checkpoint of gancam"):
        go(text, photos, tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE")
def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    import resource

    checkpoint.save(tmp_path, {"recipe": "r", "weights": torch.arange(10)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # writes beyond that fail, as on a full disk
    try:
        with pytest.raises(OSError, match="the checkpoint before it is untouched"):
            checkpoint.save(tmp_path, {"recipe": "r", "weights": torch.zeros(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert torch.equal(checkpoint.load(tmp_path)["weights"], torch.arange(10))
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.LATEST]


def test_weights_that_are_no_numbers_never_replace_a_checkpoint(photos: Path, tmp_path: Path) -> None:
    text = restorer(iterations=20)
    go(text, photos, tmp_path, stop_after=3)
    with pytest.raises(ValueError, match="no longer finite"):
        go(text.replace('name = "l1"', 'name = "l1"\nlr = 1e30'), photos, tmp_path, stop_after=6)
    assert checkpoint.load(tmp_path)["iteration"] == 3


def test_the_average_forgets_its_beginning() -> None:
    network, ema = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    start = ema.weight.detach().clone()
    loop.average(ema, network, 0.999, 0)
    torch.testing.assert_close(ema.weight, 0.1 * start + 0.9 * network.weight)  # decay (1 + 0) / (10 + 0)
    late = ema.weight.detach().clone()
    loop.average(ema, network, 0.9, 10**6)
    torch.testing.assert_close(ema.weight, 0.9 * late + 0.1 * network.weight)


def test_the_rate_holds_then_falls() -> None:
    phase = recipe.Phase(name="p", iterations=10, losses={"l1": 1.0}, constant_fraction=0.5, min_lr_fraction=0.1)
    assert loop.rate(phase, 0.0) == loop.rate(phase, 0.5) == 1.0
    assert loop.rate(phase, 0.75) == pytest.approx(0.1 + 0.9 * 0.5)
    assert loop.rate(phase, 1.0) == pytest.approx(0.1)


class Sweeper(Watcher):
    """Deletes a folder when an iteration is over."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def step(self) -> None:
        """Do it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def test_a_checkpoint_is_there_before_it_is_judged(photos: Path, tmp_path: Path) -> None:
    judged = shutil.copytree(photos, tmp_path / "judged")
    plan = recipe.parse(restorer(iterations=2), name="tiny")
    with pytest.raises(OSError, match="no folder of pictures"):
        loop.train(
            plan, photos, tmp_path / "run", device=torch.device("cpu"), every=NEVER, evaluate_on=judged,
            watchers=[Sweeper(judged)],
        )  # fmt: skip
    assert checkpoint.load(tmp_path / "run")["iteration"] == 2


def test_checkpoints_that_are_kept_begin_another_run(photos: Path, tmp_path: Path) -> None:
    plan, run = tmp_path / "plan.toml", tmp_path / "run"
    plan.write_text(restorer(iterations=5))
    words = [str(plan), "--data", str(photos), "--device", "cpu", "--precision", "fp32"]
    assert command.main([*words, "--run", str(run), "--keep-every", "2"]) == 0
    kept = {path.name: checkpoint.load(path)["iteration"] for path in run.glob("*.pt")}
    assert kept == {"checkpoint.pt": 5, "checkpoint-0000002.pt": 2, "checkpoint-0000004.pt": 4}
    alone = tmp_path / "alone"
    assert command.main([*words, "--run", str(alone), "--stop-after", "4"]) == 0
    assert [path.name for path in alone.glob("*.pt")] == ["checkpoint.pt"]
    early, same = (checkpoint.load(path)["ema"] for path in (run / "checkpoint-0000004.pt", alone))
    assert all(torch.equal(early[name], same[name]) for name in same)
    start = str(run / "checkpoint-0000002.pt")
    assert command.main([*words, "--run", str(tmp_path / "other"), "--start", start]) == 0


def test_what_is_over_says_so_and_is_judged_where_that_is_asked_for(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    text = restorer(iterations=4)
    go(text, photos, tmp_path, stop_after=3)
    assert "already" not in caplog.text
    go(text, photos, tmp_path, stop_after=2)
    assert "already at iteration 3, --stop-after 2 is over: nothing is left to train" in caplog.text
    assert go(text, photos, tmp_path)
    assert go(text, photos, tmp_path) == {}
    assert "already at iteration 4, where its recipe ends" in caplog.text
    plan = recipe.parse(text, name="tiny")
    found = loop.train(plan, photos, tmp_path, device=torch.device("cpu"), every=NEVER, evaluate_on=photos)
    assert found["psnr_y"] > 0


# The command line: one line on stderr, exit code 2.


def command_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert command.main(arguments) == 2
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.startswith("gancam: ")]
    assert captured.out == ""
    assert len(lines) == 1
    assert "Traceback" not in captured.err
    return lines[0]


def test_wrong_words_on_the_command_line(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.toml"
    run = ["--run", str(tmp_path / "run"), "--threads", "1"]
    data = ["--data", str(photos)]
    assert "sr-x2-gan" in command_line(["nothing", *data, *run], capsys)  # lists what there is
    good = restorer(losses=LOSSES)
    broken = {
        "Invalid": "= 3",
        "task": good.replace('"super_resolution"', '"nonsense"'),
        "nonsense": good.replace('family = "sr"', 'family = "nonsense"'),
        "chanels": good.replace("channels", "chanels"),
        "degradation 'rain'": good.replace('"bicubic"', '"rain"'),
        "unknown [data] key 'size'": good.replace("patch", "size"),
        "unknown loss beauty": good.replace("luma_mse", "beauty"),
        "no [discriminator]": good.replace("luma_mse", "adversarial"),
        "'judgement' must be one of": ADVERSARIAL.replace('"relativistic"', '"judgement"'),
        "kind 'mask'": ADVERSARIAL.replace('"unet"', '"mask"'),
        "precision": good.replace("fp32", "fp99"),
        "no loss": good.replace(LOSSES, ""),
        "iterations = 0 must be a whole number, 1 to 1,000,000,000": good.replace("iterations = 1", "iterations = 0"),
        "lr = -1 must be a number, more than 0": good.replace("iterations = 1", "iterations = 1\nlr = -1"),
        "lr = nan must be a number, more than 0": good.replace("iterations = 1", "iterations = 1\nlr = nan"),
        "[[phase]] 1: lr = 'fast' must be a number": good.replace("iterations = 1", 'iterations = 1\nlr = "fast"'),
        "losses: luma_mse = nan must be a number that is finite": good.replace("luma_mse = 1.0", "luma_mse = nan"),
        "unknown key 'scael': did you mean 'scale'?": good.replace("scale =", "scael ="),
        "unknown key 'foo': there are channels, depth,": good.replace("scale =", "foo = 1\nscale ="),
        "it needs scale": re.sub("scale = .*\n", "", good),
        "channels = 'a' must be a whole number": re.sub("channels = .*", 'channels = "a"', good),
        "[data] patch = 0 must be a whole number, 1 to 1,000,000": re.sub("patch = .*", "patch = 0", good),
        "[data] patch = '9' must be a whole number": re.sub("patch = .*", 'patch = "9"', good),
        "unknown key 'btach': did you mean 'batch'?": good.replace("batch", "btach"),
        "unknown key 'iteratons': did you mean 'iterations'?": good.replace("iterations", "iteratons"),
        "batch = -2 must be a whole number, 1 to 1,000,000": re.sub("batch = .*", "batch = -2", good),
        "betas [0.9] must be two numbers": good.replace("batch", "betas = [0.9]\nbatch"),
        "it has no [network]": good.replace("[network]", "[data.more]"),
        "no task 'superresolution': did you mean 'super_resolution'?": good.replace("super_res", "superres"),
    }
    for said, text in broken.items():
        plan.write_text(text)
        line = command_line([str(plan), *data, *run], capsys)
        assert said in line
    plan.write_text(good)
    assert "no file or folder" in command_line([str(plan), "--data", str(tmp_path / "absent"), *run], capsys)
    (tmp_path / "empty").mkdir()
    assert "no image" in command_line([str(plan), "--data", str(tmp_path / "empty"), *run], capsys)
    (tmp_path / "file").write_text("in the way")
    assert "file" in command_line([str(plan), *data, "--run", str(tmp_path / "file" / "run")], capsys)


def test_what_would_fail_later_or_means_nothing_is_refused_first(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, run, empty, broken, tiny = (tmp_path / name for name in ("plan.toml", "run", "empty", "broken", "tiny"))
    plan.write_text(restorer(iterations=2))
    for folder in (empty, broken, tiny):
        folder.mkdir()
    (broken / "one.png").write_bytes((photos / "0.png").read_bytes()[:99])
    Pillow.new("RGB", (200, 9)).save(tiny / "one.png")
    words = [str(plan), "--data", str(photos), "--run", str(run), "--device", "cpu"]
    for judge, said in {
        tmp_path / "absent": "--judge: no folder of pictures ",
        empty: "--judge: no image below ",
        broken: "one.png is not a complete image",
        tiny: "one.png has 200x9 pixels, too few to judge on: 32 a side",
    }.items():
        for more in ([], ["--stop-after", "1"]):
            assert said in command_line([*words, "--judge", str(judge), *more], capsys)
    assert not run.exists()
    assert "no recipe 'nothing'" in command_line(["nothing"], capsys)
    assert "--data is missing: what is recipe 'plan' trained on?" in command_line([str(plan)], capsys)
    for option in ("--stop-after", "--threads", "--keep-every"):
        for value in ("0", "-1", "x"):
            with pytest.raises(SystemExit) as end:
                command.main([*words, option, value])
            assert end.value.code == 2
            assert f"{option}: '{value}' must be a whole number, 1 or more" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main([*words, "--checkpoint-seconds", "nan"])
    assert "'nan' must be a number of seconds, 0 or more" in capsys.readouterr().err
    assert not run.exists()


def environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def test_a_signal_that_is_ignored_stays_so() -> None:
    with interruptible(), loop._signals() as received:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert received == [signal.SIGINT, signal.SIGTERM]
    with uninterruptible():
        with loop._signals() as received:
            signal.raise_signal(signal.SIGINT)
        assert received == []
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


@pytest.mark.slow
def test_two_processes_train_together(photos: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(ADVERSARIAL)
    words = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone",
        "-m", "--", "train", str(plan), "--data", str(photos), "--run", str(tmp_path / "run"), "--threads", "1",
        "--device", "cpu", "--stop-after", "7",
    ]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    state = checkpoint.load(tmp_path / "run")
    assert state["iteration"] == 7
    assert all(torch.isfinite(tensor).all() for tensor in state["generator"].values())


def test_recipes_and_checkpoints_with_old_names_are_still_read(tmp_path: Path) -> None:
    text = """task = "unconditional"
[network]
family = "dcgan"
[discriminator]
family = "dcgan"
likely = 0.4
[[phase]]
name = "one"
iterations = 1
losses = { adversarial = 1.0 }
hold = 0.3
floor = 0.2
settled = true
"""
    found = recipe.parse(text)
    phase = found.phases[0]
    assert (phase.constant_fraction, phase.min_lr_fraction, phase.freeze_bn) == (0.3, 0.2, True)
    assert found.discriminator["augment_p"] == 0.4
    assert found.text == text
    with pytest.raises(ValueError, match="'hold' is the old name of 'constant_fraction'"):
        recipe.parse(text + "constant_fraction = 0.5\n")
    likely = torch.tensor(0.25)
    checkpoint.save(tmp_path, {"recipe": text, "name": "old", "iteration": 1, "discriminator": {"likely": likely}})
    assert checkpoint.load(tmp_path)["discriminator"] == {"augment_p": likely}


@pytest.mark.parametrize("name", recipe.names())
def test_bundled_recipes_have_the_names_of_today(name: str) -> None:
    table = tomllib.loads((recipe.RECIPES / f"{name}.toml").read_text())
    assert old_names.current_recipe(table) == table
