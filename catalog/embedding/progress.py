"""How far the embedding of the catalog has come."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone

from catalog.embedding.states import STATES, current_identity
from catalog.models import EMBEDDED_MODELS, EmbeddedPicture, EmbeddingStatus, Product, ProductPhoto

RECENTLY = timedelta(minutes=1)


@dataclass(frozen=True)
class Progress:
    """Counts of pictures, and how fast they come to have the vectors that are wanted."""

    wanted: str  # the present embedder's identity, "" while it is not prepared
    products: dict[str, int]  # their own pictures, by state
    photos: dict[str, int]  # their further photos
    embedders: dict[str, int]  # vectors by identity
    rate: float  # pictures a second, over the last minute

    @property
    def states(self) -> list[tuple[str, int, int]]:
        """State, products, photos."""
        return [(state, count, self.photos[state]) for state, count in self.products.items()]

    @property
    def done(self) -> int:
        """Pictures with a vector of the present embedder."""
        return self.embedders.get(self.wanted, 0)

    @property
    def left(self) -> int:
        """Pictures that wait for one; those that failed are not among them."""
        pending = self.products["pending"] + self.photos["pending"]
        return pending + sum(self.embedders.values()) - self.done

    @property
    def seconds_left(self) -> float | None:
        """How long that takes at this rate; None while nothing moves."""
        return self.left / self.rate if self.rate else None


def measure_progress() -> Progress:
    """Count all pictures, in three queries for each model."""
    return Progress(
        wanted=current_identity(),
        products=_count_states(Product),
        photos=_count_states(ProductPhoto),
        embedders=_count_embedders(),
        rate=_rate(),
    )


def _count_states(model: type[EmbeddedPicture]) -> dict[str, int]:
    counts = {name: Count("pk", filter=condition) for name, condition in STATES.items()}
    found: dict[str, int] = model.objects.aggregate(**counts)
    return found


def _count_embedders() -> dict[str, int]:
    counts: Counter[str] = Counter()
    for model in EMBEDDED_MODELS:
        ready = model.objects.filter(embedding_status=EmbeddingStatus.READY).order_by()
        counts.update(dict(ready.values_list("embedder").annotate(Count("pk"))))
    return dict(counts)


def _rate() -> float:
    """Pictures a second since the first of the last minute."""
    now = timezone.now()
    recent = Q(embedded_at__gte=now - RECENTLY)
    found = [
        model.objects.filter(recent).aggregate(count=Count("pk"), first=Min("embedded_at"))
        for model in EMBEDDED_MODELS
    ]
    first = min((row["first"] for row in found if row["first"]), default=now)
    seconds = max(1.0, (now - first).total_seconds())
    rate: float = sum(row["count"] for row in found) / seconds
    return rate
