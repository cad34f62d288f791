"""Finds, from the shop's own pictures, at which cosines the bands of `search.bands` begin.

`limits` measures pairs of pictures and changed copies, and stores what follows from them.
"""

__all__ = ["limits"]
