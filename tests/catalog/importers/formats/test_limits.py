"""What formats keep of some rows for others has a limit, whatever a file has in its cells."""

from collections.abc import Callable, Iterable, Iterator

import pytest

from catalog.importers import InvalidCatalogFile
from catalog.importers.formats import magento, woocommerce
from catalog.importers.formats.contract import Draft

LONG = "x" * 2000
CONFIGURABLE = {"sku": LONG, "variations": f"sku={LONG},color={LONG}"}
VARIABLE = dict.fromkeys(("sku", "name", "category", "image_url", "brand", "link"), LONG)


@pytest.mark.parametrize(
    ("products", "texts"),
    [(magento.products, CONFIGURABLE), (woocommerce.products, {**VARIABLE, "type": "variable"})],
)
def test_refuses_to_keep_too_much(
    products: Callable[[Iterable[Draft]], Iterator[Draft]], texts: dict[str, str]
) -> None:
    with pytest.raises(InvalidCatalogFile, match="Export it in parts"):
        next(products([Draft(2, texts)] * 50_000))
