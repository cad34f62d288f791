"""Colours as #rrggbb: their contrast, and how to reach more of it."""

from collections.abc import Iterable
from colorsys import hls_to_rgb, rgb_to_hls

STEPS = 200  # of lightness, from black to white


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def mixed(colour: str, other: str, share: float) -> str:
    """The second colour with a share (0 to 1) of the first."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return _hex(share * one + (1 - share) * two for one, two in pairs)


def shades(colour: str, *, lighter: bool) -> Iterable[str]:
    """The colour itself, then its hue in steps up to white or down to black."""
    hue, lightness, saturation = rgb_to_hls(*_channels(colour))
    yield colour
    for step in range(1, STEPS + 1):
        moved = lightness + step / STEPS if lighter else lightness - step / STEPS
        yield _hex(hls_to_rgb(hue, min(max(moved, 0), 1), saturation))


def _luminance(colour: str) -> float:
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
        for each in _channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def _hex(channels: Iterable[float]) -> str:
    return "#" + "".join(f"{round(255 * each):02x}" for each in channels)
