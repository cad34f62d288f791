"""What staff are told about feeds: problems, and pictures that could not be fetched."""

from dataclasses import dataclass

from django.db.models import OuterRef, Q, QuerySet, Subquery

from catalog.embedding.columns import EmbeddingStatus
from catalog.models import Feed, FeedRun, Product, ProductPhoto

State = FeedRun.State


@dataclass(frozen=True)
class FailedPicture:
    """A picture of a product that has none at its address, or no readable one."""

    product_id: int
    sku: str
    address: str
    reason: str


def with_last_runs() -> QuerySet[Feed]:
    """All feeds, each with the ids of its last run, its last finished one, and of a problem."""
    runs = FeedRun.objects.filter(feed=OuterRef("pk")).order_by("-pk")
    finished = runs.filter(state=State.FINISHED)
    ended = runs.exclude(ended_at=None)
    return Feed.objects.annotate(
        last_run=Subquery(runs.values("pk")[:1]),
        last_finished=Subquery(finished.values("pk")[:1]),
        last_problem=Subquery(ended.values("problem")[:1]),
        unapproved=Subquery(finished.values("problem")[:1]),
    )


def feeds_with_problems() -> QuerySet[Feed]:
    """The feeds whose last run failed, or hid nothing and waits to be approved."""
    fine = Q(last_problem="") | Q(last_problem=None)
    waits = ~(Q(unapproved="") | Q(unapproved=None))
    return with_last_runs().filter(~fine | waits)


def failed_pictures(feed: Feed, most: int) -> tuple[list[FailedPicture], int]:
    """The pictures of a feed's products that failed, at most so many, and how many there are."""
    shown: list[FailedPicture] = []
    count = 0
    for model, owner in ((Product, ""), (ProductPhoto, "product__")):
        failed = model.objects.filter(
            **{f"{owner}feed": feed}, embedding_status=EmbeddingStatus.FAILED
        ).exclude(embedding_error="")
        count += failed.count()
        columns = (f"{owner}pk", f"{owner}sku", "image_url", "embedding_error")
        rows = failed.order_by("pk").values_list(*columns)[: most - len(shown)]
        shown += [FailedPicture(*row) for row in rows]
    return shown, count
