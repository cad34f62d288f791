"""The shop's accent colour as a style sheet: readable in light and in dark, whatever it is."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from search.branding.colours import contrast, mixed, shades

TEXT, MARK = 4.5, 3.0  # the contrast that WCAG 2.2 asks of text, and of controls
SOFT = 0.12  # share of the accent in the soft colour behind what is chosen


@dataclass(frozen=True)
class Surroundings:
    """The colours of `pages.css` beside the accent, in light or in dark."""

    paper: str  # text in the accent stands on this one and the next two
    raised: str
    sunken: str
    line: str  # bars and outlines in the accent stand on this one
    on_accent: str  # text on the accent; its contrast is at least that of the accent on `paper`
    is_dark: bool


LIGHT = Surroundings("#f7f7f4", "#ffffff", "#ecece7", "#dcdcd5", "#ffffff", is_dark=False)
DARK = Surroundings("#131514", "#1c1f1e", "#232726", "#303533", "#0c1214", is_dark=True)


@dataclass(frozen=True)
class Variant:
    """The accent for light or for dark pages, and the two colours that go with it."""

    accent: str
    soft: str
    on_accent: str


@dataclass(frozen=True)
class Accent:
    """Both variants of an accent colour."""

    light: Variant
    dark: Variant

    @property
    def style_sheet(self) -> str:
        """Sets the custom properties of the pages' colours."""
        return (
            f":root{{{_properties(self.light)}}}\n"
            f"@media (prefers-color-scheme:dark){{:root{{{_properties(self.dark)}}}}}\n"
        )

    @property
    def digest(self) -> str:
        """For the style sheet's address, which changes with it."""
        return sha256(self.style_sheet.encode()).hexdigest()[:12]


@lru_cache(maxsize=4)
def accent_of(colour: str) -> Accent:
    """The variants of a colour: itself where it can be read, else the nearest shade that can."""
    return Accent(_variant(colour, LIGHT), _variant(colour, DARK))


def contrast_of(colour: str, surroundings: Surroundings) -> float:
    """The lowest contrast of text in this colour with what is behind it."""
    soft = _soft(colour, surroundings)
    behind = (surroundings.paper, surroundings.raised, surroundings.sunken, soft)
    return min(contrast(colour, each) for each in behind)


def _variant(colour: str, surroundings: Surroundings) -> Variant:
    shade = next(
        each
        for each in shades(colour, lighter=surroundings.is_dark)
        if contrast_of(each, surroundings) >= TEXT and contrast(each, surroundings.line) >= MARK
    )
    return Variant(shade, _soft(shade, surroundings), surroundings.on_accent)


def _soft(colour: str, surroundings: Surroundings) -> str:
    return mixed(colour, surroundings.raised, SOFT)


def _properties(variant: Variant) -> str:
    return f"--accent:{variant.accent};--accent-soft:{variant.soft};--on-accent:{variant.on_accent}"
