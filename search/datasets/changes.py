"""Photos changed as shoppers' are: an RGB picture and a random generator in, another picture out.

Blur, brightness and compression are of the kinds in "Benchmarking Neural Network Robustness to
Common Corruptions and Perturbations" (Hendrycks and Dietterich, 2019).
"""

from collections.abc import Callable, Mapping
from io import BytesIO

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Change = Callable[[Image.Image, Generator], Image.Image]
Changes = Mapping[str, Change]  # by name
Colour = tuple[int, int, int]
Size = tuple[int, int]

CROPPED = 0.6  # of each side
TURN = 10  # degrees, to either side
BLUR = 0.005  # of the shorter side; that of severity 1 there is 0.0045, of 2 0.009
SCREEN = 19.5 / 9  # long to short, of a phone
PAPERS: tuple[Colour, ...] = ((255, 255, 255), (245, 245, 247), (18, 18, 18))  # light, and dark
INK = (128, 128, 128)  # is seen on all of them
SEEN = 96  # pixels of the copy in which a background is looked for
SHRUNK = 0.75  # of each side of another background
ALIKE = 48  # levels, over three channels, by which a plain background may differ from its edge
LEAST_PLAIN = 0.15  # of the picture; with less it is on no plain background


def jpeg(picture: Image.Image, _: Generator) -> Image.Image:
    """Saved once more at a quality of 30."""
    output = BytesIO()
    picture.save(output, "JPEG", quality=30)
    return Image.open(output).convert("RGB")


def half(picture: Image.Image, _: Generator) -> Image.Image:
    """At half its width and height."""
    size = max(1, picture.width // 2), max(1, picture.height // 2)
    return picture.resize(size, Image.Resampling.BICUBIC)


def mirrored(picture: Image.Image, _: Generator) -> Image.Image:
    """Left is right."""
    return ImageOps.mirror(picture)


def darker(picture: Image.Image, _: Generator) -> Image.Image:
    """At half the levels."""
    return ImageEnhance.Brightness(picture).enhance(0.5)


def brighter(picture: Image.Image, _: Generator) -> Image.Image:
    """At half as much again; what was bright is white."""
    return ImageEnhance.Brightness(picture).enhance(1.5)


def grey(picture: Image.Image, _: Generator) -> Image.Image:
    """Without colours."""
    return picture.convert("L").convert("RGB")


def blurred(picture: Image.Image, _: Generator) -> Image.Image:
    """Out of focus."""
    return picture.filter(ImageFilter.GaussianBlur(BLUR * min(picture.size)))


def turned(picture: Image.Image, random: Generator) -> Image.Image:
    """Held askew; its corners are cut, and the new ones have the colour of its edge."""
    angle = TURN * random.choice((-1, 1))
    return picture.rotate(angle, Image.Resampling.BICUBIC, fillcolor=_edge(picture))


def cropped(picture: Image.Image, random: Generator) -> Image.Image:
    """A part of it, anywhere."""
    width, height = (max(1, round(CROPPED * side)) for side in picture.size)
    left = int(random.integers(picture.width - width + 1))
    top = int(random.integers(picture.height - height + 1))
    return picture.crop((left, top, left + width, top + height))


def screenshot(picture: Image.Image, random: Generator) -> Image.Image:
    """A phone's screen with the picture in plain margins, higher or lower."""
    return _on_screen(picture, random)[0]


def page(picture: Image.Image, random: Generator) -> Image.Image:
    """The same with bars above and below, where an app has its head, a name and a price."""
    screen, (left, _, right, bottom) = _on_screen(picture, random)
    draw, step = ImageDraw.Draw(screen), max(1, screen.width // 40)
    draw.rectangle((0, 0, screen.width, 2 * step), INK)
    for line in range(1, 5):
        y, end = bottom + 3 * line * step, left + (right - left) * random.uniform(0.3, 1)
        draw.rectangle((left, y, end, y + step), INK)
    return screen


def elsewhere(picture: Image.Image, random: Generator) -> Image.Image:
    """On another background.

    Where its own is plain, that gives way; where not, the picture lies on the other one as it is,
    smaller. The outline is a coarse one, as that of an app that cuts pictures out.
    """
    plain = _plain(picture)
    if np.asarray(plain).mean() >= LEAST_PLAIN * 255:
        return Image.composite(_ground(picture.size, random), picture, plain)
    wider = round(picture.width / SHRUNK), round(picture.height / SHRUNK)
    ground = _ground(wider, random)
    ground.paste(picture, ((wider[0] - picture.width) // 2, (wider[1] - picture.height) // 2))
    return ground


# In the order in which reports tell of them.
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
    """A phone's screen with the picture on it, and its box there."""
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
    """A mask (mode "L") of what is like the picture's edge and hangs together with it."""
    edge = _edge(picture)
    framed = ImageOps.expand(picture.resize((SEEN, SEEN), Image.Resampling.BOX), 1, edge)
    marked = framed.copy()
    mark = tuple(level ^ 128 for level in edge)
    ImageDraw.floodfill(marked, (0, 0), mark, thresh=ALIKE)
    changed = (np.asarray(marked) == mark).all(axis=2)[1:-1, 1:-1]
    mask = Image.fromarray((255 * changed).astype(np.uint8))
    return mask.resize(picture.size, Image.Resampling.BICUBIC)


def _ground(size: Size, random: Generator) -> Image.Image:
    """Coarse and fine patches around one colour, as rugs, tables and lawns have."""
    colour = random.integers(50, 200, 3)
    coarse, fine = (_patches(count, size, random, colour) for count in (5, 40))
    return Image.blend(coarse, fine, 0.5)


def _patches(count: int, size: Size, random: Generator, colour: NDArray[np.int64]) -> Image.Image:
    light = random.integers(-70, 70, (count, count, 1))
    levels = colour + light + random.integers(-15, 15, (count, count, 3))
    patches = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    return patches.resize(size, Image.Resampling.BICUBIC)
