"""The demand board: what shoppers search for and the catalog does not have.

Nothing is recorded unless DEMAND_DAYS says for how long.
"""

__all__ = ["board", "models", "records", "views"]
