"""An effect of your own, between gancam's: python samples/custom_effect.py [VIDEO [OUT.mp4]]"""

import sys
from pathlib import Path

import cv2
import numpy as np

import gancam
from gancam.pipeline import output_size, run
from gancam.sinks import SinkContext, open_sink
from gancam.sources import VideoFile


def vignette(image: gancam.Image, *, time: float | None = None) -> gancam.Image:
    """Darken towards the corners. Any function that takes an image and gives a new one is an effect."""
    height, width = image.shape[:2]
    window = cv2.getGaussianKernel(height, height * 0.7) * cv2.getGaussianKernel(width, width * 0.7).T
    return np.asarray(image * (window / window.max())[..., None], np.uint8)


given = sys.argv[1:] + [str(Path(__file__).parent / "city.mp4"), "vignette.mp4"][len(sys.argv) - 1 :]
chain = [vignette, gancam.load("sketch", strength=0.5)]
source = VideoFile(given[0])
context = SinkContext(fps=source.fps, size=output_size(chain, source.size), audio_from=given[0])
sink = open_sink(given[1], context)
report = run(source, chain, [sink])
print("\n".join([*report.text(), f"wrote {given[1]}"]))
