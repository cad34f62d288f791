"""Gets every picture its vector: the rows as a queue, and the workers that fetch and embed them.

It knows no concrete model; `rows.embedded_models` finds them.
"""

__all__ = ["batches", "claims", "columns", "downloads", "progress", "refetching"]
