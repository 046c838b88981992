"""Large images in bounded memory: overlapping tiles whose seams cannot be seen because they are not there."""

from collections.abc import Callable

import numpy as np

from gancam.frame import Image

LIMIT = 1 << 20  # input pixels at once: a 32-channel network then holds about 100 MB in int8, 400 MB in fp32


def tiled(
    function: Callable[[Image], Image], image: Image, *, scale: int, overlap: int, limit: int = LIMIT, multiple: int = 1
) -> Image:
    """`function` over `image` ``(H, W, 3)``, at most about `limit` input pixels at a time.

    `function` maps ``(h, w, 3)`` to ``(h * scale, w * scale, 3)`` and looks at most `overlap` pixels to each side, so
    the result equals ``function(image)``. An image within the limit is one call. Tiles begin at multiples of
    `multiple`, and where an image's sides are multiples so are theirs.
    """
    height, width = image.shape[:2]
    if height * width <= limit:
        return function(image)
    across = -(-width // 4096)  # full rows where they are not absurdly long: every cut costs 2 * overlap
    step_x = multiple * -(-width // (across * multiple))
    step_y = max(multiple, limit // step_x // multiple * multiple)
    overlap = multiple * -(-overlap // multiple)
    result = np.empty((height * scale, width * scale, 3), np.uint8)
    for top in range(0, height, step_y):
        for left in range(0, width, step_x):
            bottom, right = min(top + step_y, height), min(left + step_x, width)
            y, x = max(0, top - overlap), max(0, left - overlap)
            tile = function(np.ascontiguousarray(image[y : bottom + overlap, x : right + overlap]))
            inner = tile[(top - y) * scale : (bottom - y) * scale, (left - x) * scale : (right - x) * scale]
            result[top * scale : bottom * scale, left * scale : right * scale] = inner
    return result
