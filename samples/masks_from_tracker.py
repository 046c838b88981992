"""Erase what a tracker of your own follows: python samples/masks_from_tracker.py [VIDEO [X Y WIDTH HEIGHT]]"""

import sys
from pathlib import Path

import cv2
import numpy as np

import gancam

given = sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).parent / "city.mp4")
x, y, width, height = map(int, sys.argv[2:6]) if len(sys.argv) > 5 else (457, 122, 34, 44)  # a tower
capture = cv2.VideoCapture(given)
erase = gancam.load("inpaint", grow=4)
template, out, frames = None, None, 0
while frames < 100:
    ok, frame = capture.read()
    if not ok:
        break
    if template is None:
        template = frame[y : y + height, x : x + width].copy()
    found = cv2.minMaxLoc(cv2.matchTemplate(frame, template, cv2.TM_CCOEFF_NORMED))  # any tracker or detector does
    if found[1] < 0.9:  # lost: better to stop than to erase something else
        break
    x, y = found[3]
    mask = np.zeros(frame.shape[:2], np.uint8)
    mask[y : y + height, x : x + width] = 255  # (H, W), not 0: fill
    out = erase(frame, mask=mask, time=frames / 30)
    frames += 1
capture.release()
if out is None:
    sys.exit(f"no frame came from {given}")
cv2.imwrite("erased.png", out)
print(f"{frames} frames; the last, without what was at {x}, {y}: erased.png")
