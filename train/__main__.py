"""python -m train RECIPE --data DIR: train a recipe, or go on with it where it was stopped.

On several processes: torchrun --standalone --nproc-per-node N -m -- train RECIPE --data DIR (with the `--`, or torchrun
takes --run for an option of its own)."""

import argparse
import dataclasses
import logging
import os
import sys
from pathlib import Path

import torch
from torch import distributed

from train import loop, recipe


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    parser.add_argument("recipe", help="a name from train/recipes/, or the path of a .toml file")
    parser.add_argument("--data", "--a", type=Path, required=True, help="pictures: a folder, or as the recipe has it")
    parser.add_argument("--b", type=Path, help="the second pile of pictures (cyclegan)")
    parser.add_argument("--style", type=Path, help="the image, or folder of images, whose style is learnt (style)")
    parser.add_argument("--pairs", help="how pairs are made: self, degraded or folders (pix2pix recipes)")
    parser.add_argument("--run", type=Path, help="folder of the run (default: runs/RECIPE)")
    parser.add_argument("--judge", type=Path, help="folder of images to evaluate on (default: some of the data)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all)")
    parser.add_argument("--stop-after", type=int, help="iteration to stop at, with a checkpoint")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    if options.threads:
        torch.set_num_threads(options.threads)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        distributed.init_process_group("nccl" if options.device.startswith("cuda") else "gloo")
    try:
        chosen = recipe.load(options.recipe)
        given = {name: str(value) for name in ("b", "style", "pairs") if (value := getattr(options, name)) is not None}
        chosen = dataclasses.replace(chosen, data={**chosen.data, **given})
        run = options.run or Path("runs") / chosen.name
        loop.train(
            chosen, options.data, run, device=torch.device(options.device),
            judge=options.judge, stop_after=options.stop_after,
        )  # fmt: skip
    except loop.Interrupted as stop:
        print(f"train: {stop}", file=sys.stderr)
        return 128 + stop.number
    except (OSError, ValueError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
