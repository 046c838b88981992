"""What a webcam and the road from it do to a picture: the inputs that a network meets outside a benchmark.

Two rounds of blur, sensor noise, resizing and compression in random order (second-order degradation: Real-ESRGAN,
https://arxiv.org/abs/2107.10833; random order: BSRGAN, https://arxiv.org/abs/2103.14006), then what a camera's own
chip does last: noise reduction, sharpening, 4:2:0 chroma and one more compression. Compression is real: libjpeg, and
libx264 with a predicted frame.

Strengths are drawn below one severity per picture, which is more often mild than not: a network that only sees ruins
learns to smear what is clean. Lengths are in *low-resolution* pixels, whatever the size at the time.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from train.data import Pixels, crop_to_multiple

Floats = NDArray[np.float32]  # (H, W, 3) RGB 0..255
CLEAN = 0.15  # share of pictures that are only shrunk, and at most saved well
FILTERS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)


def webcam(image: Pixels, scale: int, rng: np.random.Generator) -> Pixels:
    """A `scale` times smaller ``(H // scale, W // scale, 3)`` RGB uint8 picture of `image` ``(H, W, 3)`` RGB uint8.

    It is as a webcam or a compressed video shows it. Pixel ``(y, x)`` still shows the block at ``(y * scale, x *
    scale)``.

    The result depends on `image`, `scale` and `rng` alone. Raises ``ValueError`` where nothing is left at that scale.
    """
    image = crop_to_multiple(image, scale)
    if 0 in image.shape:
        raise ValueError(f"an image of {image.shape[1]}x{image.shape[0]} has no pixel left at 1/{scale}")
    height, width = image.shape[0] // scale, image.shape[1] // scale
    x = image.astype(np.float32)
    if rng.random() < CLEAN:
        x = _shrink(x, (height, width))
        return _jpeg(x, int(rng.integers(85, 99))) if rng.random() < 0.4 else to_pixels(x)
    severity = float(rng.beta(1.3, 2.0))
    for strength in (severity, 0.5 * severity):
        for step in rng.permutation(4):
            pixel = x.shape[0] / height
            match int(step):
                case 0 if rng.random() < 0.7:
                    x = blur(x, rng, strength, pixel)
                case 1 if rng.random() < 0.6:
                    x = noise(x, rng, strength, pixel)
                case 2 if rng.random() < 0.6:
                    x = _detour(x, (height, width), scale, rng)
                case 3 if rng.random() < 0.35:
                    x = compress(x, rng, strength).astype(np.float32)
    x = _shrink(x, (height, width), int(rng.choice(FILTERS)))
    if rng.random() < 0.25:
        x = denoise(x, rng, severity)
    if rng.random() < 0.45:
        x = sharpen(x, rng, severity)
    return compress(x, rng, severity) if rng.random() < 0.85 else to_pixels(x)


def rough(image: Pixels, scale: int, rng: np.random.Generator) -> Pixels:
    """As `webcam`, of bad webcams in poor light and of streams that were starved of bits.

    Noise that is seen, a camera's noise reduction and sharpening, then JPEG of quality 30..60 or H.264 of rate factor
    30..38.
    """
    image = crop_to_multiple(image, scale)
    if 0 in image.shape:
        raise ValueError(f"an image of {image.shape[1]}x{image.shape[0]} has no pixel left at 1/{scale}")
    height, width = image.shape[0] // scale, image.shape[1] // scale
    x = image.astype(np.float32)
    if rng.random() < 0.4:
        x = blur(x, rng, float(rng.uniform(0.0, 0.5)), scale)
    x = _shrink(x, (height, width), int(rng.choice(FILTERS)))
    if rng.random() < 0.7:
        x = noise(x, rng, float(rng.beta(1.0, 1.5)), 1.0)
    if rng.random() < 0.3:
        x = denoise(x, rng, float(rng.uniform()))
    if rng.random() < 0.3:
        x = sharpen(x, rng, float(rng.uniform()))
    if rng.random() < 0.5:
        return _jpeg(x, int(rng.integers(30, 61)))
    return h264(to_pixels(x), float(rng.uniform(30.0, 38.0)), rng)


def to_pixels(x: Floats) -> Pixels:
    """Rounded and clipped to uint8."""
    return np.ascontiguousarray(np.clip(np.rint(x), 0, 255).astype(np.uint8))


def blur(x: Floats, rng: np.random.Generator, severity: float, pixel: float) -> Floats:
    """Defocus, a badly ground lens (Gaussian, mostly anisotropic) or a moving hand.

    `pixel`: how many of the pixels of now make a side of a final one.
    """
    radius = float(rng.uniform(0.15, 0.35 + 1.0 * severity)) * pixel  # standard deviation
    size = 2 * max(1, int(np.ceil(2.2 * radius))) + 1
    kind = rng.random()
    if kind < 0.4:
        return cv2.GaussianBlur(x, (size, size), radius, borderType=cv2.BORDER_REFLECT).astype(np.float32, copy=False)
    rows, columns = np.mgrid[:size, :size].astype(np.float32) - size // 2
    angle = float(rng.uniform(0, np.pi))
    along = columns * np.cos(angle) + rows * np.sin(angle)
    across = rows * np.cos(angle) - columns * np.sin(angle)
    if kind < 0.75:
        thin = radius * float(rng.uniform(0.4, 1.0))
        kernel = np.exp(-0.5 * ((along / radius) ** 2 + (across / thin) ** 2))
    elif kind < 0.9:  # a disc with the same variance, its rim one pixel soft
        kernel = np.clip(2.0 * radius + 0.5 - np.hypot(rows, columns), 0.0, 1.0)
    else:  # a line with the same variance
        kernel = np.clip(1.7 * radius + 0.5 - np.abs(along), 0.0, 1.0) * np.clip(1.0 - np.abs(across), 0.0, 1.0)
    return cv2.filter2D(x, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT).astype(np.float32, copy=False)


def noise(x: Floats, rng: np.random.Generator, severity: float, pixel: float) -> Floats:
    """Sensor noise: variance grows with light (Poisson) above a constant.

    The constant is Gaussian. Part of it is grey, part coloured, and a demosaicked sensor's is coarser than a pixel.
    `pixel` as in `blur`; the strength survives shrinking.
    """
    height, width = x.shape[:2]
    level = float(rng.uniform(0.3, 1.0 + 7.0 * severity))  # standard deviation of mid grey, in levels
    grain = max(1.0, pixel * float(rng.uniform(0.7, 1.4)))  # sides of a grain
    shape = (max(1, round(height / grain)), max(1, round(width / grain)))
    grey = rng.standard_normal((*shape, 1), dtype=np.float32)
    coloured = rng.standard_normal((*shape, 3), dtype=np.float32)
    mix = float(rng.uniform(0.0, 1.0))
    field = math.sqrt(1.0 - mix) * grey + math.sqrt(mix) * coloured
    if shape != (height, width):
        field = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    light = float(rng.uniform(0.0, 1.0))  # share of the variance that is photon noise
    brightness = x[:, :, 1:2] / 127.5  # green is near enough
    noisy: Floats = x + field * (level * np.sqrt(np.maximum(brightness * light + (1.0 - light), 0.0)))
    return noisy


def denoise(x: Floats, rng: np.random.Generator, severity: float) -> Floats:
    """A camera's own noise reduction, which smears faint texture (bilateral filter)."""
    levels = float(rng.uniform(3.0, 6.0 + 16.0 * severity))
    smooth = cv2.bilateralFilter(x, 5, levels, float(rng.uniform(0.8, 1.6)), borderType=cv2.BORDER_REFLECT)
    return smooth.astype(np.float32, copy=False)


def sharpen(x: Floats, rng: np.random.Generator, severity: float) -> Floats:
    """A camera's edge enhancement (unsharp mask), which leaves a faint halo."""
    amount = float(rng.uniform(0.1, 0.4 + 0.6 * severity))
    soft = cv2.GaussianBlur(x, (5, 5), float(rng.uniform(0.6, 1.3)), borderType=cv2.BORDER_REFLECT)
    sharp: Floats = np.clip(x + amount * (x - soft), 0.0, 255.0)
    return sharp


def compress(x: Floats, rng: np.random.Generator, severity: float) -> Pixels:
    """Saved and read again: JPEG of quality 40..95 or H.264 of rate factor 17..37, both with 4:2:0 chroma."""
    if rng.random() < 0.5:
        return _jpeg(x, int(95 - rng.uniform(0.0, 55.0 * severity)))
    return h264(to_pixels(x), float(rng.uniform(17.0, 23.0 + 14.0 * severity)), rng)


def _jpeg(x: Floats, quality: int) -> Pixels:
    pixels = cv2.cvtColor(to_pixels(x), cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"no JPEG can be made of an image {x.shape}")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)


def h264(image: Pixels, rate_factor: float, rng: np.random.Generator) -> Pixels:
    """`image` as a frame of an H.264 video, RGB uint8 in and out.

    Half the time it is predicted from the frame before it, which is the same view some pixels away. Single-threaded
    libx264, so the same draw gives the same bytes.
    """
    height, width = image.shape[:2]
    even = np.asarray(cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8)
    frames: list[Pixels] = [even]
    if rng.random() < 0.5:
        shift = rng.uniform(-3.0, 3.0, 2)
        move = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
        moved = cv2.warpAffine(even, move, (even.shape[1], even.shape[0]), borderMode=cv2.BORDER_REFLECT)
        frames.insert(0, np.asarray(moved, np.uint8))
    return np.ascontiguousarray(streamed(frames, rate_factor)[-1][:height, :width])


def streamed(frames: Sequence[Pixels], rate_factor: float) -> list[Pixels]:
    """`frames`, of one even size, as a live stream of H.264 shows them, RGB uint8 in and out."""
    encoder = av.CodecContext.create("libx264", "w")
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(encoder, av.VideoCodecContext)
    assert isinstance(decoder, av.VideoCodecContext)
    encoder.height, encoder.width = frames[0].shape[:2]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base, encoder.thread_count, decoder.thread_count = Fraction(1, 30), 1, 1
    encoder.options = {"crf": f"{rate_factor:.1f}", "preset": "superfast", "tune": "zerolatency"}
    packets = []
    for frame in frames:
        planes = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)
        packets += encoder.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p"))
    packets += encoder.encode(None)
    decoded = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.decode(None)
    back = (cv2.cvtColor(frame.to_ndarray(format="yuv420p"), cv2.COLOR_YUV2RGB_I420) for frame in decoded)
    return [np.asarray(frame, np.uint8) for frame in back]


def _shrink(x: Floats, shape: tuple[int, int], filter: int = cv2.INTER_CUBIC) -> Floats:
    """To ``(height, width)``; bicubic is antialiased by a slight blur first, bilinear aliases as cheap scalers do."""
    if x.shape[:2] == shape:
        return x
    step = x.shape[0] / shape[0]
    if filter == cv2.INTER_CUBIC and step > 1.3:
        x = cv2.GaussianBlur(x, (0, 0), 0.3 * step, borderType=cv2.BORDER_REFLECT).astype(np.float32, copy=False)
    return cv2.resize(x, shape[::-1], interpolation=filter).astype(np.float32, copy=False)


def _detour(x: Floats, shape: tuple[int, int], scale: int, rng: np.random.Generator) -> Floats:
    """A random size between 0.75 of the final one and the first one, by a random filter."""
    size = float(np.exp(rng.uniform(np.log(0.75), np.log(scale))))
    between = (max(1, round(shape[0] * size)), max(1, round(shape[1] * size)))
    return _shrink(x, between, int(rng.choice(FILTERS)))
