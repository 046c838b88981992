"""Holes filled by a GAN: python inpainting.py PHOTOS PICTURE [options of gancam train]."""

import subprocess
import sys

import cv2
import numpy as np

import gancam

photos, picture, *options = sys.argv[1:]
train = [sys.executable, "-m", "gancam", "train", "inpaint", "--data", photos, "--run", "runs/inpaint"]
subprocess.run(train + options, check=True)

image = cv2.imread(picture)
mask = np.zeros(image.shape[:2], np.uint8)
cv2.rectangle(mask, (40, 40), (100, 70), 255, -1)
fill = gancam.load("runs/inpaint", precision="fp32")
cv2.imwrite("filled.png", fill(image, mask=mask))
print("filled.png")
