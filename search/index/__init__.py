"""The vectors of the catalog in memory: a snapshot's files, and the rows that changed since.

`LiveIndex` follows the database; its `corpus()` is the catalog at one moment.
"""

from search.index.corpus import IndexCorpus
from search.index.live import LiveIndex, generation_of, pause_after

__all__ = ["IndexCorpus", "LiveIndex", "generation_of", "pause_after"]
