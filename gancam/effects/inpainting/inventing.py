"""Filling by the network, which works on crops around holes."""

from collections.abc import Sequence

import cv2
import numpy as np

from gancam.effects.inpainting.holes import Crop, cut_out, overlap, paste, plan
from gancam.effects.inpainting.regions import FrameRegion
from gancam.effects.inpainting.slope import put_back, slope, without
from gancam.frame import Image
from gancam.inference.model import MaskedModel
from gancam.masks import Mask


class Inventor:
    """Fills what is unknown in a picture with what a network makes of the rest."""

    def __init__(self, model: MaskedModel) -> None:
        self._model = model

    def __call__(
        self,
        picture: Image,
        unknown: Mask,
        within: Sequence[FrameRegion],
        smaller: int = 1,
        beside: Mask | None = None,
    ) -> None:
        """Fill what is `unknown` (1) in the windows of `picture` with what the network makes of the rest.

        It sees all that many times `smaller` than it has to, and nothing of what is `beside` (1). Both are changed: in
        the end nothing there is unknown.
        """
        crops = [crop for window in within for crop in plan(unknown, window, smaller)]
        while crops:  # pieces of one hole one after the other, so that each goes on from the one before
            turn, crops, seen = crops, [], list[tuple[int, int, int, int]]()
            batches: dict[tuple[int, int], list[Crop]] = {}
            for crop in turn:
                if any(overlap(crop.view, core) for core in seen):
                    crops.append(crop)
                else:
                    batches.setdefault(crop.size, []).append(crop)
                seen.append(crop.core)
            for batch in batches.values():
                unseen = unknown if beside is None else cv2.max(unknown, beside)
                given = [cut_out(picture, np.asarray(unseen, np.uint8), crop) for crop in batch]
                slopes = [slope(image, hole) for image, hole in given]
                flat = [without(image, plane) for (image, _), plane in zip(given, slopes, strict=True)]
                filled = self._model(np.stack(flat), np.stack([hole for _, hole in given]))[0]
                for crop, (_, hole), plane, answer in zip(batch, given, slopes, filled, strict=True):
                    content = put_back(answer, plane)
                    if cv2.countNonZero(hole) == hole.size:  # of what is around it nothing is left at this size
                        content = np.full_like(content, cv2.mean(picture, 1 - unseen)[:3])
                    paste(picture, unknown, crop, content)
