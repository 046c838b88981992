"""Erase what a tracker of your own follows: python samples/masks_from_tracker.py [VIDEO [X Y WIDTH HEIGHT]]"""

import sys
from pathlib import Path

import cv2
import numpy as np

import gancam

given = sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).parent / "city.mp4")
x, y, width, height = map(int, sys.argv[2:6]) if len(sys.argv) > 5 else (470, 190, 40, 60)  # in the first frame
capture = cv2.VideoCapture(given)
erase = gancam.load("inpaint", grow=4)
template = None
for index in range(48):
    ok, frame = capture.read()
    if not ok:
        break
    if template is None:
        template = frame[y : y + height, x : x + width]
    x, y = cv2.minMaxLoc(cv2.matchTemplate(frame, template, cv2.TM_CCOEFF_NORMED))[3]  # any tracker or detector does
    mask = np.zeros(frame.shape[:2], np.uint8)
    mask[y : y + height, x : x + width] = 255  # (H, W), not 0: fill
    out = erase(frame, mask=mask, time=index / 30)
capture.release()
cv2.imwrite("erased.png", out)
print(f"{index + 1} frames; the last, without what was at {x}, {y}: erased.png")
