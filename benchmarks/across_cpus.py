"""Whether models make the same pictures on different CPUs: made on each, then compared.

    python benchmarks/across_cpus.py make OUT.npz [--precision int8 fp32] [--models sr-x2 ...]
    python benchmarks/across_cpus.py compare ONE.npz OTHER.npz

The networks alone, one thread, of a photo and of noise, both small: made to be run under emulation, too, as with
qemu-x86_64 -cpu Nehalem.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.inference.catalog import menu
from gancam.inference.network import GeneratorNetwork, MaskedNetwork, Network, open_network
from gancam.inference.variants import variants

ROOT = Path(__file__).parent.parent


def pictures() -> dict[str, NDArray[np.uint8]]:
    """A photo of 64x48, and noise of odd sides: without anything that may itself differ between CPUs."""
    photo = cv2.imread(str(ROOT / "samples" / "stills" / "otters.webp"))
    assert photo is not None
    noise = np.random.default_rng(1).integers(0, 256, (49, 67, 3), dtype=np.uint8)
    return {"photo": np.asarray(photo[80:176:2, 120:248:2], np.uint8), "noise": noise}


def arrays(network: Network, image: NDArray[np.uint8]) -> list[NDArray[np.generic]]:
    """What a network is called with, at the largest size that it takes of `image`."""
    if isinstance(network, GeneratorNetwork):
        return [np.random.default_rng(5).standard_normal((1, network.card.latent), np.float32)]
    card = network.card
    if min(image.shape[:2]) < card.minimum:
        image = np.tile(image, (-(-card.minimum // 48), -(-card.minimum // 48), 1))
    height, width = (side // card.multiple * card.multiple for side in image.shape[:2])
    images = np.ascontiguousarray(image[None, :height, :width])
    if not isinstance(network, MaskedNetwork):
        return [images]
    hole = np.ones((1, height, width), np.uint8)
    hole[:, height // 4 : height // 2, width // 4 : width // 2] = 0
    return [images, hole]


def make(out: Path, precisions: list[str], models: list[str] | None) -> None:
    made = {}
    for name in models or menu():
        for precision, path in variants(menu()[name]).items():
            if precision not in precisions:
                continue
            network = open_network(path, "cpu", 1, precision=precision)
            for kind, image in pictures().items():
                made[f"{name} {precision} {kind}"] = network(*arrays(network, image))
                print(name, precision, kind, flush=True)
    np.savez(out, allow_pickle=False, **made)


def compare(one: Path, other: Path) -> None:
    first, second = np.load(one), np.load(other)
    for key in sorted(set(first) & set(second)):
        apart = np.abs(first[key].astype(int) - second[key])
        print(f"{key:34} at most {apart.max()} levels, in {100 * np.mean(apart > 0):.4f} % of {apart.size} values")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    making, comparing = commands.add_parser("make"), commands.add_parser("compare")
    making.add_argument("out", type=Path)
    making.add_argument("--precision", nargs="+", default=["int8", "fp32"])
    making.add_argument("--models", nargs="+")
    comparing.add_argument("one", type=Path)
    comparing.add_argument("other", type=Path)
    options = parser.parse_args()
    if options.command == "make":
        make(options.out, options.precision, options.models)
    else:
        compare(options.one, options.other)


if __name__ == "__main__":
    main()
