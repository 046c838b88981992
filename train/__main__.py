"""gancam train RECIPE --data DATA: train a recipe, or go on with it where it was stopped."""

import argparse
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import distributed

from train import loop, precision, recipe
from train.console import Console
from train.data.named import NAMES

# What `--pairs` says of the networks, where one's own first layers make the input of a photo.
MADE: dict[str, dict[str, dict[str, str | int]]] = {
    "edges": {"data": {"pairs": "self"}, "network": {"front": "edges"}, "discriminator": {"colours": 4}},
    "grey": {
        "data": {"pairs": "self"}, "network": {"front": "grey", "keep": "luma"}, "discriminator": {"colours": 4},
    },
}  # fmt: skip
ABOUT = "Train a recipe, or go on with it where it was stopped: the same command goes on, exactly."
SEVERAL = (
    "On several GPUs, from a checkout: torchrun --standalone --nproc-per-node N -m -- train RECIPE --data DATA (with "
    "the --, or torchrun takes --run for an option of its own)."
)
GIVEN = ("b", "style", "pairs", "teacher", "frames", "pool")  # options that are part of the recipe


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="gancam train", description=ABOUT, epilog=SEVERAL)
    parser.add_argument("recipe", help=f"{', '.join(recipe.names())}; or the path of a .toml file")
    parser.add_argument(
        "--data", "--a", type=Path, required=True,
        help=f"pictures: a folder, .zip, .tar, .npz, idx files, a video, or by name: {', '.join(NAMES)}",
    )  # fmt: skip
    parser.add_argument("--b", type=Path, help="the second pile of pictures (cyclegan)")
    parser.add_argument("--style", type=Path, help="the image, or folder of images, whose style is learnt (style)")
    parser.add_argument(
        "--pairs", help="what is made a photo of (pix2pix): edges, grey, degraded, or input/ of folders"
    )
    parser.add_argument("--teacher", type=Path, help="the network that is learnt from: .param, .onnx or .pt2 (distil)")
    parser.add_argument("--frames", type=Path, help="folder of pictures without a sharp original (distil)")
    parser.add_argument("--pool", type=Path, help="folder for what the teacher made (distil; default: runs/pools)")
    parser.add_argument("--run", type=Path, help="folder of the run (default: runs/RECIPE)")
    parser.add_argument("--judge", type=Path, help="folder of images to evaluate on (default: some of the data)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--precision", choices=precision.NAMES[1:], help="what to compute in (default: the fastest of a short trial)"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all)")
    parser.add_argument("--stop-after", type=int, help="iteration to stop at, with a checkpoint")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    logging.getLogger("train").setLevel(logging.INFO)  # and no other: matplotlib tells of its fonts
    if options.threads:
        torch.set_num_threads(options.threads)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        distributed.init_process_group("nccl" if options.device.startswith("cuda") else "gloo")
    console = Console()
    try:
        given = {name: str(value) for name in GIVEN if (value := getattr(options, name)) is not None}
        chosen = recipe.load(options.recipe, {"data": given, **MADE.get(options.pairs, {})})
        if options.precision:
            chosen = replace(chosen, precision=options.precision)
        run = options.run or Path("runs") / chosen.name
        loop.train(
            chosen, options.data, run, device=torch.device(options.device),
            evaluate_on=options.judge, stop_after=options.stop_after, watchers=[console],
        )  # fmt: skip
    except loop.Interrupted as stop:
        console.close()
        print(f"train: {stop}", file=sys.stderr)
        return 128 + stop.number
    except (OSError, ValueError) as error:
        console.close()
        print(f"train: {error}", file=sys.stderr)
        return 2
    finally:
        console.close()
        if distributed.is_initialized():
            distributed.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
