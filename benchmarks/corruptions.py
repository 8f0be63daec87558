"""The 19 corruptions of CIFAR-10-C in five severities, on many images at once.

D. Hendrycks, T. Dietterich: Benchmarking neural network robustness to common
corruptions and perturbations. ICLR 2019. The constants are those of CIFAR-10-C, which
are milder than ImageNet-C's. Random numbers come from another generator, and motion is
blurred without ImageMagick: single images differ from the published ones, what can be
drawn does not.
"""

import io
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from PIL import Image
from scipy import ndimage

from benchmarks.encoders import package_file

SIDE = 32
N_SEVERITIES = 5
FROST = "imagecorruptions-imaug"
FROST_PICTURES = ["frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"]
_LUMA = np.array([0.299, 0.587, 0.114])
_WATER = np.array([175, 238, 238]) / 255
_MUD = np.array([63, 42, 20]) / 255


class Corruption(NamedTuple):
    """A corruption, and its constants by severity.

    ``apply(x, constants, rng)`` takes and returns images of shape (n, 32, 32, 3) with
    values from 0 to 1, which may leave that range.
    """

    apply: Callable
    constants: list


def corrupt(images, name, severity, seed=0):
    """Corrupted images; the same for the same arguments.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 32, 32, 3)
    name : str
        One of :data:`CORRUPTIONS`.
    severity : int
        1 to 5.
    seed : int, default=0

    Returns
    -------
    ndarray of uint8, shape (n, 32, 32, 3)

    Raises
    ------
    ValueError
        If the images, the name or the severity are not of this kind.
    """
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE, 3):
        raise ValueError(
            f"images must be uint8 of shape (n, {SIDE}, {SIDE}, 3), got {images.dtype} "
            f"of shape {images.shape}."
        )
    if name not in CORRUPTIONS:
        raise ValueError(f"name must be one of {list(CORRUPTIONS)}, got {name!r}.")
    if severity not in range(1, N_SEVERITIES + 1):
        raise ValueError(f"severity must be 1 to {N_SEVERITIES}, got {severity!r}.")
    position = list(CORRUPTIONS).index(name)
    rng = np.random.default_rng([seed, position, severity])
    apply, constants = CORRUPTIONS[name]
    x = apply(images / 255, constants[severity - 1], rng)
    # CIFAR-10-C cuts off what is behind the point.
    return (x.clip(0, 1) * 255).astype(np.uint8)


def _gaussian_noise(x, scale, rng):
    return x + rng.normal(scale=scale, size=x.shape)


def _shot_noise(x, photons, rng):
    return rng.poisson(x * photons) / photons


def _impulse_noise(x, amount, rng):
    is_hit, is_white = rng.random(x.shape) < amount, rng.random(x.shape) < 0.5
    return np.where(is_hit, is_white, x)


def _speckle_noise(x, scale, rng):
    return x * (1 + rng.normal(scale=scale, size=x.shape))


def _gaussian_blur(x, sigma, rng):
    return _blurred(x, sigma)


def _glass_blur(x, constants, rng):
    sigma, n_rounds = constants
    # Truncated here too.
    x = np.floor(_blurred(x, sigma) * 255) / 255
    image = np.arange(len(x))
    for _ in range(n_rounds):
        for row in range(SIDE - 1, 1, -1):
            for column in range(SIDE - 1, 1, -1):
                up, left = rng.integers(0, 2, size=(2, len(x)))
                # NOTE[DIFF]: the paper swaps the two pixels. The code that made
                # CIFAR-10-C swaps two views of one array, which copies one of them.
                x[:, row, column] = x[image, row - up, column - left]
    return _blurred(x, sigma)


def _defocus_blur(x, constants, rng):
    radius, sigma = constants
    offset = np.arange(-3, 4)
    disk = (offset[:, None] ** 2 + offset**2 <= radius**2).astype(float)
    # Three taps, so that a disk of less than a pixel still has blurred neighbours.
    edge = ndimage.gaussian_filter(disk / disk.sum(), sigma, radius=1)
    return ndimage.correlate(x, edge[None, :, :, None], mode="mirror")


def _motion_blur(x, constants, rng):
    radius, sigma = constants
    return _moved(x, radius, sigma, rng.uniform(-45, 45, len(x)))


def _zoom_blur(x, last, rng):
    factors = np.arange(1, last, 0.01)
    return (x + sum(_zoomed(x, factor) for factor in factors)) / (len(factors) + 1)


def _snow(x, constants, rng):
    mean, sd, zoom, threshold, radius, sigma, share = constants
    flakes = _zoomed(rng.normal(mean, sd, x.shape[:3]), zoom)
    flakes[flakes < threshold] = 0
    degrees = rng.uniform(-135, -45, len(x))
    flakes = _moved(flakes.clip(0, 1), radius, sigma, degrees)[..., None]
    grey = (x @ _LUMA)[..., None]
    x = share * x + (1 - share) * np.maximum(x, 1.5 * grey + 0.5)
    return x + flakes + flakes[:, ::-1, ::-1]


def _frost(x, constants, rng):
    of_image, of_frost = constants
    pictures = _frost_pictures()
    layer = np.empty_like(x)
    for place, choice in zip(
        layer, rng.integers(len(pictures), size=len(x)), strict=True
    ):
        picture = pictures[choice]
        top, left = rng.integers(0, np.array(picture.shape[:2]) - SIDE)
        place[:] = picture[top : top + SIDE, left : left + SIDE]
    return of_image * x + of_frost * layer


def _fog(x, constants, rng):
    amount, decay = constants
    brightest = x.max(axis=(1, 2, 3), keepdims=True)
    x = x + amount * _plasma(len(x), decay, rng)[..., None]
    return x * brightest / (brightest + amount)


def _spatter(x, constants, rng):
    mean, sd, sigma, threshold, strength, is_mud = constants
    liquid = _blurred(rng.normal(mean, sd, x.shape[:3]), sigma)
    if is_mud:
        cover = _blurred((liquid > threshold).astype(float), strength)
        cover[cover < 0.8] = 0
        cover = cover[..., None]
        return x * (1 - cover) + cover * _MUD
    liquid[liquid < threshold] = 0
    drops = np.stack([_drops((layer * 255).astype(np.uint8)) for layer in liquid])
    return x + strength * drops[..., None] * _WATER


def _contrast(x, share, rng):
    mean = x.mean(axis=(1, 2), keepdims=True)
    return mean + share * (x - mean)


def _brightness(x, amount, rng):
    hsv = rgb_to_hsv(x)
    hsv[..., 2] = (hsv[..., 2] + amount).clip(0, 1)
    return hsv_to_rgb(hsv)


def _saturate(x, constants, rng):
    factor, amount = constants
    hsv = rgb_to_hsv(x)
    hsv[..., 1] = (factor * hsv[..., 1] + amount).clip(0, 1)
    return hsv_to_rgb(hsv)


def _jpeg_compression(x, quality, rng):
    def coded(image):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _by_image(x, coded)


def _pixelate(x, share, rng):
    side = int(SIDE * share)

    def coarse(image):
        small = image.resize((side, side), Image.Resampling.BOX)
        return small.resize((SIDE, SIDE), Image.Resampling.BOX)

    return _by_image(x, coarse)


def _elastic_transform(x, constants, rng):
    amount, sigma, shift = constants
    # Three corners of a square in the middle are moved, and the image with them.
    corners = np.array([[26.0, 26.0], [26.0, 6.0], [6.0, 6.0]])
    moved = corners + rng.uniform(-shift, shift, (len(x), 3, 2))
    back = np.linalg.solve(np.insert(moved, 2, 1.0, axis=2), corners)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    grid = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
    columns_of, rows_of = np.moveaxis(np.einsum("hwk,nkd->nhwd", grid, back), -1, 0)
    x = _sampled(x, rows_of, columns_of, "mirror")
    down, right = amount * ndimage.gaussian_filter(
        rng.uniform(-1, 1, (2, *x.shape[:3])), (0, 0, sigma, sigma), truncate=3
    )
    return _sampled(x, rows + down, columns + right, "reflect")


def _blurred(x, sigma):
    """Gaussian blur of images, with or without a channel axis."""
    by_axis = (0, sigma, sigma, 0)[: x.ndim]
    return ndimage.gaussian_filter(x, by_axis, mode="nearest")


def _moved(x, radius, sigma, degrees):
    """One-sided Gaussian blur along a line, by an angle of each image.

    Like ImageMagick's: of the nearest pixels, with those at the edge continued, and
    rounded to 8 bits.
    """
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    angles = np.deg2rad(degrees)[:, None, None]
    place = np.arange(SIDE)
    image = np.arange(len(x))[:, None, None]
    blurred = np.zeros_like(x)
    for step, weight in zip(steps, weights / weights.sum(), strict=True):
        down = np.ceil(step * np.sin(angles) - 0.5).astype(int)
        right = np.ceil(step * np.cos(angles) - 0.5).astype(int)
        rows = (place[:, None] + down).clip(0, SIDE - 1)
        columns = (place + right).clip(0, SIDE - 1)
        blurred += weight * x[image, rows, columns]
    return np.rint(blurred * 255) / 255


def _zoomed(x, factor):
    """Middle of images enlarged by a factor, at their former size."""
    side = int(np.ceil(SIDE / factor))
    start = (SIDE - side) // 2
    # Linear, and the same along both axes: a matrix, which is quick for many images.
    lines = ndimage.zoom(np.eye(SIDE)[start : start + side], (factor, 1), order=1)
    start = (len(lines) - SIDE) // 2
    lines = lines[start : start + SIDE]
    return np.einsum("ih,nhw...,jw->nij...", lines, x, lines, optimize=True)


def _sampled(x, rows, columns, mode):
    """Values between pixels, by two linear interpolations."""
    sampled = np.empty_like(x)
    for image, *place, new in zip(x, rows, columns, sampled, strict=True):
        for channel in range(3):
            new[..., channel] = ndimage.map_coordinates(
                image[..., channel], place, order=1, mode=mode
            )
    return sampled


def _by_image(x, function):
    """What a function of a Pillow image returns, for each image."""
    images = [Image.fromarray(image) for image in np.rint(x * 255).astype(np.uint8)]
    return np.stack([np.asarray(function(image)) for image in images]) / 255


def _plasma(n, decay, rng):
    """Height maps from 0 to 1 of the diamond-square algorithm on a torus."""
    heights = np.zeros((n, SIDE, SIDE))
    step, amplitude = SIDE, 1.0
    while step > 1:
        half = step // 2
        corners = heights[:, ::step, ::step]
        right = np.roll(corners, -1, axis=2)
        below = np.roll(corners, -1, axis=1)
        diagonal = np.roll(below, -1, axis=2)

        def wobble(total, size=amplitude):
            return total / 4 + rng.uniform(-size, size, total.shape)

        centres = wobble(corners + right + below + diagonal)
        heights[:, half::step, half::step] = centres
        above = np.roll(centres, 1, axis=1)
        heights[:, ::step, half::step] = wobble(corners + right + centres + above)
        before = np.roll(centres, 1, axis=2)
        heights[:, half::step, ::step] = wobble(corners + below + centres + before)
        # Squared, since CIFAR-10-C multiplies the amplitude with the noise and with
        # the noise's own range, and both decay.
        step, amplitude = half, amplitude / decay**2
    heights -= heights.min(axis=(1, 2), keepdims=True)
    return heights / heights.max(axis=(1, 2), keepdims=True)


def _drops(liquid):
    """Light on the edges of a layer of liquid, from 0 to 1."""
    import cv2

    distance = cv2.distanceTransform(255 - cv2.Canny(liquid, 50, 150), cv2.DIST_L2, 5)
    distance = cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8)
    light = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    relief = cv2.filter2D(cv2.equalizeHist(distance), cv2.CV_8U, light)
    drops = liquid * cv2.blur(relief, (3, 3)).astype(float)
    return drops / max(drops.max(), 1.0)


@cache
def _frost_pictures():
    """Photographs of frost at a fifth of their size: every fifth pixel."""
    paths = [package_file(FROST, name)[0] for name in FROST_PICTURES]
    return [
        np.asarray(Image.open(path).convert("RGB"))[2::5, 2::5] / 255 for path in paths
    ]


# The fifteen common ones, and behind them four further ones.
CORRUPTIONS = {
    "gaussian_noise": Corruption(_gaussian_noise, [0.04, 0.06, 0.08, 0.09, 0.10]),
    "shot_noise": Corruption(_shot_noise, [500, 250, 100, 75, 50]),
    "impulse_noise": Corruption(_impulse_noise, [0.01, 0.02, 0.03, 0.05, 0.07]),
    # Radius and sigma of its edge.
    "defocus_blur": Corruption(
        _defocus_blur, [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)]
    ),
    # Sigma and rounds.
    "glass_blur": Corruption(
        _glass_blur, [(0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2)]
    ),
    # Radius and sigma.
    "motion_blur": Corruption(
        _motion_blur, [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)]
    ),
    # Largest factor.
    "zoom_blur": Corruption(_zoom_blur, [1.06, 1.11, 1.16, 1.21, 1.26]),
    # Mean and sd of flakes, zoom, threshold, radius and sigma of the motion, share of
    # the image that is not whitened.
    "snow": Corruption(
        _snow,
        [
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ],
    ),
    # Weights of image and frost.
    "frost": Corruption(
        _frost, [(1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)]
    ),
    # Amount, and decay of the roughness.
    "fog": Corruption(_fog, [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)]),
    "brightness": Corruption(_brightness, [0.05, 0.1, 0.15, 0.2, 0.3]),
    "contrast": Corruption(_contrast, [0.75, 0.5, 0.4, 0.3, 0.15]),
    # Pixels of the waves, their sigma, pixels by which corners move.
    "elastic_transform": Corruption(
        _elastic_transform,
        [
            (0, 0, 2.56),
            (1.6, 6.4, 2.24),
            (2.56, 1.92, 1.92),
            (3.2, 1.28, 1.6),
            (3.2, 0.96, 0.96),
        ],
    ),
    "pixelate": Corruption(_pixelate, [0.95, 0.9, 0.85, 0.75, 0.65]),
    "jpeg_compression": Corruption(_jpeg_compression, [80, 65, 58, 50, 40]),
    "speckle_noise": Corruption(_speckle_noise, [0.06, 0.1, 0.12, 0.16, 0.2]),
    "gaussian_blur": Corruption(_gaussian_blur, [0.4, 0.6, 0.7, 0.8, 1]),
    # Mean, sd and sigma of the liquid, threshold, strength of water or sigma of mud,
    # whether it is mud.
    "spatter": Corruption(
        _spatter,
        [
            (0.62, 0.1, 0.7, 0.7, 0.5, False),
            (0.65, 0.1, 0.8, 0.7, 0.5, False),
            (0.65, 0.3, 1, 0.69, 0.5, False),
            (0.65, 0.1, 0.7, 0.69, 0.6, True),
            (0.65, 0.1, 0.5, 0.68, 0.6, True),
        ],
    ),
    # Factor and amount.
    "saturate": Corruption(
        _saturate, [(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)]
    ),
}
COMMON = list(CORRUPTIONS)[:15]
CONDITIONS = {
    f"{name} {severity}": (name, severity)
    for name in CORRUPTIONS
    for severity in range(1, N_SEVERITIES + 1)
}
