from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.embedders import EmbedderUnavailable
from catalog.embedders.runtime import Embedder
from catalog.serving import serving_embedder
from search.datasets.copies import Copies, changed_copies, joined
from search.datasets.examples import Examples, examples_of
from search.engines import corpus_for
from search.orders.publishing import publish, withdraw
from search.tuning.calibration import calibrated
from search.tuning.choice import STRENGTHS, NotBetter, choose
from search.tuning.learning import NotEnoughToLearn, learn, learnable
from search.tuning.reports import lines, report
from search.tuning.validation import tried


class Command(BaseCommand):
    help = (
        "Learn from the catalog's categories what shall order the results, and put it in use if "
        "more of the first results are then of the same kind and products are found as well as "
        "before, both measured on products and photos that it was not learned from. If not, the "
        "results stay as they are, and the exit status is 1. Run it again when the catalog has "
        "changed much. Scores and thresholds keep their meaning."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--off", action="store_true", help="go back to the order by score")
        parser.add_argument("--dry-run", action="store_true", help="measure, but change nothing")

    def handle(self, *args: Any, off: bool, dry_run: bool, **options: Any) -> None:
        try:
            embedder = serving_embedder()
            if off:
                self._switch_off(embedder)
            else:
                self._tune(embedder, is_trial=dry_run)
        except (EmbedderUnavailable, NotEnoughToLearn, NotBetter) as error:
            raise CommandError(str(error)) from error

    def _switch_off(self, embedder: Embedder) -> None:
        was_on = withdraw(embedder.identity)
        self.stdout.write(f"the results {'are ordered' if was_on else 'were ordered'} by score")

    def _tune(self, embedder: Embedder, *, is_trial: bool) -> None:
        examples = examples_of(corpus_for(embedder.identity, embedder.dim))
        learned = len(learnable(examples))
        products = len(examples.starts)
        self.stdout.write(f"{products} products; {learned} categories can be learned")
        copies = _copies(examples, embedder)
        trial = tried(examples, copies, STRENGTHS)
        for line in lines(trial.measures):
            self.stdout.write(line)
        best = choose(trial.measures, copies.changes)
        if is_trial:
            self.stdout.write(f"strength {best.strength} is the best; nothing was changed")
            return
        tuning = learn(examples, copies.shifts)
        tuning = calibrated(tuning, trial.temperature, strength=best.strength)
        publish(embedder.identity, tuning, report(trial, best, copies))
        self.stdout.write(f"in use from now on: strength {best.strength}")


def _copies(examples: Examples, embedder: Embedder) -> Copies:
    """Changed copies of some products' photos. Raises NotEnoughToLearn where none can be read."""
    parts = changed_copies(examples, embedder)
    copies = joined(list(tqdm(parts, "changing photos", unit=" photos")), embedder.dim)
    if not len(copies.products):
        raise NotEnoughToLearn("None of the products' photos can be read.")
    return copies
