"""Turning every pixel mode and colour profile into plain 8-bit sRGB."""

from collections.abc import Callable
from functools import partial
from io import BytesIO

import numpy as np
from PIL import Image, ImageChops, ImageCms

_DEEP = ("I", "F")  # also "I;16", "I;16B", ...: greys of more than eight bits
_GREY = ("1", "L", "LA", "La")


def srgb_converter(picture: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Return a function that turns `picture`, or a piece cropped from it, into sRGB mode "RGB".

    Transparent pixels are laid on white, whatever colour hides under them. An embedded profile is
    honoured where it can be read and fits the pixels; otherwise they are taken as sRGB.
    """
    white = _white(picture) if picture.mode.startswith(_DEEP) else 1.0
    profile = picture.info.get("icc_profile")
    return partial(_to_srgb, white=white, transform=_transform(profile, _opaque_mode(picture.mode)))


def _to_srgb(
    piece: Image.Image, *, white: float, transform: ImageCms.ImageCmsTransform | None
) -> Image.Image:
    alpha = None
    if piece.mode.startswith(_DEEP):
        piece = _eight_bit(piece, white)
    elif piece.has_transparency_data:
        piece = piece.convert("LA" if piece.mode in _GREY else "RGBA")
        alpha = piece.getchannel("A")
    colours = _converted(piece, _opaque_mode(piece.mode))
    result = transform.apply(colours) if transform else _converted(colours, "RGB")
    if alpha is not None:
        result.paste("white", mask=ImageChops.invert(alpha))
    return result


def _converted(picture: Image.Image, mode: str) -> Image.Image:
    return picture if picture.mode == mode else picture.convert(mode)  # which always copies


def _opaque_mode(mode: str) -> str:
    if mode in _GREY or mode.startswith(_DEEP):
        return "L"
    return mode if mode in ("CMYK", "LAB") else "RGB"


def _white(picture: Image.Image) -> float:
    # Integers span sixteen bits, as the formats that yield them do. Floats say nothing about
    # themselves: the usual scale that holds the brightest pixel is theirs.
    if picture.mode != "F":
        return 65535.0
    brightest = np.asarray(picture).max()
    return next((white for white in (1.0, 255.0, 65535.0) if brightest <= white), brightest)


def _eight_bit(grey: Image.Image, white: float) -> Image.Image:
    # Pillow's own convert() clips everything above 255 to white.
    values = np.asarray(grey, dtype=np.float32) * (255.0 / white)
    return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))


def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    if not profile and mode != "LAB":
        return None
    try:
        source = ImageCms.ImageCmsProfile(
            BytesIO(profile) if profile else ImageCms.createProfile("LAB")
        )
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (OSError, ImageCms.PyCMSError):
        # A broken profile, or one for other channels than the picture has: browsers, too, then
        # show the plain pixels.
        return None
