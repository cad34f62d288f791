import pytest

from search.evaluation.tables import Outcome, tables, worst


def outcome(product: int, group: str, value: float, *, order: str = "plain") -> Outcome:
    return Outcome(order, product, group, {"first": value}, found=[7, 8])


OUTCOMES = [
    *(outcome(1, "mirrored", 1), outcome(1, "cropped", 0), outcome(2, "mirrored", 1)),
    outcome(1, "mirrored", 0, order="tuned"),
]


def test_tables_have_the_means_of_each_order_and_group() -> None:
    found = tables(OUTCOMES, 0)
    assert list(found) == ["plain", "tuned"]
    groups = {name: figures["first"].mean for name, figures in found["plain"].groups.items()}
    assert groups == {"mirrored": 1, "cropped": 0}
    assert found["tuned"].total["first"].mean == 0


def test_total_counts_products_and_not_their_photos() -> None:
    total = tables(OUTCOMES, 0)["plain"].total["first"]
    assert (total.mean, total.count) == (pytest.approx((0.5 + 1) / 2), 2)


def test_worst_products_come_first_and_faultless_ones_never() -> None:
    bad = [outcome(3, "cropped", 0), *OUTCOMES[:3]]
    found = worst(bad, "first", 5)
    assert [(each.product, each.value, each.groups) for each in found] == [
        (3, 0, ["cropped"]),
        (1, 0.5, ["cropped"]),
    ]
    assert found[0].found == [7, 8]
    assert [each.product for each in worst(bad, "first", 1)] == [3]


def test_nothing_makes_no_table() -> None:
    assert tables([], 0) == {}
    assert worst([], "first", 5) == []
