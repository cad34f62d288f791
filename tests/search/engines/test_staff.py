"""What staff use works with pgvector as it does with files."""

import pytest

from tests.search.calibration.test_calibration import (  # noqa: F401
    test_building_calibrates_a_catalog_and_not_again_until_it_has_doubled,
)
from tests.search.catalog_map.test_maps import (  # noqa: F401
    drawn,
    mugs,
    test_map_has_a_place_for_every_product,
    test_products_that_stay_keep_their_places,
)
from tests.search.datasets.test_copies import (  # noqa: F401
    test_examples_are_all_pictures_that_are_searched,
)
from tests.search.doctor.conftest import look  # noqa: F401
from tests.search.doctor.test_examination import (  # noqa: F401
    test_finds_it_among_the_further_photos,
    test_finds_one_picture_on_two_products,
    test_new_product_is_found_with_those_that_were_there,
    twins,
)
from tests.search.evaluation.test_report import (  # noqa: F401
    products,
    test_finds_the_products_of_changed_photos,
    test_product_that_is_not_found_is_named_with_those_before_it,
    test_same_kind_is_what_sorting_all_others_says,
    test_shares_of_the_bands_are_those_of_all_pairs,
    test_tuned_order_has_learned_nothing_of_what_is_asked,
)

pytestmark = pytest.mark.parametrize("engine", ["pgvector"], indirect=True)


@pytest.fixture(autouse=True)
def _engine(engine: str) -> None:
    """Every test of this module, for which the parameter above chooses the engine."""
