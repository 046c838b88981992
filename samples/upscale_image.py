"""Upscale one picture: python samples/upscale_image.py [IN [OUT]]"""

import sys
from pathlib import Path

import cv2

import gancam

given = sys.argv[1:] + [str(Path(__file__).parent / "stills" / "sign.webp"), "sign-x2.png"][len(sys.argv) - 1 :]
image = cv2.imread(given[0])
if image is None:
    sys.exit(f"{given[0]} is no image that OpenCV can read")
effect = gancam.load("sr-x2")
out = effect(image)  # (H, W, 3) uint8 BGR -> (2H, 2W, 3) uint8 BGR
cv2.imwrite(given[1], out)
print(f"{given[1]}: {image.shape[1]}x{image.shape[0]} -> {out.shape[1]}x{out.shape[0]} with {effect.card.name}")
