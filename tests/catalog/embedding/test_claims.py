"""Who may work on a picture, and when again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from catalog.embedding.claims import (
    LONGEST_PAUSE,
    MAX_ATTEMPTS,
    MAX_STOPS,
    Claim,
    claim,
    give_up,
    pause,
    write_failure,
    write_vector,
)
from catalog.embedding.columns import IN_WORK, STOPPED_WORKER
from catalog.models import EmbeddingStatus, Product
from tests.conftest import MakeProduct, Picture

UNIT = np.eye(1, 1280, dtype=np.float32)[0]


@pytest.fixture
def waiting(make_product: MakeProduct, picture: Picture) -> Product:
    """A product whose picture nobody has claimed yet."""
    product = make_product(image=picture(1))
    Product.objects.filter(pk=product.pk).make_pending()
    return Product.objects.get()


def claimed(row: Product) -> Claim:
    taken = claim(row)
    assert taken is not None
    return taken


def let_lapse() -> Product:
    """The row, after the time until its next attempt has passed."""
    Product.objects.update(embedding_due_at=timezone.now())
    return Product.objects.get()


def stop_worker(times: int) -> None:
    """Claim the picture so often, and never finish."""
    for _ in range(times):
        claimed(let_lapse())
    let_lapse()


def test_claim_counts_the_attempt_and_says_so(waiting: Product) -> None:
    assert claimed(waiting).attempt == 1
    waiting.refresh_from_db()
    assert waiting.embedding_attempts == 1
    assert waiting.embedding_status == EmbeddingStatus.PENDING
    assert waiting.embedding_error == IN_WORK


def test_second_copy_of_the_row_claims_nothing(waiting: Product) -> None:
    copy = Product.objects.get()
    assert claim(waiting)
    assert claim(copy) is None
    assert not Product.objects.due().exists()


@pytest.mark.django_db(transaction=True)
def test_one_of_many_threads_gets_the_claim(waiting: Product) -> None:
    together = Barrier(4)

    def try_it(row: Product) -> bool:
        together.wait()
        try:
            return claim(row) is not None
        finally:
            connection.close()

    copies = [Product.objects.get() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(try_it, copies)) == 1
    assert Product.objects.get().embedding_attempts == 1


def test_replaced_picture_is_not_claimed_by_its_old_row(
    waiting: Product, make_product: MakeProduct, picture: Picture
) -> None:
    other = make_product(image=picture(2))
    Product.objects.filter(pk=waiting.pk).update(image=other.image.name)
    assert claim(waiting) is None


def test_claim_lapses_when_the_next_attempt_is_due(waiting: Product) -> None:
    claimed(waiting)
    assert claimed(let_lapse()).attempt == 2


def test_pauses_grow_up_to_a_bound() -> None:
    seconds = [pause(attempt).total_seconds() for attempt in range(1, MAX_ATTEMPTS + 1)]
    assert seconds[:3] == [8, 16, 32]
    assert seconds == sorted(seconds)
    assert max(seconds) == LONGEST_PAUSE


def test_last_pause_is_longer_than_a_task_may_run(settings: Any) -> None:
    """Else a picture could be given up while its third worker is still at it."""
    assert pause(MAX_STOPS) > timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT)


def test_picture_that_stopped_three_workers_is_given_up(waiting: Product) -> None:
    stop_worker(times=3)
    assert give_up(Product.objects.all()) == 1
    waiting.refresh_from_db()
    assert waiting.embedding_status == EmbeddingStatus.FAILED
    assert waiting.embedding_error == STOPPED_WORKER
    assert not Product.objects.due().exists()
    assert not Product.objects.unembedded("any").exists()


def test_picture_that_stopped_two_workers_is_tried_again(waiting: Product) -> None:
    stop_worker(times=2)
    assert give_up(Product.objects.all()) == 0
    assert Product.objects.due().exists()


def test_failed_attempts_do_not_count_as_stopped_workers(waiting: Product) -> None:
    for _ in range(4):
        write_failure(claimed(let_lapse()), "The server did not answer.", may_mend=True)
    stop_worker(times=2)
    assert give_up(Product.objects.all()) == 0
    write_failure(claimed(let_lapse()), "The server did not answer.", may_mend=True)
    stop_worker(times=2)
    assert give_up(Product.objects.all()) == 0
    stop_worker(times=1)
    assert give_up(Product.objects.all()) == 1


def test_picture_is_not_given_up_while_its_third_worker_may_live(waiting: Product) -> None:
    stop_worker(times=2)
    claimed(Product.objects.get())
    assert give_up(Product.objects.all()) == 0


def test_failure_that_may_mend_is_tried_again_but_not_for_ever(waiting: Product) -> None:
    for attempt in range(1, MAX_ATTEMPTS + 1):
        write_failure(claimed(let_lapse()), "The file is missing.", may_mend=True)
        row = Product.objects.get()
        assert (row.embedding_status, row.embedding_error) == ("failed", "The file is missing.")
        assert (row.embedding_due_at is None) == (attempt == MAX_ATTEMPTS)
    assert give_up(Product.objects.all()) == 0


def test_failure_for_good_is_not_tried_again(waiting: Product) -> None:
    write_failure(claimed(waiting), "This is not an image.")
    assert Product.objects.get().embedding_due_at is None


def test_vector_ends_the_attempts(waiting: Product) -> None:
    stop_worker(times=2)
    assert write_vector(claimed(Product.objects.get()), UNIT, "toy").status == "ready"
    row = Product.objects.get()
    assert (row.embedding_status, row.embedding_attempts, row.embedding_error) == ("ready", 0, "")
    assert row.embedding_digest == row.image.digest


def test_asking_again_forgets_what_was(waiting: Product) -> None:
    stop_worker(times=3)
    give_up(Product.objects.all())
    assert Product.objects.all().make_pending() == 1
    assert claimed(Product.objects.due().get()).attempt == 1


def test_worker_whose_claim_has_lapsed_can_not_fail_what_another_has_done(
    waiting: Product,
) -> None:
    slow = claimed(waiting)
    quick = claimed(let_lapse())
    assert write_vector(quick, UNIT, "net-1").status == EmbeddingStatus.READY
    assert write_failure(slow, "It took me too long.").status == "void"
    waiting.refresh_from_db()
    assert waiting.embedding_status == EmbeddingStatus.READY


def test_picture_with_a_vector_is_not_given_up(waiting: Product) -> None:
    write_vector(claimed(waiting), UNIT, "net-1")
    stop_worker(MAX_STOPS)
    assert give_up(Product.objects.all()) == 0


def test_claim_leaves_the_revision_alone(waiting: Product) -> None:
    claimed(waiting)
    assert Product.objects.get().revision == waiting.revision
