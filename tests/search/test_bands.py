import pytest

from search.bands import band


@pytest.mark.parametrize(
    ("score", "word"),
    [
        *((1, "exact"), (0.98, "exact"), (0.979, "very close"), (0.85, "very close")),
        *((0.849, "similar"), (0.7, "similar"), (0.699, "loosely related")),
        *((0, "loosely related"), (-1, "loosely related")),
    ],
)
def test_says_a_score_in_words(score: float, word: str) -> None:
    assert band(score) == word
