from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.embedders import EmbedderUnavailable
from catalog.embedders.runtime import Embedder
from catalog.serving import serving_embedder
from search.datasets.copies import changed_copies, joined
from search.datasets.examples import examples_of
from search.engines import corpus_for
from search.orders.publishing import publish, withdraw
from search.tuning.choice import STRENGTHS, NotBetter, choose, lines
from search.tuning.learning import NotEnoughToLearn, learn, learnable, scaled
from search.tuning.validation import tried

COPIED_PRODUCTS = 100  # whose photos are changed


class Command(BaseCommand):
    help = (
        "Learn from the catalog's categories how to order the results, and use the new order if it "
        "is better: more of the first results are of the same kind, and products are still found. "
        "Both are measured on products and photos held out. Otherwise the results stay as they "
        "are, and the exit status is 1. Run it again when the catalog has changed much. Scores and "
        "thresholds keep their meaning."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--off", action="store_true", help="go back to the order by score")
        parser.add_argument("--dry-run", action="store_true", help="measure, but change nothing")

    def handle(self, *args: Any, off: bool, dry_run: bool, **options: Any) -> None:
        try:
            embedder = serving_embedder()
            if off:
                was_on = withdraw(embedder.identity)
                were = "are" if was_on else "were already"
                self.stdout.write(f"the results {were} ordered by score")
            else:
                self._tune(embedder, is_trial=dry_run)
        except (EmbedderUnavailable, NotEnoughToLearn, NotBetter) as error:
            raise CommandError(str(error)) from error

    def _tune(self, embedder: Embedder, *, is_trial: bool) -> None:
        examples = examples_of(corpus_for(embedder.identity, embedder.dim))
        learned, products = len(learnable(examples)), len(examples.starts)
        self.stdout.write(f"{products} products; {learned} categories can be learned")
        parts = changed_copies(examples.some_products(COPIED_PRODUCTS), embedder)
        copies = joined(tqdm(parts, "changing photos", unit=" photos"), embedder.dim)
        if not len(copies.products):
            raise NotEnoughToLearn("None of the products' photos can be read.")
        trial = tried(examples, copies, STRENGTHS)
        for line in lines(trial.measures):
            self.stdout.write(line)
        best = choose(trial.measures, copies.changes)
        if is_trial:
            self.stdout.write(f"strength {best.strength} is the best; nothing was changed")
            return
        tuning = learn(examples, copies.shifts)
        publish(embedder.identity, scaled(tuning, trial.temperature, strength=best.strength))
        self.stdout.write(f"in use from now on: strength {best.strength}")
