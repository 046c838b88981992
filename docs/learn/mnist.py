"""A convolutional GAN on MNIST, shown with OpenCV: python mnist.py DATA PICTURE [options of gancam train]."""

import subprocess
import sys

import cv2

from gancam.latent.samples import generate, grid, open_generator

data, picture, *options = sys.argv[1:]
train = [sys.executable, "-m", "gancam", "train", "dcgan-mnist", "--data", data, "--run", "runs/mnist"]
subprocess.run(train + options, check=True)

model = open_generator("runs/mnist")  # exported beside the run, and played by ONNX Runtime from here on
digits = grid(generate(model, range(64)), columns=8)  # uint8 BGR, OpenCV's own
digits = cv2.resize(digits, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
cv2.imwrite(picture, digits)
print(f"{picture}: 64 digits by {model.card.parameters:,} weights")
# cv2.imshow("digits", digits); cv2.waitKey() shows them in a window
