"""Converts every pixel mode and colour profile to plain 8-bit sRGB."""

from collections.abc import Callable
from functools import partial
from io import BytesIO

import numpy as np
from PIL import Image, ImageChops, ImageCms

DEEP_MODES = ("I", "F")  # greys of more than eight bits; also "I;16", "I;16B", ...
GREY_MODES = ("1", "L", "LA", "La")


def srgb_converter(
    picture: Image.Image, profile: bytes = b""
) -> Callable[[Image.Image], Image.Image]:
    """Return a function that converts `picture`, or a piece cropped from it, to sRGB mode "RGB".

    Transparent pixels become white. The ICC profile, which `profiles.bounded` has passed, is used
    if it can be read and fits the pixels; otherwise they are taken as sRGB.
    """
    white = _white(picture) if picture.mode.startswith(DEEP_MODES) else 1.0
    return partial(_to_srgb, white=white, transform=_transform(profile, _opaque_mode(picture.mode)))


def _to_srgb(
    piece: Image.Image, *, white: float, transform: ImageCms.ImageCmsTransform | None
) -> Image.Image:
    alpha = None
    if piece.mode.startswith(DEEP_MODES):
        # Pillow's own convert() clips everything above 255 to white.
        values = np.asarray(piece, dtype=np.float32) * (255.0 / white)
        piece = Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))
    elif piece.has_transparency_data:
        piece = piece.convert("LA" if piece.mode in GREY_MODES else "RGBA")
        alpha = piece.getchannel("A")
    colours = _converted(piece, _opaque_mode(piece.mode))
    result = transform.apply(colours) if transform else _converted(colours, "RGB")
    if alpha is not None:
        result.paste("white", mask=ImageChops.invert(alpha))
    return result


def _converted(picture: Image.Image, mode: str) -> Image.Image:
    return picture if picture.mode == mode else picture.convert(mode)  # `convert` always copies


def _opaque_mode(mode: str) -> str:
    if mode in GREY_MODES or mode.startswith(DEEP_MODES):
        return "L"
    return mode if mode in ("CMYK", "LAB") else "RGB"


def _white(picture: Image.Image) -> float:
    """The value of white in a picture of a deep mode."""
    # Integers have sixteen bits, as in the formats that give them. For floats, it is the smallest
    # usual value that is not below the brightest pixel.
    if picture.mode != "F":
        return 65535.0
    brightest = np.asarray(picture).max()
    return next((white for white in (1.0, 255.0, 65535.0) if brightest <= white), brightest)


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    if not profile and mode != "LAB":
        return None
    try:
        source = ImageCms.ImageCmsProfile(
            BytesIO(profile) if profile else ImageCms.createProfile("LAB")
        )
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (OSError, ImageCms.PyCMSError):
        # The profile is broken, or for other channels. Like browsers, show the plain pixels.
        return None
