"""The pictures that wait for a worker. The database is the queue, so it is asked."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone

from catalog.embedding.states import MISSING, STATES
from catalog.models import AT_ONCE, EMBEDDED_MODELS, UNREADY

OTHERS = STATES.keys() - {"ready"}


@dataclass(frozen=True)
class Queue:
    """Pictures by state, and for how long the oldest that waits has been due."""

    states: dict[str, int]  # of catalog.embedding.states
    oldest: timedelta

    @property
    def waiting(self) -> int:
        """Pictures that wait for a worker, or are in its hands."""
        return self.states["pending"]


def measure_queue() -> Queue:
    """Count all pictures, in two queries for each model; only rows that are not ready are read."""
    now = timezone.now()
    states, since = Counter(dict.fromkeys(STATES, 0)), []
    due = Q(embedding_due_at__gt=AT_ONCE, embedding_due_at__lte=now) & ~MISSING
    counts = {state: Count("pk", filter=STATES[state]) for state in OTHERS}
    for model in EMBEDDED_MODELS:
        unready = model.objects.filter(UNREADY)
        found = unready.aggregate(since=Min("embedding_due_at", filter=due), **counts)
        since.append(found.pop("since") or now)
        states.update(found, ready=model.objects.count() - sum(found.values()))
    return Queue(dict(states), now - min(since))
