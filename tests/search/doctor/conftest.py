"""How a catalog is examined in these tests, and what it is made of."""

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image, ImageFilter

from catalog.serving import serving_embedder
from search.doctor.examination import Examination, examine
from search.doctor.models import Finding, State
from tests.conftest import FIXTURES

Examine = Callable[..., Examination]

DEMO = sorted((FIXTURES / "images").glob("*.jpg"))


@pytest.fixture
def look(db: None) -> Examine:
    """Examines the catalog as a worker does."""
    return lambda **options: examine(serving_embedder(), **options)


def demo(number: int) -> Image.Image:
    """The picture of a demo product, from 0."""
    with Image.open(DEMO[number]) as picture:
        return picture.convert("RGB")


def encoded(picture: Image.Image, quality: int = 92) -> bytes:
    output = BytesIO()
    picture.save(output, "JPEG", quality=quality)
    return output.getvalue()


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(4))


def tiny(picture: Image.Image) -> Image.Image:
    return picture.resize((160, 160))


def open_findings(kind: str) -> set[frozenset[str]]:
    """The names of the products of each open finding of a kind."""
    findings = Finding.objects.filter(kind=kind, state=State.OPEN)
    return {
        frozenset(finding.subjects.values_list("product__name", flat=True)) for finding in findings
    }
