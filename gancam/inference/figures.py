"""Measured figures of a model, as its card keys them: ``psnr_y_set14`` is a metric and what it was measured on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Better = Literal["higher", "lower", "nearer to 1", ""]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Attributes:
        key: The name in the card.
        metric: What was measured, in words.
        dataset: What it was measured on: images, or the network that looked; empty where the card does not say.
        value: The figure, in `unit`.
        better: Which values are better.
        unit: ``dB``, or empty for a figure without.
    """

    key: str
    metric: str
    dataset: str
    value: float
    better: Better
    unit: str = ""

    def __str__(self) -> str:
        """Write it for a person."""
        where = f" on {self.dataset}" if self.dataset else ""
        return f"{self.metric} {self.text}{where}"

    @property
    def text(self) -> str:
        """The value with its unit."""
        return f"{self.value:.4g} {self.unit}".rstrip()


class _Metric(NamedTuple):
    words: str
    better: Better
    unit: str = ""


# By how keys begin; of those that begin alike the longer is before the shorter.
_METRICS = {
    "psnr_y": _Metric("PSNR of luma", "higher", "dB"),
    "ssim_y": _Metric("SSIM of luma", "higher"),
    "psnr": _Metric("PSNR", "higher", "dB"),
    "distance": _Metric("perceptual distance", "lower"),
    "gain": _Metric("PSNR over OpenCV's inpainting", "higher", "dB"),
    "ratio": _Metric("perceptual distance over OpenCV's inpainting", "lower"),
    "chroma_gain": _Metric("colours nearer to the truth than grey", "higher", "dB"),
    "colourfulness": _Metric("colourfulness over the truth's", "nearer to 1"),
    "temporal_noise": _Metric("flicker over the camera's noise", "lower"),
    "frechet_of_reals": _Metric("Fréchet distance of real pictures", ""),
    "near_copies_of_reals": _Metric("near copies among real pictures", ""),
    "frechet": _Metric("Fréchet distance", "lower"),
    "kernel": _Metric("kernel distance", "lower"),
    "precision": _Metric("precision", "higher"),
    "recall": _Metric("recall", "higher"),
    "density": _Metric("density", "higher"),
    "coverage": _Metric("coverage", "higher"),
    "near_copies": _Metric("near copies of training pictures", "lower"),
    "variety": _Metric("variety over real pictures'", "nearer to 1"),
    "path_length": _Metric("path length", "lower"),
    "modes": _Metric("classes generated", "higher"),
    "agreement": _Metric("samples of the class that was asked for", "higher"),
    "kl": _Metric("KL divergence of classes", "lower"),
}
# The one figure that tells most of a model, the first that it has.
_TELLING = ("psnr_y", "gain_box", "gain", "frechet", "chroma_gain", "temporal_noise")


def parse_figures(quality: Mapping[str, float]) -> tuple[Figure, ...]:
    """Take the keys of a card's figures apart.

    Args:
        quality: Figures by name, as in ``ModelCard.quality``.

    Returns:
        One for each, in the same order; a key of an unknown metric is taken for the metric's words.
    """
    return tuple(_parse(key, value) for key, value in quality.items())


def telling(figures: tuple[Figure, ...]) -> Figure | None:
    """Choose the figure that tells most of what a model is for; None where there is none.

    Of a model that undoes what a webcam or a codec did, it is the perceptual distance there, of a faithful one PSNR.
    """
    for figure in figures:  # only who is made for such frames is measured on them
        if figure.key.startswith("distance_") and figure.key.endswith("_webcam"):
            return figure
    for name in _TELLING:
        for figure in figures:
            if figure.key == name or figure.key.startswith(f"{name}_"):
                return figure
    return figures[0] if figures else None


def _parse(key: str, value: float) -> Figure:
    for name, metric in _METRICS.items():
        if key == name or key.startswith(f"{name}_"):
            dataset = key[len(name) + 1 :].replace("_", " ")
            return Figure(key, metric.words, dataset, value, metric.better, metric.unit)
    return Figure(key, key.replace("_", " "), "", value, "")
