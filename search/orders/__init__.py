"""The published tuning: the order of results that `tune_search` has put in use.

`OrderReader` tells engines which order that is; `publish` and `withdraw` change it.
"""

from search.orders.publishing import (
    OrderReader,
    PublishedOrder,
    publish,
    published,
    revision,
    withdraw,
)

__all__ = ["OrderReader", "PublishedOrder", "publish", "published", "revision", "withdraw"]
