"""A GAN of small colour pictures by class: python cifar10.py DATA FOLDER [options of gancam train]."""

import subprocess
import sys

gancam = [sys.executable, "-m", "gancam"]
data, folder, *options = sys.argv[1:]
subprocess.run([*gancam, "train", "cgan-cifar10", "--data", data, "--run", "runs/cifar10", *options], check=True)
subprocess.run([*gancam, "sample", "runs/cifar10", "--to", folder, "--labels", "-n", "100"], check=True)
subprocess.run([*gancam, "sample", "runs/cifar10", "horses.png", "--class", "horse", "-n", "16"], check=True)
