"""Does a generator help a classifier? python augment.py MNIST.npz RUN [--few N] [--samples N] [--steps N].

RUN is one of cgan-mnist that was trained on the same few digits, the first of each class, as --write FILE writes them.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn


def classifier() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def accuracy(images, labels, test_images, test_labels, steps: int, seed: int) -> float:  # type: ignore[no-untyped-def]
    torch.manual_seed(seed)
    network, rng = classifier(), np.random.default_rng(seed)
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(steps):
        chosen = torch.from_numpy(rng.integers(len(images), size=64))
        loss = nn.functional.cross_entropy(network(images[chosen]), labels[chosen])
        adam.zero_grad()
        loss.backward()
        adam.step()
    network.eval()
    with torch.no_grad():
        found = torch.cat([network(part).argmax(1) for part in test_images.split(1000)])
    return float((found == test_labels).float().mean())


def tensors(images, labels):  # type: ignore[no-untyped-def]
    return torch.from_numpy(np.asarray(images))[:, None].float() / 255, torch.from_numpy(np.asarray(labels)).long()


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("data", type=Path)
parser.add_argument("run", nargs="?")
parser.add_argument("--few", type=int, default=100, help="real digits of each class")
parser.add_argument("--samples", type=int, default=10_000)
parser.add_argument("--steps", type=int, default=1500)
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--write", type=Path, help="write those few real digits to this .npz and stop")
options = parser.parse_args()

with np.load(options.data) as arrays:
    x, y, test = arrays["x_train"], arrays["y_train"], tensors(arrays["x_test"], arrays["y_test"])
few = np.concatenate([np.flatnonzero(y == digit)[: options.few] for digit in range(10)])
if options.write is not None:
    np.savez(options.write, x_train=x[few], y_train=y[few])
    sys.exit()
real = tensors(x[few], y[few])
with tempfile.TemporaryDirectory() as folder:
    command = [sys.executable, "-m", "gancam", "sample", options.run, "--to", folder, "--labels"]
    subprocess.run([*command, "-n", str(options.samples)], check=True, stdout=subprocess.DEVNULL)
    files = sorted(Path(folder).glob("*/*.png"))
    made = tensors([cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files], [int(f.parent.name) for f in files])
both = tuple(torch.cat(pair) for pair in zip(real, made, strict=True))
half = tuple(torch.cat([part.repeat(len(made[0]) // len(part), *[1] * (part.dim() - 1)), more])
             for part, more in zip(real, made, strict=True))  # fmt: skip
for name, (images, labels) in {"real": real, "real and samples": both, "half and half": half, "samples": made}.items():
    found = [accuracy(images, labels, *test, options.steps, seed) for seed in range(options.repeats)]
    print(f"{name:<18} {100 * np.mean(found):.2f} % +- {100 * np.std(found):.2f}", flush=True)
