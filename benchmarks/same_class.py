"""How many of the ten nearest products are of the query photo's class?

    EMBEDDER=efficientnet_lite0 python benchmarks/same_class.py GALLERY QUERIES

Both are folders with a folder of photos for each class. The gallery is imported as a catalog
into a folder that is thrown away, and each query photo is asked as a shopper would.
"""

import csv
import os
import sys
import tempfile
from pathlib import Path

from shop import enter, new_shop

TOP = 10


def main(gallery: Path, queries: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        embedder = os.environ.get("EMBEDDER", "efficientnet_lite0")
        enter(new_shop(Path(folder), EMBEDDER=embedder))
        _import_catalog(gallery, Path(folder) / "products.csv")
        shares = [_share(photo) for photo in sorted(queries.glob("*/*"))]
    print(f"{sum(shares) / len(shares):.4f} of the top {TOP}, mean over {len(shares)} photos")


def _import_catalog(gallery: Path, file: Path) -> None:
    from django.core.management import call_command

    with file.open("w", newline="") as output:
        rows = csv.writer(output)
        rows.writerow(["id", "name", "category", "image_url", "price"])
        for photo in sorted(gallery.resolve().glob("*/*")):
            rows.writerow([photo.stem, photo.stem, photo.parent.name, photo, "1.00"])
    call_command("import_products", file)
    call_command("build_embeddings")


def _share(photo: Path) -> float:
    from catalog.serving import serving_embedder
    from search.queries.query import query_by_photo
    from search.service import Options, search

    query = query_by_photo(photo.read_bytes(), serving_embedder())
    matches = search(query, Options(threshold=0.0, limit=TOP)).matches
    return sum(match.product.category.name == photo.parent.name for match in matches) / TOP


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
