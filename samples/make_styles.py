"""Make the style images in samples/styles/ from the stills: a stained-glass window, an oil painting, a pencil drawing.

python samples/make_styles.py [FOLDER]
"""

import sys
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent
SIDE = 512


def photo(name: str) -> np.ndarray:
    """The middle square of a still, rich in colour, `SIDE` pixels a side."""
    image = cv2.imread(str(HERE / "stills" / f"{name}.webp"))
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    image = cv2.resize(image[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(np.float32)
    hsv[..., 1] = np.clip(hsv[..., 1] * 1.5 + 25, 0, 255)
    hsv[..., 2] = np.clip((hsv[..., 2] - 128) * 1.25 + 138, 0, 255)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR)


def glass(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Panes of coloured glass, each with a sheen and grain of its own, between rounded strips of lead."""
    edges = cv2.GaussianBlur(cv2.Canny(cv2.GaussianBlur(image, (0, 0), 2), 40, 110), (0, 0), 6).astype(np.float32)
    seeds = []
    for _ in range(20000):
        point = rng.random(2) * SIDE
        y, x = point.astype(int)
        apart = 13 + 20 * np.exp(-edges[y, x] / 25)
        if all(np.hypot(*(point - other)) > apart for other in seeds):
            seeds.append(point)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    first, second = np.full((SIDE, SIDE), 1e9, np.float32), np.full((SIDE, SIDE), 1e9, np.float32)
    owner = np.zeros((SIDE, SIDE), int)
    for index, (row, column) in enumerate(seeds):
        distance = np.hypot(y - row, x - column)
        nearer = distance < first
        second = np.where(nearer, first, np.minimum(second, distance))
        owner[nearer] = index
        first = np.minimum(first, distance)
    counts = np.maximum(np.bincount(owner.ravel(), minlength=len(seeds)), 1)
    means = [np.bincount(owner.ravel(), image[..., c].ravel(), len(seeds)) / counts for c in range(3)]
    panes = np.stack(means, 1)[owner]
    panes = 255 * (panes / 255) ** 0.6 * rng.normal(1.0, 0.12, (len(seeds), 1))[owner]
    jewels = np.array(
        [[150, 60, 20], [40, 150, 60], [30, 120, 235], [40, 40, 200], [190, 130, 40], [120, 40, 140]], float
    )
    dull = np.clip(1.2 - np.ptp(panes, axis=2) / 110, 0, 0.8)[..., None]  # where the photo has no colour, glass has
    panes = panes * (1 - dull) + jewels[rng.integers(0, len(jewels), len(seeds))][owner] * dull
    direction = rng.normal(0, 1, (len(seeds), 2))
    direction /= np.hypot(*direction.T)[:, None]
    middle = np.array(seeds)
    offset = (y - middle[owner][..., 0]) * direction[owner][..., 0] + (x - middle[owner][..., 1]) * direction[owner][
        ..., 1
    ]
    ripple = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 3)
    ripple /= ripple.std()
    light = 1.08 + offset / 90 + 0.05 * ripple
    panes = panes * light[..., None]
    gap = (second - first) / 2
    lead = np.clip(1 - (gap - 1.6) / 1.2, 0, 1)
    shine = 20 + 60 * np.exp(-((gap / 1.1) ** 2))
    glow = cv2.GaussianBlur(np.clip(panes, 0, 255).astype(np.float32), (0, 0), 8)
    panes = panes * 0.88 + glow * 0.18
    result = panes * (1 - lead[..., None]) + (shine * lead)[..., None] * np.array([0.95, 0.95, 1.0])
    return np.clip(result, 0, 255).astype(np.uint8)


def oil(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Strokes along the edges, from broad to fine, each of bristles whose relief catches the light."""
    canvas = cv2.GaussianBlur(image, (0, 0), 12)
    relief = np.zeros((SIDE, SIDE), np.float32)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    smooth = cv2.GaussianBlur(grey, (0, 0), 3)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(part, (0, 0), 9) for part in (across**2, down**2, across * down))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    detail = np.hypot(across, down)
    for width, count in ((26, 900), (15, 2600), (8, 6000), (5, 6000)):
        target = cv2.GaussianBlur(image, (0, 0), width / 3)
        for _ in range(count):
            y, x = rng.integers(0, SIDE, 2)
            if width <= 8 and detail[y, x] < rng.exponential(22):
                continue
            warm = np.array([-28.0, 8.0, 34.0]) * rng.normal(0.25, 0.8)  # painters break blue with ochre
            colour = np.clip(target[y, x].astype(float) * rng.normal(1, 0.07) + warm + rng.normal(0, 9, 3), 0, 255)
            point, path = np.array([x, y], float), []
            for _ in range(int(rng.integers(5, 10))):
                path.append(point.copy())
                column, row = np.clip(point.astype(int), 0, SIDE - 1)
                turn = angle[row, column]
                point += np.array([np.cos(turn), np.sin(turn)]) * width * 0.55
            path = np.array(path)
            normal = np.array([-np.sin(angle[y, x]), np.cos(angle[y, x])])
            bristles = max(width // 2, 3)
            for place in np.linspace(-0.5, 0.5, bristles):
                line = np.round((path + normal * place * width) * 8).astype(np.int32)
                light = rng.normal(0, 11)
                thick = max(width // bristles, 2)
                cv2.polylines(canvas, [line], False, np.clip(colour + light, 0, 255).tolist(), thick, cv2.LINE_AA, 3)
                cv2.polylines(relief, [line], False, float(rng.normal(0, 1)), thick, cv2.LINE_8, 3)
    relief = cv2.GaussianBlur(relief, (0, 0), 0.8)
    shade = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3) + cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3)
    return np.clip(canvas + 6.0 * np.clip(shade, -4, 4)[..., None], 0, 255).astype(np.uint8)


def pencil(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Outlines and hatching on rough paper, the darker a place the more directions of strokes."""
    grey = cv2.createCLAHE(3.0, (4, 4)).apply(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    tone = cv2.GaussianBlur(grey, (0, 0), 2.5).astype(np.float32) / 255
    graphite = np.zeros((SIDE, SIDE), np.float32)
    for angle, dark, count in ((0.8, 0.6, 8000), (-0.6, 0.4, 8000), (0.25, 0.25, 8000), (1.5, 0.14, 5000)):
        layer = np.zeros((SIDE, SIDE), np.float32)
        for _ in range(count):
            x, y = rng.random(2) * SIDE
            turn = angle + rng.normal(0, 0.07)
            step, bend = np.array([np.cos(turn), -np.sin(turn)]), rng.normal(0, 0.012)
            path = []
            for _ in range(int(rng.integers(5, 12))):
                column, row = int(x), int(y)
                if not (0 <= column < SIDE and 0 <= row < SIDE) or tone[row, column] > dark:
                    break
                path.append((x, y))
                x, y = x + 4 * step[0], y + 4 * step[1]
                step = np.array([step[0] - bend * step[1], step[1] + bend * step[0]])
            if len(path) > 2:
                line = np.round(np.array(path) * 8).astype(np.int32)
                left, top = np.maximum(line.min(0) // 8 - 2, 0)
                right, bottom = line.max(0) // 8 + 3
                stroke = np.zeros((bottom - top, right - left), np.uint8)
                cv2.polylines(stroke, [line - 8 * np.array([left, top])], False, 255, 1, cv2.LINE_AA, 3)
                part = layer[top:bottom, left:right]
                part += stroke[: part.shape[0], : part.shape[1]] / 255 * rng.uniform(0.12, 0.34)
        graphite += np.minimum(layer, 0.55)
    fine, broad = (cv2.GaussianBlur(grey.astype(np.float32), (0, 0), sigma) for sigma in (1.2, 2.2))
    outline = cv2.GaussianBlur(np.clip((broad - fine - 2.5) / 9, 0, 1), (0, 0), 0.6)
    paper = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 0.9)
    paper /= paper.std()
    graphite = np.clip(graphite + 0.9 * outline, 0, 1.15) * np.clip(1 + 0.28 * paper, 0.2, 1.5)
    sheet = np.array([222, 236, 242.0]) + 2.0 * paper[..., None]
    lead = np.array([62, 58, 56.0])
    share = 1 - np.exp(-1.6 * graphite[..., None])
    return np.clip(sheet * (1 - share) + lead * share, 0, 255).astype(np.uint8)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "styles"
    for name, source, make in (("mosaic", "spices", glass), ("oil", "lake", oil), ("pencil", "colosseum", pencil)):
        picture = make(photo(source), np.random.default_rng(0))
        cv2.imwrite(str(folder / f"{name}.webp"), picture, [cv2.IMWRITE_WEBP_QUALITY, 70])


if __name__ == "__main__":
    main()
