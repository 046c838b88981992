"""Super-resolution of faces: python faces.py PHOTOS FACES PICTURE [options of gancam train]."""

import subprocess
import sys

import cv2
import numpy as np

import gancam

photos, faces, picture, *options = sys.argv[1:]
train = [sys.executable, "-m", "gancam", "train"]
for recipe in ("sr-x2", "sr-x4"):  # each begins from the run of the one before
    subprocess.run([*train, recipe, "--data", photos, "--run", f"runs/{recipe}", *options], check=True)
subprocess.run([*train, "sr-faces-x4", "--data", faces, "--run", "runs/faces", *options], check=True)

upscale = gancam.load("runs/faces", precision="fp32")
image = cv2.imread(picture)
small = cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
made = upscale(small)
plain = cv2.resize(small, (made.shape[1], made.shape[0]), interpolation=cv2.INTER_CUBIC)
cv2.imwrite("faces.png", np.hstack([plain, made]))
print("faces.png: bicubic | the network")
