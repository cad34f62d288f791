"""What a process searches: a snapshot's files, and what the database says has changed since."""

from search.index.live import LiveIndex, live_index

__all__ = ["LiveIndex", "live_index"]
