"""Changes that shoppers' photos show: functions from an RGB picture to a changed one.

Blur, brightness and compression follow "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations" (Hendrycks and Dietterich, 2019).
"""

from collections.abc import Callable, Mapping
from io import BytesIO

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Change = Callable[[Image.Image, Generator], Image.Image]
Changes = Mapping[str, Change]  # by name
Colour = tuple[int, int, int]
Size = tuple[int, int]

CROPPED = 0.6  # share of each side that a crop keeps
ANGLE = 10  # degrees of rotation, to either side
BLUR = 0.005  # radius as a share of the shorter side, about severity 1 of that benchmark
SCREEN = 19.5 / 9  # height to width of a phone's screen
PAPERS: tuple[Colour, ...] = ((255, 255, 255), (245, 245, 247), (18, 18, 18))  # screen backgrounds
INK = (128, 128, 128)  # visible on all of them
MASK_SIDE = 96  # pixels of the copy on which a plain background is searched
SHRUNK = 0.75  # share of each side that the picture takes on another background
TOLERANCE = 48  # levels, summed over channels, by which a plain background may differ from its edge
MIN_PLAIN = 0.15  # share of the picture; with less, its background is not plain


def jpeg(picture: Image.Image, _: Generator) -> Image.Image:
    """Compress the picture with JPEG quality 30."""
    output = BytesIO()
    picture.save(output, "JPEG", quality=30)
    return Image.open(output).convert("RGB")


def half(picture: Image.Image, _: Generator) -> Image.Image:
    """Halve its width and height."""
    size = max(1, picture.width // 2), max(1, picture.height // 2)
    return picture.resize(size, Image.Resampling.BICUBIC)


def mirrored(picture: Image.Image, _: Generator) -> Image.Image:
    """Swap left and right."""
    return ImageOps.mirror(picture)


def darker(picture: Image.Image, _: Generator) -> Image.Image:
    """Halve the brightness."""
    return ImageEnhance.Brightness(picture).enhance(0.5)


def brighter(picture: Image.Image, _: Generator) -> Image.Image:
    """Increase the brightness by half; bright areas become white."""
    return ImageEnhance.Brightness(picture).enhance(1.5)


def grey(picture: Image.Image, _: Generator) -> Image.Image:
    """Remove the colours."""
    return picture.convert("L").convert("RGB")


def blurred(picture: Image.Image, _: Generator) -> Image.Image:
    """Blur the picture as if it were out of focus."""
    return picture.filter(ImageFilter.GaussianBlur(BLUR * min(picture.size)))


def turned(picture: Image.Image, random: Generator) -> Image.Image:
    """Rotate it a little; its corners are cut, and empty ones get the colour of its edge."""
    angle = ANGLE * random.choice((-1, 1))
    return picture.rotate(angle, Image.Resampling.BICUBIC, fillcolor=_edge(picture))


def cropped(picture: Image.Image, random: Generator) -> Image.Image:
    """Cut a part out at a random position."""
    width, height = (max(1, round(CROPPED * side)) for side in picture.size)
    left = int(random.integers(picture.width - width + 1))
    top = int(random.integers(picture.height - height + 1))
    return picture.crop((left, top, left + width, top + height))


def screenshot(picture: Image.Image, random: Generator) -> Image.Image:
    """Show it on a phone's screen with plain margins, at a random height."""
    return _on_screen(picture, random)[0]


def page(picture: Image.Image, random: Generator) -> Image.Image:
    """The same with bars where an app shows its header and lines of text."""
    screen, (left, _, right, bottom) = _on_screen(picture, random)
    draw, step = ImageDraw.Draw(screen), max(1, screen.width // 40)
    draw.rectangle((0, 0, screen.width, 2 * step), INK)
    for line in range(1, 5):
        y, end = bottom + 3 * line * step, left + (right - left) * random.uniform(0.3, 1)
        draw.rectangle((left, y, end, y + step), INK)
    return screen


def elsewhere(picture: Image.Image, random: Generator) -> Image.Image:
    """Put it on another background.

    A plain background is replaced, with a coarse outline like that of an app that cuts objects out.
    Otherwise the whole picture is put, smaller, on the other background.
    """
    plain = _plain(picture)
    if np.asarray(plain).mean() >= MIN_PLAIN * 255:
        return Image.composite(_ground(picture.size, random), picture, plain)
    width, height = round(picture.width / SHRUNK), round(picture.height / SHRUNK)
    ground = _ground((width, height), random)
    ground.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    return ground


# In the order of the reports.
CHANGES: Changes = {
    "jpeg": jpeg,
    "half": half,
    "mirrored": mirrored,
    "darker": darker,
    "brighter": brighter,
    "grey": grey,
    "blurred": blurred,
    "turned": turned,
    "cropped": cropped,
    "screenshot": screenshot,
    "page": page,
    "elsewhere": elsewhere,
}


def _on_screen(
    picture: Image.Image, random: Generator
) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """A phone's screen that shows the picture, and the picture's box on it."""
    width = round(picture.width / random.uniform(0.7, 0.95))
    height = max(round(width * SCREEN), round(1.3 * picture.height))
    screen = Image.new("RGB", (width, height), PAPERS[random.integers(len(PAPERS))])
    left = (width - picture.width) // 2
    top = round((height - picture.height) * random.uniform(0.2, 0.8))
    screen.paste(picture, (left, top))
    return screen, (left, top, left + picture.width, top + picture.height)


def _edge(picture: Image.Image) -> Colour:
    """The median colour of a picture's outermost pixels."""
    levels = np.asarray(picture)
    edge = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    red, green, blue = np.median(edge, axis=0).astype(int).tolist()
    return red, green, blue


def _plain(picture: Image.Image) -> Image.Image:
    """A mask (mode "L") of the area that has the colour of the edge and is connected to it."""
    edge = _edge(picture)
    framed = ImageOps.expand(picture.resize((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX), 1, edge)
    marked = framed.copy()
    mark = tuple(level ^ 128 for level in edge)
    ImageDraw.floodfill(marked, (0, 0), mark, thresh=TOLERANCE)
    changed = (np.asarray(marked) == mark).all(axis=2)[1:-1, 1:-1]
    mask = Image.fromarray((255 * changed).astype(np.uint8))
    return mask.resize(picture.size, Image.Resampling.BICUBIC)


def _ground(size: Size, random: Generator) -> Image.Image:
    """A background of coarse and fine patches around one colour, like a rug or a lawn."""
    colour, ground = random.integers(50, 200, 3), Image.new("RGB", size)
    for count, weight in ((5, 1.0), (40, 0.5)):
        light = random.integers(-70, 70, (count, count, 1))
        levels = colour + light + random.integers(-15, 15, (count, count, 3))
        patches = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
        ground = Image.blend(ground, patches.resize(size, Image.Resampling.BICUBIC), weight)
    return ground
