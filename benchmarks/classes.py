"""Whether a generator by class makes what it is asked for: a small classifier of the real pictures judges its samples.

    python benchmarks/classes.py RUN --train DATA --test DATA [--samples 1000] [--steps 1500]

DATA is all that training reads, with classes: cifar10, a folder of folders, a zip. What the classifier itself is worth
on pictures that it has not seen stands beside: of its own mistakes it accuses the generator.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from train.data import Pictures  # noqa: E402


def block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]


def classifier(channels: int, side: int, classes: int) -> nn.Module:
    last = 128 * (side // 8) ** 2
    layers = [*block(channels, 32), *block(32, 64), *block(64, 128), nn.Flatten(), nn.Dropout(0.4)]
    return nn.Sequential(*layers, nn.Linear(last, classes))


def tensor(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def shifted(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirrored at random, and moved by up to three pixels."""
    images = torch.where(torch.from_numpy(rng.random(len(images)) < 0.5)[:, None, None, None], images.flip(3), images)
    moved = nn.functional.pad(images, (3, 3, 3, 3), mode="reflect")
    y, x = rng.integers(0, 7, 2)
    return moved[:, :, y : y + images.shape[2], x : x + images.shape[3]]


def learn(pictures: Pictures, steps: int) -> nn.Module:
    torch.manual_seed(0)
    network, rng = classifier(3, pictures.images.shape[1], len(pictures.classes)), np.random.default_rng(0)
    adam = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-3)
    plan = torch.optim.lr_scheduler.OneCycleLR(adam, 4e-3, total_steps=steps)
    for _ in range(steps):
        chosen = rng.integers(len(pictures.images), size=128)
        found = network(shifted(tensor(pictures.images[chosen]), rng))
        adam.zero_grad()
        nn.functional.cross_entropy(found, torch.from_numpy(pictures.labels[chosen]), label_smoothing=0.1).backward()
        adam.step()
        plan.step()
    return network.eval()


@torch.no_grad()
def right(network: nn.Module, pictures: Pictures) -> NDArray[np.bool_]:
    found = torch.cat([network(tensor(part)).argmax(1) for part in np.array_split(pictures.images, 20)])
    return found.numpy() == pictures.labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--side", type=int, default=32)
    options = parser.parse_args()
    real = Pictures(options.train, resolution=options.side)
    network = learn(real, options.steps)
    unseen = Pictures(options.test, resolution=options.side)
    assert unseen.classes == real.classes, "--train and --test have other classes"
    print(f"real pictures that it has not seen: {100 * right(network, unseen).mean():.1f} % right", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "gancam", "sample", options.run, "--to", folder, "--labels"]
        subprocess.run([*command, "-n", str(options.samples)], check=True, stdout=subprocess.DEVNULL)
        made = Pictures(Path(folder), resolution=options.side)
    agrees = right(network, made)
    each = (f"{name} {100 * agrees[made.labels == index].mean():.0f}" for index, name in enumerate(made.classes))
    print(f"samples: {100 * agrees.mean():.1f} % as asked for ({', '.join(each)})")


if __name__ == "__main__":
    main()
