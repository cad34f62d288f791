"""What search keeps in the database; each package has its own models."""

from search.bands.models import Calibration
from search.demand.models import Salt, Searched
from search.doctor.models import Examined, Finding, Subject
from search.engines.models import SearchVector
from search.evaluation.models import Evaluation
from search.orders.models import PublishedTuning

__all__ = [
    "Calibration",
    "Evaluation",
    "Examined",
    "Finding",
    "PublishedTuning",
    "Salt",
    "SearchVector",
    "Searched",
    "Subject",
]
