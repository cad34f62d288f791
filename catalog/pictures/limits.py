"""Which pictures the shop takes, wherever they come from."""

from django.conf import settings

from catalog.pictures.gate import ImageLimits

FORMATS = ImageLimits().formats


def image_limits() -> ImageLimits:
    """What the settings say. Raises ModuleNotFoundError where HEIF lacks its package."""
    return ImageLimits(
        bytes=int(settings.MAX_IMAGE_MB * 2**20),
        pixels=int(settings.MAX_IMAGE_MEGAPIXELS * 1_000_000),
        formats=(*FORMATS, "HEIF") if settings.HEIF else FORMATS,
    )
