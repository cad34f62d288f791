"""What a process searches: a snapshot's files, and what the database says has changed since."""

from search.index.corpus import IndexCorpus
from search.index.live import LiveIndex

__all__ = ["IndexCorpus", "LiveIndex"]
