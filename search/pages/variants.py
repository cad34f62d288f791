"""The variants of a product: its group as one card of a list, and what tells them apart."""

from collections import Counter
from collections.abc import Collection

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Coalesce

from catalog.models import Availability, Product

MOST_TELLING = ("colour", "size", "material")  # the attributes that tell variants apart, if any do
MAX_SHOWN = 60  # variants on a product's page; a link leads to all of them


def first_of_groups(products: QuerySet[Product]) -> QuerySet[Product]:
    """These products, but of each group only the first one in stock, or else the first.

    The groups are found by the index of their column, so that the order of the list may be any.
    """
    in_stock = Min("pk", filter=Q(availability=Availability.IN_STOCK))
    groups = products.exclude(group="").order_by().values("group")
    first = groups.annotate(first=Coalesce(in_stock, Min("pk"))).values("first")
    return products.filter(Q(group="") | Q(pk__in=first))


def count_more(shown: Collection[Product], products: QuerySet[Product]) -> dict[int, int]:
    """How many more of these products each shown one has in its group, by the shown one's id."""
    groups = {product.group for product in shown if product.group}
    if not groups:
        return {}
    counted = products.filter(group__in=groups).order_by().values("group")
    counts = dict(counted.annotate(count=Count("pk")).values_list("group", "count"))
    return {each.pk: counts[each.group] - 1 for each in shown if each.group in counts}


def variants_of(product: Product) -> list[Product]:
    """The active products of its group, itself among them; none if it is the only one."""
    if not product.group:
        return []
    variants = list(Product.objects.filter(active=True, group=product.group)[:MAX_SHOWN])
    return variants if len(variants) > 1 else []


def labels_of(products: Collection[Product]) -> dict[int, str]:
    """Few words that tell these variants apart, beside their names, by id.

    They are the texts of as few attributes as that takes, or else the SKU; "" where the name
    suffices.
    """
    names = dict.fromkeys((*MOST_TELLING, *sorted({n for p in products for n in p.attributes})))
    texts: dict[int, list[str]] = {product.pk: [] for product in products}
    for name in names:
        longer = {p.pk: [*texts[p.pk], p.attributes.get(name, "")] for p in products}
        if len(set(map(tuple, longer.values()))) > len(set(map(tuple, texts.values()))):
            texts = longer
    labels = {pk: ", ".join(filter(None, label)) for pk, label in texts.items()}
    taken = Counter((product.name, labels[product.pk]) for product in products)
    for product in products:
        if taken[product.name, labels[product.pk]] > 1:
            labels[product.pk] = f"{labels[product.pk]} {product.sku}".strip()
    return labels
