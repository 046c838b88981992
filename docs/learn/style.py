"""A painting's style over a camera: python style.py PHOTOS PAINTING VIDEO [options of gancam train]."""

import subprocess
import sys

gancam = [sys.executable, "-m", "gancam"]
photos, painting, video, *options = sys.argv[1:]
train = ["train", "style", "--data", photos, "--style", painting, "--run", "runs/style"]
subprocess.run([*gancam, *train, *options], check=True)
play = ["live", "test", "-e", "runs/style", "--to", video, "--seconds", "1", "--size", "160x96", "--overwrite"]
subprocess.run([*gancam, *play], check=True)  # a camera: live 0 -e runs/style
