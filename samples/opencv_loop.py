"""An effect inside your own OpenCV loop: python samples/opencv_loop.py [VIDEO or camera number]"""

import sys
import time
from pathlib import Path

import cv2

import gancam

given = sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).parent / "city.mp4")
capture = cv2.VideoCapture(int(given) if given.isdigit() else given)
effect = gancam.load("sr-x2")
frames, began = 0, time.perf_counter()
while True:
    ok, frame = capture.read()
    if not ok or frames == 100:
        break
    out = effect(frame, time=time.perf_counter() - began)  # show it, write it: it is an ordinary OpenCV image
    frames += 1
seconds = time.perf_counter() - began
capture.release()
print(f"{frames} frames, {frames / seconds:.1f} fps with decoding" if frames else f"no frame came from {given}")
